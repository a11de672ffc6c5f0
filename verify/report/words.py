"""How a judgement reads in one line; shared by the terminal and the page."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from bigtheta.theory.errors import printable
from bigtheta.verify.exponent import letter
from bigtheta.verify.reason import exponent_of
from bigtheta.verify.report.claim import ABOVE
from bigtheta.verify.report.facts import ControlFacts, LawFacts, Stated
from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.verdict import Judgement, Verdict

__all__ = [
    "activation",
    "claim",
    "command",
    "control_line",
    "equation",
    "estimate",
    "exponent_letter",
    "figure_alt",
    "interruption",
    "law_lines",
    "rejects",
    "repeating",
    "summary",
]


def claim(entry: Entry) -> str:
    """Return quantity and statement: "S = Theta(sqrt(n))"."""
    return f"{entry.facts.symbol.text} = {entry.judgement.statement}"


def equation(law: LawFacts, control: ControlFacts | None = None) -> Stated:
    """Return quantity and statement, the law's or its control's, as text and as LaTeX."""
    claimed = (control.statement if control is not None else None) or law.statement
    latex = f"{law.symbol.latex} = {claimed.latex}" if law.symbol.latex and claimed.latex else ""
    return Stated(f"{law.symbol.text} = {claimed.text}", latex)


def activation(entry: Entry) -> str:
    """Return the activation, or "any activation" where it plays no part."""
    return entry.activation if entry.facts.activated else "any activation"


def estimate(j: Judgement) -> str:
    """Return "slope 0.497 [0.486, 0.508]", or nothing where nothing was fitted."""
    if j.estimate is None:
        return ""
    word = {"Limit": "limit", "Peak": "peak"}.get(j.sense, "slope of measured/formula" if j.relative else "slope")
    slope = f"{j.estimate:.3f} [{j.low:.3f}, {j.high:.3f}]"
    if j.exponent_of and j.claimed is not None:
        slope = f"{exponent_letter(j)} = {slope} in {j.exponent_of}, claimed {j.claimed:.3g}"
    slope = f"{word} {slope}" + (" deterministic" if j.deterministic else "")
    if (b := j.bridge) is None or b.ratio is None:
        return slope
    return f"measured/limit {b.ratio:.3f} [{b.low:.3f}, {b.high:.3f}], limit's exponent {b.exponent:.4f}, {slope} here"


def exponent_letter(j: Judgement) -> str:
    """Return the letter that stands for the estimated exponent in `exponent_of`."""
    variables = [exponent.variable for exponent in j.exponents]
    return letter(variables if j.variable in variables else [j.variable], j.variable)


def rejects(j: Judgement) -> str:
    """Return what these data would have rejected: "rejects below 0.43 and above 0.57"."""
    parts = []
    if j.rejects_below is not None:
        parts.append(f"below {j.rejects_below:.3g}")
    if j.rejects_above is not None:
        parts.append(f"above {j.rejects_above:.3g}")
    return f"rejects {' and '.join(parts)}" if parts else ""


def judgement_lines(j: Judgement) -> list[str]:
    """Return a judgement without a law, in a few lines: verdict and reason, numbers, what would have been rejected."""
    lines = [f"{j.verdict.value}  {j.statement}  {estimate(j)}".rstrip(), f"  {j.reason}"]
    if len(j.exponents) > 1:
        lines += [
            f"  {exponent_of(e.variable, j.relative)}: {e.estimate:.3f} "
            f"[{e.low:.3f}, {e.high:.3f}], claimed {e.claimed:.3g}"
            for e in j.exponents
        ]
    if rejects(j):
        lines.append(f"  {rejects(j)}")
    if j.ratio_range and j.sense in ABOVE:
        low, high = j.ratio_range
        held = low if ABOVE[j.sense] else high
        lines.append(f"  constant {held:.3g} holds in every cell; measured/formula from {low:.3g} to {high:.3g}")
    elif j.constant is not None and j.sense != "Limit":
        lines.append(
            f"  implied constant {j.constant:.3g}; measured/formula from {j.ratio_range[0]:.3g} to "
            f"{j.ratio_range[1]:.3g}"
            if j.ratio_range
            else f"  implied constant {j.constant:.3g}"
        )
    return lines


def control_line(controls: Sequence[Entry]) -> str:
    """Return "control abs: FAIL as it must" for each control."""
    parts = []
    for entry in controls:
        assert entry.control is not None
        name = activation(entry) if entry.control.activation is not None else entry.judgement.statement
        expected = {Verdict.FAIL: " as it must", Verdict.NOT_RUN: ""}.get(entry.verdict, " but it must FAIL")
        parts.append(f"control {name}: {entry.verdict.value}{expected}")
    return "; ".join(parts)


def law_lines(report: Report) -> list[str]:
    """Return a line a law: verdict, law, activation, claim, estimate, what would have been rejected, its controls."""
    lines, seen = [], set()
    for entry in report.entries:
        if entry.control is not None:
            continue
        controls = report.controls_of(entry) if id(entry.about) not in seen else []
        seen.add(id(entry.about))
        told = (entry.verdict.value, entry.facts.id, activation(entry), claim(entry), estimate(entry.judgement))
        lines.append("  ".join(part for part in (*told, rejects(entry.judgement), control_line(controls)) if part))
    return lines


def command(report: Report, entry: Entry) -> str:
    """Return the command that repeats a judgement; see `repeating`."""
    swapped = entry.control is not None and entry.control.activation is not None
    return repeating(report, entry.facts, (entry.facts.activations[0] if swapped else entry.activation,))


def repeating(report: Report, law: LawFacts, activations: Sequence[str]) -> str:
    """Return the command that judges a law again, with the same trials.

    A law of a paper has a name to be called by. One of the user's own is judged by the command that was typed; one
    given in Python has none, and "" is returned.

    >>> about = {"profile": "quick", "seed": 0, "command": ["check", "my-bound.toml"]}
    >>> repeating(Report((), about), LawFacts(id="my-bound", statement=Stated("Theta(n)")), ["relu"])
    'bigtheta check my-bound.toml -a relu --profile quick --seed 0'
    """
    about = report.provenance
    typed = _typed(about)
    if not typed and not law.paper:
        return ""
    first, *rest = typed or ["verify"]
    parts: list[object] = ["bigtheta", first, *([law.id] if first == "verify" else []), *rest]
    parts += [part for act in activations for part in ("-a", act)]
    looks = about.get("until_decided") or about.get("budget")
    if about.get("profile") is None:
        parts += ["--trials", about.get("trials")]
    elif not looks:
        parts += ["--profile", about["profile"]]
    if looks:
        parts += ["--until-decided"] if about.get("until_decided") else ["--budget", about["budget"]]
    parts += ["--seed", about.get("seed")]
    parts += [] if about.get("precision") in (None, "float64") else ["--precision", about["precision"]]
    return printable(shlex.join(map(str, parts)))


def _typed(about: Mapping[str, Any]) -> list[str]:
    """The words of the command that made a report; what others wrote there is taken only if it is such words."""
    words = about.get("command")
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        return []
    return words if words[0] in ("check", "verify") else []


def interruption(report: Report) -> str:
    """Return that a run was interrupted and how it goes on; "" of one that was not.

    >>> print(interruption(Report((), {"partial": {"done": 37, "total": 60}})))
    PARTIAL: interrupted after 37 of 60 trials; the same command with the same --out goes on from there
    """
    told = report.provenance.get("partial")
    if told is None:
        return ""
    counts = (told.get("done"), told.get("total")) if isinstance(told, dict) else (None, None)
    after = f" after {counts[0]} of {counts[1]} trials" if all(type(number) is int for number in counts) else ""
    return f"PARTIAL: interrupted{after}; the same command with the same --out goes on from there"


def summary(report: Report) -> str:
    """Return the counts: "13 PASS, 1 INCONCLUSIVE; 7 of 7 controls FAIL as they must"; those not run do not count."""
    counts = report.counts
    text = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])
    controls = [e for e in report.entries if e.control is not None and e.verdict is not Verdict.NOT_RUN]
    if controls:
        failed = sum(entry.verdict is Verdict.FAIL for entry in controls)
        text += f"; {failed} of {len(controls)} controls FAIL as they must"
    return text or "nothing was judged"


def figure_alt(entry: Entry) -> str:
    """Return what the figure shows, in words."""
    j = entry.judgement
    first, last = j.cells[0], j.cells[-1]
    return (
        f"{entry.facts.symbol.name} with {activation(entry)}: {first.geomean:.3g} at {j.variable} = "
        f"{first.sizes[j.variable]}, {last.geomean:.3g} at {j.variable} = {last.sizes[j.variable]}"
    )
