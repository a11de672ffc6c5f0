"""Theorem models: random objects whose exponent, and often whose limit, is proven. The samplers name the sources."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bigtheta.verify.calibration import allocations, extremes, geometry, permutations, structures, trajectories
from bigtheta.verify.calibration.instance import (
    DEVELOPMENT,
    LIMITS,
    ONE_SIDED,
    ORDERS,
    RELEASE,
    Array,
    Instance,
    design,
    stream,
)

__all__ = ["THEOREMS", "Theorem", "theorem"]


@dataclass(frozen=True)
class Theorem:
    """A random object of size n, and its law.

    Attributes:
        sampler: (rng, n, trials) to one number a trial; its docstring states the theorem and its source.
        law: formula of the order in n.
        constant: limit of mean/law; None if it has no closed form or the mean is infinite.
    """

    split: str
    sampler: Callable[[np.random.Generator, int, int], Array]
    law: str
    constant: float | None

    @property
    def name(self) -> str:
        """The sampler's name in words."""
        return self.sampler.__name__.replace("_", " ")


_HULL = 2 * math.pi ** (2 / 3) * math.gamma(5 / 3) * (2 / 3) ** (1 / 3)

THEOREMS = (
    Theorem(DEVELOPMENT, permutations.coupon_collector, "n*log(n)", 1.0),
    Theorem(DEVELOPMENT, permutations.quicksort, "n*log(n)", 2.0),
    Theorem(DEVELOPMENT, permutations.birthday, "sqrt(n)", math.sqrt(math.pi / 2)),
    Theorem(DEVELOPMENT, permutations.increasing_subsequence, "sqrt(n)", 2.0),
    Theorem(DEVELOPMENT, geometry.exponential_maximum, "log(n)", 1.0),
    Theorem(DEVELOPMENT, geometry.gaussian_maximum, "sqrt(log(n))", math.sqrt(2)),
    Theorem(DEVELOPMENT, geometry.walk_maximum, "sqrt(n)", math.sqrt(math.pi / 2)),
    Theorem(DEVELOPMENT, geometry.gaussian_ensemble, "sqrt(n)", 2.0),
    Theorem(DEVELOPMENT, geometry.wishart, "n", (1 + math.sqrt(2)) ** 2),
    Theorem(DEVELOPMENT, geometry.spanning_tree, "sqrt(n)", 0.6331),
    Theorem(DEVELOPMENT, geometry.nearest_neighbour, "n**(-1/2)", 0.5),
    Theorem(DEVELOPMENT, geometry.convex_hull, "n**(1/3)", _HULL),
    Theorem(DEVELOPMENT, geometry.isolated_vertices, "n", math.exp(-geometry.ISOLATED_DEGREE)),
    Theorem(DEVELOPMENT, geometry.giant_component, "n", 0.796812),
    Theorem(DEVELOPMENT, geometry.walk_range, "sqrt(n)", math.sqrt(8 / math.pi)),
    Theorem(DEVELOPMENT, geometry.walk_returns, "sqrt(n)", math.sqrt(2 / math.pi)),
    Theorem(DEVELOPMENT, permutations.search_tree_height, "log(n)", 4.31107),
    Theorem(DEVELOPMENT, permutations.longest_cycle, "n", 0.624330),
    Theorem(DEVELOPMENT, permutations.cycles, "log(n)", 1.0),
    Theorem(DEVELOPMENT, permutations.inversions, "n**2", 0.25),
    Theorem(DEVELOPMENT, permutations.tree_height, "sqrt(n)", math.sqrt(2 * math.pi)),
    Theorem(DEVELOPMENT, permutations.empty_bins, "n", math.exp(-1)),
    Theorem(DEVELOPMENT, permutations.head_run, "log(n)", 1 / math.log(2)),
    Theorem(DEVELOPMENT, allocations.triple_birthday, "n**(2/3)", 6 ** (1 / 3) * math.gamma(4 / 3)),
    Theorem(DEVELOPMENT, allocations.largest_load, "log(n)/log(log(n))", 1.0),
    Theorem(DEVELOPMENT, allocations.full_table, "n**(3/2)", math.sqrt(math.pi / 8)),
    Theorem(DEVELOPMENT, allocations.second_coupons, "n*log(n)", 1.0),
    Theorem(DEVELOPMENT, allocations.trie_height, "log(n)", 2 / math.log(2)),
    Theorem(DEVELOPMENT, allocations.mapping_components, "log(n)", 0.5),
    Theorem(DEVELOPMENT, allocations.recursive_tree_height, "log(n)", math.e),
    Theorem(DEVELOPMENT, allocations.bubble_sort_passes, "n", 1.0),
    Theorem(DEVELOPMENT, allocations.quickselect_minimum, "n", 2.0),
    Theorem(DEVELOPMENT, allocations.restaurant_tables, "n**(2/5)", 1 / math.gamma(1 + allocations.RESTAURANT)),
    Theorem(DEVELOPMENT, allocations.flooding, "log(n)/n", 2.0),
    Theorem(DEVELOPMENT, extremes.smallest_singular_value, "n**(-1/2)", 0.655680),
    Theorem(DEVELOPMENT, extremes.condition_number, "n", None),
    Theorem(DEVELOPMENT, extremes.log_determinant, "n*log(n)", 0.5),
    Theorem(DEVELOPMENT, extremes.kolmogorov_statistic, "n**(-1/2)", math.sqrt(math.pi / 2) * math.log(2)),
    Theorem(DEVELOPMENT, extremes.median_error, "n**(-1/2)", 1 / math.sqrt(2 * math.pi)),
    Theorem(DEVELOPMENT, extremes.closest_pair, "1/n", 1 / math.sqrt(2)),
    Theorem(DEVELOPMENT, extremes.largest_gap, "log(n)/n", 1.0),
    Theorem(DEVELOPMENT, extremes.largest_link, "sqrt(log(n)/n)", 1 / math.sqrt(math.pi)),
    Theorem(DEVELOPMENT, extremes.discrepancy, "sqrt(n*log(n))", math.sqrt(2)),
    Theorem(DEVELOPMENT, extremes.pareto_maximum, "n**(1/4)", math.gamma(1 - 1 / extremes.PARETO)),
    Theorem(DEVELOPMENT, extremes.gaussian_hull, "sqrt(log(n))", 2 * math.sqrt(2 * math.pi)),
    Theorem(DEVELOPMENT, extremes.maximal_points, "log(n)**2", 0.5),
    Theorem(DEVELOPMENT, extremes.critical_component, "n**(2/3)", None),
    Theorem(DEVELOPMENT, extremes.plane_walk_range, "n/log(n)", math.pi),
    Theorem(RELEASE, structures.descents, "n", 0.5),
    Theorem(RELEASE, structures.displacement, "n**2", 1 / 3),
    Theorem(RELEASE, structures.ascending_run, "log(n)/log(log(n))", 1.0),
    Theorem(RELEASE, structures.prefix_maxima, "n**2", 1.0),
    Theorem(RELEASE, structures.recursive_tree_leaves, "n", 0.5),
    Theorem(RELEASE, structures.trie_path_length, "n*log(n)", 1 / math.log(2)),
    Theorem(RELEASE, structures.plane_tree_height, "sqrt(n)", math.sqrt(math.pi)),
    Theorem(RELEASE, structures.plane_tree_path_length, "n**(3/2)", math.sqrt(math.pi) / 2),
    Theorem(RELEASE, structures.root_degree, "sqrt(n)", 2 / math.sqrt(math.pi)),
    Theorem(RELEASE, structures.jammed_pairs, "n", (1 - math.exp(-2)) / 2),
    Theorem(RELEASE, structures.division_steps, "log(n)", 12 * math.log(2) / math.pi**2),
    Theorem(RELEASE, structures.prime_divisors, "log(log(n))", 1.0),
    Theorem(RELEASE, trajectories.complete_graph_tree, "1", 1.2020569),
    Theorem(RELEASE, trajectories.connection_threshold, "log(n)/n", 1.0),
    Theorem(RELEASE, trajectories.walk_hull_perimeter, "sqrt(n)", math.sqrt(8 * math.pi)),
    Theorem(RELEASE, trajectories.walk_hull_area, "n", math.pi / 2),
    Theorem(RELEASE, trajectories.gyration, "n", 1 / 6),
    Theorem(RELEASE, trajectories.absolute_area, "n**(3/2)", 2 / 3 * math.sqrt(2 / math.pi)),
    Theorem(RELEASE, trajectories.transport_distance, "n**(-1/2)", math.sqrt(2 * math.pi) / 8),
    Theorem(RELEASE, trajectories.close_pairs, "n**(4/3)", math.pi / 2),
)


def theorem(split: str, index: int, seed: int) -> Instance:
    """Draw one instance; consecutive indices go through the theorems of the split. Every kind of claim is asked."""
    models = [model for model in THEOREMS if model.split == split]
    model = models[index % len(models)]
    rng = stream(seed, split, model.name, index)
    sizes, trials = design(rng)
    samples = tuple(model.sampler(rng, int(n), trials) for n in sizes)
    asked = (ORDERS, ONE_SIDED) if model.constant is None else (ORDERS, ONE_SIDED, LIMITS)
    return Instance(
        kind="theorem", family=model.name, noise="its own", split=split, law=model.law, sizes=sizes, samples=samples,
        constant=model.constant, side=int(rng.choice([-1, 1])), asked=asked,
    )  # fmt: skip
