"""`bigtheta schema` and `bigtheta init`: the spec file as JSON Schema, and as a template to fill in."""

from __future__ import annotations

import json
from pathlib import Path

import click

__all__ = ["init", "schema"]


@click.command()
def schema() -> None:
    """Print the JSON Schema of the spec file, for editors.

    \b
    bigtheta schema > bigtheta.schema.json
    """
    from bigtheta.theory.schema import spec_schema

    click.echo(json.dumps(spec_schema(), indent=1))


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.toml")
@click.option("--force", is_flag=True, help="Overwrite FILE.toml if it is there.")
def init(file: Path, force: bool) -> None:
    """Write a spec file with every field explained, that can be judged as it is.

    \b
    bigtheta init my-bound.toml
    bigtheta check my-bound.toml
    """
    from bigtheta.theory.errors import InvalidInputError
    from bigtheta.theory.template import template

    if file.suffix != ".toml":
        raise InvalidInputError(f"init: expected a file that ends in .toml but got {str(file)!r}")
    text = template(file.stem)
    try:
        with file.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise InvalidInputError(f"init: {str(file)!r} is there already; give another name, or --force") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInputError(f"init: cannot write {str(file)!r}: {reason}") from error
    click.echo(f"wrote {file}; judge it with: bigtheta check {file}")
