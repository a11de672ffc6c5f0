"""The figure of a curve: measured cells with their intervals, the exact limit, its peaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from bigtheta.verify.report.figure import CLAIM, INK, log_ticks, svg
from bigtheta.verify.report.symbols import symbol_of

if TYPE_CHECKING:
    from bigtheta.verify.curve import Curve
    from bigtheta.verify.curve_pair import CurvePair

__all__ = ["curve_pair_svg", "curve_svg", "draw_curve", "draw_curve_pair"]


def draw_curve(curve: Curve, ax: Axes) -> Axes:
    """Draw a curve on axes and return them."""
    size = curve.cells[curve.variable].to_numpy(dtype=np.float64)
    centre = curve.cells["geomean"].to_numpy()
    if len(curve.line):
        ax.plot(curve.line[curve.variable], curve.line["limit"], color=CLAIM, lw=1.6, label="exact limit")
        infinite = {end for stretch in curve.diverges for end in stretch}
        for peaks, label, style in (
            ([peak for peak in curve.peaks if peak not in infinite], "peak of the limit", ":"),
            (sorted(infinite), "limit infinite", "--"),
        ):
            for index, peak in enumerate(peaks):
                ax.axvline(peak, color=CLAIM, lw=1, ls=style, label=label if index == 0 else None)
    ax.errorbar(
        size, centre, yerr=_bars(curve), fmt="o", ms=4.5, capsize=3, color=INK,
        label="measured, 95%",
    )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    log_ticks(ax.xaxis, size)
    log_ticks(ax.yaxis, centre)
    ax.set_xlabel(curve.variable + _held(curve))
    ax.set_ylabel(symbol_of(curve.experiment).name)
    ax.legend(frameon=False, fontsize=10)
    return ax


def draw_curve_pair(pair: CurvePair, ax: Axes) -> Axes:
    """Draw one quantity against the other on axes, each cell marked by its size, and return them."""
    across, up = pair.across, pair.up
    if len(pair.line):
        names = [f"limit_{part.experiment.quantity.kind}" for part in (across, up)]
        ax.plot(*pair.line[names].to_numpy().T, color=CLAIM, lw=1.6, label="exact limit")
    x, y = (part.cells["geomean"].to_numpy() for part in (across, up))
    ax.errorbar(x, y, xerr=_bars(across), yerr=_bars(up), fmt="o", ms=4.5, capsize=3, color=INK, label="measured, 95%")
    for index in {0, len(x) - 1}:
        size = up.cells[pair.variable].iloc[index]
        ax.annotate(f"{pair.variable} = {size}", (x[index], y[index]), (7, 7), textcoords="offset points", color=INK)
    ax.set_xscale("log")
    ax.set_yscale("log")
    log_ticks(ax.xaxis, x)
    log_ticks(ax.yaxis, y)
    ax.set_xlabel(symbol_of(across.experiment).name + _held(up))
    ax.set_ylabel(symbol_of(up.experiment).name)
    ax.legend(frameon=False, fontsize=10)
    return ax


def _bars(curve: Curve) -> npt.NDArray[np.float64]:
    """Lengths of the error bars below and above the cells, shape (2, cells)."""
    low, centre, high = curve.cells[["low", "geomean", "high"]].to_numpy(dtype=np.float64).T
    lengths: npt.NDArray[np.float64] = np.nan_to_num(np.clip(np.array([centre - low, high - centre]), 0, None))
    return lengths


def _held(curve: Curve) -> str:
    """The sizes that stay the same, in brackets."""
    names = [name for name in curve.cells.columns if name in ("n", "d", "k") and name != curve.variable]
    held = [f"{name} = {curve.cells[name].iloc[0]}" for name in names if curve.cells[name].nunique() == 1]
    return f"   ({', '.join(held)})" if held else ""


def curve_svg(curve: Curve) -> str:
    """Return the figure of a curve as an SVG document."""
    return _document(lambda ax: draw_curve(curve, ax))


def curve_pair_svg(pair: CurvePair) -> str:
    """Return the figure of a pair of curves as an SVG document."""
    return _document(lambda ax: draw_curve_pair(pair, ax))


def _document(paint: Callable[[Axes], object]) -> str:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return head + svg(paint, "curve").replace("currentColor", "#222222")
