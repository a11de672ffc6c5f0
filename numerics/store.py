"""The store: finished trials in one SQLite file, so that a killed run goes on where it stopped.

A row a trial, keyed by everything its numbers depend on: the canonical text of the experiment with its precision,
sizes, index, seed, kind of device and the engine's version. Each row is committed by itself (write-ahead log), so what
is in the file is whole; each carries a checksum, so that a disk that changes a digit is found out. A file that is no
store, or one of a newer schema, is refused before anything is written to it; one of an older schema is brought up to
this one in a single transaction.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import Any, TypeVar
from zlib import crc32

from bigtheta.numerics.trial import Trial
from bigtheta.theory.errors import BigthetaError, printable

__all__ = ["ENGINE", "FAULTS", "SCHEMA", "Store", "StoreError", "checked_row", "checksum", "key", "key_of", "schema_of"]

ENGINE = 3
"""Raised when the same spec gives other numbers than before; older rows are then not used, and stay."""
SCHEMA = 2
"""2: a checksum a row."""
_TABLES = {
    "meta": "(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "specs": "(hash TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID",
    "trials": "(key TEXT PRIMARY KEY, spec TEXT NOT NULL, sizes TEXT NOT NULL, trial INTEGER NOT NULL, "
    "seed INTEGER NOT NULL, device TEXT NOT NULL, versions TEXT NOT NULL, seconds REAL NOT NULL, row TEXT NOT NULL, "
    "sum INTEGER) WITHOUT ROWID",
}
_COLUMNS = {"meta": {"name", "value"}, "specs": {"hash", "text"}, "trials": {"key", "spec", "row", "versions"}}
_PATIENCE = 60.0
"""Seconds to wait for another process that writes."""
_AGAIN = "run the same command again: finished trials are kept"
_ADVICE = {
    sqlite3.SQLITE_FULL: f"the disk is full: free some space there, and {_AGAIN}",
    sqlite3.SQLITE_IOERR: f"see whether the disk is full or gone, and {_AGAIN}",
    sqlite3.SQLITE_BUSY: f"another program holds it: end that one, and {_AGAIN}",
    sqlite3.SQLITE_READONLY: "it may not be written to: name a folder you may write to, or copy the file into one",
    sqlite3.SQLITE_CANTOPEN: "see that its folder is there and that you may write to it, or give another file",
    sqlite3.SQLITE_PERM: "name a folder you may write to",
    sqlite3.SQLITE_NOTADB: "it is no store, or a damaged one: try `bigtheta salvage` on it, or give another file",
}
FAULTS = (sqlite3.Error, ValueError, OverflowError, MemoryError, RecursionError)
"""What sqlite3 raises on a damaged file: also where a text or a length in it is none."""
T = TypeVar("T")


class StoreError(BigthetaError):
    """A store cannot be read or written: no store, a newer schema, damaged, a full disk."""


def key(trial: Trial) -> str:
    """Return the SHA-256 of everything a trial's row depends on."""
    return key_of(trial.experiment.record, trial)


def key_of(record: str, trial: Trial) -> str:
    """Return the key that a trial has if its experiment's record is this text."""
    parts = (ENGINE, record, dict(trial.cell), trial.index, trial.seed, trial.device)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def checksum(name: str, row: str) -> int:
    """Return the CRC-32 of a key and its row's text: it finds accidents, not forgeries.

    >>> checksum("a", "{}") == checksum("a", "{ }")
    False
    """
    return crc32(f"{name}\n{row}".encode())


def checked_row(name: object, row: object, total: object) -> dict[str, Any]:
    """Return a row that is as it was written.

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(name, str) or not isinstance(row, str) or checksum(name, row) != total:
        raise ValueError(f"the row of trial {str(name)[:12]} is not as it was written")
    read = json.loads(row)
    if not isinstance(read, dict):
        raise ValueError(f"the row of trial {name[:12]} is no table")
    return read


class Store:
    """Finished trials in one file; use it as a context manager. Several processes may use one file at a time.

    Raises:
        StoreError: if the file is no store, has a newer schema, is damaged, or cannot be opened and written to.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "trials.sqlite") as store:
    ...     len(store)
    0
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            _patiently(self._refuse_others)
            self._base = _patiently(lambda: _opened(self.path))
        except (*FAULTS, OSError) as error:
            raise _explained("open", self.path, error) from error

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    def __len__(self) -> int:
        try:
            (count,) = self._base.execute("SELECT COUNT(*) FROM trials").fetchone()
        except FAULTS as error:
            raise _explained("read", self.path, error) from error
        return int(count)

    def find(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the rows that are there, by key.

        Raises:
            StoreError: if the file is damaged where they are.
        """
        found: dict[str, dict[str, Any]] = {}
        wanted = list(keys)
        try:
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, row, sum FROM trials WHERE key IN ({marks})"
                found.update((name, checked_row(name, *rest)) for name, *rest in self._base.execute(query, part))
        except FAULTS as error:
            raise _explained("read", self.path, error) from error
        return found

    def records(self) -> list[str]:
        """Return the records of the experiments of which there are trials.

        Raises:
            StoreError: if the file is damaged where they are.
        """
        try:
            return [str(text) for (text,) in self._base.execute("SELECT text FROM specs ORDER BY hash")]
        except FAULTS as error:
            raise _explained("read", self.path, error) from error

    def put(self, name: str, trial: Trial, row: Mapping[str, Any], *, seconds: float, versions: str) -> None:
        """Commit one trial; one that is there already stays as it is.

        Raises:
            StoreError: if the row cannot be written, as on a full disk; what was committed before is kept.
        """
        text = trial.experiment.record
        spec = hashlib.sha256(text.encode()).hexdigest()
        sizes, told = json.dumps(dict(trial.cell), sort_keys=True), json.dumps(dict(row))
        values = (
            name, spec, sizes, trial.index, trial.seed, trial.device, versions, seconds, told, checksum(name, told),
        )  # fmt: skip

        def commit() -> None:
            with _Transaction(self._base):
                self._base.execute("INSERT OR IGNORE INTO specs VALUES (?, ?)", (spec, text))
                self._base.execute(f"INSERT OR IGNORE INTO trials VALUES ({','.join('?' * len(values))})", values)

        try:
            _patiently(commit)
        except FAULTS as error:
            raise _explained("write", self.path, error) from error

    def _refuse_others(self) -> None:
        """Look at a file without writing to it, and refuse one that is no store of this schema or an older one."""
        if not self.path.exists() or not self.path.stat().st_size:
            return
        found = schema_of(self.path)
        if found is not None and found > SCHEMA:
            raise StoreError(
                f"the store {str(self.path)!r} has schema {found}, this version reads {SCHEMA}: update bigtheta, or "
                "give another file; it was left as it is"
            )


def schema_of(path: Path) -> int | None:
    """Return the schema of a store, None if there is nothing in the file yet; nothing is written to it.

    Raises:
        StoreError: if it is an SQLite file of something else.
        sqlite3.Error: if it is none, or damaged.
    """
    with closing(_looked_into(path)) as base:
        listed = [(kind, str(name)) for kind, name in base.execute("SELECT type, name FROM sqlite_master")]
        tables = [name for _, name in listed if not name.startswith("sqlite_")]
        plain = all(kind == "table" or name.startswith("sqlite_") for kind, name in listed)
        if not plain or not set(tables) <= set(_TABLES):  # a view or a trigger may compute for ever
            raise _other(path)
        columns = {name: {row[1] for row in base.execute(f'PRAGMA table_info("{name}")')} for name in _TABLES}
        if any(not columns[name] >= _COLUMNS[name] for name in tables):
            raise _other(path)
        found = base.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone() if "meta" in tables else None
        if found is None and "trials" in tables and base.execute("SELECT 1 FROM trials").fetchone():
            raise sqlite3.DatabaseError("it does not say which schema it has")
        if found is not None and not str(found[0]).isdecimal():
            raise sqlite3.DatabaseError("its schema is no number")
        return None if found is None else int(found[0])


def _other(path: Path) -> StoreError:
    return StoreError(
        f"{str(path)!r} is an SQLite file of something else, no store of trials; give another file; it was left as it "
        "is"
    )


def _looked_into(path: Path) -> sqlite3.Connection:
    """A connection that writes nothing; not even an empty log beside a file that nobody has open."""
    where, closed = path.absolute().as_uri(), not path.with_name(f"{path.name}-wal").exists()
    with path.open("rb") as stream:
        logged = stream.read(20)[18:20] == b"\2\2"
    mode = "immutable=1" if closed and logged else "mode=ro"
    return sqlite3.connect(f"{where}?{mode}", uri=True, timeout=_PATIENCE)


class _Transaction:
    """BEGIN IMMEDIATE, and COMMIT, or ROLLBACK after whatever was raised."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def __enter__(self) -> None:
        self._base.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._base.execute("COMMIT")
        finally:
            if self._base.in_transaction:
                with suppress(sqlite3.Error):
                    self._base.execute("ROLLBACK")


def _opened(path: Path) -> sqlite3.Connection:
    """A connection to a store of this schema, new, or brought up to it; it has shown that it can be written to."""
    base = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    try:
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=NORMAL")
        with _Transaction(base):
            for name, columns in _TABLES.items():
                base.execute(f"CREATE TABLE IF NOT EXISTS {name} {columns}")
            found = base.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
            if found is None or int(found[0]) < SCHEMA:
                _bring_up(base)
                base.execute("INSERT OR REPLACE INTO meta VALUES ('schema', ?)", (str(SCHEMA),))
    except BaseException:
        base.close()
        raise
    return base


def _bring_up(base: sqlite3.Connection) -> None:
    """Schema 1 had no checksums."""
    if "sum" not in {row[1] for row in base.execute("PRAGMA table_info(trials)")}:
        base.execute("ALTER TABLE trials ADD COLUMN sum INTEGER")
        base.create_function("checksum", 2, checksum, deterministic=True)
        base.execute("UPDATE trials SET sum = checksum(key, row)")


def _patiently(action: Callable[[], T]) -> T:
    """Do it again while another process is in the way, for a minute."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return action()
        except sqlite3.Error as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _code(error: Exception) -> int | None:
    """SQLite's primary error code, None of an error that is not SQLite's own."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _explained(doing: str, path: Path, error: Exception) -> StoreError:
    """One line that names the file, and says what happened and what to do."""
    code = _code(error)
    if isinstance(error, OSError):
        advice = "see that you may read it, or give another file"
    else:
        salvage = f"bigtheta salvage {quote(str(path))}"
        writable = code == sqlite3.SQLITE_READONLY and os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
        advice = (None if writable else _ADVICE.get(code or -1)) or (  # a spoilt header says that it is read-only
            f"it is damaged: end all runs that use it, then keep what can be read by `{salvage}`"
        )
    said = printable(str(error) if len(str(error)) < 100 else f"{str(error)[:80]}...")  # it may quote what is damaged
    return StoreError(f"cannot {doing} the store {str(path)!r}: {said}; {advice}")
