"""Leading orders: exact expansions in the scale n^a (log n)^b (log log n)^c, a, b, c rational.

An expression is turned into a finite sum of such monomials with SymPy constants as coefficients, plus a bound on what
was cut off. Where the leading monomials cancel, the expansion is done again with more terms, so the first surviving
term is found; what lies outside the scale is refused with the reason. SymPy's own limit is not used: it can be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy

from bigtheta.theory.errors import InvalidInputError, OutsideScaleError
from bigtheta.theory.expression import FUNCTIONS, parse_expression
from bigtheta.theory.scale import SIZES, Path

__all__ = ["Order", "leading_order"]

Expr = Any
Growth = tuple[Fraction, Fraction, Fraction]

_ONE: Growth = (Fraction(0), Fraction(0), Fraction(0))
_DEPTHS = (2, 4, 8, 16)


@dataclass(frozen=True)
class Order:
    """c * x^power * (log x)^log_power * (log log x)^loglog_power, the leading order as x -> infinity.

    `<`, `<=`, `>`, `>=` compare growth and ignore the constant; `==` compares everything.

    >>> leading_order("n") > leading_order("n/log(n)")
    True
    """

    constant: Expr
    power: Fraction
    log_power: Fraction = Fraction(0)
    loglog_power: Fraction = Fraction(0)
    variable: Expr = SIZES["n"]

    @property
    def growth(self) -> Growth:
        """The three exponents, most significant first."""
        return (self.power, self.log_power, self.loglog_power)

    def __lt__(self, other: object) -> bool:
        return self.growth < other.growth if isinstance(other, Order) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self.growth <= other.growth if isinstance(other, Order) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self.growth > other.growth if isinstance(other, Order) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self.growth >= other.growth if isinstance(other, Order) else NotImplemented

    @property
    def expression(self) -> Expr:
        """The order as one SymPy expression."""
        x = self.variable
        a, b, c = (sympy.Rational(e.numerator, e.denominator) for e in self.growth)
        return self.constant * x**a * sympy.log(x) ** b * sympy.log(sympy.log(x)) ** c

    def __str__(self) -> str:
        return str(self.expression)


def leading_order(expression: object, *, path: Path | Mapping[str, object] | None = None) -> Order:
    """Return the exact leading order of an expression in n, d, k, p along a path.

    Args:
        expression: text or SymPy; sums, products, quotients, rational powers, log, min, max, abs.
        path: the other sizes as functions of the free one, such as {"d": "2*n"}; may be left out for one size.

    Raises:
        OutsideScaleError: if the expression leaves the scale (2^n, n^log n), is identically zero, or its leading
            terms cancel further than the expansion goes.
        InvalidInputError: if it does not parse or more than one size stays free.

    >>> print(leading_order("sqrt(n*d) + log(n)**2", path={"d": "2*n"}))
    sqrt(2)*n
    >>> print(leading_order("sqrt(n+1) + sqrt(n-1) - 2*sqrt(n)"))
    -1/(4*n**(3/2))

    Source: derived (multiseries in the manner of Shackell, Gruntz, and Isabelle's real_asymp).
    """
    formula = (
        expression
        if isinstance(expression, sympy.Basic)
        else parse_expression(expression, SIZES, functions=FUNCTIONS, what="expression")
    )
    if not isinstance(formula, sympy.Expr):
        raise InvalidInputError(f"expression: expected a quantity but got the condition {formula}")
    if formula.has(sympy.Float):
        formula = sympy.nsimplify(formula, rational=True)
    if formula.has(sympy.I, sympy.oo, -sympy.oo, sympy.zoo, sympy.nan):
        raise OutsideScaleError(f"leading order of {formula}: expected real, finite constants")
    formula = formula.subs({symbol: SIZES[str(symbol)] for symbol in formula.free_symbols if str(symbol) in SIZES})
    if path is not None:
        path = path if isinstance(path, Path) else Path(path)
        formula = formula.subs(path.rules)
        if other := sorted(str(s) for s in formula.free_symbols - {path.free} if s in SIZES.values()):
            raise OutsideScaleError(f"leading order of {formula}: the path ({path}) gives no {other[0]}")
    free = sorted(formula.free_symbols, key=str)
    unknown = [s for s in free if s not in SIZES.values()]
    if unknown:
        raise OutsideScaleError(f"leading order of {formula}: {unknown[0]} is not a size; give it a value first")
    if len(free) > 1:
        raise OutsideScaleError(
            f"leading order of {formula}: expected one free size but got {', '.join(map(str, free))}; "
            "give a path, such as d = 2*n"
        )
    variable = free[0] if free else (path.free if path is not None else SIZES["n"])
    for depth in _DEPTHS:
        try:
            series = _Expansion(variable, depth, formula).expand(formula)
        except _CancelledError:
            continue
        if series.terms:
            growth = max(series.terms)
            return Order(sympy.simplify(series.terms[growth]), *growth, variable=variable)
        if series.cut is None or sympy.simplify(formula) == 0:
            raise OutsideScaleError(f"leading order of {formula}: the expression is identically zero")
    raise OutsideScaleError(f"leading order of {formula}: {_DEPTHS[-1]} terms cancel; it may be zero")


@dataclass(frozen=True)
class _Series:
    """sum of terms[g] * monomial(g), up to O(monomial(cut)); cut None means exact."""

    terms: Mapping[Growth, Expr]
    cut: Growth | None = None


class _Expansion:
    """One expansion, to `depth` terms beyond the leading one in every power and log."""

    def __init__(self, variable: Expr, depth: int, formula: Expr) -> None:
        self.x, self.depth, self.formula = variable, depth, formula

    def refuse(self, reason: str) -> OutsideScaleError:
        return OutsideScaleError(f"leading order of {self.formula}: {reason}")

    def expand(self, e: Expr) -> _Series:
        if self.x not in e.free_symbols:
            return self.make({_ONE: e}, None)
        if e == self.x:
            return _Series({(Fraction(1), Fraction(0), Fraction(0)): sympy.Integer(1)})
        if e.is_Add:
            return self.add([self.expand(a) for a in e.args])
        if e.is_Mul:
            result = self.make({_ONE: sympy.Integer(1)}, None)
            for factor in e.args:
                result = self.multiply(result, self.expand(factor))
            return result
        if e.is_Pow:
            if not e.exp.is_Rational:
                raise self.refuse(f"{e} has no rational exponent, so it leaves the scale n^a (log n)^b (log log n)^c")
            return self.power(self.expand(e.base), Fraction(int(e.exp.p), int(e.exp.q)))
        if isinstance(e, sympy.log):
            return self.log(self.expand(e.args[0]))
        if isinstance(e, sympy.Max | sympy.Min):
            best = e.args[0]
            for other in e.args[1:]:
                sign = self.sign(other - best)
                best = other if (sign > 0) == isinstance(e, sympy.Max) else best
            return self.expand(best)
        if isinstance(e, sympy.Abs):
            return self.expand(e.args[0] if self.sign(e.args[0]) >= 0 else -e.args[0])
        raise self.refuse(f"{e} leaves the scale n^a (log n)^b (log log n)^c")

    def sign(self, e: Expr) -> int:
        """Return the sign of e for large x; 0 if e is identically zero."""
        if sympy.simplify(e) == 0:
            return 0
        for depth in _DEPTHS:
            try:
                series = _Expansion(self.x, depth, self.formula).expand(e)
            except _CancelledError:
                continue
            if series.terms:
                return 1 if series.terms[max(series.terms)].is_positive else -1
            if series.cut is None:
                return 0
        raise self.refuse(f"the sign of {e} could not be determined")

    def make(self, terms: Mapping[Growth, Expr], cut: Growth | None) -> _Series:
        """Drop zero terms and those below the cut."""
        kept = {g: c for g, c in terms.items() if (cut is None or g > cut) and not _is_zero(c)}
        return _Series(kept, cut)

    def add(self, parts: list[_Series]) -> _Series:
        total: dict[Growth, Expr] = {}
        for part in parts:
            for growth, coefficient in part.terms.items():
                total[growth] = total.get(growth, sympy.Integer(0)) + coefficient
        cuts = [part.cut for part in parts if part.cut is not None]
        return self.make(total, max(cuts, default=None))

    def multiply(self, a: _Series, b: _Series) -> _Series:
        total: dict[Growth, Expr] = {}
        for ga, ca in a.terms.items():
            for gb, cb in b.terms.items():
                growth = _times(ga, gb)
                total[growth] = total.get(growth, sympy.Integer(0)) + ca * cb
        cuts = []
        for one, other in ((a, b), (b, a)):
            if one.cut is not None and (other.terms or other.cut is not None):
                top = max(other.terms) if other.terms else other.cut
                assert top is not None
                cuts.append(_times(one.cut, top))
        return self.make(total, max(cuts, default=None))

    def split(self, s: _Series, why: str) -> tuple[Growth, Expr, _Series]:
        """Write s = c * monomial * (1 + rest) with rest -> 0."""
        if not s.terms:
            if s.cut is None:
                raise self.refuse(f"{why} of zero")
            raise _CancelledError(f"{why} of a difference whose first terms cancel")
        lead = max(s.terms)
        constant = s.terms[lead]
        back = (-lead[0], -lead[1], -lead[2])
        rest = {_times(g, back): c / constant for g, c in s.terms.items() if g != lead}
        return lead, constant, _Series(rest, None if s.cut is None else _times(s.cut, back))

    def power(self, s: _Series, r: Fraction) -> _Series:
        if r.denominator == 1 and r >= 0:
            result = self.make({_ONE: sympy.Integer(1)}, None)
            if r <= self.depth or (s.cut is None and len(s.terms) <= 4 and r <= 64):
                for _ in range(int(r)):
                    result = self.multiply(result, s)
                return result
        lead, constant, rest = self.split(s, "a power")
        exponent = sympy.Rational(r.numerator, r.denominator)
        if not constant.is_positive and r.denominator != 1:
            raise self.refuse(f"a root of an expression that is negative for large {self.x}")
        grown = (lead[0] * r, lead[1] * r, lead[2] * r)
        coefficients = [sympy.binomial(exponent, i) for i in range(self.depth + 1)]
        return self.multiply(_Series({grown: constant**exponent}), self.compose(rest, coefficients))

    def log(self, s: _Series) -> _Series:
        lead, constant, rest = self.split(s, "a logarithm")
        if not constant.is_positive:
            raise self.refuse(f"a logarithm of an expression that is negative for large {self.x}")
        if lead[2] != 0:
            raise self.refuse("log log log leaves the scale n^a (log n)^b (log log n)^c")
        head = {
            (Fraction(0), Fraction(1), Fraction(0)): _rational(lead[0]),
            (Fraction(0), Fraction(0), Fraction(1)): _rational(lead[1]),
            _ONE: sympy.log(constant),
        }
        tail = [sympy.Integer(0), *(sympy.Rational((-1) ** (i + 1), i) for i in range(1, self.depth + 1))]
        return self.add([self.make(head, None), self.compose(rest, tail)])

    def compose(self, rest: _Series, coefficients: list[Expr]) -> _Series:
        """Return sum_i coefficients[i] rest^i, cut at the first power left out."""
        if not rest.terms and rest.cut is None:
            return self.make({_ONE: coefficients[0]}, None)
        small = max([*rest.terms, *([rest.cut] if rest.cut is not None else [])])
        total = self.make({_ONE: coefficients[0]}, None)
        power = self.make({_ONE: sympy.Integer(1)}, None)
        for coefficient in coefficients[1:]:
            power = self.multiply(power, rest)
            total = self.add([total, self.multiply(power, self.make({_ONE: coefficient}, None))])
        count = len(coefficients)
        cut = (small[0] * count, small[1] * count, small[2] * count)
        return self.make(total.terms, cut if total.cut is None else max(cut, total.cut))


class _CancelledError(Exception):
    """The terms kept so far cancel: more are needed."""


def _times(a: Growth, b: Growth) -> Growth:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def _rational(value: Fraction) -> Expr:
    return sympy.Rational(value.numerator, value.denominator)


def _is_zero(constant: Expr) -> bool:
    """Whether a constant vanishes: SymPy's own answer, else 60 digits and a symbolic check."""
    if constant.is_zero is not None:
        return bool(constant.is_zero)
    value = sympy.N(constant, 60, chop=False)
    return abs(value) < sympy.Float(10) ** -45 and bool(sympy.simplify(constant) == 0)
