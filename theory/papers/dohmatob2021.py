"""Dohmatob 2021: memorisation costs robustness in random features, neural tangent and kernel regimes.

Labels are pure noise. n samples, d input dimension, k neurons; S is the Sobolev seminorm of the min-norm interpolator,
or of a ridge estimator that keeps a fixed fraction of the noise.
"""

from __future__ import annotations

from sympy import Ge, Gt, Integer, Le, Lt, Ne, Rational, sqrt

from bigtheta.theory.activation import Parity
from bigtheta.theory.data import Memorised
from bigtheta.theory.inputs import Covariance, Cube, Gaussian, Laplace
from bigtheta.theory.law import Control, Law, Paper
from bigtheta.theory.model import NeuralTangent, NTKernel, RandomFeatures, RFKernel, Weights
from bigtheta.theory.scale import Path, Sizes, d, geometric, k, n
from bigtheta.theory.statement import BigO, Omega, Peak, Theta, mu

PAPER = Paper(
    id="dohmatob2021",
    authors="E. Dohmatob",
    year=2021,
    title="Fundamental tradeoffs between memorization and robustness in random features and neural tangent regimes",
    arxiv="2106.02630",
)

_EVEN = Control(activation="abs", because="mu_1 = 0: without a linear part the exponent here is 0")
_WIDE = Control(statement=BigO(Integer(1)), because="a width of 2n does not make the interpolator robust")
_ONE_PATH = "One path, d = 2n: that every d >= c n does the same is the theorem's, not the simulation's."

# --- (i) infinite width -----------------------------------------------------------------------------------------------

rf_kernel = Law(
    name="rf-kernel", paper=PAPER, theorem="abstract (i)",
    claim="An infinite-width random-features interpolator pays order sqrt(n) in Sobolev norm for memorising noise.",
    model=RFKernel(),
    statement=Theta(sqrt(n)), path=Path(d=2 * n), sizes=geometric(n, 16, 640, cells=8),
    hypotheses=(Ne(mu(1), 0), Ge(d, n)),
    activations=("relu", "tanh", "erf"),
    controls=(_EVEN,),
    note=_ONE_PATH,
)  # fmt: skip

ntk_kernel = Law(
    name="ntk-kernel", paper=PAPER, theorem="abstract (i)",
    claim="An infinite-width neural-tangent interpolator pays order sqrt(n) in Sobolev norm for memorising noise.",
    model=NTKernel(),
    statement=Theta(sqrt(n)), path=Path(d=2 * n), sizes=geometric(n, 16, 640, cells=8),
    hypotheses=(Ne(mu(1), 0), Ge(d, n)),
    activations=("relu", "tanh"),
    controls=(_EVEN,),
    note=_ONE_PATH,
)  # fmt: skip

rf_kernel_gaussian = Law(
    name="rf-kernel-gaussian", paper=PAPER, theorem="abstract (i), inputs N(0, I/d)",
    claim="With Gaussian inputs, too, an infinite-width random-features interpolator pays order sqrt(n).",
    model=RFKernel(), inputs=Gaussian(),
    statement=Theta(sqrt(n)), path=Path(d=2 * n), sizes=geometric(n, 16, 512, cells=7),
    hypotheses=(Ne(mu(1), 0), Ge(d, n)),
    activations=("relu", "erf"),
    controls=(_EVEN,),
    note=_ONE_PATH,
)  # fmt: skip

ntk_kernel_laplace = Law(
    name="ntk-kernel-laplace", paper=PAPER, theorem="abstract (i), inputs with independent Laplace coordinates",
    claim="With log-concave inputs that are not Gaussian the neural-tangent interpolator still pays order sqrt(n).",
    model=NTKernel(), inputs=Laplace(),
    statement=Theta(sqrt(n)), path=Path(d=2 * n), sizes=geometric(n, 16, 512, cells=7),
    hypotheses=(Ne(mu(1), 0), Ge(d, n)),
    activations=("relu", "erf"),
    controls=(Control(statement=BigO(n ** Rational(1, 4)), because="it is the price of the sphere, of order sqrt(n)"),),
    note="One law stands for all log-concave ones; the theorem covers every one of them.",
)  # fmt: skip

# --- a part of the noise: S >= c sqrt(n) for every model that memorises a fixed fraction ------------------------------

_PART = Control(statement=BigO(n ** Rational(1, 4)), because="a ridge that keeps part of the noise pays sqrt(n) too")
_GONE = Control(
    statement=BigO(n ** Rational(-1, 4)), because="the ridge is a constant of the spectrum: the fraction stays"
)
_RIDGE = "A ridge that grows with n forgets the noise and is robust; no path of sizes here can show that."

ridge_light = Law(
    name="ridge-light", paper=PAPER, theorem="abstract (i), lower bound; tight by the exact limit (derived)",
    claim="A kernel ridge estimator that memorises most of the noise (about 4/5 for relu) has S of order sqrt(n).",
    model=RFKernel(ridge=0.05),
    statement=Omega(sqrt(n)), path=Path(d=2 * n), sizes=geometric(n, 16, 512, cells=7),
    hypotheses=(Ne(mu(1), 0), Ge(d, n)),
    activations=("relu", "tanh"),
    controls=(_EVEN, _PART), note=_RIDGE,
)  # fmt: skip

ridge_heavy = Law(
    name="ridge-heavy", paper=PAPER, theorem="abstract (i), lower bound; tight by the exact limit (derived)",
    claim="A kernel ridge estimator that memorises a small part of the noise (about 1/4 for relu) has S >= c sqrt(n).",
    model=RFKernel(ridge=1.0),
    statement=Omega(sqrt(n)), path=Path(d=2 * n), sizes=geometric(n, 16, 512, cells=7),
    hypotheses=(Ne(mu(1), 0), Ge(d, n)),
    activations=("relu", "tanh"),
    controls=(_EVEN, _PART), note=_RIDGE,
)  # fmt: skip

ridge_ntk = Law(
    name="ridge-ntk", paper=PAPER, theorem="abstract (i), lower bound; tight by the exact limit (derived)",
    claim="A ridge estimator with the neural-tangent kernel that memorises part of the noise has S >= c sqrt(n).",
    model=NTKernel(ridge=0.5),
    statement=Omega(sqrt(n)), path=Path(d=2 * n), sizes=geometric(n, 16, 512, cells=7),
    hypotheses=(Ne(mu(1), 0), Ge(d, n)),
    activations=("relu", "tanh"),
    controls=(_EVEN, _PART), note=_RIDGE,
)  # fmt: skip

memorised_light = Law(
    name="memorised-light", paper=PAPER, theorem="hypothesis of the lower bound; derived",
    claim="A ridge of .05 on the random-features kernel keeps a fixed fraction of the noise, as ridge-light asks.",
    model=RFKernel(ridge=0.05), quantity=Memorised(),
    statement=Theta(Integer(1)), path=Path(d=2 * n), sizes=geometric(n, 16, 512, cells=8),
    hypotheses=(Ge(d, n),),
    activations=("relu", "tanh", "abs"),
    controls=(_GONE,),
    note="Measured on draws of its own, not on those of the law on S.",
)  # fmt: skip

memorised_heavy = Law(
    name="memorised-heavy", paper=PAPER, theorem="hypothesis of the lower bound; derived",
    claim="A ridge of 1 on the random-features kernel keeps a fixed, smaller fraction, as ridge-heavy asks.",
    model=RFKernel(ridge=1.0), quantity=Memorised(),
    statement=Theta(Integer(1)), path=Path(d=2 * n), sizes=geometric(n, 16, 512, cells=8),
    hypotheses=(Ge(d, n),),
    activations=("relu", "tanh", "abs"),
    controls=(_GONE,),
    note="Measured on draws of its own, not on those of the law on S.",
)  # fmt: skip

narrow_features = Law(
    name="narrow-features", paper=PAPER, theorem="abstract, lower bound for a memorised fraction k/n; derived",
    claim="Least squares on k = n/2 random features fits half of the noise, and S is of order sqrt(n) already.",
    model=RandomFeatures(ridge=1e-3),
    statement=Omega(sqrt(n)), path=Path(d=n, k=n / 2), sizes=geometric(n, 24, 800, cells=8),
    hypotheses=(Lt(k, n), Ge(8 * k, n), Ge(4 * d, n)),
    activations=("relu", "tanh"),
    controls=(Control(statement=BigO(n ** Rational(1, 4)), because="too narrow to interpolate is not robust"),),
    note="The ridge of .001 stands for 0: far below the features' spectrum, it says that more "
    "labels than parameters are meant.",
)  # fmt: skip

memorised_narrow = Law(
    name="memorised-narrow", paper=PAPER, theorem="hypothesis of narrow-features; exact (derived)",
    claim="Least squares on k = n/2 features memorises k/n of the noise: trace of a projection of rank k.",
    model=RandomFeatures(ridge=1e-3), quantity=Memorised(),
    statement=Theta(k / n), path=Path(d=n, k=n / 2), sizes=geometric(n, 24, 800, cells=9),
    hypotheses=(Lt(k, n), Ge(4 * d, n)),
    activations=("relu", "tanh"),
    controls=(_GONE,),
    note="At every size the expected fraction is k/n, so only its spread is seen to shrink.",
)  # fmt: skip

# --- (ii), (iii) finite width -----------------------------------------------------------------------------------------

rf_proportional = Law(
    name="rf-proportional", paper=PAPER, theorem="abstract (ii)",
    claim="With d, k, n proportional and n < k, random features pay order sqrt(n), whatever the parity.",
    model=RandomFeatures(),
    statement=Theta(sqrt(n)), path=Path(d=n, k=2 * n), sizes=geometric(n, 16, 640, cells=8),
    hypotheses=(Ge(4 * d, n), Le(d, 4 * n), Ge(4 * k, 5 * n), Le(k, 8 * n)),
    activations=("relu", "tanh", "abs"),
    controls=(_WIDE,),
    note="One pair of proportions; the constant blows up as k/n tends to 1 (see peak-width).",
)  # fmt: skip

rf_cube = Law(
    name="rf-cube", paper=PAPER, theorem="abstract (ii), inputs uniform on the cube",
    claim="With inputs uniform on a cube random features of proportional width pay order sqrt(n).",
    model=RandomFeatures(), inputs=Cube(),
    statement=Theta(sqrt(n)), path=Path(d=n, k=2 * n), sizes=geometric(n, 16, 512, cells=7),
    hypotheses=(Ge(4 * d, n), Le(d, 4 * n), Ge(4 * k, 5 * n), Le(k, 8 * n)),
    activations=("relu", "tanh"),
    controls=(_WIDE,),
    note="The cube is log-concave; that every such law will do is the theorem's.",
)  # fmt: skip

rf_covariance = Law(
    name="rf-covariance", paper=PAPER, theorem="abstract (ii), inputs N(0, S), S of spectrum i^(-1/2); derived",
    claim="With a Gaussian of decaying spectrum i^(-1/2) random features of proportional width pay order sqrt(n).",
    model=RandomFeatures(), inputs=Covariance(spectrum="i^(-1/2)"),
    statement=Theta(sqrt(n)), path=Path(d=n, k=2 * n), sizes=geometric(n, 16, 512, cells=7),
    hypotheses=(Ge(4 * d, n), Le(d, 4 * n), Ge(4 * k, 5 * n), Le(k, 8 * n)),
    activations=("relu", "tanh"),
    controls=(_WIDE,),
    note="A spectrum that is summable has a bounded effective dimension, and another law.",
)  # fmt: skip

ntk_width = Law(
    name="ntk-width", paper=PAPER, theorem="abstract (iii)",
    claim="At fixed n and d, width buys robustness in the neural-tangent regime at the rate sqrt(n/k).",
    model=NeuralTangent(),
    statement=Theta(sqrt(n / k)), path=Path(n=200, d=1000), sizes=geometric(k, 3, 96, cells=7),
    hypotheses=(Parity.EVEN, Le(10 * n, d * k), Ge(d, 10 * k)),
    activations=("abs", "cos"),
    controls=(Control(statement=Omega(sqrt(n)), because="S falls with the width, so no bound in n alone holds"),),
    note="Even activations: the linear part of others has a floor in k at d > n, sqrt(n)/(1 + lambda).",
)  # fmt: skip

ntk_proportional = Law(
    name="ntk-proportional", paper=PAPER, theorem="abstract (iii)",
    claim="With d = k and n = k^2/16 the neural-tangent interpolator attains the lower bound sqrt(n/k).",
    model=NeuralTangent(),
    statement=Theta(sqrt(n / k)), path=Path(d=k, n=k**2 / 16), sizes=geometric(k, 12, 190, cells=9),
    hypotheses=(Parity.EVEN, Le(4 * n, d * k), Ge(d, k)),
    activations=("abs", "cos"),
    controls=(Control(statement=Omega(sqrt(n)), because="the interpolator is more robust than sqrt(n): width counts"),),
    note="Tight up to n of order dk; one fraction, n = dk/16, is on the path.",
)  # fmt: skip

ntk_proportional_linear = Law(
    name="ntk-proportional-linear", paper=PAPER, theorem="abstract (iii); exponent from the exact limit",
    claim="With d = k and n = k^2/16 activations with a linear part attain sqrt(n/k) too, once n >> d^(3/2).",
    model=NeuralTangent(),
    statement=Theta(sqrt(n / k)), path=Path(d=k, n=k**2 / 16), sizes=geometric(k, 16, 190, cells=12),
    hypotheses=(Le(4 * n, d * k), Ge(32 * n, d * k), Ge(2 * d, k), Le(d, 2 * k), Ne(mu(1), 0)),
    activations=("relu", "tanh"),
    controls=(Control(statement=Omega(sqrt(n)), because="the interpolator is more robust than sqrt(n): width counts"),),
    limit="sobolev", effort=3,
    note="The linear part bends the slope at these sizes (about .27 on k = 16 to 190, as the exact limits do there): "
    "the simulation shows the limit, and the limit the exponent.",
)  # fmt: skip

ntk_lower = Law(
    name="ntk-lower", paper=PAPER, theorem="abstract (iii)",
    claim="Finite-width neural-tangent interpolators with d and k proportional have S >= c sqrt(n/k), at any n.",
    model=NeuralTangent(),
    statement=Omega(sqrt(n / k)), path=Path(d=k, n=2 * k), sizes=geometric(k, 12, 480, cells=8),
    hypotheses=(Le(n, d * k),),
    activations=("abs", "cos"),
    controls=(Control(statement=Omega(sqrt(n)), because="at n = 2k an even activation has S of order 1"),),
    note="With n of order k the bound is a constant, and even activations attain it; others lie above it.",
)  # fmt: skip

# --- (iv) multiple descent: where S peaks -----------------------------------------------------------------------------

_SMALL = "Pre-activations of variance 1/d make lambda of order d^-2; with variance 1 the peak is washed out."

peak_width = Law(
    name="peak-width", paper=PAPER, theorem="abstract (iv)",
    claim="S of random features peaks where n = k, whatever the activation.",
    model=RandomFeatures(),
    statement=Peak(n / k, at=1), path=Path(d=60, k=150),
    sizes=Sizes("n", (40, 50, 64, 80, 100, 115, 130, 150, 172, 200, 240, 300, 375, 480)),
    hypotheses=(Gt(k, d),),
    activations=("relu", "tanh", "cos"),
    controls=(Control(statement=Peak(n / d, at=1), because="with unit pre-activations relu has no peak at n = d"),),
    note="A place at one d and k; the height, of heavy tail at n = k, is not judged.",
)  # fmt: skip

peak_twice = Law(
    name="peak-twice", paper=PAPER, theorem="abstract (iv); with small pre-activations derived",
    claim="With small pre-activations odd smooth activations peak twice: at n = d, and at n = k.",
    model=RandomFeatures(weights=Weights.SMALL),
    statement=Peak(n / d, at=(1, 6)), path=Path(d=50, k=300),
    sizes=Sizes("n", (17, 21, 27, 34, 42, 50, 60, 72, 86, 105, 130, 165, 205, 250, 300, 360, 430, 520, 640, 760)),
    hypotheses=(Parity.ODD, Gt(k, 5 * d)),
    activations=("tanh", "erf"),
    controls=(Control(activation="relu", because="relu is homogeneous: small weights change nothing, no peak at d"),),
    note=_SMALL,
)  # fmt: skip

peak_tangent = Law(
    name="peak-tangent", paper=PAPER, theorem="abstract (iv)",
    claim="S of the neural-tangent interpolator peaks where n = dk, its number of parameters.",
    model=NeuralTangent(),
    statement=Peak(n / (d * k), at=1), path=Path(d=12, k=30),
    sizes=Sizes("n", (12, 15, 19, 24, 30, 38, 50, 75, 110, 160, 200, 250, 300, 360, 430, 520, 640, 800, 1000)),
    hypotheses=(Gt(k, d),),
    activations=("relu", "tanh", "cos"),
    controls=(Control(statement=Peak(n / k, at=1), because="the neurons are not what is fitted: no peak at n = k"),),
    note="A place at one d and k; the height, of heavy tail at n = dk, is not judged.",
)  # fmt: skip

peak_square = Law(
    name="peak-square", paper=PAPER, theorem="abstract (iv); the rank of the square derived",
    claim="For the square the features are quadratic forms of rank 2k, and S peaks at n = dk - k(k-1)/2.",
    model=NeuralTangent(),
    statement=Peak(n / (d * k - k * (k - 1) / 2), at=1), path=Path(d=24, k=24),
    sizes=Sizes("n", (100, 130, 160, 200, 240, 270, 300, 335, 375, 430, 500, 580, 680, 800, 1000)),
    hypotheses=(Parity.EVEN, Le(k, d)),
    activations=("square",),
    controls=(
        Control(statement=Peak(n / (d * k), at=1), because="k(k-1)/2 of the dk parameters change nothing"),
        Control(activation="tanh", because="no polynomial of degree 2: all dk parameters count"),
    ),
    note="At one d and k <= d; for k > d it is n = d(d+1)/2.",
)  # fmt: skip

peak_tangent_linear = Law(
    name="peak-tangent-linear", paper=PAPER, theorem="abstract (iv); with small pre-activations derived",
    claim="With small pre-activations odd smooth activations give the neural-tangent interpolator a peak at n = d.",
    model=NeuralTangent(weights=Weights.SMALL),
    statement=Peak(n / d, at=1), path=Path(d=60, k=60),
    sizes=Sizes("n", (20, 25, 32, 40, 50, 60, 72, 86, 105, 130, 170, 210)),
    hypotheses=(Parity.ODD, Gt(d * k, 10 * d)),
    activations=("tanh", "erf"),
    controls=(Control(activation="relu", because="relu is homogeneous: small weights change nothing, no peak at d"),),
    note=_SMALL,
)  # fmt: skip
