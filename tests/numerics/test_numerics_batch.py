"""Batches against one trial at a time: the same rows, whatever is in a batch, and what cannot be in one."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pandas as pd
import pytest
import torch

from bigtheta.numerics import batch
from bigtheta.numerics.algebra import TOGETHER, TRUSTED, times
from bigtheta.numerics.batch import batched_memory, batches, drawn_together, may_batch, measure_batch
from bigtheta.numerics.executors import timed_batch
from bigtheta.numerics.experiment import Experiment, checked_experiment
from bigtheta.numerics.interpolate import RESIDUAL_LIMIT, solve_gram, solve_least_squares
from bigtheta.numerics.models.base import stacks
from bigtheta.numerics.sweep import run
from bigtheta.numerics.trial import Trial, measure
from bigtheta.theory.catalogue import activation
from bigtheta.theory.data import QUANTITIES
from bigtheta.theory.model import BothLayers, NeuralTangent, RandomFeatures

SIZES = {"n": 20, "d": 12, "k": 30}
MODELS = ("random-features", "neural-tangent", "rf-kernel", "ntk-kernel")
OFFERED = QUANTITIES.keys() - {"adversarial-risk"}
BATCHED = ("sobolev", "sensitivity", "test-error", "train-error", "memorised")


def experiment(model="random-features", quantity="sobolev", act="relu", sizes=SIZES, law="sphere", labels=None):
    return checked_experiment(model, quantity, act, sizes, law, labels or {"signal": 1.0, "noise": 0.5}, 6)


def trials(*given, count=6, precision="float64", **named):
    e = replace(experiment(*given, **named), precision=precision)
    return [Trial(e, e.cells[0], index, 11, "cpu") for index in range(count)]


def assert_same(rows, expected):
    """Equal to 1e-9, but for residuals, which are rounding: both have to be small."""
    assert [list(row) for row in rows] == [list(row) for row in expected]
    for row, other in zip(rows, expected, strict=True):
        for name, value in other.items():
            if name == "residual" and other["status"] != "failed":
                assert row[name] <= RESIDUAL_LIMIT
            elif isinstance(value, float):
                assert row[name] == pytest.approx(value, rel=1e-9, nan_ok=True), name
            else:
                assert row[name] == value, name


@pytest.fixture
def alone(monkeypatch):
    """The indices of the trials that are measured alone."""
    seen = []

    def counted(trial):
        seen.append(trial.index)
        return measure(trial)

    monkeypatch.setattr(batch, "measure", counted)
    return seen


@pytest.mark.parametrize("quantity", BATCHED)
@pytest.mark.parametrize("act", ["relu", "gelu", "square"])
@pytest.mark.parametrize("model", MODELS)
def test_a_batch_gives_the_rows_of_its_trials(alone, model, act, quantity):
    given = trials({"kind": model, "ridge": 0.1}, quantity, act)
    assert_same(measure_batch(given), [measure(trial) for trial in given])
    assert alone == []


@pytest.mark.parametrize("law", ["sphere", "gaussian", "cube", {"kind": "covariance", "spectrum": "i^(-1)"}], ids=str)
@pytest.mark.parametrize(
    ("model", "sizes"),
    [
        ("random-features", {"n": 20, "d": 12, "k": 24}),
        ("random-features", {"n": 20, "d": 12, "k": 1500}),
        ("random-features", {"n": 40, "d": 4, "k": 9}),
        ("neural-tangent", {"n": 20, "d": 12, "k": 3}),
        ("neural-tangent", {"n": 20, "d": 300, "k": 700}),
        ("neural-tangent", {"n": 40, "d": 4, "k": 3}),
        ("neural-tangent", {"n": 1, "d": 1, "k": 1}),
        ({"kind": "random-features", "weights": "small"}, SIZES),
    ],
    ids=str,
)
def test_at_all_shapes(model, sizes, law):
    """Over and under the number of parameters, several blocks of neurons, few and many points for the NTK."""
    given = trials(model, {"kind": "sobolev", "test_points": 40}, "tanh", sizes, law, count=3)
    assert_same(measure_batch(given), [measure(trial) for trial in given])


def test_a_trial_does_not_depend_on_what_it_is_batched_with():
    given = trials()
    whole, part = measure_batch(given), measure_batch(given[3:5])
    assert_same(part, whole[3:5])
    assert len({row["value"] for row in whole}) == 6
    assert measure_batch(given[:1]) == [measure(given[0])]
    assert measure_batch([]) == []


def test_what_is_badly_conditioned_is_measured_alone(alone):
    """n = k: conditions of 1e5 and beyond, some of which a stack is not trusted with."""
    given = trials(sizes={"n": 30, "d": 12, "k": 30}, count=12)
    rows, expected = measure_batch(given), [measure(trial) for trial in given]
    assert_same(rows, expected)
    assert alone == [row["trial"] for row in expected if row["condition"] > TRUSTED]
    assert 0 < len(alone) < 12


@pytest.mark.parametrize("model", MODELS[:2])
def test_what_is_singular_is_measured_alone(alone, model):
    """phi quadratic in three dimensions: 6 features for 12 labels, no interpolation."""
    given = trials(model, act="square", sizes={"n": 12, "d": 3, "k": 30}, count=3)
    rows = measure_batch(given)
    assert_same(rows, [measure(trial) for trial in given])
    assert [row["status"] for row in rows] == ["failed"] * 3
    assert alone == [0, 1, 2]


def matrices(count=5, n=9):
    g = torch.randn(count, n, n, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return g @ g.mT + 0.1 * torch.eye(n, dtype=torch.float64), g[:, 0]


@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_a_stack_is_solved_as_its_matrices_are_and_one_that_fails_spoils_no_other(ridge):
    gram, y = matrices()
    gram[1] = -gram[1]
    gram[3, 0, 0] = float("nan")
    stack = TOGETHER.solve(gram.clone(), y, ridge=ridge)
    assert stack.trusted.tolist() == [True, False, True, False, True]
    for i in (0, 2, 4):
        one = solve_gram(gram[i].clone(), y[i], ridge=ridge)
        assert stack.coefficients[i].tolist() == pytest.approx(one.coefficients.tolist(), rel=1e-10)
        assert float(stack.condition[i]) == pytest.approx(one.condition, rel=1e-10)
        assert float(stack.residual[i]) < 1e-12


def test_least_squares_and_products_of_a_stack():
    g = torch.randn(3, 9, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = torch.randn(3, 9, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    stack = TOGETHER.least_squares(g, y)
    for i in range(3):
        one = solve_least_squares(g[i], y[i])
        assert stack.coefficients[i].tolist() == pytest.approx(one.coefficients.tolist(), rel=1e-9)
        assert times(g.mT, y)[i].tolist() == pytest.approx((g[i].T @ y[i]).tolist(), rel=1e-12)
    assert stack.status == "least-squares"


def test_what_cannot_be_batched_is_measured_alone(alone):
    for given in (
        trials("both-layers", count=2),
        trials("random-features", "lipschitz-upper", count=2),
        trials("random-features", "mcshane", count=2),
        trials("random-features", precision="float32", count=2),
    ):
        assert not may_batch(given[0])
        assert measure_batch(given) == [measure(trial) for trial in given]
    off = trials("rf-kernel", act="relu", law="gaussian", count=2)
    assert measure_batch(off) == [measure(trial) for trial in off]
    assert alone == [0, 1] * 5
    offered = set(OFFERED) - {"operator-norm"}  # of the model quadratic-form alone
    assert {name for name in offered if may_batch(trials("random-features", name, count=1)[0])} == set(BATCHED)


def test_a_subtype_is_not_taken_for_its_model():
    """A plugin may derive a model from ours and register another formula for it."""

    class Other(RandomFeatures, frozen=True, kw_only=True, tag="other-features"):
        pass

    assert stacks(RandomFeatures())
    assert not stacks(Other())
    assert not stacks(BothLayers())


def test_threads_draw_the_same():
    given = trials(count=20)
    for one, other in zip(drawn_together(given, threads=1), drawn_together(given, threads=5), strict=True):
        assert one.streams == other.streams
        assert torch.equal(one.sample.z, other.sample.z)
        assert torch.equal(one.sample.y, other.sample.y)
        assert torch.equal(one.weights, other.weights)


# --- which trials go together ----------------------------------------------------------------------------------------


def queue():
    """Two experiments of two cells, three and two trials in each, and one that cannot be batched."""
    cells = ({"n": 5, "d": 6, "k": 9}, {"n": 8, "d": 9, "k": 12})
    kinds = ((RandomFeatures(), "relu"), (NeuralTangent(), "relu"), (BothLayers(), "tanh"))
    all_ = [Experiment(model, activation(name), cells, (3, 2)) for model, name in kinds]
    return [Trial(e, cell, i, 0, "cpu") for e in all_ for cell, n in zip(cells, (3, 2), strict=True) for i in range(n)]


def test_a_batch_is_of_one_cell_of_one_experiment():
    found = list(batches(queue(), range(15), 1e9))
    assert found == [[0, 1, 2], [3, 4], [5, 6, 7], [8, 9], *([i] for i in range(10, 15))]
    order = [4, 0, 14, 2, 3, 1, 10]
    assert list(batches(queue(), order, 1e9)) == [[4, 3], [0, 2, 1], [14], [10]]
    assert list(batches(queue(), [], 1e9)) == []
    other = [replace(trial, seed=1) if trial.index == 1 else trial for trial in queue()[:3]]
    assert list(batches(other, range(3), 1e9)) == [[0, 2], [1]]


def test_a_batch_fits_the_memory(monkeypatch):
    given = queue()[:3]
    one = batched_memory(given[0])
    for room, expected in ((0.0, [[0], [1], [2]]), (2.5 * one, [[0, 1], [2]]), (3 * one, [[0, 1, 2]])):
        assert list(batches(given, range(3), room)) == expected
    monkeypatch.setattr(batch, "BATCH_MEMORY", 2.5 * one)
    assert list(batches(given, range(3), 1e12)) == [[0, 1], [2]]
    monkeypatch.setattr(batch, "MOST_TRIALS", 1)
    assert list(batches(given, range(3), 1e12)) == [[0], [1], [2]]


# --- sweeps ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_sweep_in_batches_gives_the_frames_of_one_without(tmp_path, jobs):
    """One row a trial in the frames and in the store, in order, with progress trial by trial."""
    given = queue()
    experiments, seen = [given[i].experiment for i in (0, 5, 10)], []
    alone = run(experiments, seed=3, device="cpu")
    together = run(
        experiments, seed=3, device="cpu", jobs=jobs, batched=True, store=tmp_path / "s",
        progress=lambda done, total: seen.append(done),
    )  # fmt: skip
    for frame, expected in zip(together, alone, strict=True):
        pd.testing.assert_frame_equal(frame.drop(columns="residual"), expected.drop(columns="residual"), rtol=1e-9)
    assert seen == list(range(16))
    again = run(experiments, seed=3, device="cpu", store=tmp_path / "s", progress=lambda done, total: seen.append(done))
    assert seen[16:] == [15]  # nothing was left to run
    for frame, kept in zip(together, again, strict=True):
        pd.testing.assert_frame_equal(frame, kept)
    with closing(sqlite3.connect(tmp_path / "s")) as store:
        (seconds,) = zip(*store.execute("select seconds from trials"), strict=True)
    assert len(seconds) == 15
    assert min(seconds) > 0
    assert len(set(seconds)) < 15  # those of a batch are its share


def test_batches_are_for_gpus_unless_asked_for(monkeypatch):
    begun = []
    monkeypatch.setattr(
        "bigtheta.numerics.sweep.timed_batch", lambda given: begun.append(len(given)) or timed_batch(given)
    )
    for batched, expected in ((None, []), (False, []), (True, [2, 3, 2, 3])):
        begun.clear()
        run([trial.experiment for trial in (queue()[0], queue()[5])], device="cpu", batched=batched)
        assert sorted(begun) == sorted(expected)


def test_a_failure_in_a_batch_is_raised(monkeypatch):
    def broken(given):
        raise ZeroDivisionError

    monkeypatch.setattr("bigtheta.numerics.executors.measure_batch", broken)
    with pytest.raises(ZeroDivisionError):
        run([queue()[0].experiment], device="cpu", batched=True)
