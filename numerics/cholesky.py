"""Cholesky in the memory of the matrix itself: L below, K still above, so that K c needs no second n x n matrix.

The factor of K = L L^T overwrites the diagonal and what lies below it. The strict upper triangle and a copy of the
diagonal still hold K: products with it, and K itself after a failure, come from there. At n = 32 000 that is 8.2 GB
instead of three times as much.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["PANEL", "InPlace", "factor_", "solve_factored"]

PANEL = 1024
"""Columns factored at a time: wide enough for the rate of a matrix product, n x 1024 numbers beside the matrix."""
_STRIP = 256
"""Rows multiplied at a time in K v."""


@dataclass(frozen=True)
class InPlace:
    """A factored symmetric matrix K: `packed` (n, n) holds L in its lower triangle, K above; `diagonal` (n,) is K's."""

    packed: Tensor
    diagonal: Tensor

    def times(self, v: Tensor) -> Tensor:
        """Return K v from the upper triangle and the diagonal. Shapes: v and the result (n,) or (n, r)."""
        columns = v.reshape(len(v), -1)
        result = self.diagonal[:, None] * columns
        for start, end in _spans(len(v), _STRIP):
            beside = self.packed[start:end, end:]
            corner = self.packed[start:end, start:end].triu(1)
            result[start:end] += beside @ columns[end:] + (corner + corner.T) @ columns[start:end]
            result[end:] += beside.T @ columns[start:end]
        return result.reshape(v.shape)

    def restore_(self) -> Tensor:
        """Put K back below the diagonal and on it; return the matrix that was factored."""
        _mirror_upper_(self.packed, self.diagonal)
        return self.packed


def factor_(k: Tensor) -> InPlace | None:
    """Factor a symmetric positive definite K (n, n) in place; None, and K as it was, where it is not that.

    Left-looking by panels: with the columns before it, K_p - L L_p^T is the panel's own problem, its upper block
    factored by LAPACK or cuSOLVER and the rest divided by that factor. n^3/3 operations, nearly all in matrix products.
    K has to be symmetric to the last bit for it to come back so.

    >>> k = torch.tensor([[4.0, 2.0], [2.0, 5.0]])
    >>> factored = factor_(k)
    >>> factored.packed.tolist(), factored.times(torch.tensor([1.0, 1.0])).tolist()
    ([[2.0, 2.0], [1.0, 2.0]], [6.0, 7.0])
    >>> factor_(torch.tensor([[1.0, 2.0], [2.0, 1.0]])) is None
    True
    """
    diagonal = k.diagonal().clone()
    for start, end in _spans(len(k), PANEL):
        corner = k[start:end, start:end]
        above = corner.triu(1)
        if start:
            k[start:, start:end].addmm_(k[start:, :start], k[start:end, :start].T, alpha=-1)
        lower, info = torch.linalg.cholesky_ex(corner)
        corner.copy_(lower.add_(above))
        if int(info) != 0:
            _mirror_upper_(k, diagonal)
            return None
        if end < len(k):
            beside = k[end:, start:end]
            beside.copy_(torch.linalg.solve_triangular(corner.T, beside, upper=True, left=False))
    return InPlace(k, diagonal)


def solve_factored(factor: Tensor, y: Tensor) -> Tensor:
    """Return (L L^T)^{-1} y; of `factor` (n, n) the lower triangle L alone is read, and nothing is copied.

    Shapes: y and the result (n,) or (n, r). torch.cholesky_solve would copy the matrix at every call.
    """
    half = torch.linalg.solve_triangular(factor, y.reshape(len(y), -1), upper=False)
    solution: Tensor = torch.linalg.solve_triangular(factor.T, half, upper=True)
    return solution.reshape(y.shape)


def _mirror_upper_(matrix: Tensor, diagonal: Tensor) -> None:
    """Copy the strict upper triangle to the lower one and the diagonal to its place."""
    n = len(matrix)
    for start, end in _spans(n, _STRIP):
        matrix[end:, start:end] = matrix[start:end, end:].T
        corner = matrix[start:end, start:end].triu(1)
        matrix[start:end, start:end] = corner + corner.T
    matrix.diagonal().copy_(diagonal)


def _spans(n: int, width: int) -> list[tuple[int, int]]:
    return [(start, min(start + width, n)) for start in range(0, n, width)]
