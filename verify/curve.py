"""Curves: a quantity along a path, simulated, beside its exact limit where one is known.

What the papers plot: S against n at fixed d and k with its peaks, adversarial risk against the width.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.sweep import choose_device, run
from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import activation as find_activation
from bigtheta.theory.data import Inputs, Labels, Quantity, inputs, labels, quantity
from bigtheta.theory.errors import InvalidInputError, whole_number
from bigtheta.theory.limits.named import limit_of, limit_values
from bigtheta.theory.model import Model, model
from bigtheta.theory.scale import Path, Sizes
from bigtheta.verify.fit import cell_means
from bigtheta.verify.report.files import staged, unwritable
from bigtheta.verify.report.sheet import frame_csv

__all__ = ["Curve", "curve", "write_curve"]

Array = npt.NDArray[np.float64]

DENSE = 400
"""Points at which the limit is evaluated between the smallest and the largest size."""
PROMINENCE = 1.02
"""A maximum of the limit that rises less than this factor over what surrounds it is none."""


@dataclass(frozen=True)
class Curve:
    """A simulated curve and its limit.

    Attributes:
        experiment: what was simulated.
        variable: the size that varies.
        cells: a row a cell: the sizes, trials, geomean, low, high (95%), limit.
        limit: name of the exact limit, or None.
        line: the limit on a dense grid: columns of the sizes and `limit`; empty if there is none.
        peaks: sizes at which the limit has a maximum.
        trials: a row a trial.
    """

    experiment: Experiment
    variable: str
    cells: pd.DataFrame
    limit: str | None
    line: pd.DataFrame
    peaks: tuple[float, ...]
    trials: pd.DataFrame

    def write(self, folder: str | FilePath) -> FilePath:
        """Write curve.svg, curve.csv (cells), limit.csv (the line), trials.csv and curve.json; return the folder."""
        from bigtheta.verify.curve_figure import curve_svg

        about = {
            "schema": 1, "model": self.experiment.model.kind, "activation": self.experiment.activation.name,
            "quantity": self.experiment.quantity.kind, "variable": self.variable, "limit": self.limit,
            "peaks": list(self.peaks), "cells": self.cells.to_dict("records"),
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
            (writing / "curve.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
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
    peaks = _peaks(line, sizes.variable) if len(line) else ()
    return Curve(experiment, sizes.variable, cells, chosen, line, peaks, frame)


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
    values = sorted({round(v) for v in np.geomspace(low, high, DENSE)} | set(sizes.values))
    cells = [where.at(value) for value in values]
    columns = {size: [cell[size] for cell in cells] for size in cells[0]}
    try:
        found = limit_values(name, experiment, experiment.activation, columns)
    except InvalidInputError:
        found = np.array([_one(name, experiment, cell) for cell in cells])
        if not np.isfinite(found).any():
            raise
    return pd.DataFrame(columns | {"limit": found})


def _one(name: str, experiment: Experiment, cell: Mapping[str, int]) -> float:
    try:
        return float(limit_values(name, experiment, experiment.activation, {k: [v] for k, v in cell.items()})[0])
    except InvalidInputError:
        return float("nan")


def _cells(experiment: Experiment, frame: pd.DataFrame) -> pd.DataFrame:
    """A row a cell: geometric mean with its 95% interval."""
    names = list(experiment.cells[0])
    groups = [
        frame.loc[np.logical_and.reduce([frame[name] == cell[name] for name in names if name in frame]), "value"]
        for cell in experiment.cells
    ]
    logs = [np.log(group.to_numpy(dtype=np.float64)) for group in groups]
    found = cell_means(logs)
    spread = 1.959964 * np.sqrt(np.where(np.isfinite(found.v), found.v, np.nan))
    columns: dict[str, Any] = {name: [cell[name] for cell in experiment.cells] for name in names}
    columns |= {"trials": [len(group) for group in groups], "geomean": np.exp(found.y)}
    return pd.DataFrame(columns | {"low": np.exp(found.y - spread), "high": np.exp(found.y + spread)})


def _peaks(line: pd.DataFrame, variable: str) -> tuple[float, ...]:
    """Local maxima of the limit by topographic prominence in the logarithm."""
    from scipy.signal import find_peaks

    values = line["limit"].to_numpy(dtype=np.float64)
    kept = np.isfinite(values) & (values > 0)
    at, _ = find_peaks(np.log(values[kept]), prominence=np.log(PROMINENCE))
    return tuple(float(v) for v in line[variable].to_numpy()[kept][at])
