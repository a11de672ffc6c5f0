"""The limit of S^2 for neural tangent features of finite width (F5), x uniform on the unit sphere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.limits.marchenko_pastur import marchenko_pastur
from bigtheta.theory.limits.width import WidthConstants, energies

__all__ = ["neural_tangent_limit", "tangent_rank"]

Floats = npt.NDArray[np.float64]
_GAP, _NODES = 0.02, 48
"""Resolution of the spectrum of T, in units of its mean; eigenvalues enter in pairs."""


def tangent_rank(phi: WidthConstants, d: int, k: int) -> int:
    """Return how many labels the neural tangent features fit: p = d k; for phi = c + u^2 fewer.

    f(x) = sum_j (a_j . x) (w_j . x) is x^T A x with A = sum_j a_j w_j^T, and only its symmetric part counts:
    d k - k (k - 1)/2 for k <= d, d (d + 1)/2 for k > d. **Exact.** Source: derived.

    >>> from bigtheta.theory.catalogue import activation
    >>> from bigtheta.theory.limits.width import width_constants
    >>> tangent_rank(width_constants(activation("square")), 10, 4)
    34
    """
    if phi.slope_higher > 0:
        return d * k
    linear = d if phi.linear > 0 else 0
    return linear + _quadratic_rank(d, k, linear > 0) if phi.quadratic > 0 else linear


def _quadratic_rank(d: int, k: int, linear: bool) -> int:
    """How many quadratic forms x^T A x, A = sum_j a_j w_j^T, are left beside the linear functions b . x, b = sum_j a_j.

    For k < d a form fixes the a_j up to an antisymmetric k x k matrix, which moves b in k - 1 directions.
    """
    forms = d * k - k * (k - 1) // 2 if k <= d else d * (d + 1) // 2
    return forms - max(d - k + 1, 0) if linear else forms


def neural_tangent_limit(
    phi: WidthConstants,
    *,
    n: npt.ArrayLike,
    d: int,
    k: int,
    ridge: float = 0.0,
    noise: float = 1.0,
    signal: float = 0.0,
) -> Floats:
    """Return S^2 of neural tangent features for n below their rank p; with a ridge, for any n.

    k0 = mu_1^2, k1 = 2 mu_2^2, a* = nu - k0, ar = a* - k1, nu2r = nu2 - k1. In the space of the d k parameters there
    are three blocks, of eigenvalue lambda and gradient g = E |grad f|^2, both for parameters of norm 1:

        linear     d of        lambda = k0/d + a*/(d k),                 g = k0 + (a* + nu2)/k;
        quadratic  x^T A x:    lambda = (k1/(d (d + 2)))(t + s) + ar/(d k),  g = (2 k1/d)(t + s) + (ar + nu2r)/k,
                   t, s over pairs of eigenvalues of T = W^T W/k, not both 0;
        the rest   of          lambda = ar/(d k),                        g = (ar + nu2r)/k;

    tau from n = sum lambda/(lambda + tau) + ridge/tau, S^2 = R sum g lambda/(lambda + tau)^2/(n - df2) + the signal's.
    Where phi' jumps g is that of the gradient off the kinks: nu2 = 0, and (k1/d)(t^2 + s^2)/(t + s) for the pair, while
    2 ts/(t + s) is left to the rest. For n << d^2 this is, with lin and c as at infinite width,

        S^2 = [lin (1 + (2 a* + nu2)/(k0 k)) + |c|^2 {(a*^2 + nu2 a*)/k + 4 k1^2/d}]/(1 - n/p),

    4 becoming 1 at a kink, and for k -> infinity the kernel's limit up to degree 2.

    Raises:
        InvalidInputError: for n >= p without a ridge, k = 1, or phi' that is not square-integrable.

    Source: derived. Errors of order 1/d, and those of the kernel's cubic part, n/d^3.

    >>> from bigtheta.theory.catalogue import activation
    >>> from bigtheta.theory.limits.width import width_constants
    >>> neural_tangent_limit(width_constants(activation("cos")), n=[400, 1500], d=100, k=100).round(1).tolist()
    [21.9, 93.0]
    """
    if phi.slope is None:
        raise InvalidInputError("neural tangent limit: expected a continuous phi but it jumps, so phi' is no function")
    if k < 2:
        raise InvalidInputError(f"neural tangent limit: expected k >= 2 but got k={k!r}; take more neurons")
    rank = tangent_rank(phi, d, k)
    sizes = np.asarray(n, dtype=np.float64)
    if ridge == 0 and np.any(sizes >= rank):
        raise InvalidInputError(
            f"neural tangent limit: expected n < p = {rank} at d={d!r}, k={k!r} without a ridge but got "
            f"n={float(sizes.max()):g}; lower n, or set a ridge"
        )
    p, k1 = d * k, 2 * phi.quadratic
    nonlinear = k1 + phi.slope_higher
    bend, bend_higher = (0.0, 0.0) if phi.bend is None else (phi.bend, phi.bend_higher)
    linear = float(d) if phi.linear > 0 else 0.0
    pairs, total = _pairs(d, k) if k1 > 0 else (np.zeros((2, 0)), np.zeros(0))
    if total.size:
        total = total * _quadratic_rank(d, k, linear > 0) / total.sum()
    left = max(p - linear - float(total.sum()), 0.0) if phi.slope_higher > 0 else 0.0
    both = pairs.sum(0)
    if phi.bend is None:
        bent = k1 / d * (pairs**2).sum(0) / both
        unseen = max(k1 * d - float(total @ bent), 0.0) / left if left else 0.0
    else:
        bent, unseen = 2 * k1 / d * both, 0.0
    higher, rough = phi.slope_higher / p, (phi.slope_higher + bend_higher) / k
    values = np.concatenate([[phi.linear / d + nonlinear / p], k1 / (d * (d + 2)) * both + higher, [higher]])
    gradients = np.concatenate([[phi.linear + (nonlinear + bend) / k], bent + rough, [rough + unseen]])
    counts = np.concatenate([[linear], total, [left]])
    target = np.zeros_like(counts)
    target[0] = float(linear > 0)
    return energies(counts, values, gradients, target, n=sizes, d=d, rest=ridge, noise=noise, signal=signal)


def _pairs(d: int, k: int) -> tuple[Floats, Floats]:
    """Unordered pairs t <= s of eigenvalues of T = W^T W/k, not both 0, and how many there are of each."""
    t, counts = marchenko_pastur(d, k, gap=_GAP, most=_NODES)
    i, j = np.triu_indices(len(t))
    weights = counts[i] * counts[j] * np.where(i == j, 0.5, 1.0)
    used = t[i] + t[j] > 0
    return np.stack([t[i], t[j]])[:, used], weights[used]
