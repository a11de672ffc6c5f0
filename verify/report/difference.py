"""Two reports beside each other: which verdicts changed, and by how much the estimates moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bigtheta.theory.errors import printable
from bigtheta.verify.report import words
from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.verdict import finite

__all__ = ["Change", "as_dict", "changes", "lines"]


@dataclass(frozen=True)
class Change:
    """One judgement in both reports; None where a report does not have it."""

    before: Entry | None
    after: Entry | None

    @property
    def entry(self) -> Entry:
        """The later of the two."""
        entry = self.after or self.before
        assert entry is not None
        return entry

    @property
    def changed(self) -> bool:
        """Whether the verdict is another; a judgement that only one report has is a change too."""
        return self.before is None or self.after is None or self.before.verdict is not self.after.verdict

    @property
    def moved(self) -> float | None:
        """How far the estimate moved; None where one is missing, or is of another claim."""
        if self.before is None or self.after is None:
            return None
        one, other = self.before.judgement, self.after.judgement
        if one.estimate is None or other.estimate is None or one.sense != other.sense:
            return None
        return other.estimate - one.estimate


def changes(before: Report, after: Report) -> tuple[Change, ...]:
    """Return every judgement of either report, those with another verdict first.

    Judgements are matched by law, activation and, for controls, by what the control changes.
    """
    old, new = _by_key(before), _by_key(after)
    found = [Change(old.get(key), new.get(key)) for key in {**old, **new}]
    return tuple(sorted(found, key=lambda change: not change.changed))


def lines(found: Sequence[Change]) -> Iterator[str]:
    """Say each change in one line, and how many there are."""
    for change in found:
        entry = change.entry
        control = "" if entry.negative is None else "  control"
        verdicts = [e.verdict.value if e is not None else "absent" for e in (change.before, change.after)]
        told = " -> ".join(dict.fromkeys(verdicts))
        claims = [words.claim(e) for e in (change.before, change.after) if e is not None]
        line = f"{told:28}  {entry.facts.id}  {words.activation(entry)}{control}  {' -> '.join(dict.fromkeys(claims))}"
        yield printable(f"{line}{_movement(change)}")
    count = sum(change.changed for change in found)
    verb = "verdict" if count == 1 else "verdicts"
    yield f"{count} {verb} changed, {len(found) - count} did not"


def as_dict(found: Sequence[Change]) -> dict[str, Any]:
    """Return the changes as JSON: {"schema": 1, "changed": [...], "unchanged": [...]}; null where a report has none.

    Each has law, activation, control, `from` and `to` (verdicts), statements, estimates with their 95% intervals,
    reasons, and `moved`.

    >>> as_dict([])
    {'schema': 1, 'changed': [], 'unchanged': []}
    """
    told: dict[str, list[dict[str, Any]]] = {"changed": [], "unchanged": []}
    for change in found:
        sides = {"from": change.before, "to": change.after}
        row = {
            "law": change.entry.facts.id,
            "activation": change.entry.activation,
            "control": change.entry.negative is not None,
            **{side: entry and entry.verdict.value for side, entry in sides.items()},
            "statement": {side: entry and entry.judgement.statement for side, entry in sides.items()},
            "estimate": {side: entry and _estimate(entry) for side, entry in sides.items()},
            "reason": {side: entry and entry.judgement.reason for side, entry in sides.items()},
            "moved": change.moved,
        }
        told["changed" if change.changed else "unchanged"].append(row)
    return finite({"schema": 1, **told})  # type: ignore[no-any-return]


def _estimate(entry: Entry) -> dict[str, float | None]:
    j = entry.judgement
    return {"estimate": j.estimate, "low": j.low, "high": j.high}


def _movement(change: Change) -> str:
    if change.moved is None or change.before is None or change.after is None:
        return ""
    one, other = change.before.judgement, change.after.judgement
    text = f"  estimate {one.estimate:.3f} -> {other.estimate:.3f} ({change.moved:+.3f}"
    if one.low is not None and one.high is not None and one.high > one.low:
        text += f", {abs(change.moved) / ((one.high - one.low) / 2):.1f} of the half-width before"
    return f"{text})"


def _by_key(report: Report) -> dict[tuple[object, ...], Entry]:
    """Entries by what identifies them; copies by their number."""
    found: dict[tuple[object, ...], Entry] = {}
    count: Counter[tuple[object, ...]] = Counter()
    for entry in report.entries:
        negative = entry.negative
        swapped = None if negative is None else (negative.activation, negative.statement and negative.statement.text)
        key = (entry.facts.id, entry.activation, swapped)
        count[key] += 1
        found[(*key, count[key])] = entry
    return found
