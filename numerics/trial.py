"""One trial: draw inputs, weights and labels from its own streams, fit, measure; one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from torch import Tensor

from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.interpolate import Solution
from bigtheta.numerics.measure import Fit, measured
from bigtheta.numerics.models import Interpolator, interpolator
from bigtheta.numerics.models.adversarial import adversarial_trial
from bigtheta.numerics.models.quadratic import student
from bigtheta.numerics.models.trained import train_network
from bigtheta.numerics.sample import Sample, draw_sample, draw_weights
from bigtheta.numerics.streams import Streams
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.inputs import Gaussian
from bigtheta.theory.model import AdversarialFeatures, Model, TwoLayer
from bigtheta.theory.training import QuadraticStudent, TrainedNetwork

__all__ = ["Trial", "measure"]


@dataclass(frozen=True)
class Trial:
    """The index-th repetition of an experiment in one of its cells; its numbers follow from these fields alone."""

    experiment: Experiment
    cell: Mapping[str, int]
    index: int
    seed: int
    device: str


def measure(trial: Trial) -> dict[str, Any]:
    """Draw, fit, measure: one row."""
    return _row(trial.experiment.model, trial)


@singledispatch
def _row(model: Model, trial: Trial) -> dict[str, Any]:
    """The row of a model that is fitted to samples; what is not has a function of its own below."""
    e, sizes = trial.experiment, dict(trial.cell)
    streams = Streams(trial.seed, e.spec, sizes, trial.index)
    sample = draw_sample(
        e.inputs, e.labels, streams, count=sizes["n"], test_points=e.quantity.points, device=trial.device
    )
    w = draw_weights(streams).to(trial.device) if "k" in e.model.uses else None
    if w is not None and isinstance(e.model, TwoLayer):
        w *= e.model.weight_deviation(sizes["d"])
    fitted = _fitted(e, sample, w, streams) if e.quantity.fits else None
    solution = fitted.solution if fitted is not None else Solution(sample.y, 0.0, 1.0, "no-fit")
    return {
        "activation": e.activation.name,
        **{name: sizes[name] for name in e.model.uses},
        "trial": trial.index,
        "value": measured(e.quantity, Fit(fitted, sample, w, streams)),
        "residual": solution.residual,
        "condition": solution.condition,
        "status": solution.status,
    }


def _fitted(e: Experiment, sample: Sample, w: Tensor | None, streams: Streams) -> Interpolator:
    """The model fitted to the labels; only training needs the streams."""
    if isinstance(e.model, TrainedNetwork) and w is not None:
        return train_network(e.model, x=sample.x, w=w, y=sample.y, act=e.activation, streams=streams)
    return interpolator(e.model, x=sample.x, w=w, y=sample.y, act=e.activation)


@_row.register
def _(model: QuadraticStudent, trial: Trial) -> dict[str, Any]:
    """A population fit: value is S, or E for the quantity test-error, which has its own column too."""
    e, sizes = trial.experiment, dict(trial.cell)
    fitted = student(model, e.activation, Streams(trial.seed, e.spec, sizes, trial.index), device=trial.device)
    return {
        "activation": e.activation.name,
        **{name: sizes[name] for name in model.uses},
        "trial": trial.index,
        "value": fitted.value(e.quantity.value),
        "error": fitted.error,
        "residual": fitted.solution.residual,
        "condition": fitted.solution.condition,
        "status": fitted.solution.status,
    }


@_row.register
def _(model: AdversarialFeatures, trial: Trial) -> dict[str, Any]:
    """Risks exact for the weights drawn: value is the quantity's, the adversarial risk has its own column too."""
    e, sizes = trial.experiment, dict(trial.cell)
    if not isinstance(e.inputs, Gaussian):
        raise InvalidInputError(f'model {model.kind}: expected inputs = "gaussian" but got {e.inputs.words}')
    streams = Streams(trial.seed, e.spec, sizes, trial.index)
    risk = adversarial_trial(model, e.activation, e.labels, streams, device=trial.device)
    return {
        "activation": e.activation.name,
        **{name: sizes[name] for name in model.uses},
        "trial": trial.index,
        "value": risk.value(e.quantity.kind),
        "adversarial": risk.adversarial,
        "residual": risk.solution.residual,
        "condition": risk.solution.condition,
        "status": risk.solution.status,
    }
