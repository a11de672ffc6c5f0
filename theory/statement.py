"""Statements: what a law claims of a measured quantity, as a function of the sizes.

`Theta(f)`: of order f; `Omega(f)`: at least of order f; `BigO(f)`: at most of order f, each also up to powers of
logarithms, written `Theta~(f)`; `Limit(f)`: asymptotically equal to f. f is in n, d, k, p, and may use mu(j), the
Hermite coefficients of the activation, and lam = a*/a_1. `Peak(r, at=1)`: largest, locally, where the ratio r is 1.
"""

from __future__ import annotations

import ast
import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import sympy

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.expression import FUNCTIONS, MAX_LENGTH, parse_expression
from bigtheta.theory.floats import without_floats
from bigtheta.theory.scale import SIZES

__all__ = ["BigO", "Limit", "Omega", "Peak", "Sense", "Statement", "Theta", "lam", "mu"]

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
    PEAK = "Peak"


@dataclass(frozen=True, repr=False)
class Statement:
    """A claim on a quantity; use `Theta`, `Omega`, `BigO`, `Limit` or `Peak`, or `Statement.parse`.

    Attributes:
        formula: the formula f, in SymPy; for `Peak` the ratio.
        up_to_logs: claim the order up to a power of the logarithm of the sizes: `Theta~(f)`. Not for `Limit`, `Peak`.

    >>> Statement.parse("Theta(sqrt(n)*log(n))")
    Theta(formula=sqrt(n)*log(n))
    >>> Statement.parse("O(n)").sense
    <Sense.BIG_O: 'O'>
    >>> Statement.parse("O~(n)")
    BigO(formula=n, up_to_logs=True)
    """

    formula: Expr
    up_to_logs: bool = field(default=False, kw_only=True)
    sense: ClassVar[Sense]

    def __post_init__(self) -> None:
        if not isinstance(self.up_to_logs, bool):
            raise InvalidInputError(
                f"statement {self.sense.value}: expected up_to_logs=True or False but got {self.up_to_logs!r}"
            )
        if self.up_to_logs and self.sense not in _ORDERS:
            raise InvalidInputError(
                f"statement {self.sense.value}: only Theta, Omega and O are claimed up to logarithms; leave out '~'"
            )
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
        """Read 'Theta(...)', 'Omega(...)', 'O(...)', 'BigO(...)', 'Limit(...)' or 'Peak(..., at=...)'.

        'Theta~(...)' is up to logarithms, and so are Omega~ and O~.

        Raises:
            InvalidInputError: if the text is not of that form or the formula does not parse.
        """
        if not isinstance(text, str):
            raise InvalidInputError(f"statement: expected text such as 'Theta(sqrt(n))' but got {text!r}")
        head, bracket, rest = text.strip().partition("(")
        head = head.strip()
        up_to_logs = head.endswith("~")
        head = head.removesuffix("~").rstrip()
        if not bracket or not rest.rstrip().endswith(")"):
            raise InvalidInputError(
                f"statement: expected {', '.join(f'{name}(...)' for name in _SENSES)} but got {text[:80]!r}; "
                "write it as in Theta(sqrt(n/k))"
            )
        if head not in _SENSES:
            raise unknown_name("statement", head, _SENSES)
        inner = rest.rstrip()[:-1]
        if _SENSES[head] is Peak:
            ratio, *at = _AT.split(inner, maxsplit=1)
            return Peak(ratio, at=at[0] if at else (), up_to_logs=up_to_logs)
        return _SENSES[head](inner, up_to_logs=up_to_logs)

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
        try:
            with np.errstate(all="ignore"):
                values = np.broadcast_to(
                    function(*(arrays[name] for name in names)), broadcast[0].shape if broadcast else ()
                )
        except OverflowError as error:
            raise InvalidInputError(
                f"statement {self}: a number in it is above 10^308, more than float64 holds; scale it down"
            ) from error
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
        head = rf"\tilde{{{head}}}" if self.up_to_logs else head
        return rf"{head}\left({sympy.latex(_as_written(self.formula))}\right)"

    def __str__(self) -> str:
        return f"{self.sense.value}{'~' * self.up_to_logs}({_as_written(self.formula)})"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(formula={self.formula}{', up_to_logs=True' * self.up_to_logs})"


@dataclass(frozen=True, repr=False)
class Theta(Statement):
    """quantity / formula stays between two positive constants."""

    sense: ClassVar[Sense] = Sense.THETA


@dataclass(frozen=True, repr=False)
class Omega(Statement):
    """quantity / formula stays above a positive constant."""

    sense: ClassVar[Sense] = Sense.OMEGA


@dataclass(frozen=True, repr=False)
class BigO(Statement):
    """quantity / formula stays below a constant."""

    sense: ClassVar[Sense] = Sense.BIG_O


@dataclass(frozen=True, repr=False)
class Limit(Statement):
    """quantity / formula tends to 1."""

    sense: ClassVar[Sense] = Sense.LIMIT


@dataclass(frozen=True, repr=False)
class Peak(Statement):
    """quantity, as a function of the ratio `formula`, has a local maximum where the ratio is `at`.

    Give one place or several: numbers, text or SymPy expressions without sizes. They are kept in increasing order.

    Raises:
        InvalidInputError: if the ratio is constant or not of sizes alone, or a place is missing, twice or not positive.

    >>> Peak("n/k", at=1)
    Peak(formula=n/k, at=(1,))
    >>> str(Statement.parse("Peak(n/d, at=[5, sqrt(2)/2])"))
    'Peak(n/d, at=[sqrt(2)/2, 5])'
    """

    at: Any = field(default=(), kw_only=True)  # kept as a tuple of SymPy numbers
    sense: ClassVar[Sense] = Sense.PEAK

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = self.formula.free_symbols
        if not sizes or not sizes <= set(SIZES.values()) or self.formula.has(mu):
            raise InvalidInputError(f"statement Peak: expected a ratio of sizes such as n/k but got {self.ratio}")
        given = _listed(self.at) if isinstance(self.at, str) else self.at
        if isinstance(given, sympy.Basic) or not isinstance(given, Iterable):
            given = (given,)
        places = sorted((_place(value) for value in given), key=float)
        if not places:
            raise InvalidInputError(f"statement Peak: where is the peak? Write it as in Peak({self.ratio}, at=1)")
        if len(places) > MAX_PEAKS:
            raise InvalidInputError(f"statement Peak: expected at most {MAX_PEAKS} peaks but got {len(places)}")
        for first, second in itertools.pairwise(places):
            if math.isclose(first, second, rel_tol=1e-9):
                raise InvalidInputError(f"statement Peak: at = {second} is given twice; give each peak once")
        object.__setattr__(self, "at", tuple(places))

    @property
    def ratio(self) -> Expr:
        """The formula, its roots gathered for display."""
        return _as_written(self.formula)

    @property
    def places(self) -> tuple[float, ...]:
        """The values of `at` as numbers, increasing."""
        return tuple(map(float, self.at))

    @property
    def latex(self) -> str:
        """The statement in LaTeX."""
        where = r",\ ".join(text if "." in (text := _exact_text(value)) else sympy.latex(value) for value in self.at)
        return rf"\text{{peak{'s' * (len(self.at) > 1)} at }} {sympy.latex(self.ratio)} = {where}"

    def __str__(self) -> str:
        places = ", ".join(map(_exact_text, self.at))
        return f"Peak({self.ratio}, at={places if len(self.at) == 1 else f'[{places}]'})"

    def __repr__(self) -> str:
        return f"Peak(formula={self.formula}, at={self.at})"


_AT = re.compile(r",\s*at\s*=(?!=)")
MAX_PEAKS = 8


def _listed(text: str) -> list[str]:
    """Split "[1, 5]" or "1, 5" into its entries; a formula stays whole."""
    source = text.strip().replace("^", "**")
    try:
        tree = ast.parse(source, mode="eval").body if len(source) <= MAX_LENGTH else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [text]  # refused where it is read
    if not isinstance(tree, ast.List | ast.Tuple):
        return [text] if source else []
    return [ast.get_source_segment(source, entry) or "" for entry in tree.elts]


def _place(value: object) -> Expr:
    """Read one place of a peak: a positive number, exactly."""
    what = "statement Peak, at"
    value = without_floats(value, what) if isinstance(value, sympy.Basic) else parse_expression(value, SIZES, what=what)
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 < number < math.inf:
        got = str(value)[:40]
        raise InvalidInputError(f"statement Peak: expected at > 0, a number without sizes, but got at={got}")
    return value


def _exact_text(number: Expr) -> str:
    """Write a number so that it reads back exactly; decimals as such."""
    text = repr(float(number))
    return text if number.is_Rational and not number.is_Integer and sympy.Rational(text) == number else str(number)


_ORDERS = (Sense.THETA, Sense.OMEGA, Sense.BIG_O)
_SENSES: Mapping[str, type[Statement]] = {
    "Theta": Theta,
    "Omega": Omega,
    "O": BigO,
    "BigO": BigO,
    "Limit": Limit,
    "Peak": Peak,
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
