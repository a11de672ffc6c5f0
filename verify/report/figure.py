"""One log-log figure a judgement: cells with intervals, the claimed law through them, the fitted band."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from bigtheta.theory.statement import Peak, Statement
from bigtheta.verify.report.report import Entry

__all__ = ["CLAIM", "INK", "draw", "figure_pdf", "figure_svg", "log_ticks", "svg"]

INK, CLAIM, BAND = "#010203", "#b4281e", "#3b6ea8"


def draw(entry: Entry, ax: Any) -> Any:
    """Draw the judgement into matplotlib axes and return them; every text is taken literally."""
    with mpl.rc_context({"text.parse_math": False}):
        return _draw(entry, ax)


def _draw(entry: Entry, ax: Any) -> Any:
    j = entry.judgement
    size = np.array([cell.sizes[j.variable] for cell in j.cells], dtype=float)
    centre = np.array([cell.mean if j.sense == "Limit" else cell.geomean for cell in j.cells])
    low, high = np.array([c.low for c in j.cells]), np.array([c.high for c in j.cells])
    predicted = np.array([c.predicted for c in j.cells])
    is_peak = j.sense == "Peak"
    label = "smoothed" if is_peak else "exact limit" if j.bridge else f"claimed {j.statement}"
    if j.bridge is None:
        ax.fill_between(
            size,
            [c.fit_low for c in j.cells],
            [c.fit_high for c in j.cells],
            color=BAND,
            alpha=0.25,
            lw=0,
            label="smoothed, 95%" if is_peak else "fitted power law, 95%",
        )
    ax.plot(size, predicted, color=CLAIM, lw=1.6, ls="--", label=label)
    ax.errorbar(
        size,
        centre,
        yerr=np.clip([centre - low, high - centre], 0, None),
        fmt="o",
        ms=4.5,
        capsize=3,
        color=INK,
        label="measured, 95%",
    )
    for place in _claimed_places(entry, size) if is_peak else ():
        ax.axvline(place, color=CLAIM, lw=1.2, ls=":", label="_claimed place")
    ax.set_xscale("log")
    ax.set_yscale("log")
    log_ticks(ax.xaxis, size)
    log_ticks(ax.yaxis, np.concatenate([centre, predicted]))
    path = entry.facts.path.text
    ax.set_xlabel(j.variable + (f"   ({path})" if path else ""), parse_math=False)
    ax.set_ylabel(entry.facts.symbol.name, parse_math=False)
    ax.legend(frameon=False, fontsize=10)
    return ax


def _claimed_places(entry: Entry, size: np.ndarray[Any, Any]) -> list[float]:
    """The sizes at which the ratio of a `Peak` takes its claimed values, between the cells by the logs."""
    claim = Statement.parse(entry.judgement.statement)
    assert isinstance(claim, Peak)
    cells = entry.judgement.cells
    ratio = claim.value({name: [cell.sizes[name] for cell in cells] for name in cells[0].sizes})
    order = np.argsort(ratio)
    return [float(np.exp(np.interp(np.log(at), np.log(ratio[order]), np.log(size[order])))) for at in claim.places]


def figure_svg(entry: Entry) -> str:
    """Return the figure as an SVG element: no date, no random ids, text as text, ink in `currentColor`."""
    return svg(lambda ax: draw(entry, ax), entry.slug)


def svg(paint: Callable[[Axes], object], prefix: str) -> str:
    """Return what `paint` draws on axes as an SVG element.

    Args:
        prefix: of every id, so that several figures can stand on one page.
    """
    style: Any = {"svg.fonttype": "none", "svg.hashsalt": prefix, "font.family": "sans-serif", "font.size": 11.5}
    with mpl.rc_context(style):
        figure, ax = _axes()
        FigureCanvasSVG(figure)
        paint(ax)
        for spine in ax.spines.values():
            spine.set_color(INK)
        ax.tick_params(which="both", colors=INK, labelcolor=INK)
        legend = ax.get_legend()
        for text in (ax.xaxis.label, ax.yaxis.label, *(legend.get_texts() if legend else ())):
            text.set_color(INK)
        ax.spines[["top", "right"]].set_visible(False)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'(href="|url\()#', rf"\1#{prefix}-", text)
    return re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', 'width="100%"', text, count=1)


def figure_pdf(entry: Entry) -> bytes:
    """Return the figure as a PDF page: no date, so the same each time; fonts embedded as TrueType."""
    style: Any = {"pdf.fonttype": 42, "font.family": "sans-serif", "font.size": 11.5}
    with mpl.rc_context(style):
        figure, ax = _axes()
        FigureCanvasPdf(figure)
        draw(entry, ax)
        ax.spines[["top", "right"]].set_visible(False)
        stream = io.BytesIO()
        figure.savefig(stream, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return stream.getvalue()


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.6, 3.5), layout="constrained")
    return figure, figure.add_subplot()


def log_ticks(axis: Any, values: Any) -> None:
    """Label a log axis with plain numbers, enough of them on a short range."""
    span = np.log10(values.max() / values.min()) if values.min() > 0 else 2
    subs = (1, 2, 5) if span > 0.7 else (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
