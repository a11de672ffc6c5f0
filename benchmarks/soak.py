"""A long run: memory, files, processes and the store, watched while laws are verified again and again.

    python benchmarks/soak.py [--minutes 120] [--out CSV]

One process verifies a law of each model round after round into one folder, every round with new seeds and with an
activation that was never seen before, every third one over two processes, and writes the report of the round in every
format. A row a round: seconds, the process's own resident memory (after a garbage collection), open files, threads,
child processes, files in the temporary folder, rows and bytes of the store. At the end it says whether memory is flat
(the median of the last fifth of the rounds against that of the second, below 5%), the store linear, nothing left over;
exit code 1 if not.
"""

from __future__ import annotations

import argparse
import csv
import gc
import multiprocessing
import os
import sqlite3
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from bigtheta.theory.catalogue import activation
from bigtheta.theory.kernel import rf_kernel
from bigtheta.theory.law import Law
from bigtheta.verify.run import STORE, verify

SIZES = {"n": [12, 24, 48, 96, 192]}
MODELS: dict[str, dict[str, object]] = {
    "random-features": {"path": {"d": "n", "k": "3*n"}, "limit": "sobolev"},
    "neural-tangent": {"path": {"d": "n", "k": "n"}, "limit": "sobolev"},
    "both-layers": {"path": {"d": "n", "k": "n"}},
    "rf-kernel": {"path": {"d": "2*n"}, "limit": "sobolev"},
    "ntk-kernel": {"path": {"d": "2*n"}, "inputs": "gaussian"},
}
GROWTH = 0.05
Row = dict[str, float]


def laws(turn: int) -> list[Law]:
    """One law a model; the activation of the first is new in every round."""
    fresh = f"tanh(u*{1000 + turn}/1000) + {turn + 1}*u^2/100000"
    return [
        Law(
            name=f"soak-{kind}", model=kind, statement="Theta(sqrt(n))", sizes=SIZES,
            activations=[fresh if kind == "random-features" else "tanh"], **given,
        )
        for kind, given in MODELS.items()
    ]  # fmt: skip


def turn_once(turn: int, folder: Path) -> None:
    """Meet eight activations more, so that every cache is soon full; verify; write the report in every format."""
    for index in range(8):
        rf_kernel(activation(f"tanh(u*{turn + 1}/7919)*sin(u+{index})"))
    report = verify(laws(turn), trials=1, seed=turn, jobs=2 if turn % 3 == 2 else 1, out=folder)
    for text in (report.to_html(), report.to_markdown(), report.to_latex(), report.to_junit()):
        assert text


def observed(folder: Path, temporary: Path, started: float) -> Row:
    """What the process holds now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    with closing(sqlite3.connect(folder / STORE)) as base:
        (rows,) = base.execute("SELECT COUNT(*) FROM trials").fetchone()
        (size,) = base.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()
    return {
        "seconds": round(time.monotonic() - started, 1),
        "rss_mib": round(pages * os.sysconf("SC_PAGESIZE") / 2**20, 1),
        "files": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "children": len(multiprocessing.active_children()),
        "temporary": sum(1 for _ in temporary.rglob("*")),
        "rows": rows,
        "store_kib": size / 1024,
    }


def faults(rows: list[Row]) -> list[str]:
    """What grew, in words; empty if nothing did."""
    fifth = len(rows) // 5
    if not fifth:
        return [f"too few rounds to tell: {len(rows)}, at least 5 are needed"]
    found = []
    early, late = (
        float(np.median([row["rss_mib"] for row in part])) for part in (rows[fifth : 2 * fifth], rows[-fifth:])
    )
    print(f"memory: {early:.0f} MiB, then {late:.0f} MiB ({late / early - 1:+.1%})")
    if late > early * (1 + GROWTH):
        found.append(f"memory grew by {late / early - 1:.1%}")
    count, size = (np.array([row[name] for row in rows]) for name in ("rows", "store_kib"))
    fit = np.polyval(np.polyfit(count, size, 1), count)
    bend = float(np.abs(size - fit).max() / size[-1])
    print(f"store: {1024 * size[-1] / count[-1]:.0f} bytes a trial, at most {bend:.1%} from a line")
    if bend > 0.02:
        found.append(f"the store is {bend:.1%} from a line")
    for name in ("files", "threads", "children", "temporary"):
        first, last = (max(row[name] for row in part) for part in (rows[fifth : 2 * fifth], rows[-fifth:]))
        print(f"{name}: {first:.0f}, then {last:.0f}")
        if last > first:
            found.append(f"{name} grew from {first:.0f} to {last:.0f}")
    return found


def main() -> int:
    """Run for so many minutes and judge what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--out", type=Path, help="keep the rows in this CSV file")
    given = parser.parse_args()
    rows: list[Row] = []
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as where:
        folder, temporary = Path(where) / "report", Path(where) / "temporary"
        temporary.mkdir()
        tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
        while time.monotonic() - started < 60 * given.minutes:
            turn_once(len(rows), folder)
            rows.append(observed(folder, temporary, started))
            if given.out:
                with given.out.open("w", newline="") as file:
                    writer = csv.DictWriter(file, rows[0])
                    writer.writeheader()
                    writer.writerows(rows)
    print(f"{len(rows)} rounds, {rows[-1]['rows']:.0f} trials, {rows[-1]['seconds'] / 60:.0f} min")
    found = faults(rows)
    print("\n".join(f"FAIL: {fault}" for fault in found) or "flat")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
