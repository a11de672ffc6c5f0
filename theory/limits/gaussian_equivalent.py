"""Random features by free probability: phi(X W^T) replaced by mu1 X W^T + mu Z, and every quantity a trace.

x on the unit sphere or N(0, I/d), w ~ N(0, I), Phi = [mu1 X W^T + mu Z]/sqrt(k), Z an n x k matrix of independent
N(0, 1), mu^2 = E phi^2 - mu_0^2 - mu_1^2, nu = E phi'^2. With f(x) = theta . phi(W x)/sqrt(k) and
theta = Phi^T (lam + Phi Phi^T)^{-1} y,

    E|grad f|^2 = theta^T C theta,    C = (1/k) [mu1^2 W W^T + d (nu - mu1^2) I]

(entries E[phi'(w_i x) phi'(w_j x)] w_i.w_j/k: the constant mu1^2 off the diagonal, nu d on it). With R_t the resolvent
(lam + Phi (I + t C) Phi^T)^{-1}, -dR_t/dt = R Phi C Phi^T R at t = 0, and y = beta_0 X beta + eps of variance s2,

    S^2 = -d/dt { s2 Tr R_t + (beta_0^2/d) Tr X^T R_t X },    |beta| = 1 in a uniform direction.

Source: derived; the Gaussian equivalent is that of the random-features literature (Adlam, Pennington 2020,
arXiv:2008.06786).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import sympy
from sympy.matrices.expressions import Identity, MatrixSymbol, Trace

from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import activation
from bigtheta.theory.energy import energy
from bigtheta.theory.errors import InvalidInputError, whole_number
from bigtheta.theory.hermite import hermite
from bigtheta.theory.kernel import rf_kernel
from bigtheta.theory.limits.pencil import Pencil, pencil

__all__ = [
    "gaussian_constants", "memorised_random_features", "random_features_pencil", "sobolev_pencil",
    "sobolev_random_features",
]  # fmt: skip

Expr = Any

n, d, k, lam, mu1, mu, slack = sympy.symbols("n d k lam mu1 mu slack", positive=True)
"""slack = nu - mu1^2, the part of E phi'^2 that is not linear."""
t = sympy.Symbol("t", nonnegative=True)
X, W, Z = MatrixSymbol("X", n, d), MatrixSymbol("W", k, d), MatrixSymbol("Z", n, k)
_LAWS = {X: 1 / d, W: sympy.Integer(1), Z: sympy.Integer(1)}
_FEATURES = (mu1 * X * W.T + mu * Z) / sympy.sqrt(k)


def gaussian_constants(act: Activation | str) -> tuple[float, float, float]:
    """Return mu_1, mu^2 = E phi^2 - mu_0^2 - mu_1^2, and nu = E phi'^2.

    >>> [round(value, 4) for value in gaussian_constants("relu")]
    [0.5, 0.0908, 0.5]

    Raises:
        InvalidInputError: for an activation that jumps: nu is infinite.
    """
    act = activation(act)
    if not act.is_weakly_differentiable:
        raise InvalidInputError(f"activation {act.name!r} jumps at {act.kinks[0]}: E phi'(G)^2 is infinite")
    return hermite(act, 1).value, rf_kernel(act).a_star, energy(act, 1).value


@lru_cache(maxsize=1)
def random_features_pencil() -> Pencil:
    """Return Tr (lam + Phi Phi^T)^{-1}, a pencil of four blocks in n, d, k, lam, mu1, mu.

    >>> random_features_pencil().size
    4
    """
    return pencil(Trace((lam * Identity(n) + _FEATURES * _FEATURES.T).inverse()), _LAWS)


@lru_cache(maxsize=2)
def sobolev_pencil(part: str = "noise") -> Pencil:
    """Return Tr R_t (part "noise", six blocks) or Tr X^T R_t X ("signal", seven), whose -d/dt at t = 0 gives S^2.

    >>> sobolev_pencil("noise").size, sobolev_pencil("signal").size
    (6, 7)
    """
    if part not in ("noise", "signal"):
        raise InvalidInputError(f"sobolev pencil: expected part 'noise' or 'signal' but got part={part!r}")
    weight = (mu1**2 * W * W.T + d * slack * Identity(k)) / k
    resolvent = (lam * Identity(n) + _FEATURES * (Identity(k) + t * weight) * _FEATURES.T).inverse()
    return pencil(Trace(resolvent if part == "noise" else X.T * resolvent * X), _LAWS)


def sobolev_random_features(
    act: Activation | str | None = None,
    *,
    n: int,
    d: int,
    k: int,
    ridge: float = 0.0,
    noise: float = 1.0,
    signal: float = 0.0,
    constants: tuple[float, float, float] | None = None,
) -> float:
    """Return the limit of S^2 = E|grad f|^2 of the ridge or min-norm random-features fit.

    Args:
        act: the activation; or give `constants`, its (mu_1, mu^2, nu) as in `gaussian_constants`.
        n, d, k: samples, dimension, neurons.
        ridge: added to the diagonal of the Gram Phi Phi^T; 0 is the limit of a ridge that falls to 0.
        noise: variance of the label noise.
        signal: size of the linear target, y = signal * beta . x + eps, |beta| = 1.

    Raises:
        InvalidInputError: for arguments out of range.
        NoConvergenceError: at a threshold such as n = k with ridge 0, where the limit is infinite.

    >>> round(sobolev_random_features("relu", n=200, d=200, k=400, ridge=1e-3), 1)
    426.8
    """
    sizes = {
        name: whole_number(name, size, low=1, where="sobolev limit") for name, size in (("n", n), ("d", d), ("k", k))
    }
    for name, value in (("ridge", ridge), ("noise", noise), ("signal", signal)):
        if not (math.isfinite(value) and value >= 0):
            raise InvalidInputError(f"sobolev limit: expected a finite {name} >= 0 but got {name}={value!r}")
    values = {**sizes, **_checked(act, constants), "t": 0.0}
    total = 0.0
    for part, weight in (("noise", float(noise)), ("signal", float(signal) ** 2 / d)):
        if weight == 0:
            continue
        law = sobolev_pencil(part)
        if ridge > 0:
            slope = law.solve({**values, "lam": float(ridge)}).derivative("t")
        else:
            slope = float(law.limit("lam", values, derivative="t", digits=6).value)
        total -= weight * slope
    return total


def memorised_random_features(
    act: Activation | str | None = None,
    *,
    n: int,
    d: int,
    k: int,
    ridge: float,
    constants: tuple[float, float, float] | None = None,
) -> float:
    """Return the limit of the fraction of the label noise that the ridge fit reproduces, 1 - (lam/n) Tr R.

    eps^T Phi theta/|eps|^2 with Phi theta = (1 - lam R) y. Source: derived.

    >>> round(memorised_random_features("relu", n=200, d=200, k=400, ridge=1e-3), 4)
    0.9904
    """
    values = {"n": n, "d": d, "k": k, **_checked(act, constants, slack=False), "lam": float(ridge)}
    return float(1 - ridge / n * random_features_pencil().solve(values).trace)


def _checked(
    act: Activation | str | None, constants: tuple[float, float, float] | None, slack: bool = True
) -> dict[str, float]:
    """mu1, mu and, if asked, slack = nu - mu1^2, by name."""
    if (act is None) == (constants is None):
        raise InvalidInputError(
            f"sobolev limit: expected an activation or its constants (mu_1, mu^2, nu) but got act={act!r}, "
            f"constants={constants!r}; give one of the two"
        )
    linear, rest, nu = gaussian_constants(act) if act is not None else constants or (0.0, 0.0, 0.0)
    if not (rest >= 0 and nu - linear**2 >= -1e-12 and math.isfinite(nu + rest)):
        raise InvalidInputError(f"sobolev limit: expected mu^2 >= 0 and nu >= mu_1^2 but got {(linear, rest, nu)!r}")
    values = {"mu1": float(linear), "mu": math.sqrt(rest)}
    return {**values, "slack": max(float(nu - linear**2), 0.0)} if slack else values
