"""References for conformance checks: the expression as written in mpmath, its rounding errors, jumps, and expectations.

None of this uses the pieces, derivatives or coefficients that bigtheta derives, except `rounding_bound`, which asks how
accurately the derived formula can be evaluated at all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
import sympy

from bigtheta.theory.activation import Activation, u

__all__ = ["Reference", "normal_expectation", "rounding_bound", "scan_for_jumps"]

Expr = Any
Array = npt.NDArray[np.float64]
_DIGITS = 80
_STEP = mpmath.mpf(10) ** -20


def _softplus(x: Any) -> Any:
    return mpmath.log1p(mpmath.exp(-abs(x))) + max(x, 0)


def _heaviside(x: Any, at_zero: Any = 0.5) -> Any:
    return mpmath.mpf(x > 0) if x != 0 else mpmath.mpf(at_zero)


_MPMATH = [{"Softplus": _softplus, "Heaviside": _heaviside}, "mpmath"]
_NUMPY = [{"Softplus": lambda x: np.logaddexp(0.0, x)}, "scipy", "numpy"]


class Reference:
    """phi to 80 digits, from its expression; derivatives by differences with a step of 10^-20.

    >>> from bigtheta.theory.catalogue import activation
    >>> mpmath.nstr(Reference(activation("relu")).central(2.0, 1), 15)
    '1.0'
    """

    def __init__(self, act: Activation) -> None:
        self.act = act
        self._function = sympy.lambdify(u, act.expression, modules=_MPMATH)
        self._divides = any(p.exp.is_number and p.exp.is_negative for p in act.expression.atoms(sympy.Pow))

    def __call__(self, x: Any) -> Any:
        """Return phi(x); where the formula is 0/0, its mean on both sides."""
        with mpmath.workdps(_DIGITS):
            x = mpmath.mpf(x)
            if not self._divides:
                return mpmath.mpf(self._function(x))
            digits = _DIGITS
            value = self._near(x, digits)
            while digits < 16 * _DIGITS:  # quotients of small numbers lose digits
                digits *= 2
                value, before = self._near(x, digits), value
                if abs(value - before) <= mpmath.mpf(10) ** -(_DIGITS - 5) * abs(value):
                    break
            return +value

    def _near(self, x: Any, digits: int) -> Any:
        with mpmath.workdps(digits):
            try:
                return mpmath.mpf(self._function(x))
            except ZeroDivisionError:
                gap = mpmath.mpf(10) ** (-digits // 8)
                return (mpmath.mpf(self._function(x - gap)) + mpmath.mpf(self._function(x + gap))) / 2

    def central(self, x: float, order: int) -> Any:
        """Return the central difference of order 1 or 2, for phi' and phi'' off the kinks."""
        with mpmath.workdps(_DIGITS):
            left, right = self(x - _STEP), self(x + _STEP)
            return (right - left) / (2 * _STEP) if order == 1 else (right - 2 * self(x) + left) / _STEP**2

    def sides(self, points: Sequence[float], order: int) -> tuple[list[Any], Any]:
        """Return phi^(order) (0, 1 or 2) left and right of each point, and phi there for order 0; and an error bound.

        The bound is of the order of the change between two step sizes.
        """
        with mpmath.workdps(_DIGITS):
            found, error = [], mpmath.mpf(0)
            for x in points:
                found += [self(x)] if order == 0 else []
                for h in (-_STEP, _STEP):
                    fine, coarse = self._forward(x, order, h), self._forward(x, order, 3 * h)
                    error = max(error, 4 * abs(fine - coarse), self.error(x))
                    found.append(fine)
            return found, error

    def _forward(self, x: float, order: int, h: Any) -> Any:
        a, b, c = (self(x + i * h) for i in (1, 2, 3))
        return (a, (b - a) / h, (c - 2 * b + a) / h**2)[order]

    def error(self, x: float) -> Any:
        """Bound the absolute error of `central`: what 80 digits leave after division by the step squared."""
        with mpmath.workdps(_DIGITS):
            return mpmath.mpf(10) ** -35 * (1 + abs(mpmath.mpf(x)) + abs(self(x)))


def rounding_bound(act: Activation, order: int, x: float, epsilon: float) -> Any:
    """Bound the rounding error of phi^(order)(x), evaluated node by node, each operation right to a few `epsilon`.

    To first order: a running error analysis over the tree of the formula that is evaluated at x; inf at a pole.

    >>> from bigtheta.theory.catalogue import activation
    >>> float(rounding_bound(activation("cubic"), 0, 2.0, 1e-7)) < 1e-5
    True
    """
    index = sum(x >= float(kink) for kink in act.kinks)
    with mpmath.workdps(_DIGITS):
        try:
            return _running(act.derivative(order)[index].expression, mpmath.mpf(x), mpmath.mpf(epsilon))[1]
        except ZeroDivisionError:
            return mpmath.inf


def _running(e: Expr, x: Any, epsilon: Any) -> tuple[Any, Any]:
    """The value of a node and a bound of its error."""
    if e == u:
        return x, mpmath.mpf(0)
    if e.is_number:
        value = mpmath.mpf(sympy.N(e, 40))
        return value, epsilon * abs(value)
    parts = [_running(argument, x, epsilon) for argument in e.args]
    values = [value for value, _ in parts]
    if e.is_Add:
        size = sum(map(abs, values))
        return sum(values), sum(error for _, error in parts) + len(parts) * epsilon * size
    if e.is_Mul:
        value, error = mpmath.mpf(1), mpmath.mpf(0)
        for factor, own in parts:
            value, error = value * factor, abs(factor) * error + (abs(value) + error) * own
        return value, error + len(parts) * epsilon * abs(value)
    function = _node(e.func)
    value = function(*values)
    error = 4 * epsilon * abs(value)
    for i, (argument, own) in enumerate(parts):
        if own == 0 or (e.is_Pow and i == 1 and e.exp.is_number):
            continue
        for moved in (argument - own, argument + own):
            if e.is_Pow and i == 0 and not e.exp.is_integer:
                moved = max(moved, mpmath.mpf(0))
            try:
                error += abs(function(*values[:i], moved, *values[i + 1 :]) - value)
            except (ZeroDivisionError, ValueError):
                error = mpmath.inf
    return value, error


@lru_cache(maxsize=64)
def _node(kind: Any) -> Callable[..., Any]:
    """One function of SymPy in mpmath."""
    if kind is sympy.Pow:
        return lambda base, exponent: base**exponent
    symbol = sympy.Dummy(real=True)
    function: Callable[..., Any] = sympy.lambdify(symbol, kind(symbol), modules=_MPMATH)
    return function


def scan_for_jumps(reference: Reference, known: Sequence[float], *, reach: float = 30.0) -> list[tuple[float, str]]:
    """Return where phi or phi' jumps on [-reach, reach] without being known.

    Windows are halved around what varies most. Around a jump of phi, max - min does not shrink with the window; around
    a jump of phi', the change of slope does not; where phi is smooth both shrink in proportion. A search in float64
    down to 10^-5 gives candidates, one in 80 digits down to 10^-12 decides.

    >>> from bigtheta.theory.catalogue import activation
    >>> [(round(at, 4), what) for at, what in scan_for_jumps(Reference(activation("hardtanh")), [1.0])]
    [(-1.0, "phi'")]
    """
    rough = _vectorised(reference.act)
    middles = np.arange(-reach, reach, 0.05) + 0.0123
    middles, rises, bends = _narrow(rough, middles, 0.1, 13)
    size = 1e-9 * (1 + np.abs(rough(middles)))
    candidates = ((rises[-1] > 0.3 * rises[-7]) & (rises[-1] > size)) | (
        (bends[-1] > 0.3 * bends[-7]) & (bends[-1] > 1e3 * size)
    )
    exact = np.frompyfunc(reference, 1, 1)
    found: list[tuple[float, str]] = []
    for start in middles[candidates]:
        if any(abs(start - place) < 1e-3 for place in (*known, *(at for at, _ in found))):
            continue
        with mpmath.workdps(_DIGITS):
            at, rises, bends = _narrow(exact, np.array([mpmath.mpf(start)]), mpmath.mpf(10) ** -4, 26)
            jump = bool(rises[-1][0] > 0.3 * rises[-7][0] > 0)
            if jump or bends[-1][0] > 0.3 * bends[-7][0] > 0:
                found.append((float(at[0]), "phi" if jump else "phi'"))
    return found


def _narrow(
    function: Callable[[Any], Any], middles: Any, width: Any, halvings: int
) -> tuple[Any, list[Any], list[Any]]:
    """Halve windows around where the function varies most; the last middles, and each rise and change of slope."""
    rises, bends = [], []
    for _ in range(halvings):
        shifts = middles[:, None] + width * np.array([-1, 0, 1])[None, :] / 4
        width = width / 2
        values = [function(shifts + width * i / 4) for i in (-2, -1, 0, 1, 2)]
        steps = [after - before for before, after in itertools.pairwise(values)]
        rise = np.maximum.reduce(values) - np.minimum.reduce(values)
        bend = np.maximum.reduce([abs(after - before) for before, after in itertools.pairwise(steps)]) * 4 / width
        best = np.argmax(rise / width + bend, axis=1)[:, None]
        middles, rise, bend = (np.take_along_axis(table, best, 1)[:, 0] for table in (shifts, rise, bend))
        rises.append(rise)
        bends.append(bend)
    return middles, rises, bends


def normal_expectation(
    act: Activation,
    kinks: Sequence[float],
    *,
    hermite: int = 0,
    square_of: Callable[[Array], Array] | None = None,
) -> tuple[float, float]:
    """Return E[phi(G) h_j(G)], h_j the orthonormal Hermite polynomial, and an error estimate.

    Gauss-Legendre on [-38, 38], 30 points in each of 608 panels, cut at the kinks; the error from half as many.

    Args:
        square_of: the expectation of the square of this function instead.

    >>> from bigtheta.theory.catalogue import activation
    >>> round(normal_expectation(activation("relu"), [0.0], hermite=1)[0], 12)
    0.5
    """
    function = square_of or _vectorised(act)
    sums = []
    for panels in (304, 608):
        edges = np.unique(np.concatenate([np.linspace(-38.0, 38.0, panels + 1), [k for k in kinks if abs(k) < 38]]))
        nodes, weights = np.polynomial.legendre.leggauss(30)
        half = np.diff(edges)[:, None] / 2
        x = ((edges[:-1, None] + edges[1:, None]) / 2 + half * nodes[None, :]).ravel()
        root = np.exp(-x * x / 4) / (2 * np.pi) ** 0.25  # the square root of the density
        before, now = np.zeros_like(x), np.ones_like(x)
        for j in range(hermite):
            before, now = now, (x * now - np.sqrt(j) * before) / np.sqrt(j + 1)
        first = function(x) * root
        integrand = (half * weights[None, :]).ravel() * first * (first if square_of else now * root)
        sums.append((float(integrand.sum()), float(np.abs(integrand).sum())))
    (coarse, _), (fine, size) = sums
    return fine, 1e-11 * (1 + size) + 10 * abs(fine - coarse)


def _vectorised(act: Activation) -> Callable[[Array], Array]:
    function = sympy.lambdify(u, act.expression, modules=_NUMPY)

    def evaluate(x: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.broadcast_to(np.asarray(function(x), dtype=np.float64), x.shape)

    return evaluate
