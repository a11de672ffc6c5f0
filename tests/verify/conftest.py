"""For the tests of verify/: synthetic samples, a law small enough to simulate, a report without simulation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from bigtheta.theory.law import Law
from bigtheta.verify.cli import main
from bigtheta.verify.judge import judge
from bigtheta.verify.report.report import Entry, Report

SIZES = (20, 35, 60, 110, 190, 320)


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Result:
        result = CliRunner().invoke(main, list(map(str, arguments)))
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture(scope="session")
def draw() -> Callable[..., list[np.ndarray]]:
    """Return lognormal samples around a mean: an array for each size."""

    def samples(mean: Any, sizes: Any, *, trials: int = 40, sd: float = 0.05, seed: int = 0) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        return [mean(float(size)) * np.exp(sd * rng.standard_normal(trials)) for size in sizes]

    return samples


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Law]:
    """Return a law on the infinite-width kernel that simulates in a moment; keywords change its fields."""

    def law(**changes: Any) -> Law:
        fields: dict[str, Any] = {
            "name": "tiny",
            "model": "rf-kernel",
            "statement": "Theta(sqrt(n))",
            "path": {"d": "2*n"},
            "sizes": {"n": list(SIZES)},
        }
        return Law(**(fields | changes))

    return law


@pytest.fixture(scope="session")
def made(tiny: Callable[..., Law], draw: Callable[..., list[np.ndarray]]) -> Callable[..., Report]:
    """Return a report on synthetic samples of size sqrt(n): laws and controls given as (law, activation, control)."""

    def frame(activation: str, samples: list[np.ndarray]) -> pd.DataFrame:
        rows = [
            {
                "activation": activation, "n": n, "d": 2 * n, "trial": index, "value": value,
                "residual": 1e-15, "condition": 50.0, "status": "ok",
            }
            for n, cell in zip(SIZES, samples, strict=True)
            for index, value in enumerate(cell)
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def report(*asked: tuple[Any, ...], sd: float = 0.05, count: int = 40, **about: Any) -> Report:
        entries = []
        for law, activation, control in asked or ((tiny(), "relu", None),):
            samples = draw(np.sqrt, SIZES, sd=sd, trials=count)
            statement = control.statement if control is not None and control.statement is not None else law.statement
            sizes = {"n": list(SIZES), "d": [2 * n for n in SIZES]}
            judgement = judge(sizes, samples, statement, law.margin)
            entries.append(Entry(law, activation, judgement, control, frame(activation, samples)))
        provenance = {
            "versions": {"python": "3.11.0", "bigtheta": "0.1.0"}, "seed": 7, "device": "cpu", "commit": "abc123",
            "trials": 12, "profile": "quick", "wall_s": 1.5,
        }  # fmt: skip
        return Report(tuple(entries), provenance | about)

    return report
