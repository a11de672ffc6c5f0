"""Exact limits for quadratic targets: random networks, and random features with and without ridge or a random start.

f(x) = b + sum_{j<=m} z_j phi(w_j . x), w_j ~ N(0, Gamma), tr Gamma = 1, on the population x ~ N(0, I_d), f* = x^T B x.
Letters: rho = m/d; lambda_j Hermite coefficients of phi; psi = sum_{j>=2} lambda_j^2, psi' = sum_{j>=2} j lambda_j^2;
the law of g is the spectrum of d Gamma; alpha = tr(B Gamma)/(|B| |Gamma|). They hold as d -> inf, the spectrum of
d Gamma bounded; at finite d, E and S are about 0.3/sqrt d off.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.limits.quadratic_base import (
    Array,
    Moments,
    Phi,
    QuadraticLimit,
    Spectrum,
    checked,
    moments,
    result,
)

__all__ = ["initialisation", "lazy_random_features", "random_features", "resolvent", "retreat_width"]

_STEPS = 400


def initialisation(phi: Phi, *, scale: npt.ArrayLike = 1.0, norm: npt.ArrayLike = 1.0) -> QuadraticLimit:
    """Return E and S of a random network, z_j iid of mean 0 and variance scale^2/m: nothing is trained.

    E = 1 + scale^2 Var phi(G)/(2 |B|^2), S = scale^2 E phi'(G)^2/(4 |B|^2). Means over the draw; exact at every d and m
    for a positively homogeneous phi such as relu (E |grad f|^2 = scale^2/2), limits for another.

    Args:
        phi: activation, name, formula, or Hermite coefficients.
        scale: standard deviation of sqrt(m) z_j, >= 0.
        norm: |B|_F > 0.

    Raises:
        InvalidInputError: for an argument out of range, or phi that jumps.

    Source: [DB], initialisation; constants derived.

    >>> round(float(initialisation("relu", scale=2.0).robustness), 12)
    0.5
    """
    lam = moments(phi)
    scale = checked("initialisation", "scale", scale)
    norm = checked("initialisation", "norm", norm, strict=True)
    size = (scale / norm) ** 2
    return result(1 + size * (lam.psi + lam.linear**2) / 2, size * (lam.slope + lam.linear**2) / 4)


def random_features(
    phi: Phi,
    *,
    rho: npt.ArrayLike,
    ridge: npt.ArrayLike = 0.0,
    alpha: npt.ArrayLike = 1.0,
    spectrum: Spectrum | None = None,
) -> QuadraticLimit:
    """Return E and S of random features: z minimises E (f - f*)^2 + ridge |z|^2.

    With p = psi + ridge, q the root of q (p + lambda_1^2 E[g/(1 + lambda_1^2 rho q g)]) = 1, q2 = -dq/dp and
    kappa = rho E[g^2] lambda_2^2 q,
        E = 1 - alpha^2 [kappa/(1+kappa) + ridge (q2/q) kappa/(1+kappa)^2],
        S = (alpha^2/2) kappa/(1+kappa)^2 [1 + 2 kappa + (psi' - psi - ridge) q2/q].
    At Gamma = I/d only tr B is learned: alpha^2 = (tr B)^2/(d |B|^2). At Gamma = B/tr B, alpha = 1.

    Args:
        phi: activation, name, formula, or Hermite coefficients.
        rho: m/d > 0.
        ridge: >= 0.
        alpha: tr(B Gamma)/(|B| |Gamma|), from -1 to 1.
        spectrum: law of the eigenvalues of d Gamma, of mean 1; None: Gamma = I/d.

    Raises:
        InvalidInputError: for an argument out of range, a spectrum of another mean, or phi that jumps.

    Source: [DB], random features; the ridge and the general spectrum are derived.

    >>> limit = random_features("relu", rho=[1.0, 2.0])
    >>> limit.error.round(4).tolist(), limit.robustness.round(4).tolist()
    ([0.7182, 0.4817], [0.2948, 0.5847])
    """
    where = "random_features"
    return _fitted(where, moments(phi), rho=rho, ridge=ridge, alpha=alpha, spectrum=spectrum, start=np.zeros(()))


def lazy_random_features(
    phi: Phi,
    *,
    rho: npt.ArrayLike,
    ridge: npt.ArrayLike,
    scale: npt.ArrayLike = 1.0,
    norm: npt.ArrayLike = 1.0,
    alpha: npt.ArrayLike = 1.0,
    spectrum: Spectrum | None = None,
) -> QuadraticLimit:
    """Return E and S of random features around a random start: z0 of `initialisation`, ridge |z - z0|^2.

    Those of `random_features` plus scale^2 ridge^2 (q - ridge q2)/(2 |B|^2) in E and
    scale^2 ridge^2 (q + (psi' - psi - ridge) q2)/(4 |B|^2) in S. Without ridge the start is forgotten; as
    ridge -> inf it is all there is.

    Args:
        phi, rho, ridge, alpha, spectrum: as in `random_features`.
        scale: standard deviation of sqrt(m) z0_j, >= 0.
        norm: |B|_F > 0.

    Raises:
        InvalidInputError: as `random_features`.

    Source: derived.

    >>> lazy_random_features("relu", rho=1.0, ridge=0.0).error == random_features("relu", rho=1.0).error
    True
    """
    where = "lazy_random_features"
    start = (checked(where, "scale", scale) / checked(where, "norm", norm, strict=True)) ** 2
    return _fitted(where, moments(phi), rho=rho, ridge=ridge, alpha=alpha, spectrum=spectrum, start=start)


def retreat_width(phi: Phi) -> float:
    """Return the rho beyond which random features of phi, lambda_1 = 0, no ridge, Gamma = I/d, get more robust again.

    With lambda_1 = 0, q = 1/psi and S/alpha^2 = kappa (D/2 + kappa)/(1 + kappa)^2, D = psi'/psi the mean degree of phi
    beyond 1. It grows up to kappa = D/(D - 4) and falls from there to 1: rho* = psi psi'/(lambda_2^2 (psi' - 4 psi)).
    For D <= 4 it only grows, rho* = inf. Whatever lambda_1, S/alpha^2 = 1 + (D - 4)/(2 kappa) + O(1/rho^2) for large
    rho, so D > 4 always brings a retreat.

    Raises:
        InvalidInputError: if lambda_1 or lambda_2 leaves no such width: lambda_1 != 0, or lambda_2 = 0.

    Source: derived.

    >>> round(retreat_width((0, 0, 0.4**0.5) + (0,) * 9 + (0.6**0.5,)), 12), retreat_width("u**2")
    (5.0, inf)
    """
    lam = moments(phi)
    if abs(lam.linear) > 1e-12 * lam.psi**0.5 or lam.quadratic == 0:
        raise InvalidInputError(
            "retreat_width: expected an activation with lambda_1 = 0 and lambda_2 != 0 but got "
            f"lambda_1={lam.linear!r}, lambda_2={lam.quadratic!r}; look along `tradeoff` with `retreats` instead"
        )
    excess = lam.slope - 4 * lam.psi
    return float("inf") if excess <= 1e-12 * lam.psi else lam.psi * lam.slope / (lam.quadratic**2 * excess)


def resolvent(linear: float, p: npt.ArrayLike, rho: npt.ArrayLike, spectrum: Spectrum | None = None) -> tuple[Any, Any]:
    """Return q = lim tr (p + lambda_1^2 W W^T)^{-1}/m and q2 = -dq/dp = lim tr (p + lambda_1^2 W W^T)^{-2}/m.

    At Gamma = I/d, q is the positive root of p c rho q^2 + (p + c (1 - rho)) q = 1, c = lambda_1^2. For a spectrum, it
    is the root of h(q) = p q + E[c g q/(1 + c rho g q)] = 1 in [1/(p + c), 1/p]: h is concave and increasing, so
    Newton's steps from the left end rise to it and never pass it. q2 by implicit differentiation.

    Args:
        linear: lambda_1.
        p: psi + ridge > 0.
        rho: > 0. Shapes of p and rho broadcast.
        spectrum: law of the eigenvalues of d Gamma; None: Gamma = I/d.

    Raises:
        InvalidInputError: for p or rho that is not positive.
        BigthetaError: if p is below 1e-100 lambda_1^2 and the root is not reached.

    Source: Marchenko and Pastur 1967.

    >>> [float(value) for value in resolvent(0.0, 4.0, 1.0)]
    [0.25, 0.0625]
    """
    p, rho = checked("resolvent", "p", p, strict=True), checked("resolvent", "rho", rho, strict=True)
    p, rho = np.broadcast_arrays(p, rho)
    c = linear**2
    if spectrum is None:
        a, b = p * c * rho, p + c * (1 - rho)
        root = np.sqrt(b * b + 4 * a)
        with np.errstate(divide="ignore", invalid="ignore"):
            q = np.where(b >= 0, 2 / (b + root), (root - b) / (2 * a))
        return q[()], (q * (1 + c * rho * q) / root)[()]
    g, weights = spectrum.points, spectrum.weights
    q = 1 / (p + c)
    for _ in range(_STEPS):
        below = 1 + c * (rho * q)[..., None] * g
        step = (1 - p * q - q * ((c * g / below) @ weights)) / (p + (c * g / below**2) @ weights)
        q = q + np.maximum(step, 0.0)  # a step back is rounding
        if np.all(step <= 1e-14 * q):
            break
    else:
        raise BigthetaError(f"resolvent: no root after {_STEPS} steps, the last of {np.max(step / q):.1e} q; enlarge p")
    below = 1 + c * (rho * q)[..., None] * g
    return q[()], (q / (p + (c * g / below**2) @ weights))[()]


def _fitted(
    where: str,
    lam: Moments,
    *,
    rho: npt.ArrayLike,
    ridge: npt.ArrayLike,
    alpha: npt.ArrayLike,
    spectrum: Spectrum | None,
    start: Array,
) -> QuadraticLimit:
    width, ridges = checked(where, "rho", rho, strict=True), checked(where, "ridge", ridge)
    share = checked(where, "alpha", alpha, low=-1.0, high=1.0) ** 2
    spread = 1.0 if spectrum is None else _spread(where, spectrum)
    p = lam.psi + ridges
    q, q2 = resolvent(lam.linear, np.where(p > 0, p, 1.0), width, spectrum)  # p = 0: a linear phi, which learns nothing
    kappa = width * spread * lam.quadratic**2 * q
    rest = lam.slope - lam.psi - ridges
    gain = kappa / (1 + kappa)
    error = 1 - share + share / (1 + kappa) * (1 - ridges * (q2 / q) * gain)
    energy = share / 2 * gain / (1 + kappa) * (1 + 2 * kappa + rest * q2 / q)
    return result(error + start * ridges**2 * (q - ridges * q2) / 2, energy + start * ridges**2 * (q + rest * q2) / 4)


def _spread(where: str, spectrum: Spectrum) -> float:
    """E g^2 = d |Gamma|_F^2."""
    middle = spectrum.mean(lambda g: g)
    if spectrum.points.min() < 0 or abs(middle - 1) > 1e-9:
        raise InvalidInputError(
            f"{where}: expected the spectrum of d Gamma, eigenvalues >= 0 of mean 1, but got mean {middle:.9g} and "
            f"smallest {spectrum.points.min():g}; use its .normalised()"
        )
    return spectrum.mean(lambda g: g * g)
