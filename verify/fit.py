"""The fit behind a verdict: generalised least squares averaged over finite-size corrections of unknown size and power.

y_i = alpha + a x_i + sum_b c_b phi_b(i) + e_i, where y_i is the log of measured/law in cell i and x_i the log of the
free size. phi = (size/smallest)^(-omega) is a correction that decays, c ~ N(0, tau^2) its relative size at the
smallest cell, e ~ N(0, v_i) the Monte Carlo noise. Over a grid of (omega, tau) each component is closed form;
its weight is prior times restricted marginal likelihood, and the slope's law is the mixture of normals.
Source: derived; the prior weights were calibrated on synthetic laws with corrections of known exponents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["CellMeans", "Fit", "Mixture", "cell_means", "fit_level", "fit_slope"]

Array = npt.NDArray[np.float64]

OMEGAS = (1 / 3, 1 / 2, 2 / 3, 1, 4 / 3, 2)
TAUS = (0.0, 0.1, 0.3, 1.0)
TAU_WEIGHTS = (0.30, 0.45, 0.20, 0.05)
POOLING = 8.0
"""Trials' worth of weight that the pooled variance gets in each cell."""
MISFIT_LEVEL = 0.05
LEAST_VARIANCE = 1e-14
"""Smallest variance of a cell mean that is believed: below a relative 1e-7 it is rounding."""


@dataclass(frozen=True)
class Mixture:
    """A mixture of normal laws of one number."""

    weights: Array
    means: Array
    sds: Array

    def quantiles(self, levels: Sequence[float]) -> Array:
        """Return the quantiles, by bisection between the components' own. Shape (len(levels),).

        >>> one = Mixture(np.ones(1), np.zeros(1), np.ones(1))
        >>> one.quantiles([0.025, 0.975]).round(3).tolist()
        [-1.96, 1.96]
        """
        p = np.asarray(levels, dtype=np.float64)
        heavy = self.weights > 1e-12
        weights, means, sds = self.weights[heavy], self.means[heavy], self.sds[heavy]
        own = means + special.ndtri(p)[:, None] * sds
        low, high = own.min(1), own.max(1)
        for _ in range(40):
            middle = (low + high) / 2
            below = special.ndtr((middle[:, None] - means) / sds) @ weights < p
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.asarray((low + high) / 2, dtype=np.float64)


@dataclass(frozen=True)
class CellMeans:
    """Per cell: the mean y of what is fitted, its variance v, and the residual degrees of freedom in all."""

    y: Array
    v: Array
    degrees: int


@dataclass(frozen=True)
class Fit:
    """Every component's weight, coefficients and covariance, and how well the data fit.

    Attributes:
        weights: shape (components,), sum 1.
        beta, covariance: (components, columns) and (components, columns, columns); the first column is the slope (or
            the level), the last the intercept at the centre.
        centre: mean of log size, where the intercept is taken.
        misfit_p: p-value of the chi^2 of the heaviest component.
        scale: factor by which misfit widened the standard deviations; 1 if the data fit.
        smoothed: the cell means as the heaviest component predicts them, noise taken out.
    """

    weights: Array
    beta: Array
    covariance: Array
    centre: float
    misfit_p: float
    scale: float
    smoothed: Array

    @property
    def mixture(self) -> Mixture:
        """The law of the slope, or of the level."""
        return Mixture(self.weights, self.beta[:, 0], np.sqrt(self.covariance[:, 0, 0]) * self.scale)

    def line(self, size: float) -> Mixture:
        """The law of alpha + a log(size): the fitted power law without its finite-size correction."""
        at = np.array([np.log(size) - self.centre, 1.0])
        return Mixture(self.weights, self.beta @ at, np.sqrt(at @ self.covariance @ at) * self.scale)


def cell_means(samples: Sequence[Array]) -> CellMeans:
    """Return each cell's mean and its variance, shrunk to the pooled one: (8 pool + (m-1) s^2)/(8 + m-1)/m.

    The noise variance is inflated by df/(df - 2), which makes the normal law cover as the t law does.
    """
    counts = np.array([len(s) for s in samples], dtype=np.float64)
    means = np.array([s.mean() for s in samples])
    squares = np.array([((s - s.mean()) ** 2).sum() for s in samples])
    return shrunk(means, squares, counts)


def shrunk(means: Array, squares: Array, counts: Array) -> CellMeans:
    """Return the cell means with variances from sums of squares around them."""
    degrees = int((counts - 1).sum())
    if degrees < 3:
        return CellMeans(means, np.full(len(means), np.inf), degrees)
    pooled = squares.sum() / degrees
    v = (POOLING * pooled + squares) / (POOLING + counts - 1) / counts * (degrees / (degrees - 2))
    return CellMeans(means, v, degrees)


def fit_slope(
    sizes: Array, cells: CellMeans, *, taus: Sequence[float] = TAUS, weights: Sequence[float] = TAU_WEIGHTS
) -> Fit:
    """Fit the slope of y in log(size). sizes: shape (cells,), increasing."""
    x = np.log(sizes)
    design = np.stack([x - x.mean(), np.ones_like(x)], axis=1)
    decays = [_decay(sizes, omegas) for omegas in _bases()]
    return _average(design, cells, decays, taus, weights, centre=float(x.mean()))


def fit_level(
    sizes: Array, cells: CellMeans, *, taus: Sequence[float] = TAUS, weights: Sequence[float] = TAU_WEIGHTS
) -> Fit:
    """Fit the level that y tends to; corrections decay as powers or as 1/log(size)."""
    design = np.ones((len(sizes), 1))
    decays = [_decay(sizes, omegas) for omegas in _bases()]
    if sizes[0] > 1:
        decays.append((np.log(sizes[0]) / np.log(sizes))[:, None])
    return _average(design, cells, decays, taus, weights)


@cache
def _bases() -> tuple[tuple[float, ...], ...]:
    """Single powers, and the pairs {omega, 2 omega} for the first four."""
    return (*((omega,) for omega in OMEGAS), *((omega, 2 * omega) for omega in OMEGAS[:4]))


def _decay(sizes: Array, omegas: Sequence[float]) -> Array:
    """The corrections (size/smallest)^(-omega), a column each."""
    return np.stack([(sizes / sizes[0]) ** -omega for omega in omegas], axis=1)


def _average(
    design: Array,
    cells: CellMeans,
    decays: Sequence[Array],
    taus: Sequence[float],
    weights: Sequence[float],
    *,
    centre: float = 0.0,
) -> Fit:
    """Generalised least squares for every (basis, tau), weighted by prior x restricted marginal likelihood."""
    count, columns = design.shape
    floor = max(float(cells.v.max()) * 1e-12, LEAST_VARIANCE)  # a cell without noise must not make V singular
    noise = np.diag(np.maximum(cells.v, floor))
    outer = np.stack([phi @ phi.T for phi in decays])
    tau = np.asarray(taus)
    v = noise + (tau[:, None, None, None] ** 2 * outer).reshape(-1, count, count)
    prior = np.repeat(np.asarray(weights, dtype=np.float64) / len(decays), len(decays))

    inverse = np.linalg.inv(v)
    information = design.T @ inverse @ design
    covariance = np.linalg.inv(information)
    beta = (covariance @ (design.T @ inverse @ cells.y)[..., None])[..., 0]
    residual = cells.y - beta @ design.T
    chi2 = np.einsum("ci,cij,cj->c", residual, inverse, residual)
    log_weight = np.log(prior) - (np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1] + chi2) / 2
    weight: Array = np.exp(log_weight - log_weight.max())
    weight = weight / weight.sum()

    best = int(np.argmax(weight))
    degrees = count - columns
    smoothed = cells.y - np.maximum(cells.v, floor) * (inverse[best] @ residual[best])
    misfit_p = float(special.chdtrc(degrees, chi2[best])) if degrees > 0 else 1.0
    scale = float(np.sqrt(chi2[best] / degrees)) if misfit_p < MISFIT_LEVEL else 1.0
    return Fit(weight, beta, np.asarray(covariance, dtype=np.float64), centre, misfit_p, max(scale, 1.0), smoothed)
