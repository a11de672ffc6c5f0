"""The built-in activations, a line each. Add one in one line here, or give any formula in u where a name is asked.

Parameters are keyword-only and have defaults: `softplus`, or `softplus(beta=2)`.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import sympy
from sympy import Abs, Heaviside, Max, Min, Rational, cos, erf, exp, pi, sin, sqrt, tanh

from bigtheta.theory import plugins
from bigtheta.theory.activation import Activation, u
from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.expression import parse_expression
from bigtheta.theory.floats import without_floats
from bigtheta.theory.stable import Softplus

__all__ = ["CATALOGUE", "activation", "parameters"]

Expr = Any
_SLOPE = Rational(1, 100)
_SELU_SCALE = Rational("1.0507009873554805")
_SELU_ALPHA = Rational("1.6732632423543772")


def _sigmoid(x: Expr) -> Expr:
    return (1 + tanh(x / 2)) / 2


def _gate(x: Expr) -> Expr:
    return Max(0, Min(1, x / 6 + Rational(1, 2)))


CATALOGUE: Mapping[str, Callable[..., Expr]] = {
    "relu": lambda: Max(u, 0),
    "leaky_relu": lambda *, slope=_SLOPE: Max(u, 0) + slope * Min(u, 0),
    "relu_power": lambda *, p=3: Max(u, 0) ** _whole("p", p, 1),
    "squared_relu": lambda: Max(u, 0) ** 2,
    "abs": lambda: Abs(u),
    "step": lambda: Heaviside(u, 0),
    "sign": lambda: sympy.sign(u),
    "identity": lambda: u,
    "square": lambda: u**2 / 2,
    "cubic": lambda: u**3,
    "hermite": lambda *, j=2: sympy.expand(sympy.hermite_prob(_whole("j", j, 0), u)),
    "erf": lambda: erf(u),
    "gelu": lambda: u * (1 + erf(u / sqrt(2))) / 2,
    "gelu_tanh": lambda: u * (1 + tanh(sqrt(2 / pi) * (u + Rational("0.044715") * u**3))) / 2,
    "tanh": lambda: tanh(u),
    "sigmoid": lambda: _sigmoid(u),
    "softplus": lambda *, beta=1: Softplus(_positive("beta", beta) * u) / beta,
    "swish": lambda *, beta=1: u * _sigmoid(beta * u),
    "silu": lambda: u * _sigmoid(u),
    "mish": lambda: u * tanh(Softplus(u)),
    "elu": lambda *, alpha=1: Max(u, 0) + alpha * (exp(Min(u, 0)) - 1),
    "selu": lambda: _SELU_SCALE * (Max(u, 0) + _SELU_ALPHA * (exp(Min(u, 0)) - 1)),
    "celu": lambda *, alpha=1: Max(u, 0) + alpha * (exp(Min(u, 0) / _positive("alpha", alpha)) - 1),
    "hardtanh": lambda: Max(-1, Min(1, u)),
    "hardsigmoid": lambda: _gate(u),
    "hardswish": lambda: u * _gate(u),
    "sin": lambda *, frequency=1: sin(frequency * u),
    "cos": lambda *, frequency=1, phase=0: cos(frequency * u + phase),
    "gaussian": lambda: exp(-(u**2) / 2),
    "exp": lambda *, rate=1: exp(rate * u),
    "arctan": lambda: sympy.atan(u),
    "softsign": lambda: u / (1 + Abs(u)),
}
"""Name -> expression in u. `square` is u^2/2, so that its derivative is u; `hermite` is the monic He_j."""


def activation(name: str | Activation, **given: object) -> Activation:
    """Return a catalogue activation by name, with its parameters if it has any, or read a formula in u.

    Args:
        name: a catalogue name, `name(parameter=number, ...)`, or a formula in u.
        given: the parameters of a catalogue activation: numbers, or text such as "1/5". "0.2" is 1/5; the float 0.2 is
            the fraction that its bits are.

    Raises:
        InvalidInputError: for a name that is neither in the catalogue nor a formula, or a parameter it does not have.

    >>> activation("abs").parity.value
    'even'
    >>> activation("x*tanh(x)").parity.value
    'even'
    >>> activation("leaky_relu", slope="1/5") == activation("leaky_relu(slope=0.2)")
    True
    >>> activation("rellu")
    Traceback (most recent call last):
    ...
    bigtheta.theory.errors.InvalidInputError: unknown activation 'rellu'; did you mean 'relu' ...
    """
    if isinstance(name, Activation):
        if given:
            raise InvalidInputError(
                f"activation {name.name!r} is made already; parameters {sorted(given)} come too late"
            )
        return name
    if not isinstance(name, str):
        raise InvalidInputError(f"activation: expected a name or a formula but got {name!r}")
    text = name.strip()
    if not given and (call := _keyword_call(text)) is not None:
        text, given = call
    elif given and not _is_name(text.replace("-", "_")):
        raise InvalidInputError(f"activation: the formula {name!r} takes no parameters, but got {', '.join(given)}")
    numbers = tuple(sorted((key, _number(text, key, value)) for key, value in given.items()))
    return _from_plugin(text, numbers) if _is_unknown(text) else _read(text, numbers)


def parameters(name: str) -> dict[str, Expr]:
    """Return the parameters of a catalogue activation with their defaults.

    >>> parameters("cos")
    {'frequency': 1, 'phase': 0}
    """
    return {key: parameter.default for key, parameter in inspect.signature(CATALOGUE[name]).parameters.items()}


@lru_cache(maxsize=256)
def _read(name: str, given: tuple[tuple[str, Expr], ...]) -> Activation:
    if (known := name.replace("-", "_")) in CATALOGUE:
        return _built(known, CATALOGUE[known], parameters(known), given)
    return Activation.parse(name)


def _from_plugin(name: str, given: tuple[tuple[str, Expr], ...]) -> Activation:
    """An activation that a plugin gives; not cached, since files come and go."""
    recipe = plugins.find_activation(name)
    if recipe is None:
        raise plugins.unknown("activation", name, [*CATALOGUE, *plugins.activation_names()], "bigtheta activations")
    return _built(recipe.name, recipe.build, recipe.parameters, given) if given else recipe.default


def _built(
    known: str, build: Callable[..., Expr], defaults: Mapping[str, Expr], given: tuple[tuple[str, Expr], ...]
) -> Activation:
    """Build an activation from its parameters; those that have their default are not shown in its name."""
    for key, _ in given:
        if key not in defaults:
            if not defaults:
                raise InvalidInputError(f"activation {known!r} has no parameters, but got {key}")
            raise unknown_name(f"{known} parameter", key, defaults)
    changed = {key: value for key, value in given if value != defaults[key]}
    shown = f"{known}({', '.join(f'{key}={value}' for key, value in changed.items())})" if changed else known
    try:
        return Activation(shown, build(**changed), formula_name=bool(changed))
    except InvalidInputError as error:
        raise InvalidInputError(f"activation {shown!r}: {error}") from error


def _is_unknown(text: str) -> bool:
    """Whether the text is a name, such as my-activation but not u-1, and not of the catalogue."""
    return all(map(_is_name, text.split("-"))) and text.replace("-", "_") not in CATALOGUE


def _is_name(text: str) -> bool:
    return text.isidentifier() and text not in ("u", "x", "z", "t")


def _keyword_call(text: str) -> tuple[str, dict[str, object]] | None:
    """Read `name(key=value, ...)`; None if the text is anything else."""
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.keywords and not tree.args):
        return None
    values = {k.arg: ast.get_source_segment(text, k.value) or "" for k in tree.keywords if k.arg is not None}
    return (tree.func.id, dict(values)) if len(values) == len(tree.keywords) else None


def _number(name: str, key: str, value: object) -> Expr:
    what = f"activation {name}: {key}"
    number = without_floats(value, what) if isinstance(value, sympy.Expr) else parse_expression(value, {}, what=what)
    if not (isinstance(number, sympy.Expr) and number.is_number and number.is_finite and number.is_real):
        raise InvalidInputError(f"activation {name}: expected a real number but got {key}={value!r}")
    return number


def _positive(key: str, value: Expr) -> Expr:
    if not value > 0:
        raise InvalidInputError(f"expected {key} > 0 but got {key}={value}")
    return value


def _whole(key: str, value: Expr, low: int) -> int:
    if value != int(value) or not low <= value <= 1000:
        raise InvalidInputError(f"expected a whole number from {low} to 1000 but got {key}={value}")
    return int(value)
