"""Set the mathematics of a page as MathML when the site is built, so that no script runs and nothing is fetched."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert
from latex2mathml.exceptions import InvalidWidthError, NoAvailableTokensError
from mkdocs.exceptions import PluginError

__all__ = ["on_page_content"]

_SPAN = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(content: str, *, page: object, **_: object) -> str:
    """Replace what arithmatex has marked; mathematics that cannot be set is an error of the build."""

    def mathml(found: re.Match[str]) -> str:
        latex = html.unescape(found[3]).strip()
        try:
            made = convert(latex, display="block" if found[2] == "[" else "inline")
        except (InvalidWidthError, NoAvailableTokensError, ValueError, IndexError) as error:
            raise PluginError(f"{page}: cannot set the mathematics {latex!r}: {error}") from error
        if unknown := re.search(r"<m[iot][a-z]*>\\\w+", made):
            raise PluginError(f"{page}: in {latex!r}, {unknown[0]} is not known to latex2mathml")
        return made if found[2] == "(" else f'<div style="overflow-x: auto">{made}</div>'  # wide ones scroll

    return _SPAN.sub(mathml, content)
