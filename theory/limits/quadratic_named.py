"""The exact limit of a student of a quadratic target as its spec describes it: regime, target, ridge, start, time.

The target enters by tau = (tr B)^2/(d |B|^2): 1 for the identity, 0 for a Gaussian B, the share of "mixed", 1/2 for
B = G G^T, whose eigenvalues follow the law of Marchenko and Pastur. Letters: rho = m/d.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
from sympy import Poly

from bigtheta.theory.activation import Activation, u
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.limits import quadratic
from bigtheta.theory.limits.quadratic_base import Phi, QuadraticLimit
from bigtheta.theory.model import Model
from bigtheta.theory.training import QuadraticStudent

__all__ = ["student_limit"]


def student_limit(spec: Model, act: Activation, *, rho: npt.ArrayLike) -> QuadraticLimit:
    """Return E and S of a `QuadraticStudent` in the limit m/d -> rho; the activation plays no part beside coefficients.

    Raises:
        InvalidInputError: where no limit is known: the neural tangent of a phi that is not quadratic, from a random
            start or for a target with a trace; a flow of such a phi; a tangent or a flow with Gamma = B/tr B; all
            weights trained on a "wishart" target.

    Source: as the limits of `theory.limits.quadratic`.

    >>> from bigtheta.theory.catalogue import activation
    >>> student_limit(QuadraticStudent(regime="nt", target="goe"), activation("u**2"), rho=0.5).error
    0.25
    """
    model = cast(QuadraticStudent, spec)
    phi: Phi = model.coefficients or act
    if model.regime == "initialisation":
        return quadratic.initialisation(phi, scale=np.full(np.shape(rho), model.scale))
    if model.regime in ("rf", "lazy-rf"):
        return _features(model, phi, rho)
    if model.regime == "trained":
        if model.target == "wishart":
            raise _unknown(model, "for a target of that name")
        return quadratic.trained(rho=rho, tau=_trace(model), positive=model.positive)
    if model.covariance == "target" and model.target != "identity":
        raise _unknown(model, "with the covariance of the weights that of the target")
    lazy, curvature = model.regime.startswith("lazy-"), _curvature(model, act)
    if curvature is None:
        if lazy or "flow" in model.regime or _trace(model) > 0:
            raise _unknown(model, f"for {act.name!r}, which is not quadratic")
        return quadratic.smooth_neural_tangent(phi, rho=rho, ridge=model.ridge)
    tau = _trace(model)
    if "flow" in model.regime:
        return quadratic.lazy_gradient_flow(
            rho=rho, time=model.time, tau=tau, curvature=curvature, scale=model.scale if lazy else 0.0
        )
    return quadratic.lazy_neural_tangent(
        rho=rho, ridge=model.ridge, tau=tau, curvature=curvature, scale=model.scale if lazy else 0.0
    )


def _features(model: QuadraticStudent, phi: Phi, rho: npt.ArrayLike) -> QuadraticLimit:
    """Gamma = I/d learns the trace alone; Gamma = B/tr B has the eigenvalues of B."""
    alpha, spectrum = _trace(model) ** 0.5, None
    if model.covariance == "target":
        alpha = 1.0
        spectrum = quadratic.marchenko_pastur(1.0) if model.target == "wishart" else None
    return quadratic.lazy_random_features(
        phi, rho=rho, ridge=model.ridge, alpha=alpha, spectrum=spectrum,
        scale=model.scale if model.regime == "lazy-rf" else 0.0,
    )  # fmt: skip


def _trace(model: QuadraticStudent) -> float:
    return {"identity": 1.0, "goe": 0.0, "mixed": model.trace_share, "wishart": 0.5}[model.target]


def _curvature(model: QuadraticStudent, act: Activation) -> float | None:
    """c of phi = c u^2 + constant; He_2/sqrt 2 = (u^2 - 1)/sqrt 2."""
    if model.coefficients:
        _, linear, *rest = (*model.coefficients, 0.0, 0.0)
        return None if linear or any(rest[1:]) else rest[0] / 2**0.5
    e = act.expression
    if not e.is_polynomial(u) or (poly := Poly(e, u)).degree() != 2 or poly.coeff_monomial(u) != 0:
        return None
    return float(poly.coeff_monomial(u**2))


def _unknown(model: QuadraticStudent, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"limit 'quadratic-student': none is known of regime={model.regime!r}, target={model.target!r} {why}"
    )
