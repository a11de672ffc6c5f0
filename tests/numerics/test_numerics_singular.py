"""Where a Gram matrix squares too bad a condition: singular values of the features, held against other arithmetic."""

import mpmath
import numpy as np
import pytest
import torch

from bigtheta.numerics.experiment import checked_experiment
from bigtheta.numerics.interpolate import solve_features, solve_gram, solve_least_squares
from bigtheta.numerics.models import interpolator
from bigtheta.numerics.sweep import simulate
from bigtheta.numerics.trial import Trial, draw, measure
from bigtheta.theory.catalogue import activation
from bigtheta.theory.limits.named import limit_values
from bigtheta.theory.model import BothLayers, NeuralTangent, RandomFeatures
from bigtheta.theory.networks import QuadraticForm


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def features_of(n, p, condition, seed=0):
    """Phi (n, p) of a known condition."""
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.standard_normal((size, min(n, p))))[0] for size in (n, p))
    return torch.from_numpy((left * np.geomspace(1, 1 / condition, min(n, p))) @ right.T)


def exactly(phi, y, ridge=0.0):
    """theta in 60 digits: the normal equations, of the labels where they are fewer, are good enough there."""
    with mpmath.workdps(60):
        a, b = mpmath.matrix(phi.tolist()), mpmath.matrix(y.tolist())
        n, p = phi.shape
        if n > p:
            theta = mpmath.lu_solve(a.T * a + ridge * mpmath.eye(p), a.T * b)
        else:
            theta = a.T * mpmath.lu_solve(a * a.T + ridge * mpmath.eye(n), b)
        return np.array([float(value) for value in theta])


# The solve


@pytest.mark.parametrize(("n", "p"), [(12, 12), (9, 20), (20, 9)])
@pytest.mark.parametrize("ridge", [0.0, 1e-13, 1e-2])
@pytest.mark.parametrize("condition", [1e2, 1e7])
def test_singular_values_agree_with_sixty_digits(n, p, ridge, condition):
    phi, y = features_of(n, p, condition), normal(n, seed=1)
    found, exact = solve_features(phi, y, ridge=ridge), exactly(phi, y, ridge)
    assert found.status == ("least-squares" if n > p and ridge == 0 else "svd")
    assert found.residual < 1e-8
    off = np.linalg.norm(found.coefficients.numpy() - exact) / np.linalg.norm(exact)
    assert off < (1e-12 if ridge == 1e-2 else 3e-15 * condition)
    assert found.condition == pytest.approx((1 + ridge) / (condition**-2 + ridge), rel=1e-6)
    together = solve_features(phi, torch.stack([y, -2 * y], dim=1), ridge=ridge)
    torch.testing.assert_close(together.coefficients[:, 1], -2 * found.coefficients, rtol=1e-10, atol=0)


def test_the_features_are_made_only_where_their_gram_matrix_fails():
    y = normal(12, seed=1)
    for condition, status in ((1e3, "ok"), (1e7, "svd")):
        phi, made = features_of(12, 15, condition), []
        found = solve_gram(phi @ phi.T, y, features=lambda phi=phi, made=made: made.append(1) or phi)
        assert (found.status, len(made)) == (status, int(status == "svd"))
        assert (found.parameters is None) == (status == "ok")
        assert solve_gram(phi @ phi.T, y).status == ("ok" if status == "ok" else "failed")


@pytest.mark.parametrize("condition", [1e3, 3e7, 1e8, 1e9])
def test_least_squares_just_past_the_threshold(condition):
    """At 1e8 the normal equations lose a direction, and their residual does not show it."""
    phi, y = features_of(21, 20, condition), normal(21, seed=1)
    found, exact = solve_least_squares(phi, y), exactly(phi, y)
    assert (found.status, found.residual < 1e-6) == ("least-squares", True)
    assert np.linalg.norm(found.coefficients.numpy() - exact) < 1e-14 * condition * np.linalg.norm(exact)


def test_labels_out_of_reach_still_fail():
    phi = features_of(12, 15, 10.0)
    phi[3] = phi[5]
    found = solve_gram(phi @ phi.T, normal(12, seed=1), features=lambda: phi)
    assert (found.status, found.residual > 1e-2) == ("failed", True)
    gram = phi @ phi.T
    gram[1, 2] = gram[2, 1] = float("nan")
    assert solve_gram(gram, normal(12), features=lambda: 1 / 0).status == "failed"


# Models


def erf(h):
    return np.vectorize(mpmath.erf, otypes=[float])(h)


FUNCTIONS = {
    "erf": (erf, lambda h: 2 / np.sqrt(np.pi) * np.exp(-(h**2))),
    "tanh": (np.tanh, lambda h: 1 / np.cosh(h) ** 2),
}


@pytest.mark.parametrize(("act", "index"), [("erf", 0), ("tanh", 1)])
def test_random_features_on_their_threshold_agree_with_numpy(act, index):
    """n = k = 600: the Gram matrix has a condition of 1e11 to 1e13, the features its root."""
    model = {"kind": "random-features", "weights": "small"}
    e = checked_experiment(model, "sobolev", act, {"n": 600, "d": 300, "k": 600}, "sphere", None, 1)
    trial = Trial(e, e.cells[0], index, 0, "cpu")
    row, drawn = measure(trial), draw(trial, device="cpu")
    assert (row["status"], row["residual"] < 1e-8) == ("svd", True)
    x, y, z, w = (part.numpy() for part in (drawn.sample.x, drawn.sample.y, drawn.sample.z, drawn.weights))
    phi, slope = FUNCTIONS[act]
    made = phi(x @ w.T)
    gradient = (slope(z @ w.T) * np.linalg.lstsq(made, y, rcond=None)[0]) @ w
    assert row["value"] == pytest.approx(np.sqrt((gradient**2).sum(1).mean()), rel=1e-6)
    assert row["condition"] == pytest.approx(np.linalg.cond(made) ** 2, rel=1e-3)
    below, at = limit_values("sobolev", e, e.activation, {"n": [590, 600], "d": [300] * 2, "k": [600] * 2})
    assert at == np.inf  # so that S is as large as the draw makes it
    assert row["value"] > below


def tanh_in_sixty_digits(x, w, y, z, ridge):
    """f(z) of random features, every step in 60 digits."""
    with mpmath.workdps(60):
        a, b, labels, c = (mpmath.matrix(part.tolist()) for part in (x, w, y, z))
        made, at = (a * b.T).apply(mpmath.tanh), (c * b.T).apply(mpmath.tanh)
        dual = mpmath.lu_solve(made * made.T / b.rows + ridge * mpmath.eye(a.rows), labels)
        return np.array([float(value) for value in at * (made.T * dual) / b.rows])


@pytest.mark.parametrize("ridge", [0.0, 1e-14])
def test_nearly_dependent_neurons_agree_with_sixty_digits(ridge):
    x, w, y, z = normal(10, 4), normal(10, 4, seed=2), normal(10, seed=3), normal(5, 4, seed=4)
    w[1] = w[0] + 3e-8 * w[2]
    fit = interpolator(RandomFeatures(ridge=ridge), x=x, w=w, y=y, act=activation("tanh"))
    assert fit.solution.status == "svd"
    assert fit.predict(z).numpy() == pytest.approx(tanh_in_sixty_digits(x, w, y, z, ridge), rel=1e-5)


def explicit(model, x, w):
    """The features of a model, in NumPy, tanh the activation."""
    if isinstance(model, QuadraticForm):
        return (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)  # twice the monomials: the same least norm
    h = x @ w.T
    tangent = ((1 - np.tanh(h) ** 2)[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    parts = {RandomFeatures: [np.tanh(h)], NeuralTangent: [tangent], BothLayers: [np.tanh(h), tangent]}
    return np.concatenate(parts[type(model)], axis=1) / np.sqrt(len(w))


MODELS = [RandomFeatures, NeuralTangent, BothLayers, QuadraticForm]


@pytest.mark.parametrize("ridge", [1e-30, 1e-14, 1e-12, 1e-10, 1e-6])
@pytest.mark.parametrize("model", MODELS)
def test_a_tiny_ridge_with_more_labels_than_parameters_is_ridge_regression(model, ridge):
    """The n x n system has the condition 1/ridge; that of the parameters does not."""
    x, w, y, z = normal(60, 5), normal(7, 5, seed=2), normal(60, seed=3), normal(9, 5, seed=4)
    fit = interpolator(model(ridge=ridge), x=x, w=w, y=y, act=activation("tanh"))
    assert (fit.solution.status, fit.solution.residual < 1e-6) == ("svd" if ridge < 1e-9 else "ok", True)
    made, at = (explicit(model(), part.numpy(), w.numpy()) for part in (x, z))
    augmented = np.concatenate([made, np.sqrt(ridge) * np.eye(made.shape[1])])
    theta = np.linalg.lstsq(augmented, np.concatenate([y.numpy(), np.zeros(made.shape[1])]), rcond=None)[0]
    assert fit.predict(z).numpy() == pytest.approx(at @ theta, rel=1e-6 if ridge < 1e-9 else 1e-4)
    if fit.solution.status == "svd":
        step = 1e-4 * torch.eye(5).to(z)
        slopes = [(fit.predict(z + along) - fit.predict(z - along)) / 2e-4 for along in step]
        torch.testing.assert_close(fit.gradient(z), torch.stack(slopes, dim=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", ["random-features", "neural-tangent", "both-layers", "quadratic-form"])
def test_a_trial_with_a_tiny_ridge_is_no_failure(model):
    sizes = {"n": 150, "d": 6, "k": 8}
    rows = simulate(
        model={"kind": model, "ridge": 1e-13}, activation="tanh", sizes=sizes, quantity="test-error", trials=2
    )
    assert list(rows["status"]) == ["svd", "svd"]
    assert (rows["value"] < 10).all()
