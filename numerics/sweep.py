"""Sweeps: a plan of trials, run one by one or over processes, into one pandas frame with a row a trial.

Every trial runs on one BLAS thread, whatever the number of jobs, so its numbers do not depend on how it was run.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import pandas as pd
import torch

from bigtheta.numerics.lower import check_simulable
from bigtheta.numerics.measure import TEST_POINTS, sobolev
from bigtheta.numerics.models import check_registered, interpolator
from bigtheta.numerics.sample import draw_inputs, draw_labels, draw_weights
from bigtheta.numerics.streams import Role, Streams
from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import activation as find_activation
from bigtheta.theory.errors import InvalidInputError, unknown_name, whole_number
from bigtheta.theory.law import Law
from bigtheta.theory.model import (
    Inputs,
    Labels,
    Model,
    Quantity,
    inputs,
    labels,
    model,
    quantity,
)

__all__ = ["Experiment", "choose_device", "run", "schedule", "simulate"]

MOST_EXTRA = 6.0

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Experiment:
    """One simulation: a model with an activation, measured trials[i] times at the sizes cells[i]."""

    model: Model
    activation: Activation
    cells: tuple[Mapping[str, int], ...]
    trials: tuple[int, ...]
    quantity: Quantity = Quantity.SOBOLEV
    inputs: Inputs = Inputs.SPHERE
    labels: Labels = field(default_factory=Labels)

    @classmethod
    def of(cls, law: Law, act: Activation | str, trials: Sequence[int]) -> Experiment:
        """Return what a law asks for, for one activation, with so many trials in each cell."""
        return cls(law.model, find_activation(act), law.cells, tuple(trials), law.quantity, law.inputs, law.labels)

    def __post_init__(self) -> None:
        check_simulable(self.activation)
        check_registered(self.model)

    @cached_property
    def spec(self) -> str:
        """What the numbers of a trial depend on besides seed, sizes and index, as canonical text."""
        return json.dumps(
            {
                "model": msgspec.to_builtins(self.model),
                "activation": self.activation.key,
                "quantity": self.quantity.value,
                "inputs": self.inputs.value,
                "labels": msgspec.to_builtins(self.labels),
                "test_points": TEST_POINTS,
            },
            sort_keys=True,
        )

    @property
    def identity(self) -> tuple[str, str]:
        """Equal for two experiments that give the same numbers."""
        return self.spec, json.dumps([dict(cell) for cell in self.cells])


@dataclass(frozen=True)
class _Trial:
    experiment: Experiment
    cell: Mapping[str, int]
    index: int
    seed: int
    device: str


def schedule(cells: Sequence[Mapping[str, int]], trials: int) -> tuple[int, ...]:
    """Return trials for each cell: `trials` in the dearest, growing as cost^(-1/3) to at most six times that.

    >>> schedule([{"n": 50, "d": 100}, {"n": 1600, "d": 3200}], 12)
    (72, 12)
    """
    costs = [_cost(cell) for cell in cells]
    return tuple(round(trials * min(MOST_EXTRA, (max(costs) / cost) ** (1 / 3))) for cost in costs)


def _cost(cell: Mapping[str, int]) -> float:
    """Multiplications of one trial, roughly."""
    n, d, k = (float(cell.get(name, 0)) for name in ("n", "d", "k"))
    return n * d * max(n, k) + n * n * max(n / 3, k)


def simulate(
    law: Law | None = None,
    /,
    *,
    model: Model | str | Mapping[str, object] | None = None,
    quantity: Quantity | str = "sobolev",
    activation: Activation | str | None = None,
    sizes: Mapping[str, int] | None = None,
    inputs: Inputs | str = "sphere",
    labels: Labels | Mapping[str, float] | None = None,
    trials: int = 16,
    seed: int = 0,
    jobs: int = 1,
    device: str = "auto",
) -> pd.DataFrame:
    """Measure a quantity on freshly fitted models; a row a trial.

    Give a law, or a model with an activation and sizes. With more labels than parameters and no ridge the fit is least
    squares, and `status` says so.

    Returns:
        Columns activation, n, d, k (if the model has neurons), trial, value (for sobolev: S, not S^2), residual,
        condition, status ("ok", "eigh", "least-squares" or "failed").

    Raises:
        InvalidInputError: for an unknown name, or sizes that are missing, below 1, or not whole.

    >>> frame = simulate(model="random-features", activation="cos", sizes={"n": 20, "d": 30, "k": 50}, trials=2, seed=5)
    >>> list(frame.columns)
    ['activation', 'n', 'd', 'k', 'trial', 'value', 'residual', 'condition', 'status']
    """
    trials, seed = whole_number("trials", trials, low=1), whole_number("seed", seed, low=0)
    if law is not None:
        if not isinstance(law, Law):
            raise InvalidInputError(f"simulate: expected a Law or keywords but got {law!r}")
        chosen = law.activations if activation is None else (activation,)
        experiments = [Experiment.of(law, act, [trials] * len(law.cells)) for act in chosen]
    else:
        experiments = [_experiment(model, quantity, activation, sizes, inputs, labels, trials)]
    return pd.concat(run(experiments, seed=seed, jobs=jobs, device=device), ignore_index=True)


def run(
    experiments: Sequence[Experiment],
    *,
    seed: int = 0,
    jobs: int = 1,
    device: str = "auto",
    progress: Progress | None = None,
) -> list[pd.DataFrame]:
    """Run several experiments as one pool of trials, dearest first; one frame for each, in the order given.

    Args:
        jobs: processes; on a GPU one process does all.
        progress: called with (trials done, trials in all).
    """
    jobs, seed = whole_number("jobs", jobs, low=1), whole_number("seed", seed, low=0)
    device = choose_device(device)
    queue = [
        _Trial(experiment, cell, index, seed, device)
        for experiment in experiments
        for cell, count in zip(experiment.cells, experiment.trials, strict=True)
        for index in range(count)
    ]
    order = sorted(range(len(queue)), key=lambda i: -_cost(queue[i].cell))
    rows: list[dict[str, Any]] = [{} for _ in queue]
    report = progress or (lambda done, total: None)
    report(0, len(queue))
    for done, (index, row) in enumerate(_results(queue, order, 1 if device == "cuda" else jobs), start=1):
        rows[index] = row
        report(done, len(queue))
    frames, start = [], 0
    for experiment in experiments:
        count = sum(experiment.trials)
        frames.append(pd.DataFrame(rows[start : start + count]))
        start += count
    return frames


def choose_device(device: str) -> str:
    """Return "cpu" or "cuda"; "auto" is cuda where torch sees one."""
    if device not in ("auto", "cpu", "cuda"):
        raise unknown_name("device", device, ("auto", "cpu", "cuda"))
    if device == "cuda" and not torch.cuda.is_available():
        raise InvalidInputError("device: expected a CUDA device but torch sees none; use device='cpu'")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def _results(queue: Sequence[_Trial], order: Iterable[int], jobs: int) -> Iterator[tuple[int, dict[str, Any]]]:
    if jobs == 1 or len(queue) <= 1:
        with _one_thread():
            for index in order:
                yield index, _measure(queue[index])
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        min(jobs, len(queue)), mp_context=context, initializer=torch.set_num_threads, initargs=(1,)
    )
    try:
        futures = {pool.submit(_measure, queue[index]): index for index in order}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _measure(trial: _Trial) -> dict[str, Any]:
    """Draw, fit, measure: one row."""
    e, sizes = trial.experiment, dict(trial.cell)
    streams = Streams(trial.seed, e.spec, sizes, trial.index)
    x = draw_inputs(e.inputs, streams, Role.INPUTS, sizes["n"]).to(trial.device)
    w = draw_weights(streams).to(trial.device) if "k" in e.model.uses else None
    y = draw_labels(e.labels, streams, x)
    fitted = interpolator(e.model, x=x, w=w, y=y, act=e.activation)
    z = draw_inputs(e.inputs, streams, Role.TEST, TEST_POINTS).to(trial.device)
    solution = fitted.solution
    return {
        "activation": e.activation.name,
        **{name: sizes[name] for name in e.model.uses},
        "trial": trial.index,
        "value": sobolev(fitted, z),
        "residual": solution.residual,
        "condition": solution.condition,
        "status": solution.status,
    }


def _experiment(
    spec: object,
    measured: object,
    act: Activation | str | None,
    sizes: object,
    law: object,
    target: object,
    trials: int,
) -> Experiment:
    """Check the keywords of `simulate`."""
    for name, value in (("model", spec), ("activation", act), ("sizes", sizes)):
        if value is None:
            raise InvalidInputError(f"simulate: expected a law, or model, activation and sizes; {name} is missing")
    chosen = model(spec)
    if not isinstance(sizes, Mapping):
        raise InvalidInputError(f"sizes: expected a table such as {{'n': 60, 'd': 80}} but got {sizes!r}")
    for name in sizes:
        if name not in ("n", "d", "k"):
            raise unknown_name("size", name, ("n", "d", "k"))
    for name in chosen.uses:
        if name not in sizes:
            raise InvalidInputError(f"sizes: the model {chosen.kind} needs {name}; got {dict(sizes)!r}")
    cell = {name: whole_number(name, sizes[name], low=1, where="sizes") for name in chosen.uses}
    assert act is not None
    return Experiment(
        chosen,
        find_activation(act),
        (cell,),
        (trials,),
        quantity(measured),
        inputs(law),
        labels(target or Labels()),
    )


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
