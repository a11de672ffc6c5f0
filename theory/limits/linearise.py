"""Linear pencils: a rational expression in matrices, written as a block of the inverse of a matrix linear in them.

To evaluate E b for a vector b, name every intermediate vector that must be named and write its equation:

    y = A^{-1} v   becomes   A y - v = 0,        a second factor, as in X (W^T p),   becomes   q - W^T p = 0, X q.

The system L u = e_b has one block row (equation) and one block column (unknown) a name, and each block is at most
linear in the Gaussian matrices, L = F - Q. So E b = sum_u c_u u, and Tr E = sum_u c_u Tr (L^{-1})_{u b}. Equal vectors
share a name, and Tr A B = Tr B A is used to find the rotation with the fewest names: (lam + Phi Phi^T)^{-1} with
Phi = mu1 X W^T + mu Z takes 4, for y, p = Phi^T y, X^T y, W^T p. Source: derived; the idea is Schur's complement.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sympy
from sympy.matrices import expressions as matrix

from bigtheta.theory.errors import InvalidInputError

__all__ = ["Floor", "Letter", "LinearSystem", "linearise"]

Expr = Any
Letter = tuple[Expr, bool]
"""A Gaussian matrix, and whether it is transposed."""
Coefficient = dict[Letter | None, Expr]
"""A block: None for the scalar (or deterministic) part times the identity, a letter for the factor of that matrix."""
Vector = dict[int, Coefficient]
"""sum over the unknowns u of coefficient times u."""


@dataclass(frozen=True)
class Floor:
    """The block (L^{-1})_{row row} is A^{-1} with A >= low > 0, so that its normalised trace is in (0, 1/low]."""

    row: int
    low: Expr


@dataclass(frozen=True)
class LinearSystem:
    """L u = e_b: `rows[i][u]` is block (i, u) of L, of shape dims[i] x dims[u].

    The expression is the sum over (u, b, c) in `output` of c Tr (L^{-1})_{u b}.
    """

    dims: tuple[Expr, ...]
    rows: tuple[Vector, ...]
    output: tuple[tuple[int, int, Expr], ...]
    floors: tuple[Floor, ...]

    def __str__(self) -> str:
        lines = []
        for i, row in enumerate(self.rows):
            terms = [f"{_block(block)} u{u + 1}" for u, block in sorted(row.items())]
            lines.append(" + ".join(terms) + f" = e{i + 1}")
        return "\n".join(lines)


def _block(block: Coefficient) -> str:
    parts = []
    for letter, c in block.items():
        name = "" if letter is None else f"{letter[0]}^T" if letter[1] else f"{letter[0]}"
        parts.append(name if c == 1 and name else f"({c}) {name}".strip())
    return " + ".join(parts) if len(parts) == 1 else f"[{' + '.join(parts)}]"


def linearise(expression: Expr, gaussians: Collection[Expr], deterministic: Mapping[Expr, Expr]) -> LinearSystem:
    """Return the linear system of a sum of scalars times traces, with as few unknowns as the rotations of each give.

    Args:
        expression: built from Trace, +, products, transposes and inverses; a matrix stands for its trace.
        gaussians: the MatrixSymbols with independent Gaussian entries.
        deterministic: for each deterministic symmetric MatrixSymbol, the scalar that stands for its eigenvalue. Those
            of one size are diagonal in one basis.

    Raises:
        InvalidInputError: for a matrix that is in neither, or an operation that is not rational.

    >>> from sympy import Identity, MatrixSymbol, Trace, symbols
    >>> n, d, lam = symbols("n d lam", positive=True)
    >>> X = MatrixSymbol("X", n, d)
    >>> system = linearise(Trace((lam * Identity(n) + X * X.T).inverse()), {X}, {})
    >>> len(system.dims), system.rows[0]
    (2, {0: {None: lam}, 1: {(X, False): 1}})
    """
    sums: dict[Expr, Expr] = {}
    for factor, argument in _traces(expression):
        if argument.shape[0] != argument.shape[1]:
            raise InvalidInputError(f"trace: expected a square matrix but got {argument} of shape {argument.shape}")
        size = argument.shape[0]
        sums[size] = factor * argument if size not in sums else sums[size] + factor * argument
    if not sums:
        raise InvalidInputError(f"pencil: expected a Trace but got {expression}; write Trace(...) of a matrix")
    builder = _Builder(gaussians, deterministic)
    for argument in sums.values():
        trials = []
        for candidate in _rotations(argument):
            trial = builder.copy()
            trial.trace(candidate)
            trials.append(trial)
        builder = min(trials, key=lambda trial: len(trial.rows))
    return builder.system()


def _traces(expression: Expr) -> list[tuple[Expr, Expr]]:
    """The expression as a list of (scalar, matrix): the sum of scalar times trace."""
    if getattr(expression, "is_Matrix", False):
        return [(sympy.Integer(1), expression)]
    marks = {sympy.Dummy(): trace for trace in expression.atoms(matrix.Trace)}
    marked = sympy.expand(expression.xreplace({trace: mark for mark, trace in marks.items()}))
    result = []
    for term in sympy.Add.make_args(marked):
        mark = next((factor for factor in sympy.Mul.make_args(term) if factor in marks), None)
        if mark is None or term.coeff(mark).has(*marks):
            raise InvalidInputError(f"pencil: expected a sum of scalars times one Trace each but got {expression}")
        result.append((term / mark, marks[mark].arg))
    return result


def _rotations(argument: Expr) -> list[Expr]:
    """A B C, B C A, C A B: all have one trace."""
    if not isinstance(argument, matrix.MatMul):
        return [argument]
    factor, factors = argument.as_coeff_matrices()
    turned = [[*factors[i:], *factors[:i]] for i in range(len(factors))]
    return [matrix.MatMul(factor, *order, evaluate=False) for order in turned]


class _Builder:
    """The system while it grows."""

    def __init__(self, gaussians: Collection[Expr], deterministic: Mapping[Expr, Expr]) -> None:
        self.gaussians, self.deterministic = frozenset(gaussians), dict(deterministic)
        self.dims: list[Expr] = []
        self.rows: list[Vector] = []
        self.known: dict[Any, int] = {}
        self.output: list[tuple[int, int, Expr]] = []
        self.floors: list[Floor] = []
        self.depth = 0

    def copy(self) -> _Builder:
        other = _Builder(self.gaussians, self.deterministic)
        other.dims, other.rows = self.dims[:], [dict(row) for row in self.rows]
        other.known, other.output, other.floors = dict(self.known), self.output[:], self.floors[:]
        return other

    def system(self) -> LinearSystem:
        return LinearSystem(tuple(self.dims), tuple(self.rows), tuple(self.output), tuple(self.floors))

    def trace(self, argument: Expr) -> None:
        """Name a source b, evaluate E b, and drop the name b where one equation alone holds it, times a scalar."""
        first = len(self.rows)
        source = self.unknown(argument.shape[0])
        self.rows[source] = {source: {None: sympy.Integer(1)}}
        value = self.apply(argument, {source: {None: sympy.Integer(1)}}, False)
        if not all(self.is_scalar(block) for block in value.values()):
            value = self.named(value, argument.shape[0])
        uses = [i for i in range(first + 1, len(self.rows)) if source in self.rows[i]]
        if len(uses) == 1 and source not in value and self.is_scalar(self.rows[uses[0]][source]):
            row = uses[0]
            factor = -self.rows[row].pop(source)[None]
            self.output += [(u - 1, row - 1, block[None] * factor) for u, block in value.items()]
            self.remove(source)
        else:
            self.output += [(u, source, block[None]) for u, block in value.items()]

    def remove(self, gone: int) -> None:
        """Take out an unknown that no equation holds, and its own equation; those behind it move up by one."""

        def move(u: int) -> int:
            return u - (u > gone)

        del self.rows[gone], self.dims[gone]
        self.rows = [{move(u): block for u, block in row.items()} for row in self.rows]
        self.floors = [Floor(move(floor.row), floor.low) for floor in self.floors]
        self.known = {}

    def is_scalar(self, block: Coefficient) -> bool:
        """Whether a block is a scalar times the identity."""
        return set(block) == {None} and not block[None].free_symbols & set(self.deterministic.values())

    def unknown(self, size: Expr) -> int:
        self.dims.append(size)
        self.rows.append({})
        return len(self.rows) - 1

    def named(self, vector: Vector, size: Expr) -> Vector:
        """The vector as a scalar times one unknown, whose equation is u - v = 0."""
        if len(vector) == 1 and self.is_scalar(next(iter(vector.values()))):
            return vector
        scale: Expr = sympy.Integer(1)
        blocks = [c for block in vector.values() for c in block.values()]
        if len(blocks) == 1 and None not in next(iter(vector.values())):
            scale = blocks[0]
            vector = {u: dict.fromkeys(block, sympy.Integer(1)) for u, block in vector.items()}
        key = _key(vector)
        if key not in self.known:
            self.known[key] = u = self.unknown(size)
            self.rows[u] = _sum({u: {None: sympy.Integer(1)}}, vector, sympy.Integer(-1))
        return {self.known[key]: {None: scale}}

    def apply(self, e: Expr, v: Vector, transposed: bool) -> Vector:
        """E v, or E^T v."""
        if not v or isinstance(e, matrix.ZeroMatrix):
            return {}
        if isinstance(e, matrix.Identity):
            return v
        if isinstance(e, matrix.MatrixSymbol):
            return self.symbol(e, v, transposed)
        if isinstance(e, matrix.Transpose):
            return self.apply(e.arg, v, not transposed)
        if isinstance(e, matrix.MatAdd):
            if any(set(block) != {None} for block in v.values()):
                v = self.named(v, e.shape[0] if transposed else e.shape[1])
            total: Vector = {}
            for term in e.args:
                total = _sum(total, self.apply(term, v, transposed))
            return total
        if isinstance(e, matrix.Inverse):
            return self.inverse(e.arg, v, transposed)
        if isinstance(e, matrix.MatMul):
            factor, factors = e.as_coeff_matrices()
            for matrix_factor in factors if transposed else reversed(factors):
                v = self.apply(matrix_factor, v, transposed)
            return _sum({}, v, factor)
        if isinstance(e, matrix.MatPow) and e.exp.is_Integer:
            for _ in range(abs(int(e.exp))):
                v = self.apply(e.base if e.exp > 0 else matrix.Inverse(e.base), v, transposed)
            return v
        raise InvalidInputError(
            f"pencil: expected sums, products, transposes, inverses and whole powers of matrices but got {e} "
            f"({type(e).__name__}); write it with these"
        )

    def symbol(self, e: Expr, v: Vector, transposed: bool) -> Vector:
        rows = e.shape[0] if transposed else e.shape[1]
        if e in self.deterministic:
            if any(set(block) != {None} for block in v.values()):
                v = self.named(v, rows)
            return {u: {None: block[None] * self.deterministic[e]} for u, block in v.items()}
        if e not in self.gaussians:
            raise InvalidInputError(
                f"pencil: the matrix {e} is neither Gaussian nor deterministic; give its variance in "
                "`gaussians` or its spectrum in `deterministic`"
            )
        if not all(self.is_scalar(block) for block in v.values()):
            v = self.named(v, rows)
        return {u: {(e, transposed): block[None]} for u, block in v.items()}

    def inverse(self, a: Expr, v: Vector, transposed: bool) -> Vector:
        """y with A y - v = 0."""
        key = (a, transposed, _key(v))
        if key not in self.known:
            self.known[key] = y = self.unknown(a.shape[0])
            self.depth += 1
            self.rows[y] = _sum(self.apply(a, {y: {None: sympy.Integer(1)}}, transposed), v, sympy.Integer(-1))
            self.depth -= 1
            low = _floor(a, self.deterministic)
            if self.depth == 0 and low is not None and low.is_positive:
                self.floors.append(Floor(y, low))
        return {self.known[key]: {None: sympy.Integer(1)}}


def _key(v: Vector) -> frozenset[tuple[int, Letter | None, Expr]]:
    return frozenset((u, letter, sympy.expand(c)) for u, block in v.items() for letter, c in block.items())


def _sum(first: Vector, second: Vector, factor: Expr = None) -> Vector:
    """first + factor * second, without what cancels."""
    total = {u: dict(block) for u, block in first.items()}
    for u, block in second.items():
        mine = total.setdefault(u, {})
        for letter, c in block.items():
            c = c if factor is None else factor * c
            mine[letter] = mine[letter] + c if letter in mine else c
    kept = {u: {letter: c for letter, c in block.items() if c != 0} for u, block in total.items()}
    return {u: block for u, block in kept.items() if block}


def _floor(a: Expr, deterministic: Mapping[Expr, Expr]) -> Expr | None:
    """A number c >= 0 with A >= c I, from A's form alone: c I, B B^T, B P B^T, sums, powers, inverses, or None."""
    if isinstance(a, matrix.Identity):
        return sympy.Integer(1)
    if a in deterministic:
        return sympy.Integer(0) if deterministic[a].is_nonnegative else None
    if isinstance(a, matrix.MatAdd):
        lows = [_floor(term, deterministic) for term in a.args]
        return None if any(low is None for low in lows) else sympy.Add(*lows)
    if isinstance(a, matrix.Inverse):
        low = _floor(a.arg, deterministic)
        return sympy.Integer(0) if low is not None and low.is_positive else None
    if isinstance(a, matrix.MatPow) and a.exp.is_Integer and a.exp > 0:
        if a.exp % 2 == 0 and matrix.Transpose(a.base).doit() == a.base.doit():
            return sympy.Integer(0)
        low = _floor(a.base, deterministic)
        return None if low is None else low**a.exp
    if isinstance(a, matrix.MatMul):
        factor, factors = a.as_coeff_matrices()
        if not factor.is_nonnegative:
            return None
        outer = 0
        while len(factors) >= 2 and matrix.Transpose(factors[0]).doit() == factors[-1].doit():
            factors, outer = factors[1:-1], outer + 1
        if len(factors) > 1:
            return None
        low = _floor(factors[0], deterministic) if factors else sympy.Integer(1)
        return None if low is None else sympy.Integer(0) if outer else factor * low
    return None
