"""Inputs, labels and weights of one trial."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bigtheta.numerics.streams import Role, Streams
from bigtheta.theory.data import Inputs, Labels

__all__ = ["draw_inputs", "draw_labels", "draw_weights"]


def draw_inputs(law: Inputs, streams: Streams, role: Role, count: int) -> Tensor:
    """Return `count` inputs in R^d with E|x|^2 = 1. Shape (count, d)."""
    d = streams.sizes["d"]
    x = streams.normal(role, count, d)
    if law is Inputs.SPHERE:
        norms: Tensor = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        return x / norms
    return x / math.sqrt(d)


def draw_labels(law: Labels, streams: Streams, x: Tensor) -> Tensor:
    """Return y = signal (beta . x) + N(0, noise), beta uniform on the unit sphere. Shape (n,)."""
    n, d = x.shape
    numbers = streams.normal(Role.LABELS, n + d)
    beta = numbers[n:] / torch.linalg.vector_norm(numbers[n:])
    y: Tensor = law.signal * (x @ beta.to(x)) + math.sqrt(law.noise) * numbers[:n].to(x)
    return y


def draw_weights(streams: Streams) -> Tensor:
    """Return hidden weights w_j ~ N(0, I_d). Shape (k, d)."""
    return streams.normal(Role.WEIGHTS, streams.sizes["k"], streams.sizes["d"])
