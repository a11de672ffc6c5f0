"""Pages of papers made from a report, read back by a Markdown parser that is not ours."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import latex2mathml.converter
import msgspec
import pytest
from click.testing import Result
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Control, Law, Paper, laws
from bigtheta.theory.statement import Omega, Theta
from bigtheta.verify.report.definitions import MODELS, QUANTITIES, setting
from bigtheta.verify.report.facts import Stated, facts_of
from bigtheta.verify.report.image import figure_image
from bigtheta.verify.report.marks import claimed, details, formula, literal, paragraph, stated, table
from bigtheta.verify.report.pages import INDEX, page_name, pages, write_pages
from bigtheta.verify.report.reach import cannot_show
from bigtheta.verify.report.read import report_from_dict
from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.report.symbols import Symbol
from bigtheta.verify.sharpness import Mutant
from bigtheta.verify.verdict import Bridge, Judgement, Verdict

Make = Callable[..., Report]
LawOf = Callable[..., Law]

PASS, FAIL, INCONCLUSIVE, ERROR, SKIPPED, NOT_RUN = Verdict
FAILS = Control(statement=Theta("n"), because="n is not sqrt(n)")
SHAPE = Control(activation="abs", because="mu_1 = 0")
PAPER = Paper(id="someone2020", authors="S. One", year=2020, title="On a thing", arxiv="2001.00001")
HOSTILE = (
    "# h\n\n- x ``` </details></table> <script>alert(1)</script> | `x` **b** _i_ [l](javascript:x) ![i](http://x/y) "
    "$z$ $$w$$ ~~s~~ &lt; \x1b[31m <http://e.com> 1. a"
)
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@pytest.fixture(scope="module")
def full(made: Make, tiny: LawOf) -> Report:
    """A law that says everything, with two controls; one that was not simulated; one of no paper."""
    law = tiny(
        paper=PAPER, theorem="Theorem 2", claim="S pays order sqrt(n).", note="One path.", limit="sobolev",
        model={"kind": "rf-kernel", "ridge": 0.5}, hypotheses=(Theta("n").formula >= 10,), activations=("relu", "tanh"),
    )  # fmt: skip
    absent = tiny(name="absent", paper=PAPER, claim="Seen on data alone.")
    report = made(
        (law, "relu", None), (law, "tanh", None), (law, "relu", FAILS), (law, "abs", SHAPE), (absent, "relu", None),
        (tiny(name="own", statement="Limit(sqrt(n))"), "u*tanh(u)", None),
    )  # fmt: skip
    entries = list(report.entries)
    mutants = (Mutant(Theta("n**0.7"), "exponent of n larger by 0.2", True, FAIL),
               Mutant(Theta("sqrt(n)*log(n)"), "with a logarithm more", False, INCONCLUSIVE))  # fmt: skip
    bridge = Bridge(1.01, 0.98, 1.03, PASS, 0.4987, PASS)
    judgement = replace(entries[0].judgement, bridge=bridge, rejects_below=0.41, rejects_above=0.58, tau_break=0.2)
    entries[0] = replace(entries[0], sharpness=mutants, judgement=judgement)
    shape = replace(entries[3].judgement, verdict=FAIL, reason="the exponent is 0")
    entries[3] = replace(entries[3], judgement=shape)
    skipped = Judgement(verdict=SKIPPED, reason="no data here", statement="Theta(sqrt(n))", sense="Theta", margin=0.1)
    entries[4] = Entry(absent, "relu", skipped)
    return replace(report, entries=tuple(entries))


@pytest.fixture
def page(full: Report) -> str:
    return pages(full)["someone2020.md"]


def section_of(page: str, name: str) -> str:
    found = re.search(rf"^## {re.escape(name)}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def tokens(text: str) -> Iterator[Token]:
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def shown(text: str) -> str:
    """What a reader sees of a line of Markdown."""
    return "".join(t.content for t in tokens(text) if t.type in ("text", "text_special", "code_inline"))


# --- what a page says -------------------------------------------------------------------------------------------------


def test_a_page_opens_with_title_authors_link_and_a_summary(page: str) -> None:
    lines = page.splitlines()
    assert lines[0] == "# On a thing"
    assert lines[2] == "S. One, 2020. [arXiv:2001.00001](https://arxiv.org/abs/2001.00001)"
    assert "2 PASS, 1 SKIPPED; 2 of 2 controls FAIL as they must" in page
    row = next(line for line in lines if line.startswith("| [tiny](#tiny)"))
    assert row == r"| [tiny](#tiny) | $S = \Theta\left(\sqrt{n}\right)$ | relu PASS, tanh PASS | 2 of 2 |"
    assert "| [absent](#absent) |" in page
    assert "relu **SKIPPED** | not run |" in page


def test_a_section_says_the_law_its_verdicts_and_what_would_have_failed(full: Report, page: str) -> None:
    told = section_of(page, "tiny")
    for part in (
        "S pays order sqrt(n).", "- **Path.** $d = 2 n$; $n$ from 20 to 320 in 6 sizes",
        r"- **Hypotheses.** $n \geq 10$",
        r"$S = \left(\mathbb{E} \vert \nabla f(x) \vert^2\right)^{1/2}$", "ridge = 0.5", "Theorem 2",
        "exact limit of the Sobolev seminorm; its own exponent of n is 0.4987 (relu)",
        "- relu: **PASS**, measured/limit 1.010", "- tanh: **PASS**, slope",
        r"Control, $S = \Theta\left(n\right)$: **FAIL**, as it must.", "Control, with abs: **FAIL**, as it must.",
        r"Why it is false: mu\_1 = 0.", "An exponent claimed below 0.41 or above 0.58 (relu)",
        "1 of 1 such claims FAIL.", "bigtheta verify someone2020/tiny --profile quick --seed 7\n",
    ):  # fmt: skip
        assert part in told, part
    for entry in full.entries[:2]:
        assert f"](figures/{entry.slug}.svg)" in told
    cells = re.findall(r"<tr>(<td>.*?)</tr>", told)
    assert len(cells) == 6 + 2, "a row a size, and a row a changed claim"
    first = full.entries[1].judgement.cells[0]
    assert f"<td>{first.geomean:.4g} [{first.low:.4g}, {first.high:.4g}] ({first.predicted:.4g}; 40)</td>" in cells[0]


def test_what_the_simulation_cannot_show_follows_from_the_law(full: Report) -> None:
    judged, controls = full.entries[:2], full.entries[2:4]
    points = [shown(point) for point in cannot_show(judged[0].facts, judged, controls)]
    assert points[0] == "One path."
    assert points[1].startswith("n goes from 20 to 320 (there d = 640), 1.2 decades")
    assert "to within 0.1: not the constants of Theta" in points[2]
    assert points[3] == (
        "The claim with a logarithm more does not FAIL on the same data (relu INCONCLUSIVE): not told apart."
    )
    assert "far beyond the sizes simulated" in points[4]
    assert "relu 20%" in points[5]
    assert points[6].endswith("is seen in the control with abs alone.")
    assert points[7].startswith("Judged with relu and tanh; inputs: sphere; labels: noise variance 1.")
    assert "nowhere here" in cannot_show(judged[0].facts, judged, [])[6]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("Omega(sqrt(n))", "A lower bound"),
        ("O(n)", "An upper bound"),
        ("Limit(2)", "to within 5%"),
        ("Peak(n/d, at=1/2)", "within a factor of 1.2"),
    ],
)
def test_the_sense_of_a_claim_limits_what_is_shown(made: Make, tiny: LawOf, statement: str, said: str) -> None:
    changes = {"path": {"d": "100"}} if statement.startswith("Peak") else {}
    law = tiny(statement=statement, **changes)
    entry = replace(made().entries[0], about=law)
    entry = replace(entry, judgement=replace(entry.judgement, sense=law.statement.sense.value, margin=law.margin))
    assert any(said in point for point in cannot_show(entry.facts, [entry], []))


def test_a_law_that_was_skipped_has_its_section_with_the_reason(page: str) -> None:
    told = section_of(page, "absent")
    assert "- relu: **SKIPPED**. No data here." in told
    assert "![" not in told
    assert "<table>" not in told
    assert "Nothing was measured, so nothing could FAIL" in told
    assert "n would go from 20 to 320" in told


def test_a_control_that_passes_is_said_to_decide_nothing(full: Report) -> None:
    wrong = replace(full.entries[2], judgement=replace(full.entries[2].judgement, verdict=PASS))
    told = pages(replace(full, entries=(*full.entries[:2], wrong, *full.entries[3:])))["someone2020.md"]
    assert "**PASS**, but it must FAIL: the law is not decided" in told
    assert "1 of 2 |" in told


def test_the_command_names_activations_that_are_not_the_laws_own(full: Report) -> None:
    told = pages(replace(full, entries=(full.entries[1],)))["someone2020.md"]
    assert "\nbigtheta verify someone2020/tiny -a tanh --profile quick --seed 7\n" in told
    about = {"profile": None, "trials": 12, "precision": "float32"}
    other = pages(replace(full, entries=full.entries[:2], provenance=full.provenance | about))["someone2020.md"]
    assert "\nbigtheta verify someone2020/tiny --trials 12 --seed 7 --precision float32\n" in other


def test_a_law_of_no_paper_has_a_page_and_no_command(full: Report) -> None:
    told = pages(full)["no-paper.md"]
    assert told.startswith("# Laws of no paper\n")
    assert "bigtheta verify" not in told
    assert r"$S \sim \sqrt{n}$" in told


def test_provenance_stands_at_the_end_and_no_date_anywhere(full: Report, page: str) -> None:
    told = section_of(page, "Provenance")
    for part in ("seed 7", "commit abc123", "profile quick", "python 3.11.0, bigtheta 0.1.0", "wall time 2 s"):
        assert f"- {part}\n" in told, part
    assert page.rstrip().endswith(told.rstrip())
    assert not re.search(r"20\d\d-\d\d", page)


def test_pages_of_a_report_read_back_are_the_same(full: Report) -> None:
    again = report_from_dict(full.to_dict())
    assert pages(again) == pages(full) == pages(full)
    assert [figure_image(e) for e in again.entries[:2]] == [figure_image(e) for e in full.entries[:2]]


def test_the_index_links_to_every_page(full: Report) -> None:
    found = pages(full)
    links = re.findall(r"\]\(([^)]+\.md)\)", found[INDEX])
    assert sorted(links) == sorted(set(found) - {INDEX})
    assert "| 2 | 2 PASS, 1 SKIPPED |" in found[INDEX]


# --- text and mathematics ---------------------------------------------------------------------------------------------


def test_text_of_others_stays_text(full: Report) -> None:
    entry = full.entries[0]
    facts = msgspec.structs.replace(
        entry.facts, symbol=Symbol(HOSTILE, HOSTILE, "", HOSTILE),
        claim=HOSTILE, note=HOSTILE, model=HOSTILE, inputs=HOSTILE, labels=HOSTILE, theorem=HOSTILE,
        reference=HOSTILE, paper=HOSTILE, id=f"{HOSTILE}/x", limit=HOSTILE, hypotheses=(Stated(HOSTILE),),
    )  # fmt: skip
    control = replace(full.entries[3], about=facts, activation=HOSTILE)
    hostile = replace(entry, about=facts, activation=HOSTILE, judgement=replace(entry.judgement, reason=HOSTILE))
    about = {"versions": {HOSTILE: HOSTILE}, "commit": HOSTILE, "plugins": [{"name": HOSTILE}], "seed": 0}
    found = pages(Report((hostile, control), about))
    assert len(found) == 2
    for name, text in found.items():
        kinds = [token.type for token in tokens(text)]
        raw = [t.content for t in tokens(text) if t.type in ("html_block", "html_inline")]
        tags = {tag for block in raw for tag in re.findall(r"</?([a-z]+)", block)}
        assert tags <= {"details", "summary", "table", "tr", "td", "th"}, name
        assert not {"s_open", "em_open"} & set(kinds), name
        code = {t.content for t in tokens(text) if t.type == "code_inline"}
        assert all(said.startswith("bigtheta ") for said in code), code
        links = [
            str(t.attrs.get("href") or t.attrs.get("src")) for t in tokens(text) if t.type in ("link_open", "image")
        ]
        assert all(re.fullmatch(r"#x|(figures/)?[\w-]+\.(svg|md)", link, re.ASCII) for link in links), links
        assert "\x1b" not in text
        headings = [i for i, kind in enumerate(kinds) if kind == "heading_open"]
        assert len(headings) == (1 if name == INDEX else 4), "the title, the setting, the law, the provenance"
        dollars = re.findall(r"\$[^$\n]*\$", re.sub(r"^```sh\n.*\n```$", "", text, flags=re.MULTILINE))
        assert not any("z" in found or found[1:-1] == "w" for found in dollars), dollars


@pytest.mark.parametrize(
    "text", ["- a", "+ a", "= a", "1. a", "12) a", "# a", "> a", "a_b_c *d* `e` | <f> [g](h) &amp; ~~i~~ $j$ \\ !", "a"]
)
def test_a_paragraph_shows_its_text(text: str) -> None:
    assert [t.type for t in PARSER.parse(paragraph(text))] == ["paragraph_open", "inline", "paragraph_close"]
    assert shown(paragraph(text)) == text
    assert shown(literal("é ≤ Θ")) == "é ≤ Θ"


@pytest.mark.parametrize(
    "latex",
    [
        r"|A|_{\mathrm{op}} = \Theta\left(\sqrt{\frac{n}{k}}\right)", r"\mathrm{Lip}_{P} < a_{1} * b_{2}",
        r"[x](y) [z][w]",
        r"\left\{n\right\}", r"a,\ 6 \, b \; c \! d", "k <n> m",
    ],
)  # fmt: skip
def test_markdown_leaves_a_formula_as_it_is(latex: str) -> None:
    """The formula reaches the page as one run of text: no emphasis, link, cell border or lost backslash in it."""
    line = formula(latex)
    parsed = list(tokens(f"{line} and {line}"))
    assert [t.type for t in parsed] == ["paragraph_open", "inline", "text", "paragraph_close"]
    assert parsed[2].content == f"{line} and {line}"
    cells = [t.content for t in tokens("\n".join(table(("a", "b"), [(line, "x")]))) if t.type == "inline"]
    assert cells == ["a", "b", line, "x"]
    assert latex2mathml.converter.convert(line.strip("$"))


def test_a_formula_that_is_not_made_safe_would_not_survive() -> None:
    """What the conversion is for: as it stands Markdown takes the LaTeX apart."""
    raw = r"$\left\{a,\, b\right\} \mathrm{x}_{i} + \mathrm{y}_{j}$"
    assert shown(raw) != raw
    assert shown(formula(raw.strip("$"))) == formula(raw.strip("$"))


def test_every_formula_of_shipped_laws_is_left_as_it_is() -> None:
    found = [facts_of(law) for law in laws()]
    said = [line for facts in found for line in (claimed(facts), stated(facts.path), *map(stated, facts.hypotheses))]
    for line in [*said, *setting(found)]:
        inside = re.findall(r"\$[^$]+\$", line)
        assert all(math in shown(line) for math in inside), line
        assert all(latex2mathml.converter.convert(math.strip("$")) for math in inside)


def test_every_model_and_quantity_of_shipped_laws_is_defined() -> None:
    for facts in map(facts_of, laws()):
        assert facts.model.partition(",")[0] in MODELS, facts.model
        assert facts.symbol.meaning in QUANTITIES, facts.symbol


def test_limits_and_peaks_are_said_as_one_says_them() -> None:
    by_id = {law.id: claimed(facts_of(law)) for law in laws()}
    assert by_id["hassani2022/half"] == r"$\mathrm{AR} \to 1.36418$"
    assert by_id["hassani2022/peak"] == r"$\mathrm{AR}$ has its peak at $\frac{k}{d} = 1.727$"
    assert by_id["dohmatob2021/peak-twice"] == r"$S$ has its peaks at $\frac{n}{d} = 1, 6$"


def test_a_table_that_opens_holds_any_text() -> None:
    lines = details("a < b", ("x",), [("</td><b> $5$ | \n\n`c`",)])
    blocks = list(tokens("\n".join(lines)))
    assert [t.type for t in blocks] == ["html_block"], "no blank line ends it"
    assert "<b>" not in blocks[0].content
    assert "&lt;/td&gt;&lt;b&gt; &#36;5&#36; | `c`" in blocks[0].content


@pytest.mark.parametrize("paper", ["../etc/passwd", "A", "a/b", "README", "readme", "x" * 300, "con.md\n", "é"])
def test_page_names_are_plain_and_tell_papers_apart(paper: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]{1,89}\.md", page_name(paper), re.ASCII)
    assert page_name(paper) not in ("readme.md", page_name(paper + "2"), page_name(paper.swapcase() + "_"))


# --- figures ----------------------------------------------------------------------------------------------------------


def test_a_figure_is_small_stands_alone_and_says_its_activation(full: Report) -> None:
    entry = full.entries[5]
    text = figure_image(entry)
    root = ET.fromstring(text)
    assert (root.get("width"), len(text) < 30_000) == ("400", True)
    assert root[0].tag.endswith("rect"), "a ground of its own, whatever the page's"
    assert root[0].get("fill") == "#fff"
    told = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert "u*tanh(u)" in told
    ids = {element.get("id") for element in root.iter()} - {None}
    assert ids == set(re.findall(r"#([\w.-]+)", text)) & ids, "no id that nothing uses"
    assert re.search(r'"#f-[\w.-]+"', text)
    assert "currentColor" in text
    numbers = re.findall(r'\b(?:d|x|y)="([^"]*)"', text)
    assert not any(re.search(r"\.\d\d", number) for number in numbers)


def test_numbers_on_the_axes_are_not_rounded(made: Make) -> None:
    """Coordinates lose digits, labels none: a rounded tick would be a wrong number."""
    report = made()
    entry = report.entries[0]
    cells = tuple(
        replace(
            c,
            **{f: getattr(c, f) / 1000 for f in ("mean", "geomean", "low", "high", "predicted", "fit_low", "fit_high")},
        )
        for c in entry.judgement.cells
    )
    small = replace(entry, judgement=replace(entry.judgement, cells=cells))
    ticks = [e.text for e in ET.fromstring(figure_image(small)).iter() if e.tag.endswith("text")]
    assert "0.005" in ticks, ticks


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_writes_pages_and_figures(full: Report, call: Callable[..., Result]) -> None:
    full.write("run")
    result = call("report", "run", "--format", "pages", "--out", "docs/papers")
    assert result.exit_code == 0, result.output
    assert sorted(result.stdout.split()) == [f"docs/papers/{name}" for name in sorted(pages(full))]
    for name, text in pages(full).items():
        assert Path("docs/papers", name).read_text(encoding="utf-8") == text
        for figure in re.findall(r"\]\((figures/[^)]+)\)", text):
            assert Path("docs/papers", figure).stat().st_size < 30_000
    drawn = [e.slug for e in full.entries if e.negative is None and e.judgement.cells]
    assert sorted(p.stem for p in Path("docs/papers/figures").iterdir()) == sorted(drawn), "none of controls"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "run", "--format", "pages"], "name a folder, as in --out docs/papers"),
        (["report", "run", "run", "--format", "pages", "--out", "x"], "expected one folder but got 2"),
        (["report", "run", "run"], "expected one folder but got 2"),
        (["report", "run", "--format", "pages", "--out", "file"], "cannot write pages to 'file'"),
        (["report", "--compare", "run", "run", "--format", "html"], "lines of text, or json, but got --format html"),
    ],
)
def test_a_mistake_is_one_line(full: Report, call: Callable[..., Result], arguments: list[str], message: str) -> None:
    Path("run").mkdir()
    Path("run/report.json").write_text(full.to_json(), encoding="utf-8")
    Path("file").touch()
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_write_pages_refuses_a_file(full: Report, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInputError, match="cannot write pages"):
        write_pages(full, tmp_path / "file")


def test_json_is_the_report_again(full: Report, call: Callable[..., Result]) -> None:
    Path("report.json").write_text(full.to_json(), encoding="utf-8")
    assert call("report", "report.json", "--format", "json").stdout == full.to_json()


def test_omega_controls_are_said_as_claims(made: Make, tiny: LawOf) -> None:
    control = Control(statement=Omega("n"), because="too steep")
    law: Any = tiny(paper=PAPER)
    told = pages(made((law, "relu", None), (law, "relu", control)))["someone2020.md"]
    assert r"Control, $S = \Omega\left(n\right)$: **FAIL**" in told
