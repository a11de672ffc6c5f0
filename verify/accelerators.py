"""Accelerators: where a sequence without noise tends, far more closely than an average over unknown corrections says.

Each takes values s_i at abscissas h_i that fall to 0 and removes one power of h after the other:
Richardson's tables T_i^(j) = T_i+ + (T_i+ - T_i)/((h_i/h_i+j)^p_j - 1) on a ladder of powers p_1 < p_2 < ..., and
Bulirsch and Stoer's rational ones in h^omega. None is right for every correction, so a committee is asked: of its
members the half whose last step is smallest; the answer is their median, its error twice the larger of their spread and
twice their median step.
Source: Bulirsch and Stoer 1964; Henkel and Schuetz 1988; the committee is derived, and its coverage is measured in
tests/verify/test_verify_deterministic.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FEWEST", "Tends", "committee"]

Array = npt.NDArray[np.float64]

LADDERS = ((1.0, 2.0, 3.0), (0.5, 1.0, 1.5), (2.0, 4.0, 6.0), (1 / 3, 2 / 3, 1.0), (1.0, 1.5, 2.0))
"""Powers of h that Richardson's tables remove."""
OMEGAS = (0.5, 1.0, 2.0)
FEWEST = 4
"""Values below which no last step says anything."""


@dataclass(frozen=True)
class Tends:
    """What a sequence tends to, and how far off that may be."""

    value: float
    error: float


def committee(h: Array, values: Array) -> Tends | None:
    """Return where values tend as h falls to 0; None of fewer than four.

    Args:
        h: decreasing, positive. Shape (m,).
        values: shape (m,).

    >>> h = 0.5 ** np.arange(1, 8)
    >>> found = committee(h, 2 + 3 * h - h**2)
    >>> abs(found.value - 2) < found.error + 1e-9, found.error < 0.01
    (True, True)
    """
    if len(values) < FEWEST:
        return None
    ends = [_richardson(h, values, ladder) for ladder in LADDERS]
    ends += [_rational(h**omega, values) for omega in OMEGAS]
    finite = [(last, abs(last - before)) for last, before in ends if np.isfinite(last) and np.isfinite(before)]
    if not finite:
        return None
    kept = sorted(finite, key=lambda member: member[1])[: (len(finite) + 1) // 2]
    answers, steps = np.array(kept).T
    return Tends(float(np.median(answers)), float(2 * max(np.ptp(answers), 2 * np.median(steps))))


def _richardson(h: Array, values: Array, ladder: tuple[float, ...]) -> tuple[float, float]:
    """The last two entries of the deepest column: of the last cells, and of those one before."""
    column = values
    for depth, power in enumerate(ladder, start=1):
        if len(column) < 3:
            break
        ratio = (h[:-depth] / h[depth:]) ** power
        column = column[1:] + (column[1:] - column[:-1]) / (ratio - 1)
    return float(column[-1]), float(column[-2])


def _rational(x: Array, values: Array) -> tuple[float, float]:
    """The last two entries of Bulirsch and Stoer's table, as deep as leaves two."""
    before, column = np.zeros(len(values) + 1), values
    for depth in range(1, len(values) - 1):
        step, ratio = column[1:] - column[:-1], x[:-depth] / x[depth:]
        with np.errstate(divide="ignore", invalid="ignore"):
            away = column[1:] - before[1 : len(column)]
            further = column[1:] + step / (ratio * (1 - step / away) - 1)
        further = np.where(step == 0, column[1:], further)
        if not np.isfinite(further).all():
            break
        before, column = column, further
    return float(column[-1]), float(column[-2])
