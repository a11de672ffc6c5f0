"""What the limits for quadratic targets share: the pair (E, S), its universal bound, moments of phi, spectra, checks.

[DB] = Dohmatob and Bietti 2022, arXiv:2203.11864. Target f*(x) = x^T B x + b0, x ~ N(0, I_d); m neurons, m/d -> rho.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import activation
from bigtheta.theory.energy import energy
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.kernel import MAX_TERMS
from bigtheta.theory.quadrature import panels

__all__ = [
    "Moments", "Phi", "QuadraticLimit", "Spectrum", "checked", "coefficients", "mapped", "marchenko_pastur", "moments",
    "read", "result", "robustness_floor", "tail",
]  # fmt: skip

Array = npt.NDArray[np.float64]
Phi = Activation | str | Sequence[float]
"""An activation, a catalogue name, a formula in u, or normalised Hermite coefficients (lambda_0, lambda_1, ...)."""

_NOISE, _REST = 1e-24, 1e-13
_PANELS, _NODES = 32, 14


@dataclass(frozen=True, eq=False)
class QuadraticLimit:
    """E = E (f - f* - mean)^2/(2 |B|_F^2) and S = E |grad f|^2/(4 |B|_F^2): (1, 0) for f = 0, (0, 1) for f = f*.

    The larger S, the less robust f. Floats, or arrays of the shape that the arguments broadcast to.
    """

    error: Any
    robustness: Any

    @property
    def slack(self) -> Any:
        """Return sqrt S - (1 - sqrt E), which is never negative.

        >>> QuadraticLimit(0.25, 0.25).slack
        0.0
        """
        gap = np.sqrt(self.robustness) - (1 - np.sqrt(self.error))
        return gap if np.ndim(gap) else float(gap)


def robustness_floor(error: npt.ArrayLike) -> Any:
    """Return (1 - sqrt E)_+^2, below which S cannot lie for any f of error E: sqrt S >= 1 - sqrt E.

    Stein's identity for a quadratic f*: E grad f . grad f* = 2 Cov(f, f*). The left is at most 4 |B|^2 sqrt S, the
    right at least 4 |B|^2 (1 - sqrt E), by Cauchy-Schwarz. Exact, at any size, and E may count a wrong bias too.

    Args:
        error: E >= 0, a number or an array.

    Raises:
        InvalidInputError: for a negative or infinite error.

    Source: derived.

    >>> robustness_floor(0.25), robustness_floor([0.0, 4.0]).tolist()
    (0.25, [1.0, 0.0])
    """
    values = np.maximum(1 - np.sqrt(checked("robustness_floor", "error", error)), 0.0) ** 2
    return values if values.ndim else float(values)


def checked(
    where: str,
    name: str,
    value: npt.ArrayLike,
    *,
    low: float = 0.0,
    high: float = math.inf,
    strict: bool = False,
    infinite: bool = False,
) -> Array:
    """Return value as float64, every entry from low to high (strict: above low).

    Raises:
        InvalidInputError: naming the first entry outside, or what is not a number.

    >>> checked("nt", "rho", 0.0, strict=True)
    Traceback (most recent call last):
    ...
    bigtheta.theory.errors.InvalidInputError: nt: expected finite rho > 0 but got rho=0.0
    """
    span = f"{name} > {low:g}" if strict else f"{name} >= {low:g}"
    span = ("" if infinite else "finite ") + span if high == math.inf else f"{name} from {low:g} to {high:g}"
    try:
        values = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{where}: expected {span} but got {name}={value!r}") from error
    good = ((values > low) if strict else (values >= low)) & (values <= high)
    good &= infinite | np.isfinite(values)
    if not good.all():
        raise InvalidInputError(f"{where}: expected {span} but got {name}={float(values[~good].flat[0])!r}")
    return values


def result(error: npt.ArrayLike, robustness: npt.ArrayLike) -> QuadraticLimit:
    """Return both broadcast to one shape, as floats if they are scalars; rounding below 0 is cut off."""
    pair = [np.maximum(values, 0.0) for values in np.broadcast_arrays(error, robustness)]
    if pair[0].ndim == 0:
        return QuadraticLimit(float(pair[0]), float(pair[1]))
    return QuadraticLimit(*pair)


def mapped(limit: Callable[..., tuple[float, float]], *arguments: Array) -> QuadraticLimit:
    """Return (E, S) of a function of floats at each point of the broadcast arguments."""
    grid = np.broadcast(*arguments)
    pairs = np.array([limit(*map(float, point)) for point in grid], dtype=np.float64).reshape(*grid.shape, 2)
    return result(pairs[..., 0], pairs[..., 1])


@dataclass(frozen=True)
class Moments:
    """Sums over the normalised Hermite coefficients lambda_j of phi.

    Attributes:
        constant, linear, quadratic: lambda_0, lambda_1, lambda_2.
        psi: sum_{j >= 2} lambda_j^2.
        slope: psi' = sum_{j >= 2} j lambda_j^2.
    """

    constant: float
    linear: float
    quadratic: float
    psi: float
    slope: float


def moments(phi: Phi) -> Moments:
    """Return lambda_0, lambda_1, lambda_2, psi and psi'.

    Raises:
        InvalidInputError: if phi jumps (psi' is infinite), grows too fast, or the coefficients are not finite.

    >>> round(moments("u**2").psi, 12), moments((0.0, 0.0, 2.0)).slope
    (2.0, 8.0)
    """
    values, total, slope = coefficients(phi)
    squares, j = values**2, np.arange(len(values))
    constant, linear, quadratic = map(float, values[:3])
    return Moments(constant, linear, quadratic, tail(squares, total, 2), tail(j * squares, slope, 2))


def read(phi: Phi) -> Activation | Array:
    """Return an activation, or Hermite coefficients as an array.

    Raises:
        InvalidInputError: for an unknown activation, or coefficients that are not finite numbers in a row.
    """
    if isinstance(phi, Activation):
        return phi
    if isinstance(phi, str):
        return activation(phi)
    values = checked("quadratic target", "coefficients", phi, low=-math.inf)
    if values.ndim != 1 or not values.size:
        raise InvalidInputError(f"quadratic target: expected Hermite coefficients in a row but got {phi!r}")
    return values


def coefficients(phi: Phi) -> tuple[Array, float, float]:
    """Return lambda_0, lambda_1, ... (at least three), E phi(G)^2 and E phi'(G)^2.

    Of an activation, the first 801; the two energies may exceed what those sum to.

    Raises:
        InvalidInputError: if phi jumps: E phi'(G)^2 is infinite.
    """
    values = read(phi)
    if isinstance(values, Activation):
        if not values.is_weakly_differentiable:
            raise InvalidInputError(
                f"quadratic target: activation {values.name!r} jumps at {values.kinks[0]}, so E |grad f|^2 is "
                "infinite; use a continuous activation"
            )
        mu, total = panels(values, MAX_TERMS), energy(values).value
        return np.where(mu**2 > _NOISE * total, mu, 0.0), total, energy(values, 1).value
    values = np.append(values, np.zeros(max(3 - values.size, 0)))
    return values, float((values**2).sum()), float((np.arange(len(values)) * values**2).sum())


def tail(terms: Array, total: float, start: int) -> float:
    """Return sum_{j >= start} of terms whose sum is `total`, without cancellation where the terms given are all."""
    rest = total - float(terms.sum())
    return float(terms[start:].sum()) + (rest if rest > _REST * total else 0.0)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A law on the line with finitely many points: eigenvalues, or the nodes of a quadrature.

    Attributes:
        points: shape (N,).
        weights: positive, of sum 1. Shape (N,).
    """

    points: Array
    weights: Array

    @classmethod
    def of(cls, values: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Spectrum:
        """Return the law of eigenvalues, of equal weight unless weights are given (scaled to sum 1).

        Raises:
            InvalidInputError: for an empty or infinite spectrum, or weights that are not positive.

        >>> Spectrum.of([1.0, 3.0]).mean(lambda x: x**2)
        5.0
        """
        points = checked("spectrum", "values", values, low=-math.inf)
        if points.ndim != 1 or not points.size:
            raise InvalidInputError(f"spectrum: expected a row of eigenvalues but got an array of shape {points.shape}")
        given = np.ones_like(points) if weights is None else checked("spectrum", "weights", weights, strict=True)
        if given.shape != points.shape:
            raise InvalidInputError(
                f"spectrum: expected a weight for each of {points.size} values but got {given.size} weights"
            )
        return cls(points, given / given.sum())

    def mean(self, f: Callable[[Array], Array]) -> float:
        """Return the mean of f."""
        return float(f(self.points) @ self.weights)

    def normalised(self) -> Spectrum:
        """Return the law of x / mean x: that of d Gamma for Gamma = B/tr B, x the eigenvalues of B.

        Raises:
            InvalidInputError: if an eigenvalue is negative, or all are 0.
        """
        middle = self.mean(lambda x: x)
        if middle <= 0 or self.points.min() < 0:
            raise InvalidInputError(
                f"spectrum: a covariance needs eigenvalues >= 0, not all 0, but got one of {self.points.min():g}"
            )
        return Spectrum(self.points / middle, self.weights)


@lru_cache(maxsize=128)
def marchenko_pastur(rho: float) -> Spectrum:
    """Return nodes and weights for the law of T = W^T W, W of shape (m, d), rows N(0, I_d/d), m/d -> rho.

    Mass (1 - rho)_+ at 0, exact, and density sqrt((t_+ - t)(t - t_-))/(2 pi t) between t_-+ = (sqrt rho -+ 1)^2. With
    t = t_- + 4 sqrt rho sin^2(v/2) it is 2 rho sin^2 v/(pi t) dv on (0, pi), analytic but for poles on the imaginary
    axis, which come near 0 as rho -> 1; as do those of 1/(1 + theta t) as theta -> inf. Gauss-Legendre on panels that
    halve towards v = 0 is exact to 1e-14 for both, at any distance of the poles above 1e-9.

    Raises:
        InvalidInputError: unless rho is finite and > 0.

    Source: Marchenko and Pastur 1967; the quadrature is derived.

    >>> law = marchenko_pastur(0.5)
    >>> round(law.mean(lambda t: t), 12), float(law.weights[law.points == 0].sum())
    (0.5, 0.5)
    """
    checked("marchenko_pastur", "rho", rho, strict=True)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    edges = math.pi * np.append(0.5 ** np.arange(_PANELS), 0.0)
    half = (edges[:-1] - edges[1:])[:, None] / 2
    v = ((edges[:-1] + edges[1:])[:, None] / 2 + half * nodes).ravel()
    root = math.sqrt(rho)
    points = ((rho - 1) / (root + 1)) ** 2 + 4 * root * np.sin(v / 2) ** 2
    mass = (half * weights).ravel() * 2 * rho * np.sin(v) ** 2 / (math.pi * points)
    if rho < 1:
        points, mass = np.append(points, 0.0), np.append(mass, 1 - rho)
    return Spectrum(points, mass)
