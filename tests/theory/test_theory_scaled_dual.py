"""Dual activations at two radii against integration in polar coordinates, exact to rounding for kinks at 0."""

import itertools
import math

import numpy as np
import pytest
import sympy
from scipy import special

from bigtheta.theory.catalogue import activation
from bigtheta.theory.dual import t
from bigtheta.theory.scaled_dual import r, scaled_dual

PHI = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "abs": (np.abs, np.sign),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01)),
    "2 + 3*u - abs(u)": (lambda x: 2 + 3 * x - np.abs(x), lambda x: 3 - np.sign(x)),
    "max(u, 0) + 1/3": (lambda x: np.maximum(x, 0) + 1 / 3, lambda x: (x > 0) * 1.0),
    "max(u, 0)^2": (lambda x: np.maximum(x, 0) ** 2, lambda x: 2 * np.maximum(x, 0)),
    "u*abs(u)": (lambda x: x * np.abs(x), lambda x: 2 * np.abs(x)),
    "erf": (special.erf, lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x)),
    "3*erf(2*u)": (lambda x: 3 * special.erf(2 * x), lambda x: 12 / math.sqrt(math.pi) * np.exp(-4 * x * x)),
    "2*exp(-3*u^2)": (lambda x: 2 * np.exp(-3 * x * x), lambda x: -12 * x * np.exp(-3 * x * x)),
}


def polar(phi, one, two, rho, arcs=60, reach=14.0, panels=60):
    """E phi(r G) phi(s G') = int dtheta/(2 pi) int R e^{-R^2/2} phi(r R cos(theta)) phi(s R cos(theta - a)) dR."""
    angle = math.acos(rho)
    cuts = sorted({0.0, 2 * math.pi} | {(c + k * math.pi / 2) % (2 * math.pi) for c in (0, angle) for k in range(4)})
    x, w = np.polynomial.legendre.leggauss(arcs)
    theta = np.concatenate([(a + b) / 2 + (b - a) / 2 * x for a, b in itertools.pairwise(cuts)])
    dtheta = np.concatenate([(b - a) / 2 * w for a, b in itertools.pairwise(cuts)])
    x, w = np.polynomial.legendre.leggauss(8)
    step = reach / panels
    radius = (np.arange(panels)[:, None] * step + step / 2 + step / 2 * x).ravel()
    weight = np.tile(step / 2 * w, panels) * radius * np.exp(-(radius**2) / 2)
    values = phi(one * np.outer(radius, np.cos(theta))) * phi(two * np.outer(radius, np.cos(theta - angle)))
    return float(weight @ values @ dtheta) / (2 * math.pi)


def at(dual, one, two, rho):
    number = sympy.lambdify((r, t), [dual.weight, dual.inner, dual.offset, dual.value], "mpmath")
    (a, b, c, _), (a2, b2, c2, _) = number(one, 0), number(two, 0)
    return float(a * a2 * number(1, b * b2 * rho)[3] + c + c2)


@pytest.mark.parametrize("rho", [-0.97, -0.4, 0.0, 0.3, 0.8, 0.9999])
@pytest.mark.parametrize(("one", "two"), [(1, 1), (0.3, 1.7), (2.5, 0.8)])
@pytest.mark.parametrize("name", PHI)
def test_closed_form_at_two_radii(name, one, two, rho):
    dual = scaled_dual(activation(name))
    for which, phi in zip((dual, dual.prime), PHI[name], strict=True):
        assert at(which, one, two, rho) == pytest.approx(polar(phi, one, two, rho), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("name", PHI)
def test_parallel_inputs_have_a_number(name):
    phi, dphi = PHI[name]
    x, w = np.polynomial.legendre.leggauss(400)
    x, w = np.concatenate([7 * x - 7, 7 * x + 7]), np.tile(7 * w, 2)
    density = w * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    dual = scaled_dual(activation(name))
    for which, f in ((dual, phi), (dual.prime, dphi)):
        assert at(which, 0.6, 1.5, 1.0) == pytest.approx(density @ (f(0.6 * x) * f(1.5 * x)), rel=1e-10)


def test_the_oracle_sees_the_radii():
    tanh = polar(np.tanh, 1, 1, 0.5)
    assert polar(np.tanh, 2, 1, 0.5) > 1.2 * tanh
    assert tanh == pytest.approx(0.18632441320, rel=1e-9)


@pytest.mark.parametrize(
    "name", ["tanh", "softplus", "gelu", "max(u-1,0)", "max(min(u,1),-1)", "abs(u)*u+u", "erf(u+1)"]
)
def test_no_closed_form_where_there_is_none(name):
    assert scaled_dual(activation(name)) is None
