"""The template of a spec file that `bigtheta init` writes: every field explained, and a law that can be judged."""

from __future__ import annotations

import re

__all__ = ["template"]

_TEXT = """\
# A bound of your own. Judge it:          bigtheta check {file}
# What it predicts, without simulation:   bigtheta predict {file}
# Every option of every field:            bigtheta schema

[law]
# Letters, digits, _ . and -
name = "{name}"

# The claim in a sentence, and where it is from; for the report.
claim = "The min-norm random-features interpolator pays order sqrt(n) in Sobolev norm for memorising noise."
source = "draft v3, Theorem 2"

# What is simulated: "random-features", "neural-tangent", "both-layers", "rf-kernel", "ntk-kernel", or a table with
# options, such as {{ kind = "random-features", ridge = 0.1 }} or {{ kind = "dot-product-kernel", kernel = "exp(t)" }}.
model = "random-features"

# What is measured: "sobolev" is S(f) = sqrt(E |grad f(x)|^2); or "sensitivity", "lipschitz-lower", "lipschitz-upper",
# "mcshane", "test-error", "train-error", "memorised", "adversarial-risk".
quantity = "sobolev"

# Theta(f) of order f, Omega(f) at least, O(f) at most; each with ~, as in Theta~(f), up to powers of logarithms.
# Limit(f): measured/f tends to 1. Peak(n/k, at=1): largest where n/k = 1.
# f is a formula in n (samples), d (input dimension), k (hidden neurons), p (parameters), in mu(1), mu(2), ... (Hermite
# coefficients of the activation) and in lam; sums, powers, sqrt, log and numbers.
statement = "Theta(sqrt(n))"

# Every other size that the model uses, as a formula in the one that varies.
path = {{ d = "n", k = "2*n" }}

# The one that varies: five values or more, over a decade or more, or nothing will PASS.
sizes = {{ n = [30, 60, 120, 240, 480, 960] }}

# Names (`bigtheta activations` lists them) or formulas in u such as "u*tanh(u)"; each is judged.
activations = ["relu"]

# Law of the inputs: "sphere", "gaussian", "cube", "laplace", {{ kind = "covariance", spectrum = "i^(-1/2)" }}, or data:
# "mnist", "cifar10", "digits".
inputs = "sphere"

# What is fitted, y = signal * g(x) + noise: the size of the signal and the variance of the noise; or with target =
# "quadratic" or "classes" and noise_law = "signs".
labels = {{ signal = 0.0, noise = 1.0 }}

# What the claim is restricted to: relations in the sizes and mu(j), and "even" or "odd" for the activation. Where one
# does not hold nothing is judged; `bigtheta refute` looks for what breaks the claim inside them.
hypotheses = ["n <= k"]

# How far the exponent may lie from the claim and still PASS; relative for Limit (0.05) and Peak (0.2).
margin = 0.1

# The exact limit of the quantity, where one is known: the simulation is then held against it, and it against the claim.
# limit = "sobolev"

# How many times the profile's trials to take: more where single trials scatter and the sizes are cheap.
# effort = 4

# Claims close to this one that are known to be false: they must FAIL, or the check could not tell right from wrong.
# Each has a `statement`, an `activation`, or both, and says why.
[[law.controls]]
statement = "Theta(n)"
because = "the square of the claim"

# [[law.controls]]
# activation = "abs"
# because = "mu_1 = 0, so nothing linear is memorised"
"""


def template(name: str) -> str:
    """Return the text of a spec file for the law `name`; of "my-bound" where that is no name of a law.

    >>> template("rate").splitlines()[6]
    'name = "rate"'
    """
    valid = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", name) is not None
    return _TEXT.format(name=name if valid else "my-bound", file=f"{name if valid else 'FILE'}.toml")
