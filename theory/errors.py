"""Errors of bigtheta: one base class; each message says what was asked, what was got, and what to do."""

from __future__ import annotations

import copy
import difflib
import operator
from collections.abc import Iterable
from typing import TypeVar

__all__ = [
    "BigthetaError",
    "InvalidInputError",
    "OutsideScaleError",
    "prefixed",
    "printable",
    "unknown_name",
    "whole_number",
]


LONGEST = 600
"""Of a message, in characters: what it quotes may be of any length."""


class BigthetaError(Exception):
    """Base class of every error that bigtheta raises on purpose; the command line turns it into exit code 2.

    A message is one printable line: control characters are written as escapes, and the middle of a long one is left
    out. Only a failed check of code, which is an AssertionError too, may list its findings in lines.

    >>> print(BigthetaError("cannot read a" + chr(10) + "b"))
    cannot read a\\nb
    >>> len(str(BigthetaError("x" * 10**6)))
    600
    """

    def __init__(self, *args: object) -> None:
        if args and isinstance(args[0], str) and not isinstance(self, AssertionError):
            args = (_one_line(args[0]), *args[1:])
        super().__init__(*args)


class InvalidInputError(BigthetaError, ValueError):
    """What the user gave cannot be used: an unknown name, an expression that does not parse, a size below 1.

    >>> raise InvalidInputError("sizes: expected n >= 1 but got n=-5; give positive whole numbers")
    Traceback (most recent call last):
    ...
    bigtheta.theory.errors.InvalidInputError: sizes: expected n >= 1 but got n=-5; give positive whole numbers
    """


class OutsideScaleError(InvalidInputError):
    """An expression has no leading order in the scale n^a (log n)^b (log log n)^c, or it cannot be determined."""


E = TypeVar("E", bound=BigthetaError)


def prefixed(error: E, words: str) -> E:
    """Return a copy of an error, with all that it carries, whose message begins with words.

    >>> prefixed(InvalidInputError("margin: expected a number"), "law 'a': ")
    InvalidInputError("law 'a': margin: expected a number")
    """
    again = copy.copy(error)
    again.args = (_one_line(f"{words}{error}"),)
    return again


def _one_line(text: str) -> str:
    """Text as `printable` writes it, its middle left out where it is long."""
    for _ in range(2):  # before it is escaped, so that a long text takes no time; and after
        if len(text) > LONGEST:
            text = f"{text[: LONGEST - 205]} ... {text[-200:]}"
        text = printable(text)
    return text


def printable(text: str) -> str:
    """Return text with control characters and line breaks written as escapes, safe for a terminal and one line.

    >>> printable("a" + chr(10) + "b")
    'a\\\\nb'
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def whole_number(
    name: str, value: object, *, low: int, high: int | None = None, where: str = "", asked: str = "", advice: str = ""
) -> int:
    """Return value as an int; numpy's integers are whole numbers too, booleans and floats are not.

    Args:
        where: what the number belongs to, put before the message (default: its name).
        asked: what is expected, in words (default: "a whole number >= low").

    Raises:
        InvalidInputError: naming what was asked and got.

    >>> whole_number("trials", 12, low=1)
    12
    >>> whole_number("trials", 0, low=1)
    Traceback (most recent call last):
    ...
    bigtheta.theory.errors.InvalidInputError: trials: expected a whole number >= 1 but got trials=0
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or number < low or (high is not None and number > high):
        span = asked or (f"a whole number >= {low}" if high is None else f"a whole number from {low} to {high}")
        tail = f"; {advice}" if advice else ""
        raise InvalidInputError(f"{where or name}: expected {span} but got {name}={value!r}{tail}")
    return number


def unknown_name(kind: str, name: object, known: Iterable[str], listing: str = "") -> InvalidInputError:
    """Return (not raise) the error for a name that is not known, with the close matches.

    Args:
        kind: what was asked for, such as "activation".
        name: what was given.
        known: every valid name.
        listing: a command that lists them, if there is one.

    >>> print(unknown_name("activation", "rellu", ["relu", "tanh"]))
    unknown activation 'rellu'; did you mean 'relu'?
    """
    options = sorted(known)
    folded = {option.lower(): option for option in reversed(options)}
    matches = difflib.get_close_matches(str(name).lower(), folded, n=3, cutoff=0.6)
    near = [folded[match] for match in matches] if isinstance(name, str) and len(name) > 1 else []
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"valid: {', '.join(options)}."
    tail = f" `{listing}` lists all {len(options)}." if listing else ""
    hint = hint if tail or near else hint.removesuffix(".")
    return InvalidInputError(f"unknown {kind} {name!r}; {hint}{tail}")
