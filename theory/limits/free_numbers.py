"""From a linear system in symbols to the numbers of its fixed point: F, R, the output, and their derivatives.

Blocks are sorted into classes of one size. Within a class of b unknowns G, F and R are b x b, listed row by row, one
class after the other. R(G)_{il} takes c_ij c_kl v s G_{jk} from each Gaussian matrix in block (i, j) whose transpose
is in block (k, l): E[X A X^T] = v Tr(A) 1, with v the variance of an entry and s the size of A.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
import sympy

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.limits.free_solver import Array, BranchError, FixedPoint, NoConvergenceError, Root, tangent
from bigtheta.theory.limits.free_spectrum import Spectrum
from bigtheta.theory.limits.linearise import LinearSystem

__all__ = ["Coefficients", "Term", "check_real", "checked_values", "digits_of"]

Expr = Any
Value = Any

_EXACT_ZERO = 1e-13


@dataclass(frozen=True)
class Term:
    """One summand of R: R(G) at index `row` takes `factor` * variance(letter) * size * (G at index `column`)."""

    row: int
    column: int
    factor: Expr
    letter: Expr
    size: Expr


@dataclass(frozen=True, eq=False)
class Coefficients:
    """F, R and the output of one pencil, as SymPy expressions of its parameters."""

    system: LinearSystem
    gaussians: Mapping[Expr, Expr]
    spectra: Mapping[Expr, Spectrum]
    eigenvalues: Mapping[Expr, Expr]
    classes: tuple[tuple[int, ...], ...]
    places: Mapping[tuple[int, int], int]
    constants: Mapping[int, Expr]
    covariance: tuple[Term, ...]

    @classmethod
    def of(
        cls,
        system: LinearSystem,
        gaussians: Mapping[Expr, Expr],
        spectra: Mapping[Expr, Spectrum],
        eigenvalues: Mapping[Expr, Expr],
    ) -> Coefficients:
        """Sort the blocks by size and collect F and R."""
        sizes = list(dict.fromkeys(system.dims))
        classes = tuple(tuple(u for u, size in enumerate(system.dims) if size == one) for one in sizes)
        places: dict[tuple[int, int], int] = {}
        for members in classes:
            places |= {pair: len(places) + i for i, pair in enumerate((a, b) for a in members for b in members)}
        constants: dict[int, Expr] = {}
        letters: list[tuple[int, int, Expr, bool, Expr]] = []
        for i, row in enumerate(system.rows):
            for u, block in row.items():
                for letter, c in block.items():
                    if letter is None:
                        constants[places[i, u]] = c
                    else:
                        letters.append((i, u, *letter, c))
        covariance = tuple(
            Term(places[i, m], places[j, k], c * other, matrix, system.dims[j])
            for i, j, matrix, transposed, c in letters
            for k, m, same, turned, other in letters
            if same == matrix and transposed != turned
        )
        return cls(system, gaussians, spectra, eigenvalues, classes, places, constants, covariance)

    @cached_property
    def push(self) -> dict[tuple[int, int], Expr]:
        """R as {(row, column): coefficient}."""
        total: dict[tuple[int, int], Expr] = {}
        for term in self.covariance:
            value = term.factor * self.gaussians[term.letter] * term.size
            total[term.row, term.column] = total.get((term.row, term.column), sympy.Integer(0)) + value
        return {place: sympy.cancel(value) for place, value in total.items()}

    @cached_property
    def outputs(self) -> dict[int, Expr]:
        """The expression as sum of coefficient times G's entry."""
        total: dict[int, Expr] = {}
        for u, b, c in self.system.output:
            at = self.places[u, b]
            total[at] = total.get(at, sympy.Integer(0)) + c * self.system.dims[u]
        return total

    @cached_property
    def floors(self) -> dict[int, Expr]:
        """G's entries that are traces of A^{-1} with A >= low, and low."""
        return {self.places[floor.row, floor.row]: floor.low for floor in self.system.floors}

    @cached_property
    def parameters(self) -> tuple[Expr, ...]:
        """Every symbol that needs a value."""
        found: set[Expr] = set()
        for part in (self.constants, self.push, self.outputs, self.floors):
            found |= set().union(*(sympy.sympify(e).free_symbols for e in part.values())) if part else set()
        return tuple(sorted(found - set(self.eigenvalues.values()), key=lambda symbol: symbol.name))

    def atoms(self, members: tuple[int, ...]) -> tuple[dict[Expr, tuple[float, ...]], tuple[float, ...]]:
        """For one class: the eigenvalues of each deterministic matrix of that size, and the weights they share."""
        size = self.system.dims[members[0]]
        here = {m: s for m, s in self.spectra.items() if m.shape[0] == size}
        weights = next(iter(here.values())).weights if here else (1.0,)
        return {self.eigenvalues[m]: s.atoms for m, s in here.items()}, weights

    # -- values in float64 ---------------------------------------------------------------------------------------------

    @cached_property
    def _functions(self) -> dict[Expr, Callable[..., Any]]:
        return {}

    def evaluated(self, known: Mapping[Expr, Value], by: Expr = None) -> tuple[tuple[Array, ...], Array, list[float]]:
        """F for each class and atom, R, and the output's coefficients, or their derivatives in one symbol.

        Raises:
            InvalidInputError: if one is complex, infinite or undefined there.
        """
        order = [*self.parameters, *self.eigenvalues.values()]
        parts = [*self.constants.values(), *self.push.values(), *self.outputs.values()]
        if by not in self._functions:
            taken = parts if by is None else [sympy.diff(part, by) for part in parts]
            self._functions[by] = sympy.lambdify(order, taken, modules="numpy", cse=True)
        parameters = [float(known[symbol]) for symbol in self.parameters]
        atoms = {e: np.array(self.spectra[m].atoms) for m, e in self.eigenvalues.items()}
        try:
            with np.errstate(all="ignore"):
                numbers = self._call(self._functions[by], parameters, atoms)
        except ArithmeticError as error:
            raise InvalidInputError(f"values: a coefficient of the pencil is not finite at {_shown(known)}") from error
        for part, number in zip(parts, numbers, strict=True):
            if not (np.all(np.isfinite(number)) and np.all(np.isreal(number))):
                raise InvalidInputError(
                    f"values: expected real, finite coefficients but {part} is not at {_shown(known)}; change a value"
                )
        numbers = [np.real(number) for number in numbers]
        total = len(self.places)
        where = self._class_of
        constants = tuple(np.zeros((len(self.atoms(members)[1]), len(members) ** 2)) for members in self.classes)
        for at, number in zip(self.constants, numbers, strict=False):
            index, offset = where[at]
            constants[index][:, at - offset] = number
        covariance = np.zeros((total, total))
        for place, number in zip(self.push, numbers[len(self.constants) :], strict=False):
            covariance[place] = number
        shaped = tuple(f.reshape(len(f), len(c), len(c)) for f, c in zip(constants, self.classes, strict=True))
        return shaped, covariance, [float(x) for x in numbers[len(self.constants) + len(self.push) :]]

    def _call(self, function: Callable[..., Any], parameters: list[float], atoms: dict[Expr, Array]) -> list[Any]:
        """Evaluate for all atoms: classes have numbers of atoms of their own, and an entry holds those of one class."""
        if len({len(values) for values in atoms.values()}) <= 1:
            return list(function(*parameters, *atoms.values()))
        most = max(len(values) for values in atoms.values())
        padded = [np.resize(values, most) for values in atoms.values()]
        numbers = list(function(*parameters, *padded))
        for i, at in enumerate(self.constants):
            if isinstance(numbers[i], np.ndarray) and numbers[i].ndim:
                index, _ = self._class_of[at]
                numbers[i] = numbers[i][: len(self.atoms(self.classes[index])[1])]
        return numbers

    @cached_property
    def _class_of(self) -> dict[int, tuple[int, int]]:
        """The class of a flat index and where that class begins."""
        result: dict[int, tuple[int, int]] = {}
        at = 0
        for index, members in enumerate(self.classes):
            result |= {at + i: (index, at) for i in range(len(members) ** 2)}
            at += len(members) ** 2
        return result

    def problem(self, known: Mapping[Expr, Value]) -> FixedPoint:
        """The fixed point in float64."""
        constants, covariance, _ = self.evaluated(known)
        weights = tuple(np.array(self.atoms(members)[1]) for members in self.classes)
        return FixedPoint(constants, weights, covariance, self.active)

    @cached_property
    def generic(self) -> list[Array]:
        """The traces at two random points, at a strength where plain iteration converges: to read off what vanishes."""
        generator, everything = np.random.default_rng(0), np.arange(len(self.places))
        result = []
        for _ in range(2):
            known = {symbol: generator.uniform(0.6, 1.4) for symbol in self.parameters}
            try:
                constants, covariance, _ = self.evaluated(known)
            except InvalidInputError:
                return []
            weights = tuple(np.array(self.atoms(members)[1]) for members in self.classes)
            problem = FixedPoint(constants, weights, covariance, everything)
            try:
                traces = problem.image(problem.inverses(np.zeros(len(everything)), 0.0))
                strength = 0.3 / (1 + float(np.max(np.abs(problem.response(problem.inverses(traces, 0.0))))))
                for _ in range(200):
                    traces = problem.image(problem.inverses(traces, strength))
            except np.linalg.LinAlgError:
                return []
            result.append(traces)
        return result

    @cached_property
    def active(self) -> npt.NDArray[np.intp]:
        """The entries of G that are not zero identically."""
        if not self.generic or not all(np.isfinite(traces).all() for traces in self.generic):
            return np.arange(len(self.places))
        size = np.max(np.abs(np.array(self.generic)), axis=0)
        return np.flatnonzero(size > _EXACT_ZERO * size.max())

    def check_sizes(self, known: Mapping[Expr, Value]) -> None:
        """Refuse a size that is not positive, and a negative variance.

        Raises:
            InvalidInputError: naming it and its value.
        """
        points = {symbol: digits_of(value) for symbol, value in known.items()}
        what = [(size, "a size > 0", True) for size in dict.fromkeys(self.system.dims)]
        what += [(variance, f"a variance >= 0 of {m}'s entries", False) for m, variance in self.gaussians.items()]
        for e, wanted, strict in what:
            if not e.free_symbols <= points.keys():
                continue  # it cancels, so that no value is asked for
            try:
                value = number(e, points)
                valid = bool(value > 0 if strict else value >= 0)
            except (ArithmeticError, TypeError):
                value, valid = "no real number", False
            if not valid:
                shown = value if isinstance(value, str) else mpmath.nstr(value, 10)
                raise InvalidInputError(f"values: expected {wanted} but got {e} = {shown} at {_shown(known)}")

    # -- the answer ----------------------------------------------------------------------------------------------------

    def output(self, known: Mapping[Expr, Value], traces: Any, digits: int) -> Value:
        """The expression at these traces."""
        if digits <= 15:
            numbers = self.evaluated(known)[2]
            return float(sum(c * traces[at] for at, c in zip(self.outputs, numbers, strict=True)))
        with mpmath.workdps(digits + 10):
            points = {symbol: digits_of(value) for symbol, value in known.items()}
            return sum(number(c, points) * traces[at] for at, c in self.outputs.items())

    def entry(self, traces: Any, unknown: int, equation: int) -> Value:
        """One entry of G."""
        count = len(self.system.dims)
        if not (0 <= unknown < count and 0 <= equation < count):
            raise InvalidInputError(
                f"block: expected numbers from 1 to {count} but got ({unknown + 1}, {equation + 1})"
            )
        at = self.places.get((unknown, equation))
        return 0.0 if at is None else traces[at] if not isinstance(traces, np.ndarray) else float(traces[at])

    def flat(self, start: Mapping[tuple[int, int], float], rest: Array) -> Array:
        """A start by entries, the others from `rest`."""
        result = rest.copy()
        for (unknown, equation), value in start.items():
            if (unknown - 1, equation - 1) not in self.places:
                raise InvalidInputError(f"start: block {(unknown, equation)} is not a square block of this pencil")
            result[self.places[unknown - 1, equation - 1]] = value
        return result

    def derivative(self, known: Mapping[Expr, Value], traces: Array, by: Expr) -> float:
        """d output / d by, in float64."""
        d_constants, d_covariance, d_numbers = self.evaluated(known, by)
        pushed, forces = d_covariance @ traces, []
        at = 0
        for change in d_constants:
            b = change.shape[-1]
            forces.append(change - pushed[at : at + b * b].reshape(b, b))
            at += b * b
        moved = tangent(self.problem(known), traces, forces)
        numbers = self.evaluated(known)[2]
        terms = [c * moved[at] + dc * traces[at] for at, c, dc in zip(self.outputs, numbers, d_numbers, strict=True)]
        return float(sum(terms))

    def certify(self, root: Root, known: Mapping[Expr, Value]) -> None:
        """Refuse a root that was not reached or is not the physical one.

        Raises:
            NoConvergenceError, BranchError: with the residual, or the trace that has the wrong sign or size.
        """
        if not root.converged:
            raise NoConvergenceError(
                f"fixed point: Newton's method stopped with residual {root.residual:.2e}, last step {root.step:.2e}; "
                "leave `start` out, so that the root is continued from the constant part, or enlarge the ridge"
            )
        if root.orientation <= 0:
            raise BranchError(
                "fixed point: det(I - T) <= 0, so this root is not joined to the one at strength 0; leave `start` out"
            )
        for at, low in self.floors.items():
            least = float(number(low, {symbol: mpmath.mpf(float(value)) for symbol, value in known.items()}))
            trace = float(root.traces[at])
            if not 0 < trace <= (1 + 1e-9) / least if least > 0 else False:
                raise BranchError(
                    f"fixed point: the normalised trace of an inverse of A >= {low} = {least:.6g} must be in (0, "
                    f"{1 / least:.6g}] but this root gives {trace:.6g}; it is another branch: leave `start` out"
                )


def check_real(system: LinearSystem, variances: Mapping[Expr, Expr]) -> None:
    """Refuse coefficients that are complex or infinite whatever the parameters are; these stand for real numbers.

    Raises:
        InvalidInputError: naming the first.
    """
    found = [c for row in system.rows for block in row.values() for c in block.values()]
    for c in [*found, *(c for *_, c in system.output), *variances.values()]:
        real = c.xreplace({symbol: sympy.Dummy(positive=True) for symbol in c.free_symbols if not symbol.is_real})
        if c is sympy.nan or sympy.expand(real).is_real is False:
            advice = (
                "; write Im (A - e - I b)^-1 as b ((A - e)^2 + b^2)^-1, and Re as (A - e) ((A - e)^2 + b^2)^-1"
                if c.has(sympy.I)
                else ""
            )
            raise InvalidInputError(f"pencil: expected real, finite coefficients but got {c}{advice}")


def _shown(known: Mapping[Expr, Value]) -> str:
    return ", ".join(f"{symbol}={value!r}" for symbol, value in known.items())


def checked_values(values: Mapping[Any, Value], parameters: Iterable[Expr]) -> dict[Expr, Value]:
    """Return a value for each parameter.

    Raises:
        InvalidInputError: for one that is missing, unknown, or not a finite number.
    """
    by_name = {symbol.name: symbol for symbol in parameters}
    given = {str(name): value for name, value in values.items()}
    for name, value in given.items():
        if name not in by_name:
            raise unknown_name("parameter", name, by_name)
        try:
            read = digits_of(value)
            finite = isinstance(read, mpmath.mpf) and bool(mpmath.isfinite(read))
        except (TypeError, ValueError):
            finite = False
        if not finite:
            raise InvalidInputError(f"values: expected a real, finite number but got {name}={value!r}")
    if missing := sorted(set(by_name) - set(given)):
        raise InvalidInputError(f"values: no value for {', '.join(missing)}; give {{{missing[0]!r}: ...}} as well")
    return {by_name[name]: value for name, value in given.items()}


def digits_of(value: Value) -> Any:
    """Return a number as an mpf in the working precision: floats exactly, fractions and strings as written."""
    if isinstance(value, str):
        return mpmath.mpf(value)
    if isinstance(value, float | np.floating):
        return mpmath.mpf(float(value))
    if isinstance(value, sympy.Basic):
        return mpmath.mpmathify(value.evalf(mpmath.mp.dps + 5))
    if hasattr(value, "numerator") and hasattr(value, "denominator"):
        return mpmath.mpf(int(value.numerator)) / int(value.denominator)
    return mpmath.mpf(value)


def number(expression: Expr, points: Mapping[Expr, Any]) -> Any:
    """Return an expression at mpf values, in the working precision."""
    e = sympy.sympify(expression)
    symbols = sorted(e.free_symbols, key=lambda symbol: symbol.name)
    return mpmath.mpmathify(sympy.lambdify(symbols, e, modules="mpmath")(*(points[symbol] for symbol in symbols)))
