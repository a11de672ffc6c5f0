"""Dual activations: closed forms against the series and against two-dimensional quadrature; certified values."""

import itertools
import math

import mpmath
import numpy as np
import pytest
import sympy

from bigtheta.theory.balls import NoBallError
from bigtheta.theory.catalogue import CATALOGUE, activation
from bigtheta.theory.dual import arc_cosine, closed_dual, dual, one_power, t
from bigtheta.theory.energy import energy
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.number import Certified, Exact
from bigtheta.theory.plane import correlated_product
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
        *itertools.product(["softsign"], ["-9/10", "1/3", "99/100"], [0, 1]),
    ],
)
def test_certified_duals_hold_more_digits(name, rho, derivative):
    short, long = (dual(name, rho, derivative=derivative, digits=d) for d in (12, 25))
    assert isinstance(short, Certified)
    assert isinstance(long, Certified)
    assert long.midpoint in short
    assert short.radius <= abs(short.midpoint) * mpmath.mpf(10) ** -12
    assert short.value == pytest.approx(series(activation(name), float(sympy.Rational(rho)), derivative), rel=1e-9)


# By mpmath in 24 to 34 digits: E phi(G) psi(G), psi(g) = E phi(rho g + sqrt(1 - rho^2) Z) in closed form, cut at the
# kinks and at steps of sqrt(1 - rho^2) around them; powers by one integral in polar coordinates.
NEAR_ONE = [
    ("hardtanh", "1-1/10**3", "0.5153816175469456011176"),
    ("hardtanh", "1-1/10**6", "0.516057868454244313048"),
    ("elu", "1-1/10**3", "0.6442773976825381319701"),
    ("elu", "-1+1/10**6", "-0.5231560605736629531621"),
    ("selu", "1-1/10**3", "0.9989308102315133252652"),
    ("selu", "-1+1/10**6", "-0.9663930818008464141806"),
    ("abs(u-1)", "1-1/10**3", "1.999011512154738773221"),
    ("abs(u-1)", "-1+1/10**6", "0.9678832634555576733633"),
    ("sqrt(abs(u))", "9/10", "0.76164219935147199979"),
    ("max(u,0)**(1/2)", "9/10", "0.36505487255734227377"),
    ("max(u,0)**(3/2)", "-1/2", "0.045052052368636837236"),
]


@pytest.mark.parametrize(("name", "rho", "value"), NEAR_ONE)
def test_digits_asked_for_are_held_near_one(name, rho, value):
    got = dual(name, rho)
    assert isinstance(got, Certified)
    with mpmath.workdps(30):
        assert abs(mpmath.mpf(value) - got.midpoint) <= got.radius + mpmath.mpf(10) ** -19
        assert got.radius <= abs(got.midpoint) * mpmath.mpf(10) ** -15


@pytest.mark.parametrize("name", ["hardtanh", "elu", "selu", "softsign", "abs(u-1)", "max(0,u-1)-abs(u+1/2)/3", "tanh"])
@pytest.mark.parametrize(("rho", "close"), [("1-1/10**12", "1e-17"), ("1-1/2**52", "1e-21")])
def test_at_one_the_dual_falls_by_the_energy_of_the_derivative(name, rho, close):
    # phi^(1 - e) = E phi^2 - e E phi'^2 + O(e^{3/2}), by one-dimensional integrals
    gap = 1 - sympy.sympify(rho, rational=True)
    got, value, slope = dual(name, rho, digits=22), dual(name, 1, digits=30), energy(name, 1, digits=20)
    assert isinstance(got, Certified)
    with mpmath.workdps(40):
        expected = number(value) - mpmath.mpf(gap.p) / gap.q * number(slope)
        assert abs(expected - got.midpoint) <= mpmath.mpf(close) + got.radius
        assert got.radius <= abs(got.midpoint) * mpmath.mpf(10) ** -22


def number(got):
    return mpmath.mpf(sympy.N(got.expression, 30)) if isinstance(got, Exact) else got.midpoint


@pytest.mark.parametrize(
    ("name", "rho", "derivative"),
    [
        ("hardtanh", "-1/3", 0),
        ("abs(u-1)", "1/3", 0),
        ("elu", "-1/2", 1),
        ("hardtanh", "2/5", 1),
        ("sign(u-1)", "1/5", 0),
    ],
)
def test_the_plane_is_the_series(name, rho, derivative):
    at, act = sympy.sympify(rho, rational=True), activation(name)
    ball = correlated_product(act.derivative(derivative), at, 70, 1.0)
    assert float(ball.rad()) < 1e-18
    assert float(ball.mid()) == pytest.approx(series(act, float(at), derivative), rel=1e-12)


@pytest.mark.parametrize("name", ["hardtanh", "softsign", "tanh"])
def test_the_dual_of_an_odd_function_is_odd(name):
    # at -rho the second factor is mirrored: other lines, other bands
    there, back = dual(name, "1-1/10**6"), dual(name, "-1+1/10**6")
    assert isinstance(there, Certified)
    assert isinstance(back, Certified)
    assert abs(there.midpoint + back.midpoint) <= there.radius + back.radius


def test_kinks_that_are_not_analytic_keep_a_proven_tail():
    assert one_power(activation("sqrt(abs(u-1))").pieces) is None
    with pytest.raises(NoBallError, match="not analytic up to its kink at u = 1"):
        correlated_product(activation("sqrt(abs(u-1))").pieces, sympy.Rational(1, 2), 60, 1.0)


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
