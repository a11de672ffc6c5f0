"""Exact limits of learning regimes on a quadratic target, by one name: error E against robustness S.

f*(x) = x^T B x + b0, x ~ N(0, I_d), a student of m = rho d neurons, d -> inf; [DB] = Dohmatob and Bietti 2022.
    bound            robustness_floor        sqrt S >= 1 - sqrt E for any f
    first layer W    initialisation          nothing trained
    fixed            random_features         output weights fitted, with or without ridge; lazy_: around a random start
                     neural_tangent_mean     a (linear in W's changes) fitted, exact mean at every d and m
                     neural_tangent          its limit, with or without ridge; lazy_: around a random start
                     gradient_flow           the same after a time of training; lazy_: around a random start
                     smooth_neural_tangent   any smooth activation
    all trained      trained                 the best network
    curves           tradeoff, retreats      S along decreasing E, and where it falls
"""

from __future__ import annotations

from bigtheta.theory.limits.quadratic_base import (
    QuadraticLimit,
    Spectrum,
    marchenko_pastur,
    robustness_floor,
)  # fmt: skip
from bigtheta.theory.limits.quadratic_features import (
    initialisation,
    lazy_random_features,
    random_features,
    retreat_width,
)  # fmt: skip
from bigtheta.theory.limits.quadratic_tangent import (
    gradient_flow,
    lazy_gradient_flow,
    lazy_neural_tangent,
    neural_tangent,
    neural_tangent_mean,
    smooth_neural_tangent,
)  # fmt: skip
from bigtheta.theory.limits.quadratic_tradeoff import LIMITS, Retreat, Tradeoff, retreats, tradeoff
from bigtheta.theory.limits.quadratic_trained import trained

__all__ = [
    "LIMITS", "QuadraticLimit", "Retreat", "Spectrum", "Tradeoff", "gradient_flow", "initialisation",
    "lazy_gradient_flow", "lazy_neural_tangent", "lazy_random_features", "marchenko_pastur", "neural_tangent",
    "neural_tangent_mean", "random_features", "retreat_width", "retreats", "robustness_floor", "smooth_neural_tangent",
    "tradeoff", "trained",
]  # fmt: skip
