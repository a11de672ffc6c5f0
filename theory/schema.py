"""The JSON Schema of the spec file, made from the types that read it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from bigtheta.theory.data import NOISE_LAWS, QUANTITIES, TARGETS, Labels
from bigtheta.theory.inputs import DATASETS, Inputs
from bigtheta.theory.limits.named import LIMITS
from bigtheta.theory.model import kinds
from bigtheta.theory.options import by_kind
from bigtheta.theory.spec import SpecFile

__all__ = ["spec_schema"]

_TOLD: Mapping[str, str] = {
    "name": "Name of the bound: letters, digits, _ . and -.",
    "model": "What is simulated: a name, or a table with `kind` and options such as `ridge`.",
    "statement": "The claim, such as Theta(sqrt(n)): Theta(f), Omega(f), O(f), each up to logarithms as Theta~(f); "
    "Limit(f); Peak(r, at=1). f is a formula in n (samples), d (input dimension), k (hidden neurons), p (parameters), "
    "mu(j) (Hermite coefficients), lam.",
    "sizes": "Values of the one free size, n, d or k: five or more over at least a decade.",
    "quantity": "What is measured: a name, or a table with `kind`.",
    "path": "Every other size that the model uses, as a formula in the free one, such as 2*n.",
    "activations": "Names, or formulas in u such as u*tanh(u); each is judged.",
    "inputs": "Law of the inputs: a name, or a table with `kind`.",
    "labels": "What is fitted: a name, or a table; the default is noise of variance 1.",
    "hypotheses": "What the claim is restricted to: relations in the sizes and mu(j) such as d >= n or mu(1) != 0, "
    "and even or odd for the activation; where one does not hold nothing is judged.",
    "margin": "How far the exponent may lie from the claim (default 0.1); for Limit and Peak relative (0.05, 0.2).",
    "controls": "Claims that must FAIL.",
    "limit": "Name of the exact limit that decides the law: the simulation is held against it, and it against the law.",
    "effort": "Times the profile's trials, for a law whose sizes are cheap and whose spread is wide.",
    "claim": "The claim in a sentence, for the report.",
    "source": "Where the claim is from.",
}
_CONTROL: Mapping[str, str] = {
    "because": "Why it is false.",
    "activation": "In place of the law's own.",
    "statement": "In place of the law's own.",
}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LABELS = ("noise", "signs", "linear", "quadratic", "classes")


def spec_schema() -> dict[str, Any]:
    """Return the schema: every field with its description, and the options of every built-in model and quantity.

    Names that plugins give are accepted where they may be; what a formula may hold is checked when it is read.

    >>> schema = spec_schema()
    >>> sorted(schema["$defs"]["LawSpec"]["required"])
    ['model', 'name', 'sizes', 'statement']
    """
    models, inputs = kinds(), by_kind(Inputs)
    types = (SpecFile, Labels, *models.values(), *QUANTITIES.values(), *inputs.values())
    _, parts = msgspec.json.schema_components(types)
    parts = {name: _told(part) for name, part in parts.items()}
    fields = parts["LawSpec"]["properties"]
    for name, description in _TOLD.items():
        fields[name] = {"description": description, **fields[name]}
    parts["ControlSpec"] |= {  # TOML has no null
        "properties": {name: {"description": text, "type": "string"} for name, text in _CONTROL.items()},
        "anyOf": [{"required": ["activation"]}, {"required": ["statement"]}],
    }
    fields["model"] |= _choice(models, parts, plugins=True)
    fields["quantity"] |= _choice(QUANTITIES, parts)
    fields["inputs"] |= _choice(inputs, parts, more=DATASETS)
    fields["labels"] |= {"anyOf": [{"enum": list(_LABELS)}, {"$ref": "#/$defs/Labels"}]}
    fields["limit"] |= {"enum": ["", *LIMITS]}
    fields["sizes"] |= {
        "propertyNames": {"enum": ["n", "d", "k"]}, "minProperties": 1, "maxProperties": 1,
        "additionalProperties": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1},
    }  # fmt: skip
    fields["path"] |= {"propertyNames": {"enum": ["n", "d", "k"]}}
    fields["margin"] = {
        "description": _TOLD["margin"], "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 10,
    }  # fmt: skip
    labels = parts["Labels"]["properties"]
    labels["target"] |= {"enum": list(TARGETS)}
    labels["noise_law"] |= {"enum": list(NOISE_LAWS)}
    file = parts.pop("SpecFile")
    return {"$schema": _DIALECT, **file, "title": "bigtheta spec file", "$defs": parts}


def _choice(
    types: Mapping[str, type], parts: Mapping[str, Any], *, more: Iterable[str] = (), plugins: bool = False
) -> dict[str, Any]:
    """A name, where no option is required, or a table with `kind` and its options; of a plugin any name and table."""
    names = [name for name, cls in types.items() if parts[cls.__name__]["required"] == ["kind"]]
    tables = [{"$ref": f"#/$defs/{cls.__name__}"} for cls in types.values()]
    extra = list(more)
    choices: list[dict[str, Any]] = [{"enum": [*names, *extra]}, *tables]
    if extra:
        choices.append({"type": "object", "required": ["kind"], "properties": {"kind": {"enum": extra}}})
    if plugins:
        other: dict[str, Any] = {"type": "string", "not": {"enum": list(types)}}
        choices += [other, {"type": "object", "required": ["kind"], "properties": {"kind": other}}]
    return {"anyOf": choices}


def _told(part: dict[str, Any]) -> dict[str, Any]:
    """A part with the prose of its docstring alone: no doctests, no margin."""
    if "description" not in part:
        return part
    text = inspect.cleandoc(part["description"])
    return part | {"description": text.partition(">>>")[0].strip()}
