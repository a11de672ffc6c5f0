"""Laws and the vocabulary of models: validation, hypotheses, and what every shipped law must have."""

import importlib
import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
from sympy import Ge, Le, Ne

from bigtheta.theory.activation import Activation, Parity, u
from bigtheta.theory.catalogue import activation
from bigtheta.theory.data import Labels, Sobolev, inputs, labels, quantity
from bigtheta.theory.errors import InvalidInputError, OutsideScaleError
from bigtheta.theory.inputs import Gaussian, Sphere
from bigtheta.theory.kernel import rf_kernel
from bigtheta.theory.law import (
    Control,
    Law,
    find_laws,
    hypothesis_text,
    law,
    laws,
    with_control,
)
from bigtheta.theory.model import NeuralTangent, NTKernel, RandomFeatures, RFKernel, model, parameter_count
from bigtheta.theory.predict import predict
from bigtheta.theory.scale import Path, Sizes, d, k, n, p
from bigtheta.theory.statement import BigO, Limit, Omega, Peak, Statement, Theta, lam, mu
from bigtheta.theory.training import TrainedNetwork

GOOD = {
    "name": "b",
    "model": "rf-kernel",
    "statement": "Theta(sqrt(n))",
    "path": {"d": "2*n"},
    "sizes": {"n": [50, 100, 200, 400, 800]},
}
WIDE = {"model": "random-features", "path": {"d": "n", "k": "2*n"}}


def make(**changes):
    return Law(**{**GOOD, **changes})


def test_names_and_types_give_the_same_law():
    by_names = make(quantity="sobolev", inputs="sphere", labels={"noise": 1.0}, activations=["relu"])
    by_types = Law(
        name="b",
        model=RFKernel(),
        statement=Theta(sympy.sqrt(n)),
        path=Path(d=2 * n),
        sizes=Sizes("n", (50, 100, 200, 400, 800)),
        quantity=Sobolev(),
        inputs=Sphere(),
        labels=Labels(),
    )
    assert by_names == by_types
    assert hash(by_names) == hash(by_types)
    assert by_names != make(margin=0.2)
    assert make(activations="tanh").activations == ("tanh",)
    assert make(activations=Activation("own", u**2)).activations == (Activation("own", u**2),)


def test_defaults():
    entry = make()
    assert (entry.id, entry.margin, entry.activations, entry.paper) == ("b", 0.1, ("relu",), None)
    assert entry.labels == Labels(signal=0.0, noise=1.0)
    assert entry.inputs == Sphere()


CHECKS = [
    # what is wrong, the field that the message names, and what else it says
    ({"name": ""}, ["name", "name=''"]),
    ({"name": "a b"}, ["name", "letters, digits", "name='a b'"]),
    ({"name": "-x"}, ["name", "name='-x'"]),
    ({"name": "x" * 81}, ["name", "letters"]),
    ({"name": None}, ["name", "name=None"]),
    ({"margin": 0}, ["margin", "0 < margin < 10", "margin=0"]),
    ({"margin": -1}, ["margin", "margin=-1"]),
    ({"margin": 10}, ["margin", "margin=10"]),
    ({"margin": math.nan}, ["margin", "margin=nan"]),
    ({"margin": "0.1"}, ["margin", "margin='0.1'"]),
    ({"activations": ()}, ["activations", "at least one"]),
    ({"activations": ["rellu"]}, ["activation", "'rellu'", "did you mean 'relu'"]),
    ({"activations": ["u +"]}, ["activation", "does not parse"]),
    ({"activations": [3]}, ["activation", "got 3"]),
    ({"statement": "Theta(k)"}, ["statement", "k is not a size of rf-kernel", "d, lam, n"]),
    ({"statement": "Theta(p)"}, ["statement", "p is not a size of rf-kernel"]),
    ({"statement": "Theta(sqrt(n)"}, ["statement", "never closed"]),
    ({"statement": "theta(n)"}, ["statement", "did you mean 'Theta'"]),
    ({"statement": "Theta(n < d)"}, ["statement", "condition"]),
    ({"statement": None}, ["statement", "got None"]),
    ({"statement": sympy.sqrt(n)}, ["statement", "expected text"]),
    ({"model": "rf"}, ["model", "'rf'", "random-features"]),
    ({"model": "random-feature"}, ["model", "did you mean 'random-features'"]),
    ({"model": None}, ["model", "`kind`", "got None"]),
    ({"model": {}}, ["model", "`kind`"]),
    ({"model": RFKernel}, ["model", "`kind`"]),
    ({"model": {"kind": "rf-kernel", "ridge": -1}}, ["model", "ridge >= 0", "ridge=-1"]),
    ({"model": {"kind": "rf-kernel", "ridge": math.inf}}, ["model", "ridge=inf"]),
    ({"model": {"kind": "rf-kernel", "ridge": "x"}}, ["model", "ridge", "float"]),
    ({"model": {"kind": "rf-kernel", "ridg": 1}}, ["model", "unknown field `ridg`"]),
    ({"model": "random-features"}, ["path", "random-features needs k", "add k"]),
    ({"model": "neural-tangent", "path": {"k": "n"}}, ["path", "neural-tangent needs d"]),
    ({"path": None}, ["path", "rf-kernel needs d", "d = 2*n"]),
    ({"path": {"d": "2*q"}}, ["path d", "unknown symbol 'q'"]),
    ({"path": {"d": "n*k"}}, ["path", "one free size but got k, n"]),
    ({"path": {"d": "n", "n": "d"}}, ["path", "defined through itself"]),
    ({"path": {"q": "n"}}, ["path", "'q'"]),
    ({"path": {"d": "n - 50"}}, ["sizes", "d = n - 50 = 0 at n = 50"]),
    ({"path": Path(d="2*n"), "sizes": Sizes("d", (5,))}, ["sizes", "n free", "gives d"]),
    ({"sizes": {}}, ["sizes", "one free size", "got {}"]),
    ({"sizes": {"n": [1], "d": [1]}}, ["sizes", "one free size"]),
    ({"sizes": [1, 2]}, ["sizes", "one free size", "got [1, 2]"]),
    ({"sizes": None}, ["sizes", "got None"]),
    ({"sizes": {"n": []}}, ["sizes", "at least one value"]),
    ({"sizes": {"q": [1]}}, ["size", "'q'"]),
    ({"sizes": {"n": [1.5]}}, ["sizes", "n=1.5"]),
    ({"sizes": {"n": [-5]}}, ["sizes", "n=-5"]),
    ({"sizes": {"n": [10, 10]}}, ["sizes", "twice"]),
    ({"sizes": {"d": [1, 2]}}, ["path", "one free size but got d, n"]),
    ({"quantity": "sobolv"}, ["quantity", "did you mean 'sobolev'"]),
    ({"quantity": None}, ["quantity", "None"]),
    ({"inputs": "cubic"}, ["inputs", "'cubic'", "cube"]),
    ({"labels": {"noise": -1}}, ["labels", "noise >= 0", "noise=-1"]),
    ({"labels": {"noise": math.nan}}, ["labels", "noise=nan"]),
    ({"labels": {"noise": 0}}, ["labels", "nothing to fit"]),
    ({"labels": {"nois": 1}}, ["labels", "`nois`"]),
    ({"labels": {"noise": "a"}}, ["labels", "noise"]),
    ({"labels": 3}, ["labels", "got 3"]),
    ({**WIDE, "path": {"d": "n", "k": "n/2"}}, ["n = 50", "p = k = 25", "cannot fit 50", "enlarge k", "ridge"]),
    (
        {"model": "neural-tangent", "path": {"d": "5", "k": "20"}},
        ["n = 200", "p = d*k = 100", "cannot fit 200", "enlarge d*k"],
    ),
]


@pytest.mark.parametrize(("changes", "words"), CHECKS, ids=[str(changes)[:60] for changes, _ in CHECKS])
def test_each_check_names_the_law_and_the_field(changes, words):
    with pytest.raises(InvalidInputError) as caught:
        make(**changes)
    message = str(caught.value)
    assert message.startswith(f"law {str(changes.get('name', 'b'))[:80]!r}: ")
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"activations": None},
        {"sizes": {"n": 5}},
        {"sizes": {"n": None}},
        {"path": "d = 2*n"},
        {"hypotheses": 3},
        {"controls": 3},
        {"model": {"kind": ["rf-kernel"]}},
    ],
    ids=str,
)
def test_fields_of_a_wrong_type_are_refused(changes):
    with pytest.raises(InvalidInputError, match="law 'b'"):
        make(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"hypotheses": ("mu(1)",)},
        {"hypotheses": (n,)},
        {"controls": ("abs",)},
        {"controls": (Control(because="x", activation="rellu"),)},
        {"controls": (Control(because="x", statement=Theta(k)),)},
        {"paper": "dohmatob2021"},
        {"margin": True},
        {"statement": "Theta(0)"},
        {"statement": "Theta(-n)"},
    ],
    ids=str,
)
def test_what_cannot_be_measured_is_refused_at_once(changes):
    with pytest.raises(InvalidInputError):
        make(**changes)


def test_a_ridge_lets_a_model_with_few_parameters_pass():
    few = {"path": {"d": "n", "k": "n/2"}}
    assert make(**few, model={"kind": "random-features", "ridge": 0.1}).model.ridge == 0.1
    with pytest.raises(InvalidInputError, match="cannot fit"):
        make(**few, model="random-features")
    assert make(path={"d": "5", "k": "160"}, model="neural-tangent").cells[-1] == {"n": 800, "d": 5, "k": 160}


def test_gaussian_inputs_are_allowed():
    for kind in ("rf-kernel", "ntk-kernel"):
        assert make(model=kind, inputs="gaussian").inputs == Gaussian()


def test_the_kind_of_the_error_is_kept():
    with pytest.raises(OutsideScaleError):
        _ = make(statement="Theta(2**n)").claimed_order


def test_cells_and_arrays():
    entry = make(**WIDE, sizes={"n": [30, 10]})
    assert entry.cells == ({"n": 10, "d": 10, "k": 20}, {"n": 30, "d": 30, "k": 60})
    assert entry.size_arrays == {"n": [10, 30], "d": [10, 30], "k": [20, 60], "p": [20, 60]}
    tangent = make(**{**WIDE, "model": "neural-tangent"}, sizes={"n": [10]})
    assert tangent.size_arrays["p"] == [200]
    assert "p" not in make().size_arrays


@pytest.mark.parametrize(
    ("changes", "act", "expected"),
    [
        ({}, "relu", [math.sqrt(x) for x in (50, 100, 200, 400, 800)]),
        ({"statement": "Theta(n/d)"}, "relu", [0.5] * 5),
        ({"statement": "Limit(mu(1)*n)"}, "relu", [25, 50, 100, 200, 400]),
        ({"statement": "Limit(mu(0)*n)"}, "square", [25, 50, 100, 200, 400]),
        ({"statement": "Theta(lam)"}, "tanh", [0.0747] * 5),  # THEORY section 0
        ({"statement": "Theta(lam)", "model": "ntk-kernel"}, "relu", [1.0] * 5),
        ({"statement": "Theta(lam)", "model": "ntk-kernel"}, "tanh", [0.266] * 5),
        ({**WIDE, "statement": "Theta(sqrt(n/p))"}, "relu", [math.sqrt(0.5)] * 5),
        ({**WIDE, "model": "neural-tangent", "statement": "Theta(n**2/p)"}, "relu", [0.5] * 5),
    ],
)  # fmt: skip
def test_formula_values(changes, act, expected):
    np.testing.assert_allclose(make(**changes).formula_values(act), expected, rtol=2e-3)


def test_constants_without_a_value_are_refused():
    with pytest.raises(InvalidInputError, match=r"lam = a\*/a_1 is infinite for abs"):
        make(statement="Theta(lam*n)").formula_values("abs")
    with pytest.raises(InvalidInputError, match="positive, finite"):
        make(statement="Theta(mu(1)*n)").formula_values("abs")
    with pytest.raises(InvalidInputError, match="from 0 to 1000 but got j=2000"):
        make(statement="Theta(mu(2000)*n)").formula_values("relu")


def quadrature(phi, weight):
    """a_0, a_1 and sum_j a_j, a_j = weight(j) mu_j^2, by mpmath: E phi^2 = sum mu_j^2, E phi'^2 = sum j mu_j^2."""

    def mean(f):
        return mpmath.quad(lambda x: f(x) * mpmath.npdf(x), [-mpmath.inf, -8, 0, 8, mpmath.inf])

    slope = mean(lambda x: mpmath.diff(phi, x) ** 2) if weight(1) > 1 or weight(0) == 0 else mpmath.mpf(0)
    a = [weight(0) * mean(phi) ** 2, weight(1) * mean(lambda x: x * phi(x)) ** 2]
    return a[0], a[1], weight(0) * mean(lambda x: phi(x) ** 2) + slope


PHI = {
    "relu": lambda x: x if x > 0 else mpmath.mpf(0),
    "tanh": mpmath.tanh,
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "erf": mpmath.erf,
}
MODELS = {  # a_j / mu_j^2
    "random-features": lambda j: 1,
    "rf-kernel": lambda j: 1,
    "neural-tangent": lambda j: j,
    "ntk-kernel": lambda j: j,
    "both-layers": lambda j: 1 + j,
}


def wide(kind):
    return {"model": kind, "path": {"d": "n", "k": "2*n"} if "kernel" not in kind else {"d": "n"}}


@pytest.mark.parametrize("name", PHI)
@pytest.mark.parametrize("kind", MODELS)
def test_lam_is_of_the_models_kernel(kind, name):
    entry = make(**wide(kind), statement="Theta(lam)")
    zero, one, whole = quadrature(PHI[name], MODELS[kind])
    expected = float((whole - zero - one) / one)
    assert entry.constants(name)[lam] == pytest.approx(expected, rel=1e-9)
    others = {float(entry.constants(name)[lam]) for entry in (make(**wide(k), statement="Theta(lam)") for k in MODELS)}
    assert len(others) == 3, "random features, tangent and both layers differ, so that a mix-up is seen"


FORMULAS = {
    "exp(t)": mpmath.exp,
    "1/(2 - t)": lambda t: 1 / (2 - t),
    "(1 + t)^3": lambda t: (1 + t) ** 3,
    "t + t^3/1000000": lambda t: t + t**3 / 10**6,
    "asin(t)": mpmath.asin,
}


@pytest.mark.parametrize("act", ["relu", "cos"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_lam_of_a_formula_is_of_its_taylor_coefficients(formula, act):
    model = {"kind": "dot-product-kernel", "kernel": formula}
    with mpmath.workdps(40):
        zero, one = mpmath.taylor(FORMULAS[formula], 0, 1)
        expected = float((FORMULAS[formula](mpmath.mpf(1)) - zero - one) / one)
    assert make(model=model, statement="Theta(lam)").constants(act)[lam] == pytest.approx(expected, rel=1e-12)
    (row,) = predict(make(model=model), [act]).as_dict()["activations"]
    assert row["lambda"] == pytest.approx(expected, rel=1e-12)


def test_lam_of_centred_features_is_that_of_the_features():
    adversarial = {**WIDE, "model": {"kind": "adversarial-features", "eps": 0.5}, "inputs": "gaussian"}
    law = make(**adversarial, quantity="adversarial-risk", statement="Theta(lam)")
    assert law.constants("relu")[lam] == pytest.approx(1 - 2 / math.pi, rel=1e-12)  # (1/4 - 1/(2 pi))/(1/4)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"kind": kind, "weights": "small"}, ["small", "variance 1/d", "depend on d"])
        for kind in ("random-features", "neural-tangent", "both-layers")
    ]
    + [({"kind": "quadratic-student"}, ["quadratic-student", "no dot-product kernel", "no lam"])],
    ids=str,
)
def test_lam_is_refused_where_the_model_has_none(model, words):
    path = {"path": {"d": "n", "k": "2*n"}}
    if model["kind"] == "quadratic-student":
        path = {"path": {"k": "2*d"}, "sizes": {"d": [10, 20, 40]}, "quantity": "test-error"}
    with pytest.raises(InvalidInputError) as caught:
        make(**path, model=model, statement="Theta(lam)")
    assert [word for word in words if word not in str(caught.value)] == []
    plain = make(**path, model=model, statement="Theta(mu(1)*d)")
    assert plain.constants("relu") == {mu(1): 0.5}, "mu(j) is of the activation, whatever the weights"
    (row,) = predict(plain).as_dict()["activations"]
    assert (row["lambda"], row["a"], row["C"]) == (None, None, None)
    assert words[0] in row["no_kernel"]


def test_small_weights_do_change_lam():
    # why it is refused: E tanh(G/sqrt d) tanh(G'/sqrt d) has a*/a_1 = (2/3) d^-2 + ...
    ratios = [rf_kernel(activation(f"tanh(u/{s})")).effective_ridge for s in (10, 20)]
    assert ratios[0] / ratios[1] == pytest.approx(16, rel=0.1)


@pytest.mark.parametrize(
    "changes",
    [{"statement": "Theta(mu(1)*n)"}, {"hypotheses": (Ne(mu(1), 0),)}, {"hypotheses": (Parity.EVEN,)}],
    ids=str,
)
def test_no_word_of_an_activation_that_plays_no_part(changes):
    with pytest.raises(InvalidInputError, match="the activation plays no part in dot-product-kernel"):
        make(model={"kind": "dot-product-kernel", "kernel": "exp(t)"}, **changes)


def test_a_kernel_without_a_linear_part_has_no_lam():
    entry = make(model={"kind": "dot-product-kernel", "kernel": "cosh(t)"}, statement="Theta(lam*n)")
    with pytest.raises(InvalidInputError, match=r"lam = a\*/a_1 is infinite for this dot-product-kernel \(a_1 = 0\)"):
        entry.constants("relu")


@pytest.mark.parametrize("j", [5, 11])
def test_a_coefficient_that_vanishes_is_no_scale(j):
    with pytest.raises(InvalidInputError):
        make(statement=f"Theta(mu({j})*n)").formula_values("relu")


@pytest.mark.parametrize(
    ("changes", "power", "constant"),
    [
        ({}, Fraction(1, 2), 1),
        ({"statement": "Theta(sqrt(d))"}, Fraction(1, 2), sympy.sqrt(2)),
        ({"statement": "Omega(n/d)"}, 0, sympy.Rational(1, 2)),
        ({"statement": "O(mu(2)*lam*n**2)"}, 2, 1),
        ({**WIDE, "statement": "Theta(sqrt(n/p))"}, 0, sympy.sqrt(2) / 2),
        ({**WIDE, "model": "neural-tangent", "statement": "Theta(sqrt(n/p))"}, Fraction(-1, 2), sympy.sqrt(2) / 2),
    ],
)
def test_claimed_order(changes, power, constant):
    order = make(**changes).claimed_order
    assert (order.power, order.log_power) == (power, 0)
    assert sympy.simplify(order.constant - constant) == 0


UNMET = [
    ((), "relu", None),
    ((Parity.EVEN,), "abs", None),
    ((Parity.EVEN,), "relu", "relu is not even"),
    ((Parity.EVEN,), "tanh", "tanh is not even"),
    ((Parity.ODD,), "tanh", None),
    ((Parity.ODD,), "cos", "cos is not odd"),
    ((Ne(mu(1), 0),), "relu", None),
    ((Ne(mu(1), 0),), "abs", "mu(1) != 0 does not hold for abs"),
    ((Ne(mu(1), 0),), "cos", "mu(1) != 0 does not hold for cos"),
    ((Ne(mu(2), 0),), "tanh", "mu(2) != 0"),
    ((Ne(mu(3), 0),), "relu", "mu(3) != 0"),  # zero, but not by parity
    ((Ne(mu(2), 0),), "softplus", None),
    ((Ne(mu(0), 0),), "square", None),
    ((Le(n, 100),), "relu", "n <= 100 does not hold for relu at n = 200, d = 400"),
    ((Le(n, 800),), "relu", None),
    ((Ge(d, n),), "relu", None),
    ((Ge(n, d),), "relu", "n >= d does not hold for relu at n = 50, d = 100"),
    ((Ge(d, n), Ne(mu(1), 0), Parity.EVEN), "abs", "mu(1) != 0"),  # the first that fails
    ((Ge(mu(1) ** 2 * n, 10),), "relu", None),
    ((Ge(mu(1) ** 2 * n, 20),), "relu", "does not hold"),
]


@pytest.mark.parametrize(("hypotheses", "act", "words"), UNMET)
def test_unmet_hypotheses(hypotheses, act, words):
    got = make(hypotheses=hypotheses).unmet(act)
    if words is None:
        assert got is None
    else:
        assert words in got


def test_hypotheses_in_words():
    assert hypothesis_text(Parity.ODD) == "odd activation"
    assert hypothesis_text(Le(n, d * k)) == "n <= d*k"
    assert hypothesis_text(Ne(mu(1), 0)) == "mu(1) != 0"


SHIPPED = laws()


@pytest.mark.parametrize("entry", SHIPPED, ids=[entry.id for entry in SHIPPED])
class TestShippedLaws:
    def test_it_has_a_source(self, entry):
        assert entry.paper is not None
        assert entry.theorem
        assert entry.claim.endswith((".", ":"))
        assert entry.paper.arxiv in str(entry.paper)
        assert entry.id == f"{entry.paper.id}/{entry.name}"

    def test_it_covers_a_decade_in_five_cells_or_more(self, entry):
        values = entry.sizes.values
        assert len(values) >= 5
        assert values[-1] >= 10 * values[0] or isinstance(entry.statement, Peak)
        steps = [b / a for a, b in itertools.pairwise(values)]
        assert max(steps) < 3  # no cell stands alone

    def test_it_has_a_control_with_a_reason(self, entry):
        assert entry.controls
        for control in entry.controls:
            assert len(control.because) > 20
            changed = with_control(entry, control)
            assert (changed.activations, changed.statement) != (entry.activations, entry.statement)

    def test_its_control_is_false_by_the_law_itself(self, entry):
        for control in entry.controls:
            if control.activation is not None:
                assert control.activation not in entry.activations
                assert entry.unmet(control.activation) is not None
            if isinstance(control.statement, Peak):
                assert control.statement != entry.statement
            elif control.statement is not None:
                true, claimed = entry.claimed_order, with_control(entry, control).claimed_order
                if isinstance(control.statement, BigO):
                    assert claimed < true
                elif isinstance(control.statement, Omega):
                    assert claimed > true
                elif isinstance(entry.statement, Limit):
                    assert (claimed.growth, claimed.constant) != (true.growth, true.constant)
                else:
                    assert claimed.growth != true.growth

    def test_its_hypotheses_hold_for_its_activations(self, entry):
        a_number = isinstance(entry.statement, Limit) or entry.limit == "adversarial-risk"  # for this activation alone
        assert entry.hypotheses or a_number
        plays = (
            not a_number
            and entry.model.activated
            and entry.quantity.fits
            and not isinstance(entry.model, TrainedNetwork)
        )
        plays &= entry.name != "peak-square"  # quadratic forms alone have that rank
        assert len(entry.activations) >= (2 if plays else 1)
        assert {name: entry.unmet(name) for name in entry.activations} == dict.fromkeys(entry.activations)

    def test_it_can_be_interpolated_in_every_cell(self, entry):
        for cell in entry.cells:
            assert min(cell.values()) >= 1
            if entry.model.ridge or isinstance(entry.statement, Peak) or not entry.quantity.fits:
                continue
            if isinstance(entry.model, RandomFeatures):
                assert cell["n"] <= cell["k"]
            if isinstance(entry.model, NeuralTangent):
                assert cell["n"] <= cell["d"] * cell["k"]

    def test_its_statement_has_values(self, entry):
        for name in entry.activations:
            values = entry.formula_values(name)
            assert values.shape == (len(entry.cells),)
            if isinstance(entry.statement, Peak):
                assert min(values) < entry.statement.places[0] <= entry.statement.places[-1] < max(values)
                continue
            # the leading order along the path is the slope of the statement's own values
            slope = np.polyfit(np.log(entry.sizes.values), np.log(values), 1)[0]
            assert slope == pytest.approx(float(entry.claimed_order.power), abs=0.02)


# from the papers' abstracts and README: size that grows, exponent of S in it
EXPONENTS = {
    "dohmatob2021/rf-kernel": (n, Fraction(1, 2)),
    "dohmatob2021/ntk-kernel": (n, Fraction(1, 2)),
    "dohmatob2021/rf-proportional": (n, Fraction(1, 2)),
    "dohmatob2021/ntk-width": (k, Fraction(-1, 2)),
    "dohmatob2021/ntk-proportional": (k, Fraction(1, 2)),
    "bubeck2020/search-samples": (n, Fraction(1, 2)),
    "bubeck2020/search-width": (k, Fraction(-1, 2)),
    "bubeck2020/spectral-trained": (k, Fraction(-1, 2)),
    "bubeck2020/spectral-features": (n, Fraction(0)),
    "bubeck2020/undercomplete": (d, Fraction(1, 2)),
    "bubeck2020/undercomplete-optimised": (d, Fraction(1, 2)),
    "bubeck2020/quadratic-forms": (d, Fraction(1, 2)),
    "bubeck2020/polynomials": (n, Fraction(1, 6)),
    "bubeck2020/smooth-caps": (n, Fraction(0)),
    "bubeck2020/universal-rf": (n, Fraction(0)),
    "bubeck2020/universal-ntk": (k, Fraction(1, 2)),
    "dohmatob2021/rf-kernel-gaussian": (n, Fraction(1, 2)),
    "dohmatob2021/ntk-kernel-laplace": (n, Fraction(1, 2)),
    "dohmatob2021/rf-cube": (n, Fraction(1, 2)),
    "dohmatob2021/rf-covariance": (n, Fraction(1, 2)),
    "dohmatob2021/ridge-light": (n, Fraction(1, 2)),
    "dohmatob2021/ridge-heavy": (n, Fraction(1, 2)),
    "dohmatob2021/ridge-ntk": (n, Fraction(1, 2)),
    "dohmatob2021/narrow-features": (n, Fraction(1, 2)),
    "dohmatob2021/memorised-light": (n, Fraction(0)),
    "dohmatob2021/memorised-heavy": (n, Fraction(0)),
    "dohmatob2021/memorised-narrow": (n, Fraction(0)),
    "dohmatob2021/ntk-proportional-linear": (k, Fraction(1, 2)),
    "dohmatob2021/ntk-lower": (k, Fraction(0)),
    "bombari2023/rf-sixth": (n, Fraction(1, 6)),
    "bombari2023/rf-sixth-odd": (n, Fraction(1, 6)),
    "bombari2023/rf-sixth-width": (n, Fraction(1, 6)),
    "bombari2023/rf-width": (k, Fraction(0)),
    "bombari2023/ntk-even": (n, Fraction(0)),
    "bombari2023/ntk-not-even": (n, Fraction(1, 2)),
    "bombari2023/ntk-even-bound": (n, Fraction(1, 4)),
    "bombari2023/universal-even": (n, Fraction(1, 4)),
    "bombari2023/universal-random": (n, Fraction(1, 2)),
    "bombari2023/mnist-rf": (n, Fraction(1, 6)),
    "bombari2023/mnist-rf-width": (k, Fraction(0)),
    "bombari2023/mnist-ntk-even": (n, Fraction(0)),
    "bombari2023/cifar-rf": (n, Fraction(1, 6)),
}


@pytest.mark.parametrize("name", EXPONENTS)
def test_exponents_of_the_papers(name):
    size, exponent = EXPONENTS[name]
    order = law(name).claimed_order
    assert (order.variable, order.power, order.log_power) == (size, exponent, 0)


def test_ids_are_unique():
    assert len({entry.id for entry in SHIPPED}) == len(SHIPPED)
    assert set(EXPONENTS) <= {entry.id for entry in SHIPPED}


def test_every_law_of_a_paper_is_found():
    for paper in ("bubeck2020", "dohmatob2021", "bombari2023"):
        module = importlib.import_module(f"bigtheta.theory.papers.{paper}")
        assert set(laws(paper)) == {value for value in vars(module).values() if isinstance(value, Law)}
        assert all(entry.paper == module.PAPER for entry in laws(paper))


def test_finding_laws():
    assert law("ntk-even") is law("bombari2023/ntk-even")
    assert find_laws() == SHIPPED
    assert find_laws(["ntk-even", "bombari2023/ntk-even"]) == (law("ntk-even"),)
    assert find_laws(["rf-kernel"], paper="bombari2023") == (law("rf-kernel"), *laws("bombari2023"))
    assert find_laws(["ntk-even"], paper="bombari2023")[0] is law("ntk-even")
    for name, words in (("rf-kernl", "did you mean 'rf-kernel'"), ("", "unknown law ''"), (None, "unknown law None")):
        with pytest.raises(InvalidInputError, match=words):
            law(name)
    with pytest.raises(InvalidInputError, match="unknown paper 'dohmatob'; did you mean 'dohmatob20"):
        laws("dohmatob")


def test_with_control_changes_one_thing():
    entry = law("rf-kernel")
    changed = with_control(entry, entry.controls[0])
    assert changed.activations == ("abs",)
    assert (changed.hypotheses, changed.controls) == ((), ())
    assert (changed.path, changed.sizes, changed.statement, changed.id) == (
        entry.path, entry.sizes, entry.statement, entry.id,
    )  # fmt: skip
    assert changed.unmet("abs") is None
    other = with_control(entry, Control(because="x", statement=BigO("1")))
    assert other.statement == BigO("1")
    assert other.activations == entry.activations


def test_a_control_must_change_something():
    with pytest.raises(InvalidInputError, match="an activation or a statement"):
        Control(because="x")


# --- models, labels, inputs, quantities ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "cls", "formula", "uses"),
    [
        ("random-features", RandomFeatures, k, ("n", "d", "k")),
        ("neural-tangent", NeuralTangent, d * k, ("n", "d", "k")),
        ("rf-kernel", RFKernel, None, ("n", "d")),
        ("ntk-kernel", NTKernel, None, ("n", "d")),
    ],
)
def test_models(kind, cls, formula, uses):
    spec = model(kind)
    assert spec == cls(ridge=0.0)
    assert (spec.kind, spec.parameters, spec.uses) == (kind, formula, uses)
    assert model({"kind": kind, "ridge": 0.25}) == cls(ridge=0.25)
    assert model(spec) is spec
    expected = {"random-features": 7, "neural-tangent": 35}.get(kind)
    assert parameter_count(spec, {"n": 2, "d": 5, "k": 7}) == expected


def test_models_are_values():
    assert len({RFKernel(), RFKernel(ridge=0.0), NTKernel()}) == 2
    assert RFKernel() != NTKernel()
    with pytest.raises(AttributeError):
        RFKernel().ridge = 1.0


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("RF-kernel", ["unknown model 'RF-kernel'", "rf-kernel"]),
        ({"kind": "gp"}, ["unknown model 'gp'", "neural-tangent"]),
        ({"ridge": 1.0}, ["model", "`kind`"]),
        ({"kind": "rf-kernel", "ridge": True}, ["model", "float", "ridge"]),
        (3, ["model", "got 3"]),
    ],
)
def test_bad_models_are_refused(value, words):
    with pytest.raises(InvalidInputError) as caught:
        model(value)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize("ridge", [-1, -1e-300, math.nan, math.inf])
def test_bad_ridges_are_refused(ridge):
    with pytest.raises(InvalidInputError, match="ridge >= 0 but got ridge="):
        RandomFeatures(ridge=ridge)


def test_labels():
    assert labels({}) == Labels() == labels({"signal": 0, "noise": 1})
    assert labels({"signal": 1, "noise": 0}) == Labels(signal=1.0, noise=0.0)
    for table in (
        {"signal": -1},
        {"noise": math.inf},
        {"signal": 0, "noise": 0},
        {"sginal": 1},
        {"noise": "1"},
        3,
        "x",
    ):
        with pytest.raises(InvalidInputError, match="labels"):
            labels(table)


def test_inputs_and_quantities():
    assert inputs("gaussian") == Gaussian()
    assert inputs(Sphere()) == Sphere()
    assert quantity("sobolev") == Sobolev()
    for value in ("SPHERE", "ball", "", None, 3):
        with pytest.raises(InvalidInputError, match="inputs"):
            inputs(value)
        with pytest.raises(InvalidInputError, match="quantity"):
            quantity(value)


@pytest.mark.parametrize("call", [lambda: RFKernel(ridge="a"), lambda: Labels(noise=None)], ids=["ridge", "noise"])
def test_bad_types_are_refused(call):
    with pytest.raises(InvalidInputError):
        call()


def test_limit_and_lambda_go_together():
    # the statement may use lam, p and mu(j), and nothing else
    assert make(statement=Limit(lam * n)).claimed_order.power == 1
    assert make(**WIDE, statement=Theta(n / p)).statement == Theta(n / p)
    with pytest.raises(InvalidInputError, match="q is not a size"):
        make(statement=Theta(sympy.Symbol("q") * n))
    assert isinstance(make(statement="Omega(n)").statement, Statement)


# --- limits -----------------------------------------------------------------------------------------------------------

ADVERSARIAL = {
    "model": {"kind": "adversarial-features", "eps": 0.5}, "quantity": "adversarial-risk",
    "path": {"d": "2*n", "k": "n"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": "typo"}, "unknown limit 'typo'; valid: adversarial-risk, quadratic-student, sobolev"),
        ({"limit": "sobolef"}, "did you mean 'sobolev'"),
        ({"limit": "Sobolev"}, "did you mean 'sobolev'"),
        ({"limit": " sobolev"}, "did you mean 'sobolev'"),
        ({"limit": 3}, "unknown limit 3"),
        ({"limit": ["sobolev"]}, r"unknown limit \['sobolev'\]"),
        ({"limit": "sobolev", "quantity": "test-error"}, "expected the quantity sobolev but got test-error"),
        ({"limit": "quadratic-student"}, "expected the model quadratic-student but got rf-kernel"),
        (
            {"limit": "sobolev", "model": {"kind": "dot-product-kernel", "kernel": "exp(t)"}},
            "expected the model .* but got dot-product-kernel",
        ),
        (ADVERSARIAL | {"limit": "adversarial-risk"}, "expected labels with a signal > 0 but got signal=0"),
    ],
    ids=str,
)
def test_a_limit_that_is_none_of_the_laws_is_refused_at_construction(changes, message):
    fields = {
        "name": "mine", "model": "rf-kernel", "statement": "Theta(sqrt(n))", "path": {"d": "2*n"},
        "sizes": {"n": [20, 40, 80]},
    }  # fmt: skip
    with pytest.raises(InvalidInputError, match=f"^law 'mine': .*{message}"):
        Law(**(fields | changes))
    assert Law(**(fields | {"limit": "sobolev"})).limit == "sobolev"
    assert Law(**(fields | ADVERSARIAL | {"labels": "linear", "limit": "adversarial-risk"})).limit == "adversarial-risk"
