"""Candidates: a law with one or more things changed, in an order that a seed alone decides.

First the law itself with each of its own activations; then one change at a time, the axes in turn; then, without end,
two or three changes drawn at random, half of the activations being random sums of He_1 ... He_4.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Law
from bigtheta.verify.refute.axes import Axis, Variant, changed, hermite_sum, variants

__all__ = ["Candidate", "candidates", "combined"]

_DEAR = (Axis.INPUTS, Axis.NETWORKS)
_PATIENCE = 400
"""Draws in a row that bring nothing new, after which there is nothing left to draw."""


@dataclass(frozen=True)
class Candidate:
    """A law, changed, with one activation; it may or may not hold.

    Attributes:
        origin: the law that is searched.
        law: the law as it is changed, with one activation.
        variants: the changes; none for the law itself.
    """

    origin: Law
    law: Law
    variants: tuple[Variant, ...]

    @property
    def activation(self) -> Activation:
        """The activation."""
        return activation(self.law.activations[0])

    @property
    def words(self) -> str:
        """The changes in words."""
        return ", ".join(variant.words for variant in self.variants) or "the law itself"

    @property
    def key(self) -> str:
        """Equal for two candidates that are the same experiment."""
        law = self.law
        parts = (law.model, law.inputs.canonical, law.labels.canonical)
        return f"{self.activation.key}|{law.path}|{msgspec.json.encode(parts).decode()}"


def combined(origin: Law, chosen: Sequence[Variant], act: str | Activation) -> Candidate:
    """Return a law with several changes, and the activation `act` if none of them is one.

    Raises:
        InvalidInputError: if it cannot be measured.
    """
    more: dict[str, Any] = {"activations": (act,)}
    limit = origin.limit
    for variant in chosen:
        limit = limit and variant.fields.get("limit", limit)
        more |= variant.fields
    return Candidate(origin, changed(origin, more | {"limit": limit}), tuple(chosen))


def candidates(law: Law, axes: Sequence[Axis], seed: int) -> Iterator[Candidate | str]:
    """Yield candidates without end, or until nothing new is drawn; for one that makes no law the reason, as text.

    Args:
        axes: what is varied.
        seed: of the random draws.

    >>> from bigtheta.theory.law import law as find
    >>> found = candidates(find("rf-kernel"), [Axis.ACTIVATIONS], 0)
    >>> [next(found).words for _ in range(4)]
    ['the law itself', 'the law itself', 'the law itself', 'activation square']
    """
    seen: set[str] = set()
    pools = {axis: list(variants(law, axis)) for axis in axes}
    own = list(law.activations)
    singles = list(_in_turn(pools))
    for chosen, act in [((), act) for act in own] + [((variant,), own[0]) for variant in singles]:
        yield from _made(law, chosen, act, seen)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    idle = 0
    while pools and idle < _PATIENCE:
        count = min(len(pools), int(rng.integers(1, 4)))
        some = [list(pools)[i] for i in sorted(rng.choice(len(pools), size=count, replace=False))]
        drawn = tuple(variant for axis in some if (variant := _drawn(pools[axis], axis, rng)) is not None)
        found = list(_made(law, drawn, own[int(rng.integers(len(own)))], seen))
        idle = 0 if found else idle + 1
        yield from found


def _in_turn(pools: Mapping[Axis, Sequence[Variant]]) -> Iterator[Variant]:
    """One variant of each axis in turn; one of those that are dear to simulate after every fourth of the others."""
    rows = [
        [v for row in itertools.zip_longest(*some) for v in row if v is not None]
        for some in (
            [pool for axis, pool in pools.items() if axis not in _DEAR],
            [pool for axis, pool in pools.items() if axis in _DEAR],
        )
    ]
    dear = iter(rows[1])
    for index, variant in enumerate(rows[0], start=1):
        yield variant
        if index % 4 == 0:
            yield from itertools.islice(dear, 1)
    yield from dear


def _made(law: Law, chosen: Sequence[Variant], act: str | Activation, seen: set[str]) -> Iterator[Candidate | str]:
    try:
        candidate = combined(law, chosen, act)
    except InvalidInputError as error:
        key, made = f"{[variant.words for variant in chosen]}", str(error)
        if key not in seen:
            seen.add(key)
            yield made
        return
    if candidate.key not in seen:
        seen.add(candidate.key)
        yield candidate


def _drawn(pool: Sequence[Variant], axis: Axis, rng: np.random.Generator) -> Variant | None:
    """One variant of a pool, or a random sum of He_j."""
    if axis is Axis.ACTIVATIONS and rng.random() < 0.5:
        degrees = sorted(rng.choice([1, 2, 3, 4], size=int(rng.integers(1, 4)), replace=False).tolist())
        terms: Mapping[int, int] = {int(j): int(rng.integers(-1, 2)) for j in degrees}
        if max(terms) > 1:
            act = hermite_sum(terms)
            return Variant(axis, f"activation {act.name}", {"activations": (act,)}, 100 + len(terms))
    return pool[int(rng.integers(len(pool)))] if pool else None
