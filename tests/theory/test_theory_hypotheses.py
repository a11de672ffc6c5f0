"""Hypotheses as text, and laws as the text of a spec: what is written reads back as it was."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import sympy
from sympy import Ge, Le, Ne

from bigtheta.theory.activation import Activation, Parity, u
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.hypotheses import hypothesis_source, parse_hypothesis
from bigtheta.theory.law import Law, laws
from bigtheta.theory.scale import d, k, n
from bigtheta.theory.spec import law_from_spec, read_spec
from bigtheta.theory.spec_text import spec_text
from bigtheta.theory.statement import mu

TEXTS = [
    ("d >= n", Ge(d, n)),
    ("n <= d*k/4", Le(n, d * k / 4)),
    ("mu(1) != 0", Ne(mu(1), 0)),
    ("mu(1) == 0", sympy.Eq(mu(1), 0)),
    ("2*n >= d^(3/2)", Ge(2 * n, d ** sympy.Rational(3, 2))),
    ("even", Parity.EVEN),
    (" odd ", Parity.ODD),
]
SPEC = {
    "name": "my-bound", "model": "rf-kernel", "statement": "Theta(sqrt(n))", "path": {"d": "2*n"},
    "sizes": {"n": [50, 100, 200]},
}  # fmt: skip


@pytest.mark.parametrize(("text", "hypothesis"), TEXTS)
def test_hypothesis_reads_and_writes(text: str, hypothesis: object) -> None:
    assert parse_hypothesis(text) == hypothesis
    assert parse_hypothesis(hypothesis) is hypothesis
    assert parse_hypothesis(hypothesis_source(hypothesis)) == hypothesis


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("d", "expected a relation"),
        ("1 < 2", "expected a relation"),
        ("n > 0", "expected a relation"),
        ("d >= m", "unknown symbol 'm'"),
        ("p >= n", "unknown symbol 'p'"),
        ("mu(0.5) != 0", "expected mu(j)"),
        ("none", "unknown symbol"),
        ("", "nothing"),
        (3, "expected relations such as d >= n, or a Parity"),
    ],
)
def test_bad_hypothesis_is_refused(text: object, said: str) -> None:
    with pytest.raises(InvalidInputError, match=r"hypothes[ie]s") as error:
        parse_hypothesis(text)
    assert said in str(error.value)


def test_spec_has_hypotheses() -> None:
    law = law_from_spec({"law": {**SPEC, "hypotheses": ["d >= n", "mu(1) != 0"]}})
    assert law.hypotheses == (Ge(d, n), Ne(mu(1), 0))
    assert law.unmet("relu") is None
    assert law.unmet("abs") is not None
    assert law_from_spec({"law": {**SPEC, "hypotheses": ["d <= n"]}}).unmet("relu") is not None
    with pytest.raises(InvalidInputError, match="hypothesis"):
        law_from_spec({"law": {**SPEC, "hypotheses": ["d >>= n"]}})


@pytest.mark.parametrize("law", laws(), ids=lambda law: law.id)
def test_every_shipped_law_reads_back(law: Law) -> None:
    again = law_from_spec(tomllib.loads(spec_text(law)))
    for field in ("model", "path", "sizes", "quantity", "inputs", "labels", "hypotheses", "margin", "limit", "effort"):
        assert getattr(again, field) == getattr(law, field), field
    difference = again.statement.formula - law.statement.formula
    assert abs(difference) < 1e-12 if difference.is_number else difference == 0
    assert [str(act) for act in again.activations] == [str(act) for act in law.activations]


def test_text_and_activations_that_need_quoting(tmp_path: Path) -> None:
    odd = Activation("mine", u**3 + u)
    law = Law(
        name="rate", model="rf-kernel", statement="O~(n)", path={"d": "n**(3/2)/2"}, sizes={"n": [20, 40, 80]},
        activations=[odd, "u*tanh(u)"], claim='say "so"\nand \\ so', source="a # b",
        labels={"signal": 1.0, "noise": 0.5, "noise_law": "signs"},
    )  # fmt: skip
    file = tmp_path / "rate.toml"
    file.write_text(spec_text(law, heading="a\nheading"), encoding="utf-8")
    again = read_spec(file)
    assert (again.claim, again.source, again.labels) == (law.claim, law.source, law.labels)
    assert again.activations == ("u**3 + u", "u*tanh(u)")
    assert file.read_text().startswith("# a\n# heading\n\n[law]\n")
