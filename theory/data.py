"""What a model is fitted to and measured by, no computation: the law of the inputs, the labels, the quantities."""

from __future__ import annotations

import math
from enum import Enum
from typing import Any, cast

import msgspec

from bigtheta.theory.errors import InvalidInputError, unknown_name

__all__ = ["Inputs", "Labels", "Quantity", "check_size", "convert", "inputs", "labels", "quantity"]


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
            check_size("labels", name, value)
        if self.signal == 0 and self.noise == 0:
            raise InvalidInputError("labels: expected signal > 0 or noise > 0 but both are 0; there is nothing to fit")


def labels(value: object) -> Labels:
    """Return labels from a table or itself."""
    return value if isinstance(value, Labels) else cast(Labels, convert(value, Labels, "labels"))


def inputs(value: object) -> Inputs:
    """Return the input law from its name or itself."""
    return cast(Inputs, _member(Inputs, value, "inputs"))


def quantity(value: object) -> Quantity:
    """Return the quantity from its name or itself."""
    return cast(Quantity, _member(Quantity, value, "quantity"))


def check_size(what: str, name: str, value: object) -> None:
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


def convert(value: object, kind: Any, what: str) -> Any:
    """Read plain data into a struct; the message names what it was for."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, InvalidInputError):
            raise error.__cause__ from None
        raise InvalidInputError(f"{what}: {error}; got {value!r}") from error
