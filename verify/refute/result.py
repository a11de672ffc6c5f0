"""What a search for counterexamples found: every candidate, every confirmation, and the counterexample."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bigtheta.theory.law import Law, hypothesis_text
from bigtheta.theory.spec_text import spec_text
from bigtheta.verify.refute.axes import Axis
from bigtheta.verify.refute.screen import Outcome, Screened
from bigtheta.verify.report.files import staged, unwritable
from bigtheta.verify.report.report import Report, make_folder
from bigtheta.verify.verdict import Judgement, Verdict, finite, judgement_dict

__all__ = ["SPEC", "Attempt", "Refutation"]

SCHEMA = 1
SPEC = "counterexample.toml"
AGREEMENT = "a limit that is 5% off would agree with probability at most 5%, over all confirmations"


@dataclass(frozen=True)
class Attempt:
    """One confirmation: a case judged on trials that nothing before has seen.

    Attributes:
        found: the case, as it was shrunk.
        seed: of the trials.
        level: the p-value below which a FAIL counts.
        judgement: on these trials.
        confirmed: whether the law is broken.
        report: of the run.
    """

    found: Screened
    seed: int
    level: float
    judgement: Judgement
    confirmed: bool
    report: Report = field(repr=False)

    @property
    def law(self) -> Law:
        """The law that was judged."""
        return self.found.law or self.found.candidate.law

    @property
    def heading(self) -> str:
        """The first lines of the spec file."""
        origin = self.found.candidate.origin
        return (
            f"A counterexample to {origin.id}, {origin.statement}: {self.found.candidate.words}.\n"
            f"{self.judgement.reason}\nJudge it: bigtheta check {SPEC}"
        )


@dataclass(frozen=True)
class Refutation:
    """The outcome of a search.

    Attributes:
        law: the law that was searched.
        axes: what was varied.
        tried: every candidate, in the order it was looked at.
        unmade: why combinations could not be measured.
        attempts: the confirmations, at most `most`.
        level: the error rate over all confirmations.
        seeds: of the search, of shrinking, and of each confirmation.
    """

    law: Law
    axes: tuple[Axis, ...]
    tried: tuple[Screened, ...]
    unmade: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    most: int
    level: float
    budget: float
    seed: int
    seeds: dict[str, int]
    wall_s: float
    ended: str

    @property
    def counterexample(self) -> Attempt | None:
        """The confirmed case, or None."""
        return next((attempt for attempt in self.attempts if attempt.confirmed), None)

    @property
    def exit_code(self) -> int:
        """1 if a counterexample was found, 0 if none."""
        return int(self.counterexample is not None)

    @property
    def counts(self) -> Counter[Outcome]:
        """How many candidates had which outcome."""
        return Counter(found.outcome for found in self.tried)

    @property
    def power(self) -> float | None:
        """The median, over what was simulated, of the deviation at which a wrong claim would have FAILed the screen."""
        powers = [
            found.judgement.power
            for found in self.tried
            if found.judgement is not None and found.judgement.bridge is None and found.judgement.power is not None
        ]
        return statistics.median(powers) if powers else None

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Return the result in words, a line each."""
        return list(self._lines())

    def _lines(self) -> Iterator[str]:
        found = self.counterexample
        if found is not None:
            yield from self._found(found)
        else:
            yield f"no counterexample found to {self.law.id}  {self.law.statement}"
        yield from self._searched()
        if found is None:
            yield "That none was found is evidence at the sizes and candidates named, and no proof."

    def _found(self, attempt: Attempt) -> Iterator[str]:
        law, j = attempt.law, attempt.judgement
        sizes = ", ".join(map(str, law.sizes.values))
        yield f"COUNTEREXAMPLE to {self.law.id}  {self.law.statement}"
        yield f"  {attempt.found.candidate.words}"
        yield (
            f"  activation {attempt.found.candidate.activation.name}; path {law.path}; "
            f"{law.sizes.variable} = {sizes}; inputs {law.inputs.words}; {law.labels.words}"
        )
        yield f"  {j.reason}"
        number = self.attempts.index(attempt) + 1
        if j.bridge is None:
            p = "below 1e-12" if j.p_value is not None and j.p_value < 1e-12 else f"{j.p_value:.2g}"
            how = f"p = {p}, below {attempt.level:.2g}"
        else:
            how = "the exact limit contradicts the law, and the simulation agrees with the limit"
        yield f"  confirmation {number} of at most {self.most}, on fresh trials: {how}"
        rate = f"{100 * self.level:g}% over all confirmations, however many candidates were tried"
        yield f"  error rate: {rate if j.bridge is None else AGREEMENT}"

    def _searched(self) -> Iterator[str]:
        counts = self.counts
        parts = [f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome]]
        parts += [f"{len(self.unmade)} that make no law"] if self.unmade else []
        axes = ", ".join(axis.value for axis in self.axes) or "nothing but its own activations"
        yield f"searched {axes}: {len(self.tried)} candidates in {self.wall_s:.0f} s ({self.ended}), seed {self.seed}"
        yield f"  {'; '.join(parts)}"
        if self.law.hypotheses:
            yield f"  inside {', '.join(map(hypothesis_text, self.law.hypotheses))}"
        if self.power is not None:
            yield f"  half of those simulated would have shown a deviation of {self.power:.2g} in the screen"
        failed = [attempt for attempt in self.attempts if not attempt.confirmed]
        if failed:
            yield f"  {len(failed)} looked broken in the search and did not on fresh trials"

    def to_dict(self) -> dict[str, Any]:
        """Return what refute.json holds."""
        found = self.counterexample
        content = {
            "schema": SCHEMA,
            "law": self.law.id,
            "statement": str(self.law.statement),
            "hypotheses": [hypothesis_text(h) for h in self.law.hypotheses],
            "over": [axis.value for axis in self.axes],
            "seed": self.seed,
            "seeds": self.seeds,
            "budget": self.budget,
            "wall_s": round(self.wall_s, 3),
            "ended": self.ended,
            "error_rate": self.level,
            "most_confirmations": self.most,
            "power": self.power,
            "counterexample": None if found is None else SPEC,
            "confirmations": [_attempt(attempt) for attempt in self.attempts],
            "candidates": [_described(one) for one in self.tried],
            "unmade": list(self.unmade),
        }
        return finite(content)  # type: ignore[no-any-return]

    def spec(self) -> str | None:
        """Return the counterexample as a spec file, or None."""
        found = self.counterexample
        return None if found is None else spec_text(found.law, heading=found.heading)

    def write(self, folder: str | Path) -> Path:
        """Write refute.json and, if there is a counterexample, counterexample.toml and the report that confirms it.

        Raises:
            InvalidInputError: if the folder cannot be written.
        """
        found, text = self.counterexample, self.spec()
        target = make_folder(folder, figures=found is not None)
        try:
            with staged(target) as writing:
                (writing / "refute.json").write_text(
                    json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
                )
                if text is not None:
                    (writing / SPEC).write_text(text, encoding="utf-8")
        except OSError as error:
            raise unwritable("the search", target, error) from error
        if found is not None:
            found.report.write(target)
        return target


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "seed": attempt.seed,
        "level": attempt.level,
        "confirmed": attempt.confirmed,
        "changes": attempt.found.candidate.words,
        "judgement": judgement_dict(attempt.judgement),
    }


def _described(found: Screened) -> dict[str, Any]:
    law, j = found.law or found.candidate.law, found.judgement
    return {
        "changes": found.candidate.words,
        "activation": found.candidate.activation.name,
        "path": str(law.path),
        "sizes": None if found.law is None else {law.sizes.variable: list(law.sizes.values)},
        "inputs": law.inputs.words,
        "labels": law.labels.words,
        "model": law.model.kind,
        "outcome": found.outcome.value,
        "detail": found.detail,
        "limit_off": found.limit_off,
        "verdict": None if j is None else Verdict(j.verdict).value,
        "estimate": None if j is None else j.estimate,
        "p_value": None if j is None else j.p_value,
        "power": None if j is None else j.power,
    }
