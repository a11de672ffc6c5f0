"""Refute: search for what breaks a law, shrink it, and confirm it on fresh trials.

Many candidates are looked at, so some look broken by chance. What the search saw therefore counts for nothing: a
suspect is shrunk on other trials and then judged once more on trials that nothing before has seen. At most
`CONFIRMATIONS` cases get that far, each at the level of a FAIL divided by that number (Bonferroni), so that a law that
holds is refuted with the probability with which `check` FAILs it, however many candidates were tried. A case must
moreover lie off by more than the law's margin, and the exact limit, where one is known, must not say otherwise. Source:
derived.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bigtheta.numerics.datasets import missing_data
from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.streams import digest
from bigtheta.numerics.sweep import choose_device, run
from bigtheta.theory.errors import InvalidInputError, whole_number
from bigtheta.theory.law import Law
from bigtheta.theory.law import law as find_law
from bigtheta.theory.spec import read_spec
from bigtheta.verify.refute.axes import asked_axes, axes_of, changed
from bigtheta.verify.refute.candidates import candidates
from bigtheta.verify.refute.result import Attempt, Refutation
from bigtheta.verify.refute.screen import CONFIRMATIONS, Outcome, Screened, breaks, screened
from bigtheta.verify.refute.shrink import TRIALS, shrunk
from bigtheta.verify.report.report import make_folder
from bigtheta.verify.rule import FAIL_LEVEL
from bigtheta.verify.run import verify
from bigtheta.verify.verdict import Verdict

__all__ = ["CONFIRMATIONS", "refute"]

MOST = 3000
"""Candidates after which a search ends."""
_SEARCH, _SHRINK = 0.7, 0.9
"""Shares of the budget after which no candidate is begun, and no step of shrinking."""
_PART, _LEAST, _LARGEST = 20, 0.3, 8.0
"""A simulation of the search may take this part of the budget, within these seconds."""


def refute(
    law: Law | str | Path,
    *,
    over: str | Sequence[str] | None = None,
    budget: float = 60.0,
    seed: int = 0,
    jobs: int | None = None,
    device: str = "auto",
    out: str | Path | None = None,
    watch: Callable[[Screened], None] | None = None,
) -> Refutation:
    """Search for a case inside a law's hypotheses in which it fails.

    What is varied, and for what a law is claimed, is said in `bigtheta.verify.refute.axes`. The order of the candidates
    depends on the seed alone; the budget cuts it by the clock.

    Args:
        law: a law, the name of one, or a spec file.
        over: of activations, paths, inputs, labels, networks; all that apply if None. Networks asked for by name stand
            in for the model of any lower bound: the claim is then one on every interpolator.
        budget: seconds; what was found before they end is still confirmed.
        seed: of the search; the confirmations have seeds of their own, made from it.
        jobs: processes (default: one).
        device: "auto", "cpu" or "cuda".
        out: folder for refute.json and, if a counterexample is found, counterexample.toml and its report.
        watch: called with each candidate that was looked at.

    Returns:
        A `Refutation`: `.counterexample` (None if there is none), `.tried`, `.attempts`, `.exit_code`, `.lines()`.

    Raises:
        InvalidInputError: for a bad option, a law whose data are absent, or nothing that can be varied.

    >>> found = refute(Law(name="any-parity", model="rf-kernel", statement="Theta(sqrt(n))", path={"d": "2*n"},
    ...     sizes={"n": [16, 32, 64, 160]}, hypotheses=["d >= n"]), over="activations", budget=20)  # doctest: +SKIP
    >>> found.counterexample.found.candidate.words  # doctest: +SKIP
    'activation square'
    """
    started = time.monotonic()
    entry = _read(law)
    asked = asked_axes(over)
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 < budget < float("inf"):
        raise InvalidInputError(f"budget: expected a positive number of seconds but got budget={budget!r}")
    seed, workers = whole_number("seed", seed, low=0), 1 if jobs is None else whole_number("jobs", jobs, low=1)
    if (absent := missing_data(entry.inputs)) is not None:
        raise InvalidInputError(f"refute: law {entry.id!r}: {absent}")
    axes = axes_of(entry, asked, explicit=over is not None)
    if over is not None and not axes:
        own = " and ".join(axis.value for axis in asked)
        raise InvalidInputError(
            f"refute: law {entry.id!r}, {entry.statement}, is claimed for its own {own} alone; "
            "state a hypothesis that says for which it is claimed, or leave out --over"
        )
    chosen = choose_device(device)
    folder = None if out is None else make_folder(out, figures=False)
    seeds = _seeds(entry, seed)

    def simulator(of: str) -> Callable[[Experiment], pd.DataFrame]:
        return lambda experiment: run([experiment], seed=seeds[of], jobs=workers, device=chosen)[0]

    def time_left(share: float) -> bool:
        return time.monotonic() - started < share * budget

    seconds = min(_LARGEST, max(_LEAST, budget / _PART))
    tried: list[Screened] = []
    unmade: list[str] = []
    attempts: list[Attempt] = []
    ended = "nothing new was left to try"
    for candidate in candidates(entry, axes, seed):
        if not time_left(_SEARCH) or len(tried) >= MOST:
            ended = f"the budget of {budget:g} s was spent" if len(tried) < MOST else f"{MOST} candidates are the most"
            break
        if isinstance(candidate, str):
            unmade.append(candidate)
            continue
        found = screened(candidate, simulator("search"), seconds=seconds)
        tried.append(found)
        if watch is not None:
            watch(found)
        if found.outcome is not Outcome.SUSPECT:
            continue
        small = shrunk(found, simulator("shrink"), seconds=seconds, more_time=lambda: time_left(_SHRINK))
        if small is None:
            continue
        while small is not None and len(attempts) < CONFIRMATIONS:
            attempts.append(_confirmed(small, seeds[f"confirm-{len(attempts) + 1}"], workers, chosen))
            small = _with_more_trials(attempts[-1]) if time_left(1.0) else None
        if attempts[-1].confirmed:
            ended = "found"
            break
        if len(attempts) == CONFIRMATIONS:
            ended = f"{CONFIRMATIONS} confirmations are the most"
            break
    result = Refutation(
        entry, axes, tuple(tried), tuple(unmade), tuple(attempts), CONFIRMATIONS, FAIL_LEVEL, float(budget), seed,
        seeds, time.monotonic() - started, ended,
    )  # fmt: skip
    if folder is not None:
        result.write(folder)
    return result


def _confirmed(found: Screened, seed: int, jobs: int, device: str) -> Attempt:
    """Judge a case on fresh trials, as `check` does, at the level of one of several confirmations."""
    assert found.law is not None
    origin = found.candidate.origin
    effort = found.law.effort * (2 if found.law.limit else 1)  # to show agreement takes more than to show that it fails
    law = changed(found.law, {"name": f"{origin.name[:65]}-counterexample", "effort": effort})
    report = verify(law, trials=TRIALS, seed=seed, jobs=jobs, device=device)
    entry, level = report.entries[0], FAIL_LEVEL / CONFIRMATIONS
    if entry.trials is None or entry.judgement.verdict is Verdict.ERROR:
        return Attempt(replace(found, law=law), seed, level, entry.judgement, False, report)
    judged, judgement, broken = breaks(found, law, entry.trials, level)
    return Attempt(replace(found, law=judged, judgement=judgement), seed, level, judgement, broken, report)


def _with_more_trials(attempt: Attempt) -> Screened | None:
    """The case with twice the trials, if they left open whether the simulation agrees with the limit; else None."""
    bridge = attempt.judgement.bridge
    if attempt.confirmed or bridge is None or bridge.agrees is Verdict.FAIL or attempt.law.effort > 16:
        return None
    return attempt.found


def _seeds(law: Law, seed: int) -> dict[str, int]:
    """Different seeds of search, shrinking and confirmations, none of them a small number that `check` may be given."""
    roles = ["search", "shrink", *(f"confirm-{i + 1}" for i in range(CONFIRMATIONS))]
    state = np.random.SeedSequence(seed, spawn_key=digest(f"refute {law.id}")).generate_state(len(roles), np.uint32)
    return {role: 2**32 * (i + 1) + int(number) for i, (role, number) in enumerate(zip(roles, state, strict=True))}


def _read(law: Law | str | Path) -> Law:
    """A law, the name of one, or a spec file."""
    if isinstance(law, Law):
        return law
    if not isinstance(law, str | Path):
        raise InvalidInputError(f"refute: expected a Law, the name of one or a spec file but got {law!r}")
    return read_spec(law) if isinstance(law, Path) or law.endswith(".toml") or Path(law).is_file() else find_law(law)
