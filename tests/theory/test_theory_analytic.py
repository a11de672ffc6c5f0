"""Leading orders of functions: against hand derivation, against numbers of mpmath, against SymPy's limits."""

import itertools
import random
import tomllib
from fractions import Fraction
from pathlib import Path as File

import mpmath
import pytest
import sympy

from bigtheta.theory.errors import OutsideScaleError
from bigtheta.theory.expression import parse_expression
from bigtheta.theory.order import Order, ZeroError, leading_order
from bigtheta.theory.scale import SIZES, k, n

TABLE = tomllib.loads((File(__file__).parent / "orders_of_functions.toml").read_text(encoding="utf-8"))


def ratios(formula: sympy.Expr, order: Order, decades: tuple[int, ...], digits: int) -> list[mpmath.mpf]:
    """The formula over its order at powers of ten, by mpmath alone."""
    value = sympy.lambdify(order.variable, formula, "mpmath")
    found = []
    with mpmath.workdps(digits):
        for exponent in decades:
            x = mpmath.mpf(10) ** exponent
            a, b, c = (mpmath.mpf(e.numerator) / e.denominator for e in order.growth)
            lead = mpmath.mpmathify(sympy.N(order.constant, 60)) * x**a * mpmath.log(x) ** b
            found.append(value(x) / (lead * mpmath.log(mpmath.log(x)) ** c))
    return found


def agrees(formula: sympy.Expr, order: Order) -> bool:
    """Whether formula/order tends to 1 from 10^30 to 10^200, as a power does or as 1/log does (6.7 times nearer)."""
    near, far = (abs(ratio - 1) for ratio in ratios(formula, order, (30, 200), 2_000))
    return bool(near < mpmath.mpf(10) ** -12 or (far < 0.1 and far < near / 3))


@pytest.mark.parametrize("case", TABLE["case"], ids=lambda case: case["formula"])
def test_case(case):
    order = leading_order(case["formula"])
    growth = tuple(Fraction(case.get(name, "0")) for name in ("power", "log_power", "loglog_power"))
    assert order.growth == growth
    assert sympy.simplify(order.constant - sympy.sympify(case["constant"])) == 0


INNER = ["1/n", "log(n)/n", "1/sqrt(n)", "1/(n+1)", "2/n - 1/n^2", "1/log(n)", "1/n + 1/log(n)", "sqrt(n+1) - sqrt(n)"]
LIMITS = ["0", "1", "1/2", "pi/6", "-2/3"]
OUTER = [
    "exp({})", "sin({})", "cos({})", "tan({})", "tanh({})", "sinh({})", "cosh({})", "atan({})", "erf({})",
    "(1 + {})^(1/3)", "log(3 + {})", "(2 + {})^pi", "3^({})",
]  # fmt: skip


def shifted() -> list[str]:
    """f(c + q) - f(c) for q -> 0, every seventh of them."""
    every = enumerate(itertools.product(OUTER, LIMITS, INNER))
    return [f"{f.format(f'{c} + {q}')} - {f.format(c)}" for i, (f, c, q) in every if i % 7 == 0]


def composed(count: int) -> list[str]:
    """Differences of compositions that agree to several orders, drawn at random."""
    draw = random.Random(5)
    odd = ["sin({})", "tan({})", "tanh({})", "sinh({})", "atan({})", "(exp({})-1)", "log(1+{})"]
    rows = []
    for _ in range(count):
        f, g, h, i = (draw.choice(odd) for _ in range(4))
        inner = draw.choice(["1/n", "1/sqrt(n)", "log(n)/n", "1/log(n)"])
        rows.append(f"{f.format(g.format(inner))} - {h.format(i.format(inner))}")
    return list(dict.fromkeys(rows))


def powers(count: int) -> list[str]:
    """b^e with b -> 1 or infinity, drawn at random."""
    draw = random.Random(7)
    rows = []
    for _ in range(count):
        base = draw.choice(["1+1/n", "1-2/n", "n/(n+3)", "1+log(n)/n", "cos(1/n)", "n", "log(n)", "n+sqrt(n)"])
        exponents = ["1/n", "1/log(n)", "1+1/n", "log(n)/n", "2+1/log(n)"]
        exponents += [] if base in ("n", "log(n)", "n+sqrt(n)") else ["n", "n+1", "n*log(n)"]
        form = draw.choice(["({})^({})", "n*(({})^({}) - 1)", "1/({})^({})", "log(1 + ({})^({}))"])
        rows.append(form.format(base, draw.choice(exponents)))
    return list(dict.fromkeys(rows))


GENERATED = [*shifted(), *composed(40), *powers(40)]


@pytest.mark.parametrize("text", GENERATED)
def test_generated(text):
    formula = parse_expression(text, SIZES)
    try:
        order = leading_order(text)
    except ZeroError:
        assert sympy.simplify(formula) == 0
        return
    assert agrees(formula, order)


def test_there_are_many_and_few_are_zero():
    assert len(GENERATED) > 140
    assert len(set(GENERATED)) == len(GENERATED)
    zero = [text for text in GENERATED if parse_expression(text, SIZES) == 0]
    assert len(zero) < 20


@pytest.mark.parametrize("text", GENERATED[::7])
def test_numbers_contradict_a_wrong_order(text):
    formula = parse_expression(text, SIZES)
    if formula == 0:
        pytest.skip("zero")
    order = leading_order(text)
    assert not agrees(formula, Order(-order.constant, *order.growth))
    assert not agrees(formula, Order(order.constant * sympy.Rational(101, 100), *order.growth))
    assert not agrees(formula, Order(order.constant, order.power, order.log_power + 1, order.loglog_power))
    assert not agrees(
        formula, Order(order.constant, order.power + Fraction(1, 10), order.log_power, order.loglog_power)
    )


HALF = sympy.Rational(1, 2)
OF_SYMPY = [
    sympy.asin(1 / n), sympy.acos(1 - 1 / n), sympy.acos(1 / n) - sympy.pi / 2, sympy.asinh(n), sympy.atanh(1 - 1 / n),
    sympy.acosh(1 + 1 / n), sympy.coth(1 / n) - n, sympy.gamma(1 / n), sympy.gamma(1 + 1 / n) - 1,
    sympy.gamma(-1 + 1 / n), sympy.gamma(HALF + 1 / n) - sympy.sqrt(sympy.pi),
    sympy.gamma(1 + 1 / sympy.log(n) + 1 / n),
    sympy.loggamma(n), sympy.gamma(n + HALF) / sympy.gamma(n), sympy.factorial(n) ** (1 / n),
    sympy.loggamma(n) - n * sympy.log(n) + n + sympy.log(n) / 2, sympy.binomial(2 * n, n) / 4**n,
    sympy.erf(1 / n + 1 / sympy.log(n)), sympy.asin(HALF + 1 / n) - sympy.pi / 6,
]  # fmt: skip


@pytest.mark.parametrize("formula", OF_SYMPY, ids=str)
def test_functions_that_sympy_has(formula):
    assert agrees(formula, leading_order(formula))


@pytest.mark.parametrize("text", ["(1+1/n)^n", "n*(exp(1/n)-1)", "n^2*(1-cos(1/n))", "n*tanh(1/n)", "atan(n)"])
def test_sympys_limit_is_the_constant(text):
    assert sympy.simplify(sympy.limit(parse_expression(text, SIZES), n, sympy.oo) - leading_order(text).constant) == 0


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (sympy.gamma(n), "leaves the scale"),
        (sympy.gamma(-n), "pole at each whole number"),
        (sympy.asin(1 + 1 / n), "beyond 1 in absolute value"),
        (sympy.acosh(1 - 1 / n), "below 1"),
        (sympy.zeta(1 + 1 / n), "no function whose expansion is known"),
        ("1 - erf(n)", "exp(-n**2) leaves the scale"),
        ("sqrt(1 + exp(-n)) - 1", "exp(-n) leaves the scale"),
        ("log(1 + exp(n)) - n", "exp(-n) leaves the scale"),
        ("(1/n)^n", "n**(-n) leaves the scale"),
        ("n^(1/log(log(n)))", "leaves the scale"),
        ("n^pi", "grows as n to the power pi"),
        ("n + n*sin(n)", "sin(n) oscillates"),
        ("exp(sin(n))", "sin(n) oscillates"),
        ("(1 - n)^(1/n)", "a power of an expression that is negative"),
        ("1/sin(n)", "the sign of sin(n) could not be determined"),
        ("log(-sin(1/n))", "a logarithm of an expression that is negative"),
        ("sqrt(cos(1/n) - 1)", "a root of an expression that is negative"),
    ],
    ids=str,
)
def test_refusals_say_why(expression, words):
    with pytest.raises(OutsideScaleError) as caught:
        leading_order(expression)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "sin(1/n)^2 + cos(1/n)^2 - 1", "cosh(n)^2 - sinh(n)^2 - 1", "atan(n) + atan(1/n) - pi/2",
        "tanh(1/n) - sinh(1/n)/cosh(1/n)",
        "exp(1/n)*exp(-1/n) - 1", "log(exp(1/n) + 1) - log(exp(-1/n) + 1) - 1/n", "n^(1/n) - exp(log(n)/n)",
        "sin(2/n) - 2*sin(1/n)*cos(1/n)", "tanh(1) - (e - 1/e)/(e + 1/e) + 0*n", "erf(n) + erfc(n) - 1",
    ],
)  # fmt: skip
def test_identities_are_proved(text):
    with pytest.raises(ZeroError) as caught:
        leading_order(text)
    assert caught.value.always


def test_another_size_and_a_path():
    assert leading_order("(1 + 1/k)^k") == Order(sympy.E, Fraction(0), variable=k)
    assert leading_order("(1 + d/n^2)^n", path={"d": "2*n"}).constant == sympy.exp(2)
