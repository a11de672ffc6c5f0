"""The public interface, in one place: a name or an argument that comes, goes or changes is seen here first.

`python tests/test_public_api.py` writes tests/public_api.txt anew; the change belongs into CHANGELOG.md too.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types
from pathlib import Path

import click

import bigtheta
import bigtheta.testing
from bigtheta.verify.cli import main

RECORD = Path(__file__).with_name("public_api.txt")


def surface() -> str:
    """A line a name: functions with their arguments, classes with their public members, commands with their options."""
    lines = [
        line for name in sorted(bigtheta.__all__) for line in described(f"bigtheta.{name}", getattr(bigtheta, name))
    ]
    for name in sorted(bigtheta.testing.__all__):
        lines += described(f"bigtheta.testing.{name}", getattr(bigtheta.testing, name))
    for name, command in sorted(main.commands.items()):
        lines.append(f"bigtheta {name}: {' '.join(sorted(spelled(option) for option in command.params))}")
    return "\n".join(lines) + "\n"


def described(name: str, value: object) -> list[str]:
    if isinstance(value, types.ModuleType):
        return [f"{name}: package"]
    if not isinstance(value, type):
        return [f"{name}{arguments(value)}"] if callable(value) else [f"{name}: {type(value).__name__}"]
    if issubclass(value, enum.Enum):
        return [f"{name}: {', '.join(member.value for member in value)}"]
    members = {f.name for f in dataclasses.fields(value)} if dataclasses.is_dataclass(value) else set()
    members |= {
        member for cls in value.__mro__ if cls.__module__.startswith("bigtheta") for member in vars(cls)
        if not member.startswith("_")
    }  # fmt: skip
    taken = "" if issubclass(value, Exception) else arguments(value)
    return [f"{name}{taken}: {', '.join(sorted(members))}".rstrip(": ")]


def arguments(value: object) -> str:
    """Names and kinds of the arguments, with = where there is a default; types are for mypy to watch."""
    shown, keyword = [], False
    for parameter in inspect.signature(value).parameters.values():  # type: ignore[arg-type]
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword:
            shown.append("*")
            keyword = True
        star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        shown.append(f"{star}{parameter.name}{'' if parameter.default is parameter.empty else '='}")
    return f"({', '.join(shown)})"


def spelled(parameter: click.Parameter) -> str:
    return "/".join(parameter.opts) if isinstance(parameter, click.Option) else str(parameter.name).upper()


def test_the_public_interface_is_the_recorded_one() -> None:
    assert surface() == RECORD.read_text(encoding="utf-8"), (
        "the public interface has changed: if that is meant, run `python tests/test_public_api.py` and add a line to "
        "CHANGELOG.md"
    )


def test_a_changed_argument_is_seen() -> None:
    def before(law: str, *, seed: int = 0) -> None: ...
    def after(law: str, *, seeds: int = 0) -> None: ...

    assert described("f", before) == ["f(law, *, seed=)"]
    assert described("f", before) != described("f", after)


if __name__ == "__main__":
    RECORD.write_text(surface(), encoding="utf-8")
