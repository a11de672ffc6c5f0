"""What is told before anything is simulated, and that what is told is so."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from bigtheta.theory.catalogue import activation
from bigtheta.theory.law import Control, Law, laws
from bigtheta.theory.statement import Peak
from bigtheta.verify.checks import judge_law
from bigtheta.verify.cli import main
from bigtheta.verify.foresight import DesignWarning, foreseen
from bigtheta.verify.judge import judge
from bigtheta.verify.peak import judge_peak, unseen
from bigtheta.verify.run import verify
from bigtheta.verify.verdict import Verdict

KERNEL: dict[str, Any] = {"name": "mine", "model": "rf-kernel", "statement": "Theta(n)", "path": {"d": "n"}}


def of_sizes(*sizes: int, **change: Any) -> Law:
    return Law(**(KERNEL | {"sizes": {"n": list(sizes)}} | change))


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([20, 200], "fewer than 3 sizes decide nothing (here 2): give 5 or more"),
        ([20, 40, 300], "fewer than 5 sizes never PASS (here 3): add sizes"),
        ([20, 40, 80, 300], "fewer than 5 sizes never PASS (here 4): add sizes"),
        ([20, 40, 80, 160, 199], "n = 20 to 199 is less than one decade, which never PASSes: widen the range"),
        ([300, 310, 320, 330, 340, 350], "n = 300 to 350 is less than one decade, which never PASSes: widen the range"),
        ([20, 40, 80, 160, 200], None),
        ([20, 40, 80, 160, 2000], None),
    ],
)
def test_what_sizes_cannot_decide_is_what_the_judge_does_not_pass(sizes: list[int], words: str | None) -> None:
    assert foreseen([of_sizes(*sizes)]) == ([] if words is None else [f"law 'mine': {words}"])
    rng = np.random.default_rng(0)
    exact = [n * np.exp(1e-3 * rng.standard_normal(40)) for n in sizes]
    found = judge({"n": sizes}, exact, "Theta(n)")
    assert (found.verdict is Verdict.PASS) == (words is None)


def peaked(*sizes: int, controls: list[str]) -> Law:
    return Law(
        name="peaked", model="random-features", statement=Peak("n/k", at=1), path={"d": "50", "k": "100"},
        sizes={"n": list(sizes)}, activations=["relu"],
        controls=[Control(statement=text, because="elsewhere") for text in controls],
    )  # fmt: skip


AROUND_ONE = (40, 60, 75, 87, 93, 100, 108, 115, 133, 150, 167, 190, 220, 250, 500)


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ("Peak(n/k, at=1.6)", None),
        ("Peak(n/k, at=3.5)", "needs a cell within a factor 1.2 of it"),
        ("Peak(n/k, at=2.1)", "cells there are a factor 2 apart, too far"),
        ("Peak(n/k, at=0.75)", None),
        ("Peak(n/k, at=0.42)", "has no cell below it"),
    ],
)
def test_a_control_without_cells_at_its_place_is_known_and_does_not_fail(control: str, words: str | None) -> None:
    told = foreseen([law := peaked(*AROUND_ONE, controls=[control])])
    assert len(told) == (words is not None)
    if words is not None:
        assert told[0].startswith("law 'peaked': control Peak")
        assert words in told[0]
        assert told[0].endswith("or it cannot FAIL")
    rng = np.random.default_rng(0)
    ratios = np.array(AROUND_ONE) / 100
    samples = [np.exp(0.01 * rng.standard_normal(40)) / (abs(np.log(r)) + 0.05) for r in ratios]
    at = float(re.findall(r"at=([0-9.]+)", control)[0])
    (finding,) = judge_peak(ratios, samples, [at])
    assert finding.verdict is (Verdict.FAIL if words is None else Verdict.INCONCLUSIVE)
    assert law.controls


def test_a_peak_that_its_own_sizes_cannot_show_is_told() -> None:
    assert foreseen([peaked(50, 90, 100, 110, controls=[])]) == [
        "law 'peaked': a peak at n/k = 1 needs 5 cells with n/k from 0.4 to 2.5 but there are 4: add sizes, "
        "or it is INCONCLUSIVE"
    ]
    assert unseen([0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2.0], Peak("n/k", at=1)) == []


def test_shipped_laws_can_be_decided_by_their_own_sizes() -> None:
    assert foreseen(laws()) == []


def test_it_is_told_in_python_and_on_the_command_line_before_anything_is_simulated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    seen: list[str] = []
    with pytest.warns(DesignWarning, match="law 'mine': fewer than 5 sizes never PASS"):
        report = verify(of_sizes(10, 20, 40, statement="Theta(sqrt(n))"), trials=2)
    assert report.verdict is not Verdict.PASS

    def refuse(*given: Any, **named: Any) -> None:
        seen.append("simulated")

    monkeypatch.setattr("bigtheta.verify.run.run", refuse)
    given = ["check", "--model", "rf-kernel", "--statement", "Theta(n)", "--path", "d=n", "--sizes", "n=10,20,40"]
    shown = CliRunner().invoke(main, [*given, "--plan", "--out", str(tmp_path / "r")])
    assert shown.exit_code == 0, shown.output
    assert "Warning: law 'my-bound': fewer than 5 sizes never PASS (here 3): add sizes\n" in shown.output
    assert seen == []


def test_a_student_is_not_told_to_use_the_activation_it_has() -> None:
    student = Law(
        name="s", model={"kind": "quadratic-student", "regime": "rf"}, statement="Theta(1)", path={"k": "2*d"},
        sizes={"d": [2, 4, 8, 16, 32]}, activations=["relu"],
    )  # fmt: skip
    row = {"d": 2, "k": 4, "value": float("nan"), "status": "no-series", "residual": float("nan")}
    found = judge_law(student, activation("relu"), pd.DataFrame([row]))
    assert found.verdict is Verdict.ERROR
    assert "two weights point nearly the same way (d = 2, k = 4); enlarge d, or use an activation" in found.reason
    assert "relu" not in found.reason


def test_a_ridge_fit_that_failed_is_not_said_to_interpolate() -> None:
    ridged = of_sizes(10, 20, 40, 80, 160, model={"kind": "rf-kernel", "ridge": 1e-9})
    row = {"n": 10, "d": 10, "value": 1.0, "status": "failed", "residual": 1e-3}
    reason = judge_law(ridged, activation("relu"), pd.DataFrame([row])).reason
    assert "ridge fits are not solved to their equations (residual 1.0e-03 at n = 10, d = 10); enlarge" in reason
