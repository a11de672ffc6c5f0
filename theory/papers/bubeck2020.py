"""Bubeck, Li, Nagaraj 2020: a law of robustness for two-layer networks, and the universal law that came of it.

Labels are random signs, inputs uniform on the unit sphere. n samples, d input dimension, k neurons, p parameters.
"""

from __future__ import annotations

from sympy import Ge, Integer, Le, Rational, log, sqrt

from bigtheta.theory.data import Labels, LipschitzLower, LipschitzUpper, McShane, OperatorNorm, Sobolev
from bigtheta.theory.law import Control, Law, Paper
from bigtheta.theory.model import DotProduct, NeuralTangent, RandomFeatures
from bigtheta.theory.networks import Caps, QuadraticForm
from bigtheta.theory.scale import Path, d, geometric, k, n, p
from bigtheta.theory.statement import BigO, Limit, Omega, Theta
from bigtheta.theory.training import TrainedNetwork

PAPER = Paper(
    id="bubeck2020",
    authors="S. Bubeck, Y. Li, D. Nagaraj",
    year=2020,
    title="A law of robustness for two-layers neural networks",
    arxiv="2009.14444",
)

SIGNS = Labels(noise_law="signs")
SMOOTHEST = TrainedNetwork(skip=True, stop=0.5, penalty=0.02, steps=400, rate=0.02)
"""Two layers with biases and an affine skip, trained to mean squared error 1/2 at the least path norm."""
STATUS = (
    "A simulation can refute this conjecture, by one smooth network that fits, and never prove it: PASS means that the "
    "networks found by training with a path-norm penalty, to mean squared error 1/2, are none. Smoother ones that "
    "training does not find are not excluded, and the Lipschitz constant is searched from below. Status: "
    "arXiv:2607.07778 claims the law up to a logarithm for piecewise-linear activations and arbitrary weights; on the "
    "circle, d = 2, its method fails; open in general."
)

search_samples = Law(
    name="search-samples", paper=PAPER, theorem="Conjecture 1; evidence by search",
    claim="Evidence, which may refute but never prove: among networks of 4 neurons trained to be as smooth as they can "
    "be, none that fits n random signs has a Lipschitz constant below order sqrt(n/k).",
    model=SMOOTHEST, quantity=LipschitzLower(starts=16, steps=40), labels=SIGNS,
    statement=Omega(sqrt(n / k)), path=Path(d=n, k=4), sizes=geometric(n, 20, 200, cells=5),
    hypotheses=(Le(k, n), Le(n, d * k)),
    activations=("relu",),
    controls=(Control(statement=Omega(n / k), because="networks of Lipschitz constant of order sqrt(n) are found"),),
    note=STATUS,
)  # fmt: skip

search_width = Law(
    name="search-width", paper=PAPER, theorem="Conjecture 1; evidence by search",
    claim="Evidence, which may refute but never prove: with n and d fixed, trained networks do not gain smoothness "
    "from width faster than sqrt(n/k) allows.",
    model=SMOOTHEST, quantity=LipschitzLower(starts=16, steps=40), labels=SIGNS,
    statement=Omega(sqrt(n / k)), path=Path(n=80, d=16), sizes=geometric(k, 8, 80, cells=5),
    hypotheses=(Le(k, n), Le(n, d * k)),
    activations=("relu",),
    controls=(Control(statement=Omega(sqrt(n * k)), because="the Lipschitz constant found does not grow with width"),),
    note="The networks found hardly get smoother with width, so sqrt(n/k) is far from attained here; order 1 at k = n "
    "is attained by caps on nearly orthogonal inputs (law smooth-caps). " + STATUS,
)  # fmt: skip

spectral_trained = Law(
    name="spectral-trained", paper=PAPER, theorem="Theorem 5",
    claim="Without biases in the hidden layer |a| |W|_op is at least of order sqrt(n/k), whatever the weights: here "
    "for networks trained to have a small path norm, whose width buys nothing.",
    model=TrainedNetwork(bias=False, stop=0.5, penalty=0.02, steps=400, rate=0.02), quantity=LipschitzUpper(),
    labels=SIGNS,
    statement=Omega(sqrt(n / k)), path=Path(n=60, d=60), sizes=geometric(k, 4, 48, cells=6),
    hypotheses=(Le(k, n), Le(n, d * k)),
    activations=("relu",),
    controls=(Control(statement=Omega(sqrt(n * k)), because="the product does not grow with the width"),),
    note="The theorem is for every choice of weights: the simulation shows that the networks which training finds obey "
    "it. Their product stays of order sqrt(n) at every width, so the rate in k is not attained. The bias of the output "
    "is free.",
)  # fmt: skip

spectral_features = Law(
    name="spectral-features", paper=PAPER, theorem="Theorem 5",
    claim="|a| |W|_op of the min-norm random-features interpolator is at least of order sqrt(n/k).",
    model=RandomFeatures(), quantity=LipschitzUpper(), labels=SIGNS,
    statement=Omega(sqrt(n / k)), path=Path(d=n, k=2 * n), sizes=geometric(n, 40, 640, cells=6),
    hypotheses=(Le(n, k),),
    activations=("relu", "tanh"),
    controls=(Control(statement=Omega(n), because="|a| and |W|_op are of order 1 and sqrt(n) on this path"),),
    note="Not tight: the product grows as sqrt(n), while sqrt(n/k) is constant on every path with k of order n.",
)  # fmt: skip

undercomplete = Law(
    name="undercomplete", paper=PAPER, theorem="Theorem 6",
    claim="Any function of k = 16 random projections of the inputs that fits n = d random signs has a Lipschitz "
    "constant of at least order sqrt(d/k).",
    model=RandomFeatures(), quantity=McShane(projected=True), labels=SIGNS,
    statement=Omega(sqrt(d / k)), path=Path(n=d, k=16), sizes=geometric(d, 32, 512, cells=6),
    hypotheses=(Le(k, d), Le(n, d)),
    activations=("relu",),
    controls=(Control(statement=Omega(d / k), because="of order sqrt(d/k), but for the closest pairs"),),
    note="The quantity is exact for the projection drawn: the McShane extension attains it. The closest of n^2 pairs "
    "make it larger than sqrt(d/k): at fixed k by a factor that grows about as n^(2/k), at k = d/4 by a factor "
    "1 + O(sqrt(log(n)/k)) that falls so slowly (a bare slope in d reads -0.1) that these sizes would not decide the "
    "exponent 0, and in k at fixed d it hides -1/2 for k < 64. A random projection is not the best one; see "
    "undercomplete-optimised.",
)  # fmt: skip

undercomplete_optimised = Law(
    name="undercomplete-optimised", paper=PAPER, theorem="Theorem 6",
    claim="With the projection on k = 8 dimensions optimised for the labels the Lipschitz constant is still at least "
    "of order sqrt(d/k), for n = d.",
    model=RandomFeatures(), quantity=McShane(projected=True, optimised=True), labels=SIGNS,
    statement=Omega(sqrt(d / k)), path=Path(n=d, k=8), sizes=geometric(d, 24, 240, cells=5),
    hypotheses=(Le(k, d), Le(n, d)),
    activations=("relu",),
    controls=(
        Control(statement=BigO(Integer(1)), because="no choice of the projection makes the fit robust"),
        Control(statement=Omega(d / k), because="optimised projections come down to sqrt(d/k)"),
    ),
    note="The theorem is for every projection; a descent over the Grassmannian finds a local optimum, whose value is "
    "attained, so that it bounds that of the best projection from above and can refute the theorem but not prove it. "
    "Measured: 1.1 to 1.2 sqrt(d/k), against 4 sqrt(d/k) and more for random projections from d = 64 on.",
)  # fmt: skip

quadratic_forms = Law(
    name="quadratic-forms", paper=PAPER, theorem="Theorem 9; the exponent of the min-norm form derived",
    claim="The quadratic form of least Frobenius norm through n = d^2/10 random signs, a network of k = d neurons with "
    "activation u^2, has operator norm of order sqrt(d) = sqrt(10 n/k).",
    model=QuadraticForm(), quantity=OperatorNorm(), labels=SIGNS,
    statement=Theta(sqrt(n / k)), path=Path(n=d**2 / 10, k=d), sizes=geometric(d, 16, 160, cells=6),
    hypotheses=(Le(4 * n, d**2), Ge(20 * n, d**2), Ge(2 * k, d), Le(k, 2 * d)),
    activations=("relu",),
    controls=(Control(statement=BigO(Integer(1)), because="of order d^2 signs are not fitted by a bounded form"),),
    note="2 |A|_op is the Lipschitz constant on the unit ball. On the sphere a multiple of the identity is constant, "
    "so |A|_op alone bounds nothing there; law polynomials measures the tangential gradient. The theorem is a lower "
    "bound for every form of rank k; the simulation is of one form, of rank d.",
)  # fmt: skip

polynomials = Law(
    name="polynomials", paper=PAPER, theorem="Theorems 7 and 8, p = 3; evidence on the min-norm polynomial",
    claim="A homogeneous polynomial of degree 3 through n = d^3/20 random signs has a Lipschitz constant of order "
    "sqrt(n/d^2) at least: here that of least norm, by its gradient along the sphere.",
    model=DotProduct(kernel="t^3"), quantity=LipschitzLower(starts=12, steps=40), labels=SIGNS,
    statement=Omega(sqrt(n / k)), path=Path(d=(20 * n) ** Rational(1, 3), k=(20 * n) ** Rational(2, 3)),
    sizes=geometric(n, 60, 1500, cells=6),
    hypotheses=(Le(n, d * (d + 1) * (d + 2) / 6), Ge(2 * k, d**2)),
    activations=("relu",), margin=0.08,
    controls=(Control(statement=Omega(sqrt(n)), because="the min-norm cubic is much smoother than sqrt(n)"),),
    note="k = d^2 neurons with activation u^3 are the order that n labels need. d runs from 11 to 31 alone, and the "
    "maximum over the sphere is searched from below: the exponent of n, 1/6, is small, hence the margin of 0.08.",
)  # fmt: skip

smooth_caps = Law(
    name="smooth-caps", paper=PAPER, theorem="smooth interpolation with k = n; the constant derived",
    claim="With one neuron for each label smooth interpolation is possible: disjoint caps of height s = 1/4 fit any "
    "signs, with tangential Lipschitz constant sqrt((2 - s)/s) = sqrt(7), free of n and d.",
    model=Caps(), quantity=LipschitzLower(starts=8, steps=60), labels=SIGNS,
    statement=Limit(sqrt(Integer(7))), path=Path(d=400 * log(n)), sizes=geometric(n, 16, 256, cells=6),
    hypotheses=(Ge(d, 300 * log(n)),),
    activations=("relu",),
    controls=(Control(statement=Limit(Integer(3)), because="the constant is sqrt(7) = 2.646, not 3"),),
    note="Exact where max x_i . x_j <= 2 (1 - s)^2 - 1 = 1/8 over i != j, which needs d >> log(n). The search starts "
    "near training points, inside the caps, and converges to the edge of one; between the caps f is 0.",
)  # fmt: skip

UNIVERSAL = "the universal law, S. Bubeck, M. Sellke (2021), arXiv:2105.12806"

universal_rf = Law(
    name="universal-rf", paper=PAPER, theorem=UNIVERSAL,
    claim="A model with p parameters that fits n random signs in R^d has a Lipschitz constant of at least order "
    "sqrt(n d/p): here random features of width n^2/20, p = k.",
    model=RandomFeatures(), quantity=Sobolev(test_points=64), labels=SIGNS,
    statement=Omega(sqrt(n * d / p)), path=Path(d=n, k=n**2 / 20), sizes=geometric(n, 40, 400, cells=6),
    hypotheses=(Le(n, k),),
    activations=("relu", "tanh"),
    controls=(Control(statement=Omega(n), because="memorising costs random features sqrt(n), not n"),),
    note="The Sobolev seminorm is below the Lipschitz constant, so that a lower bound of it is the stronger one. On "
    "this path p is of order n d and the bound of order 1: random features pay sqrt(n) whatever their width.",
)  # fmt: skip

universal_ntk = Law(
    name="universal-ntk", paper=PAPER, theorem=UNIVERSAL,
    claim="A model with p parameters that fits n random signs in R^d has a Lipschitz constant of at least order "
    "sqrt(n d/p): here the neural tangent model, p = d k, with k = d and n = k^2/8.",
    model=NeuralTangent(), quantity=Sobolev(test_points=64), labels=SIGNS,
    statement=Omega(sqrt(n * d / p)), path=Path(d=k, n=k**2 / 8), sizes=geometric(k, 12, 120, cells=6),
    hypotheses=(Le(n, d * k),),
    activations=("abs", "cos"),
    controls=(Control(statement=Omega(sqrt(n)), because="the interpolator is more robust than sqrt(n): p counts"),),
    note="The Sobolev seminorm is below the Lipschitz constant, so that a lower bound of it is the stronger one. Even "
    "activations attain the bound on this path.",
)  # fmt: skip
