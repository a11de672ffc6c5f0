"""Three kinds of numbers, never mixed: `Exact` (a SymPy expression), `Certified` (a proven ball), `Estimated`.

Each has `.value`, the number in float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import mpmath

__all__ = ["Certified", "Estimated", "Exact", "Number"]


@dataclass(frozen=True)
class Exact:
    """A number known exactly, as a SymPy expression; `digits` is how many are printed.

    >>> import sympy
    >>> print(Exact(1 / sympy.sqrt(2 * sympy.pi), digits=20))
    sqrt(2)/(2*sqrt(pi)) = 0.39894228040143267794 (exact)
    """

    expression: Any
    digits: int = field(default=15, compare=False, repr=False)

    @property
    def value(self) -> float:
        """The number in float64."""
        return float(self.expression.evalf(17))

    def __str__(self) -> str:
        if self.expression.is_Integer:
            return f"{self.expression} (exact)"
        number = self.expression.evalf(self.digits)
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
        """Whether a number (mpf, float or int, taken as exact) lies in the ball."""
        gap = mpmath.fabs(mpmath.fsub(mpmath.mpmathify(number), self.midpoint, exact=True))
        return bool(gap <= self.radius)

    def __str__(self) -> str:
        return f"{_shown(self.midpoint, self.radius)} +- {_up(self.radius)} (certified)"


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


def _shown(number: Any, error: Any) -> str:
    """The digits of `number` that `error` leaves meaningful; 0 if none."""
    number = number if isinstance(number, mpmath.mpf) else mpmath.mpf(number)  # mpf() of an mpf rounds it
    if abs(number) <= error:
        return "0"
    if error == 0:
        return str(mpmath.nstr(number, 17))
    ahead = math.floor(float(mpmath.log10(abs(number))))
    return str(mpmath.nstr(number, max(1, ahead - math.ceil(float(mpmath.log10(error))) + 1)))


def _up(radius: mpmath.mpf) -> str:
    """The radius to two figures, rounded up."""
    if radius == 0:
        return "0"
    exponent = math.floor(float(mpmath.log10(radius)))
    with mpmath.workprec(200):
        figure = math.ceil(float(radius / mpmath.mpf(10) ** (exponent - 1)) * (1 + 1e-12))
    return f"{figure / 10:.1f}e{exponent}"
