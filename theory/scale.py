"""The sizes n (samples), d (input dimension), k (hidden neurons), p (trainable parameters), and paths through them.

A path makes every size a function of one free size, d = 2n say, so that a law along it is a function of one variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.expression import parse_expression

__all__ = ["SIZES", "Path", "Sizes", "d", "geometric", "k", "n", "p"]

Expr = Any

n, d, k, p = sympy.symbols("n d k p", positive=True)
SIZES: Mapping[str, Expr] = {"n": n, "d": d, "k": k, "p": p}
"""The size symbols by name."""

_MEANING = {"n": "samples", "d": "input dimension", "k": "hidden neurons", "p": "parameters"}
_FREE = ("n", "d", "k")


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
        for name, value in {**(mapping or {}), **sizes}.items():
            if name not in _FREE:
                raise unknown_name("size in path", name, _FREE)
            expression = (
                value
                if isinstance(value, sympy.Basic)
                else parse_expression(value, {name: SIZES[name] for name in _FREE}, what=f"path {name}")
            )
            if expression != SIZES[name]:
                rules[name] = expression
        for _ in rules:  # d = k, k = n: resolve chains
            rules = {name: rule.subs({SIZES[m]: r for m, r in rules.items()}) for name, rule in rules.items()}
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
        sizes = {str(self.free): value}
        for name, rule in self.given:
            exact = rule.subs(self.free, value)
            if not exact.is_real or not exact.is_finite:
                raise InvalidInputError(f"path: {name} = {rule} is not a number at {self.free} = {value}")
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
        for value in self.values:
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 10**9:
                raise InvalidInputError(
                    f"sizes: expected whole numbers from 1 to 10^9 but got {self.variable}={value!r}"
                )
        if not self.values:
            raise InvalidInputError(f"sizes: expected at least one value of {self.variable} but got none")
        if len(set(self.values)) != len(self.values):
            raise InvalidInputError(
                f"sizes: {self.variable} = {list(self.values)} has a value twice; give each size once"
            )
        object.__setattr__(self, "values", tuple(sorted(self.values)))


def geometric(variable: Expr, low: int, high: int, *, cells: int) -> Sizes:
    """Return `cells` sizes in geometric progression from low to high, rounded."""
    if cells < 2 or not 1 <= low < high:
        raise InvalidInputError(
            f"geometric: expected 1 <= low < high and cells >= 2 but got {low!r}, {high!r}, {cells!r}"
        )
    ratio = (high / low) ** (1 / (cells - 1))
    return Sizes(str(variable), tuple(dict.fromkeys(round(low * ratio**i) for i in range(cells))))
