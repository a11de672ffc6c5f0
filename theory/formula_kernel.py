"""Dot-product kernels given as a formula in t = x . x' on the unit sphere, and why one is or is not a kernel.

kappa(x . x') is positive semi-definite on the spheres of every dimension iff kappa(t) = sum_j a_j t^j with a_j >= 0 and
sum_j a_j finite (Schoenberg 1942). Here a_0 ... a_20 are computed, and what lies beyond is checked at eight points.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
import sympy

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.expression import FUNCTIONS, parse_expression
from bigtheta.theory.kernel import DotProductKernel, t
from bigtheta.theory.slopes import formula_edge

__all__ = ["ORDER", "formula_kernel"]

Expr = Any

ORDER = 20
"""Largest order of the Taylor coefficients that are looked at."""
_ARCS = {"asin": sympy.asin, "arcsin": sympy.asin}
_ARCS |= {"acos": lambda x: sympy.pi / 2 - sympy.asin(x), "arccos": lambda x: sympy.pi / 2 - sympy.asin(x)}
_NOT_ANALYTIC = (sympy.Abs, sympy.sign, sympy.Max, sympy.Min, sympy.Heaviside, sympy.Piecewise)
_POINTS = (0.25, 0.5, 0.75, 0.9)
_DIGITS = 80
_TOLERANCE = 1e-18
_ZERO = mpmath.mpf(10) ** -40
"""A coefficient below so much of kappa(1) is 0 within the error of the differences."""


@lru_cache(maxsize=256)
def formula_kernel(text: str) -> DotProductKernel:
    """Return the dot-product kernel of a formula in t; asin and acos may stand in it besides the usual functions.

    Its `taylor` are a_0 ... a_20, its `closed` the formula.

    Raises:
        InvalidInputError: if the formula does not parse, is not real and finite on [-1, 1], has no Taylor series there,
            or has a coefficient a_j < 0, j <= 20; naming the formula and the coefficient.

    Source: Schoenberg 1942.

    >>> formula_kernel("exp(t)").taylor[:4].round(6).tolist()
    [1.0, 1.0, 0.5, 0.166667]
    >>> formula_kernel("cos(t)")
    Traceback (most recent call last):
    ...
    bigtheta.theory.errors.InvalidInputError: kernel "cos(t)": its Taylor coefficient of t^2 is -0.5, so it is no ...
    """
    expression = parse_expression(text, {"t": t}, functions={**FUNCTIONS, **_ARCS}, what="kernel")
    where = f'kernel "{" ".join(str(text).split())}"'
    if not isinstance(expression, sympy.Expr) or expression.has(*_NOT_ANALYTIC):
        raise InvalidInputError(
            f"{where}: expected a formula with a Taylor series in t, without abs, max or conditions"
        )
    with mpmath.workdps(_DIGITS):
        at = _finite(sympy.lambdify(t, expression, modules="mpmath"), where)
        one, _ = at(mpmath.mpf(1)), at(mpmath.mpf(-1))
        if one <= 0:
            raise InvalidInputError(f"{where}: expected kappa(1) > 0 but got {float(one):.6g}")
        coefficients = _taylor(at, where)
        for j, a in enumerate(coefficients):
            if a < -_TOLERANCE * one:
                raise InvalidInputError(
                    f"{where}: its Taylor coefficient of t^{j} is {float(a):.6g}, so it is no kernel on the sphere in "
                    "high dimension; every coefficient must be >= 0"
                )
        _check_rest(at, coefficients, where)
    taylor = np.array([float(a) if a > _ZERO * one else 0.0 for a in coefficients])
    return DotProductKernel(taylor, float(one), expression, formula_edge(sympy.diff(expression, t), t))


def _finite(function: Any, where: str) -> Any:
    """The formula at a real t; anything but a finite real number is refused."""

    def at(point: Any) -> Any:
        try:
            value = mpmath.mpmathify(function(point))
        except (ArithmeticError, ValueError, TypeError) as error:
            raise InvalidInputError(f"{where}: not finite at t = {float(point):.4g}; it must be on [-1, 1]") from error
        small = abs(mpmath.im(value)) <= _TOLERANCE * (1 + abs(value))
        if not mpmath.isfinite(value) or not small:
            raise InvalidInputError(f"{where}: not real and finite at t = {float(point):.4g}; it must be on [-1, 1]")
        return mpmath.re(value)

    return at


def _taylor(at: Any, where: str) -> list[Any]:
    """a_0 ... a_20 by finite differences at high precision, with two steps whose results must agree."""
    found = []
    for digits in (_DIGITS, _DIGITS + 40):
        with mpmath.workdps(digits):
            found.append(mpmath.taylor(at, 0, ORDER))
    for j, (a, b) in enumerate(zip(*found, strict=True)):
        if abs(a - b) > 1e-12 * (1 + abs(b)):
            raise InvalidInputError(
                f"{where}: it has no Taylor coefficient of t^{j} at 0; expected a power series in t"
            )
    return list(found[-1])


def _check_rest(at: Any, coefficients: list[Any], where: str) -> None:
    """R(t) = sum_{j > 20} a_j t^j, a_j >= 0, obeys 0 <= R(t) <= R(1) t^21 and |R(-t)| <= R(t) for 0 <= t <= 1."""

    def rest(point: Any) -> Any:
        return at(point) - mpmath.polyval(coefficients[::-1], point)

    allowed = _TOLERANCE * at(mpmath.mpf(1))
    whole = rest(mpmath.mpf(1))
    for number in _POINTS:
        point = mpmath.mpf(number)
        right, left = rest(point), rest(-point)
        if not (-allowed <= right <= whole * point ** (ORDER + 1) + allowed and abs(left) <= right + allowed):
            raise InvalidInputError(
                f"{where}: it is not sum_j a_j t^j with every a_j >= 0: what is left after t^{ORDER} is "
                f"{float(right):.3g} at t = {number} and {float(left):.3g} at t = -{number}"
            )
