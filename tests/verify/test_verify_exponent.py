"""What an exponent is said to be of: n^a, or n^a log n where the claim has a logarithm that is divided out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bigtheta.theory.law import Law
from bigtheta.verify.judge import judge
from bigtheta.verify.report import words
from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.verdict import judgement_dict

N = np.array([50, 100, 200, 400, 800, 1600])
LOG = np.log


def judged(statement: str, truth: Callable[[Any], Any]) -> Any:
    rng = np.random.default_rng(0)
    return judge({"n": N}, [truth(float(n)) * rng.lognormal(0, 0.05, 30) for n in N], statement)


@pytest.mark.parametrize(
    ("statement", "truth", "of", "power"),
    [
        ("Theta(log(n)*sqrt(n))", lambda n: n**0.5 * LOG(n), "n^a*log(n)", 0.5),
        ("Theta(log(n)*sqrt(n))", lambda n: n**0.25 * LOG(n), "n^a*log(n)", 0.25),
        ("Theta(sqrt(n)/log(n)^2)", lambda n: n**0.5 / LOG(n) ** 2, "n^a/log(n)^2", 0.5),
        ("Theta(sqrt(n*log(n)))", lambda n: (n * LOG(n)) ** 0.5, "n^a*log(n)^(1/2)", 0.5),
        ("Theta(n*log(log(n)))", lambda n: n * LOG(LOG(n)), "n^a*log(log(n))", 1.0),
        ("Omega(log(n))", lambda n: LOG(n), "n^a*log(n)", 0.0),
        ("O(n*log(n)^2/log(log(n)))", lambda n: n * LOG(n) ** 2 / LOG(LOG(n)), "n^a*log(n)^2/log(log(n))", 1.0),
        ("Theta(n*log(3*n))", lambda n: n * LOG(3 * n), "n^a*log(n)", 1.0),
        ("Theta~(sqrt(n))", lambda n: n**0.5 * LOG(n), "n^a up to powers of log(n)", 0.5),
        ("Theta(sqrt(n))", lambda n: n**0.5, "", 0.5),
        ("Theta(sqrt(n) + log(n))", lambda n: n**0.5 + LOG(n), "", 0.5),
        ("Limit(sqrt(n)*log(n))", lambda n: n**0.5 * LOG(n), "", 1.0),
    ],
)
def test_the_exponent_is_of_the_power_beside_the_logarithms(
    statement: str, truth: Callable[[Any], Any], of: str, power: float
) -> None:
    j = judged(statement, truth)
    assert j.exponent_of == of
    assert j.estimate == pytest.approx(power, abs=0.12), "the power that was put in, not the slope of the samples"
    assert judgement_dict(j)["exponent_of"] == (of or None)
    told = words.estimate(j)
    if of:
        assert told.startswith(f"slope a = {j.estimate:.3f} [")
        assert told.endswith(f"] in {of}, claimed {j.claimed:.3g}")
        assert f"the exponent a in {of} is in [" in j.reason
    else:
        assert " = " not in told
        assert " in " not in told


@pytest.mark.parametrize(
    ("statement", "truth", "of", "claimed"),
    [
        ("Theta(sqrt(n)*log(k))", lambda n, k: n**0.5 * LOG(k), "n^a*k^b*log(k)", (0.5, 0.0)),
        ("Theta(n*log(n)/k)", lambda n, k: n * LOG(n) / k, "n^a*k^b*log(n)", (1.0, -1.0)),
        ("Theta(log(n)*log(k)^2)", lambda n, k: LOG(n) * LOG(k) ** 2, "n^a*k^b*log(k)^2*log(n)", (0.0, 0.0)),
        ("Theta~(n/k)", lambda n, k: n / k, "n^a*k^b up to powers of logarithms", (1.0, -1.0)),
        ("Theta(n/k)", lambda n, k: n / k, "", (1.0, -1.0)),
    ],
)
def test_several_sizes(statement: str, truth: Callable[..., Any], of: str, claimed: tuple[float, float]) -> None:
    n, k = (grid.ravel().astype(float) for grid in np.meshgrid(N, [20, 50, 120, 300, 700]))
    rng = np.random.default_rng(1)
    j = judge(
        {"n": n, "k": k}, [truth(a, b) * rng.lognormal(0, 0.05, 20) for a, b in zip(n, k, strict=True)], statement
    )
    assert j.exponent_of == of
    assert tuple(e.claimed for e in j.exponents) == pytest.approx(claimed)
    assert [e.estimate for e in j.exponents] == pytest.approx(claimed, abs=0.1)
    if of:
        letter = {"n": "a", "k": "b"}[j.variable]
        assert words.estimate(j).startswith(f"slope {letter} = ")
        assert f"the exponent {letter} in {of}" in j.reason


def test_every_format_says_it(tiny: Callable[..., Law]) -> None:
    law = tiny(statement="Theta(log(n)*sqrt(n))")
    j = judged("Theta(log(n)*sqrt(n))", lambda n: n**0.25 * LOG(n))
    report = Report((Entry(law, "relu", j),), {"versions": {}, "wall_s": 1.0, "seed": 0, "trials": 30})
    told = f"a = {j.estimate:.3f}"
    assert "Slope a = " in report.to_html()
    assert "in n^a*log(n), claimed 0.5" in report.to_html()
    assert rf"{told}" in report.to_markdown()
    assert r"in n^a\*log(n), claimed 0.5" in report.to_markdown()
    assert r"in n\textasciicircum{}a*log(n), claimed 0.5" in report.to_latex()
    content = json.loads(report.to_json())
    assert content["judgements"][0]["exponent_of"] == "n^a*log(n)"
    again = Report.from_dict(content)
    assert again.to_html() == report.to_html()
    del content["judgements"][0]["exponent_of"]
    assert Report.from_dict(content).entries[0].judgement.exponent_of == "", "a report of an older version"
