"""Every model against explicit features, a pseudo-inverse and autograd: none of it shares code with the simulators."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate

from bigtheta.numerics.lower import lower_activation
from bigtheta.numerics.models import interpolator, neural_tangent
from bigtheta.theory.catalogue import CATALOGUE, activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.model import DotProduct, NeuralTangent, NTKernel, RandomFeatures, RFKernel
from bigtheta.theory.model import model as find_model

PHI = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "abs": torch.abs,
    "cos": torch.cos,
    "square": lambda v: v**2 / 2,
    "softplus": torch.nn.functional.softplus,
    "gelu": torch.nn.functional.gelu,
    "erf": torch.erf,
    "sigmoid": torch.sigmoid,
    "sin": torch.sin,
    "leaky_relu": lambda v: torch.nn.functional.leaky_relu(v, 0.01),
    "relu_power": lambda v: torch.relu(v) ** 3,
    "squared_relu": lambda v: torch.relu(v) ** 2,
    "cubic": lambda v: v**3,
    "hermite": lambda v: v**2 - 1,
    "gelu_tanh": lambda v: torch.nn.functional.gelu(v, approximate="tanh"),
    "swish": torch.nn.functional.silu,
    "silu": torch.nn.functional.silu,
    "mish": torch.nn.functional.mish,
    "elu": torch.nn.functional.elu,
    "selu": torch.nn.functional.selu,
    "celu": torch.nn.functional.celu,
    "hardtanh": torch.nn.functional.hardtanh,
    "hardswish": lambda v: v * torch.clamp(v / 6 + 0.5, 0, 1),
    "gaussian": lambda v: torch.exp(-(v**2) / 2),
    "exp": torch.exp,
    "arctan": torch.atan,
    "softsign": torch.nn.functional.softsign,
}
NOT_FITTED = {"step", "sign", "identity", "hardsigmoid"}
"""Two jump, so that no gradient exists; two are linear where the inputs see them, too few features for 12 labels."""


def test_every_activation_has_a_reference():
    assert set(CATALOGUE) - NOT_FITTED == set(PHI)


def draw(n, d, k, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x, w, y, z = (
        torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((n, d), (k, d), (n,), (7, d))
    )
    x, z = (v / v.norm(dim=1, keepdim=True) for v in (x, z))
    return x, w, y, z


def by_autograd(f, z):
    z = z.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(f(z).sum(), z)
    return gradient


def random_features(x, w, y, phi, ridge):
    k = len(w)

    def features(z):
        return phi(z @ w.T) / math.sqrt(k)

    p = features(x)
    if ridge:
        theta = p.T @ torch.linalg.solve(p @ p.T + ridge * torch.eye(len(x)).double(), y)
    else:
        theta = torch.linalg.pinv(p) @ y
    return lambda z: features(z) @ theta


def neural_tangent_by_features(x, w, y, phi, ridge):
    k, d = w.shape

    def features(z):
        h = (z @ w.T).requires_grad_(True)
        (slope,) = torch.autograd.grad(phi(h).sum(), h, create_graph=True)
        return (slope[:, :, None] * z[:, None, :]).reshape(len(z), k * d) / math.sqrt(k)

    p = features(x).detach()
    if ridge:
        theta = p.T @ torch.linalg.solve(p @ p.T + ridge * torch.eye(len(x)).double(), y)
    else:
        theta = torch.linalg.pinv(p) @ y
    return lambda z: features(z) @ theta


@pytest.mark.parametrize("name", sorted(PHI))
@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize(
    ("model", "oracle"), [(RandomFeatures, random_features), (NeuralTangent, neural_tangent_by_features)]
)
def test_finite_width_model_agrees_with_explicit_features(name, ridge, model, oracle):
    x, w, y, z = draw(n=12, d=9, k=20)
    reference = oracle(x, w, y, PHI[name], ridge)
    fitted = interpolator(model(ridge=ridge), x=x, w=w, y=y, act=activation(name))
    scale = reference(z).detach().abs().max()
    assert (fitted.predict(z) - reference(z)).abs().max() < 1e-9 * scale
    gradient = by_autograd(reference, z)
    assert (fitted.gradient(z) - gradient).abs().max() < 1e-9 * gradient.abs().max()
    if ridge == 0:
        assert (fitted.predict(x) - y).abs().max() < 1e-9


@pytest.mark.parametrize(("points", "k", "d"), [(3, 30, 40), (200, 5, 6)])
def test_both_gradient_formulas_of_the_neural_tangent_agree(points, k, d):
    x, w, y, _ = draw(n=15, d=d, k=k)
    z = draw(n=points, d=d, k=k, seed=5)[0]
    fitted = interpolator(NeuralTangent(), x=x, w=w, y=y, act=activation("gelu"))
    one_by_one = torch.cat([fitted.gradient(point[None]) for point in z])
    assert (fitted.gradient(z) - one_by_one).abs().max() < 1e-10 * one_by_one.abs().max()
    gradient = by_autograd(neural_tangent_by_features(x, w, y, PHI["gelu"], 0.0), z)
    assert (fitted.gradient(z) - gradient).abs().max() < 1e-9 * gradient.abs().max()


def test_a_wrong_second_derivative_is_caught(monkeypatch):
    """tanh'' written as -2 tanh (1 - tanh): the oracle comparison above must not be blind to it."""
    x, w, y, z = draw(n=12, d=9, k=20)
    right = lower_activation(activation("tanh"), 2)

    def wrong(act, order=0):
        return (lambda h: -2 * torch.tanh(h) * (1 - torch.tanh(h))) if order == 2 else lower_activation(act, order)

    h = torch.linspace(-2, 2, 9, dtype=torch.float64)
    assert (right(h) - wrong(None, 2)(h)).abs().max() > 0.1
    monkeypatch.setattr(neural_tangent, "lower_activation", wrong)
    fitted = interpolator(NeuralTangent(), x=x, w=w, y=y, act=activation("tanh"))
    gradient = by_autograd(neural_tangent_by_features(x, w, y, torch.tanh, 0.0), z)
    assert (fitted.gradient(z) - gradient).abs().max() > 1e-3 * gradient.abs().max()


def test_random_features_do_not_depend_on_the_block(monkeypatch):
    from bigtheta.numerics.models import random_features as module

    x, w, y, z = draw(n=12, d=9, k=50)
    whole = interpolator(RandomFeatures(), x=x, w=w, y=y, act=activation("relu")).gradient(z)
    monkeypatch.setattr(module, "BLOCK", 7)
    monkeypatch.setattr(module, "KEPT", 0)
    blocks = interpolator(RandomFeatures(), x=x, w=w, y=y, act=activation("relu")).gradient(z)
    assert (whole - blocks).abs().max() < 1e-10 * whole.abs().max()


@pytest.mark.parametrize("model", [RandomFeatures, NeuralTangent])
def test_more_labels_than_parameters_is_least_squares(model):
    x, w, y, z = draw(n=60, d=4, k=6)
    oracle = random_features if model is RandomFeatures else neural_tangent_by_features
    reference = oracle(x, w, y, torch.tanh, 0.0)
    fitted = interpolator(model(), x=x, w=w, y=y, act=activation("tanh"))
    assert fitted.solution.status == "least-squares"
    assert (fitted.predict(x) - y).abs().max() > 0.1
    gradient = by_autograd(reference, z)
    assert (fitted.gradient(z) - gradient).abs().max() < 1e-8 * gradient.abs().max()


def expectation(phi, psi, t):
    """E phi(G) psi(G') for correlation t, by quadrature of independent normals."""

    def integrand(v, g):
        gp = t * g + math.sqrt(1 - t * t) * v
        return phi(g) * psi(gp) * math.exp(-(g * g + v * v) / 2) / (2 * math.pi)

    return integrate.dblquad(integrand, -8, 8, -8, 8, epsabs=1e-9, epsrel=1e-9)[0]


@pytest.mark.parametrize(
    ("name", "phi", "dphi"),
    [
        ("tanh", math.tanh, lambda v: 1 / math.cosh(v) ** 2),
        ("cos", math.cos, lambda v: -math.sin(v)),
        ("softplus", lambda v: math.log1p(math.exp(v)), lambda v: 1 / (1 + math.exp(-v))),
    ],
)
def test_kernel_models_use_the_dual_activation(name, phi, dphi):
    """Two points at inner product t: K_12 is E phi phi' (RF) and t E phi' phi' (NTK)."""
    t = 0.37
    x = torch.tensor([[1.0, 0.0, 0.0], [t, math.sqrt(1 - t * t), 0.0]], dtype=torch.float64)
    y = torch.tensor([1.0, 0.0], dtype=torch.float64)
    for model, off, on in (
        (RFKernel(), expectation(phi, phi, t), integrate.quad(lambda v: phi(v) ** 2 * math.exp(-v * v / 2), -9, 9)[0]),
        (
            NTKernel(),
            t * expectation(dphi, dphi, t),
            integrate.quad(lambda v: dphi(v) ** 2 * math.exp(-v * v / 2), -9, 9)[0],
        ),
    ):
        gram = np.array([[on / math.sqrt(2 * math.pi), off], [off, on / math.sqrt(2 * math.pi)]])
        expected = np.linalg.solve(gram, y.numpy())
        fitted = interpolator(model, x=x, w=None, y=y, act=activation(name))
        assert fitted.solution.coefficients.numpy() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("model", [RFKernel(), NTKernel()])
@pytest.mark.parametrize("name", ["relu", "abs", "leaky_relu", "tanh", "gelu", "cos", "square"])
def test_kernel_gradient_agrees_with_autograd(model, name):
    x, _, y, z = draw(n=14, d=30, k=1)
    fitted = interpolator(model, x=x, w=None, y=y, act=activation(name))
    # asin has infinite slope at 1: x . x = 1 - 1e-16 moves a kinked NTK's diagonal by 1e-8.
    assert (fitted.predict(x) - y).abs().max() < 1e-7
    gradient = by_autograd(fitted.predict, z)
    assert (fitted.gradient(z) - gradient).abs().max() < 1e-8 * gradient.abs().max()


@pytest.mark.parametrize("name", ["relu", "tanh", "erf"])
def test_wide_random_features_tend_to_the_kernel(name):
    """Predictions at width 200,000 within 5% of the infinite-width kernel's."""
    x, w, y, z = draw(n=10, d=20, k=200_000)
    wide = interpolator(RandomFeatures(), x=x, w=w, y=y, act=activation(name)).predict(z)
    kernel = interpolator(RFKernel(), x=x, w=None, y=y, act=activation(name)).predict(z)
    assert (wide - kernel).norm() < 0.05 * kernel.norm()
    other = interpolator(NTKernel(), x=x, w=None, y=y, act=activation(name)).predict(z)
    assert (wide - other).norm() > 0.05 * kernel.norm()


@pytest.mark.parametrize(("model", "wide"), [(RFKernel(), RandomFeatures()), (NTKernel(), NeuralTangent())])
@pytest.mark.parametrize("name", ["tanh", "softplus", "gelu", "relu"])
def test_kernels_off_the_sphere_agree_with_finite_differences_and_wide_networks(model, wide, name):
    x, w, y, z = (v for v in draw(n=12, d=25, k=50_000))
    x, z = (v * (0.7 + 0.6 * torch.rand(len(v), 1, dtype=torch.float64, generator=torch.Generator())) for v in (x, z))
    fitted = interpolator(model, x=x, w=None, y=y, act=activation(name))
    step = 1e-5 * torch.eye(25, dtype=torch.float64)
    slopes = torch.stack([(fitted.predict(z + e) - fitted.predict(z - e)) / 2e-5 for e in step], dim=1)
    assert (fitted.gradient(z) - slopes).abs().max() < 1e-7 * slopes.abs().max()
    network = interpolator(wide, x=x, w=w, y=y, act=activation(name))
    assert (network.predict(z) - fitted.predict(z)).norm() < 0.06 * fitted.predict(z).norm()
    unit = interpolator(model, x=x / x.norm(dim=1, keepdim=True), w=None, y=y, act=activation(name))
    assert (network.predict(z) - unit.predict(z)).norm() > 0.06 * fitted.predict(z).norm()


def test_a_model_without_a_simulator_is_refused_before_anything_is_simulated():
    from bigtheta.numerics.models.base import check_registered
    from bigtheta.theory.model import Model

    class Lonely(Model, frozen=True, kw_only=True, tag="lonely"):
        pass

    with pytest.raises(InvalidInputError, match=r"model 'lonely': nothing registered can simulate Lonely"):
        check_registered(Lonely())


def relu_dual(t):
    return (t * (math.pi - np.arccos(t)) + np.sqrt(1 - t * t)) / (2 * math.pi)


@pytest.mark.parametrize("ridge", [0.0, 0.2, 5.0])
@pytest.mark.parametrize(
    ("spec", "act", "kappa"),
    [
        (RFKernel, "relu", relu_dual),
        (NTKernel, "relu", lambda t: t * (math.pi - np.arccos(t)) / (2 * math.pi)),
        (RFKernel, "erf", lambda t: 2 / math.pi * np.arcsin(2 * t / 3)),
        (NTKernel, "erf", lambda t: 4 / (3 * math.pi) * t / np.sqrt(1 - (2 * t / 3) ** 2)),
        (RFKernel, "exp", lambda t: np.exp(1 + t)),
    ],
)
def test_a_ridge_is_added_to_the_diagonal_of_each_infinite_width_kernel(spec, act, kappa, ridge):
    x, _, y, z = draw(n=14, d=30, k=1)
    gram = kappa(np.clip((x @ x.T).numpy(), -1, 1))
    np.fill_diagonal(gram, kappa(np.array(1.0)) + ridge)
    c = np.linalg.solve(gram, y.numpy())
    fitted = interpolator(spec(ridge=ridge), x=x, w=None, y=y, act=activation(act))
    assert fitted.solution.coefficients.numpy() == pytest.approx(c, rel=1e-7)
    assert fitted.predict(z).numpy() == pytest.approx(kappa((z @ x.T).numpy()) @ c, rel=1e-7, abs=1e-9)
    if ridge:
        plain = interpolator(spec(), x=x, w=None, y=y, act=activation(act)).predict(z)
        assert (fitted.predict(z) - plain).abs().max() > 0.01 * plain.abs().max()


@pytest.mark.parametrize(("spec", "wide"), [(RFKernel, RandomFeatures), (NTKernel, NeuralTangent)])
def test_a_ridge_off_the_sphere_is_that_of_a_wide_network(spec, wide):
    x, w, y, z = draw(n=12, d=25, k=50_000)
    stretch = torch.linspace(0.7, 1.3, 12, dtype=torch.float64)[:, None]
    fit = {
        ridge: interpolator(spec(ridge=ridge), x=x * stretch, w=None, y=y, act=activation("tanh")) for ridge in (0, 0.5)
    }
    network = interpolator(wide(ridge=0.5), x=x * stretch, w=w, y=y, act=activation("tanh")).predict(z)
    assert (network - fit[0.5].predict(z)).norm() < 0.05 * network.norm()
    assert (network - fit[0].predict(z)).norm() > 0.3 * network.norm()


KERNELS = {
    "exp(t)": np.exp,
    "(1 + t)^3": lambda t: (1 + t) ** 3,
    "1/(2 - t)": lambda t: 1 / (2 - t),
    "exp(-sqrt(2 - 2*t))": lambda t: np.exp(-np.sqrt(2 - 2 * t)),
    "cosh(t) + tan(t)/2": lambda t: np.cosh(t) + np.tan(t) / 2,
    "t*asin(t) + sqrt(1 - t^2) + t": lambda t: t * np.arcsin(t) + np.sqrt(1 - t * t) + t,
}


@pytest.mark.parametrize("formula", sorted(KERNELS))
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_dot_product_kernel_is_the_fit_of_its_formula(formula, ridge):
    x, _, y, z = draw(n=14, d=30, k=1)
    kappa = KERNELS[formula]
    gram = kappa(np.clip((x @ x.T).numpy(), -1, 1))
    np.fill_diagonal(gram, kappa(np.array(1.0)) + ridge)
    c = np.linalg.solve(gram, y.numpy())
    fitted = interpolator(DotProduct(kernel=formula, ridge=ridge), x=x, w=None, y=y, act=activation("relu"))
    assert fitted.predict(z).numpy() == pytest.approx(kappa((z @ x.T).numpy()) @ c, rel=1e-8, abs=1e-9)
    gradient = by_autograd(fitted.predict, z)
    assert (fitted.gradient(z) - gradient).abs().max() < 1e-9 * gradient.abs().max()
    step = 1e-5
    for i in (0, 17):
        moved = z + step * torch.eye(30, dtype=torch.float64)[i], z - step * torch.eye(30, dtype=torch.float64)[i]
        slope = [kappa((points @ x.T).numpy()) @ c for points in moved]
        assert fitted.gradient(z)[:, i].numpy() == pytest.approx((slope[0] - slope[1]) / (2 * step), rel=1e-5, abs=1e-7)


def test_dot_product_kernels_of_an_activation_are_its_infinite_width_kernels():
    x, _, y, z = draw(n=14, d=30, k=1)
    formulas = {
        RFKernel(): "(t*(pi - acos(t)) + sqrt(1 - t^2))/(2*pi)",
        NTKernel(): "t*(pi - arccos(t))/(2*pi)",
    }
    for spec, formula in formulas.items():
        expected = interpolator(spec, x=x, w=None, y=y, act=activation("relu")).gradient(z)
        got = interpolator(DotProduct(kernel=formula), x=x, w=None, y=y, act=activation("cos")).gradient(z)
        assert (got - expected).abs().max() < 1e-9 * expected.abs().max()


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("cos(t)", r"coefficient of t\^2 is -0.5"),
        ("tanh(t)", r"t\^3"),
        ("1 - t", "kappa\\(1\\) > 0"),
        ("1/(1 - t)", "not finite at t = 1"),
        ("log(2 + t)", r"t\^2"),
        ("log(t)", "t = 0|t = -1"),
        ("sqrt(t)", "t = -1"),
        ("exp(t) - t^30/10^6", "what is left after"),
        ("abs(t)", "Taylor series"),
        ("max(t, 0)", "Taylor series"),
        ("x^2", "unknown symbol 'x'"),
        ("t < 1", "Taylor series"),
        ("0", "kappa"),
        ("t +", "does not parse"),
        (3, "formula in t as text"),
        (None, "formula in t as text"),
    ],
)
def test_a_formula_that_is_no_kernel_is_refused_with_the_reason(formula, words):
    with pytest.raises(InvalidInputError, match=words):
        DotProduct(kernel=formula)


def test_a_refused_kernel_would_have_been_no_kernel():
    """cos(x . x') with enough points is indefinite: what the refusal saves from."""
    x = draw(n=300, d=4, k=1)[0]
    assert np.linalg.eigvalsh(np.cos((x @ x.T).numpy())).min() < -1
    assert np.linalg.eigvalsh(np.exp((x @ x.T).numpy())).min() > -1e-9


def test_dot_product_kernel_reads_from_a_table_and_needs_the_sphere():
    spec = find_model({"kind": "dot-product-kernel", "kernel": "exp( t )", "ridge": 0.1})
    assert spec == DotProduct(kernel="exp(t)", ridge=0.1)
    assert (spec.parameters, spec.uses) == (None, ("n", "d"))
    with pytest.raises(InvalidInputError, match="kernel"):
        find_model("dot-product-kernel")
    x, _, y, _ = draw(n=5, d=4, k=1)
    with pytest.raises(InvalidInputError, match="unit sphere"):
        interpolator(spec, x=2 * x, w=None, y=y, act=activation("relu"))
