"""The same seed gives the same numbers: whatever the way, order, company and environment; and tomorrow.

The first trial of every shipped law, at its smallest sizes, stands in first_trials.csv as it was when it was made;
`python tests/numerics/test_numerics_determinism.py` writes it anew, which changes `ENGINE` in numerics/store.py too.
"""

import csv
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bigtheta
from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.store import ENGINE
from bigtheta.numerics.streams import Role, Streams
from bigtheta.numerics.sweep import run, simulate
from bigtheta.theory.catalogue import activation
from bigtheta.theory.inputs import Dataset

PINNED = Path(__file__).with_name("first_trials.csv")
LAWS = {law.id: law for law in bigtheta.laws() if not isinstance(law.inputs, Dataset)}
TRAINED = 1e-6
"""Relative: a trained network takes thousands of steps, each of which rounds; all else is pinned to 1e-9."""


def first(law):
    """The first trial of a law at its smallest sizes."""
    return Experiment(
        law.model, activation(law.activations[0]), law.cells[:1], (1,), law.quantity, law.inputs, law.labels
    )


def write():
    frames = run([first(law) for law in LAWS.values()], seed=0)
    with PINNED.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["law", "activation", "value", "status", "engine"])
        for name, frame in zip(LAWS, frames, strict=True):
            row = frame.iloc[0]
            writer.writerow([name, row["activation"], repr(float(row["value"])), row["status"], ENGINE])


def pinned():
    with PINNED.open(newline="") as file:
        return {row["law"]: row for row in csv.DictReader(file)}


# --- tomorrow ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_first_trial_of_every_law_is_what_it_was():
    known = pinned()
    assert list(known) == list(LAWS)
    assert {int(row["engine"]) for row in known.values()} == {ENGINE}
    for (name, law), frame in zip(LAWS.items(), run([first(law) for law in LAWS.values()], seed=0), strict=True):
        row, then = frame.iloc[0], known[name]
        tolerance = TRAINED if law.model.kind == "trained-network" else 1e-9
        assert row["value"] == pytest.approx(float(then["value"]), rel=tolerance), name
        assert row["status"] == then["status"], name


def test_another_seed_is_seen_by_the_pinned_numbers():
    law, then = LAWS["dohmatob2021/rf-kernel"], pinned()["dohmatob2021/rf-kernel"]
    value = run([first(law)], seed=1)[0].iloc[0]["value"]
    assert value != pytest.approx(float(then["value"]), rel=1e-3)


def test_the_draws_are_what_they_were():
    """To the last digit: NumPy promises the words of Philox for good, the normal variates made of them not."""
    drawn = Streams(seed=1, spec="demo", sizes={"n": 5, "d": 3}, trial=2)
    words = {role.name: int(drawn.generator(role).bit_generator.random_raw()) for role in Role}
    assert words == {
        "INPUTS": 13427668807499064620, "WEIGHTS": 12113447158729706219, "LABELS": 16868290985464960649,
        "TEST": 3109808447537115034, "SIGNAL": 10589687631177598079, "SEARCH": 3614131449607163480,
        "TARGET": 12329416879208097854, "OUTPUT": 14342169718478141327, "BATCHES": 740651517453691929,
    }  # fmt: skip
    assert drawn.normal(Role.WEIGHTS, 2).tolist() == [0.656121619540482, -1.849000177327877]


# --- in any way -------------------------------------------------------------------------------------------------------

KINDS = {law.model.kind: law for law in LAWS.values() if law.model.kind != "trained-network"}


@pytest.fixture(scope="module")
def serial():
    return run([first(law) for law in KINDS.values()], seed=3)


def assert_same(frames, others):
    assert len(frames) == len(others)
    for frame, other in zip(frames, others, strict=True):
        pd.testing.assert_frame_equal(frame, other, check_exact=True)


def test_processes_change_no_digit(serial):
    assert_same(serial, run([first(law) for law in KINDS.values()], seed=3, jobs=2))


@pytest.mark.slow
def test_a_cluster_changes_no_digit(serial):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        assert_same(serial, run([first(law) for law in KINDS.values()], seed=3, cluster=cluster.scheduler_address))


def test_order_and_company_change_no_digit(serial):
    order = list(range(len(serial)))
    random.Random(0).shuffle(order)
    laws = list(KINDS.values())
    shuffled = run([first(laws[i]) for i in order], seed=3)
    assert_same([serial[i] for i in order], shuffled)
    assert_same(serial[:1], run([first(laws[0])], seed=3))


def test_a_trial_does_not_depend_on_how_many_there_are():
    options = {"model": "neural-tangent", "activation": "tanh", "sizes": {"n": 20, "d": 20, "k": 20}, "seed": 3}
    pd.testing.assert_frame_equal(
        simulate(trials=2, **options), simulate(trials=5, **options).iloc[:2], check_exact=True
    )


SCRIPT = """
import sys, bigtheta
report = bigtheta.verify("rf-kernel", activations=["tanh"], trials=1, seed=3, jobs=int(sys.argv[1]), out=sys.argv[2])
"""


@pytest.mark.slow
def test_two_runs_on_different_days_write_the_same_report(tmp_path):
    """Fresh processes that differ in date, time zone, locale, hash seed, threads, folder and number of processes."""
    reports = []
    for index, changes in enumerate(
        [
            {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C", "OMP_NUM_THREADS": "1"},
            {"PYTHONHASHSEED": "2", "TZ": "Pacific/Auckland", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "2"},
        ]
    ):
        out, here = tmp_path / str(index), tmp_path / f"here-{index}"
        here.mkdir()
        day = f"import time; real = time.time; time.time = lambda: real() + {index} * 1e7\n"
        script = here / "script.py"
        script.write_text(f"if __name__ == '__main__':\n    {day}    exec({SCRIPT!r})\n")
        subprocess.run(
            [sys.executable, script, str(index + 1), str(out)],
            check=True,
            cwd=here,
            env=os.environ | changes,
            timeout=600,
        )
        content = json.loads((out / "report.json").read_text())
        del content["provenance"]["wall_s"]
        reports.append((content, (out / "trials.csv").read_bytes()))
    assert reports[0] == reports[1]


def test_global_generators_are_not_touched():
    np.random.seed(7)
    before = np.random.get_state()[1].tolist()
    run([first(KINDS["random-features"])], seed=3)
    assert np.random.get_state()[1].tolist() == before


if __name__ == "__main__":
    write()
