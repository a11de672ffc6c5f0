"""What no input may do, watched from outside: crash, hang, fill the memory, run code, write where it may not."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bigtheta.theory.errors import BigthetaError
from bigtheta.theory.plugins import PluginWarning

SECONDS = 5.0
GROWTH = 500_000  # kB
LONGEST = 600
SENTINEL = Path(tempfile.gettempdir()) / "bigtheta-fuzz-sentinel"
"""What every planted payload tries to make."""
MEMORY = Path("/dev/shm")

_RUNS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "pickle.find_class",
         "socket.connect", "webbrowser.open", "ctypes.dlopen")  # fmt: skip
_CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod")
_state: dict[str, Any] = {"on": False, "seen": [], "allowed": ()}


class BrokenError(AssertionError):
    """An input broke an invariant."""


class TooSlowError(BaseException):
    """Raised by the clock; no `except Exception` of a reader swallows it."""


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _state["on"]:
        return
    if event in _RUNS:
        _state["seen"].append(f"{event} {arguments!r:.200}")
    elif event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and not _is_allowed(path):
            _state["seen"].append(f"open {path!r:.200} for writing")
    elif event in _CHANGES:
        paths = arguments[:2] if event in ("os.rename", "os.link") else arguments[1:2] * (event == "os.symlink")
        for path in paths or arguments[:1]:
            if not _is_allowed(path, arguments[-1]):
                _state["seen"].append(f"{event} {arguments!r:.200}")


def _is_allowed(path: object, folder: object = None) -> bool:
    if isinstance(path, int):
        return True
    place = os.readlink(f"/proc/self/fd/{folder}") if isinstance(folder, int) and folder >= 0 else ""
    text = os.path.realpath(os.path.join(place, os.fsdecode(path)))  # type: ignore[arg-type]
    return text == os.devnull or any(text.startswith(f"{root}/") or text == root for root in _state["allowed"])


sys.addaudithook(_hook)


def _ring(*_: object) -> None:
    raise TooSlowError


@contextlib.contextmanager
def watched(*allowed: Path) -> Iterator[None]:
    """Hold the invariants while a reader runs; it may write into the folders `allowed` alone.

    The clock is that of the processor, so that a busy machine breaks nothing.
    """
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")  # the peak of memory counts from here, where the kernel can
    _state.update(on=True, seen=[], allowed=tuple(os.path.realpath(path) for path in allowed))
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    old, cached = signal.signal(signal.SIGPROF, _ring), sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # of modules that a reader imports
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", PluginWarning)
            yield
    except TooSlowError as error:
        raise BrokenError(f"hangs: more than {SECONDS:g} s") from error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)
        sys.dont_write_bytecode = cached
        _state["on"] = False
    if time.process_time() - started > SECONDS:
        raise BrokenError(f"hangs: {time.process_time() - started:.1f} s")
    if (grown := resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) > GROWTH:
        raise BrokenError(f"memory grew by {grown // 1000} MB")
    if _state["seen"]:
        raise BrokenError(f"code ran or a file was touched: {_state['seen']}")
    if SENTINEL.exists():
        SENTINEL.unlink()
        raise BrokenError("a payload ran: it made its file")


def reads(call: Callable[[], object], *allowed: Path) -> bool:
    """Whether a reader accepts its input; it may refuse it with an error of ours in one plain line, nothing else.

    Raises:
        BrokenError: naming the invariant.
    """
    try:
        with watched(*allowed):
            call()
    except BigthetaError as error:
        check_message(str(error))
        return False
    except BrokenError:
        raise
    except (Exception, SystemExit) as error:
        raise BrokenError(f"{type(error).__name__}: {str(error)[:300]}") from error
    return True


def check_message(text: str) -> None:
    """Refuse a message that is empty, long, of several lines, or not printable."""
    if not text.strip():
        raise BrokenError("an error says nothing")
    if len(text) > LONGEST:
        raise BrokenError(f"a message of {len(text)} characters: {text[:100]!r} ... {text[-100:]!r}")
    if not text.isprintable():
        raise BrokenError(f"a message with control characters: {text!r:.300}")


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder of its own, in memory where there is such a place."""
    with tempfile.TemporaryDirectory(prefix="bigtheta-fuzz-", dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


def emptied(place: Path) -> Path:
    """The folder, with nothing in it; making one anew for each input would be slow."""
    for entry in place.iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    return place
