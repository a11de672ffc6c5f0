"""Every law with its verdict for each activation, in the quick, the standard and the full profile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bigtheta.theory.law import Law
from bigtheta.verify.report import words
from bigtheta.verify.report.facts import facts_of
from bigtheta.verify.report.marks import claimed, literal, table
from bigtheta.verify.report.pages import page_name, provenance_lines
from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.verdict import Verdict

__all__ = ["PROFILES", "coverage"]

PROFILES = ("quick", "standard", "full")
"""The columns that are always there; a run of another number of trials has one of its own."""
_JUDGED = (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR)
_TOLD = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.SKIPPED, Verdict.NOT_RUN)


class _Claim(NamedTuple):
    """A law with an activation."""

    law: str
    activation: str


@dataclass(frozen=True)
class _Row:
    """What is known of a claim without a run: its paper and its statement."""

    paper: str
    activation: str
    statement: str
    shown: str


def coverage(reports: Sequence[Report], shipped: Iterable[Law] = (), *, papers: str | None = None) -> str:
    """Return the page; where two reports of one profile judge the same, the later one counts.

    Args:
        shipped: laws that are listed whether or not a report has them.
        papers: the folder of the papers' pages, seen from this one, for links to them.

    >>> from bigtheta.theory.law import laws
    >>> print(coverage([], laws("hassani2022")).splitlines()[-1])
    | peak | relu | $\\mathrm{AR}$ has its peak at $\\frac{k}{d} = 1.727$ | not run | not run | not run |
    """
    columns = list(dict.fromkeys([*PROFILES, *map(_column, reports)]))
    judged: dict[str, dict[_Claim, Entry]] = {column: {} for column in columns}
    controls: dict[str, dict[tuple[str, ...], Entry]] = {column: {} for column in columns}
    for report in reports:
        for entry in report.entries:
            if entry.negative is None:
                judged[_column(report)][_claim(entry)] = entry
            else:
                controls[_column(report)][(*_claim(entry), entry.judgement.statement)] = entry
    rows = _rows(reports, shipped)
    lines = ["# Coverage", "", "Made by `bigtheta report DIR... --format coverage`.", ""]
    lines += [*_totals(columns, rows, judged, controls), ""]
    for paper in dict.fromkeys(row.paper for row in rows.values()):
        link = f"[{literal(paper)}]({papers}/{page_name(paper)})" if papers and paper else literal(paper or "No paper")
        lines += [f"## {link}", ""]
        found = [
            (
                literal(claim.law.removeprefix(f"{paper}/")), literal(row.activation), row.shown,
                *(_verdict(row, judged[column].get(claim)) for column in columns),
            )
            for claim, row in rows.items()
            if row.paper == paper
        ]  # fmt: skip
        lines += [*table(("Law", "Activation", "Statement", *columns), found), ""]
    for column in columns:
        if judged[column] or controls[column]:
            lines += _told(column, judged[column], controls[column])
    return "\n".join([*lines, *_runs(reports)][:-1]) + "\n"


def _column(report: Report) -> str:
    about = report.provenance
    return str(about.get("profile") or f"{about.get('trials')} trials")


def _claim(entry: Entry) -> _Claim:
    return _Claim(entry.facts.id, entry.activation)


def _rows(reports: Sequence[Report], shipped: Iterable[Law]) -> dict[_Claim, _Row]:
    """Every claim: those shipped first, then those that only a report has."""
    rows: dict[_Claim, _Row] = {}
    for law in shipped:
        facts = facts_of(law)
        for act in facts.activations:
            shown = act if facts.activated else "any activation"
            rows[_Claim(facts.id, act)] = _Row(facts.paper, shown, facts.statement.text, claimed(facts))
    for report in reports:
        for entry in report.entries:
            if entry.negative is None:
                facts = entry.facts
                row = _Row(facts.paper, words.activation(entry), facts.statement.text, claimed(facts))
                rows.setdefault(_claim(entry), row)
    return rows


def _verdict(row: _Row, entry: Entry | None) -> str:
    if entry is None:
        return "not run"
    verdict = entry.verdict.value if entry.verdict is Verdict.PASS else f"**{entry.verdict.value}**"
    said = entry.facts.statement.text
    return verdict if said == row.statement else f"{verdict} of {literal(said)}"


def _totals(
    columns: Sequence[str], rows: dict[_Claim, _Row], judged: dict[str, dict[_Claim, Entry]],
    controls: dict[str, dict[tuple[str, ...], Entry]],
) -> Iterator[str]:  # fmt: skip
    """A row a profile: how many of each verdict, the share of PASS, the controls."""
    laws = len({claim.law for claim in rows})
    noun = "law" if laws == 1 else "laws"
    yield f"{laws} {noun}, {len(rows)} with their activations. Share: PASS of what was judged."
    yield ""
    head = ("Profile", *(verdict.value for verdict in _JUDGED), "Share", "SKIPPED", "not run", "Controls that FAIL")
    found = []
    for column in columns:
        counts = Counter(entry.verdict for entry in judged[column].values())
        count = sum(counts[verdict] for verdict in _JUDGED)
        failed = sum(entry.verdict is Verdict.FAIL for entry in controls[column].values())
        absent = len(rows) - len(judged[column]) + counts[Verdict.NOT_RUN]
        share = f"{100 * counts[Verdict.PASS] / count:.1f}%" if count else "–"
        ran = f"{failed} of {len(controls[column])}" if controls[column] else "not run"
        numbers = (*(str(counts[v]) for v in _JUDGED), share, str(counts[Verdict.SKIPPED]), str(absent), ran)
        found.append((literal(column), *numbers))
    yield from table(head, found)


def _told(column: str, judged: dict[_Claim, Entry], controls: dict[tuple[str, ...], Entry]) -> Iterator[str]:
    """The reasons of every verdict that is not PASS, and the controls that do not FAIL."""
    lines = []
    for verdict in _TOLD:
        reasons: dict[str, list[str]] = {}
        for entry in judged.values():
            if entry.verdict is verdict:
                name = f"{entry.facts.id} {words.activation(entry)}"
                reasons.setdefault(entry.judgement.reason, []).append(name)
        lines += [f"- **{verdict.value}** {literal(', '.join(n))}: {literal(why)}." for why, n in reasons.items()]
    wrong = [entry for entry in controls.values() if entry.verdict is not Verdict.FAIL]
    lines += [
        f"- **Control {entry.verdict.value}**, but it must FAIL: "
        + literal(f"{entry.facts.id} {words.activation(entry)}, {entry.judgement.statement}: {entry.judgement.reason}.")
        for entry in wrong
    ]
    yield from (f"## Not PASS: {literal(column)}", "", *(lines or ["- none"]), "")


def _runs(reports: Sequence[Report]) -> Iterator[str]:
    """Where the numbers come from, a point a run."""
    if reports:
        yield from ("## Runs", "")
        yield from (f"- {literal(_column(report))}: {'; '.join(provenance_lines(report))}" for report in reports)
        yield ""
