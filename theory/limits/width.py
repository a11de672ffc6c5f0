"""What the finite-width limits need of an activation, and S^2 from the blocks of a model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import sympy

from bigtheta.theory.activation import Activation
from bigtheta.theory.energy import energy
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.kernel import ntk_kernel, rf_kernel
from bigtheta.theory.limits.equivalent import Blocks, fit
from bigtheta.theory.scaled import scaled_coefficients, scaled_moment

__all__ = ["WidthConstants", "energies", "width_constants"]

Floats = npt.NDArray[np.float64]
_ORDER = 60
_NOISE = 1e-24
"""mu_j^2 below so much of E phi^2 is 0 within the error of float64."""


@dataclass(frozen=True)
class WidthConstants:
    """Energies of phi and phi', pre-activations N(0, 1).

    Attributes:
        mean, linear, quadratic: mu_0^2, mu_1^2, mu_2^2.
        higher: E phi^2 less these three.
        slope: nu = E phi'^2; None where phi jumps.
        slope_higher: nu - mu_1^2 - 2 mu_2^2, the cubic and higher part.
        bend: nu2 = E phi''^2; None where phi' jumps.
        bend_higher: nu2 - 2 mu_2^2.
    """

    mean: float
    linear: float
    quadratic: float
    higher: float
    slope: float | None
    slope_higher: float
    bend: float | None
    bend_higher: float


@lru_cache(maxsize=256)
def width_constants(act: Activation, deviation: float = 1.0) -> WidthConstants:
    """Return the constants of phi(deviation * G); deviation = 1/sqrt(d) for small weights.

    >>> from bigtheta.theory.catalogue import activation
    >>> relu = width_constants(activation("relu"))
    >>> relu.linear, relu.slope, relu.bend, round(relu.higher + relu.quadratic, 4)
    (0.25, 0.5, None, 0.0908)
    """
    smooth = all(act.jump(1, kink) == sympy.Integer(0) for kink in act.kinks) and act.is_weakly_differentiable
    if deviation == 1.0:
        kernel = rf_kernel(act)
        squares, whole = kernel.taylor, kernel.at_one
        slope = ntk_kernel(act).at_one if act.is_weakly_differentiable else None
        bend = float(energy(act, 2).value) if smooth else None
    else:
        radius = np.array([deviation])
        squares = scaled_coefficients(act, radius, _ORDER)[0] ** 2
        if act.parity.value != "neither even nor odd":
            squares[(1 if act.parity.value == "even" else 0) :: 2] = 0.0
        whole, first, second = (float(scaled_moment(act, radius, r)[0]) * deviation ** (2 * r) for r in range(3))
        slope, bend = (first if act.is_weakly_differentiable else None), (second if smooth else None)
    j = np.arange(len(squares))
    squares = np.where(squares > _NOISE * whole, squares, 0.0)
    higher = _beyond(squares, whole, 3)
    return WidthConstants(
        mean=float(squares[0]),
        linear=float(squares[1]),
        quadratic=float(squares[2]),
        higher=higher,
        slope=slope,
        slope_higher=0.0 if slope is None else _beyond(j * squares, slope, 3),
        bend=bend,
        bend_higher=0.0 if bend is None else _beyond(j * (j - 1) * squares, bend, 3),
    )


def _beyond(terms: Floats, whole: float, first: int) -> float:
    """whole less the terms before `first`: as the sum of the others, where the difference cancels."""
    rest, given = whole - float(terms[:first].sum()), float(terms[first:].sum())
    return max(given if rest < 1e-6 * whole and rest - given < 1e-12 * whole else rest, 0.0)


def energies(
    counts: Floats, eigenvalues: Floats, gradients: Floats, target: Floats, *, n: npt.ArrayLike, d: int, rest: float,
    noise: float, signal: float,
) -> Floats:  # fmt: skip
    """Return S^2 = (signal^2/d) sum_i t_i q_i^2 g_i/lambda_i + R sum_i N_i q_i^2 (g_i/lambda_i)/(n - df2).

    Args:
        counts, eigenvalues: N_i, lambda_i of E phi phi^T.
        gradients: g_i of E (grad phi)(grad phi)^T, in the same directions.
        target: t_i, the share of E (beta . x)^2 = 1/d in block i.
        rest: the ridge on the n x n Gram matrix, in the units of the eigenvalues.
    """
    sizes = np.atleast_1d(np.asarray(n, dtype=np.float64))
    if not np.all(np.isfinite(sizes) & (sizes > 0)):
        raise InvalidInputError(f"limit: expected n > 0 but got n={n!r}")
    found = fit(Blocks(counts, eigenvalues, rest, target), sizes.ravel())
    weights = np.divide(gradients, eigenvalues, out=np.zeros_like(gradients), where=eigenvalues > 0)
    total = noise + signal**2 / d * found.unlearned
    learned = signal**2 / d * (found.kept**2 @ (target * weights))
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(learned + total * (found.variances @ weights)).reshape(np.shape(n))
