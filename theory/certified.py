"""Certified Gaussian integrals: E[phi(G) h_j(G)] for j = 0, ..., J at once, each with a proven error bound.

h_j = He_j/sqrt(j!). The line is cut at the kinks of phi and at +-R. Beyond R the growth bound of phi and Mehler's
formula bound what is left out. Each panel is a Gauss-Legendre rule of N nodes, whose error for f analytic and
|f| <= M in the Bernstein ellipse of parameter rho is at most (64/15) M rho^{-2N} / (1 - rho^{-2}) times the half-width:
the Chebyshev coefficients are at most 2 M rho^{-m}, the rule is exact for m < 2N, and for even m >= 2N it is off by at
most 2 + 2/(m^2-1). M comes from evaluating phi on complex balls that cover the ellipse. All values are balls, so that
rounding is inside the result.

For h_j in the ellipse: Mehler's formula at (z, conj z) gives, for every 0 < r < 1 and z = a + ib,

    |h_j(z)|^2 <= r^{-j} (1 - r^2)^{-1/2} exp(r a^2/(1+r) + r b^2/(1-r)),

so |h_j(z) e^{-z^2/2}| <= r^{-j/2} (1 - r^2)^{-1/4} exp(-a^2/(2(1+r)) + b^2/(2(1-r))).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bigtheta.theory.activation import Piece
from bigtheta.theory.balls import BallFunction, NoBallError, ball_of, flint, precision
from bigtheta.theory.filled import filled_function
from bigtheta.theory.growth import Growth, NoGrowthBoundError, piece_growth

__all__ = ["exp_above", "gaussian_projections", "legendre"]

Ball = Any
_RHOS = (9.0, 5.0, 3.2, 2.2, 1.6)
_LOG2 = math.log(2)
_MOST_PANELS = 20_000


def gaussian_projections(pieces: Sequence[Piece], order: int, bits: int) -> list[Ball]:
    """Return balls for E[f(G) h_j(G)], j = 0, ..., order, f given by its smooth pieces.

    The radius is about 2^-bits max(1, C), C the constant of the growth bound.

    Args:
        pieces: the smooth pieces of f, which cover the line or a part of it (f is 0 elsewhere).
        order: J >= 0.
        bits: the absolute accuracy aimed at; the radii say what was reached.

    Raises:
        NoBallError: if f has no ball evaluation or no growth bound, or is not integrable near a kink.

    Source: derived.

    >>> from bigtheta.theory.catalogue import activation
    >>> print(gaussian_projections(activation("tanh").pieces, 1, 80)[1].str(20))
    [0.6057055...
    """
    working = bits + order + 60
    with precision(working):
        total = [flint.arb(0)] * (order + 1)
        for piece in pieces:
            try:
                growth = piece_growth(piece)
            except NoGrowthBoundError as error:
                raise NoBallError(str(error)) from error
            part = _Line(piece, growth, order, bits).integrate()
            total = [a + b for a, b in zip(total, part, strict=True)]
        return total


@dataclass(frozen=True)
class _Line:
    """One smooth piece f on its interval."""

    piece: Piece
    growth: Growth
    order: int
    bits: int

    @property
    def target(self) -> float:
        """log of the error that one panel may have, relative to the constant of the growth bound if that is large."""
        return -(self.bits + 6) * _LOG2 + max(0.0, math.log(self.growth.constant))

    def integrate(self) -> list[Ball]:
        """E[f(G) h_j(G)] over the piece, for every j."""
        function = filled_function(self.piece.expression)
        reach, tail = self.reach()
        sums = _Sums(self.order)
        low, high = float(self.piece.low), float(self.piece.high)
        if low < -reach or high > reach:
            sums.error += tail
        if low < reach and high > -reach:
            left = flint.arb(-reach) if low < -reach else ball_of(self.piece.low)
            right = flint.arb(reach) if high > reach else ball_of(self.piece.high)
            count = max(1, math.ceil(float((right - left).mid()) / 2))
            edges = [left, *(left + (right - left) * i / count for i in range(1, count)), right]
            panels = [(a, b, 0) for a, b in itertools.pairwise(edges)]
            self.cover(function, panels, sums)
        return sums.balls()

    def reach(self) -> tuple[int, Ball]:
        """R, and a bound of E|f h_j| beyond it for all j <= order.

        Beyond R, C (1+x)^m e^{ax - q x^2} with q = 1/(2(1+r)) - b falls at least as fast as e^{-s x} with
        s = 2qR - a - m/(1+R), so its integral is at most its value at R over s.
        """
        g = self.growth
        for reach in range(4, 100_000):
            for r in (0.99, 0.9, 0.7, 0.4):
                q = 1 / (2 * (1 + r)) - g.square
                slope = 2 * q * reach - g.rate - g.power / (1 + reach)
                if q <= 0 or slope <= 0.1:
                    continue
                log = g.log_at(reach) - reach**2 / (2 * (1 + r)) - math.log(slope)
                log += -self.order / 2 * math.log(r) - math.log(1 - r * r) / 4 + math.log(2)
                if log < self.target:
                    return reach, exp_above(log)
        raise NoBallError(f"{self.piece.expression} grows too fast for its Gaussian tail to be bounded")

    def cover(self, function: BallFunction, panels: list[tuple[Ball, Ball, int]], sums: _Sums) -> None:
        """Integrate over every panel by the rule that needs fewest nodes; cut the panel in two where none is good."""
        most = 24 + self.bits // 2 + self.order // 4
        for done in itertools.count():
            if not panels:
                return
            a, b, depth = panels.pop()
            if done > _MOST_PANELS or depth > 3 * self.bits + 60:
                raise NoBallError(f"{self.piece.expression}: no error bound found near u = {float(a.mid()):.6g}")
            middle, half = (a + b) / 2, (b - a) / 2
            rule = self.rule(function, middle, half, depth)
            if rule is not None and rule[0] <= most:
                sums.add(_nodes(function, middle, half, rule[0]), rule[1])
            elif depth < 12 or not self.sliver(function, a, b, sums):
                panels += [(a, middle, depth + 1), (middle, b, depth + 1)]

    def rule(self, function: BallFunction, middle: Ball, half: Ball, depth: int) -> tuple[int, Ball] | None:
        """The number of nodes that reaches the target on this panel, and the bound of its error; None if none does."""
        width = float(half.mid())
        if width < 1e-300:  # its squares underflow
            return None
        best: tuple[int, Ball] | None = None
        for rho in _RHOS:
            log = self.largest(function, middle, width, rho, depth)
            if not math.isfinite(log):
                continue
            log += math.log(64 / 15 * width / (1 - rho**-2))
            nodes = max(4, 4 * math.ceil((log - self.target) / (2 * math.log(rho)) / 4))
            if best is not None and nodes >= best[0]:
                break
            best = nodes, exp_above(log - 2 * nodes * math.log(rho))
        return best

    def sliver(self, function: BallFunction, a: Ball, b: Ball, sums: _Sums) -> bool:
        """Bound a narrow panel at a singular end by its width times the largest value, if that is small enough."""
        size = abs(function(a.union(b))).abs_upper() * abs(b - a).abs_upper() * exp_above(self.log_factor(0.0, 0.0))
        if not (size.is_finite() and size < exp_above(self.target)):
            return False
        sums.error += size.abs_upper()
        return True

    def log_factor(self, a: float, b: float) -> float:
        """log of sup |h_j(z) e^{-z^2/2}|/sqrt(2 pi) over j <= order, |Re z| >= a, |Im z| <= b, with slack."""
        j = self.order
        r = min(0.999, max(0.05, 1 - b / math.sqrt(j))) if j else 0.0
        value = -a * a / (2 * (1 + r)) + b * b / (2 * (1 - r)) - math.log(1 - r * r) / 4
        value -= j / 2 * math.log(r) if j else 0.0
        return value - math.log(2 * math.pi) / 2 + 1e-9 * (1 + abs(value))

    def largest(self, function: BallFunction, middle: Ball, half: float, rho: float, depth: int) -> float:
        """log of a bound of |f h_j e^{-z^2/2}|/sqrt(2 pi) on a rectangle that contains the ellipse; inf if none.

        f is real on the line, so the upper half-plane is enough.
        """
        wide, tall = half * (rho + 1 / rho) / 2 * 1.0001, half * (rho - 1 / rho) / 2 * 1.0001
        size = max(half / 2, tall / 6)
        across, up = math.ceil(2 * wide / size), math.ceil(tall / size)
        dx, dy = 2 * wide / across, tall / up
        best = -math.inf
        with precision(64 + depth):
            for column in range(across):
                offset = -wide + (column + 0.5) * dx
                real = middle + flint.arb(offset, dx / 2 * 1.0001)
                near = max(0.0, float(abs(real).abs_lower()) * (1 - 1e-12))
                for row in range(up):
                    value = function(flint.acb(real, flint.arb((row + 0.5) * dy, dy / 2 * 1.0001)))
                    if not value.is_finite():
                        return math.inf
                    upper = value.abs_upper()
                    log = float(upper.log().mid()) + 1e-6 if upper > 0 else -1e9
                    best = max(best, log + self.log_factor(near, (row + 1) * dy * 1.0001))
        return best


class _Sums:
    """Running sums over nodes of weight * f * h_j, and the error common to all j."""

    def __init__(self, order: int) -> None:
        self.order = order
        self.total = [flint.arb(0)] * (order + 1)
        self.error = flint.arb(0)
        self.steps = [(flint.arb(j).sqrt(), 1 / flint.arb(j + 1).sqrt()) for j in range(order)]

    def add(self, values: list[tuple[Ball, Ball]], error: Ball) -> None:
        """Add nodes (x, w f(x) e^{-x^2/2}/sqrt(2 pi)); the error is of the rule."""
        total, steps = self.total, self.steps
        for x, value in values:
            previous, current = flint.arb(0), value  # the recurrence carries the factor along
            total[0] += current
            for j, (root, inverse) in enumerate(steps):
                previous, current = current, (x * current - root * previous) * inverse
                total[j + 1] += current
        self.error += error

    def balls(self) -> list[Ball]:
        spread = flint.arb(0, self.error.abs_upper())
        return [value + spread for value in self.total]


def _nodes(function: BallFunction, middle: Ball, half: Ball, nodes: int) -> list[tuple[Ball, Ball]]:
    """The nodes x and w f(x) e^{-x^2/2}/sqrt(2 pi) of one panel."""
    scale = half / (2 * flint.arb.pi()).sqrt()
    points = [(middle + half * node, weight) for node, weight in legendre(nodes, flint.ctx.prec)]
    return [(x, function(x) * (-x * x / 2).exp() * weight * scale) for x, weight in points]


@lru_cache(maxsize=256)
def legendre(nodes: int, bits: int) -> list[tuple[Ball, Ball]]:
    """The nodes and weights of Gauss and Legendre on [-1, 1], at the current precision, which is `bits`."""
    return [flint.arb.legendre_p_root(nodes, k, weight=True) for k in range(nodes)]


def exp_above(log: float) -> Ball:
    """e^log as a ball, rounded up."""
    return flint.arb(log + 1e-9 * (1 + abs(log))).exp()
