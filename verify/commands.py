"""The commands that simulate nothing: predict, laws, activations, hermite. Each imports what it needs when it runs."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import click

from bigtheta.verify.options import assignments, plugin_option

if TYPE_CHECKING:
    from bigtheta.theory.law import Law
    from bigtheta.theory.scale import Path as SizePath

__all__ = ["activations", "hermite", "laws", "predict"]


@click.command()
@click.argument("targets", nargs=-1, metavar="[LAW|SPEC.toml|FORMULA]...")
@click.option("--paper", metavar="ID", help="Every law of one paper, such as dohmatob2021.")
@click.option("--path", default="", help="For formulas: the other sizes, such as 'd=2*n, k=n^(3/2)'.")
@click.option("-a", "--activation", "acts", multiple=True, metavar="ACT", help="Instead of the law's own; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--equations", is_flag=True, help="The fixed-point equations behind the exact limit of random features.")
@plugin_option
def predict(
    targets: tuple[str, ...], paper: str | None, path: str, acts: tuple[str, ...], as_json: bool, equations: bool
) -> None:
    """Print what a law or a bound predicts, exactly; nothing is simulated.

    For a law: its leading order on its path with the exact rational exponents, and the constants of its activations.
    For formulas in n, d, k, p: the leading order of each on --path, and which of them dominates and from where on.

    \b
    bigtheta predict bombari2023/ntk-even
    bigtheta predict my-bound.toml
    bigtheta predict "sqrt(n*d) + log(n)^2" "n*log(n)" --path "d=2*n"
    """
    from bigtheta.theory.law import find_laws
    from bigtheta.theory.predict import predict as predicted
    from bigtheta.verify.symbolic import bound_lines, bound_table, prediction_lines

    named, formulas = _targets(targets)
    if formulas:
        where = _path(path, formulas)
        if as_json:
            click.echo(json.dumps(bound_table(formulas, where), indent=1))
            return
        for line in bound_lines(formulas, where):
            click.echo(line)
        return
    laws_asked = [*named, *(find_laws((), paper=paper) if paper or not named else ())]
    if equations:
        for law in laws_asked:
            click.echo(f"{law.id}\n\n{_equations(law)}")
        return
    predictions = [predicted(law, acts or None) for law in laws_asked]
    if as_json:
        click.echo(json.dumps([p.as_dict() for p in predictions], indent=1))
        return
    for index, prediction in enumerate(predictions):
        click.echo("" if index else None, nl=bool(index))
        for line in prediction_lines(prediction):
            click.echo(line)


def _equations(law: Law) -> str:
    """The equations of the block traces whose solution is the exact limit of a law's quantity."""
    from bigtheta.theory.errors import InvalidInputError
    from bigtheta.theory.limits.gaussian_equivalent import sobolev_pencil

    if (law.model.kind, law.quantity.kind) != ("random-features", "sobolev"):
        raise InvalidInputError(
            f"--equations: law {law.id!r} measures {law.quantity.kind} of {law.model.kind}, but they are those of the "
            "quantity sobolev of random-features; name such a law"
        )
    head = "S^2 = -d trace/dt at t = 0, slack = nu - mu1^2, mu^2 = kappa(1) - mu1^2"
    return f"{head}\n\n{sobolev_pencil().equations().text}"


def _path(text: str, formulas: list[str]) -> SizePath | None:
    """The path of --path; the free size may stand in the formulas alone, as in sqrt(n/k) with k=8."""
    from bigtheta.theory.expression import parse_expression
    from bigtheta.theory.scale import SIZES
    from bigtheta.theory.scale import Path as SizePath

    rules = assignments(text)
    if not rules:
        return None
    read = [parse_expression(formula, SIZES, what="formula") for formula in [*formulas, *rules.values()]]
    free = {str(symbol) for formula in read for symbol in formula.free_symbols} - set(rules)
    return SizePath(rules, free=free.pop() if len(free) == 1 else None)


def _targets(targets: tuple[str, ...]) -> tuple[list[Law], list[str]]:
    """Tell laws and spec files from formulas: what ends in .toml is a file, what parses in n, d, k, p is a formula."""
    from bigtheta.theory.errors import InvalidInputError
    from bigtheta.theory.expression import parse_expression
    from bigtheta.theory.law import find_laws
    from bigtheta.theory.scale import SIZES
    from bigtheta.theory.spec import read_spec

    named: list[Law] = []
    formulas: list[str] = []
    for target in targets:
        if target.endswith(".toml") or os.path.isfile(target):
            named.append(read_spec(target))
            continue
        try:
            claimed = re.fullmatch(r"\s*(?:Theta|Omega|O|BigO|Limit)\s*\((.*)\)\s*", target)
            formula = claimed[1] if claimed else target
            parse_expression(formula, SIZES, what="formula")
            formulas.append(formula)
        except InvalidInputError as unread:
            try:
                named += find_laws((target,), paper=None)
            except InvalidInputError as unknown:
                looks_like_formula = any(c in target for c in "+*^() ")
                raise (unread if looks_like_formula else unknown) from unread
    if named and formulas:
        raise InvalidInputError(
            f"predict: got laws and formulas at once ({named[0].id} and {formulas[0]!r}); ask for one kind at a time"
        )
    return named, formulas


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@plugin_option
def laws(as_json: bool) -> None:
    """List the shipped laws, then those of plugins."""
    from bigtheta.theory.law import hypothesis_text
    from bigtheta.theory.law import laws as shipped
    from bigtheta.theory.plugins import plugin_laws

    rows = [
        {
            "law": law.id, "paper": str(law.paper or law.source), "statement": str(law.statement),
            "model": law.model.kind,
            "path": str(law.path), "sizes": {law.sizes.variable: list(law.sizes.values)},
            "activations": [getattr(act, "name", act) for act in law.activations],
            "hypotheses": [hypothesis_text(h) for h in law.hypotheses],
            "controls": [c.activation or str(c.statement) for c in law.controls], "claim": law.claim,
            "origin": origin,
        }
        for law, origin in (*((law, "built-in") for law in shipped()), *plugin_laws())
    ]  # fmt: skip
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        click.echo(f"{row['law']:30} {row['statement']:20} {row['model']:18} {row['path']}")
        click.echo(f"    {row['claim']}")
        click.echo(f"    activations: {', '.join(row['activations'])}; controls: {', '.join(row['controls'])}")
        if row["origin"] != "built-in":
            click.echo(f"    from {row['origin']}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@plugin_option
def activations(as_json: bool) -> None:
    """List the built-in activations, then those of plugins; any formula in u may be used in place of a name."""
    from bigtheta.theory.catalogue import CATALOGUE, activation, parameters
    from bigtheta.theory.plugins import plugin_activations

    acts = [(activation(name), "built-in", parameters(name)) for name in CATALOGUE]
    acts += [(recipe.default, recipe.origin, dict(recipe.parameters)) for recipe in plugin_activations()]
    if as_json:
        rows = [
            {
                "name": a.name,
                "expression": str(a.expression),
                "parity": a.parity.value,
                "kinks": [str(k) for k in a.kinks],
                "origin": origin,
                "parameters": {key: str(default) for key, default in given.items()},
            }
            for a, origin, given in acts
        ]
        click.echo(json.dumps(rows, indent=1))
        return
    for a, origin, given in acts:
        kinks = f"kink at {', '.join(map(str, a.kinks))}" if a.kinks else "smooth"
        source = "" if origin == "built-in" else f"; from {origin}"
        options = f"; {', '.join(f'{key}={default}' for key, default in given.items())}" if given else ""
        click.echo(f"{a.name:12} {a.expression!s:40} {a.parity.value:22} {kinks}{options}{source}")


@click.command()
@click.argument("act", metavar="ACT")
@click.option(
    "--order", type=click.IntRange(0, 1000), default=10, show_default=True, metavar="J", help="The highest order."
)
@click.option(
    "--digits", type=click.IntRange(1, 1000), default=15, show_default=True, metavar="D", help="Significant digits."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@plugin_option
def hermite(act: str, order: int, digits: int, as_json: bool) -> None:
    """Print the normalised Hermite coefficients mu_0 ... mu_J of an activation.

    mu_j = E[phi(G) He_j(G)] / sqrt(j!), G ~ N(0, 1). Each is exact (a closed form), certified (value and proven radius)
    or, where neither is to be had, estimated. ACT is a name, a name with parameters such as "softplus(beta=2)", or a
    formula in u.
    """
    from bigtheta.theory.catalogue import activation
    from bigtheta.verify.symbolic import coefficient_lines, coefficient_table

    chosen = activation(act)
    if as_json:
        click.echo(json.dumps(coefficient_table(chosen, order, digits), indent=1))
        return
    for line in coefficient_lines(chosen, order, digits):
        click.echo(line)
