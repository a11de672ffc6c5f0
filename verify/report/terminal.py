"""The report in the terminal: a line a law; colours only where a person reads."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.report.words import activation, claim, control_line, estimate, interruption, rejects, summary
from bigtheta.verify.verdict import Verdict

__all__ = ["COLOURS", "print_report"]

COLOURS = {
    Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.INCONCLUSIVE: "yellow",
    Verdict.ERROR: "magenta", Verdict.SKIPPED: "bright_black", Verdict.NOT_RUN: "bright_black",
}  # fmt: skip
_WIDTH = max(len(verdict.value) for verdict in Verdict) + 2


def print_report(report: Report, console: Console, *, seconds: float | None = None) -> None:
    """Print a line a law with its control beside it, the reason where it did not PASS, and the counts.

    Args:
        seconds: that the whole command took; by default those of simulating and judging.
    """
    if told := interruption(report):
        console.print(Text(told, style="bold yellow"), soft_wrap=True, highlight=False)
    laws = [entry for entry in report.entries if entry.control is None]
    widths = [max((len(column(entry)) for entry in laws), default=0) for column in (_name, activation, claim)]
    seen = set()
    for entry in laws:
        controls = report.controls_of(entry) if id(entry.about) not in seen else []
        seen.add(id(entry.about))
        cells = [c(entry).ljust(w) for c, w in zip((_name, activation, claim), widths, strict=True)]
        details = [estimate(entry.judgement), rejects(entry.judgement), control_line(controls)]
        line = Text(entry.verdict.value.ljust(_WIDTH), style=f"bold {COLOURS[entry.verdict]}")
        line.append("  ".join([*cells, *(d for d in details if d)]), style="default not bold")
        console.print(line, soft_wrap=True, highlight=False)
        if entry.verdict is not Verdict.PASS:
            console.print(Text(f"{'':{_WIDTH}}{entry.judgement.reason}"), soft_wrap=True, highlight=False)
    line = Text(report.verdict.value, style=f"bold {COLOURS[report.verdict]}")
    taken = report.provenance["wall_s"] if seconds is None else seconds
    line.append(f"  {summary(report)}  ({taken:.0f} s)", style="default not bold")
    console.print(line, soft_wrap=True, highlight=False)


def _name(entry: Entry) -> str:
    return entry.facts.id
