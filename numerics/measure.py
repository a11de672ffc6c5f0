"""Quantities measured on a fitted model."""

from __future__ import annotations

import math

from torch import Tensor

from bigtheta.numerics.models import Interpolator

__all__ = ["TEST_POINTS", "sobolev"]

TEST_POINTS = 512
"""Fresh inputs over which E |grad f(x)|^2 is averaged in one trial."""


def sobolev(fitted: Interpolator, z: Tensor) -> float:
    """Return S(f) = sqrt(mean_i |grad f(z_i)|^2) over the test points z (m, d), gradients in all of R^d."""
    return math.sqrt(float(fitted.gradient(z).square().sum(1).mean()))
