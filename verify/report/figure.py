"""One log-log figure a judgement: cells with intervals, the claimed law through them, the fitted band."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from bigtheta.theory.statement import Peak, Statement
from bigtheta.verify.report.claim import ABOVE, claim_line, is_one_sided
from bigtheta.verify.report.report import Entry
from bigtheta.verify.report.words import exponent_letter
from bigtheta.verify.verdict import Judgement

__all__ = ["CLAIM", "INK", "draw", "figure_pdf", "figure_svg", "log_ticks", "svg"]

INK, CLAIM, BAND = "#010203", "#b4281e", "#3b6ea8"
_FAR = 1e3
"""How far beyond data and line the shading goes, as a factor."""
_DENOMINATOR = 100


def draw(entry: Entry, ax: Any) -> Any:
    """Draw the judgement into matplotlib axes and return them; every text is taken literally.

    The line of a claim Theta goes through the cells. That of Omega lies below all of them and that of O above, where it
    touches; the side that the claim allows is shaded. Labels that the axes have already stay.
    """
    j = entry.judgement
    size = np.array([cell.sizes[j.variable] for cell in j.cells], dtype=float)
    centre = np.array([cell.mean if j.sense == "Limit" else cell.geomean for cell in j.cells])
    low, high = np.array([c.low for c in j.cells]), np.array([c.high for c in j.cells])
    is_peak = j.sense == "Peak"
    line = claim_line(j)
    label = "smoothed" if is_peak else "exact limit" if j.bridge else f"claimed {j.statement}{_slope(j)}"
    fitted = "smoothed" if is_peak else f"fitted {_literal(j.exponent_of) or 'power law'}"
    if j.bridge is None:
        ax.fill_between(
            size,
            [c.fit_low for c in j.cells],
            [c.fit_high for c in j.cells],
            color=BAND,
            alpha=0.25,
            lw=0,
            label=f"{fitted}, 95%",
        )
    if is_one_sided(j):
        _shade(ax, size, line, centre, above=ABOVE[j.sense])
    ax.plot(size, line, color=CLAIM, lw=1.6, ls="--", label=_literal(label))
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
    log_ticks(ax.yaxis, np.concatenate([centre, line]))
    path = entry.facts.path.text
    if not ax.get_xlabel():
        ax.set_xlabel(_literal(j.variable + (f"   ({path})" if path else "")))
    if not ax.get_ylabel():
        ax.set_ylabel(_literal(entry.facts.symbol.name))
    ax.legend(frameon=False, fontsize=10)
    return ax


def _shade(ax: Any, size: Any, line: Any, centre: Any, *, above: bool) -> None:
    """Shade what a one-sided claim allows, as far as the axes reach; their limits do not follow it."""
    seen = np.concatenate([centre, line])
    seen = seen[np.isfinite(seen) & (seen > 0)]
    if not len(seen):
        return
    far = seen.max() * _FAR if above else seen.min() / _FAR
    corners = [*zip(size, line, strict=True), (size[-1], far), (size[0], far)]
    ax.add_collection(PolyCollection([corners], color=CLAIM, alpha=0.08, lw=0, label="allowed"), autolim=False)


def _slope(j: Judgement) -> str:
    """What a one-sided claim says of the slope: ": slope >= -1/2"; "" for other claims, and for several sizes."""
    if j.sense not in ABOVE or j.claimed is None or len(j.exponents) > 1:
        return ""
    sign = ">=" if ABOVE[j.sense] else "<="
    if j.exponent_of:
        return f":\n{exponent_letter(j)} {sign} {_exact(j.claimed)} in {j.exponent_of}"
    return f": slope {sign} {_exact(j.claimed)}"


def _exact(number: float) -> str:
    """A number as the fraction that it is the nearest float to, if there is one of small denominator.

    >>> _exact(-0.5), _exact(1 / 3), _exact(0.123456)
    ('-1/2', '1/3', '0.123')
    """
    fraction = Fraction(number).limit_denominator(_DENOMINATOR)
    return str(fraction) if float(fraction) == number else f"{number:.3g}"


def _literal(text: str) -> str:
    r"""Text in which matplotlib finds no mathematics; labels keep their own setting for what is written there later.

    >>> print(_literal("a $b$"))
    a \$b\$
    """
    return text.replace("$", r"\$")


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
