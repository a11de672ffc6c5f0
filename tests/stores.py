"""What a store has committed, read beside the runs that write it."""

import sqlite3
from pathlib import Path


def committed(store: Path) -> dict[str, str]:
    """Return the rows of the trials, by key; none if there is no store yet."""
    if not store.exists():
        return {}
    base = sqlite3.connect(store, timeout=600)
    try:
        return dict(base.execute("SELECT key, row FROM trials").fetchall())
    except sqlite3.OperationalError:  # the tables are not there yet
        return {}
    finally:
        base.close()
