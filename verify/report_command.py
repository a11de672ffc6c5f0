"""`bigtheta report`: finished reports in another format, or two beside each other; nothing is simulated."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bigtheta.verify.report.report import Report

__all__ = ["report"]

FORMATS = ("html", "md", "tex", "junit", "csv", "json", "pages", "coverage")
_OUT_HELP = "Write to FILE instead of standard output; with pages, the folder they go to."
_FORMAT_HELP = "Of two reports compared: json, or lines of text.  [default: md]"
_COMPARE_HELP = "What changed from the report in A to the one in B; exit code 0 if no verdict did, 1 otherwise."


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="[DIR]...")
@click.option("--format", "form", type=click.Choice(FORMATS), help=_FORMAT_HELP)
@click.option("--compare", nargs=2, type=click.Path(path_type=Path), metavar="A B", help=_COMPARE_HELP)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help=_OUT_HELP)
def report(
    folders: tuple[Path, ...], form: str | None, compare: tuple[Path, Path] | None, out: Path | None
) -> None:  # fmt: skip
    """Render the report of a folder that `verify` or `check` wrote, from its report.json; nothing is simulated.

    LaTeX is for \\input, needs booktabs and graphicx, and comes with figures as PDF: in `figures` beside FILE, or in
    DIR/figures. Pages are a Markdown page a paper, with figures. Coverage is one table of every shipped law, with a
    column for each profile; it takes any number of reports, of which a later one counts where two judge the same.

    \b
    bigtheta report bigtheta-report/2025-01-31-120000 --format md
    bigtheta report DIR --format tex --out paper/laws.tex
    bigtheta report DIR --format pages --out docs/papers
    bigtheta report QUICK STANDARD --format coverage --out docs/coverage.md
    bigtheta report --compare before after --format json
    """
    from bigtheta.theory.errors import InvalidInputError

    if bool(folders) == (compare is not None):
        raise InvalidInputError("report: expected a folder such as bigtheta-report/DATE, or --compare A B")
    if compare is not None:
        _compare(compare, form, out)
    elif form == "coverage":
        _write(_coverage(folders, out), out)
    elif len(folders) > 1:
        raise InvalidInputError(f"report: expected one folder but got {len(folders)}; coverage alone takes several")
    elif form == "pages":
        _pages(folders[0], out)
    else:
        _write(_rendered(folders[0], form or "md", out), out)


def _compare(compare: tuple[Path, Path], form: str | None, out: Path | None) -> None:
    """Say what changed, and exit with 1 if a verdict did."""
    from bigtheta.theory.errors import InvalidInputError
    from bigtheta.verify.report.difference import as_dict, changes, lines
    from bigtheta.verify.report.read import read_report

    if form not in (None, "json"):
        raise InvalidInputError(f"report: --compare prints lines of text, or json, but got --format {form}")
    found = changes(*map(read_report, compare))
    if form == "json":
        text = json.dumps(as_dict(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    else:
        text = "".join(f"{line}\n" for line in lines(found))
    _write(text, out)
    sys.exit(int(any(change.changed for change in found)))


def _rendered(folder: Path, form: str, out: Path | None) -> str:
    from bigtheta.verify.report.read import read_report

    read = read_report(folder)
    if form == "tex":
        return _latex(read, folder, out)
    render = {
        "html": read.to_html, "md": read.to_markdown, "junit": read.to_junit, "csv": read.to_csv, "json": read.to_json,
    }  # fmt: skip
    return render[form]()


def _pages(folder: Path, out: Path | None) -> None:
    """Write the pages, and print where they are."""
    from bigtheta.theory.errors import InvalidInputError
    from bigtheta.verify.report.pages import write_pages
    from bigtheta.verify.report.read import read_report

    if out is None:
        raise InvalidInputError(
            "report: pages are files with figures beside them; name a folder, as in --out docs/papers"
        )
    for page in write_pages(read_report(folder), out):
        click.echo(str(page))


def _coverage(folders: tuple[Path, ...], out: Path | None) -> str:
    """The table of every shipped law; with links where the papers' pages lie in `papers` beside it."""
    from bigtheta.theory.law import laws
    from bigtheta.verify.report.coverage import coverage
    from bigtheta.verify.report.read import read_report

    beside = out is not None and (out.parent / "papers").is_dir()
    return coverage([read_report(folder) for folder in folders], laws(), papers="papers" if beside else None)


def _latex(read: Report, folder: Path, out: Path | None) -> str:
    """The text, its figures written."""
    from bigtheta.verify.report.latex import write_figures

    beside = (folder if folder.is_dir() else folder.parent) if out is None else out.parent
    write_figures(read, beside / "figures")
    name = "figures" if out is not None else (beside / "figures").as_posix()
    return read.to_latex(name if re.fullmatch(r"[\w./-]+", name, re.ASCII) else "figures")


def _write(text: str, out: Path | None) -> None:
    from bigtheta.theory.errors import InvalidInputError
    from bigtheta.verify.report.files import write_whole

    if out is None:
        click.echo(text.encode(), nl=False)
        return
    try:
        write_whole(out, text)
    except OSError as error:
        raise InvalidInputError(f"out: cannot write {str(out)!r}: {error.strerror or error}") from error
