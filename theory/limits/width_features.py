"""The limit of S^2 for random features of finite width (F4), x uniform on the unit sphere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.limits.marchenko_pastur import marchenko_pastur
from bigtheta.theory.limits.width import WidthConstants, energies

__all__ = ["random_features_limit"]

Floats = npt.NDArray[np.float64]
_LEAST_GAP = 1e-6


def random_features_limit(
    phi: WidthConstants,
    *,
    n: npt.ArrayLike,
    d: int,
    k: int,
    ridge: float = 0.0,
    noise: float = 1.0,
    signal: float = 0.0,
) -> Floats:
    """Return S^2 of random features at any n: min-norm for n < k, ridge, or least squares for n > k; inf at n = k.

    M = W W^T/d, Sigma = mu_1^2 M + mu_*^2 I, B = d (mu_1^2 M + (nu - mu_1^2) I), tau from n = tr Sigma (Sigma +
    tau)^{-1} + k ridge/tau (0 for n > k), df2 = tr (Sigma (Sigma + tau)^{-1})^2; labels y = signal beta . x + noise:

        S^2 = signal^2 (mu_1/d)^2 tr M B (Sigma + tau)^{-2} + R tr B Sigma (Sigma + tau)^{-2}/(n - df2),
        R = noise + (signal^2/d) (1 - (mu_1^2/d) tr M (Sigma + 2 tau) (Sigma + tau)^{-2}).

    Two refinements that matter beyond n, k ~ d: the constant mu_0 takes one direction, of eigenvalue k mu_0^2; and on
    the k - d zeros of M the quadratic part is mu_2^2 M2, M2 of the Marchenko-Pastur law of ratio k to d (d + 1)/2 - 1,
    with gradients 2 d mu_2^2 M2. For k -> infinity this is the kernel's limit up to degree 2, with an excess of noise
    (n d/k)(nu - mu_1^2)/a* for d << n << k.

    Raises:
        InvalidInputError: where phi jumps, so that S is infinite.

    Source: derived. Errors of order 1/d, and those of the kernel's cubic part, n/d^3.

    >>> from bigtheta.theory.catalogue import activation
    >>> from bigtheta.theory.limits.width import width_constants
    >>> relu = width_constants(activation("relu"))
    >>> random_features_limit(relu, n=[100, 200, 300, 700], d=100, k=250, signal=1).round().tolist()
    [163.0, 878.0, 1092.0, 122.0]
    """
    if phi.slope is None:
        raise InvalidInputError("random features limit: expected a continuous phi but it jumps, so S is infinite")
    nonlinear = phi.quadratic + phi.higher
    gap = nonlinear / phi.linear if phi.linear > 0 else 1.0
    s, counts = marchenko_pastur(k, d, gap=max(gap, _LEAST_GAP))
    values = phi.linear * s + nonlinear
    gradients = d * (phi.linear * s + 2 * phi.quadratic + phi.slope_higher)
    target = np.divide(phi.linear * s, values, out=np.zeros_like(s), where=values > 0) * counts / d
    zeros = s == 0
    if zeros.any() and phi.quadratic > 0:
        many = float(counts[zeros].sum())
        v, shares = marchenko_pastur(many, max(d * (d + 1) / 2 - 1, 1), gap=max(phi.higher / phi.quadratic, 1e-4))
        counts = np.append(counts[~zeros], shares)
        values = np.append(values[~zeros], phi.quadratic * v + phi.higher)
        gradients = np.append(gradients[~zeros], d * (2 * phi.quadratic * v + phi.slope_higher))
        target = np.append(target[~zeros], np.zeros_like(v))
    if phi.mean > 0:
        counts = np.append(counts * (1 - 1 / k), 1.0)
        values = np.append(values, k * phi.mean + nonlinear)
        gradients = np.append(gradients, d * (2 * phi.quadratic + phi.slope_higher))
        target = np.append(target, 0.0)
    return energies(
        counts, values, gradients, target, n=n, d=d, rest=k * ridge, noise=noise, signal=signal
    )  # fmt: skip
