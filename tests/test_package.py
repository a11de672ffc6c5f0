"""The package as a whole: what a wheel holds, which layer imports which, what is imported when, runnable docstrings."""

import doctest
import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import bigtheta

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(m.name for m in pkgutil.walk_packages(bigtheta.__path__, "bigtheta.") if "__main__" not in m.name)


@pytest.mark.slow
def test_wheel_built_from_the_sdist_holds_every_module_and_template_of_the_tree(tmp_path):
    tree = tmp_path / "tree"
    names = (".venv", ".git", "build", "*.egg-info", "__pycache__", ".*_cache", "bigtheta-report")
    skipped = shutil.ignore_patterns(*names)
    shutil.copytree(ROOT, tree, symlinks=True, ignore=skipped)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(tree)]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    expected = {"bigtheta/__init__.py", "bigtheta/__main__.py", "bigtheta/testing.py", "bigtheta/py.typed"}
    for layer in ("theory", "numerics", "verify"):
        files = [f for f in (ROOT / layer).rglob("*") if f.is_file() and "__pycache__" not in f.parts]
        expected |= {f"bigtheta/{f.relative_to(ROOT).as_posix()}" for f in files}
    assert len(expected) > 40
    assert {name for name in inside if ".dist-info/" not in name} == expected
    assert any(name.endswith("licenses/LICENSE") for name in inside)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as members:
        assert not [name for name in members.getnames() if name.split("/")[1:2] == ["theory"]], "each module once"


def test_the_version_is_that_of_the_installed_distribution():
    assert bigtheta.__version__ == metadata.version("bigtheta")
    assert Version(bigtheta.__version__) >= Version("0.1.0")


def test_every_requirement_is_locked_with_hashes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(r for name in ("cluster", "data", "dev", "docs") for r in extras[name])]
    locked = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text()):
        pin = Requirement(entry.split("\\\n")[0].strip())
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), pin
        locked[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        assert name == "torch" or requirement.specifier.contains(locked[name]), requirement
    assert "torch" not in locked, "which build of it is right depends on the machine"


def test_the_three_folders_are_one_package_not_two():
    for layer in ("theory", "numerics", "verify"):
        link = ROOT / "src" / "bigtheta" / layer
        assert link.is_symlink()
        assert link.resolve() == ROOT / layer


def test_data_flows_one_way():
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", "pyproject.toml"],
        cwd=ROOT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    assert "2 kept, 0 broken" in result.stdout


@pytest.mark.parametrize("name", MODULES)
def test_module_imports_has_a_docstring_and_its_examples_run(name):
    module = importlib.import_module(name)
    assert module.__doc__
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_public_names_exist_and_are_documented(name):
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", ()):
        value = getattr(module, public)
        assert value is not None
        if getattr(value, "__module__", None) == name:
            assert value.__doc__


def test_facade_offers_what_it_lists():
    for name in bigtheta.__all__:
        assert getattr(bigtheta, name) is not None
    assert callable(bigtheta.verify)
    assert bigtheta.verify.__name__ == "bigtheta.verify"
    assert not hasattr(bigtheta, "nothing_of_that_name")


def test_modules_are_not_too_long():
    lengths = {
        f: len(f.read_text().splitlines()) for p in ("theory", "numerics", "verify") for f in (ROOT / p).rglob("*.py")
    }
    assert lengths
    assert not {str(f): n for f, n in lengths.items() if n > 400}


def test_readme_names_every_shipped_law_and_its_spec_is_the_example():
    readme = (ROOT / "README.md").read_text()
    for law in bigtheta.laws():
        assert law.name in readme
    example = (ROOT / "examples" / "my-bound.toml").read_text()
    assert example.strip() in readme
    assert bigtheta.read_spec(ROOT / "examples" / "my-bound.toml").name == "my-bound"
