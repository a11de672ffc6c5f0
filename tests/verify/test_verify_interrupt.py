"""Runs that end before they are done: Ctrl-C, SIGTERM, kill -9, full disks, two at a time; what is kept and said."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from disks import tiny_disk
from stores import committed

import bigtheta.verify.looks as looks_module
import bigtheta.verify.refute.run as refute_module
import bigtheta.verify.run as module
from bigtheta.theory.law import Control, Law
from bigtheta.theory.spec_text import spec_text
from bigtheta.theory.statement import Theta
from bigtheta.verify.checks import judged_together
from bigtheta.verify.cli import main
from bigtheta.verify.interrupts import dated_folder, held, interruptible
from bigtheta.verify.report.read import read_report
from bigtheta.verify.report.report import Report
from bigtheta.verify.run import STORE, VerifyInterrupted, verify
from bigtheta.verify.verdict import Judgement, Verdict

LawOf = Callable[..., Law]
WRONG = Control(statement=Theta("n"), because="the exponent is 1/2")
SECONDS = 600.0
"""After which what was waited for does not come, on however busy a machine."""


def content(report: Report | Path) -> dict[str, Any]:
    """What report.json holds, without the time, and without the commit: the tree may change while tests run."""
    found = json.loads(report.read_text() if isinstance(report, Path) else report.to_json())
    found["provenance"].pop("wall_s")
    found["provenance"].pop("commit")
    found["provenance"].pop("command", None)  # only what was asked at a command line has one
    return found  # type: ignore[no-any-return]


def at(trials: int) -> Callable[[int, int], None]:
    """A progress that presses Ctrl-C when so many trials are done."""

    def press(done: int, total: int) -> None:
        if done == trials:
            raise KeyboardInterrupt

    return press


@pytest.fixture(scope="module")
def laws(tiny: LawOf) -> tuple[Law, Law]:
    return tiny(), tiny(name="other", model="ntk-kernel", controls=[WRONG])


@pytest.fixture(scope="module")
def partial(laws: tuple[Law, Law], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """A folder in which one law was judged, and a run of two was interrupted."""
    out = tmp_path_factory.mktemp("partial") / "out"
    first = verify(laws[0], trials=4, out=out)
    with pytest.raises(VerifyInterrupted) as caught:
        verify(laws, trials=4, out=out, progress=at(len(first.trials) + 5))
    return out, caught.value.report


# --- what is judged --------------------------------------------------------------------------------------------------


def test_what_is_complete_is_judged_and_the_rest_is_not_run(
    laws: tuple[Law, Law], partial: tuple[Path, Report]
) -> None:
    out, report = partial
    whole = verify(laws, trials=4)
    complete, open_law, control = report.entries
    assert complete.judgement == whole.entries[0].judgement
    assert complete.sharpness == whole.entries[0].sharpness
    count = len(whole.entries[1].trials)
    for entry in (open_law, control):
        assert entry.verdict is Verdict.NOT_RUN
        assert re.fullmatch(rf"interrupted after \d of {count} trials", entry.judgement.reason)
    total = len(complete.trials) + count  # the control shares the trials of its law
    assert report.provenance["partial"] == {"done": len(complete.trials) + 5, "total": total}
    assert (report.verdict, report.exit_code) == (Verdict.NOT_RUN, 3)
    assert content(out / "report.json") == content(report)
    assert "partial" not in whole.provenance


def test_the_same_call_goes_on_to_the_same_report(laws: tuple[Law, Law], tmp_path: Path) -> None:
    whole = verify(laws, trials=3)
    count = len({(row.law, row.n, row.trial) for row in whole.trials.itertuples()})
    for trials in (2, 9):
        with pytest.raises(VerifyInterrupted):
            verify(laws, trials=3, out=tmp_path / "out", progress=at(trials))
    seen: list[int] = []
    again = verify(laws, trials=3, out=tmp_path / "out", progress=lambda done, total: seen.append(done))
    assert seen == list(range(9, count + 1))
    assert content(again) == content(whole) == content(tmp_path / "out" / "report.json")


def test_every_format_says_so(partial: tuple[Path, Report], made: Callable[..., Report]) -> None:
    out, report = partial
    told = "PARTIAL: interrupted after {done} of {total} trials".format(**report.provenance["partial"])
    printed = CliRunner().invoke(main, ["report", str(out)]).output
    texts = [report.to_html(), report.to_markdown(), report.to_latex(), report.to_junit(), printed]
    for text, until in zip(texts, ("<main>", "Verdict", "tabular", "testcase", "Verdict"), strict=True):
        assert text.count(told) == 1
        assert text.index(told) < text.index(until), "at the top"
        assert re.search("the same command with the same .{1,8}out goes on from there", text)
    assert (out / "report.html").read_text() == report.to_html() == read_report(out).to_html()
    assert ET.fromstring(report.to_junit()).get("skipped") == "2"
    whole = made()
    for text in (whole.to_html(), whole.to_markdown(), whole.to_latex(), whole.to_junit()):
        assert "PARTIAL" not in text


def test_a_foreign_report_says_no_nonsense(partial: tuple[Path, Report]) -> None:
    about = dict(partial[1].provenance)
    for strange in ({"done": True, "total": 5}, {"done": "<b>", "total": 2}, {}, "yes", [3]):
        text = Report((), about | {"partial": strange}).to_html()
        assert "PARTIAL: interrupted; the same command" in text
        assert "<b>" not in text


def test_nothing_is_written_without_a_folder(laws: tuple[Law, Law], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for more in ({}, {"until_decided": True}):
        with pytest.raises(KeyboardInterrupt) as caught:
            verify(laws, trials=2, progress=at(3), **more)  # type: ignore[arg-type]
        assert not isinstance(caught.value, VerifyInterrupted)
    assert list(tmp_path.iterdir()) == []


def test_between_looks_a_claim_stays_as_it_was(tiny: LawOf, tmp_path: Path) -> None:
    law = tiny(margin=0.02, sizes={"n": [8, 12, 18, 27, 40]})  # that few trials do not decide
    seen: list[tuple[int, int]] = []

    def second(done: int, total: int) -> None:
        seen.append((done, total))
        if seen[0][1] < total and done == total - 3:
            raise KeyboardInterrupt

    with pytest.raises(VerifyInterrupted) as caught:
        verify(law, trials=2, until_decided=True, out=tmp_path / "out", progress=second)
    report = caught.value.report
    (entry,) = report.entries
    done, total = seen[-1]
    assert entry.verdict is Verdict.INCONCLUSIVE
    assert entry.judgement.reason.endswith(f"; interrupted after {done} of {total} trials of the next look")
    assert entry.judgement.cells, "judged at the first look"
    assert report.provenance["partial"] == {"done": done, "total": total}


@pytest.mark.parametrize("place", ["planned", "judge_law", "sharpness_of", "provenance", "write"])
def test_ctrl_c_while_judging(laws: tuple[Law, Law], tmp_path: Path, monkeypatch: Any, place: str) -> None:
    """What is not simulating is not cut in two, and no longer than it takes: all that can be judged is."""
    where: Any = {"planned": looks_module, "judge_law": looks_module, "write": Report}.get(place, module)
    real, pressed = getattr(where, place), []

    def press(*given: Any, **named: Any) -> Any:
        if not pressed:
            pressed.append(place)
            signal.raise_signal(signal.SIGINT)
        return real(*given, **named)

    monkeypatch.setattr(where, place, press)
    with pytest.raises(VerifyInterrupted) as caught:
        verify(laws[1], trials=2, out=tmp_path / "out")
    assert pressed == [place]
    monkeypatch.undo()
    whole, found = content(verify(laws[1], trials=2)), content(tmp_path / "out" / "report.json")
    if place == "planned":
        assert {j["verdict"] for j in found["judgements"]} == {"NOT-RUN"}
        assert found["provenance"]["partial"]["done"] == 0
    else:
        assert found == whole, "all was judged: no word of it"
        assert "the report is whole" in str(caught.value)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert content(verify(laws[1], trials=2, out=tmp_path / "out")) == whole


def test_ctrl_c_when_no_look_is_left_is_not_lost(tiny: LawOf, tmp_path: Path, monkeypatch: Any) -> None:
    real = looks_module.planned

    def press(checks: Any, *given: Any) -> Any:
        if not checks:
            signal.raise_signal(signal.SIGINT)
        return real(checks, *given)

    monkeypatch.setattr(looks_module, "planned", press)
    law = tiny(statement="Theta(n)")  # decided at the first look
    with pytest.raises(VerifyInterrupted, match="the report is whole"):
        verify(law, trials=10, until_decided=True, out=tmp_path / "out")
    assert content(tmp_path / "out" / "report.json")["verdict"] == "FAIL"


def test_other_claims_are_left_out_where_they_take_long(
    laws: tuple[Law, Law], tmp_path: Path, monkeypatch: Any
) -> None:
    real = module.sharpness_of

    def press(*given: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return real(*given)

    monkeypatch.setattr(module, "sharpness_of", press)
    monkeypatch.setattr(module, "_SECONDS", -1.0)
    with pytest.raises(VerifyInterrupted) as caught:
        verify(laws, trials=2, out=tmp_path / "out")
    report = caught.value.report
    assert [bool(entry.sharpness) for entry in report.entries] == [True, False, False]
    assert report.provenance["partial"]["done"] == report.provenance["partial"]["total"] > 0


def test_the_second_ctrl_c_is_not_held() -> None:
    with held() as noted:
        signal.raise_signal(signal.SIGINT)
        assert len(noted) == 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_while_the_report_is_written_ends_at_once(
    laws: tuple[Law, Law], tmp_path: Path, monkeypatch: Any
) -> None:
    out = tmp_path / "out"
    verify(laws[0], trials=2, out=out)
    before = (out / "report.json").read_bytes()
    monkeypatch.setattr(Report, "to_html", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt) as caught:
        verify(laws, trials=2, out=out, progress=at(25))
    assert not isinstance(caught.value, VerifyInterrupted)
    assert (out / "report.json").read_bytes() == before
    assert sorted(p.name for p in out.iterdir()) == ["figures", "report.html", "report.json", "trials.csv", STORE]


def test_what_fails_in_part_fails_in_the_whole() -> None:
    """Holm with p = 1 for what is not judged: its FAILs are among those with any p-values in their place."""
    rng = random.Random(1)
    one = Judgement(verdict=Verdict.FAIL, reason="off", statement="Theta(n)", sense="Theta")
    fails = 0
    for _ in range(500):
        ps = [rng.choice((1e-4, 1e-3, 4e-3, 8e-3)) * rng.random() for _ in range(rng.randrange(1, 9))]
        judged = [replace(one, p_value=p) for p in ps]
        open_ones = [i for i in range(len(ps)) if rng.random() < 0.4]
        part = [
            replace(j, verdict=Verdict.NOT_RUN, p_value=None) if i in open_ones else j for i, j in enumerate(judged)
        ]
        few, all_ = judged_together(part, unfinished=open_ones), judged_together(judged)
        for i, j in enumerate(few):
            if j.verdict is Verdict.FAIL:
                fails += 1
                assert all_[i].verdict is Verdict.FAIL
        for i in open_ones:
            assert few[i].verdict is Verdict.NOT_RUN
    assert fails > 100
    assert judged_together([replace(one, p_value=0.008)] * 1)[0].verdict is Verdict.FAIL
    assert judged_together([replace(one, p_value=0.008), one], unfinished=[1])[0].verdict is Verdict.INCONCLUSIVE


# --- the command line ------------------------------------------------------------------------------------------------


def test_signals_come_once_and_then_end_the_process() -> None:
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        before = signal.getsignal(number)
        with interruptible() as caught:
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), number)
            assert caught.exit_code == code
            assert signal.getsignal(signal.SIGINT) is signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(number) is before


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as nohup has it
    try:
        with interruptible():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_runs_of_one_second_have_folders_of_their_own(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    names = []
    for _ in range(12):  # all within a second or two
        with dated_folder("runs") as folder:
            (folder / "report.json").write_text("{}")
            names.append(folder.name)
    assert len(set(names)) == 12
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d-\d{6}(-\d+)?", name) for name in names)
    with dated_folder("empty") as folder:
        (folder / "figures").mkdir()
    assert not (tmp_path / "empty").exists(), "what nothing was put into is removed"
    with dated_folder("empty", tmp_path / "asked") as folder:
        assert folder == tmp_path / "asked"
    assert not (tmp_path / "asked").exists()


def test_other_commands_end_with_one_line(call: Callable[..., Result], monkeypatch: Any, tmp_path: Path) -> None:
    def stop(*given: Any, **named: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("bigtheta.verify.curve.run", stop)
    monkeypatch.setattr(refute_module, "run", stop)
    drawn = call("curve", "--model", "rf-kernel", "--path", "d=2*n", "--sizes", "n=10,20", "--jobs", "1", "--out", "c")
    sought = call("refute", "dohmatob2021/rf-kernel", "--out", "r")
    for result in (drawn, sought):
        assert result.exit_code == 130
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith("interrupted")
    assert "the same command with --out c goes on" in drawn.stderr


def arguments(law: Law, folder: Path, jobs: int) -> list[str]:
    (folder / "law.toml").write_text(spec_text(law))
    return ["check", "law.toml", "--trials", "6", "--jobs", str(jobs), "--out", "out"]


HELD = """
import sys, time
from bigtheta.numerics.store import Store
from bigtheta.verify.cli import main
put, left = Store.put, 0

def at_most(self, *words, **more):  # and then wait to be ended, however late that comes
    global left
    put(self, *words, **more)
    left -= 1
    while left <= 0:
        time.sleep(0.02)

if __name__ == "__main__":  # workers begin with this file too
    left = int(sys.argv.pop(1))
    Store.put = at_most
    main(prog_name="bigtheta")
"""
"""The command, which finishes so many trials and no more."""


def begun(words: list[str], folder: Path, *, at_most: int | None = None) -> subprocess.Popen[str]:
    (folder / "held.py").write_text(HELD)
    command = ["-m", "bigtheta", *words] if at_most is None else ["held.py", str(at_most), *words]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV", "FORCE_COLOR"))}
    return subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def wait_for_rows(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    until = time.monotonic() + SECONDS
    while len(committed(folder / "out" / STORE)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def alive(group: int) -> list[str]:
    """What runs in a process group; what has ended and was not waited for does not."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state, _, session = (process / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(session) == group and state != "Z":
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def long_law(tiny: LawOf) -> Law:
    """Some hundred trials, of a few seconds in all."""
    return tiny(sizes={"n": [32, 60, 90, 140, 220, 340]})


@pytest.mark.slow
def test_ctrl_c_then_kill_9_then_two_at_a_time_end_in_the_report_of_an_undisturbed_run(
    long_law: Law, tmp_path: Path
) -> None:
    words = arguments(long_law, tmp_path, 2)
    process = begun(words, tmp_path, at_most=5)
    wait_for_rows(process, tmp_path, 3)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "KeyboardInterrupt" not in err
    assert err.splitlines()[-1].endswith("the same command with --out out goes on from there")
    assert out.startswith("PARTIAL: interrupted after ")
    told = content(tmp_path / "out" / "report.json")["provenance"]["partial"]
    kept = committed(tmp_path / "out" / STORE)
    assert 3 <= len(kept) <= told["done"] < told["total"]
    until = time.monotonic() + SECONDS
    while alive(process.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert alive(process.pid) == []

    process = begun(words, tmp_path, at_most=5)
    wait_for_rows(process, tmp_path, len(kept) + 3)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=SECONDS)
    now = committed(tmp_path / "out" / STORE)
    assert {name: now[name] for name in kept} == kept, "nothing lost, nothing changed"
    assert len(now) < told["total"]

    both = [begun(arguments(long_law, tmp_path, 1), tmp_path) for _ in "ab"]
    for one in both:
        out, err = one.communicate(timeout=SECONDS)
        assert one.returncode in (0, 3), err
        assert "Traceback" not in err
    last = committed(tmp_path / "out" / STORE)
    assert len(last) == told["total"]
    assert {name: last[name] for name in now} == now
    whole = verify(long_law, trials=6)
    assert content(tmp_path / "out" / "report.json") == content(whole)
    names = {"figures", "report.html", "report.json", "trials.csv", STORE}
    assert {p.name for p in (tmp_path / "out").iterdir()} == names, "no log and no half-written file is left"


@pytest.mark.slow
def test_sigterm_writes_the_report_too(long_law: Law, tmp_path: Path) -> None:
    process = begun(arguments(long_law, tmp_path, 1), tmp_path, at_most=4)
    wait_for_rows(process, tmp_path, 2)
    process.terminate()
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 143, err
    assert "Traceback" not in err
    assert content(tmp_path / "out" / "report.json")["provenance"]["partial"]["done"] >= 2


# --- disks -----------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_one_line_and_loses_nothing(call: Callable[..., Result], tiny: LawOf, tmp_path: Path) -> None:
    (tmp_path / "law.toml").write_text(spec_text(tiny()))
    words = ["check", "law.toml", "--trials", "2", "--jobs", "1", "--out", "disk/out"]
    with tiny_disk(tmp_path / "disk", "2m") as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(1_900_000))
        result = call(*words)  # the store does not fit
        assert (result.exit_code, result.stdout) == (2, "")
        (line,) = [text for text in result.stderr.splitlines() if text.startswith("Error: ")]
        assert re.search(r"store 'disk/out/trials.sqlite': .*disk.*finished trials are kept", line)
        assert "Traceback" not in result.stderr
        ballast.unlink()
        good = call(*words)
        assert good.exit_code in (0, 1, 3)
        before = {name: (disk / "out" / name).read_bytes() for name in ("report.json", "report.html", "trials.csv")}
        room = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
        ballast.write_bytes(bytes(room - 48_000))
        result = call(*words)  # the store fits, the report does not
        assert (result.exit_code, result.stdout) == (2, "")
        (line,) = [text for text in result.stderr.splitlines() if text.startswith("Error: ")]
        assert line.startswith("Error: out: cannot write the report to 'disk/out': No space left on device; free some ")
        assert before == {name: (disk / "out" / name).read_bytes() for name in before}
        assert sorted(p.name for p in (disk / "out").iterdir()) == ["figures", *sorted([*before, STORE])]
        ballast.unlink()
        assert call(*words).exit_code == good.exit_code
        assert content(disk / "out" / "report.json") == json.loads(before["report.json"]) | {
            "provenance": content(disk / "out" / "report.json")["provenance"]
        }


def test_standard_output_that_is_full(tmp_path: Path, partial: tuple[Path, Report]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full on this system")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bigtheta", "report", str(partial[0])], stdout=full, stderr=subprocess.PIPE,
            text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "Error: cannot write standard output or a temporary file: No space left on device; free some space there"
    ]


def test_a_folder_that_may_only_be_read(call: Callable[..., Result], tiny: LawOf, tmp_path: Path) -> None:
    (tmp_path / "law.toml").write_text(spec_text(tiny()))
    with tiny_disk(tmp_path / "disk", "1m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        result = call("check", "law.toml", "--trials", "2", "--jobs", "1", "--out", "disk/out")
        assert result.exit_code == 2
        assert (
            "out: cannot write the report to 'disk/out': Read-only file system; name a folder you may" in result.stderr
        )


def test_salvage_by_the_command_line(call: Callable[..., Result], tiny: LawOf, tmp_path: Path) -> None:
    (tmp_path / "law.toml").write_text(spec_text(tiny()))
    words = ["check", "law.toml", "--trials", "2", "--jobs", "1", "--out", "out"]
    first = call(*words)
    store = tmp_path / "out" / STORE
    content_, count = store.read_bytes(), len(committed(tmp_path / "out" / STORE))
    store.write_bytes(content_[: -len(content_) // 3])
    broken = call(*words)
    assert broken.exit_code == 2
    assert (
        "it is damaged: end all runs that use it, then keep what can be read by `bigtheta salvage out" in broken.stderr
    )
    saved = call("salvage", "out")
    assert saved.exit_code == 0
    assert f"the damaged file is out/{STORE}.damaged-1" in saved.stdout
    assert 0 < int(saved.stdout.split()[0]) < count
    again = call(*words)
    assert (again.exit_code, again.stdout.splitlines()[0]) == (first.exit_code, first.stdout.splitlines()[0])
    assert call("salvage", "nowhere").exit_code == 2
