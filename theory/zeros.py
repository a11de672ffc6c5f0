"""Real zeros of expressions in u, exactly: rational numbers and radicals where they are short, else roots by isolation.

A cubic or quartic with three real roots has none that radicals show as real; `sympy.CRootOf` holds each as the exact
algebraic number that it is.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any

import sympy

from bigtheta.theory.domain import u
from bigtheta.theory.stable import Softplus

__all__ = ["ZerosError", "inside", "is_root", "ordered", "real_zeros", "value_at"]

Expr = Any
_MOST_DIGITS = 2_000
_ODD = (sympy.tanh, sympy.sinh, sympy.erf, sympy.atan, sympy.sign, sympy.Abs)
"""Functions that vanish where their argument does, and nowhere else."""
_NEVER = (sympy.exp, sympy.cosh, sympy.erfc, Softplus)


class ZerosError(Exception):
    """The real zeros of an expression are not known exactly; `infinite`: because there are infinitely many."""

    def __init__(self, expression: Expr, *, infinite: bool = False) -> None:
        super().__init__(str(expression))
        self.infinite = infinite


@functools.lru_cache(maxsize=1024)
def real_zeros(e: Expr) -> tuple[Expr, ...]:
    """Return the real zeros of an expression in u, each once, increasing.

    Raises:
        ZerosError: if they cannot be had exactly, or there are infinitely many.

    >>> real_zeros((u - 1)**2 * sympy.tanh(u**2 - 4))
    (-2, 1, 2)
    >>> [round(float(zero), 6) for zero in real_zeros(u**3 - 3*u + 1)]
    [-1.879385, 0.347296, 1.532089]
    """
    return ordered(_zeros(e))


def _zeros(e: Expr) -> list[Expr]:
    if u not in e.free_symbols:
        if e == 0:
            raise ZerosError(e, infinite=True)
        return []
    if e.is_polynomial(u) and sympy.degree(e, u) > 2 and (found := _of_polynomial(sympy.Poly(e, u))) is not None:
        return found
    if e.is_Mul:
        return [zero for factor in e.args for zero in _zeros(factor)]
    if e.is_Pow and e.exp.is_number and e.exp.is_positive:
        return _zeros(e.base)
    if isinstance(e, _NEVER):
        return []
    if isinstance(e, _ODD):
        return _zeros(e.args[0])
    if isinstance(e, sympy.log):
        return _zeros(sympy.expand(e.args[0] - 1))
    return _solved(e)


def _solved(e: Expr) -> list[Expr]:
    try:
        roots = sympy.solveset(e, u, sympy.S.Reals)
    except (NotImplementedError, ValueError) as error:
        raise ZerosError(e) from error
    if isinstance(roots, sympy.FiniteSet | sympy.sets.sets.EmptySet):
        return list(roots)
    raise ZerosError(e, infinite=not roots.has(sympy.ConditionSet, sympy.Intersection, sympy.Complement))


def _of_polynomial(poly: Any) -> list[Expr] | None:
    """The real roots of a polynomial with algebraic coefficients; None where these are not."""
    try:
        rational = poly if poly.domain.is_QQ or poly.domain.is_ZZ else sympy.Poly(poly, u, extension=True).norm()
        factors = rational.factor_list()[1]
    except (sympy.PolynomialError, sympy.DomainError, sympy.CoercionFailed, NotImplementedError, AttributeError):
        return None
    zeros = [zero for factor, _ in factors for zero in _of_factor(factor)]
    if rational is poly:
        return zeros
    return [z for z in zeros if abs(sympy.N(poly.as_expr().subs(u, z), 60, maxn=_MOST_DIGITS)) < sympy.Float(10) ** -50]


def _of_factor(factor: Any) -> list[Expr]:
    """The real roots of an irreducible polynomial over the rationals; of an even one in pairs -r, r."""
    if factor.degree() <= 2:
        return [root for root in sympy.roots(factor) if root.is_real]
    roots = factor.real_roots()
    if any(degree % 2 for (degree,) in factor.monoms()):
        return list(roots)
    return [signed for root in roots[len(roots) // 2 :] for signed in (-root, root)]


def is_root(point: Expr) -> bool:
    """Whether a number is held as a root of a polynomial, not in radicals."""
    return bool(point.has(sympy.CRootOf))


def ordered(points: Iterable[Expr]) -> tuple[Expr, ...]:
    """Return real numbers in increasing order, equal ones once, however close to each other they are."""
    result: list[Expr] = []
    for point in sorted(set(points), key=functools.cmp_to_key(_compare)):
        if not result or _compare(result[-1], point):
            result.append(point)
    return tuple(result)


def _compare(a: Expr, b: Expr) -> int:
    if a == b:
        return 0
    gap = sympy.N(a - b, 20, maxn=_MOST_DIGITS)
    if not gap.is_comparable or abs(gap) < sympy.Float(10) ** (20 - _MOST_DIGITS):
        return 0
    return 1 if gap > 0 else -1


def inside(low: Expr, high: Expr) -> Expr:
    """Return a rational number strictly between two real numbers or infinities."""
    if low == -sympy.oo and high == sympy.oo:
        return sympy.Integer(0)
    if low == -sympy.oo:
        return sympy.floor(_near(high, 30)) - 2
    if high == sympy.oo:
        return sympy.ceiling(_near(low, 30)) + 2
    if (low + high).is_rational:
        return sympy.nsimplify((low + high) / 2, rational=True)
    gap = sympy.N(high - low, 10, maxn=_MOST_DIGITS)
    digits = 20 + max(0, math.ceil(-float(sympy.log(gap, 10))))
    return _near((low + high) / 2, digits + len(str(int(abs(sympy.N(low, 5))))))


def _near(number: Expr, digits: int) -> Expr:
    return number if number.is_Rational else sympy.Rational(sympy.N(number, digits, maxn=_MOST_DIGITS))


def value_at(e: Expr, point: Expr) -> Expr:
    """Return e at u = point, simplified; exactly 0 where it is 0, at a root of a polynomial too."""
    if not is_root(point):
        return sympy.simplify(e.subs(u, point))
    (root,) = point.atoms(sympy.CRootOf)
    if point not in (root, -root):
        return e.subs(u, point)
    minimal = sympy.Poly(root.poly.as_expr().subs(root.poly.gen, u if point == root else -u), u)
    return _reduced(e, minimal).subs(u, point)


def _reduced(e: Expr, minimal: Any) -> Expr:
    """Another expression of the same value at the roots of a polynomial: polynomials in it by their remainders."""
    if not e.args:
        return e
    if not e.is_polynomial(u):
        e = sympy.expand(e.func(*(_reduced(argument, minimal) for argument in e.args)))
    return sympy.Poly(e, u).rem(minimal).as_expr() if e.is_polynomial(u) else e
