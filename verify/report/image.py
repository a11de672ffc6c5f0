"""The figure of a judgement as an image file of its own: small, legible on any page, the same each time."""

from __future__ import annotations

import re
from typing import Any

from bigtheta.verify.report import words
from bigtheta.verify.report.figure import INK, draw, svg
from bigtheta.verify.report.report import Entry

__all__ = ["figure_image"]

WIDTH = 400
"""Pixels; two such figures stand beside each other on a page of usual width, one on a phone."""
_INK = "#1f2328"
_NUMBERS = re.compile(r'(?<= )(d|x|y|transform|points)="([^"]*)"')
_LONG = re.compile(r"-?\d+\.\d{2,}")
_VIEW = re.compile(r'width="100%" viewBox="0 0 ([\d.]+) ([\d.]+)"')


def figure_image(entry: Entry) -> str:
    """Return the figure as SVG text: titled with the activation, ink on white, coordinates to a tenth of a point.

    As an image it takes no colour from its page, so it has a ground of its own.
    """

    def paint(ax: Any) -> None:
        draw(entry, ax)
        ax.set_title(words.activation(entry), fontsize=11.5, color=INK, parse_math=False)

    text = svg(paint, "f")
    text = re.sub(r"<!--.*?-->| transform=\"rotate\(-?0 [^\"]*\"", "", text, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;\"]*", "font-family: sans-serif", text)
    used = set(re.findall(r"#([\w.-]+)", text))
    text = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", text)
    text = _NUMBERS.sub(lambda found: f'{found[1]}="{_rounded(found[2])}"', text)
    text = re.sub(r">\s+<", "><", text)
    found = _VIEW.search(text)
    if found is not None:
        height = round(WIDTH * float(found[2]) / float(found[1]))
        size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {found[1]} {found[2]}" color="{_INK}"'
        text = text[: found.start()] + size + text[found.end() :]
    return text.replace(">", '><rect width="100%" height="100%" fill="#fff"/>', 1) + "\n"


def _rounded(coordinates: str) -> str:
    """Coordinates to a tenth, white space as one space."""
    return " ".join(_LONG.sub(lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), coordinates).split())
