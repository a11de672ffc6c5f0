"""Progress of long work on standard error: a bar for a person, a few lines for a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["shown"]

_STEPS = 10


@contextmanager
def shown() -> Iterator[Callable[[int, int], None]]:
    """Yield a function of (done, total) that shows the progress while the context lasts."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _in_lines(console)
        return
    columns = (
        TextColumn("simulating"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("trials", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _in_lines(console: Console) -> Callable[[int, int], None]:
    last = -1

    def show(done: int, total: int) -> None:
        nonlocal last
        step = _STEPS * done // total if total else _STEPS
        if step > last:
            last = step
            console.print(f"simulated {done} of {total} trials", highlight=False, soft_wrap=True)

    return show
