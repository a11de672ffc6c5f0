"""Judging samples against a statement: a pure function, with no simulation in it.

PASS is tested first. With a the residual exponent of measured/claimed, q its quantiles, delta the margin:
Theta: PASS q.05 > -delta and q.95 < delta; FAIL q.005 > 0 or q.995 < 0.
Omega: PASS q.05 > -delta; FAIL q.99 < 0.   O: the mirror image.
Limit: the same as Theta for the level of measured/formula around 1, delta relative (0.05).
Otherwise INCONCLUSIVE. Fewer than 5 sizes or less than one decade never PASSes; fewer than 3 sizes decide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.law import LIMIT_MARGIN, MARGIN
from bigtheta.theory.order import leading_order
from bigtheta.theory.scale import SIZES, Path
from bigtheta.theory.statement import Sense, Statement
from bigtheta.verify.fit import CellMeans, Fit, cell_means, fit_level, fit_slope, shrunk
from bigtheta.verify.reason import Reason
from bigtheta.verify.verdict import Cell, Judgement, Verdict

__all__ = ["ESTIMANDS", "judge"]

Array = npt.NDArray[np.float64]

ESTIMANDS = ("geomean", "mean")
ROUNDING = 1e-28
MIN_SIZES, MIN_DECADES, FEWEST_SIZES = 5, 1.0, 3
TAIL_INDEX = 2.5
_LEVELS = (0.005, 0.01, 0.025, 0.05, 0.5, 0.95, 0.975, 0.99, 0.995)
_TAU_GRID = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)


def judge(
    sizes: Mapping[str, npt.ArrayLike],
    samples: Sequence[npt.ArrayLike],
    statement: Statement | str,
    margin: float | None = None,
    *,
    estimand: str | None = None,
    along: str | None = None,
    path: Path | None = None,
    constants: Mapping[Any, float] | None = None,
) -> Judgement:
    """Judge samples of a quantity against a statement on how it scales.

    Args:
        sizes: arrays by name, an entry a cell, such as {"n": [100, 200, 400], "d": [200, 400, 800]}.
        samples: one array of positive samples for each cell.
        statement: `Theta(sqrt(n))`, or the same as text.
        margin: delta for the exponent (default 0.10); relative for `Limit` (default 0.05).
        estimand: "geomean" (default; for Limit "mean") or "mean".
        along: the size whose exponent is judged; default the first that varies.
        path: the exact path, if known, for the claimed exponent.
        constants: values of mu(j) and lam in the statement.

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
    claim = statement if isinstance(statement, Statement) else Statement.parse(statement)
    is_limit = claim.sense is Sense.LIMIT
    delta = (LIMIT_MARGIN if is_limit else MARGIN) if margin is None else margin
    if not (isinstance(delta, int | float) and 0 < delta < math.inf):
        raise InvalidInputError(f"margin: expected a number > 0 but got margin={margin!r}")
    wanted = estimand or ("mean" if is_limit else "geomean")
    if wanted not in ESTIMANDS:
        raise unknown_name("estimand", wanted, ESTIMANDS)
    data = _arranged(sizes, samples, claim, along, constants)
    claimed = None if is_limit else _claimed_exponent(claim, data, path, constants)
    base: dict[str, Any] = {
        "statement": str(claim), "sense": claim.sense.value, "variable": data.variable,
        "claimed": claimed, "margin": delta,
    }  # fmt: skip
    if (refusal := _unusable(data, wanted)) is not None:
        return Judgement(verdict=refusal[0], reason=refusal[1], **base)
    with np.errstate(over="ignore"):
        return _judged(data, claim, wanted, delta, claimed, base)


def _judged(
    data: _Data, claim: Statement, wanted: str, delta: float, claimed: float | None, base: dict[str, Any]
) -> Judgement:
    """Fit, decide, and say why."""
    is_limit = claim.sense is Sense.LIMIT
    ratios = [s / f for s, f in zip(data.samples, data.formula, strict=True)]
    cells = _means(ratios, wanted, is_limit)
    if cells.degrees < 3 or not np.isfinite(cells.y).all() or cells.v.max() < ROUNDING:
        why = "too few trials to estimate the noise"
        if cells.degrees >= 3:
            why = "the samples of each cell are identical up to rounding"
        return Judgement(verdict=Verdict.INCONCLUSIVE, reason=f"{why}; give more independent trials a cell", **base)
    fit = (fit_level if is_limit else fit_slope)(data.size, cells)
    q = dict(zip(_LEVELS, fit.mixture.quantiles(_LEVELS).tolist(), strict=True))
    if is_limit:
        q = {level: value - 1 for level, value in q.items()}
    verdict = _decide(claim.sense, q, delta)
    narrow = _too_little_range(data)
    words = Reason(claim.sense, data.variable, claimed, q, delta)
    reason = words.why(verdict, _floor(fit, data, cells, is_limit), fit.misfit_p, narrow)
    if verdict is Verdict.PASS and narrow:
        verdict = Verdict.INCONCLUSIVE

    constant_formula = not claim.formula.free_symbols
    scale = float(data.formula[0]) if is_limit and constant_formula else 1.0
    shift = 1.0 if is_limit else float(claimed or 0.0)
    values = {level: scale * (shift + value) for level, value in q.items()}
    below, above = _rejected(claim.sense, q, delta)
    implied = 1.0 if is_limit else float(np.exp(fit.line(data.size[-1]).quantiles([0.5])[0]))
    level = np.exp(cells.y) if not is_limit else cells.y
    x = np.log(data.size)
    return Judgement(
        verdict=verdict,
        reason=reason,
        estimate=values[0.5],
        low=values[0.025],
        high=values[0.975],
        rejects_below=None if below is None else scale * (shift + below),
        rejects_above=None if above is None else scale * (shift + above),
        constant=implied,
        misfit_p=fit.misfit_p,
        tau_break=_tau_break(claim.sense, data, cells, delta, is_limit) if verdict is Verdict.PASS else None,
        ratio_range=(float(level.min()), float(level.max())),
        local_slopes=tuple(np.diff(np.log(level * data.formula)) / np.diff(x)) if (level > 0).all() else (),
        cells=_cells(data, cells, fit, implied, is_limit),
        **base,
    )


@dataclass(frozen=True)
class _Data:
    """Cells in increasing order of the judged size."""

    variable: str
    size: Array
    sizes: tuple[dict[str, int | float], ...]
    samples: tuple[Array, ...]
    formula: Array

    @property
    def decades(self) -> float:
        return float(np.log10(self.size[-1] / self.size[0])) if len(self.size) else 0.0

    def where(self, index: int) -> str:
        return f"{self.variable} = {self.size[index]:g}"


def _arranged(
    sizes: Mapping[str, npt.ArrayLike],
    samples: Sequence[npt.ArrayLike],
    claim: Statement,
    along: str | None,
    constants: Any,
) -> _Data:
    """Check shapes, find the size that varies, sort the cells by it."""
    if not isinstance(sizes, Mapping) or not sizes:
        raise InvalidInputError(f"sizes: expected arrays by name such as {{'n': [100, 200]}} but got {sizes!r}")
    arrays: dict[str, Array] = {}
    for name, values in sizes.items():
        if name not in SIZES:
            raise unknown_name("size", name, SIZES)
        try:
            arrays[name] = np.atleast_1d(np.asarray(values, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"sizes: expected numbers for {name} but got {values!r}") from error
    if isinstance(samples, Mapping | str) or not isinstance(samples, Iterable):
        raise InvalidInputError(f"samples: expected one array for each cell but got {type(samples).__name__}")
    columns = []
    for index, cell in enumerate(samples):
        try:
            columns.append(np.asarray(cell, dtype=np.float64).ravel())
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"samples: expected numbers in cell {index} but got {cell!r}") from error
    for name, array in arrays.items():
        if array.shape != (len(columns),):
            raise InvalidInputError(
                f"sizes: {name} has {array.size} entries but there are {len(columns)} cells of samples"
            )
        if not (np.isfinite(array).all() and (array > 0).all()):
            raise InvalidInputError(f"sizes: expected positive numbers but got {name}={array.tolist()!r}")
    if not columns:
        raise InvalidInputError("samples: expected at least one cell but got none")
    varying = [name for name, array in arrays.items() if np.unique(array).size > 1]
    variable = along or (varying[0] if varying else next(iter(arrays)))
    if variable not in arrays:
        raise unknown_name("size in along", variable, arrays)
    order = np.argsort(arrays[variable], kind="stable")
    size = arrays[variable][order]
    if np.unique(size).size < size.size:
        raise InvalidInputError(
            f"sizes: two cells have the same {variable}; merge them, or name the size that varies in `along`"
        )
    formula = claim.value(arrays, constants)[order]
    rows = tuple({name: _whole(array[i]) for name, array in arrays.items()} for i in order)
    return _Data(variable, size, rows, tuple(columns[i] for i in order), formula)


def _whole(value: float) -> int | float:
    return int(value) if value == int(value) else float(value)


def _claimed_exponent(claim: Statement, data: _Data, path: Path | None, constants: Any) -> float:
    """The judged size's exponent in the formula: exact where the path is known, else its slope over these sizes."""
    formula = claim.formula.subs(dict(constants or {}))
    free = {str(s) for s in formula.free_symbols}
    if free <= {data.variable} or (path is not None and "p" not in free):
        return float(leading_order(formula, path=path).power)
    x = np.log(data.size)
    return float(np.polyfit(x, np.log(data.formula), 1)[0]) if len(x) > 1 else 0.0


def _unusable(data: _Data, estimand: str) -> tuple[Verdict, str] | None:
    """Return verdict and reason for samples that cannot be judged."""
    for index, cell in enumerate(data.samples):
        where = data.where(index)
        if not len(cell):
            return Verdict.INCONCLUSIVE, f"no samples at {where}; measure that cell or leave it out"
        if bad := int((~np.isfinite(cell)).sum()):
            return Verdict.ERROR, f"{bad} of {len(cell)} samples at {where} are not finite numbers"
        if bad := int((cell <= 0).sum()):
            return (
                Verdict.ERROR,
                f"{bad} of {len(cell)} samples at {where} are not positive, so they have no order of growth",
            )
    if len(data.size) < FEWEST_SIZES:
        count = len(data.size)
        return (
            Verdict.INCONCLUSIVE,
            f"{count} size{'s' * (count != 1)} cannot show how it scales; give {MIN_SIZES} or more",
        )
    if estimand == "mean" and (tail := _tail_index(data.samples)) < TAIL_INDEX:
        return (
            Verdict.INCONCLUSIVE,
            f"the mean is not estimable: the samples' tail index is {tail:.1f}; judge the geomean",
        )
    return None


def _tail_index(samples: Sequence[Array]) -> float:
    """Hill index of the top 5% of the pooled samples, each relative to its cell's median; inf for few samples."""
    pooled = np.sort(np.concatenate([s / np.median(s) for s in samples]))
    top = len(pooled) // 20
    if top < 5:
        return math.inf
    excess = float(np.log(pooled[-top:] / pooled[-top - 1]).mean())
    return 1 / excess if excess > 0 else math.inf


def _means(ratios: Sequence[Array], estimand: str, is_limit: bool) -> CellMeans:
    """Cell means of what is fitted: log ratios for exponents (of the mean: by jackknife), ratios for limits."""
    if is_limit:
        return cell_means(
            ratios
            if estimand == "mean"
            else [np.exp(np.log(r).mean()) * (1 + np.log(r) - np.log(r).mean()) for r in ratios]
        )
    if estimand == "geomean":
        return cell_means([np.log(r) for r in ratios])
    means = np.array([np.log(r.mean()) for r in ratios])
    squares = []
    for r in ratios:
        m = len(r)
        others = np.maximum(r.sum() - r, np.finfo(float).tiny)  # one sample may be the whole sum
        without = np.log(others / (m - 1)) if m > 1 else np.zeros(1)
        squares.append((m - 1) ** 2 * ((without - without.mean()) ** 2).sum())
    return shrunk(means, np.array(squares), np.array([len(r) for r in ratios], dtype=np.float64))


def _decide(sense: Sense, q: Mapping[float, float], delta: float) -> Verdict:
    """Apply the rule of the module's head; q are quantiles of the deviation from the claim."""
    passes = _passes(sense, q[0.05], q[0.95], delta)
    fails = {Sense.OMEGA: q[0.99] < 0, Sense.BIG_O: q[0.01] > 0}.get(sense, q[0.005] > 0 or q[0.995] < 0)
    return Verdict.PASS if passes else Verdict.FAIL if fails else Verdict.INCONCLUSIVE


def _passes(sense: Sense, low: float, high: float, delta: float) -> bool:
    """Whether the 90% interval of the deviation lies within the margin, on the side or sides that the sense asks."""
    above, below = low > -delta, high < delta
    return {Sense.OMEGA: above, Sense.BIG_O: below}.get(sense, above and below)


def _rejected(sense: Sense, q: Mapping[float, float], delta: float) -> tuple[float | None, float | None]:
    """Return the claims, as deviations from this one, below and above which these data FAIL a claim.

    A claim beyond the 99% interval still PASSes where the 90% interval is within the margin of it. For a limit the
    margin is relative to the claim.
    """
    one_sided = sense in (Sense.OMEGA, Sense.BIG_O)
    low, high = (q[0.01], q[0.99]) if one_sided else (q[0.005], q[0.995])
    if sense is Sense.LIMIT:
        near, far = (1 + q[0.95]) / (1 + delta) - 1, (1 + q[0.05]) / (1 - delta) - 1 if delta < 1 else math.inf
    else:
        near, far = q[0.95] - delta, q[0.05] + delta
    may_pass = one_sided or near < far
    below = min(low, near) if may_pass else low
    above = max(high, far) if may_pass else high
    return (None if sense is Sense.OMEGA else below), (None if sense is Sense.BIG_O else above)


def _too_little_range(data: _Data) -> str | None:
    """Return why these sizes never PASS, if so, and what to do."""
    if len(data.size) < MIN_SIZES:
        return f"fewer than {MIN_SIZES} sizes never PASS (here {len(data.size)}): add sizes"
    if data.decades < MIN_DECADES - 1e-9:
        span = f"{data.size[0]:g} to {data.size[-1]:g}"
        return f"{data.variable} = {span} is less than one decade, which never PASSes: widen the range"
    return None


def _floor(fit: Fit, data: _Data, cells: CellMeans, is_limit: bool) -> float:
    """Half-width of the 90% interval that no number of trials would improve."""
    quiet = CellMeans(fit.smoothed, cells.v * 1e-4, cells.degrees)
    q = (fit_level if is_limit else fit_slope)(data.size, quiet).mixture.quantiles([0.05, 0.95])
    return float(q[1] - q[0]) / 2


def _tau_break(sense: Sense, data: _Data, cells: CellMeans, delta: float, is_limit: bool) -> float:
    """Largest correction size tau on a grid for which PASS survives, were tau known."""
    last = 0.0
    for tau in _TAU_GRID:
        mixture = (fit_level if is_limit else fit_slope)(data.size, cells, taus=(tau,), weights=(1.0,)).mixture
        low, high = (mixture.quantiles([0.05, 0.95]) - is_limit).tolist()
        if not _passes(sense, low, high, delta):
            break
        last = tau
    return last


def _mean(samples: Array) -> float:
    """The mean, without overflow."""
    largest = float(samples.max())
    return float((samples / largest).mean()) * largest


def _cells(data: _Data, cells: CellMeans, fit: Fit, implied: float, is_limit: bool) -> tuple[Cell, ...]:
    """The rows of the report's table."""
    rows = []
    z = float(stats.norm.ppf(0.975))
    for i, samples in enumerate(data.samples):
        f, spread = float(data.formula[i]), z * math.sqrt(cells.v[i])
        if is_limit:
            low, high = (f * (cells.y[i] + sign * spread) for sign in (-1, 1))
            band = f * fit.mixture.quantiles([0.025, 0.975])
        else:
            low, high = (f * float(np.exp(cells.y[i] + sign * spread)) for sign in (-1, 1))
            band = f * np.exp(fit.line(data.size[i]).quantiles([0.025, 0.975]))
        geomean = float(np.exp(np.log(samples).mean()))
        rows.append(
            Cell(
                data.sizes[i],
                len(samples),
                float(samples.mean()),
                geomean,
                low,
                high,
                implied * f,
                *map(float, band),
            )
        )
    return tuple(rows)
