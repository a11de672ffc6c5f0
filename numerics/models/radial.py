"""Infinite width off the sphere: K(x, x') = E phi(w . x) phi(w . x') (RF), (x . x') E phi'(w . x) phi'(w . x') (NTK).

With r = |x|, rho the cosine of x and x', and mu_j(r) = E[phi(r G) He_j(G)]/sqrt(j!):
E phi^(a)(w . x) phi^(b)(w . x') = sum_j m_j^a(r) m_j^b(r') rho^j; m_j^a(r) = sqrt((j+1)...(j+a)) mu_{j+a}(r) / r^a are
the coefficients of the weak derivative phi^(a). Gradients follow from Stein's identity,
grad_z E phi^(a)(w . z) psi(w . x) = z E phi^(a+2) psi + x E phi^(a+1) psi'.  Source: derived.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bigtheta.numerics.interpolate import solve_gram
from bigtheta.numerics.models.base import Interpolator
from bigtheta.theory.activation import Activation
from bigtheta.theory.kernel import MAX_TERMS, terms_needed
from bigtheta.theory.scaled import scaled_coefficients, scaled_moment

__all__ = ["radial_fit"]


def radial_fit(act: Activation, x: Tensor, y: Tensor, ridge: float, *, tangent: bool) -> Interpolator:
    """Fit the infinite-width kernel model to inputs x (n, d) of any norms; tangent: the NTK instead of the RF kernel.

    Raises:
        SeriesTooLongError: if two inputs are so nearly parallel that the series needs more than 800 terms.
    """
    first = int(tangent)  # the model is linear in phi (RF) or in phi' (NTK)
    radii, cosines = _polar(x, x)
    count = _terms(act, radii, cosines.clone().fill_diagonal_(0))
    inner = _Coefficients(act, radii, count)

    gram = _dual(inner(first), inner(first), cosines)
    moments = scaled_moment(act, radii.cpu().numpy(), first)
    gram.diagonal().copy_(torch.from_numpy(moments).to(x))
    solution = solve_gram(gram * (x @ x.T) if tangent else gram, y, ridge=ridge)
    c = solution.coefficients

    def predict(z: Tensor) -> Tensor:
        norms, rho = _polar(z, x)
        dual = _dual(_Coefficients(act, norms, count)(first), inner(first), rho)
        return (dual * (z @ x.T) if tangent else dual) @ c

    def gradient(z: Tensor) -> Tensor:
        norms, rho = _polar(z, x)
        outer = _Coefficients(act, norms, count)
        along_z = _dual(outer(first + 2), inner(first), rho) * c
        along_x = _dual(outer(first + 1), inner(first + 1), rho) * c
        if tangent:
            products = z @ x.T
            along_z, along_x = along_z * products, along_x * products + _dual(outer(1), inner(1), rho) * c
        return along_z.sum(1, keepdim=True) * z + along_x @ x

    return Interpolator(predict, gradient, solution)


class _Coefficients:
    """m_j^a(r) for the norms given, j < count, as a function of a. Shape (len(norms), count)."""

    def __init__(self, act: Activation, norms: Tensor, count: int) -> None:
        self.r, self.count = norms, count
        self.mu = torch.from_numpy(scaled_coefficients(act, norms.cpu().numpy(), count + 3)).to(norms)

    def __call__(self, a: int) -> Tensor:
        j = np.arange(self.count)
        growth = np.prod([np.sqrt(j + i) for i in range(1, a + 1)], axis=0) * np.ones(self.count)
        return self.mu[:, a : a + self.count] * torch.from_numpy(growth).to(self.mu) / self.r[:, None] ** a


def _polar(z: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Norms of z, and the cosines of every z with every x."""
    norms = torch.linalg.vector_norm(z, dim=1)
    return norms, ((z / norms[:, None]) @ (x / torch.linalg.vector_norm(x, dim=1, keepdim=True)).T).clamp(-1, 1)


def _dual(left: Tensor, right: Tensor, rho: Tensor) -> Tensor:
    """Return sum_j left[:, j] right[:, j]^T rho^j, by Horner's rule. Shape of rho."""
    total = torch.zeros_like(rho)
    for j in reversed(range(left.shape[1])):
        total.mul_(rho).addr_(left[:, j], right[:, j])
    return total


def _terms(act: Activation, radii: Tensor, cosines: Tensor) -> int:
    """How many terms the largest cosine needs at the largest norm; third derivatives of phi may stand in a gradient."""
    largest = min(float(cosines.abs().max()), 1.0)
    reach = np.array([float(radii.max())])
    squares = scaled_coefficients(act, reach, MAX_TERMS)[0] ** 2
    return terms_needed(squares, float(scaled_moment(act, reach)[0]), largest, derivatives=3)
