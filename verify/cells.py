"""Samples by cell: sizes and samples of a sweep, checked and arranged for a fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.order import Order, leading_order
from bigtheta.theory.scale import SIZES, Path
from bigtheta.theory.statement import Statement
from bigtheta.verify.exponent import beside_logs, of_order, of_product
from bigtheta.verify.fit import CellMeans, cell_means, shrunk
from bigtheta.verify.several import is_monomial, open_columns
from bigtheta.verify.verdict import Need, Verdict

__all__ = [
    "ESTIMANDS",
    "FEWEST_SIZES",
    "MIN_DECADES",
    "MIN_SIZES",
    "Cells",
    "arranged",
    "means",
    "noiseless",
    "unusable",
]

Array = npt.NDArray[np.float64]

ESTIMANDS = ("geomean", "mean", "median")
MIN_SIZES, MIN_DECADES, FEWEST_SIZES = 5, 1.0, 3
TAIL_INDEX = 2.5
ROUNDING = 1e-13
"""Relative spread of a cell's samples that is rounding."""
_NAMES = {"geomean": "geometric mean (the default estimand of an order)", "mean": "mean", "median": "median"}


@dataclass(frozen=True)
class Cells:
    """Cells in increasing order of the judged sizes.

    Attributes:
        variables: the sizes whose exponents are judged: one along a path, several if they vary on their own.
        size: their values. Shape (cells, len(variables)).
        sizes: every size of each cell.
        formula: the claimed formula at each cell. Shape (cells,).
        left_open: where it is no monomial in the judged sizes, what a claim of order leaves open of measured/formula.
    """

    variables: tuple[str, ...]
    size: Array
    sizes: tuple[dict[str, int | float], ...]
    samples: tuple[Array, ...]
    formula: Array
    left_open: Array | None = None

    @property
    def variable(self) -> str:
        """The first of the judged sizes."""
        return self.variables[0]

    @cached_property
    def top(self) -> float | None:
        """The one value other than 0 that samples take, if there is one and 0 occurs too: they are 0/1 trials."""
        values: set[float] = set()
        for cell in self.samples:
            values |= set(np.unique(cell).tolist())
            if len(values) > 2:
                return None
        return max(values) if len(values) == 2 and min(values) == 0 and max(values) < math.inf else None

    @property
    def units(self) -> Array | None:
        """What the top of 0/1 samples is of measured/formula in each cell; None for other samples."""
        return None if self.top is None else self.top / self.formula

    def decades(self, column: int) -> float:
        """Decades that one judged size covers."""
        column_sizes = self.size[:, column]
        return float(np.log10(column_sizes.max() / column_sizes.min()))

    def distinct(self, column: int) -> int:
        """Different values of one judged size."""
        return int(np.unique(self.size[:, column]).size)

    def where(self, index: int) -> str:
        """A cell in words: "n = 200"."""
        return ", ".join(f"{name} = {self.size[index, j]:g}" for j, name in enumerate(self.variables))

    def relative(self, claim: Statement, constants: Any) -> bool:
        """Whether the exponents that are judged are those of measured/formula, for the formula has none."""
        return len(self.variables) > 1 and not is_monomial(claim.formula.subs(dict(constants or {})))

    def without(self, index: int) -> Cells:
        """The other cells."""
        kept = [i for i in range(len(self.size)) if i != index]
        return replace(
            self, size=self.size[kept], formula=self.formula[kept],
            sizes=tuple(self.sizes[i] for i in kept), samples=tuple(self.samples[i] for i in kept),
            left_open=None if self.left_open is None else self.left_open[kept],
        )  # fmt: skip

    def exponent_of(self, claim: Statement, path: Path | None, constants: Any) -> str:
        """What the exponents are of where logarithms are divided out, as in n^a*log(n); "" for powers alone."""
        formula = claim.formula.subs(dict(constants or {}))
        if (order := self._order(formula, path)) is not None:
            return of_order(order, up_to_logs=claim.up_to_logs)
        if self.relative(claim, constants):
            return ""
        several = len(self.variables) > 1 or claim.up_to_logs
        return of_product(self.variables, formula, up_to_logs=claim.up_to_logs) if several else ""

    def _order(self, formula: Any, path: Path | None) -> Order | None:
        """The leading order in the one judged size, where the formula is a function of it."""
        free = {str(s) for s in formula.free_symbols}
        if len(self.variables) == 1 and (free <= {self.variable} or (path is not None and "p" not in free)):
            return leading_order(formula, path=path)
        return None

    def claimed(self, claim: Statement, path: Path | None, constants: Any) -> tuple[float, ...]:
        """Each judged size's exponent in the formula: exact where the path is known, else its slope over the cells.

        Where several sizes are judged and the formula is no monomial in them, 0: that of measured/formula is judged.
        """
        formula = claim.formula.subs(dict(constants or {}))
        if (order := self._order(formula, path)) is not None:
            return (float(order.power),)
        if self.relative(claim, constants):
            return (0.0,) * len(self.variables)
        if len(self.variables) > 1 and (split := beside_logs(self.variables, formula)) is not None and split[1]:
            return tuple(map(float, split[0]))
        x = np.log(self.size)
        design = np.column_stack([x - x.mean(0), np.ones(len(x))])
        slopes = np.linalg.lstsq(design, np.log(self.formula), rcond=None)[0][:-1]
        return tuple(float(slope) for slope in slopes.round(12))


def arranged(
    sizes: Mapping[str, npt.ArrayLike],
    samples: Sequence[npt.ArrayLike],
    claim: Statement,
    along: str | None,
    constants: Any,
) -> Cells:
    """Check shapes, find the sizes that vary on their own, sort the cells by them.

    Raises:
        InvalidInputError: if sizes and samples do not match, or two cells have the same judged sizes.
    """
    arrays = _arrays(sizes)
    columns = _columns(samples)
    for name, array in arrays.items():
        if array.shape != (len(columns),):
            raise InvalidInputError(
                f"sizes: {name} has {array.size} entries but there are {len(columns)} cells of samples"
            )
        if not (np.isfinite(array).all() and (array > 0).all()):
            raise InvalidInputError(f"sizes: expected positive numbers but got {name}={array.tolist()!r}")
    if not columns:
        raise InvalidInputError("samples: expected at least one cell but got none")
    if along is not None and along not in arrays:
        raise unknown_name("size in along", along, arrays)
    variables = (along,) if along is not None else _directions(arrays)
    table = np.column_stack([arrays[name] for name in variables])
    order = np.lexsort(table.T[::-1])
    table = table[order]
    if (np.diff(table, axis=0) == 0).all(1).any():
        names = " and ".join(variables)
        raise InvalidInputError(
            f"sizes: two cells have the same {names}; merge them, or name the size that varies in `along`"
        )
    formula = claim.value(arrays, constants)[order]
    rows = tuple({name: _whole(array[i]) for name, array in arrays.items()} for i in order)
    cells = Cells(variables, table, rows, tuple(columns[i] for i in order), formula)
    if not cells.relative(claim, constants):
        return cells
    at = {name: array[order] for name, array in arrays.items()}
    return replace(cells, left_open=open_columns(claim.formula.subs(dict(constants or {})), at))


def _arrays(sizes: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
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
    return arrays


def _columns(samples: Sequence[npt.ArrayLike]) -> list[Array]:
    if isinstance(samples, Mapping | str) or not isinstance(samples, Iterable):
        raise InvalidInputError(f"samples: expected one array for each cell but got {type(samples).__name__}")
    columns = []
    for index, cell in enumerate(samples):
        try:
            columns.append(np.asarray(cell, dtype=np.float64).ravel())
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"samples: expected numbers in cell {index} but got {cell!r}") from error
    return columns


def _directions(arrays: Mapping[str, Array]) -> tuple[str, ...]:
    """The sizes, in the order given, that vary on their own over the cells; a path has one.

    A size that follows from earlier ones is none: a monotone function of one of them, or up to rounding a product of
    powers of several.
    """
    varying = [name for name, array in arrays.items() if np.ptp(array) > 0]
    chosen: list[str] = []
    for name in varying:
        if not any(_follows(arrays[name], arrays[other]) for other in chosen) and (
            len(chosen) < 2 or not _is_product(arrays[name], [arrays[other] for other in chosen])
        ):
            chosen.append(name)
    return tuple(chosen) or (next(iter(arrays)),)


def _follows(size: Array, other: Array) -> bool:
    """Whether size is a monotone function of other over the cells."""
    order = np.lexsort([size, other])
    steps, leads = np.diff(size[order]), np.diff(other[order])
    if (steps[leads == 0] != 0).any():
        return False
    return bool((steps >= 0).all() or (steps <= 0).all())


def _is_product(size: Array, others: Sequence[Array]) -> bool:
    """Whether log size is affine in the logs of others, up to rounding to whole numbers."""
    y = np.log(size)
    design = np.column_stack([*(np.log(other) for other in others), np.ones(len(y))])
    rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return bool(np.abs(rest).max() < max(math.log1p(1 / size.min()), 1e-9))


def _whole(value: float) -> int | float:
    return int(value) if value == int(value) else float(value)


def unusable(cells: Cells, estimand: str) -> tuple[Verdict, str, Need | None] | None:
    """Return verdict, reason and what is missing for samples that cannot be judged, or None."""
    for index, cell in enumerate(cells.samples):
        where = cells.where(index)
        if not len(cell):
            return Verdict.INCONCLUSIVE, f"no samples at {where}; measure that cell or leave it out", Need.DATA
        if bad := int((~np.isfinite(cell)).sum()):
            return Verdict.ERROR, f"{bad} of {len(cell)} samples at {where} are not finite numbers", None
        of_mean = estimand == "mean" and (cell.any() or cells.top is not None)
        if bad := int((cell < 0).sum() if of_mean else (cell <= 0).sum()):
            advice, what = "", "they have"
            if (cell >= 0).all() and (cell.any() or cells.top is not None):
                advice = "; the mean can be judged (estimand 'mean')"
                what = f"their {_NAMES[estimand]} has"
            return (
                Verdict.ERROR,
                f"{bad} of {len(cell)} samples at {where} are not positive, so {what} no order of growth{advice}",
                None,
            )
    if (count := len(cells.size)) < FEWEST_SIZES:
        return (
            Verdict.INCONCLUSIVE,
            f"{count} size{'s' * (count != 1)} cannot show how it scales; give {MIN_SIZES} or more",
            Need.DATA,
        )
    if estimand == "mean" and (tail := _tail_index(cells.samples)) < TAIL_INDEX:
        return (
            Verdict.INCONCLUSIVE,
            f"the mean is not estimable: the samples' tail index is {tail:.1f}; judge the geomean or the median",
            Need.TAIL,
        )
    return None


def noiseless(samples: Sequence[Array]) -> bool:
    """Whether each cell has one value, or equal ones up to rounding: no noise is to be seen.

    >>> noiseless([np.ones(1), np.full(3, 2.0)]), noiseless([np.ones(1), np.array([2.0, 2.1])])
    (True, False)
    """
    return bool(samples) and all(len(s) > 0 and bool(np.ptp(s) <= ROUNDING * np.abs(s).max()) for s in samples)


def _tail_index(samples: Sequence[Array]) -> float:
    """Hill index of the top 5% of the pooled samples, each relative to its cell's median; inf for few samples.

    Cells whose samples are bounded have no tail and are left out: the mean of 0/1 trials can always be estimated.
    """
    samples = [s for s in samples if not _bounded(s)]
    if not samples:
        return math.inf
    centres = [np.median(s) if np.median(s) > 0 else s.mean() for s in samples]
    pooled = np.sort(np.concatenate([s / centre for s, centre in zip(samples, centres, strict=True)]))
    top = len(pooled) // 20
    if top < 5 or pooled[-top - 1] <= 0:
        return math.inf
    excess = float(np.log(pooled[-top:] / pooled[-top - 1]).mean())
    return 1 / excess if excess > 0 else math.inf


def _bounded(cell: Array) -> bool:
    """Whether the samples are of one or two values, or of few that repeat and lie within a factor of ten, as counts do.

    >>> _bounded(np.array([0.0, 0.0, 1.0])), _bounded(np.array([1.0, 2.0, 1.0, 4.0])), _bounded(np.arange(1.0, 30.0))
    (True, False, False)
    """
    positive = cell[cell > 0]
    if np.unique(cell).size <= 2:
        return True
    return bool(2 * np.unique(positive).size <= len(positive) and positive.max() <= 10 * positive.min())


def means(ratios: Sequence[Array], estimand: str, is_limit: bool, *, units: Array | None = None) -> CellMeans:
    """Cell means of what is fitted: log ratios for exponents (of the mean: by jackknife), ratios for limits.

    Args:
        units: what 1 is in each cell, if the samples are 0/1 trials: their errors are then those of proportions.
    """
    if estimand == "mean" and units is not None:
        return _proportions(ratios, units, is_limit)
    if estimand == "median":
        middle = _medians([np.log(r) for r in ratios])
        if not is_limit:
            return middle
        level = np.exp(middle.y)
        return CellMeans(level, middle.v * level**2, middle.degrees)
    if is_limit:
        return cell_means(
            ratios
            if estimand == "mean"
            else [np.exp(np.log(r).mean()) * (1 + np.log(r) - np.log(r).mean()) for r in ratios]
        )
    if estimand == "geomean":
        return cell_means([np.log(r) for r in ratios])
    centres = np.array([np.log(r.mean()) for r in ratios])
    squares = []
    for r in ratios:
        m = len(r)
        others = np.maximum(r.sum() - r, np.finfo(float).tiny)  # one sample may be the whole sum
        without = np.log(others / (m - 1)) if m > 1 else np.zeros(1)
        squares.append((m - 1) ** 2 * ((without - without.mean()) ** 2).sum())
    return shrunk(centres, np.array(squares), np.array([len(r) for r in ratios], dtype=np.float64))


def _proportions(ratios: Sequence[Array], units: Array, is_limit: bool) -> CellMeans:
    """Means of 0/1 trials, x of m being 1, or their logs; finite and with a variance where x is 0 or m too.

    log p is estimated by log((x + 1/2)/(m + 1/2)), whose bias is of second order in 1/m; its variance is
    (1 - q)/(q m) and that of x/m is q (1 - q)/m, with q = (x + 1/2)/(m + 1), the mean under Jeffreys's prior. None is
    pooled, for each follows from its own mean. Source: Walter 1975 for the logarithm; Agresti and Coull 1998 for q.
    """
    m = np.array([len(r) for r in ratios], dtype=np.float64)
    x = np.array([(r > 0).sum() for r in ratios], dtype=np.float64)
    q, degrees = (x + 0.5) / (m + 1), int((m - 1).sum())
    if is_limit:
        return CellMeans(units * x / m, units**2 * q * (1 - q) / m, degrees)
    return CellMeans(np.log(units * (x + 0.5) / (m + 0.5)), (1 - q) / (q * m), degrees)


def _medians(logs: Sequence[Array]) -> CellMeans:
    """Medians, with the standard error of McKean and Schrader (1984): the order statistics about 1.96 apart.

    se = (y_(m+1-c) - y_(c))/(2 z), c = (m+1)/2 - z sqrt(m)/2, z = 1.96; below 7 trials, that of a normal sample.
    """
    z = 1.959964
    centres = np.array([np.median(y) for y in logs])
    squares = []
    for y in map(np.sort, logs):
        m = len(y)
        low = round((m + 1) / 2 - z * math.sqrt(m) / 2)
        wide = (y[m - low] - y[low - 1]) / (2 * z) if m >= 7 else math.sqrt(math.pi / 2) * y.std(ddof=m > 1) / m**0.5
        squares.append(wide**2 * m * (m - 1))
    return shrunk(centres, np.array(squares), np.array([len(y) for y in logs], dtype=np.float64))
