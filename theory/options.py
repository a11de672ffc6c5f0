"""Spec types with a name and options: how each is read from a name or a table, and its canonical form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.source_files import remember

__all__ = ["Kind", "by_kind", "check_size", "convert", "read_kind"]


class Kind(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A type that spec files name: `inputs = "sphere"`, or a table with `kind` and options."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        remember(cls.__module__)

    @property
    def kind(self) -> str:
        """The name in spec files."""
        return str(self.__struct_config__.tag)

    @property
    def canonical(self) -> str | dict[str, Any]:
        """The name alone, or a table with what is not default: random streams depend on this."""
        table: dict[str, Any] = msgspec.to_builtins(self)
        return self.kind if len(table) == 1 else table


def by_kind(base: type[Any]) -> dict[str, Any]:
    """Return the subclasses of a type by their names."""
    return {str(cls.__struct_config__.tag): cls for cls in base.__subclasses__()}


def read_kind(value: object, base: type[Any], kinds: Mapping[str, Any], what: str, more: Mapping[str, Any]) -> Any:
    """Return a spec from its name, a table with `kind`, or itself.

    Args:
        kinds: the types by name.
        what: what is read, for the message.
        more: other names, each with the table it stands for.

    Raises:
        InvalidInputError: for an unknown name, with the close matches, or an option that is unknown or out of range.
    """
    if isinstance(value, base):
        return value
    table = {"kind": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping) or "kind" not in table:
        raise InvalidInputError(f"{what}: expected a name or a table with `kind` but got {value!r}")
    kind = table["kind"]
    if isinstance(kind, str) and kind in more:
        table, kind = {**table, **more[kind]}, more[kind]["kind"]
    if not isinstance(kind, str) or kind not in kinds:
        raise unknown_name(what, kind, [*kinds, *more])
    return convert(dict(table), kinds[kind], what)


def check_size(what: str, name: str, value: object) -> None:
    """Refuse what is not a finite number >= 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value >= 0):
        raise InvalidInputError(f"{what}: expected {name} >= 0 but got {name}={value!r}")


def convert(value: object, kind: Any, what: str) -> Any:
    """Read plain data into a struct; the message names what it was for."""
    try:
        return msgspec.convert(value, kind)
    except UnicodeError as error:
        raise InvalidInputError(f"{what}: expected Unicode text but got {value!r}") from error
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, InvalidInputError):
            raise error.__cause__ from None
        raise InvalidInputError(f"{what}: {error}; got {value!r}") from error
