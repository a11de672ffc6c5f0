"""Leading orders: exact expansions in the scale n^a (log n)^b (log log n)^c, a, b, c rational.

An expression is expanded in powers of n; the coefficients are exact functions of log n, which are expanded in their
turn, and so down to constants. A leading coefficient counts only once it is proved not to vanish: where it vanishes the
next one is taken, with more terms where needed. What lies outside the scale, or cannot be decided, is refused with the
reason. SymPy's own limit is not used: it can be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy

from bigtheta.theory.agreement import Agreement, agreement
from bigtheta.theory.constants import EffortError, UndecidedError, rational
from bigtheta.theory.errors import InvalidInputError, OutsideScaleError
from bigtheta.theory.expansion import MOST_OPERATIONS, vanishes
from bigtheta.theory.expression import FUNCTIONS, parse_expression
from bigtheta.theory.floats import without_floats
from bigtheta.theory.scale import SIZES, Path
from bigtheta.theory.special import Special

__all__ = ["Order", "ZeroError", "leading_order", "read_along", "zero_in_the_end"]

Expr = Any
Growth = tuple[Fraction, Fraction, Fraction]


@dataclass(frozen=True)
class Order:
    """c * x^power * (log x)^log_power * (log log x)^loglog_power, the leading order as x -> infinity.

    `<`, `<=`, `>`, `>=` compare growth and ignore the constant; `==` compares everything.

    >>> leading_order("n") > leading_order("n/log(n)")
    True
    """

    constant: Expr
    power: Fraction
    log_power: Fraction = Fraction(0)
    loglog_power: Fraction = Fraction(0)
    variable: Expr = SIZES["n"]

    @property
    def growth(self) -> Growth:
        """The three exponents, most significant first."""
        return (self.power, self.log_power, self.loglog_power)

    @property
    def exponents(self) -> dict[str, str]:
        """The exact exponents of x, log x and log log x, as rational numbers in text.

        >>> leading_order("sqrt(n)*log(n)").exponents
        {'n': '1/2', 'log(n)': '1', 'log(log(n))': '0'}
        """
        x = str(self.variable)
        names = (x, f"log({x})", f"log(log({x}))")
        return {name: str(exponent) for name, exponent in zip(names, self.growth, strict=True)}

    def __lt__(self, other: object) -> bool:
        return self.growth < other.growth if isinstance(other, Order) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self.growth <= other.growth if isinstance(other, Order) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self.growth > other.growth if isinstance(other, Order) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self.growth >= other.growth if isinstance(other, Order) else NotImplemented

    @property
    def expression(self) -> Expr:
        """The order as one SymPy expression."""
        x = self.variable
        a, b, c = map(rational, self.growth)
        return self.constant * x**a * sympy.log(x) ** b * sympy.log(sympy.log(x)) ** c

    def __str__(self) -> str:
        return str(self.expression)


class ZeroError(OutsideScaleError):
    """The expression is zero, for all sizes (`always`) or from `start` on, so it has no leading order."""

    start: float | None = None
    always: bool = True

    @classmethod
    def of(cls, formula: Expr, found: Agreement, variable: Expr) -> ZeroError:
        """Return the error for a formula that agrees with 0."""
        where = "identically zero" if found.always else f"zero {found.text(variable, 'it is')}"
        error = cls(f"leading order of {formula}: the expression is {where}")
        error.start, error.always = found.start, found.always
        return error


def leading_order(expression: object, *, path: Path | Mapping[str, object] | None = None) -> Order:
    """Return the exact leading order of an expression in n, d, k, p along a path.

    Args:
        expression: text or SymPy; sums, products, quotients, powers, log, exp, trigonometric and hyperbolic
            functions, erf, min, max, abs, sign, steps; of SymPy also inverse functions, gamma, factorial, binomial.
        path: the other sizes as functions of the free one, such as {"d": "2*n"}; may be left out for one size.

    Raises:
        OutsideScaleError: if the expression leaves the scale (2^n, exp(-n), n^log n, sin(n)), is zero for all sizes or
            from one on (`ZeroError`), its leading terms cancel further than the expansion goes, or it has too many
            terms.
        InvalidInputError: if it does not parse or more than one size stays free.

    >>> print(leading_order("sqrt(n*d) + log(n)**2", path={"d": "2*n"}))
    sqrt(2)*n
    >>> print(leading_order("sqrt(n+1) + sqrt(n-1) - 2*sqrt(n)"))
    -1/(4*n**(3/2))
    >>> print(leading_order("(1 + 1/n)^n - e"), leading_order("n^2*(1 - cos(1/n))"), leading_order("cosh(log(n))"))
    -E/(2*n) 1/2 n/2

    Source: derived (multiseries in the manner of Shackell, Gruntz, and Isabelle's real_asymp).
    """
    formula, variable = read_along(expression, path)
    expansion = Special(variable, formula)
    found = _leading(expansion)
    if found is None:
        raise ZeroError.of(formula, agreement(formula, sympy.Integer(0), variable), variable)
    (power, log_power, loglog_power), coefficient = found
    constant = expansion.ring.expression(coefficient)
    if constant.count_ops() <= MOST_OPERATIONS and not _would_fill_pages(constant):
        constant = sympy.simplify(constant)
    return Order(constant, Fraction(power), Fraction(log_power), Fraction(loglog_power), variable=variable)


def _leading(expansion: Special) -> Any:
    """The leading term of the expansion's formula; None if it is proved to be zero for large sizes."""
    try:
        return expansion.leading(expansion.read(expansion.formula), 0)
    except EffortError:
        raise expansion.refuse("too many terms; give a shorter expression") from None
    except UndecidedError as undecided:
        if not vanishes(expansion.formula):
            raise expansion.refuse(undecided.reason) from None
        return None


def zero_in_the_end(formula: Expr, variable: Expr) -> bool:
    """Whether it is proved that a formula is zero for all large sizes.

    >>> zero_in_the_end(sympy.Max(SIZES["n"], 1000) - SIZES["n"], SIZES["n"])
    True
    """
    try:
        return _leading(Special(variable, formula)) is None
    except OutsideScaleError:
        return False


def _would_fill_pages(constant: Expr) -> bool:
    """Whether simplify, which writes c log(a) as log(a^c), would compute a power of hundreds of digits."""
    return constant.has(sympy.log) and any(abs(number.p) > 300 for number in constant.atoms(sympy.Rational))


def read_along(expression: object, path: Path | Mapping[str, object] | None) -> tuple[Expr, Expr]:
    """Return the expression along the path as SymPy, and its one free size.

    Raises:
        OutsideScaleError: if it is not real and finite, or not one size stays free.
        InvalidInputError: if it does not parse.

    >>> read_along("n*d", {"d": "2*n"})
    (2*n**2, n)
    """
    if isinstance(expression, str) and (name := re.search(r"(?<![\w.])(I|j|oo|inf|nan|zoo)(?!\w)", expression)):
        raise OutsideScaleError(
            f"leading order of {expression[:80]}: {name[0]} is no real, finite number; leave it out"
        )
    formula = (
        expression
        if isinstance(expression, sympy.Basic)
        else parse_expression(expression, SIZES, functions=FUNCTIONS, what="expression")
    )
    if not isinstance(formula, sympy.Expr):
        raise InvalidInputError(f"expression: expected a quantity but got the condition {formula}")
    formula = without_floats(formula)
    for odd in (sympy.I, sympy.oo, -sympy.oo, sympy.zoo, sympy.nan):
        if formula.has(odd):
            raise OutsideScaleError(f"leading order of {formula}: expected real, finite constants but it holds {odd}")
    formula = formula.subs({symbol: SIZES[str(symbol)] for symbol in formula.free_symbols if str(symbol) in SIZES})
    if path is not None:
        path = path if isinstance(path, Path) else Path(path)
        formula = formula.subs(path.rules)
        if other := sorted(str(s) for s in formula.free_symbols - {path.free} if s in SIZES.values()):
            raise OutsideScaleError(f"leading order of {formula}: the path ({path}) gives no {other[0]}")
    free = sorted(formula.free_symbols, key=str)
    unknown = [s for s in free if s not in SIZES.values()]
    if unknown:
        raise OutsideScaleError(f"leading order of {formula}: {unknown[0]} is not a size; give it a value first")
    if len(free) > 1:
        raise OutsideScaleError(
            f"leading order of {formula}: expected one free size but got {', '.join(map(str, free))}; "
            "give a path, such as d = 2*n"
        )
    return formula, free[0] if free else (path.free if path is not None else SIZES["n"])
