"""What the commands `hermite` and `predict` print: the symbolic side, without simulation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import sympy

from bigtheta.theory.activation import Activation
from bigtheta.theory.closed import closed_form
from bigtheta.theory.compare import compare
from bigtheta.theory.energy import energy, tail_energy
from bigtheta.theory.errors import BigthetaError
from bigtheta.theory.growth import NoGrowthBoundError, growth_bound
from bigtheta.theory.hermite import expansion
from bigtheta.theory.law import hypothesis_text
from bigtheta.theory.number import Certified, Estimated, Exact, Number
from bigtheta.theory.order import Order, leading_order
from bigtheta.theory.predict import ActivationConstants, Prediction
from bigtheta.theory.scale import Path

__all__ = ["bound_lines", "bound_table", "coefficient_lines", "coefficient_table", "prediction_lines"]


def coefficient_lines(act: Activation, order: int, digits: int) -> Iterator[str]:
    """The activation, its coefficients mu_0 ... mu_order, and its energies, a line each."""
    numbers = expansion(act, order, digits=digits)
    kinks = f"kinks at {', '.join(map(str, act.kinks))}" if act.kinks else "smooth"
    yield f"phi(u) = {act.expression}    {act.parity.value}, {kinks}"
    try:
        yield f"|phi(u)| <= {growth_bound(act)}"
    except NoGrowthBoundError as error:
        yield f"no proven growth bound: {error}"
    if (formula := closed_form(act)) is not None:
        yield f"mu_j = {_general(formula)}"
    yield ""
    for j, number in enumerate(numbers):
        yield f"mu_{j:<4} {number}"
    yield ""
    yield f"E phi(G)^2    {energy(act, digits=digits)}"
    tail = tail_energy(act, order, digits=digits)
    size = tail.high if isinstance(tail, Certified) else tail.value + float(tail.error)
    yield f"beyond mu_{order}  sum of mu_j^2 <= {float(max(size, 0)):.3g} ({_tier(tail)})"
    try:
        yield (
            f"E phi'(G)^2   {energy(act, 1, digits=digits)}"
            if act.is_weakly_differentiable
            else (f"E phi'(G)^2   infinite: phi jumps at {act.kinks[0]}")
        )
    except BigthetaError as error:
        yield f"E phi'(G)^2   {error}"


def coefficient_table(act: Activation, order: int, digits: int) -> dict[str, object]:
    """The same as plain data: decimal strings, so that no digit is lost."""
    rows = []
    for j, number in enumerate(expansion(act, order, digits=digits)):
        row: dict[str, object] = {"j": j, "tier": _tier(number)}
        if isinstance(number, Exact):
            row |= {"value": number.decimal, "exact": str(number.expression)}
        elif isinstance(number, Certified):
            midpoint, radius = number.decimal
            row |= {"value": midpoint, "radius": radius}
        else:
            row |= {"value": str(number.number), "error": float(number.error)}
        rows.append(row)
    formula = closed_form(act)
    return {
        "activation": act.name, "expression": str(act.expression), "parity": act.parity.value,
        "closed_form": None if formula is None else str(formula), "digits": digits, "mu": rows,
    }  # fmt: skip


def prediction_lines(prediction: Prediction) -> Iterator[str]:
    """One law: what it claims, its leading order on the path, and its activations' constants."""
    law, order = prediction.law, prediction.order
    yield f"{law.id}    {law.statement}"
    if law.claim:
        yield f"  {law.claim}"
    yield f"  model        {law.model.kind}"
    yield f"  path         {law.path or 'free'}"
    if order is not None:
        yield f"  on the path  {_order(order)}"
        yield f"  exponents    {_exponents(order.exponents)}"
    if law.hypotheses:
        yield f"  hypotheses   {', '.join(map(hypothesis_text, law.hypotheses))}"
    yield ""
    head = ("mu_0", "mu_1", "mu_2", "a_1", "a_2", "a*", "lambda", "C", "E phi''^2")
    yield f"  {'':12}" + "".join(f"{name:>10}" for name in head)
    for row in prediction.constants:
        yield f"  {row.activation.name:12}" + "".join(f"{text:>10}" for text in _cells(row))
        if row.no_kernel:
            yield f"    no a_j: {row.no_kernel}"
        if row.unmet:
            yield f"    not covered: {row.unmet}"
    if not law.model.activated:
        yield "  a_j is of the kernel's formula; the activation plays no part"


def bound_lines(formulas: list[str], path: Path | None) -> Iterator[str]:
    """The leading order of each formula on the path, and how each compares with the first."""
    for formula in formulas:
        order = leading_order(formula, path=path)
        yield f"{formula}"
        yield f"  on the path  {_order(order)}" + (f"    ({path})" if path else "")
        yield f"  exponents    {_exponents(order.exponents)}"
        value = "" if order.constant.is_Integer else f" = {float(order.constant):.6g}"
        yield f"  constant     {order.constant}{value}"
    for other in formulas[1:]:
        yield str(compare(formulas[0], other, path=path))


def bound_table(formulas: list[str], path: Path | None) -> list[dict[str, object]]:
    """The same as plain data."""
    rows: list[dict[str, object]] = []
    for formula in formulas:
        order = leading_order(formula, path=path)
        row: dict[str, object] = {
            "formula": formula, "path": str(path or ""), "leading_order": str(order), "constant": str(order.constant),
            "exponents": order.exponents,
        }  # fmt: skip
        if rows:
            comparison = compare(formulas[0], formula, path=path)
            row["against_first"] = {
                "relation": comparison.relation, "ratio": str(comparison.ratio), "crossing": comparison.crossing,
                "equal_from": comparison.equal_from, "apart": _finite(comparison.apart),
                "difference": comparison.difference,
            }  # fmt: skip
        rows.append(row)
    return rows


def _finite(x: float | None) -> float | None:
    """None for what is infinite, which JSON has no number for."""
    return None if x is None or math.isinf(x) else x


def _cells(row: ActivationConstants) -> list[str]:
    kernel, shown = row.kernel, [_short(m.value) for m in row.mu]
    if kernel is None:
        shown += 5 * ["-"]
    else:
        numbers = (*kernel.taylor[1:3], kernel.a_star, kernel.effective_ridge, kernel.curvature)
        shown += [_short(float(x)) for x in numbers]
    return [*shown, "kink" if row.curvature_energy is None else f"{row.curvature_energy.value:.4g}"]


def _short(x: float) -> str:
    return "inf" if math.isinf(x) else "0" if abs(x) < 1e-14 else f"{x:.4g}"


def _order(order: Order) -> str:
    return f"{order} as {order.variable} -> infinity"


def _general(formula: Any) -> str:
    """The formula in j, and from which j on it holds."""
    if not isinstance(formula, sympy.Piecewise):
        return f"{formula} for every j"
    first = sum(len(condition.atoms(sympy.Eq)) for _, condition in formula.args)
    return f"{formula.args[-1][0]} for j >= {first}"


def _exponents(exponents: dict[str, str]) -> str:
    return ", ".join(f"{name}: {exponent}" for name, exponent in exponents.items())


def _tier(number: Number) -> str:
    return "exact" if isinstance(number, Exact) else "estimated" if isinstance(number, Estimated) else "certified"
