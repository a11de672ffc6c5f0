"""Verdicts of a run, report.json, the page, the figures and the words in the terminal."""

from __future__ import annotations

import io
import itertools
import json
import math
import re
import shlex
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from bigtheta.theory.catalogue import activation
from bigtheta.theory.data import QUANTITIES
from bigtheta.theory.data import quantity as quantity_of
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Control, Law, Paper, laws
from bigtheta.theory.statement import BigO, Limit, Omega, Theta
from bigtheta.verify.judge import judge
from bigtheta.verify.report import words
from bigtheta.verify.report.figure import figure_svg
from bigtheta.verify.report.report import Entry, Report, make_folder
from bigtheta.verify.report.symbols import symbol_of
from bigtheta.verify.report.terminal import print_report
from bigtheta.verify.verdict import Judgement, Verdict, exit_code, overall

Make = Callable[..., Report]
LawOf = Callable[..., Law]

PASS, FAIL, INCONCLUSIVE, ERROR, SKIPPED, NOT_RUN = Verdict

# On samples of size sqrt(n), these controls are judged as named.
FAILS = Control(statement=Theta("n"), because="n is not sqrt(n)")
PASSES = Control(statement=Omega("1"), because="this one is true by mistake")
HOSTILE = "<script>alert(1)</script>"


def verdicts(law: Verdict, control: Verdict | None, tiny: LawOf) -> Report:
    """A report with nothing in it but verdicts."""
    entries = [Entry(tiny(), "relu", bare(law))]
    if control is not None:
        entries.append(Entry(entries[0].law, "relu", bare(control), FAILS))
    return Report(tuple(entries), {"wall_s": 1.0, "versions": {}})


def bare(verdict: Verdict) -> Judgement:
    return Judgement(verdict=verdict, reason="for the test", statement="Theta(sqrt(n))", sense="Theta")


# --- one verdict of several ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("several", "one"),
    [
        ([], NOT_RUN),
        ([PASS], PASS),
        ([PASS, PASS], PASS),
        ([PASS, FAIL], FAIL),
        ([PASS, INCONCLUSIVE], INCONCLUSIVE),
        ([FAIL, INCONCLUSIVE], FAIL),
        ([ERROR, FAIL, PASS], ERROR),
        ([PASS, SKIPPED], PASS),
        ([SKIPPED], SKIPPED),
        ([SKIPPED, INCONCLUSIVE], INCONCLUSIVE),
        ([NOT_RUN], NOT_RUN),
        ([NOT_RUN, PASS], NOT_RUN),
        ([SKIPPED, NOT_RUN], NOT_RUN),
    ],
)
def test_overall(several: list[Verdict], one: Verdict) -> None:
    for order in itertools.permutations(several):
        assert overall(order) is one


@pytest.mark.parametrize(
    ("verdict", "code"), [(PASS, 0), (FAIL, 1), (INCONCLUSIVE, 3), (ERROR, 4), (SKIPPED, 3), (NOT_RUN, 3)]
)
def test_exit_code(verdict: Verdict, code: int) -> None:
    assert exit_code(verdict) == code


def test_nothing_is_a_pass_without_a_pass() -> None:
    """Over every set of verdicts: exit code 0 needs a PASS, and no FAIL, ERROR, INCONCLUSIVE or NOT-RUN beside it."""
    for size in range(len(Verdict) + 1):
        for several in itertools.combinations(Verdict, size):
            clean = PASS in several and set(several) <= {PASS, SKIPPED}
            assert (exit_code(overall(several)) == 0) == clean, several


@pytest.mark.parametrize(
    ("law", "control", "run", "code"),
    [
        (PASS, None, PASS, 0),
        (PASS, FAIL, PASS, 0),
        (PASS, PASS, FAIL, 1),
        (PASS, INCONCLUSIVE, INCONCLUSIVE, 3),
        (PASS, ERROR, ERROR, 4),
        (FAIL, FAIL, FAIL, 1),
        (FAIL, PASS, FAIL, 1),
        (FAIL, INCONCLUSIVE, FAIL, 1),
        (INCONCLUSIVE, FAIL, INCONCLUSIVE, 3),
        (INCONCLUSIVE, PASS, FAIL, 1),
        (ERROR, FAIL, ERROR, 4),
        (ERROR, PASS, ERROR, 4),
        (SKIPPED, None, SKIPPED, 3),
        (SKIPPED, FAIL, SKIPPED, 3),
    ],
)
def test_the_verdict_of_a_run(law: Verdict, control: Verdict | None, run: Verdict, code: int, tiny: LawOf) -> None:
    report = verdicts(law, control, tiny)
    assert report.verdict is run
    assert report.exit_code == code
    assert report.counts == {law: 1}, "controls are not counted"
    assert report.entries[-1].verdict is (control or law), "an entry keeps its own verdict"


def test_a_run_of_nothing_is_not_a_pass() -> None:
    empty = Report((), {"wall_s": 0.0, "versions": {}})
    assert (empty.verdict, empty.exit_code) == (NOT_RUN, 3)
    assert json.loads(empty.to_json())["judgements"] == []
    assert words.summary(empty) == "nothing was judged"
    assert "NOT-RUN" in empty.to_html()


def test_a_control_that_passes_fails_the_run_on_real_judgements(made: Make, tiny: LawOf) -> None:
    law = tiny()
    good = made((law, "relu", None), (law, "relu", FAILS))
    bad = made((law, "relu", None), (law, "relu", PASSES))
    assert [e.verdict for e in good.entries] == [PASS, FAIL]
    assert [e.verdict for e in bad.entries] == [PASS, PASS]
    assert (good.verdict, good.exit_code) == (PASS, 0)
    assert (bad.verdict, bad.exit_code) == (FAIL, 1)


# --- report.json -----------------------------------------------------------------------------------------------------

JUDGEMENT_KEYS = {
    "law", "paper", "activation", "statement", "verdict", "reason", "slope", "limit", "cells", "control",
}  # fmt: skip
CELL_KEYS = {"sizes", "trials", "mean", "geomean", "low", "high", "predicted"}


def no_constants(name: str) -> float:
    raise AssertionError(f"report.json contains {name}")


def parsed(report: Report) -> dict[str, Any]:
    return json.loads(report.to_json(), parse_constant=no_constants)


def test_json_has_every_key_of_the_contract(made: Make, tiny: LawOf) -> None:
    law = tiny()
    content = parsed(made((law, "relu", None), (law, "relu", FAILS)))
    assert content["schema"] == 1
    assert content["verdict"] == "PASS"
    assert {"versions", "seed", "device", "wall_s", "commit"} <= content["provenance"].keys()
    assert [j["verdict"] for j in content["judgements"]] == ["PASS", "FAIL"]
    assert [j["control"] for j in content["judgements"]] == [False, True]
    for judgement in content["judgements"]:
        assert judgement.keys() >= JUDGEMENT_KEYS
        assert judgement["slope"].keys() == {"estimate", "low", "high", "claimed"}
        assert judgement["limit"] is None
        assert len(judgement["cells"]) == 6
        assert all(cell.keys() >= CELL_KEYS for cell in judgement["cells"])
    assert content["judgements"][1]["because"] == "n is not sqrt(n)"


def test_json_has_the_numbers_of_the_judgement(made: Make) -> None:
    report = made()
    (entry,) = report.entries
    (judgement,) = parsed(report)["judgements"]
    j = entry.judgement
    assert judgement["slope"] == {"estimate": j.estimate, "low": j.low, "high": j.high, "claimed": 0.5}
    assert judgement["reason"] == j.reason
    assert judgement["statement"] == "Theta(sqrt(n))"
    groups = entry.trials.groupby("n")["value"]
    np.testing.assert_allclose([cell["mean"] for cell in judgement["cells"]], groups.mean())
    assert [cell["trials"] for cell in judgement["cells"]] == groups.size().tolist()
    assert [cell["sizes"] for cell in judgement["cells"]] == [{"n": n, "d": 2 * n} for n in groups.groups]
    assert judgement["fits"]["status"] == {"ok": len(entry.trials)}


def test_json_of_a_limit(made: Make, tiny: LawOf) -> None:
    (judgement,) = parsed(made((tiny(statement="Limit(sqrt(n))"), "relu", None)))["judgements"]
    assert judgement["slope"] is None
    assert judgement["limit"].keys() >= {"estimate", "low", "high"}
    assert judgement["limit"]["low"] < 1 < judgement["limit"]["high"]


def test_json_names_the_paper(made: Make, tiny: LawOf) -> None:
    paper = Paper(id="someone2020", authors="S. One", year=2020, title="T", arxiv="2001.00001")
    content = parsed(made((tiny(paper=paper), "relu", None), (tiny(), "relu", None)))
    assert [(j["law"], j["paper"]) for j in content["judgements"]] == [
        ("someone2020/tiny", "someone2020"),
        ("tiny", None),
    ]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_json_turns_what_is_no_number_into_null(made: Make, number: float) -> None:
    (entry,) = made().entries
    odd = replace(entry.judgement, constant=number, ratio_range=(number, 1.0), local_slopes=(number, 0.5))
    trials = entry.trials.assign(residual=number, condition=number, status="failed")
    (judgement,) = parsed(Report((replace(entry, judgement=odd, trials=trials),), {"wall_s": number}))["judgements"]
    assert judgement["constant"] is None
    assert judgement["local_slopes"] == [None, 0.5]
    assert judgement["fits"] == {
        "status": {"failed": len(trials)}, "largest_residual": None, "largest_condition": None,
    }  # fmt: skip


def test_json_of_a_law_that_was_not_judged(tiny: LawOf) -> None:
    (judgement,) = parsed(verdicts(SKIPPED, None, tiny))["judgements"]
    assert judgement["verdict"] == "SKIPPED"
    assert judgement["cells"] == []
    assert judgement["slope"] == {"estimate": None, "low": None, "high": None, "claimed": None}


def test_frame_and_trials(made: Make, tiny: LawOf) -> None:
    law = tiny()
    report = made((law, "relu", None), (law, "abs", FAILS))
    frame = report.frame
    assert frame["verdict"].tolist() == ["PASS", "FAIL"]
    assert frame["control"].tolist() == [False, True]
    assert frame["activation"].tolist() == ["relu", "abs"]
    assert frame["claimed"].tolist() == [0.5, 1.0]
    assert len(report.trials) == sum(len(entry.trials) for entry in report.entries)
    assert report.trials.groupby("control")["activation"].first().tolist() == ["relu", "abs"]


# --- the page --------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Every tag with its attributes, and the text outside style and title."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def attributes(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags if name in attrs]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def page_of(made: Make, tiny: LawOf) -> Callable[..., str]:
    def html(**changes: Any) -> str:
        law = tiny(**changes)
        return made((law, "relu", None), (law, "relu", FAILS)).to_html()

    return html


@pytest.mark.parametrize("field", ["claim", "source", "note", "theorem"])
def test_the_page_escapes_what_a_law_says(page_of: Callable[..., str], tiny: LawOf, field: str) -> None:
    more = {}
    if field == "theorem":
        more["paper"] = Paper(id="x", authors=HOSTILE, year=2020, title=f"<b>{HOSTILE}", arxiv='"><img src=x>')
    html = page_of(**{field: f'{HOSTILE} & "quoted" {{{{ 7 * 7 }}}}'}, **more)
    page = Page(html)
    assert HOSTILE not in html
    assert not page.all("script")
    assert not page.all("img")
    assert HOSTILE in page.text, "it must be there, as text"
    assert "{{ 7 * 7 }}" in page.text, "it must not be run as a template"


def test_the_page_escapes_what_a_run_says(made: Make, tiny: LawOf) -> None:
    law = tiny()
    control = Control(statement=Theta("n"), because=HOSTILE)
    report = made((law, HOSTILE, None), (law, '"><svg onload=alert(1)>', control), commit=HOSTILE, profile=HOSTILE)
    entries = tuple(replace(e, judgement=replace(e.judgement, reason=HOSTILE)) for e in report.entries)
    for html in (replace(report, entries=entries).to_html(), replace(report, entries=entries)._repr_html_()):
        page = Page(html)
        assert HOSTILE not in html
        assert not page.all("script")
        assert not [attrs for _, attrs in page.tags if any(name.startswith("on") for name in attrs)]
        assert HOSTILE in page.text


@pytest.mark.parametrize("name", [HOSTILE, "../../etc/passwd", "a b", "", "é", "x" * 81])
def test_a_name_that_is_no_name_is_refused_before_it_reaches_a_page_or_a_path(tiny: LawOf, name: str) -> None:
    with pytest.raises(InvalidInputError, match="name: expected letters"):
        tiny(name=name)


@pytest.mark.parametrize("activation", [HOSTILE, "../../x", "a/b\\c", 'u" onload="x'])
def test_a_slug_is_a_safe_file_name(made: Make, tiny: LawOf, activation: str) -> None:
    (entry,) = made((tiny(), activation, None)).entries
    assert re.fullmatch(r"[A-Za-z0-9-]+", entry.slug)


def test_the_page_fetches_nothing(page_of: Callable[..., str]) -> None:
    html = page_of(claim="see arXiv:2106.02630")
    page = Page(html)
    assert not page.attributes("src")
    assert not page.attributes("srcset")
    assert "src=" not in html
    for tag in ("script", "iframe", "object", "embed", "img", "base", "form"):
        assert not page.all(tag), tag
    for link in page.all("link"):
        assert link["href"].startswith("data:")
    for target in page.attributes("href") + page.attributes("xlink:href"):
        assert target.startswith(("#", "data:")), target
    assert "@import" not in html
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))
    namespaces = {"http://www.w3.org/1998/Math/MathML", "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\"'<> ]+", html)) <= namespaces


def test_the_page_can_be_read_by_everyone(page_of: Callable[..., str]) -> None:
    html = page_of()
    page = Page(html)
    assert html.lower().startswith("<!doctype html>")
    assert page.all("html")[0]["lang"] == "en"
    assert re.search(r"<title>[^<]*PASS[^<]*</title>", html)
    assert {"charset": "utf-8"} in page.all("meta")
    figures = page.all("figure")
    assert len(figures) == 2
    assert len(page.all("svg")) == 2
    for figure in figures:
        assert figure["role"] == "img"
        assert "n = 20" in figure["aria-label"]
        assert "n = 320" in figure["aria-label"]
        assert re.search(r"slope 0\.[45]\d\d \[", figure["aria-label"])
    assert len(page.all("h1")) == 1
    assert all("scope" in cell for cell in page.all("th"))


def test_ids_are_unique_and_links_lead_somewhere(page_of: Callable[..., str]) -> None:
    page = Page(page_of())
    ids = page.attributes("id")
    assert len(ids) == len(set(ids)) > 10
    for target in page.attributes("href") + page.attributes("xlink:href"):
        assert not target.startswith("#") or target[1:] in ids, target
    for label in page.attributes("aria-labelledby"):
        assert label in ids


def test_the_page_says_what_happened(made: Make, tiny: LawOf) -> None:
    law = tiny(claim="S pays order sqrt(n).", source="draft v3")
    text = Page(made((law, "relu", None), (law, "relu", FAILS)).to_html()).text
    for piece in (
        "1 PASS; 1 of 1 controls FAIL as they must",
        "S pays order sqrt(n).",
        "draft v3",
        "within 0.1 of the claimed 0.5",
        "It must FAIL, and does: n is not sqrt(n)",
        "abc123",
        "infinite-width random features",
    ):
        assert piece.lower() in " ".join(text.split()).lower(), piece
    bad = Page(made((law, "relu", None), (law, "relu", PASSES)).to_html()).text
    assert "It must FAIL and does not" in bad


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_page_of_a_law_without_numbers(verdict: Verdict, tiny: LawOf) -> None:
    html = verdicts(verdict, None, tiny).to_html()
    assert verdict.value in html
    assert "For the test." in html
    assert not Page(html).all("figure")


def test_the_page_does_not_call_a_limit_an_exponent(made: Make, tiny: LawOf) -> None:
    text = Page(made((tiny(statement="Limit(sqrt(n))"), "relu", None)).to_html()).text
    assert "would have rejected" in text
    assert "rejected an exponent" not in text


MEASURED = [  # quantity, model, what the terminal says, what the axis says
    ("sobolev", "rf-kernel", "S = Theta(sqrt(n))", "Sobolev seminorm S"),
    ("sensitivity", "rf-kernel", "sensitivity = Theta(sqrt(n))", "sensitivity"),
    ("lipschitz-lower", "rf-kernel", "Lip_lower = Theta(sqrt(n))", "Lipschitz constant from below, Lip_lower"),
    ("test-error", "rf-kernel", "E = Theta(sqrt(n))", "test error E"),
    ("train-error", "rf-kernel", "E_train = Theta(sqrt(n))", "training error E_train"),
    ("memorised", "rf-kernel", "memorised = Theta(sqrt(n))", "memorised fraction of the noise"),
    ("mcshane", "rf-kernel", "Lip_min = Theta(sqrt(n))", "smallest Lipschitz constant, Lip_min"),
]


@pytest.mark.parametrize(("quantity", "model", "line", "axis"), MEASURED)
def test_each_quantity_has_its_own_name(
    made: Make, tiny: LawOf, quantity: str, model: str, line: str, axis: str
) -> None:
    law = tiny(quantity=quantity, model=model)
    report = made((law, "relu", None), (law, "relu", FAILS))
    (entry, _) = report.entries
    assert words.claim(entry) == line
    assert line in printed(report)
    texts = [e.text for e in ET.fromstring(figure_svg(entry)).iter() if e.tag.endswith("text")]
    assert axis in texts
    html = report.to_html()
    assert axis in Page(html).text
    assert f"Log-log plot: {axis} with relu: " in html
    symbol = line.split(" = ")[0].split("_")[0]
    rows = re.findall(r"<math.*?</math>", html)
    stated = [re.sub(r"<[^>]*>", "", row) for row in rows if "\u0398" in row or "&#x00398;" in row]
    assert len(stated) == 4, "the summary twice, the section, the control"
    assert all(text.startswith(symbol) for text in stated), stated
    assert all("q=" not in text for text in stated)


def test_every_quantity_is_named(tiny: LawOf) -> None:
    for kind in QUANTITIES:
        law = replace_quantity(tiny(), kind)
        symbol = symbol_of(law)
        assert symbol.meaning
        assert symbol.text != kind or kind in ("sensitivity", "memorised")
    projected = replace_quantity(tiny(), {"kind": "mcshane", "projected": True})
    assert symbol_of(projected).text == "Lip_P"


def replace_quantity(law: Law, value: Any) -> Any:
    """A stand-in with another quantity: some go with few models."""
    return SimpleNamespace(quantity=quantity_of(value), model=law.model)


def test_a_quadratic_student_has_quantities_of_its_own() -> None:
    law = Law(
        name="q", model="quadratic-student", quantity="sobolev", statement="Theta(1)", path={"k": "d"},
        sizes={"d": [10, 20]},
    )  # fmt: skip
    assert symbol_of(law).meaning == "E |grad f(x)|^2 / 4, 1 for the target"


def test_the_page_shows_the_options_of_the_model(made: Make, tiny: LawOf) -> None:
    law = tiny(model={"kind": "dot-product-kernel", "kernel": "exp(2*t)", "ridge": 0.25})
    report = made((law, "relu", None))
    text = Page(report.to_html()).text
    assert "dot-product kernel, ridge = 0.25, kernel = exp(2*t)" in text
    assert "PASS any activation" in text, "relu plays no part in it"
    assert "any activation" in printed(report)
    assert "ridge" not in Page(made().to_html()).text


def test_the_page_shows_where_each_shipped_law_is_from(made: Make) -> None:
    for law in laws():
        text = " ".join(
            Page(Report((Entry(law, "relu", bare(PASS)),), {"wall_s": 1.0, "versions": {}}).to_html()).text.split()
        )
        assert f"{law.paper}; {law.theorem}" in text, law.id
        assert law.theorem


def test_the_page_shows_a_theorem_without_a_paper(made: Make, tiny: LawOf) -> None:
    assert (
        "draft v3; Theorem 2" in Page(made((tiny(source="draft v3", theorem="Theorem 2"), "relu", None)).to_html()).text
    )
    assert "derived" in Page(made((tiny(theorem="derived"), "relu", None)).to_html()).text


def test_the_page_shows_the_plugins(made: Make) -> None:
    plugins = [
        {"name": "bigtheta-bent", "version": "0.1.0", "entry_points": ["bigtheta.laws: bent-kernel"]},
        {"file": HOSTILE, "sha256": "abcdef"},
    ]
    text = Page(made(plugins=plugins).to_html()).text
    assert "bigtheta-bent 0.1.0 (bigtheta.laws: bent-kernel)" in text
    assert f"{HOSTILE}, SHA-256 abcdef" in text
    assert "plugin" not in Page(made(plugins=[]).to_html()).text


# --- figures ---------------------------------------------------------------------------------------------------------

SENSES = ["Theta(sqrt(n))", "Omega(1)", "O(n)", "Limit(sqrt(n))"]


@pytest.mark.parametrize("statement", SENSES)
def test_a_figure_is_the_same_each_time(made: Make, tiny: LawOf, statement: str) -> None:
    (entry,) = made((tiny(statement=statement), "relu", None)).entries
    (other,) = made((tiny(name="other", statement="Theta(n)"), "tanh", None)).entries
    first = figure_svg(entry)
    assert figure_svg(other) != first
    assert figure_svg(entry) == first
    assert not re.search(r"\d{4}-\d\d-\d\d|dc:date|Matplotlib v", first), "no date, no version"
    root = ET.fromstring(first)  # well-formed
    assert root.tag.endswith("svg")
    text = " ".join(element.text or "" for element in root.iter() if element.tag.endswith("text"))
    assert f"claimed {statement}" in text, "text stays text"
    assert "d = 2*n" in text


def test_figures_on_one_page_share_no_ids(made: Make, tiny: LawOf) -> None:
    report = made((tiny(), "relu", None), (tiny(), "tanh", None))
    first, second = (set(re.findall(r'\bid="([^"]+)"', figure_svg(entry))) for entry in report.entries)
    assert first
    assert not first & second


@pytest.mark.parametrize("statement", SENSES)
def test_a_figure_of_very_noisy_samples(made: Make, tiny: LawOf, statement: str) -> None:
    """A limit's interval then reaches below zero, where a log axis has no place for it."""
    report = made((tiny(statement=statement), "relu", None), sd=2.0, count=4)
    (entry,) = report.entries
    assert ET.fromstring(figure_svg(entry)).tag.endswith("svg")
    assert "nan" not in figure_svg(entry).lower()
    assert parsed(report)["judgements"][0]["cells"]


# --- files -----------------------------------------------------------------------------------------------------------


def test_what_is_written(made: Make, tiny: LawOf, tmp_path: Path) -> None:
    law = tiny()
    report = made((law, "relu", None), (law, "relu", FAILS), (tiny(name="two"), "tanh", None))
    folder = report.write(tmp_path / "deep" / "down")
    assert folder == tmp_path / "deep" / "down"
    assert sorted(p.name for p in folder.iterdir()) == ["figures", "report.html", "report.json", "trials.csv"]
    assert sorted(p.stem for p in (folder / "figures").iterdir()) == sorted(e.slug for e in report.entries)
    assert json.loads((folder / "report.json").read_text(encoding="utf-8")) == report.to_dict()
    assert (folder / "report.html").read_text(encoding="utf-8") == report.to_html()
    assert len(pd.read_csv(folder / "trials.csv")) == len(report.trials)
    before = (folder / "report.json").read_bytes()
    report.write(folder)
    assert (folder / "report.json").read_bytes() == before, "written again, the same"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidInputError, match=r"cannot write the report to .*file.*: Not a directory"):
        make_folder(tmp_path / "file" / "report")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("one", "other"), [("u*tanh(u)", "u+tanh(u)"), ("u**2", "u*2")])
def test_slugs_are_unique(made: Make, tiny: LawOf, tmp_path: Path, one: str, other: str) -> None:
    law = tiny()
    report = made((law, one, None), (law, other, None))
    folder = report.write(tmp_path)
    assert len(list((folder / "figures").iterdir())) == 2
    ids = Page(report.to_html()).attributes("id")
    assert len(ids) == len(set(ids))


def papers(*names: str) -> list[Paper]:
    return [Paper(id=name, authors="S. One", year=2020, title="T", arxiv="2001.00001") for name in names]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"statement": "Theta(n)"}),
        ({"name": "a.b"}, {"name": "a-b"}),
        ({"name": "tiny"}, {"name": "Tiny"}),
        ({"name": "b-c", "paper": papers("a")[0]}, {"name": "c", "paper": papers("a-b")[0]}),
        ({"paper": papers("a")[0]}, {"paper": papers("b")[0]}),
    ],
    ids=["one name", "punctuation", "case", "where the paper ends", "two papers"],
)
def test_slugs_of_two_laws_are_unique(
    made: Make, tiny: LawOf, tmp_path: Path, one: dict[str, Any], other: dict[str, Any]
) -> None:
    report = made((tiny(**one), "relu", None), (tiny(**other), "relu", None), (tiny(**one), "relu", FAILS))
    folder = report.write(tmp_path)
    files = {path.name.lower() for path in (folder / "figures").iterdir()}
    assert len(files) == 3
    assert files == {f"{entry.slug}.svg".lower() for entry in report.entries}
    ids = Page(report.to_html()).attributes("id")
    assert len(ids) == len(set(ids))
    again = Report(report.entries, report.provenance)
    assert [entry.slug for entry in again.entries] == [entry.slug for entry in report.entries]


def test_a_slug_says_what_it_is_of(made: Make, tiny: LawOf) -> None:
    law = tiny(paper=PAPER)
    report = made((law, "relu", None), (law, "relu", FAILS), (law, "relu", PASSES))
    assert report.entries[0].slug == "someone2020-tiny-relu"
    assert [entry.slug.rsplit("-", 1)[0] for entry in report.entries[1:]] == [
        "someone2020-tiny-relu-control-Theta-n",
        "someone2020-tiny-relu-control-Omega-1",
    ]


def test_two_formulas_have_two_names() -> None:
    assert activation("u*tanh(u)").name != activation("u+tanh(u)").name


# --- words -----------------------------------------------------------------------------------------------------------


def test_words(made: Make, tiny: LawOf) -> None:
    law = tiny()
    report = made((law, "relu", None), (law, "relu", FAILS), (law, "abs", PASSES))
    entry, failing, passing = report.entries
    j = entry.judgement
    assert words.claim(entry) == "S = Theta(sqrt(n))"
    assert words.estimate(j) == f"slope {j.estimate:.3f} [{j.low:.3f}, {j.high:.3f}]"
    assert words.rejects(j) == f"rejects below {j.rejects_below:.3g} and above {j.rejects_above:.3g}"
    assert words.control_line([failing]) == "control Theta(n): FAIL as it must"
    assert words.control_line([failing, passing]) == (
        "control Theta(n): FAIL as it must; control Omega(1): PASS but it must FAIL"
    )
    assert words.control_line([]) == ""
    assert words.summary(report) == "1 PASS; 1 of 2 controls FAIL as they must"
    assert words.command(report, entry) == "", "a law of the user's own has no name to repeat it by"


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("Omega(1)", r"rejects above [\d.]+"),
        ("O(n)", r"rejects below [\d.]+"),
        ("Limit(sqrt(n))", r"rejects below .* and above"),
    ],
)
def test_words_of_one_sided_claims(made: Make, tiny: LawOf, statement: str, text: str) -> None:
    (entry,) = made((tiny(statement=statement), "relu", None)).entries
    assert re.match(text, words.rejects(entry.judgement))
    assert words.estimate(entry.judgement).startswith("limit " if "Limit" in statement else "slope ")


def test_words_of_nothing() -> None:
    assert words.estimate(bare(ERROR)) == ""
    assert words.rejects(bare(ERROR)) == ""


def test_the_summary_counts_each_verdict(made: Make, tiny: LawOf) -> None:
    laws = [tiny(), tiny(name="b"), tiny(name="c", statement="Theta(n)"), tiny(name="d", statement="Theta(1)")]
    assert words.summary(made(*((law, "relu", None) for law in laws))) == "2 PASS, 2 FAIL"


PAPER = Paper(id="someone2020", authors="S. One", year=2020, title="T", arxiv="2001.00001")


@pytest.mark.parametrize(("about", "amount"), [({}, "--profile quick"), ({"profile": None, "trials": 5}, "--trials 5")])
def test_the_command_that_repeats_a_shipped_law(made: Make, tiny: LawOf, about: dict[str, Any], amount: str) -> None:
    report = made((tiny(paper=PAPER), "relu", None), **about)
    expected = f"bigtheta verify someone2020/tiny -a relu {amount} --seed 7"
    assert words.command(report, report.entries[0]) == expected
    assert f"<code>{expected}</code>" in report.to_html()


def test_the_command_that_repeats_a_control(made: Make, tiny: LawOf) -> None:
    law = tiny(paper=PAPER, activations=("relu", "tanh"))
    report = made((law, "tanh", None), (law, "tanh", Control(statement=BigO("1"), because="no")))
    assert " -a tanh " in words.command(report, report.entries[1])


def test_the_command_that_repeats_a_formula(made: Make, tiny: LawOf) -> None:
    act = activation("u*tanh(u)")
    report = made((tiny(paper=PAPER), act.name, None))
    given = shlex.split(words.command(report, report.entries[0]))
    assert activation(given[given.index("-a") + 1]).key == act.key


# --- the terminal ----------------------------------------------------------------------------------------------------


def printed(report: Report, **options: Any) -> str:
    stream = io.StringIO()
    print_report(report, Console(file=stream, **options))
    return stream.getvalue()


def test_the_terminal_is_plain_when_nobody_watches(made: Make, tiny: LawOf, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    law = tiny()
    report = made((law, "relu", None), (law, "relu", FAILS), (tiny(name="wrong", statement="Theta(n)"), "relu", None))
    plain = printed(report)
    assert "\x1b" not in plain
    assert "\x1b[" in printed(report, force_terminal=True, color_system="standard"), "and coloured when somebody does"
    lines = plain.splitlines()
    assert len(lines) == 4, "a line a law, a reason for the one that FAILs, and the counts; never wrapped"
    assert lines[0].startswith("PASS  ")
    assert "control Theta(n): FAIL as it must" in lines[0]
    assert lines[1].startswith("FAIL  ")
    assert "which excludes the claimed 1" in lines[2]
    assert lines[3] == "FAIL  1 PASS, 1 FAIL; 1 of 1 controls FAIL as they must  (2 s)"
    assert "S = Theta(sqrt(n))" in lines[0]
    assert words.estimate(report.entries[0].judgement) in lines[0]


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_verdict_stands_apart_from_the_law(verdict: Verdict, tiny: LawOf) -> None:
    lines = printed(verdicts(verdict, None, tiny)).splitlines()
    assert re.match(rf"{verdict.value} {{2,}}tiny  relu  S = ", lines[0])
    columns = {printed(verdicts(v, None, tiny)).index("tiny") for v in Verdict}
    assert len(columns) == 1, "whatever the verdict, the law is in the same column"
    if verdict is not PASS:
        assert lines[1].index("for the test") == lines[0].index("tiny")


def test_the_terminal_takes_markup_literally(tiny: LawOf) -> None:
    entry = Entry(tiny(), "relu", replace(bare(ERROR), reason="[red]not markup[/red] [link=x]"))
    assert "[red]not markup[/red] [link=x]" in printed(Report((entry,), {"wall_s": 0.0}))


def test_a_control_of_a_law_is_printed_once(made: Make, tiny: LawOf) -> None:
    law = tiny()
    report = made((law, "relu", None), (law, "tanh", None), (law, "relu", FAILS))
    assert printed(report).count("control Theta(n)") == 1


@pytest.mark.parametrize("verdict", [INCONCLUSIVE, ERROR, SKIPPED, FAIL])
def test_the_reason_is_printed_unless_it_passes(tiny: LawOf, verdict: Verdict) -> None:
    text = printed(verdicts(verdict, None, tiny))
    assert text.splitlines()[0].startswith(verdict.value)
    assert "for the test" in text
    assert "for the test" not in printed(verdicts(PASS, None, tiny))


def test_judging_is_where_the_numbers_come_from(made: Make) -> None:
    """The report adds nothing of its own: its judgement is that of judge on the trials it carries."""
    (entry,) = made().entries
    groups = [group.to_numpy() for _, group in entry.trials.groupby("n")["value"]]
    sizes = sorted(entry.trials["n"].unique().tolist())
    again = judge({"n": sizes, "d": [2 * n for n in sizes]}, groups, Theta("sqrt(n)"), 0.1)
    assert again == entry.judgement
    assert judge({"n": sizes}, groups, Limit("sqrt(n)")).verdict is PASS
