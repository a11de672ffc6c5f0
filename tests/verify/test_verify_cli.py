"""The command line: exit codes, one line for each mistake and nothing written, and only what is needed is imported."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mpmath
import pytest
import sympy
from click.testing import CliRunner, Result

import bigtheta
import bigtheta.theory.law as law_module
import bigtheta.verify.run as run_module
from bigtheta.theory.law import Law
from bigtheta.verify.cli import main

LawOf = Callable[..., Law]

GOOD = {
    "--model": "rf-kernel", "--statement": "Theta(sqrt(n))", "--path": "d=2*n", "--sizes": "n=20,35,60,110,190,320",
    "--trials": "4", "--jobs": "1", "--device": "cpu",
}  # fmt: skip
SPEC = """
[law]
name = "my-bound"
source = "draft v3"
model = "rf-kernel"
statement = "Theta(sqrt(n))"
path = { d = "2*n" }
sizes = { n = [20, 35, 60, 110, 190, 320] }
activations = ["relu"]
"""


def check(*extra: str, **changes: str | None) -> list[str]:
    """The arguments of a good `check` with some flags changed, added, or (None) left out."""
    flags = GOOD | {f"--{name}": value for name, value in changes.items()}
    return ["check", *extra, *(word for name, value in flags.items() if value is not None for word in (name, value))]


@pytest.fixture
def unsimulated(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note what is simulated, and simulate nothing."""
    seen: list[Any] = []

    def run(experiments: Any, **options: Any) -> Any:
        seen.append(experiments)
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "run", run)
    return seen


# --- exit codes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code", "verdict"),
    [
        ({}, 0, "PASS"),
        ({"statement": "Omega(1)"}, 0, "PASS"),
        ({"statement": "Theta(n)"}, 1, "FAIL"),
        ({"statement": "O(1)"}, 1, "FAIL"),
        ({"sizes": "n=20,60,200"}, 3, "INCONCLUSIVE"),
        ({"sizes": "n=20"}, 3, "INCONCLUSIVE"),
        ({"sizes": "n=20,30,40,50,60,70"}, 3, "INCONCLUSIVE"),
    ],
)
def test_check_exits_with_the_verdict(
    call: Callable[..., Result], tmp_path: Path, changes: dict[str, str], code: int, verdict: str
) -> None:
    result = call(*check(**changes), "--out", "report")
    assert result.exit_code == code, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith(verdict)
    assert lines[-1] == f"report: {Path('report') / 'report.html'}"
    assert "\x1b" not in result.output, "plain, where nobody watches"
    assert json.loads((tmp_path / "report" / "report.json").read_text())["verdict"] == verdict
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_an_error_exits_with_4(call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = run_module.run

    def run(experiments: Any, **options: Any) -> Any:
        frames = real(experiments, **options)
        frames[0].loc[0, "status"] = "failed"
        return frames

    monkeypatch.setattr(run_module, "run", run)
    result = call(*check(), "--out", "report")
    assert result.exit_code == 4
    assert result.stdout.startswith("ERROR")
    assert "do not interpolate" in result.stdout
    assert json.loads((tmp_path / "report" / "report.json").read_text())["verdict"] == "ERROR"


def test_verify_judges_the_laws_it_is_given(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tiny: LawOf
) -> None:
    asked: list[Any] = []

    def find_laws(names: Any, *, paper: str | None) -> tuple[Law, ...]:
        asked.append((tuple(names), paper))
        return (tiny(), tiny(name="wrong", statement="Theta(n)"))

    monkeypatch.setattr(law_module, "find_laws", find_laws)
    result = call(
        "verify", "one", "two", "--paper", "three", "--trials", "4", "--jobs", "1", "-a", "tanh", "--seed", "9"
    )
    assert asked == [(("one", "two"), "three")]
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert re.match(r"PASS +tiny +tanh +S = Theta\(sqrt\(n\)\) +slope 0\.", lines[0])
    assert re.match(r"FAIL +wrong +tanh +S = Theta\(n\) ", lines[1])
    (folder,) = Path("bigtheta-report").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-\d{6}", folder.name), "the default folder carries the date"
    content = json.loads((folder / "report.json").read_text())
    assert content["provenance"]["seed"] == 9
    assert [j["verdict"] for j in content["judgements"]] == ["PASS", "FAIL"]


def test_a_file_and_flags_say_the_same(call: Callable[..., Result], tmp_path: Path) -> None:
    Path("my.toml").write_text(SPEC)
    options = ("--trials", "2", "--jobs", "1", "--seed", "3", "--out")
    assert call("check", "my.toml", *options, "a").exit_code in (0, 3)
    assert call(*check(trials="2", seed="3", out="b")).exit_code in (0, 3)
    one, two = (json.loads((tmp_path / name / "report.json").read_text()) for name in "ab")
    for report in (one, two):
        del report["provenance"]["wall_s"], report["provenance"]["commit"]
    assert one["judgements"][0]["about"].pop("source") == "draft v3", "which there is no flag for"
    assert two["judgements"][0]["about"].pop("source") == ""
    assert one["judgements"][0]["spec"].pop("source") == "draft v3"
    assert one["provenance"].pop("command") == ["check", "my.toml"]
    assert two["provenance"].pop("command")[:2] == ["check", "--model=rf-kernel"]
    assert one == two


def test_an_activation_replaces_those_of_the_file(call: Callable[..., Result]) -> None:
    Path("my.toml").write_text(SPEC)
    call("check", "my.toml", "--trials", "1", "--jobs", "1", "--out", "a", "-a", "tanh", "-a", "u*tanh(u)")
    judgements = json.loads(Path("a/report.json").read_text())["judgements"]
    assert len(judgements) == 2
    assert judgements[0]["activation"] == "tanh"


def test_flags_reach_the_law(call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def judge_all(laws: Any, **options: Any) -> Any:
        seen.append((laws, options))
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "verify", judge_all)
    flags = {
        "name": "mine", "model": "random-features", "ridge": "0.5", "path": "d=n, k=2*n", "sizes": "n = 10, 20,40",
        "inputs": "gaussian", "signal": "2", "noise": "0.25", "margin": "0.2", "seed": "4", "profile": "full",
        "limit": "sobolev", "effort": "3",
    }  # fmt: skip
    call(*check("-a", "relu", "-a", "abs", trials=None, **flags))
    ((law,), options) = seen[0]
    assert (law.name, law.margin, law.activations) == ("mine", 0.2, ("relu", "abs"))
    assert (law.limit, law.effort) == ("sobolev", 3)
    assert (law.model.kind, law.model.ridge, law.inputs.kind) == ("random-features", 0.5, "gaussian")
    assert (law.labels.signal, law.labels.noise) == (2.0, 0.25)
    assert law.cells == ({"n": 10, "d": 10, "k": 20}, {"n": 20, "d": 20, "k": 40}, {"n": 40, "d": 40, "k": 80})
    assert (options["seed"], options["profile"], options["trials"], options["jobs"]) == (4, "full", None, 1)
    assert options["activations"] == ("relu", "abs")


def test_tables_of_inputs_labels_and_quantity_reach_the_law(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def judge_all(laws: Any, **options: Any) -> Any:
        seen.extend(laws)
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "verify", judge_all)
    tables = {
        "inputs": '{ kind = "covariance", spectrum = "1/i" }',
        "quantity": '{ kind = "sobolev", test_points = 9 }',
    }
    call(*check(labels="signs", **tables))
    (law,) = seen
    assert (law.inputs.spectrum, law.quantity.points, law.labels.noise_law) == ("1/i", 9, "signs")


# --- mistakes --------------------------------------------------------------------------------------------------------

MISTAKES: dict[str, tuple[Sequence[str], str]] = {
    "table that is no table": (check(inputs="{ kind = sphere }"), "--inputs: '{ kind = sphere }' is not a table"),
    "labels twice": (check(labels="signs", noise="1"), "got both --labels and --noise"),
    "labels unknown": (check(labels="sign"), "did you mean 'signs'"),
    "unknown model": (check(model="random-feature"), "unknown model 'random-feature'; did you mean 'random-features'"),
    "unknown activation": (check("-a", "rellu"), "unknown activation 'rellu'; did you mean 'relu'"),
    "unknown size in the statement": (check(statement="Theta(sqrt(m))"), "unknown symbol 'm'"),
    "unknown size in the path": (check(path="d=2*n, q=n"), "unknown size in path 'q'"),
    "unknown free size": (check(sizes="m=20,40,80"), "unknown size 'm'"),
    "size not on the path": (check(statement="Theta(sqrt(k))"), "k is not a size of rf-kernel on this path"),
    "statement unclosed": (check(statement="Theta(sqrt(n)"), "write it as in"),
    "statement without sense": (check(statement="sqrt(n)"), "unknown statement 'sqrt'"),
    "statement of an unknown sense": (check(statement="Thata(n)"), "did you mean 'Theta'"),
    "statement that is no formula": (check(statement="Theta(n n)"), "does not parse"),
    "statement that would run": (check(statement="Theta(__import__('os'))"), "unknown function '__import__'"),
    "statement that is negative": (check(statement="Theta(-n)"), "expected a positive, finite value"),
    "more labels than parameters": (check(model="random-features", path="d=n, k=n/2"), "cannot fit 20 labels"),
    "negative size": (check(sizes="n=-20,40,80"), "-20"),
    "zero size": (check(sizes="n=0,40,80"), "whole number"),
    "size twice": (check(sizes="n=20,20,80"), "a value twice"),
    "size that is no number": (check(sizes="n=20,forty"), "expected whole numbers"),
    "no sizes": (check(sizes="n="), "expected whole numbers"),
    "path without formula": (check(path="d"), "expected size=formula"),
    "path given twice": (check(path="d=n, d=2*n"), "d is given twice"),
    "path without d": (check(path=None), "needs d"),
    "path in circles": (check(path="d=k, k=d"), "defined through itself"),
    "negative dimension": (check(path="d=n-100"), "d = n - 100 = -80"),
    "negative ridge": (check(ridge="-1"), "ridge=-1"),
    "negative noise": (check(noise="-1"), "noise=-1"),
    "no labels": (check(noise="0"), "both are 0"),
    "limit unknown": (check(limit="sobolef"), "did you mean 'sobolev'"),
    "limit of something else": (
        check(limit="adversarial-risk"),
        "expected the model adversarial-features but got rf-kernel",
    ),
    "margin zero": (check(margin="0"), "margin=0"),
    "margin nan": (check(margin="nan"), "margin=nan"),
    "unknown inputs": (check(inputs="spere"), "did you mean 'sphere'"),
    "unknown quantity": (check(quantity="lipschitz"), "unknown quantity"),
    "name that is a path": (check(name="../x"), "name: expected letters"),
    "no model": (check(model=None), "--model is missing"),
    "no statement": (check(statement=None), "--statement is missing"),
    "nothing": (["check"], "--model is missing"),
    "unreadable file": (["check", "missing.toml"], "cannot read the spec 'missing.toml': No such file"),
    "folder for a file": (["check", "."], "cannot read the spec '.'"),
    "flags together with a file": (["check", "my.toml", "--statement", "Theta(n)"], "both my.toml and --statement"),
    "unknown law": (["verify", "dohmatob2021/rf-kernl"], "did you mean 'dohmatob2021/rf-kernel'"),
    "unknown paper": (["verify", "--paper", "dohmatob2023"], "unknown paper 'dohmatob2023'; did you mean"),
    "unknown activation of a shipped law": (["verify", "rf-kernel", "-a", "tahn"], "did you mean 'tanh'"),
    "unknown activation of hermite": (["hermite", "rellu"], "unknown activation 'rellu'; did you mean 'relu'"),
    "activation that grows too fast": (["hermite", "exp(u**2)"], "grows too fast"),
    "unwritable folder": (check(out="my.txt/report"), "cannot write the report to 'my.txt/report'"),
}


def assert_one_line(result: Result, words: str) -> None:
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_written(
    call: Callable[..., Result], tmp_path: Path, unsimulated: list[Any], name: str
) -> None:
    arguments, words = MISTAKES[name]
    present = {"my.toml": SPEC, "my.txt": "in the way"}
    for file, text in present.items():
        Path(file).write_text(text)
    assert_one_line(call(*arguments), words)
    assert unsimulated == []
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(present)


SPECS = {
    "unknown field": (SPEC + "colour = 1\n", "colour"),
    "unknown table": (SPEC + "[other]\nx = 1\n", "other"),
    "missing field": (SPEC.replace('statement = "Theta(sqrt(n))"\n', ""), "missing required field `statement`"),
    "wrong type": (SPEC.replace('"rf-kernel"', "3"), "law.model"),
    "size that is text": (SPEC.replace("[20,", '["20",'), "law.sizes"),
    "not TOML": ("[law\nname = ", "is not TOML"),
    "empty": ("", "missing required field `law`"),
    "unknown model": (SPEC.replace("rf-kernel", "rf-kernl"), "did you mean 'rf-kernel'"),
    "unknown option of the model": (SPEC.replace('"rf-kernel"', '{ kind = "rf-kernel", rigde = 1.0 }'), "rigde"),
    "unknown label": (SPEC + "labels = { nois = 1.0 }\n", "nois"),
    "unknown activation": (SPEC.replace('"relu"', '"rellu"'), "did you mean 'relu'"),
    "two free sizes": (SPEC.replace("sizes = { ", "sizes = { d = [1, 2], "), "expected one free size"),
    "not positive": (SPEC.replace("Theta(sqrt(n))", "Theta(n - 20)"), "n = 20"),
}


@pytest.mark.parametrize("name", SPECS)
def test_a_mistake_in_a_file_is_one_line(call: Callable[..., Result], unsimulated: list[Any], name: str) -> None:
    text, words = SPECS[name]
    Path("my.toml").write_text(text)
    assert_one_line(call("check", "my.toml", "--jobs", "1"), words)
    assert unsimulated == []
    assert [path.name for path in Path().iterdir()] == ["my.toml"]


def test_a_file_that_is_not_text(call: Callable[..., Result]) -> None:
    Path("my.toml").write_bytes(b"\xff\xfe\x00[law]")
    assert_one_line(call("check", "my.toml"), "is not TOML")


def test_without_a_mistake_it_would_be_simulated(call: Callable[..., Result], unsimulated: list[Any]) -> None:
    Path("my.toml").write_text(SPEC)
    assert call("check", "my.toml", "--jobs", "1").exit_code not in (0, 2)
    assert call(*check()).exit_code not in (0, 2)
    assert len(unsimulated) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["foo"], ["check", "--foo"], ["verify", "--profile", "slow"], ["verify", "--trials", "0"],
        ["verify", "--seed", "-1"], ["verify", "--jobs", "0"], ["verify", "--device", "tpu"], ["hermite"],
        ["hermite", "relu", "--order", "-1"], ["hermite", "relu", "--digits", "0"], ["check", "--ridge", "x"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_bad_usage(call: Callable[..., Result], unsimulated: list[Any], arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")
    assert "Error: " in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.output
    assert list(Path().iterdir()) == []
    assert unsimulated == []


def test_a_line_break_in_a_mistake_stays_one_line(call: Callable[..., Result], unsimulated: list[Any]) -> None:
    assert_one_line(call(*check(statement="Theta(n\n+)")), "does not parse")


def test_escape_codes_in_a_mistake_are_not_printed() -> None:
    result = CliRunner().invoke(main, check(statement="Theta(\x1b[31mn)"), color=True)  # as on a terminal
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr


def test_a_formula_outside_the_scale_is_refused_at_once(call: Callable[..., Result], unsimulated: list[Any]) -> None:
    assert_one_line(call(*check(statement="Theta(exp(sqrt(n)/100))")), "leaves the scale")
    assert list(Path().iterdir()) == []


# --- what is shipped -------------------------------------------------------------------------------------------------

SHIPPED = {
    "dohmatob2021/rf-kernel": "Theta(sqrt(n))",
    "dohmatob2021/ntk-kernel": "Theta(sqrt(n))",
    "dohmatob2021/rf-proportional": "Theta(sqrt(n))",
    "dohmatob2021/ntk-width": "Theta(sqrt(n/k))",
    "dohmatob2021/ntk-proportional": "Theta(sqrt(n/k))",
    "bombari2023/ntk-even": "Theta(1)",
    "bombari2023/ntk-not-even": "Theta(sqrt(n))",
}


def test_laws_as_json(call: Callable[..., Result]) -> None:
    rows = json.loads(call("laws", "--json").stdout)
    assert {row["law"]: row["statement"] for row in rows}.items() >= SHIPPED.items()
    for row in rows:
        assert row["controls"], "every law has a negative control"
        assert row["activations"]
        ((variable, values),) = row["sizes"].items()
        assert variable in "ndk"
        assert values == sorted(set(values))
        assert len(values) >= 5
        assert values[-1] >= 10 * values[0] * 0.999 or row["statement"].startswith("Peak")


def test_laws_as_text(call: Callable[..., Result]) -> None:
    text = call("laws").stdout
    for law, statement in SHIPPED.items():
        assert re.search(rf"^{re.escape(law)} +{re.escape(statement)} ", text, re.MULTILINE)


def test_activations(call: Callable[..., Result]) -> None:
    rows = {row["name"]: row for row in json.loads(call("activations", "--json").stdout)}
    assert rows["abs"]["parity"] == "even"
    assert rows["abs"]["kinks"] == ["0"]
    assert rows["tanh"]["parity"] == "odd"
    assert rows["tanh"]["kinks"] == []
    assert rows["relu"]["parity"] not in ("even", "odd")
    text = call("activations").stdout
    assert len(text.splitlines()) == len(rows)
    assert re.search(r"^abs .* even .*kink at 0$", text, re.MULTILINE)
    assert re.search(r"^tanh .* odd .*smooth$", text, re.MULTILINE)


def coefficients(text: str) -> dict[int, str]:
    """The number of each line mu_j: after the last = where an exact form stands before it."""
    lines = re.findall(r"^mu_(\d+) +(?:.* = )?(\S+)", text, re.MULTILINE)
    return {int(j): value for j, value in lines}


@pytest.mark.parametrize(
    ("act", "values"),
    [
        # E relu(G) He_j(G) / sqrt(j!) by parts: 1/sqrt(2 pi), 1/2, 1/(2 sqrt(pi)), 0, -1/sqrt(48 pi)
        ("relu", [1 / math.sqrt(2 * math.pi), 0.5, 1 / (2 * math.sqrt(math.pi)), 0.0, -1 / math.sqrt(48 * math.pi)]),
        ("abs", [math.sqrt(2 / math.pi), 0.0, 1 / math.sqrt(math.pi), 0.0, -1 / math.sqrt(12 * math.pi)]),
        ("square", [0.5, 0.0, math.sqrt(0.5), 0.0, 0.0]),
        ("cos", [math.exp(-0.5), 0.0, -math.exp(-0.5) / math.sqrt(2), 0.0, math.exp(-0.5) / math.sqrt(24)]),
        ("u**3", [0.0, 3.0, 0.0, math.sqrt(6), 0.0]),
    ],
)
def test_hermite(call: Callable[..., Result], act: str, values: list[float]) -> None:
    result = call("hermite", act, "--order", "4")
    assert result.exit_code == 0
    found = coefficients(result.stdout)
    assert list(found) == [0, 1, 2, 3, 4]
    for j, value in enumerate(values):
        assert float(sympy.sympify(found[j])) == pytest.approx(value, abs=1e-12)


def test_hermite_to_many_digits(call: Callable[..., Result]) -> None:
    found = coefficients(call("hermite", "relu", "--order", "2", "--digits", "40").stdout)
    with mpmath.workdps(50):
        assert abs(mpmath.mpf(found[0]) - 1 / mpmath.sqrt(2 * mpmath.pi)) < mpmath.mpf(10) ** -38
        assert abs(mpmath.mpf(found[2]) - 1 / (2 * mpmath.sqrt(mpmath.pi))) < mpmath.mpf(10) ** -38


def test_hermite_to_few_digits(call: Callable[..., Result]) -> None:
    found = coefficients(call("hermite", "relu", "--order", "0", "--digits", "4").stdout)
    assert len(found[0].replace("0.", "")) <= 5


# --- as a process ----------------------------------------------------------------------------------------------------


def process(*arguments: str, cwd: Path, flags: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV", "FORCE_COLOR"))}
    return subprocess.run(
        [sys.executable, *flags, "-m", "bigtheta", *arguments],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], {"torch", "matplotlib", "sympy", "numpy", "pandas", "scipy", "rich"}),
        (["check", "--help"], {"torch", "matplotlib", "sympy", "numpy", "pandas", "scipy"}),
        (["verify", "--help"], {"torch", "matplotlib", "sympy", "numpy", "pandas", "scipy"}),
        (["laws"], {"torch", "matplotlib", "pandas"}),
        (["activations"], {"torch", "matplotlib", "pandas"}),
        (["hermite", "relu", "--order", "3"], {"torch", "matplotlib", "pandas"}),
        (["verify", "no-such-law"], {"torch", "matplotlib", "pandas"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_only_what_is_needed_is_imported(arguments: list[str], absent: set[str], tmp_path: Path) -> None:
    result = process(*arguments, cwd=tmp_path, flags=["-X", "importtime"])
    assert result.returncode == (2 if "no-such-law" in arguments else 0)
    imported = set(re.findall(r"^import time: +\d+ \| +\d+ \| +(\w+)$", result.stderr, re.MULTILINE))
    assert "click" in imported, "the list of imports must have been read"
    assert not imported & absent
    if arguments[-1] != "--help":
        assert "sympy" in imported
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["verify", "no-such-law"], check(statement="Theta(n"), check(sizes="n=-5")])
def test_a_mistake_as_a_process(arguments: list[str], tmp_path: Path) -> None:
    result = process(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_run_as_a_process(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(SPEC)
    result = process("check", "my.toml", "--trials", "3", "--jobs", "1", "--out", "out", cwd=tmp_path)
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert result.returncode == {"PASS": 0, "INCONCLUSIVE": 3}[content["verdict"]]
    assert result.stdout.splitlines()[-1] == "report: out/report.html"
    assert "Traceback" not in result.stderr
    assert "\x1b" not in result.stdout + result.stderr
    total = sum(cell["trials"] for cell in content["judgements"][0]["cells"])
    assert result.stderr.splitlines()[-1] == f"simulated {total} of {total} trials"
    assert len(result.stderr.splitlines()) <= 12, "a few lines for a log, not one for each trial"


def test_the_version(call: Callable[..., Result]) -> None:
    result = call("--version")
    assert result.exit_code == 0
    assert bigtheta.__version__ in result.stdout
