"""Judging samples against a statement: a pure function, with no simulation in it.

The rule is `verify.rule`, the fit `verify.fit`; what counts as usable samples is `verify.cells`. Fewer than 5 sizes or
less than one decade never PASSes; fewer than 3 sizes decide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special, stats

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.law import LIMIT_MARGIN, MARGIN, PEAK_MARGIN
from bigtheta.theory.scale import Path
from bigtheta.theory.statement import Peak, Sense, Statement
from bigtheta.verify.advice import Gridder, deviations, outlook, tau_break
from bigtheta.verify.cells import ESTIMANDS, MIN_DECADES, MIN_SIZES, Cells, arranged, means, unusable
from bigtheta.verify.exponent import letter
from bigtheta.verify.fit import CellMeans, Fit, fit_slope, level_grid, slope_grid
from bigtheta.verify.peak import judge_peaks
from bigtheta.verify.reason import Outlook, Reason, misfit
from bigtheta.verify.rule import PASS_LEVEL, Rule
from bigtheta.verify.table import read_table
from bigtheta.verify.verdict import Cell, Exponent, Judgement, Need, Verdict

__all__ = ["ESTIMANDS", "judge"]

Array = npt.NDArray[np.float64]

ROUNDING = 1e-28
_BAND = (0.025, 0.975)
_DIVERGES = 0.0025
"""Tail in which a slope of measured/formula must lie for a limit to FAIL by it."""
_LEAST_APART = 0.3
"""Decades that a size must vary apart from the others for its exponent to be told."""


def judge(
    sizes: Mapping[str, npt.ArrayLike] | pd.DataFrame | str | FilePath,
    samples: Sequence[npt.ArrayLike] | None = None,
    statement: Statement | str | None = None,
    margin: float | None = None,
    *,
    estimand: str | None = None,
    along: str | None = None,
    path: Path | None = None,
    constants: Mapping[Any, float] | None = None,
    size: Mapping[str, str] | None = None,
    value: str | None = None,
    where: Mapping[str, object] | None = None,
    look: tuple[int, int] | None = None,
) -> Judgement:
    """Judge samples of a quantity against a statement on how it scales.

    Args:
        sizes: arrays by name, an entry a cell, such as {"n": [100, 200, 400], "d": [200, 400, 800]}; or a table with a
            row a sample (a frame, or the path of a file) with columns n, d, k, p and `value`, then without samples;
            `verify.table` says what else is read.
        samples: one array of positive samples for each cell.
        statement: `Theta(sqrt(n))`, or the same as text. Several sizes that vary on their own each have an exponent,
            and all must agree.
        margin: delta for the exponent (default 0.10); relative for `Limit` (default 0.05) and for the place of a `Peak`
            (default 0.20).
        estimand: "geomean" (default; for Limit and for samples of 0 and 1 "mean"), "mean" (not for Peak) or "median".
        along: the one size whose exponent is judged; default every size that varies on its own.
        path: the exact path, if known, for the claimed exponent.
        constants: values of mu(j) and lam in the statement.
        size: of a table, the column of each size that has another name, such as {"n": "width"}.
        value: of a table, the column of samples (default `value`).
        where: of a table, the rows to read, such as {"activation": "relu"}.
        look: (k, K) if this is the k-th of K looks at growing samples; the noise is then taken larger, so that the
            error rates hold over all looks.

    Returns:
        A `Judgement`; degenerate samples give a verdict with its reason, never an exception.

    Raises:
        InvalidInputError: if sizes and samples do not match, or the statement does not parse or has no value.

    >>> rng = np.random.default_rng(0)
    >>> n = [50, 100, 200, 400, 800, 1600, 3200]
    >>> samples = [3 * size**0.5 * np.exp(0.05 * rng.standard_normal(40)) for size in n]
    >>> judge({"n": n}, samples, "Theta(sqrt(n))").verdict
    <Verdict.PASS: 'PASS'>
    >>> judge({"n": n}, samples, "Theta(n)").verdict
    <Verdict.FAIL: 'FAIL'>
    """
    if isinstance(sizes, pd.DataFrame | str | FilePath):
        if samples is not None and statement is None and isinstance(samples, Statement | str):
            samples, statement = None, samples
        if samples is not None:
            raise InvalidInputError("judge: a table holds its samples; give samples only with sizes by name")
        table = read_table(sizes, size=size, value=value, where=where)
        if table.of_means and (estimand or "mean") != "mean":
            raise InvalidInputError(f"judge: a table of means has no {estimand}; leave estimand={estimand!r} out")
        found = judge(
            table.sizes, table.samples, statement, margin, estimand="mean" if table.of_means else estimand, along=along,
            path=path, constants=constants, look=look,
        )  # fmt: skip
        return replace(found, read_as=(*table.notes, *found.read_as))
    if given := [name for name, asked in (("size", size), ("value", value), ("where", where)) if asked is not None]:
        raise InvalidInputError(f"judge: {', '.join(given)} are of a table; these are arrays by name")
    claim = statement if isinstance(statement, Statement) else Statement.parse(statement)  # type: ignore[arg-type]
    if isinstance(claim, Peak):
        near, noise = PEAK_MARGIN if margin is None else margin, _inflation(look)
        return judge_peaks(sizes, samples, claim, near, estimand=estimand or "geomean", inflation=noise)  # type: ignore[arg-type]
    is_limit = claim.sense is Sense.LIMIT
    delta = _checked_margin(margin, LIMIT_MARGIN if is_limit else MARGIN)
    wanted = estimand or ("mean" if is_limit else "geomean")
    if wanted not in ESTIMANDS:
        raise unknown_name("estimand", wanted, ESTIMANDS)
    data = arranged(sizes, samples, claim, along, constants)  # type: ignore[arg-type]
    if estimand is None and data.top is not None:
        wanted = "mean"
    claimed = None if is_limit else data.claimed(claim, path, constants)
    base: dict[str, Any] = {
        "statement": str(claim), "sense": claim.sense.value, "variable": data.variable,
        "claimed": None if claimed is None else claimed[0], "margin": delta,
        "relative": claimed is not None and data.relative(claim, constants),
        "read_as": () if estimand or data.top is None else (f"samples are 0 or {data.top:g}: their mean is judged",),
        "exponent_of": "" if claimed is None else data.exponent_of(claim, path, constants),
    }  # fmt: skip
    if (refusal := unusable(data, wanted)) is not None:
        verdict, reason = refusal
        tail = "the mean is not estimable" in reason
        need = (Need.TAIL if tail else Need.DATA) if verdict is Verdict.INCONCLUSIVE else None
        return Judgement(verdict=verdict, reason=reason, needs=need, **base)
    with np.errstate(over="ignore", divide="ignore"):
        return _judged(data, claim, wanted, delta, claimed, look, base)


def _judged(
    data: Cells,
    claim: Statement,
    wanted: str,
    delta: float,
    claimed: tuple[float, ...] | None,
    look: tuple[int, int] | None,
    base: dict[str, Any],
) -> Judgement:
    """Fit, decide, and say why."""
    is_limit = claimed is None
    cells = means([s / f for s, f in zip(data.samples, data.formula, strict=True)], wanted, is_limit, units=data.units)
    if cells.degrees < 3 or not np.isfinite(cells.y).all() or cells.v.max() < ROUNDING:
        why = "too few trials to estimate the noise"
        if cells.degrees >= 3:
            why = "the samples of each cell are identical up to rounding"
        reason = f"{why}; give more independent trials a cell"
        return Judgement(verdict=Verdict.INCONCLUSIVE, reason=reason, needs=Need.DATA, **base)
    noisy = cells.quieter(1 / _inflation(look))
    columns = 1 if is_limit else len(data.variables)
    rule = Rule(claim.sense, delta, columns)
    gridder: Gridder = (
        level_grid if is_limit else partial(slope_grid, up_to_logs=claim.up_to_logs, left_open=data.left_open)
    )
    fit = gridder(data.size, noisy.v).fits(noisy.y[None])[0]
    shift = 1.0 if is_limit else 0.0
    quantiles = deviations([fit], rule, shift)[0]
    verdict, worst = _decide(rule, quantiles)
    p_value = min(1.0, columns * min(rule.p_value(fit.slope(column).below(shift)) for column in range(columns)))
    q, relative, exponent_of = quantiles[worst], bool(base["relative"]), base["exponent_of"]
    of = [f"{letter(data.variables, name)} in {exponent_of}" if exponent_of else "" for name in data.variables]
    words = Reason(rule, data.variables[worst], None if claimed is None else claimed[worst], q, relative, of[worst])
    narrow = _too_little_range(data)
    facts: dict[str, Any] = {}
    if is_limit and verdict is not Verdict.FAIL and (away := _diverges(data, wanted, look)) is not None:
        verdict, reason, p_value = Verdict.FAIL, away[0], min(p_value, away[1])
    elif verdict is Verdict.FAIL:
        reason = words.contradiction()
    elif verdict is Verdict.PASS and not narrow:
        reason = "; ".join(
            Reason(rule, name, None if claimed is None else claimed[j], quantiles[j], relative, of[j]).agreement()
            for j, name in enumerate(data.variables[:columns])
        )
        facts["tau_break"] = tau_break(gridder, data.size, noisy, claim.sense, delta, shift)
    else:
        passed, verdict = verdict is Verdict.PASS, Verdict.INCONCLUSIVE

        fewest = min(map(len, data.samples))
        ahead = Outlook(0.0)
        if not passed and not narrow:
            ahead = outlook(gridder, data.size, noisy, rule, shift, lambda q: _decide(rule, q)[0], fewest)
        need = _need(data, fit, narrow, ahead, worst)
        reason = f"{words.agreement()}, but {narrow}" if passed else words.undecided(narrow, ahead, need)
        facts |= {"needs": need, "more_trials": ahead.more_trials, "larger_sizes": ahead.larger_sizes}
    facts |= _numbers(data, claim, cells, fit, rule, quantiles, claimed, worst)
    return Judgement(
        verdict=verdict, reason=reason + misfit(fit.misfit_p), misfit_p=fit.misfit_p, p_value=p_value,
        **(base | facts),
    )  # fmt: skip


def _numbers(
    data: Cells,
    claim: Statement,
    cells: CellMeans,
    fit: Fit,
    rule: Rule,
    quantiles: Sequence[Mapping[float, float]],
    claimed: tuple[float, ...] | None,
    worst: int,
) -> dict[str, Any]:
    """Estimates, intervals and the rows of the table."""
    is_limit, q = claimed is None, quantiles[worst]
    scale = float(data.formula[0]) if is_limit and not claim.formula.free_symbols else 1.0
    shift = 1.0 if claimed is None else claimed[worst]
    below, above = rule.rejected(q)
    implied = 1.0 if is_limit else float(np.exp(fit.line(data.size[-1]).quantiles([0.5])[0]))
    level = cells.y if is_limit else np.exp(cells.y)
    on_path = len(data.variables) == 1 and (level > 0).all()
    slopes = np.diff(np.log(level * data.formula)) / np.diff(np.log(data.size[:, 0])) if on_path else ()
    return {
        "variable": data.variables[worst],
        "claimed": None if claimed is None else claimed[worst],
        "estimate": scale * (shift + q[0.5]),
        "low": scale * (shift + q[0.025]),
        "high": scale * (shift + q[0.975]),
        "rejects_below": None if below is None else scale * (shift + below),
        "rejects_above": None if above is None else scale * (shift + above),
        "limit_target": scale,
        "constant": implied,
        "ratio_range": (float(level.min()), float(level.max())),
        "local_slopes": tuple(map(float, slopes)),
        "cells": _rows(data, cells, fit, implied, is_limit),
        "exponents": tuple(
            Exponent(name, claimed[j] + q[0.5], claimed[j] + q[0.025], claimed[j] + q[0.975], claimed[j])
            for j, (name, q) in enumerate(zip(data.variables, quantiles, strict=True))
        )
        if claimed is not None
        else (),
    }


def _checked_margin(margin: object, default: float) -> float:
    if margin is None:
        return default
    if isinstance(margin, bool) or not isinstance(margin, int | float | np.floating | np.integer):
        raise InvalidInputError(f"margin: expected a number > 0 but got margin={margin!r}")
    if not 0 < float(margin) < math.inf:
        raise InvalidInputError(f"margin: expected a number > 0 but got margin={margin!r}")
    return float(margin)


def _inflation(look: tuple[int, int] | None) -> float:
    """Factor on the noise variance at the k-th of K looks: (z(alpha_k)/z(alpha))^2, alpha_k = alpha 2^-(K-k+1).

    The levels sum to less than alpha over the looks, for the level at which a claim PASSes; for a smaller alpha, that
    of a FAIL, the factor is more than enough. Source: derived (union bound).
    """
    if look is None:
        return 1.0
    k, count = look
    if not 1 <= k <= count:
        raise InvalidInputError(f"look: expected (k, K) with 1 <= k <= K but got {look!r}")
    return float((special.ndtri(PASS_LEVEL * 2.0 ** -(count - k + 1)) / special.ndtri(PASS_LEVEL)) ** 2)


def _decide(rule: Rule, quantiles: Sequence[Mapping[float, float]]) -> tuple[Verdict, int]:
    """The verdict on all slopes together, and the slope that decides it: a FAIL, or the one furthest off."""
    verdicts = [rule.decide(q) for q in quantiles]
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL, verdicts.index(Verdict.FAIL)
    worst = max(range(len(quantiles)), key=lambda j: max(abs(quantiles[j][0.05]), abs(quantiles[j][0.95])))
    return (Verdict.PASS if set(verdicts) == {Verdict.PASS} else Verdict.INCONCLUSIVE), worst


def _diverges(data: Cells, wanted: str, look: tuple[int, int] | None) -> tuple[str, float] | None:
    """Return reason and p-value if measured/formula grows or vanishes like a power, so that it has no limit."""
    ratios = [s / f for s, f in zip(data.samples, data.formula, strict=True)]
    cells = means(ratios, wanted, False, units=data.units)
    if not np.isfinite(cells.y).all():
        return None
    slope = fit_slope(data.size, cells.quieter(1 / _inflation(look))).mixture
    low, high = slope.quantiles([_DIVERGES, 1 - _DIVERGES]).tolist()
    if low <= 0 <= high:
        return None
    how, below = ("grows", slope.below(0.0)) if low > 0 else ("vanishes", 1 - slope.below(0.0))
    words = f"measured/formula {how} with {data.variable}: its exponent is in [{low:.3f}, {high:.3f}] (99.5%)"
    return f"{words}, so it does not tend to 1", 4 * below


def _too_little_range(data: Cells) -> str | None:
    """Return why these sizes never PASS, if so, and what to do."""
    for column, name in enumerate(data.variables):
        values = data.size[:, column]
        if (count := data.distinct(column)) < MIN_SIZES:
            of = f" of {name}" if len(data.variables) > 1 else ""
            return f"fewer than {MIN_SIZES} sizes{of} never PASS (here {count}): add sizes"
        if data.decades(column) < MIN_DECADES - 1e-9:
            span = f"{values.min():g} to {values.max():g}"
            return f"{name} = {span} is less than one decade, which never PASSes: widen the range"
    return None


def _need(data: Cells, fit: Fit, narrow: str | None, ahead: Outlook, worst: int) -> Need:
    if narrow:
        return Need.RANGE
    if len(data.variables) > 1:
        x = np.log10(data.size)
        others = np.column_stack([np.delete(x, worst, axis=1), np.ones(len(x))])
        apart = x[:, worst] - others @ np.linalg.lstsq(others, x[:, worst], rcond=None)[0]
        if np.ptp(apart) < _LEAST_APART:
            return Need.DIRECTION
    if ahead.more_trials is not None:
        return Need.TRIALS
    return Need.FIT if fit.scale > 1 and not ahead.larger_sizes else Need.SIZES


def _rows(data: Cells, cells: CellMeans, fit: Fit, implied: float, is_limit: bool) -> tuple[Cell, ...]:
    """The rows of the report's table."""
    spread = float(stats.norm.ppf(0.975)) * np.sqrt(cells.v)
    low, high, band = cells.y - spread, cells.y + spread, fit.mixture.quantiles(_BAND)[None]
    if not is_limit:
        low, high, band = np.exp(low), np.exp(high), np.exp(fit.band(data.size, _BAND))
    f = data.formula
    columns = np.column_stack([f * low, f * high, implied * f, f[:, None] * band]).tolist()
    centres = [(float(s.mean()), float(np.exp(np.log(s).mean()))) for s in data.samples]
    return tuple(
        Cell(sizes, len(samples), *centre, *numbers)
        for sizes, samples, centre, numbers in zip(data.sizes, data.samples, centres, columns, strict=True)
    )
