"""Limits of S^2 at infinite width: any n (F1), n ~ d (F2), d << n << d^2 (F3)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.kernel import DotProductKernel
from bigtheta.theory.limits.equivalent import Blocks, fit
from bigtheta.theory.limits.harmonics import harmonics
from bigtheta.theory.slopes import check_moment

__all__ = ["kernel_limit", "polynomial_limit", "polynomial_minimum", "proportional_limit"]

Floats = npt.NDArray[np.float64]


def kernel_limit(
    kernel: DotProductKernel, *, n: npt.ArrayLike, d: int, ridge: float = 0.0, noise: float = 1.0, signal: float = 0.0
) -> Floats:
    """Return S^2 of the fit with a dot-product kernel at any n, for x uniform on the unit sphere S^{d-1}.

    With lambda_l, N_l of `harmonics`, q_l = lambda_l/(lambda_l + tau), tau from n = sum_l N_l q_l + ridge/tau, and
    w_l = l (l + d - 2) + r_l^2, labels y = signal beta . x + noise:

        S^2 = signal^2 q_1^2 w_1/d + R sum_l w_l N_l q_l^2/(n - sum_l N_l q_l^2),   R = noise + signal^2 (1 - q_1)^2/d.

    Beyond the rank of a polynomial kernel it is least squares; inf where n is the rank.

    Raises:
        InvalidInputError: for d < 3, or where kappa' is so steep at 1 that S^2 is infinite at every n: relu, abs and
            leaky relu tangent kernels at d = 3.

    Source: derived; r_l, the radial derivative of the kernel itself, is l up to O(1/d).

    >>> from bigtheta.theory.catalogue import activation
    >>> from bigtheta.theory.kernel import rf_kernel
    >>> kernel_limit(rf_kernel(activation("relu")), n=[1200], d=300).round(1).tolist()
    [86.2]
    """
    check_moment(kernel.edge, 2, int(d), "kernel limit")
    sizes = np.atleast_1d(np.asarray(n, dtype=np.float64))
    spectrum = harmonics(kernel, int(d), 2.0 ** math.ceil(math.log2(float(sizes.max()))))
    target = np.zeros_like(spectrum.counts)
    target[1] = float(spectrum.eigenvalues[1] > 0)
    found = fit(Blocks(spectrum.counts, spectrum.eigenvalues, spectrum.rest + ridge, target), sizes.ravel())
    weights = spectrum.seminorm(int(d))
    total = noise + signal**2 / d * found.unlearned
    learned = signal**2 / d * (target * weights * found.kept**2).sum(1)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(learned + total * (found.variances * weights).sum(1)).reshape(np.shape(n))


def proportional_limit(
    kernel: DotProductKernel,
    *,
    n: npt.ArrayLike,
    d: npt.ArrayLike,
    ridge: float = 0.0,
    noise: float = 1.0,
    signal: float = 0.0,
) -> Floats:
    """Return S^2 for n of order d: the kernel acts as a_1 (X X^T + lambda I).

    gamma = n/d, m the positive root of gamma lambda m^2 + (lambda + 1 - gamma) m = 1, h = d(lambda m)/dlambda:

        S^2 = noise n h + signal^2 gamma (1 - lambda m - lambda h),   lambda = (a* + ridge)/a_1.

    Source: derived, from the law of Marchenko and Pastur. Errors of order 1/d, and of C n/d for n >> d.

    Raises:
        InvalidInputError: where a_1 = 0, as for even activations: S^2 is of order 1 there.

    >>> from bigtheta.theory.catalogue import activation
    >>> from bigtheta.theory.kernel import rf_kernel
    >>> proportional_limit(rf_kernel(activation("relu")), n=[75, 300, 1200], d=300, signal=1).round(1).tolist()
    [41.3, 131.9, 76.0]
    """
    lam = kernel.effective_ridge + ridge / float(kernel.taylor[1]) if kernel.effective_ridge < math.inf else math.inf
    if not lam < math.inf:
        raise InvalidInputError("proportional limit: expected a kernel with a_1 > 0 but a_1 = 0; use kernel_limit")
    sizes, dimension = np.broadcast_arrays(np.asarray(n, dtype=np.float64), np.asarray(d, dtype=np.float64))
    gamma = sizes / dimension
    m, h = stieltjes(gamma, lam)
    return np.asarray(noise * sizes * h + signal**2 * gamma * (1 - lam * m - lam * h))


def stieltjes(gamma: Floats, lam: float) -> tuple[Floats, Floats]:
    """Return m = (1/n) tr (X X^T + lambda)^{-1} and h = (1/n) tr X X^T (X X^T + lambda)^{-2}, rows of X of norm 1.

    >>> m, h = stieltjes(np.array([1.0]), 0.5)
    >>> float(m[0]), round(float(h[0]), 12)
    (1.0, 0.333333333333)
    """
    if lam == 0:
        if np.any(gamma == 1):
            raise InvalidInputError("proportional limit: S^2 is infinite at n = d for a linear kernel; move n")
        inverse = np.where(gamma < 1, 1 / np.abs(1 - gamma), 1 / (gamma * np.abs(gamma - 1)))
        return np.where(gamma < 1, inverse, np.inf), inverse
    b = lam + 1 - gamma
    root = np.sqrt(b * b + 4 * gamma * lam)
    with np.errstate(divide="ignore", invalid="ignore"):
        m = np.where(b >= 0, 2 / (b + root), (root - b) / (2 * gamma * lam))
    return np.asarray(m), np.asarray((1 - lam * m) / root)


def polynomial_limit(kernel: DotProductKernel, *, n: npt.ArrayLike, d: npt.ArrayLike, noise: float = 1.0) -> Floats:
    """Return the leading S^2 for d << n << d^2: noise (d^2/(n - d) + C n/d), C = 4 (a_2/a*)^2.

    Raises:
        InvalidInputError: unless d < n < d^2, or where a_1 = 0 (then noise C n/d alone) is asked of a linear kernel.

    Source: derived.

    >>> from bigtheta.theory.catalogue import activation
    >>> from bigtheta.theory.kernel import rf_kernel
    >>> polynomial_limit(rf_kernel(activation("relu")), n=1000, d=100).round(1).tolist()
    41.8
    """
    sizes, dimension = np.broadcast_arrays(np.asarray(n, dtype=np.float64), np.asarray(d, dtype=np.float64))
    if not np.all((dimension < sizes) & (sizes < dimension**2)):
        raise InvalidInputError(f"polynomial limit: expected d < n < d^2 but got n={n!r}, d={d!r}; use kernel_limit")
    linear = dimension**2 / (sizes - dimension) if kernel.effective_ridge < math.inf else np.zeros_like(sizes)
    return np.asarray(noise * (linear + kernel.curvature * sizes / dimension))


def polynomial_minimum(kernel: DotProductKernel) -> float:
    """Return sqrt(2) C^{1/3}: along n = d^{3/2}/sqrt(C), where S is least, S = sqrt(2) C^{1/3} n^{1/6}.

    Source: derived; the minimum of d^2/n + C n/d over n at fixed d.

    >>> from bigtheta.theory.catalogue import activation
    >>> from bigtheta.theory.kernel import rf_kernel
    >>> round(polynomial_minimum(rf_kernel(activation("relu"))), 3)
    2.055
    """
    return float(math.sqrt(2) * kernel.curvature ** (1 / 3))
