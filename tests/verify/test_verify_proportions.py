"""Samples of 0 and 1: their mean is a proportion, which can always be estimated, also where all trials agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from bigtheta.verify.cells import means
from bigtheta.verify.judge import judge
from bigtheta.verify.verdict import Need, Verdict

TABLE = Path(__file__).with_name("tables") / "indicator.csv"
SIZES = [16, 32, 64, 128, 256, 512]


def trials(successes: list[int], of: int) -> list[np.ndarray]:
    return [np.repeat([1.0, 0.0], [x, of - x]) for x in successes]


@pytest.mark.parametrize(
    ("statement", "verdicts"),
    [
        ("Theta(1)", {Verdict.PASS, Verdict.INCONCLUSIVE}),
        ("Limit(1)", {Verdict.PASS, Verdict.INCONCLUSIVE}),
        ("Limit(1/2)", {Verdict.FAIL}),
        ("Theta(sqrt(n))", {Verdict.FAIL}),
        ("Theta(1/sqrt(n))", {Verdict.FAIL}),
        ("Theta(1 - 2/sqrt(n))", {Verdict.PASS}),
        ("Omega(1)", {Verdict.PASS}),
    ],
)
@pytest.mark.parametrize("estimand", [None, "mean"])
def test_a_probability_that_tends_to_one(statement: str, verdicts: set[Verdict], estimand: str | None) -> None:
    found = judge(TABLE, statement=statement, estimand=estimand)
    assert found.verdict in verdicts
    assert found.needs is not Need.TAIL
    assert found.read_as == (() if estimand else ("samples are 0 or 1: their mean is judged",))


def test_the_estimand_that_was_asked_for_is_named_where_it_does_not_exist() -> None:
    found = judge(TABLE, statement="Theta(1)", estimand="geomean")
    assert found.verdict is Verdict.ERROR
    assert "geometric mean (the default estimand of an order) has no order" in found.reason
    assert "estimand 'mean'" in found.reason


@pytest.mark.parametrize("chance", [0.02, 0.1, 0.5, 0.9, 0.97])
@pytest.mark.parametrize("is_limit", [False, True])
def test_the_errors_are_those_of_a_binomial(chance: float, is_limit: bool) -> None:
    """Bias and variance of the estimate, summed over every outcome of 400 trials."""
    m = 400
    weights = scipy.stats.binom(m, chance).pmf(np.arange(m + 1))
    found = means(trials(list(range(m + 1)), m), "mean", is_limit, units=np.ones(m + 1))
    mean = weights @ found.y
    variance = weights @ (found.y - mean) ** 2
    truth = chance if is_limit else np.log(chance)
    assert mean == pytest.approx(truth, abs=0.15 * np.sqrt(variance))
    assert weights @ found.v == pytest.approx(variance, rel=0.25)


@pytest.mark.parametrize("statement", ["Theta(1)", "Limit(1)"])
@pytest.mark.parametrize("successes", [[30, 36, 38, 40, 40, 40], [40, 40, 39, 40, 40, 40]])
def test_cells_in_which_all_trials_succeed(statement: str, successes: list[int]) -> None:
    found = judge({"n": SIZES}, trials(successes, 40), statement)
    assert found.verdict in (Verdict.PASS, Verdict.INCONCLUSIVE)
    for cell, x in zip(found.cells, successes, strict=True):
        assert cell.mean == x / 40
        assert cell.low < cell.high, "an interval of a proportion has a width"


def test_cells_in_which_no_trial_succeeds() -> None:
    rng = np.random.default_rng(1)
    counts = [int(rng.binomial(400, 4 / n)) for n in SIZES]
    counts[-1] = 0
    found = judge({"n": SIZES}, trials(counts, 400), "Theta(1/n)")
    assert found.verdict in (Verdict.PASS, Verdict.INCONCLUSIVE), found.reason
    assert judge({"n": SIZES}, trials(counts, 400), "Theta(1)").verdict is Verdict.FAIL


def test_rare_events_have_no_tail() -> None:
    rng = np.random.default_rng(2)
    rare = [rng.binomial(1, 2 / n, 60_000).astype(float) for n in SIZES]
    found = judge({"n": SIZES}, rare, "Theta(1/n)")
    assert found.verdict is Verdict.PASS, found.reason
    assert found.low < -1 < found.high
    assert judge({"n": SIZES}, [100 * r for r in rare], "Theta(1/n)").estimate == pytest.approx(found.estimate)


@pytest.mark.parametrize("mean", [0.05, 0.3, 2.0])
def test_counts_have_no_tail(mean: float) -> None:
    rng = np.random.default_rng(3)
    counts = [rng.poisson(mean * 16 / n, 3000).astype(float) for n in SIZES]
    assert judge({"n": SIZES}, counts, "Theta(1/n)", estimand="mean").needs is not Need.TAIL


def test_heavy_tails_of_whole_numbers_are_still_a_veto() -> None:
    rng = np.random.default_rng(4)
    heavy = [rng.zipf(2.4, 2000).astype(float) for _ in SIZES]
    assert judge({"n": SIZES}, heavy, "Theta(1)", estimand="mean").needs is Need.TAIL
