"""The limit of adversarial training: printed values, a saddle point, limits of the limit, an optimiser, simulations."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import optimize

from bigtheta.numerics.sweep import simulate
from bigtheta.theory.data import AdversarialRisk
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.limits import (
    adversarial_limit,
    adversarial_risk,
    critical_eps,
    saddle_point,
    saddle_value,
)
from bigtheta.theory.limits.adversarial import P, Phase, resolvent
from bigtheta.theory.model import AdversarialFeatures

PRINTED = {
    (0.5, 2, 0.5, 0.5): 1.36418347,
    (2, 2, 0.5, 0.5): 1.68391602,
    (4, 2, 0.5, 0.5): 1.91476094,
    (10, 2, 0.5, 0.5): 1.54901839,
    (5, 3, 1, 0.5): 1.77781716,
    (3, 1, 0.3, 1): 3.22881927,
    (1, 3, 1, 0.5): 1.25,
}
TRAINED = [case for case, risk in PRINTED.items() if risk != 1.25]


def named(case):
    return dict(zip(("psi1", "psi2", "eps", "tau"), map(float, case), strict=True))


def random_points(count, seed=0):
    generator = np.random.default_rng(seed)
    low, high = np.log([1e-2, 0.1, 1e-4]), np.log([1e3, 100.0, 3.0])
    logs = generator.uniform(low, high, (count, 3))
    return np.column_stack([np.exp(logs), generator.uniform(0, 3, count)])


@pytest.mark.parametrize("case", PRINTED)
def test_the_printed_values_to_eight_digits(case):
    assert adversarial_risk(**named(case)) == pytest.approx(PRINTED[case], abs=5.1e-9)
    point = named(case)
    if case in TRAINED:
        assert adversarial_risk(**{**point, "eps": point["eps"] * 1.0001}) != pytest.approx(PRINTED[case], abs=1e-7)


def test_a_thousand_random_points_are_solved():
    """Each root leaves a residual of rounding, and the risk lies between 0 and a bound that theta = 0 gives."""
    for psi1, psi2, eps, tau in random_points(1000).tolist():
        found = adversarial_limit(psi1=psi1, psi2=psi2, eps=eps, tau=tau)
        assert found.residual < 1e-10
        assert tau**2 < found.V
        assert math.isfinite(found.risk)
        assert (found.phase is Phase.ZERO) == (found.b == 0)
        assert (found.phase is Phase.ZERO) == (eps >= critical_eps(psi1=psi1, psi2=psi2, tau=tau))


@pytest.mark.parametrize("case", TRAINED)
def test_the_two_roots_are_the_saddle_point(case):
    """Every first derivative of R vanishes there; R curves up in alpha, tau_g, b and down in beta, gamma, tau_q."""
    point = named(case)
    saddle = saddle_point(adversarial_limit(**point), eps=point["eps"])
    value = saddle_value(saddle, **point)
    for name, up in (("alpha", 1), ("tau_g", 1), ("b", 1), ("beta", -1), ("gamma", -1), ("tau_q", -1)):
        here = getattr(saddle, name)

        def at(factor, name=name, here=here):
            return saddle_value(dataclasses.replace(saddle, **{name: here * factor}), **point)

        assert abs(at(1 + 1e-4) - at(1 - 1e-4)) / 2e-4 < 1e-6 * max(1, value)
        assert up * (at(1.01) + at(0.99) - 2 * value) > 0
        assert abs(at(1.03) - at(1.01)) / 0.02 > 1e-5  # a point beside it is not stationary


def training_loss(found, eps):
    """E (|r| + eps b)^2 of the residuals r = prox(sqrt(V) g), by quadrature."""
    g, weights = np.polynomial.legendre.leggauss(400)
    g, weights = 6 + 6 * g, 6 * weights
    x, step, v = math.sqrt(found.V) * g, found.c / 2, eps * found.b
    r = np.maximum(x - 2 * step * v, 0) / (1 + 2 * step)
    return float(2 * (weights * np.exp(-g * g / 2) / math.sqrt(2 * math.pi)) @ (r + v) ** 2)


@pytest.mark.parametrize("case", TRAINED)
def test_the_saddle_value_is_the_training_loss(case):
    point = named(case)
    found = adversarial_limit(**point)
    value = saddle_value(saddle_point(found, eps=point["eps"]), **point)
    assert value == pytest.approx(training_loss(found, point["eps"]), rel=2e-4)
    assert value != pytest.approx(training_loss(found, 1.05 * point["eps"]), rel=2e-4)


def test_the_saddle_point_is_found_by_a_solver_that_knows_nothing_of_it():
    """A generic root of the numerical gradient, from a point 10% away."""
    point = named((2, 2, 0.5, 0.5))
    saddle = saddle_point(adversarial_limit(**point), eps=0.5)
    start = np.log(dataclasses.astuple(saddle)) + 0.1 * np.array([1, -1, 1, -1, 1, -1])

    def gradient(x):
        steps = 1e-5 * np.eye(6)
        values = [
            saddle_value(type(saddle)(*np.exp(x + sign * step).tolist()), **point) for step in steps for sign in (1, -1)
        ]
        return (np.array(values[::2]) - np.array(values[1::2])) / 2e-5

    found = optimize.root(gradient, start, tol=1e-9)
    assert np.exp(found.x).tolist() == pytest.approx(dataclasses.astuple(saddle), rel=1e-4)


# --- limits of the limit --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("psi1", [0.3, 0.8, 3.0, 30.0])
def test_eps_to_zero_is_continuous(psi1):
    zero = adversarial_limit(psi1=psi1, psi2=1.5, eps=0, tau=0.5, eps_test=0.5)
    small = adversarial_limit(psi1=psi1, psi2=1.5, eps=1e-6, tau=0.5, eps_test=0.5)
    assert (zero.V, zero.b, zero.risk) == pytest.approx((small.V, small.b, small.risk), rel=1e-4)
    far = adversarial_limit(psi1=1.1 * psi1, psi2=1.5, eps=0, tau=0.5, eps_test=0.5)
    assert pytest.approx(zero.V, rel=1e-4) != far.V


def test_least_squares_below_the_threshold():
    """V = sigma^2/(1 - psi1/psi2), sigma^2 = tau^2 + what features cannot express of beta . x."""
    psi1, psi2, tau = 0.7, 2.0, 0.4
    sigma2 = tau**2 + 1 - psi1 * (1 - P * resolvent(psi1, P)[0])
    found = adversarial_limit(psi1=psi1, psi2=psi2, eps=0, tau=tau)
    assert pytest.approx(sigma2 / (1 - psi1 / psi2), rel=1e-12) == found.V
    assert found.risk == found.V
    assert pytest.approx(sigma2 / (1 - psi2 / psi1), rel=0.1) != found.V


def features(d, psi1, psi2, tau, seed):
    """Gaussian-equivalent features of relu: K = (W W^T + p I)/4, J = (W W^T + I)/4."""
    generator = np.random.default_rng(seed)
    n, k = round(psi2 * d), round(psi1 * d)
    w = generator.standard_normal((k, d))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    x, beta = generator.standard_normal((n, d)), generator.standard_normal(d)
    beta /= np.linalg.norm(beta)
    phi = x @ w.T / 2 + math.sqrt(P) / 2 * generator.standard_normal((n, k))
    return w, beta, phi, x @ beta + tau * generator.standard_normal(n)


def test_beyond_the_threshold_it_is_the_interpolator_of_least_j_norm_and_not_of_least_norm():
    values = {"J": [], "l2": []}
    for seed in range(6):
        w, beta, phi, y = features(300, 3.0, 1.5, 0.5, seed)
        gram, k = w @ w.T, len(w)
        for name, j in (("J", (gram + np.eye(k)) / 4), ("l2", np.eye(k))):
            spread = np.linalg.solve(j, phi.T)
            theta = spread @ np.linalg.solve(phi @ spread, y)
            slopes = w.T @ theta / 2
            V = 0.25 + ((beta - slopes) ** 2).sum() + P / 4 * (theta**2).sum()
            values[name].append((V, math.sqrt((slopes**2).sum() + (theta**2).sum() / 4)))
    found = adversarial_limit(psi1=3.0, psi2=1.5, eps=0, tau=0.5)
    mean, error = np.mean(values["J"], axis=0), np.std(values["J"], axis=0) / math.sqrt(6)
    assert (np.abs(mean - [found.V, found.b]) < 3 * error + 1 / 300).all()
    assert np.mean(values["l2"], axis=0)[1] > found.b + 3 * error[1] + 1 / 300


def test_wide_models_learn_nothing():
    for tau in (0.0, 0.5, 2.0):
        gaps = [adversarial_risk(psi1=psi1, psi2=2, eps=0.5, tau=tau) - (1 + tau**2) for psi1 in (1e4, 1e6, 1e8)]
        assert abs(gaps[2]) < 1e-2 * (1 + tau**2)
        assert abs(gaps[2]) < abs(gaps[0])


def test_the_curve_in_width_has_its_minimum_and_its_peak():
    """psi2 = 10, eps = .5, tau = .5."""
    psi1 = np.geomspace(0.1, 3000, 4000)
    risk = adversarial_risk(psi1=psi1, psi2=10, eps=0.5, tau=0.5)
    low, high = int(risk[psi1 < 10].argmin()), int(risk.argmax())
    assert psi1[low] == pytest.approx(4.06, abs=0.05)  # the minimum is flat: 4e-6 higher at 4.06
    assert risk[low] == pytest.approx(1.0923, abs=5e-5)
    assert psi1[high] == pytest.approx(21.6, abs=0.1)
    assert risk[high] == pytest.approx(1.563, abs=5e-4)
    assert risk[-1] == pytest.approx(1.334, abs=5e-4)


def test_the_zero_phase_is_entered_continuously():
    assert critical_eps(psi1=1, psi2=3, tau=0.5) == pytest.approx(0.8931, abs=5e-5)
    for psi1, psi2, tau in ((1.0, 3.0, 0.5), (20.0, 3.0, 0.5), (3.0, 0.5, 0.0), (0.1, 9.0, 2.0)):
        edge = critical_eps(psi1=psi1, psi2=psi2, tau=tau)
        below, above = (adversarial_limit(psi1=psi1, psi2=psi2, eps=edge * f, tau=tau) for f in (1 - 1e-6, 1 + 1e-6))
        assert (below.phase, above.phase) == (Phase.TRAINED, Phase.ZERO)
        assert above.risk == 1 + tau**2
        assert below.risk == pytest.approx(above.risk, rel=1e-4)
        assert below.b < 1e-2
        inside = adversarial_limit(psi1=psi1, psi2=psi2, eps=edge / 2, tau=tau)
        assert inside.b > 1e-2


def test_eps_of_the_test_enters_by_its_formula():
    found = adversarial_limit(psi1=2, psi2=2, eps=0.5, tau=0.5)
    risk = adversarial_risk(psi1=2, psi2=2, eps=0.5, tau=0.5, eps_test=[0, 0.3])
    assert risk[0] == found.V
    mixed = found.V + 0.6 * math.sqrt(2 / math.pi * found.V) * found.b + 0.09 * found.b**2
    assert risk[1] == pytest.approx(mixed, rel=1e-14)


def test_it_broadcasts():
    grid = adversarial_risk(psi1=[[1.0], [2.0]], psi2=[2.0, 3.0, 4.0], eps=0.5, tau=0.5)
    assert grid.shape == (2, 3)
    assert isinstance(adversarial_risk(psi1=1, psi2=2, eps=0.5, tau=0.5), float)
    assert adversarial_risk(psi1=[], psi2=2, eps=0.5, tau=0.5).shape == (0,)


# --- simulations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [(0.5, 2, 0.5, 0.5), (2, 2, 0.5, 0.5), (1, 2, 0.3, 1.0), (3, 1, 0.2, 0.5)])
def test_trained_models_have_this_risk(case):
    """3 standard errors and 1/d; twice the eps has not."""
    point, d = named(case), 80
    frame = simulate(
        model=AdversarialFeatures(eps=point["eps"]), activation="relu", trials=16, seed=11, inputs="gaussian",
        sizes={"n": round(point["psi2"] * d), "d": d, "k": round(point["psi1"] * d)},
        labels={"signal": 1.0, "noise": point["tau"] ** 2}, quantity=AdversarialRisk(),
    )  # fmt: skip
    mean, error = frame["value"].mean(), frame["value"].std() / 4
    assert abs(mean - adversarial_risk(**point)) < 3 * error + 2 / d
    assert abs(mean - adversarial_risk(**{**point, "eps": 2 * point["eps"]})) > 3 * error + 2 / d


# --- outside the domain ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"psi1": 0.0}, "psi1 > 0"), ({"psi2": -1.0}, "psi2 > 0"), ({"eps": -0.1}, "eps >= 0"),
        ({"tau": math.nan}, "tau >= 0"), ({"psi1": math.inf}, "psi1 > 0"), ({"eps_test": -1.0}, "eps_test >= 0"),
        ({"psi1": 2.0, "psi2": 2.0, "eps": 0.0}, "psi1 != psi2"), ({"psi1": [1, 2], "tau": [1, 2, 3]}, "broadcast"),
        ({"psi1": "wide"}, "numbers"),
    ],
)  # fmt: skip
def test_what_lies_outside_is_refused(changed, words):
    with pytest.raises(InvalidInputError, match=words):
        adversarial_risk(**{**named((1, 2, 0.5, 0.5)), **changed})


def test_there_is_no_saddle_point_in_the_zero_phase():
    with pytest.raises(InvalidInputError, match="trained"):
        saddle_point(adversarial_limit(psi1=1, psi2=3, eps=1, tau=0.5), eps=1)
