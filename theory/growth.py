"""Growth bounds: |phi(u)| <= C (1 + |u|)^m e^{a|u| + b u^2} for every u, derived from the expression, not from samples.

The bound follows the tree of the expression: sums, products and powers of bounds; |tanh|, |erf|, |sin| <= 1;
e^f from an upper bound of f; quotients from a lower bound of the denominator. It is what proves that the tails of the
Gaussian integrals are negligible. Where a step has no proof, there is no bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mpmath
import sympy

from bigtheta.theory.activation import MPMATH_MODULES, Activation, Piece, u
from bigtheta.theory.balls import BallFunction, NoBallError, ball_of, flint, precision
from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.filled import filled_function, singular_points
from bigtheta.theory.stable import Softplus

__all__ = ["Growth", "NoGrowthBoundError", "check_square_integrable", "growth_bound", "interval", "piece_growth"]

Expr = Any
_SLACK = 1 + 1e-9
"""Every rounded constant is widened by this, far more than its rounding error."""
_LARGE = 1e300
_TINY = 1e-300


class NoGrowthBoundError(BigthetaError):
    """No growth bound could be proven for an expression."""


@dataclass(frozen=True)
class Growth:
    """|f(u)| <= constant (1 + |u|)^power e^{rate |u| + square u^2} for every real u.

    >>> Growth(2.0, power=1).log_at(0.0) == math.log(2)
    True
    """

    constant: float
    power: float = 0.0
    rate: float = 0.0
    square: float = 0.0

    def log_at(self, x: float) -> float:
        """The logarithm of the bound at x."""
        x = abs(x)
        return math.log(self.constant) + self.power * math.log1p(x) + self.rate * x + self.square * x * x

    def __add__(self, other: Growth) -> Growth:
        pairs = zip(self._exponents, other._exponents, strict=True)
        return Growth((self.constant + other.constant) * _SLACK, *(max(a, b) for a, b in pairs))

    def __mul__(self, other: Growth) -> Growth:
        pairs = zip(self._exponents, other._exponents, strict=True)
        return Growth(self.constant * other.constant * _SLACK, *(a + b for a, b in pairs))

    def to(self, r: float) -> Growth:
        """The bound of |f|^r, r > 0."""
        try:
            constant = self.constant**r
        except OverflowError as error:
            raise NoGrowthBoundError(f"{self.constant:g}**{r:g} leaves the range of float64") from error
        return Growth(constant * _SLACK, *(r * e for e in self._exponents))

    @property
    def _exponents(self) -> tuple[float, float, float]:
        return self.power, self.rate, self.square

    def __str__(self) -> str:
        plain = self.constant
        parts = [f"{plain:.4g}"] if abs(plain - 1) > 1e-6 or not any(self._exponents) else []
        parts += [f"(1 + |u|)^{self.power:g}" if self.power != 1 else "(1 + |u|)"] if self.power else []
        return " ".join([*parts, f"exp({self._exponent})"] if self._exponent else parts)

    @property
    def _exponent(self) -> str:
        terms = [x if c == 1 else f"{c:g} {x}" for c, x in ((self.rate, "|u|"), (self.square, "u^2")) if c]
        return " + ".join(terms).replace("-1 ", "-").replace("+ -", "- ")

    @property
    def latex(self) -> str:
        """The right-hand side in LaTeX."""
        factor = f"{self.constant:.3g}"
        if self.power:
            factor += rf"\,(1+|u|)^{{{self.power:.3g}}}"
        exponent = " + ".join(f"{c:.3g}{x}" for c, x in ((self.rate, "|u|"), (self.square, "u^2")) if c)
        return factor + (rf"\,e^{{{exponent}}}" if exponent else "")


@lru_cache(maxsize=256)
def growth_bound(act: Activation, derivative: int = 0) -> Growth:
    """Return a proven bound |phi^(derivative)(u)| <= C (1+|u|)^m e^{a|u| + b u^2}, derivatives off the kinks.

    Raises:
        NoGrowthBoundError: if the rules do not give one; the message names the part without a bound.

    Source: derived.

    >>> from bigtheta.theory.catalogue import activation
    >>> bound = growth_bound(activation("u*tanh(u)"))
    >>> bound.power, bound.rate, bound.square
    (1.0, 0.0, 0.0)
    """
    bounds = [piece_growth(piece) for piece in act.derivative(derivative)]
    largest = (max(column) for column in zip(*((b.constant, *b._exponents) for b in bounds), strict=True))
    return Growth(*largest)


def piece_growth(piece: Piece) -> Growth:
    """Return a growth bound of one smooth piece, valid on its interval."""
    try:
        bound = _around(piece, singular_points(piece.expression))
    except NoBallError as error:
        raise NoGrowthBoundError(str(error)) from error
    except OverflowError as error:
        raise NoGrowthBoundError(f"the constants of {piece.expression} leave the range of float64") from error
    if not all(map(math.isfinite, (bound.constant, *bound._exponents))):
        raise NoGrowthBoundError(f"the constants of {piece.expression} leave the range of float64")
    return bound if bound.constant >= _TINY else Growth(_TINY, *bound._exponents)


def _around(piece: Piece, points: tuple[Expr, ...]) -> Growth:
    """A growth bound of a piece: by balls near its removable singularities, by rules elsewhere."""
    points = tuple(point for point in points if piece.low <= point <= piece.high)
    if not points:
        return _Prover(piece).growth(piece.expression)
    function, low, bounds = filled_function(piece.expression), piece.low, []
    for point in points:
        bound, reach = _beside(function, point)
        bounds.append(bound)
        if point - reach > low:
            bounds.append(_Prover(Piece(low, point - reach, piece.expression)).growth(piece.expression))
        low = point + reach
    if low < piece.high:
        bounds.append(_Prover(Piece(low, piece.high, piece.expression)).growth(piece.expression))
    return Growth(*(max(column) for column in zip(*((b.constant, *b._exponents) for b in bounds), strict=True)))


def _beside(function: BallFunction, point: Expr) -> tuple[Growth, Expr]:
    """The largest |f| within some distance of a point, on balls."""
    with precision(128):
        for i in range(12):
            reach, most = sympy.Rational(1, 2**i), 0.0
            for cell in range(-16, 16):
                middle = ball_of(point + reach * (cell + sympy.Rational(1, 2)) / 16)
                value = function(middle + flint.arb(0, float(reach) / 32 * 1.0001))
                most = max(most, float(value.abs_upper())) if value.is_finite() else math.inf
            if math.isfinite(most):
                return Growth(most * _SLACK), reach
    raise NoGrowthBoundError(f"no growth bound is known near u = {point}")


def interval(piece: Piece, e: Expr) -> tuple[float, float]:
    """Return an interval that contains the expression e on the whole piece; infinite ends where nothing is known."""
    try:
        return _Prover(piece).range(e)
    except OverflowError:
        return -math.inf, math.inf


def _above(value: Expr) -> float:
    """The least float64 that is not below a number."""
    number = float(value)
    return number if sympy.Rational(number) >= value else math.nextafter(number, math.inf)


@lru_cache(maxsize=256)
def check_square_integrable(act: Activation, radius: float = 1.0) -> None:
    """Refuse phi that is not square-integrable under the Gaussian: |phi(r x)|^2 e^{-x^2/2} must fall faster than 1/x.

    Raises:
        InvalidInputError: if it does not from |x| = 500 to 1000, as for exp(u^2/4) and beyond.
    """
    ends = ((act.pieces[0], -1), (act.pieces[-1], 1))
    for piece, side in ends:
        phi = sympy.lambdify(u, piece.expression, modules=MPMATH_MODULES)
        weights = []
        near = piece.high if side < 0 else piece.low  # the last kink on this side, if there is one
        start = 500 if abs(near) == sympy.oo else max(500, 2 * math.ceil(abs(float(near))))
        for far in (start, 2 * start):
            with mpmath.workdps(1000):  # 1 + tanh(-1000) is not 0
                x = mpmath.mpf(far)
                size = abs(phi(side * x * mpmath.mpf(radius)))
                weights.append(2 * mpmath.log(size) - x**2 / 2 if size > 0 else -mpmath.inf)
        # phi^2 e^{-x^2/2} ~ x^p is integrable for p < -1
        if weights[1] - weights[0] > (-1 - 1e-6) * math.log(2):
            where = "" if radius == 1 else f" at |x| = {radius:.3g}"
            raise InvalidInputError(
                f"activation {act.name!r} grows too fast: {act.expression} is not square-integrable under the "
                f"Gaussian{where}, so it has no Hermite expansion"
            )


_BOUNDED = {sympy.tanh: 1.0, sympy.erf: 1.0, sympy.sin: 1.0, sympy.cos: 1.0, sympy.atan: math.pi / 2, sympy.erfc: 2.0}
_MONOTONE: dict[Any, Callable[[float], float]] = {
    sympy.exp: lambda x: math.exp(min(x, 700.0)) if x < 700 else math.inf,
    sympy.tanh: math.tanh,
    sympy.erf: math.erf,
    sympy.atan: math.atan,
    sympy.log: lambda x: -math.inf if x <= 0 else math.log(x),
    sympy.sinh: lambda x: math.copysign(math.inf, x) if abs(x) > 700 else math.sinh(x),
    Softplus: lambda x: x if x > 30 else math.log1p(math.exp(x)),
}
_RANGES = {sympy.cosh: (1.0, math.inf), sympy.sin: (-1.0, 1.0), sympy.cos: (-1.0, 1.0), sympy.erfc: (0.0, 2.0)}


class _Prover:
    """Bounds of the subexpressions of one piece on its interval."""

    def __init__(self, piece: Piece) -> None:
        self.low, self.high = float(piece.low), float(piece.high)

    def growth(self, e: Expr) -> Growth:
        """A growth bound of |e|."""
        if e == u:
            return Growth(1.0, power=1.0)
        if u not in e.free_symbols:
            return Growth(max(abs(float(e)), 1e-300) * _SLACK)
        if e.is_Add:
            return _total([self.growth(a) for a in e.args], Growth.__add__)
        if e.is_Mul:
            return _total([self.growth(a) for a in e.args], Growth.__mul__)
        if isinstance(e, sympy.exp):
            return self.exponential(e.args[0])
        if e.is_Pow:
            return self.of_power(e)
        if type(e) in _BOUNDED:
            return Growth(_BOUNDED[type(e)] * _SLACK)
        if isinstance(e, sympy.sinh | sympy.cosh):
            return self.exponential(e.args[0]) + self.exponential(-e.args[0])
        if isinstance(e, Softplus):  # log(1 + e^x) <= log 2 + |x|
            return Growth(math.log(2) * _SLACK) + self.growth(e.args[0])
        if isinstance(e, sympy.log):
            return self.logarithm(e.args[0])
        raise NoGrowthBoundError(f"no growth bound is known for {e}")

    def of_power(self, e: Expr) -> Growth:
        if not e.exp.is_number:
            return self.exponential(e.exp * sympy.log(e.base))
        r = float(e.exp)
        if r > 0:
            return self.growth(e.base).to(r)
        low, high = self.range(e.base)
        least = max(low, -high)  # |base| >= least
        if least <= 0:
            raise NoGrowthBoundError(f"no lower bound is known for the denominator {e.base}")
        return Growth(least**r * _SLACK)

    def exponential(self, e: Expr) -> Growth:
        """e^f, from f <= c + a|u| + b u^2."""
        if e.is_polynomial(u) and sympy.degree(e, u) <= 2:
            c, a, b = (_above(sympy.Poly(e, u).coeff_monomial(u**i)) for i in range(3))
            low = -_above(-sympy.Poly(e, u).coeff_monomial(u))  # below the coefficient of u
            a = a if self.low >= 0 else -low if self.high <= 0 else max(a, -low)  # a u = +-a |u| on one side of 0
            return Growth(math.exp(c) * _SLACK, rate=a, square=b)
        high = self.range(e)[1]
        if high < 700:
            return Growth(math.exp(high) * _SLACK)
        f = self.growth(e)
        if f.rate == 0 and f.square == 0 and f.power <= 1 and f.constant < 700:
            return Growth(math.exp(f.constant) * _SLACK, rate=f.constant)
        if f.rate == 0 and f.square == 0 and f.power <= 2 and f.constant < 700:  # (1+|u|)^2 = 1 + 2|u| + u^2
            return Growth(math.exp(f.constant) * _SLACK, rate=2 * f.constant, square=f.constant)
        raise NoGrowthBoundError(f"no growth bound is known for exp({e})")

    def logarithm(self, e: Expr) -> Growth:
        """|log f| <= max(log of the upper bound, -log of the lower bound), with log(1+|u|) <= |u|."""
        low, _ = self.range(e)
        if low <= 0:
            raise NoGrowthBoundError(f"no lower bound is known inside log({e})")
        f = self.growth(e)
        c = max(abs(math.log(f.constant)), abs(math.log(low)))
        total = c + abs(f.power) + abs(f.rate) + abs(f.square)
        return Growth(total * _SLACK + 1e-300, power=2.0 if f.square else 1.0)

    def range(self, e: Expr) -> tuple[float, float]:
        """An interval that contains e on the whole piece."""
        low, high = self.inner(e)
        low, high = min(low, _LARGE), max(high, -_LARGE)
        return low - (_SLACK - 1) * min(abs(low), _LARGE), high + (_SLACK - 1) * min(abs(high), _LARGE)

    def inner(self, e: Expr) -> tuple[float, float]:
        if e == u:
            return self.low, self.high
        if u not in e.free_symbols:
            return float(e), float(e)
        if e.is_polynomial(u):
            return self.polynomial(sympy.Poly(e, u))
        if e.is_Add:
            parts = [self.range(a) for a in e.args]
            return _sum(p[0] for p in parts), _sum(p[1] for p in parts)
        if e.is_Mul:
            result = (1.0, 1.0)
            for a in e.args:
                result = _product(result, self.range(a))
            return result
        if e.is_Pow and e.exp.is_number:
            return self.power_range(self.range(e.base), e.exp)
        if type(e) in _MONOTONE:
            low, high = self.range(e.args[0])
            f = _MONOTONE[type(e)]
            return f(low), f(high) + _TINY  # what underflows is not 0
        if type(e) in _RANGES:
            return _RANGES[type(e)]
        return -math.inf, math.inf

    def polynomial(self, poly: Any) -> tuple[float, float]:
        """The range of a polynomial, from its critical points and ends."""
        try:
            roots = poly.diff().real_roots(multiple=False) if poly.degree() > 1 else []
        except (NotImplementedError, sympy.PolynomialError):
            return -math.inf, math.inf
        points = [float(root) for root, _ in roots]
        points = [x for x in points if self.low < x < self.high]
        points += [end for end in (self.low, self.high) if math.isfinite(end)]
        low, high = math.inf, -math.inf
        for x in points:
            terms = [float(c) * x**i for (i,), c in poly.terms()]
            slack = 1e-12 * sum(map(abs, terms))
            low, high = min(low, math.fsum(terms) - slack), max(high, math.fsum(terms) + slack)
        for end, sign in ((self.low, -1), (self.high, 1)):
            if math.isinf(end) and (poly.LC() > 0) == (sign > 0 or poly.degree() % 2 == 0):
                high = math.inf
            elif math.isinf(end):
                low = -math.inf
        return low, high

    @staticmethod
    def power_range(base: tuple[float, float], exponent: Expr) -> tuple[float, float]:
        low, high = base
        r = float(exponent)
        if r < 0:
            if low <= 0 <= high:
                return (0.0, math.inf) if exponent.is_even or low == 0 else (-math.inf, math.inf)
            low, high = 1 / high, 1 / low
            r, exponent = -r, -exponent
        if exponent.is_even:
            ends = sorted((abs(low), abs(high)))
            return (0.0 if low <= 0 <= high else _raise(ends[0], r)), _raise(ends[1], r)
        if exponent.is_odd:
            return math.copysign(_raise(abs(low), r), low), math.copysign(_raise(abs(high), r), high)
        return _raise(max(low, 0.0), r), _raise(max(high, 0.0), r)


def _raise(x: float, r: float) -> float:
    try:
        return float(x**r)
    except OverflowError:
        return math.inf


def _sum(parts: Any) -> float:
    total = 0.0
    for part in parts:
        total += part  # an interval's lower ends are never +inf, its upper ends never -inf
    return total


def _product(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    values = [0.0 if x == 0 or y == 0 else x * y for x in a for y in b]
    return min(values), max(values)


def _total(parts: list[Growth], operation: Any) -> Growth:
    result = parts[0]
    for part in parts[1:]:
        result = operation(result, part)
    return result
