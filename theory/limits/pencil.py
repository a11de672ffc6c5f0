"""Free probability for rational expressions in rectangular Gaussian matrices: expression in, deterministic trace out.

    Tr E(X, W, ...) = sum of c size G_{ub},    G = (F - R(G))^{-1},    R(G)_{il} = sum c_ij c_kl var size_j G_{jk}

over the pairs of blocks (i, j) and (k, l) of the linear pencil L = F - Q that hold one Gaussian matrix and its
transpose. A deterministic symmetric matrix is diagonalised: G of its size class is the average over its eigenvalues.
Blocks that are not square have no trace. The normalised traces are off by O(1/size^2) for complex and O(1/size) for
real entries. Source: derived, as in arXiv:2504.10754.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from sympy.matrices.expressions import MatrixSymbol

from bigtheta.theory.errors import InvalidInputError, unknown_name, whole_number
from bigtheta.theory.limits.free_numbers import Coefficients, check_real, checked_values
from bigtheta.theory.limits.free_solver import follow, newton
from bigtheta.theory.limits.free_spectrum import Spectrum
from bigtheta.theory.limits.linearise import LinearSystem, linearise

if TYPE_CHECKING:
    from bigtheta.theory.limits.free_equations import Equations

__all__ = ["Extrapolated", "Pencil", "Solution", "pencil"]

Expr = Any
_MORE_DIGITS = 30
Value = Any
"""A number: int, float, Fraction, mpf, SymPy number, or a string of digits."""


def pencil(
    expression: Expr, gaussians: Mapping[Expr, Expr], deterministic: Mapping[Expr, Spectrum] | None = None
) -> Pencil:
    """Return the linear pencil of a trace, ready to print its equations and to solve them.

    Args:
        expression: scalars times Trace of sums, products, transposes and inverses of matrices; sizes are those of the
            MatrixSymbols, letters or numbers.
        gaussians: for each matrix of independent centred entries, their variance, such as {X: 1/d}.
        deterministic: for each deterministic symmetric matrix, its spectrum; those of one size are diagonal in one
            basis, their atoms listed in one order with the same weights.

    Raises:
        InvalidInputError: for what cannot be read, a matrix of unknown law, or a coefficient that is not real.

    The Marchenko-Pastur law, Tr (lam + X X^T)^{-1} at n = 100, d = 200, entries of variance 1/d:

    >>> from sympy import Identity, MatrixSymbol, Trace, symbols
    >>> n, d, lam = symbols("n d lam", positive=True)
    >>> X = MatrixSymbol("X", n, d)
    >>> law = pencil(Trace((lam * Identity(n) + X * X.T).inverse()), {X: 1 / d})
    >>> print(law.equations())
    g1*(d*g2*v_X + lam) = 1
    g2*(g1*n*v_X + 1) = 1
    v_X = 1/d
    trace = g1*n
    >>> round(law.solve({"n": 100, "d": 200, "lam": 0.5}).trace, 9)
    82.842712475
    """
    spectra = dict(deterministic or {})
    for symbol in [*gaussians, *spectra]:
        if not isinstance(symbol, MatrixSymbol):
            raise InvalidInputError(f"pencil: expected a MatrixSymbol as a key but got {symbol!r}")
        if symbol in gaussians and symbol in spectra:
            raise InvalidInputError(f"pencil: the matrix {symbol} is given both a variance and a spectrum; keep one")
        if symbol in spectra and symbol.shape[0] != symbol.shape[1]:
            raise InvalidInputError(f"pencil: expected a square matrix for a spectrum but {symbol} is {symbol.shape}")
    eigenvalues = {
        matrix: sympy.Symbol(f"t_{matrix}", real=True, nonnegative=True if min(spectrum.atoms) >= 0 else None)
        for matrix, spectrum in spectra.items()
    }
    for size in {matrix.shape[0] for matrix in spectra}:
        if len({spectrum.weights for matrix, spectrum in spectra.items() if matrix.shape[0] == size}) > 1:
            raise InvalidInputError(
                f"pencil: the deterministic matrices of size {size} are diagonal in one basis, so their atoms must be "
                "listed in one order with the same weights; list every pair of eigenvalues"
            )
    system = linearise(expression, gaussians, eigenvalues)
    variances = {matrix: sympy.sympify(variance) for matrix, variance in gaussians.items()}
    check_real(system, variances)
    return Pencil(expression, system, variances, spectra, eigenvalues)


@dataclass(frozen=True, eq=False)
class Pencil:
    """A trace, its linear system, and the fixed point of its block traces; made by `pencil`."""

    expression: Expr
    system: LinearSystem
    gaussians: Mapping[Expr, Expr]
    spectra: Mapping[Expr, Spectrum]
    eigenvalues: Mapping[Expr, Expr]

    @cached_property
    def coefficients(self) -> Coefficients:
        """F, R and the output as functions of the parameters."""
        return Coefficients.of(self.system, self.gaussians, self.spectra, self.eigenvalues)

    @property
    def size(self) -> int:
        """How many blocks the pencil has a side."""
        return len(self.system.dims)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names that need a value, in alphabetical order.

        >>> from sympy import Identity, MatrixSymbol, Trace, symbols
        >>> n, lam = symbols("n lam", positive=True)
        >>> X = MatrixSymbol("X", n, n)
        >>> pencil(Trace((lam * Identity(n) + X * X.T).inverse()), {X: 1 / n}).parameters
        ('lam', 'n')
        """
        return tuple(sorted(symbol.name for symbol in self.coefficients.parameters))

    def equations(self) -> Equations:
        """The fixed point in symbols: print it, or take `.equations` (SymPy Eq) or `.latex()`."""
        from bigtheta.theory.limits.free_equations import equations

        return equations(self)

    def solve(
        self, values: Mapping[Any, Value], *, digits: int = 15, start: Mapping[tuple[int, int], float] | None = None
    ) -> Solution:
        """Return the trace and all block traces at these values of the parameters.

        Args:
            values: a number for each of `parameters`, by name or symbol. Floats are taken as exact binary numbers.
            digits: 15 is float64; more is Newton's method in mpmath from there.
            start: entries (unknown, equation), counted from 1, to begin Newton's method from, in place of the
            continuation.

        Raises:
            InvalidInputError: for a parameter without a value, a name that is none, a size that is not positive, or a
                variance or coefficient that these values make negative, complex or infinite.
            NoConvergenceError: if the fixed point is not reached.
            BranchError: if it is not the physical one: det(I - T) <= 0, or the normalised trace of an inverse of A >=
                low is not in (0, 1/low].
        """
        digits = whole_number("digits", digits, low=1, high=1000, where="solve")
        known = checked_values(values, self.coefficients.parameters)
        self.coefficients.check_sizes(known)
        problem = self.coefficients.problem(known)
        if start is None:
            root = follow(problem)
        else:
            guess = self.coefficients.flat(start, problem.image(problem.inverses(np.zeros(len(problem.covariance)), 0)))
            root = newton(problem, guess, most=60)
        self.coefficients.certify(root, known)
        if digits <= 15 and root.exact:
            return Solution(self, known, root.traces, root.residual, digits, 15)
        from bigtheta.theory.limits.free_digits import polish

        working = max(digits, _MORE_DIGITS)
        traces, residual = polish(self.coefficients, known, root.traces, working)
        return Solution(self, known, traces, residual, digits, working)

    def limit(
        self, parameter: Any, values: Mapping[Any, Value], *, derivative: Any = None, digits: int = 9
    ) -> Extrapolated:
        """Return the trace, or its derivative in a parameter, as a positive parameter such as the ridge falls to 0.

        The traces are followed to small ridges h, h/2, h/4, and the polynomial through them is taken at 0; the error
        is the change from the polynomial through two.

        Raises:
            NoConvergenceError: if no h gives so many digits, as at a threshold where the limit is infinite.
        """
        from bigtheta.theory.limits.free_digits import at_zero

        return at_zero(self, parameter, values, derivative, digits)


@dataclass(frozen=True, eq=False)
class Extrapolated:
    """A limit with the change of the last refinement, an estimate of its error."""

    value: Value
    error: float


@dataclass(frozen=True, eq=False)
class Solution:
    """The block traces at one set of values; numbers are floats, or mpf where more than 15 digits were asked for.

    `residual` is the largest entry of |G - (F - R(G))^{-1}|, entry (u, e) relative to max(|G_ue|, sqrt(G_uu G_ee)).
    """

    pencil: Pencil
    values: Mapping[Expr, Value]
    traces: Any = field(repr=False)
    residual: float
    digits: int
    working: int
    """The digits worked with: more than `digits` where float64 was not enough."""

    @property
    def trace(self) -> Value:
        """The expression, with its sizes: not normalised."""
        return self._shown(self.pencil.coefficients.output(self.values, self.traces, self.working))

    def block(self, unknown: int, equation: int) -> Value:
        """The normalised trace of block (unknown, equation) of L^{-1}, counted from 1; 0 if it is not square."""
        return self._shown(self.pencil.coefficients.entry(self.traces, unknown - 1, equation - 1))

    def derivative(self, parameter: Any) -> Value:
        """d trace / d parameter: the fixed point differentiated, a linear system; exact to the digits of the solution.

        >>> from sympy import Identity, MatrixSymbol, Trace, symbols
        >>> n, lam = symbols("n lam", positive=True)
        >>> X = MatrixSymbol("X", n, n)
        >>> solution = pencil(Trace((lam * Identity(n) + X * X.T).inverse()), {X: 1 / n}).solve({"n": 1, "lam": 0.5})
        >>> round(solution.trace, 9), round(solution.derivative("lam"), 9)  # g = (sqrt(1 + 4/lam) - 1)/2
        (1.0, -1.333333333)
        """
        symbol = parameter_symbol(self.pencil, parameter)
        if self.working <= 15:
            return self.pencil.coefficients.derivative(self.values, self.traces, symbol)
        from bigtheta.theory.limits.free_digits import derivative

        return self._shown(derivative(self.pencil.coefficients, self.values, self.traces, symbol, self.working))

    def _shown(self, value: Value) -> Value:
        return float(value) if self.digits <= 15 else value


def parameter_symbol(law: Pencil, parameter: Any) -> Expr:
    """Return the parameter of that name.

    Raises:
        InvalidInputError: with the close matches.
    """
    by_name = {symbol.name: symbol for symbol in law.coefficients.parameters}
    if str(parameter) not in by_name:
        raise unknown_name("parameter", str(parameter), by_name)
    return by_name[str(parameter)]
