"""The reason for a verdict, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass

from bigtheta.theory.statement import Sense
from bigtheta.verify.accelerators import Tends
from bigtheta.verify.rule import Rule
from bigtheta.verify.verdict import Need, Verdict

__all__ = ["Outlook", "Reason", "exponent_of"]

POOR_FIT = 0.01


@dataclass(frozen=True)
class Outlook:
    """What more data would do, if the estimates stay as they are.

    Attributes:
        floor: half-width of the 90% interval that no number of trials would improve.
        more_trials: trials a cell, in all, that would decide, and the verdict they would bring.
        larger_sizes: sizes to add that would decide, and the verdict they would bring.
    """

    floor: float
    more_trials: int | None = None
    larger_sizes: tuple[float, ...] = ()
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Reason:
    """Puts a verdict into words. q: quantiles of the deviation from the claim; claimed is None for a limit.

    relative: whether the exponent is that of measured/formula, the formula being no monomial.
    of: what the exponent is of where it is not of a power alone, as in "a in n^a*log(n)".
    """

    rule: Rule
    variable: str
    claimed: float | None
    q: Mapping[float, float]
    relative: bool = False
    of: str = ""

    def span(self, low: float, high: float) -> str:
        """The interval between two quantiles, around the claim."""
        shift = 1.0 if self.claimed is None else self.claimed
        return f"[{shift + self.q[low]:.3f}, {shift + self.q[high]:.3f}]"

    @property
    def what(self) -> str:
        """The fitted number."""
        if self.claimed is None:
            return "measured/formula"
        return f"the exponent {self.of}" if self.of else f"the {exponent_of(self.variable, self.relative)}"

    @property
    def target(self) -> str:
        """What it is compared with."""
        return "1" if self.claimed is None else "0" if self.relative else f"the claimed {self.claimed:.3g}"

    def agreement(self) -> str:
        """Why it passes."""
        head, delta = f"{self.what} is in {self.span(0.05, 0.95)} (90%), ", f"{self.rule.delta:g}"
        if self.rule.sense is Sense.OMEGA:
            return f"{head}not below {self.target} by {delta} or more"
        if self.rule.sense is Sense.BIG_O:
            return f"{head}not above {self.target} by {delta} or more"
        return f"{head}within {delta} of {self.target}"

    def place(self, tends: Tends) -> str:
        """Where accelerators say that it tends."""
        shift = 1.0 if self.claimed is None else self.claimed
        return f"accelerators put {self.what} at {shift + tends.value:.4f} +- {tends.error:.2g}"

    def close(self, tends: Tends) -> str:
        """Why it passes within a margin that the fit alone does not reach."""
        return (
            f"{self.place(tends)}, within {self.rule.delta:g} of {self.target}; the fit has {self.span(0.025, 0.975)}"
        )

    def not_close(self, tends: Tends | None) -> str:
        """Why it neither passes nor fails within such a margin."""
        fit = f"the fit has {self.span(0.025, 0.975)} (95%)"
        if tends is None:
            return f"{fit}, and accelerators, which a margin below 0.05 needs, have too few sizes: add some"
        return f"{self.place(tends)}, {fit}, and PASS or FAIL at {self.rule.delta:g} needs both: add larger sizes"

    def contradiction(self) -> str:
        """Why it fails."""
        tail = self.rule.fail_tail
        interval = f"{self.what} is in {self.span(tail, 1 - tail)} ({100 * (1 - 2 * tail):.3g}%)"
        if self.rule.sense is Sense.OMEGA:
            return f"{interval}, below {self.target}"
        if self.rule.sense is Sense.BIG_O:
            return f"{interval}, above {self.target}"
        return f"{interval}, which excludes {self.target}"

    def rejected(self, read: Verdict, p: float, widest: float) -> str:
        """Why neither, although the numbers alone would decide: the fit is not believed."""
        tail = 0.05 if read is Verdict.PASS else self.rule.fail_tail
        return (
            f"{self.what} would be in {self.span(tail, 1 - tail)} ({100 * (1 - 2 * tail):.3g}%), but the fit itself is "
            f"rejected: neither finite-size corrections nor offsets of {100 * widest:.0f}% between the cells explain "
            f"them (p = {p:.2g}); look at the cells one by one, or start at larger sizes"
        )

    def undecided(
        self, narrow: str | None, outlook: Outlook, need: Need, *, effects: float = 0.0, exact: bool = False
    ) -> str:
        """Why neither, and what would decide."""
        head = (
            f"{self.what} is in {self.span(0.05, 0.95)} (90%), not surely within {self.rule.delta:g} of {self.target}; "
        )
        if narrow:
            return f"{head}{narrow}"
        if need is Need.TRIALS:
            return (
                f"{head}more trials would narrow it to +-{outlook.floor:.3f}: {outlook.more_trials} a cell would decide"
            )
        if need is Need.DIRECTION:
            return f"{head}the sizes vary too much together to tell their exponents apart: vary one alone"
        left = "finite-size corrections" + (" and offsets between the cells" if effects else "")
        however = "" if exact else " however many trials"
        tail = f"{left} leave +-{outlook.floor:.3f}{however}: larger sizes are needed"
        if outlook.larger_sizes:
            more, last = len(outlook.larger_sizes), outlook.larger_sizes[-1]
            tail += f"; {more} more of them, up to {self.variable} = {last:.0f}, would decide"
        return f"{head}{tail}"


def exponent_of(variable: str, relative: bool) -> str:
    """What a fitted slope is, in words.

    >>> exponent_of("n", False), exponent_of("n", True)
    ('exponent of n', 'exponent of measured/formula in n')
    """
    return f"exponent of measured/formula in {variable}" if relative else f"exponent of {variable}"


def exactly(samples: Sequence[Sized]) -> str:
    """A word on data without noise, for any verdict.

    >>> exactly([[1.0], [2.0]])
    '; deterministic: one value a size, judged without noise'
    """
    alone = max(map(len, samples)) == 1
    return f"; deterministic: {'one value' if alone else 'equal values'} a size, judged without noise"


def fitting(p: float, effects: float, *, exact: bool = False) -> str:
    """A word on a bad fit, for any verdict; exact: the values have no noise.

    >>> fitting(0.5, 0.04, exact=True)
    ' (the cells lie 4% apart beyond any correction, which is counted in)'
    """
    if p < POOR_FIT:
        return f" (but no correction of the family fits: p = {p:.2g})"
    beyond = "any correction" if exact else "their noise"
    return f" (the cells lie {100 * effects:.2g}% apart beyond {beyond}, which is counted in)" if effects else ""
