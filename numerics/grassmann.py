"""The projection on k dimensions that lets a function of it be smoothest: descent over the Grassmannian.

What is asked for is min over P of max_{i,j} |y_i - y_j|/|P (x_i - x_j)|, P orthogonal projections of rank k; found is
a local minimum, whose value is attained, so it is an upper bound of that minimum.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bigtheta.numerics.lipschitz import largest_quotient

__all__ = ["STEPS", "optimised_quotient"]

STEPS = 300
_TURN = 0.3
"""Length of the first step, an angle; steps fall linearly to 0."""
_SHARP = (5.0, 60.0)
"""How sharp the soft minimum is at the first and the last step, in units of one over the minimum."""
_FLOOR = 0.02
"""The minimum counts as at least so much of the mean, so that one close pair does not blind the first steps."""


def optimised_quotient(x: Tensor, y: Tensor, *, onto: Tensor, steps: int = STEPS) -> float:
    """Return the least max |y_i - y_j|/|P (x_i - x_j)| met on a descent over projections P of rank k.

    P = V V^T starts on the span of the rows of `onto`; with r_ij = |V^T (x_i - x_j)|^2/(y_i - y_j)^2 a step goes along
    the gradient of the soft minimum -log sum_ij exp(-beta r_ij)/beta, turned into the tangent space (I - V V^T) G and
    brought back by a QR factorisation. beta grows, the steps shrink. 0 if all labels are equal.

    Shapes: x (n, d), y (n,), onto (k, d). Source: Bubeck, Li, Nagaraj 2020, Theorem 6, for the quantity; the descent is
    ours.

    >>> x = torch.tensor([[1.0, 0.1, 0.0], [1.0, -0.1, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    >>> y = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)
    >>> plane = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.1, 1.0]], dtype=torch.float64)
    >>> round(largest_quotient(x, y)), round(largest_quotient(x, y, onto=plane))
    (10, 100)
    >>> optimised_quotient(x, y, onto=plane) < 10.1
    True
    """
    first, second, inverse = _pairs(x, y)
    if not bool(inverse.any()) or len(onto) >= x.shape[1]:
        return largest_quotient(x, y)
    v = torch.linalg.qr(onto.T).Q
    best, smallest = v, -1.0
    count = int((inverse > 0).sum())
    for step in range(steps + 1):
        p, q = first @ v, second @ v
        squares = (p.square().sum(1)[:, None] + q.square().sum(1) - 2 * p @ q.T).clamp_min_(0).mul_(inverse)
        mean = float(squares.sum()) / count
        squares.masked_fill_(inverse == 0, torch.inf)
        least = float(squares.min())
        if least > smallest:
            best, smallest = v, least
        done = step / max(steps, 1)
        beta = _SHARP[0] * (_SHARP[1] / _SHARP[0]) ** done / max(least, _FLOOR * mean, 1e-300)
        share = torch.softmax((beta * (least - squares)).flatten(), 0).reshape(squares.shape).mul_(inverse)
        rows, columns = share.sum(1)[:, None], share.sum(0)[:, None]
        slope = first.T @ (rows * p - share @ q) + second.T @ (columns * q - share.T @ p)
        slope = slope - v @ (v.T @ slope)
        length = torch.linalg.vector_norm(slope)
        if not 0 < float(length) < torch.inf:
            break
        v = torch.linalg.qr(v + _TURN * (1 - done) / length * slope).Q
    return largest_quotient(x, y, onto=best.T)


def _pairs(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Two sets of inputs (a, d), (b, d) among which every pair counts, and 1/(y_i - y_j)^2 (a, b), 0 for equal labels.

    The two classes where there are two labels, all inputs twice otherwise.
    """
    values = sorted(set(y.tolist()))
    if len(values) == 2:
        low, high = (y == value for value in values)
        inverse = x.new_full((int(low.sum()), int(high.sum())), (values[1] - values[0]) ** -2)
        return x[low], x[high], inverse
    change = (y[:, None] - y).square()
    return x, x, torch.where(change == 0, 0, 1 / change)
