"""Every model on a CUDA device against the CPU, on the same streams; and, without one, that nothing is left on the CPU.

Both sides draw the same numbers, so they differ by the rounding of sums alone.
"""

import pytest
import torch

from bigtheta.numerics.batch import measure_batch
from bigtheta.numerics.experiment import checked_experiment
from bigtheta.numerics.streams import Streams
from bigtheta.numerics.sweep import simulate
from bigtheta.numerics.trial import Trial, measure
from bigtheta.theory.data import Labels
from bigtheta.theory.model import kinds
from bigtheta.theory.training import REGIMES

TOLERANCE = {"trained-network": 1e-7, "adversarial-features": 1e-6}
"""1e-9 but for these: every update of a training rounds anew, and Adam divides by roots of small numbers; adversarial
training ends at a duality gap of 1e-8, where the Newton steps taken, and the last condition, depend on rounding."""
TIGHT = 1e-9

MODELS = {
    "random-features": [{}, {"ridge": 0.1}, {"weights": "small", "ridge": 0.1}],
    "neural-tangent": [{}, {"ridge": 0.1}],
    "both-layers": [{}, {"ridge": 0.1}],
    "rf-kernel": [{}, {"ridge": 0.1}],
    "ntk-kernel": [{}, {"ridge": 0.1}],
    "dot-product-kernel": [{"kernel": "exp(t)"}, {"kernel": "(1 + t)^2", "ridge": 0.1}],
    "quadratic-form": [{}, {"ridge": 0.1}],
    "caps": [{"s": 0.1}],
    "adversarial-features": [{"eps": 0.3}, {"eps": 0.0}, {"eps": 0.2, "eps_test": 0.1, "jacobian": "limit"}],
    "quadratic-student": [
        *({"regime": regime, "target": "goe", **({"time": 2.0} if "flow" in regime else {})} for regime in REGIMES),
        {"regime": "rf", "ridge": 0.1, "target": "wishart", "covariance": "target"},
        {"regime": "nt", "target": "mixed", "coefficients": (0.0, 1.0, 0.5, 0.3)},
        {"regime": "lazy-nt", "ridge": 0.1, "target": "goe", "coefficients": (0.0, 1.0, 0.5, 0.3)},
    ],
    "trained-network": [
        {"optimiser": "gd", "steps": 200, "rate": 0.05},
        {"optimiser": "adam", "steps": 100, "batch": 8, "penalty": 1e-3, "skip": True},
    ],
}
CASES = [({"kind": kind, **options}) for kind, rows in MODELS.items() for options in rows]
ACTIVATIONS = {"quadratic-student": "u**2", "adversarial-features": "relu"}
SIZES = {"n": 30, "d": 16, "k": 50}


def trials(spec, device, quantity="sobolev", act=None, law=None, sizes=SIZES, count=1):
    kind = spec["kind"]
    sizes = {"d": 16, "k": 5} if kind == "quadratic-student" else sizes
    act = act or ("tanh" if spec.get("coefficients") else ACTIVATIONS.get(kind, "gelu"))
    law = law or ("gaussian" if kind == "adversarial-features" else "sphere")
    e = checked_experiment(spec, quantity, act, sizes, law, Labels(signal=1.0, noise=0.5), count)
    return [Trial(e, e.cells[0], index, 5, device) for index in range(count)]


def assert_close(row, expected, tolerance=TIGHT):
    """Residuals are rounding; conditions are compared where nothing iterates."""
    assert row["status"] == expected["status"]
    for name in ("value", "error", "adversarial", *(["condition"] if tolerance == TIGHT else [])):
        if name in expected:
            assert row[name] == pytest.approx(expected[name], rel=tolerance, abs=1e-12, nan_ok=True), name


def need_cuda():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")


def test_every_model_is_in_the_table():
    assert set(MODELS) == set(kinds())


@pytest.mark.gpu
@pytest.mark.parametrize("spec", CASES, ids=str)
def test_a_model_gives_the_same_row(spec):
    need_cuda()
    tolerance = TOLERANCE.get(spec["kind"], TIGHT)
    for cpu, gpu in zip(trials(spec, "cpu", count=2), trials(spec, "cuda", count=2), strict=True):
        assert_close(measure(gpu), measure(cpu), tolerance)


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("spec", "quantity", "act"),
    [
        ({"kind": "random-features"}, "sensitivity", "relu"),
        ({"kind": "random-features"}, "lipschitz-upper", "relu"),
        ({"kind": "random-features", "ridge": 0.1}, "memorised", "relu"),
        ({"kind": "random-features", "ridge": 0.1}, "train-error", "relu"),
        ({"kind": "random-features"}, {"kind": "mcshane", "projected": True}, "relu"),
        ({"kind": "neural-tangent"}, "test-error", "tanh"),
        ({"kind": "neural-tangent"}, "mcshane", "tanh"),
        ({"kind": "neural-tangent"}, "sobolev", "square"),
        ({"kind": "rf-kernel"}, {"kind": "lipschitz-lower", "starts": 8, "steps": 20}, "tanh"),
        ({"kind": "ntk-kernel"}, "sobolev", "relu"),
    ],
    ids=str,
)
def test_a_quantity_is_the_same(spec, quantity, act):
    need_cuda()
    (cpu,), (gpu,) = trials(spec, "cpu", quantity, act), trials(spec, "cuda", quantity, act)
    assert_close(measure(gpu), measure(cpu), 1e-6 if "lipschitz-lower" in str(quantity) else TIGHT)


@pytest.mark.gpu
@pytest.mark.parametrize("law", ["gaussian", {"kind": "covariance", "spectrum": "i^(-1)"}], ids=str)
@pytest.mark.parametrize("kind", ["random-features", "neural-tangent", "rf-kernel", "ntk-kernel"])
def test_off_the_sphere_it_is_the_same(kind, law):
    need_cuda()
    given = {"kind": kind}, "sobolev", "tanh", law
    (cpu,), (gpu,) = (trials(given[0], device, *given[1:]) for device in ("cpu", "cuda"))
    assert_close(measure(gpu), measure(cpu))


@pytest.mark.gpu
@pytest.mark.parametrize("sizes", [SIZES, {"n": 60, "d": 3, "k": 8}], ids=str)
@pytest.mark.parametrize("act", ["relu", "tanh", "square"])
@pytest.mark.parametrize("kind", ["random-features", "neural-tangent", "rf-kernel", "ntk-kernel"])
def test_a_batch_gives_the_rows_of_its_trials(kind, act, sizes):
    need_cuda()
    spec = {"kind": kind, "ridge": 0.1 if "kernel" in kind or act == "square" else 0.0}
    on_gpu, on_cpu = (trials(spec, device, act=act, sizes=sizes, count=5) for device in ("cuda", "cpu"))
    for row, alone, cpu in zip(measure_batch(on_gpu), map(measure, on_gpu), map(measure, on_cpu), strict=True):
        assert_close(row, alone)
        assert_close(row, cpu)


@pytest.mark.gpu
def test_a_sweep_gives_the_same_frame_and_other_seeds_another():
    need_cuda()
    given = {"model": "random-features", "activation": "cos", "sizes": SIZES, "trials": 20}
    gpu, cpu = simulate(**given, seed=1, device="cuda"), simulate(**given, seed=1, device="cpu")
    assert gpu["value"].to_numpy() == pytest.approx(cpu["value"].to_numpy(), rel=TIGHT)
    assert gpu["trial"].tolist() == list(range(20))
    other = simulate(**given, seed=2, device="cuda")
    assert not (gpu["value"] - other["value"]).abs().lt(1e-6).any()


# --- without a device: what the tolerances rest on -------------------------------------------------------------------


@pytest.mark.parametrize("spec", CASES, ids=str)
def test_rounding_stays_within_the_tolerance(monkeypatch, spec):
    """Draws changed in their last digits move a row by a tenth of the tolerance at most; other draws do not agree."""
    (one, other), tolerance = trials(spec, "cpu", count=2), TOLERANCE.get(spec["kind"], TIGHT) / 10
    expected, real = measure(one), Streams.normal
    generator = torch.Generator().manual_seed(0)

    def rounded(self, role, *shape):
        drawn = real(self, role, *shape)
        return drawn * (1 + 4e-16 * torch.randn(shape, generator=generator, dtype=drawn.dtype))

    monkeypatch.setattr(Streams, "normal", rounded)
    row = measure(one)
    assert row["value"] == pytest.approx(expected["value"], rel=tolerance)
    assert row["value"] != pytest.approx(measure(other)["value"], rel=tolerance)


# --- without a device: a tensor made without saying where lands on another one ---------------------------------------


def elsewhere():
    """Make `torch.zeros(3)`, `torch.eye(3)`, ... land on a device that mixes with no other, as if on CUDA."""
    return torch.device("meta")


def test_a_tensor_left_behind_is_found():
    x = torch.ones(3)
    with elsewhere(), pytest.raises((RuntimeError, NotImplementedError)):
        float((x + torch.zeros(3)).sum())


@pytest.mark.parametrize("spec", CASES, ids=str)
def test_every_tensor_of_a_model_says_where_it_is_made(spec):
    (one,) = trials(spec, "cpu")
    with elsewhere():
        row = measure(one)
    assert_close(row, measure(one))


@pytest.mark.parametrize("act", ["relu", "tanh", "square", "softplus"])
@pytest.mark.parametrize("law", ["sphere", "gaussian"])
@pytest.mark.parametrize("kind", ["random-features", "neural-tangent", "both-layers", "rf-kernel", "ntk-kernel"])
def test_every_tensor_of_a_batch_says_where_it_is_made(kind, law, act):
    given = trials({"kind": kind}, "cpu", act=act, law=law, count=3)
    with elsewhere():
        rows = measure_batch(given)
    assert rows == measure_batch(given)


@pytest.mark.parametrize("quantity", ["sensitivity", "memorised", "mcshane", "lipschitz-lower", "lipschitz-upper"])
def test_every_tensor_of_a_quantity_says_where_it_is_made(quantity):
    given = {"kind": "random-features", "ridge": 0.1}, "cpu", quantity, "relu"
    with elsewhere():
        row = measure(trials(*given)[0])
    assert_close(row, measure(trials(*given)[0]))
