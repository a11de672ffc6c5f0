"""Activations with removable singularities: the value there is the limit, in every derived number and evaluation."""

import math

import mpmath
import numpy as np
import pytest
import sympy
import torch

from bigtheta.numerics.lower import lower_activation
from bigtheta.theory.activation import Parity, u
from bigtheta.theory.balls import flint, precision
from bigtheta.theory.catalogue import activation
from bigtheta.theory.energy import energy
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.filled import filled_function, mpmath_function, patches, singular_points
from bigtheta.theory.growth import growth_bound
from bigtheta.theory.hermite import expansion, hermite
from bigtheta.theory.number import Certified
from bigtheta.theory.quadrature import estimate
from bigtheta.theory.removable import holes, taylor
from bigtheta.verify.conformance import check_activation

GIVEN = {  # by quadrature in 30 digits
    "sin(u)/u": {0: "0.855624391892149", 2: "-0.176135867175201", 4: "0.0287305830205249"},
    "(1-cos(u))/u^2": {0: "0.462155051604782", 2: "-0.0485681322431662", 4: "0.00523560328548345"},
    "u/(exp(u)-1)": {0: "1.07959145171447", 1: "-0.5", 2: "0.107784958172337", 4: "-0.00499540844741719"},
    "erf(u)/u": {0: "0.9145479179192", 2: "-0.186024168518924", 4: "0.072447815566058"},
    "(u^2-1)/(u-1)": {0: "1", 1: "1", 2: "0", 4: "0"},
}


@pytest.mark.parametrize("formula", GIVEN)
def test_coefficients_in_fifteen_digits(formula):
    numbers = expansion(formula, 4)
    for order, digits in GIVEN[formula].items():
        assert numbers[order].value == pytest.approx(float(digits), rel=2e-14, abs=1e-30)


def quotient(above, below):
    """In mpmath, with digits to spare near a zero of both."""

    def function(x):
        with mpmath.workdps(3 * mpmath.mp.dps + 20):
            value = above(x) / below(x)
        return +value

    return function


m = mpmath
CASES = {  # phi, where it is 0/0, and its value there
    "sin(u)/u": (quotient(m.sin, lambda x: x), 0, 1),
    "log(1+u^2)/u^2": (quotient(lambda x: m.log1p(x * x), lambda x: x * x), 0, 1),
    "tanh(u)/u": (quotient(m.tanh, lambda x: x), 0, 1),
    "(exp(u)-1)/u": (quotient(m.expm1, lambda x: x), 0, 1),
    "u/sinh(u)": (quotient(lambda x: x, m.sinh), 0, 1),
    "sin(u)^2/u^2": (quotient(lambda x: m.sin(x) ** 2, lambda x: x * x), 0, 1),
    "(sqrt(1+u^2)-1)/u": (quotient(lambda x: m.sqrt(1 + x * x) - 1, lambda x: x), 0, 0),
    "sin(pi*u)/(u-1)": (quotient(lambda x: m.sin(m.pi * x), lambda x: x - 1), 1, -math.pi),
    "u/(1-exp(-u))": (quotient(lambda x: x, lambda x: 1 - m.exp(-x)), 0, 1),
    "log(2+sin(u)/u)": (lambda x: m.log(2 + quotient(m.sin, lambda y: y)(x)), 0, math.log(3)),
    "(exp(u)-2)/(u-log(2))": (quotient(lambda x: m.exp(x) - 2, lambda x: x - m.log(2)), math.log(2), 2),
    "cos(pi*u/2)/(u^2-1)": (quotient(lambda x: m.cos(m.pi * x / 2), lambda x: x * x - 1), 1, -math.pi / 4),
}  # fmt: skip


@pytest.mark.parametrize("formula", CASES)
def test_coefficients_against_mpmath(formula):
    phi, at, _ = CASES[formula]
    numbers = expansion(formula, 3)
    with mpmath.workdps(25):
        edges = sorted({-14, -9, -6, -4, -2, -1, 0, 1, 2, 4, 6, 9, 14, float(at)})
        for j in range(4):
            norm = mpmath.sqrt(2**j * mpmath.factorial(j))
            exact = mpmath.quad(lambda x: phi(x) * mpmath.hermite(j, x / mpmath.sqrt(2)) / norm * mpmath.npdf(x), edges)  # noqa: B023
            assert numbers[j].value == pytest.approx(float(exact), rel=2e-14, abs=1e-15)
            if isinstance(numbers[j], Certified):
                assert numbers[j].radius < mpmath.mpf(10) ** -15 * max(abs(exact), mpmath.mpf(10) ** -10)


@pytest.mark.parametrize("formula", CASES)
def test_values_and_derivatives_at_and_near_the_point(formula):
    phi, at, limit = CASES[formula]
    act = activation(formula)
    assert float(act.values([at])[0]) == pytest.approx(limit, rel=1e-14, abs=1e-16)
    x = at + np.array([0.0, 1e-300, 1e-12, 1e-9, -1e-9, 1e-5, -1e-3, 0.03, 0.3, -0.9, 1.1, 5.0])
    for order in (0, 1, 2):
        found = lower_activation(act, order)(torch.tensor(x, dtype=torch.float64)).numpy()
        again = act.numeric(order)(x)
        for point, value, other in zip(x, found, again, strict=True):
            with mpmath.workdps(60):
                h = mpmath.mpf(10) ** -12
                p = mpmath.mpf(float(point)) + mpmath.mpf(10) ** -30
                a, b, c = phi(p - h), phi(p), phi(p + h)
                exact = float((b, (c - a) / (2 * h), (c - 2 * b + a) / h**2)[order])
            assert value == pytest.approx(exact, rel=1e-12, abs=1e-13)
            assert other == pytest.approx(exact, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_quotient_that_cancels_keeps_every_digit_and_its_gradient(dtype):
    x = torch.tensor([1e-9, -1e-9, 0.0, 1e-4], dtype=dtype, requires_grad=True)
    value = lower_activation(activation("(1-cos(u))/u^2"))(x)
    assert value.tolist() == pytest.approx([0.5, 0.5, 0.5, 0.5 - 1e-8 / 24], rel=2 * torch.finfo(dtype).eps)
    (slope,) = torch.autograd.grad(value.sum(), x)
    assert slope.tolist() == pytest.approx([-1e-9 / 12, 1e-9 / 12, 0.0, -1e-4 / 12], rel=1e-6)


@pytest.mark.parametrize("formula", ["u/sinh(u)", "abs(u)/u", "sin(abs(u))/u"])
def test_all_that_is_derived_agrees(formula):
    assert {result.outcome.value for result in check_activation(formula, raises=True)} <= {"passed", "skipped"}


@pytest.mark.parametrize(
    ("formula", "parity", "kinks", "power", "rate"),
    [
        ("sin(u)/u", Parity.EVEN, (), 0, 0), ("abs(u)/u", Parity.ODD, (0,), 0, 0),
        ("u/(exp(u)-1)", Parity.NONE, (), 1, 0), ("(exp(u)-1)/u", Parity.NONE, (), 0, 1),
        ("(sqrt(1+u^2)-1)/u", Parity.ODD, (), 1, 0), ("sin(abs(u))/u", Parity.ODD, (0,), 0, 0),
        ("(u^3-1)/(u-1)", Parity.NONE, (), 2, 0), ("1/tanh(u)-1/u", Parity.ODD, (), 0, 0),
    ],
)  # fmt: skip
def test_parity_kinks_and_growth(formula, parity, kinks, power, rate):
    act = activation(formula)
    bound = growth_bound(act)
    assert (act.parity, act.kinks, bound.power, bound.rate) == (parity, kinks, power, rate)
    x = np.concatenate([np.linspace(-20, 20, 400), [1e-9, -1e-9]])
    assert np.all(np.log(np.abs(act.values(x)) + 1e-300) <= [bound.log_at(point) + 1e-9 for point in x])


def test_jumps_at_a_filled_end():
    act = activation("sin(abs(u))/u")
    assert act.jump(0, 0) == 2
    assert not act.is_weakly_differentiable
    assert activation("tanh(u)*abs(u)/u").is_weakly_differentiable


def test_common_factors_are_divided_out_exactly():
    assert activation("(u^3-1)/(u-1)").expression == u**2 + u + 1
    assert activation("(u^2-1)/(u-1)").expression == u + 1
    assert sympy.expand(activation("sin(2*u)/sin(u)").expression - 2 * sympy.cos(u)) == 0
    assert activation("u/(1+u^2)").expression == u / (1 + u**2)
    assert str(hermite("(u^2-1)/(u-1)", 1)) == "1 (exact)"


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("1/u", "pole"), ("sin(u)/u^2", "pole"), ("tan(u)/u", "pole"), ("(u^2-1)/(u-2)", "pole"), ("cos(u)/u", "pole"),
        ("1/tanh(u)", "pole"), ("sin(u)/u + 1/(u-3)", "pole"), ("sin(u)/sin(2*u)", "pole|infinitely many zeros"),
        ("exp(-1/u^2)", "inside a function"), ("u/(cos(u)-2*u+1/3)", "zeros that are not known exactly"),
        ("abs(u)/u^2", "pole"), ("(1-cos(u))/u^3", "pole"),
    ],
)  # fmt: skip
def test_what_is_no_removable_singularity_is_refused_with_its_reason(formula, reason):
    with pytest.raises(InvalidInputError, match=reason):
        activation(formula)


def test_a_ball_near_the_point_holds_the_function():
    function = filled_function((1 - sympy.cos(u)) / u**2)
    with precision(200):
        assert abs(function(flint.arb(0)) - 0.5) < 1e-50
        wide = function(flint.arb(0, 0.25))
        assert wide.contains(flint.arb("0.5"))
        assert wide.contains((1 - flint.arb("0.25").cos()) * 16)
        z = flint.acb(flint.arb("1e-20"), flint.arb("1e-21"))
        assert function(z).rel_accuracy_bits() > 180
        assert (function(z) - 0.5 + z * z / 24).abs_upper() < 1e-59


def test_orders_of_zeros_are_proven_and_series_follow():
    (hole,) = holes((u - sympy.sin(u)) / (u * sympy.tanh(u) ** 2))
    assert (hole.at, hole.order) == (0, 3)
    with precision(120):
        series = taylor((u - sympy.sin(u)) / (u * sympy.tanh(u) ** 2), sympy.Integer(0), 4)
        assert [float(c.mid()) for c in series] == pytest.approx([1 / 6, 0, 1 / 9 - 1 / 120, 0], abs=1e-15)
    assert singular_points(sympy.log(2 + sympy.sin(u) / u)) == (0,)
    assert singular_points(u / (1 + u**2)) == ()
    assert patches(sympy.tanh(u)) == ()


def test_at_the_roots_of_a_cubic():
    act = activation("sin(u^3-3*u+1)/(u^3-3*u+1)")
    roots = [float(point) for point in singular_points(act.expression)]
    assert roots == pytest.approx([-1.879385241571817, 0.347296355333861, 1.532088886237956], rel=1e-14)
    assert act.values(roots) == pytest.approx([1, 1, 1], rel=1e-13)
    assert growth_bound(act).power == growth_bound(act).rate == 0


def test_estimates_and_mpmath_agree_with_the_proven():
    assert float(estimate(activation("(1-cos(u))/u^2"), 0, 20).number) == pytest.approx(0.462155051604782, rel=1e-14)
    with mpmath.workdps(50):
        value = mpmath_function((1 - sympy.cos(u)) / u**2)(mpmath.mpf("1e-30"))
        assert abs(value - mpmath.mpf("0.5") + mpmath.mpf("1e-60") / 24) < mpmath.mpf(10) ** -49
    assert energy("sin(u)/u").value == pytest.approx(0.7639556549409145, rel=1e-14)  # E sin^2(G)/G^2
