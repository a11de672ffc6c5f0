"""A table in a file of text: what sets its fields apart, which line names the columns, and the fields of each row.

Fields may be set apart by commas, semicolons, tabs, bars or spaces, and be quoted. Blank lines, comments after # or %,
a byte-order mark, gzip and names repeated within the table are no part of it. Rows that do not fit the names are for
`verify.table_rows`.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bigtheta.theory.errors import InvalidInputError

__all__ = ["Lines", "is_number", "read_lines"]

MAX_BYTES = 100_000_000
"""Of a file, and of what it unpacks to."""

_DELIMITERS = ("\t", ";", "|", ",")
_DECLARED = re.compile(r"sep=([;,|\t ])\s*")
_NUMBER = re.compile(r"[+-]?(\d[\d.,]*|[.,]\d+)([eE][+-]?\d+)?")
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True)
class Lines:
    """The rows of a file as text.

    Attributes:
        names: the first row, or a comment above numbers that names them.
        rows: the others, of any length.
        numbers: the line of the file at which each row begins.
        semicolons: whether semicolons set the fields apart.
    """

    names: list[str]
    rows: list[list[str]]
    numbers: list[int]
    semicolons: bool
    notes: tuple[str, ...] = ()


def read_lines(file: Path) -> Lines:
    """Return the rows of a table.

    Raises:
        InvalidInputError: if the file cannot be read, is no text, is larger than 100 MB, or has no line of names.
    """
    try:
        text = _text(file, _content(file))
        lines, comments = _without_comments(text)
        declared = _DECLARED.fullmatch(lines[0][1]) if lines else None
        if declared:
            lines = lines[1:]
        delimiter = declared[1] if declared else _delimiter([line for _, line in lines])
        rows, numbers = _fields(lines, delimiter)
    except InvalidInputError:
        raise
    except (OSError, EOFError, zlib.error, ValueError, csv.Error) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise _unreadable(file, reason) from error
    if not rows:
        raise _unreadable(file, "it is empty")
    named = _named_by_comment(rows, comments, delimiter)
    if named is None and all(map(is_number, rows[0])):
        raise InvalidInputError(
            f"table: the first line of {str(file)!r} is numbers ({', '.join(rows[0])}); "
            "put a line with the names of the columns above it, such as n,value"
        )
    names = rows[0] if named is None else named
    notes: tuple[str, ...] = (
        () if named is None else (f"the names of the columns are in a comment: {', '.join(named)}",)
    )
    first = 1 if named is None else 0
    kept = [i for i in range(first, len(rows)) if rows[i] != names]
    if again := len(rows) - first - len(kept):
        notes += (f"{again} line{'s' * (again > 1)} that repeat{'s' * (again == 1)} the names of the columns left out",)
    return Lines(names, [rows[i] for i in kept], [numbers[i] for i in kept], delimiter == ";", notes)


def is_number(text: str) -> bool:
    """Whether a field reads as a number, with a decimal point or comma."""
    return bool(_NUMBER.fullmatch(text))


def _content(file: Path) -> bytes:
    with file.open("rb") as stream:
        packed = file.suffix == ".gz" or stream.read(2) == b"\x1f\x8b"
    with gzip.open(file) if packed else file.open("rb") as stream:
        content: bytes = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InvalidInputError(f"table: {str(file)!r} holds more than {MAX_BYTES} bytes; leave columns out")
    return content


def _text(file: Path, content: bytes) -> str:
    """Decode: UTF-8, UTF-16 where it is marked, else Latin-1, in which every byte is a letter: numbers are ASCII."""
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise
        text = content.decode("latin-1")
    if "\0" in text:
        raise _unreadable(file, "it is no text; export it as CSV")
    return text


def _without_comments(text: str) -> tuple[list[tuple[int, str]], list[str]]:
    """The lines that are not blank, each with its number; and the comments above the first of them."""
    lines: list[tuple[int, str]] = []
    comments: list[str] = []
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if line.lstrip().startswith(("#", "%")):
            comments += [] if lines else [line.strip().lstrip("#% ")]
        elif line.strip():
            lines.append((number, line))
    return lines, comments


def _delimiter(lines: list[str]) -> str:
    """What sets fields apart: of the marks in the first line, one that every row has as often, or the first of them."""
    if not lines:
        return ","
    head = re.sub(r'"[^"]*"', "", lines[0])
    found = [mark for mark in _DELIMITERS if mark in head]
    if not found:
        return " " if len(head.split()) > 1 and all(len(line.split()) == len(head.split()) for line in lines) else ","
    counted = {mark: {len(row) for row in csv.reader(lines, delimiter=mark, skipinitialspace=True)} for mark in found}
    return next((mark for mark in found if len(counted[mark]) == 1), found[0])


def _fields(lines: list[tuple[int, str]], delimiter: str) -> tuple[list[list[str]], list[int]]:
    """Split the lines; a quoted field may go over several. Rows without any text are left out."""
    rows, numbers = [], []
    for number, row in _split(lines, delimiter):
        fields = [field.strip() for field in row]
        if any(fields):
            rows.append(fields)
            numbers.append(number)
    return rows, numbers


def _split(lines: list[tuple[int, str]], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    if delimiter == " ":
        yield from ((number, line.split()) for number, line in lines)
        return
    reader = csv.reader((line for _, line in lines), delimiter=delimiter, skipinitialspace=delimiter != "\t")
    before = 0
    for row in reader:
        yield lines[before][0], row
        before = reader.line_num


def _named_by_comment(rows: list[list[str]], comments: list[str], delimiter: str) -> list[str] | None:
    """The names that the last comment gives to rows of numbers, if there are as many."""
    if not comments or not all(map(is_number, rows[0])):
        return None
    names = next(row for _, row in _split([(0, comments[-1])], delimiter)) if comments[-1] else []
    names = [name.strip() for name in names]
    return names if len(names) == len(rows[0]) and not any(map(is_number, names)) else None


def _unreadable(file: Path, reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"table: expected a CSV file with columns such as n, value but {str(file)!r} cannot be read: {reason}"
    )
