"""Maxima of sampled curves, many curves at once: smoothing, prominence, the highest maximum, its place between cells.

Curves are rows y (curves, cells) over increasing x (cells,).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["kernel", "prominence", "summit", "vertex"]

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


def kernel(x: Array, bandwidth: float) -> Array:
    """Return the weights of a Gaussian smoother, rows of sum 1: y -> y @ kernel.T. Shape (cells, cells).

    >>> kernel(np.array([0.0, 1.0]), 1e-3).round(6).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    weights: Array = np.exp(-0.5 * ((x[:, None] - x) / bandwidth) ** 2)
    normed: Array = weights / weights.sum(1, keepdims=True)
    return normed


def prominence(
    y: Array, near: Sequence[int], *, open_sides: tuple[bool, bool] = (False, False)
) -> tuple[Indices, Array]:
    """Return each curve's highest cell among `near`, and its prominence.

    The prominence is the cell's height above the higher of its two bases; a base is the lowest cell on one side before
    higher ground or the end. It is -inf where the next cell is higher, or there is none.

    Args:
        near: consecutive cells.
        open_sides: sides, left and right, that count as falling beyond the end if there is no higher ground before it.

    >>> top, rise = prominence(np.array([[0.0, 3.0, 1.0, 2.0]]), range(1, 3))
    >>> top.tolist(), rise.tolist()
    ([1], [2.0])
    """
    cells = y.shape[1]
    columns = np.arange(cells)
    top = near[0] + np.argmax(y[:, near[0] : near[-1] + 1], axis=1)
    height = np.take_along_axis(y, top[:, None], axis=1)
    higher = y > height
    left, right = columns < top[:, None], columns > top[:, None]
    start = np.where(higher & left, columns, -1).max(1)[:, None]
    stop = np.where(higher & right, columns, cells).min(1)[:, None]
    low = np.where(left & (columns > start), y, np.inf).min(1)
    high = np.where(right & (columns < stop), y, np.inf).min(1)
    if open_sides[0]:
        low = np.where(start[:, 0] < 0, -np.inf, low)
    if open_sides[1]:
        high = np.where(stop[:, 0] == cells, -np.inf, high)
    return top, height[:, 0] - np.maximum(low, high)


def summit(y: Array) -> Indices:
    """Return each curve's highest local maximum inside, or its highest cell if it has none inside.

    >>> summit(np.array([[0.0, 2.0, 1.0, 3.0], [0.0, 1.0, 2.0, 3.0]])).tolist()
    [1, 3]
    """
    inner = y[:, 1:-1]
    is_top = (inner >= y[:, :-2]) & (inner >= y[:, 2:])
    best = 1 + np.where(is_top, inner, -np.inf).argmax(1)
    found: Indices = np.where(is_top.any(1), best, y.argmax(1))
    return found


def vertex(x: Array, y: Array, top: Indices) -> Array:
    """Return where the parabola through a cell and its neighbours is highest, at most half-way to them.

    The ends of the curve stay where they are.

    >>> vertex(np.array([0.0, 1.0, 2.0]), np.array([[0.0, 3.0, 2.0]]), np.array([1])).tolist()
    [1.25]
    """
    middle = np.clip(top, 1, len(x) - 2)
    row = np.arange(len(y))
    before, at, after = x[middle - 1], x[middle], x[middle + 1]
    rise = (y[row, middle] - y[row, middle - 1]) / (at - before)
    fall = (y[row, middle + 1] - y[row, middle]) / (after - at)
    bend = np.maximum(rise - fall, np.finfo(np.float64).tiny)
    with np.errstate(over="ignore"):
        place = (before + at) / 2 + rise / bend * (after - before) / 2
    return np.where(top == middle, np.clip(place, (before + at) / 2, (at + after) / 2), x[top])
