"""`bigtheta curve`: a quantity along a path, simulated, beside its exact limit."""

from __future__ import annotations

import warnings
from pathlib import Path
from shlex import quote
from typing import Any

import click

from bigtheta.verify.interrupts import dated_folder
from bigtheta.verify.options import assignments, free_size, plugin_option, table

__all__ = ["curve"]


@click.command()
@click.option("--model", required=True, help="A name such as random-features, or a table as in a spec file.")
@click.option("-a", "--activation", default="relu", show_default=True, metavar="ACT", help="Name or formula in u.")
@click.option("--quantity", default="sobolev", show_default=True, help="A name, or a table as in a spec file.")
@click.option("--path", default="", help="The other sizes, such as 'd=60, k=150'.")
@click.option("--sizes", required=True, help="The size that varies, such as n=20,40,80,160.")
@click.option("--inputs", default="sphere", show_default=True, help="A name, or a table as in a spec file.")
@click.option("--labels", help="noise, signs, linear, quadratic or classes, or a table.  [default: noise]")
@click.option("--against", metavar="QUANTITY", help="Plot against this quantity, such as test-error, not the size.")
@click.option("--limit", help="Name of the exact limit.  [default: the one known for the quantity, if any]")
@click.option("--trials", type=click.IntRange(min=2), default=16, show_default=True, help="Trials of each cell.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same numbers.")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes.  [default: the cores at hand, at most 8]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Where figure and data go.  [default: bigtheta-curve/DATE]",
)  # fmt: skip
@plugin_option
def curve(
    model: str, activation: str, quantity: str, path: str, sizes: str, inputs: str, labels: str | None,
    against: str | None, limit: str | None, trials: int, seed: int, jobs: int | None, device: str, out: Path | None,
) -> None:  # fmt: skip
    """Plot a quantity along a path beside its exact limit; writes curve.svg, curve.csv, limit.csv and curve.json.

    \b
    bigtheta curve --model random-features -a relu --path 'd=60, k=150' \\
        --sizes n=20,40,80,110,130,150,170,200,300,600

    Robustness against error, as the width grows:

    \b
    bigtheta curve --model '{ kind = "quadratic-student", regime = "rf" }' \\
        --against test-error --path d=64 --sizes k=16,32,64,128,256
    """
    from bigtheta.theory.plugins import PluginWarning
    from bigtheta.verify.curve import Curve, peak_lines
    from bigtheta.verify.curve import curve as drawn
    from bigtheta.verify.curve_pair import curve_pair
    from bigtheta.verify.progress import shown
    from bigtheta.verify.report.report import make_folder
    from bigtheta.verify.run import default_jobs

    warnings.filterwarnings("always", category=PluginWarning)  # until the command ends
    with dated_folder("bigtheta-curve", out) as folder, shown() as progress:
        make_folder(folder, figures=False)
        given: dict[str, Any] = dict(
            model=table("model", model), activation=activation, quantity=table("quantity", quantity),
            path=assignments(path), sizes=free_size(sizes), inputs=table("inputs", inputs),
            labels=None if labels is None else table("labels", labels), limit=limit, trials=trials, seed=seed,
            jobs=jobs or default_jobs(), device=device, store=folder / "trials.sqlite", progress=progress,
        )  # fmt: skip
        try:
            found = drawn(**given) if against is None else curve_pair(**given, against=table("against", against))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"interrupted; finished trials are kept: the same command with --out {quote(str(folder))} goes on"
            ) from None
        found.write(folder)
    for line in found.cells.to_string(index=False, float_format=lambda value: f"{value:.4g}").splitlines():
        click.echo(line)
    if isinstance(found, Curve):
        for line in peak_lines(found):
            click.echo(line)
    click.echo(f"curve: {folder / 'curve.svg'}")
