"""How a judgement reads in one line; shared by the terminal and the page."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.verdict import Judgement, Verdict

__all__ = ["command", "control_line", "estimate", "rejects", "summary"]

_SYMBOLS = {"sobolev": "S"}


def claim(entry: Entry) -> str:
    """Return quantity and statement: "S = Theta(sqrt(n))"."""
    quantity = entry.law.quantity.value
    return f"{_SYMBOLS.get(quantity, quantity)} = {entry.judgement.statement}"


def estimate(j: Judgement) -> str:
    """Return "slope 0.497 [0.486, 0.508]", or nothing where nothing was fitted."""
    if j.estimate is None:
        return ""
    word = "limit" if j.sense == "Limit" else "slope"
    return f"{word} {j.estimate:.3f} [{j.low:.3f}, {j.high:.3f}]"


def rejects(j: Judgement) -> str:
    """Return what these data would have rejected: "rejects below 0.43 and above 0.57"."""
    parts = []
    if j.rejects_below is not None:
        parts.append(f"below {j.rejects_below:.3g}")
    if j.rejects_above is not None:
        parts.append(f"above {j.rejects_above:.3g}")
    return f"rejects {' and '.join(parts)}" if parts else ""


def control_line(controls: Sequence[Entry]) -> str:
    """Return "control abs: FAIL as it must" for each control."""
    parts = []
    for entry in controls:
        assert entry.control is not None
        name = entry.activation if entry.control.activation is not None else entry.judgement.statement
        expected = "as it must" if entry.verdict is Verdict.FAIL else "but it must FAIL"
        parts.append(f"control {name}: {entry.verdict.value} {expected}")
    return "; ".join(parts)


def command(report: Report, entry: Entry) -> str:
    """Return the command that repeats a shipped law; a law of the user's own has none."""
    if entry.law.paper is None:
        return ""
    about = report.provenance
    amount = f"--profile {about['profile']}" if about.get("profile") else f"--trials {about.get('trials')}"
    swapped = entry.control is not None and entry.control.activation is not None
    act = shlex.quote(str(entry.law.activations[0]) if swapped else entry.activation)
    return f"bigtheta verify {entry.law.id} -a {act} {amount} --seed {about.get('seed')}"


def summary(report: Report) -> str:
    """Return the counts: "13 PASS, 1 INCONCLUSIVE; 7 of 7 controls FAIL as they must"."""
    counts = report.counts
    text = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])
    controls = [entry for entry in report.entries if entry.control is not None]
    if controls:
        failed = sum(entry.verdict is Verdict.FAIL for entry in controls)
        text += f"; {failed} of {len(controls)} controls FAIL as they must"
    return text or "nothing was judged"
