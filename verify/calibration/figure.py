"""One figure of the benchmark: every required rate of the claims on an order, with bounds, and the level required."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bigtheta.verify.calibration.benchmark import GROUPS, Result
from bigtheta.verify.calibration.instance import ORDERS
from bigtheta.verify.calibration.procedures import OURS, PROCEDURES
from bigtheta.verify.calibration.score import REQUIREMENTS, required

__all__ = ["draw", "write_figure"]

COLOURS = {
    OURS: "#3b6ea8", "ols-interval": "#b4281e", "ols-close": "#d9822b", "wls-equivalence": "#6f9a3e",
    "last-two": "#8a8a8a",
}  # fmt: skip
INK = "#222222"


def draw(result: Result, group: str, ax: Any) -> Any:
    """Draw one group's required rates into matplotlib axes and return them; square-root scale, bounds as bars."""
    names = [p.name for p in PROCEDURES if p.kind == ORDERS and result.of(group, p.name)]
    found = {name: result.rates(group, name) for name in names}
    rows = np.arange(len(REQUIREMENTS))[::-1]
    for at, name in enumerate(names):
        kept = [
            (y, rate) for y, r in zip(rows, REQUIREMENTS, strict=True) if (rate := found[name][r.metric]).total
        ]  # fmt: skip
        centre = np.array([rate.value for _, rate in kept])
        low, high = np.array([rate.low for _, rate in kept]), np.array([rate.high for _, rate in kept])
        heights = np.array([y for y, _ in kept]) + 0.3 - 0.15 * at
        error = np.clip([centre - low, high - centre], 0, None)
        ax.errorbar(centre, heights, xerr=error, fmt="o", ms=4.5, capsize=2, color=COLOURS[name], label=name)
    for y, requirement in zip(rows, REQUIREMENTS, strict=True):
        if requirement not in required(group):
            continue
        ax.plot([requirement.level] * 2, [y - 0.45, y + 0.45], color=INK, lw=1.6)
        side = (requirement.level, 1) if requirement.at_least else (0, requirement.level)
        ax.fill_betweenx([y - 0.45, y + 0.45], *side, color=COLOURS[OURS], alpha=0.12, lw=0)
    ax.set_yticks(rows, [r.metric for r in REQUIREMENTS])
    ax.set_xscale("function", functions=(lambda x: np.sqrt(np.clip(x, 0, None)), np.square))
    ax.set_xlim(0, 1.02)
    ax.set_xticks([0, 0.02, 0.08, 0.2, 0.35, 0.5, 0.7, 0.93], ["0", ".02", ".08", ".2", ".35", ".5", ".7", ".93"])
    ax.set_title(f"{group}: {len(result.of(group, OURS))} instances", fontsize=11, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def write_figure(result: Result, path: Any) -> None:
    """Write the figure as SVG: no date, text as text. The band is what is required, bars are 95% bounds."""
    style: Any = {"svg.fonttype": "none", "svg.hashsalt": "calibration", "font.family": "sans-serif", "font.size": 10}
    groups = [group for group in GROUPS if group.endswith(ORDERS) and result.of(group, OURS)]
    with mpl.rc_context(style):
        figure = Figure(figsize=(8.2, 4.2 * len(groups)), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(len(groups), squeeze=False)[:, 0]
        for group, ax in zip(groups, axes, strict=True):
            draw(result, group, ax)
        axes[0].legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.42, 1.2), ncols=len(COLOURS))
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
