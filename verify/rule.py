"""The decision: from quantiles of the deviation from a claim to a verdict.

PASS is tested first. With a the deviation, q its quantiles, delta the margin and r the number of slopes judged:
Theta: PASS q.05 > -delta and q.95 < delta; FAIL q(.005/r) > 0 or q(1-.005/r) < 0.
Omega: PASS q.05 > -delta; FAIL q(1-.01/r) < 0.   O: the mirror image.
Limit: as Theta for the level of measured/formula around 1, delta relative; FAIL too where the ratio grows or vanishes.
A claim on several exponents PASSes if each does (intersection-union) and FAILs if one does (Bonferroni, Holm's first
step). Otherwise INCONCLUSIVE. Source: derived; error rates measured by `bigtheta calibrate`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bigtheta.theory.statement import Sense
from bigtheta.verify.verdict import Verdict

__all__ = ["FAIL_LEVEL", "PASS_LEVEL", "Rule", "passes"]

PASS_LEVEL = 0.05
"""One-sided level at which a deviation of the margin is excluded."""
FAIL_LEVEL = 0.01
"""Level, two-sided for Theta and Limit, at which a deviation of nothing is excluded."""


@dataclass(frozen=True)
class Rule:
    """How a claim of one sense is decided.

    Attributes:
        delta: the margin.
        slopes: how many slopes are judged together.
    """

    sense: Sense
    delta: float
    slopes: int = 1

    @property
    def fail_tail(self) -> float:
        """Probability in the tail that a FAIL leaves."""
        one_sided = self.sense in (Sense.OMEGA, Sense.BIG_O)
        return FAIL_LEVEL / (1 if one_sided else 2) / self.slopes

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantiles that a decision, an interval and the words need."""
        tail = self.fail_tail
        return (tail, 0.025, 0.05, 0.5, 0.95, 0.975, 1 - tail)

    def decide(self, q: Mapping[float, float]) -> Verdict:
        """Apply the rule of the module's head to one deviation."""
        low, high = q[self.fail_tail], q[1 - self.fail_tail]
        above, below = low > 0, high < 0
        fails = {Sense.OMEGA: below, Sense.BIG_O: above}.get(self.sense, above or below)
        if passes(self.sense, q[0.05], q[0.95], self.delta):
            return Verdict.PASS
        return Verdict.FAIL if fails else Verdict.INCONCLUSIVE

    def p_value(self, below: float) -> float:
        """Return the p-value of the claim, given the probability that a deviation is negative.

        That on the far side of the claim, doubled if two-sided; FAIL is p < 1% / slopes.
        """
        tail = {Sense.OMEGA: 1 - below, Sense.BIG_O: below}.get(self.sense, 2 * min(below, 1 - below))
        return min(1.0, max(0.0, tail))

    def rejected(self, q: Mapping[float, float]) -> tuple[float | None, float | None]:
        """Return the claims, as deviations from this one, below and above which these data FAIL a claim.

        A claim beyond the 99% interval still PASSes where the 90% interval is within the margin of it. For a limit the
        margin is relative to the claim.
        """
        one_sided = self.sense in (Sense.OMEGA, Sense.BIG_O)
        low, high = q[self.fail_tail], q[1 - self.fail_tail]
        if self.sense is Sense.LIMIT:
            near = (1 + q[0.95]) / (1 + self.delta) - 1
            far = (1 + q[0.05]) / (1 - self.delta) - 1 if self.delta < 1 else math.inf
        else:
            near, far = q[0.95] - self.delta, q[0.05] + self.delta
        may_pass = one_sided or near < far
        below = min(low, near) if may_pass else low
        above = max(high, far) if may_pass else high
        return (None if self.sense is Sense.OMEGA else below), (None if self.sense is Sense.BIG_O else above)


def passes(sense: Sense, low: float, high: float, delta: float) -> bool:
    """Whether the 90% interval of the deviation lies within the margin, on the side or sides that the sense asks."""
    above, below = low > -delta, high < delta
    return {Sense.OMEGA: above, Sense.BIG_O: below}.get(sense, above and below)
