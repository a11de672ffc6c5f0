"""Random matrices, graphs, points and walks: theorem models of the benchmark.

Each sampler takes (rng, n, trials) and returns one number a trial; its docstring states the theorem and its source.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg, sparse, spatial
from scipy.sparse import csgraph

from bigtheta.verify.calibration.instance import Array

__all__ = [
    "convex_hull",
    "exponential_maximum",
    "gaussian_ensemble",
    "gaussian_maximum",
    "giant_component",
    "isolated_vertices",
    "largest_component",
    "nearest_neighbour",
    "spanning_tree",
    "walk_maximum",
    "walk_range",
    "walk_returns",
    "wishart",
]  # fmt: skip

Rng = np.random.Generator

ISOLATED_DEGREE, GIANT_DEGREE = 0.7, 2.0


def exponential_maximum(rng: Rng, n: int, trials: int) -> Array:
    """Maximum of n exponentials: log n; mean H_n. Source: Renyi, On the theory of order statistics (1953)."""
    return np.asarray(rng.exponential(size=(trials, n)).max(1))


def gaussian_maximum(rng: Rng, n: int, trials: int) -> Array:
    """Maximum of n standard Gaussians: sqrt(2 log n). Source: Fisher and Tippett (1928); Cramer (1946), 28.6."""
    return np.asarray(rng.standard_normal((trials, n)).max(1))


def walk_maximum(rng: Rng, n: int, trials: int) -> Array:
    """Maximum of |S_1|, ..., |S_n| for the simple random walk: sqrt(pi n/2).

    Source: Donsker (1951) with the maximum of |Brownian motion|; Erdos and Kac (1946).
    """
    return np.asarray(np.abs(_walk(rng, n, trials)).max(1), dtype=np.float64)


def walk_range(rng: Rng, n: int, trials: int) -> Array:
    """Sites that a simple random walk on the line visits in n steps: sqrt(8 n/pi).

    Source: Feller, The asymptotic distribution of the range of sums (1951).
    """
    walk = _walk(rng, n, trials)
    return np.asarray(np.maximum(walk.max(1), 0) - np.minimum(walk.min(1), 0) + 1.0)


def walk_returns(rng: Rng, n: int, trials: int) -> Array:
    """Times from 0 to n at which a simple random walk is at 0: sqrt(2 n/pi), half-normal in the limit.

    Source: Feller, An Introduction to Probability Theory 1, III.
    """
    return np.asarray((_walk(rng, n, trials) == 0).sum(1) + 1.0)


def _walk(rng: Rng, n: int, trials: int) -> Array:
    return np.asarray((2 * rng.integers(2, size=(trials, n), dtype=np.int64) - 1).cumsum(1))


def gaussian_ensemble(rng: Rng, n: int, trials: int) -> Array:
    """Largest eigenvalue of the Gaussian orthogonal ensemble, variance 1 off the diagonal: 2 sqrt(n).

    The next term is -1.2065 n^(-1/6). Drawn from the tridiagonal form. Source: Furedi and Komlos (1981); Tracy and
    Widom (1996); Dumitriu and Edelman, Matrix models for beta ensembles (2002).
    """
    diagonal = np.sqrt(2) * rng.standard_normal((trials, n))
    beside = np.sqrt(rng.chisquare(np.arange(n - 1, 0, -1), (trials, n - 1)))
    return np.array([_largest(d, e) for d, e in zip(diagonal, beside, strict=True)])


def wishart(rng: Rng, n: int, trials: int) -> Array:
    """Largest eigenvalue of X X^T, X of n x 2n standard Gaussians: (1 + sqrt 2)^2 n. Drawn from the bidiagonal form.

    Source: Geman (1980); Johnstone, On the distribution of the largest eigenvalue in PCA (2001); Silverstein (1985).
    """
    square = rng.chisquare(np.arange(2 * n, n, -1), (trials, n))
    below = rng.chisquare(np.arange(n - 1, 0, -1), (trials, n - 1))
    diagonal = square.copy()
    diagonal[:, 1:] += below
    beside = np.sqrt(square[:, :-1] * below)
    return np.array([_largest(d, e) for d, e in zip(diagonal, beside, strict=True)])


def _largest(diagonal: Array, beside: Array) -> float:
    """Largest eigenvalue of a symmetric tridiagonal matrix."""
    last = len(diagonal) - 1
    if last == 0:
        return float(diagonal[0])
    return float(linalg.eigvalsh_tridiagonal(diagonal, beside, select="i", select_range=(last, last))[0])


def spanning_tree(rng: Rng, n: int, trials: int) -> Array:
    """Length of the minimum spanning tree of n uniform points in the unit square: 0.6331 sqrt(n), a measured constant.

    Its edges are edges of the Delaunay triangulation. Source: Steele, Growth rates of Euclidean minimal spanning trees
    (1988); Cortina-Borja and Robinson, Estimating the asymptotic constants of ... minimal spanning trees (2000).
    """
    return np.array([_tree_length(rng.random((n, 2))) for _ in range(trials)])


def _tree_length(points: Array) -> float:
    count = len(points)
    if count < 10:
        i, j = np.triu_indices(count, 1)
    else:
        corners = spatial.Delaunay(points).simplices
        pairs = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]]), axis=1)
        i, j = np.divmod(np.unique(pairs[:, 0] * np.int64(count) + pairs[:, 1]), count)
    lengths = np.hypot(*(points[i] - points[j]).T)
    return float(csgraph.minimum_spanning_tree(sparse.csr_matrix((lengths, (i, j)), shape=(count, count))).sum())


def nearest_neighbour(rng: Rng, n: int, trials: int) -> Array:
    """Mean distance to the nearest neighbour among n uniform points in the unit square: 1/(2 sqrt(n)).

    Source: Clark and Evans, Distance to nearest neighbor (1954), with the boundary's correction n^(-1/2).
    """
    return np.array([_nearest(rng.random((n, 2))) for _ in range(trials)])


def _nearest(points: Array) -> float:
    distances = np.asarray(spatial.cKDTree(points).query(points, k=2)[0])
    return float(distances[:, 1].mean())


def convex_hull(rng: Rng, n: int, trials: int) -> Array:
    """Vertices of the convex hull of n uniform points in a disc: 3.3832 n^(1/3).

    The constant is 2 pi^(2/3) Gamma(5/3) (2/3)^(1/3). Source: Renyi and
    Sulanke, Uber die konvexe Hulle von n zufallig gewahlten Punkten (1963).
    """
    angle, radius = 2 * np.pi * rng.random((trials, n)), np.sqrt(rng.random((trials, n)))
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return np.array([len(spatial.ConvexHull(p).vertices) for p in points], dtype=np.float64)


def isolated_vertices(rng: Rng, n: int, trials: int) -> Array:
    """Isolated vertices of the random graph G(n, 0.7/n): e^(-0.7) n; mean n (1 - p)^(n-1).

    Source: Erdos and Renyi, On the evolution of random graphs (1960); Bollobas, Random Graphs, 3.
    """
    ends = _graphs(rng, n, trials, ISOLATED_DEGREE)
    touched = np.bincount(ends.ravel(), minlength=n * trials) > 0
    return np.asarray(n - touched.reshape(trials, n).sum(1), dtype=np.float64)


def giant_component(rng: Rng, n: int, trials: int) -> Array:
    """Vertices in the largest component of G(n, 2/n): 0.796812 n, the root of x = 1 - e^(-2x).

    Source: Erdos and Renyi, On the evolution of random graphs (1960).
    """
    return largest_component(rng, n, trials, GIANT_DEGREE)


def largest_component(rng: Rng, n: int, trials: int, degree: float) -> Array:
    """Vertices in the largest component of each of several graphs G(n, degree/n)."""
    i, j = _graphs(rng, n, trials, degree)
    graph = sparse.coo_matrix((np.ones(len(i)), (i, j)), shape=(n * trials, n * trials))
    count, label = csgraph.connected_components(graph, directed=False)
    largest = np.zeros(trials)
    trial_of = np.zeros(count, dtype=np.int64)
    trial_of[label] = np.arange(n * trials) // n
    np.maximum.at(largest, trial_of, np.bincount(label, minlength=count))
    return largest


def _graphs(rng: Rng, n: int, trials: int, degree: float) -> Array:
    """Draw graphs G(n, degree/n) side by side: the two ends of every edge, those of trial t from t n on."""
    pairs = n * (n - 1) // 2
    ends = []
    for trial, edges in enumerate(rng.binomial(pairs, degree / n, trials)):
        code = rng.choice(pairs, edges, replace=False, shuffle=False)
        j = np.floor((1 + np.sqrt(1 + 8.0 * code)) / 2).astype(np.int64)
        ends.append(np.stack([code - j * (j - 1) // 2, j]) + trial * n)
    return np.concatenate(ends, axis=1)
