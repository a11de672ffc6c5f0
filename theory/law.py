"""Law: model + quantity + statement + path + hypotheses + negative controls; and the registry of shipped laws."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy
from sympy.core.relational import Relational

from bigtheta.theory import plugins
from bigtheta.theory.activation import Activation, Parity
from bigtheta.theory.catalogue import activation
from bigtheta.theory.data import Inputs, Labels, Quantity, Sobolev, check_together
from bigtheta.theory.errors import InvalidInputError, OutsideScaleError, prefixed, whole_number
from bigtheta.theory.expression import substituted
from bigtheta.theory.gradients import check_gradients
from bigtheta.theory.hermite import hermite
from bigtheta.theory.inputs import Sphere
from bigtheta.theory.law_fields import normalised
from bigtheta.theory.limits.named import checked_limit
from bigtheta.theory.model import Model, parameter_count
from bigtheta.theory.number import Certified
from bigtheta.theory.order import Order, leading_order
from bigtheta.theory.scale import SIZES, Path, Sizes
from bigtheta.theory.statement import Peak, Sense, Statement, lam, mu

__all__ = ["Control", "Law", "Paper", "find_laws", "law", "laws"]

Expr = Any
Hypothesis = Any  # a SymPy relation in the sizes and mu(j), or a Parity

_MODULES = ("bubeck2020", "dohmatob2021", "dohmatob2022", "hassani2022", "bombari2023")
MARGIN, LIMIT_MARGIN, PEAK_MARGIN = 0.10, 0.05, 0.20
"""Default margins: of an exponent, absolute; of a limit and of a peak's place, relative."""
_MARGINS = {Sense.LIMIT: LIMIT_MARGIN, Sense.PEAK: PEAK_MARGIN}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


@dataclass(frozen=True)
class Paper:
    """A source of laws."""

    id: str
    authors: str
    year: int
    title: str
    arxiv: str

    def __str__(self) -> str:
        return f"{self.authors} ({self.year}). {self.title}. arXiv:{self.arxiv}"


@dataclass(frozen=True, kw_only=True)
class Control:
    """A negative control: the law with another activation, or another statement, which must FAIL."""

    because: str
    activation: str | None = None
    statement: Statement | None = None

    def __post_init__(self) -> None:
        if self.activation is None and self.statement is None:
            raise InvalidInputError(
                "control: expected an activation or a statement that differs from the law's but got neither"
            )


@dataclass(frozen=True, kw_only=True)
class Law:
    """A claim that can be measured: how a quantity of a model scales along a path of sizes.

    Names, or tables with options, are accepted for model, quantity, inputs and labels; text for statement and path.

    Args:
        name: letters, digits, _ . -
        statement: `Theta(sqrt(n))`, or the same as text.
        model, quantity, inputs, labels: what is simulated.
        path: every size the model uses, as a function of the free one.
        sizes: values of the free size.
        activations: names or formulas.
        hypotheses: relations in the sizes and mu(j), or a Parity; where one does not hold the law is not judged.
        controls: what must FAIL.
        margin: how far the exponent may lie from the claimed one (0.10); for `Limit`, `Peak` relative (0.05, 0.20).
        paper, theorem, source: where the claim is from.
        limit: name of the exact limit that decides the law (`theory.limits.named`); None for none. The exponent is then
            that of the limit, and the simulation is held against it.
        effort: times the profile's trials, for a law whose sizes are cheap and whose spread is wide.

    Raises:
        InvalidInputError: naming the law and the field.

    >>> Law(name="my-bound", statement="Theta(sqrt(n))", model="random-features", path={"d": "n", "k": "2*n"},
    ...     sizes={"n": [100, 200, 400, 800, 1600]}).claimed_order.power
    Fraction(1, 2)
    """

    name: str
    statement: Statement
    model: Model
    path: Path
    sizes: Sizes
    quantity: Quantity = field(default_factory=Sobolev)
    inputs: Inputs = field(default_factory=Sphere)
    labels: Labels = field(default_factory=Labels)
    activations: tuple[str, ...] = ("relu",)
    hypotheses: tuple[Hypothesis, ...] = ()
    controls: tuple[Control, ...] = ()
    margin: float = MARGIN
    claim: str = ""
    paper: Paper | None = None
    theorem: str = ""
    source: str = ""
    note: str = ""
    limit: str = ""
    effort: int = 1

    def __init__(
        self,
        *,
        name: str,
        statement: Statement | str,
        model: Model | str | Mapping[str, object],
        sizes: Sizes | Mapping[str, Sequence[int]],
        path: Path | Mapping[str, object] | None = None,
        quantity: Quantity | str | Mapping[str, object] = "sobolev",
        inputs: Inputs | str | Mapping[str, object] = "sphere",
        labels: Labels | str | Mapping[str, object] | None = None,
        activations: Iterable[str | Activation] = ("relu",),
        hypotheses: Iterable[Hypothesis] = (),
        controls: Iterable[Control] = (),
        margin: float | None = None,
        claim: str = "",
        paper: Paper | None = None,
        theorem: str = "",
        source: str = "",
        note: str = "",
        limit: str | None = "",
        effort: int = 1,
    ) -> None:
        given = {key: value for key, value in locals().items() if key != "self"}
        try:
            for key, value in normalised(given).items():
                object.__setattr__(self, key, value)
            if margin is None:
                object.__setattr__(self, "margin", _MARGINS.get(self.statement.sense, MARGIN))
            self._check()
        except InvalidInputError as error:
            raise prefixed(error, f"law {str(name)[:80]!r}: ") from error

    def _check(self) -> None:
        """Refuse what cannot be measured."""
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise InvalidInputError(f"name: expected letters, digits, _ . - but got name={self.name!r}")
        if isinstance(self.margin, bool) or not isinstance(self.margin, int | float) or not 0 < self.margin < 10:
            raise InvalidInputError(f"margin: expected 0 < margin < 10 but got margin={self.margin!r}")
        whole_number("effort", self.effort, low=1, high=64)
        if self.limit != "":
            checked_limit(self.limit, self)
        if self.paper is not None and not isinstance(self.paper, Paper):
            raise InvalidInputError(f"paper: expected a Paper but got {self.paper!r}; give text as `source`")
        for act in self.activations:
            activation(act)
        for hypothesis in self.hypotheses:
            if not isinstance(hypothesis, Parity | Relational):
                raise InvalidInputError(
                    f"hypotheses: expected relations such as d >= n, or a Parity, but got {hypothesis!r}"
                )
        known = {*map(str, self.path.rules), str(self.path.free)}
        for size in self.model.uses:
            if size not in known:
                raise InvalidInputError(
                    f"path: the model {self.model.kind} needs {size} but the path gives only "
                    f"{', '.join(sorted(known))}; add {size}, as in {size} = 2*{self.path.free}"
                )
        allowed = (
            {SIZES[name] for name in known} | {lam} | ({SIZES["p"]} if self.model.parameters is not None else set())
        )
        foreign = sorted(str(s) for s in self.statement.formula.free_symbols - allowed)
        if foreign:
            raise InvalidInputError(
                f"statement {self.statement}: {foreign[0]} is not a size of {self.model.kind} on this path "
                f"({', '.join(sorted(map(str, allowed)))})"
            )
        self._check_constants()
        if self.statement.sense not in _MARGINS:
            _ = self.claimed_order  # refuses what lies outside the scale
        for cell in self.cells:
            self._check_cell(cell)
        dimensions = [cell["d"] for cell in self.cells if "d" in cell]
        check_together(self.quantity, self.inputs, self.labels, self.model.uses, dimensions)
        for act in self.activations:
            check_gradients(self.model, self.quantity, self.inputs, activation(act), dimensions)
        if not self.statement.formula.has(mu, lam):
            self.statement.value(self.size_arrays)
        if isinstance(self.statement, Peak):
            self._check_peaks(self.statement)
        for control in self.controls:
            if not isinstance(control, Control):
                raise InvalidInputError(f"controls: expected a Control but got {control!r}")
            try:
                with_control(self, control)
            except InvalidInputError as error:
                text = str(error).removeprefix(f"law {self.name!r}: ")
                raise InvalidInputError(f"controls: {text}") from error

    def _check_constants(self) -> None:
        """Refuse mu(j), lam and parities where the model gives them no meaning."""
        if lam in self.statement.formula.free_symbols:
            self.model.limit_kernel(activation(self.activations[0]))
        if not self.model.activated:
            for what, formula in (("statement", self.statement.formula), *(("hypotheses", h) for h in self.hypotheses)):
                if isinstance(formula, Parity) or formula.has(mu):
                    raise InvalidInputError(
                        f"{what}: the activation plays no part in {self.model.kind}, so expected sizes and lam alone "
                        f"but got {hypothesis_text(formula) if what == 'hypotheses' else self.statement}"
                    )

    def _check_peaks(self, claim: Peak) -> None:
        """Refuse a sweep that does not cross a claimed peak."""
        if not 0.01 <= self.margin <= 0.5:
            raise InvalidInputError(f"margin: expected 0.01 <= margin <= 0.5 for a peak but got margin={self.margin!r}")
        ratios = claim.value(self.size_arrays)
        for place in claim.places:
            if not ratios.min() < place < ratios.max():
                raise InvalidInputError(
                    f"statement {claim}: these sizes give {claim.ratio} from {ratios.min():.3g} to {ratios.max():.3g}, "
                    f"but a peak at {place:.4g} needs cells on both sides of it; widen the sizes"
                )

    def _check_cell(self, cell: Mapping[str, int]) -> None:
        count = parameter_count(self.model, dict(cell))
        demanded = self.model.interpolates and self.quantity.fits and self.model.ridge == 0
        demanded &= self.statement.sense is not Sense.PEAK  # a peak is crossed: beyond n = p, least squares
        if count is not None and demanded and cell["n"] > count:
            raise InvalidInputError(
                f"at n = {cell['n']} the path gives p = {self.model.parameters} = {count} parameters, so the model "
                f"cannot fit {cell['n']} labels; enlarge {self.model.parameters}, drop that size, or set a ridge"
            )

    @property
    def id(self) -> str:
        """paper/name, or the name alone."""
        return f"{self.paper.id}/{self.name}" if self.paper else self.name

    @property
    def cells(self) -> tuple[dict[str, int], ...]:
        """The sizes of each cell along the path."""
        return tuple(self.path.at(value) for value in self.sizes.values)

    def formula_values(self, act: Activation | str) -> npt.NDArray[np.float64]:
        """Return the statement's formula in each cell, for one activation.

        Raises:
            InvalidInputError: if it is not positive and finite somewhere.
        """
        return self.statement.value(self.size_arrays, self.constants(act))

    @property
    def size_arrays(self) -> dict[str, list[int]]:
        """The sizes of all cells by name, p among them where the model has finitely many parameters."""
        arrays = {name: [cell[name] for cell in self.cells] for name in self.cells[0]}
        counts = [parameter_count(self.model, cell) for cell in self.cells]
        return arrays | {"p": [count for count in counts if count is not None]} if None not in counts else arrays

    def constants(self, act: Activation | str) -> dict[Expr, float]:
        """Return the values of mu(j) and lam that the statement uses, for one activation.

        mu(j) = E[phi(G) He_j(G)]/sqrt(j!) is of the activation itself; lam = a*/a_1 of the model's kernel.

        Raises:
            InvalidInputError: if the model has no such kernel, or lam is infinite.
        """
        act = activation(act)
        formula = self.statement.formula
        values: dict[Expr, float] = {term: _coefficient(act, term) for term in formula.atoms(mu)}
        if lam in formula.free_symbols:
            values[lam] = self.model.limit_kernel(act).effective_ridge
            if not values[lam] < float("inf"):
                why = f"{act.name} (mu_1 = 0)" if self.model.activated else f"this {self.model.kind} (a_1 = 0)"
                raise InvalidInputError(f"law {self.id!r}: lam = a*/a_1 is infinite for {why}")
        return values

    @property
    def claimed_order(self) -> Order:
        """The statement's leading order along the path; constants mu(j), lam count as 1.

        Raises:
            OutsideScaleError: if it has none; a `Peak` never has.
        """
        if self.statement.sense is Sense.PEAK:
            raise OutsideScaleError(f"law {self.id!r}: {self.statement} claims a place, not an order")
        formula = self.statement.formula
        formula = formula.subs({term: 1 for term in (*formula.atoms(mu), lam)})
        if self.model.parameters is not None:
            formula = formula.subs(SIZES["p"], self.model.parameters)
        return leading_order(formula, path=self.path)

    def unmet(self, act: Activation | str) -> str | None:
        """Return the first hypothesis that fails for this activation on this path, in words; None if all hold."""
        act = activation(act)
        for hypothesis in self.hypotheses:
            if isinstance(hypothesis, Parity):
                if act.parity is not hypothesis:
                    return f"{act.name} is not {hypothesis.value}"
                continue
            terms = sorted(hypothesis.atoms(mu), key=str)
            values = {term: _coefficient(act, term) for term in terms}
            relation = hypothesis.subs(values)
            for cell in self.cells:
                sizes = {SIZES[name]: sympy.Integer(size) for name, size in cell.items()}
                if substituted(relation, sizes) != sympy.true:
                    where = "" if terms else " at " + ", ".join(f"{name} = {size}" for name, size in cell.items())
                    return f"the hypothesis {hypothesis_text(hypothesis)} does not hold for {act.name}{where}"
        return None


def _coefficient(act: Activation, term: Expr) -> float:
    """The value of mu(j); 0 where it is 0 within its error."""
    number = hermite(act, int(term.args[0]))
    zero = (0 in number) if isinstance(number, Certified) else abs(number.value) < 1e-12
    return 0.0 if zero else number.value


def hypothesis_text(hypothesis: Hypothesis) -> str:
    """Return a hypothesis in words.

    >>> hypothesis_text(sympy.Ne(mu(1), 0)), hypothesis_text(Parity.EVEN)
    ('mu(1) != 0', 'even activation')
    """
    if isinstance(hypothesis, Parity):
        return f"{hypothesis.value} activation"
    return f"{hypothesis.lhs} {hypothesis.rel_op} {hypothesis.rhs}"


def laws(paper: str | None = None) -> tuple[Law, ...]:
    """Return every shipped law, or those of one paper; plugins are asked for a paper that is not shipped.

    >>> [law.name for law in laws("bombari2023")][:2]
    ['rf-sixth', 'rf-sixth-odd']
    """
    if paper is None or paper in _MODULES:
        return _shipped(paper)
    if not (found := plugins.find_laws(paper, paper=True)):
        papers = {entry.paper.id for entry, _ in plugins.plugin_laws() if entry.paper is not None}
        raise plugins.unknown("paper", paper, [*_MODULES, *papers], "bigtheta laws")
    return found


@cache
def _shipped(paper: str | None) -> tuple[Law, ...]:
    found: list[Law] = []
    for name in _MODULES if paper is None else (paper,):
        module = importlib.import_module(f"bigtheta.theory.papers.{name}")
        found += [value for value in vars(module).values() if isinstance(value, Law)]
    return tuple(found)


def law(name: str) -> Law:
    """Return one law by `paper/name`, or by name alone where that is unique; a shipped one if there is one.

    >>> law("rf-kernel").id
    'dohmatob2021/rf-kernel'
    """
    matches = [entry for entry in laws() if name in (entry.id, entry.name)] or list(plugins.find_laws(name))
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise InvalidInputError(f"law {name!r} is in {len(matches)} papers; give {' or '.join(m.id for m in matches)}")
    every = [*laws(), *(entry for entry, _ in plugins.plugin_laws())]
    known = [entry.id for entry in every]
    bare = [entry.name for entry in every]
    near = difflib.get_close_matches(str(name), bare, n=1)
    raise plugins.unknown("law", name, bare if near else known, "bigtheta laws")


def find_laws(names: Iterable[str] = (), *, paper: str | None = None) -> tuple[Law, ...]:
    """Return the laws named, those of a paper, or all; each once, in the order asked."""
    chosen = [law(name) for name in names]
    if paper is not None or not chosen:
        chosen += laws(paper)
    return tuple({entry.id: entry for entry in chosen}.values())


def with_control(entry: Law, control: Control) -> Law:
    """Return the law as its control changes it; hypotheses are dropped, since a control breaks them."""
    changed: dict[str, Any] = {f.name: getattr(entry, f.name) for f in fields(entry)}
    changed |= {"hypotheses": (), "controls": ()}
    if control.activation is not None:
        changed["activations"] = (control.activation,)
    if control.statement is not None:
        changed["statement"] = control.statement
    return Law(**changed)
