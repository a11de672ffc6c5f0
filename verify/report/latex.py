r"""The report as LaTeX for \input: a booktabs table, and a float with the figures of each law."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bigtheta.verify.report import words
from bigtheta.verify.report.figure import figure_pdf
from bigtheta.verify.report.files import unwritable, write_whole
from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.report.texts import literal
from bigtheta.verify.verdict import Verdict

__all__ = ["render", "write_figures"]

_ROWS = 18
"""Rows of one table; more go into the next one."""
_FLOATS = 12
"""Figures between two \\clearpage: LaTeX holds no more than a few dozen floats."""
_WIDTHS = (".2", ".2", ".12", ".19", ".22")
_HEAD = r"Verdict & Law & Activation & Statement & Measured, 95\% \\"


def render(report: Report, figures: str = "figures") -> str:
    """Return the text; figures are included from the folder `figures`, which a document may redefine."""
    lines = [
        "% Made by bigtheta. In the preamble: \\usepackage{booktabs,graphicx}",
        "% \\def\\bigthetafigures{...} before \\input where the figures lie elsewhere, seen from the main document.",
        rf"\providecommand{{\bigthetafigures}}{{{figures}}}",
    ]
    if told := words.interruption(report):
        lines.append(rf"\par\noindent\textbf{{{literal(told)}.}}\par")
    chunks = [report.entries[start : start + _ROWS] for start in range(0, len(report.entries), _ROWS)]
    for index, chunk in enumerate(chunks):
        lines += _table(report, chunk, continued=index > 0)
    drawn = [entry for entry in report.entries if entry.negative is None and entry.judgement.cells]
    groups: dict[int, list[Entry]] = {}
    for entry in drawn:
        groups.setdefault(id(entry.about), []).append(entry)
    floats = [group[start : start + 6] for group in groups.values() for start in range(0, len(group), 6)]
    for index, group in enumerate(floats):
        lines += [r"\clearpage"] if index and index % _FLOATS == 0 else []
        lines += _figure(group)
    return "\n".join(lines) + "\n"


def write_figures(report: Report, folder: Path) -> None:
    """Write the figures that `render` includes, a PDF each.

    Raises:
        InvalidInputError: if the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for entry in report.entries:
            if entry.negative is None and entry.judgement.cells:
                write_whole(folder / f"{entry.slug}.pdf", figure_pdf(entry))
    except OSError as error:
        raise unwritable("figures", folder, error) from error


def _table(report: Report, entries: Sequence[Entry], *, continued: bool) -> Iterator[str]:
    caption = f"{report.verdict.value}: {words.summary(report)}."
    caption = (
        "Continued." if continued else f"{literal(caption)} A control is a claim known to be false, which must FAIL."
    )
    yield r"\begin{table}[htbp]\centering\footnotesize"
    yield rf"\caption{{{caption}}}"
    yield r"\setlength{\tabcolsep}{3pt}"
    yield r"\begin{tabular}{@{}" + "".join(rf"p{{{width}\linewidth}}" for width in _WIDTHS) + "@{}}"
    yield rf"\toprule {_HEAD}"
    yield r"\midrule"
    for entry in entries:
        yield " & ".join(rf"\raggedright {cell}" for cell in (_verdict(entry), *_cells(entry))) + r" \tabularnewline"
        if entry.outcome is not Verdict.PASS:
            yield rf"\multicolumn{{5}}{{@{{}}p{{\linewidth}}@{{}}}}{{\raggedright {literal(entry.judgement.reason)}}}"
            yield r"\tabularnewline[2pt]"
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\end{table}"


def _verdict(entry: Entry) -> str:
    return entry.verdict.value if entry.negative is None else rf"{entry.verdict.value}, \emph{{control}}"


def _cells(entry: Entry) -> list[str]:
    stated = words.equation(entry.facts, entry.negative)
    law = literal(entry.facts.id).replace("/", r"/\allowbreak{}").replace("-", r"-\allowbreak{}")
    formula = stated.latex.replace(r"\text", r"\mbox").replace(r"\operatorname", r"\mathrm")  # without amsmath
    claim = f"${formula}$" if stated.latex else literal(stated.text)
    return [law, literal(words.activation(entry)), claim, literal(words.estimate(entry.judgement) or "--")]


def _figure(group: Sequence[Entry]) -> Iterator[str]:
    facts = group[0].facts
    caption = f"{facts.id}. {facts.claim}".strip()
    yield r"\begin{figure}[htbp]\centering\footnotesize"
    width = r".48\linewidth" if len(group) > 1 else r".7\linewidth"
    for index, entry in enumerate(group):
        told = f"{words.activation(entry)}: {entry.verdict.value}, {words.estimate(entry.judgement)}"
        yield rf"\begin{{minipage}}[t]{{{width}}}\centering"
        yield rf"\includegraphics[width=\linewidth]{{\bigthetafigures/{entry.slug}.pdf}}\par"
        yield rf"{literal(told.removesuffix(', '))}"
        yield r"\end{minipage}" + (r"\hfill" if index % 2 == 0 and index + 1 < len(group) else r"\par\medskip")
    yield rf"\caption{{{literal(caption)}}}"
    yield rf"\label{{fig:bigtheta-{group[0].slug}}}"
    yield r"\end{figure}"
