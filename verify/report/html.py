"""The report as one self-contained HTML page: a summary first, then a section for each law."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2
import latex2mathml.converter
import sympy
from markupsafe import Markup

from bigtheta.theory.activation import Parity
from bigtheta.theory.law import Control, Law, hypothesis_text
from bigtheta.theory.statement import mu
from bigtheta.verify.report import words
from bigtheta.verify.report.figure import figure_svg
from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.report.symbols import symbol_of
from bigtheta.verify.sharpness import is_discriminating
from bigtheta.verify.verdict import Verdict

__all__ = ["render", "render_summary"]


def render(report: Report) -> str:
    """Return the whole page. Nothing in it is fetched from elsewhere; names and reasons are escaped."""
    groups: dict[int, tuple[Law, list[Entry]]] = {}
    for entry in report.entries:
        groups.setdefault(id(entry.law), (entry.law, []))[1].append(entry)
    return (
        _environment()
        .get_template("report.html")
        .render(report=report, groups=list(groups.values()), summary=words.summary(report), words=words)
    )


def render_summary(report: Report) -> str:
    """Return the summary table alone, for a notebook."""
    return _environment().get_template("summary.html").render(report=report, words=words)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bigtheta.verify.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"math": _math, "number": _number, "svg": _svg}
    environment.globals |= {
        "hypotheses": _hypotheses, "statement": _statement, "path": _path, "Verdict": Verdict,
        "discriminating": is_discriminating, "about": _about, "alt": _alt, "symbol_of": symbol_of,
    }  # fmt: skip
    return environment


def _math(latex: str) -> Markup:
    """LaTeX to MathML."""
    return Markup(latex2mathml.converter.convert(latex))


def _svg(entry: Entry) -> Markup:
    return Markup(figure_svg(entry))


def _statement(law: Law, control: Control | None = None) -> Markup:
    """The law's statement, or that of its control, as mathematics."""
    swapped = None if control is None else control.statement
    return _math(f"{symbol_of(law).latex} = {(swapped or law.statement).latex}")


def _path(law: Law) -> Markup:
    rules = [rf"{name} = {sympy.latex(rule)}" for name, rule in law.path.given]
    return _math(r",\quad ".join(rules)) if rules else Markup(f"{law.path.free} varies")


def _hypotheses(law: Law) -> list[Any]:
    """Each hypothesis as mathematics; a parity in words."""
    return [
        hypothesis_text(h)
        if isinstance(h, Parity)
        else _math(sympy.latex(h.subs({term: sympy.Symbol(f"mu_{term.args[0]}") for term in h.atoms(mu)})))
        for h in law.hypotheses
    ]


def _number(value: Any) -> str:
    """Four significant digits, plain."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _about(report: Report) -> list[tuple[str, str]]:
    """Provenance as rows; a row a plugin."""
    about = report.provenance
    rows = [
        (name, str(value)) for name, value in about.items() if name not in ("versions", "plugins") and value is not None
    ]
    for plugin in about.get("plugins", ()):
        if "file" in plugin:
            rows.append(("plugin file", f"{plugin['file']}, SHA-256 {plugin['sha256']}"))
        else:
            rows.append(("plugin", f"{plugin['name']} {plugin['version']} ({'; '.join(plugin['entry_points'])})"))
    return rows + [(name, version) for name, version in about["versions"].items()]


def _alt(entry: Entry) -> str:
    """What the figure shows, in words."""
    j = entry.judgement
    first, last = j.cells[0], j.cells[-1]
    return (
        f"Log-log plot: measured {symbol_of(entry.law).name} goes from {first.geomean:.3g} at {j.variable} = "
        f"{first.sizes[j.variable]} to {last.geomean:.3g} at {j.variable} = {last.sizes[j.variable]}; "
        f"claimed {j.statement}; {words.estimate(j)}."
    )
