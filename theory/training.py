"""Models that are trained, or fitted to a population, no computation: frozen msgspec types beside theory/model.py.

`QuadraticStudent` is a two-layer student of a quadratic target, [DB] = Dohmatob and Bietti 2022, arXiv:2203.11864;
`TrainedNetwork` is a two-layer network trained by gradient descent, [BLN] = Bubeck, Li and Nagaraj 2020.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from bigtheta.theory.data import check_size
from bigtheta.theory.errors import InvalidInputError, unknown_name, whole_number
from bigtheta.theory.model import Model
from bigtheta.theory.scale import d, k

__all__ = ["COVARIANCES", "OPTIMISERS", "REGIMES", "TARGETS", "QuadraticStudent", "TrainedNetwork"]

Expr = Any

REGIMES = ("initialisation", "rf", "lazy-rf", "nt", "lazy-nt", "gradient-flow", "lazy-gradient-flow", "trained")
TARGETS = ("identity", "goe", "mixed", "wishart")
COVARIANCES = ("isotropic", "target")
OPTIMISERS = ("gd", "sgd", "adam")

_RIDGED = ("rf", "lazy-rf", "nt", "lazy-nt")
_FLOWS = ("gradient-flow", "lazy-gradient-flow")


class QuadraticStudent(
    Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="quadratic-student"
):
    """A two-layer student f of f*(x) = x^T B x, |B|_F = 1, on the population x ~ N(0, I_d): no samples, m = k neurons.

    f(x) = b + sum_j z_j phi(w_j . x) (initialisation, rf, lazy-rf, trained), w_j ~ N(0, Gamma), tr Gamma = 1, or
    f(x) = b + sum_j (a_j . x) phi'(w_j . x) (nt), b free. The quantity "test-error" is E = E (f - f*)^2 / 2 and
    "sobolev" is S = E |grad f|^2 / 4, both 1 for f = 0 and for f = f* respectively; S is not its square root.

    Args:
        regime: "initialisation": z_j ~ N(0, scale^2/m), nothing trained; "rf": z minimises E (f - f*)^2 + ridge |z|^2;
            "nt": a minimises E (f - f*)^2 + ridge |a|_F^2; "lazy-": the same around the random network of
            "initialisation", which is added and whose distance is what the ridge penalises; "gradient-flow": the nt
            model, phi(u) = c u^2, after `time` of the flow of E (f - f*)^2 / 4 from 0; "trained": the best (z, w, b)
            of all, phi(u) = c u^2.
        target: B = I/sqrt(d); "goe": symmetric Gaussian; "mixed": the share `trace_share` of |B|^2 on the identity
            and the rest on a traceless GOE matrix; "wishart": G G^T, G square and Gaussian.
        trace_share: (tr B)^2/(d |B|^2) of the "mixed" target.
        ridge: of rf, lazy-rf, nt and lazy-nt, on |z|^2 or |a|^2.
        time: of the gradient flows.
        scale: the standard deviation of sqrt(m) z_j at initialisation.
        covariance: Gamma = I/d, or "target": Gamma = B/tr B, for a positive semi-definite B.
        coefficients: Hermite coefficients (lambda_0, lambda_1, ...) of phi instead of the experiment's activation.
        positive: trained: the output weights are +1 instead of free.

    Raises:
        InvalidInputError: for an unknown name, or an option that its regime does not have.

    Source: [DB]; the time scale of the flow and the scaling of the ridge are derived.

    >>> QuadraticStudent(regime="nt", target="goe", ridge=4.0).kind
    'quadratic-student'
    >>> QuadraticStudent(regime="trained", ridge=1.0)
    Traceback (most recent call last):
    ...
    bigtheta.theory.errors.InvalidInputError: quadratic-student: regime='trained' has no ridge but got ridge=1.0
    """

    regime: str = "rf"
    target: str = "identity"
    trace_share: float = 0.5
    time: float = 0.0
    scale: float = 1.0
    covariance: str = "isotropic"
    coefficients: tuple[float, ...] = ()
    positive: bool = False

    title: ClassVar[str] = "quadratic student"
    interpolates: ClassVar[bool] = False
    uses: ClassVar[tuple[str, ...]] = ("d", "k")

    def __post_init__(self) -> None:
        kind = self.kind
        for what, name, known in (
            ("regime", self.regime, REGIMES),
            ("target", self.target, TARGETS),
            ("covariance", self.covariance, COVARIANCES),
        ):
            if name not in known:
                raise unknown_name(what, name, known)
        for what, size in (("ridge", self.ridge), ("time", self.time), ("scale", self.scale)):
            check_size(kind, what, size)
        check_size(kind, "trace_share", self.trace_share)
        if self.trace_share > 1:
            raise InvalidInputError(
                f"{kind}: expected trace_share from 0 to 1 but got trace_share={self.trace_share!r}"
            )
        for what, given, default, regimes in (
            ("ridge", self.ridge, 0.0, _RIDGED),
            ("time", self.time, 0.0, _FLOWS),
            ("positive", self.positive, False, ("trained",)),
        ):
            if given != default and self.regime not in regimes:
                raise InvalidInputError(f"{kind}: regime={self.regime!r} has no {what} but got {what}={given!r}")
        if self.covariance == "target" and self.target not in ("identity", "wishart"):
            raise InvalidInputError(
                f"{kind}: covariance='target' needs a positive semi-definite target but got target={self.target!r}; "
                "use 'identity' or 'wishart'"
            )
        if not all(math.isfinite(c) for c in self.coefficients) or (
            self.coefficients and not any(self.coefficients[1:])
        ):
            raise InvalidInputError(
                f"{kind}: expected finite coefficients, one beyond the first not 0, but got {self.coefficients!r}"
            )


class TrainedNetwork(
    Model, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="trained-network"
):
    """f(x) = c + sum_l a_l phi(w_l . x + b_l) (+ v . x), all trained on max(error - stop, 0) + penalty * path norm.

    The error is mean (f(x_i) - y_i)^2. The path norm sum_l |a_l| |w_l| (+ |v|) bounds the Lipschitz constant of f from
    above when phi is 1-Lipschitz; a penalty looks for the smoothest network of error `stop`. A fit whose error stays
    above `stop` is "not-converged".
    The start is w_l ~ N(0, I_d), a_l ~ N(0, 1/k), b = v = c = 0 for unit inputs.

    Args:
        optimiser: "gd" (full batch), "sgd" (batches without replacement), or "adam" (full batch; batches if given).
        steps: updates at most.
        rate: step size.
        batch: inputs in a batch, 0 for all of them; "sgd" needs one.
        bias: the hidden layer has biases b_l.
        skip: the network has the linear term v . x.
        penalty: weight of the path norm.
        stop: error to reach; training ends there, or goes on to the last step where penalty > 0.

    Raises:
        InvalidInputError: for an unknown optimiser or an option out of range.

    Source: [BLN], conjecture 1 and theorem 5; the training is ours.

    >>> TrainedNetwork(skip=True).parameters
    d*k + d + 2*k + 1
    >>> TrainedNetwork(optimiser="sgd")
    Traceback (most recent call last):
    ...
    bigtheta.theory.errors.InvalidInputError: trained-network: optimiser='sgd' needs batch >= 1 but got batch=0
    """

    optimiser: str = "adam"
    steps: int = 2000
    rate: float = 0.01
    batch: int = 0
    bias: bool = True
    skip: bool = False
    penalty: float = 0.0
    stop: float = 1e-6

    title: ClassVar[str] = "trained network"
    interpolates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        kind = self.kind
        if self.optimiser not in OPTIMISERS:
            raise unknown_name("optimiser", self.optimiser, OPTIMISERS)
        whole_number("steps", self.steps, low=1, where=kind)
        whole_number("batch", self.batch, low=0, where=kind)
        for what, size in (("ridge", self.ridge), ("rate", self.rate), ("penalty", self.penalty), ("stop", self.stop)):
            check_size(kind, what, size)
        if self.rate == 0 or self.stop == 0:
            raise InvalidInputError(f"{kind}: expected rate > 0 and stop > 0 but got {self.rate!r} and {self.stop!r}")
        if self.ridge:
            raise InvalidInputError(f"{kind}: a trained network has no ridge but got ridge={self.ridge!r}; use penalty")
        if self.optimiser == "sgd" and self.batch == 0:
            raise InvalidInputError(f"{kind}: optimiser='sgd' needs batch >= 1 but got batch=0")
        if self.optimiser == "gd" and self.batch:
            raise InvalidInputError(
                f"{kind}: optimiser='gd' takes the full batch but got batch={self.batch!r}; use sgd"
            )

    @property
    def parameters(self) -> Expr:
        """p = k d + k + 1, and k more with biases, d more with the skip."""
        return k * d + k + 1 + (k if self.bias else 0) + (d if self.skip else 0)
