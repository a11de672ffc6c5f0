"""Dot-product kernels of infinite-width networks on the unit sphere, and their Taylor coefficients.

RF: kappa(t) = E phi(G) phi(G') = sum_j mu_j^2 t^j.  NTK: t E phi'(G) phi'(G') = sum_j j mu_j^2 t^j.  (G, G') has
correlation t. Both layers: the sum of the two. From a_j: a* = kappa(1) - a_0 - a_1, lambda = a*/a_1, C = 4 (a_2/a*)^2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from bigtheta.theory.activation import Activation
from bigtheta.theory.dual import closed_dual, t
from bigtheta.theory.energy import energy
from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.quadrature import panels
from bigtheta.theory.slopes import kink_exponent

__all__ = [
    "DotProductKernel", "SeriesTooLongError", "both_layers_kernel", "centred_kernel", "check_truncation", "ntk_kernel",
    "rf_kernel", "t", "terms_needed",
]  # fmt: skip

Expr = Any

MAX_TERMS = 800
_NOISE = 1e-24
"""A coefficient below so much of kappa(1) is 0 within the error of float64: mu_j is known to 1e-12 or better."""
_ROUNDING = 2e-14
"""What the coefficients leave out of kappa(1), relative to it, is no more than the rounding of their sum."""
_ON_SPHERE = (
    "two inputs nearly coincide: enlarge d, or use an activation with a closed form (relu, abs, erf) or without kinks"
)


class SeriesTooLongError(BigthetaError):
    """Two inputs are so close that the kernel's Taylor series has too many terms."""


@dataclass(frozen=True, eq=False)
class DotProductKernel:
    """kappa(t) = sum_j a_j t^j on [-1, 1], with kappa(1) known apart from the series.

    Args:
        taylor: a_0, ..., a_J, nonnegative, float64.
        at_one: kappa(1) = sum of all a_j.
        closed: kappa as a SymPy expression in `t`, where one is known.
        edge: s of kappa'(t) ~ (1 - t)^{-s} as t -> 1, 0 where kappa'(1) is finite; see `bigtheta.theory.slopes`.
    """

    taylor: npt.NDArray[np.float64]
    at_one: float
    closed: Expr | None = None
    edge: float = 0.0

    @property
    def a_star(self) -> float:
        """a* = kappa(1) - a_0 - a_1 = a_2 + a_3 + ..., the weight of the nonlinear part; 0 for a linear kernel.

        Where the difference cancels and the coefficients given hold all there is, they are summed instead.
        """
        rest, given = float(self.at_one - self.taylor[0] - self.taylor[1]), float(self.taylor[2:].sum())
        if rest < 1e-6 * self.at_one and rest - given < 1e-14 * self.at_one:
            rest = given
        return rest if rest > _NOISE * self.at_one else 0.0

    @property
    def effective_ridge(self) -> float:
        """lambda = a*/a_1; inf where a_1 = 0, or is so within the error of float64."""
        linear = float(self.taylor[1])
        return self.a_star / linear if linear > _NOISE * self.at_one else math.inf

    @property
    def curvature(self) -> float:
        """C = 4 (a_2/a*)^2; 0 for a linear activation."""
        return float(4 * (self.taylor[2] / self.a_star) ** 2) if self.a_star > 0 else 0.0

    def terms(self, largest: float) -> int:
        """Return how many Taylor terms give kappa and kappa' for |t| <= largest; see `terms_needed`."""
        return terms_needed(self.taylor, self.at_one, largest, derivatives=1)


def terms_needed(
    taylor: npt.NDArray[np.float64], at_one: float, largest: float, *, derivatives: int, advice: str = _ON_SPHERE
) -> int:
    """Return how many terms of sum_j a_j t^j are needed for |t| <= largest, with so many derivatives.

    The tail sum_{i > J} a_i (i+1)^derivatives largest^i is below 1e-15 at_one (1e-12 from largest = 0.9 on). What lies
    beyond the coefficients given is bounded by the mass they leave out, at_one - sum a_j; if that is rounding alone,
    and as many terms again of the size of the last would not count, it is taken for 0. Source: derived.

    Raises:
        SeriesTooLongError: if all the coefficients given are too few; `advice` says why and what to do.
    """
    if not 0 <= largest <= 1:
        raise InvalidInputError(f"kernel series: expected a bound on |t| from 0 to 1 but got largest={largest!r}")
    j = np.arange(len(taylor), dtype=np.float64)
    last = float(taylor[-20:].max())
    beyond = max(at_one - float(taylor.sum()), 0.0)
    if beyond <= _ROUNDING * at_one and len(taylor) * last <= 1e-12 * at_one:
        beyond = 0.0
    with np.errstate(under="ignore"):
        rest = beyond * (len(j) + 1.0) ** derivatives * largest ** len(j)
        kept = np.cumsum((taylor * (j + 1) ** derivatives * largest**j)[::-1])[::-1]
    tolerance = 1e-15 if largest < 0.9 else 1e-12
    enough = np.append(kept[1:], 0.0) + rest <= tolerance * at_one
    if beyond > 0 and largest > 0 and -math.log(largest) * len(j) <= derivatives:
        enough[:] = False  # (i+1)^derivatives largest^i still grows beyond the coefficients: `rest` is no bound
    enough[:derivatives] = False
    if not enough.any():
        raise SeriesTooLongError(
            f"kernel series: a cosine of {largest:.6g} needs more than {len(taylor)} Taylor terms; {advice}"
        )
    return int(np.argmax(enough)) + 1


def check_truncation(
    taylor: npt.NDArray[np.float64], count: int, at_one: float, largest: float, *, derivatives: int
) -> None:
    """Check, where a series is about to be summed, that nothing is left out that matters at |t| = largest.

    The terms left out, summed, and so many of their derivatives: below 1e-11 at_one each. Source: derived.

    Raises:
        SeriesTooLongError: if they are not.

    >>> check_truncation(np.array([0.5, 0.25, 0.125]), 2, 1.0, 0.1, derivatives=0)
    Traceback (most recent call last):
        ...
    bigtheta.theory.kernel.SeriesTooLongError: kernel series: 2 Taylor terms leave out 0.00125 of kappa(1) at 0.1
    """
    left_out = taylor[count:] * largest ** np.arange(count, len(taylor), dtype=np.float64)
    for _ in range(derivatives + 1):
        if (error := float(np.abs(left_out).sum())) > 1e-11 * at_one:
            raise SeriesTooLongError(
                f"kernel series: {count} Taylor terms leave out {error / at_one:.3g} of kappa(1) at {largest:.6g}"
            )
        left_out = left_out * np.arange(count, len(taylor))


@lru_cache(maxsize=256)
def rf_kernel(act: Activation) -> DotProductKernel:
    """Return the random-features kernel kappa(t) = sum_j mu_j^2 t^j on the unit sphere.

    >>> from bigtheta.theory.catalogue import activation
    >>> kernel = rf_kernel(activation("relu"))
    >>> round(kernel.effective_ridge, 3), round(kernel.curvature, 2)
    (0.363, 3.07)

    Source: definition; closed forms in `bigtheta.theory.dual`.
    """
    edge = max(0.5 - kink_exponent(act), 0.0)
    return DotProductKernel(panels(act, MAX_TERMS) ** 2, energy(act).value, closed_dual(act), edge)


@lru_cache(maxsize=256)
def ntk_kernel(act: Activation) -> DotProductKernel:
    """Return the neural-tangent kernel t * E phi'(G) phi'(G') = sum_j j mu_j^2 t^j (hidden layer trained).

    >>> from bigtheta.theory.catalogue import activation
    >>> round(ntk_kernel(activation("relu")).effective_ridge, 12)
    1.0
    """
    if not act.is_weakly_differentiable:
        raise InvalidInputError(f"activation {act.name!r} jumps at {act.kinks[0]}: E phi'(G)^2, its NTK, is infinite")
    squares = panels(act, MAX_TERMS) ** 2
    slope = closed_dual(act, 1)
    closed = None if slope is None else t * slope
    edge = max(1.5 - kink_exponent(act), 0.0)
    return DotProductKernel(np.arange(len(squares)) * squares, energy(act, 1).value, closed, edge)


@lru_cache(maxsize=256)
def both_layers_kernel(act: Activation) -> DotProductKernel:
    """Return the kernel of both layers trained, the sum of the two others: a_j = (1 + j) mu_j^2.

    >>> from bigtheta.theory.catalogue import activation
    >>> kernel = both_layers_kernel(activation("relu"))  # a_1 = 1/2, kappa(1) = 1/2 + 1/2, a_0 = 1/(2 pi)
    >>> round(kernel.effective_ridge - (1 - 1 / math.pi), 12)
    0.0
    """
    outer, inner = rf_kernel(act), ntk_kernel(act)
    closed = None if outer.closed is None or inner.closed is None else outer.closed + inner.closed
    edge = max(outer.edge, inner.edge)
    return DotProductKernel(outer.taylor + inner.taylor, outer.at_one + inner.at_one, closed, edge)


def centred_kernel(kernel: DotProductKernel) -> DotProductKernel:
    """Return kappa - a_0: the kernel of features without their mean; lambda and C stay.

    >>> from bigtheta.theory.catalogue import activation
    >>> centred_kernel(rf_kernel(activation("square"))).taylor[:3].round(12).tolist()
    [0.0, 0.0, 0.5]
    """
    mean = float(kernel.taylor[0])
    taylor = np.concatenate([[0.0], kernel.taylor[1:]])
    closed = None if kernel.closed is None else kernel.closed - mean
    return DotProductKernel(taylor, kernel.at_one - mean, closed, kernel.edge)
