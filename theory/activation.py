"""Activation: one SymPy expression in one real variable u, and all that follows from it.

From phi(u) alone: its smooth pieces and kinks, the derivatives off the kinks, its parity, and numeric functions.
The analysis is exact: abs, sign, max, min and Heaviside are resolved on each interval between their breakpoints.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import numpy.typing as npt
import sympy

from bigtheta.theory.domain import MPMATH_MODULES, NUMPY_MODULES, check_domain, mp_number, u, vanishes
from bigtheta.theory.errors import InvalidInputError, whole_number
from bigtheta.theory.expression import FUNCTIONS, parse_expression
from bigtheta.theory.filled import patched
from bigtheta.theory.floats import without_floats
from bigtheta.theory.removable import blocks, denominators, holes, limit_at, without_common_factors
from bigtheta.theory.stable import Softplus, bounded_ratios, without_overflow
from bigtheta.theory.zeros import ZerosError, inside, is_root, ordered, real_zeros

if TYPE_CHECKING:
    from bigtheta.theory.growth import Growth

__all__ = [
    "MPMATH_MODULES",
    "NUMPY_MODULES",
    "Activation",
    "Mass",
    "Parity",
    "Piece",
    "WeakDerivative",
    "mp_number",
    "u",
]

Expr = Any

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


class Parity(Enum):
    """Symmetry of phi under u -> -u. Even: mu_j = 0 for odd j; odd: mu_j = 0 for even j."""

    EVEN = "even"
    ODD = "odd"
    NONE = "neither even nor odd"


@dataclass(frozen=True)
class Piece:
    """One interval (low, high) on which the activation is the smooth expression `expression`."""

    low: Expr
    high: Expr
    expression: Expr


_NONSMOOTH = (sympy.Abs, sympy.sign, sympy.Heaviside, sympy.Max, sympy.Min, sympy.Piecewise)


@dataclass(frozen=True)
class Mass:
    """weight * delta^(order)(u - at), a Dirac mass or one of its derivatives."""

    at: Expr
    weight: Expr
    order: int


@dataclass(frozen=True)
class WeakDerivative:
    """A derivative in the sense of distributions: a function given by smooth pieces, plus masses."""

    pieces: tuple[Piece, ...]
    masses: tuple[Mass, ...]


@dataclass(frozen=True)
class Activation:
    """An activation phi, defined by one SymPy expression in the real variable `u`.

    Args:
        name: letters, digits and _ . - (starts with a letter).
        formula_name: the name is the formula as it was typed.
        expression: phi(u), in the symbol `bigtheta.theory.activation.u`; any single free symbol is taken as u.
            Floats in it are the fractions that their bits are.

    Raises:
        InvalidInputError: if the expression has another free symbol, is complex, or a breakpoint cannot be solved for.

    >>> relu = Activation("relu", sympy.Max(u, 0))
    >>> relu.kinks, relu.parity
    ((0,), <Parity.NONE: 'neither even nor odd'>)
    >>> [piece.expression for piece in relu.pieces]
    [0, u]
    >>> Activation("swish", u / (1 + sympy.exp(-u))).derivative()[0].expression
    u*(1/4 - tanh(u/2)**2/4) + tanh(u/2)/2 + 1/2
    """

    name: str
    expression: Expr = field(compare=False)
    formula_name: bool = field(default=False, repr=False, compare=False)
    key: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not (_NAME.fullmatch(self.name) or self.formula_name):
            raise InvalidInputError(f"activation name: expected letters, digits, _ . - but got name={self.name!r}")
        if not isinstance(self.expression, sympy.Expr | int | float):
            raise InvalidInputError(
                f"activation {self.name!r}: expected a SymPy expression but got {self.expression!r}; "
                "read text with Activation.parse"
            )
        expression = without_floats(sympy.sympify(self.expression), f"activation {self.name!r}")
        symbols = expression.free_symbols
        if len(symbols) > 1:
            raise InvalidInputError(
                f"activation {self.name!r}: expected one variable but got {sorted(map(str, symbols))}"
            )
        given = expression.subs({s: u for s in symbols})
        expression = without_overflow(given)
        if expression.has(sympy.I) or expression.has(sympy.zoo, sympy.nan, sympy.oo):
            raise InvalidInputError(f"activation {self.name!r}: expected a real, finite function but got {expression}")
        expression = without_common_factors(expression)
        object.__setattr__(self, "expression", expression)
        check_domain(self.name, expression, given, filled=self._filled)
        object.__setattr__(self, "key", sympy.srepr(expression))

    @classmethod
    def parse(cls, text: str, *, name: str | None = None) -> Activation:
        """Read an activation from a formula in u (x, z and t are read as u too).

        >>> Activation.parse("x*tanh(x)").expression
        u*tanh(u)
        """
        names = {letter: u for letter in "uxzt"}
        functions = {**FUNCTIONS, "softplus": Softplus, "sigmoid": lambda x: (1 + sympy.tanh(x / 2)) / 2}
        expression = parse_expression(text, names, functions=functions, what="activation")
        if not isinstance(expression, sympy.Expr):
            raise InvalidInputError(f"activation: expected a formula but got the condition {text!r}")
        return cls(name, expression) if name else cls(" ".join(str(text).split()), expression, formula_name=True)

    def _filled(self) -> tuple[float, ...]:
        """Where the formula divides by 0 and phi is continued, and the kinks; refuse poles."""
        points = [float(kink) for kink in self.kinks]
        for piece in self.pieces:
            points += [float(point) for point in _filled_on(piece, self.name)]
        return tuple(points)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The smooth pieces from left to right; one piece for a smooth activation."""
        points = _breakpoints(self.expression, self.name)
        edges = [-sympy.oo, *points, sympy.oo]
        pieces: list[Piece] = []
        for low, high in itertools.pairwise(edges):
            smooth = _smooth_on(self.expression, inside(low, high))
            if pieces and sympy.simplify(pieces[-1].expression - smooth) == 0:
                pieces[-1] = Piece(pieces[-1].low, high, pieces[-1].expression)
            else:
                pieces.append(Piece(low, high, smooth))
        return tuple(pieces)

    @property
    def kinks(self) -> tuple[Expr, ...]:
        """The points at which phi is not smooth: phi or one of its derivatives jumps."""
        return tuple(piece.high for piece in self.pieces[:-1])

    def derivative(self, order: int = 1) -> tuple[Piece, ...]:
        """Return the pieces of the derivative of the given order off the kinks (no Dirac masses)."""
        order = whole_number("order", order, low=0, where="derivative")
        if order == 0:
            return self.pieces
        return tuple(Piece(p.low, p.high, bounded_ratios(sympy.diff(p.expression, u, order))) for p in self.pieces)

    def weak_derivative(self, order: int = 1) -> WeakDerivative:
        """Return the derivative in the sense of distributions: pieces, and a mass at each kink where phi or one of
        its lower derivatives jumps.

        >>> Activation("relu", sympy.Max(u, 0)).weak_derivative(2).masses
        (Mass(at=0, weight=1, order=0),)
        """
        masses = [
            Mass(kink, weight, order - 1 - r)
            for kink in self.kinks
            for r in range(order)
            if (weight := self.jump(r, kink)) != 0
        ]
        return WeakDerivative(self.derivative(order), tuple(masses))

    def growth(self, derivative: int = 0) -> Growth:
        """Return a proven bound of |phi^(derivative)|, see `bigtheta.theory.growth.growth_bound`.

        >>> print(Activation("tanh", sympy.tanh(u)).growth().latex)
        1
        """
        from bigtheta.theory.growth import growth_bound

        return growth_bound(self, derivative)

    def jump(self, order: int, at: Expr) -> Expr:
        """Return the jump phi^(order)(at+) - phi^(order)(at-), exactly; 0 where the derivative is continuous.

        >>> Activation("abs", sympy.Abs(u)).jump(1, 0)
        2
        """
        pieces = self.derivative(order)
        at = sympy.sympify(at)
        gaps = [abs(float(left.high - at)) for left in pieces[:-1]]
        if not gaps or min(gaps) >= 1e-12:
            return sympy.Integer(0)
        here = gaps.index(min(gaps))  # the nearest, since kinks may be closer to each other than any tolerance
        kink = pieces[here].high if is_root(pieces[here].high) else at
        return limit_at(pieces[here + 1].expression - pieces[here].expression, kink)

    @cached_property
    def is_weakly_differentiable(self) -> bool:
        """Whether phi is continuous, so that phi' off the kinks is its weak derivative."""
        return all(self.jump(0, kink) == 0 for kink in self.kinks)

    @cached_property
    def parity(self) -> Parity:
        """Even, odd or neither; decided symbolically on u > 0, after a look at 50 digits that rules most out."""
        if self.expression.is_polynomial(u):
            degrees = {m % 2 for (m,) in sympy.Poly(self.expression, u).monoms()}
            return Parity.NONE if len(degrees) == 2 else Parity.ODD if degrees == {1} else Parity.EVEN
        for parity, sign in ((Parity.EVEN, 1), (Parity.ODD, -1)):
            if self._looks_mirrored(sign) and self._mirrors(sign):
                return parity
        return Parity.NONE

    def _looks_mirrored(self, sign: int) -> bool:
        functions = [sympy.lambdify(u, p.expression, modules=MPMATH_MODULES) for p in self.pieces]
        ends = [mp_number(k) for k in self.kinks]
        with mpmath.workdps(50):
            for point in ("0.1234567", "0.7654321", "1.3141592", "2.2360679", "3.3333331"):
                x = mpmath.mpf(point)
                left, right = (functions[sum(end <= v for end in ends)](v) for v in (-x, x))
                if abs(left - sign * right) > mpmath.mpf(10) ** -25 * (abs(left) + abs(right)):
                    return False
        return True

    def _mirrors(self, sign: int) -> bool:
        edges = ordered([sympy.Integer(0), *(k if k > 0 else -k for k in self.kinks)])
        for low, high in zip(edges, [*edges[1:], sympy.oo], strict=True):
            middle = inside(low, high)
            right = _smooth_on(self.expression, middle)
            left = _smooth_on(self.expression, -middle).subs(u, -u)
            difference = sympy.expand((left - sign * right).replace(Softplus, _one_way))
            if difference != 0 and sympy.simplify(difference.rewrite(sympy.exp)) != 0:
                return False
        return True

    def numeric(self, order: int = 0) -> Callable[[npt.ArrayLike], npt.NDArray[np.float64]]:
        """Return the derivative of the given order as a float64 numpy function (right-hand value at a kink)."""
        pieces = self.derivative(order)
        functions = [_compiled(piece.expression) for piece in pieces]
        edges = np.array([float(k) for k in self.kinks])

        def evaluate(x: npt.ArrayLike) -> npt.NDArray[np.float64]:
            points = np.asarray(x, dtype=np.float64)
            which = np.searchsorted(edges, points, side="right")
            result = np.empty_like(points)
            for index, function in enumerate(functions):
                chosen = which == index
                result[chosen] = function(points[chosen])
            return result

        return evaluate

    def values(self, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return phi(x) in float64."""
        return self.numeric(0)(x)

    @property
    def latex(self) -> str:
        """The formula in LaTeX, in the variable u."""
        return str(sympy.latex(self.expression))


@lru_cache(maxsize=256)
def _compiled(expression: Expr) -> Callable[[Any], Any]:
    """The formula of a piece as a numpy function."""
    return patched(expression, sympy.lambdify(u, expression, modules=NUMPY_MODULES))


def _filled_on(piece: Piece, name: str) -> list[Expr]:
    """The points of a piece, its ends too, where its formula is continued; refuse poles."""
    found: list[Expr] = []
    for block in blocks(piece.expression):
        continued = [hole.at for hole in holes(block)]
        for base in denominators(block):
            try:
                zeros = [zero for zero in real_zeros(base) if piece.low <= zero <= piece.high]
            except ZerosError as error:
                if not vanishes(base):
                    continue
                zeros_are = "infinitely many zeros" if error.infinite else "zeros that are not known exactly"
                raise InvalidInputError(
                    f"activation {name!r}: {piece.expression} divides by {base}, which has {zeros_are}, so it is not "
                    "known to be finite; write it another way"
                ) from error
            for zero in zeros:
                if zero in continued:
                    found.append(zero)
                elif block != piece.expression:
                    raise InvalidInputError(
                        f"activation {name!r}: {piece.expression} divides by {base}, which is 0 at u = {zero}, inside "
                        "a function, and has no power series there"
                    )
                else:
                    raise InvalidInputError(
                        f"activation {name!r}: {piece.expression} has a pole, a zero of {base}, so it is not finite"
                    )
    return found


def _one_way(x: Expr) -> Expr:
    """Softplus(x) with one orientation: Softplus(-x) = Softplus(x) - x."""
    return Softplus(-x) + x if x.could_extract_minus_sign() else Softplus(x)


def _breakpoints(expression: Expr, name: str) -> list[Expr]:
    """Every point at which a non-smooth function in the expression may switch."""
    conditions: list[Expr] = []
    for node in expression.atoms(*_NONSMOOTH):
        if isinstance(node, sympy.Max | sympy.Min):
            arguments = node.args
            conditions += [a - b for i, a in enumerate(arguments) for b in arguments[i + 1 :]]
        elif isinstance(node, sympy.Piecewise):
            conditions += [r.lhs - r.rhs for _, c in node.args for r in c.atoms(sympy.core.relational.Relational)]
        else:
            conditions.append(node.args[0])
    points: set[Expr] = set()
    for condition in conditions:
        if u not in condition.free_symbols:
            continue
        try:
            points.update(real_zeros(condition))
        except ZerosError as error:
            why = (
                "= 0 must have finitely many real roots"
                if error.infinite
                else "= 0 cannot be solved exactly for the kinks; write them another way"
            )
            raise InvalidInputError(f"activation {name!r}: {condition} {why}") from error
    return list(ordered(points))


def _smooth_on(expression: Expr, point: Expr) -> Expr:
    """Resolve every non-smooth function by its branch at `point`; innermost first."""
    if not expression.has(*_NONSMOOTH):
        return expression
    if isinstance(expression, sympy.Piecewise):
        for value, condition in expression.args:
            if condition.subs(u, point) == sympy.true:
                return _smooth_on(value, point)
        raise InvalidInputError(f"piecewise expression {expression} has no branch at u={point}")
    arguments = [_smooth_on(argument, point) for argument in expression.args]
    here = [argument.subs(u, point) for argument in arguments]
    if isinstance(expression, sympy.Abs):
        return arguments[0] if here[0] >= 0 else -arguments[0]
    if isinstance(expression, sympy.sign):
        return sympy.sign(here[0])
    if isinstance(expression, sympy.Heaviside):
        return sympy.Integer(1) if here[0] > 0 else sympy.Integer(0)
    if isinstance(expression, sympy.Max | sympy.Min):
        chosen = (max if isinstance(expression, sympy.Max) else min)(range(len(here)), key=lambda i: float(here[i]))
        return arguments[chosen]
    return expression.func(*arguments)
