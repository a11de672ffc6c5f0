"""The fields of a law as a person writes them, turned into the types of theory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bigtheta.theory.activation import Activation
from bigtheta.theory.data import Labels, inputs, labels, quantity
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.hypotheses import parse_hypothesis
from bigtheta.theory.model import model
from bigtheta.theory.scale import Path, Sizes
from bigtheta.theory.statement import Statement

__all__ = ["normalised"]


def normalised(given: dict[str, Any]) -> dict[str, Any]:
    """Turn names, text and tables into the types of theory; every other field is passed on.

    Raises:
        InvalidInputError: naming the field.

    >>> bare = dict.fromkeys(("inputs", "labels", "quantity"), None) | {"inputs": "sphere", "quantity": "sobolev"}
    >>> bare |= {"activations": "relu", "hypotheses": (), "controls": (), "statement": "Theta(n)", "path": {"d": "2*n"}}
    >>> normalised(bare | {"model": "rf-kernel", "sizes": {"n": [10, 20]}})["model"].kind
    'rf-kernel'
    """
    sizes, path = given["sizes"], given["path"]
    if not isinstance(sizes, Sizes):
        if not isinstance(sizes, Mapping) or len(sizes) != 1:
            raise InvalidInputError(f"sizes: expected one free size such as {{'n': [100, 200, 400]}} but got {sizes!r}")
        ((variable, values),) = sizes.items()
        sizes = Sizes(variable, values)
    if not isinstance(path, Path):
        path = Path(path, free=sizes.variable)
    if str(path.free) != sizes.variable:
        raise InvalidInputError(f"sizes: the path leaves {path.free} free but sizes gives {sizes.variable}")
    acts = given["activations"]
    acts = (acts,) if isinstance(acts, str | Activation) else acts
    for field_name, values in (
        ("activations", acts),
        ("hypotheses", given["hypotheses"]),
        ("controls", given["controls"]),
    ):
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise InvalidInputError(f"{field_name}: expected a list but got {values!r}")
    acts = tuple(acts)
    if not acts:
        raise InvalidInputError("activations: expected at least one but got none")
    given_statement = given["statement"]
    statement = given_statement if isinstance(given_statement, Statement) else Statement.parse(given_statement)
    return given | {
        "statement": statement,
        "model": model(given["model"]),
        "quantity": quantity(given["quantity"]),
        "inputs": inputs(given["inputs"]),
        "labels": labels(given["labels"] if given["labels"] is not None else Labels()),
        "path": path,
        "sizes": sizes,
        "activations": acts,
        "hypotheses": tuple(map(parse_hypothesis, given["hypotheses"])),
        "controls": tuple(given["controls"]),
        **({"limit": ""} if given.get("limit", "") is None else {}),
    }
