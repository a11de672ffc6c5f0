"""What a model is fitted to and measured by, no computation: the labels and the quantities, and what goes together.

Each quantity is also a table of a spec file: `quantity = "sobolev"`, or with options
`quantity = { kind = "sobolev", test_points = 100 }`. The laws of the inputs are in `theory.inputs`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

import msgspec

from bigtheta.theory.errors import InvalidInputError, unknown_name, whole_number
from bigtheta.theory.inputs import Dataset, Inputs, inputs
from bigtheta.theory.options import Kind, by_kind, check_size, convert, read_kind

__all__ = [
    "QUANTITIES", "AdversarialRisk", "Inputs", "Labels", "LipschitzLower", "LipschitzUpper", "McShane", "Memorised",
    "OperatorNorm", "Quantity", "Sensitivity", "Sobolev", "TestError", "TrainError", "check_size", "check_together",
    "convert", "inputs", "labels", "quantity",
]  # fmt: skip

TARGETS = ("linear", "quadratic", "classes")
NOISE_LAWS = ("gaussian", "signs")
TEST_POINTS = 512


class Labels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """y = signal * g(x) + eps, eps independent of mean 0 and variance `noise`.

    Args:
        signal: the size of the target.
        noise: the variance of eps.
        target: g: "linear" beta . x, beta uniform with |beta| = 1 (variance 1/d where x is isotropic);
            "quadratic" sqrt(d (d + 2)/2) x^T B x, B a Gaussian symmetric matrix less its trace, scaled to |B|_F = 1
            (mean 0 where x is isotropic, variance 1 on the sphere); "classes" the class +1 or -1 of a dataset, or
            sign(beta . x) of other inputs.
        noise_law: "gaussian", or "signs": eps = sqrt(noise) or -sqrt(noise).

    Raises:
        InvalidInputError: for a negative or infinite value, both zero, an unknown name, or a target of size 0.

    >>> labels("signs").words
    'random signs of variance 1'
    """

    signal: float = 0.0
    noise: float = 1.0
    target: str = "linear"
    noise_law: str = "gaussian"

    def __post_init__(self) -> None:
        for name, value in (("signal", self.signal), ("noise", self.noise)):
            check_size("labels", name, value)
        if self.signal == 0 and self.noise == 0:
            raise InvalidInputError("labels: expected signal > 0 or noise > 0 but both are 0; there is nothing to fit")
        for name, text, known in (("target", self.target, TARGETS), ("noise_law", self.noise_law, NOISE_LAWS)):
            if not isinstance(text, str) or text not in known:
                raise unknown_name(f"labels.{name}", text, known)
        if self.signal == 0 and self.target != "linear":
            raise InvalidInputError(
                f"labels: expected signal > 0 with target={self.target!r} but got signal=0; set it, as in signal = 1"
            )

    @property
    def canonical(self) -> dict[str, Any]:
        """signal and noise, and what else is not default: random streams depend on this."""
        more = {"target": self.target, "noise_law": self.noise_law}
        plain = {"target": "linear", "noise_law": "gaussian"}
        return {"signal": self.signal, "noise": self.noise} | dict(more.items() - plain.items())

    @property
    def words(self) -> str:
        """The labels as a report says them."""
        noise = "random signs of" if self.noise_law == "signs" else "noise"
        parts = [f"{self.target} signal {self.signal:.4g}"] if self.signal else []
        parts += [f"{noise} variance {self.noise:.4g}"] if self.noise else []
        return ", ".join(parts)


_LABELS = {
    "noise": Labels(), "signs": Labels(noise_law="signs"), "linear": Labels(signal=1.0, noise=0.0),
    "quadratic": Labels(signal=1.0, noise=0.0, target="quadratic"),
    "classes": Labels(signal=1.0, noise=0.0, target="classes"),
}  # fmt: skip


class Quantity(Kind, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="kind"):
    """What is measured on a fitted model f, or on the data it is fitted to."""

    fits: ClassVar[bool] = True
    """Whether a model has to be fitted."""

    @property
    def value(self) -> str:
        """The name in spec files, as `kind`."""
        return self.kind

    @property
    def points(self) -> int:
        """How many fresh test points it takes."""
        return cast(int, getattr(self, "test_points", 0))

    @property
    def canonical(self) -> str | dict[str, Any]:
        """As of inputs; test points are counted apart."""
        table: dict[str, Any] = msgspec.to_builtins(self)
        table.pop("test_points", None)
        return self.kind if len(table) == 1 else table

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not isinstance(value := getattr(self, name), bool):
                whole_number(name, value, low=1, high=1_000_000, where=f"quantity {self.kind}")


class Sobolev(Quantity, frozen=True, kw_only=True, tag="sobolev"):
    """The Sobolev seminorm S(f) = sqrt(E |grad f(x)|^2), x a fresh input.

    A mean over test points; exact where the activation (or the kernel's formula) is a polynomial of degree at most 2
    and E x x^T is known, that is for all inputs but a dataset.
    """

    test_points: int = TEST_POINTS


class Sensitivity(Quantity, frozen=True, kw_only=True, tag="sensitivity"):
    """E |x| |grad f(x)|, x a fresh input: free of the scale of x. Source: Bombari, Kiyani, Mondelli 2023."""

    test_points: int = TEST_POINTS


class LipschitzLower(Quantity, frozen=True, kw_only=True, tag="lipschitz-lower"):
    """The largest tangential gradient found on the unit sphere: a lower bound of the Lipschitz constant there."""

    starts: int = 64
    steps: int = 200


class LipschitzUpper(Quantity, frozen=True, kw_only=True, tag="lipschitz-upper"):
    """|a| |W|_op sup|phi'|, an upper bound of the Lipschitz constant of a two-layer model f(x) = a . phi(W x + b)."""


class McShane(Quantity, frozen=True, kw_only=True, tag="mcshane"):
    """max |y_i - y_j|/|x_i - x_j|, the smallest Lipschitz constant of any function through the labels; f plays no part.

    Args:
        projected: |P (x_i - x_j)| instead, P the projection on the span of the k hidden weights: the smallest Lipschitz
            constant of any function of W x through the labels. Source: Bubeck, Li, Nagaraj 2020, Theorem 6.
        optimised: P is then moved by gradient descent over all projections of rank k, so that the maximum falls: an
            upper bound of its minimum over P.

    Raises:
        InvalidInputError: for optimised without projected.
    """

    fits: ClassVar[bool] = False
    projected: bool = False
    optimised: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.optimised and not self.projected:
            raise InvalidInputError(
                "quantity mcshane: without a projection there is none to optimise but got optimised=True; "
                "set projected = true"
            )


class OperatorNorm(Quantity, frozen=True, kw_only=True, tag="operator-norm"):
    """|A|_op of a fitted quadratic form f(x) = x^T A x: half its Lipschitz constant on the unit ball."""


class TestError(Quantity, frozen=True, kw_only=True, tag="test-error"):
    """E (f(x) - signal g(x))^2, x a fresh input: the mean squared error against the noiseless target."""

    __test__: ClassVar[bool] = False  # not one of pytest's
    test_points: int = TEST_POINTS


class TrainError(Quantity, frozen=True, kw_only=True, tag="train-error"):
    """mean (f(x_i) - y_i)^2 over the training points."""


class Memorised(Quantity, frozen=True, kw_only=True, tag="memorised"):
    """The fraction of the label noise in the fit: <f - signal g, eps>/|eps|^2 = 1 + <f - y, eps>/|eps|^2.

    1 where f(x_i) = y_i, 0 where f(x_i) = signal g(x_i); over the training points.
    """


class AdversarialRisk(Quantity, frozen=True, kw_only=True, tag="adversarial-risk"):
    """E (|y - f(x)| + eps_test |grad f(x)|)^2, (x, y) fresh: the risk under perturbations of x of size eps_test."""


QUANTITIES: Mapping[str, type[Quantity]] = by_kind(Quantity)
"""Every quantity by its name."""


def quantity(value: object) -> Quantity:
    """Return the quantity from its name, a table with `kind`, or itself.

    >>> quantity({"kind": "sobolev", "test_points": 100}).points
    100
    """
    return cast(Quantity, read_kind(value, Quantity, QUANTITIES, "quantity", {}))


def labels(value: object) -> Labels:
    """Return labels from a table, a name, or itself: noise, signs, or linear, quadratic, classes without noise."""
    if isinstance(value, str):
        if value not in _LABELS:
            raise unknown_name("labels", value, _LABELS)
        return _LABELS[value]
    return value if isinstance(value, Labels) else cast(Labels, convert(value, Labels, "labels"))


def check_together(measured: Quantity, law: Inputs, target: Labels, uses: Iterable[str], sizes: Iterable[int]) -> None:
    """Refuse a quantity, inputs and labels that do not go together, for a model that `uses` these sizes, at each d.

    Raises:
        InvalidInputError: naming what does not go together, and what to change.
    """
    for size in sizes:
        if law.dimension is not None and size != law.dimension:
            raise InvalidInputError(
                f"inputs: expected d = {law.dimension} for {law.words} but got d = {size}; set d = {law.dimension}"
            )
        law.check(size)
        if target.target == "quadratic" and size < 2:
            raise InvalidInputError(f"labels: expected d >= 2 for a quadratic target but got d = {size}")
    if isinstance(measured, McShane) and measured.projected and "k" not in uses:
        raise InvalidInputError(
            "quantity mcshane: expected a model with k neurons for projected = true but it has none"
        )
    if isinstance(measured, Memorised) and target.noise == 0:
        raise InvalidInputError(
            "quantity memorised: expected label noise > 0 but got noise=0; there is none to memorise"
        )
    if isinstance(measured, LipschitzLower) and isinstance(law, Dataset) and law.normalise == "none":
        raise InvalidInputError(
            "quantity lipschitz-lower: expected inputs near the unit sphere, where it searches, but got "
            'normalise=\'none\'; set normalise = "sphere" or "mean"'
        )
