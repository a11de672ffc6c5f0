"""Figures of one-sided claims, and what a figure leaves alone in axes of someone else's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from bigtheta.theory.law import Law
from bigtheta.verify.judge import judge
from bigtheta.verify.report.figure import CLAIM, draw, figure_svg
from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.report.words import judgement_lines

LawOf = Callable[..., Law]
N = [20, 35, 60, 110, 190, 320]


def entry(tiny: LawOf, statement: str, truth: Callable[[float], float]) -> Entry:
    rng = np.random.default_rng(3)
    samples = [truth(float(n)) * rng.lognormal(0, 0.1, 16) for n in N]
    return Entry(tiny(statement=statement), "relu", judge({"n": N}, samples, statement))


@pytest.fixture
def axes() -> Any:
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def claimed_line(ax: Any) -> Any:
    (line,) = [line for line in ax.get_lines() if line.get_linestyle() == "--"]
    return line


CASES = [
    ("Omega(1/sqrt(n))", lambda n: n**-0.3, "slope >= -1/2"),
    ("Omega(1/sqrt(n))", lambda n: n**-0.5 * (1 + 2 / n**0.5), "slope >= -1/2"),
    ("Omega(1)", lambda n: n**0.5, "slope >= 0"),
    ("Omega(n)", lambda n: n**0.5, "slope >= 1"),
    ("Omega(n^(1/6))", lambda n: n ** (1 / 6), "slope >= 1/6"),
    ("Omega(n^0.3)", lambda n: n**0.3, "slope >= 3/10"),
    ("Omega(sqrt(n)*log(n))", lambda n: n**0.5 * np.log(n), "a >= 1/2 in n^a*log(n)"),
    ("O(n)", lambda n: n**0.8, "slope <= 1"),
    ("O(1)", lambda n: n**0.3, "slope <= 0"),
    ("O(n^(-2/3))", lambda n: n**-0.9, "slope <= -2/3"),
    ("O~(sqrt(n))", lambda n: n**0.5, "a <= 1/2 in n^a up to powers of log(n)"),
]


@pytest.mark.parametrize(("statement", "truth", "label"), CASES, ids=[f"{case[0]}" for case in CASES])
def test_the_line_of_a_one_sided_claim_touches_the_cells_from_its_side(
    tiny: LawOf, axes: Any, statement: str, truth: Callable[[float], float], label: str
) -> None:
    shown = entry(tiny, statement, truth)
    draw(shown, axes)
    line = claimed_line(axes)
    cells = np.array([cell.geomean for cell in shown.judgement.cells])
    gaps = np.log(cells / line.get_ydata())
    gaps = gaps if statement.startswith("Omega") else -gaps
    assert gaps.min() == pytest.approx(0, abs=1e-9), "it touches a cell"
    assert (gaps > -1e-9).all(), "and no cell is on the other side"
    formula = np.array([cell.predicted for cell in shown.judgement.cells])
    assert np.ptp(np.log(line.get_ydata() / formula)) < 1e-9, "it is the formula times a constant"
    assert line.get_label().replace("\n", " ").endswith(f": {label}")


@pytest.mark.parametrize(("statement", "truth", "label"), CASES, ids=[f"{case[0]}" for case in CASES])
def test_the_allowed_side_is_shaded(
    tiny: LawOf, axes: Any, statement: str, truth: Callable[[float], float], label: str
) -> None:
    draw(entry(tiny, statement, truth), axes)
    (shade,) = [c for c in axes.collections if c.get_label() == "allowed"]
    corners = shade.get_paths()[0].vertices
    line = claimed_line(axes).get_ydata()
    if statement.startswith("Omega"):
        assert corners[:, 1].min() == pytest.approx(line.min())
        assert corners[:, 1].max() > axes.get_ylim()[1]
    else:
        assert corners[:, 1].max() == pytest.approx(line.max())
        assert corners[:, 1].min() < axes.get_ylim()[0]
    low, high = axes.get_ylim()
    assert high / low < 1e3, "the axes do not follow the shading"
    assert np.allclose(shade.get_facecolor()[0][:3], plt.matplotlib.colors.to_rgb(CLAIM))


@pytest.mark.parametrize("statement", ["Theta(sqrt(n))", "Limit(sqrt(n))", "Theta(sqrt(n)*log(n))"])
def test_other_claims_are_drawn_as_they_were(tiny: LawOf, axes: Any, statement: str) -> None:
    shown = entry(tiny, statement, lambda n: n**0.5)
    draw(shown, axes)
    line = claimed_line(axes)
    assert line.get_label() == f"claimed {shown.judgement.statement}"
    assert line.get_ydata() == pytest.approx([cell.predicted for cell in shown.judgement.cells])
    assert not [c for c in axes.collections if c.get_label() == "allowed"]


def test_the_page_shows_it(tiny: LawOf) -> None:
    text = figure_svg(entry(tiny, "Omega(1/sqrt(n))", lambda n: n**-0.3))
    assert "slope &gt;= -1/2" in text
    assert ">allowed<" in text


def report_of(shown: Entry) -> Report:
    return Report((shown,), {"versions": {}, "wall_s": 1.0})


def test_axes_of_someone_else_keep_their_labels_and_their_mathematics(tiny: LawOf, axes: Any) -> None:
    axes.set_xlabel("width $k$")
    axes.set_ylabel(r"$\|f\|$")
    report_of(entry(tiny, "Theta(sqrt(n))", lambda n: n**0.5)).plot(ax=axes)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("width $k$", r"$\|f\|$")
    axes.set_title("a $\\beta$")
    texts = [axes.xaxis.label, axes.yaxis.label, axes.title, *axes.get_legend().get_texts(), *axes.get_xticklabels()]
    assert all(text.get_parse_math() for text in texts), "what is written there later is read as ever"


def test_labels_that_are_not_there_are_written_and_read_as_text(tiny: LawOf, axes: Any) -> None:
    law = tiny(path={"d": "2*n"})
    j = entry(tiny, "Theta(sqrt(n))", lambda n: n**0.5).judgement
    report_of(Entry(law, "relu", j)).plot(ax=axes)
    assert axes.get_xlabel() == "n   (d = 2*n)"
    axes.set_xlabel("$n$")
    assert axes.xaxis.label.get_parse_math()
    assert plt.rcParams["text.parse_math"]


@pytest.mark.parametrize(("statement", "truth"), [case[:2] for case in CASES], ids=[case[0] for case in CASES])
def test_tables_and_words_hold_a_bound_on_the_side_that_it_allows(
    tiny: LawOf, statement: str, truth: Callable[[float], float]
) -> None:
    """Tables printed the line anchored at the largest size, above the cells that an Omega claim bounds from below."""
    one = entry(tiny, statement, truth)
    j = one.judgement
    sign = 1 if statement.startswith("Omega") else -1
    html = Report((one,), {"versions": {}, "seed": 0}).to_html()
    table = html[html.index("claimed bound, where it touches") :]
    rows = [re.findall(r"<td>([^<]*)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", table.split("</table>")[0])]
    rows = [row for row in rows if row]
    assert len(rows) == len(N)
    gaps = [sign * (float(row[3]) / float(row[5]) - 1) for row in rows]
    assert min(gaps) == pytest.approx(0, abs=2e-3)
    held = float(re.search(r"constant (\S+) holds in every cell", "\n".join(judgement_lines(j)))[1])  # type: ignore[index]
    assert held == pytest.approx(min(j.ratio_range) if sign > 0 else max(j.ratio_range), rel=5e-3)  # type: ignore[arg-type]
