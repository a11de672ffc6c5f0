"""The linear algebra in which one trial and a stack of trials differ; a model is otherwise written once for both.

Shapes are (..., n, d): nothing in front for one trial, b for a stack of b trials of one cell. One trial makes its Gram
matrix block by block and is solved by `interpolate`; a stack takes whole products and one batched Cholesky, which pays
where the time of a trial is that of starting its operations, as for small trials on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from bigtheta.numerics import gram as blocks
from bigtheta.numerics.interpolate import RESIDUAL_LIMIT, Solution, solve_gram, solve_least_squares

__all__ = ["ALONE", "TOGETHER", "TRUSTED", "Algebra", "Answer", "Solved", "Stack", "times"]

TRUSTED = 1e6
"""Largest condition of a system that counts as solved in a stack; beyond it the order of additions shows in 1e-9."""

Block = Callable[[slice, slice], Tensor]
Features = Callable[[], Tensor]
"""Makes the features, as where the Gram matrix does not do. Shape (n, p)."""


class Solved(Protocol):
    """What a solve gives, whichever algebra."""

    @property
    def coefficients(self) -> Tensor:
        """The solution. Shape (..., n)."""
        ...

    @property
    def parameters(self) -> Tensor | None:
        """Of the features, where these were solved for in place of a Gram matrix. Shape (..., p)."""
        ...


Answer = TypeVar("Answer", bound=Solved)
Answer_co = TypeVar("Answer_co", bound=Solved, covariant=True)


class Algebra(Protocol[Answer_co]):
    """What a fit asks for."""

    def symmetric(self, n: int, block: Block, *, like: Tensor) -> Tensor:
        """Return the symmetric matrix with the submatrices block(rows, columns). Shape (..., n, n)."""
        ...

    def add_outer_(self, total: Tensor, p: Tensor) -> None:
        """Add P P^T to `total` (..., n, n), to its lower triangle at least; `complete_` fills the upper one."""
        ...

    def complete_(self, total: Tensor) -> Tensor:
        """Return `total` with its upper triangle filled."""
        ...

    def add_product_(self, total: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """Add A B to `total` in place. Shapes: (..., m, d), (..., m, k), (..., k, d)."""
        ...

    def solve(self, gram: Tensor, y: Tensor, *, ridge: float, features: Features | None = None) -> Answer_co:
        """Solve (K + ridge I) c = y; `gram` may be overwritten. One trial falls back on `features`, Phi Phi^T = K."""
        ...

    def least_squares(self, features: Tensor, y: Tensor) -> Answer_co:
        """Minimise |Phi theta - y|, more rows than columns."""
        ...


def times(a: Tensor, v: Tensor) -> Tensor:
    """Return A v for a (..., m, n) and v (..., n). Shape (..., m).

    >>> times(torch.ones(5, 2, 3), torch.ones(5, 3)).shape
    torch.Size([5, 2])
    """
    return a @ v if v.ndim == 1 else (a @ v[..., None])[..., 0]


class _Alone:
    """One trial: matrices in two dimensions."""

    def symmetric(self, n: int, block: Block, *, like: Tensor) -> Tensor:
        return blocks.symmetric(n, block, like=like)

    def add_outer_(self, total: Tensor, p: Tensor) -> None:
        blocks.add_symmetric_(total, p)

    def complete_(self, total: Tensor) -> Tensor:
        return blocks.mirror_(total)

    def add_product_(self, total: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return total.addmm_(a, b)

    def solve(self, gram: Tensor, y: Tensor, *, ridge: float, features: Features | None = None) -> Solution:
        return solve_gram(gram, y, ridge=ridge, features=features)

    def least_squares(self, features: Tensor, y: Tensor) -> Solution:
        return solve_least_squares(features, y)


@dataclass(frozen=True)
class Stack:
    """Solved systems of b trials; residual and condition mean what they mean in `interpolate.Solution`.

    Attributes:
        coefficients: shape (b, n).
        residual, condition: shape (b,).
        trusted: whether each Cholesky worked, its residual is at most 1e-6 and its condition at most 1e6; any other
            trial has to be solved alone. Shape (b,).
        status: of the trusted ones, "ok" or "least-squares".
        parameters: the coefficients, where they are those of the features.
    """

    coefficients: Tensor
    residual: Tensor
    condition: Tensor
    trusted: Tensor
    status: str
    parameters: Tensor | None = None


class _Together:
    """A stack of trials: matrices in three dimensions."""

    def symmetric(self, n: int, block: Block, *, like: Tensor) -> Tensor:
        return block(slice(None), slice(None))

    def add_outer_(self, total: Tensor, p: Tensor) -> None:
        total.baddbmm_(p, p.mT)

    def complete_(self, total: Tensor) -> Tensor:
        return total

    def add_product_(self, total: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return total.baddbmm_(a, b)

    def solve(self, gram: Tensor, y: Tensor, *, ridge: float, features: Features | None = None) -> Stack:
        return _solve_stack(gram, y, ridge, "ok")

    def least_squares(self, features: Tensor, y: Tensor) -> Stack:
        found = _solve_stack(features.mT @ features, times(features.mT, y), 0.0, "least-squares")
        return replace(found, parameters=found.coefficients)


ALONE = _Alone()
TOGETHER = _Together()


def _solve_stack(gram: Tensor, y: Tensor, ridge: float, status: str) -> Stack:
    """Solve (K + ridge I) c = y for every matrix of a stack (b, n, n), as `solve_gram` does for one."""
    if ridge != 0:
        gram.diagonal(dim1=-2, dim2=-1).add_(ridge)
    factor, info = torch.linalg.cholesky_ex(gram)
    c = torch.cholesky_solve(y[..., None], factor)[..., 0]
    residual = _norm(times(gram, c) - y) / _norm(y)
    condition = _conditions(gram, factor)
    trusted = (info == 0) & (residual <= RESIDUAL_LIMIT) & (condition <= TRUSTED)
    return Stack(c, residual, condition, trusted, status)


def _conditions(system: Tensor, factor: Tensor, *, steps: int = 6) -> Tensor:
    """The estimate of `interpolate`, from the same start, for each matrix. Shape (b,)."""
    b, n = system.shape[:2]
    start = torch.cos(torch.arange(n, dtype=system.dtype, device=system.device) ** 2)
    largest = smallest = (start / _norm(start)).expand(b, n)
    top = inverse = torch.zeros(b, dtype=system.dtype, device=system.device)
    for _ in range(steps):
        largest = times(system, largest)
        top = _norm(largest)
        largest = largest / top[:, None]
        smallest = torch.cholesky_solve(smallest[..., None], factor)[..., 0]
        inverse = _norm(smallest)
        smallest = smallest / inverse[:, None]
    return top * inverse


def _norm(v: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(v, dim=-1)
    return norm
