"""The random objects of the calibration benchmark against exact means: a wrong generator fails here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist, pdist
from sympy import primefactors

from bigtheta.theory.statement import Statement
from bigtheta.verify.calibration import allocations, extremes, geometry, permutations, structures, trajectories
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


def survival(value: Callable[[float], float], upto: float) -> float:
    return float(integrate.quad(value, 0, upto, limit=400, epsabs=1e-10)[0])


def over_placements(n: int, value: Callable[[Sequence[int]], float]) -> float:
    return float(np.mean([value(places) for places in itertools.product(range(n), repeat=n)]))


def probing(places: Sequence[int]) -> int:
    """Total displacement of keys put one by one into the first free place from theirs on."""
    taken: set[int] = set()
    moved = 0
    for place in places:
        step = next(i for i in itertools.count() if (place + i) % len(places) not in taken)
        taken.add((place + step) % len(places))
        moved += step
    return moved


def components(image: Sequence[int]) -> int:
    """Cycles of a mapping, one in each component."""
    ends = set()
    for start in range(len(image)):
        at = start
        for _ in image:
            at = image[at]
        cycle, seen = at, []
        while cycle not in seen:
            seen.append(cycle)
            cycle = image[cycle]
        ends.add(min(seen))
    return len(ends)


def recursive_height(parents: Sequence[int]) -> int:
    depth = [0]
    for parent in parents:
        depth.append(depth[parent] + 1)
    return max(depth)


def bubble_passes(p: Sequence[int]) -> int:
    row, passes = list(p), 0
    while True:
        passes += 1
        swapped = False
        for i in range(len(row) - 1):
            if row[i] > row[i + 1]:
                row[i : i + 2], swapped = [row[i + 1], row[i]], True
        if not swapped:
            return passes


def lattice_sites(steps: Sequence[complex]) -> int:
    return len(set(np.cumsum([0, *steps]).tolist()))


def descending(p: Sequence[int]) -> int:
    return sum(a > b for a, b in itertools.pairwise(p))


def ascending_run(p: Sequence[int]) -> int:
    return max(j - i for i in range(len(p)) for j in range(i + 1, len(p) + 1) if descending(p[i:j]) == 0)


def contours(n: int) -> list[list[int]]:
    """Depths around every plane rooted tree of n nodes."""
    walks = [list(itertools.accumulate(s)) for s in itertools.product((-1, 1), repeat=2 * n - 2)]
    return [walk for walk in walks if min(walk) == walk[-1] == 0]


def path_length(contour: Sequence[int]) -> int:
    return sum(after for before, after in itertools.pairwise((0, *contour)) if after > before)


def jammed(n: int) -> float:
    return 1 + 2 / (n - 1) * sum(jammed(left) for left in range(n - 1)) if n > 1 else 0.0


def divisions(a: int, b: int) -> int:
    return 1 + divisions(b, a % b) if b else 0


def spread(steps: Sequence[tuple[int, int, int]]) -> float:
    return float(np.cumsum([(0, 0, 0), *steps], axis=0).var(0).sum())


def mean_area(n: int) -> float:
    """Mean area between the distribution function of n uniforms and the diagonal."""
    k = np.arange(n + 1)
    return survival(lambda t: float(stats.binom.pmf(k, n, t) @ abs(k / n - t)), 1)


UNIT_STEPS = [tuple(sign * int(i == j) for j in range(3)) for i in range(3) for sign in (1, -1)]


def absolute_sum(n: int) -> float:
    """Mean of the largest of n absolute sums of n signs."""
    below = [stats.binom.cdf((n + s) // 2, n, 0.5) - stats.binom.cdf((n - s - 1) // 2, n, 0.5) for s in range(n)]
    return float(sum(1 - b**n for b in below))


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
    "triple birthday": (12, lambda: survival(lambda t: 12 * (math.exp(-t) * (1 + t + t * t / 2)) ** 12, 40)),
    "largest load": (5, lambda: over_placements(5, lambda b: max(map(b.count, b)))),
    "full table": (5, lambda: over_placements(5, probing)),
    "second coupons": (12, lambda: survival(lambda t: 12 * (1 - (1 - (1 + t) * math.exp(-t)) ** 12), 60)),
    "trie height": (12, lambda: sum(1 - math.prod(max(1 - i / 2**k, 0) for i in range(12)) for k in range(60))),
    "mapping components": (5, lambda: over_placements(5, components)),
    "recursive tree height": (
        6,
        lambda: float(np.mean([recursive_height(p) for p in itertools.product(*map(range, range(1, 6)))])),
    ),
    "bubble sort passes": (6, lambda: over_permutations(6, bubble_passes)),
    "quickselect minimum": (12, lambda: 2 * 12 - 2 * harmonic(12)),
    "restaurant tables": (12, lambda: math.gamma(12.4) / math.gamma(12) / math.gamma(1.4)),
    "flooding": (12, lambda: 2 * harmonic(11) / 12),
    "smallest singular value": (1, lambda: math.sqrt(2 / math.pi)),
    "log determinant": (12, lambda: sum(special.digamma(k / 2) + math.log(2) for k in range(1, 13)) / 2),
    "kolmogorov statistic": (12, lambda: survival(lambda d: float(stats.kstwo.sf(d, 12)), 1)),
    "median error": (
        12,
        lambda: (
            float(stats.beta(7, 6).expect(lambda u: abs(u - 0.5), lb=0, ub=0.5))
            + float(stats.beta(7, 6).expect(lambda u: abs(u - 0.5), lb=0.5, ub=1))
        ),
    ),
    "closest pair": (2, lambda: SQUARE),
    "largest gap": (12, lambda: harmonic(12) / 12),
    "largest link": (2, lambda: (math.sqrt(2) + math.log(1 + math.sqrt(2))) / 6),  # on the torus
    "discrepancy": (12, lambda: absolute_sum(12)),
    "pareto maximum": (12, lambda: math.gamma(3 / 4) * math.gamma(13) / math.gamma(12.75)),
    "gaussian hull": (4, lambda: 4 - 2 / math.pi * (3 * math.acos(1 / 3) - math.pi)),  # a tetrahedron's shadow
    "maximal points": (12, lambda: sum(harmonic(k) / k for k in range(1, 13))),
    "critical component": (5, lambda: over_graphs(5, 1 / 5, lambda parts: max(map(len, parts)))),
    "plane walk range": (
        5,
        lambda: float(np.mean([lattice_sites(s) for s in itertools.product((1, -1, 1j, -1j), repeat=5)])),
    ),
    "descents": (6, lambda: over_permutations(6, descending)),
    "displacement": (6, lambda: over_permutations(6, lambda p: sum(abs(a - i) for i, a in enumerate(p)))),
    "ascending run": (6, lambda: over_permutations(6, ascending_run)),
    "prefix maxima": (6, lambda: over_permutations(6, lambda p: 6 + sum(itertools.accumulate(p, max)))),
    "recursive tree leaves": (
        6,
        lambda: float(np.mean([6 - len(set(p)) for p in itertools.product(*map(range, range(1, 6)))])),
    ),
    "trie path length": (12, lambda: 12 * sum(1 - (1 - 2.0**-k) ** 11 for k in range(60))),
    "plane tree height": (6, lambda: float(np.mean([max(c) for c in contours(6)]))),
    "plane tree path length": (6, lambda: float(np.mean([path_length(c) for c in contours(6)]))),
    "root degree": (12, lambda: math.gamma(11.5) / math.gamma(11) / math.gamma(1.5)),
    "jammed pairs": (12, lambda: jammed(12)),
    "division steps": (12, lambda: float(np.mean([divisions(a, b) for a in range(1, 13) for b in range(1, 13)]))),
    "prime divisors": (30, lambda: float(np.mean([len(primefactors(m)) for m in range(2, 31)]))),
    "complete graph tree": (4, lambda: 31 / 35),
    "connection threshold": (3, lambda: 1 / 2),  # the median of three
    "walk hull perimeter": (12, lambda: math.sqrt(2 * math.pi) * sum(k**-0.5 for k in range(1, 13))),
    "walk hull area": (12, lambda: sum((i * j) ** -0.5 / 2 for i in range(1, 12) for j in range(1, 13 - i))),
    "gyration": (4, lambda: float(np.mean([spread(s) for s in itertools.product(UNIT_STEPS, repeat=4)]))),
    "absolute area": (9, lambda: over_walks(9, lambda s: np.abs(s).sum())),
    "transport distance": (12, lambda: mean_area(12)),
    "close pairs": (12, lambda: 66 * (math.pi * 12 ** (-2 / 3) - 8 / 3 / 12 + 12 ** (-4 / 3) / 2)),
}
WITHOUT_MEAN = {"condition number"}
SLOW = {"spanning tree", "complete graph tree", "connection threshold", "close pairs", "walk hull area"}
HARDLY_CONVERGES = {"largest load", "ascending run"}


def test_every_model_has_an_exact_mean() -> None:
    assert set(EXACT) | WITHOUT_MEAN == set(BY_NAME)


@pytest.mark.parametrize("name", EXACT)
def test_the_sampler_has_the_exact_mean(name: str) -> None:
    n, exact = EXACT[name]
    values = BY_NAME[name].sampler(np.random.default_rng(7), n, 1500 if name in SLOW else 5000)
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert error > 0
    assert abs(values.mean() - exact()) < 4 * error
    assert 4 * error < 0.06 * exact(), "a generator off by 6% must be seen"


def ratios(model: Theorem, n: int, trials: int) -> np.ndarray:
    """Samples over the law."""
    law = Statement.parse(f"Theta({model.law})")
    return model.sampler(np.random.default_rng(3), n, trials) / law.value({"n": np.array([float(n)])})[0]


@pytest.mark.parametrize(
    "model", [m for m in THEOREMS if m.constant and m.name not in HARDLY_CONVERGES], ids=lambda model: model.name
)
def test_the_mean_tends_to_the_claimed_limit(model: Theorem) -> None:
    """The relative distance from constant * law falls from n = 40 to n = 2000."""
    gaps, errors = [], []
    for n, trials in ((40, 600), (2000, 60)):
        ratio = ratios(model, n, trials)
        gaps.append(abs(ratio.mean() / model.constant - 1))
        errors.append(ratio.std(ddof=1) / model.constant / math.sqrt(trials))
    assert gaps[1] < max(0.85 * gaps[0], 3 * errors[1])
    assert gaps[1] < 0.4
    assert errors[1] < 0.12


@pytest.mark.parametrize("model", [m for m in THEOREMS if not m.constant], ids=lambda model: model.name)
def test_without_a_limit_the_geometric_mean_keeps_the_order(model: Theorem) -> None:
    small, large = (np.log(ratios(model, n, trials)) for n, trials in ((40, 400), (2000, 100)))
    error = math.hypot(small.std() / 20, large.std() / 10)
    assert abs(large.mean() - small.mean()) < 0.1 + 3 * error
    assert error < 0.15


def test_the_condition_number_has_edelmans_means() -> None:
    """Its logarithm: pi/2 at n = 2, from P(K > x) = 2x/(x^2 + 1), and log n + 1.537 for large n."""
    for n, expected, trials in ((2, math.pi / 2, 4000), (300, math.log(300) + 1.537, 200)):
        logs = np.log(extremes.condition_number(np.random.default_rng(11), n, trials))
        assert abs(logs.mean() - expected) < 4 * logs.std() / math.sqrt(trials)


@pytest.mark.parametrize("n", [100, 3000])
def test_the_largest_load_is_near_gonnets(n: int) -> None:
    root = optimize.brentq(lambda x: special.gammaln(x + 1.5) - math.log(n), 1, 20)
    assert abs(allocations.largest_load(np.random.default_rng(4), n, 500).mean() - root) < 0.25


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


def test_bidiagonal_matrices_have_the_extreme_singular_values_of_dense_ones() -> None:
    rng = np.random.default_rng(6)
    dense = np.linalg.svd(rng.standard_normal((2500, 6, 6)), compute_uv=False)
    pairs = [
        (extremes.smallest_singular_value(rng, 6, 2500), dense[:, -1]),
        (np.log(extremes.condition_number(rng, 6, 2500)), np.log(dense[:, 0] / dense[:, -1])),
        (extremes.log_determinant(rng, 6, 2500), np.log(dense).sum(1)),
    ]
    for found, expected in pairs:
        assert stats.ks_2samp(found, expected).pvalue > 1e-3


def test_points_agree_with_all_pairs() -> None:
    rng = np.random.default_rng(12)
    for _ in range(20):
        points = rng.random((40, 3))
        beaten = (points[:, None] > points[None]).all(-1).any(0)
        falling = points[points[:, 2].argsort()[::-1], :2].tolist()
        assert extremes._maximal(falling) == (~beaten).sum()
        flat = points[points[:, 0].argsort(), :2]
        assert extremes._closest(flat[None])[0] == pytest.approx(pdist(flat).min(), rel=1e-12)
        offsets = abs(flat[:, None] - flat[None])
        around = np.hypot(*np.moveaxis(np.minimum(offsets, 1 - offsets), -1, 0)) + np.diag(np.full(40, np.inf))
        assert extremes._link(flat) == pytest.approx(around.min(1).max(), rel=1e-12)


def test_light_edges_hold_the_tree_of_the_complete_graph() -> None:
    """At n = 60 only edges lighter than 6 log(n)/n are drawn; all edges give trees of the same weights."""
    rng, n = np.random.default_rng(13), 60
    dense = [minimum_spanning_tree(np.triu(1 - rng.random((n, n)), 1)).data for _ in range(400)]
    light = [trajectories._tree_weights(rng, n) for _ in range(400)]
    assert {len(weights) for weights in light} == {n - 1}
    for of in (np.sum, np.max):
        assert stats.ks_2samp([of(w) for w in light], [of(w) for w in dense]).pvalue > 1e-3


def test_the_longest_ascending_run_is_where_its_law_says() -> None:
    """About n/k! runs are of k elements or more, so that the mean is near the k at which that is 1."""
    root = optimize.brentq(lambda k: special.gammaln(k + 1) - math.log(3000), 1, 20)
    assert abs(structures.ascending_run(np.random.default_rng(4), 3000, 300).mean() - root) < 0.6


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
    density = integrate.quad(lambda s: s * (1 + s) * math.exp(-s - s * s / 2), 0, np.inf)[0]
    assert BY_NAME["smallest singular value"].constant == pytest.approx(density, abs=1e-6)
    assert BY_NAME["convex hull"].constant == pytest.approx(3.3832, abs=1e-4)


def test_every_model_names_its_source() -> None:
    for model in THEOREMS:
        assert "Source:" in (model.sampler.__doc__ or "")
