"""Stress families of synthetic instances: corrections that rise or stay flat before they decay, turn, or oscillate.

u = n/n_min. A verdict promises nothing about such corrections: over a decade and a half some cannot be told from
another exponent. The benchmark reports what happens with them; nothing is required. Each was a release family once, and
was found out by the verdicts on it.
"""

from __future__ import annotations

import numpy as np

from bigtheta.verify.calibration.forms import Correction, between
from bigtheta.verify.calibration.instance import STRESS, Array

__all__ = ["CORRECTIONS"]

Rng = np.random.Generator


def _logarithm_over_power(rng: Rng, n: Array) -> Array:
    """1 + c log(u)/u^omega: grows before it decays."""
    u = n / n[0]
    return np.asarray(1 + rng.uniform(-0.5, 0.5) * np.log(u) * u ** -rng.uniform(0.5, 1.5))


def _log_periodic(rng: Rng, n: Array) -> Array:
    """1 + c cos(2 pi log(n)/log(period) + phase), c up to 5%, the period a factor of 2 to 10; it never dies out."""
    period, phase = np.log(rng.uniform(2, 10)), rng.uniform(0, 2 * np.pi)
    return np.asarray(1 + rng.uniform(0.01, 0.05) * np.cos(2 * np.pi * np.log(n) / period + phase))


def _logarithm_of_one_more(rng: Rng, n: Array) -> Array:
    """1 + c log_2(1 + u)/u^w."""
    u = n / n[0]
    return np.asarray(1 + rng.uniform(-0.5, 0.5) * np.log2(1 + u) * u ** -rng.uniform(0.6, 1.2))


def _hump(rng: Rng, n: Array) -> Array:
    """1 + c (u^-a - u^-b)/peak: nothing at n_min, at most 30% where it is largest."""
    c, a, u = rng.uniform(-0.3, 0.3), rng.uniform(0.4, 1), n / n[0]
    b = a + rng.uniform(0.3, 1.5)
    at = (b / a) ** (1 / (b - a))
    return np.asarray(1 + c * (u**-a - u**-b) / (at**-a - at**-b))


def _bump(rng: Rng, n: Array) -> Array:
    """1 + c exp(-(log u - m)^2/(2 s^2)): a bump over the smallest sizes."""
    c, m, s = rng.uniform(-0.4, 0.4), rng.uniform(0, 1), rng.uniform(0.4, 1)
    return np.asarray(1 + c * np.exp(-(((np.log(n / n[0]) - m) / s) ** 2) / 2))


def _damped_cosine(rng: Rng, n: Array) -> Array:
    """1 + c u^-w cos(2 pi log u/log(period) + phase), the period a factor of 3 to 20."""
    c, w, u = rng.uniform(0.1, 0.5), rng.uniform(0.4, 1.2), n / n[0]
    period, phase = np.log(between(rng, 3, 20)), rng.uniform(0, 2 * np.pi)
    return np.asarray(1 + c * u**-w * np.cos(2 * np.pi * np.log(u) / period + phase))


CORRECTIONS = (
    Correction("log(u)/u^w", STRESS, _logarithm_over_power),
    Correction("log-periodic", STRESS, _log_periodic, converges=False),
    Correction("log(1 + u)/u^w", STRESS, _logarithm_of_one_more),
    Correction("hump", STRESS, _hump),
    Correction("bump", STRESS, _bump),
    Correction("damped cosine", STRESS, _damped_cosine),
)
