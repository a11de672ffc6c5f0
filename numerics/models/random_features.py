"""Random features: f(x) = sum_j theta_j phi(w_j . x) / sqrt(k), theta trained, w_j ~ N(0, I_d) frozen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bigtheta.numerics.algebra import ALONE, TOGETHER, Algebra, Answer, Solved, times
from bigtheta.numerics.lipschitz import Layers, largest_slope
from bigtheta.numerics.lower import lower_activation
from bigtheta.numerics.models.base import Interpolator, Stacked, interpolator, stacked
from bigtheta.theory.activation import Activation
from bigtheta.theory.model import RandomFeatures

__all__ = ["RandomFeaturesInterpolator"]

BLOCK = 1024
"""Neurons worked on at a time: a block of features that stays in the cache."""
KEPT = 2**25
"""Features of the training inputs are kept for theta, in place of being made again, up to so many numbers."""


@dataclass(frozen=True)
class RandomFeaturesInterpolator(Interpolator):
    """Fitted random features, a two-layer network: theta (k,), hidden weights w (k, d), activation."""

    theta: Tensor
    w: Tensor
    act: Activation

    def layers(self) -> Layers:
        """Return theta / sqrt(k), W and sup|phi'|."""
        return Layers(self.theta / math.sqrt(len(self.theta)), self.w, largest_slope(self.act))


@interpolator.register
def _(model: RandomFeatures, *, x: Tensor, w: Tensor, y: Tensor, act: Activation) -> RandomFeaturesInterpolator:
    """Min-norm (or ridge) fit from the n x n Gram, accumulated over blocks of neurons; n > k is least squares.

    Where the Gram matrix is too badly conditioned, as near n = k, the singular values of Phi (n, k) take its place.

    K = Phi Phi^T, Phi = phi(X W^T)/sqrt(k); theta = Phi^T c; grad f(z) = W^T (theta ∘ phi'(W z)) / sqrt(k).
    Shapes: x (n, d), w (k, d), y (n,). Source: derived.
    """
    solution, f = _fit(model, x, w, y, act, ALONE)
    return RandomFeaturesInterpolator(f.predict, f.gradient, solution, f.theta, w, act)


@stacked.register
def _(model: RandomFeatures, *, x: Tensor, w: Tensor, y: Tensor, act: Activation) -> Stacked:
    """The same for a stack of trials. Shapes: x (b, n, d), w (b, k, d), y (b, n)."""
    solution, f = _fit(model, x, w, y, act, TOGETHER)
    return Stacked(f.predict, f.gradient, solution)


@dataclass(frozen=True)
class _Function:
    """f for theta (..., k) and w (..., k, d)."""

    theta: Tensor
    w: Tensor
    act: Activation
    algebra: Algebra[Solved]

    def predict(self, z: Tensor) -> Tensor:
        """z (..., m, d) -> (..., m)."""
        phi, scale = lower_activation(self.act), 1 / math.sqrt(self.w.shape[-2])
        total = z.new_zeros(z.shape[:-1])
        for block, part in self._blocks():
            total += times(phi(z @ block.mT).mul_(scale), part)
        return total

    def gradient(self, z: Tensor) -> Tensor:
        """z (..., m, d) -> (..., m, d)."""
        dphi, scale = lower_activation(self.act, 1), 1 / math.sqrt(self.w.shape[-2])
        total = torch.zeros_like(z)
        for block, part in self._blocks():
            slopes = dphi(z @ block.mT).mul_((scale * part)[..., None, :])
            self.algebra.add_product_(total, slopes, block)
        return total

    def _blocks(self) -> zip[tuple[Tensor, Tensor]]:
        return zip(torch.split(self.w, BLOCK, dim=-2), torch.split(self.theta, BLOCK, dim=-1), strict=True)


def _fit(
    model: RandomFeatures, x: Tensor, w: Tensor, y: Tensor, act: Activation, algebra: Algebra[Answer]
) -> tuple[Answer, _Function]:
    """The solve and f. Shapes: x (..., n, d), w (..., k, d), y (..., n)."""
    phi = lower_activation(act)
    n, k = x.shape[-2], w.shape[-2]
    scale = 1 / math.sqrt(k)
    if n > k and model.ridge == 0:
        solution = algebra.least_squares(phi(x @ w.mT).mul_(scale), y)
        return solution, _Function(solution.coefficients, w, act, algebra)
    blocks = torch.split(w, BLOCK, dim=-2)
    gram = x.new_zeros(*x.shape[:-1], n)
    held = []
    for block in blocks:
        made = phi(x @ block.mT)
        algebra.add_outer_(gram, made)
        if y.numel() * k <= KEPT:
            held.append(made)

    def features() -> Tensor:
        return torch.cat(held or [phi(x @ block.mT) for block in blocks], dim=-1).mul_(scale)

    solution = algebra.solve(algebra.complete_(gram.mul_(1 / k)), y, ridge=model.ridge, features=features)
    del gram
    if solution.parameters is not None:
        return solution, _Function(solution.parameters, w, act, algebra)
    again = iter(held) if held else (phi(x @ block.mT) for block in blocks)
    theta = torch.cat([times(made.mT, solution.coefficients) for made in again], dim=-1).mul_(scale)
    return solution, _Function(theta, w, act, algebra)
