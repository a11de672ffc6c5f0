"""Hermite coefficients and moments of phi(r G) for many radii r: what Gaussian inputs need, off the unit sphere."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev

from bigtheta.theory.activation import Activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.growth import check_square_integrable
from bigtheta.theory.quadrature import PANEL, panel_nodes, project

__all__ = ["scaled_coefficients", "scaled_moment"]

_FINEST = 64.0
"""Panels shrink with the radius, since phi(r u) varies r times as fast, down to this fraction."""
_BAND = 1.25
"""Radii are interpolated in bands [_BAND^i, _BAND^(i+1)], the same for every call, so that each is computed once."""
_POINTS = 24
"""Chebyshev points of a band; exp, whose moment grows as exp(2 r^2), is what needs as many."""

_Array = npt.NDArray[np.float64]
_Function = Callable[..., _Array]


def scaled_coefficients(act: Activation, radii: _Array, order: int) -> _Array:
    """Return mu_j(r) = E[phi(r G) He_j(G)]/sqrt(j!) for each radius r > 0. Shape (len(radii), order + 1).

    Smooth in r, so computed at Chebyshev points of bands of radii and interpolated.

    Raises:
        InvalidInputError: if a radius is not a positive number, or phi(r G) is not square-integrable.

    >>> from bigtheta.theory.catalogue import activation
    >>> scaled_coefficients(activation("square"), np.array([1.0, 2.0]), 2).round(6)[:, [0, 2]].tolist()
    [[0.5, 0.707107], [2.0, 2.828427]]
    """
    enough = 1 << max(order, 1).bit_length()  # few orders are ever asked of the cache
    return _interpolated(act, _coefficients_at(act, enough), partial(_coefficient_band, act, enough), radii)[
        :, : order + 1
    ]


def scaled_moment(act: Activation, radii: _Array, derivative: int = 0) -> _Array:
    """Return E[phi^(derivative)(r G)^2] for each radius r > 0. Shape (len(radii),).

    Raises:
        InvalidInputError: if a radius is not a positive number, or phi(r G) is not square-integrable.

    >>> from bigtheta.theory.catalogue import activation
    >>> scaled_moment(activation("relu"), np.array([1.0, 3.0])).round(9).tolist()
    [0.5, 4.5]
    """
    return _interpolated(act, _moment_at(act, derivative), partial(_moment_band, act, derivative), radii)[:, 0]


def _coefficients_at(act: Activation, order: int) -> _Function:
    def at(r: float, panel: float = PANEL) -> _Array:
        x, weights = panel_nodes([float(k) / r for k in act.kinks], panel / min(max(1.0, r), _FINEST))
        with np.errstate(under="ignore"):
            damped = weights * act.values(r * x) * np.exp(-(x**2) / 4) / math.sqrt(2 * math.pi)
        return project(x, damped, order)

    return at


def _moment_at(act: Activation, derivative: int) -> _Function:
    phi = act.numeric(derivative)

    def at(r: float, panel: float = PANEL) -> _Array:
        x, weights = panel_nodes([float(k) / r for k in act.kinks], panel / min(max(1.0, r), _FINEST))
        with np.errstate(under="ignore"):
            return np.atleast_1d(np.sum(weights * phi(r * x) ** 2 * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)))

    return at


@lru_cache(maxsize=256)
def _coefficient_band(act: Activation, order: int, index: int) -> _Array:
    """Chebyshev coefficients of mu_0 .. mu_order on a band. Shape (_POINTS, order + 1)."""
    return _fitted(act, _coefficients_at(act, order), _BAND**index, _BAND ** (index + 1))


@lru_cache(maxsize=256)
def _moment_band(act: Activation, derivative: int, index: int) -> _Array:
    return _fitted(act, _moment_at(act, derivative), _BAND**index, _BAND ** (index + 1))


def _interpolated(act: Activation, function: _Function, band: Callable[[int], _Array], radii: _Array) -> _Array:
    """Evaluate a smooth vector function at many radii through the Chebyshev points of bands."""
    try:
        radii = np.asarray(radii, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"radii of {act.name!r}: expected a list of positive numbers but got {radii!r}"
        ) from error
    if radii.ndim != 1 or not radii.size or not np.all(np.isfinite(radii) & (radii > 0)):
        raise InvalidInputError(f"radii of {act.name!r}: expected a list of positive numbers but got {radii!r}")
    index = np.floor(np.log(radii) / math.log(_BAND)).astype(int)
    parts = {int(i): np.flatnonzero(index == i) for i in np.unique(index)}
    values = {}
    for i, here in parts.items():
        low, high = _BAND**i, _BAND ** (i + 1)
        try:
            fit = band(i)
        except InvalidInputError:  # the band reaches beyond where phi(r G) can be integrated; these radii may not
            low, high = float(radii[here].min()), float(radii[here].max())
            fit = _fitted(act, function, low, high)
        values[i] = chebyshev.chebval((2 * radii[here] - low - high) / max(high - low, 1e-300), fit).T
    result = np.empty((len(radii), next(iter(values.values())).shape[1]))
    for i, here in parts.items():
        result[here] = values[i]
    return result


def _fitted(act: Activation, function: _Function, low: float, high: float) -> _Array:
    """Chebyshev coefficients of a vector function of the radius on [low, high]. Shape (_POINTS, its length)."""
    _check(act, function, high)
    nodes = np.cos(np.pi * (np.arange(_POINTS) + 0.5) / _POINTS)
    values = np.stack([function(float(r)) for r in (low + high) / 2 + (high - low) / 2 * nodes])
    weights = np.cos(np.outer(np.arange(_POINTS), np.arccos(nodes))) * (2 / _POINTS)  # orthogonal at these points
    weights[0] /= 2
    return np.asarray(weights @ values)


def _check(act: Activation, function: _Function, radius: float) -> None:
    """Refuse phi(radius G) that is not square-integrable, or that the quadrature does not resolve."""
    check_square_integrable(act, radius)
    with np.errstate(all="ignore"):
        fine, coarse = function(radius, PANEL), function(radius, 2 * PANEL)
        typical = np.abs(act.values(radius * np.linspace(-1, 1, 21))).max()
        gap = np.abs(fine - coarse).max()
    if not np.all(np.isfinite(fine)) or gap > max(1e-6 * np.abs(fine).max(), 1e-12 * typical):
        raise InvalidInputError(
            f"activation {act.name!r} varies or grows too fast at |x| = {radius:.3g} for float64 quadrature; "
            "use inputs of norm near 1"
        )
