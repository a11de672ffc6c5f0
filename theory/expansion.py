"""Expansions in powers of x, with coefficients that are exact functions of log x, and those in turn of log log x.

A leading coefficient counts only once it is proved not to vanish: where it vanishes the next one is taken, with more
terms where needed. Exponentials and other functions are in the classes that extend this one.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import sympy

from bigtheta.theory.constants import CONSTANT, MOST_EXPANDED, Poly, Rational, Ring, UndecidedError
from bigtheta.theory.errors import OutsideScaleError
from bigtheta.theory.factors import square_free
from bigtheta.theory.series import Series, compose, multiply, numbers, total

__all__ = ["DEPTHS", "MOST_OPERATIONS", "ONE", "SCALE", "CancelledError", "Expansion", "fraction", "vanishes"]

Expr = Any
Lead = tuple[tuple[Rational, ...], Poly]

DEPTHS = (0, 2, 4, 8, 16, 32, 64)
_CLEAR_FROM = 8
_EFFORT = 1_000_000
"""Products of terms formed before an expression is given up: some seconds."""
MOST_OPERATIONS = 100
"""Length of what SymPy is asked to simplify."""
ONE: Poly = {(): 1}
SCALE = "leaves the scale n^a (log n)^b (log log n)^c"
_LOGLOGLOG = f"log log log {SCALE}"


class CancelledError(Exception):
    """The terms kept so far cancel: more are needed."""


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
        self.series: dict[object, Series] = {}

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
            return self.ring.scale(ONE, fraction(e))
        if e.is_Add:
            return self.ring.add([self.read(a) for a in e.args])
        if e.is_Mul:
            return self.product([self.read(a) for a in e.args])
        if e.is_Pow and e.exp.is_Rational:
            return self.product([self.power(p, fraction(e.exp)) for p in self.factors(e.base)])
        if isinstance(e, sympy.log):
            return self.ring.add([self.log(p) for p in self.factors(e.args[0])])
        if isinstance(e, sympy.Max | sympy.Min):
            best = self.read(e.args[0])
            for argument in e.args[1:]:
                other = self.read(argument)
                sign = self.sign(self.ring.add([other, self.ring.scale(best, -1)]))
                best = other if (sign > 0) == isinstance(e, sympy.Max) else best
            return best
        return self.read_other(e)

    def read_other(self, e: Expr) -> Poly:
        """Write what is no rational function, power, logarithm, maximum or minimum in kernels."""
        if self.x not in e.free_symbols:
            return self.ring.atom(e)
        raise self.refuse(f"{e} {SCALE}")

    def product(self, parts: list[Poly]) -> Poly:
        """Multiply, out where that is short, else as kernels."""
        most = MOST_EXPANDED
        if math.prod(map(len, parts)) > most:
            most = 0
            parts = [p if len(p) == 1 else self.power(p, 1, whole=True) for p in parts]
        result = ONE
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
        if q == ONE:
            return result
        sign = self.sign(q)
        if not sign:
            raise self.refuse("a power of zero")
        if sign < 0 and r.denominator != 1:
            raise self.refuse(f"a root of an expression that is negative for large {self.x}")
        if sign < 0:
            q = ring.scale(q, -1)
        result = ring.scale(result, -1 if sign < 0 and r.numerator % 2 else 1)
        if q == ONE:
            return result
        parts = [] if r.denominator == 1 else square_free(q)
        if not parts:
            return ring.multiply(result, ring.base(q, r))
        for factor, times in parts:
            result = ring.multiply(result, self.power(factor, r * times))
        return result

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
        if q != ONE:
            sign = self.sign(q)
            if sign <= 0:
                why = "of zero" if not sign else f"of an expression that is negative for large {self.x}"
                raise self.refuse(f"a logarithm {why}")
            factors = square_free(q)
            parts += [ring.scale(self.log(f), times) for f, times in factors] if factors else [ring.log_base(q)]
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
        given, back = p, ONE
        for depth in DEPTHS:
            if reason := self.outside(p, looked_into=depth >= _CLEAR_FROM):
                raise UndecidedError(self.ring.expression(given), reason)
            if depth == _CLEAR_FROM:
                p, back = self.ring.cleared(p)
                if not p:
                    return None
            try:
                series = self.expand(p, level, depth)
                for e in sorted(series.terms, reverse=True):
                    if found := self.leading(series.terms[e], level + 1):
                        lead: Lead = ((e, *found[0]), found[1])
                        return lead if back == ONE else self.lead_product(lead, self.leading(back, level))
            except CancelledError:
                continue
            if series.cut is None:
                return None
        raise UndecidedError(self.ring.expression(given), self.outside(p, looked_into=True))

    def lead_product(self, a: Lead, b: Lead | None) -> Lead:
        """Multiply two leading terms."""
        assert b is not None  # a product of denominators
        return tuple(x + y for x, y in zip(a[0], b[0], strict=True)), self.ring.multiply(a[1], b[1])

    # series in the variable of one level

    def expand(self, p: Poly, level: int, depth: int) -> Series:
        """Expand to `depth` powers beyond the leading one in every sum under a power or log."""
        groups: dict[Any, Poly] = {}
        for m, c in self.tamed(p).items():
            here = tuple((i, e) for i, e in m if self.ring.levels[i] == level)
            rest = tuple((i, e) for i, e in m if self.ring.levels[i] != level)
            groups.setdefault(here, {})[rest] = c
        parts = []
        for here, coefficient in groups.items():
            series = Series({0: coefficient})
            for i, e in here:
                series = multiply(self.ring, series, self.kernel_series(i, e, level, depth), depth)
            parts.append(series)
        cut = max((s.cut for s in parts if s.cut is not None), default=None)
        return total(self.ring, [s.terms for s in parts], cut, depth)

    def kernel_series(self, i: int, e: Rational, level: int, depth: int) -> Series:
        """Expand one kernel to the power e."""
        if i == level:
            return Series({e: ONE})
        key = (i, e, level, depth)
        if key not in self.series:
            if (special := self.special_series(i, e, level, depth)) is not None:
                self.series[key] = special
            elif e != 1:
                base = self.kernel_series(i, 1, level, depth)
                self.series[key] = self.series_power(base, e, level, depth)
            elif i in self.ring.bases:
                self.series[key] = self.expand(self.ring.bases[i], level, depth)
            else:
                inner = self.expand(self.ring.arguments[i], level, depth)
                self.series[key] = self.series_log(inner, level, depth)
        return self.series[key]

    def special_series(self, i: int, e: Rational, level: int, depth: int) -> Series | None:
        """Expand a kernel that is neither a sum nor a logarithm; None for these."""
        return None

    def tamed(self, p: Poly) -> Poly:
        """Return p without products of large and small exponentials."""
        return p

    def outside(self, p: Poly, *, looked_into: bool) -> str:
        """Return why p has no leading term in the scale, if that is seen; `looked_into` also in what stands within."""
        return ""

    def split(self, s: Series, level: int) -> tuple[Rational, Poly, Series]:
        """Write s = c * v**e * (1 + rest) with rest -> 0."""
        for e in sorted(s.terms, reverse=True):
            if self.leading(s.terms[e], level + 1):
                constant, inverse = s.terms[e], self.power(s.terms[e], -1)
                rest = {f - e: self.ring.multiply(c, inverse) for f, c in s.terms.items() if f < e}
                return e, constant, Series(rest, None if s.cut is None else s.cut - e)
        raise CancelledError

    def series_power(self, s: Series, r: Rational, level: int, depth: int) -> Series:
        """Return s**r."""
        if r in (1, 2, 3, 4):
            return s if r == 1 else multiply(self.ring, s, self.series_power(s, r - 1, level, depth), depth)
        lead, constant, rest = self.split(s, level)
        coefficients: list[Rational] = [1]
        for i in range(depth):
            coefficients.append(coefficients[-1] * (r - i) * Fraction(1, i + 1))
        tail = compose(self.ring, rest, numbers(coefficients), depth)
        return multiply(self.ring, Series({lead * r: self.power(constant, r)}), tail, depth)

    def series_log(self, s: Series, level: int, depth: int) -> Series:
        """Return log(s)."""
        lead, constant, rest = self.split(s, level)
        head = self.log(constant)
        if lead and level == CONSTANT - 1:
            raise self.refuse(_LOGLOGLOG)
        if lead:
            head = self.ring.add([head, {((level + 1, 1),): lead}])
        coefficients: list[Rational] = [0, *(Fraction((-1) ** (i + 1), i) for i in range(1, depth + 1))]
        tail = compose(self.ring, rest, numbers(coefficients), depth)
        return total(self.ring, [{0: head}, tail.terms], tail.cut, depth)


def fraction(value: Expr) -> Fraction:
    """Return a rational number of SymPy as a fraction."""
    return Fraction(int(value.p), int(value.q))


def vanishes(e: Expr) -> bool:
    """Whether SymPy proves that a short expression is identically zero."""
    return bool(e.count_ops() <= MOST_OPERATIONS and sympy.simplify(e) == 0)
