"""What the simulation of a law cannot show: its own note, and what follows from how a law is judged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bigtheta.theory.limits.named import LIMITS
from bigtheta.verify.report import words
from bigtheta.verify.report.facts import LawFacts
from bigtheta.verify.report.marks import literal, stated
from bigtheta.verify.report.report import Entry
from bigtheta.verify.verdict import Judgement, Verdict

__all__ = ["cannot_show", "listed", "sizes_walked"]


def cannot_show(law: LawFacts, judged: Sequence[Entry], controls: Sequence[Entry]) -> list[str]:
    """Return the points, each a line of Markdown.

    Args:
        judged: the law's judgements, an activation each; controls: those of its controls.
    """
    return [
        *([literal(law.note)] if law.note else []),
        *_sizes(law, judged),
        *_sense(law, judged),
        *_logarithms(judged),
        *_exact_limit(law, judged),
        *_corrections(judged),
        *_hypotheses(law, judged, controls),
        *_alone(law, judged),
    ]


def listed(names: Sequence[str]) -> str:
    """Return names as a list in words.

    >>> listed(["relu", "tanh", "erf"]), listed(["relu"])
    ('relu, tanh and erf', 'relu')
    """
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def sizes_walked(law: LawFacts, judged: Sequence[Entry]) -> str:
    """Return the sizes in words: those of the cells, or those planned where nothing was simulated."""
    found = _range(law, judged)
    if found is None:
        return ""
    low, high, count = found
    return f"${law.free}$ from {low:g} to {high:g} in {count} sizes" if law.free.isalpha() else ""


def _range(law: LawFacts, judged: Sequence[Entry]) -> tuple[float, float, int] | None:
    """The smallest and the largest free size, and how many."""
    found = {cell.sizes[e.judgement.variable] for e in judged for cell in e.judgement.cells} or set(law.sizes)
    return (min(found), max(found), len(found)) if found and min(found) > 0 else None


def _measured(judged: Sequence[Entry]) -> list[Judgement]:
    return [entry.judgement for entry in judged if entry.judgement.cells]


def _sizes(law: LawFacts, judged: Sequence[Entry]) -> Iterator[str]:
    found, cells = _range(law, judged), [cell for j in _measured(judged) for cell in j.cells]
    if found is None:
        return
    low, high, _ = found
    largest = next((cell.sizes for cell in cells if cell.sizes.get(law.free) == high), {})
    others = ", ".join(f"{name} = {size:g}" for name, size in largest.items() if name != law.free)
    there = f" (there {others})" if others else ""
    yield literal(
        f"{law.free} {'goes' if cells else 'would go'} from {low:g} to {high:g}{there}, "
        f"{math.log10(high / low):.1f} decades, on one path; larger sizes and other paths are not simulated."
    )


def _sense(law: LawFacts, judged: Sequence[Entry]) -> Iterator[str]:
    if not judged:
        return
    j = judged[0].judgement
    margin = 0.0 if j.margin is None else j.margin
    symbol = law.symbol.text
    said = {
        "Theta": f"The exponent of {law.free} is judged, to within {margin:g}: not the constants of Theta, nor factors "
        "that vary slowly.",
        "Omega": f"A lower bound: an exponent of {law.free} that is larger, or smaller by less than {margin:g}, "
        f"PASSes as well, and nothing is said of how large {symbol} may be.",
        "O": f"An upper bound: an exponent of {law.free} that is smaller, or larger by less than {margin:g}, PASSes as "
        f"well, and nothing is said of how small {symbol} may be.",
        "Limit": f"The limit is extrapolated from these sizes and judged to within {100 * margin:g}%: further digits, "
        "and that a limit exists, are not tested.",
        "Peak": f"The place of the peak is judged, to within a factor of {1 + margin:g}: not its height, nor that it "
        "grows without bound.",
    }  # fmt: skip
    if j.sense in said:
        yield literal(said[j.sense])


def _logarithms(judged: Sequence[Entry]) -> Iterator[str]:
    open_claims: dict[str, list[str]] = {}
    for entry in judged:
        for mutant in entry.mutants:
            if "logarithm" in mutant.change and mutant.verdict is not Verdict.FAIL and mutant.verdict is not None:
                open_claims.setdefault(mutant.change, []).append(f"{words.activation(entry)} {mutant.verdict.value}")
    for change, found in open_claims.items():
        yield literal(f"The claim {change} does not FAIL on the same data ({', '.join(found)}): not told apart.")


def _exact_limit(law: LawFacts, judged: Sequence[Entry]) -> Iterator[str]:
    if any(j.bridge is not None for j in _measured(judged)):
        yield literal(
            f"The exponent is that of the {limit_words(law)}, far beyond the sizes simulated; the simulation shows "
            "at its own sizes alone that measured/limit tends to 1."
        )


def limit_words(law: LawFacts) -> str:
    """Return what the exact limit is that a law names, in words.

    >>> from bigtheta.verify.report.facts import Stated
    >>> limit_words(LawFacts(id="x", statement=Stated(""), limit="sobolev"))
    'exact limit of the Sobolev seminorm'
    """
    return LIMITS[law.limit].words if law.limit in LIMITS else f"exact limit {law.limit}"


def _corrections(judged: Sequence[Entry]) -> Iterator[str]:
    found = [
        f"{words.activation(e)} {100 * e.judgement.tau_break:.0f}%"
        for e in judged
        if e.judgement.tau_break is not None and e.verdict is Verdict.PASS
    ]
    if found:
        yield literal(
            f"PASS survives finite-size corrections at the smallest size up to {', '.join(found)}; of larger ones, or "
            "such as do not decay over these sizes, the fit need not show anything."
        )


def _hypotheses(law: LawFacts, judged: Sequence[Entry], controls: Sequence[Entry]) -> Iterator[str]:
    if not law.hypotheses or not _measured(judged):
        return
    met = "; ".join(map(stated, law.hypotheses))
    without = [literal(e.activation) for e in controls if e.negative is not None and e.negative.activation]
    seen = f"in the control with {listed(without)} alone" if without else "nowhere here"
    yield f"Every run meets the hypotheses: {met}. What happens otherwise is seen {seen}."


def _alone(law: LawFacts, judged: Sequence[Entry]) -> Iterator[str]:
    found = list(dict.fromkeys(words.activation(e) for e in judged if e.judgement.cells))
    if found:
        acts = f"Judged with {listed(found)}" if law.activated else "The activation plays no part"
        yield literal(f"{acts}; inputs: {law.inputs}; labels: {law.labels}. Others are not tested.")
