"""One trial: draw inputs, weights and labels from its own streams, fit, measure; one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor

from bigtheta.numerics.exact import is_quadratic, second_moments
from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.interpolate import Solution
from bigtheta.numerics.measure import Fit, measured
from bigtheta.numerics.models import Interpolator, interpolator
from bigtheta.numerics.models.adversarial import adversarial_trial
from bigtheta.numerics.models.quadratic import student
from bigtheta.numerics.models.trained import train_network
from bigtheta.numerics.probe import Seen, gradient_disagrees, watched
from bigtheta.numerics.sample import Sample, draw_sample, draw_weights
from bigtheta.numerics.streams import Streams
from bigtheta.theory.data import Sobolev
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.inputs import Gaussian
from bigtheta.theory.kernel import SeriesTooLongError
from bigtheta.theory.model import AdversarialFeatures, Model, TwoLayer
from bigtheta.theory.training import QuadraticStudent, TrainedNetwork

__all__ = ["Drawn", "Trial", "draw", "finished", "is_as_asked", "measure", "moments"]


@dataclass(frozen=True)
class Trial:
    """The index-th repetition of an experiment in one of its cells; its numbers follow from these fields alone."""

    experiment: Experiment
    cell: Mapping[str, int]
    index: int
    seed: int
    device: str


def measure(trial: Trial) -> dict[str, Any]:
    """Draw, fit, measure: one row. A kernel whose series is too long is one that was not fitted, and says so."""
    try:
        return _row(trial.experiment.model, trial)
    except SeriesTooLongError:
        nan = float("nan")
        return finished(trial, value=nan, residual=nan, condition=nan, status="no-series")


@dataclass(frozen=True)
class Drawn:
    """What a trial is made of, each part from a stream of its own: sample, hidden weights (k, d) or None, streams."""

    sample: Sample
    weights: Tensor | None
    streams: Streams


def draw(trial: Trial, *, device: str) -> Drawn:
    """Draw the inputs, labels, test points and weights of a trial of a model that is fitted to samples.

    They are float64, and then rounded to the precision of the experiment.
    """
    e, sizes = trial.experiment, dict(trial.cell)
    streams = Streams(trial.seed, e.spec, sizes, trial.index)
    sample = draw_sample(e.inputs, e.labels, streams, count=sizes["n"], test_points=e.quantity.points, device=device)
    w = draw_weights(streams).to(device) if "k" in e.model.uses else None
    if w is not None and isinstance(e.model, TwoLayer):
        w *= e.model.weight_deviation(sizes["d"])
    if e.dtype != torch.float64:
        parts = (sample.x, sample.clean, sample.noise, sample.z, sample.clean_z)
        sample = Sample(*(part.to(e.dtype) for part in parts))
        w = w.to(e.dtype) if w is not None else None
    return Drawn(sample, w, streams)


def is_as_asked(trial: Trial, drawn: Drawn) -> bool:
    """Whether the draws have the sizes and the precision that the trial asks for: a row says so if they have not."""
    e, sizes = trial.experiment, trial.cell
    n, d = sizes["n"], drawn.sample.x.shape[1]
    tensors = [drawn.sample.x, drawn.sample.y, drawn.sample.z]
    shapes = [drawn.sample.x.shape == (n, sizes.get("d", d)), drawn.sample.y.shape == (n,)]
    if drawn.weights is not None:
        tensors.append(drawn.weights)
        shapes.append(drawn.weights.shape == (sizes["k"], d))
    return all(shapes) and all(t.dtype == e.dtype for t in tensors)


def moments(trial: Trial) -> Tensor | None:
    """Return the diagonal of E x x^T where every fit is a quadratic polynomial, so that S is exact; else None."""
    e = trial.experiment
    exact = isinstance(e.quantity, Sobolev) and is_quadratic(e.model, e.activation)
    return second_moments(e.inputs, trial.cell["d"]) if exact else None


def finished(trial: Trial, *, value: float, residual: float, condition: float, status: str) -> dict[str, Any]:
    """Return the row of a trial of a model that is fitted to samples."""
    return {
        "activation": trial.experiment.activation.name,
        **{name: trial.cell[name] for name in trial.experiment.model.uses},
        "trial": trial.index,
        "value": value,
        "residual": residual,
        "condition": condition,
        "status": status,
    }


@singledispatch
def _row(model: Model, trial: Trial) -> dict[str, Any]:
    """The row of a model that is fitted to samples; what is not has a function of its own below."""
    e, drawn = trial.experiment, draw(trial, device=trial.device)
    fitted, seen = None, Seen()
    solution = Solution(drawn.sample.y, 0.0, 1.0, "no-fit")
    if e.quantity.fits:
        fitted, seen = watched(_fitted(e, drawn.sample, drawn.weights, drawn.streams))
        solution = fitted.solution
    value = measured(e.quantity, Fit(fitted, drawn.sample, drawn.weights, drawn.streams, moments(trial)))
    status = solution.status
    if status != "failed" and fitted is not None and bool(gradient_disagrees(fitted, seen, e.activation)):
        status = "wrong-gradient"
    if status != "failed" and not (is_as_asked(trial, drawn) and solution.coefficients.dtype == e.dtype):
        status = "inconsistent"
    return finished(
        trial, value=value, residual=solution.residual, condition=solution.condition, status=status
    )  # fmt: skip


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
