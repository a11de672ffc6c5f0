"""The smallest quadratic form through the labels: f(x) = x^T A x, |A|_F least, f(x_i) = y_i."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bigtheta.numerics.interpolate import solve_gram, solve_least_squares
from bigtheta.numerics.models.base import Interpolator, interpolator
from bigtheta.theory.activation import Activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.networks import QuadraticForm

__all__ = ["QuadraticFormInterpolator", "operator_norm"]


@dataclass(frozen=True)
class QuadraticFormInterpolator(Interpolator):
    """A fitted quadratic form; `form` is A (d, d), symmetric."""

    form: Tensor


@interpolator.register
def _(model: QuadraticForm, *, x: Tensor, w: None, y: Tensor, act: Activation) -> QuadraticFormInterpolator:
    """Fit from the n x n Gram of the forms x_i x_i^T; n > d (d + 1)/2 is least squares in a basis of forms.

    K_ij = (x_i . x_j)^2, (K + ridge I) c = y, A = sum_i c_i x_i x_i^T; grad f(z) = 2 A z.
    Shapes: x (n, d), y (n,). Source: derived (least norm in the space of symmetric matrices).

    >>> from bigtheta.theory.catalogue import activation
    >>> x = torch.eye(2, dtype=torch.float64)
    >>> y = torch.tensor([3.0, -1.0], dtype=torch.float64)
    >>> fitted = interpolator(QuadraticForm(), x=x, w=None, y=y, act=activation("relu"))
    >>> fitted.form.tolist(), operator_norm(fitted)
    ([[3.0, 0.0], [0.0, -1.0]], 3.0)
    """
    n, d = x.shape
    row, column = torch.triu_indices(d, d, device=x.device)
    scale = torch.where(row == column, 1.0, 2**0.5).to(x)

    def features() -> Tensor:
        """x_a^2 and sqrt(2) x_a x_b, a < b: the 2-norm of their coefficients is |A|_F."""
        return x[:, row] * x[:, column] * scale

    if n > len(row) and model.ridge == 0:
        solution = solve_least_squares(features(), y)
    else:
        gram = (x @ x.T).square_()
        solution = solve_gram(gram, y, ridge=model.ridge, features=features if len(row) <= n else None)
    if solution.parameters is None:
        form = x.T @ (solution.coefficients[:, None] * x)
        form = (form + form.T) / 2
    else:
        upper = x.new_zeros(d, d)
        upper[row, column] = solution.parameters * scale / 2
        form = upper + upper.T
    return QuadraticFormInterpolator(lambda z: ((z @ form) * z).sum(-1), lambda z: 2 * z @ form, solution, form)


def operator_norm(fitted: object) -> float:
    """Return |A|_op, the largest modulus of an eigenvalue of a fitted form; Lip(f) on the unit ball is 2 |A|_op.

    On the unit sphere, where a multiple of the identity is constant, it is the spread of the eigenvalues instead.

    Raises:
        InvalidInputError: for a model that is no quadratic form.
    """
    if not isinstance(fitted, QuadraticFormInterpolator):
        raise InvalidInputError(
            "quantity operator-norm: expected the model quadratic-form, which alone has it; use lipschitz-lower"
        )
    return float(torch.linalg.eigvalsh(fitted.form).abs().max())
