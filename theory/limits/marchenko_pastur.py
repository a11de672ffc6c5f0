"""The law of Marchenko and Pastur: the spectrum of M = W W^T/d, W a k x d matrix of independent N(0, 1) entries.

For k, d -> infinity at k/d = rho: min(k, d) eigenvalues of density sqrt((b - s)(s - a))/(2 pi min(rho, 1) s),
a, b = (1 -+ sqrt(rho))^2, and k - d zeros where k > d. Traces of functions of M are sums over Gauss
nodes of it.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh_tridiagonal

from bigtheta.theory.errors import InvalidInputError

__all__ = ["edges", "marchenko_pastur"]

Floats = npt.NDArray[np.float64]
_LEAST, _MOST = 32, 3072


def edges(rho: float) -> tuple[float, float]:
    """Return a, b = (1 -+ sqrt(rho))^2, between which the eigenvalues of M other than 0 lie.

    >>> edges(4.0)
    (1.0, 9.0)
    """
    return (1 - math.sqrt(rho)) ** 2, (1 + math.sqrt(rho)) ** 2


def marchenko_pastur(k: float, d: float, *, gap: float, most: int = _MOST) -> tuple[Floats, Floats]:
    """Return values s_i and counts N_i with sum_i N_i g(s_i) = E tr g(M) for g analytic but for poles at s <= -gap.

    Gauss nodes of the density, from its Jacobi matrix, which is constant but for its first entry: diagonal 1, 1 + r,
    1 + r, ..., off-diagonal sqrt(r), for the law of mean 1 and ratio r = min(rho, 1/rho); for k > d the zeros are one
    more node. As many nodes as a relative error of 1e-13 takes, `most` at most; 3072 cover gap > 1e-5 b at k = d.

    Raises:
        InvalidInputError: for k or d below 1.

    Source: Marchenko and Pastur 1967; the Jacobi matrix is that of the moments, by Golub and Welsch.

    >>> s, counts = marchenko_pastur(300, 100, gap=0.1)
    >>> round(float(counts.sum()), 9), round(float(counts @ s), 9), round(float(counts @ s**2), 6)
    (300.0, 300.0, 1200.0)
    """
    if not (k >= 1 and d >= 1):
        raise InvalidInputError(f"Marchenko-Pastur: expected k >= 1 and d >= 1 but got k={k!r}, d={d!r}")
    rho = k / d
    low, high = edges(rho)
    apart = math.sqrt((low + gap) / (high - low)) if high > low else 1.0
    nodes = int(np.clip(2 ** math.ceil(math.log2(10 / max(apart, 1e-9))), _LEAST, most))
    unit, shares = _gauss(min(rho, 1 / rho), nodes)
    values, counts = unit * max(rho, 1.0), shares * min(k, d)
    if k <= d:
        return values, counts
    return np.append(values, 0.0), np.append(counts, k - d)


@lru_cache(maxsize=64)
def _gauss(ratio: float, nodes: int) -> tuple[Floats, Floats]:
    diagonal = np.full(nodes, 1 + ratio)
    diagonal[0] = 1.0
    values, vectors = eigh_tridiagonal(diagonal, np.full(nodes - 1, math.sqrt(ratio)))
    pair = np.maximum(values, 0.0), vectors[0] ** 2
    for array in pair:
        array.flags.writeable = False
    return pair
