"""Sweeps: a plan of trials, run one by one or over processes, into one pandas frame with a row a trial.

Every trial runs on one BLAS thread, whatever the number of jobs, so its numbers do not depend on how it was run.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import pandas as pd
import torch

from bigtheta.numerics.experiment import Experiment, checked_experiment
from bigtheta.numerics.trial import Trial, measure
from bigtheta.theory.activation import Activation
from bigtheta.theory.data import Inputs, Labels, Quantity
from bigtheta.theory.errors import InvalidInputError, unknown_name, whole_number
from bigtheta.theory.law import Law
from bigtheta.theory.model import Model

__all__ = ["choose_device", "run", "schedule", "simulate"]

MOST_EXTRA = 6.0

Progress = Callable[[int, int], None]


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
        experiments = [checked_experiment(model, quantity, activation, sizes, inputs, labels, trials)]
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
        Trial(experiment, cell, index, seed, device)
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


def _results(queue: Sequence[Trial], order: Iterable[int], jobs: int) -> Iterator[tuple[int, dict[str, Any]]]:
    if jobs == 1 or len(queue) <= 1:
        with _one_thread():
            for index in order:
                yield index, measure(queue[index])
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        min(jobs, len(queue)), mp_context=context, initializer=torch.set_num_threads, initargs=(1,)
    )
    try:
        futures = {pool.submit(measure, queue[index]): index for index in order}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
