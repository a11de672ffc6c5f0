"""Leading orders: each expression, evaluated at 10^40 with hundreds of digits, over its leading order must be 1."""

import itertools
import time
import tomllib
from fractions import Fraction
from pathlib import Path as File

import mpmath
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from bigtheta.theory.errors import InvalidInputError, OutsideScaleError
from bigtheta.theory.expression import parse_expression
from bigtheta.theory.order import Order, ZeroError, leading_order
from bigtheta.theory.scale import SIZES, Path, d, k, n

EXACT, LOGS = 1e-9, 0.1  # what is dropped: a power of n, or 1/log n
# expression, path, how near the ratio must be to 1 at 10^40
RATIOS = [
    ("n", None, EXACT),
    ("3*n**2 + n", None, EXACT),
    ("n**2 - 1000000*n", None, EXACT),
    ("7", None, EXACT),
    ("-n", None, EXACT),
    ("pi*sqrt(2*n)", None, EXACT),
    ("sqrt(n+1) + sqrt(n-1) - 2*sqrt(n)", None, EXACT),
    ("sqrt(n+1) - sqrt(n)", None, EXACT),
    ("1/(sqrt(n+1) - sqrt(n))", None, EXACT),
    ("(sqrt(n+1) - sqrt(n))**(-3/2)", None, EXACT),
    ("log(n+1) - log(n)", None, EXACT),
    ("n*(log(n+1) - log(n)) - 1", None, EXACT),
    ("log(n+1) - log(n) - 1/n + 1/(2*n**2) - 1/(3*n**3) + 1/(4*n**4)", None, EXACT),
    ("(n+1)**(1/3) - n**(1/3) - n**(-2/3)/3", None, EXACT),
    ("(n**3 + n**2)**(1/3) - n", None, EXACT),
    ("(n**3 + n**2)**(1/3) - n - 1/3", None, EXACT),
    ("(n**3 + n**2)**(1/3) - (n**2 + 2*n/3)**(1/2)", None, EXACT),
    ("sqrt(n**2 + n) - n - 1/2 + 1/(8*n)", None, EXACT),
    ("sqrt(n + sqrt(n + sqrt(n))) - sqrt(n) - 1/2", None, EXACT),
    ("sqrt(n + sqrt(n)) - sqrt(n + sqrt(n) - 1)", None, EXACT),
    ("(n+1)**10 - n**10", None, EXACT),
    ("(n+1)**65 - n**65", None, EXACT),
    ("(sqrt(n) + 1)**100", None, EXACT),
    ("1/(n+1)**70", None, EXACT),
    ("(n**2 + n)/(n + 1)", None, EXACT),
    ("n**2/(n+1) - n", None, EXACT),
    ("n - n**2/(n+1) - 1", None, EXACT),
    ("1/(n+1) - 1/n + 1/n**2", None, EXACT),
    ("(n + log(n))**2 - n**2", None, EXACT),
    ("n**0.01/log(n)**7", None, EXACT),
    ("log(n)**(1/2)*n**(2/3)", None, EXACT),
    ("log(n)*log(log(n))**2", None, EXACT),
    ("log(n*log(n)) - log(n)", None, EXACT),
    ("log(2*n*log(n)) - log(n) - log(log(n))", None, EXACT),
    ("log(log(n**2)) - log(log(n))", None, EXACT),
    ("log(log(n**2 + n)) - log(log(n)) - log(2)", None, EXACT),
    ("1/log(n) - 1/log(n+1)", None, EXACT),
    ("log(n)**2 - log(n+1)**2", None, EXACT),
    ("log(2*n)**2 - log(n)**2 - 2*log(2)*log(n)", None, EXACT),
    ("log(n + log(n)) - log(n)", None, EXACT),
    ("log(n)/log(10)*n", None, EXACT),
    ("n*sqrt(3 + 2*sqrt(2)) - n*(1 + sqrt(2)) + log(n)", None, EXACT),
    ("n*(log(6) - log(2) - log(3)) + 5", None, EXACT),
    ("n**2*(sin(1)**2 + cos(1)**2 - 1) + n", None, EXACT),
    ("n*(pi - 3.14159265358979)", None, EXACT),
    ("log(n*log(n))", None, LOGS),
    ("log(3*n**2 + 5)", None, LOGS),
    ("sqrt(n*log(n) + n)", None, LOGS),
    ("sqrt(log(n) + 1) - sqrt(log(n))", None, LOGS),
    ("log(log(n) + 1) - log(log(n))", None, LOGS),
    ("log(log(n) + log(log(n))) - log(log(n))", None, LOGS),
    ("1/log(n) - 1/log(2*n)", None, LOGS),
    ("n/(log(n) + 5) - n/log(n)", None, LOGS),
    ("log(log(n) - log(log(n)))", None, LOGS),
    ("min(n, n**2)", None, EXACT),
    ("min(1/n, 1/n**2)", None, EXACT),
    ("max(n, 100*sqrt(n), log(n)**3)", None, EXACT),
    ("max(n, 2*n) - 2*n + 1", None, EXACT),
    ("max(sqrt(n+1) - sqrt(n), 1/(2*sqrt(n)))", None, EXACT),
    ("min(sqrt(n+1) - sqrt(n), 1/(2*sqrt(n))) - 1/(2*sqrt(n))", None, EXACT),
    ("max(n, -n) + min(n, -n)/2", None, EXACT),
    ("abs(1 - n)", None, EXACT),
    ("abs(n - n**2)/n", None, EXACT),
    ("abs(sqrt(n+1) - sqrt(n) - 1/(2*sqrt(n)))", None, EXACT),
    ("abs(log(1/n))", None, EXACT),
    ("log(abs(1 - n))", None, EXACT),
    ("exp(log(n)/2)", None, EXACT),
    ("sqrt(n*d) + log(n)**2", {"d": "2*n"}, EXACT),
    ("n/k", {"k": "n**1.5"}, EXACT),
    ("d*k/8", {"d": "k", "n": "k**2/8"}, EXACT),
    ("sqrt(n/k)", {"d": "k", "n": "d*k/8"}, EXACT),
    ("sqrt(n/k)", {"n": "400", "d": "2000", "k": "k"}, EXACT),
    ("n*d/k**2 - 1", {"d": "sqrt(n) + 1", "k": "n**0.75"}, EXACT),
    ("max(n, d, k)", {"d": "n**1.5", "k": "n**1.5*log(n)"}, EXACT),
    ("min(n, d, k)", {"d": "n**1.5", "k": "n/log(log(n))"}, EXACT),
    ("log(d)/log(n)", {"d": "n**2"}, EXACT),
    ("sqrt(d)", {"d": "n*log(n)"}, EXACT),
    ("k**(1/6)", {"n": "d**(3/2)", "k": "n**2/d"}, EXACT),
    ("log(k)*(1 + sqrt(n/k))", {"d": "2*n", "k": "n"}, EXACT),
]


def label(row):
    return row[0] if row[1] is None else f"{row[0]} on {row[1]}"


@pytest.mark.parametrize(("text", "path", "near"), RATIOS, ids=map(label, RATIOS))
def test_ratio_to_the_leading_order(text, path, near):
    order = leading_order(text, path=path)
    formula = parse_expression(text, SIZES)
    if path is not None:
        formula = formula.subs(Path(path).rules)
    with mpmath.workdps(1500):
        at = mpmath.mpf(10) ** 40
        value = sympy.lambdify(order.variable, formula, "mpmath")(at)
        a, b, c = (mpmath.mpf(e.numerator) / e.denominator for e in order.growth)
        constant = mpmath.mpmathify(sympy.N(order.constant, 200))
        lead = constant * at**a * mpmath.log(at) ** b * mpmath.log(mpmath.log(at)) ** c
        ratio = value / lead
    assert abs(ratio - 1) < near
    assert float(sympy.N(order.expression.subs(order.variable, 10**6) / order.constant)) == pytest.approx(
        float((10**6) ** a * mpmath.log(10**6) ** b * mpmath.log(mpmath.log(10**6)) ** c), rel=1e-12
    )


@pytest.mark.parametrize(
    ("text", "exponent"),
    [
        ("min(log(n)**5, n**0.01)", 10**6),
        ("max(log(n), log(log(n))**9)", 10**20),
        ("max(d, k)", 10**7),
    ],
)
def test_the_winner_of_min_and_max_may_win_late(text, exponent):
    # at 10^40 the other one is still ahead, so look at 10^exponent
    path = {"d": "n*log(n)", "k": "n**1.0001"} if "d" in text else None
    order = leading_order(text, path=path)
    formula = parse_expression(text, SIZES).subs(Path(path).rules if path else {})
    with mpmath.workdps(60):
        at = mpmath.mpf(10) ** exponent
        ratio = sympy.lambdify(n, formula, "mpmath")(at) / sympy.lambdify(n, order.expression, "mpmath")(at)
    assert abs(ratio - 1) < 1e-9
    with mpmath.workdps(60):
        at = mpmath.mpf(10) ** 40
        early = sympy.lambdify(n, formula, "mpmath")(at) / sympy.lambdify(n, order.expression, "mpmath")(at)
    assert abs(early - 1) > 0.5


SQRT = sympy.sqrt
EXPECTED = [
    ("sqrt(n*d) + log(n)**2", {"d": "2*n"}, SQRT(2), (1, 0, 0), n),
    ("sqrt(n+1) + sqrt(n-1) - 2*sqrt(n)", None, sympy.Rational(-1, 4), (Fraction(-3, 2), 0, 0), n),
    ("log(n+1) - log(n)", None, 1, (-1, 0, 0), n),
    ("(n+1)**(1/3) - n**(1/3) - n**(-2/3)/3", None, sympy.Rational(-1, 9), (Fraction(-5, 3), 0, 0), n),
    ("sqrt(n + sqrt(n + sqrt(n))) - sqrt(n)", None, sympy.Rational(1, 2), (0, 0, 0), n),
    ("n/log(n)", None, 1, (1, -1, 0), n),
    ("log(n)*log(log(n))**2", None, 1, (0, 1, 2), n),
    ("log(3*n**2 + 5)", None, 2, (0, 1, 0), n),
    ("1/log(n) - 1/log(2*n)", None, sympy.log(2), (0, -2, 0), n),
    ("1/log(n) - 1/log(n+1)", None, 1, (-1, -2, 0), n),
    ("log(log(n) + log(log(n))) - log(log(n))", None, 1, (0, -1, 1), n),
    ("log(n)/log(10)*n", None, 1 / sympy.log(10), (1, 1, 0), n),
    ("d*k/8", {"d": "k", "n": "k**2/8"}, sympy.Rational(1, 8), (2, 0, 0), k),
    ("sqrt(n/k)", {"d": "k", "n": "d*k/8"}, SQRT(2) / 4, (Fraction(1, 2), 0, 0), k),
    ("sqrt(n/k)", {"n": 400, "d": 2000, "k": "k"}, 20, (Fraction(-1, 2), 0, 0), k),
    ("k**(1/6)", {"n": "d**(3/2)", "k": "n**2/d"}, 1, (Fraction(1, 3), 0, 0), d),
    ("n**0.1", None, 1, (Fraction(1, 10), 0, 0), n),
    ("(n + sqrt(n) + 1)**(7/3) - n**(7/3)", None, sympy.Rational(7, 3), (Fraction(11, 6), 0, 0), n),
    ("-5", None, -5, (0, 0, 0), n),
    ("max(n, 2*n) - 2*n + 1", None, 1, (0, 0, 0), n),
    ("sign(n)*n", None, 1, (1, 0, 0), n),
    (3.5, None, sympy.Rational(7, 2), (0, 0, 0), n),
    (n * d, Path(d=2 * n), 2, (2, 0, 0), n),
    (SQRT(n * d / k), {"d": 2 * n, "k": n}, SQRT(2), (Fraction(1, 2), 0, 0), n),
]


@pytest.mark.parametrize(("expression", "path", "constant", "growth", "variable"), EXPECTED)
def test_constant_and_powers(expression, path, constant, growth, variable):
    order = leading_order(expression, path=path)
    assert sympy.simplify(order.constant - constant) == 0
    assert order.growth == growth
    assert order.variable == variable
    assert (order.power, order.log_power, order.loglog_power) == growth


# each grows slower than the next
LADDER = [
    "1/n", "log(n)/n", "1/sqrt(n)", "n**(-0.001)", "1/log(n)**2", "log(log(n))/log(n)**2", "1/log(n)", "1/log(log(n))",
    "1", "log(log(n))", "log(log(n))**30", "log(n)**0.001", "sqrt(log(n))", "log(n)/log(log(n))", "log(n)",
    "log(n)*log(log(n))", "log(n)**30", "n**0.001", "sqrt(n)", "n/log(n)", "n/log(log(n))", "n", "n*log(log(n))",
    "n*log(n)", "n**1.001", "n**2",
]  # fmt: skip


def test_growth_orders_the_ladder():
    orders = [leading_order(text) for text in LADDER]
    assert sorted(reversed(orders), key=lambda order: order.growth) == orders
    for (i, low), (j, high) in itertools.combinations(enumerate(orders), 2):
        assert i < j
        assert low < high
        assert low <= high
        assert high > low
        assert high >= low
        assert not any([low > high, low >= high, high < low, high <= low])
        assert low != high


def test_comparisons_ignore_the_constant_and_equality_does_not():
    one, two = leading_order("n + 1"), leading_order("2*n")
    assert one <= two
    assert one >= two
    assert not one < two
    assert not one > two
    assert one != two
    assert one == leading_order("n + log(n)")
    assert hash(one) == hash(leading_order("n"))
    assert str(two) == "2*n"
    assert Order(sympy.Integer(1), Fraction(1)) == one


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1", "2", "1/3", "-7", "sqrt(2)"]),
            st.fractions(-2, 2, max_denominator=4),
            st.integers(-2, 2),
            st.integers(-1, 1),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda monomial: monomial[1:],
    )
)
def test_the_largest_monomial_of_a_sum_leads(monomials):
    text = " + ".join(f"({c})*n**({a})*log(n)**({b})*log(log(n))**({e})" for c, a, b, e in monomials)
    constant, *growth = max(monomials, key=lambda monomial: monomial[1:])
    order = leading_order(text)
    assert order.growth == tuple(growth)
    assert sympy.simplify(order.constant - parse_expression(constant, {})) == 0


OUTSIDE = [
    ("2**n", None, "2**n leaves the scale"),
    ("n**log(n)", None, "exp(log(n)**2) leaves the scale"),
    ("n**n", None, "n**n leaves the scale"),
    ("n**pi", None, "no rational exponent"),
    ("exp(n)", None, "exp(n) leaves the scale"),
    ("exp(sqrt(log(n)))", None, "leaves the scale"),
    ("sin(n)", None, "sin(n) oscillates"),
    ("tanh(n) - 1", None, "exp(-2*n) leaves the scale"),
    ("max(1/n, sin(n))", None, "could not be determined"),
    ("log(log(log(n)))", None, "log log log leaves the scale"),
    ("log(log(log(n))) + n", None, "log log log"),
    ("0", None, "identically zero"),
    ("n - n", None, "identically zero"),
    ("(n+1)**2 - n**2 - 2*n - 1", None, "identically zero"),
    ("sqrt(n**2) - n", None, "identically zero"),
    ("log(n**2) - 2*log(n)", None, "identically zero"),
    ("log(n*log(n)) - log(n) - log(log(n))", None, "identically zero"),
    ("n*sqrt(3 + 2*sqrt(2)) - n*(1 + sqrt(2))", None, "identically zero"),
    ("n - d/2", {"d": "2*n"}, "identically zero"),
    ("sqrt(n**2 + 2*n + 1) - n - 1", None, "identically zero"),
    ("1/(log(n**2) - 2*log(n))", None, "power of zero"),
    ("log(log(n**2)/2 - log(n))", None, "logarithm of zero"),
    ("n*d", None, "one free size but got d, n; give a path"),
    ("n + p", None, "one free size but got n, p"),
    ("n*d", {"d": "k"}, "the path (d = k) gives no n"),
    ("sqrt(1 - n)", None, "a root of an expression that is negative for large n"),
    ("(1 - n)**(1/3)", None, "a root"),
    ("(sqrt(n-1) - sqrt(n))**(3/2)", None, "a root"),
    ("log(1 - n)", None, "a logarithm of an expression that is negative"),
    ("log(log(1/n))", None, "a logarithm of an expression that is negative"),
]


@pytest.mark.parametrize(("text", "path", "words"), OUTSIDE, ids=map(label, OUTSIDE))
def test_outside_the_scale_is_refused(text, path, words):
    with pytest.raises(OutsideScaleError) as caught:
        leading_order(text, path=path)
    assert str(caught.value).startswith("leading order of ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "path", "words"),
    [
        ("x", None, "unknown symbol 'x'"),
        ("n +", None, "does not parse"),
        ("1/(n-n)", None, "not finite"),
        (None, None, "expected a formula as text but got None"),
        (True, None, "expected a formula as text but got True"),
        ("n", {"d": "2*q"}, "unknown symbol 'q'"),
        ("n", {"d": "k", "k": "d"}, "defined through itself"),
        (sympy.Symbol("m"), None, "m is not a size"),
        ("n < 5", None, "the condition n < 5"),
        (sympy.true, None, "the condition True"),
        ("sqrt(n*d/p)", {"d": "2*n", "k": "n"}, "gives no p"),
        ("n", {"d": "2*k"}, "gives no n"),
    ],
)
def test_what_is_no_formula_is_refused(expression, path, words):
    with pytest.raises(InvalidInputError) as caught:
        leading_order(expression, path=path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "expression",
    ["sqrt(-1)*n", "log(-1)*n", sympy.I * n, sympy.oo * n, sympy.zoo, sympy.nan, sympy.true],
    ids=str,
)
def test_a_constant_that_is_not_real_is_refused(expression):
    with pytest.raises(InvalidInputError):
        leading_order(expression)


@pytest.mark.parametrize(("expression", "power"), [(n**0.5, (1, 2)), (1.5 * n**0.25, (1, 4))])
def test_floats_in_sympy_expressions_are_read(expression, power):
    assert leading_order(expression).power == Fraction(*power)


@pytest.mark.parametrize(("text", "path"), [("p", {"d": "2*n"}), ("n", {"d": "2*k"})])
def test_a_size_that_the_path_does_not_give_is_refused(text, path):
    with pytest.raises(InvalidInputError):
        leading_order(text, path=path)


def test_an_order_does_not_compare_with_a_number():
    with pytest.raises(TypeError):
        assert leading_order("n") < 3


def test_a_symbol_is_known_by_its_name():
    plain = sympy.Symbol("n")
    assert leading_order(plain * sympy.log(plain)) == leading_order("n*log(n)")


TABLE = tomllib.loads((File(__file__).parent / "leading_orders.toml").read_text(encoding="utf-8"))
ROWS, REFUSED = TABLE["order"], TABLE["refused"]
SIZES_CHECKED = (10, 20, 40)  # powers of ten


def title(row):
    return label((row["text"], row.get("path")))


def claimed(row):
    """The order that the table gives: constant and exponents."""
    return sympy.sympify(row["constant"]), tuple(Fraction(e) for e in row["growth"])


def errors(row, constant, growth):
    """|expression / order - 1| at 10^10, 10^20 and 10^40, by mpmath alone."""
    path = Path(row["path"]) if "path" in row else None
    formula = parse_expression(row["text"], SIZES)
    formula = formula.subs(path.rules) if path else formula
    value = sympy.lambdify(path.free if path else n, formula, "mpmath")
    found = []
    with mpmath.workdps(400):
        for exponent in SIZES_CHECKED:
            x = mpmath.mpf(10) ** exponent
            a, b, c = (mpmath.mpf(e.numerator) / e.denominator for e in growth)
            lead = mpmath.mpmathify(sympy.N(constant, 100)) * x**a * mpmath.log(x) ** b
            error = abs(value(x) / (lead * mpmath.log(mpmath.log(x)) ** c) - 1)
            found.append(error if error > mpmath.mpf(10) ** -100 else 0)  # below is rounding
    return found


def tends_to_one(row, constant, growth):
    """Whether the errors shrink, as fast as the next term of the table's rate does."""
    found = errors(row, constant, growth)
    for exponent, error in zip(SIZES_CHECKED, found, strict=True):
        log = exponent * mpmath.log(10)
        most = {
            "power": 2 * log**2 * mpmath.mpf(10) ** (-exponent / 4),
            "log": 6 * mpmath.log(log) / log,
            "loglog": 3 / mpmath.log(log),
        }
        if error > most[row.get("rate", "power")]:
            return False
    return found[0] >= found[1] >= found[2]


def test_the_table_is_long_and_without_doubles():
    assert len(ROWS) >= 100
    assert len({title(row) for row in ROWS + REFUSED}) == len(ROWS) + len(REFUSED)


@pytest.mark.parametrize("row", ROWS, ids=title)
def test_table(row):
    constant, growth = claimed(row)
    order = leading_order(row["text"], path=row.get("path"))
    assert order.growth == growth
    assert sympy.simplify(order.constant - constant) == 0
    assert all(type(e) is Fraction for e in order.growth)


NUMERIC = [row for row in ROWS if row.get("rate") != "late"]


@pytest.mark.parametrize("row", NUMERIC, ids=title)
def test_table_against_numbers(row):
    assert tends_to_one(row, *claimed(row))


@pytest.mark.parametrize("row", NUMERIC, ids=title)
def test_numbers_contradict_a_wrong_order(row):
    constant, (a, b, c) = claimed(row)
    assert not tends_to_one(row, -constant, (a, b, c))
    assert not tends_to_one(row, constant, (a + Fraction(1, 10), b, c))
    assert not tends_to_one(row, constant, (a, b + 1, c))
    assert not tends_to_one(row, constant, (a, b - 1, c))
    if row.get("rate", "power") == "power":
        assert not tends_to_one(row, constant * sympy.Rational(101, 100), (a, b, c))
        assert not tends_to_one(row, constant, (a, b, c + 1))
    else:
        assert not tends_to_one(row, constant * 3, (a, b, c))


@pytest.mark.parametrize("row", REFUSED, ids=title)
def test_table_of_refusals(row):
    with pytest.raises(OutsideScaleError) as caught:
        leading_order(row["text"], path=row.get("path"))
    assert row["words"] in str(caught.value)


def test_what_is_zero_is_told_apart():
    with pytest.raises(ZeroError):
        leading_order("log(6*n) - log(2) - log(3*n)")
    with pytest.raises(OutsideScaleError) as caught:
        leading_order("sin(n)")
    assert not isinstance(caught.value, ZeroError)


@pytest.mark.parametrize(
    ("text", "path", "start", "words"),
    [
        ("max(n, 1000) - n", None, 1000, "zero from n = 1000 on; before, it is up to 999 (at n = 1)"),
        ("abs(n - 50) - n + 50", None, 50, "zero from n = 50 on; before, it is up to 98 (at n = 1)"),
        ("min(k, 7) - 7", Path(n=3, d=3, free="k"), 7, "zero from k = 7 on; before, it is up to 6 (at k = 1)"),
        ("1 - sign(n - 5)", None, 6, "zero from n = 6 on; before, it is up to 2 (at n = 1)"),
    ],
)
def test_what_is_zero_from_a_size_on_says_from_where(text, path, start, words):
    with pytest.raises(ZeroError) as caught:
        leading_order(text, path=path)
    assert caught.value.start == start
    assert not caught.value.always
    assert str(caught.value).endswith(words)


factors = st.sampled_from(
    ["n", "sqrt(n) + 1", "log(n) + 2", "1/(n + 1)", "log(n + 1) - log(n)", "log(log(n))", "sqrt(2*n) + pi", "n - 3/n"]
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(factors, factors)
def test_the_order_of_a_product_is_the_product_of_the_orders(one, other):
    first, second, product = (leading_order(text) for text in (one, other, f"({one})*({other})"))
    assert product.growth == tuple(a + b for a, b in zip(first.growth, second.growth, strict=True))
    assert sympy.simplify(product.constant - first.constant * second.constant) == 0
    inverse = leading_order(f"1/({one})")
    assert inverse.growth == tuple(-a for a in first.growth)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(factors, factors)
def test_a_dominated_term_changes_nothing(one, other):
    first, second = leading_order(one), leading_order(other)
    if first > second:
        assert leading_order(f"{one} - 7*({other})") == first


HARD = [
    "(n+log(n)+sqrt(n)+1)**64",
    "1/(1+1/log(n))-1/(1+1/log(n+1))",
    "sqrt(1+log(n)-log(pi)+1/n)-sqrt(1+log(n)-log(pi))",
    "log((1+sqrt(n))*(n+pi)+1/n)-log((1+sqrt(n))*(n+pi))",
    "+".join(f"1/(n+{i})" for i in range(1, 150)),
    "*".join(f"(n**(1/{i}) + log(n+{i}))" for i in range(2, 50)),
    "1/(" + "+".join(f"1/(n+{i}+1/(log(n)+{i}))" for i in range(1, 50)) + ") - n/50",
    "log(" + "*".join(f"(n+log(n)+{i})" for i in range(1, 60)) + ") - 59*log(n)",
    "((((n+log(n))**7+1)**7+sqrt(n))**7+1)**7/n**2401-1",
    "sqrt(n+sqrt(n)+1) - sqrt(n+sqrt(n)+1+n**(-20))",
    "log(n)**200/(1+log(n))**200-1+200/log(n)",
    "sqrt(n**2+2*n+1+log(n)**2+2*log(n)*(n+1))-n-1-log(n)",
    "(" + "+".join(f"n**(1/{i})*log(n)**{i}" for i in range(1, 30)) + ")**(1/3) - n**(1/3)*log(n)**(1/3)",
]


@pytest.mark.parametrize("text", HARD, ids=lambda text: text[:60])
def test_effort_is_bounded(text):
    start = time.process_time()
    try:
        leading_order(text)
    except OutsideScaleError as refusal:
        assert "too many terms" in str(refusal) or "may be zero" in str(refusal)  # noqa: PT017
    assert time.process_time() - start < 120  # of the processor; a few are used


def test_without_flint_the_signs_are_the_same(monkeypatch):
    texts = ["n*sqrt(3 + 2*sqrt(2)) - n*(1 + sqrt(2)) + log(n)", "n*(pi - 3.14159265358979)", "abs(sin(4)*n)"]
    before = [leading_order(text) for text in texts]
    monkeypatch.setattr("bigtheta.theory.constants.flint", None)
    assert [leading_order(text) for text in texts] == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I*n", "I is no real, finite number; leave it out"),
        ("n + oo", "oo is no real, finite number"),
        ("nan", "nan is no real"),
        ("sqrt(-n)", "it holds I"),
    ],
)
def test_what_is_not_real_is_named(text, words):
    with pytest.raises(OutsideScaleError) as caught:
        leading_order(text)
    assert words in str(caught.value)


def test_a_constant_that_cannot_be_decided_is_refused():
    # erf(1) + erfc(1) = 1: proved or refused, never guessed
    try:
        order = leading_order("n*((erf(1) + erfc(1))**2 - 1) + sqrt(n)")
    except OutsideScaleError as refusal:
        assert "may be zero" in str(refusal)  # noqa: PT017
    else:
        assert order == leading_order("sqrt(n)")
