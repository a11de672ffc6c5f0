"""Development families of synthetic instances: forms that were in sight while the procedure was made.

u = n/n_min. Those from 1/log(n)^2 on, and the laws of noise from a varying sd on, were release families once: verdicts
on them were looked at, the fit was given rising forms on their account, and so they came here.
"""

from __future__ import annotations

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


def _logarithm_over_power(rng: Rng, n: Array) -> Array:
    """1 + c log(u)/u^omega: grows before it decays."""
    u = n / n[0]
    return np.asarray(1 + rng.uniform(-0.5, 0.5) * np.log(u) * u ** -rng.uniform(0.5, 1.5))


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


def _log_periodic(rng: Rng, n: Array) -> Array:
    """1 + c cos(2 pi log(n)/log(period) + phase), c up to 5%, the period a factor of 2 to 10; it never dies out."""
    period, phase = np.log(rng.uniform(2, 10)), rng.uniform(0, 2 * np.pi)
    return np.asarray(1 + rng.uniform(0.01, 0.05) * np.cos(2 * np.pi * np.log(n) / period + phase))


CORRECTIONS = (
    Correction("power", DEVELOPMENT, _power),
    Correction("two powers", DEVELOPMENT, _two_powers),
    Correction("1/log n", DEVELOPMENT, _logarithm),
    Correction("saturating", DEVELOPMENT, _saturating),
    Correction("crossover", DEVELOPMENT, _crossover),
    Correction("n^(-1/3)", DEVELOPMENT, _cube_root),
    Correction("none", DEVELOPMENT, _none),
    Correction("1/log(n)^2", DEVELOPMENT, _squared_logarithm),
    Correction("log(u)/u^w", DEVELOPMENT, _logarithm_over_power),
    Correction("log log n/log n", DEVELOPMENT, _iterated_logarithm),
    Correction("tanh", DEVELOPMENT, _hyperbolic_tangent),
    Correction("three powers", DEVELOPMENT, _three_powers),
    Correction("shift n + m", DEVELOPMENT, _shifted),
    Correction("sqrt(1 + c/n)", DEVELOPMENT, _root),
    Correction("n^a + B n^b", DEVELOPMENT, _second_power),
    Correction("log-periodic", DEVELOPMENT, _log_periodic, converges=False),
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
)
