"""The columns of a table by name, from a file or a frame; rows chosen by what stands in them, and numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.verify.report.sheet import literal
from bigtheta.verify.table_numbers import marks, numbers
from bigtheta.verify.table_text import Lines

__all__ = ["Columns", "shown"]

SHORT = object()
"""Stands where a row of a file is too short to have a field."""
_SHOWN = 6


@dataclass(frozen=True)
class Columns:
    """A table whose names may repeat and whose rows may be short, as long as what is read of it is whole.

    Attributes:
        frame: text where it comes from a file, SHORT where a row has too few fields.
        lines: the line of the file of each row; of a frame its index.
        semicolons: whether semicolons set the fields of the file apart.
    """

    frame: pd.DataFrame
    lines: tuple[Any, ...]
    semicolons: bool = False

    @classmethod
    def of_lines(cls, found: Lines) -> Columns:
        """Of a file; columns without a name are left out, whatever stands in them."""
        count = len(found.names)
        rows = [[*row, *[SHORT] * (count - len(row))] for row in found.rows]
        frame = pd.DataFrame(rows, columns=pd.Index(found.names, dtype=object), dtype=object)
        named = frame.loc[:, [name != "" for name in found.names]]
        return cls(named, tuple(found.numbers), found.semicolons)

    @classmethod
    def of_frame(cls, frame: pd.DataFrame, sizes: Sequence[str]) -> Columns:
        """Of a frame; where sizes are in its index, as after a groupby, that is columns too."""
        if not any(name in frame.columns for name in sizes) and any(name in sizes for name in frame.index.names):
            frame = frame.reset_index()
        return cls(frame.set_axis([str(name) for name in frame.columns], axis=1), tuple(frame.index))

    @property
    def names(self) -> list[str]:
        """In the order of the table, each once."""
        return list(dict.fromkeys(self.frame.columns))

    def __contains__(self, name: str) -> bool:
        return name in self.frame.columns

    def column(self, name: str) -> pd.Series:
        """One column.

        Raises:
            InvalidInputError: if two columns have this name.
        """
        found = self.frame.loc[:, self.frame.columns == name]
        if found.shape[1] > 1:
            raise InvalidInputError(
                f"table: {found.shape[1]} columns are named {name}; name them apart, or number them "
                f"({name}0, {name}1) if each is a run"
            )
        return found.iloc[:, 0]

    def texts(self, name: str) -> list[str]:
        """One column as text, "" where there is nothing."""
        return ["" if cell is SHORT or pd.isna(cell) else str(cell).strip() for cell in self.column(name)]

    def varies(self, name: str) -> list[str]:
        """The different texts of a column in order, or nothing if all are the same."""
        found = list(dict.fromkeys(self.texts(name)))
        return found if len(found) > 1 else []

    def changes(self, name: str) -> bool:
        """Whether not all rows have the same in the columns of a name."""
        return bool((self.frame.loc[:, self.frame.columns == name].astype(str).nunique() > 1).any())

    def differ(self, names: Sequence[str]) -> bool:
        """Whether no two rows have the same in all of these columns."""
        rows = list(zip(*(self.texts(name) for name in names), strict=True))
        return len(set(rows)) == len(rows)

    def names_are(self, names: Collection[str]) -> bool:
        """Whether all of these columns are there."""
        return all(name in self for name in names)

    def kept(self, chosen: Sequence[bool]) -> Columns:
        """Only some of the rows."""
        lines = tuple(line for line, keep in zip(self.lines, chosen, strict=True) if keep)
        return replace(self, frame=self.frame[list(chosen)], lines=lines)

    def where(self, conditions: Mapping[str, object]) -> Columns:
        """The rows in which each column has its value: the same text, or the same number.

        Raises:
            InvalidInputError: if there is no such column, or no such row.
        """
        table = self
        for name, value in conditions.items():
            if name not in table:
                raise unknown_name("column in where", str(name), table.names)
            chosen = [_same(cell, str(value)) for cell in table.texts(name)]
            if not any(chosen):
                raise InvalidInputError(
                    f"table: expected rows with {name} = {value} but there are none; {name} is {shown(table, name)}"
                )
            table = table.kept(chosen)
        return table

    def floats(self, names: Sequence[str], *, optional: Sequence[str] = ()) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Return columns of numbers, NaN where a cell is empty; and what their commas were taken for.

        Args:
            optional: of these, a row may be too short to have a field.

        Raises:
            InvalidInputError: at a cell that is no number, a row that is too short, or commas that may mean two things.
        """
        texts, ready = {}, {}
        for name in dict.fromkeys((*names, *optional)):
            column = self.column(name)
            if pd.api.types.is_numeric_dtype(column):
                ready[name] = column.astype(float).to_numpy()
                continue
            if name not in optional and (short := [i for i, cell in enumerate(column) if cell is SHORT]):
                raise InvalidInputError(
                    f"table: line {self.lines[short[0]]} has too few fields: none for {name}; "
                    "give each row one for every name"
                )
            texts[name] = self.texts(name)
        written = marks(texts.values(), semicolons=self.semicolons)
        ready |= {name: column.to_numpy() for name, column in numbers(texts, written).items()}
        return pd.DataFrame(ready), written.notes


def shown(table: Columns, name: str) -> str:
    """The different values of a column, the first few of them."""
    found = list(dict.fromkeys(table.texts(name)))
    return ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")


def _same(cell: str, value: str) -> bool:
    """Whether a cell is what was asked for; text that a spreadsheet would run is written with a ' before it."""
    if cell in (value, literal(value)) or cell.lower() == value.lower() in ("true", "false"):
        return True
    try:
        return float(cell) == float(value)
    except ValueError:
        return False
