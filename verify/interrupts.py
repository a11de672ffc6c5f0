"""What is done on Ctrl-C and SIGTERM, and dated folders for results.

Exit code: 128 and the number of the signal, as shells have it: 130 for Ctrl-C (SIGINT), 143 for SIGTERM.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

__all__ = ["Caught", "dated_folder", "held", "interruptible"]


@dataclass
class Caught:
    """The signal that came, and what is said when it comes."""

    number: int = signal.SIGINT
    notice: str = ""

    @property
    def exit_code(self) -> int:
        """As a shell has it."""
        return 128 + self.number


@contextmanager
def interruptible() -> Iterator[Caught]:
    """Let the first Ctrl-C or SIGTERM raise KeyboardInterrupt, and the next one end the process at once.

    A signal that is ignored, as `nohup` and a shell's `&` have it, stays so. Outside the main thread nothing changes.
    """
    caught = Caught()

    def first(number: int, frame: FrameType | None) -> None:
        for other in before:
            signal.signal(other, signal.SIG_DFL)
        caught.number = number
        if caught.notice:
            with suppress(OSError, ValueError):
                os.write(sys.stderr.fileno(), f"{caught.notice}\n".encode())
        raise KeyboardInterrupt

    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, first)
    try:
        yield caught
    finally:
        for other, handler in before.items():
            signal.signal(other, signal.SIG_DFL if handler is None else handler)


@contextmanager
def held() -> Iterator[list[KeyboardInterrupt]]:
    """Note the first Ctrl-C in the list that is yielded, and go on; the next one has its way.

    For work that must not be cut in two, such as an import, which could not be repeated. Outside the main thread, and
    for signals that are ignored or end the process, nothing changes.

    >>> with held() as noted:
    ...     signal.raise_signal(signal.SIGINT)
    >>> noted
    [KeyboardInterrupt()]
    """
    noted: list[KeyboardInterrupt] = []
    before: dict[signal.Signals, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        first = not noted
        try:
            before[signal.Signals(number)](number, frame)
        except KeyboardInterrupt as stop:
            if not first:
                raise
            noted.append(stop)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if callable(handler := signal.getsignal(number)):
                before[number] = handler
                signal.signal(number, note)
    try:
        yield noted
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is note:
                signal.signal(number, handler)


@contextmanager
def dated_folder(base: str, asked: Path | None = None) -> Iterator[Path]:
    """Yield the folder that was asked for, or else a new one, BASE/DATE, that no other run has.

    Two runs that begin in one second, and clocks that are set back, get DATE-2, DATE-3, ... A new folder in which
    nothing was put is removed again.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as where, dated_folder(f"{where}/runs") as one:
    ...     one.is_dir(), one.parent.name
    (True, 'runs')
    """
    if asked is not None:
        yield asked
        return
    made = _made(Path(base))
    try:
        yield made
    finally:
        with suppress(OSError):  # there is something in it
            for folder in (made / "figures", made, made.parent):
                if folder.is_dir():
                    folder.rmdir()


def _made(base: Path) -> Path:
    from bigtheta.theory.errors import InvalidInputError

    date = datetime.now().strftime("%Y-%m-%d-%H%M%S")
    for i in count(1):
        folder = base / (date if i == 1 else f"{date}-{i}")
        try:
            base.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
            return folder
        except FileExistsError as error:
            if not base.is_dir():
                raise InvalidInputError(f"out: {str(base)!r} is no folder; give another one by --out") from error
        except FileNotFoundError:
            continue  # another run that had nothing to write removed the base just now
        except OSError as error:
            raise InvalidInputError(
                f"out: cannot write to {str(folder)!r}: {error.strerror or error}; name a folder you may write to, by "
                "--out"
            ) from error
    raise AssertionError("unreachable")
