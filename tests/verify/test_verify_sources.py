"""Changed code never meets old trials: models of one's own in a store, in streams, in reports and in workers."""

from __future__ import annotations

import importlib
import json
import re
import sqlite3
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import Result

from bigtheta.numerics import executors
from bigtheta.numerics.executors import timed, timed_batch
from bigtheta.numerics.experiment import Experiment, checked_experiment
from bigtheta.numerics.source import SourceChangedError
from bigtheta.numerics.store import checksum, key, key_of
from bigtheta.numerics.sweep import run
from bigtheta.numerics.trial import Trial
from bigtheta.theory import plugins
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Law
from bigtheta.theory.plugins import PluginWarning
from bigtheta.verify.run import verify

MODEL = """
from typing import ClassVar
from bigtheta.numerics.models.base import interpolator
from bigtheta.theory.model import Model
from vs_fit import fit

class Linear(Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="vs-linear"):
    uses: ClassVar[tuple[str, ...]] = ("n", "d")

@interpolator.register
def _(model: Linear, *, x, w, y, act):
    return fit(x, y, model.ridge)
"""
FIT = """
from bigtheta.numerics.interpolate import solve_gram
from bigtheta.numerics.models.base import Interpolator
SCALE = 1.0

def fit(x, y, ridge):
    solution = solve_gram(x @ x.T, y, ridge=ridge)
    theta = SCALE * x.T @ solution.coefficients
    return Interpolator(lambda z: z @ theta, lambda z: theta.expand_as(z), solution)
"""
LAW = """
from bigtheta import Law
from vs_model import Linear
own = Law(name="own", model=Linear(), statement="Theta(sqrt(n/d))", path={"d": "4*n"},
          sizes={"n": [10, 18, 32, 60, 110]}, activations=("identity",))
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a model, what it imports, and a law of it; it is where the command runs."""
    folder = tmp_path / "own"
    folder.mkdir()
    for name, text in {"vs_model.py": MODEL, "vs_fit.py": FIT, "mine.py": LAW}.items():
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    plugins.forget()
    yield folder
    anew()
    plugins.forget()


def anew() -> None:
    """As in a fresh process: what is imported next is read from the disk."""
    for name in [name for name in sys.modules if name.startswith("vs_")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def model(**fields: Any) -> Any:
    return importlib.import_module("vs_model").Linear(**fields)


def experiment(trials: int = 3, **fields: Any) -> Experiment:
    return checked_experiment(model(**fields), "sobolev", "identity", {"n": 10, "d": 40}, "sphere", None, trials)


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


def values(frame: pd.DataFrame) -> list[float]:
    return list(frame["value"])


def test_an_edited_sibling_is_simulated_anew_and_the_old_trials_stay(own: Path) -> None:
    store = own / "out" / "trials.sqlite"
    store.parent.mkdir()
    before = run([experiment()], store=store)[0]
    edit(own, "vs_fit.py", "SCALE = 1.0", "SCALE = 3.0")
    anew()
    with pytest.warns(PluginWarning) as caught:
        after = run([experiment()], store=store)[0]
    assert [str(one.message) for one in caught] == [
        f"vs_fit.py changed since 3 trials in {store.parent} were made: they are kept but not used; simulated anew"
    ]
    assert not set(values(before)) & set(values(after))
    with closing(sqlite3.connect(store)) as base:
        assert base.execute("SELECT COUNT(*) FROM trials").fetchone() == (6,)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pd.testing.assert_frame_equal(run([experiment()], store=store)[0], after)  # said once
        edit(own, "vs_fit.py", "SCALE = 3.0", "SCALE = 1.0")
        anew()
        pd.testing.assert_frame_equal(run([experiment()], store=store)[0], before)  # as it was: the old ones serve


def test_streams_depend_on_the_source_and_built_in_ones_do_not(own: Path) -> None:
    mine = experiment()
    told = json.loads(mine.spec)["source"]
    assert [name for name, _ in told] == ["", "vs_fit.py"]
    assert "own" not in mine.spec, "no folder"
    shipped = checked_experiment("rf-kernel", "sobolev", "relu", {"n": 10, "d": 40}, "sphere", None, 3)
    assert shipped.source == ()
    assert set(json.loads(shipped.spec)) == {"activation", "inputs", "labels", "model", "quantity", "test_points"}
    drawn = values(run([mine])[0])
    edit(own, "vs_model.py", "from typing", "# a comment\nfrom typing")
    anew()
    assert not set(values(run([experiment()])[0])) & set(drawn)


def test_trials_of_a_version_that_kept_no_source_are_not_used(own: Path) -> None:
    """What a store holds of a model of one's own from before: the same record without the source."""
    store = own / "trials.sqlite"
    run([experiment()], store=store)
    now = experiment().record
    old = json.dumps({name: value for name, value in json.loads(now).items() if name != "source"}, sort_keys=True)
    with closing(sqlite3.connect(store)) as base, base:
        base.execute("UPDATE specs SET text = ?", (old,))
        for index in range(3):
            name = key(Trial(experiment(), {"n": 10, "d": 40}, index, 0, "cpu"))
            assert base.execute("SELECT 1 FROM trials WHERE key = ?", (name,)).fetchone()
        for index in range(3):
            one = Trial(experiment(), {"n": 10, "d": 40}, index, 0, "cpu")
            (row,) = base.execute("SELECT row FROM trials WHERE key = ?", (key(one),)).fetchone()
            name = key_of(old, one)
            base.execute("UPDATE trials SET key = ?, sum = ? WHERE key = ?", (name, checksum(name, row), key(one)))
    with pytest.warns(
        PluginWarning, match=r"^3 trials in .* do not say which source of vs_model.py made them: they are k"
    ):
        run([experiment()], store=store)


def test_a_store_of_other_experiments_says_nothing(own: Path) -> None:
    store = own / "trials.sqlite"
    run([experiment(ridge=0.5)], store=store)
    edit(own, "vs_fit.py", "SCALE = 1.0", "SCALE = 3.0")
    anew()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run([experiment()], store=store)
        run([experiment(ridge=0.5)], store=store, seed=9)  # those trials were never made


# --- one source in a run ---------------------------------------------------------------------------------------------


def test_a_trial_of_another_source_is_not_run(own: Path) -> None:
    mine = experiment()
    trial = Trial(mine, mine.cells[0], 0, 0, "cpu")
    timed(trial)
    edit(own, "vs_fit.py", "SCALE = 1.0", "SCALE = 3.0")
    timed(trial)  # this process runs what it has loaded
    importlib.reload(sys.modules["vs_fit"])
    for call in (lambda: timed(trial), lambda: timed_batch([trial])):
        with pytest.raises(SourceChangedError, match=r"^vs_fit.py: changed while trials were run, or a worker has"):
            call()


def test_what_is_imported_late_is_looked_at_after_the_trial(own: Path) -> None:
    (own / "vs_late.py").write_text("SCALE = 1.0\n")
    edit(own, "vs_fit.py", "    theta = SCALE", "    from vs_late import SCALE\n    theta = SCALE")
    first, second = experiment(), experiment()
    run([first])
    anew()
    third = experiment()
    assert first.source == second.source == third.source

    def edited(*_: object) -> dict[str, Any]:
        (own / "vs_late.py").write_text("SCALE = 3.0\n")
        return row(*_)

    row = executors.measure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executors, "measure", edited)
        with pytest.raises(SourceChangedError, match=r"^vs_late.py: changed while"):
            run([third])


@pytest.mark.slow
def test_a_worker_that_loads_another_source_is_one_error(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = experiment(trials=4)
    same = run([mine], jobs=2)[0]
    pd.testing.assert_frame_equal(same, run([mine])[0])
    edit(own, "vs_fit.py", "SCALE = 1.0", "SCALE = 3.0")
    with pytest.raises(
        SourceChangedError, match=r"^vs_fit.py: changed while trials were run, or a worker has"
    ) as error:
        run([mine], jobs=2, store=own / "trials.sqlite")
    assert len(str(error.value).splitlines()) == 1
    with closing(sqlite3.connect(own / "trials.sqlite")) as base:
        assert base.execute("SELECT COUNT(*) FROM trials").fetchone() == (0,)


@pytest.mark.slow
def test_a_cluster_that_has_another_source_is_one_error(own: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    mine = experiment(trials=4)
    serial = run([mine])[0]
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:
        pd.testing.assert_frame_equal(run([mine], cluster=cluster.scheduler_address)[0], serial)
        edit(own, "vs_fit.py", "SCALE = 1.0", "SCALE = 3.0")
        anew()
        with pytest.raises(SourceChangedError, match=r"workers of a cluster: bring them up to date"):
            run([experiment()], cluster=cluster.scheduler_address)


def test_what_is_defined_at_a_prompt_is_refused_where_a_worker_cannot_import_it(own: Path) -> None:
    place: dict[str, Any] = {"__name__": "vs_prompt"}
    sys.modules["vs_prompt"] = type(sys)("vs_prompt")
    exec(MODEL.replace("vs-linear", "vs-prompt"), place)  # noqa: S102
    mine = checked_experiment(place["Linear"](), "sobolev", "identity", {"n": 10, "d": 40}, "sphere", None, 2)
    assert len(run([mine])[0]) == 2
    with pytest.raises(InvalidInputError, match=r"jobs: expected jobs=1 for Linear, which is defined in a notebook"):
        run([mine], jobs=2)
    text = MODEL.replace("vs-linear", "vs-prompt").replace("model.ridge)", "model.ridge + 1)")
    exec(text, place)  # noqa: S102
    other = checked_experiment(place["Linear"](), "sobolev", "identity", {"n": 10, "d": 40}, "sphere", None, 2)
    assert other.spec != mine.spec


# --- what a report says ----------------------------------------------------------------------------------------------


def test_the_command_says_it_in_one_line_and_the_report_has_each_hash(
    own: Path, call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own)
    command = [
        "verify",
        "own",
        "--plugin",
        "mine.py",
        "--trials",
        "1",
        "--jobs",
        "1",
        "--device",
        "cpu",
        "--out",
        "out",
    ]
    assert "Warning" not in call(*command).stderr
    report = json.loads((own / "out" / "report.json").read_text())
    (first,) = report["provenance"]["plugins"]
    assert (first["file"], sorted(first["files"])) == ("mine.py", ["mine.py", "vs_fit.py", "vs_model.py"])
    edit(own, "vs_fit.py", "SCALE = 1.0", "SCALE = 3.0")
    anew()
    said = [line for line in call(*command).stderr.splitlines() if line.startswith("Warning")]
    assert len(said) == 1
    assert re.fullmatch(
        r"Warning: vs_fit.py changed since \d+ trials in out were made: they are kept but not used; simulated anew",
        said[0],
    )
    (second,) = json.loads((own / "out" / "report.json").read_text())["provenance"]["plugins"]
    assert [name for name, sha in second["files"].items() if sha != first["files"][name]] == ["vs_fit.py"]
    assert second["sha256"] != first["sha256"]
    page = (own / "out" / "report.html").read_text(encoding="utf-8")
    assert all(sha in page for sha in (second["sha256"], *second["files"].values()))


def test_a_model_of_an_imported_module_is_in_the_report_too(own: Path) -> None:
    law = Law(name="own", model=model(), statement="Theta(sqrt(n/d))", path={"d": "4*n"},
              sizes={"n": [10, 18, 32, 60, 110]}, activations=("identity",))  # fmt: skip
    (used,) = verify(law, trials=1, device="cpu").provenance["plugins"]
    assert (used["file"], sorted(used["files"])) == ("vs_model.py", ["vs_fit.py", "vs_model.py"])
