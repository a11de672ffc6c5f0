"""Quantities measured on a fitted model, or on its data: one mapping from the name of a quantity to its function."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bigtheta.numerics.lipschitz import largest_quotient, layers_of, search, search_starts
from bigtheta.numerics.models import Interpolator
from bigtheta.numerics.sample import Sample
from bigtheta.numerics.streams import Streams
from bigtheta.theory.data import TEST_POINTS, Quantity
from bigtheta.theory.errors import InvalidInputError

__all__ = ["MEASURES", "TEST_POINTS", "Fit", "measured", "memorised", "sensitivity", "sobolev"]


@dataclass(frozen=True)
class Fit:
    """What a quantity is measured on.

    Attributes:
        model: the fitted model; None where the quantity needs none.
        sample: training data and test points.
        weights: hidden weights w (k, d), None at infinite width.
        streams: of the trial.
    """

    model: Interpolator | None
    sample: Sample
    weights: Tensor | None
    streams: Streams

    @property
    def f(self) -> Interpolator:
        """The fitted model."""
        if self.model is None:
            raise InvalidInputError("quantity: expected a fitted model but none was fitted")
        return self.model


def sobolev(fitted: Interpolator, z: Tensor) -> float:
    """Return S(f) = sqrt(mean_i |grad f(z_i)|^2) over the test points z (m, d), gradients in all of R^d."""
    return math.sqrt(float(fitted.gradient(z).square().sum(1).mean()))


def sensitivity(fitted: Interpolator, z: Tensor) -> float:
    """Return mean_i |z_i| |grad f(z_i)| over the test points z (m, d).

    It does not change if inputs are multiplied by c and weights by 1/c, so |z| = sqrt(d) with w ~ N(0, I/d), as in the
    source, and |z| = 1 with w ~ N(0, I), as here, give the same. Source: Bombari, Kiyani, Mondelli 2023.
    """
    norms = torch.linalg.vector_norm(z, dim=1)
    return float((norms * torch.linalg.vector_norm(fitted.gradient(z), dim=1)).mean())


def memorised(predictions: Tensor, sample: Sample) -> float:
    """Return the fraction of the label noise in the fit, <f - signal g, eps>/|eps|^2 over the training points.

    1 for an interpolator, 0 for the noiseless target, tr(H)/n on average for a linear smoother f = H y of pure noise.
    Source: derived; for ridge regression on pure noise it is 1 - <y - f, y>/|y|^2.

    Args:
        predictions: f(x_i). Shape (n,).
    """
    return float((predictions - sample.clean) @ sample.noise / sample.noise.square().sum())


def _mean_square(values: Tensor) -> float:
    return float(values.square().mean())


def _lipschitz_lower(q: Any, fit: Fit) -> float:
    starts = search_starts(fit.sample.x, fit.streams, q.starts)
    return search(fit.f.gradient, starts, steps=q.steps)


def _mcshane(q: Any, fit: Fit) -> float:
    onto = fit.weights if q.projected else None
    return largest_quotient(fit.sample.x, fit.sample.y, onto=onto)


def _adversarial_risk(q: Any, fit: Fit) -> float:
    raise InvalidInputError(
        "quantity adversarial-risk: only the model adversarial-features has it; use test-error, or that model"
    )


MEASURES: Mapping[str, Callable[[Any, Fit], float]] = {
    "sobolev": lambda q, fit: sobolev(fit.f, fit.sample.z),
    "sensitivity": lambda q, fit: sensitivity(fit.f, fit.sample.z),
    "lipschitz-lower": _lipschitz_lower,
    "lipschitz-upper": lambda q, fit: layers_of(fit.f).lipschitz_bound,
    "mcshane": _mcshane,
    "test-error": lambda q, fit: _mean_square(fit.f.predict(fit.sample.z) - fit.sample.clean_z),
    "train-error": lambda q, fit: _mean_square(fit.f.predict(fit.sample.x) - fit.sample.y),
    "adversarial-risk": _adversarial_risk,
    "memorised": lambda q, fit: memorised(fit.f.predict(fit.sample.x), fit.sample),
}
"""How each quantity of `theory.data.QUANTITIES` is measured, by its name."""


def measured(quantity: Quantity, fit: Fit) -> float:
    """Return the value of a quantity.

    Raises:
        InvalidInputError: where the fitted model does not offer what the quantity needs.
    """
    return MEASURES[quantity.kind](quantity, fit)
