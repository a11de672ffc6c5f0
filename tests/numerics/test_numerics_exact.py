"""The exact Sobolev seminorm of quadratic polynomials against many points, autograd and the plain formula."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from bigtheta.numerics import exact
from bigtheta.numerics.exact import affine_energy, is_quadratic, second_moments
from bigtheta.numerics.experiment import checked_experiment
from bigtheta.numerics.measure import sobolev
from bigtheta.numerics.models import interpolator
from bigtheta.numerics.sample import draw_inputs
from bigtheta.numerics.streams import Role, Streams
from bigtheta.numerics.trial import Trial, draw, measure, moments
from bigtheta.theory.catalogue import CATALOGUE, activation
from bigtheta.theory.inputs import inputs
from bigtheta.theory.model import DotProduct
from bigtheta.theory.model import model as find_model

SIZES = {"n": 14, "d": 12, "k": 40}
MODELS = ("random-features", "neural-tangent", "both-layers", "rf-kernel", "ntk-kernel")
LAWS = ("sphere", "gaussian", "cube", "laplace", {"kind": "covariance", "spectrum": "i^(-1)"})
POLYNOMIAL = {"square", "hermite", "identity"}
"""Of the catalogue, at the default parameters."""


def trial(model="random-features", act="square", law="sphere", sizes=SIZES, **quantity):
    experiment = checked_experiment(
        model, {"kind": "sobolev", **quantity}, act, sizes, law, {"signal": 1.0, "noise": 0.5}, 1
    )
    return Trial(experiment, experiment.cells[0], 0, 7, "cpu")


def fitted(one):
    drawn, e = draw(one, device="cpu"), one.experiment
    return interpolator(e.model, x=drawn.sample.x, w=drawn.weights, y=drawn.sample.y, act=e.activation)


def many_points(one, count=200_000):
    f, e = fitted(one), one.experiment
    z = draw_inputs(e.inputs, Streams(99, "points", dict(one.cell), 0), Role.TEST, count)
    return sobolev(f, z)


@pytest.mark.parametrize("law", LAWS, ids=str)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("act", ["square", "u**2/3 + u - 2"])
def test_it_is_the_limit_of_many_points(monkeypatch, model, act, law):
    one = trial(model, act, law)
    expected = many_points(one, 40_000)
    monkeypatch.setattr("bigtheta.numerics.measure._energy", None)  # no mean over points
    assert measure(one)["value"] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("kernel", ["(1 + t)^2", "t^2", "1 + 2*t"])
def test_a_formula_of_degree_two_is_one_too(kernel):
    one = trial({"kind": "dot-product-kernel", "kernel": kernel, "ridge": 0.1}, "relu")
    assert measure(one)["value"] == pytest.approx(many_points(one), rel=0.005)


def test_a_few_test_points_change_nothing_but_where_they_are_needed():
    def value(act, points):
        return measure(trial("neural-tangent", act, test_points=points))["value"]

    f = fitted(trial("neural-tangent", "square", test_points=2))
    with_two = value("square", 2)
    assert with_two == pytest.approx(math.sqrt(float(energy_by_autograd(f, np.full(12, 1 / 12)))), rel=1e-10)
    drawn = draw(trial("neural-tangent", "square", test_points=2), device="cpu")
    assert abs(sobolev(f, drawn.sample.z) / with_two - 1) > 1e-3  # what two points would have said


def energy_by_autograd(f, second):
    """|g|^2 + tr(H S H) from the gradient and the Hessian of the predictions by autograd at a point that is not 0."""
    d = len(second)
    at = torch.linspace(-0.2, 0.3, d, dtype=torch.float64)

    def value(v):
        return f.predict(v[None])[0]

    h = torch.autograd.functional.hessian(value, at)
    g = torch.autograd.functional.jacobian(value, at) - h @ at
    return g @ g + torch.trace(h @ torch.diag(torch.from_numpy(second)) @ h)


@pytest.mark.parametrize("law", [LAWS[0], LAWS[-1]], ids=str)
@pytest.mark.parametrize("model", MODELS[:3])
def test_it_is_what_autograd_finds(model, law):
    one = trial(model, "u**2 + u/2", law)
    second = inputs(law).eigenvalues(12) if isinstance(law, dict) else np.full(12, 1 / 12)
    expected = math.sqrt(float(energy_by_autograd(fitted(one), second)))
    assert measure(one)["value"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_in_float32_it_is_exact_too(monkeypatch, model):
    one = trial({"kind": model, "ridge": 0.1})
    single = replace(one, experiment=replace(one.experiment, precision="float32"))
    monkeypatch.setattr("bigtheta.numerics.measure._energy", None)
    assert measure(single)["value"] == pytest.approx(measure(one)["value"], rel=1e-4)
    assert measure(single)["value"] != measure(one)["value"]


@pytest.mark.parametrize("block", [1, 5, 12])
def test_the_block_does_not_matter(monkeypatch, block):
    whole = measure(trial())["value"]
    monkeypatch.setattr(exact, "_BLOCK", block)
    assert measure(trial())["value"] == pytest.approx(whole, rel=1e-13)


@pytest.mark.parametrize("name", sorted(set(CATALOGUE) - {"step", "sign"}))
def test_which_activations_take_the_path(name):
    for model in MODELS:
        assert is_quadratic(find_model(model), activation(name)) == (name in POLYNOMIAL)
    assert not is_quadratic(find_model("trained-network"), activation(name))


def test_which_formulas_and_inputs_take_the_path():
    assert is_quadratic(DotProduct(kernel="1 + t^2"), activation("relu"))
    assert not is_quadratic(DotProduct(kernel="1 + t^3"), activation("square"))
    assert not is_quadratic(DotProduct(kernel="exp(t)"), activation("square"))
    assert second_moments(inputs("digits"), 64) is None
    assert moments(trial(act="cubic")) is None
    assert moments(trial(act="relu")) is None


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_second_moments_are_those_of_the_draws(law):
    law = inputs(law)
    x = draw_inputs(law, Streams(5, "moments", {"n": 1, "d": 6}, 0), Role.INPUTS, 200_000)
    assert float(x.mean(0).abs().max()) < 0.006
    covariance = x.T @ x / len(x)
    assert float((covariance - torch.diag(second_moments(law, 6))).abs().max()) < 0.006


def test_a_gradient_that_is_not_affine_is_measured_at_points(monkeypatch):
    """A cubic activation that is said to be quadratic: found out at the probes, and the mean over points returned."""
    plain = measure(trial(act="cubic"))["value"]
    monkeypatch.setattr("bigtheta.numerics.trial.is_quadratic", lambda model, act: True)
    assert moments(trial(act="cubic")) is not None
    assert measure(trial(act="cubic"))["value"] == plain
    one = trial(act="cubic")
    drawn = draw(one, device="cpu")
    wrong, affine = affine_energy(fitted(one).gradient, moments(one), drawn.sample.z[:4])
    assert not bool(affine)
    assert abs(math.sqrt(float(wrong)) / plain - 1) > 1e-3


def test_a_stack_is_told_apart_trial_by_trial():
    generator = torch.Generator().manual_seed(0)
    h, z = (torch.randn(3, 5, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    bend = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)[:, None, None]
    moment = torch.rand(5, generator=generator, dtype=torch.float64)
    energy, affine = affine_energy(lambda points: points @ h.mT + 2 + bend * points**2, moment, z)
    assert affine.tolist() == [True, False, True]
    expected = 4 * 5 + (h.square() * moment).sum((1, 2))
    assert energy[[0, 2]].tolist() == pytest.approx(expected[[0, 2]].tolist(), rel=1e-12)


def test_no_numbers_are_not_affine():
    nothing, affine = affine_energy(lambda z: z * math.nan, torch.ones(3).double(), torch.ones(2, 3).double())
    assert math.isnan(nothing)
    assert not bool(affine)
