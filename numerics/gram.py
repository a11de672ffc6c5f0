"""Symmetric n x n matrices block by block: half the operations of a full product, and no n x n temporary."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["COLUMNS", "add_symmetric_", "largest_off_diagonal", "mirror_", "symmetric"]

COLUMNS = 256
"""Columns of the matrix made at a time."""


def symmetric(n: int, block: Callable[[slice, slice], Tensor], *, like: Tensor) -> Tensor:
    """Return the symmetric matrix whose rows and columns (r, c) are block(r, c), from its lower triangle. Shape (n, n).

    Args:
        block: gives the submatrix of a slice of rows and a slice of columns.
        like: a tensor of the dtype and device wanted.

    >>> x = torch.tensor([[1.0], [2.0]])
    >>> symmetric(2, lambda r, c: x[r] @ x[c].T, like=x).tolist()
    [[1.0, 2.0], [2.0, 4.0]]
    """
    result = torch.empty(n, n, dtype=like.dtype, device=like.device)
    for start in range(0, n, COLUMNS):
        columns = slice(start, min(start + COLUMNS, n))
        result[start:, columns] = block(slice(start, n), columns)
    return mirror_(result)


def largest_off_diagonal(n: int, block: Callable[[slice, slice], Tensor]) -> float:
    """Return the largest |entry| off the diagonal of the symmetric matrix, or stack of them, made of block(r, c).

    >>> x = torch.tensor([[1.0], [2.0], [-3.0]])
    >>> largest_off_diagonal(3, lambda r, c: x[r] @ x[c].T)
    6.0
    """
    largest = 0.0
    for start in range(0, n, COLUMNS):
        columns = slice(start, min(start + COLUMNS, n))
        entries = block(slice(start, n), columns).abs_()
        entries.diagonal(dim1=-2, dim2=-1).zero_()
        largest = max(largest, float(entries.max()))
    return largest


def add_symmetric_(total: Tensor, p: Tensor) -> Tensor:
    """Add P P^T to the lower triangle of `total` (n, n) in place, P of shape (n, k); `mirror_` fills the upper one."""
    n = len(total)
    for start in range(0, n, COLUMNS):
        end = min(start + COLUMNS, n)
        total[start:, start:end].addmm_(p[start:], p[start:end].T)
    return total


def mirror_(lower: Tensor) -> Tensor:
    """Copy the lower triangle of a square matrix to the upper one, in place."""
    n = len(lower)
    for start in range(0, n, COLUMNS):
        end = min(start + COLUMNS, n)
        lower[start:end, end:] = lower[end:, start:end].T
        diagonal = lower[start:end, start:end]
        diagonal.copy_(diagonal.tril() + diagonal.tril(-1).T)
    return lower
