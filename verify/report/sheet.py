"""CSV that no spreadsheet runs: text that would be taken for a formula is quoted."""

from __future__ import annotations

import pandas as pd

from bigtheta.theory.errors import printable

__all__ = ["frame_csv", "literal"]

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def literal(text: str) -> str:
    """Return text on one line, with ' before what a spreadsheet would take for a formula.

    >>> literal("=1+1"), literal("u - 1"), literal(" @x")
    ("'=1+1", 'u - 1', "' @x")
    """
    line = printable(text)
    return f"'{line}" if line.lstrip().startswith(_FORMULA) else line


def frame_csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV, its text made literal, numbers in full precision.

    >>> print(frame_csv(pd.DataFrame({"activation": ["-u", "u"], "value": [-0.5, 1.0]})), end="")
    activation,value
    '-u,-0.5
    u,1.0
    """
    text = [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    quoted = {name: frame[name].map(lambda value: literal(value) if isinstance(value, str) else value) for name in text}
    return frame.assign(**quoted).to_csv(index=False)
