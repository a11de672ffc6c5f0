"""Synthetic instances: n^a (1 + correction) with noise, the correction and the noise of many forms.

A correction is a factor that tends to 1 (one, of stress, oscillates for ever and stays within 5%), so that the exponent
a is exact; its size is bounded, its form and parameters are drawn for each instance. The forms are in `development`,
`release` and `stress`.
"""

from __future__ import annotations

from bigtheta.verify.calibration import development, release, stress
from bigtheta.verify.calibration.instance import (
    DEVELOPMENT,
    LIMITS,
    ONE_SIDED,
    ORDERS,
    STRESS,
    Instance,
    design,
    stream,
)

__all__ = ["CORRECTIONS", "NOISES", "synthetic"]

CORRECTIONS = development.CORRECTIONS + release.CORRECTIONS + stress.CORRECTIONS
NOISES = development.NOISES + release.NOISES


def synthetic(split: str, index: int, seed: int) -> Instance:
    """Draw one instance; consecutive indices go through the corrections, then through the noises, of the split.

    Stress instances have the noises of development. Counts get exponents >= 0: where a count dies out its geometric
    mean has no order. Beside its order, half of the instances are asked one-sided claims, half a limit.
    """
    corrections = [c for c in CORRECTIONS if c.split == split]
    noises = [z for z in NOISES if z.split == (DEVELOPMENT if split == STRESS else split)]
    correction, noise = corrections[index % len(corrections)], noises[index // len(corrections) % len(noises)]
    rng = stream(seed, split, f"{correction.name}/{noise.name}", index)
    sizes, trials = design(rng)
    few = split == DEVELOPMENT
    exponent = float(rng.choice(development.EXPONENTS)) if few else round(rng.uniform(-1, 2), 2)
    exponent = abs(exponent) if noise.counts else exponent
    mean = sizes**exponent * correction.factor(rng, sizes)
    samples, factor = noise.draw(rng, trials, mean, sizes)
    constant = factor if correction.converges else None
    side = int(rng.choice([-1, 1]))
    beside = LIMITS if constant is not None and rng.random() < 0.5 else ONE_SIDED
    return Instance(
        kind="stress" if split == STRESS else "synthetic", family=correction.name, noise=noise.name, split=split,
        law=f"n**({exponent:.12g})", sizes=sizes, samples=samples, constant=constant, side=side, asked=(ORDERS, beside),
    )  # fmt: skip
