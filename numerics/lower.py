"""From a SymPy expression to a torch function: one pass over the tree, a torch operation for each node."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import sympy
import torch
from torch import Tensor

from bigtheta.theory.activation import Activation, u
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.filled import Patch, patches
from bigtheta.theory.hermite import hermite
from bigtheta.theory.stable import Softplus

__all__ = ["TorchFunction", "lower", "lower_activation"]

Expr = Any
TorchFunction = Callable[[Tensor], Tensor]
"""A function of a tensor, elementwise."""

_UNARY: Mapping[Any, TorchFunction] = {
    sympy.tanh: torch.tanh, sympy.erf: torch.erf, sympy.erfc: torch.erfc, sympy.exp: torch.exp,
    sympy.log: torch.log, sympy.sin: torch.sin, sympy.cos: torch.cos, sympy.tan: torch.tan,
    sympy.sinh: torch.sinh, sympy.cosh: torch.cosh, sympy.atan: torch.atan, sympy.asin: torch.asin,
    sympy.Abs: torch.abs, sympy.sign: torch.sign,
    Softplus: lambda x: torch.logaddexp(x, torch.zeros((), dtype=x.dtype, device=x.device)),
}  # fmt: skip


def lower(expression: Expr, variable: Expr) -> TorchFunction:
    """Return the expression as a function of one tensor, elementwise, in the tensor's dtype and device.

    Raises:
        InvalidInputError: for a function that has no torch counterpart here.

    >>> t = sympy.Symbol("t")
    >>> lower(t**2 + sympy.asin(t), t)(torch.tensor([0.0, 0.5], dtype=torch.float64)).tolist()
    [0.0, 0.7735987755982989]
    """
    check_lowerable(expression, variable)

    def evaluate(x: Tensor) -> Tensor:
        value = _walk(expression, variable, x, {})
        return value if isinstance(value, Tensor) else torch.full_like(x, value)

    parts = patches(expression) if variable == u else ()
    return _patched(evaluate, parts) if parts else evaluate


def _patched(function: TorchFunction, parts: tuple[Patch, ...]) -> TorchFunction:
    """Near a removable singularity the Taylor polynomial, which has its limit and loses no digits, nor its gradient."""

    def evaluate(x: Tensor) -> Tensor:
        regular = x
        for part in parts:  # the formula is not evaluated where it is 0/0: its gradient there would be nan
            regular = torch.where((x - part.at).abs() < part.reach, part.at + part.reach, regular)
        result = function(regular)
        for part in parts:
            offset = x - part.at
            near = offset.abs() < part.reach
            offset = torch.where(near, offset, 0.0)
            value = torch.full_like(x, part.coefficients[-1])
            for coefficient in part.coefficients[-2::-1]:
                value = value * offset + coefficient
            result = torch.where(near, value, result)
        return result

    return evaluate


@lru_cache(maxsize=256)
def lower_activation(act: Activation, order: int = 0) -> TorchFunction:
    """Return the derivative of the given order off the kinks; at a kink, the piece on its right.

    >>> from bigtheta.theory.catalogue import activation
    >>> lower_activation(activation("relu"), 1)(torch.tensor([-2.0, 3.0])).tolist()
    [0.0, 1.0]
    """
    pieces = act.derivative(order)
    functions = [lower(piece.expression, u) for piece in pieces]
    if len(functions) == 1:
        return functions[0]
    kinks = [float(k) for k in act.kinks]

    def evaluate(x: Tensor) -> Tensor:
        result = functions[0](x)
        for kink, function in zip(kinks, functions[1:], strict=True):
            result = torch.where(x >= kink, function(x), result)
        return result

    return evaluate


@lru_cache(maxsize=256)
def check_simulable(act: Activation) -> None:
    """Refuse an activation whose networks cannot be measured, before anything is simulated.

    Raises:
        InvalidInputError: if phi jumps (its random features have no gradient), grows too fast for E phi(G)^2 to be
            finite, or contains a function without a torch counterpart.
    """
    if not act.is_weakly_differentiable:
        raise InvalidInputError(
            f"activation {act.name!r} jumps at {act.kinks[0]}, so E |grad f|^2 is infinite; use a continuous activation"
        )
    hermite(act, 0)
    for order in range(3):
        lower_activation(act, order)


def check_lowerable(expression: Expr, variable: Expr) -> None:
    """Refuse what `lower` cannot evaluate, before any tensor is made."""
    for node in sympy.preorder_traversal(expression):
        known = node.is_Add or node.is_Mul or node.is_Pow or node.is_number or node == variable or node.func in _UNARY
        if not known:
            raise InvalidInputError(f"cannot simulate {expression}: no numeric form of {node.func.__name__} is known")


def _walk(e: Expr, variable: Expr, x: Tensor, seen: dict[Expr, Tensor | float]) -> Tensor | float:
    """Evaluate one node; numbers stay Python floats, repeated subexpressions are computed once."""
    if e == variable:
        return x
    if e.is_number:
        return float(e)
    if e in seen:
        return seen[e]
    if e.is_Add or e.is_Mul:
        result = _walk(e.args[0], variable, x, seen)
        for argument in e.args[1:]:
            other = _walk(argument, variable, x, seen)
            result = result + other if e.is_Add else result * other
    elif e.is_Pow:
        result = _power(_walk(e.base, variable, x, seen), e.exp, lambda: _walk(e.exp, variable, x, seen))
    else:
        argument = _walk(e.args[0], variable, x, seen)
        assert isinstance(argument, Tensor)
        result = _UNARY[e.func](argument)
    seen[e] = result
    return result


def _power(base: Tensor | float, exponent: Expr, evaluate: Callable[[], Tensor | float]) -> Tensor | float:
    if exponent.is_number:
        if exponent == sympy.Rational(1, 2) and isinstance(base, Tensor):
            return torch.sqrt(base)
        return base ** (int(exponent) if exponent.is_Integer else float(exponent))
    power = evaluate()
    if isinstance(base, Tensor):
        return torch.pow(base, power)
    assert isinstance(power, Tensor)
    return torch.exp(power * math.log(base))
