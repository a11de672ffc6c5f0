"""Error rates of `judge` on the development families of the calibration benchmark, and what the benchmark itself does.

The release families are run by `bigtheta calibrate` alone; nothing here looks at verdicts on them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bigtheta.theory.statement import Sense
from bigtheta.verify.calibration.benchmark import GROUPS, Result, benchmark, instance_of
from bigtheta.verify.calibration.families import CORRECTIONS, NOISES
from bigtheta.verify.calibration.instance import DEVELOPMENT, LIMITS, ONE_SIDED, ORDERS, RELEASE, SPLITS, STRESS
from bigtheta.verify.calibration.procedures import OURS, PROCEDURES, Answer, Procedure, Question
from bigtheta.verify.calibration.score import (
    METRICS,
    REQUIREMENTS,
    Outcome,
    Rate,
    Requirement,
    Standing,
    bounds,
    rates,
    required,
    standing,
)
from bigtheta.verify.calibration.theorems import THEOREMS
from bigtheta.verify.fit import cell_means, fit_slope
from bigtheta.verify.judge import judge
from bigtheta.verify.rule import Rule
from bigtheta.verify.verdict import Judgement, Verdict

OF_ORDERS, OF_SIDES, OF_LIMITS = ([p for p in PROCEDURES if p.kind == kind] for kind in (ORDERS, ONE_SIDED, LIMITS))
NEVER = ("theorem", STRESS)
NAIVE = [p.name for p in OF_ORDERS if p.name != OURS]


@cache
def development() -> Result:
    """The rates of every procedure that judges orders, on 111 instances of development families."""
    return benchmark((DEVELOPMENT,), instances=63, theorems=48, procedures=OF_ORDERS)


def pooled(procedure: str) -> dict[str, Rate]:
    return rates([o for group in GROUPS for o in development().of(group, procedure)])


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_verdicts_meet_the_acceptance_on_development_families(requirement: Requirement) -> None:
    rate = pooled(OURS)[requirement.metric]
    assert rate.total == 111
    assert rate.value >= requirement.level if requirement.at_least else rate.value <= requirement.level
    assert requirement.standing(rate) is not Standing.VIOLATED


@pytest.mark.parametrize("name", NAIVE)
def test_naive_procedures_do_not_meet_it(name: str) -> None:
    assert standing(pooled(name), [r for r in REQUIREMENTS if pooled(name)[r.metric].total]) is Standing.VIOLATED
    assert development().standing(name) is Standing.VIOLATED


def _narrow(factor: float) -> Procedure:
    """The fit and the rule of `judge`, but every quantile so much nearer to the median."""

    def answer(q: Question) -> Answer:
        logs = [np.log(s) - np.log(c) for s, c in zip(q.samples, q.claimed, strict=True)]
        mixture = fit_slope(q.sizes, cell_means(logs)).mixture
        rule = Rule(Sense.THETA, q.margin)
        middle = mixture.quantiles([0.5])[0]
        found = dict(zip(rule.levels, middle + factor * (mixture.quantiles(rule.levels) - middle), strict=True))
        return Answer(rule.decide(found), found[0.025], found[0.975])

    return Procedure(f"{factor} as wide", "", answer)


def test_intervals_half_as_wide_violate_the_acceptance() -> None:
    """A negative control: the benchmark sees a procedure that is too sure of itself."""
    broken, whole = _narrow(0.5), _narrow(1.0)
    result = benchmark((DEVELOPMENT,), instances=84, theorems=0, procedures=(broken, whole))
    assert standing(result.rates("synthetic orders", broken.name)) is Standing.VIOLATED
    assert standing(result.rates("synthetic orders", whole.name)) is not Standing.VIOLATED


def test_one_sided_claims_meet_their_acceptance_and_naive_ones_do_not() -> None:
    result = benchmark((DEVELOPMENT,), instances=63, theorems=0, procedures=OF_SIDES)
    found = {p.name: rates([o for g in GROUPS for o in result.of(g, p.name)]) for p in OF_SIDES}
    for requirement in required("synthetic one-sided"):
        value = found[OURS][requirement.metric].value
        assert value >= requirement.level if requirement.at_least else value <= requirement.level
    assert standing(found["ols-bound"], required("synthetic one-sided")) is Standing.VIOLATED
    assert result.standing(OURS) is not Standing.VIOLATED
    assert result.standing("ols-bound") is Standing.VIOLATED


def test_every_instance_is_asked_its_order_and_something_beside() -> None:
    for split in SPLITS:
        asked = [instance_of(("synthetic", split, index, 0)).asked for index in range(100)]
        assert set(asked) == {(ORDERS, ONE_SIDED), (ORDERS, LIMITS)}
        assert 0.1 < sum(LIMITS in kinds for kinds in asked) / 100 < 0.7
        if split != STRESS:
            assert instance_of(("theorem", split, 0, 0)).asked == (ORDERS, ONE_SIDED, LIMITS)


def test_nothing_is_required_of_the_stress_split() -> None:
    result = benchmark((STRESS,), instances=6, theorems=2, procedures=OF_ORDERS[1:2])
    assert {o.group for o in result.outcomes} == {"stress orders"}
    assert result.theorems == 0, "there are no theorem models in it"
    assert result.standing("ols-interval") is Standing.NONE
    assert not required("stress orders")


def test_limits_are_misjudged_less_often_than_by_the_largest_size() -> None:
    result = benchmark((DEVELOPMENT,), instances=126, theorems=0, procedures=OF_LIMITS)
    ours, naive = (result.rates("synthetic limits", name) for name in (OURS, "largest-close"))
    assert ours["false FAIL"].value <= 0.1 < naive["false FAIL"].value
    assert ours["false PASS at delta"].value <= 0.05 < naive["false PASS at delta"].value
    assert ours["FAIL of a claim off by 0.25"].value >= 0.6


@pytest.mark.parametrize(
    ("kind", "split"),
    [(kind, split) for kind in ("synthetic", "theorem") for split in SPLITS if (kind, split) != NEVER],
)
def test_the_same_seed_gives_the_same_instance(kind: str, split: str) -> None:
    for index in (0, 5):
        one, same, other = (instance_of((kind, split, index, seed)) for seed in (1, 1, 2))
        assert all((a == b).all() for a, b in zip(one.samples, same.samples, strict=True))
        assert one.law == same.law
        assert one.side == same.side
        assert one.family == other.family
        assert len(one.samples) != len(other.samples) or any(
            a.shape != b.shape or (a != b).any() for a, b in zip(one.samples, other.samples, strict=True)
        )


def test_the_order_of_work_does_not_matter() -> None:
    naive = OF_ORDERS[1:]
    many = benchmark((DEVELOPMENT,), instances=40, theorems=0, procedures=naive)
    few = benchmark((DEVELOPMENT,), instances=12, theorems=0, procedures=naive)
    assert _without_time(few.outcomes) == _without_time(many.outcomes)[: len(few.outcomes)]


def _without_time(outcomes: tuple[Outcome, ...]) -> list[Outcome]:
    return [replace(o, seconds=0.0) for o in outcomes]


def test_the_splits_share_no_family() -> None:
    for kinds, fewest in ((CORRECTIONS, 8), (NOISES, 5), (THEOREMS, 12)):
        names = {split: {k.name for k in kinds if k.split == split} for split in SPLITS}
        assert names[DEVELOPMENT]
        assert len(names[RELEASE]) >= fewest
        assert len(kinds) == sum(map(len, names.values())) == len(set().union(*names.values()))


@pytest.mark.parametrize("correction", [c for c in CORRECTIONS if c.split == RELEASE], ids=lambda c: c.name)
def test_release_corrections_decay_from_a_size_as_in_development(correction) -> None:
    """Up to a factor of 2 from the law at n_min (the crossover 2.3), more than 2% in most draws; then less at every
    step, on one side."""
    rng, n = np.random.default_rng(8), np.geomspace(50, 1000, 20)
    distances = np.log([correction.factor(rng, n) for _ in range(200)])
    assert abs(distances).max() <= (math.log(2.3) if "crossover" in correction.name else math.log(2.03))
    assert (abs(distances[:, 0]) > 0.02).mean() > 0.7
    assert (np.diff(abs(distances), axis=1) <= 1e-12).all()
    assert (distances * distances[:, :1] >= -1e-12).all()


@pytest.mark.parametrize("correction", [c for c in CORRECTIONS if c.split == STRESS], ids=lambda c: c.name)
def test_stress_corrections_rise_somewhere(correction) -> None:
    """In most draws; log(1 + u)/u^w in a fifth of them, in the others it falls slowly at first."""
    rng, n = np.random.default_rng(8), np.geomspace(50, 1000, 20)
    distances = abs(np.array([correction.factor(rng, n) for _ in range(200)]) - 1)
    assert (np.diff(distances, axis=1) > 0).any(1).mean() > (0.1 if correction.name == "log(1 + u)/u^w" else 0.8)


def test_the_page_gives_the_rates_of_every_release_and_stress_family() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "calibration.md").read_text(encoding="utf-8")
    for kind in (*CORRECTIONS, *NOISES, *THEOREMS):
        if kind.split != DEVELOPMENT:
            assert f"{kind.name} |" in page


@pytest.mark.parametrize("correction", CORRECTIONS, ids=lambda c: c.name)
def test_corrections_are_positive_and_vanish(correction) -> None:
    """The local exponent of the factor is small far out, so that the exponent of the whole is the one declared."""
    rng = np.random.default_rng(4)
    n = np.geomspace(50, 1e30, 400)
    for _ in range(50):
        factor = correction.factor(rng, n)
        assert (factor > 0).all()
        if correction.converges:
            assert abs(np.log(factor[-1])) < 0.13  # sqrt(log(50)/log(1e30))/2 is 0.119
            assert abs(np.log(factor[-1] / factor[-2])) < 5e-3
        else:
            assert abs(np.log(factor)).max() <= 0.052


@pytest.mark.parametrize("noise", NOISES, ids=lambda z: z.name)
def test_noise_has_the_mean_that_it_states(noise) -> None:
    mean, n = np.array([3.0, 3.0, 6.0]), np.array([50.0, 100.0, 200.0])
    rng = np.random.default_rng(9)
    for _ in range(5):
        samples, factor = noise.draw(rng, 20000, mean, n)
        assert all((s > 0).all() and s.shape == (20000,) for s in samples)
        if factor is None:
            centre = [np.median(s) / m for s, m in zip(samples, mean, strict=True)]
            assert np.allclose(centre, 1, atol=0.05)
        else:
            for s, m in zip(samples, mean, strict=True):
                error = s.std() / np.sqrt(len(s))
                assert abs(s.mean() - factor * m) < 5 * error + 0.01 * factor * m


@pytest.mark.parametrize(("hits", "total"), [(0, 50), (3, 50), (50, 50), (1, 1), (600, 1200)])
def test_bounds_are_clopper_and_pearsons(hits: int, total: int) -> None:
    exact = stats.binomtest(hits, total).proportion_ci(0.90, method="exact")  # two-sided 90%: one-sided 95% each
    assert bounds(hits, total) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_rates_count_what_they_say() -> None:
    def outcome(true: Verdict, off: Verdict, covered: bool | None) -> Outcome:
        return Outcome("synthetic orders", "f", "z", OURS, true, off, off, off, off, covered, 0.001)

    some = [
        outcome(Verdict.PASS, Verdict.FAIL, True),
        outcome(Verdict.FAIL, Verdict.PASS, False),
        outcome(Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE, None),
        outcome(Verdict.ERROR, Verdict.ERROR, None),
    ]
    counted = {name: (rate.hits, rate.total) for name, rate in rates(some).items()}
    assert counted == {
        "coverage of the 95% interval": (1, 2), "false PASS at delta": (1, 4), "false PASS at 1.5 delta": (1, 4),
        "false PASS at 2.5 delta": (1, 4), "false FAIL": (1, 4), "INCONCLUSIVE on a true claim": (2, 4),
        "PASS of a true claim": (1, 4), "FAIL of a claim off by 0.25": (1, 4),
    }  # fmt: skip
    assert set(counted) == set(METRICS)


def test_standing_needs_the_bound_not_the_rate() -> None:
    at_most, at_least = Requirement("false FAIL", 0.03, False), Requirement("coverage", 0.93, True)
    assert at_most.standing(Rate(0, 20)) is Standing.OPEN
    assert at_most.standing(Rate(0, 200)) is Standing.HOLDS
    assert at_most.standing(Rate(20, 200)) is Standing.VIOLATED
    assert at_least.standing(Rate(20, 20)) is Standing.OPEN
    assert at_least.standing(Rate(580, 600)) is Standing.HOLDS
    assert at_least.standing(Rate(500, 600)) is Standing.VIOLATED


def test_claims_are_off_by_what_is_said() -> None:
    n = np.array([10.0, 100.0])
    order = Question(n, (n, n), "n", n, None, 0.1, 0.1)
    assert order.statement == "Theta(n*n**(0.1))"
    assert order.claimed == pytest.approx(n**1.1)
    assert Question(n, (n, n), "n", n, None, 0.1, 0.1, 1).statement == "Omega(n*n**(0.1))"
    assert Question(n, (n, n), "n", n, None, 0.0, 0.1, -1).statement == "O(n)"
    limit = Question(n, (n, n), "n", n, 3.0, 0.05, 0.05)
    assert limit.statement == f"Limit({3 / 1.05:.12g}*n)"
    assert 3 * n / limit.claimed - 1 == pytest.approx([0.05, 0.05])


# One-sided claims, limits and arithmetic means: 60 instances with corrections of powers that the fit does not know.

INSTANCES = 60
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


def share(judgements: list[Judgement], verdict: Verdict) -> float:
    return sum(j.verdict is verdict for j in judgements) / len(judgements)


@cache
def judged(sense: str, off: float) -> list[Judgement]:
    """Every instance against a claim that is off by `off`, up or down at random for Theta."""
    return [i.judge(sense, i.side * off if sense == "Theta" else off) for i in instances()]


def coverage(judgements: list[Judgement], truths: list[float]) -> float:
    return sum(j.low <= truth <= j.high for j, truth in zip(judgements, truths, strict=True)) / len(judgements)


@pytest.mark.parametrize("sense", ["Omega", "O"])
def test_a_true_one_sided_law_often_passes_and_is_not_failed(sense: str) -> None:
    assert share(judged(sense, 0.0), Verdict.PASS) >= 0.35
    assert share(judged(sense, 0.0), Verdict.FAIL) <= 0.04


@pytest.mark.parametrize(("sense", "sign"), [("Omega", 1), ("O", -1)])
def test_a_false_one_sided_law_does_not_pass(sense: str, sign: int) -> None:
    assert share(judged(sense, sign * 0.25), Verdict.FAIL) >= 0.70
    assert share(judged(sense, sign * 0.25), Verdict.PASS) <= 0.01
    assert share(judged(sense, sign * 0.15), Verdict.PASS) <= 0.04


@pytest.mark.parametrize(("sense", "off"), [("Omega", -0.3), ("O", 0.3)])
def test_a_one_sided_claim_with_room_to_spare_passes(sense: str, off: float) -> None:
    found = [instance.judge(sense, off) for instance in instances()[:50]]
    assert share(found, Verdict.PASS) >= 0.95
    assert share(found, Verdict.FAIL) == 0


def test_limits() -> None:
    level = 2.0
    some = instances(level)[:50]
    found = {
        off: [judge({"n": SIZES}, i.samples, f"Limit({level * (1 + i.side * off):.6f})") for i in some]
        for off in (0.0, 0.1, 0.3)
    }
    assert coverage(found[0.0], [level] * len(some)) >= 0.90
    assert share(found[0.0], Verdict.FAIL) <= 0.04
    assert share(found[0.0], Verdict.PASS) >= 0.2
    assert share(found[0.1], Verdict.PASS) <= 0.04
    assert share(found[0.3], Verdict.FAIL) >= 0.7


def test_the_arithmetic_mean_is_as_well_judged() -> None:
    some = instances()[:50]
    true = [i.judge("Theta", 0.0, estimand="mean") for i in some]
    false = [i.judge("Theta", 0.25 * i.side, estimand="mean") for i in some]
    assert all(j.estimate is not None for j in true), "no tail is heavy here"
    assert coverage(true, [i.exponent for i in some]) >= 0.90
    assert share(true, Verdict.FAIL) <= 0.04
    assert share(false, Verdict.FAIL) >= 0.70
