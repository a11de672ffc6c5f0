"""What every model gives: a fitted interpolator with its predictions, its gradients and how it was solved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch

from torch import Tensor

from bigtheta.numerics.algebra import Stack
from bigtheta.numerics.interpolate import Solution
from bigtheta.theory import plugins
from bigtheta.theory.activation import Activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.model import Model

__all__ = ["Interpolator", "Stacked", "check_registered", "interpolator", "stacked", "stacks"]


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


@dataclass(frozen=True)
class Stacked:
    """The fitted models of b trials of one cell.

    Attributes:
        predict: z (b, m, d) -> f(z) (b, m), test points of each trial.
        gradient: z (b, m, d) -> grad f(z) (b, m, d).
        solution: of all trials.
    """

    predict: Callable[[Tensor], Tensor]
    gradient: Callable[[Tensor], Tensor]
    solution: Stack


@singledispatch
def interpolator(model: Model, *, x: Tensor, w: Tensor | None, y: Tensor, act: Activation) -> Interpolator:
    """Fit a model to inputs x (n, d) and labels y (n,), hidden weights w (k, d) or None for infinite width.

    Register a new model with `@interpolator.register` on its spec type; the file holds its Gram and its gradient.
    """
    return _registered(model)(model, x=x, w=w, y=y, act=act)


@singledispatch
def stacked(model: Model, *, x: Tensor, w: Tensor | None, y: Tensor, act: Activation) -> Stacked | None:
    """Fit b trials at once: x (b, n, d), w (b, k, d) or None, y (b, n); None where these have to be fitted one by one.

    A model may be registered here beside `interpolator`, to be faster on a GPU.
    """
    return None


def stacks(model: Model) -> bool:
    """Whether trials of this very type of model can be fitted at once; a subtype may have another formula."""
    return type(model) in stacked.registry


def check_registered(model: Model) -> None:
    """Refuse a model that nothing here can simulate, before anything is simulated.

    Raises:
        InvalidInputError: naming the model and what its package has to register.
    """
    _registered(model)


def _registered(model: Model) -> Callable[..., Interpolator]:
    """The interpolator of a model's type; a plugin that registers it is imported first."""
    unknown = interpolator.dispatch(object)
    if interpolator.dispatch(type(model)) is unknown:
        plugins.find_model(model.kind)
    found = interpolator.dispatch(type(model))
    if found is unknown:
        raise InvalidInputError(
            f"model {model.kind!r}: nothing registered can simulate {type(model).__name__}; decorate a function with "
            "@interpolator.register in the module that its bigtheta.models entry point names"
        )
    return found
