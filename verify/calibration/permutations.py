"""Random permutations, trees and counts: theorem models of the benchmark, vectorised over trials.

Each sampler takes (rng, n, trials) and returns one number a trial; its docstring states the theorem and its source.
"""

from __future__ import annotations

import bisect

import numpy as np

from bigtheta.verify.calibration.instance import Array

__all__ = [
    "birthday", "coupon_collector", "cycles", "empty_bins", "head_run", "increasing_subsequence", "inversions",
    "longest_cycle", "quicksort", "search_tree_height", "tree_height",
]  # fmt: skip

Rng = np.random.Generator


def coupon_collector(rng: Rng, n: int, trials: int) -> Array:
    """Draws until each of n coupons was seen: n log n; mean n H_n.

    Source: Erdos and Renyi, On a classical problem of probability theory (1961).
    """
    return np.asarray(rng.geometric((n - np.arange(n)) / n, (trials, n)).sum(1), dtype=np.float64)


def quicksort(rng: Rng, n: int, trials: int) -> Array:
    """Comparisons of quicksort on n keys: 2 n log n; mean 2(n+1)H_n - 4n.

    Source: Hoare, Quicksort (1962); Knuth, The Art of Computer Programming 3, 5.2.2.
    """
    return _splits(rng, n, trials)[0]


def search_tree_height(rng: Rng, n: int, trials: int) -> Array:
    """Levels of a binary search tree of n random keys: c log n, c = 4.31107 the root > 2 of c log(2e/c) = 1.

    The next term is -1.953 log log n. Source: Devroye, A note on the height of binary search trees (1986); Reed, The
    height of a random binary search tree (2003).
    """
    return _splits(rng, n, trials)[1]


def _splits(rng: Rng, n: int, trials: int) -> tuple[Array, Array]:
    """Split n keys at random ranks till nothing is left: the comparisons, and the levels, of each trial."""
    size, trial = np.full(trials, n), np.arange(trials)
    comparisons, levels = np.zeros(trials), np.zeros(trials)
    while size.size:
        comparisons += np.bincount(trial, size - 1, trials)
        levels[np.unique(trial)] += 1
        left = rng.integers(size)
        size, trial = np.concatenate([left, size - 1 - left]), np.concatenate([trial, trial])
        size, trial = size[size > 0], trial[size > 0]
    return comparisons, levels


def birthday(rng: Rng, n: int, trials: int) -> Array:
    """Draws with replacement from n until one repeats: sqrt(pi n/2), by inversion of P(T > k) = prod (1 - i/n).

    Source: Flajolet, Grabner, Kirschenhofer and Prodinger, On Ramanujan's Q-function (1995).
    """
    survival = np.cumprod(1 - np.arange(n) / n)
    return np.asarray(1.0 + (survival[None, :] > rng.random((trials, 1))).sum(1))


def increasing_subsequence(rng: Rng, n: int, trials: int) -> Array:
    """Longest increasing subsequence of a random permutation of n: 2 sqrt(n).

    Source: Logan and Shepp (1977), Vershik and Kerov (1977); Baik, Deift and Johansson (1999) for the fluctuations.
    """
    return np.array([_patience(rng.permutation(n).tolist()) for _ in range(trials)], dtype=np.float64)


def _patience(values: list[int]) -> int:
    """Longest increasing subsequence, by patience sorting."""
    tops: list[int] = []
    for value in values:
        at = bisect.bisect_left(tops, value)
        tops[at : at + 1] = [value]
    return len(tops)


def longest_cycle(rng: Rng, n: int, trials: int) -> Array:
    """Longest cycle of a random permutation of n: 0.624330 n, Golomb's and Dickman's constant.

    The cycle of the least element left has uniform length. Source: Shepp and Lloyd, Ordered cycle lengths (1966).
    """
    left, longest = np.full(trials, n), np.zeros(trials)
    while (left > 0).any():
        length = np.where(left > 0, rng.integers(1, np.maximum(left, 1) + 1), 0)
        longest = np.maximum(longest, length)
        left = left - length
    return longest


def cycles(rng: Rng, n: int, trials: int) -> Array:
    """Cycles (or records) of a random permutation of n: log n; mean H_n.

    Source: Feller, An Introduction to Probability Theory 1, X.6; Renyi (1962) for records.
    """
    return np.asarray((rng.random((trials, n)) * np.arange(1, n + 1) < 1).sum(1), dtype=np.float64)


def inversions(rng: Rng, n: int, trials: int) -> Array:
    """Inversions of a random permutation of n: n^2/4; mean n(n-1)/4, as a sum of independent uniforms on 0..i.

    Source: Knuth, The Art of Computer Programming 3, 5.1.1.
    """
    return np.asarray(rng.integers(np.arange(1, n + 1), size=(trials, n)).sum(1), dtype=np.float64)


def tree_height(rng: Rng, n: int, trials: int) -> Array:
    """Height in edges of a random rooted labelled tree of n nodes: sqrt(2 pi n).

    Node i hangs on min(U, i-1), U uniform on 1..n, which after relabelling is a uniform tree (Aldous 1990). Source:
    Renyi and Szekeres, On the height of trees (1967).
    """
    depth, rows = np.zeros((trials, n), dtype=np.int64), np.arange(trials)
    drawn = rng.integers(n, size=(trials, n))
    for i in range(1, n):
        depth[:, i] = depth[rows, np.minimum(drawn[:, i], i - 1)] + 1
    return np.asarray(depth.max(1), dtype=np.float64)


def empty_bins(rng: Rng, n: int, trials: int) -> Array:
    """Empty bins after n balls into n bins: n/e; mean n (1 - 1/n)^n.

    Source: Kolchin, Sevastyanov and Chistyakov, Random Allocations (1978).
    """
    bins = rng.integers(n, size=(trials, n)) + n * np.arange(trials)[:, None]
    filled = np.bincount(bins.ravel(), minlength=n * trials) > 0
    return np.asarray(n - filled.reshape(trials, n).sum(1), dtype=np.float64)


def head_run(rng: Rng, n: int, trials: int) -> Array:
    """Longest run of heads in n tosses of a fair coin: log(n)/log 2, with a correction that oscillates.

    Source: Erdos and Renyi (1970); Gordon, Schilling and Waterman, An extreme value theory for long head runs (1986).
    """
    heads = rng.integers(2, size=(trials, n))
    total = heads.cumsum(1)
    before = np.maximum.accumulate(np.where(heads == 0, total, 0), axis=1)
    return np.asarray((total - before).max(1), dtype=np.float64)
