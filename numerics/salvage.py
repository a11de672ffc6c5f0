"""Salvage: what can still be read of a damaged store, in a new one; the damaged file is kept beside it, unchanged."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

from bigtheta.numerics.store import FAULTS, SCHEMA, Store, StoreError, checked_row, checksum, schema_of

__all__ = ["salvage"]

_PARTS = ("", "-wal", "-shm")
"""What SQLite adds to the name of a file for its log and the log's index."""
_PAGE = 4096
"""Bytes of a page of a store; its first one, which says where the tables are, is the same in all of them."""
_DIGITS = 3
"""A range of keys that is damaged is read in 16 parts, down to keys that agree in so many digits."""


def salvage(path: str | Path) -> tuple[int, Path]:
    """Put a new store in place of a damaged one, with every trial of it that can be read and has its checksum.

    Nothing may use the file meanwhile. What cannot be read is simulated again by the next run.

    Returns:
        How many trials the new store has, and where the damaged file is now: PATH.damaged-1, or the next free number.

    Raises:
        StoreError: if there is no such file, it is of something else, or nothing in it can be read; it is then left
            as it is.

    >>> salvage("nowhere.sqlite")
    Traceback (most recent call last):
    ...
    bigtheta.numerics.store.StoreError: salvage: there is no file 'nowhere.sqlite'
    """
    damaged = Path(path)
    if not damaged.is_file():
        raise StoreError(f"salvage: there is no file {str(damaged)!r}")
    try:
        with suppress(*FAULTS):
            if (schema_of(damaged) or 0) > SCHEMA:  # a file of something else is refused
                raise StoreError(f"salvage: {str(damaged)!r} has a newer schema; update bigtheta; it was left as it is")
        with tempfile.TemporaryDirectory(prefix=".salvage-", dir=damaged.absolute().parent) as where:
            copy, fresh = Path(where) / "copy.sqlite", Path(where) / "fresh.sqlite"
            for part in _PARTS[:2]:
                if (from_here := _named(damaged, part)).exists():
                    shutil.copyfile(from_here, _named(copy, part))
            kept = _rescued(copy, fresh)
            if not kept:
                raise StoreError(
                    f"salvage: no trial of {str(damaged)!r} can be read; it was left as it is: move it away, and run "
                    "the command that made it again"
                )
            aside = next(
                name for i in count(1) if not (name := damaged.with_name(f"{damaged.name}.damaged-{i}")).exists()
            )
            for part in _PARTS:
                if (from_here := _named(damaged, part)).exists():
                    os.replace(from_here, _named(aside, part))
            os.replace(fresh, damaged)
    except OSError as error:
        raise StoreError(f"salvage: cannot copy {str(damaged)!r} beside it: {error.strerror or error}") from error
    return kept, aside


def _named(path: Path, part: str) -> Path:
    return path.with_name(path.name + part)


def _rescued(copy: Path, fresh: Path) -> int:
    """Copy what is sound into a new store; return how many trials that were."""
    with Store(fresh):
        pass
    first_page = fresh.read_bytes()[:_PAGE]
    with closing(sqlite3.connect(fresh)) as base:
        _copied(copy, base)
        (kept,) = base.execute("SELECT COUNT(*) FROM trials").fetchone()
        if not kept:  # perhaps only the first page is damaged, which is the same in every store but for the size
            pages = copy.stat().st_size // _PAGE
            with copy.open("r+b") as stream:
                stream.write(first_page[:28] + pages.to_bytes(4, "big") + first_page[32:])
            _copied(copy, base)
            (kept,) = base.execute("SELECT COUNT(*) FROM trials").fetchone()
    return int(kept)


def _copied(copy: Path, base: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(copy)) as old, base:
        with suppress(*FAULTS):
            old.execute("PRAGMA writable_schema=ON")  # read a file that is shorter than it should be
        for row in _rows(old):
            base.execute("INSERT OR IGNORE INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            if (text := _spec(old, row[1])) is not None:
                base.execute("INSERT OR IGNORE INTO specs VALUES (?, ?)", (row[1], text))


def _rows(old: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """The sound rows; of a store of schema 1, without checksums, all that are JSON."""
    names = ["key", "spec", "sizes", "trial", "seed", "device", "versions", "seconds", "row"]
    try:
        summed = "sum" in {row[1] for row in old.execute("PRAGMA table_info(trials)")}
    except FAULTS:
        return
    query = f"SELECT {', '.join([*names, 'sum'] if summed else names)} FROM trials WHERE key >= ? AND key < ?"
    left = [""]
    while left:
        begins = left.pop()
        try:
            for row in old.execute(query, (begins, f"{begins}g")):
                given = row if summed else (*row, checksum(str(row[0]), str(row[-1])))
                with suppress(ValueError):
                    checked_row(given[0], given[-2], given[-1])
                    if None not in given:
                        yield given
        except FAULTS:
            left += [f"{begins}{digit:x}" for digit in range(16)] if len(begins) < _DIGITS else []


def _spec(old: sqlite3.Connection, name: object) -> str | None:
    """The text of a spec, if it can be read and is the one of its hash."""
    with suppress(*FAULTS):
        found = old.execute("SELECT text FROM specs WHERE hash = ?", (name,)).fetchone()
        if found is not None and hashlib.sha256(str(found[0]).encode()).hexdigest() == name:
            return str(found[0])
    return None
