"""The spectrum of a deterministic symmetric matrix: atoms t_m of weights w_m, tr f(A) = sum_m w_m f(t_m).

A density is replaced by the atoms of a Gauss-Legendre rule: exact for polynomials of degree 2 nodes - 1 times a
polynomial density, and geometrically accurate in the number of nodes for an analytic one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from bigtheta.theory.errors import InvalidInputError, whole_number

__all__ = ["Spectrum"]


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues and their shares, which are nonnegative and sum to 1.

    Raises:
        InvalidInputError: for lists of unequal length, weights that are negative or do not sum to 1, or numbers that
            are not finite.

    >>> Spectrum((1.0, 3.0), (0.5, 0.5)).moment(1)
    2.0
    """

    atoms: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "atoms", tuple(float(t) for t in self.atoms))
        object.__setattr__(self, "weights", tuple(float(w) for w in self.weights))
        if len(self.atoms) != len(self.weights) or not self.atoms:
            raise InvalidInputError(
                f"spectrum: expected as many weights as atoms, at least one, but got {len(self.atoms)} atoms and "
                f"{len(self.weights)} weights"
            )
        total = math.fsum(self.weights)
        if not all(map(math.isfinite, self.atoms + self.weights)) or min(self.weights) < 0 or abs(total - 1) > 1e-12:
            raise InvalidInputError(
                f"spectrum: expected finite atoms and weights >= 0 that sum to 1 but got atoms={self.atoms!r}, "
                f"weights={self.weights!r} of sum {total!r}"
            )

    @classmethod
    def of(cls, eigenvalues: Iterable[float]) -> Spectrum:
        """Return the spectrum of a list of eigenvalues, of equal share each.

        >>> Spectrum.of([1, 2, 2, 5]).moment(1)
        2.5
        """
        values = tuple(float(t) for t in eigenvalues)
        return cls(values, (1 / len(values),) * len(values) if values else ())

    @classmethod
    def of_density(cls, density: Callable[[float], float], low: float, high: float, *, nodes: int = 64) -> Spectrum:
        """Return the Gauss-Legendre atoms of a density on [low, high], scaled to mass 1.

        Args:
            density: nonnegative; its integral must be 1 to 1e-3, as a check that the interval and the nodes suffice.
            nodes: from 2 to 2000.

        >>> round(Spectrum.of_density(lambda t: 1.0, 0.0, 1.0).moment(2), 12)
        0.333333333333
        """
        nodes = whole_number("nodes", nodes, low=2, high=2000, where="spectrum")
        points, rule = np.polynomial.legendre.leggauss(nodes)
        atoms = [float(low + (high - low) * (x + 1) / 2) for x in points]
        weights = [float(w) * (high - low) / 2 * float(density(t)) for w, t in zip(rule, atoms, strict=True)]
        mass = math.fsum(weights)
        if not abs(mass - 1) < 1e-3:
            raise InvalidInputError(
                f"spectrum: expected a density of mass 1 on [{low!r}, {high!r}] but the rule of {nodes} nodes gives "
                f"{mass!r}; scale it, or give more nodes"
            )
        return cls(tuple(atoms), tuple(w / mass for w in weights))

    def moment(self, power: int) -> float:
        """tr A^power, tr normalised."""
        return math.fsum(w * t**power for t, w in zip(self.atoms, self.weights, strict=True))
