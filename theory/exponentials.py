"""Expansions with exponentials: exp(p) for a p that tends to a number, to c log x, or faster to infinity.

exp(p) is taken apart into factors, each exactly: exp of a constant, x^c, (log x)^c, exp(q) with q -> 0, which has its
Taylor series, and exp(w) with w -> -infinity faster than c log x, which is smaller than every power and has no series.
So b^e = exp(e log b), and (1 + 1/x)^x = exp(1) exp(x log(x + 1) - x log x - 1), of which the last factor tends to 1:

>>> x = sympy.Symbol("x", positive=True)
>>> expansion = Exponentials(x, (1 + 1 / x) ** x)
>>> lead, constant = expansion.leading(expansion.read(expansion.formula), 0)
>>> lead, expansion.ring.expression(constant)
((0, 0, 0), E)
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import sympy

from bigtheta.theory.constants import CONSTANT, Monomial, Poly, Rational, UndecidedError, rational
from bigtheta.theory.errors import OutsideScaleError
from bigtheta.theory.expansion import DEPTHS, ONE, SCALE, CancelledError, Expansion
from bigtheta.theory.series import Series, compose, numbers

__all__ = ["Exponentials"]

Expr = Any

_BELOW = -(10**6)
"""A power of x, log x or log log x that a small exponential is below, times 1 + depth: it is below all of them."""


class Exponentials(Expansion):
    """Expansions of formulas that hold exponentials too.

    tiny: the kernels exp(w), w -> -infinity; ring.exponents has w, and the exponents of the other exponentials.
    bounded: kernels that oscillate between bounds.
    """

    def __init__(self, x: Expr, formula: Expr) -> None:
        super().__init__(x, formula)
        self.tiny: set[int] = set()
        self.bounded: set[int] = set()

    def read_other(self, e: Expr) -> Poly:
        """Read exponentials, and powers whose exponent is no rational number."""
        if isinstance(e, sympy.exp):
            return self.exp(self.read(e.args[0]))
        if e.is_Pow:
            base = self.read(e.base)
            if (sign := self.sign(base)) <= 0:
                why = "zero" if not sign else f"an expression that is negative for large {self.x}"
                raise self.refuse(f"{e} is a power of {why}")
            logarithm = self.ring.add([self.log(p) for p in self.factors(e.base)])
            return self.exp(self.ring.multiply(self.read(e.exp), logarithm))
        return super().read_other(e)

    def exp(self, p: Poly) -> Poly:
        """Return exp(p)."""
        result, rest = ONE, {}
        for m, c in p.items():
            factor = self.exact_factor(m, c)
            if factor is None:
                rest[m] = c
            else:
                result = self.ring.multiply(result, factor)
        return self.ring.multiply(result, self.exp_whole(rest)) if rest else result

    def exp_whole(self, p: Poly) -> Poly:
        """Return exp(p), p holding no factor by itself that `exact_factor` knows, or only together with the rest."""
        if sign := self.sign_of_large(p):
            return self.tiny_power(p, 0, sign)
        level = self.ring.level(p)
        ahead = self.ahead(p, level)
        if ahead is None:
            return self.growing(p)
        near = self.near_one(self.ring.add([p, self.ring.scale(ahead, -1)]), level)
        return self.ring.multiply(near, self.exp(ahead))

    def growing(self, p: Poly) -> Poly:
        """Return exp(p) for a p that tends to infinity."""
        found = self.leading(p, 0)
        assert found is not None  # it grows
        growth, constant = found
        if growth in ((0, 1, 0), (0, 0, 1)):  # p ~ c log x or c log log x
            level = growth.index(1) - 1
            if [*constant] != [()]:
                base = self.ring.names[level]
                how = f"grows as {base} to the power {self.ring.expression(constant)}"
                e = sympy.exp(self.ring.expression(p))
                raise self.refuse(f"{e} has no rational exponent: it {how}, so it {SCALE}")
            power = constant[()]
            rest = self.ring.add([p, {((level + 1, 1),): -power}])
            return self.ring.multiply({((level, power),): 1}, self.exp_whole(rest) if rest else ONE)
        level = 0 if growth > (0, 1, 0) else 1 if growth > (0, 0, 1) else 2
        return self.tiny_power(p, level, self.ring.sign(constant))

    def exact_factor(self, m: Monomial, c: Rational) -> Poly | None:
        """Return exp(c m) where that is a power of kernels, m being a constant or a logarithm; else None."""
        ring = self.ring
        if not m:
            return self.power(ring.atom(sympy.E), c)
        i, e = m[0]
        if len(m) == 1 and e == 1:
            if i in (1, 2):
                return {((i - 1, c),): 1}
            if i in ring.arguments:
                return self.power(ring.arguments[i], c)
            if isinstance(ring.names[i], sympy.log) and ring.names[i].args[0].is_Integer:
                return ring.root(Fraction(int(ring.names[i].args[0])), c)
        if all(ring.levels[i] == CONSTANT for i, _ in m):
            return {((self.exponential({m: 1}, CONSTANT), c),): 1}
        return None

    def exponential(self, p: Poly, level: int) -> int:
        """Return the kernel exp(p)."""
        key = ("exp", level, frozenset(p.items()))
        if key not in self.ring.ids:
            kernel = self.ring.kernel(key, sympy.exp(self.ring.expression(p)), level)
            self.ring.exponents[kernel] = p
        return self.ring.ids[key]

    def tiny_power(self, p: Poly, level: int, sign: int) -> Poly:
        """Return exp(p) for p that tends to infinity with this sign, as a power of exp(w), w -> -infinity."""
        content = -sign * _content(p)
        kernel = self.exponential(self.ring.scale(p, 1 / content), level)
        self.tiny.add(kernel)
        return {((kernel, content),): 1}

    def near_one(self, p: Poly, level: int) -> Poly:
        """Return exp(p) for p -> 0, a product over the parts of p that tend to 0 by themselves."""
        parts: list[Poly] = []
        together: Poly = {}
        for m, c in p.items():
            if self.decays({m: 1}, level):
                parts.append({m: c})
            else:
                together[m] = c
        result = ONE
        for part in [*parts, together] if together else parts:
            least = min(part.items(), key=lambda item: item[0])[1]
            content = _content(part) * (1 if least > 0 else -1)
            kernel = self.exponential(self.ring.scale(part, 1 / content), level)
            result = self.ring.multiply(result, {((kernel, content),): 1})
        return result

    # where a formula tends to

    def ahead(self, p: Poly, level: int) -> Poly | None:
        """Return the coefficient of v^0, v being the variable of this level; None where p holds growing powers of v.

        Raises:
            UndecidedError: if no expansion goes as far.
        """
        for depth in DEPTHS:
            try:
                series = self.expand(p, level, depth)
                if any(e > 0 and self.leading(c, level + 1) for e, c in series.terms.items()):
                    return None
            except CancelledError:
                continue
            if series.cut is None or series.cut < 0:
                return series.terms.get(0, {})
            if self.outside(p, looked_into=True):
                break
        e = self.ring.expression(p)
        raise UndecidedError(e, self.outside(p, looked_into=True) or f"no limit of {e} was found")

    def diverges(self, p: Poly) -> int:
        """Return 1 or -1 where p tends to infinity or minus infinity, 0 where it tends to a number."""
        if sign := self.sign_of_large(p):
            return sign
        if p and self.all_tiny(p):
            return 0
        found = self.leading(p, 0)
        return 0 if found is None or found[0] <= (0, 0, 0) else self.ring.sign(found[1])

    def decays(self, p: Poly, level: int) -> bool:
        """Whether it is seen that p tends to 0 as a power of the variable of this level."""
        if self.all_tiny(p):
            return True
        try:
            found = self.leading(p, 0)
        except UndecidedError:
            return False
        return found is not None and not any(found[0][:level]) and found[0][level] < 0

    # small and large exponentials

    def sign_of_large(self, p: Poly) -> int:
        """Return the sign of p where it grows faster than every power, for a large exponential in it; else 0."""
        if not any(e < 0 for m in p for i, e in m if i in self.tiny):
            return 0
        ((content, _),) = self.scaled(p)[0].items()
        return self.sign(p) if any(i in self.tiny and e < 0 and self.ring.levels[i] == 0 for i, e in content) else 0

    def scaled(self, p: Poly) -> tuple[Poly, Poly]:
        """Return (m, q), p = m q, with the largest of the exponentials in p as m, so that those in q are small."""
        found = list(dict.fromkeys(tuple((i, e) for i, e in m if i in self.tiny) for m in p))
        best = found[0] if found else ()
        for other in found[1:]:
            exponent = self.ring.add(
                [self.ring.scale(self.ring.exponents[i], s * e) for s, m in ((1, other), (-1, best)) for i, e in m]
            )
            best = other if self.diverges(exponent) > 0 else best
        if not best:
            return ONE, p
        return {best: 1}, self.tamed(self.ring.multiply(p, {tuple((i, -e) for i, e in best): 1}))

    def sign(self, p: Poly) -> int:
        """Return the sign of p for large x; 0 if it is identically zero."""
        return super().sign(self.scaled(p)[1] if self.tiny else p)

    def power(self, p: Poly, r: Rational, *, whole: bool = False) -> Poly:
        """Return p**r."""
        scale, rest = self.scaled(p) if self.tiny else (ONE, p)
        result = super().power(rest, r, whole=whole)
        return result if scale == ONE else self.ring.multiply(self.ring.content_power(scale, r), result)

    def log(self, p: Poly) -> Poly:
        """Return log(p)."""
        scale, rest = self.scaled(p) if self.tiny else (ONE, p)
        result = super().log(rest)
        return result if scale == ONE else self.ring.add([self.ring.content_log(scale), result])

    def all_tiny(self, p: Poly) -> bool:
        """Whether every term of p holds a small exponential and no large one."""
        exponents = [[e for i, e in m if self.is_tiny(i)] for m in p]
        return all(es and min(es) > 0 for es in exponents)

    def is_tiny(self, i: int) -> bool:
        """Whether a kernel tends to 0 faster than every power."""
        return i in self.tiny

    def tamed(self, p: Poly) -> Poly:
        """Return p with each product of large and small exponentials written as one exponential."""
        if not any(e < 0 for m in p for i, e in m if i in self.tiny):
            return p
        parts: list[Poly] = []
        for m, c in p.items():
            found = [(i, e) for i, e in m if i in self.tiny]
            if len(found) < 2 or all(e > 0 for _, e in found):
                parts.append({m: c})
                continue
            exponent = self.ring.add([self.ring.scale(self.ring.exponents[i], e) for i, e in found])
            rest: Poly = {tuple(factor for factor in m if factor not in found): c}
            parts.append(self.ring.multiply(rest, self.exp(exponent)))
        return self.ring.add(parts)

    def outside(self, p: Poly, *, looked_into: bool) -> str:
        """Return why p has no leading term in the scale, if that is seen."""
        if not self.tiny and not self.bounded:
            return ""
        p = self.tamed(p)
        if p and (self.all_tiny(p) or (looked_into and self.name_in(p, self.tiny) and self.only_tiny(p))):
            return f"{self.name_in(p, self.tiny)} {SCALE}"
        if looked_into and (name := self.name_in(p, self.bounded)):
            return f"{name} oscillates, so it {SCALE}"
        return ""

    def only_tiny(self, p: Poly) -> bool:
        """Whether p is seen to vanish but for its small exponentials."""
        try:
            return not self.ring.cleared(self.without_tiny(p))[0]
        except (UndecidedError, OutsideScaleError):
            return False

    def without_tiny(self, p: Poly) -> Poly:
        """Return what p is without its small exponentials, in sums and functions too."""
        parts = []
        for m, c in p.items():
            part: Poly = {} if any(self.is_tiny(i) and e > 0 for i, e in m) else {(): c}
            for i, e in m if part else ():
                inner = self.within(i)
                factor: Poly = {((i, e),): 1}
                if inner is not None and i not in self.tiny and self.name_in(inner, self.tiny):
                    factor = self.kernel_without_tiny(i, e, inner)
                part = self.ring.multiply(part, factor)
            parts.append(part)
        return self.ring.add(parts)

    def kernel_without_tiny(self, i: int, e: Rational, inner: Poly) -> Poly:
        """Return a kernel to the power e, without small exponentials in what it is a function of."""
        rest = self.without_tiny(inner)
        if i in self.ring.exponents:
            return self.exp(self.ring.scale(rest, e))
        if i in self.ring.bases:
            return self.power(rest, e)
        return self.power(self.log(rest), e) if i in self.ring.arguments else {((i, e),): 1}

    def name_in(self, p: Poly, kernels: set[int]) -> str:
        """Return the first of these kernels that p holds, also within sums and functions, as text; "" if none."""
        for i, e in (factor for m in p for factor in m):
            if i in kernels:
                return str(self.ring.name(i) if i in self.bounded else self.named(i, e))
            if (inner := self.within(i)) is not None and (name := self.name_in(inner, kernels)):
                return name
        return ""

    def named(self, i: int, e: Rational) -> Expr:
        """Return an exponential as one would write it, b^e for exp(e log b)."""
        exponent = sympy.expand(self.ring.expression(self.ring.exponents[i]) * rational(e))
        exponent = exponent.replace(sympy.loggamma, lambda a: sympy.log(sympy.gamma(a)))
        bases = [f for f in sympy.Mul.make_args(exponent) if isinstance(f, sympy.log)]
        return sympy.Pow(bases[0].args[0], exponent / bases[0]) if bases else sympy.exp(exponent)

    def within(self, i: int) -> Poly | None:
        """Return the sum that a kernel is a function of."""
        for table in (self.ring.bases, self.ring.arguments, self.ring.exponents):
            if i in table:
                return table[i]
        return None

    def special_series(self, i: int, e: Rational, level: int, depth: int) -> Series | None:
        """Expand an exponential; what oscillates is of order 1, and no more is known of it."""
        if i in self.bounded:
            return Series({}, 0)
        if i not in self.ring.exponents:
            return None
        if i in self.tiny:
            if e < 0:
                name = self.named(i, e)
                raise UndecidedError(name, f"{name} {SCALE}")
            return Series({}, _BELOW * (1 + depth))
        exponent = self.vanishing(self.ring.exponents[i], level, depth)
        return compose(
            self.ring, exponent, numbers(Fraction(e) ** k / math.factorial(k) for k in range(depth + 2)), depth
        )

    def vanishing(self, p: Poly, level: int, depth: int) -> Series:
        """Expand what tends to 0, without the terms that are proved to vanish."""
        series = self.expand(p, level, depth)
        if any(e >= 0 and self.leading(c, level + 1) for e, c in series.terms.items()):
            raise CancelledError
        return Series({e: c for e, c in series.terms.items() if e < 0}, series.cut)


def _content(p: Poly) -> Fraction:
    """The largest rational number that all coefficients are whole multiples of."""
    return Fraction(math.gcd(*(c.numerator for c in p.values())), math.lcm(*(c.denominator for c in p.values())))
