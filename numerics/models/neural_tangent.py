"""Neural tangent: f(x) = sum_j (a_j . x) phi'(w_j . x) / sqrt(k), a_j in R^d trained, w_j ~ N(0, I_d) frozen."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bigtheta.numerics.gram import symmetric
from bigtheta.numerics.interpolate import solve_gram, solve_least_squares
from bigtheta.numerics.lower import TorchFunction, lower_activation
from bigtheta.numerics.models.base import Interpolator, interpolator
from bigtheta.theory.activation import Activation
from bigtheta.theory.model import NeuralTangent


@interpolator.register
def _(model: NeuralTangent, *, x: Tensor, w: Tensor, y: Tensor, act: Activation) -> Interpolator:
    """Min-norm (or ridge) fit from the n x n Gram, without the n x dk features.

    K = (P P^T) ∘ (X X^T) / k with P = phi'(X W^T); the trained layer is A = P^T diag(c) X / sqrt(k).
    With H = Z W^T: f(z) = sum_j (A z)_j phi'(H_j) / sqrt(k) and
    grad f = [phi'(H) A + (phi''(H) ∘ (Z A^T)) W] / sqrt(k) for many points z; for few, without A,
    grad f = [X^T (c ∘ P phi'(W z)) + W^T (phi''(W z) ∘ P^T (c ∘ X z))] / k. phi'' is taken off the kinks.
    Shapes: x (n, d), w (k, d), y (n,). Source: derived.
    """
    dphi, ddphi = lower_activation(act, 1), lower_activation(act, 2)
    (n, d), k = x.shape, len(w)
    p = dphi(x @ w.T)
    scale = 1 / math.sqrt(k)
    if n > d * k and model.ridge == 0:
        features = (p[:, :, None] * x[:, None, :]).reshape(n, d * k) * scale
        solution = solve_least_squares(features, y)
        a = solution.coefficients.reshape(k, d)
        return Interpolator(
            lambda z: _predict(z, w, a, dphi, scale),
            lambda z: _gradient(z, w, a, dphi, ddphi, scale),
            solution,
        )

    def block(rows: slice, columns: slice) -> Tensor:
        return (p[rows] @ p[columns].T).mul_(x[rows] @ x[columns].T).mul_(1 / k)

    gram = symmetric(n, block, like=x)
    solution = solve_gram(gram, y, ridge=model.ridge)
    del gram
    c = solution.coefficients

    def trained() -> Tensor:
        return (p * c[:, None]).T @ x * scale

    def gradient(z: Tensor) -> Tensor:
        if k * d <= len(z) * (k + d):  # forming A, k x d, pays for many points
            return _gradient(z, w, trained(), dphi, ddphi, scale)
        h = z @ w.T
        first = ((dphi(h) @ p.T) * c) @ x
        second = (ddphi(h) * (((z @ x.T) * c) @ p)) @ w
        return (first + second) / k

    def predict(z: Tensor) -> Tensor:
        return ((dphi(z @ w.T) @ p.T) * (z @ x.T)) @ c / k

    return Interpolator(predict, gradient, solution)


def _predict(z: Tensor, w: Tensor, a: Tensor, dphi: TorchFunction, scale: float) -> Tensor:
    return ((z @ a.T) * dphi(z @ w.T)).sum(1) * scale


def _gradient(z: Tensor, w: Tensor, a: Tensor, dphi: TorchFunction, ddphi: TorchFunction, scale: float) -> Tensor:
    h = z @ w.T
    return torch.addmm(dphi(h) @ a, ddphi(h).mul_(z @ a.T), w).mul_(scale)
