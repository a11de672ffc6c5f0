"""An example plugin of bigtheta: the bent identity as an activation, and a law of its infinite-width kernel."""

from __future__ import annotations

import sympy
from sympy import Ge, Ne, sqrt

from bigtheta import Control, Law
from bigtheta.theory.activation import u
from bigtheta.theory.scale import d, geometric, n
from bigtheta.theory.statement import mu

__all__ = ["bent", "bent_kernel"]


def bent(*, bend: sympy.Expr = 1) -> sympy.Expr:
    """Return phi(u) = u + bend (sqrt(u^2 + 1) - 1) / 2, smooth, neither even nor odd unless bend = 0."""
    return u + bend * (sqrt(u**2 + 1) - 1) / 2


bent_kernel = Law(
    name="bent-kernel",
    claim="An infinite-width interpolator with the bent identity pays order sqrt(n) for memorising noise.",
    source="Dohmatob 2021, abstract (i), for another activation",
    model="rf-kernel",
    statement="Theta(sqrt(n))",
    path={"d": "2*n"},
    sizes=geometric(n, 20, 640, cells=6),
    hypotheses=(Ne(mu(1), 0), Ge(d, n)),
    activations=("bent",),
    controls=(Control(activation="abs", because="mu_1 = 0: without a linear part the exponent here is 0"),),
)
"""A law names its activations; those of the same package stand above it."""
