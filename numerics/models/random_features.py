"""Random features: f(x) = sum_j theta_j phi(w_j . x) / sqrt(k), theta trained, w_j ~ N(0, I_d) frozen."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bigtheta.numerics.gram import add_symmetric_, mirror_
from bigtheta.numerics.interpolate import Solution, solve_gram, solve_least_squares
from bigtheta.numerics.lower import lower_activation
from bigtheta.numerics.models.base import Interpolator, interpolator
from bigtheta.theory.activation import Activation
from bigtheta.theory.model import RandomFeatures

BLOCK = 1024
"""Neurons worked on at a time: a block of features that stays in the cache."""
KEPT = 2**25
"""Features of the training inputs are kept for theta, in place of being made again, up to so many numbers."""


@interpolator.register
def _(model: RandomFeatures, *, x: Tensor, w: Tensor, y: Tensor, act: Activation) -> Interpolator:
    """Min-norm (or ridge) fit from the n x n Gram, accumulated over blocks of neurons; n > k is least squares.

    K = Phi Phi^T, Phi = phi(X W^T)/sqrt(k); theta = Phi^T c; grad f(z) = W^T (theta ∘ phi'(W z)) / sqrt(k).
    Shapes: x (n, d), w (k, d), y (n,). Source: derived.
    """
    phi, dphi = lower_activation(act), lower_activation(act, 1)
    n, k = len(x), len(w)
    scale = 1 / math.sqrt(k)

    def features(z: Tensor, block: Tensor) -> Tensor:
        return phi(z @ block.T).mul_(scale)

    blocks = torch.split(w, BLOCK)
    if n > k and model.ridge == 0:
        solution: Solution = solve_least_squares(features(x, w), y)
        theta = solution.coefficients
    else:
        gram = torch.zeros(n, n, dtype=x.dtype, device=x.device)
        held = []
        for block in blocks:
            made = phi(x @ block.T)
            add_symmetric_(gram, made)
            if n * k <= KEPT:
                held.append(made)
        solution = solve_gram(mirror_(gram.mul_(1 / k)), y, ridge=model.ridge)
        again = iter(held) if held else (phi(x @ block.T) for block in blocks)
        theta = torch.cat([made.T @ solution.coefficients for made in again]).mul_(scale)
    parts = torch.split(theta, BLOCK)

    def predict(z: Tensor) -> Tensor:
        return sum((features(z, b) @ part for b, part in zip(blocks, parts, strict=True)), torch.zeros(()).to(x))

    def gradient(z: Tensor) -> Tensor:
        total = torch.zeros_like(z)
        for block, part in zip(blocks, parts, strict=True):
            total.addmm_(dphi(z @ block.T).mul_(scale * part), block)
        return total

    return Interpolator(predict, gradient, solution)
