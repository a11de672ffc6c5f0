"""The simulators, one model a file; each registers itself on its spec type of `theory.model`."""

from bigtheta.numerics.models import (
    adversarial,
    both_layers,
    caps,
    dot_product,
    kernels,
    neural_tangent,
    quadratic,
    quadratic_form,
    random_features,
    trained,
)
from bigtheta.numerics.models.base import Interpolator, check_registered, interpolator

__all__ = [
    "Interpolator", "adversarial", "both_layers", "caps", "check_registered", "dot_product", "interpolator", "kernels",
    "neural_tangent", "quadratic", "quadratic_form", "random_features", "trained",
]  # fmt: skip
