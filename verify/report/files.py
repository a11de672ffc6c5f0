"""Files of a report, whole or not at all: written under another name, and put in place when they are complete."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bigtheta.theory.errors import InvalidInputError

__all__ = ["staged", "unwritable", "write_whole"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Yield an empty folder inside `target`; what is in it at the end is moved up, each file in one step.

    If anything is raised, Ctrl-C included, `target` stays as it was.

    >>> with tempfile.TemporaryDirectory() as where:
    ...     with staged(Path(where)) as folder:
    ...         _ = (folder / "a.txt").write_text("whole")
    ...     os.listdir(where)
    ['a.txt']
    """
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=target) as where:
        folder = Path(where)
        yield folder
        for path in sorted(folder.rglob("*")):
            placed = target / path.relative_to(folder)
            if path.is_dir():
                placed.mkdir(exist_ok=True)
            else:
                os.replace(path, placed)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file that is never seen half-written; text as UTF-8.

    What is no plain file, such as /dev/stdout, is written to as it is.

    Raises:
        OSError: if it cannot be written; a file that was there stays as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    with staged(path.resolve().parent) as folder:
        (folder / path.resolve().name).write_bytes(data)


def unwritable(what: str, target: Path, error: OSError) -> InvalidInputError:
    """Return (not raise) the error for a place that cannot be written to: what, where, why, and what to do."""
    advice = (
        "free some space there and run the same command again: finished trials are kept"
        if error.errno in _FULL
        else "name a folder you may write to"
    )
    return InvalidInputError(f"out: cannot write {what} to {str(target)!r}: {error.strerror or error}; {advice}")
