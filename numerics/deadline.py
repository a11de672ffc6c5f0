"""A time limit that iterations look at, for a trial that is made only to see how long it takes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["OutOfTimeError", "check_time", "limited"]

_until: ContextVar[float] = ContextVar("until", default=math.inf)


class OutOfTimeError(Exception):
    """The limit has passed.

    Attributes:
        done: share of the iterations that were made.
    """

    def __init__(self, done: float) -> None:
        super().__init__(f"out of time with {done:.0%} done")
        self.done = done


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Limit what runs in the context, where it calls `check_time`; without a context there is no limit."""
    token = _until.set(time.perf_counter() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def check_time(made: int, count: int) -> None:
    """Say that so many of at most `count` iterations are made.

    Raises:
        OutOfTimeError: if the limit has passed.

    >>> with limited(0.0):
    ...     check_time(1, 4)
    Traceback (most recent call last):
    ...
    bigtheta.numerics.deadline.OutOfTimeError: out of time with 25% done
    """
    if (until := _until.get()) < math.inf and made > 0 and time.perf_counter() > until:
        raise OutOfTimeError(made / count)
