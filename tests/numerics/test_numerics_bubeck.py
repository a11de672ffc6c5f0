"""Quadratic forms, caps and optimised projections against numpy, scipy, autograd and the figures of the theory."""

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import torch

from bigtheta.numerics.cost import cost
from bigtheta.numerics.grassmann import optimised_quotient
from bigtheta.numerics.lipschitz import largest_quotient, search
from bigtheta.numerics.models import interpolator
from bigtheta.numerics.models.caps import cap_slope, overlap
from bigtheta.numerics.models.quadratic_form import operator_norm
from bigtheta.numerics.sweep import simulate
from bigtheta.theory.catalogue import activation
from bigtheta.theory.data import quantity
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.model import model as read_model
from bigtheta.theory.networks import Caps, QuadraticForm

RELU = activation("relu")


def data(n, d, seed=0, signs=True):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    y = rng.standard_normal(n)
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    return torch.from_numpy(x), torch.from_numpy(np.sign(y) if signs else y)


def fit(spec, x, y):
    return interpolator(spec, x=x, w=None, y=y, act=RELU)


def features(x):
    """x_a^2 and sqrt(2) x_a x_b: an orthonormal basis of the forms."""
    x = x.numpy()
    a, b = np.triu_indices(x.shape[1])
    return x[:, a] * x[:, b] * np.where(a == b, 1, math.sqrt(2))


# --- quadratic forms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(5, 12), (30, 9), (45, 9), (80, 9)])
def test_the_form_is_the_least_of_all_that_fit(n, d):
    """Against the pseudo-inverse of explicit features, below, at and beyond d (d + 1)/2 labels."""
    x, y = data(n, d, signs=False)
    fitted = fit(QuadraticForm(), x, y)
    theta = np.linalg.pinv(features(x)) @ y.numpy()
    assert float(torch.linalg.matrix_norm(fitted.form)) == pytest.approx(np.linalg.norm(theta), rel=1e-6)
    assert (fitted.predict(x).numpy() - features(x) @ theta) == pytest.approx(0, abs=1e-6)
    assert fitted.solution.status == ("least-squares" if n > d * (d + 1) / 2 else "ok")
    assert torch.equal(fitted.form, fitted.form.T)


def test_ridge_is_that_of_the_gram_matrix():
    x, y = data(30, 9)
    phi = features(x)
    theta = np.linalg.solve(phi.T @ phi + 0.3 * np.eye(45), phi.T @ y.numpy())
    assert fit(QuadraticForm(ridge=0.3), x, y).predict(x).numpy() == pytest.approx(phi @ theta, abs=1e-9)


def test_gradients_are_those_of_autograd():
    x, y = data(20, 8)
    z = data(6, 8, seed=3)[0].requires_grad_(True)
    for spec, points in ((QuadraticForm(), z), (Caps(s=0.9), z)):
        fitted = fit(spec, x, y)
        (slope,) = torch.autograd.grad(fitted.predict(points).sum(), points)
        assert (slope - fitted.gradient(points.detach())).abs().max() < 1e-12


@pytest.mark.parametrize("seed", range(20))
def test_the_bound_of_theorem_nine_holds_exactly(seed):
    """|A|_op >= n/(k |sum y_i x_i x_i^T|_op) for every form of rank k through n signs: here of rank min(n, d)."""
    n, d = [(4, 12), (10, 12), (30, 12), (70, 12)][seed % 4]
    x, y = data(n, d, seed)
    fitted = fit(QuadraticForm(), x, y)
    form = fitted.form.numpy()
    rank = np.linalg.matrix_rank(form, tol=1e-8)
    moment = np.linalg.norm((x.numpy().T * y.numpy()) @ x.numpy(), 2)
    assert rank == min(n, d)
    assert np.linalg.norm(form, 2) >= n / (rank * moment) * (1 - 1e-9)
    assert operator_norm(fitted) == pytest.approx(np.linalg.norm(form, 2), rel=1e-9)


def test_one_neuron_attains_the_bound_of_theorem_nine():
    """n = 1: A = y x x^T, |A|_op = 1 = n/(k |y x x^T|_op); so a bound twice as large would be false."""
    x, y = data(1, 6)
    assert operator_norm(fit(QuadraticForm(), x, y)) == pytest.approx(1.0, rel=1e-12)


# |A|_op/sqrt(d) at n = c d^2, random signs on the sphere
OPERATOR_NORMS = {
    0.1: {16: 0.62, 24: 0.65, 36: 0.66, 54: 0.69, 80: 0.68},
    0.25: {16: 1.25, 24: 1.27, 36: 1.28, 54: 1.34, 80: 1.37},
}


@pytest.mark.parametrize("c", OPERATOR_NORMS)
def test_operator_norms_are_those_of_the_theory(c):
    for d, expected in OPERATOR_NORMS[c].items():
        if c * d * d > 900:
            continue
        frame = simulate(
            model="quadratic-form", quantity="operator-norm", activation="relu", labels="signs", device="cpu",
            sizes={"n": int(c * d * d), "d": d}, trials=16 if d < 40 else 6, seed=2,
        )  # fmt: skip
        assert frame.value.mean() / math.sqrt(d) == pytest.approx(expected, rel=0.06)


def test_sobolev_of_a_form_is_exact():
    frame = simulate(
        model="quadratic-form", activation="relu", labels="signs", sizes={"n": 9, "d": 6}, trials=2, seed=4,
        quantity={"kind": "sobolev", "test_points": 5}, device="cpu",
    )  # fmt: skip
    many = simulate(
        model="quadratic-form", activation="relu", labels="signs", sizes={"n": 9, "d": 6}, trials=2, seed=4,
        quantity={"kind": "operator-norm"}, device="cpu",
    )  # fmt: skip
    assert (frame.value <= 2 * many.value.max()).all()  # |2 A x| <= 2 |A|_op, and never NaN
    assert (frame.status == "ok").all()


# --- caps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("s", [0.1, 0.25])
def test_caps_fit_and_their_slope_is_exact_when_they_are_disjoint(s):
    x, y = data(30, 3000)
    assert overlap(x) <= 2 * (1 - s) ** 2 - 1
    fitted = fit(Caps(s=s), x, y)
    assert fitted.solution.status == "ok"
    assert fitted.predict(x).numpy() == pytest.approx(y.numpy(), abs=1e-12)
    starts = x[:4] + 0.1 * torch.roll(x[:4], 1, dims=1)
    starts = starts / starts.norm(dim=1, keepdim=True)
    expected = math.sqrt((2 - s) / s)
    assert cap_slope(s) == expected
    assert search(fitted.gradient, starts, steps=80) == pytest.approx(expected, rel=1e-6)
    # the chord of one cap, from its centre to its edge, is not steeper than the gradient says
    edge = (1 - s) * x[0] + math.sqrt(1 - (1 - s) ** 2) * torch.nn.functional.normalize(
        x[5] - (x[5] @ x[0]) * x[0], dim=0
    )
    angle = math.acos(1 - s)
    assert abs(float(fitted.predict(x[:1])[0] - fitted.predict(edge[None])[0])) / angle <= expected


def test_caps_that_hold_another_input_say_so():
    x = torch.tensor([[1.0, 0.0], [math.cos(0.1), math.sin(0.1)]], dtype=torch.float64)
    fitted = fit(Caps(), x, torch.tensor([1.0, -1.0], dtype=torch.float64))
    assert overlap(x) > 0.75
    assert fitted.solution.status == "failed"
    assert fitted.solution.residual > 0.5


def test_overlapping_caps_are_steeper():
    """Negative control for the bound on the overlap: two caps of one sign that overlap add up."""
    angle = 0.9  # cos = .62: between 1/8 and 3/4, so the fit is exact and the caps overlap
    x = torch.tensor([[1.0, 0.0, 0.0], [math.cos(angle), math.sin(angle), 0.0]], dtype=torch.float64)
    fitted = fit(Caps(), x, torch.tensor([1.0, -1.0], dtype=torch.float64))
    assert fitted.solution.status == "ok"
    z = torch.nn.functional.normalize(x.sum(0, keepdim=True), dim=1)
    assert search(fitted.gradient, z, steps=80) > 1.05 * cap_slope(0.25)


def test_what_these_models_do_not_have_is_refused():
    refused = [
        ({"model": "quadratic-form", "quantity": "lipschitz-upper"}, "use lipschitz-lower"),
        ({"model": "random-features", "quantity": "operator-norm"}, "the model quadratic-form, which alone has it"),
        ({"model": "caps", "inputs": "gaussian"}, "unit sphere"),
        ({"model": {"kind": "caps", "s": 0}}, "0 < s < 1"),
        ({"model": {"kind": "caps", "ridge": 1.0}}, "no ridge"),
        ({"model": "random-features", "quantity": {"kind": "mcshane", "optimised": True}}, "set projected = true"),
    ]
    for changes, words in refused:
        given = {"activation": "relu", "sizes": {"n": 5, "d": 6, "k": 3}, "trials": 1, "quantity": "sobolev"} | changes
        with pytest.raises(InvalidInputError, match=words):
            simulate(**given)
    with pytest.raises(InvalidInputError, match="which alone has it"):
        operator_norm(object())
    x, y = data(4, 3)
    with pytest.raises(InvalidInputError, match="unit sphere"):
        fit(Caps(), 2 * x, y)


def test_specs_read_back():
    assert read_model({"kind": "caps", "s": 0.5}) == Caps(s=0.5)
    assert read_model("quadratic-form") == QuadraticForm()
    assert quantity({"kind": "mcshane", "projected": True}).canonical == {"kind": "mcshane", "projected": True}
    for spec in (Caps(), QuadraticForm()):
        for n in (10, 100):
            counted = cost(spec, {"n": n, "d": 8})
            assert counted.fit > 0
            assert counted.gradient(5.0)[0] > 0
            assert counted.predict(5.0)[1] > 0


# --- undercomplete networks ------------------------------------------------------------------------------------------

# Lip/sqrt(d/k) of a random projection, n = d, random signs
RANDOM = {4: {64: 2.92, 128: 2.46, 256: 2.04, 512: 1.91}, 2: {64: 2.19, 128: 1.98, 256: 1.82, 512: 1.70}}


@pytest.mark.parametrize("ratio", RANDOM)
def test_random_projections_are_those_of_the_theory(ratio):
    for d, expected in RANDOM[ratio].items():
        frame = simulate(
            model="random-features", quantity={"kind": "mcshane", "projected": True}, activation="relu",
            labels="signs", sizes={"n": d, "d": d, "k": d // ratio}, trials=max(6, 1600 // d), seed=3, device="cpu",
        )  # fmt: skip
        assert frame.value.mean() / math.sqrt(ratio) == pytest.approx(expected, rel=0.06)


def brute(x, y, v):
    """max |y_i - y_j|/|V^T (x_i - x_j)| as written, V orthonormal."""
    p = x.numpy() @ v
    return max(
        abs(float(y[i] - y[j])) / np.linalg.norm(p[i] - p[j]) for i in range(len(y)) for j in range(i) if y[i] != y[j]
    )


@pytest.mark.parametrize("signs", [True, False])
@pytest.mark.parametrize("k", [2, 3])
def test_the_descent_is_as_good_as_a_general_optimiser(k, signs):
    """Nelder-Mead on the quotient itself, from six starts as ours; both are upper bounds of the minimum."""
    x, y = data(6, 4, seed=k, signs=signs)
    rng = np.random.default_rng(0)

    def objective(entries):
        return brute(x, y, scipy.linalg.orth(entries.reshape(4, k)))

    theirs = min(
        scipy.optimize.minimize(
            objective, rng.standard_normal(4 * k), method="Nelder-Mead", options={"maxiter": 800, "maxfev": 800}
        ).fun
        for _ in range(6)
    )
    starts = [torch.from_numpy(rng.standard_normal((k, 4))) for _ in range(6)]
    ours = min(optimised_quotient(x, y, onto=start) for start in starts)
    assert theirs * 0.9 <= ours <= theirs * 1.1
    assert ours >= largest_quotient(x, y) * (1 - 1e-9), "a projection shortens every distance"


@pytest.mark.parametrize("d", [32, 96])
def test_optimised_projections_lie_between_the_bounds(d):
    x, y = data(d, d, seed=d)
    start = torch.from_numpy(np.random.default_rng(1).standard_normal((8, d)))
    random, best = largest_quotient(x, y, onto=start), optimised_quotient(x, y, onto=start)
    assert largest_quotient(x, y) < best < 0.6 * random
    assert 0.9 < best / math.sqrt(d / 8) < 1.35
    assert optimised_quotient(x, y, onto=start, steps=0) == pytest.approx(random)


def test_labels_in_a_hidden_direction_are_found():
    """y = sign of x_1 with a margin: one dimension is enough, and a random one is hopeless."""
    x, _ = data(40, 10, seed=5)
    x[:, 0] = torch.where(x[:, 0] > 0, 1.0, -1.0).to(x)
    y = x[:, 0].clone()
    start = torch.from_numpy(np.random.default_rng(2).standard_normal((1, 10)))
    assert largest_quotient(x, y, onto=start) > 5
    assert optimised_quotient(x, y, onto=start) == pytest.approx(1.0, abs=0.1)


def test_degenerate_labels_and_full_rank():
    x, y = data(10, 4)
    start = torch.from_numpy(np.random.default_rng(2).standard_normal((2, 4)))
    assert optimised_quotient(x, torch.ones_like(y), onto=start) == 0
    full = torch.from_numpy(np.random.default_rng(2).standard_normal((7, 4)))
    assert optimised_quotient(x, y, onto=full) == largest_quotient(x, y)
    twice, both = torch.cat([x[:1], x[:1]]), torch.tensor([1.0, -1.0], dtype=torch.float64)
    assert optimised_quotient(twice, both, onto=start) == math.inf
