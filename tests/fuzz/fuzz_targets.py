"""One function a reader: it takes the bytes of one input and raises BrokenError only if an invariant is broken.

Each returns whether the input was accepted.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.metadata
import os
import re
import types
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock
from zlib import crc32

import numpy as np
from fuzz_watch import SENTINEL, BrokenError, emptied, folder, reads

from bigtheta.numerics.experiment import checked_experiment
from bigtheta.numerics.formats import read_batch, read_idx, read_npz
from bigtheta.numerics.precision import torch_dtype
from bigtheta.numerics.store import Store
from bigtheta.numerics.store import key as store_key
from bigtheta.numerics.trial import Trial
from bigtheta.theory import plugins
from bigtheta.theory.catalogue import activation
from bigtheta.theory.expression import parse_expression
from bigtheta.theory.hypotheses import hypothesis_source, parse_hypothesis
from bigtheta.theory.inputs import inputs
from bigtheta.theory.law import law, laws
from bigtheta.theory.model import model
from bigtheta.theory.plugin_file import plugin_files
from bigtheta.theory.scale import SIZES, Sizes
from bigtheta.theory.scale import Path as SizePath
from bigtheta.theory.spec import read_spec
from bigtheta.theory.spec_text import spec_text
from bigtheta.theory.statement import Statement
from bigtheta.verify.judge import judge
from bigtheta.verify.options import assignments, free_size, table
from bigtheta.verify.report.coverage import coverage
from bigtheta.verify.report.difference import as_dict, changes, lines
from bigtheta.verify.report.pages import write_pages
from bigtheta.verify.report.read import read_report
from bigtheta.verify.table import read_table

Target = Callable[[bytes], bool]

_open = contextlib.ExitStack()


@cache
def _place(name: str) -> Path:
    """A folder for each reader, removed when the process ends."""
    root = _open.enter_context(folder())
    (root / name).mkdir()
    return root / name


def text_of(data: bytes) -> str:
    """The text of an input: also what is no UTF-8, as the command line hands it on."""
    return data.decode("utf-8", "surrogateescape")


# Formulas


def _statement(text: str) -> None:
    found = Statement.parse(text)
    assert found.latex
    Statement.parse(str(found))


def _hypothesis(text: str) -> None:
    parse_hypothesis(hypothesis_source(parse_hypothesis(text)))


def _sizes(text: str) -> None:
    ((name, values),) = free_size(text).items()
    Sizes(name, tuple(values))


GRAMMARS: dict[str, Callable[[str], object]] = {
    "activation": activation,
    "scale": lambda text: SizePath({"d": text}, free="n"),
    "statement": _statement,
    "hypothesis": _hypothesis,
    "path": lambda text: SizePath(assignments(text), free="n"),
    "sizes": _sizes,
    "inputs": lambda text: inputs(table("inputs", text)),
    "model": lambda text: model(table("model", text)),
    "formula": lambda text: parse_expression(text, SIZES),
    "precision": torch_dtype,
}
"""What is written in a line, by the letter that an input begins with: a is the first, b the second."""


def read_formula(data: bytes) -> bool:
    """The first byte says which grammar, the rest is the text."""
    if not data:
        return False
    read = list(GRAMMARS.values())[(data[0] - 97) % len(GRAMMARS)]
    return reads(lambda: read(text_of(data[1:])))


# Files


def read_spec_file(data: bytes) -> bool:
    """A spec file; what is accepted is written again and must read back."""
    place = _place("spec")
    file = place / "law.toml"

    def read() -> None:
        file.write_bytes(data)
        found = read_spec(file)
        file.write_text(spec_text(found), encoding="utf-8")
        read_spec(file)

    return reads(read, place)


def read_csv(data: bytes) -> bool:
    """A table of samples; a small one is judged too."""
    place = _place("csv")
    file = place / "data.csv"
    file.write_bytes(data)

    def read() -> None:
        samples = read_table(file).samples
        if len(samples) < 12 and sum(map(len, samples)) < 200 and crc32(data) % 4 == 0:
            judge(file, statement="Theta(sqrt(n))")

    return reads(read)


def read_idx_file(data: bytes) -> bool:
    """The first byte says how many axes are expected, the rest is the file."""
    axes = 1 if data[:1] < b"m" else 3
    return reads(lambda: read_idx(data[1:], "images", axes=axes))


def read_npz_file(data: bytes) -> bool:
    """An archive of images and labels."""
    return reads(lambda: read_npz(data, "images.npz"))


def read_cifar(data: bytes) -> bool:
    """A pickled batch."""
    return reads(lambda: read_batch(data, "data_batch_1"))


@cache
def trial() -> Trial:
    """The trial that is looked for in a store, and put into it."""
    sizes = {"n": 30, "d": 40, "k": 50}
    return Trial(checked_experiment("random-features", "sobolev", "relu", sizes, "sphere", None, 6), sizes, 0, 0, "cpu")


def read_store(data: bytes) -> bool:
    """A store: opened, counted, read, written, and read again."""
    place = emptied(_place("store"))
    (place / "trials.sqlite").write_bytes(data)
    one = trial()
    name = store_key(one)

    def read() -> None:
        with Store(place / "trials.sqlite") as store:
            len(store)
            for row in store.find([name, "other"]).values():
                if not isinstance(row, dict):
                    raise BrokenError(f"a row that is no table: {row!r:.100}")
            store.put(name, one, {"value": 1.0}, seconds=0.1, versions="{}")
            store.find([name])

    return reads(read, place)


# Plugins


def _modules() -> dict[str, types.ModuleType]:
    """What the entry points of a fuzzed distribution may import: modules that hold what no plugin should."""

    class Odd:
        def __getattr__(self, name: str) -> Any:
            raise SystemExit(3)

        def __repr__(self) -> str:
            return "odd\x1b[31m\n" * 300

    def leaves() -> None:
        raise KeyError("left\nby a function")

    good = types.ModuleType("fuzz_good")
    good.bent, good.text, good.law = activation("relu"), "u + u*tanh(u)", law("rf-kernel")
    good.payload = f"__import__('os').system('touch {SENTINEL}')"
    good.number, good.nothing, good.odd, good.leaves = 7, None, Odd(), leaves
    good.laws, good.many, good.wide = [], [7] * 10_000, lambda *, slope=1: good.bent
    good.long = "u+" * 5_000 + "u"
    return {"fuzz_good": good}


def _imported(name: str, imports: list[str]) -> types.ModuleType:
    imports.append(name)
    if name == "fuzz_exit":
        raise SystemExit(name)
    if name not in _modules():
        raise ImportError(f"no module named {name!r}")
    return _modules()[name]


@contextlib.contextmanager
def installed(place: Path) -> Iterator[list[str]]:
    """Make a folder the only distribution there is; yields the modules that its entry points imported."""
    imports: list[str] = []
    plugins.forget()
    try:
        with (
            mock.patch("importlib.metadata.distributions", return_value=[importlib.metadata.PathDistribution(place)]),
            mock.patch("importlib.metadata.import_module", lambda name: _imported(name, imports)),
            mock.patch("sys.stderr"),
        ):
            yield imports
    finally:
        plugins.forget()


def read_plugins(data: bytes) -> bool:
    """entry_points.txt of a distribution; after a line of === its METADATA, after another the name asked for."""
    parts = [*re.split(rb"^===\n", data, maxsplit=2, flags=re.MULTILINE), b"", b""]
    place = emptied(_place("plugins")) / "odd-1.0.dist-info"
    place.mkdir()
    (place / "entry_points.txt").write_bytes(parts[0])
    (place / "METADATA").write_bytes(parts[1] or b"Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    name = text_of(parts[2].strip()) or "bent"

    def look() -> None:
        plugins.activation_names()
        plugins.installed(name)
        plugins.model_kinds()
        plugins.in_use()

    with installed(place) as imports:
        reads(look)
        if imports:
            raise BrokenError(f"imported before its name was asked for: {imports}")
        accepted = False
        for ask in (activation, plugins.find_model, plugins.find_laws, law):
            accepted |= reads(lambda ask=ask: ask(name))
        accepted |= reads(lambda: (plugins.plugin_activations(), plugins.plugin_laws(), plugins.in_use()))
        plugins.forget()
        imports.clear()
        with mock.patch.dict(os.environ, {"BIGTHETA_NO_PLUGINS": "1"}):
            for ask in (activation, plugins.find_model, law):
                reads(lambda ask=ask: ask(name))
        if imports:
            raise BrokenError(f"imported though plugins are off: {imports}")
    return accepted


def read_plugin_file(data: bytes) -> bool:
    """--plugin with the path of the first line, or with a file whose text is the rest and does not compile."""
    first, _, rest = data.partition(b"\n")
    place = emptied(_place("plugin-file"))
    path = text_of(first)
    if rest:
        path = str(place / "mine.py")
        with contextlib.suppress(Exception):
            compile(rest, "mine.py", "exec", flags=ast.PyCF_ONLY_AST)
            return False  # a file that compiles is run: code by design
        (place / "mine.py").write_bytes(rest)
    elif Path("/proc") in Path(os.path.realpath(path.replace("\0", ""))).parents or path.startswith("/dev"):
        return False

    def read() -> None:
        with mock.patch("sys.stderr"), plugin_files([path]):
            pass

    return reads(read)


# Reports

_TAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")


def read_report_file(data: bytes) -> bool:
    """A report.json, read back and written in every format; one in sixty-four with its figures, which take longest."""
    place = emptied(_place("report"))
    (place / "report.json").write_bytes(data)
    (place / "out").mkdir()
    report = None

    def read() -> None:
        nonlocal report
        report = read_report(place)

    if not reads(read):
        return False
    assert report is not None

    def render() -> None:
        texts = [report.to_markdown(), report.to_junit(), report.to_csv(), report.to_json(), report.to_latex()]
        texts += [*lines(found := changes(report, report)), coverage([report], laws()[:3])]
        as_dict(found)
        for text in texts:
            text.encode("utf-8")
        with contextlib.ExitStack() as blank:
            if crc32(data) % 64:
                blank.enter_context(mock.patch("bigtheta.verify.report.figure.figure_svg", return_value="<svg/>"))
                blank.enter_context(mock.patch("bigtheta.verify.report.pages.figure_image", return_value="<svg/>"))
            report.write(place / "out")
            write_pages(report, place / "out" / "pages")

    if not reads(render, place / "out"):
        raise BrokenError("a report that was accepted cannot be rendered")
    if sorted(entry.name for entry in place.iterdir()) != ["out", "report.json"]:
        raise BrokenError(f"a file outside the folder: {sorted(map(str, place.iterdir()))}")
    for entry in (place / "out").rglob("*"):
        if not _TAME.fullmatch(entry.name) or entry.is_symlink():
            raise BrokenError(f"a file name that is not tame: {entry.name!r}")
    return True


TARGETS: dict[str, Target] = {
    "formula": read_formula,
    "spec": read_spec_file,
    "csv": read_csv,
    "idx": read_idx_file,
    "npz": read_npz_file,
    "cifar": read_cifar,
    "store": read_store,
    "plugins": read_plugins,
    "plugin-file": read_plugin_file,
    "report": read_report_file,
}
"""Every reader of other people's data, by name."""


def warm_up() -> None:
    """Import and cache what the first input would, so that nothing of it counts as the input's."""
    from fuzz_seeds import corpus

    for name, target in TARGETS.items():
        for data in corpus(name)[:3]:
            with contextlib.suppress(BrokenError):
                target(data)
    np.zeros(1)
