"""Data without noise, one value a size or trials that agree: judged as they are, and never asked for more trials."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special

from bigtheta.numerics.streams import Streams
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Law
from bigtheta.verify.accelerators import committee
from bigtheta.verify.checks import judge_law
from bigtheta.verify.judge import judge
from bigtheta.verify.report.read import report_from_dict
from bigtheta.verify.verdict import Judgement, Need, Verdict, judgement_dict

N = np.array([16, 32, 64, 128, 256, 512, 1024])


def harmonic(n: float) -> float:
    return float(special.digamma(n + 1) + np.euler_gamma)


def central(n: float) -> float:
    """binom(2n, n)/4^n ~ 1/sqrt(pi n)."""
    return math.exp(special.gammaln(2 * n + 1) - 2 * special.gammaln(n + 1) - 2 * n * math.log(2))


def primes(n: float) -> float:
    """How many primes there are up to n."""
    sieve = np.ones(int(n) + 1, dtype=bool)
    sieve[:2] = False
    for i in range(2, math.isqrt(int(n)) + 1):
        sieve[i * i :: i] &= not sieve[i]
    return float(sieve.sum())


def of_squares_free(n: float) -> float:
    """How many numbers up to n no square divides; n 6/pi^2."""
    free = np.ones(int(n) + 1, dtype=bool)
    free[0] = False
    for i in range(2, math.isqrt(int(n)) + 1):
        free[i * i :: i * i] = False
    return float(free.sum())


def totients(n: float) -> float:
    """Pairs of coprime numbers up to n; 3 n^2/pi^2."""
    return float(sum(math.gcd(a, b) == 1 for a in range(1, int(n) + 1) for b in range(1, a + 1)))


def birthday(n: float) -> float:
    """Ramanujan's Q; sqrt(pi n/2)."""
    return float(np.exp(np.cumsum(np.log1p(-np.arange(n) / n))).sum())


def trapezoid(f: Callable[[Any], Any], exact: float) -> Callable[[float], float]:
    return lambda n: abs(float(np.trapezoid(f(np.linspace(0, 1, int(n) + 1)), dx=1 / n)) - exact)


def powers(p: float) -> Callable[[float], float]:
    return lambda n: float((np.arange(1, n + 1) ** p).sum())


SEQUENCES: dict[str, tuple[Callable[[float], float], str]] = {
    "harmonic numbers": (harmonic, "log(n)"),
    "central binomials": (central, "n**(-1/2)"),
    "Catalan": (lambda n: central(n) / (n + 1), "n**(-3/2)"),
    "primes": (primes, "n/log(n)"),
    "squarefree": (of_squares_free, "n"),
    "birthdays": (birthday, "sqrt(n)"),
    "sum of roots": (powers(0.5), "n**(3/2)"),
    "sum of inverse roots": (powers(-0.5), "sqrt(n)"),
    "sum of k^-3/4": (powers(-0.75), "n**(1/4)"),
    "tail of zeta(2)": (lambda n: float(special.zeta(2, n + 1)), "1/n"),
    "tail of zeta(3/2)": (lambda n: float(special.zeta(1.5, n + 1)), "n**(-1/2)"),
    "quicksort": (lambda n: 2 * (n + 1) * harmonic(n) - 4 * n, "n*log(n)"),
    "coupons": (lambda n: n * harmonic(n), "n*log(n)"),
    "log n!": (lambda n: float(special.gammaln(n + 1)), "n*log(n)"),
    "divisors": (lambda n: float((n // np.arange(1, n + 1)).sum()), "n*log(n)"),
    "Gamma ratio": (lambda n: math.exp(special.gammaln(n + 1 / 3) - special.gammaln(n)), "n**(1/3)"),
    "gap of a path": (lambda n: 2 - 2 * math.cos(math.pi / n), "n**(-2)"),
    "trapezoids of exp": (trapezoid(np.exp, math.e - 1), "n**(-2)"),
    "trapezoids of sqrt": (trapezoid(np.sqrt, 2 / 3), "n**(-3/2)"),
    "zeros of J1": (lambda n: float(special.jn_zeros(1, int(n))[-1]), "n"),
    "n + sqrt n": (lambda n: n + math.sqrt(n), "n"),
    "quartic": (lambda n: n**4 / 8, "n**4"),
    "pairs": (lambda n: n * (n - 1) / 2, "n**2"),
}
"""Exact sequences and their orders, all of them theorems."""


def one_value(f: Callable[[float], float], sizes: np.ndarray = N) -> list[list[float]]:
    return [[f(float(n))] for n in sizes]


@pytest.mark.parametrize("name", SEQUENCES)
def test_exact_sequences(name: str) -> None:
    f, order = SEQUENCES[name]
    values = one_value(f)
    found = judge({"n": N}, values, f"Theta({order})")
    assert (found.verdict, found.deterministic) == (Verdict.PASS, True), found.reason
    assert "deterministic: one value a size" in found.reason
    assert found.low is not None
    assert found.high is not None
    assert found.claimed is not None
    assert found.low <= found.claimed <= found.high
    for off in (-0.25, 0.25):
        wrong = judge({"n": N}, values, f"Theta(({order})*n**({off}))")
        assert wrong.verdict is Verdict.FAIL, (off, wrong.reason)
    for off in (-0.1, 0.1):
        assert judge({"n": N}, values, f"Theta(({order})*n**({off}))").verdict is not Verdict.PASS, off


def test_close_margins_need_accelerators_and_the_fit() -> None:
    """The fit has +-.03, accelerators +-.005: they are right, within their error, in all but a few of the sequences."""
    right = passed = 0
    for f, order in SEQUENCES.values():
        found = judge({"n": N}, one_value(f), f"Theta({order})", 0.02)
        assert found.verdict is not Verdict.FAIL, (order, found.reason)
        assert found.accelerated is not None
        value, error = found.accelerated
        right += abs(value - (found.claimed or 0.0)) <= error
        passed += found.verdict is Verdict.PASS
        assert judge({"n": N}, one_value(f), f"Theta(({order})*n**0.04)", 0.02).verdict is not Verdict.PASS, order
    assert right >= 21
    assert passed >= 14


def test_a_close_margin_says_who_said_what() -> None:
    values = one_value(lambda n: n * (n - 1) / 2)
    passed = judge({"n": N}, values, "Theta(n**2)", 0.01)
    assert passed.verdict is Verdict.PASS
    assert "accelerators put the exponent of n at 2.0000" in passed.reason
    failed = judge({"n": N}, values, "Theta(n**1.8)", 0.01)
    assert failed.verdict is Verdict.FAIL
    slow = judge({"n": N}, one_value(lambda n: n * (1 + 1 / math.log(n)) ** 3), "Theta(n)", 0.005)
    assert slow.verdict is Verdict.INCONCLUSIVE
    assert slow.needs is Need.SIZES
    assert slow.more_trials is None


def test_one_sided_limits_and_peaks() -> None:
    values = one_value(lambda n: 2.5 * n / (n + 3))
    for claim, verdict in {
        "Limit(2.5)": "PASS", "Limit(2)": "FAIL", "Omega(1)": "PASS", "Omega(n)": "FAIL", "O(n)": "PASS",
    }.items():  # fmt: skip
        found = judge({"n": N}, values, claim)
        assert (found.verdict.value, found.deterministic) == (verdict, True), (claim, found.reason)
    close = judge({"n": N}, values, "Limit(2.5)", 0.01)
    assert close.verdict is Verdict.PASS
    assert close.accelerated is not None
    assert close.accelerated[0] == pytest.approx(2.5, abs=1e-3)
    n = np.array([40, 50, 60, 70, 80, 90, 100, 110, 125, 140, 160, 180, 210, 250])
    sizes = {"n": n, "k": np.full(14, 100)}
    curve = [[1 / abs(1.02 - x / 100) ** 0.5] for x in n]
    at, off = judge(sizes, curve, "Peak(n/k, at=1)"), judge(sizes, curve, "Peak(n/k, at=1.6)")
    assert (at.verdict, at.deterministic) == (Verdict.PASS, True)
    assert (off.verdict, off.deterministic) == (Verdict.FAIL, True)
    assert "deterministic" in at.reason


@pytest.mark.parametrize("estimand", ["geomean", "mean", "median"])
def test_trials_that_agree_are_one_value(estimand: str) -> None:
    values = [[n**1.5] * count for n, count in zip(N.tolist(), (1, 2, 7, 10, 1, 3, 8), strict=True)]
    found = judge({"n": N}, values, "Theta(n**1.5)", estimand=estimand)
    alone = judge({"n": N}, one_value(lambda n: n**1.5), "Theta(n**1.5)", estimand=estimand)
    assert found.verdict is Verdict.PASS
    assert "deterministic: equal values a size" in found.reason
    assert (found.estimate, found.low, found.high) == pytest.approx((alone.estimate, alone.low, alone.high), abs=1e-9)


def test_single_values_beside_repeated_ones_take_their_noise() -> None:
    rng = np.random.default_rng(0)
    values = [n * np.exp(0.1 * rng.standard_normal(count)) for n, count in zip(N, (1, 1, 8, 8, 1, 8, 8), strict=True)]
    found = judge({"n": N}, values, "Theta(n)")
    assert not found.deterministic
    assert "deterministic" not in found.reason
    assert found.cells[0].high > 1.1 * found.cells[0].low


def test_scatter_of_single_values_is_counted_in() -> None:
    """Published means without errors: 5% of scatter widens the interval and fails no true law."""
    failed = covered = 0
    for seed in range(30):
        scatter = np.exp(0.05 * np.random.default_rng(seed).standard_normal(len(N)))
        found = judge({"n": N}, [[v] for v in N * scatter], "Theta(n)")
        failed += found.verdict is Verdict.FAIL
        covered += found.low <= 1 <= found.high  # type: ignore[operator]
        assert found.needs is not Need.TRIALS
        assert judge({"n": N}, [[v] for v in N * scatter], "Theta(n**1.5)").verdict is Verdict.FAIL
    assert failed <= 1
    assert covered >= 27


def test_nothing_is_advised_that_cannot_be_followed() -> None:
    """Whatever is open, more trials are not the way."""
    rng = np.random.default_rng(0)
    for _ in range(25):
        c, w, p = rng.uniform(0.3, 3), rng.uniform(0.2, 1), rng.uniform(-0.2, 0.2)
        values = one_value(lambda n, c=c, w=w, p=p: n ** (0.5 + p) * (1 + c * n**-w), N[: rng.integers(3, 8)])  # type: ignore[misc]
        for claim in ("Theta(sqrt(n))", "Omega(sqrt(n))", "Limit(sqrt(n))"):
            found = judge({"n": N[: len(values)]}, values, claim)
            assert (found.needs is not Need.TRIALS, found.more_trials) == (True, None)
            assert "trial" not in found.reason


def frame_of(law: Law, trials: int) -> pd.DataFrame:
    """What a model that draws nothing leaves: every trial of a cell has the same value."""
    cells = [cell for cell in law.cells for _ in range(trials)]
    values = [2 * math.sqrt(cell["n"]) * (1 + 1 / cell["n"]) for cell in cells]
    return pd.DataFrame(cells).assign(value=values, residual=0.0, condition=1.0, status="ok")


def test_a_model_that_draws_nothing_gives_data_without_noise(
    tiny: Callable[..., Law], monkeypatch: pytest.MonkeyPatch
) -> None:
    law, act = tiny(), activation("relu")
    found = judge_law(law, act, frame_of(law, 3))
    assert (found.verdict, found.deterministic) == (Verdict.PASS, True), found.reason
    assert judge_law(tiny(statement="Theta(n)"), act, frame_of(law, 3)).verdict is Verdict.FAIL
    once = judge_law(law, act, frame_of(law, 1))
    assert (once.verdict, once.needs) == (Verdict.INCONCLUSIVE, Need.DATA), "one trial may be of anything"
    real = Streams.generator
    monkeypatch.setattr(Streams, "generator", lambda self, role: real(replace(self, trial=0), role))
    stuck = judge_law(law, act, frame_of(law, 3))
    assert stuck.verdict is Verdict.ERROR
    assert "random streams do not move" in stuck.reason


def test_what_is_said_of_noise_must_be_so() -> None:
    noisy = [[n, 1.1 * n] for n in N.tolist()]
    with pytest.raises(InvalidInputError, match="those at n = 16 differ: got deterministic=True"):
        judge({"n": N}, noisy, "Theta(n)", deterministic=True)
    single = judge({"n": N}, one_value(float), "Theta(n)", deterministic=False)
    assert (single.verdict, single.needs) == (Verdict.INCONCLUSIVE, Need.DATA)


def test_json_and_command_say_so(call: Callable[..., Any], tmp_path: Path) -> None:
    table = tmp_path / "counts.csv"
    table.write_text("n,value\n" + "".join(f"{n},{n**4 // 8}\n" for n in (4, 8, 16, 32, 64, 128, 256)))
    result = call("judge", table, "--statement", "Theta(n**4)")
    assert result.exit_code == 0
    assert "deterministic" in result.output.splitlines()[0]
    assert call("judge", table, "--statement", "Theta(n**3)").exit_code == 1
    told = json.loads(call("judge", table, "--statement", "Theta(n**4)", "--json", "--margin", "0.01").output)
    assert told["deterministic"] is True
    assert told["accelerated"][0] == pytest.approx(4)
    found: Judgement = judge(table, statement="Theta(n**4)", margin=0.01)
    kept = judgement_dict(found) | {"law": "mine", "activation": "relu"}
    back = report_from_dict({"schema": 1, "judgements": [kept], "provenance": {}}).entries[0].judgement
    assert (back.deterministic, back.accelerated) == (True, found.accelerated)
    assert not replace(back, deterministic=False).deterministic


def test_the_committee_on_corrections_that_its_members_know() -> None:
    h = 0.5 ** np.arange(1, 9)
    for values, limit in (
        (3 + h + h**2, 3.0), (3 - 2 * np.sqrt(h), 3.0), (1 / (2 + h), 0.5), (3 + 0 * h, 3.0),
    ):  # fmt: skip
        found = committee(h, values)
        assert found is not None
        assert abs(found.value - limit) <= max(found.error, 1e-12)
        assert found.error < 0.2
    assert committee(h[:3], h[:3]) is None
