"""Spec files: a law of the user's own as TOML, read into a `Law` with errors that name the file and the field."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path as FilePath
from typing import Any

import msgspec

from bigtheta.theory.errors import InvalidInputError, prefixed
from bigtheta.theory.law import Control, Law
from bigtheta.theory.statement import Statement

__all__ = ["ControlSpec", "LawSpec", "SpecFile", "law_from_spec", "read_spec"]

MAX_BYTES = 1_000_000
MAX_ENTRIES, MAX_SIZES = 100, 500
"""Of a list of activations, hypotheses or controls, and of the list of sizes."""
_DEEP = 8
_DOTTED = re.compile(rb"""(?<![\w"'.-])(?>["']?[\w-]++["']?[ \t]*+\.[ \t]*+){50}""")
"""A key of 50 parts; the time that tomllib takes grows with the square of their number."""


class ControlSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One [[law.controls]]: a claim close to the law that is known to be false, so that it must FAIL."""

    because: str
    activation: str | None = None
    statement: str | None = None


class LawSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table [law] of a spec file, field by field as `Law` takes it."""

    name: str
    model: str | dict[str, Any]
    statement: str
    sizes: dict[str, list[int]]
    quantity: str | dict[str, Any] = "sobolev"
    path: dict[str, str | int | float] = {}
    activations: tuple[str, ...] = ("relu",)
    inputs: str | dict[str, Any] = "sphere"
    labels: str | dict[str, Any] = {}
    hypotheses: tuple[str, ...] = ()
    margin: float | None = None
    controls: tuple[ControlSpec, ...] = ()
    limit: str = ""
    effort: int = 1
    claim: str = ""
    source: str = ""


class SpecFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A spec file: one table [law]."""

    law: LawSpec


def read_spec(file: str | FilePath) -> Law:
    """Read one law from a TOML file.

    Raises:
        InvalidInputError: if the file cannot be read, is not TOML, has an unknown field, or the law cannot be measured.
    """
    path = FilePath(file)
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInputError(f"cannot read the spec {str(path)!r}: {reason}") from error
    if len(text) > MAX_BYTES:
        raise InvalidInputError(
            f"the spec {str(path)!r} is larger than {MAX_BYTES} bytes; a spec holds one [law] table"
        )
    if _DOTTED.search(text):
        raise InvalidInputError(f"the spec {str(path)!r} has a key of 50 parts and more; a spec holds one [law] table")
    try:
        content = tomllib.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"the spec {str(path)!r} is not TOML: {error}") from error
    try:
        return law_from_spec(content)
    except InvalidInputError as error:
        raise InvalidInputError(f"{error} (in {path.name})") from error


def law_from_spec(content: dict[str, Any]) -> Law:
    """Turn the content of a spec file into a law.

    >>> law_from_spec({"law": {"name": "my-bound", "model": "rf-kernel", "statement": "Theta(sqrt(n))",
    ...     "path": {"d": "2*n"}, "sizes": {"n": [50, 100, 200, 400, 800]}}}).id
    'my-bound'
    """
    _check_plain(content)
    try:
        spec = msgspec.convert(content, SpecFile).law
    except msgspec.ValidationError as error:
        message = re.sub(r"`\$\.([\w.]+)\[\.\.\.\]", r"a value of `\1", str(error).replace(" - at `$`", ""))
        message = message.replace("`$.", "`")
        fields = ", ".join(LawSpec.__struct_fields__)
        raise InvalidInputError(f"spec: {message}; a spec has one table [law] with the fields {fields}") from error
    for field, values in (*((name, getattr(spec, name)) for name in _LISTS), *spec.sizes.items()):
        most = MAX_ENTRIES if field in _LISTS else MAX_SIZES
        if len(values) > most:
            raise InvalidInputError(f"spec: expected at most {most} {field} but got {len(values)}")
    return Law(
        name=spec.name,
        model=spec.model,
        statement=spec.statement,
        sizes=spec.sizes,
        quantity=spec.quantity,
        path={name: repr(rule) if isinstance(rule, float) else rule for name, rule in spec.path.items()},  # as spelt
        activations=spec.activations,
        inputs=spec.inputs,
        labels=spec.labels or None,
        hypotheses=spec.hypotheses,
        margin=spec.margin,
        controls=_controls(spec),
        limit=spec.limit,
        effort=spec.effort,
        claim=spec.claim,
        source=spec.source,
    )


_LISTS = ("activations", "hypotheses", "controls")


def _check_plain(content: object) -> None:
    """Refuse tables within tables within tables, and numbers that no field has a use for and no message can show."""
    level = [content]
    for _ in range(_DEEP):
        inner: list[object] = []
        for value in level:
            if isinstance(value, int) and value.bit_length() > 64:
                raise InvalidInputError(f"spec: a number has {value.bit_length()} bits; at most 64 are read")
            if isinstance(value, dict | list):
                inner += value.values() if isinstance(value, dict) else value
        level = inner
    if level:
        raise InvalidInputError(f"spec: nested deeper than {_DEEP} levels; a spec has one table [law]")


def _controls(spec: LawSpec) -> list[Control]:
    """Read the controls; a message names the one it is of."""
    found = []
    for index, control in enumerate(spec.controls):
        try:
            claimed = None if control.statement is None else Statement.parse(control.statement)
            found.append(Control(because=control.because, activation=control.activation, statement=claimed))
        except InvalidInputError as error:
            raise prefixed(error, f"law {spec.name[:80]!r}: controls[{index}]: ") from error
    return found
