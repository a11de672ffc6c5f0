"""Coverage-guided fuzzing of one reader: mutations that reach new lines are kept and mutated further.

    pip install -e '.[campaigns]'
    python tests/fuzz/campaign.py spec --runs 100000          # a reader of fuzz_targets.TARGETS
    python tests/fuzz/campaign.py cifar --runs 100000 --seed 7 --found /tmp/found

Each input that breaks an invariant is written to the folder FOUND, once for each place it comes from; the campaign goes
on, and ends with exit code 1 if there was one. What hangs inside C, or takes too much memory, ends it at once, and
libFuzzer writes that input into the current folder. Without atheris, `pytest -m long tests/fuzz` runs the same readers
under hypothesis, BIGTHETA_FUZZ inputs each.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType


def _atheris() -> ModuleType:
    try:
        import atheris
    except ImportError:
        sys.exit("campaign: atheris is not installed; pip install 'bigtheta[campaigns]', or pytest -m long tests/fuzz")
    return atheris  # type: ignore[no-any-return]


def _where(error: BaseException) -> str:
    """The last line of bigtheta that an error passed, to tell faults apart."""
    error, place = error.__cause__ or error, ""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "/bigtheta/" in file and "/tests/" not in file:
            place = f"{Path(file).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} {place}" if place else f"{error!s:.60}"


def main() -> None:
    """Read the command line, make the corpus, and hand over to libFuzzer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--found", type=Path, default=Path("found"))
    parser.add_argument("--seconds", type=int, default=0, help="Stop after so long; 0 is never.")
    parser.add_argument("--timeout", type=int, default=5, help="Of libFuzzer's clock on the wall, for hangs inside C.")
    given = parser.parse_args()
    atheris = _atheris()
    with atheris.instrument_imports(include=["bigtheta"]):
        import fuzz_targets
    import fuzz_seeds
    import fuzz_strategies
    from fuzz_watch import BrokenError

    if given.reader not in fuzz_targets.TARGETS:
        sys.exit(f"campaign: unknown reader {given.reader!r}; valid: {', '.join(fuzz_targets.TARGETS)}")
    target, seeds = fuzz_targets.TARGETS[given.reader], fuzz_seeds.corpus(given.reader)
    for data in seeds[:3]:
        with contextlib.suppress(BrokenError):
            target(data)  # what is imported and cached once is no fault of the first input
    started, runs, accepted, found = time.monotonic(), 0, 0, {}

    def finish() -> None:
        took = time.monotonic() - started
        sys.stdout.write(f"{given.reader}: {runs} runs in {took:.0f} s, {accepted} accepted, {len(found)} faults\n")
        sys.stdout.writelines(f"  {place}: {text}\n" for place, text in found.items())
        sys.stdout.flush()
        os._exit(bool(found))

    def one(data: bytes) -> None:
        nonlocal runs, accepted
        try:
            accepted += target(data)
        except Exception as error:  # of BrokenError and of what a target itself did not foresee
            if (place := _where(error)) not in found:
                given.found.mkdir(parents=True, exist_ok=True)
                file = given.found / f"{given.reader}-{hashlib.sha256(data).hexdigest()[:12]}"
                file.write_bytes(data)
                found[place] = f"{str(error)[:200]!r}, {file}"
        runs += 1
        if runs >= given.runs or (given.seconds and time.monotonic() - started > given.seconds):
            finish()

    def change(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.4:
            return bytes(atheris.Mutate(data, most))
        return fuzz_strategies.mutated(given.reader, data, rng)[:most]

    with tempfile.TemporaryDirectory(prefix="bigtheta-corpus-") as corpus:
        for index, data in enumerate(seeds):
            (Path(corpus) / f"{index:04d}").write_bytes(data)
        most = max(4096, 2 * max(map(len, seeds)))
        options = [
            f"-timeout={given.timeout}",
            "-rss_limit_mb=2048",
            f"-max_len={most}",
            f"-seed={given.seed}",
            "-verbosity=0",
        ]
        atheris.Setup([sys.argv[0], *options, corpus], one, custom_mutator=change)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
