"""The fixed point to any number of digits, its derivative, and its limit as a parameter falls to 0.

Newton's method in mpmath from the float64 root, which is on the right branch: each step doubles the digits. The matrix
is I - T with T_{(a,c),q} = sum over R's entries ((i,l), q) of sum_m w_m M_ai M_lc R_{(i,l) q}, M = (F_m - R(G))^{-1}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import sympy

from bigtheta.theory.errors import BigthetaError, InvalidInputError, whole_number
from bigtheta.theory.limits.free_numbers import Coefficients, digits_of
from bigtheta.theory.limits.free_solver import Array, NoConvergenceError

if TYPE_CHECKING:
    from bigtheta.theory.limits.pencil import Extrapolated, Pencil

__all__ = ["at_zero", "derivative", "polish"]

Expr = Any
Value = Any

_GUARD = 15
_MOST = 60
_POWERS = ((5, 15), (6, 15), (7, 15), (4, 15), (8, 15), (10, 40), (12, 40), (14, 40))
"""The ridges 10^-e that a limit is extrapolated from, and the digits each is solved to."""


class _Evaluated:
    """F for each class and atom, R and the output, or their derivatives in one symbol, in the working precision."""

    def __init__(self, coefficients: Coefficients, known: Mapping[Expr, Value], by: Expr = None) -> None:
        def taken(e: Expr) -> Expr:
            return e if by is None else sympy.diff(e, by)

        points = {symbol: digits_of(value) for symbol, value in known.items()}
        parameters = list(points)
        flat = [taken(e) for e in coefficients.constants.values()]
        self.classes = coefficients.classes
        self.places = coefficients.places
        self.weights, self.constants = [], []
        for members in coefficients.classes:
            eigenvalues, weights = coefficients.atoms(members)
            mine = [at for at in coefficients.constants if at in {coefficients.places[p] for p in _pairs(members)}]
            order = [*parameters, *eigenvalues]
            lookup = dict(zip(coefficients.constants, flat, strict=True))
            function = sympy.lambdify(order, [lookup[at] for at in mine], modules="mpmath")
            base, b = coefficients.places[members[0], members[0]], len(members)
            of_atom = []
            for m in range(len(weights)):
                matrix = mpmath.zeros(b)
                numbers = function(*points.values(), *(mpmath.mpf(t[m]) for t in eigenvalues.values()))
                for at, value in zip(mine, numbers, strict=True):
                    matrix[(at - base) // b, (at - base) % b] = value
                of_atom.append(matrix)
            self.constants.append(of_atom)
            self.weights.append([mpmath.mpf(w) for w in weights])
        rest = [taken(e) for e in (*coefficients.push.values(), *coefficients.outputs.values())]
        numbers = sympy.lambdify(parameters, rest, modules="mpmath")(*points.values())
        self.push = {place: mpmath.mpf(x) for place, x in zip(coefficients.push, numbers, strict=False)}
        tail = numbers[len(coefficients.push) :]
        self.output = {at: mpmath.mpf(x) for at, x in zip(coefficients.outputs, tail, strict=True)}

    def pushed(self, traces: list[Any]) -> list[Any]:
        """R(G), a matrix for each class."""
        total = [mpmath.mpf(0)] * len(traces)
        for (row, column), value in self.push.items():
            total[row] += value * traces[column]
        result, at = [], 0
        for members in self.classes:
            b = len(members)
            result.append(mpmath.matrix(b, b))
            for i in range(b * b):
                result[-1][i // b, i % b] = total[at + i]
            at += b * b
        return result

    def inverses(self, traces: list[Any]) -> list[list[Any]]:
        """M for each class and atom."""
        return [
            [(constant - pushed) ** -1 for constant in of_atom]
            for of_atom, pushed in zip(self.constants, self.pushed(traces), strict=True)
        ]

    def mean(self, matrices: list[list[Any]]) -> list[Any]:
        """sum_m w_m of each class, flat."""
        result = []
        for weights, of_atom in zip(self.weights, matrices, strict=True):
            b = of_atom[0].rows
            for i in range(b * b):
                result.append(mpmath.fsum(w * m[i // b, i % b] for w, m in zip(weights, of_atom, strict=True)))
        return result

    def solve(self, inverses: list[list[Any]], right: list[Any], scale: list[Any]) -> list[Any]:
        """(I - T)^{-1} right, entries measured in units of `scale`.

        Raises:
            NoConvergenceError: if the matrix is singular to the working precision.
        """
        total = len(right)
        matrix = mpmath.eye(total)
        where: dict[int, tuple[int, int, int]] = {}
        for index, members in enumerate(self.classes):
            base, b = self.places[members[0], members[0]], len(members)
            where |= {base + i: (index, base, b) for i in range(b * b)}
        for (row, column), value in self.push.items():
            index, base, b = where[row]
            i, last = (row - base) // b, (row - base) % b
            for w, m in zip(self.weights[index], inverses[index], strict=True):
                for a in range(b):
                    left = w * m[a, i] * value
                    if left:
                        for c in range(b):
                            at = base + a * b + c
                            matrix[at, column] -= left * m[last, c] * scale[column] / scale[at]
        units = mpmath.matrix([x / size for x, size in zip(right, scale, strict=True)])
        try:
            solution = mpmath.lu_solve(matrix, units)
        except ZeroDivisionError:
            raise NoConvergenceError(
                "fixed point: its linearisation is singular to the working precision; ask for more digits, or enlarge "
                "the ridge"
            ) from None
        return [x * size for x, size in zip(solution, scale, strict=True)]


def _pairs(members: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(a, b) for a in members for b in members]


def polish(
    coefficients: Coefficients, known: Mapping[Expr, Value], start: Array, digits: int
) -> tuple[list[Any], float]:
    """Return the root next to a float64 one to so many digits, and its relative residual.

    Raises:
        NoConvergenceError: if Newton's method does not reach them from there.
    """
    with mpmath.workdps(digits + _GUARD):
        problem = _Evaluated(coefficients, known)
        traces = [mpmath.mpf(float(x)) for x in start]
        goal = mpmath.mpf(10) ** (-digits - _GUARD // 2)
        scale = [mpmath.mpf(x) for x in coefficients.problem(known).scales(start, 1e-3)]
        for _ in range(_MOST):
            inverses = problem.inverses(traces)
            gap = [g - image for g, image in zip(traces, problem.mean(inverses), strict=True)]
            change = problem.solve(inverses, [-x for x in gap], scale)
            residual = max(abs(x) / size for x, size in zip(gap, scale, strict=True))
            traces = [g + c for g, c in zip(traces, change, strict=True)]
            moved = max(abs(c) / size for c, size in zip(change, scale, strict=True))
            off = max(abs(g - float(x)) / size for g, x, size in zip(traces, start, scale, strict=True))
            if off > 1e-2:
                break
            if moved < goal:
                return traces, float(residual)
        raise NoConvergenceError(
            f"fixed point: {digits} digits were not reached from the float64 root: last step {float(moved):.2e}, "
            f"distance {float(off):.2e}; ask for fewer digits, or enlarge the ridge"
        )


def derivative(
    coefficients: Coefficients, known: Mapping[Expr, Value], traces: list[Any], by: Expr, digits: int
) -> Value:
    """Return d output / d by: (I - T) dG = -sum_m w_m M_m (dF_m - dR(G)) M_m."""
    with mpmath.workdps(digits + _GUARD):
        problem, change = _Evaluated(coefficients, known), _Evaluated(coefficients, known, by)
        inverses, pushed = problem.inverses(traces), change.pushed(traces)
        moved = [
            [m * (force - push) * m for m, force in zip(of_atom, forces, strict=True)]
            for of_atom, forces, push in zip(inverses, change.constants, pushed, strict=True)
        ]
        start = np.array([float(x) for x in traces])
        scale = [mpmath.mpf(x) for x in coefficients.problem(known).scales(start, 1e-3)]
        slope = problem.solve(inverses, [-x for x in problem.mean(moved)], scale)
        terms = [problem.output[at] * slope[at] + change.output[at] * traces[at] for at in problem.output]
        return mpmath.fsum(terms)


def at_zero(law: Pencil, parameter: Any, values: Mapping[Any, Value], by: Any, digits: int) -> Extrapolated:
    """Return the limit of the trace or a derivative as a positive parameter falls to 0, by extrapolation."""
    from bigtheta.theory.limits.pencil import Extrapolated, parameter_symbol

    digits = whole_number("digits", digits, low=1, high=300, where="limit")
    name = parameter_symbol(law, parameter).name
    values = {str(key): value for key, value in values.items()}
    if name in values:
        raise InvalidInputError(f"limit: {name} is sent to 0 but got {name}={values[name]!r}; leave it out")

    def at(ridge: Any, precision: int) -> Any:
        solution = law.solve({**values, name: ridge}, digits=precision)
        return solution.trace if by is None else solution.derivative(by)

    best: Extrapolated | None = None
    failure: BigthetaError | None = None
    many = tuple((digits // 2 + 2 + more, 3 * digits + 10) for more in (0, 3, 6))
    for power, precision in many if digits > 9 else _POWERS:
        try:
            with mpmath.workdps(precision + 10):
                ridge = mpmath.mpf(10) ** -power
                one, half, quarter = (at(ridge / 2**i, precision) for i in range(3))
                coarse, fine = 2 * half - one, 2 * quarter - half
                value = (4 * fine - coarse) / 3
                error = float(abs(value - fine))
        except BigthetaError as caught:
            failure = caught
            continue
        if best is None or error < best.error:
            best = Extrapolated(value if digits > 9 else float(value), error)
        if error <= 10.0**-digits * abs(value):
            break
    if best is None or not best.error <= 10.0**-digits * abs(best.value):
        got = "none" if best is None else f"{float(best.value):.6g} with an error of {best.error:.1e}"
        raise NoConvergenceError(
            f"limit: expected {digits} digits as {name} -> 0 but got {got}; ask for fewer, or stay away from the "
            "threshold where the limit is infinite"
        ) from failure
    return best
