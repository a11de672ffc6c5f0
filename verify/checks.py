"""Checks: what is judged of a law, for each activation and each control, and the judgement on its trials."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from bigtheta.numerics.datasets import missing_data
from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.streams import Role, Streams
from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import activation as find_activation
from bigtheta.theory.law import Control, Law, with_control
from bigtheta.theory.statement import Sense, Statement
from bigtheta.theory.training import QuadraticStudent
from bigtheta.verify.bridge import bridged
from bigtheta.verify.judge import judge
from bigtheta.verify.rule import FAIL_LEVEL
from bigtheta.verify.sharpness import Mutant, sharpness
from bigtheta.verify.verdict import Judgement, Need, Verdict

__all__ = ["Check", "checks", "judge_law", "judged_together", "not_run", "sharpness_of"]

_NOT_FITTED = {
    "failed": (
        "{count} fits do not interpolate (residual {residual:.1e} at {where})",
        "move the sizes away from where the Gram matrix is singular",
    ),
    "inconsistent": (
        "{count} fits have another size or precision than was asked for ({where})",
        "this is a fault of the program or of a plugin's model: please report it",
    ),
    "wrong-gradient": (
        "{count} fits have a gradient that is not the slope of their own predictions ({where})",
        "this is a fault of the program or of a plugin's model: please report it",
    ),
    "no-series": (
        "{count} fits need more terms of the kernel's series than are summed: two inputs nearly coincide ({where})",
        "enlarge d, or use an activation with a closed form (relu, abs, erf) or without kinks",
    ),
    "not-converged": (
        "{count} trained networks did not reach their target (relative residual {residual:.1e} at {where})",
        "give more steps, another rate, or fewer labels",
    ),
}
"""The statuses of a fit that make its law an ERROR: what is said, and what to do."""
_WITH_RIDGE = (
    "{count} ridge fits are not solved to their equations (residual {residual:.1e} at {where})",
    "enlarge the ridge, or move the sizes away from where the Gram matrix is singular",
)
_OF_WEIGHTS = (
    "{count} fits need more terms of a series than are summed: two weights point nearly the same way ({where})",
    "enlarge d, or use an activation without kinks",
)


def _not_fitted(law: Law, status: str) -> tuple[str, str]:
    """What a status means for the model of a law: a student of the population has a series in its weights."""
    if status == "no-series" and isinstance(law.model, QuadraticStudent):
        return _OF_WEIGHTS
    if status == "failed" and law.model.ridge > 0:
        return _WITH_RIDGE
    return _NOT_FITTED[status]


@dataclass(frozen=True)
class Check:
    """One statement to judge for one activation; `law` is already as its control changed it."""

    law: Law
    origin: Law
    activation: Activation
    control: Control | None
    skipped: str | None


def checks(law: Law, acts: tuple[Activation, ...] | None) -> list[Check]:
    """The law for each activation, then its controls; controls run only if something else of the law does."""
    found = []
    for act in acts or tuple(find_activation(name) for name in law.activations):
        law.formula_values(act)
        found.append(Check(law, law, act, None, missing_data(law.inputs) or law.unmet(act)))
    judged = [check.activation for check in found if check.skipped is None]
    for control in law.controls if judged else ():
        changed = with_control(law, control)
        act = find_activation(control.activation) if control.activation is not None else judged[0]
        changed.formula_values(act)
        found.append(Check(changed, law, act, control, None))
    return found


def judge_law(
    law: Law,
    act: Activation,
    frame: pd.DataFrame | None,
    *,
    skipped: str | None = None,
    look: tuple[int, int] | None = None,
) -> Judgement:
    """Judge one law on the trials of one activation; a failed fit is an ERROR, not a dropped trial.

    Args:
        frame: a row a trial; None if the law was not simulated, for the reason `skipped`.
        look: (k, K) at the k-th of K looks at growing numbers of trials.
    """
    if frame is None:
        return _without_samples(law, Verdict.SKIPPED, skipped or "not simulated")
    at_a_peak = law.statement.sense is Sense.PEAK  # where a Gram matrix is singular, and values are large but finite
    for status in _NOT_FITTED:
        if at_a_peak and status == "failed":
            continue
        if len(bad := frame[frame["status"] == status]):
            first = bad.iloc[0]
            what, advice = _not_fitted(law, status)
            where = ", ".join(f"{name} = {first[name]}" for name in law.model.uses)
            found = what.format(count=f"{len(bad)} of {len(frame)}", residual=first["residual"], where=where)
            return _without_samples(law, Verdict.ERROR, f"{found}; {advice}")
    judgement = _judged(law, act, frame, law.statement, look)
    return _stuck(law, act) or judgement if judgement.deterministic else judgement


def _stuck(law: Law, act: Activation) -> Judgement | None:
    """An ERROR if the streams of two trials give the same numbers: that the trials agree is then no fact of the law.

    Where they differ, a model draws nothing from them that its quantity depends on, and its values are without noise.
    """
    spec, cell = Experiment.of(law, act, (1,) * len(law.cells)).spec, law.cells[0]
    first, second = (Streams(0, spec, cell, trial).generator(Role.INPUTS).random(4) for trial in (0, 1))
    if (first != second).any():
        return None
    reason = (
        "all trials of each cell are the same to the last digit, for their random streams do not move; "
        "this is a fault of the program: please report it"
    )
    return _without_samples(law, Verdict.ERROR, reason)


def _judged(
    law: Law, act: Activation, frame: pd.DataFrame, statement: Statement, look: tuple[int, int] | None
) -> Judgement:
    samples = [_values(frame, cell) for cell in law.cells]
    direct = judge(
        law.size_arrays, samples, statement, law.margin,
        along=str(law.path.free), path=law.path, constants=law.constants(act), look=look,
        deterministic=None if max(map(len, samples), default=0) > 1 else False,  # one trial may be of anything
    )  # fmt: skip
    return bridged(law, act, samples, statement, direct, look=look) if law.limit else direct


def sharpness_of(check: Check, judgement: Judgement, frame: pd.DataFrame | None) -> tuple[Mutant, ...]:
    """Return how other claims fare on the trials of a law; none for a control."""
    if frame is None or check.control is not None:
        return ()
    law, act = check.law, check.activation
    return sharpness(law.statement, judgement, lambda statement: _judged(law, act, frame, statement, None))


def judged_together(judgements: Sequence[Judgement], *, unfinished: Collection[int] = ()) -> list[Judgement]:
    """Return the judgements of several claims with Holm's correction: a FAIL that is one of many draws is none.

    The i-th smallest of m p-values is multiplied by m - i + 1; where the running maximum exceeds 1%, FAIL becomes
    INCONCLUSIVE. Source: Holm 1979.

    Claims whose trials are unfinished, as after an interruption, count with p = 1. No true p-value is larger, and
    Holm's procedure rejects no less when p-values fall; so whatever FAILs here FAILs when the others are judged too,
    and the error rate over all claims holds wherever the run was interrupted, even by someone who saw results.

    Args:
        unfinished: indices of the judgements that are not the last word on their claims.

    >>> one = Judgement(verdict=Verdict.FAIL, reason="off", statement="Theta(n)", sense="Theta", p_value=0.008)
    >>> [j.verdict.value for j in judged_together([one])], [j.verdict.value for j in judged_together([one] * 2)]
    (['FAIL'], ['INCONCLUSIVE', 'INCONCLUSIVE'])
    """
    tested = sorted(
        ((j.p_value, i) for i, j in enumerate(judgements) if j.p_value is not None and i not in unfinished),
        key=lambda pair: pair[0],
    )
    result, adjusted, count = list(judgements), 0.0, len(tested) + len(unfinished)
    for rank, (p, i) in enumerate(tested):
        adjusted = max(adjusted, min(1.0, (count - rank) * p))
        j = judgements[i]
        if j.verdict is Verdict.FAIL and adjusted >= FAIL_LEVEL:
            reason = f"{j.reason}, but among {count} claims such a one is expected (Holm: p = {adjusted:.2g})"
            need = Need.SIZES if j.deterministic else Need.TRIALS
            result[i] = replace(j, verdict=Verdict.INCONCLUSIVE, reason=reason, needs=need)
    return result


def not_run(law: Law, reason: str) -> Judgement:
    """Return the judgement of a law whose trials were not all made."""
    return _without_samples(law, Verdict.NOT_RUN, reason)


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
