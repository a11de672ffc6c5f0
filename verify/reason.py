"""The reason for a verdict, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bigtheta.theory.statement import Sense
from bigtheta.verify.verdict import Verdict

__all__ = ["Reason"]


@dataclass(frozen=True)
class Reason:
    """Puts a verdict into words. q: quantiles of the deviation from the claim; claimed is None for a limit."""

    sense: Sense
    variable: str
    claimed: float | None
    q: Mapping[float, float]
    delta: float

    def why(self, verdict: Verdict, floor: float, misfit_p: float, narrow: str | None) -> str:
        """Return the reason for a verdict.

        Args:
            floor: half-width of the 90% interval that no number of trials would improve.
            misfit_p: goodness of fit.
            narrow: why these sizes never PASS, if so.
        """
        if verdict is Verdict.PASS:
            return f"{self.agreement()}, but {narrow}" if narrow else self.agreement()
        if verdict is Verdict.FAIL:
            return self.contradiction()
        return f"{self.undecided(floor, narrow)}{self.misfit(misfit_p)}"

    def span(self, low: float, high: float) -> str:
        """The interval between two quantiles, around the claim."""
        shift = 1.0 if self.claimed is None else self.claimed
        return f"[{shift + self.q[low]:.3f}, {shift + self.q[high]:.3f}]"

    @property
    def what(self) -> str:
        """The fitted number."""
        return "measured/formula" if self.claimed is None else f"the exponent of {self.variable}"

    @property
    def target(self) -> str:
        """What it is compared with."""
        return "1" if self.claimed is None else f"the claimed {self.claimed:.3g}"

    def agreement(self) -> str:
        """Why it passes."""
        interval = self.span(0.05, 0.95)
        if self.sense is Sense.OMEGA:
            return f"{self.what} is in {interval} (90%), not below {self.target} by {self.delta:g} or more"
        if self.sense is Sense.BIG_O:
            return f"{self.what} is in {interval} (90%), not above {self.target} by {self.delta:g} or more"
        return f"{self.what} is in {interval} (90%), within {self.delta:g} of {self.target}"

    def contradiction(self) -> str:
        """Why it fails."""
        if self.sense is Sense.OMEGA:
            return f"{self.what} is in {self.span(0.01, 0.99)} (98%), below {self.target}"
        if self.sense is Sense.BIG_O:
            return f"{self.what} is in {self.span(0.01, 0.99)} (98%), above {self.target}"
        return f"{self.what} is in {self.span(0.005, 0.995)} (99%), which excludes {self.target}"

    def undecided(self, floor: float, narrow: str | None) -> str:
        """Why neither, and what would decide."""
        half = (self.q[0.95] - self.q[0.05]) / 2
        head = f"{self.what} is in {self.span(0.05, 0.95)} (90%), not surely within {self.delta:g} of {self.target}; "
        if narrow:
            return f"{head}{narrow}"
        if half > 1.5 * floor and floor < self.delta:
            return f"{head}more trials would narrow it to +-{floor:.3f}"
        return f"{head}finite-size corrections leave +-{floor:.3f} however many trials: larger sizes are needed"

    def misfit(self, p: float) -> str:
        """A word on a bad fit."""
        return f" (and no correction of the family fits: p = {p:.2g})" if p < 0.01 else ""
