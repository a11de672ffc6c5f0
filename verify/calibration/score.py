"""From outcomes to rates: coverage, false verdicts and power, with one-sided 95% bounds, and what is required."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from scipy import stats

from bigtheta.verify.calibration.instance import ONE_SIDED, ORDERS, STRESS
from bigtheta.verify.verdict import Verdict

__all__ = [
    "METRICS", "REQUIREMENTS", "Outcome", "Rate", "Requirement", "Standing", "bounds", "rates", "required", "standing",
]  # fmt: skip

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Outcome:
    """What one procedure said of one instance, under a true claim and claims that are off.

    Attributes:
        group: "synthetic", "theorem" or "stress" orders, or one-sided claims or limits of any.
        true: the verdict on the true claim; at_1, at_15, at_25: on claims off by 1, 1.5 and 2.5 margins; quarter: on
            one off by 0.25. One-sided claims are off to the side where they are false.
        covered: whether the 95% interval holds the truth; None without one, and for one-sided claims, whose interval
            is that of the order.
        seconds: mean processor time of a call.
    """

    group: str
    family: str
    noise: str
    procedure: str
    true: Verdict
    at_1: Verdict
    at_15: Verdict
    at_25: Verdict
    quarter: Verdict
    covered: bool | None
    seconds: float


@dataclass(frozen=True)
class Rate:
    """A share of instances.

    low, high: its one-sided 95% Clopper-Pearson bounds, each on its own.
    """

    hits: int
    total: int

    @property
    def value(self) -> float:
        """The share; NaN of none."""
        return self.hits / self.total if self.total else float("nan")

    @property
    def low(self) -> float:
        """Lower bound."""
        return bounds(self.hits, self.total)[0]

    @property
    def high(self) -> float:
        """Upper bound."""
        return bounds(self.hits, self.total)[1]


def bounds(hits: int, total: int) -> tuple[float, float]:
    """Return the exact one-sided 95% bounds of a share (Clopper and Pearson 1934): each alone errs at most 5%.

    >>> low, high = bounds(0, 59)
    >>> low, round(high, 4)
    (0.0, 0.0495)
    """
    low = float(stats.beta.ppf(1 - CONFIDENCE, hits, total - hits + 1)) if hits else 0.0
    high = float(stats.beta.ppf(CONFIDENCE, hits + 1, total - hits)) if hits < total else 1.0
    return low, high


METRICS: dict[str, Callable[[Outcome], bool | None]] = {
    "coverage of the 95% interval": lambda o: o.covered,
    "false PASS at delta": lambda o: o.at_1 is Verdict.PASS,
    "false PASS at 1.5 delta": lambda o: o.at_15 is Verdict.PASS,
    "false PASS at 2.5 delta": lambda o: o.at_25 is Verdict.PASS,
    "false FAIL": lambda o: o.true is Verdict.FAIL,
    "INCONCLUSIVE on a true claim": lambda o: o.true not in (Verdict.PASS, Verdict.FAIL),
    "PASS of a true claim": lambda o: o.true is Verdict.PASS,
    "FAIL of a claim off by 0.25": lambda o: o.quarter is Verdict.FAIL,
}
"""What is counted; None leaves an instance out."""


class Standing(Enum):
    """How a rate stands to what is required of it."""

    HOLDS = "holds"
    OPEN = "not shown"
    """The rate, or its bound, misses the level, but so few instances do not exclude it."""
    VIOLATED = "violated"
    NONE = "not required"
    """Nothing is required of what was run."""


@dataclass(frozen=True)
class Requirement:
    """A level that the one-sided 95% bound of a rate must keep: from above if at_least, else from below."""

    metric: str
    level: float
    at_least: bool

    def standing(self, rate: Rate) -> Standing:
        """Return whether the rate's bounds are on the right side of the level, astride it, or on the wrong side.

        >>> Requirement("false FAIL", 0.03, False).standing(Rate(0, 200))
        <Standing.HOLDS: 'holds'>
        """
        low, high = (rate.low, rate.high) if self.at_least else (-rate.high, -rate.low)
        level = self.level if self.at_least else -self.level
        return Standing.HOLDS if low >= level else Standing.VIOLATED if high < level else Standing.OPEN

    def __str__(self) -> str:
        return f"{self.metric} {'>=' if self.at_least else '<='} {self.level:g}"


REQUIREMENTS = (
    Requirement("coverage of the 95% interval", 0.93, True),
    Requirement("false PASS at delta", 0.08, False),
    Requirement("false PASS at 1.5 delta", 0.02, False),
    Requirement("false FAIL", 0.03, False),
    Requirement("PASS of a true claim", 0.35, True),
    Requirement("FAIL of a claim off by 0.25", 0.70, True),
)
"""The acceptance, for claims on the order with delta = 0.1."""
_PASSES_AND_FAILS = tuple(r for r in REQUIREMENTS if not r.metric.startswith("coverage"))


def required(group: str) -> tuple[Requirement, ...]:
    """Return what is required in a group: of one-sided claims all but coverage, of limits and stress nothing.

    >>> [len(required(f"theorem {kind}")) for kind in ("orders", "one-sided", "limits")]
    [6, 5, 0]
    """
    if group.startswith(STRESS):
        return ()
    return {ORDERS: REQUIREMENTS, ONE_SIDED: _PASSES_AND_FAILS}.get(group.split()[-1], ())


def rates(outcomes: Iterable[Outcome]) -> dict[str, Rate]:
    """Return every rate over the outcomes of one procedure."""
    listed = list(outcomes)
    counted = {name: [v for o in listed if (v := metric(o)) is not None] for name, metric in METRICS.items()}
    return {name: Rate(int(sum(values)), len(values)) for name, values in counted.items()}


def standing(found: dict[str, Rate], requirements: Iterable[Requirement] = REQUIREMENTS) -> Standing:
    """Return the worst standing of the rates to the requirements."""
    all_of = {requirement.standing(found[requirement.metric]) for requirement in requirements}
    return next((s for s in (Standing.VIOLATED, Standing.OPEN) if s in all_of), Standing.HOLDS)
