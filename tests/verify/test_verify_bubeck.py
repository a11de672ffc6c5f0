"""The laws of Bubeck, Li, Nagaraj 2020: the true are not rejected, the controls are, and none is called proved."""

import math

import numpy as np
import pytest

from bigtheta.numerics.sweep import simulate
from bigtheta.theory.law import law, laws
from bigtheta.theory.statement import Limit, Sense
from bigtheta.verify.run import verify
from bigtheta.verify.verdict import Verdict

QUICK = ("undercomplete", "quadratic-forms", "smooth-caps", "spectral-features", "universal-ntk")
SLOW = sorted({entry.name for entry in laws("bubeck2020")} - set(QUICK))


def judge(name, **options):
    report = verify(f"bubeck2020/{name}", device="cpu", **options)
    true = [entry.judgement for entry in report.entries if entry.control is None]
    false = [entry.judgement for entry in report.entries if entry.control is not None]
    return true, false


def assert_laws_pass_and_controls_fail(name, **options):
    true, false = judge(name, **options)
    assert [j.verdict for j in true] == [Verdict.PASS] * len(true), [j.reason for j in true]
    assert [j.verdict for j in false] == [Verdict.FAIL] * len(false), [j.reason for j in false]


@pytest.mark.parametrize("name", QUICK)
def test_a_true_law_passes_and_its_control_fails(name):
    assert_laws_pass_and_controls_fail(name)


@pytest.mark.long
@pytest.mark.parametrize("name", SLOW)
def test_a_true_law_passes_and_its_control_fails_at_more_cost(name):
    assert_laws_pass_and_controls_fail(name)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", [entry.name for entry in laws("bubeck2020")])
def test_no_seed_rejects_a_true_law(name, seed):
    true, false = judge(name, seed=seed)
    assert all(j.verdict in (Verdict.PASS, Verdict.INCONCLUSIVE) for j in true), [j.reason for j in true]
    assert all(j.verdict is Verdict.FAIL for j in false), [j.reason for j in false]


def test_the_conjecture_is_called_evidence_and_has_its_status():
    for name in ("search-samples", "search-width"):
        entry = law(f"bubeck2020/{name}")
        assert "Evidence" in entry.claim
        assert "refute" in entry.claim
        assert "never prove" in entry.note
        assert "arXiv:2607.07778" in entry.note
        assert entry.model.stop == 0.5
        assert entry.model.penalty > 0
        assert entry.model.skip
        assert entry.model.bias


def test_the_spectral_proxy_has_no_hidden_biases():
    assert not law("spectral-trained").model.bias
    assert not law("spectral-trained").model.skip


def test_bounds_are_one_sided_where_the_theorem_is():
    one_sided = {entry.name for entry in laws("bubeck2020") if entry.statement.sense is Sense.OMEGA}
    assert {"quadratic-forms", "smooth-caps"} == {entry.name for entry in laws("bubeck2020")} - one_sided
    assert all("arXiv:2105.12806" in law(name).theorem for name in ("universal-rf", "universal-ntk"))


def test_caps_are_disjoint_in_every_cell_with_room_to_spare():
    """2 (1 - s)^2 - 1 = 1/8 against the largest of n^2/2 inner products, sqrt(4 log(n)/d)."""
    entry = law("smooth-caps")
    assert isinstance(entry.statement, Limit)
    for cell in entry.cells:
        assert math.sqrt(4 * math.log(cell["n"]) / cell["d"]) < 0.11


def test_the_upper_bound_of_a_trained_network_is_above_the_lower():
    entry = law("search-samples")
    given = {
        "model": entry.model, "activation": "relu", "labels": entry.labels, "sizes": {"n": 30, "d": 30, "k": 4},
        "trials": 4, "seed": 1, "device": "cpu",
    }  # fmt: skip
    below, above = (simulate(quantity=kind, **given) for kind in ("lipschitz-lower", "lipschitz-upper"))
    assert (below.status == "trained").all()
    assert below.value.max() < above.value.min() * 3
    assert np.median(below.value) < np.median(above.value)
