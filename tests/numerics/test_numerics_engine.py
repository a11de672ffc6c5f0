"""Streams, samples, solves, lowering and sweeps."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.interpolate import solve_gram, solve_least_squares
from bigtheta.numerics.lower import check_simulable, lower, lower_activation
from bigtheta.numerics.measure import sobolev
from bigtheta.numerics.plan import schedule
from bigtheta.numerics.sample import draw_inputs, draw_labels, draw_weights
from bigtheta.numerics.store import key
from bigtheta.numerics.streams import Role, Streams
from bigtheta.numerics.sweep import choose_device, run, simulate
from bigtheta.numerics.trial import Trial
from bigtheta.theory.activation import u
from bigtheta.theory.catalogue import CATALOGUE, activation
from bigtheta.theory.data import Labels, inputs
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import law
from bigtheta.theory.model import RandomFeatures

SIZES = {"n": 12, "d": 15, "k": 30}


def frame(**options):
    given = {"model": "random-features", "activation": "cos", "sizes": SIZES, "trials": 5, "seed": 5}
    return simulate(**{**given, **options})


def test_streams_differ_in_every_coordinate():
    def first(seed=1, spec="a", sizes=SIZES, trial=0, role=Role.INPUTS):
        return float(Streams(seed, spec, sizes, trial).normal(role, 1))

    others = [
        first(seed=2),
        first(spec="b"),
        first(sizes={**SIZES, "k": 31}),
        first(trial=1),
        first(role=Role.TEST),
        first(role=Role.LABELS),
    ]
    assert len({first(), *others}) == 7
    assert first() == first()


def test_streams_are_pinned():
    """The seeding is part of what a seed promises: a change of it changes every published report."""
    value = float(Streams(1, "demo", {"n": 5, "d": 3}, 0).normal(Role.INPUTS, 1))
    words = np.frombuffer(__import__("hashlib").sha256(b"demo").digest()[:16], dtype=">u4").tolist()
    sequence = np.random.SeedSequence(1, spawn_key=(*words, 5, 3, 0, 0, 0))
    assert value == np.random.Generator(np.random.Philox(sequence)).standard_normal(1)[0]


@pytest.mark.parametrize("kind", ["sphere", "gaussian"])
def test_inputs_are_isotropic_with_unit_second_moment(kind):
    x = draw_inputs(inputs(kind), Streams(0, "x", {"n": 1, "d": 8}, 0), Role.INPUTS, 40_000).numpy()
    covariance = x.T @ x / len(x)
    assert np.abs(covariance - np.eye(8) / 8).max() < 0.005
    radius = (x**2).sum(1)
    assert (radius.std() < 1e-12) == (kind == "sphere")


def test_weights_and_labels():
    streams = Streams(0, "w", {"n": 50_000, "d": 3, "k": 20_000}, 0)
    w = draw_weights(streams)
    assert float(w.var()) == pytest.approx(1, abs=0.03)
    x = draw_inputs(inputs("sphere"), streams, Role.INPUTS, 50_000)
    y = draw_labels(Labels(signal=3.0, noise=0.25), streams, x)
    beta = torch.linalg.lstsq(x, y[:, None]).solution[:, 0]
    assert float(beta.norm()) == pytest.approx(3, abs=0.02)
    assert float((y - x @ beta).var()) == pytest.approx(0.25, abs=0.01)


def test_solve_gram_reports_condition_and_residual():
    generator = torch.Generator().manual_seed(0)
    q, _ = torch.linalg.qr(torch.randn(40, 40, generator=generator, dtype=torch.float64))
    values = torch.logspace(0, 5, 40, dtype=torch.float64)
    gram = (q * values) @ q.T
    y = torch.randn(40, generator=generator, dtype=torch.float64)
    solution = solve_gram(gram, y)
    assert solution.status == "ok"
    assert solution.condition == pytest.approx(1e5, rel=0.3)
    assert solution.residual < 1e-10
    assert torch.allclose(solution.coefficients, torch.linalg.solve(gram, y), rtol=1e-8)


def test_a_singular_gram_that_holds_the_labels_is_solved_by_eigenvalues():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(10, 6, generator=generator, dtype=torch.float64)
    inside = features @ torch.ones(6, dtype=torch.float64)
    outside = torch.randn(10, generator=generator, dtype=torch.float64)
    assert solve_gram(features @ features.T, inside).status == "eigh"
    failed = solve_gram(features @ features.T, outside)
    assert failed.status == "failed"
    assert failed.residual > 0.1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gram_with_no_numbers_fails(bad):
    gram = torch.eye(4, dtype=torch.float64)
    gram[1, 2] = bad
    assert solve_gram(gram, torch.ones(4, dtype=torch.float64)).status == "failed"


def test_least_squares_agrees_with_numpy():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(30, 7, generator=generator, dtype=torch.float64)
    y = torch.randn(30, generator=generator, dtype=torch.float64)
    expected = np.linalg.lstsq(features.numpy(), y.numpy(), rcond=None)[0]
    assert solve_least_squares(features, y).coefficients.numpy() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", sorted(CATALOGUE))
@pytest.mark.parametrize("order", [0, 1, 2])
def test_lowered_activation_agrees_with_numpy(name, order):
    act = activation(name)
    points = np.concatenate([np.linspace(-5, 5, 41) + 0.01, [-800, 700 if name == "exp" else 800]])
    lowered = lower_activation(act, order)(torch.tensor(points)).numpy()
    assert np.isfinite(lowered).all()
    assert lowered == pytest.approx(act.numeric(order)(points), rel=1e-12, abs=1e-12)


def test_lower_keeps_dtype_and_refuses_the_unknown():
    assert lower(u**2 + 1, u)(torch.ones(3, dtype=torch.float32)).dtype == torch.float32
    import sympy

    with pytest.raises(InvalidInputError, match="gamma"):
        lower(sympy.gamma(u), u)


@pytest.mark.parametrize(
    ("formula", "words"), [("sign(u)", "jumps at 0"), ("heaviside(u)", "jumps"), ("exp(u**2)", "grows too fast")]
)
def test_what_cannot_be_measured_is_refused_before_simulation(formula, words):
    with pytest.raises(InvalidInputError, match=words):
        check_simulable(activation(formula))
    with pytest.raises(InvalidInputError, match=words):
        frame(activation=formula)


def test_simulate_gives_a_row_a_trial():
    result = frame()
    assert list(result.columns) == [
        "activation", "n", "d", "k", "trial", "value", "residual", "condition", "status",
    ]  # fmt: skip
    assert result["trial"].tolist() == [0, 1, 2, 3, 4]
    assert (result["status"] == "ok").all()
    assert (result["residual"] < 1e-10).all()
    assert result["value"].nunique() == 5


def test_numbers_depend_on_seed_and_trial_alone():
    result = frame()
    pd.testing.assert_frame_equal(result, frame())
    pd.testing.assert_frame_equal(result.head(2), frame(trials=2))
    pd.testing.assert_frame_equal(result, frame(jobs=2))
    assert not (frame(seed=6)["value"] == result["value"]).any()


def test_simulate_takes_a_law():
    entry = law("ntk-width")
    small = simulate(entry, activation="abs", trials=1)
    assert small["k"].tolist() == list(entry.sizes.values)
    assert set(small["n"]) == {200}


def test_run_reports_progress_and_keeps_order():
    experiments = [
        Experiment(RandomFeatures(), activation(name), ({"n": 5, "d": 6, "k": 9}, {"n": 8, "d": 9, "k": 12}), (2, 1))
        for name in ("relu", "cos")
    ]
    seen = []
    frames = run(experiments, seed=1, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 6)
    assert seen[-1] == (6, 6)
    assert [f["activation"].iloc[0] for f in frames] == ["relu", "cos"]
    assert frames[0]["n"].tolist() == [5, 5, 8]


def test_schedule_gives_cheap_cells_more_trials_and_never_fewer():
    counts = schedule(law("rf-kernel").cells, 12)
    assert counts[-1] == 12
    assert counts[0] == 72
    assert list(counts) == sorted(counts, reverse=True)


def test_sobolev_is_the_root_mean_square_gradient():
    class Fitted:
        @staticmethod
        def gradient(z):
            return torch.tensor([[3.0, 4.0], [0.0, 1.0]])

    assert sobolev(Fitted(), None) == pytest.approx(math.sqrt(13))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "random-feature"}, ["random-feature", "did you mean 'random-features'"]),
        ({"activation": "rellu"}, ["rellu", "relu"]),
        ({"sizes": {"n": 10, "d": 5}}, ["needs k"]),
        ({"sizes": {"n": 10, "d": 5, "m": 3}}, ["unknown size 'm'"]),
        ({"sizes": {"n": -1, "d": 5, "k": 5}}, ["n", ">= 1", "-1"]),
        ({"sizes": {"n": 1.5, "d": 5, "k": 5}}, ["n", "1.5"]),
        ({"trials": 0}, ["trials", ">= 1"]),
        ({"seed": -1}, ["seed"]),
        ({"jobs": 0}, ["jobs"]),
        ({"inputs": "ball"}, ["inputs", "ball"]),
        ({"labels": {"noise": -1.0}}, ["noise", "-1"]),
        ({"labels": {"signal": 0.0, "noise": 0.0}}, ["nothing to fit"]),
        ({"labels": {"nose": 1.0}}, ["nose"]),
        ({"device": "tpu"}, ["device", "tpu"]),
        ({"sizes": None}, ["sizes is missing"]),
    ],
)
def test_bad_input_names_what_was_asked_and_got(options, words):
    with pytest.raises(InvalidInputError) as caught:
        frame(**options)
    for word in words:
        assert word in str(caught.value)


def test_cuda_is_refused_where_there_is_none():
    if torch.cuda.is_available():
        pytest.skip("a CUDA device is present")
    with pytest.raises(InvalidInputError, match="device='cpu'"):
        choose_device("cuda")


# What a model offers is known before anything runs

ADVERSARIAL = {"kind": "adversarial-features", "eps": 0.5}
STUDENT = {"kind": "quadratic-student"}
DOT = {"kind": "dot-product-kernel", "kernel": "exp(t)"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": ADVERSARIAL}, ['expected inputs = "gaussian" but got sphere']),
        ({"model": ADVERSARIAL, "inputs": "gaussian", "labels": "signs"}, ["linear target", "random signs"]),
        ({"model": ADVERSARIAL, "inputs": "gaussian", "labels": "quadratic"}, ["linear target", "quadratic signal 1"]),
        (
            {"model": ADVERSARIAL, "inputs": "gaussian", "quantity": "sensitivity"},
            ["quantity='sensitivity'", "has 'adversarial-risk', 'test-error', 'sobolev'"],
        ),
        ({"quantity": "adversarial-risk"}, ["adversarial-risk", "got random-features", "use test-error"]),
        (
            {"model": STUDENT, "quantity": "lipschitz-lower"},
            ["quadratic student has 'sobolev', 'test-error'", "quantity='lipschitz-lower'"],
        ),
        ({"model": "neural-tangent", "quantity": "lipschitz-upper"}, ["got neural-tangent", "use lipschitz-lower"]),
        ({"model": "rf-kernel", "quantity": "lipschitz-upper"}, ["got rf-kernel"]),
        ({"model": DOT, "quantity": "adversarial-risk"}, ["got dot-product-kernel"]),
        ({"model": DOT, "inputs": "gaussian"}, ["unit sphere", "exp(t)", "got gaussian"]),
        ({"activation": "square", "quantity": "lipschitz-upper"}, ["bounded slope", "'square'"]),
    ],
)
def test_what_a_model_does_not_offer_is_refused_before_any_trial(options, words, monkeypatch):
    monkeypatch.setattr("bigtheta.numerics.sweep.run", None)  # anything run would fail
    with pytest.raises(InvalidInputError) as caught:
        frame(**options)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"model": ADVERSARIAL, "inputs": "gaussian", "quantity": "adversarial-risk"},
        {"model": STUDENT, "quantity": "test-error"},
        {"quantity": "lipschitz-upper"},
        {"model": DOT},
    ],
)
def test_what_a_model_offers_is_measured(options):
    assert np.isfinite(frame(**options, trials=1)["value"]).all()


# float32


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({"sizes": {"n": 100, "d": 60, "k": 120}}, 1e-4),
        ({"sizes": {"n": 100, "d": 60, "k": 300}}, 1e-5),
        ({"sizes": {"n": 100, "d": 60, "k": 300}, "quantity": "sensitivity", "labels": "linear"}, 1e-5),
        ({"sizes": {"n": 100, "d": 60, "k": 300}, "quantity": "test-error", "inputs": "gaussian"}, 1e-4),
        ({"sizes": {"n": 100, "d": 60, "k": 300}, "quantity": "lipschitz-upper"}, 1e-5),
        ({"sizes": {"n": 100, "d": 60, "k": 50}}, 1e-5),
        ({"model": {"kind": "random-features", "ridge": 0.1}, "sizes": {"n": 100, "d": 60, "k": 100}}, 1e-5),
        ({"model": "neural-tangent", "sizes": {"n": 200, "d": 20, "k": 20}}, 1e-4),
        ({"model": "both-layers", "sizes": {"n": 200, "d": 20, "k": 20}}, 1e-4),
        ({"model": "rf-kernel", "sizes": {"n": 100, "d": 100}}, 1e-5),
        ({"model": "ntk-kernel", "sizes": {"n": 100, "d": 100}, "inputs": "gaussian"}, 1e-5),
        ({"model": DOT, "sizes": {"n": 100, "d": 50}}, 1e-5),
    ],
)
def test_float32_agrees_with_float64_away_from_thresholds(options, most):
    given = {"activation": "tanh", **options}
    double, single = frame(**given), frame(**given, precision="float32")
    off = (single["value"] / double["value"] - 1).abs().max()
    assert 0 < off < most
    assert set(single["status"]) <= {"ok", "least-squares"}
    assert (single["residual"] < 1e-3).all()
    assert (single["residual"] > double["residual"]).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sizes": {"n": 100, "d": 60, "k": 105}}, ["k = 105", "n = 100", "--precision float64"]),
        ({"sizes": {"n": 100, "d": 60, "k": 96}}, ["k = 96"]),
        ({"model": "neural-tangent", "sizes": {"n": 400, "d": 20, "k": 20}}, ["d k = 400"]),
        ({"model": "neural-tangent", "activation": "square", "sizes": {"n": 160, "d": 20, "k": 10}}, ["2 = 155"]),
        ({"model": "neural-tangent", "activation": "square", "sizes": {"n": 205, "d": 20, "k": 30}}, ["2 = 210"]),
        ({"activation": "square", "sizes": {"n": 54, "d": 10, "k": 100}}, ["d (d + 1)/2 = 55"]),
        ({"model": "both-layers", "sizes": {"n": 410, "d": 20, "k": 20}}, ["d k + k = 420"]),
        (
            {"model": {"kind": "random-features", "weights": "small"}, "sizes": {"n": 98, "d": 100, "k": 300}},
            ["d = 100"],
        ),
        ({"model": ADVERSARIAL, "inputs": "gaussian"}, ["adversarial-features", "float32"]),
        ({"model": STUDENT}, ["quadratic-student"]),
        ({"precision": "float16"}, ["precision", "float16"]),
        ({"precision": None}, ["precision", "None"]),
    ],
)
def test_float32_is_refused_where_it_cannot_be_trusted(options, words):
    given = {"activation": "tanh", "precision": "float32", **options}
    with pytest.raises(InvalidInputError) as caught:
        frame(**given)
    for word in words:
        assert word in str(caught.value)
    if given["precision"] == "float32":
        checked = {key: value for key, value in given.items() if key != "precision"}
        assert len(frame(**checked, trials=1)) == 1  # float64 does it


def test_five_percent_is_where_the_refusal_ends():
    sizes = {"n": 100, "d": 60, "k": 106}
    assert len(frame(activation="tanh", sizes=sizes, trials=1, precision="float32")) == 1
    smooth = {"kind": "random-features", "weights": "small"}
    near = {"n": 60, "d": 60, "k": 300}
    assert len(frame(model=smooth, activation="relu", sizes=near, trials=1, precision="float32")) == 1  # homogeneous


def test_the_two_precisions_share_their_draws_and_not_their_rows(tmp_path):
    def made(precision):
        return Experiment(RandomFeatures(), activation("tanh"), (SIZES,), (2,), precision=precision)

    double, single = made("float64"), made("float32")
    assert double.spec == single.spec  # what the streams are made from
    assert double.record == double.spec != single.record
    assert double.identity != single.identity
    keys = {key(Trial(e, SIZES, 0, 0, "cpu")) for e in (double, single)}
    assert len(keys) == 2
    store = tmp_path / "trials.sqlite"
    first = run([double, single], store=store)
    again = run([single, double], store=store)
    pd.testing.assert_frame_equal(first[0], again[1])
    pd.testing.assert_frame_equal(first[1], again[0])
    assert not first[0]["value"].equals(first[1]["value"])


def test_tf32_is_off_while_a_sweep_runs(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "bigtheta.numerics.sweep.timed",
        lambda trial: seen.append(torch.get_float32_matmul_precision()) or ({"value": 1.0}, 0.0),
    )
    torch.set_float32_matmul_precision("high")
    try:
        frame(trials=1)
        assert seen == ["highest"]
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
