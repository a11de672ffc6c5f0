"""The report as Markdown: the counts, a table with a row a judgement, and where the numbers come from."""

from __future__ import annotations

import re

from bigtheta.verify.report import words
from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.verdict import Verdict

__all__ = ["literal", "render"]

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")
_HEAD = ("Verdict", "Law", "Activation", "Statement", "Measured, 95%", "Reason")


def render(report: Report) -> str:
    """Return the table in GitHub's Markdown."""
    told = words.interruption(report)
    lines = [f"**{literal(told)}.**", ""] if told else []
    lines += [f"**{report.verdict.value}**: {literal(words.summary(report))}.", ""]
    lines += [f"| {' | '.join(_HEAD)} |", f"|{' --- |' * len(_HEAD)}"]
    lines += [f"| {' | '.join(_cells(entry))} |" for entry in report.entries]
    about = report.provenance
    named = [f"{name} {about[name]}" for name in ("seed", "profile", "trials", "device", "commit") if about.get(name)]
    named = [f"seed {about['seed']}", *named] if about.get("seed") == 0 else named
    versions = [f"{name} {version}" for name, version in about.get("versions", {}).items()]
    return "\n".join([*lines, "", f"{literal(', '.join([*named, *versions]))}".strip(), ""])


def literal(text: str) -> str:
    r"""Return text on one line in which Markdown finds no marks.

    >>> literal("Theta(n**0.7) | <b>")
    'Theta(n\\*\\*0.7) \\| \\<b\\>'
    """
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def _cells(entry: Entry) -> list[str]:
    j = entry.judgement
    verdict, reason = f"**{entry.verdict.value}**", j.reason
    if entry.negative is not None:
        verdict += " (control, as it must)" if entry.verdict is Verdict.FAIL else " (control, must FAIL)"
        reason = f"{entry.negative.because}: {reason}"
    measured = words.estimate(j) or "–"
    shown = (entry.facts.id, words.activation(entry), words.claim(entry), measured, reason)
    return [verdict, *map(literal, shown)]
