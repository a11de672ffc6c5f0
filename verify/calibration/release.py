"""Release families of synthetic instances: corrections that decay, on which no verdict was looked at before.

u = n/n_min. Powers, logarithms, saturation and crossover, as the guarantee says: each correction keeps its sign and
falls at every step. Forms and ranges of parameters were fixed before any of them was judged.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from bigtheta.verify.calibration.forms import Correction, Draw, Noise, between
from bigtheta.verify.calibration.instance import RELEASE, Array

__all__ = ["CORRECTIONS", "NOISES"]

Rng = np.random.Generator


def _single_power(rng: Rng, n: Array) -> Array:
    """1 + c u^-w, w from 0.3 to 2, c up to a half."""
    return np.asarray(1 + rng.uniform(-0.5, 0.5) * (n / n[0]) ** -rng.uniform(0.3, 2))


def _powers_of_one_sign(rng: Rng, n: Array) -> Array:
    """1 + c u^-v + d u^-w, c and d of the same sign and up to a quarter each, v and w from 0.3 to 2."""
    c = rng.choice([-1, 1]) * rng.uniform(0, 0.25, 2)
    return np.asarray(1 + (c * (n / n[0])[:, None] ** -rng.uniform(0.3, 2, 2)).sum(1))


def _logarithm_of_ratio(rng: Rng, n: Array) -> Array:
    """1 + c/(1 + log u)."""
    return np.asarray(1 + rng.uniform(-0.5, 0.5) / (1 + np.log(n / n[0])))


def _root_of_logarithm(rng: Rng, n: Array) -> Array:
    """1 + c sqrt(log n_min/log n)."""
    return np.asarray(1 + rng.uniform(-0.5, 0.5) * np.sqrt(np.log(n[0]) / np.log(n)))


def _exponential_saturation(rng: Rng, n: Array) -> Array:
    """1 - exp(-b u^w), from a half of its limit at n_min to 0.95."""
    return np.asarray(-np.expm1(-rng.uniform(0.7, 3) * (n / n[0]) ** rng.uniform(0.5, 1.2)))


def _error_function(rng: Rng, n: Array) -> Array:
    """erf(b u^w), from 0.6 of its limit at n_min to 0.995."""
    return np.asarray(special.erf(rng.uniform(0.6, 2) * (n / n[0]) ** rng.uniform(0.4, 1.2)))


def _any_crossover(rng: Rng, n: Array) -> Array:
    """(1 + (A/u)^s)^(p/s): from n^(a - p) to n^a around u = A, up to a factor 2.3 at n_min."""
    at, sharpness, power = rng.uniform(0.1, 2), rng.uniform(0.7, 3), rng.uniform(-0.6, 0.6)
    return np.asarray((1 + (at * n[0] / n) ** sharpness) ** (power / sharpness))


def _power_over_logarithm(rng: Rng, n: Array) -> Array:
    """1 + c u^-w/(1 + log u), w from 0.2 to 1."""
    c, w, u = rng.uniform(-0.5, 0.5), rng.uniform(0.2, 1), n / n[0]
    return np.asarray(1 + c * u**-w / (1 + np.log(u)))


CORRECTIONS = (
    Correction("any power", RELEASE, _single_power),
    Correction("powers of one sign", RELEASE, _powers_of_one_sign),
    Correction("1/(1 + log u)", RELEASE, _logarithm_of_ratio),
    Correction("sqrt(1/log n)", RELEASE, _root_of_logarithm),
    Correction("1 - exp(-b u^w)", RELEASE, _exponential_saturation),
    Correction("erf", RELEASE, _error_function),
    Correction("any crossover", RELEASE, _any_crossover),
    Correction("u^-w/(1 + log u)", RELEASE, _power_over_logarithm),
)


def _lognormal(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    sd = between(rng, 0.03, 0.5)
    return tuple(mean[:, None] * np.exp(sd * rng.standard_normal((len(mean), trials)) - sd**2 / 2)), 1.0


def _student(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    scale, degrees = between(rng, 0.03, 0.3), rng.uniform(4, 10)
    return tuple(mean[:, None] * np.exp(scale * rng.standard_t(degrees, (len(mean), trials)))), None


def _contaminated(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    """Lognormal of sd 0.03 to 0.3, but of 4 to 7 times that for 3% to 8% of the samples."""
    sd, share, factor = between(rng, 0.03, 0.3), rng.uniform(0.03, 0.08), rng.uniform(4, 7)
    wide = np.where(rng.random((len(mean), trials)) < share, factor, 1.0)
    return tuple(mean[:, None] * np.exp(sd * wide * rng.standard_normal(wide.shape))), None


def _poisson(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    """Counts, 8 to 150 of them in the mean at n_min; no zeros."""
    factor = between(rng, 8, 150) / mean[0]
    counts = rng.poisson((factor * mean)[:, None], (len(mean), trials))
    return tuple(np.maximum(counts, 1).astype(np.float64)), factor


def _gamma(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    shape = between(rng, 4, 200)
    return tuple(mean[:, None] * rng.gamma(shape, 1 / shape, (len(mean), trials))), 1.0


NOISES = (
    Noise("lognormal, sd to .5", RELEASE, _lognormal),
    Noise("Student t(4 to 10)", RELEASE, _student),
    Noise("contaminated 3% to 8%", RELEASE, _contaminated),
    Noise("Poisson from 8 on", RELEASE, _poisson, counts=True),
    Noise("gamma, shape from 4 on", RELEASE, _gamma),
)
