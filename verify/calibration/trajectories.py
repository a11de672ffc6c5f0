"""Walks, weights and points: theorem models of the benchmark.

Each sampler takes (rng, n, trials) and returns one number a trial; its docstring states the theorem and its source.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse, spatial
from scipy.sparse import csgraph

from bigtheta.verify.calibration.instance import Array

__all__ = [
    "absolute_area", "close_pairs", "complete_graph_tree", "connection_threshold", "gyration", "transport_distance",
    "walk_hull_area", "walk_hull_perimeter",
]  # fmt: skip

Rng = np.random.Generator

_REACH = 6.0
"""Edges of weight above this times log(n)/n are left out: without them a graph is disconnected once in n^5 trials."""


def complete_graph_tree(rng: Rng, n: int, trials: int) -> Array:
    """Weight of the minimum spanning tree of the complete graph with uniform weights: zeta(3).

    31/35 at n = 4. Source: Frieze, On the value of a random minimum spanning tree problem (1985).
    """
    return np.array([_tree_weights(rng, n).sum() for _ in range(trials)])


def connection_threshold(rng: Rng, n: int, trials: int) -> Array:
    """Least p such that the edges of weight at most p connect the complete graph with uniform weights: log(n)/n.

    Source: Erdos and Renyi, On random graphs I (1959).
    """
    return np.array([_tree_weights(rng, n).max() for _ in range(trials)])


def _tree_weights(rng: Rng, n: int) -> Array:
    """Weights of the edges of the minimum spanning tree."""
    chance, pairs = min(1.0, _REACH * np.log(n) / n), n * (n - 1) // 2
    code = rng.geometric(chance, int(pairs * chance + 6 * np.sqrt(pairs * chance)) + 6).cumsum() - 1
    code = code[code < pairs]
    j = np.floor((1 + np.sqrt(1 + 8.0 * code)) / 2).astype(np.int64)
    i, weights = code - j * (j - 1) // 2, chance * (1 - rng.random(len(code)))
    tree = np.empty(0)
    for share in (0.25, 1.0):  # the lightest edges mostly hold the tree, which then is that of all
        kept = weights <= share * chance
        graph = sparse.csr_matrix((weights[kept], (i[kept], j[kept])), shape=(n, n))
        tree = np.asarray(csgraph.minimum_spanning_tree(graph).data)
        if len(tree) == n - 1:
            break
    return tree


def walk_hull_perimeter(rng: Rng, n: int, trials: int) -> Array:
    """Perimeter of the convex hull of a plane walk of n standard Gaussian steps: sqrt(8 pi n).

    Mean sqrt(2 pi) sum k^(-1/2). Source: Spitzer and Widom, The circumference of a convex polygon (1961).
    """
    return np.array([hull.area for hull in _hulls(rng, n, trials)])


def walk_hull_area(rng: Rng, n: int, trials: int) -> Array:
    """Area of the convex hull of a plane walk of n standard Gaussian steps: pi n/2.

    Mean sum over i + j <= n of (i j)^(-1/2)/2. Source: Barndorff-Nielsen and Baxter, Combinatorial lemmas in higher
    dimensions (1963); El Bachir, L'enveloppe convexe du mouvement brownien (1983).
    """
    return np.array([hull.volume for hull in _hulls(rng, n, trials)])


def _hulls(rng: Rng, n: int, trials: int) -> list[spatial.ConvexHull]:
    steps = rng.standard_normal((trials, n, 2))
    return [spatial.ConvexHull(np.vstack([np.zeros(2), walk])) for walk in steps.cumsum(1)]


def gyration(rng: Rng, n: int, trials: int) -> Array:
    """Mean squared distance of the n + 1 sites of a walk on the cubic lattice from their centre: n/6.

    Mean n (n + 2)/(6 (n + 1)). Source: Debye, The intrinsic viscosity of polymer solutions (1946).
    """
    axis, sign = rng.integers(3, size=(trials, n)), rng.choice([-1, 1], (trials, n))
    total = np.zeros(trials)
    for along in range(3):
        total += np.pad(np.where(axis == along, sign, 0).cumsum(1), ((0, 0), (1, 0))).var(1)
    return total


def absolute_area(rng: Rng, n: int, trials: int) -> Array:
    """Sum of |S_1|, ..., |S_n| of the simple random walk: (2/3) sqrt(2/pi) n^(3/2).

    Source: Takacs, On the distribution of the integral of the absolute value of the Brownian motion (1993).
    """
    return np.asarray(np.abs(rng.choice([-1, 1], (trials, n)).cumsum(1)).sum(1), dtype=np.float64)


def transport_distance(rng: Rng, n: int, trials: int) -> Array:
    """Area between the distribution function of n uniforms and their law: sqrt(2 pi)/8 n^(-1/2).

    Source: del Barrio, Gine and Matran, Central limit theorems for the Wasserstein distance (1999); the integral of
    E|Brownian bridge|.
    """
    ends = np.pad(np.sort(rng.random((trials, n))), ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1)))
    level = np.arange(n + 1) / n
    left, right = ends[:, :-1] - level, ends[:, 1:] - level
    return np.asarray((right * np.abs(right) - left * np.abs(left)).sum(1) / 2)


def close_pairs(rng: Rng, n: int, trials: int) -> Array:
    """Pairs nearer than r = n^(-1/3) among n uniform points in the unit square: pi/2 n^(4/3), the boundary's share r.

    Mean binom(n, 2) (pi r^2 - 8 r^3/3 + r^4/2). Source: Penrose, Random Geometric Graphs (2003), 3.1.
    """
    r = n ** (-1 / 3)
    trees = (spatial.cKDTree(points) for points in rng.random((trials, n, 2)))
    return np.array([(tree.count_neighbors(tree, r) - n) / 2 for tree in trees])
