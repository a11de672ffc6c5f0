"""Coverage of laws by profile, and two reports compared as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from bigtheta.theory.law import Control, Law, Paper, laws
from bigtheta.theory.statement import Theta
from bigtheta.verify.report.coverage import coverage
from bigtheta.verify.report.difference import as_dict, changes
from bigtheta.verify.report.report import Report
from bigtheta.verify.verdict import Verdict

Make = Callable[..., Report]
LawOf = Callable[..., Law]

PASS, FAIL, INCONCLUSIVE, ERROR, SKIPPED, NOT_RUN = Verdict
FAILS = Control(statement=Theta("n"), because="n is not sqrt(n)")
PAPER = Paper(id="someone2020", authors="S. One", year=2020, title="On a thing", arxiv="2001.00001")


@pytest.fixture(scope="module")
def law(tiny: LawOf) -> Law:
    return tiny(paper=PAPER, activations=("relu", "tanh"))


@pytest.fixture(scope="module")
def quick(made: Make, law: Law) -> Report:
    return made((law, "relu", None), (law, "tanh", None), (law, "relu", FAILS))


def with_verdict(report: Report, index: int, verdict: Verdict, reason: str = "for the test") -> Report:
    entry = report.entries[index]
    changed = replace(entry, judgement=replace(entry.judgement, verdict=verdict, reason=reason))
    return replace(report, entries=(*report.entries[:index], changed, *report.entries[index + 1 :]))


def of_profile(report: Report, profile: str | None, **about: object) -> Report:
    return replace(report, provenance=report.provenance | {"profile": profile} | about)


def row(page: str, *begins: str) -> list[str]:
    """The cells of the only row that begins so."""
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in page.splitlines() if line.startswith("|")
    ]
    found = [cells for cells in rows if cells[: len(begins)] == list(begins)]
    assert len(found) == 1, (begins, found)
    return found[0]


def test_each_profile_has_its_verdict_and_its_totals(quick: Report, law: Law) -> None:
    standard = of_profile(with_verdict(quick, 1, INCONCLUSIVE, "it is wide"), "standard", wall_s=60.0)
    page = coverage([quick, standard], [law])
    assert row(page, "tiny", "relu")[3:] == ["PASS", "PASS", "not run"]
    assert row(page, "tiny", "tanh")[3:] == ["PASS", "**INCONCLUSIVE**", "not run"]
    assert row(page, "quick")[1:] == ["2", "0", "0", "0", "100.0%", "0", "0", "1 of 1"]
    assert row(page, "standard")[1:] == ["1", "0", "1", "0", "50.0%", "0", "0", "1 of 1"]
    assert row(page, "full")[1:] == ["0", "0", "0", "0", "–", "0", "2", "not run"]
    assert "\n1 law, 2 with their activations." in page
    assert "- **INCONCLUSIVE** someone2020/tiny tanh: it is wide." in page.partition("## Not PASS: standard")[2]
    assert page.index("it is wide") > page.index("| tiny | tanh |"), "reasons come after the tables"
    assert re.search(r"- standard: seed 7; .*wall time 60 s; python 3\.11\.0, bigtheta 0\.1\.0$", page, re.MULTILINE)
    assert "## Not PASS: full" not in page


def test_every_shipped_law_is_listed_without_a_report() -> None:
    page = coverage([], laws())
    for law in laws():
        for act in law.activations if law.model.activated else ("any activation",):
            name = str(getattr(act, "name", act)).replace("*", r"\*")
            shown = [line for line in page.splitlines() if line.startswith(f"| {law.name} | {name} |")]
            assert shown, (law.id, act)
            assert all(line.endswith("| not run | not run | not run |") for line in shown)


def test_what_is_skipped_or_wrong_is_told_with_its_reason(quick: Report, law: Law) -> None:
    report = with_verdict(with_verdict(quick, 0, SKIPPED, "no data"), 1, SKIPPED, "no data")
    page = coverage([with_verdict(report, 2, PASS, "it is flat")], [law])
    assert "- **SKIPPED** someone2020/tiny relu, someone2020/tiny tanh: no data." in page, "equal reasons told once"
    assert "- **Control PASS**, but it must FAIL: someone2020/tiny relu, Theta(n): it is flat." in page
    assert row(page, "quick")[1:] == ["0", "0", "0", "0", "–", "2", "0", "0 of 1"]


def test_the_later_report_of_a_profile_counts(quick: Report, law: Law) -> None:
    later = with_verdict(replace(quick, entries=quick.entries[:1]), 0, FAIL)
    page = coverage([quick, later], [law])
    assert row(page, "tiny", "relu")[3] == "**FAIL**"
    assert row(page, "tiny", "tanh")[3] == "PASS"
    assert row(coverage([later, quick], [law]), "tiny", "relu")[3] == "PASS"


def test_a_run_without_a_profile_has_a_column_of_its_own(quick: Report, law: Law) -> None:
    page = coverage([of_profile(quick, None, trials=12)], [law])
    assert row(page, "tiny", "relu")[3:] == ["not run", "not run", "not run", "PASS"]
    assert row(page, "12 trials")[1] == "2"


def test_a_verdict_on_another_statement_says_so(quick: Report, tiny: LawOf) -> None:
    page = coverage([quick], [tiny(paper=PAPER, activations=("relu", "tanh"), statement="Theta(n)")])
    assert row(page, "tiny", "relu")[3] == "PASS of Theta(sqrt(n))"


def test_a_law_that_is_not_shipped_is_listed_too(quick: Report, law: Law) -> None:
    assert row(coverage([quick], []), "tiny", "tanh")[3:] == ["PASS", "not run", "not run"]


def test_the_command_writes_links_where_the_pages_are(quick: Report, call: Callable[..., Result]) -> None:
    for folder, report in (("a", quick), ("b", of_profile(quick, "standard"))):
        Path(folder).mkdir()
        Path(folder, "report.json").write_text(report.to_json(), encoding="utf-8")
    plain = call("report", "a", "b", "--format", "coverage")
    assert plain.exit_code == 0, plain.output
    assert row(plain.stdout, "tiny", "relu")[3:] == ["PASS", "PASS", "not run"]
    assert "](" not in plain.stdout
    assert "| rf-kernel | relu |" in plain.stdout, "shipped laws are there though no report has them"
    Path("docs/papers").mkdir(parents=True)
    assert call("report", "a", "b", "--format", "coverage", "--out", "docs/coverage.md").exit_code == 0
    assert "## [someone2020](papers/someone2020.md)" in Path("docs/coverage.md").read_text(encoding="utf-8")


# --- two reports compared ---------------------------------------------------------------------------------------------


def test_changes_as_json_say_what_was_and_what_is(made: Make, law: Law, quick: Report) -> None:
    after = with_verdict(made((law, "relu", None), (law, "tanh", None), sd=0.06), 0, FAIL, "now it does not")
    told = as_dict(changes(quick, after))
    by_key = {(r["law"], r["activation"], r["control"]): r for r in told["changed"]}
    assert set(by_key) == {("someone2020/tiny", "relu", False), ("someone2020/tiny", "relu", True)}
    first = by_key["someone2020/tiny", "relu", False]
    assert (first["from"], first["to"], first["reason"]["to"]) == ("PASS", "FAIL", "now it does not")
    one, other = quick.entries[0].judgement, after.entries[0].judgement
    assert first["estimate"]["from"] == {"estimate": one.estimate, "low": one.low, "high": one.high}
    assert first["estimate"]["to"]["estimate"] == other.estimate
    assert first["moved"] == pytest.approx(other.estimate - one.estimate)  # type: ignore[operator]
    gone = by_key["someone2020/tiny", "relu", True]
    assert (gone["from"], gone["to"], gone["estimate"]["to"], gone["moved"]) == ("FAIL", None, None, None)
    assert [r["activation"] for r in told["unchanged"]] == ["tanh"]


def test_compare_prints_json_and_exits_with_1_if_a_verdict_changed(quick: Report, call: Callable[..., Result]) -> None:
    for folder, report in (("a", quick), ("b", with_verdict(quick, 0, INCONCLUSIVE))):
        Path(folder).mkdir()
        Path(folder, "report.json").write_text(report.to_json(), encoding="utf-8")
    same, other = (call("report", "--compare", "a", where, "--format", "json") for where in ("a", "b"))
    assert (same.exit_code, other.exit_code) == (0, 1)
    assert json.loads(same.stdout)["changed"] == []
    told = json.loads(other.stdout)
    assert told["schema"] == 1
    assert [(r["law"], r["from"], r["to"]) for r in told["changed"]] == [("someone2020/tiny", "PASS", "INCONCLUSIVE")]
    assert len(told["unchanged"]) == 2
    assert call("report", "--compare", "a", "b").stdout.startswith("PASS -> INCONCLUSIVE ")


def test_numbers_that_json_has_not_are_null(quick: Report) -> None:
    entry = quick.entries[0]
    bad = replace(entry, judgement=replace(entry.judgement, low=float("nan"), high=float("inf")))
    told = as_dict(changes(quick, replace(quick, entries=(bad, *quick.entries[1:]))))
    text = json.dumps(told, allow_nan=False)
    assert '"low": null, "high": null' in text
