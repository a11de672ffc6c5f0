"""Any dot-product kernel on the unit sphere: f(x) = sum_i c_i kappa(x . x_i), kappa given as a formula in t."""

from __future__ import annotations

from torch import Tensor

from bigtheta.numerics.models.base import Interpolator, interpolator
from bigtheta.numerics.models.kernels import dot_product_fit, on_sphere
from bigtheta.theory.activation import Activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.formula_kernel import formula_kernel
from bigtheta.theory.model import DotProduct


@interpolator.register
def _(model: DotProduct, *, x: Tensor, w: None, y: Tensor, act: Activation) -> Interpolator:
    """Kernel fit with the formula and, for the gradient, its exact derivative; the activation plays no part.

    K = kappa(X X^T); grad f(z) = sum_i c_i kappa'(z . x_i) x_i in all of R^d. Shapes: x (n, d), y (n,).
    Source: derived.

    Raises:
        InvalidInputError: if the inputs do not lie on the unit sphere, where alone the formula is known to be a kernel.
    """
    if not on_sphere(x):
        raise InvalidInputError(
            f"model {model.kind}: expected inputs on the unit sphere, where {model.kernel} is a kernel, but some have "
            'another norm; use inputs = "sphere"'
        )
    return dot_product_fit(formula_kernel(model.kernel), x, y, model.ridge)
