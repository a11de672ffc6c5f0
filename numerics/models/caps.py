"""A neuron for each label: f(x) = sum_i y_i max(x_i . x - (1 - s), 0)/s on the unit sphere; nothing is trained."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bigtheta.numerics.interpolate import Solution, residual_limit
from bigtheta.numerics.models.base import Interpolator, interpolator
from bigtheta.numerics.models.kernels import on_sphere
from bigtheta.theory.activation import Activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.networks import Caps

__all__ = ["cap_slope", "overlap"]


def cap_slope(s: float) -> float:
    """Return sqrt((2 - s)/s), the tangential Lipschitz constant of f on the sphere with labels +-1 and disjoint caps.

    In a cap |(I - z z^T) grad f(z)| = sqrt(1 - (x_i . z)^2)/s, largest at its edge x_i . z = 1 - s. Source: derived.

    >>> round(cap_slope(0.25) ** 2, 12)
    7.0
    """
    return math.sqrt((2 - s) / s)


def overlap(x: Tensor) -> float:
    """Return max x_i . x_j over i != j, inputs (n, d) of norm 1; caps of height s are disjoint up to 2 (1 - s)^2 - 1.

    >>> overlap(torch.eye(3, dtype=torch.float64))
    0.0
    """
    gram = x @ x.T
    gram.diagonal().fill_(-math.inf)
    return float(gram.max())


@interpolator.register
def _(model: Caps, *, x: Tensor, w: None, y: Tensor, act: Activation) -> Interpolator:
    """Write the network down; where a cap holds another input its residual says so, and its status is "failed".

    grad f(z) = sum over x_i . z > 1 - s of y_i x_i/s. The coefficients are y_i/s. Shapes: x (n, d), y (n,).
    Source: Bubeck, Li, Nagaraj 2020.

    Raises:
        InvalidInputError: if the inputs do not lie on the unit sphere.
    """
    if not on_sphere(x):
        raise InvalidInputError(
            f'model {model.kind}: expected inputs on the unit sphere but some have another norm; use inputs = "sphere"'
        )
    outer = y / model.s

    def above(z: Tensor) -> Tensor:
        """How far each z is inside each cap. Shape (m, n)."""
        return z @ x.T - (1 - model.s)

    def predict(z: Tensor) -> Tensor:
        return above(z).clamp_min_(0) @ outer

    def gradient(z: Tensor) -> Tensor:
        return ((above(z) > 0) * outer) @ x

    residual = float(torch.linalg.vector_norm(predict(x) - y) / torch.linalg.vector_norm(y))
    status = "ok" if residual <= residual_limit(y.dtype) else "failed"
    return Interpolator(predict, gradient, Solution(outer, residual, 1.0, status))
