"""The fit behind a verdict: generalised least squares averaged over finite-size corrections of unknown size and form.

y_i = alpha + sum_j a_j x_ij + sum_b c_b phi_b(i) + e_i, where y_i is the log of measured/law in cell i and x_ij the log
of the j-th size. phi is a correction that decays (`verify.corrections`), c ~ N(0, tau^2) its relative size at the
smallest cell; e ~ N(0, v_i + 0.01^2) is the Monte Carlo noise and what no form explains. Over a grid of forms and tau
each component is closed form; its weight is prior times restricted marginal likelihood, and the law of each slope is
the mixture of normals.
Source: derived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from bigtheta.verify.corrections import TAU_WEIGHTS, TAUS, decays
from bigtheta.verify.mixture import Mixture, quantiles

__all__ = [
    "CellMeans", "Fit", "Grid", "Mixture", "cell_means", "fit_level", "fit_slope", "level_grid", "shrunk", "slope_grid",
]  # fmt: skip

Array = npt.NDArray[np.float64]

POOLING = 8.0
"""Trials' worth of weight that the pooled variance gets in each cell."""
MISFIT_LEVEL = 0.05
DISCREPANCY, LEVEL_DISCREPANCY = 0.01, 0.004
"""Standard deviations of what no form of correction explains of a cell mean, for slopes and for a level.

Real corrections have other shapes; without it cells measured to a tenth of a per cent would be believed to a tenth of a
per cent.
"""
UNCLAIMED_LOG = 1.0
"""Standard deviation of the power of log v that a law "up to logarithms" leaves open."""


@dataclass(frozen=True)
class CellMeans:
    """Per cell: the mean y of what is fitted, its variance v, and the residual degrees of freedom in all."""

    y: Array
    v: Array
    degrees: int

    def quieter(self, factor: float) -> CellMeans:
        """Return the same means with variances divided by a factor, as that many times the trials would give."""
        return CellMeans(self.y, self.v / factor, self.degrees)


@dataclass(frozen=True)
class Fit:
    """Every component's weight, coefficients and covariance, and how well the data fit.

    Components are a grid: standard deviation tau of the correction x its form.

    Attributes:
        design: shape (cells, columns): the centred logs of the sizes, then ones; for a level, ones alone.
        weights: shape (taus, forms), sum 1.
        likelihood: log of the restricted marginal likelihood, without the prior. Shape (taus, forms).
        form_weights: prior of the forms. Shape (forms,).
        beta, covariance: (taus, forms, columns) and (taus, forms, columns, columns).
        centre: means of the log sizes, where the intercept is taken. Shape (columns - 1,).
        misfit_p: p-value of the chi^2 of the likeliest component.
        scale: factor by which misfit widened the standard deviations; 1 if the data fit.
        evidence: log of the marginal likelihood of all components.
        effects: standard deviation of the cells' own offsets (`verify.effects`); 0 if none were looked for.
    """

    design: Array
    weights: Array
    likelihood: Array
    form_weights: Array
    beta: Array
    covariance: Array
    centre: Array
    misfit_p: float
    scale: float
    evidence: float
    effects: float = 0.0

    @property
    def mixture(self) -> Mixture:
        """The law of the first slope, or of the level."""
        return self.slope(0)

    def slope(self, column: int) -> Mixture:
        """The law of one coefficient."""
        at = np.zeros(self.design.shape[1])
        at[column] = 1.0
        return self._along(at)

    def line(self, sizes: npt.ArrayLike) -> Mixture:
        """The law of alpha + sum_j a_j log(size_j): the fitted power law without its finite-size correction."""
        return self._along(np.append(np.log(np.atleast_1d(np.asarray(sizes, dtype=np.float64))) - self.centre, 1.0))

    def band(self, sizes: Array, levels: Sequence[float]) -> Array:
        """Return the quantiles of `line` at several sizes (cells, v). Shape (cells, len(levels))."""
        at = np.column_stack([np.log(sizes) - self.centre, np.ones(len(sizes))])
        means = np.einsum("mi,...i->m...", at, self.beta).reshape(len(at), -1)
        variances = np.einsum("mi,...ij,mj->m...", at, self.covariance, at).reshape(len(at), -1)
        weights = np.broadcast_to(self.weights.ravel(), means.shape)
        return quantiles(weights, means, np.sqrt(variances) * self.scale, levels)

    def by_tau(self, column: int, levels: Sequence[float]) -> Array:
        """Return the quantiles of a coefficient were tau known, for each tau of the grid. Shape (taus, len(levels))."""
        log_weight = np.log(self.form_weights) + self.likelihood
        weights = np.exp(log_weight - log_weight.max(1, keepdims=True))
        sds = np.sqrt(self.covariance[..., column, column]) * self.scale
        return quantiles(weights / weights.sum(1, keepdims=True), self.beta[..., column], sds, levels)

    def _along(self, at: Array) -> Mixture:
        means, variances = self.beta @ at, np.einsum("i,...ij,j->...", at, self.covariance, at)
        return Mixture(self.weights.ravel(), means.ravel(), np.sqrt(variances).ravel() * self.scale)


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


@dataclass(frozen=True)
class Grid:
    """What a fit needs besides the cell means: the covariance of every component, inverted once for many data sets.

    Attributes:
        noise: variances of the cell means around the forms. Shape (cells,).
        inverse: of the covariance of the cell means. Shape (taus, forms, cells, cells).
        covariance: of the coefficients. Shape (taus, forms, columns, columns).
        determinants: log det of both, summed. Shape (taus, forms).
        prior: weights. Shape (taus, forms).
    """

    design: Array
    noise: Array
    inverse: Array
    covariance: Array
    determinants: Array
    prior: Array
    form_weights: Array
    centre: Array

    def fits(self, y: Array) -> list[Fit]:
        """Return the fit of each row of cell means. Shape of y: (m, cells)."""
        count, parameters = self.design.shape
        solved = self.covariance @ self.design.T @ self.inverse
        beta = np.einsum("tfpi,mi->mtfp", solved, y)
        residual = y[:, None, None, :] - beta @ self.design.T
        pulled = np.einsum("tfij,mtfj->mtfi", self.inverse, residual)
        chi2 = (residual * pulled).sum(-1)
        likelihood = -(self.determinants + chi2) / 2
        with np.errstate(divide="ignore"):
            log_weight = np.log(self.prior) + likelihood
        most = log_weight.max((1, 2), keepdims=True)
        weight = np.exp(log_weight - most)
        total = weight.sum((1, 2), keepdims=True)
        weight, evidence = weight / total, (most + np.log(total)).ravel()
        degrees, fits = count - parameters, []
        for i, row in enumerate(likelihood):
            least = float(chi2[i].ravel()[int(np.argmax(row))])
            misfit_p = float(special.chdtrc(degrees, least)) if degrees > 0 else 1.0
            scale = float(np.sqrt(least / degrees)) if misfit_p < MISFIT_LEVEL else 1.0
            fits.append(
                Fit(
                    self.design, weight[i], row, self.form_weights, beta[i], self.covariance, self.centre,
                    misfit_p, max(scale, 1.0), float(evidence[i]),
                )
            )  # fmt: skip
        return fits

    def draw(self, y: Array, weights: Array, count: int, rng: np.random.Generator) -> Array:
        """Draw true cell means from what the data say of them: a component by weight, then its normal law.

        Given one, the law is N(y - D Q y, D - D Q D), D = diag(noise), Q = V^-1 - V^-1 X (X^T V^-1 X)^-1 X^T V^-1.

        Returns:
            Shape (count, cells).
        """
        flat = rng.choice(weights.size, size=count, p=weights.ravel())
        cells = len(y)
        rows = []
        for index in flat:
            inverse = self.inverse.reshape(-1, cells, cells)[index]
            covariance = self.covariance.reshape(-1, *self.covariance.shape[2:])[index]
            weighted = inverse @ self.design
            q = inverse - weighted @ covariance @ weighted.T
            spread = np.diag(self.noise) - self.noise[:, None] * q * self.noise
            values, vectors = np.linalg.eigh((spread + spread.T) / 2)
            noise = vectors @ (np.sqrt(np.maximum(values, 0)) * rng.standard_normal(cells))
            rows.append(y - self.noise * (q @ y) + noise)
        return np.stack(rows)


def fit_slope(
    sizes: Array,
    cells: CellMeans,
    *,
    taus: Sequence[float] = TAUS,
    weights: Sequence[float] = TAU_WEIGHTS,
    up_to_logs: bool = False,
) -> Fit:
    """Fit the slopes of y in the logs of the sizes; the arguments are those of `slope_grid`."""
    return slope_grid(sizes, cells.v, taus=taus, weights=weights, up_to_logs=up_to_logs).fits(cells.y[None])[0]


def fit_level(
    sizes: Array, cells: CellMeans, *, taus: Sequence[float] = TAUS, weights: Sequence[float] = TAU_WEIGHTS
) -> Fit:
    """Fit the level that y tends to; corrections decay as powers or as 1/log(size). sizes as for `slope_grid`."""
    return level_grid(sizes, cells.v, taus=taus, weights=weights).fits(cells.y[None])[0]


def slope_grid(
    sizes: Array,
    v: Array,
    *,
    taus: Sequence[float] = TAUS,
    weights: Sequence[float] = TAU_WEIGHTS,
    up_to_logs: bool = False,
    left_open: Array | None = None,
) -> Grid:
    """Return the components of a fit of slopes.

    Args:
        sizes: shape (cells,), or (cells, s) for s sizes that vary on their own.
        v: variances of the cell means. Shape (cells,).
        taus, weights: the grid of correction sizes and its prior.
        up_to_logs: leave a power of log v open for each size: N(0, 1) times log log v.
        left_open: what else the claim leaves open: N(0, 1) times each column. Shape (cells, columns).
    """
    table = sizes.reshape(len(sizes), -1)
    x = np.log(table)
    centre = x.mean(0)
    design = np.column_stack([x - centre, np.ones(len(x))])
    nuisance = UNCLAIMED_LOG * np.log(np.log(np.maximum(table, 2.0))) if up_to_logs else None
    if left_open is not None:
        nuisance = left_open if nuisance is None else np.column_stack([nuisance, left_open])
    return _grid(design, v + DISCREPANCY**2, *decays(table), taus, weights, centre=centre, nuisance=nuisance)


def level_grid(sizes: Array, v: Array, *, taus: Sequence[float] = TAUS, weights: Sequence[float] = TAU_WEIGHTS) -> Grid:
    """Return the components of a fit of a level; arguments as for `slope_grid`."""
    table = sizes.reshape(len(sizes), -1)
    return _grid(
        np.ones((len(table), 1)),
        v + LEVEL_DISCREPANCY**2,
        *decays(table, level=True),
        taus,
        weights,
        centre=np.empty(0),
    )


def _grid(
    design: Array,
    v: Array,
    columns: Sequence[Array],
    form_weights: Array,
    taus: Sequence[float],
    weights: Sequence[float],
    *,
    centre: Array,
    nuisance: Array | None = None,
) -> Grid:
    """Invert the covariance of every (tau, form)."""
    variances = np.maximum(v, float(v.max()) * 1e-12)  # no cell may make it singular
    noise = np.diag(variances)
    if nuisance is not None:
        noise = noise + nuisance @ nuisance.T
    outer = np.stack([phi @ phi.T for phi in columns])
    covariances = noise + np.asarray(taus, dtype=np.float64)[:, None, None, None] ** 2 * outer
    inverse = np.linalg.inv(covariances)
    information = design.T @ inverse @ design
    determinants = np.linalg.slogdet(covariances)[1] + np.linalg.slogdet(information)[1]
    prior = np.asarray(weights, dtype=np.float64)[:, None] * form_weights
    covariance: Array = np.linalg.inv(information).astype(np.float64)
    return Grid(
        design, variances, inverse.astype(np.float64), covariance, determinants, prior, form_weights, centre
    )  # fmt: skip
