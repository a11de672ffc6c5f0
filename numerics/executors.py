"""Where trials run: in this process, in processes of this machine, or on a Dask cluster; one interface for all.

Each is a `concurrent.futures.Executor`. Every trial runs on one BLAS thread, so its numbers do not depend on where.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from bigtheta.numerics.batch import measure_batch
from bigtheta.numerics.source import check_same_source
from bigtheta.numerics.trial import Trial, measure
from bigtheta.theory.errors import InvalidInputError

__all__ = ["SerialExecutor", "Workers", "timed", "timed_batch", "workers"]


@dataclass(frozen=True)
class Workers:
    """An executor, and what counts how many trials it works on at a time: a cluster grows and shrinks."""

    executor: Executor
    counted: Callable[[], int]

    @property
    def count(self) -> int:
        """Trials at a time, at least 1."""
        return max(1, self.counted())


def timed(trial: Trial) -> tuple[dict[str, Any], float]:
    """Measure one trial on one BLAS thread; return its row and its seconds.

    Raises:
        SourceChangedError: if the code of a user's that runs here is not what the experiment was made with.
    """
    _settle()
    check_same_source(trial.experiment)
    started = time.perf_counter()
    row = measure(trial)
    seconds = time.perf_counter() - started
    check_same_source(trial.experiment)  # it may have imported more
    return row, seconds


def timed_batch(trials: Sequence[Trial]) -> list[tuple[dict[str, Any], float]]:
    """Measure trials of one cell as a batch on one BLAS thread; return their rows, each with its share of the time."""
    _settle()
    _check_source(trials)
    started = time.perf_counter()
    rows = measure_batch(trials)
    share = (time.perf_counter() - started) / max(1, len(trials))
    _check_source(trials)
    return [(row, share) for row in rows]


def _check_source(trials: Sequence[Trial]) -> None:
    for trial in trials[:1]:
        check_same_source(trial.experiment)


def _settle() -> None:
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)
    _keep_freed_memory()


_TRIM, _MMAP = -1, -3
"""glibc's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD."""


@cache
def _keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next trial where its trim threshold was set by hand, as Dask does.

    Dask starts its workers with MALLOC_TRIM_THRESHOLD_=65536, which also stops glibc from learning the size of the
    matrices: every n x n temporary is then asked of the kernel again, page by page, for a third of a trial's time.
    """
    if "MALLOC_TRIM_THRESHOLD_" in os.environ:
        with contextlib.suppress(OSError, AttributeError, TypeError):  # not glibc
            libc = ctypes.CDLL(None)
            libc.mallopt(_MMAP, 2**25)
            libc.mallopt(_TRIM, 2**31 - 1)


def _begin_worker() -> None:
    """One BLAS thread; and end with the process that started this one, even if that one is killed.

    Ctrl-C in a terminal reaches every process of it; the one that started this one answers it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()


class SerialExecutor(Executor):
    """Runs each call at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call the function now; the future holds its result or its error."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class _Processes(ProcessPoolExecutor):
    """A pool whose processes are begun with SIGINT blocked: none is interrupted before `_begin_worker` ignores it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submit a call; a process may be begun for it."""
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            return super().submit(fn, *args, **kwargs)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def kill(self) -> None:
        """End the processes in the middle of what they do."""
        for process in list((self._processes or {}).values()):
            process.kill()


@contextlib.contextmanager
def workers(jobs: int = 1, *, cluster: str | None = None) -> Iterator[Workers]:
    """Yield the executor for so many jobs, or for the Dask cluster at an address; cleaned up at the end.

    After an error or Ctrl-C processes end at once: their results would be lost anyway.

    Raises:
        InvalidInputError: if dask.distributed is not installed, or no cluster answers at the address.

    >>> with workers(1) as pool:
    ...     pool.executor.submit(max, 1, 2).result()
    2
    """
    if cluster is not None:
        yield from _on_cluster(cluster)
    elif jobs == 1:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield Workers(SerialExecutor(), lambda: 1)
        finally:
            torch.set_num_threads(before)
    else:
        context = multiprocessing.get_context("spawn")
        pool = _Processes(jobs, mp_context=context, initializer=_begin_worker)
        try:
            yield Workers(pool, lambda: jobs)
        except BaseException:
            pool.kill()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_RECOUNT = 2.0
"""Seconds for which the count of a cluster's threads is believed."""


def _on_cluster(address: str) -> Iterator[Workers]:
    try:
        Client: Any = importlib.import_module("distributed").Client
    except ImportError as error:
        raise InvalidInputError(
            "--cluster: dask.distributed is not installed; install it with `pip install 'bigtheta[cluster]'`"
        ) from error
    try:
        client = Client(address, timeout="20s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InvalidInputError(f"--cluster: no Dask scheduler answers at {address!r}: {error}") from error

    @cache
    def threads(_: int) -> int:
        return sum(client.nthreads().values())

    try:
        yield Workers(client.get_executor(pure=False, retries=3), lambda: threads(int(time.monotonic() / _RECOUNT)))
    finally:
        client.close()
