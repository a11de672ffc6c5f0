"""Deterministic equivalents of ridge regression: what n samples do to features of a known covariance.

Features in blocks, block i of N_i directions whose population eigenvalue is lambda_i; the fit of n labels with a ridge
r on the n x n Gram matrix acts as ridge regression in population, with the effective ridge tau of

    n = sum_i N_i lambda_i/(lambda_i + tau) + (r + t)/tau,

t the trace of directions too small to be resolved. In the mean it keeps the share q_i = lambda_i/(lambda_i + tau) of a
target, and labels of variance s2 about it leave the variance R N_i q_i^2/(n - df2) in block i, df2 = sum_i N_i q_i^2,
R = s2 + bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bigtheta.theory.errors import InvalidInputError

__all__ = ["Blocks", "Fit", "fit"]

Floats = npt.NDArray[np.float64]
_STEPS = 100


@dataclass(frozen=True)
class Blocks:
    """The spectrum of a model.

    Attributes:
        counts: N_i, real numbers. Shape (m,).
        eigenvalues: lambda_i >= 0. Shape (m,).
        rest: t + r.
        target: share of the target in block i, in units of E g^2, summing to at most 1; what is left cannot be
            expressed and acts as noise. Shape (m,).
    """

    counts: Floats
    eigenvalues: Floats
    rest: float
    target: Floats

    @property
    def rank(self) -> float:
        """How many labels can be fitted without a ridge."""
        return float("inf") if self.rest > 0 else float(self.counts[self.eigenvalues > 0].sum())


@dataclass(frozen=True)
class Fit:
    """What is fitted at each n. Shapes: n (c,), ridge (c,), kept (c, m), variances (c, m).

    Attributes:
        n: the sizes.
        ridge: tau, the effective ridge; 0 for least squares.
        kept: q_i.
        variances: N_i q_i^2/(n - df2): the variance in block i for R = 1; inf at n = rank.
        unlearned: the share of E g^2 in the bias.
    """

    n: Floats
    ridge: Floats
    kept: Floats
    variances: Floats
    unlearned: Floats


def fit(blocks: Blocks, n: Floats) -> Fit:
    """Return the equivalent of a fit of n labels; n may exceed the rank, where it is least squares.

    Source: derived (the fixed point of generalised cross-validation).

    >>> found = fit(Blocks(np.array([10.0]), np.array([1.0]), 0.0, np.array([1.0])), np.array([5.0, 20.0]))
    >>> found.ridge.round(12).tolist(), found.variances[:, 0].round(12).tolist()
    ([1.0, 0.0], [1.0, 1.0])
    """
    if not blocks.rank > 0:
        raise InvalidInputError("limit: expected features that are not all 0 but every eigenvalue is; change phi")
    tau = _effective_ridge(blocks, n)
    values = blocks.eigenvalues
    with np.errstate(invalid="ignore", divide="ignore", under="ignore"):
        kept = np.where(values > 0, values / (values + tau[:, None]), 0.0)
        parts = blocks.counts * kept**2
        # n - df2 = sum N q (1 - q) + rest/tau, without cancellation; for least squares n - rank
        beyond = np.where(_near(n, blocks.rank), 0.0, n - blocks.rank)
        left = (blocks.counts * kept * (1 - kept)).sum(1) + np.where(tau > 0, blocks.rest / tau, beyond)
        variances = np.where(parts > 0, parts / left[:, None], 0.0)
        bias = (blocks.target * (1 - kept) ** 2).sum(1) + max(1 - float(blocks.target.sum()), 0.0)
    return Fit(n, tau, kept, variances, bias)


def _near(n: Floats, rank: float) -> npt.NDArray[np.bool_]:
    """Whether n is the rank, up to the rounding of its sum."""
    return np.abs(n - rank) < 1e-9 * n


def _effective_ridge(blocks: Blocks, n: Floats) -> Floats:
    """tau at each n, by Newton's method in log tau, kept within a bracket."""
    used = blocks.eigenvalues > 0
    counts, values = blocks.counts[used], blocks.eigenvalues[used]
    result = np.zeros_like(n)
    chosen = (n < blocks.rank) & ~_near(n, blocks.rank)
    size = n[chosen]
    if not size.size:
        return result
    high = np.log((float((counts * values).sum()) + blocks.rest) / size)
    low = np.log(blocks.rest / size) if blocks.rest > 0 else np.full_like(high, np.log(float(values.min())) - 60.0)
    x = high.copy()
    for _ in range(_STEPS):
        tau = np.exp(x)
        q = values / (values + tau[:, None])
        freedom = q @ counts + blocks.rest / tau
        slope = -((q * (1 - q)) @ counts + blocks.rest / tau) / freedom
        gap = np.log(freedom / size)
        low, high = np.where(gap > 0, x, low), np.where(gap > 0, high, x)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = x - gap / slope
        inside = (step > low) & (step < high)
        step = np.where(inside, step, (low + high) / 2)
        if np.all(np.abs(step - x) < 1e-14 * (1 + np.abs(x))):
            break
        x = step
    result[chosen] = np.exp(x)
    return result
