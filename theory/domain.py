"""Where an activation is real and finite: refusing log(u), sqrt(9 - u), 1/u, and what was rewritten wrongly."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
import sympy

from bigtheta.theory.errors import InvalidInputError

__all__ = ["MPMATH_MODULES", "NUMPY_MODULES", "check_domain", "mp_number", "u", "vanishes"]

Expr = Any

u = sympy.Symbol("u", real=True)
"""The variable of every activation."""
NUMPY_MODULES: list[Any] = [{"Softplus": lambda x: np.logaddexp(0.0, x)}, "scipy", "numpy"]
MPMATH_MODULES: list[Any] = [{"Softplus": lambda x: mpmath.log1p(mpmath.exp(x))}, "mpmath"]
"""What sympy.lambdify needs to evaluate an activation in numpy, and in mpmath."""

_NEAR = np.linspace(-8, 8, 3201)
_FAR = np.unique(
    np.concatenate([_NEAR, np.linspace(-40, 40, 8001), *(s * np.geomspace(40, 1e4, 400) for s in (-1, 1))])
)


def mp_number(value: Expr) -> mpmath.mpf:
    """Return a real SymPy number as an mpf at mpmath's precision."""
    number = sympy.N(value, mpmath.mp.dps)
    return mpmath.mpf(0) if number == 0 else mpmath.mpf(number._mpf_)


def check_domain(
    name: str, expression: Expr, given: Expr | None = None, *, filled: Callable[[], tuple[float, ...]] = tuple
) -> None:
    """Refuse what is not real and finite on the whole line.

    Poles are found as zeros of denominators, exactly for polynomials, else as sign changes and interior minima on a
    grid of [-10^4, 10^4]; logarithms and roots of something negative on the same grid. Beyond |u| = 8 values may
    overflow.

    Args:
        given: the expression as it was typed; the two must agree.
        filled: refuses poles, and returns the points where the formula divides by 0 and the function is continued;
            asked if a denominator vanishes somewhere.

    Raises:
        InvalidInputError: naming the part that is not real or not finite.
    """
    for node in sympy.preorder_traversal(expression):
        if node.is_number and node.is_real is False:
            raise InvalidInputError(f"activation {name!r}: expected a real function but {node} is not real")
    for tangent in expression.atoms(sympy.tan):
        if vanishes(base := sympy.cos(tangent.args[0])):
            raise InvalidInputError(
                f"activation {name!r}: {_short(expression)} has a pole, a zero of {_short(base)}, so it is not finite"
            )
    denominators = [p.base for p in expression.atoms(sympy.Pow) if p.exp.is_number and p.exp.is_negative]
    left_out = filled() if any(base.has(u) and vanishes(base) for base in denominators) else ()  # refuses poles
    roots = [p.base for p in expression.atoms(sympy.Pow) if p.exp.is_number and not p.exp.is_Integer]
    inner_first = sorted([*roots, *(e.args[0] for e in expression.atoms(sympy.log))], key=sympy.count_ops)
    for base in inner_first:
        if base.has(u) and (at := _negative(base)) is not None:
            raise InvalidInputError(
                f"activation {name!r}: {_short(expression)} is not a finite real number at u = {at:g}, where "
                f"{_short(base)} is negative"
            )
    try:
        with np.errstate(all="ignore"):
            values = _on(expression, _NEAR)
    except (TypeError, ValueError, NameError, AttributeError, OverflowError) as error:
        raise InvalidInputError(
            f"activation {name!r}: {_short(expression)} has no value in float64: {error}; rescale it"
        ) from error
    bad = ~np.isfinite(values)
    for point in left_out:
        bad &= np.abs(_NEAR - point) > 1e-3
    if bad.any():
        at = float(_NEAR[int(np.argmax(bad))])
        raise InvalidInputError(f"activation {name!r}: {_short(expression)} is not a finite real number at u = {at:g}")
    if given is not None and given != expression:
        _check_same(name, expression, given)


def _check_same(name: str, expression: Expr, given: Expr) -> None:
    """Hold the form that does not overflow against the one that was typed."""
    generator = random.Random(0)
    first, second = (sympy.lambdify(u, e, modules=MPMATH_MODULES) for e in (expression, given))
    with mpmath.workdps(30):
        for _ in range(4):
            x = mpmath.mpf(generator.uniform(-3, 3))
            try:
                a, b = first(x), second(x)
            except (ValueError, ZeroDivisionError, NameError):
                continue
            if abs(a - b) > mpmath.mpf(10) ** -15 * (1 + abs(b)):
                raise InvalidInputError(
                    f"activation {name!r}: {given} could not be read faithfully; write it otherwise"
                )


def _on(e: Expr, grid: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    values = np.asarray(sympy.lambdify(u, e, modules=NUMPY_MODULES)(grid))
    if np.iscomplexobj(values):
        values = np.where(np.abs(values.imag) <= 1e-12 * np.abs(values.real), values.real, np.nan)
    return np.broadcast_to(np.asarray(values, dtype=np.float64), grid.shape)


def _negative(base: Expr) -> float | None:
    """Where the base of a root or a logarithm is negative beyond rounding, if anywhere on the grid."""
    try:
        with np.errstate(all="ignore"):
            values = _on(base, _FAR)
    except (TypeError, ValueError, NameError, AttributeError, OverflowError):
        return None
    finite = np.isfinite(values)
    if not finite.any():
        return None
    with np.errstate(all="ignore"):
        below = finite & (values < -1e-9 * np.minimum(np.max(np.abs(values[finite])), 1.0))
    return float(_FAR[int(np.argmax(below))]) if below.any() else None


def vanishes(base: Expr) -> bool:
    """Whether an expression in u has a real zero, as far as a grid shows it; exactly for polynomials."""
    if base.is_polynomial(u):
        try:
            return len(sympy.Poly(base, u).real_roots()) > 0
        except (NotImplementedError, sympy.PolynomialError):
            pass
    try:
        with np.errstate(all="ignore"):
            values = _on(base, _FAR)
    except (TypeError, ValueError, NameError, AttributeError, OverflowError):
        return False
    finite = np.isfinite(values)
    x, values = _FAR[finite], values[finite]
    if not values.size or ((values == 0).any() and (np.abs(x[values == 0]) <= 8).any()):
        return bool(values.size)
    inside = np.abs(x) <= 40
    signs = np.sign(values[values != 0])
    if signs.size and signs.min() < signs.max():
        return True
    sizes, points = np.abs(values[inside]), x[inside]
    lows = np.flatnonzero((sizes[1:-1] < sizes[:-2]) & (sizes[1:-1] <= sizes[2:])) + 1
    lows = lows[np.argsort(sizes[lows])][:3]
    return any(_touches(base, points[i - 1], points[i + 1]) for i in lows if sizes[i] < 1e-3 * np.median(sizes))


def _touches(base: Expr, low: float, high: float) -> bool:
    """Whether |base| comes down to 0 between two points around a minimum: by ternary search at 40 digits."""
    function = sympy.lambdify(u, base, modules=MPMATH_MODULES)
    with mpmath.workdps(40):
        a, b = mpmath.mpf(float(low)), mpmath.mpf(float(high))
        scale = abs(function(a)) + abs(function(b))
        for _ in range(120):
            left, right = a + (b - a) / 3, b - (b - a) / 3
            a, b = (a, right) if abs(function(left)) < abs(function(right)) else (left, b)
        return bool(abs(function((a + b) / 2)) < mpmath.mpf(10) ** -25 * scale)


def _short(e: Expr) -> str:
    return str(e)[:80]
