"""Hassani, Javanmard 2022: adversarial training of random features, its risk in the limit psi1 = k/d, psi2 = n/d.

x ~ N(0, I_d), y = beta . x + N(0, tau^2), |beta| = 1, k relu features less their mean; f is trained against, and
measured with, perturbations of size eps: AR = E (|y - f| + eps |grad f|)^2, which is 1 + tau^2 for f = 0.
The digits are those of theory.limits.adversarial.adversarial_risk at the values named.
"""

from __future__ import annotations

from typing import Any

from sympy import Float, Integer, Rational

from bigtheta.theory.data import AdversarialRisk, Labels
from bigtheta.theory.law import Control, Law, Paper
from bigtheta.theory.model import AdversarialFeatures
from bigtheta.theory.scale import Path, Sizes, d, geometric, k
from bigtheta.theory.statement import Limit, Peak

Expr = Any

PAPER = Paper(
    id="hassani2022",
    authors="H. Hassani, A. Javanmard",
    year=2022,
    title="The curse of overparametrization in adversarial training: precise analysis of robust generalization for "
    "random features regression",
    arxiv="2201.05149",
)
THEOREM = "Theorem 4.2"
QUIET, LOUD = Labels(signal=1.0, noise=0.25), Labels(signal=1.0, noise=1.0)
SIZES = geometric(d, 16, 160, cells=5)
SMALL, LARGE = geometric(d, 10, 100, cells=6), geometric(d, 40, 400, cells=5)
EXACT = (
    "V and E |grad f|^2 are exact for the weights drawn; that y - f is Gaussian and |grad f| constant, which the "
    "formula for AR takes, holds in the limit alone and is not tested. AR varies by several per cent from trial to "
    "trial, hence the margin of 10%."
)


def _risk(
    name: str,
    value: str,
    claim: str,
    *,
    psi1: Expr,
    psi2: Expr,
    eps: float,
    labels: Labels = QUIET,
    eps_test: float | None = None,
    sizes: Sizes = SIZES,
    controls: tuple[Control, ...] = (),
    theorem: str = THEOREM,
) -> Law:
    """AR tends to a number on the path k = psi1 d, n = psi2 d; the number off by two margins is a control."""
    number = Float(value, 6)
    return Law(
        name=name, paper=PAPER, theorem=theorem, claim=claim,
        model=AdversarialFeatures(eps=eps, eps_test=eps_test), quantity=AdversarialRisk(),
        inputs="gaussian", labels=labels,
        statement=Limit(number), path=Path(k=psi1 * d, n=psi2 * d), sizes=sizes, activations=("relu",), margin=0.1,
        controls=(
            Control(statement=Limit(Float("1.2", 6) * number), because="the exact limit lies two margins lower"),
            *controls,
        ),
        note=EXACT, limit="adversarial-risk",
    )  # fmt: skip


def _not(value: str, because: str) -> tuple[Control, ...]:
    return (Control(statement=Limit(Float(value, 6)), because=because),)


half = _risk(
    "half", "1.36418", "With n = 2 d, k = d/2 features are worse than none: AR = 1.364 against 1.25 of f = 0.",
    psi1=Rational(1, 2), psi2=2, eps=0.5, sizes=LARGE,
)  # fmt: skip

double = _risk(
    "double", "1.68392", "With n = 2 d and as many features, AR has grown from 1.364 at k = d/2 to 1.684.",
    psi1=2, psi2=2, eps=0.5, sizes=geometric(d, 20, 200, cells=5),
    controls=_not("1.36418", "the risk at k = d/2: more features hurt"),
)  # fmt: skip

fourfold = _risk(
    "fourfold", "1.91476", "Overparametrisation hurts: with n = 2 d and twice as many features, AR is 1.915, near its "
    "peak.",
    psi1=4, psi2=2, eps=0.5, controls=_not("1.36418", "the risk at k = d/2: more features hurt"),
)  # fmt: skip

tenfold = _risk(
    "tenfold", "1.54902", "Overparametrisation does not hurt for ever: at k = 10 d AR has fallen from 1.915 at k = 4 d "
    "to 1.549.",
    psi1=10, psi2=2, eps=0.5, sizes=SMALL,
    controls=_not("1.91476", "the risk at k = 4 d: many more features help again"),
)  # fmt: skip

noisier = _risk(
    "noisier", "3.22882", "With label noise of variance 1, n = d, k = 3 d and eps = 0.3: AR = 3.229.",
    psi1=3, psi2=1, eps=0.3, labels=LOUD, sizes=geometric(d, 20, 200, cells=5),
)  # fmt: skip

ridgeless = _risk(
    "ridgeless", "2.27306", "As eps -> 0 beyond k = n the fit is the interpolator of least E |grad f|^2; measured with "
    "perturbations of size 1/2 it has AR = 2.273, against 1.915 of the one trained for them.",
    psi1=4, psi2=2, eps=0.0, eps_test=0.5, sizes=LARGE,
    theorem="the limit eps -> 0, derived",
)  # fmt: skip

zero = Law(
    name="zero-phase", paper=PAPER, theorem="derived",
    claim="Beyond a critical eps, 0.893 at k = d, n = 3 d, no features are better than any: AR = 1 + tau^2 = 1.25.",
    model=AdversarialFeatures(eps=1.0), quantity=AdversarialRisk(), inputs="gaussian", labels=QUIET,
    statement=Limit(Rational(5, 4)), path=Path(k=d, n=3 * d), sizes=geometric(d, 16, 160, cells=5),
    activations=("relu",),
    controls=(
        Control(statement=Limit(Rational(11, 8)), because="the exact limit lies two margins lower"),
        Control(statement=Limit(Integer(1)), because="the noise cannot be left out: AR = 1 + tau^2"),
    ),
    note="theta is exactly 0 in most trials at the larger d, and AR exactly 1 + tau^2: what the simulation shows is "
    "how fast the others vanish.",
    limit="adversarial-risk",
)  # fmt: skip

peak = Law(
    name="peak", paper=PAPER, theorem=f"{THEOREM}; its maximum at psi2 = 1 derived",
    claim="At fixed n = d the adversarial risk rises with the width up to a peak at k = 1.73 d, beyond k = n, and "
    "falls after it.",
    model=AdversarialFeatures(eps=0.5), quantity=AdversarialRisk(), inputs="gaussian", labels=QUIET,
    statement=Peak(k / d, at="1.727"), path=Path(d=100, n=100), sizes=geometric(k, 48, 400, cells=11),
    activations=("relu",),
    controls=(Control(statement=Peak(k / d, at=1), because="the peak of plain least squares, at k = n"),),
    note="At psi2 = 10 the maximum, 1.563, is at k = 21.6 d, after a minimum of 1.092 at k = 4.03 d: there the sizes "
    "to simulate are out of reach, and the exact limit alone shows it.",
    limit="adversarial-risk",
)  # fmt: skip
