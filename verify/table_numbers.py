"""Numbers as programs write them: decimal points or commas, thousands set apart, and what stands for a missing one.

What a comma means is decided once for a table, by what its cells show. `0,5`, `19,95` and `1.600,5` show a decimal
comma; `1,600.5` and `1,600,000` show thousands; `1,600` alone shows neither, and a table of nothing but such cells is
refused, unless it has numbers of four digits that are not set apart, or decimal points.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bigtheta.theory.errors import InvalidInputError

__all__ = ["Marks", "marks", "numbers"]

_MISSING = {"", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "<na>"}
_TRUTH = {"true": "1", "false": "0"}
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)

_EXPONENT = r"(?:[eE][+-]?\d+)?"
_DECIMAL_COMMA = re.compile(rf"[+-]?(?:\d*,(?!\d{{3}}$)\d+|0*,\d+|0+,\d+|\d{{4,}},\d+|\d+,){_EXPONENT}")
_POINTED_COMMA = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d*")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:(?:,\d{3}){2,}(?:\.\d*)?|(?:,\d{3})+\.\d*)")
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_LONG = re.compile(r"[+-]?\d{4,}")
_SMALL = re.compile(r"[+-]?[1-9]\d{0,2}")
_POINT = re.compile(rf"[+-]?(?:(?![1-9]\d{{0,2}}\.\d{{3}}$)\d+\.\d*|\.\d+){_EXPONENT}")
_KINDS = (
    ("decimal", _POINTED_COMMA), ("decimal", _DECIMAL_COMMA), ("thousands", _THOUSANDS), ("either", _EITHER),
    ("pointed", _POINT), ("small", _SMALL), ("long", _LONG),
)  # fmt: skip
_SET_APART = re.compile(r"(?<=\d)['\u2019\u00a0\u202f ](?=\d{3}(?!\d))")


@dataclass(frozen=True)
class Marks:
    """What a table writes between the digits."""

    decimal: str = "."
    thousands: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What commas were taken for, if there are any."""
        if self.decimal == ",":
            return ("commas within numbers are read as decimal commas",)
        return ("commas within numbers are read as setting thousands apart",) if self.thousands else ()

    def plain(self, text: str) -> str:
        """The text as Python would write the number.

        >>> Marks(",", ".").plain("1.600,5"), Marks(".", ",").plain("1,600"), Marks().plain("1 600.5")
        ('1600.5', '1600', '1600.5')
        """
        text = _SET_APART.sub("", text).replace("\u2212", "-")
        if self.thousands and re.fullmatch(
            rf"[+-]?\d{{1,3}}(?:{re.escape(self.thousands)}\d{{3}})+(?:{re.escape(self.decimal)}\d*)?", text
        ):
            text = text.replace(self.thousands, "")
        return text.replace(",", ".") if self.decimal == "," and "." not in text else text


def marks(columns: Iterable[Sequence[str]], *, semicolons: bool = False) -> Marks:
    """Return what the commas in these columns mean.

    Args:
        semicolons: the fields are set apart by semicolons, as where commas stand in numbers; this decides where
            nothing else does.

    Raises:
        InvalidInputError: if the cells show both a decimal comma and thousands, or do not show which.

    >>> marks([["50"], ["19,95", "1.600,5"]])
    Marks(decimal=',', thousands='.')
    >>> marks([["1,600"], ["999.5"]])
    Marks(decimal='.', thousands=',')
    """
    seen = [_Evidence.of(cells) for cells in columns]
    decimal = next((e.decimal for e in seen if e.decimal), "")
    thousands = next((e.thousands or e.pointed for e in seen if e.thousands or e.pointed), "")
    either = next((e.either for e in seen if e.either), "")
    if decimal and thousands:
        raise InvalidInputError(
            f"table: {decimal!r} has a decimal comma and {thousands!r} has none; write all numbers with decimal points"
        )
    if decimal:
        return Marks(",", ".")
    if not either:
        return Marks(".", ",") if any(e.thousands for e in seen) else Marks()
    if thousands or any(e.either and e.small for e in seen):
        return Marks(".", ",")
    if semicolons or all(e.long for e in seen if e.either):
        return Marks(",", ".")
    point, whole = either.replace(",", "."), either.replace(",", "")
    raise InvalidInputError(
        f"table: {either!r} may be {point} or {whole}, and nothing else in the table tells; write it as one of them"
    )


@dataclass(frozen=True)
class _Evidence:
    """Of one column: the first cell of each kind, "" if there is none.

    Attributes:
        small, long: a whole number below 1000, or above that is not set apart: beside `1,600` the one shows
            thousands, the other a decimal comma.
    """

    decimal: str
    thousands: str
    pointed: str
    either: str
    small: str
    long: str

    @classmethod
    def of(cls, cells: Sequence[str]) -> _Evidence:
        first = dict.fromkeys(("decimal", "thousands", "pointed", "either", "small", "long"), "")
        for cell in cells:
            text = _SET_APART.sub("", cell)
            kind = next((kind for kind, pattern in _KINDS if pattern.fullmatch(text)), None)
            if kind is not None and not first[kind]:
                first[kind] = cell
        return cls(**first)


def numbers(columns: Mapping[str, Sequence[str]], found: Marks) -> dict[str, pd.Series]:
    """Return columns of text as floats, NaN where a cell is empty or says so; true and false are 1 and 0.

    Raises:
        InvalidInputError: at the first cell that is no number, or one too large.
    """
    return {name: _floats(name, cells, found) for name, cells in columns.items()}


def _floats(name: str, cells: Sequence[str], found: Marks) -> pd.Series:
    texts = [_TRUTH.get(cell.lower(), cell) for cell in cells]
    missing = [text.lower() in _MISSING for text in texts]
    plain = pd.Series(["nan" if gone else found.plain(text) for text, gone in zip(texts, missing, strict=True)])
    try:
        column = pd.to_numeric(plain, errors="coerce").astype(float)
    except OverflowError as error:
        raise InvalidInputError(f"table: column {name} has a number too large for any computer") from error
    for cell, gone, value in zip(texts, missing, column, strict=True):
        if not gone and value != value:
            raise InvalidInputError(f"table: expected numbers in column {name} but got {cell!r}")
        if abs(value) == float("inf") and not _INFINITE.fullmatch(cell):
            raise InvalidInputError(f"table: column {name} has a number too large for any computer")
    return column
