"""Verdicts: one enum, from which exit codes, colours and counts derive; and the Judgement that carries one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

__all__ = [
    "Bridge",
    "Cell",
    "Doubt",
    "Exponent",
    "Judgement",
    "Need",
    "Verdict",
    "WithoutFirst",
    "exit_code",
    "finite",
    "judgement_dict",
    "overall",
]


class Verdict(Enum):
    """What a check concluded. SKIPPED: a hypothesis does not hold or data are absent. NOT_RUN: nothing was measured."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"
    SKIPPED = "SKIPPED"
    NOT_RUN = "NOT-RUN"


class Need(Enum):
    """What an INCONCLUSIVE judgement lacks."""

    TRIALS = "more trials"
    SIZES = "larger sizes"
    RANGE = "more sizes, or a wider range of them"
    DIRECTION = "sizes that vary apart from each other"
    FIT = "a law whose corrections fit"
    TAIL = "an estimand that exists"
    DATA = "usable samples"


class Doubt(Enum):
    """Why a PASS or FAIL that the numbers alone would give is not given: the judgement is INCONCLUSIVE instead."""

    MISFIT = "the fit itself is rejected"
    FIRST_CELL = "the first cell alone decides"


@dataclass(frozen=True)
class WithoutFirst:
    """What the same samples say without the cell of the smallest sizes.

    Attributes:
        sizes: of that cell.
        estimate, low, high: as in the judgement; None where the other cells cannot be fitted.
    """

    sizes: dict[str, int | float]
    verdict: Verdict
    estimate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Exponent:
    """One size's exponent with its 95% interval, and what the statement claims for it."""

    variable: str
    estimate: float
    low: float
    high: float
    claimed: float


@dataclass(frozen=True)
class Bridge:
    """A law decided by its exact limit.

    Attributes:
        ratio, low, high: measured/limit with a 95% interval, and whether it tends to 1; where the limit is of a mean
            square, the root of the mean square is what was measured.
        exponent: the limit's own, far beyond the sizes simulated, and whether it is the claimed one.
    """

    ratio: float | None
    low: float | None
    high: float | None
    agrees: Verdict
    exponent: float
    as_claimed: Verdict


@dataclass(frozen=True)
class Cell:
    """One cell of a sweep: sizes, and the measured quantity with a 95% interval of its geometric mean.

    predicted: the statement's formula at these sizes, times the implied constant (1 for a limit).
    fit_low, fit_high: 95% band of the fitted power law (of the level, for a limit).
    """

    sizes: dict[str, int | float]
    trials: int
    mean: float
    geomean: float
    low: float
    high: float
    predicted: float
    fit_low: float
    fit_high: float


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The outcome of judging one statement against samples.

    estimate, low, high: the exponent of the free size with a 95% interval; for `Limit` the value (the ratio to the
    formula where that varies); for `Peak` where it is. With several free sizes, of the one furthest from its claim;
    `exponents` has them all. Numbers that do not exist, as after an ERROR, are None.
    """

    verdict: Verdict
    reason: str
    statement: str
    sense: str
    variable: str = "n"
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    claimed: float | None = None
    margin: float | None = None
    rejects_below: float | None = None
    """Exponents below this one (or limits) would have failed on these data; for one-sided claims, None."""
    rejects_above: float | None = None
    constant: float | None = None
    """Implied constant: measured / formula, extrapolated by the fit to the largest cell."""
    misfit_p: float | None = None
    tau_break: float | None = None
    """Largest finite-size correction, relative at the smallest cell, under which PASS survives."""
    ratio_range: tuple[float, float] | None = None
    """Smallest and largest cell value of measured / formula."""
    local_slopes: tuple[float, ...] = ()
    cells: tuple[Cell, ...] = ()
    exponents: tuple[Exponent, ...] = ()
    """Every judged size's exponent, an entry each."""
    p_value: float | None = None
    """Of the claim, Bonferroni over the judged exponents: a FAIL has p < 1%."""
    needs: Need | None = None
    """For INCONCLUSIVE: what is missing."""
    more_trials: int | None = None
    """Trials a cell, in all, that would decide if the estimates stay as they are; None if no number would."""
    larger_sizes: tuple[float, ...] = ()
    """Sizes to add to the sweep that would decide if the estimates stay as they are, with as many trials."""
    exponent_of: str = ""
    """What `estimate` is the exponent of where logarithms of the claim are divided out: "n^a*log(n)"; else ""."""

    deterministic: bool = False
    """Whether the data are without noise: one value a size, or trials that agree; then more trials say nothing."""
    accelerated: tuple[float, float] | None = None
    """Of deterministic data with a margin below 5%: what accelerators say the estimate tends to, and their error."""
    doubt: Doubt | None = None
    """Where a PASS or FAIL is not given, why."""
    without_first: WithoutFirst | None = None
    """The judgement without the first cell, where that is another one: there it decides, or it alone does here."""
    cell_effects: float | None = None
    """Standard deviation of the cells' own offsets, relative, beyond noise and corrections; 0 if none were needed."""

    @property
    def power(self) -> float | None:
        """Smallest distance from the claim at which a wrong one would have FAILed on these data.

        Of both sides the larger; an exponent, or relative for a limit.
        """
        if self.estimate is None:
            return None
        claimed = 1.0 if self.claimed is None else self.claimed
        scale = 1.0
        if self.sense == "Limit":
            scale = claimed = self.limit_target
        distances = [abs(b - claimed) / scale for b in (self.rejects_below, self.rejects_above) if b is not None]
        return max(distances, default=None)

    bridge: Bridge | None = None
    """Where an exact limit decided: both steps."""
    relative: bool = False
    """Whether the exponents are those of measured/formula, each to be 0, the formula being no monomial in its sizes."""
    limit_target: float = 1.0
    """What `estimate` is compared with for a limit: the constant claimed, or 1 for a ratio."""
    read_as: tuple[str, ...] = ()
    """How the samples were read, where there was something to decide."""

    def __str__(self) -> str:
        return f"{self.verdict.value}: {self.reason}"


_SEVERITY = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE)


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict of several: the worst of ERROR, FAIL, INCONCLUSIVE; PASS needs at least one PASS.

    >>> overall([Verdict.PASS, Verdict.SKIPPED]).value, overall([Verdict.SKIPPED]).value, overall([]).value
    ('PASS', 'SKIPPED', 'NOT-RUN')
    """
    seen = set(verdicts)
    for verdict in (*_SEVERITY, Verdict.NOT_RUN, Verdict.PASS, Verdict.SKIPPED):
        if verdict in seen:
            return verdict
    return Verdict.NOT_RUN


def exit_code(verdict: Verdict) -> int:
    """Return the process exit code: 0 PASS, 1 FAIL, 4 ERROR, 3 otherwise (nothing failed, not all passed)."""
    return {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.ERROR: 4}.get(verdict, 3)


def judgement_dict(j: Judgement) -> dict[str, Any]:
    """Return a judgement as report.json and `bigtheta judge --json` carry it; NaN and infinity become null."""
    number = {"estimate": j.estimate, "low": j.low, "high": j.high}
    kind = {"Limit": "limit", "Peak": "peak"}.get(j.sense, "slope")
    claimed = {} if kind == "limit" else {"claimed": j.claimed}
    content = {
        "statement": j.statement,
        "verdict": j.verdict.value,
        "reason": j.reason,
        "sense": j.sense,
        "variable": j.variable,
        **{name: {**number, **claimed} if name == kind else None for name in ("slope", "limit", "peak")},
        "margin": j.margin,
        "exponent_of": j.exponent_of or None,
        "exponents": [asdict(exponent) for exponent in j.exponents],
        "rejects": {"below": j.rejects_below, "above": j.rejects_above},
        "power": j.power,
        "p_value": j.p_value,
        "constant": j.constant,
        "misfit_p": j.misfit_p,
        "tau_break": j.tau_break,
        "ratio_range": list(j.ratio_range) if j.ratio_range else None,
        "limit_target": j.limit_target,
        "relative": j.relative,
        "local_slopes": list(j.local_slopes),
        "needs": j.needs.value if j.needs else None,
        "more_trials": j.more_trials,
        "larger_sizes": list(j.larger_sizes),
        "deterministic": j.deterministic,
        "accelerated": list(j.accelerated) if j.accelerated else None,
        "doubt": j.doubt.value if j.doubt else None,
        "without_first": None
        if j.without_first is None
        else asdict(j.without_first) | {"verdict": j.without_first.verdict.value},
        "cell_effects": j.cell_effects,
        "bridge": None
        if j.bridge is None
        else asdict(j.bridge) | {"agrees": j.bridge.agrees.value, "as_claimed": j.bridge.as_claimed.value},
        "cells": [asdict(cell) for cell in j.cells],
    }
    return finite(content)  # type: ignore[no-any-return]


def finite(value: Any) -> Any:
    """Replace what JSON has no number for by null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
