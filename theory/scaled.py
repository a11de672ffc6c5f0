"""Hermite coefficients and moments of phi(r G) for many radii r: what Gaussian inputs need, off the unit sphere."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bigtheta.theory.activation import Activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.growth import check_square_integrable
from bigtheta.theory.quadrature import PANEL, panel_nodes, project

__all__ = ["scaled_coefficients", "scaled_moment"]

_FINEST = 64.0
"""Panels shrink with the radius, since phi(r u) varies r times as fast, down to this fraction."""
_SPREAD = 4.0
"""Radii are interpolated in groups whose largest is at most so many times the smallest."""


def scaled_coefficients(act: Activation, radii: npt.NDArray[np.float64], order: int) -> npt.NDArray[np.float64]:
    """Return mu_j(r) = E[phi(r G) He_j(G)]/sqrt(j!) for each radius r > 0. Shape (len(radii), order + 1).

    Smooth in r, so computed at Chebyshev points of the range of radii and interpolated.

    Raises:
        InvalidInputError: if a radius is not a positive number, or phi(r G) is not square-integrable.

    >>> from bigtheta.theory.catalogue import activation
    >>> scaled_coefficients(activation("square"), np.array([1.0, 2.0]), 2).round(6)[:, [0, 2]].tolist()
    [[0.5, 0.707107], [2.0, 2.828427]]
    """

    def at(r: float, panel: float = PANEL) -> npt.NDArray[np.float64]:
        x, weights = panel_nodes([float(k) / r for k in act.kinks], panel / min(max(1.0, r), _FINEST))
        with np.errstate(under="ignore"):
            damped = weights * act.values(r * x) * np.exp(-(x**2) / 4) / math.sqrt(2 * math.pi)
        return project(x, damped, order)

    return _interpolated(act, at, radii)


def scaled_moment(act: Activation, radii: npt.NDArray[np.float64], derivative: int = 0) -> npt.NDArray[np.float64]:
    """Return E[phi^(derivative)(r G)^2] for each radius r > 0. Shape (len(radii),).

    Raises:
        InvalidInputError: if a radius is not a positive number, or phi(r G) is not square-integrable.

    >>> from bigtheta.theory.catalogue import activation
    >>> scaled_moment(activation("relu"), np.array([1.0, 3.0])).round(9).tolist()
    [0.5, 4.5]
    """
    phi = act.numeric(derivative)

    def at(r: float, panel: float = PANEL) -> npt.NDArray[np.float64]:
        x, weights = panel_nodes([float(k) / r for k in act.kinks], panel / min(max(1.0, r), _FINEST))
        with np.errstate(under="ignore"):
            return np.atleast_1d(np.sum(weights * phi(r * x) ** 2 * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)))

    return _interpolated(act, at, radii)[:, 0]


def _interpolated(
    act: Activation,
    function: Callable[..., npt.NDArray[np.float64]],
    radii: npt.NDArray[np.float64],
    *,
    points: int = 24,
) -> npt.NDArray[np.float64]:
    """Evaluate a smooth vector function at many radii through Chebyshev points of groups of them."""
    try:
        radii = np.asarray(radii, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"radii of {act.name!r}: expected a list of positive numbers but got {radii!r}"
        ) from error
    if radii.ndim != 1 or not radii.size or not np.all(np.isfinite(radii) & (radii > 0)):
        raise InvalidInputError(f"radii of {act.name!r}: expected a list of positive numbers but got {radii!r}")
    check_square_integrable(act, float(radii.max()))
    with np.errstate(all="ignore"):
        fine, coarse = function(float(radii.max()), PANEL), function(float(radii.max()), 2 * PANEL)
        typical = np.abs(act.values(radii.max() * np.linspace(-1, 1, 21))).max()
        gap = np.abs(fine - coarse).max()
    if not np.all(np.isfinite(fine)) or gap > max(1e-6 * np.abs(fine).max(), 1e-12 * typical):
        raise InvalidInputError(
            f"activation {act.name!r} varies or grows too fast at |x| = {radii.max():.3g} for float64 quadrature; "
            "use inputs of norm near 1"
        )
    order = np.argsort(radii)
    groups = np.floor(np.log(radii[order] / radii.min()) / math.log(_SPREAD)).astype(int)
    parts = [_group(function, radii[order][groups == g], points) for g in np.unique(groups)]
    result = np.concatenate(parts)
    return result[np.argsort(order)]


def _group(
    function: Callable[[float], npt.NDArray[np.float64]], radii: npt.NDArray[np.float64], points: int
) -> npt.NDArray[np.float64]:
    if len(radii) <= points:
        return np.stack([function(float(r)) for r in radii])
    low, high = float(radii.min()), float(radii.max())
    if high - low < 1e-12 * high:
        return np.repeat(function(high)[None], len(radii), axis=0)
    nodes = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (np.arange(points) + 0.5) / points)
    fit = np.polynomial.Chebyshev.fit
    values = np.stack([function(float(r)) for r in nodes])
    return np.stack([fit(nodes, column, points - 1, domain=[low, high])(radii) for column in values.T], axis=1)
