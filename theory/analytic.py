"""Expansions with the elementary functions, each analytic at the point that its argument tends to.

Addition theorems take the limit out: sin(c + q) = sin c cos q + cos c sin q, atan(c + q) = atan c + atan(q/(1 + c^2 +
c q)). What is left is a function of q -> 0, which has its Taylor series. Hyperbolic functions are written in
exponentials and arc sines in arc tangents, so that most of what cancels is seen to. At infinity atan p = pi/2 -
atan(1/p). For erf and gamma see `special`.

>>> x = sympy.Symbol("x", positive=True)
>>> expansion = Analytic(x, sympy.tanh(1 / x) - sympy.sin(1 / x))
>>> expansion.leading(expansion.read(expansion.formula), 0)
((Fraction(-3, 1), 0, 0), {(): Fraction(-1, 6)})
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy

from bigtheta.theory.constants import CONSTANT, Poly, Rational
from bigtheta.theory.expansion import ONE
from bigtheta.theory.exponentials import Exponentials
from bigtheta.theory.series import Series, compose, numbers

__all__ = ["Analytic"]

Expr = Any
Taylor = Callable[[int], list[Poly]]
"""The first coefficients of a power series, so many."""

_IN_EXPONENTIALS = (
    sympy.exp, sympy.sinh, sympy.cosh, sympy.tanh, sympy.coth, sympy.sech, sympy.csch, sympy.asinh, sympy.acosh,
    sympy.atanh,
)  # fmt: skip
"""What is written in exponentials and logarithms, numbers too: tanh(1) = (1 - e^-2)/(1 + e^-2)."""


@dataclass(frozen=True)
class _Function:
    """A function of what tends to 0, with its power series there."""

    argument: Poly
    taylor: Taylor


class Analytic(Exponentials):
    """Expansions of formulas with exponentials, trigonometric, hyperbolic and inverse functions, erf and gamma."""

    def __init__(self, x: Expr, formula: Expr) -> None:
        super().__init__(x, formula)
        self.near_zero: dict[int, _Function] = {}

    def read_other(self, e: Expr) -> Poly:
        """Read a function by its name."""
        if self.x not in e.free_symbols and not e.is_Pow and not isinstance(e, _IN_EXPONENTIALS):
            if e.is_real is False:
                raise self.refuse(f"{e} is no real number")
            return self.ring.atom(e)
        if isinstance(e, sympy.Piecewise):
            return self.piecewise(e)
        if (read := self.readers().get(e.func)) is not None:
            return read(self.read(e.args[0]), e)
        if isinstance(e, sympy.binomial):
            return self.read(e.rewrite(sympy.gamma))
        if e.is_Function and not isinstance(e, sympy.exp):
            raise self.refuse(f"{e.func} is no function whose expansion is known; leave {e} out")
        return super().read_other(e)

    def readers(self) -> dict[Expr, Callable[[Poly, Expr], Poly]]:
        """The functions that are read, each by what is made of its argument."""
        table: dict[Expr, Callable[[Poly, Expr], Poly]] = {
            sympy.Abs: self.absolute, sympy.sign: self.step, sympy.Heaviside: self.step, sympy.atan: self.arc,
            sympy.asin: self.arc, sympy.acos: self.arc, sympy.acot: self.arc,
        }  # fmt: skip
        table |= dict.fromkeys((sympy.sin, sympy.cos, sympy.tan, sympy.cot, sympy.sec, sympy.csc), self.trigonometric)
        table |= dict.fromkeys((sympy.sinh, sympy.cosh, sympy.tanh), self.hyperbolic)
        table |= dict.fromkeys((sympy.coth, sympy.sech, sympy.csch), self.hyperbolic)
        return table | dict.fromkeys((sympy.asinh, sympy.acosh, sympy.atanh), self.area)

    # functions with steps

    def absolute(self, p: Poly, _: Expr) -> Poly:
        """Return |p|."""
        return self.ring.scale(p, self.sign(p) or 1)

    def step(self, p: Poly, e: Expr) -> Poly:
        """Return sign(p) or Heaviside(p), which are constant for large x."""
        return self.read(e.func(sympy.Integer(self.sign(p)), *e.args[1:]))

    def piecewise(self, e: Expr) -> Poly:
        """Return the branch that holds for large x."""
        for value, condition in e.args:
            if self.holds(condition):
                return self.read(value)
        raise self.refuse(f"{e} has no value for large {self.x}")

    def holds(self, condition: Expr) -> bool:
        """Whether a condition holds for large x."""
        if condition in (sympy.true, sympy.false):
            return bool(condition)
        if isinstance(condition, sympy.And | sympy.Or):
            return (all if isinstance(condition, sympy.And) else any)(self.holds(c) for c in condition.args)
        if isinstance(condition, sympy.Not):
            return not self.holds(condition.args[0])
        if not isinstance(condition, sympy.core.relational.Relational):
            raise self.refuse(f"the condition {condition} is not understood; write it with <, <=, >, >=")
        sign = self.sign(self.read(condition.lhs - condition.rhs))
        return bool(condition.func(sympy.Integer(sign), sympy.Integer(0)))

    # series at 0

    def special_series(self, i: int, e: Rational, level: int, depth: int) -> Series | None:
        """Expand a function of what tends to 0."""
        if i not in self.near_zero or e != 1:
            return super().special_series(i, e, level, depth)
        function = self.near_zero[i]
        argument = self.vanishing(function.argument, level, depth)
        return compose(self.ring, argument, function.taylor(depth + 2), depth)

    def is_tiny(self, i: int) -> bool:
        """Whether a kernel tends to 0 faster than every power."""
        return super().is_tiny(i) or (i in self.near_zero and self.all_tiny(self.near_zero[i].argument))

    def within(self, i: int) -> Poly | None:
        """Return what a kernel is a function of."""
        return self.near_zero[i].argument if i in self.near_zero else super().within(i)

    def odd(self, shown: Callable[[Expr], Expr], p: Poly, level: int, taylor: Taylor) -> Poly:
        """Return f(p), p -> 0, of an odd function that grows."""
        sign = self.sign(p)
        kernel = self.near(shown, self.ring.scale(p, sign), level, taylor, shown, positive=True) if sign else {}
        return self.ring.scale(kernel, sign)

    def near(
        self, key: Hashable, p: Poly, level: int, taylor: Taylor, shown: Callable[[Expr], Expr], positive: bool = False
    ) -> Poly:
        """Return f(p), p -> 0 as a power of the variable of this level, as a kernel."""
        key = (key, level, frozenset(p.items()))
        if p and key not in self.ring.ids:
            kernel = self.ring.kernel(key, shown(self.ring.expression(p)), level, positive=positive)
            self.near_zero[kernel] = _Function(p, taylor)
        return {((self.ring.ids[key], 1),): 1} if p else {}

    def parted(self, p: Poly) -> tuple[int, Poly, Poly] | None:
        """Return (level, a, q), p = a + q, q -> 0 as a power of the variable of this level and a above it.

        None where p grows as a power of that variable.
        """
        level = self.ring.level(p)
        ahead = self.ahead(p, level)
        return None if ahead is None else (level, ahead, self.less(p, ahead))

    def less(self, p: Poly, q: Poly) -> Poly:
        """Return p - q."""
        return self.ring.add([p, self.ring.scale(q, -1)])

    def constant(self, function: Callable[[Expr], Expr], p: Poly) -> Poly:
        """Return a function of a constant."""
        return self.read(function(self.ring.expression(p)))

    # trigonometric functions

    def sine_cosine(self, p: Poly) -> tuple[Poly, Poly]:
        """Return (sin p, cos p), in t = tan(q/2): sin q = 2 t/(1 + t^2), cos q = (1 - t^2)/(1 + t^2)."""
        ring = self.ring
        if ring.level(p) == CONSTANT:
            return self.constant(sympy.sin, p), self.constant(sympy.cos, p)
        parts = None if self.sign_of_large(p) else self.parted(p)
        if parts is None:
            return self.oscillating(sympy.sin, p), self.oscillating(sympy.cos, p)
        level, ahead, rest = parts
        half = ring.scale(rest, Fraction(1, 2))
        t = self.odd(sympy.tan, half, level, _tangent)
        square = ring.multiply(t, t)
        below = self.power(ring.add([ONE, square]), -1)
        s, c = ring.multiply(ring.scale(t, 2), below), ring.multiply(self.less(ONE, square), below)
        if not ahead:
            return s, c
        s_ahead, c_ahead = self.sine_cosine(ahead)
        sine = ring.add([ring.multiply(s_ahead, c), ring.multiply(c_ahead, s)])
        return sine, self.less(ring.multiply(c_ahead, c), ring.multiply(s_ahead, s))

    def oscillating(self, function: Callable[[Expr], Expr], p: Poly) -> Poly:
        """Return sin p or cos p for p that tends to infinity, as a kernel of which only the bounds are known."""
        key = (function, frozenset(p.items()))
        kernel = self.ring.kernel(key, function(self.ring.expression(p)), self.ring.level(p), positive=False)
        self.bounded.add(kernel)
        return {((kernel, 1),): 1}

    def ratio(self, above: Poly, below: Poly, e: Expr) -> Poly:
        """Return a quotient, refused where it has a pole for all x."""
        if not self.sign(below):
            raise self.refuse(f"{e} is infinite for large {self.x}")
        return self.ring.multiply(above, self.power(below, -1))

    def trigonometric(self, p: Poly, e: Expr) -> Poly:
        """Return sin, cos, tan, cot, sec or csc of p."""
        s, c = self.sine_cosine(p)
        pairs = {
            sympy.tan: (s, c), sympy.cot: (c, s), sympy.sec: (ONE, c), sympy.csc: (ONE, s),
        }  # fmt: skip
        return s if e.func == sympy.sin else c if e.func == sympy.cos else self.ratio(*pairs[e.func], e)

    # hyperbolic functions

    def hyperbolic(self, p: Poly, e: Expr) -> Poly:
        """Return sinh, cosh, tanh, coth, sech or csch of p in exponentials, of which one is small where p is large."""
        ring = self.ring
        sign = self.diverges(p) or 1
        outer = ring.scale(p, sign)
        if e.func in (sympy.sinh, sympy.cosh):
            up, down = self.exp(outer), self.exp(ring.scale(outer, -1))
            half = Fraction(1, 2)
            signs = (sign * half, -sign * half) if e.func == sympy.sinh else (half, half)
            return ring.add([ring.scale(up, signs[0]), ring.scale(down, signs[1])])
        square = self.exp(ring.scale(outer, -2))
        s, c = self.less(ONE, square), ring.add([ONE, square])
        if e.func in (sympy.tanh, sympy.coth):
            return ring.scale(self.ratio(*((s, c) if e.func == sympy.tanh else (c, s)), e), sign)
        double = ring.scale(self.exp(ring.scale(outer, -1)), 2)
        return self.ratio(double, c, e) if e.func == sympy.sech else ring.scale(self.ratio(double, s, e), sign)

    def area(self, p: Poly, e: Expr) -> Poly:
        """Return asinh, acosh or atanh of p as a logarithm."""
        ring = self.ring
        sign = self.sign(p) or 1
        p = ring.scale(p, sign)
        if e.func == sympy.atanh:
            self.within_one(p, e)
            ratio = self.ratio(ring.add([ONE, p]), self.less(ONE, p), e)
            return ring.scale(self.log(ratio), Fraction(sign, 2))
        if e.func == sympy.acosh and (sign < 0 or self.sign(self.less(p, ONE)) < 0):
            raise self.refuse(f"{e} is of an expression below 1 for large {self.x}")
        offset = ONE if e.func == sympy.asinh else ring.scale(ONE, -1)
        root = ring.add([ring.multiply(p, p), offset])
        inner = ring.add([p, self.power(root, Fraction(1, 2))]) if self.sign(root) else p
        return ring.scale(self.log(inner), sign if e.func == sympy.asinh else 1)

    # inverse trigonometric functions

    def arctangent(self, p: Poly) -> Poly:
        """Return atan(p)."""
        ring = self.ring
        if ring.level(p) == CONSTANT:
            return self.constant(sympy.atan, p)
        if sign := self.diverges(p):
            half = ring.scale(self.read(sympy.pi), Fraction(sign, 2))
            return self.less(half, self.arctangent(self.power(p, -1)))
        parts = self.parted(p)
        assert parts is not None  # p does not tend to infinity
        level, ahead, rest = parts
        below = ring.add([ONE, ring.multiply(ahead, ahead), ring.multiply(ahead, rest)])
        rest = ring.multiply(rest, self.power(below, -1)) if ahead else rest
        tail = self.odd(sympy.atan, rest, level, _arctangent)
        return ring.add([self.arctangent(ahead), tail]) if ahead else tail

    def within_one(self, p: Poly, e: Expr) -> Poly:
        """Return 1 - p^2, refused where it is negative."""
        rest = self.less(ONE, self.ring.multiply(p, p))
        if self.sign(rest) < 0:
            raise self.refuse(f"{e} is of an expression beyond 1 in absolute value for large {self.x}")
        return rest

    def arc(self, p: Poly, e: Expr) -> Poly:
        """Return an inverse trigonometric function of p: asin p = atan(p/sqrt(1 - p^2)), acos p = pi/2 - asin p."""
        half = self.ring.scale(self.read(sympy.pi), Fraction(1, 2))
        if e.func in (sympy.atan, sympy.acot):
            return self.arctangent(p if e.func == sympy.atan else self.ratio(ONE, p, e))
        rest = self.within_one(p, e)
        if not self.sign(rest):
            sine = self.ring.scale(half, self.sign(p))
        else:
            sine = self.arctangent(self.ring.multiply(p, self.power(rest, Fraction(-1, 2))))
        return sine if e.func == sympy.asin else self.less(half, sine)


def _tangent(count: int) -> list[Poly]:
    """tan: t' = 1 + t^2."""
    t: list[Fraction] = [Fraction(0)]
    for k in range(count - 1):
        square = sum((t[i] * t[k - i] for i in range(k + 1)), Fraction(0))
        t.append(((k == 0) + square) / (k + 1))
    return numbers(t)


def _arctangent(count: int) -> list[Poly]:
    """atan: q - q^3/3 + q^5/5 - ..."""
    return numbers(Fraction((-1) ** (k // 2), k) if k % 2 else 0 for k in range(count))
