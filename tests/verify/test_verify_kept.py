"""What report.json keeps so that a judgement can be repeated: the law itself, and the command."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Law, law, laws
from bigtheta.verify.report import words
from bigtheta.verify.report.kept import KeptLaw, law_table
from bigtheta.verify.report.read import read_report
from bigtheta.verify.report.report import Report

Call = Callable[..., Result]
Make = Callable[..., Report]


def through_json(entry: Law) -> Law:
    return KeptLaw(json.loads(json.dumps(law_table(entry)))).law


@pytest.mark.parametrize("entry", laws(), ids=lambda entry: entry.id)
def test_a_shipped_law_comes_back_as_it_was(entry: Law) -> None:
    again = through_json(entry)
    assert again == entry
    assert (again.id, str(again.statement), again.cells) == (entry.id, str(entry.statement), entry.cells)


@pytest.mark.parametrize(
    "changes",
    [
        {"statement": "Omega~(n^(1/6)*log(n))"},
        {"model": {"kind": "rf-kernel", "ridge": 0.25}},
        {"model": {"kind": "dot-product-kernel", "kernel": "exp(t)"}},
        {"quantity": {"kind": "sobolev", "test_points": 64}, "margin": 0.07},
        {"inputs": {"kind": "covariance", "spectrum": "i^(-1/2)"}},
        {"labels": {"signal": 2.0, "noise": 0.5, "target": "quadratic"}},
        {"activations": ("u*tanh(u)", "softplus(beta=2)"), "effort": 3},
        {"hypotheses": ("mu(1) != 0", "d >= n")},
        {"limit": "sobolev", "claim": "a claim", "source": "draft", "note": "a note", "theorem": "2"},
        {"statement": "Peak(n/d, at=[0.4, 1/2])", "sizes": {"n": [10, 20, 30, 40, 50]}, "path": {"d": 50}},
    ],
    ids=str,
)
def test_a_law_of_ones_own_comes_back_as_it_was(tiny: Callable[..., Law], changes: dict[str, Any]) -> None:
    entry = tiny(**changes)
    assert through_json(entry) == entry


def test_a_report_that_is_read_has_its_laws(made: Make, tiny: Callable[..., Law]) -> None:
    own = tiny(hypotheses=["d >= n"])
    report = made((own, "relu", None), (own, "tanh", None), (law("hassani2022/half"), "relu", None))
    again = Report.from_dict(json.loads(report.to_json()))
    for read, live in zip(again.entries, report.entries, strict=True):
        assert type(read.law) is type(live.law) is Law
        assert read.law == live.law
    assert again.entries[0].law is again.entries[1].law
    assert again.to_json() == report.to_json()


def test_a_report_of_an_older_version_is_read_and_says_that_it_kept_no_laws(made: Make) -> None:
    content = made().to_dict()
    for judgement in content["judgements"]:
        del judgement["spec"]
    read = Report.from_dict(content)
    assert read.entries[0].facts.id == "tiny"
    assert read.to_html()
    assert len(read.frame) == len(read.entries)
    with pytest.raises(InvalidInputError, match="older version; `facts` holds what it says"):
        _ = read.entries[0].law


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "no-such-model"}, "unknown model 'no-such-model'"),
        ({"statement": "Theta(2^n^n)"}, "cannot be read here"),
        ({"surprise": 1}, "surprise"),
        ({"paper": {"id": 3}}, "law"),
        ({"floats": {"9**9**9": [1, 1, 53]}}, "expected a decimal"),
        ({"floats": {"1.5": [1, 10**9, 53]}}, "expected a decimal"),
        ({"limit": "typo"}, "unknown limit 'typo'"),
    ],
)
def test_a_law_that_cannot_be_read_stops_nothing_but_asking_for_it(
    made: Make, change: dict[str, Any], message: str
) -> None:
    content = made().to_dict()
    content["judgements"][0]["spec"] |= change
    read = Report.from_dict(content)
    assert read.to_markdown()
    with pytest.raises(InvalidInputError, match=message.replace("*", r"\*")):
        _ = read.entries[0].law


# --- the command ------------------------------------------------------------------------------------------------------

SPEC = """[law]
name = "mine"
model = "rf-kernel"
statement = "Theta(sqrt(n))"
path = { d = "2*n" }
sizes = { n = [5, 10, 20, 40, 60] }
activations = ["tanh"]

[[law.controls]]
activation = "abs"
because = "mu_1 = 0"
"""
PLUGIN = """
from bigtheta import Activation, Law
from bigtheta.theory.activation import u

bent = Activation("bent", u + u**2 / 4)
mine = Law(name="mine", model="rf-kernel", statement="Theta(sqrt(n))", path={"d": "2*n"},
    sizes={"n": [5, 10, 20, 40, 60]}, activations=("bent",))
"""
FLAGS = (
    "--model", "rf-kernel", "--statement", "O(n^0.75)", "--path", "d=2*n", "--sizes", "n=5,10,20,40,60",
    "--margin", "0.2", "--inputs", '{ kind = "covariance", spectrum = "i^(-1/4)" }', "--name", "by-flags",
)  # fmt: skip


@pytest.mark.parametrize(
    "asked",
    [
        ("check", "my bound.toml"),
        ("check", "my bound.toml", "-a", "u + tanh(u)"),
        ("check", *FLAGS, "-a", "erf"),
        ("check", *FLAGS),
        ("verify", "mine", "--plugin", "plug in.py"),
        ("check", "my bound.toml", "-a", "bent", "--plugin", "plug in.py"),
    ],
    ids=str,
)
def test_the_command_in_a_report_repeats_the_judgement(call: Call, asked: tuple[str, ...]) -> None:
    Path("my bound.toml").write_text(SPEC)
    Path("plug in.py").write_text(PLUGIN)
    call(*asked, "--trials", "3", "--seed", "5", "--jobs", "1", "--device", "cpu", "--out", "first")
    first = read_report("first")
    page = Path("first/report.html").read_text()
    for entry in first.entries:
        command = words.command(first, entry)
        assert (
            f"<code>{command.replace('&', '&amp;').replace(chr(39), '&#39;').replace(chr(34), '&#34;')}</code>" in page
        )
    program, *given = shlex.split(words.command(first, first.entries[0]))
    assert program == "bigtheta"
    call(*given, "--jobs", "1", "--device", "cpu", "--out", "second")
    content = [json.loads(Path(folder, "report.json").read_text()) for folder in ("first", "second")]
    assert content[0]["judgements"] == content[1]["judgements"]
    assert len(content[0]["judgements"]) >= 1
    ours = [{k: v for k, v in found["provenance"].items() if k not in ("wall_s", "commit")} for found in content]
    assert ours[0] == ours[1]


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"profile": "quick"}, "-a relu --profile quick --seed 7"),
        ({"profile": None, "trials": 4}, "-a relu --trials 4 --seed 7"),
        ({"profile": "quick", "trials": 10, "until_decided": True}, "-a relu --until-decided --seed 7"),
        ({"profile": None, "trials": 3, "budget": 60.0}, "-a relu --trials 3 --budget 60.0 --seed 7"),
        ({"profile": "full", "precision": "float32"}, "-a relu --profile full --seed 7 --precision float32"),
    ],
)
def test_the_command_says_how_many_trials(made: Make, about: dict[str, Any], told: str) -> None:
    report = made(**about, command=["check", "x.toml"])
    assert words.command(report, report.entries[0]) == f"bigtheta check x.toml {told}"


@pytest.mark.parametrize(
    "command", [None, "check", [], ["report", "x"], ["check", 3], ["rm", "-rf", "/"], {"check": 1}, [["check"]]]
)
def test_words_of_others_that_are_no_command_of_ours_are_not_shown(made: Make, command: Any) -> None:
    report = made()
    report = replace(report, provenance=report.provenance | {"command": command})
    assert words.command(report, report.entries[0]) == ""


def test_words_of_others_stay_words(made: Make) -> None:
    report = made(command=["check", "x.toml; rm -rf ~", "$(reboot)", "\x1b[2J\n"])
    told = words.command(report, report.entries[0])
    assert "\x1b" not in told
    assert "\n" not in told
    assert shlex.split(told)[:4] == ["bigtheta", "check", "x.toml; rm -rf ~", "$(reboot)"]
