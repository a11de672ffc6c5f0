"""Read docstrings as they are meant: examples are fenced, since Markdown takes `>>>` for three quotation levels."""

from __future__ import annotations

import re
from typing import Any

import griffe

__all__ = ["Examples"]

_EXAMPLE = re.compile(r"(?:^[ ]*>>>.*(?:\n(?![ ]*$).*)*(?:\n|\Z))+", re.MULTILINE)
_ITEM = re.compile(r"    [^ ].*:( |$)")
_DIRECTIVE = re.compile(r"[ ]*#[ ]*doctest:.*$", re.MULTILINE)


class Examples(griffe.Extension):
    """Turns each example into a fenced block, without its doctest directives, and joins the lines of an argument."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of whatever is loaded."""
        if obj.docstring is not None:
            obj.docstring.value = _joined(_EXAMPLE.sub(_fenced, obj.docstring.value))


def _joined(text: str) -> str:
    lines: list[str] = []
    inside = False
    for line in text.split("\n"):
        if inside and re.match(r"    [^ ]", line) and not _ITEM.match(line):
            lines[-1] += f" {line.strip()}"
            continue
        inside = line == "Args:" or (inside and line.startswith("    "))
        lines.append(line)
    return "\n".join(lines)


def _fenced(found: re.Match[str]) -> str:
    text = _DIRECTIVE.sub("", found[0]).rstrip("\n")
    return f"```pycon\n{text}\n```\n"
