"""Quadratic students against three oracles that share no code with them: exact identities, samples with explicit
features and autograd, and the deterministic equivalents of large sizes."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate

from bigtheta.numerics.models import interpolator, moments, quadratic
from bigtheta.numerics.models.quadratic import draw_hidden, draw_output, draw_target, fit_student, student
from bigtheta.numerics.streams import Streams
from bigtheta.numerics.sweep import simulate
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.model import model as read_model
from bigtheta.theory.training import REGIMES, QuadraticStudent

EPS = 1e-12


def streams(d, k, trial=0):
    return Streams(seed=1, spec="quadratic", sizes={"d": d, "k": k}, trial=trial)


def means(act, d, k, seeds=4, **options):
    """Mean of E and of S over so many seeds."""
    model = QuadraticStudent(**options)
    fits = [student(model, activation(act), streams(d, k, trial)) for trial in range(seeds)]
    return np.mean([fit.error for fit in fits]), np.mean([fit.sobolev for fit in fits])


# Deterministic equivalents, written out here from their definitions.


def rf_limit(l1, l2, psi, psi1, rho, *, ridge=0.0, scale=0.0):
    """E and S of random features for B = I, Gamma = I/d, lazy for scale > 0; psi1 is psi'."""

    def q(p):
        a, b = p * l1**2 * rho, p + l1**2 * (1 - rho)
        return 1 / b if a == 0 else (-b + math.sqrt(b * b + 4 * a)) / (2 * a)

    p = psi + ridge
    step = 1e-6 * p
    q0, q2 = q(p), -(q(p + step) - q(p - step)) / (2 * step)
    kappa = rho * l2**2 * q0
    error = 1 - kappa / (1 + kappa) - ridge * q2 / q0 * kappa / (1 + kappa) ** 2
    sobolev = kappa / 2 / (1 + kappa) ** 2 * (1 + 2 * kappa + (psi1 - psi - ridge) * q2 / q0)
    start = scale**2 * ridge**2
    return error + start * (q0 - ridge * q2) / 2, sobolev + start * (q0 + (psi1 - psi - ridge) * q2) / 4


def spectrum(rho, count=4000):
    """Points and weights of the law of T = W^T W, rows of W of variance 1/d, m/d = rho."""
    theta = (np.arange(count) + 0.5) * math.pi / count
    x = 1 + rho + 2 * math.sqrt(rho) * np.cos(theta)
    weights = (2 * math.sqrt(rho) * np.sin(theta)) ** 2 / (2 * math.pi * x) * math.pi / count
    return np.append(x, 0.0), np.append(weights, max(1 - rho, 0.0))


def nt_limit(factor, rho, tau, *, scale=0.0):
    """E and S when the entry (i, j) of the residual is factor(t_i + t_j) times that of B - A0."""
    t, p = spectrum(rho, 600)
    pair = factor(t[:, None] + t)
    one = (1 - tau) * p @ pair @ p + tau * p @ factor(2 * t)
    two = (1 - tau) * p @ pair**2 @ p + tau * p @ factor(2 * t) ** 2
    start = scale**2 / rho**2 * (p * t) @ pair**2 @ (p * t)
    return two + start, 1 - 2 * one + two + start


def test_the_spectrum_has_mass_one_and_mean_rho():
    for rho in (0.3, 1.0, 2.5):
        t, p = spectrum(rho)
        assert p.sum() == pytest.approx(1, abs=2e-3)
        assert p @ t == pytest.approx(rho, abs=1e-6)


RELU = (0.5, 1 / math.sqrt(4 * math.pi), 0.25 - 1 / (2 * math.pi), 0.25)
"""lambda_1, lambda_2, psi = E relu^2 - lambda_0^2 - lambda_1^2, psi' = E relu'^2 - lambda_1^2."""
CUBIC = (0.3, 0.5, 0.5**2 + 0.2**2, 2 * 0.5**2 + 3 * 0.2**2)
"""The same of 0.1 + 0.3 h1 + 0.5 h2 + 0.2 h3."""
CASES = {
    "R1-rho1": (("relu", 240, 240), {}, rf_limit(*RELU, 1.0), (0.7182, 0.2947), 0.3 / math.sqrt(240)),
    "R1-rho2": (("relu", 240, 480), {}, rf_limit(*RELU, 2.0), (0.4817, 0.5845), 0.3 / math.sqrt(240)),
    "N1": (("u**2", 300, 150), {"regime": "nt", "target": "goe"}, (0.25, 0.75), (0.25, 0.75), 0.01),
    "N3": (
        ("u**2", 300, 300),
        {"regime": "nt", "target": "goe", "ridge": 4.0},
        nt_limit(lambda s: 1 / (1 + s), 1.0, 0.0),
        (0.2220, 0.3797),
        0.004,
    ),
    "N4": (
        ("u**2", 300, 600),
        {"regime": "gradient-flow", "target": "mixed", "time": 0.05},
        nt_limit(lambda s: np.exp(-0.1 * s), 2.0, 0.5),
        (0.4998, None),
        0.004,
    ),
    "T1": (("u**2", 400, 100), {"regime": "trained", "target": "goe"}, (0.3771, 0.6229), (0.3771, 0.6229), 0.005),
    "R2": (("tanh", 240, 240), {"ridge": 0.05, "coefficients": (0.1, 0.3, 0.5, 0.2)},
           rf_limit(*CUBIC, 1.0, ridge=0.05), None, 0.3 / math.sqrt(240)),
    "R3": (("tanh", 240, 240), {"regime": "lazy-rf", "ridge": 0.5, "scale": 2.0, "coefficients": (0.1, 0.3, 0.5, 0.2)},
           rf_limit(*CUBIC, 1.0, ridge=0.5, scale=2.0), None, 0.3 / math.sqrt(240)),
    "N3-lazy": (("u**2", 300, 150), {"regime": "lazy-nt", "target": "goe", "ridge": 2.0},
                nt_limit(lambda s: 1 / (1 + 2 * s), 0.5, 0.0, scale=1.0), None, 0.02),
    "N4-lazy": (("u**2", 300, 300), {"regime": "lazy-gradient-flow", "target": "goe", "time": 0.2},
                nt_limit(lambda s: np.exp(-0.4 * s), 1.0, 0.0, scale=1.0), None, 0.02),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_large_sizes_approach_the_limit(name):
    (act, d, k), options, limit, stated, tolerance = CASES[name]
    measured = means(act, d, k, **options)
    assert measured == pytest.approx(limit, abs=tolerance)
    for value, expected in zip(limit, stated or (), strict=False):
        assert expected is None or value == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(("covariance", "expected"), [("target", 1 / 5), ("isotropic", 2 / 3)])
def test_aligned_weights_learn_all_of_a_positive_target(covariance, expected):
    """u^2 - 1 at rho = 2: E = 1 - alpha^2 rho g/(1 + rho g); alpha^2 = 1, g = 2 if Gamma = B/tr B, 1/2 and 1 if I/d."""
    error, sobolev = means("u**2 - 1", 150, 300, target="wishart", covariance=covariance)
    assert error == pytest.approx(expected, abs=0.03)
    assert sobolev == pytest.approx(1 - error, abs=1e-9)


def n5_limit():
    """sigma = .7 h1 + .6 h2 + .4 h3, rho = 1/2: theta = c^2/psi, c^2 = 2 lambda_2^2, psi = 3 lambda_3^2."""
    t, p = spectrum(0.5, 600)
    shrink = 1 / (1 + 2 * 0.36 / (3 * 0.16) * (t[:, None] + t))
    j1, j2 = p @ shrink @ p, p @ shrink**2 @ p
    return j1, 1 - 2 * j1 + j2 + 9 * 0.16 / (2 * 3 * 0.16) * (j1 - j2)


def test_neural_tangent_of_a_cubic():
    limit = n5_limit()
    assert limit == pytest.approx((0.5602, 0.5171), abs=2e-3)
    options = {"regime": "nt", "target": "goe", "coefficients": (0.0, 0.7, 0.6, 0.4)}
    assert means("relu", 72, 36, **options) == pytest.approx(limit, abs=1 / 72)


def options_of(regime):
    if "flow" in regime:
        return {"time": 0.3}
    return {"ridge": 0.2} if regime in ("rf", "lazy-rf", "nt", "lazy-nt") else {}


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("target", ["identity", "goe", "mixed", "wishart"])
def test_robustness_and_error_trade_off_for_every_student(regime, target):
    """sqrt S >= 1 - sqrt E for any f whatever, by <grad f, grad f*> = 2 <f, f*>."""
    for scale in (0.3, 3.0):
        model = QuadraticStudent(regime=regime, target=target, scale=scale, **options_of(regime))
        for act in ("u**2", "u**2 + u/2") if regime.endswith(("nt", "rf")) else ("u**2",):
            fit = student(model, activation(act), streams(9, 6))
            assert math.sqrt(fit.sobolev) >= 1 - math.sqrt(fit.error) - EPS


@pytest.mark.parametrize("k", [3, 12, 20])
def test_what_is_left_of_the_neural_tangent_lies_on_the_null_space(k):
    """A = B - P B P, P onto null(W): E = |PBP|^2, S = 1 - E, by an explicit projector."""
    model = QuadraticStudent(regime="nt", target="mixed")
    s = streams(12, k)
    b = draw_target(model, s)
    w = draw_hidden(model, s, b)
    p = torch.eye(12, dtype=torch.float64) - torch.linalg.pinv(w) @ w
    left = float((p @ b @ p).square().sum())
    fit = student(model, activation("u**2"), s)
    assert fit.error == pytest.approx(left, abs=1e-10)
    assert fit.sobolev == pytest.approx(1 - left, abs=1e-10)


def test_the_mean_over_rotations_is_exact():
    """Haar mean, k' = d - m: [k'(k'd+d-2) + k'(d-k') (tr B)^2]/(d(d-1)(d+2)) at |B| = 1."""
    d, m = 8, 5
    left = d - m
    model = QuadraticStudent(regime="nt", target="mixed", trace_share=0.4)
    errors = [student(model, activation("u**2"), streams(d, m, trial)).error for trial in range(3000)]
    expected = (left * (left * d + d - 2) + left * (d - left) * 0.4 * d) / (d * (d - 1) * (d + 2))
    assert np.mean(errors) == pytest.approx(expected, abs=4 * np.std(errors) / math.sqrt(len(errors)))


def test_the_mean_of_a_relu_network_at_initialisation_is_exact():
    """E S(f)^2 = scale^2/2, so S = scale^2/8 at |B| = 1; E = 1 + scale^2 (E relu^2 - mean^2)/2."""
    d, k, scale = 20, 7, 1.5
    model = QuadraticStudent(regime="initialisation", target="goe", scale=scale)
    fits = [student(model, activation("relu"), streams(d, k, trial)) for trial in range(150)]
    sobolev, error = np.array([f.sobolev for f in fits]), np.array([f.error for f in fits])
    assert sobolev.mean() == pytest.approx(scale**2 / 8, abs=4 * sobolev.std() / math.sqrt(150))
    start = scale**2 * (0.5 - 1 / (2 * math.pi)) / 2
    assert error.mean() == pytest.approx(1 + start, abs=4 * error.std() / math.sqrt(150))


def test_dense_and_structured_neural_tangents_of_a_quadratic_agree(monkeypatch):
    """The k d features of u^2 themselves against the eigenbasis of W^T W: with ridge, with a start, and dependent."""
    s, act = streams(6, 9), activation("3*u**2/2")
    for options in ({"regime": "nt"}, {"regime": "nt", "ridge": 0.7}, {"regime": "lazy-nt", "ridge": 0.7}):
        model = QuadraticStudent(target="goe", **options)
        quick = student(model, act, s)
        with monkeypatch.context() as patch:
            patch.setattr(quadratic, "_square", lambda *_, **__: None)
            dense = student(model, act, s)
        assert (quick.error, quick.sobolev) == pytest.approx((dense.error, dense.sobolev), abs=1e-9)


def test_gradient_flow_follows_the_gradient():
    """4000 Euler steps on the k d parameters of the quadratic tangent."""
    model = QuadraticStudent(regime="lazy-gradient-flow", target="goe", time=0.4)
    s = streams(5, 3)
    b = draw_target(model, s)
    w, z = draw_hidden(model, s, b), draw_output(model, s)
    start, a = w.T @ (z[:, None] * w), torch.zeros_like(w)
    for _ in range(4000):
        residual = w.T @ a + a.T @ w + start - b
        a = a - 0.4 / 4000 * 2 * w @ residual
    fit = fit_student(model, activation("u**2"), b=b, w=w, z=z)
    assert fit.error == pytest.approx(float(residual.square().sum()), rel=1e-3)
    assert fit.sobolev == pytest.approx(float((b + residual).square().sum()), rel=1e-3)


@pytest.mark.parametrize("positive", [False, True])
def test_no_training_beats_the_trained_student(positive):
    """Adam on every weight of |W^T diag(z) W - B|^2, from 20 starts, reaches it and never goes below."""
    model = QuadraticStudent(regime="trained", target="goe", positive=positive)
    s = streams(6, 2)
    b = draw_target(model, s)
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(20, 2, 6, generator=generator, dtype=torch.float64).mul_(0.5).requires_grad_(True)
    z = torch.randn(20, 2, generator=generator, dtype=torch.float64).requires_grad_(True)
    optimiser = torch.optim.Adam([w] if positive else [w, z], lr=0.02)
    for _ in range(1500):
        optimiser.zero_grad()
        losses = ((w.mT @ (w if positive else z[:, :, None] * w)) - b).square().sum((1, 2))
        losses.sum().backward()
        optimiser.step()
    fit = student(model, activation("u**2"), s)
    best = float(losses.detach().min())
    assert best == pytest.approx(fit.error, abs=1e-4)
    assert best > fit.error - 1e-9
    assert fit.sobolev == pytest.approx(1 - fit.error)


PHI = {"relu": torch.relu, "tanh": torch.tanh, "gelu": torch.nn.functional.gelu,
       "softplus": torch.nn.functional.softplus, "u**2": lambda v: v**2}  # fmt: skip


def by_samples(regime, phi, b, w, z, ridge, count=250_000):
    """E and S by least squares on samples, features and gradients by autograd."""
    (m, d), generator = w.shape, torch.Generator().manual_seed(7)
    x = torch.randn(count, d, generator=generator, dtype=torch.float64)
    h = (x @ w.T).requires_grad_(True)
    (slope,) = torch.autograd.grad(phi(h).sum(), h, create_graph=True)
    curve = torch.autograd.grad(slope.sum(), h)[0] if "nt" in regime else None
    value, slope = phi(h).detach(), slope.detach()
    start = z if "lazy" in regime else torch.zeros_like(z)
    features = value if "rf" in regime else (slope[:, :, None] * x[:, None, :]).reshape(count, m * d)
    left = ((x @ b) * x).sum(1) - value @ start
    left, features = left - left.mean(), features - features.mean(0)
    gram = features.T @ features / count + ridge * torch.eye(features.shape[1], dtype=torch.float64)
    c = torch.linalg.lstsq(gram, (features.T @ left / count)[:, None], driver="gelsd").solution[:, 0]
    gradient = (slope * start) @ w
    if "rf" in regime:
        gradient += (slope * c) @ w
    else:
        a = c.reshape(m, d)
        gradient += slope @ a + (curve * (x @ a.T)) @ w
    return float((left - features @ c).square().mean()) / 2, float(gradient.square().sum(1).mean()) / 4


def small(d, m):
    generator = torch.Generator().manual_seed(3)
    w, b = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((m, d), (d, d)))
    b = b + b.T + torch.eye(d, dtype=torch.float64)
    return b / b.norm(), w / math.sqrt(d), torch.randn(m, generator=generator, dtype=torch.float64)


SMALL = [
    ("rf", "relu", 5, 4, 0.0), ("rf", "gelu", 5, 7, 0.1), ("lazy-rf", "tanh", 5, 7, 0.1),
    ("nt", "softplus", 4, 3, 0.0), ("nt", "gelu", 4, 3, 0.1), ("lazy-nt", "gelu", 4, 3, 0.1),
    ("lazy-nt", "softplus", 4, 3, 0.3), ("lazy-nt", "u**2", 5, 3, 0.3),
]  # fmt: skip


def against_samples(regime, act, d, m, ridge):
    """The largest deviation of E and S from the samples', as a fraction."""
    b, w, z = small(d, m)
    fit = fit_student(QuadraticStudent(regime=regime, ridge=ridge), activation(act), b=b, w=w, z=z)
    error, sobolev = by_samples(regime, PHI[act], b, w, z, ridge)
    return max(abs(fit.error / error - 1), abs(fit.sobolev / sobolev - 1))


@pytest.mark.parametrize(("regime", "act", "d", "m", "ridge"), SMALL)
def test_small_students_agree_with_samples_and_explicit_features(regime, act, d, m, ridge):
    assert against_samples(regime, act, d, m, ridge) < 0.02


PLANTED = {
    "target without its sqrt 2": (("rf", "gelu", 5, 7, 0.1), "_forms", lambda f: lambda w, b: f(w, b) / math.sqrt(2)),
    "one mixed term lost": (
        ("nt", "softplus", 4, 3, 0.0),
        "_blocks",
        lambda f: lambda w, c0, c1, c2, c3, c4: f(w, c0, c1, c2, 0 * c3, c4),
    ),
    "a start that is not felt": (
        ("lazy-nt", "gelu", 4, 3, 0.1),
        "cross_moments",
        lambda f: lambda act, w, z: tuple(v / 2 for v in f(act, w, z)),
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_wrong_factor_is_caught_by_samples(name, monkeypatch):
    case, where, wrong = PLANTED[name]
    module = quadratic if where == "cross_moments" else moments
    monkeypatch.setattr(module, where, wrong(getattr(module, where)))
    assert against_samples(*case) > 0.05


@pytest.mark.parametrize("name", ["R1-rho1", "N3", "N4"])
def test_a_planted_wrong_factor_is_caught_by_the_limits(name, monkeypatch):
    """alpha, or the target's moment, twice as large."""
    (act, d, k), options, limit, _, tolerance = CASES[name]
    if name == "R1-rho1":
        forms = moments._forms
        monkeypatch.setattr(moments, "_forms", lambda w, b: forms(w, b) / math.sqrt(2))
    else:
        monkeypatch.setattr(quadratic, "_square", lambda *_, **__: math.sqrt(0.5))
    assert means(act, d, k, **options) != pytest.approx(limit, abs=2 * tolerance)


@pytest.mark.parametrize("name", ["tanh", "gelu"])
def test_moments_agree_with_quadrature_in_the_plane(name):
    """E sigma sigma and E sigma' sigma' w.w' of two weights of different norms, by a two-dimensional integral."""
    w = torch.tensor([[1.3, 0.2], [-0.4, 0.7]], dtype=torch.float64)
    act = activation(name)
    features = moments.random_features(act, w, torch.eye(2, dtype=torch.float64))
    phi, dphi = act.numeric(0), act.numeric(1)

    def mean(f, g):
        def integrand(y, x):
            u, v = (float(p[0]) * x + float(p[1]) * y for p in w)
            return f(u) * g(v) * math.exp(-(x * x + y * y) / 2) / (2 * math.pi)

        return integrate.dblquad(integrand, -9, 9, -9, 9, epsabs=1e-8, epsrel=1e-8)[0]

    def one(_):
        return 1.0

    covariance = mean(phi, phi) - mean(phi, one) * mean(one, phi)
    assert float(features.gram[0, 1]) == pytest.approx(covariance, abs=1e-7)
    assert float(features.energy[0, 1]) == pytest.approx(mean(dphi, dphi) * float(w[0] @ w[1]), abs=1e-7)


def test_simulate_gives_the_sobolev_norm_or_the_error():
    table = {"kind": "quadratic-student", "regime": "nt", "target": "goe", "ridge": 0.5}
    keywords = {"activation": "u**2", "sizes": {"d": 12, "k": 6}, "trials": 3, "seed": 2}
    sobolev = simulate(model=table, **keywords)
    error = simulate(model=table, quantity="test-error", **keywords)
    assert list(error["value"]) == list(error["error"])
    assert sobolev["value"].nunique() == 3
    assert set(sobolev) & {"n", "d", "k"} == {"d", "k"}
    again = simulate(model=table, **keywords)
    assert again.equals(sobolev)
    with pytest.raises(InvalidInputError, match="quadratic student has 'sobolev'"):
        simulate(model=table, quantity="memorised", **keywords)


def test_numbers_do_not_depend_on_the_executor():
    keywords = {"model": "quadratic-student", "activation": "relu", "sizes": {"d": 12, "k": 6}, "trials": 3, "seed": 2}
    assert simulate(**keywords).equals(simulate(**keywords, jobs=2))


def test_targets_have_norm_one_and_the_trace_asked_for():
    for target, share in (("identity", 1.0), ("goe", 0.0), ("mixed", 0.3), ("wishart", 0.5)):
        model = QuadraticStudent(target=target, trace_share=0.3)
        b = draw_target(model, streams(200, 3))
        assert float(b.norm()) == pytest.approx(1)
        assert torch.equal(b, b.T) or (b - b.T).abs().max() < 1e-15
        assert float(b.trace()) ** 2 / 200 == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"regime": "rff"}, "did you mean 'rf'"),
        ({"regime": "trained", "ridge": 1.0}, "regime='trained' has no ridge"),
        ({"regime": "rf", "time": 1.0}, "has no time"),
        ({"regime": "rf", "positive": True}, "has no positive"),
        ({"target": "goe", "covariance": "target"}, "positive semi-definite"),
        ({"trace_share": 1.5}, "trace_share from 0 to 1"),
        ({"coefficients": (1.0, 0.0)}, "one beyond the first not 0"),
        ({"scale": -1.0}, "expected scale >= 0"),
        ({"width": 3}, "width"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, match):
    with pytest.raises(InvalidInputError, match=match):
        read_model({"kind": "quadratic-student", **options})


def test_activations_that_a_regime_cannot_have_are_refused():
    s = streams(5, 4)
    with pytest.raises(InvalidInputError, match="needs a quadratic activation"):
        student(QuadraticStudent(regime="gradient-flow"), activation("tanh"), s)
    with pytest.raises(InvalidInputError, match="derivative jumps at 0"):
        student(QuadraticStudent(regime="nt"), activation("relu"), s)
    with pytest.raises(InvalidInputError, match="at most 8000 features"):
        student(QuadraticStudent(regime="nt"), activation("tanh"), streams(100, 100))
    with pytest.raises(InvalidInputError, match="fitted to a population"):
        interpolator(QuadraticStudent(), x=torch.eye(2), w=torch.eye(2), y=torch.ones(2), act=activation("tanh"))


def test_an_odd_activation_learns_nothing():
    fit = student(QuadraticStudent(), activation("tanh"), streams(8, 5))
    assert fit.error == pytest.approx(1, abs=1e-12)
    assert fit.sobolev == pytest.approx(0, abs=1e-12)
