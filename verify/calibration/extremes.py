"""Matrices, samples, points and walks at their extremes: theorem models of the benchmark.

Each sampler takes (rng, n, trials) and returns one number a trial; its docstring states the theorem and its source.
"""

from __future__ import annotations

import bisect

import numpy as np
from scipy import linalg, spatial

from bigtheta.verify.calibration import geometry
from bigtheta.verify.calibration.instance import Array

__all__ = [
    "closest_pair", "condition_number", "critical_component", "discrepancy", "gaussian_hull", "kolmogorov_statistic",
    "largest_gap", "largest_link", "log_determinant", "maximal_points", "median_error", "pareto_maximum",
    "plane_walk_range", "smallest_singular_value",
]  # fmt: skip

Rng = np.random.Generator

PARETO = 4.0


def smallest_singular_value(rng: Rng, n: int, trials: int) -> Array:
    """Smallest singular value of an n x n standard Gaussian matrix: 0.6557 n^(-1/2).

    The constant is the mean of the law of density (1 + s) exp(-s - s^2/2). Drawn from the bidiagonal form. Source:
    Edelman, Eigenvalues and condition numbers of random matrices (1988).
    """
    return np.array([_singular(beside, smallest=True) for beside in _bidiagonal(rng, n, trials)])


def condition_number(rng: Rng, n: int, trials: int) -> Array:
    """Condition number of an n x n standard Gaussian matrix: of order n, its logarithm log n + 1.537 in the mean.

    Its mean is infinite, so that no limit is claimed. Source: Edelman, Eigenvalues and condition numbers of random
    matrices (1988).
    """
    drawn = _bidiagonal(rng, n, trials)
    return np.array([_singular(beside, smallest=False) / _singular(beside, smallest=True) for beside in drawn])


def _bidiagonal(rng: Rng, n: int, trials: int) -> Array:
    """Bidiagonal matrices with the singular values of n x n Gaussian ones: diagonal and the rest by turns.

    Shape (trials, 2 n - 1): chi_n, chi_(n-1), chi_(n-1), ..., chi_1, chi_1.
    """
    return np.sqrt(rng.chisquare((2 * n - np.arange(2 * n - 1)) // 2, (trials, 2 * n - 1)))


def _singular(beside: Array, *, smallest: bool) -> float:
    """A singular value of a bidiagonal matrix: an eigenvalue of the tridiagonal one with these entries beside zeros."""
    last = len(beside)
    at = (last + 1) // 2 if smallest else last
    return float(linalg.eigvalsh_tridiagonal(np.zeros(last + 1), beside, select="i", select_range=(at, at))[0])


def log_determinant(rng: Rng, n: int, trials: int) -> Array:
    """log |det| of an n x n standard Gaussian matrix: n log(n)/2; next term -n/2. Twice it is a sum of log chi^2_k.

    Source: Goodman (1963); Nguyen and Vu, Random matrices: law of the determinant (2014).
    """
    return np.asarray(np.log(rng.chisquare(np.arange(1, n + 1), (trials, n))).sum(1) / 2)


def kolmogorov_statistic(rng: Rng, n: int, trials: int) -> Array:
    """Kolmogorov's distance of n uniforms from their law: sqrt(pi/2) log(2) n^(-1/2).

    Source: Kolmogorov, Sulla determinazione empirica di una legge di distribuzione (1933).
    """
    ordered, steps = np.sort(rng.random((trials, n))), np.arange(n + 1) / n
    return np.asarray(np.maximum(steps[1:] - ordered, ordered - steps[:-1]).max(1))


def median_error(rng: Rng, n: int, trials: int) -> Array:
    """Distance of the (upper) median of n uniforms from 1/2: n^(-1/2)/sqrt(2 pi).

    Source: Cramer, Mathematical Methods of Statistics (1946), 28.5.
    """
    return np.asarray(np.abs(np.partition(rng.random((trials, n)), n // 2)[:, n // 2] - 0.5))


def closest_pair(rng: Rng, n: int, trials: int) -> Array:
    """Smallest distance among n uniform points in the unit square: 1/(n sqrt 2), a Rayleigh law.

    Source: Silverman and Brown, Short distances, flat triangles and Poisson limits (1978).
    """
    points = rng.random((trials, n, 2))
    return _closest(np.take_along_axis(points, points[..., :1].argsort(1), 1))


def _closest(points: Array) -> Array:
    """Smallest distance in each set of points, ordered by x; neighbours in x are compared till x alone is further."""
    best = np.full(len(points), np.inf)
    for step in range(1, points.shape[1]):
        apart = points[:, step:] - points[:, :-step]
        best = np.minimum(best, np.hypot(apart[..., 0], apart[..., 1]).min(1))
        if (apart[..., 0].min(1) >= best).all():
            break
    return best


def largest_gap(rng: Rng, n: int, trials: int) -> Array:
    """Largest of the n gaps between n uniform points on a circle of length 1: log(n)/n; mean H_n/n.

    Source: Levy, Sur la division d'un segment par des points choisis au hasard (1939).
    """
    ordered = np.sort(rng.random((trials, n)))
    return np.asarray(np.diff(ordered, append=ordered[:, :1] + 1).max(1))


def largest_link(rng: Rng, n: int, trials: int) -> Array:
    """Largest distance to the nearest neighbour among n uniform points on the unit torus: sqrt(log(n)/(pi n)).

    Source: Dette and Henze, The limit distribution of the largest nearest-neighbour link in the unit d-cube (1989).
    """
    return np.array([_link(points) for points in rng.random((trials, n, 2))])


def _link(points: Array) -> float:
    distances = np.asarray(spatial.cKDTree(points, boxsize=np.ones(2)).query(points, k=2)[0])
    return float(distances[:, 1].max())


def discrepancy(rng: Rng, n: int, trials: int) -> Array:
    """Largest of n absolute sums of n independent signs: sqrt(2 n log n).

    Source: Cramer's moderate deviations (1938) with Fisher and Tippett (1928); Alon and Spencer, The Probabilistic
    Method, 13.
    """
    return np.asarray(np.abs(2.0 * rng.binomial(n, 0.5, (trials, n)) - n).max(1))


def pareto_maximum(rng: Rng, n: int, trials: int) -> Array:
    """Maximum of n Pareto variables of index 4: Gamma(3/4) n^(1/4); mean Gamma(3/4) Gamma(n + 1)/Gamma(n + 3/4).

    Source: Gnedenko, Sur la distribution limite du terme maximum d'une serie aleatoire (1943).
    """
    return np.asarray((1 - rng.random((trials, n))).min(1) ** (-1 / PARETO))


def gaussian_hull(rng: Rng, n: int, trials: int) -> Array:
    """Vertices of the convex hull of n Gaussian points in the plane: 2 sqrt(2 pi log n).

    Source: Renyi and Sulanke, Uber die konvexe Hulle von n zufallig gewahlten Punkten (1963).
    """
    points = rng.standard_normal((trials, n, 2))
    return np.array([len(spatial.ConvexHull(p).vertices) for p in points], dtype=np.float64)


def maximal_points(rng: Rng, n: int, trials: int) -> Array:
    """Points of n uniform ones in a cube that no other exceeds in each coordinate: log(n)^2/2; mean sum H_k/k.

    Source: Barndorff-Nielsen and Sobel, On the distribution of the number of admissible points (1966).
    """
    return np.array([_maximal(rng.random((n, 2)).tolist()) for _ in range(trials)], dtype=np.float64)


def _maximal(falling: list[list[float]]) -> int:
    """Count the maximal points, given two coordinates in falling order of the third: steps of a stair are kept."""
    xs: list[float] = []
    ys: list[float] = []
    count = 0
    for x, y in falling:
        at = bisect.bisect(xs, x)
        if at < len(xs) and ys[at] > y:
            continue
        count += 1
        first = at
        while first > 0 and ys[first - 1] < y:
            first -= 1
        xs[first:at], ys[first:at] = [x], [y]
    return count


def critical_component(rng: Rng, n: int, trials: int) -> Array:
    """Vertices in the largest component of G(n, 1/n): of order n^(2/3), the ratio random, its mean not in closed form.

    Source: Erdos and Renyi (1960); Aldous, Brownian excursions, critical random graphs and the multiplicative
    coalescent (1997).
    """
    return geometry.largest_component(rng, n, trials, 1.0)


def plane_walk_range(rng: Rng, n: int, trials: int) -> Array:
    """Sites of the square lattice that a simple random walk visits in n steps: pi n/log n, with corrections 1/log n.

    Source: Dvoretzky and Erdos, Some problems on random walk in space (1951).
    """
    steps = np.array([1, -1, 4 * n, -4 * n])
    walk = np.sort(np.pad(steps[rng.integers(4, size=(trials, n))].cumsum(1), ((0, 0), (1, 0))))
    return np.asarray((np.diff(walk) > 0).sum(1) + 1.0)
