"""What a model offers, known before anything runs: its quantities, and the inputs and labels it can be fitted to."""

from __future__ import annotations

import math
from functools import singledispatch

from bigtheta.numerics.lipschitz import largest_slope
from bigtheta.theory.activation import Activation
from bigtheta.theory.data import (
    AdversarialRisk,
    Inputs,
    Labels,
    LipschitzUpper,
    OperatorNorm,
    Quantity,
    Sobolev,
    TestError,
)  # fmt: skip
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.inputs import Dataset, Gaussian, Sphere
from bigtheta.theory.model import (
    AdversarialFeatures,
    BothLayers,
    DotProduct,
    Model,
    NeuralTangent,
    NTKernel,
    RandomFeatures,
    RFKernel,
)  # fmt: skip
from bigtheta.theory.networks import Caps, QuadraticForm
from bigtheta.theory.training import QuadraticStudent, TrainedNetwork

__all__ = ["check_offered"]


@singledispatch
def check_offered(model: Model, quantity: Quantity, law: Inputs, target: Labels, act: Activation) -> None:
    """Refuse a quantity, inputs or labels that a model does not have.

    A model of a plugin, of which nothing is known, is asked when it runs.

    Raises:
        InvalidInputError: saying what was expected, what was got, and what to do.
    """
    if isinstance(quantity, AdversarialRisk):
        raise InvalidInputError(
            f"quantity adversarial-risk: expected the model adversarial-features, which alone has it, but got "
            f"{model.kind}; use test-error, or that model"
        )
    if isinstance(quantity, OperatorNorm) and not isinstance(model, QuadraticForm):
        raise InvalidInputError(
            f"quantity operator-norm: expected the model quadratic-form, which alone has it, but got {model.kind}; "
            "use lipschitz-lower, or that model"
        )


@check_offered.register(BothLayers)
@check_offered.register(Caps)
@check_offered.register(DotProduct)
@check_offered.register(NeuralTangent)
@check_offered.register(NTKernel)
@check_offered.register(QuadraticForm)
@check_offered.register(RFKernel)
def _(model: Model, quantity: Quantity, law: Inputs, target: Labels, act: Activation) -> None:
    """A kernel, a form, or gates that the inputs open: no two-layer network whose weights bound its slope."""
    check_offered.dispatch(Model)(model, quantity, law, target, act)
    if isinstance(quantity, LipschitzUpper):
        raise InvalidInputError(
            f"quantity lipschitz-upper: expected a two-layer network that shows its weights but got {model.kind}; "
            "use lipschitz-lower, or another model"
        )
    if isinstance(model, DotProduct) and not _on_sphere(law):
        raise InvalidInputError(
            f"model {model.kind}: expected inputs on the unit sphere, where {model.kernel} is a kernel, but got "
            f'{law.words}; use inputs = "sphere"'
        )
    if isinstance(model, Caps) and not _on_sphere(law):
        raise InvalidInputError(
            f'model {model.kind}: expected inputs on the unit sphere but got {law.words}; use inputs = "sphere"'
        )


@check_offered.register(RandomFeatures)
@check_offered.register(TrainedNetwork)
def _(model: Model, quantity: Quantity, law: Inputs, target: Labels, act: Activation) -> None:
    check_offered.dispatch(Model)(model, quantity, law, target, act)
    if isinstance(quantity, LipschitzUpper) and math.isinf(largest_slope(act)):
        raise InvalidInputError(
            f"quantity lipschitz-upper: expected an activation of bounded slope but got {act.name!r}, so there is no "
            "bound; use lipschitz-lower, or another activation"
        )


@check_offered.register
def _(model: AdversarialFeatures, quantity: Quantity, law: Inputs, target: Labels, act: Activation) -> None:
    _check_quantity(model, quantity, (AdversarialRisk, TestError, Sobolev))
    if not isinstance(law, Gaussian):
        raise InvalidInputError(f'model {model.kind}: expected inputs = "gaussian" but got {law.words}; set that')
    if target.target != "linear" or target.noise_law != "gaussian":
        raise InvalidInputError(
            f"model {model.kind}: expected labels with a linear target and Gaussian noise but got {target.words}; set "
            "signal and noise alone"
        )


@check_offered.register
def _(model: QuadraticStudent, quantity: Quantity, law: Inputs, target: Labels, act: Activation) -> None:
    _check_quantity(model, quantity, (Sobolev, TestError))


def _check_quantity(model: Model, quantity: Quantity, offered: tuple[type[Quantity], ...]) -> None:
    if not isinstance(quantity, offered):
        names = ", ".join(repr(kind.__struct_config__.tag) for kind in offered)
        raise InvalidInputError(
            f"quantity: a model of {model.title} has {names} but got quantity={quantity.kind!r}; use one of these"
        )


def _on_sphere(law: Inputs) -> bool:
    return isinstance(law, Sphere) or (isinstance(law, Dataset) and law.normalise == "sphere")
