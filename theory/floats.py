"""Numbers of Python, NumPy, mpmath and SymPy as the fractions that they are.

One rule everywhere: a decimal in text ("0.1" in a formula, in a spec, on the command line) is the fraction it spells,
1/10; a float, of any kind and width, is the fraction that its bits are, 0.1 = 3602879701896397/2^55. So nothing that is
called exact, or certified, rests on a rounded number. Write the text or a Fraction where the decimal is meant.
"""

from __future__ import annotations

import decimal
import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import sympy

from bigtheta.theory.errors import InvalidInputError

__all__ = ["exact_number", "without_floats"]

Expr = Any
_MOST_BITS = 10_000
"""Largest size of a float written out as a fraction, in bits."""


def exact_number(value: object, what: str = "number") -> Expr | None:
    """Return a number object as the SymPy rational that it is, all its bits; None if it is no number object.

    Args:
        value: int, float, Fraction, Decimal, a NumPy integer or float of any width, an mpmath or a SymPy number.
        what: what the number is, for the error message.

    Raises:
        InvalidInputError: for nan, an infinity, or a number of more than 10,000 bits.

    >>> exact_number(0.25), exact_number(np.float32(0.1)), exact_number("0.1")
    (1/4, 13421773/134217728, None)
    """
    if isinstance(value, bool | np.bool_):
        return None
    if isinstance(value, int | np.integer | Fraction):
        fraction = Fraction(int(value)) if not isinstance(value, Fraction) else value
        return sympy.Rational(fraction.numerator, fraction.denominator)
    if isinstance(value, mpmath.mpf):
        value = sympy.Float(value, precision=max(value._mpf_[3], 1)) if mpmath.isfinite(value) else float(value)
    if isinstance(value, sympy.Number):
        if not value.is_finite:
            raise InvalidInputError(f"{what}: expected a finite number but got {value}")
        return _from_binary(value, what) if value.is_Float else value
    if not isinstance(value, float | np.floating | decimal.Decimal):
        return None
    if not (value.is_finite() if isinstance(value, decimal.Decimal) else np.isfinite(value)):
        raise InvalidInputError(f"{what}: expected a finite number but got {value!r}")
    exponent = value.adjusted() if isinstance(value, decimal.Decimal) else 0  # looked at before it is written out
    if abs(exponent) * math.log2(10) > _MOST_BITS:
        raise InvalidInputError(f"{what}: the number {value} is too large or too small")
    return sympy.Rational(*value.as_integer_ratio())


def _from_binary(value: Expr, what: str) -> Expr:
    """A SymPy Float, (-1)^s m 2^e."""
    sign, mantissa, exponent, bits = value._mpf_
    if abs(exponent) + bits > _MOST_BITS:
        raise InvalidInputError(f"{what}: the number {value} is too large or too small")
    return sympy.Rational(int(-mantissa if sign else mantissa)) * sympy.Rational(2) ** int(exponent)


def without_floats(expression: Expr, what: str = "expression") -> Expr:
    """Return a SymPy expression with every Float in it as the rational that it is.

    Raises:
        InvalidInputError: for nan, an infinity, or a Float of more than 10,000 bits.

    >>> x = sympy.Symbol("x")
    >>> without_floats(0.5 * x ** 2.0)
    x**2/2
    """
    floats = expression.atoms(sympy.Float)
    return expression.xreplace({number: exact_number(number, what) for number in floats}) if floats else expression
