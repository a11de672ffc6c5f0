"""Laws decided by an exact limit: the simulation against it, and it against the law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Law
from bigtheta.theory.limits.named import limit_of, limit_values
from bigtheta.theory.statement import Statement
from bigtheta.verify.bridge import bridged, limit_slope
from bigtheta.verify.judge import judge
from bigtheta.verify.report import words
from bigtheta.verify.verdict import Judgement, Verdict, judgement_dict

LawOf = Callable[..., Law]
SIZES = [50, 100, 200, 400, 800, 1600]
RELU = activation("relu")


def slow(name: str, law: Any, act: Any, sizes: Any) -> Any:
    """A limit that becomes sqrt(n) only where n is in the millions: its slope at reachable sizes is near 1/4."""
    n = np.asarray(sizes["n"], dtype=float)
    return n**0.25 * (1 + n / 3000) ** 0.25


def samples_of(law: Law, factor: float = 1.0, power: float = 0.0, sd: float = 0.02) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    limit = slow("sobolev", law, RELU, law.size_arrays)
    sizes = np.array(law.size_arrays["n"], dtype=float)
    means = factor * limit * (sizes / sizes[0]) ** power * (1 + 2 / sizes)
    return [mean * np.exp(sd * rng.standard_normal(40)) for mean in means]


def decide(law: Law, samples: list[np.ndarray], statement: str = "") -> Judgement:
    claim = Statement.parse(statement) if statement else law.statement
    direct = judge(law.size_arrays, samples, claim, along="n", path=law.path)
    return bridged(law, RELU, samples, claim, direct, values=slow)


@pytest.fixture
def law(tiny: LawOf) -> Law:
    return tiny(sizes={"n": SIZES}, limit="sobolev")


def test_a_law_that_only_its_limit_shows(law: Law) -> None:
    samples = samples_of(law)
    alone = judge(law.size_arrays, samples, law.statement, along="n", path=law.path)
    assert alone.verdict is not Verdict.PASS, "the slope here is bent"
    found = decide(law, samples)
    assert found.verdict is Verdict.PASS
    assert found.bridge is not None
    assert found.bridge.low < 1 < found.bridge.high
    assert found.bridge.exponent == pytest.approx(0.5, abs=1e-3)
    assert found.estimate == alone.estimate, "the slope measured stays the slope measured"
    assert "measured/limit" in found.reason
    assert "the limit's own exponent of n is 0.5000" in found.reason
    assert [cell.predicted for cell in found.cells] == pytest.approx(slow("sobolev", law, RELU, law.size_arrays))
    assert "limit's exponent 0.5000" in words.estimate(found)
    assert judgement_dict(found)["bridge"]["as_claimed"] == "PASS"


@pytest.mark.parametrize("statement", ["Theta(n**0.25)", "Theta(n**0.4)", "Theta(n)", "Omega(n**0.6)", "O(n**0.3)"])
def test_a_claim_that_the_limit_contradicts_fails(law: Law, statement: str) -> None:
    found = decide(law, samples_of(law), statement)
    assert found.verdict is Verdict.FAIL
    assert found.bridge is not None
    assert (found.bridge.agrees, found.bridge.as_claimed) == (Verdict.PASS, Verdict.FAIL)


@pytest.mark.parametrize("statement", ["Omega(n**0.3)", "O(n)", "Omega(sqrt(n))", "O(sqrt(n))", "Theta(2*sqrt(n))"])
def test_a_claim_that_the_limit_supports_passes(law: Law, statement: str) -> None:
    assert decide(law, samples_of(law), statement).verdict is Verdict.PASS


@pytest.mark.parametrize(("factor", "power"), [(1.12, 0.0), (0.9, 0.0), (1.0, 0.15)])
def test_a_simulation_that_contradicts_the_limit_fails(law: Law, factor: float, power: float) -> None:
    found = decide(law, samples_of(law, factor, power))
    assert found.verdict is Verdict.FAIL
    assert found.bridge is not None
    assert found.bridge.agrees is Verdict.FAIL


def test_mean_squares_are_held_against_the_limit_of_a_mean_square(law: Law) -> None:
    """S of spread .3 and E S^2 at the limit: its geometric mean lies 9% below, which is no disagreement."""
    rng = np.random.default_rng(2)
    limit = slow("sobolev", law, RELU, law.size_arrays)
    samples = [s * np.exp(0.3 * rng.standard_normal(4000) - 0.3**2) for s in limit]
    found = decide(law, samples)
    assert found.verdict is Verdict.PASS
    assert found.bridge is not None
    assert found.bridge.ratio == pytest.approx(1.0, abs=0.02)
    assert found.cells[0].geomean / found.cells[0].predicted == pytest.approx(np.exp(-0.09), abs=0.02)
    off = decide(law, [s / np.exp(-0.09) for s in samples])  # its geometric mean at the limit, its mean square above
    assert off.verdict is Verdict.FAIL


def test_too_noisy_a_simulation_decides_nothing(law: Law) -> None:
    found = decide(law, samples_of(law, sd=1.0))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.needs is not None


def test_the_slope_of_a_limit_is_free_of_the_formula(law: Law) -> None:
    assert limit_slope(law, RELU, Statement.parse("Theta(sqrt(n))"), slow) == pytest.approx(0.0, abs=1e-4)
    assert limit_slope(law, RELU, Statement.parse("Theta(n)"), slow) == pytest.approx(-0.5, abs=1e-4)
    assert limit_slope(law, RELU, Statement.parse("Theta(sqrt(d))"), slow) == pytest.approx(0.0, abs=1e-4)


def test_outside_the_limits_domain_the_slope_alone_decides(law: Law) -> None:
    def refused(*given: Any) -> Any:
        raise InvalidInputError("n beyond the domain")

    samples = samples_of(law)
    direct = judge(law.size_arrays, samples, law.statement, along="n", path=law.path)
    found = bridged(law, RELU, samples, law.statement, direct, values=refused)
    assert found == replace(direct, reason=f"{direct.reason} (without its exact limit: n beyond the domain)")


def test_names_of_limits(tiny: LawOf) -> None:
    sizes = {"n": [10], "d": [20]}
    with pytest.raises(InvalidInputError, match=r"unknown limit 'sobolef'.*did you mean 'sobolev'"):
        limit_values("sobolef", tiny(), RELU, sizes)
    with pytest.raises(InvalidInputError, match="expected the quantity sobolev but got test-error"):
        limit_values("sobolev", tiny(quantity="test-error"), RELU, sizes)
    assert limit_of(tiny()) == "sobolev"
    assert limit_of(tiny(quantity="test-error")) is None


@pytest.mark.parametrize(("claim", "verdict"), [("Limit(2)", Verdict.PASS), ("Limit(2.1)", Verdict.FAIL)])
def test_a_claimed_limit_is_held_against_the_exact_one(law: Law, claim: str, verdict: Verdict) -> None:
    """Data that cannot tell 2 from 2.1: the exact limit does."""
    rng = np.random.default_rng(3)
    samples = [2.05 + 0.01 * rng.standard_normal(40) for _ in law.cells]
    direct = judge(law.size_arrays, samples, claim, 0.1, along="n", path=law.path)
    assert direct.verdict is Verdict.PASS

    def two(name: str, law: Any, act: Any, sizes: Any) -> Any:
        return np.full(len(sizes["n"]), 2.0)

    found = bridged(law, RELU, samples, Statement.parse(claim), direct, values=two)
    assert found.verdict is verdict
    assert "the exact limit is" in found.reason
