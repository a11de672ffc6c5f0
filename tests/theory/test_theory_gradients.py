"""Where gradients of a fitted kernel have no second moment: exponents by hand, integrals, refusals, simulations."""

import math

import mpmath
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bigtheta import Law, predict, simulate
from bigtheta.numerics.models import interpolator
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.formula_kernel import formula_kernel
from bigtheta.theory.kernel import both_layers_kernel, centred_kernel, ntk_kernel, rf_kernel, t
from bigtheta.theory.limits.kernels import kernel_limit
from bigtheta.theory.limits.sobolev import sobolev_limit
from bigtheta.theory.model import NTKernel
from bigtheta.theory.slopes import formula_edge, kink_exponent, least_dimension
from bigtheta.verify.cli import main

KINKS = {
    "step": 0, "sign": 0, "relu": 1, "abs": 1, "leaky_relu": 1, "hardtanh": 1, "selu": 1, "abs(u - 1)": 1,
    "exp(-abs(u))": 1, "max(u, 0) + u^2": 1, "abs(u)^(3/4)": 3 / 4, "abs(u)^(1/4)": 1 / 4, "sqrt(abs(u))": 1 / 2,
    "abs(u)^(5/4)": 5 / 4, "sign(u)*abs(u)^(1/3)": 1 / 3, "max(0, u - 10^155)": 1,
    "elu": math.inf, "softsign": math.inf, "tanh": math.inf, "u*abs(u)": math.inf, "abs(u)^3": math.inf,
}  # fmt: skip
EDGES = {
    "exp(-sqrt(2-2*t))": 1 / 2, "1-sqrt((1-t)/2)": 1 / 2, "t*(pi-acos(t))/(2*pi)": 1 / 2, "(pi-acos(t))/pi": 1 / 2,
    "asin(t)": 1 / 2, "1-sqrt(1-t^2)": 1 / 2, "1-((1-t)/2)^(1/4)": 3 / 4, "1-((1-t)/2)^(3/4)": 1 / 4,
    "exp(-(2-2*t)^(1/4))": 3 / 4, "exp(t)": 0, "t^3": 0, "1/(2-t)": 0, "asin(t/2)": 0, "exp(-sqrt(5/2-2*t))": 0,
    "(sqrt(1-t^2)+t*(pi-acos(t)))/pi": 0,
}  # fmt: skip
ROUGH = {"kind": "dot-product-kernel", "kernel": "1-((1-t)/2)^(1/4)"}


@pytest.mark.parametrize("name", KINKS)
def test_the_exponent_of_a_kink(name):
    assert kink_exponent(activation(name)) == pytest.approx(KINKS[name], abs=1e-9)


@pytest.mark.parametrize("formula", EDGES)
def test_the_exponent_of_a_formula(formula):
    assert formula_kernel(formula).edge == pytest.approx(EDGES[formula], abs=1e-9)


@pytest.mark.parametrize("name", ["relu", "abs", "leaky_relu"])
def test_kinks_and_closed_forms_agree(name):
    """From the activation's kinks, and from the closed form of the kernel."""
    for kernel, edge in ((rf_kernel, 0), (ntk_kernel, 1 / 2), (both_layers_kernel, 1 / 2)):
        made = kernel(activation(name))
        assert made.edge == centred_kernel(made).edge == edge
        assert formula_edge(made.closed.diff(t), t) == pytest.approx(edge, abs=1e-9)
    assert rf_kernel(activation("step")).edge == 1 / 2


@pytest.mark.parametrize("d", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("edge", [1 / 4, 1 / 2, 3 / 4])
@pytest.mark.parametrize("moment", [1, 2])
def test_the_least_dimension_is_that_of_the_integral(edge, moment, d):
    """int^{1 - h} kappa'^moment (1 - t^2)^{(d-3)/2} dt goes on growing as h falls iff it is infinite."""

    def integral(h):
        """In w = -log(1 - t)."""

        def density(w):
            gap = mpmath.exp(-w)
            return gap ** (1 - moment * edge) * (gap * (2 - gap)) ** (mpmath.mpf(d - 3) / 2)

        return mpmath.quad(density, mpmath.linspace(0, -mpmath.log(h), 40))

    grown = integral(mpmath.mpf(10) ** -120) / integral(mpmath.mpf(10) ** -60)
    assert (grown > 1.5) == (d < least_dimension(edge, moment))
    assert grown > 1.5 or grown == pytest.approx(1, abs=1e-3)


REFUSED = [
    ("ntk-kernel", "relu", "sobolev", 3, 4), ("ntk-kernel", "relu", "sobolev", 2, 4),
    ("ntk-kernel", "abs", "sobolev", 3, 4), ("ntk-kernel", "leaky_relu", "sobolev", 2, 4),
    ("ntk-kernel", "hardtanh", "sobolev", 3, 4), ("ntk-kernel", "relu", "sensitivity", 2, 3),
    ("ntk-kernel", "abs(u)^(3/4)", "sobolev", 4, 5),
    ({"kind": "dot-product-kernel", "kernel": "exp(-sqrt(2-2*t))"}, "relu", "sobolev", 3, 4),
    ({"kind": "dot-product-kernel", "kernel": "1-sqrt((1-t)/2)"}, "relu", "sobolev", 2, 4),
    ({"kind": "dot-product-kernel", "kernel": "t*(pi-acos(t))/(2*pi)"}, "relu", "sobolev", 3, 4),
    (ROUGH, "relu", "sobolev", 4, 5), (ROUGH, "relu", "sensitivity", 2, 3),
]  # fmt: skip


@pytest.mark.parametrize(("model", "act", "quantity", "d", "least"), REFUSED)
def test_an_infinite_mean_is_refused_before_anything_is_drawn(model, act, quantity, d, least):
    message = rf"infinite on the sphere for d < {least}, since kappa'\(t\) grows as .* but got d={d}"
    with pytest.raises(InvalidInputError, match=message):
        simulate(model=model, activation=act, quantity=quantity, sizes={"n": 10, "d": d}, trials=1)
    with pytest.raises(InvalidInputError, match=message):
        Law(
            name="x", model=model, activations=[act], quantity=quantity, statement="Theta(sqrt(n))",
            path={"d": str(d)}, sizes={"n": [10, 20, 40, 80, 160]},
        )  # fmt: skip


@pytest.mark.parametrize(
    ("model", "act", "quantity", "d", "inputs"),
    [
        ("ntk-kernel", "relu", "sobolev", 4, "sphere"),
        ("ntk-kernel", "relu", "sensitivity", 3, "sphere"),
        ("ntk-kernel", "relu", "test-error", 2, "sphere"),
        ("ntk-kernel", "relu", "lipschitz-lower", 3, "sphere"),
        ("ntk-kernel", "tanh", "sobolev", 2, "sphere"),
        ("rf-kernel", "relu", "sobolev", 2, "sphere"),
        ("ntk-kernel", "relu", "sobolev", 2, "gaussian"),
        ("ntk-kernel", "relu", "sobolev", 3, "cube"),
        ("ntk-kernel", "abs", "sobolev", 3, "laplace"),
        (ROUGH, "relu", "sobolev", 5, "sphere"),
    ],
)
def test_what_is_finite_is_simulated(model, act, quantity, d, inputs):
    table = simulate(
        model=model, activation=act, quantity=quantity, sizes={"n": 5, "d": d}, inputs=inputs, trials=1, jobs=1
    )
    assert np.isfinite(table["value"]).all()


def test_an_unbounded_gradient_has_no_lipschitz_constant():
    with pytest.raises(InvalidInputError, match=r"unbounded on the sphere in every d, since .* \(1 - t\)\^\(-3/4\)"):
        simulate(model=ROUGH, activation="relu", quantity="lipschitz-lower", sizes={"n": 10, "d": 30}, trials=1)


def test_limits_and_predictions_refuse_it_too():
    with pytest.raises(InvalidInputError, match=r"infinite on the sphere for d < 4 .* d >= 4|for d < 4, since"):
        sobolev_limit(model="ntk-kernel", activation="relu", n=[10, 20], d=3)
    with pytest.raises(InvalidInputError, match="for d < 4, since"):
        kernel_limit(ntk_kernel(activation("abs")), n=10, d=3)
    assert math.isfinite(sobolev_limit(model="ntk-kernel", activation="relu", n=10, d=4))
    smooth = Law(
        name="x", model="ntk-kernel", activations=["tanh"], statement="Theta(sqrt(n))", path={"d": "3"},
        sizes={"n": [10, 20, 40, 80, 160]},
    )  # fmt: skip
    with pytest.raises(InvalidInputError, match="for d < 4, since"):
        predict(smooth, ["relu"])
    given = ["--model", "ntk-kernel", "--path", "d=3", "--sizes", "n=10,20,40,80,160", "--activation", "relu"]
    for command in (["check", "--statement", "Theta(n)", *given], ["curve", *given]):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 2
        assert "for d < 4, since" in result.stderr


def _mean_squares(d, counts, inputs="sphere"):
    """Means of |grad f|^2 over the first so many test points, n = 5; the median of 9 fits."""
    generator = np.random.default_rng(d)

    def points(count):
        x = generator.standard_normal((count, d))
        x = x / np.linalg.norm(x, axis=1, keepdims=True) if inputs == "sphere" else x / math.sqrt(d)
        return torch.from_numpy(x)

    rows = []
    for _ in range(9):
        x, y = points(5), torch.from_numpy(generator.standard_normal(5))
        f = interpolator(NTKernel(ridge=1.0), x=x, w=None, y=y, act=activation("relu"))
        squares = f.gradient(points(max(counts))).square().sum(1)
        rows.append([float(squares[:count].mean()) for count in counts])
    return np.median(rows, axis=0)


def test_simulated_means_grow_with_the_test_points_exactly_where_they_are_infinite():
    few, many = _mean_squares(2, (300, 300_000))
    assert many > 20 * few  # P(|grad f|^2 > x) ~ x^{-1/2}: the mean of N is of order N
    few, many = _mean_squares(4, (3_000, 300_000))
    assert many == pytest.approx(few, rel=0.2)
    few, many = _mean_squares(2, (3_000, 300_000), "gaussian")
    assert many == pytest.approx(few, rel=0.2)
