"""Exact second moments of the features of a network under x ~ N(0, I_d): what fits a model without samples.

Random features sigma(w_j . x) and neural-tangent features (a . x) sigma'(w_j . x), for weights w_j of any norm, against
each other and against a quadratic target x^T B x. Everything is a series in the cosines of the weights,
F_pq = E sigma^(p)(w_i . x) sigma^(q)(w_j . x) = sum_l m_l^p(r_i) m_l^q(r_j) cos^l, where r = |w| and
m_l^p(r) = sqrt((l+1)...(l+p)) mu_{l+p}(r) / r^p, and a one-dimensional integral where i = j.  Source: derived, from
Mehler's formula and Stein's identity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bigtheta.theory.activation import Activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.kernel import MAX_TERMS, check_truncation, terms_needed
from bigtheta.theory.quadrature import PANEL, panel_nodes
from bigtheta.theory.scaled import scaled_coefficients, scaled_moment

__all__ = ["Features", "cross_moments", "neural_tangent_features", "random_features"]

MOST_FEATURES = 8000
"""Neural-tangent features, m d, whose Gram matrix is formed."""
_Array = npt.NDArray[np.float64]

_ADVICE = "two weights point nearly the same way: enlarge d, or use an activation without kinks"

_Integrand = Callable[[_Array, _Array, _Array, _Array], _Array]


@dataclass(frozen=True)
class Features:
    """Moments of p centred features phi_i, and of a target x^T B x - tr B.

    Attributes:
        gram: E phi_i phi_j. Shape (p, p).
        energy: E grad phi_i . grad phi_j. Shape (p, p).
        target: E phi_i (x^T B x - tr B). Shape (p,).
    """

    gram: Tensor
    energy: Tensor
    target: Tensor


def random_features(act: Activation, w: Tensor, b: Tensor) -> Features:
    """Return the moments of phi_i(x) = sigma(w_i . x) - mean, for weights w (m, d) and a symmetric target b (d, d).

    gram = sum_{l >= 1} mu_l(r_i) mu_l(r_j) cos^l; energy the same with a factor l; target sqrt2 mu_2(r) w^T B w / r^2.

    Raises:
        SeriesTooLongError: if two weights are nearly parallel.

    >>> from bigtheta.theory.catalogue import activation
    >>> eye = torch.eye(2, dtype=torch.float64)
    >>> moments = random_features(activation("u**2"), eye, eye)
    >>> moments.gram.round(decimals=9).tolist(), moments.target.round(decimals=9).tolist()
    ([[2.0, 0.0], [0.0, 2.0]], [2.0, 2.0])
    """
    f = _Series(act, w, derivatives=1)
    means = f.means(0)
    gram = f(0, 0) - torch.outer(means, means)
    gram.diagonal().copy_(f.moments(0) - means**2)
    energy = f(1, 1) * (w @ w.T)
    energy.diagonal().copy_(f.moments(1) * f.radii**2)
    return Features(gram, energy, f.means(2) * _forms(w, b))


def neural_tangent_features(act: Activation, w: Tensor, b: Tensor) -> Features:
    """Return the moments of phi_{ja}(x) = x_a sigma'(w_j . x) - mean, feature (j, a) at j d + a. Shapes as above.

    E x x^T sigma'(w_j . x) sigma'(w_l . x) = F11 I + F31 w_j w_j^T + F22 (w_j w_l^T + w_l w_j^T) + F13 w_l w_l^T.

    Raises:
        InvalidInputError: if sigma' jumps (then E |grad f|^2 is infinite), or m d is above 8000.
        SeriesTooLongError: if two weights are nearly parallel.
    """
    m, d = w.shape
    if act.weak_derivative(2).masses:
        raise InvalidInputError(
            f"activation {act.name!r}: its derivative jumps at {act.kinks[0]}, so the neural-tangent student has an "
            "infinite E |grad f|^2; use a smooth activation"
        )
    if m * d > MOST_FEATURES:
        raise InvalidInputError(
            f"neural-tangent student: expected at most {MOST_FEATURES} features but got d k = {m * d}; use smaller "
            "sizes, or the activation u**2, which has no such limit"
        )
    f = _Series(act, w, derivatives=4)
    products = w @ w.T
    gram = _blocks(w, f(1, 1), f(3, 1), f(2, 2), f(2, 2), f(1, 3))
    energy = _blocks(
        w,
        f(1, 1) + products * f(2, 2),
        products * f(4, 2) + f(3, 1),
        products * f(3, 3),
        products * f(3, 3) + 2 * f(2, 2),
        products * f(2, 4) + f(1, 3),
    )
    r, units = f.radii, w / f.radii[:, None]
    along = units[:, :, None] * units[:, None, :]
    eye = torch.eye(d, dtype=w.dtype, device=w.device)
    slopes, curves = f.on_line(lambda g, s, e, c: e * e), f.on_line(lambda g, s, e, c: c * c)
    slopes2, curves2 = (
        f.on_line(lambda g, s, e, c: (g * g - 1) * e * e),
        f.on_line(lambda g, s, e, c: (g * g - 1) * c * c),
    )
    mixed = f.on_line(lambda g, s, e, c: g * e * c)
    own = slopes[:, None, None] * eye + slopes2[:, None, None] * along
    own_energy = (slopes + r**2 * curves)[:, None, None] * eye
    own_energy += (2 * r * mixed + r**2 * curves2)[:, None, None] * along
    j = torch.arange(m, device=w.device)
    gram[j, :, j, :], energy[j, :, j, :] = own, own_energy
    means = (f.means(2)[:, None] * w).reshape(-1)
    target = 2 * f.means(2)[:, None] * (w @ b) + (f.means(4) * _forms(w, b))[:, None] * w
    return Features(
        gram.reshape(m * d, m * d) - torch.outer(means, means), energy.reshape(m * d, m * d), target.reshape(-1)
    )


def cross_moments(act: Activation, w: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Return E phi_{ja} f0 and E grad phi_{ja} . grad f0, f0 = sum_i z_i (sigma(w_i . x) - mean). Shape (m d,) each.

    With e = sigma': E x_a sigma(w_i . x) e(w_j . x) = F11 w_i + F02 w_j, and
    E grad . grad = F11 w_i + (w_i . w_j) (F22 w_i + F13 w_j), first index i, second j.
    """
    f = _Series(act, w, derivatives=4)
    products = w @ w.T
    mean0, mean2 = f.means(0), f.means(2)
    toward, own = f(1, 1), f(0, 2)
    toward.diagonal().copy_(f.moments(1))
    own.diagonal().copy_(f.on_line(lambda g, s, e, c: s * c))
    value = (toward * z[:, None]).T @ w + ((z @ own) - (z @ mean0) * mean2)[:, None] * w
    first, second = products * f(2, 2), products * f(1, 3)
    first.fill_diagonal_(0)
    second.fill_diagonal_(0)
    slope = ((toward + first) * z[:, None]).T @ w + (z @ second)[:, None] * w
    diagonal = z * f.radii * f.on_line(lambda g, s, e, c: g * e * c)
    slope += diagonal[:, None] * w
    return value.reshape(-1), slope.reshape(-1)


class _Series:
    """The F_pq of an activation at the weights w (m, d); what stands on their diagonals is the caller's to replace."""

    def __init__(self, act: Activation, w: Tensor, *, derivatives: int) -> None:
        self.act, self.radii = act, torch.linalg.vector_norm(w, dim=1)
        if not bool((self.radii > 0).all()):
            raise InvalidInputError("features: expected weights that are not 0 but got a row of zeros")
        units = w / self.radii[:, None]
        self.cosines = (units @ units.T).fill_diagonal_(0).clamp_(-1, 1)
        self.norms = self.radii.cpu().numpy()
        self.count = self._terms(derivatives)
        self.mu = torch.from_numpy(scaled_coefficients(act, self.norms, self.count + 4)).to(w)

    def _terms(self, derivatives: int) -> int:
        reach = np.array([self.norms.max()])
        squares = scaled_coefficients(self.act, reach, MAX_TERMS)[0] ** 2
        largest = min(float(self.cosines.abs().max()), 1.0)
        at_one = float(scaled_moment(self.act, reach)[0])
        count = terms_needed(squares, at_one, largest, derivatives=derivatives, advice=_ADVICE)
        check_truncation(squares, count, at_one, largest, derivatives=derivatives)
        return count

    def _coefficients(self, p: int) -> Tensor:
        """m_l^p(r_i). Shape (m, count)."""
        growth = np.sqrt(np.prod([np.arange(self.count) + i for i in range(1, p + 1)], axis=0)) * np.ones(self.count)
        result: Tensor = self.mu[:, p : p + self.count] * torch.from_numpy(growth).to(self.mu)
        result /= self.radii[:, None] ** p
        return result

    def __call__(self, p: int, q: int) -> Tensor:
        left, right = self._coefficients(p), self._coefficients(q)
        total = torch.zeros_like(self.cosines)
        for j in reversed(range(self.count)):
            total.mul_(self.cosines).addr_(left[:, j], right[:, j])
        return total

    def means(self, p: int) -> Tensor:
        """E sigma^(p)(r G). Shape (m,)."""
        return self._coefficients(p)[:, 0]

    def moments(self, p: int) -> Tensor:
        """E sigma^(p)(r G)^2 off the kinks. Shape (m,)."""
        return torch.from_numpy(scaled_moment(self.act, self.norms, p)).to(self.radii)

    def on_line(self, integrand: _Integrand) -> Tensor:
        """E integrand(G, sigma(r G), sigma'(r G), sigma''(r G)) for each weight. Shape (m,)."""
        functions = [self.act.numeric(order) for order in range(3)]
        values = []
        for r in self.norms:
            g, weights = panel_nodes([float(kink) / r for kink in self.act.kinks], PANEL / max(1.0, float(r)))
            with np.errstate(under="ignore"):
                density = weights * np.exp(-(g**2) / 2) / np.sqrt(2 * np.pi)
                values.append(float(np.sum(density * integrand(g, *(f(r * g) for f in functions)))))
        return torch.tensor(values, dtype=self.radii.dtype, device=self.radii.device)


def _forms(w: Tensor, b: Tensor) -> Tensor:
    """w_j^T B w_j. Shape (m,)."""
    return ((w @ b) * w).sum(1)


def _blocks(w: Tensor, c0: Tensor, c1: Tensor, c2: Tensor, c3: Tensor, c4: Tensor) -> Tensor:
    """c0 I + c1 w_j w_j^T + c2 w_j w_l^T + c3 w_l w_j^T + c4 w_l w_l^T for each pair. Shape (m, d, m, d)."""
    result = torch.einsum("jl,jb,ja->jalb", c1, w, w)
    result += torch.einsum("jl,ja,lb->jalb", c2, w, w)
    result += torch.einsum("jl,la,jb->jalb", c3, w, w)
    result += torch.einsum("jl,la,lb->jalb", c4, w, w)
    torch.diagonal(result, dim1=1, dim2=3).add_(c0[:, :, None])
    return result
