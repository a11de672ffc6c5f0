"""Sweeps: a plan of trials, run one by one or over processes, into one pandas frame with a row a trial.

Every trial runs on one BLAS thread, whatever the number of jobs, so its numbers do not depend on how it was run.
"""

from __future__ import annotations

import contextlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from bigtheta.numerics.executors import Workers, timed, workers
from bigtheta.numerics.experiment import Experiment, checked_experiment
from bigtheta.numerics.plan import available_memory, check_memory, memory, operations
from bigtheta.numerics.store import Store, key
from bigtheta.numerics.trial import Trial
from bigtheta.theory.activation import Activation
from bigtheta.theory.data import Inputs, Labels, Quantity
from bigtheta.theory.errors import BigthetaError, InvalidInputError, unknown_name, whole_number
from bigtheta.theory.law import Law
from bigtheta.theory.model import Model

__all__ = ["WorkerLostError", "choose_device", "run", "simulate"]

Progress = Callable[[int, int], None]


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
    store: str | Path | None = None,
    cluster: str | None = None,
    memory_limit: float | None = None,
    progress: Progress | None = None,
) -> list[pd.DataFrame]:
    """Run several experiments as one pool of trials, dearest first; one frame for each, in the order given.

    Args:
        jobs: processes; on a GPU one process does all.
        store: a file that keeps finished trials; those that are in it are not run again.
        cluster: address of a Dask scheduler, which then runs the trials in place of processes here.
        memory_limit: bytes that all trials at work may take together (default: four fifths of what is free).
        progress: called with (trials done, trials in all).

    Raises:
        InvalidInputError: for a bad option, or a trial that does not fit into the memory.
        StoreError: if the store cannot be read or written; what was committed is kept.
    """
    jobs, seed = whole_number("jobs", jobs, low=1), whole_number("seed", seed, low=0)
    device = choose_device(device)
    limit = available_memory() if memory_limit is None else memory_limit
    if device == "cpu" and cluster is None:
        check_memory(experiments, limit)
    queue = [
        Trial(experiment, cell, index, seed, device)
        for experiment in experiments
        for cell, count in zip(experiment.cells, experiment.trials, strict=True)
        for index in range(count)
    ]
    with Store(store) if store is not None else contextlib.nullcontext() as kept:
        keys = [key(trial) for trial in queue] if kept is not None else []
        known = kept.find(keys) if kept is not None else {}
        rows: list[dict[str, Any]] = [known.get(name, {}) for name in keys] if keys else [{} for _ in queue]
        left = [i for i in range(len(queue)) if not rows[i]]
        left.sort(key=lambda i: -operations(queue[i].experiment.model, queue[i].cell))
        report = progress or (lambda done, total: None)
        report(len(queue) - len(left), len(queue))
        if left:
            with workers(1 if device == "cuda" else min(jobs, len(left)), cluster=cluster) as pool:
                for done, (i, row, seconds) in enumerate(_results(queue, left, pool, limit), start=1):
                    rows[i] = row
                    if kept is not None:
                        kept.put(keys[i], queue[i], row, seconds=seconds, versions=_versions())
                    report(len(queue) - len(left) + done, len(queue))
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


def _results(
    queue: Sequence[Trial], order: Sequence[int], pool: Workers, limit: float
) -> Iterator[tuple[int, dict[str, Any], float]]:
    """Yield index, row and seconds of each trial as it ends; no more are begun than workers and memory allow."""
    waiting = deque(order)
    running: dict[Future[Any], tuple[int, float]] = {}
    try:
        while waiting or running:
            used = sum(size for _, size in running.values())
            while waiting and len(running) < 2 * pool.count:
                trial = queue[waiting[0]]
                size = memory(trial.experiment.model, trial.cell)
                if running and used + size > limit:
                    break
                running[pool.executor.submit(timed, trial)] = (waiting.popleft(), size)
                used += size
                if pool.count == 1:
                    break
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                index, _ = running.pop(future)
                yield index, *_answer(future)
    finally:
        for future in running:
            future.cancel()


def _answer(future: Future[Any]) -> tuple[dict[str, Any], float]:
    try:
        row, seconds = future.result()
    except BrokenExecutor as error:
        raise WorkerLostError(
            "a worker process died, perhaps for want of memory; use fewer --jobs or a lower --memory, and run again "
            "with the same --out: finished trials are kept"
        ) from error
    return row, seconds


class WorkerLostError(BigthetaError):
    """A worker process died in the middle of a sweep."""


@cache
def _versions() -> str:
    return json.dumps({"bigtheta": version("bigtheta"), "torch": torch.__version__, "numpy": np.__version__})
