"""Curves: a quantity along a path, simulated, beside its exact limit where one is known.

What the papers plot: S against n at fixed d and k with its peaks, adversarial risk against the width.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.sweep import choose_device, run
from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import activation as find_activation
from bigtheta.theory.data import Inputs, Labels, Quantity, inputs, labels, quantity
from bigtheta.theory.errors import InvalidInputError, whole_number
from bigtheta.theory.limits.named import limit_of, limit_values
from bigtheta.theory.model import Model, model
from bigtheta.theory.scale import Path, Sizes
from bigtheta.verify.report.files import staged, unwritable
from bigtheta.verify.report.sheet import frame_csv
from bigtheta.verify.verdict import finite

__all__ = ["Curve", "curve", "peak_lines", "write_curve"]

Array = npt.NDArray[np.float64]

DENSE = 400
"""Points at which the limit is evaluated between the smallest and the largest size."""
PROMINENCE = 1.02
"""A maximum of the limit that rises less than this factor over what surrounds it is none."""
_CLOSER = 24
"""Sizes looked at between two of the grid, to find a maximum that lies there."""


@dataclass(frozen=True)
class Curve:
    """A simulated curve and its limit.

    Attributes:
        experiment: what was simulated.
        variable: the size that varies.
        cells: a row a cell: the sizes, trials, geomean, low, high (its 95% interval, of this cell alone), limit.
        limit: name of the exact limit, or None.
        line: the limit on a dense grid: columns of the sizes and `limit`; empty if there is none.
        peaks: sizes at which the limit has a maximum, those where it is infinite included.
        trials: a row a trial.
        diverges: sizes at which the limit is infinite, each with the last of its stretch, mostly itself.
    """

    experiment: Experiment
    variable: str
    cells: pd.DataFrame
    limit: str | None
    line: pd.DataFrame
    peaks: tuple[float, ...]
    trials: pd.DataFrame
    diverges: tuple[tuple[float, float], ...] = ()

    def write(self, folder: str | FilePath) -> FilePath:
        """Write curve.svg, curve.csv (cells), limit.csv (the line), trials.csv and curve.json; return the folder."""
        from bigtheta.verify.curve_figure import curve_svg

        about = {
            "schema": 1, "model": self.experiment.model.kind, "activation": self.experiment.activation.name,
            "quantity": self.experiment.quantity.kind, "variable": self.variable, "limit": self.limit,
            "peaks": list(self.peaks), "diverges": [list(stretch) for stretch in self.diverges],
            "cells": self.cells.to_dict("records"),
        }  # fmt: skip
        return write_curve(folder, curve_svg(self), about, curve=self.cells, limit=self.line, trials=self.trials)


def write_curve(
    folder: str | FilePath, picture: str, about: Mapping[str, object], **frames: pd.DataFrame
) -> FilePath:  # fmt: skip
    """Write curve.svg, curve.json and a CSV a frame, of its name; return the folder.

    Raises:
        InvalidInputError: if the folder cannot be written to.
    """
    target = FilePath(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with staged(target) as writing:
            (writing / "curve.svg").write_text(picture, encoding="utf-8")
            for name, frame in frames.items():
                (writing / f"{name}.csv").write_text(frame_csv(frame), encoding="utf-8")
            (writing / "curve.json").write_text(json.dumps(finite(dict(about)), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise unwritable("the curve", target, error) from error
    return target


def curve(
    *,
    model: Model | str | Mapping[str, object],
    sizes: Sizes | Mapping[str, Sequence[int]],
    path: Path | Mapping[str, object] | None = None,
    activation: Activation | str = "relu",
    quantity: Quantity | str | Mapping[str, object] = "sobolev",
    inputs: Inputs | str | Mapping[str, object] = "sphere",
    labels: Labels | str | Mapping[str, object] | None = None,
    limit: str | None = None,
    trials: int = 16,
    seed: int = 0,
    jobs: int = 1,
    device: str = "auto",
    store: str | FilePath | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Curve:
    """Simulate a quantity along a path and evaluate its exact limit beside it.

    Args:
        sizes: values of the size that varies, such as {"n": [20, 40, 80]}.
        path: the other sizes, such as {"d": 60, "k": 150}.
        limit: name of a limit of `theory.limits.named`; by default the one known for this quantity, if any.
        trials: of each cell.
        store: a file that keeps finished trials.

    Raises:
        InvalidInputError: for an unknown name, sizes that are missing, or a limit of something else.

    >>> found = curve(model="rf-kernel", sizes={"n": [20, 40]}, path={"d": "2*n"}, trials=2, activation="tanh")
    >>> found.limit, list(found.cells["n"])
    ('sobolev', [20, 40])
    """
    if not isinstance(sizes, Sizes):
        if not isinstance(sizes, Mapping) or len(sizes) != 1:
            raise InvalidInputError(f"sizes: expected one free size such as {{'n': [20, 40, 80]}} but got {sizes!r}")
        ((name, values),) = sizes.items()
        sizes = Sizes(name, tuple(values))
    where = path if isinstance(path, Path) else Path(path or {}, free=sizes.variable)
    experiment = _experiment(model, activation, where, sizes, quantity, inputs, labels, trials)
    chosen = limit if limit is not None else limit_of(experiment)
    line = _line(chosen, experiment, where, sizes) if chosen is not None else pd.DataFrame()
    frame = run(
        [experiment], seed=seed, jobs=jobs, device=choose_device(device), store=store, progress=progress
    )[0]  # fmt: skip
    cells = _cells(experiment, frame)
    if chosen is not None:
        columns = {name: [cell[name] for cell in experiment.cells] for name in experiment.cells[0]}
        cells["limit"] = limit_values(chosen, experiment, experiment.activation, columns)
    if chosen is not None and len(line):
        line = _closer(line, chosen, experiment, where, sizes.variable)
    peaks, diverges = _peaks(line, sizes.variable) if len(line) else ((), ())
    return Curve(experiment, sizes.variable, cells, chosen, line, peaks, frame, diverges)


def peak_lines(found: Curve) -> list[str]:
    """Return a line on where the limit diverges, and one on its other maxima, where it has any."""
    ends = {end for stretch in found.diverges for end in stretch}
    stretches = ", ".join(f"{low:g}" if low == high else f"{low:g} to {high:g}" for low, high in found.diverges)
    places = [f"{peak:g}" for peak in found.peaks if peak not in ends]
    lines = [f"the limit diverges at {found.variable} = {stretches}"] if stretches else []
    if places:
        what = "a maximum" if len(places) == 1 else "maxima"
        lines.append(f"the limit has {what} at {found.variable} = {', '.join(places)}")
    return lines


def _experiment(
    spec: Any, act: Any, where: Path, sizes: Sizes, measured: Any, law: Any, target: Any, trials: int
) -> Experiment:
    chosen = model(spec)
    cells = tuple(where.at(value) for value in sizes.values)
    for needed in chosen.uses:
        if needed not in cells[0]:
            raise InvalidInputError(
                f"path: the model {chosen.kind} needs {needed}; add it, as in {needed} = 2*{sizes.variable}"
            )
    count = whole_number("trials", trials, low=1)
    return Experiment(
        chosen, find_activation(act), cells, (count,) * len(cells), quantity(measured), inputs(law),
        labels(target if target is not None else Labels()),
    )  # fmt: skip


def _line(name: str, experiment: Experiment, where: Path, sizes: Sizes) -> pd.DataFrame:
    """The limit on a dense grid of whole sizes; sizes outside its domain are left out."""
    low, high = min(sizes.values), max(sizes.values)
    return _limits(name, experiment, where, {round(v) for v in np.geomspace(low, high, DENSE)} | set(sizes.values))


def _limits(name: str, experiment: Experiment, where: Path, values: Iterable[int]) -> pd.DataFrame:
    """The limit at sizes of the variable, increasing; NaN outside its domain."""
    cells = [where.at(value) for value in sorted(values)]
    columns = {size: [cell[size] for cell in cells] for size in cells[0]}
    try:
        found = limit_values(name, experiment, experiment.activation, columns)
    except InvalidInputError:
        found = np.array([_one(name, experiment, cell) for cell in cells])
        if np.isnan(found).all():
            raise
    return pd.DataFrame(columns | {"limit": found})


def _one(name: str, experiment: Experiment, cell: Mapping[str, int]) -> float:
    try:
        return float(limit_values(name, experiment, experiment.activation, {k: [v] for k, v in cell.items()})[0])
    except InvalidInputError:
        return float("nan")


def _cells(experiment: Experiment, frame: pd.DataFrame) -> pd.DataFrame:
    """A row a cell: geometric mean with its 95% interval, by Student's t of this cell's own logarithms."""
    names = list(experiment.cells[0])
    groups = [
        frame.loc[np.logical_and.reduce([frame[name] == cell[name] for name in names if name in frame]), "value"]
        for cell in experiment.cells
    ]
    logs = [np.log(group.to_numpy(dtype=np.float64)) for group in groups]
    means = np.array([log.mean() for log in logs])
    spread = np.array([_half_width(log) for log in logs])
    columns: dict[str, Any] = {name: [cell[name] for cell in experiment.cells] for name in names}
    columns |= {"trials": [len(group) for group in groups], "geomean": np.exp(means)}
    return pd.DataFrame(columns | {"low": np.exp(means - spread), "high": np.exp(means + spread)})


def _half_width(logs: Array) -> float:
    """Half of the 95% interval of a mean, t_{m-1} s/sqrt(m); NaN of one value."""
    count = len(logs)
    return float(stdtrit(count - 1, 0.975) * logs.std(ddof=1) / math.sqrt(count)) if count > 1 else math.nan


def _closer(line: pd.DataFrame, name: str, experiment: Experiment, where: Path, variable: str) -> pd.DataFrame:
    """The line with more sizes around each finite maximum, until the next whole sizes stand beside it."""
    while True:
        sizes, around = line[variable].to_numpy(), set[int]()
        for peak in set(_peaks(line, variable)[0]):
            at = int(np.flatnonzero(sizes == peak)[0])
            if math.isinf(line["limit"].iloc[at]):
                continue
            for a, b in zip(sizes[max(at - 1, 0) : at + 1], sizes[at : at + 2], strict=False):
                around |= {round(v) for v in np.linspace(a, b, _CLOSER)}
        if not (new := around - set(sizes.tolist())):
            return line
        more = _limits(name, experiment, where, new)
        line = pd.concat([line, more], ignore_index=True).sort_values(variable, ignore_index=True)


def _peaks(line: pd.DataFrame, variable: str) -> tuple[tuple[float, ...], tuple[tuple[float, float], ...]]:
    """Local maxima of the limit by topographic prominence in the logarithm, and the stretches where it is infinite.

    An infinite stretch is a maximum, at its end too, and counts as higher than any other.

    >>> line = pd.DataFrame({"n": range(1, 7), "limit": [2.0, 3.0, 1.0, 2.0, np.inf, 2.0]})
    >>> _peaks(line, "n")
    ((2.0, 5.0), ((5.0, 5.0),))
    """
    from scipy.signal import find_peaks

    values, sizes = line["limit"].to_numpy(dtype=np.float64), line[variable].to_numpy()
    kept = values > 0
    values, sizes = values[kept], sizes[kept]
    infinite = np.isinf(values)
    logs = np.log(np.where(infinite, 1, values))
    height = np.where(infinite, logs.max(initial=0.0) + 1, logs)
    at, _ = find_peaks(height, prominence=np.log(PROMINENCE))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], infinite, [False]])))
    stretches = tuple((float(sizes[a]), float(sizes[b - 1])) for a, b in edges.reshape(-1, 2))
    places = {float(sizes[i]) for i in at if not infinite[i]} | {place for stretch in stretches for place in stretch}
    return tuple(sorted(places)), stretches
