"""The random objects of the calibration benchmark against exact means: a wrong generator fails here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
from scipy import integrate, optimize, special
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

from bigtheta.theory.statement import Statement
from bigtheta.verify.calibration import geometry, permutations
from bigtheta.verify.calibration.theorems import THEOREMS, Theorem

BY_NAME = {model.name: model for model in THEOREMS}
SQUARE = (2 + math.sqrt(2) + 5 * math.log(1 + math.sqrt(2))) / 15
"""Mean distance of two points in the unit square."""


def harmonic(n: int) -> float:
    return sum(1 / i for i in range(1, n + 1))


def over_permutations(n: int, value: Callable[[Sequence[int]], float]) -> float:
    return float(np.mean([value(p) for p in itertools.permutations(range(n))]))


def longest_increasing(p: Sequence[int]) -> int:
    best = [1] * len(p)
    for i, j in itertools.combinations(range(len(p)), 2):
        if p[i] < p[j]:
            best[j] = max(best[j], best[i] + 1)
    return max(best)


def cycle_lengths(p: Sequence[int]) -> list[int]:
    seen: set[int] = set()
    lengths = []
    for start in range(len(p)):
        length, at = 0, start
        while at not in seen:
            seen.add(at)
            at, length = p[at], length + 1
        lengths += [length] if length else []
    return lengths


def depths(p: Sequence[int]) -> list[int]:
    """Depths of the keys of a binary search tree into which they are inserted in this order."""
    found: dict[int, int] = {}
    for key in p:
        around = [max((q for q in found if q < key), default=None), min((q for q in found if q > key), default=None)]
        found[key] = 1 + max((found[q] for q in around if q is not None), default=-1)
    return list(found.values())


def over_walks(n: int, value: Callable[[np.ndarray], float]) -> float:
    return float(np.mean([value(np.cumsum([0, *steps])) for steps in itertools.product((-1, 1), repeat=n)]))


def head_run(tosses: Iterable[int]) -> int:
    return max((len(list(run)) for side, run in itertools.groupby(tosses) if side), default=0)


def prufer_height(code: Sequence[int], root: int) -> int:
    """Height of the labelled tree of a Prufer code from a root."""
    n = len(code) + 2
    degree = [1 + list(code).count(i) for i in range(n)]
    edges = []
    for node in code:
        leaf = degree.index(1)
        edges.append((leaf, node))
        degree[leaf] -= 1
        degree[node] -= 1
    edges.append(tuple(i for i in range(n) if degree[i] == 1))
    level, reached = 0, {root}
    while len(reached) < n:
        reached |= {b for a, b in edges if a in reached} | {a for a, b in edges if b in reached}
        level += 1
    return level


def over_graphs(n: int, p: float, value: Callable[[list[set[int]]], float]) -> float:
    """Mean over the graphs on n vertices, given the components."""
    pairs, mean = list(itertools.combinations(range(n), 2)), 0.0
    for present in itertools.product((0, 1), repeat=len(pairs)):
        parts = [{i} for i in range(n)]
        for (i, j), edge in zip(pairs, present, strict=True):
            if edge:
                joined = next(c for c in parts if i in c) | next(c for c in parts if j in c)
                parts = [c for c in parts if not c & joined] + [joined]
        mean += math.prod(p if edge else 1 - p for edge in present) * value(parts)
    return mean


EXACT: dict[str, tuple[int, Callable[[], float]]] = {
    "coupon collector": (12, lambda: 12 * harmonic(12)),
    "quicksort": (12, lambda: 2 * 13 * harmonic(12) - 4 * 12),
    "search tree height": (6, lambda: over_permutations(6, lambda p: max(depths(p)) + 1)),
    "birthday": (12, lambda: 1 + sum(math.perm(12, k) / 12**k for k in range(1, 13))),
    "increasing subsequence": (6, lambda: over_permutations(6, longest_increasing)),
    "longest cycle": (6, lambda: over_permutations(6, lambda p: max(cycle_lengths(p)))),
    "cycles": (6, lambda: over_permutations(6, lambda p: len(cycle_lengths(p)))),
    "inversions": (
        6,
        lambda: over_permutations(6, lambda p: sum(a > b for a, b in itertools.combinations(p, 2))),
    ),
    "exponential maximum": (7, lambda: harmonic(7)),
    "gaussian maximum": (5, lambda: 1.1629644736),  # Harter (1961)
    "walk maximum": (9, lambda: over_walks(9, lambda s: np.abs(s).max())),
    "walk range": (9, lambda: over_walks(9, lambda s: len(set(s)))),
    "walk returns": (9, lambda: over_walks(9, lambda s: (s == 0).sum())),
    "gaussian ensemble": (2, lambda: math.sqrt(math.pi / 2)),  # (a+b)/2 + a Rayleigh variable
    "wishart": (1, lambda: 2.0),
    "spanning tree": (2, lambda: SQUARE),
    "nearest neighbour": (2, lambda: SQUARE),
    "convex hull": (4, lambda: 4 - 35 / (12 * math.pi**2)),  # Sylvester's problem in the disc
    "isolated vertices": (
        5,
        lambda: over_graphs(5, geometry.ISOLATED_DEGREE / 5, lambda parts: sum(len(c) == 1 for c in parts)),
    ),
    "giant component": (5, lambda: over_graphs(5, geometry.GIANT_DEGREE / 5, lambda parts: max(map(len, parts)))),
    "tree height": (
        5,
        lambda: float(np.mean([prufer_height(c, r) for c in itertools.product(range(5), repeat=3) for r in range(5)])),
    ),
    "empty bins": (
        5,
        lambda: float(np.mean([5 - len(set(b)) for b in itertools.product(range(5), repeat=5)])),
    ),
    "head run": (9, lambda: float(np.mean([head_run(t) for t in itertools.product((0, 1), repeat=9)]))),
}


def test_every_model_has_an_exact_mean() -> None:
    assert set(EXACT) == set(BY_NAME)


@pytest.mark.parametrize("name", EXACT)
def test_the_sampler_has_the_exact_mean(name: str) -> None:
    n, exact = EXACT[name]
    values = BY_NAME[name].sampler(np.random.default_rng(7), n, 5000)
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert error > 0
    assert abs(values.mean() - exact()) < 4 * error
    assert 4 * error < 0.06 * exact(), "a generator off by 6% must be seen"


@pytest.mark.parametrize("model", THEOREMS, ids=lambda model: model.name)
def test_the_mean_tends_to_the_claimed_limit(model: Theorem) -> None:
    """The relative distance from constant * law falls from n = 40 to n = 2000."""
    law = Statement.parse(f"Theta({model.law})")
    gaps, errors = [], []
    for n, trials in ((40, 600), (2000, 60)):
        ratio = model.sampler(np.random.default_rng(3), n, trials) / law.value({"n": np.array([float(n)])})[0]
        gaps.append(abs(ratio.mean() / model.constant - 1))
        errors.append(ratio.std(ddof=1) / model.constant / math.sqrt(trials))
    assert gaps[1] < max(0.85 * gaps[0], 3 * errors[1])
    assert gaps[1] < 0.35
    assert errors[1] < 0.12


@pytest.mark.parametrize(
    ("sampler", "dense"),
    [
        (geometry.gaussian_ensemble, lambda a: np.linalg.eigvalsh((a[:, :8] + a[:, :8].swapaxes(1, 2)) / 2**0.5)),
        (geometry.wishart, lambda a: np.linalg.svd(a.swapaxes(1, 2), compute_uv=False) ** 2),
    ],
)
def test_tridiagonal_matrices_have_the_eigenvalues_of_dense_ones(sampler, dense) -> None:
    rng = np.random.default_rng(5)
    found, expected = sampler(rng, 8, 6000), dense(rng.standard_normal((6000, 16, 8))).max(1)
    spread = math.hypot(found.std(), expected.std()) / math.sqrt(6000)
    assert abs(found.mean() - expected.mean()) < 4 * spread
    assert abs(found.std() / expected.std() - 1) < 0.06


def test_spanning_tree_and_neighbours_agree_with_all_pairs() -> None:
    points = np.random.default_rng(1).random((60, 2))
    distances = cdist(points, points)
    assert geometry._tree_length(points) == pytest.approx(minimum_spanning_tree(distances).sum(), rel=1e-12)
    np.fill_diagonal(distances, np.inf)
    assert geometry._nearest(points) == pytest.approx(distances.min(1).mean(), rel=1e-12)


def test_increasing_subsequences_agree_with_the_quadratic_algorithm() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        p = rng.permutation(25).tolist()
        assert permutations._patience(p) == longest_increasing(p)


def test_constants_solve_their_equations() -> None:
    giant = optimize.brentq(lambda x: 1 - math.exp(-geometry.GIANT_DEGREE * x) - x, 0.1, 1)
    assert BY_NAME["giant component"].constant == pytest.approx(giant, abs=1e-6)
    height = optimize.brentq(lambda c: c * math.log(2 * math.e / c) - 1, 2.1, 10)
    assert BY_NAME["search tree height"].constant == pytest.approx(height, abs=1e-5)
    dickman = integrate.quad(lambda x: math.exp(-x - special.exp1(x)), 0, np.inf)[0]
    assert BY_NAME["longest cycle"].constant == pytest.approx(dickman, abs=1e-6)
    assert BY_NAME["convex hull"].constant == pytest.approx(3.3832, abs=1e-4)


def test_every_model_names_its_source() -> None:
    for model in THEOREMS:
        assert "Source:" in (model.sampler.__doc__ or "")
