"""Neural tangent: f(x) = sum_j (a_j . x) phi'(w_j . x) / sqrt(k), a_j in R^d trained, w_j ~ N(0, I_d) frozen."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from bigtheta.numerics.algebra import ALONE, TOGETHER, Algebra, Answer, times
from bigtheta.numerics.lower import lower_activation
from bigtheta.numerics.models.base import Interpolator, Stacked, interpolator, stacked
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
    solution, predict, gradient = _fit(model, x, w, y, act, ALONE)
    return Interpolator(predict, gradient, solution)


@stacked.register
def _(model: NeuralTangent, *, x: Tensor, w: Tensor, y: Tensor, act: Activation) -> Stacked:
    """The same for a stack of trials. Shapes: x (b, n, d), w (b, k, d), y (b, n)."""
    solution, predict, gradient = _fit(model, x, w, y, act, TOGETHER)
    return Stacked(predict, gradient, solution)


def _fit(
    model: NeuralTangent, x: Tensor, w: Tensor, y: Tensor, act: Activation, algebra: Algebra[Answer]
) -> tuple[Answer, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """The solve, f and grad f. Shapes: x (..., n, d), w (..., k, d), y (..., n)."""
    dphi, ddphi = lower_activation(act, 1), lower_activation(act, 2)
    (n, d), k = x.shape[-2:], w.shape[-2]
    p = dphi(x @ w.mT)
    scale = 1 / math.sqrt(k)

    def by_layer(z: Tensor, a: Tensor) -> Tensor:
        h = z @ w.mT
        outer = dphi(h) @ a
        return algebra.add_product_(outer, ddphi(h).mul_(z @ a.mT), w).mul_(scale)

    def features() -> Tensor:
        return (p[..., :, :, None] * x[..., :, None, :]).flatten(-2).mul_(scale)

    def block(rows: slice, columns: slice) -> Tensor:
        ours, theirs = (p[..., rows, :], x[..., rows, :]), (p[..., columns, :], x[..., columns, :])
        return (ours[0] @ theirs[0].mT).mul_(ours[1] @ theirs[1].mT).mul_(1 / k)

    if n > d * k and model.ridge == 0:
        solution = algebra.least_squares(features(), y)
    else:
        gram = algebra.symmetric(n, block, like=x)
        solution = algebra.solve(gram, y, ridge=model.ridge, features=features if d * k <= n else None)
        del gram
    if (found := solution.parameters) is not None:
        layer = found.reshape(w.shape)
        return (
            solution,
            lambda z: ((z @ layer.mT) * dphi(z @ w.mT)).sum(-1) * scale,
            lambda z: by_layer(z, layer),
        )
    c = solution.coefficients

    def gradient(z: Tensor) -> Tensor:
        if k * d <= z.shape[-2] * (k + d):  # forming A, k x d, pays for many points
            return by_layer(z, (p * c[..., None]).mT @ x * scale)
        h = z @ w.mT
        first = ((dphi(h) @ p.mT) * c[..., None, :]) @ x
        second = (ddphi(h) * (((z @ x.mT) * c[..., None, :]) @ p)) @ w
        return (first + second) / k

    def predict(z: Tensor) -> Tensor:
        return times((dphi(z @ w.mT) @ p.mT) * (z @ x.mT), c) / k

    return solution, predict, gradient
