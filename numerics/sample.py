"""Inputs, labels, test points and weights of one trial, each from its own stream."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import torch
from torch import Tensor

from bigtheta.numerics.datasets import draw_images
from bigtheta.numerics.streams import Role, Streams
from bigtheta.theory.data import Labels
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.inputs import Covariance, Cube, Dataset, Inputs, Laplace, Sphere

__all__ = ["Sample", "draw_inputs", "draw_labels", "draw_sample", "draw_weights"]

Target = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Sample:
    """What one trial is fitted to and measured on.

    Attributes:
        x, y: training inputs (n, d) and labels (n,), y = clean + noise.
        clean, noise: signal g(x) and eps at the training inputs. Shapes (n,).
        z, clean_z: fresh test points (m, d) and signal g there (m,).
    """

    x: Tensor
    clean: Tensor
    noise: Tensor
    z: Tensor
    clean_z: Tensor

    @property
    def y(self) -> Tensor:
        """The labels."""
        return self.clean + self.noise

    def to(self, dtype: torch.dtype) -> Sample:
        """Return the sample with its numbers rounded to another type."""
        return Sample(*(part.to(dtype) for part in (self.x, self.clean, self.noise, self.z, self.clean_z)))


def draw_sample(
    law: Inputs, labels: Labels, streams: Streams, *, count: int, test_points: int, device: str = "cpu"
) -> Sample:
    """Return `count` labelled inputs and `test_points` fresh ones; those of a dataset are disjoint.

    Raises:
        DataMissingError: if a dataset is not there.
        InvalidInputError: if it has fewer points, or other pixels, than asked.

    >>> streams = Streams(seed=1, spec="demo", sizes={"n": 4, "d": 3}, trial=0)
    >>> sample = draw_sample(Cube(), Labels(signal=1.0), streams, count=4, test_points=2)
    >>> sample.x.shape, sample.z.shape, bool((sample.y == sample.clean + sample.noise).all())
    (torch.Size([4, 3]), torch.Size([2, 3]), True)
    """
    classes: Tensor | None = None
    if isinstance(law, Dataset):
        images, classes = draw_images(law, streams.generator(Role.INPUTS), count + test_points)
        x, z = images[:count], images[count:]
        if x.shape[1] != streams.sizes["d"]:
            raise InvalidInputError(f"inputs: {law.words} has d = {x.shape[1]} but got d = {streams.sizes['d']}")
    else:
        x = draw_inputs(law, streams, Role.INPUTS, count)
        z = draw_inputs(law, streams, Role.TEST, test_points)
    x, z = x.to(device), z.to(device)
    target, noise = _labels(labels, streams, count, x)
    if classes is not None and labels.target == "classes":
        clean, clean_z = (labels.signal * part.to(x) for part in (classes[:count], classes[count:]))
    else:
        clean, clean_z = target(x), target(z)
    return Sample(x, clean, noise, z, clean_z)


@singledispatch
def draw_inputs(law: Inputs, streams: Streams, role: Role, count: int) -> Tensor:
    """Return `count` independent inputs in R^d with E|x|^2 = 1, on the CPU; by default N(0, I_d / d). Shape (count, d).

    Register a new law with `@draw_inputs.register` on its spec type.
    """
    return streams.normal(role, count, streams.sizes["d"]) / math.sqrt(streams.sizes["d"])


@draw_inputs.register
def _(law: Sphere, streams: Streams, role: Role, count: int) -> Tensor:
    x = streams.normal(role, count, streams.sizes["d"])
    norms: Tensor = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return x / norms


@draw_inputs.register
def _(law: Cube, streams: Streams, role: Role, count: int) -> Tensor:
    d = streams.sizes["d"]
    return torch.from_numpy(streams.generator(role).uniform(-math.sqrt(3 / d), math.sqrt(3 / d), (count, d)))


@draw_inputs.register
def _(law: Laplace, streams: Streams, role: Role, count: int) -> Tensor:
    d = streams.sizes["d"]
    return torch.from_numpy(streams.generator(role).laplace(0.0, 1 / math.sqrt(2 * d), (count, d)))


@draw_inputs.register
def _(law: Covariance, streams: Streams, role: Role, count: int) -> Tensor:
    d = streams.sizes["d"]
    return streams.normal(role, count, d) * torch.from_numpy(np.sqrt(law.eigenvalues(d)))


@draw_inputs.register
def _(law: Dataset, streams: Streams, role: Role, count: int) -> Tensor:
    raise InvalidInputError("draw_inputs: the points of a dataset are drawn together; use draw_sample")


def draw_labels(law: Labels, streams: Streams, x: Tensor) -> Tensor:
    """Return y = signal g(x) + eps of synthetic inputs x (n, d), g and eps as in `Labels`. Shape (n,)."""
    target, noise = _labels(law, streams, len(x), x)
    return target(x) + noise


def _labels(law: Labels, streams: Streams, count: int, like: Tensor) -> tuple[Target, Tensor]:
    """The function signal g, and eps of the training inputs; for inputs on the device of `like` (., d)."""
    d = like.shape[1]
    numbers = streams.normal(Role.LABELS, count + d)
    beta = (numbers[count:] / torch.linalg.vector_norm(numbers[count:])).to(like)
    drawn = numbers[:count].sign() if law.noise_law == "signs" else numbers[:count]
    noise = math.sqrt(law.noise) * drawn.to(like)
    if law.target == "quadratic":
        form = math.sqrt(d * (d + 2) / 2) * _quadratic_form(streams, d).to(like)
        return (lambda x: law.signal * ((x @ form) * x).sum(1)), noise
    if law.target == "classes":
        return (lambda x: law.signal * (x @ beta).sign()), noise
    return (lambda x: law.signal * (x @ beta)), noise


def _quadratic_form(streams: Streams, d: int) -> Tensor:
    """A Gaussian symmetric matrix less its trace, Frobenius norm 1. Shape (d, d)."""
    g = streams.normal(Role.SIGNAL, d, d)
    b = g + g.T
    b.diagonal().sub_(b.diagonal().mean())
    norm: Tensor = torch.linalg.matrix_norm(b)
    return b / norm


def draw_weights(streams: Streams) -> Tensor:
    """Return hidden weights w_j ~ N(0, I_d). Shape (k, d)."""
    return streams.normal(Role.WEIGHTS, streams.sizes["k"], streams.sizes["d"])
