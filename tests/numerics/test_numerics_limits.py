"""Monte Carlo against exact limits that are written out here, not in the package."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import gammaln

from bigtheta.numerics.sweep import simulate

TRIALS = 24


def measured(model, act, sizes, trials=TRIALS, seed=11, **options):
    squares = simulate(model=model, activation=act, sizes=sizes, trials=trials, seed=seed, **options)["value"] ** 2
    return squares.mean(), squares.std() / math.sqrt(trials)


def relu_kernel(t):
    return (t * (math.pi - np.arccos(t)) + np.sqrt(1 - t * t)) / (2 * math.pi)


def relu_tangent_kernel(t):
    return t * (math.pi - np.arccos(t)) / (2 * math.pi)


def kernel_limit(n, d, kappa, degrees=12):
    """S^2 = sum_l [l(l+d-2) + l^2] V_l of a kernel interpolator of unit noise on the sphere, by spherical harmonics."""
    x, w = np.polynomial.legendre.leggauss(4000)
    w = w * (1 - x * x) ** ((d - 3) / 2)
    w /= w.sum()
    legendre = [np.ones_like(x), x]
    for degree in range(1, degrees):
        legendre.append(((2 * degree + d - 2) * x * legendre[-1] - degree * legendre[-2]) / (degree + d - 2))
    counts = [1.0, float(d)] + [
        (2 * m + d - 2) / m * math.exp(gammaln(m + d - 2) - gammaln(m) - gammaln(d - 1)) for m in range(2, degrees + 1)
    ]
    N = np.array(counts)
    eigenvalues = np.maximum([(w * kappa(x) * p).sum() for p in legendre], 0)
    rest = kappa(np.array([1.0]))[0] - (N * eigenvalues).sum()
    tau = math.exp(
        brentq(lambda v: (N * eigenvalues / (eigenvalues + math.exp(v))).sum() + rest / math.exp(v) - n, -40, 20)
    )
    share = N * eigenvalues**2 / (eigenvalues + tau) ** 2
    degree = np.arange(degrees + 1)
    return float((degree * (degree + d - 2) + degree**2) @ share / (n - share.sum()))


@pytest.mark.parametrize(("n", "d"), [(75, 300), (300, 300), (1200, 300), (252, 40)])
def test_kernel_interpolator_has_the_limit_of_spherical_harmonics(n, d):
    for model, kappa in (("rf-kernel", relu_kernel), ("ntk-kernel", relu_tangent_kernel)):
        mean, error = measured(model, "relu", {"n": n, "d": d})
        limit = kernel_limit(n, d, kappa)
        assert abs(mean - limit) < 3.5 * error + 0.01 * limit, f"{model}: {mean} +- {error} against {limit}"
        assert error < 0.05 * limit


@pytest.mark.parametrize(("n", "limit"), [(100, 163.0), (200, 876.0), (300, 1092.0), (700, 122.0)])
def test_finite_width_random_features_have_their_limit(n, limit):
    """d = 100, k = 250, relu; tr Sigma (Sigma + tau)^{-1} = n gives these values; 8% is their finite-size error."""
    mean, error = measured("random-features", "relu", {"n": n, "d": 100, "k": 250}, trials=48)
    assert abs(mean - limit) < 3.5 * error + 0.08 * limit


@pytest.mark.parametrize(("n", "limit"), [(400, 21.7), (1500, 91.9)])
def test_even_neural_tangent_has_its_limit(n, limit):
    """d = k = 100, cos: S^2 = n {(1 + nu2/nu)/k + 4 (k1/nu)^2/d}/(1 - n/dk)."""
    nu, k1, nu2 = (1 - math.exp(-2)) / 2, 2 * (math.exp(-0.5) / math.sqrt(2)) ** 2, (1 + math.exp(-2)) / 2
    formula = n * ((1 + nu2 / nu) / 100 + 4 * (k1 / nu) ** 2 / 100) / (1 - n / 1e4)
    assert formula == pytest.approx(limit, abs=0.1)
    mean, error = measured("neural-tangent", "cos", {"n": n, "d": 100, "k": 100})
    assert abs(mean - formula) < 3.5 * error + 0.02 * formula


def test_signal_is_learnt_where_data_abound():
    """Noiseless linear labels and n >> d: S tends to |beta| = 1 for a kernel with a linear part."""
    mean, _ = measured("rf-kernel", "tanh", {"n": 600, "d": 20}, trials=4, labels={"signal": 1.0, "noise": 0.0})
    assert mean == pytest.approx(1, abs=0.05)
    doubled, _ = measured("rf-kernel", "tanh", {"n": 600, "d": 20}, trials=4, labels={"signal": 2.0, "noise": 0.0})
    assert doubled == pytest.approx(4, abs=0.2)


def test_noise_is_a_variance():
    sizes = {"n": 40, "d": 60, "k": 100}
    one, _ = measured("random-features", "relu", sizes, trials=400, labels={"signal": 0.0, "noise": 1.0})
    nine, error = measured("random-features", "relu", sizes, trials=400, labels={"signal": 0.0, "noise": 9.0})
    assert abs(nine - 9 * one) < 5 * error
