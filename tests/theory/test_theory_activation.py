"""Activations against hand-written functions in mpmath: values, derivatives, kinks, jumps, parity."""

import math

import mpmath
import numpy as np
import pytest
import sympy

from bigtheta.theory.activation import Activation, Mass, Parity, u
from bigtheta.theory.catalogue import CATALOGUE, activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.hermite import hermite


def logistic(x):
    return 1 / (1 + mpmath.exp(-x))


def softplus(x):
    return mpmath.log1p(mpmath.exp(x))


REFERENCE = {
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "leaky_relu": lambda x: x if x > 0 else x / 100,
    "abs": abs,
    "square": lambda x: x * x / 2,
    "tanh": mpmath.tanh,
    "erf": mpmath.erf,
    "relu_power": lambda x: max(x, mpmath.mpf(0)) ** 3,
    "squared_relu": lambda x: max(x, mpmath.mpf(0)) ** 2,
    "step": lambda x: mpmath.mpf(x > 0),
    "sign": mpmath.sign,
    "identity": lambda x: x,
    "cubic": lambda x: x**3,
    "hermite": lambda x: x * x - 1,
    "gelu_tanh": lambda x: x * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3))) / 2,
    "swish": lambda x: x * logistic(x),
    "silu": lambda x: x * logistic(x),
    "mish": lambda x: x * mpmath.tanh(softplus(x)),
    "elu": lambda x: x if x > 0 else mpmath.expm1(x),
    "selu": lambda x: (
        mpmath.mpf("1.0507009873554805") * (x if x > 0 else mpmath.mpf("1.6732632423543772") * mpmath.expm1(x))
    ),
    "celu": lambda x: x if x > 0 else mpmath.expm1(x),
    "hardtanh": lambda x: min(max(x, mpmath.mpf(-1)), mpmath.mpf(1)),
    "hardsigmoid": lambda x: min(max(x + 3, mpmath.mpf(0)), mpmath.mpf(6)) / 6,
    "hardswish": lambda x: x * min(max(x + 3, mpmath.mpf(0)), mpmath.mpf(6)) / 6,
    "gaussian": lambda x: mpmath.exp(-x * x / 2),
    "exp": mpmath.exp,
    "arctan": mpmath.atan,
    "softsign": lambda x: x / (1 + abs(x)),
    "leaky_relu(slope=1/5)": lambda x: x if x > 0 else x / 5,
    "softplus(beta=3)": lambda x: softplus(3 * x) / 3,
    "cos(frequency=2, phase=1)": lambda x: mpmath.cos(2 * x + 1),
    "celu(alpha=1/2)": lambda x: x if x > 0 else mpmath.expm1(2 * x) / 2,
    "softplus": softplus,
    "sigmoid": logistic,
    "gelu": lambda x: x * mpmath.ncdf(x),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "u*tanh(u)": lambda x: x * mpmath.tanh(x),
    "x/(1+exp(-x))": lambda x: x * logistic(x),
    "u*sigmoid(u)": lambda x: x * logistic(x),
    "1/(1+exp(u))": lambda x: logistic(-x),
    "log(1+exp(2*u))/2": lambda x: softplus(2 * x) / 2,
    "softplus(-u)": lambda x: softplus(-x),
    "u*tanh(softplus(u))": lambda x: x * mpmath.tanh(softplus(x)),
    "exp(-u^2/2)": lambda x: mpmath.exp(-x * x / 2),
    "max(0,u)**2": lambda x: max(x, mpmath.mpf(0)) ** 2,
    "max(min(u,1),-1)": lambda x: min(max(x, mpmath.mpf(-1)), mpmath.mpf(1)),
    "max(u,0)+min(exp(u)-1,0)": lambda x: x if x > 0 else mpmath.expm1(x),
    "abs(abs(u)-1)": lambda x: abs(abs(x) - 1),
    "abs(u)**3": lambda x: abs(x) ** 3,
    "abs(u)*tanh(u)": lambda x: abs(x) * mpmath.tanh(x),
    "u/(1+abs(u))": lambda x: x / (1 + abs(x)),
    "abs(u^2-2)": lambda x: abs(x * x - 2),
    "sign(u)*u^2": lambda x: mpmath.sign(x) * x * x,
    "sqrt(u^2+1)": lambda x: mpmath.sqrt(x * x + 1),
    "atan(u)": mpmath.atan,
    "u^3 - 3*u": lambda x: x**3 - 3 * x,
    "heaviside(u-1)": lambda x: mpmath.mpf(x > 1),
    "3*u + 2": lambda x: 3 * x + 2,
}
POINTS = (-6.3, -2.2, -0.71, -0.01, 0.02, 0.37, 1.83, 2.9, 7.1)  # off every kink above


def test_the_whole_catalogue_has_a_reference():
    assert set(CATALOGUE) <= set(REFERENCE)


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("name", REFERENCE)
def test_values_and_derivatives(name, order):
    got = activation(name).numeric(order)(np.array(POINTS))
    with mpmath.workdps(40):
        expected = [float(mpmath.diff(REFERENCE[name], mpmath.mpf(x), order)) for x in POINTS]
    np.testing.assert_allclose(got, expected, rtol=2e-13, atol=2e-14)


@pytest.mark.parametrize("name", ["tanh", "gelu", "softplus", "u*tanh(u)", "abs(u)**3"])
def test_third_derivative(name):
    got = activation(name).numeric(3)(np.array(POINTS))
    with mpmath.workdps(60):
        expected = [float(mpmath.diff(REFERENCE[name], mpmath.mpf(x), 3)) for x in POINTS]
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-13)


def test_tanh_second_derivative_is_not_the_published_slip():
    # [BKM]'s script has -2 tanh (1 - tanh) for tanh'' = -2 tanh (1 - tanh^2); THEORY section 7.
    x = np.array([0.3, 1.0, 2.0])
    got = activation("tanh").numeric(2)(x)
    np.testing.assert_allclose(got, -2 * np.tanh(x) / np.cosh(x) ** 2, rtol=1e-13)
    assert np.all(np.abs(got - -2 * np.tanh(x) * (1 - np.tanh(x))) > 0.05)


EVEN, ODD, NONE = Parity.EVEN, Parity.ODD, Parity.NONE
PARITIES = [
    ("relu", NONE), ("leaky_relu", NONE), ("abs", EVEN), ("square", EVEN), ("tanh", ODD), ("erf", ODD),
    ("softplus", NONE), ("sigmoid", NONE), ("gelu", NONE), ("sin", ODD), ("cos", EVEN), ("u", ODD), ("u*tanh(u)", EVEN),
    ("u^3 - 3*u", ODD), ("u^2 + 1e-6*u", NONE), ("u^3 + 1e-7", NONE), ("tanh(u) + 1e-12*u^2", NONE), ("u - u", EVEN),
    ("softplus(u) - softplus(-u)", ODD), ("softplus(u) + softplus(-u)", EVEN), ("sigmoid(u) - 1/2", ODD),
    ("max(min(u,1),-1)", ODD), ("max(min(u,1),0)", NONE), ("abs(u-1) + abs(u+1)", EVEN), ("abs(u-1) - abs(u+1)", ODD),
    ("abs(u)*tanh(u)", ODD), ("sign(u)", ODD), ("heaviside(u)", NONE), ("u/(1+abs(u))", ODD), ("exp(-u^2)*sin(u)", ODD),
    ("cos(u)^2", EVEN), ("u*erf(u)", EVEN), ("exp(u) + exp(-u)", EVEN), ("exp(u) - exp(-u)", ODD),
    ("max(u,0) + max(-u,0)", EVEN), ("max(u,0) - max(-u,0)", ODD), ("abs(u^3-u)", EVEN), ("max(u, u^3)", NONE),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parity"), PARITIES, ids=[name for name, _ in PARITIES])
def test_parity(name, parity):
    assert activation(name).parity is parity


@pytest.mark.parametrize("text", ["u-1", "x-2", "2-u", "u-u"])
def test_a_difference_without_spaces_is_a_formula(text):
    assert activation(text).expression == Activation.parse(text).expression


R2 = math.sqrt(2)
KINKS = [
    ("relu", [0]), ("leaky_relu", [0]), ("abs", [0]), ("square", []), ("tanh", []), ("erf", []), ("softplus", []),
    ("sigmoid", []), ("gelu", []), ("sin", []), ("cos", []), ("max(min(u,1),-1)", [-1, 1]), ("abs(u-1)", [1]),
    ("abs(abs(u)-1)", [-1, 0, 1]), ("abs(u^2-2)", [-R2, R2]), ("max(u,pi)", [math.pi]), ("sqrt(u^2)", [0]),
    ("max(u,0)*max(-u,0)", []), ("max(u,u)", []), ("abs(u)^2", []), ("max(u,u^3)", [-1, 0, 1]), ("max(cos(u),-2)", []),
    ("softplus(abs(u))", [0]), ("abs(tanh(u)-0.5)", [math.atanh(0.5)]), ("max(0,1-abs(u))", [-1, 0, 1]),
    ("max(u,0) - max(-u,0)", []), ("abs(u)**3", [0]), ("heaviside(u-0.3)", [0.3]), ("abs(u^3-u)", [-1, 0, 1]),
    ("max(0,u,u^2)", [0, 1]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), KINKS, ids=[name for name, _ in KINKS])
def test_kinks(name, expected):
    act = activation(name)
    assert [float(kink) for kink in act.kinks] == pytest.approx(expected, abs=1e-14)
    assert len(act.pieces) == len(expected) + 1
    assert act.pieces[0].low == -sympy.oo
    assert act.pieces[-1].high == sympy.oo


JUMPS = [
    ("relu", 0, 0, 0), ("relu", 1, 0, 1), ("relu", 2, 0, 0), ("leaky_relu", 1, 0, sympy.Rational(99, 100)),
    ("abs", 1, 0, 2), ("abs", 1, 1, 0), ("max(u,0)**2", 1, 0, 0), ("max(u,0)**2", 2, 0, 2), ("abs(u)**3", 3, 0, 12),
    ("abs(u)**3", 2, 0, 0), ("abs(u^2-2)", 1, sympy.sqrt(2), 4 * sympy.sqrt(2)), ("heaviside(u)", 0, 0, 1),
    ("sign(u)", 0, 0, 2), ("heaviside(u)*u^2", 2, 0, 2), ("softplus(abs(u))", 1, 0, 1), ("abs(u)*tanh(u)", 2, 0, 4),
    ("max(min(u,1),-1)", 1, -1, 1), ("max(min(u,1),-1)", 1, 1, -1), ("tanh", 1, 0, 0), ("abs(u)*exp(u)", 2, 0, 4),
]  # fmt: skip


@pytest.mark.parametrize(("name", "order", "at", "expected"), JUMPS)
def test_jump_of_a_derivative(name, order, at, expected):
    assert sympy.simplify(activation(name).jump(order, at) - expected) == 0


@pytest.mark.parametrize(("name", "at", "expected"), [("abs", 0.0, 2), ("abs(u-0.5)", 0.5, 2)])
def test_jump_at_a_float(name, at, expected):
    assert activation(name).jump(1, at) == expected


@pytest.mark.parametrize(
    ("name", "continuous"),
    [("relu", True), ("abs(u^2-2)", True), ("tanh", True), ("sign(u)", False), ("heaviside(u-1)", False),
     ("heaviside(u)*u", True), ("abs(u)*sign(u-1)", False)],
)  # fmt: skip
def test_weakly_differentiable_means_continuous(name, continuous):
    assert activation(name).is_weakly_differentiable is continuous


def test_the_value_at_a_kink_is_the_right_hand_one():
    assert activation("abs").numeric(1)(np.array([0.0]))[0] == 1.0
    assert activation("heaviside(u)").values(np.array([0.0]))[0] == 1.0
    assert activation("max(min(u,1),-1)").numeric(1)(np.array([-1.0, 1.0])).tolist() == [1.0, 0.0]


FAR = np.array([-800.0, -40.0, 40.0, 800.0])


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("name", [name for name in REFERENCE if name != "exp"])
def test_far_out_nothing_overflows(name, order):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        got = activation(name).numeric(order)(FAR)
    with mpmath.workdps(50):
        expected = [float(mpmath.diff(REFERENCE[name], mpmath.mpf(x), order)) for x in FAR]
    # 1e-10: at 800 sin, and a few others, depend on the last digits of the argument
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "text",
    [
        "exp(u)/(1+exp(u))", "log(cosh(u))", "sinh(u)/cosh(u)", "log(2+exp(u))", "u*exp(u)/(3+exp(u))",
        "1/(2+exp(-u))", "u*sinh(u)/cosh(u)", "exp(2*u)/(1+exp(2*u))^2",
    ],
)  # fmt: skip
def test_other_forms_do_not_overflow_either(text):
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.all(np.isfinite(activation(text).values(FAR)))


def test_shape_and_dtype_are_kept():
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    got = activation("relu").values(x)
    assert got.shape == (2, 3)
    assert got.dtype == np.float64
    assert activation("relu").values(2.5).shape == ()
    assert activation("3*u + 2").numeric(1)(x).tolist() == [[3.0] * 3] * 2  # a constant fills the shape


def test_the_variable_may_have_another_letter_or_assumption():
    plain = sympy.Symbol("z")
    assert Activation("a", plain**2).expression == u**2
    assert Activation("a", sympy.Symbol("v", positive=True) ** 3).parity is ODD
    for letter in "uxzt":
        assert Activation.parse(f"{letter}*tanh({letter})").expression == u * sympy.tanh(u)


def test_piecewise_is_resolved():
    act = Activation("a", sympy.Piecewise((0, u <= -1), (u + 1, u < 1), (2, True)))
    assert act.kinks == (-1, 1)
    assert act.values(np.array([-3.0, -1.0, 0.5, 1.0, 4.0])).tolist() == [0.0, 0.0, 1.5, 2.0, 2.0]
    assert (act.jump(0, 1), act.jump(1, -1)) == (0, 1)
    with pytest.raises(InvalidInputError, match="not a finite real number at u = 0"):
        Activation("gap", sympy.Piecewise((0, u < 0)))


p, q = sympy.symbols("p q")
BAD = [
    ("a", p * q, ["'a'", "one variable", "'p', 'q'"]),
    ("a", sympy.I * u, ["'a'", "real", "I*u"]),
    ("a", sympy.sqrt(-1) + u, ["'a'", "real"]),
    ("a", sympy.log(-1) * u, ["'a'", "real"]),
    ("a", sympy.oo, ["'a'", "finite", "oo"]),
    ("a", sympy.nan, ["'a'", "finite", "nan"]),
    ("a", sympy.zoo * u, ["'a'", "finite"]),
    ("a b", u, ["activation name", "letters", "name='a b'"]),
    ("9a", u, ["activation name", "name='9a'"]),
    ("-a", u, ["activation name", "name='-a'"]),
    ("a" * 65, u, ["activation name"]),
    ("u*tanh(u)", u, ["activation name"]),  # that is what Activation.parse is for
    ("a;b", u, ["activation name", "letters", "name='a;b'"]),
    ("__import__('os')", u, ["activation name"]),
    ("", u, ["activation name", "name=''"]),
    ("é", u, ["activation name", "name='é'"]),
    ("a\n", u, ["activation name"]),
    ("a", "u**2", ["'a'", "expected a SymPy expression", "Activation.parse"]),
    ("a", "__import__('math').factorial(3)*u", ["'a'", "expected a SymPy expression"]),  # never evaluated
    ("a", None, ["'a'", "got None"]),
    ("a", abs, ["'a'", "expected a SymPy expression"]),
    ("a", u < 1, ["'a'", "expected a SymPy expression"]),
    ("a", sympy.sqrt(u), ["'a'", "not a finite real number at u = "]),
    ("a", 1 / u, ["'a'", "has a pole"]),
    (3, u, ["activation name", "name=3"]),
    (None, u, ["activation name", "name=None"]),
]


@pytest.mark.parametrize(("name", "expression", "words"), BAD)
def test_bad_activations_are_refused(name, expression, words):
    with pytest.raises(InvalidInputError) as caught:
        Activation(name, expression)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x*y", ["unknown symbol 'y'", "valid", "u"]),
        ("n", ["unknown activation 'n'"]),
        ("relu(u)+1", ["unknown function 'relu'"]),
        ("abs(sin(u))", ["sin(u) = 0", "finitely many"]),
        ("max(sin(u), 0)", ["finitely many"]),
        ("heaviside(cos(u))", ["finitely many"]),
        ("(-1)**0.5*u", ["real", "I*u"]),
        ("log(0)*u", ["not finite"]),
        ("u.real", ["not understood"]),
        ("softplus()", ["softplus()"]),
        ("", ["expected a formula", "nothing"]),
    ],
)
def test_bad_formulas_are_refused(text, words):
    with pytest.raises(InvalidInputError) as caught:
        activation(text).values(np.array([0.5]))
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize("order", [-1, -7])
def test_a_negative_derivative_is_refused(order):
    with pytest.raises(InvalidInputError, match=f">= 0 but got order={order}"):
        activation("relu").derivative(order)


@pytest.mark.parametrize(
    "call",
    [
        lambda: activation(None),
        lambda: activation(3),
        lambda: activation("relu").derivative(1.5),
        lambda: activation("relu").derivative("1"),
        lambda: activation("u < 1"),
        lambda: Activation("a", sympy.Function("f")(u)),
        lambda: activation(["relu"]),
    ],
    ids=["None", "number", "derivative 1.5", "derivative text", "condition", "unknown function", "list"],
)
def test_bad_types_are_refused(call):
    with pytest.raises(InvalidInputError):
        call()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sqrt(u)", "not a finite real number at u = "),
        ("log(u)", "not a finite real number at u = "),
        ("u**(1/3)", "not a finite real number at u = "),
        ("u**u", "not a finite real number at u = "),
        ("sqrt(1 - u^2)", "not a finite real number at u = "),
        ("1/u", "1/u has a pole"),
        ("log(u^2)", "not a finite real number at u = 0"),
        ("1e400*u", "int too large"),
        ("exp(exp(exp(u)))", "not a finite real number"),
        ("1/(u-1)", "pole"),
        ("1/(u^2 - 2)", "pole"),
        ("abs(u)^(-3/4)", "pole"),
        ("1/sinh(u)", "pole"),
        ("1/(1 - exp(u))", "pole"),
        ("tan(u)", "pole"),
    ],
)
def test_functions_not_defined_everywhere_are_refused(text, words):
    with pytest.raises(InvalidInputError) as caught:
        activation(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["1/(1+u^2)", "1/(2+sin(u))", "1/cosh(u)", "1/(1+exp(-u))", "log(1+u^2)", "log(2+sin(u))", "log(cosh(u))", "2**u",
     "sqrt(u^2+1)", "sqrt((u-1)^2)", "abs(u)**0.3", "sqrt(max(u,0))", "1/(1+abs(u))", "softplus(u)**2", "max(u,1)**u",
     "1/(1+softplus(u))", "sqrt(softplus(u))", "tan(tanh(u))", "sqrt(1-tanh(u)^2)", "log(sigmoid(u))", "exp(-exp(u))"],
)  # fmt: skip
def test_functions_defined_everywhere_are_not_refused(text):
    assert np.all(np.isfinite(activation(text).values(np.linspace(-6, 6, 25))))


@pytest.mark.parametrize("text", ["1/(1+tanh(u))", "1/sigmoid(u)"])
def test_rounding_is_not_taken_for_a_pole(text):
    assert np.all(np.isfinite(activation(text).values(np.linspace(-6, 6, 25))))


def test_equality_is_that_of_the_formula_and_name():
    assert activation("u*tanh(u)") == Activation.parse(" u*tanh(u)")
    assert activation("u*tanh(u)").key == activation("x*tanh(x)").key
    assert Activation("a", u) != Activation("a", 2 * u)
    assert Activation("a", u) != Activation("b", u)
    assert len({activation("relu"), activation("relu"), activation("tanh")}) == 2


@pytest.mark.parametrize(("one", "other"), [("1/(1+exp(u))", "1/(1+exp(-u))"), ("softplus(u)", "softplus(-u)")])
def test_two_formulas_have_two_names(one, other):
    assert activation(one).name != activation(other).name


def test_latex_is_in_u():
    assert activation("x*tanh(x)").latex == r"u \tanh{\left(u \right)}"
    assert "e^{u}" in activation("softplus").latex


@pytest.mark.parametrize(
    "name", ["relu", "abs", "step", "sign", "hardtanh", "hardswish", "softsign", "squared_relu", "elu"]
)
def test_weak_derivatives_integrate_like_the_function(name):
    # by parts, E phi(G) He_p(G) = E phi^(p)(G) with its masses: weight (-1)^m n^(m)(at) for weight delta^(m)
    act = activation(name)
    density = sympy.exp(-(u**2) / 2) / sympy.sqrt(2 * sympy.pi)
    for order in (1, 2, 3, 4):
        weak = act.weak_derivative(order)
        total = sum(
            float(m.weight) * (-1) ** m.order * float(sympy.diff(density, u, m.order).subs(u, m.at))
            for m in weak.masses
        )
        for piece in weak.pieces:
            low, high = max(float(piece.low), -12), min(float(piece.high), 12)
            phi = sympy.lambdify(u, piece.expression * density, modules="mpmath")
            total += float(mpmath.quad(phi, [low, (low + high) / 2, high]))
        expected = hermite(act, order).value * math.sqrt(math.factorial(order))
        assert total == pytest.approx(expected, abs=1e-9)


def test_masses_of_known_derivatives():
    assert activation("abs").weak_derivative(1).masses == ()
    assert activation("abs").weak_derivative(2).masses == (Mass(at=0, weight=2, order=0),)
    assert activation("step").weak_derivative(2).masses == (Mass(at=0, weight=1, order=1),)
    assert activation("tanh").weak_derivative(5).masses == ()
