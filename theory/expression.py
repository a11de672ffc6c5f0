"""Reading formulas: a whitelist of Python's syntax tree to SymPy, never `eval` or `sympify` on raw text.

Only numbers, the names given, + - * / **, unary signs, comparisons and calls of known functions are understood.
Decimal numbers become exact fractions: "0.1" is 1/10. A float object is the fraction that its bits are (`floats`).
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import sympy

from bigtheta.theory.errors import InvalidInputError, printable, unknown_name
from bigtheta.theory.floats import exact_number

__all__ = ["FUNCTIONS", "parse_expression", "substituted"]

MAX_LENGTH = 2_000
MAX_DEPTH = 60
MAX_LEVELS, MAX_NUMBER_LEVELS = 8, 5
"""Of functions and powers within each other, in a formula and in a constant: SymPy's time doubles with each."""
MAX_ARGUMENTS = 16
"""Of max and min: SymPy compares them two by two."""
MAX_BITS, MAX_ROOT_BITS = 10_000, 1_000
"""Largest size of a number, in bits: about 3,000 digits; and of one under a root, which SymPy seeks the factors of."""

Expr = Any  # SymPy ships no types

FUNCTIONS: Mapping[str, Callable[..., Expr]] = {
    "sqrt": sympy.sqrt, "log": sympy.log, "ln": sympy.log, "exp": sympy.exp, "abs": sympy.Abs,
    "min": sympy.Min, "max": sympy.Max, "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan,
    "tanh": sympy.tanh, "sinh": sympy.sinh, "cosh": sympy.cosh, "atan": sympy.atan, "arctan": sympy.atan,
    "erf": sympy.erf, "erfc": sympy.erfc, "sign": sympy.sign,
    "heaviside": lambda x, at_zero=0: sympy.Heaviside(x, at_zero),
}  # fmt: skip
"""Functions of one or more real arguments that every formula may use."""

_ALIASES = {"Max": "max", "Min": "min", "Abs": "abs", "Heaviside": "heaviside"}
"""How SymPy writes what `FUNCTIONS` names, so that the text of a formula can be read back."""
_MANY, _TWO = {"min", "max"}, {"log", "ln", "heaviside"}
_CONSTANTS: Mapping[str, Expr] = {"pi": sympy.pi, "e": sympy.E, "E": sympy.E}
_INFINITE = (sympy.zoo, sympy.nan, sympy.oo, -sympy.oo, sympy.AccumBounds)
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: sympy.Lt, ast.LtE: sympy.Le, ast.Gt: sympy.Gt, ast.GtE: sympy.Ge,
    ast.Eq: sympy.Eq, ast.NotEq: sympy.Ne,
}  # fmt: skip


def parse_expression(
    text: object,
    symbols: Mapping[str, Expr],
    *,
    functions: Mapping[str, Callable[..., Expr]] = FUNCTIONS,
    what: str = "expression",
) -> Expr:
    """Read one formula into SymPy.

    Args:
        text: the formula, at most 2,000 characters; ^ is read as **. Or a number, taken as exact.
        symbols: the names that may stand in it, each with its SymPy value.
        functions: the functions that may be called.
        what: what the formula is, for the error message.

    Raises:
        InvalidInputError: for syntax outside the whitelist, an unknown name, or too large a formula.

    >>> n = sympy.Symbol("n", positive=True)
    >>> parse_expression("sqrt(n)*log(n)**2 / 0.5", {"n": n})
    2*sqrt(n)*log(n)**2
    >>> parse_expression("__import__('os')", {})
    Traceback (most recent call last):
    ...
    bigtheta.theory.errors.InvalidInputError: expression ...: unknown function '__import__'; valid: abs, ...
    """
    if not isinstance(text, str):
        if (number := exact_number(text, what)) is None:
            raise InvalidInputError(f"{what}: expected a formula as text but got {text!r}")
        text = str(number)
    source = text.strip().replace("^", "**")
    where = f'{what} "{printable(source[:80])}"'
    if not source:
        raise InvalidInputError(f"{what}: expected a formula but got nothing")
    if len(source) > MAX_LENGTH:
        raise InvalidInputError(f"{what}: {len(source)} characters long; at most {MAX_LENGTH} are read")
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else type(error).__name__
        raise InvalidInputError(f"{where} does not parse: {reason}; write it as in sqrt(n)*log(n)") from error
    try:
        result = _Reader(symbols, functions, source).read(tree.body, 0)
        for number in result.atoms(sympy.Rational) if isinstance(result, sympy.Basic) else ():
            _Reader.bounded(number)
        infinite = isinstance(result, sympy.Basic) and result.has(*_INFINITE)
    except InvalidInputError as error:
        raise InvalidInputError(f"{where}: {error}") from error
    except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        raise InvalidInputError(f"{where} cannot be evaluated: {error}") from error
    if infinite:
        raise InvalidInputError(f"{where} is not finite: it evaluates to {result}")
    return result


def substituted(formula: Expr, values: Mapping[Expr, Expr]) -> Expr:
    """Return a formula with symbols replaced, exactly; numbers are bounded as they are in a formula that is read.

    Raises:
        InvalidInputError: where a number would fill pages, such as 2**n at n = 10**9.

    >>> n = sympy.Symbol("n", positive=True)
    >>> substituted(n**2 / 3, {n: sympy.Integer(6)})
    12
    >>> substituted(n**n, {n: sympy.Integer(10**9)})
    Traceback (most recent call last):
    ...
    bigtheta.theory.errors.InvalidInputError: a power of numbers has too many digits
    """
    if not formula.args:
        return values.get(formula, formula)
    parts = [substituted(part, values) for part in formula.args]
    if parts == list(formula.args):
        return formula
    if formula.is_Pow:
        return _Reader.power(*parts)
    if isinstance(formula, _EXPONENTIALS) and parts[0].is_number:
        _Reader.power(sympy.E, abs(parts[0]))
    try:
        value = formula.func(*parts)
    except (TypeError, ValueError, ArithmeticError) as error:  # the larger of two complex numbers, say
        raise InvalidInputError(f"{str(formula)[:80]} cannot be evaluated: {error}") from error
    return _Reader.bounded(value) if isinstance(value, sympy.Expr) else value


_EXPONENTIALS = (sympy.exp, sympy.sinh, sympy.cosh)


def _levels(formula: Expr) -> int:
    """How many functions and powers stand within each other."""
    deepest = max(map(_levels, formula.args), default=0)
    return deepest + int(formula.is_Pow or formula.is_Function)


class _Reader:
    """One walk over the syntax tree."""

    def __init__(self, symbols: Mapping[str, Expr], functions: Mapping[str, Callable[..., Expr]], source: str) -> None:
        self.symbols = {**_CONSTANTS, **symbols}
        self.functions = functions
        self.source = source

    @staticmethod
    def shallow(value: Expr) -> Expr:
        """Refuse functions of functions of functions that SymPy would take for ever over."""
        most = MAX_NUMBER_LEVELS if value.is_number else MAX_LEVELS
        if isinstance(value, sympy.Basic) and _levels(value) > most:
            raise InvalidInputError(f"more than {most} functions and powers within each other")
        return value

    def read(self, node: ast.expr, depth: int) -> Expr:
        """Turn one node into SymPy."""
        if depth > MAX_DEPTH:
            raise InvalidInputError(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, ast.Constant):
            return self.number(node)
        if isinstance(node, ast.Name):
            if node.id not in self.symbols:
                raise unknown_name("symbol", node.id, self.symbols.keys() - {"E"})
            return self.symbols[node.id]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            value = self.operand(node.operand, depth)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            return self.shallow(self.power(self.operand(node.left, depth), self.operand(node.right, depth)))
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return self.chain(node, depth)
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
            left, right = self.operand(node.left, depth), self.operand(node.comparators[0], depth)
            return _COMPARISONS[type(node.ops[0])](left, right)
        if isinstance(node, ast.Call):
            return self.call(node, depth)
        shown = printable(ast.unparse(node)[:60])
        raise InvalidInputError(f"{shown!r} is not understood; use numbers, + - * / ** and functions")

    def operand(self, node: ast.expr, depth: int) -> Expr:
        """Read what stands inside a formula: a quantity, not a comparison."""
        value = self.read(node, depth + 1)
        if not isinstance(value, sympy.Expr):
            raise InvalidInputError(f"the condition {value} stands where a quantity is expected")
        return value

    def chain(self, node: ast.BinOp, depth: int) -> Expr:
        """Read a + b - c ... from left to right, without nesting."""
        steps: list[tuple[type[ast.operator], ast.expr]] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and type(left.op) in _BINARY:
            steps.append((type(left.op), left.right))
            left = left.left
        value = self.operand(left, depth)
        for operation, right in reversed(steps):
            value = self.bounded(_BINARY[operation](value, self.operand(right, depth)))
        return value

    def number(self, node: ast.Constant) -> Expr:
        """Read a literal exactly, every digit of it."""
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidInputError(f"{printable(repr(value)[:40])} is not a number")
        text = ast.get_source_segment(self.source, node) or repr(value)
        if isinstance(value, float):
            exponent = text.lower().partition("e")[2]
            if exponent and abs(int(exponent)) > MAX_BITS // 4:
                raise InvalidInputError(f"the number {text[:40]} is too large or too small")
        fraction = Fraction(text) if isinstance(value, float) else Fraction(value)
        return self.bounded(sympy.Rational(fraction.numerator, fraction.denominator))

    @staticmethod
    def bounded(value: Expr) -> Expr:
        """Refuse a rational number that would fill pages."""
        if value.is_Rational and max(abs(value.p), value.q).bit_length() > MAX_BITS:
            raise InvalidInputError("a number has more than 3,000 digits")
        return value

    @classmethod
    def power(cls, base: Expr, exponent: Expr) -> Expr:
        """Raise to a power, refusing towers of numbers that would fill the memory."""
        if base.is_Rational and exponent.is_Rational:
            if abs(exponent) * max(int(abs(base.p)), int(base.q)).bit_length() > MAX_BITS and abs(base) not in (0, 1):
                raise InvalidInputError("a power of numbers has too many digits")
        elif base.is_number and exponent.is_number and base != 0:
            bits = abs(sympy.N(exponent, 15)) * (abs(sympy.log(abs(sympy.N(base, 15)), 2)) + 1)
            if not bits.is_comparable or bits > MAX_BITS:
                raise InvalidInputError("a power of numbers has too many digits")
        elif exponent.is_Rational:
            cls.coefficients(base, exponent)
        if not exponent.is_Integer:
            cls.rooted(base)
        return cls.bounded(base**exponent)

    @staticmethod
    def rooted(value: Expr) -> None:
        """Refuse a root of a number of very many digits."""
        if any(max(int(abs(a.p)), int(a.q)).bit_length() > MAX_ROOT_BITS for a in value.atoms(sympy.Rational)):
            raise InvalidInputError("a root of a number with more than 300 digits")

    @staticmethod
    def coefficients(base: Expr, exponent: Expr) -> None:
        """Refuse a power of a formula whose numbers would fill pages: (3 n)**10000 holds 3**10000."""
        numbers = [abs(a) for a in base.atoms(sympy.Rational)] or [1]
        bits = max(max(int(abs(a.p)), int(a.q)).bit_length() if a != 1 else 1 for a in map(sympy.Rational, numbers))
        if abs(exponent) * bits > MAX_BITS:
            raise InvalidInputError(f"the exponent {str(exponent)[:20]} is too large")

    def call(self, node: ast.Call, depth: int) -> Expr:
        """Call a known function with the number of arguments it takes."""
        given = node.func.id if isinstance(node.func, ast.Name) else ""
        name = _ALIASES.get(given, given)
        if name not in self.functions:
            raise unknown_name("function", given or printable(ast.unparse(node.func)[:40]), self.functions)
        most: float = math.inf if name in _MANY else 2 if name in _TWO else 1
        if node.keywords or not 1 <= len(node.args) <= most:
            many = "one argument" if most == 1 else "one or two arguments" if most == 2 else "one or more arguments"
            got = printable(ast.unparse(node)[:60])
            raise InvalidInputError(f"{name} takes {many}, without keywords, but got {got}")
        arguments = [self.operand(argument, depth) for argument in node.args]
        if name in ("exp", "sinh", "cosh", "sigmoid", "softplus") and arguments[0].is_number:
            self.power(sympy.E, abs(arguments[0]))
        if name == "sqrt":
            self.rooted(arguments[0])
        if name in _MANY and len(arguments) > MAX_ARGUMENTS:
            raise InvalidInputError(f"{name} takes at most {MAX_ARGUMENTS} arguments but got {len(arguments)}")
        value = self.functions[name](*arguments)
        for number in value.atoms(sympy.Rational):
            self.bounded(number)
        return self.shallow(value)
