"""The plan: operations against torch's own count, memory against the measured peak, and limits that are kept."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from bigtheta.numerics import sweep
from bigtheta.numerics.cost import cost
from bigtheta.numerics.executors import Workers
from bigtheta.numerics.experiment import checked_experiment
from bigtheta.numerics.plan import available_memory, check_memory, memory, memory_of, operations, operations_of
from bigtheta.numerics.sweep import run
from bigtheta.theory.catalogue import activation
from bigtheta.theory.data import quantity
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.model import Model, NeuralTangent, RandomFeatures, RFKernel
from bigtheta.theory.training import QuadraticStudent

ADVERSARIAL = {"kind": "adversarial-features", "eps": 0.5}
STUDENT = {"kind": "quadratic-student", "target": "goe"}
TRAINED = {"kind": "trained-network", "steps": 20, "stop": 1e-9}
SIGNAL = {"signal": 1.0, "noise": 0.1}


def experiment(model, act, sizes, measured="sobolev", inputs="sphere", labels=None, trials=1, precision="float64"):
    return checked_experiment(model, measured, act, sizes, inputs, labels, trials, precision)


# Operations


def _counts():
    """What FlopCounterMode leaves out, by LAPACK's own counts; shapes in, operations out."""
    aten = torch.ops.aten
    return {
        aten.addmm_: lambda c, a, b, *more, **options: 2 * a[0] * a[1] * b[1],
        aten.mv: lambda a, v, *more, **options: 2 * a[0] * a[1],
        aten.linalg_cholesky_ex: lambda a, *more, **options: a[0] ** 3 // 3,
        aten.linalg_solve_triangular: lambda a, b, *more, left=True, **options: a[0] ** 2 * (b[1] if left else b[0]),
        aten._linalg_eigh: lambda a, *more, **options: 9 * a[0] ** 3,
        aten.linalg_qr: lambda a, *more, **options: 4 * a[0] * a[1] * min(a),
        aten._linalg_svd: lambda a, *more, **options: 4 * a[0] * a[1] * min(a),
    }


CASES = {
    "random features": ("random-features", "relu", {"n": 300, "d": 150, "k": 1500}),
    "random features, least squares": ("random-features", "tanh", {"n": 600, "d": 100, "k": 200}),
    "random features, many points": (
        "random-features", "tanh", {"n": 100, "d": 150, "k": 300}, {"kind": "sobolev", "test_points": 20_000},
    ),
    "random features, search": ("random-features", "tanh", {"n": 200, "d": 100, "k": 400}, "lipschitz-lower"),
    "random features, bound": ("random-features", "tanh", {"n": 200, "d": 300, "k": 700}, "lipschitz-upper"),
    "random features, test error": ("random-features", "tanh", {"n": 300, "d": 100, "k": 700}, "test-error"),
    "neural tangent": ("neural-tangent", "tanh", {"n": 500, "d": 200, "k": 150}),
    "neural tangent, few points": (
        "neural-tangent", "tanh", {"n": 300, "d": 200, "k": 300}, {"kind": "sobolev", "test_points": 50},
    ),
    "neural tangent, least squares": ("neural-tangent", "tanh", {"n": 900, "d": 20, "k": 20}),
    "neural tangent, training error": ("neural-tangent", "tanh", {"n": 500, "d": 100, "k": 100}, "train-error"),
    "neural tangent, search": ("neural-tangent", "tanh", {"n": 300, "d": 60, "k": 60}, "lipschitz-lower"),
    "both layers": ("both-layers", "tanh", {"n": 500, "d": 200, "k": 200}),
    "rf kernel": ("rf-kernel", "relu", {"n": 600, "d": 300}),
    "ntk kernel": ("ntk-kernel", "tanh", {"n": 600, "d": 300}),
    "rf kernel, memorised": ("rf-kernel", "relu", {"n": 600, "d": 300}, "memorised"),
    "dot product": ({"kind": "dot-product-kernel", "kernel": "exp(t)"}, "relu", {"n": 600, "d": 300}),
    "adversarial, n > k": (
        ADVERSARIAL, "relu", {"n": 240, "d": 80, "k": 200}, "adversarial-risk", "gaussian", SIGNAL,
    ),
    "adversarial, n < k": (
        ADVERSARIAL, "relu", {"n": 100, "d": 80, "k": 300}, "adversarial-risk", "gaussian", SIGNAL,
    ),
    "student, rf": (STUDENT, "relu", {"d": 200, "k": 600}),
    "student, nt": (STUDENT | {"regime": "nt"}, "u**2", {"d": 300, "k": 150}),
    "student, nt, not quadratic": (STUDENT | {"regime": "nt"}, "tanh", {"d": 20, "k": 25}),
    "trained": (TRAINED, "tanh", {"n": 200, "d": 100, "k": 300}),
    "trained in batches": (
        TRAINED | {"optimiser": "sgd", "batch": 20}, "tanh", {"n": 200, "d": 100, "k": 300},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_operations_are_those_that_torch_counts(name):
    e = experiment(*CASES[name])
    with FlopCounterMode(display=False, custom_mapping=_counts()) as counter:
        run([e])
    assert counter.get_total_flops() / 3 < operations_of(e, e.cells[0]) < 3 * counter.get_total_flops()


def test_operations_grow_with_what_is_asked_of_the_quantity():
    sizes = {"n": 100, "d": 200, "k": 300}
    few, many = (operations(RandomFeatures(), sizes, quantity=quantity({"kind": "sobolev", "test_points": m}))
                 for m in (100, 1100))  # fmt: skip
    assert many - few == pytest.approx(4 * 1000 * 200 * 300)
    search = quantity({"kind": "lipschitz-lower", "starts": 10, "steps": 50})
    fit = cost(RandomFeatures(), sizes).fit
    assert operations(RandomFeatures(), sizes, quantity=search) == pytest.approx(fit + 151 * 4 * 10 * 200 * 300)
    assert operations(RandomFeatures(), sizes, quantity=quantity("mcshane")) < fit / 3  # nothing is fitted


def test_a_student_is_counted_by_its_activation():
    model, sizes = QuadraticStudent(regime="nt"), {"d": 60, "k": 60}
    general = memory(model, sizes, activation=activation("tanh"))
    assert memory(model, sizes, activation=activation("u**2")) < general / 10


class Unknown(Model, frozen=True, kw_only=True, tag_field="kind", tag="unknown-to-the-plan"):
    """A plugin's model."""


def test_a_model_of_a_plugin_gets_the_general_estimate_or_its_own():
    sizes = {"n": 1000, "d": 300, "k": 300}
    assert operations(Unknown(), sizes) > operations(NeuralTangent(), sizes)
    assert memory(Unknown(), sizes) > memory(NeuralTangent(), sizes)
    fitted = cost(RFKernel(), {"n": 10, "d": 5})
    cost.register(Unknown, lambda model, cell, act=None: fitted)
    assert operations(Unknown(), sizes) == operations(RFKernel(), {"n": 10, "d": 5})


# Memory

MEASURE = """
import json, sys
from bigtheta.numerics.experiment import checked_experiment
from bigtheta.numerics.plan import memory_of
from bigtheta.numerics.sweep import run
def now(name):  # of this program alone: ru_maxrss would take over its parent's
    lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return 1024 * int(lines[name].split()[0])
model, act, sizes, measured, inputs, labels, precision = json.loads(sys.argv[1])
small = {name: min(size, 20) for name, size in sizes.items()} | ({"k": 30} if "k" in sizes else {})
run([checked_experiment(model, measured, act, small, inputs, labels, 1, precision)])
open("/proc/self/clear_refs", "w").write("5")  # an earlier peak must not hide the trial's
before = now("VmRSS")
e = checked_experiment(model, measured, act, sizes, inputs, labels, 1, precision)
run([e])
print(now("VmHWM") - before, memory_of(e, sizes))
"""


@pytest.mark.parametrize(
    ("model", "act", "sizes", "more"),
    [
        ("neural-tangent", "tanh", {"n": 4500, "d": 200, "k": 200}, {}),
        ("rf-kernel", "relu", {"n": 4500, "d": 200}, {}),
        pytest.param("random-features", "gelu", {"n": 1500, "d": 200, "k": 9000}, {}, marks=pytest.mark.slow),
        pytest.param("random-features", "relu", {"n": 3000, "d": 100, "k": 600}, {}, marks=pytest.mark.slow),
        pytest.param(
            "random-features", "tanh", {"n": 4500, "d": 300, "k": 6000}, {"precision": "float32"},
            marks=pytest.mark.slow,
        ),
        pytest.param("neural-tangent", "tanh", {"n": 3000, "d": 40, "k": 40}, {}, marks=pytest.mark.slow),
        pytest.param("both-layers", "tanh", {"n": 2000, "d": 300, "k": 2000}, {}, marks=pytest.mark.slow),
        pytest.param("ntk-kernel", "tanh", {"n": 2000, "d": 400}, {"inputs": "gaussian"}, marks=pytest.mark.slow),
        pytest.param("rf-kernel", "relu", {"n": 2000, "d": 400}, {"measured": "train-error"}, marks=pytest.mark.slow),
        pytest.param(
            ADVERSARIAL, "relu", {"n": 500, "d": 400, "k": 1500},
            {"measured": "adversarial-risk", "inputs": "gaussian", "labels": SIGNAL}, marks=pytest.mark.slow,
        ),
        pytest.param(STUDENT, "relu", {"d": 400, "k": 1200}, {}, marks=pytest.mark.slow),
        pytest.param(STUDENT | {"regime": "nt"}, "u**2", {"d": 900, "k": 500}, {}, marks=pytest.mark.slow),
        pytest.param(TRAINED, "tanh", {"n": 800, "d": 300, "k": 2000}, {}, marks=pytest.mark.slow),
        pytest.param(
            "random-features", "tanh", {"n": 3000, "d": 300, "k": 600}, {"measured": "mcshane"},
            marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_the_memory_estimate_bounds_the_measured_peak(model, act, sizes, more):
    given = {"measured": "sobolev", "inputs": "sphere", "labels": None, "precision": "float64"} | more
    arguments = json.dumps([model, act, sizes, *given.values()])
    result = subprocess.run(
        [sys.executable, "-c", MEASURE, arguments], capture_output=True, text=True, check=True, timeout=600
    )
    measured, estimate = map(float, result.stdout.split())
    assert measured <= estimate <= 3 * measured


def test_one_gram_matrix_is_held_at_the_largest_sizes():
    gram = 8 * 32_000**2
    for model, sizes in ((RFKernel(), {"d": 2000}), (NeuralTangent(), {"d": 400, "k": 400})):
        assert gram < memory(model, {"n": 32_000, **sizes}) < 1.6 * gram
        assert memory(model, {"n": 32_000, **sizes}, precision="float32") < 0.9 * gram


# Limits

SIZES = {"n": 200, "d": 100, "k": 300}


@pytest.mark.parametrize(("fit", "together"), [(1.5, 1), (2.5, 2)])
def test_trials_run_at_the_same_time_as_far_as_the_memory_goes(monkeypatch, fit, together):
    e = experiment("random-features", "tanh", SIZES, trials=4)
    at_work, most, lock = 0, 0, threading.Lock()
    meeting = threading.Barrier(together)

    def slowly(trial):
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        if together == 1:
            time.sleep(0.1)  # one more would come meanwhile, if it were begun
        meeting.wait(600)
        with lock:
            at_work -= 1
        return {"value": 1.0}, 0.1

    @contextlib.contextmanager
    def threads(jobs, *, cluster=None):
        with ThreadPoolExecutor(jobs) as pool:
            yield Workers(pool, lambda: jobs)

    monkeypatch.setattr(sweep, "workers", threads)
    monkeypatch.setattr(sweep, "timed", slowly)
    frame = run([e], jobs=2, memory_limit=fit * memory_of(e, SIZES))[0]
    assert len(frame) == 4
    assert most == together


def test_a_trial_that_does_not_fit_stops_the_sweep_before_it_begins(monkeypatch):
    small, large = (experiment("random-features", "tanh", SIZES | {"n": n}) for n in (100, 290))
    begun = []
    monkeypatch.setattr(sweep, "timed", lambda trial: begun.append(trial) or ({"value": 1.0}, 0.0))
    limit = (memory_of(small, small.cells[0]) + memory_of(large, large.cells[0])) / 2
    with pytest.raises(InvalidInputError, match="random-features at n = 290, d = 100, k = 300 needs about"):
        run([small, large], memory_limit=limit)
    assert not begun
    run([small], memory_limit=limit)
    assert len(begun) == 1


def test_the_quantity_and_the_precision_count_for_the_limit():
    search = {"kind": "sobolev", "test_points": 500_000}
    many = experiment("random-features", "tanh", SIZES, search)
    limit = memory_of(experiment("random-features", "tanh", SIZES), SIZES)
    with pytest.raises(InvalidInputError, match="needs about"):
        check_memory([many], limit)
    sizes = {"n": 8000, "d": 100}
    half, whole = (experiment("rf-kernel", "relu", sizes, precision=p) for p in ("float32", "float64"))
    check_memory([half], 0.75 * memory_of(whole, sizes))
    with pytest.raises(InvalidInputError, match="rf-kernel"):
        check_memory([whole], 0.75 * memory_of(whole, sizes))


def test_on_a_gpu_its_free_memory_is_the_limit(monkeypatch):
    e = experiment("rf-kernel", "relu", {"n": 2000, "d": 100})
    begun = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(sweep, "timed", lambda trial: begun.append(trial.device) or ({"value": 1.0}, 0.0))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**20, 2**40))
    assert available_memory("cuda") == 0.8 * 2**20
    with pytest.raises(InvalidInputError, match=r"rf-kernel at n = 2000, d = 100 needs about .* the limit is 1 MiB"):
        run([e], device="cuda")
    assert not begun
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**34, 2**40))
    run([e], device="cuda")
    assert begun == ["cuda"]
