"""Theorem models: random objects whose exponent, and often whose limit, is proven. The samplers name the sources."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bigtheta.verify.calibration import geometry, permutations
from bigtheta.verify.calibration.instance import DEVELOPMENT, RELEASE, Array, Instance, design, stream

__all__ = ["THEOREMS", "Theorem", "theorem"]


@dataclass(frozen=True)
class Theorem:
    """A random object of size n, and its law.

    Attributes:
        sampler: (rng, n, trials) to one number a trial; its docstring states the theorem and its source.
        law: formula of the order in n.
        constant: limit of mean/law.
    """

    split: str
    sampler: Callable[[np.random.Generator, int, int], Array]
    law: str
    constant: float

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
    Theorem(RELEASE, geometry.gaussian_ensemble, "sqrt(n)", 2.0),
    Theorem(RELEASE, geometry.wishart, "n", (1 + math.sqrt(2)) ** 2),
    Theorem(RELEASE, geometry.spanning_tree, "sqrt(n)", 0.6331),
    Theorem(RELEASE, geometry.nearest_neighbour, "n**(-1/2)", 0.5),
    Theorem(RELEASE, geometry.convex_hull, "n**(1/3)", _HULL),
    Theorem(RELEASE, geometry.isolated_vertices, "n", math.exp(-geometry.ISOLATED_DEGREE)),
    Theorem(RELEASE, geometry.giant_component, "n", 0.796812),
    Theorem(RELEASE, geometry.walk_range, "sqrt(n)", math.sqrt(8 / math.pi)),
    Theorem(RELEASE, geometry.walk_returns, "sqrt(n)", math.sqrt(2 / math.pi)),
    Theorem(RELEASE, permutations.search_tree_height, "log(n)", 4.31107),
    Theorem(RELEASE, permutations.longest_cycle, "n", 0.624330),
    Theorem(RELEASE, permutations.cycles, "log(n)", 1.0),
    Theorem(RELEASE, permutations.inversions, "n**2", 0.25),
    Theorem(RELEASE, permutations.tree_height, "sqrt(n)", math.sqrt(2 * math.pi)),
    Theorem(RELEASE, permutations.empty_bins, "n", math.exp(-1)),
    Theorem(RELEASE, permutations.head_run, "log(n)", 1 / math.log(2)),
)


def theorem(split: str, index: int, seed: int) -> Instance:
    """Draw one instance; consecutive indices go through the theorems of the split."""
    models = [model for model in THEOREMS if model.split == split]
    model = models[index % len(models)]
    rng = stream(seed, split, model.name, index)
    sizes, trials = design(rng)
    samples = tuple(model.sampler(rng, int(n), trials) for n in sizes)
    return Instance(
        kind="theorem", family=model.name, noise="its own", split=split, law=model.law, sizes=sizes, samples=samples,
        constant=model.constant, side=int(rng.choice([-1, 1])),
    )  # fmt: skip
