"""The source of code of one's own: which files a module runs, found without importing any, and when a hash changes."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from bigtheta.theory import source_files
from bigtheta.theory.source_cells import session_files
from bigtheta.theory.source_files import SourceFile, digest, files_of, is_own, module_files, remember


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path; what is imported from it is forgotten afterwards."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def put(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def found(name: str) -> dict[str, str]:
    """The hashes by name of a module that is imported now."""
    importlib.invalidate_caches()
    importlib.import_module(name)
    files = module_files(name)
    assert files is not None
    assert list(files) == sorted(files)
    return {file.name: file.sha256 for file in files}


LAYOUTS = {
    # what is written, what is asked for, what counts
    "alone": ({"sf_a.py": "import os, math\nimport numpy as np\n"}, "sf_a", [""]),
    "sibling": ({"sf_a.py": "import sf_b\n", "sf_b.py": "", "sf_other.py": ""}, "sf_a", ["", "sf_b.py"]),
    "name of a sibling": ({"sf_a.py": "from sf_b import x\n", "sf_b.py": "x = 1"}, "sf_a", ["", "sf_b.py"]),
    "chain": (
        {"sf_a.py": "import sf_b\n", "sf_b.py": "import sf_c", "sf_c.py": ""}, "sf_a", ["", "sf_b.py", "sf_c.py"],
    ),
    "circle": ({"sf_a.py": "import sf_b\n", "sf_b.py": "import sf_a"}, "sf_a", ["", "sf_b.py"]),
    "circle of itself": ({"sf_a.py": "import sf_a\n"}, "sf_a", [""]),
    "in a function": ({"sf_a.py": "def f():\n    import sf_b\n", "sf_b.py": ""}, "sf_a", ["", "sf_b.py"]),
    "in a branch": (
        {"sf_a.py": "try:\n    import nothing_of_it\nexcept ImportError:\n    import sf_b\n", "sf_b.py": ""},
        "sf_a", ["", "sf_b.py"],
    ),
    "branch not taken": ({"sf_a.py": "if False:\n    import sf_b\n", "sf_b.py": ""}, "sf_a", ["", "sf_b.py"]),
    "syntax error": ({"sf_a.py": "if False:\n    import sf_b\n", "sf_b.py": "x = ("}, "sf_a", ["", "sf_b.py"]),
    "no text": ({"sf_a.py": "if False:\n    import sf_b\n", "sf_b.py": "\0\0"}, "sf_a", ["", "sf_b.py"]),
    "by name": (
        {"sf_a.py": "import importlib\nimportlib.import_module('sf_b')\n__import__('sf_c')", "sf_b.py": "",
         "sf_c.py": ""},
        "sf_a", ["", "sf_b.py", "sf_c.py"],
    ),
    "package": (
        {"sf_p/__init__.py": "", "sf_p/m.py": "from . import n\n", "sf_p/n.py": "", "sf_p/idle.py": ""},
        "sf_p.m", ["", "sf_p/__init__.py", "sf_p/n.py"],
    ),
    "the package itself": (
        {"sf_p/__init__.py": "from .m import x\n", "sf_p/m.py": "x = 1", "sf_p/idle.py": ""}, "sf_p",
        ["", "sf_p/m.py"],
    ),
    "subpackages": (
        {"sf_p/__init__.py": "", "sf_p/q/__init__.py": "from ..r import y", "sf_p/q/m.py": "from ..r.s import x\n",
         "sf_p/r/__init__.py": "y = 1", "sf_p/r/s.py": "x = 1", "sf_p/r/idle.py": ""},
        "sf_p.q.m", ["", "sf_p/__init__.py", "sf_p/q/__init__.py", "sf_p/r/__init__.py", "sf_p/r/s.py"],
    ),
    "absolute in a package": (
        {"sf_p/__init__.py": "", "sf_p/m.py": "import sf_p.q.n\n", "sf_p/q/__init__.py": "", "sf_p/q/n.py": ""},
        "sf_p.m", ["", "sf_p/__init__.py", "sf_p/q/__init__.py", "sf_p/q/n.py"],
    ),
    "star": (
        {"sf_a.py": "from sf_p import *\n", "sf_p/__init__.py": "__all__ = ['m', 'x']\nx = 1", "sf_p/m.py": "",
         "sf_p/idle.py": ""},
        "sf_a", ["", "sf_p/__init__.py", "sf_p/m.py"],
    ),
    "namespace package": (
        {"sf_n/m.py": "import sf_n.o\n", "sf_n/o.py": "from .p import x", "sf_n/p.py": "x = 1"},
        "sf_n.m", ["", "sf_n/o.py", "sf_n/p.py"],
    ),
    "a relative name": (
        {"sf_p/__init__.py": "", "sf_p/n.py": "",
         "sf_p/m.py": "import importlib\nimportlib.import_module('.n', __package__)\n"},
        "sf_p.m", ["", "sf_p/__init__.py", "sf_p/n.py"],
    ),
    "not above the folder": (
        {"sf_p/__init__.py": "", "sf_p/m.py": "def f():\n    from ...elsewhere import x\n", "../elsewhere.py": ""},
        "sf_p.m", ["", "sf_p/__init__.py"],
    ),
    "names that are no modules": (
        {"sf_a.py": "import importlib as i\ndef f():\n    i.import_module('/etc/hostname')\n    __import__('a\\0b')\n"
                    f"    import {'x' * 300}\n    i.import_module('..')\n    i.import_module('sf_b/../sf_b')\n",
         "sf_b.py": ""},
        "sf_a", [""],
    ),
    "an escape that Python warns of": (
        {"sf_a.py": "if False:\n    import sf_b\n", "sf_b.py": "import sf_c\nx = '\\d'\n", "sf_c.py": ""},
        "sf_a", ["", "sf_b.py", "sf_c.py"],
    ),
    "another encoding": (
        {"sf_a.py": "# -*- coding: latin-1 -*-\nimport sf_b\n", "sf_b.py": ""}, "sf_a", ["", "sf_b.py"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_files_that_a_module_runs(place: Path, layout: str) -> None:
    texts, asked, names = LAYOUTS[layout]
    put(place, texts)
    files = found(asked)
    assert sorted(files) == sorted(names)
    own = next(name for name in (f"{asked.replace('.', '/')}.py", f"{asked}/__init__.py") if name in texts)
    for name in names:
        assert files[name] == sha(texts[name or own])


def again(name: str) -> dict[str, str]:
    """The same in a fresh process, as it were."""
    for module in [module for module in sys.modules if module.startswith("sf_")]:
        del sys.modules[module]
    return found(name)


def test_what_changes_the_hash_and_what_does_not(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"sf_a.py": "import sf_b\n", "sf_b.py": "x = 1\n", "sf_other.py": "y = 1\n"}
    put(place, texts)
    first = found("sf_a")
    put(place, {"sf_other.py": "y = 2\n", "note.txt": "?"})
    assert again("sf_a") == first, "a file that is not imported"
    put(place, texts)
    assert again("sf_a") == first, "written again: content, not time"
    put(place, {"sf_b.py": "x = 2\n"})
    assert {name for name, told in again("sf_a").items() if told != first[name]} == {"sf_b.py"}
    put(place, {"sf_a.py": "import sf_b\n# a comment\n", "sf_b.py": "x = 1\n"})
    assert {name for name, told in again("sf_a").items() if told != first[name]} == {""}
    put(place, {"sf_renamed.py": "import sf_b\n"})
    assert again("sf_renamed") == first, "the file may be renamed"
    moved = place.parent / "moved" / "deeper"
    shutil.copytree(place, moved)
    shutil.rmtree(place)
    monkeypatch.syspath_prepend(str(moved))
    assert again("sf_renamed") == first, "its folder may be moved"
    assert str(moved) in str(sys.modules["sf_renamed"].__file__)


def test_two_siblings_that_change_places_are_another_source(place: Path) -> None:
    put(place, {"sf_a.py": "import sf_b, sf_c\n", "sf_b.py": "x = 1\n", "sf_c.py": "x = 2\n"})
    first = digest(module_files("sf_a") or () if found("sf_a") else ())
    put(place, {"sf_b.py": "x = 2\n", "sf_c.py": "x = 1\n"})
    again("sf_a")
    assert digest(module_files("sf_a") or ()) != first


def test_the_hash_is_of_what_is_loaded_not_of_what_is_on_the_disk(place: Path) -> None:
    put(place, {"sf_a.py": "import sf_b\n", "sf_b.py": "x = 1\n"})
    first = found("sf_a")
    put(place, {"sf_b.py": "x = 2\n"})
    assert found("sf_a") == first, "edited, and not loaded"
    importlib.reload(sys.modules["sf_b"])
    assert found("sf_a")["sf_b.py"] == sha("x = 2\n")


def test_a_file_that_is_loaded_later_is_told_as_it_is_then(place: Path) -> None:
    put(place, {"sf_a.py": "def f():\n    import sf_b\n    return sf_b.x\n", "sf_b.py": "x = 1\n"})
    assert found("sf_a")["sf_b.py"] == sha("x = 1\n")
    put(place, {"sf_b.py": "x = 2\n"})
    assert sys.modules["sf_a"].f() == 2
    put(place, {"sf_b.py": "x = 3\n"})
    # x = 2 was loaded and nobody looked: it is told as another source than before at the least
    assert found("sf_a")["sf_b.py"] != sha("x = 1\n")


def test_a_text_that_was_read_already(place: Path) -> None:
    put(place, {"sf_a.py": "import sf_b\n", "sf_b.py": ""})
    found("sf_a")
    remember("sf_a", b"x = 1\n")
    assert [(file.name, file.sha256) for file in module_files("sf_a") or ()] == [("", sha("x = 1\n"))]


# --- installed -------------------------------------------------------------------------------------------------------


def installed(folder: Path, name: str, record: str) -> None:
    put(folder, {f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
                 f"{name}-1.0.dist-info/RECORD": record})  # fmt: skip


def test_in_a_folder_of_packages_only_those_of_the_distribution_count(place: Path) -> None:
    put(place, {"sf_a.py": "import sf_b, sf_p.m\nimport sf_theirs\n", "sf_b.py": "", "sf_p/__init__.py": "",
                "sf_p/m.py": "import sf_theirs", "sf_theirs.py": "import sf_deep", "sf_deep.py": ""})  # fmt: skip
    installed(place, "mine", "sf_a.py,,\nsf_b.py,,\nsf_p/__init__.py,,\nsf_p/m.py,,\nmine-1.0.dist-info/RECORD,,\n")
    installed(place, "theirs", "sf_theirs.py,,\nsf_deep.py,,\n")
    assert sorted(found("sf_a")) == ["", "sf_b.py", "sf_p/__init__.py", "sf_p/m.py"]


def test_an_editable_install_that_gives_a_package_another_folder(place: Path) -> None:
    """As setuptools maps a package: `sf_e` lies in lib/, and its finder is asked for it."""
    put(place, {"lib/__init__.py": "", "lib/m.py": "import sf_e.n\nfrom .o import x\n", "lib/n.py": "",
                "lib/o.py": "x = 1"})  # fmt: skip
    spec = importlib.util.spec_from_file_location(
        "sf_e", place / "lib" / "__init__.py", submodule_search_locations=[str(place / "lib")]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["sf_e"] = package
    spec.loader.exec_module(package)
    assert sorted(found("sf_e.m")) == ["", "lib/__init__.py", "lib/n.py", "lib/o.py"]


def test_a_package_in_an_archive_has_no_files_of_its_own(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = place / "own.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("sf_z.py", "def f():\n    return 1\n")
    monkeypatch.syspath_prepend(str(archive))
    importlib.invalidate_caches()
    module = importlib.import_module("sf_z")
    assert module_files("sf_z") is None
    (told,) = session_files([module.f])
    assert len(told.sha256) == 64


# --- whose it is -----------------------------------------------------------------------------------------------------


def test_whose_code_it_is(place: Path) -> None:
    assert not any(map(is_own, ["bigtheta", "bigtheta.theory.model", "msgspec", "builtins", "typing", "json.decoder"]))
    assert all(map(is_own, ["__main__", "numpy", "no_such_module"]))
    put(place, {"antigravity.py": "import math\n"})
    found("antigravity")
    assert is_own("antigravity"), "a file of one's own with a name of the library's"
    del sys.modules["antigravity"]


def test_a_digest_of_one_file_is_its_own() -> None:
    one, two = SourceFile("", "aa", "mine.py"), SourceFile("helper.py", "bb", "helper.py")
    assert digest([one]) == "aa"
    assert digest([two, one]) == digest([one, two, one]) == sha(json.dumps([["", "aa"], ["helper.py", "bb"]]))
    assert files_of(["no_such_module", "bigtheta_no"]) == ()


# --- without a file --------------------------------------------------------------------------------------------------

SESSION = """
from bigtheta.theory import source_files
from bigtheta.theory.source_cells import session_files
SCALE = {scale}
def helper(x):
    return SCALE * x{more}
class Thing:
    factor = {factor}
    def double(self, x):
        return helper(x) * 2
def other():
    return {other}
print(*[file.sha256 for file in session_files([Thing])])
"""


def told(tmp_path: Path, **changed: str) -> str:
    text = SESSION.format(**({"scale": "2", "more": "", "factor": "3", "other": "0"} | changed))
    command = [sys.executable, "-c", text]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout


@pytest.mark.slow
def test_a_session_counts_what_the_class_uses(tmp_path: Path) -> None:
    first = told(tmp_path)
    assert len(first.split()) == 1
    assert told(tmp_path) == first
    assert told(tmp_path, other="1") == first, "it is not used"
    changed = [told(tmp_path, scale="3"), told(tmp_path, more=" + 1"), told(tmp_path, factor="4")]
    assert len({first, *changed}) == 4


def test_modules_are_looked_through_once_while_none_comes_or_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every trial of a model of one's own asks twice: looking through all modules each time took 50 ms a trial."""
    scans = []
    scan = source_files._Loaded.__init__

    def counted(self, modules):
        scans.append(len(modules))
        scan(self, modules)

    monkeypatch.setattr(source_files._Loaded, "__init__", counted)
    for _ in range(20):
        source_files.module_files(__name__)
    assert len(scans) <= 1
    monkeypatch.setitem(sys.modules, "a_module_that_comes", ModuleType("a_module_that_comes"))
    source_files.module_files(__name__)
    assert 1 <= len(scans) <= 2
