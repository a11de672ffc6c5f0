"""Spec files: a law of the user's own as TOML, read into a `Law` with errors that name the file and the field."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path as FilePath
from typing import Annotated, Any

import msgspec

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.law import Control, Law
from bigtheta.theory.statement import Statement

__all__ = ["ControlSpec", "LawSpec", "SpecFile", "law_from_spec", "read_spec"]

MAX_BYTES = 1_000_000


def _field(description: str, *examples: object) -> msgspec.Meta:
    return msgspec.Meta(description=description, examples=list(examples) or None)


class ControlSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A claim close to the law that is known to be false, so that it must FAIL: other activation, statement, or both."""

    because: Annotated[str, _field("Why it is false.", "mu_1 = 0, so nothing grows")]
    activation: Annotated[str | None, _field("Activation in place of the law's own.", "abs")] = None
    statement: Annotated[str | None, _field("Statement in place of the law's own.", "Theta(n)")] = None


class LawSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table [law] of a spec file, field by field as `Law` takes it."""

    name: Annotated[str, _field("Name of the bound: letters, digits, _ . and -.", "my-bound")]
    model: Annotated[
        str | dict[str, Any],
        _field("What is simulated: a name, or a table with `kind` and options such as `ridge`.", "random-features"),
    ]
    statement: Annotated[
        str,
        _field(
            "The claim: Theta(f), Omega(f), O(f), each up to logarithms as Theta~(f); Limit(f); Peak(r, at=1). f is a "
            "formula in n (samples), d (input dimension), k (hidden neurons), p (parameters), mu(j) (Hermite "
            "coefficients), lam.",
            "Theta(sqrt(n))", "Peak(n/k, at=1)",
        ),
    ]  # fmt: skip
    sizes: Annotated[
        dict[str, list[int]],
        _field("Values of the one free size: n, d or k; five or more over at least a decade.", {"n": [50, 100, 200]}),
    ]
    quantity: Annotated[str | dict[str, Any], _field("What is measured: a name, or a table with `kind`.", "sobolev")] = (
        "sobolev"
    )
    path: Annotated[
        dict[str, str | int | float],
        _field("Every other size that the model uses, as a formula in the free one.", {"d": "n", "k": "2*n"}),
    ] = {}
    activations: Annotated[
        tuple[str, ...], _field("Names or formulas in u; each is judged.", ["relu", "u*tanh(u)"])
    ] = ("relu",)
    inputs: Annotated[str | dict[str, Any], _field("Law of the inputs: a name, or a table with `kind`.", "sphere")] = (
        "sphere"
    )
    labels: Annotated[
        str | dict[str, Any],
        _field("What is fitted: a name, or a table; the default is noise of variance 1.", {"signal": 0.0, "noise": 1.0}),
    ] = {}
    margin: Annotated[
        float | None,
        _field("How far the exponent may lie from the claim (default 0.1); for Limit and Peak relative (0.05, 0.2)."),
    ] = None
    controls: Annotated[tuple[ControlSpec, ...], _field("Claims that must FAIL.")] = ()
    limit: Annotated[
        str,
        _field("Name of the exact limit that decides the law: the simulation is held against it, and it against the law."),
    ] = ""
    claim: Annotated[str, _field("The claim in a sentence, for the report.")] = ""
    source: Annotated[str, _field("Where the claim is from.", "draft v3, Theorem 2")] = ""


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
        spec = msgspec.convert(content, SpecFile).law
    except msgspec.ValidationError as error:
        message = re.sub(r"`\$\.([\w.]+)\[\.\.\.\]", r"a value of `\1", str(error).replace(" - at `$`", ""))
        message = message.replace("`$.", "`")
        fields = ", ".join(LawSpec.__struct_fields__)
        raise InvalidInputError(f"spec: {message}; a spec has one table [law] with the fields {fields}") from error
    law = Law(
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
        controls=_controls(spec),
        limit=spec.limit,
        claim=spec.claim,
        source=spec.source,
    )
    _check_limit(law)
    return law


def _controls(spec: LawSpec) -> list[Control]:
    """Read the controls; a message names the one it is of."""
    found = []
    for index, control in enumerate(spec.controls):
        try:
            claimed = None if control.statement is None else Statement.parse(control.statement)
            found.append(Control(because=control.because, activation=control.activation, statement=claimed))
        except InvalidInputError as error:
            raise type(error)(f"law {spec.name[:80]!r}: controls[{index}]: {error}") from error
    return found


def _check_limit(law: Law) -> None:
    """Refuse the name of a limit that is none, or is of another quantity or model."""
    from bigtheta.theory.limits.named import LIMITS

    if not law.limit:
        return
    if law.limit not in LIMITS:
        raise InvalidInputError(f"law {law.name!r}: {unknown_name('limit', law.limit, LIMITS)}")
    named = LIMITS[law.limit]
    for what, got, known in (("quantity", law.quantity.kind, named.quantities), ("model", law.model.kind, named.models)):
        if got not in known:
            raise InvalidInputError(
                f"law {law.name!r}: limit {law.limit!r} is of the {what} {' or '.join(known)} but got {got}"
            )
