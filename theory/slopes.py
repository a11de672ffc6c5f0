"""How a dot-product kernel's slope grows at t = 1: kappa'(t) ~ (1 - t)^{-s}, and where gradients then have moments.

On the sphere f(x) = sum_i c_i kappa(x . x_i) has grad f(x) = sum_i c_i kappa'(x . x_i) x_i, in all of R^d. Near x_i the
law of t = x . x_i has density ~ (1 - t)^{(d-3)/2}, so E |grad f|^q is finite iff d > 2 q s + 1, and the tangential
gradient, smaller by sqrt(1 - t^2), is bounded iff s <= 1/2. At t = -1 nothing is worse: the a_j are nonnegative.

An activation that is |u - u0|^a beside something smooth has E phi(G) phi(G') smooth but for (1 - t)^{a + 1/2}, so
s = 1/2 - a for random features and 3/2 - a for the tangent kernel; a = 0 for a jump, 1 for a kink. Exponents are read
off the slopes of logarithms at distances 10^-50 and 10^-100, which logarithms beside the power move by less than .01.

Source: derived.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any

import mpmath
import sympy

from bigtheta.theory.activation import Activation, u
from bigtheta.theory.domain import MPMATH_MODULES
from bigtheta.theory.errors import InvalidInputError

__all__ = ["check_moment", "formula_edge", "kink_exponent", "least_dimension"]

Expr = Any

_DIGITS = 400
_NEAR, _NEARER = 50, 100
"""Distances from the singular point, as powers of 1/10."""
_FLAT = 1e-3
"""A smaller exponent is none: a constant, or a sum that tends to one."""
_ROUNDING = mpmath.mpf(10) ** -250


@lru_cache(maxsize=256)
def kink_exponent(act: Activation) -> float:
    """Return the least a of |u - u0|^a beside something smooth, over the kinks u0; inf where phi'' is bounded.

    >>> from bigtheta.theory.catalogue import activation
    >>> kink_exponent(activation("step")), kink_exponent(activation("relu")), kink_exponent(activation("tanh"))
    (0.0, 1.0, inf)
    >>> round(kink_exponent(activation("abs(u)^(3/4)")), 6)
    0.75
    """
    pieces = [[piece.expression for piece in act.derivative(order)] for order in range(3)]
    found = math.inf
    with mpmath.workdps(_DIGITS):
        for index, kink in enumerate(act.kinks):
            at = mpmath.mpmathify(sympy.sympify(kink).evalf(_DIGITS))
            for order in range(3):
                left, right = (_function(pieces[order][index + side]) for side in (0, 1))
                sides = [_side(left, at, -1), _side(right, at, 1)]
                steepest = min(_power(side) for side in sides)
                if steepest < -_FLAT:
                    found = min(found, order + steepest)
                    break
                gap = [above - below for below, above in zip(*sides, strict=True)]
                if order < 2 and _power(gap) < _FLAT:
                    found = min(found, float(order))
                    break
    return found


def formula_edge(slope: Expr, variable: Expr) -> float:
    """Return s of kappa'(t) ~ (1 - t)^{-s} as t -> 1 for a formula of kappa'; 0 where kappa'(1) is finite.

    >>> t = sympy.Symbol("t")
    >>> round(formula_edge(sympy.diff(sympy.exp(-sympy.sqrt(2 - 2 * t)), t), t), 6), formula_edge(sympy.exp(t), t)
    (0.5, 0.0)
    """
    if slope.is_polynomial(variable):
        return 0.0
    with mpmath.workdps(_DIGITS):
        power = _power(_side(_function(slope, variable), mpmath.mpf(1), -1))
    return -power if power < -_FLAT else 0.0


def _function(expression: Expr, variable: Expr = u) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] = sympy.lambdify(variable, expression, modules=MPMATH_MODULES)
    return function


def _side(function: Callable[[Any], Any], at: Any, sign: int) -> list[Any]:
    """The values at the two distances on one side of a point."""
    return [mpmath.re(function(at + sign * mpmath.mpf(10) ** -distance)) for distance in (_NEAR, _NEARER)]


def _power(values: list[Any]) -> float:
    """The power of the distance that two values follow; inf for what vanishes."""
    near, nearer = map(abs, values)
    if near <= _ROUNDING or nearer <= _ROUNDING:
        return math.inf
    return float(mpmath.log10(near / nearer)) / (_NEARER - _NEAR)


def least_dimension(edge: float, moment: int) -> int:
    """Return the least d in which E |grad f|^moment is finite on the sphere, for kappa'(t) ~ (1 - t)^{-edge}.

    >>> [least_dimension(1 / 2, moment) for moment in (1, 2)], least_dimension(0.0, 2)
    ([3, 4], 1)
    """
    return 1 if edge == 0 else math.floor(2 * moment * edge + 1 + 1e-9) + 1


def check_moment(edge: float, moment: int, d: int, what: str) -> None:
    """Refuse a mean of |grad f|^moment on the sphere S^{d-1} that is infinite.

    Raises:
        InvalidInputError: with the reason, and the d from which on it is finite.
    """
    if d < (least := least_dimension(edge, moment)):
        size = "E |grad f|^2" if moment == 2 else "E |grad f|"
        raise InvalidInputError(
            f"{what}: {size} is infinite on the sphere for d < {least}, since kappa'(t) grows as "
            f"(1 - t)^(-{shown(edge)}) at the training points, but got d={d!r}; take d >= {least}, or a smoother kernel"
        )


def shown(edge: float) -> str:
    """The exponent as a fraction where it is a simple one."""
    fraction = Fraction(edge).limit_denominator(24)
    return str(fraction) if abs(float(fraction) - edge) < 1e-6 else f"{edge:.2g}"
