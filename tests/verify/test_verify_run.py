"""From laws to a report: reproducible, shared, and refused before anything is simulated."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import sympy
import torch
from click.testing import CliRunner

import bigtheta
import bigtheta.verify.checks as checks_module
import bigtheta.verify.run as module
from bigtheta.theory.activation import Parity
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Control, Law
from bigtheta.theory.statement import BigO, Omega, Theta, mu
from bigtheta.verify.checks import judge_law
from bigtheta.verify.cli import main
from bigtheta.verify.judge import judge
from bigtheta.verify.report.report import Report
from bigtheta.verify.run import default_jobs, verify
from bigtheta.verify.verdict import Verdict

LawOf = Callable[..., Law]

TRIALS = 3
WRONG = Control(statement=Theta("n"), because="the exponent is 1/2")
LINEAR = sympy.Ne(mu(1), 0)


def content(report: Report) -> dict[str, Any]:
    """What report.json holds, without the time, and without the commit: the tree may change while tests run."""
    found = report.to_dict()
    assert found["provenance"].pop("wall_s") >= 0
    found["provenance"].pop("commit")
    return found


@pytest.fixture
def tiny(tiny: LawOf) -> LawOf:
    """The small law with a margin that so few trials meet."""
    return lambda **changes: tiny(**({"margin": 0.15} | changes))


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be simulated."""

    def run(*args: Any, **options: Any) -> Any:
        raise AssertionError("simulated")

    monkeypatch.setattr(module, "run", run)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The experiments that were simulated."""
    seen: list[Any] = []
    real = module.run

    def run(experiments: Any, **options: Any) -> Any:
        seen.extend(experiments)
        return real(experiments, **options)

    monkeypatch.setattr(module, "run", run)
    return seen


def spoil(monkeypatch: pytest.MonkeyPatch, **columns: Any) -> None:
    """Let the first trial of each experiment come back with other values."""
    real = module.run

    def run(experiments: Any, **options: Any) -> Any:
        frames = real(experiments, **options)
        for frame in frames:
            for name, value in columns.items():
                frame.loc[0, name] = value
        return frames

    monkeypatch.setattr(module, "run", run)


# --- reproducible ----------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_report(tiny: LawOf) -> None:
    law = tiny(controls=[WRONG])
    first = verify(law, trials=TRIALS, seed=5, jobs=1)
    np.random.seed(1)  # a global seed must not matter
    torch.manual_seed(1)
    second = verify(law, trials=TRIALS, seed=5, jobs=1)
    other = verify(law, trials=TRIALS, seed=6, jobs=1)
    assert content(first) == content(second)
    pd.testing.assert_frame_equal(first.trials, second.trials)
    assert content(first)["provenance"]["seed"] == 5
    for one, two in zip(first.entries, other.entries, strict=True):
        assert one.judgement.estimate != two.judgement.estimate
        assert not set(one.trials["value"]) & set(two.trials["value"])


def test_the_number_of_jobs_changes_nothing(tiny: LawOf) -> None:
    law = tiny(controls=[WRONG])
    assert content(verify(law, trials=2, seed=5, jobs=2)) == content(verify(law, trials=2, seed=5, jobs=1))


def test_company_changes_nothing(tiny: LawOf) -> None:
    """A law's numbers do not depend on what else is judged, nor on the order."""
    law, other = tiny(), tiny(name="other", model="ntk-kernel")
    alone = verify(law, trials=2).entries[0]
    first, second = verify([other, law], trials=2).entries
    assert second.judgement == alone.judgement
    assert first.judgement.estimate != alone.judgement.estimate


# --- verdicts on simulated samples -----------------------------------------------------------------------------------


def test_the_true_law_is_not_failed_and_wrong_exponents_are_on_the_same_samples(tiny: LawOf, asked: list[Any]) -> None:
    high, low = tiny(name="high", statement="Theta(n**(3/4))"), tiny(name="low", statement="Theta(n**(1/4))")
    report = verify([tiny(), high, low], trials=6)
    true, too_high, too_low = (entry.judgement for entry in report.entries)
    assert true.verdict is not Verdict.FAIL
    assert true.low < 0.5 < true.high
    assert too_high.verdict is Verdict.FAIL
    assert too_low.verdict is Verdict.FAIL
    assert report.exit_code == 1
    assert len(asked) == 1, "one model, one activation, one path: simulated once"


def test_the_numbers_are_those_of_the_trials(tiny: LawOf) -> None:
    report = verify(tiny(), trials=TRIALS)
    (entry,) = report.entries
    groups = report.trials.groupby("n")["value"]
    assert [cell.trials for cell in entry.judgement.cells] == groups.size().tolist()
    np.testing.assert_allclose([c.geomean for c in entry.judgement.cells], groups.apply(scipy.stats.gmean))
    np.testing.assert_allclose([c.mean for c in entry.judgement.cells], groups.mean())
    assert [c.sizes for c in entry.judgement.cells] == [{"n": n, "d": 2 * n} for n in (20, 35, 60, 110, 190, 320)]
    counts = groups.size()
    assert counts.loc[320] == TRIALS
    assert counts.loc[20] > TRIALS
    assert counts.is_monotonic_decreasing
    ols = np.polyfit(np.log(counts.index), np.log(groups.mean()), 1)[0]
    assert entry.judgement.estimate == pytest.approx(ols, abs=0.1)


@pytest.mark.parametrize(
    "statement",
    [
        "Theta(sqrt(n))",
        "Omega(1)",
        "O(n)",
        "Limit(0.77*sqrt(n))",  # about 7% off: a PASS within 0.10, a FAIL within 0.05
    ],
)
def test_the_judgement_is_that_of_judge_with_its_defaults(statement: str) -> None:
    sizes = [20, 35, 60, 110, 190, 320]
    law = Law(name="tiny", model="rf-kernel", statement=statement, path={"d": "2*n"}, sizes={"n": sizes})
    (entry,) = verify(law, trials=TRIALS).entries
    groups = [group.to_numpy() for _, group in entry.trials.groupby("n")["value"]]
    found = judge({"n": sizes, "d": [2 * n for n in sizes]}, groups, statement)
    assert (entry.judgement.verdict, entry.judgement.margin) == (found.verdict, found.margin)
    assert entry.judgement.estimate == pytest.approx(found.estimate)


def test_a_law_in_another_size_along_its_path() -> None:
    law = Law(
        name="width",
        model="rf-kernel",
        statement="Theta(sqrt(d))",
        path={"n": "d/2"},
        sizes={"d": [40, 70, 120, 220, 380, 640]},
    )
    (entry,) = verify(law, trials=TRIALS).entries
    assert (entry.judgement.variable, entry.judgement.claimed) == ("d", 0.5)
    assert entry.judgement.low < 0.5 < entry.judgement.high


def test_hermite_coefficients_in_a_statement(tiny: LawOf) -> None:
    """mu(1) of relu is 1/2: the constant of S/(mu(1) sqrt(n)) is twice that of S/sqrt(n)."""
    plain, scaled = verify([tiny(), tiny(name="mu", statement="Theta(mu(1)*sqrt(n))")], trials=2).entries
    assert scaled.judgement.constant == pytest.approx(2 * plain.judgement.constant)
    assert scaled.judgement.estimate == pytest.approx(plain.judgement.estimate, abs=1e-7)


# --- skipped ---------------------------------------------------------------------------------------------------------


def test_a_law_whose_hypothesis_fails_is_skipped_and_not_simulated(tiny: LawOf, asked: list[Any]) -> None:
    report = verify(tiny(hypotheses=[LINEAR], controls=[WRONG]), activations="abs", trials=2)
    (entry,) = report.entries
    assert entry.verdict is Verdict.SKIPPED
    assert "mu(1) != 0 does not hold for abs" in entry.judgement.reason
    assert entry.trials is None
    assert asked == []
    assert (report.verdict, report.exit_code) == (Verdict.SKIPPED, 3)
    assert "SKIPPED" in report.to_html()


def test_others_are_judged_beside_a_skipped_one(tiny: LawOf, asked: list[Any]) -> None:
    law = tiny(hypotheses=[LINEAR], controls=[Control(activation="abs", because="mu_1 = 0")])
    report = verify(law, activations=["abs", "relu"], trials=TRIALS)
    assert [e.verdict for e in report.entries] == [Verdict.SKIPPED, Verdict.PASS, Verdict.FAIL]
    assert [e.activation for e in report.entries] == ["abs", "relu", "abs"]
    assert report.verdict is Verdict.PASS
    assert [e.activation.name for e in asked] == ["relu", "abs"], "the control needs abs, although the law skips it"


@pytest.mark.parametrize(
    ("hypothesis", "words"),
    [
        (Parity.ODD, "relu is not odd"),
        (sympy.Le(sympy.Symbol("d", positive=True), sympy.Symbol("n", positive=True)), "d <= n does not hold .*n = 20"),
    ],
)
def test_hypotheses_in_words(tiny: LawOf, asked: list[Any], hypothesis: Any, words: str) -> None:
    (entry,) = verify(tiny(hypotheses=[hypothesis])).entries
    assert entry.verdict is Verdict.SKIPPED
    assert re.search(words, entry.judgement.reason)
    assert asked == []


def test_no_frame_no_verdict(tiny: LawOf) -> None:
    act = bigtheta.activation("relu")
    assert judge_law(tiny(), act, None).verdict is Verdict.SKIPPED
    assert judge_law(tiny(), act, None, skipped="because").reason == "because"


# --- failed fits -----------------------------------------------------------------------------------------------------


def test_a_failed_fit_is_an_error_and_no_trial_is_dropped(tiny: LawOf, monkeypatch: pytest.MonkeyPatch) -> None:
    before = verify(tiny(), trials=TRIALS)
    spoil(monkeypatch, status="failed", residual=0.25)
    report = verify(tiny(), trials=TRIALS)
    (entry,) = report.entries
    assert before.verdict is Verdict.PASS
    assert (report.verdict, report.exit_code) == (Verdict.ERROR, 4)
    total = len(before.trials)
    assert f"1 of {total} fits do not interpolate (residual 2.5e-01" in entry.judgement.reason
    assert "n = 20, d = 40" in entry.judgement.reason
    assert len(report.trials) == total
    assert content(report)["judgements"][0]["fits"]["status"] == {"failed": 1, "ok": total - 1}
    assert content(report)["judgements"][0]["slope"]["estimate"] is None


@pytest.mark.parametrize(("value", "words"), [(np.nan, "not finite"), (np.inf, "not finite"), (0.0, "not positive")])
def test_a_value_that_is_no_size_is_an_error(
    tiny: LawOf, monkeypatch: pytest.MonkeyPatch, value: float, words: str
) -> None:
    spoil(monkeypatch, value=value)
    report = verify(tiny(), trials=2)
    assert report.exit_code == 4
    assert words in report.entries[0].judgement.reason
    report.to_json()
    report.to_html()


def test_an_error_in_a_control_is_an_error_of_the_run(tiny: LawOf, monkeypatch: pytest.MonkeyPatch) -> None:
    law = tiny(controls=[Control(activation="abs", because="mu_1 = 0")])
    real = module.run

    def run(experiments: Any, **options: Any) -> Any:
        frames = real(experiments, **options)
        frames[1].loc[0, "status"] = "failed"
        return frames

    monkeypatch.setattr(module, "run", run)
    report = verify(law, trials=TRIALS)
    assert [entry.verdict for entry in report.entries] == [Verdict.PASS, Verdict.ERROR]
    assert report.exit_code == 4


# --- controls --------------------------------------------------------------------------------------------------------


def test_a_control_on_a_statement_shares_the_samples(tiny: LawOf, asked: list[Any]) -> None:
    law = tiny(controls=[WRONG, Control(statement=BigO("1"), because="it grows")])
    report = verify(law, trials=TRIALS)
    assert len(asked) == 1
    assert [entry.verdict for entry in report.entries] == [Verdict.PASS, Verdict.FAIL, Verdict.FAIL]
    assert all(entry.trials is report.entries[0].trials for entry in report.entries)
    assert [entry.law for entry in report.entries] == [law] * 3
    assert report.exit_code == 0


def test_a_control_on_another_activation_is_simulated_once(tiny: LawOf, asked: list[Any]) -> None:
    control = Control(activation="abs", because="mu_1 = 0")
    laws = [tiny(controls=[control]), tiny(name="again", statement="Omega(sqrt(n))", controls=[control])]
    report = verify(laws, trials=TRIALS)
    assert sorted(experiment.activation.name for experiment in asked) == ["abs", "relu"]
    assert [entry.verdict for entry in report.entries] == [Verdict.PASS, Verdict.FAIL] * 2


@pytest.mark.parametrize(
    ("statement", "verdict"), [("Theta(sqrt(n))", Verdict.PASS), ("Omega(1)", Verdict.PASS), ("O(1)", Verdict.FAIL)]
)
def test_a_control_must_fail(tiny: LawOf, statement: str, verdict: Verdict) -> None:
    control = Control(statement=bigtheta.Statement.parse(statement), because="as the test has it")
    report = verify(tiny(controls=[control]), trials=TRIALS)
    assert [entry.verdict for entry in report.entries] == [Verdict.PASS, verdict]
    assert report.exit_code == (0 if verdict is Verdict.FAIL else 1)


def test_a_control_drops_the_hypotheses_it_breaks(tiny: LawOf) -> None:
    law = tiny(hypotheses=[LINEAR], controls=[Control(activation="abs", because="mu_1 = 0")])
    assert [entry.verdict for entry in verify(law, trials=TRIALS).entries] == [Verdict.PASS, Verdict.FAIL]


# --- refused before anything is simulated ----------------------------------------------------------------------------

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "law": ({"laws": "rf-kernal"}, "unknown law 'rf-kernal'; did you mean .*'rf-kernel'"),
    "law with its paper": ({"laws": "dohmatob2021/rf-kernal"}, "did you mean 'dohmatob2021/rf-kernel'"),
    "one law of two": ({"laws": ["rf-kernel", "nope"]}, "unknown law 'nope'"),
    "paper": ({"laws": None, "paper": "bombari2032"}, "unknown paper 'bombari2032'; did you mean 'bombari2023'"),
    "activation": ({"activations": "rellu"}, "unknown activation 'rellu'; did you mean 'relu'"),
    "one activation of two": ({"activations": ["relu", "tahn"]}, "unknown activation 'tahn'"),
    "activation that jumps": ({"activations": "sign(u)"}, "jumps at 0"),
    "activation that explodes": ({"activations": "exp(u**2)"}, "grows too fast"),
    "profile": ({"profile": "quik"}, "unknown profile 'quik'; did you mean 'quick'"),
    "device": ({"device": "gpu"}, "unknown device 'gpu'"),
    "no trials": ({"trials": 0}, "trials: expected a whole number >= 1 but got .*0"),
    "half a trial": ({"trials": 2.5}, "trials: expected a whole number >= 1 but got .*2.5"),
}


@pytest.mark.usefixtures("forbidden")
@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_anything_is_simulated(tiny: LawOf, tmp_path: Path, name: str) -> None:
    options, words = REFUSED[name]
    options = {"laws": tiny(), "out": tmp_path / "report"} | options
    with pytest.raises(InvalidInputError, match=words):
        verify(options.pop("laws"), **options)
    assert list(tmp_path.iterdir()) == [], "nothing is written"


def test_without_the_mistake_it_would_be_simulated(tiny: LawOf, forbidden: None) -> None:
    with pytest.raises(AssertionError, match="simulated"):
        verify(tiny())


@pytest.mark.usefixtures("forbidden")
def test_an_unwritable_folder_is_refused_before_anything_is_simulated(tiny: LawOf, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidInputError, match="cannot write the report"):
        verify(tiny(), out=tmp_path / "file" / "report")


@pytest.mark.usefixtures("forbidden")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused_before_anything_is_simulated(tiny: LawOf, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InvalidInputError, match="Permission denied"):
            verify(tiny(), out=tmp_path)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.usefixtures("forbidden")
def test_a_formula_without_a_value_is_refused_before_anything_is_simulated(tiny: LawOf) -> None:
    with pytest.raises(InvalidInputError, match="expected a positive, finite value but got 0 at d = 40, n = 20"):
        verify(tiny(statement="Theta(mu(1)*sqrt(n))"), activations="abs")


@pytest.mark.usefixtures("forbidden")
@pytest.mark.parametrize("statement", ["Theta(exp(sqrt(n)/100))", "Theta(2 + sin(n))"])
def test_a_formula_outside_the_scale_is_refused_before_anything_is_simulated(tiny: LawOf, statement: str) -> None:
    with pytest.raises(InvalidInputError, match="leaves the scale"):
        verify(tiny(statement=statement))


@pytest.mark.usefixtures("forbidden")
def test_a_control_without_a_value_is_refused_before_anything_is_simulated(tiny: LawOf) -> None:
    control = Control(statement=Omega("log(n) - 3"), because="negative at n = 20")
    with pytest.raises(InvalidInputError, match="expected a positive, finite value"):
        verify(tiny(controls=[control]))


@pytest.mark.parametrize(
    "options",
    [
        {"seed": -1},
        {"seed": "a"},
        {"seed": 1.5},
        {"seed": True},
        {"laws": 5},
        {"laws": []},
        {"jobs": 0},
        {"jobs": -1},
        {"trials": True},
        {"activations": 5},
        {"activations": []},
    ],
    ids=str,
)
def test_options_out_of_range(tiny: LawOf, tmp_path: Path, options: dict[str, Any]) -> None:
    given = {"laws": tiny(), "trials": 1, "out": tmp_path / "report"} | options
    with pytest.raises(bigtheta.InvalidInputError) as caught:
        verify(given.pop("laws"), **given)
    assert "expected" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_numpy_numbers_are_as_good(tiny: LawOf) -> None:
    report = verify(tiny(), trials=np.int64(1), seed=np.int64(3))
    assert content(report) == content(verify(tiny(), trials=1, seed=3))


# --- the rest --------------------------------------------------------------------------------------------------------


def test_progress_and_files(tiny: LawOf, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = verify(tiny(), trials=2, out=tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
    total = len(report.trials)
    assert seen == [(done, total) for done in range(total + 1)]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "figures", "report.html", "report.json", "trials.csv", "trials.sqlite",
    ]  # fmt: skip
    assert Report.to_json(report) == (tmp_path / "out" / "report.json").read_text(encoding="utf-8")


def test_nothing_is_written_unless_asked(tiny: LawOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    verify(tiny(), trials=1)
    assert list(tmp_path.iterdir()) == []


def planned(law: Law, **options: Any) -> tuple[int, ...]:
    """The trials of each cell of the first experiment, without running it."""
    seen: list[Any] = []

    def run(experiments: Any, **_: Any) -> Any:
        seen.extend(experiments)
        raise InterruptedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "run", run)
        with pytest.raises(InterruptedError):
            verify(law, **options)
    return tuple(seen[0].trials)


def test_profiles_are_as_the_command_line_describes_them(tiny: LawOf) -> None:
    counts = {profile: planned(tiny(), profile=profile) for profile in ("quick", "standard", "full")}
    for trials in counts.values():
        assert list(trials) == sorted(trials, reverse=True), "the dearest cell has the fewest"
    quick, standard, full = (min(trials) for trials in counts.values())
    assert 2 <= quick < standard < full
    text = " ".join(CliRunner().invoke(main, ["verify", "--help"], terminal_width=200).output.split())
    assert f"{quick}, {standard} or {full} trials in the dearest cell" in text
    assert planned(tiny()) == counts["quick"], "quick is the default"
    assert min(planned(tiny(), profile="full", trials=7)) == 7, "trials count instead of the profile's"


def test_provenance(tiny: LawOf) -> None:
    about = verify(tiny(), trials=1, seed=3, device="cpu").provenance
    assert (about["seed"], about["device"], about["trials"], about["profile"]) == (3, "cpu", 1, None)
    assert (
        about["versions"]["torch"] == torch.__version__.split("+")[0] or about["versions"]["torch"] == torch.__version__
    )
    assert about["versions"]["numpy"] == np.__version__
    assert about["wall_s"] > 0


def test_the_package_can_be_called(tiny: LawOf, asked: list[Any]) -> None:
    report = bigtheta.verify(tiny(), activations=["relu"], trials=1)
    assert isinstance(report, bigtheta.Report)
    assert len(asked) == 1
    assert report.frame["law"].tolist() == ["tiny"]


def test_default_jobs_are_the_cores_at_hand() -> None:
    assert 1 <= default_jobs() <= min(8, os.cpu_count() or 1)


def test_a_run_goes_on_from_what_is_in_its_folder(tiny: LawOf, tmp_path: Path) -> None:
    first = verify(tiny(), trials=2, out=tmp_path / "out")
    seen: list[tuple[int, int]] = []
    again = verify(tiny(), trials=2, out=tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(len(first.trials), len(first.trials))], "nothing is simulated twice"
    one, other = (json.loads(Report.to_json(report)) for report in (first, again))
    assert one["judgements"] == other["judgements"]


def test_absent_data_skip_the_law_with_the_reason(tiny: LawOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks_module, "missing_data", lambda law: "mnist is not there; set BIGTHETA_DATA")
    report = verify(tiny(), trials=1)
    assert {entry.judgement.verdict for entry in report.entries} == {Verdict.SKIPPED}
    assert report.entries[0].judgement.reason == "mnist is not there; set BIGTHETA_DATA"


def test_a_network_that_did_not_reach_its_target_is_an_error(tiny: LawOf) -> None:
    law = tiny()
    sizes = [dict(cell) for cell in law.cells]
    rows = [{**cell, "trial": 0, "value": 1.0, "residual": 0.4, "status": "not-converged"} for cell in sizes]
    judgement = judge_law(law, activation("tanh"), pd.DataFrame(rows))
    assert judgement.verdict is Verdict.ERROR
    assert "did not reach their target (relative residual 4.0e-01" in judgement.reason
