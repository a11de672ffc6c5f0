"""`bigtheta refute`: search for what breaks a law, and write a spec that reproduces it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bigtheta.verify.interrupts import dated_folder
from bigtheta.verify.options import plugin_option

__all__ = ["refute"]


@click.command()
@click.argument("law", metavar="LAW|SPEC.toml")
@click.option(
    "--over", metavar="NAMES", help="Of activations, paths, inputs, labels, networks.  [default: what applies]"
)
@click.option(
    "--budget", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True, metavar="SECONDS",
    help="After which the search ends; what was found is still confirmed.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same candidates.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Where refute.json and the counterexample go.  [default: bigtheta-refute/DATE]",
)  # fmt: skip
@plugin_option
def refute(law: str, over: str | None, budget: float, seed: int, jobs: int, device: str, out: Path | None) -> None:
    """Search for a case inside the hypotheses of a law in which it fails; none found is no proof.

    Varies activations (the catalogue and sums of Hermite polynomials), paths, inputs and labels, and for a lower bound
    trained networks. A suspect is shrunk, then confirmed on fresh trials, at the level of a FAIL in all.
    Exit code: 1 if a counterexample is found, 0 if none, 2 bad usage or spec.

    \b
    bigtheta refute my-bound.toml --over activations,paths
    bigtheta check bigtheta-refute/DATE/counterexample.toml
    """
    from bigtheta.verify.refute.result import SPEC
    from bigtheta.verify.refute.run import refute as search
    from bigtheta.verify.refute.screen import Outcome, Screened

    def watch(tried: Screened) -> None:
        if tried.outcome is Outcome.SUSPECT:
            click.echo(f"looks broken: {tried.candidate.words}; shrinking, to be confirmed on fresh trials", err=True)

    with dated_folder("bigtheta-refute", out) as folder:
        found = search(law, over=over, budget=budget, seed=seed, jobs=jobs, device=device, out=folder, watch=watch)
    for line in found.lines():
        click.echo(line)
    if found.counterexample is not None:
        click.echo(f"counterexample: {folder / SPEC}")
    click.echo(f"search: {folder / 'refute.json'}")
    sys.exit(found.exit_code)
