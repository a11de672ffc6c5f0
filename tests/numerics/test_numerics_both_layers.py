"""Both layers trained, and the scale of the frozen weights: explicit features, a pseudo-inverse, autograd, a peak."""

import math

import msgspec
import pytest
import torch

from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.models import both_layers, interpolator
from bigtheta.numerics.streams import Role, Streams
from bigtheta.numerics.sweep import simulate
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.model import (
    BothLayers,
    NeuralTangent,
    NTKernel,
    RandomFeatures,
    RFKernel,
    Weights,
    model,
    parameter_count,
)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """As trials run: small matrices gain nothing from a second thread, and lose much where cores are shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


PHI = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "cos": torch.cos,
    "gelu": torch.nn.functional.gelu,
    "abs": torch.abs,
    "exp": torch.exp,
    "softplus": torch.nn.functional.softplus,
    "square": lambda v: v**2 / 2,
}


def draw(n, d, k, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((n, d), (k, d), (n,), (7, d))
    x, w, y, z = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes)
    x, z = (v / v.norm(dim=1, keepdim=True) for v in (x, z))
    return x, w, y, z


def network_features(w, phi):
    """The gradient of g(x) = sum_j b_j phi(w_j . x) / sqrt(k) by all of (b, W) at b = 1, by autograd."""
    k, d = w.shape

    def features(z):
        h = z @ w.T
        h = h if h.requires_grad else h.requires_grad_(True)
        (slope,) = torch.autograd.grad(phi(h).sum(), h, create_graph=True)
        inner = (slope[:, :, None] * z[:, None, :]).reshape(len(z), k * d)
        return torch.cat([phi(h), inner], dim=1) / math.sqrt(k)

    return features


def oracle(x, w, y, phi, ridge):
    features = network_features(w, phi)
    p = features(x).detach()
    if ridge:
        theta = p.T @ torch.linalg.solve(p @ p.T + ridge * torch.eye(len(x)).double(), y)
    else:
        theta = torch.linalg.pinv(p) @ y
    return lambda z: features(z) @ theta


def by_autograd(f, z):
    z = z.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(f(z).sum(), z)
    return gradient


def relative(got, expected):
    return float((got - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("name", sorted(PHI))
@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize(("n", "d", "k"), [(12, 9, 20), (12, 40, 8)])
def test_it_agrees_with_explicit_features(name, ridge, n, d, k):
    x, w, y, z = draw(n, d, k)
    reference = oracle(x, w, y, PHI[name], ridge)
    fitted = interpolator(BothLayers(ridge=ridge), x=x, w=w, y=y, act=activation(name))
    assert relative(fitted.predict(z), reference(z).detach()) < 1e-8
    assert relative(fitted.gradient(z), by_autograd(reference, z)) < 1e-8
    assert fitted.solution.status == "ok"
    if ridge == 0:
        assert float((fitted.predict(x) - y).abs().max()) < 1e-8


def test_its_features_are_the_derivatives_of_a_network_by_all_its_weights():
    x, w, *_ = draw(4, 3, 5)
    features = network_features(w, torch.tanh)(x)
    b, inner = torch.ones(5, dtype=torch.float64, requires_grad=True), w.clone().requires_grad_(True)
    for row, point in zip(features, x, strict=True):
        output = (b * torch.tanh(inner @ point)).sum() / math.sqrt(5)
        by_b, by_w = torch.autograd.grad(output, (b, inner))
        assert torch.allclose(row, torch.cat([by_b, by_w.flatten()]), rtol=1e-12)


@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_its_gram_is_the_sum_of_both_and_neither_layer_alone_gives_its_fit(ridge):
    x, w, y, z = draw(12, 9, 20)
    act = activation("gelu")
    phi = torch.nn.functional.gelu(x @ w.T)
    h = (x @ w.T).requires_grad_(True)
    (slope,) = torch.autograd.grad(torch.nn.functional.gelu(h).sum(), h)
    gram = (phi @ phi.T + (slope @ slope.T) * (x @ x.T)) / 20
    c = torch.linalg.solve(gram + ridge * torch.eye(12).double(), y)
    fitted = interpolator(BothLayers(ridge=ridge), x=x, w=w, y=y, act=act)
    assert relative(fitted.solution.coefficients, c) < 1e-8
    for alone in (RandomFeatures(ridge=ridge), NeuralTangent(ridge=ridge)):
        other = interpolator(alone, x=x, w=w, y=y, act=act)
        assert relative(other.predict(z), fitted.predict(z)) > 0.01


@pytest.mark.parametrize(("points", "k", "d"), [(3, 30, 40), (200, 5, 6)])
def test_both_gradient_formulas_agree_with_each_other_and_with_finite_differences(points, k, d):
    x, w, y, _ = draw(15, d, k)
    z = draw(points, d, k, seed=5)[0]
    fitted = interpolator(BothLayers(), x=x, w=w, y=y, act=activation("gelu"))
    one_by_one = torch.cat([fitted.gradient(point[None]) for point in z])
    assert relative(fitted.gradient(z), one_by_one) < 1e-10
    step = 1e-5 * torch.eye(d, dtype=torch.float64)
    slopes = torch.stack([(fitted.predict(z + e) - fitted.predict(z - e)) / 2e-5 for e in step], dim=1)
    assert relative(fitted.gradient(z), slopes) < 1e-7


def test_a_gradient_without_the_outer_layer_is_caught(monkeypatch):
    x, w, y, z = draw(12, 9, 20)
    right = both_layers._gradient

    def wrong(z, w, theta, a, dphi, ddphi, scale):
        return right(z, w, 0 * theta, a, dphi, ddphi, scale)

    monkeypatch.setattr(both_layers, "_gradient", wrong)
    fitted = interpolator(BothLayers(), x=x, w=w, y=y, act=activation("tanh"))
    assert relative(fitted.gradient(z), by_autograd(oracle(x, w, y, torch.tanh, 0.0), z)) > 0.01


def test_more_labels_than_parameters_is_least_squares():
    x, w, y, z = draw(60, 4, 6)  # p = 6 + 24 = 30
    reference = oracle(x, w, y, torch.tanh, 0.0)
    fitted = interpolator(BothLayers(), x=x, w=w, y=y, act=activation("tanh"))
    assert fitted.solution.status == "least-squares"
    assert float((fitted.predict(x) - y).abs().max()) > 0.1
    assert relative(fitted.predict(z), reference(z).detach()) < 1e-8
    assert relative(fitted.gradient(z), by_autograd(reference, z)) < 1e-8
    ridged = interpolator(BothLayers(ridge=0.2), x=x, w=w, y=y, act=activation("tanh"))
    assert relative(ridged.predict(z), oracle(x, w, y, torch.tanh, 0.2)(z).detach()) < 1e-8


@pytest.mark.parametrize("n", [28, 29, 32])
def test_just_below_and_above_as_many_labels_as_parameters(n):
    """p = 30; n <= p interpolates, n > p does not."""
    x, w, y, _ = draw(n, 4, 6)
    fitted = interpolator(BothLayers(), x=x, w=w, y=y, act=activation("exp"))
    worst = float((fitted.predict(x) - y).abs().max())
    assert (worst < 1e-5) == (n <= 30)


def test_its_parameters_are_counted():
    assert parameter_count(BothLayers(), {"n": 1, "d": 5, "k": 7}) == 42
    assert model("both-layers") == BothLayers()
    frame = simulate(model="both-layers", activation="tanh", sizes={"n": 20, "d": 10, "k": 15}, trials=2)
    assert (frame["status"] == "ok").all()
    assert list(frame["k"]) == [15, 15]


# --- the scale of the frozen weights -------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [RandomFeatures, NeuralTangent, BothLayers])
def test_weights_at_their_default_leave_no_trace_in_the_text_that_seeds(cls):
    plain = {"kind": cls().kind, "ridge": 0.0}
    assert msgspec.to_builtins(cls()) == plain
    for explicit in (cls(weights="standard"), cls(weights=Weights.STANDARD), model({**plain, "weights": "standard"})):
        assert explicit == cls()
        assert msgspec.to_builtins(explicit) == plain
    assert msgspec.to_builtins(cls(weights="small", ridge=0.5)) == {**plain, "ridge": 0.5, "weights": "small"}
    assert model({**plain, "weights": "small"}) == cls(weights=Weights.SMALL) != cls()


@pytest.mark.parametrize("cls", [RandomFeatures, NeuralTangent, RFKernel, NTKernel])
def test_the_text_that_seeds_existing_models_is_pinned(cls):
    assert msgspec.json.encode(cls()) == b'{"kind":"%s","ridge":0.0}' % cls().kind.encode()
    assert msgspec.json.encode(cls(ridge=0.25)) == b'{"kind":"%s","ridge":0.25}' % cls().kind.encode()


@pytest.mark.parametrize("cls", [RandomFeatures, NeuralTangent, BothLayers])
def test_small_weights_are_the_standard_ones_over_the_root_of_d(cls):
    """simulate with small weights is this trial done by hand: same streams, w_j / sqrt(d)."""
    sizes, spec = {"n": 14, "d": 9, "k": 25}, cls(weights="small")
    frame = simulate(model=spec, activation="tanh", sizes=sizes, trials=1, seed=3)
    streams = Streams(3, Experiment(spec, activation("tanh"), (sizes,), (1,)).spec, sizes, 0)
    x = streams.normal(Role.INPUTS, 14, 9)
    x, z = (v / v.norm(dim=1, keepdim=True) for v in (x, streams.normal(Role.TEST, 512, 9)))
    y = streams.normal(Role.LABELS, 23)[:14]
    w = streams.normal(Role.WEIGHTS, 25, 9)

    def measured(scale):
        fitted = interpolator(spec, x=x, w=w * scale, y=y, act=activation("tanh"))
        return math.sqrt(float(fitted.gradient(z).square().sum(1).mean()))

    assert frame["value"][0] == pytest.approx(measured(1 / 3), rel=1e-12)
    assert abs(measured(1) / measured(1 / 3) - 1) > 0.05


def test_small_pre_activations_make_a_peak_at_as_many_labels_as_dimensions():
    """tanh, d = 60, k = 150: at n = d the almost linear network has to fit noise with its linear part."""

    def median(weights, n):
        options = {"activation": "tanh", "sizes": {"n": n, "d": 60, "k": 150}, "trials": 12, "seed": 1}
        return simulate(model=RandomFeatures(weights=weights), **options)["value"].median()

    assert median("small", 60) > 2 * max(median("small", 30), median("small", 100))
    assert median("standard", 60) < 1.5 * max(median("standard", 30), median("standard", 100))


@pytest.mark.parametrize("value", ["smal", 2, None])
def test_unknown_weights_are_refused(value):
    with pytest.raises(InvalidInputError, match="weights"):
        RandomFeatures(weights=value)
    with pytest.raises(InvalidInputError, match="weights"):
        model({"kind": "random-features", "weights": value})


@pytest.mark.parametrize("name", ["relu", "tanh", "softplus", "cos"])
@pytest.mark.parametrize("spec", [RandomFeatures(), NeuralTangent(), BothLayers()], ids=lambda spec: spec.kind)
def test_the_limit_kernel_is_that_of_the_simulated_features(spec, name):
    x, w, *_ = draw(6, 5, 100_000)
    h = (x @ w.T).requires_grad_(True)
    phi = PHI[name](h)
    (slope,) = torch.autograd.grad(phi.sum(), h)
    outer, inner = phi.detach() @ phi.detach().T, (slope @ slope.T) * (x @ x.T)
    gram = {"random-features": outer, "neural-tangent": inner, "both-layers": outer + inner}[spec.kind] / len(w)
    kernel = spec.limit_kernel(activation(name))
    products = (x @ x.T).fill_diagonal_(0)
    taylor = sum(a * products**j for j, a in enumerate(kernel.taylor[:400].tolist()))
    taylor.fill_diagonal_(kernel.at_one)
    assert (gram - taylor).abs().max() < 0.02 * kernel.at_one
    other = {"random-features": outer + inner, "neural-tangent": outer, "both-layers": inner}[spec.kind] / len(w)
    assert (other - taylor).abs().max() > 0.02 * kernel.at_one, "another kernel would be seen"
