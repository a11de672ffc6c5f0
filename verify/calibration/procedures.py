"""Procedures that give a verdict on a claimed order or limit: the one of this package, and naive ones beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bigtheta.verify.calibration.instance import LIMITS, ONE_SIDED, ORDERS, Array
from bigtheta.verify.judge import judge
from bigtheta.verify.verdict import Verdict

__all__ = ["OURS", "PROCEDURES", "Answer", "Procedure", "Question"]


@dataclass(frozen=True)
class Question:
    """A claim about samples.

    Attributes:
        law: formula in n; for a limit, the claim is constant * law.
        order: the law's values at the sizes.
        constant: None for a claim on the order, Theta(law * n^off); else Limit(constant * law/(1 + off)).
        sense: of a claim on the order: 0 for Theta, 1 for Omega, -1 for O.
        off: how far the claim is off, in the exponent, or relatively for a limit.
    """

    sizes: Array
    samples: tuple[Array, ...]
    law: str
    order: Array
    constant: float | None
    off: float
    margin: float
    sense: int = 0

    @property
    def statement(self) -> str:
        """The claim as `judge` reads it."""
        if self.constant is None:
            sense = {0: "Theta", 1: "Omega", -1: "O"}[self.sense]
            return f"{sense}({self.law}*n**({self.off:.6g}))" if self.off else f"{sense}({self.law})"
        return f"Limit({self.constant / (1 + self.off):.12g}*{self.law})"

    @property
    def claimed(self) -> Array:
        """The claimed values at the sizes, up to a constant for a claim on the order."""
        if self.constant is None:
            return np.asarray(self.order * self.sizes**self.off)
        return np.asarray(self.order * self.constant / (1 + self.off))


@dataclass(frozen=True)
class Answer:
    """A verdict, and the 95% interval of the deviation from the claim where the procedure has one."""

    verdict: Verdict
    low: float | None = None
    high: float | None = None

    @property
    def holds_zero(self) -> bool | None:
        """Whether the interval holds the claim."""
        return None if self.low is None or self.high is None else bool(self.low <= 0 <= self.high)


@dataclass(frozen=True)
class Procedure:
    """A named way from a question to an answer.

    kind: the claims that it judges: orders, one-sided or limits.
    """

    name: str
    claim: str
    answer: Callable[[Question], Answer]
    kind: str = ORDERS


def _judged(q: Question) -> Answer:
    """The public `judge`, as a user calls it."""
    j = judge({"n": q.sizes}, q.samples, q.statement, q.margin)
    if j.low is None or j.high is None:
        return Answer(j.verdict)
    zero = (j.claimed or 0.0) if q.constant is None else (q.claimed[0] if np.ptp(q.claimed) == 0 else 1.0)
    return Answer(j.verdict, j.low - zero, j.high - zero)


def _log_means(q: Question) -> tuple[Array, Array]:
    """Log sizes, and the means of log(measured/claimed)."""
    means = np.array([np.log(s).mean() for s in q.samples]) - np.log(q.claimed)
    return np.log(q.sizes), means


def _line(x: Array, y: Array, weights: Array) -> tuple[float, float]:
    """Weighted least squares: slope and its standard error from the residuals."""
    centre = np.average(x, weights=weights)
    spread = (weights * (x - centre) ** 2).sum()
    slope = float((weights * (x - centre) * y).sum() / spread)
    rest = y - np.average(y, weights=weights) - slope * (x - centre)
    return slope, float(np.sqrt((weights * rest**2).sum() / (len(x) - 2) / spread))


def _least_squares_interval(q: Question) -> Answer:
    x, y = _log_means(q)
    slope, error = _line(x, y, np.ones(len(x)))
    reach = float(stats.t.ppf(0.975, len(x) - 2)) * error
    inside = abs(slope) <= reach
    return Answer(Verdict.PASS if inside else Verdict.FAIL, slope - reach, slope + reach)


def _least_squares_bound(q: Question) -> Answer:
    """PASS unless the slope's one-sided 95% bound excludes the claim."""
    x, y = _log_means(q)
    slope, error = _line(x, y, np.ones(len(x)))
    reach = float(stats.t.ppf(0.95, len(x) - 2)) * error
    return Answer(Verdict.PASS if q.sense * slope + reach >= 0 else Verdict.FAIL)


def _least_squares_close(q: Question) -> Answer:
    slope, _ = _line(*_log_means(q), np.ones(len(q.sizes)))
    return Answer(Verdict.PASS if abs(slope) < q.margin else Verdict.FAIL)


def _equivalence(q: Question) -> Answer:
    """PASS if the 90% interval is within the margin (two one-sided tests), FAIL if the 99% interval excludes zero."""
    x, y = _log_means(q)
    variances = np.array([np.log(s).var(ddof=1) / len(s) for s in q.samples])
    slope, error = _line(x, y, 1 / np.maximum(variances, 1e-12))
    reach = {level: float(stats.t.ppf(level, len(x) - 2)) * error for level in (0.95, 0.975, 0.995)}
    if abs(slope) + reach[0.95] < q.margin:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.FAIL if abs(slope) > reach[0.995] else Verdict.INCONCLUSIVE
    return Answer(verdict, slope - reach[0.975], slope + reach[0.975])


def _last_two(q: Question) -> Answer:
    x, y = _log_means(q)
    slope = (y[-1] - y[-2]) / (x[-1] - x[-2])
    return Answer(Verdict.PASS if abs(slope) < q.margin else Verdict.FAIL)


def _largest_size(q: Question) -> Answer:
    last = q.samples[-1] / q.claimed[-1] - 1
    reach = float(stats.t.ppf(0.975, len(last) - 1)) * last.std(ddof=1) / np.sqrt(len(last))
    inside = abs(last.mean()) <= reach
    return Answer(Verdict.PASS if inside else Verdict.FAIL, last.mean() - reach, last.mean() + reach)


def _largest_size_close(q: Question) -> Answer:
    last = float((q.samples[-1] / q.claimed[-1]).mean())
    return Answer(Verdict.PASS if abs(last - 1) < q.margin else Verdict.FAIL)


OURS = "bigtheta"

PROCEDURES = (
    Procedure(OURS, "bigtheta.judge", _judged),
    Procedure("ols-interval", "least squares, claim in the 95% interval", _least_squares_interval),
    Procedure("ols-close", "least squares, |slope - claim| < delta", _least_squares_close),
    Procedure("wls-equivalence", "weighted least squares, equivalence test", _equivalence),
    Procedure("last-two", "slope of the last two sizes within delta", _last_two),
    Procedure(OURS, "bigtheta.judge", _judged, ONE_SIDED),
    Procedure("ols-bound", "least squares, claim not outside the one-sided 95% bound", _least_squares_bound, ONE_SIDED),
    Procedure(OURS, "bigtheta.judge", _judged, LIMITS),
    Procedure("largest-interval", "largest size, claim in the 95% interval", _largest_size, LIMITS),
    Procedure("largest-close", "largest size, |ratio - 1| < epsilon", _largest_size_close, LIMITS),
)
