"""float64 or float32: what a name means, and where float32 cannot be trusted.

A trial in float32 takes the same draws as in float64, rounded, and half the memory. Its error is about 6e-8 times the
condition of the Gram matrix, which has no bound where the number of labels meets the number of features.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import singledispatch

import sympy
import torch

from bigtheta.theory.activation import Activation, u
from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.model import (
    AdversarialFeatures,
    BothLayers,
    Model,
    NeuralTangent,
    RandomFeatures,
    TwoLayer,
    Weights,
    parameter_count,
)  # fmt: skip
from bigtheta.theory.training import QuadraticStudent, TrainedNetwork

__all__ = ["PRECISIONS", "check_precision", "full_products", "thresholds", "torch_dtype"]

PRECISIONS = {"float64": torch.float64, "float32": torch.float32}
_NEAR = 0.05
"""Relative distance from an interpolation threshold within which float32 is refused."""


def torch_dtype(precision: str) -> torch.dtype:
    """Return the torch type of a precision.

    Raises:
        InvalidInputError: for another name than float64 and float32.

    >>> torch_dtype("float32")
    torch.float32
    """
    if not isinstance(precision, str) or precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    return PRECISIONS[precision]


def check_precision(precision: str, model: Model, act: Activation, cells: Sequence[Mapping[str, int]]) -> None:
    """Refuse float32 where its numbers could not be trusted, before anything runs.

    Raises:
        InvalidInputError: for an unknown precision; float32 with a model whose error is certified below what it can
            hold; float32 without ridge at a size within 5% of an interpolation threshold.
    """
    if torch_dtype(precision) == torch.float64:
        return
    if isinstance(model, AdversarialFeatures | QuadraticStudent):
        raise InvalidInputError(
            f"precision: {model.kind} is exact to more digits than float32 has but got precision='float32'; "
            "use float64 (--precision float64)"
        )
    for cell in cells if model.ridge == 0 else ():
        for name, size in thresholds(model, cell, act):
            if abs(cell["n"] / size - 1) <= _NEAR:
                raise InvalidInputError(
                    f"precision: float32 needs n more than {_NEAR:.0%} away from {name} = {size}, where the Gram "
                    f"matrix of {model.kind} is nearly singular, but got n = {cell['n']}; use float64 "
                    "(--precision float64), or drop that size"
                )


@singledispatch
def thresholds(model: Model, cell: Mapping[str, int], act: Activation) -> list[tuple[str, int]]:
    """Return the numbers of labels at which the model changes from interpolation to least squares, with their formulas.

    In general p, the number of parameters. The features of phi(u) = u^2 + c are quadratic forms: d (d + 1)/2 of them at
    most, and of the neural tangent d k - k (k - 1)/2 for k <= d. Small weights and a phi smooth at 0 leave little but
    the linear part of phi, so that n = d is a threshold too. Infinite width has none.

    >>> from bigtheta.theory.catalogue import activation
    >>> thresholds(NeuralTangent(), {"n": 50, "d": 20, "k": 4}, activation("square"))
    [('d k - k (k - 1)/2', 74)]
    >>> thresholds(RandomFeatures(weights="small"), {"n": 50, "d": 20, "k": 90}, activation("tanh"))
    [('k', 90), ('d', 20)]
    """
    count = parameter_count(model, dict(cell))
    return [] if count is None else [(f"p = {model.parameters}", count)]


@thresholds.register
def _(model: RandomFeatures, cell: Mapping[str, int], act: Activation) -> list[tuple[str, int]]:
    d, k = cell["d"], cell["k"]
    forms = [("d (d + 1)/2", d * (d + 1) // 2)] if _is_square(act) else []
    return [("k", k), *forms, *_linear(model, d, act)]


@thresholds.register
def _(model: NeuralTangent, cell: Mapping[str, int], act: Activation) -> list[tuple[str, int]]:
    d, k = cell["d"], cell["k"]
    return [_forms(d, k) if _is_square(act) else ("d k", d * k), *_linear(model, d, act)]


@thresholds.register
def _(model: BothLayers, cell: Mapping[str, int], act: Activation) -> list[tuple[str, int]]:
    d, k = cell["d"], cell["k"]
    return [_forms(d, k) if _is_square(act) else ("d k + k", d * k + k), *_linear(model, d, act)]


@thresholds.register
def _(model: TrainedNetwork, cell: Mapping[str, int], act: Activation) -> list[tuple[str, int]]:
    """Nothing is solved: a training that does not get there says so."""
    return []


def _forms(d: int, k: int) -> tuple[str, int]:
    """The dimension of the forms x^T (W^T A) x over A (k, d)."""
    return ("d k - k (k - 1)/2", d * k - k * (k - 1) // 2) if k <= d else ("d (d + 1)/2", d * (d + 1) // 2)


def _linear(model: TwoLayer, d: int, act: Activation) -> list[tuple[str, int]]:
    return [("d", d)] if model.weights is Weights.SMALL and not act.kinks else []


def _is_square(act: Activation) -> bool:
    """Whether phi(u) = c u^2 + constant."""
    e = act.expression
    return bool(e.is_polynomial(u)) and sympy.degree(e, u) == 2 and sympy.Poly(e, u).coeff_monomial(u) == 0


@contextlib.contextmanager
def full_products() -> Iterator[None]:
    """Keep products of float32 matrices in float32 on a GPU, TF32 off, whatever was set before."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
