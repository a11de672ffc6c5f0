"""What a store does when the world is against it: other people's files, older ones, full and damaged disks, clocks."""

import json
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
from disks import tiny_disk

import bigtheta
from bigtheta.numerics import store as module
from bigtheta.numerics.executors import workers
from bigtheta.numerics.experiment import checked_experiment
from bigtheta.numerics.salvage import salvage
from bigtheta.numerics.store import Store, StoreError, key
from bigtheta.numerics.sweep import SweepInterrupted, run
from bigtheta.numerics.trial import Trial

SIZES = {"n": 10, "d": 12, "k": 15}
FIRST_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE specs (hash TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE trials (
    key TEXT PRIMARY KEY, spec TEXT NOT NULL, sizes TEXT NOT NULL, trial INTEGER NOT NULL, seed INTEGER NOT NULL,
    device TEXT NOT NULL, versions TEXT NOT NULL, seconds REAL NOT NULL, row TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO meta VALUES ('schema', '1');
"""


def experiment(trials=6):
    return checked_experiment("random-features", "sobolev", "tanh", SIZES, "sphere", None, trials)


def trial(index):
    return Trial(experiment(), SIZES, index, 0, "cpu")


def filled(path, count):
    """A store of so many made-up rows, and the rows by key."""
    rows = {key(trial(i)): {"trial": i, "value": i / 7, "status": "ok", "residual": 1e-15} for i in range(count)}
    with Store(path) as store:
        for i, (name, row) in enumerate(rows.items()):
            store.put(name, trial(i), row, seconds=0.1, versions='{"bigtheta": "0.1.0"}')
    return rows


def tables(path):
    base = sqlite3.connect(path)
    try:
        return {
            name: base.execute(f"SELECT * FROM {name}").fetchall()
            for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        }
    finally:
        base.close()


def of_schema_1(path, frame):
    """A store as it was before there were checksums, with the rows of a frame."""
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("PRAGMA journal_mode=WAL")
    base.executescript(FIRST_SCHEMA)
    for i, row in enumerate(frame.to_dict("records")):
        values = (key(trial(i)), "s" * 64, json.dumps(SIZES), i, 0, "cpu", "{}", 0.1, json.dumps(row))
        base.execute("INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    base.close()


# --- files of others, of other versions ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize(
    "made", ["CREATE TABLE songs (name)", "CREATE TABLE trials (key, row)",
             "CREATE TABLE meta (name, value); CREATE TABLE songs (a)", "CREATE VIEW trials AS SELECT 1",
             FIRST_SCHEMA + "CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM trials; END"],
)  # fmt: skip
def test_a_database_of_something_else_is_left_byte_for_byte(tmp_path, mode, made):
    path = tmp_path / "s.sqlite"
    base = sqlite3.connect(path)
    base.execute(f"PRAGMA journal_mode={mode}")
    base.executescript(made)
    base.close()
    before = path.read_bytes()
    for open_it in (Store, salvage):
        with pytest.raises(StoreError, match=r"s\.sqlite' is an SQLite file of something else.*left as it is"):
            open_it(path)
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["s.sqlite"]


def test_a_newer_store_is_left_byte_for_byte(tmp_path):
    filled(tmp_path / "s.sqlite", 3)
    base = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    base.execute("UPDATE meta SET value = '99'")
    base.close()
    before = (tmp_path / "s.sqlite").read_bytes()
    with pytest.raises(StoreError, match="schema 99, this version reads 2: update bigtheta"):
        Store(tmp_path / "s.sqlite")
    with pytest.raises(StoreError, match="has a newer schema; update bigtheta; it was left as it is"):
        salvage(tmp_path / "s.sqlite")
    assert (tmp_path / "s.sqlite").read_bytes() == before


def test_a_store_of_schema_1_is_brought_up_and_goes_on(tmp_path):
    whole = run([experiment()])[0]
    of_schema_1(tmp_path / "s.sqlite", whole[:4])
    calls = []
    again = run([experiment()], store=tmp_path / "s.sqlite", progress=lambda *at: calls.append(at))[0]
    pd.testing.assert_frame_equal(again, whole)
    assert calls[0] == (4, 6), "nothing of it was simulated again"
    assert tables(tmp_path / "s.sqlite")["meta"] == [("schema", "2")]
    assert len(tables(tmp_path / "s.sqlite")["trials"]) == 6


def test_bringing_a_store_up_is_all_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / "s.sqlite"
    of_schema_1(path, run([experiment()])[0])
    before = tables(path)
    calls = []

    def failing(name, row):
        calls.append(name)
        if len(calls) == 3:
            raise RuntimeError
        return 0

    monkeypatch.setattr(module, "checksum", failing)
    with pytest.raises(StoreError, match=r"cannot open the store .*s\.sqlite"):
        Store(path)
    assert len(calls) == 3
    assert tables(path) == before
    monkeypatch.undo()
    with Store(path) as store:
        assert len(store.find(key(trial(i)) for i in range(6))) == 6


def test_rows_of_an_older_engine_are_neither_used_nor_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ENGINE", module.ENGINE - 1)
    run([experiment()], store=tmp_path / "s.sqlite")
    before = set(tables(tmp_path / "s.sqlite")["trials"])
    monkeypatch.undo()
    calls = []
    run([experiment()], store=tmp_path / "s.sqlite", progress=lambda *at: calls.append(at))
    assert calls[0] == (0, 6)
    after = set(tables(tmp_path / "s.sqlite")["trials"])
    assert before < after
    assert len(after) == 12


def test_a_file_cut_off_before_its_tables_were_there_becomes_a_store(tmp_path):
    (tmp_path / "a.sqlite").write_bytes(b"")
    base = sqlite3.connect(tmp_path / "b.sqlite")
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
    base.close()
    for name in ("a.sqlite", "b.sqlite"):
        assert len(filled(tmp_path / name, 2)) == 2


# --- several at a time -----------------------------------------------------------------------------------------------


def test_many_open_one_new_store_at_once(tmp_path):
    for turn in range(5):
        faults, gate = [], threading.Barrier(6)

        def use(number, path=tmp_path / f"{turn}.sqlite", faults=faults, gate=gate):
            gate.wait()
            try:
                with Store(path) as store:
                    for i in range(4):
                        store.put(key(trial(i)), trial(i), {"value": i}, seconds=0.1, versions="{}")
                    store.put(key(trial(9 + number)), trial(9), {"value": number}, seconds=0.1, versions="{}")
            except Exception as error:
                faults.append(error)

        threads = [threading.Thread(target=use, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(100)
        assert faults == []
        with Store(tmp_path / f"{turn}.sqlite") as store:
            assert len(store) == 4 + 6


# --- disks -----------------------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_keeps_what_was_committed(tmp_path):
    e = experiment(60)
    with tiny_disk(tmp_path / "disk", "2m") as disk:
        ballast = disk / "ballast"
        Store(disk / "s.sqlite").__exit__(None, None, None)
        ballast.write_bytes(bytes(1_800_000))
        with pytest.raises(StoreError) as caught:
            run([e], store=disk / "s.sqlite")
        text = str(caught.value)
        assert text.startswith(f"cannot write the store '{disk}/s.sqlite': "), text
        assert "disk" in text
        assert "run the same command again: finished trials are kept" in text
        assert "\n" not in text
        with Store(disk / "s.sqlite") as store:
            kept = store.find(key(Trial(e, SIZES, i, 0, "cpu")) for i in range(60))
        assert 0 < len(kept) < 60
        ballast.unlink()
        calls = []
        frame = run([e], store=disk / "s.sqlite", progress=lambda *at: calls.append(at))[0]
        assert calls[0] == (len(kept), 60)
    pd.testing.assert_frame_equal(frame, run([e])[0])


def test_no_room_for_a_store_at_all(tmp_path):
    with tiny_disk(tmp_path / "disk", "64k") as disk:
        (disk / "ballast").write_bytes(bytes(64 * 1024))
        with pytest.raises(StoreError, match=r"cannot open the store .*s\.sqlite.* disk"):
            Store(disk / "s.sqlite")


def test_a_store_that_may_only_be_read(tmp_path):
    with tiny_disk(tmp_path / "disk", "2m") as disk:
        filled(disk / "s.sqlite", 3)
        before = (disk / "s.sqlite").read_bytes()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(StoreError, match=r"cannot open the store '.*s\.sqlite': .*; .*you may write to"):
            Store(disk / "s.sqlite")
        with pytest.raises(StoreError, match=r"cannot open the store '.*new\.sqlite': .*; .*you may write to"):
            Store(disk / "new.sqlite")
        assert (disk / "s.sqlite").read_bytes() == before


LIMITED = """
import resource, sys
from bigtheta.numerics.experiment import checked_experiment
from bigtheta.numerics.store import StoreError
from bigtheta.numerics.sweep import run
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
e = checked_experiment("random-features", "sobolev", "tanh", {"n": 10, "d": 12, "k": 15}, "sphere", None, 60)
try:
    run([e], store=sys.argv[1])
except StoreError as error:
    print(error)
"""


def test_a_file_that_may_not_grow(tmp_path):
    pytest.importorskip("resource", reason="no limits on the size of files on this system")
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "s.sqlite"], capture_output=True, text=True, timeout=600, check=True
    )
    assert result.stdout.startswith("cannot write the store"), result.stdout + result.stderr
    assert "finished trials are kept" in result.stdout
    with Store(tmp_path / "s.sqlite") as store:
        assert 0 < len(store) < 60
    assert len(run([experiment(60)], store=tmp_path / "s.sqlite")[0]) == 60


# --- damage ----------------------------------------------------------------------------------------------------------


def test_a_number_that_was_changed_is_found_out_and_the_rest_is_salvaged(tmp_path):
    path = tmp_path / "s.sqlite"
    whole = run([experiment()], store=path)[0]
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("UPDATE trials SET row = replace(row, '\"residual\": ', '\"residual\": 1') WHERE trial = 2")
    base.close()
    damaged = path.read_bytes()
    with pytest.raises(StoreError, match=r"is not as it was written; it is damaged: .*`bigtheta salvage /.*s\.sqlite`"):
        run([experiment()], store=path)
    assert salvage(path) == (5, tmp_path / "s.sqlite.damaged-1")
    assert (tmp_path / "s.sqlite.damaged-1").read_bytes() == damaged
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.sqlite", "s.sqlite.damaged-1"]
    calls = []
    again = run([experiment()], store=path, progress=lambda *at: calls.append(at))[0]
    assert calls[0] == (5, 6)
    pd.testing.assert_frame_equal(again, whole)
    assert len(tables(path)["specs"]) == 1


def spoilt(content, rng):
    """The bytes of a store with something changed: bits, bytes of the header, a stretch of zeros or noise, the end."""
    data = bytearray(content)
    kind = rng.choice(["bit", "bits", "head", "zeros", "noise", "cut"])
    at, length = rng.randrange(len(data)), rng.choice([16, 512, 4096, 20_000])
    if kind in ("bit", "bits"):
        for _ in range(1 if kind == "bit" else rng.randrange(2, 100)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == "head":
        data[rng.randrange(100)] = rng.randrange(256)
    elif kind == "cut":
        del data[max(1, at) :]
    else:
        part = len(data[at : at + length])
        data[at : at + length] = bytes(part) if kind == "zeros" else rng.randbytes(part)
    return bytes(data)


def test_damage_anywhere_gives_right_rows_or_one_line(tmp_path):
    """At 120 places; whatever is read is right, and what is salvaged is too."""
    path, rng = tmp_path / "x.sqlite", random.Random(5)
    rows = filled(path, 150)
    content = path.read_bytes()
    told, salvaged = [], []
    for _ in range(120):
        for leftover in tmp_path.iterdir():
            leftover.unlink()
        path.write_bytes(spoilt(content, rng))
        said = used(path, rows)
        if said is None:
            continue
        told.append(said)
        damaged = path.read_bytes()
        try:
            kept, aside = salvage(path)
        except StoreError:
            assert path.read_bytes() == damaged
            continue
        assert aside.read_bytes() == damaged
        assert used(path, rows) is None
        salvaged.append(kept)
    assert 30 < len(told) < 120
    assert all("x.sqlite" in said and "\n" not in said for said in told)
    assert [said for said in told if not re.search("; .*(salvage|another file)", said)] == []
    assert len(salvaged) > len(told) / 2
    assert max(salvaged) >= 149


def used(path, rows):
    """Read and write a store as a run does; None, or what it said. Every row that it gave must be right."""
    new = trial(999)
    try:
        with Store(path) as store:
            found = store.find(rows)
            store.put(key(new), new, {"value": 1.0}, seconds=0.1, versions="{}")
    except StoreError as error:
        return str(error)
    assert {name: rows[name] for name in found} == found
    return None


def test_salvage_of_what_cannot_be_salvaged(tmp_path):
    (tmp_path / "notes.txt").write_text("no store, and longer than the first page\n" * 500)
    before = (tmp_path / "notes.txt").read_bytes()
    with pytest.raises(StoreError, match=r"no trial of .*notes\.txt' can be read; it was left as it is"):
        salvage(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_salvage_reads_the_log_of_a_killed_run_too(tmp_path):
    rows = filled(tmp_path / "s.sqlite", 5)
    store = Store(tmp_path / "s.sqlite")
    store.put(key(trial(5)), trial(5), {"value": 0.5}, seconds=0.1, versions="{}")
    for part in ("", "-wal"):  # as a killed process leaves them
        shutil.copy(tmp_path / f"s.sqlite{part}", tmp_path / f"t.sqlite{part}")
    store.__exit__(None, None, None)
    assert salvage(tmp_path / "t.sqlite")[0] == 6
    with Store(tmp_path / "t.sqlite") as kept:
        assert kept.find(rows) == rows


# --- interruption, clocks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_sweep_says_what_it_has(tmp_path, jobs):
    e, seen = [experiment(4), experiment(5)], []

    def interrupt(done, total):
        seen.append(done)
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(SweepInterrupted) as caught:
        run(e, seed=1, jobs=jobs, store=tmp_path / "s.sqlite", progress=interrupt)
    assert seen == [0, 1, 2, 3]
    whole = run(e, seed=1)
    for frame, full in zip(caught.value.frames, whole, strict=True):
        merged = frame.merge(full, how="left", indicator=True) if len(frame) else frame
        assert (merged["_merge"] == "both").all() if len(frame) else True, "the numbers of the whole sweep"
    assert 3 <= sum(map(len, caught.value.frames)) < 9
    for frame, full in zip(run(e, seed=1, store=tmp_path / "s.sqlite"), whole, strict=True):
        pd.testing.assert_frame_equal(frame, full)


def test_processes_end_with_an_error_however_long_their_trial_is():
    def fail():
        with workers(2) as pool:
            assert pool.executor.submit(max, 1, 2).result() == 2
            pool.executor.submit(time.sleep, 3600)
            raise RuntimeError("as on a full disk")

    with pytest.raises(RuntimeError, match="as on a full disk"):
        fail()


def test_a_clock_that_jumps_changes_nothing(tmp_path, monkeypatch):
    whole = run([experiment()])[0]
    jumps = iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: 1e9 * (-1) ** next(jumps))
    pd.testing.assert_frame_equal(run([experiment()], store=tmp_path / "s.sqlite")[0], whole)


def test_durations_are_of_the_clock_that_does_not_jump():
    where = Path(bigtheta.__file__).parent
    files = [path for part in ("theory", "numerics", "verify") for path in (where / part).rglob("*.py")]
    read = {path.name: path.read_text() for path in files}
    assert "sweep.py" in read
    assert [name for name, text in read.items() if re.search(r"\btime\.time\(|import time\b.*\btime\b$", text)] == []
    assert [name for name, text in read.items() if "datetime" in text] == ["interrupts.py"], "dates name folders only"
