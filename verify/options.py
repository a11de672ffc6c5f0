"""Options and arguments that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

__all__ = ["assignments", "free_size", "plugin_option", "plugins_given", "table"]

_PLUGINS = "bigtheta.verify.options.plugins"


def plugin_option(command: Callable[..., None]) -> Callable[..., None]:
    """The option --plugin, of every command that takes names: its files are in use until the command ends."""

    def load(ctx: click.Context, option: click.Parameter, files: tuple[Path, ...]) -> None:
        ctx.meta[_PLUGINS] = files
        if files:
            from bigtheta.theory.plugin_file import plugin_files

            ctx.with_resource(plugin_files(files))

    return click.option(
        "--plugin", metavar="FILE.py", multiple=True, type=click.Path(path_type=Path), callback=load,
        expose_value=False, help="Python file whose activations and laws can be named; it is run; repeatable.",
    )(command)  # fmt: skip


def plugins_given() -> list[str]:
    """Return the options --plugin of the command that runs, as they were typed."""
    files = click.get_current_context().meta.get(_PLUGINS, ())
    return [word for file in files for word in ("--plugin", str(file))]


def assignments(text: str) -> dict[str, str]:
    """Read 'd=n, k=2*n'."""
    from bigtheta.theory.errors import InvalidInputError

    rules: dict[str, str] = {}
    for part in re.split(r",(?=\s*\w+\s*=)", text) if text.strip() else []:
        name, equals, formula = part.partition("=")
        if not equals or not formula.strip():
            raise InvalidInputError(
                f"--path: expected size=formula but got {part.strip()!r}; write it as in 'd=n, k=2*n'"
            )
        if name.strip() in rules:
            raise InvalidInputError(f"--path: {name.strip()} is given twice in {text!r}")
        rules[name.strip()] = formula.strip()
    return rules


def table(flag: str, text: str) -> Any:
    """Read a name, or a table such as { kind = "covariance", spectrum = "1/i" } as in a spec file."""
    if not text.lstrip().startswith("{"):
        return text
    import tomllib

    from bigtheta.theory.errors import InvalidInputError

    try:
        return tomllib.loads(f"{flag} = {text}")[flag]
    except (ValueError, RecursionError) as error:  # of TOML, or a number longer than Python reads
        raise InvalidInputError(f"--{flag}: {text[:80]!r} is not a table as in a spec file: {error}") from error


def free_size(text: str) -> dict[str, list[int]]:
    """Read 'n=100,200,400'."""
    from bigtheta.theory.errors import InvalidInputError

    name, _, values = text.partition("=")
    try:
        return {name.strip(): [int(value) for value in values.split(",")]}
    except ValueError as error:
        raise InvalidInputError(
            f"--sizes: expected whole numbers but got {text!r}; write it as in n=100,200,400,800,1600"
        ) from error
