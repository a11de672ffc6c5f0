"""Hermite coefficients mu_j = E[phi(G) He_j(G)] / sqrt(j!), G ~ N(0, 1), of an activation.

Two routes, of distinct result types. `Exact`: a SymPy number, where parity or a polynomial gives it. `Estimated`: a
number with an error estimate: in float64, Gauss-Legendre panels split at the kinks, all orders at once by the
normalised recurrence; to more digits, mpmath quadrature of each order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
import sympy

from bigtheta.theory.activation import Activation, Parity, u
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import InvalidInputError, whole_number

__all__ = [
    "Estimated", "Exact", "coefficients", "gaussian_moment", "hermite", "scaled_coefficients", "scaled_moment",
]  # fmt: skip

FLOAT_DIGITS = 13
MAX_ORDER = 1_000
_REACH = 38.0  # e^{-38^2/4} < 1e-156: nothing is left of the Gaussian beyond it
_PANEL, _NODES = 0.5, 24
_MPMATH = {"Softplus": lambda x: mpmath.log1p(mpmath.exp(x))}


@dataclass(frozen=True)
class Exact:
    """A number known exactly, as a SymPy expression."""

    expression: Any

    @property
    def value(self) -> float:
        """The number in float64."""
        return float(self.expression)

    def __str__(self) -> str:
        return f"{self.expression} (exact)"


@dataclass(frozen=True)
class Estimated:
    """A number from quadrature with an error estimate, not a proof: |true - number| is about `error`."""

    number: Any
    error: float

    @property
    def value(self) -> float:
        """The number in float64."""
        return float(self.number)

    def __str__(self) -> str:
        number = (
            self.number if isinstance(self.number, mpmath.mpf) else mpmath.mpf(self.number)
        )  # mpf() rounds to 53 bits
        text = "0" if abs(number) < self.error else mpmath.nstr(number, max(1, round(-math.log10(self.error))))
        return f"{text} (estimated, +-{self.error:.0e})"


def hermite(act: Activation | str, j: int, *, digits: int = FLOAT_DIGITS) -> Exact | Estimated:
    """Return mu_j = E[phi(G) He_j(G)]/sqrt(j!), the normalised Hermite coefficient.

    Args:
        act: an activation, a catalogue name or a formula in u.
        j: the order, from 0 to 1000.
        digits: up to 13 is float64; more goes to mpmath at that many digits.

    Raises:
        InvalidInputError: for j or digits out of range, or phi not square-integrable under the Gaussian.

    Source: definition.

    >>> round(hermite("relu", 1).value, 12)
    0.5
    >>> hermite("tanh", 2)
    Exact(expression=0)
    >>> print(hermite("relu", 0, digits=30))
    0.398942280401432677939946059934 (estimated, +-1e-30)
    """
    act = activation(act)
    j = whole_number("j", j, low=0, high=MAX_ORDER, where="hermite", asked=f"an order from 0 to {MAX_ORDER}")
    digits = whole_number("digits", digits, low=1, high=500, where="hermite", asked="digits from 1 to 500")
    check_growth(act)
    if (act.parity is Parity.EVEN and j % 2) or (act.parity is Parity.ODD and j % 2 == 0):
        return Exact(sympy.Integer(0))
    if act.expression.is_polynomial(u):
        return Exact(_polynomial(act, j))
    if digits <= FLOAT_DIGITS:
        # The finer panels' answer; its error: twice its distance from the coarser panels', or the digits asked for.
        fine, coarse = coefficients(act, j)[j], _panels(act, j, 2 * _PANEL)[j]
        rounding = 1e-15 if digits == FLOAT_DIGITS else 10.0**-digits
        return Estimated(float(fine), float(2 * abs(fine - coarse)) + rounding)
    return _by_mpmath(act, j, digits)


def coefficients(act: Activation, order: int) -> npt.NDArray[np.float64]:
    """Return mu_0, ..., mu_order in float64, absolute error about 1e-14 times the scale of phi. Shape (order + 1,).

    >>> coefficients(activation("square"), 3).round(12).tolist()
    [0.5, 0.0, 0.707106781187, 0.0]
    """
    order = whole_number("order", order, low=0, high=MAX_ORDER, where="coefficients")
    result = _panels(act, order, _PANEL).copy()
    if act.parity is not Parity.NONE:
        result[(1 if act.parity is Parity.EVEN else 0) :: 2] = 0.0
    return result


@lru_cache(maxsize=512)
def gaussian_moment(act: Activation, derivative: int = 0) -> float:
    """Return E[phi^(derivative)(G)^2] in float64, derivatives taken off the kinks.

    >>> round(gaussian_moment(activation("relu")), 12), round(gaussian_moment(activation("relu"), 1), 12)
    (0.5, 0.5)
    """
    check_growth(act)
    x, weights = _nodes(act, _PANEL)
    values = act.numeric(derivative)(x)
    return float(np.sum(weights * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) * values**2))


def scaled_coefficients(act: Activation, radii: npt.NDArray[np.float64], order: int) -> npt.NDArray[np.float64]:
    """Return mu_j(r) = E[phi(r G) He_j(G)]/sqrt(j!) for each radius r > 0. Shape (len(radii), order + 1).

    Smooth in r, so computed at Chebyshev points of the range of radii and interpolated.

    >>> scaled_coefficients(activation("square"), np.array([1.0, 2.0]), 2).round(6)[:, [0, 2]].tolist()
    [[0.5, 0.707107], [2.0, 2.828427]]
    """

    check_growth(act, float(radii.max()))
    s, weights = _nodes(act, _PANEL * float(radii.min()), reach=_REACH * float(radii.max()))

    def at(r: float) -> npt.NDArray[np.float64]:
        with np.errstate(under="ignore"):
            damped = weights / r * act.values(s) * np.exp(-((s / r) ** 2) / 4) / math.sqrt(2 * math.pi)
        return _project(s / r, damped, order)

    return _interpolated(at, radii)


def scaled_moment(act: Activation, radii: npt.NDArray[np.float64], derivative: int = 0) -> npt.NDArray[np.float64]:
    """Return E[phi^(derivative)(r G)^2] for each radius r > 0. Shape (len(radii),).

    >>> scaled_moment(activation("relu"), np.array([1.0, 3.0])).round(9).tolist()
    [0.5, 4.5]
    """
    check_growth(act, float(radii.max()))
    s, weights = _nodes(act, _PANEL * float(radii.min()), reach=_REACH * float(radii.max()))
    squares = weights * act.numeric(derivative)(s) ** 2

    def at(r: float) -> npt.NDArray[np.float64]:
        with np.errstate(under="ignore"):
            return np.atleast_1d(np.sum(squares * np.exp(-((s / r) ** 2) / 2) / (r * math.sqrt(2 * math.pi))))

    return _interpolated(at, radii)[:, 0]


def _interpolated(
    function: Callable[[float], npt.NDArray[np.float64]], radii: npt.NDArray[np.float64], *, points: int = 24
) -> npt.NDArray[np.float64]:
    """Evaluate a smooth vector function at many radii through Chebyshev points of their range."""
    low, high = float(radii.min()), float(radii.max())
    if high - low < 1e-12 * high:
        return np.repeat(function(high)[None], len(radii), axis=0)
    nodes = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (np.arange(points) + 0.5) / points)
    fit = np.polynomial.Chebyshev.fit
    values = np.stack([function(float(r)) for r in nodes])
    return np.stack([fit(nodes, column, points - 1, domain=[low, high])(radii) for column in values.T], axis=1)


def check_growth(act: Activation, radius: float = 1.0) -> None:
    """Refuse phi that is not square-integrable: |phi(r x)| must stay below e^{x^2/4} far out.

    Raises:
        InvalidInputError: if log|phi(+-1000 r)| reaches 1000^2/4, as for exp(u^2/4) and beyond.
    """
    far = 1000
    for piece in (act.pieces[0], act.pieces[-1]):
        phi = _mpmath_function(piece.expression)
        for x in (-far, far):
            if not float(piece.low) <= x <= float(piece.high):
                continue
            with mpmath.workdps(1000):  # 1 + tanh(-1000) is not 0
                size = abs(phi(mpmath.mpf(x) * radius))
                too_large = size > 0 and mpmath.log(size) >= mpmath.mpf(far) ** 2 / 4
            if too_large:
                where = "" if radius == 1 else f" at |x| = {radius:.3g}"
                raise InvalidInputError(
                    f"activation {act.name!r} grows too fast: {act.expression} is not square-integrable under the "
                    f"Gaussian{where}, so it has no Hermite expansion"
                )


def _mpmath_function(expression: Any) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] = sympy.lambdify(u, expression, modules=[_MPMATH, "mpmath"])
    return function


def _nodes(
    act: Activation, panel: float, *, reach: float = _REACH
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Gauss-Legendre nodes and weights on panels of [-reach, reach] that end at the kinks."""
    edges = np.linspace(-reach, reach, 2 * math.ceil(reach / panel) + 1)
    kinks = np.array([float(k) for k in act.kinks if abs(float(k)) < reach])
    edges = np.unique(np.concatenate([edges, kinks]))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = np.diff(edges)[:, None] / 2
    middle = (edges[1:] + edges[:-1])[:, None] / 2
    return (middle + half * nodes).ravel(), (half * weights).ravel()


@lru_cache(maxsize=512)
def _panels(act: Activation, order: int, panel: float) -> npt.NDArray[np.float64]:
    """All coefficients up to `order`, by the recurrence of the Hermite functions psi_j = He_j e^{-x^2/4}/sqrt(j!)."""
    check_growth(act)
    x, weights = _nodes(act, panel)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        values = act.values(x)
        damped = weights * values * np.exp(-(x**2) / 4) / math.sqrt(2 * math.pi)
    if not np.all(np.isfinite(damped)) or np.abs(damped[[0, -1]]).max() > 1e-12 * np.abs(damped).max():
        raise InvalidInputError(
            f"activation {act.name!r} grows too fast for float64: {act.expression} is not negligible against the "
            f"Gaussian at |u| = {_REACH:g}; rescale it"
        )
    result = _project(x, damped, order)
    result.flags.writeable = False
    return result


def _project(x: npt.NDArray[np.float64], damped: npt.NDArray[np.float64], order: int) -> npt.NDArray[np.float64]:
    """Return sum_i damped_i psi_j(x_i) for j = 0, ..., order."""
    result = np.empty(order + 1)
    with np.errstate(under="ignore"):
        previous, current = np.zeros_like(x), np.exp(-(x**2) / 4)
    for j in range(order + 1):
        result[j] = damped @ current
        previous, current = current, (x * current - math.sqrt(j) * previous) / math.sqrt(j + 1)
    return result


def _polynomial(act: Activation, j: int) -> Any:
    """Exact coefficient of a polynomial from the moments E G^m = (m-1)!!."""
    he = sympy.Integer(1) if j == 0 else sympy.expand(2 ** sympy.Rational(-j, 2) * sympy.hermite(j, u / sympy.sqrt(2)))
    poly = sympy.Poly(sympy.expand(act.expression * he), u)
    total = sum(c * sympy.factorial2(m - 1) for (m,), c in poly.terms() if m % 2 == 0)
    return sympy.simplify(total / sympy.sqrt(sympy.factorial(j)))


def _by_mpmath(act: Activation, j: int, digits: int) -> Estimated:
    """Adaptive quadrature between the kinks, at ten guard digits."""
    with mpmath.workdps(digits + 10 + j // 10):
        reach = mpmath.sqrt(2 * (digits + 15) * mpmath.log(10)) + mpmath.sqrt(4 * j + 2)
        total, error = mpmath.mpf(0), mpmath.mpf(0)
        norm = mpmath.sqrt(2 * mpmath.pi * mpmath.factorial(j))
        for piece in act.pieces:
            phi = _mpmath_function(piece.expression)
            low = mpmath.mpmathify(piece.low) if piece.low != -sympy.oo else -reach
            high = mpmath.mpmathify(piece.high) if piece.high != sympy.oo else reach
            edges = [low, *(mpmath.mpf(e) for e in range(math.ceil(low) + 1, math.floor(high), 2)), high]

            def integrand(x: Any, phi: Any = phi) -> Any:
                he = mpmath.mpf(2) ** (-mpmath.mpf(j) / 2) * mpmath.hermite(j, x / mpmath.sqrt(2))
                return phi(x) * he * mpmath.exp(-x * x / 2) / norm

            part, part_error = mpmath.quad(integrand, edges, error=True)
            total, error = total + part, error + part_error
        return Estimated(+total, max(float(error), 10.0**-digits))
