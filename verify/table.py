"""Samples from a table: a frame, or a file as programs write them, becomes sizes and samples by cell.

What is read is never a guess. A table that can be read in one way is, and how is said in a note; else it is refused in
one line that says what would make it clear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.scale import SIZES
from bigtheta.verify.table_columns import Columns, shown
from bigtheta.verify.table_rows import fitted
from bigtheta.verify.table_shapes import (
    MOST_TRIALS,
    VALUE,
    Rows,
    Runs,
    Shape,
    Summaries,
    shape_of,
    two_point,
    unclear_spread,
)
from bigtheta.verify.table_text import read_lines

__all__ = ["FAILED", "Table", "read_table"]

Array = npt.NDArray[np.float64]

FAILED = frozenset({"failed", "no-series", "wrong-gradient", "inconsistent", "not-converged"})
"""The statuses of trials that a law is not judged on."""
_OWN = {"trial", "value", "residual", "condition", "status"}
"""Columns of the trials.csv of a report or a curve."""
_APART = ("law", "paper", "model", "quantity", "activation", "inputs", "labels")
"""What no two may be judged of as one."""


@dataclass(frozen=True)
class Table:
    """What a table holds.

    Attributes:
        sizes: the sizes of each cell by name, cells in order of their first row.
        samples: the samples of each cell.
        notes: how it was read, a line each, where there was something to decide.
        of_means: whether only the mean of each cell is known, with its standard error.
    """

    sizes: dict[str, list[float]]
    samples: list[Array]
    notes: tuple[str, ...] = ()
    of_means: bool = False


def read_table(
    table: pd.DataFrame | str | Path,
    *,
    value: str | None = None,
    size: Mapping[str, str] | None = None,
    where: Mapping[str, object] | None = None,
) -> Table:
    """Read the sizes and the samples of each cell.

    Columns named n, d, k or p are sizes; `value` holds the samples. Or there is a column for each run (run0, run1,
    ...), or one each for mean, sd (or sem) and trials. Other columns are not read.

    Args:
        table: a frame; or a file of commas, semicolons, tabs, bars or spaces, gzipped or not.
        value: the column of samples, or what the names of the columns of runs begin with.
        size: the column of each size that has another name.
        where: rows to read, by what stands in a column. Of the trials that a report wrote, controls and failed ones
            are left out unless they are asked for here.

    Raises:
        InvalidInputError: if the file cannot be read, a column is missing or not of numbers, rows do not fit the names,
            or several laws, activations, models or quantities are in it.

    >>> frame = pd.DataFrame({"width": [10, 10, 20], "seed": [0, 1, 0], "loss": [1.0, 1.1, 2.0]})
    >>> found = read_table(frame, size={"n": "width"}, value="loss")
    >>> found.sizes, [cell.tolist() for cell in found.samples]
    ({'n': [10.0, 20.0]}, [[1.0, 1.1], [2.0]])
    """
    asked, named = dict(where or {}), dict(size or {})
    for name in named:
        if name not in SIZES:
            raise unknown_name("size", name, SIZES)
    columns, notes = _columns(table, named, VALUE if value is None else value)
    columns, left_out = _rows_asked_for(columns, asked)
    notes += left_out
    sizes = _sizes(columns, named, value)
    if columns.frame.empty:
        raise InvalidInputError("table: expected a row a sample but got none")
    shape = shape_of(columns, value, list(sizes.values()))
    _check_apart(columns, shape, asked)
    cells, samples, said = _cells(columns, sizes, shape)
    unread = () if columns.frame.shape[1] == 0 or columns.names_are(_OWN) else _unread(columns, sizes, shape, asked)
    return Table(cells, samples, (*notes, *said, *unread), isinstance(shape, Summaries))


def _columns(table: pd.DataFrame | str | Path, named: Mapping[str, str], value: str) -> tuple[Columns, tuple[str, ...]]:
    candidates = [*named.values(), *(name for name in SIZES if name not in named)]
    if isinstance(table, pd.DataFrame):
        return Columns.of_frame(table, candidates), ()
    lines = read_lines(Path(table))
    lines = fitted(lines, [name for name in dict.fromkeys(candidates) if name in lines.names], value)
    return Columns.of_lines(lines), lines.notes


def _rows_asked_for(table: Columns, where: dict[str, object]) -> tuple[Columns, tuple[str, ...]]:
    """The rows asked for; of trials that bigtheta wrote, without controls and failed ones."""
    found, notes = table.where(where), []
    if not table.names_are(_OWN):
        return found, ()
    for name, bad, what in (("control", {"true"}, "of controls"), ("status", FAILED, "that failed")):
        if name not in found or name in where:
            continue
        chosen = [text.lower() not in bad for text in found.texts(name)]
        if not any(chosen):
            raise InvalidInputError(f"table: all {len(chosen)} trials are {what}; give trials of the law itself")
        if left := chosen.count(False):
            notes.append(f"{left} of {len(chosen)} trials {what} left out")
            found = found.kept(chosen)
    return found, tuple(notes)


def _sizes(table: Columns, named: Mapping[str, str], value: str | None) -> dict[str, str]:
    """The column of each size, in the order of SIZES."""
    for column in named.values():
        if column not in table:
            raise unknown_name("column of sizes", column, table.names)
    taken = {*named.values(), value}
    sizes = {name: named.get(name, name) for name in SIZES if name in named or (name in table and name not in taken)}
    if value in sizes.values():
        raise InvalidInputError(f"table: column {value} is given as a size and as the value; name two columns")
    if not sizes:
        there = ", ".join(table.names) or "no columns"
        advice = f"; name one as in --size n={table.names[0]}" if table.names else ""
        raise InvalidInputError(
            f"table: expected a column for each size, of {', '.join(SIZES)}, but got {there}{advice}"
        )
    return sizes


def _check_apart(table: Columns, shape: Shape, where: Mapping[str, object]) -> None:
    """Refuse samples of several laws, activations, models or quantities."""
    for name in _APART:
        if name in table and shape != Rows(name) and name not in where and (found := table.varies(name)):
            raise InvalidInputError(
                f"table: the samples are of {len(found)} in column {name} ({shown(table, name)}), which are not one "
                f"quantity; choose as in --where {name}={found[0]} (in Python, where={{{name!r}: {found[0]!r}}})"
            )


def _cells(
    table: Columns, sizes: Mapping[str, str], shape: Shape
) -> tuple[dict[str, list[float]], list[Array], tuple[str, ...]]:
    """Sizes and samples of each cell, and how the samples were read."""
    keys = list(dict.fromkeys(sizes.values()))
    match shape:
        case Rows(value):
            numbers, said = table.floats((*keys, value))
        case Runs(runs):
            numbers, said = table.floats(keys, optional=runs)
        case Summaries(mean, spread, trials):
            numbers, said = table.floats((*keys, mean, spread, trials))
    for name in keys:
        if numbers[name].isna().any():
            raise InvalidInputError(f"table: a row has no {name}; give every row its sizes")
    groups = [group for _, group in numbers.groupby(keys, sort=False)]
    found = {name: [float(group[column].iloc[0]) for group in groups] for name, column in sizes.items()}
    match shape:
        case Rows(value):
            samples, notes = [group[value].to_numpy() for group in groups], _alone(table, value, groups)
        case Runs(runs):
            samples, notes = [_present(group[list(runs)].to_numpy()) for group in groups], _said_of_runs(runs)
        case Summaries():
            samples, notes = _of_means(groups, keys, shape)
    return found, samples, (*said, *notes)


def _present(runs: Array) -> Array:
    """The runs that are there; at larger sizes there are often fewer."""
    return runs[~np.isnan(runs)]


def _alone(table: Columns, value: str, groups: Sequence[pd.DataFrame]) -> tuple[str, ...]:
    """Refuse one value a size beside a column that may be its error: it is a mean, and of what is not said."""
    spread = unclear_spread(table, value)
    if spread is not None and all(len(group) == 1 for group in groups):
        raise InvalidInputError(
            f"table: one {value} a size, with {spread}, is a mean whose error is not clear; name the columns mean, "
            f"trials and sd (or sem, its standard error); or leave {spread} out if {value} is exact"
        )
    return ()


def _said_of_runs(runs: Sequence[str]) -> tuple[str, ...]:
    return (f"columns {runs[0]} to {runs[-1]} read as {len(runs)} runs of one quantity",)


def _of_means(
    groups: Sequence[pd.DataFrame], keys: Sequence[str], shape: Summaries
) -> tuple[list[Array], tuple[str, ...]]:
    """Samples that have these means and standard deviations."""
    samples, thinned = [], False
    for group in groups:
        where = ", ".join(f"{name} = {group[name].iloc[0]:g}" for name in keys)
        if len(group) > 1:
            raise InvalidInputError(
                f"table: {len(group)} rows of {shape.mean}, {shape.spread}, {shape.trials} at {where}; give one"
            )
        mean, spread, trials = (float(group[name].iloc[0]) for name in (shape.mean, shape.spread, shape.trials))
        if not (trials >= 1 and trials == int(trials)):
            raise InvalidInputError(f"table: expected a whole number >= 1 but got {shape.trials}={trials:g} at {where}")
        if trials > 1 and not 0 <= spread < np.inf:
            raise InvalidInputError(f"table: expected a number >= 0 but got {shape.spread}={spread:g} at {where}")
        deviation = spread * trials**0.5 if shape.of_mean else spread
        count = int(min(trials, MOST_TRIALS))
        thinned = thinned or count < trials
        try:
            samples.append(two_point(mean, deviation * (count / trials) ** 0.5, count))
        except ValueError as error:
            raise InvalidInputError(
                f"table: {shape.mean} = {mean:g}, {shape.spread} = {spread:g} at {where}: {error}"
            ) from error
    what = "standard error" if shape.of_mean else "standard deviation"
    notes = [
        f"{shape.mean}, {shape.spread}, {shape.trials} read as mean, {what} and number of trials: the mean is judged"
    ]
    if thinned:
        notes.append(f"cells of more than {MOST_TRIALS} trials count as so many, with the same standard error")
    return samples, tuple(notes)


def _unread(table: Columns, sizes: Mapping[str, str], shape: Shape, where: Mapping[str, object]) -> tuple[str, ...]:
    """Columns that vary and are not read: samples are pooled over them."""
    used = {*sizes.values(), *where}
    match shape:
        case Rows(value):
            used |= {value}
        case Runs(runs):
            used |= {*runs}
        case Summaries(mean, spread, trials):
            used |= {mean, spread, trials}
    left = [name for name in table.names if name not in used and table.changes(name)]
    return (f"not read: {', '.join(left)}; --where chooses rows by a column",) if left else ()
