"""The fixed point in symbols: (F - R(G)) G = 1 entry by entry, or an average over the spectrum.

G's entries that vanish identically are left out, and entries that are equal for all values of the parameters share one
letter; both are read off two random points, where algebraic functions that differ are equal with probability 0. An
equation that only says what some entry is, which neither the trace nor another equation holds, is left out too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

if TYPE_CHECKING:
    from bigtheta.theory.limits.free_numbers import Coefficients
    from bigtheta.theory.limits.pencil import Pencil

__all__ = ["Equations", "equations"]

Expr = Any


@dataclass(frozen=True)
class Equations:
    """A polynomial system in the block traces.

    Args:
        system: the linear system L u = e, a line an equation.
        equations: SymPy Eq, in `unknowns` and the parameters; averages over a spectrum as Integral with its density.
        unknowns: each letter, and which blocks (unknown, equation), counted from 1, have that normalised trace.
        variances: the letter of each matrix's variance, and its value.
        trace: the expression in the unknowns.
    """

    system: str
    equations: tuple[Expr, ...]
    unknowns: dict[Expr, tuple[tuple[int, int], ...]]
    variances: dict[Expr, Expr]
    trace: Expr

    @property
    def polynomials(self) -> tuple[Expr, ...]:
        """Left side minus right side, with the variances put in; they vanish at the solution."""
        return tuple(sympy.expand((e.lhs - e.rhs).subs(self.variances)) for e in self.equations)

    def __str__(self) -> str:
        lines = [f"{e.lhs} = {e.rhs}" for e in self.equations]
        lines += [f"{letter} = {value}" for letter, value in self.variances.items()]
        return "\n".join([*lines, f"trace = {self.trace}"])

    @property
    def text(self) -> str:
        """All of it: the linear system, the unknowns, the equations, and the trace."""
        named = [f"{letter} = tr of block {', '.join(map(str, blocks))}" for letter, blocks in self.unknowns.items()]
        return "\n".join([self.system, "", *named, "", str(self)])

    def latex(self) -> str:
        """The equations, the variances and the trace as a LaTeX align environment."""
        lines = [rf"{sympy.latex(e.lhs)} &= {sympy.latex(e.rhs)}" for e in self.equations]
        lines += [rf"{sympy.latex(letter)} &= {sympy.latex(value)}" for letter, value in self.variances.items()]
        lines.append(rf"\operatorname{{Tr}} &= {sympy.latex(self.trace)}")
        return "\\begin{align}\n" + " \\\\\n".join(lines) + "\n\\end{align}"


def equations(law: Pencil) -> Equations:
    """Return the equations of a pencil's block traces."""
    c = law.coefficients
    letters, blocks = _letters(c)
    variances = {matrix: sympy.Symbol(f"v_{matrix}", positive=True) for matrix in law.gaussians}
    pushed: dict[int, Expr] = {}
    for term in c.covariance:
        value = term.factor * variances[term.letter] * term.size * letters.get(term.column, 0)
        pushed[term.row] = pushed.get(term.row, sympy.Integer(0)) + value
    found: dict[tuple[Expr, Expr], None] = {}
    for members in c.classes:
        base, b = c.places[members[0], members[0]], len(members)
        eigenvalues, _ = c.atoms(members)
        entry = [c.constants.get(base + i, sympy.Integer(0)) - pushed.get(base + i, 0) for i in range(b * b)]
        rest = sympy.Matrix(b, b, [sympy.collect(sympy.expand(e), list(blocks)) for e in entry])
        traces = sympy.Matrix(b, b, [letters.get(base + i, sympy.Integer(0)) for i in range(b * b)])
        held = [e for e in eigenvalues if rest.has(e)]
        if held:
            density = sympy.Function("rho")(*held)
            mean = rest.inv().applyfunc(sympy.cancel) * density
            pairs = [
                (traces[i], sympy.Integral(mean[i], *held)) for i in range(b * b) if traces[i] != 0 or mean[i] != 0
            ]
        elif b == 1:
            pairs = [(traces[0] * rest[0], sympy.Integer(1))]
        else:
            product = rest * traces
            pairs = [(sympy.expand(product[i]), sympy.Integer(i % (b + 1) == 0)) for i in range(b * b)]
        found |= dict.fromkeys((left, right) for left, right in pairs if left != right)
    output = sum((value * letters.get(at, 0) for at, value in c.outputs.items()), sympy.Integer(0))
    kept = _needed(list(found), output, set(blocks))
    held_by = set().union(output.free_symbols, *(side.free_symbols for pair in kept for side in pair))
    names = {old: sympy.Symbol(f"g{i + 1}") for i, old in enumerate(letter for letter in blocks if letter in held_by)}
    return Equations(
        str(law.system),
        tuple(sympy.Eq(left.xreplace(names), right.xreplace(names), evaluate=False) for left, right in kept),
        {name: blocks[old] for old, name in names.items()},
        {letter: value for letter, value in zip(variances.values(), law.gaussians.values(), strict=True)},
        output.xreplace(names),
    )


def _needed(pairs: list[tuple[Expr, Expr]], output: Expr, letters: set[Expr]) -> list[tuple[Expr, Expr]]:
    """The equations without those that hold a letter which nothing else holds: they say what it is, and no more."""
    while True:
        held = [letters & (left.free_symbols | right.free_symbols) for left, right in pairs]
        uses = Counter([*(letter for one in held for letter in one), *output.free_symbols])
        kept = [pair for pair, one in zip(pairs, held, strict=True) if all(uses[letter] > 1 for letter in one)]
        if len(kept) == len(pairs):
            return kept
        pairs = kept


def _letters(c: Coefficients) -> tuple[dict[int, Expr], dict[Expr, tuple[tuple[int, int], ...]]]:
    """A letter for each entry of G that does not vanish, one for equal ones; and the blocks of each letter."""
    generic = np.array(c.generic) if c.generic else None
    letters: dict[int, Expr] = {}
    blocks: dict[Expr, tuple[tuple[int, int], ...]] = {}
    first: dict[Any, Expr] = {}
    size_of = {at: c.system.dims[pair[0]] for pair, at in c.places.items()}
    pair_of = {at: pair for pair, at in c.places.items()}
    for at in map(int, c.active):
        key: Any = at if generic is None else (size_of[at], *(f"{x:.9e}" for x in generic[:, at]))
        letter = first.setdefault(key, sympy.Symbol(f"g{len(first) + 1}"))
        letters[at] = letter
        unknown, equation = pair_of[at]
        blocks[letter] = (*blocks.get(letter, ()), (unknown + 1, equation + 1))
    return letters, blocks
