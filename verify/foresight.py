"""What is known of a run before it simulates: claims that its sizes cannot decide, controls that cannot FAIL."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bigtheta.theory.law import Law, with_control
from bigtheta.theory.statement import Peak
from bigtheta.verify.cells import FEWEST_SIZES, MIN_DECADES, MIN_SIZES
from bigtheta.verify.peak import unseen

__all__ = ["DesignWarning", "foreseen"]


class DesignWarning(UserWarning):
    """The sizes of a law cannot decide it, or one of its controls; it is run all the same."""


def foreseen(laws: Iterable[Law]) -> list[str]:
    """Return a line for each claim or control that no measurement at these sizes can decide as it should.

    A claim needs five sizes and a decade to PASS, and three sizes to FAIL; a peak needs cells around its place.

    >>> law = Law(name="my-bound", model="rf-kernel", statement="Theta(n)", path={"d": "n"}, sizes={"n": [20, 40, 80]})
    >>> foreseen([law])
    ["law 'my-bound': fewer than 5 sizes never PASS (here 3): add sizes"]
    """
    return [f"law {law.id!r}: {line}" for law in laws for line in (*_of_law(law), *_of_controls(law))]


def _of_law(law: Law) -> list[str]:
    if isinstance(law.statement, Peak):
        return [f"{why}, or it is INCONCLUSIVE" for why in _unseen(law)]
    name, values = law.sizes.variable, sorted(set(law.sizes.values))
    if len(values) < FEWEST_SIZES:
        return [f"fewer than {FEWEST_SIZES} sizes decide nothing (here {len(values)}): give {MIN_SIZES} or more"]
    if len(values) < MIN_SIZES:
        return [f"fewer than {MIN_SIZES} sizes never PASS (here {len(values)}): add sizes"]
    if math.log10(values[-1] / values[0]) < MIN_DECADES - 1e-9:
        span = f"{name} = {values[0]:g} to {values[-1]:g}"
        return [f"{span} is less than one decade, which never PASSes: widen the range"]
    return []


def _of_controls(law: Law) -> list[str]:
    """Of the controls that claim other peaks; one that changes the activation has the cells of the law itself."""
    changed = [with_control(law, control) for control in law.controls if control.statement is not None]
    return [
        f"control {other.statement}: {why}, or it cannot FAIL"
        for other in changed
        if isinstance(other.statement, Peak)
        for why in _unseen(other)
    ]


def _unseen(law: Law) -> list[str]:
    assert isinstance(law.statement, Peak)
    return unseen(law.statement.value(law.size_arrays), law.statement, law.margin)
