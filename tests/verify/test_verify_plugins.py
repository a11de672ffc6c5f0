"""Plugins: what entry points and files may give, when they are loaded, and what a broken one may not do."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sympy
from click.testing import CliRunner, Result

import bigtheta
from bigtheta.theory import plugins
from bigtheta.theory.activation import u
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import find_laws, law, laws
from bigtheta.theory.model import model
from bigtheta.theory.plugin_file import plugin_files
from bigtheta.theory.plugins import PluginError, PluginWarning, plugin_activations, plugin_laws
from bigtheta.verify.cli import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "bigtheta-bent"
Install = Callable[..., None]

LAW = """
from bigtheta import Law
def make(name, **changes):
    fields = dict(model="rf-kernel", statement="Theta(sqrt(n))", path={"d": "2*n"},
                  sizes={"n": [20, 35, 60, 110, 190, 320]})
    return Law(name=name, **(fields | changes))
"""


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test discovers anew, and leaves no module of its plugins behind."""
    monkeypatch.delenv("BIGTHETA_NO_PLUGINS", raising=False)
    plugins.forget()
    yield
    plugins.forget()
    for name in [name for name in sys.modules if name.startswith(("plug_", "bigtheta_plugin_"))]:
        del sys.modules[name]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a distribution with one module and entry points on the path, as pip would."""

    def put(name: str, text: str, /, version: str = "1.0", **groups: dict[str, str]) -> None:
        folder = tmp_path / f"site-{name}"
        about = folder / f"{name}-{version}.dist-info"
        about.mkdir(parents=True)
        (folder / f"plug_{name}.py").write_text(text)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"[bigtheta.{group}]\n" + "".join(f"{k} = {v}\n" for k, v in e.items()) for group, e in groups.items()]
        (about / "entry_points.txt").write_text("\n".join(lines))
        monkeypatch.syspath_prepend(str(folder))
        plugins.forget()

    return put


@pytest.fixture
def call(call: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command in a folder beside that of the packages."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return call


# --- activations of packages -----------------------------------------------------------------------------------------

FORMS = """
import sympy
from bigtheta import Activation
q = sympy.Symbol("q", real=True)
AS_ACTIVATION = Activation("something_else", sympy.Max(q, 0) ** 2)
AS_EXPRESSION = sympy.Max(q, 0) ** 2
AS_TEXT = "max(u, 0)**2"
def as_function(*, p=2, scale=1):
    if p < 1:
        raise ValueError("p must be at least 1")
    return scale * sympy.Max(q, 0) ** p
def as_function_of_text(*, shift=0):
    return f"max(u, {shift})**2"
"""


@pytest.mark.parametrize(
    "attribute", ["AS_ACTIVATION", "AS_EXPRESSION", "AS_TEXT", "as_function", "as_function_of_text"]
)
def test_an_entry_point_may_be_any_of(install: Install, attribute: str) -> None:
    install("forms", FORMS, activations={"sq-plus": f"plug_forms:{attribute}"})
    for name in ("sq-plus", "sq_plus", "SQ_plus".lower()):
        act = activation(name)
        assert (act.name, act) == ("sq_plus", activation("sq_plus"))
        assert sympy.simplify(act.expression - sympy.Max(u, 0) ** 2) == 0
    assert bigtheta.hermite("sq-plus", 0).value == pytest.approx(0.5)  # E G^2 1{G > 0}


def test_parameters(install: Install) -> None:
    install("forms", FORMS, activations={"power": "plug_forms:as_function"})
    act = activation("power(p=4, scale=1/2)")
    assert act.name == "power(p=4, scale=1/2)"
    assert act == activation("power", p=4, scale="1/2")
    assert bigtheta.hermite(act, 0).value == pytest.approx(3 / 4)  # E G^4 / 4
    with pytest.raises(InvalidInputError, match="unknown power parameter 'q'"):
        activation("power(q=1)")
    with pytest.raises(InvalidInputError, match=r"power\(p=0\)'.*ValueError: p must be at least 1 \(in forms 1.0\)"):
        activation("power(p=0)")


def test_only_what_is_named_is_imported(install: Install) -> None:
    install("used", "VALUE = 'u**5'", activations={"fifth": "plug_used:VALUE"})
    install("idle", "raise SystemExit('imported')", activations={"idle": "plug_idle"}, laws={"idle": "plug_idle"})
    activation("relu")
    find_laws()
    law("rf-kernel")
    with pytest.raises(InvalidInputError, match="unknown activation 'fift'; did you mean 'fifth'"):
        activation("fift")
    assert "plug_used" not in sys.modules
    assert bigtheta.hermite("fifth", 1).value == pytest.approx(15)  # E G^6
    assert "plug_used" in sys.modules


BROKEN = {
    "import error": ("import nothing_of_that_name\nVALUE = 'u'", "ModuleNotFoundError: No module named 'nothing_of"),
    "no such attribute": ("OTHER = 'u'", "has no attribute 'VALUE'"),
    "exit": ("import sys; sys.exit(7)", "SystemExit: 7"),
    "other exit": ("class E(BaseException): pass\nraise E('no')", "E: no"),
    "syntax": ("VALUE = (", "SyntaxError: '(' was never closed"),
    "wrong type": ("VALUE = 3", "expected an Activation"),
    "class": ("class VALUE: pass", "expected an Activation"),
    "positional": ("def VALUE(p=1): return 'u'", "keyword-only parameters with defaults but got p=1"),
    "no default": ("def VALUE(*, p): return 'u'", "keyword-only parameters with defaults but got p "),
    "returns nothing": ("def VALUE(): pass", "expected an Activation"),
    "two variables": ("import sympy\nVALUE = sympy.Symbol('a') * sympy.Symbol('b')", "one variable"),
    "pole": ("VALUE = '1/u'", "pole"),
    "no formula": ("VALUE = 'u +'", "does not parse"),
    "recursion": (
        "from bigtheta import activation\ndef VALUE(): return activation('bad')",
        "broken: it asks for itself by name",
    ),
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_activation_is_named_and_stops_nothing_else(install: Install, text: str) -> None:
    source, cause = BROKEN[text]
    install("wrong", source, version="2.5", activations={"bad": "plug_wrong:VALUE"})
    install("right", "VALUE = 'u**5'", activations={"fifth": "plug_right:VALUE"})
    with pytest.warns(PluginWarning) as caught:
        assert [recipe.name for recipe in plugin_activations()] == ["fifth"]
    assert len(caught) == 1
    message = str(caught[0].message)
    for part in ("wrong 2.5", "'bad'", "bigtheta.activations", "plug_wrong:VALUE", cause):
        assert part in message
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plugin_activations()  # said once
        activation("fifth")
    for _ in range(2):
        with pytest.raises(PluginError, match=r"plugin wrong 2\.5") as error:
            activation("bad")
        assert cause in str(error.value)


def test_a_name_that_is_taken(install: Install) -> None:
    install("one", "VALUE = 'u**5'", activations={"fifth": "plug_one:VALUE", "relu": "plug_one:VALUE"})
    install("two", "VALUE = 'u**7'", activations={"fifth": "plug_two:VALUE", "seventh": "plug_two:VALUE"})
    assert activation("relu").expression == sympy.Max(u, 0)
    with pytest.raises(PluginError, match=r"'fifth' is given by 2 plugins: (two|one) 1.0.* and by (two|one) 1.0"):
        activation("fifth")
    with pytest.warns(PluginWarning) as caught:
        assert [recipe.name for recipe in plugin_activations()] == ["seventh"]
    messages = sorted(str(item.message) for item in caught)
    assert len(messages) == 2
    assert "'fifth' is given by 2 plugins" in messages[0]
    assert "one 1.0, entry point 'relu'" in messages[1]
    assert "built-in" in messages[1]


def test_unreadable_entry_points_are_reported(install: Install, tmp_path: Path) -> None:
    install("odd", "", activations={"odd": "plug_odd"})
    (tmp_path / "site-odd" / "odd-1.0.dist-info" / "entry_points.txt").write_text("[bigtheta.laws]\nno equals sign\n")
    install("right", "VALUE = 'u**5'", activations={"fifth": "plug_right:VALUE"})
    with pytest.warns(PluginWarning, match=r"odd 1.0: its entry_points.txt cannot be read"):
        assert activation("fifth").name == "fifth"


def test_the_switch_turns_entry_points_off(install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install("used", LAW + "VALUE = 'u**5'\nL = make('mine')", activations={"fifth": "plug_used:VALUE"},
            laws={"mine": "plug_used:L"}, models={"m": "plug_used"})  # fmt: skip
    monkeypatch.setenv("BIGTHETA_NO_PLUGINS", "1")
    for ask, name in ((activation, "fifth"), (law, "mine"), (laws, "mine"), (model, "m")):
        with pytest.raises(InvalidInputError, match=r"plugins are off: BIGTHETA_NO_PLUGINS is set") as caught:
            ask(name)  # type: ignore[operator]
        assert not isinstance(caught.value, PluginError)
    assert (plugin_activations(), plugin_laws()) == ((), ())
    assert "plug_used" not in sys.modules
    file = tmp_path / "given.py"
    file.write_text("from bigtheta import Activation\na = Activation.parse('u**5', name='given')")
    with plugin_files([file]):
        assert activation("given").name == "given", "a file is explicit"
    monkeypatch.setenv("BIGTHETA_NO_PLUGINS", "0")
    assert activation("fifth").name == "fifth"


# --- laws of packages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "names"),
    [
        ("one = make('one')", "plug_l:one", ["one"]),
        ("both = [make('one'), make('two')]", "plug_l:both", ["one", "two"]),
        ("both = (make(name) for name in ('one', 'two'))", "plug_l:both", ["one", "two"]),
        ("one = make('one')\nmore = (make('two'),)\n_hidden = make('three')", "plug_l", ["one", "two"]),
        ("from bigtheta.theory.papers.dohmatob2021 import *\none = make('one')", "plug_l", ["one"]),
    ],
)
def test_laws_of_an_entry_point(install: Install, text: str, value: str, names: list[str]) -> None:
    install("l", LAW + text, laws={"some": value})
    assert len(find_laws()) == len(laws()), "a bare verify judges what is shipped"
    assert "plug_l" not in sys.modules
    assert [(entry.name, origin) for entry, origin in plugin_laws()] == [(name, "l 1.0") for name in names]
    assert find_laws(names) == tuple(entry for entry, _ in plugin_laws())
    with pytest.raises(InvalidInputError, match="unknown law 'onne'; did you mean 'one'"):
        law("onne")


def test_a_paper_of_a_plugin(install: Install) -> None:
    text = "from bigtheta import Paper\nP = Paper('new2030', 'A. B', 2030, 'T', '1')\nx = make('rf-kernel', paper=P)"
    install("l", LAW + text, laws={"some": "plug_l:x"})
    (found,) = laws("new2030")
    assert found is law("new2030/rf-kernel")
    assert law("rf-kernel").id == "dohmatob2021/rf-kernel", "what is shipped comes first"
    assert find_laws(["rf-kernel"], paper="new2030") == (law("rf-kernel"), found)
    with pytest.raises(InvalidInputError, match="unknown paper 'new203'; did you mean 'new2030'"):
        laws("new203")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("raise SystemExit", "SystemExit"),
        ("VALUE = 3", "expected a Law"),
        ("VALUE = 'text'", "expected a Law"),
        ("VALUE = [1]", "expected Laws only but got 1"),
        ("VALUE = []", "at least one Law"),
        ("VALUE = (1 / 0 for i in (0,))", "ZeroDivisionError"),
        (LAW + "VALUE = make('x', statement='Theta(m)')", "unknown symbol 'm'"),
        (LAW + "VALUE = make('x', activations='rellu')", "unknown activation 'rellu'"),
    ],
)
def test_a_broken_law(install: Install, text: str, cause: str) -> None:
    install("wrong", text, laws={"bad-law": "plug_wrong:VALUE"})
    install("right", LAW + "one = make('one')", laws={"one": "plug_right:one"})
    with pytest.warns(PluginWarning, match="wrong 1.0, entry point 'bad-law' of bigtheta.laws") as caught:
        assert law("one").name == "one"
    assert len(caught) == 1
    assert cause in str(caught[0].message)
    assert [entry.name for entry, _ in plugin_laws()] == ["one"]
    for name in ("bad-law", "bad-law/x"):
        with pytest.raises(PluginError, match=r"plugin wrong 1\.0"):
            law(name)
    with pytest.raises(InvalidInputError, match="unknown law 'onne'"):
        law("onne")


def test_a_law_that_is_given_twice(install: Install) -> None:
    install("a", LAW + "x = make('one')\ny = make('rf-kernel')", laws={"some": "plug_a"})
    install("b", LAW + "x = make('one', margin=0.2)", laws={"some": "plug_b"})
    with pytest.warns(PluginWarning, match="'rf-kernel' is a built-in law"):
        assert len(plugin_laws()) == 2
    with pytest.raises(PluginError, match=r"law 'one' is given by 2 plugins: [ab] 1.0 and by [ab] 1.0"):
        law("one")


# --- models of packages ----------------------------------------------------------------------------------------------

MODEL = """
from typing import ClassVar
from bigtheta.numerics.interpolate import solve_gram
from bigtheta.numerics.models.base import Interpolator, interpolator
from bigtheta.theory.model import Model

class Linear(Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="plug-linear"):
    scale: float = 1.0
    uses: ClassVar[tuple[str, ...]] = ("n", "d")

@interpolator.register
def _(model: Linear, *, x, w, y, act) -> Interpolator:
    solution = solve_gram(model.scale * x @ x.T, y, ridge=model.ridge)
    theta = model.scale * x.T @ solution.coefficients
    return Interpolator(lambda z: z @ theta, lambda z: theta.expand_as(z), solution)
"""


@pytest.mark.slow
def test_a_model_of_an_entry_point_runs_in_worker_processes(install: Install) -> None:
    install("models", MODEL, models={"plug-linear": "plug_models", "plug-wrong": "plug_models:Linear"})
    with pytest.raises(InvalidInputError, match="unknown model 'plug-linea'; did you mean 'plug-linear'"):
        model("plug-linea")
    assert "plug_models" not in sys.modules
    spec = model({"kind": "plug-linear", "scale": 2.0})
    assert (spec.kind, spec.scale) == ("plug-linear", 2.0)  # type: ignore[attr-defined]
    with pytest.raises(InvalidInputError, match="unknown field `scal`"):
        model({"kind": "plug-linear", "scal": 1})
    with pytest.raises(PluginError, match=r"'plug-wrong' of bigtheta.models .* one subclass of Model with tag"):
        model("plug-wrong")
    frames = [
        bigtheta.simulate(
            model=spec, activation="identity", sizes={"n": 10, "d": 40}, trials=4, jobs=jobs, device="cpu"
        )
        for jobs in (1, 2)
    ]
    assert frames[0].equals(frames[1])
    assert set(frames[0]["status"]) == {"ok"}


# --- files -----------------------------------------------------------------------------------------------------------

FILE = """
print("noise on standard output")
from dataclasses import dataclass
from bigtheta import Activation, Control, Law, activation
from bigtheta.theory.papers.dohmatob2021 import *

@dataclass
class Helper:
    name: str = "helper"

relu = activation("relu")
fifth = Activation.parse("u**5")
_private = Activation.parse("u**7", name="seventh")
more = [Activation.parse("u**9", name="ninth")]
mine = Law(
    name="mine", model="rf-kernel", statement="Theta(sqrt(n))", path={"d": "2*n"},
    sizes={"n": [20, 35, 60, 110, 190, 320]}, activations=("fifth", "tanh"),
    controls=(Control(activation="ninth", because="it is another one"),),
)
"""


def test_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.py"
    file.write_text(FILE)
    with plugin_files([file, str(file)]) as (source,):
        assert (sorted(source.recipes), [entry.id for entry in source.laws]) == (["fifth", "ninth"], ["mine"])
        assert activation("fifth").expression == u**5
        assert law("mine").activations == ("fifth", "tanh")
        assert [(recipe.name, recipe.origin) for recipe in plugin_activations()] == [
            ("fifth", str(file)), ("ninth", str(file)),
        ]  # fmt: skip
        with pytest.raises(InvalidInputError, match="unknown activation 'seventh'"):
            activation("seventh")
    assert capsys.readouterr().out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["own.py"], "no __pycache__"
    for ask, name in ((activation, "fifth"), (law, "mine")):
        with pytest.raises(InvalidInputError, match="unknown"):
            ask(name)  # type: ignore[operator]
    assert not [name for name in sys.modules if name.startswith("bigtheta_plugin_")]


NEW = "from bigtheta import Activation, Law\n"
BAD_FILES = {
    "fails": ("x = 1\n\ny = foo\n", ", line 3: NameError: name 'foo' is not defined"),
    "fails below": ("import math\ndef f():\n    return math.sqrt(-1)\nf()\n", ", line 3: ValueError: "),
    "exits": ("import sys\nsys.exit(0)\n", ", line 2: SystemExit: 0"),
    "syntax": ("x = 1\ndef f(:\n", ", line 2: SyntaxError: "),
    "import": ("\nimport nothing_of_that_name\n", ", line 2: ModuleNotFoundError: "),
    "file error": ("\nopen('/no/such/file')\n", ", line 2: FileNotFoundError: "),
    "bad law": (NEW + "Law(name='x', model='rf', statement='O(1)', sizes={'n': [1]})", ", line 2: law 'x': unknown"),
    "nothing": ("x = 1\n", ": expected a top-level Activation or Law but got none"),
    "empty": ("", ": expected a top-level Activation or Law but got none"),
    "built-in": (NEW + "\nx = Activation.parse('u**5', name='relu')", ", line 3: 'relu' is a built-in activation"),
    "hyphen": (NEW + "x = Activation.parse('u**5', name='gelu-tanh')", ", line 2: 'gelu_tanh' is a built-in activ"),
    "bad name": (NEW + "x = Activation.parse('u**5', name='a.b')", ", line 2: activation name: expected letters"),
    "a variable": (NEW + "x = Activation.parse('u**5')", ", line 2: activation name: expected letters"),
    "twice": (NEW + "v = [Activation.parse(f, name='five') for f in ('u**5', 'u**7')]", "'five' is given by "),
    "law": (LAW + "v = make('rf-kernel')", ", line 7: 'rf-kernel' is a built-in law"),
    "law twice": (LAW + "v = make('x')\nw = make('x', margin=0.2)", ", line 8: law 'x' is given by "),
    "own model": (MODEL.replace("plug-l", "plug-f") + LAW + "v = make('x', model=Linear())", "Linear is defined in"),
    "own class": (NEW + "class A(Activation): pass\nv = A.parse('u**5', name='five')", ", line 3: A is defined in the"),
    "null": ("x = 1\0\n", "null bytes"),
}  # fmt: skip


@pytest.mark.parametrize("text", BAD_FILES)
def test_a_bad_file_is_one_message_with_its_line(call: Callable[..., Result], text: str) -> None:
    source, message = BAD_FILES[text]
    Path("bad.py").write_text(source)
    result = call("hermite", "relu", "--plugin", "bad.py")
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: plugin bad.py")
    assert message in line
    assert plugins.sources == []


@pytest.mark.parametrize(("path", "message"), [("none.py", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read(call: Callable[..., Result], path: str, message: str) -> None:
    result = call("laws", "--plugin", path)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert f"plugin {path}: cannot read it: {message}" in result.stderr


def test_two_files_and_a_package_that_give_one_name(call: Callable[..., Result], install: Install) -> None:
    Path("a.py").write_text(NEW + "x = Activation.parse('u**5', name='fifth')")
    Path("b.py").write_text(NEW + "x = Activation.parse('u**5 + 1', name='fifth')")
    result = call("hermite", "fifth", "--plugin", "a.py", "--plugin", "b.py")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "plugin b.py, line 2: activation 'fifth' is given by a.py too" in result.stderr
    install("one", "VALUE = 'u**5'", activations={"fifth": "plug_one:VALUE"})
    result = call("hermite", "fifth", "--plugin", "a.py")
    assert result.exit_code == 2
    assert "activation 'fifth' is given by one 1.0, entry point 'fifth'" in result.stderr
    result = CliRunner(env={"BIGTHETA_NO_PLUGINS": "1"}).invoke(main, ["hermite", "fifth", "--plugin", "a.py"])
    assert result.exit_code == 0


# --- the command line ------------------------------------------------------------------------------------------------


def test_listings_say_where_an_entry_is_from(call: Callable[..., Result], install: Install) -> None:
    text = LAW + "VALUE = 'u**5'\nL = make('theirs', activations=('fourth',))\n"
    entries = {"fourth": "plug_one:VALUE", "bad": "plug_one:NONE"}
    install("one", text, version="3.1", activations=entries, laws={"theirs": "plug_one:L"})
    Path("own.py").write_text(FILE)
    result = call("activations", "--json", "--plugin", "own.py")
    rows = {row["name"]: row["origin"] for row in json.loads(result.stdout)}
    assert rows["relu"] == "built-in"
    assert (rows["fifth"], rows["fourth"]) == ("own.py", "one 3.1")
    assert list(rows)[-3:] == ["fifth", "ninth", "fourth"], "built-in ones first"
    assert result.stderr.count("Warning: plugin one 3.1, entry point 'bad'") == 1
    text = call("activations", "--plugin", "own.py").stdout
    assert "smooth; from own.py\n" in text
    assert "smooth; from one 3.1\n" in text
    result = call("laws", "--json", "--plugin", "own.py")
    origins = {row["law"]: row["origin"] for row in json.loads(result.stdout)}
    assert origins["dohmatob2021/rf-kernel"] == "built-in"
    assert list(origins.items())[-2:] == [("mine", "own.py"), ("theirs", "one 3.1")]
    lines = call("laws", "--plugin", "own.py").stdout.splitlines()
    assert lines[-5:][0] == "    from own.py"
    assert lines[-1] == "    from one 3.1"


def test_a_broken_plugin_that_is_named_is_one_line(call: Callable[..., Result], install: Install) -> None:
    install("wrong", "import nothing_of_that_name", activations={"bad": "plug_wrong:X"}, laws={"bad": "plug_wrong:X"})
    for arguments in (["hermite", "bad"], ["verify", "bad"], ["verify", "--paper", "bad"], ["verify", "-a", "bad"]):
        result = call(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        (line,) = result.stderr.splitlines()
        assert line.startswith("Error: plugin wrong 1.0, entry point 'bad'")
    assert call("hermite", "relu", "--order", "0").stderr == ""


def test_help_runs_no_plugin(call: Callable[..., Result]) -> None:
    Path("bad.py").write_text("raise SystemExit(9)")
    for command in ("verify", "check", "laws", "activations", "hermite"):
        result = call(command, "--plugin", "bad.py", "--help")
        assert result.exit_code == 0
        assert "--plugin FILE.py" in result.stdout


def test_help_does_not_look_for_plugins() -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bigtheta", "--help"], capture_output=True, text=True, check=True
    )
    assert "click" in result.stderr
    for name in ("bigtheta.theory.plugins", "importlib.metadata"):
        assert f" {name}\n" not in result.stderr


@pytest.mark.slow
def test_a_law_of_a_file_runs_in_worker_processes(call: Callable[..., Result]) -> None:
    Path("own.py").write_text(FILE.replace('("fifth", "tanh")', '("fifth",)'))
    codes = [
        call("verify", "mine", "--plugin", "own.py", "--trials", "2", "--jobs", jobs, "--device", "cpu", "--out", jobs)
        for jobs in ("1", "2")
    ]
    assert [result.exit_code in (0, 1, 3) for result in codes] == [True, True], codes[1].output
    one, two = (json.loads(Path(jobs, "report.json").read_text())["judgements"] for jobs in ("1", "2"))
    assert one == two
    assert one[0]["activation"] == "fifth"


# --- the example, as a user installs it ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example plugin, built into a wheel and installed into a folder of its own; offline."""
    folder = tmp_path_factory.mktemp("example")
    source = folder / "source"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__", ".*_cache"))
    build = [
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--skip-dependency-check",
        "--outdir",
        str(folder),
        str(source),
    ]
    subprocess.run([sys.executable, *build], check=True, capture_output=True, timeout=600)
    (wheel,) = folder.glob("*.whl")
    target = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--target",
        str(folder / "site"),
        str(wheel),
    ]
    subprocess.run([sys.executable, *target], check=True, capture_output=True, timeout=600)
    return folder / "site"


def use(*arguments: str, cwd: Path, path: list[Path], **more: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV", "FORCE_COLOR"))}
    before = [environment["PYTHONPATH"]] if environment.get("PYTHONPATH") else []
    environment |= {"PYTHONPATH": os.pathsep.join([*map(str, path), *before])} | more
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_the_example_as_installed(site: Path, tmp_path: Path) -> None:
    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return use("bigtheta", *arguments, cwd=tmp_path, path=[site, tmp_path / "broken"], **more)

    broken = tmp_path / "broken" / "breaker-0.3.dist-info"
    broken.mkdir(parents=True)
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: breaker\nVersion: 0.3\n")
    (broken / "entry_points.txt").write_text(
        "[bigtheta.laws]\nsome = not_there\n[bigtheta.activations]\nx1 = not_there"
    )

    result = run("hermite", "bent", "--order", "1")
    assert (result.returncode, result.stderr) == (0, "")
    # E (sqrt(1 + G^2) - 1)/2: E sqrt(1 + G^2) = U(-1/2, 0, 1/2)/sqrt(2) = 1.3545308..., by mpmath
    found = dict(re.findall(r"^(mu_\d+) +(\S+)", result.stdout, re.MULTILINE))
    assert found["mu_0"].startswith("0.17726540324")
    assert math.isclose(float(found["mu_1"]), 1.0)

    result = run("laws")
    assert result.returncode == 0
    assert result.stdout.endswith("activations: bent; controls: abs\n    from bigtheta-bent 0.1.0\n")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Warning: plugin breaker 0.3, entry point 'some' of bigtheta.laws (not_there) is broken: ")
    assert line.endswith("ModuleNotFoundError: No module named 'not_there'")

    result = run("verify", "bent-kernel", "--profile", "quick", "--trials", "2", "--jobs", "2", "--out", "report")
    assert result.stderr.count("Warning: plugin breaker 0.3") == 1
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert result.returncode == {"PASS": 0, "INCONCLUSIVE": 3}[report["verdict"]]
    assert report["judgements"][0]["activation"] == "bent"

    for arguments in (["hermite", "bent"], ["verify", "bent-kernel"]):
        result = run(*arguments, BIGTHETA_NO_PLUGINS="1")
        assert (result.returncode, result.stdout) == (2, "")
        assert f"unknown {'law' if 'verify' in arguments else 'activation'} '{arguments[1]}'" in result.stderr
        assert len(result.stderr.splitlines()) == 1
    result = run("hermite", "x1")
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    assert "breaker 0.3" in result.stderr


@pytest.mark.slow
def test_the_tests_of_the_example_pass(site: Path, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    result = use("pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "tests"), cwd=tmp_path, path=[site])
    assert result.returncode == 0, result.stdout


def test_the_example_is_lint_clean() -> None:
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["check"], ["format", "--check"]):
        result = subprocess.run(
            [ruff, *command, "--no-cache", EXAMPLE], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stdout
