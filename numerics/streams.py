"""Random streams: a trial's numbers depend on its spec, sizes and index alone, never on batching, order or executor."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

__all__ = ["Role", "Streams", "digest"]


class Role(IntEnum):
    """What a stream is for. The numbers are part of the seeding and never change."""

    INPUTS = 0
    WEIGHTS = 1
    LABELS = 2
    TEST = 3
    SIGNAL = 4
    SEARCH = 5
    TARGET = 6
    OUTPUT = 7
    BATCHES = 8


def digest(text: str) -> tuple[int, ...]:
    """Return four 32-bit words of the SHA-256 of a text."""
    return tuple(np.frombuffer(hashlib.sha256(text.encode()).digest()[:16], dtype=">u4").tolist())


@dataclass(frozen=True)
class Streams:
    """The independent streams of one trial: SeedSequence(seed, spawn_key=(spec, sizes, trial, role)) into Philox.

    >>> streams = Streams(seed=1, spec="demo", sizes={"n": 5, "d": 3}, trial=0)
    >>> bool((streams.normal(Role.INPUTS, 5, 3) == streams.normal(Role.INPUTS, 5, 3)).all())
    True
    >>> bool((streams.normal(Role.INPUTS, 5, 3) == streams.normal(Role.TEST, 5, 3)).any())
    False
    """

    seed: int
    spec: str
    sizes: Mapping[str, int]
    trial: int

    def generator(self, role: Role) -> np.random.Generator:
        """Return a fresh generator of one role; the same call gives the same numbers."""
        sizes = tuple(self.sizes.get(name, 0) for name in ("n", "d", "k"))
        sequence = np.random.SeedSequence(self.seed, spawn_key=(*digest(self.spec), *sizes, self.trial, int(role)))
        return np.random.Generator(np.random.Philox(sequence))

    def normal(self, role: Role, *shape: int) -> Tensor:
        """Return i.i.d. N(0, 1), float64, on the CPU; the same numbers go to any device."""
        return torch.from_numpy(self.generator(role).standard_normal(shape))
