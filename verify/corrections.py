"""Finite-size corrections that a fit averages over: their shapes, and how much each is believed beforehand.

A quantity is (law)(1 + correction), and the correction vanishes as the sizes grow. Its shape is unknown: a power
u^-omega with u = v/v_min, two powers omega and 2 omega, a power beside log(u) u^-omega, which grows before it decays,
or 1/log v and its square, v each size that varies; with several sizes also their ratios. Its relative size at the
smallest cell is c ~ N(0, tau^2). Source: derived; the weights were set on the development families of `bigtheta
calibrate`, and are not adjusted to data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["TAUS", "TAU_WEIGHTS", "Shape", "decays", "shapes"]

Array = npt.NDArray[np.float64]

TAUS = (0.0, 0.1, 0.3, 1.0)
"""Standard deviations of the relative correction at the smallest cell."""
TAU_WEIGHTS = (0.10, 0.15, 0.70, 0.05)


@dataclass(frozen=True)
class Shape:
    """One form of correction: columns u^-omega for each omega, with `rising` also e omega log(u) u^-omega / 2, which is
    1/2 at its highest; or, if `logarithmic`, (log v_min/log v)^j for each j."""

    exponents: tuple[float, ...]
    weight: float
    logarithmic: bool = False
    rising: bool = False


@cache
def shapes(*, level: bool = False) -> tuple[Shape, ...]:
    """Return the forms with their prior weights (not normalised); a level is moved more by logarithms than a slope."""
    logarithms = 1.0 if level else 0.5
    singles = {1 / 5: 0.5, 1 / 4: 0.5, 1 / 3: 2.5, 1 / 2: 0.5, 2 / 3: 0.5, 1.0: 2.0, 4 / 3: 2.0, 2.0: 2.0}
    return (
        *(Shape((omega,), weight) for omega, weight in singles.items()),
        *(Shape((omega, 2 * omega), 1.0) for omega in (1 / 2, 2 / 3, 1.0)),
        *(Shape((omega,), 1.0, rising=True) for omega in (1 / 2, 1.0)),
        Shape((1.0,), logarithms, logarithmic=True),
        Shape((1.0, 2.0), logarithms, logarithmic=True),
    )


def decays(sizes: Array, *, level: bool = False) -> tuple[list[Array], Array]:
    """Return the columns of each form at the cells, and the weights of the forms (sum 1).

    Forms in log v are left out where a size is 1 or less, which has no positive logarithm.

    Args:
        sizes: shape (cells, v): the sizes that vary.
        level: weights for a level in place of slopes.

    Returns:
        Arrays (cells, columns), one for each form.

    >>> columns, weights = decays(np.array([[10.0], [100.0]]))
    >>> columns[5].round(3).tolist(), round(float(weights.sum()), 12)
    ([[1.0], [0.1]], 1.0)
    """
    relative = sizes / sizes.min(0)
    logs = np.log(sizes.min(0)) / np.log(np.maximum(sizes, 1 + 1e-9))
    kept = [s for s in shapes(level=level) if not s.logarithmic or sizes.min() > 1]
    columns = [_columns(s, logs if s.logarithmic else relative, relative) for s in kept]
    weights = np.array([s.weight for s in kept])
    return columns, weights / weights.sum()


def _columns(shape: Shape, base: Array, relative: Array) -> Array:
    """The columns of one form: of each size, and of each ratio of two sizes, 1 where the ratio is largest."""
    if shape.logarithmic:
        return np.concatenate([base**j for j in shape.exponents], axis=1)
    ratios = _ratios(relative)
    columns = [np.hstack([relative**-omega, ratios**omega]) for omega in shape.exponents]
    if shape.rising:
        columns += [math.e / 2 * omega * np.log(relative) * relative**-omega for omega in shape.exponents]
    return np.concatenate(columns, axis=1)


def _ratios(relative: Array) -> Array:
    """v_i/v_j over its maximum, for every ordered pair of sizes. Shape (cells, pairs)."""
    count = relative.shape[1]
    pairs: Sequence[Array] = [relative[:, i] / relative[:, j] for i in range(count) for j in range(count) if i != j]
    if not pairs:
        return np.empty((len(relative), 0))
    ratios = np.stack(pairs, axis=1)
    return np.asarray(ratios / ratios.max(0), dtype=np.float64)
