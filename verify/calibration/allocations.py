"""Balls, mappings, trees and searches: theorem models of the benchmark, vectorised over trials.

Each sampler takes (rng, n, trials) and returns one number a trial; its docstring states the theorem and its source.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from bigtheta.verify.calibration.instance import Array

__all__ = [
    "bubble_sort_passes", "flooding", "full_table", "largest_load", "mapping_components", "quickselect_minimum",
    "recursive_tree_height", "restaurant_tables", "second_coupons", "trie_height", "triple_birthday",
]  # fmt: skip

Rng = np.random.Generator

RESTAURANT = 0.4
_BITS = 52


def triple_birthday(rng: Rng, n: int, trials: int) -> Array:
    """Draws with replacement from n until one was seen three times: 6^(1/3) Gamma(4/3) n^(2/3).

    The next term is 0.75 n^(1/3). Draws end at 8 n^(2/3), which fewer than e^-80 of the trials reach. Source: Klamkin
    and Newman, Extensions of the birthday surprise (1967).
    """
    count = min(2 * n + 1, math.ceil(8 * n ** (2 / 3)) + 2)
    value, at = np.divmod(np.sort(rng.integers(n, size=(trials, count)) * count + np.arange(count)), count)
    third = np.where(value[:, 2:] == value[:, :-2], at[:, 2:], count)
    return np.asarray(third.min(1) + 1, dtype=np.float64)


def largest_load(rng: Rng, n: int, trials: int) -> Array:
    """Balls in the fullest of n bins after n balls: log n/log log n, with corrections log log log n/log log n.

    Nearer by far is the root x of Gamma(x + 3/2) = n. Source: Gonnet, Expected length of the longest probe sequence in
    hash code searching (1981).
    """
    return np.asarray(_loads(rng, n, trials).max(1), dtype=np.float64)


def full_table(rng: Rng, n: int, trials: int) -> Array:
    """Total displacement of n keys in a table of n places by linear probing: sqrt(pi/8) n^(3/2).

    The keys that pass from place to place are a walk of steps load - 1 above its minimum. Source: Flajolet, Poblete and
    Viola, On the analysis of linear probing hashing (1998).
    """
    walk = (_loads(rng, n, trials) - 1).cumsum(1)
    return np.asarray(walk.sum(1) - n * walk.min(1), dtype=np.float64)


def _loads(rng: Rng, n: int, trials: int) -> Array:
    """Balls in each bin after n balls into n bins. Shape (trials, n)."""
    bins = rng.integers(n, size=(trials, n)) + n * np.arange(trials)[:, None]
    return np.asarray(np.bincount(bins.ravel(), minlength=n * trials).reshape(trials, n))


def second_coupons(rng: Rng, n: int, trials: int) -> Array:
    """Draws until each of n coupons was seen twice, in expectation given their Poisson times: n log n.

    Each coupon comes at rate 1, n draws a unit of time; the next term is n log log n. Mean
    n int 1 - (1 - (1 + t) e^-t)^n dt. Source: Newman and Shepp, The double dixie cup problem (1960).
    """
    return np.asarray(n * rng.standard_gamma(2.0, (trials, n)).max(1))


def trie_height(rng: Rng, n: int, trials: int) -> Array:
    """Bits that tell n random bit strings apart: 2 log(n)/log 2.

    P(at most k) = prod (1 - i 2^-k). Source: Devroye, A probabilistic analysis of the height of tries (1984).
    """
    keys = np.sort(rng.integers(2**_BITS, size=(trials, n)))
    nearest = (keys[:, 1:] ^ keys[:, :-1]).min(1)
    return np.asarray(_BITS - np.frexp(nearest.astype(np.float64))[1] + 1, dtype=np.float64)


def mapping_components(rng: Rng, n: int, trials: int) -> Array:
    """Components of the graph of a random mapping of n points to themselves: log(n)/2; next term (log 2 + gamma)/2.

    Source: Kruskal, The expected number of components under a random mapping function (1954).
    """
    nodes = np.arange(n * trials)
    image = rng.integers(n, size=n * trials) + nodes // n * n
    graph = sparse.coo_matrix((np.ones(len(nodes)), (nodes, image)), shape=(len(nodes), len(nodes)))
    count, label = csgraph.connected_components(graph, directed=False)
    trial_of = np.zeros(count, dtype=np.int64)
    trial_of[label] = nodes // n
    return np.bincount(trial_of, minlength=trials).astype(np.float64)


def recursive_tree_height(rng: Rng, n: int, trials: int) -> Array:
    """Height in edges of a random recursive tree of n nodes, each hung on a uniform earlier one: e log n.

    The next term is -(3/2) log log n. Source: Pittel, Note on the heights of random recursive trees (1994).
    """
    first = n * np.arange(trials)[:, None]
    parent = (first + (rng.random((trials, n)) * np.arange(n)).astype(np.int64)).ravel()
    depth = (parent != np.arange(n * trials)).astype(np.int64)
    reached = depth.reshape(trials, n).max()
    while reached > 0:  # each pass doubles the number of edges that a step goes up
        above = depth[parent]
        reached = above.max()
        depth, parent = depth + above, parent[parent]
    return np.asarray(depth.reshape(trials, n).max(1), dtype=np.float64)


def bubble_sort_passes(rng: Rng, n: int, trials: int) -> Array:
    """Passes of bubble sort over a random permutation of n: n - sqrt(pi n/2).

    One more than the largest number of greater elements before an element. Source: Knuth, The Art of Computer
    Programming 3, 5.2.2.
    """
    return np.asarray(rng.integers(np.arange(1, n + 1), size=(trials, n)).max(1) + 1, dtype=np.float64)


def quickselect_minimum(rng: Rng, n: int, trials: int) -> Array:
    """Comparisons of quickselect for the least of n keys: 2 n; mean 2 n - 2 H_n.

    Source: Knuth, Mathematical analysis of algorithms (1971); Hwang and Tsai, Quickselect and the Dickman function
    (2002).
    """
    size, comparisons = np.full(trials, n), np.zeros(trials)
    while (size > 1).any():
        comparisons += np.maximum(size - 1, 0)
        size = rng.integers(np.maximum(size, 1))
    return comparisons


def restaurant_tables(rng: Rng, n: int, trials: int) -> Array:
    """Tables taken by n guests of the Chinese restaurant process with alpha = 0.4, theta = 0: n^0.4/Gamma(1.4).

    The mean is Gamma(n + alpha)/Gamma(n)/Gamma(1 + alpha); the ratio stays random. Source: Pitman, Combinatorial
    Stochastic Processes (2006), 3.3.
    """
    tables, drawn = np.ones(trials), rng.random((n, trials))
    for guests in range(1, n):
        tables += drawn[guests] * guests < RESTAURANT * tables
    return tables


def flooding(rng: Rng, n: int, trials: int) -> Array:
    """Time to reach every node of a complete graph of n nodes whose edges take exponential times: 2 log(n)/n.

    From k nodes the next is reached at rate k (n - k); mean 2 H_(n-1)/n. Source: Janson, One, two and three times
    log n/n for paths in a complete graph with random weights (1999).
    """
    k = np.arange(1, n)
    return np.asarray((rng.exponential(size=(trials, n - 1)) / (k * (n - k))).sum(1))
