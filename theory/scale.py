"""The sizes n (samples), d (input dimension), k (hidden neurons), p (trainable parameters), and paths through them.

A path makes every size a function of one free size, d = 2n say, so that a law along it is a function of one variable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from bigtheta.theory.errors import InvalidInputError, unknown_name, whole_number
from bigtheta.theory.expression import parse_expression, substituted
from bigtheta.theory.floats import without_floats

__all__ = ["SIZES", "Path", "Sizes", "d", "geometric", "k", "n", "p"]

Expr = Any

n, d, k, p = sympy.symbols("n d k p", positive=True)
SIZES: Mapping[str, Expr] = {"n": n, "d": d, "k": k, "p": p}
"""The size symbols by name."""

_MEANING = {"n": "samples", "d": "input dimension", "k": "hidden neurons", "p": "parameters"}
_FREE = ("n", "d", "k")
MAX_SIZE = 10**300
"""What float64 can hold."""
MAX_NODES = 50_000
"""Of the tree of a rule."""
_ADVICE = "give positive whole numbers"


@dataclass(frozen=True)
class Path:
    """Every size as a function of one free size: `Path(d=2*n, k=n)` leaves n free.

    Give SymPy expressions, numbers, or text. p is not given: it follows from the model.

    Raises:
        InvalidInputError: for an unknown size, a cycle, or more than one free size.

    >>> path = Path(d="2*n", k="n")
    >>> path.free, path.at(100)
    (n, {'n': 100, 'd': 200, 'k': 100})
    """

    given: tuple[tuple[str, Expr], ...]
    free: Expr

    def __init__(
        self, mapping: Mapping[str, object] | None = None, /, *, free: str | None = None, **sizes: object
    ) -> None:
        rules: dict[str, Expr] = {}
        if mapping is not None and not isinstance(mapping, Mapping):
            raise InvalidInputError(f"path: expected rules such as {{'d': '2*n'}} but got {mapping!r}")
        for name, value in {**(mapping or {}), **sizes}.items():
            if name not in _FREE:
                raise unknown_name("size in path", name, _FREE)
            expression = _rule(name, value)
            if expression != SIZES[name]:
                rules[name] = expression
        for _ in rules:  # d = k, k = n: resolve chains
            chained = {SIZES[name]: rule for name, rule in rules.items()}
            rules = {name: _chained(name, rule, chained) for name, rule in rules.items()}
        symbols = {str(s) for rule in rules.values() for s in rule.free_symbols}
        if cyclic := sorted(symbols & set(rules)):
            raise InvalidInputError(f"path: {cyclic[0]} is defined through itself: {dict(rules)}; leave one size free")
        if free is not None:
            if free not in _FREE:
                raise unknown_name("size", free, _FREE)
            symbols |= {free}
        if len(symbols) > 1:
            raise InvalidInputError(
                f"path: expected one free size but got {', '.join(sorted(symbols))}; "
                "give all other sizes as functions of it"
            )
        if not symbols and len(rules) == len(_FREE) - 1:
            symbols = set(_FREE) - set(rules)
        if not symbols:
            raise InvalidInputError("path: expected one free size but got none; say which size varies, as in free='n'")
        variable = symbols.pop()
        if variable in rules:
            raise InvalidInputError(f"path: {variable} is both free and given as {rules[variable]}")
        object.__setattr__(self, "given", tuple((name, rules[name]) for name in _FREE if name in rules))
        object.__setattr__(self, "free", SIZES[variable])

    @property
    def rules(self) -> dict[Expr, Expr]:
        """Symbol -> expression in the free size."""
        return {SIZES[name]: rule for name, rule in self.given}

    def at(self, value: int) -> dict[str, int]:
        """Return the sizes, rounded to whole numbers, where the free size is `value`.

        Raises:
            InvalidInputError: if a size is below 1.
        """
        sizes = {str(self.free): whole_number(str(self.free), value, low=1, where="sizes", advice=_ADVICE)}
        for name, rule in self.given:
            try:
                exact = substituted(rule, {self.free: sympy.Integer(value)})
            except InvalidInputError as error:
                raise InvalidInputError(f"path: {name} = {rule} at {self.free} = {value}: {error}") from error
            if not exact.is_real or not exact.is_finite:
                raise InvalidInputError(f"path: {name} = {rule} is not a number at {self.free} = {value}")
            if exact > MAX_SIZE:
                raise InvalidInputError(f"path: {name} = {rule} is above 10^300 at {self.free} = {value}")
            sizes[name] = int(sympy.floor(exact + sympy.Rational(1, 2)))
        for name, size in sizes.items():
            if size < 1:
                rule = dict(self.given).get(name, name)
                raise InvalidInputError(
                    f"sizes: expected {name} ({_MEANING[name]}) >= 1 but the path gives {name} = {rule} = {size} "
                    f"at {self.free} = {value}; give positive whole numbers"
                )
        return {name: sizes[name] for name in _FREE if name in sizes}

    def __str__(self) -> str:
        return ", ".join(f"{name} = {rule}" for name, rule in self.given) or f"{self.free} free"


@dataclass(frozen=True)
class Sizes:
    """The values of the free size at which a law is measured, increasing.

    >>> geometric(n, 50, 800, cells=5)
    Sizes(variable='n', values=(50, 100, 200, 400, 800))
    """

    variable: str
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.variable not in _FREE:
            raise unknown_name("size", self.variable, _FREE)
        if isinstance(self.values, str) or not isinstance(self.values, Iterable):
            raise InvalidInputError(f"sizes: expected a list of whole numbers but got {self.variable}={self.values!r}")
        asked = "whole numbers from 1 to 10^9"
        values = tuple(
            whole_number(self.variable, value, low=1, high=10**9, where="sizes", asked=asked) for value in self.values
        )
        object.__setattr__(self, "values", tuple(sorted(values)))
        if not self.values:
            raise InvalidInputError(f"sizes: expected at least one value of {self.variable} but got none")
        if len(set(self.values)) != len(self.values):
            raise InvalidInputError(
                f"sizes: {self.variable} = {list(self.values)} has a value twice; give each size once"
            )


def geometric(variable: Expr, low: int, high: int, *, cells: int) -> Sizes:
    """Return `cells` sizes in geometric progression from low to high, rounded."""
    cells = whole_number("cells", cells, low=2, where="geometric", asked="cells >= 2")
    low = whole_number("low", low, low=1, where="geometric", asked="1 <= low < high")
    high = whole_number("high", high, low=low + 1, where="geometric", asked=f"high > low = {low}")
    ratio = (high / low) ** (1 / (cells - 1))
    return Sizes(str(variable), tuple(dict.fromkeys(round(low * ratio**i) for i in range(cells))))


def _chained(name: str, rule: Expr, rules: Mapping[Expr, Expr]) -> Expr:
    """A rule with the sizes that others give put in, if what comes out is no longer than a formula may be."""
    used = [rules[symbol] for symbol in rule.free_symbols & rules.keys()]
    lengths = [sum(1 for _ in sympy.preorder_traversal(formula)) for formula in (rule, *used)]
    if used and lengths[0] * max(lengths[1:]) > MAX_NODES:
        raise InvalidInputError(f"path {name}: too long with the other sizes put in; write it in the free size")
    try:
        return substituted(rule, rules)
    except InvalidInputError as error:
        raise InvalidInputError(f"path {name}: {error}") from error


def _rule(name: str, value: object) -> Expr:
    """Read one rule of a path: a quantity in the size symbols, which are told apart by name."""
    expression = (
        without_floats(value, f"path {name}")
        if isinstance(value, sympy.Basic)
        else parse_expression(value, {size: SIZES[size] for size in _FREE}, what=f"path {name}")
    )
    if not isinstance(expression, sympy.Expr):
        raise InvalidInputError(f"path {name}: expected a quantity but got the condition {expression}")
    for symbol in expression.free_symbols:
        if str(symbol) not in _FREE:
            raise unknown_name(f"size in path {name}", str(symbol), _FREE)
    return expression.subs({symbol: SIZES[str(symbol)] for symbol in expression.free_symbols})
