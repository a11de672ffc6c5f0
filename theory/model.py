"""The models an experiment may fit, no computation: frozen msgspec types.

Each type is also a table of a spec file: `model = "random-features"`, or with options
`model = { kind = "random-features", ridge = 0.1 }`.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, ClassVar, cast

import msgspec

from bigtheta.theory import plugins
from bigtheta.theory.activation import Activation
from bigtheta.theory.data import check_size, convert
from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.formula_kernel import formula_kernel
from bigtheta.theory.kernel import DotProductKernel, both_layers_kernel, centred_kernel, ntk_kernel, rf_kernel
from bigtheta.theory.scale import d, k, n
from bigtheta.theory.source_files import remember

__all__ = [
    "AdversarialFeatures", "BothLayers", "DotProduct", "Jacobian", "Model", "NTKernel",
    "NeuralTangent", "RFKernel", "RandomFeatures", "TwoLayer", "Weights", "kinds", "model", "parameter_count",
]  # fmt: skip

Expr = Any


class Weights(Enum):
    """Law of the frozen hidden weights w_j in R^d, which sets the scale of the pre-activations w_j . x, |x| = 1."""

    STANDARD = "standard"
    """N(0, I_d): pre-activations N(0, 1)."""
    SMALL = "small"
    """N(0, I_d / d): pre-activations N(0, 1/d), so that the nonlinearity is seen near 0 alone."""


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of the models. ridge = 0 is the min-norm interpolator.

    `ridge` is added to the diagonal of the n x n Gram matrix K = Phi Phi^T (scaled as in the model's formula).

    Raises:
        InvalidInputError: for a ridge that is negative or not finite.
    """

    ridge: float = 0.0

    title: ClassVar[str] = ""
    interpolates: ClassVar[bool] = True
    """Whether the fit goes through every label where p >= n; else more labels than parameters are no mistake."""
    uses: ClassVar[tuple[str, ...]] = ("n", "d", "k")
    activated: ClassVar[bool] = True
    """Whether the activation plays a part."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        remember(cls.__module__)  # a trial of a model of one's own depends on its source

    def __post_init__(self) -> None:
        check_size("model", "ridge", self.ridge)
        msgspec.structs.force_setattr(self, "ridge", float(self.ridge))

    def limit_kernel(self, act: Activation) -> DotProductKernel:
        """Return the dot-product kernel of the model at infinite width, inputs of norm 1: its lambda is `lam`.

        Raises:
            InvalidInputError: if there is none, with the reason.

        >>> from bigtheta.theory.catalogue import activation
        >>> round(RandomFeatures().limit_kernel(activation("relu")).effective_ridge, 3)
        0.363
        """
        raise InvalidInputError(
            f"model {self.kind}: no dot-product kernel of it is known, so it has no lam = a*/a_1; write a number for it"
        )

    @property
    def parameters(self) -> Expr | None:
        """p, the number of trainable parameters in d and k; None where it is infinite."""
        return None

    @property
    def kind(self) -> str:
        """The name in spec files."""
        return str(self.__struct_config__.tag)


class TwoLayer(Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", omit_defaults=True):
    """Base of the models with k hidden neurons whose weights w_j are drawn once and frozen, by default from N(0, I_d).

    As plain data, from which its random streams are seeded, such a model leaves out `weights` where it is the default,
    so that the option changes no seed; `ridge` is always there: msgspec never leaves out what a factory makes.

    Raises:
        InvalidInputError: for an unknown law of the weights.
    """

    ridge: float = msgspec.field(default_factory=float)
    weights: Weights = Weights.STANDARD

    def __post_init__(self) -> None:
        super().__post_init__()
        msgspec.structs.force_setattr(self, "weights", _member(Weights, "weights", self.weights))

    def weight_deviation(self, d: int) -> float:
        """Return the standard deviation of the entries of w_j: 1, or 1/sqrt(d) for small weights."""
        return 1.0 if self.weights is Weights.STANDARD else 1 / math.sqrt(d)

    def limit_kernel(self, act: Activation) -> DotProductKernel:
        """As of `Model`; the coefficients of small weights depend on d, so they are refused."""
        if self.weights is Weights.SMALL:
            raise InvalidInputError(
                f"model {self.kind}: with weights='small' its pre-activations have variance 1/d, so a_j and "
                "lam = a*/a_1 depend on d (lam is of order d^-2 for tanh, constant for relu); write that order instead"
            )
        return self._kernel(act)

    def _kernel(self, act: Activation) -> DotProductKernel:
        """The kernel with weights from N(0, I_d)."""
        return super().limit_kernel(act)


class RandomFeatures(
    TwoLayer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="random-features"
):
    """f(x) = sum_j theta_j phi(w_j . x) / sqrt(k), w_j frozen, theta trained; p = k.

    >>> RandomFeatures().parameters
    k
    >>> msgspec.to_builtins(RandomFeatures()), msgspec.to_builtins(RandomFeatures(weights="small"))
    ({'kind': 'random-features', 'ridge': 0.0}, {'kind': 'random-features', 'ridge': 0.0, 'weights': 'small'})
    """

    title: ClassVar[str] = "random features"

    @property
    def parameters(self) -> Expr:
        """p = k."""
        return k

    def _kernel(self, act: Activation) -> DotProductKernel:
        return rf_kernel(act)


class NeuralTangent(
    TwoLayer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="neural-tangent"
):
    """f(x) = sum_j (a_j . x) phi'(w_j . x) / sqrt(k), w_j frozen, a_j in R^d trained; p = d k."""

    title: ClassVar[str] = "neural tangent"

    @property
    def parameters(self) -> Expr:
        """p = d k."""
        return d * k

    def _kernel(self, act: Activation) -> DotProductKernel:
        return ntk_kernel(act)


class BothLayers(TwoLayer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="both-layers"):
    """f(x) = sum_j [theta_j phi(w_j . x) + (a_j . x) phi'(w_j . x)] / sqrt(k), theta and a_j trained; p = k + d k.

    The tangent features of both layers of a two-layer network, so the Gram matrix is the sum of those of
    `RandomFeatures` and `NeuralTangent`.

    >>> BothLayers().parameters
    d*k + k
    """

    title: ClassVar[str] = "neural tangent of both layers"

    @property
    def parameters(self) -> Expr:
        """p = k + d k."""
        return k + d * k

    def _kernel(self, act: Activation) -> DotProductKernel:
        return both_layers_kernel(act)


class RFKernel(Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="rf-kernel"):
    """Infinite-width random features: the dot-product kernel kappa(t) = sum_j mu_j^2 t^j."""

    title: ClassVar[str] = "infinite-width random features"
    uses: ClassVar[tuple[str, ...]] = ("n", "d")

    def limit_kernel(self, act: Activation) -> DotProductKernel:
        """Return sum_j mu_j^2 t^j."""
        return rf_kernel(act)


class NTKernel(Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="ntk-kernel"):
    """Infinite-width neural tangent: the dot-product kernel kappa(t) = sum_j j mu_j^2 t^j."""

    title: ClassVar[str] = "infinite-width neural tangent"
    uses: ClassVar[tuple[str, ...]] = ("n", "d")

    def limit_kernel(self, act: Activation) -> DotProductKernel:
        """Return sum_j j mu_j^2 t^j."""
        return ntk_kernel(act)


class DotProduct(
    Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="dot-product-kernel"
):
    """f(x) = sum_i c_i kappa(x . x_i) on the unit sphere, kappa(t) = sum_j a_j t^j any formula in t with all a_j >= 0.

    The activation plays no part. Two ways to write one formula are one model: `kernel` is kept as SymPy prints it.

    Raises:
        InvalidInputError: if the formula is not such a kernel, see `bigtheta.theory.formula_kernel`.

    >>> DotProduct(kernel="exp( 2*t - 2 )").kernel
    'exp(2*t - 2)'
    """

    kernel: str

    title: ClassVar[str] = "dot-product kernel"
    uses: ClassVar[tuple[str, ...]] = ("n", "d")
    activated: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.kernel, str):
            raise InvalidInputError(
                f"model {self.kind}: expected a formula in t as text but got kernel={self.kernel!r}"
            )
        msgspec.structs.force_setattr(self, "kernel", str(formula_kernel(self.kernel).closed))

    def limit_kernel(self, act: Activation) -> DotProductKernel:
        """Return the kernel itself, a_j its Taylor coefficients at 0."""
        return formula_kernel(self.kernel)


class Jacobian(Enum):
    """Which matrix J of E |grad f|^2 = theta^T J theta the training penalises."""

    EXACT = "exact"
    """That of the weights drawn."""
    LIMIT = "limit"
    """mu_1^2 W W^T + (E phi'(G)^2 - mu_1^2) I, its limit for k of order d; for relu (W W^T + I)/4."""


class AdversarialFeatures(
    Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="adversarial-features"
):
    """f(x) = sum_j theta_j sigma(w_j . x), sigma = phi - E phi(G), w_j uniform on the unit sphere; p = k.

    theta minimises (1/n) sum_i (|y_i - f(x_i)| + eps |J^{1/2} theta|)^2, J = J(W) with theta^T J theta = E |grad f|^2.
    Here x ~ N(0, I_d), sqrt(d) times `inputs = "gaussian"`, which it needs, and y = signal (beta . x) + N(0, noise).

    Args:
        eps: the size of the perturbations trained against, in the norm of x ~ N(0, I_d).
        eps_test: the size they are measured with; eps if None.
        jacobian: "exact" or "limit".

    Raises:
        InvalidInputError: for a size that is negative or not finite, an unknown jacobian, or a ridge.

    Source: Hassani and Javanmard 2022, arXiv:2201.05149, for relu; sigma = phi - E phi(G) is derived.

    >>> AdversarialFeatures(eps=0.5).parameters
    k
    """

    eps: float
    eps_test: float | None = None
    jacobian: Jacobian = Jacobian.EXACT

    title: ClassVar[str] = "adversarially trained random features"
    interpolates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("eps", self.eps), ("eps_test", 0.0 if self.eps_test is None else self.eps_test)):
            check_size(f"model {self.kind}", name, value)
        if self.ridge:
            raise InvalidInputError(f"model {self.kind}: it has no ridge but got ridge={self.ridge!r}; use eps")
        msgspec.structs.force_setattr(self, "eps", float(self.eps))
        if self.eps_test is not None:
            msgspec.structs.force_setattr(self, "eps_test", float(self.eps_test))
        msgspec.structs.force_setattr(self, "jacobian", _member(Jacobian, "jacobian", self.jacobian))

    @property
    def parameters(self) -> Expr:
        """p = k."""
        return k

    def limit_kernel(self, act: Activation) -> DotProductKernel:
        """Return sum_{j >= 1} mu_j^2 t^j, the limit for large d: w_j . x is Gaussian then."""
        return centred_kernel(rf_kernel(act))


_MODULES = ("bigtheta.theory.model", "bigtheta.theory.training", "bigtheta.theory.networks")
"""The modules whose subclasses of Model are the built-in kinds."""


@cache
def kinds() -> Mapping[str, type[Model]]:
    """Return the built-in models by the name that spec files give them.

    >>> kinds()["rf-kernel"]
    <class 'bigtheta.theory.model.RFKernel'>
    """
    found: dict[str, type[Model]] = {}
    for name in _MODULES:
        if importlib.util.find_spec(name) is None:
            continue
        for value in vars(importlib.import_module(name)).values():
            if isinstance(value, type) and issubclass(value, Model) and value.__module__ == name:
                tag = value.__struct_config__.tag
                if isinstance(tag, str) and tag != value.__name__:  # a base class has no name of its own
                    found[tag] = value
    return found


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
    if isinstance(kind, str) and (spec := kinds().get(kind) or plugins.find_model(kind)) is not None:
        return cast(Model, convert(table, spec, "model"))
    raise plugins.unknown("model", kind, [*kinds(), *plugins.model_kinds()])


def _member(kind: type[Enum], name: str, value: object) -> Enum:
    """A member of an enumeration, from its name or itself."""
    if isinstance(value, kind):
        return value
    known = {str(member.value): member for member in kind}
    if not isinstance(value, str) or value not in known:
        raise unknown_name(name, value, known)
    return known[value]


def parameter_count(spec: Model, sizes: dict[str, int]) -> int | None:
    """Return p at the given sizes, None where the model has infinitely many parameters."""
    formula = spec.parameters
    return None if formula is None else int(formula.subs({n: sizes["n"], d: sizes["d"], k: sizes.get("k", 1)}))
