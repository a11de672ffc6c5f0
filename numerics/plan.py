"""The plan of a sweep before it runs: trials, operations, memory and time of every cell.

Operations and memory are counted from the linear algebra of the models; the time from the rate of a float64 matrix
product measured here and now, on one thread as the trials run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import torch

from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.measure import TEST_POINTS
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.model import Model, NeuralTangent, RandomFeatures

__all__ = ["Cell", "Plan", "available_memory", "memory", "operations", "plan", "schedule"]

MOST_EXTRA = 6.0
_BLOCK = 1024
_KEPT = 2**25
_OVERHEAD = 0.002
"""Seconds of a trial that no operation count shows: drawing, Python, the test points."""
_SLACK = 1.5
"""A trial takes about so many times the time of its matrix products."""


def schedule(cells: Sequence[Mapping[str, int]], trials: int) -> tuple[int, ...]:
    """Return trials for each cell: `trials` in the dearest, growing as cost^(-1/3) to at most six times that.

    >>> schedule([{"n": 50, "d": 100}, {"n": 1600, "d": 3200}], 12)
    (72, 12)
    """
    costs = [_cost(cell) for cell in cells]
    return tuple(round(trials * min(MOST_EXTRA, (max(costs) / cost) ** (1 / 3))) for cost in costs)


def _cost(cell: Mapping[str, int]) -> float:
    """Multiplications of one trial, roughly, whatever the model."""
    d, k = (float(cell.get(name, 0)) for name in ("d", "k"))
    n = float(cell.get("n", max(d, k)))  # a student of the population has no samples
    return n * d * max(n, k) + n * n * max(n / 3, k)


def operations(model: Model, cell: Mapping[str, int]) -> float:
    """Return the floating-point operations of one trial: Gram, Cholesky, gradients at the test points.

    >>> from bigtheta.theory.model import RFKernel
    >>> f"{operations(RFKernel(), {'n': 1000, 'd': 2000}):.1e}"
    '8.4e+09'
    """
    n, d, k = (float(cell.get(name, 0)) for name in ("n", "d", "k"))
    m = float(TEST_POINTS)
    if isinstance(model, RandomFeatures):
        gram, gradient = 2 * n * d * k + 2 * n * n * k, 4 * m * d * k
    elif isinstance(model, NeuralTangent):
        gram, gradient = 2 * n * d * k + 2 * n * n * (k + d), 2 * n * k * d + 8 * m * d * k
    else:
        gram, gradient = 2 * n * n * d, 4 * m * n * d
    return gram + gradient + n**3 / 3


def memory(model: Model, cell: Mapping[str, int]) -> float:
    """Return an upper estimate of one trial's memory in bytes, float64, apart from Python and torch themselves.

    >>> f"{memory(NeuralTangent(), {'n': 4000, 'd': 400, 'k': 400}) / 2**20:.0f} MiB"
    '900 MiB'
    """
    n, d, k = (float(cell.get(name, 0)) for name in ("n", "d", "k"))
    m = float(TEST_POINTS)
    inputs = (n + m) * d
    if isinstance(model, RandomFeatures):
        numbers = k * d + 6 * n * n + 2 * max(n, m) * min(k, _BLOCK) + (n * k if n * k <= _KEPT else 0)
    elif isinstance(model, NeuralTangent):
        numbers = 2 * k * d + 7 * n * n + 2 * n * k + 3 * m * k
    else:
        numbers = k * d + 11 * n * n + 6 * m * n  # a closed form makes a temporary of each of its terms
    return 8 * (inputs + numbers)


@dataclass(frozen=True)
class Cell:
    """The trials of one experiment at one size."""

    experiment: Experiment
    sizes: Mapping[str, int]
    trials: int

    @property
    def operations(self) -> float:
        """Floating-point operations of all its trials."""
        return self.trials * operations(self.experiment.model, self.sizes)

    @property
    def memory(self) -> float:
        """Bytes that one trial needs."""
        return memory(self.experiment.model, self.sizes)


@dataclass(frozen=True)
class Plan:
    """Every cell of a sweep, and how many of its trials are in the store already.

    Attributes:
        rate: float64 operations a second of one thread here.
    """

    cells: tuple[Cell, ...]
    rate: float
    jobs: int = 1
    done: int = 0

    @property
    def trials(self) -> int:
        """Trials in all."""
        return sum(cell.trials for cell in self.cells)

    @property
    def operations(self) -> float:
        """Floating-point operations in all."""
        return sum(cell.operations for cell in self.cells)

    @property
    def memory(self) -> float:
        """Bytes of the largest trial."""
        return max((cell.memory for cell in self.cells), default=0.0)

    @property
    def seconds(self) -> float:
        """Estimated time of what is not in the store."""
        share = 1 - self.done / self.trials if self.trials else 0.0
        return share * (_SLACK * self.operations / self.rate + _OVERHEAD * self.trials) / self.jobs

    def __str__(self) -> str:
        stored = f", {self.done} in the store" if self.done else ""
        return (
            f"{self.trials} trials{stored}; {self.operations:.1e} operations, at most {_bytes(self.memory)} a trial, "
            f"about {_duration(self.seconds)} on {self.jobs} {'process' if self.jobs == 1 else 'processes'}"
        )


def plan(experiments: Sequence[Experiment], *, jobs: int = 1, done: int = 0) -> Plan:
    """Return the plan of a sweep."""
    cells = tuple(
        Cell(experiment, sizes, count)
        for experiment in experiments
        for sizes, count in zip(experiment.cells, experiment.trials, strict=True)
    )
    return Plan(cells, _rate(), jobs, done)


def check_memory(experiments: Sequence[Experiment], limit: float) -> None:
    """Refuse a sweep with a trial that does not fit, before anything runs.

    Raises:
        InvalidInputError: naming the trial, what it needs and the limit.
    """
    for experiment in experiments:
        for sizes in experiment.cells:
            if (need := memory(experiment.model, sizes)) > limit:
                where = ", ".join(f"{name} = {size}" for name, size in sizes.items())
                raise InvalidInputError(
                    f"{experiment.model.kind} at {where} needs about {_bytes(need)} of memory, the limit is "
                    f"{_bytes(limit)}; drop that size, or raise the limit (--memory, in GiB)"
                )


def available_memory() -> float:
    """Return the bytes of memory that a sweep may use unless told otherwise: four fifths of what is free now."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        return 0.8 * 1024 * float(lines["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return 0.4 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 4e9


@cache
def _rate() -> float:
    """Operations a second of a 512 x 512 float64 product on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        a = torch.ones(512, 512, dtype=torch.float64)
        best = float("inf")
        for _ in range(4):
            start = time.perf_counter()
            a @ a
            best = min(best, time.perf_counter() - start)
        return 2 * 512**3 / best
    finally:
        torch.set_num_threads(before)


def _bytes(count: float) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{max(1, round(count / 2**20))} MiB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
