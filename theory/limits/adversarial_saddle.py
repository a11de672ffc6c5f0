"""The convex-concave saddle behind the adversarial limit, as a check of the two roots that solve it.

With g ~ N(0, 1), M(x; s, v) = min_r (|r| + v)^2 + (x - r)^2/(2 s), eta = tau_q/alpha, kappa = gamma/b, and the
resolvent m1 at zeta = (p eta + kappa)/(eta + kappa),

    R = beta tau_g/2 + E M(alpha g; tau_g/beta, eps b) - alpha tau_q/2 - b gamma/2 + eta (1 + tau^2)/2
        - [eta^2 psi1 (1 - zeta m1) + beta^2 (psi1/psi2) (1 + (p - zeta) m1)] / (2 (eta + kappa)),

max over beta, gamma, tau_q and min over alpha, tau_g and b: alpha^2 = V bounds E (y - f)^2, b^2 bounds theta^T J theta,
with tau_q and gamma their multipliers, beta is the norm of the dual of the residuals, tau_g/beta the step of the prox.
Its value is the training loss E (|r| + eps b)^2. Source: derived by the convex Gaussian minimax theorem, with the names
of the five variables of Hassani and Javanmard 2022, Theorem 4.2; b is kept as a sixth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.limits.adversarial import AdversarialLimit, P, Phase, resolvent

__all__ = ["Saddle", "saddle_point", "saddle_value"]


@dataclass(frozen=True)
class Saddle:
    """A point (alpha, beta, gamma, tau_q, tau_g; b), all positive."""

    alpha: float
    beta: float
    gamma: float
    tau_q: float
    tau_g: float
    b: float


def saddle_point(found: AdversarialLimit, *, eps: float) -> Saddle:
    """Return the saddle point that belongs to the two roots.

    alpha = sqrt V, tau_q = 2 a alpha, gamma = 2 lmb b, beta = E[(dM/dx)^2]^{1/2}, tau_g = c beta/2.

    Raises:
        InvalidInputError: in the zero phase and for eps = 0, where there is none.

    >>> from bigtheta.theory.limits.adversarial import adversarial_limit
    >>> point = saddle_point(adversarial_limit(psi1=2, psi2=2, eps=0.5, tau=0.5), eps=0.5)
    >>> round(saddle_value(point, psi1=2, psi2=2, eps=0.5, tau=0.5), 6)
    0.682637
    """
    if found.phase is not Phase.TRAINED or not eps > 0:
        raise InvalidInputError(
            f"saddle point: expected a trained model and eps > 0 but got {found.phase}, eps={eps!r}"
        )
    nu, c, alpha, b = found.nu, found.c, math.sqrt(found.V), found.b
    inside, outside = math.erf(nu / math.sqrt(2)), math.erfc(nu / math.sqrt(2))
    density = math.sqrt(2 / math.pi) * math.exp(-nu * nu / 2)
    # dM/dx = 2 x/c where |x| < nu alpha, else 2 (|x| + eps b)/(1 + c)
    square = 4 * alpha**2 * (inside - nu * density) / c**2
    square += 4 / (1 + c) ** 2 * (
        alpha**2 * (outside + nu * density) + 2 * eps * b * alpha * density + (eps * b) ** 2 * outside
    )  # fmt: skip
    a = inside / c + outside / (1 + c)
    lmb = eps**2 * (1 + c / (1 + c) * (density / nu - outside))
    beta = math.sqrt(square)
    return Saddle(alpha, beta, 2 * lmb * b, 2 * a * alpha, c * beta / 2, b)


def saddle_value(point: Saddle, *, psi1: float, psi2: float, eps: float, tau: float) -> float:
    """Return R at any point; all its derivatives vanish at the saddle point."""
    c, alpha, v = 2 * point.tau_g / point.beta, point.alpha, eps * point.b
    nu = c * v / alpha
    inside, outside = math.erf(nu / math.sqrt(2)), math.erfc(nu / math.sqrt(2))
    density = math.sqrt(2 / math.pi) * math.exp(-nu * nu / 2)
    envelope = v**2 * inside + alpha**2 * (inside - nu * density) / c
    envelope += (alpha**2 * (outside + nu * density) + 2 * v * alpha * density + v**2 * outside) / (1 + c)
    eta, kappa = point.tau_q / alpha, point.gamma / point.b
    zeta = (P * eta + kappa) / (eta + kappa)
    m1, _ = resolvent(psi1, zeta)
    fitted = eta**2 * psi1 * (1 - zeta * m1) + point.beta**2 * psi1 / psi2 * (1 + (P - zeta) * m1)
    return (
        point.beta * point.tau_g / 2
        + envelope
        - alpha * point.tau_q / 2
        - point.b * point.gamma / 2
        + eta * (1 + tau**2) / 2
        - fitted / (2 * (eta + kappa))
    )
