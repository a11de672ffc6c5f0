"""The screen: does a candidate look as if it broke its law? Cheap first, so that many can be looked at.

1. Its hypotheses must hold at its sizes and, on a path of growing sizes, at 10^8 to 10^9 too.
2. Where the exact limit of the quantity is known, its own exponent on the path decides whether to go on: one within the
   margin of the claim settles the candidate, whatever a simulation at small sizes would show.
3. A small simulation, at sizes within a fixed number of operations, is judged as `check` judges.

A candidate is suspected if it FAILs and lies off by more than the law's margin; or if the limit does, and the
simulation agrees with the limit. What cannot be fitted breaks no law.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
import pandas as pd

from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.plan import operations_of, schedule
from bigtheta.theory.activation import Activation
from bigtheta.theory.data import Labels
from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.inputs import Sphere
from bigtheta.theory.law import Law
from bigtheta.theory.limits.named import limit_of, limit_values
from bigtheta.theory.scale import SIZES, geometric
from bigtheta.theory.statement import Sense
from bigtheta.verify.bridge import limit_slope
from bigtheta.verify.checks import judge_law
from bigtheta.verify.refute.axes import changed
from bigtheta.verify.refute.candidates import Candidate
from bigtheta.verify.verdict import Judgement, Verdict

__all__ = [
    "CONFIRMATIONS",
    "Outcome",
    "Screened",
    "bend_of",
    "breaks",
    "deviation",
    "is_broken",
    "limit_deviation",
    "resized",
    "screened",
]

Simulate = Callable[[Experiment], pd.DataFrame]

CONFIRMATIONS = 3
"""Cases that may be taken to confirmation, among which the error rate is shared."""
FAR = (10**8, 10**9)
CELLS = 6
RATE, OVERHEAD = 1e10, 0.002
"""Operations a second and seconds a trial that are counted with, so that sizes do not depend on the machine."""
RADIAL = 0.3
"""Seconds of a trial of a kernel on inputs of different norms."""
FEWEST = 8
"""No size of a changed path starts below this, if the law's own does not."""


class Outcome(Enum):
    """What became of a candidate."""

    OUTSIDE = "outside the hypotheses"
    UNFIT = "cannot be measured or fitted"
    DEAR = "too dear for the budget"
    AGREES = "the exact limit agrees with the law"
    KEPT = "simulated, not broken"
    SUSPECT = "looks broken"


@dataclass(frozen=True)
class Screened:
    """A candidate and what the screen found.

    Attributes:
        law: as it was simulated, at sizes of its own; with `limit` where that decides.
        limit_off: how far the exact limit lies off the claim, on the side that breaks it; None where none is known.
        bend: how far finite sizes alone put the exponent off there, which is allowed for; see `bend_of`.
    """

    candidate: Candidate
    outcome: Outcome
    detail: str = ""
    law: Law | None = None
    limit_off: float | None = None
    judgement: Judgement | None = None
    bend: float = 0.0

    def is_broken(self, law: Law, judgement: Judgement, *, sure: bool = True) -> bool:
        """Whether a judgement contradicts a law at sizes like those of this finding; see `is_broken`."""
        return is_broken(law, judgement, sure=sure, bend=self.bend)


def screened(
    candidate: Candidate, simulate: Simulate, *, seconds: float, trials: int = 4, simulated: bool = True
) -> Screened:
    """Screen one candidate.

    Args:
        simulate: the trials of an experiment.
        seconds: what its simulation may take, by operations counted.
        trials: in the dearest cell.
        simulated: go on to the simulation.
    """
    law, act = candidate.law, candidate.activation
    try:
        if (unmet := law.unmet(act) or _unmet_far(law, act)) is not None:
            return Screened(candidate, Outcome.OUTSIDE, unmet)
        law.formula_values(act)
        with np.errstate(all="ignore"):  # outside its domain a limit may be no number, which is none
            off = limit_deviation(law, act)
        if off is not None and off <= law.margin:
            return Screened(candidate, Outcome.AGREES, f"off by {off:.3f}", None, off)
        least = min(FEWEST, *candidate.origin.cells[0].values())
        fitting = resized(law, act, seconds=seconds, trials=trials, least=least)
        if fitting is None:
            return Screened(candidate, Outcome.DEAR, "", None, off)
        if not simulated:
            return Screened(candidate, Outcome.KEPT, "not simulated", fitting, off)
        frame = simulate(Experiment.of(fitting, act, _counts(fitting, trials)))
        judgement = judge_law(fitting, act, frame)
        with np.errstate(all="ignore"):
            bend = bend_of(fitting, act) if off is None else 0.0
        if off is not None and not is_broken(fitting, judgement) and law.statement.sense is not Sense.LIMIT:
            fitting = changed(fitting, {"limit": limit_of(fitting) or ""})
            judgement = judge_law(fitting, act, frame)
    except BigthetaError as error:
        return Screened(candidate, Outcome.UNFIT, str(error))
    if judgement.verdict is Verdict.ERROR or judgement.estimate is None:
        return Screened(candidate, Outcome.UNFIT, judgement.reason, fitting, off, judgement)
    suspect = is_broken(fitting, judgement, sure=False, bend=bend)
    outcome = Outcome.SUSPECT if suspect else Outcome.KEPT
    return Screened(candidate, outcome, judgement.reason, fitting, off, judgement, bend)


def deviation(judgement: Judgement) -> float:
    """Return how far the estimate lies off the claim, on the side that breaks it; relative for a limit, inf for a peak.

    >>> j = Judgement(verdict=Verdict.FAIL, reason="", statement="O(n)", sense="O", estimate=0.7, claimed=1.0)
    >>> deviation(j) < 0
    True
    """
    if judgement.estimate is None:
        return 0.0
    if judgement.sense == Sense.PEAK.value:
        return math.inf
    if judgement.sense == Sense.LIMIT.value:
        return abs(judgement.estimate / judgement.limit_target - 1)
    return _wrong(judgement.sense, judgement.estimate - (judgement.claimed or 0.0))


def is_broken(law: Law, judgement: Judgement, *, sure: bool = True, bend: float = 0.0) -> bool:
    """Whether a judgement contradicts its law by more than the margin, and `bend`.

    Where an exact limit decides: its exponent is off by more than the margin, and the simulation agrees with it; if not
    `sure`, it may also leave open whether it does.
    """
    if judgement.bridge is not None:
        agrees = (Verdict.PASS,) if sure else (Verdict.PASS, Verdict.INCONCLUSIVE)
        off = _wrong(judgement.sense, judgement.bridge.exponent - (judgement.claimed or 0.0))
        return judgement.bridge.agrees in agrees and judgement.bridge.as_claimed is Verdict.FAIL and off > law.margin
    return judgement.verdict is Verdict.FAIL and deviation(judgement) > law.margin + bend


def breaks(found: Screened, law: Law, frame: pd.DataFrame, level: float) -> tuple[Law, Judgement, bool]:
    """Judge a case on trials, and say whether they break the law at a level; with the exact limit if that decides.

    On trials alone the p-value must be below the level. Where the limit contradicts the law and trials alone do not
    break it so clearly, the simulation must agree with the limit, at 5% less what `CONFIRMATIONS` looks take.

    Args:
        found: the case.
        law: as it was simulated.
        frame: the trials.
    """
    act = found.candidate.activation
    judgement = judge_law(law, act, frame)
    if judgement.bridge is None:
        clear = judgement.p_value is not None and judgement.p_value < level
        if found.is_broken(law, judgement) and clear:
            return law, judgement, True
        if found.limit_off is None or law.statement.sense is Sense.LIMIT:
            return law, judgement, False
        law = changed(law, {"limit": limit_of(law) or ""})
        judgement = judge_law(law, act, frame)
    strict = judge_law(law, act, frame, look=(1, CONFIRMATIONS))
    agrees = strict.bridge is not None and strict.bridge.agrees is Verdict.PASS
    return law, judgement, agrees and found.is_broken(law, judgement)


def _wrong(sense: str, off: float) -> float:
    """A deviation of the exponent, positive on the side that breaks a claim of this sense."""
    return {Sense.OMEGA.value: -off, Sense.BIG_O.value: off}.get(sense, abs(off))


def limit_deviation(law: Law, act: Activation) -> float | None:
    """Return how far the exact limit lies off the claim on the path, far out, as `deviation`; None if none is known.

    For an order the exponent of limit/formula between 10^8 and 10^9; on a path with fixed sizes, which has no far end,
    over the law's own cells.
    """
    sense = law.statement.sense
    plain = isinstance(law.inputs, Sphere) and (law.labels.target == "linear" or law.labels.signal == 0)
    name = law.limit or (limit_of(law) if plain or law.model.kind == "quadratic-student" else None)
    if not name or sense is Sense.PEAK:
        return None
    try:
        if sense is Sense.LIMIT:
            at = {key: np.array(values, dtype=float)[-1:] for key, values in law.size_arrays.items()}
            return float(abs(limit_values(name, law, act, at)[0] / law.statement.value(at, law.constants(act))[0] - 1))
        named = law if law.limit == name else changed(law, {"limit": name})
        growing = all(rule.free_symbols for _, rule in law.path.given)
        slope = limit_slope(named, act, law.statement) if growing else _near_slope(law, act, name)
    except InvalidInputError:
        return None
    return _wrong(sense.value, slope) if math.isfinite(slope) else None


def bend_of(law: Law, act: Activation) -> float:
    """Return how far off the claim the exponent lies at a law's own sizes though far out it is as claimed, or 0.

    Of a law whose inputs or labels have no exact limit, by that of the same law on the sphere with label noise: finite
    sizes bend both alike. Source: derived.
    """
    try:
        twin = changed(law, {"inputs": Sphere(), "labels": Labels(noise=law.labels.noise or 1.0), "limit": ""})
        far, name = limit_deviation(twin, act), limit_of(twin)
        if far is None or name is None or far > law.margin or law.statement.sense is Sense.LIMIT:
            return 0.0
        near = _wrong(law.statement.sense.value, _near_slope(twin, act, name))
    except InvalidInputError:
        return 0.0
    return max(0.0, near) if math.isfinite(near) else 0.0


def _near_slope(law: Law, act: Activation, name: str) -> float:
    """The exponent of limit/formula over the law's own cells."""
    values = limit_values(name, law, act, law.size_arrays) / law.formula_values(act)
    return float(np.log(values[-1] / values[0]) / np.log(law.sizes.values[-1] / law.sizes.values[0]))


def _unmet_far(law: Law, act: Activation) -> str | None:
    """The first hypothesis that fails far out; a path with a fixed size has no far end."""
    fixed = [name for name, rule in law.path.given if not rule.free_symbols]
    if fixed or law.statement.sense is Sense.PEAK or not law.hypotheses:
        return None
    try:
        far = changed(law, {"sizes": {law.sizes.variable: list(FAR)}, "limit": "", "inputs": Sphere()})
    except InvalidInputError as error:
        return str(error)
    return far.unmet(act)


def resized(law: Law, act: Activation, *, seconds: float, trials: int, least: int = 1) -> Law | None:
    """Return a law at sizes whose simulation takes so many seconds, over a decade at least; None if there are none.

    A peak keeps its sizes. `seconds` is counted in operations at a fixed rate. No size is below `least` to begin with,
    nor the free one below half of the law's smallest.
    """
    values = law.sizes.values
    if law.statement.sense is Sense.PEAK:
        return law if _seconds(law, act, trials) <= seconds else None
    low, top, lowest = _start(law, values[0], least), float(values[-1]), max(4, values[0] // 2)
    cells = min(len(values), CELLS) if law.statement.sense is Sense.LIMIT else CELLS
    if low is None:
        return None
    while top >= 10 * low:
        try:
            found = changed(law, {"sizes": geometric(SIZES[law.sizes.variable], low, round(top), cells=cells)})
        except InvalidInputError:
            found = None
        if found is not None and found.unmet(act) is None and _seconds(found, act, trials) <= seconds:
            return found
        top /= math.sqrt(2)
        if top < 10 * low and low > lowest:  # keep a decade, from smaller sizes
            low = max(lowest, math.floor(top / 10))
    return None


def _start(law: Law, first: int, least: int) -> int | None:
    """The smallest value of the free size, from the law's first on, at which no size is below the least; or None."""
    for value in (first, *(math.ceil(first * 2 ** (step / 2)) for step in range(1, 9))):
        try:
            if min(law.path.at(value).values()) >= least:
                return value
        except InvalidInputError:
            continue
    return None


def _counts(law: Law, trials: int) -> tuple[int, ...]:
    """Trials of each cell; no more in cheap ones where a trial costs the same at every size."""
    return (trials,) * len(law.cells) if _is_radial(law) else schedule(law.cells, trials)


def _is_radial(law: Law) -> bool:
    """Whether the model is a kernel on inputs of different norms, whose coefficients each trial computes anew."""
    return law.model.kind in ("rf-kernel", "ntk-kernel") and not isinstance(law.inputs, Sphere)


def _seconds(law: Law, act: Activation, trials: int) -> float:
    """Seconds that a simulation takes at the rate that is counted with."""
    counts = _counts(law, trials)
    experiment = Experiment.of(law, act, counts)
    if _is_radial(law):  # there are few; but as `check` judges them they must not take the whole budget
        return RADIAL * sum(schedule(law.cells, 2 * trials)) / 8
    return sum(
        count * (OVERHEAD + operations_of(experiment, cell) / RATE)
        for cell, count in zip(law.cells, counts, strict=True)
    )
