r"""Marks of a Markdown page: any text taken literally, and mathematics that GitHub and arithmatex set alike.

Markdown reads `_`, `*`, `|`, `<`, `[a](b)` and a backslash before punctuation inside $...$ too, before the mathematics
is set. So formulas are written without them: \lt for <, \vert for |, and spaces around each underscore.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from bigtheta.theory.errors import printable
from bigtheta.verify.report import markdown
from bigtheta.verify.report.facts import ControlFacts, LawFacts, Stated
from bigtheta.verify.report.plain import is_plain_math

__all__ = ["claimed", "details", "formula", "literal", "paragraph", "prose", "stated", "table"]

_SAFE = (
    (r"\{", r"\lbrace "), (r"\}", r"\rbrace "), (r"\,", " "), (r"\;", " "), (r"\!", ""), ("\\ ", " "),
    ("|", r"\vert "), ("<", r"\lt "), (">", r"\gt "), ("*", r"\ast "), ("](", "] ("), ("][", "] ["), ("_", " _ "),
)  # fmt: skip
_OPENS_BLOCK = re.compile(r"[-+=]|\d+(?=[.)])")
_PEAK = re.compile(r"\\text\{(peaks?) at \} (.*)")
_LIMIT = re.compile(r"\\lim\\left\((.*)\\right\)")
_SIZE = re.compile(r"\b[ndkp]\b")


def formula(latex: str) -> str:
    r"""Return LaTeX as mathematics within a line, with no sign left in it that Markdown would take for its own.

    >>> print(formula(r"|A|_{\mathrm{op}} < \sqrt[3]{n}"))
    $\vert A\vert _ {\mathrm{op}} \lt \sqrt[3]{n}$
    """
    for mark, safe in _SAFE:
        latex = latex.replace(mark, safe)
    return f"${' '.join(latex.split())}$"


def prose(text: str) -> str:
    r"""Return text of our own, in which what stands between dollars is mathematics.

    >>> print(prose(r"**frozen** $w_j$"))
    **frozen** $w _ j$
    """
    return re.sub(r"\$([^$]+)\$", lambda found: formula(found[1]), text)


def literal(text: str) -> str:
    r"""Return text on one line in which Markdown finds no marks, and a reader no control characters.

    >>> print(literal("a_1 | $x$" + chr(27)))
    a\_1 \| &#36;x&#36;\\x1b
    """
    return markdown.literal(printable(" ".join(text.split()))).replace(r"\$", "&#36;")


def paragraph(text: str) -> str:
    r"""Return text as a paragraph: literal, and no list or heading whatever it begins with.

    >>> print(paragraph("1. first"), paragraph("- x"))
    1\. first \- x
    """
    line = literal(text)
    found = _OPENS_BLOCK.match(line)
    if found is None:
        return line
    digits = found[0].isdigit()
    return f"{found[0]}\\{line[found.end() :]}" if digits else f"\\{line}"


def stated(said: Stated) -> str:
    """Return mathematics, or its text where there is no LaTeX."""
    return formula(said.latex) if said.latex else literal(said.text)


def claimed(law: LawFacts, control: ControlFacts | None = None) -> str:
    r"""Return what a law, or its control, claims of its quantity.

    A limit tends to a number, and is asymptotic to a formula in the sizes.

    >>> from bigtheta.verify.report.symbols import Symbol
    >>> law = LawFacts(id="x", statement=Stated("Limit(2)", r"\lim\left(2\right)"), symbol=Symbol("S", "S", "S", ""))
    >>> print(claimed(law))
    $S \to 2$
    """
    said = (control.statement if control is not None else None) or law.statement
    symbol = Stated(law.symbol.text, law.symbol.latex)
    if not (said.latex and symbol.latex):
        return literal(f"{symbol.text} = {said.text}")
    if found := _PEAK.fullmatch(said.latex):
        return f"{stated(symbol)} has its {found[1]} at {formula(found[2])}"
    if (found := _LIMIT.fullmatch(said.latex)) and is_plain_math(found[1]):
        sign = r"\sim" if _SIZE.search(said.text) else r"\to"
        return formula(rf"{symbol.latex} {sign} {found[1]}")
    return formula(f"{symbol.latex} = {said.latex}")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; its cells are Markdown already."""
    return [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]


def details(summary: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table that opens at a click; its cells are plain text, and no Markdown is read in it."""
    lines = [f"<details><summary>{_raw(summary)}</summary>", "<table>", _row("th", head)]
    return [*lines, *(_row("td", row) for row in rows), "</table>", "</details>"]


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_raw(cell)}</{tag}>' for cell in cells)}</tr>"


def _raw(text: str) -> str:
    """Text within HTML, on one line."""
    return html.escape(printable(" ".join(text.split()))).replace("$", "&#36;")
