"""Kinks at real roots that radicals do not show as real: isolated, exact, and right in 15 digits."""

import mpmath
import numpy as np
import pytest
import sympy

from bigtheta.theory.activation import Activation, Parity, u
from bigtheta.theory.balls import ball_of, precision
from bigtheta.theory.catalogue import activation
from bigtheta.theory.energy import energy
from bigtheta.theory.hermite import expansion
from bigtheta.theory.zeros import ZerosError, inside, ordered, real_zeros, value_at

GIVEN = {  # by quadrature in 30 digits
    "abs(u^3-3*u+1)": {0: "1.67543952501885", 1: "-0.417890723408261", 2: "1.27805854676057", 4: "1.19213275573454"},
    "abs(u^4-u-1)": {0: "3.26015841496226", 1: "-0.601557313095892", 2: "7.84854758864968", 4: "5.2763807447604"},
    "abs(u^4+u-3)": {0: "4.2438699028292", 1: "0.261826654664108", 2: "6.56337284934172", 4: "5.87796591636374"},
}


@pytest.mark.parametrize("formula", GIVEN)
def test_coefficients_of_cubics_and_quartics(formula):
    numbers = expansion(formula, 4)
    for order, digits in GIVEN[formula].items():
        assert numbers[order].value == pytest.approx(float(digits), rel=2e-14)


CASES = {  # the polynomial, lowest first, that changes sign at the kinks, and phi in mpmath
    "abs(u^3-3*u+1)": ([1, -3, 0, 1], lambda x: abs(x**3 - 3 * x + 1)),
    "abs(u^5-u-1)": ([-1, -1, 0, 0, 0, 1], lambda x: abs(x**5 - x - 1)),
    "max(0, u^3-3*u+1)*tanh(u)": ([1, -3, 0, 1], lambda x: max(0, x**3 - 3 * x + 1) * mpmath.tanh(x)),
    "max(u^3-3*u, -1)": ([1, -3, 0, 1], lambda x: max(x**3 - 3 * x, -1)),
    "abs(u^4-5*u^2+3)": ([3, 0, -5, 0, 1], lambda x: abs(x**4 - 5 * x**2 + 3)),
    "abs(u^5-5*u^3+4*u-1/10)": ([mpmath.mpf(-1) / 10, 4, 0, -5, 0, 1], lambda x: abs(x**5 - 5 * x**3 + 4 * x - 0.1)),
    "sign(u^3-3*u+1)": ([1, -3, 0, 1], lambda x: mpmath.sign(x**3 - 3 * x + 1)),
    "min(u, u^3-2*u+1/2)": ([0.5, -3, 0, 1], lambda x: min(x, x**3 - 2 * x + 0.5)),
    "abs(u^3-u-1)/(1+u^2)": ([-1, -1, 0, 1], lambda x: abs(x**3 - x - 1) / (1 + x**2)),
    "abs(u^4-4*u^2+1)": ([1, 0, -4, 0, 1], lambda x: abs(x**4 - 4 * x**2 + 1)),
}  # fmt: skip


@pytest.mark.parametrize("formula", CASES)
def test_kinks_and_coefficients_against_mpmath(formula):
    polynomial, phi = CASES[formula]
    act = activation(formula)
    with mpmath.workdps(30):
        roots = sorted(
            r.real for r in mpmath.polyroots(polynomial[::-1], maxsteps=200, extraprec=200) if abs(mpmath.im(r)) < 1e-20
        )
        assert [float(k) for k in act.kinks] == pytest.approx([float(r) for r in roots], rel=1e-15)
        numbers = expansion(act, 3)
        if "1/10" in formula:
            phi = lambda x: abs(x**5 - 5 * x**3 + 4 * x - mpmath.mpf(1) / 10)  # noqa: E731
        for j in range(4):
            he = lambda x, j=j: mpmath.hermite(j, x / mpmath.sqrt(2)) / mpmath.sqrt(2**j * mpmath.factorial(j))  # noqa: E731
            edges = [-14, *range(-10, 0, 2), *roots, *range(4, 12, 2), 14]
            exact = mpmath.quad(lambda x, he=he: phi(x) * he(x) * mpmath.npdf(x), sorted(edges))
            assert numbers[j].value == pytest.approx(float(exact), rel=1e-13, abs=1e-15)


@pytest.mark.parametrize(
    ("formula", "kinks"),
    [("abs((u^3-3*u+1)^2)", 0), ("abs((u^3-3*u+1)^3)", 3), ("abs((u-1)^2*(u+2))", 1), ("abs((u^3-u-1)^2*(u-2))", 1)],
)
def test_a_root_of_even_multiplicity_is_no_kink(formula, kinks):
    assert len(activation(formula).kinks) == kinks


def test_roots_very_near_each_other_are_told_apart():
    near = "1.41421356237309504880168872420969807856967187537694"
    act = activation(f"abs((u^2-2)*(u-{near}))")
    assert len(act.kinks) == 3
    assert act.kinks[1] == sympy.Rational(near)  # below the root of 2
    assert act.kinks[2] == sympy.sqrt(2)
    assert act.is_weakly_differentiable
    assert float(act.jump(1, act.kinks[2])) == pytest.approx(2 * 2**1.5 * float(sympy.sqrt(2) - sympy.Rational(near)))


def test_two_roots_of_one_cubic_very_near_each_other():
    tiny = sympy.Rational(1, 10**30)
    act = Activation("close", sympy.Abs((u - 1) ** 2 * (u + 2) - tiny))
    gap = sympy.N(act.kinks[2] - act.kinks[1], 20)
    assert float(gap) == pytest.approx(2 / 3**0.5 * 1e-15, rel=1e-12)
    assert expansion(act, 0)[0].value == pytest.approx(expansion("abs((u-1)^2*(u+2))", 0)[0].value, rel=1e-14)


def test_phi_is_continuous_at_such_a_kink_exactly_and_its_slope_jumps():
    act = activation("abs(u^3-3*u+1)")
    assert act.is_weakly_differentiable
    for kink in act.kinks:
        assert act.jump(0, kink) == 0
        x = float(kink)
        assert abs(float(act.jump(1, kink))) == pytest.approx(2 * abs(3 * x**2 - 3), rel=1e-14)
    assert not activation("sign(u^3-3*u+1)").is_weakly_differentiable
    assert energy(act, 1).value == pytest.approx(18, rel=1e-14)  # E (3 G^2 - 3)^2


@pytest.mark.parametrize(
    ("formula", "parity"),
    [("abs(u^4-5*u^2+3)", Parity.EVEN), ("u*abs(u^4-5*u^2+3)", Parity.ODD), ("abs(u^3-3*u+1)", Parity.NONE)],
)
def test_parity_with_such_kinks(formula, parity):
    assert activation(formula).parity is parity


def test_a_root_as_a_ball_holds_it():
    for root in real_zeros(u**3 - 3 * u + 1):
        with precision(400):
            ball = ball_of(root)
            assert ball.rel_accuracy_bits() > 350
            assert (ball**3 - 3 * ball + 1).contains(0)
    with precision(60):
        _, left, right = map(ball_of, real_zeros((u - 1) ** 2 * (u + 2) - sympy.Rational(1, 10**30)))
        assert left < right


def test_zeros_that_are_not_known_are_not_guessed():
    with pytest.raises(ZerosError) as caught:
        real_zeros(sympy.sin(u))
    assert caught.value.infinite
    with pytest.raises(ZerosError) as caught:
        real_zeros(sympy.exp(u) - 2 - sympy.cos(u))
    assert not caught.value.infinite
    assert real_zeros(sympy.sinh(u - 1) * sympy.cosh(u) * sympy.log(u**2 - 3)) == (-2, 1, 2)


def test_numbers_between_order_and_values():
    third = real_zeros(u**3 - 3 * u + 1)
    points = ordered([sympy.sqrt(2), third[2], sympy.Integer(0), third[0], sympy.sqrt(2)])
    assert [float(p) for p in points] == sorted(float(p) for p in points)
    assert len(points) == 4
    for low, high in [(third[0], third[1]), (-sympy.oo, third[0]), (third[2], sympy.oo), (sympy.sqrt(2), third[2])]:
        middle = inside(low, high)
        assert middle.is_Rational
        assert low < middle < high
    assert value_at(sympy.tanh(u) * (u**4 - 3 * u**2 + u), third[0]) == 0
    assert value_at(u**3 - 3 * u, third[1]) == -1
    assert np.sign(float(value_at(u + sympy.tanh(u), third[0]))) == -1
