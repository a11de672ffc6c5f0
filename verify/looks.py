"""Looks: judging at growing numbers of trials, until every claim is decided or the time is spent.

The numbers of trials and of looks are fixed beforehand, and each look spends its part of the error rates
(`verify.judge`), so that stopping when a verdict comes does not make it less certain. Trials go to the claims that are
open and that more trials may decide.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.plan import Plan, plan, schedule
from bigtheta.verify.checks import Check, judge_law
from bigtheta.verify.verdict import Judgement, Need, Verdict

__all__ = ["FIRST", "LOOKS", "Finding", "look_at", "planned", "pooled"]

FIRST, LOOKS = 10, 6
"""Trials in the dearest cell at the first look, doubled at each; how many looks."""
_PATIENCE = 2
"""Looks after which a claim that larger sizes alone would decide gets no more trials."""

Simulate = Callable[[Sequence[Experiment]], Sequence[pd.DataFrame]]


@dataclass(frozen=True)
class Finding:
    """What was seen of one check: its judgement and its trials, None if it was not simulated."""

    judgement: Judgement
    frame: pd.DataFrame | None


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
    """
    started = time.monotonic()
    found: list[Finding | None] = [None] * len(checks)
    for k, count in enumerate(counts, start=1):
        open_ones = [i for i, finding in enumerate(found) if finding is None or _may_decide(finding, k)]
        asked = dict(zip(open_ones, planned([checks[i] for i in open_ones], count, precision), strict=True))
        experiments = pooled(asked.values())
        if not open_ones:
            break
        if (
            budget is not None
            and k > 1
            and _expected(
                list(experiments.values()),
                pooled(planned([checks[i] for i in open_ones], counts[k - 2], precision)).values(),
                jobs,
            )
            > (budget - (time.monotonic() - started))
        ):
            found = [_out_of_time(finding, budget, i in asked) for i, finding in enumerate(found)]
            break
        frames = dict(zip(experiments, simulate(list(experiments.values())), strict=True))
        for i, experiment in asked.items():
            frame = None if experiment is None else frames[experiment.identity]
            look = None if len(counts) == 1 else (k, len(counts))
            check = checks[i]
            found[i] = Finding(judge_law(check.law, check.activation, frame, skipped=check.skipped, look=look), frame)
    return [finding for finding in found if finding is not None]


def _may_decide(finding: Finding, look: int) -> bool:
    """Whether more trials may bring a verdict."""
    j = finding.judgement
    return j.verdict is Verdict.INCONCLUSIVE and (look <= _PATIENCE or j.needs is Need.TRIALS)


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
