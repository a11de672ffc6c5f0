"""Paths and sizes: rules, rounding, cycles, the free size; every expected value is worked out by hand."""

import itertools
import math

import numpy as np
import pytest
import sympy

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.scale import SIZES, Path, Sizes, d, geometric, k, n, p

AT = [
    (Path(d=2 * n, k=n), 100, {"n": 100, "d": 200, "k": 100}),
    (Path(d="2*n"), 7, {"n": 7, "d": 14}),
    (Path({"d": "2*n"}), 7, {"n": 7, "d": 14}),
    (Path(d=2000, free="n"), 3, {"n": 3, "d": 2000}),
    (Path(d=2000, free="k"), 3, {"d": 2000, "k": 3}),
    (Path(n=400, d=2000), 4, {"n": 400, "d": 2000, "k": 4}),
    (Path(n=400, d=2000, k="k"), 4, {"n": 400, "d": 2000, "k": 4}),
    (Path(free="d"), 9, {"d": 9}),
    (Path(n="k**2/8", d="k"), 16, {"n": 32, "d": 16, "k": 16}),
    (Path(n="d*k/8", d="k"), 16, {"n": 32, "d": 16, "k": 16}),
    (Path(d="k", k="n"), 5, {"n": 5, "d": 5, "k": 5}),
    (Path(d="2*k", k="3*n"), 5, {"n": 5, "d": 30, "k": 15}),
    (Path(n="d**1.5", k="n/d"), 16, {"n": 64, "d": 16, "k": 4}),
    (Path(d="min(n, 100)"), 500, {"n": 500, "d": 100}),
    (Path(d="max(n, 100)"), 50, {"n": 50, "d": 100}),
    (Path(d="n", k="k"), 3, {"n": 3, "d": 3}),
    # rounding: to the nearest whole number, a half upwards
    (Path(d="n/2"), 1, {"n": 1, "d": 1}),
    (Path(d="n/2"), 3, {"n": 3, "d": 2}),
    (Path(d="n/2"), 5, {"n": 5, "d": 3}),
    (Path(d="n/3"), 4, {"n": 4, "d": 1}),
    (Path(d="n/3"), 5, {"n": 5, "d": 2}),
    (Path(d="n**1.5"), 10, {"n": 10, "d": 32}),
    (Path(d="sqrt(n)"), 6, {"n": 6, "d": 2}),
    (Path(d="sqrt(n)"), 7, {"n": 7, "d": 3}),
    (Path(d="0.1*n"), 25, {"n": 25, "d": 3}),
    (Path(d="n*log(n)"), 1000, {"n": 1000, "d": 6908}),
    (Path(d="10**15*n + 1/2 - 10**(-20)"), 1, {"n": 1, "d": 10**15}),
]


@pytest.mark.parametrize(("path", "value", "expected"), AT, ids=[f"{path} at {value}" for path, value, _ in AT])
def test_sizes_at_a_value(path, value, expected):
    got = path.at(value)
    assert got == expected
    assert all(type(size) is int for size in got.values())
    assert list(got) == [name for name in ("n", "d", "k") if name in expected]


@pytest.mark.parametrize(
    ("path", "free"),
    [
        (Path(d="2*n"), n),
        (Path(d=2 * n, k=n), n),
        (Path(d="k"), k),
        (Path(n=400, d=2000), k),
        (Path(d=20, k=30), n),
        (Path(n=10, k=30), d),
        (Path(d=20, free="n"), n),
        (Path(free="k"), k),
        (Path(n="d**1.5"), d),
        (Path(d="k", k="n"), n),
    ],
)
def test_the_free_size_is_found(path, free):
    assert path.free == free
    assert all(rule.free_symbols <= {free} for rule in path.rules.values())


def test_rules_are_those_given_with_chains_resolved():
    path = Path(d="2*k", k="n**2")
    assert path.rules == {d: 2 * n**2, k: n**2}
    assert str(path) == "d = 2*n**2, k = n**2"
    assert str(Path(free="n")) == "n free"
    assert Path(d="2*n") == Path({"d": 2 * n}) == Path(d=2 * n, k="k")
    assert Path(d="2*n") != Path(d="3*n")
    assert len({Path(d="2*n"), Path(d=2 * n)}) == 1


def test_the_symbols():
    assert list(SIZES) == ["n", "d", "k", "p"]
    assert all(symbol.is_positive for symbol in (n, d, k, p))


BAD_PATHS = [
    ({}, ["path", "one free size but got none", "free='n'"]),
    ({"d": "d"}, ["one free size but got none"]),
    ({"d": 20}, ["one free size but got none", "which size varies"]),
    ({"n": 10, "d": 20, "k": 30}, ["one free size but got none"]),
    ({"d": "k", "k": "d"}, ["defined through itself", "leave one size free"]),
    ({"d": "k", "k": "n", "n": "d"}, ["defined through itself"]),
    ({"d": "n + d"}, ["d is defined through itself"]),
    ({"n": "2*n"}, ["n is defined through itself"]),
    ({"d": "n*k"}, ["one free size but got k, n", "functions of it"]),
    ({"d": "2*n", "free": "k"}, ["one free size but got k, n"]),
    ({"d": 20, "free": "d"}, ["d is both free and given as 20"]),
    ({"free": "p"}, ["unknown size 'p'", "d, k, n"]),
    ({"p": "n"}, ["unknown size in path 'p'", "d, k, n"]),
    ({"q": "n"}, ["unknown size in path 'q'"]),
    ({"d": "2*q"}, ["path d", "unknown symbol 'q'"]),
    ({"d": "2*p"}, ["path d", "unknown symbol 'p'"]),
    ({"d": "2n"}, ['path d "2n"', "does not parse"]),
    ({"d": ""}, ["path d", "nothing"]),
    ({"d": None}, ["path d", "got None"]),
    ({"d": True}, ["path d", "got True"]),
    ({"d": [1]}, ["path d", "got [1]"]),
    ({"d": "n/0"}, ["path d", "not finite"]),
]


@pytest.mark.parametrize(("rules", "words"), BAD_PATHS, ids=[str(rules) for rules, _ in BAD_PATHS])
def test_bad_paths_are_refused(rules, words):
    with pytest.raises(InvalidInputError) as caught:
        Path(**rules)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (Path(d="n/3"), 1, ["d (input dimension) >= 1", "d = n/3 = 0 at n = 1", "positive whole numbers"]),
        (Path(d="log(n)"), 1, ["d = log(n) = 0 at n = 1"]),
        (Path(d="log(n) - 5"), 3, ["d = log(n) - 5 = -4 at n = 3"]),
        (Path(n="k**2/8", d="k"), 1, ["n (samples) >= 1", "n = k**2/8 = 0 at k = 1"]),
        (Path(d="-n"), 3, ["-3 at n = 3"]),
        (Path(d="1/(n-5)"), 5, ["path: d = 1/(n - 5) is not a number at n = 5"]),
        (Path(d="sqrt(5-n)"), 6, ["d = sqrt(5 - n) is not a number at n = 6"]),
        (Path(d="2*n"), 0, ["sizes", ">= 1", "n=0", "positive whole numbers"]),
        (Path(d="2*n"), -3, ["sizes", ">= 1", "n=-3"]),
    ],
)
def test_sizes_below_one_are_refused(path, value, words):
    with pytest.raises(InvalidInputError) as caught:
        path.at(value)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize("rule", [2 * sympy.Symbol("q"), 2 * sympy.Symbol("n")])
def test_foreign_symbols_are_refused_or_read_by_name(rule):
    try:
        path = Path(d=rule)
    except InvalidInputError:
        return
    assert path.at(5) == {"n": 5, "d": 10}


def test_a_condition_is_no_rule():
    with pytest.raises(InvalidInputError):
        Path(d="n < 3")


@pytest.mark.parametrize(
    "call",
    [
        lambda: Path(d="2*n").at("3"),
        lambda: Path(d="2*n").at(None),
        lambda: Path(d="2*n").at(2.5),
        lambda: Path("d = 2*n"),
    ],
    ids=["at text", "at None", "at 2.5", "path as text"],
)
def test_bad_types_are_refused(call):
    with pytest.raises(InvalidInputError):
        call()


@pytest.mark.parametrize(
    ("low", "high", "cells", "expected"),
    [
        (50, 800, 5, (50, 100, 200, 400, 800)),
        (40, 1280, 6, (40, 80, 160, 320, 640, 1280)),
        (1, 1000, 4, (1, 10, 100, 1000)),
        (4, 64, 7, (4, 6, 10, 16, 25, 40, 64)),
        (2, 3, 2, (2, 3)),
        (1, 3, 9, (1, 2, 3)),  # rounds to the same number: each once
    ],
)
def test_geometric(low, high, cells, expected):
    sizes = geometric(n, low, high, cells=cells)
    assert sizes == Sizes("n", expected)
    ratios = [math.log(b / a) for a, b in itertools.pairwise(sizes.values)]
    assert max(ratios) - min(ratios) < 0.7  # a progression, up to rounding


def test_sizes_are_sorted():
    assert Sizes("n", (300, 10, 100)).values == (10, 100, 300)
    assert Sizes("k", (5,)).variable == "k"


BAD_SIZES = [
    ("n", (), ["at least one value of n"]),
    ("n", (1, 1), ["n = [1, 1] has a value twice"]),
    ("n", (0,), ["whole numbers from 1 to 10^9", "n=0"]),
    ("n", (-5,), ["n=-5"]),
    ("n", (1.5,), ["n=1.5"]),
    ("n", (100.0,), ["n=100.0"]),
    ("n", (True,), ["n=True"]),
    ("n", ("3",), ["n='3'"]),
    ("n", (None,), ["n=None"]),
    ("n", (10**9 + 1,), ["n=1000000001"]),
    ("p", (1,), ["unknown size 'p'", "d, k, n"]),
    ("N", (1,), ["unknown size 'N'"]),
]


@pytest.mark.parametrize(("variable", "values", "words"), BAD_SIZES)
def test_bad_sizes_are_refused(variable, values, words):
    with pytest.raises(InvalidInputError) as caught:
        Sizes(variable, values)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("low", "high", "cells"), [(800, 50, 5), (50, 50, 3), (50, 800, 1), (0, 5, 3), (-1, 5, 3), (50, 800, 0)]
)
def test_bad_progressions_are_refused(low, high, cells):
    with pytest.raises(
        InvalidInputError, match=r"geometric: expected (1 <= low|high > low = |cells >= 2).* but got (low|high|cells)="
    ):
        geometric(n, low, high, cells=cells)


@pytest.mark.parametrize(("low", "high", "cells"), [(50, 800, 2.5), (50, "800", 5), (None, 800, 5)])
def test_bad_types_of_progressions_are_refused(low, high, cells):
    with pytest.raises(InvalidInputError):
        geometric(n, low, high, cells=cells)


def test_numpy_sizes_are_read():
    assert Sizes("n", tuple(np.array([50, 100]))).values == (50, 100)
