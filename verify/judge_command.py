"""`bigtheta judge`: samples of one's own against a statement."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from bigtheta.verify.options import assignments

__all__ = ["judge"]


@click.command()
@click.argument("data", type=click.Path(path_type=Path), metavar="DATA")
@click.option("--statement", required=True, help="Such as 'Theta(sqrt(n/k))'; also Omega, O, Limit, Peak, Theta~.")
@click.option(
    "--size", metavar="NAME=COLUMN", multiple=True, help="The column of a size that has another name; repeatable."
)
@click.option("--value", metavar="COLUMN", help="The column of samples.  [default: value]")
@click.option("--where", metavar="COLUMN=VALUE", multiple=True, help="Only the rows that have this; repeatable.")
@click.option("--margin", type=float, help="How far the exponent may lie from the claim.  [default: 0.1]")
@click.option("--estimand", type=click.Choice(["geomean", "mean", "median"]), help="[default: geomean; Limit: mean]")
@click.option("--along", help="The one size whose exponent is judged.  [default: every size that varies on its own]")
@click.option("--path", default="", help="The other sizes, such as 'd=2*n', for the exact exponent of the claim.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def judge(
    data: Path,
    statement: str,
    size: tuple[str, ...],
    value: str | None,
    where: tuple[str, ...],
    margin: float | None,
    estimand: str | None,
    along: str | None,
    path: str,
    as_json: bool,
) -> None:
    """Judge samples that you have, a row a sample in a table with columns n, d, k or p and `value`.

    Commas, semicolons, tabs or spaces set fields apart. Columns run0, run1, ... of one quantity are read too, and mean,
    sd (or sem) and trials; and trials.csv of a report. How a table was read is said on stderr where it was not plain.

    Nothing is simulated. The exit code is that of the verdict: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 4 ERROR.

    \b
    bigtheta judge results.csv --statement 'Theta(sqrt(n))' --size n=width --value test_error --where activation=relu
    """
    from bigtheta.theory.scale import Path as SizePath
    from bigtheta.verify.judge import judge as judged
    from bigtheta.verify.report.words import judgement_lines
    from bigtheta.verify.verdict import exit_code, judgement_dict

    rules = assignments(path)
    found = judged(
        data, statement=statement, size=_pairs("size", size), value=value, where=_pairs("where", where), margin=margin,
        estimand=estimand, along=along, path=SizePath(rules) if rules else None,
    )  # fmt: skip
    for line in found.read_as:
        click.echo(f"table: {line}", err=True)
    if as_json:
        click.echo(json.dumps(judgement_dict(found), indent=1))
    else:
        for line in judgement_lines(found):
            click.echo(line)
    sys.exit(exit_code(found.verdict))


def _pairs(flag: str, given: tuple[str, ...]) -> dict[str, str]:
    """Read each 'NAME=COLUMN'."""
    from bigtheta.theory.errors import InvalidInputError

    pairs: dict[str, str] = {}
    for text in given:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals):
            asked = {"size": "NAME=COLUMN such as n=width", "where": "COLUMN=VALUE such as activation=relu"}[flag]
            raise InvalidInputError(f"--{flag}: expected {asked} but got {text!r}")
        if name in pairs:
            raise InvalidInputError(f"--{flag}: {name} is given twice, {pairs[name]!r} and {value!r}; give it once")
        pairs[name] = value
    return pairs
