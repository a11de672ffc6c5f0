"""Exact coefficients: sums of products of kernels with rational exponents, over Q, with zero and sign tests.

A kernel is positive and taken as one letter: the sizes' scale x, log x, log log x, a prime under a root, pi, sin(1), or
a sum under a root or in a denominator. A logarithm of a sum is a kernel too, of either sign. log(6) is split into
log(2) + log(3), and 1 + 1/x into x^(-1) (x + 1), so most equal things are written alike and cancel by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import sympy

from bigtheta.theory.factors import factors

try:
    import flint
except ImportError:  # SymPy's digits instead: slower
    flint = None  # type: ignore[assignment]

__all__ = [
    "CONSTANT", "MOST_EXPANDED", "EffortError", "Monomial", "Poly", "Rational", "Ring", "UndecidedError", "rational",
]  # fmt: skip

Expr = Any
Rational = Fraction | int
Monomial = tuple[tuple[int, Rational], ...]
Poly = dict[Monomial, Rational]
"""coefficient of each product of kernels; a kernel is the number it has in its ring. Never changed once built."""

CONSTANT = 3
"""The level of what holds none of the three variables."""
_BITS = (200, 2_000)
_MOST_OPERATIONS = 100
MOST_EXPANDED = 200
"""Terms of a product that is multiplied out at once."""


class EffortError(Exception):
    """More products were formed than the limit allows."""


class UndecidedError(Exception):
    """No proof was found that a quantity is zero, nor that it is not; or it is not, and leaves the scale."""

    def __init__(self, quantity: Expr, reason: str = "") -> None:
        super().__init__(quantity)
        self.reason = reason or f"no leading term of {quantity} was found; it may be zero"


def rational(value: Rational) -> Expr:
    """Return a fraction as SymPy's.

    >>> rational(Fraction(3, 2))
    3/2
    """
    return sympy.Rational(value.numerator, value.denominator)


class Ring:
    """Polynomials in kernels over three variables, each the logarithm of the one before.

    >>> ring = Ring(sympy.symbols("x y z"), limit=1000)
    >>> two = ring.root(Fraction(2), Fraction(1, 2))
    >>> ring.expression(ring.multiply(two, ring.root(Fraction(6), Fraction(1, 2))))
    2*sqrt(3)
    >>> ring.sign(ring.add([two, {(): Fraction(-3, 2)}]))
    -1
    """

    def __init__(self, variables: Sequence[Expr], limit: int) -> None:
        self.left = limit
        self.ids: dict[Hashable, int] = {}
        self.names: list[Expr] = []
        self.levels: list[int] = []
        self.positive: list[bool] = []
        self.primes: dict[int, int] = {}
        self.bases: dict[int, Poly] = {}
        self.arguments: dict[int, Poly] = {}
        self.exponents: dict[int, Poly] = {}
        self.signs: dict[Hashable, int] = {}
        for level, variable in enumerate(variables):
            self.kernel(variable, variable, level)

    def kernel(self, key: Hashable, name: Expr, level: int, *, positive: bool = True) -> int:
        """Return the number of a kernel, a new one at first sight."""
        if key not in self.ids:
            self.ids[key] = len(self.names)
            self.names.append(name)
            self.levels.append(level)
            self.positive.append(positive)
        return self.ids[key]

    def level(self, p: Poly) -> int:
        """Return the first variable that p holds: 0, 1, 2, or 3 for a constant."""
        return min((self.levels[i] for m in p for i, _ in m), default=CONSTANT)

    def spend(self, products: int) -> None:
        """Count the work; EffortError when the limit is passed."""
        self.left -= products
        if self.left < 0:
            raise EffortError

    def atom(self, constant: Expr) -> Poly:
        """Return a constant that is not looked into, such as sin(1), as a positive kernel with its sign.

        Raises:
            UndecidedError: if it may be zero.
        """
        sign = _approximate_sign(constant, _BITS[0])
        if not sign:
            raise UndecidedError(constant)
        return {((self.kernel(constant, sign * constant, CONSTANT), 1),): sign}

    def root(self, value: Rational, exponent: Rational) -> Poly:
        """Return value**exponent for value > 0, as primes to exponents between 0 and 1."""
        scale, monomial = Fraction(1), []
        for prime, times in factors(value).items():
            power = times * exponent
            whole = math.floor(power)
            scale *= Fraction(prime) ** whole
            if power != whole:
                kernel = self.kernel(("prime", prime), sympy.Integer(prime), CONSTANT)
                self.primes[kernel] = prime
                monomial.append((kernel, power - whole))
        return {tuple(sorted(monomial)): _plain(scale)}

    def log_rational(self, value: Rational) -> Poly:
        """Return log(value) for value > 0 as a sum over logs of primes."""
        logs = [(self.kernel(sympy.log(prime), sympy.log(prime), CONSTANT), e) for prime, e in factors(value).items()]
        return self.add([{((log, 1),): e} for log, e in logs])

    def base(self, p: Poly, exponent: Rational) -> Poly:
        """Return p**exponent as one kernel; p must be positive for large x, and primitive."""
        kernel = self.kernel(("base", frozenset(p.items())), None, self.level(p))
        self.bases.setdefault(kernel, p)
        return {((kernel, exponent),): 1}

    def log_base(self, p: Poly) -> Poly:
        """Return log(p) as one kernel; p must be positive for large x."""
        kernel = self.kernel(("log", frozenset(p.items())), None, self.level(p), positive=False)
        self.arguments.setdefault(kernel, p)
        return {((kernel, 1),): 1}

    def content_power(self, content: Poly, r: Rational) -> Poly:
        """Return a positive rational times positive kernels, to the power r."""
        ((kernels, scale),) = content.items()
        result = self.root(scale, r)
        for i, e in kernels:
            factor: Poly = self.root(Fraction(self.primes[i]), e * r) if i in self.primes else {((i, e * r),): 1}
            result = self.multiply(result, factor)
        return result

    def content_log(self, content: Poly) -> Poly:
        """Return the logarithm of a positive rational times positive kernels; ValueError for the last variable's."""
        ((kernels, scale),) = content.items()
        parts = [self.log_rational(scale)]
        for i, e in kernels:
            if i == CONSTANT - 1:
                raise ValueError(self.names[i])
            part: Poly
            if i in self.primes:
                part = self.log_rational(Fraction(self.primes[i]))
            elif i in self.bases:
                part = self.log_base(self.bases[i])
            elif i in self.exponents:
                part = self.exponents[i]
            elif self.names[i] == sympy.E:
                part = {(): 1}
            else:
                part = {((i + 1, 1),): 1} if i < CONSTANT else self.log_base({((i, 1),): 1})
            parts.append(self.scale(part, e))
        return self.add(parts)

    # arithmetic

    def add(self, parts: Iterable[Poly]) -> Poly:
        """Return the sum."""
        total: Poly = {}
        for part in parts:
            for m, c in part.items():
                _put(total, m, c)
        return total

    def scale(self, p: Poly, factor: Rational) -> Poly:
        """Return p times a rational number."""
        return p if factor == 1 else {m: _plain(c * factor) for m, c in p.items()} if factor else {}

    def multiply(self, a: Poly, b: Poly, most: float = MOST_EXPANDED) -> Poly:
        """Return the product; whole powers of sums are multiplied out where that gives at most so many terms."""
        self.spend(1 + len(a) * len(b))
        if len(a) == 1 and () in a:
            return self.scale(b, a[()])
        if len(b) == 1 and () in b:
            return self.scale(a, b[()])
        total: Poly = {}
        for ma, ca in a.items():
            for mb, cb in b.items():
                self.gather(total, ma, mb, ca * cb, most)
        return total

    def gather(self, total: Poly, ma: Monomial, mb: Monomial, c: Rational, most: float) -> None:
        """Add c * ma * mb to a sum under construction, in normal form."""
        joined = dict(ma)
        for i, e in mb:
            joined[i] = _plain(joined[i] + e) if i in joined else e
        whole: list[tuple[int, int]] = []
        for i in [i for i in joined if i in self.primes or i in self.bases]:
            times = math.floor(joined[i])
            if i in self.primes and times:
                c = _plain(c * Fraction(self.primes[i]) ** times)
                joined[i] -= times
            elif times >= 1 and i in self.bases:
                whole.append((i, times))
        if whole and math.prod(_length(self.bases[i], times) for i, times in whole) > most:
            whole = []
        for i, times in whole:
            joined[i] -= times
        monomial = tuple(sorted((i, e) for i, e in joined.items() if e))
        if not whole:
            _put(total, monomial, c)
            return
        product: Poly = {monomial: c}
        for i, times in whole:
            for _ in range(times):
                product = self.multiply(product, self.bases[i], most)
        for m, value in product.items():
            _put(total, m, value)

    def natural_power(self, p: Poly, times: int) -> Poly | None:
        """Return p**times multiplied out, or None if that would be long."""
        if times > MOST_EXPANDED or _length(p, times) > MOST_EXPANDED:
            return None
        result: Poly = {(): 1}
        for _ in range(times):
            result = self.multiply(result, p)
        return result

    def primitive(self, p: Poly) -> tuple[Poly, Poly]:
        """Return (c m, q), p = c m q, with c > 0 rational, m of positive kernels, and q without such factors."""
        numerator = math.gcd(*(c.numerator for c in p.values()))
        content = Fraction(numerator, math.lcm(*(c.denominator for c in p.values())))
        found: dict[int, list[Rational]] = {}
        for i, e in (factor for m in p for factor in m if self.positive[factor[0]]):
            found.setdefault(i, []).append(e)
        least = {i: min(*es, 0) if len(es) < len(p) else min(es) for i, es in found.items()}
        least = {i: e for i, e in least.items() if i not in self.bases or len(found[i]) == len(p)}
        common = tuple(sorted((i, e) for i, e in least.items() if e))
        if content == 1 and not common:
            return {(): 1}, p
        back = tuple((i, -e) for i, e in common)
        rest: Poly = {}
        for m, c in p.items():
            joined = dict(m)
            for i, e in back:
                joined[i] = _plain(joined.get(i, 0) + e)
            _put(rest, tuple(sorted((i, e) for i, e in joined.items() if e)), _plain(c / content))
        return {common: content}, rest

    def cleared(self, p: Poly) -> tuple[Poly, Poly]:
        """Return (q, b), p = q b, with q free of denominators and whole powers of sums, b of powers of sums.

        q is empty for every rational function of the kernels that vanishes.
        """
        back: Monomial = ()
        for i in sorted(self.bases, reverse=True):  # a sum only holds kernels that are older
            self.spend(len(p))
            exponents = [dict(m).get(i, 0) for m in p]
            least = min([0, *map(math.floor, exponents)])
            if not least and max(exponents, default=0) < 1:
                continue
            total: Poly = {}
            for m, c in p.items():
                self.gather(total, m, ((i, -least),) if least else (), c, math.inf)
            p, back = total, ((i, least), *back) if least else back
        return p, {back: 1}

    # constants

    def sign(self, p: Poly) -> int:
        """Return 1, 0 or -1: the sign of a constant, proved by interval arithmetic; 0 only with a proof.

        Raises:
            UndecidedError: if it is zero to 2,000 bits and SymPy proves nothing.
        """
        if len(p) <= 1 and all(not m for m in p):
            return next(((c > 0) - (c < 0) for c in p.values()), 0)
        key = frozenset(p.items())
        if key not in self.signs:
            self.signs[key] = self.sign_at(p, _BITS[0]) or self.close_sign(p)
        return self.signs[key]

    def close_sign(self, p: Poly) -> int:
        """Return the sign of a constant that is zero or close to it."""
        self.spend(1_000)
        if not self.cleared(p)[0]:
            return 0
        if sign := self.sign_at(p, _BITS[1]):
            return sign
        value = self.expression(p)
        if value.count_ops() <= _MOST_OPERATIONS:
            self.spend(20_000)
            if any(f(value) == 0 for f in (sympy.expand, sympy.sqrtdenest, sympy.simplify)):
                return 0
        raise UndecidedError(value)

    def sign_at(self, p: Poly, bits: int) -> int:
        """Return the sign of a constant; 0 if this precision does not tell."""
        self.spend(1 + len(p))
        if flint is None:
            return _approximate_sign(self.expression(p), bits)
        before, flint.ctx.prec = flint.ctx.prec, bits
        try:
            value = self.interval(p, bits)
        finally:
            flint.ctx.prec = before
        return 1 if value > 0 else -1 if value < 0 else 0

    def interval(self, p: Poly, bits: int) -> Any:
        """Return an interval that holds the constant p."""
        total = flint.arb(0)
        for m, c in p.items():
            term = _arb(c)
            for i, e in m:
                if i in self.bases:
                    value = self.interval(self.bases[i], bits)
                elif i in self.arguments:
                    value = self.interval(self.arguments[i], bits).log()
                else:
                    value = _atom_interval(self.names[i], bits)
                term *= value ** (_arb(e) if e.denominator != 1 else e.numerator)
            total += term
        return total

    def expression(self, p: Poly) -> Expr:
        """Return p as SymPy."""
        return sympy.Add(*(sympy.Mul(rational(c), *(self.name(i) ** rational(e) for i, e in m)) for m, c in p.items()))

    def name(self, kernel: int) -> Expr:
        """Return a kernel as SymPy."""
        if self.names[kernel] is None:
            inner = kernel in self.bases
            name = self.expression(self.bases[kernel] if inner else self.arguments[kernel])
            self.names[kernel] = name if inner else sympy.log(name)
        return self.names[kernel]


def _put(total: Poly, m: Monomial, c: Rational) -> None:
    """Add c * m to a sum under construction."""
    value = _plain(total[m] + c) if m in total else c
    if value:
        total[m] = value
    else:
        total.pop(m, None)


def _plain(value: Rational) -> Rational:
    """Return a whole number as int: much faster than Fraction."""
    return value.numerator if value.denominator == 1 else value


def _length(p: Poly, times: int) -> int:
    """The number of terms of p**times multiplied out, at most."""
    return math.comb(times + len(p) - 1, times) if p else 1


def _arb(value: Rational) -> Any:
    return flint.arb(flint.fmpq(value.numerator, value.denominator))


def _atom_interval(constant: Expr, bits: int) -> Any:
    """Return an interval that holds an atom: by arb for integers, their logarithms and pi, else SymPy's digits."""
    if constant.is_Integer:
        return flint.arb(int(constant))
    if isinstance(constant, sympy.log) and constant.args[0].is_Integer:
        return flint.arb(int(constant.args[0])).log()
    if constant == sympy.pi:
        return flint.arb.pi()
    value = sympy.N(constant, int(bits * 0.302) + 10)
    exact = sympy.Rational(value)
    middle = flint.arb(flint.fmpq(int(exact.p), int(exact.q)))
    return middle + flint.arb(0, 1) * middle / flint.arb(2) ** (value._prec - 8)


def _approximate_sign(value: Expr, bits: int) -> int:
    """Return the sign of a constant by SymPy's digits, which come with their accuracy; 0 if they do not tell."""
    number = sympy.N(value, int(bits * 0.302))
    if not number.is_Float or number._prec < bits // 2 or abs(number) < sympy.Float(2) ** (-bits // 2):
        return 0
    return 1 if number > 0 else -1
