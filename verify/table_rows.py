"""Rows with more fields than the line of names has: read as they were meant where the fields show it, else refused.

Four programs write such rows: one that ends each row with a comma; one whose decimal commas set fields apart too; one
that numbers its rows or trials in a column without a name; one that puts an error behind the value. Each leaves a
trace that the others do not. A column is never shifted.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bigtheta.theory.errors import InvalidInputError
from bigtheta.verify.table_text import Lines, is_number

__all__ = ["fitted"]

_DIGITS = re.compile(r"\d+")
_SIGNED = re.compile(r"[+-]?\d+")
_COUNT = re.compile(r"0|[1-9]\d{0,11}")
_MOSTLY = 0.9


@dataclass(frozen=True)
class _Reading:
    """One way to read rows that are too long."""

    rows: list[list[str]]
    note: str


def fitted(lines: Lines, sizes: Sequence[str], value: str) -> Lines:
    """Return the table with as many fields in each row as there are names; rows that are too short stay so.

    Args:
        sizes: names of the columns that are sizes.
        value: name of the column of samples.

    Raises:
        InvalidInputError: if a row has more fields than names and they do not show why.
    """
    count = len(lines.names)
    rows = [_trimmed(row, count) for row in lines.rows]
    notes = lines.notes
    if any(len(row) < len(whole) for row, whole in zip(rows, lines.rows, strict=True)):
        notes += ("empty fields at the ends of rows left out",)
    if any(len(row) > count for row in rows):
        readings = _readings(rows, lines.names, sizes, value)
        if len(readings) != 1:
            raise _refusal(replace(lines, rows=rows), readings)
        rows, notes = readings[0].rows, (*notes, readings[0].note)
    return replace(lines, rows=rows, notes=notes)


def _trimmed(row: list[str], count: int) -> list[str]:
    """A row without the empty fields at its end beyond so many."""
    end = len(row)
    while end > count and not row[end - 1]:
        end -= 1
    return row[:end]


def _readings(rows: list[list[str]], names: list[str], sizes: Sequence[str], value: str) -> list[_Reading]:
    found = _decimal_commas(rows, names)
    if {len(row) for row in rows} == {len(names) + 1}:
        found += _counted(rows, names, sizes)
        found += _with_error(rows, names, value)
    return found


def _decimal_commas(rows: list[list[str]], names: list[str]) -> list[_Reading]:
    """Digits after a comma: `05` is written by nothing else. No field may have a decimal point."""
    if any("." in field for row in rows for field in row if is_number(field)):
        return []
    count, found = len(names), []
    if all(len(row) == 2 * count for row in rows):
        if _are_fractions(rows, range(0, 2 * count, 2)):
            joined = [[f"{row[2 * i]}.{row[2 * i + 1]}" for i in range(count)] for row in rows]
            found.append(_Reading(joined, "commas within numbers are read as decimal commas"))
    elif all(len(row) in (count, count + 1) for row in rows):
        longer = [row for row in rows if len(row) > count]
        for i, name in enumerate(names):
            if _are_fractions(longer, [i]):
                joined = [
                    row if len(row) == count else [*row[:i], f"{row[i]}.{row[i + 1]}", *row[i + 2 :]] for row in rows
                ]
                found.append(_Reading(joined, f"commas within the numbers of {name} are read as decimal commas"))
    return found


def _are_fractions(rows: list[list[str]], places: Sequence[int]) -> bool:
    """Whether whole numbers stand at these places and digits after them, of which some begin with a 0 as `05` does."""
    if not all(_SIGNED.fullmatch(row[i]) and _DIGITS.fullmatch(row[i + 1]) for row in rows for i in places):
        return False
    return any(len(row[i + 1]) > 1 and row[i + 1].startswith("0") for row in rows for i in places)


def _counted(rows: list[list[str]], names: list[str], sizes: Sequence[str]) -> list[_Reading]:
    """A column without a name that counts the rows, or the trials at each size, from 0 or 1."""
    found = []
    for place in range(len(names) + 1):
        if not all(_COUNT.fullmatch(row[place]) for row in rows):
            continue
        left = [row[:place] + row[place + 1 :] for row in rows]
        groups = defaultdict(list)
        for row, rest in zip(rows, left, strict=True):
            groups[tuple(rest[names.index(name)] for name in sizes)].append(int(row[place]))
        everything = [number for group in groups.values() for number in group]
        by_size = len(groups) > 1 and _counts(list(groups.values()))
        if by_size or _counts([everything]):
            what = "trials" if by_size else "rows"
            found.append(_Reading(left, f"field {place + 1} of each row, which has no name, numbers the {what}"))
    return found


def _counts(groups: list[list[int]]) -> bool:
    """Whether each group counts on from the same 0 or 1, and one of them at least to the next."""
    start = min(map(min, groups))
    if start > 1 or max(map(len, groups)) < 2:
        return False
    return all(sorted(group) == list(range(start, start + len(group))) for group in groups)


def _with_error(rows: list[list[str]], names: list[str], value: str) -> list[_Reading]:
    """A last field without a name, positive and below the value before it, both measured: not a grid, not counts."""
    if not names or names[-1] != value or not all(is_number(row[-1]) and is_number(row[-2]) for row in rows):
        return []
    try:
        pairs = [(float(row[-2]), float(row[-1])) for row in rows]
    except ValueError:
        return []
    if not all(0 <= error < abs(measured) for measured, error in pairs):
        return []
    for j in (-2, -1):
        if all(_SIGNED.fullmatch(row[j]) for row in rows):
            return []
    if len({measured for measured, _ in pairs}) < _MOSTLY * len(pairs):
        return []
    note = f"the last field of each row, which has no name, is taken for the error of {value} and not read"
    return [_Reading([row[:-1] for row in rows], note)]


def _refusal(lines: Lines, readings: Sequence[_Reading]) -> InvalidInputError:
    """The first row that is too long, and what it may be."""
    count = len(lines.names)
    row, number = next((r, n) for r, n in zip(lines.rows, lines.numbers, strict=True) if len(r) > count)
    head = (
        f"table: line {number} has {len(row)} fields ({', '.join(row)}) where {count} "
        f"{'are' if count > 1 else 'is'} named ({', '.join(lines.names)})"
    )
    if readings:
        ways = "; or ".join(reading.note for reading in readings)
        return InvalidInputError(f"{head}, which may be read in {len(readings)} ways: {ways}; name every column")
    return InvalidInputError(
        f"{head}: name every column; or, if the commas are decimal commas, write points, or set the fields apart by "
        "semicolons"
    )
