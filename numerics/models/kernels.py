"""Infinite width on the unit sphere: f(x) = sum_i c_i kappa(x . x_i), kappa the RF or NTK kernel of an activation."""

from __future__ import annotations

from collections.abc import Callable

import sympy
import torch
from torch import Tensor

from bigtheta.numerics.algebra import ALONE, TOGETHER, Algebra, Answer, times
from bigtheta.numerics.gram import largest_off_diagonal
from bigtheta.numerics.lower import TorchFunction, lower
from bigtheta.numerics.models.base import Interpolator, Stacked, interpolator, stacked
from bigtheta.numerics.models.radial import radial_fit
from bigtheta.theory.activation import Activation
from bigtheta.theory.kernel import DotProductKernel, check_truncation, ntk_kernel, rf_kernel, t
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


@stacked.register
def _(model: RFKernel, *, x: Tensor, w: None, y: Tensor, act: Activation) -> Stacked | None:
    """The same for a stack of trials on the unit sphere. Shapes: x (b, n, d), y (b, n)."""
    return Stacked(*_fit(rf_kernel(act), x, y, model.ridge, TOGETHER)) if on_sphere(x) else None


@stacked.register
def _(model: NTKernel, *, x: Tensor, w: None, y: Tensor, act: Activation) -> Stacked | None:
    """The same for a stack of trials on the unit sphere. Shapes: x (b, n, d), y (b, n)."""
    return Stacked(*_fit(ntk_kernel(act), x, y, model.ridge, TOGETHER)) if on_sphere(x) else None


def dot_product_fit(kernel: DotProductKernel, x: Tensor, y: Tensor, ridge: float) -> Interpolator:
    """Fit f(z) = sum_i c_i kappa(z . x_i) to labels y (n,) at inputs x (n, d) on the unit sphere.

    K = kappa(X X^T) with kappa(1) on the diagonal, (K + ridge I) c = y; grad f(z) = sum_i c_i kappa'(z . x_i) x_i.
    K is made block by block, so that the formula's steps hold no n x n matrix. Source: derived.
    """
    return Interpolator(*_fit(kernel, x, y, ridge, ALONE))


def _fit(
    kernel: DotProductKernel, x: Tensor, y: Tensor, ridge: float, algebra: Algebra[Answer]
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor], Answer]:
    """f, grad f and the solve. Shapes: x (..., n, d), y (..., n)."""

    def products(rows: slice, columns: slice) -> Tensor:
        return x[..., rows, :] @ x[..., columns, :].mT

    n = x.shape[-2]
    value, _ = functions(kernel, largest_off_diagonal(n, products) if kernel.closed is None else 1.0)
    gram = algebra.symmetric(n, lambda rows, columns: value(products(rows, columns)), like=x)
    gram.diagonal(dim1=-2, dim2=-1).fill_(kernel.at_one)
    solution = algebra.solve(gram, y, ridge=ridge)
    del gram
    c = solution.coefficients

    def predict(z: Tensor) -> Tensor:
        across = z @ x.mT
        return times(functions(kernel, float(across.detach().abs().max()))[0](across), c)

    def gradient(z: Tensor) -> Tensor:
        across = z @ x.mT
        return functions(kernel, float(across.detach().abs().max()))[1](across).mul_(c[..., None, :]) @ x

    return predict, gradient, solution


def functions(kernel: DotProductKernel, reach: float) -> tuple[TorchFunction, TorchFunction]:
    """Return kappa and kappa' for inner products up to `reach` in size: the closed form, or the Taylor terms needed."""
    if kernel.closed is not None:
        value, slope = lower(kernel.closed, t), lower(sympy.diff(kernel.closed, t), t)
        return (lambda s: value(s.clamp(-1, 1))), (lambda s: slope(s.clamp(-1, 1)))
    count = kernel.terms(min(reach, 1.0))
    check_truncation(kernel.taylor, count, kernel.at_one, min(reach, 1.0), derivatives=1)
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
    """Whether every input has norm 1, up to 1e-9 or the rounding of its type."""
    close = max(1e-9, 32 * torch.finfo(x.dtype).eps)
    return bool((torch.linalg.vector_norm(x, dim=-1) - 1).abs().max() < close)
