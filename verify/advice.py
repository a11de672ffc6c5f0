"""What more data would do: how many trials, or which larger sizes, would decide.

True cell means are drawn from what the data say of them, and the same rule judges what a larger sweep would see; what
decides most of the draws is advised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bigtheta.theory.statement import Sense
from bigtheta.verify.fit import CellMeans, Fit, Grid
from bigtheta.verify.mixture import quantiles
from bigtheta.verify.reason import Outlook
from bigtheta.verify.rule import Rule, passes
from bigtheta.verify.verdict import Verdict

__all__ = ["Gridder", "deviations", "outlook", "tau_break"]

Array = npt.NDArray[np.float64]

_DRAWS = 5
_FACTORS = (4, 16, 64)
_QUIET = 1e4
_STEPS = (2, 4, 7)
_UNKNOWN = 1e6
"""Variance of a cell that has not been measured, relative to the largest that has."""
TAU_GRID = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)


class Gridder(Protocol):
    """`slope_grid` or `level_grid`, its options bound."""

    def __call__(self, sizes: Array, v: Array, *, taus: Sequence[float] = ..., weights: Sequence[float] = ...) -> Grid:
        """Return the components of a fit."""
        ...


Decision = Callable[[Sequence[Mapping[float, float]]], Verdict]


def deviations(fits: Sequence[Fit], rule: Rule, shift: float) -> list[list[dict[float, float]]]:
    """Return, for each fit, the quantiles of each judged coefficient less `shift`, by level."""
    columns = max(1, fits[0].design.shape[1] - 1)
    found = []
    for column in range(columns):
        means = np.stack([fit.beta[..., column].ravel() for fit in fits]) - shift
        sds = np.stack([np.sqrt(fit.covariance[..., column, column]).ravel() * fit.scale for fit in fits])
        found.append(quantiles(np.stack([fit.weights.ravel() for fit in fits]), means, sds, rule.levels))
    return [
        [dict(zip(rule.levels, found[column][i].tolist(), strict=True)) for column in range(columns)]
        for i in range(len(fits))
    ]


def outlook(
    gridder: Gridder, sizes: Array, cells: CellMeans, rule: Rule, shift: float, decide: Decision, trials: int
) -> Outlook:
    """Return what would decide.

    Args:
        sizes: shape (cells, s).
        shift: what the coefficients are compared with: 0 for slopes, 1 for a level.
        decide: the verdict on the quantiles of all coefficients.
        trials: trials in the cell that has fewest; 0 if more would say nothing.
    """
    rng = np.random.Generator(np.random.Philox(0))
    grid = gridder(sizes, cells.v)
    fit = grid.fits(cells.y[None])[0]
    truths = grid.draw(cells.y, fit.weights, _DRAWS, rng)

    def seen(where: Array, v: Array, means: Array) -> list[list[dict[float, float]]]:
        return deviations(gridder(where, v).fits(means), rule, shift)

    still = seen(sizes, cells.v / _QUIET, truths)
    floor = float(np.median([max(q[0.95] - q[0.05] for q in found) / 2 for found in still]))
    for factor in _FACTORS if trials and _mostly(map(decide, still)) is not Verdict.INCONCLUSIVE else ():
        noise = np.sqrt(cells.v / factor) * rng.standard_normal(truths.shape)
        if (verdict := _mostly(map(decide, seen(sizes, cells.v / factor, truths + noise)))) is not Verdict.INCONCLUSIVE:
            return Outlook(floor, factor * trials, (), verdict)
    if sizes.shape[1] > 1:
        return Outlook(floor)
    ratio = float(sizes[-1, 0] / sizes[0, 0]) ** (1 / (len(sizes) - 1))
    for steps in _STEPS:
        added = sizes[-1, 0] * ratio ** np.arange(1, steps + 1)
        longer = np.concatenate([sizes[:, 0], added])[:, None]
        unknown = np.full(steps, max(float(cells.v.max()), 1e-6) * _UNKNOWN)
        wider = gridder(longer, np.concatenate([cells.v, unknown]))
        y = np.concatenate([cells.y, np.full(steps, cells.y[-1])])
        means = wider.draw(y, wider.fits(y[None])[0].weights, _DRAWS, rng)
        v = np.concatenate([cells.v, np.full(steps, cells.v[-1])])
        noise = np.sqrt(v) * rng.standard_normal(means.shape)
        if (verdict := _mostly(map(decide, seen(longer, v, means + noise)))) is not Verdict.INCONCLUSIVE:
            return Outlook(floor, None, tuple(float(f"{size:.2g}") for size in added), verdict)
    return Outlook(floor)


def _mostly(verdicts: map[Verdict]) -> Verdict:
    """What is decided if most are decided, INCONCLUSIVE otherwise."""
    counts = Counter(verdicts)
    if 2 * counts[Verdict.INCONCLUSIVE] >= counts.total():
        return Verdict.INCONCLUSIVE
    return max((Verdict.PASS, Verdict.FAIL), key=counts.__getitem__)


def tau_break(gridder: Gridder, sizes: Array, cells: CellMeans, sense: Sense, delta: float, shift: float) -> float:
    """Return the largest correction size tau on a grid for which every coefficient PASSes, were tau known."""
    fit = gridder(sizes, cells.v, taus=TAU_GRID, weights=(1.0,) * len(TAU_GRID)).fits(cells.y[None])[0]
    columns = max(1, fit.design.shape[1] - 1)
    found = np.stack([fit.by_tau(column, (0.05, 0.95)) for column in range(columns)]) - shift
    last = 0.0
    for index, tau in enumerate(TAU_GRID):
        if not all(passes(sense, float(low), float(high), delta) for low, high in found[:, index]):
            break
        last = tau
    return last
