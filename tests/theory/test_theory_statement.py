"""Statements: reading, values against numpy, LaTeX, the round trip through text, and refusals."""

import math

import numpy as np
import pytest
import sympy

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Law
from bigtheta.theory.scale import d, k, n, p
from bigtheta.theory.statement import BigO, Limit, Omega, Peak, Sense, Statement, Theta, lam, mu

PARSED = [
    ("Theta(sqrt(n))", Theta(sympy.sqrt(n))),
    (" Theta ( sqrt(n) ) ", Theta(sympy.sqrt(n))),
    ("Omega(n*log(n))", Omega(n * sympy.log(n))),
    ("O(n/k)", BigO(n / k)),
    ("BigO(n/k)", BigO(n / k)),
    ("Limit(2*d)", Limit(2 * d)),
    ("Theta(1)", Theta(sympy.Integer(1))),
    ("Theta(mu(1)**2*n)", Theta(mu(1) ** 2 * n)),
    ("Limit(sqrt(lam*n))", Limit(sympy.sqrt(lam * n))),
    ("Theta(sqrt(n*d/p))", Theta(sympy.sqrt(n * d / p))),
    ("Theta((n+1)*(d+1))", Theta((n + 1) * (d + 1))),
    ("Theta~(sqrt(n))", Theta(sympy.sqrt(n), up_to_logs=True)),
    (" Omega ~ (n/k)", Omega(n / k, up_to_logs=True)),
    ("O~(n)", BigO(n, up_to_logs=True)),
    ("BigO~(n)", BigO(n, up_to_logs=True)),
    ("Peak(n/k, at=1)", Peak(n / k, at=1)),
    ("Peak(n/k,at = 1)", Peak("n/k", at="1")),
    ("Peak(n/d, at=[1, 5])", Peak(n / d, at=(5, 1))),
    ("Peak(n/d, at=(1, 5))", Peak(n / d, at=[1, 5])),
    ("Peak(n/d, at=1, 5)", Peak(n / d, at=np.array([1, 5]))),
    ("Peak(n/d, at=(1+3)/2)", Peak(n / d, at=np.int64(2))),
    ("Peak(n/d, at=[sqrt(2)/2, 2^2])", Peak(n / d, at=[4, sympy.sqrt(2) / 2])),
    ("Peak(n/d, at=0.7)", Peak(n / d, at="0.7")),
    ("Peak(n/d, at=n/n)", Peak(n / d, at=1)),
    ("Peak(max(n, d)/k, at=max(1, 2))", Peak(sympy.Max(n, d) / k, at=2)),
    ("Peak(n/(d*k - k*(k-1)/2), at=1)", Peak(n / (d * k - k * (k - 1) / 2), at=1)),
]


@pytest.mark.parametrize(("text", "expected"), PARSED)
def test_parse(text, expected):
    got = Statement.parse(text)
    assert got == expected
    assert type(got) is type(expected)
    assert got.sense is expected.sense


def test_the_senses_are_told_apart():
    classes = (Theta, Omega, BigO, Limit, Peak)
    assert [cls.sense for cls in classes] == [Sense.THETA, Sense.OMEGA, Sense.BIG_O, Sense.LIMIT, Sense.PEAK]
    assert Theta(n) != BigO(n)
    assert Theta(n) != Theta(2 * n)
    assert len({Theta(n), Theta("n"), BigO(n)}) == 2
    assert Theta(n, up_to_logs=True) != Theta(n)
    assert len({Theta(n), Theta(n, up_to_logs=True), Theta("n", up_to_logs=True)}) == 2
    assert Peak(n / k, at=1) != Peak(n / k, at=2)
    assert len({Peak(n / k, at=[1, 2]), Peak("n/k", at=(2, 1)), Peak("n/d", at=(2, 1))}) == 2


def test_only_orders_are_up_to_logarithms():
    assert [Statement.parse(text).up_to_logs for text in ("Theta(n)", "Theta~(n)", "Limit(n)")] == [False, True, False]
    for refused in (lambda: Limit(n, up_to_logs=True), lambda: Statement.parse("Peak~(n/k, at=1)")):
        with pytest.raises(InvalidInputError, match="only Theta, Omega and O"):
            refused()
    with pytest.raises(InvalidInputError, match="up_to_logs=True or False but got 1"):
        Theta(n, up_to_logs=1)


def test_the_places_of_peaks():
    peak = Peak("n/d", at=["5", sympy.sqrt(2) / 2, 1.5])
    assert peak.places == (math.sqrt(2) / 2, 1.5, 5.0)
    assert str(peak) == "Peak(n/d, at=[sqrt(2)/2, 1.5, 5])"
    assert str(Peak("sqrt(n/d)", at=1)) == "Peak(sqrt(n/d), at=1)"
    assert peak.ratio.equals(sympy.Symbol("n") / sympy.Symbol("d"))
    np.testing.assert_allclose(peak.value({"n": [6, 9], "d": [3, 2]}), [2, 4.5])


FORMULAS = [
    "n", "1", "7", "sqrt(n)", "sqrt(n/k)", "sqrt(k/n)", "n**2/k", "n**(3/2)/sqrt(d*k)", "n**(-1/3)", "1/sqrt(n)",
    "0.1*n", "pi*n", "log(n)", "n*log(n)**2/log(log(n))", "mu(1)*sqrt(n)", "mu(2)**2*lam*n", "lam",
    "sqrt(lam*n)", "sqrt(n*d/p)", "sqrt(2)*n", "sqrt(2*n)", "sqrt(3)/sqrt(n)", "1/(sqrt(2)*sqrt(n))",
    "3*sqrt(n)/(2*sqrt(k))", "sqrt(n/k) + sqrt(k/n)", "sqrt((n+1)/k)", "(n/k)**(2/3)*d**(2/3)", "sqrt(n)*k**(1/3)",
    "sqrt(sqrt(n) + 1)", "sqrt(sqrt(n/k))", "sqrt(n)/(sqrt(k) + 1)", "sqrt(n)**3/k**(3/2)", "n**0.25*k**0.5",
    "(n+1)/(d-1)", "n - d", "2**n", "n**log(n)", "exp(-n)", "exp(sqrt(log(n)))", "tanh(n)", "erf(n)", "atan(n)",
    "sin(n)", "log(mu(2)*n)", "n/3", "1e-3", "sqrt(n**2 + d**2)", "log(k)*(1 + sqrt(n/k))", "n**(1/6)",
]  # fmt: skip


@pytest.mark.parametrize("sense", [Theta, Omega, BigO, Limit])
@pytest.mark.parametrize("text", FORMULAS)
def test_round_trip_through_text(text, sense):
    statement = sense(text)
    again = Statement.parse(str(statement))
    assert again == statement
    assert type(again) is sense
    if sense is not Limit:
        loose = sense(text, up_to_logs=True)
        assert Statement.parse(str(loose)) == loose


@pytest.mark.parametrize("at", ["1", "sqrt(2)/2", "1/3", "0.1", "1e-7", "pi", "[1, 0.7071067811865476]", "[1, 2, 3]"])
@pytest.mark.parametrize("ratio", ["n/k", "n/(d*k)", "sqrt(n/d)", "n/(d*k - k*(k-1)/2)", "max(n, k)/d", "n**2/d"])
def test_round_trip_of_peaks(ratio, at):
    peak = Peak(ratio, at=at)
    assert Statement.parse(str(peak)) == peak


@pytest.mark.parametrize(
    "text",
    [
        "max(n, d)",
        "min(n, d, k)",
        "abs(n - d)",
        "e*n",
        "exp(1)",
        "abs(mu(1))*n",
        "heaviside(n - 5)*n",
    ],
)
def test_round_trip_of_all_functions(text):
    statement = Theta(text)
    assert Statement.parse(str(statement)) == statement


@pytest.mark.parametrize(
    ("formula", "written"),
    [
        (sympy.sqrt(n / k), "Theta(sqrt(n/k))"),
        (sympy.sqrt(n * d / p), "Theta(sqrt(d*n/p))"),
        (sympy.sqrt(n) * k, "Theta(k*sqrt(n))"),
        (sympy.Integer(1), "Theta(1)"),
    ],
)
def test_roots_are_written_together(formula, written):
    assert str(Theta(formula)) == written


SIZES = {"n": [10, 20, 40], "d": [3, 5, 7], "k": [2, 4, 8], "p": [6, 20, 56]}
N, D, K, P = (np.array(SIZES[name], dtype=float) for name in "ndkp")
VALUES = [
    ("sqrt(n/k)", np.sqrt(N / K)),
    ("n*log(n)/log(log(n))", N * np.log(N) / np.log(np.log(N))),
    ("max(n, d**2)", np.maximum(N, D**2)),
    ("min(n, d, k)", np.minimum(np.minimum(N, D), K)),
    ("abs(d - n)", np.abs(D - N)),
    ("sqrt(n*d/p)", np.sqrt(N * D / P)),
    ("3", np.full(3, 3.0)),
    ("erf(1/n)", np.array([math.erf(1 / x) for x in N])),
    ("mu(1)**2*n*lam", 0.25 * N * 3),
    ("e**(-n/k)", np.exp(-N / K)),
]


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_values(text, expected):
    got = Theta(text).value(SIZES, {mu(1): 0.5, lam: 3.0})
    np.testing.assert_allclose(got, expected, rtol=1e-14)
    assert got.dtype == np.float64
    assert got.shape == (3,)


def test_values_keep_the_shape_and_can_be_changed():
    got = Theta("1").value({"n": np.ones((2, 3))})
    assert got.shape == (2, 3)
    got[0, 0] = 5.0
    assert Theta("n").value({"n": 4}).item() == 4.0


BAD_VALUES = [
    ("n*k", {"n": [1, 2]}, None, ["Theta(k*n)", "no value for k", "given: n"]),
    ("mu(1)*n", {"n": [1, 2]}, None, ["no value for mu(1)"]),
    ("mu(1)*mu(2)*n", {"n": [1]}, {mu(2): 1.0}, ["no value for mu(1)"]),
    ("lam*n", {"n": [1]}, None, ["no value for lam"]),
    ("log(n)", {"n": [1, 2]}, None, ["Theta(log(n))", "positive, finite", "got 0 at n = 1", "start the sizes"]),
    ("n - 5", {"n": [9, 1]}, None, ["got -4 at n = 1"]),
    ("sqrt(n - 5)", {"n": [1, 10]}, None, ["got nan at n = 1"]),
    ("1/(n - 5)", {"n": [6, 5]}, None, ["got inf at n = 5"]),
    ("n - d", {"n": [5, 6], "d": [3, 6]}, None, ["got 0 at d = 6, n = 6"]),
    ("0", {"n": [5]}, None, ["got 0"]),
]


@pytest.mark.parametrize(("text", "sizes", "constants", "words"), BAD_VALUES)
def test_bad_values_are_refused(text, sizes, constants, words):
    with pytest.raises(InvalidInputError) as caught:
        Theta(text).value(sizes, constants)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize("sizes", [{"n": [1, 2], "m": [1, 2]}, {"n": [1, 2], "d": [1, 2, 3]}])
def test_bad_arrays_are_refused(sizes):
    with pytest.raises(InvalidInputError):
        Theta("n").value(sizes)


LATEX = [
    (Theta("sqrt(n/k)"), [r"\Theta\left(", r"\sqrt{\frac{n}{k}}"]),
    (Omega("sqrt(n)"), [r"\Omega\left(", r"\sqrt{n}"]),
    (BigO("n*log(n)"), [r"O\left(", r"\log"]),
    (Limit("mu(1)*n"), [r"\lim", r"\mu"]),
    (Theta("n", up_to_logs=True), [r"\tilde{\Theta}\left("]),
    (BigO("n", up_to_logs=True), [r"\tilde{O}\left("]),
    (Peak("n/k", at=1), [r"\text{peak at } \frac{n}{k} = 1"]),
    (Peak("n/k", at=["0.7", sympy.sqrt(2)]), [r"\text{peaks at } \frac{n}{k} = 0.7,\ \sqrt{2}"]),
]


@pytest.mark.parametrize(("statement", "parts"), LATEX)
def test_latex(statement, parts):
    assert [part for part in parts if part not in statement.latex] == []
    assert statement.latex.count("{") == statement.latex.count("}")


BAD_TEXT = [
    ("theta(n)", ["unknown statement 'theta'", "'Theta'"]),
    ("Teta(n)", ["did you mean 'Theta'"]),
    ("o(n)", ["unknown statement 'o'"]),
    ("Theta n", ["Theta(...)", "got 'Theta n'", "write it as in"]),
    ("Theta(n", ["got 'Theta(n'"]),
    ("n", ["got 'n'"]),
    ("", ["got ''"]),
    ("Theta()", ["statement Theta", "nothing"]),
    ("Theta(n))", ["does not parse"]),
    ("Theta(n)*2", ["Theta(...)"]),
    ("Limit~(n)", ["statement Limit", "only Theta, Omega and O", "leave out '~'"]),
    ("Theta~~(n)", ["unknown statement 'Theta~'"]),
    ("~Theta(n)", ["unknown statement '~Theta'"]),
    ("Theta(n, at=1)", ["statement Theta", "does not parse"]),
    ("peak(n/k, at=1)", ["unknown statement 'peak'", "'Peak'"]),
    ("Peak(n/k)", ["statement Peak", "where is the peak", "Peak(n/k, at=1)"]),
    ("Peak(n/k, at=[])", ["where is the peak"]),
    ("Peak(n/k, at=)", ["statement Peak", "nothing"]),
    ("Peak(n/k, at=0)", ["statement Peak", "at > 0", "at=0"]),
    ("Peak(n/k, at=-1)", ["at > 0", "at=-1"]),
    ("Peak(n/k, at=[1, 0])", ["at > 0", "at=0"]),
    ("Peak(n/k, at=n)", ["a number without sizes", "at=n"]),
    ("Peak(n/k, at=sqrt(-1))", ["at > 0", "at=I"]),
    ("Peak(n/k, at=1 < 2)", ["at > 0"]),
    ("Peak(n/k, at=x)", ["statement Peak, at", "unknown symbol 'x'"]),
    ("Peak(n/k, at=[1, [2]])", ["statement Peak, at", "not understood"]),
    ("Peak(n/k, at=10**400)", ["at > 0"]),
    ("Peak(n/k, at=1e-400)", ["at > 0"]),
    ("Peak(n/k, at=[1, 2/2])", ["given twice"]),
    ("Peak(n/k, at=[1, 2, 3, 4, 5, 6, 7, 8, 9])", ["at most 8", "got 9"]),
    ("Peak(n/k, at=1, n/d)", ["a number without sizes"]),
    ("Peak(n/k, n/d, at=1)", ["statement Peak", "not understood"]),
    ("Peak(2, at=1)", ["statement Peak", "a ratio of sizes such as n/k", "got 2"]),
    ("Peak(n/n, at=1)", ["a ratio of sizes", "got 1"]),
    ("Peak(mu(1)*n, at=1)", ["a ratio of sizes"]),
    ("Peak(lam*n, at=1)", ["a ratio of sizes"]),
    ("Theta(n) + O(n)", ["does not parse"]),
    ("Theta(n < k)", ["statement Theta", "condition n < k"]),
    ("Theta(x)", ["statement Theta", "unknown symbol 'x'", "lam"]),
    ("Theta(nu(1))", ["unknown function 'nu'", "mu"]),
    ("Theta(2**(10**9))", ["statement Theta", "too many digits"]),
    ("Theta(__import__('os'))", ["unknown function '__import__'"]),
    ("Theta(n.real)", ["not understood"]),
    (3, ["expected text", "got 3"]),
    (None, ["expected text", "got None"]),
    (sympy.sqrt(n), ["expected text", "got sqrt(n)"]),
]


@pytest.mark.parametrize(("text", "words"), BAD_TEXT, ids=[str(text) for text, _ in BAD_TEXT])
def test_bad_text_is_refused(text, words):
    with pytest.raises(InvalidInputError) as caught:
        Statement.parse(text)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize("formula", [None, True, [], sympy.true, n < k])
def test_bad_formulas_are_refused(formula):
    with pytest.raises(InvalidInputError, match="statement Theta"):
        Theta(formula)


@pytest.mark.parametrize(
    "at", [None, True, {}, object(), 1j, math.nan, math.inf, sympy.oo, sympy.zoo, "", [[1]], (1, "n")]
)
def test_bad_places_are_refused(at):
    with pytest.raises(InvalidInputError, match="statement Peak"):
        Peak("n/k", at=at)


@pytest.mark.parametrize("text", ["mu(1.5)*n", "mu(-1)*n", "mu(n)", "mu()", "mu(1, 2)*n"])
def test_bad_orders_of_mu_are_refused(text):
    with pytest.raises(InvalidInputError, match=r"mu takes one argument|expected mu\(j\), j = 0, 1"):
        Theta(text)


def law_with_peak(**changed):
    given = {
        "name": "peak", "model": "random-features", "statement": "Peak(n/k, at=1)", "path": {"d": 20, "k": 40},
        "sizes": {"n": [20, 30, 40, 60, 80]},
    } | changed  # fmt: skip
    return Law(**given)


def test_a_law_with_a_peak_crosses_the_threshold():
    law = law_with_peak()
    assert law.margin == 0.2
    assert law.cells[-1] == {"n": 80, "d": 20, "k": 40}
    assert law_with_peak(statement="Peak(n/p, at=[0.8, 1.5])").statement.places == (0.8, 1.5)
    with pytest.raises(InvalidInputError, match="claims a place, not an order"):
        _ = law.claimed_order
    with pytest.raises(InvalidInputError, match="cannot fit 60 labels"):
        law_with_peak(statement="Theta(n)")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"statement": "Peak(n/k, at=3)"}, ["from 0.5 to 2", "a peak at 3", "widen the sizes"]),
        ({"statement": "Peak(n/k, at=[1, 0.5])"}, ["a peak at 0.5"]),
        ({"statement": "Peak(k/d, at=2)"}, ["from 2 to 2"]),
        ({"margin": 0.6}, ["0.01 <= margin <= 0.5", "margin=0.6"]),
    ],
)
def test_laws_that_cannot_show_their_peak_are_refused(changed, words):
    with pytest.raises(InvalidInputError) as caught:
        law_with_peak(**changed)
    assert [word for word in words if word not in str(caught.value)] == []
