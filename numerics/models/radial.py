"""Infinite width off the sphere: K(x, x') = E phi(w . x) phi(w . x') (RF), (x . x') E phi'(w . x) phi'(w . x') (NTK).

Both are functions of r = |x|, r' = |x'| and rho, the cosine of x and x'. In closed form where `theory.scaled_dual` has
one. Elsewhere the series: with mu_j(r) = E[phi(r G) He_j(G)]/sqrt(j!),
E phi^(a)(w . x) phi^(b)(w . x') = sum_j m_j^a(r) m_j^b(r') rho^j; m_j^a(r) = sqrt((j+1)...(j+a)) mu_{j+a}(r) / r^a are
the coefficients of the weak derivative phi^(a). Gradients follow from Stein's identity,
grad_z E phi^(a)(w . z) psi(w . x) = z E phi^(a+2) psi + x E phi^(a+1) psi'.  Source: derived.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import sympy
import torch
from torch import Tensor

from bigtheta.numerics.gram import symmetric
from bigtheta.numerics.interpolate import solve_gram
from bigtheta.numerics.lower import TorchFunction, lower
from bigtheta.numerics.models.base import Interpolator
from bigtheta.theory.activation import Activation
from bigtheta.theory.dual import t
from bigtheta.theory.kernel import MAX_TERMS, check_truncation, terms_needed
from bigtheta.theory.scaled import scaled_coefficients, scaled_moment
from bigtheta.theory.scaled_dual import ScaledDual, r, scaled_dual

__all__ = ["radial_fit"]

_ADVICE = (
    "two inputs, here of norms other than 1, point nearly the same way: use an activation with a closed form (relu, "
    "abs, leaky_relu, erf, gaussian) or without kinks, or a larger d"
)


def radial_fit(act: Activation, x: Tensor, y: Tensor, ridge: float, *, tangent: bool) -> Interpolator:
    """Fit the infinite-width kernel model to inputs x (n, d) of any norms; tangent: the NTK instead of the RF kernel.

    Raises:
        SeriesTooLongError: if the activation has no closed form and two inputs are so nearly parallel that the series
            needs more than 800 terms.
    """
    closed = scaled_dual(act)
    dual: _Dual = _Series(act, x, int(tangent)) if closed is None else _Closed(closed, x, tangent=tangent)
    gram = dual.gram()
    solution = solve_gram(gram * (x @ x.T) if tangent else gram, y, ridge=ridge)
    c = solution.coefficients

    def predict(z: Tensor) -> Tensor:
        value = dual.value(z)
        return (value * (z @ x.T) if tangent else value) @ c

    def gradient(z: Tensor) -> Tensor:
        along_z, along_x = dual.slopes(z)
        if tangent:
            products = z @ x.T
            along_z, along_x = along_z * products, along_x * products + dual.value(z)
        return (along_z @ c)[:, None] * z + (along_x * c) @ x

    return Interpolator(predict, gradient, solution)


class _Dual(Protocol):
    """E psi(w . z) psi(w . x_i), psi = phi or phi', for the inputs x_i of the fit."""

    def gram(self) -> Tensor:
        """Return it at the inputs themselves. Shape (n, n)."""

    def value(self, z: Tensor) -> Tensor:
        """Return it at z. Shape (m, n)."""

    def slopes(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return Z and X with grad_z = Z_i z + X_i x_i. Shapes (m, n)."""


@dataclass(frozen=True)
class _Functions:
    """g and g', functions of t, and A, A', b, b', C, C', functions of the radius; see `ScaledDual`."""

    g: TorchFunction
    dg: TorchFunction
    weight: TorchFunction
    dweight: TorchFunction
    inner: TorchFunction
    dinner: TorchFunction
    offset: TorchFunction
    doffset: TorchFunction


@lru_cache(maxsize=256)
def _lowered(dual: ScaledDual) -> _Functions:
    radial = [(lower(f, r), lower(sympy.diff(f, r), r)) for f in (dual.weight, dual.inner, dual.offset)]
    (weight, dweight), (inner, dinner), (offset, doffset) = radial
    return _Functions(lower(dual.value, t), lower(dual.slope, t), weight, dweight, inner, dinner, offset, doffset)


class _Closed:
    """By the closed form K(r, s, t) = A(r) A(s) g(b(r) b(s) t) + C(r) + C(s)."""

    def __init__(self, dual: ScaledDual, x: Tensor, *, tangent: bool) -> None:
        self.f, self.x = _lowered(dual.prime if tangent else dual), x
        self.radii = torch.linalg.vector_norm(x, dim=1)

    def gram(self) -> Tensor:
        f, radii, units = self.f, self.radii, self.x / self.radii[:, None]
        gram = symmetric(
            len(units),
            lambda row, column: self._at(radii[row], radii[column], units[row] @ units[column].T),
            like=units,
        )
        gram.diagonal().copy_(f.g(f.inner(radii) ** 2) * f.weight(radii) ** 2 + 2 * f.offset(radii))
        return gram

    def value(self, z: Tensor) -> Tensor:
        norms, rho = _polar(z, self.x)
        return self._at(norms, self.radii, rho)

    def _at(self, norms: Tensor, radii: Tensor, rho: Tensor) -> Tensor:
        f = self.f
        inner = torch.outer(f.inner(norms), f.inner(radii)).mul_(rho).clamp_(-1, 1)
        value = f.g(inner).mul_(f.weight(norms)[:, None]).mul_(f.weight(radii))
        return value.add_(f.offset(norms)[:, None]).add_(f.offset(radii))

    def slopes(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """dK/dr z/r + dK/dt (x/s - t z/r)/r; the second vanishes for parallel z and x, where g' may be infinite."""
        f, radii = self.f, self.radii
        norms, rho = _polar(z, self.x)
        own, column = f.inner(norms)[:, None], norms[:, None]
        scaled = (f.inner(radii) * rho).mul_(own).clamp_(-1, 1)
        slope = f.dg(scaled)
        slope = torch.where(torch.isfinite(slope), slope, 0).mul_(f.weight(radii)).mul_(f.weight(norms)[:, None])
        slope.mul_(f.inner(radii))  # dK/d(b(r) t)
        along_x = slope * own / column / radii
        along_z = f.g(scaled).mul_(f.weight(radii)).mul_(f.dweight(norms)[:, None]).add_(f.doffset(norms)[:, None])
        along_z.addcmul_(slope * rho, f.dinner(norms)[:, None] - own / column)
        return along_z / column, along_x


class _Series:
    """By Hermite coefficients, `first` = 0 for phi and 1 for phi'; as many terms as the cosines at hand need."""

    def __init__(self, act: Activation, x: Tensor, first: int) -> None:
        self.act, self.x, self.first = act, x, first
        self.norms, self.rho = _polar(x, x)
        self.count = _terms(act, self.norms, self.rho.clone().fill_diagonal_(0))
        self.inner = _Coefficients(act, self.norms, self.count)

    def gram(self) -> Tensor:
        gram = _dual(self.inner(self.first), self.inner(self.first), self.rho)
        moments = scaled_moment(self.act, self.norms.cpu().numpy(), self.first)
        gram.diagonal().copy_(torch.from_numpy(moments).to(self.x))
        return gram

    def value(self, z: Tensor) -> Tensor:
        outer, rho = self._at(z)
        return _dual(outer(self.first), self.inner(self.first), rho)

    def slopes(self, z: Tensor) -> tuple[Tensor, Tensor]:
        outer, rho = self._at(z)
        first, inner = self.first, self.inner
        return _dual(outer(first + 2), inner(first), rho), _dual(outer(first + 1), inner(first + 1), rho)

    def _at(self, z: Tensor) -> tuple[_Coefficients, Tensor]:
        """The coefficients at z and the cosines; all coefficients grow longer if some z needs it."""
        norms, rho = _polar(z, self.x)
        count = _terms(self.act, torch.cat([norms, self.norms]), rho)
        if count > self.count:
            self.count, self.inner = count, _Coefficients(self.act, self.norms, count)
        return _Coefficients(self.act, norms, self.count), rho


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
    at_one = float(scaled_moment(act, reach)[0])
    count = terms_needed(squares, at_one, largest, derivatives=3, advice=_ADVICE)
    check_truncation(squares, count, at_one, largest, derivatives=1)
    return count
