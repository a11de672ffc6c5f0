"""What every model gives: a fitted interpolator with its predictions, its gradients and how it was solved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch

from torch import Tensor

from bigtheta.numerics.interpolate import Solution
from bigtheta.theory.activation import Activation
from bigtheta.theory.model import Model

__all__ = ["Interpolator", "interpolator"]


@dataclass(frozen=True)
class Interpolator:
    """A fitted model f.

    Attributes:
        predict: z (m, d) -> f(z) (m,).
        gradient: z (m, d) -> grad f(z) (m, d), off the kinks.
        solution: coefficients, residual, condition and status of the solve.
    """

    predict: Callable[[Tensor], Tensor]
    gradient: Callable[[Tensor], Tensor]
    solution: Solution


@singledispatch
def interpolator(model: Model, *, x: Tensor, w: Tensor | None, y: Tensor, act: Activation) -> Interpolator:
    """Fit a model to inputs x (n, d) and labels y (n,), hidden weights w (k, d) or None for infinite width.

    Register a new model with `@interpolator.register` on its spec type; the file holds its Gram and its gradient.
    """
    raise NotImplementedError(f"no simulator is registered for {type(model).__name__}")
