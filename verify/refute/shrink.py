"""Shrinking: from what was found to a small case that still breaks the law.

In turn: changes that are not needed are undone; a simpler activation takes the place of the one found; sizes are made
fewer and smaller. Each step is kept if the law still FAILs on other trials, with a p-value well below the level of the
confirmation, so that the confirmation and a later `bigtheta check` see it too. Confirmation is never part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import sympy

from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.plan import schedule
from bigtheta.theory.activation import Activation, u
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.scale import SIZES, geometric
from bigtheta.theory.statement import Sense
from bigtheta.verify.refute.axes import Axis, Variant, changed, hermite_sum
from bigtheta.verify.refute.candidates import combined
from bigtheta.verify.refute.screen import Outcome, Screened, Simulate, breaks, screened

__all__ = ["STRONG", "TRIALS", "complexity", "shrunk"]

TRIALS = 8
"""In the dearest cell: as many as `bigtheta check` takes."""
STRONG = 5e-4
"""p-value, on other trials than those of the confirmation, below which a case is worth confirming."""
_EFFORTS = (1, 2, 4, 8)
_FEWEST_CELLS = 5
_SIMPLE = ("square", "cubic", "tanh", "abs", "relu")
_SUMS = ({3: 0}, {4: 0}, {1: 0, 2: 0}, {1: 0, 3: 0}, {2: 0, 4: 0})


def shrunk(
    found: Screened, simulate: Simulate, *, seconds: float, more_time: Callable[[], bool] = lambda: True
) -> Screened | None:
    """Return the smallest case of a suspect that was reached, or None if it does not break the law on these trials.

    Args:
        found: a suspect, with the law that was simulated.
        simulate: the trials of an experiment, drawn apart from those of the search and of the confirmation.
        seconds: what one simulation of the search may take; sizes are chosen for it.
        more_time: asked before each step.
    """
    best = _strong(found, simulate, more_time=more_time)
    if best is None:
        return None
    for variant in best.candidate.variants:
        rest = tuple(kept for kept in best.candidate.variants if kept is not variant)
        if more_time() and (small := _instead(best, rest, simulate, seconds)) is not None:
            best = small
    for variant in _simpler(best):
        others = tuple(kept for kept in best.candidate.variants if kept.axis is not Axis.ACTIVATIONS)
        if more_time() and (small := _instead(best, (*others, variant), simulate, seconds)) is not None:
            best = small
            break
    while more_time() and (small := _smaller(best, simulate)) is not None:
        best = small
    return best


def complexity(act: Activation) -> tuple[int, int, int]:
    """Return a key that sorts activations from simple to not: polynomials by terms and degree, then by their size.

    >>> complexity(activation("square")) < complexity(activation("u**3 - 2*u")) < complexity(activation("gelu"))
    True
    """
    expression = sympy.expand(act.expression) if act.expression.is_polynomial(u) else act.expression
    if expression.is_polynomial(u):
        return 0, len(sympy.Add.make_args(expression)), int(sympy.degree(expression, u))
    return 1, int(sympy.count_ops(expression)), 0


def _strong(
    found: Screened,
    simulate: Simulate,
    efforts: Sequence[int] = _EFFORTS,
    more_time: Callable[[], bool] = lambda: True,
) -> Screened | None:
    """The case with the least effort at which it breaks its law clearly, or None; the first is always looked at."""
    assert found.law is not None
    act = found.candidate.activation
    for effort in efforts:
        if effort != efforts[0] and not more_time():
            return None
        law = changed(found.law, {"effort": effort})
        try:
            frame = simulate(Experiment.of(law, act, schedule(law.cells, TRIALS * effort)))
            law, judgement, broken = breaks(found, law, frame, STRONG)
        except BigthetaError:
            return None
        if broken:
            return replace(found, law=law, judgement=judgement)
    return None


def _instead(best: Screened, variants: Sequence[Variant], simulate: Simulate, seconds: float) -> Screened | None:
    """The law with these changes in place of those it has, if it is broken clearly still."""
    own = best.candidate.origin.activations
    for act in (
        own[:1] if any(v.axis is Axis.ACTIVATIONS for v in best.candidate.variants) else (best.candidate.activation,)
    ):
        try:
            candidate = combined(best.candidate.origin, variants, act)
        except InvalidInputError:
            continue
        looked = screened(candidate, simulate, seconds=seconds)
        if looked.outcome is Outcome.SUSPECT and (small := _strong(looked, simulate)) is not None:
            return small
    return None


def _simpler(best: Screened) -> Iterator[Variant]:
    """Activations simpler than the one found, if the activation was changed, from the simplest on."""
    if not any(variant.axis is Axis.ACTIVATIONS for variant in best.candidate.variants):
        return
    known = [*map(activation, _SIMPLE), *map(hermite_sum, _SUMS)]
    limit = complexity(best.candidate.activation)
    for act in sorted(known, key=complexity):
        if complexity(act) < limit:
            yield Variant(Axis.ACTIVATIONS, f"activation {act.name}", {"activations": (act,)})


def _smaller(best: Screened, simulate: Simulate) -> Screened | None:
    """The case with a cell less, or with its largest size halved, over a decade at least."""
    assert best.law is not None
    law = best.law
    if law.statement.sense is Sense.PEAK:
        return None
    values, variable = law.sizes.values, SIZES[law.sizes.variable]
    options = []
    if values[-1] / 2 >= 10 * values[0]:
        options.append((round(values[-1] / 2), len(values)))
    elif values[-1] > 10 * values[0]:
        options.append((10 * values[0], len(values)))
    if len(values) > _FEWEST_CELLS:
        options.append((values[-1], len(values) - 1))
    for top, cells in options:
        try:
            other = changed(law, {"sizes": geometric(variable, values[0], top, cells=cells)})
        except InvalidInputError:
            continue
        if other.unmet(best.candidate.activation) is None:
            small = _strong(replace(best, law=other), simulate, efforts=(law.effort,))
            if small is not None:
                return small
    return None
