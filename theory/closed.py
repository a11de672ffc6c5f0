"""Closed forms of E[phi(G) He_j(G)]: exact for a given j by recurrences, and as a formula in j.

Read phi as p(u) + sum over its kinks c of q_c(u) 1(u > c), p the leftmost piece and q_c the difference of the pieces
on both sides. Known exactly are

- p a sum of u^m e^{au + bu^2} cos(wu + t) and u^m erf(au + b), by completing the square and
  u He_j = He_{j+1} + j He_{j-1};
- q_c a sum of u^m e^{au}, by truncated moments: T_j(q) = q(c) He_{j-1}(c) g(c) + T_{j-1}(q') by parts, g the normal
  density.

So relu, abs, step, leaky relu, powers of relu, every piecewise polynomial, elu; erf, gelu; sin, cos, exp, the Gaussian.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

import sympy
from sympy.simplify.fu import TR8

from bigtheta.theory.activation import Activation, Piece, u
from bigtheta.theory.zeros import is_root

__all__ = ["Erf", "Wave", "closed_form", "exact_moment", "exact_projection", "j", "terms"]

Expr = Any
j = sympy.Symbol("j", integer=True, nonnegative=True)
"""The order in a formula for mu_j."""
_ZERO, _ONE = sympy.Integer(0), sympy.Integer(1)


@dataclass(frozen=True)
class Wave:
    """factor * u^power e^{rate u + square u^2} cos(frequency u + phase)."""

    factor: Expr
    power: int = 0
    rate: Expr = _ZERO
    square: Expr = _ZERO
    frequency: Expr = _ZERO
    phase: Expr = _ZERO


@dataclass(frozen=True)
class Erf:
    """factor * u^power erf(slope u + shift)."""

    factor: Expr
    power: int
    slope: Expr
    shift: Expr


Term: TypeAlias = Wave | Erf
Polynomial: TypeAlias = tuple[Expr, ...]
"""Coefficients, lowest first."""


@dataclass(frozen=True)
class Step:
    """q(u) 1(u > at), q(u) = sum over rates a of e^{au} times a polynomial."""

    at: Expr
    parts: tuple[tuple[Expr, Polynomial], ...]


def exact_projection(act: Activation, order: int) -> Expr | None:
    """Return mu_order = E[phi(G) He_order(G)]/sqrt(order!) as a SymPy number; None if phi has no closed form here.

    >>> from bigtheta.theory.catalogue import activation
    >>> exact_projection(activation("relu"), 2), exact_projection(activation("cos"), 2)
    (1/(2*sqrt(pi)), -sqrt(2)*exp(-1/2)/2)
    """
    parts = _read(act.pieces)
    return None if parts is None else _normalised(_project(parts, order), order)


def exact_moment(pieces: tuple[Piece, ...]) -> Expr | None:
    """Return E f(G) for f given by its smooth pieces on the whole line; None if there is no closed form here."""
    parts = _read(pieces)
    return None if parts is None else _project(parts, 0)


@lru_cache(maxsize=256)
def closed_form(act: Activation) -> Expr | None:
    """Return mu_j as a SymPy expression in the symbol `j`, or None.

    >>> from bigtheta.theory.catalogue import activation
    >>> closed_form(activation("sin"))
    exp(-1/2)*sin(pi*j/2)/sqrt(factorial(j))
    """
    parts = _read(act.pieces)
    if parts is None:
        return None
    whole, steps = parts
    general, first = _ZERO, 0
    for term in whole:
        formula, start = _term_formula(term)
        if formula is None:
            return None
        general, first = general + formula, max(first, start)
    for step in steps:
        for rate, polynomial in step.parts:
            if rate != 0:
                return None
            general += _step_formula(step.at, polynomial)
            first = max(first, len(polynomial))
    formula = _turned(sympy.factor_terms(general)) / sympy.sqrt(sympy.factorial(j))
    if first == 0:
        return formula
    table = [(_normalised(_project(parts, i), i), sympy.Eq(j, i)) for i in range(first)]
    return sympy.Piecewise(*table, (formula, True))


def _turned(formula: Expr) -> Expr:
    """Write cos(pi (j/2 - 1)) as -cos(pi j/2), and so on."""

    def cosine(x: Expr) -> Expr:
        shift, rest = sympy.expand(x).as_independent(j, as_Add=True)
        quarters = sympy.nsimplify(shift * 2 / sympy.pi)
        if not quarters.is_Integer:
            return sympy.cos(x)
        return (sympy.cos(rest), -sympy.sin(rest), -sympy.cos(rest), sympy.sin(rest))[int(quarters) % 4]

    return formula.replace(sympy.cos, cosine)


def _normalised(value: Expr, order: int) -> Expr:
    return sympy.expand_mul(value / sympy.sqrt(sympy.factorial(order)))


def _project(parts: tuple[tuple[Term, ...], tuple[Step, ...]], order: int) -> Expr:
    whole, steps = parts
    total = sum((term.factor * _entire(replace(term, factor=_ONE), order) for term in whole), _ZERO)
    for step in steps:
        for rate, polynomial in step.parts:
            total += _truncated(step.at, rate, polynomial, order)
    return total


# Reading an expression into terms


@lru_cache(maxsize=256)
def _read(pieces: tuple[Piece, ...]) -> tuple[tuple[Term, ...], tuple[Step, ...]] | None:
    first = terms(pieces[0].expression)
    steps = []
    for left, right in itertools.pairwise(pieces):
        difference = terms(sympy.expand(right.expression - left.expression))
        if difference is None or not left.high.is_comparable or is_root(left.high):
            return None
        by_rate: dict[Expr, dict[int, Expr]] = {}
        for term in difference:
            if not isinstance(term, Wave) or term.square != 0 or term.frequency != 0:
                return None
            powers = by_rate.setdefault(term.rate, {})
            powers[term.power] = powers.get(term.power, _ZERO) + term.factor
        parts = tuple((a, tuple(p.get(i, _ZERO) for i in range(max(p) + 1))) for a, p in by_rate.items())
        steps.append(Step(left.high, parts))
    return None if first is None else (first, tuple(steps))


def terms(expression: Expr) -> tuple[Term, ...] | None:
    """Write an expression as a sum of waves and erf terms; None if it is not one."""
    e = expression.replace(sympy.erfc, lambda x: 1 - sympy.erf(x))
    e = e.replace(sympy.sinh, lambda x: (sympy.exp(x) - sympy.exp(-x)) / 2)
    e = sympy.expand(e.replace(sympy.cosh, lambda x: (sympy.exp(x) + sympy.exp(-x)) / 2))
    if e.has(sympy.sin, sympy.cos):
        e = sympy.expand(TR8(e))
    found = []
    for addend in sympy.Add.make_args(e):
        if addend == 0:
            continue
        term = _term(addend)
        if term is None:
            return None
        found.append(term)
    return tuple(found)


def _term(product: Expr) -> Term | None:
    factor, rest = product.as_independent(u, as_Add=False)
    wave, erf = Wave(factor), None
    for f in sympy.Mul.make_args(rest):
        base, exponent = f.as_base_exp()
        argument = sympy.Poly(f.args[0], u) if f.args and f.args[0].is_polynomial(u) else None
        if f == 1:
            continue
        if base == u and exponent.is_Integer and exponent > 0:
            wave = replace(wave, power=wave.power + int(exponent))
        elif isinstance(f, sympy.exp) and f.args[0].is_polynomial(u) and sympy.degree(f.args[0], u) <= 2:
            c, a, b = (sympy.Poly(f.args[0], u).coeff_monomial(u**i) for i in range(3))
            wave = replace(wave, factor=wave.factor * sympy.exp(c), rate=wave.rate + a, square=wave.square + b)
        elif isinstance(f, sympy.sin | sympy.cos) and argument is not None and argument.degree() == 1:
            if wave.frequency != 0:
                return None
            shift = argument.nth(0) - (sympy.pi / 2 if isinstance(f, sympy.sin) else 0)
            wave = replace(wave, frequency=argument.nth(1), phase=shift)
        elif isinstance(f, sympy.erf) and argument is not None and argument.degree() == 1 and erf is None:
            erf = argument.nth(1), argument.nth(0)
        else:
            return None
    if erf is not None:
        plain = wave.rate == 0 and wave.square == 0 and wave.frequency == 0
        return Erf(wave.factor, wave.power, *erf) if plain else None
    return None if wave.frequency != 0 and wave.square != 0 else wave


# Exact values for one j


@lru_cache(maxsize=8_192)
def _entire(term: Term, order: int) -> Expr:
    """E[f(G) He_order(G)] of one term on the whole line."""
    if isinstance(term, Wave) and (term.rate, term.square, term.frequency) == (0, 0, 0):
        rest = term.power - order  # E G^m He_j(G) = m! / (2^r r!), 2r = m - j
        if rest < 0 or rest % 2:
            return _ZERO
        half = sympy.factorial(rest // 2) * 2 ** (rest // 2)
        return sympy.factorial(term.power) / half * sympy.cos(term.phase)
    if term.power:
        lower = replace(term, power=term.power - 1)
        below = order * _entire(lower, order - 1) if order else _ZERO
        return sympy.expand_mul(_entire(lower, order + 1) + below)
    if isinstance(term, Erf):
        a, b = term.slope, term.shift
        if order == 0:
            return sympy.erf(b / sympy.sqrt(1 + 2 * a**2))
        derivative = Wave(_ONE, rate=-2 * a * b, square=-(a**2))
        return 2 * a / sympy.sqrt(sympy.pi) * sympy.exp(-(b**2)) * _entire(derivative, order - 1)
    if term.frequency != 0:
        a, w, phase = term.rate, term.frequency, term.phase
        damping = sympy.exp((a**2 - w**2) / 2)
        if a == 0:
            turned = (sympy.cos(phase), -sympy.sin(phase), -sympy.cos(phase), sympy.sin(phase))[order % 4]
            return w**order * damping * turned
        real, imaginary = sympy.expand((a + sympy.I * w) ** order).as_real_imag()
        return damping * (real * sympy.cos(phase + a * w) - imaginary * sympy.sin(phase + a * w))
    a, b = term.rate, term.square
    if b == 0:
        return a**order * sympy.exp(a**2 / 2)
    # e^{au + bu^2} times the density is a multiple of N(mean, s2); E He_j there has variance 1 - s2 left over
    s2 = 1 / (1 - 2 * b)
    mean, left = a * s2, 1 - s2
    previous, current = _ZERO, _ONE
    for i in range(order):
        previous, current = current, sympy.expand_mul(mean * current - i * left * previous)
    return sympy.sqrt(s2) * sympy.exp(a**2 * s2 / 2) * current


def _density(x: Expr) -> Expr:
    return sympy.exp(-(x**2) / 2) / sympy.sqrt(2 * sympy.pi)


def _hermite_values(x: Expr, order: int, count: int) -> list[Expr]:
    """He_order(x), He_{order-1}(x), ..., `count` of them; in whole numbers q^m He_m(p/q) for a rational x = p/q."""
    if x.is_Rational:
        p, q = int(x.p), int(x.q)
        whole = [1, p]
        for i in range(1, order):
            whole.append(p * whole[i] - i * q * q * whole[i - 1])
        return [sympy.Rational(whole[m], q**m) for m in range(order, max(order - count, -1), -1)]
    values = [_ONE, x]
    for i in range(1, order):
        values.append(sympy.expand_mul(x * values[i] - i * values[i - 1]))
    return values[order::-1][:count]


def _truncated(at: Expr, rate: Expr, q: Polynomial, order: int) -> Expr:
    """E[q(G) e^{rate G} 1(G > at) He_order(G)], by parts until q or the order is used up."""
    boundary = _ZERO
    for he in _hermite_values(at, order - 1, order if rate != 0 else len(q)) if order else []:
        boundary += sum((c * at**m for m, c in enumerate(q)), _ZERO) * he
        q = _differentiated(q, rate)
    total = sympy.expand_mul(boundary * sympy.exp(rate * at) * _density(at))
    return total + _tail_moment(at, rate, q)


def _differentiated(q: Polynomial, rate: Expr) -> Polynomial:
    """The polynomial of (q e^{rate u})' / e^{rate u} = q' + rate q."""
    derivative = [*(m * c for m, c in enumerate(q) if m), _ZERO]
    result = [d + rate * c for d, c in zip(derivative, q, strict=True)] if q else []
    while result and result[-1] == 0:
        result.pop()
    return tuple(result)


def _tail_moment(at: Expr, rate: Expr, q: Polynomial) -> Expr:
    """E[q(G) e^{rate G} 1(G > at)] = e^{rate^2/2} E[q(G + rate) 1(G > at - rate)]."""
    if not q:
        return _ZERO
    start = at - rate
    moments = [sympy.erfc(start / sympy.sqrt(2)) / 2, _density(start)]
    for m in range(2, len(q)):
        moments.append(start ** (m - 1) * _density(start) + (m - 1) * moments[m - 2])
    shifted = sympy.Poly(sum((c * (u + rate) ** m for m, c in enumerate(q)), _ZERO), u).all_coeffs()[::-1]
    return sympy.exp(rate**2 / 2) * sum((c * moments[m] for m, c in enumerate(shifted)), _ZERO)


# Formulas in j


def _term_formula(term: Term) -> tuple[Expr | None, int]:
    """E[f(G) He_j(G)] as an expression in j, and the first j for which it holds."""
    plain = replace(term, power=0, factor=_ONE)
    if isinstance(plain, Wave) and (plain.rate, plain.square, plain.frequency) == (0, 0, 0):
        return _ZERO, term.power + 1  # a polynomial: nothing beyond its degree
    formula, start = _base_formula(plain)
    if formula is None:
        return None, 0
    for _ in range(term.power):
        formula = formula.subs(j, j + 1) + j * formula.subs(j, j - 1)
    return term.factor * formula, start + term.power


def _base_formula(term: Term) -> tuple[Expr | None, int]:
    if isinstance(term, Erf):
        a, b = term.slope, term.shift
        derivative, start = _base_formula(Wave(_ONE, rate=-2 * a * b, square=-(a**2)))
        if derivative is None:
            return None, 0
        return 2 * a / sympy.sqrt(sympy.pi) * sympy.exp(-(b**2)) * derivative.subs(j, j - 1), start + 1
    a, b, w = term.rate, term.square, term.frequency
    if w != 0:
        size, angle = (w, sympy.pi / 2) if a == 0 else (sympy.sqrt(a**2 + w**2), sympy.atan2(w, a))
        wave = sympy.cos(j * angle + term.phase + a * w)
        return size**j * sympy.exp((a**2 - w**2) / 2) * wave, 0
    if b == 0:
        return a**j * sympy.exp(a**2 / 2), 0
    s2 = 1 / (1 - 2 * b)
    mean, left = a * s2, 1 - s2
    scale = sympy.sqrt(s2) * sympy.exp(a**2 * s2 / 2)
    if mean == 0:
        even = _hermite_formula(j, _ZERO) if left > 0 else _hermite_formula(j, _ZERO) * sympy.cos(sympy.pi * j / 2)
        return scale * abs(left) ** (j / 2) * even, 0
    return (scale * left ** (j / 2) * _hermite_formula(j, mean / sympy.sqrt(left)), 0) if left > 0 else (None, 0)


def _step_formula(at: Expr, q: Polynomial) -> Expr:
    """sum_r q^(r)(at) He_{j-1-r}(at) g(at), for j beyond the degree of q."""
    total: Expr = _ZERO
    for r in range(len(q)):
        value = sum((c * at**m for m, c in enumerate(q)), _ZERO)
        total += value * _hermite_formula(j - 1 - r, at) if value != 0 else 0
        q = _differentiated(q, _ZERO)
    return total * _density(at)


def _hermite_formula(order: Expr, x: Expr) -> Expr:
    """He_order(x); at 0 it is 2^{m/2} Gamma((m+1)/2) cos(pi m/2)/sqrt(pi)."""
    if x != 0:
        return sympy.hermite_prob(order, x)
    half = sympy.expand(order / 2)
    return 2**half * sympy.gamma(half + sympy.Rational(1, 2)) * sympy.cos(sympy.pi * half) / sympy.sqrt(sympy.pi)
