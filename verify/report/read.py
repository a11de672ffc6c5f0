"""Reading reports back: a folder, a report.json or its content, with every field checked.

What is read was perhaps written by others: LaTeX is kept only if it is plain mathematics, and text may hold anything.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from bigtheta.theory.errors import InvalidInputError, printable
from bigtheta.verify.report.facts import ControlFacts, LawFacts, MutantFacts, Solves, Stated
from bigtheta.verify.report.kept import KeptLaw
from bigtheta.verify.report.plain import is_plain_math
from bigtheta.verify.report.report import SCHEMA, Entry, Report
from bigtheta.verify.report.symbols import Symbol
from bigtheta.verify.verdict import Bridge, Cell, Doubt, Exponent, Judgement, Need, Verdict, WithoutFirst

__all__ = ["read_report", "report_from_dict"]

MAX_BYTES = 100_000_000
LARGEST = 1e200
"""Of a number that a page or figure is to show: beyond, percentages and margins leave float64."""


class _Fit(msgspec.Struct, frozen=True):
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    claimed: float | None = None


class _Rejects(msgspec.Struct, frozen=True):
    below: float | None = None
    above: float | None = None


class _Cell(msgspec.Struct, frozen=True):
    sizes: dict[str, int | float]
    trials: int
    mean: float | None = None
    geomean: float | None = None
    low: float | None = None
    high: float | None = None
    predicted: float | None = None
    fit_low: float | None = None
    fit_high: float | None = None


class _Mutant(msgspec.Struct, frozen=True):
    statement: str
    change: str = ""
    wrong: bool = False
    verdict: Verdict | None = None
    latex: str = ""


class _Changes(msgspec.Struct, frozen=True):
    activation: str | None = None
    statement: Stated | None = None


class _Judgement(msgspec.Struct, frozen=True):
    law: str
    activation: str
    statement: str
    verdict: Verdict
    reason: str
    paper: str | None = None
    sense: str = ""
    variable: str = "n"
    slope: _Fit | None = None
    limit: _Fit | None = None
    peak: _Fit | None = None
    margin: float | None = None
    exponent_of: str | None = None
    exponents: tuple[Exponent, ...] = ()
    rejects: _Rejects = _Rejects()
    p_value: float | None = None
    constant: float | None = None
    misfit_p: float | None = None
    tau_break: float | None = None
    ratio_range: tuple[float | None, float | None] | None = None
    limit_target: float | None = 1.0
    local_slopes: tuple[float | None, ...] = ()
    needs: Need | None = None
    more_trials: int | None = None
    larger_sizes: tuple[float, ...] = ()
    relative: bool = False
    deterministic: bool = False
    accelerated: tuple[float, float] | None = None
    doubt: Doubt | None = None
    without_first: WithoutFirst | None = None
    cell_effects: float | None = None
    bridge: Bridge | None = None
    cells: tuple[_Cell, ...] = ()
    fits: Solves | None = None
    sharpness: tuple[_Mutant, ...] = ()
    control: bool = False
    because: str | None = None
    changes: _Changes | None = None
    about: LawFacts | None = None
    spec: dict[str, Any] | None = None


class _Plugin(msgspec.Struct, frozen=True):
    entry_points: tuple[str, ...] = ()
    files: dict[str, str] = {}


class _Partial(msgspec.Struct, frozen=True):
    done: int
    total: int


class _Provenance(msgspec.Struct, frozen=True):
    """What renderers rely on; the rest is passed on."""

    versions: dict[str, str] = {}
    plugins: tuple[_Plugin, ...] = ()
    wall_s: float | None = None
    partial: _Partial | None = None


class _File(msgspec.Struct, frozen=True):
    schema: int
    judgements: tuple[_Judgement, ...]
    provenance: dict[str, Any]


def read_report(where: str | Path) -> Report:
    """Read the report of a folder, or a report.json itself.

    Raises:
        InvalidInputError: if there is none, or it is none of this schema.
    """
    path = Path(where)
    try:
        file = path / "report.json" if path.is_dir() else path
        with file.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInputError(
            f"cannot read the report {str(path)!r}: {reason}; name a folder that `bigtheta verify --out` wrote"
        ) from error
    if len(text) > MAX_BYTES:
        raise InvalidInputError(f"the report {str(file)!r} is larger than {MAX_BYTES} bytes")
    try:
        return report_from_dict(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidInputError(f"the report {str(file)!r} is not JSON: {error}") from error
    except InvalidInputError as error:
        raise InvalidInputError(f"{error} (in {str(file)!r})") from error


def report_from_dict(content: object) -> Report:
    """Rebuild a report from what report.json holds; see `Report.from_dict`."""
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema is not None and schema != SCHEMA:
        raise InvalidInputError(f"report: expected schema {SCHEMA} but got schema={schema!r}; update bigtheta")
    try:
        read = msgspec.convert(content, _File)
        msgspec.convert(read.provenance, _Provenance)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidInputError(f"report: {printable(str(error))}") from error
    _check_numbers(content)
    known: dict[LawFacts, tuple[LawFacts, KeptLaw]] = {}  # entries of one law share one object
    entries = []
    for kept in read.judgements:
        facts = _facts(kept)
        entries.append(_entry(kept, *known.setdefault(facts, (facts, KeptLaw(kept.spec)))))
    return Report(tuple(entries), read.provenance)


def _check_numbers(content: Any) -> None:
    """Refuse a number that no page or figure can show."""
    left = [content["judgements"]]
    while left:
        value = left.pop()
        if isinstance(value, int | float) and abs(value) > LARGEST:
            raise InvalidInputError(f"report: a number above {LARGEST:g} in judgements, which no figure can show")
        left += value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()


def _entry(kept: _Judgement, facts: LawFacts, law: KeptLaw) -> Entry:
    control = None
    if kept.control:
        changes = kept.changes or _Changes()
        claimed = None if changes.statement is None else _plain(changes.statement)
        if changes.activation is not None and not facts.activations:
            raise InvalidInputError(f"report: a control of {kept.law!r} changes the activation but its law has none")
        control = ControlFacts(kept.because or "", changes.activation, claimed)
    sharpness = tuple(
        MutantFacts(_plain(Stated(m.statement, m.latex)), m.change, m.wrong, m.verdict) for m in kept.sharpness
    )
    return Entry(facts, kept.activation, _judgement(kept), control, None, sharpness, solved=kept.fits, kept=law)


def _facts(kept: _Judgement) -> LawFacts:
    """The facts of the law, with mathematics that can be trusted; little of them in a report without `about`."""
    facts = kept.about
    if facts is None:
        return LawFacts(id=kept.law, statement=Stated(kept.statement), paper=kept.paper or "")
    symbol = facts.symbol
    return msgspec.structs.replace(
        facts,
        id=kept.law,
        statement=_plain(facts.statement),
        symbol=symbol if is_plain_math(symbol.latex) else Symbol(symbol.name, symbol.text, "", symbol.meaning),
        path=_plain(facts.path),
        hypotheses=tuple(map(_plain, facts.hypotheses)),
        paper=kept.paper or "",
    )


def _plain(stated: Stated) -> Stated:
    return stated if is_plain_math(stated.latex) else Stated(stated.text)


def _judgement(kept: _Judgement) -> Judgement:
    fit = kept.slope or kept.limit or kept.peak or _Fit()
    low, high = (fit.low, fit.high) if fit.estimate is None else map(_number, (fit.low, fit.high))
    bridge = kept.bridge
    if bridge is not None and bridge.ratio is not None:
        bridge = replace(bridge, low=_number(bridge.low), high=_number(bridge.high))
    sense = kept.sense or ("Limit" if kept.limit else "Peak" if kept.peak else kept.statement.partition("(")[0])
    low_high = kept.ratio_range
    wrong = [cell for cell in kept.cells if kept.variable not in cell.sizes]
    if wrong:
        raise InvalidInputError(f"report: a cell of {kept.law!r} has no size {kept.variable!r}")
    return Judgement(
        verdict=kept.verdict, reason=kept.reason, statement=kept.statement, sense=sense, variable=kept.variable,
        estimate=fit.estimate, low=low, high=high, claimed=fit.claimed, margin=kept.margin,
        rejects_below=kept.rejects.below, rejects_above=kept.rejects.above, constant=kept.constant,
        misfit_p=kept.misfit_p, tau_break=kept.tau_break,
        ratio_range=None if low_high is None else (_number(low_high[0]), _number(low_high[1])),
        local_slopes=tuple(map(_number, kept.local_slopes)), cells=tuple(map(_cell, kept.cells)),
        exponent_of=kept.exponent_of or "",
        exponents=kept.exponents, p_value=kept.p_value, needs=kept.needs, more_trials=kept.more_trials,
        larger_sizes=kept.larger_sizes, deterministic=kept.deterministic, accelerated=kept.accelerated,
        doubt=kept.doubt, without_first=kept.without_first, cell_effects=kept.cell_effects, bridge=bridge,
        limit_target=_number(kept.limit_target), relative=kept.relative,
    )  # fmt: skip


def _cell(kept: _Cell) -> Cell:
    numbers = (kept.mean, kept.geomean, kept.low, kept.high, kept.predicted, kept.fit_low, kept.fit_high)
    return Cell(kept.sizes, kept.trials, *map(_number, numbers))


def _number(value: float | None) -> float:
    """Null is what JSON had in place of NaN and infinity."""
    return math.nan if value is None else value
