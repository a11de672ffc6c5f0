"""Pilot trials: what is measured where a count of operations is only a bound."""

from __future__ import annotations

import pytest
import torch

import bigtheta.numerics.pilot as pilot
from bigtheta.numerics.deadline import OutOfTimeError, check_time, limited
from bigtheta.numerics.experiment import Experiment, checked_experiment
from bigtheta.numerics.pilot import is_iterative, pilot_seconds
from bigtheta.numerics.plan import plan
from bigtheta.numerics.sweep import run

SHORT = {"kind": "trained-network", "steps": 50}


def experiment(model=SHORT, measured="train-error", sizes=None, trials=3):
    sizes = sizes or {"n": 10, "d": 8, "k": 4}
    return checked_experiment(model, measured, "tanh", sizes, "sphere", None, trials)


@pytest.mark.parametrize(
    ("model", "measured", "iterative"),
    [
        (SHORT, "train-error", True),
        ("random-features", "lipschitz-lower", True),
        ("random-features", "mcshane", True),
        ("random-features", "sobolev", False),
        ("random-features", "lipschitz-upper", False),
        ("neural-tangent", "test-error", False),
    ],
)
def test_what_is_measured(model, measured, iterative, monkeypatch):
    asked = []
    monkeypatch.setattr("bigtheta.numerics.plan.pilot_seconds", lambda e, operations: asked.append(e) or [7.0])
    e = experiment(model, measured)
    assert is_iterative(e) is iterative
    made = plan([e])
    assert len(asked) == iterative
    assert (made.seconds == 21.0) is iterative


def test_every_iteration_of_a_training_or_a_search_looks_at_the_time():
    for e in (experiment(), experiment("random-features", "lipschitz-lower")):
        with limited(0.0), pytest.raises(OutOfTimeError) as end:
            run([e])
        assert 0 < end.value.done < 0.1
        assert len(run([e])[0]) == 3  # the limit is over with its context
    check_time(5, 5)


def test_a_pilot_that_runs_out_of_time_is_reckoned_to_its_end(monkeypatch):
    def quarter(trial):
        clock[0] += 3.0
        raise OutOfTimeError(0.25)

    clock = [0.0]
    monkeypatch.setattr(pilot.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(pilot, "measure", quarter)
    monkeypatch.setattr(pilot, "_REMEMBERED", {})
    assert pilot_seconds(experiment(), [5.0]) == [12.0]


def test_between_the_cells_measured_stands_a_power_law(monkeypatch):
    monkeypatch.setattr(pilot, "_seconds", lambda e, cell: {10: 0.5, 40: 8.0}[cell["n"]])
    base = experiment()
    cells = tuple({"n": n, "d": 8, "k": 4} for n in (20, 10, 40))
    e = Experiment(base.model, base.activation, cells, (1, 1, 1), base.quantity)
    assert pilot_seconds(e, [200.0, 100.0, 400.0]) == pytest.approx([2.0, 0.5, 8.0])


def test_a_plan_without_time_for_more_pilots_goes_by_those_made(monkeypatch):
    monkeypatch.setattr("bigtheta.numerics.plan.PATIENCE", 0.0)
    clock, answers = iter([0.0, 1.0]), iter([[1.0]])
    monkeypatch.setattr("bigtheta.numerics.plan._rate", lambda: 1e12)
    monkeypatch.setattr("bigtheta.numerics.plan.time.perf_counter", lambda: next(clock))
    monkeypatch.setattr("bigtheta.numerics.plan.pilot_seconds", lambda e, operations: next(answers))
    first, second = experiment(), experiment(sizes={"n": 11, "d": 8, "k": 4})
    made = plan([first, second])
    assert made.cells[0].measured == 1.0
    assert made.cells[1].measured == pytest.approx(1.0, rel=0.2)


def test_pilots_leave_the_trials_and_the_threads_alone():
    before = torch.get_num_threads()
    e = experiment(trials=2)
    expected = run([e], seed=3)[0]["value"].tolist()
    assert plan([e]).seconds > 0
    assert torch.get_num_threads() == before
    assert run([e], seed=3)[0]["value"].tolist() == expected
