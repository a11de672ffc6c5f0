"""Messages: each says what was asked, what was got, and what to do; read as a user would read them."""

import pytest
import sympy

import bigtheta
from bigtheta.theory.activation import Activation, u
from bigtheta.theory.catalogue import CATALOGUE, activation
from bigtheta.theory.data import Labels
from bigtheta.theory.errors import BigthetaError, InvalidInputError, OutsideScaleError, unknown_name
from bigtheta.theory.kernel import SeriesTooLongError, rf_kernel
from bigtheta.theory.law import Control, Law, law, laws
from bigtheta.theory.model import RandomFeatures, model
from bigtheta.theory.order import leading_order
from bigtheta.theory.scale import Path, Sizes, geometric
from bigtheta.theory.spec import law_from_spec
from bigtheta.theory.statement import Statement, Theta


def bound(**changes):
    given = {
        "name": "b",
        "model": "rf-kernel",
        "statement": "Theta(sqrt(n))",
        "path": {"d": "2*n"},
        "sizes": {"n": [50]},
    }
    return Law(**{**given, **changes})


# what is called, what was asked for, what was got, what to do
CALLS = [
    (lambda: activation("rellu"), "activation", "'rellu'", "did you mean 'relu'"),
    (lambda: activation("rellu"), "activation", "'rellu'", "`bigtheta activations` lists all"),
    (lambda: activation("zzz"), "activation", "'zzz'", "valid: abs, arctan"),
    (lambda: activation(None), "a name or a formula", "got None", "activation"),
    (lambda: activation("u +"), "activation", '"u +"', "write it as in"),
    (lambda: activation("u*y"), "unknown symbol", "'y'", "valid: e, pi, t, u, x, z"),
    (lambda: activation("u*sinn(u)"), "unknown function", "'sinn'", "did you mean 'sin'"),
    (lambda: Activation("a;b", u), "letters, digits", "name='a;b'", "activation name"),
    (lambda: Activation("a", "u**2"), "a SymPy expression", "got 'u**2'", "read text with Activation.parse"),
    (lambda: activation("sqrt(u)"), "a finite real number", "at u = -", "sqrt(u) is not"),
    (lambda: activation("u < 1"), "expected a formula", "the condition 'u < 1'", "activation"),
    (lambda: activation("1/u"), "not finite", "1/u", "has a pole, a zero of u"),
    (lambda: activation("sigmoid()"), "one argument", "got sigmoid()", "without keywords"),
    (lambda: activation("max()"), "one or more arguments", "got max()", "max takes"),
    (lambda: Activation("a", sympy.I * u), "a real, finite function", "got I*u", "'a'"),
    (lambda: bigtheta.hermite("relu", -1), "from 0 to 1000", "j=-1", "hermite"),
    (lambda: bigtheta.hermite("relu", 1, digits=0), "digits from 1 to 1000", "digits=0", "hermite"),
    (lambda: bigtheta.hermite("exp(u**2)", 0), "square-integrable", "exp(u**2)", "grows too fast"),
    (lambda: rf_kernel(activation("relu")).terms(0.9999), "Taylor terms", "0.9999", "enlarge d, or use an activation"),
    (lambda: leading_order("n*d"), "one free size", "got d, n", "give a path, such as d = 2*n"),
    (lambda: leading_order("2**n"), "n^a (log n)^b (log log n)^c", "2**n", "leaves the scale"),
    (lambda: leading_order("x"), "unknown symbol", "'x'", "valid: d, e, k, n, p, pi"),
    (lambda: Path(d="2*q"), "path d", "'q'", "valid: d, e, k, n, pi"),
    (lambda: Path(d=20), "one free size", "got none", "free='n'"),
    (lambda: Path(d="k", k="d"), "leave one size free", "defined through itself", "path"),
    (
        lambda: Path(d="n/100").at(3),
        "d (input dimension) >= 1",
        "d = n/100 = 0 at n = 3",
        "give positive whole numbers",
    ),
    (lambda: Sizes("n", (-5,)), "whole numbers from 1 to 10^9", "n=-5", "sizes"),
    (lambda: Sizes("n", (5, 5)), "sizes", "n = [5, 5] has a value twice", "give each size once"),
    (lambda: Statement.parse("Teta(n)"), "statement", "'Teta'", "did you mean 'Theta'"),
    (lambda: Statement.parse("n"), "Theta(...), Omega(...), O(...)", "got 'n'", "write it as in Theta(sqrt(n/k))"),
    (lambda: Theta("log(n)").value({"n": [1]}), "positive, finite", "got 0 at n = 1", "start the sizes where"),
    (lambda: Theta("n*k").value({"n": [1]}), "no value for k", "given: n", "Theta(k*n)"),
    (lambda: model("random-feature"), "model", "'random-feature'", "did you mean 'random-features'"),
    (lambda: RandomFeatures(ridge=-1.0), "ridge >= 0", "ridge=-1.0", "model"),
    (lambda: Labels(noise=0.0), "signal > 0 or noise > 0", "both are 0", "nothing to fit"),
    (lambda: Labels(noise=-2.0), "noise >= 0", "noise=-2.0", "labels"),
    (lambda: bound(model="random-features"), "needs k", "gives only d, n", "add k, as in k = 2*n"),
    (lambda: bound(model="random-features", path={"d": "n", "k": "n/5"}), "fit 50 labels", "p = k = 10", "enlarge k"),
    (lambda: bound(statement="Theta(k)"), "not a size of rf-kernel", "k", "(d, lam, n)"),
    (lambda: bound(sizes=[50]), "one free size such as {'n': [100, 200, 400]}", "got [50]", "sizes"),
    (lambda: bound(margin=0), "0 < margin < 10", "margin=0", "law 'b'"),
    (lambda: law("rf-kernl"), "law", "'rf-kernl'", "`bigtheta laws` lists all"),
    (lambda: laws("dohmatob"), "paper", "'dohmatob'", "did you mean 'dohmatob2022'"),
    (lambda: law_from_spec({"law": {"nam": 1}}), "law", "`nam`", "name, model, statement, sizes"),
]


@pytest.mark.parametrize(
    ("call", "asked", "got", "do"), CALLS, ids=[f"{asked}, got {got}" for _, asked, got, _ in CALLS]
)
def test_a_message_says_what_was_asked_got_and_to_do(call, asked, got, do):
    with pytest.raises(BigthetaError) as caught:
        call()
    message = str(caught.value)
    assert [word for word in (asked, got, do) if word not in message] == []
    assert "\n" not in message
    assert len(message) < 600
    assert "Traceback" not in message


def test_the_classes():
    assert issubclass(InvalidInputError, BigthetaError)
    assert issubclass(InvalidInputError, ValueError)
    assert issubclass(OutsideScaleError, InvalidInputError)
    assert issubclass(SeriesTooLongError, BigthetaError)
    assert not issubclass(SeriesTooLongError, InvalidInputError)
    assert bigtheta.InvalidInputError is InvalidInputError


@pytest.mark.parametrize(
    ("name", "known", "listing", "expected"),
    [
        ("rellu", ["relu", "tanh"], "", "unknown thing 'rellu'; did you mean 'relu'?"),
        ("tnah", ["relu", "tanh"], "", "unknown thing 'tnah'; did you mean 'tanh'?"),
        ("qqq", ["tanh", "relu"], "", "unknown thing 'qqq'; valid: relu, tanh"),
        ("qqq", ["b", "a"], "cmd ls", "unknown thing 'qqq'; valid: a, b. `cmd ls` lists all 2."),
        ("rellu", ["relu"], "cmd ls", "unknown thing 'rellu'; did you mean 'relu'? `cmd ls` lists all 1."),
        (3, ["a"], "", "unknown thing 3; valid: a"),
        (None, ["a"], "", "unknown thing None; valid: a"),
    ],
)
def test_unknown_name(name, known, listing, expected):
    error = unknown_name("thing", name, known, listing)
    assert isinstance(error, InvalidInputError)
    assert str(error) == expected


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_slip_of_one_letter_finds_the_name(name):
    with pytest.raises(InvalidInputError, match=f"'{name}'"):
        activation(name[:-1] + "q" + name[-1] if len(name) > 3 else name + "q")


def test_a_name_in_capitals_is_recognised():
    with pytest.raises(InvalidInputError, match="did you mean 'relu'"):
        activation("ReLU")


MISLEADING = [
    # p is a size of the vocabulary: 'did you mean pi' sends the user off
    (lambda: Path(d="2*p"), "did you mean 'pi'"),
    # "unknown size n; did you mean 'n'?": the symbol was given where its name is asked
    (lambda: Sizes(sympy.Symbol("n", positive=True), (1, 2)), "did you mean 'n'"),
    # spaces around a misspelt name make it a formula: no word of activations
    (lambda: activation(" rellu "), "unknown symbol"),
    # "controls: law 'b': unknown ...": the law is named twice, the control not
    (lambda: bound(controls=[Control(because="x", activation="rellu")]), "controls: law 'b'"),
    # "got high=50": 50 is what was asked for as the least
    (lambda: geometric("n", 800, 50, cells=5), "low < high but got high=50"),
    # I is no slip for pi
    (lambda: leading_order("I*n"), "did you mean 'pi'"),
    # the whole of 10^400 is printed, then what is wrong
    (lambda: activation("1e400*u"), "0" * 100),
    (lambda: law_from_spec({"law": {"name": "a", "model": "rf-kernel", "statement": "Theta(n)", "sizes": {"n": 50}}}),
     "[...]"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "misleading"), MISLEADING, ids=[words for _, words in MISLEADING])
def test_a_message_does_not_mislead(call, misleading):
    with pytest.raises(BigthetaError) as caught:
        call()
    assert misleading not in str(caught.value)
