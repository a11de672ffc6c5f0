"""The first cell: whether a verdict hangs on the smallest sizes alone, where a measurement is least often the law yet.

A warm-up, a constant cost, a size below what the law is about: one cell of several is off, and as the first of a line
it has the longest lever. So after a FAIL the others are judged by the same rule; where they do not speak against the
claim, or a PASS turns into its opposite, the verdict is INCONCLUSIVE, and that without the cell is told beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bigtheta.verify.cells import FEWEST_SIZES, MIN_DECADES, MIN_SIZES, Cells
from bigtheta.verify.ruling import Inquiry, Ruling, ruling
from bigtheta.verify.verdict import Doubt, Verdict, WithoutFirst

__all__ = ["FirstCell", "first_cell", "too_little_range"]

SILENT = 0.05
"""p-value of the claim from which on the other cells do not speak against it."""
KEPT = 0.5
"""Share of the deviation that the other cells must show for it to be theirs too. Fewer cells always say less: a FAIL
that is only less sure without the first cell, at the same place, is a FAIL of all of them."""


@dataclass(frozen=True)
class FirstCell:
    """What the first cell does.

    Attributes:
        doubt: FIRST_CELL if the verdict hangs on it.
        told: the judgement without it, where it is another; with `words`.
        p_value: of the claim without it, if the verdict hangs on it.
    """

    doubt: Doubt | None = None
    told: WithoutFirst | None = None
    words: str = ""
    p_value: float | None = None


def first_cell(asked: Inquiry, found: Ruling) -> FirstCell:
    """Judge without the first cell where that may matter: after a FAIL, and where the cells do not fit together."""
    if len(asked.data.size) <= FEWEST_SIZES or not (found.verdict is Verdict.FAIL or found.fit.effects > 0):
        return FirstCell()
    rest = asked.without(0)
    design = np.column_stack([np.log(rest.data.size), np.ones(len(rest.data.size))])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return FirstCell()
    other = ruling(rest)
    verdict = other.verdict
    if verdict is Verdict.PASS and too_little_range(rest.data):
        verdict = Verdict.INCONCLUSIVE
    silent = verdict is not Verdict.FAIL and _gone(found, other)
    hangs = {Verdict.FAIL: silent, Verdict.PASS: verdict is Verdict.FAIL}.get(found.verdict, False)
    if not hangs and (verdict is found.verdict or verdict is Verdict.INCONCLUSIVE):
        return FirstCell()
    q = other.quantiles[other.worst]
    shift = rest.shift if rest.claimed is None else rest.claimed[other.worst]
    numbers = [rest.scale * (shift + q[level]) for level in (0.5, 0.025, 0.975)]
    told = WithoutFirst(asked.data.sizes[0], verdict, *numbers)
    words = rest.words(other.worst, q)
    tail = rest.rule.fail_tail if verdict is Verdict.FAIL else 0.05
    where = asked.data.where(0)
    head = f", but that hangs on the first cell: without {where}" if hangs else f"; without the first cell, {where},"
    return FirstCell(
        Doubt.FIRST_CELL if hangs else None, told,
        f"{head} {words.what} is in {words.span(tail, 1 - tail)} ({100 * (1 - 2 * tail):.3g}%), {verdict.value}",
        other.p_value if hangs else None,
    )  # fmt: skip


def _gone(found: Ruling, other: Ruling) -> bool:
    """Whether the deviation that was found is not seen in the other cells."""
    before, after = (abs(r.quantiles[found.worst][0.5]) for r in (found, other))
    elsewhere = found.diverging is not None or after < KEPT * before
    return elsewhere and (other.verdict is Verdict.PASS or other.p_value >= SILENT)


def too_little_range(data: Cells) -> str | None:
    """Return why these sizes never PASS, if so, and what to do."""
    for column, name in enumerate(data.variables):
        values = data.size[:, column]
        if (count := data.distinct(column)) < MIN_SIZES:
            of = f" of {name}" if len(data.variables) > 1 else ""
            return f"fewer than {MIN_SIZES} sizes{of} never PASS (here {count}): add sizes"
        if data.decades(column) < MIN_DECADES - 1e-9:
            span = f"{values.min():g} to {values.max():g}"
            return f"{name} = {span} is less than one decade, which never PASSes: widen the range"
    return None
