"""The report as one self-contained HTML page: a summary first, then a section for each law."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2
import latex2mathml.converter
from markupsafe import Markup, escape

from bigtheta.verify.report import words
from bigtheta.verify.report.claim import claim_line, is_one_sided
from bigtheta.verify.report.facts import ControlFacts, LawFacts, Stated
from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.sharpness import is_discriminating
from bigtheta.verify.verdict import Verdict

__all__ = ["render", "render_summary"]


def render(report: Report) -> str:
    """Return the whole page. Nothing in it is fetched from elsewhere; names and reasons are escaped."""
    groups: dict[int, tuple[LawFacts, list[Entry]]] = {}
    for entry in report.entries:
        groups.setdefault(id(entry.about), (entry.facts, []))[1].append(entry)
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
    environment.filters |= {"claim_line": claim_line, "one_sided": is_one_sided}
    environment.filters |= {"math": _math, "number": _number, "short": _short, "svg": _svg}
    environment.globals |= {
        "statement": _statement, "path": _path, "Verdict": Verdict,
        "discriminating": is_discriminating, "about": _about, "alt": _alt,
    }  # fmt: skip
    return environment


def _math(stated: Stated) -> Markup:
    """LaTeX to MathML; text where there is no LaTeX."""
    return Markup(latex2mathml.converter.convert(stated.latex)) if stated.latex else escape(stated.text)


def _svg(entry: Entry) -> Markup:
    return Markup(entry.svg)


def _statement(law: LawFacts, control: ControlFacts | None = None) -> Markup:
    """The law's statement, or that of its control, as mathematics."""
    return _math(words.equation(law, control))


def _path(law: LawFacts) -> Markup:
    return _math(law.path) if law.path.text else escape(f"{law.free} varies")


def _number(value: Any) -> str:
    """Four significant digits, plain."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.1e}"


def _about(report: Report) -> list[tuple[str, str]]:
    """Provenance as rows; a row a plugin."""
    about = report.provenance
    rows = [
        (name, str(value))
        for name, value in about.items()
        if name not in ("versions", "plugins", "partial", "command") and value is not None
    ]
    for plugin in about.get("plugins", ()):
        if "file" in plugin:
            rows.append(("plugin file", f"{plugin['file']}, SHA-256 {plugin.get('sha256')}"))
        else:
            points, sha = "; ".join(plugin.get("entry_points", [])), plugin.get("sha256")
            told = f"{plugin.get('name')} {plugin.get('version')} ({points})"
            rows.append(("plugin", told if sha is None else f"{told}, SHA-256 {sha}"))
        rows += [(f"its file {name}", f"SHA-256 {sha}") for name, sha in (plugin.get("files") or {}).items()]
    return rows + [(name, version) for name, version in about.get("versions", {}).items()]


def _alt(entry: Entry) -> str:
    """What the figure shows, in words."""
    j = entry.judgement
    return f"Log-log plot: {words.figure_alt(entry)}; claimed {j.statement}; {words.estimate(j)}."
