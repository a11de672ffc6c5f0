"""Expansions in powers of x, with coefficients that are exact functions of log x, and those in turn of log log x.

A leading coefficient counts only once it is proved not to vanish: where it vanishes the next one is taken, with more
terms where needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy

from bigtheta.theory.constants import CONSTANT, MOST_EXPANDED, Poly, Rational, Ring, UndecidedError
from bigtheta.theory.errors import OutsideScaleError

__all__ = ["MOST_OPERATIONS", "Expansion", "vanishes"]

Expr = Any
Lead = tuple[tuple[Rational, ...], Poly]

_DEPTHS = (0, 2, 4, 8, 16, 32, 64)
_CLEAR_FROM = 8
_EFFORT = 1_000_000
"""Products of terms formed before an expression is given up: some seconds."""
MOST_OPERATIONS = 100
"""Length of what SymPy is asked to simplify."""
_ONE: Poly = {(): 1}
_SCALE = "leaves the scale n^a (log n)^b (log log n)^c"
_LOGLOGLOG = f"log log log {_SCALE}"


class _CancelledError(Exception):
    """The terms kept so far cancel: more are needed."""


@dataclass(frozen=True)
class _Series:
    """sum of terms[e] * v**e, up to terms in v**cut and smaller powers; cut None means exact."""

    terms: Mapping[Rational, Poly]
    cut: Rational | None = None

    @property
    def top(self) -> Rational | None:
        """The largest exponent that may occur."""
        return max(self.terms, default=self.cut)


class Expansion:
    """The expansions of one formula. Level 0 is in powers of x, level 1 of log x, level 2 of log log x.

    >>> x = sympy.Symbol("x", positive=True)
    >>> expansion = Expansion(x, sympy.log(x + 1) - sympy.log(x))
    >>> expansion.leading(expansion.read(expansion.formula), 0)
    ((-1, 0, 0), {(): 1})
    """

    def __init__(self, x: Expr, formula: Expr) -> None:
        self.x, self.formula = x, formula
        self.ring = Ring((x, sympy.log(x), sympy.log(sympy.log(x))), _EFFORT)
        self.known: dict[Expr, Poly] = {}
        self.leads: dict[object, Lead | None] = {}
        self.series: dict[object, _Series] = {}

    def refuse(self, reason: str) -> OutsideScaleError:
        """Return (not raise) the error for this formula."""
        shown = str(self.formula)
        return OutsideScaleError(f"leading order of {shown if len(shown) <= 400 else shown[:400] + ' ...'}: {reason}")

    # from SymPy to kernels

    def read(self, e: Expr) -> Poly:
        """Write an expression in kernels."""
        if e not in self.known:
            self.known[e] = self.read_new(e)
        return self.known[e]

    def read_new(self, e: Expr) -> Poly:
        """Write an expression in kernels that was not met before."""
        if e == self.x:
            return {((0, 1),): 1}
        if e.is_Rational:
            return self.ring.scale(_ONE, _fraction(e))
        if e.is_Add:
            return self.ring.add([self.read(a) for a in e.args])
        if e.is_Mul:
            return self.product([self.read(a) for a in e.args])
        if e.is_Pow and e.exp.is_Rational:
            return self.product([self.power(p, _fraction(e.exp)) for p in self.factors(e.base)])
        if isinstance(e, sympy.log):
            return self.ring.add([self.log(p) for p in self.factors(e.args[0])])
        if isinstance(e, sympy.Max | sympy.Min):
            best = self.read(e.args[0])
            for argument in e.args[1:]:
                other = self.read(argument)
                sign = self.sign(self.ring.add([other, self.ring.scale(best, -1)]))
                best = other if (sign > 0) == isinstance(e, sympy.Max) else best
            return best
        if isinstance(e, sympy.Abs):
            inner = self.read(e.args[0])
            return self.ring.scale(inner, self.sign(inner) or 1)
        if isinstance(e, sympy.exp) and e.args[0].is_Rational:
            return self.power(self.ring.atom(sympy.E), _fraction(e.args[0]))
        if self.x not in e.free_symbols:
            return self.ring.atom(e)
        if e.is_Pow:
            raise self.refuse(f"{e} has no rational exponent, so it {_SCALE}")
        raise self.refuse(f"{e} {_SCALE}")

    def product(self, parts: list[Poly]) -> Poly:
        """Multiply, out where that is short, else as kernels."""
        most = MOST_EXPANDED
        if math.prod(map(len, parts)) > most:
            most = 0
            parts = [p if len(p) == 1 else self.power(p, 1, whole=True) for p in parts]
        result = _ONE
        for part in parts:
            result = self.ring.multiply(result, part, most)
        return result

    def factors(self, e: Expr) -> list[Poly]:
        """Return the factors of a product, all but the first made positive."""
        parts = [self.read(a) for a in sympy.Mul.make_args(e)]
        signs = [self.sign(p) for p in parts] if len(parts) > 1 else [1]
        scales = [math.prod(signs[1:]), *signs[1:]]
        return [self.ring.scale(p, s) for p, s in zip(parts, scales, strict=True)]

    def sign(self, p: Poly) -> int:
        """Return the sign of p for large x; 0 if it is identically zero."""
        if p and all(c > 0 and all(self.ring.positive[i] for i, _ in m) for m, c in p.items()):
            return 1
        try:
            found = self.leading(p, 0)
        except UndecidedError:
            e = self.ring.expression(p)
            if vanishes(e):
                return 0
            raise self.refuse(f"the sign of {e} could not be determined") from None
        return self.ring.sign(found[1]) if found else 0

    def power(self, p: Poly, r: Rational, *, whole: bool = False) -> Poly:
        """Return p**r, a short whole power multiplied out unless it is to stay whole."""
        ring = self.ring
        if not whole and r.denominator == 1 and r >= 0 and (product := ring.natural_power(p, int(r))) is not None:
            return product
        if not p:
            raise self.refuse("a power of zero")
        content, q = ring.primitive(p)
        result = ring.content_power(content, r)
        if q == _ONE:
            return result
        sign = self.sign(q)
        if not sign:
            raise self.refuse("a power of zero")
        if sign < 0 and r.denominator != 1:
            raise self.refuse(f"a root of an expression that is negative for large {self.x}")
        if sign < 0:
            q = ring.scale(q, -1)
        result = ring.scale(result, -1 if sign < 0 and r.numerator % 2 else 1)
        return result if q == _ONE else ring.multiply(result, ring.base(q, r))

    def log(self, p: Poly) -> Poly:
        """Return log(p)."""
        ring = self.ring
        if not p:
            raise self.refuse("a logarithm of zero")
        content, q = ring.primitive(p)
        try:
            parts = [ring.content_log(content)]
        except ValueError:
            raise self.refuse(_LOGLOGLOG) from None
        if q != _ONE:
            sign = self.sign(q)
            if sign <= 0:
                why = "of zero" if not sign else f"of an expression that is negative for large {self.x}"
                raise self.refuse(f"a logarithm {why}")
            parts.append(ring.log_base(q))
        return ring.add(parts)

    # leading terms

    def leading(self, p: Poly, level: int) -> Lead | None:
        """Return the exponents from this level on and the constant of the leading term; None if p is zero."""
        if not p:
            return None
        if level == CONSTANT:
            return ((), p) if self.ring.sign(p) else None
        if self.ring.level(p) > level:
            found = self.leading(p, level + 1)
            return None if found is None else ((0, *found[0]), found[1])
        key = (level, frozenset(p.items()))
        if key not in self.leads:
            self.leads[key] = self.find_leading(p, level)
        return self.leads[key]

    def find_leading(self, p: Poly, level: int) -> Lead | None:
        """Expand deeper and deeper until a coefficient is proved not to vanish."""
        given, back = p, _ONE
        for depth in _DEPTHS:
            if depth == _CLEAR_FROM:
                p, back = self.ring.cleared(p)
                if not p:
                    return None
            try:
                series = self.expand(p, level, depth)
                for e in sorted(series.terms, reverse=True):
                    if found := self.leading(series.terms[e], level + 1):
                        lead: Lead = ((e, *found[0]), found[1])
                        return lead if back == _ONE else self.lead_product(lead, self.leading(back, level))
            except _CancelledError:
                continue
            if series.cut is None:
                return None
        raise UndecidedError(self.ring.expression(given))

    def lead_product(self, a: Lead, b: Lead | None) -> Lead:
        """Multiply two leading terms."""
        assert b is not None  # a product of denominators
        return tuple(x + y for x, y in zip(a[0], b[0], strict=True)), self.ring.multiply(a[1], b[1])

    # series in the variable of one level

    def expand(self, p: Poly, level: int, depth: int) -> _Series:
        """Expand to `depth` powers beyond the leading one in every sum under a power or log."""
        groups: dict[Any, Poly] = {}
        for m, c in p.items():
            here = tuple((i, e) for i, e in m if self.ring.levels[i] == level)
            rest = tuple((i, e) for i, e in m if self.ring.levels[i] != level)
            groups.setdefault(here, {})[rest] = c
        parts = []
        for here, coefficient in groups.items():
            series = _Series({0: coefficient})
            for i, e in here:
                series = self.multiply(series, self.kernel_series(i, e, level, depth), depth)
            parts.append(series)
        cut = max((s.cut for s in parts if s.cut is not None), default=None)
        return self.total([s.terms for s in parts], cut, depth)

    def kernel_series(self, i: int, e: Rational, level: int, depth: int) -> _Series:
        """Expand one kernel to the power e."""
        if i == level:
            return _Series({e: _ONE})
        key = (i, e, level, depth)
        if key not in self.series:
            if e != 1:
                base = self.kernel_series(i, 1, level, depth)
                self.series[key] = self.series_power(base, e, level, depth)
            elif i in self.ring.bases:
                self.series[key] = self.expand(self.ring.bases[i], level, depth)
            else:
                inner = self.expand(self.ring.arguments[i], level, depth)
                self.series[key] = self.series_log(inner, level, depth)
        return self.series[key]

    def total(self, parts: Sequence[Mapping[Rational, Poly]], cut: Rational | None, depth: int) -> _Series:
        """Add, keeping the largest terms."""
        gathered: dict[Rational, list[Poly]] = {}
        for part in parts:
            for e, c in part.items():
                if cut is None or e > cut:
                    gathered.setdefault(e, []).append(c)
        if len(gathered) > (most := 8 + 8 * depth):
            cut = sorted(gathered, reverse=True)[most]
        sums = {e: self.ring.add(c) if len(c) > 1 else c[0] for e, c in gathered.items() if cut is None or e > cut}
        return _Series({e: c for e, c in sums.items() if c}, cut)

    def multiply(self, a: _Series, b: _Series, depth: int, floor: Rational | None = None) -> _Series:
        """Multiply, without forming what lies below the cut or at or below the floor."""
        cuts = [] if floor is None else [floor]
        cuts += [u.cut + v.top for u, v in ((a, b), (b, a)) if u.cut is not None and v.top is not None]
        cut = max(cuts, default=None)
        parts = [
            {ea + eb: self.ring.multiply(ca, cb)}
            for ea, ca in a.terms.items()
            for eb, cb in b.terms.items()
            if cut is None or ea + eb > cut
        ]
        return self.total(parts, cut, depth)

    def split(self, s: _Series, level: int) -> tuple[Rational, Poly, _Series]:
        """Write s = c * v**e * (1 + rest) with rest -> 0."""
        for e in sorted(s.terms, reverse=True):
            if self.leading(s.terms[e], level + 1):
                constant, inverse = s.terms[e], self.power(s.terms[e], -1)
                rest = {f - e: self.ring.multiply(c, inverse) for f, c in s.terms.items() if f < e}
                return e, constant, _Series(rest, None if s.cut is None else s.cut - e)
        raise _CancelledError

    def series_power(self, s: _Series, r: Rational, level: int, depth: int) -> _Series:
        """Return s**r."""
        if r in (1, 2, 3, 4):
            return s if r == 1 else self.multiply(s, self.series_power(s, r - 1, level, depth), depth)
        lead, constant, rest = self.split(s, level)
        coefficients: list[Rational] = [1]
        for i in range(depth):
            coefficients.append(coefficients[-1] * (r - i) * Fraction(1, i + 1))
        tail = self.compose(rest, coefficients, depth)
        return self.multiply(_Series({lead * r: self.power(constant, r)}), tail, depth)

    def series_log(self, s: _Series, level: int, depth: int) -> _Series:
        """Return log(s)."""
        lead, constant, rest = self.split(s, level)
        head = self.log(constant)
        if lead and level == CONSTANT - 1:
            raise self.refuse(_LOGLOGLOG)
        if lead:
            head = self.ring.add([head, {((level + 1, 1),): lead}])
        tail = self.compose(rest, [0, *(Fraction((-1) ** (i + 1), i) for i in range(1, depth + 1))], depth)
        return self.total([{0: head}, tail.terms], tail.cut, depth)

    def compose(self, rest: _Series, coefficients: list[Rational], depth: int) -> _Series:
        """Return sum_i coefficients[i] rest^i, cut at the first power left out."""
        power = _Series({0: _ONE})
        floor = None if rest.top is None else max(c for c in (rest.top * len(coefficients), rest.cut) if c is not None)
        parts = []
        for i, coefficient in enumerate(coefficients):
            if i:
                power = self.multiply(power, rest, depth, floor)
            if not power.terms:
                break
            parts.append({e: self.ring.scale(c, coefficient) for e, c in power.terms.items()})
        return self.total(parts, floor, depth)


def _fraction(value: Expr) -> Fraction:
    return Fraction(int(value.p), int(value.q))


def vanishes(e: Expr) -> bool:
    """Whether SymPy proves that a short expression is identically zero."""
    return bool(e.count_ops() <= MOST_OPERATIONS and sympy.simplify(e) == 0)
