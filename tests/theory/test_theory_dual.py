"""Dual activations: closed forms against the series and against two-dimensional quadrature; certified values."""

import itertools
import math

import mpmath
import numpy as np
import pytest
import sympy

from bigtheta.theory.catalogue import CATALOGUE, activation
from bigtheta.theory.dual import arc_cosine, closed_dual, dual, t
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.number import Certified, Exact
from bigtheta.theory.quadrature import panels

CLOSED = (
    "relu", "leaky_relu", "relu_power", "squared_relu", "abs", "step", "sign", "identity", "square", "cubic", "hermite",
    "erf", "gelu", "sin", "cos", "gaussian", "exp", "u^3-u+1", "hermite(j=5)", "cos(frequency=2, phase=1)",
    "exp(u)-exp(-u/2)", "sinh(u)", "exp(-u^2/5)", "2*erf(3*u)", "relu_power(p=4)", "3+2*u-abs(u)",
)  # fmt: skip
JUMPS = ("step", "sign")


def series(act, rho, derivative):
    mu2 = panels(act, 1000) ** 2
    j = np.arange(len(mu2))
    weights = (mu2 * (j if derivative else 1))[derivative:]
    return float(np.sum(weights * rho ** (j[derivative:] - derivative)))


def by_quadrature(function, rho, kink=0.0):
    """E f(X) f(rho X + sqrt(1-rho^2) Y), Gauss-Legendre in panels that end at the kink of either factor."""
    nodes, weights = np.polynomial.legendre.leggauss(40)

    def line(edges):
        middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
        x = (middle[:, None] + half[:, None] * nodes).ravel()
        return x, (half[:, None] * weights).ravel() * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)

    total = 0.0
    for x, w in zip(*line(np.array([-9, -6, -4, -2, -1, kink, 1, 2, 4, 6, 9.0])), strict=True):
        cut = (kink - rho * x) / math.sqrt(1 - rho * rho)
        y, v = line(np.unique(np.clip([-9, -6, -4, -2, -1, 1, 2, 4, 6, 9, cut, cut - 1, cut + 1], -9, 9)))
        total += w * function(np.array([x]))[0] * np.dot(v, function(rho * x + math.sqrt(1 - rho * rho) * y))
    return total


@pytest.mark.parametrize("rho", [-0.8, -0.31, 0.0, 0.45, 0.9])
@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_are_the_series(name, rho):
    act = activation(name)
    for derivative in (0, 1):
        if derivative and name in JUMPS:
            continue
        closed = float(closed_dual(act, derivative).subs(t, rho))
        size = 1 + abs(float(closed_dual(act, derivative).subs(t, sympy.Rational(99, 100))))
        assert closed == pytest.approx(series(act, rho, derivative), rel=1e-12, abs=1e-12 * size)


@pytest.mark.parametrize("rho", [-0.6, 0.3, 0.85])
@pytest.mark.parametrize(
    "name", ["relu", "squared_relu", "abs", "erf", "gelu", "cos", "gaussian", "tanh", "mish", "elu"]
)
def test_against_two_dimensional_quadrature(name, rho):
    act = activation(name)
    expected = by_quadrature(act.values, rho)
    assert dual(act, rho).value == pytest.approx(expected, rel=1e-9, abs=1e-10)
    slope = by_quadrature(act.numeric(1), rho)
    assert dual(act, rho, derivative=1).value == pytest.approx(slope, rel=1e-9, abs=1e-10)


def test_a_wrong_closed_form_would_be_seen():
    wrong = closed_dual(activation("erf")).subs(t, t * (1 + sympy.Rational(1, 10**9)))
    assert abs(float(wrong.subs(t, 0.9)) - series(activation("erf"), 0.9, 0)) > 1e-11


def test_where_no_closed_form_is_known():
    assert [name for name in CATALOGUE if closed_dual(activation(name)) is not None] == [
        name for name in CATALOGUE if name in CLOSED
    ]
    assert closed_dual(activation("step"), 1) is None


@pytest.mark.parametrize("power", range(6))
def test_arc_cosine_at_its_ends(power):
    # at t = 1 it is E G_+^{2p} = (2p-1)!!/2, at t = -1 nothing
    at = lambda x: sympy.simplify(arc_cosine(power).subs(t, x))  # noqa: E731
    assert at(1) == sympy.Rational(1, 2) * (sympy.factorial2(2 * power - 1) if power else 1)
    assert at(-1) == 0
    if power:  # phi' = p u_+^{p-1}
        slope = sympy.simplify(sympy.diff(arc_cosine(power), t) - power**2 * arc_cosine(power - 1))
        assert slope == 0


def test_the_notes_of_cho_and_saul():
    theta = sympy.Symbol("theta", positive=True)
    j2 = 3 * sympy.sin(theta) * sympy.cos(theta) + (sympy.pi - theta) * (1 + 2 * sympy.cos(theta) ** 2)
    for angle in (0.4, 1.1, 2.6):
        assert float(arc_cosine(2).subs(t, math.cos(angle))) == pytest.approx(
            float(j2.subs(theta, angle)) / (2 * math.pi), rel=1e-13
        )


@pytest.mark.parametrize(
    ("name", "rho", "derivative"),
    [
        *itertools.product(["tanh", "softplus", "mish"], ["-9/10", "1/3", "99/100"], [0, 1]),
        *itertools.product(["softsign"], ["-9/10", "1/3"], [0, 1]),  # its kink's series is too long at 0.99
    ],
)
def test_certified_duals_hold_more_digits(name, rho, derivative):
    short, long = (dual(name, rho, derivative=derivative, digits=d) for d in (12, 25))
    assert isinstance(short, Certified)
    assert isinstance(long, Certified)
    assert long.midpoint in short
    assert short.radius <= abs(short.midpoint) * mpmath.mpf(10) ** -12
    assert short.value == pytest.approx(series(activation(name), float(sympy.Rational(rho)), derivative), rel=1e-9)


def test_the_certified_tail_is_needed():
    # softsign at 0.999: 1000 terms leave a visible tail, which the ball must hold
    got = dual("softsign", "999/1000", digits=15)
    assert isinstance(got, Certified)
    assert got.radius > mpmath.mpf(10) ** -14
    longer = series(activation("softsign"), 0.999, 0)
    assert mpmath.mpf(longer) in Certified(got.midpoint, got.radius + mpmath.mpf(10) ** -13)


def test_at_one_and_minus_one():
    assert dual("relu", 1) == Exact(sympy.Rational(1, 2))
    assert dual("relu", -1).value == pytest.approx(0, abs=1e-15)
    assert dual("tanh", 1).value == pytest.approx(0.394294490397841)
    assert dual("tanh", -1, digits=6).value == pytest.approx(-0.394294490397841, rel=1e-6)


@pytest.mark.parametrize("rho", [1.5, -2, "n", None, True, "1/0", math.nan])
def test_correlations_outside_are_refused(rho):
    with pytest.raises(InvalidInputError, match=r"correlation"):
        dual("tanh", rho)


def test_the_dual_of_a_jump_has_no_derivative():
    with pytest.raises(InvalidInputError, match="jumps at 0"):
        dual("step", 0.5, derivative=1)
    with pytest.raises(InvalidInputError, match="derivative"):
        dual("tanh", 0.5, derivative=2)
