"""Bridged verdicts: a law whose quantity has an exact limit is decided in two steps.

At reachable sizes finite-size terms bend a slope more than noise does. So the simulation is held against the limit at
the same sizes (measured/limit tends to 1), and the limit, evaluated far beyond what can be simulated, against the law.
A law PASSes if both do, and FAILs if either does; a claimed limit is held against the exact one in the same way. Where
the limit is that of a mean square, as of E S^2, mean squares are compared: the geometric mean of S lies below it by the
spread of S, which at small sizes is several per cent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bigtheta.theory.activation import Activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import LIMIT_MARGIN, Law
from bigtheta.theory.limits.named import LIMITS, limit_values
from bigtheta.theory.statement import Sense, Statement
from bigtheta.verify.judge import judge
from bigtheta.verify.verdict import Bridge, Judgement, Verdict

__all__ = ["FARTHEST", "bridged", "limit_slope"]

Array = npt.NDArray[np.float64]

FARTHEST = 1e9
"""Largest free size at which the limit is evaluated."""
TOLERANCE = 0.02
"""How far the limit's own exponent between FARTHEST/10 and FARTHEST may lie from the claimed one."""
LEVEL = 0.01
"""How far, relatively, the exact limit at FARTHEST may lie from the one that a `Limit` claims."""


@dataclass(frozen=True)
class _Step:
    verdict: Verdict
    words: str


def bridged(
    law: Law,
    act: Activation,
    samples: list[Array],
    statement: Statement,
    direct: Judgement,
    *,
    look: tuple[int, int] | None = None,
    values: Callable[..., Array] = limit_values,
) -> Judgement:
    """Return the judgement of a law by its exact limit; estimates and cells stay those of the samples alone.

    Args:
        samples: by cell, in the order of `law.cells`.
        statement: the claim, the law's own or another on the same data.
        direct: its judgement without the limit.
        values: gives the limit, for tests.
    """
    if direct.verdict is Verdict.ERROR or direct.estimate is None or statement.sense is Sense.PEAK:
        return direct
    if statement.sense is Sense.LIMIT:
        return _constant(law, act, statement, direct, values)
    try:
        at_cells = values(law.limit, law, act, law.size_arrays)
        slope = limit_slope(law, act, statement, values)
    except InvalidInputError as error:
        return replace(direct, reason=f"{direct.reason} (without its exact limit: {error})")
    power = LIMITS[law.limit].power
    ratios = [(s / limit) ** power for s, limit in zip(samples, at_cells, strict=True)]
    near = judge(
        law.size_arrays, ratios, "Limit(1)", 1 - (1 - LIMIT_MARGIN) ** power, along=str(law.path.free), look=look
    )
    name = "measured/limit" if power == 1 else f"mean of (measured/limit)^{power}"
    first = _Step(near.verdict, f"{name}: {near.reason.replace('measured/formula', 'it')}")
    exponent = f"a in {direct.exponent_of}" if direct.exponent_of else f"of {law.path.free}"
    second = _of_the_limit(statement.sense, slope, exponent, direct.claimed or 0.0)
    verdict = _both(first.verdict, second.verdict)
    cells = tuple(
        replace(cell, predicted=float(limit), fit_low=float(limit), fit_high=float(limit))
        for cell, limit in zip(direct.cells, at_cells, strict=True)
    )
    return replace(
        direct,
        verdict=verdict,
        reason=f"{first.words}; {second.words}",
        p_value=near.p_value if second.verdict is Verdict.PASS else 0.0,
        needs=near.needs if verdict is Verdict.INCONCLUSIVE else None,
        more_trials=near.more_trials,
        larger_sizes=near.larger_sizes,
        rejects_below=None,
        rejects_above=None,
        tau_break=None,
        constant=None,
        misfit_p=near.misfit_p,
        doubt=near.doubt if verdict is Verdict.INCONCLUSIVE else None,
        without_first=near.without_first,
        cell_effects=near.cell_effects,
        cells=cells,
        bridge=Bridge(
            _root(near.estimate, power),
            _root(near.low, power),
            _root(near.high, power),
            near.verdict,
            slope + (direct.claimed or 0.0),
            second.verdict,
        ),
    )


def _root(value: float | None, power: int) -> float | None:
    return None if value is None else max(value, 0.0) ** (1 / power)


def limit_slope(law: Law, act: Activation, statement: Statement, values: Callable[..., Array] = limit_values) -> float:
    """Return the exponent of limit/formula in the free size, between FARTHEST/10 and FARTHEST."""
    low, high = np.log(_far(law, act, statement, values, (FARTHEST / 10, FARTHEST)))
    return float((high - low) / np.log(10.0))


def _constant(
    law: Law, act: Activation, statement: Statement, direct: Judgement, values: Callable[..., Array]
) -> Judgement:
    """A claimed limit: the simulation is held against it as it is, and it against the exact one."""
    try:
        ratio = float(_far(law, act, statement, values, (FARTHEST,))[0])
    except InvalidInputError as error:
        return replace(direct, reason=f"{direct.reason} (without its exact limit: {error})")
    agrees = abs(ratio - 1) <= LEVEL
    words = f"the exact limit is {ratio:.4f} times it at {law.path.free} = 10^9"
    return replace(
        direct,
        verdict=direct.verdict if agrees else Verdict.FAIL,
        reason=f"{direct.reason}; {words}",
        p_value=direct.p_value if agrees else 0.0,
        needs=direct.needs if agrees else None,
        doubt=direct.doubt if agrees else None,
    )


def _far(
    law: Law, act: Activation, statement: Statement, values: Callable[..., Array], sizes: tuple[float, ...]
) -> Array:
    """Limit/formula at free sizes far out; whole sizes on the path, so that floors of the path are in it."""
    cells = [law.path.at(round(size)) for size in sizes]
    columns = {name: np.array([float(cell[name]) for cell in cells]) for name in cells[0]}
    return values(law.limit, law, act, columns) / statement.value(columns, law.constants(act))


def _of_the_limit(sense: Sense, slope: float, exponent: str, claimed: float) -> _Step:
    """Whether the limit's own exponent agrees with the claim, on the side or sides that the sense asks."""
    below, above = slope < -TOLERANCE, slope > TOLERANCE
    wrong = {Sense.OMEGA: below, Sense.BIG_O: above}.get(sense, below or above)
    words = f"the limit's own exponent {exponent} is {claimed + slope:.4f} at 10^8 to 10^9, claimed {claimed:.3g}"
    return _Step(Verdict.FAIL if wrong else Verdict.PASS, words)


def _both(first: Verdict, second: Verdict) -> Verdict:
    if Verdict.FAIL in (first, second):
        return Verdict.FAIL
    return Verdict.PASS if first is second is Verdict.PASS else Verdict.INCONCLUSIVE
