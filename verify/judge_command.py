"""`bigtheta judge`: samples of one's own against a statement."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from bigtheta.verify.options import assignments

__all__ = ["judge"]


@click.command()
@click.argument("data", type=click.Path(path_type=Path), metavar="DATA.csv")
@click.option("--statement", required=True, help="Such as 'Theta(sqrt(n/k))'; also Omega, O, Limit, Peak, Theta~.")
@click.option("--value", default="value", show_default=True, help="The column of samples.")
@click.option("--margin", type=float, help="How far the exponent may lie from the claim.  [default: 0.1]")
@click.option("--estimand", type=click.Choice(["geomean", "mean", "median"]), help="[default: geomean; Limit: mean]")
@click.option("--along", help="The one size whose exponent is judged.  [default: every size that varies on its own]")
@click.option("--path", default="", help="The other sizes, such as 'd=2*n', for the exact exponent of the claim.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def judge(
    data: Path,
    statement: str,
    value: str,
    margin: float | None,
    estimand: str | None,
    along: str | None,
    path: str,
    as_json: bool,
) -> None:
    """Judge samples that you have, a row a sample in a CSV file with columns n, d, k or p and `value`.

    Nothing is simulated. The exit code is that of the verdict: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 4 ERROR.

    \b
    bigtheta judge results.csv --statement 'Theta(sqrt(n))' --value test_error
    """
    from bigtheta.theory.scale import Path as SizePath
    from bigtheta.verify.judge import judge as judged
    from bigtheta.verify.report.words import judgement_lines
    from bigtheta.verify.verdict import exit_code, judgement_dict

    rules = assignments(path)
    found = judged(
        data, statement=statement, value=value, margin=margin, estimand=estimand, along=along,
        path=SizePath(rules) if rules else None,
    )  # fmt: skip
    if as_json:
        click.echo(json.dumps(judgement_dict(found), indent=1))
    else:
        for line in judgement_lines(found):
            click.echo(line)
    sys.exit(exit_code(found.verdict))
