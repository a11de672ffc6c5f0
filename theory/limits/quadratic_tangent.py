"""Exact limits for quadratic targets: neural tangents, fitted, with ridge, or by gradient flow.

f(x) = b + sum_j (a_j . x) phi'(w_j . x), w_j ~ N(0, I_d/d), on the population x ~ N(0, I_d), f* = x^T B x. For
phi(u) = c u^2 the student is the matrix M = c (W^T A + A^T W), and in the eigenbasis of T = W^T W the residual is
(B - M)_ij = r(t_i + t_j) B_ij. With B in general position to T,
    J_p = (1 - tau) E r(t + s)^p + tau E r(2t)^p,  E = J_2,  S = 1 - 2 J_1 + J_2,
t, s independent of the Marchenko-Pastur law of T, tau = (tr B)^2/(d |B|^2). Letters: rho = m/d.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bigtheta.theory.activation import Activation
from bigtheta.theory.energy import energy
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.limits.quadratic_base import (
    Array,
    Phi,
    QuadraticLimit,
    checked,
    coefficients,
    mapped,
    marchenko_pastur,
    read,
    result,
    tail,
)

__all__ = [
    "gradient_flow", "lazy_gradient_flow", "lazy_neural_tangent", "neural_tangent", "neural_tangent_mean",
    "smooth_neural_tangent",
]  # fmt: skip

_Shrink = Callable[[Array], tuple[Array, Array]]
"""r(x) and 1 - r(x), each without cancellation."""


def neural_tangent_mean(*, d: npt.ArrayLike, m: npt.ArrayLike, tau: npt.ArrayLike = 0.0) -> QuadraticLimit:
    """Return the exact mean, at every d and m, of E and S for phi(u) = u^2 without ridge, over W of N(0, I/d) rows.

    What is left of B is P B P, P onto the null space of W, a uniform subspace of dimension k = (d - m)_+:
        E = [k (k d + d - 2) + k (d - k) d tau]/(d (d - 1)(d + 2)), S = 1 - E.

    Args:
        d: whole number >= 2.
        m: whole number >= 0.
        tau: (tr B)^2/(d |B|^2), from 0 to 1.

    Raises:
        InvalidInputError: for an argument out of range.

    Source: [DB], neural tangent; the mean is Weingarten's formula for a uniform projector.

    >>> neural_tangent_mean(d=2, m=1).error, neural_tangent_mean(d=8, m=9).error
    (0.25, 0.0)
    """
    where = "neural_tangent_mean"
    size, width = checked(where, "d", d, low=2), checked(where, "m", m)
    for name, values in (("d", size), ("m", width)):
        if np.any(values != np.floor(values)):
            raise InvalidInputError(f"{where}: expected whole numbers but got {name}={values.tolist()!r}")
    share = checked(where, "tau", tau, high=1.0)
    k = np.maximum(size - width, 0.0)
    error = k * (k * size + size - 2 + (size - k) * size * share) / (size * (size - 1) * (size + 2))
    return result(error, 1 - error)


def neural_tangent(
    *, rho: npt.ArrayLike, ridge: npt.ArrayLike = 0.0, tau: npt.ArrayLike = 0.0, curvature: npt.ArrayLike = 1.0
) -> QuadraticLimit:
    """Return E and S of the neural tangent of phi(u) = curvature u^2: a minimises E (f - f*)^2 + ridge |a|^2.

    r(x) = 1/(1 + theta x), theta = 4 curvature^2/ridge. Without ridge only the null space is left,
    E = (1-rho)_+^2 (1-tau) + (1-rho)_+ tau and S = 1 - E. Error of the quadrature below 1e-12.

    Args:
        rho: m/d > 0.
        ridge: >= 0.
        tau: (tr B)^2/(d |B|^2), from 0 to 1.
        curvature: != 0.

    Raises:
        InvalidInputError: for an argument out of range.

    Source: [DB], neural tangent; the ridge is derived.

    >>> limit = neural_tangent(rho=1.0, ridge=4.0)
    >>> round(limit.error, 4), round(limit.robustness, 4)
    (0.222, 0.3797)
    """
    return _ridged("neural_tangent", rho, ridge, tau, curvature, 0.0, 1.0)


def lazy_neural_tangent(
    *,
    rho: npt.ArrayLike,
    ridge: npt.ArrayLike,
    tau: npt.ArrayLike = 0.0,
    curvature: npt.ArrayLike = 1.0,
    scale: npt.ArrayLike = 1.0,
    norm: npt.ArrayLike = 1.0,
) -> QuadraticLimit:
    """Return E and S of the neural tangent around a random network sum_j z_j phi(w_j . x), z_j of variance scale^2/m.

    Those of `neural_tangent`, and in both (curvature scale/(rho |B|))^2 E ts r(t + s)^2. Without ridge the start, whose
    matrix vanishes on the null space of W, is forgotten.

    Args:
        rho, ridge, tau, curvature: as in `neural_tangent`.
        scale: >= 0.
        norm: |B|_F > 0.

    Raises:
        InvalidInputError: for an argument out of range.

    Source: derived.

    >>> lazy_neural_tangent(rho=0.5, ridge=0.0).error
    0.25
    """
    return _ridged("lazy_neural_tangent", rho, ridge, tau, curvature, scale, norm)


def gradient_flow(
    *, rho: npt.ArrayLike, time: npt.ArrayLike, tau: npt.ArrayLike = 0.0, curvature: npt.ArrayLike = 1.0
) -> QuadraticLimit:
    """Return E and S of the neural tangent of phi(u) = curvature u^2 after `time` of the flow of E (f - f*)^2/4.

    r(x) = exp(-2 curvature^2 time x). With L(u) = E exp(-u t) and v = curvature^2 time,
    E = (1-tau) L(4v)^2 + tau L(8v), S = 1 - 2 [(1-tau) L(2v)^2 + tau L(4v)] + E.

    Args:
        rho: m/d > 0.
        time: from 0 to inf; inf is the fit without ridge.
        tau: (tr B)^2/(d |B|^2), from 0 to 1.
        curvature: != 0.

    Raises:
        InvalidInputError: for an argument out of range.

    Source: [DB], gradient flow of the neural tangent; time scale derived.

    >>> round(gradient_flow(rho=2.0, time=0.05, tau=0.5).error, 4)
    0.4999
    """
    return _flow("gradient_flow", rho, time, tau, curvature, 0.0, 1.0)


def lazy_gradient_flow(
    *,
    rho: npt.ArrayLike,
    time: npt.ArrayLike,
    tau: npt.ArrayLike = 0.0,
    curvature: npt.ArrayLike = 1.0,
    scale: npt.ArrayLike = 1.0,
    norm: npt.ArrayLike = 1.0,
) -> QuadraticLimit:
    """Return E and S of the flow around a random network: (curvature scale/(rho |B|))^2 (E t e^{-4vt})^2 more in both.

    Args:
        rho, time, tau, curvature: as in `gradient_flow`.
        scale: standard deviation of sqrt(m) z_j, >= 0.
        norm: |B|_F > 0.

    Raises:
        InvalidInputError: for an argument out of range.

    Source: derived.

    >>> round(lazy_gradient_flow(rho=1.0, time=0.0, scale=1.0).error, 12)  # the random network itself
    2.0
    """
    return _flow("lazy_gradient_flow", rho, time, tau, curvature, scale, norm)


def smooth_neural_tangent(phi: Phi, *, rho: npt.ArrayLike, ridge: npt.ArrayLike = 0.0) -> QuadraticLimit:
    """Return E and S of the neural tangent of any phi with phi'' in L2, for a target of negligible trace, tau = 0.

    With psi = sum_{j>=3} j lambda_j^2, psi' = sum_{j>=3} j^2 lambda_j^2, p = psi + ridge, r(x) = 1/(1 + theta x),
    theta = 2 lambda_2^2/p:
        E = J_2 + (psi/p)(J_1 - J_2),  S = 1 - 2 J_1 + J_2 + (psi'/(2p))(J_1 - J_2).
    The degrees beyond 2 act as a ridge that is paid for in error (psi) and in slope (psi'). About 1/d off at finite d.
    For large rho, S = 1 + (psi'/psi - 4)/(4 theta rho) + ..., so that a mean degree psi'/psi > 4 brings a retreat of S.

    Args:
        phi: activation, name, formula, or Hermite coefficients.
        rho: m/d > 0.
        ridge: >= 0, on |a|^2.

    Raises:
        InvalidInputError: for an argument out of range, or phi' that jumps.

    Source: derived; ridge = 0 in [DB] for the error.

    >>> limit = smooth_neural_tangent((0.0, 0.7, 0.6, 0.4), rho=0.5)
    >>> round(limit.error, 4), round(limit.robustness, 4)
    (0.5602, 0.5171)
    """
    where = "smooth_neural_tangent"
    width, ridges = checked(where, "rho", rho, strict=True), checked(where, "ridge", ridge)
    psi, slope = _beyond_two(phi)
    strength = 2 * float(coefficients(phi)[0][2]) ** 2

    def limit(rho: float, ridge: float) -> tuple[float, float]:
        p = psi + ridge
        left, learned, mixed, _ = _means(rho, 0.0, _resolved(p, strength))
        spent = mixed / p if p > 0 else 0.0
        return left + psi * spent, learned + slope / 2 * spent

    return mapped(limit, width, ridges)


def _beyond_two(phi: Phi) -> tuple[float, float]:
    """sum_{j>=3} j lambda_j^2 and sum_{j>=3} j^2 lambda_j^2, the latter by E phi''^2 = sum j (j-1) lambda_j^2."""
    values, _, slope = coefficients(phi)
    squares, j, act = values**2, np.arange(len(values)), read(phi)
    if not isinstance(act, Activation):
        return float((j * squares)[3:].sum()), float((j * j * squares)[3:].sum())
    if act.weak_derivative(2).masses:
        raise InvalidInputError(
            f"smooth_neural_tangent: the derivative of activation {act.name!r} jumps at {act.kinks[0]}, so "
            "E |grad f|^2 is infinite; use a smooth activation"
        )
    return tail(j * squares, slope, 3), tail(j * j * squares, slope + energy(act, 2).value, 3)


def _ridged(
    where: str,
    rho: npt.ArrayLike,
    ridge: npt.ArrayLike,
    tau: npt.ArrayLike,
    curvature: npt.ArrayLike,
    scale: npt.ArrayLike,
    norm: npt.ArrayLike,
) -> QuadraticLimit:
    def limit(ridge: float, *rest: float) -> tuple[float, float]:
        return _student(_resolved(ridge, 4 * rest[2] ** 2), *rest)

    return mapped(limit, checked(where, "ridge", ridge), *_common(where, rho, tau, curvature, scale, norm))


def _flow(
    where: str,
    rho: npt.ArrayLike,
    time: npt.ArrayLike,
    tau: npt.ArrayLike,
    curvature: npt.ArrayLike,
    scale: npt.ArrayLike,
    norm: npt.ArrayLike,
) -> QuadraticLimit:
    def limit(time: float, *rest: float) -> tuple[float, float]:
        rate = 2 * rest[2] ** 2 * time

        def shrink(x: Array) -> tuple[Array, Array]:
            exponent = -np.multiply(rate, x, where=x > 0, out=np.zeros_like(x))
            with np.errstate(under="ignore"):
                return np.exp(exponent), -np.expm1(exponent)

        return _student(shrink, *rest)

    times = checked(where, "time", time, infinite=True)
    return mapped(limit, times, *_common(where, rho, tau, curvature, scale, norm))


def _common(where: str, *given: npt.ArrayLike) -> tuple[Array, ...]:
    rho, tau, curvature, scale, norm = given
    bend = checked(where, "curvature", curvature, low=-math.inf)
    if np.any(bend == 0):
        raise InvalidInputError(f"{where}: expected curvature != 0 but got curvature=0.0")
    return (
        checked(where, "rho", rho, strict=True),
        checked(where, "tau", tau, high=1.0),
        bend,
        checked(where, "scale", scale),
        checked(where, "norm", norm, strict=True),
    )


def _student(
    shrink: _Shrink, rho: float, tau: float, curvature: float, scale: float, norm: float
) -> tuple[float, float]:
    """E and S for the residual factor r, and a start of this scale."""
    left, learned, _, start = _means(rho, tau, shrink)
    start *= (curvature * scale / (rho * norm)) ** 2
    return left + start, learned + start


def _means(rho: float, tau: float, shrink: _Shrink) -> tuple[float, float, float, float]:
    """J_2, 1 - 2 J_1 + J_2, J_1 - J_2 and E ts r(t + s)^2, as means of r^2, (1 - r)^2, r (1 - r) and ts r^2."""
    law = marchenko_pastur(rho)
    t, w = law.points, law.weights
    (left, learned), (own, own_learned) = shrink(np.add.outer(t, t)), shrink(2 * t)

    def mean(pairs: Array, diagonal: Array) -> float:
        return float((1 - tau) * (w @ pairs @ w) + tau * (w @ diagonal))

    with np.errstate(under="ignore"):
        square = left**2
        start = float((w * t) @ square @ (w * t))
        return mean(square, own**2), mean(learned**2, own_learned**2), mean(left * learned, own * own_learned), start


def _resolved(ridge: float, strength: float) -> _Shrink:
    """r(x) = ridge/(ridge + strength x), 1 where nothing is learned, also without ridge."""

    def shrink(x: Array) -> tuple[Array, Array]:
        learned = strength * x
        total, moved = ridge + learned, learned > 0
        return (
            np.divide(ridge, total, where=moved, out=np.ones_like(x)),
            np.divide(learned, total, where=moved, out=np.zeros_like(x)),
        )

    return shrink
