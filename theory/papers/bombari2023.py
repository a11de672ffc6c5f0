"""Bombari, Kiyani, Mondelli 2023: beyond the universal law, random features against the neural tangent model.

N of the paper is n here. Their sensitivity |z||grad f(z)| with |z| = sqrt(d), w ~ N(0, I/d) is |grad f| here.
"""

from __future__ import annotations

from sympy import Integer, Le, Ne, sqrt

from bigtheta.theory.activation import Parity
from bigtheta.theory.law import Control, Law, Paper
from bigtheta.theory.model import NeuralTangent
from bigtheta.theory.scale import Path, d, geometric, k, n
from bigtheta.theory.statement import Theta, mu

PAPER = Paper(
    id="bombari2023",
    authors="S. Bombari, S. Kiyani, M. Mondelli",
    year=2023,
    title="Beyond the universal law of robustness: sharper laws for random features and neural tangent kernels",
    arxiv="2302.01629",
)

ntk_even = Law(
    name="ntk-even", paper=PAPER, theorem="abstract; the lower bound is the universal law sqrt(n d/p)",
    claim="With an even activation the neural-tangent interpolator is robust once k is of order n: S stays of order 1, "
    "from O(log k (1 + sqrt(n/k))) above and sqrt(n d/p) below.",
    model=NeuralTangent(),
    statement=Theta(Integer(1)), path=Path(d=2 * n, k=n), sizes=geometric(n, 40, 1280, cells=6),
    hypotheses=(Parity.EVEN, Le(n, k)),
    activations=("cos", "abs", "square"),
    controls=(Control(activation="tanh", because="tanh is odd: its linear part makes S grow as sqrt(n)"),),
)  # fmt: skip

ntk_not_even = Law(
    name="ntk-not-even", paper=PAPER, theorem="abstract; exponent derived from the exact limit",
    claim="With mu_1 != 0 the neural-tangent interpolator is not robust on the same path: S grows as sqrt(n).",
    model=NeuralTangent(),
    statement=Theta(sqrt(n)), path=Path(d=2 * n, k=n), sizes=geometric(n, 40, 1280, cells=6),
    hypotheses=(Ne(mu(1), 0), Le(n, d * k)),
    activations=("tanh", "softplus"),
    controls=(Control(activation="cos", because="cos is even: no linear part, so S stays of order 1"),),
)  # fmt: skip
