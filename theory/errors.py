"""Errors of bigtheta: one base class; each message says what was asked, what was got, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["BigthetaError", "InvalidInputError", "OutsideScaleError", "unknown_name"]


class BigthetaError(Exception):
    """Base class of every error that bigtheta raises on purpose; the command line turns it into exit code 2.

    >>> issubclass(InvalidInputError, BigthetaError)
    True
    """


class InvalidInputError(BigthetaError, ValueError):
    """What the user gave cannot be used: an unknown name, an expression that does not parse, a size below 1.

    >>> raise InvalidInputError("sizes: expected n >= 1 but got n=-5; give positive whole numbers")
    Traceback (most recent call last):
    ...
    bigtheta.theory.errors.InvalidInputError: sizes: expected n >= 1 but got n=-5; give positive whole numbers
    """


class OutsideScaleError(InvalidInputError):
    """An expression has no leading order in the scale n^a (log n)^b (log log n)^c, or it cannot be determined."""


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
    near = difflib.get_close_matches(str(name), options, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"valid: {', '.join(options)}."
    tail = f" `{listing}` lists all {len(options)}." if listing else ""
    hint = hint if tail or near else hint.removesuffix(".")
    return InvalidInputError(f"unknown {kind} {name!r}; {hint}{tail}")
