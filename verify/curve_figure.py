"""The figure of a curve: measured cells with their intervals, the exact limit, its peaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from bigtheta.verify.report.figure import CLAIM, INK, log_ticks, svg
from bigtheta.verify.report.symbols import symbol_of

if TYPE_CHECKING:
    from bigtheta.verify.curve import Curve

__all__ = ["curve_svg", "draw_curve"]


def draw_curve(curve: Curve, ax: Axes) -> Axes:
    """Draw a curve on axes and return them."""
    size = curve.cells[curve.variable].to_numpy(dtype=np.float64)
    centre = curve.cells["geomean"].to_numpy()
    if len(curve.line):
        ax.plot(curve.line[curve.variable], curve.line["limit"], color=CLAIM, lw=1.6, label="exact limit")
        for index, peak in enumerate(curve.peaks):
            ax.axvline(peak, color=CLAIM, lw=1, ls=":", label="peak of the limit" if index == 0 else None)
    below, above = centre - curve.cells["low"], curve.cells["high"] - centre
    ax.errorbar(
        size, centre, yerr=np.nan_to_num(np.clip([below, above], 0, None)), fmt="o", ms=4.5, capsize=3, color=INK,
        label="measured, 95%",
    )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    log_ticks(ax.xaxis, size)
    log_ticks(ax.yaxis, centre)
    fixed = [name for name in curve.cells.columns if name in ("n", "d", "k") and name != curve.variable]
    held = [f"{name} = {curve.cells[name].iloc[0]}" for name in fixed if curve.cells[name].nunique() == 1]
    ax.set_xlabel(curve.variable + (f"   ({', '.join(held)})" if held else ""))
    ax.set_ylabel(symbol_of(curve.experiment).name)
    ax.legend(frameon=False, fontsize=10)
    return ax


def curve_svg(curve: Curve) -> str:
    """Return the figure as an SVG element."""
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    drawn = svg(lambda ax: draw_curve(curve, ax), "curve")
    return head + drawn.replace("currentColor", "#222222")
