"""Truncated series in one variable v that grows: sums of v**e with coefficients in a ring, largest exponents first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bigtheta.theory.constants import Poly, Rational, Ring

__all__ = ["Series", "compose", "multiply", "numbers", "total"]


@dataclass(frozen=True)
class Series:
    """sum of terms[e] * v**e, up to terms in v**cut and smaller powers; cut None means exact."""

    terms: Mapping[Rational, Poly]
    cut: Rational | None = None

    @property
    def top(self) -> Rational | None:
        """The largest exponent that may occur."""
        return max(self.terms, default=self.cut)


def total(ring: Ring, parts: Sequence[Mapping[Rational, Poly]], cut: Rational | None, depth: int) -> Series:
    """Add, keeping the largest terms: 8 + 8 depth of them."""
    gathered: dict[Rational, list[Poly]] = {}
    for part in parts:
        for e, c in part.items():
            if cut is None or e > cut:
                gathered.setdefault(e, []).append(c)
    if len(gathered) > (most := 8 + 8 * depth):
        cut = sorted(gathered, reverse=True)[most]
    sums = {e: ring.add(c) if len(c) > 1 else c[0] for e, c in gathered.items() if cut is None or e > cut}
    return Series({e: c for e, c in sums.items() if c}, cut)


def multiply(ring: Ring, a: Series, b: Series, depth: int, floor: Rational | None = None) -> Series:
    """Multiply, without forming what lies below the cut or at or below the floor."""
    cuts = [] if floor is None else [floor]
    cuts += [u.cut + v.top for u, v in ((a, b), (b, a)) if u.cut is not None and v.top is not None]
    cut = max(cuts, default=None)
    parts = [
        {ea + eb: ring.multiply(ca, cb)}
        for ea, ca in a.terms.items()
        for eb, cb in b.terms.items()
        if cut is None or ea + eb > cut
    ]
    return total(ring, parts, cut, depth)


def compose(ring: Ring, rest: Series, coefficients: Sequence[Poly], depth: int) -> Series:
    """Return sum_i coefficients[i] rest^i, cut at the first power left out."""
    power = Series({0: {(): 1}})
    floor = None if rest.top is None else max(c for c in (rest.top * len(coefficients), rest.cut) if c is not None)
    parts = []
    for i, coefficient in enumerate(coefficients):
        if i:
            power = multiply(ring, power, rest, depth, floor)
        if not power.terms:
            break
        parts.append({e: ring.multiply(c, coefficient) for e, c in power.terms.items()})
    return total(ring, parts, floor, depth)


def numbers(values: Iterable[Rational]) -> list[Poly]:
    """Return rational numbers as elements of a ring.

    >>> numbers([1, 0])
    [{(): 1}, {}]
    """
    return [{(): value.numerator if value.denominator == 1 else value} if value else {} for value in values]
