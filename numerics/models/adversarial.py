"""Adversarially trained random features, f(x) = theta . sigma(W x): the exact minimiser, its certificate, its risk.

theta minimises F(theta) = (1/n) sum_i (|y_i - f(x_i)| + eps |J^{1/2} theta|)^2, sigma = phi - E phi(G): for phi = relu
that is max(u, 0) - 1/sqrt(2 pi). x ~ N(0, I_d), y = signal beta . x + N(0, noise), |beta| = 1, rows of W uniform on the
unit sphere. With kappa and kappa_1 the RF and NTK kernels of phi, and rho = W W^T, every phi without jumps has
K = E sigma(Wx) sigma(Wx)^T = kappa(rho) - mu_0^2,  E sigma(Wx) (beta . x) = mu_1 W beta,  J = kappa_1(rho), so that
theta^T J theta = E |grad f|^2. In the limit J = mu_1^2 W W^T + (E phi'(G)^2 - mu_1^2) I.
Source: Hassani and Javanmard 2022 for relu; other phi, the dual bound and the algorithm are derived.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bigtheta.numerics.gram import largest_off_diagonal, symmetric
from bigtheta.numerics.interpolate import RESIDUAL_LIMIT, Solution, solve_gram, solve_least_squares
from bigtheta.numerics.lower import lower_activation
from bigtheta.numerics.models.base import Interpolator, interpolator
from bigtheta.numerics.models.kernels import functions
from bigtheta.numerics.streams import Role, Streams
from bigtheta.theory.activation import Activation
from bigtheta.theory.data import Labels
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.hermite import hermite
from bigtheta.theory.kernel import DotProductKernel, ntk_kernel, rf_kernel
from bigtheta.theory.model import AdversarialFeatures, Jacobian

__all__ = ["Minimum", "Risk", "adversarial_trial", "certified_gap", "minimise", "population_risk"]

_SMOOTHING = tuple(10.0**-i for i in range(1, 10))
"""delta, in units of the labels' root mean square: |r| is smoothed to sqrt(r^2 + delta^2)."""
_GAP = 1e-8
"""Relative duality gap at which the smoothing ends."""
_NEWTON_STEPS = 60


@dataclass(frozen=True)
class Minimum:
    """q that minimises (1/n) sum_i (|y_i - (A q)_i| + eps |q|)^2; the true minimum lies from objective - gap up."""

    q: Tensor
    objective: float
    gap: float
    condition: float
    iterations: int


@dataclass(frozen=True)
class Risk:
    """error = E (f - signal beta . x)^2, sobolev = sqrt(E |grad f|^2), adversarial = E (|y - f| + eps_test |grad f|)^2.

    status in `solution`: "ok" where the duality gap is at most 1e-6 of the minimum, its residual; "failed" beyond.
    """

    error: float
    sobolev: float
    adversarial: float
    solution: Solution

    def value(self, quantity: str) -> float:
        """Return the adversarial risk for "adversarial-risk", the error for "test-error", S for "sobolev".

        Raises:
            InvalidInputError: for another quantity.
        """
        values = {"adversarial-risk": self.adversarial, "test-error": self.error, "sobolev": self.sobolev}
        if quantity not in values:
            raise InvalidInputError(
                f"quantity: adversarial features have {', '.join(map(repr, values))} but got quantity={quantity!r}"
            )
        return values[quantity]


@interpolator.register
def _(model: AdversarialFeatures, *, x: Tensor, w: Tensor, y: Tensor, act: Activation) -> Interpolator:
    """Minimise F for hidden weights on the unit sphere; coefficients are theta, the residual is the duality gap / F.

    eps = 0 is least squares, or the interpolator of least |J^{1/2} theta| if n <= k.
    Shapes: x (n, d), w (k, d), y (n,). Source: derived.

    Raises:
        InvalidInputError: if a row of w does not have norm 1.
    """
    if float((torch.linalg.vector_norm(w, dim=1) - 1).abs().max()) > 1e-9:
        raise InvalidInputError(f"model {model.kind}: expected hidden weights of norm 1; divide each row by its norm")
    phi, dphi, mean = lower_activation(act), lower_activation(act, 1), hermite(act, 0).value
    jacobian = _exact_jacobian(act, w) if model.jacobian is Jacobian.EXACT else _limit_jacobian(act, w)
    features = phi(x @ w.T) - mean
    root = _inverse_root(jacobian, features)
    a = root.whitened  # the features in coordinates q in which |J^{1/2} theta| = |q|
    solution = _solve(a, y, model.eps)
    theta = root.back(solution.coefficients)
    return Interpolator(
        lambda z: (phi(z @ w.T) - mean) @ theta,
        lambda z: (dphi(z @ w.T) * theta) @ w,
        Solution(theta, solution.residual, solution.condition, solution.status),
    )


def adversarial_trial(
    model: AdversarialFeatures, act: Activation, labels: Labels, streams: Streams, *, device: str = "cpu"
) -> Risk:
    """Draw x ~ N(0, I_d), unit w_j and y = signal beta . x + N(0, noise), fit, and return the exact population risk.

    Raises:
        InvalidInputError: for labels with another target or another law of the noise.

    >>> streams = Streams(seed=1, spec="demo", sizes={"n": 40, "d": 20, "k": 30}, trial=0)
    >>> from bigtheta.theory.catalogue import activation
    >>> found = adversarial_trial(AdversarialFeatures(eps=9.0), activation("relu"), Labels(signal=1.0), streams)
    >>> round(found.adversarial, 12), found.solution.status  # so large an eps is best met by f = 0
    (2.0, 'ok')
    """
    if labels.target != "linear" or labels.noise_law != "gaussian":
        raise InvalidInputError(
            f"model {model.kind}: expected labels with a linear target and Gaussian noise but got {labels.words}"
        )
    n, d, k = (streams.sizes[name] for name in ("n", "d", "k"))
    x = streams.normal(Role.INPUTS, n, d).to(device)
    w = streams.normal(Role.WEIGHTS, k, d).to(device)
    w = w / torch.linalg.vector_norm(w, dim=1, keepdim=True)
    numbers = streams.normal(Role.LABELS, n + d).to(device)
    beta = labels.signal * numbers[n:] / torch.linalg.vector_norm(numbers[n:])
    y = x @ beta + math.sqrt(labels.noise) * numbers[:n]
    fitted = interpolator(model, x=x, w=w, y=y, act=act)
    eps_test = model.eps if model.eps_test is None else model.eps_test
    return population_risk(fitted.solution, w, beta, act, noise=labels.noise, eps_test=eps_test)


def population_risk(
    solution: Solution, w: Tensor, beta: Tensor, act: Activation, *, noise: float, eps_test: float
) -> Risk:
    """Return the risk of theta = solution.coefficients: V and b exact, AR their Gaussian formula.

    error = E (f - beta . x)^2 = |beta|^2 - 2 mu_1 theta . W beta + theta^T K theta and b^2 = E |grad f|^2 =
    theta^T J theta are exact Gaussian integrals at finite d, J the exact one; with V = error + noise,
    adversarial = V + 2 sqrt(2/pi) eps_test b sqrt(V) + eps_test^2 b^2, which takes y - f for Gaussian and |grad f| for
    constant, as they are in the limit. Shapes: theta (k,), w (k, d), beta (d,), of norm `signal`.
    """
    theta = solution.coefficients
    covariance = _of_products(rf_kernel(act), w) - hermite(act, 0).value ** 2
    aligned = float(theta @ (w @ beta)) * hermite(act, 1).value
    error = max(float(beta @ beta) - 2 * aligned + float(theta @ covariance @ theta), 0.0)
    del covariance
    b, v = math.sqrt(max(float(theta @ _exact_jacobian(act, w) @ theta), 0.0)), error + noise
    adversarial = v + 2 * math.sqrt(2 / math.pi) * eps_test * b * math.sqrt(v) + (eps_test * b) ** 2
    return Risk(error, b, adversarial, solution)


def minimise(a: Tensor, y: Tensor, eps: float) -> Minimum:
    """Return the minimiser of F(q) = (1/n) sum_i (|y_i - (A q)_i| + eps |q|)^2, eps > 0. Shapes: a (n, p), y (n,).

    q = 0 iff |A^T y| <= eps sum |y_i|. Otherwise damped Newton on F with |r| smoothed to sqrt(r^2 + delta^2), delta
    falling until the duality gap is 1e-8 of F. For p > n the columns are first turned into the n-dimensional row space
    of A, where q lies: a part of q outside would raise |q| and change nothing else. Source: derived.

    >>> a = torch.tensor([[1.0], [1.0]], dtype=torch.float64)
    >>> found = minimise(a, torch.tensor([1.0, 3.0], dtype=torch.float64), 0.5)
    >>> round(float(found.q), 4), found.gap < 1e-7  # (3 q/2 - 1)^2 + (3 - q/2)^2 from q = 1 on
    (1.2, True)
    """
    if a.shape[1] > len(a):
        turn, upper = torch.linalg.qr(a.T)
        found = minimise(upper.T.contiguous(), y, eps)
        return Minimum(turn @ found.q, found.objective, found.gap, found.condition, found.iterations)
    zero = torch.zeros(a.shape[1], dtype=a.dtype, device=a.device)
    if float(torch.linalg.vector_norm(a.T @ y)) <= eps * float(y.abs().sum()):
        return Minimum(zero, float(y.square().mean()), 0.0, 1.0, 0)
    n, gram, scale = len(y), a.T @ a, float(y.square().mean().sqrt())
    eye = torch.eye(a.shape[1], dtype=a.dtype, device=a.device)
    q = solve_gram(gram + n * eps**2 * eye, a.T @ y).coefficients
    best = Minimum(zero, float(y.square().mean()), math.inf, 1.0, 0)
    iterations, condition = 0, 1.0
    for smoothing in _SMOOTHING:
        delta = smoothing * scale
        if _smoothed(a, y, eps, q, delta) >= _smoothed(a, y, eps, zero, delta):
            q = _beyond_zero(a, y, eps, delta)
        for _ in range(_NEWTON_STEPS if bool(q.any()) else 0):
            rho, s, slope, gradient = _parts(a, y, eps, q, delta)
            step = solve_gram(_hessian(a, eps, q, delta, rho, s, slope), -gradient)
            iterations, condition = iterations + 1, step.condition
            moved = _search(a, y, eps, q, delta, step.coefficients, gradient)
            if moved is None:
                break
            q = moved
        objective = _smoothed(a, y, eps, q, 0.0)
        gap = certified_gap(a, y, eps, q, delta)
        if gap < best.gap:
            best = Minimum(q, objective, gap, condition, iterations)
        if gap <= _GAP * objective:
            break
    return Minimum(best.q, best.objective, best.gap, best.condition, iterations)


def _beyond_zero(a: Tensor, y: Tensor, eps: float, delta: float) -> Tensor:
    """A q where the smoothed F is below its value at 0, from where no descent ends in the kink of |q|; 0 if none is.

    Along A^T y F falls from 0 on, at the rate 2 (|A^T y| - eps sum_i rho_i)/n, unless 0 is its minimum.
    """
    zero, direction = torch.zeros_like(a[0]), a.T @ y
    length = torch.linalg.vector_norm(direction)
    if float(length) <= eps * float((y.square() + delta**2).sqrt().sum()):
        return zero
    q: Tensor = direction * (length / torch.linalg.vector_norm(a @ direction)) ** 2
    here = _smoothed(a, y, eps, zero, delta)
    while bool(q.any()) and _smoothed(a, y, eps, q, delta) >= here:
        q = q / 2
    return q


def certified_gap(a: Tensor, y: Tensor, eps: float, q: Tensor, delta: float) -> float:
    """Return F(q) - D >= F(q) - min F, D a value of the dual problem; rigorous whatever q and delta > 0 are.

    Since (|r| + t)^2 >= 2 u r + 2 s t - s^2 for |u| <= s, every (u, s) with |u_i| <= s_i and |A^T u| <= eps sum s_i
    gives min F >= D = (2 u . y - |s|^2)/n. Here s_i = rho_i + eps |q|, u_i = s_i r_i/rho_i, rho_i = sqrt(r_i^2 +
    delta^2), with u shrunk until it is feasible and both scaled to the best multiple. Source: derived.
    """
    r = y - a @ q
    rho = (r.square() + delta**2).sqrt()
    s = rho + eps * torch.linalg.vector_norm(q)
    u = s * (r / rho)
    reach = float(torch.linalg.vector_norm(a.T @ u))
    allowed = eps * float(s.sum())
    inside = float(u @ y) * (min(1.0, allowed / reach) if reach > 0 else 1.0)
    dual = max(inside, 0.0) ** 2 / float(s @ s) / len(y)
    return _smoothed(a, y, eps, q, 0.0) - dual


def _smoothed(a: Tensor, y: Tensor, eps: float, q: Tensor, delta: float) -> float:
    """F(q) with |r| smoothed to sqrt(r^2 + delta^2)."""
    rho = ((y - a @ q).square() + delta**2).sqrt()
    return float((rho + eps * torch.linalg.vector_norm(q)).square().mean())


def _parts(a: Tensor, y: Tensor, eps: float, q: Tensor, delta: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """rho, s = rho + eps |q|, slope = r/rho, and the gradient over 2/n, sum_i s_i (eps q/|q| - slope_i A_i), q != 0."""
    r = y - a @ q
    rho = (r.square() + delta**2).sqrt()
    norm = torch.linalg.vector_norm(q)
    s, slope = rho + eps * norm, r / rho
    return rho, s, slope, eps * s.sum() / norm * q - a.T @ (s * slope)


def _hessian(a: Tensor, eps: float, q: Tensor, delta: float, rho: Tensor, s: Tensor, slope: Tensor) -> Tensor:
    """G^T G + A^T diag(s delta^2/rho^3) A + eps (sum s) (I - v v^T)/|q| over 2/n;

    G_i = eps v - slope_i A_i, v = q/|q|.
    """
    norm = torch.linalg.vector_norm(q)
    v = q / norm
    bend = eps * s.sum() / norm
    mixed = torch.outer(a.T @ slope, eps * v)
    hessian = (a.T * (slope.square() + s * delta**2 / rho**3)) @ a - mixed - mixed.T
    hessian += (eps**2 * len(s) - bend) * torch.outer(v, v)
    hessian.diagonal().add_(bend)
    return hessian


def _search(a: Tensor, y: Tensor, eps: float, q: Tensor, delta: float, step: Tensor, gradient: Tensor) -> Tensor | None:
    """The next iterate: the step, halved until F falls enough, or its gradient where F is flat to rounding.

    None where neither can fall any more.
    """
    start = _smoothed(a, y, eps, q, delta)
    slope = 2 / len(y) * float(gradient @ step)
    flat, steep = 1e-12 * start, float(torch.linalg.vector_norm(gradient))
    size = 1.0
    while slope < 0 and size > 1e-8:
        trial = q + size * step
        if bool(trial.any()):
            fallen = start - _smoothed(a, y, eps, trial, delta)
            if -slope * size > flat:
                if fallen >= -1e-4 * size * slope:
                    return trial
            elif float(torch.linalg.vector_norm(_parts(a, y, eps, trial, delta)[3])) < 0.9 * steep:
                return trial
        size /= 2
    return None


def _solve(a: Tensor, y: Tensor, eps: float) -> Solution:
    """q and how it was found: residual is gap/F, "ok" up to 1e-6; eps = 0 is (min-norm) least squares."""
    n, p = a.shape
    if eps == 0 and n > p:
        return solve_least_squares(a, y)
    if eps == 0:
        solution = solve_gram(a @ a.T, y, features=lambda: a)
        if solution.parameters is not None:
            return solution
        return Solution(a.T @ solution.coefficients, solution.residual, solution.condition, solution.status)
    found = minimise(a, y, eps)
    relative = found.gap / found.objective if found.objective > 0 else found.gap
    return Solution(found.q, relative, found.condition, "ok" if relative <= RESIDUAL_LIMIT else "failed")


@dataclass(frozen=True)
class _Whitened:
    """Phi R with R^T J R = I, and theta = R q; triangular: `root` is L, R = L^{-T}, otherwise it is R."""

    whitened: Tensor
    root: Tensor
    triangular: bool

    def back(self, q: Tensor) -> Tensor:
        if not self.triangular:
            return self.root @ q
        theta: Tensor = torch.linalg.solve_triangular(self.root.T, q[:, None], upper=True)
        return theta[:, 0]


def _inverse_root(jacobian: Tensor, features: Tensor) -> _Whitened:
    """J = L L^T and theta = L^{-T} q; where J is singular, over its positive eigenvalues: elsewhere f does not vary."""
    factor, info = torch.linalg.cholesky_ex(jacobian)
    if int(info) == 0:
        return _Whitened(torch.linalg.solve_triangular(factor, features.T, upper=False).T, factor, True)
    values, vectors = torch.linalg.eigh(jacobian)
    kept = values > len(values) * torch.finfo(values.dtype).eps * values[-1]
    root = vectors[:, kept] / values[kept].sqrt()
    return _Whitened(features @ root, root, False)


def _exact_jacobian(act: Activation, w: Tensor) -> Tensor:
    return _of_products(ntk_kernel(act), w)


def _limit_jacobian(act: Activation, w: Tensor) -> Tensor:
    linear = hermite(act, 1).value ** 2
    rest = ntk_kernel(act).at_one - linear
    return linear * (w @ w.T) + rest * torch.eye(len(w), dtype=w.dtype, device=w.device)


def _of_products(kernel: DotProductKernel, w: Tensor) -> Tensor:
    """kappa(w_i . w_j) for unit rows, kappa(1) on the diagonal. Shape (k, k)."""
    nearest = largest_off_diagonal(len(w), lambda rows, columns: w[rows] @ w[columns].T)
    value, _ = functions(kernel, nearest)
    matrix = symmetric(len(w), lambda rows, columns: value(w[rows] @ w[columns].T), like=w)
    return matrix.fill_diagonal_(kernel.at_one)
