"""An experiment: what is simulated at which sizes, checked before anything runs, and the text its streams depend on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import msgspec
import torch

from bigtheta.numerics.datasets import check_data
from bigtheta.numerics.lower import check_simulable
from bigtheta.numerics.models import check_registered
from bigtheta.numerics.offered import check_offered
from bigtheta.numerics.precision import check_precision, torch_dtype
from bigtheta.numerics.source import source_of
from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import activation as find_activation
from bigtheta.theory.data import Inputs, Labels, Quantity, Sobolev, check_together, inputs, labels, quantity
from bigtheta.theory.errors import InvalidInputError, unknown_name, whole_number
from bigtheta.theory.gradients import check_gradients
from bigtheta.theory.inputs import Sphere
from bigtheta.theory.law import Law
from bigtheta.theory.model import Model, model
from bigtheta.theory.source_files import SourceFile

__all__ = ["Experiment", "checked_experiment"]


@dataclass(frozen=True)
class Experiment:
    """One simulation: a model with an activation, measured trials[i] times at the sizes cells[i].

    Raises:
        InvalidInputError: for what cannot be simulated, or does not go together.
    """

    model: Model
    activation: Activation
    cells: tuple[Mapping[str, int], ...]
    trials: tuple[int, ...]
    quantity: Quantity = field(default_factory=Sobolev)
    inputs: Inputs = field(default_factory=Sphere)
    labels: Labels = field(default_factory=Labels)
    precision: str = "float64"

    @classmethod
    def of(cls, law: Law, act: Activation | str, trials: Sequence[int], *, precision: str = "float64") -> Experiment:
        """Return what a law asks for, for one activation, with so many trials in each cell."""
        return cls(
            law.model, find_activation(act), law.cells, tuple(trials), law.quantity, law.inputs, law.labels, precision
        )

    def __post_init__(self) -> None:
        check_simulable(self.activation)
        check_registered(self.model)
        dimensions = [cell["d"] for cell in self.cells if "d" in cell]
        check_data(self.inputs)
        check_together(self.quantity, self.inputs, self.labels, self.model.uses, dimensions)
        check_gradients(self.model, self.quantity, self.inputs, self.activation, dimensions)
        check_offered(self.model, self.quantity, self.inputs, self.labels, self.activation)
        check_precision(self.precision, self.model, self.activation, self.cells)
        _ = self.source  # as it is now, also where the trials run

    @property
    def dtype(self) -> torch.dtype:
        """The type of the numbers that a trial computes with."""
        return torch_dtype(self.precision)

    @cached_property
    def source(self) -> tuple[SourceFile, ...]:
        """The files of a user's that run in a trial, as they were when the experiment was made; () for none."""
        return source_of(self.model, self.activation, self.quantity, self.inputs, self.labels)

    @cached_property
    def spec(self) -> str:
        """What the draws of a trial depend on besides seed, sizes and index, as canonical text.

        The hashes of a user's source are part of it; without such a source it is as it would be without this rule.
        """
        own = [[file.name, file.sha256] for file in self.source]
        return json.dumps(
            {
                "model": msgspec.to_builtins(self.model),
                "activation": self.activation.key,
                "quantity": self.quantity.canonical,
                "inputs": self.inputs.canonical,
                "labels": self.labels.canonical,
                "test_points": self.quantity.points,
                **({"source": own} if own else {}),
            },
            sort_keys=True,
        )

    @cached_property
    def record(self) -> str:
        """What the results of a trial depend on besides seed, sizes and index: spec, and precision if not float64."""
        if self.precision == "float64":
            return self.spec
        return json.dumps(json.loads(self.spec) | {"precision": self.precision}, sort_keys=True)

    @property
    def identity(self) -> tuple[str, str]:
        """Equal for two experiments that give the same numbers."""
        return self.record, json.dumps([dict(cell) for cell in self.cells])


def checked_experiment(
    spec: object,
    measured: object,
    act: Activation | str | None,
    sizes: object,
    law: object,
    target: object,
    trials: int,
    precision: str = "float64",
) -> Experiment:
    """Check the keywords of `simulate`."""
    for name, value in (("model", spec), ("activation", act), ("sizes", sizes)):
        if value is None:
            raise InvalidInputError(f"simulate: expected a law, or model, activation and sizes; {name} is missing")
    chosen = model(spec)
    if not isinstance(sizes, Mapping):
        raise InvalidInputError(f"sizes: expected a table such as {{'n': 60, 'd': 80}} but got {sizes!r}")
    for name in sizes:
        if name not in ("n", "d", "k"):
            raise unknown_name("size", name, ("n", "d", "k"))
    for name in chosen.uses:
        if name not in sizes:
            raise InvalidInputError(f"sizes: the model {chosen.kind} needs {name}; got {dict(sizes)!r}")
    cell = {name: whole_number(name, sizes[name], low=1, where="sizes") for name in chosen.uses}
    assert act is not None
    return Experiment(
        chosen,
        find_activation(act),
        (cell,),
        (trials,),
        quantity(measured),
        inputs(law),
        labels(target or Labels()),
        precision,
    )
