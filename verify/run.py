"""From laws to a report: simulate every law, activation and control as one pool of trials, then judge each."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path as FilePath
from typing import Any

import pandas as pd

from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.plan import Plan, plan
from bigtheta.numerics.sweep import choose_device, run
from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import activation as find_activation
from bigtheta.theory.errors import InvalidInputError, unknown_name, whole_number
from bigtheta.theory.law import Law, find_laws
from bigtheta.verify.checks import Check, checks, judged_together, sharpness_of
from bigtheta.verify.foresight import DesignWarning, foreseen
from bigtheta.verify.interrupts import held
from bigtheta.verify.looks import FIRST, LOOKS, Finding, LooksInterrupted, look_at, planned, pooled
from bigtheta.verify.provenance import provenance
from bigtheta.verify.report.report import Entry, Report, make_folder
from bigtheta.verify.report.words import interruption
from bigtheta.verify.sharpness import Mutant
from bigtheta.verify.verdict import Judgement

__all__ = ["PROFILES", "STORE", "VerifyInterrupted", "verify"]

PROFILES = {"quick": 8, "standard": 32, "full": 128}
"""Trials in the dearest cell; cheap cells get up to six times as many."""
STORE = "trials.sqlite"
"""The file in the report's folder that keeps finished trials."""
_SECONDS = 5.0
"""How long an interrupted run still looks at other claims on the same data."""


class VerifyInterrupted(KeyboardInterrupt):
    """Ctrl-C during `verify` with a folder; the report of what was complete is in it.

    Attributes:
        report: as it was written; its provenance has `partial` unless all was judged already.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(interruption(report) or "interrupted when all was judged; the report is whole")
        self.report = report


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
    precision: str = "float64",
    out: str | FilePath | None = None,
    cluster: str | None = None,
    memory: float | None = None,
    until_decided: bool = False,
    budget: float | None = None,
    announce: Callable[[Plan], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    command: Sequence[str] = (),
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
        precision: "float64", or "float32", refused near interpolation thresholds; see `simulate`.
        out: folder for report.html, report.json, trials.csv and figures; nothing is written if None. Finished trials
            are kept in its trials.sqlite as they come, so a run that was killed goes on where it stopped.
        cluster: address of a Dask scheduler that runs the trials.
        memory: GiB that all trials at work may take together (default: four fifths of what is free).
        until_decided: look at 10, 20, ..., 320 trials in the dearest cell (or from `trials` on, doubled five times)
            and stop for each claim when it is decided; error rates hold over all looks. The profile plays no part.
        budget: the same, for so many seconds: no look is begun that is not expected to end within them.
        announce: called with the plan of the first look before anything is simulated; it may raise to stop there.
        command: for the report, the words of a command line after `bigtheta` that name these laws, such as
            ("check", "my-bound.toml"); activations, trials and seed are added to them. None for laws without a paper
            if empty.

    Sizes that cannot decide a law, or one of its controls, are told by a `DesignWarning` before anything is simulated.

    Raises:
        InvalidInputError: for an unknown name or an option out of range, before anything is simulated.
        StoreError: if trials.sqlite cannot be read or written, as on a full disk; finished trials are kept.
        KeyboardInterrupt: on Ctrl-C. With `out` the report of what is complete is written before: laws whose trials
            are all done are judged as ever, the others are NOT-RUN, and `provenance["partial"]` has the trials done
            and in all. Laws not judged count against the others as if p = 1, so that a FAIL there stays one in the
            whole report (`judged_together`). The same call goes on from there. A second Ctrl-C ends at once.

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
    found = [check for law in chosen for check in checks(law, acts)]
    for line in foreseen(chosen):
        warnings.warn(DesignWarning(line), stacklevel=2)
    first_look = FIRST if until_decided or budget is not None else PROFILES[profile]
    count = first_look if trials is None else whole_number("trials", trials, low=1)
    if budget is not None and (isinstance(budget, bool) or not isinstance(budget, int | float) or not budget > 0):
        raise InvalidInputError(f"budget: expected a positive number of seconds but got budget={budget!r}")
    seed = whole_number("seed", seed, low=0)
    workers = 1 if jobs is None else whole_number("jobs", jobs, low=1)
    limit = None if memory is None else _gibibytes(memory)
    device = choose_device(device)

    counts = [count * 2**look for look in range(LOOKS)] if until_decided or budget is not None else [count]
    first = pooled(planned(found, counts[0], precision))
    folder = None if out is None else make_folder(out)
    if announce is not None:
        announce(plan(list(first.values()), jobs=workers))
    with _store(folder, temporary=len(counts) > 1) as store:

        def simulate(experiments: Sequence[Experiment]) -> Sequence[pd.DataFrame]:
            return run(
                experiments, seed=seed, jobs=workers, device=device, cluster=cluster, memory_limit=limit,
                store=store, progress=progress,
            )  # fmt: skip

        stopped: KeyboardInterrupt | None = None
        try:
            findings = look_at(found, counts, simulate, precision=precision, budget=budget, jobs=workers)
        except LooksInterrupted as stop:
            if folder is None:
                raise
            stopped, findings = stop, stop.findings
            done, total = stop.done, stop.total
        else:
            done = total = _simulated(findings)
    second: contextlib.AbstractContextManager[list[KeyboardInterrupt]] = contextlib.nullcontext([])
    with held() if stopped is None else second as noted:  # a second Ctrl-C ends at once
        judgements = _together(found, findings)
        sharp, complete = _other_claims(found, findings, judgements, lambda: stopped is not None or bool(noted))
        entries = [
            Entry(check.origin, check.activation.name, judgement, check.control, finding.frame, mutants)
            for check, judgement, finding, mutants in zip(found, judgements, findings, sharp, strict=True)
        ]
        asked: dict[str, Any] = {"until_decided": until_decided, "budget": budget, "command": list(command)}
        about = provenance(
            seed=seed,
            device=device,
            sources={e.source for e in first.values()},
            precision=precision,
            trials=count,
            profile=profile if trials is None else None,
            **{name: value for name, value in asked.items() if value},
        ) | {"wall_s": round(time.monotonic() - started, 3)}
        if not (complete and all(finding.finished for finding in findings)):
            about["partial"] = {"done": done, "total": total}
        report = Report(tuple(entries), about)
        if folder is not None:
            report.write(folder)
    if folder is None and noted:
        raise noted[0]
    if stopped is not None or noted:
        raise VerifyInterrupted(report) from stopped
    return report


def _simulated(findings: Sequence[Finding]) -> int:
    """How many trials there are, those that checks share counted once."""
    return sum(len(frame) for frame in {id(f.frame): f.frame for f in findings}.values() if frame is not None)


def _other_claims(
    found: Sequence[Check], findings: Sequence[Finding], judgements: Sequence[Judgement], hurried: Callable[[], bool]
) -> tuple[list[tuple[Mutant, ...]], bool]:
    """Other claims on the same data, by check, and whether none is left out; once hurried, for some seconds more."""
    sharp: list[tuple[Mutant, ...]] = []
    until: float | None = None
    for check, finding, judgement in zip(found, findings, judgements, strict=True):
        if until is None and hurried():
            until = time.monotonic() + _SECONDS
        if until is not None and time.monotonic() > until:
            return [*sharp, *[()] * (len(found) - len(sharp))], False
        sharp.append(sharpness_of(check, judgement, finding.frame))
    return sharp, True


def _together(found: Sequence[Check], findings: Sequence[Finding]) -> list[Judgement]:
    """The judgements, those of laws corrected for being several."""
    laws = [i for i, check in enumerate(found) if check.control is None]
    unfinished = [at for at, i in enumerate(laws) if not findings[i].finished]
    corrected = judged_together([findings[i].judgement for i in laws], unfinished=unfinished)
    judgements = [finding.judgement for finding in findings]
    for i, judgement in zip(laws, corrected, strict=True):
        judgements[i] = judgement
    return judgements


@contextlib.contextmanager
def _store(folder: FilePath | None, *, temporary: bool) -> Iterator[FilePath | None]:
    """The file of finished trials: in the report's folder, or for the time of the run if later looks need it."""
    if folder is not None:
        yield folder / STORE
    elif temporary:
        with tempfile.TemporaryDirectory(prefix="bigtheta-") as where:
            yield FilePath(where) / STORE
    else:
        yield None


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
