"""Multiple descent: where the limit of S^2 peaks as n grows at fixed d and k."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import activation as read_activation
from bigtheta.theory.errors import InvalidInputError, whole_number
from bigtheta.theory.limits.sobolev import finite_width_limit
from bigtheta.theory.limits.width import width_constants
from bigtheta.theory.limits.width_tangent import tangent_rank
from bigtheta.theory.model import Model, NeuralTangent, RandomFeatures
from bigtheta.theory.model import model as read_model

__all__ = ["peaks"]

Floats = npt.NDArray[np.float64]
_GRID = 300
_FAR = 10


def peaks(
    model: Model | str | Mapping[str, object],
    activation: Activation | str,
    d: int,
    k: int,
    *,
    noise: float = 1.0,
    signal: float = 0.0,
    prominence: float = 1.0,
) -> list[int]:
    """Return the n, in increasing order, at which the limit of S^2 has a local maximum, d and k fixed.

    The interpolation threshold, k for random features and `tangent_rank` for neural tangent ones, is always among them
    without a ridge: S^2 is infinite there. A further peak, near n = d, is where the linear part is fitted exactly; a
    nonlinear part that is small against it (lambda = a*/a_1) leaves it sharp. Neural tangent features have one more
    where linear and quadratic functions are fitted exactly, if the cubic part is small against them.

    Args:
        model: "random-features", "neural-tangent", or a spec: small weights, a ridge.
        prominence: how many times S^2 must exceed its larger neighbouring minimum; 1 for every local maximum.

    Raises:
        InvalidInputError: for another model, or sizes below 1.

    Source: derived, from `random_features_limit` and `neural_tangent_limit`; n from 1 to ten times the threshold, or to
    the threshold of neural tangent features.

    >>> peaks("random-features", "relu", d=60, k=150)
    [150]
    >>> peaks({"kind": "random-features", "weights": "small"}, "tanh", d=60, k=150)
    [60, 150]
    """
    spec, act = read_model(model), read_activation(activation)
    if not isinstance(spec, RandomFeatures | NeuralTangent):
        raise InvalidInputError(f"peaks: expected random-features or neural-tangent but got model={spec.kind!r}")
    d, k = whole_number("d", d, low=1), whole_number("k", k, low=1)
    threshold = k
    if isinstance(spec, NeuralTangent):
        threshold = tangent_rank(width_constants(act, spec.weight_deviation(d)), d, k)
    open_ended = spec.ridge > 0 or isinstance(spec, RandomFeatures)
    last = _FAR * max(threshold, d) if open_ended else threshold - 1

    def value(n: Floats) -> Floats:
        """S^2, infinite at the threshold."""
        result = np.full(n.shape, np.inf)
        inside = n <= last
        fitted = finite_width_limit(spec, act, n=n[inside], d=d, k=k, ridge=spec.ridge, noise=noise, signal=signal)
        result[inside] = fitted
        return result

    near = np.linspace(1, 4 * d, min(4 * d, _GRID))
    n = np.concatenate([near, np.geomspace(1, last, _GRID), [threshold - 1, threshold, threshold + 1]]).round()
    n = np.unique(n[(n >= 1) & (n <= max(last, threshold))])
    values = value(n)
    beyond = np.append(values[1:], -np.inf if np.isinf(values[-1]) else np.inf)
    tops = [i for i in range(1, len(n)) if values[i - 1] < values[i] >= beyond[i]]
    found = []
    for i in tops:
        if _prominence(values, i) >= prominence:
            around = np.arange(n[i - 1], n[min(i + 1, len(n) - 1)] + 1)
            found.append(int(around[np.argmax(value(around))]))
    return found


def _prominence(values: Floats, peak: int) -> float:
    """The peak over the larger of the minima between it and what is higher on either side."""
    ratios = []
    for side in (values[:peak][::-1], values[peak + 1 :]):
        if side.size:
            higher = np.flatnonzero(side > values[peak])
            reach = side[: int(higher[0])] if higher.size else side
            ratios.append(float(values[peak] / reach.min()) if reach.size else 1.0)
    return min(ratios, default=1.0)
