"""Comparisons: the exact ratio against the leading orders, the crossing against a root found by scipy."""

import math
import tomllib
from fractions import Fraction
from pathlib import Path as File

import pytest
import scipy.optimize
import sympy

from bigtheta.theory.compare import compare
from bigtheta.theory.errors import InvalidInputError, OutsideScaleError
from bigtheta.theory.scale import Path, n

# first, second, path, relation, exponents of the ratio, constant of the ratio
CASES = [
    ("n*log(n)", "8*n", None, "first", (0, 1, 0), "1/8"),
    ("8*n", "n*log(n)", None, "second", (0, -1, 0), "8"),
    ("n", "2*n + sqrt(n)", None, "same order", (0, 0, 0), "1/2"),
    ("-3*n", "n", None, "same order", (0, 0, 0), "3"),
    ("n", "-n + log(n)", None, "same order", (0, 0, 0), "1"),
    ("(n+1)**2", "n**2 + 2*n + 1", None, "identical", (0, 0, 0), "1"),
    ("log(6*n)", "log(2) + log(3*n)", None, "identical", (0, 0, 0), "1"),
    ("n", "n + 1", None, "same order", (0, 0, 0), "1"),
    ("log(n)**30", "n**0.1", None, "second", (Fraction(-1, 10), 30, 0), "1"),
    ("log(log(n))", "5", None, "first", (0, 0, 1), "1/5"),
    ("1/n", "1/(n*log(log(n)))", None, "first", (0, 0, 1), "1"),
    ("sqrt(n*d)", "k", {"d": "2*n", "k": "n"}, "same order", (0, 0, 0), "sqrt(2)"),
    ("sqrt(n/d)", "k/d", {"n": "d*k/8", "k": "d"}, "first", (Fraction(1, 2), 0, 0), "sqrt(2)/4"),
    ("sqrt(n/d)", "k/d", {"n": "k**2", "d": "k"}, "first", (Fraction(1, 2), 0, 0), "1"),
    ("7", "3", None, "same order", (0, 0, 0), "7/3"),
    ("sqrt(n+1) - sqrt(n)", "1/(2*sqrt(n))", None, "same order", (0, 0, 0), "1"),
]


@pytest.mark.parametrize(("first", "second", "path", "relation", "exponents", "constant"), CASES)
def test_relation_and_ratio(first, second, path, relation, exponents, constant):
    found = compare(first, second, path=path)
    assert found.relation == relation
    assert found.exponents == exponents
    assert found.ratio.growth == exponents
    assert sympy.simplify(found.ratio.constant - sympy.sympify(constant)) == 0


@pytest.mark.parametrize(("first", "second", "path", "relation", "exponents", "constant"), CASES)
def test_the_other_way_round_is_the_inverse(first, second, path, relation, exponents, constant):
    found = compare(second, first, path=path)
    swapped = {"first": "second", "second": "first"}
    assert found.relation == swapped.get(relation, relation)
    assert found.exponents == tuple(-e for e in exponents)
    assert sympy.simplify(found.ratio.constant * sympy.sympify(constant)) == 1
    one, other = found.crossing, compare(first, second, path=path).crossing
    assert one == other or one == pytest.approx(other, rel=1e-9)


CROSSINGS = [
    ("n*log(n)", "8*n", math.exp(8)),
    ("8*n", "n*log(n)", math.exp(8)),
    ("n", "100", 100),
    ("2*n", "n + 100", 100),
    ("-2*n", "n + 100", 100),
    ("log(n)**3", "sqrt(n)", scipy.optimize.brentq(lambda t: 3 * math.log(t) - t / 2, 10, 100)),
    ("n**2 + 1000", "n**3", scipy.optimize.brentq(lambda x: x**3 - x**2 - 1000, 2, 100)),
    ("n - 50", "n/2", 100),
    ("log(log(n))", "2", math.exp(math.exp(2))),
]


@pytest.mark.parametrize(("first", "second", "at"), CROSSINGS)
def test_crossing(first, second, at):
    at = math.exp(at) if first == "log(n)**3" else at
    found = compare(first, second)
    assert found.crossing == pytest.approx(at, rel=1e-9)
    assert not found.late
    values = [abs(float(sympy.N(e.subs(n, found.crossing * 1.01), 30))) for e in (found.first, found.second)]
    assert (values[0] > values[1]) == (found.larger == found.first)


@pytest.mark.parametrize(
    ("first", "second"), [("n**2", "n"), ("2*n", "n"), ("n + 1", "n"), ("n", "n"), ("n*log(n) + 5*n", "n")]
)
def test_no_crossing(first, second):
    found = compare(first, second)
    assert found.crossing is None
    assert not found.late


def test_a_crossing_beyond_the_grid_is_told():
    found = compare("n**0.1", "log(n)**30")
    assert found.late
    assert found.crossing is None
    assert "not yet larger at n = 10^40" in str(found)


def test_sentences():
    path = {"d": "8*sqrt(n)"}
    assert str(compare("n*log(n)", "sqrt(n)*d", path=path)) == (
        "n*log(n) dominates 8*n: ratio ~ log(n)/8; larger from n = 2981 on"
    )
    assert str(compare("8*n", "n*log(n)")) == "n*log(n) dominates 8*n: ratio ~ log(n)/8; larger from n = 2981 on"
    assert str(compare("n", "n**2")) == "n**2 dominates n: ratio ~ n; larger from n = 2 on"
    assert str(compare("n + 100", "2*n")) == (
        "n + 100 and 2*n have the same order: ratio -> 1/2; 2*n is larger from n = 100 on"
    )
    assert str(compare("n + 1", "n")) == "n + 1 and n have the same order: ratio -> 1"
    assert str(compare("n + n", "2*n")) == "2*n and 2*n are identical"


def test_which_is_larger():
    assert compare("n", "n**2").larger == n**2
    assert compare("n", "n + 1").larger is None
    assert compare("n", "n").larger is None
    assert compare("3*n", "2*n").larger == 3 * n


def test_a_path_may_be_given_as_one():
    found = compare("n*d", "k**2", path=Path(d="2*n", k="n"))
    assert found.relation == "same order"
    assert found.ratio.constant == 2


@pytest.mark.parametrize(
    ("first", "second", "path", "words"),
    [
        ("2**n", "n", None, "2**n leaves the scale"),
        ("n", "exp(n)", None, "leaves the scale"),
        ("n", "0", None, "identically zero"),
        ("n - n", "n", None, "identically zero"),
        ("n", "d", None, "one depends on n, the other on d; give a path"),
        ("n*d", "n", None, "one free size but got d, n"),
        ("n", "I*n", None, "no real, finite number"),
    ],
)
def test_what_has_no_leading_order_is_refused(first, second, path, words):
    with pytest.raises(OutsideScaleError) as caught:
        compare(first, second, path=path)
    assert words in str(caught.value)


@pytest.mark.parametrize(("first", "words"), [("x", "unknown symbol"), (None, "expected a formula"), ("n +", "parse")])
def test_what_does_not_parse_is_refused(first, words):
    with pytest.raises(InvalidInputError) as caught:
        compare(first, "n")
    assert words in str(caught.value)


def test_a_comparison_is_frozen():
    found = compare("n", "2*n")
    with pytest.raises(AttributeError):
        found.relation = "first"


PAIRS = tomllib.loads((File(__file__).parent / "orders_of_functions.toml").read_text(encoding="utf-8"))["compare"]


@pytest.mark.parametrize("row", PAIRS, ids=lambda row: " = ".join(row["pair"]))
def test_equal_in_the_end_is_not_identical(row):
    for found in (compare(*row["pair"]), compare(*reversed(row["pair"]))):
        if row.get("identical"):
            assert found.relation == "identical"
            assert found.equal_from is None
        else:
            assert found.relation == "equal in the end"
            assert found.equal_from == pytest.approx(float(row["equal_from"]), rel=1e-5)
        assert found.larger is None


# first, second, path, equal from, largest ratio and difference before: over all whole sizes, in Python's floats
LATE = [
    ("max(n, 300)", "n", None, 300, 300, 299),
    ("max(n, 1000)", "max(n, 50)", None, 1000, 20, 950),
    ("min(n, 80)", "80", None, 80, 80, 79),
    ("abs(n - 1000) + n", "2*n - 1000", None, 1000, math.inf, 1998),
    ("abs(n - 10)*abs(n - 20)", "n**2 - 30*n + 200", None, 20, math.inf, 50),
    ("n + sign(n - 5)", "n + 1", None, 6, math.inf, 2),
    ("n*heaviside(n - 64, 1)", "n", None, 64, math.inf, 63),
    ("max(sqrt(n), 30)", "sqrt(n)", None, 900, 30, 29),
    ("sqrt(n**2 - 200*n + 10000)", "n - 100", None, 100, math.inf, 198),
    ("sqrt(n*abs(n - 40))", "sqrt(n**2 - 40*n)", None, 40, None, None),
    ("min(n, 1000*log(n))", "1000*log(n)", None, 9118.00647040274, 1e3 * math.log(3) / 3, 1e3 * math.log(1e3) - 1e3),
    ("max(n*d, k**2)", "2*n**2", {"d": "2*n", "k": "30"}, math.sqrt(450), 450, 898),
    ("max(d, 64)", "d", Path(n=7, k=7, free="d"), 64, 64, 63),
    ("max(0, 1 - (n - 10**7)**2) + n", "n", None, 10**7 + 1, 1 + 1e-7, 1),
    ("max(exp(-n), exp(-20)) + 1", "1 + exp(-n)", None, None, None, None),
    ("1 + max(exp(-n) - exp(-1000), 0)", "1", None, 1000, 1 + math.exp(-1), math.exp(-1)),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "path", "start", "ratio", "difference"), LATE)
def test_from_where_on_and_how_far_apart_before(first, second, path, start, ratio, difference):
    found = compare(first, second, path=path)
    if start is None:
        assert found.relation == "same order"
        return
    assert found.relation == "equal in the end"
    assert found.equal_from == pytest.approx(start, rel=1e-12)
    assert found.apart == (None if ratio is None else pytest.approx(ratio, rel=1e-12))
    assert found.difference == (None if difference is None else pytest.approx(difference, rel=1e-12))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2*log(n)", "log(n**2)"),
        ("max(n, n/2)", "n"),
        ("max(n, 1)", "n"),
        ("abs(n + 1)", "n + 1"),
        ("sqrt(n**2 + 2*n + 1)", "n + 1"),
        ("log(log(n**2))", "log(2*log(n))"),
        ("cosh(log(n))", "(n + 1/n)/2"),
        ("n*sin(1/n)**2 + n*cos(1/n)**2", "n"),
        ("tanh(n)", "(1 - exp(-2*n))/(1 + exp(-2*n))"),
        ("atan(n) + atan(1/n)", "pi/2"),
        ("(1 + 1/n)**n", "exp(n*log(n + 1))/n**n"),
    ],
)
def test_identical_for_all_sizes(first, second):
    assert compare(first, second).relation == "identical"


def test_equality_that_is_not_proved_is_not_called_identical():
    found = compare("max(n, log(n))", "n")
    assert (found.relation, found.equal_from, found.apart) == ("equal in the end", 1, None)
    assert "no difference was found on a grid of sizes up to 10^40" in str(found)


def test_sentences_of_equality():
    assert str(compare("max(n, 1000)", "n")) == (
        "Max(1000, n) and n are equal from n = 1000 on; before, up to a factor 1000 apart (at n = 1)"
    )
    assert str(compare("abs(n - 1000) + n", "2*n - 1000")) == (
        "n + Abs(n - 1000) and 2*n - 1000 are equal from n = 1000 on; before, they differ by up to 1998 (at n = 1)"
    )
    assert "equal from n = 9118.01 on" in str(compare("min(n, 1000*log(n))", "1000*log(n)"))
