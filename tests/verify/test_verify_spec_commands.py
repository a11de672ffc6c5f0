"""`bigtheta schema` and `bigtheta init`: the schema accepts what is read, refuses the rest; the template judges."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import bigtheta.verify.run as run_module
from bigtheta.theory.catalogue import activation
from bigtheta.theory.data import QUANTITIES
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.inputs import Inputs
from bigtheta.theory.model import kinds
from bigtheta.theory.options import by_kind
from bigtheta.theory.schema import spec_schema
from bigtheta.theory.spec import LawSpec, law_from_spec, read_spec
from bigtheta.theory.template import template
from bigtheta.verify.bridge import limit_slope

GOOD = {
    "name": "my-bound", "model": "rf-kernel", "statement": "Theta(sqrt(n))", "path": {"d": "2*n"},
    "sizes": {"n": [50, 100, 200]},
}  # fmt: skip
CONTROL = {"statement": "Theta(n)", "because": "the square"}


def is_valid(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """JSON Schema, as much of it as the schema uses; an unknown keyword is an error of the test."""
    told = {"title", "description", "default", "examples", "$schema", "$defs"}
    types: dict[str, Any] = {
        "string": str, "integer": int, "number": (int, float), "object": dict, "array": list, "boolean": bool,
    }  # fmt: skip
    for key, rule in schema.items():
        match key:
            case "$ref":
                ok = is_valid(value, root["$defs"][rule.removeprefix("#/$defs/")], root)
            case "type" if rule == "null":
                ok = value is None
            case "type":
                ok = isinstance(value, types[rule]) and (rule == "boolean" or not isinstance(value, bool))
            case "enum":
                ok = value in rule
            case "anyOf":
                ok = any(is_valid(value, option, root) for option in rule)
            case "not":
                ok = not is_valid(value, rule, root)
            case "required":
                ok = not isinstance(value, dict) or set(rule) <= set(value)
            case "properties":
                ok = not isinstance(value, dict) or all(
                    is_valid(value[name], option, root) for name, option in rule.items() if name in value
                )
            case "additionalProperties":
                rest = set(value) - set(schema.get("properties", {})) if isinstance(value, dict) else set()
                ok = not rest if rule is False else all(is_valid(value[name], rule, root) for name in rest)
            case "propertyNames":
                ok = not isinstance(value, dict) or all(is_valid(name, rule, root) for name in value)
            case "items":
                ok = rule is False or not isinstance(value, list) or all(is_valid(item, rule, root) for item in value)
            case "prefixItems":
                ok = not isinstance(value, list) or all(map(is_valid, value, rule, [root] * len(rule)))
            case "minItems" | "minProperties":
                ok = not isinstance(value, list | dict) or len(value) >= rule
            case "maxItems" | "maxProperties":
                ok = not isinstance(value, list | dict) or len(value) <= rule
            case "minimum":
                ok = not isinstance(value, int | float) or value >= rule
            case "exclusiveMinimum":
                ok = not isinstance(value, int | float) or value > rule
            case "exclusiveMaximum":
                ok = not isinstance(value, int | float) or value < rule
            case _:
                assert key in told, f"the test does not know {key}"
                ok = True
        if not ok:
            return False
    return True


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return spec_schema()


# --- schema ----------------------------------------------------------------------------------------------------------

ACCEPTED: list[dict[str, Any]] = [
    {},
    {"model": {"kind": "random-features", "ridge": 0.5, "weights": "small"}, "path": {"d": "n", "k": "2*n"}},
    {"model": {"kind": "dot-product-kernel", "kernel": "exp(t)"}},
    {"quantity": "sensitivity", "inputs": "gaussian", "labels": "signs", "margin": 0.2},
    {"quantity": {"kind": "sobolev", "test_points": 10}, "labels": {"signal": 1, "target": "quadratic"}},
    {"inputs": {"kind": "covariance", "spectrum": "1/i"}},
    {"inputs": {"kind": "covariance", "spectrum": [1.0, 0.5]}, "path": {"d": 2}},
    {"inputs": "digits", "path": {"d": 64}, "activations": ["relu", "u*tanh(u)"]},
    {"controls": [CONTROL, {"activation": "abs", "because": "even"}], "limit": "sobolev"},
    {"hypotheses": ["d >= n", "mu(1) != 0", "odd"]},
    {"claim": "x", "source": "y", "statement": "Peak(n/d, at=1)", "path": {"d": 100}},
]
REFUSED: list[dict[str, Any]] = [
    {"colour": "red"},
    {"name": 3},
    {"model": {"kind": "rf-kernel", "rigde": 1.0}},
    {"model": {"kind": "rf-kernel", "ridge": "1"}},
    {"model": {"ridge": 1.0}},
    {"model": "dot-product-kernel"},
    {"quantity": "lipschitz"},
    {"quantity": {"kind": "sobolev", "points": 3}},
    {"inputs": "spere"},
    {"labels": {"nois": 1.0}},
    {"labels": "noisy"},
    {"labels": {"signal": 1.0, "target": "cubic"}},
    {"sizes": {"n": [50.5]}},
    {"sizes": {"n": []}},
    {"sizes": {"m": [1, 2]}},
    {"sizes": {"n": [1], "d": [2]}},
    {"sizes": {"n": [0, 1]}},
    {"path": {"d": [2]}},
    {"path": {"m": "n"}},
    {"activations": "relu"},
    {"hypotheses": "d >= n"},
    {"hypotheses": [3]},
    {"margin": -1.0},
    {"margin": 10.0},
    {"controls": [{"statement": "Theta(n)"}]},
    {"controls": [{"because": "x"}]},
    {"controls": CONTROL},
    {"limit": "sobolv"},
]


@pytest.mark.parametrize("changes", ACCEPTED, ids=repr)
def test_what_is_read_is_valid(schema: dict[str, Any], changes: dict[str, Any]) -> None:
    content = {"law": GOOD | changes}
    law_from_spec(content)
    assert is_valid(content, schema, schema)


@pytest.mark.parametrize("changes", REFUSED, ids=repr)
def test_what_is_refused_is_not_valid(schema: dict[str, Any], changes: dict[str, Any]) -> None:
    content = {"law": GOOD | changes}
    with pytest.raises(InvalidInputError):
        law_from_spec(content)
    assert not is_valid(content, schema, schema)


@pytest.mark.parametrize("missing", ["name", "model", "statement", "sizes"])
def test_what_must_be_there(schema: dict[str, Any], missing: str) -> None:
    content = {"law": {key: value for key, value in GOOD.items() if key != missing}}
    assert not is_valid(content, schema, schema)
    assert not is_valid({"law": GOOD, "other": {}}, schema, schema)
    assert not is_valid({}, schema, schema)


def test_a_model_of_a_plugin_is_valid(schema: dict[str, Any]) -> None:
    for model in ("bent-features", {"kind": "bent-features", "bend": 0.5}):
        assert is_valid({"law": GOOD | {"model": model}}, schema, schema)


def test_every_field_and_every_option_is_described(schema: dict[str, Any]) -> None:
    parts = schema["$defs"]
    for table in ("LawSpec", "ControlSpec"):
        for name, field in parts[table]["properties"].items():
            assert len(field["description"]) > 10, name
    assert set(parts["LawSpec"]["properties"]) == set(LawSpec.__struct_fields__)
    for types in (kinds(), QUANTITIES, by_kind(Inputs)):
        for name, cls in types.items():
            assert parts[cls.__name__]["properties"]["kind"]["enum"] == [name]
            assert ">>>" not in parts[cls.__name__]["description"]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    known = {f"#/$defs/{name}" for name in parts}
    assert set(re.findall(r'"\$ref": "([^"]*)"', json.dumps(schema))) <= known


def test_the_schema_is_printed(call: Callable[..., Result], schema: dict[str, Any]) -> None:
    result = call("schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads(json.dumps(schema))


# --- init ------------------------------------------------------------------------------------------------------------


def test_the_template_is_a_law_that_passes_with_its_control(call: Callable[..., Result], tmp_path: Path) -> None:
    result = call("init", "rate.toml")
    assert (result.exit_code, result.stdout) == (0, "wrote rate.toml; judge it with: bigtheta check rate.toml\n")
    assert read_spec("rate.toml").name == "rate"
    judged = call("check", "rate.toml", "--trials", "5", "--jobs", "1", "--device", "cpu", "--out", "report")
    assert judged.exit_code == 0, judged.output
    assert "control Theta(n): FAIL as it must" in judged.stdout
    again = call("report", "report").stdout
    assert "pays order sqrt(n)" not in again
    assert "**PASS**" in again


def test_the_template_explains_every_field(schema: dict[str, Any]) -> None:
    text = template("my-bound")
    assert is_valid(tomllib.loads(text), schema, schema)
    everything = re.sub(r"^# (?=limit|effort|\[\[law|activation =|because)", "", text, flags=re.MULTILINE)
    content = tomllib.loads(everything)
    assert set(content["law"]) == set(LawSpec.__struct_fields__), "every field is there, some commented out"
    assert is_valid(content, schema, schema)
    law = law_from_spec(content)
    assert [control.activation for control in law.controls] == [None, "abs"]
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if re.match(r"[a-z]+ = ", line) and not line.startswith(("source", "because")):
            assert lines[index - 1].startswith(("#", "[[")), f"no comment above {line}"
        assert len(line) <= 120


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("model", ["random-features", "quadratic-form", "caps", "dot-product-kernel", "adversarial-features"]),
        ("quantity", ["sobolev", "operator-norm", "mcshane", "adversarial-risk"]),
        ("inputs", ["sphere", "laplace", "covariance", "mnist", "digits"]),
        ("limit", ["sobolev", "quadratic-student", "adversarial-risk"]),
    ],
)
def test_the_template_lists_what_the_schema_knows(schema: dict[str, Any], field: str, names: list[str]) -> None:
    """Every name that a field takes stands in the comment above it; the schema is made from the same types."""
    above = re.search(rf"((?:^# .*\n)+)(?:# )?{field} = ", template("x"), re.MULTILINE)
    assert above is not None
    listed = set(re.findall(r'"([a-z0-9-]+)"', above[1]))
    known = schema["$defs"]["LawSpec"]["properties"][field]
    choices = known.get("anyOf", [known])
    every = {name for choice in choices for name in choice.get("enum", ())} - {"", "dataset"}  # which has names itself
    assert every <= listed
    assert set(names) <= listed


def test_a_quantity_of_a_new_name_is_in_the_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(QUANTITIES, "new-quantity", object)
    assert '"new-quantity"' in template("x")


@pytest.mark.parametrize(
    ("d", "k", "holds", "off"),
    [
        ("n", "2*n", True, 0),
        ("n", "n**(3/2)", True, 0),
        ("4*n", "8*n", True, 0),
        ("n**(4/3)", "3*n**(4/3)", True, 0),
        ("n**(7/6)", "2*n", False, 1 / 12),  # finitely many neurons: S is of order sqrt(n*d/k), here sqrt(d)
        ("n**(3/2)", "2*n", False, 1 / 4),
        ("n**(2/3)", "2*n", False, -1 / 6),  # no more than d dimensions to memorise in linearly: sqrt(d)
        ("n/2", "2*n", False, None),
        ("n", "n", False, None),  # the peak
    ],
)
def test_the_hypotheses_of_the_template_say_where_its_claim_is_true(
    d: str, k: str, holds: bool, off: float | None
) -> None:
    given = tomllib.loads(template("x"))["law"] | {"path": {"d": d, "k": k}, "sizes": {"n": [40, 80, 160, 320, 640]}}
    law = law_from_spec({"law": given | {"limit": "sobolev"}})
    assert (law.unmet("relu") is None) is holds
    assert law.unmet("abs") is not None
    if off is not None:
        assert limit_slope(law, activation("tanh"), law.statement) == pytest.approx(off, abs=0.005)


def test_init_does_not_overwrite(call: Callable[..., Result]) -> None:
    Path("mine.toml").write_text("precious")
    refused = call("init", "mine.toml")
    assert refused.exit_code == 2
    assert refused.stderr == "Error: init: 'mine.toml' is there already; give another name, or --force\n"
    assert Path("mine.toml").read_text() == "precious"
    assert call("init", "mine.toml", "--force").exit_code == 0
    assert Path("mine.toml").read_text() == template("mine")


@pytest.mark.parametrize(
    ("file", "message"),
    [("x.txt", "ends in .toml"), ("no/such/x.toml", "No such file"), (".", "ends in .toml")],
)
def test_init_says_why_it_cannot(call: Callable[..., Result], file: str, message: str) -> None:
    result = call("init", file)
    assert result.exit_code == 2
    assert message in result.stderr
    assert list(Path().iterdir()) == []


def test_a_file_name_that_is_no_name_of_a_law(call: Callable[..., Result]) -> None:
    assert call("init", "my bound.toml").exit_code == 0
    assert read_spec("my bound.toml").name == "my-bound"


@pytest.mark.parametrize("command", [["schema"], ["init", "x.toml"]], ids=lambda c: c[0])
def test_neither_imports_what_simulates_or_draws(command: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\nfrom bigtheta.verify.cli import main\nmain(sys.argv[1:], standalone_mode=False)\n"
        "print(sorted({'torch', 'matplotlib', 'pandas'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *command], cwd=tmp_path, capture_output=True, text=True, timeout=600, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"


def test_a_control_of_a_spec_is_judged(call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(run_module, "checks", lambda law, acts: seen.append(law) or [])
    Path("x.toml").write_text(template("x"))
    call("check", "x.toml")
    assert [str(control.statement) for control in seen[0].controls] == ["Theta(n)"]
