"""Report: the judgements of a run with their provenance; everything a reader sees derives from it."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Control, Law
from bigtheta.verify.sharpness import Mutant, is_discriminating
from bigtheta.verify.verdict import Judgement, Verdict, exit_code, finite, judgement_dict, overall

__all__ = ["Entry", "Report", "make_folder"]

SCHEMA = 1


@dataclass(frozen=True)
class Entry:
    """One judgement: a law with an activation, or one of its negative controls."""

    law: Law
    activation: str
    judgement: Judgement
    control: Control | None = None
    trials: pd.DataFrame | None = field(default=None, repr=False, compare=False)
    sharpness: tuple[Mutant, ...] = ()
    copy: int = 1
    """2, 3, ... in a report that has an entry of the same slug before it."""

    @property
    def verdict(self) -> Verdict:
        """The verdict of the judgement itself; a good control FAILs."""
        return self.judgement.verdict

    @property
    def outcome(self) -> Verdict:
        """What the entry adds to the run: a control that FAILs is as it must be, one that PASSes fails the run."""
        if self.control is None:
            return self.verdict
        return {Verdict.FAIL: Verdict.PASS, Verdict.PASS: Verdict.FAIL}.get(self.verdict, self.verdict)

    @property
    def slug(self) -> str:
        """A file name, unique in the report: letters, digits and dashes only.

        Of paper, name and activation, and for a control of its statement; two dashes and a number tell copies apart.
        """
        parts = [
            self.law.id,
            self.activation,
            *(["control", self.judgement.statement] if self.control else []),
        ]
        text = "-".join(parts)
        plain = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in text).split())[:110]
        # Formulas and statements differ in signs that a file name cannot hold.
        name = plain if self.activation.isidentifier() and not self.control else f"{plain}-{crc32(text.encode()):08x}"
        return name if self.copy == 1 else f"{name}--{self.copy}"


@dataclass(frozen=True)
class Report:
    """The outcome of a run.

    Attributes:
        entries: laws and controls, in the order they were judged.
        provenance: versions, seed, device, trials, wall_s, commit, plugins.
    """

    entries: tuple[Entry, ...]
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        """Tell entries of the same slug apart, such as those of laws that differ in punctuation alone."""
        count: Counter[str] = Counter()
        told_apart = []
        for entry in self.entries:
            base = replace(entry, copy=1)
            key = base.slug.lower()  # on some disks a.svg and A.svg are one file
            count[key] += 1
            told_apart.append(entry if entry.copy == count[key] else replace(entry, copy=count[key]))
        object.__setattr__(self, "entries", tuple(told_apart))

    @property
    def verdict(self) -> Verdict:
        """The verdict of the whole run, controls included."""
        laws = [entry.outcome for entry in self.entries if entry.control is None]
        controls = [entry.outcome for entry in self.entries if entry.control is not None]
        return overall([*laws, *(outcome for outcome in controls if outcome is not Verdict.PASS)])

    @property
    def exit_code(self) -> int:
        """0 all PASS, 1 some FAIL, 3 no FAIL but some INCONCLUSIVE (or nothing judged), 4 an ERROR."""
        return exit_code(self.verdict)

    @property
    def counts(self) -> Counter[Verdict]:
        """Verdicts of the laws, controls not counted."""
        return Counter(entry.verdict for entry in self.entries if entry.control is None)

    def controls_of(self, entry: Entry) -> list[Entry]:
        """Return the controls of the law that an entry judges."""
        return [other for other in self.entries if other.control is not None and other.law is entry.law]

    @property
    def frame(self) -> pd.DataFrame:
        """One row a judgement: law, activation, statement, verdict, estimate, low, high, claimed, control, reason."""
        rows = [
            {
                "law": e.law.id, "activation": e.activation, "statement": e.judgement.statement,
                "verdict": e.verdict.value, "estimate": e.judgement.estimate, "low": e.judgement.low,
                "high": e.judgement.high, "claimed": e.judgement.claimed, "control": e.control is not None,
                "reason": e.judgement.reason,
            }
            for e in self.entries
        ]  # fmt: skip
        return pd.DataFrame(rows)

    @property
    def trials(self) -> pd.DataFrame:
        """Every trial, a row each, with the law it was simulated for."""
        frames = [
            e.trials.assign(law=e.law.id, control=e.control is not None) for e in self.entries if e.trials is not None
        ]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    def to_dict(self) -> dict[str, Any]:
        """Return what report.json holds; NaN and infinity become null."""
        content = {
            "schema": SCHEMA,
            "verdict": self.verdict.value,
            "judgements": [_judgement(entry) for entry in self.entries],
            "provenance": self.provenance,
        }
        return finite(content)  # type: ignore[no-any-return]

    def to_json(self) -> str:
        """Return report.json."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def to_html(self) -> str:
        """Return the report as one self-contained page."""
        from bigtheta.verify.report.html import render

        return render(self)

    def _repr_html_(self) -> str:
        from bigtheta.verify.report.html import render_summary

        return render_summary(self)

    def write(self, folder: str | Path) -> Path:
        """Write report.html, report.json, trials.csv and figures/*.svg; return the folder.

        Raises:
            InvalidInputError: if the folder cannot be written.
        """
        from bigtheta.verify.report.figure import figure_svg

        target = make_folder(folder)
        try:
            (target / "report.json").write_text(self.to_json(), encoding="utf-8")
            self.trials.to_csv(target / "trials.csv", index=False)
            for entry in self.entries:
                if entry.judgement.cells:
                    (target / "figures" / f"{entry.slug}.svg").write_text(figure_svg(entry), encoding="utf-8")
            (target / "report.html").write_text(self.to_html(), encoding="utf-8")
        except OSError as error:
            raise _unwritable(target, error) from error
        return target


def make_folder(folder: str | Path, *, figures: bool = True) -> Path:
    """Return the folder for results, made with its figures folder; called before a run, so that no work is lost.

    Raises:
        InvalidInputError: if it cannot be made or written to.
    """
    target = Path(folder)
    try:
        (target / "figures" if figures else target).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(target, error) from error
    if not os.access(target, os.W_OK):
        raise _unwritable(target, PermissionError(13, "Permission denied"))
    return target


def _unwritable(target: Path, error: OSError) -> InvalidInputError:
    return InvalidInputError(
        f"out: cannot write the report to {str(target)!r}: {error.strerror or error}; name a folder you may write to"
    )


def _judgement(entry: Entry) -> dict[str, Any]:
    fits = None
    if entry.trials is not None:
        fits = {
            "status": {str(k): int(v) for k, v in sorted(entry.trials["status"].value_counts().items())},
            "largest_residual": float(entry.trials["residual"].max()),
            "largest_condition": float(entry.trials["condition"].max()),
        }
    sharp = [
        {"statement": str(m.statement), "change": m.change, "wrong": m.wrong, "verdict": m.verdict.value}
        for m in entry.sharpness
        if m.verdict is not None
    ]
    return {
        "law": entry.law.id,
        "paper": entry.law.paper.id if entry.law.paper else None,
        "activation": entry.activation,
        **judgement_dict(entry.judgement),
        "fits": fits,
        "sharpness": sharp,
        "discriminating": is_discriminating(entry.sharpness) if sharp else None,
        "control": entry.control is not None,
        "because": entry.control.because if entry.control else None,
    }
