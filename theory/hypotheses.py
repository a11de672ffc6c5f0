"""Hypotheses as text, as a spec file writes them: `d >= n`, `mu(1) != 0`, `even`, `odd`; read and written here."""

from __future__ import annotations

from typing import Any

from sympy.core.relational import Relational

from bigtheta.theory.activation import Parity
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.expression import FUNCTIONS, parse_expression
from bigtheta.theory.scale import SIZES
from bigtheta.theory.statement import mu

__all__ = ["Hypothesis", "hypothesis_source", "parse_hypothesis"]

Hypothesis = Any  # a SymPy relation in the sizes and mu(j), or a Parity
_NAMED = {parity.value: parity for parity in (Parity.EVEN, Parity.ODD)}


def parse_hypothesis(text: object) -> Hypothesis:
    """Read a hypothesis of a law: a relation in n, d, k and mu(j), or the parity of the activation.

    Args:
        text: such as "d >= n", "n <= d*k/4", "mu(1) != 0"; "even" or "odd"; or a relation or a Parity itself.

    Raises:
        InvalidInputError: if it is neither, or holds or fails whatever the sizes are.

    >>> parse_hypothesis("d >= n"), parse_hypothesis("odd")
    (d >= n, <Parity.ODD: 'odd'>)
    """
    if isinstance(text, Relational | Parity):
        return text
    if isinstance(text, str) and text.strip() in _NAMED:
        return _NAMED[text.strip()]
    if not isinstance(text, str):
        raise InvalidInputError(
            f"hypotheses: expected relations such as d >= n, or a Parity, but got {text!r}; write d >= n, mu(1) != 0, "
            "even or odd"
        )
    symbols = {name: symbol for name, symbol in SIZES.items() if name != "p"}
    found = parse_expression(text, symbols, functions={**FUNCTIONS, "mu": mu}, what="hypothesis")
    if not isinstance(found, Relational):
        raise InvalidInputError(
            f"hypotheses: expected a relation that may hold or not but got {text[:80]!r}; write it as in d >= n, "
            "mu(1) != 0, even or odd"
        )
    for term in found.atoms(mu):
        if len(term.args) != 1 or not term.args[0].is_Integer or term.args[0] < 0:
            raise InvalidInputError(f"hypotheses: expected mu(j), j = 0, 1, ..., but got {term}")
    return found


def hypothesis_source(hypothesis: Hypothesis) -> str:
    """Return the text that `parse_hypothesis` reads back.

    >>> hypothesis_source(parse_hypothesis("mu(1) != 0")), hypothesis_source(Parity.EVEN)
    ('mu(1) != 0', 'even')
    """
    if isinstance(hypothesis, Parity):
        return str(hypothesis.value)
    return f"{hypothesis.lhs} {hypothesis.rel_op} {hypothesis.rhs}"
