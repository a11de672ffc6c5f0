r"""What the models, quantities and inputs of a page are, in mathematics; what is not known here is left in words.

Source: the docstrings of theory/model.py, training.py, networks.py, inputs.py and data.py, which say the same as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bigtheta.verify.report.facts import LawFacts
from bigtheta.verify.report.marks import formula, literal, prose

__all__ = ["INPUTS", "MODELS", "QUANTITIES", "inputs", "quantity", "setting"]

_FROZEN = r"$w_j \sim N(0, I_d)$ drawn once and frozen, or $N(0, I_d/d)$ where weights = small"
MODELS = {
    "random features":
        rf"$f(x) = \frac{{1}}{{\sqrt{{k}}}} \sum_{{j=1}}^k \theta_j \phi(w_j \cdot x)$, {_FROZEN}, $\theta$ fitted; "
        r"$p = k$ parameters.",
    "neural tangent":
        rf"$f(x) = \frac{{1}}{{\sqrt{{k}}}} \sum_{{j=1}}^k (a_j \cdot x) \phi'(w_j \cdot x)$, {_FROZEN}, "
        r"$a_j \in \mathbb{R}^d$ fitted; $p = d k$ parameters.",
    "neural tangent of both layers":
        r"$f(x) = \frac{1}{\sqrt{k}} \sum_{j=1}^k \theta_j \phi(w_j \cdot x) + (a_j \cdot x) \phi'(w_j \cdot x)$, "
        rf"{_FROZEN}, $\theta$ and $a_j$ fitted; $p = k + d k$ parameters.",
    "infinite-width random features":
        r"$f(x) = \sum_i c_i \kappa(x \cdot x_i)$ with the kernel $\kappa(t) = \sum_{j \geq 0} \mu_j^2 t^j$ on the "
        r"unit sphere: random features for $k \to \infty$.",
    "infinite-width neural tangent":
        r"$f(x) = \sum_i c_i \kappa(x \cdot x_i)$ with the kernel $\kappa(t) = \sum_{j \geq 1} j \mu_j^2 t^j$ on the "
        r"unit sphere: the neural tangent model for $k \to \infty$.",
    "dot-product kernel":
        r"$f(x) = \sum_i c_i \kappa(x \cdot x_i)$ on the unit sphere, the kernel a formula in $t = x \cdot x'$; the "
        "activation plays no part.",
    "adversarially trained random features":
        r"$f(x) = \sum_{j=1}^k \theta_j \sigma(w_j \cdot x)$, $\sigma = \phi - \mathbb{E} \phi(G)$, $w_j$ uniform on "
        r"the unit sphere, $x \sim N(0, I_d)$; $\theta$ minimises $\frac{1}{n} \sum_i (\vert y_i - f(x_i) \vert + "
        r"\varepsilon \sqrt{\mathbb{E} \vert \nabla f \vert^2})^2$, with eps for $\varepsilon$.",
    "quadratic student":
        r"$f(x) = b + \sum_{j=1}^k z_j \phi(w_j \cdot x)$, in the regimes nt and gradient-flow "
        r"$b + \sum_{j=1}^k (a_j \cdot x) \phi'(w_j \cdot x)$, $w_j \sim N(0, I_d/d)$, fitted to "
        r"$f^{\ast}(x) = x^{\top} B x$ with $\vert B \vert_F = 1$ on the population $x \sim N(0, I_d)$, not on "
        r"samples. Target: identity, $B = I/\sqrt{d}$ (the default); goe, symmetric Gaussian; mixed, half of "
        r"$\vert B \vert_F^2$ on the identity and half on a traceless goe.",
    "trained network":
        r"$f(x) = c + \sum_{j=1}^k a_j \phi(w_j \cdot x + b_j)$, with skip also $+ v \cdot x$, all of it trained by "
        r"gradient descent on the error, down to stop, and penalty times the path norm "
        r"$\sum_j \vert a_j \vert \vert w_j \vert + \vert v \vert$.",
    "quadratic form":
        r"$f(x) = x^{\top} A x$ of least Frobenius norm with $f(x_i) = y_i$, $A$ symmetric; the activation plays no "
        "part.",
    "caps":
        r"$f(x) = \sum_{i=1}^n y_i \max(x_i \cdot x - (1 - s), 0)/s$ on the unit sphere with $s = 1/4$ unless "
        r"another is given: a relu neuron for each label.",
}  # fmt: skip
"""By title."""
QUANTITIES = {
    "sqrt(E |grad f(x)|^2), x a fresh input": (
        r"\left(\mathbb{E} \vert \nabla f(x) \vert^2\right)^{1/2}", "x a fresh input",
    ),
    "E |x| |grad f(x)|, x a fresh input": (
        r"\mathbb{E} \vert x \vert \vert \nabla f(x) \vert", "x a fresh input",
    ),
    "the largest tangential gradient found on the unit sphere": (
        r"\max_{\vert x \vert = 1} \vert (I - x x^{\top}) \nabla f(x) \vert", "the largest that a search finds",
    ),
    "|a| |W|_op sup|phi'|": (r"\vert a \vert \vert W \vert_{\mathrm{op}} \sup \vert \phi' \vert", ""),
    "max |y_i - y_j|/|x_i - x_j|, of any function through the labels": (
        r"\max_{i \neq j} \frac{\vert y_i - y_j \vert}{\vert x_i - x_j \vert}", "of any function through the labels",
    ),
    "max |y_i - y_j|/|P (x_i - x_j)|, of any function of the hidden layer through the labels": (
        r"\max_{i \neq j} \frac{\vert y_i - y_j \vert}{\vert P (x_i - x_j) \vert}",
        "of any function of the hidden layer through the labels, P the projection on the span of the weights",
    ),
    "max |y_i - y_j|/|P (x_i - x_j)|, the least met on a descent over projections P of rank k": (
        r"\min_P \max_{i \neq j} \frac{\vert y_i - y_j \vert}{\vert P (x_i - x_j) \vert}",
        "the least met on a descent over projections P of rank k",
    ),
    "of the form f(x) = x^T A x": (r"\max_{\vert x \vert = 1} \vert x^{\top} A x \vert", ""),
    "mean squared error against the noiseless target at fresh inputs": (
        r"\mathbb{E} (f(x) - f^{\ast}(x))^2", "against the noiseless target at fresh inputs",
    ),
    "mean (f(x_i) - y_i)^2": (r"\frac{1}{n} \sum_i (f(x_i) - y_i)^2", ""),
    "1 + <f - y, eps>/|eps|^2 over the training points": (
        r"1 + \frac{\langle f - y, \varepsilon \rangle}{\vert \varepsilon \vert^2}", "over the training points",
    ),
    "E (|y - f(x)| + eps_test |grad f(x)|)^2, (x, y) fresh": (
        r"\mathbb{E} (\vert y - f(x) \vert + \varepsilon \vert \nabla f(x) \vert)^2",
        "(x, y) fresh, with eps_test for its factor, or else eps",
    ),
    "E |grad f(x)|^2 / 4, 1 for the target": (
        r"\frac{1}{4} \mathbb{E} \vert \nabla f(x) \vert^2", "1 for the target",
    ),
    "E (f(x) - f*(x))^2 / 2, 1 for f = 0": (r"\frac{1}{2} \mathbb{E} (f(x) - f^{\ast}(x))^2", "1 for f = 0"),
}  # fmt: skip
"""LaTeX and the words after it, by what the symbol means in words."""
INPUTS = {
    "sphere": r"uniform on the unit sphere of $\mathbb{R}^d$",
    "gaussian": r"$N(0, I_d/d)$",
    "cube": r"uniform on $[-\sqrt{3/d}, \sqrt{3/d}]^d$",
    "laplace": r"independent Laplace coordinates of variance $1/d$",
}
"""By words."""
_RIDGE = (
    r"**Fit.** Without a ridge the interpolator of least norm, and least squares where $n \gt p$; with one "
    r"$(K + \mathrm{ridge} \cdot I) c = y$, $K$ the Gram matrix."
)
_HERMITE = (
    r"**Hermite coefficients.** $\mu_j = \mathbb{E} \left[\phi(G) \mathrm{He}_j(G)\right]/\sqrt{j!}$ of the activation "
    r"$\phi$, $G \sim N(0, 1)$."
)
_UNSCALED = ("adversarially trained random features", "quadratic student")
"""Their inputs are sqrt(d) times the Gaussian ones of other models."""
_SOLVED = ("random features", "neural tangent", "infinite-width", "dot-product kernel")


def quantity(law: LawFacts) -> str:
    """Return what is measured: its name, its symbol as mathematics, and its definition.

    >>> from bigtheta.theory.law import law
    >>> from bigtheta.verify.report.facts import facts_of
    >>> quantity(facts_of(law("dohmatob2021/rf-kernel"))).partition(" = ")[0]
    'Sobolev seminorm, $S'
    """
    symbol = law.symbol
    if not symbol.latex:
        return literal(": ".join(part for part in (symbol.name, symbol.meaning) if part))
    name = literal(symbol.name.removesuffix(symbol.text).rstrip(" ,") or symbol.name)
    latex, after = QUANTITIES.get(symbol.meaning, ("", symbol.meaning))
    shown = formula(f"{symbol.latex} = {latex}" if latex else symbol.latex)
    return f"{name}, {shown}{f', {literal(after)}' if after else ''}"


def inputs(law: LawFacts) -> str:
    r"""Return the law of the inputs, with its definition where it is known; some models scale Gaussian ones themselves.

    >>> from bigtheta.theory.law import law
    >>> from bigtheta.verify.report.facts import facts_of
    >>> print(inputs(facts_of(law("hassani2022/half"))), inputs(facts_of(law("dohmatob2021/rf-kernel-gaussian"))))
    $N(0, I _ d)$ $N(0, I _ d/d)$
    """
    if law.inputs == "gaussian" and law.model.startswith(_UNSCALED):
        return prose(r"$N(0, I_d)$")
    known = INPUTS.get(law.inputs)
    return literal(law.inputs) if known is None else prose(known)


def setting(found: Sequence[LawFacts]) -> list[str]:
    """Return what the models of some laws are, a line each, and what is common to their formulas."""
    titles = list(dict.fromkeys(law.model.partition(",")[0] for law in found))
    lines = [prose(f"**{_capital(title)}.** {MODELS[title]}") for title in titles if title in MODELS]
    lines += [prose(_RIDGE)] if any(title.startswith(_SOLVED) for title in titles) else []
    if any(title.startswith("infinite-width") for title in titles) or _mention_hermite(found):
        lines.append(prose(_HERMITE))
    return lines


def _mention_hermite(found: Iterable[LawFacts]) -> bool:
    said = [stated for law in found for stated in (law.statement, *law.hypotheses)]
    return any(re.search(r"\bmu\(", stated.text) for stated in said)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
