"""What a synthetic family is: the form of a finite-size correction, or a law of noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bigtheta.verify.calibration.instance import Array

__all__ = ["Correction", "Draw", "Noise", "between"]

Rng = np.random.Generator
Draw = tuple[tuple[Array, ...], float | None]
"""Samples by cell, and (mean of the samples)/(mean asked for), None if unknown."""


@dataclass(frozen=True)
class Correction:
    """A finite-size correction: factor(rng, n) at the sizes n.

    converges: whether the factor tends to 1, without which no limit is claimed.
    """

    name: str
    split: str
    factor: Callable[[Rng, Array], Array]
    converges: bool = True


@dataclass(frozen=True)
class Noise:
    """A law of noise: draw(rng, trials, means, n) gives samples by cell, and the factor of their means.

    counts: samples are counts, which need means that do not fall with n.
    """

    name: str
    split: str
    draw: Callable[[Rng, int, Array, Array], Draw]
    counts: bool = False


def between(rng: Rng, low: float, high: float) -> float:
    """Draw uniformly on the logarithmic scale."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
