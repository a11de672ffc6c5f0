"""One trial: draw inputs, weights and labels from its own streams, fit, measure; one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.measure import TEST_POINTS, sobolev
from bigtheta.numerics.models import interpolator
from bigtheta.numerics.sample import draw_inputs, draw_labels, draw_weights
from bigtheta.numerics.streams import Role, Streams

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
    e, sizes = trial.experiment, dict(trial.cell)
    streams = Streams(trial.seed, e.spec, sizes, trial.index)
    x = draw_inputs(e.inputs, streams, Role.INPUTS, sizes["n"]).to(trial.device)
    w = draw_weights(streams).to(trial.device) if "k" in e.model.uses else None
    y = draw_labels(e.labels, streams, x)
    fitted = interpolator(e.model, x=x, w=w, y=y, act=e.activation)
    z = draw_inputs(e.inputs, streams, Role.TEST, TEST_POINTS).to(trial.device)
    solution = fitted.solution
    return {
        "activation": e.activation.name,
        **{name: sizes[name] for name in e.model.uses},
        "trial": trial.index,
        "value": sobolev(fitted, z),
        "residual": solution.residual,
        "condition": solution.condition,
        "status": solution.status,
    }
