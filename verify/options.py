"""Options and arguments that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import click

__all__ = ["assignments", "plugin_option"]


def plugin_option(command: Callable[..., None]) -> Callable[..., None]:
    """The option --plugin, of every command that takes names: its files are in use until the command ends."""

    def load(ctx: click.Context, option: click.Parameter, files: tuple[Path, ...]) -> None:
        if files:
            from bigtheta.theory.plugin_file import plugin_files

            ctx.with_resource(plugin_files(files))

    return click.option(
        "--plugin", metavar="FILE.py", multiple=True, type=click.Path(path_type=Path), callback=load,
        expose_value=False, help="Python file whose activations and laws can be named; it is run; repeatable.",
    )(command)  # fmt: skip


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
