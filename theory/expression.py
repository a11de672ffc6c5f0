"""Reading formulas: a whitelist of Python's syntax tree to SymPy, never `eval` or `sympify` on raw text.

Only numbers, the names given, + - * / **, unary signs, comparisons and calls of known functions are understood.
Decimal numbers become exact fractions: "0.1" is 1/10.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import sympy

from bigtheta.theory.errors import InvalidInputError, unknown_name

__all__ = ["FUNCTIONS", "parse_expression"]

MAX_LENGTH = 2_000
MAX_DEPTH = 60
MAX_POWER = 10_000
MAX_BITS = 4_000

Expr = Any  # SymPy ships no types

FUNCTIONS: Mapping[str, Callable[..., Expr]] = {
    "sqrt": sympy.sqrt, "log": sympy.log, "ln": sympy.log, "exp": sympy.exp, "abs": sympy.Abs,
    "min": sympy.Min, "max": sympy.Max, "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan,
    "tanh": sympy.tanh, "sinh": sympy.sinh, "cosh": sympy.cosh, "atan": sympy.atan, "arctan": sympy.atan,
    "erf": sympy.erf, "erfc": sympy.erfc, "sign": sympy.sign, "heaviside": lambda x: sympy.Heaviside(x, 0),
}  # fmt: skip
"""Functions of one or more real arguments that every formula may use."""

_CONSTANTS: Mapping[str, Expr] = {"pi": sympy.pi, "e": sympy.E}
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
        text: the formula, at most 2,000 characters; ^ is read as **.
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
    if isinstance(text, bool) or not isinstance(text, str | int | float | Fraction):
        raise InvalidInputError(f"{what}: expected a formula as text but got {text!r}")
    source = str(text).strip().replace("^", "**")
    where = f'{what} "{source[:80]}"'
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
        result = _Reader(symbols, functions).read(tree.body, 0)
    except InvalidInputError as error:
        raise InvalidInputError(f"{where}: {error}") from error
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise InvalidInputError(f"{where} cannot be evaluated: {error}") from error
    if isinstance(result, sympy.Basic) and result.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
        raise InvalidInputError(f"{where} is not finite: it evaluates to {result}")
    return result


class _Reader:
    """One walk over the syntax tree."""

    def __init__(self, symbols: Mapping[str, Expr], functions: Mapping[str, Callable[..., Expr]]) -> None:
        self.symbols = {**_CONSTANTS, **symbols}
        self.functions = functions

    def read(self, node: ast.expr, depth: int) -> Expr:
        """Turn one node into SymPy."""
        if depth > MAX_DEPTH:
            raise InvalidInputError(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, ast.Constant):
            return self.number(node.value)
        if isinstance(node, ast.Name):
            if node.id not in self.symbols:
                raise unknown_name("symbol", node.id, self.symbols)
            return self.symbols[node.id]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            value = self.read(node.operand, depth + 1)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp):
            left, right = self.read(node.left, depth + 1), self.read(node.right, depth + 1)
            if isinstance(node.op, ast.Pow):
                return self.power(left, right)
            if type(node.op) in _BINARY:
                return _BINARY[type(node.op)](left, right)
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
            left, right = self.read(node.left, depth + 1), self.read(node.comparators[0], depth + 1)
            return _COMPARISONS[type(node.ops[0])](left, right)
        if isinstance(node, ast.Call):
            return self.call(node, depth)
        raise InvalidInputError(f"{ast.unparse(node)[:60]!r} is not understood; use numbers, + - * / ** and functions")

    @staticmethod
    def number(value: object) -> Expr:
        """Read a literal exactly."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidInputError(f"{value!r} is not a number")
        fraction = Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
        if max(abs(fraction.numerator), fraction.denominator) > 10**400:
            raise InvalidInputError("a number has more than 400 digits")
        return sympy.Rational(fraction.numerator, fraction.denominator)

    @staticmethod
    def power(base: Expr, exponent: Expr) -> Expr:
        """Raise to a power, refusing towers of numbers that would fill the memory."""
        if base.is_number and exponent.is_number and abs(exponent) > MAX_POWER:
            raise InvalidInputError(f"the exponent {exponent} is larger than {MAX_POWER}")
        if base.is_Rational and exponent.is_Rational:
            bits = max(abs(base.p), base.q).bit_length() - 1
            if bits * abs(exponent) > MAX_BITS:
                raise InvalidInputError(f"{str(base)[:20]}**{exponent} has too many digits")
        return base**exponent

    def call(self, node: ast.Call, depth: int) -> Expr:
        """Call a known function by position, or with keywords where the function takes them."""
        if not isinstance(node.func, ast.Name) or node.func.id not in self.functions:
            name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)[:40]
            raise unknown_name("function", name, self.functions)
        arguments = [self.read(argument, depth + 1) for argument in node.args]
        keywords = {k.arg: self.read(k.value, depth + 1) for k in node.keywords if k.arg is not None}
        return self.functions[node.func.id](*arguments, **keywords)
