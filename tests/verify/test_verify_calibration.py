"""Error rates on synthetic laws whose finite-size corrections are of powers that the fit does not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from bigtheta.verify.judge import judge
from bigtheta.verify.verdict import Judgement, Verdict

INSTANCES = 150
SIZES = np.array([50, 100, 199, 397, 792, 1581])  # 1.5 decades


@dataclass(frozen=True)
class Instance:
    """Samples of n^a (1 + c (n/50)^-omega) with lognormal noise."""

    exponent: float
    side: int
    samples: tuple[np.ndarray, ...]

    def judge(self, sense: str, off: float, estimand: str = "geomean") -> Judgement:
        return judge({"n": SIZES}, self.samples, f"{sense}(n**({self.exponent + off:.4f}))", estimand=estimand)


@cache
def instances(level: float = 0.0) -> tuple[Instance, ...]:
    """For exponents, level = 0; for limits, samples around the level, and exponent 0."""
    return tuple(_draw(level))


def _draw(level: float) -> Iterator[Instance]:
    for seed in range(INSTANCES):
        rng = np.random.default_rng([2024, seed])
        exponent = 0.0 if level else float(rng.choice([-0.5, 0.0, 0.25, 0.5, 1.0]))
        omega, c = rng.choice([0.4, 0.8, 1.5]), rng.uniform(-0.3, 0.3)
        sd, trials = rng.uniform(0.03, 0.2), int(rng.choice([12, 40, 160]))
        mean = (level or 1.0) * SIZES**exponent * (1 + c * (SIZES / SIZES[0]) ** -omega)
        shift = sd**2 / 2 if level else 0.0
        samples = tuple(m * np.exp(sd * rng.standard_normal(trials) - shift) for m in mean)
        yield Instance(exponent, int(rng.choice([-1, 1])), samples)


def rate(judgements: list[Judgement], verdict: Verdict) -> float:
    return sum(j.verdict is verdict for j in judgements) / len(judgements)


@cache
def judged(sense: str, off: float) -> list[Judgement]:
    """Every instance against a claim that is off by `off`, up or down at random for Theta."""
    return [i.judge(sense, i.side * off if sense == "Theta" else off) for i in instances()]


def coverage(judgements: list[Judgement], truths: list[float]) -> float:
    return sum(j.low <= truth <= j.high for j, truth in zip(judgements, truths, strict=True)) / len(judgements)


def test_the_95_percent_interval_covers_the_exponent() -> None:
    truths = [i.exponent for i in instances()]
    found = coverage(judged("Theta", 0.0), truths)
    assert found >= 0.90
    half = np.mean([(j.high - j.low) / 2 for j in judged("Theta", 0.0)])
    assert half < 0.1, "an interval of everything would cover too"


def test_the_naive_interval_does_not_cover_it() -> None:
    """The instances are hard enough to reject least squares through log-log means with its own interval."""
    hits = 0
    for instance in instances():
        y = [np.log(s).mean() for s in instance.samples]
        coefficients, cov = np.polyfit(np.log(SIZES), y, 1, cov=True)
        hits += abs(coefficients[0] - instance.exponent) <= 2.776 * np.sqrt(cov[0, 0])  # t, 4 degrees
    assert hits / INSTANCES < 0.75


def test_a_true_law_is_not_failed() -> None:
    assert rate(judged("Theta", 0.0), Verdict.FAIL) <= 0.04
    assert rate(judged("Omega", 0.0), Verdict.FAIL) <= 0.04
    assert rate(judged("O", 0.0), Verdict.FAIL) <= 0.04


@pytest.mark.parametrize("sense", ["Theta", "Omega", "O"])
def test_a_true_law_often_passes(sense: str) -> None:
    assert rate(judged(sense, 0.0), Verdict.PASS) >= 0.35


@pytest.mark.parametrize(("sense", "off"), [("Theta", 0.25), ("Omega", 0.25), ("O", -0.25)])
def test_an_exponent_off_by_a_quarter_fails(sense: str, off: float) -> None:
    found = judged(sense, off)
    assert rate(found, Verdict.FAIL) >= 0.70
    assert rate(found, Verdict.PASS) <= 0.01


@pytest.mark.parametrize(("sense", "off"), [("Theta", 0.15), ("Omega", 0.15), ("O", -0.15)])
def test_an_exponent_off_by_more_than_the_margin_does_not_pass(sense: str, off: float) -> None:
    assert rate(judged(sense, off), Verdict.PASS) <= 0.04


@pytest.mark.parametrize(("sense", "off"), [("Omega", -0.3), ("O", 0.3)])
def test_a_one_sided_claim_with_room_to_spare_passes(sense: str, off: float) -> None:
    found = [instance.judge(sense, off) for instance in instances()[:50]]
    assert rate(found, Verdict.PASS) >= 0.95
    assert rate(found, Verdict.FAIL) == 0


def test_limits() -> None:
    level = 2.0
    some = instances(level)[:100]
    found = {
        off: [judge({"n": SIZES}, i.samples, f"Limit({level * (1 + i.side * off):.6f})") for i in some]
        for off in (0.0, 0.1, 0.3)
    }
    assert coverage(found[0.0], [level] * len(some)) >= 0.90
    assert rate(found[0.0], Verdict.FAIL) <= 0.04
    assert rate(found[0.0], Verdict.PASS) >= 0.2
    assert rate(found[0.1], Verdict.PASS) <= 0.04
    assert rate(found[0.3], Verdict.FAIL) >= 0.7


def test_the_arithmetic_mean_is_as_well_judged() -> None:
    some = instances()[:100]
    true = [i.judge("Theta", 0.0, estimand="mean") for i in some]
    false = [i.judge("Theta", 0.25 * i.side, estimand="mean") for i in some]
    assert all(j.estimate is not None for j in true), "no tail is heavy here"
    assert coverage(true, [i.exponent for i in some]) >= 0.90
    assert rate(true, Verdict.FAIL) <= 0.04
    assert rate(false, Verdict.FAIL) >= 0.70
