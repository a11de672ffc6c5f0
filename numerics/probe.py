"""A fit looked at from outside: whether the gradients that were measured are slopes of the fit's own predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from bigtheta.numerics.models import Interpolator
from bigtheta.numerics.models.base import Stacked
from bigtheta.theory.activation import Activation

__all__ = ["Seen", "gradient_disagrees", "watched"]

_STEP, _NEAR_KINKS = 1e-4, 1e-7
"""Of the differences, relative to the norm of the point; for an activation with kinks, one that few neurons cross."""
_SETTLED, _OFF = 1e-3, 1e-2
"""Relative to |grad f|: two steps agree that well where f is smooth, and the gradient is off if it is farther away."""
_Fitted = TypeVar("_Fitted", Interpolator, Stacked)


@dataclass
class Seen:
    """The first two points (..., 2, d) at which a gradient was asked for last, and the answer; None if never."""

    points: Tensor | None = None
    gradient: Tensor | None = None


def watched(fitted: _Fitted) -> tuple[_Fitted, Seen]:
    """Return the fit, and what will be seen of its gradients."""
    seen = Seen()

    def gradient(z: Tensor) -> Tensor:
        found = fitted.gradient(z)
        seen.points, seen.gradient = z[..., :2, :].detach().clone(), found[..., :2, :].detach().clone()
        return found

    return replace(fitted, gradient=gradient), seen


def gradient_disagrees(fitted: Interpolator | Stacked, seen: Seen, act: Activation) -> Tensor:
    """Return whether the gradient is wrong along z_0 - z_1, at both of the points z_0 and z_1.

    Central differences with a step h and with h/2 have to agree with each other and not with the gradient. Where they
    do not settle (a bad condition number, a kink crossed between) nothing is said, nor for fewer than two points, or
    float32. A part of the gradient that is missing shows in this direction with a weight of order 1/sqrt(d), so in some
    trial of a sweep.

    Returns:
        Booleans, one for each trial of a stack; of no dimension for one trial.

    Source: derived.

    >>> from bigtheta.numerics.interpolate import Solution
    >>> from bigtheta.theory.catalogue import activation
    >>> z = torch.eye(3, dtype=torch.float64)
    >>> for factor in (2, 2.1):
    ...     fit = Interpolator(lambda z: z.square().sum(-1), lambda z: factor * z, Solution(z[0], 0.0, 1.0, "ok"))
    ...     fit, seen = watched(fit)
    ...     _ = fit.gradient(z)
    ...     bool(gradient_disagrees(fit, seen, activation("tanh")))
    False
    True
    """
    points, gradient = seen.points, seen.gradient
    if points is None or gradient is None:
        return torch.tensor(False, device="cpu")
    nothing = torch.zeros(points.shape[:-2], dtype=torch.bool, device=points.device)
    if points.dtype != torch.float64 or points.shape[-2] < 2 or gradient.shape != points.shape:
        return nothing
    along = points[..., :1, :] - points[..., 1:, :]
    distance = torch.linalg.vector_norm(along, dim=-1, keepdim=True)
    if not bool((distance > 0).all()):
        return nothing
    share_of_norm = _NEAR_KINKS if act.kinks else _STEP
    step = share_of_norm * torch.linalg.vector_norm(points, dim=-1, keepdim=True) * along / distance

    def slope(share: float) -> Tensor:
        """(f(z + share h) - f(z - share h))/(2 share), which tends to h . grad f."""
        return (fitted.predict(points + share * step) - fitted.predict(points - share * step)) / (2 * share)

    size = torch.linalg.vector_norm(gradient, dim=-1) * torch.linalg.vector_norm(step, dim=-1)
    coarse, fine = slope(1.0), slope(0.5)
    settled = (coarse - fine).abs() <= _SETTLED * size
    off = (fine - (gradient * step).sum(-1)).abs() > _OFF * size
    return torch.all(settled & off, dim=-1)
