"""Ball arithmetic: SymPy expressions as functions on Arb's real and complex balls (python-flint).

A ball is a midpoint and a radius; every operation encloses every possible result, so what comes out is proven. On a
complex ball a function returns a non-finite ball where it may fail to be analytic: at poles and branch cuts.
"""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import sympy

from bigtheta.theory.domain import u
from bigtheta.theory.errors import BigthetaError
from bigtheta.theory.number import Certified
from bigtheta.theory.stable import Softplus

# python-flint is a dependency; where it is missing all the same, numbers are estimated and say so
flint: Any = importlib.import_module("flint") if importlib.util.find_spec("flint") else None

__all__ = ["HAVE_FLINT", "BallFunction", "NoBallError", "ball_function", "ball_of", "certified", "flint", "precision"]

Expr = Any
Ball = Any  # python-flint ships no types
BallFunction = Callable[[Ball], Ball]

HAVE_FLINT = flint is not None
"""Whether python-flint can be imported."""


class NoBallError(BigthetaError):
    """An expression has no ball evaluation, or no error bound could be proven for it."""


def precision(bits: int) -> Any:
    """Return a context manager: Arb works at so many bits inside, and as before afterwards."""
    return flint.ctx.workprec(bits)


def ball_function(expression: Expr, known: Mapping[Expr, BallFunction] | None = None) -> BallFunction:
    """Return phi as a function of a real ball (flint.arb) or a complex one (flint.acb), at the current precision.

    Args:
        expression: phi, in `u`.
        known: the functions of parts of it, where they are given.

    Raises:
        NoBallError: for a function that has no ball evaluation here.

    >>> with precision(100):
    ...     print(ball_function(sympy.tanh(u))(flint.arb(1)).str(20))
    [0.76159415595576488812 +/- ...]
    """
    return _compile(expression, dict(known or {}))


def ball_of(number: Expr) -> Ball:
    """Return a real SymPy constant as a ball at the current precision.

    >>> with precision(100):
    ...     print(ball_of(sympy.sqrt(2) + sympy.pi).str(10))
    [4.555806216 +/- ...]
    """
    return ball_function(number)(flint.arb(0))


def certified(ball: Ball, digits: int | None = None) -> Certified:
    """Return a real ball as a number that needs no flint, with its midpoint rounded to about so many digits.

    The rounding is inside the radius.
    """
    if not ball.is_finite():
        raise NoBallError(f"no finite error bound: {ball}")
    midpoint, radius = _mpf(ball.mid()), _mpf(ball.rad())
    if digits is not None:
        bits = math.ceil((digits + 2) * math.log2(10))
        rounded = mpmath.fmul(midpoint, 1, prec=bits, rounding="n")
        loss = abs(mpmath.fsub(midpoint, rounded, exact=True))
        midpoint, radius = rounded, mpmath.fadd(radius, loss, prec=30, rounding="c")
    return Certified(midpoint, radius)


def _mpf(exact: Ball) -> mpmath.mpf:
    mantissa, exponent = exact.man_exp()
    return mpmath.mp.make_mpf(mpmath.libmp.from_man_exp(int(mantissa), int(exponent)))


_UNARY: dict[Any, BallFunction] = {
    sympy.exp: lambda x: x.exp(), sympy.sin: lambda x: x.sin(), sympy.cos: lambda x: x.cos(),
    sympy.tan: lambda x: x.tan(), sympy.tanh: lambda x: x.tanh(), sympy.sinh: lambda x: x.sinh(),
    sympy.cosh: lambda x: x.cosh(), sympy.erf: lambda x: x.erf(), sympy.erfc: lambda x: _erfc(x),
    sympy.gamma: lambda x: x.gamma(), sympy.Abs: lambda x: abs(x),
}  # fmt: skip


def _compile(e: Expr, seen: dict[Expr, BallFunction]) -> BallFunction:
    if e not in seen:
        seen[e] = _node(e, seen)
    return seen[e]


def _node(e: Expr, seen: dict[Expr, BallFunction]) -> BallFunction:
    if e == u:
        return lambda x: x
    if e.is_Rational:
        fraction = flint.fmpq(int(e.p), int(e.q))
        return lambda x: flint.arb(fraction)
    if e.is_Float:
        return _node(sympy.Rational(e), seen)
    if e is sympy.pi:
        return lambda x: flint.arb.pi()
    if e is sympy.E:
        return lambda x: flint.arb.const_e()
    if isinstance(e, sympy.CRootOf):
        return _constant(lambda x: _root(e))
    if e.is_Add or e.is_Mul:
        parts = [_compile(a, seen) for a in e.args]
        if not e.free_symbols:
            parts = [_constant(p) for p in parts]
        return _chain(parts, add=bool(e.is_Add))
    if e.is_Pow:
        return _power(_compile(e.base, seen), e.exp, seen)
    if not e.args:
        raise NoBallError(f"no ball evaluation of {e}")
    inner = _compile(e.args[0], seen)
    if isinstance(e, Softplus):
        return lambda x: _log1p(inner(x).exp())
    if isinstance(e, sympy.log):
        return lambda x: _log(inner(x))
    if isinstance(e, sympy.atan):
        return lambda x: _atan(inner(x))
    if isinstance(e, sympy.asin) and not e.free_symbols:  # of closed forms alone
        return _constant(lambda x: inner(x).asin())
    if type(e) not in _UNARY or len(e.args) > 1 or (isinstance(e, sympy.Abs) and e.free_symbols):
        raise NoBallError(f"no ball evaluation of {type(e).__name__}({', '.join(map(str, e.args))})")
    function = _UNARY[type(e)]
    if not e.free_symbols:
        return _constant(lambda x: function(inner(x)))
    return lambda x: function(inner(x))


def _root(root: Expr) -> Ball:
    """A real root of a polynomial, isolated; they are counted from the least."""
    whole = root.poly.clear_denoms(convert=True)[1]
    polynomial = flint.fmpz_poly([int(c) for c in reversed(whole.all_coeffs())])
    real = [z.real for z, _ in polynomial.complex_roots() if z.imag.is_zero()]  # disjoint at any precision
    real.sort(key=functools.cmp_to_key(_order))
    return real[root.index]


def _order(a: Ball, b: Ball) -> int:
    return -1 if a < b else 1


def _constant(function: BallFunction) -> BallFunction:
    """Remember the value at the last precision."""
    memory: dict[int, Ball] = {}

    def evaluate(x: Ball) -> Ball:
        bits = flint.ctx.prec
        if bits not in memory:
            memory[bits] = function(flint.arb(0))
        return memory[bits]

    return evaluate


def _chain(parts: list[BallFunction], *, add: bool) -> BallFunction:
    first, *others = parts

    def evaluate(x: Ball) -> Ball:
        value = first(x)
        for part in others:
            value = value + part(x) if add else value * part(x)
        return value

    return evaluate


def _power(base: BallFunction, exponent: Expr, seen: dict[Expr, BallFunction]) -> BallFunction:
    if exponent.is_Integer:
        n = int(exponent)
        return (lambda x: _times(base(x), n)) if n >= 0 else (lambda x: 1 / _times(base(x), -n))
    if exponent == sympy.Rational(1, 2):
        return lambda x: _sqrt(base(x))
    if exponent == sympy.Rational(-1, 2):
        return lambda x: 1 / _sqrt(base(x))
    power = _compile(exponent, seen)
    return lambda x: _pow(base(x), power(x))


def _times(z: Ball, n: int) -> Ball:
    """z^n by squaring: Arb's own power of a real ball that contains 0 is not finite."""
    if n == 0:
        return flint.arb(1)
    half = _times(z, n // 2)
    square = half * half
    return square * z if n % 2 else square


def _sqrt(z: Ball) -> Ball:
    return z.sqrt(analytic=True) if isinstance(z, flint.acb) else _from_zero(z).sqrt()


def _from_zero(z: Ball) -> Ball:
    """Cut what rounding puts below 0 from a ball; one that lies below 0 altogether stays, and has no root."""
    return z if z < 0 else z.nonnegative_part()


def _log(z: Ball) -> Ball:
    return z.log(analytic=True) if isinstance(z, flint.acb) else z.log()


def _log1p(z: Ball) -> Ball:
    return (1 + z).log(analytic=True) if isinstance(z, flint.acb) else z.log1p()


def _pow(z: Ball, w: Ball) -> Ball:
    if isinstance(z, flint.acb):
        return z.pow(flint.acb(w), analytic=True)
    z = _from_zero(z)
    return z.pow(w) if hasattr(z, "pow") else z**w


def _erfc(z: Ball) -> Ball:
    """erfc; far out on the right by e^{-x^2} U(1/2, 1/2, x^2)/sqrt(pi), where Arb's own has no digits left."""
    if isinstance(z, flint.acb) or not z > 1000:
        return z.erfc()
    square = z * z
    return (-square).exp() * flint.acb(square).hypgeom_u(0.5, 0.5).real / flint.arb.pi().sqrt()


def _atan(z: Ball) -> Ball:
    """Its cuts are i[1, oo) and -i[1, oo): refuse a complex ball that meets them."""
    if isinstance(z, flint.acb):
        if z.real.contains(0) and not (z.imag < 1 and z.imag > -1):
            return flint.acb(flint.arb.nan())
        return z.atan()
    return z.atan()
