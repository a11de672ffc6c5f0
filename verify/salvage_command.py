"""`bigtheta salvage`: what can be read of a damaged trials.sqlite, so that a run goes on from there."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

__all__ = ["salvage"]


@click.command()
@click.argument("store", type=click.Path(path_type=Path), metavar="FILE|DIR")
def salvage(store: Path) -> None:
    """Keep what can be read of a damaged trials.sqlite; nothing may be using it.

    Every trial that can be read and has its checksum goes into a new file of the same name; the damaged one is kept
    beside it as FILE.damaged-1. Then the command that made it goes on, and simulates again what was lost.

    \b
    bigtheta salvage long/trials.sqlite
    """
    from bigtheta.numerics.salvage import salvage as salvaged
    from bigtheta.verify.run import STORE

    file = store / STORE if store.is_dir() else store
    kept, aside = salvaged(file)
    click.echo(f"{kept} trials are in {quote(str(file))}; the damaged file is {quote(str(aside))}")
