"""Quantities against closed forms: linear and quadratic functions, smoothers, caps; and what each must tell apart."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from bigtheta.numerics.interpolate import Solution
from bigtheta.numerics.lipschitz import Layers, largest_quotient, layers_of, search, search_starts
from bigtheta.numerics.measure import MEASURES, Fit, measured, memorised
from bigtheta.numerics.models import Interpolator, interpolator
from bigtheta.numerics.sample import draw_sample, draw_weights
from bigtheta.numerics.streams import Role, Streams
from bigtheta.numerics.sweep import simulate
from bigtheta.theory.catalogue import activation
from bigtheta.theory.data import QUANTITIES, LipschitzLower, inputs, labels, quantity
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Law
from bigtheta.theory.model import RandomFeatures, RFKernel

D, N, M = 8, 40, 3000


def streams(trial=0, **sizes):
    return Streams(1, "quantities", {"n": N, "d": D} | sizes, trial)


def fit_of(predict, gradient, *, law="sphere", target=None, test_points=M, trial=0):
    """A function of closed form in place of a fitted model."""
    target = labels(target if target is not None else {"signal": 1.0, "noise": 0.5})
    drawn = streams(trial)
    sample = draw_sample(inputs(law), target, drawn, count=N, test_points=test_points)
    return Fit(Interpolator(predict, gradient, Solution(sample.y, 0.0, 1.0, "ok")), sample, None, drawn)


def linear(b):
    return lambda z: z @ b, lambda z: b.expand(len(z), D)


def quadratic(a):
    return lambda z: ((z @ a) * z).sum(1), lambda z: 2 * z @ a


def vector(seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(D))


def form(seed=0):
    g = torch.from_numpy(np.random.default_rng(seed).standard_normal((D, D)))
    return g + g.T


def value(name, fit, **options):
    return measured(quantity({"kind": name, **options}), fit)


def test_every_quantity_is_measured():
    assert set(MEASURES) == set(QUANTITIES)


# --- gradients -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", ["sphere", "gaussian", "cube"])
def test_sobolev_and_sensitivity_of_linear_and_quadratic_functions(law):
    b, a = vector(), form()
    assert value("sobolev", fit_of(*linear(b), law=law)) == pytest.approx(float(b.norm()), rel=1e-12)
    expected = 2 * float(torch.linalg.matrix_norm(a)) / math.sqrt(D)  # E |2 A x|^2 = 4 |A|_F^2 / d
    assert value("sobolev", fit_of(*quadratic(a), law=law)) == pytest.approx(expected, rel=0.05)
    norms = {"sphere": 1.0, "gaussian": math.sqrt(2 / D) * math.gamma((D + 1) / 2) / math.gamma(D / 2)}
    if law in norms:
        assert value("sensitivity", fit_of(*linear(b), law=law)) == pytest.approx(
            float(b.norm()) * norms[law], rel=0.02
        )


def test_sensitivity_is_free_of_the_scale_of_inputs_and_sobolev_is_not():
    b = vector()
    fit = fit_of(*linear(b))
    sample = replace(fit.sample, x=3 * fit.sample.x, z=3 * fit.sample.z)
    scaled = Fit(Interpolator(*linear(b / 3), fit.f.solution), sample, None, fit.streams)
    assert value("sensitivity", scaled) == pytest.approx(value("sensitivity", fit))
    assert value("sobolev", scaled) == pytest.approx(value("sobolev", fit) / 3)


def test_test_points_are_as_many_as_asked():
    given = {"model": "rf-kernel", "activation": "relu", "sizes": {"n": 9, "d": 12}, "seed": 2, "trials": 40}
    frame = simulate(**given, quantity={"kind": "sobolev", "test_points": 3})
    many = simulate(**given)
    assert frame.value.median() == pytest.approx(many.value.median(), rel=0.15)
    assert not set(frame.value) & set(many.value)


# --- Lipschitz from below --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_search_finds_the_lipschitz_constant_of_linear_and_quadratic_functions(seed):
    b, a = vector(seed), form(seed)
    assert value("lipschitz-lower", fit_of(*linear(b))) == pytest.approx(float(b.norm()), rel=1e-6)
    spectrum = torch.linalg.eigvalsh(a)  # |P 2 A z|^2 = 4 Var_z(A) <= (largest - smallest)^2
    assert value("lipschitz-lower", fit_of(*quadratic(a))) == pytest.approx(float(spectrum[-1] - spectrum[0]), rel=1e-6)


def test_a_radial_term_is_not_seen_on_the_sphere():
    a = form() + 1000 * torch.eye(D, dtype=torch.float64)
    spectrum = torch.linalg.eigvalsh(a)
    assert value("lipschitz-lower", fit_of(*quadratic(a))) == pytest.approx(float(spectrum[-1] - spectrum[0]), rel=1e-5)
    assert value("sobolev", fit_of(*quadratic(a))) > 1000


def test_the_search_is_not_the_mean():
    """Negative control: without steps it stays well below the maximum."""
    a = form()
    few = value("lipschitz-lower", fit_of(*quadratic(a)), steps=1, starts=2)
    assert few < 0.95 * value("lipschitz-lower", fit_of(*quadratic(a)))


def test_the_search_finds_the_rim_of_caps():
    """f = sum_i y_i max(x_i . x - (1 - s), 0)/s has the tangential constant sqrt((2 - s)/s) = sqrt(7) at s = 1/4."""
    s, d, n = 0.25, 1000, 50
    drawn = Streams(3, "caps", {"n": n, "d": d}, 0)
    sample = draw_sample(inputs("sphere"), labels("signs"), drawn, count=n, test_points=0)
    x, y = sample.x, sample.y
    assert float((x @ x.T).fill_diagonal_(0).max()) <= 2 * (1 - s) ** 2 - 1

    def gradient(z):
        return ((z @ x.T > 1 - s) * y) @ x / s

    found = search(gradient, search_starts(x, drawn, 64), steps=200)
    assert found <= math.sqrt(7) + 1e-9
    assert found == pytest.approx(math.sqrt(7), rel=2e-3)


def test_the_search_is_at_least_what_points_show():
    """On a fitted kernel in three dimensions, where 20,000 points are a fine net."""
    drawn = streams(d=3)
    sample = draw_sample(inputs("sphere"), labels("signs"), drawn, count=12, test_points=20_000)
    fitted = interpolator(RFKernel(), x=sample.x, w=None, y=sample.y, act=activation("erf"))
    g = fitted.gradient(sample.z)
    tangential = (g - (g * sample.z).sum(1, keepdim=True) * sample.z).norm(dim=1)
    found = measured(LipschitzLower(), Fit(fitted, sample, None, drawn))
    assert float(tangential.max()) * (1 - 1e-9) <= found <= 1.05 * float(tangential.max())


def test_half_of_the_starts_lie_near_training_points():
    x = draw_sample(inputs("sphere"), labels({}), streams(), count=N, test_points=0).x
    starts = search_starts(x, streams(), 20)
    assert torch.allclose(starts.norm(dim=1), torch.ones(20, dtype=torch.float64))
    cosines = (starts @ x.T).max(1).values
    assert float(cosines[:10].min()) > 0.9
    assert float(cosines[10:].mean()) < 0.9


# --- Lipschitz from above --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Network(Interpolator):
    """A two-layer network that shows its weights."""

    weights: Layers

    def layers(self):
        return self.weights


def network(width):
    rng = np.random.default_rng(width)
    a, w = torch.from_numpy(rng.standard_normal(width)), torch.from_numpy(rng.standard_normal((width, D)))
    fit = fit_of(lambda z: (z @ w.T).tanh() @ a, lambda z: (a / (z @ w.T).cosh() ** 2) @ w)
    fitted = Network(fit.f.predict, fit.f.gradient, fit.f.solution, Layers(a, w, 1.0))
    return Fit(fitted, fit.sample, w, fit.streams), a, w


@pytest.mark.parametrize("width", [1, 3, 30])
def test_the_bounds_enclose_the_constant(width):
    fit, a, w = network(width)
    above, below = value("lipschitz-upper", fit), value("lipschitz-lower", fit)
    assert above == pytest.approx(np.linalg.norm(a.numpy()) * np.linalg.svd(w.numpy())[1][0])
    assert below <= above * (1 + 1e-12)
    assert value("sobolev", fit) <= above
    if width == 1:  # attained by one neuron, at pre-activation 0, where the gradient a w is tangential
        assert below == pytest.approx(above, rel=1e-6)


def test_a_model_that_shows_no_weights_is_refused_with_the_reason():
    with pytest.raises(InvalidInputError, match="shows its weights but this model does not"):
        value("lipschitz-upper", fit_of(*linear(vector())))
    with pytest.raises(InvalidInputError, match="no bounded slope"):
        _ = Layers(vector(), form(), math.inf).lipschitz_bound
    assert layers_of(network(2)[0].f).hidden.shape == (2, D)


@pytest.mark.parametrize("act", ["relu", "tanh", "gelu", "leaky_relu", "sin"])
@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_random_features_show_their_weights(act, ridge):
    """The product from the pseudo-inverse's theta, the singular values of W and the largest of many slopes."""
    drawn = streams(k=60)
    sample = draw_sample(inputs("sphere"), labels("noise"), drawn, count=N, test_points=M)
    w = draw_weights(drawn)
    fitted = interpolator(RandomFeatures(ridge=ridge), x=sample.x, w=w, y=sample.y, act=activation(act))
    fit = Fit(fitted, sample, w, drawn)
    phi = activation(act).values((sample.x @ w.T).numpy()) / math.sqrt(60)
    theta = phi.T @ np.linalg.solve(phi @ phi.T + ridge * np.eye(N), sample.y.numpy())
    slope = np.abs(activation(act).numeric(1)(np.linspace(-9, 9, 180_001))).max()
    above = slope * np.linalg.norm(theta) / math.sqrt(60) * np.linalg.svd(w.numpy())[1][0]
    assert value("lipschitz-upper", fit) == pytest.approx(above, rel=1e-6)
    assert 0 < value("lipschitz-lower", fit) <= value("lipschitz-upper", fit)
    assert value("sobolev", fit) <= value("lipschitz-upper", fit)


def test_the_bound_of_more_labels_than_neurons_and_of_an_unbounded_slope():
    given = {"sizes": {"n": 30, "d": 5, "k": 8}, "trials": 2, "seed": 4, "model": "random-features"}
    frame = simulate(**given, activation="tanh", quantity="lipschitz-upper")
    assert set(frame.status) == {"least-squares"}
    assert (frame.value > 0).all()
    with pytest.raises(InvalidInputError, match=r"bounded slope .*no bound"):
        simulate(**given, activation="square", quantity="lipschitz-upper")
    with pytest.raises(InvalidInputError, match=r"two-layer network .* use lipschitz-lower"):
        simulate(**{**given, "model": "neural-tangent"}, activation="tanh", quantity="lipschitz-upper")


# --- McShane ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1, 7, 4_000_000])
def test_the_largest_quotient_is_that_of_all_pairs(monkeypatch, block):
    monkeypatch.setattr("bigtheta.numerics.lipschitz._BLOCK_NUMBERS", block)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((N, D)), rng.standard_normal(N)
    pairs = [(abs(y[i] - y[j]) / np.linalg.norm(x[i] - x[j])) for i in range(N) for j in range(i)]
    assert largest_quotient(torch.tensor(x), torch.tensor(y)) == pytest.approx(max(pairs), rel=1e-12)
    w = rng.standard_normal((3, D))
    p = np.linalg.pinv(w) @ w
    pairs = [(abs(y[i] - y[j]) / np.linalg.norm(p @ (x[i] - x[j]))) for i in range(N) for j in range(i)]
    assert largest_quotient(torch.tensor(x), torch.tensor(y), onto=torch.tensor(w)) == pytest.approx(
        max(pairs), rel=1e-9
    )


def test_near_and_equal_inputs():
    x = torch.tensor([[1.0, 0.0], [1.0, 1e-9], [0.0, 1.0]], dtype=torch.float64)
    assert largest_quotient(x, torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)) == pytest.approx(2e9)
    twice = torch.cat([x, x])
    assert largest_quotient(twice, torch.ones(6, dtype=torch.float64)) == 0
    assert largest_quotient(twice, torch.arange(6, dtype=torch.float64)) == math.inf


def test_no_lipschitz_function_through_the_labels_beats_the_quotient():
    """The McShane extension min_i y_i + L |x - x_i| goes through the labels at the quotient, and not below it."""
    sample = draw_sample(inputs("sphere"), labels("signs"), streams(), count=N, test_points=0)
    least = largest_quotient(sample.x, sample.y)
    distance = torch.cdist(sample.x, sample.x, compute_mode="donot_use_mm_for_euclid_dist")
    for factor, through in ((1.0, True), (0.99, False)):
        extension = (sample.y[None, :] + factor * least * distance).min(1).values
        assert torch.allclose(extension, sample.y, atol=1e-12) == through


@pytest.mark.parametrize(("d", "expected"), [(64, 2.92), (128, 2.46), (256, 2.04)])
def test_projected_quotients_of_random_signs_are_the_measured_ones(d, expected):
    """Lip/sqrt(d/k) at n = d, k = d/4; the published figures are means of a few draws."""
    frame = simulate(
        model="random-features", activation="relu", sizes={"n": d, "d": d, "k": d // 4}, trials=12, seed=3,
        quantity={"kind": "mcshane", "projected": True}, labels={"noise_law": "signs"}, device="cpu",
    )  # fmt: skip
    ratio = frame.value / 2
    assert ratio.mean() == pytest.approx(expected, abs=0.15 if d > 64 else 0.3)
    assert set(frame.status) == {"no-fit"}


def test_the_projection_is_that_on_the_weights_and_loses_distance():
    drawn = streams(k=2)
    sample = draw_sample(inputs("sphere"), labels("signs"), drawn, count=N, test_points=0)
    fit = Fit(None, sample, draw_weights(drawn), drawn)
    plain, projected = value("mcshane", fit), value("mcshane", fit, projected=True)
    assert projected > 2 * plain
    wide = Fit(None, sample, draw_weights(streams(k=D)), drawn)
    assert value("mcshane", wide, projected=True) == pytest.approx(plain)


def test_a_law_of_the_quotient_needs_no_fit():
    given = {"name": "b", "model": "random-features", "statement": "Theta(1)", "sizes": {"n": [32, 64]}}
    path = {"d": "n", "k": "n/4"}
    law = Law(**given, path=path, quantity={"kind": "mcshane", "projected": True}, labels="signs")
    assert simulate(law, trials=2).value.min() > 1
    with pytest.raises(InvalidInputError, match="cannot fit 32 labels"):
        Law(**given, path=path)


# --- errors and memory -----------------------------------------------------------------------------------------------


def test_errors_of_a_known_function():
    target = {"signal": 1.0, "noise": 0.5}
    fit = fit_of(*linear(torch.zeros(D, dtype=torch.float64)), target=target)
    assert value("test-error", fit) == pytest.approx(1 / D, rel=0.1)  # E (beta . x)^2
    assert value("train-error", fit) == pytest.approx(float(fit.sample.y.square().mean()))
    beta = torch.linalg.lstsq(fit.sample.x, fit.sample.clean[:, None]).solution[:, 0]
    right = fit_of(*linear(beta), target=target)
    assert value("test-error", right) < 1e-20
    assert value("train-error", right) == pytest.approx(float(right.sample.noise.square().mean()))
    assert value("memorised", right) == pytest.approx(0, abs=1e-9)
    assert value("test-error", fit_of(*linear(-beta), target=target)) == pytest.approx(4 / D, rel=0.1)


@pytest.mark.parametrize("ridge", [0.0, 0.1, 1.0, 30.0])
def test_the_fraction_memorised_by_a_smoother_is_its_trace(ridge):
    """E over the noise of <H eps, eps>/|eps|^2 is tr(H)/n, whatever is left of a signal that H reproduces."""
    drawn = streams(k=200)
    x = draw_sample(inputs("sphere"), labels({}), drawn, count=N, test_points=0).x
    w = draw_weights(drawn)
    phi = torch.relu(x @ w.T) / math.sqrt(200)
    gram = phi @ phi.T
    trace = float((gram @ torch.linalg.inv(gram + ridge * torch.eye(N, dtype=torch.float64))).trace()) / N
    values = []
    for trial in range(60):
        sample = draw_sample(inputs("sphere"), labels({}), streams(trial, k=200), count=N, test_points=0)
        sample = replace(sample, x=x)
        fitted = interpolator(RandomFeatures(ridge=ridge), x=x, w=w, y=sample.y, act=activation("relu"))
        values.append(memorised(fitted.predict(x), sample))
    assert np.mean(values) == pytest.approx(trace, abs=0.02)
    assert (ridge == 0) == (abs(np.mean(values) - 1) < 1e-6)


def test_the_table_of_quantities_runs_end_to_end():
    for name in QUANTITIES.keys() - {"lipschitz-upper", "operator-norm", "adversarial-risk"}:  # no kernel has these
        frame = simulate(
            model={"kind": "rf-kernel", "ridge": 0.1}, activation="tanh", sizes={"n": 12, "d": 15}, quantity=name,
            trials=2, labels={"signal": 1.0, "noise": 0.5}, seed=1,
        )  # fmt: skip
        assert np.isfinite(frame.value).all()
        assert (frame.value > 0).all(), name


def test_search_starts_come_from_a_stream_of_their_own():
    assert Role.SEARCH not in (Role.INPUTS, Role.TEST, Role.LABELS, Role.WEIGHTS, Role.SIGNAL)
    one, two = (search_starts(torch.eye(D, dtype=torch.float64), streams(trial), 6) for trial in (0, 1))
    assert not torch.equal(one, two)
