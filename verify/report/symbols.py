"""How a report names what was measured: the quantity's name, its symbol, and what it is."""

from __future__ import annotations

from dataclasses import dataclass

from bigtheta.theory.data import McShane
from bigtheta.theory.limits.named import Measured
from bigtheta.theory.training import QuadraticStudent

__all__ = ["Symbol", "symbol_of"]


@dataclass(frozen=True)
class Symbol:
    """The name of a quantity with its symbol in it, the symbol as text and as LaTeX, and the definition in words."""

    name: str
    text: str
    latex: str
    meaning: str


_SYMBOLS = {
    "sobolev": Symbol("Sobolev seminorm S", "S", "S", "sqrt(E |grad f(x)|^2), x a fresh input"),
    "sensitivity": Symbol("sensitivity", "sensitivity", r"\mathrm{sensitivity}", "E |x| |grad f(x)|, x a fresh input"),
    "lipschitz-lower": Symbol(
        "Lipschitz constant from below, Lip_lower", "Lip_lower", r"\mathrm{Lip}_{\mathrm{lower}}",
        "the largest tangential gradient found on the unit sphere",
    ),
    "lipschitz-upper": Symbol(
        "Lipschitz constant from above, Lip_upper", "Lip_upper", r"\mathrm{Lip}_{\mathrm{upper}}",
        "|a| |W|_op sup|phi'|",
    ),
    "mcshane": Symbol(
        "smallest Lipschitz constant, Lip_min", "Lip_min", r"\mathrm{Lip}_{\mathrm{min}}",
        "max |y_i - y_j|/|x_i - x_j|, of any function through the labels",
    ),
    "operator-norm": Symbol("operator norm |A|_op", "|A|_op", r"|A|_{\mathrm{op}}", "of the form f(x) = x^T A x"),
    "test-error": Symbol(
        "test error E", "E", "E", "mean squared error against the noiseless target at fresh inputs"
    ),
    "train-error": Symbol("training error E_train", "E_train", r"E_{\mathrm{train}}", "mean (f(x_i) - y_i)^2"),
    "memorised": Symbol(
        "memorised fraction of the noise", "memorised", r"\mathrm{memorised}",
        "1 + <f - y, eps>/|eps|^2 over the training points",
    ),
    "adversarial-risk": Symbol(
        "adversarial risk AR", "AR", r"\mathrm{AR}", "E (|y - f(x)| + eps_test |grad f(x)|)^2, (x, y) fresh"
    ),
}  # fmt: skip
_STUDENT = {
    "sobolev": Symbol("Sobolev energy S", "S", "S", "E |grad f(x)|^2 / 4, 1 for the target"),
    "test-error": Symbol("test error E", "E", "E", "E (f(x) - f*(x))^2 / 2, 1 for f = 0"),
}
"""The quadratic student normalises both by those of its target."""


def symbol_of(law: Measured) -> Symbol:
    """Return how the quantity of a law is named; by its kind where it is a new one.

    >>> from bigtheta.theory.law import law
    >>> symbol_of(law("dohmatob2021/rf-kernel")).text
    'S'
    """
    kind = law.quantity.value
    if isinstance(law.model, QuadraticStudent) and kind in _STUDENT:
        return _STUDENT[kind]
    if isinstance(law.quantity, McShane) and law.quantity.projected:
        if law.quantity.optimised:
            what = "max |y_i - y_j|/|P (x_i - x_j)|, the least met on a descent over projections P of rank k"
            return Symbol("smallest Lipschitz constant of k features, Lip_k", "Lip_k", r"\mathrm{Lip}_{k}", what)
        what = "max |y_i - y_j|/|P (x_i - x_j)|, of any function of the hidden layer through the labels"
        return Symbol("smallest Lipschitz constant in W x, Lip_P", "Lip_P", r"\mathrm{Lip}_{P}", what)
    return _SYMBOLS.get(kind) or Symbol(kind, kind, rf"\mathrm{{{kind}}}", "")
