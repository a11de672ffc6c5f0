"""One law as a section of its paper's page: what it says, what was measured, what would have made it FAIL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bigtheta.verify.report import words
from bigtheta.verify.report.claim import claim_line, is_one_sided
from bigtheta.verify.report.definitions import inputs, quantity
from bigtheta.verify.report.facts import LawFacts
from bigtheta.verify.report.marks import claimed, details, literal, paragraph, stated
from bigtheta.verify.report.reach import cannot_show, limit_words, sizes_walked
from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.sharpness import is_discriminating
from bigtheta.verify.verdict import Judgement, Verdict

__all__ = ["law_name", "section"]

FIGURES = "figures"
"""The folder of the figures, beside the page."""


def law_name(law: LawFacts) -> str:
    """Return the law's name without its paper."""
    return law.id.removeprefix(f"{law.paper}/") if law.paper else law.id


def section(report: Report, law: LawFacts, entries: Sequence[Entry]) -> list[str]:
    """Return the lines of a law's section, an empty one last.

    Args:
        entries: the judgements of the law and of its controls.
    """
    judged = [entry for entry in entries if entry.control is None]
    controls = [entry for entry in entries if entry.control is not None]
    lines = [f"## {literal(law_name(law))}", ""]
    lines += [paragraph(law.claim), ""] if law.claim else []
    lines += [*_said(law, judged), ""]
    figures = [_figure(entry) for entry in judged if entry.judgement.cells]
    lines += [*figures, ""] if figures else []
    lines += ["**Verdict**", "", *_verdicts(judged), ""]
    lines += _cells(law, judged)
    lines += ["**What would have made it FAIL**", "", *_fails(law, judged, controls), ""]
    lines += _mutants(judged)
    lines += ["**What the simulation cannot show**", "", *(f"- {p}" for p in cannot_show(law, judged, controls)), ""]
    command = _command(report, law, judged)
    return [*lines, *(["**To repeat it**", "", "```sh", command, "```", ""] if command else [])]


def _said(law: LawFacts, judged: Sequence[Entry]) -> Iterator[str]:
    """The law itself, a line a field."""
    walked = sizes_walked(law, judged)
    path = f"{stated(law.path)}; {walked}" if law.path.text else walked
    fields = {
        "Statement": claimed(law),
        "Path": path,
        "Hypotheses": "; ".join(map(stated, law.hypotheses)) or "none beyond the path",
        "Quantity": quantity(law),
        "Model": literal(law.model),
        "Inputs and labels": "; ".join(part for part in (inputs(law), literal(law.labels)) if part),
        "Exact limit": _limit(law, judged),
        "Source": literal("; ".join(part for part in (law.theorem, law.source) if part)),
    }
    yield from (f"- **{name}.** {value}" for name, value in fields.items() if value)


def _limit(law: LawFacts, judged: Sequence[Entry]) -> str:
    """What is known exactly of the quantity, and what it says of the claim."""
    if not law.limit:
        return ""
    bridges = {words.activation(e): b.exponent for e in judged if (b := e.judgement.bridge) is not None}
    if not bridges:
        return literal(f"the {limit_words(law)}; the number claimed is its own")
    found = ", ".join(f"{exponent:.4f} ({act})" for act, exponent in bridges.items())
    return literal(f"the {limit_words(law)}; its own exponent of {law.free} is {found}")


def _figure(entry: Entry) -> str:
    return f"![{literal(words.figure_alt(entry))}]({FIGURES}/{entry.slug}.svg)"


def _verdicts(judged: Sequence[Entry]) -> list[str]:
    """A line an activation: a table with its reasons would not fit a phone."""
    lines = []
    for entry in judged:
        measured = words.estimate(entry.judgement)
        numbers = f", {literal(measured)} (95%)" if measured else ""
        reason = literal(_capital(entry.judgement.reason))
        lines.append(f"- {literal(words.activation(entry))}: **{entry.verdict.value}**{numbers}. {reason}.")
    return lines or ["- nothing was judged"]


def _cells(law: LawFacts, judged: Sequence[Entry]) -> list[str]:
    """The measured numbers, at a click: a row a size, a column an activation."""
    measured = [entry for entry in judged if entry.judgement.cells]
    if not measured:
        return []
    first = measured[0].judgement
    names = list(first.cells[0].sizes)
    same = [e for e in measured if [c.sizes for c in e.judgement.cells] == [c.sizes for c in first.cells]]
    head = [*names, *(f"{words.activation(e)} ({_predicted(e.judgement)}; trials)" for e in same)]
    rows = [
        [
            *(f"{cell.sizes.get(name, 0):g}" for name in names),
            *(_cell(entry.judgement, index) for entry in same),
        ]
        for index, cell in enumerate(first.cells)
    ]
    centre = "mean" if first.sense == "Limit" else "geometric mean"
    return [*details(f"Cells: {centre} of {law.symbol.text} with its 95% interval", head, rows), ""]


def _predicted(j: Judgement) -> str:
    bound = "claimed bound" if is_one_sided(j) else "claimed"
    return "smoothed" if j.sense == "Peak" else "exact limit" if j.bridge else bound


def _cell(j: Judgement, index: int) -> str:
    cell = j.cells[index]
    centre = cell.mean if j.sense == "Limit" else cell.geomean
    return f"{centre:.4g} [{cell.low:.4g}, {cell.high:.4g}] ({claim_line(j)[index]:.4g}; {cell.trials})"


def _fails(law: LawFacts, judged: Sequence[Entry], controls: Sequence[Entry]) -> Iterator[str]:
    """The controls, and what these data reject."""
    for entry in controls:
        assert entry.negative is not None
        negative = entry.negative
        what = claimed(law, negative) if negative.statement is not None else f"with {literal(words.activation(entry))}"
        must = ", as it must" if entry.verdict is Verdict.FAIL else ", but it must FAIL: the law is not decided"
        must = "" if entry.verdict is Verdict.NOT_RUN else must
        found = literal(f"{entry.judgement.reason}. Why it is false: {negative.because}.")
        yield f"- Control, {what}: **{entry.verdict.value}**{must}. {_capital(found)}"
    kind = "A limit" if any(entry.judgement.sense == "Limit" for entry in judged) else "An exponent"
    rejected = [
        f"{told.removeprefix('rejects ').replace(' and ', ' or ')} ({words.activation(entry)})"
        for entry in judged
        if (told := words.rejects(entry.judgement))
    ]
    if rejected:
        every = "; ".join(rejected)
        yield f"- {literal(f'{kind} claimed {every}, on the same data.')}"
    wrong = [mutant for entry in judged for mutant in entry.mutants if mutant.wrong]
    if wrong:
        failed = sum(mutant.verdict is Verdict.FAIL for mutant in wrong)
        weak = "" if is_discriminating(wrong) else "; one that PASSes shows that these data do not discriminate"
        yield f"- The law changed by two margins, on the same data: {failed} of {len(wrong)} such claims FAIL{weak}."
    if not controls and not rejected and not wrong:
        yield "- Nothing was measured, so nothing could FAIL; the controls run with the law."


def _mutants(judged: Sequence[Entry]) -> list[str]:
    """Other claims on the same data, at a click: a row a claim, a column an activation."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for entry in judged:
        for mutant in entry.mutants:
            assert mutant.verdict is not None
            row = found.setdefault((mutant.change, mutant.statement.text), {})
            row[words.activation(entry)] = mutant.verdict.value
    if not found:
        return []
    acts = list(dict.fromkeys(act for row in found.values() for act in row))
    rows = [(change, claim, *(row.get(act, "–") for act in acts)) for (change, claim), row in found.items()]
    return [*details("Other claims on the same data", ("changed", "claim", *acts), rows), ""]


def _command(report: Report, law: LawFacts, judged: Sequence[Entry]) -> str:
    """The command that repeats the law with all its activations; those of the law itself are not named."""
    acts = tuple(entry.activation for entry in judged)
    own = law.paper and acts == law.activations
    return words.repeating(report, law, () if own else acts) if judged else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
