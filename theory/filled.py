"""Functions at and near their removable singularities: on balls with proven bounds, in mpmath, and in floating point.

Near a singularity c that is filled, f is its Taylor polynomial. On balls: f = N/D is analytic in the square of
half-width R around c if N and D are and D has no other zero there, by the argument principle on its border; then
|f| <= M on the disc of radius R, M the largest value on the border, and the Taylor polynomial to degree K - 1 is off by
at most M q^K/(1 - q) at |z - c| <= q R.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
import sympy

from bigtheta.theory.balls import BallFunction, NoBallError, ball_function, ball_of, certified, flint, precision
from bigtheta.theory.domain import MPMATH_MODULES, u
from bigtheta.theory.removable import Hole, blocks, denominators, holes, taylor

__all__ = ["Patch", "filled_function", "mpmath_function", "patched", "patches", "singular_points"]

Expr = Any
Ball = Any
_RADII = tuple(2.0**-i for i in range(-2, 12))
_SIDE = 32
"""Cells along a side of the square around a singularity."""
_LENGTH, _BITS = 64, 400


@lru_cache(maxsize=1024)
def singular_points(e: Expr) -> tuple[Expr, ...]:
    """Return the points where the formula e is not defined, but its analytic continuation is.

    >>> singular_points(sympy.log(2 + sympy.sin(u - 1)/(u - 1)))
    (1,)
    """
    if not any(True for block in blocks(e) for _ in denominators(block)):
        return ()
    return tuple(dict.fromkeys(hole.at for block in blocks(e) for hole in holes(block)))


def filled_function(expression: Expr) -> BallFunction:
    """Return f as a function of real and complex balls, as `ball_function` does, its removable singularities filled.

    >>> with precision(100):
    ...     print(filled_function(sympy.sin(u)/u)(flint.arb(0)).str(20))
    1.0000000000000000000
    """
    if not singular_points(expression):
        return ball_function(expression)
    known: dict[Expr, BallFunction] = {}
    for block in blocks(expression):
        if block not in known and holes(block):
            direct = ball_function(block, known)
            parts = [_Disc(hole, direct, known) for hole in holes(block)]
            known[block] = _joined(direct, parts)
    return ball_function(expression, known)


def _joined(direct: BallFunction, discs: list[_Disc]) -> BallFunction:
    def evaluate(z: Ball) -> Ball:
        for disc in discs:
            if (value := disc.value(z)) is not None:
                return value
        return direct(z)

    return evaluate


class _Disc:
    """The disc around one hole in which f is its Taylor series."""

    def __init__(self, hole: Hole, direct: BallFunction, known: dict[Expr, BallFunction]) -> None:
        self.hole, self.direct = hole, direct
        self.quotient = hole.above / hole.below
        self.polynomials: dict[int, tuple[int, list[Ball], dict[int, Any]]] = {}
        above, below = (ball_function(e, known) for e in (self.hole.above, self.hole.below))
        with precision(128):
            centre = ball_of(self.hole.at)
            for radius in _RADII:
                if (bound := self.bound(centre, radius, above, below)) is not None:
                    self.radius, self.most = radius, bound
                    return
        raise NoBallError(f"no disc around u = {self.hole.at} is known in which {self.hole.below} has no other zero")

    def bound(self, centre: Ball, radius: float, above: BallFunction, below: BallFunction) -> Ball | None:
        """The largest |f| on the border of the square, if f is proven analytic inside; else None."""
        step = 2 * radius / _SIDE
        around = flint.arb(0, step / 2 * 1.0001)
        for i in range(_SIDE):
            for j in range(_SIDE // 2):  # N and D are real on the line
                cell = flint.acb(centre - radius + (i + 0.5) * step + around, flint.arb((j + 0.5) * step) + around)
                if not (above(cell).is_finite() and below(cell).is_finite()):
                    return None
        corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0)]
        turned, most = flint.arb(0), flint.arb(0)
        for (x0, y0), (x1, y1) in itertools.pairwise(corners):
            for i in range(_SIDE):
                ends = [(x0 + (x1 - x0) * s / _SIDE, y0 + (y1 - y0) * s / _SIDE) for s in (i, i + 1)]
                start, end = (flint.acb(centre + radius * x, flint.arb(radius * y)) for x, y in ends)
                side = start.union(end)
                values, value = below(side), self.direct(side)
                if values.contains(0) or not (values.is_finite() and value.is_finite()):
                    return None
                turned += (below(end) / below(start)).arg()
                most = most.max(value.abs_upper())
        return most if abs(turned / (2 * flint.arb.pi()) - self.hole.order) < 0.5 else None

    def value(self, z: Ball) -> Ball | None:
        """f on a ball by the Taylor polynomial; None off the disc, where the formula serves."""
        offset = (z - ball_of(self.hole.at)) / self.radius
        q = float(abs(offset).abs_upper()) * (1 + 1e-12) if offset.is_finite() else math.inf
        if q > 0.5:
            return None
        bits = flint.ctx.prec
        length = bits + 16 if q == 0 else min(bits + 16, math.ceil((bits + 8) / -math.log2(q)) + 2)
        value = self.polynomial(bits, length)(offset)
        error = (self.most * flint.arb(q) ** length / (1 - flint.arb(q))).abs_upper()
        spread = flint.arb(0, error)
        return value + (flint.acb(spread, spread) if isinstance(z, flint.acb) else spread)

    def polynomial(self, bits: int, length: int) -> Any:
        """The coefficients a_k R^k; to more bits inside, since division of series loses some."""
        have = self.polynomials.get(bits)
        if have is None or have[0] < length:
            length = min(bits + 16, max(length, 64, 2 * have[0] if have else 0))
            working = bits + length + 32
            while True:
                with precision(working):
                    coefficients = taylor(self.quotient, self.hole.at, length, scale=self.radius)
                    worst = max((c.rad() for c in coefficients), key=float)
                if worst.is_finite() and worst < self.most * flint.arb(2) ** -bits:
                    break
                if working > 8 * (bits + length) + 4096:
                    raise NoBallError(f"the Taylor series at u = {self.hole.at} loses its accuracy")
                working *= 2
            have = self.polynomials[bits] = (length, coefficients, {})
        _, coefficients, cut = have
        if length not in cut:
            cut[length] = flint.arb_poly(coefficients[:length])
        return cut[length]


@dataclass(frozen=True)
class Patch:
    """f(u) = sum_k coefficients[k] (u - at)^k for |u - at| < reach, in float64."""

    at: float
    reach: float
    coefficients: tuple[float, ...]


@lru_cache(maxsize=1024)
def patches(e: Expr) -> tuple[Patch, ...]:
    """Return Taylor polynomials of e around its removable singularities, as accurate as float64.

    >>> patches((1 - sympy.cos(u))/u**2)[0].coefficients[:3]
    (0.5, 0.0, -0.041666666666666664)
    """
    found = []
    for at in singular_points(e):
        with precision(_BITS):
            values = [float(c.mid()) if abs(float(c.mid())) > 1e-60 else 0.0 for c in taylor(e, at, _LENGTH)]
        reach = _reach(values)
        sizes = [abs(a) * reach**k for k, a in enumerate(values)]
        kept = max((k for k, size in enumerate(sizes) if size > 1e-19 * max(sizes)), default=0)
        found.append(Patch(float(at), reach, tuple(values[: kept + 1])))
    return tuple(found)


def _reach(values: list[float]) -> float:
    """A third of the radius of convergence, as the later coefficients show it, and at most 1."""
    roots = [abs(a) ** (1 / k) for k, a in enumerate(values) if k >= _LENGTH // 4 and a]
    return min(1.0, 1 / (3 * max(roots))) if roots else 1.0


def patched(e: Expr, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a numpy function of the formula e with its removable singularities filled."""
    if not (parts := patches(e)):
        return function

    def evaluate(x: Any) -> Any:
        x = np.asarray(x, dtype=np.float64)
        with np.errstate(all="ignore"):
            result: npt.NDArray[np.float64] = np.array(np.broadcast_to(function(x), x.shape), dtype=np.float64)
        for part in parts:
            near = np.abs(x - part.at) < part.reach
            result[near] = np.polynomial.polynomial.polyval(x[near] - part.at, part.coefficients)
        return result

    return evaluate


def mpmath_function(e: Expr) -> Callable[[Any], Any]:
    """Return f as a function of an mpf at mpmath's precision, its removable singularities filled."""
    function: Callable[[Any], Any] = sympy.lambdify(u, e, modules=MPMATH_MODULES)
    points = singular_points(e)
    if not points:
        return function
    tables = [(point, patch.reach) for point, patch in zip(points, patches(e), strict=True)]

    def evaluate(x: Any) -> Any:
        for point, reach in tables:
            with mpmath.extraprec(20):
                offset = x - _point(point, mpmath.mp.prec)
            if abs(offset) < reach:
                return mpmath.polyval(_mp_coefficients(e, point, mpmath.mp.prec)[::-1], offset)
        return function(x)

    return evaluate


@lru_cache(maxsize=256)
def _point(point: Expr, bits: int) -> mpmath.mpf:
    """A number to so many bits."""
    with precision(bits + 8):
        return certified(ball_of(point)).midpoint


@lru_cache(maxsize=256)
def _mp_coefficients(e: Expr, point: Expr, bits: int) -> list[mpmath.mpf]:
    with precision(3 * bits + 128):
        return [certified(c).midpoint for c in taylor(e, point, bits)]
