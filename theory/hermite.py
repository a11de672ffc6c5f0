"""Hermite coefficients mu_j = E[phi(G) He_j(G)] / sqrt(j!), G ~ N(0, 1), of an activation.

Three routes, of distinct result types. `Exact`: a SymPy number, from a closed form. `Certified`: a ball with a proven
error bound, from ball arithmetic, for every activation with a growth bound. `Estimated`: quadrature with an error
estimate, where neither is to be had.
"""

from __future__ import annotations

import math
from functools import lru_cache

import sympy

from bigtheta.theory.activation import Activation, Parity, Piece
from bigtheta.theory.balls import HAVE_FLINT, NoBallError, certified, precision
from bigtheta.theory.catalogue import activation
from bigtheta.theory.closed import exact_projection
from bigtheta.theory.errors import whole_number
from bigtheta.theory.growth import check_square_integrable
from bigtheta.theory.number import Certified, Exact, Number
from bigtheta.theory.quadrature import MAX_ORDER, estimate

__all__ = ["MAX_ORDER", "expansion", "hermite", "tiers"]

MAX_DIGITS = 1_000
_BITS = math.log2(10)


def hermite(act: Activation | str, j: int, *, digits: int = 15) -> Number:
    """Return mu_j = E[phi(G) He_j(G)]/sqrt(j!), the normalised Hermite coefficient.

    Args:
        act: an activation, a catalogue name or a formula in u.
        j: the order, from 0 to 1000.
        digits: significant digits asked for, from 1 to 1000.

    Raises:
        InvalidInputError: for j or digits out of range, or phi not square-integrable under the Gaussian.

    Source: definition.

    >>> hermite("relu", 2)
    Exact(expression=1/(2*sqrt(pi)))
    >>> hermite("tanh", 2)
    Exact(expression=0)
    >>> print(hermite("tanh", 1, digits=30))
    0.60570550960215882558354022755... +- ... (certified)
    """
    act, j, digits = _asked(act, j, digits, "j")
    if (exact := _exact(act, j, digits)) is not None:
        return exact
    ahead = min(-(-(j + 1) // 16) * 16 - 1, MAX_ORDER)  # neighbours are asked for next, at almost no cost
    balls = _certified(act, ahead, digits)
    return estimate(act, j, digits) if balls is None else balls[j]


def expansion(act: Activation | str, order: int, *, digits: int = 15) -> tuple[Number, ...]:
    """Return mu_0, ..., mu_order, each by the best route there is.

    >>> [round(mu.value, 6) for mu in expansion("abs", 4)]
    [0.797885, 0.0, 0.56419, 0.0, -0.162868]
    """
    act, order, digits = _asked(act, order, digits, "order")
    exact = [_exact(act, j, digits) for j in range(order + 1)]
    if all(number is not None for number in exact):
        return tuple(number for number in exact if number is not None)
    balls = _certified(act, order, digits)
    rest = balls if balls is not None else [estimate(act, j, digits) for j in range(order + 1)]
    return tuple(number if number is not None else rest[j] for j, number in enumerate(exact))


def tiers(act: Activation | str, order: int, *, digits: int = 20) -> dict[str, tuple[Number, ...]]:
    """Return mu_0, ..., mu_order by every route that this activation has, to compare them.

    >>> sorted(tiers("relu", 2))
    ['certified', 'estimated', 'exact']
    """
    act, order, digits = _asked(act, order, digits, "order")
    result: dict[str, tuple[Number, ...]] = {}
    if exact_projection(act, 0) is not None:
        result["exact"] = tuple(n for j in range(order + 1) if (n := _exact(act, j, digits)) is not None)
    if (balls := _certified(act, order, digits)) is not None:
        result["certified"] = balls
    result["estimated"] = tuple(estimate(act, j, digits) for j in range(order + 1))
    return result


def _asked(act: Activation | str, order: int, digits: int, name: str) -> tuple[Activation, int, int]:
    act = activation(act)
    order = whole_number(name, order, low=0, high=MAX_ORDER, where="hermite", asked=f"an order from 0 to {MAX_ORDER}")
    digits = whole_number(
        "digits", digits, low=1, high=MAX_DIGITS, where="hermite", asked=f"digits from 1 to {MAX_DIGITS}"
    )
    check_square_integrable(act)
    return act, order, digits


def _exact(act: Activation, j: int, digits: int) -> Exact | None:
    if (act.parity is Parity.EVEN and j % 2) or (act.parity is Parity.ODD and j % 2 == 0):
        return Exact(sympy.Integer(0), digits)
    value = exact_projection(act, j)
    return None if value is None else Exact(value, digits)


@lru_cache(maxsize=256)
def _certified(act: Activation, order: int, digits: int) -> tuple[Certified, ...] | None:
    """Balls with so many significant digits, or fewer for a coefficient that is far smaller than the others."""
    if not HAVE_FLINT:
        return None
    from bigtheta.theory.certified import gaussian_projections

    bits, most = math.ceil(digits * _BITS) + 16, math.ceil(digits * _BITS) + 96 + order
    zeros = {Parity.EVEN: 1, Parity.ODD: 0, Parity.NONE: 2}[act.parity]
    pieces = act.pieces if act.parity is Parity.NONE else _right_half(act.pieces)
    for _ in range(4):
        try:
            balls = gaussian_projections(pieces, order, bits)
        except NoBallError:
            return None
        if act.parity is not Parity.NONE:
            with precision(bits + order + 64):
                balls = [ball * 0 if j % 2 == zeros else ball + ball for j, ball in enumerate(balls)]
        lack = max(
            (digits * _BITS + 4 - ball.rel_accuracy_bits() for j, ball in enumerate(balls) if j % 2 != zeros), default=0
        )
        if lack <= 0 or bits >= most:
            break
        bits = min(bits + math.ceil(lack) + 4, most)
    return tuple(certified(ball, digits) for ball in balls)


def _right_half(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """The pieces on u > 0: what phi h_j, an even function, is integrated over."""
    return tuple(Piece(p.low if p.low > 0 else sympy.Integer(0), p.high, p.expression) for p in pieces if p.high > 0)
