"""Exact limits for quadratic targets: networks f(x) = b + sum_j z_j (w_j . x)^2 with every weight trained.

sum_j z_j w_j w_j^T is any matrix of rank m (z free), or any positive semi-definite one (z = 1): the best keeps the m
eigenvalues of B of largest modulus, or the m largest positive ones. Letters: rho = m/d.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.limits.quadratic_base import Array, QuadraticLimit, Spectrum, checked, mapped, result

__all__ = ["trained"]


def trained(
    *, rho: npt.ArrayLike, tau: npt.ArrayLike = 0.0, positive: bool = False, spectrum: Spectrum | None = None
) -> QuadraticLimit:
    """Return E and S of the best quadratic network: E is the share of |B|^2 in the eigenvalues it drops, S = 1 - E.

    For a Gaussian B with the share tau of |B|^2 on the identity and tr B >= 0, the eigenvalues are
    sqrt(tau) + sqrt(1 - tau) x, x of the semicircle on [-2, 2]: closed forms in theta = arcsin(x/2) and one root. For a
    spectrum of B of equal weights 1/d, exact at m = rho d; in between, the last eigenvalue kept is prorated.

    Args:
        rho: m/d >= 0.
        tau: (tr B)^2/(d |B|^2), from 0 to 1.
        positive: the output weights are 1 instead of free.
        spectrum: law of the eigenvalues of B, up to a factor, instead of tau.

    Raises:
        InvalidInputError: for an argument out of range, both tau and a spectrum, or B = 0.

    Source: [DB], fully trained; Eckart and Young 1936; Wigner's semicircle.

    >>> limit = trained(rho=[0.25, 1.0])
    >>> limit.error.round(4).tolist(), trained(rho=0.5, positive=True).error
    ([0.3771, 0.0], 0.5)
    """
    width, share = checked("trained", "rho", rho), checked("trained", "tau", tau, high=1.0)
    if spectrum is not None:
        if np.any(share > 0):
            raise InvalidInputError("trained: expected tau or spectrum but got both; the spectrum has its own trace")
        return _of_spectrum(width, spectrum, positive)

    def limit(rho: float, tau: float) -> tuple[float, float]:
        kept = _kept(rho, tau, positive)
        return 1 - kept, kept

    return mapped(limit, width, share)


def _kept(rho: float, tau: float, positive: bool) -> float:
    """E[y^2; |y| > a] at P(|y| > a) = min(rho, 1), or the same of y > a >= 0."""
    middle, spread = math.sqrt(tau), math.sqrt(1 - tau)
    if spread == 0:
        return min(rho, 1.0)

    def above(a: float) -> tuple[float, float]:
        """Mass and second moment of y above a, and below -a unless positive."""
        high = _partial(math.inf) - _partial((a - middle) / spread)
        both = high if positive else high + _partial((-a - middle) / spread)
        return float(both[0]), float(middle**2 * both[0] + 2 * middle * spread * both[1] + spread**2 * both[2])

    low, high = 0.0, middle + 2 * spread
    if above(low)[0] <= rho:
        return min(above(low)[1], 1.0)
    while low < (a := (low + high) / 2) < high:
        low, high = (a, high) if above(a)[0] > rho else (low, a)
    mass, kept = above(high)
    return kept + (rho - mass) * high**2


def _partial(x: float) -> Array:
    """Mass, mean and second moment of the semicircle law below x. Shape (3,)."""
    theta = math.asin(min(max(x / 2, -1.0), 1.0))
    mass = 0.5 + (theta + math.sin(2 * theta) / 2) / math.pi
    return np.array(
        [mass, -4 / (3 * math.pi) * math.cos(theta) ** 3, 0.5 + (theta - math.sin(4 * theta) / 4) / math.pi]
    )


def _of_spectrum(rho: Array, spectrum: Spectrum, positive: bool) -> QuadraticLimit:
    total = spectrum.mean(lambda x: x**2)
    if total == 0:
        raise InvalidInputError("trained: expected a target that is not 0 but got a spectrum of zeros")
    gains = (np.maximum(spectrum.points, 0.0) if positive else spectrum.points) ** 2
    order = np.argsort(-gains)
    weights = spectrum.weights[order]
    taken = np.clip(rho[..., None] - np.append(0.0, np.cumsum(weights)[:-1]), 0.0, weights)
    kept = np.minimum(taken @ gains[order] / total, 1.0)
    return result(1 - kept, kept)
