"""The judgement of samples: senses, exponents, invariances, and what it says of data that cannot be judged."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import scipy.stats

import bigtheta
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.scale import Path
from bigtheta.theory.statement import BigO, Limit, Omega, Theta, mu
from bigtheta.verify.fit import Fit, cell_means, fit_level, fit_slope
from bigtheta.verify.judge import judge
from bigtheta.verify.verdict import Judgement, Need, Verdict

Draw = Callable[..., list[np.ndarray]]

SIZES = [50, 100, 200, 400, 800, 1600]


def root(n: float) -> float:
    return math.sqrt(n)


# --- what a statement means ------------------------------------------------------------------------------------------

SENSES = [
    # samples grow as, statement, verdict
    (root, "Theta(sqrt(n))", "PASS"),
    (root, "Theta(n**(1/4))", "FAIL"),
    (root, "Theta(n**(3/4))", "FAIL"),
    (root, "Theta(17*sqrt(n))", "PASS"),
    (root, "Omega(sqrt(n))", "PASS"),
    (root, "Omega(n**(1/4))", "PASS"),
    (root, "Omega(1)", "PASS"),
    (root, "Omega(n**(3/4))", "FAIL"),
    (root, "O(sqrt(n))", "PASS"),
    (root, "O(n**(3/4))", "PASS"),
    (root, "BigO(n)", "PASS"),
    (root, "O(n**(1/4))", "FAIL"),
    (root, "O(1)", "FAIL"),
    (lambda n: 1 / n, "Theta(1/n)", "PASS"),
    (lambda n: 1 / n, "Omega(1)", "FAIL"),
    (lambda n: 1 / n, "O(1)", "PASS"),
    (lambda n: root(n) * math.log(n), "Theta(sqrt(n)*log(n))", "PASS"),
    (lambda n: root(n) * math.log(n), "Theta(sqrt(n))", "FAIL"),
    (lambda n: root(n) * math.log(n), "Theta(n)", "FAIL"),
    (lambda n: root(n) * math.log(n), "Omega(sqrt(n))", "PASS"),
    (lambda n: root(n) * math.log(n), "O(sqrt(n))", "FAIL"),
    (lambda n: n / math.log(n) ** 2, "Theta(n/log(n)**2)", "PASS"),
    (lambda n: n / math.log(n) ** 2, "Theta(n)", "FAIL"),
    (lambda n: math.log(n), "Theta(log(n))", "PASS"),
    (lambda n: math.log(n), "Theta(1)", "FAIL"),
    (lambda n: 2.0, "Limit(2)", "PASS"),
    (lambda n: 2.0 + 3 / n, "Limit(2)", "PASS"),
    (lambda n: 2.0, "Limit(2.4)", "FAIL"),
    (lambda n: 2.0, "Limit(1.6)", "FAIL"),
    (lambda n: 2.0, "Limit(sqrt(n))", "FAIL"),
    (lambda n: 3 * root(n), "Limit(3*sqrt(n))", "PASS"),
    (lambda n: 3 * root(n), "Limit(2*sqrt(n))", "FAIL"),
]


@pytest.mark.parametrize(("mean", "statement", "verdict"), SENSES, ids=[row[1] for row in SENSES])
def test_senses(draw: Draw, mean: Any, statement: str, verdict: str) -> None:
    found = judge({"n": SIZES}, draw(mean, SIZES, sd=0.02, trials=60), statement)
    assert found.verdict.value == verdict, str(found)


@pytest.mark.parametrize(
    ("text", "value"),
    [("Theta(sqrt(n))", Theta("sqrt(n)")), ("Omega(n)", Omega("n")), ("O(n)", BigO("n")), ("Limit(3)", Limit("3"))],
)
def test_text_is_as_good_as_a_statement(draw: Draw, text: str, value: Any) -> None:
    samples = draw(root, SIZES)
    assert judge({"n": SIZES}, samples, text) == judge({"n": SIZES}, samples, value)


def test_from_the_facade_with_strings(draw: Draw) -> None:
    samples = draw(lambda n: 3 * root(n), SIZES)
    found = bigtheta.judge({"n": SIZES}, samples, "Theta(sqrt(n))", margin=0.1)
    assert isinstance(found, bigtheta.Judgement)
    assert found.verdict is bigtheta.Verdict.PASS
    assert found.low < 0.5 < found.high
    assert found.low < found.estimate < found.high
    assert bigtheta.judge({"n": SIZES}, samples, "Theta(n)", 0.1).verdict is bigtheta.Verdict.FAIL


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 0.25, 0.5, 1.0, 2.5])
def test_the_estimate_is_the_exponent_whatever_is_claimed(draw: Draw, exponent: float) -> None:
    samples = draw(lambda n: 3 * n**exponent, SIZES)
    found = [judge({"n": SIZES}, samples, s) for s in ("Theta(1)", "Theta(n)", "Omega(n**2)", "O(1/sqrt(n))")]
    assert [j.claimed for j in found] == [0.0, 1.0, 2.0, -0.5]
    for j in found:
        assert j.low < exponent < j.high
        assert j.high - j.low < 0.15
        np.testing.assert_allclose(
            [j.estimate, j.low, j.high], [found[0].estimate, found[0].low, found[0].high], atol=1e-8
        )


def test_the_exponent_excludes_the_logs_of_the_claim(draw: Draw) -> None:
    found = judge({"n": SIZES}, draw(lambda n: root(n) * math.log(n), SIZES), "Theta(sqrt(n)*log(n))")
    assert found.claimed == 0.5
    assert found.low < 0.5 < found.high
    ols = np.polyfit(np.log(SIZES), [math.log(root(n) * math.log(n)) for n in SIZES], 1)[0]
    assert found.high < ols, "the plain slope, logs included, is another number"


def test_a_limit_is_given_as_a_value_or_as_a_ratio(draw: Draw) -> None:
    constant = judge({"n": SIZES}, draw(lambda n: 2.0, SIZES), "Limit(2)")
    ratio = judge({"n": SIZES}, draw(lambda n: 2 * n, SIZES), "Limit(2*n)")
    assert constant.claimed is None
    assert constant.estimate == pytest.approx(2.0, rel=0.02)
    assert ratio.estimate == pytest.approx(1.0, rel=0.02)
    assert (constant.low, constant.high) == pytest.approx((2 * ratio.low, 2 * ratio.high))


def test_cells_are_the_means_of_the_samples(draw: Draw) -> None:
    samples = draw(lambda n: 3 * root(n), SIZES, sd=0.2, trials=30)
    found = judge({"n": SIZES, "d": [2 * n for n in SIZES]}, samples, "Theta(sqrt(n))")
    assert [cell.sizes for cell in found.cells] == [{"n": n, "d": 2 * n} for n in SIZES]
    gmeans = scipy.stats.gmean(np.array(samples), axis=1)
    np.testing.assert_allclose([cell.geomean for cell in found.cells], gmeans, rtol=1e-12)
    np.testing.assert_allclose([cell.mean for cell in found.cells], np.mean(samples, axis=1), rtol=1e-12)
    assert [cell.trials for cell in found.cells] == [30] * 6
    assert found.constant == pytest.approx(3.0, rel=0.1)
    for cell, n in zip(found.cells, SIZES, strict=True):
        assert cell.low < cell.geomean < cell.high
        assert cell.fit_low < cell.fit_high
        assert cell.predicted == pytest.approx(found.constant * math.sqrt(n))
    width = np.log([cell.high / cell.low for cell in found.cells])
    np.testing.assert_allclose(width, 2 * 1.96 * 0.2 / math.sqrt(30), rtol=0.3)
    np.testing.assert_allclose(found.local_slopes, np.diff(np.log(gmeans)) / np.diff(np.log(SIZES)), rtol=1e-9)
    ratios = gmeans / np.sqrt(SIZES)
    assert found.ratio_range == pytest.approx((ratios.min(), ratios.max()))


def test_the_estimand_is_the_mean_where_it_is_asked_for() -> None:
    """Noise that grows with n tilts the arithmetic mean, by exp(sd^2/2) = (n/40)^.05, and not the geometric one."""
    rng = np.random.default_rng(4)
    sds = np.sqrt(0.1 * np.log(np.array(SIZES) / 40))
    samples = [math.sqrt(n) * np.exp(sd * rng.standard_normal(4000)) for n, sd in zip(SIZES, sds, strict=True)]
    geomean = judge({"n": SIZES}, samples, "Theta(sqrt(n))")
    mean = judge({"n": SIZES}, samples, "Theta(sqrt(n))", estimand="mean")
    assert geomean.estimate == pytest.approx(0.5, abs=0.02)
    assert mean.estimate == pytest.approx(0.55, abs=0.02)


def test_the_jackknife_of_the_mean(draw: Draw) -> None:
    """With equal noise the interval of a log mean is that of the mean by the delta method."""
    samples = draw(root, SIZES, sd=0.3, trials=200)
    found = judge({"n": SIZES}, samples, "Theta(sqrt(n))", estimand="mean")
    for cell, s in zip(found.cells, samples, strict=True):
        expected = 2 * 1.96 * s.std(ddof=1) / s.mean() / math.sqrt(len(s))
        assert math.log(cell.high / cell.low) == pytest.approx(expected, rel=0.15)
        assert math.sqrt(cell.high * cell.low) == pytest.approx(s.mean(), rel=1e-9)


@pytest.mark.parametrize("power", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("start", [1.0, 10.0, 50.0])
def test_a_ratio_that_diverges_has_no_limit(draw: Draw, start: float, power: float) -> None:
    samples = draw(lambda n: start * (n / 50) ** power, SIZES)
    assert judge({"n": SIZES}, samples, "Limit(1)").verdict is Verdict.FAIL


def test_a_ratio_that_diverges_fast_has_no_limit(draw: Draw) -> None:
    samples = draw(lambda n: n, SIZES)
    found = judge({"n": SIZES}, samples, "Limit(1)")
    assert min(map(np.min, samples)) > 40
    assert found.verdict is Verdict.FAIL


# --- along a path ----------------------------------------------------------------------------------------------------


N_D = {"n": SIZES, "d": [2 * n for n in SIZES]}
N_D_K = N_D | {"k": [n * n // 8 for n in SIZES]}
NK = {"n": [n * n // 8 for n in SIZES], "k": SIZES}
WIDTHS = {"n": [400] * 6, "d": [2000] * 6, "k": [4, 8, 16, 32, 64, 128]}


@pytest.mark.parametrize(
    ("sizes", "path", "along", "statement", "formula", "claimed"),
    [
        (N_D, None, "n", "Theta(sqrt(d))", lambda n, d: np.sqrt(d), 0.5),
        ({"n": SIZES, "d": [n * n for n in SIZES]}, None, "n", "Theta(sqrt(d))", lambda n, d: np.sqrt(d), 1.0),
        (N_D_K, None, "n", "Theta(sqrt(k/d))", lambda n, d, k: np.sqrt(k / d), 0.5),
        (N_D_K, {"d": "2*n", "k": "n**2/8"}, "n", "Theta(sqrt(k/d))", lambda n, d, k: np.sqrt(k / d), 0.5),
        (N_D_K, {"d": "2*n", "k": "n**2/8"}, "n", "O(k*log(d)/n)", lambda n, d, k: k * np.log(d) / n, 1.0),
        (NK, {"n": "k**2/8", "d": "k"}, "k", "Omega(sqrt(n))", lambda n, k: np.sqrt(n), 1.0),
        (NK, None, "k", "Theta(n*log(n)/k)", lambda n, k: n * np.log(n) / k, None),
        (WIDTHS, None, "k", "Theta(sqrt(n/k))", lambda n, d, k: np.sqrt(n / k), -0.5),
        (WIDTHS, {"n": 400, "d": 2000}, "k", "O(n/k)", lambda n, d, k: n / k, -1.0),
        ({"n": SIZES, "p": [3 * n for n in SIZES]}, None, "n", "Theta(sqrt(n/p))", lambda n, p: np.sqrt(n / p), 0.0),
    ],
)
def test_statements_in_several_sizes(
    sizes: Any, path: Any, along: str, statement: str, formula: Any, claimed: float | None
) -> None:
    rng = np.random.default_rng(8)
    values = formula(**{name: np.array(column, dtype=float) for name, column in sizes.items()})
    samples = [3 * value * np.exp(0.02 * rng.standard_normal(40)) for value in values]
    found = judge(sizes, samples, statement, along=along, path=Path(path) if path else None)
    assert found.verdict is Verdict.PASS, str(found)
    assert found.variable == along
    if claimed is None:  # without the exact path, and with a log: the slope of the formula over these sizes
        claimed = float(np.polyfit(np.log(sizes[along]), np.log(values), 1)[0])
        assert claimed > 1.1
    assert found.claimed == pytest.approx(claimed, abs=0.01 if path is None else 0)
    assert found.low < found.claimed < found.high


def test_the_first_size_that_varies_is_judged() -> None:
    rng = np.random.default_rng(8)
    samples = [3 / k * np.exp(0.02 * rng.standard_normal(40)) for k in WIDTHS["k"]]
    found = judge(WIDTHS, samples, "Theta(1/k)")
    assert (found.variable, found.verdict) == ("k", Verdict.PASS)


def test_the_exponent_is_that_of_the_size_asked_for() -> None:
    rng = np.random.default_rng(2)
    sizes = {"n": [n * n for n in SIZES], "d": SIZES}
    samples = [n * np.exp(0.02 * rng.standard_normal(40)) for n in SIZES]
    in_d = judge(sizes, samples, "Theta(d)", along="d")
    in_n = judge(sizes, samples, "Theta(sqrt(n))", along="n")
    assert (in_d.variable, in_n.variable) == ("d", "n")
    assert in_d.estimate == pytest.approx(1.0, abs=0.02)
    assert in_n.estimate == pytest.approx(0.5, abs=0.01)


def test_constants_of_the_statement(draw: Draw) -> None:
    samples = draw(lambda n: 1.5, SIZES, sd=0.02)
    assert judge({"n": SIZES}, samples, "Limit(3*mu(1))", constants={mu(1): 0.5}).verdict is Verdict.PASS
    assert judge({"n": SIZES}, samples, "Limit(3*mu(1))", constants={mu(1): 0.7}).verdict is Verdict.FAIL


# --- invariances -----------------------------------------------------------------------------------------------------


def assert_same(one: Judgement, other: Judgement) -> None:
    assert one.verdict is other.verdict
    assert one.reason == other.reason
    numbers = ("estimate", "low", "high", "rejects_below", "rejects_above", "misfit_p", "tau_break")
    for name in numbers:
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        if a is not None:
            assert a == pytest.approx(b, abs=1e-6), name


@pytest.mark.parametrize("factor", [1e-9, 0.3, 7.0, 1e12])
@pytest.mark.parametrize("statement", ["Theta(sqrt(n))", "Theta(n)", "Omega(1)", "O(n**0.55)"])
def test_multiplying_the_samples_changes_no_exponent(draw: Draw, factor: float, statement: str) -> None:
    samples = draw(lambda n: root(n) * (1 + 3 / n), SIZES, sd=0.1)
    before = judge({"n": SIZES}, samples, statement)
    after = judge({"n": SIZES}, [factor * s for s in samples], statement)
    assert_same(before, after)
    assert after.constant == pytest.approx(factor * before.constant, rel=1e-6)


@pytest.mark.parametrize("statement", ["Theta(sqrt(n))", "Theta(n)", "O(1)", "Limit(sqrt(n))"])
def test_neither_order_of_cells_nor_of_trials_matters(draw: Draw, statement: str) -> None:
    samples = draw(root, SIZES, sd=0.1)
    rng = np.random.default_rng(1)
    order = [3, 0, 5, 1, 4, 2]
    shuffled = [rng.permutation(samples[i]) for i in order]
    before = judge({"n": SIZES}, samples, statement)
    after = judge({"n": [SIZES[i] for i in order]}, shuffled, statement)
    assert_same(before, after)
    assert [cell.sizes["n"] for cell in after.cells] == SIZES
    np.testing.assert_allclose([c.geomean for c in after.cells], [c.geomean for c in before.cells])


@pytest.mark.parametrize("container", [list, tuple, np.array])
def test_containers_do_not_matter(draw: Draw, container: Any) -> None:
    samples = draw(root, SIZES)
    assert_same(
        judge({"n": container(SIZES)}, container([container(s) for s in samples]), "Theta(sqrt(n))"),
        judge({"n": SIZES}, samples, "Theta(sqrt(n))"),
    )


def test_the_samples_are_left_as_they_were(draw: Draw) -> None:
    samples = draw(root, SIZES)
    copies, sizes = [s.copy() for s in samples], list(reversed(SIZES))
    judge({"n": sizes}, samples[::-1], "Theta(n)")
    assert sizes == SIZES[::-1]
    assert all((a == b).all() for a, b in zip(samples, copies, strict=True))


# --- the margin, and what the data would have rejected ---------------------------------------------------------------


@pytest.mark.parametrize(("margin", "verdict"), [(0.001, "INCONCLUSIVE"), (0.1, "PASS"), (0.5, "PASS")])
def test_the_margin_decides_a_true_claim(draw: Draw, margin: float, verdict: str) -> None:
    found = judge({"n": SIZES}, draw(root, SIZES), "Theta(sqrt(n))", margin)
    assert found.verdict.value == verdict
    assert found.margin == margin


def quantile(fit: Fit, level: float) -> float:
    """A quantile of the fitted mixture, through scipy."""
    m = fit.mixture
    return scipy.optimize.brentq(lambda x: m.weights @ scipy.stats.norm.cdf(x, m.means, m.sds) - level, -99, 99)


MARGINS = (0.03, 0.1, 0.3)


@pytest.mark.parametrize("sense", ["Theta", "Omega", "O"])
def test_the_rule_for_exponents(draw: Draw, sense: str) -> None:
    """PASS: the 90% interval is within the margin; else FAIL: the 99% interval excludes the claim; else neither."""
    samples = draw(root, SIZES, sd=0.2, trials=30)
    fit = fit_slope(np.array(SIZES, dtype=float), cell_means([np.log(s) for s in samples]))
    q = {level: quantile(fit, level) for level in (0.005, 0.01, 0.05, 0.95, 0.99, 0.995)}
    seen = set()
    claims = [*np.linspace(-0.1, 1.1, 25), *(value + step for value in q.values() for step in (-1e-4, 1e-4))]
    for claim, margin in itertools.product(claims, MARGINS):
        above, below = q[0.05] > claim - margin, q[0.95] < claim + margin
        passes, fails = {
            "Theta": (above and below, q[0.005] > claim or q[0.995] < claim),
            "Omega": (above, q[0.99] < claim),
            "O": (below, q[0.01] > claim),
        }[sense]
        expected = "PASS" if passes else "FAIL" if fails else "INCONCLUSIVE"
        found = judge({"n": SIZES}, samples, f"{sense}(n**({claim:.12f}))", margin)
        assert found.verdict.value == expected, (claim, margin)
        low, high, percent = re.search(r"is in \[(\S+), (\S+)\] \((\d+)%\)", found.reason).groups()
        tail = (100 - int(percent)) / 200
        assert (float(low), float(high)) == pytest.approx((q[tail], q[1 - tail]), abs=6e-4), found.reason
        seen.add(expected)
    assert seen == {"PASS", "FAIL", "INCONCLUSIVE"}, "every branch of the rule was taken"


def test_the_rule_for_limits(draw: Draw) -> None:
    samples = draw(lambda n: 2.0, SIZES, sd=0.2, trials=30)
    seen = set()
    for claim in np.linspace(1.2, 3.2, 31):
        fit = fit_level(np.array(SIZES, dtype=float), cell_means([s / claim for s in samples]))
        q = {level: quantile(fit, level) for level in (0.005, 0.05, 0.95, 0.995)}
        for margin in MARGINS:
            passes = q[0.05] > 1 - margin and q[0.95] < 1 + margin
            expected = "PASS" if passes else "FAIL" if q[0.005] > 1 or q[0.995] < 1 else "INCONCLUSIVE"
            found = judge({"n": SIZES}, samples, f"Limit({claim:.12f})", margin)
            assert found.verdict.value == expected, (claim, margin)
            seen.add(expected)
    assert seen == {"PASS", "FAIL", "INCONCLUSIVE"}


@pytest.mark.parametrize(("statement", "margin"), [("Theta(sqrt(n))", 0.10), ("Omega(1)", 0.10), ("Limit(3)", 0.05)])
def test_default_margins(draw: Draw, statement: str, margin: float) -> None:
    assert judge({"n": SIZES}, draw(root, SIZES), statement).margin == margin


def test_a_pass_says_how_large_a_correction_it_survives(draw: Draw) -> None:
    wide = judge({"n": SIZES}, draw(root, SIZES, sd=0.2), "Theta(sqrt(n))", 0.3)
    narrow = judge({"n": SIZES}, draw(root, SIZES, sd=0.2), "Theta(sqrt(n))", 0.1)
    assert wide.verdict is narrow.verdict is Verdict.PASS
    assert wide.tau_break > narrow.tau_break > 0
    assert judge({"n": SIZES}, draw(root, SIZES), "Theta(n)").tau_break is None


@pytest.mark.parametrize(
    ("sense", "below", "above"),
    [("Theta", True, True), ("Omega", False, True), ("O", True, False), ("Limit", True, True)],
)
def test_which_claims_can_be_rejected(draw: Draw, sense: str, below: bool, above: bool) -> None:
    """Data can refute a lower bound that is too high, and an upper bound that is too low, and not the converse."""
    samples = draw(root, SIZES)
    found = judge({"n": SIZES}, samples, f"{sense}(sqrt(n))")
    assert (found.rejects_below is not None) == below
    assert (found.rejects_above is not None) == above
    claims = ("2*sqrt(n)", "sqrt(n)/2") if sense == "Limit" else ("n**1.5", "n**(-0.5)")
    far_above, far_below = (judge({"n": SIZES}, samples, f"{sense}({claim})") for claim in claims)
    assert (far_above.verdict is Verdict.FAIL) == above
    assert (far_below.verdict is Verdict.FAIL) == below


@pytest.mark.parametrize(("sense", "side"), [("Theta", -1), ("Theta", 1), ("Omega", 1), ("O", -1)])
def test_a_claim_beyond_what_is_rejected_fails(draw: Draw, sense: str, side: int) -> None:
    samples = draw(root, SIZES, sd=0.1)
    found = judge({"n": SIZES}, samples, f"{sense}(sqrt(n))")
    bound = found.rejects_above if side > 0 else found.rejects_below
    assert judge({"n": SIZES}, samples, f"{sense}(n**({bound + side * 0.002:.6f}))").verdict is Verdict.FAIL


def test_claims_far_beyond_what_is_rejected_fail(draw: Draw) -> None:
    samples = draw(root, SIZES, sd=0.1)
    found = judge({"n": SIZES}, samples, "Theta(sqrt(n))")
    for bound, side in ((found.rejects_below, -1), (found.rejects_above, 1)):
        assert judge({"n": SIZES}, samples, f"Theta(n**({bound + side * 0.1:.6f}))").verdict is Verdict.FAIL
        assert judge({"n": SIZES}, samples, f"Theta(n**({bound - side * 0.02:.6f}))").verdict is not Verdict.FAIL


def few_and_many(draw: Draw, seed: int) -> tuple[Judgement, Judgement]:
    """The same law over two decades with 6 noisy trials a cell, and with 3000."""
    sizes = [*SIZES, 3200, 6400]
    few, many = (draw(root, sizes, sd=0.5, trials=trials, seed=seed) for trials in (6, 3000))
    return judge({"n": sizes}, few, "Theta(sqrt(n))"), judge({"n": sizes}, many, "Theta(sqrt(n))")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_more_trials_turn_inconclusive_into_pass(draw: Draw, seed: int) -> None:
    few, many = few_and_many(draw, seed)
    assert (few.verdict, many.verdict) == (Verdict.INCONCLUSIVE, Verdict.PASS)
    assert "not surely within 0.1 of the claimed 0.5" in few.reason
    assert many.high - many.low < (few.high - few.low) / 4


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_noisy_data_are_told_to_take_more_trials(draw: Draw, seed: int) -> None:
    few, _ = few_and_many(draw, seed)
    assert "more trials" in few.reason


def test_the_trials_advised_often_decide(draw: Draw) -> None:
    sizes = [*SIZES, 3200, 6400]
    decided = advised = 0
    for seed in range(24):
        few = judge({"n": sizes}, draw(root, sizes, sd=0.5, trials=6, seed=seed), "Theta(sqrt(n))")
        if few.more_trials is None:
            continue
        assert few.needs is Need.TRIALS
        assert few.more_trials > 6
        advised += 1
        again = judge({"n": sizes}, draw(root, sizes, sd=0.5, trials=few.more_trials, seed=100 + seed), few.statement)
        decided += again.verdict is not Verdict.INCONCLUSIVE
    assert advised >= 12
    assert decided >= 0.6 * advised


def test_the_sizes_advised_often_decide(draw: Draw) -> None:
    def bent(n: float) -> float:
        return math.sqrt(n) * (1 + 4 * n**-0.6)

    decided = advised = 0
    for seed in range(12):
        short = judge({"n": SIZES[:5]}, draw(bent, SIZES[:5], sd=0.02, trials=400, seed=seed), "Theta(sqrt(n))", 0.05)
        if not short.larger_sizes:
            continue
        assert short.needs is Need.SIZES
        assert min(short.larger_sizes) > SIZES[4]
        assert f"{short.larger_sizes[-1]:.0f}" in short.reason
        advised += 1
        sizes = [*SIZES[:5], *short.larger_sizes]
        again = judge({"n": sizes}, draw(bent, sizes, sd=0.02, trials=400, seed=100 + seed), "Theta(sqrt(n))", 0.05)
        decided += again.verdict is not Verdict.INCONCLUSIVE
    assert advised >= 8
    assert decided >= 0.6 * advised


# --- several sizes that vary on their own ----------------------------------------------------------------------------

GRID = [(n, k) for n in SIZES for k in (4, 8, 16, 32, 64)]


def grid_samples(mean: Any, *, sd: float = 0.03, trials: int = 20) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    return [mean(n, k) * np.exp(sd * rng.standard_normal(trials)) for n, k in GRID]


@pytest.mark.parametrize(
    ("statement", "verdict"),
    [
        ("Theta(sqrt(n/k))", "PASS"),
        ("Omega(sqrt(n/k))", "PASS"),
        ("Theta(sqrt(n))", "FAIL"),
        ("Theta(1/sqrt(k))", "FAIL"),
        ("Theta(sqrt(n)/k)", "FAIL"),
        ("O(sqrt(n/k))", "PASS"),
        ("O(sqrt(n)/k)", "FAIL"),
        ("Omega(n/k)", "FAIL"),
    ],
)
def test_each_size_has_its_exponent(statement: str, verdict: str) -> None:
    sizes = {"n": [n for n, _ in GRID], "k": [k for _, k in GRID], "d": [2 * n for n, _ in GRID]}
    found = judge(sizes, grid_samples(lambda n, k: 3 * math.sqrt(n / k)), statement)
    assert found.verdict.value == verdict, str(found)
    assert [e.variable for e in found.exponents] == ["n", "k"], "d = 2n has no exponent of its own"
    for e, truth in zip(found.exponents, (0.5, -0.5), strict=True):
        assert e.low < truth < e.high
        assert e.high - e.low < 0.2


def test_the_wrong_size_is_named() -> None:
    sizes = {"n": [n for n, _ in GRID], "k": [k for _, k in GRID]}
    found = judge(sizes, grid_samples(lambda n, k: math.sqrt(n)), "Theta(sqrt(n/k))")
    assert found.verdict is Verdict.FAIL
    assert found.variable == "k"
    assert "the exponent of k" in found.reason


def test_sizes_that_vary_together_are_not_told_apart() -> None:
    rng = np.random.default_rng(1)
    n = [50, 100, 200, 400, 800, 1600, 3200]
    k = [60, 95, 215, 390, 830, 1570, 3300]
    sizes = {"n": n, "k": k}
    samples = [size**0.5 * np.exp(0.02 * rng.standard_normal(30)) for size in sizes["n"]]
    found = judge(sizes, samples, "Theta(sqrt(k))")
    assert [e.variable for e in found.exponents] == ["n"], "k grows with n: a path"
    assert found.verdict is not Verdict.FAIL
    n, k = [50, 100, 200, 400, 420, 1600], [52, 105, 205, 410, 405, 1610]
    samples = [size**0.5 * np.exp(0.3 * rng.standard_normal(30)) for size in n]
    found = judge({"n": n, "k": k}, samples, "Theta(sqrt(n))")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.needs is Need.DIRECTION
    assert "vary one alone" in found.reason


# --- up to logarithms, tables, looks ---------------------------------------------------------------------------------


def test_up_to_logarithms_a_logarithm_is_no_contradiction(draw: Draw) -> None:
    samples = draw(lambda n: root(n) * math.log(n) ** 1.5, SIZES, sd=0.01)
    assert judge({"n": SIZES}, samples, "Theta(sqrt(n))").verdict is Verdict.FAIL
    loose = judge({"n": SIZES}, samples, "Theta~(sqrt(n))")
    assert loose.verdict is Verdict.INCONCLUSIVE
    assert judge({"n": SIZES}, samples, "Theta~(n**2)").verdict is Verdict.FAIL


def test_a_table_is_as_good_as_arrays(draw: Draw, tmp_path: Any) -> None:
    samples = draw(root, SIZES)
    rows = [{"n": n, "S": value, "note": "x"} for n, cell in zip(SIZES, samples, strict=True) for value in cell]
    frame = pd.DataFrame(rows).sample(frac=1, random_state=3)
    file = tmp_path / "data.csv"
    frame.to_csv(file, index=False)
    plain = judge({"n": SIZES}, samples, "Theta(sqrt(n))")
    for table in (frame, file, str(file)):
        found = judge(table, statement="Theta(sqrt(n))", value="S")
        assert found.verdict is plain.verdict
        assert (found.estimate, found.low) == pytest.approx((plain.estimate, plain.low), rel=1e-9)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"m": [1], "value": [1.0]}), "expected a column for each size"),
        (pd.DataFrame({"n": [1], "valu": [1.0]}), "did you mean 'valu'"),
        (pd.DataFrame({"n": ["x"], "value": [1.0]}), "expected numbers in column n but got 'x'"),
        (pd.DataFrame({"n": [1.0, None], "value": [1.0, 2.0]}), "a row has no n"),
        (pd.DataFrame({"n": [], "value": []}), "a row a sample but got none"),
        ("nowhere.csv", "'nowhere.csv' cannot be read"),
    ],
)
def test_tables_that_are_refused(frame: Any, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        judge(frame, statement="Theta(n)")


def test_early_looks_ask_for_more(draw: Draw) -> None:
    samples = draw(root, SIZES, sd=0.3, trials=20)
    widths = [
        (found := judge({"n": SIZES}, samples, "Theta(sqrt(n))", look=look)).high - found.low
        for look in ((1, 6), (3, 6), (6, 6))
    ]
    plain = judge({"n": SIZES}, samples, "Theta(sqrt(n))")
    assert widths[0] > widths[1] > widths[2] > plain.high - plain.low
    with pytest.raises(InvalidInputError, match="look"):
        judge({"n": SIZES}, samples, "Theta(sqrt(n))", look=(0, 3))


@pytest.mark.parametrize(("df", "verdict"), [(3, "PASS"), (1, "PASS")])
def test_the_median_is_judged_where_means_do_not_exist(df: int, verdict: str) -> None:
    rng = np.random.default_rng(5)
    sizes = [*SIZES, 3200, 6400]
    samples = [n**0.5 * (1 + np.abs(rng.standard_t(df, 200))) for n in sizes]
    found = judge({"n": sizes}, samples, "Theta(sqrt(n))", estimand="median")
    assert found.verdict.value == verdict
    limit = judge({"n": sizes}, samples, "Limit(5*sqrt(n))", estimand="median")
    assert limit.verdict is Verdict.FAIL


def test_zeros_are_judged_by_their_mean() -> None:
    rng = np.random.default_rng(6)
    counts = [rng.poisson(n / 30, 400).astype(float) for n in SIZES]
    assert (counts[0] == 0).any()
    plain = judge({"n": SIZES}, counts, "Theta(n)")
    assert plain.verdict is Verdict.ERROR
    assert "estimand 'mean'" in plain.reason
    assert judge({"n": SIZES}, counts, "Theta(n)", estimand="mean").verdict is Verdict.PASS


def test_numbers_beside_the_verdict(draw: Draw) -> None:
    found = judge({"n": SIZES}, draw(root, SIZES), "Theta(sqrt(n))")
    assert found.p_value is not None
    assert found.p_value > 0.01
    assert found.power == pytest.approx(max(found.rejects_above - 0.5, 0.5 - found.rejects_below))
    wrong = judge({"n": SIZES}, draw(root, SIZES), "Theta(n)")
    assert wrong.p_value < 1e-4
    limit = judge({"n": SIZES}, draw(lambda n: 2.0, SIZES, sd=0.01), "Limit(2)")
    assert limit.power == pytest.approx(max(limit.rejects_above - 2, 2 - limit.rejects_below) / 2)


@pytest.mark.parametrize("sizes", [[100, 105, 110, 115, 120], [100, 150, 200], [100, 400, 700, 1000]])
def test_where_sizes_are_missing_the_advice_is_on_sizes(draw: Draw, sizes: list[int]) -> None:
    noisy = judge({"n": sizes}, draw(root, sizes, sd=0.3, trials=10), "Theta(sqrt(n))")
    exact = judge({"n": sizes}, draw(root, sizes, sd=0.3, trials=1_000_000), "Theta(sqrt(n))")
    assert (noisy.verdict, exact.verdict) == (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert "never PASS" in exact.reason
    assert re.search("size|range|decade", noisy.reason)


# --- too little to decide --------------------------------------------------------------------------------------------

SHORT = [
    ([100], "1 size cannot show"),
    ([100, 1000], "2 sizes cannot show"),
    ([100, 400, 1600], "fewer than 5 sizes never PASS"),
    ([50, 200, 800, 3200], "fewer than 5 sizes never PASS"),
    ([100, 150, 300, 600, 990], "less than one decade"),
    (list(range(400, 800, 20)), "less than one decade"),
]


@pytest.mark.parametrize(("sizes", "words"), SHORT, ids=[f"{len(row[0])}-sizes" for row in SHORT])
@pytest.mark.parametrize("statement", ["Theta(sqrt(n))", "Omega(1)", "O(n)", "Limit(sqrt(n))"])
def test_too_few_sizes_or_too_short_a_range_never_pass(
    draw: Draw, sizes: list[int], words: str, statement: str
) -> None:
    found = judge({"n": sizes}, draw(root, sizes, sd=1e-3, trials=200), statement, 0.5)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert words in found.reason


def test_five_sizes_over_one_decade_are_enough(draw: Draw) -> None:
    sizes = [100, 178, 316, 562, 1000]
    assert judge({"n": sizes}, draw(root, sizes, sd=0.01), "Theta(sqrt(n))").verdict is Verdict.PASS


def test_few_sizes_can_still_refute(draw: Draw) -> None:
    sizes = [50, 200, 800]
    assert judge({"n": sizes}, draw(root, sizes, sd=0.01), "Theta(n)").verdict is Verdict.FAIL


# --- degenerate samples: a verdict with its reason -------------------------------------------------------------------


def grown(*relative: float) -> list[list[float]]:
    return [[value * n for value in relative] for n in SIZES]


def with_cell(index: int, cell: list[float]) -> list[list[float]]:
    samples = grown(0.9, 1.0, 1.1)
    samples[index] = cell
    return samples


NOISY = {"deterministic": False}
DEGENERATE = {
    "identical values": (grown(1, 1, 1), {"deterministic": False}, "INCONCLUSIVE", "identical"),
    "all ones": ([[1.0] * 5] * 6, {"statement": "Theta(1)", "deterministic": False}, "INCONCLUSIVE", "identical"),
    "one trial a cell": (grown(1.0), {"deterministic": False}, "INCONCLUSIVE", "too few trials"),
    "one trial a cell, mean": (
        grown(1.0),
        {"estimand": "mean", "deterministic": False},
        "INCONCLUSIVE",
        "too few trials",
    ),
    "zero": (with_cell(2, [1.0, 0.0, 2.0]), {}, "ERROR", "1 of 3 samples at n = 200 are not positive"),
    "all zero": ([[0.0, 0.0]] * 6, {}, "ERROR", "2 of 2 samples at n = 50 are not positive"),
    "negative": (with_cell(1, [-1.0, 2.0, -3.0]), {}, "ERROR", "2 of 3 samples at n = 100 are not positive"),
    "nan": (with_cell(5, [1.0, math.nan]), {}, "ERROR", "1 of 2 samples at n = 1600 are not finite"),
    "inf": (with_cell(0, [math.inf, 1.0]), {}, "ERROR", "1 of 2 samples at n = 50 are not finite"),
    "-inf": (with_cell(0, [-math.inf, 1.0]), {}, "ERROR", "not finite"),
    "empty cell": (with_cell(3, []), {}, "INCONCLUSIVE", "no samples at n = 400"),
    "all empty": ([[]] * 6, {}, "INCONCLUSIVE", "no samples at n = 50"),
    "nan, limit": (with_cell(5, [1.0, math.nan]), {"statement": "Limit(n)"}, "ERROR", "not finite"),
    "negative, limit": (with_cell(1, [-1.0]), {"statement": "Limit(n)"}, "ERROR", "not positive"),
    "identical, limit": (
        grown(1, 1, 1),
        {"statement": "Limit(n)", "deterministic": False},
        "INCONCLUSIVE",
        "identical",
    ),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_samples_get_a_verdict_and_its_reason(name: str) -> None:
    samples, options, verdict, words = DEGENERATE[name]
    options = {"statement": "Theta(n)"} | options
    found = judge({"n": SIZES}, samples, **options)
    assert found.verdict.value == verdict
    assert words in found.reason
    assert found.estimate is found.low is found.high is None
    assert str(found) == f"{verdict}: {found.reason}"


def test_a_single_cell_of_one_trial_among_others_is_used(draw: Draw) -> None:
    samples = draw(root, SIZES)
    samples[2] = samples[2][:1]
    found = judge({"n": SIZES}, samples, "Theta(sqrt(n))")
    assert found.verdict is Verdict.PASS
    widths = [math.log(cell.high / cell.low) for cell in found.cells]
    assert widths[2] > 4 * max(widths[:2] + widths[3:]), "one trial says less than forty"


def test_a_cell_of_identical_samples_among_noisy_ones_does_not_rule_the_fit(draw: Draw) -> None:
    samples = draw(root, SIZES, sd=0.3, trials=20)
    samples[5] = np.full(20, 2 * math.sqrt(SIZES[5]))
    found = judge({"n": SIZES}, samples, "Theta(sqrt(n))")
    assert math.isfinite(found.estimate)
    assert found.cells[5].high > found.cells[5].low * 1.05, "its variance is shrunk towards the pool, not zero"


HEAVY = [
    ("Theta(n)", {"estimand": "mean"}),
    ("Limit(3*n)", {}),
]


@pytest.mark.parametrize(("statement", "options"), HEAVY)
def test_a_heavy_tail_vetoes_the_mean_and_not_the_geomean(statement: str, options: dict[str, str]) -> None:
    rng = np.random.default_rng(0)
    samples = [n * (rng.pareto(1.5, 400) + 1) for n in SIZES]
    found = judge({"n": SIZES}, samples, statement, **options)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "the mean is not estimable" in found.reason
    assert "geomean" in found.reason
    index = float(found.reason.partition("tail index is ")[2].partition(";")[0])
    assert index == pytest.approx(1.5, abs=0.4)
    assert judge({"n": SIZES}, samples, "Theta(n)").verdict is Verdict.PASS


def test_a_light_tail_is_no_veto() -> None:
    rng = np.random.default_rng(0)
    samples = [n * rng.uniform(0.5, 1.5, 400) for n in SIZES]
    assert judge({"n": SIZES}, samples, "Theta(n)", estimand="mean").verdict is Verdict.PASS


NEARLY = {
    "constant samples": ([[1.0] * 5] * 6, "Theta(n)"),
    "identical samples of another order": ([[float(n)] * 5 for n in SIZES], "Theta(sqrt(n))"),
    "noise in one cell only": ([[n**0.4] * 2 for n in SIZES[:-1]] + [[19.1, 19.1000001]], "Theta(n)"),
}


@pytest.mark.parametrize("name", NEARLY)
def test_samples_without_noise_get_a_verdict(name: str) -> None:
    samples, statement = NEARLY[name]
    assert judge({"n": SIZES}, samples, statement).verdict in (Verdict.INCONCLUSIVE, Verdict.FAIL)


def test_huge_samples_get_a_verdict() -> None:
    samples = [[1e308, 1.1e308, 1.2e308]] * 6
    assert judge({"n": SIZES}, samples, "Theta(1)").verdict is not Verdict.FAIL


def test_samples_of_very_different_size_get_a_verdict_for_the_mean() -> None:
    assert judge({"n": SIZES}, grown(1e-20, 1.0), "Theta(n)", estimand="mean").verdict is Verdict.INCONCLUSIVE


# --- input that is refused -------------------------------------------------------------------------------------------

GOOD = grown(0.9, 1.0, 1.1)
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "mismatched lengths": ({"sizes": {"n": SIZES[:5]}}, "n has 5 entries but there are 6 cells"),
    "second size too short": ({"sizes": {"n": SIZES, "d": [5]}}, "d has 1 entries"),
    "duplicate sizes": ({"sizes": {"n": [50, 50, 100, 200, 400, 800]}}, "two cells have the same n"),
    "constant size": ({"sizes": {"n": [50] * 6}}, "two cells have the same n"),
    "unknown size": ({"sizes": {"m": SIZES}}, "unknown size 'm'"),
    "no sizes": ({"sizes": {}}, "expected arrays by name"),
    "sizes not a mapping": ({"sizes": SIZES}, "expected arrays by name"),
    "text for sizes": ({"sizes": {"n": ["a"] * 6}}, "expected numbers for n"),
    "ragged sizes": ({"sizes": {"n": [[1, 2], [3]]}}, "expected numbers for n"),
    "zero size": ({"sizes": {"n": [0, *SIZES[1:]]}}, "expected positive numbers"),
    "negative size": ({"sizes": {"n": [-50, *SIZES[1:]]}}, "expected positive numbers"),
    "nan size": ({"sizes": {"n": [math.nan, *SIZES[1:]]}}, "expected positive numbers"),
    "no cells": ({"sizes": {"n": []}, "samples": []}, "at least one cell"),
    "text in a cell": ({"samples": [["x"], *GOOD[1:]]}, "expected numbers in cell 0"),
    "margin zero": ({"margin": 0}, "margin=0"),
    "margin negative": ({"margin": -0.1}, "margin=-0.1"),
    "margin nan": ({"margin": math.nan}, "margin=nan"),
    "margin infinite": ({"margin": math.inf}, "margin=inf"),
    "margin text": ({"margin": "0.1"}, "margin='0.1'"),
    "unknown estimand": ({"estimand": "mode"}, "unknown estimand 'mode'"),
    "margin a truth value": ({"margin": True}, "margin=True"),
    "unknown along": ({"along": "d"}, "unknown size in along 'd'"),
    "size without values": ({"statement": "Theta(d)"}, "no value for d"),
    "constant without value": ({"statement": "Theta(mu(1)*n)"}, r"no value for mu\(1\)"),
    "unknown symbol": ({"statement": "Theta(q)"}, "unknown symbol 'q'"),
    "unknown sense": ({"statement": "Theto(n)"}, "unknown statement 'Theto'.*did you mean 'Theta'"),
    "unclosed": ({"statement": "Theta(n"}, "write it as in Theta"),
    "no formula": ({"statement": "Theta()"}, "expected a formula"),
    "not text": ({"statement": None}, "expected text"),
    "zero formula": ({"statement": "Theta(0)"}, "expected a positive, finite value but got 0"),
    "formula zero at one size": ({"statement": "Theta(n - 50)"}, "n = 50"),
    "negative formula": ({"statement": "Theta(-n)"}, "expected a positive, finite value"),
    "formula overflows": ({"statement": "Theta(2**n)"}, "at n = 1600"),
    "outside the scale": ({"statement": "Theta(exp(sqrt(n)))"}, "leaves the scale"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_input(name: str) -> None:
    given, words = REFUSED[name]
    arguments = {"sizes": {"n": SIZES}, "samples": GOOD, "statement": "Theta(n)"} | given
    with pytest.raises(InvalidInputError, match=words):
        judge(**arguments)


@pytest.mark.parametrize("samples", [None, 3, 2.5])
def test_samples_that_are_no_sequence_are_refused(samples: Any) -> None:
    with pytest.raises(InvalidInputError):
        judge({"n": SIZES}, samples, "Theta(n)")


def test_samples_in_a_mapping_are_refused_or_read_by_value() -> None:
    samples = dict(zip(SIZES, GOOD, strict=True))
    try:
        found = judge({"n": SIZES}, samples, "Theta(n)")  # type: ignore[arg-type]
    except InvalidInputError:
        return
    assert found == judge({"n": SIZES}, GOOD, "Theta(n)")


def test_fractional_sizes_are_refused_or_kept(draw: Draw) -> None:
    sizes = [n + 0.7 for n in SIZES]
    try:
        found = judge({"n": sizes}, draw(root, sizes), "Theta(sqrt(n))")
    except InvalidInputError:
        return
    assert [cell.sizes["n"] for cell in found.cells] == sizes
