"""Exact limits that a law can name: what the measured quantity tends to, as a function of every size.

`Law(limit="sobolev")` says that at the law's sizes the simulation must agree with that limit, and that the law's
exponent is the limit's own, which can be evaluated where nothing can be simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from bigtheta.theory.activation import Activation
from bigtheta.theory.data import Labels, Quantity
from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.model import AdversarialFeatures, Model

__all__ = ["LIMITS", "Measured", "NamedLimit", "checked_limit", "limit_of", "limit_values"]

Array = npt.NDArray[np.float64]


class Measured(Protocol):
    """What a limit is of: a law, or an experiment."""

    @property
    def model(self) -> Model:
        """The model."""
        ...

    @property
    def quantity(self) -> Quantity:
        """What is measured."""
        ...

    @property
    def labels(self) -> Labels:
        """What it is fitted to."""
        ...


@dataclass(frozen=True)
class NamedLimit:
    """A limit by name.

    Attributes:
        words: what it is, for a report.
        quantities: names of the quantities that it is the limit of.
        models: kinds of the models that it is the limit of.
        value: (measured, activation, sizes by name) -> the quantity itself, such as S and not S^2; one entry a cell.
        power: of the quantity, whose mean it is the limit of: 2 where it is that of E S^2, though `value` is S.
    """

    words: str
    quantities: tuple[str, ...]
    models: tuple[str, ...]
    value: Callable[[Any, Activation, Mapping[str, Array]], Array]
    power: int = 1
    signal: bool = False
    """Whether it is known for labels with a signal alone."""


def checked_limit(name: object, measured: Measured) -> NamedLimit:
    """Return the limit of a name.

    Raises:
        InvalidInputError: if there is none of that name, or it is of another quantity, model or labels.

    >>> from bigtheta.theory.law import law
    >>> checked_limit("sobolev", law("dohmatob2021/rf-kernel")).words
    'exact limit of the Sobolev seminorm'
    """
    if not isinstance(name, str) or name not in LIMITS:
        raise unknown_name("limit", name, LIMITS)
    limit = LIMITS[name]
    for what, got, known in (
        ("quantity", measured.quantity.kind, limit.quantities),
        ("model", measured.model.kind, limit.models),
    ):
        if got not in known:
            raise InvalidInputError(f"limit {name!r}: expected the {what} {' or '.join(known)} but got {got}")
    if limit.signal and measured.labels.signal == 0:
        raise InvalidInputError(
            f"limit {name!r}: expected labels with a signal > 0 but got signal=0; set it, as in signal = 1"
        )
    return limit


def limit_values(name: str, measured: Measured, act: Activation, sizes: Mapping[str, npt.ArrayLike]) -> Array:
    """Return the limit of a measured quantity at sizes, each an array with an entry a cell.

    Raises:
        InvalidInputError: if there is no limit of that name, it is of another quantity or model, or a size lies outside
            its domain.
    """
    limit = checked_limit(name, measured)
    arrays = {size: np.asarray(values, dtype=np.float64) for size, values in sizes.items()}
    return np.asarray(limit.value(measured, act, arrays), dtype=np.float64)


def limit_of(measured: Measured) -> str | None:
    """Return the name of the limit of a quantity of a model, or None if none is known."""
    for name, limit in LIMITS.items():
        if measured.quantity.kind in limit.quantities and measured.model.kind in limit.models:
            return name
    return None


def _sobolev(measured: Measured, act: Activation, sizes: Mapping[str, Array]) -> Array:
    from bigtheta.theory.limits.sobolev import sobolev_limit

    squared = sobolev_limit(
        model=measured.model, activation=act, n=sizes["n"], d=sizes["d"], k=sizes.get("k"),
        ridge=measured.model.ridge, noise=measured.labels.noise, signal=measured.labels.signal,
    )  # fmt: skip
    return np.asarray(np.sqrt(squared), dtype=np.float64)


def _quadratic_student(measured: Measured, act: Activation, sizes: Mapping[str, Array]) -> Array:
    from bigtheta.theory.limits.quadratic_named import student_limit

    found = student_limit(measured.model, act, rho=sizes["k"] / sizes["d"])
    return np.asarray(found.robustness if measured.quantity.kind == "sobolev" else found.error, dtype=np.float64)


def _adversarial(measured: Measured, act: Activation, sizes: Mapping[str, Array]) -> Array:
    from bigtheta.theory.limits.adversarial import adversarial_limit

    signal, noise, model = measured.labels.signal, measured.labels.noise, cast(AdversarialFeatures, measured.model)
    if act.name != "relu":
        raise InvalidInputError(f"limit 'adversarial-risk': known for relu alone but got {act.name}")
    found = [
        adversarial_limit(
            psi1=k / d, psi2=n / d, eps=model.eps, tau=np.sqrt(noise) / signal,
            eps_test=model.eps if model.eps_test is None else model.eps_test,
        )
        for n, d, k in zip(sizes["n"], sizes["d"], sizes["k"], strict=True)
    ]  # fmt: skip
    values = {
        "adversarial-risk": [signal**2 * at.risk for at in found],
        "test-error": [signal**2 * at.V - noise for at in found],
        "sobolev": [signal * at.b for at in found],
    }
    return np.asarray(values[measured.quantity.kind], dtype=np.float64)


LIMITS: Mapping[str, NamedLimit] = {
    "sobolev": NamedLimit(
        "exact limit of the Sobolev seminorm",
        ("sobolev",),
        ("random-features", "neural-tangent", "rf-kernel", "ntk-kernel"),
        _sobolev,
        power=2,
    ),
    "quadratic-student": NamedLimit(
        "exact limit for a quadratic target",
        ("sobolev", "test-error"),
        ("quadratic-student",),
        _quadratic_student,
    ),
    "adversarial-risk": NamedLimit(
        "exact limit of adversarial training",
        ("adversarial-risk", "test-error", "sobolev"),
        ("adversarial-features",),
        _adversarial,
        signal=True,
    ),
}
