"""Comparisons: the exact ratio against the leading orders, the crossing against a root found by scipy."""

import math
from fractions import Fraction

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
        ("2**n", "n", None, "no rational exponent"),
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
