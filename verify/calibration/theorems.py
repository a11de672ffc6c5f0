"""Theorem models: random objects whose exponent, and often whose limit, is proven. The samplers name the sources."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bigtheta.verify.calibration import allocations, extremes, geometry, permutations
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
    Theorem(RELEASE, allocations.triple_birthday, "n**(2/3)", 6 ** (1 / 3) * math.gamma(4 / 3)),
    Theorem(RELEASE, allocations.largest_load, "log(n)/log(log(n))", 1.0),
    Theorem(RELEASE, allocations.full_table, "n**(3/2)", math.sqrt(math.pi / 8)),
    Theorem(RELEASE, allocations.second_coupons, "n*log(n)", 1.0),
    Theorem(RELEASE, allocations.trie_height, "log(n)", 2 / math.log(2)),
    Theorem(RELEASE, allocations.mapping_components, "log(n)", 0.5),
    Theorem(RELEASE, allocations.recursive_tree_height, "log(n)", math.e),
    Theorem(RELEASE, allocations.bubble_sort_passes, "n", 1.0),
    Theorem(RELEASE, allocations.quickselect_minimum, "n", 2.0),
    Theorem(RELEASE, allocations.restaurant_tables, "n**(2/5)", 1 / math.gamma(1 + allocations.RESTAURANT)),
    Theorem(RELEASE, allocations.flooding, "log(n)/n", 2.0),
    Theorem(RELEASE, extremes.smallest_singular_value, "n**(-1/2)", 0.655680),
    Theorem(RELEASE, extremes.condition_number, "n", None),
    Theorem(RELEASE, extremes.log_determinant, "n*log(n)", 0.5),
    Theorem(RELEASE, extremes.kolmogorov_statistic, "n**(-1/2)", math.sqrt(math.pi / 2) * math.log(2)),
    Theorem(RELEASE, extremes.median_error, "n**(-1/2)", 1 / math.sqrt(2 * math.pi)),
    Theorem(RELEASE, extremes.closest_pair, "1/n", 1 / math.sqrt(2)),
    Theorem(RELEASE, extremes.largest_gap, "log(n)/n", 1.0),
    Theorem(RELEASE, extremes.largest_link, "sqrt(log(n)/n)", 1 / math.sqrt(math.pi)),
    Theorem(RELEASE, extremes.discrepancy, "sqrt(n*log(n))", math.sqrt(2)),
    Theorem(RELEASE, extremes.pareto_maximum, "n**(1/4)", math.gamma(1 - 1 / extremes.PARETO)),
    Theorem(RELEASE, extremes.gaussian_hull, "sqrt(log(n))", 2 * math.sqrt(2 * math.pi)),
    Theorem(RELEASE, extremes.maximal_points, "log(n)**2", 0.5),
    Theorem(RELEASE, extremes.critical_component, "n**(2/3)", None),
    Theorem(RELEASE, extremes.plane_walk_range, "n/log(n)", math.pi),
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
