"""What a report says of a law besides the judgement, as plain text: computed from the law, and kept in report.json.

Renderers read facts and judgements alone, so a report read back from report.json reads like the one that wrote it.
"""

from __future__ import annotations

from typing import Any

import msgspec
import sympy

from bigtheta.theory.activation import Parity
from bigtheta.theory.law import Control, Law, hypothesis_text
from bigtheta.theory.model import Model
from bigtheta.theory.statement import mu
from bigtheta.verify.report.symbols import Symbol, symbol_of
from bigtheta.verify.sharpness import Mutant
from bigtheta.verify.verdict import Verdict, finite

__all__ = [
    "ControlFacts", "LawFacts", "MutantFacts", "Solves", "Stated", "control_facts", "facts_of", "model_words",
    "mutant_facts", "solves",
]  # fmt: skip


class Stated(msgspec.Struct, frozen=True):
    """Mathematics as text and as LaTeX; LaTeX is empty where there is none, or none that can be trusted."""

    text: str
    latex: str = ""

    def __str__(self) -> str:
        return self.text


class LawFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A law in words.

    Attributes:
        id: paper/name, or the name alone.
        paper: the paper's id; reference: the paper in full.
        symbol: how the quantity is named.
        model, inputs, labels: in words, with the options that are not default.
        activated: whether the activation plays a part.
        path: as text and LaTeX; free: the size that varies, over `sizes`.
        limit: name of the exact limit that decides the law.
    """

    id: str
    statement: Stated
    symbol: Symbol = Symbol("measured quantity", "q", "q", "")
    claim: str = ""
    model: str = ""
    inputs: str = ""
    labels: str = ""
    activated: bool = True
    activations: tuple[str, ...] = ()
    path: Stated = Stated("")
    free: str = "n"
    sizes: tuple[int, ...] = ()
    hypotheses: tuple[Stated, ...] = ()
    paper: str = ""
    reference: str = ""
    theorem: str = ""
    source: str = ""
    note: str = ""
    limit: str = ""


class ControlFacts(msgspec.Struct, frozen=True):
    """A negative control in words: what it changes, and why it must FAIL."""

    because: str
    activation: str | None = None
    statement: Stated | None = None


class MutantFacts(msgspec.Struct, frozen=True):
    """Another claim on the same data, in words."""

    statement: Stated
    change: str
    wrong: bool
    verdict: Verdict | None = None


class Solves(msgspec.Struct, frozen=True):
    """How well the fits of a law were solved: how many of each status, the largest residual and condition number."""

    status: dict[str, int]
    largest_residual: float | None = None
    largest_condition: float | None = None


def facts_of(law: Law) -> LawFacts:
    """Return the facts of a law.

    >>> from bigtheta.theory.law import law
    >>> facts = facts_of(law("dohmatob2021/rf-kernel"))
    >>> facts.statement.text, facts.path.latex, facts.model
    ('Theta(sqrt(n))', 'd = 2 n', 'infinite-width random features')
    """
    rules = [rf"{name} = {sympy.latex(rule)}" for name, rule in law.path.given]
    return LawFacts(
        id=law.id,
        statement=Stated(str(law.statement), law.statement.latex),
        symbol=symbol_of(law),
        claim=law.claim,
        model=model_words(law.model),
        inputs=law.inputs.words,
        labels=law.labels.words,
        activated=law.model.activated,
        activations=tuple(str(getattr(act, "name", act)) for act in law.activations),
        path=Stated(str(law.path) if rules else "", r",\quad ".join(rules)),
        free=str(law.path.free),
        sizes=law.sizes.values,
        hypotheses=tuple(map(_hypothesis, law.hypotheses)),
        paper=law.paper.id if law.paper else "",
        reference=str(law.paper) if law.paper else "",
        theorem=law.theorem,
        source=law.source,
        note=law.note,
        limit=law.limit,
    )


def model_words(spec: Model) -> str:
    """Return the model with every option that is not its default.

    >>> from bigtheta.theory.model import DotProduct, RandomFeatures
    >>> model_words(RandomFeatures(ridge=0.5, weights="small")), model_words(DotProduct(kernel="exp(t)"))
    ('random features, ridge = 0.5, weights = small', 'dot-product kernel, kernel = exp(t)')
    """
    given = msgspec.to_builtins(spec)
    fields = msgspec.structs.fields(spec)
    default = {
        f.encode_name: f.default if f.default_factory is msgspec.NODEFAULT else f.default_factory() for f in fields
    }
    options = [
        f"{name} = {given[name]}"
        for name in default
        if name in given and given[name] != msgspec.to_builtins(default[name], enc_hook=lambda value: None)
    ]
    return ", ".join([spec.title or spec.kind, *options])


def control_facts(control: Control) -> ControlFacts:
    """Return the facts of a control."""
    claim = control.statement
    act = control.activation
    return ControlFacts(
        control.because,
        None if act is None else str(getattr(act, "name", act)),
        None if claim is None else Stated(str(claim), claim.latex),
    )


def mutant_facts(mutant: Mutant) -> MutantFacts:
    """Return the facts of a mutant."""
    claim = mutant.statement
    return MutantFacts(Stated(str(claim), claim.latex), mutant.change, mutant.wrong, mutant.verdict)


def solves(trials: Any) -> Solves:
    """Return how well the trials of a frame were solved."""
    return Solves(
        {str(status): int(count) for status, count in sorted(trials["status"].value_counts().items())},
        finite(float(trials["residual"].max())),
        finite(float(trials["condition"].max())),
    )


def _hypothesis(hypothesis: Any) -> Stated:
    """A hypothesis as mathematics; a parity in words."""
    text = hypothesis_text(hypothesis)
    if isinstance(hypothesis, Parity):
        return Stated(text)
    plain = hypothesis.subs({term: sympy.Symbol(f"mu_{term.args[0]}") for term in hypothesis.atoms(mu)})
    return Stated(text, sympy.latex(plain))
