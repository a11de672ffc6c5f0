"""`bigtheta report`: a finished report in another format, or two reports beside each other; nothing is simulated."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bigtheta.verify.report.report import Report

__all__ = ["report"]

FORMATS = ("html", "md", "tex", "junit", "csv")
_OUT_HELP = "Write to FILE instead of standard output."
_COMPARE_HELP = "What changed from the report in A to the one in B; exit code 0 if no verdict did, 1 otherwise."


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--format", "form", type=click.Choice(FORMATS), default="md", show_default=True)
@click.option("--compare", nargs=2, type=click.Path(path_type=Path), metavar="A B", help=_COMPARE_HELP)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help=_OUT_HELP)
def report(folder: Path | None, form: str, compare: tuple[Path, Path] | None, out: Path | None) -> None:
    """Render the report of a folder that `verify` or `check` wrote, from its report.json; nothing is simulated.

    LaTeX is for \\input, needs booktabs and graphicx, and comes with figures as PDF: in `figures` beside FILE, or in
    DIR/figures.

    \b
    bigtheta report bigtheta-report/2025-01-31-120000 --format md
    bigtheta report DIR --format tex --out paper/laws.tex
    bigtheta report --compare before after
    """
    from bigtheta.theory.errors import InvalidInputError
    from bigtheta.verify.report.read import read_report

    if (folder is None) == (compare is None):
        raise InvalidInputError("report: expected a folder such as bigtheta-report/DATE, or --compare A B")
    if compare is not None:
        from bigtheta.verify.report.difference import changes, lines

        found = changes(*map(read_report, compare))
        _write("".join(f"{line}\n" for line in lines(found)), out)
        sys.exit(int(any(change.changed for change in found)))
    assert folder is not None
    read = read_report(folder)
    render = {"html": read.to_html, "md": read.to_markdown, "junit": read.to_junit, "csv": read.to_csv}
    text = _latex(read, folder, out) if form == "tex" else render[form]()
    _write(text, out)


def _latex(read: Report, folder: Path, out: Path | None) -> str:
    """The text, its figures written."""
    from bigtheta.verify.report.latex import write_figures

    beside = (folder if folder.is_dir() else folder.parent) if out is None else out.parent
    write_figures(read, beside / "figures")
    name = "figures" if out is not None else (beside / "figures").as_posix()
    return read.to_latex(name if re.fullmatch(r"[\w./-]+", name, re.ASCII) else "figures")


def _write(text: str, out: Path | None) -> None:
    from bigtheta.theory.errors import InvalidInputError

    if out is None:
        click.echo(text.encode(), nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"out: cannot write {str(out)!r}: {error.strerror or error}") from error
