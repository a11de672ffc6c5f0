"""From cells to a ruling: the fit, its quantiles, what the rule makes of them, and whether the fit may be believed.

PASS and FAIL need a fit that the data do not reject: where even the likeliest component, with effects between cells
(`verify.effects`), has p < 1e-4, nothing is read from it. A limit FAILs, too, where measured/formula grows or vanishes
like a power. What is judged without some of its cells is asked the same here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt
from scipy import special

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.statement import Sense, Statement
from bigtheta.verify.accelerators import Tends, committee
from bigtheta.verify.advice import Gridder, deviations
from bigtheta.verify.cells import Cells, means
from bigtheta.verify.corrections import TAU_WEIGHTS, TAUS
from bigtheta.verify.effects import fitted
from bigtheta.verify.fit import CellMeans, Fit, level_grid, slope_grid
from bigtheta.verify.reason import Reason
from bigtheta.verify.rule import PASS_LEVEL, Rule, passes
from bigtheta.verify.verdict import Verdict

__all__ = ["REJECTED", "Inquiry", "Ruling", "inflation", "ruling"]

Array = npt.NDArray[np.float64]

REJECTED = 1e-4
"""p-value of a fit below which no PASS or FAIL is read from it."""
CLOSE = 0.05
"""Margin below which the fit of values without noise is too wide."""
_DIVERGES = 0.0025
"""Tail in which a slope of measured/formula must lie for a limit to FAIL by it."""


@dataclass(frozen=True)
class Inquiry:
    """A claim and the cells that it is asked of.

    Attributes:
        claimed: the exponent of each judged size; None for a limit.
        look: (k, K) if this is the k-th of K looks at growing samples.
        exact: whether the cells' values are without noise; the fit's discrepancy is then all that is not known of them.
        relative: whether the exponents are those of measured/formula, the formula being no monomial.
        of: what each exponent is of, where logarithms are divided out.
    """

    data: Cells
    claim: Statement
    estimand: str
    delta: float
    claimed: tuple[float, ...] | None
    look: tuple[int, int] | None = None
    exact: bool = False
    relative: bool = False
    of: tuple[str, ...] = ()

    @property
    def is_limit(self) -> bool:
        """Whether a level is judged, not exponents."""
        return self.claimed is None

    @property
    def shift(self) -> float:
        """What the fitted coefficients are compared with."""
        return 1.0 if self.is_limit else 0.0

    @property
    def columns(self) -> int:
        """How many coefficients are judged."""
        return 1 if self.is_limit else len(self.data.variables)

    @property
    def rule(self) -> Rule:
        """How quantiles become a verdict."""
        return Rule(self.claim.sense, self.delta, self.columns)

    @property
    def gridder(self) -> Gridder:
        """The fit of slopes, or of a level."""
        return (
            level_grid
            if self.is_limit
            else partial(slope_grid, up_to_logs=self.claim.up_to_logs, left_open=self.data.left_open)
        )

    @cached_property
    def cells(self) -> CellMeans:
        """The cell means of measured/formula, or of its log."""
        return self._means(self.is_limit)

    @cached_property
    def noisy(self) -> CellMeans:
        """The same with the noise that a look of several counts with."""
        return self.cells.quieter(1 / inflation(self.look))

    @property
    def ratios(self) -> CellMeans:
        """The logs of measured/formula, with that noise, whatever is judged."""
        return self._means(False).quieter(1 / inflation(self.look))

    @property
    def unit(self) -> float:
        """What effects between cells are relative to."""
        return float(np.median(np.abs(self.cells.y))) if self.is_limit else 1.0

    @property
    def scale(self) -> float:
        """What a fitted level is a multiple of: the constant claimed; 1 where the formula varies, and for exponents."""
        return float(self.data.formula[0]) if self.is_limit and not self.claim.formula.free_symbols else 1.0

    @property
    def close(self) -> bool:
        """Whether values without noise are judged by accelerators too: along one size, for margins below 5%."""
        return self.exact and self.delta < CLOSE and len(self.data.variables) == 1

    def decide(self, quantiles: Sequence[Mapping[float, float]]) -> tuple[Verdict, int]:
        """The verdict on all slopes together, and the slope that decides it: a FAIL, or the one furthest off."""
        verdicts = [self.rule.decide(q) for q in quantiles]
        if Verdict.FAIL in verdicts:
            return Verdict.FAIL, verdicts.index(Verdict.FAIL)
        worst = max(range(len(quantiles)), key=lambda j: max(abs(quantiles[j][0.05]), abs(quantiles[j][0.95])))
        return (Verdict.PASS if set(verdicts) == {Verdict.PASS} else Verdict.INCONCLUSIVE), worst

    def words(self, column: int, q: Mapping[float, float]) -> Reason:
        """What the quantiles of one judged size say, in words."""
        claimed = None if self.claimed is None else self.claimed[column]
        of = self.of[column] if self.of else ""
        return Reason(self.rule, self.data.variables[column], claimed, q, self.relative, of)

    def without(self, index: int) -> Inquiry:
        """The same of the other cells."""
        return replace(self, data=self.data.without(index))

    def _means(self, level: bool) -> CellMeans:
        data = self.data
        ratios = [s / f for s, f in zip(data.samples, data.formula, strict=True)]
        found = means(ratios, self.estimand, level, units=data.units)
        return CellMeans(found.y, np.zeros(len(found.y)), 0) if self.exact else found


@dataclass(frozen=True)
class Ruling:
    """What the rule says of an inquiry.

    Attributes:
        verdict: PASS, FAIL or INCONCLUSIVE; before it is asked whether the sizes suffice for a PASS.
        worst: the judged size that decides.
        quantiles: of each coefficient's deviation, by level.
        p_value: of the claim.
        misfit_p: of the fit that the verdict rests on.
        read: what would be read from a fit that is rejected; the verdict is INCONCLUSIVE then. Else None.
        tends: where accelerators say that values without noise tend, as a deviation; for margins below 5% alone.
        diverging: 99.5% interval of the exponent of measured/formula, where a limit FAILs by it.
    """

    verdict: Verdict
    worst: int
    fit: Fit
    quantiles: Sequence[Mapping[float, float]]
    p_value: float
    misfit_p: float
    read: Verdict | None = None
    tends: Tends | None = None
    diverging: tuple[float, float] | None = None


def ruling(inquiry: Inquiry) -> Ruling:
    """Fit and decide."""
    data, rule, shift = inquiry.data, inquiry.rule, inquiry.shift
    fit = fitted(inquiry.gridder, data.size, inquiry.noisy, unit=inquiry.unit)
    quantiles = deviations([fit], rule, shift)[0]
    verdict, worst = inquiry.decide(quantiles)
    tails = [rule.p_value(fit.slope(column).below(shift)) for column in range(inquiry.columns)]
    p_value = min(1.0, inquiry.columns * min(tails))
    found = Ruling(verdict, worst, fit, quantiles, p_value, fit.misfit_p)
    if fit.misfit_p < REJECTED and verdict is not Verdict.INCONCLUSIVE:
        found = replace(found, verdict=Verdict.INCONCLUSIVE, read=verdict, p_value=1.0)
    if inquiry.close:
        found = _accelerated(inquiry, found)
    if inquiry.is_limit and found.verdict is not Verdict.FAIL:
        return _diverging(inquiry, found)
    return found


def _accelerated(inquiry: Inquiry, found: Ruling) -> Ruling:
    """PASS or FAIL if accelerators say so, and the fit has nothing against it.

    They are far closer than the fit, whose interval has to hold what they say; a FAIL has to be the fit's too.
    """
    x, y = np.log(inquiry.data.size[:, 0]), inquiry.cells.y
    where, values = (x, y - 1) if inquiry.is_limit else ((x[1:] + x[:-1]) / 2, np.diff(y) / np.diff(x))
    tends = committee(np.exp(-where), values)
    if tends is None or found.read is not None:
        return replace(found, verdict=Verdict.INCONCLUSIVE)
    low, high, q = tends.value - tends.error, tends.value + tends.error, found.quantiles[0]
    sense, verdict = inquiry.claim.sense, Verdict.INCONCLUSIVE
    wrong = {Sense.OMEGA: high < 0, Sense.BIG_O: low > 0}.get(sense, high < 0 or low > 0)
    if found.verdict is Verdict.FAIL and wrong:
        verdict = Verdict.FAIL
    elif found.verdict is not Verdict.FAIL and q[0.025] <= tends.value <= q[0.975]:
        verdict = Verdict.PASS if passes(sense, low, high, inquiry.delta) else Verdict.INCONCLUSIVE
    return replace(found, verdict=verdict, tends=tends)


def _diverging(inquiry: Inquiry, found: Ruling) -> Ruling:
    """FAIL if measured/formula grows or vanishes like a power, so that it has no limit.

    If the limit is as claimed, the correction at the smallest size is as large as the ratio there says, and the fit
    has to allow for it.
    """
    cells = inquiry.ratios
    if not np.isfinite(cells.y).all():
        return found
    reach = float(np.ptp(cells.y))
    taus, weights = (TAUS, TAU_WEIGHTS) if reach <= TAUS[-1] else ((*TAUS[:-1], reach), TAU_WEIGHTS)
    fit = fitted(partial(slope_grid, taus=taus, weights=weights), inquiry.data.size, cells)
    slope = fit.mixture
    low, high = slope.quantiles([_DIVERGES, 1 - _DIVERGES]).tolist()
    if low <= 0 <= high or fit.misfit_p < REJECTED:
        return found
    below = slope.below(0.0) if low > 0 else 1 - slope.below(0.0)
    return replace(
        found, verdict=Verdict.FAIL, read=None, diverging=(low, high), misfit_p=fit.misfit_p,
        p_value=min(found.p_value, 4 * below),
    )  # fmt: skip


def inflation(look: tuple[int, int] | None) -> float:
    """Factor on the noise variance at the k-th of K looks: (z(alpha_k)/z(alpha))^2, alpha_k = alpha 2^-(K-k+1).

    The levels sum to less than alpha over the looks, for the level at which a claim PASSes; for a smaller alpha, that
    of a FAIL, the factor is more than enough. Source: derived (union bound).
    """
    if look is None:
        return 1.0
    k, count = look
    if not 1 <= k <= count:
        raise InvalidInputError(f"look: expected (k, K) with 1 <= k <= K but got {look!r}")
    return float((special.ndtri(PASS_LEVEL * 2.0 ** -(count - k + 1)) / special.ndtri(PASS_LEVEL)) ** 2)
