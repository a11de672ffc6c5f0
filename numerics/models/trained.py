"""Trained networks: f(x) = c + sum_l a_l phi(w_l . x + b_l) (+ v . x), every weight trained from a seeded start.

Nothing is solved: a fit that does not reach its target error says "not-converged", with the network that came nearest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bigtheta.numerics.interpolate import Solution
from bigtheta.numerics.lipschitz import Layers, largest_slope
from bigtheta.numerics.lower import lower_activation
from bigtheta.numerics.models.base import Interpolator, interpolator
from bigtheta.numerics.streams import Streams
from bigtheta.numerics.train import Network, first_network, train
from bigtheta.theory.activation import Activation
from bigtheta.theory.training import TrainedNetwork

__all__ = ["LayersAndSkip", "TrainedInterpolator", "train_network"]


@dataclass(frozen=True)
class LayersAndSkip(Layers):
    """The weights of a network with the linear term v . x; its bound is that of `Layers` plus |v|."""

    skip: Tensor

    @property
    def lipschitz_bound(self) -> float:
        """sup|phi'| |a| |W|_op + |v| >= Lip(f)."""
        return super().lipschitz_bound + float(torch.linalg.vector_norm(self.skip))


@dataclass(frozen=True)
class TrainedInterpolator(Interpolator):
    """A trained network; upper bounds of its Lipschitz constant are sup|phi'| times either norm, or `layers()`.

    Attributes:
        network: the weights.
        slope: sup |phi'|, inf where there is none.
        error: mean squared error on the labels.
        steps: updates made until this network.
    """

    network: Network
    slope: float
    error: float
    steps: int

    @property
    def path_norm(self) -> float:
        """sum_l |a_l| |w_l| + |v|."""
        return self.network.path_norm

    @property
    def spectral_product(self) -> float:
        """|a| |W|_op + |v|."""
        return self.network.spectral_product

    def layers(self) -> LayersAndSkip:
        """Return the weights."""
        return LayersAndSkip(self.network.a, self.network.w, self.slope, self.network.v)


def train_network(
    model: TrainedNetwork, *, x: Tensor, w: Tensor, y: Tensor, act: Activation, streams: Streams
) -> TrainedInterpolator:
    """Train from the hidden weights w; the output weights and the batches come from the streams.

    The solution's coefficients are the output weights a, its residual |f(x) - y|/|y|, its status "trained" or, where
    the mean squared error stayed above model.stop, "not-converged". Shapes: x (n, d), w (k, d), y (n,).

    Raises:
        InvalidInputError: if the start has no finite error.

    >>> from bigtheta.theory.catalogue import activation
    >>> streams = Streams(seed=0, spec="demo", sizes={"n": 3, "d": 4, "k": 8}, trial=0)
    >>> x, w = torch.eye(4, dtype=torch.float64)[:3], torch.ones(8, 4, dtype=torch.float64)
    >>> y = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    >>> fitted = train_network(TrainedNetwork(stop=1e-3), x=x, w=w, y=y, act=activation("tanh"), streams=streams)
    >>> fitted.solution.status, fitted.error <= 1e-3
    ('trained', True)
    """
    trained = train(model, first_network(w, streams), x=x, y=y, act=act, streams=streams)
    phi, dphi = lower_activation(act), lower_activation(act, 1)
    residual = math.sqrt(trained.error * len(y)) / float(torch.linalg.vector_norm(y))
    solution = Solution(trained.network.a, residual, math.nan, "trained" if trained.reached else "not-converged")
    return TrainedInterpolator(
        lambda z: trained.network.predict(z, phi),
        lambda z: trained.network.gradient(z, dphi),
        solution,
        network=trained.network,
        slope=largest_slope(act),
        error=trained.error,
        steps=trained.steps,
    )


@interpolator.register
def _(model: TrainedNetwork, *, x: Tensor, w: Tensor, y: Tensor, act: Activation) -> Interpolator:
    """Train with streams of seed 0; a trial calls `train_network` with its own."""
    sizes = {"n": len(x), "d": x.shape[1], "k": len(w)}
    return train_network(model, x=x, w=w, y=y, act=act, streams=Streams(0, model.kind, sizes, 0))
