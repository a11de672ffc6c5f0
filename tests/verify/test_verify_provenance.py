"""What a report says of where its numbers come from: the plugins whose code ran, by version or by hash."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bigtheta.theory import plugins
from bigtheta.theory.catalogue import activation
from bigtheta.theory.law import find_laws
from bigtheta.theory.plugins import PluginError
from bigtheta.verify.cli import main
from bigtheta.verify.provenance import provenance

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "bigtheta-bent" / "bigtheta_bent.py"
FILE = """
from bigtheta import Activation, Law
from bigtheta.theory.activation import u
wavy = Activation("wavy", u + u**3 / 9)
own = Law(name="own-kernel", model="rf-kernel", statement="Theta(sqrt(n))", path={"d": "2*n"},
          sizes={"n": [10, 14, 20, 28, 40]}, activations=("wavy",))
"""
Call = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("BIGTHETA_NO_PLUGINS", raising=False)
    plugins.forget()
    yield
    plugins.forget()
    sys.modules.pop("bigtheta_bent", None)


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run `bigtheta verify` in a folder of its own and return report.json; the page must say the same."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> dict[str, Any]:
        result = CliRunner().invoke(main, ["verify", *arguments, "--trials", "1", "--jobs", "1", "--out", "out"])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert (tmp_path / "out" / "report.json").exists(), result.output
        html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
        about = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["provenance"]
        for plugin in about["plugins"]:
            for word in (plugin.get("file"), plugin.get("sha256"), plugin.get("name"), plugin.get("version")):
                assert word is None or word in html
        return about  # type: ignore[no-any-return]

    return run


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example package on the path, as pip would install it."""
    folder = tmp_path / "site"
    about = folder / "bigtheta_bent-0.1.0.dist-info"
    about.mkdir(parents=True)
    shutil.copy(EXAMPLE, folder)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: bigtheta-bent\nVersion: 0.1.0\n")
    groups = {"activations": "bent = bigtheta_bent:bent", "laws": "bent-kernel = bigtheta_bent:bent_kernel"}
    (about / "entry_points.txt").write_text("\n".join(f"[bigtheta.{g}]\n{line}" for g, line in groups.items()))
    monkeypatch.syspath_prepend(str(folder))
    plugins.forget()


def test_none() -> None:
    assert provenance(seed=0, device="cpu")["plugins"] == []


def test_a_file_is_named_with_the_hash_of_what_ran(call: Call, tmp_path: Path) -> None:
    Path("mine.py").write_text(FILE)
    about = call("own-kernel", "--plugin", "mine.py")
    assert about["plugins"] == [{"file": "mine.py", "sha256": hashlib.sha256(FILE.encode()).hexdigest()}]
    changed = FILE + "# another file\n"
    Path("mine.py").write_text(changed)
    again = call("own-kernel", "--plugin", "mine.py")
    assert (
        again["plugins"][0]["sha256"] == hashlib.sha256(changed.encode()).hexdigest() != about["plugins"][0]["sha256"]
    )
    assert provenance(seed=0, device="cpu")["plugins"] == [], "the file is given for one run"


def test_the_hash_is_of_what_ran_though_the_file_changed_meanwhile(call: Call) -> None:
    text = FILE + 'with open(__file__, "a") as mine:\n    mine.write("# written by itself")\n'
    Path("mine.py").write_text(text)
    about = call("own-kernel", "--plugin", "mine.py")
    assert about["plugins"][0]["sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_a_distribution_is_named_with_its_version_and_hash(call: Call, installed: None) -> None:
    about = call("bent-kernel", "--seed", "1")
    assert about["plugins"] == [
        {
            "name": "bigtheta-bent",
            "version": "0.1.0",
            "entry_points": ["bigtheta.activations: bent", "bigtheta.laws: bent-kernel"],
            "sha256": hashlib.sha256(EXAMPLE.read_bytes()).hexdigest(),
        }
    ]


def test_what_is_installed_but_not_loaded_is_not_named(installed: None) -> None:
    find_laws(["dohmatob2021/rf-kernel"])
    activation("relu")
    assert plugins.in_use() == []
    activation("bent")
    assert [(plugin["name"], plugin["entry_points"]) for plugin in plugins.in_use()] == [
        ("bigtheta-bent", ["bigtheta.activations: bent"])
    ]


def test_a_broken_plugin_is_not_named(installed: None, tmp_path: Path) -> None:
    (tmp_path / "site" / "bigtheta_bent.py").write_text("raise RuntimeError('no')")
    with pytest.raises(PluginError, match="RuntimeError: no"):
        activation("bent")
    assert plugins.in_use() == []
