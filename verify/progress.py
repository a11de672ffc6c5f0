"""Progress of long work on standard error: a bar for a person, a few lines for a log."""

from __future__ import annotations

import sys
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
from rich.table import Column, Table

from bigtheta.numerics.plan import Plan

__all__ = ["announced", "shown"]

_STEPS = 10


def announced(*, whole: bool) -> Callable[[Plan], None]:
    """Return what prints a plan before it runs: one line on standard error, or the whole table, which ends there."""

    def show(plan: Plan) -> None:
        if not whole:
            Console(stderr=True).print(str(plan), highlight=False, soft_wrap=True)
            return
        table = Table(
            "model",
            "activation",
            Column("sizes", no_wrap=True),
            "trials",
            "operations",
            "memory",
            box=None,
            pad_edge=False,
        )
        for cell in plan.cells:
            sizes = ", ".join(f"{name} = {size}" for name, size in cell.sizes.items())
            experiment = cell.experiment
            table.add_row(
                experiment.model.kind, experiment.activation.name, sizes, str(cell.trials), f"{cell.operations:.1e}",
                f"{cell.memory / 2**20:.0f} MiB",
            )  # fmt: skip
        console = Console()
        console.print(table)
        console.print(str(plan), highlight=False, soft_wrap=True)
        sys.exit(0)

    return show


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
