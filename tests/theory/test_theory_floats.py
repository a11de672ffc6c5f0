"""One rule for floats: what is called exact or certified rests on every bit of them, and on no rounded number."""

from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy

from bigtheta.theory.activation import Activation, u
from bigtheta.theory.catalogue import activation
from bigtheta.theory.dual import dual
from bigtheta.theory.energy import energy, tail_energy
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.expression import parse_expression
from bigtheta.theory.floats import exact_number, without_floats
from bigtheta.theory.hermite import hermite
from bigtheta.theory.number import Exact
from bigtheta.theory.order import leading_order
from bigtheta.theory.scale import Path
from bigtheta.theory.spec import law_from_spec
from bigtheta.theory.statement import Peak

n = sympy.Symbol("n", positive=True)
FLOATS = [
    0.1, np.float16(0.1), np.float32(0.1), np.float64(0.1), np.longdouble(1) / 10, sympy.Float(0.1),
    sympy.Float("0.1", 40), sympy.Float("0.1", 5), mpmath.mpf("0.1"), Fraction(1, 10), Decimal("0.1"), 1,
]  # fmt: skip


def fraction(value):
    """The value of a number object from its own bits."""
    if isinstance(value, sympy.Float | mpmath.mpf):
        sign, mantissa, exponent, _ = value._mpf_
        return (-1) ** sign * int(mantissa) * Fraction(2) ** int(exponent)
    return Fraction(*map(int, value.as_integer_ratio()))


@pytest.mark.parametrize("value", FLOATS, ids=lambda v: f"{type(v).__name__}-{v}")
def test_a_number_object_is_the_fraction_of_its_bits(value):
    expected = sympy.Rational(fraction(value).numerator, fraction(value).denominator)
    assert exact_number(value) == parse_expression(value, {}) == expected
    assert without_floats(expected * u) == expected * u


@pytest.mark.parametrize("value", FLOATS, ids=lambda v: f"{type(v).__name__}-{v}")
def test_the_digits_of_a_dual_are_those_of_the_bits(value):
    r = fraction(value)
    with mpmath.workdps(60):
        r = mpmath.mpf(r.numerator) / r.denominator
        expected = (mpmath.sqrt(1 - r**2) + r * (mpmath.pi - mpmath.acos(r))) / (2 * mpmath.pi)
        assert abs(mpmath.mpf(dual("relu", value, digits=40).decimal) / expected - 1) < mpmath.mpf(10) ** -39


NEAR = [-1 + 2.0**-k for k in (3, 20, 30, 40, 52, 53)]


@pytest.mark.parametrize("make", [float, np.float64, sympy.Float, np.longdouble, mpmath.mpf])
@pytest.mark.parametrize("r", NEAR)
def test_a_dual_near_minus_one_has_all_its_digits(make, r):
    with mpmath.workdps(120):
        x = mpmath.mpf(r)
        expected = (mpmath.sqrt(1 - x**2) + x * (mpmath.pi - mpmath.acos(x))) / (2 * mpmath.pi)
        assert abs(mpmath.mpf(dual("relu", make(r)).decimal) / expected - 1) < mpmath.mpf(10) ** -14


def test_the_dual_at_minus_one_plus_an_ulp():
    assert dual("relu", sympy.Float(-1 + 2**-52)).decimal.startswith("4.9648")
    assert dual("relu", sympy.Float(-1 + 2**-52)).decimal.endswith("e-25")


@pytest.mark.parametrize("one", [-1.0, np.float32(-1), np.longdouble(-1), sympy.Float(-1), -1, "-1", "-1.0"])
def test_the_dual_of_relu_at_minus_one_is_zero(one):
    assert dual("relu", one) == Exact(sympy.Integer(0))


@pytest.mark.parametrize(
    ("expression", "order", "expected"),
    [
        (0.1 * sympy.Max(0, u - 0.3), 0, lambda a, s: a * (mpmath.npdf(s) - s * mpmath.ncdf(-s))),
        (0.1 * sympy.Max(0, u - 0.3), 1, lambda a, s: a * mpmath.ncdf(-s)),
        (sympy.Float(0.1, 15) * sympy.Max(0, u - sympy.Float(0.3, 15)), 1, lambda a, s: a * mpmath.ncdf(-s)),
        (0.1 * sympy.sin(0.3 * u), 1, lambda a, s: a * s * mpmath.exp(-(s**2) / 2)),
        (0.1 * sympy.exp(0.3 * u), 0, lambda a, s: a * mpmath.exp(s**2 / 2)),
        (0.1 * u**2.0 + 0.3 * u, 1, lambda a, s: s),
    ],
)
def test_an_activation_with_floats_is_exact_in_every_digit_it_prints(expression, order, expected):
    """Of the function that its bits are."""
    number = hermite(Activation("mine", expression), order, digits=30)
    with mpmath.workdps(50):
        exact = expected(mpmath.mpf(0.1), mpmath.mpf(0.3))
        assert abs(mpmath.mpf(number.decimal) / exact - 1) < mpmath.mpf(10) ** -29


@pytest.mark.parametrize("beta", [0.3, np.float32(0.3), np.float16(0.3), sympy.Float(0.3), sympy.Float("0.3", 30)])
def test_parameters_are_the_fractions_of_their_bits(beta):
    exact = fraction(beta)
    same = activation("softplus", beta=f"{exact.numerator}/{exact.denominator}")
    act = activation("softplus", beta=beta)
    assert act == same
    assert not act.expression.has(sympy.Float)
    assert hermite(act, 0, digits=30) == hermite(same, 0, digits=30)
    assert energy(act, digits=30) == energy(same, digits=30)
    assert tail_energy(act, 3) == tail_energy(same, 3)


def test_a_decimal_in_text_is_the_fraction_it_spells():
    assert activation("softplus", beta="0.3") == activation("softplus(beta=0.3)") == activation("softplus(beta=3/10)")
    assert dual("relu", "0.1") == dual("relu", sympy.Rational(1, 10))
    assert Activation.parse("0.1*max(0, u-0.3)").expression == sympy.Max(0, u - sympy.Rational(3, 10)) / 10
    assert Peak("n/d", at="0.7").at == (sympy.Rational(7, 10),)
    spec = {
        "name": "mine", "model": "rf-kernel", "statement": "Theta(sqrt(n))", "path": {"d": "0.7*n"},
        "sizes": {"n": [50, 100, 200, 400, 800]},
    }  # fmt: skip
    assert law_from_spec({"law": spec}).path.rules[sympy.Symbol("d", positive=True)] == sympy.Rational(7, 10) * n


def test_paths_orders_peaks_and_exact_numbers_take_floats_in_the_same_way():
    tenth = sympy.Rational(*(0.1).as_integer_ratio())
    assert Path({"d": 0.1 * n}).rules[sympy.Symbol("d", positive=True)] == tenth * n
    assert leading_order(0.1 * n).constant == tenth
    assert leading_order(n**0.5).constant == 1
    assert (
        Peak("n/d", at=0.1).at == Peak("n/d", at=np.float64(0.1)).at == Peak("n/d", at=sympy.Float(0.1)).at == (tenth,)
    )
    assert Exact(sympy.Float(0.1) * sympy.pi).expression == tenth * sympy.pi


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("-inf"), sympy.Float("nan"), Decimal("NaN"),
                                   mpmath.mpf("inf"), sympy.oo, sympy.nan])  # fmt: skip
def test_what_is_not_finite_is_refused(value):
    with pytest.raises(InvalidInputError, match=r"finite|from -1 to 1"):
        exact_number(value)
    with pytest.raises(InvalidInputError, match=r"finite|from -1 to 1"):
        dual("relu", value)


@pytest.mark.parametrize("value", [sympy.Float("1e100000"), Decimal("1e-100000"), mpmath.mpf("1e-100000")])
def test_a_number_that_fills_pages_is_refused(value):
    with pytest.raises(InvalidInputError, match="too large or too small"):
        exact_number(value)


@pytest.mark.parametrize("value", [True, np.True_, 1j, None, [0.1]])
def test_what_is_no_real_number_is_refused(value):
    assert exact_number(value) is None
    assert exact_number(np.int8(-3)) == -3
    with pytest.raises(InvalidInputError, match="expected a formula as text"):
        dual("relu", value)
