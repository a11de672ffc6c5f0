"""A law written as the text of a spec file, which `theory.spec.read_spec` reads back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.hypotheses import hypothesis_source
from bigtheta.theory.law import LIMIT_MARGIN, MARGIN, PEAK_MARGIN, Law
from bigtheta.theory.statement import Sense

__all__ = ["spec_fields", "spec_text"]

_MARGINS = {Sense.LIMIT: LIMIT_MARGIN, Sense.PEAK: PEAK_MARGIN}


def spec_text(law: Law, *, heading: str = "") -> str:
    """Return a law as TOML, fields that have their default left out.

    Args:
        heading: lines to put before it, as comments.

    >>> entry = Law(name="rate", model="rf-kernel", statement="Theta(sqrt(n))", path={"d": "2*n"},
    ...     sizes={"n": [20, 40, 80]}, hypotheses=["mu(1) != 0"])
    >>> print(spec_text(entry))
    [law]
    name = "rate"
    model = "rf-kernel"
    statement = "Theta(sqrt(n))"
    path = { d = "2*n" }
    sizes = { n = [20, 40, 80] }
    activations = ["relu"]
    hypotheses = ["mu(1) != 0"]
    <BLANKLINE>
    """
    lines = [f"# {line}".rstrip() for line in heading.splitlines()]
    lines += ["", "[law]"] if lines else ["[law]"]
    given = spec_fields(law)
    first = {"name": law.name, "claim": law.claim, "source": str(law.paper or law.source)}
    fields = first | {key: value for key, value in given.items() if key not in first}
    lines += [f"{key} = {_toml(value)}" for key, value in fields.items() if value != ""]
    return "\n".join(lines) + "\n"


def spec_fields(law: Law) -> dict[str, Any]:
    """Return a law, but for its controls, as the table [law] of a spec file, fields that have their default left out.

    >>> entry = Law(name="rate", model="rf-kernel", statement="Theta(n)", path={"d": "2*n"}, sizes={"n": [20, 40, 80]})
    >>> sorted(spec_fields(entry))
    ['activations', 'model', 'name', 'path', 'sizes', 'statement']
    """
    labels = msgspec.to_builtins(law.labels) if law.labels.canonical != {"signal": 0.0, "noise": 1.0} else {}
    fields: dict[str, Any] = {
        "name": law.name,
        "claim": law.claim,
        "source": law.source,
        "model": _kind(msgspec.to_builtins(law.model)),
        "quantity": _kind(msgspec.to_builtins(law.quantity)),
        "statement": str(law.statement),
        "path": {name: str(rule) for name, rule in law.path.given},
        "sizes": {law.sizes.variable: list(law.sizes.values)},
        "activations": [_name(act) for act in law.activations],
        "inputs": _kind(msgspec.to_builtins(law.inputs)),
        "labels": labels,
        "hypotheses": [hypothesis_source(hypothesis) for hypothesis in law.hypotheses],
        "margin": law.margin,
        "limit": law.limit,
        "effort": law.effort,
    }
    plain = {"quantity": "sobolev", "inputs": "sphere", "effort": 1}
    plain["margin"] = _MARGINS.get(law.statement.sense, MARGIN)
    return {key: value for key, value in fields.items() if value not in ("", {}, []) and plain.get(key) != value}


def _kind(table: Mapping[str, Any]) -> Any:
    """The name of a model, quantity or input law alone, if it has no options that are set."""
    given = {key: value for key, value in table.items() if value is not None and (key, value) != ("ridge", 0.0)}
    return given["kind"] if len(given) == 1 else given


def _name(act: str | Activation) -> str:
    """A name or formula that reads back as this activation."""
    if isinstance(act, str):
        return act
    try:
        if activation(act.name).key == act.key:
            return act.name
    except InvalidInputError:
        pass
    return str(act.expression)


def _toml(value: Any) -> str:
    """A value in TOML; its strings are those of JSON."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
