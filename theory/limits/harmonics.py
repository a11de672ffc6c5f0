"""Eigenvalues of a dot-product kernel on the unit sphere S^{d-1}: spherical harmonics, by two routes.

kappa(x . x') has on the harmonics of degree l the eigenvalue lambda_l = E kappa(t) P_l(t), t the inner product of two
independent uniform points, of density proportional to (1 - t^2)^{(d-3)/2}, P_l Gegenbauer's polynomial, P_l(1) = 1.
N_l is the number of harmonics of degree l; sum_l N_l lambda_l = kappa(1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import sympy
from scipy.linalg import eigh_tridiagonal
from scipy.special import gammaln

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.kernel import DotProductKernel, t

__all__ = [
    "LEAST_DIMENSION",
    "Harmonics",
    "by_quadrature",
    "by_series",
    "gauss_gegenbauer",
    "harmonics",
    "log_multiplicity",
]

Floats = npt.NDArray[np.float64]
_ENOUGH = 1e8
"""Degrees are taken until this many times n harmonics are reached."""
_MOST_DEGREES, _NODES = 160, 640
LEAST_DIMENSION = 3


@dataclass(frozen=True)
class Harmonics:
    """The spectrum of a kernel up to a degree L. Shapes (L + 1,).

    Attributes:
        counts: N_l.
        eigenvalues: lambda_l.
        radial: r_l, the radial derivative of f(x) = sum_i c_i kappa(x . x_i) over f, in degree l: l, up to O(1/d).
        rest: sum of N_l lambda_l beyond L.
    """

    counts: Floats
    eigenvalues: Floats
    radial: Floats
    rest: float

    def seminorm(self, d: int) -> Floats:
        """E |grad f|^2/E f^2 in each degree, l (l + d - 2) + r_l^2."""
        degree = np.arange(len(self.counts), dtype=np.float64)
        return degree * (degree + d - 2) + self.radial**2


def log_multiplicity(d: int, degree: Floats) -> Floats:
    """Return log N_l, N_l = (2l + d - 2)/(l + d - 2) binom(l + d - 2, l).

    >>> np.exp(log_multiplicity(3, np.arange(4.0))).round(9).tolist()
    [1.0, 3.0, 5.0, 7.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log((2 * degree + d - 2) / (degree + d - 2)) + gammaln(degree + d - 1) - gammaln(degree + 1)
    return np.asarray(np.where(degree == 0, 0.0, log - gammaln(d - 1)), dtype=np.float64)


@lru_cache(maxsize=64)
def gauss_gegenbauer(d: int, nodes: int) -> tuple[Floats, Floats]:
    """Return nodes and weights of Gauss quadrature for the law of t: sum of weights 1, exact to degree 2 nodes - 1.

    From the Jacobi matrix of the orthonormal polynomials p_l, t p_l = b_l p_{l-1} + b_{l+1} p_{l+1},
    b_l^2 = l (l + d - 3)/((2l + d - 2)(2l + d - 4)); stable for every d.

    >>> x, w = gauss_gegenbauer(10_000, 20)
    >>> round(float(w @ x**4) * 10_000 * 10_002 / 3, 12)
    1.0
    """
    x, vectors = eigh_tridiagonal(np.zeros(nodes), _recurrence(d, nodes))
    nodes_of, weights = np.asarray(x, dtype=np.float64), np.asarray(vectors[0] ** 2, dtype=np.float64)
    for array in (nodes_of, weights):
        array.flags.writeable = False
    return nodes_of, weights


def _recurrence(d: int, count: int) -> Floats:
    """b_1, ..., b_{count - 1}; for d = 3 these are Legendre's."""
    degree = np.arange(1, count, dtype=np.float64)
    top, bottom = degree * (degree + d - 3), (2 * degree + d - 2) * (2 * degree + d - 4)
    return np.asarray(np.sqrt(top / bottom))


def by_quadrature(kernel: DotProductKernel, d: int, degrees: int, nodes: int = _NODES) -> tuple[Floats, Floats]:
    """Return lambda_l and E t kappa'(t) P_l(t), l = 0, ..., degrees, by Gauss-Gegenbauer quadrature.

    Absolute errors of N_l^{1/2} lambda_l of rounding, for a smooth kernel; algebraic in the nodes at an endpoint
    singularity such as (1 - t)^{1/2}, which large d damps.
    """
    x, weights = gauss_gegenbauer(d, nodes)
    value, slope = _functions(kernel, x)
    b = np.concatenate([[0.0], _recurrence(d, degrees + 2)])
    previous, current = np.zeros_like(x), np.ones_like(x)
    first, second = np.empty(degrees + 1), np.empty(degrees + 1)
    for degree in range(degrees + 1):
        first[degree], second[degree] = weights @ (value * current), weights @ (x * slope * current)
        previous, current = current, (x * current - b[degree] * previous) / b[degree + 1]
    scale = np.exp(-log_multiplicity(d, np.arange(degrees + 1.0)) / 2)
    return first * scale, second * scale


def by_series(kernel: DotProductKernel, d: int, degrees: int) -> tuple[Floats, Floats, float, Floats]:
    """Return lambda_l, E t kappa'(t) P_l(t), the rest beyond `degrees`, and bounds of what the terms left out add.

    lambda_l = sum_i a_{l+2i} E t^{l+2i} P_l(t), E t^{l+2i} P_l(t) = (l+2i)! Gamma(d/2) / (2^{l+2i} i! Gamma(l+i+d/2)):
    every term is positive, so nothing cancels and the relative error is that of the a_j. Source: derived.

    >>> from bigtheta.theory.catalogue import activation
    >>> from bigtheta.theory.kernel import rf_kernel
    >>> by_series(rf_kernel(activation("square")), 10, 2)[0].round(12).tolist()  # 1/4 + t^2/2: 1/4 + 1/20, 1/120
    [0.3, 0.0, 0.008333333333]
    """
    j = np.arange(len(kernel.taylor), dtype=np.float64)
    l = np.arange(degrees + 1, dtype=np.float64)[:, None]  # noqa: E741
    moments = _moments(d, l, j)
    power = kernel.taylor * moments
    beyond = max(kernel.at_one - float(kernel.taylor.sum()), 0.0)
    beyond = 0.0 if beyond < 1e-14 * kernel.at_one else beyond
    last = _moments(d, l, np.array([float(len(j)), float(len(j)) + 1])).max(1)
    shares = (np.exp(log_multiplicity(d, l)) * moments)[:, degrees + 1 :].sum(0)
    rest = float(kernel.taylor[degrees + 1 :] @ np.maximum(1 - shares, 0.0)) + beyond
    return power.sum(1), (power * j).sum(1), rest, beyond * last


def _moments(d: int, l: Floats, j: Floats) -> Floats:  # noqa: E741
    """E t^j P_l(t); l a column, j a row."""
    i = np.maximum((j - l) / 2, 0)
    log = gammaln(j + 1) - j * np.log(2.0) - gammaln(i + 1) + gammaln(d / 2) - gammaln(l + i + d / 2)
    with np.errstate(under="ignore"):
        return np.where((j >= l) & ((j - l) % 2 == 0), np.exp(log), 0.0)


@lru_cache(maxsize=256)
def harmonics(kernel: DotProductKernel, d: int, n: float) -> Harmonics:
    """Return the spectrum of a kernel as far as n samples can see it.

    By the series of positive terms; where that ends too soon (small d and a kernel singular at t = 1), by
    Gauss-Gegenbauer quadrature of its closed form.

    Raises:
        InvalidInputError: for d < 3, or a kernel that is singular and has no closed form at a small d.
    """
    if d < LEAST_DIMENSION:
        raise InvalidInputError(f"kernel limit: expected d >= {LEAST_DIMENSION} but got d={d!r}")
    degree = np.arange(_MOST_DEGREES + 1.0)
    seen = np.cumsum(np.exp(np.minimum(log_multiplicity(d, degree), 600.0)))
    degrees = int(np.clip(np.searchsorted(seen, _ENOUGH * n), 3, _MOST_DEGREES))
    counts = np.exp(np.minimum(log_multiplicity(d, degree[: degrees + 1]), 600.0))
    eigenvalues, slopes, rest, missing = by_series(kernel, d, degrees)
    needed = (seen[: degrees + 1] <= 100 * n) & (eigenvalues > 0)
    if np.any(missing[needed] > 1e-7 * eigenvalues[needed]):
        if kernel.closed is None:
            raise InvalidInputError(
                f"kernel limit: at d={d} the Taylor series of this kernel ends too soon, and it has no closed form; "
                "enlarge d"
            )
        eigenvalues, slopes = by_quadrature(kernel, d, degrees)
        eigenvalues, slopes = np.maximum(eigenvalues, 0.0), np.maximum(slopes, 0.0)
        rest = max(kernel.at_one - float(counts @ eigenvalues), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        radial = np.where(eigenvalues > 0, slopes / eigenvalues, degree[: degrees + 1])
    return Harmonics(counts, eigenvalues, radial, rest)


def _functions(kernel: DotProductKernel, x: Floats) -> tuple[Floats, Floats]:
    """kappa and kappa' at x."""
    if kernel.closed is None:
        return np.polynomial.Polynomial(kernel.taylor)(x), np.polynomial.Polynomial(kernel.taylor).deriv()(x)
    forms = (kernel.closed, sympy.diff(kernel.closed, t))
    value, slope = (np.broadcast_to(np.asarray(sympy.lambdify(t, e, modules="numpy")(x)), x.shape) for e in forms)
    return value, slope
