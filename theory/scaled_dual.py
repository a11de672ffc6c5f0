"""Dual activations at two radii, K(r, s, t) = E phi(r G) phi(s G'), (G, G') of correlation t, in closed form.

What inputs off the unit sphere need: E phi(w . x) phi(w . x') = K(|x|, |x'|, cosine), w ~ N(0, I).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy

from bigtheta.theory.activation import Activation, u
from bigtheta.theory.closed import Erf, Wave, terms
from bigtheta.theory.dual import closed_dual, t

__all__ = ["ScaledDual", "r", "scaled_dual"]

Expr = Any

r = sympy.Symbol("r", positive=True)
"""The radius."""
_ZERO, _ONE = sympy.Integer(0), sympy.Integer(1)


@dataclass(frozen=True)
class ScaledDual:
    """K(r, s, t) = A(r) A(s) g(b(r) b(s) t) + C(r) + C(s).

    Args:
        value: g, in `t`.
        slope: g', written without poles that cancel at t = 1 or -1.
        weight: A, in `r`.
        inner: b, in `r`; 0 <= b <= 1.
        offset: C, in `r`.
    """

    value: Expr
    slope: Expr
    weight: Expr
    inner: Expr = _ONE
    offset: Expr = _ZERO

    @property
    def prime(self) -> ScaledDual:
        """The dual of phi': d/dt K = r s E phi'(r G) phi'(s G'), for a weakly differentiable phi."""
        weight = sympy.simplify(self.weight * self.inner / r)
        return ScaledDual(self.slope, sympy.diff(self.slope, t), weight, self.inner)


@lru_cache(maxsize=256)
def scaled_dual(act: Activation) -> ScaledDual | None:
    """Return E phi(r G) phi(s G') in closed form, or None where none is known.

    For a continuous phi: c + a u + b |u|; alpha u_+^p + beta (-u)_+^p (arc-cosine, K = (r s)^p kappa(t));
    erf(a u); e^{-a u^2}.

    Source: Cho and Saul 2009 (arc-cosine), Williams 1997 (erf), derived (the others).

    >>> from bigtheta.theory.catalogue import activation
    >>> relu = scaled_dual(activation("relu"))
    >>> relu.weight, sympy.simplify(relu.value.subs(t, 1))
    (r, 1/2)
    >>> scaled_dual(activation("tanh")) is None
    True
    """
    if len(act.pieces) > 1:
        return _one_kink(act)
    parts = terms(act.pieces[0].expression)
    return None if parts is None or len(parts) != 1 else _erf(parts[0]) or _gaussian(parts[0])


def _one_kink(act: Activation) -> ScaledDual | None:
    pieces = act.pieces
    if len(pieces) != 2 or pieces[0].high != 0 or not all(p.expression.is_polynomial(u) for p in pieces):
        return None
    left, right = (sympy.Poly(p.expression, u) for p in pieces)
    powers = {monomial for poly in (left, right) for (monomial,), c in poly.terms() if c != 0}
    if len(powers) == 1:
        value, slope = closed_dual(act), closed_dual(act, 1)
        return None if value is None or slope is None else ScaledDual(value, slope, r ** powers.pop())
    if powers != {0, 1} or left.eval(0) != right.eval(0):
        return None
    c, slopes = left.eval(0), (left.coeff_monomial(u), right.coeff_monomial(u))
    alpha, beta = (slopes[1] + slopes[0]) / 2, (slopes[1] - slopes[0]) / 2
    signs = 2 / sympy.pi * sympy.asin(t)  # E sign(G) sign(G'), the slope of E |G| |G'|
    absolute = 2 / sympy.pi * sympy.sqrt(1 - t**2) + t * signs
    offset = c**2 / 2 + c * beta * sympy.sqrt(2 / sympy.pi) * r
    return ScaledDual(alpha**2 * t + beta**2 * absolute, alpha**2 + beta**2 * signs, r, offset=offset)


def _erf(term: Wave | Erf) -> ScaledDual | None:
    """erf(au): (2/pi) asin(b(r) b(s) t), b(r)^2 = 2 a^2 r^2/(1 + 2 a^2 r^2)."""
    if not isinstance(term, Erf) or term.power or term.shift != 0:
        return None
    a2 = term.slope**2
    inner = sympy.sqrt(2 * a2) * r / sympy.sqrt(1 + 2 * a2 * r**2)
    value = term.factor**2 * 2 / sympy.pi * sympy.asin(t)
    return ScaledDual(value, sympy.diff(value, t), _ONE, inner)


def _gaussian(term: Wave | Erf) -> ScaledDual | None:
    """e^{-au^2}, a > 0: A(r) A(s) (1 - (b(r) b(s) t)^2)^{-1/2}, A(r)^{-2} = 1 + 2 a r^2, b(r)^2 = 2 a r^2 A(r)^2."""
    if not isinstance(term, Wave) or not term.square < 0 or (term.power, term.rate, term.frequency) != (0, 0, 0):
        return None
    a = -term.square
    weight = 1 / sympy.sqrt(1 + 2 * a * r**2)
    value = term.factor**2 / sympy.sqrt(1 - t**2)
    return ScaledDual(value, sympy.diff(value, t), weight, sympy.sqrt(2 * a) * r * weight)
