"""Judging a peak: whether a quantity, as a function of a ratio of sizes, has a local maximum where it is claimed.

y_i is the log mean of cell i at x_i = log ratio. The curve is y smoothed over x with a Gaussian kernel of half the
tolerance, and the claim at r0 is looked at in the window [r0/2.5, 2.5 r0], cut halfway to the next claimed peak. Curves
are drawn from the cell means' normal laws. A draw supports the claim if the highest cell near r0, located by the
parabola through it and its neighbours, lies within the tolerance (a factor 1.2) of r0, and its prominence is at least a
factor 1.15: how far the curve falls from it on both sides, before the end of the window or higher ground.
PASS: at least 95% of the draws support the claim. FAIL: fewer than 0.5% / (number of peaks) do; or, smoothed wider,
that few have any maximum of prominence 1.05 there. Several peaks PASS if each does and FAIL if one does.
Source: derived; error rates measured in tests/verify/test_verify_peak.py.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.law import PEAK_MARGIN
from bigtheta.theory.statement import Peak
from bigtheta.verify.cells import Cells, arranged, noiseless
from bigtheta.verify.peak_cells import centres, merged, unresolved, unusable
from bigtheta.verify.reason import exactly
from bigtheta.verify.summit import kernel, prominence, summit, vertex
from bigtheta.verify.verdict import Cell, Judgement, Need, Verdict

__all__ = ["ESTIMANDS", "PeakFinding", "judge_peak", "judge_peaks", "unseen"]

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

ESTIMANDS = ("geomean", "median")
"""Estimands of a peak: near one the mean is that of a heavy tail."""
WINDOW = math.log(2.5)
PROMINENCE, SOME_PROMINENCE = math.log(1.15), math.log(1.05)
WIDE = 0.25
"""Bandwidth, in log ratio, at which a curve without any maximum shows."""
REACH = math.log(2.0)
"""A side measured less far than this may still fall where it was not measured."""
PASS_SHARE, FAIL_SHARE = 0.95, 0.005
FEWEST_CELLS = 5
DRAWS, FEW_DRAWS = 2000, 500
LARGEST = 709.0
"""Whose exponential is still a float."""
_MORE = (4, 16, 64)
_BAND = (0.025, 0.5, 0.975)
_Z95 = 1.959964


@dataclass(frozen=True, kw_only=True)
class PeakFinding:
    """What samples say of one claimed peak.

    Attributes:
        at: the claimed ratio.
        support: share of the draws that have the peak there; None where it could not be looked for.
        location, low, high: where the highest peak of the window is, with a 95% interval (a quarter of the cells' gap
            included, for what lies between them); the claimed one in draws that support it.
        prominence: factor by which the peak near the claim rises above its higher side; 1 if there is none.
        more_trials: factor in trials that would decide if the cell means stay as they are.
        p_value: of the claim, two-sided, times the number of claims: a FAIL has p < 1%.
    """

    at: float
    verdict: Verdict
    reason: str
    support: float | None = None
    location: float | None = None
    low: float | None = None
    high: float | None = None
    prominence: float | None = None
    needs: Need | None = None
    more_trials: int | None = None
    p_value: float | None = None


def judge_peaks(
    sizes: Mapping[str, npt.ArrayLike],
    samples: Sequence[npt.ArrayLike],
    claim: Peak,
    margin: float = PEAK_MARGIN,
    *,
    estimand: str = "geomean",
    inflation: float = 1.0,
    seed: int = 0,
    deterministic: bool | None = None,
) -> Judgement:
    """Judge samples of a quantity against `Peak(ratio, at=...)`.

    Args:
        sizes: arrays by name, an entry a cell.
        samples: one array of positive samples for each cell.
        claim: the ratio and the peaks' places.
        margin: relative tolerance of the place.
        estimand: "geomean" or "median".
        inflation: factor on the variances of the cell means, for repeated looks at growing samples.
        seed: of the bootstrap.
        deterministic: whether the values are exact; by default they are where each cell has one value, or equal ones.
            What a smooth curve leaves of them is then their only noise, at least 1%.

    Returns:
        A `Judgement`; estimate, low, high and claimed are of the worst peak, and the reason names all of them.

    Raises:
        InvalidInputError: if sizes and samples do not match, or the ratio has no value.

    >>> rng = np.random.default_rng(0)
    >>> n = np.array([40, 50, 60, 70, 80, 90, 100, 110, 125, 140, 160, 180, 210, 250])
    >>> samples = [np.exp(0.1 * rng.standard_normal(20)) / abs(1.02 - size / 100) ** 0.5 for size in n]
    >>> judge_peaks({"n": n, "k": np.full(14, 100)}, samples, Peak("n/k", at=1)).verdict
    <Verdict.PASS: 'PASS'>
    >>> judge_peaks({"n": n, "k": np.full(14, 100)}, samples, Peak("n/k", at=1.6)).verdict
    <Verdict.FAIL: 'FAIL'>
    """
    data = arranged(sizes, samples, claim, None, None)
    exact = noiseless(data.samples) if deterministic is None else deterministic
    findings = judge_peak(
        data.formula, data.samples, claim.places, margin,
        estimand=estimand, inflation=inflation, seed=seed, name=str(claim.ratio), deterministic=exact,
    )  # fmt: skip
    worst = min(findings, key=lambda f: (_SEVERITY.index(f.verdict), 1.0 if f.support is None else f.support))
    verdict = worst.verdict
    tested = [f.p_value for f in findings if f.p_value is not None]
    return Judgement(
        verdict=verdict,
        reason="; ".join(dict.fromkeys(f.reason for f in sorted(findings, key=lambda f: f is not worst)))
        + (exactly(data.samples) if exact and tested else ""),
        deterministic=exact,
        statement=str(claim),
        sense=claim.sense.value,
        variable=data.variable,
        estimate=worst.location,
        low=worst.low,
        high=worst.high,
        claimed=worst.at,
        margin=margin,
        p_value=min(tested, default=None),
        needs=worst.needs if verdict is Verdict.INCONCLUSIVE else None,
        more_trials=None if worst.more_trials is None else worst.more_trials * min(map(len, data.samples)),
        cells=_cells(data, estimand, inflation, math.log1p(margin) / 2) if tested else (),
    )


_SEVERITY = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


def judge_peak(
    ratio: npt.ArrayLike,
    samples: Sequence[npt.ArrayLike],
    at: Sequence[float],
    margin: float = PEAK_MARGIN,
    *,
    estimand: str = "geomean",
    inflation: float = 1.0,
    seed: int = 0,
    deterministic: bool | None = None,
    name: str = "the ratio",
) -> tuple[PeakFinding, ...]:
    """Look for a peak at each claimed ratio; cells come in any order, and those of one ratio are pooled.

    Args:
        ratio: the ratio of each cell. Shape (cells,).
        samples: one array of positive samples for each cell.
        at: the claimed ratios, increasing.
        margin, estimand, inflation, seed, deterministic: as for `judge_peaks`.
        name: the ratio, for the reason.

    Returns:
        A finding for each claim; unusable samples give a verdict with its reason, never an exception.

    Raises:
        InvalidInputError: if ratio and samples do not match, or an option is out of range.

    >>> r = np.geomspace(0.3, 3, 15)
    >>> rng = np.random.default_rng(0)
    >>> cells = [np.exp(-abs(np.log(x)) + 0.1 * rng.standard_normal(20)) for x in r]
    >>> [finding.verdict.value for finding in judge_peak(r, cells, [1.0])]
    ['PASS']
    """
    if estimand not in ESTIMANDS:
        raise unknown_name("estimand of a peak", estimand, ESTIMANDS)
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0.01 <= margin <= 0.5:
        raise InvalidInputError(
            f"margin: expected 0.01 <= margin <= 0.5, relative to the peak's place, but got margin={margin!r}"
        )
    ratios = np.asarray(ratio, dtype=np.float64).ravel()
    cells = [np.asarray(cell, dtype=np.float64).ravel() for cell in samples]
    if len(ratios) != len(cells):
        raise InvalidInputError(f"ratio: has {len(ratios)} entries but there are {len(cells)} cells of samples")
    places = [float(place) for place in at]
    if not places or not all(a < b for a, b in itertools.pairwise([0.0, *places, math.inf])):
        raise InvalidInputError(f"at: expected positive ratios, increasing, but got at={list(at)!r}")
    exact = noiseless(cells) if deterministic is None else deterministic
    if (refusal := unusable(ratios, cells, name, exact)) is not None:
        verdict, reason = refusal
        need = Need.DATA if verdict is Verdict.INCONCLUSIVE else None
        return tuple(PeakFinding(at=place, verdict=verdict, reason=reason, needs=need) for place in places)
    x, logs = merged(ratios, cells)
    y, v = centres(logs, estimand, inflation)
    if exact:
        v = np.maximum(v, unresolved(x, y))
    return tuple(
        _decided(look)
        if (why := _out_of_sight(look, x)) is None
        else PeakFinding(at=look.at, verdict=Verdict.INCONCLUSIVE, reason=why, needs=Need.RANGE)
        for look in _looks(x, y, v, places, margin, name, seed, exact)
    )


def unseen(ratio: npt.ArrayLike, claim: Peak, margin: float = PEAK_MARGIN) -> list[str]:
    """Return why cells at these ratios cannot show a claimed peak, nor its absence, whatever is measured there.

    Args:
        ratio: the ratio of each cell. Shape (cells,).

    >>> unseen([0.3, 0.5, 0.8, 1.0, 1.25, 2.0], Peak("n/k", at=0.4))
    ['a peak at n/k = 0.4 needs a cell within a factor 1.2 of it: measure one at the peak and some around it']
    """
    x = np.unique(np.log(np.asarray(ratio, dtype=np.float64)))
    looks = _looks(x, x, x, [float(place) for place in claim.places], margin, str(claim.ratio), 0, False)
    return [why for look in looks if (why := _out_of_sight(look, x)) is not None]


def _looks(
    x: Array, y: Array, v: Array, places: Sequence[float], margin: float, name: str, seed: int, exact: bool
) -> Iterator[_Look]:
    """Yield the cells of each claim's window, cut halfway to the next claimed peak."""
    claims = [math.log(place) for place in places]
    ends = [-math.inf, *((a + b) / 2 for a, b in itertools.pairwise(claims)), math.inf]
    for place, centre, (low, high) in zip(places, claims, itertools.pairwise(ends), strict=True):
        window = max(centre - WINDOW, low), min(centre + WINDOW, high)
        use = (x >= window[0] - 1e-9) & (x <= window[1] + 1e-9)
        yield _Look(x[use], y[use], v[use], place, math.log1p(margin), window, name, len(places), seed, exact)


@dataclass(frozen=True)
class _Look:
    """The cells of one claim's window: x = log ratio, y the log means, v their variances. Shape (cells,) each."""

    x: Array
    y: Array
    v: Array
    at: float
    tolerance: float
    window: tuple[float, float]
    name: str
    claims: int
    seed: int
    exact: bool

    @property
    def centre(self) -> float:
        """Log of the claimed ratio."""
        return math.log(self.at)

    @property
    def core(self) -> Indices:
        """The cells within the tolerance of the claim."""
        return np.flatnonzero(np.abs(self.x - self.centre) <= self.tolerance + 1e-9)

    @property
    def near(self) -> range:
        """The cells where the peak may be highest: the core and one more on each side, not the window's ends."""
        return range(max(int(self.core[0]) - 1, 1), min(int(self.core[-1]) + 2, len(self.x) - 1))

    @property
    def bandwidth(self) -> float:
        """Of the smoothing, in log ratio."""
        return self.tolerance / 2

    @property
    def open_sides(self) -> tuple[bool, bool]:
        """Which sides are measured less far than a factor 2, though the window goes further."""
        left, right = self.window
        return (
            self.x[0] > max(self.centre - REACH, left + self.tolerance / 2),
            self.x[-1] < min(self.centre + REACH, right - self.tolerance / 2),
        )


def _out_of_sight(look: _Look, x: Array) -> str | None:
    """Return why these cells cannot show the peak, if so, and what to do."""
    name, core = look.name, look.core
    claim = f"a peak at {name} = {look.at:.4g}"
    if not x[0] <= look.centre <= x[-1]:
        return f"{claim} is outside the measured range, {_span(x[0], x[-1])}: widen it to both sides of the peak"
    window = _span(*look.window)
    near = f"within a factor {math.exp(look.tolerance):.3g}"
    if not len(core):
        return f"{claim} needs a cell {near} of it: measure one at the peak and some around it"
    if len(look.x) < FEWEST_CELLS:
        return f"{claim} needs {FEWEST_CELLS} cells with {name} from {window} but there are {len(look.x)}: add sizes"
    if core[0] == 0 or core[-1] == len(look.x) - 1:
        side = "below" if core[0] == 0 else "above"
        return f"{claim} has no cell {side} it, from {window} and not {near}: widen the range"
    gap = float(np.diff(look.x)[core[0] - 1 : core[-1] + 1].max())
    if gap > 1.5 * look.tolerance:
        return f"{claim}: cells there are a factor {math.exp(gap):.3g} apart, too far to place it {near}: add sizes"
    return None


def _span(low: float, high: float) -> str:
    return f"{math.exp(low):.3g} to {math.exp(min(high, LARGEST)):.3g}"


def _decided(look: _Look) -> PeakFinding:
    """Draw curves, count those with the peak, and decide."""
    noise = np.random.Generator(np.random.Philox(look.seed)).standard_normal((DRAWS, len(look.x)))
    fail = FAIL_SHARE / look.claims
    support, some, location = _shares(look, noise, 1)
    verdict = _verdict(support, some, fail)
    support = some if verdict is Verdict.FAIL else support
    low, middle, high = np.quantile(location, _BAND)
    nearest = int(np.argmin(np.abs(look.x - middle)))
    slack = float(np.diff(look.x)[max(nearest - 1, 0) : nearest + 1].max()) / 4
    low, middle, high = (float(np.exp(value)) for value in np.minimum([low - slack, middle, high + slack], LARGEST))
    smoothed = look.y[None] @ kernel(look.x, look.bandwidth).T
    rise = math.exp(min(max(0.0, float(prominence(smoothed, look.near)[1][0])), LARGEST))
    where = f"{look.name} = {middle:.3g} [{low:.3g}, {high:.3g}] (95%)"
    claim = f"{look.name} = {look.at:.4g}"
    share = f"{100 * support:.2g}% of the bootstrap draws"
    needs, more = None, None
    if verdict is Verdict.PASS:
        reason = f"a peak at {where}, within a factor {math.exp(look.tolerance):.3g} of {claim}; it rises by {rise:.3g}"
    elif verdict is Verdict.FAIL:
        reason = (
            f"no peak at {claim}: from {_span(*look.window)} the highest is at {where}; {share} have one at the claim"
        )
    else:
        needs = Need.SIZES if look.exact else Need.TRIALS
        factors = () if look.exact else _MORE
        more = next(
            (f for f in factors if _verdict(*_shares(look, noise[:FEW_DRAWS], f)[:2], fail) is not verdict), None
        )
        otherwise = "a finer grid is needed" if look.exact else "more trials or a finer grid are needed"
        advice = f"{more} times the trials would decide" if more else otherwise
        reason = f"a peak at {claim} is in {share}: PASS needs 95%, FAIL less than {100 * fail:.2g}%; {advice}"
    return PeakFinding(
        at=look.at, verdict=verdict, reason=reason, support=support, location=middle, low=low, high=high,
        prominence=rise, needs=needs, more_trials=more, p_value=min(1.0, 2 * look.claims * some),
    )  # fmt: skip


def _verdict(support: float, some: float, fail: float) -> Verdict:
    if support >= PASS_SHARE:
        return Verdict.PASS
    return Verdict.FAIL if some < fail else Verdict.INCONCLUSIVE


def _shares(look: _Look, noise: Array, trials: int) -> tuple[float, float, Array]:
    """Return the share of draws that support the claim, that do not exclude it, and where each has its peak.

    A side that is measured less far than a factor 2 counts as falling there, unless higher ground is in the way, so
    that a short range alone is no FAIL; it is no PASS either.
    """
    curves = look.y + noise * np.sqrt(look.v / trials)
    drawn = curves @ kernel(look.x, look.bandwidth).T
    top, rise = prominence(drawn, look.near)
    place = vertex(look.x, drawn, top)
    inside = np.abs(place - look.centre) <= look.tolerance
    there = (rise >= PROMINENCE) & inside
    support = float(there.mean())
    if support >= PASS_SHARE:
        return support, support, place
    sides = look.open_sides
    possible = (prominence(drawn, look.near, open_sides=sides)[1] >= PROMINENCE) & inside if any(sides) else there
    wide = prominence(curves @ kernel(look.x, WIDE).T, look.near, open_sides=sides)[1] >= SOME_PROMINENCE
    highest = vertex(look.x, drawn, summit(drawn))
    return support, float(min(possible.mean(), wide.mean())), np.where(there, place, highest)


def _cells(data: Cells, estimand: str, inflation: float, bandwidth: float) -> tuple[Cell, ...]:
    """The rows of the report's table; `predicted` and its band are the smoothed curve."""
    y, v = centres([np.log(cell) for cell in data.samples], estimand, inflation)
    weights = kernel(np.log(data.formula), bandwidth)
    curve, band = weights @ y, _Z95 * np.sqrt(weights**2 @ v)
    spread = _Z95 * np.sqrt(v)
    with np.errstate(over="ignore"):
        table = np.exp([y - spread, y + spread, curve, curve - band, curve + band])
    rows = []
    for i, (sizes, cell) in enumerate(zip(data.sizes, data.samples, strict=True)):
        largest = float(cell.max())
        mean, geomean = largest * float((cell / largest).mean()), float(np.exp(np.log(cell).mean()))
        rows.append(Cell(sizes, len(cell), mean, geomean, *table[:, i].tolist()))
    return tuple(rows)
