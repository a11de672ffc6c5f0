"""Statements: what a law claims of a measured quantity, as a function of the sizes.

`Theta(f)`: of order f; `Omega(f)`: at least of order f; `BigO(f)`: at most of order f; `Limit(f)`: asymptotically
equal to f. f is in n, d, k, p, and may use mu(j), the Hermite coefficients of the activation, and lam = a*/a_1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import sympy

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.expression import FUNCTIONS, parse_expression
from bigtheta.theory.scale import SIZES

__all__ = ["BigO", "Limit", "Omega", "Sense", "Statement", "Theta", "lam", "mu"]

Expr = Any

mu = sympy.Function("mu", real=True)
"""mu(j): the j-th normalised Hermite coefficient of the activation."""
lam = sympy.Symbol("lam", positive=True)
"""lambda = a*/a_1, the effective ridge of the nonlinear part."""


class Sense(Enum):
    """In which sense quantity and formula are compared."""

    THETA = "Theta"
    OMEGA = "Omega"
    BIG_O = "O"
    LIMIT = "Limit"


@dataclass(frozen=True)
class Statement:
    """A claim on a quantity; use `Theta`, `Omega`, `BigO` or `Limit`, or `Statement.parse`.

    >>> Statement.parse("Theta(sqrt(n)*log(n))")
    Theta(formula=sqrt(n)*log(n))
    >>> Statement.parse("O(n)").sense
    <Sense.BIG_O: 'O'>
    """

    formula: Expr
    sense: ClassVar[Sense]

    def __post_init__(self) -> None:
        formula = self.formula
        if not isinstance(formula, sympy.Basic):
            formula = parse_expression(
                formula,
                {**SIZES, "lam": lam},
                functions={**FUNCTIONS, "mu": mu},
                what=f"statement {self.sense.value}",
            )
        if not isinstance(formula, sympy.Expr):
            raise InvalidInputError(f"statement {self.sense.value}: expected a formula but got the condition {formula}")
        for term in formula.atoms(mu):
            if len(term.args) != 1 or not term.args[0].is_Integer or term.args[0] < 0:
                raise InvalidInputError(f"statement {self.sense.value}: expected mu(j), j = 0, 1, ..., but got {term}")
        formula = formula.subs({s: SIZES[str(s)] for s in formula.free_symbols if str(s) in SIZES})
        object.__setattr__(self, "formula", formula)

    @staticmethod
    def parse(text: str) -> Statement:
        """Read 'Theta(...)', 'Omega(...)', 'O(...)', 'BigO(...)' or 'Limit(...)'.

        Raises:
            InvalidInputError: if the text is not of that form or the formula does not parse.
        """
        if not isinstance(text, str):
            raise InvalidInputError(f"statement: expected text such as 'Theta(sqrt(n))' but got {text!r}")
        head, bracket, rest = text.strip().partition("(")
        head = head.strip()
        if not bracket or not rest.rstrip().endswith(")"):
            raise InvalidInputError(
                f"statement: expected {', '.join(f'{name}(...)' for name in _SENSES)} but got {text[:80]!r}; "
                "write it as in Theta(sqrt(n/k))"
            )
        if head not in _SENSES:
            raise unknown_name("statement", head, _SENSES)
        return _SENSES[head](rest.rstrip()[:-1])

    def value(
        self, sizes: Mapping[str, npt.ArrayLike], constants: Mapping[Expr, float] | None = None
    ) -> npt.NDArray[np.float64]:
        """Return the formula at arrays of sizes, in float64.

        Args:
            sizes: arrays by name, of one shape.
            constants: values of mu(j) and lam.

        Raises:
            InvalidInputError: if a symbol has no value, or the formula is not positive and finite at some size.
        """
        formula = self.formula.subs(dict(constants or {}))
        for name in sizes:
            if name not in SIZES:
                raise unknown_name("size", name, SIZES)
        try:
            broadcast = np.broadcast_arrays(*(np.asarray(values, dtype=np.float64) for values in sizes.values()))
        except (TypeError, ValueError) as error:
            raise InvalidInputError(
                f"sizes: expected arrays of numbers of one shape but got {dict(sizes)!r}"
            ) from error
        arrays = dict(zip(sizes, broadcast, strict=True))
        names = sorted(arrays)
        missing = sorted(str(s) for s in formula.free_symbols if str(s) not in arrays) + sorted(
            map(str, formula.atoms(mu))
        )
        if missing:
            raise InvalidInputError(f"statement {self}: no value for {', '.join(missing)}; given: {', '.join(names)}")
        function: Callable[..., Any] = sympy.lambdify(
            [SIZES[name] for name in names], formula, modules=["scipy", "numpy"]
        )
        with np.errstate(all="ignore"):
            values = np.broadcast_to(
                function(*(arrays[name] for name in names)), broadcast[0].shape if broadcast else ()
            )
        bad = ~(np.isfinite(values) & (values > 0))
        if bad.any():
            index = int(np.argmax(bad))
            at = ", ".join(f"{name} = {arrays[name].ravel()[index]:g}" for name in names)
            raise InvalidInputError(
                f"statement {self}: expected a positive, finite value but got {values.ravel()[index]:g} at {at}; "
                "start the sizes where the formula is positive"
            )
        return np.array(values, dtype=np.float64)

    @property
    def latex(self) -> str:
        """The statement in LaTeX."""
        head = {"Theta": r"\Theta", "Omega": r"\Omega", "O": "O", "Limit": r"\lim"}[self.sense.value]
        return rf"{head}\left({sympy.latex(_as_written(self.formula))}\right)"

    def __str__(self) -> str:
        return f"{self.sense.value}({_as_written(self.formula)})"


@dataclass(frozen=True)
class Theta(Statement):
    """quantity / formula stays between two positive constants."""

    sense: ClassVar[Sense] = Sense.THETA


@dataclass(frozen=True)
class Omega(Statement):
    """quantity / formula stays above a positive constant."""

    sense: ClassVar[Sense] = Sense.OMEGA


@dataclass(frozen=True)
class BigO(Statement):
    """quantity / formula stays below a constant."""

    sense: ClassVar[Sense] = Sense.BIG_O


@dataclass(frozen=True)
class Limit(Statement):
    """quantity / formula tends to 1."""

    sense: ClassVar[Sense] = Sense.LIMIT


_SENSES: Mapping[str, type[Statement]] = {
    "Theta": Theta,
    "Omega": Omega,
    "O": BigO,
    "BigO": BigO,
    "Limit": Limit,
}


def _as_written(formula: Expr) -> Expr:
    """Gather roots for display, sqrt(n/k) for sqrt(n)/sqrt(k), which SymPy splits for positive symbols."""
    plain = formula.subs({symbol: sympy.Symbol(str(symbol)) for symbol in formula.free_symbols})
    return plain.replace(lambda e: e.is_Mul, _gather_roots)


def _gather_roots(product: Expr) -> Expr:
    roots: dict[Expr, Expr] = {}
    rest = []
    for factor in product.args:
        if factor.is_Pow and factor.exp.is_Rational and not factor.exp.is_Integer:
            size = abs(factor.exp)
            roots[size] = roots.get(size, sympy.Integer(1)) * factor.base ** (factor.exp / size)
        else:
            rest.append(factor)
    return sympy.Mul(*rest, *(base**size for size, base in roots.items()))
