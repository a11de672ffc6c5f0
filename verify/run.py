"""From laws to a report: simulate every law, activation and control as one pool of trials, then judge each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import pandas as pd

from bigtheta.numerics.datasets import missing_data
from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.interpolate import RESIDUAL_LIMIT
from bigtheta.numerics.plan import Plan, plan, schedule
from bigtheta.numerics.sweep import choose_device, run
from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import activation as find_activation
from bigtheta.theory.errors import InvalidInputError, unknown_name, whole_number
from bigtheta.theory.law import Control, Law, find_laws, with_control
from bigtheta.verify.judge import judge
from bigtheta.verify.provenance import provenance
from bigtheta.verify.report.report import Entry, Report, make_folder
from bigtheta.verify.verdict import Judgement, Verdict

__all__ = ["PROFILES", "STORE", "verify"]

PROFILES = {"quick": 8, "standard": 32, "full": 128}
"""Trials in the dearest cell; cheap cells get up to six times as many."""
STORE = "trials.sqlite"
"""The file in the report's folder that keeps finished trials."""

_NOT_FITTED = {
    "failed": (
        f"{{count}} fits do not interpolate (residual {{residual:.1e}} > {RESIDUAL_LIMIT:g} at {{where}})",
        "move the sizes away from where the Gram matrix is singular",
    ),
    "not-converged": (
        "{count} trained networks did not reach their target (relative residual {residual:.1e} at {where})",
        "give more steps, another rate, or fewer labels",
    ),
}
"""The statuses of a fit that make its law an ERROR: what is said, and what to do."""


@dataclass(frozen=True)
class _Check:
    """One statement to judge for one activation; `law` is already as its control changed it."""

    law: Law
    origin: Law
    activation: Activation
    control: Control | None
    skipped: str | None


def verify(
    laws: Law | str | Iterable[Law | str] | None = None,
    *,
    paper: str | None = None,
    activations: str | Activation | Iterable[str | Activation] | None = None,
    profile: str = "quick",
    trials: int | None = None,
    seed: int = 0,
    jobs: int | None = None,
    device: str = "auto",
    out: str | FilePath | None = None,
    cluster: str | None = None,
    memory: float | None = None,
    announce: Callable[[Plan], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Judge laws by simulation and return the report.

    Args:
        laws: laws or their names; all shipped laws if neither laws nor paper is given.
        paper: add every law of one paper.
        activations: instead of the laws' own.
        profile: "quick", "standard" or "full": 8, 32 or 128 trials in the dearest cell, up to six times elsewhere.
        trials: trials in the dearest cell, instead of the profile's.
        seed: of all random streams.
        jobs: processes (default: one). A script that asks for more needs an `if __name__ == "__main__":` guard.
        device: "auto", "cpu" or "cuda".
        out: folder for report.html, report.json, trials.csv and figures; nothing is written if None. Finished trials
            are kept in its trials.sqlite as they come, so a run that was killed goes on where it stopped.
        cluster: address of a Dask scheduler that runs the trials.
        memory: GiB that all trials at work may take together (default: four fifths of what is free).
        announce: called with the plan before anything is simulated; it may raise to stop there.

    Raises:
        InvalidInputError: for an unknown name or an option out of range, before anything is simulated.

    >>> report = verify("bombari2023/ntk-even", activations="cos", trials=2)  # doctest: +SKIP
    >>> report.verdict  # doctest: +SKIP
    <Verdict.PASS: 'PASS'>
    """
    started = time.monotonic()
    if profile not in PROFILES:
        raise unknown_name("profile", profile, PROFILES)
    chosen = _laws(laws, paper)
    names = (activations,) if isinstance(activations, str | Activation) else activations
    if names is not None and (not isinstance(names, Iterable) or not (names := tuple(names))):
        raise InvalidInputError(f"activations: expected at least one name or formula but got {activations!r}")
    acts = None if names is None else tuple(find_activation(name) for name in names)
    checks = [check for law in chosen for check in _checks(law, acts)]
    count = PROFILES[profile] if trials is None else whole_number("trials", trials, low=1)
    seed = whole_number("seed", seed, low=0)
    workers = 1 if jobs is None else whole_number("jobs", jobs, low=1)
    limit = None if memory is None else _gibibytes(memory)
    device = choose_device(device)

    asked = [
        Experiment.of(check.law, check.activation, schedule(check.law.cells, count)) if check.skipped is None else None
        for check in checks
    ]
    experiments = {experiment.identity: experiment for experiment in asked if experiment is not None}
    folder = None if out is None else make_folder(out)
    if announce is not None:
        announce(plan(list(experiments.values()), jobs=workers))
    frames = run(
        list(experiments.values()), seed=seed, jobs=workers, device=device, cluster=cluster, memory_limit=limit,
        store=None if folder is None else folder / STORE, progress=progress,
    )  # fmt: skip
    samples = dict(zip(experiments, frames, strict=True))

    entries = []
    for check, experiment in zip(checks, asked, strict=True):
        frame = None if experiment is None else samples[experiment.identity]
        judgement = judge_law(check.law, check.activation, frame, skipped=check.skipped)
        entries.append(Entry(check.origin, check.activation.name, judgement, check.control, frame))
    about = provenance(seed=seed, device=device, trials=count, profile=profile if trials is None else None)
    report = Report(tuple(entries), about | {"wall_s": round(time.monotonic() - started, 3)})
    if folder is not None:
        report.write(folder)
    return report


def judge_law(law: Law, act: Activation, frame: pd.DataFrame | None, *, skipped: str | None = None) -> Judgement:
    """Judge one law on the trials of one activation; a failed fit is an ERROR, not a dropped trial."""
    if frame is None:
        return _without_samples(law, Verdict.SKIPPED, skipped or "not simulated")
    for status, (what, advice) in _NOT_FITTED.items():
        if len(bad := frame[frame["status"] == status]):
            first = bad.iloc[0]
            where = ", ".join(f"{name} = {first[name]}" for name in law.model.uses)
            found = what.format(count=f"{len(bad)} of {len(frame)}", residual=first["residual"], where=where)
            return _without_samples(law, Verdict.ERROR, f"{found}; {advice}")
    sizes, groups = law.size_arrays, [_values(frame, cell) for cell in law.cells]
    return judge(
        sizes,
        groups,
        law.statement,
        law.margin,
        along=str(law.path.free),
        path=law.path,
        constants=law.constants(act),
    )


def _gibibytes(memory: object) -> float:
    if isinstance(memory, bool) or not isinstance(memory, int | float) or not 0 < memory < float("inf"):
        raise InvalidInputError(f"memory: expected a positive number of GiB but got memory={memory!r}")
    return float(memory) * 2**30


def default_jobs() -> int:
    """Return the number of processes the command line uses: the cores this process may run on, at most 8."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, available)


def _laws(laws: Law | str | Iterable[Law | str] | None, paper: str | None) -> tuple[Law, ...]:
    if not isinstance(laws, Law | str | Iterable | None):
        raise InvalidInputError(f"laws: expected laws or their names but got {laws!r}")
    given: Sequence[Law | str] = (laws,) if isinstance(laws, Law | str) else tuple(laws or ())
    if laws is not None and not given and paper is None:
        raise InvalidInputError("laws: expected at least one law but got none; leave `laws` out for all shipped laws")
    own = [entry for entry in given if isinstance(entry, Law)]
    asked = [entry for entry in given if not isinstance(entry, Law)]
    shipped = find_laws(asked, paper=paper) if asked or paper is not None or not own else ()
    chosen = (*own, *shipped)
    names = [entry.id for entry in chosen]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInputError(f"laws: two laws are named {twice[0]!r}; give each a name of its own")
    return chosen


def _checks(law: Law, acts: tuple[Activation, ...] | None) -> list[_Check]:
    """The law for each activation, then its controls; controls run only if something else of the law does."""
    checks = []
    for act in acts or tuple(find_activation(name) for name in law.activations):
        law.formula_values(act)
        checks.append(_Check(law, law, act, None, missing_data(law.inputs) or law.unmet(act)))
    judged = [check.activation for check in checks if check.skipped is None]
    for control in law.controls if judged else ():
        changed = with_control(law, control)
        act = find_activation(control.activation) if control.activation is not None else judged[0]
        changed.formula_values(act)
        checks.append(_Check(changed, law, act, control, None))
    return checks


def _values(frame: pd.DataFrame, cell: dict[str, int]) -> Any:
    chosen = pd.Series(True, index=frame.index)
    for name, size in cell.items():
        if name in frame:
            chosen &= frame[name] == size
    return frame.loc[chosen, "value"].to_numpy()


def _without_samples(law: Law, verdict: Verdict, reason: str) -> Judgement:
    return Judgement(
        verdict=verdict, reason=reason, statement=str(law.statement), sense=law.statement.sense.value,
        variable=str(law.path.free), margin=law.margin,
    )  # fmt: skip
