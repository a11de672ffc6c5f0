"""Mutation testing: small faults planted in the mathematics, one at a time, and how many of them a test sees.

    python benchmarks/mutants.py [--sample 400] [--seed 0] [--out mutants.csv] [MODULE.py ...]

The modules are those of theory/ and verify/fit.py, verdict.py unless named; theory/papers computes nothing, and a
change there is seen by tests/theory/shipped_laws.txt. The operators are cosmic-ray's, without those that cannot but
crash (a shift in place of a sum) or change nothing (a cache taken away, annotations, strict=True of zip). A place in
the source is drawn first and an operator for it then: comparisons with their eight variants do not count eight times.

A copy of the tree is mutated. Each mutant meets the tests that run its line, --first seconds of them, quickest first,
of the two files that have most, in a forked process that has NumPy, SymPy and PyTorch loaded; if it lives, --more
seconds of those that run its module.
Which test runs which line is measured by one run of TESTS under coverage, some twenty minutes; --map DIR keeps it.
Mutants that are in the file of --out already are not tried again.
Install with `pip install -e '.[campaigns]'`.
"""

from __future__ import annotations

import argparse
import ast
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
TESTS = [
    "tests/theory", "tests/test_package.py", "tests/numerics/test_numerics_limits.py",
    "tests/numerics/test_numerics_linear.py",
    *(f"tests/verify/test_verify_{name}.py" for name in (
        "bridge", "cli", "fit", "judge", "papers", "peak", "plugins", "regimes", "spec_commands", "symbolic",
    )),
]  # fmt: skip
ARITHMETIC = ("Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow")
QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Of what was imported before the fork."""
Span = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Mutant:
    """An operator of cosmic-ray at one of the places where it applies."""

    module: Path
    operator: str
    occurrence: int
    span: Span

    @property
    def identity(self) -> tuple[str, str, str]:
        """As in the columns module, operator and occurrence."""
        return str(self.module), self.operator.removeprefix("core/"), str(self.occurrence)


def modules() -> list[Path]:
    """What being right hangs on."""
    found = (p.relative_to(ROOT) for p in (ROOT / "theory").rglob("*.py") if p.name != "__init__.py")
    theory = sorted(p for p in found if "papers" not in p.parts)
    return [*theory, Path("verify/fit.py"), Path("verify/verdict.py")]


def copy_tree(target: Path) -> None:
    """The tree as it is on disk, without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in sorted(set(listed.stdout.split("\n")) - {""}):
        source, copy = ROOT / name, target / name
        if source.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy, follow_symlinks=False)


def environment(tree: Path) -> dict[str, str]:
    """Imports come from the copy, and a mutant leaves no bytecode."""
    return os.environ | {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}


def measure(tree: Path, kept: Path) -> None:
    """Run the tests under coverage: which test runs which line, and how long each takes."""
    kept.mkdir(parents=True, exist_ok=True)
    (kept / "coveragerc").write_text(
        f"[run]\nsource = theory,verify\ndata_file = {kept / 'coverage'}\nrelative_files = true\n"
    )
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--cov", f"--cov-config={kept / 'coveragerc'}", "--cov-context=test",
         "--cov-report=", f"--junitxml={kept / 'junit.xml'}", *TESTS],
        cwd=tree, env=environment(tree), check=True,
    )  # fmt: skip


def seconds_of(kept: Path) -> dict[str, float]:
    """Seconds of each test, by file and name."""
    found = {}
    for case in ElementTree.parse(kept / "junit.xml").iter("testcase"):
        parts = case.get("classname", "").split(".")
        file = next(i for i, part in enumerate(parts) if part.startswith("test_")) + 1
        name = "::".join(["/".join(parts[:file]) + ".py", *parts[file:], case.get("name", "")])
        found[name] = float(case.get("time", 0))
    return found


def tests_of_lines(kept: Path) -> dict[str, dict[int, set[str]]]:
    """The tests that run each line of each module; those that only import it do not count."""
    from coverage import CoverageData

    data = CoverageData(str(kept / "coverage"))
    data.read()
    found: dict[str, dict[int, set[str]]] = {}
    for file in data.measured_files():
        name = file.split("/src/bigtheta/")[-1]
        parts = Path(name).parts
        start = max((i for i, part in enumerate(parts) if part in ("theory", "verify")), default=0)
        lines = data.contexts_by_lineno(file)
        found[Path(*parts[start:]).as_posix()] = {
            line: {context.split("|")[0] for context in contexts if context} for line, contexts in lines.items()
        }
    return found


def uninteresting(source: str) -> list[tuple[int, int, int, int]]:
    """The spans of annotations, names for types of arrays, the `strict` of zip, and caches among the decorators."""
    spans = []
    for node in ast.walk(ast.parse(source)):
        idle: list[Any] = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "zip":
            idle += [word.value for word in node.keywords]
        if isinstance(node, ast.Assign) and "NDArray[" in ast.unparse(node.value):
            idle.append(node.value)
        spans += [(n.lineno, n.col_offset, n.end_lineno, n.end_col_offset) for n in idle if n is not None]
        caches = (d for d in getattr(node, "decorator_list", []) if "cache" in ast.unparse(d))
        spans += [(d.lineno, d.col_offset - 1, (d.end_lineno or d.lineno) + 1, 0) for d in caches]  # with @ and newline
    return spans


def mutants_of(module: Path) -> Iterator[Mutant]:
    """Yield every mutant worth a test."""
    from cosmic_ray.ast import ast_nodes, get_ast_from_path
    from cosmic_ray.plugins import get_operator, operator_names

    tree, idle = get_ast_from_path(ROOT / module), uninteresting((ROOT / module).read_text())
    nodes = list(ast_nodes(tree))
    for name in operator_names():
        kind = name.removeprefix("core/").split("_")
        if kind[0] in ("NoOp", "VariableReplacer", "VariableInserter"):
            continue
        if kind[0] == "ReplaceBinaryOperator" and not {kind[1], kind[2]} <= set(ARITHMETIC):
            continue
        operator = get_operator(name)()
        places = (span for node in nodes for span in operator.mutation_positions(node))
        for occurrence, (start, end) in enumerate(places):
            if not any((a, b) <= (start[0], start[1] + 1) and (end[0], end[1]) <= (c, d) for a, b, c, d in idle):
                yield Mutant(module, name, occurrence, (start, end))


def drawn(chosen: list[Path], count: int, seed: int) -> tuple[list[Mutant], int, int]:
    """So many mutants, places first; with the number of mutants and of places there are."""
    by_place: dict[tuple[Path, Span], list[Mutant]] = {}
    for module in chosen:
        for mutant in mutants_of(module):
            by_place.setdefault((module, mutant.span), []).append(mutant)
    rng = random.Random(seed)
    places = sorted(by_place, key=lambda place: (str(place[0]), place[1]))
    picked = rng.sample(places, min(count, len(places)))
    return [rng.choice(by_place[place]) for place in picked], sum(map(len, by_place.values())), len(places)


def quickest(names: set[str], seconds: dict[str, float], budget: float) -> list[str]:
    """At least one test, and as many as fit."""
    picked: list[str] = []
    for name in sorted(names, key=lambda n: (seconds.get(n, 1.0), n)):
        budget -= seconds.get(name, 1.0) + 0.005
        if budget < 0 and picked:
            break
        picked.append(name)
    return picked


def nearest(names: set[str]) -> set[str]:
    """The tests in the two files that have most of them, so that few files are read."""
    files = [file for file, _ in Counter(name.split("::")[0] for name in sorted(names)).most_common(2)]
    return {name for name in names if name.split("::")[0] in files}


def lives(tree: Path, names: list[str], limit: float) -> str:
    """Run tests in a fork; return "lived", "killed" or "timeout"."""
    child = os.fork()
    if not child:
        try:
            os.setsid()
            os.environ.update(environment(tree))
            sys.dont_write_bytecode = True
            os.chdir(tree)
            sys.path.insert(0, str(tree / "src"))
            with open(os.devnull, "w") as sink:
                os.dup2(sink.fileno(), 1)
                os.dup2(sink.fileno(), 2)
                import pytest

                code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--no-header", *QUIET, *names]))
        except BaseException:
            code = 1
        os._exit(code)
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "lived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def fate(mutant: Mutant, tree: Path, groups: list[list[str]], seconds: dict[str, float]) -> tuple[str, str]:
    """What becomes of a mutant, and the line that it changes."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    target = tree / mutant.module
    source = target.read_text()
    code = mutate_code(source, get_operator(mutant.operator)(), mutant.occurrence)
    assert code not in (None, source), mutant
    first = next((new for old, new in zip(source.split("\n"), code.split("\n"), strict=False) if old != new), "")
    for stale in (target.parent / "__pycache__").glob(f"{target.stem}.*.pyc"):
        stale.unlink()
    try:
        target.write_text(code)
        end = "unseen"
        for names in groups:
            end = lives(tree, names, 60 + 6 * sum(seconds.get(name, 1.0) for name in names))
            if end != "lived":
                break
    finally:
        target.write_text(source)
    return end, first.strip()


def earlier(file: Path) -> dict[tuple[str, str, str], str]:
    """How the mutants ended that were tried before."""
    if not file.exists():
        return {}
    with file.open(newline="") as rows:
        return {(row["module"], row["operator"], row["occurrence"]): row["end"] for row in csv.DictReader(rows)}


def main() -> None:
    """Draw mutants, run their tests, print what lives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", type=Path)
    parser.add_argument("--sample", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=float, default=4)
    parser.add_argument("--more", type=float, default=30)
    parser.add_argument("--map", type=Path, help="keep the coverage of the tests in this folder, and use what is there")
    parser.add_argument("--out", type=Path, default=Path("mutants.csv"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as where:
        tree, kept = Path(where) / "tree", given.map or Path(where) / "map"
        copy_tree(tree)
        if not (kept / "coverage").exists():
            measure(tree, kept.resolve())
        subprocess.run([sys.executable, "-m", "compileall", "-q", "src", "tests"], cwd=tree, check=True)
        seconds, lines = seconds_of(kept), tests_of_lines(kept)
        import pandas  # noqa: F401  # loaded once, for every fork
        import pytest  # noqa: F401
        import scipy.optimize  # noqa: F401
        import sympy  # noqa: F401
        import torch  # noqa: F401

        chosen, mutants, places = drawn(given.modules or modules(), given.sample, given.seed)
        print(f"{len(chosen)} of {mutants} mutants at {places} places", flush=True)
        ends: Counter[str] = Counter()
        sound: set[Path] = set()
        known = earlier(given.out)
        with given.out.open("a", newline="") as file:
            writer = csv.writer(file)
            if not known:
                writer.writerow(["module", "line", "operator", "occurrence", "end", "tests", "seconds", "mutant"])
            for mutant in chosen:
                if (done := known.get(mutant.identity)) is not None:
                    ends[done] += 1
                    continue
                here = lines.get(mutant.module.as_posix(), {})
                names = set().union(
                    *(here.get(line, set()) for line in range(mutant.span[0][0], mutant.span[1][0] + 1))
                )
                started, every = time.monotonic(), set().union(*here.values())
                first = quickest(nearest(names or every), seconds, given.first)
                groups = [group for group in (first, quickest(every - set(first), seconds, given.more)) if group]
                if groups and mutant.module not in sound:
                    if (whole := lives(tree, groups[0], 600)) != "lived":
                        raise SystemExit(f"{mutant.module}: its tests do not pass without a mutant: {whole}")
                    sound.add(mutant.module)
                end, text = fate(mutant, tree, groups, seconds)
                ends[end] += 1
                row = [
                    mutant.module, mutant.span[0][0], *mutant.identity[1:], end, len(names),
                    f"{time.monotonic() - started:.1f}", text,
                ]  # fmt: skip
                writer.writerow(row)
                file.flush()
                if end in ("lived", "unseen"):
                    print(*row, flush=True)
    seen = ends["killed"] + ends["timeout"]
    print(f"{seen} of {ends.total()} killed ({seen / ends.total():.1%}); {dict(ends)}")


if __name__ == "__main__":
    main()
