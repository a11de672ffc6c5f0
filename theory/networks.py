"""Networks with a formula, no computation: frozen msgspec types beside theory/model.py.

`QuadraticForm` is the smallest quadratic form through the labels, `Caps` a network with a neuron for each label; both
are of [BLN] = Bubeck, Li and Nagaraj 2020, arXiv:2009.14444.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.model import Model
from bigtheta.theory.scale import d

__all__ = ["Caps", "QuadraticForm"]

Expr = Any


class QuadraticForm(
    Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="quadratic-form"
):
    """f(x) = x^T A x of least Frobenius norm with f(x_i) = y_i, A symmetric (d, d); p = d (d + 1)/2.

    A = sum_l a_l w_l w_l^T is a two-layer network with activation u^2 and as many neurons as A has rank, at most d.
    The activation of an experiment plays no part.

    Source: [BLN], theorem 9; the closed form is derived.

    >>> QuadraticForm().parameters
    d*(d + 1)/2
    """

    title: ClassVar[str] = "quadratic form"
    uses: ClassVar[tuple[str, ...]] = ("n", "d")
    activated: ClassVar[bool] = False

    @property
    def parameters(self) -> Expr:
        """p = d (d + 1)/2."""
        return d * (d + 1) / 2


class Caps(Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="caps"):
    """f(x) = sum_i y_i max(x_i . x - (1 - s), 0)/s on the unit sphere: k = n relu neurons, one for each label.

    f(x_i) = y_i where max x_i . x_j <= 1 - s over i != j; such data alone are fitted. Where it is at most
    2 (1 - s)^2 - 1 the caps x_i . x > 1 - s are disjoint. The activation of an experiment plays no part.

    Args:
        s: height of a cap, 0 < s < 1.

    Raises:
        InvalidInputError: for s out of range, or a ridge.

    Source: [BLN], smooth interpolation with k = n; the bounds on x_i . x_j are derived.

    >>> Caps().s
    0.25
    >>> Caps(s=1.5)
    Traceback (most recent call last):
    ...
    bigtheta.theory.errors.InvalidInputError: model caps: expected 0 < s < 1 but got s=1.5
    """

    s: float = 0.25

    title: ClassVar[str] = "caps"
    uses: ClassVar[tuple[str, ...]] = ("n", "d")
    activated: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.s, bool) or not isinstance(self.s, int | float) or not 0 < self.s < 1:
            raise InvalidInputError(f"model {self.kind}: expected 0 < s < 1 but got s={self.s!r}")
        msgspec.structs.force_setattr(self, "s", float(self.s))
        if self.ridge:
            raise InvalidInputError(
                f"model {self.kind}: nothing is solved, so expected no ridge but got {self.ridge!r}"
            )
