"""Approximation against robustness as a curve, and where a smaller error comes with more robustness.

Along a path of students, such as rho = m/d growing, E falls and S rises: "robustness can only get worse as the error
improves". A retreat is a stretch where both fall together.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.limits.quadratic_base import Array, QuadraticLimit, checked
from bigtheta.theory.limits.quadratic_features import initialisation, lazy_random_features, random_features
from bigtheta.theory.limits.quadratic_tangent import (
    gradient_flow,
    lazy_gradient_flow,
    lazy_neural_tangent,
    neural_tangent,
    smooth_neural_tangent,
)
from bigtheta.theory.limits.quadratic_trained import trained

__all__ = ["LIMITS", "Retreat", "Tradeoff", "retreats", "tradeoff"]

LIMITS: Mapping[str, Callable[..., QuadraticLimit]] = {
    "initialisation": initialisation,
    "rf": random_features,
    "lazy-rf": lazy_random_features,
    "nt": neural_tangent,
    "lazy-nt": lazy_neural_tangent,
    "smooth-nt": smooth_neural_tangent,
    "gradient-flow": gradient_flow,
    "lazy-gradient-flow": lazy_gradient_flow,
    "trained": trained,
}
"""The limit of each regime; at initialisation along `scale`, for it has no width."""
_TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False)
class Tradeoff:
    """The curve (E, S) of a regime along one of its arguments.

    Attributes:
        regime: its name in `LIMITS`.
        along: the argument that varies.
        at: its values, increasing. Shape (N,).
        error, robustness: E and S there. Shape (N,).
        limit: the function that gives both at any value.
    """

    regime: str
    along: str
    at: Array
    error: Array
    robustness: Array
    limit: Callable[[float], QuadraticLimit]

    @property
    def slack(self) -> float:
        """The least sqrt S - (1 - sqrt E) on the curve; the universal bound says >= 0."""
        return float(np.min(QuadraticLimit(self.error, self.robustness).slack))


@dataclass(frozen=True)
class Retreat:
    """A stretch of a curve on which E and S fall together.

    Attributes:
        start, stop: the argument where E is largest and smallest on it.
        error: E at start and stop.
        robustness: S at start and stop.
    """

    start: float
    stop: float
    error: tuple[float, float]
    robustness: tuple[float, float]


def tradeoff(regime: str, *, at: npt.ArrayLike, along: str = "rho", **options: Any) -> Tradeoff:
    """Return E and S of a regime along rho, or along another of its arguments (ridge, time, ...).

    Args:
        regime: "initialisation", "rf", "lazy-rf", "nt", "lazy-nt", "smooth-nt", "gradient-flow", "lazy-gradient-flow"
            or "trained".
        at: at least three increasing values of the argument.
        along: the name of the argument.
        options: the other arguments, of the regime's own function; numbers, not arrays.

    Raises:
        InvalidInputError: for an unknown regime or argument, or values that do not increase.

    Source: derived.

    >>> curve = tradeoff("rf", phi="relu", at=[0.5, 1.0, 2.0])
    >>> curve.robustness.round(4).tolist(), curve.slack > 0
    ([0.1201, 0.2948, 0.5847], True)
    """
    if regime not in LIMITS:
        raise unknown_name("regime of a quadratic student", regime, LIMITS)
    values = checked("tradeoff", "at", at, infinite=True)
    if values.ndim != 1 or values.size < 3 or np.any(np.diff(values) <= 0):
        raise InvalidInputError(f"tradeoff: expected at least 3 increasing values but got at={at!r}")
    try:
        inspect.signature(LIMITS[regime]).bind(**{along: values}, **options)
    except TypeError as error:
        raise InvalidInputError(
            f"tradeoff: regime {regime!r} along {along!r} with the options {sorted(options)}: {error}; its arguments "
            f"are {', '.join(inspect.signature(LIMITS[regime]).parameters)}"
        ) from error
    pair = LIMITS[regime](**{along: values}, **options)
    if np.shape(pair.error) != values.shape:
        raise InvalidInputError(f"tradeoff: expected numbers as options but got arrays among {sorted(options)}")

    def limit(value: float) -> QuadraticLimit:
        return LIMITS[regime](**{along: value}, **options)

    return Tradeoff(regime, along, values, pair.error, pair.robustness, limit)


def retreats(curve: Tradeoff) -> tuple[Retreat, ...]:
    """Return every stretch of the curve on which robustness gets better as the error improves: S falls as E falls.

    Neighbouring points between which E and S move the same way, by more than 1e-10, joined into the longest stretches;
    an end inside the curve is then moved to the extremum of S or of E that makes it. A stretch shorter than the spacing
    of the curve's points can be missed.

    Args:
        curve: of `tradeoff`.

    Source: derived.

    >>> he = (0, 0, 0.4**0.5) + (0,) * 9 + (0.6**0.5,)
    >>> (stretch,) = retreats(tradeoff("rf", phi=he, at=np.geomspace(0.1, 20, 60)))
    >>> round(stretch.start, 4), [round(s, 3) for s in stretch.robustness]
    (5.0, [1.333, 1.185])
    >>> retreats(tradeoff("rf", phi="relu", at=np.geomspace(0.1, 20, 60)))
    ()
    """
    moves = np.array([_direction(curve.error), _direction(curve.robustness)])
    together = np.append(moves[0] * moves[1] > 0, False)
    found, first = [], None
    for index, inside in enumerate(together):
        if inside and first is None:
            first = index
        elif first is not None and not (inside and np.array_equal(moves[:, index], moves[:, index - 1])):
            found.append(_stretch(curve, moves, first, index))
            first = index if inside else None
    return tuple(found)


def _direction(values: Array) -> Array:
    steps = np.diff(values)
    return np.where(np.abs(steps) > _TOLERANCE, np.sign(steps), 0.0)


def _stretch(curve: Tradeoff, moves: Array, first: int, last: int) -> Retreat:
    """From point `first` to point `last` of the curve, with its ends refined."""
    ends = [_extremum(curve, moves, index) for index in (first, last)]
    if moves[0, first] > 0:
        ends.reverse()
    pairs = [curve.limit(end) for end in ends]
    return Retreat(ends[0], ends[1], (pairs[0].error, pairs[1].error), (pairs[0].robustness, pairs[1].robustness))


def _extremum(curve: Tradeoff, moves: Array, index: int) -> float:
    """The extremum, between the two neighbours of a point, of whichever of E and S turns there; else the point."""
    here = float(curve.at[index])
    if index in (0, len(curve.at) - 1) or not math.isfinite(curve.at[index + 1]):
        return here
    before, after = moves[:, index - 1], moves[:, index]
    turned = [which for which in (0, 1) if before[which] * after[which] < 0]
    if len(turned) != 1:
        return here
    which = turned[0]

    def height(value: float, sign: float) -> float:
        pair = curve.limit(value)
        return sign * float(pair.error if which == 0 else pair.robustness)

    sign = -1.0 if before[which] > 0 else 1.0
    best = minimize_scalar(
        partial(height, sign=sign), bounds=(float(curve.at[index - 1]), float(curve.at[index + 1])), method="bounded",
        options={"xatol": 1e-9 * here},
    )  # fmt: skip
    return float(best.x)
