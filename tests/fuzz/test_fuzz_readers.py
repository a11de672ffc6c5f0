"""Every reader of other people's data under generated input: it accepts, or refuses in one line; nothing else happens.

The short profile is derandomised and runs with every test; `pytest -m long tests/fuzz` takes BIGTHETA_FUZZ inputs a
reader, 100,000 by default. What is held is in fuzz_watch.py, coverage-guided fuzzing in campaign.py.
"""

import json
import os

import pytest
from click.testing import CliRunner
from fuzz_seeds import NAMES, PAYLOADS, corpus
from fuzz_strategies import inputs
from fuzz_targets import TARGETS, read_report_file, warm_up
from fuzz_watch import SENTINEL, BrokenError, check_message, folder, reads, watched
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from bigtheta.theory.errors import InvalidInputError
from bigtheta.verify.cli import main

EVERY = [*HealthCheck]
FEW = {"spec": 120, "store": 120, "report": 100, "plugins": 100}


@pytest.fixture(scope="module", autouse=True)
def _warm():
    warm_up()


def fuzz(name, **options):
    """Run a reader on its inputs under hypothesis."""

    @settings(deadline=None, database=None, suppress_health_check=EVERY, **options)
    @given(inputs(name))
    def run(data):
        TARGETS[name](data)

    return run


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_accepts_or_refuses_in_one_line(name):
    fuzz(name, max_examples=FEW.get(name, 200), derandomize=True)()


@pytest.mark.long
@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_accepts_or_refuses_in_one_line_a_long_time(name):
    seed(int.from_bytes(os.urandom(4)))(fuzz(name, max_examples=int(os.environ.get("BIGTHETA_FUZZ", "100000"))))()


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_read(name):
    for data in corpus(name):
        TARGETS[name](data)


COMMANDS = {
    "spec": ["check", "{}", "--plan", "--jobs", "1", "--out", "{}.out"],
    "csv": ["judge", "{}", "--statement", "Theta(sqrt(n))"],
    "report": ["report", "{}", "--format", "csv"],
}


@settings(max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=EVERY)
@given(name=st.sampled_from(sorted(COMMANDS)), data=st.data())
def test_the_command_line_ends_with_an_exit_code_and_no_traceback(name, data):
    content = data.draw(inputs(name))
    with folder() as place:
        (place / "given").write_bytes(content)
        command = [part.replace("{}", str(place / "given")) for part in COMMANDS[name]]
        result = CliRunner().invoke(main, command)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code in (0, 1, 2, 3, 4)
    if result.exit_code == 2:
        assert result.stderr.startswith("Error: ")
        check_message(result.stderr.removeprefix("Error: ").removesuffix("\n"))


@pytest.mark.parametrize("text", [*NAMES, *PAYLOADS])
@pytest.mark.parametrize("command", [["predict"], ["hermite"], ["verify", "--plan"], ["check", "--plan"]])
def test_no_argument_gives_a_traceback(command, text):
    if text.startswith("-") or not text or "\0" in text or "\ud800" in text:
        pytest.skip("an option, or no argument that a system can hand on")
    result = CliRunner().invoke(main, [*command, text])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert not SENTINEL.exists()


@pytest.mark.parametrize("text", [*NAMES, *PAYLOADS])
def test_no_text_of_a_report_leads_out_of_its_folder(text):
    """In every place for a name, title, source or activation at once."""
    content = json.loads(corpus("report")[0])
    for judgement in content["judgements"]:
        judgement |= {"law": text, "paper": text, "activation": text, "because": text, "reason": text}
        judgement["about"] |= dict.fromkeys(("claim", "reference", "theorem", "source", "note", "paper"), text)
        judgement["about"]["activations"] = [text]
    content["provenance"] |= {"device": text, text: text, "versions": {text: text}}
    read_report_file(json.dumps(content).encode())


def test_the_watch_sees_what_it_is_there_for(tmp_path, monkeypatch):
    """The oracle itself: each invariant broken once on purpose."""
    inside = tmp_path / "inside"
    inside.mkdir()

    def endless():
        while True:
            pass

    def refuse(text):
        raise InvalidInputError("refused")  # what BigthetaError itself makes of a text is in test_fuzz_found.py

    for call, said in (
        (lambda: (tmp_path / "outside").write_text("x"), "for writing"),
        (lambda: os.mkdir(tmp_path / "folder"), r"os\.mkdir"),
        (lambda: os.system("true"), r"os\.system"),
        (SENTINEL.touch, "for writing|a payload ran"),
        (lambda: bytearray(600_000_000).find(b"x"), "memory grew"),
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: exec("raise SystemExit"), "SystemExit"),  # noqa: S102
        (endless, "hangs"),
    ):
        # what does not end is the only one that needs the clock; the others end, on a busy machine later
        monkeypatch.setattr("fuzz_watch.SECONDS", 0.5 if call is endless else 600.0)
        with pytest.raises(BrokenError, match=said):
            reads(call, inside)
        SENTINEL.unlink(missing_ok=True)
    monkeypatch.setattr("fuzz_watch.SECONDS", 600.0)
    assert not reads(lambda: refuse(""), inside)
    assert reads(lambda: (inside / "a").write_text("x"), inside)
    for text in ("", "a\nb", "\x1b[2J", "x" * 601, "\u202e"):
        with pytest.raises(BrokenError):
            check_message(text)
    with watched():
        pass
