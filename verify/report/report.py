"""Report: the judgements of a run with their provenance; everything a reader sees derives from it."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import msgspec
import pandas as pd

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Control, Law
from bigtheta.verify.report.facts import (
    ControlFacts,
    LawFacts,
    MutantFacts,
    Solves,
    control_facts,
    facts_of,
    mutant_facts,
    solves,
)
from bigtheta.verify.report.files import staged, unwritable
from bigtheta.verify.report.kept import KeptLaw, law_table
from bigtheta.verify.report.sheet import frame_csv
from bigtheta.verify.sharpness import Mutant, is_discriminating
from bigtheta.verify.verdict import Judgement, Verdict, exit_code, finite, judgement_dict, overall

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Entry", "Report", "make_folder"]

SCHEMA = 1


@dataclass(frozen=True)
class Entry:
    """One judgement: a law with an activation, or one of its negative controls.

    In a report that was read back, control and sharpness are what report.json says of them, and there are no trials.

    Attributes:
        about: the law, or in a report that was read back what report.json says of it in words.
        kept: in a report that was read back, the law as report.json keeps it.
    """

    about: Law | LawFacts
    activation: str
    judgement: Judgement
    control: Control | ControlFacts | None = None
    trials: pd.DataFrame | None = field(default=None, repr=False, compare=False)
    sharpness: tuple[Mutant | MutantFacts, ...] = ()
    copy: int = 1
    """2, 3, ... in a report that has an entry of the same slug before it."""
    solved: Solves | None = field(default=None, repr=False, compare=False)
    """How well the fits were solved, where there are no trials to say."""
    kept: KeptLaw = field(default=KeptLaw(None), repr=False, compare=False)

    @property
    def law(self) -> Law:
        """The law that was judged, in a report that was read back too.

        Raises:
            InvalidInputError: if the report is of a version that kept no laws, or the law cannot be read here, as
                without the plugin of its model; `facts` is there all the same.
        """
        return self.about if isinstance(self.about, Law) else self.kept.law

    @cached_property
    def facts(self) -> LawFacts:
        """What a report says of the law."""
        return self.about if isinstance(self.about, LawFacts) else facts_of(self.about)

    @cached_property
    def negative(self) -> ControlFacts | None:
        """What a report says of the control."""
        return control_facts(self.control) if isinstance(self.control, Control) else self.control

    @cached_property
    def mutants(self) -> tuple[MutantFacts, ...]:
        """What a report says of other claims on the same data."""
        return tuple(m if isinstance(m, MutantFacts) else mutant_facts(m) for m in self.sharpness if m.verdict)

    @cached_property
    def fits(self) -> Solves | None:
        """How well the fits were solved."""
        return self.solved if self.trials is None else solves(self.trials)

    @cached_property
    def svg(self) -> str:
        """The figure, drawn once for the page and its own file."""
        from bigtheta.verify.report.figure import figure_svg

        return figure_svg(self)

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
            self.facts.id,
            self.activation,
            *(["control", self.judgement.statement] if self.control else []),
        ]
        text = "-".join(parts)
        plain = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in text).split())[:110]
        # Formulas and statements differ in signs that a file name cannot hold.
        number = crc32(text.encode("utf-8", "replace"))
        told = text.isascii() and self.activation.isidentifier() and not self.control
        name = plain if told else f"{plain or 'law'}-{number:08x}"
        return name if self.copy == 1 else f"{name}--{self.copy}"


@dataclass(frozen=True)
class Report:
    """The outcome of a run.

    Attributes:
        entries: laws and controls, in the order they were judged.
        provenance: versions, seed, device, trials, wall_s, commit, plugins; of a run that was interrupted also
            partial, {"done": trials done, "total": trials asked for}.
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
        return [other for other in self.entries if other.control is not None and other.about is entry.about]

    @property
    def frame(self) -> pd.DataFrame:
        """One row a judgement: law, activation, statement, verdict, estimate, low, high, claimed, control, reason."""
        rows = [
            {
                "law": e.facts.id, "activation": e.activation, "statement": e.judgement.statement,
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
            e.trials.assign(law=e.facts.id, control=e.control is not None) for e in self.entries if e.trials is not None
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

    @staticmethod
    def from_dict(content: dict[str, Any]) -> Report:
        """Rebuild a report from what report.json holds; every figure and page comes out as before, trials are gone.

        Raises:
            InvalidInputError: if it is no report of this schema, naming the field.

        >>> about = {"versions": {}, "seed": 0, "wall_s": 1.0}
        >>> Report.from_dict({"schema": 1, "verdict": "NOT-RUN", "judgements": [], "provenance": about}).exit_code
        3
        """
        from bigtheta.verify.report.read import report_from_dict

        return report_from_dict(content)

    def to_html(self) -> str:
        """Return the report as one self-contained page."""
        from bigtheta.verify.report.html import render

        return render(self)

    def to_markdown(self) -> str:
        """Return the report as a Markdown table with verdict, statement, measured and reason."""
        from bigtheta.verify.report.markdown import render

        return render(self)

    def to_latex(self, figures: str = "figures") -> str:
        r"""Return the report as LaTeX for \input: a booktabs table, and the figures as `figures`/SLUG.pdf.

        It needs the packages booktabs and graphicx. `bigtheta report DIR --format tex` writes the figures too.
        """
        from bigtheta.verify.report.latex import render

        return render(self, figures)

    def to_junit(self) -> str:
        """Return the report as JUnit XML, a test case for each law and activation and for each control."""
        from bigtheta.verify.report.junit import render

        return render(self)

    def to_csv(self) -> str:
        """Return the report as CSV, a row a judgement; text that a spreadsheet would run is quoted with '."""
        from bigtheta.verify.report.table import render

        return render(self)

    def plot(self, law: Law | str | None = None, activation: str | None = None, ax: Any = None) -> Axes:
        """Draw the log-log figure of one judgement into matplotlib axes and return them.

        Args:
            law: a law or its name; the first one judged if None.
            activation: the first one judged if None.
            ax: matplotlib axes; new ones if None.

        Raises:
            InvalidInputError: if there is no such judgement, or it has no cells.
        """
        from bigtheta.verify.report.figure import draw

        name = law.id if isinstance(law, Law) else law
        found = [
            e for e in self.entries
            if e.control is None and e.judgement.cells and activation in (None, e.activation)
            and name in (None, e.facts.id, e.facts.id.rpartition("/")[2])
        ]  # fmt: skip
        if not found:
            known = ", ".join(f"{e.facts.id} {e.activation}" for e in self.entries if e.control is None) or "none"
            asked = f"law={name!r}, activation={activation!r}"
            raise InvalidInputError(f"plot: expected a judgement with cells but got {asked}; judged: {known}")
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots()[1]
        axes: Axes = draw(found[0], ax)
        return axes

    def _repr_html_(self) -> str:
        from bigtheta.verify.report.html import render_summary

        return render_summary(self)

    def write(self, folder: str | Path) -> Path:
        """Write report.html, report.json, trials.csv and figures/*.svg; return the folder.

        All are put in place when all are complete: after an error the report that was there is still there, whole.

        Raises:
            InvalidInputError: if the folder cannot be written.
        """
        target = make_folder(folder)
        try:
            with staged(target) as writing:
                (writing / "figures").mkdir()
                (writing / "report.json").write_text(self.to_json(), encoding="utf-8")
                (writing / "trials.csv").write_text(frame_csv(self.trials), encoding="utf-8")
                for entry in self.entries:
                    if entry.judgement.cells:
                        (writing / "figures" / f"{entry.slug}.svg").write_text(entry.svg, encoding="utf-8")
                (writing / "report.html").write_text(self.to_html(), encoding="utf-8")
        except OSError as error:
            raise unwritable("the report", target, error) from error
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
        raise unwritable("the report", target, error) from error
    if not os.access(target, os.W_OK):
        raise unwritable("the report", target, PermissionError(13, "Permission denied"))
    return target


def _judgement(entry: Entry) -> dict[str, Any]:
    sharp = [
        {
            "statement": m.statement.text, "latex": m.statement.latex, "change": m.change, "wrong": m.wrong,
            "verdict": m.verdict.value if m.verdict else None,
        }
        for m in entry.mutants
    ]  # fmt: skip
    facts, negative = entry.facts, entry.negative
    return {
        "law": facts.id,
        "paper": facts.paper or None,
        "activation": entry.activation,
        **judgement_dict(entry.judgement),
        "fits": msgspec.to_builtins(entry.fits),
        "sharpness": sharp,
        "discriminating": is_discriminating(entry.mutants) if sharp else None,
        "control": negative is not None,
        "because": negative.because if negative else None,
        "changes": None
        if negative is None
        else {"activation": negative.activation, "statement": msgspec.to_builtins(negative.statement)},
        "about": msgspec.to_builtins(facts),
        "spec": law_table(entry.about) if isinstance(entry.about, Law) else entry.kept.table,
    }
