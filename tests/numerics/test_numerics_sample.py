"""Laws of inputs and labels: moments against closed forms, canonical texts that seeds depend on, refusals."""

import json
import math

import numpy as np
import pytest
import torch

from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.sample import draw_inputs, draw_labels, draw_sample
from bigtheta.numerics.streams import Role, Streams
from bigtheta.numerics.sweep import simulate
from bigtheta.theory.catalogue import activation
from bigtheta.theory.data import Labels, inputs, labels, quantity
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.inputs import Covariance, Dataset
from bigtheta.theory.law import Law
from bigtheta.theory.model import RFKernel
from bigtheta.theory.spec import law_from_spec

COUNT, D = 60_000, 6
LAWS = {
    "sphere": (np.full(D, 1 / D), 3 * D / (D + 2)),
    "gaussian": (np.full(D, 1 / D), 3.0),
    "cube": (np.full(D, 1 / D), 9 / 5),
    "laplace": (np.full(D, 1 / D), 6.0),
    "covariance": (np.arange(1, D + 1) ** -0.5 / (np.arange(1, D + 1) ** -0.5).sum(), 3.0),
}
"""Eigenvalues of E x x^T, and the kurtosis of the first coordinate."""


def streams(d=D, trial=0):
    return Streams(1, "sample", {"n": 5, "d": d}, trial)


@pytest.mark.parametrize("name", LAWS)
def test_inputs_have_the_moments_of_their_law(name):
    variances, kurtosis = LAWS[name]
    law = inputs({"kind": name, "spectrum": "i^(-1/2)"}) if name == "covariance" else inputs(name)
    x = draw_inputs(law, streams(), Role.INPUTS, COUNT).numpy()
    assert x.dtype == np.float64
    assert np.abs(x.mean(0)).max() < 5 * math.sqrt(variances.max() / COUNT)
    assert np.abs(x.T @ x / COUNT - np.diag(variances)).max() < 0.01
    assert variances.sum() == pytest.approx(1)
    first = x[:, 0] / math.sqrt(variances[0])
    assert (first**4).mean() == pytest.approx(kurtosis, rel=0.06)


def test_the_laws_differ():
    """Negative control: no two laws share their second and fourth moments, so the test above tells them apart."""
    assert len({(round(float(v[0]), 4), round(k, 3)) for v, k in LAWS.values()}) == len(LAWS)


@pytest.mark.parametrize("spectrum", ["i^(-1)", "exp(-i/d)", "1", [3, 2, 1, 1, 1, 0], "max(0, 4 - i)"])
def test_a_spectrum_is_scaled_to_trace_one(spectrum):
    values = Covariance(spectrum=spectrum).eigenvalues(D)
    assert values.shape == (D,)
    assert values.sum() == pytest.approx(1)
    assert values[0] >= values[-1] >= 0


@pytest.mark.parametrize(
    ("spectrum", "words"),
    [
        ("1 - i", "s_2 = -1"), ("0", "the sum 0"), ("exp(i^9)", "s_3 = inf"), ("sqrt(2 - i)", "s_3 = nan"),
        ("log(i - 3)", "gives s_1"), ("j", "unknown symbol 'j'"), ("i <", "does not parse"), ("i < d", "the condition"),
        ([1, -1], "every number of the spectrum"), ([math.nan], "every number"), ([], "list of numbers"), (3, "3"),
    ],
)  # fmt: skip
def test_a_bad_spectrum_is_refused_in_one_line(spectrum, words):
    with pytest.raises(InvalidInputError, match=r"spectrum|inputs") as caught:
        inputs({"kind": "covariance", "spectrum": spectrum}).check(D)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


# --- labels ----------------------------------------------------------------------------------------------------------


def test_random_signs_are_signs():
    x = draw_inputs(inputs("sphere"), streams(), Role.INPUTS, 4000)
    y = draw_labels(labels({"noise": 0.25, "noise_law": "signs"}), streams(), x)
    assert set(y.tolist()) == {-0.5, 0.5}
    assert abs(float(y.mean())) < 0.5 * 4 / math.sqrt(4000)


@pytest.mark.parametrize(("name", "variance"), [("sphere", 1.0), ("gaussian", (D + 2) / D)])
def test_the_quadratic_signal_is_centred_and_scaled(name, variance):
    x = draw_inputs(inputs(name), streams(), Role.INPUTS, COUNT)
    y = draw_labels(labels("quadratic"), streams(), x)
    assert float(y.mean()) == pytest.approx(0, abs=5 / math.sqrt(COUNT))
    assert float(y.var()) == pytest.approx(variance, rel=0.05)


def test_the_quadratic_signal_is_a_traceless_form():
    """The form, found by least squares from the labels alone, has trace 0, norm 1, and leaves nothing over."""
    x = draw_inputs(inputs("gaussian"), streams(), Role.INPUTS, 500)
    y = draw_labels(labels("quadratic"), streams(), x)
    products = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    form = torch.linalg.lstsq(products, y[:, None], driver="gelsd").solution.reshape(D, D)
    form = (form + form.T) / 2
    assert float((products @ form.reshape(-1) - y).abs().max()) < 1e-9
    assert float(form.trace()) == pytest.approx(0, abs=1e-9)
    assert float(torch.linalg.matrix_norm(form)) == pytest.approx(math.sqrt(D * (D + 2) / 2))


def test_classes_of_synthetic_inputs_are_separated_by_the_linear_signal():
    x = draw_inputs(inputs("cube"), streams(), Role.INPUTS, 300)
    linear, classes = (draw_labels(labels(name), streams(), x) for name in ("linear", "classes"))
    assert torch.equal(classes, linear.sign())
    noisy = draw_labels(labels({"signal": 2, "noise": 1, "target": "classes"}), streams(), x)
    pure = draw_labels(labels("noise"), streams(), x)
    assert torch.allclose(noisy, 2 * classes + pure)


def test_test_points_share_the_target_and_are_fresh():
    law = labels({"signal": 1.0, "noise": 0.5, "target": "quadratic"})
    sample = draw_sample(inputs("sphere"), law, streams(), count=50, test_points=20)
    again = draw_sample(inputs("sphere"), law, streams(), count=50, test_points=0)
    assert torch.equal(sample.y, sample.clean + sample.noise)
    assert torch.equal(sample.y, again.y)
    assert sample.z.shape == (20, D)
    assert again.z.shape == (0, D)
    products = torch.cat([sample.x, sample.z])
    both = (products[:, :, None] * products[:, None, :]).reshape(70, -1)
    form = torch.linalg.lstsq(both[:50], sample.clean[:, None], driver="gelsd").solution
    assert torch.allclose((both[50:] @ form)[:, 0], sample.clean_z, atol=1e-9)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"target": "quadratc", "signal": 1}, "did you mean 'quadratic'"), ({"noise_law": "sign"}, "'signs'"),
        ({"target": "quadratic"}, "set it, as in signal = 1"), ({"target": "classes", "signal": 0}, "signal > 0"),
        ({"target": 3, "signal": 1}, "target"), ("sgns", "did you mean 'signs'"), ("", "unknown labels ''"),
    ],
)  # fmt: skip
def test_bad_labels_are_refused(table, words):
    with pytest.raises(InvalidInputError) as caught:
        labels(table)
    assert words in str(caught.value)


# --- canonical texts -------------------------------------------------------------------------------------------------


def experiment(**options):
    given = {"quantity": "sobolev", "inputs": "sphere", "labels": {}} | options
    return Experiment(
        RFKernel(), activation("relu"), ({"n": 4, "d": 5},), (1,), quantity(given["quantity"]),
        inputs(given["inputs"]), labels(given["labels"]),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["sphere", "gaussian"])
@pytest.mark.parametrize("table", [{}, {"signal": 2, "noise": 0.5}])
def test_texts_of_the_first_laws_are_pinned(name, table):
    """Seeds depend on these texts: a change of one changes every published number."""
    signal, noise = float(table.get("signal", 0.0)), table.get("noise", 1.0)
    assert experiment(inputs=name, labels=table).spec == (
        """{"activation": "Max(Integer(0), Symbol('u', real=True))", "inputs": """
        f'"{name}", "labels": {{"noise": {noise}, "signal": {signal}}}, '
        '"model": {"kind": "rf-kernel", "ridge": 0.0}, "quantity": "sobolev", "test_points": 512}'
    )


def test_numbers_of_the_first_laws_are_pinned():
    """Computed before the other laws were there."""
    given = {"model": "rf-kernel", "activation": "relu", "sizes": {"n": 20, "d": 30}, "trials": 2, "seed": 5}
    frame = simulate(**given, inputs="gaussian", labels={"signal": 1.0, "noise": 0}, device="cpu")
    assert frame.value.tolist() == pytest.approx(
        [float.fromhex("0x1.16640008efbf0p-1"), float.fromhex("0x1.1b363dda12461p-1")], rel=1e-12
    )


def test_what_is_not_default_is_in_the_text_and_nothing_else():
    text = experiment(inputs={"kind": "covariance", "spectrum": "1/i"}, labels="signs").spec
    content = json.loads(text)
    assert content["inputs"] == {"kind": "covariance", "spectrum": "1/i"}
    assert content["labels"] == {"signal": 0.0, "noise": 1.0, "noise_law": "signs"}
    assert json.loads(experiment(quantity={"kind": "sobolev", "test_points": 7}).spec)["test_points"] == 7
    assert json.loads(experiment(quantity="mcshane").spec)["quantity"] == "mcshane"
    specs = [experiment(inputs=name).spec for name in ("sphere", "gaussian", "cube", "laplace", "covariance")]
    assert len(set(specs)) == 5


def test_the_path_of_checked_data_is_not_in_the_text():
    plain, elsewhere = Dataset(name="mnist"), Dataset(name="mnist", path="/data")
    assert plain.canonical == elsewhere.canonical == {"kind": "dataset", "name": "mnist"}
    assert Dataset(name="mnist", path="/data", unchecked=True).canonical["path"] == "/data"


# --- specs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sphere", "gaussian", "cube", "laplace"])
def test_every_law_of_inputs_reaches_a_fit(name):
    frame = simulate(model="rf-kernel", activation="abs", sizes={"n": 10, "d": 12}, trials=2, inputs=name)
    assert (frame.value > 0).all()


def test_tables_and_names_are_read_from_spec_files():
    law = law_from_spec(
        {
            "law": {
                "name": "b", "model": "rf-kernel", "statement": "Theta(1)", "path": {"d": 40},
                "sizes": {"n": [10, 20, 40]}, "inputs": {"kind": "covariance", "spectrum": "i^(-1/2)"},
                "labels": {"signal": 1.0, "noise_law": "signs"}, "quantity": {"kind": "sobolev", "test_points": 50},
            }
        }
    )  # fmt: skip
    assert law.inputs == Covariance(spectrum="i^(-1/2)")
    assert law.labels == Labels(signal=1.0, noise_law="signs")
    assert law.quantity.points == 50


WRONG = {
    "inputs": ({"inputs": "cub"}, "did you mean 'cube'"),
    "an option": ({"inputs": {"kind": "sphere", "radius": 2}}, "`radius`"),
    "no kind": ({"inputs": {"spectrum": "1"}}, "`kind`"),
    "the number of eigenvalues": ({"inputs": {"kind": "covariance", "spectrum": [1, 2]}}, "set d = 2"),
    "pixels": ({"inputs": "mnist"}, "set d = 784"),
    "dataset": ({"inputs": {"kind": "dataset", "name": "minst"}}, "did you mean 'mnist'"),
    "classes": ({"inputs": {"kind": "mnist", "classes": [1, 1]}}, "two different classes"),
    "a class": ({"inputs": {"kind": "mnist", "classes": [1, 10]}}, "from 0 to 9"),
    "normalise": ({"inputs": {"kind": "mnist", "normalise": "unit"}}, "unknown normalise 'unit'"),
    "quantity": ({"quantity": "sobolv"}, "did you mean 'sobolev'"),
    "test points": ({"quantity": {"kind": "sobolev", "test_points": 0}}, "test_points=0"),
    "projected": ({"quantity": {"kind": "mcshane", "projected": True}}, "it has none"),
    "memorised": ({"quantity": "memorised", "labels": "linear"}, "none to memorise"),
    "a search off the sphere": (
        {"quantity": "lipschitz-lower", "inputs": {"kind": "mnist"}, "path": {"d": 784}}, "near the unit sphere"
    ),
    "a form on the line": ({"labels": "quadratic", "path": {"d": 1}}, "d >= 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_go_together_is_refused_by_the_law(name):
    changes, words = WRONG[name]
    given = {"name": "b", "model": "rf-kernel", "statement": "Theta(1)", "path": {"d": 40}, "sizes": {"n": [10, 20]}}
    with pytest.raises(InvalidInputError) as caught:
        Law(**{**given, **changes})
    assert words in str(caught.value)
    assert "law 'b'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_words_for_the_report():
    assert inputs("sphere").words == "sphere"
    assert inputs({"kind": "mnist", "normalise": "mean"}).words == "mnist test set, 0 against 1, E|x|^2 = 1"
    assert "not checked" in Dataset(name="cifar10", unchecked=True).words
    assert labels({}).words == "noise variance 1"
    assert labels({"signal": 2, "target": "quadratic"}).words == "quadratic signal 2, noise variance 1"
