"""From which size on two formulas are equal that are equal for all large sizes, and how far apart they are before.

max(n, 1000) and n are the same function only from n = 1000 on. A formula changes its branch where an argument of max,
min, abs, sign or a step changes sign, or of a root or logarithm. These places are real roots, exact for polynomials in
powers of the size; between two of them both formulas are analytic, so equal everywhere there or almost nowhere.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import mpmath
import sympy
from sympy.core.relational import Relational

__all__ = ["Agreement", "agreement", "shown_size"]

Expr = Any

_DIGITS = (300, 600)
"""A difference counts where both precisions give it: what is rounding in one is far smaller in the other."""
_PER_DECADE, _DECADES = 12, 40
"""The grid of sizes, from 1 to 10^40."""
_MOST_DEGREE = 24
_HALVINGS = 300
_FEW = 2_000
"""So many whole sizes are all looked at."""
_HARD = (sympy.Abs, sympy.sign, sympy.Heaviside)


@dataclass(frozen=True)
class Agreement:
    """Two formulas that are equal from a size on.

    start: the size, at least 1; where they still differ at a whole number and not after it, the next whole number.
    always: whether they are proved to be equal for all sizes from 1 on at which either is a real number; at which the
        first is one, where the second is a number.
    ratio: the largest first/second or second/first over the whole sizes before, infinite where one is 0 or the signs
        are not the same; None if there are no such sizes, or none at which both are real numbers.
    ratio_at: the size where that is.
    difference: the largest |first - second| over these sizes, None as above.
    difference_at: the size where that is.

    Both are the largest over a grid of sizes, over every whole size where start is at most 2,000.
    """

    start: float
    always: bool
    ratio: float | None = None
    ratio_at: int | None = None
    difference: float | None = None
    difference_at: int | None = None

    def text(self, variable: Expr, subject: str = "they differ by") -> str:
        """From where on and how far apart before, in words."""
        if self.start == 1:
            return f"from {variable} = 1 on (no difference was found on a grid of sizes up to 10^{_DECADES})"
        start = f"from {variable} = {shown_size(self.start)} on; before, "
        if self.difference is None:
            return f"{start}not both are real numbers"
        if self.ratio is None or math.isinf(self.ratio):
            return f"{start}{subject} up to {self.difference:.6g} (at {variable} = {self.difference_at})"
        return f"{start}up to a factor {self.ratio:.6g} apart (at {variable} = {self.ratio_at})"


def agreement(one: Expr, two: Expr, x: Expr) -> Agreement:
    """Return from which size on two formulas are equal that are known to be equal for all large sizes.

    The places where a branch changes are exact for polynomials in powers of x, else found on a grid from 1 to 10^40.

    >>> n = sympy.Symbol("n", positive=True)
    >>> found = agreement(sympy.Max(n, 1000), n, n)
    >>> found.start, found.ratio, found.difference_at
    (1000.0, 1000.0, 1)
    """
    branches = [_Branch(u, x, hard) for u, hard in _branches(one, two)]
    with mpmath.workdps(_DIGITS[1] + 20):
        places = sorted({place for branch in branches for place in branch.places()})
        proved = all(branch.proved for branch in branches)
        if proved and not places:
            return Agreement(1.0, always=True)
        pair = _Pair(one, two, x)
        points = _points(places)
        last = next((i for i in reversed(range(len(points))) if pair.differ(points[i])), None)
        if last is None:
            return Agreement(1.0, always=proved)
        start = pair.boundary(points[last], points[min(last + 1, len(points) - 1)], places)
        if pair.differ(start):
            start = mpmath.floor(start) + 1
        return Agreement(float(start), False, *pair.apart(points, start))


def shown_size(size: float) -> str:
    """Return a size as text, a whole number as such, else rounded up to six digits.

    >>> shown_size(1e9), shown_size(9118.00641)
    ('1000000000', '9118.01')
    """
    if size == int(size):
        return str(int(size)) if size < 1e16 else f"{size:.6g}"
    unit = 10.0 ** (math.floor(math.log10(size)) - 5)
    return f"{math.ceil(size / unit) * unit:.6g}"


def _branches(*formulas: Expr) -> Iterator[tuple[Expr, bool]]:
    """Every expression at whose zeros a formula changes its branch, and whether it is real on both sides."""
    for formula in formulas:
        for e in sympy.preorder_traversal(formula):
            if isinstance(e, _HARD):
                yield e.args[0], True
            elif isinstance(e, sympy.Max | sympy.Min):
                yield from ((a - b, True) for a, b in itertools.combinations(e.args, 2))
            elif isinstance(e, Relational):
                yield e.lhs - e.rhs, True
            elif isinstance(e, sympy.log):
                yield e.args[0], False
            elif e.is_Pow and not e.exp.is_Integer:
                yield e.base, False


class _Branch:
    """An expression at whose zeros a formula changes its branch."""

    def __init__(self, expression: Expr, x: Expr, hard: bool) -> None:
        self.expression, self.x = expression, x
        self.polynomials = _polynomials(expression, x)
        known = expression.is_positive or expression.is_negative or self.polynomials is not None
        self.proved = bool(known or not hard)

    def places(self) -> list[Any]:
        """The sizes from 1 on where it changes its sign."""
        if self.expression.is_positive or self.expression.is_negative or self.x not in self.expression.free_symbols:
            return []
        if self.polynomials is None:
            return self.sign_changes()
        found = []
        for polynomial, power in self.polynomials:
            for root in polynomial.real_roots(multiple=False):
                value = mpmath.mpmathify(sympy.N(root[0], _DIGITS[1] + 20)) ** power
                found += [value] if root[0] > 0 and value >= 1 else []
        return found

    def sign_changes(self) -> list[Any]:
        """Sign changes on the grid, each narrowed down."""
        function = sympy.lambdify(self.x, self.expression, "mpmath")

        def sign(value: Any) -> int | None:
            found = _real(function, value)
            return None if found is None else int(mpmath.sign(found))

        def same(first: int | None, value: Any) -> bool:
            return sign(value) == first

        places = []
        with mpmath.workdps(_DIGITS[0]):
            for low, high in itertools.pairwise(_grid(_DECADES)):
                ends = sign(low), sign(high)
                if ends[0] == 0:
                    places.append(low)
                elif ends[0] != ends[1] and ends[1] != 0:
                    places.append(_narrowed(partial(same, ends[0]), low, high))
        return places


def _polynomials(u: Expr, x: Expr) -> list[tuple[Any, int]] | None:
    """Numerator and denominator as polynomials over Q in y, x = y^power, with the power; None if they are not."""
    powers = [e.exp for e in sympy.preorder_traversal(u) if e.is_Pow and e.base == x]
    if not all(power.is_Rational for power in powers):
        return None
    power = math.lcm(*(int(exponent.q) for exponent in powers))
    y = sympy.Dummy("y", positive=True)
    try:
        parts = sympy.together(u.subs(x, y**power)).as_numer_denom()
        polynomials = [sympy.Poly(part, y, domain=sympy.QQ) for part in parts]
    except (sympy.PolynomialError, sympy.CoercionFailed):
        return None
    return [(p, power) for p in polynomials if p.degree() > 0] if polynomials[0].degree() <= _MOST_DEGREE else None


class _Pair:
    """Two formulas as functions of mpmath."""

    def __init__(self, one: Expr, two: Expr, x: Expr) -> None:
        self.functions = [sympy.lambdify(x, e, "mpmath") for e in (one, two)]
        self.number = two.is_number

    def values(self, size: Any) -> list[Any]:
        """Both values, None where one is not real and finite."""
        return [_real(f, size) for f in self.functions]

    def differ(self, size: Any) -> bool:
        """Whether the values differ, or only one is real and finite; a number is real where the first is."""
        gaps = []
        for digits in _DIGITS:
            with mpmath.workdps(digits):
                first, second = self.values(size)
                if first is None or second is None:
                    return not self.number and (first is None) != (second is None)
                gaps.append(first - second)
            if not gaps[-1]:
                return False
        return bool(abs(gaps[0] - gaps[1]) < abs(gaps[1]) / 2)

    def boundary(self, low: Any, high: Any, places: Sequence[Any]) -> Any:
        """Where the formulas stop to differ, low being the last size seen where they do: the next place of a branch."""
        return next((place for place in places if place >= low), None) or _narrowed(self.differ, low, high)

    def apart(self, points: Sequence[Any], start: Any) -> tuple[float | None, int | None, float | None, int | None]:
        """The largest ratio and difference over the whole sizes below start, each with its size."""
        before = int(mpmath.ceil(start)) - 1
        sizes = {1, before, *(int(point) for point in points if point < start)} if before >= 1 else set()
        sizes |= set(range(1, before + 1)) if before <= _FEW else set()
        ratios: dict[int, Any] = {}
        gaps: dict[int, Any] = {}
        with mpmath.workdps(_DIGITS[0]):
            for size in sorted(sizes):
                first, second = self.values(mpmath.mpf(size))
                if first is None or second is None or not self.differ(mpmath.mpf(size)):
                    continue
                gaps[size] = abs(first - second)
                ratios[size] = max(first / second, second / first) if first * second > 0 else mpmath.inf
        if not gaps:
            return None, None, None, None
        ratio_at, gap_at = max(ratios, key=ratios.__getitem__), max(gaps, key=gaps.__getitem__)
        return float(ratios[ratio_at]), ratio_at, float(gaps[gap_at]), gap_at


def _points(places: Sequence[Any]) -> list[Any]:
    """The grid, the places, and a point between every two of these."""
    decades = max([_DECADES, *(int(mpmath.log10(place)) + 2 for place in places)])
    points = sorted({*_grid(decades), *places})
    return sorted([*points, *(mpmath.sqrt(a * b) for a, b in itertools.pairwise(points))])


def _grid(decades: int) -> list[Any]:
    return [mpmath.mpf(10) ** (mpmath.mpf(i) / _PER_DECADE) for i in range(decades * _PER_DECADE + 1)]


def _narrowed(holds: Callable[[Any], bool], low: Any, high: Any) -> Any:
    """Where a condition that holds at low and not at high stops to hold."""
    for _ in range(_HALVINGS):
        middle = mpmath.sqrt(low * high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high


def _real(function: Callable[[Any], Any], size: Any) -> Any:
    """The value at a size; None where it is not real and finite."""
    try:
        value = mpmath.mpmathify(function(size))
    except (ZeroDivisionError, ValueError, OverflowError, TypeError):  # TypeError: the larger of complex numbers
        return None
    return mpmath.re(value) if mpmath.isfinite(value) and not mpmath.im(value) else None
