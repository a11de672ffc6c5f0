"""The Sobolev seminorm without test points, where f is a quadratic polynomial: phi of degree at most 2.

Then grad f(x) = g + H x, and for E x = 0, E x x^T = diag(s): E |grad f|^2 = |g|^2 + tr(H diag(s) H^T)
= |g|^2 + sum_i s_i |H e_i|^2, with H e_i = grad f(e_i) - g and g = [grad f(e_1) + grad f(-e_1)]/2: gradients at unit
vectors alone, where every kernel's formula holds, as it need not at 0.  Source: derived.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch

import sympy
import torch
from torch import Tensor

from bigtheta.theory.activation import Activation, u
from bigtheta.theory.formula_kernel import formula_kernel
from bigtheta.theory.inputs import Covariance, Cube, Gaussian, Inputs, Laplace, Sphere
from bigtheta.theory.kernel import t
from bigtheta.theory.model import BothLayers, DotProduct, Model, NeuralTangent, NTKernel, RandomFeatures, RFKernel
from bigtheta.theory.networks import QuadraticForm

__all__ = ["affine_energy", "is_quadratic", "second_moments"]

_BLOCK = 512
"""Unit vectors at a time."""
_ROUNDING = {torch.float64: 1e-7, torch.float32: 1e-3}
"""Largest deviation from an affine gradient, relative to the gradients, that is put down to rounding."""


@singledispatch
def is_quadratic(model: Model, act: Activation) -> bool:
    """Whether every f of the model is a polynomial of degree at most 2 in x, on the whole space or on the sphere.

    >>> from bigtheta.theory.catalogue import activation
    >>> is_quadratic(RandomFeatures(), activation("square")), is_quadratic(RandomFeatures(), activation("cubic"))
    (True, False)
    """
    return False


@is_quadratic.register(RandomFeatures)
@is_quadratic.register(NeuralTangent)
@is_quadratic.register(BothLayers)
@is_quadratic.register(RFKernel)
@is_quadratic.register(NTKernel)
def _(model: Model, act: Activation) -> bool:
    return _degree_at_most_two(act.expression, u)


@is_quadratic.register
def _(model: DotProduct, act: Activation) -> bool:
    return _degree_at_most_two(formula_kernel(model.kernel).closed, t)


@is_quadratic.register
def _(model: QuadraticForm, act: Activation) -> bool:
    return True


def _degree_at_most_two(expression: sympy.Expr, variable: sympy.Symbol) -> bool:
    return bool(expression.is_polynomial(variable)) and bool(sympy.degree(expression, variable) <= 2)


def second_moments(law: Inputs, d: int) -> Tensor | None:
    """Return the diagonal of E x x^T, diagonal with E x = 0; None for a law of which that is not known. Shape (d,).

    >>> second_moments(Covariance(spectrum=(3.0, 1.0)), 2).tolist(), second_moments(Sphere(), 2).tolist()
    ([0.75, 0.25], [0.5, 0.5])
    """
    if type(law) in (Sphere, Gaussian, Cube, Laplace):
        return torch.full((d,), 1 / d, dtype=torch.float64, device="cpu")
    return torch.from_numpy(law.eigenvalues(d)) if type(law) is Covariance else None


def affine_energy(gradient: Callable[[Tensor], Tensor], moments: Tensor, probes: Tensor) -> tuple[Tensor, Tensor]:
    """Return E |grad f|^2 for an affine grad f, and whether it is affine at the probes, to 1e-7 of its size there
    (1e-3 in float32).

    Shapes: moments (d,); probes (..., m, d), as gradient takes them; both results (...).

    >>> h = torch.tensor([[2.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    >>> energy, affine = affine_energy(lambda z: z @ h + 3, torch.ones(2).double(), torch.ones(1, 2).double())
    >>> energy.item(), affine.item()  # 3^2 + 3^2 + |H|^2
    (24.0, True)
    """
    d = probes.shape[-1]
    moments = moments.to(probes)

    def at(points: Tensor) -> Tensor:
        return gradient(points.expand(*probes.shape[:-2], *points.shape))

    def units(start: int, end: int) -> Tensor:
        rows = probes.new_zeros(end - start, d)
        rows.diagonal(offset=start).fill_(1)
        return rows

    first = units(0, 1)
    centre = at(torch.cat([first, -first])).mean(-2, keepdim=True)
    energy = centre.square().sum((-2, -1))
    expected = centre.expand(probes.shape).clone()
    for start in range(0, d, _BLOCK):
        end = min(start + _BLOCK, d)
        columns = at(units(start, end)) - centre
        energy = energy + (columns.square().sum(-1) * moments[start:end]).sum(-1)
        expected += probes[..., start:end] @ columns
    found = gradient(probes)
    off, size = (expected - found).abs().amax((-2, -1)), found.abs().amax((-2, -1))
    return energy, off <= _ROUNDING[probes.dtype] * size
