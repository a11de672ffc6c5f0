"""Reports read back from report.json, and their other formats: Markdown, LaTeX, JUnit XML, CSV, axes, two compared."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import latex2mathml.converter
import pytest
from click.testing import Result
from matplotlib.figure import Figure

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.inputs import Dataset
from bigtheta.theory.law import Control, Law, Paper
from bigtheta.theory.statement import Omega, Theta
from bigtheta.verify.report import latex
from bigtheta.verify.report.difference import changes, lines
from bigtheta.verify.report.figure import figure_pdf, figure_svg
from bigtheta.verify.report.plain import is_plain_math
from bigtheta.verify.report.read import read_report
from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.sharpness import Mutant
from bigtheta.verify.verdict import Bridge, Judgement, Need, Verdict

Make = Callable[..., Report]
LawOf = Callable[..., Law]

PASS, FAIL, INCONCLUSIVE, ERROR, SKIPPED, NOT_RUN = Verdict
FAILS = Control(statement=Theta("n"), because="n is not sqrt(n)")
PASSES = Control(statement=Omega("1"), because="this one is true by mistake")
PAPER = Paper(id="someone2020", authors="S. One", year=2020, title="T", arxiv="2001.00001")
# What breaks Markdown tables, LaTeX, XML, CSV cells and terminals, in one reason.
HOSTILE = (
    "=cmd|' /C calc'!A0 </failure>]]> <script>alert(1)</script> & | `x` **b** [l](javascript:x) \\input{/etc/passwd} "
    '%$#_^~{}" \x00\x1b[31m\ufffe line\nbreak, Müller ≤ Θ(n) 中 é\u0301 🙂'
)


@pytest.fixture(scope="module")
def full(made: Make, tiny: LawOf) -> Report:
    """A law with everything that a report can say, its controls, and one that FAILs."""
    law = tiny(
        paper=PAPER, theorem="Theorem 2", claim="S pays order sqrt(n).", note="by the way", limit="sobolev",
        model={"kind": "rf-kernel", "ridge": 0.5}, hypotheses=(Theta("n").formula >= 10,), activations=("relu", "tanh"),
    )  # fmt: skip
    other = Control(activation="abs", because="mu_1 = 0")
    report = made(
        (law, "relu", None), (law, "tanh", None), (law, "relu", FAILS), (law, "abs", other),
        (tiny(name="wrong", statement="Theta(n)"), "relu", None),
        (tiny(name="limit", statement="Limit(sqrt(n))"), "u*tanh(u)", None),
    )  # fmt: skip
    first = report.entries[0]
    mutants = (Mutant(Theta("n"), "bigger", True, FAIL), Mutant(Theta("n**0.7"), "exponent larger", True, PASS))
    bridge = Bridge(1.01, 0.98, 1.03, PASS, 0.5, PASS)
    first = replace(first, sharpness=mutants, judgement=replace(first.judgement, bridge=bridge))
    last = replace(report.entries[-1].judgement, needs=Need.TRIALS, more_trials=100, larger_sizes=(500.0, 1000.0))
    return replace(
        report, entries=(first, *report.entries[1:-1], replace(report.entries[-1], judgement=last)),
    )  # fmt: skip


def with_reason(report: Report, reason: str, verdict: Verdict = FAIL) -> Report:
    entries = [replace(e, judgement=replace(e.judgement, reason=reason, verdict=verdict)) for e in report.entries]
    return replace(report, entries=tuple(entries))


def bare(verdict: Verdict, **more: Any) -> Judgement:
    return Judgement(verdict=verdict, reason="for the test", statement="Theta(sqrt(n))", sense="Theta", **more)


def again(report: Report) -> Report:
    """The report as read back from the text of report.json."""
    return Report.from_dict(json.loads(report.to_json()))


# --- read back -------------------------------------------------------------------------------------------------------


def test_a_report_read_back_says_the_same_in_every_format(full: Report, tmp_path: Path) -> None:
    read = read_report(full.write(tmp_path))
    assert read.to_dict() == full.to_dict()
    assert read.to_html() == (tmp_path / "report.html").read_text(encoding="utf-8")
    assert read._repr_html_() == full._repr_html_()
    for render in (Report.to_markdown, Report.to_latex, Report.to_junit, Report.to_csv):
        assert render(read) == render(full)
    assert (read.verdict, read.exit_code, read.counts) == (full.verdict, full.exit_code, full.counts)
    assert [e.slug for e in read.entries] == [e.slug for e in full.entries]
    assert read.frame.equals(full.frame)
    assert [e.judgement for e in read.entries] == [e.judgement for e in full.entries]


def test_report_json_says_what_a_reader_of_it_needs(full: Report) -> None:
    first, _, control, swapped, *_ = full.to_dict()["judgements"]
    about = first["about"]
    assert about["statement"] == {"text": "Theta(sqrt(n))", "latex": r"\Theta\left(\sqrt{n}\right)"}
    assert about["path"] == {"text": "d = 2*n", "latex": "d = 2 n"}
    assert about["hypotheses"] == [{"text": "n >= 10", "latex": r"n \geq 10"}]
    assert about["symbol"]["text"] == "S"
    assert about["model"] == "infinite-width random features, ridge = 0.5"
    assert (about["claim"], about["theorem"], about["note"], about["limit"]) == (
        "S pays order sqrt(n).", "Theorem 2", "by the way", "sobolev",
    )  # fmt: skip
    assert "arXiv:2001.00001" in about["reference"]
    assert control["changes"]["statement"]["text"] == "Theta(n)"
    assert swapped["changes"] == {"activation": "abs", "statement": None}


def test_numbers_that_json_does_not_have_come_back_as_none_or_nan(made: Make) -> None:
    (entry,) = made().entries
    cells = (replace(entry.judgement.cells[0], low=float("nan"), fit_low=float("inf")), *entry.judgement.cells[1:])
    odd = replace(entry.judgement, cells=cells, misfit_p=float("nan"), ratio_range=(float("-inf"), 1.0))
    report = Report((replace(entry, judgement=odd),), {"wall_s": None, "versions": {}})
    read = again(report)
    assert read.to_dict() == report.to_dict()
    assert read.entries[0].judgement.misfit_p is None
    assert read.entries[0].judgement.cells[0].low != read.entries[0].judgement.cells[0].low


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_judgement_without_numbers_in_every_format(verdict: Verdict, tiny: LawOf) -> None:
    report = Report((Entry(tiny(), "relu", bare(verdict)),), {"wall_s": 1.0, "versions": {}})
    read = again(report)
    assert read.to_dict() == report.to_dict()
    for text in (read.to_markdown(), read.to_latex(), read.to_csv(), read.to_html()):
        assert verdict.value in text
    assert ("for the test" in read.to_latex()) == (verdict is not PASS)
    assert "includegraphics" not in read.to_latex()


def test_a_report_of_the_first_release_is_read(made: Make, tiny: LawOf) -> None:
    """Schema 1 without the keys that came later."""
    content = made((tiny(), "relu", None), (tiny(), "relu", FAILS)).to_dict()
    for judgement in content["judgements"]:
        for key in ("about", "changes", "sense", "ratio_range", "limit_target", "sharpness", "fits"):
            del judgement[key]
    read = Report.from_dict(content)
    assert read.verdict is PASS
    assert "Theta(sqrt(n))" in read.to_html()
    assert "Theta(sqrt(n))" in read.to_markdown()
    assert ET.fromstring(read.to_junit()).get("tests") == "2"
    assert read.to_latex().count("includegraphics") == 1


BROKEN: dict[str, tuple[Callable[[Any], Any], str]] = {
    "no object": (lambda c: [c], "Expected `object`"),
    "empty": (lambda c: {}, "missing required field `schema`"),
    "another schema": (lambda c: c | {"schema": 2}, "expected schema 1 but got schema=2"),
    "unknown verdict": (lambda c: edited(c, verdict="GOOD"), "Invalid enum value 'GOOD'"),
    "text for a number": (lambda c: edited(c, margin="wide"), "margin"),
    "no reason": (lambda c: edited(c, reason=None), "reason"),
    "cells of nothing": (lambda c: edited(c, variable="q"), "has no size 'q'"),
    "versions": (lambda c: c | {"provenance": {"versions": [1]}}, "versions"),
}


def edited(content: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return content | {"judgements": [content["judgements"][0] | changes]}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_report_is_refused(made: Make, name: str) -> None:
    change, message = BROKEN[name]
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        Report.from_dict(change(made().to_dict()))


@pytest.mark.parametrize(
    ("latex", "plain"),
    [
        (r"\Theta\left(\sqrt{n}\right)", True),
        (r"\tilde{O}\left(\frac{n^{2}}{\log{\left(n \right)}}\right)", True),
        (r"\text{peak at } \frac{n}{k} = 1", True),
        (r"\mu_{1} \neq 0", True),
        (r"\mathrm{Lip}_{\mathrm{min}}", True),
        ("", True),
        (r"\input{/etc/passwd}", False),
        (r"\write18{rm}", False),
        (r"\href{javascript:x}{y}", False),
        (r"\lefty", False),
        ("x}{y", False),
        ("{" * 30 + "}" * 30, False),
        (r"\left(x", False),
        ("x % y", False),
        ("$x$", False),
        ("^^5cinput", False),
        ("a_b_c", False),
        (r"\frac{1}", False),
        (r"\frac{1}{2}", True),
        (r"\sqrt[3]{n}^{2}_{k}", True),
        (r"|A|_{\mathrm{op}}", True),
        (r"\left\lfloor{\frac{n}{2}}\right\rfloor", True),
        (r"\right)\left(", False),
        (r"{\left(}\right)", False),
        (r"\left x\right y", False),
        ("x^", False),
        ("{x^}", False),
        ("x^2^3", False),
        ("x'", False),
        ("x & y", False),
        (r"\sqrt", False),
        (r"\begin{x}", False),
        ("x" * 2001, False),
    ],
)
def test_only_plain_mathematics_is_kept_as_latex(latex: str, plain: bool) -> None:
    assert is_plain_math(latex) is plain
    if plain and latex:
        latex2mathml.converter.convert(latex)


def test_every_formula_of_a_live_law_is_plain_mathematics() -> None:
    import bigtheta

    for law in bigtheta.laws():
        (entry,) = Report((Entry(law, "relu", bare(PASS)),), {"versions": {}}).entries
        facts = entry.facts
        for stated in (
            facts.statement.latex,
            facts.symbol.latex,
            facts.path.latex,
            *(h.latex for h in facts.hypotheses),
        ):
            assert is_plain_math(stated), stated


def test_latex_of_others_is_not_trusted(made: Make) -> None:
    content = made().to_dict()
    evil = {"text": "Theta(n)", "latex": r"\input{/etc/passwd}\href{javascript:alert(1)}{x}"}
    about = content["judgements"][0]["about"]
    about |= {"statement": evil, "path": evil, "hypotheses": [evil]}
    about["symbol"]["latex"] = r"\write18{x}"
    read = Report.from_dict(content)
    for text in (read.to_latex(), read.to_html()):
        assert "passwd" not in text
        assert "javascript" not in text
        assert "write18" not in text
        assert "Theta(n)" in text


# --- hostile text in each format -------------------------------------------------------------------------------------


def cells_of(line: str) -> list[str]:
    """The cells of a row of a Markdown table: split at bars that are not escaped."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_markdown_has_a_row_a_judgement(full: Report) -> None:
    text = full.to_markdown()
    rows = [cells_of(line) for line in text.splitlines() if line.startswith("|")]
    assert rows[0] == ["Verdict", "Law", "Activation", "Statement", "Measured, 95%", "Reason"]
    assert {len(row) for row in rows} == {6}
    assert len(rows) == 2 + len(full.entries)
    assert rows[2][:4] == ["**PASS**", "someone2020/tiny", "relu", "S = Theta(sqrt(n))"]
    assert rows[4][0] == "**FAIL** (control, as it must)"
    assert rows[4][5].startswith("n is not sqrt(n): ")
    assert rows[-1][2] == r"u\*tanh(u)"
    assert text.startswith("**FAIL**: 3 PASS, 1 FAIL; 1 of 2 controls FAIL as they must.")
    assert "seed 7, profile quick" in text


def test_markdown_escapes(full: Report) -> None:
    rows = [line for line in with_reason(full, HOSTILE).to_markdown().splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(full.entries), "a line break in a reason is none in the table"
    for row in rows:
        assert len(cells_of(row)) == 6
        assert not re.search(r"(?<!\\)[<`\[]", row)
    reason = cells_of(rows[2])[-1]
    unescaped = re.sub(r"\\([\\`*_{}\[\]<>#|~$&!])", r"\1", reason)
    assert unescaped == " ".join(HOSTILE.split()), "nothing but escapes was added"


def test_junit_has_a_case_a_judgement(made: Make, tiny: LawOf) -> None:
    law = tiny(paper=PAPER)
    report = made((law, "relu", None), (law, "relu", FAILS), (law, "relu", PASSES), (tiny(), "tanh", None))
    extra = [Entry(tiny(name=v.value.lower()), "relu", bare(v)) for v in (INCONCLUSIVE, ERROR, SKIPPED, NOT_RUN, FAIL)]
    root = ET.fromstring(replace(report, entries=(*report.entries, *extra)).to_junit())
    (suite,) = root
    cases = suite.findall("testcase")
    assert [[child.tag for child in case if child.tag != "system-out"] for case in cases] == [
        [], [], ["failure"], [], ["skipped"], ["error"], ["skipped"], ["skipped"], ["failure"],
    ]  # fmt: skip
    counts = {"tests": "9", "failures": "2", "errors": "1", "skipped": "3"}
    assert counts.items() <= dict(suite.attrib).items()
    assert counts.items() <= dict(root.attrib).items()
    assert cases[0].attrib == {"classname": "someone2020.tiny", "name": "relu: S = Theta(sqrt(n))"}
    assert cases[1].get("name") == "control relu: S = Theta(n)"
    bad = cases[2].find("failure")
    assert bad is not None
    assert "must FAIL (this one is true by mistake) but PASSes" in (bad.get("message") or "")
    skipped = cases[4].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "INCONCLUSIVE: for the test"
    assert {(p.get("name"), p.get("value")) for p in suite.iter("property")} >= {("seed", "7"), ("commit", "abc123")}


def test_junit_escapes(full: Report) -> None:
    root = ET.fromstring(with_reason(full, HOSTILE).to_junit())
    for failure in root.iter("failure"):
        message = failure.get("message") or ""
        assert "</failure>]]> <script>" in message
        assert "\x00" not in message
        assert "中" in message


def test_csv_has_the_numbers_and_no_formula(full: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(with_reason(full, HOSTILE).to_csv())))
    assert len(rows) == len(full.entries)
    for row, entry in zip(rows, full.entries, strict=True):
        assert float(row["estimate"]) == entry.judgement.estimate
        assert row["reason"].startswith("'=cmd|")
        assert "\n" not in row["reason"]
        assert "\x1b" not in row["reason"]
    assert [row["control"] for row in rows] == ["False", "False", "True", "True", "False", "False"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-u", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1+1"])
def test_no_cell_of_the_csv_is_a_formula(made: Make, tiny: LawOf, text: str) -> None:
    (entry,) = made().entries
    report = Report((replace(entry, activation=text, judgement=replace(entry.judgement, low=-0.5)),), {"versions": {}})
    (row,) = csv.DictReader(io.StringIO(report.to_csv()))
    assert row["activation"][0] in "'\\"
    assert float(row["low"]) == -0.5, "a negative number stays one"


# --- LaTeX -----------------------------------------------------------------------------------------------------------


def test_latex_is_a_table_and_figures(full: Report, tmp_path: Path) -> None:
    text = full.to_latex("pictures")
    assert text.isascii()
    assert r"\providecommand{\bigthetafigures}{pictures}" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    assert r"$S = \Theta\left(\sqrt{n}\right)$" in text
    assert r"$S = \Theta\left(n\right)$" in text
    assert "which excludes the claimed 1" in text, "the reason of what FAILs"
    included = re.findall(r"\\includegraphics\[[^]]*\]\{\\bigthetafigures/([^}]*)\}", text)
    latex.write_figures(full, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(included)
    assert len(included) == 4, "of each law, not of its controls"
    for path in tmp_path.iterdir():
        assert path.read_bytes().startswith(b"%PDF")
    assert figure_pdf(full.entries[0]) == figure_pdf(full.entries[0]), "the same each time"


@pytest.mark.parametrize("text", [HOSTILE, "\\", "%", "--- ?` !`", "a" * 3000, "~^_{}[]", "\u202e\u200b"])
def test_latex_escapes(full: Report, text: str) -> None:
    source = with_reason(full, text).to_latex()
    assert source.isascii()
    assert "\x00" not in source
    assert r"\input{" not in source
    reasons = [line for line in source.splitlines() if line.startswith(r"\multicolumn")]
    assert len(reasons) == 4, "a FAIL is not as it must be for the four laws"
    for reason in reasons:
        depth = 0
        for brace in re.findall(r"(?<!\\)[{}]", reason.replace(r"\\", "")):
            depth += 1 if brace == "{" else -1
            assert depth >= 0
        assert depth == 0
        assert not re.search(r"(?<!\\)[%$#&~]", reason)


@pytest.mark.skipif(not (shutil.which("pdflatex") or shutil.which("tectonic")), reason="no pdflatex or tectonic here")
@pytest.mark.parametrize("hostile", [False, True])
def test_latex_compiles(full: Report, tiny: LawOf, tmp_path: Path, hostile: bool) -> None:
    """More rows than one table has, and every verdict; hostile: every reason, activation and name of a paper."""
    report = again(full)
    if hostile:
        entries = [
            replace(e, about=tiny(claim=HOSTILE, name="h") if e.control is None else e.about, activation=HOSTILE)
            for e in full.entries
        ]
        report = with_reason(replace(full, entries=tuple(entries)), HOSTILE * 3)
    more = tuple(Entry(tiny(name=f"law-{i}"), "relu", bare(list(Verdict)[i % 6])) for i in range(40))
    report = replace(report, entries=report.entries + more)
    latex.write_figures(report, tmp_path / "figures")
    (tmp_path / "laws.tex").write_text(report.to_latex(), encoding="ascii")
    (tmp_path / "main.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}\input{laws}\end{document}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "main.tex"]
    command = command if shutil.which("pdflatex") else ["tectonic", "main.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=600, check=False)
    assert result.returncode == 0, result.stdout.decode(errors="replace")[-2000:]
    log = (tmp_path / "main.log").read_text(errors="replace") if (tmp_path / "main.log").exists() else ""
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert hostile or max(wide, default=0) < 20, log[-3000:]


# --- axes ------------------------------------------------------------------------------------------------------------


def test_plot_draws_into_axes(full: Report) -> None:
    ax = Figure().add_subplot()
    assert full.plot("tiny", "tanh", ax) is ax
    assert ax.get_ylabel() == "Sobolev seminorm S"
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert again(full).plot(ax=Figure().add_subplot()).get_xlabel() == ax.get_xlabel() == "n   (d = 2*n)"


@pytest.mark.parametrize("asked", [{"law": "tinny"}, {"activation": "gelu"}, {"law": "tiny", "activation": "abs"}])
def test_plot_of_nothing_says_what_there_is(full: Report, asked: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError, match="judged: someone2020/tiny relu"):
        full.plot(**asked, ax=Figure().add_subplot())


def test_a_figure_takes_dollars_literally(made: Make) -> None:
    content = made().to_dict()
    content["judgements"][0]["about"]["path"] = {"text": r"$\frac$ and $\undefined$", "latex": ""}
    svg = figure_svg(Report.from_dict(content).entries[0])
    assert r"$\frac$ and $\undefined$" in svg


# --- two reports -----------------------------------------------------------------------------------------------------


def test_changes_between_two_reports(made: Make, tiny: LawOf) -> None:
    law, gone, new = tiny(), tiny(name="gone"), tiny(name="new")
    before = made((law, "relu", None), (law, "tanh", None), (law, "relu", FAILS), (gone, "relu", None))
    after = made((law, "relu", None), (law, "tanh", None), (law, "relu", FAILS), (new, "relu", None))
    one, two, *rest = after.entries
    estimate = two.judgement.estimate
    assert estimate is not None
    moved = replace(two.judgement, verdict=INCONCLUSIVE, estimate=estimate + 0.25)
    found = changes(again(before), replace(after, entries=(one, replace(two, judgement=moved), *rest)))
    told = [
        (c.entry.facts.id, c.entry.activation, c.before and c.before.verdict, c.after and c.after.verdict)
        for c in found
    ]
    assert told == [
        ("tiny", "tanh", PASS, INCONCLUSIVE), ("gone", "relu", PASS, None), ("new", "relu", None, PASS),
        ("tiny", "relu", PASS, PASS), ("tiny", "relu", FAIL, FAIL),
    ]  # fmt: skip
    assert [c.changed for c in found] == [True, True, True, False, False]
    assert found[0].moved == pytest.approx(0.25)
    text = list(lines(found))
    assert text[0].startswith("PASS -> INCONCLUSIVE")
    assert "(+0.250, " in text[0]
    assert text[1].startswith("PASS -> absent")
    assert text[-1] == "3 verdicts changed, 2 did not"
    assert not any(c.changed for c in changes(before, again(before)))


# --- the command -----------------------------------------------------------------------------------------------------


def test_report_renders_each_format(full: Report, call: Callable[..., Result]) -> None:
    report = replace(full, entries=full.entries[:1])
    Path("run").mkdir()
    Path("run/report.json").write_text(report.to_json(), encoding="utf-8")
    renders = {"html": report.to_html(), "md": report.to_markdown(), "junit": report.to_junit(), "csv": report.to_csv()}
    for form, text in renders.items():
        result = call("report", "run", "--format", form)
        assert (result.exit_code, result.stdout) == (0, text), form
    assert call("report", "run").stdout == report.to_markdown()
    assert call("report", "run/report.json", "--format", "csv", "--out", "file").stdout == ""
    assert Path("file").read_text(encoding="utf-8") == report.to_csv()
    assert sorted(path.name for path in Path("run").iterdir()) == ["report.json"], "nothing else is written"


def test_report_as_latex_writes_its_figures_beside(full: Report, call: Callable[..., Result]) -> None:
    report = replace(full, entries=full.entries[:1])
    for folder in ("run", "paper"):
        Path(folder).mkdir()
    Path("run/report.json").write_text(report.to_json(), encoding="utf-8")
    assert call("report", "run", "--format", "tex", "--out", "paper/laws.tex").exit_code == 0
    assert Path("paper/laws.tex").read_text() == report.to_latex("figures")
    assert call("report", "run", "--format", "tex").stdout == report.to_latex("run/figures")
    for folder in ("run", "paper"):
        assert [path.stem for path in Path(folder, "figures").iterdir()] == [report.entries[0].slug]


def test_compare_exits_with_1_if_a_verdict_changed(made: Make, tiny: LawOf, call: Callable[..., Result]) -> None:
    made((tiny(), "relu", None)).write("a")
    made((tiny(), "relu", None), sd=0.06).write("b")
    with_reason(made((tiny(), "relu", None)), "now it does not", FAIL).write("c")
    same, other = call("report", "--compare", "a", "b"), call("report", "--compare", "a", "c")
    assert same.exit_code == 0
    assert same.stdout.splitlines()[-1] == "0 verdicts changed, 1 did not"
    assert other.exit_code == 1
    assert other.stdout.startswith("PASS -> FAIL ")
    assert other.stdout.splitlines()[-1] == "1 verdict changed, 0 did not"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report"], "expected a folder"),
        (["report", "x", "--compare", "a", "b"], "expected a folder"),
        (["report", "missing"], "cannot read the report 'missing': No such file"),
        (["report", "empty"], "cannot read the report 'empty': No such file"),
        (["report", "bad.json"], "is not JSON"),
        (["report", "surrogate.json"], "is not JSON"),
        (["report", "nan.json"], "is not JSON"),
        (["report", "list.json"], "Expected `object`"),
        (["report", "old.json", "--compare", "a", "b"], "expected a folder"),
    ],
)
def test_a_mistake_is_one_line(call: Callable[..., Result], arguments: list[str], message: str) -> None:
    Path("empty").mkdir()
    for name, text in {
        "bad": "{",
        "surrogate": '{"schema": "\\ud800"}',
        "nan": '{"schema": NaN}',
        "list": "[]",
    }.items():
        Path(f"{name}.json").write_text(text)
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_data_words_reach_the_facts(tiny: LawOf) -> None:
    law = tiny(inputs=Dataset(name="digits"), path={"d": "64"}, sizes={"n": [20, 40]})
    assert Entry(law, "relu", bare(SKIPPED)).facts.inputs.startswith("digits, 0 against 1")
