"""An instance of the benchmark: samples by size, and the truth about them.

Families are split: those of `DEVELOPMENT` were in use while the procedure was made, those of `RELEASE` only check it.
A release family on which the procedure was changed joins development, and a new edition of release is written. Those of
`STRESS` are outside of what a verdict promises: rates on them are reported, none is required.
Each instance has a random stream of its own, keyed by seed, split, family and index, so that it is the same whatever
else is run.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "DEVELOPMENT", "LIMITS", "ONE_SIDED", "ORDERS", "RELEASE", "SPLITS", "STRESS", "Instance", "design", "stream",
]  # fmt: skip

Array = npt.NDArray[np.float64]

DEVELOPMENT, RELEASE, STRESS = "development", "release", "stress"
SPLITS = (DEVELOPMENT, RELEASE, STRESS)
EDITION = 3
"""Of the release families; every edition has random streams of its own."""

ORDERS, ONE_SIDED, LIMITS = "orders", "one-sided", "limits"
"""What is claimed: Theta; Omega or O; Limit."""

STARTS = (20, 32, 50, 64, 100)
CELLS = (5, 8)
DECADES = (1.0, 1.6)
TRIALS = (10, 50)


@dataclass(frozen=True)
class Instance:
    """Samples of a quantity whose law is known.

    Attributes:
        kind: "synthetic", "theorem" or "stress".
        family: the form of the finite-size correction, or the theorem.
        noise: the law of the noise; for theorems, that of the random object itself.
        law: formula in n of the exact order, such as "n*log(n)".
        constant: limit of (mean of the quantity)/law, or None where none is claimed.
        side: +1 or -1, the side to which false claims are off; a one-sided claim is Omega for +1 and O for -1, so that
            to this side it is false.
        asked: which kinds of claims are put to it.
    """

    kind: str
    family: str
    noise: str
    split: str
    law: str
    sizes: Array
    samples: tuple[Array, ...]
    constant: float | None
    side: int
    asked: tuple[str, ...]


def stream(seed: int, split: str, family: str, index: int) -> np.random.Generator:
    """Return the instance's own stream of random numbers.

    >>> a, b = stream(0, "release", "shift", 3), stream(0, "release", "shift", 3)
    >>> a.random() == b.random()
    True
    """
    key = (zlib.crc32(f"{split}/{family}".encode()), index, EDITION)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))


def design(rng: np.random.Generator) -> tuple[Array, int]:
    """Draw sizes (5 to 8 over 1 to 1.6 decades, from 20, 32, 50, 64 or 100 on) and a number of trials, 10 to 50."""
    cells = int(rng.integers(CELLS[0], CELLS[1] + 1))
    start, decades = int(rng.choice(STARTS)), rng.uniform(*DECADES)
    sizes = np.round(start * 10 ** (decades * np.arange(cells) / (cells - 1)))
    return sizes, int(rng.integers(TRIALS[0], TRIALS[1] + 1))
