"""A Markdown page a paper, with a section for each of its laws: the tool's own account of what it found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from zlib import crc32

from bigtheta.verify.report import words
from bigtheta.verify.report.definitions import setting
from bigtheta.verify.report.facts import LawFacts
from bigtheta.verify.report.files import staged, unwritable
from bigtheta.verify.report.image import figure_image
from bigtheta.verify.report.marks import claimed, literal, table
from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.report.section import FIGURES, law_name, section
from bigtheta.verify.verdict import Verdict

__all__ = ["INDEX", "page_name", "pages", "provenance_lines", "write_pages"]

INDEX = "README.md"
"""The page that lists the others."""
_REFERENCE = re.compile(r"(?P<authors>.+?) \((?P<year>\d{4})\)\. (?P<title>.+)\. arXiv:(?P<arxiv>[\w.-]+(?:/\d+)?)")
_ANCHOR = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TAKEN = {"setting", "provenance"}
_READING = (
    "PASS: the 90% interval lies within the margin of the claim. FAIL: the 99% interval excludes the claim. "
    "INCONCLUSIVE: neither. A PASS is no proof: it says what these sizes and trials could not refute, and "
    "`bigtheta calibrate` counts how often such verdicts are wrong. A control is a claim known to be false, which must "
    "FAIL."
)

Group = tuple[LawFacts, list[Entry]]


def pages(report: Report) -> dict[str, str]:
    """Return every page by its file name, the index among them: same report, same text.

    >>> sorted(pages(Report((), {"versions": {}, "seed": 0})))
    ['README.md']
    """
    papers = _papers(report)
    found = {page_name(paper): _page(report, paper, groups) for paper, groups in papers.items()}
    return {INDEX: _index(report, papers), **found}


def write_pages(report: Report, folder: Path) -> list[Path]:
    """Write the pages into a folder and their figures, an SVG each, into `figures` there; return the pages.

    Raises:
        InvalidInputError: if the folder cannot be written.
    """
    written = []
    try:
        (folder / FIGURES).mkdir(parents=True, exist_ok=True)
        with staged(folder) as writing:
            (writing / FIGURES).mkdir()
            for entry in report.entries:
                if entry.control is None and entry.judgement.cells:
                    (writing / FIGURES / f"{entry.slug}.svg").write_text(figure_image(entry), encoding="utf-8")
            for name, text in pages(report).items():
                (writing / name).write_text(text, encoding="utf-8")
                written.append(folder / name)
    except OSError as error:
        raise unwritable("pages", folder, error) from error
    return written


def page_name(paper: str) -> str:
    """Return the file name of a paper's page; what no plain file name can hold is told apart by a number.

    >>> page_name("dohmatob2021"), page_name("../x"), page_name("")
    ('dohmatob2021.md', 'x-1fb8ad98.md', 'no-paper.md')
    """
    if not paper:
        return "no-paper.md"
    plain = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in paper).lower().split())[:80]
    if plain == paper and plain != "readme":
        return f"{plain}.md"
    return f"{plain or 'paper'}-{crc32(paper.encode('utf-8', 'replace')):08x}.md"


def provenance_lines(report: Report) -> Iterator[str]:
    """Yield where the numbers come from, a point a line."""
    about = report.provenance
    if told := words.interruption(report):
        yield literal(told)
    for name, value in about.items():
        if name == "wall_s" and value is not None:
            yield f"wall time {value:.0f} s"
        elif name not in ("versions", "plugins", "partial", "command") and value is not None:
            yield literal(f"{name} {value}")
    if versions := about.get("versions"):
        yield literal(", ".join(f"{name} {version}" for name, version in versions.items()))
    for plugin in about.get("plugins") or ():
        yield literal("plugin " + ", ".join(f"{name} {value}" for name, value in plugin.items()))


def _papers(report: Report) -> dict[str, list[Group]]:
    """The laws of each paper with their judgements, in the order they were judged; "" for laws of none."""
    groups: dict[int, Group] = {}
    for entry in report.entries:
        groups.setdefault(id(entry.about), (entry.facts, []))[1].append(entry)
    papers: dict[str, list[Group]] = {}
    for facts, entries in groups.values():
        papers.setdefault(facts.paper, []).append((facts, entries))
    return papers


def _page(report: Report, paper: str, groups: Sequence[Group]) -> str:
    about = report.provenance
    amount = f"profile {about['profile']}" if about.get("profile") else f"{about.get('trials')} trials"
    own = Report(tuple(entry for _, entries in groups for entry in entries), about)
    told = words.interruption(report)
    lines = [*_title(paper, groups[0][0].reference), "", *([f"**{literal(told)}.**", ""] if told else [])]
    lines += [f"**{literal(words.summary(own))}** ({literal(amount)})."]
    lines += ["", _READING, "", *_summary(groups), ""]
    lines += ["## Setting", "", *(f"- {line}" for line in setting([facts for facts, _ in groups])), ""]
    for facts, entries in groups:
        lines += section(report, facts, entries)
    lines += ["## Provenance", "", "Made by `bigtheta report DIR --format pages` from the report of one run:", ""]
    return "\n".join([*lines, *(f"- {line}" for line in provenance_lines(report))]) + "\n"


def _title(paper: str, reference: str) -> Iterator[str]:
    """The paper's title, authors, year and link."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        yield f"# {literal(paper or 'Laws of no paper')}"
        yield from ["", literal(reference)] if reference else []
        return
    link = f"[arXiv:{found['arxiv']}](https://arxiv.org/abs/{found['arxiv']})".replace("_", "%5F")
    yield from (f"# {literal(found['title'])}", "", f"{literal(found['authors'])}, {found['year']}. {link}")


def _summary(groups: Sequence[Group]) -> list[str]:
    rows = []
    for facts, entries in groups:
        name = law_name(facts)
        link = f"[{literal(name)}](#{name})" if _ANCHOR.fullmatch(name) and name not in _TAKEN else literal(name)
        verdicts = ", ".join(_verdict(entry) for entry in entries if entry.control is None)
        rows.append((link, claimed(facts), verdicts or "–", _controls(entries)))
    return table(("Law", "Statement", "Verdicts", "Controls that FAIL"), rows)


def _verdict(entry: Entry) -> str:
    """The verdict and for what; bold where it is not PASS."""
    said = entry.verdict.value if entry.verdict is Verdict.PASS else f"**{entry.verdict.value}**"
    return f"{literal(words.activation(entry))} {said}"


def _controls(entries: Sequence[Entry]) -> str:
    controls = [entry for entry in entries if entry.control is not None]
    failed = sum(entry.verdict is Verdict.FAIL for entry in controls)
    return f"{failed} of {len(controls)}" if controls else "not run"


def _index(report: Report, papers: Mapping[str, Sequence[Group]]) -> str:
    rows = []
    for paper, groups in papers.items():
        entries = [entry for _, found in groups for entry in found]
        counts = Counter(entry.verdict for entry in entries if entry.control is None)
        verdicts = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])
        reference = groups[0][0].reference or paper or "laws of no paper"
        rows.append(
            (f"[{literal(paper or 'none')}]({page_name(paper)})", literal(reference), str(len(groups)), verdicts)
        )
    told = words.interruption(report)
    lines = ["# Papers", "", *([f"**{literal(told)}.**", ""] if told else [])]
    lines += [f"{literal(words.summary(report))}. Made by `bigtheta report DIR --format pages`.", ""]
    return "\n".join([*lines, *table(("Page", "Paper", "Laws", "Verdicts"), rows)]) + "\n"
