"""Infinite width on the unit sphere: f(x) = sum_i c_i kappa(x . x_i), kappa the RF or NTK kernel of an activation."""

from __future__ import annotations

import sympy
import torch
from torch import Tensor

from bigtheta.numerics.interpolate import solve_gram
from bigtheta.numerics.lower import TorchFunction, lower
from bigtheta.numerics.models.base import Interpolator, interpolator
from bigtheta.numerics.models.radial import radial_fit
from bigtheta.theory.activation import Activation
from bigtheta.theory.kernel import DotProductKernel, ntk_kernel, rf_kernel, t
from bigtheta.theory.model import NTKernel, RFKernel

__all__ = ["dot_product_fit", "functions", "horner", "on_sphere"]


@interpolator.register
def _(model: RFKernel, *, x: Tensor, w: None, y: Tensor, act: Activation) -> Interpolator:
    """Kernel fit with kappa(t) = sum_j mu_j^2 t^j; off the unit sphere with E phi(w . x) phi(w . x')."""
    return (
        dot_product_fit(rf_kernel(act), x, y, model.ridge)
        if on_sphere(x)
        else radial_fit(act, x, y, model.ridge, tangent=False)
    )


@interpolator.register
def _(model: NTKernel, *, x: Tensor, w: None, y: Tensor, act: Activation) -> Interpolator:
    """Kernel fit with kappa(t) = sum_j j mu_j^2 t^j; off the unit sphere with (x . x') E phi'(w . x) phi'(w . x')."""
    return (
        dot_product_fit(ntk_kernel(act), x, y, model.ridge)
        if on_sphere(x)
        else radial_fit(act, x, y, model.ridge, tangent=True)
    )


def dot_product_fit(kernel: DotProductKernel, x: Tensor, y: Tensor, ridge: float) -> Interpolator:
    """Fit f(z) = sum_i c_i kappa(z . x_i) to labels y (n,) at inputs x (n, d) on the unit sphere.

    K = kappa(X X^T) with kappa(1) on the diagonal, (K + ridge I) c = y; grad f(z) = sum_i c_i kappa'(z . x_i) x_i.
    Source: derived.
    """
    value, _ = functions(kernel, x @ x.T, off_diagonal=True)
    gram = value(x @ x.T).fill_diagonal_(kernel.at_one)
    solution = solve_gram(gram, y, ridge=ridge)
    c = solution.coefficients

    def predict(z: Tensor) -> Tensor:
        products = z @ x.T
        return functions(kernel, products)[0](products) @ c

    def gradient(z: Tensor) -> Tensor:
        products = z @ x.T
        return functions(kernel, products)[1](products).mul_(c) @ x

    return Interpolator(predict, gradient, solution)


def functions(
    kernel: DotProductKernel, products: Tensor, *, off_diagonal: bool = False
) -> tuple[TorchFunction, TorchFunction]:
    """Return kappa and kappa' for these inner products: the closed form, or as many Taylor terms as they need."""
    if kernel.closed is not None:
        value, slope = lower(kernel.closed, t), lower(sympy.diff(kernel.closed, t), t)
        return (lambda s: value(s.clamp(-1, 1))), (lambda s: slope(s.clamp(-1, 1)))
    sizes = products.detach().abs()
    if off_diagonal:
        sizes.fill_diagonal_(0)
    count = kernel.terms(min(float(sizes.max()), 1.0))
    taylor = kernel.taylor[:count].tolist()
    slopes = [j * a for j, a in enumerate(taylor)][1:]
    return (lambda s: horner(taylor, s)), (lambda s: horner(slopes, s))


def horner(coefficients: list[float], s: Tensor) -> Tensor:
    """Return sum_j coefficients[j] s^j; in s^2 where every odd or every even coefficient is zero."""
    if not any(coefficients):
        return torch.zeros_like(s)
    if not any(coefficients[1::2]) and len(coefficients) > 2:
        return horner(coefficients[::2], s * s)
    if not any(coefficients[::2]) and len(coefficients) > 2:
        return horner(coefficients[1::2], s * s).mul_(s)
    result = torch.full_like(s, coefficients[-1])
    for a in reversed(coefficients[:-1]):
        result.mul_(s).add_(a)
    return result


def on_sphere(x: Tensor) -> bool:
    """Whether every input has norm 1."""
    return bool((torch.linalg.vector_norm(x, dim=1) - 1).abs().max() < 1e-9)
