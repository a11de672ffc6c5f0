"""The plan of a sweep before it runs: trials, operations, memory and time of every cell.

Operations and memory are counted in `numerics.cost` from the linear algebra of the models, and here from what is
measured on them; the time from the rate of a float64 matrix product measured here and now, on one thread as the trials
run. Where operations are only bounded (training, searches), pilot trials are made and timed: see `numerics.pilot`.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, singledispatch

import torch

from bigtheta.numerics.cost import Cost, cost
from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.grassmann import STEPS
from bigtheta.numerics.pilot import PATIENCE, is_iterative, pilot_seconds
from bigtheta.numerics.precision import torch_dtype
from bigtheta.theory.activation import Activation
from bigtheta.theory.data import (
    AdversarialRisk,
    LipschitzLower,
    LipschitzUpper,
    McShane,
    Memorised,
    OperatorNorm,
    Quantity,
    Sobolev,
    TestError,
    TrainError,
)  # fmt: skip
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.model import Model

__all__ = [
    "Cell", "Plan", "available_memory", "check_memory", "memory", "memory_of", "operations", "operations_of", "plan",
    "schedule",
]  # fmt: skip

MOST_EXTRA = 6.0
_SPARE, _RESERVE = 2**23, 1.15
"""Bytes that a small trial takes whatever its sizes, and what an allocator holds of blocks that are free again."""
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


def operations(
    model: Model, cell: Mapping[str, int], *, quantity: Quantity | None = None, activation: Activation | None = None
) -> float:
    """Return the floating-point operations of one trial: the fit, and what the quantity (sobolev) evaluates.

    Matrix products, factorisations and solves; at most so many where training may end before its last step.

    >>> from bigtheta.theory.model import RFKernel
    >>> f"{operations(RFKernel(), {'n': 1000, 'd': 2000}):.1e}"
    '8.5e+09'
    """
    asked = quantity or Sobolev()
    model_cost = cost(model, cell, activation)
    return (model_cost.fit if asked.fits else 0.0) + _measuring(asked, model_cost, cell)[0]


def memory(
    model: Model,
    cell: Mapping[str, int],
    *,
    quantity: Quantity | None = None,
    activation: Activation | None = None,
    precision: str = "float64",
) -> float:
    """Return an upper estimate of one trial's memory in bytes, apart from Python and torch themselves.

    The draws are float64 whatever the precision. Not counted is the rare solve by eigenvalues, which takes about four
    times the Gram matrix more.

    >>> from bigtheta.theory.model import NeuralTangent
    >>> f"{memory(NeuralTangent(), {'n': 8000, 'd': 400, 'k': 400}) / 2**20:.0f} MiB"
    '832 MiB'
    """
    asked, size = quantity or Sobolev(), torch_dtype(precision).itemsize
    n, d, k = (float(cell.get(name, 0)) for name in ("n", "d", "k"))
    model_cost = cost(model, cell, activation)
    points = (2 * n + 2 * asked.points) * d
    working = model_cost.kept + _measuring(asked, model_cost, cell)[1]
    numbers = max(model_cost.fitting, working) if asked.fits else working
    return _RESERVE * (8 * (points + k * d) + size * (numbers + k * d)) + _SPARE


@singledispatch
def _measuring(quantity: Quantity, fitted: Cost, cell: Mapping[str, int]) -> tuple[float, float]:
    """Operations and numbers of measuring a quantity: in general, gradients at its test points."""
    return fitted.gradient(float(max(quantity.points, 1)))


@_measuring.register
def _(quantity: LipschitzLower, fitted: Cost, cell: Mapping[str, int]) -> tuple[float, float]:
    """Three gradients a step at every start."""
    one, numbers = fitted.gradient(float(quantity.starts))
    return (3 * quantity.steps + 1) * one, numbers + 12.0 * quantity.starts * cell["d"]


@_measuring.register
def _(quantity: LipschitzUpper, fitted: Cost, cell: Mapping[str, int]) -> tuple[float, float]:
    """Singular values of the hidden weights."""
    d, k = float(cell["d"]), float(cell.get("k", 0))
    return 4 * d * k * min(d, k), 4 * d * k


@_measuring.register
def _(quantity: McShane, fitted: Cost, cell: Mapping[str, int]) -> tuple[float, float]:
    """Distances of all pairs, a block at a time; projected, after a QR factorisation of the weights."""
    n, d, k = (float(cell.get(name, 0)) for name in ("n", "d", "k"))
    pairs, block = 1.5 * n * n * d, 5 * min(n * n, 4e6)
    if not quantity.projected:
        return pairs, block
    r = min(d, k)
    moving = STEPS * (6 * n * d * r + 6 * n * n * r + 8 * d * r * r) if quantity.optimised else 0.0
    held = 6 * n * n if quantity.optimised else 0.0
    return pairs + 4 * d * k * r + 2 * n * d * r + moving, block + held + 4 * d * k + n * r


@_measuring.register
def _(quantity: OperatorNorm, fitted: Cost, cell: Mapping[str, int]) -> tuple[float, float]:
    """Eigenvalues of a d x d matrix."""
    d = float(cell["d"])
    return 4 * d**3, 4 * d * d


@_measuring.register
def _(quantity: TestError, fitted: Cost, cell: Mapping[str, int]) -> tuple[float, float]:
    return fitted.predict(float(quantity.points))


@_measuring.register(TrainError)
@_measuring.register(Memorised)
def _(quantity: Quantity, fitted: Cost, cell: Mapping[str, int]) -> tuple[float, float]:
    return fitted.predict(float(cell.get("n", 0)))


@_measuring.register
def _(quantity: AdversarialRisk, fitted: Cost, cell: Mapping[str, int]) -> tuple[float, float]:
    return 0.0, 0.0


def operations_of(experiment: Experiment, cell: Mapping[str, int]) -> float:
    """Return `operations` of one trial of an experiment."""
    return operations(experiment.model, cell, quantity=experiment.quantity, activation=experiment.activation)


def memory_of(experiment: Experiment, cell: Mapping[str, int]) -> float:
    """Return `memory` of one trial of an experiment."""
    return memory(
        experiment.model, cell, quantity=experiment.quantity, activation=experiment.activation,
        precision=experiment.precision,
    )  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """The trials of one experiment at one size.

    Attributes:
        measured: seconds of a trial, from pilots; None where the operations tell them.
    """

    experiment: Experiment
    sizes: Mapping[str, int]
    trials: int
    measured: float | None = None

    @property
    def operations(self) -> float:
        """Floating-point operations of all its trials."""
        return self.trials * operations_of(self.experiment, self.sizes)

    def seconds(self, rate: float) -> float:
        """Return the time of all its trials on one thread, at so many operations a second."""
        each = _SLACK * operations_of(self.experiment, self.sizes) / rate + _OVERHEAD
        return self.trials * (each if self.measured is None else self.measured)

    @property
    def memory(self) -> float:
        """Bytes that one trial needs."""
        return memory_of(self.experiment, self.sizes)


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
        return share * sum(cell.seconds(self.rate) for cell in self.cells) / self.jobs

    def __str__(self) -> str:
        stored = f", {self.done} in the store" if self.done else ""
        return (
            f"{self.trials} trials{stored}; {self.operations:.1e} operations, at most {_bytes(self.memory)} a trial, "
            f"about {_duration(self.seconds)} on {self.jobs} {'process' if self.jobs == 1 else 'processes'}"
        )


def plan(experiments: Sequence[Experiment], *, jobs: int = 1, done: int = 0) -> Plan:
    """Return the plan of a sweep; where operations are only bounded, as of training, pilot trials are made for it."""
    rate, cells, slower, until = _rate(), list[Cell](), list[float](), time.perf_counter() + PATIENCE
    for experiment in experiments:
        counted = [
            Cell(experiment, sizes, count) for sizes, count in zip(experiment.cells, experiment.trials, strict=True)
        ]
        if is_iterative(experiment):
            each = [replace(cell, trials=1).seconds(rate) for cell in counted]
            if not slower or time.perf_counter() < until:
                measured = pilot_seconds(experiment, [operations_of(experiment, sizes) for sizes in experiment.cells])
                slower += [true / guess for true, guess in zip(measured, each, strict=True)]
            else:
                factor = statistics.median(slower)
                measured = [factor * guess for guess in each]
            counted = [replace(cell, measured=seconds) for cell, seconds in zip(counted, measured, strict=True)]
        cells += counted
    return Plan(tuple(cells), rate, jobs, done)


def check_memory(experiments: Sequence[Experiment], limit: float) -> None:
    """Refuse a sweep with a trial that does not fit, before anything runs.

    Raises:
        InvalidInputError: naming the trial, what it needs and the limit.
    """
    for experiment in experiments:
        for sizes in experiment.cells:
            if (need := memory_of(experiment, sizes)) > limit:
                where = ", ".join(f"{name} = {size}" for name, size in sizes.items())
                raise InvalidInputError(
                    f"{experiment.model.kind} at {where} needs about {_bytes(need)} of memory, the limit is "
                    f"{_bytes(limit)}; drop that size, or raise the limit (--memory, in GiB)"
                )


def available_memory(device: str = "cpu") -> float:
    """Return the bytes of a device that a sweep may use unless told otherwise: four fifths of what is free now.

    Args:
        device: "cpu", or "cuda" for the memory of the current GPU.
    """
    if device == "cuda":
        free, _ = torch.cuda.mem_get_info()
        return 0.8 * free
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
