"""Three kinds of numbers, never mixed: `Exact` (a SymPy expression), `Certified` (a proven ball), `Estimated`.

Each has `.value`, the number in float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

import mpmath
import sympy

from bigtheta.theory.floats import without_floats

__all__ = ["Certified", "Estimated", "Exact", "Number"]


@dataclass(frozen=True)
class Exact:
    """A number known exactly, as a SymPy expression; `digits` is how many are printed. Floats in it are the fractions
    that their bits are.

    >>> import sympy
    >>> print(Exact(1 / sympy.sqrt(2 * sympy.pi), digits=20))
    sqrt(2)/(2*sqrt(pi)) = 0.39894228040143267794 (exact)
    """

    expression: Any
    digits: int = field(default=15, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "expression", without_floats(sympy.sympify(self.expression), "exact number"))

    @property
    def value(self) -> float:
        """The number in float64."""
        return float(self._decimal(17))

    @property
    def decimal(self) -> str:
        """The number in decimal, to `digits` digits."""
        if self.expression.is_Integer:
            return str(self.expression)
        with mpmath.workdps(self.digits + 25):
            number = self._decimal(self.digits)
            mpmath.mp.dps += len(str(abs(number._mpf_[2])))  # the logarithm's whole part, of as many digits
            size = mpmath.log10(abs(number)) if number else mpmath.mpf(0)
            if abs(size) < 4000:
                return str(mpmath.nstr(number, self.digits, strip_zeros=False))
            exponent = int(mpmath.floor(size))  # too many digits to be written out on the way
            lead = mpmath.sign(number) * mpmath.power(10, size - exponent)
            return f"{mpmath.nstr(lead, self.digits, strip_zeros=False)}e{exponent}"

    def _decimal(self, digits: int) -> mpmath.mpf:
        """The number to so many digits: by balls of rising precision, since cancellation can be of any size."""
        from bigtheta.theory.balls import HAVE_FLINT, NoBallError, ball_of, certified, precision

        bits = math.ceil(digits * 3.33) + 24
        while HAVE_FLINT and bits < 200_000 and self.expression != 0:
            try:
                with precision(bits):
                    ball = ball_of(self.expression)
                    if ball.rel_accuracy_bits() >= digits * 3.33:
                        return certified(ball).midpoint
            except NoBallError:
                break
            bits *= 4
        from bigtheta.theory.domain import mp_number

        with mpmath.workdps(digits):
            return mp_number(self.expression)

    def __str__(self) -> str:
        if self.expression.is_Integer:
            return f"{self.expression} (exact)"
        number = self.decimal
        text = str(self.expression) if self.expression.count_ops() <= 12 else ""
        return f"{text} = {number} (exact)" if 0 < len(text) <= 60 else f"{number} (exact)"


@dataclass(frozen=True)
class Certified:
    """A number with a proven error bound: midpoint - radius <= number <= midpoint + radius.

    >>> third = Certified(mpmath.mpf("0.3333"), mpmath.mpf("1e-4"))
    >>> mpmath.mpf(1) / 3 in third, 0.4 in third
    (True, False)
    """

    midpoint: mpmath.mpf
    radius: mpmath.mpf

    @property
    def value(self) -> float:
        """The midpoint in float64."""
        return float(self.midpoint)

    @property
    def low(self) -> mpmath.mpf:
        """The lower end."""
        return mpmath.fsub(self.midpoint, self.radius, exact=True)

    @property
    def high(self) -> mpmath.mpf:
        """The upper end."""
        return mpmath.fadd(self.midpoint, self.radius, exact=True)

    def __contains__(self, number: object) -> bool:
        """Whether a number (int, float, mpf or Fraction, taken as exact) lies in the ball."""
        if isinstance(number, Fraction):
            return abs(number - _fraction(self.midpoint)) <= _fraction(self.radius)
        if not isinstance(number, int | float | mpmath.mpf):
            return False
        gap = mpmath.fabs(mpmath.fsub(mpmath.mpmathify(number), self.midpoint, exact=True))
        return bool(gap <= self.radius)

    @property
    def decimal(self) -> tuple[str, str]:
        """Midpoint and radius in decimal; the rounding of the midpoint is inside the radius."""
        if not mpmath.isfinite(self.radius):
            return "?", "inf"
        shown = _shown(self.midpoint, self.radius, more=2)
        with mpmath.workprec(max(200, 2 * self.midpoint._mpf_[3] + 64)):
            loss = abs(mpmath.mpf(shown) - self.midpoint)
            return shown, _up(self.radius + loss)

    def __str__(self) -> str:
        midpoint, radius = self.decimal
        return f"{midpoint} +- {radius} (certified)"


@dataclass(frozen=True)
class Estimated:
    """A number from quadrature with an error estimate, not a proof: |true - number| is about `error`."""

    number: Any
    error: Any

    @property
    def value(self) -> float:
        """The number in float64."""
        return float(self.number)

    def __str__(self) -> str:
        return f"{_shown(self.number, self.error)} (estimated, +-{mpmath.nstr(mpmath.mpf(self.error), 1)})"


Number: TypeAlias = Exact | Certified | Estimated


def _shown(number: Any, error: Any, *, more: int = 0) -> str:
    """The digits of `number` that `error` leaves meaningful, and so many more; 0 if none."""
    number = number if isinstance(number, mpmath.mpf) else mpmath.mpf(number)  # mpf() of an mpf rounds it
    if not (mpmath.isfinite(number) and mpmath.isfinite(error)):
        return str(number)
    if abs(number) <= error:
        return "0"
    if error == 0:
        return str(mpmath.nstr(number, 17 + more))
    ahead = math.floor(float(mpmath.log10(abs(number))))
    return str(mpmath.nstr(number, max(1, ahead - math.ceil(float(mpmath.log10(error))) + 1 + more)))


def _fraction(exact: mpmath.mpf) -> Fraction:
    mantissa, exponent = exact.man_exp
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _up(radius: mpmath.mpf) -> str:
    """The radius to two figures, rounded up."""
    if radius == 0:
        return "0"
    exponent = math.floor(float(mpmath.log10(radius)))
    with mpmath.workprec(200):
        figure = math.ceil(float(radius / mpmath.mpf(10) ** (exponent - 1)) * (1 + 1e-12))
    return f"{figure / 10:.1f}e{exponent}"
