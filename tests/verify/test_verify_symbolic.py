"""The commands that simulate nothing: hermite and predict, against values worked out elsewhere."""

import json
import re

import mpmath
import pytest

from bigtheta.theory.catalogue import CATALOGUE
from bigtheta.theory.law import laws
from bigtheta.theory.predict import predict
from bigtheta.theory.statement import Limit, Peak


def test_value_and_radius_of_tanh_to_50_digits(call):
    result = call("hermite", "tanh", "--order", "20", "--digits", "50")
    assert result.exit_code == 0
    lines = re.findall(r"^mu_(\d+) +(\S+) \+- (\S+) \(certified\)$", result.output, re.MULTILINE)
    assert [int(j) for j, _, _ in lines] == list(range(1, 21, 2))
    with mpmath.workdps(80):
        for j, value, radius in lines:
            norm = mpmath.sqrt(2 * mpmath.pi * mpmath.factorial(int(j)))
            he = lambda x, j=int(j): mpmath.mpf(2) ** (-mpmath.mpf(j) / 2) * mpmath.hermite(j, x / mpmath.sqrt(2))  # noqa: E731
            integrand = lambda x, he=he: mpmath.tanh(x) * he(x) * mpmath.exp(-x * x / 2)  # noqa: E731
            if int(j) in (1, 9, 19):
                true = 2 * mpmath.quad(integrand, [*range(14), 16, 19]) / norm
                # the last printed digit may be off by half of one beside the radius
                assert abs(true - mpmath.mpf(value)) <= mpmath.mpf(radius) * 2
            assert mpmath.mpf(radius) < mpmath.mpf(10) ** -50


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_activation_is_printed(call, name):
    result = call("hermite", name, "--order", "4")
    assert result.exit_code == 0
    assert len(re.findall(r"^mu_\d+ .*\((?:exact|certified)\)$", result.output, re.MULTILINE)) == 5
    assert "estimated" not in result.output
    assert re.search(r"^beyond mu_4  sum of mu_j\^2 <= \S+ \(certified\)$", result.output, re.MULTILINE)


def test_what_has_no_proof_says_so(call):
    output = call("hermite", "log(sigmoid(u))", "--order", "2").output
    assert "no proven growth bound" in output
    assert "(estimated, +-" in output
    assert "E phi'(G)^2   infinite: phi jumps at 0" in call("hermite", "step", "--order", "1").output
    assert "derivative 1 is unbounded near the kink" in call("hermite", "sqrt(abs(u))", "--order", "1").output


def test_an_activation_that_grows_too_fast_is_refused_with_the_reason(call):
    result = call("hermite", "exp(x^2)")
    assert result.exit_code == 2
    assert "grows too fast: exp(u**2) is not square-integrable under the Gaussian" in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_hermite_as_json_loses_no_digit(call):
    table = json.loads(call("hermite", "tanh", "--order", "3", "--digits", "40", "--json").output)
    assert [row["tier"] for row in table["mu"]] == ["exact", "certified", "exact", "certified"]
    assert table["mu"][1]["value"].startswith("0.605705509602158825583540227555880439426")
    assert float(table["mu"][1]["radius"]) < 1e-40
    relu = json.loads(call("hermite", "relu", "--order", "2", "--json").output)
    assert relu["mu"][2]["exact"] == "1/(2*sqrt(pi))"
    assert "gamma" in relu["closed_form"]


def test_parameters_in_the_name(call):
    output = call("hermite", "softplus(beta=2)", "--order", "1").output
    assert "mu_1    0.5 +-" in output
    result = call("hermite", "softplus(bta=2)")
    assert result.exit_code == 2
    assert "did you mean 'beta'?" in result.output


EXPONENTS = {  # by hand, from the statement and the path
    "rf-kernel": ("n", "1/2"), "ntk-kernel": ("n", "1/2"), "rf-proportional": ("n", "1/2"), "ntk-width": ("k", "-1/2"),
    "ntk-proportional": ("k", "1/2"), "ntk-even": ("n", "0"), "ntk-not-even": ("n", "1/2"),
    "rf-kernel-gaussian": ("n", "1/2"), "ntk-kernel-laplace": ("n", "1/2"), "rf-cube": ("n", "1/2"),
    "rf-covariance": ("n", "1/2"), "ridge-light": ("n", "1/2"), "ridge-heavy": ("n", "1/2"), "ridge-ntk": ("n", "1/2"),
    "narrow-features": ("n", "1/2"), "memorised-light": ("n", "0"), "memorised-heavy": ("n", "0"),
    "memorised-narrow": ("n", "0"), "ntk-proportional-linear": ("k", "1/2"), "ntk-lower": ("k", "0"),
    "rf-sixth": ("n", "1/6"), "rf-sixth-odd": ("n", "1/6"), "rf-sixth-width": ("n", "1/6"), "rf-width": ("k", "0"),
    "ntk-even-bound": ("n", "1/4"), "universal-even": ("n", "1/4"), "universal-random": ("n", "1/2"),
    "mnist-rf": ("n", "1/6"), "mnist-rf-width": ("k", "0"), "mnist-ntk-even": ("n", "0"), "cifar-rf": ("n", "1/6"),
    "search-samples": ("n", "1/2"), "search-width": ("k", "-1/2"), "spectral-trained": ("k", "-1/2"),
    "spectral-features": ("n", "0"), "undercomplete": ("d", "1/2"), "undercomplete-optimised": ("d", "1/2"),
    "quadratic-forms": ("d", "1/2"), "polynomials": ("n", "1/6"), "smooth-caps": ("n", "0"),
    "universal-rf": ("n", "0"), "universal-ntk": ("k", "1/2"),
}  # fmt: skip


@pytest.mark.parametrize("law", laws(), ids=lambda law: law.name)
def test_predicted_exponents_of_the_shipped_laws(law):
    prediction = predict(law)
    if isinstance(law.statement, Peak):  # a place has no order
        assert prediction.order is None
        return
    constant = isinstance(law.statement, Limit) and law.name != "smooth-caps"  # on their paths all are numbers
    variable, exponent = (str(law.path.free), "0") if constant else EXPONENTS[law.name]
    assert prediction.exponents[variable] == exponent
    assert all(value == "0" for name, value in prediction.exponents.items() if name != variable)
    assert [c.activation.name for c in prediction.constants] == list(law.activations)
    assert all(c.unmet is None for c in prediction.constants)


def test_predict_prints_every_law(call):
    output = call("predict").output
    assert all(law.id in output for law in laws())
    rows = json.loads(call("predict", "--json").output)
    assert [row["law"] for row in rows] == [law.id for law in laws()]


def test_predict_of_one_law_for_another_activation(call):
    output = call("predict", "bombari2023/ntk-even", "-a", "tanh").output
    assert "not covered: tanh is not even" in output
    assert re.search(r"tanh +0 +0\.6057 +0 +0\.3669 +0 +0\.09752 +0\.2658 +0 +0\.3002", output)


def test_predict_compares_formulas_on_a_path(call):
    output = call("predict", "sqrt(n*d) + log(n)^2", "n*log(n)", "--path", "d=2*n").output
    assert "sqrt(2)*n as n -> infinity    (d = 2*n)" in output
    assert "exponents    n: 1, log(n): 1, log(log(n)): 0" in output
    assert "dominates" in output
    rows = json.loads(call("predict", "n", "8*sqrt(n)", "--json").output)
    assert rows[1]["exponents"]["n"] == "1/2"
    assert rows[1]["against_first"]["relation"] == "first"
    assert rows[1]["against_first"]["crossing"] == pytest.approx(64, rel=1e-6)
    assert "sqrt(n)" in call("predict", "Theta(sqrt(n/k))", "--path", "k=8").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["n^n"], "leaves the scale"),
        (["sqrt(q)"], "unknown symbol 'q'"),
        (["rellu"], "unknown law 'rellu'"),
        (["ntk-evn"], "did you mean"),
        (["n*d"], "give a path"),
        (["n", "ntk-even"], "ask for one kind at a time"),
        (["missing.toml"], "cannot read the spec"),
        (["n", "--path", "d"], "expected size=formula"),
        (["--paper", "nobody1999"], "unknown paper"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(call, arguments, message):
    result = call("predict", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_a_spec_file_is_predicted(call, tmp_path):
    spec = tmp_path / "bound.toml"
    spec.write_text(
        '[law]\nname = "mine"\nmodel = "rf-kernel"\nstatement = "Theta(n^(1/6)*log(n))"\n'
        'path = { n = "d^(3/2)" }\nsizes = { d = [25, 49, 100, 169, 256] }\n'
    )
    output = call("predict", str(spec)).output
    assert "exponents    d: 1/4, log(d): 1, log(log(d)): 0" in output


def test_the_equations_of_a_limit_are_printed_for_random_features(call) -> None:
    from bigtheta.theory.limits.gaussian_equivalent import sobolev_pencil

    shown = call("predict", "dohmatob2021/rf-proportional", "--equations")
    assert shown.exit_code == 0
    assert sobolev_pencil().equations().text in shown.output
    refused = call("predict", "dohmatob2021/rf-kernel", "--equations")
    assert refused.exit_code == 2
    assert "random-features" in refused.output
