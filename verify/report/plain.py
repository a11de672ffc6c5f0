"""Which LaTeX is a formula and nothing else, so that it can be set and shown whoever wrote it."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["is_plain_math"]

MAX_LENGTH, MAX_DEPTH = 2000, 20

_SYMBOLS = (
    "Gamma|Omega|Theta|acos|asin|atan|cdot|cosh?|exp|gamma|geq?|infty|lambda|leq?|lim|ln|log|max|min|mu|neq?|phi|pi|psi|"
    "quad|sigma|sinh?|tanh?|zeta|[lr](?:ceil|floor)"
)
_COMMANDS = {"frac": 2, "sqrt": 1, "mathrm": 1, "operatorname": 1, "tilde": 1}
_TOKEN = re.compile(
    rf"\s*(?:\\(?P<command>{'|'.join(_COMMANDS)}|text|left|right)(?![A-Za-z])|\\(?:{_SYMBOLS})(?![A-Za-z])|\\[,;! ]|"
    r"[A-Za-z0-9+\-*/=<>().,;:|!\[\]]|(?P<mark>[_^{}]))"
)
_DELIMITER = re.compile(r"\s*(?:[()\[\]|.]|\\[{}]|\\[lr](?:ceil|floor)(?![A-Za-z]))")
_WORDS = re.compile(r"\{[A-Za-z0-9 ]*\}")
_SCRIPT = re.compile(r"[A-Za-z0-9]")
_ROOT = re.compile(r"\[\d+\]")


class _NotPlainError(Exception):
    """The text is more than a formula, or less."""


@lru_cache(maxsize=4096)
def is_plain_math(latex: str) -> bool:
    r"""Whether text is a formula of known commands, complete, that LaTeX and MathML can both set.

    formula := (atom script*)*; atom := {formula} | \frac{}{} | \sqrt{} | ... | \left( formula \right) | a symbol.

    >>> is_plain_math(r"\Theta\left(\sqrt{n}\right)"), is_plain_math(r"\input{/etc/passwd}"), is_plain_math("x}{")
    (True, False, False)
    """
    if len(latex) > MAX_LENGTH:
        return False
    try:
        end = _formula(latex, 0, 0)
    except _NotPlainError:
        return False
    return not latex[end:].strip() and bool(latex.strip() or not latex)


def _formula(text: str, at: int, depth: int) -> int:
    r"""Read atoms until something else, such as } or \right; return where."""
    if depth > MAX_DEPTH:
        raise _NotPlainError
    scripts = "_^"  # at the start one may stand without an atom, but not twice
    while (token := _TOKEN.match(text, at)) is not None:
        mark, command = token["mark"], token["command"]
        if mark == "}" or command == "right":
            break
        if mark in ("_", "^"):
            if mark not in scripts:
                raise _NotPlainError
            scripts = scripts.replace(mark, "")
            script = _SCRIPT.match(text, token.end())
            at = script.end() if script is not None else _group(text, token.end(), depth)
            continue
        scripts = "_^"
        if mark == "{":
            at = _group(text, token.start(), depth)
        elif command == "left":
            at = _formula(text, _delimiter(text, token.end()), depth + 1)
            closing = _TOKEN.match(text, at)
            if closing is None or closing["command"] != "right":
                raise _NotPlainError
            at = _delimiter(text, closing.end())
        elif command == "text":
            at = _found(_WORDS.match(text, token.end()))
        elif command is not None:
            at = token.end()
            if command == "sqrt" and (root := _ROOT.match(text, at)) is not None:
                at = root.end()
            for _ in range(_COMMANDS[command]):
                at = _group(text, at, depth)
        else:
            at = token.end()
    return at


def _group(text: str, at: int, depth: int) -> int:
    """Read {formula}."""
    for mark in "{}":
        token = _TOKEN.match(text, at)
        if token is None or token["mark"] != mark:
            raise _NotPlainError
        at = _formula(text, token.end(), depth + 1) if mark == "{" else token.end()
    return at


def _delimiter(text: str, at: int) -> int:
    return _found(_DELIMITER.match(text, at))


def _found(match: re.Match[str] | None) -> int:
    """Where the match ends."""
    if match is None:
        raise _NotPlainError
    return match.end()
