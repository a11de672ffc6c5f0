"""assert_law, and the pytest plugin: in test-suites of users, run by pytest itself."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bigtheta.verify.run as run_module
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Control, Law
from bigtheta.theory.statement import Omega, Theta
from bigtheta.verify.assertion import assert_law, settings, told_to

ROOT = Path(__file__).parents[2]
TABLE = {
    "name": "tiny", "model": "rf-kernel", "statement": "Theta(sqrt(n))", "path": {"d": "2*n"},
    "sizes": {"n": [20, 35, 60, 110, 190, 320]},
}  # fmt: skip
SPEC = """
[law]
name = "tiny"
model = "rf-kernel"
statement = "{}"
path = {{ d = "2*n" }}
sizes = {{ n = [20, 35, 60, 110, 190, 320] }}
"""


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Put samples of size sqrt(n) in the place of the simulation, with this relative noise."""

    def with_noise(sd: float) -> None:
        def run(experiments: Any, **options: Any) -> list[pd.DataFrame]:
            rng = np.random.default_rng(0)
            solved = {"residual": 0.0, "condition": 1.0, "status": "ok"}
            return [
                pd.DataFrame(
                    {**cell, **solved, "value": cell["n"] ** 0.5 * np.exp(sd * rng.normal())}
                    for cell, count in zip(experiment.cells, experiment.trials, strict=True)
                    for _ in range(count)
                )
                for experiment in experiments
            ]

        monkeypatch.setattr(run_module, "run", run)

    return with_noise


# --- assert_law ------------------------------------------------------------------------------------------------------


def test_a_true_law_is_no_error_and_a_wrong_one_is(simulated: Callable[[float], None], tmp_path: Path) -> None:
    simulated(0.03)
    assert assert_law(Law(**TABLE)).verdict.value == "PASS"
    assert assert_law(TABLE).entries[0].law == Law(**TABLE)
    assert assert_law({"law": TABLE}, trials=5).provenance["trials"] == 5
    (tmp_path / "my.toml").write_text(SPEC.format("Theta(n)"))
    for given in (tmp_path / "my.toml", str(tmp_path / "my.toml"), TABLE | {"statement": "Theta(n)"}):
        with pytest.raises(AssertionError, match=r"^FAIL: S = Theta\(n\) of tiny with relu: the exponent of n is in "):
            assert_law(given)


def test_a_control_that_passes_is_an_error(simulated: Callable[[float], None]) -> None:
    simulated(0.03)
    good = Control(statement=Theta("n"), because="the square")
    bad = Control(statement=Omega("1"), because="true by mistake")
    assert len(assert_law(Law(**TABLE, controls=[good])).entries) == 2
    with pytest.raises(AssertionError, match=r"^PASS: S = Omega\(1\) \(a negative control, which must FAIL\) of tiny"):
        assert_law(Law(**TABLE, controls=[good, bad]))


def test_inconclusive_is_what_is_asked(simulated: Callable[[float], None]) -> None:
    simulated(3.0)
    with pytest.raises(AssertionError, match=r"^INCONCLUSIVE: .*(?s:.*)inconclusive='skip' or 'pass' accepts this"):
        assert_law(TABLE)
    assert assert_law(TABLE, inconclusive="pass").verdict.value == "INCONCLUSIVE"
    with pytest.raises(pytest.skip.Exception, match="INCONCLUSIVE: S = "):
        assert_law(TABLE, inconclusive="skip")
    with pytest.raises(InvalidInputError, match="unknown choice of inconclusive 'skp'; did you mean 'skip'"):
        assert_law(TABLE, inconclusive="skp")


@pytest.mark.parametrize("choice", ["fail", "pass", "skip"])
def test_fail_is_never_accepted(simulated: Callable[[float], None], choice: str) -> None:
    simulated(0.03)
    with pytest.raises(AssertionError, match=r"^FAIL"):
        assert_law(TABLE | {"statement": "Theta(n)"}, inconclusive=choice)


def test_what_was_not_simulated_does_not_pass() -> None:
    absent = TABLE | {"inputs": {"kind": "dataset", "name": "mnist", "path": "/nowhere"}, "path": {"d": 784}}
    for choice in ("fail", "pass"):
        with pytest.raises(AssertionError, match=r"^SKIPPED: "):
            assert_law(absent, inconclusive=choice)
    with pytest.raises(pytest.skip.Exception, match="SKIPPED: "):
        assert_law(absent, inconclusive="skip")


def test_the_profile_is_the_default_of_the_session(simulated: Callable[[float], None]) -> None:
    simulated(0.03)
    before = settings.profile
    try:
        settings.profile = "full"
        assert assert_law(TABLE).provenance["profile"] == "full"
        assert assert_law(TABLE, profile="standard").provenance["profile"] == "standard"
    finally:
        settings.profile = before


def test_who_listens_is_told_a_line_a_law(simulated: Callable[[float], None]) -> None:
    simulated(0.03)
    told: list[str] = []
    with told_to(told.append):
        assert_law(TABLE | {"controls": [{"statement": "Theta(n)", "because": "x"}]}, activations=["relu", "tanh"])
        with pytest.raises(AssertionError):
            assert_law(TABLE | {"statement": "Theta(n)"})
    assert_law(TABLE)
    assert len(told) == 3
    assert re.match(
        r"PASS  tiny  relu  S = Theta\(sqrt\(n\)\)  slope 0\.\d+ \[.*control Theta\(n\): FAIL as it must", told[0]
    )
    assert told[2].startswith("FAIL  tiny  relu  S = Theta(n)  slope ")


# --- in pytest -------------------------------------------------------------------------------------------------------

SUITE = """
import pytest
import bigtheta
from bigtheta.verify.assertion import settings

TABLE = {table!r}

@pytest.fixture
def law():
    bigtheta.assert_law(TABLE, trials=4)
    return TABLE

@pytest.mark.bigtheta
def test_true(law):
    pass

@pytest.mark.bigtheta
def test_wrong():
    bigtheta.assert_law(TABLE | {{"statement": "Theta(n)"}}, trials=4)

def test_profile():
    assert settings.profile == "standard"
"""
LIGHT = """
import sys
import pytest
from bigtheta.verify.assertion import settings

HEAVY = {"torch", "sympy", "numpy", "pandas", "scipy", "matplotlib", "msgspec", "click", "jinja2"}

@pytest.fixture
def broken():
    settings.listener("FAIL  in a fixture")
    raise ValueError

@pytest.mark.bigtheta
def test_lines():
    settings.listener("PASS  one")
    settings.listener("PASS  two")

def test_of_a_broken_fixture(broken):
    pass

def test_nothing_heavy_is_imported_at_the_start():
    assert "bigtheta.verify.pytest_plugin" in sys.modules
    assert not HEAVY & set(sys.modules)
    assert settings.profile == "quick"
"""


def folder_of_the_entry_point(target: Path) -> Path:
    """An installed distribution that has the entry point of pyproject.toml, whether or not this one is installed."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    info = target / "site" / "bigtheta_entry-0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bigtheta-entry\nVersion: 0\n")
    lines = [f"{name} = {value}" for name, value in table.items()]
    (info / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines, ""]))
    return info.parent


def run_pytest(tmp_path: Path, suite: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "test_suite.py").write_text(suite)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\naddopts = --strict-markers -p no:cacheprovider\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "COV"))}
    environment["PYTHONPATH"] = str(folder_of_the_entry_point(tmp_path))
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def laws_told(output: str) -> list[str]:
    """The lines of the summary's section."""
    section = output.partition(" asymptotic laws ")[2]
    return [line for line in section.splitlines() if re.match(r"(PASS|FAIL)  \w", line)]


def test_a_suite_of_a_user(tmp_path: Path) -> None:
    """In a worker of pytest-xdist, whose lines must travel to where the summary is printed."""
    result = run_pytest(tmp_path, SUITE.format(table=TABLE), "--bigtheta-profile", "standard", "-n", "1")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "1 failed, 2 passed" in result.stdout
    assert "AssertionError: FAIL: S = Theta(n) of tiny with relu: the exponent of n is in " in result.stdout
    assert "def assert_law" not in result.stdout, "the traceback ends in the test"
    assert [line.partition("  slope")[0] for line in laws_told(result.stdout)] == [
        "PASS  tiny  relu  S = Theta(sqrt(n))", "FAIL  tiny  relu  S = Theta(n)",
    ]  # fmt: skip


def test_each_line_is_told_once_and_pytest_starts_light(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, LIGHT, "-p", "no:hypothesispytest")
    assert "2 passed, 1 error" in result.stdout, result.stdout + result.stderr
    assert laws_told(result.stdout) == ["PASS  one", "PASS  two", "FAIL  in a fixture"]


def test_a_suite_without_laws_says_nothing_of_them(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, "def test_nothing():\n    pass\n")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "asymptotic laws" not in result.stdout


def test_the_options_are_explained(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, "", "--markers")
    assert "@pytest.mark.bigtheta: judges an asymptotic law by simulation" in result.stdout
    assert run_pytest(tmp_path, "", "--bigtheta-profile", "slow").returncode == 4


def test_the_installed_entry_point_is_that_of_the_project() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert table == {"bigtheta": "bigtheta.verify.pytest_plugin"}
    for point in importlib.metadata.entry_points(group="pytest11", name="bigtheta"):
        assert point.value == table["bigtheta"]
