"""The benchmark's result in words and numbers: lines for a terminal, a table for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from bigtheta.verify.calibration.benchmark import ACCEPTED, GROUPS, Result
from bigtheta.verify.calibration.instance import LIMITS
from bigtheta.verify.calibration.procedures import OURS, PROCEDURES, Procedure
from bigtheta.verify.calibration.score import METRICS, Outcome, Rate, rates, required

__all__ = ["as_table", "families", "lines"]

_WIDTH = 16
_UPWARDS = ("coverage of the 95% interval", "PASS of a true claim", "FAIL of a claim off by 0.25")
_SHORT = {
    "coverage of the 95% interval": "coverage",
    "false PASS at delta": "PASS at 1",
    "false PASS at 1.5 delta": "at 1.5",
    "false PASS at 2.5 delta": "at 2.5",
    "false FAIL": "false FAIL",
    "INCONCLUSIVE on a true claim": "INCONCL.",
    "PASS of a true claim": "PASS true",
    "FAIL of a claim off by 0.25": "FAIL .25",
}


def lines(result: Result, *, detail: bool = False) -> Iterator[str]:
    """Yield the result line by line: rates by procedure with their bounds, what is required, the time of a call.

    Beside each rate is its one-sided 95% bound, on the side that matters.

    Args:
        detail: add the rates of `bigtheta.judge` by family of corrections, law of noise and theorem.
    """
    for group in GROUPS:
        procedures = [p for p in PROCEDURES if group.endswith(p.kind) and result.of(group, p.name)]
        if not procedures:
            continue
        count = len(result.of(group, procedures[0].name))
        margin = "epsilon = 0.05, relative" if group.endswith(LIMITS) else "delta = 0.1"
        yield f"{group}: {count} instances, {margin}"
        yield from _comparison(result, group, procedures)
        if detail:
            yield from _detail(result, group)
        yield ""
    for procedure in PROCEDURES:
        if procedure.name != OURS:
            yield f"{procedure.name}: {procedure.claim}"
    yield f"median processor time of a call of bigtheta.judge: {result.median_ms():.1f} ms"
    which = " and ".join(result.splits)
    yield f"acceptance on the {which} families: {result.standing().value}  ({result.wall_s:.0f} s)"


def _comparison(result: Result, group: str, procedures: list[Procedure]) -> Iterator[str]:
    found = {p.name: result.rates(group, p.name) for p in procedures}
    yield " " * 30 + "".join(f"{name:>{_WIDTH + 1}}" for name in found)
    needs = {r.metric: r for r in required(group)}
    for metric in METRICS:
        shown = (_bounded(metric, of[metric]) for of in found.values())
        line = f"{metric:30}" + "".join(f"{cell:>{_WIDTH + 1}}" for cell in shown)
        if (need := needs.get(metric)) is not None:
            sign = ">=" if need.at_least else "<="
            line += f"   required {sign} {need.level:.2f}: {need.standing(found[OURS][metric]).value}"
        yield line


def _bounded(metric: str, rate: Rate) -> str:
    """A rate with its bound: "0.951 (>= 0.941)"."""
    if not rate.total:
        return "-"
    return f"{rate.value:.3f} (>={rate.low:.3f})" if metric in _UPWARDS else f"{rate.value:.3f} (<={rate.high:.3f})"


def _detail(result: Result, group: str) -> Iterator[str]:
    yield f"  {'by family, bigtheta.judge':36}{'count':>6}" + "".join(f"{_SHORT[m]:>12}" for m in METRICS)
    for name, found in families(result, group).items():
        cells = "".join(f"{found[m].value if found[m].total else math.nan:12.3f}" for m in METRICS)
        yield f"  {name:36}{found['false FAIL'].total:6}{cells}"


def families(result: Result, group: str) -> dict[str, dict[str, Rate]]:
    """Return the rates of `bigtheta.judge` by family, and for synthetic instances by law of noise too."""
    found: dict[str, list[Outcome]] = {}
    outcomes = result.of(group, OURS)
    for outcome in sorted(outcomes, key=lambda o: o.family):
        found.setdefault(outcome.family, []).append(outcome)
    if not group.startswith("theorem"):
        for outcome in sorted(outcomes, key=lambda o: o.noise):
            found.setdefault(f"noise: {outcome.noise}", []).append(outcome)
    return {name: rates(some) for name, some in found.items()}


def as_table(result: Result) -> dict[str, Any]:
    """Return the result as plain dictionaries: what was run, the standing, and every rate by group and procedure."""
    table: dict[str, Any] = {
        "schema": 1, "families": list(result.splits), "instances": result.instances, "theorems": result.theorems,
        "seed": result.seed, "wall_s": round(result.wall_s, 1), "median_ms": round(result.median_ms(), 2),
        "acceptance": result.standing().name, "requirements": [], "rates": {}, "by_family": {},
    }  # fmt: skip
    for group in ACCEPTED:
        if result.of(group, OURS):
            found = result.rates(group)
            table["requirements"] += [
                {"group": group, "requirement": str(r), "standing": r.standing(found[r.metric]).name}
                for r in required(group)
            ]
    for group in GROUPS:
        names = dict.fromkeys(p.name for p in PROCEDURES if result.of(group, p.name))
        if names:
            table["rates"][group] = {name: _plain(result.rates(group, name)) for name in names}
            table["by_family"][group] = {name: _plain(found) for name, found in families(result, group).items()}
    return table


def _plain(found: dict[str, Rate]) -> dict[str, Any]:
    return {
        metric: {"hits": r.hits, "total": r.total, "rate": r.hits / r.total, "low": r.low, "high": r.high}
        if r.total
        else None
        for metric, r in found.items()
    }
