"""Dual activations phi^(rho) = E phi(G) phi(G') = sum_j mu_j^2 rho^j, (G, G') standard normal with correlation rho.

Closed forms where they are known: polynomials, exponentials, sin and cos, the Gaussian, erf, gelu, and the arc-cosine
family c + sum of alpha u_+^p + beta (-u)_+^p of one power p; any real p > -1/2 by hypergeometric functions. Elsewhere
the series, with a proven bound of its tail, where it is short, and else a proven integral in the plane.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import sympy

from bigtheta.theory.activation import Activation, Piece, u
from bigtheta.theory.balls import HAVE_FLINT, NoBallError, ball_of, certified, flint, precision
from bigtheta.theory.catalogue import activation
from bigtheta.theory.closed import Erf, Wave, terms
from bigtheta.theory.energy import energy
from bigtheta.theory.errors import InvalidInputError, whole_number
from bigtheta.theory.expression import parse_expression
from bigtheta.theory.floats import without_floats
from bigtheta.theory.hermite import MAX_ORDER, expansion
from bigtheta.theory.number import Estimated, Exact, Number

__all__ = ["arc_cosine", "closed_dual", "dual", "t"]

Ball = Any
Expr = Any

t = sympy.Symbol("t", real=True)
"""The correlation, or the inner product x . x' of unit vectors."""
_BITS = math.log2(10)
_SHORT, _LONG = (30, 60, 120), (250, 500, MAX_ORDER)


def dual(act: Activation | str, rho: object, *, derivative: int = 0, digits: int = 15) -> Number:
    """Return E phi^(r)(G) phi^(r)(G') at correlation rho, which is the r-th derivative of phi^ at rho.

    Args:
        act: an activation, a catalogue name or a formula in u.
        rho: a number from -1 to 1, taken as exact: a float is the fraction that its bits are, "0.1" is 1/10.
        derivative: r, 0 or 1.
        digits: significant digits asked for.

    Raises:
        InvalidInputError: if rho is not in [-1, 1], or phi jumps and r = 1.

    Source: Mehler's formula; the tail beyond J is at most |rho|^{J+1-r} times the energy of phi^(r) beyond J.

    >>> print(dual("relu", sympy.Rational(1, 2)))
    1/8 + (pi/12 + sqrt(3)/2)/(2*pi) = 0.304498890522115 (exact)
    >>> print(dual("tanh", 0.5, digits=10))
    0.18632441320... +- ... (certified)
    """
    act = activation(act)
    r = whole_number("derivative", derivative, low=0, high=1, where="dual")
    what = "correlation"
    at = without_floats(rho, what) if isinstance(rho, sympy.Expr) else parse_expression(rho, {}, what=what)
    if not isinstance(at, sympy.Expr) or not at.is_real or not -1 <= at <= 1:
        raise InvalidInputError(f"dual: expected a correlation from -1 to 1 but got rho={rho!r}")
    if r and not act.is_weakly_differentiable:
        raise InvalidInputError(f"activation {act.name!r} jumps at {act.kinks[0]}, so its derivative has no dual")
    if at == 1:
        return energy(act, r, digits=digits)
    if (closed := closed_dual(act, r)) is not None:
        return Exact(closed.subs(t, at), digits)
    return _numeric(act, at, r, digits)


def _numeric(act: Activation, at: Expr, r: int, digits: int) -> Number:
    if HAVE_FLINT:
        try:
            return certified(_ball(act, at, r, digits), digits)
        except NoBallError:
            pass
    mu2 = [mu.value**2 * (j if r else 1) for j, mu in enumerate(expansion(act, 200, digits=13))]
    number = math.fsum(a * float(at) ** (j - r) for j, a in enumerate(mu2) if j >= r)
    beyond = max(energy(act, r).value - math.fsum(mu2), 0.0)
    return Estimated(number, 1e-13 * energy(act, r).value + beyond * abs(float(at)) ** (201 - r))


def _ball(act: Activation, at: Expr, r: int, digits: int) -> Ball:
    """By the closed form of a power; by the series where it is short; in the plane, at a cost that does not depend on
    the correlation; and by a long series where phi is not analytic up to its kinks."""
    need = digits * _BITS
    if (power := one_power(act.derivative(r))) is not None:
        return _to(need, lambda bits: power_dual(*power, at, bits))
    bits = math.ceil(need) + 24
    for order in _SHORT:
        ball, size, beyond = _series(act, at, r, order, bits)
        if ball.rel_accuracy_bits() >= need:
            return ball
        if abs(float(at)) ** _SHORT[-1] * beyond > 2**-need * size:
            break
    from bigtheta.theory.plane import correlated_product

    try:
        return _to(need, lambda bits: correlated_product(act.derivative(r), at, bits, size))
    except NoBallError:
        for order in _LONG:
            ball, *_ = _series(act, at, r, order, bits)
            if ball.rel_accuracy_bits() >= need:
                break
        return ball


def _to(need: float, ball_at: Callable[[int], Ball]) -> Ball:
    """The ball to so many significant bits, where a few more bits than those give them."""
    bits = math.ceil(need) + 8
    for _ in range(3):
        ball = ball_at(bits)
        if (lack := need + 2 - ball.rel_accuracy_bits()) <= 0:
            break
        bits += min(math.ceil(lack) + 4, 200)
    return ball


def _series(act: Activation, at: Expr, r: int, order: int, bits: int) -> tuple[Ball, float, float]:
    """The series to order J, E phi^(r)(G)^2, and how much of it lies beyond J."""
    from bigtheta.theory.certified import gaussian_projections

    squares = tuple(Piece(p.low, p.high, p.expression**2) for p in act.derivative(r))
    with precision(2 * bits + order):
        weights = [flint.arb(j) if r else flint.arb(1) for j in range(order + 1)]
        mu = gaussian_projections(act.pieces, order, bits + order.bit_length())
        energies = [w * m * m for w, m in zip(weights, mu, strict=True)]
        whole = gaussian_projections(squares, 0, bits)[0]
        beyond = whole - sum(energies)
        x, power, total = ball_of(at), flint.arb(1), flint.arb(0)
        for e in energies[r:]:
            total, power = total + e * power, power * x
        ball = total + flint.arb(0, (abs(power) * beyond).abs_upper())
        return ball, float(whole.mid()), float(beyond.abs_upper())


def one_power(pieces: tuple[Piece, ...]) -> tuple[Expr, Expr, Expr] | None:
    """Return (alpha, beta, p) if phi = alpha u_+^p + beta (-u)_+^p with p > -1/2, else None.

    >>> one_power(activation("sqrt(abs(u))").pieces)
    (1, 1, 1/2)
    """
    if len(pieces) != 2 or pieces[0].high != 0:
        return None
    x = sympy.Symbol("x", positive=True)
    sides = [
        piece.expression.subs(u, sign * x).as_coeff_exponent(x) for piece, sign in zip(pieces, (-1, 1), strict=True)
    ]
    powers = {power for factor, power in sides if factor != 0}
    (beta, _), (alpha, _) = sides
    if len(powers) != 1 or alpha.free_symbols or beta.free_symbols:
        return None
    (power,) = powers
    return (alpha, beta, power) if power.is_real and power > -sympy.Rational(1, 2) else None


def power_dual(alpha: Expr, beta: Expr, p: Expr, rho: Expr, bits: int) -> Ball:
    """Return a ball for the dual of alpha u_+^p + beta (-u)_+^p, which is

        (alpha+beta)^2/4 m_p^2 2F1(-p/2, -p/2; 1/2; rho^2)
            + (alpha-beta)^2/4 m_{p+1}^2 rho 2F1((1-p)/2, (1-p)/2; 3/2; rho^2),

    m_p = E|G|^p = 2^{p/2} Gamma((p+1)/2)/sqrt(pi).

    Source: derived, from the Hermite coefficients of |u|^p and sign(u) |u|^p.

    >>> half = sympy.Rational(1, 2)
    >>> print(power_dual(1, 1, half, half, 60).str(15))
    [0.6...
    """
    with precision(bits + 20):
        a, b, q, x = (ball_of(sympy.sympify(e)) for e in (alpha, beta, p, rho))
        square, root = ball_of(sympy.expand(rho**2)), flint.arb.pi().sqrt()
        two, half = flint.arb(2), flint.arb(1) / 2
        even, odd = (((two ** (m / 2)) * ((m + 1) / 2).gamma() / root) ** 2 for m in (q, q + 1))
        even *= square.hypgeom_2f1(-q / 2, -q / 2, half)
        odd *= x * square.hypgeom_2f1((1 - q) / 2, (1 - q) / 2, 3 * half)
        return ((a + b) ** 2 * even + (a - b) ** 2 * odd) / 4


def closed_dual(act: Activation, derivative: int = 0) -> Expr | None:
    """Return the dual activation of phi or phi' as a SymPy expression in `t`, or None where none is known.

    >>> closed_dual(activation("erf"))
    2*asin(2*t/3)/pi
    >>> closed_dual(activation("relu"), 1)
    (asin(t) + pi/2)/(2*pi)

    Source: Cho and Saul 2009 (arc-cosine), Williams 1997 (erf), derived (the others).
    """
    if derivative and not act.is_weakly_differentiable:
        return None
    pieces = act.derivative(derivative)
    if len(pieces) > 1:
        return _one_kink(pieces)
    if derivative and (whole := closed_dual(act)) is not None:
        return sympy.diff(whole, t)
    parts = terms(pieces[0].expression)
    if parts is None:
        return None
    for rule in _RULES:
        if (closed := rule(parts)) is not None:
            return closed
    return None


def arc_cosine(power: int) -> Expr:
    """Return E G_+^p G'_+^p = J_p(theta)/(2 pi), t = cos theta, as (P sqrt(1-t^2) + Q (pi/2 + asin t)) / (2 pi).

    >>> arc_cosine(1)
    (t*(asin(t) + pi/2) + sqrt(1 - t**2))/(2*pi)

    Source: Cho and Saul 2009; P and Q follow from J_p = (1-t^2)^{p+1/2} D^p [(pi-theta)/sin theta].
    """
    p_part, q_part = sympy.Integer(0), sympy.Integer(1)
    for i in range(power):
        p_next = sympy.diff(p_part, t) * (1 - t**2) + 2 * i * t * p_part + q_part
        q_next = sympy.diff(q_part, t) * (1 - t**2) + (2 * i + 1) * t * q_part
        p_part, q_part = sympy.expand(p_next), sympy.expand(q_next)
    return (p_part * sympy.sqrt(1 - t**2) + q_part * (sympy.pi / 2 + sympy.asin(t))) / (2 * sympy.pi)


def _one_kink(pieces: tuple[Piece, ...]) -> Expr | None:
    """c + alpha u + beta |u|, or alpha u_+^p + beta (-u)_+^p."""
    if len(pieces) != 2 or pieces[0].high != 0 or not all(p.expression.is_polynomial(u) for p in pieces):
        return None
    left, right = (sympy.Poly(p.expression, u) for p in pieces)
    power = max(left.degree(), right.degree())
    if power <= 1 and left.eval(0) == right.eval(0):
        c, slopes = left.eval(0), (left.coeff_monomial(u), right.coeff_monomial(u))
        alpha, beta = (slopes[1] + slopes[0]) / 2, (slopes[1] - slopes[0]) / 2
        mean = c**2 + 2 * c * beta * sympy.sqrt(2 / sympy.pi)
        absolute = sympy.sqrt(1 - t**2) + t * sympy.asin(t)
        return mean + alpha**2 * t + beta**2 * 2 / sympy.pi * absolute
    powers = {monomial for poly in (left, right) for (monomial,), c in poly.terms() if c != 0}
    if len(powers) != 1:
        return None
    alpha, beta = right.coeff_monomial(u**power), left.coeff_monomial(u**power) * (-1) ** power
    same = arc_cosine(power)
    if alpha * beta == 0:
        return (alpha**2 + beta**2) * same
    return sympy.simplify((alpha**2 + beta**2) * same + 2 * alpha * beta * same.subs(t, -t))


_Terms = tuple[Wave | Erf, ...]


def _polynomial(parts: _Terms) -> Expr | None:
    if not all(isinstance(p, Wave) and (p.rate, p.square, p.frequency) == (0, 0, 0) for p in parts):
        return None
    poly = sympy.Poly(sum(p.factor * u**p.power for p in parts), u)
    total = sympy.Integer(0)
    for j in range(poly.degree() + 1):
        derivative = poly.diff((u, j)) if j else poly
        mean = sum(c * sympy.factorial2(m - 1) for (m,), c in derivative.terms() if m % 2 == 0)  # E phi^(j)(G)
        total += sympy.expand(mean**2) / sympy.factorial(j) * t**j
    return total


def _exponentials(parts: _Terms) -> Expr | None:
    if not all(isinstance(p, Wave) and (p.power, p.square, p.frequency) == (0, 0, 0) for p in parts):
        return None
    rates = [(p.factor, p.rate) for p in parts if isinstance(p, Wave)]
    half = sympy.Rational(1, 2)
    return sum(c * e * sympy.exp(half * (a**2 + b**2) + a * b * t) for c, a in rates for e, b in rates)


def _cosine(parts: _Terms) -> Expr | None:
    """cos(wu + s): e^{-w^2} (cos^2 s cosh(w^2 t) + sin^2 s sinh(w^2 t))."""
    (wave,) = parts if len(parts) == 1 else (None,)
    if not isinstance(wave, Wave) or wave.frequency == 0 or (wave.power, wave.rate) != (0, 0):
        return None
    w, s = wave.frequency, wave.phase
    even, odd = sympy.cos(s) ** 2 * sympy.cosh(w**2 * t), sympy.sin(s) ** 2 * sympy.sinh(w**2 * t)
    return wave.factor**2 * sympy.exp(-(w**2)) * (even + odd)


def _gaussian(parts: _Terms) -> Expr | None:
    """e^{bu^2}: ((1-2b)^2 - 4 b^2 t^2)^{-1/2}."""
    (wave,) = parts if len(parts) == 1 else (None,)
    if not isinstance(wave, Wave) or wave.square == 0 or (wave.power, wave.rate) != (0, 0):
        return None
    b = wave.square
    return wave.factor**2 / sympy.sqrt((1 - 2 * b) ** 2 - 4 * b**2 * t**2)


def _erf(parts: _Terms) -> Expr | None:
    """erf(au): (2/pi) asin(2 a^2 t / (1 + 2 a^2))."""
    (term,) = parts if len(parts) == 1 else (None,)
    if not isinstance(term, Erf) or term.power or term.shift != 0:
        return None
    a2 = term.slope**2
    return term.factor**2 * 2 / sympy.pi * sympy.asin(2 * a2 * t / (1 + 2 * a2))


def _gelu(parts: _Terms) -> Expr | None:
    """u Phi(u): t (1/4 + asin(t/2)/(2 pi)) + 1/(2 pi sqrt(4 - t^2)), by Stein's identity twice."""
    half = sympy.Rational(1, 2)
    target = {Wave(half, power=1), Erf(half, 1, 1 / sympy.sqrt(2), sympy.Integer(0))}
    if set(parts) != target:
        return None
    return t * (sympy.Rational(1, 4) + sympy.asin(t / 2) / (2 * sympy.pi)) + 1 / (2 * sympy.pi * sympy.sqrt(4 - t**2))


_RULES: tuple[Callable[[_Terms], Expr | None], ...] = (_polynomial, _exponentials, _cosine, _gaussian, _erf, _gelu)
