"""Random effects between cells: what separates cell means beyond their noise and any correction.

A machine that was warm, another build, a batch of its own: each cell then has an offset of its own, and y_i = (the
model of `verify.fit`) + b_i, b_i ~ N(0, s^2). s is unknown and averaged over, on a grid beside tau: V gains s^2 on its
diagonal, and each s weighs as much as its marginal likelihood says. Without it, a correction that decays is made to
explain such offsets, and the slope beside it is believed to be another one.

Only where the fit without effects is rejected are they looked for; a fit that fits stays as it is.
Source: derived; error rates are measured in tests/verify/test_verify_effects.py and by `bigtheta calibrate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bigtheta.verify.advice import Gridder
from bigtheta.verify.fit import MISFIT_LEVEL, CellMeans, Fit, Grid

__all__ = ["EFFECTS", "fitted", "widened"]

Array = npt.NDArray[np.float64]

EFFECTS = (0.0, 0.02, 0.04, 0.08, 0.16)
"""Standard deviations s of the cells' own offsets, relative, each as likely beforehand. Cells further apart than the
largest are no sample of the law, and then the fit stays rejected."""


def fitted(gridder: Gridder, sizes: Array, cells: CellMeans, *, unit: float = 1.0) -> Fit:
    """Fit with effects between the cells where the fit without is rejected at 5%.

    Args:
        sizes: shape (cells, s).
        unit: what effects are relative to: 1 for logs, the usual cell mean for a level.

    >>> from bigtheta.verify.fit import slope_grid
    >>> n = np.array([25.0, 50.0, 100.0, 200.0, 400.0])[:, None]
    >>> steady = CellMeans(np.zeros(5), np.full(5, 1e-6), 100)
    >>> uneven = CellMeans(np.array([0.04, -0.06, 0.08, -0.05, 0.03]), np.full(5, 1e-6), 100)
    >>> fitted(slope_grid, n, steady).effects, round(fitted(slope_grid, n, uneven).effects, 2)
    (0.0, 0.1)
    """
    plain = gridder(sizes, cells.v).fits(cells.y[None])[0]
    if plain.misfit_p >= MISFIT_LEVEL:
        return plain
    wider = [gridder(sizes, cells.v + (s * unit) ** 2).fits(cells.y[None])[0] for s in EFFECTS[1:]]
    return _joined([plain, *wider])


def _joined(fits: Sequence[Fit]) -> Fit:
    """Every s is a part of the grid, along the axis of tau; the likeliest component of all says how well it fits."""
    evidence = np.array([fit.evidence for fit in fits])
    share = np.exp(evidence - evidence.max())
    share /= share.sum()
    best = max(fits, key=lambda fit: float(fit.likelihood.max()))
    return replace(
        best,
        weights=np.concatenate([w * fit.weights for w, fit in zip(share, fits, strict=True)]),
        likelihood=np.concatenate([fit.likelihood for fit in fits]),
        beta=np.concatenate([fit.beta for fit in fits]),
        covariance=np.concatenate([fit.covariance for fit in fits]),
        evidence=float(evidence.max() + np.log(np.exp(evidence - evidence.max()).mean())),
        effects=float(np.sqrt(share @ np.square(EFFECTS))),
    )


def widened(gridder: Gridder, variance: float) -> Gridder:
    """Return a fit in which every cell has so much variance of its own, which no number of trials lessens."""

    def grid(sizes: Array, v: Array, **options: Sequence[float]) -> Grid:
        return gridder(sizes, v + variance, **options)

    return grid if variance > 0 else gridder
