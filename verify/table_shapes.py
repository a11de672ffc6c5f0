"""Where the samples stand in a table: a row each, a column a run, or as mean, spread and number of trials of a cell.

Of a cell of which only mean, standard deviation and number of trials are known, its mean can be judged and nothing
else: that needs no more, for the variance of the mean is sd^2/trials.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.verify.table_columns import Columns

__all__ = ["Rows", "Runs", "Shape", "Summaries", "shape_of", "two_point"]

Array = npt.NDArray[np.float64]

VALUE = "value"
MOST_TRIALS = 100_000
_MEANS = ("mean", "average", "avg")
_DEVIATIONS = ("sd", "std", "stdev", "stddev", "std_dev", "standard deviation")
_ERRORS = ("sem", "se", "stderr", "std_err", "stderror", "std_error", "standard error")
_TRIALS = ("trials", "count", "runs", "reps", "repetitions", "replicates", "seeds", "n_trials", "num_trials", "N")
_UNCLEAR = ("error", "err", "uncertainty", "ci", "spread", "+-", "\u00b1", *_DEVIATIONS, *_ERRORS)
_RUN = re.compile(r"(?P<stem>.*?)[ _.-]?\d+")


@dataclass(frozen=True)
class Rows:
    """A row a sample."""

    value: str


@dataclass(frozen=True)
class Runs:
    """A row a cell, a column a run."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class Summaries:
    """A row a cell: the mean, its standard deviation (or with `of_mean` its standard error), the number of trials."""

    mean: str
    spread: str
    trials: str
    of_mean: bool


Shape = Rows | Runs | Summaries


def shape_of(table: Columns, value: str | None, sizes: Sequence[str]) -> Shape:
    """Find the samples.

    Args:
        value: the column asked for, or the stem of several; None for `value`.
        sizes: the columns that are sizes.

    Raises:
        InvalidInputError: if there is no such column, or a table of means does not say how many trials each is of.
    """
    wanted = VALUE if value is None else value
    others = [name for name in table.names if name not in sizes]
    summary = _summaries(others, wanted)
    if summary and (summary.mean != wanted or table.differ(sizes)):
        return summary
    if wanted in table:
        return Rows(wanted)
    if runs := _runs(others, value):
        return runs
    if value is None and any(name in _MEANS for name in others):
        mean = next(name for name in others if name in _MEANS)
        raise InvalidInputError(
            f"table: column {mean} has means; add columns sd and trials to judge them, or, if each is a number "
            f"without error, name it as the value: --value {mean}"
        )
    raise unknown_name("column of samples", wanted, table.names)


def unclear_spread(table: Columns, value: str) -> str | None:
    """A column beside the value that may be its standard deviation or its standard error, if there is one."""
    return next((name for name in table.names if _is(name, _UNCLEAR, value)), None)


def _summaries(names: Sequence[str], value: str) -> Summaries | None:
    mean = next((name for name in names if _is(name, _MEANS, value)), value if value in names else None)
    spread = next((name for name in names if _is(name, (*_DEVIATIONS, *_ERRORS), value)), None)
    trials = next((name for name in names if _is(name, _TRIALS, value)), None)
    if mean is None or spread is None or trials is None:
        return None
    return Summaries(mean, spread, trials, of_mean=_is(spread, _ERRORS, value))


def _is(name: str, words: Sequence[str], value: str) -> bool:
    """Whether a column has one of these names, alone or joined to that of the value."""
    if name in words:
        return True
    plain, of = name.lower(), value.lower()
    return any(plain in (word, f"{of}_{word}", f"{word}_{of}", f"{of} {word}", f"{of}.{word}") for word in words)


def _runs(names: Sequence[str], stem: str | None) -> Runs | None:
    """Columns run0, run1, ... that differ in a number alone: all that are no sizes, or those of the stem asked for."""
    stems = {name: match["stem"].strip(" _.-") for name in names if (match := _RUN.fullmatch(name))}
    chosen = [name for name in names if name in stems and stem in (None, stems[name])]
    whole = stem is not None or (len(chosen) == len(names) and len(set(stems.values())) == 1)
    return Runs(tuple(chosen)) if whole and len(chosen) > 1 else None


def two_point(mean: float, spread: float, trials: int) -> Array:
    """Return samples with this mean and this standard deviation (of `trials` - 1), none negative where that can be.

    Two values, so many of each that the lower is positive: what is judged is the mean, and that depends on these
    numbers alone.

    Raises:
        ValueError: if samples that are not negative cannot have such a mean and deviation.

    >>> found = two_point(3.0, 4.0, 8)
    >>> round(float(found.mean()), 12), round(float(found.std(ddof=1)), 12), bool(found.min() > 0)
    (3.0, 4.0, True)
    """
    if trials == 1 or spread == 0:
        return np.full(trials, mean)
    root = spread * math.sqrt((trials - 1) / trials)
    odds = (mean / root) ** 2 if mean > 0 else math.inf
    high = min(trials // 2, math.ceil(trials * odds / (1 + odds)) - 1) if odds < math.inf else trials // 2
    if high < 1:
        raise ValueError("the standard deviation is more than sqrt(trials) times the mean")
    low = trials - high
    return np.concatenate([
        np.full(low, mean - root * math.sqrt(high / low)), np.full(high, mean + root * math.sqrt(low / high))
    ])  # fmt: skip
