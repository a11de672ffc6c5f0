"""The benchmark: draw instances, ask every procedure the true claim and false ones, score the answers."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np

from bigtheta.theory.law import LIMIT_MARGIN, MARGIN
from bigtheta.theory.statement import Statement
from bigtheta.verify.calibration.families import synthetic
from bigtheta.verify.calibration.instance import LIMITS, ONE_SIDED, ORDERS, RELEASE, STRESS, Instance
from bigtheta.verify.calibration.procedures import OURS, PROCEDURES, Answer, Procedure, Question
from bigtheta.verify.calibration.score import Outcome, Rate, Standing, rates, required, standing
from bigtheta.verify.calibration.theorems import theorem

__all__ = ["ACCEPTED", "GROUPS", "Result", "Task", "assess", "benchmark", "instance_of"]

_MODELS = ("synthetic", "theorem", STRESS)
GROUPS = tuple(f"{models} {kind}" for kind in (ORDERS, ONE_SIDED, LIMITS) for models in _MODELS)
ACCEPTED = tuple(group for group in GROUPS if required(group))
"""The groups that the acceptance is about: orders and one-sided claims; limits and stress are reported beside them."""

Task = tuple[str, str, int, int]
"""Kind, split, index, seed."""


@dataclass(frozen=True)
class Result:
    """All outcomes, and how they were got."""

    outcomes: tuple[Outcome, ...]
    splits: tuple[str, ...]
    instances: int
    theorems: int
    seed: int
    wall_s: float

    def of(self, group: str, procedure: str) -> list[Outcome]:
        """The outcomes of one procedure on one group of instances."""
        return [o for o in self.outcomes if o.group == group and o.procedure == procedure]

    def rates(self, group: str, procedure: str = OURS) -> dict[str, Rate]:
        """The rates of one procedure on one group."""
        return rates(self.of(group, procedure))

    def standing(self, procedure: str = OURS) -> Standing:
        """How a procedure stands to the acceptance, on the worst of the groups that it is about."""
        found = [standing(self.rates(g, procedure), required(g)) for g in ACCEPTED if self.of(g, procedure)]
        if not found:
            return Standing.NONE
        return next((s for s in (Standing.VIOLATED, Standing.OPEN) if s in found), Standing.HOLDS)

    def median_ms(self, procedure: str = OURS) -> float:
        """Median over instances of the mean time of a call, in milliseconds."""
        seconds = [o.seconds for o in self.outcomes if o.procedure == procedure]
        return 1e3 * statistics.median(seconds) if seconds else float("nan")


def instance_of(task: Task) -> Instance:
    """Draw the instance of a task."""
    kind, split, index, seed = task
    return (synthetic if kind == "synthetic" else theorem)(split, index, seed)


def assess(task: Task, procedures: Sequence[Procedure] = PROCEDURES) -> list[Outcome]:
    """Draw one instance and put the claims that it is asked, true and false, to the procedures."""
    instance = instance_of(task)
    order = Statement.parse(f"Theta({instance.law})").value({"n": instance.sizes})
    found = []
    for procedure in procedures:
        if procedure.kind not in instance.asked:
            continue
        margin = LIMIT_MARGIN if procedure.kind == LIMITS else MARGIN
        offs = (0.0, margin, 1.5 * margin, 2.5 * margin, 0.25)
        distinct = list(dict.fromkeys(round(off, 12) for off in offs))
        ask = partial(_ask, procedure, instance, order, margin)
        began = time.process_time()
        answers = {off: ask(off * instance.side) for off in distinct}
        seconds = (time.process_time() - began) / len(distinct)
        true, at_1, at_15, at_25, quarter = (answers[round(off, 12)].verdict for off in offs)
        found.append(
            Outcome(
                group=f"{instance.kind} {procedure.kind}", family=instance.family,
                noise=instance.noise, procedure=procedure.name, true=true, at_1=at_1, at_15=at_15, at_25=at_25,
                quarter=quarter, seconds=seconds,
                covered=None if procedure.kind == ONE_SIDED else answers[0.0].holds_zero,
            )
        )  # fmt: skip
    return found


def _ask(procedure: Procedure, instance: Instance, order: np.ndarray, margin: float, off: float) -> Answer:
    constant = instance.constant if procedure.kind == LIMITS else None
    sense = instance.side if procedure.kind == ONE_SIDED else 0
    question = Question(instance.sizes, instance.samples, instance.law, order, constant, off, margin, sense)
    return procedure.answer(question)


def benchmark(
    splits: Sequence[str] = (RELEASE,),
    *,
    instances: int = 900,
    theorems: int = 300,
    seed: int = 0,
    jobs: int = 1,
    procedures: Sequence[Procedure] = PROCEDURES,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Run the benchmark.

    Args:
        splits: of `instance.SPLITS`; the instances are shared out equally. The stress split has no theorem models.
        instances, theorems: numbers of synthetic instances and of instances of theorem models.
        jobs: processes; with more than one, the procedures are the standard ones.
        progress: called with the number done and the number in all.
    """
    began = time.perf_counter()
    shares = {
        "synthetic": (instances, tuple(splits)),
        "theorem": (theorems, tuple(split for split in splits if split != STRESS)),
    }
    tasks = [
        (kind, split, index, seed)
        for kind, (count, of) in shares.items()
        for at, split in enumerate(of)
        for index in range(count * at // len(of), count * (at + 1) // len(of))
    ]
    tasks.sort(key=lambda task: (task[2], task))
    outcomes: list[Outcome] = []
    with _mapped(jobs, procedures) as run:
        for done, found in enumerate(run(tasks), start=1):
            outcomes += found
            if progress is not None:
                progress(done, len(tasks))
    wall = time.perf_counter() - began
    return Result(tuple(outcomes), tuple(splits), instances, theorems if shares["theorem"][1] else 0, seed, wall)


@contextmanager
def _mapped(jobs: int, procedures: Sequence[Procedure]) -> Iterator[Callable[[list[Task]], Iterator[list[Outcome]]]]:
    """Yield a map over tasks, in processes if there are several; linear algebra keeps to one thread in each."""
    if jobs == 1:
        yield lambda tasks: (assess(task, procedures) for task in tasks)
        return
    single = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    before = {name: os.environ.get(name) for name in single}
    os.environ.update(single)
    try:
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            yield lambda tasks: pool.map(assess, tasks, chunksize=8)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
