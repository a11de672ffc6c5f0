"""Both layers: f(x) = sum_j [theta_j phi(w_j . x) + (a_j . x) phi'(w_j . x)] / sqrt(k), theta and a_j trained.

The linearised two-layer network of the full neural tangent kernel: random features beside the neural tangent of the
hidden layer, over the same frozen weights w_j.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bigtheta.numerics.gram import symmetric
from bigtheta.numerics.interpolate import solve_gram, solve_least_squares
from bigtheta.numerics.lower import TorchFunction, lower_activation
from bigtheta.numerics.models.base import Interpolator, interpolator
from bigtheta.theory.activation import Activation
from bigtheta.theory.model import BothLayers


@interpolator.register
def _(model: BothLayers, *, x: Tensor, w: Tensor, y: Tensor, act: Activation) -> Interpolator:
    """Min-norm (or ridge) fit from the n x n Gram, without the n x dk features; n > k + dk is least squares.

    With Q = phi(X W^T) and P = phi'(X W^T), K = [Q Q^T + (P P^T) ∘ (X X^T)] / k, the sum of the Gram matrices of
    random features and neural tangent; theta = Q^T c / sqrt(k), A = P^T diag(c) X / sqrt(k). With H = Z W^T,
    f(z) = [phi(H) theta + sum_j (A z)_j phi'(H_j)] / sqrt(k) and
    grad f = [phi'(H) A + (phi'(H) ∘ theta + phi''(H) ∘ (Z A^T)) W] / sqrt(k); for few points z without A, k x d, by
    phi'(H) A = (phi'(H) P^T ∘ c) X / sqrt(k) and Z A^T = (Z X^T ∘ c) P / sqrt(k). phi'' is taken off the kinks.
    Shapes: x (n, d), w (k, d), y (n,). Source: derived.
    """
    phi, dphi, ddphi = (lower_activation(act, order) for order in range(3))
    (n, d), k = x.shape, len(w)
    scale = 1 / math.sqrt(k)
    h = x @ w.T
    q, p = phi(h), dphi(h)
    del h

    def features() -> Tensor:
        return torch.cat([q, (p[:, :, None] * x[:, None, :]).reshape(n, d * k)], dim=1) * scale

    def block(rows: slice, columns: slice) -> Tensor:
        tangent = (p[rows] @ p[columns].T).mul_(x[rows] @ x[columns].T)
        return tangent.addmm_(q[rows], q[columns].T).mul_(1 / k)

    if n > k + d * k and model.ridge == 0:
        solution = solve_least_squares(features(), y)
    else:
        gram = symmetric(n, block, like=x)
        solution = solve_gram(gram, y, ridge=model.ridge, features=features if k + d * k <= n else None)
        del gram
    if (found := solution.parameters) is not None:
        theta, a = found[:k], found[k:].reshape(k, d)
        return Interpolator(
            lambda z: _predict(z, w, theta, a, phi, dphi, scale),
            lambda z: _gradient(z, w, theta, a, dphi, ddphi, scale),
            solution,
        )
    c = solution.coefficients
    outer = q.T @ c * scale

    def predict(z: Tensor) -> Tensor:
        h = z @ w.T
        return phi(h) @ outer * scale + ((dphi(h) @ p.T) * (z @ x.T)) @ c / k

    def gradient(z: Tensor) -> Tensor:
        if k * d <= len(z) * (k + d):  # forming A, k x d, pays for many points
            return _gradient(z, w, outer, (p * c[:, None]).T @ x * scale, dphi, ddphi, scale)
        h = z @ w.T
        slope = dphi(h)
        inner = ddphi(h).mul_(((z @ x.T) * c) @ p).mul_(scale)
        return torch.addmm(((slope @ p.T) * c) @ x * scale, inner.addcmul_(slope, outer), w).mul_(scale)

    return Interpolator(predict, gradient, solution)


def _predict(
    z: Tensor, w: Tensor, theta: Tensor, a: Tensor, phi: TorchFunction, dphi: TorchFunction, scale: float
) -> Tensor:
    h = z @ w.T
    return (phi(h) @ theta + ((z @ a.T) * dphi(h)).sum(1)) * scale


def _gradient(
    z: Tensor, w: Tensor, theta: Tensor, a: Tensor, dphi: TorchFunction, ddphi: TorchFunction, scale: float
) -> Tensor:
    h = z @ w.T
    slope = dphi(h)
    inner = ddphi(h).mul_(z @ a.T).addcmul_(slope, theta)
    return torch.addmm(slope @ a, inner, w).mul_(scale)
