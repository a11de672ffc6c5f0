"""Curves: cells of a simulation beside an exact limit, its peaks, and the files of the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bigtheta.verify.curve as module
from bigtheta.numerics.sweep import simulate
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.limits.quadratic_tradeoff import tradeoff
from bigtheta.verify.cli import main
from bigtheta.verify.curve import Curve, curve
from bigtheta.verify.curve_pair import CurvePair, curve_pair

SWEEP: dict[str, Any] = {
    "model": "random-features", "path": {"d": 15, "k": 30}, "sizes": {"n": [10, 20, 30, 40, 60]}, "trials": 6,
    "seed": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def found() -> Curve:
    return curve(**SWEEP)


def test_cells_are_those_of_a_simulation(found: Curve) -> None:
    cell = found.cells[found.cells["n"] == 20].iloc[0]
    alone = simulate(model="random-features", activation="relu", sizes={"n": 20, "d": 15, "k": 30}, trials=6, seed=3)
    logs = np.log(alone["value"])
    assert cell["geomean"] == pytest.approx(np.exp(logs.mean()))
    assert cell["low"] < cell["geomean"] < cell["high"]
    assert (cell["d"], cell["k"], cell["trials"]) == (15, 30, 6)
    assert len(found.trials) == 5 * 6


def test_the_limit_stands_beside_the_cells_and_peaks_where_n_is_k(found: Curve) -> None:
    assert found.limit == "sobolev"
    away = found.cells[found.cells["n"] != 30]
    np.testing.assert_allclose(away["geomean"], away["limit"], rtol=0.35)  # d = 15: a limit only in name
    assert np.isinf(found.cells.set_index("n")["limit"][30])
    assert found.peaks == (30.0,)
    assert found.diverges == ((30.0, 30.0),)
    assert module.peak_lines(found) == ["the limit diverges at n = 30"]
    assert set(found.line["n"]) >= {10, 20, 40, 60}
    assert found.line["limit"].notna().sum() > 40


def test_without_a_limit_the_cells_alone() -> None:
    alone = curve(**(SWEEP | {"quantity": "test-error", "trials": 2}))
    assert alone.limit is None
    assert alone.peaks == ()
    assert len(alone.line) == 0
    assert "limit" not in alone.cells


def test_peaks_are_found_by_prominence() -> None:
    n = np.arange(1, 200)
    values = 1 + 5 * np.exp(-(((n - 50) / 5) ** 2)) + 0.005 * np.exp(-(((n - 150) / 5.0) ** 2))
    line = pd.DataFrame({"n": n, "limit": values})
    assert module._peaks(line, "n") == ((50.0,), ())
    assert module._peaks(line.assign(limit=n * 1.0), "n") == ((), ())


@pytest.mark.parametrize(
    ("infinite", "stretches"),
    [
        ([30], ((30, 30),)),
        ([1], ((1, 1),)),
        ([199], ((199, 199),)),
        ([30, 90], ((30, 30), (90, 90))),
        ([30, 31, 32], ((30, 32),)),
        ([49, 50, 51], ((49, 51),)),
        (range(1, 200), ((1, 199),)),
    ],
)
def test_an_infinite_size_is_a_maximum_wherever_it_stands(infinite: Any, stretches: Any) -> None:
    n = np.arange(1, 200)
    values = np.where(np.isin(n, list(infinite)), np.inf, 1 + 5 * np.exp(-(((n - 50) / 5) ** 2)))
    peaks, found = module._peaks(pd.DataFrame({"n": n, "limit": values}), "n")
    assert found == stretches
    ends = {float(end) for stretch in stretches for end in stretch}
    assert set(peaks) == ends | (set() if 50 in infinite else {50.0})


@pytest.mark.parametrize(("low", "high", "k"), [(7, 4_000, 1_003), (40, 60_000, 30_011), (20, 400, 150)])
def test_a_maximum_between_the_sizes_of_the_line_is_found(low: int, high: int, k: int) -> None:
    """At n = k the limit of random features is infinite, and n = k is not on the grid of 400 sizes."""
    asked = {round(value) for value in np.geomspace(low, high, module.DENSE)}
    sweep = SWEEP | {
        "sizes": {"n": [low, high]},
        "path": {"d": 2 * k, "k": k},
        "activation": "tanh",
        "limit": "sobolev",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            module, "run", lambda experiments, **_: [pd.DataFrame({"n": [low, high] * 2, "value": [1.0] * 4})]
        )
        found = curve(**sweep)
    assert (k in asked) == (k == 150)
    assert found.diverges == ((k, k),)


def test_a_finite_maximum_is_the_highest_whole_size() -> None:
    """A ridge makes it finite; the grid has steps of 2%."""
    sweep = SWEEP | {"sizes": {"n": [20, 3_000]}, "path": {"d": 500, "k": 700}, "activation": "tanh"}
    sweep |= {"model": {"kind": "random-features", "ridge": 0.01}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            module, "run", lambda experiments, **_: [pd.DataFrame({"n": [20, 3_000] * 2, "value": [1.0] * 4})]
        )
        found = curve(**sweep)
    (peak,) = found.peaks
    near = found.line[(found.line["n"] - peak).abs() <= 3]
    assert len(near) == 7
    assert near["limit"].idxmax() == near.index[near["n"] == peak][0]
    assert found.diverges == ()
    assert module.peak_lines(found) == [f"the limit has a maximum at n = {peak:g}"]


def test_the_interval_of_a_cell_is_its_own() -> None:
    """Student's t on the logarithms, whichever other cells are asked for."""
    logs = {20: [0.0, 0.1, 0.4], 30: [3.0, 7.0, 5.5, 1.0], 40: [1.0, 1.01]}
    rows = pd.DataFrame([{"n": n, "value": np.exp(v)} for n, values in logs.items() for v in values])
    experiment = curve(**(SWEEP | {"trials": 2, "sizes": {"n": [10, 20]}})).experiment
    for asked in ([20], [20, 30], [30, 20, 40], [40, 20]):
        cells = tuple({"n": n, "d": 15, "k": 30} for n in asked)
        table = module._cells(replace(experiment, cells=cells, trials=(3,) * len(cells)), rows).set_index("n")
        mean, half = 0.5 / 3, 4.302653 * np.std(logs[20], ddof=1) / np.sqrt(3)  # t of two degrees of freedom
        expected = np.exp([mean - half, mean, mean + half])
        np.testing.assert_allclose(table.loc[20, ["low", "geomean", "high"]].to_numpy(float), expected, rtol=1e-6)


def test_curve_json_is_json_where_the_limit_is_infinite(found: Curve, tmp_path: Path) -> None:
    found.write(tmp_path)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    about = json.loads((tmp_path / "curve.json").read_text(), parse_constant=refuse)
    assert about["diverges"] == [[30.0, 30.0]]
    assert [cell["limit"] is None for cell in about["cells"]] == [False, False, True, False, False]
    assert "limit infinite" in (tmp_path / "curve.svg").read_text()


def test_files(found: Curve, tmp_path: Path) -> None:
    found.write(tmp_path / "curve")
    about = json.loads((tmp_path / "curve" / "curve.json").read_text())
    assert about["limit"] == "sobolev"
    assert len(about["cells"]) == 5
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "curve" / "curve.csv"), found.cells)
    picture = (tmp_path / "curve" / "curve.svg").read_text()
    assert "exact limit" in picture
    assert "measured, 95%" in picture


def test_the_command(tmp_path: Path) -> None:
    given = [
        "curve",
        "--model",
        "rf-kernel",
        "--path",
        "d=2*n",
        "--sizes",
        "n=10,20,40",
        "--trials",
        "2",
        "--jobs",
        "1",
    ]
    shown = CliRunner().invoke(main, [*given, "--out", str(tmp_path / "c")])
    assert shown.exit_code == 0, shown.output
    assert "geomean" in shown.output
    assert {p.name for p in (tmp_path / "c").iterdir()} >= {"curve.svg", "curve.csv", "limit.csv", "curve.json"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sizes": {}}, "expected one free size"),
        ({"path": {"d": 15}}, "needs k; add it"),
        ({"limit": "sobolef"}, "did you mean 'sobolev'"),
        ({"quantity": "train-error", "limit": "sobolev"}, "expected the quantity sobolev"),
        ({"trials": 0}, "trials"),
        ({"activation": "rellu"}, "did you mean 'relu'"),
    ],
)
def test_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        curve(**(SWEEP | change))


@pytest.fixture(scope="module")
def pair() -> CurvePair:
    return curve_pair(
        model={"kind": "quadratic-student", "regime": "rf"}, path={"d": 24}, sizes={"k": [6, 12, 24, 48]}, trials=6,
        against="test-error",
    )  # fmt: skip


def test_robustness_against_error_lies_on_the_tradeoff_of_the_limits(pair: CurvePair) -> None:
    exact = tradeoff("rf", phi="relu", at=[6 / 24, 12 / 24, 24 / 24, 48 / 24])
    np.testing.assert_allclose(pair.cells["limit_sobolev"], exact.robustness)
    np.testing.assert_allclose(pair.cells["limit_test-error"], exact.error)
    np.testing.assert_allclose(pair.cells["geomean_test-error"], exact.error, rtol=0.1)
    np.testing.assert_allclose(pair.cells["geomean_sobolev"], exact.robustness, rtol=0.3)
    assert list(pair.line.columns) == ["d", "k", "limit_sobolev", "limit_test-error"]
    alone = simulate(
        model={"kind": "quadratic-student", "regime": "rf"},
        quantity="test-error",
        sizes={"d": 24, "k": 12},
        trials=6,
        activation="relu",
    )
    assert pair.cells["geomean_test-error"][1] == pytest.approx(np.exp(np.log(alone["value"]).mean()))


def test_files_of_a_pair(pair: CurvePair, tmp_path: Path) -> None:
    pair.write(tmp_path / "pair")
    about = json.loads((tmp_path / "pair" / "curve.json").read_text())
    assert (about["quantity"], about["against"]) == ("sobolev", "test-error")
    assert len(pd.read_csv(tmp_path / "pair" / "trials.csv")) == 2 * 4 * 6
    picture = (tmp_path / "pair" / "curve.svg").read_text()
    for words in ("test error E", "Sobolev energy S", "k = 6", "k = 48", "exact limit", "d = 24"):
        assert words in picture


def test_a_quantity_against_itself_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="expected another quantity than 'sobolev'"):
        curve_pair(**SWEEP, against="sobolev")


def test_the_command_with_two_quantities(tmp_path: Path) -> None:
    given = ["curve", "--model", "rf-kernel", "--path", "d=2*n", "--sizes", "n=10,20", "--trials", "2", "--jobs", "1"]
    shown = CliRunner().invoke(main, [*given, "--against", "train-error", "--out", str(tmp_path / "c")])
    assert shown.exit_code == 0, shown.output
    assert "geomean_train-error" in shown.output
