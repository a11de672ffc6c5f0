"""The cells of a peak: their log centres and variances over the log of a ratio of sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bigtheta.verify.fit import DISCREPANCY
from bigtheta.verify.verdict import Verdict

__all__ = ["centres", "merged", "unresolved", "unusable"]

Array = npt.NDArray[np.float64]

POOLING = 8.0
"""Trials' worth of weight that the median variance of the cells gets in each cell."""
_NORMAL_MAD = 1.482602


def unusable(ratios: Array, cells: Sequence[Array], name: str, exact: bool) -> tuple[Verdict, str] | None:
    """Return verdict and reason for cells that cannot be judged, or None."""
    if bad := int((~(np.isfinite(ratios) & (ratios > 0))).sum()):
        return Verdict.ERROR, f"{name} is not a positive number in {bad} of {len(ratios)} cells"
    for value, cell in zip(ratios, cells, strict=True):
        where = f"at {name} = {value:.4g}"
        if not len(cell):
            return Verdict.INCONCLUSIVE, f"no samples {where}; measure that cell or leave it out"
        if bad := int((~np.isfinite(cell)).sum()):
            return Verdict.ERROR, f"{bad} of {len(cell)} samples {where} are not finite numbers"
        if bad := int((cell <= 0).sum()):
            return Verdict.ERROR, f"{bad} of {len(cell)} samples {where} are not positive, so they have no logarithm"
    if not exact and sum(len(cell) - 1 for cell in cells) < 3:
        return Verdict.INCONCLUSIVE, "too few trials to estimate the noise; give two or more independent trials a cell"
    return None


def merged(ratios: Array, cells: Sequence[Array]) -> tuple[Array, list[Array]]:
    """Return log ratios, increasing, and the logs of their samples; those of one ratio together.

    >>> x, logs = merged(np.array([2.0, 1.0, 2.0]), [np.ones(2), np.ones(1), np.ones(3)])
    >>> x.round(3).tolist(), [len(y) for y in logs]
    ([0.0, 0.693], [1, 5])
    """
    order = np.argsort(ratios, kind="stable")
    x = np.log(ratios[order])
    starts = np.flatnonzero(np.diff(x, prepend=-np.inf) > 1e-9)
    groups = np.split(order, starts[1:])
    return x[starts], [np.log(np.concatenate([cells[i] for i in group])) for group in groups]


def unresolved(x: Array, y: Array) -> float:
    """Return the variance of single values around a smooth curve, no less than the discrepancy of a fit.

    Each is compared with the line through its neighbours; the median of these differences passes over the peak itself,
    where a curve is not smooth. Values without noise leave next to nothing.

    >>> unresolved(np.arange(5.0), np.arange(5.0)) == DISCREPANCY**2
    True
    """
    if len(x) < 3:
        return DISCREPANCY**2
    share = (x[1:-1] - x[:-2]) / (x[2:] - x[:-2])
    off = y[1:-1] - (1 - share) * y[:-2] - share * y[2:]
    sd = _NORMAL_MAD * float(np.median(np.abs(off) / np.sqrt(1 + share**2 + (1 - share) ** 2)))
    return max(sd, DISCREPANCY) ** 2


def centres(logs: Sequence[Array], estimand: str, inflation: float = 1.0) -> tuple[Array, Array]:
    """Return each cell's centre and its variance: (8 pool + (m-1) s^2)/(8 + m-1)/m, widened by df/(df - 2).

    The pool is the median of the cells' s^2, since near a peak a few cells are far noisier than the rest. For the
    median, s^2 = (pi/2)(1.4826 MAD)^2.

    Args:
        logs: the log samples of each cell.
        estimand: "geomean" or "median".
        inflation: factor on the variances.

    >>> y, v = centres([np.array([0.0, 0.2]), np.array([1.0, 1.2])], "geomean")
    >>> y.round(3).tolist(), v.round(4).tolist()
    ([0.1, 1.1], [0.0129, 0.0129])
    """
    counts = np.array([len(y) for y in logs], dtype=np.float64)
    if estimand == "median":
        middles = np.array([np.median(y) for y in logs])
        deviations = [np.median(np.abs(y - middle)) for y, middle in zip(logs, middles, strict=True)]
        own = math.pi / 2 * (_NORMAL_MAD * np.array(deviations)) ** 2
    else:
        middles = np.array([y.mean() for y in logs])
        own = np.array([y.var() for y in logs]) * counts / np.maximum(counts - 1, 1)
    several = own[(counts > 1) & (own > 0)]
    pool = float(np.median(several)) if len(several) else 0.0
    degrees = POOLING + counts - 1
    return middles, inflation * (POOLING * pool + (counts - 1) * own) / counts / (degrees - 2)
