"""The models an experiment may fit, no computation: frozen msgspec types.

Each type is also a table of a spec file: `model = "random-features"`, or with options
`model = { kind = "random-features", ridge = 0.1 }`.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

import msgspec

from bigtheta.theory import plugins
from bigtheta.theory.data import check_size, convert
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.scale import d, k, n

__all__ = ["Model", "NTKernel", "NeuralTangent", "RFKernel", "RandomFeatures", "model", "parameter_count"]

Expr = Any


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of the models. ridge = 0 is the min-norm interpolator.

    `ridge` is added to the diagonal of the n x n Gram matrix K = Phi Phi^T (scaled as in the model's formula).
    """

    ridge: float = 0.0

    title: ClassVar[str] = ""
    uses: ClassVar[tuple[str, ...]] = ("n", "d", "k")

    def __post_init__(self) -> None:
        check_size("model", "ridge", self.ridge)

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
        return cast(Model, convert(table, spec, "model"))
    raise plugins.unknown("model", kind, [*map(str, _KINDS), *plugins.model_kinds()])


def parameter_count(spec: Model, sizes: dict[str, int]) -> int | None:
    """Return p at the given sizes, None where the model has infinitely many parameters."""
    formula = spec.parameters
    return None if formula is None else int(formula.subs({n: sizes["n"], d: sizes["d"], k: sizes.get("k", 1)}))
