"""Pilot trials: how long a trial takes whose operations are only bounded, measured in the smallest and largest cell."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

import torch

from bigtheta.numerics.deadline import OutOfTimeError, limited
from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.trial import Trial, measure
from bigtheta.theory.data import LipschitzLower, McShane
from bigtheta.theory.errors import BigthetaError
from bigtheta.theory.model import AdversarialFeatures
from bigtheta.theory.training import TrainedNetwork

__all__ = ["LIMIT", "PATIENCE", "is_iterative", "pilot_seconds"]

LIMIT = 4.0
"""Seconds of a pilot trial, after which the rest is reckoned from the share of its iterations that was made."""
PATIENCE = 10.0
"""Seconds after which a plan begins no more pilots, and goes by what those made have shown."""
_REMEMBERED: dict[tuple[str, tuple[tuple[str, int], ...]], float] = {}


def is_iterative(experiment: Experiment) -> bool:
    """Whether the operations of a trial are only bounded: it trains, minimises or searches until it has arrived."""
    searched = isinstance(experiment.quantity, LipschitzLower | McShane)
    return searched or isinstance(experiment.model, TrainedNetwork | AdversarialFeatures)


def pilot_seconds(experiment: Experiment, operations: Sequence[float]) -> list[float]:
    """Return the seconds of a trial in each cell: measured in the cheapest and the dearest, a power law between them.

    Args:
        operations: of a trial in each cell, at most.
    """
    order = sorted(range(len(operations)), key=operations.__getitem__)
    low, high = order[0], order[-1]
    first, last = (_seconds(experiment, experiment.cells[at]) for at in (low, high))
    span = math.log(operations[high] / operations[low]) if operations[low] > 0 else 0.0
    power = math.log(last / first) / span if span > 0 else 0.0
    return [first * (count / operations[low]) ** power if span > 0 else first for count in operations]


def _seconds(experiment: Experiment, cell: Mapping[str, int]) -> float:
    """The seconds of one trial on one thread; a second one, where the first shows what is done once for all."""
    key = (experiment.record, tuple(cell.items()))
    if key not in _REMEMBERED:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            found = _timed(experiment, cell, 0)
            _REMEMBERED[key] = min(found, _timed(experiment, cell, 1)) if found < LIMIT / 2 else found
        finally:
            torch.set_num_threads(before)
    return _REMEMBERED[key]


def _timed(experiment: Experiment, cell: Mapping[str, int], index: int) -> float:
    started, done = time.perf_counter(), 1.0
    try:
        with limited(LIMIT):
            measure(Trial(experiment, cell, index, 0, "cpu"))
    except OutOfTimeError as end:
        done = end.done
    except BigthetaError:  # it is told when the trial is made in earnest
        pass
    return max(time.perf_counter() - started, 1e-6) / done
