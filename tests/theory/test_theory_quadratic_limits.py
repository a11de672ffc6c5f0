"""Limits for quadratic targets against the reference values, other quadratures, each other, and simulated students."""

import math
from functools import cache

import mpmath
import numpy as np
import pytest

from bigtheta.numerics.models.quadratic import student
from bigtheta.numerics.streams import Streams
from bigtheta.numerics.sweep import simulate
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.limits import quadratic_features, quadratic_tangent
from bigtheta.theory.limits.quadratic import (
    Spectrum,
    gradient_flow,
    initialisation,
    lazy_gradient_flow,
    lazy_neural_tangent,
    lazy_random_features,
    marchenko_pastur,
    neural_tangent,
    neural_tangent_mean,
    random_features,
    retreat_width,
    retreats,
    robustness_floor,
    smooth_neural_tangent,
    tradeoff,
    trained,
)  # fmt: skip
from bigtheta.theory.limits.quadratic_base import Moments, moments
from bigtheta.theory.limits.quadratic_features import resolvent
from bigtheta.theory.training import QuadraticStudent

CUBIC = (0.1, 0.3, 0.5, 0.2)
SMOOTH = (0.0, 0.7, 0.6, 0.4)
STEEP = (0.0, 0.0, 0.4**0.5) + (0.0,) * 9 + (0.6**0.5,)
"""lambda_2^2 = .4, lambda_12^2 = .6."""
WISHART = marchenko_pastur(1.0)
"""The spectrum of d Gamma = d B/tr B for B = G G^T; E g^2 = 2."""


def pair(limit):
    return limit.error, limit.robustness


# Reference values: the formulas evaluated by mpmath to 20 digits, and tables of a first implementation (three digits).

REFERENCE = {
    "R1 rho=1": (lambda: random_features("relu", rho=1.0), (0.7182, 0.2947)),
    "R1 rho=2": (lambda: random_features("relu", rho=2.0), (0.4817, 0.5845)),
    "N1": (lambda: neural_tangent(rho=0.5), (0.25, 0.75)),
    "N3": (lambda: neural_tangent(rho=1.0, ridge=4.0), (0.2220, 0.3797)),
    "N4": (lambda: gradient_flow(rho=2.0, time=0.05, tau=0.5), (0.4998, None)),
    "N5": (lambda: smooth_neural_tangent(SMOOTH, rho=0.5), (0.5602, 0.5171)),
    "T1": (lambda: trained(rho=0.25), (0.3771, 0.6229)),
    "steep rho=5": (lambda: random_features(STEEP, rho=5.0), (1 / 3, 4 / 3)),
    "steep rho=20": (lambda: random_features(STEEP, rho=20.0), (1 / 9, 32 / 27)),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_reference_values(name):
    limit, expected = REFERENCE[name]
    for value, stated in zip(pair(limit()), expected, strict=True):
        assert stated is None or value == pytest.approx(stated, abs=3e-4)


def test_random_features_agree_with_the_formula_in_many_digits():
    """relu: lambda_1 = 1/2, lambda_2^2 = 1/(4 pi), E relu^2 = E relu'^2 = 1/2; q2 by differentiation in mpmath."""
    with mpmath.workdps(30):
        l1, l2, psi, slope = mpmath.mpf(1) / 2, 1 / mpmath.sqrt(4 * mpmath.pi), 0, mpmath.mpf(1) / 4
        psi = mpmath.mpf(1) / 4 - 1 / (2 * mpmath.pi)
        for rho, ridge, alpha in ((1, 0, 1), (2, 0.3, 0.5), (0.25, 0.01, 1)):

            def q(p, rho=rho):
                return mpmath.findroot(
                    lambda x: p * l1**2 * rho * x**2 + (p + l1**2 * (1 - rho)) * x - 1, (1 / (p + l1**2), 1 / p),
                    solver="anderson",
                )  # fmt: skip

            p = psi + ridge
            ratio = -mpmath.diff(q, p, h=mpmath.mpf(10) ** -10) / q(p)
            kappa = rho * l2**2 * q(p)
            gain = kappa / (1 + kappa)
            error = 1 - alpha**2 * (gain + ridge * ratio * gain / (1 + kappa))
            energy = alpha**2 / mpmath.mpf(2) * gain / (1 + kappa) * (1 + 2 * kappa + (slope - psi - ridge) * ratio)
            limit = random_features("relu", rho=rho, ridge=ridge, alpha=alpha)
            assert pair(limit) == pytest.approx((float(error), float(energy)), abs=1e-12)


def stieltjes(rho, x):
    """E 1/(x + t) by the continued fraction of the law of T: 1/(x + rho - rho F), F = 1/(x + 1 + rho - rho F)."""
    b = x + 1 + rho
    return 1 / (x + rho - (b - mpmath.sqrt(b * b - 4 * rho)) / 2)


def first_mean(rho, theta, tau):
    """J_1 for r(x) = 1/(1 + theta x): one integral of the closed form."""
    low, high = (mpmath.sqrt(rho) - 1) ** 2, (mpmath.sqrt(rho) + 1) ** 2

    def density(s):
        return mpmath.sqrt((high - s) * (s - low)) / (2 * mpmath.pi * s)

    def inner(s):
        return stieltjes(rho, s + 1 / theta) / theta

    middle = (low + high) / 2
    pairs = mpmath.quad(lambda s: density(s) * inner(s), [low, low + (middle - low) / 100, middle, high])
    pairs += max(1 - rho, 0) * inner(mpmath.mpf(0))
    return (1 - tau) * pairs + tau * stieltjes(rho, 1 / (2 * theta)) / (2 * theta)


@pytest.mark.parametrize("rho", [0.05, 0.5, 0.99, 1.0, 1.001, 4.0])
@pytest.mark.parametrize("ridge", [0.001, 1.0, 40.0])
def test_ridge_double_integrals_agree_with_closed_stieltjes_transforms(rho, ridge):
    """J_2 = J_1 + theta dJ_1/dtheta; to 1e-8 and better."""
    with mpmath.workdps(25):
        rho_, theta, tau = mpmath.mpf(rho), mpmath.mpf(4) / mpmath.mpf(ridge), mpmath.mpf("0.3")
        one = first_mean(rho_, theta, tau)
        slope = mpmath.diff(lambda x: first_mean(rho_, x, tau), theta, h=theta * mpmath.mpf(10) ** -7)
        two = one + theta * slope
    limit = neural_tangent(rho=rho, ridge=ridge, tau=0.3)
    assert pair(limit) == pytest.approx((float(two), float(1 - 2 * one + two)), abs=1e-9)


@pytest.mark.parametrize("time", [0.01, 1.0, 300.0])
def test_laplace_transforms_agree_with_bessel_functions(time):
    """rho = 1: L(u) = e^{-2u} (I_0(2u) + I_1(2u)); rho = 2 by mpmath.quad."""

    def bessel(u):
        return float(mpmath.exp(-2 * u) * (mpmath.besseli(0, 2 * u) + mpmath.besseli(1, 2 * u)))

    def by_quad(u):
        low, high = (mpmath.sqrt(2) - 1) ** 2, (mpmath.sqrt(2) + 1) ** 2
        edges = sorted({low, *(low + (high - low) * mpmath.mpf(10) ** -j for j in range(4))})
        return float(
            mpmath.quad(lambda t: mpmath.exp(-u * t) * mpmath.sqrt((high - t) * (t - low)) / (2 * mpmath.pi * t), edges)
        )

    for rho, transform in ((1.0, bessel), (2.0, by_quad)):
        error = 0.6 * transform(4 * time) ** 2 + 0.4 * transform(8 * time)
        energy = 1 - 2 * (0.6 * transform(2 * time) ** 2 + 0.4 * transform(4 * time)) + error
        assert pair(gradient_flow(rho=rho, time=time, tau=0.4)) == pytest.approx((error, energy), abs=1e-11)


@pytest.mark.parametrize("rho", [1e-3, 0.3, 0.9999, 1.0, 1.0001, 3.0, 1e4])
def test_marchenko_pastur_has_its_mass_and_moments(rho):
    law = marchenko_pastur(rho)
    assert law.weights.sum() == pytest.approx(1, abs=1e-13)
    assert law.weights[law.points == 0].sum() == pytest.approx(max(1 - rho, 0), abs=1e-15)
    assert law.mean(lambda t: t) == pytest.approx(rho, rel=1e-12)
    assert law.mean(lambda t: t**3) == pytest.approx(rho + 3 * rho**2 + rho**3, rel=1e-12)


def test_the_resolvent_of_a_spectrum_is_a_root_and_its_derivative():
    g, weights = (0.2, 1.0, 2.6), (0.4, 0.3, 0.3)
    spectrum = Spectrum.of(g, weights).normalised()
    mean = float(np.dot(g, weights))
    for p, rho in ((0.3, 0.5), (0.01, 1.0), (1e-6, 3.0)):
        with mpmath.workdps(30):

            def root(p, rho=rho):
                def h(q):
                    terms = (w * 0.49 * (x / mean) * q / (1 + 0.49 * rho * (x / mean) * q)
                             for x, w in zip(g, weights, strict=True))  # fmt: skip
                    return p * q + mpmath.fsum(terms) - 1

                return mpmath.findroot(
                    h, (1 / (p + mpmath.mpf("0.5")), 1 / mpmath.mpf(p)), solver="anderson", tol=1e-40
                )

            expected = root(p), -mpmath.diff(root, p, h=mpmath.mpf(10) ** -12)
        got = resolvent(0.7, p, rho, spectrum)
        assert got[0] == pytest.approx(float(expected[0]), rel=1e-10)
        assert got[1] == pytest.approx(float(expected[1]), rel=1e-6)
    flat = Spectrum.of([1.0])
    for p, rho in ((0.3, 0.5), (1e-9, 1.0), (1e-9, 3.0)):
        assert resolvent(0.7, p, rho, flat) == pytest.approx(resolvent(0.7, p, rho), rel=1e-8)


@pytest.mark.parametrize(
    ("rho", "tau", "positive"),
    [(0.25, 0.0, False), (0.1, 0.4, True), (0.6, 0.4, False), (0.3, 0.0, True), (0.9, 0.2, True), (0.5, 1.0, False)],
)
def test_the_trained_network_of_a_semicircle_agrees_with_its_quantiles(rho, tau, positive):
    count = 200_000
    x = np.linspace(-2, 2, count + 1)
    mass = 0.5 + x * np.sqrt(4 - x * x) / (4 * math.pi) + np.arcsin(x / 2) / math.pi
    quantiles = np.interp((np.arange(count) + 0.5) / count, mass, x)
    spectrum = Spectrum.of(math.sqrt(tau) + math.sqrt(1 - tau) * quantiles)
    expected = pair(trained(rho=rho, positive=positive, spectrum=spectrum))
    assert pair(trained(rho=rho, tau=tau, positive=positive)) == pytest.approx(expected, abs=2e-6)


def test_the_trained_network_of_a_finite_spectrum_drops_the_smallest():
    spectrum = Spectrum.of([3.0, -4.0, 1.0, 0.0])
    assert trained(rho=[0.0, 0.25, 0.5, 0.75, 9.0], spectrum=spectrum).error.tolist() == pytest.approx(
        [1, 10 / 26, 1 / 26, 0, 0]
    )
    assert trained(rho=[0.25, 0.5, 2.0], positive=True, spectrum=spectrum).error.tolist() == pytest.approx(
        [17 / 26, 16 / 26, 16 / 26]
    )


# Limits between regimes


def test_each_regime_passes_into_its_neighbour():
    rho = np.array([0.4, 1.7])
    exact = neural_tangent(rho=rho, tau=0.3)
    assert exact.error == pytest.approx(np.maximum(1 - rho, 0) ** 2 * 0.7 + np.maximum(1 - rho, 0) * 0.3)
    for near in (neural_tangent(rho=rho, ridge=1e-8, tau=0.3), gradient_flow(rho=rho, time=1e4, tau=0.3),
                 gradient_flow(rho=rho, time=math.inf, tau=0.3)):  # fmt: skip
        assert near.error == pytest.approx(exact.error, abs=1e-7)
        assert near.robustness == pytest.approx(exact.robustness, abs=1e-7)
    assert neural_tangent(rho=rho, ridge=0.1, tau=0.3).error != pytest.approx(exact.error, abs=1e-4)

    start, fitted = random_features("relu", rho=rho), random_features("relu", rho=rho, ridge=1e-9)
    assert fitted.error == pytest.approx(start.error, abs=1e-7)
    assert fitted.robustness == pytest.approx(start.robustness, abs=1e-7)

    for ridge in (0.0, 1e-6, 2.0):
        square, same = smooth_neural_tangent("u**2", rho=rho, ridge=ridge), neural_tangent(rho=rho, ridge=ridge)
        assert square.error == pytest.approx(same.error, abs=1e-9)
        assert square.robustness == pytest.approx(same.robustness, abs=1e-9)

    sizes = neural_tangent_mean(d=4000, m=1600, tau=0.3)
    assert sizes.error == pytest.approx(exact.error[0], abs=1e-3)


def test_no_training_and_no_width_leave_the_start():
    start = pair(initialisation("u**2", scale=0.7, norm=2.0))
    assert pair(lazy_gradient_flow(rho=0.6, time=0.0, scale=0.7, norm=2.0)) == pytest.approx(start)
    assert pair(lazy_neural_tangent(rho=0.6, ridge=1e10, scale=0.7, norm=2.0)) == pytest.approx(start, abs=1e-7)
    start = pair(initialisation("relu", scale=0.7, norm=2.0))
    lazy = lazy_random_features("relu", rho=0.6, ridge=1e10, scale=0.7, norm=2.0)
    assert pair(lazy) == pytest.approx(start, abs=1e-7)
    assert pair(lazy_random_features("relu", rho=0.6, ridge=0.0, scale=9.0)) == pair(random_features("relu", rho=0.6))
    for phi in ("tanh", "u", (0.0, 1.0)):
        assert pair(random_features(phi, rho=2.0)) == (1.0, 0.0)
        assert pair(smooth_neural_tangent(phi, rho=2.0)) == pytest.approx((1.0, 0.0), abs=1e-12)


@pytest.mark.parametrize(("d", "m"), [(2, 0), (5, 3), (9, 9), (9, 12), (30, 7)])
def test_the_mean_over_projectors_agrees_with_its_two_ends(d, m):
    """B = I/sqrt d: |P B P|^2 = k/d. Summed over an orthonormal basis of symmetric matrices: E |P B P|^2 = k(k+1)/2."""
    k = max(d - m, 0)
    assert neural_tangent_mean(d=d, m=m, tau=1.0).error == pytest.approx(k / d)
    free = d * (d + 1) / 2 - 1
    total = k / d + free * neural_tangent_mean(d=d, m=m, tau=0.0).error
    assert total == pytest.approx(k * (k + 1) / 2)


def test_moments_of_activations_and_of_their_coefficients_agree():
    for act, coefficients in (("u**2", (1, 0, 2**0.5)), ("u**3 + u**2", (1, 3, 2**0.5, 6**0.5))):
        ours, given = moments(act), moments(coefficients)
        for field in ("constant", "linear", "quadratic", "psi", "slope"):
            assert getattr(ours, field) == pytest.approx(getattr(given, field), abs=1e-12)
        for ridge in (0.0, 0.4):
            limits = [smooth_neural_tangent(phi, rho=0.8, ridge=ridge) for phi in (act, coefficients)]
            assert pair(limits[0]) == pytest.approx(pair(limits[1]), abs=1e-9)
    relu = moments("relu")
    assert (relu.psi, relu.slope) == pytest.approx((0.25 - 1 / (2 * math.pi), 0.25), abs=1e-14)


def test_slope_and_error_add_up_to_one_where_they_should_and_only_there():
    rho = np.array([0.3, 1.0, 4.0])
    adds_up = [neural_tangent(rho=rho, tau=0.4), trained(rho=rho, tau=0.2), random_features("u**2 - u/3", rho=rho)]
    for limit in [*adds_up[:2], random_features("u**2", rho=rho)]:
        assert limit.error + limit.robustness == pytest.approx(np.ones(3), abs=1e-12)
    others = [adds_up[2], random_features("relu", rho=rho), random_features("u**2", rho=rho, ridge=1.0),
              neural_tangent(rho=rho, ridge=1.0), gradient_flow(rho=rho, time=0.1), random_features(STEEP, rho=rho),
              smooth_neural_tangent(SMOOTH, rho=rho)]  # fmt: skip
    for limit in others:
        assert np.abs(limit.error + limit.robustness - 1).max() > 5e-3


# Curves

RHO = np.geomspace(0.02, 60, 70)
CURVES = {
    "initialisation": ("initialisation", {"phi": "relu", "along": "scale"}),
    "rf relu": ("rf", {"phi": "relu"}),
    "rf t2": ("rf", {"phi": "u**2"}),
    "rf gelu, ridge, mixed": ("rf", {"phi": "gelu", "ridge": 0.05, "alpha": 0.8}),
    "rf aligned": ("rf", {"phi": "u**2", "spectrum": WISHART}),
    "rf steep": ("rf", {"phi": STEEP}),
    "lazy-rf": ("lazy-rf", {"phi": "relu", "ridge": 0.1, "scale": 0.5}),
    "nt": ("nt", {"tau": 0.3}),
    "nt ridge": ("nt", {"ridge": 2.0}),
    "nt along ridge": ("nt", {"rho": 0.7, "along": "ridge"}),
    "lazy-nt": ("lazy-nt", {"ridge": 2.0, "scale": 0.3}),
    "smooth-nt": ("smooth-nt", {"phi": SMOOTH}),
    "smooth-nt steep": ("smooth-nt", {"phi": STEEP}),
    "flow": ("gradient-flow", {"time": 0.1, "tau": 0.5}),
    "flow along time": ("gradient-flow", {"rho": 0.7, "along": "time"}),
    "lazy flow": ("lazy-gradient-flow", {"time": 0.1, "scale": 0.3}),
    "trained": ("trained", {"tau": 0.1, "positive": True}),
}
RETREATS = {"initialisation", "rf steep", "smooth-nt steep"}


@cache
def curve(name):
    regime, options = CURVES[name]
    return tradeoff(regime, at=RHO, **options)


@pytest.mark.parametrize("name", CURVES)
def test_every_curve_keeps_the_universal_bound(name):
    line = curve(name)
    assert line.slack >= -1e-12
    assert np.all(line.robustness >= robustness_floor(line.error) - 1e-12)
    assert line.error.max() - line.error.min() > 0.05


@pytest.mark.parametrize("ridge", [1e6, 1e12, 1e18])
def test_a_student_that_hardly_learns_keeps_its_relative_precision(ridge):
    """S -> 0 as 16 E (t + s)^2/ridge^2 = 16 (2 rho + 4 rho^2)/ridge^2, rho = 1/2: far below the rounding of 1 - E."""
    assert neural_tangent(rho=0.5, ridge=ridge).robustness * ridge**2 == pytest.approx(32, rel=1e-4)
    assert gradient_flow(rho=0.5, time=2 / ridge).robustness * ridge**2 == pytest.approx(32, rel=1e-4)


def test_the_bound_is_sharp_and_a_slope_below_it_is_noticed():
    """f = c f*: E = (1 - c)^2, S = c^2 attains it. Half the slope of relu's features violates it."""
    c = np.linspace(0, 1, 5)
    assert robustness_floor((1 - c) ** 2) == pytest.approx(c**2)
    line = curve("rf relu")
    assert np.any(line.robustness / 3 < robustness_floor(line.error) - 0.01)


@pytest.mark.parametrize("name", CURVES)
def test_robustness_gets_better_with_the_error_only_where_it_should(name):
    assert bool(retreats(curve(name))) == (name in RETREATS)


def test_the_retreat_of_steep_features_begins_at_width_five():
    (found,) = retreats(curve("rf steep"))
    assert found.start == pytest.approx(5, rel=1e-5)
    assert found.stop == RHO[-1]
    assert (found.error[0], found.robustness[0]) == pytest.approx((1 / 3, 4 / 3), abs=1e-6)
    assert found.robustness[1] < 32 / 27 < found.robustness[0]
    assert found.error[1] < found.error[0]


@pytest.mark.parametrize("phi", [STEEP, "exp(-4*u**2)", "abs(abs(u) - 1)"])
def test_the_closed_form_of_the_retreat_agrees_with_the_search(phi):
    width = retreat_width(phi)
    (found,) = retreats(tradeoff("rf", phi=phi, at=np.geomspace(width / 20, 20 * width, 50)))
    assert found.start == pytest.approx(width, rel=1e-5)


@pytest.mark.parametrize(
    ("phi", "steep"),
    [
        *((phi, False) for phi in ("relu", "gelu", "selu", "u**2")),
        *((phi, True) for phi in ("Max(u - 2, 0)", "cos(3*u) + u", (0.1, 0.5, 0.3, 0.0, 0.0, 0.0, 0.4))),
    ],
)
def test_a_mean_degree_above_four_brings_a_retreat_whatever_the_linear_part(phi, steep):
    lam = moments(phi)
    assert (lam.slope > 4 * lam.psi) == steep
    found = retreats(tradeoff("rf", phi=phi, at=np.geomspace(0.1, 1e4, 80)))
    assert bool(found) == steep
    limit = random_features(phi, rho=1e6)
    kappa = 1 / limit.error - 1
    degree = lam.slope / lam.psi
    assert (limit.robustness - 1) * 2 * kappa == pytest.approx(degree - 4, abs=0.02 * degree)


def test_a_mean_degree_above_four_beyond_two_brings_a_retreat_of_the_tangent():
    """S = 1 + (psi'/psi - 4)/(4 theta rho): .7, .6, .4 has 3, .6 h2 + .4 h6 has 6."""
    for phi, degree in ((SMOOTH, 3.0), ((0.0, 0.0, 0.6, 0.0, 0.0, 0.0, 0.4), 6.0)):
        theta = 2 * 0.36 / (degree * 0.16)
        limit = smooth_neural_tangent(phi, rho=1e4)
        assert (limit.robustness - 1) * 4 * theta * 1e4 == pytest.approx(degree - 4, abs=0.02)
        line = tradeoff("smooth-nt", phi=phi, at=np.geomspace(0.5, 500, 40))
        assert bool(retreats(line)) == (degree > 4)


# Simulated students


@cache
def measured(act, d, k, seeds, *options):
    model = QuadraticStudent(**dict(options))
    fits = [
        student(model, activation(act), Streams(seed=3, spec="limits", sizes={"d": d, "k": k}, trial=trial))
        for trial in range(seeds)
    ]
    return float(np.mean([f.error for f in fits])), float(np.mean([f.sobolev for f in fits]))


def simulated(case):
    act, d, k, seeds, options = case
    return measured(act, d, k, seeds, *options.items())


def rf(d):
    return 0.3 / math.sqrt(d)


MIXED = {"target": "mixed", "trace_share": 0.4}
ALIGNED = {"target": "wishart", "covariance": "target"}
STUDENTS = {
    "I1 relu": (("relu", 40, 40, 40, {"regime": "initialisation", "scale": 1.5, "target": "goe"}),
                lambda: initialisation("relu", scale=1.5), 0.05),
    "R1 relu": (("relu", 240, 240, 4, {}), lambda: random_features("relu", rho=1.0), rf(240)),
    "R1 relu wide": (("relu", 240, 480, 4, {}), lambda: random_features("relu", rho=2.0), rf(240)),
    "R1 half the trace": (("u**2 - 1", 150, 300, 4, {"target": "wishart"}),
                          lambda: random_features("u**2", rho=2.0, alpha=0.5**0.5), rf(150)),
    "R1 aligned": (("u**2 - 1", 150, 300, 4, ALIGNED),
                   lambda: random_features("u**2", rho=2.0, spectrum=WISHART), rf(150)),
    "R1 aligned cubic": (("u", 160, 160, 4, ALIGNED | {"coefficients": CUBIC}),
                         lambda: random_features(CUBIC, rho=1.0, spectrum=WISHART), rf(160)),
    "R2 gelu": (("gelu", 160, 240, 4, MIXED | {"ridge": 0.02}),
                lambda: random_features("gelu", rho=1.5, ridge=0.02, alpha=0.4**0.5), rf(160)),
    "R2 cubic": (("u", 240, 240, 4, {"ridge": 0.2, "coefficients": CUBIC}),
                 lambda: random_features(CUBIC, rho=1.0, ridge=0.2), rf(240)),
    "R3 aligned cubic": (
        ("u", 160, 320, 4, ALIGNED | {"regime": "lazy-rf", "ridge": 0.3, "scale": 1.5, "coefficients": CUBIC}),
        lambda: lazy_random_features(CUBIC, rho=2.0, ridge=0.3, scale=1.5, spectrum=WISHART), rf(160)),
    "N1": (("u**2", 300, 150, 4, {"regime": "nt", "target": "goe"}), lambda: neural_tangent(rho=0.5), 0.01),
    "N1 mean": (("u**2", 40, 25, 60, MIXED | {"regime": "nt"}),
                lambda: neural_tangent_mean(d=40, m=25, tau=0.4), 0.006),
    "N3": (("u**2", 300, 300, 4, {"regime": "nt", "target": "goe", "ridge": 4.0}),
           lambda: neural_tangent(rho=1.0, ridge=4.0), 0.004),
    "N3 trace": (("3*u**2/2", 300, 210, 4, MIXED | {"regime": "nt", "ridge": 3.0}),
                 lambda: neural_tangent(rho=0.7, ridge=3.0, tau=0.4, curvature=1.5), 0.004),
    "N3 lazy": (("u**2", 300, 150, 4, {"regime": "lazy-nt", "ridge": 2.0, "target": "goe"}),
                lambda: lazy_neural_tangent(rho=0.5, ridge=2.0), 0.01),
    "N4": (("u**2", 300, 600, 4, MIXED | {"regime": "gradient-flow", "time": 0.05}),
           lambda: gradient_flow(rho=2.0, time=0.05, tau=0.4), 0.004),
    "N4 curvature": (("u**2/2", 300, 150, 4, MIXED | {"regime": "gradient-flow", "time": 1.2}),
                     lambda: gradient_flow(rho=0.5, time=1.2, tau=0.4, curvature=0.5), 0.004),
    "N4 lazy": (("u**2", 300, 300, 4, {"regime": "lazy-gradient-flow", "time": 0.2, "target": "goe"}),
                lambda: lazy_gradient_flow(rho=1.0, time=0.2), 0.01),
    "N5": (("u", 72, 36, 4, {"regime": "nt", "target": "goe", "coefficients": SMOOTH}),
           lambda: smooth_neural_tangent(SMOOTH, rho=0.5), 1 / 72),
    "N5 ridge": (("u", 72, 36, 4, {"regime": "nt", "target": "goe", "ridge": 0.5, "coefficients": SMOOTH}),
                 lambda: smooth_neural_tangent(SMOOTH, rho=0.5, ridge=0.5), 1.2 / 72),
    "N5 gelu": (("gelu", 60, 30, 4, {"regime": "nt", "target": "goe"}),
                lambda: smooth_neural_tangent("gelu", rho=0.5), 2 / 60),
    "T1": (("u**2", 400, 100, 4, {"regime": "trained", "target": "goe"}), lambda: trained(rho=0.25), 0.005),
    "T1 trace": (("u**2", 400, 100, 4, MIXED | {"regime": "trained", "positive": True}),
                 lambda: trained(rho=0.25, tau=0.4, positive=True), 0.005),
    "T1 wishart": (("u**2", 400, 80, 4, {"regime": "trained", "target": "wishart"}),
                   lambda: trained(rho=0.2, spectrum=WISHART), 0.005),
}  # fmt: skip


@pytest.mark.parametrize("name", STUDENTS)
def test_simulated_students_are_near_the_limit(name):
    case, limit, tolerance = STUDENTS[name]
    assert simulated(case) == pytest.approx(pair(limit()), abs=tolerance)


def swap(monkeypatch, module, name, wrong):
    right = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *args: wrong(right(*args)))


def eta_counts_the_degree_twice(monkeypatch):
    swap(monkeypatch, quadratic_features, "moments",
         lambda m: Moments(m.constant, m.linear, m.quadratic, m.psi, m.slope + m.psi))  # fmt: skip


def eta_without_the_resolvent_squared(monkeypatch):
    swap(monkeypatch, quadratic_features, "resolvent", lambda pair: (pair[0], pair[0] ** 2 * 2))


def target_moment_without_its_root_two(monkeypatch):
    swap(monkeypatch, quadratic_features, "moments",
         lambda m: Moments(m.constant, m.linear, m.quadratic / 2**0.5, m.psi, m.slope))  # fmt: skip


def weights_without_spread(monkeypatch):
    monkeypatch.setattr(quadratic_features, "_spread", lambda *_: 1.0)


def theta_halved(monkeypatch):
    right = quadratic_tangent._resolved
    monkeypatch.setattr(quadratic_tangent, "_resolved", lambda ridge, strength: right(ridge, strength / 2))


def independent_eigenvalues_for_the_trace(monkeypatch):
    right = quadratic_tangent._means
    monkeypatch.setattr(quadratic_tangent, "_means", lambda rho, tau, shrink: right(rho, 0.0, shrink))


def degrees_beyond_two_without_slope(monkeypatch):
    right = quadratic_tangent._beyond_two
    monkeypatch.setattr(quadratic_tangent, "_beyond_two", lambda phi: (right(phi)[0], right(phi)[1] / 2))


WRONG = [
    ("R1 relu", eta_counts_the_degree_twice), ("R1 relu wide", eta_without_the_resolvent_squared),
    ("R1 relu", target_moment_without_its_root_two), ("R1 aligned", weights_without_spread),
    ("N3", theta_halved), ("N3 trace", independent_eigenvalues_for_the_trace), ("N5", theta_halved),
    ("N5", degrees_beyond_two_without_slope), ("N4", independent_eigenvalues_for_the_trace),
]  # fmt: skip


@pytest.mark.parametrize(("name", "plant"), WRONG)
def test_a_wrong_factor_is_caught_by_the_simulation(name, plant, monkeypatch):
    case, limit, tolerance = STUDENTS[name]
    plant(monkeypatch)
    assert simulated(case) != pytest.approx(pair(limit()), abs=1.5 * tolerance)


def test_a_simulated_retreat():
    """Bumps exp(-4 u^2), rho* below 10: from rho = 10 to 40, the wider student errs less and is more robust, by 0.1."""
    assert retreat_width("exp(-4*u**2)") < 10
    narrow, wide = (simulated(("exp(-4*u**2)", 60, 60 * rho, 2, {})) for rho in (10, 40))
    assert narrow[0] - wide[0] > 0.1
    assert narrow[1] - wide[1] > 0.08
    for rho, seen in ((10, narrow), (40, wide)):
        assert seen == pytest.approx(pair(random_features("exp(-4*u**2)", rho=float(rho))), abs=rf(60))


def test_simulate_measures_the_same_pair():
    table = {"kind": "quadratic-student", "regime": "nt", "target": "goe", "ridge": 4.0}
    keywords = {"activation": "u**2", "sizes": {"d": 200, "k": 200}, "trials": 4, "seed": 5, "device": "cpu"}
    sobolev = simulate(model=table, **keywords)["value"].mean()
    error = simulate(model=table, quantity="test-error", **keywords)["value"].mean()
    assert (error, sobolev) == pytest.approx(pair(neural_tangent(rho=1.0, ridge=4.0)), abs=0.006)


# Arguments


def test_numbers_give_floats_and_arrays_their_shape():
    rho, ridge = np.array([[0.5], [2.0]]), np.array([0.1, 1.0, 3.0])
    for limit in (random_features, neural_tangent, lazy_neural_tangent, lazy_random_features, smooth_neural_tangent):
        phi = ("gelu",) if limit in (random_features, lazy_random_features, smooth_neural_tangent) else ()
        grid = limit(*phi, rho=rho, ridge=ridge)
        assert grid.error.shape == grid.robustness.shape == grid.slack.shape == (2, 3)
        one = limit(*phi, rho=2.0, ridge=1.0)
        assert type(one.error) is type(one.robustness) is type(one.slack) is float
        assert pair(one) == pytest.approx((grid.error[1, 1], grid.robustness[1, 1]), abs=1e-14)
    spectral = random_features("gelu", rho=rho, ridge=ridge, spectrum=WISHART)
    assert spectral.error[0, 2] == pytest.approx(random_features("gelu", rho=0.5, ridge=3.0, spectrum=WISHART).error)
    assert trained(rho=rho, tau=[0.1, 0.2, 0.3]).error.shape == (2, 3)
    assert trained(rho=rho, spectrum=WISHART).error.shape == (2, 1)
    assert neural_tangent_mean(d=[5, 6], m=3).error.shape == (2,)
    assert neural_tangent(rho=[]).error.shape == (0,)
    assert type(robustness_floor(0.5)) is float


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: random_features("relu", rho=0.0), "expected finite rho > 0 but got rho=0.0"),
        (lambda: random_features("relu", rho=[1.0, -2.0]), "rho=-2.0"),
        (lambda: random_features("relu", rho=math.nan), "rho=nan"),
        (lambda: random_features("relu", rho="two"), "rho='two'"),
        (lambda: random_features("relu", rho=1.0, ridge=-1.0), "ridge >= 0 but got ridge=-1.0"),
        (lambda: random_features("relu", rho=1.0, alpha=1.1), "alpha from -1 to 1 but got alpha=1.1"),
        (lambda: random_features("relu", rho=1.0, spectrum=Spectrum.of([1.0, 3.0])), "mean 2 .*normalised"),
        (lambda: random_features("sign", rho=1.0), "activation 'sign' jumps at 0"),
        (lambda: random_features("rellu", rho=1.0), "did you mean 'relu'"),
        (lambda: random_features((1.0, math.inf), rho=1.0), "coefficients=inf"),
        (lambda: random_features((), rho=1.0), "Hermite coefficients in a row"),
        (lambda: lazy_random_features("relu", rho=1.0, ridge=1.0, norm=0.0), "norm > 0"),
        (lambda: initialisation("relu", scale=-1.0), "scale >= 0"),
        (lambda: neural_tangent(rho=1.0, tau=1.5), "tau from 0 to 1"),
        (lambda: neural_tangent(rho=1.0, curvature=0.0), "curvature != 0"),
        (lambda: neural_tangent(rho=math.inf), "rho=inf"),
        (lambda: neural_tangent_mean(d=1, m=1), "d >= 2"),
        (lambda: neural_tangent_mean(d=4, m=1.5), "whole numbers"),
        (lambda: gradient_flow(rho=1.0, time=-0.1), "time >= 0"),
        (lambda: smooth_neural_tangent("relu", rho=1.0), "derivative of activation 'relu' jumps"),
        (lambda: trained(rho=-0.1), "rho >= 0"),
        (lambda: trained(rho=0.5, tau=0.5, spectrum=WISHART), "tau or spectrum"),
        (lambda: trained(rho=0.5, spectrum=Spectrum.of([0.0])), "spectrum of zeros"),
        (lambda: Spectrum.of([]), "row of eigenvalues"),
        (lambda: Spectrum.of([1.0, 2.0], [1.0, 0.0]), "weights > 0"),
        (lambda: Spectrum.of([1.0, 2.0], [1.0]), "a weight for each of 2"),
        (lambda: Spectrum.of([-1.0, 2.0]).normalised(), "eigenvalues >= 0"),
        (lambda: marchenko_pastur(-1.0), "rho > 0"),
        (lambda: robustness_floor(-0.1), "error >= 0"),
        (lambda: retreat_width("relu"), "lambda_1 = 0"),
        (lambda: tradeoff("rff", at=RHO, phi="relu"), "did you mean 'rf'"),
        (lambda: tradeoff("rf", at=RHO, phi="relu", tau=0.5), "its arguments are phi, rho, ridge, alpha, spectrum"),
        (lambda: tradeoff("rf", at=[1.0, 0.5, 2.0], phi="relu"), "increasing values"),
        (lambda: tradeoff("rf", at=RHO, phi="relu", ridge=np.ones((2, 1))), "numbers as options"),
    ],
)
def test_arguments_outside_the_domain_are_refused(call, match):
    with pytest.raises(InvalidInputError, match=match):
        call()
