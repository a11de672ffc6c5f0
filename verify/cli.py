"""The command line. Exit codes: 0 all PASS, 1 some FAIL, 2 bad usage or spec, 3 some INCONCLUSIVE, 4 an ERROR.

2 is also for what cannot be read or written, such as a full disk; 130 is for Ctrl-C, 143 for SIGTERM.
Only click is imported here; each command imports what it needs, so that --help is instant.
"""

from __future__ import annotations

import contextlib
import errno
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bigtheta.verify.calibration.command import calibrate
from bigtheta.verify.commands import activations, hermite, laws, predict
from bigtheta.verify.curve_command import curve
from bigtheta.verify.interrupts import Caught, dated_folder, interruptible
from bigtheta.verify.judge_command import judge
from bigtheta.verify.options import assignments, free_size, plugin_option, plugins_given, table
from bigtheta.verify.refute_command import refute
from bigtheta.verify.report_command import report
from bigtheta.verify.salvage_command import salvage
from bigtheta.verify.spec_command import init, schema

if TYPE_CHECKING:
    from bigtheta.theory.law import Law

__all__ = ["main"]

PROFILES = ("quick", "standard", "full")
_PROFILE_HELP = "8, 32 or 128 trials in the dearest cell, more in cheap ones."
PRECISIONS = ("float64", "float32")
_PRECISION_HELP = "float32 takes half the memory; refused near interpolation thresholds."
_MEMORY_HELP = "What all trials at work may take together.  [default: four fifths of what is free]"
_LOOKS_HELP = "Look at 10, 20, ..., 320 trials, and stop for each claim when it is decided."
_BUDGET_HELP = "The same, for so many seconds."
_CAUGHT, _STARTED = "bigtheta.verify.cli.caught", "bigtheta.verify.cli.started"
_OUT_HELP = "Where the report goes.  [default: bigtheta-report/DATE]"


class _BadInput(click.ClickException):
    """One line on standard error; what the user typed cannot send escape codes to the terminal."""

    exit_code = 2

    def format_message(self) -> str:
        from bigtheta.theory.errors import printable

        return printable(self.message)


class _Group(click.Group):
    """Turns the errors of bigtheta into one message and exit code 2, an interruption into one and its own code."""

    def invoke(self, ctx: click.Context) -> Any:
        with interruptible() as caught:
            ctx.meta[_CAUGHT], ctx.meta[_STARTED] = caught, time.monotonic()
            try:
                with _warnings_in_lines():
                    return super().invoke(ctx)
            except KeyboardInterrupt as stop:
                click.echo(str(stop) or "interrupted", err=True)
                sys.exit(caught.exit_code)
            except Exception as error:
                from bigtheta.theory.errors import BigthetaError

                if isinstance(error, BigthetaError):
                    raise _BadInput(str(error)) from error
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    where = error.filename or "standard output or a temporary file"
                    raise _BadInput(f"cannot write {where}: {error.strerror}; free some space there") from error
                raise


@contextlib.contextmanager
def _warnings_in_lines() -> Iterator[None]:
    """Show a plugin that was left out, or sizes that cannot decide, as one line on standard error; others as ever."""
    with warnings.catch_warnings():
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if category.__name__ in ("PluginWarning", "DesignWarning"):
                from bigtheta.theory.errors import printable

                click.echo(f"Warning: {printable(str(message))}", err=True)
            else:
                shown(message, category, *where, **more)

        warnings.filterwarnings("always", message="plugin |law ", category=UserWarning)
        warnings.showwarning = show
        yield


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="bigtheta")
def main() -> None:
    """Verify asymptotic laws of neural networks against finite simulations.

    \b
    bigtheta verify --profile quick        judge every shipped law, write a report
    bigtheta laws                          what is shipped
    bigtheta init my-bound.toml            a spec file to fill in
    bigtheta check my-bound.toml           judge a bound of your own

    Exit code: 0 all PASS, 1 some FAIL, 2 bad usage or spec, or nothing can be written, 3 no FAIL but some
    INCONCLUSIVE, 4 an ERROR, 130 interrupted by Ctrl-C, 143 by SIGTERM.
    """


def _run_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that `verify` and `check` share."""
    option = click.option
    options = [
        option(
            "-a", "--activation", "activations", multiple=True, metavar="ACT", help="Name or formula in u; repeatable."
        ),
        option("--profile", type=click.Choice(PROFILES), default="quick", show_default=True, help=_PROFILE_HELP),
        option("--trials", type=click.IntRange(min=1), help="Trials in the dearest cell, instead of the profile's."),
        option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same numbers."),
        option("--jobs", type=click.IntRange(min=1), help="Processes.  [default: the cores at hand, at most 8]"),
        option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
        option(
            "--precision", type=click.Choice(PRECISIONS), default="float64", show_default=True, help=_PRECISION_HELP
        ),
        option("--cluster", metavar="ADDRESS", help="Run the trials on the Dask cluster of this scheduler."),
        option("--memory", type=click.FloatRange(min=0, min_open=True), metavar="GIB", help=_MEMORY_HELP),
        option("--until-decided", is_flag=True, help=_LOOKS_HELP),
        option("--budget", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help=_BUDGET_HELP),
        option("--plan", "plan_only", is_flag=True, help="Print what would be simulated, and stop."),
        option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help=_OUT_HELP),
    ]
    for decorate in reversed(options):
        command = decorate(command)
    return plugin_option(command)


@main.command()
@click.argument("laws", nargs=-1, metavar="[LAW]...")
@click.option("--paper", metavar="ID", help="Every law of one paper, such as dohmatob2021.")
@_run_options
def verify(laws: tuple[str, ...], paper: str | None, **options: Any) -> None:
    """Judge shipped laws by simulation; all of them if none is named.

    Writes report.html, report.json, trials.csv and figures into DIR. On Ctrl-C (exit code 130) or SIGTERM (143) the
    report of what is complete is written, and says so; the same command with the same --out goes on from there.
    """
    from bigtheta.theory.law import find_laws

    _judge(list(find_laws(laws, paper=paper)), command=("verify", *plugins_given()), **options)


@main.command()
@click.argument("spec", required=False, type=click.Path(path_type=Path), metavar="[SPEC.toml]")
@click.option("--name", help="Name of the bound.  [default: my-bound]")
@click.option("--model", help="A name such as random-features, or a table as in a spec file.")
@click.option("--ridge", type=float, help="Ridge added to the Gram matrix.  [default: 0]")
@click.option("--quantity", help="What is measured: a name, or a table as in a spec file.  [default: sobolev]")
@click.option("--statement", help="Such as 'Theta(sqrt(n/k))'; also Omega, O, Limit.")
@click.option("--path", help="The other sizes, such as 'd=n, k=2*n'.")
@click.option("--sizes", help="The free size, such as n=100,200,400,800,1600.")
@click.option("--inputs", help="Law of the inputs: a name, or a table as in a spec file.  [default: sphere]")
@click.option("--labels", help="noise, signs, linear, quadratic or classes, or a table.  [default: noise]")
@click.option("--signal", type=float, help="Size of the signal in the labels.  [default: 0]")
@click.option("--noise", type=float, help="Variance of the label noise.  [default: 1]")
@click.option("--margin", type=float, help="How far the exponent may lie from the claim.  [default: 0.1]")
@click.option("--limit", help="The exact limit that decides the bound, such as sobolev.  [default: none]")
@click.option("--effort", type=click.IntRange(1, 64), help="Times the profile's trials.  [default: 1]")
@_run_options
def check(spec: Path | None, activations: tuple[str, ...], **given: Any) -> None:
    """Judge a bound of your own, from a spec file or from flags.

    \b
    bigtheta check --model random-features --statement 'Theta(sqrt(n))' \\
        --path 'd=n, k=2*n' --sizes n=50,100,200,400,800 -a relu
    """
    fields = (
        "name",
        "model",
        "ridge",
        "quantity",
        "statement",
        "path",
        "sizes",
        "inputs",
        "labels",
        "signal",
        "noise",
        "margin",
        "limit",
        "effort",
    )
    flags = {key: given.pop(key) for key in fields}
    flags = {key: value for key, value in flags.items() if value is not None}
    law = _from_file(spec, flags) if spec is not None else _from_flags(flags, activations)
    typed = [str(spec)] if spec is not None else [f"--{name}={value}" for name, value in flags.items()]
    _judge([law], activations=activations, command=("check", *typed, *plugins_given()), **given)


def _judge(
    laws: list[Law], *, activations: tuple[str, ...], profile: str, trials: int | None, seed: int,
    jobs: int | None, device: str, precision: str, out: Path | None, cluster: str | None, memory: float | None,
    until_decided: bool, budget: float | None, plan_only: bool, command: tuple[str, ...],
) -> None:  # fmt: skip
    """Simulate, judge, print, write, and exit with the code of the verdict."""
    from rich.console import Console

    from bigtheta.theory.plugins import PluginWarning
    from bigtheta.verify.progress import announced, shown
    from bigtheta.verify.report.terminal import print_report
    from bigtheta.verify.run import VerifyInterrupted, default_jobs
    from bigtheta.verify.run import verify as judge_all

    caught: Caught = click.get_current_context().meta[_CAUGHT]
    caught.notice = "interrupted: writing a report of what is complete; once more ends at once"
    warnings.filterwarnings("always", category=PluginWarning)  # until the command ends
    with dated_folder("bigtheta-report", out) as folder:
        stopped = None
        try:
            with shown() as progress:
                report = judge_all(
                    laws, activations=activations or None, profile=profile, trials=trials, seed=seed,
                    jobs=jobs or default_jobs(), device=device, precision=precision, out=folder, cluster=cluster,
                    memory=memory, until_decided=until_decided, budget=budget, command=command,
                    announce=announced(whole=plan_only), progress=progress,
                )  # fmt: skip
        except VerifyInterrupted as stop:
            report, stopped = stop.report, stop
    print_report(report, Console(), seconds=time.monotonic() - click.get_current_context().meta[_STARTED])
    click.echo(f"report: {folder / 'report.html'}")
    if stopped is not None:
        told = str(stopped).removeprefix("PARTIAL: ")
        raise KeyboardInterrupt(told.replace("the same --out", f"--out {shlex.quote(str(folder))}")) from None
    sys.exit(report.exit_code)


def _from_file(spec: Path, flags: dict[str, Any]) -> Law:
    from bigtheta.theory.errors import InvalidInputError
    from bigtheta.theory.spec import read_spec

    if flags:
        raise InvalidInputError(
            f"check: got both {spec} and --{next(iter(flags))}; put it into the file, or give flags alone"
        )
    return read_spec(spec)


def _from_flags(flags: dict[str, Any], activations: tuple[str, ...]) -> Law:
    """Build a law from the flags of `check`."""
    from bigtheta.theory.errors import InvalidInputError
    from bigtheta.theory.law import Law

    for name in ("model", "statement", "sizes"):
        if name not in flags:
            raise InvalidInputError(
                f"check: expected a spec file, or --model, --statement and --sizes; --{name} is missing"
            )
    named = table("model", flags["model"])
    model = (named if isinstance(named, dict) else {"kind": named}) | {
        key: flags[key] for key in ("ridge",) if key in flags
    }
    labels: dict[str, Any] = {key: flags[key] for key in ("signal", "noise") if key in flags}
    if labels and "labels" in flags:
        raise InvalidInputError(
            f"check: got both --labels and --{next(iter(labels))}; put it into the table of --labels"
        )
    more: dict[str, Any] = {key: table(key, flags[key]) for key in ("quantity", "inputs", "labels") if key in flags}
    more |= {"labels": labels} if labels else {}
    more |= {key: flags[key] for key in ("margin", "limit", "effort") if key in flags}
    return Law(
        name=flags.get("name", "my-bound"),
        model=model,
        statement=flags["statement"],
        path=assignments(flags.get("path", "")),
        sizes=free_size(flags["sizes"]),
        activations=activations or ("relu",),
        **more,
    )


for _command in (judge, curve, refute, report, salvage, predict, laws, activations, hermite, calibrate, schema, init):
    main.add_command(_command)
