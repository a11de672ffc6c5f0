"""What a law or a bound predicts, without simulation: its leading order on the path and the activation's constants."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sympy

from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import activation
from bigtheta.theory.energy import energy
from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.gradients import check_gradients
from bigtheta.theory.hermite import hermite
from bigtheta.theory.kernel import DotProductKernel
from bigtheta.theory.law import Law
from bigtheta.theory.number import Number
from bigtheta.theory.order import Order

__all__ = ["ActivationConstants", "Prediction", "predict"]

Expr = Any


@dataclass(frozen=True)
class ActivationConstants:
    """What the theory needs of one activation: mu_0, mu_1, mu_2, and a_1, a_2, a*, lambda, C of the model's kernel.

    mu_j is of the activation itself. `kernel` is None where the model has none, and `no_kernel` says why. `unmet` is
    the law's hypothesis that fails for it, in words, or None. `curvature_energy` is E phi''(G)^2, None for a kink.
    """

    activation: Activation
    mu: tuple[Number, ...]
    kernel: DotProductKernel | None
    no_kernel: str | None
    curvature_energy: Number | None
    unmet: str | None


@dataclass(frozen=True)
class Prediction:
    """One law on its path: the exact leading order of its formula, and the constants of its activations."""

    law: Law
    order: Order | None
    """None for a statement without an order of its own, such as a Limit that leaves the scale."""
    constants: tuple[ActivationConstants, ...]

    @property
    def exponents(self) -> dict[str, str]:
        """The exact exponents of x, log x and log log x on the path, as rational numbers in text."""
        return {} if self.order is None else self.order.exponents

    def as_dict(self) -> dict[str, object]:
        """The prediction as plain data, for JSON."""
        order = self.order
        return {
            "law": self.law.id,
            "statement": str(self.law.statement),
            "path": str(self.law.path),
            "leading_order": None if order is None else str(order),
            "constant": None if order is None else str(order.constant),
            "exponents": self.exponents,
            "activations": [
                {
                    "name": c.activation.name,
                    "mu": [m.value for m in c.mu],
                    **_kernel_numbers(c.kernel),
                    "no_kernel": c.no_kernel,
                    "E_phi2_squared": None if c.curvature_energy is None else c.curvature_energy.value,
                    "unmet": c.unmet,
                }
                for c in self.constants
            ],
        }


def predict(law: Law, activations: Iterable[Activation | str] | None = None) -> Prediction:
    """Return what the law predicts on its path, exactly; nothing is simulated.

    Args:
        law: any law.
        activations: instead of the law's own.

    Raises:
        InvalidInputError: if the quantity is infinite for one of them.

    >>> from bigtheta.theory.law import law
    >>> predict(law("bombari2023/ntk-not-even")).exponents
    {'n': '1/2', 'log(n)': '0', 'log(log(n))': '0'}
    """
    try:
        order = law.claimed_order
    except BigthetaError:
        order = None
    chosen = law.activations if activations is None else tuple(activations)
    dimensions = [cell["d"] for cell in law.cells if "d" in cell]
    for act in chosen:
        check_gradients(law.model, law.quantity, law.inputs, activation(act), dimensions)
    return Prediction(law, order, tuple(_constants(law, activation(act)) for act in chosen))


def _kernel_numbers(kernel: DotProductKernel | None) -> dict[str, object]:
    """The numbers of a kernel for JSON, null where there is none or lambda is infinite."""
    if kernel is None:
        return {"a": None, "a_star": None, "lambda": None, "C": None}
    ridge = kernel.effective_ridge
    return {
        "a": [float(a) for a in kernel.taylor[:3]],
        "a_star": kernel.a_star,
        "lambda": ridge if math.isfinite(ridge) else None,
        "C": kernel.curvature,
    }


def _constants(law: Law, act: Activation) -> ActivationConstants:
    kernel, no_kernel = None, None
    try:
        kernel = law.model.limit_kernel(act)
    except InvalidInputError as error:
        no_kernel = str(error)
    smooth = all(act.jump(r, kink) == sympy.Integer(0) for kink in act.kinks for r in (0, 1))
    return ActivationConstants(
        act,
        tuple(hermite(act, j) for j in range(3)),
        kernel,
        no_kernel,
        energy(act, 2) if smooth else None,
        law.unmet(act),
    )
