"""The vocabulary of experiments, no computation: models, inputs, labels, quantities. Frozen msgspec types.

Each type is also a table of a spec file: `model = "random-features"`, or with options
`model = { kind = "random-features", ridge = 0.1 }`.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Any, ClassVar, cast

import msgspec

from bigtheta.theory import plugins
from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.scale import d, k, n

__all__ = [
    "Inputs", "Labels", "Model", "NTKernel", "NeuralTangent", "Quantity", "RFKernel", "RandomFeatures",
    "inputs", "labels", "model", "parameter_count", "quantity",
]  # fmt: skip

Expr = Any


class Inputs(Enum):
    """Law of the inputs x in R^d, scaled so that E|x|^2 = 1."""

    SPHERE = "sphere"
    """Uniform on the unit sphere S^{d-1}."""
    GAUSSIAN = "gaussian"
    """N(0, I_d / d)."""


class Quantity(Enum):
    """What is measured on a fitted model f."""

    SOBOLEV = "sobolev"
    """The Sobolev seminorm S(f) = sqrt(E |grad f(x)|^2), x a fresh input."""


class Labels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """y = signal * (beta . x) + noise, |beta| = 1 uniform, noise ~ N(0, `noise`): `noise` is the variance.

    Raises:
        InvalidInputError: for a negative or infinite value, or both zero.
    """

    signal: float = 0.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (("signal", self.signal), ("noise", self.noise)):
            _check_size("labels", name, value)
        if self.signal == 0 and self.noise == 0:
            raise InvalidInputError("labels: expected signal > 0 or noise > 0 but both are 0; there is nothing to fit")


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of the models. ridge = 0 is the min-norm interpolator.

    `ridge` is added to the diagonal of the n x n Gram matrix K = Phi Phi^T (scaled as in the model's formula).
    """

    ridge: float = 0.0

    title: ClassVar[str] = ""
    uses: ClassVar[tuple[str, ...]] = ("n", "d", "k")

    def __post_init__(self) -> None:
        _check_size("model", "ridge", self.ridge)

    @property
    def parameters(self) -> Expr | None:
        """p, the number of trainable parameters in d and k; None where it is infinite."""
        return None

    @property
    def kind(self) -> str:
        """The name in spec files."""
        return str(self.__struct_config__.tag)


class RandomFeatures(
    Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="random-features"
):
    """f(x) = sum_j theta_j phi(w_j . x) / sqrt(k), w_j ~ N(0, I_d) frozen, theta trained; p = k.

    >>> RandomFeatures().parameters
    k
    """

    title: ClassVar[str] = "random features"

    @property
    def parameters(self) -> Expr:
        """p = k."""
        return k


class NeuralTangent(
    Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="neural-tangent"
):
    """f(x) = sum_j (a_j . x) phi'(w_j . x) / sqrt(k), w_j ~ N(0, I_d) frozen, a_j in R^d trained; p = d k."""

    title: ClassVar[str] = "neural tangent"

    @property
    def parameters(self) -> Expr:
        """p = d k."""
        return d * k


class RFKernel(Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="rf-kernel"):
    """Infinite-width random features: the dot-product kernel kappa(t) = sum_j mu_j^2 t^j."""

    title: ClassVar[str] = "infinite-width random features"
    uses: ClassVar[tuple[str, ...]] = ("n", "d")


class NTKernel(Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="ntk-kernel"):
    """Infinite-width neural tangent: the dot-product kernel kappa(t) = sum_j j mu_j^2 t^j."""

    title: ClassVar[str] = "infinite-width neural tangent"
    uses: ClassVar[tuple[str, ...]] = ("n", "d")


AnyModel = RandomFeatures | NeuralTangent | RFKernel | NTKernel
_KINDS = {cls.__struct_config__.tag: cls for cls in (RandomFeatures, NeuralTangent, RFKernel, NTKernel)}


def model(value: object) -> Model:
    """Return a model from its name, a table with `kind`, or itself.

    >>> model("rf-kernel")
    RFKernel(ridge=0.0)
    >>> model("random-feature")
    Traceback (most recent call last):
    ...
    bigtheta.theory.errors.InvalidInputError: unknown model 'random-feature'; did you mean 'random-features'?
    """
    if isinstance(value, Model):
        return value
    table = {"kind": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or "kind" not in table:
        raise InvalidInputError(f"model: expected a name or a table with `kind` but got {value!r}")
    kind = table["kind"]
    known: Any = AnyModel if isinstance(kind, str) and kind in _KINDS else None
    if isinstance(kind, str) and (spec := known or plugins.find_model(kind)) is not None:
        return cast(Model, _convert(table, spec, "model"))
    raise plugins.unknown("model", kind, [*map(str, _KINDS), *plugins.model_kinds()])


def labels(value: object) -> Labels:
    """Return labels from a table or itself."""
    return value if isinstance(value, Labels) else cast(Labels, _convert(value, Labels, "labels"))


def inputs(value: object) -> Inputs:
    """Return the input law from its name or itself."""
    return cast(Inputs, _member(Inputs, value, "inputs"))


def quantity(value: object) -> Quantity:
    """Return the quantity from its name or itself."""
    return cast(Quantity, _member(Quantity, value, "quantity"))


def parameter_count(spec: Model, sizes: dict[str, int]) -> int | None:
    """Return p at the given sizes, None where the model has infinitely many parameters."""
    formula = spec.parameters
    return None if formula is None else int(formula.subs({n: sizes["n"], d: sizes["d"], k: sizes.get("k", 1)}))


def _check_size(what: str, name: str, value: object) -> None:
    """Refuse what is not a finite number >= 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value >= 0):
        raise InvalidInputError(f"{what}: expected {name} >= 0 but got {name}={value!r}")


def _member(kind: type[Enum], value: object, what: str) -> Any:
    if isinstance(value, kind):
        return value
    known = [str(member.value) for member in kind]
    if not isinstance(value, str) or value not in known:
        raise unknown_name(what, value, known)
    return kind(value)


def _convert(value: object, kind: Any, what: str) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, InvalidInputError):
            raise error.__cause__ from None
        raise InvalidInputError(f"{what}: {error}; got {value!r}") from error
