"""What may be varied of a law, and over which of it the law is claimed.

An order (Theta, Omega, O) is claimed for everything that its hypotheses allow. A Limit or a Peak is a number, and a
number is of the activation and the path it was computed for: it is claimed for other activations only if its formula
names mu(j) or lam, or a hypothesis speaks of the activation; for other paths only if a hypothesis speaks of sizes or,
for a Limit, its formula names sizes; and for its own inputs and labels. Source: derived.

Paths: the law's own, a rule at a time with another constant (a factor 1/4 to 4) or another exponent (off by 1/6, 1/3,
1/2); the free size stays. Inputs: the isotropic log-concave laws sphere, gaussian, cube and laplace, for a law on one
of them. Labels: another law or size of the noise, and a linear or quadratic signal added; what noise a law has it
keeps, since a law of memorised noise says nothing without. Networks: trained ones in place of what the law names, for a
lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

import msgspec
import sympy

from bigtheta.theory.activation import Activation, Parity, u
from bigtheta.theory.catalogue import CATALOGUE, activation
from bigtheta.theory.data import Labels
from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.inputs import Cube, Gaussian, Laplace, Sphere
from bigtheta.theory.law import Law
from bigtheta.theory.plugins import plugin_activations
from bigtheta.theory.scale import SIZES, Path
from bigtheta.theory.statement import Sense, lam, mu
from bigtheta.theory.training import TrainedNetwork

__all__ = ["Axis", "Variant", "asked_axes", "axes_of", "changed", "hermite_sum", "is_searched", "variants"]

Expr = Any

FACTORS = ("2", "1/2", "4", "1/4")
EXPONENTS = ("-1/6", "1/6", "-1/3", "1/3", "-1/2", "1/2")
PENALTIES = (0.005, 0.1, 0.5)
_FIRST = ("square", "abs", "tanh", "relu", "cubic", "cos")
_SUMS = ({3: 0}, {1: 0, 2: 0}, {4: 0}, {1: 0, 3: 0}, {2: 0, 4: 0}, {1: 0, 2: 0, 3: 0})
_WEIGHTS: Mapping[int, Expr] = {j: sympy.Rational(1, q) for j, q in ((1, 1), (2, 1), (3, 2), (4, 4))}
"""About 1/sqrt(j!), so that every He_j in a sum has a share of E phi(G)^2 that shows at reachable sizes."""
_ISOTROPIC = (Sphere(), Gaussian(), Cube(), Laplace())


class Axis(Enum):
    """What is varied of a law."""

    ACTIVATIONS = "activations"
    PATHS = "paths"
    INPUTS = "inputs"
    LABELS = "labels"
    NETWORKS = "networks"


@dataclass(frozen=True)
class Variant:
    """One thing of a law changed.

    Attributes:
        words: what is different.
        fields: the fields of `Law` that change.
        simplicity: of two that break a law the one of the smaller number is shown.
    """

    axis: Axis
    words: str
    fields: Mapping[str, Any]
    simplicity: int = 0


def asked_axes(over: str | Sequence[str] | None) -> tuple[Axis, ...]:
    """Read the axes asked for, as "activations,paths" or a list; all if None.

    Raises:
        InvalidInputError: for an unknown name, or none.

    >>> asked_axes("paths, labels")
    (<Axis.PATHS: 'paths'>, <Axis.LABELS: 'labels'>)
    """
    if over is None:
        return tuple(Axis)
    if not isinstance(over, str | list | tuple):
        raise InvalidInputError(f"over: expected names such as 'activations,paths' but got {over!r}")
    names = [name.strip() for name in (over.split(",") if isinstance(over, str) else over)]
    known = {axis.value: axis for axis in Axis}
    for name in names:
        if name not in known:
            raise unknown_name("over", name, known)
    if not names:
        raise InvalidInputError(f"over: expected at least one of {', '.join(known)} but got none")
    return tuple(dict.fromkeys(known[name] for name in names))


def axes_of(law: Law, asked: Sequence[Axis], *, explicit: bool) -> tuple[Axis, ...]:
    """Return the axes, of those asked, over which a law is claimed; see the head of the module.

    Args:
        explicit: they were asked for by name: networks then stand in for the model of any lower bound in n, d and k.
    """
    number = law.statement.sense in (Sense.LIMIT, Sense.PEAK)
    formula = law.statement.formula
    relations = [h for h in law.hypotheses if not isinstance(h, Parity)]
    sizes = any(h.free_symbols & set(SIZES.values()) for h in relations)
    acts = any(isinstance(h, Parity) or h.has(mu) for h in law.hypotheses)
    of_limit = law.statement.sense is Sense.LIMIT and bool(formula.free_symbols & set(SIZES.values()))
    trained = isinstance(law.model, TrainedNetwork)
    claimed = {
        Axis.ACTIVATIONS: law.model.activated and (not number or acts or formula.has(mu, lam)),
        Axis.PATHS: bool(law.path.given) and (not number or sizes or of_limit),
        Axis.INPUTS: not number and law.inputs in _ISOTROPIC,
        Axis.LABELS: not number and law.labels.target != "classes" and law.labels.noise > 0,
        Axis.NETWORKS: law.statement.sense is Sense.OMEGA
        and (trained or (explicit and {"n", "d", "k"} <= set(law.model.uses))),
    }
    return tuple(axis for axis in asked if claimed[axis])


def changed(law: Law, more: Mapping[str, Any]) -> Law:
    """Return a law with other fields, under its own hypotheses and without its controls.

    Raises:
        InvalidInputError: if it cannot be measured.
    """
    given: dict[str, Any] = {f.name: getattr(law, f.name) for f in fields(law)}
    return Law(**(given | {"controls": (), "paper": None, "source": law.source or law.id} | dict(more)))


def variants(law: Law, axis: Axis) -> Iterator[Variant]:
    """Yield what is tried of one axis, the simplest and most telling first; the law's own is left out."""
    yield from {
        Axis.ACTIVATIONS: _activations, Axis.PATHS: _paths, Axis.INPUTS: _inputs, Axis.LABELS: _labels,
        Axis.NETWORKS: _networks,
    }[axis](law)  # fmt: skip


def is_searched(act: Activation) -> bool:
    """Whether an activation makes a model to which laws apply: continuous, and not affine.

    An affine one makes a linear model of rank d, and where phi jumps the gradient has no second moment.
    """
    expression = act.expression
    if expression.is_polynomial(u) and sympy.degree(expression, u) <= 1:
        return False
    return act.is_weakly_differentiable


def hermite_sum(terms: Mapping[int, int]) -> Activation:
    """Return sum_j c_j He_j, c_j = 2^(terms[j]) w_j, w_j a round number near 1/sqrt(j!), j = 1..4.

    >>> hermite_sum({1: 0, 3: 1}).name
    'u**3 - 2*u'
    """
    total = sum(sympy.Integer(2) ** power * _WEIGHTS[j] * sympy.hermite_prob(j, u) for j, power in terms.items())
    return activation(str(sympy.expand(total)))


def _activations(law: Law) -> Iterator[Variant]:
    own = {activation(act).key for act in law.activations}
    rest = [name for name in CATALOGUE if name not in _FIRST]
    plugged = [recipe.default for recipe in plugin_activations()]
    for rank, act in enumerate([*map(activation, _FIRST), *map(hermite_sum, _SUMS), *map(activation, rest), *plugged]):
        if act.key not in own and is_searched(act):
            yield Variant(Axis.ACTIVATIONS, f"activation {act.name}", {"activations": (act,)}, rank)


def _paths(law: Law) -> Iterator[Variant]:
    free = law.path.free
    rank = 0
    for changes in (FACTORS[:2], EXPONENTS, FACTORS[2:]):
        for change in changes:
            for name, rule in law.path.given:
                number = sympy.Rational(change)
                constant = not rule.free_symbols
                if changes is EXPONENTS and (constant or not _grows(rule * free**number, free)):
                    continue
                new = rule * free**number if changes is EXPONENTS else rule * number
                rules = {other: kept for other, kept in law.path.given if other != name} | {name: new}
                rank += 1
                words = f"path {name} = {new} in place of {rule}"
                yield Variant(Axis.PATHS, words, {"path": Path(rules, free=str(free))}, rank)


def _grows(rule: Expr, free: Expr) -> bool:
    """Whether a size grows along the path."""
    low, high = (float(rule.subs(free, size)) for size in (10**8, 10**9))
    return math.log10(high / low) > 0.1


def _inputs(law: Law) -> Iterator[Variant]:
    for rank, other in enumerate(_ISOTROPIC):
        if other != law.inputs:
            limit = law.limit if isinstance(other, Sphere) else ""
            yield Variant(Axis.INPUTS, f"inputs {other.kind}", {"inputs": other, "limit": limit}, rank)


def _labels(law: Law) -> Iterator[Variant]:
    own = law.labels
    others = [
        msgspec.structs.replace(own, noise_law="signs" if own.noise_law == "gaussian" else "gaussian"),
        msgspec.structs.replace(own, noise=4 * own.noise),
        msgspec.structs.replace(own, signal=1.0),
        Labels(signal=1.0, noise=own.noise, target="quadratic", noise_law=own.noise_law),
    ]
    for rank, other in enumerate(others):
        if other != own:
            limit = law.limit if other.target == "linear" else ""
            yield Variant(Axis.LABELS, f"labels {other.words}", {"labels": other, "limit": limit}, rank)


def _networks(law: Law) -> Iterator[Variant]:
    """Networks trained with a Lipschitz penalty: of other weight, and started at another rate."""
    own = law.model if isinstance(law.model, TrainedNetwork) else None
    base = own or TrainedNetwork(skip=True, stop=0.5, penalty=0.02, steps=400, rate=0.02)
    others = [base, *(msgspec.structs.replace(base, penalty=penalty) for penalty in PENALTIES)]
    others += [msgspec.structs.replace(base, steps=2 * base.steps), msgspec.structs.replace(base, rate=base.rate / 2)]
    for rank, other in enumerate(others):
        if other != own:
            words = f"networks trained with penalty {other.penalty:g}, {other.steps} steps at rate {other.rate:g}"
            yield Variant(Axis.NETWORKS, words, {"model": other, "limit": ""}, rank)
