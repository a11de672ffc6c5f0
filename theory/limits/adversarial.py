"""Adversarially trained random features: the limit of the risk, by two nested bracketed roots.

f(x) = theta . sigma(W x), sigma(u) = max(u, 0) - 1/sqrt(2 pi), x ~ N(0, I_d), y = beta . x + N(0, tau^2), |beta| = 1,
rows of W uniform on the unit sphere. theta minimises (1/n) sum_i (|y_i - f(x_i)| + eps b)^2 with b^2 = E |grad f|^2 =
theta^T J theta, J = (W W^T + I)/4, as n, d, k grow with psi1 = k/d, psi2 = n/d. With V = E (y - f)^2 the residuals are
prox(sqrt(V) g), g ~ N(0, 1), zero where |g| <= nu, and

    AR = E (|y - f| + eps_test |grad f|)^2 = V + 2 sqrt(2/pi) eps_test b sqrt(V) + eps_test^2 b^2.

p = 1 - 2/pi; m1 = (1/k) tr (W W^T + zeta)^{-1}, m2 = -dm1/dzeta; erf, erfc at nu/sqrt(2); c: twice the prox's step;
a = erf/c + erfc/(1 + c), lmb = eps^2 (1 + c/(1 + c) g(nu)/nu), g = E (|G| - nu)_+, l = a/(a + lmb), zeta = 1 - 2 l/pi.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import erfcx, ndtri

from bigtheta.theory.errors import BigthetaError, InvalidInputError

__all__ = ["AdversarialLimit", "NoRootError", "Phase", "adversarial_limit", "adversarial_risk", "critical_eps"]

P = 1 - 2 / math.pi
_ROOT_PI = math.sqrt(2 / math.pi)


class NoRootError(BigthetaError):
    """The equations of the limit were not solved: too close to where they degenerate."""


class Phase(Enum):
    """What the minimiser is in the limit."""

    TRAINED = "trained"
    """theta is not 0."""
    ZERO = "zero"
    """theta = 0: eps >= critical_eps, so that no model is better than f = 0."""


@dataclass(frozen=True)
class AdversarialLimit:
    """The limit at one point.

    Attributes:
        risk: AR, at eps_test.
        V: E (y - f)^2, noise included.
        b: sqrt(E |grad f|^2).
        nu, c: the two roots; a share erf(nu/sqrt 2) of the residuals is exactly 0. inf, 0 in the zero phase; nu = inf
            for eps = 0 beyond psi1 = psi2.
        phase: `Phase.TRAINED` or `Phase.ZERO`.
        residual: of the outer equation, V nu^2/(c eps)^2 = b^2, as a relative difference.
    """

    risk: float
    V: float
    b: float
    nu: float
    c: float
    phase: Phase
    residual: float


def adversarial_risk(
    *,
    psi1: npt.ArrayLike,
    psi2: npt.ArrayLike,
    eps: npt.ArrayLike,
    tau: npt.ArrayLike,
    eps_test: npt.ArrayLike | None = None,
) -> float | npt.NDArray[np.float64]:
    """Return the limit of E (|y - f| + eps_test |grad f|)^2 after training against perturbations of size eps.

    Args:
        psi1, psi2: k/d and n/d, positive.
        eps: >= 0, in the norm of x ~ N(0, I_d).
        tau: standard deviation of the label noise, >= 0.
        eps_test: eps if None.

    All broadcast; floats in, a float out.

    Raises:
        InvalidInputError: outside that domain, or at psi1 = psi2 with eps = 0, where it is infinite.
        NoRootError: where the equations are too close to degenerate for float64.

    Source: Hassani and Javanmard 2022, Theorem 4.2; its reduction to two roots and the zero phase are derived.

    >>> round(adversarial_risk(psi1=0.5, psi2=2, eps=0.5, tau=0.5), 8)
    1.36418347
    >>> adversarial_risk(psi1=[1, 2], psi2=3, eps=1, tau=0.5).round(4)
    array([1.25  , 1.3696])
    """
    given = [psi1, psi2, eps, tau, eps if eps_test is None else eps_test]
    try:
        arrays = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in given))
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"adversarial_risk: expected numbers or arrays that broadcast but got psi1={psi1!r}, psi2={psi2!r}, "
            f"eps={eps!r}, tau={tau!r}, eps_test={eps_test!r}"
        ) from error
    columns = (array.ravel().tolist() for array in arrays)
    risks = [
        adversarial_limit(psi1=one, psi2=two, eps=e, tau=t, eps_test=test).risk
        for one, two, e, t, test in zip(*columns, strict=True)
    ]
    return risks[0] if arrays[0].ndim == 0 else np.array(risks).reshape(arrays[0].shape)


def adversarial_limit(
    *, psi1: float, psi2: float, eps: float, tau: float, eps_test: float | None = None
) -> AdversarialLimit:
    """Return the limit at one point with what it is made of; see `adversarial_risk`.

    >>> found = adversarial_limit(psi1=1, psi2=3, eps=1, tau=0.5)
    >>> found.phase, found.risk
    (<Phase.ZERO: 'zero'>, 1.25)
    """
    test = eps if eps_test is None else eps_test
    _check(psi1, psi2, eps, tau, test)
    model = _Model(float(psi1), float(psi2), float(eps), float(tau))
    if eps >= critical_eps(psi1=psi1, psi2=psi2, tau=tau):
        V, b, nu, c, phase, residual = 1 + tau**2, 0.0, math.inf, 0.0, Phase.ZERO, 0.0
    else:
        V, b, nu, c, residual = model.ridgeless() if eps == 0 else model.solve()
        phase = Phase.TRAINED
    risk = V + 2 * _ROOT_PI * test * b * math.sqrt(V) + test**2 * b**2
    return AdversarialLimit(risk, V, b, nu, c, phase, residual)


def critical_eps(*, psi1: float, psi2: float, tau: float) -> float:
    """Return eps_c, from which on theta = 0 and AR = 1 + tau^2.

    eps_c^2 = (pi/2) [psi1 (1 - m1(1))/(1 + tau^2) + (psi1/psi2) (1 - (2/pi) m1(1))].

    Source: derived, from the subgradient at theta = 0.

    >>> round(critical_eps(psi1=1, psi2=3, tau=0.5), 4)
    0.8931
    """
    m1, _ = resolvent(psi1, 1.0)
    square = psi1 * (1 - m1) / (1 + tau**2) + psi1 / psi2 * (1 - (1 - P) * m1)
    return math.sqrt(math.pi / 2 * square)


def resolvent(psi1: float, zeta: float) -> tuple[float, float]:
    """Return m1 = (1/k) tr (W W^T + zeta)^{-1} and m2 = -dm1/dzeta in the limit k/d = psi1, zeta > 0.

    m1 is the positive root of psi1 zeta m^2 + (zeta + 1 - psi1) m = 1. Source: Marchenko and Pastur 1967.

    >>> resolvent(1.0, 0.5)
    (1.0, 1.3333333333333333)
    """
    b = zeta + 1 - psi1
    root = math.sqrt(b * b + 4 * psi1 * zeta)
    m1 = 2 / (b + root) if b >= 0 else (root - b) / (2 * psi1 * zeta)
    return m1, (psi1 * m1 * m1 + m1) / root


@dataclass(frozen=True)
class _Model:
    """The equations at one point."""

    psi1: float
    psi2: float
    eps: float
    tau: float

    def solve(self) -> tuple[float, float, float, float, float]:
        """V, b, nu, c, residual for 0 < eps < eps_c: the outer root, in log nu, over the inner one, in log c."""
        last = [0.0]

        def outer(x: float) -> float:
            nu = _Threshold(math.exp(x))
            last[0] = self.inner(nu, last[0])
            return self.risk(nu, math.exp(last[0]))[2]

        ratio = self.psi1 / self.psi2
        most = math.log(-ndtri((1 - ratio) / 2)) if ratio < 1 else math.inf  # erf(nu/sqrt 2) = psi1/psi2
        x = _root(outer, min(math.log(self.eps), most - 0.5), most)
        nu = _Threshold(math.exp(x))
        c = math.exp(self.inner(nu, last[0]))
        V, b2, residual = self.risk(nu, c)
        if not (V > 0 and b2 > 0 and abs(residual) < 1e-6):
            raise NoRootError(
                f"adversarial limit: no root at psi1={self.psi1!r}, psi2={self.psi2!r}, eps={self.eps!r}, "
                f"tau={self.tau!r} (residual {residual:.2g}); move psi1 or eps a little"
            )
        return V, math.sqrt(b2), nu.nu, c, abs(residual)

    def inner(self, nu: _Threshold, guess: float) -> float:
        """log c with a c = (psi1/psi2) l (1 + (p - zeta) m1); the left side over the right grows with c."""
        ratio = self.psi1 / self.psi2

        def gap(x: float) -> float:
            c = math.exp(x)
            a = nu.a(c)
            lmb = self.eps**2 * (1 + c / (1 + c) * nu.excess)
            m1, _ = resolvent(self.psi1, 1 - (1 - P) * a / (a + lmb))
            return math.log((a + lmb) * c / (ratio * (1 - (1 - P) * lmb / (a + lmb) * m1)))

        return _root(gap, guess, math.inf)

    def risk(self, nu: _Threshold, c: float) -> tuple[float, float, float]:
        """V, b^2, and by how much V nu^2/(c eps)^2 exceeds b^2, as log of their ratio."""
        a = nu.a(c)
        lmb = self.eps**2 * (1 + c / (1 + c) * nu.excess)
        return self.moments(a / (a + lmb), nu.squares(c) / (a + lmb) ** 2, nu.nu / (c * self.eps))

    def moments(self, share: float, squares: float, slope: float) -> tuple[float, float, float]:
        """The same from l, K/(a + lmb)^2 and nu/(c eps)."""
        psi1, ratio = self.psi1, self.psi1 / self.psi2
        zeta = 1 - (1 - P) * share
        m1, m2 = resolvent(psi1, zeta)

        def q(u: float, v: float) -> float:
            return 1 + (u + v - 2 * zeta) * m1 + (u - zeta) * (v - zeta) * m2

        V = (self.tau**2 + 1 - 2 * share * psi1 * (1 - zeta * m1) + share**2 * psi1 * q(0, P)) / (
            1 - squares * ratio * q(P, P)
        )
        b2 = share**2 * psi1 * q(0, 1) + V * squares * ratio * q(P, 1)
        return V, b2, math.log(V * slope**2 / b2) if V > 0 else math.inf

    def ridgeless(self) -> tuple[float, float, float, float, float]:
        """The limit eps -> 0: least squares for psi1 < psi2, else the interpolator of least b.

        Beyond psi1 = psi2, nu -> inf and c eps^2 stays finite: l = 1/(1 + c eps^2) solves l (1 + (p - zeta) m1) =
        psi2/psi1, and K/(a + lmb)^2 = l^2. Source: derived.
        """
        if self.psi1 == self.psi2:
            raise InvalidInputError(
                f"adversarial limit: expected psi1 != psi2 where eps = 0 but got psi1=psi2={self.psi1!r}; the risk is "
                "infinite there, so take eps > 0"
            )
        ratio = self.psi1 / self.psi2
        if ratio < 1:
            c = ratio / (1 - ratio)
            V, b2, _ = self.moments(1.0, 1.0, 1.0)
            return V, math.sqrt(b2), 0.0, c, 0.0

        def gap(x: float) -> float:
            share = 1 / (1 + math.exp(x))
            m1, _ = resolvent(self.psi1, 1 - (1 - P) * share)
            return -math.log(ratio * share * (1 - (1 - P) * (1 - share) * m1))

        share = 1 / (1 + math.exp(_root(gap, 0.0, math.inf)))
        V, b2, _ = self.moments(share, share**2, 1.0)
        return V, math.sqrt(b2), math.inf, math.inf, 0.0


class _Threshold:
    """What depends on nu alone: share of zeros, its complement, and their moments."""

    def __init__(self, nu: float) -> None:
        self.nu = nu
        damped = math.exp(-nu * nu / 2)
        self.zero = math.erf(nu / math.sqrt(2))
        scaled = float(erfcx(nu / math.sqrt(2)))
        self.rest = damped * scaled
        self.density = _ROOT_PI * damped
        self.excess = damped * (_ROOT_PI - nu * scaled) / nu
        """g(nu)/nu"""
        if nu < 0.1:  # int_0^nu t^2 e^{-t^2/2} dt, without cancellation
            self.inside = _ROOT_PI * nu**3 * (1 / 3 - nu**2 / 10 + nu**4 / 56 - nu**6 / 432 + nu**8 / 4224)
        else:
            self.inside = self.zero - nu * self.density

    def a(self, c: float) -> float:
        """a = erf/c + erfc/(1 + c)."""
        return self.zero / c + self.rest / (1 + c)

    def squares(self, c: float) -> float:
        """K = E[G^2; |G| < nu]/c^2 + E[(|G| + nu/c)^2; |G| > nu]/(1 + c)^2."""
        beyond = self.rest + self.nu * self.density + 2 * self.nu / c * self.density + (self.nu / c) ** 2 * self.rest
        return self.inside / c**2 + beyond / (1 + c) ** 2


def _root(function: Callable[[float], float], start: float, most: float) -> float:
    """The root of an increasing function below `most`, by steps outwards from `start` and then Brent's method."""
    step, low = 1.0, start
    value = function(low)
    high, above = low, value
    while value > 0 and step < 1e4:
        high, above = low, value
        low -= step
        value, step = function(low), 2 * step
    step = 1.0
    while above <= 0 and step < 1e4 and high < most - 1e-12:
        low, value = high, above
        high = min(high + step, (high + most) / 2) if math.isfinite(most) else high + step
        above, step = function(high), 2 * step
    if not value <= 0 < above:
        return math.nan
    return float(brentq(function, low, high, xtol=1e-14, rtol=1e-14, maxiter=200)) if value < 0 else low


def _check(psi1: float, psi2: float, eps: float, tau: float, test: float) -> None:
    for name, value, positive in (
        ("psi1", psi1, True), ("psi2", psi2, True), ("eps", eps, False), ("tau", tau, False), ("eps_test", test, False),
    ):  # fmt: skip
        if not math.isfinite(value) or value < 0 or (positive and value == 0):
            wanted = f"{name} > 0" if positive else f"{name} >= 0"
            raise InvalidInputError(f"adversarial limit: expected a finite {wanted} but got {name}={value!r}")
