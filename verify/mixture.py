"""Mixtures of normal laws: what is known of one number after averaging over corrections of unknown kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["Mixture", "quantiles"]

Array = npt.NDArray[np.float64]

_NEGLIGIBLE = 1e-12
_HALVINGS = 10
_NEWTON = 40
_TOLERANCE = 1e-9
_ROOT_TWO_PI = float(np.sqrt(2 * np.pi))


@dataclass(frozen=True)
class Mixture:
    """A mixture of normal laws of one number: weights (sum 1), means and standard deviations, one shape."""

    weights: Array
    means: Array
    sds: Array

    def quantiles(self, levels: Sequence[float]) -> Array:
        """Return the quantiles. Shape (len(levels),).

        >>> one = Mixture(np.ones(1), np.zeros(1), np.ones(1))
        >>> one.quantiles([0.025, 0.975]).round(3).tolist()
        [-1.96, 1.96]
        """
        found: Array = quantiles(self.weights[None], self.means[None], self.sds[None], levels)[0]
        return found

    def below(self, value: float) -> float:
        """Return the probability of less than a value.

        >>> Mixture(np.ones(1), np.zeros(1), np.ones(1)).below(0.0)
        0.5
        """
        return float(self.weights @ special.ndtr((value - self.means) / self.sds))


def quantiles(weights: Array, means: Array, sds: Array, levels: Sequence[float]) -> Array:
    """Return the quantiles of several mixtures, by bisection between those of their components and Newton's method.

    Shapes: weights, means, sds (m, components); (m, len(levels)).
    """
    heavy = weights > _NEGLIGIBLE
    kept = heavy.any(0)
    weights, means, sds, heavy = weights[:, kept], means[:, kept], sds[:, kept], heavy[:, kept]
    p = np.asarray(levels, dtype=np.float64)
    own = means[:, None] + special.ndtri(p)[:, None] * sds[:, None]
    low = np.where(heavy[:, None], own, np.inf).min(-1)
    high = np.where(heavy[:, None], own, -np.inf).max(-1)
    scaled = np.where(heavy, weights, 0)
    scaled = scaled / scaled.sum(-1, keepdims=True)
    density = scaled / sds
    middle = (low + high) / 2
    for step in range(_HALVINGS + _NEWTON):
        z = (middle[..., None] - means[:, None]) / sds[:, None]
        excess = np.einsum("mlc,mc->ml", special.ndtr(z), scaled) - p
        low, high = np.where(excess < 0, middle, low), np.where(excess < 0, high, middle)
        halved = (low + high) / 2
        if step < _HALVINGS:
            middle = halved
            continue
        slope = np.einsum("mlc,mc->ml", np.exp(-z * z / 2), density) / _ROOT_TWO_PI
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = middle - excess / slope
        inside = (moved >= low) & (moved <= high)
        moved = np.where(inside, moved, halved)
        done = bool(np.abs(moved - middle).max() <= _TOLERANCE * np.abs(high - low).max())
        middle = moved
        if done:
            break
    return np.asarray(middle, dtype=np.float64)
