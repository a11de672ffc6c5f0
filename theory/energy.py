"""Energies by Parseval: E phi(G)^2 = sum_j mu_j^2, E phi'(G)^2 = sum_j j mu_j^2, and what lies beyond order J."""

from __future__ import annotations

import math
from functools import lru_cache

import mpmath
import sympy

from bigtheta.theory.activation import MPMATH_MODULES, Activation, Piece, mp_number, u
from bigtheta.theory.balls import HAVE_FLINT, NoBallError, certified, precision
from bigtheta.theory.catalogue import activation
from bigtheta.theory.closed import exact_moment
from bigtheta.theory.errors import InvalidInputError, whole_number
from bigtheta.theory.growth import check_square_integrable
from bigtheta.theory.hermite import MAX_ORDER, expansion
from bigtheta.theory.number import Certified, Estimated, Exact, Number
from bigtheta.theory.quadrature import estimated_moment

__all__ = ["energy", "tail_energy"]

_BITS = math.log2(10)


def energy(act: Activation | str, derivative: int = 0, *, digits: int = 15) -> Number:
    """Return E[phi^(derivative)(G)^2], the derivative taken off the kinks.

    Args:
        act: an activation, a catalogue name or a formula in u.
        derivative: 0, 1, 2, ...
        digits: significant digits asked for.

    Raises:
        InvalidInputError: if phi is not square-integrable, or the derivative is unbounded near a kink.

    Source: definition.

    >>> print(energy("relu", 1))
    1/2 = 0.500000000000000 (exact)
    >>> print(energy("tanh", 2, digits=10))
    0.30020381200438 +- ... (certified)
    """
    act = activation(act)
    derivative = whole_number("derivative", derivative, low=0, high=8, where="energy")
    return _energy(act, derivative, whole_number("digits", digits, low=1, high=1000, where="energy"))


@lru_cache(maxsize=256)
def _energy(act: Activation, derivative: int, digits: int) -> Number:
    check_square_integrable(act)
    _check_bounded(act, derivative)
    squares = tuple(Piece(p.low, p.high, p.expression**2) for p in act.derivative(derivative))
    if (exact := exact_moment(tuple(Piece(p.low, p.high, sympy.expand(p.expression)) for p in squares))) is not None:
        return Exact(exact, digits)
    if HAVE_FLINT:
        from bigtheta.theory.certified import gaussian_projections

        bits = math.ceil(digits * _BITS) + 16
        try:
            for _ in range(3):
                ball = gaussian_projections(squares, 0, bits)[0]
                if (lack := digits * _BITS + 4 - ball.rel_accuracy_bits()) <= 0:
                    break
                bits += math.ceil(lack) + 4
            return certified(ball, digits)
        except NoBallError:
            pass
    return estimated_moment(squares)


def tail_energy(act: Activation | str, order: int, *, digits: int = 15) -> Certified | Estimated:
    """Return sum_{j > order} mu_j^2 = E phi(G)^2 - sum_{j <= order} mu_j^2, as a proven ball where there is one.

    The `high` end is a bound on the error of every truncated expansion: |sum_{j > order} mu_j^2 rho^j| <= high.

    >>> tail = tail_energy("relu", 10)
    >>> 0.00127 < tail.low < tail.high < 0.00128
    True
    """
    act = activation(act)
    order = whole_number("order", order, low=0, high=MAX_ORDER, where="tail_energy")
    return _tail(act, order, whole_number("digits", digits, low=1, high=1000, where="tail_energy"))


@lru_cache(maxsize=256)
def _tail(act: Activation, order: int, digits: int) -> Certified | Estimated:
    if HAVE_FLINT:
        from bigtheta.theory.certified import gaussian_projections

        squares = tuple(Piece(p.low, p.high, p.expression**2) for p in act.pieces)
        check_square_integrable(act)
        bits = math.ceil(digits * _BITS) + 16
        try:
            for _ in range(3):
                with precision(2 * bits + order):
                    whole = gaussian_projections(squares, 0, bits)[0]
                    rest = whole - sum(mu * mu for mu in gaussian_projections(act.pieces, order, bits))
                if rest.rel_accuracy_bits() >= digits * _BITS:
                    break
                bits += math.ceil(digits * _BITS) // 2 + 16
            return certified(rest, digits)
        except NoBallError:
            pass
    total_energy = energy(act, digits=digits)
    total = total_energy.value - math.fsum(mu.value**2 for mu in expansion(act, order, digits=13))
    return Estimated(total, 1e-13 * total_energy.value)


def _check_bounded(act: Activation, derivative: int) -> None:
    """Refuse a derivative that grows without bound towards a kink, as that of sqrt|u| at 0: its square may not have
    a finite integral."""
    if derivative == 0:
        return
    pieces = act.derivative(derivative)
    for index, kink in enumerate(act.kinks):
        for piece, side in ((pieces[index], -1), (pieces[index + 1], 1)):
            f = sympy.lambdify(u, piece.expression, modules=MPMATH_MODULES)
            with mpmath.workdps(200):
                near, nearer = (abs(f(mp_number(kink) + side * mpmath.mpf(10) ** -e)) for e in (30, 60))
            if nearer > 10 * near and nearer > 1e6:
                raise InvalidInputError(
                    f"activation {act.name!r}: derivative {derivative} is unbounded near the kink at u = {kink}, "
                    f"so E phi^({derivative})(G)^2 is infinite or has no proven value"
                )
