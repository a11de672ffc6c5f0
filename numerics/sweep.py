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

from bigtheta.numerics.batch import batched_memory, batches
from bigtheta.numerics.executors import Workers, timed, timed_batch, workers
from bigtheta.numerics.experiment import Experiment, checked_experiment
from bigtheta.numerics.outdated import tell_outdated
from bigtheta.numerics.plan import available_memory, check_memory, memory_of, operations_of
from bigtheta.numerics.precision import full_products
from bigtheta.numerics.source import check_importable
from bigtheta.numerics.store import Store, key
from bigtheta.numerics.trial import Trial
from bigtheta.theory.activation import Activation
from bigtheta.theory.data import Inputs, Labels, Quantity
from bigtheta.theory.errors import BigthetaError, InvalidInputError, unknown_name, whole_number
from bigtheta.theory.law import Law
from bigtheta.theory.model import Model

__all__ = ["SweepInterrupted", "WorkerLostError", "choose_device", "run", "simulate"]

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
    precision: str = "float64",
) -> pd.DataFrame:
    """Measure a quantity on freshly fitted models; a row a trial.

    Give a law, or a model with an activation and sizes. With more labels than parameters and no ridge the fit is least
    squares, and `status` says so.

    Args:
        jobs: processes; on a GPU one process does all.
        device: "auto" (a GPU where there is one), "cpu" or "cuda".
        precision: "float64", or "float32": the same draws, rounded, and half the memory. Values then agree to about
            1e-5, and it is refused within 5% of an interpolation threshold such as n = k.

    Returns:
        Columns activation, n, d, k (if the model has neurons), trial, value (for sobolev: S, not S^2), residual,
        condition, and status, which is one of
        "ok": solved by Cholesky, the residual |K c - y|/|y| at most 1e-6 (1e-3 in float32);
        "eigh": Cholesky failed, eigenvalues reached that residual;
        "svd": eigenvalues failed too, as near a threshold or with a tiny ridge, and singular values of the features did
        it; with more labels than parameters the residual is that of the normal equations;
        "least-squares": more labels than parameters, so that none is reached;
        "failed": the residual is larger, or not a number;
        "no-series": two inputs so nearly parallel that the series of the kernel is too long; the value is NaN;
        "wrong-gradient": the gradient is not the slope of the predictions (see `numerics.probe`);
        "inconsistent": the draws or the solution have another size or precision than was asked for;
        "trained": a trained network that reached its target error, its residual |f(x) - y|/|y|;
        "not-converged": a trained network that did not;
        "no-fit": the quantity is one of the data, and nothing was fitted.

    Raises:
        InvalidInputError: for an unknown name, sizes that are missing, below 1, or not whole, a quantity that the
            model does not have, or float32 where it cannot be trusted.

    >>> frame = simulate(model="random-features", activation="cos", sizes={"n": 20, "d": 30, "k": 50}, trials=2, seed=5)
    >>> list(frame.columns)
    ['activation', 'n', 'd', 'k', 'trial', 'value', 'residual', 'condition', 'status']
    """
    trials, seed = whole_number("trials", trials, low=1), whole_number("seed", seed, low=0)
    if law is not None:
        if not isinstance(law, Law):
            raise InvalidInputError(f"simulate: expected a Law or keywords but got {law!r}")
        chosen = law.activations if activation is None else (activation,)
        experiments = [Experiment.of(law, act, [trials] * len(law.cells), precision=precision) for act in chosen]
    else:
        experiments = [checked_experiment(model, quantity, activation, sizes, inputs, labels, trials, precision)]
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
    batched: bool | None = None,
) -> list[pd.DataFrame]:
    """Run several experiments as one pool of trials; one frame for each, in the order given.

    They are begun in this order too, each with its dearest trials first: what is interrupted leaves whole ones behind.

    Args:
        jobs: processes; on a GPU one process does all.
        store: a file that keeps finished trials; those that are in it are not run again, unless code of a user's that
            made them has changed, which is a `PluginWarning`.
        cluster: address of a Dask scheduler, which then runs the trials in place of processes here.
        memory_limit: bytes that all trials at work may take together, of the GPU's memory if they run there (default:
            four fifths of what is free).
        progress: called with (trials done, trials in all).
        batched: whether small trials of a cell run as one (default: on a GPU, where alone it pays); values agree to
            rounding.

    Raises:
        InvalidInputError: for a bad option, or a trial that does not fit into the memory.
        StoreError: if the store cannot be read or written; what was committed is kept.
        SourceChangedError: if code of a user's is changed while the trials run, or is another in a worker.
        SweepInterrupted: on Ctrl-C, a KeyboardInterrupt with the trials that were finished.
    """
    jobs, seed = whole_number("jobs", jobs, low=1), whole_number("seed", seed, low=0)
    device = choose_device(device)
    limit = available_memory(device) if memory_limit is None else memory_limit
    if cluster is None:
        check_memory(experiments, limit)
    queue = [
        Trial(experiment, cell, index, seed, device)
        for experiment in experiments
        for cell, count in zip(experiment.cells, experiment.trials, strict=True)
        for index in range(count)
    ]
    place = {id(experiment): at for at, experiment in enumerate(experiments)}
    rows: list[dict[str, Any]] = [{} for _ in queue]
    try:
        with Store(store) if store is not None else contextlib.nullcontext() as kept:
            keys = [key(trial) for trial in queue] if kept is not None else []
            known = kept.find(keys) if kept is not None else {}
            rows = [known.get(name, {}) for name in keys] if keys else rows
            left = [i for i in range(len(queue)) if not rows[i]]
            dear = [operations_of(trial.experiment, trial.cell) for trial in queue]
            left.sort(key=lambda i: (place[id(queue[i].experiment)], -dear[i]))
            if kept is not None:
                tell_outdated(kept, [queue[i] for i in left])
            report = progress or (lambda done, total: None)
            report(len(queue) - len(left), len(queue))
            if left:
                count = 1 if device == "cuda" else min(jobs, len(left))
                if count > 1 and cluster is None:
                    for experiment in experiments:
                        check_importable(experiment)
                together = device == "cuda" if batched is None else batched
                units = list(batches(queue, left, limit)) if together else [[i] for i in left]
                with full_products(), workers(count, cluster=cluster) as pool:
                    for done, (i, row, seconds) in enumerate(_results(queue, units, pool, limit), start=1):
                        rows[i] = row
                        if kept is not None:
                            kept.put(keys[i], queue[i], row, seconds=seconds, versions=_versions())
                        report(len(queue) - len(left) + done, len(queue))
    except KeyboardInterrupt as stop:
        raise SweepInterrupted(_frames(experiments, rows)) from stop
    return _frames(experiments, rows)


def _frames(experiments: Sequence[Experiment], rows: Sequence[dict[str, Any]]) -> list[pd.DataFrame]:
    """The rows that are there, a frame for each experiment."""
    frames, start = [], 0
    for experiment in experiments:
        count = sum(experiment.trials)
        frames.append(pd.DataFrame([row for row in rows[start : start + count] if row]))
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
    queue: Sequence[Trial], units: Sequence[list[int]], pool: Workers, limit: float
) -> Iterator[tuple[int, dict[str, Any], float]]:
    """Yield index, row and seconds of each trial as it ends; no more are begun than workers and memory allow.

    A unit is a trial, or a batch of them.
    """
    waiting = deque(units)
    running: dict[Future[Any], tuple[list[int], float]] = {}
    try:
        while waiting or running:
            used = sum(size for _, size in running.values())
            while waiting and len(running) < 2 * pool.count:
                trials = [queue[i] for i in waiting[0]]
                size = _memory(trials)
                if running and used + size > limit:
                    break
                begun = pool.executor.submit(*((timed, trials[0]) if len(trials) == 1 else (timed_batch, trials)))
                running[begun] = (waiting.popleft(), size)
                used += size
                if pool.count == 1:
                    break
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                indices, _ = running.pop(future)
                answer = _answer(future)
                for i, (row, seconds) in zip(indices, [answer] if len(indices) == 1 else answer, strict=True):
                    yield i, row, seconds
    finally:
        for future in running:
            future.cancel()


def _memory(trials: Sequence[Trial]) -> float:
    """Bytes of a unit, at most."""
    first = trials[0]
    return memory_of(first.experiment, first.cell) if len(trials) == 1 else len(trials) * batched_memory(first)


def _answer(future: Future[Any]) -> Any:
    try:
        return future.result()
    except BrokenExecutor as error:
        raise WorkerLostError(
            "a worker process died, perhaps for want of memory; use fewer --jobs or a lower --memory, and run again "
            "with the same --out: finished trials are kept"
        ) from error


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C in the middle of a sweep.

    Attributes:
        frames: the trials that were finished, a frame for each experiment; those in a store are kept.
    """

    def __init__(self, frames: list[pd.DataFrame]) -> None:
        super().__init__("the sweep was interrupted")
        self.frames = frames


class WorkerLostError(BigthetaError):
    """A worker process died in the middle of a sweep."""


@cache
def _versions() -> str:
    return json.dumps({"bigtheta": version("bigtheta"), "torch": torch.__version__, "numpy": np.__version__})
