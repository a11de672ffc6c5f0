"""Offsets between cells, a fit that is rejected, and a verdict that hangs on the first cell."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from bigtheta.verify.effects import EFFECTS, fitted
from bigtheta.verify.fit import CellMeans, cell_means, fit_slope, slope_grid
from bigtheta.verify.judge import judge
from bigtheta.verify.report.read import report_from_dict
from bigtheta.verify.report.report import Report
from bigtheta.verify.verdict import Doubt, Judgement, Need, Verdict, judgement_dict

FIVE = np.array([25, 50, 100, 200, 400])
MEANS = np.array([5.436, 10.783, 26.096, 51.465, 93.014])
TRIALS = (192, 123, 78, 50, 32)

WARM_UP = {
    2048: (5.756, 5.693, 5.675, 5.633, 5.71, 5.67),
    4096: (16.74, 16.77, 16.82, 16.65, 16.62, 16.71),
    8192: (69.74, 69.92, 69.45, 69.64, 69.41, 69.41),
    16384: (281.5, 284.2, 279.6, 282.6, 282, 281.3),
    32768: (1085, 1072, 1084, 1081, 1042, 1082),
    65536: (4426, 4485, 4355, 4404, 4416, 4359),
}
"""Timings of something quadratic, the first of them a third slower than the law, for the caches were cold."""


def around(means: np.ndarray, sd: float, trials: tuple[int, ...], seed: int = 0) -> list[np.ndarray]:
    """Samples with these geometric means and this spread of their logs, exactly."""
    rng = np.random.default_rng(seed)
    drawn = [rng.standard_normal(count) for count in trials]
    return [m * np.exp(sd * (z - z.mean()) / z.std(ddof=1)) for m, z in zip(means, drawn, strict=True)]


def uneven(seed: int, sd: float, cells: int, exponent: float = 1.0) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Samples of n^exponent whose cells carry offsets of their own, n = 25 to 400, 192 to 32 trials."""
    rng = np.random.default_rng(seed)
    n, trials = np.geomspace(25, 400, cells).round(), np.geomspace(192, 32, cells).round().astype(int)
    offsets = sd * rng.standard_normal(cells)
    return {"n": n}, [
        0.22 * size**exponent * np.exp(offset + 0.1 * rng.standard_normal(count))
        for size, offset, count in zip(n, offsets, trials, strict=True)
    ]


# --- effects between cells -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", ["Omega(n)", "Theta(n)", "O(n)"])
def test_offsets_of_ten_per_cent_are_no_other_exponent(claim: str) -> None:
    samples = around(MEANS, 0.1, TRIALS)
    found = judge({"n": FIVE}, samples, claim)
    assert found.verdict is not Verdict.FAIL, found.reason
    slope = np.polyfit(np.log(FIVE), np.log(MEANS), 1)[0]
    assert found.estimate == pytest.approx(slope, abs=0.05)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1 < found.high
    assert found.cell_effects is not None
    assert 0.02 < found.cell_effects < 0.16
    assert "apart beyond their noise" in found.reason


@pytest.mark.parametrize(("sd", "cells"), [(0.05, 5), (0.1, 5), (0.05, 7), (0.1, 7)])
def test_true_claims_hold_and_false_ones_fail_whatever_the_cells_offsets(sd: float, cells: int) -> None:
    runs = [uneven(seed, sd, cells) for seed in range(12)]
    wrong = {"Omega(n)": 0, "Omega(n**1.5)": 0, "O(sqrt(n))": 0}
    for claim in wrong:
        wrong[claim] = sum(judge(*run, claim).verdict is Verdict.FAIL for run in runs)
    assert wrong["Omega(n)"] <= 1, wrong
    assert min(wrong["Omega(n**1.5)"], wrong["O(sqrt(n))"]) >= 10, wrong


def test_a_fit_that_fits_has_no_effects() -> None:
    """Its numbers are those of the fit without."""
    sizes, samples = uneven(3, 0.0, 7)
    found = judge(sizes, samples, "Theta(n)")
    assert found.cell_effects == 0
    cells = cell_means([np.log(s / n) for s, n in zip(samples, sizes["n"], strict=True)])
    low, middle, high = fit_slope(sizes["n"], cells).mixture.quantiles([0.025, 0.5, 0.975])
    assert (found.low, found.estimate, found.high) == pytest.approx((1 + low, 1 + middle, 1 + high), abs=1e-9)


def test_the_effects_are_the_size_of_the_offsets() -> None:
    """With many cells there is little doubt about them: the posterior is near the s of the grid that made them."""
    n = np.geomspace(20, 2e5, 60)[:, None]
    rng = np.random.default_rng(0)
    for s in EFFECTS[1:]:
        cells = CellMeans(s * rng.standard_normal(60), np.full(60, 1e-8), 1000)
        fit = fitted(slope_grid, n, cells)
        assert fit.effects == pytest.approx(s, rel=0.35)
        assert fit.weights.sum() == pytest.approx(1)
        low, high = fit.mixture.quantiles([0.16, 0.84])
        assert (high - low) / 2 >= 0.8 * s / np.sqrt(((np.log(n) - np.log(n).mean()) ** 2).sum())


@pytest.mark.parametrize(("noise", "trials"), [(0.001, 30), (0.01, 30), (0.05, 20)])
def test_a_slow_approach_to_a_limit_is_no_divergence(noise: float, trials: int) -> None:
    """1.69 + 406 n^-.34: 5.8 times the limit at the smallest size, and the limit is 1.69 all the same."""
    n, rng = 10.0 ** np.arange(5, 11), np.random.default_rng(1)
    samples = [(1.69 + 406 * size**-0.34) * (1 + noise * rng.standard_normal(trials)) for size in n]
    assert judge({"n": n}, samples, "Limit(1.69)").verdict is not Verdict.FAIL
    for wrong in ("Limit(3)", "Limit(20)"):
        assert judge({"n": n}, samples, wrong).verdict is Verdict.FAIL, wrong


# --- a fit that is rejected ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", ["Theta(n**3)", "Omega(n**4)", "O(n**(-2))"])
def test_nothing_is_read_from_a_fit_that_is_rejected(claim: str) -> None:
    sizes = np.geomspace(25, 4000, 12).round()
    jumps = np.where(np.arange(12) % 2 == 0, 1.0, 6.0)
    samples = around(0.22 * sizes * jumps, 0.02, (40,) * 12)
    found = judge({"n": sizes}, samples, claim)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.misfit_p is not None
    assert found.misfit_p < 1e-4
    assert (found.doubt, found.needs) == (Doubt.MISFIT, Need.FIT)
    assert "the fit itself is rejected" in found.reason
    assert (found.more_trials, found.p_value) == (None, 1.0)


# --- the first cell --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimand", ["geomean", "mean", "median"])
@pytest.mark.parametrize("claim", ["Theta(n**2)", "Omega(n**2)"])
def test_a_slow_start_does_not_fail_the_law(claim: str, estimand: str) -> None:
    found = judge({"n": list(WARM_UP)}, list(WARM_UP.values()), claim, estimand=estimand)
    assert found.verdict is Verdict.INCONCLUSIVE, found.reason
    assert found.without_first is not None
    assert found.without_first.sizes == {"n": 2048}
    assert found.without_first.verdict is Verdict.PASS
    assert found.without_first.estimate == pytest.approx(2, abs=0.05)
    assert "without the first cell, n = 2048" in found.reason


@pytest.mark.parametrize(("factor", "noise"), [(1.5, 0.02), (3.0, 0.02), (3.0, 0.1), (0.4, 0.05), (10.0, 0.01)])
@pytest.mark.parametrize("cells", [6, 8])
def test_a_first_cell_that_is_off_never_fails_a_law_in_silence(factor: float, noise: float, cells: int) -> None:
    n = 2.0 ** np.arange(6, 6 + cells)
    means = n**2
    means[0] *= factor
    found = judge({"n": n}, around(means, noise, (12,) * cells), "Theta(n**2)")
    assert found.verdict is not Verdict.FAIL, found.reason
    if found.doubt is Doubt.FIRST_CELL:
        assert found.without_first is not None
        assert found.without_first.verdict is not Verdict.FAIL
        assert "hangs on the first cell" in found.reason
        assert found.p_value is not None
        assert found.p_value >= 0.01
    wrong = judge({"n": n}, around(means, noise, (12,) * cells), "Theta(n)")
    assert wrong.verdict is Verdict.FAIL, wrong.reason


def test_a_fail_that_is_only_less_sure_without_the_first_cell_stays() -> None:
    """Five good cells, a claim .1 off: four of them say the same, but not at 1%."""
    failed, weaker = 0, 0
    for seed in range(12):
        sizes, samples = uneven(seed, 0.0, 5)
        if judge(sizes, samples, "Theta(n**1.1)").verdict is Verdict.FAIL:
            failed += 1
            rest = judge({"n": sizes["n"][1:]}, samples[1:], "Theta(n**1.1)")
            weaker += rest.verdict is not Verdict.FAIL
    assert failed >= 5
    assert weaker >= 2


def test_three_cells_are_judged_as_they_are() -> None:
    samples = around(np.array([4.0, 40.0, 400.0]), 0.05, (30, 30, 30))
    found = judge({"n": [10, 100, 1000]}, samples, "Theta(n**3)")
    assert found.verdict is Verdict.FAIL
    assert found.without_first is None


def test_a_size_that_only_the_first_cell_tells_apart_is_not_judged_without_it() -> None:
    n = np.array([20, 40, 80, 160, 320, 640])
    k = np.array([300, 100, 100, 100, 100, 100])
    samples = around(n * k * 1.0, 0.05, (30,) * 6)
    found = judge({"n": n, "k": k}, samples, "Theta(n**2*k)")
    assert found.verdict is Verdict.FAIL


def test_doubts_are_facts_that_json_keeps() -> None:
    n = 2.0 ** np.arange(6, 12)
    means = n**2
    means[0] *= 3
    found = judge({"n": n}, around(means, 0.02, (12,) * 6), "Theta(n**2)")
    assert found.without_first is not None
    told = json.loads(json.dumps(judgement_dict(found)))
    assert told["without_first"]["verdict"] == found.without_first.verdict.value
    assert told["cell_effects"] == found.cell_effects
    for doubt in (*Doubt, None):
        kept = judgement_dict(replace(found, doubt=doubt)) | {"law": "mine", "activation": "relu"}
        read: Report = report_from_dict({"schema": 1, "judgements": [kept], "provenance": {}})
        back: Judgement = read.entries[0].judgement
        assert (back.doubt, back.without_first, back.cell_effects) == (doubt, found.without_first, found.cell_effects)
