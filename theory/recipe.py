"""Recipe: an activation under a name of its own, read from what a plugin gives for one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy

from bigtheta.theory.activation import Activation
from bigtheta.theory.errors import BigthetaError, InvalidInputError, printable

__all__ = ["Recipe", "cause_of", "recipe_of"]

Expr = Any


@dataclass(frozen=True)
class Recipe:
    """An activation that goes by a name of its own, and may have parameters.

    Attributes:
        name: what it is asked by.
        origin: where it comes from: a distribution with its version, or a file.
        default: the activation without parameters.
        build: its expression from its parameters.
        parameters: the parameters with their defaults.
    """

    name: str
    origin: str
    default: Activation
    build: Callable[..., Expr] = field(compare=False)
    parameters: Mapping[str, Expr] = field(compare=False)


def recipe_of(name: str, value: object, origin: str) -> Recipe:
    """Return the activation that a plugin's value is.

    Args:
        value: an Activation, an expression in one variable, a formula as text, or a function of keyword-only
            parameters with defaults that returns one of these.

    Raises:
        InvalidInputError: if it is something else, or not an activation.

    >>> recipe_of("bent", "u + sqrt(u**2 + 1) / 2", "here").default.expression
    u + sqrt(u**2 + 1)/2
    """
    if not (name.isidentifier() and name not in ("u", "x", "z", "t")):
        raise InvalidInputError(f"activation name: expected letters, digits and _ (not u, x, z, t) but got {name!r}")
    if isinstance(value, type) or not callable(value) or not _is_function(value):
        expression = _expression(value)
        return Recipe(name, origin, Activation(name, expression), lambda: expression, {})
    defaults: dict[str, Expr] = {}
    for parameter in inspect.signature(value).parameters.values():
        if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default is parameter.empty:
            raise InvalidInputError(f"expected keyword-only parameters with defaults but got {parameter} in {value!r}")
        defaults[parameter.name] = parameter.default

    def build(**given: Expr) -> Expr:
        try:
            return _expression(value(**given))
        except BigthetaError:
            raise
        except Exception as cause:
            raise InvalidInputError(f"{cause_of(cause)} (in {origin})") from cause

    return Recipe(name, origin, Activation(name, build()), build, defaults)


def cause_of(error: BaseException) -> str:
    """Return an exception in one line: its type and message; a message of ours as it is."""
    text = printable(" ".join(str(error).split()))[:400]
    if isinstance(error, BigthetaError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _expression(value: object) -> Expr:
    """The expression of an Activation, an expression or a formula."""
    if isinstance(value, str):
        return Activation.parse(value).expression
    if isinstance(value, Activation):
        return value.expression
    if isinstance(value, sympy.Expr):
        return value
    raise InvalidInputError(
        f"expected an Activation, an expression in one variable, a formula as text, or a function of keyword-only "
        f"parameters that returns one but got {value!r}"
    )


def _is_function(value: object) -> bool:
    """Whether a callable is a function: SymPy's symbols can be called too."""
    return not isinstance(value, sympy.Basic | Activation)
