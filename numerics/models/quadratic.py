"""Students of a quadratic target (`theory.training.QuadraticStudent`): draw B and W, fit to the population, measure.

The error E = E (f - f*)^2 / 2 and the Sobolev norm S = E |grad f|^2 / 4 at |B|_F = 1 are exact for the matrices drawn:
nothing is sampled but B, W and the output weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import sympy
import torch
from torch import Tensor

from bigtheta.numerics.interpolate import Solution, solve_gram
from bigtheta.numerics.models.base import Interpolator, interpolator
from bigtheta.numerics.models.moments import cross_moments, neural_tangent_features, random_features
from bigtheta.numerics.streams import Role, Streams
from bigtheta.theory.activation import Activation, u
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.training import QuadraticStudent

__all__ = ["Fitted", "draw_hidden", "draw_output", "draw_target", "fit_student", "student", "student_activation"]


@dataclass(frozen=True)
class Fitted:
    """A student: error = E (f - f*)^2/2, sobolev = E |grad f|^2/4 (both 1 for f* against f = 0), and its solve."""

    error: float
    sobolev: float
    solution: Solution

    def value(self, quantity: str) -> float:
        """Return S for "sobolev", E for "test-error".

        Raises:
            InvalidInputError: for another quantity.
        """
        if quantity not in ("sobolev", "test-error"):
            raise InvalidInputError(
                f"quantity: a quadratic student has 'sobolev' and 'test-error' but got quantity={quantity!r}"
            )
        return self.sobolev if quantity == "sobolev" else self.error


@interpolator.register
def _(model: QuadraticStudent, *, x: Tensor, w: Tensor, y: Tensor, act: Activation) -> Interpolator:
    """Refuse labels: this student is fitted to the population."""
    raise InvalidInputError("model 'quadratic-student': it is fitted to a population, not to labels; use `student`")


def student(model: QuadraticStudent, act: Activation, streams: Streams, *, device: str = "cpu") -> Fitted:
    """Draw a target, hidden and output weights from the streams, and return the fitted student.

    Raises:
        InvalidInputError: if the regime needs a quadratic or a smoother activation, or more features than fit.

    >>> streams = Streams(seed=1, spec="demo", sizes={"d": 30, "k": 15}, trial=0)
    >>> fitted = student(QuadraticStudent(regime="nt", target="goe"), Activation("t2", u**2), streams)
    >>> abs(fitted.error + fitted.sobolev - 1) < 1e-12
    True
    """
    b = draw_target(model, streams).to(device)
    w = draw_hidden(model, streams, b).to(device)
    z = draw_output(model, streams).to(device)
    return fit_student(model, student_activation(model, act), b=b, w=w, z=z)


def draw_target(model: QuadraticStudent, streams: Streams) -> Tensor:
    """Return the symmetric matrix B with |B|_F = 1. Shape (d, d)."""
    d = streams.sizes["d"]
    eye = torch.eye(d, dtype=torch.float64, device="cpu")
    if model.target == "identity":
        return eye / math.sqrt(d)
    g = streams.normal(Role.TARGET, d, d)
    if model.target == "wishart":
        return _unit(g @ g.T)
    goe = g + g.T
    if model.target == "goe":
        return _unit(goe)
    if d == 1:
        return eye
    share = model.trace_share
    return math.sqrt(share / d) * eye + math.sqrt(1 - share) * _unit(goe - goe.trace() / d * eye)


def draw_hidden(model: QuadraticStudent, streams: Streams, b: Tensor) -> Tensor:
    """Return hidden weights w_j ~ N(0, Gamma), Gamma = I/d or B/tr B. Shape (k, d)."""
    d = streams.sizes["d"]
    g = streams.normal(Role.WEIGHTS, streams.sizes["k"], d)
    if model.covariance == "isotropic":
        return g / math.sqrt(d)
    values, vectors = torch.linalg.eigh(b.cpu())
    root: Tensor = (vectors * (values.clamp(min=0) / values.sum()).sqrt()) @ vectors.T
    return g @ root


def draw_output(model: QuadraticStudent, streams: Streams) -> Tensor:
    """Return output weights at initialisation, z_j ~ N(0, scale^2/k). Shape (k,)."""
    k = streams.sizes["k"]
    return model.scale / math.sqrt(k) * streams.normal(Role.OUTPUT, k)


def student_activation(model: QuadraticStudent, act: Activation) -> Activation:
    """Return sum_j lambda_j He_j(u)/sqrt(j!) for the model's Hermite coefficients, or act where it has none.

    >>> student_activation(QuadraticStudent(coefficients=(0.0, 3.0)), Activation("t2", u**2)).expression
    3*u
    """
    if not model.coefficients:
        return act
    terms = [
        float(c) / math.sqrt(math.factorial(j)) * sympy.hermite_prob(j, u) for j, c in enumerate(model.coefficients)
    ]
    return Activation("hermite", sympy.expand(sympy.Add(*terms)))


def fit_student(model: QuadraticStudent, act: Activation, *, b: Tensor, w: Tensor, z: Tensor) -> Fitted:
    """Fit and measure for a given target b (d, d), hidden weights w (k, d) and first output weights z (k,).

    Raises:
        InvalidInputError: if the regime needs a quadratic or a smoother activation, or more features than fit.
    """
    regime = model.regime
    if regime == "trained":
        _square(act, regime)
        return _trained(b, len(w), positive=model.positive)
    if regime in ("initialisation", "rf", "lazy-rf"):
        return _random_features(model, act, b, w, z)
    start = z if regime.startswith("lazy-") else torch.zeros_like(z)
    alpha = _square(act, regime, needed="flow" in regime)
    if alpha is not None:
        return _quadratic_tangent(model, alpha, b, w, start)
    return _neural_tangent(model, act, b, w, start)


def _random_features(model: QuadraticStudent, act: Activation, b: Tensor, w: Tensor, z: Tensor) -> Fitted:
    """z + (U + ridge)^{-1} (v - U z), from z = 0 for rf; the start itself at initialisation."""
    features = random_features(act, w, b)
    if model.regime == "initialisation":
        solution = Solution(z, 0.0, math.nan, "ok")
    else:
        start = z if model.regime == "lazy-rf" else torch.zeros_like(z)
        solution = _solved(features.gram, features.target - features.gram @ start, model.ridge)
        z = start + solution.coefficients
    error = 1 - float(features.target @ z) + float(z @ features.gram @ z) / 2
    return Fitted(error, float(z @ features.energy @ z) / 4, solution)


def _neural_tangent(model: QuadraticStudent, act: Activation, b: Tensor, w: Tensor, z: Tensor) -> Fitted:
    """(K + ridge)^{-1} (v - <features, f0>) on all k d features, f0 the network at its start z (0: none)."""
    features = neural_tangent_features(act, w, b)
    own = random_features(act, w, b)
    crossed, sloped = cross_moments(act, w, z) if bool(z.any()) else (torch.zeros_like(features.target),) * 2
    solution = _solved(features.gram, features.target - crossed, model.ridge)
    c = solution.coefficients
    inner = float(features.target @ c) + float(own.target @ z)
    square = float(c @ features.gram @ c) + 2 * float(crossed @ c) + float(z @ own.gram @ z)
    energy = float(c @ features.energy @ c) + 2 * float(sloped @ c) + float(z @ own.energy @ z)
    return Fitted(1 - inner + square / 2, energy / 4, solution)


def _quadratic_tangent(model: QuadraticStudent, alpha: float, b: Tensor, w: Tensor, z: Tensor) -> Fitted:
    """phi = alpha u^2: in the eigenbasis of T = W^T W, each entry of B - A0 shrinks by a factor of t_i + t_j.

    The student's matrix is M = A0 + W^T A + A^T W up to 2 alpha, A0 = alpha W^T diag(z) W; the residual B - M is
    (B - A0) times 1/(1 + 4 alpha^2 (t_i + t_j)/ridge), the projection on the null space of W (ridge = 0), or
    exp(-2 alpha^2 time (t_i + t_j)) (flow of |M - B|^2/2 = E (f - f*)^2/4). E = |B - M|^2, S = |M|^2.
    """
    t, vectors = torch.linalg.eigh(w.T @ w)
    t = torch.where(t > len(t) * torch.finfo(t.dtype).eps * t[-1], t, 0)
    sums = t[:, None] + t
    if model.regime.endswith("gradient-flow"):
        factor = torch.exp(-2 * alpha**2 * model.time * sums)
    elif model.ridge > 0:
        factor = 1 / (1 + 4 * alpha**2 * sums / model.ridge)
    else:
        factor = (sums == 0).to(sums)
    target = vectors.T @ b @ vectors
    start = alpha * vectors.T @ ((w.T * z) @ w) @ vectors
    residual = (target - start) * factor
    solution = Solution(residual, 0.0, math.nan, "ok")
    return Fitted(float(residual.square().sum()), float((target - residual).square().sum()), solution)


def _trained(b: Tensor, m: int, *, positive: bool) -> Fitted:
    """The best matrix sum_j z_j w_j w_j^T: the m eigenvalues of B of largest modulus, or the largest positive ones."""
    values = torch.linalg.eigvalsh(b)
    gains = (values.clamp(min=0) if positive else values).square().sort(descending=True).values
    kept = float(gains[:m].sum())
    return Fitted(1 - kept, kept, Solution(gains[:m], 0.0, math.nan, "ok"))


def _solved(gram: Tensor, right: Tensor, ridge: float) -> Solution:
    """Least squares in L2: the normal equations, min-norm where features are dependent; no data gives 0."""
    if not bool(right.any()):
        return Solution(torch.zeros_like(right), 0.0, math.nan, "ok")
    return solve_gram(gram, right, ridge=ridge)


def _square(act: Activation, regime: str, *, needed: bool = True) -> float | None:
    """Return alpha for phi = alpha u^2 + constant, None for another phi where that is allowed."""
    e = act.expression
    if e.is_polynomial(u) and sympy.degree(e, u) == 2 and (poly := sympy.Poly(e, u)).coeff_monomial(u) == 0:
        return float(poly.coeff_monomial(u**2))
    if needed:
        raise InvalidInputError(
            f"quadratic student: regime {regime!r} needs a quadratic activation such as 'u**2' but got {act.name!r}"
        )
    return None


def _unit(a: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.matrix_norm(a)
    return a / norm
