"""The report as CSV, a row a judgement, that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from typing import Any

from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.report.sheet import literal

__all__ = ["render"]


def render(report: Report) -> str:
    """Return the table; numbers in full precision, empty where there is none."""
    rows = [_row(entry) for entry in report.entries]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: literal(value) if isinstance(value, str) else value for name, value in row.items()})
    return stream.getvalue()


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
