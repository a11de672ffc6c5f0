"""Quantities measured on a fitted model, or on its data: one mapping from the name of a quantity to its function."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from bigtheta.numerics.exact import affine_energy
from bigtheta.numerics.grassmann import optimised_quotient
from bigtheta.numerics.lipschitz import largest_quotient, layers_of, search, search_starts
from bigtheta.numerics.models import Interpolator
from bigtheta.numerics.models.quadratic_form import operator_norm
from bigtheta.numerics.sample import Sample
from bigtheta.numerics.streams import Streams
from bigtheta.theory.data import TEST_POINTS, Quantity
from bigtheta.theory.errors import InvalidInputError

__all__ = ["MEASURES", "TEST_POINTS", "TOGETHER", "Fit", "Function", "measured", "memorised", "sensitivity", "sobolev"]

_PROBES = 4
"""Test points at which a gradient that should be affine is looked at."""


class Function(Protocol):
    """A fitted f, of one trial or of a stack of them."""

    @property
    def predict(self) -> Callable[[Tensor], Tensor]:
        """z (..., m, d) -> f(z) (..., m)."""
        ...

    @property
    def gradient(self) -> Callable[[Tensor], Tensor]:
        """z (..., m, d) -> grad f(z) (..., m, d)."""
        ...


@dataclass(frozen=True)
class Fit:
    """What a quantity is measured on.

    Attributes:
        model: the fitted model; None where the quantity needs none.
        sample: training data and test points.
        weights: hidden weights w (k, d), None at infinite width.
        streams: of the trial.
        moments: diagonal (d,) of E x x^T where f is a quadratic polynomial, so that its Sobolev seminorm is exact; or
            None.
    """

    model: Interpolator | None
    sample: Sample
    weights: Tensor | None
    streams: Streams
    moments: Tensor | None = None

    @property
    def f(self) -> Interpolator:
        """The fitted model."""
        if self.model is None:
            raise InvalidInputError("quantity: expected a fitted model but none was fitted")
        return self.model


def sobolev(fitted: Interpolator, z: Tensor) -> float:
    """Return S(f) = sqrt(mean_i |grad f(z_i)|^2) over the test points z (m, d), gradients in all of R^d."""
    return math.sqrt(float(_energy(fitted, z)))


def sensitivity(fitted: Interpolator, z: Tensor) -> float:
    """Return mean_i |z_i| |grad f(z_i)| over the test points z (m, d).

    It does not change if inputs are multiplied by c and weights by 1/c, so |z| = sqrt(d) with w ~ N(0, I/d), as in the
    source, and |z| = 1 with w ~ N(0, I), as here, give the same. Source: Bombari, Kiyani, Mondelli 2023.
    """
    return float(_sensitivity(fitted, z))


def memorised(predictions: Tensor, sample: Sample) -> float:
    """Return the fraction of the label noise in the fit, <f - signal g, eps>/|eps|^2 over the training points.

    1 for an interpolator, 0 for the noiseless target, tr(H)/n on average for a linear smoother f = H y of pure noise.
    Source: derived; for ridge regression on pure noise it is 1 - <y - f, y>/|y|^2.

    Args:
        predictions: f(x_i). Shape (n,).
    """
    return float(_memorised(predictions, sample))


def _energy(f: Function, z: Tensor) -> Tensor:
    return f.gradient(z).square().sum(-1).mean(-1)


def _sobolev(f: Function, sample: Sample, moments: Tensor | None) -> Tensor:
    """Exact where grad f is affine, as it has to be for a quadratic f; over the test points elsewhere."""
    if moments is None:
        return _energy(f, sample.z).sqrt()
    exact, affine = affine_energy(f.gradient, moments, sample.z[..., :_PROBES, :])
    energy = exact if bool(affine.all()) else torch.where(affine, exact, _energy(f, sample.z))
    return energy.sqrt()


def _sensitivity(f: Function, z: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(f.gradient(z), dim=-1)
    return lengths.mul(torch.linalg.vector_norm(z, dim=-1)).mean(-1)


def _memorised(predictions: Tensor, sample: Sample) -> Tensor:
    shared: Tensor = ((predictions - sample.clean) * sample.noise).sum(-1)
    return shared / sample.noise.square().sum(-1)


def _mean_square(values: Tensor) -> Tensor:
    mean: Tensor = values.square().mean(-1)
    return mean


TOGETHER: Mapping[str, Callable[[Function, Sample, Tensor | None], Tensor]] = {
    "sobolev": _sobolev,
    "sensitivity": lambda f, sample, moments: _sensitivity(f, sample.z),
    "test-error": lambda f, sample, moments: _mean_square(f.predict(sample.z) - sample.clean_z),
    "train-error": lambda f, sample, moments: _mean_square(f.predict(sample.x) - sample.y),
    "memorised": lambda f, sample, moments: _memorised(f.predict(sample.x), sample),
}
"""Quantities that are measured for one trial or a stack of them alike. Shape (...)."""


def _lipschitz_lower(q: Any, fit: Fit) -> float:
    starts = search_starts(fit.sample.x, fit.streams, q.starts)
    return search(fit.f.gradient, starts, steps=q.steps)


def _mcshane(q: Any, fit: Fit) -> float:
    onto = fit.weights if q.projected else None
    if q.optimised and onto is not None:
        return optimised_quotient(fit.sample.x, fit.sample.y, onto=onto)
    return largest_quotient(fit.sample.x, fit.sample.y, onto=onto)


def _adversarial_risk(q: Any, fit: Fit) -> float:
    raise InvalidInputError(
        "quantity adversarial-risk: only the model adversarial-features has it; use test-error, or that model"
    )


def _alone(measure: Callable[[Function, Sample, Tensor | None], Tensor]) -> Callable[[Any, Fit], float]:
    return lambda q, fit: float(measure(fit.f, fit.sample, fit.moments))


MEASURES: Mapping[str, Callable[[Any, Fit], float]] = {
    **{name: _alone(measure) for name, measure in TOGETHER.items()},
    "lipschitz-lower": _lipschitz_lower,
    "lipschitz-upper": lambda q, fit: layers_of(fit.f).lipschitz_bound,
    "mcshane": _mcshane,
    "operator-norm": lambda q, fit: operator_norm(fit.f),
    "adversarial-risk": _adversarial_risk,
}
"""How each quantity of `theory.data.QUANTITIES` is measured, by its name."""


def measured(quantity: Quantity, fit: Fit) -> float:
    """Return the value of a quantity.

    Raises:
        InvalidInputError: where the fitted model does not offer what the quantity needs.
    """
    return MEASURES[quantity.kind](quantity, fit)
