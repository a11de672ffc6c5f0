"""S^2 of a fitted model in the limit, by the name of the model: which formula holds where."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import activation as read_activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.kernel import DotProductKernel, ntk_kernel, rf_kernel
from bigtheta.theory.limits.harmonics import LEAST_DIMENSION
from bigtheta.theory.limits.kernels import kernel_limit
from bigtheta.theory.limits.width import width_constants
from bigtheta.theory.limits.width_features import random_features_limit
from bigtheta.theory.limits.width_tangent import neural_tangent_limit, tangent_rank
from bigtheta.theory.model import Model, NeuralTangent, RandomFeatures, TwoLayer, Weights
from bigtheta.theory.model import model as read_model
from bigtheta.theory.scaled import scaled_coefficients, scaled_moment

__all__ = ["finite_width_limit", "sobolev_limit"]

Floats = npt.NDArray[np.float64]
_KERNELS = ("rf-kernel", "ntk-kernel", "dot-product-kernel")
_KINDS = (*_KERNELS, "random-features", "neural-tangent")
_WIDE = 10**14
_TERMS = 200


def sobolev_limit(
    *,
    model: Model | str | Mapping[str, object],
    activation: Activation | str | None = None,
    n: npt.ArrayLike,
    d: npt.ArrayLike,
    k: npt.ArrayLike | None = None,
    ridge: npt.ArrayLike = 0.0,
    noise: npt.ArrayLike = 1.0,
    signal: npt.ArrayLike = 0.0,
) -> float | Floats:
    """Return the limit of S^2 = E |grad f(x)|^2, x uniform on the unit sphere, y = signal beta . x + N(0, noise).

    Infinite width: `kernel_limit`, any n. Finite width: `random_features_limit`, any n (inf at n = k without a ridge),
    and `neural_tangent_limit`, n < p unless there is a ridge; to both (the latter if phi has no kinks) is added
    what the kernel has beyond them at infinite width, times (1 - n/p)_+: finite d, degree 3 and more. The signal's part
    of S^2 is signal^2 q_1^2 w_1/d, q_1 the share of a linear target that is learned, w_1/d = 1 + O(1/d).

    Args:
        model: "rf-kernel", "ntk-kernel", "random-features", "neural-tangent", or a spec, of small weights too.
        activation: a name, a formula or an Activation; none for a model that has its own kernel.
        n, d, k: sizes; k where the model has neurons.
        ridge: added to the diagonal of the n x n Gram matrix; the model's own if 0.
        noise: the variance of the label noise.
        signal: the size of the linear target, |beta| = 1.

    All sizes and numbers broadcast; floats in, a float out.

    Raises:
        InvalidInputError: for another model, sizes below 1 (d < 3, k < 2 for neural tangent features), n >= p without a
            ridge, or phi that is not smooth enough for S to be finite.

    Source: derived; against simulations within 10% from d = 40 on and 4% from d = 100 on, away from n = p.

    >>> round(sobolev_limit(model="rf-kernel", activation="relu", n=1200, d=300), 1)
    86.2
    >>> sobolev_limit(model="random-features", activation="tanh", n=[100, 200], d=100, k=250).round().tolist()
    [247.0, 1023.0]
    """
    spec = read_model(model)
    if spec.kind not in _KINDS:
        raise InvalidInputError(
            f"sobolev limit: no limit is known of the model {spec.kind!r}; valid: {', '.join(_KINDS)}"
        )
    if activation is None and spec.activated:
        raise InvalidInputError(f"sobolev limit: the model {spec.kind} needs an activation; add activation='relu'")
    act = read_activation("identity" if activation is None else activation)
    if ("k" in spec.uses) != (k is not None):
        wanted = "needs k" if k is None else "has no neurons, so no k"
        raise InvalidInputError(f"sobolev limit: the model {spec.kind} {wanted} but got k={k!r}")
    given = {"n": n, "d": d, "k": 1 if k is None else k, "ridge": ridge, "noise": noise, "signal": signal}
    arrays = dict(zip(given, _broadcast(given), strict=True))
    arrays["ridge"] = _ridge(spec, arrays["ridge"])
    result = np.empty(arrays["n"].shape)
    rows = np.stack([arrays[name].ravel() for name in given], axis=1)
    others, which = np.unique(rows[:, 1:], axis=0, return_inverse=True)
    for index, (dim, width, r, variance, size) in enumerate(others):
        chosen = which.ravel() == index
        options = {"ridge": float(r), "noise": float(variance), "signal": float(size)}
        result.ravel()[chosen] = _at(spec, act, rows[chosen, 0], int(dim), int(width), options)
    return float(result) if result.ndim == 0 else result


def finite_width_limit(
    spec: TwoLayer, act: Activation, *, n: npt.ArrayLike, d: int, k: int, ridge: float, noise: float, signal: float
) -> Floats:
    """Return `random_features_limit` or `neural_tangent_limit` of a spec, for small weights too; nothing is added.

    Weights from N(0, I/d) are those from N(0, I) with phi(u/sqrt(d)); a tangent feature phi'(w . x) x is then sqrt(d)
    times that of phi(u/sqrt(d)), so the ridge is divided by d.
    """
    phi = width_constants(act, spec.weight_deviation(d))
    if isinstance(spec, NeuralTangent):
        ridge = ridge / d if spec.weights is Weights.SMALL else ridge
        return neural_tangent_limit(phi, n=n, d=d, k=k, ridge=ridge, noise=noise, signal=signal)
    return random_features_limit(phi, n=n, d=d, k=k, ridge=ridge, noise=noise, signal=signal)


def _at(spec: Model, act: Activation, n: Floats, d: int, k: int, options: Mapping[str, float]) -> Floats:
    """S^2 at sizes n for one d and k."""
    if not isinstance(spec, RandomFeatures | NeuralTangent):
        return kernel_limit(spec.limit_kernel(act), n=n, d=d, **options)
    found = finite_width_limit(spec, act, n=n, d=d, k=k, **options)
    tangent = isinstance(spec, NeuralTangent)
    phi = width_constants(act, spec.weight_deviation(d))
    rank = tangent_rank(phi, d, k) if tangent else k
    below = n < rank
    if not below.any() or d < LEAST_DIMENSION or (tangent and phi.bend is None):
        return found  # at a kink the gradient off it has no limit at infinite width
    ridge = options["ridge"] / d if tangent and spec.weights is Weights.SMALL else options["ridge"]
    kernel = _kernel(act, spec.weight_deviation(d), tangent)
    whole = kernel_limit(kernel, n=n[below], d=d, **{**options, "ridge": ridge})
    wide = finite_width_limit(spec, act, n=n[below], d=d, k=_WIDE, **options)
    found[below] += (1 - n[below] / rank) * (whole - wide)
    return found


@lru_cache(maxsize=256)
def _kernel(act: Activation, deviation: float, tangent: bool) -> DotProductKernel:
    """The kernel at infinite width of phi(deviation * G)."""
    if deviation == 1.0:
        return ntk_kernel(act) if tangent else rf_kernel(act)
    radius = np.array([deviation])
    squares = scaled_coefficients(act, radius, _TERMS)[0] ** 2
    squares[squares < 1e-24 * squares.sum()] = 0.0
    order = np.arange(len(squares)) if tangent else np.ones(len(squares))
    whole = float(scaled_moment(act, radius, int(tangent))[0]) * (deviation**2 if tangent else 1.0)
    return DotProductKernel(order * squares, max(whole, float((order * squares).sum())))


def _broadcast(given: Mapping[str, object]) -> list[Floats]:
    """The numbers as arrays of one shape, in range."""
    try:
        arrays = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in given.values()))
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"sobolev limit: expected numbers or arrays that broadcast but got {dict(given)!r}"
        ) from error
    for name, values in zip(given, arrays, strict=True):
        least = 1 if name in ("n", "d", "k") else 0
        if not np.all(np.isfinite(values) & (values >= least)):
            raise InvalidInputError(f"sobolev limit: expected finite {name} >= {least} but got {name}={given[name]!r}")
        if name in ("d", "k") and not np.all(values == np.round(values)):
            raise InvalidInputError(f"sobolev limit: expected whole numbers but got {name}={given[name]!r}")
    return [np.array(values) for values in arrays]


def _ridge(spec: Model, ridge: Floats) -> Floats:
    """The ridge given, or the model's own."""
    if spec.ridge and np.any((ridge != 0) & (ridge != spec.ridge)):
        raise InvalidInputError(f"sobolev limit: the model has ridge={spec.ridge!r} already; leave out ridge=")
    return np.where(ridge == 0, spec.ridge, ridge)
