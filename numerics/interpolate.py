"""Solving for the interpolator: c with (K + ridge I) c = y, K a Gram matrix; residual and condition checked.

Cholesky first; where it fails, a symmetric eigendecomposition. More labels than parameters: least squares through the
p x p normal equations of the features. Both square the condition of the features, so where both fail and the features
are at hand, their singular values decide. A result always says how it was reached; nothing is jittered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bigtheta.numerics.cholesky import factor_, solve_factored
from bigtheta.theory.errors import whole_number

__all__ = [
    "IN_PLACE", "RESIDUAL_LIMIT", "Solution", "residual_limit", "solve_features", "solve_gram",
    "solve_least_squares", "solve_prefixes",
]  # fmt: skip

RESIDUAL_LIMIT = 1e-6
"""Largest relative residual |K c - y|/|y| of a float64 solve that counts as an interpolator."""
_SINGLE_LIMIT = 1e-3
IN_PLACE = 4096
"""A Gram matrix of so many rows is factored in its own memory, and put back afterwards."""


@dataclass(frozen=True)
class Solution:
    """A solved system. residual = |A c - y|/|y|, the largest over label vectors; condition estimated.

    coefficients has the shape of y, (n,) or (n, r); condition = largest/smallest eigenvalue. parameters are those of
    the features, (p,) or (p, r), where they were solved for: least squares, and "svd"; both are then the same.

    status: "ok" (Cholesky), "eigh" (Cholesky failed, eigenvalues did it), "svd" (they failed too, singular values of
    the features did it), "least-squares" (more labels than parameters, no interpolation asked), or "failed" (residual
    above `residual_limit` or not finite).
    """

    coefficients: Tensor
    residual: float
    condition: float
    status: str
    parameters: Tensor | None = None


def residual_limit(dtype: torch.dtype) -> float:
    """Return the largest relative residual that counts as an interpolator: 1e-6, in float32 1e-3.

    A stable solve leaves a residual of at most about eps times the condition, so a limit of 1e-3 lets float32 go as far
    as condition 1e4, where its coefficients still have three digits.

    >>> residual_limit(torch.float64), residual_limit(torch.float32)
    (1e-06, 0.001)
    """
    return RESIDUAL_LIMIT if dtype == torch.float64 else _SINGLE_LIMIT


def _condition_limit(dtype: torch.dtype) -> float:
    """1e14 in float64, about 2e5 in float32: beyond, a factor says nothing of the smallest eigenvalues."""
    return 0.0222 / torch.finfo(dtype).eps


def solve_gram(
    gram: Tensor, y: Tensor, *, ridge: float = 0.0, features: Callable[[], Tensor] | None = None
) -> Solution:
    """Return c with (K + ridge I) c = y for a symmetric positive definite n x n Gram matrix K.

    y of shape (n,) or (n, r): r label vectors share one factor, at almost no cost. From n = 4096 on the factor is made
    in the memory of `gram`, whose strict upper triangle gives K back at the end: one n x n matrix in all. (The rare way
    by eigenvalues takes several.)

    Args:
        features: makes Phi (n, p) with K = Phi Phi^T; where the Gram matrix fails, `solve_features` takes its place.

    >>> solution = solve_gram(torch.eye(3, dtype=torch.float64) * 4, torch.ones(3, dtype=torch.float64))
    >>> solution.coefficients.tolist(), solution.status
    ([0.25, 0.25, 0.25], 'ok')
    """
    if len(gram) >= IN_PLACE:
        diagonal = gram.diagonal().clone()
        gram.diagonal().add_(ridge)
        try:
            found = _solve(gram, y, lambda: gram)
        finally:
            gram.diagonal().copy_(diagonal)
    else:
        system = gram if ridge == 0 else gram + ridge * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        found = _solve(system.clone(), y, lambda: system)
    if found.status != "failed" or features is None or not math.isfinite(found.residual):
        return found
    return solve_features(features(), y, ridge=ridge)


def _solve(work: Tensor, y: Tensor, system: Callable[[], Tensor]) -> Solution:
    """Solve in the memory of `work`, a copy of `system()`, or that matrix itself, which is then whole at the end."""
    return _by_cholesky(work, y, system) or _by_eigenvalues(system(), y)


def _by_cholesky(work: Tensor, y: Tensor, system: Callable[[], Tensor]) -> Solution | None:
    """The solution from a factor in `work`, or None where it cannot be trusted."""
    found = None
    factored = factor_(work)
    if factored is not None:
        whole = system()
        times = factored.times if whole is work else whole.__matmul__
        c = solve_factored(work, y)
        residual = _residual(times(c), y)
        condition = _condition(times, work)
        if residual <= residual_limit(y.dtype) and condition < _condition_limit(y.dtype):
            found = Solution(c, residual, condition, "ok")
        if whole is work:
            factored.restore_()
    return found


def solve_prefixes(gram: Tensor, y: Tensor, sizes: Sequence[int], *, ridge: float = 0.0) -> list[Solution]:
    """Return the solution of the first m rows and columns for every m in sizes, from one Cholesky factor of all.

    The factor of a leading submatrix is the leading part of the factor, so a whole sweep in n costs one factorisation:
    what a kernel model, or a model of fixed d and k, allows. Where Cholesky fails, each size is solved by itself.

    Raises:
        InvalidInputError: if a size is not from 1 to n.

    >>> gram = torch.eye(3, dtype=torch.float64) * 4
    >>> [s.coefficients.tolist() for s in solve_prefixes(gram, torch.ones(3, dtype=torch.float64), [1, 3])]
    [[0.25], [0.25, 0.25, 0.25]]
    """
    for m in sizes:
        whole_number("size", m, low=1, high=len(gram), where="prefixes")
    system = gram if ridge == 0 else gram + ridge * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    factor, info = torch.linalg.cholesky_ex(system)
    solutions = []
    for m in sizes:
        part, labels = system[:m, :m], y[:m]
        if int(info) == 0:
            lower = factor[:m, :m]
            c = solve_factored(lower, labels)
            residual, condition = _residual(part @ c, labels), _condition(part.__matmul__, lower)
            if residual <= residual_limit(y.dtype) and condition < _condition_limit(y.dtype):
                solutions.append(Solution(c, residual, condition, "ok"))
                continue
        solutions.append(solve_gram(part, labels))
    return solutions


def solve_least_squares(features: Tensor, y: Tensor) -> Solution:
    """Return theta minimising |Phi theta - y| for features Phi of shape (n, p), n > p, by the p x p normal equations.

    The residual reported is that of the normal equations, |Phi^T (Phi theta - y)| / |Phi^T y|. It does not see a
    direction that is lost in rounding, so where Cholesky fails, theta comes from the singular values of Phi.
    """
    gram, right = features.T @ features, features.T @ y
    found = _by_cholesky(gram if len(gram) >= IN_PLACE else gram.clone(), right, lambda: gram)
    if found is not None:
        return replace(found, status="least-squares", parameters=found.coefficients)
    return solve_features(features, y)


def solve_features(features: Tensor, y: Tensor, *, ridge: float = 0.0) -> Solution:
    """Return the least theta that minimises |Phi theta - y|^2 + ridge |theta|^2, by the singular values of Phi (n, p).

    With Phi = U diag(s) V^T, theta = V diag(s/(s^2 + ridge)) U^T y over the s above max(n, p) eps times the largest.
    Its error grows with the condition of Phi, where by a Gram matrix it grows with the square of that. The condition is
    that of Phi Phi^T + ridge I on the range of Phi. For n <= p the residual is |Phi theta + ridge c - y|/|y| with
    theta = Phi^T c; more labels leave one, and it is that of the normal equations,
    |Phi^T (Phi theta - y) + ridge theta|/|Phi^T y|. Shapes: y (n,) or (n, r), theta (p,) or (p, r).

    >>> phi = torch.tensor([[1.0, 1.0], [1.0, 1.0 + 2**-30]], dtype=torch.float64)  # det Phi Phi^T = 2^-60
    >>> found = solve_features(phi, torch.tensor([2.0, 2.0 + 2**-30], dtype=torch.float64))
    >>> found.status, found.coefficients.round(decimals=5).tolist()
    ('svd', [1.0, 1.0])
    """
    n, p = features.shape
    if not bool(torch.isfinite(features).all()):
        lost = torch.full((p, *y.shape[1:]), float("nan")).to(y)
        return Solution(lost, float("nan"), float("nan"), "failed", lost)
    left, values, right = torch.linalg.svd(features, full_matrices=False)
    kept = values > max(n, p) * torch.finfo(values.dtype).eps * values[0]
    left, values, right = left[:, kept], values[kept], right[kept]
    squares = (values.square() + ridge).reshape(-1, *[1] * (y.ndim - 1))
    c = (left.T @ y) / squares
    theta = right.T @ (values.reshape(squares.shape) * c)
    if n > p:
        residual = _residual(features.T @ (features @ theta) + ridge * theta, features.T @ y)
    else:
        residual = _residual(features @ theta + ridge * (left @ c), y)
    condition = float(squares[0] / squares[-1]) if len(values) else float("inf")
    reached = "least-squares" if n > p and ridge == 0 else "svd"
    return Solution(theta, residual, condition, reached if residual <= residual_limit(y.dtype) else "failed", theta)


def _by_eigenvalues(system: Tensor, y: Tensor) -> Solution:
    """Min-norm solution over the eigenvalues above n eps times the largest."""
    if not bool(torch.isfinite(system).all()):
        return Solution(torch.full_like(y, float("nan")), float("nan"), float("nan"), "failed")
    values, vectors = torch.linalg.eigh(system)
    largest = float(values[-1])
    kept = values > len(values) * torch.finfo(values.dtype).eps * largest
    inverse = torch.where(kept, 1 / torch.where(kept, values, 1), 0)
    c = vectors @ (inverse.reshape(-1, *[1] * (y.ndim - 1)) * (vectors.T @ y))
    residual = _residual(system @ c, y)
    smallest = float(values[kept].min()) if bool(kept.any()) else 0.0
    condition = largest / smallest if smallest > 0 else float("inf")
    return Solution(c, residual, condition, "eigh" if residual <= residual_limit(y.dtype) else "failed")


def _residual(reached: Tensor, y: Tensor) -> float:
    ratio = torch.linalg.vector_norm(reached - y, dim=0) / torch.linalg.vector_norm(y, dim=0)
    return float(ratio.max())


def _condition(times: Callable[[Tensor], Tensor], factor: Tensor, *, steps: int = 6) -> float:
    """Estimate largest/smallest eigenvalue by a few power and inverse iterations: a lower bound."""
    start = torch.cos(torch.arange(len(factor), dtype=factor.dtype, device=factor.device) ** 2)
    largest = smallest = start / torch.linalg.vector_norm(start)
    top = inverse = torch.zeros((), dtype=factor.dtype, device=factor.device)
    for _ in range(steps):
        largest = times(largest)
        top = torch.linalg.vector_norm(largest)
        largest = largest / top
        smallest = solve_factored(factor, smallest)
        inverse = torch.linalg.vector_norm(smallest)
        smallest = smallest / inverse
    return float(top * inverse)
