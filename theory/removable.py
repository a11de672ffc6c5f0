"""Removable singularities: where N(u)/D(u) is 0/0 and has an analytic continuation, as sin(u)/u at 0.

Both vanish to a known order at a point known exactly, which is proven: the derivatives of lower order are 0 as
expressions, the next one is a ball without 0. Taylor coefficients of the continuation are those of N over those of D,
both shifted by the order; all are balls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy

from bigtheta.theory.balls import NoBallError, ball_of, flint, precision
from bigtheta.theory.domain import u
from bigtheta.theory.stable import Softplus
from bigtheta.theory.zeros import ZerosError, ordered, real_zeros, value_at

__all__ = ["Hole", "blocks", "denominators", "holes", "limit_at", "taylor", "without_common_factors"]

Expr = Any
Ball = Any
_MOST_ORDER = 24
_BITS = 300


@dataclass(frozen=True)
class Hole:
    """A removable singularity of above/below at u = at, where `below` vanishes to `order` and `above` no less."""

    at: Expr
    above: Expr
    below: Expr
    order: int


def denominators(e: Expr) -> Iterator[Expr]:
    """Yield what a sum of quotients divides by; not what stands inside functions."""
    if e.is_Pow and e.exp.is_number and e.exp.is_negative:
        yield e.base
    if _is_quotient(e):
        for argument in e.args:
            yield from denominators(argument)


def blocks(e: Expr) -> Iterator[Expr]:
    """Yield the sums of quotients in an expression, those inside functions first."""
    for argument in e.args:
        if not _is_quotient(e):
            yield from blocks(argument)
    if _is_quotient(e):
        for function in _functions(e):
            yield from blocks(function)
        yield e


def _is_quotient(e: Expr) -> bool:
    return bool(e.is_Add or e.is_Mul or (e.is_Pow and e.exp.is_number))


def _functions(e: Expr) -> Iterator[Expr]:
    """The functions that a sum of quotients is made of."""
    for argument in e.args:
        if _is_quotient(argument):
            yield from _functions(argument)
        elif argument.args:
            yield argument


@lru_cache(maxsize=1024)
def holes(e: Expr) -> tuple[Hole, ...]:
    """Return the removable singularities of a smooth sum of quotients; poles are left out.

    >>> [hole.at for hole in holes(sympy.sin(u)/u + 1/(u - 1))]
    [0]
    """
    points: list[Expr] = []
    for base in denominators(e):
        try:
            points += real_zeros(base)
        except ZerosError:
            continue
    if not points:
        return ()
    above, below = sympy.fraction(sympy.together(e))
    found = []
    for at in ordered(points):
        try:
            order = _vanishing(below, at)
            if _vanishing(above, at) >= order:
                found.append(Hole(at, above, below, order))
        except (ZerosError, NoBallError):
            continue
    return tuple(found)


def _vanishing(g: Expr, at: Expr) -> int:
    """The order to which g vanishes at a point, proven.

    Raises:
        ZerosError: if it cannot be proven.
    """
    with precision(_BITS):
        coefficients = taylor(g, at, _MOST_ORDER)
    order = next((i for i, c in enumerate(coefficients) if not c.contains(0)), None)
    if order is None:
        raise ZerosError(g)
    for i in range(order):
        if value_at(sympy.diff(g, u, i), at) != 0:
            raise ZerosError(g)
    return order


def limit_at(e: Expr, point: Expr) -> Expr:
    """Return the value of e at a point, of its continuation where it is 0/0, exactly.

    >>> limit_at((1 - sympy.cos(u))/u**2, sympy.Integer(0))
    1/2
    """
    for hole in holes(e):
        if hole.at == point:
            above, below = (value_at(sympy.diff(part, u, hole.order), point) for part in (hole.above, hole.below))
            return above / below
    return value_at(e, point)


def without_common_factors(e: Expr) -> Expr:
    """Return a rational function without the factors that its numerator shares with a denominator that vanishes.

    >>> without_common_factors((u**3 - 1)/(u - 1))
    u**2 + u + 1
    """
    if e.is_rational_function(u):
        below = sympy.fraction(sympy.together(e))[1]
        return sympy.cancel(e) if below.has(u) and real_zeros(below) else e
    if e.has(sympy.sin, sympy.cos) and any(base.has(sympy.sin, sympy.cos) for base in denominators(e)):
        other = sympy.cancel(sympy.expand_trig(e))  # sin(2 u)/sin(u) has infinitely many
        return e if any(base.has(u) for base in denominators(other)) else other
    return e


def taylor(e: Expr, at: Expr, length: int, *, scale: Any = 1) -> list[Ball]:
    """Return the Taylor coefficients a_k scale^k, k < length, of the continuation of e at a point, as balls.

    Raises:
        NoBallError: for a function without power series here, or where e has none.

    >>> with precision(100):
    ...     print(*(c.str(5) for c in taylor(sympy.sin(u)/u, sympy.Integer(0), 3)))
    1.0000 0 [-0.16667 +/- ...]
    """
    before = flint.ctx.cap
    flint.ctx.cap = length + 4 * _MOST_ORDER
    try:
        series = _series(e, at, scale, length, {})
        return [series[k] for k in range(length)]
    except (ZeroDivisionError, ValueError) as error:
        raise NoBallError(f"{e} has no power series at u = {at}") from error
    finally:
        flint.ctx.cap = before


def _series(e: Expr, at: Expr, scale: Any, length: int, seen: dict[tuple[Expr, int], Any]) -> Any:
    if (e, length) not in seen:
        seen[e, length] = _series_of(e, at, scale, length, seen)
    return seen[e, length]


def _series_of(e: Expr, at: Expr, scale: Any, length: int, seen: dict[tuple[Expr, int], Any]) -> Any:
    if e == u:
        return flint.arb_series([ball_of(at), flint.arb(scale)], prec=length)
    if u not in e.free_symbols:
        return flint.arb_series([ball_of(e)], prec=length)
    if _is_quotient(e) and any(True for _ in denominators(e)):
        for hole in holes(e):
            if hole.at == at:
                tops, bottoms = (
                    [s[k] for k in range(hole.order, length + hole.order)]
                    for s in (_series(p, at, scale, length + hole.order, seen) for p in (hole.above, hole.below))
                )
                return flint.arb_series(tops, prec=length) / flint.arb_series(bottoms, prec=length)
    parts = [_series(argument, at, scale, length, seen) for argument in e.args]
    if e.is_Add or e.is_Mul:
        total = parts[0]
        for part in parts[1:]:
            total = total + part if e.is_Add else total * part
        return total
    if e.is_Pow:
        return _power(parts[0], e.exp) if e.exp.is_number else (parts[0].log() * parts[1]).exp()
    if type(e) not in _FUNCTIONS:
        raise NoBallError(f"no power series of {type(e).__name__}")
    return _FUNCTIONS[type(e)](parts[0])


def _power(base: Any, exponent: Expr) -> Any:
    if exponent.is_Integer:
        power = _times(base, abs(int(exponent)))
        return power if exponent > 0 else 1 / power
    if exponent == sympy.Rational(1, 2):
        return base.sqrt()
    return (base.log() * ball_of(exponent)).exp()


def _times(base: Any, n: int) -> Any:
    if n == 1:
        return base
    half = _times(base, n // 2)
    return half * half * base if n % 2 else half * half


def _tanh(x: Any) -> Any:
    e = (2 * x).exp()
    return (e - 1) / (e + 1)


_FUNCTIONS: dict[Any, Any] = {
    sympy.exp: lambda x: x.exp(), sympy.log: lambda x: x.log(), sympy.sin: lambda x: x.sin(),
    sympy.cos: lambda x: x.cos(), sympy.tan: lambda x: x.tan(), sympy.atan: lambda x: x.atan(),
    sympy.erf: lambda x: x.erf(), sympy.erfc: lambda x: x.erfc(), sympy.tanh: _tanh,
    sympy.sinh: lambda x: (x.exp() - (-x).exp()) / 2, sympy.cosh: lambda x: (x.exp() + (-x).exp()) / 2,
    Softplus: lambda x: (1 + x.exp()).log(),
}  # fmt: skip
"""Functions of power series."""
