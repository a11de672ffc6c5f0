"""Looks: judging at growing numbers of trials, until every claim is decided or the time is spent.

The numbers of trials and of looks are fixed beforehand, and each look spends its part of the error rates
(`verify.judge`), so that stopping when a verdict comes does not make it less certain. Trials go to the claims that are
open and that more trials may decide.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.plan import Plan, plan, schedule
from bigtheta.verify.checks import Check, judge_law, not_run
from bigtheta.verify.interrupts import held
from bigtheta.verify.verdict import Judgement, Need, Verdict

__all__ = ["FIRST", "LOOKS", "Finding", "LooksInterrupted", "look_at", "planned", "pooled"]

FIRST, LOOKS = 10, 6
"""Trials in the dearest cell at the first look, doubled at each; how many looks."""
_PATIENCE = 2
"""Looks after which a claim that larger sizes alone would decide gets no more trials."""

Simulate = Callable[[Sequence[Experiment]], Sequence[pd.DataFrame]]


@dataclass(frozen=True)
class Finding:
    """What was seen of one check: its judgement and its trials, None if it was not simulated.

    finished: False if an interruption kept it from its last look.
    """

    judgement: Judgement
    frame: pd.DataFrame | None
    finished: bool = True


class LooksInterrupted(KeyboardInterrupt):
    """Ctrl-C while trials were simulated or judged.

    Attributes:
        findings: of every check; NOT-RUN where its trials are not all there, as it was at the look before if there was
            one.
        done, total: trials of the look that was interrupted.
    """

    def __init__(self, findings: list[Finding], done: int, total: int) -> None:
        super().__init__(f"interrupted after {done} of {total} trials")
        self.findings, self.done, self.total = findings, done, total


def planned(checks: Sequence[Check], trials: int, precision: str) -> list[Experiment | None]:
    """Return the experiment of each check with so many trials in the dearest cell; None for one that is skipped."""
    return [
        None
        if check.skipped is not None
        else Experiment.of(
            check.law, check.activation, schedule(check.law.cells, trials * check.law.effort), precision=precision
        )
        for check in checks
    ]


def look_at(
    checks: Sequence[Check],
    counts: Sequence[int],
    simulate: Simulate,
    *,
    precision: str = "float64",
    budget: float | None = None,
    jobs: int = 1,
) -> list[Finding]:
    """Judge every check, at so many trials at each look; one that is decided is not looked at again.

    Args:
        counts: trials in the dearest cell at each look, increasing; one entry means one look.
        simulate: returns the trials of experiments; it must not do trials again that it has done.
        budget: seconds; no look is begun that is not expected to end within them, apart from the first.
        jobs: processes, for that expectation.

    Raises:
        LooksInterrupted: on Ctrl-C, with what was complete judged as ever.
    """
    started = time.monotonic()
    found: list[Finding | None] = [None] * len(checks)
    for k, count in enumerate(counts, start=1):
        asked: dict[int, Experiment | None] = {}
        frames: dict[tuple[str, str], pd.DataFrame] = {}
        experiments: dict[tuple[str, str], Experiment] = {}
        look, judged, ended = None if len(counts) == 1 else (k, len(counts)), False, False
        try:
            with held() as noted:
                open_ones = [i for i, finding in enumerate(found) if finding is None or _may_decide(finding, k)]
                asked = dict(zip(open_ones, planned([checks[i] for i in open_ones], count, precision), strict=True))
                experiments = pooled(asked.values())
                ended = not open_ones
                if budget is not None and k > 1 and not ended:
                    before = pooled(planned([checks[i] for i in open_ones], counts[k - 2], precision)).values()
                    if _expected(list(experiments.values()), before, jobs) > budget - (time.monotonic() - started):
                        found = [_out_of_time(finding, budget, i in asked) for i, finding in enumerate(found)]
                        ended = judged = True
            _stop_if(noted)
            if ended:
                break
            frames = dict(zip(experiments, simulate(list(experiments.values())), strict=True))
            with held() as noted:
                for i, experiment in asked.items():
                    found[i] = _seen(checks[i], None if experiment is None else frames[experiment.identity], look)
                judged = True
            _stop_if(noted)
        except KeyboardInterrupt as stop:
            if None in found and not asked:
                raise  # there was no plan yet
            frames = frames or dict(zip(experiments, getattr(stop, "frames", ()), strict=False))
            for i, experiment in () if judged else asked.items():
                found[i] = _seen_so_far(checks[i], found[i], experiment, experiments, frames, look)
            findings = [_left_open(finding, k, len(counts)) for finding in found if finding is not None]
            done, total = sum(map(len, frames.values())), sum(sum(e.trials) for e in experiments.values())
            raise LooksInterrupted(findings, done, total) from stop
    return [finding for finding in found if finding is not None]


def _stop_if(noted: Sequence[KeyboardInterrupt]) -> None:
    """Raise a Ctrl-C that came while it was held."""
    if noted:
        raise noted[0]


def _seen(check: Check, frame: pd.DataFrame | None, look: tuple[int, int] | None) -> Finding:
    return Finding(judge_law(check.law, check.activation, frame, skipped=check.skipped, look=look), frame)


def _seen_so_far(
    check: Check, before: Finding | None, experiment: Experiment | None,
    experiments: Mapping[tuple[str, str], Experiment], frames: Mapping[tuple[str, str], pd.DataFrame],
    look: tuple[int, int] | None,
) -> Finding:  # fmt: skip
    """What an interruption leaves of a check: judged if its trials are all there, else as at the look before."""
    if experiment is None:
        return _seen(check, None, look)
    frame, asked = frames.get(experiment.identity), sum(experiments[experiment.identity].trials)
    done = 0 if frame is None else len(frame)
    if done == asked:
        return _seen(check, frame, look)
    reason = f"interrupted after {done} of {asked} trials"
    if before is None:
        return Finding(not_run(check.law, reason), frame if done else None, finished=False)
    told = replace(before.judgement, reason=f"{before.judgement.reason}; {reason} of the next look")
    return replace(before, judgement=told, finished=False)


def _left_open(finding: Finding, look: int, of: int) -> Finding:
    """Say that there was to be another look, where there was."""
    if not finding.finished or look == of or not _may_decide(finding, look + 1):
        return finding
    told = replace(finding.judgement, reason=f"{finding.judgement.reason}; interrupted before the next look")
    return replace(finding, judgement=told, finished=False)


def _may_decide(finding: Finding, look: int) -> bool:
    """Whether more trials may bring a verdict."""
    j = finding.judgement
    return j.verdict is Verdict.INCONCLUSIVE and not j.deterministic and (look <= _PATIENCE or j.needs is Need.TRIALS)


def pooled(experiments: Iterable[Experiment | None]) -> dict[tuple[str, str], Experiment]:
    """One experiment for all that give the same numbers, the one with most trials."""
    found: dict[tuple[str, str], Experiment] = {}
    for e in experiments:
        if e is not None and (e.identity not in found or sum(e.trials) > sum(found[e.identity].trials)):
            found[e.identity] = e
    return found


def _expected(experiments: Sequence[Experiment], before: Iterable[Experiment], jobs: int) -> float:
    """Seconds of a look, without the trials of the one before."""
    whole: Plan = plan(experiments, jobs=jobs)
    done = sum(sum(e.trials) for e in before)
    return replace(whole, done=min(done, whole.trials)).seconds


def _out_of_time(finding: Finding | None, budget: float, was_open: bool) -> Finding | None:
    """Say that time ended, where the claim was still open."""
    if finding is None or not was_open:
        return finding
    reason = f"{finding.judgement.reason}; the budget of {budget:g} s is spent"
    return replace(finding, judgement=replace(finding.judgement, reason=reason))
