"""Permutations, trees, packings and integers: theorem models of the benchmark, vectorised over trials.

Each sampler takes (rng, n, trials) and returns one number a trial; its docstring states the theorem and its source.
"""

from __future__ import annotations

import numpy as np

from bigtheta.verify.calibration.instance import Array

__all__ = [
    "ascending_run", "descents", "displacement", "division_steps", "jammed_pairs", "plane_tree_height",
    "plane_tree_path_length", "prefix_maxima", "prime_divisors", "recursive_tree_leaves", "root_degree",
    "trie_path_length",
]  # fmt: skip

Rng = np.random.Generator
_BITS = 52


def descents(rng: Rng, n: int, trials: int) -> Array:
    """Places of a random permutation of n where it falls: n/2; mean (n - 1)/2.

    Source: Knuth, The Art of Computer Programming 3, 5.1.3.
    """
    values = rng.random((trials, n))
    return np.asarray((values[:, 1:] < values[:, :-1]).sum(1), dtype=np.float64)


def displacement(rng: Rng, n: int, trials: int) -> Array:
    """Sum of |p(i) - i| over a random permutation p of n: n^2/3; mean (n^2 - 1)/3.

    Source: Diaconis and Graham, Spearman's footrule as a measure of disarray (1977).
    """
    return np.asarray(np.abs(rng.random((trials, n)).argsort(1) - np.arange(n)).sum(1), dtype=np.float64)


def ascending_run(rng: Rng, n: int, trials: int) -> Array:
    """Longest run of consecutive ascents, in elements, of a random permutation: log n/log log n, slowly.

    A run of k is in about n/k! places. Source: Wolfowitz, Asymptotic distribution of runs up and down (1944); Pittel,
    Limiting behavior of a process of runs (1981).
    """
    values = rng.random((trials, n))
    falls = np.pad(values[:, 1:] < values[:, :-1], ((0, 0), (1, 0)), constant_values=True)
    starts = np.maximum.accumulate(np.where(falls, np.arange(n), 0), axis=1)
    return np.asarray((np.arange(n) - starts).max(1) + 1, dtype=np.float64)


def prefix_maxima(rng: Rng, n: int, trials: int) -> Array:
    """Sum over k of the largest of the first k elements of a random permutation of 1..n: n^2; next term -n log n.

    Mean (n + 1)(n + 1 - H_(n+1)), as the largest of k elements has mean k (n + 1)/(k + 1). Source: Renyi, On the theory
    of order statistics (1953).
    """
    ranks = rng.random((trials, n)).argsort(1) + 1.0
    return np.asarray(np.maximum.accumulate(ranks, axis=1).sum(1))


def recursive_tree_leaves(rng: Rng, n: int, trials: int) -> Array:
    """Leaves of a random recursive tree of n nodes, each hung on a uniform earlier one: n/2, exactly in the mean.

    Source: Na and Rapoport, Distribution of nodes of a tree by degree (1970).
    """
    parents = (rng.random((trials, n - 1)) * np.arange(1, n)).astype(np.int64) + n * np.arange(trials)[:, None]
    inner = np.bincount(parents.ravel(), minlength=n * trials).reshape(trials, n) > 0
    return np.asarray(n - inner.sum(1), dtype=np.float64)


def trie_path_length(rng: Rng, n: int, trials: int) -> Array:
    """Sum of the depths of n random bit strings in their trie: n log(n)/log 2; next term 1.33 n.

    A string is as deep as it takes to tell it from both neighbours in order. Mean n sum_k 1 - (1 - 2^-k)^(n-1). Source:
    Knuth, The Art of Computer Programming 3, 6.3.
    """
    keys = np.sort(rng.integers(2**_BITS, size=(trials, n)))
    depths = _BITS - np.frexp((keys[:, 1:] ^ keys[:, :-1]).astype(np.float64))[1] + 1
    padded = np.pad(depths, ((0, 0), (1, 1)))
    return np.asarray(np.maximum(padded[:, 1:], padded[:, :-1]).sum(1), dtype=np.float64)


def plane_tree_height(rng: Rng, n: int, trials: int) -> Array:
    """Height in edges of a random plane rooted tree of n nodes: sqrt(pi n); next term -3/2.

    Source: de Bruijn, Knuth and Rice, The average height of planted plane trees (1972).
    """
    return np.asarray(_contours(rng, n, trials).max(1), dtype=np.float64)


def plane_tree_path_length(rng: Rng, n: int, trials: int) -> Array:
    """Sum of the depths of the nodes of a random plane rooted tree: sqrt(pi)/2 n^(3/2); next term -n/2.

    Mean (n 4^(n-1)/binom(2n-2, n-1) - n)/2. Source: Knuth, The Art of Computer Programming 1, 2.3.4.5.
    """
    contour = _contours(rng, n, trials)
    rises = np.diff(contour, axis=1, prepend=0) > 0
    return np.asarray((contour * rises).sum(1), dtype=np.float64)


def _contours(rng: Rng, n: int, trials: int) -> Array:
    """Depths after each of 2 (n - 1) steps around a random plane tree: a shuffled walk, turned at its first minimum."""
    steps = 2 * (n - 1)
    up = rng.random((trials, steps + 1)).argsort(1) < n - 1  # n - 1 up, n down
    walk = np.where(up, 1, -1)
    turn = walk.cumsum(1).argmin(1)[:, None] + 1
    turned = np.take_along_axis(walk, (turn + np.arange(steps)) % (steps + 1), axis=1)
    return np.asarray(turned.cumsum(1))


def root_degree(rng: Rng, n: int, trials: int) -> Array:
    """Degree of the first of n nodes, each attached to an earlier one in proportion to its degree: 2 sqrt(n/pi).

    Mean Gamma(n - 1/2)/Gamma(n - 1)/Gamma(3/2); the ratio stays random. Source: Mori, The maximum degree of the
    Barabasi-Albert random tree (2005).
    """
    degree, drawn = np.ones(trials), rng.random((n, trials))
    for nodes in range(2, n):
        degree += drawn[nodes] * 2 * (nodes - 1) < degree
    return degree


def jammed_pairs(rng: Rng, n: int, trials: int) -> Array:
    """Pairs of neighbours put at random on n places in a row until no two free places adjoin: (1 - e^-2)/2 n.

    Source: Flory, Intramolecular reaction between neighboring substituents of vinyl polymers (1939); Page (1959).
    """
    size, trial, pairs = np.full(trials, n), np.arange(trials), np.zeros(trials)
    while size.size:
        pairs += np.bincount(trial, minlength=trials)
        left = rng.integers(size - 1)
        size, trial = np.concatenate([left, size - 2 - left]), np.concatenate([trial, trial])
        size, trial = size[size > 1], trial[size > 1]
    return pairs


def division_steps(rng: Rng, n: int, trials: int) -> Array:
    """Divisions of Euclid's algorithm on two uniform numbers of 1..n: 12 log(2)/pi^2 log n, next term a constant.

    Source: Heilbronn (1969), Dixon (1970); Norton, On the asymptotic analysis of the Euclidean algorithm (1990).
    """
    a, b = rng.integers(1, n + 1, size=(2, trials))
    steps = np.zeros(trials)
    while (b > 0).any():
        steps += b > 0
        a, b = np.where(b > 0, b, a), np.where(b > 0, a % np.maximum(b, 1), 0)
    return steps


def prime_divisors(rng: Rng, n: int, trials: int) -> Array:
    """Distinct primes that divide a uniform number of 2..n: log log n; next term 0.2615.

    Source: Hardy and Ramanujan, The normal number of prime factors of a number n (1917).
    """
    counts = np.zeros(n + 1)
    for p in range(2, n + 1):
        if counts[p] == 0:
            counts[p::p] += 1
    return np.asarray(counts[rng.integers(2, n + 1, size=trials)])
