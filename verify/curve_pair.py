"""One quantity against another along a path: robustness against error as the width, the samples or the ridge grow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import pandas as pd

from bigtheta.theory.data import Quantity, quantity
from bigtheta.theory.errors import InvalidInputError
from bigtheta.verify.curve import Curve, curve, write_curve

__all__ = ["CurvePair", "curve_pair"]


@dataclass(frozen=True)
class CurvePair:
    """Two curves over the same cells, to be plotted against each other.

    Attributes:
        across: the curve on the horizontal axis, such as the test error.
        up: the curve on the vertical axis, such as the Sobolev energy.
        cells: a row a cell: the sizes, and for each quantity its geomean, low, high and limit, suffixed by its name.
        line: both limits on a dense grid of the size that varies; empty unless both are known.
    """

    across: Curve
    up: Curve
    cells: pd.DataFrame
    line: pd.DataFrame

    @property
    def variable(self) -> str:
        """The size that varies along the path."""
        return self.up.variable

    def write(self, folder: str | FilePath) -> FilePath:
        """Write curve.svg, curve.csv (cells), limit.csv (the line), trials.csv and curve.json; return the folder."""
        from bigtheta.verify.curve_figure import curve_pair_svg

        up = self.up.experiment
        about = {
            "schema": 1, "model": up.model.kind, "activation": up.activation.name, "quantity": up.quantity.kind,
            "against": self.across.experiment.quantity.kind, "variable": self.variable, "limit": self.up.limit,
            "limit_against": self.across.limit, "cells": self.cells.to_dict("records"),
        }  # fmt: skip
        trials = pd.concat(
            [part.trials.assign(quantity=part.experiment.quantity.kind) for part in (self.across, self.up)],
            ignore_index=True,
        )
        return write_curve(folder, curve_pair_svg(self), about, curve=self.cells, limit=self.line, trials=trials)


def curve_pair(
    *, against: Quantity | str | dict[str, object] = "test-error", limit: str | None = None, **given: Any
) -> CurvePair:
    """Simulate two quantities along a path, with the exact limit of each that has one.

    Args:
        against: the quantity of the horizontal axis.
        limit: name of the limit of the quantity on the vertical axis, as for `curve`; that of the other is looked up.
        given: the arguments of `curve`; `quantity` is the one on the vertical axis.

    Raises:
        InvalidInputError: as `curve`, and if both quantities are the same.

    >>> found = curve_pair(
    ...     model={"kind": "quadratic-student", "regime": "rf"}, sizes={"k": [8, 16]}, path={"d": 16}, trials=2
    ... )
    >>> found.up.limit, sorted(found.line.columns)
    ('quadratic-student', ['d', 'k', 'limit_sobolev', 'limit_test-error'])
    """
    names = [quantity(spec).kind for spec in (given.get("quantity", "sobolev"), against)]
    if names[0] == names[1]:
        raise InvalidInputError(f"against: expected another quantity than {names[0]!r}, which is on the vertical axis")
    up = curve(limit=limit, **given)
    across = curve(**(given | {"quantity": against}))
    sizes = list(up.experiment.cells[0])
    cells = up.cells[sizes]
    for name, part in zip(names, (up, across), strict=True):
        cells = cells.join(part.cells.drop(columns=[*sizes, "trials"]).add_suffix(f"_{name}"))
    lines = [
        part.line.rename(columns={"limit": f"limit_{name}"})
        for name, part in zip(names, (up, across), strict=True)
        if len(part.line)
    ]
    return CurvePair(across, up, cells, lines[0].merge(lines[1]) if len(lines) == 2 else pd.DataFrame())
