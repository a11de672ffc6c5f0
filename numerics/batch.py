"""Trials of one cell as one batch: tensors with a leading dimension, so that a GPU starts each operation once for all.

On a GPU a small trial takes the time of starting its operations, whatever its sizes; on a CPU a batch saves nothing.
A trial's draws are its own and its numbers do not depend on batching, but for the rounding of sums.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from bigtheta.numerics.measure import TOGETHER
from bigtheta.numerics.models.base import Stacked, stacked, stacks
from bigtheta.numerics.plan import memory_of
from bigtheta.numerics.probe import gradient_disagrees, watched
from bigtheta.numerics.sample import Sample
from bigtheta.numerics.trial import Drawn, Trial, draw, finished, is_as_asked, measure, moments

__all__ = ["BATCH_MEMORY", "MOST_TRIALS", "batched_memory", "batches", "drawn_together", "may_batch", "measure_batch"]

BATCH_MEMORY = 2.0**31
"""Bytes that a batch may take: trials so large that few fit gain nothing from it."""
MOST_TRIALS = 256
THREADS = 8
"""Threads that draw for a GPU: it would wait for the draws of small trials."""


def may_batch(trial: Trial) -> bool:
    """Whether the model and the quantity of a trial can be batched: float64, and registered for it."""
    e = trial.experiment
    return stacks(e.model) and e.quantity.kind in TOGETHER and e.dtype == torch.float64


def batched_memory(trial: Trial) -> float:
    """Return an upper estimate of the bytes that a trial adds to a batch: its own, and whole n x n products."""
    return memory_of(trial.experiment, trial.cell) + 8 * 6 * trial.cell["n"] ** 2


def batches(queue: Sequence[Trial], order: Sequence[int], limit: float) -> Iterator[list[int]]:
    """Yield the indices in `order` in groups: trials of one cell of one experiment, as many as fit, or one alone.

    Args:
        order: indices into the queue; groups come in the order of their first.
        limit: bytes for one batch, if less than two gibibytes.
    """
    groups: dict[object, list[int]] = {}
    for i in order:
        trial = queue[i]
        cell = (id(trial.experiment), tuple(trial.cell.items()), trial.seed, trial.device)
        groups.setdefault(cell if may_batch(trial) else i, []).append(i)
    for group in groups.values():
        size = 1
        if len(group) > 1:
            size = max(1, min(MOST_TRIALS, int(min(limit, BATCH_MEMORY) / batched_memory(queue[group[0]]))))
        for start in range(0, len(group), size):
            yield group[start : start + size]


def measure_batch(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return [measure(t) for t in trials], to rounding, for trials of one cell of one experiment.

    A trial whose Cholesky factorisation fails, or whose residual, condition or gradient is off, is measured again
    alone; and so is every trial where the model, the quantity or the inputs do not allow a batch.
    """
    if len(trials) < 2 or not may_batch(trials[0]):
        return [measure(trial) for trial in trials]
    e, device = trials[0].experiment, trials[0].device
    drawn = drawn_together(trials, threads=1 if device == "cpu" else min(THREADS, os.cpu_count() or 1))
    if not all(is_as_asked(trial, one) for trial, one in zip(trials, drawn, strict=True)):
        return [measure(trial) for trial in trials]
    sample, weights = _together(drawn, device)
    del drawn
    fitted = stacked(e.model, x=sample.x, w=weights, y=sample.y, act=e.activation)
    if fitted is None:
        return [measure(trial) for trial in trials]
    fitted, seen = watched(fitted)
    values = TOGETHER[e.quantity.kind](fitted, sample, moments(trials[0]))
    right = ~gradient_disagrees(fitted, seen, e.activation)
    return [
        finished(trial, **numbers) if numbers is not None else measure(trial)
        for trial, numbers in zip(trials, _numbers(fitted, values, right), strict=True)
    ]


def drawn_together(trials: Sequence[Trial], *, threads: int) -> list[Drawn]:
    """Draw every trial on the CPU, in its order; NumPy draws from several streams at a time in threads."""
    if threads == 1:
        return [draw(trial, device="cpu") for trial in trials]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda trial: draw(trial, device="cpu"), trials))


def _together(drawn: Sequence[Drawn], device: str) -> tuple[Sample, Tensor | None]:
    """The samples and weights of all trials on the device, each moved once."""

    def stack(name: str) -> Tensor:
        return torch.stack([getattr(one.sample, name) for one in drawn]).to(device)

    sample = Sample(**{name: stack(name) for name in ("x", "clean", "noise", "z", "clean_z")})
    weights = [one.weights for one in drawn if one.weights is not None]
    return sample, torch.stack(weights).to(device) if weights else None


def _numbers(fitted: Stacked, values: Tensor, right: Tensor) -> Iterator[Mapping[str, Any] | None]:
    """What the row of each trial says, read from the device at once; None for a trial to be measured alone."""
    found = fitted.solution
    fine = found.trusted & right.to(values.device) & torch.isfinite(values)
    table = torch.stack([fine.to(values), values, found.residual, found.condition]).tolist()
    for good, value, residual, condition in zip(*table, strict=True):
        row = {"value": value, "residual": residual, "condition": condition, "status": found.status}
        yield row if good else None
