"""Expansions with erf and gamma: Taylor series at a number, asymptotic series at infinity.

erf(a + q) = erf(a) + 2/sqrt(pi) exp(-a^2) (q - a q^2 + ...), and log gamma(a + q) = log gamma(a) + psi(a) q + ...; for
p -> infinity erf(p) = 1 - exp(-p^2) (1 - 1/(2 p^2) + ...)/(p sqrt(pi)), and Stirling's series of log gamma.

>>> x = sympy.Symbol("x", positive=True)
>>> expansion = Special(x, sympy.gamma(x + sympy.Rational(1, 2)) / sympy.gamma(x))
>>> expansion.leading(expansion.read(expansion.formula), 0)
((Fraction(1, 2), 0, 0), {(): 1})
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy

from bigtheta.theory.analytic import Analytic
from bigtheta.theory.constants import CONSTANT, Poly, UndecidedError
from bigtheta.theory.expansion import ONE, fraction
from bigtheta.theory.series import numbers

__all__ = ["Special"]

Expr = Any

_MOST_SHIFTS = 50
"""Steps by which the argument of gamma is brought above 0."""


class Special(Analytic):
    """Expansions of formulas with elementary functions, erf and gamma."""

    def readers(self) -> dict[Expr, Callable[[Poly, Expr], Poly]]:
        """The functions that are read."""
        table = super().readers() | dict.fromkeys((sympy.erf, sympy.erfc), self.error_function)
        return table | dict.fromkeys((sympy.gamma, sympy.factorial, sympy.loggamma), self.gamma)

    def error_function(self, p: Poly, e: Expr) -> Poly:
        """Return erf(p) or erfc(p)."""
        return self.erf(p) if e.func == sympy.erf else self.less(ONE, self.erf(p))

    def erf(self, p: Poly) -> Poly:
        """Return erf(p)."""
        ring = self.ring
        if ring.level(p) == CONSTANT:
            return self.constant(sympy.erf, p)
        two_over_root = ring.scale(self.power(self.read(sympy.pi), Fraction(-1, 2)), 2)
        parts = None if self.sign_of_large(p) else self.parted(p)
        if parts is None:
            sign = self.diverges(p)
            square = ring.multiply(p, p)
            ratio = ring.scale(ring.multiply(self.exp(ring.scale(square, -1)), self.power(p, -1)), Fraction(sign, 2))
            level = 0 if self.sign_of_large(p) else ring.level(p)
            excess = self.near("erfcx", self.power(square, -1), level, _mills, _excess)
            small = ring.multiply(ring.multiply(two_over_root, ratio), ring.add([ONE, excess]))
            return ring.scale(self.less(ONE, small), sign)
        level, ahead, rest = parts
        slope = ring.multiply(two_over_root, self.exp(ring.scale(ring.multiply(ahead, ahead), -1)))
        a, key = ring.expression(ahead), ("erf", frozenset(ahead.items()))
        tail = self.near(key, rest, level, lambda count: self.erf_taylor(ahead, count), lambda q: _erf_from(a, q))
        return ring.add([self.erf(ahead), ring.multiply(slope, tail)])

    def erf_taylor(self, ahead: Poly, count: int) -> list[Poly]:
        """Return the first coefficients of (erf(a + q) - erf(a)) exp(a^2) sqrt(pi)/2 in q."""
        ring = self.ring
        result: list[Poly] = [{}]
        derivative = [1]  # of exp(-t^2), over it: a polynomial in t, next = derivative' - 2 t derivative
        for k in range(1, count):
            value: Poly = {}
            for c in reversed(derivative):
                value = ring.add([ring.multiply(value, ahead), *numbers([c])])
            result.append(ring.scale(value, Fraction(1, math.factorial(k))))
            slope = [i * c for i, c in enumerate(derivative)][1:]
            double = [0, *(-2 * c for c in derivative)]
            derivative = [c + (slope[i] if i < len(slope) else 0) for i, c in enumerate(double)]
        return result

    def gamma(self, p: Poly, e: Expr) -> Poly:
        """Return gamma(p), p! or log gamma(p)."""
        ring = self.ring
        if e.func == sympy.factorial:
            p = ring.add([p, ONE])
        if (sign := self.diverges(p)) < 0:
            raise self.refuse(f"{e} has a pole at each whole number, so no limit")
        factor, divisor, p = self.shifted(p, e, grows=bool(sign))
        logarithm = self.log_gamma(-1, p)
        if e.func == sympy.loggamma:
            if divisor != ONE and self.sign(divisor) <= 0:
                raise self.refuse(f"{e} is a logarithm of an expression that is negative for large {self.x}")
            return ring.add([logarithm, self.less(self.log(factor), self.log(divisor))])
        return self.ratio(ring.multiply(self.exp(logarithm), factor), divisor, e)

    def shifted(self, p: Poly, e: Expr, *, grows: bool) -> tuple[Poly, Poly, Poly]:
        """Return (a, b, q), gamma(p) = a gamma(q)/b, q = p + m; q - floor(p) for p -> infinity, so that what is equal
        is written alike, else q is at least 1/2 for large x.
        """
        ring, factor, divisor = self.ring, ONE, ONE
        steps = math.floor(p.get((), 0)) if grows else -self.steps_up(p, e)
        if abs(steps) > _MOST_SHIFTS:
            return ONE, ONE, p
        for _ in range(-steps):
            divisor = ring.multiply(divisor, p)
            p = ring.add([p, ONE])
        for _ in range(steps):
            p = self.less(p, ONE)
            factor = ring.multiply(factor, p)
        return factor, divisor, p

    def steps_up(self, p: Poly, e: Expr) -> int:
        """Return by how much p is to be raised to be at least 1/2 for large x."""
        limit = self.limit(p)
        for steps in range(_MOST_SHIFTS + 1):
            if self.ring.sign(self.ring.add([limit, {(): steps - Fraction(1, 2)}])) >= 0:
                return steps
        raise self.refuse(f"{e} is of an expression below -{_MOST_SHIFTS} for large {self.x}")

    def limit(self, p: Poly) -> Poly:
        """Return the constant that p tends to."""
        while self.ring.level(p) != CONSTANT:
            parts = self.parted(p)
            if parts is None:
                e = self.ring.expression(p)
                raise UndecidedError(e, f"no limit of {e} was found")
            p = parts[1]
        return p

    def log_gamma(self, order: int, p: Poly) -> Poly:
        """Return log gamma(p) for order -1, else its derivative psi^(order)(p); p is positive for large x."""
        ring = self.ring
        if ring.level(p) == CONSTANT:
            if order < 0:
                return self.log(self.constant(sympy.gamma, p))
            return self.constant(lambda a: sympy.polygamma(order, a), p)
        parts = self.parted(p)
        if parts is not None:
            level, ahead, rest = parts
            key, a = ("log gamma", order, frozenset(ahead.items())), ring.expression(ahead)
            taylor = lambda count: self.log_gamma_taylor(order, ahead, count)  # noqa: E731
            tail = self.near(key, rest, level, taylor, lambda q: _gamma(order, a + q) - _gamma(order, a))
            return ring.add([self.log_gamma(order, ahead), tail])
        if order >= 0:
            e = sympy.polygamma(order, ring.expression(p))
            raise self.refuse(f"{e} is no function whose expansion is known at infinity")
        logarithm = self.log(p)
        head = ring.multiply(ring.add([p, {(): Fraction(-1, 2)}]), logarithm)
        half = ring.scale(self.log(ring.scale(self.read(sympy.pi), 2)), Fraction(1, 2))
        tail = self.near("stirling", self.power(p, -1), ring.level(p), _stirling, _beyond_stirling)
        return ring.add([self.less(head, p), half, tail])

    def log_gamma_taylor(self, order: int, ahead: Poly, count: int) -> list[Poly]:
        """Return the first coefficients of psi^(order)(a + q) - psi^(order)(a) in q."""
        higher = [self.log_gamma(order + k, ahead) for k in range(1, count)]
        return [{}, *(self.ring.scale(value, Fraction(1, math.factorial(k))) for k, value in enumerate(higher, 1))]


def _mills(count: int) -> list[Poly]:
    """sqrt(pi) p exp(p^2) erfc(p) - 1 in r = 1/p^2: -r/2 + 3 r^2/4 - 15 r^3/8 + ..., an asymptotic series."""
    terms = [Fraction(1)]
    for k in range(1, count):
        terms.append(terms[-1] * Fraction(1 - 2 * k, 2))
    return numbers([0, *terms[1:]])


def _excess(r: Expr) -> Expr:
    p = 1 / sympy.sqrt(r)
    return sympy.sqrt(sympy.pi) * p * sympy.exp(p**2) * sympy.erfc(p) - 1


def _erf_from(a: Expr, q: Expr) -> Expr:
    return (sympy.erf(a + q) - sympy.erf(a)) * sympy.exp(a**2) * sympy.sqrt(sympy.pi) / 2


def _gamma(order: int, a: Expr) -> Expr:
    return sympy.loggamma(a) if order < 0 else sympy.polygamma(order, a)


def _stirling(count: int) -> list[Poly]:
    """log gamma(p) - (p - 1/2) log p + p - log(2 pi)/2 in r = 1/p: r/12 - r^3/360 + ..., an asymptotic series."""
    return numbers(
        fraction(sympy.bernoulli(k + 1)) / (k * (k + 1)) if k % 2 else 0 for k in range(count)
    )  # fmt: skip


def _beyond_stirling(r: Expr) -> Expr:
    p = 1 / r
    return sympy.loggamma(p) - (p - sympy.Rational(1, 2)) * sympy.log(p) + p - sympy.log(2 * sympy.pi) / 2
