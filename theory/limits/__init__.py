"""Exact limits; each is loaded when first used.

>>> from bigtheta.theory.limits import adversarial_risk, sobolev_limit
>>> round(adversarial_risk(psi1=2, psi2=2, eps=0.5, tau=0.5), 8)
1.68391602
>>> round(sobolev_limit(model="ntk-kernel", activation="relu", n=400, d=800), 2)
85.41
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bigtheta.theory.limits.adversarial import AdversarialLimit, adversarial_limit, adversarial_risk, critical_eps
    from bigtheta.theory.limits.adversarial_saddle import Saddle, saddle_point, saddle_value
    from bigtheta.theory.limits.descent import peaks
    from bigtheta.theory.limits.kernels import kernel_limit, polynomial_limit, polynomial_minimum, proportional_limit
    from bigtheta.theory.limits.sobolev import sobolev_limit
    from bigtheta.theory.limits.width import WidthConstants, width_constants
    from bigtheta.theory.limits.width_features import random_features_limit
    from bigtheta.theory.limits.width_tangent import neural_tangent_limit, tangent_rank

_HOME = {
    "AdversarialLimit": "adversarial", "adversarial_limit": "adversarial", "adversarial_risk": "adversarial",
    "critical_eps": "adversarial",
    "Saddle": "adversarial_saddle", "saddle_point": "adversarial_saddle", "saddle_value": "adversarial_saddle",
    "peaks": "descent",
    "kernel_limit": "kernels", "polynomial_limit": "kernels", "polynomial_minimum": "kernels",
    "proportional_limit": "kernels",
    "sobolev_limit": "sobolev",
    "WidthConstants": "width", "width_constants": "width",
    "random_features_limit": "width_features",
    "neural_tangent_limit": "width_tangent", "tangent_rank": "width_tangent",
}  # fmt: skip

__all__ = [
    "AdversarialLimit", "Saddle", "WidthConstants", "adversarial_limit", "adversarial_risk", "critical_eps",
    "kernel_limit", "neural_tangent_limit", "peaks", "polynomial_limit", "polynomial_minimum", "proportional_limit",
    "random_features_limit", "saddle_point", "saddle_value", "sobolev_limit", "tangent_rank", "width_constants",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'bigtheta.theory.limits' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"bigtheta.theory.limits.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
