"""The built-in activations, a line each. Add one in one line here, or give any formula in u where a name is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import sympy

from bigtheta.theory.activation import Activation, Softplus, u
from bigtheta.theory.errors import InvalidInputError, unknown_name

__all__ = ["CATALOGUE", "activation"]

CATALOGUE: Mapping[str, Callable[[], Any]] = {
    "relu": lambda: sympy.Max(u, 0),
    "leaky_relu": lambda: sympy.Max(u, u / 100),
    "abs": lambda: sympy.Abs(u),
    "square": lambda: u**2 / 2,
    "tanh": lambda: sympy.tanh(u),
    "erf": lambda: sympy.erf(u),
    "softplus": lambda: Softplus(u),
    "sigmoid": lambda: (1 + sympy.tanh(u / 2)) / 2,
    "gelu": lambda: u * (1 + sympy.erf(u / sympy.sqrt(2))) / 2,
    "sin": lambda: sympy.sin(u),
    "cos": lambda: sympy.cos(u),
}
"""Name -> expression in u. `square` is u^2/2, so that its derivative is u."""


def activation(name: str | Activation) -> Activation:
    """Return a catalogue activation by name, or read a formula in u.

    Raises:
        InvalidInputError: for a name that is neither in the catalogue nor a formula.

    >>> activation("abs").parity.value
    'even'
    >>> activation("x*tanh(x)").parity.value
    'even'
    >>> activation("rellu")
    Traceback (most recent call last):
    ...
    bigtheta.theory.errors.InvalidInputError: unknown activation 'rellu'; did you mean 'relu' ...
    """
    if isinstance(name, Activation):
        return name
    if not isinstance(name, str):
        raise InvalidInputError(f"activation: expected a name or a formula but got {name!r}")
    return _read(name)


@cache
def _read(name: str) -> Activation:
    if (known := name.replace("-", "_")) in CATALOGUE:
        return Activation(known, CATALOGUE[known]())
    if name.isidentifier() and name not in ("u", "x", "z", "t"):
        raise unknown_name("activation", name, CATALOGUE, "bigtheta activations")
    return Activation.parse(name)
