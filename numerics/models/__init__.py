"""The simulators, one model a file; each registers itself on its spec type of `theory.model`."""

from bigtheta.numerics.models import kernels, neural_tangent, random_features
from bigtheta.numerics.models.base import Interpolator, check_registered, interpolator

__all__ = ["Interpolator", "check_registered", "interpolator", "kernels", "neural_tangent", "random_features"]
