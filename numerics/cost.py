"""What the trial of a model costs, counted from its formulas: floating-point operations, and numbers held at its peak.

Operations are those of matrix products, factorisations and solves; elementwise functions come on top. Letters: n
labels, d dimensions, k neurons, p points at which a fitted model is evaluated. A plugin registers a closer count for
its model with `@cost.register`, or is given the general one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import singledispatch

import sympy

from bigtheta.numerics.cholesky import PANEL
from bigtheta.numerics.gram import COLUMNS
from bigtheta.numerics.interpolate import IN_PLACE
from bigtheta.numerics.models.moments import MOST_FEATURES
from bigtheta.numerics.models.random_features import BLOCK, KEPT
from bigtheta.theory.activation import Activation, u
from bigtheta.theory.model import (
    AdversarialFeatures,
    BothLayers,
    DotProduct,
    Model,
    NeuralTangent,
    NTKernel,
    RandomFeatures,
    RFKernel,
)  # fmt: skip
from bigtheta.theory.networks import Caps, QuadraticForm
from bigtheta.theory.training import QuadraticStudent, TrainedNetwork

__all__ = ["STEPS", "Cost", "Points", "cost", "solving"]

STEPS = 8.0
"""Tensors that an elementwise function has at a time: each step of its formula, and its argument."""
_NEWTON = 100.0
"""Newton steps of an adversarial fit where n is near k, as counted; others take fewer."""

Points = Callable[[float], tuple[float, float]]
"""From a number of points to the operations and the numbers held."""


@dataclass(frozen=True)
class Cost:
    """Operations and numbers of one trial.

    Attributes:
        fit, fitting: operations of the fit, and the numbers it holds at most, beside inputs and weights.
        kept: numbers the fitted model keeps.
        gradient, predict: operations and numbers of an evaluation at p points.
    """

    fit: float
    fitting: float
    kept: float
    gradient: Points
    predict: Points


def solving(n: float, *, ridge: bool = False) -> tuple[float, float]:
    """Return operations and numbers of `solve_gram` for an n x n matrix, the matrix among them.

    >>> solving(32_000)[1] / 32_000**2 < 1.1
    True
    """
    copies = 1.0 if n >= IN_PLACE else 4.0 if ridge else 2.0
    panel = min(n, PANEL)
    return n**3 / 3 + 60 * n**2, copies * n**2 + 3 * panel**2 + 2 * n * panel


def _normal_equations(n: float, p: float) -> tuple[float, float]:
    """Least squares by n x p features: operations and numbers, the features not among them."""
    operations, numbers = solving(p)
    return 2 * n * p**2 + operations, numbers


def _sizes(cell: Mapping[str, int]) -> tuple[float, float, float]:
    return float(cell.get("n", 0)), float(cell.get("d", 0)), float(cell.get("k", 0))


@singledispatch
def cost(model: Model, cell: Mapping[str, int], act: Activation | None = None) -> Cost:
    """Return the cost of a model at some sizes; of one that nothing is known of, that of a tangent and kernel model.

    Args:
        act: the activation, where the way of fitting depends on it.

    >>> from bigtheta.theory.model import RFKernel
    >>> f"{cost(RFKernel(), {'n': 1000, 'd': 2000}).fit:.1e}"
    '4.4e+09'
    """
    n, d, k = _sizes(cell)
    operations, numbers = solving(n, ridge=model.ridge > 0)
    return Cost(
        2 * n * d * k + 2 * n * n * (d + k) + operations,
        numbers + 3 * n * n + STEPS * n * k,
        n * (n + k),
        lambda p: (8 * p * d * k + 4 * p * n * (d + k), STEPS * p * (n + k) + p * d),
        lambda p: (2 * p * d * k + 2 * p * n * (d + k), STEPS * p * (n + k)),
    )


@cost.register
def _(model: RandomFeatures, cell: Mapping[str, int], act: Activation | None = None) -> Cost:
    """Features once or twice, half of a symmetric product; n > k is least squares."""
    n, d, k = _sizes(cell)
    block = min(k, BLOCK)
    making = 2 * n * d * k
    if n > k and model.ridge == 0:
        operations, numbers = _normal_equations(n, k)
        fit, fitting = making + operations, max(STEPS * n * k, n * k + numbers)
    else:
        operations, numbers = solving(n, ridge=model.ridge > 0)
        held = n * k if n * k <= KEPT else 0.0
        fit = (making if held else 2 * making) + n * n * k + operations + 2 * n * k
        fitting = held + max(n * n + (STEPS + 2) * n * block, numbers)
    return Cost(
        fit,
        fitting,
        k,
        lambda p: (4 * p * d * k, p * d + STEPS * p * block),
        lambda p: (2 * p * d * k, STEPS * p * block),
    )


def _tangent(cell: Mapping[str, int], ridge: float, layers: int) -> Cost:
    """The tangent features of the hidden layer (layers = 1), or of both."""
    n, d, k = _sizes(cell)
    features = d * k + (k if layers == 2 else 0)
    making = 2 * n * d * k
    if n > features and ridge == 0:
        operations, numbers = _normal_equations(n, features)
        fit = making + n * features + operations
        fitting, kept = layers * n * k + n * features + max(n * features, numbers), layers * n * k + features
    else:
        operations, numbers = solving(n, ridge=ridge > 0)
        fit = making + n * n * (d + layers * k) + operations
        fitting, kept = max(STEPS * n * k, layers * n * k + max(n * n + 3 * n * COLUMNS, numbers)), n * k

    def gradient(p: float) -> tuple[float, float]:
        if n > features or k * d <= p * (k + d):
            forming = 0.0 if n > features else 2 * n * k * d
            return forming + 8 * p * d * k, n * k + 2 * k * d + STEPS * p * k + 2 * p * d
        return 4 * p * d * k + 4 * p * n * (k + d), STEPS * p * k + 3 * p * n + 3 * p * d

    def predict(p: float) -> tuple[float, float]:
        if n > features:
            return 4 * p * d * k, STEPS * p * k
        return 2 * p * d * k + 2 * p * n * (k + d), STEPS * p * k + 3 * p * n

    return Cost(fit, fitting, kept, gradient, predict)


@cost.register
def _(model: NeuralTangent, cell: Mapping[str, int], act: Activation | None = None) -> Cost:
    return _tangent(cell, model.ridge, 1)


@cost.register
def _(model: BothLayers, cell: Mapping[str, int], act: Activation | None = None) -> Cost:
    return _tangent(cell, model.ridge, 2)


@cost.register(RFKernel)
@cost.register(NTKernel)
@cost.register(DotProduct)
def _(model: Model, cell: Mapping[str, int], act: Activation | None = None) -> Cost:
    """Half of X X^T, twice where the series needs the largest entry; the formula's steps hold strips alone."""
    n, d, _ = _sizes(cell)
    operations, numbers = solving(n, ridge=model.ridge > 0)
    strip = 2 * STEPS * n * min(n, COLUMNS)
    return Cost(
        2 * n * n * d + operations,
        max(n * n + strip, numbers),
        n,
        lambda p: (4 * p * n * d, 3 * STEPS * p * n + p * d),
        lambda p: (2 * p * n * d, 2 * STEPS * p * n),
    )


@cost.register
def _(model: QuadraticForm, cell: Mapping[str, int], act: Activation | None = None) -> Cost:
    """The n x n Gram and the form; least squares in d (d + 1)/2 features where n is larger."""
    n, d, _ = _sizes(cell)
    features = d * (d + 1) / 2
    if n > features and model.ridge == 0:
        operations, numbers = _normal_equations(n, features)
        fit, fitting = operations, 2 * n * features + numbers
    else:
        operations, numbers = solving(n, ridge=model.ridge > 0)
        fit, fitting = 2 * n * n * d + operations + 2 * n * d * d, numbers + n * n + 2 * n * d
    return Cost(
        fit,
        fitting,
        d * d,
        lambda p: (2 * p * d * d, 3 * p * d),
        lambda p: (2 * p * d * d, 3 * p * d),
    )


@cost.register
def _(model: Caps, cell: Mapping[str, int], act: Activation | None = None) -> Cost:
    """Nothing is solved: the network is looked at where the labels are."""
    n, d, _ = _sizes(cell)
    return Cost(
        2 * n * n * d,
        3 * n * n,
        n,
        lambda p: (4 * p * n * d, 3 * p * n + p * d),
        lambda p: (2 * p * n * d, 2 * p * n),
    )


def _no_points(p: float) -> tuple[float, float]:
    return 0.0, 0.0


@cost.register
def _(model: AdversarialFeatures, cell: Mapping[str, int], act: Activation | None = None) -> Cost:
    """J and its factor, features in its coordinates, about 100 Newton steps in min(n, k) dimensions, the exact risk."""
    n, d, k = _sizes(cell)
    r = min(n, k)
    newton = _NEWTON * (2 * n * r * r + solving(r)[0]) if model.eps > 0 else n * r * r + solving(r)[0]
    turned = 8 * k * n * n if k > n and model.eps > 0 else 0.0
    fit = 2 * n * d * k + 6 * k * k * d + k**3 / 3 + n * k * k + turned + newton
    return Cost(fit, STEPS * n * k + 3 * k * k + 6 * r * r, k, _no_points, _no_points)


@cost.register
def _(model: QuadraticStudent, cell: Mapping[str, int], act: Activation | None = None) -> Cost:
    """Eigenvectors of d x d matrices for a quadratic activation, moments of k or of d k features for another one."""
    _, d, k = _sizes(cell)
    if model.regime == "trained":
        return Cost(4 * d**3, 6 * d * d, 0.0, _no_points, _no_points)
    drawing = 6 * d**3 if model.target == "wishart" or model.covariance == "target" else 0.0
    if model.regime in ("initialisation", "rf", "lazy-rf"):
        return Cost(drawing + 4 * k * k * d + solving(k)[0], 6 * d * d + 14 * k * k, 0.0, _no_points, _no_points)
    if _is_quadratic(model, act) or d * k > MOST_FEATURES:  # beyond, any other activation is refused
        return Cost(drawing + 4 * d * d * k + 16 * d**3, 14 * d * d, 0.0, _no_points, _no_points)
    p = d * k
    fit = drawing + 20 * k * k * d * d + solving(p)[0]
    return Cost(fit, 6 * d * d + 8 * p * p + 20 * k * k, 0.0, _no_points, _no_points)


def _is_quadratic(model: QuadraticStudent, act: Activation | None) -> bool:
    if model.coefficients:
        return len(model.coefficients) == 3 and model.coefficients[1] == 0
    return act is not None and act.expression.is_polynomial(u) and sympy.degree(act.expression, u) == 2


@cost.register
def _(model: TrainedNetwork, cell: Mapping[str, int], act: Activation | None = None) -> Cost:
    """At most `steps` updates: one product forward and one backward each, and as much again for a pass over batches."""
    n, d, k = _sizes(cell)
    batch = n if model.batch == 0 or model.batch >= n else float(model.batch)
    passes = model.steps / math.ceil(n / batch) if batch < n else 1.0
    fit = 4 * d * k * (model.steps * batch + passes * n)
    return Cost(
        fit,
        (STEPS + 4) * n * k + 16 * k * d,
        2 * k * d,
        lambda p: (4 * p * d * k, STEPS * p * k + p * d),
        lambda p: (2 * p * d * k, STEPS * p * k),
    )
