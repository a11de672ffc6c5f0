"""Which gradients have moments at all: what is infinite is said before anything is drawn.

Only kernels at infinite width on the unit sphere can lose theirs: see `bigtheta.theory.slopes`. Off the sphere the
kernel depends on the norms too, its gradient near a training point is tangential, and a kink leaves it bounded.
"""

from __future__ import annotations

from collections.abc import Iterable

from bigtheta.theory.activation import Activation
from bigtheta.theory.data import LipschitzLower, Quantity, Sensitivity, Sobolev
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.formula_kernel import formula_kernel
from bigtheta.theory.inputs import Inputs, Sphere
from bigtheta.theory.model import DotProduct, Model, NTKernel, RFKernel
from bigtheta.theory.slopes import check_moment, kink_exponent, shown

__all__ = ["check_gradients"]

_ALWAYS = 5
"""From this d on every continuous kernel has gradients of finite mean square: s < 1."""


def check_gradients(model: Model, measured: Quantity, law: Inputs, act: Activation, sizes: Iterable[int]) -> None:
    """Refuse a mean of gradients that is infinite at one of the dimensions, or a largest one that is.

    Raises:
        InvalidInputError: with the reason, and the d from which on it is finite, if there is one.

    >>> from bigtheta.theory.catalogue import activation
    >>> check_gradients(NTKernel(), Sobolev(), Sphere(), activation("relu"), [4])
    >>> check_gradients(NTKernel(), Sobolev(), Sphere(), activation("relu"), [3])
    Traceback (most recent call last):
    ...
    bigtheta.theory.errors.InvalidInputError: quantity sobolev of ntk-kernel, relu: E |grad f|^2 is infinite on the ...
    """
    dimensions = sorted(set(sizes))
    moment = 2 if isinstance(measured, Sobolev) else 1 if isinstance(measured, Sensitivity) else None
    largest = isinstance(measured, LipschitzLower)
    if type(law) is not Sphere or not dimensions or (moment is None and not largest):
        return
    if not largest and dimensions[0] >= _ALWAYS:
        return
    edge = _edge(model, act)
    what = f"quantity {measured.kind} of {model.kind}" + (f", {act.name}" if model.activated else "")
    if moment is not None:
        check_moment(edge, moment, dimensions[0], what)
    elif edge > 0.5 + 1e-9 and dimensions[-1] > 1:
        raise InvalidInputError(
            f"{what}: the gradient is unbounded on the sphere in every d, since kappa'(t) grows as "
            f"(1 - t)^(-{shown(edge)}) at the training points; take a smoother kernel"
        )


def _edge(model: Model, act: Activation) -> float:
    """s of kappa'(t) ~ (1 - t)^{-s}, without the kernel's Taylor series; 0 for any other model."""
    if isinstance(model, DotProduct):
        return formula_kernel(model.kernel).edge
    if isinstance(model, RFKernel | NTKernel):
        return max((1.5 if isinstance(model, NTKernel) else 0.5) - kink_exponent(act), 0.0)
    return 0.0
