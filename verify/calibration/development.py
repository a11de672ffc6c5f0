"""Development families of synthetic instances: forms that were in sight while the procedure was made.

u = n/n_min. Corrections from 1/log(n)^2 on, and laws of noise from a varying sd on, were release families once:
verdicts on them were looked at, the fit was changed on their account, and so they came here. Those from c/(u + b)^w and
from Weibull on are of the second edition of release.
"""

from __future__ import annotations

import math

import numpy as np

from bigtheta.verify.calibration.forms import Correction, Draw, Noise, between
from bigtheta.verify.calibration.instance import DEVELOPMENT, Array

__all__ = ["CORRECTIONS", "EXPONENTS", "NOISES"]

Rng = np.random.Generator

EXPONENTS = (-1 / 2, -1 / 3, 0.0, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1.0, 3 / 2, 2.0)


def _power(rng: Rng, n: Array) -> Array:
    omega, c = rng.choice([0.4, 0.5, 0.75, 1.0, 1.5]), rng.uniform(-0.5, 0.5)
    return np.asarray(1 + c * (n / n[0]) ** -omega)


def _two_powers(rng: Rng, n: Array) -> Array:
    omega, c, d = rng.uniform(0.4, 1.2), rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4)
    u = n / n[0]
    return np.asarray(1 + c * u**-omega + d * u ** (-2 * omega))


def _logarithm(rng: Rng, n: Array) -> Array:
    return np.asarray(1 + rng.uniform(-0.5, 0.5) * np.log(n[0]) / np.log(n))


def _saturating(rng: Rng, n: Array) -> Array:
    b, omega = rng.uniform(0, 1), rng.uniform(0.5, 1.5)
    return np.asarray(1 / (1 + b * (n / n[0]) ** -omega))


def _crossover(rng: Rng, n: Array) -> Array:
    at, power, sharpness = n[0] * 10 ** rng.uniform(-1, 0.5), rng.uniform(-0.5, 0.5), rng.choice([1, 2, 4])
    return np.asarray((1 + (at / n) ** sharpness) ** (power / sharpness))


def _cube_root(rng: Rng, n: Array) -> Array:
    return np.asarray(1 + rng.uniform(-0.4, 0.4) * (n / n[0]) ** (-1 / 3))


def _none(rng: Rng, n: Array) -> Array:
    return np.ones(len(n))


def _squared_logarithm(rng: Rng, n: Array) -> Array:
    return np.asarray(1 + rng.uniform(-0.5, 0.5) * (np.log(n[0]) / np.log(n)) ** 2)


def _iterated_logarithm(rng: Rng, n: Array) -> Array:
    """1 + c log log n/log n, relative to its value at n_min."""
    shape = np.log(np.log(n)) / np.log(n)
    return np.asarray(1 + rng.uniform(-0.5, 0.5) * shape / shape[0])


def _hyperbolic_tangent(rng: Rng, n: Array) -> Array:
    return np.asarray(np.tanh(rng.uniform(0.5, 1.5) * (n / n[0]) ** rng.uniform(0.5, 1.2)))


def _three_powers(rng: Rng, n: Array) -> Array:
    """Three powers of random exponents whose coefficients alternate in sign."""
    omega = np.sort(rng.uniform(0.4, 2, 3))
    c = rng.uniform(0, 0.4, 3) * np.array([1, -1, 1]) * rng.choice([-1, 1])
    return np.asarray(1 + (c * (n / n[0])[:, None] ** -omega).sum(1))


def _shifted(rng: Rng, n: Array) -> Array:
    """(n + m)^p in place of n^p, m from -n_min/2 to n_min."""
    shift, power = n[0] * rng.uniform(-0.5, 1), rng.uniform(0.25, 1.5) * rng.choice([-1, 1])
    return np.asarray((1 + shift / n) ** power)


def _root(rng: Rng, n: Array) -> Array:
    return np.asarray(np.sqrt(1 + rng.uniform(-0.6, 1.5) * n[0] / n))


def _second_power(rng: Rng, n: Array) -> Array:
    """n^a + B n^b with b below a by 0.3 to 1."""
    return np.asarray(1 + rng.uniform(0.1, 0.8) * (n / n[0]) ** -rng.uniform(0.3, 1.0))


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


CORRECTIONS = (
    Correction("power", DEVELOPMENT, _power),
    Correction("two powers", DEVELOPMENT, _two_powers),
    Correction("1/log n", DEVELOPMENT, _logarithm),
    Correction("saturating", DEVELOPMENT, _saturating),
    Correction("crossover", DEVELOPMENT, _crossover),
    Correction("n^(-1/3)", DEVELOPMENT, _cube_root),
    Correction("none", DEVELOPMENT, _none),
    Correction("1/log(n)^2", DEVELOPMENT, _squared_logarithm),
    Correction("log log n/log n", DEVELOPMENT, _iterated_logarithm),
    Correction("tanh", DEVELOPMENT, _hyperbolic_tangent),
    Correction("three powers", DEVELOPMENT, _three_powers),
    Correction("shift n + m", DEVELOPMENT, _shifted),
    Correction("sqrt(1 + c/n)", DEVELOPMENT, _root),
    Correction("n^a + B n^b", DEVELOPMENT, _second_power),
    Correction("c/(u + b)^w", DEVELOPMENT, _offset_power),
    Correction("(1 + b/u^w)^-p", DEVELOPMENT, _negative_power),
    Correction("root of squares", DEVELOPMENT, _root_of_squares),
    Correction("1/(log n + k)", DEVELOPMENT, _offset_logarithm),
    Correction("arctan", DEVELOPMENT, _arctangent),
    Correction("stretched exponential", DEVELOPMENT, _stretched_exponential),
    Correction("delayed power", DEVELOPMENT, _delayed),
)


def _lognormal(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    sd = between(rng, 0.03, 0.8)
    return tuple(m * np.exp(sd * rng.standard_normal(trials) - sd**2 / 2) for m in mean), 1.0


def _student_4(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    scale = between(rng, 0.03, 0.4)
    return tuple(m * np.exp(scale * rng.standard_t(4, trials)) for m in mean), None


def _contaminated_5(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    sd = between(rng, 0.03, 0.4)
    return tuple(_outliers(rng, trials, m, sd, 0.05, 6) for m in mean), None


def _poisson(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    factor = between(rng, 5, 200) / mean.min()
    return tuple(np.maximum(rng.poisson(factor * m, trials), 1).astype(np.float64) for m in mean), factor


def _spreading(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    """Lognormal, its sd growing or shrinking as n^kappa, |kappa| up to 1/4."""
    sd = between(rng, 0.03, 0.4) * (n / n[0]) ** rng.uniform(-0.25, 0.25)
    return tuple(m * np.exp(s * rng.standard_normal(trials)) for m, s in zip(mean, sd, strict=True)), None


def _student(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    scale, degrees = between(rng, 0.03, 0.4), rng.uniform(3, 8)
    return tuple(m * np.exp(scale * rng.standard_t(degrees, trials)) for m in mean), None


def _contaminated(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    sd, share, factor = between(rng, 0.03, 0.3), rng.uniform(0.02, 0.1), rng.uniform(3, 8)
    return tuple(_outliers(rng, trials, m, sd, share, factor) for m in mean), None


def _outliers(rng: Rng, trials: int, mean: float, sd: float, share: float, factor: float) -> Array:
    """Lognormal, a share of the samples with a larger sd."""
    wide = np.where(rng.random(trials) < share, factor, 1.0)
    return np.asarray(mean * np.exp(sd * wide * rng.standard_normal(trials)))


def _gamma(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    shape = between(rng, 2, 300)
    return tuple(m * rng.gamma(shape, 1 / shape, trials) for m in mean), 1.0


def _negative_binomial(rng: Rng, trials: int, mean: Array, n: Array) -> Draw:
    """Poisson counts whose mean itself varies by a gamma factor."""
    factor, r = between(rng, 5, 200) / mean.min(), between(rng, 3, 50)
    rates = [factor * m * rng.gamma(r, 1 / r, trials) for m in mean]
    return tuple(np.maximum(rng.poisson(rate), 1).astype(np.float64) for rate in rates), factor


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
    Noise("lognormal", DEVELOPMENT, _lognormal),
    Noise("Student t(4)", DEVELOPMENT, _student_4),
    Noise("contaminated 5%", DEVELOPMENT, _contaminated_5),
    Noise("Poisson", DEVELOPMENT, _poisson, counts=True),
    Noise("lognormal, sd varies with n", DEVELOPMENT, _spreading),
    Noise("Student t(3 to 8)", DEVELOPMENT, _student),
    Noise("contaminated 2% to 10%", DEVELOPMENT, _contaminated),
    Noise("gamma", DEVELOPMENT, _gamma),
    Noise("negative binomial", DEVELOPMENT, _negative_binomial, counts=True),
    Noise("Weibull", DEVELOPMENT, _weibull),
    Noise("uniform", DEVELOPMENT, _uniform),
    Noise("two modes", DEVELOPMENT, _two_modes),
    Noise("log-logistic", DEVELOPMENT, _log_logistic),
    Noise("gamma, narrowing with n", DEVELOPMENT, _narrowing),
    Noise("binomial", DEVELOPMENT, _binomial, counts=True),
)
