"""The command `calibrate`. Exit code 0: the acceptance holds, or none is required; 1: it is violated; 3: not shown."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bigtheta.verify.calibration.benchmark import Result

__all__ = ["calibrate"]

INSTANCES, QUICK = 900, 90
_FAMILIES = ("development", "release", "all", "stress")
_FAMILIES_HELP = (
    "Those used while the procedure was made, those kept for the check, or both; or corrections that rise, turn or "
    "oscillate, of which nothing is required."
)


@click.command()
@click.option("--families", type=click.Choice(_FAMILIES), default="release", show_default=True, help=_FAMILIES_HELP)
@click.option(
    "--instances", type=click.IntRange(min=1), metavar="N", help=f"Synthetic instances.  [default: {INSTANCES}]"
)
@click.option(
    "--theorems", type=click.IntRange(min=0), metavar="N",
    help="Instances of theorem models.  [default: a third as many]",
)  # fmt: skip
@click.option("--quick", is_flag=True, help=f"{QUICK} synthetic instances by default: seconds, but wide bounds.")
@click.option("--detail", is_flag=True, help="Print the rates by family too.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same rates.")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes.  [default: the cores at hand, at most 8]")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Where calibration.json and calibration.svg go.  [default: nowhere]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def calibrate(
    families: str, instances: int | None, theorems: int | None, quick: bool, detail: bool, seed: int,
    jobs: int | None, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Measure how often verdicts are wrong, on laws that are known.

    Draws synthetic laws and random objects with proven laws, puts true and false claims to `bigtheta.judge` and to
    naive procedures, and prints how often each is right, with one-sided 95% bounds. No network is simulated.
    """
    from bigtheta.verify.calibration.benchmark import benchmark
    from bigtheta.verify.calibration.instance import DEVELOPMENT, RELEASE
    from bigtheta.verify.calibration.score import Standing
    from bigtheta.verify.calibration.text import as_table, lines

    count = instances or (QUICK if quick else INSTANCES)
    result = benchmark(
        (DEVELOPMENT, RELEASE) if families == "all" else (families,),
        instances=count, theorems=(count + 2) // 3 if theorems is None else theorems, seed=seed,
        jobs=jobs or _cores(), progress=_progress(),
    )  # fmt: skip
    if out is not None:
        _write(result, out)
    if as_json:
        click.echo(json.dumps(as_table(result), indent=1))
    else:
        for line in lines(result, detail=detail):
            click.echo(line)
        if out is not None:
            click.echo(f"figure: {out / 'calibration.svg'}")
    sys.exit({Standing.HOLDS: 0, Standing.NONE: 0, Standing.VIOLATED: 1, Standing.OPEN: 3}[result.standing()])


def _write(result: Result, out: Path) -> None:
    """Write the rates with their provenance, and the figure."""
    from bigtheta.verify.calibration.figure import write_figure
    from bigtheta.verify.calibration.text import as_table
    from bigtheta.verify.provenance import provenance

    out.mkdir(parents=True, exist_ok=True)
    table = as_table(result) | {"provenance": provenance(seed=result.seed, device="cpu")}
    (out / "calibration.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    write_figure(result, out / "calibration.svg")


def _cores() -> int:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, available)


def _progress() -> Callable[[int, int], None]:
    """Return what prints a line on standard error at every fifth of the work."""
    last = 0

    def show(done: int, total: int) -> None:
        nonlocal last
        if (step := 5 * done // total) > last:
            last = step
            click.echo(f"judged {done} of {total} instances", err=True)

    return show
