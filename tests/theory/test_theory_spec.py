"""Spec files: a good file gives the same law as Python; each bad one is refused with the file and the field."""

import math
from pathlib import Path

import pytest
import sympy

from bigtheta.theory.activation import Parity
from bigtheta.theory.data import Labels
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.inputs import Gaussian
from bigtheta.theory.law import Control, Law
from bigtheta.theory.model import RandomFeatures, RFKernel
from bigtheta.theory.scale import SIZES
from bigtheta.theory.spec import MAX_BYTES, LawSpec, law_from_spec, read_spec
from bigtheta.theory.statement import Omega

GOOD = """\
[law]
name = "my-bound"
model = "rf-kernel"
statement = "Theta(sqrt(n))"
path = { d = "2*n" }
sizes = { n = [50, 100, 200, 400, 800] }
"""


@pytest.fixture
def read(tmp_path):
    def from_text(content, name="bound.toml"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_spec(file)

    return from_text


def test_a_good_file_is_the_law(read):
    expected = Law(
        name="my-bound",
        model="rf-kernel",
        statement="Theta(sqrt(n))",
        path={"d": "2*n"},
        sizes={"n": [50, 100, 200, 400, 800]},
    )
    assert read(GOOD) == expected
    assert read(GOOD.replace("\n", "\r\n")) == expected


def test_every_field_is_read(read):
    entry = read("""
        [law]
        name = "all"
        source = "draft v3, Theorem 2"
        claim = "Σ grows"
        model = { kind = "random-features", ridge = 0.25 }
        quantity = "sobolev"
        statement = "Omega(sqrt(n/k))"
        path = { d = 2000, k = "n/2" }
        sizes = { n = [40, 20] }
        activations = ["tanh", "u*tanh(u)"]
        inputs = "gaussian"
        labels = { signal = 1, noise = 0.5 }
        hypotheses = ["n <= d", "odd"]
        margin = 0.2
        limit = "sobolev"
        effort = 2

        [[law.controls]]
        statement = "Omega(n)"
        because = "the square"

        [[law.controls]]
        activation = "abs"
        because = "mu_1 = 0"
    """)
    assert (entry.id, entry.source, entry.claim, entry.margin) == ("all", "draft v3, Theorem 2", "Σ grows", 0.2)
    assert entry.model == RandomFeatures(ridge=0.25)
    assert str(entry.statement) == "Omega(sqrt(n/k))"
    assert entry.cells == ({"n": 20, "d": 2000, "k": 10}, {"n": 40, "d": 2000, "k": 20})
    assert entry.activations == ("tanh", "u*tanh(u)")
    assert entry.inputs == Gaussian()
    assert entry.labels == Labels(signal=1.0, noise=0.5)
    written = {"name", "source", "claim", "model", "quantity", "statement", "path", "sizes", "activations", "inputs",
               "labels", "hypotheses", "margin", "controls", "limit", "effort"}  # fmt: skip
    assert (entry.limit, entry.effort) == ("sobolev", 2)
    assert entry.hypotheses == (sympy.Le(SIZES["n"], SIZES["d"]), Parity.ODD)
    assert entry.controls == (
        Control(statement=Omega("n"), because="the square"),
        Control(activation="abs", because="mu_1 = 0"),
    )
    assert set(LawSpec.__struct_fields__) == written


def test_the_example_of_the_repository_is_read():
    entry = read_spec(Path(__file__).parents[2] / "examples" / "my-bound.toml")
    assert entry.name == "my-bound"
    assert entry.claimed_order.power == pytest.approx(0.5)


def test_defaults_are_those_of_law(read):
    entry = read(GOOD)
    assert (entry.margin, entry.activations, entry.labels, entry.model) == (0.1, ("relu",), Labels(), RFKernel())


BAD = {
    "unknown field": (GOOD + "foo = 1\n", ["unknown field `foo`", "`law`", "statement", "sizes"]),
    "misspelt field": (GOOD.replace("statement", "statment"), ["`statment`", "statement"]),
    "missing model": (GOOD.replace('model = "rf-kernel"\n', ""), ["missing required field `model`"]),
    "missing sizes": (GOOD.partition("sizes")[0], ["missing required field `sizes`"]),
    "no table": (GOOD.replace("[law]\n", ""), ["unknown field `name`", "one table [law]"]),
    "empty": ("", ["missing required field `law`"]),
    "law is a number": ("law = 3\n", ["`law`", "int", "one table [law]"]),
    "two laws": ("[[law]]\nname = 'a'\n[[law]]\nname = 'b'\n", ["`law`", "array"]),
    "a second table": (GOOD + "[other]\na = 1\n", ["unknown field `other`"]),
    "not TOML": ("hello", ["is not TOML"]),
    "JSON": ('{"law": {}}', ["is not TOML"]),
    "a key twice": (GOOD + 'name = "c"\n', ["is not TOML", "line 7"]),
    "not UTF-8": (GOOD.encode() + b'claim = "\xff\xfe"\n', ["is not TOML", "utf-8"]),
    "UTF-16": (GOOD.encode("utf-16"), ["is not TOML"]),
    "a null byte": (GOOD + "\x00", ["is not TOML"]),
    "nested": (GOOD + "claim = " + "[" * 5000 + "]" * 5000, ["is not TOML"]),
    "too large": (GOOD + "#" + "x" * MAX_BYTES, ["larger than 1000000 bytes", "one [law] table"]),
    "name": (GOOD.replace("my-bound", "my bound"), ["law 'my bound'", "name"]),
    "name is a number": (GOOD.replace('"my-bound"', "3"), ["str", "`law.name`"]),
    "sizes are text": (GOOD.replace("[50, 100, 200, 400, 800]", '["a"]'), ["int", "str", "law.sizes"]),
    "sizes are not whole": (GOOD.replace("50,", "50.5,"), ["int", "float", "law.sizes"]),
    "a size is negative": (GOOD.replace("50,", "-50,"), ["law 'my-bound'", "sizes", "n=-50"]),
    "a list of sizes": (GOOD.replace("{ n = [50, 100, 200, 400, 800] }", "[50]"), ["`law.sizes`"]),
    "one size": (GOOD.replace("[50, 100, 200, 400, 800]", "50"), ["law.sizes"]),
    "two free sizes": (GOOD.replace("800] }", "800], k = [1] }"), ["sizes", "one free size"]),
    "path is a list": (GOOD.replace('"2*n"', "[2]"), ["law.path"]),
    "path does not parse": (GOOD.replace("2*n", "2n"), ["law 'my-bound'", 'path d "2n"']),
    "statement": (GOOD.replace("Theta(sqrt(n))", "Theta(sqrt(n)"), ["statement", "never closed"]),
    "margin is text": (GOOD + 'margin = "x"\n', ["float", "`law.margin`"]),
    "margin": (GOOD + "margin = -1\n", ["margin", "margin=-1"]),
    "margin is nan": (GOOD + "margin = nan\n", ["margin=nan"]),
    "labels": (GOOD + "labels = { noise = -1.0 }\n", ["labels", "noise=-1"]),
    "a label misspelt": (GOOD + "labels = { nois = 1.0 }\n", ["labels", "`nois`"]),
    "activation": (GOOD + 'activations = ["rellu"]\n', ["unknown activation 'rellu'", "'relu'"]),
    "activations are text": (GOOD + 'activations = "relu"\n', ["array", "`law.activations`"]),
    "no activation": (GOOD + "activations = []\n", ["activations", "at least one"]),
    "inputs": (GOOD + 'inputs = "ball"\n', ["unknown inputs 'ball'", "sphere"]),
    "quantity": (GOOD + 'quantity = "lip"\n', ["unknown quantity 'lip'"]),
    "model": (GOOD.replace("rf-kernel", "rf"), ["unknown model 'rf'"]),
    "model option": (GOOD.replace('"rf-kernel"', '{ kind = "rf-kernel", ridg = 1 }'), ["model", "`ridg`"]),
    "model without kind": (GOOD.replace('"rf-kernel"', "{ ridge = 1 }"), ["model", "`kind`"]),
    "model needs k": (GOOD.replace("rf-kernel", "random-features"), ["path", "needs k"]),
    "a control without a reason": (GOOD + '[[law.controls]]\nstatement = "Theta(n)"\n', ["missing", "`because`"]),
    "a control of nothing": (GOOD + '[[law.controls]]\nbecause = "x"\n', ["controls[0]", "expected an activation or"]),
    "a control misspelt": (GOOD + '[[law.controls]]\nbecause = "x"\nstatment = "Theta(n)"\n', ["`statment`"]),
    "a control's statement": (GOOD + '[[law.controls]]\nbecause = "x"\nstatement = "Theta(n"\n', ["controls[0]"]),
    "a control's activation": (
        GOOD + '[[law.controls]]\nbecause = "x"\nactivation = "rellu"\n',
        ["controls", "'relu'"],
    ),
    "controls are one table": (GOOD + '[law.controls]\nbecause = "x"\n', ["law.controls"]),
    "limit": (GOOD + 'limit = "sobolv"\n', ["law 'my-bound'", "unknown limit 'sobolv'", "'sobolev'"]),
    "limit of another quantity": (
        GOOD + 'quantity = "sensitivity"\nlimit = "sobolev"\n',
        ["law 'my-bound'", "limit 'sobolev'", "sensitivity"],
    ),
    "a date": (GOOD + "claim = 1979-05-27\n", ["str", "`law.claim`"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused(read, case):
    content, words = BAD[case]
    with pytest.raises(InvalidInputError) as caught:
        read(content)
    message = str(caught.value)
    assert "bound.toml" in message
    assert [word for word in words if word not in message] == []


def test_the_limit_of_size_is_where_it_is_said(read):
    just = GOOD + "#" + "x" * (MAX_BYTES - len(GOOD) - 1)
    assert len(just) == MAX_BYTES
    assert read(just) == read(GOOD)
    with pytest.raises(InvalidInputError, match="larger than"):
        read(just + "x")


def test_what_is_not_a_file_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match=r"cannot read the spec .*no\.toml.*No such file"):
        read_spec(tmp_path / "no.toml")
    with pytest.raises(InvalidInputError, match=r"cannot read the spec .*directory"):
        read_spec(tmp_path)
    with pytest.raises(InvalidInputError, match="cannot read the spec"):
        read_spec("a" * 5000)
    endless = tmp_path / "endless.toml"
    endless.symlink_to("/dev/zero")
    with pytest.raises(InvalidInputError, match="larger than"):
        read_spec(str(endless))


@pytest.mark.parametrize("content", [{}, {"law": None}, {"law": {}}, {"law": {"name": "x"}}, None, 3, [1]])
def test_bad_content_is_refused(content):
    with pytest.raises(InvalidInputError, match=r"^spec: .*one table \[law\] with the fields name, model"):
        law_from_spec(content)


def test_numbers_and_text_in_a_path_are_alike():
    def entry(value):
        return law_from_spec({"law": {"name": "a", "model": "rf-kernel", "statement": "Theta(n)", "path": {"d": value},
                                      "sizes": {"n": [5]}}})  # fmt: skip

    assert entry(20) == entry("20") == entry(20.0)
    assert entry(2.5).cells == ({"n": 5, "d": 3},)
    for bad in (math.nan, math.inf, -1, 0):
        with pytest.raises(InvalidInputError, match=r"law 'a': .*d"):
            entry(bad)


@pytest.mark.parametrize("case", ["number", "name"])
def test_odd_files_are_refused(read, case):
    with pytest.raises(InvalidInputError):
        read(GOOD + "margin = " + "9" * 5000) if case == "number" else read_spec("a\0b.toml")
