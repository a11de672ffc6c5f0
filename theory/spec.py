"""Spec files: a law of the user's own as TOML, read into a `Law` with errors that name the file and the field."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path as FilePath
from typing import Any

import msgspec

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Law

__all__ = ["LawSpec", "law_from_spec", "read_spec"]

MAX_BYTES = 1_000_000


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
    margin: float | None = None
    claim: str = ""
    source: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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
    try:
        spec = msgspec.convert(content, _File).law
    except msgspec.ValidationError as error:
        message = re.sub(r"`\$\.([\w.]+)\[\.\.\.\]", r"a value of `\1", str(error).replace(" - at `$`", ""))
        message = message.replace("`$.", "`")
        fields = ", ".join(LawSpec.__struct_fields__)
        raise InvalidInputError(f"spec: {message}; a spec has one table [law] with the fields {fields}") from error
    return Law(
        name=spec.name,
        model=spec.model,
        statement=spec.statement,
        sizes=spec.sizes,
        quantity=spec.quantity,
        path=spec.path,
        activations=spec.activations,
        inputs=spec.inputs,
        labels=spec.labels or None,
        margin=spec.margin,
        claim=spec.claim,
        source=spec.source,
    )
