"""Judging samples against a statement: a pure function, with no simulation in it.

The rule is `verify.rule`, the fit `verify.fit`; what counts as usable samples is `verify.cells`. Fewer than 5 sizes or
less than one decade never PASSes; fewer than 3 sizes decide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.law import LIMIT_MARGIN, MARGIN, PEAK_MARGIN
from bigtheta.theory.scale import Path
from bigtheta.theory.statement import Peak, Sense, Statement
from bigtheta.verify.advice import Gridder, outlook, tau_break
from bigtheta.verify.cells import ESTIMANDS, Cells, arranged, noiseless, unusable
from bigtheta.verify.effects import EFFECTS, widened
from bigtheta.verify.exponent import letter
from bigtheta.verify.first import first_cell, too_little_range
from bigtheta.verify.fit import CellMeans, Fit
from bigtheta.verify.peak import judge_peaks
from bigtheta.verify.reason import Outlook, Reason, exactly, fitting
from bigtheta.verify.ruling import Inquiry, Ruling, inflation, ruling
from bigtheta.verify.table import read_table
from bigtheta.verify.verdict import Cell, Doubt, Exponent, Judgement, Need, Verdict

__all__ = ["ESTIMANDS", "judge"]

Array = npt.NDArray[np.float64]

_BAND = (0.025, 0.975)
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
    deterministic: bool | None = None,
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
        deterministic: whether the values are exact, so that repeating them says nothing; by default they are where each
            cell has one value, or equal ones.

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
    >>> found = judge({"n": n}, [[size * (size - 1) / 2] for size in n], "Theta(n**2)")
    >>> found.verdict, found.deterministic
    (<Verdict.PASS: 'PASS'>, True)
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
            path=path, constants=constants, look=look, deterministic=deterministic,
        )  # fmt: skip
        return replace(found, read_as=(*table.notes, *found.read_as))
    if given := [name for name, asked in (("size", size), ("value", value), ("where", where)) if asked is not None]:
        raise InvalidInputError(f"judge: {', '.join(given)} are of a table; these are arrays by name")
    claim = statement if isinstance(statement, Statement) else Statement.parse(statement)  # type: ignore[arg-type]
    if isinstance(claim, Peak):
        near, noise = PEAK_MARGIN if margin is None else margin, inflation(look)
        return judge_peaks(
            sizes, samples, claim, near, estimand=estimand or "geomean", inflation=noise,  # type: ignore[arg-type]
            deterministic=deterministic,
        )  # fmt: skip
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
        verdict, reason, need = refusal
        return Judgement(verdict=verdict, reason=reason, needs=need, **base)
    with np.errstate(over="ignore", divide="ignore"):
        exact = _exact(data, deterministic)
        of = [f"{letter(data.variables, name)} in {base['exponent_of']}" for name in data.variables]
        asked = Inquiry(
            data, claim, wanted, delta, claimed, look, exact, base["relative"], tuple(of) if base["exponent_of"] else ()
        )  # fmt: skip
        return _judged(asked, base | {"deterministic": exact})


def _exact(data: Cells, deterministic: bool | None) -> bool:
    """Whether the values are taken as exact."""
    without = data.top is None and noiseless(data.samples)  # equal 0/1 trials are draws that agree by chance
    if deterministic and not without:
        spread = [index for index, s in enumerate(data.samples) if not noiseless([s])]
        raise InvalidInputError(
            f"deterministic: expected equal values in each cell but those at {data.where(spread[0])} differ: "
            f"got deterministic={deterministic!r}; leave it out, and they are judged as samples"
        )
    return without if deterministic is None else deterministic


def _judged(asked: Inquiry, base: dict[str, Any]) -> Judgement:
    """Fit, decide, and say why."""
    if (refusal := _without_noise(asked)) is not None:
        return Judgement(verdict=Verdict.INCONCLUSIVE, reason=refusal, needs=Need.DATA, **base)
    found = ruling(asked)
    narrow = too_little_range(asked.data)
    first = first_cell(asked, found)
    facts: dict[str, Any] = {
        "misfit_p": found.misfit_p, "cell_effects": found.fit.effects,
        "p_value": found.p_value if first.p_value is None else max(found.p_value, first.p_value),
        "without_first": first.told, "doubt": Doubt.MISFIT if found.read else first.doubt,
    }  # fmt: skip
    verdict = found.verdict
    if facts["doubt"] is not None or verdict is Verdict.INCONCLUSIVE or (verdict is Verdict.PASS and narrow):
        verdict = Verdict.INCONCLUSIVE
        facts |= _undecided(asked, found, narrow, facts["doubt"])
    elif verdict is Verdict.FAIL:
        facts["reason"] = _contradiction(asked, found)
    else:
        words = [_words(asked, found, column) for column in range(asked.columns)]
        facts["reason"] = "; ".join(w.agreement() if found.tends is None else w.close(found.tends) for w in words)
        facts["tau_break"] = tau_break(
            _widened(asked, found), asked.data.size, asked.noisy, asked.claim.sense, asked.delta, asked.shift
        )
    if found.tends is not None:
        scale, shift = asked.scale, 1.0 if asked.claimed is None else asked.claimed[0]
        facts["accelerated"] = (scale * (shift + found.tends.value), scale * found.tends.error)
    facts["reason"] += (
        (exactly(asked.data.samples) if asked.exact else "")
        + first.words
        + ("" if found.read else fitting(found.misfit_p, found.fit.effects, exact=asked.exact))
    )
    return Judgement(verdict=verdict, **(base | facts | _numbers(asked, found)))


def _without_noise(asked: Inquiry) -> str | None:
    """Why nothing can be fitted, if so, and what to do."""
    if not np.isfinite(asked.cells.y).all():
        return (
            "the mean of a cell, or its ratio to the formula, is beyond what floating point holds; rescale the values"
        )
    if asked.exact:
        return None
    if asked.data.top is None and noiseless(asked.data.samples) and min(map(len, asked.data.samples)) > 1:
        return "the samples of each cell are identical up to rounding; give more independent trials a cell"
    return (
        "too few trials to estimate the noise; give more independent trials a cell" if asked.cells.degrees < 3 else None
    )


def _words(asked: Inquiry, found: Ruling, column: int) -> Reason:
    return asked.words(column, found.quantiles[column])


def _contradiction(asked: Inquiry, found: Ruling) -> str:
    if found.diverging is None:
        return _words(asked, found, found.worst).contradiction()
    how, (low, high) = "grows" if found.diverging[0] > 0 else "vanishes", found.diverging
    words = f"measured/formula {how} with {asked.data.variable}: its exponent is in [{low:.3f}, {high:.3f}] (99.5%)"
    return f"{words}, so it does not tend to 1"


def _widened(asked: Inquiry, found: Ruling) -> Gridder:
    """The fit with the effects between cells that were found."""
    return widened(asked.gridder, (found.fit.effects * asked.unit) ** 2)


def _undecided(asked: Inquiry, found: Ruling, narrow: str | None, doubt: Doubt | None) -> dict[str, Any]:
    """Why neither PASS nor FAIL, and what would decide."""
    words = _words(asked, found, found.worst)
    if doubt is Doubt.MISFIT and found.read is not None:
        return {"reason": words.rejected(found.read, found.misfit_p, EFFECTS[-1]), "needs": Need.FIT}
    if doubt is Doubt.FIRST_CELL:
        fails = found.verdict is Verdict.FAIL
        return {"reason": _contradiction(asked, found) if fails else words.agreement(), "needs": Need.FIT}
    if asked.close and not narrow and found.verdict is not Verdict.PASS:
        return {"reason": words.not_close(found.tends), "needs": Need.SIZES}
    if found.verdict is Verdict.PASS:
        agrees = words.agreement() if found.tends is None else words.close(found.tends)
        return {"reason": f"{agrees}, but {narrow}", "needs": Need.RANGE}
    ahead, fewest = Outlook(0.0), 0 if asked.exact else min(map(len, asked.data.samples))
    if not narrow:
        ahead = outlook(
            _widened(asked, found), asked.data.size, asked.noisy, asked.rule, asked.shift,
            lambda q: asked.decide(q)[0], fewest,
        )  # fmt: skip
    need = _need(asked.data, found.fit, narrow, ahead, found.worst)
    return {
        "reason": words.undecided(narrow, ahead, need, effects=found.fit.effects, exact=asked.exact), "needs": need,
        "more_trials": ahead.more_trials, "larger_sizes": ahead.larger_sizes,
    }  # fmt: skip


def _numbers(asked: Inquiry, found: Ruling) -> dict[str, Any]:
    """Estimates, intervals and the rows of the table."""
    data, claimed, fit, quantiles, worst = asked.data, asked.claimed, found.fit, found.quantiles, found.worst
    is_limit, q, cells = asked.is_limit, quantiles[worst], asked.cells
    scale, shift = asked.scale, 1.0 if claimed is None else claimed[worst]
    below, above = asked.rule.rejected(q)
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
    return Need.FIT if (fit.scale > 1 or fit.effects > 0) and not ahead.larger_sizes else Need.SIZES


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
