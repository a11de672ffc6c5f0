"""Exact limits of learning regimes on a quadratic target, by one name: error E against robustness S.

f*(x) = x^T B x + b0, x ~ N(0, I_d), a student of m = rho d neurons, d -> inf; [DB] = Dohmatob and Bietti 2022.
    any f                 robustness_floor        sqrt S >= 1 - sqrt E
    nothing trained       initialisation
    output weights        random_features         with or without ridge; lazy_random_features: around a random start
    changes of W          neural_tangent          phi(u) = c u^2, with or without ridge; lazy_neural_tangent
    (linearised)          neural_tangent_mean     its exact mean at every d and m
                          gradient_flow           after a time of training; lazy_gradient_flow
                          smooth_neural_tangent   any smooth phi
    everything            trained                 phi(u) = u^2, the best network there is
    curves                tradeoff, retreats      S along decreasing E, and where S falls; retreat_width: a closed form
"""

from __future__ import annotations

from bigtheta.theory.limits.quadratic_base import (
    QuadraticLimit,
    Spectrum,
    marchenko_pastur,
    robustness_floor,
)
from bigtheta.theory.limits.quadratic_features import (
    initialisation,
    lazy_random_features,
    random_features,
    retreat_width,
)
from bigtheta.theory.limits.quadratic_tangent import (
    gradient_flow,
    lazy_gradient_flow,
    lazy_neural_tangent,
    neural_tangent,
    neural_tangent_mean,
    smooth_neural_tangent,
)
from bigtheta.theory.limits.quadratic_tradeoff import LIMITS, Retreat, Tradeoff, retreats, tradeoff
from bigtheta.theory.limits.quadratic_trained import trained

__all__ = [
    "LIMITS", "QuadraticLimit", "Retreat", "Spectrum", "Tradeoff", "gradient_flow", "initialisation",
    "lazy_gradient_flow", "lazy_neural_tangent", "lazy_random_features", "marchenko_pastur", "neural_tangent",
    "neural_tangent_mean", "random_features", "retreat_width", "retreats", "robustness_floor", "smooth_neural_tangent",
    "tradeoff", "trained",
]  # fmt: skip
