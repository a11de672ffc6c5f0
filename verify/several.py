"""Formulas in several sizes that are no monomial, such as 1/n + 1/k or min(n, k): what their claims leave open.

Such a formula has no exponent of n alone: it has one where n is small beside k, another where it is large. What is
judged is measured/formula, whose exponents are all to be 0. A claim of order leaves the constant of each term open, and
does not tell a sum from its largest term: c/n + d/k is Theta(1/n + 1/k) whatever c and d, and Theta(1/min(n, k)). On a
grid of sizes such a ratio varies, between bounds; to first order in log c and log d it varies with the share that each
term has in the sum, and with log(sum/largest). These are the columns that a fit leaves free. Source: derived.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.scale import SIZES
from bigtheta.theory.statement import Theta

__all__ = ["is_monomial", "open_columns"]

Array = npt.NDArray[np.float64]
Expr = Any


def is_monomial(formula: Expr) -> bool:
    """Whether a formula is a product of functions of one size each, and of logarithms: each size has its exponent.

    >>> n, k = SIZES["n"], SIZES["k"]
    >>> is_monomial(sympy.sqrt(n / k) * sympy.log(n * k)), is_monomial((n**2 + n) / k), is_monomial(1 / n + 1 / k)
    (True, True, False)
    """
    factored = sympy.expand_power_base(sympy.factor_terms(formula, radical=True), force=True)
    for factor in sympy.Mul.make_args(factored):
        base, power = factor.as_base_exp()
        if isinstance(base, sympy.log) and not power.free_symbols:
            continue
        if len(_sizes(factor)) > 1:
            return False
    return True


def open_columns(formula: Expr, sizes: Mapping[str, Array]) -> Array | None:
    """Return what a claim of order leaves open, to first order: a column for each way. Shape (cells, columns).

    None if that is nothing: the formula has no sum, min or max of terms in several sizes that are all positive.

    >>> n, k = SIZES["n"], SIZES["k"]
    >>> open_columns(n + k, {"n": np.array([1.0, 1.0]), "k": np.array([1.0, 3.0])}).round(3).tolist()
    [[0.5, 0.693], [0.75, 0.288]]
    """
    columns: list[Array] = []
    for node in sympy.preorder_traversal(formula):
        if isinstance(node, sympy.Add | sympy.Min | sympy.Max) and len(_sizes(node)) > 1:
            columns += _columns(node, sizes)
    return np.column_stack(columns) if columns else None


def _columns(node: Expr, sizes: Mapping[str, Array]) -> list[Array]:
    """The share of each term but the last, and log(sum/largest); of a min those of the reciprocals."""
    try:
        terms = np.stack([Theta(term).value(sizes) for term in node.args], axis=1)
    except InvalidInputError:  # a term that is not positive: it is no order of its own
        return []
    if isinstance(node, sympy.Min):
        terms = 1 / terms
    terms = terms / terms.max(1, keepdims=True)
    total = terms.sum(1)
    return [*(terms / total[:, None]).T[:-1], np.log(total)]


def _sizes(formula: Expr) -> set[Expr]:
    return set(formula.free_symbols & set(SIZES.values()))
