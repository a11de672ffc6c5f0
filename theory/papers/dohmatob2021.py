"""Dohmatob 2021: memorisation costs robustness in random features, neural tangent and kernel regimes.

Labels are pure noise. n samples, d input dimension, k neurons; S is the Sobolev seminorm of the min-norm interpolator.
"""

from __future__ import annotations

from sympy import Ge, Integer, Le, Ne, sqrt

from bigtheta.theory.law import Control, Law, Paper
from bigtheta.theory.model import NeuralTangent, NTKernel, RandomFeatures, RFKernel
from bigtheta.theory.scale import Path, d, geometric, k, n
from bigtheta.theory.statement import BigO, Omega, Theta, mu

PAPER = Paper(
    id="dohmatob2021",
    authors="E. Dohmatob",
    year=2021,
    title="Fundamental tradeoffs between memorization and robustness in random features and neural tangent regimes",
    arxiv="2106.02630",
)

rf_kernel = Law(
    name="rf-kernel", paper=PAPER, theorem="abstract (i)",
    claim="An infinite-width random-features interpolator pays order sqrt(n) in Sobolev norm for memorising noise.",
    model=RFKernel(),
    statement=Theta(sqrt(n)), path=Path(d=2 * n), sizes=geometric(n, 50, 1600, cells=6),
    hypotheses=(Ne(mu(1), 0), Ge(d, n)),
    activations=("relu", "tanh", "erf"),
    controls=(Control(activation="abs", because="mu_1 = 0: without a linear part the exponent here is 0"),),
)  # fmt: skip

ntk_kernel = Law(
    name="ntk-kernel", paper=PAPER, theorem="abstract (i)",
    claim="An infinite-width neural-tangent interpolator pays order sqrt(n) in Sobolev norm for memorising noise.",
    model=NTKernel(),
    statement=Theta(sqrt(n)), path=Path(d=2 * n), sizes=geometric(n, 50, 1600, cells=6),
    hypotheses=(Ne(mu(1), 0), Ge(d, n)),
    activations=("relu", "tanh"),
    controls=(Control(activation="abs", because="mu_1 = 0: without a linear part the exponent here is 0"),),
)  # fmt: skip

rf_proportional = Law(
    name="rf-proportional", paper=PAPER, theorem="abstract (ii)",
    claim="With d, k, n proportional and n < k, random features pay order sqrt(n), whatever the parity.",
    model=RandomFeatures(),
    statement=Theta(sqrt(n)), path=Path(d=n, k=2 * n), sizes=geometric(n, 40, 1280, cells=6),
    hypotheses=(Le(n, k),),
    activations=("relu", "tanh", "abs"),
    controls=(Control(statement=BigO(Integer(1)), because="a width of 2n does not make the interpolator robust"),),
)  # fmt: skip

ntk_width = Law(
    name="ntk-width", paper=PAPER, theorem="abstract (iii)",
    claim="At fixed n and d, width buys robustness in the neural-tangent regime at the rate sqrt(n/k).",
    model=NeuralTangent(),
    statement=Theta(sqrt(n / k)), path=Path(n=400, d=2000), sizes=geometric(k, 4, 64, cells=7),
    hypotheses=(Le(n, d * k),),
    activations=("abs", "cos"),
    controls=(Control(statement=Omega(sqrt(n)), because="S falls with the width, so no bound in n alone holds"),),
)  # fmt: skip

ntk_proportional = Law(
    name="ntk-proportional", paper=PAPER, theorem="abstract (iii)",
    claim="With d = k and n = k^2/8 the neural-tangent interpolator attains the lower bound sqrt(n/k).",
    model=NeuralTangent(),
    statement=Theta(sqrt(n / k)), path=Path(d=k, n=k**2 / 8), sizes=geometric(k, 16, 160, cells=7),
    hypotheses=(Le(n, d * k),),
    activations=("abs", "cos"),
    controls=(Control(statement=Omega(sqrt(n)), because="the interpolator is more robust than sqrt(n): width counts"),),
    note="relu and tanh have the same exponent, but their linear part bends the slope at these sizes (about .36 and "
    ".40 on k = 40 to 170, as their exact limits do there): n >> d^(3/2) is needed to see 1/2.",
)  # fmt: skip
