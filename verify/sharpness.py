"""Sharpness: what would have been found of other claims on the same data.

A law that these data PASS says little if its mutants PASS too: the claim with another exponent, another size, without
its logarithm, with another constant. Each is judged by the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import sympy

from bigtheta.theory.errors import BigthetaError
from bigtheta.theory.scale import SIZES
from bigtheta.theory.statement import Sense, Statement
from bigtheta.verify.verdict import Judgement, Verdict

__all__ = ["Mutant", "Tried", "is_discriminating", "mutants", "sharpness"]


@dataclass(frozen=True)
class Mutant:
    """Another claim on the same data.

    Attributes:
        change: what is different, in words.
        wrong: whether it must not PASS if the law is right: it differs by more than the margin, on a side that the
            sense of the statement tells apart.
    """

    statement: Statement
    change: str
    wrong: bool
    verdict: Verdict | None = None


def mutants(claim: Statement, variables: tuple[str, ...], delta: float) -> Iterator[Mutant]:
    """Yield changed claims: exponents off by one and two margins, a swapped size, a logarithm more or less, a constant.

    Args:
        variables: the sizes whose exponents are judged.
        delta: the margin.

    >>> from bigtheta.theory.statement import Theta
    >>> [str(m.statement) for m in mutants(Theta("sqrt(n)"), ("n",), 0.1)][:2]
    ['Theta(n**0.7)', 'Theta(n**0.6)']
    """
    if claim.sense is Sense.PEAK:
        return
    if claim.sense is Sense.LIMIT:
        for steps in (2, 1, -1, -2):
            factor = sympy.Rational(str(round(1 + steps * delta, 10)))
            if factor > 0:
                change = f"constant {100 * abs(steps) * delta:g}% {'larger' if steps > 0 else 'smaller'}"
                yield Mutant(_with(claim, claim.formula * factor), change, abs(steps) > 1)
        return
    for name in variables:
        for steps in (2, 1, -1, -2):
            wrong = abs(steps) > 1 and not (
                (claim.sense is Sense.OMEGA and steps < 0) or (claim.sense is Sense.BIG_O and steps > 0)
            )
            shift = sympy.Rational(str(round(steps * delta, 10)))
            yield Mutant(
                _with(claim, _powers(claim.formula * SIZES[name] ** shift)),
                f"exponent of {name} {'larger' if steps > 0 else 'smaller'} by {abs(steps) * delta:g}", wrong,
            )  # fmt: skip
    for name, other in ((a, b) for a in variables for b in variables if a != b):
        if claim.formula.has(SIZES[name]):
            swapped = claim.formula.subs(SIZES[name], SIZES[other])
            yield Mutant(_with(claim, swapped), f"{other} in place of {name}", claim.sense is Sense.THETA)
    logs = claim.formula.atoms(sympy.log)
    if logs:
        yield Mutant(_with(claim, claim.formula.subs(dict.fromkeys(logs, 1))), "without its logarithm", False)
    else:
        yield Mutant(_with(claim, claim.formula * sympy.log(SIZES[variables[0]])), "with a logarithm more", False)


def sharpness(claim: Statement, judgement: Judgement, judge: Callable[[Statement], Judgement]) -> tuple[Mutant, ...]:
    """Return the mutants of a claim that was fitted, each with its verdict on the same data.

    Args:
        judge: judges a statement on these data.
    """
    if judgement.estimate is None or judgement.margin is None:
        return ()
    variables = tuple(e.variable for e in judgement.exponents) or (judgement.variable,)
    found = []
    for mutant in mutants(claim, variables, judgement.margin):
        try:
            found.append(replace(mutant, verdict=judge(mutant.statement).verdict))
        except BigthetaError:  # a mutant without a value at some size, such as log(1), is no claim
            continue
    return tuple(found)


class Tried(Protocol):
    """A claim that was tried: a mutant, or what a report keeps of one."""

    @property
    def wrong(self) -> bool:
        """Whether it must not PASS."""
        ...

    @property
    def verdict(self) -> Verdict | None:
        """What it got."""
        ...


def is_discriminating(found: Iterable[Tried]) -> bool:
    """Whether no wrong mutant PASSes."""
    return not any(mutant.wrong and mutant.verdict is Verdict.PASS for mutant in found)


def _with(claim: Statement, formula: sympy.Expr) -> Statement:
    return replace(claim, formula=formula)


def _powers(formula: sympy.Expr) -> sympy.Expr:
    """Exponents that are not simple fractions as decimals, for the eye."""
    return formula.replace(
        lambda e: e.is_Pow and e.exp.is_Rational and e.exp.q > 4, lambda e: e.base ** sympy.Float(float(e.exp), 3)
    )
