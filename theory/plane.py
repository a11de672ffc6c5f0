"""Certified Gaussian integrals in the plane: E[f(G) f(G')], (G, G') standard normal of any correlation rho.

With independent standard normal x and y, c = sqrt((1+|rho|)/2) and s = sqrt((1-|rho|)/2),

    G = cx + sy,    G' = +-(cx - sy),

so that nothing is narrow however near |rho| is to 1. A kink k of f is the line x = (k - sy)/c, or (+-k + sy)/c. Bands
of y end where two of these lines cross; in a band the lines cut cells on which the integrand is analytic, and a cell is
mapped to the square by x = (1-tau)/2 low(y) + (1+tau)/2 high(y). There the error of a tensor rule of Gauss and Legendre
is at most the sum of those of its two directions, each bounded as in `certified` by the largest |integrand| where one
variable runs through a Bernstein ellipse and the other through [-1, 1]. For fixed tau the map is affine in y and for
fixed y affine in tau, so what x, G and G' reach is in the smallest rectangle around what they reach at the two ends of
the real variable. Beyond |x| = R or |y| = R the growth bound |f(u)| <= C (1+|u|)^m e^{a|u| + bu^2} gives

    |f(G) f(G')| <= C^2 X(x) Y(y),    X(x) = (1 + c|x|)^{2m} exp(2ac|x| + 2bc^2 x^2),    Y likewise with s.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy

from bigtheta.theory.activation import Piece
from bigtheta.theory.balls import BallFunction, NoBallError, ball_of, flint, precision
from bigtheta.theory.certified import exp_above, legendre
from bigtheta.theory.filled import filled_function
from bigtheta.theory.growth import NoGrowthBoundError, piece_growth
from bigtheta.theory.plane_tails import Side

__all__ = ["correlated_product"]

Ball = Any
Expr = Any
_RHOS = (9.0, 5.0, 3.2, 2.2, 1.6)
_LOG2 = math.log(2)
_SLACK = 1e-12
_MOST_CELLS = 4_000
_LENGTH = 2.0
"""Of a side of a cell."""
_BOXES = 8
"""Along the longer side of a rectangle on which a function is bounded."""

Rectangle = tuple[float, float, float]
"""The least and largest real part, and the largest imaginary part."""


def correlated_product(pieces: Sequence[Piece], rho: Expr, bits: int, scale: float) -> Ball:
    """Return a ball for E[f(G) f(G')] at correlation rho, of radius about 2^-bits scale.

    Args:
        pieces: the smooth pieces of f, which cover the line.
        rho: a SymPy number from -1 to 1.
        bits: the accuracy aimed at, relative to scale; the radius says what was reached.
        scale: the size of E f(G)^2.

    Raises:
        NoBallError: if f has no ball evaluation or no growth bound, or is not analytic up to its kinks.

    Source: derived.

    >>> from bigtheta.theory.catalogue import activation
    >>> print(correlated_product(activation("abs").pieces, 1 - sympy.Rational(1, 10**12), 60, 1.0).str(15))
    [0.999999999999000 +/- ...]
    """
    if not (math.isfinite(scale) and scale > 0):
        raise NoBallError(f"the energy of {pieces[0].expression} leaves the range of float64")
    with precision(bits + 40):
        return _Plane(pieces, rho, math.log(scale) - (bits + 8) * _LOG2).integrate()


@dataclass(frozen=True)
class _Line:
    """offset + slope y."""

    offset: Ball
    slope: Ball

    def at(self, y: Ball) -> Ball:
        return self.offset + self.slope * y

    def between(self, other: _Line, share: Ball) -> _Line:
        return _Line(
            self.offset + (other.offset - self.offset) * share, self.slope + (other.slope - self.slope) * share
        )

    def turned(self, c: Ball, s: Ball) -> _Line:
        """c (offset + slope y) + s y."""
        return _Line(c * self.offset, c * self.slope + s)

    def reach(self, y: Rectangle) -> Rectangle:
        """What it reaches on a rectangle of y."""
        offset, slope = float(self.offset.mid()), float(self.slope.mid())
        ends = offset + slope * y[0], offset + slope * y[1]
        slack = _SLACK * (1 + abs(offset) + abs(slope) * max(map(abs, y)))
        slack += float(self.offset.rad()) + float(self.slope.rad()) * (1 + max(map(abs, y)))
        return min(ends) - slack, max(ends) + slack, abs(slope) * y[2] * (1 + _SLACK) + _SLACK * y[2]


@dataclass(frozen=True)
class _Kink:
    """A line on which one of the two factors changes its piece: the first factor (0) or the second (1)."""

    at: Expr
    factor: int
    line: _Line


@dataclass(frozen=True)
class _Cell:
    """start <= y <= end, low(y) <= x <= high(y), and the index of the piece of either factor on it."""

    start: Ball
    end: Ball
    low: _Line
    high: _Line
    indices: tuple[int, int]
    depth: int = 0

    def halves(self, *, across: bool) -> list[_Cell]:
        """The two halves in x (across) or in y."""
        if across:
            middle = self.low.between(self.high, flint.arb(0.5))
            return [replace(self, high=middle, depth=self.depth + 1), replace(self, low=middle, depth=self.depth + 1)]
        half = (self.start + self.end) / 2
        return [replace(self, end=half, depth=self.depth + 1), replace(self, start=half, depth=self.depth + 1)]

    @property
    def length(self) -> float:
        """In y."""
        return float((self.end - self.start).mid())

    @property
    def width(self) -> float:
        """The largest in x."""
        return max(float(abs(self.high.at(y) - self.low.at(y)).abs_upper()) for y in (self.start, self.end))


class _Plane:
    """The plane of x and y, and f(G) f(G') on it."""

    def __init__(self, pieces: Sequence[Piece], rho: Expr, target: float) -> None:
        self.target = target
        self.name = str(pieces[0].expression)
        size = abs(rho)
        self.c, self.s = (ball_of((1 + e) / 2).nonnegative_part().sqrt() for e in (size, -size))
        functions = [filled_function(p.expression) for p in pieces]
        kinks = [p.high for p in pieces[:-1]]
        for k, pair in zip(kinks, itertools.pairwise(functions), strict=True):
            self.check_analytic(k, pair)
        self.symmetric = not rho < 0
        mirrored = kinks if self.symmetric else [-k for k in reversed(kinks)]
        turned = functions if self.symmetric else [_mirror(f) for f in reversed(functions)]
        self.functions = functions, turned
        self.kinks = [
            *(_Kink(k, 0, _Line(ball_of(k) / self.c, -self.s / self.c)) for k in kinks),
            *(_Kink(k, 1, _Line(ball_of(k) / self.c, self.s / self.c)) for k in mirrored),
        ]
        self.known: dict[tuple[int, int, int, int, int], float] = {}
        self.reach, self.error = self.cut(pieces)

    def check_analytic(self, kink: Expr, pair: tuple[BallFunction, BallFunction]) -> None:
        with precision(64):
            near = flint.acb(ball_of(kink) + flint.arb(0, 1e-6), flint.arb(0, 1e-6))
            if not all(function(near).is_finite() for function in pair):
                raise NoBallError(f"{self.name} is not analytic up to its kink at u = {kink}")

    def cut(self, pieces: Sequence[Piece]) -> tuple[int, Ball]:
        """R, and a bound of E|f(G) f(G')| where |x| > R or |y| > R."""
        try:
            bounds = [piece_growth(piece) for piece in pieces]
        except NoGrowthBoundError as error:
            raise NoBallError(str(error)) from error
        constant = 2 * math.log(max(b.constant for b in bounds))
        power, rate, square = (max(0.0, *(getattr(b, name) for b in bounds)) for name in ("power", "rate", "square"))
        sides = [Side(float(z.mid()) * (1 + _SLACK), power, rate, square) for z in (self.c, self.s)]
        if any(side.curvature <= 0 for side in sides):
            raise NoBallError(f"{self.name} grows too fast for its Gaussian tail to be bounded")
        wholes = [side.whole() for side in sides]
        for reach in range(4, 100_000):
            logs = [constant + side.tail(reach) + other for side, other in zip(sides, reversed(wholes), strict=True)]
            if max(logs) < self.target:
                return reach, exp_above(logs[0]) + exp_above(logs[1])
        raise NoBallError(f"{self.name} grows too fast for its Gaussian tail to be bounded")

    def integrate(self) -> Ball:
        edges = [flint.arb(0 if self.symmetric else -self.reach), *self.crossings(), flint.arb(self.reach)]
        cells: list[_Cell] = []
        for start, end in itertools.pairwise(edges):
            count = max(1, math.ceil(float((end - start).mid()) / _LENGTH))
            inner = [start, *(start + (end - start) * i / count for i in range(1, count)), end]
            for band in itertools.pairwise(inner):
                cells += self.band(*band)
        total = self.cover(cells) * (2 if self.symmetric else 1)
        return total + flint.arb(0, (2 * self.error).abs_upper())

    def crossings(self) -> list[Ball]:
        """Where a line of the first factor crosses one of the second, in order."""
        if self.s.contains(0):
            return []
        firsts, seconds = ([k.at for k in self.kinks if k.factor == factor] for factor in (0, 1))
        gaps = {sympy.expand(a - b) for a in firsts for b in seconds}
        least = 0 if self.symmetric else -self.reach
        points = sorted(((ball_of(gap) / (2 * self.s), gap) for gap in gaps), key=lambda point: point[0].mid())
        found: list[tuple[Ball, Expr]] = []
        for point, gap in points:
            if point <= least or point >= self.reach:
                continue
            if not (point > least and point < self.reach):
                raise NoBallError(f"a distance of kinks of {self.name} is too near to the end of a band: {gap}")
            if found and point.overlaps(found[-1][0]):
                if (gap - found[-1][1]).equals(0) is not True:
                    raise NoBallError(f"two distances of kinks of {self.name} are too near to be told apart: {gap}")
                continue
            found.append((point, gap))
        return [point for point, _ in found]

    def band(self, start: Ball, end: Ball) -> list[_Cell]:
        """The cells of a band of y, no two lines of which cross inside; it reaches to |x| = R or farther."""
        ys, middle = (start, end), (start + end) / 2
        least, most, indices, inside = -float(self.reach), float(self.reach), [0, 0], []
        for kink in self.kinks:
            places = [kink.line.at(y) for y in ys]
            if all(place < -self.reach for place in places):
                indices[kink.factor] += 1
            elif not all(place > self.reach for place in places):
                inside.append(kink)
                least = min(least, *(float(place.mid()) - 1 for place in places))
                most = max(most, *(float(place.mid()) + 1 for place in places))
        inside.sort(key=lambda kink: kink.line.at(middle).mid())
        for a, b in itertools.pairwise(inside):
            if not a.line.at(middle) < b.line.at(middle) and not (a.at == b.at and self.s == 0):
                raise NoBallError(f"the kinks of {self.name} at u = {a.at} and {b.at} are too near to be told apart")
        level = flint.arb(0)
        lines = [_Line(flint.arb(least), level), *(k.line for k in inside), _Line(flint.arb(most), level)]
        cells: list[_Cell] = []
        for number, (low, high) in enumerate(itertools.pairwise(lines)):
            if number:
                indices[inside[number - 1].factor] += 1
            whole = _Cell(start, end, low, high, (indices[0], indices[1]))
            count = max(1, math.ceil(whole.width / _LENGTH))
            parts = [low, *(low.between(high, flint.arb(i) / count) for i in range(1, count)), high]
            cells += [replace(whole, low=a, high=b) for a, b in itertools.pairwise(parts)]
        return cells

    def cover(self, cells: list[_Cell]) -> Ball:
        total = flint.arb(0)
        most = 24 - self.target / 4
        for done in itertools.count():
            if not cells:
                return total
            cell = cells.pop()
            if done > _MOST_CELLS or cell.depth > 60:
                raise NoBallError(f"{self.name}: no error bound found near u = {float(cell.low.offset.mid()):.6g}")
            whole = self.largest(cell, 1.0, along=True) + 2 * _LOG2
            if whole < self.target - 6 * _LOG2:  # nearly nothing
                self.error += exp_above(whole)
                continue
            along, across = (self.rule(cell, along=way) for way in (True, False))
            if along[0] <= most and across[0] <= most:
                total += self.value(cell, int(along[0]), int(across[0]))
                self.error += exp_above(along[1]) + exp_above(across[1])
            else:
                cells += cell.halves(across=across[0] > most and not (along[0] > most and cell.length > cell.width))
        return total

    def rule(self, cell: _Cell, *, along: bool) -> tuple[float, float]:
        """The number of nodes that reaches the target in y (along) or in x, infinite if none does, and the log of the
        bound of its error."""
        best = math.inf, math.inf
        for rho in _RHOS:
            log = self.largest(cell, rho, along=along)
            if not math.isfinite(log):
                continue
            log += math.log(128 / 15 / (1 - rho**-2))
            nodes = max(2, 2 * math.ceil((log - self.target + 3 * _LOG2) / (2 * math.log(rho)) / 2))
            if nodes >= best[0]:
                break
            best = nodes, log - 2 * nodes * math.log(rho)
        return best

    def largest(self, cell: _Cell, rho: float, *, along: bool) -> float:
        """log of a bound of |integrand| on the square, one variable in the ellipse; infinite if there is none."""
        wide, tall = (rho + 1 / rho) / 2 * (1 + _SLACK), (rho - 1 / rho) / 2 * (1 + _SLACK)
        middle, half = float(((cell.start + cell.end) / 2).mid()), cell.length / 2
        stretch, height = (wide, tall) if along else (1.0 + _SLACK, 0.0)
        y = middle - half * stretch, middle + half * stretch, half * height

        def reach(low: _Line, high: _Line) -> Rectangle:
            if along:
                return _around(low.reach(y), high.reach(y))
            found = []
            for at in y[:2]:
                a, b = (line.reach((at, at, 0.0)) for line in (low, high))
                left, right = min(a[0], b[0]), max(a[1], b[1])
                centre, radius = (left + right) / 2, (right - left) / 2
                found.append((centre - radius * wide, centre + radius * wide, radius * tall))
            return _around(*found)

        x = reach(cell.low, cell.high)
        apart = _Line(cell.high.offset - cell.low.offset, cell.high.slope - cell.low.slope).reach(y)
        jacobian = math.hypot(max(abs(apart[0]), abs(apart[1])), apart[2]) / 2 * half
        log = math.log(max(jacobian, 1e-300)) - math.log(2 * math.pi) + 1e-9
        log += sum((z[2] ** 2 - _least(z) ** 2) / 2 for z in (x, y))
        for factor, s in ((0, self.s), (1, -self.s)):
            z = reach(cell.low.turned(self.c, s), cell.high.turned(self.c, s))
            log += self.bound(factor, cell.indices[factor], z)
        return log + 1e-9 * (1 + abs(log)) if math.isfinite(log) else log

    def bound(self, factor: int, index: int, z: Rectangle) -> float:
        """log of a bound of |f| on a rectangle; f is real on the line, so the upper half-plane is enough."""
        level = math.ceil(math.log2(max(z[1] - z[0], z[2], 1e-200) / _BOXES))
        box = 2.0**level
        columns = range(math.floor(z[0] / box), math.ceil(z[1] / box))
        if len(columns) > 4 * _BOXES:  # far out, where a float does not resolve it
            return math.inf
        best = -math.inf
        for column, row in itertools.product(columns, range(max(1, math.ceil(z[2] / box)))):
            key = factor, index, level, column, row
            if key not in self.known:
                self.known[key] = self.on_box(self.functions[factor][index], box, column, row)
            best = max(best, self.known[key])
        return best

    def on_box(self, function: BallFunction, box: float, column: int, row: int) -> float:
        with precision(64 + max(0, math.frexp(column)[1])):
            radius = box / 2 * (1 + _SLACK)
            value = function(flint.acb(flint.arb((column + 0.5) * box, radius), flint.arb((row + 0.5) * box, radius)))
            if not value.is_finite():
                return math.inf
            upper = value.abs_upper()
            return float(upper.log().mid()) + 1e-6 if upper > 0 else -1e9

    def value(self, cell: _Cell, rows: int, columns: int) -> Ball:
        """The tensor rule of so many nodes in y and in x."""
        bits = flint.ctx.prec
        first, second = (functions[index] for functions, index in zip(self.functions, cell.indices, strict=True))
        middle, half = (cell.start + cell.end) / 2, (cell.end - cell.start) / 2
        across = legendre(columns, bits)
        total = flint.arb(0)
        for node, weight in legendre(rows, bits):
            y = middle + half * node
            low, high = cell.low.at(y), cell.high.at(y)
            centre, radius, aside = self.c * (low + high) / 2, (high - low) / 2, self.s * y
            stretch, row = self.c * radius, flint.arb(0)
            twice = -1 / (2 * self.c * self.c)
            for tau, share in across:
                x = centre + stretch * tau
                row += first(x + aside) * second(x - aside) * (x * x * twice).exp() * share
            total += row * radius * weight * (-y * y / 2).exp()
        return total * half / (2 * flint.arb.pi())


def _mirror(function: BallFunction) -> BallFunction:
    return lambda z: function(-z)


def _around(a: Rectangle, b: Rectangle) -> Rectangle:
    return min(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2])


def _least(z: Rectangle) -> float:
    """The least |Re z|, rounded down."""
    return 0.0 if z[0] <= 0 <= z[1] else min(abs(z[0]), abs(z[1])) * (1 - _SLACK)
