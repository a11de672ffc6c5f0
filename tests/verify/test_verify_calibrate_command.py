"""The command `calibrate`: exit codes, what it prints and what it writes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result as Ran

import bigtheta.verify.calibration.benchmark as benchmark_module
from bigtheta.verify.calibration.benchmark import GROUPS, Result
from bigtheta.verify.calibration.procedures import OURS, PROCEDURES
from bigtheta.verify.calibration.score import METRICS, Outcome
from bigtheta.verify.verdict import Verdict

SMALL = ("calibrate", "--families", "development", "--instances", "4", "--theorems", "2", "--jobs")
Call = Callable[..., Ran]


def made(count: int, wrong: int = 0) -> Result:
    """A result of `count` instances in each group, on `wrong` of which every verdict is wrong."""
    right = {"true": Verdict.PASS, "at_1": Verdict.INCONCLUSIVE, "at_15": Verdict.FAIL, "at_25": Verdict.FAIL}
    flipped = {"true": Verdict.FAIL, "at_1": Verdict.PASS, "at_15": Verdict.PASS, "at_25": Verdict.PASS}
    outcomes = []
    for procedure in PROCEDURES:
        for group in GROUPS:
            if not group.endswith(procedure.kind):
                continue
            for index in range(count):
                bad = index < wrong
                verdicts = flipped if bad else right
                outcomes.append(
                    Outcome(
                        group=group, family="f", noise="z", procedure=procedure.name, covered=not bad, seconds=0.004,
                        quarter=verdicts["at_25"], **verdicts,
                    )
                )  # fmt: skip
    return Result(tuple(outcomes), ("release",), count, count, 0, 1.0)


@pytest.mark.parametrize(
    ("result", "code", "word"),
    [(made(600, 3), 0, "holds"), (made(600, 90), 1, "violated"), (made(20), 3, "not shown")],
)
def test_exit_code_is_the_acceptance(
    result: Result, code: int, word: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def fake(splits: Any, **options: Any) -> Result:
        asked.update(options, splits=splits)
        return result

    monkeypatch.setattr(benchmark_module, "benchmark", fake)
    ran = call("calibrate")
    assert ran.exit_code == code
    assert f"acceptance on the release families: {word}" in ran.stdout
    assert asked["splits"] == ("release",)
    assert (asked["instances"], asked["theorems"], asked["seed"]) == (900, 300, 0)
    call("calibrate", "--families", "all", "--quick")
    assert asked["splits"] == ("development", "release")
    assert asked["instances"] < 100


def test_prints_every_rate_with_its_bound_for_every_procedure(call: Call) -> None:
    ran = call(*SMALL, "1", "--detail")
    assert ran.exit_code in (1, 3), "so few instances cannot show that the acceptance holds"
    assert "synthetic orders: 4 instances, delta = 0.1" in ran.stdout
    assert "theorem one-sided: 2 instances, delta = 0.1" in ran.stdout
    for metric in METRICS:
        assert metric in ran.stdout
    for procedure in PROCEDURES:
        assert procedure.name in ran.stdout
    assert "coupon collector" in ran.stdout
    assert re.search(r"median processor time of a call of bigtheta.judge: \d+\.\d ms", ran.stdout)
    assert "judged 6 of 6 instances" in ran.stderr
    assert not list(Path().iterdir()), "nothing is written unless asked"


def test_writes_rates_and_figure_and_prints_json(call: Call) -> None:
    ran = call(*SMALL, "1", "--seed", "3", "--json", "--out", "here")
    table = json.loads(ran.stdout)
    assert table["seed"] == 3
    assert table["families"] == ["development"]
    assert table["acceptance"] in ("OPEN", "VIOLATED")
    for metric in METRICS:
        rate = table["rates"]["synthetic orders"][OURS][metric]
        assert rate["low"] <= rate["rate"] == rate["hits"] / rate["total"] <= rate["high"]
    written = json.loads(Path("here/calibration.json").read_text())
    assert written["rates"] == table["rates"]
    assert written["provenance"]["seed"] == 3
    figure = Path("here/calibration.svg").read_text()
    assert figure.startswith("<?xml")
    assert "wls-equivalence" in figure
    assert "false PASS at 1.5 delta" in figure


def test_of_stress_families_nothing_is_required(call: Call) -> None:
    ran = call("calibrate", "--families", "stress", "--instances", "3", "--theorems", "1", "--jobs", "1")
    assert ran.exit_code == 0
    assert "stress orders: 3 instances" in ran.stdout
    assert "acceptance on the stress families: not required" in ran.stdout
    assert "theorem" not in ran.stdout


@pytest.mark.slow
def test_processes_change_nothing(call: Call) -> None:
    tables = [json.loads(call(*SMALL, jobs, "--json").stdout) for jobs in ("1", "2")]
    assert tables[0]["rates"] == tables[1]["rates"]
    assert tables[0]["by_family"] == tables[1]["by_family"]


@pytest.mark.parametrize(
    "arguments", [("--families", "unseen"), ("--instances", "0"), ("--jobs", "0"), ("--seed", "-1")]
)
def test_bad_usage_is_exit_code_2(arguments: tuple[str, str], call: Call) -> None:
    ran = call("calibrate", *arguments)
    assert ran.exit_code == 2
    assert arguments[0] in ran.stderr
