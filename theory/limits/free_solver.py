"""The fixed point G = sum_m w_m (F_m - R(G))^{-1} of operator-valued free probability, in float64.

G holds the normalised block traces of L^{-1}, L = F - Q. Gaussian integration by parts gives it: L L^{-1} = 1 and
d(L^{-1}) = L^{-1} dQ L^{-1}, so F G - E[Q G Q] G = 1 up to fluctuations, R(G) = E[Q G Q]. R is linear.

**Which root.** Scale every Gaussian matrix by sqrt(s). At s = 0 the answer is F^{-1}, and as long as L stays
invertible for all s in [0, 1] the traces are analytic in s. So the root is followed from s = 0 to 1, by Newton's
method from a prediction, and a step is kept only if each entry's correction is small beside the entry, before the step
or after it, and det(I - T) > 0, where T is the derivative of the right-hand side: the determinant is 1 at s = 0 and a
change of branch would make it vanish. The prediction is a power law in s, as traces rise and fall over many orders
of magnitude; an entry near a zero of its own, as those of two resolvents have, moves along its tangent in log s
instead: a power law never changes sign. Source: derived; the equation is that of arXiv:2504.10754.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bigtheta.theory.errors import BigthetaError

__all__ = ["BranchError", "FixedPoint", "NoConvergenceError", "Root", "follow", "newton", "tangent"]

Array: TypeAlias = npt.NDArray[np.float64]

TOLERANCE = 1e-12
"""Newton's last step, relative to the traces."""
_STALLED = 1e-4
"""A step that no longer falls is rounding below this, and a failure above. It suffices to stay on a branch."""
_EXACT = 1e-10
"""A last step (`Root.error`) above this calls for more digits than float64 has."""
_ON_THE_WAY = 1e-6
_LARGEST_CORRECTION = 0.5
_MOST_STEPS = 400
_STEEPEST = 3.0
"""An entry that moves by a larger power of s is near a zero, not on its way between orders of magnitude."""


class NoConvergenceError(BigthetaError):
    """The fixed point was not reached; the message says how far, with what residual, and what to do."""


class BranchError(BigthetaError):
    """A root was found that is not the physical one: a trace has the wrong sign or size, or the root is unstable."""


@dataclass(frozen=True)
class FixedPoint:
    """The numbers of one fixed-point problem. Size classes are independent but for R.

    Args:
        constants: for each class of b unknowns of one size, F of shape (atoms, b, b), indexed equation, unknown.
        weights: for each class, of shape (atoms,).
        covariance: R as a matrix of shape (N, N), N = sum of b^2: from G's entries (unknown, equation), class by
            class, to R(G)'s entries (equation, unknown).
        active: the entries of G that are not zero for every value of the parameters.
    """

    constants: tuple[Array, ...]
    weights: tuple[Array, ...]
    covariance: Array
    active: npt.NDArray[np.intp]

    def inverses(self, traces: Array, strength: float) -> list[Array]:
        """(F_m - s R(G))^{-1} for each class and atom."""
        pushed, at = strength * (self.covariance @ traces), 0
        result: list[Array] = []
        for constant in self.constants:
            b = constant.shape[-1]
            result.append(
                np.linalg.inv(constant - pushed[at : at + b * b].reshape(b, b)).astype(np.float64, copy=False)
            )
            at += b * b
        return result

    def image(self, inverses: list[Array]) -> Array:
        """sum_m w_m M_m, flat."""
        return np.concatenate([np.tensordot(w, m, 1).ravel() for w, m in zip(self.weights, inverses, strict=True)])

    def response(self, inverses: list[Array]) -> Array:
        """T = K R with K dR = sum_m w_m M_m dR M_m, at strength 1."""
        result, at = np.empty_like(self.covariance), 0
        for weights, m in zip(self.weights, inverses, strict=True):
            b = m.shape[-1]
            if len(m) == 1:
                kernel = (m[0][:, None, :, None] * m[0].T[None, :, None, :]).reshape(b * b, b * b)
            else:
                kernel = np.einsum("m,mai,mlc->acil", weights, m, m, optimize=True).reshape(b * b, b * b)
            result[at : at + b * b] = kernel @ self.covariance[at : at + b * b]
            at += b * b
        return result

    def scales(self, traces: Array, floor: float = 1e-8) -> Array:
        """What each entry G_{ue} is measured against: the larger of itself and floor * sqrt(G_uu G_ee)."""
        parts, at = [], 0
        for constant in self.constants:
            b = constant.shape[-1]
            block = np.abs(traces[at : at + b * b].reshape(b, b))
            root = np.sqrt(np.diag(block))
            parts.append(np.maximum(block, floor * np.outer(root, root)).ravel())
            at += b * b
        scale = np.concatenate(parts)
        return np.where(scale > 1e-200, scale, 1.0)


@dataclass(frozen=True)
class Root:
    """Where Newton's method ended.

    `step` is its last step, entry by entry relative to G, and `error` the same with entries below 1e-4 sqrt(G_uu G_ee)
    measured against that: tiny ones are known to fewer digits. `residual` is |G - (F - R(G))^{-1}|, each entry (u, e)
    relative to the larger of |G_ue| and sqrt(G_uu G_ee). `orientation` is the sign of det(I - T).
    """

    traces: Array
    step: float
    error: float
    residual: float
    orientation: float

    @property
    def converged(self) -> bool:
        """Whether the last step is rounding."""
        return self.step < _STALLED

    @property
    def exact(self) -> bool:
        """Whether float64 was enough; not where the ridge is so small that rounding is magnified by its inverse."""
        return self.error < _EXACT


def newton(
    problem: FixedPoint, traces: Array, strength: float = 1.0, *, most: int = 25, tolerance: float = TOLERANCE
) -> Root:
    """Return the root of G - sum_m w_m (F_m - s R(G))^{-1} that Newton's method reaches from `traces`.

    Entries are scaled by their own size, so that traces of order ridge^{-1} and ridge are found to the same digits.
    """
    on, g, before, done = problem.active, np.zeros_like(traces), np.inf, False
    g[on] = traces[on]
    step = error = residual = np.inf
    orientation = 0.0
    for _ in range(most):
        try:
            inverses = problem.inverses(g, strength)
        except np.linalg.LinAlgError:
            break
        gap = (g - problem.image(inverses))[on]
        scale = problem.scales(g)[on]
        matrix = np.eye(len(on)) - strength * problem.response(inverses)[np.ix_(on, on)]
        matrix *= scale / scale[:, None]
        if not (np.isfinite(matrix).all() and np.isfinite(gap).all()):
            break
        size = problem.scales(g, 1.0)[on]
        residual, orientation = float(np.max(np.abs(gap) / size)), float(np.linalg.slogdet(matrix)[0])
        if done or orientation == 0:
            break
        change = np.linalg.solve(matrix, -gap / scale)
        step = float(np.max(np.abs(change)))
        if step > 1e12:
            break
        error = float(np.max(np.abs(scale * change) / problem.scales(g, 1e-4)[on]))
        g[on] += scale * change
        done = step < tolerance or (step < _STALLED and step > before / 4)
        before = step
    return Root(g, step, error, residual, orientation)


def follow(problem: FixedPoint) -> Root:
    """Return the root at strength 1 that is continued from F^{-1} at strength 0.

    Raises:
        NoConvergenceError: if F is singular, or the steps become too small on the way.
    """
    nothing = np.zeros(len(problem.covariance))
    try:
        inverses = problem.inverses(nothing, 0.0)
    except np.linalg.LinAlgError:
        raise NoConvergenceError(
            "fixed point: the constant part of the pencil is singular, so there is no solution to start from; add a "
            "ridge, as in lam*Identity(n) + X*X.T, and use Pencil.limit for lam -> 0"
        ) from None
    size = float(np.max(np.abs(problem.response(inverses)).sum(axis=1)))
    strength = min(1.0, 1e-2 / (1e-2 + size))
    root, factor = newton(problem, problem.image(inverses), strength), 10.0
    if not root.converged or root.orientation <= 0:
        raise _stuck(strength, root)
    for _ in range(_MOST_STEPS):
        if strength >= 1:
            return newton(problem, root.traces)
        powers = _slope(problem, root.traces, strength)
        while True:
            ahead = min(1.0, strength * factor)
            guess = _predicted(root.traces, powers, ahead / strength)
            found = newton(problem, guess, ahead, most=10, tolerance=_ON_THE_WAY)
            scale = np.max([problem.scales(traces) for traces in (root.traces, guess, found.traces)], axis=0)
            shift = float(np.max(np.abs(found.traces - guess) / scale))
            if found.converged and found.orientation > 0 and shift < _LARGEST_CORRECTION:
                break
            factor = factor**0.5
            if factor < 1 + 1e-6:
                raise _stuck(strength, found)
        root, strength = found, ahead
        factor = factor**2 if shift < 0.05 and factor < 1e3 else factor
    raise _stuck(strength, root)


def _slope(problem: FixedPoint, traces: Array, strength: float) -> Array:
    """d log|G| / d log s, 0 where G vanishes."""
    inverses = problem.inverses(traces, strength)
    response = strength * problem.response(inverses)
    on, scale = problem.active, problem.scales(traces)
    matrix = np.eye(len(on)) - response[np.ix_(on, on)]
    change = np.linalg.solve(matrix * (scale[on] / scale[on][:, None]), (response @ traces)[on] / scale[on])
    powers = np.zeros_like(traces)
    powers[on] = np.where(traces[on] != 0, change * scale[on] / np.where(traces[on] != 0, traces[on], 1.0), 0.0)
    return powers


def _predicted(traces: Array, powers: Array, ratio: float) -> Array:
    """The traces where s is `ratio` times what it was: G ratio^power, or the tangent G (1 + power log ratio)."""
    bent = np.abs(powers) > _STEEPEST
    power_law = traces * ratio ** np.where(bent, 0.0, powers)
    return np.where(bent, traces * (1 + powers * np.log(ratio)), power_law)


def tangent(problem: FixedPoint, traces: Array, forces: list[Array]) -> Array:
    """dG of (I - T) dG = -sum_m w_m M_m (dF_m - dR(G)) M_m, the derivative of the fixed point in a parameter.

    Args:
        forces: dF_m - dR(G) for each class, of shape (atoms, b, b), dR the derivative of R alone.
    """
    inverses = problem.inverses(traces, 1.0)
    moved = [m @ force @ m for m, force in zip(inverses, forces, strict=True)]
    right = -np.concatenate([np.tensordot(w, m, 1).ravel() for w, m in zip(problem.weights, moved, strict=True)])
    scale = problem.scales(traces)
    matrix = np.eye(len(scale)) - problem.response(inverses)
    return scale * np.linalg.solve(matrix * (scale / scale[:, None]), right / scale)


def _stuck(strength: float, root: Root) -> NoConvergenceError:
    return NoConvergenceError(
        f"fixed point: the continuation in the strength of the Gaussian matrices stopped at {strength:.3g} of 1, "
        f"residual {root.residual:.2e}, last step {root.step:.2e}; check that the inverses exist for every "
        "strength, or enlarge the ridge"
    )
