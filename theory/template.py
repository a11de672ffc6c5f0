"""The template of a spec file that `bigtheta init` writes: every field explained, and a law that can be judged."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

import msgspec

from bigtheta.theory.data import QUANTITIES
from bigtheta.theory.inputs import DATASETS, Inputs
from bigtheta.theory.limits.named import LIMITS
from bigtheta.theory.model import kinds
from bigtheta.theory.options import by_kind

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

{models}
model = "random-features"

{quantities}
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

{inputs}
inputs = "sphere"

# What is fitted, y = signal * g(x) + noise: the size of the signal and the variance of the noise; or with target =
# "quadratic" or "classes" and noise_law = "signs".
labels = {{ signal = 0.0, noise = 1.0 }}

# What the claim is restricted to: relations in the sizes and mu(j), and "even" or "odd" for the activation. Where one
# does not hold nothing is judged; `bigtheta refute` looks for what breaks the claim inside them. These say: a linear
# part that remembers, enough dimensions for it, and neurons enough that the error of finite width, of order sqrt(n*d/k)
# and largest at k = n, does not outgrow it.
hypotheses = ["mu(1) != 0", "d >= n", "k >= 2*d"]

# How far the exponent may lie from the claim and still PASS; relative for Limit (0.05) and Peak (0.2).
margin = 0.1

{limits}
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


_KEPT = "\u00a0"
"""Stands for a space at which no line is broken."""


def template(name: str) -> str:
    """Return the text of a spec file for the law `name`; of "my-bound" where that is no name of a law.

    >>> template("rate").splitlines()[6]
    'name = "rate"'
    """
    valid = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", name) is not None
    return _TEXT.format(
        name=name if valid else "my-bound",
        file=f"{name if valid else 'FILE'}.toml",
        models=_comment(_models()),
        quantities=_comment(
            f'What is measured: "sobolev" is S(f) = sqrt(E |grad f(x)|^2); all are {_quoted(QUANTITIES)}.'
        ),
        inputs=_comment(
            f"Law of the inputs: {_quoted(name for name in by_kind(Inputs) if name not in ('covariance', 'dataset'))}, "
            f'{{ kind = "covariance", spectrum = "i^(-1/2)" }}, or data: {_quoted(DATASETS)}.'
        ),
        limits=_comment(
            f"The exact limit of the quantity, where one is known ({_quoted(LIMITS)}): the simulation is then held "
            "against it, and it against the claim."
        ),
    )


def _models() -> str:
    """The models that a name suffices for, then those with an option that has no default."""
    required = {
        name: [option.encode_name for option in msgspec.structs.fields(cls) if option.required]
        for name, cls in kinds().items()
    }
    alone = _quoted(name for name, options in required.items() if not options)
    need = " and ".join(f'"{name}" ({", ".join(options)})' for name, options in required.items() if options)
    return (
        f'What is simulated: {alone}; or a table with options, such as {{ kind = "random-features", ridge = 0.1 }}'
        f"{f', which {need} need' if need else ''}."
    )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _comment(text: str) -> str:
    """A paragraph as lines of a comment, broken between words but not within a table."""
    kept = re.sub(r"\{[^}]*\}", lambda found: found[0].replace(" ", _KEPT), text)
    return textwrap.fill(kept, 120, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False).replace(
        _KEPT, " "
    )
