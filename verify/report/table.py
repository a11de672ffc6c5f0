"""The report as CSV, a row a judgement, that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from typing import Any

from bigtheta.theory.errors import printable
from bigtheta.verify.report.report import Entry, Report

__all__ = ["literal", "render"]

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def render(report: Report) -> str:
    """Return the table; numbers in full precision, empty where there is none."""
    rows = [_row(entry) for entry in report.entries]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: literal(value) if isinstance(value, str) else value for name, value in row.items()})
    return stream.getvalue()


def literal(text: str) -> str:
    """Return text on one line, with ' before what a spreadsheet would take for a formula.

    >>> literal("=1+1"), literal("u - 1"), literal(" @x")
    ("'=1+1", 'u - 1', "' @x")
    """
    line = printable(text)
    return f"'{line}" if line.lstrip().startswith(_FORMULA) else line


_COLUMNS = (
    "law", "paper", "activation", "control", "because", "statement", "verdict", "outcome", "sense", "variable",
    "estimate", "low", "high", "claimed", "margin", "rejects_below", "rejects_above", "constant", "reason",
)  # fmt: skip


def _row(entry: Entry) -> dict[str, Any]:
    j, negative = entry.judgement, entry.negative
    return {
        "law": entry.facts.id, "paper": entry.facts.paper, "activation": entry.activation,
        "control": negative is not None, "because": negative.because if negative else "", "statement": j.statement,
        "verdict": entry.verdict.value, "outcome": entry.outcome.value, "sense": j.sense, "variable": j.variable,
        "estimate": j.estimate, "low": j.low, "high": j.high, "claimed": j.claimed, "margin": j.margin,
        "rejects_below": j.rejects_below, "rejects_above": j.rejects_above, "constant": j.constant,
        "reason": j.reason,
    }  # fmt: skip
