"""The store: finished trials in one SQLite file, so that a killed run goes on where it stopped.

A row a trial, keyed by everything its numbers depend on: the canonical text of the experiment with its precision,
sizes, index, seed, kind of device and the engine's version. Each row is committed by itself (write-ahead log), so what
is in the file is whole.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from bigtheta.numerics.trial import Trial
from bigtheta.theory.errors import BigthetaError

__all__ = ["ENGINE", "Store", "StoreError", "key"]

ENGINE = 2
"""Raised when the same spec gives other numbers than before; older rows are then not used."""
SCHEMA = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS specs (hash TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trials (
    key TEXT PRIMARY KEY, spec TEXT NOT NULL, sizes TEXT NOT NULL, trial INTEGER NOT NULL, seed INTEGER NOT NULL,
    device TEXT NOT NULL, versions TEXT NOT NULL, seconds REAL NOT NULL, row TEXT NOT NULL
) WITHOUT ROWID;
"""


class StoreError(BigthetaError):
    """A store cannot be read or written: no SQLite file, another schema, a full disk."""


def key(trial: Trial) -> str:
    """Return the SHA-256 of everything a trial's row depends on."""
    parts = (ENGINE, trial.experiment.record, dict(trial.cell), trial.index, trial.seed, trial.device)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Store:
    """Finished trials in one file; use it as a context manager.

    Raises:
        StoreError: if the file is no store, has a newer schema, or cannot be opened.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "trials.sqlite") as store:
    ...     len(store)
    0
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._base = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._base.executescript(_TABLES)
            self._base.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", (str(SCHEMA),))
            (found,) = self._base.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
        except sqlite3.Error as error:
            raise StoreError(f"cannot open the store {str(self.path)!r}: {error}; give another file") from error
        if found != str(SCHEMA):
            self._base.close()
            raise StoreError(
                f"the store {str(self.path)!r} has schema {found}, this version reads {SCHEMA}; give another file"
            )

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    def __len__(self) -> int:
        (count,) = self._base.execute("SELECT COUNT(*) FROM trials").fetchone()
        return int(count)

    def find(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the rows that are there, by key."""
        found: dict[str, dict[str, Any]] = {}
        wanted = list(keys)
        try:
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, row FROM trials WHERE key IN ({marks})"
                found.update((name, json.loads(row)) for name, row in self._base.execute(query, part))
        except (sqlite3.Error, ValueError) as error:
            raise StoreError(f"cannot read the store {str(self.path)!r}: {error}; it may be damaged") from error
        return found

    def put(self, name: str, trial: Trial, row: Mapping[str, Any], *, seconds: float, versions: str) -> None:
        """Commit one trial; one that is there already stays as it is.

        Raises:
            StoreError: if the row cannot be written, as on a full disk; what was committed before is kept.
        """
        text = trial.experiment.record
        spec = hashlib.sha256(text.encode()).hexdigest()
        sizes = json.dumps(dict(trial.cell), sort_keys=True)
        values = (name, spec, sizes, trial.index, trial.seed, trial.device, versions, seconds, json.dumps(dict(row)))
        deadline = time.monotonic() + 60
        while True:
            try:
                self._base.execute("BEGIN IMMEDIATE")
                self._base.execute("INSERT OR IGNORE INTO specs VALUES (?, ?)", (spec, text))
                self._base.execute("INSERT OR IGNORE INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
                self._base.execute("COMMIT")
                return
            except sqlite3.OperationalError as error:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                if "locked" in str(error) and time.monotonic() < deadline:
                    continue
                raise StoreError(f"cannot write the store {str(self.path)!r}: {error}") from error
            except sqlite3.Error as error:
                raise StoreError(f"cannot write the store {str(self.path)!r}: {error}") from error
