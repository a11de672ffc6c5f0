"""The shipped laws, in one place: what a law claims, and where, does not change unnoticed.

Whether a law is true is for the simulations to say; this sees a misprint in a size, a bound or a hypothesis that they
would still pass. `python tests/theory/test_theory_shipped.py` writes shipped_laws.txt anew; the change belongs into
CHANGELOG.md too.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bigtheta
from bigtheta.theory.law import Law

RECORD = Path(__file__).with_name("shipped_laws.txt")
FIELDS = (
    "model", "quantity", "inputs", "labels", "statement", "path", "sizes", "activations", "hypotheses", "margin",
    "limit", "effort",
)  # fmt: skip


def record(law: Law) -> str:
    """A paragraph: all that decides what is simulated and judged, and the controls."""
    lines = [law.id, *(f"  {name} = {getattr(law, name)}" for name in FIELDS)]
    lines += [f"  control {control.activation or ''} {control.statement or ''}".rstrip() for control in law.controls]
    return "\n".join(lines) + "\n"


def test_the_shipped_laws_are_the_recorded_ones() -> None:
    known = RECORD.read_text(encoding="utf-8").split("\n\n")
    for law, text in zip(bigtheta.laws(), known, strict=True):
        assert record(law).strip() == text.strip(), (
            f"{law.id} has changed: if that is meant, run `python tests/theory/test_theory_shipped.py` and add a line "
            "to CHANGELOG.md"
        )


def test_a_change_is_seen() -> None:
    law = bigtheta.law("bombari2023/ntk-even")
    other = bigtheta.law("dohmatob2021/rf-kernel")
    for changed in (
        replace(law, margin=0.11), replace(law, effort=2), replace(law, sizes=other.sizes),
        replace(law, statement=other.statement), replace(law, controls=()), replace(law, hypotheses=law.hypotheses[1:]),
    ):  # fmt: skip
        assert record(changed) != record(law)


if __name__ == "__main__":
    RECORD.write_text("\n".join(record(law) for law in bigtheta.laws()), encoding="utf-8")
