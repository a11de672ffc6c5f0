"""Estimated Gaussian integrals: Gauss-Legendre panels in float64, adaptive quadrature in mpmath for more digits.

For the kernels, which need hundreds of coefficients at float64, and where python-flint is missing. The error is an
estimate, not a proof; `certified` has the proven ones.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
import sympy

from bigtheta.theory.activation import NUMPY_MODULES, Activation, Parity, Piece, mp_number, u
from bigtheta.theory.errors import InvalidInputError, whole_number
from bigtheta.theory.filled import mpmath_function, patched
from bigtheta.theory.growth import check_square_integrable
from bigtheta.theory.number import Estimated

__all__ = ["FLOAT_DIGITS", "MAX_ORDER", "estimate", "estimated_moment", "panel_nodes", "panels", "project"]

FLOAT_DIGITS = 13
MAX_ORDER = 1_000
REACH = 38.0  # e^{-38^2/4} < 1e-156: nothing is left of the Gaussian beyond it
PANEL, _NODES = 0.5, 24


def estimate(act: Activation, j: int, digits: int) -> Estimated:
    """Return mu_j by quadrature: in float64 up to 13 digits, else by mpmath.

    >>> from bigtheta.theory.catalogue import activation
    >>> print(estimate(activation("tanh"), 1, 13))
    0.605705509602159 (estimated, +-1.0e-15)
    """
    check_square_integrable(act)
    if digits > FLOAT_DIGITS:
        return _by_mpmath(act, j, digits)
    # The finer panels' answer; its error: twice its distance from the coarser panels', or the digits asked for.
    fine, coarse = panels(act, j, PANEL)[j], panels(act, j, 2 * PANEL)[j]
    rounding = 1e-15 if digits == FLOAT_DIGITS else 10.0**-digits
    return Estimated(float(fine), float(2 * abs(fine - coarse)) + rounding)


def estimated_moment(pieces: tuple[Piece, ...]) -> Estimated:
    """Return E f(G) in float64 by panels of two widths."""
    act_kinks = [float(p.high) for p in pieces[:-1]]
    results = []
    for panel in (PANEL, 2 * PANEL):
        x, weights = panel_nodes(act_kinks, panel)
        values = np.empty_like(x)
        which = np.searchsorted(np.array(act_kinks), x, side="right")
        for index, piece in enumerate(pieces):
            with np.errstate(all="ignore"):
                try:
                    function = patched(piece.expression, sympy.lambdify(u, piece.expression, modules=NUMPY_MODULES))
                    values[which == index] = function(x[which == index])
                except OverflowError:
                    values[which == index] = math.inf
        results.append(float(np.sum(weights * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) * values)))
    if not all(map(math.isfinite, results)):
        raise InvalidInputError("a Gaussian moment is infinite or leaves the range of float64; rescale the activation")
    return Estimated(results[0], 2 * abs(results[0] - results[1]) + 1e-15 * (1 + abs(results[0])))


def panel_nodes(
    kinks: list[float], panel: float, *, reach: float = REACH
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return Gauss-Legendre nodes and weights on panels of [-reach, reach] that end at the kinks."""
    edges = np.linspace(-reach, reach, 2 * math.ceil(reach / panel) + 1)
    edges = np.unique(np.concatenate([edges, [k for k in kinks if abs(k) < reach]]))
    nodes, weights = _rule()
    half = np.diff(edges)[:, None] / 2
    middle = (edges[1:] + edges[:-1])[:, None] / 2
    return (middle + half * nodes).ravel(), (half * weights).ravel()


@lru_cache(maxsize=1)
def _rule() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Gauss-Legendre nodes and weights on [-1, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights


@lru_cache(maxsize=256)
def panels(act: Activation, order: int, panel: float = PANEL) -> npt.NDArray[np.float64]:
    """Return mu_0, ..., mu_order in float64, by the recurrence of psi_j = He_j e^{-x^2/4}/sqrt(j!).

    Absolute error about 1e-14 times the scale of phi.

    >>> from bigtheta.theory.catalogue import activation
    >>> (panels(activation("square"), 3) + 0.0).round(12).tolist()
    [0.5, 0.0, 0.707106781187, 0.0]
    """
    order = whole_number("order", order, low=0, high=MAX_ORDER, where="panels")
    check_square_integrable(act)
    x, weights = panel_nodes([float(k) for k in act.kinks], panel)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        values = act.values(x)
        damped = weights * values * np.exp(-(x**2) / 4) / math.sqrt(2 * math.pi)
    if not np.all(np.isfinite(damped)) or np.abs(damped[[0, -1]]).max() > 1e-12 * np.abs(damped).max():
        raise InvalidInputError(
            f"activation {act.name!r} grows too fast for float64: {act.expression} is not negligible against the "
            f"Gaussian at |u| = {REACH:g}; rescale it"
        )
    result = project(x, damped, order)
    if act.parity is not Parity.NONE:
        result[(1 if act.parity is Parity.EVEN else 0) :: 2] = 0.0
    result.flags.writeable = False
    return result


def project(x: npt.NDArray[np.float64], damped: npt.NDArray[np.float64], order: int) -> npt.NDArray[np.float64]:
    """Return sum_i damped_i psi_j(x_i) for j = 0, ..., order."""
    result = np.empty(order + 1)
    with np.errstate(under="ignore"):
        previous, current = np.zeros_like(x), np.exp(-(x**2) / 4)
    for j in range(order + 1):
        result[j] = damped @ current
        previous, current = current, (x * current - math.sqrt(j) * previous) / math.sqrt(j + 1)
    return result


def _by_mpmath(act: Activation, j: int, digits: int) -> Estimated:
    """Adaptive quadrature between the kinks, at ten guard digits."""
    with mpmath.workdps(digits + 10 + j // 10):
        reach = mpmath.sqrt(2 * (digits + 15) * mpmath.log(10)) + mpmath.sqrt(4 * j + 2)
        total, error = mpmath.mpf(0), mpmath.mpf(0)
        norm = mpmath.sqrt(2 * mpmath.pi * mpmath.factorial(j))
        for piece in act.pieces:
            phi = mpmath_function(piece.expression)
            low = mp_number(piece.low) if piece.low != -sympy.oo else -reach
            high = mp_number(piece.high) if piece.high != sympy.oo else reach
            edges = [low, *(mpmath.mpf(e) for e in range(math.ceil(low) + 1, math.floor(high), 2)), high]

            def integrand(x: Any, phi: Any = phi) -> Any:
                he = mpmath.mpf(2) ** (-mpmath.mpf(j) / 2) * mpmath.hermite(j, x / mpmath.sqrt(2))
                return phi(x) * he * mpmath.exp(-x * x / 2) / norm

            part, part_error = mpmath.quad(integrand, edges, error=True)
            total, error = total + part, error + part_error
        return Estimated(+total, max(+error, mpmath.mpf(10) ** -digits))
