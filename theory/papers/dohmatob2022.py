"""Dohmatob, Bietti 2022: approximation against robustness of a quadratic target, regime by regime.

f*(x) = x^T B x, |B|_F = 1, x ~ N(0, I_d), fitted to the population by a student of k neurons, k/d fixed, d growing;
E = E (f - f*)^2/2 and S = E |grad f|^2/4, which are (1, 0) for f = 0 and (0, 1) for f = f*. Each regime has a law for E
and one for S: their limits, formulas where short, else the digits of a limit of `theory.limits.quadratic`.
Whatever f is, sqrt S >= 1 - sqrt E: exact at every size, so that it is a test on every trial and not a law.
"""

from __future__ import annotations

from typing import Any

from sympy import Float, Ge, Integer, Lt, Rational

from bigtheta.theory.law import Control, Law, Paper
from bigtheta.theory.scale import Path, Sizes, d, geometric, k
from bigtheta.theory.statement import Limit
from bigtheta.theory.training import QuadraticStudent

Expr = Any

PAPER = Paper(
    id="dohmatob2022",
    authors="E. Dohmatob, A. Bietti",
    year=2022,
    title="On the (non-)robustness of two-layer neural networks in different learning regimes",
    arxiv="2203.11864",
)
SIZES = geometric(d, 64, 640, cells=6)
WIDE = geometric(d, 48, 480, cells=6)
SMALL = geometric(d, 8, 80, cells=6)


def _digits(text: str) -> Expr:
    """A number with as many digits as are written."""
    return Float(text, len(text.replace(".", "").lstrip("0")))


def _both(
    name: str,
    model: QuadraticStudent,
    *,
    width: Expr,
    error: Expr,
    robustness: Expr,
    claims: tuple[str, str],
    activation: str,
    sizes: Sizes = SIZES,
    theorem: str = "derived",
    controls: tuple[tuple[Control, ...], tuple[Control, ...]] = ((), ()),
    margin: float | None = None,
    effort: int = 1,
    note: str = "",
    hypotheses: tuple[Expr, ...] = (),
) -> tuple[Law, Law]:
    """The law for E and the law for S of one regime; the constant off by two margins is a control of both."""

    def law(kind: str, value: Expr, claim: str, more: tuple[Control, ...]) -> Law:
        factor = 1 + Rational(10 if margin is None else round(200 * margin), 100)
        off = factor * value if value.is_Rational or value.free_symbols else Float(factor, 6) * value
        return Law(
            name=f"{name}-{kind}", paper=PAPER, theorem=theorem, claim=claim,
            model=model, quantity="test-error" if kind == "error" else "sobolev", inputs="gaussian", labels="quadratic",
            statement=Limit(value), path=Path(k=width), sizes=sizes, activations=(activation,), margin=margin,
            controls=(Control(statement=Limit(off), because="the exact limit lies two margins lower"), *more),
            note=note, limit="quadratic-student", hypotheses=hypotheses, effort=effort,
        )  # fmt: skip

    first, second = claims
    return law("error", error, first, controls[0]), law("robustness", robustness, second, controls[1])


def _instead(value: Expr, because: str) -> tuple[Control, ...]:
    return (Control(statement=Limit(value), because=because),)


# relu: initialisation("relu", scale=2)
initial_error, initial_robustness = _both(
    "initial", QuadraticStudent(regime="initialisation", scale=2.0), width=4 * d,
    error=_digits("1.68169"), robustness=Rational(1, 2),
    claims=(
        "At initialisation, z_j of variance 4/k, the error is worse than that of f = 0: 1 + 2 Var phi(G).",
        "At initialisation, z_j of variance 4/k, S = E phi'(G)^2 = 1/2 for relu, whatever the width.",
    ),
    margin=0.1, activation="relu", sizes=geometric(d, 12, 120, cells=5), effort=4,
    theorem="initialisation; constants derived",
    note="Exact means at every d and k for relu; the simulation shows how the draws concentrate.",
)  # fmt: skip

# random_features("relu", rho=1)
rf_error, rf_robustness = _both(
    "rf", QuadraticStudent(regime="rf"), width=d,
    error=_digits("0.718209"), robustness=_digits("0.294820"),
    claims=(
        "Random features of width k = d leave 72% of the error on the target |x|^2/sqrt(d).",
        "Random features of width k = d have S = 0.295 on the target |x|^2/sqrt(d), far above the floor "
        "(1 - sqrt E)^2 = 0.023: robustness is lost faster than the bound asks.",
    ),
    margin=0.1, activation="relu", sizes=WIDE, effort=2, theorem="random features; constants derived",
)  # fmt: skip

# random_features("relu", rho=1, ridge=0.1)
rf_ridge_error, rf_ridge_robustness = _both(
    "rf-ridge", QuadraticStudent(regime="rf", ridge=0.1), width=d,
    error=_digits("0.750456"), robustness=_digits("0.131655"),
    claims=(
        "A ridge of 0.1 on the output weights costs random features little in error: 0.75 in place of 0.72.",
        "A ridge of 0.1 on the output weights more than halves S of random features.",
    ),
    margin=0.1, activation="relu", sizes=WIDE, effort=2,
    controls=((), _instead(_digits("0.294820"), "the value without a ridge")),
)  # fmt: skip

# lazy_random_features("relu", rho=1, ridge=0.1, scale=2)
rf_lazy_error, rf_lazy_robustness = _both(
    "rf-lazy", QuadraticStudent(regime="lazy-rf", ridge=0.1, scale=2.0), width=d,
    error=_digits("0.788392"), robustness=_digits("0.168117"),
    claims=(
        "Trained from a random start with a ridge, random features keep some of its error.",
        "Trained from a random start with a ridge, random features keep some of its slope: S is 28% larger.",
    ),
    margin=0.1, activation="relu", sizes=WIDE, effort=2,
    controls=((), _instead(_digits("0.131655"), "the value of training from z = 0")),
)  # fmt: skip

# random_features("relu", rho=1, spectrum=marchenko_pastur(1))
rf_aligned_error, rf_aligned_robustness = _both(
    "rf-aligned", QuadraticStudent(regime="rf", target="wishart", covariance="target"), width=d,
    error=_digits("0.510303"), robustness=_digits("0.531669"),
    claims=(
        "Random features drawn with the covariance of the target, B = G G^T, learn all of it, not its trace alone.",
        "Random features drawn with the covariance of the target, B = G G^T, pay for it in S.",
    ),
    margin=0.1, activation="relu", sizes=WIDE, effort=2, theorem="random features; constants derived",
)  # fmt: skip

LEFT = (1 - k / d) ** 2
_FRACTION = (Lt(k, d), Ge(8 * k, d))
nt_error, nt_robustness = _both(
    "nt", QuadraticStudent(regime="nt", target="goe"), width=d / 2, error=LEFT, robustness=1 - LEFT,
    hypotheses=_FRACTION,
    claims=(
        "The neural tangent of u^2 learns a traceless target outside the null space of W: E = (1 - k/d)^2.",
        "The neural tangent of u^2 trades error for robustness one to one: S = 1 - E = 1 - (1 - k/d)^2.",
    ),
    activation="u**2", theorem="neural tangent", effort=2,
    controls=(_instead(1 - k / d, "the value for the identity, which is all trace"), ()),
)  # fmt: skip

MIXED = (1 - k / d) ** 2 / 2 + (1 - k / d) / 2
nt_trace_error, nt_trace_robustness = _both(
    "nt-trace", QuadraticStudent(regime="nt", target="mixed", trace_share=0.5), width=d / 2,
    error=MIXED, robustness=1 - MIXED, hypotheses=_FRACTION,
    claims=(
        "Of the share of |B|^2 that is trace the neural tangent of u^2 leaves 1 - k/d, of the rest (1 - k/d)^2.",
        "The neural tangent of u^2 has S = 1 - E for a target with a trace, too.",
    ),
    activation="u**2", theorem="neural tangent", effort=2,
)  # fmt: skip

# neural_tangent(rho=1, ridge=4)
nt_ridge_error, nt_ridge_robustness = _both(
    "nt-ridge", QuadraticStudent(regime="nt", target="goe", ridge=4.0), width=d,
    error=_digits("0.222037"), robustness=_digits("0.379664"),
    claims=(
        "With a ridge of 4 the neural tangent of u^2 leaves 22% of the error at k = d, where it could leave none.",
        "With a ridge of 4 the neural tangent of u^2 has S = 0.38 at E = 0.22, in place of 1 - E = 0.78: a ridge is "
        "the better way to robustness than a smaller width.",
    ),
    activation="u**2", effort=2,
    controls=((), _instead(_digits("0.777963"), "1 - E, the price without a ridge")),
)  # fmt: skip

# lazy_neural_tangent(rho=1, ridge=4, scale=1)
nt_lazy_error, nt_lazy_robustness = _both(
    "nt-lazy", QuadraticStudent(regime="lazy-nt", target="goe", ridge=4.0), width=d,
    error=_digits("0.277131"), robustness=_digits("0.434757"),
    claims=(
        "A random start survives under a ridge: the neural tangent of u^2 has 0.055 more error than from 0.",
        "A random start survives under a ridge: the neural tangent of u^2 has 0.055 more S than from 0.",
    ),
    activation="u**2", effort=2,
    controls=(
        _instead(_digits("0.222037"), "for a start from zero"),
        _instead(_digits("0.379664"), "that of a start at zero"),
    ),
)  # fmt: skip

nt_converged_error, nt_converged_robustness = _both(
    "nt-converged", QuadraticStudent(regime="lazy-nt", target="goe", scale=4.0), width=d / 2,
    error=LEFT, robustness=1 - LEFT, hypotheses=_FRACTION,
    claims=(
        "Trained to convergence, the neural tangent of u^2 forgets its start: E = (1 - k/d)^2 from any.",
        "Trained to convergence, the neural tangent of u^2 forgets its start: S = 1 - (1 - k/d)^2 from any.",
    ),
    margin=0.1, activation="u**2", effort=2,
    note="The start z lies in the span of the tangent features of u^2. A correction fitted to f* alone, and added to "
    "the start, would keep it.",
)  # fmt: skip

# smooth_neural_tangent("u**2 + u**3/3", rho=0.5)
nt_smooth_error, nt_smooth_robustness = _both(
    "nt-smooth", QuadraticStudent(regime="nt", target="goe"), width=d / 2,
    error=_digits("0.516888"), robustness=_digits("0.556115"),
    claims=(
        "The degree of phi = u^2 + u^3/3 beyond 2 acts on the neural tangent as a ridge: E = 0.517 in place of 1/4.",
        "The degree of phi = u^2 + u^3/3 beyond 2 costs slope besides: S is 0.073 above 1 - E.",
    ),
    activation="u**2 + u**3/3", sizes=SMALL, margin=0.15,
    controls=(
        _instead(Rational(1, 4), "u^2 has this value, and no such degree"),
        _instead(Rational(3, 4), "u^2 has this value, and no such degree"),
    ),
    note="All k d features are solved for, so that d ends at 80; what is missing to the limit is of order 1/d.",
)  # fmt: skip

# gradient_flow(rho=2, time=0.05, tau=0.5)
flow_error, flow_robustness = _both(
    "flow", QuadraticStudent(regime="gradient-flow", target="mixed", time=0.05), width=2 * d,
    error=_digits("0.499917"), robustness=_digits("0.120764"),
    claims=(
        "Stopped at time 0.05, the gradient flow of the neural tangent of u^2 has halved the error.",
        "Stopped at time 0.05, the gradient flow has S = 0.121 at E = 1/2, next to the floor (1 - sqrt E)^2 = 0.086: "
        "early stopping is nearly the best trade there is.",
    ),
    activation="u**2", theorem="gradient flow; time scale derived",
    controls=((), _instead(_digits("0.500083"), "1 - E, the price of a smaller width")),
)  # fmt: skip

# lazy_gradient_flow(rho=2, time=0.05, tau=0.5, scale=0.5)
flow_lazy_error, flow_lazy_robustness = _both(
    "flow-lazy", QuadraticStudent(regime="lazy-gradient-flow", target="mixed", time=0.05, scale=0.5), width=2 * d,
    error=_digits("0.581444"), robustness=_digits("0.202291"),
    claims=(
        "A random start survives early stopping: it adds 0.0815 to the error of the gradient flow.",
        "A random start survives early stopping: it adds 0.0815 to S of the gradient flow.",
    ),
    margin=0.1, activation="u**2", effort=2,
    controls=(
        _instead(_digits("0.499917"), "for a start from zero"),
        _instead(_digits("0.120764"), "that of a start at zero"),
    ),
)  # fmt: skip

# trained(rho=0.25)
trained_error, trained_robustness = _both(
    "trained", QuadraticStudent(regime="trained", target="goe"), width=d / 4,
    error=_digits("0.377087"), robustness=_digits("0.622913"),
    claims=(
        "Fully trained, a quadratic network keeps the k = d/4 eigenvalues of B of largest modulus: E = 0.377, below "
        "0.5625 of its neural tangent.",
        "Fully trained, a quadratic network has S = 1 - E: it pays for the smaller error with robustness.",
    ),
    activation="u**2", theorem="fully trained",
    controls=(_instead(Rational(9, 16), "the value of the neural tangent"), ()),
    note="The optimum in closed form, by the eigenvalues of B; no training is simulated.",
)  # fmt: skip

# trained(rho=0.25, positive=True)
positive_error, positive_robustness = _both(
    "trained-positive", QuadraticStudent(regime="trained", target="goe", positive=True), width=d / 4,
    error=_digits("0.553135"), robustness=_digits("0.446865"),
    claims=(
        "With output weights fixed to +1 a fully trained quadratic network keeps positive eigenvalues of B alone.",
        "With output weights fixed to +1 a fully trained quadratic network still has S = 1 - E.",
    ),
    activation="u**2", theorem="fully trained",
    controls=(_instead(_digits("0.377087"), "the value with free output weights"), ()),
    note="The optimum in closed form, by the eigenvalues of B; no training is simulated.",
)  # fmt: skip

RETREAT = (
    "Not a counterexample to the universal bound sqrt S >= 1 - sqrt E, which holds throughout. Where phi has a mean "
    "degree D > 4 beyond 1 and no linear part, S of random features rises above 1 up to k/d = psi psi'/(lambda_2^2 "
    "(psi' - 4 psi)), 6.72 here, and then falls towards 1; for relu, and wherever D <= 4, it only rises."
)
# random_features("exp(-8*u**2)", rho=6)
_, retreat_narrow = _both(
    "retreat-narrow", QuadraticStudent(regime="rf"), width=6 * d,
    error=_digits("0.424393"), robustness=_digits("1.76245"),
    claims=(
        "Random features of exp(-8 u^2) at k = 6 d, before the retreat of S: E = 0.424.",
        "Random features of exp(-8 u^2) at k = 6 d are less robust than the target itself: S = 1.762 > 1.",
    ),
    activation="exp(-8*u**2)", sizes=geometric(d, 13, 130, cells=6), margin=0.1, effort=2,
    controls=((), _instead(Integer(1), "the S of the target itself")),
    note=RETREAT,
)  # fmt: skip
# random_features("exp(-8*u**2)", rho=24)
_, retreat_wide = _both(
    "retreat-wide", QuadraticStudent(regime="rf"), width=24 * d,
    error=_digits("0.155637"), robustness=_digits("1.48283"),
    claims=(
        "Random features of exp(-8 u^2) at k = 24 d: the error has fallen from 0.424 at k = 6 d to 0.156.",
        "The error improves and so does robustness: random features of exp(-8 u^2) have S = 1.483 at k = 24 d, where "
        "E = 0.156, and 1.762 at k = 6 d, where E = 0.424. That robustness can only get worse does not hold here.",
    ),
    activation="exp(-8*u**2)", sizes=geometric(d, 13, 130, cells=5), margin=0.1,
    controls=((), _instead(_digits("1.76245"), "the value at k = 6 d: S does fall as the error improves")),
    note=RETREAT,
)  # fmt: skip
del _
