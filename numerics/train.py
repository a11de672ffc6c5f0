"""Training a two-layer network f(x) = c + sum_l a_l phi(w_l . x + b_l) + v . x by gradient descent, SGD or Adam.

The loss is max(mean (f(x_i) - y_i)^2 - stop, 0) + penalty * path norm, its gradient written out: the path norm falls
until the error is back at `stop`. float64; the batches come from the trial's streams, so a seed gives the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bigtheta.numerics.deadline import check_time
from bigtheta.numerics.lower import TorchFunction, lower_activation
from bigtheta.numerics.streams import Role, Streams
from bigtheta.theory.activation import Activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.training import TrainedNetwork

__all__ = ["Network", "Trained", "first_network", "loss_gradient", "path_norm_gradient", "train"]

_MOMENTS = (0.9, 0.999)
_SMALL = 1e-8
"""Adam's decay rates and its epsilon, as everywhere."""


@dataclass(frozen=True)
class Network:
    """f(x) = c + sum_l a_l phi(w_l . x + b_l) + v . x. Shapes: a (k,), w (k, d), b (k,), v (d,), c (1,)."""

    a: Tensor
    w: Tensor
    b: Tensor
    v: Tensor
    c: Tensor

    def predict(self, z: Tensor, phi: TorchFunction) -> Tensor:
        """Return f(z) for z (m, d). Shape (m,)."""
        values: Tensor = phi(z @ self.w.T + self.b) @ self.a + z @ self.v + self.c
        return values

    def gradient(self, z: Tensor, dphi: TorchFunction) -> Tensor:
        """Return grad f(z), off the kinks. Shape (m, d)."""
        return (dphi(z @ self.w.T + self.b) * self.a) @ self.w + self.v

    @property
    def path_norm(self) -> float:
        """sum_l |a_l| |w_l| + |v|, at least Lip(f) where |phi'| <= 1."""
        return float(self.a.abs() @ torch.linalg.vector_norm(self.w, dim=1) + torch.linalg.vector_norm(self.v))

    @property
    def spectral_product(self) -> float:
        """|a| |W|_op + |v|, at least Lip(f) where |phi'| <= 1."""
        outer = torch.linalg.vector_norm(self.a) * torch.linalg.matrix_norm(self.w, 2)
        return float(outer + torch.linalg.vector_norm(self.v))

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """a, w, b, v, c."""
        return self.a, self.w, self.b, self.v, self.c


@dataclass(frozen=True)
class Trained:
    """The end of a training: the network, its mean squared error, the updates made, whether the target was reached."""

    network: Network
    error: float
    steps: int
    reached: bool


def first_network(w: Tensor, streams: Streams) -> Network:
    """Return the start: hidden weights w (k, d), a_l ~ N(0, 1/k) from the streams, b = v = c = 0."""
    k, d = w.shape
    a = streams.normal(Role.OUTPUT, k).to(w) / math.sqrt(k)
    return Network(a, w.clone(), w.new_zeros(k), w.new_zeros(d), w.new_zeros(1))


def loss_gradient(network: Network, x: Tensor, y: Tensor, act: Activation) -> tuple[float, Network]:
    """Return mean (f(x_i) - y_i)^2 and its gradient in a, w, b, v, c. Shapes: x (n, d), y (n,).

    With H = X W^T + b and r = 2 (f(x) - y)/n: phi(H)^T r, D^T X, D^T 1, X^T r, 1^T r, where D = r a^T ∘ phi'(H).

    >>> from bigtheta.theory.catalogue import activation
    >>> one = torch.ones(1, dtype=torch.float64)
    >>> error, slope = loss_gradient(Network(one, one[None], 0 * one, 0 * one, 0 * one), 2 * one[None], one,
    ...                              activation("u**2"))
    >>> error, slope.a.item(), slope.w.item()
    (9.0, 24.0, 48.0)
    """
    h = x @ network.w.T + network.b
    values = lower_activation(act)(h)
    off = values @ network.a + x @ network.v + network.c - y
    r = 2 / len(y) * off
    inner = (r[:, None] * network.a) * lower_activation(act, 1)(h)
    return float(off.square().mean()), Network(values.T @ r, inner.T @ x, inner.sum(0), x.T @ r, r.sum()[None])


def path_norm_gradient(network: Network) -> Network:
    """Return a subgradient of sum_l |a_l| |w_l| + |v|; 0 where a norm is 0."""
    norms = torch.linalg.vector_norm(network.w, dim=1)
    length = torch.linalg.vector_norm(network.v)
    direction = network.w / norms.clamp_min(1e-300)[:, None]
    return Network(
        network.a.sign() * norms,
        network.a.abs()[:, None] * direction,
        torch.zeros_like(network.b),
        network.v / length.clamp_min(1e-300),
        torch.zeros_like(network.c),
    )


def train(model: TrainedNetwork, start: Network, *, x: Tensor, y: Tensor, act: Activation, streams: Streams) -> Trained:
    """Train until the mean squared error is at most model.stop, or the steps are over.

    With a penalty the error, or the batch's, counts only while it is above model.stop, and the training goes on to the
    last step; the result is the network of least path norm among those that reached the target. Where none did, it is
    the one of least error. The error of all n inputs is looked at after every update, with batches after every pass.

    Shapes: x (n, d), y (n,). Source: ours; Adam is Kingma and Ba 2015.

    Raises:
        InvalidInputError: if the start has no finite error.
    """
    batches = _batches(model, len(y), streams)
    every = 1 if batches is None else math.ceil(len(y) / min(model.batch, len(y)))
    update = _adam(model.rate) if model.optimiser == "adam" else _plain(model.rate)
    network, best, best_error, reached, made = start, start, math.inf, False, 0
    for step in range(model.steps + 1):
        check_time(step, model.steps)
        slope = None
        if step % every == 0 or step == model.steps:
            error, slope = loss_gradient(network, x, y, act)
            if not math.isfinite(error):
                break
            enough = error <= model.stop
            if reached:
                better = enough and network.path_norm < best.path_norm
            else:
                better = enough or error < best_error
            if better:
                best, best_error, made, reached = network, error, step, enough
            if reached and model.penalty == 0:
                break
        if step == model.steps:
            break
        if batches is not None or slope is None:
            chosen = next(batches).to(y.device) if batches is not None else slice(None)
            error, slope = loss_gradient(network, x[chosen], y[chosen], act)
        steps = _total(model, network, slope, fitted=error <= model.stop)
        network = Network(*(p - s for p, s in zip(network.tensors, update(steps), strict=True)))
    if not math.isfinite(best_error):
        raise InvalidInputError("training: the network has no finite error at its start; rescale the labels or inputs")
    return Trained(best, best_error, made, reached)


def _total(model: TrainedNetwork, network: Network, slope: Network, *, fitted: bool) -> tuple[Tensor, ...]:
    """The gradient of max(error - stop, 0) + penalty * path norm, 0 for what the model does not have."""
    parts = slope.tensors
    if model.penalty > 0:
        more = path_norm_gradient(network).tensors
        parts = tuple((0 if fitted else 1) * p + model.penalty * q for p, q in zip(parts, more, strict=True))
    used = (True, True, model.bias, model.skip, True)
    return tuple(p if use else torch.zeros_like(p) for p, use in zip(parts, used, strict=True))


def _batches(model: TrainedNetwork, n: int, streams: Streams) -> Iterator[Tensor] | None:
    """Batches without replacement, in a new order each pass; None for the full batch."""
    if model.batch == 0 or model.batch >= n:
        return None
    return _shuffled(streams.generator(Role.BATCHES), n, model.batch)


def _shuffled(generator: np.random.Generator, n: int, size: int) -> Iterator[Tensor]:
    while True:
        yield from torch.split(torch.from_numpy(generator.permutation(n)), size)


_Update = Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]]


def _plain(rate: float) -> _Update:
    """What gradient descent takes off: rate * g."""
    return lambda slopes: tuple(rate * g for g in slopes)


def _adam(rate: float) -> _Update:
    """What Adam takes off: rate * m/(sqrt(s) + 1e-8), m and s the unbiased running means of g and g^2."""
    first: list[Tensor] = []
    second: list[Tensor] = []
    count = 0
    p, q = _MOMENTS

    def update(slopes: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        nonlocal count
        if not first:
            first.extend(torch.zeros_like(g) for g in slopes)
            second.extend(torch.zeros_like(g) for g in slopes)
        count += 1
        for m, s, g in zip(first, second, slopes, strict=True):
            m.mul_(p).add_(g, alpha=1 - p)
            s.mul_(q).addcmul_(g, g, value=1 - q)
        low, high = 1 - p**count, 1 - q**count
        return tuple(rate / low * m / ((s / high).sqrt() + _SMALL) for m, s in zip(first, second, strict=True))

    return update
