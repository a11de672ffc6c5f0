"""Claims in several sizes that are no monomial: judged by the exponents of measured/formula, each to be 0."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
from click.testing import CliRunner

from bigtheta.theory.statement import Statement
from bigtheta.verify.cli import main
from bigtheta.verify.judge import judge
from bigtheta.verify.report.words import judgement_lines
from bigtheta.verify.several import is_monomial, open_columns
from bigtheta.verify.verdict import Judgement, Verdict, judgement_dict

TABLE = Path(__file__).with_name("tables") / "two-sizes.csv"
PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("statement", "verdicts"),
    [
        ("Theta(1/n + 1/k)", {PASS}),
        ("Theta((n + k)/(n*k))", {PASS}),
        ("Theta(1/min(n, k))", {PASS}),
        ("Theta(max(1/n, 1/k))", {PASS}),
        ("O(1/min(n, k))", {PASS}),
        ("Omega(1/min(n, k))", {PASS}),
        ("O(1 + 1/n + 1/k)", {PASS}),
        ("Theta(2/n + 1/k)", {PASS, OPEN}),
        ("Theta(1/max(n, k))", {OPEN, FAIL}),
        ("Theta(1/(n + k))", {OPEN, FAIL}),
        ("O(1/(n + k))", {OPEN, FAIL}),
        ("Theta(1/n + 1/k**2)", {FAIL}),
        ("Theta(n + k)", {FAIL}),
        ("Omega(n**2 + n*k)", {FAIL}),
        ("O(1/n**2 + 1/k**2)", {FAIL, OPEN}),
        ("Theta(1/n)", {FAIL}),
        ("Theta(1/k)", {FAIL}),
        ("Theta(1/(n*k))", {FAIL}),
        ("Limit(1/n + 1/k)", {PASS}),
    ],
)
def test_one_over_n_plus_one_over_k(statement: str, verdicts: set[Verdict]) -> None:
    found = judge(TABLE, statement=statement)
    assert found.verdict in verdicts, str(found)
    formula = Statement.parse(statement).formula
    assert found.relative == (not is_monomial(formula) and not statement.startswith("Limit"))
    if found.relative:
        assert [e.claimed for e in found.exponents] == [0, 0]


def drawn(truth: Any, *, sizes: tuple[int, ...] = (10, 20, 40, 80, 160), names: str = "nk", sd: float = 0.02) -> Any:
    rng = np.random.default_rng(7)
    cells = np.array(list(itertools.product(sizes, repeat=len(names))), dtype=float)
    samples = [truth(*cell) * np.exp(sd * rng.standard_normal(10)) for cell in cells]
    return {name: cells[:, i] for i, name in enumerate(names)}, samples


TRUTHS: list[tuple[str, Any, str, set[Verdict]]] = [
    ("other constants", lambda n, k: 1 / n + 4 / k, "Theta(1/n + 1/k)", {PASS, OPEN}),
    ("constants far apart", lambda n, k: 1 / n + 20 / k, "Theta(1/n + 1/k)", {PASS, OPEN}),
    ("a harmonic mean for a min", lambda n, k: n * k / (n + k), "Theta(min(n, k))", {PASS}),
    ("a norm for a max", lambda n, k: np.hypot(n, k), "Theta(max(n, k))", {PASS, OPEN}),
    ("a max for a sum", lambda n, k: 3 * max(n, k), "Theta(n + k)", {PASS}),
    ("a factor in front", lambda n, k: n**2 + n * k, "Theta(n*(n + k))", {PASS}),
    ("under a root", lambda n, k: np.sqrt(n + k), "Theta(sqrt(n + k))", {PASS}),
    ("a wrong root", lambda n, k: n + k, "Theta(sqrt(n + k))", {FAIL, OPEN}),
    ("one term alone", lambda n, k: 1 / n, "Theta(1/n + 1/k)", {FAIL, OPEN}),
    ("one term alone, above", lambda n, k: 1 / n, "O(1/n + 1/k)", {PASS, OPEN}),
    ("a product for a sum", lambda n, k: n * k, "Theta(n + k)", {FAIL, OPEN}),
    ("a correction that decays", lambda n, k: (1 / n + 1 / k) * (1 + 2 / n), "Theta(1/n + 1/k)", {PASS, OPEN}),
]


@pytest.mark.parametrize(("truth", "statement", "verdicts"), [t[1:] for t in TRUTHS], ids=[t[0] for t in TRUTHS])
def test_other_truths(truth: Any, statement: str, verdicts: set[Verdict]) -> None:
    sizes, samples = drawn(truth)
    found = judge(sizes, samples, statement)
    assert found.verdict in verdicts, str(found)
    assert found.relative


def test_three_sizes() -> None:
    sizes, samples = drawn(lambda n, d, k: 1 / n + 1 / d + 1 / k, names="ndk")
    found = judge(sizes, samples, "Theta(1/n + 1/d + 1/k)")
    assert (found.verdict, [e.variable for e in found.exponents]) == (PASS, ["n", "d", "k"])
    assert judge(sizes, samples, "Theta(1/n + 1/d)").verdict is not PASS


def test_the_words_say_what_was_judged() -> None:
    found = judge(TABLE, statement="Theta(1/n + 1/k)")
    assert "the exponent of measured/formula in n is in" in found.reason
    assert "within 0.1 of 0; the exponent of measured/formula in k" in found.reason
    lines = judgement_lines(found)
    assert "slope of measured/formula" in lines[0]
    assert [line.split(":")[0] for line in lines[2:4]] == [
        "  exponent of measured/formula in n", "  exponent of measured/formula in k",
    ]  # fmt: skip
    ran = CliRunner().invoke(main, ["judge", str(TABLE), "--statement", "O(1/min(n, k))", "--json"])
    assert json.loads(ran.stdout)["relative"] is True
    assert "of measured/formula in" not in judge(TABLE, statement="Theta(1/n)").reason


@pytest.mark.parametrize(
    ("statement", "claimed"), [("Theta(sqrt(n/k))", (0.5, -0.5)), ("O(n*log(n)/k)", None), ("Theta(1)", (0.0, 0.0))]
)
def test_monomials_keep_their_exponents(statement: str, claimed: tuple[float, float] | None) -> None:
    sizes, samples = drawn(lambda n, k: np.sqrt(n / k))
    found: Judgement = judge(sizes, samples, statement)
    assert not found.relative
    assert judgement_dict(found)["relative"] is False
    if claimed is not None:
        assert [e.estimate for e in found.exponents] == pytest.approx([0.5, -0.5], abs=0.02)
        assert tuple(e.claimed for e in found.exponents) == pytest.approx(claimed)


def test_along_one_size_nothing_changes() -> None:
    n = np.array([10, 20, 40, 80, 160, 320])
    rng = np.random.default_rng(1)
    samples = [(1 / m + 1 / (2 * m)) * np.exp(0.02 * rng.standard_normal(10)) for m in n]
    found = judge({"n": n, "k": 2 * n}, samples, "Theta(1/n + 1/k)")
    assert (found.verdict, found.relative) == (PASS, False)
    assert found.claimed == pytest.approx(-1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n*k", True), ("sqrt(n/k)", True), ("n*log(n*k)/k", True), ("(n**2 + n)/k", True), ("3", True),
        ("n*k + n", True), ("n + k", False), ("min(n, k)", False), ("sqrt(n + k)/n", False), ("n**2 + n*k", False),
        ("2**n*k", True), ("exp(n/k)", False),
    ],
)  # fmt: skip
def test_what_a_monomial_is(text: str, expected: bool) -> None:
    assert is_monomial(Statement.parse(f"Theta({text})").formula) is expected


def test_what_is_left_open_is_first_order_in_the_constants() -> None:
    """Shares are the derivatives of log(c/n + d/k) in log c, by differences."""
    cells = {"n": np.array([10.0, 10, 40, 160]), "k": np.array([10.0, 80, 20, 10])}
    formula = Statement.parse("Theta(1/n + 1/k)").formula
    found = open_columns(formula, cells)
    assert found is not None

    def value(c: float) -> Any:
        return np.log(c / cells["n"] + 1 / cells["k"])

    slope = (value(1 + 1e-6) - value(1 - 1e-6)) / 2e-6
    near = np.minimum(np.abs(found[:, 0] - slope), np.abs(found[:, 0] - (1 - slope)))
    np.testing.assert_allclose(near, 0, atol=1e-8)
    largest = np.maximum(1 / cells["n"], 1 / cells["k"])
    np.testing.assert_allclose(found[:, 1], value(1) - np.log(largest), atol=1e-12)
    assert open_columns(sympy.sympify("3"), cells) is None
