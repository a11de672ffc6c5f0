"""Solving for the interpolator: c with (K + ridge I) c = y, K a Gram matrix; residual and condition checked.

Cholesky first; where it fails, a symmetric eigendecomposition. More labels than parameters: least squares through the
p x p normal equations of the features. A result always says how it was reached; nothing is jittered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bigtheta.numerics.cholesky import factor_, solve_factored
from bigtheta.theory.errors import whole_number

__all__ = [
    "IN_PLACE", "RESIDUAL_LIMIT", "Solution", "residual_limit", "solve_gram", "solve_least_squares", "solve_prefixes",
]  # fmt: skip

RESIDUAL_LIMIT = 1e-6
"""Largest relative residual |K c - y|/|y| of a float64 solve that counts as an interpolator."""
_SINGLE_LIMIT = 1e-3
IN_PLACE = 4096
"""A Gram matrix of so many rows is factored in its own memory, and put back afterwards."""


@dataclass(frozen=True)
class Solution:
    """A solved system. residual = |A c - y|/|y|, the largest over label vectors; condition estimated.

    coefficients has the shape of y, (n,) or (n, r); condition = largest/smallest eigenvalue.

    status: "ok" (Cholesky), "eigh" (Cholesky failed, eigenvalues did it), "least-squares" (more labels than
    parameters, no interpolation asked), or "failed" (residual above `residual_limit` or not finite).
    """

    coefficients: Tensor
    residual: float
    condition: float
    status: str


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


def solve_gram(gram: Tensor, y: Tensor, *, ridge: float = 0.0) -> Solution:
    """Return c with (K + ridge I) c = y for a symmetric positive definite n x n Gram matrix K.

    y of shape (n,) or (n, r): r label vectors share one factor, at almost no cost. From n = 4096 on the factor is made
    in the memory of `gram`, whose strict upper triangle gives K back at the end: one n x n matrix in all. (The rare way
    by eigenvalues takes several.)

    >>> solution = solve_gram(torch.eye(3, dtype=torch.float64) * 4, torch.ones(3, dtype=torch.float64))
    >>> solution.coefficients.tolist(), solution.status
    ([0.25, 0.25, 0.25], 'ok')
    """
    if len(gram) >= IN_PLACE:
        diagonal = gram.diagonal().clone()
        gram.diagonal().add_(ridge)
        try:
            return _solve(gram, y, lambda: gram)
        finally:
            gram.diagonal().copy_(diagonal)
    system = gram if ridge == 0 else gram + ridge * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    return _solve(system.clone(), y, lambda: system)


def _solve(work: Tensor, y: Tensor, system: Callable[[], Tensor]) -> Solution:
    """Solve in the memory of `work`, a copy of `system()`, or that matrix itself, which is then whole at the end."""
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
    return found or _by_eigenvalues(system(), y)


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

    The residual reported is that of the normal equations, |Phi^T (Phi theta - y)| / |Phi^T y|.
    """
    solution = solve_gram(features.T @ features, features.T @ y)
    status = "least-squares" if solution.status != "failed" else "failed"
    return Solution(solution.coefficients, solution.residual, solution.condition, status)


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
