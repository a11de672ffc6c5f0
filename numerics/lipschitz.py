"""Lipschitz constants: bounds from below and above for a fitted model, and the least one that the labels allow."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, cast, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from bigtheta.numerics.deadline import check_time
from bigtheta.numerics.streams import Role, Streams
from bigtheta.theory.activation import Activation, u
from bigtheta.theory.errors import InvalidInputError

__all__ = ["Layered", "Layers", "largest_quotient", "largest_slope", "layers_of", "search", "search_starts"]

_PROBE = 1e-3
_BLOCK_NUMBERS = 4_000_000
_REACH = 40.0
_FAR = 10.0 ** np.arange(2, 7)


@dataclass(frozen=True)
class Layers:
    """A two-layer network f(x) = sum_l a_l phi(w_l . x + b_l) + constant.

    Attributes:
        outer: a (k,), with every factor such as 1/sqrt(k) in it.
        hidden: w (k, d).
        slope: sup |phi'|.
    """

    outer: Tensor
    hidden: Tensor
    slope: float

    @property
    def lipschitz_bound(self) -> float:
        """sup|phi'| |a| |W|_op >= Lip(f), the spectral product.

        >>> eye = torch.eye(2, dtype=torch.float64)
        >>> round(Layers(torch.tensor([3.0, 4.0], dtype=torch.float64), 2 * eye, 1.0).lipschitz_bound, 12)
        10.0
        """
        if not math.isfinite(self.slope):
            raise InvalidInputError(
                "quantity lipschitz-upper: the activation has no bounded slope, so there is no bound"
            )
        norm = float(torch.linalg.vector_norm(self.outer)) * float(torch.linalg.matrix_norm(self.hidden, 2))
        return self.slope * norm


@runtime_checkable
class Layered(Protocol):
    """A fitted model that is a two-layer network and shows its weights."""

    def layers(self) -> Layers:
        """Return the weights."""
        ...


def layers_of(fitted: object) -> Layers:
    """Return the weights of a fitted two-layer network.

    Raises:
        InvalidInputError: for a model that does not offer `layers`.
    """
    offered = getattr(fitted, "layers", None)
    if not callable(offered):
        raise InvalidInputError(
            "quantity lipschitz-upper: expected a two-layer network that shows its weights but this model does not; "
            "use lipschitz-lower, or the model random-features or trained-network"
        )
    return cast(Layered, fitted).layers()


@lru_cache(maxsize=256)
def largest_slope(act: Activation) -> float:
    """Return sup |phi'|: exact where phi is piecewise linear, else the largest value on a fine grid; inf if unbounded.

    >>> from bigtheta.theory.catalogue import activation
    >>> largest_slope(activation("leaky_relu")), round(largest_slope(activation("gelu")), 6)
    (1.0, 1.128904)
    >>> largest_slope(activation("square"))
    inf
    """
    slopes = [piece.expression for piece in act.derivative(1)]
    if not any(slope.has(u) for slope in slopes):
        return max(abs(float(slope)) for slope in slopes)
    dphi = act.numeric(1)
    near = float(np.abs(dphi(np.linspace(-_REACH, _REACH, 1_600_001))).max())
    with np.errstate(all="ignore"):
        far = np.abs(dphi(np.concatenate([-_FAR, _FAR])))
    return near if np.all(far <= near * (1 + 1e-9)) else math.inf


def search_starts(x: Tensor, streams: Streams, count: int) -> Tensor:
    """Return starts on the unit sphere: half of them near training points, where fits are steep, half uniform.

    Shapes: x (n, d); (count, d).
    """
    z = streams.normal(Role.SEARCH, count, x.shape[1]).to(x)
    z = _unit(z)
    near = x[: count // 2]
    z[: len(near)] = _unit(_unit(near) + 0.3 * z[: len(near)])
    return z


def search(gradient: Callable[[Tensor], Tensor], starts: Tensor, *, steps: int) -> float:
    """Return the largest tangential gradient |grad f(z) - (z . grad f(z)) z| found on the unit sphere.

    Projected gradient ascent from every start; the direction of ascent P (Hess f) v, v the tangential gradient, is a
    difference of two gradients, so that `gradient` is all that is asked of f. A step that does not ascend is halved;
    every value is attained, so the result is a lower bound of the Lipschitz constant of f on the sphere.

    Args:
        gradient: z (m, d) -> grad f(z) (m, d), called on unit vectors alone.
        starts: unit vectors (m, d).

    >>> b = torch.tensor([[3.0, 4.0, 0.0]], dtype=torch.float64)
    >>> start = torch.eye(3, dtype=torch.float64)[:1]
    >>> round(search(lambda z: b.expand(len(z), 3), start, steps=50), 6)
    5.0
    """

    def tangential(z: Tensor) -> Tensor:
        g = gradient(z)
        return g - (g * z).sum(1, keepdim=True) * z

    z, slope = starts, tangential(starts)
    best = torch.linalg.vector_norm(slope, dim=1)
    step = torch.full_like(best, 0.1)
    for made in range(steps):
        check_time(made, steps)
        v = slope / best.clamp_min(1e-300)[:, None]
        h = (0.1 * step).clamp(1e-6, _PROBE)[:, None]
        rise = tangential(_unit(z + h * v)) - tangential(_unit(z - h * v))
        rise = rise - (rise * z).sum(1, keepdim=True) * z
        moved = _unit(z + step[:, None] * _unit(rise))
        found = tangential(moved)
        size = torch.linalg.vector_norm(found, dim=1)
        better = size > best
        z = torch.where(better[:, None], moved, z)
        slope = torch.where(better[:, None], found, slope)
        best = torch.where(better, size, best)
        step = torch.where(better, 1.5 * step, 0.5 * step).clamp_max(1.0)
        if float(step.max()) < 1e-9:
            break
    return float(best.max())


def _unit(z: Tensor) -> Tensor:
    """Rows scaled to norm 1; a row of zeros stays."""
    norms: Tensor = torch.linalg.vector_norm(z, dim=1, keepdim=True)
    return z / norms.clamp_min(1e-300)


def largest_quotient(x: Tensor, y: Tensor, *, onto: Tensor | None = None) -> float:
    """Return max_{i<j} |y_i - y_j|/|x_i - x_j|: the least Lipschitz constant of any function through the labels.

    The McShane extension attains it. Pairs with equal labels count as 0; two inputs at distance 0 with different labels
    give inf. Distances are of differences, not from inner products, and held for a block of pairs at a time.

    Args:
        x, y: inputs (n, d) and labels (n,).
        onto: rows (k, d); distances |P (x_i - x_j)| instead, P the projection on their span. Any function of W x
            through the labels has at least this Lipschitz constant. Source: Bubeck, Li, Nagaraj 2020, Theorem 6.

    >>> line = torch.tensor([[0.0], [1.0], [1.5]], dtype=torch.float64)
    >>> largest_quotient(line, torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64))
    4.0
    """
    if onto is not None:
        x = x @ torch.linalg.qr(onto.T).Q
    best = 0.0
    block = max(1, _BLOCK_NUMBERS // max(len(x), 1))
    for start in range(0, len(x), block):
        rows, labels = x[start : start + block], y[start : start + block]
        distance = torch.cdist(rows, x[start:], compute_mode="donot_use_mm_for_euclid_dist")
        change = (labels[:, None] - y[None, start:]).abs()
        quotient = torch.where(change == 0, 0, change / distance)
        best = max(best, float(quotient.max()))
    return best
