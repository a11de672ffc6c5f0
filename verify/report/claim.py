"""The line of a claim through measured cells: as figures draw it and tables print it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bigtheta.verify.verdict import Judgement

__all__ = ["ABOVE", "claim_line", "is_one_sided"]

ABOVE = {"Omega": True, "O": False}
"""One-sided senses, and whether they allow what lies above the line."""


def is_one_sided(j: Judgement) -> bool:
    """Whether the line is a bound on the cells: a claim Omega or O, and no exact limit beside it."""
    return j.bridge is None and j.sense in ABOVE


def claim_line(j: Judgement) -> npt.NDArray[np.float64]:
    """Return the line at the cells: the formula times the implied constant, or what else `Cell.predicted` holds.

    For a one-sided claim it is moved so that every cell lies on the side that the claim allows, and one of them on it.
    Shape (cells,).
    """
    predicted = np.array([cell.predicted for cell in j.cells], dtype=np.float64)
    if not is_one_sided(j):
        return predicted
    with np.errstate(all="ignore"):
        ratios = np.array([cell.geomean for cell in j.cells], dtype=np.float64) / predicted
    ratios = ratios[np.isfinite(ratios) & (ratios > 0)]
    touching = (ratios.min() if ABOVE[j.sense] else ratios.max()) if len(ratios) else 1.0
    return np.asarray(predicted * touching, dtype=np.float64)
