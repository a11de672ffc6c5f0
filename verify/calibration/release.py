"""Release families of synthetic instances: forms that no verdict was looked at on while the procedure was made.

u = n/n_min. Forms and ranges of parameters were fixed before any of them was judged. Powers, logarithms, saturation and
crossover each have more than one form; none is a form of `development`.
"""

from __future__ import annotations

import math

import numpy as np

from bigtheta.verify.calibration.forms import Correction, Draw, Noise, between
from bigtheta.verify.calibration.instance import RELEASE, Array

__all__ = ["CORRECTIONS", "NOISES"]

Rng = np.random.Generator


def _offset_power(rng: Rng, n: Array) -> Array:
    """1 + c ((1 + b)/(u + b))^w: a power of a size that is off by a constant."""
    c, b, w = rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 3), rng.uniform(0.4, 1.5)
    return np.asarray(1 + c * ((1 + b) / (n / n[0] + b)) ** w)


def _negative_power(rng: Rng, n: Array) -> Array:
    """(1 + b u^-w)^-p, up to a factor 1/2 below at n_min."""
    b, w, p = rng.uniform(0.1, 1), rng.uniform(0.4, 1.4), rng.uniform(0.25, 1)
    return np.asarray((1 + b * (n / n[0]) ** -w) ** -p)


def _root_of_squares(rng: Rng, n: Array) -> Array:
    """The root of n^2a + B n^2b, b below a by 0.25 to 0.8."""
    return np.asarray(np.sqrt(1 + rng.uniform(0.1, 1.2) * (n / n[0]) ** (-2 * rng.uniform(0.25, 0.8))))


def _offset_logarithm(rng: Rng, n: Array) -> Array:
    """1 + c (log n_min + k)/(log n + k), k from 1 to 6."""
    c, k = rng.uniform(-0.5, 0.5), rng.uniform(1, 6)
    return np.asarray(1 + c * (np.log(n[0]) + k) / (np.log(n) + k))


def _logarithm_of_one_more(rng: Rng, n: Array) -> Array:
    """1 + c log_2(1 + u)/u^w."""
    u = n / n[0]
    return np.asarray(1 + rng.uniform(-0.5, 0.5) * np.log2(1 + u) * u ** -rng.uniform(0.6, 1.2))


def _arctangent(rng: Rng, n: Array) -> Array:
    """(2/pi) arctan(b u^w), from a half of its limit at n_min to 0.84."""
    return np.asarray(2 / np.pi * np.arctan(rng.uniform(1, 4) * (n / n[0]) ** rng.uniform(0.4, 1.2)))


def _stretched_exponential(rng: Rng, n: Array) -> Array:
    """1 + c exp(1 - u^s), s from 0.3 to 1."""
    return np.asarray(1 + rng.uniform(-0.5, 0.5) * np.exp(1 - (n / n[0]) ** rng.uniform(0.3, 1)))


def _delayed(rng: Rng, n: Array) -> Array:
    """1 + c (1 + u0^-w)/(1 + (u/u0)^w): flat up to u0, from 1 to 6, and a power beyond."""
    c, at, w = rng.uniform(-0.5, 0.5), between(rng, 1, 6), rng.uniform(0.7, 2)
    return np.asarray(1 + c * (1 + at**-w) / (1 + (n / n[0] / at) ** w))


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
    Correction("c/(u + b)^w", RELEASE, _offset_power),
    Correction("(1 + b/u^w)^-p", RELEASE, _negative_power),
    Correction("root of squares", RELEASE, _root_of_squares),
    Correction("1/(log n + k)", RELEASE, _offset_logarithm),
    Correction("log(1 + u)/u^w", RELEASE, _logarithm_of_one_more),
    Correction("arctan", RELEASE, _arctangent),
    Correction("stretched exponential", RELEASE, _stretched_exponential),
    Correction("delayed power", RELEASE, _delayed),
    Correction("hump", RELEASE, _hump),
    Correction("bump", RELEASE, _bump),
    Correction("damped cosine", RELEASE, _damped_cosine),
)


def _weibull(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    """Shape 1.2 (nearly exponential) to 30."""
    shape = between(rng, 1.2, 30)
    unit = math.gamma(1 + 1 / shape)
    return tuple(m * rng.weibull(shape, trials) / unit for m in mean), 1.0


def _uniform(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    """A factor uniform on 1 - r to 1 + r, r up to 0.9."""
    r = between(rng, 0.05, 0.9)
    return tuple(m * rng.uniform(1 - r, 1 + r, trials) for m in mean), 1.0


def _two_modes(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    """Two narrow lognormal modes, one up to 3 times the other, with shares from 0.2 to 0.8."""
    ratio, share, sd = between(rng, 1.1, 3), rng.uniform(0.2, 0.8), between(rng, 0.01, 0.1)
    unit = (share + (1 - share) * ratio) * np.exp(sd**2 / 2)
    shape = (len(mean), trials)
    mode = np.where(rng.random(shape) < share, 1.0, ratio)
    return tuple(mean[:, None] * mode * np.exp(sd * rng.standard_normal(shape)) / unit), 1.0


def _log_logistic(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    """exp(s times a logistic variable): a power tail of index 1/s, 4 or more."""
    s = between(rng, 0.02, 0.25)
    unit = np.pi * s / np.sin(np.pi * s)
    return tuple(m * np.exp(rng.logistic(0, s, trials)) / unit for m in mean), 1.0


def _narrowing(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    """Gamma, its sd relative to the mean shrinking as u^-k, k up to 1/4."""
    spread = between(rng, 0.05, 0.8) * (n / n[0]) ** -rng.uniform(0, 0.25)
    return tuple(m * rng.gamma(s**-2, s**2, trials) for m, s in zip(mean, spread, strict=True)), 1.0


def _binomial(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    """Successes among as many tries as the mean needs, with chances 0.1 to 0.7; no zeros."""
    factor, chance = between(rng, 5, 200) / mean.min(), rng.uniform(0.1, 0.7)
    tries = np.ceil(factor * mean / chance).astype(np.int64)
    counts = rng.binomial(tries[:, None], (factor * mean / tries)[:, None], (len(mean), trials))
    return tuple(np.maximum(counts, 1).astype(np.float64)), factor


NOISES = (
    Noise("Weibull", RELEASE, _weibull),
    Noise("uniform", RELEASE, _uniform),
    Noise("two modes", RELEASE, _two_modes),
    Noise("log-logistic", RELEASE, _log_logistic),
    Noise("gamma, narrowing with n", RELEASE, _narrowing),
    Noise("binomial", RELEASE, _binomial, counts=True),
)
