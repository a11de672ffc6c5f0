"""Comparing two bounds along a path: which one dominates, exactly, and from which size on, numerically."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import mpmath
import sympy

from bigtheta.theory.agreement import Agreement, agreement
from bigtheta.theory.errors import OutsideScaleError
from bigtheta.theory.order import Growth, Order, leading_order, read_along, zero_in_the_end
from bigtheta.theory.scale import Path

__all__ = ["Comparison", "compare"]

Expr = Any
Relation = Literal["first", "second", "same order", "equal in the end", "identical"]

_RELATIONS: Mapping[int, Relation] = {1: "first", -1: "second", 0: "same order"}
_LOW, _HIGH = 2, 40
"""The crossing is looked for from 2 to 10^40."""
_PER_DECADE = 12
_DIGITS = 500
_HALVINGS = 60


@dataclass(frozen=True)
class Comparison:
    """Two bounds along a path, compared in absolute value as the free size grows.

    relation: "first" or "second" if that one dominates (the ratio tends to infinity), "same order" if the ratio tends
        to a constant other than 0, "equal in the end" if both are equal from a size on, "identical" if they are proved
        to be equal for all sizes from 1 on.
    ratio: the exact leading order of |first / second|; its constant is the limit where the order is the same.
    crossing: an estimate, found on a grid of sizes from 2 to 10^40 and by bisection, of the last size from which on the
        one that is larger in the end is larger; None if there is no crossing there. Two crossings closer than a
        twelfth of a decade can be missed.
    late: whether the one that is larger in the end is still the smaller one at 10^40.
    equal_from: for "equal in the end" the size from which on both are equal.
    apart: the largest ratio of one to the other over the whole sizes before `equal_from`, infinite where one is 0 or
        the signs are not the same; None where there are no such sizes, or the bounds are not both real there.
    difference: the largest |first - second| there.
    agreement: both with their sizes.

    >>> compare("n*log(n)", "8*n").relation
    'first'
    >>> found = compare("max(n, 1000)", "max(n, 50)")
    >>> found.relation, found.equal_from, found.apart, found.difference
    ('equal in the end', 1000.0, 20.0, 950.0)
    """

    first: Expr
    second: Expr
    relation: Relation
    ratio: Order
    crossing: float | None = None
    late: bool = False
    equal_from: float | None = None
    apart: float | None = None
    difference: float | None = None
    agreement: Agreement | None = field(default=None, repr=False)

    @property
    def exponents(self) -> Growth:
        """The exact exponents of n, log n and log log n in first / second."""
        return self.ratio.growth

    @property
    def larger(self) -> Expr | None:
        """The bound that is larger in the end by the leading orders; None where these agree."""
        sign = _larger(self.ratio)
        return self.first if sign > 0 else self.second if sign < 0 else None

    def __str__(self) -> str:
        x = self.ratio.variable
        if self.relation == "identical":
            return f"{self.first} and {self.second} are identical"
        if self.agreement is not None:
            return f"{self.first} and {self.second} are equal {self.agreement.text(x)}"
        if self.relation == "same order":
            text = f"{self.first} and {self.second} have the same order: ratio -> {self.ratio.constant}"
        elif self.relation == "first":
            text = f"{self.first} dominates {self.second}: ratio ~ {self.ratio}"
        else:
            text = f"{self.second} dominates {self.first}: ratio ~ {_inverse(self.ratio)}"
        if self.larger is None:
            return text
        if self.late:
            return f"{text}; not yet larger at {x} = 10^{_HIGH}"
        who = f"{self.larger} is larger" if self.relation == "same order" else "larger"
        start = f"{x} = {self.crossing:.4g}" if self.crossing is not None else f"{x} = {_LOW}"
        return f"{text}; {who} from {start} on"


def compare(first: object, second: object, *, path: Path | Mapping[str, object] | None = None) -> Comparison:
    """Return which of two bounds dominates along a path, exactly, with an estimate of where they cross.

    |first / second| ~ c n^a (log n)^b (log log n)^c; the bounds are compared in absolute value.

    Args:
        first: a bound, as `leading_order` takes it.
        second: another one.
        path: the other sizes as functions of the free one.

    Raises:
        OutsideScaleError: where `leading_order` refuses one of the bounds, or both have different free sizes.
        InvalidInputError: if one does not parse.

    >>> print(compare("n*log(n)", "sqrt(n)*d", path={"d": "8*sqrt(n)"}))
    n*log(n) dominates 8*n: ratio ~ log(n)/8; larger from n = 2981 on
    >>> compare("n + log(n)", "2*n").ratio.constant
    1/2
    >>> print(compare("max(n, 1000)", "n"))
    Max(1000, n) and n are equal from n = 1000 on; before, up to a factor 1000 apart (at n = 1)

    Source: derived; the crossing is numeric, by bisection of log |first / second|.
    """
    (one, x), (two, y) = read_along(first, path), read_along(second, path)
    if one.free_symbols and two.free_symbols and x != y:
        raise OutsideScaleError(f"compare {one} with {two}: one depends on {x}, the other on {y}; give a path")
    variable = x if one.free_symbols else y
    above, below = leading_order(one, path=path), leading_order(two, path=path)
    ratio = _quotient(above, below, variable)
    relation = _RELATIONS[_sign(ratio.growth)]
    if relation == "same order" and above.constant == below.constant and zero_in_the_end(one - two, variable):
        return _equal(one, two, ratio)
    sign = _larger(ratio)
    if not sign:
        return Comparison(one, two, relation, ratio)
    crossing, late = _crossing(_logarithm(one, two, variable, sign))
    return Comparison(one, two, relation, ratio, crossing, late)


def _quotient(above: Order, below: Order, variable: Expr) -> Order:
    constant = sympy.simplify(abs(above.constant / below.constant))
    power, log_power, loglog_power = (a - b for a, b in zip(above.growth, below.growth, strict=True))
    return Order(constant, power, log_power, loglog_power, variable=variable)


def _inverse(order: Order) -> Order:
    return _quotient(Order(sympy.Integer(1), Fraction(0)), order, order.variable)


def _sign(growth: Growth) -> int:
    """Return the sign of the first exponent that is not 0."""
    return next((1 if e > 0 else -1 for e in growth if e), 0)


def _larger(ratio: Order) -> int:
    """Return 1 if the first one is larger in the end, -1 if the second, 0 if the leading orders do not tell."""
    if any(ratio.growth):
        return _sign(ratio.growth)
    difference = ratio.constant - 1
    if difference == 0:
        return 0
    value = sympy.N(difference, 60)
    return 0 if abs(value) < sympy.Float(10) ** -50 else 1 if value > 0 else -1


def _equal(one: Expr, two: Expr, ratio: Order) -> Comparison:
    """Compare two bounds that are equal for all large sizes."""
    found = agreement(one, two, ratio.variable)
    if found.always:
        return Comparison(one, two, "identical", ratio)
    return Comparison(
        one, two, "equal in the end", ratio, equal_from=found.start, apart=found.ratio, difference=found.difference,
        agreement=found,
    )  # fmt: skip


def _logarithm(one: Expr, two: Expr, variable: Expr, sign: int) -> Callable[[Any], Any]:
    """Return t -> log |larger / smaller| at 10^t; None where one is zero, infinite or not real."""
    functions = [sympy.lambdify(variable, e, "mpmath") for e in (one, two)]

    def height(t: Any) -> Any:
        try:
            values = [mpmath.mpmathify(f(mpmath.mpf(10) ** t)) for f in functions]
            if any(mpmath.im(v) or not v or not mpmath.isfinite(v) for v in values):
                return None
            return sign * mpmath.log(abs(values[0] / values[1]))
        except (ZeroDivisionError, ValueError, OverflowError, TypeError):  # TypeError: the larger of complex numbers
            return None

    return height


def _crossing(height: Callable[[Any], Any]) -> tuple[float | None, bool]:
    """Return the last size where height turns positive for good, and whether that lies beyond the grid."""
    with mpmath.workdps(_DIGITS):
        low = mpmath.log10(_LOW)
        count = _PER_DECADE * _HIGH
        grid = [low + (_HIGH - low) * i / count for i in range(count + 1)]
        up = None
        for t in reversed(grid):
            h = height(t)
            if h is not None and h <= 0:
                if up is None:
                    return None, True
                break
            up = t if h is not None else up
        else:
            return None, False
        down = t
        for _ in range(_HALVINGS):
            middle = (down + up) / 2
            h = height(middle)
            if h is not None and h <= 0:
                down = middle
            else:
                up = middle
        return float(mpmath.mpf(10) ** up), False
