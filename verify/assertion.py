"""`bigtheta.assert_law`: a law as an assertion, for test-suites. Nothing heavy is imported before it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bigtheta.theory.activation import Activation
    from bigtheta.theory.law import Law
    from bigtheta.verify.report.report import Report

__all__ = ["Settings", "assert_law", "settings", "told_to"]


@dataclass
class Settings:
    """What the pytest plugin sets: the profile of `assert_law` where none is given, and who is told of each law."""

    profile: str = "quick"
    listener: Callable[[str], None] | None = None


settings = Settings()
"""Those of this process."""
_CHOICES = ("fail", "skip", "pass")


def assert_law(
    law: Law | str | Path | Mapping[str, Any],
    *,
    activations: str | Activation | list[str | Activation] | tuple[str | Activation, ...] | None = None,
    profile: str | None = None,
    trials: int | None = None,
    seed: int = 0,
    inconclusive: str = "fail",
    **options: Any,
) -> Report:
    """Judge a law by simulation, controls included, and raise AssertionError unless it PASSes.

    Args:
        law: a `Law`, the name of one, a spec file (a path that ends in .toml), or a mapping with the fields of its
            table [law].
        activations: instead of the law's own.
        profile: "quick", "standard" or "full"; by default that of `pytest --bigtheta-profile`, else "quick".
        trials: trials in the dearest cell, instead of the profile's.
        seed: of all random streams, so the outcome is the same each time.
        inconclusive: what INCONCLUSIVE is: "fail", "skip" (of the test, by pytest) or "pass". SKIPPED, where data are
            absent or a hypothesis does not hold, skips the test under "skip" and fails otherwise.
        options: further ones of `bigtheta.verify`, such as jobs, device or out.

    Raises:
        AssertionError: with the verdict and the reason of each judgement that is not as it must be.
        InvalidInputError: if the law or an option cannot be used.

    >>> spec = {"name": "tiny", "model": "rf-kernel", "statement": "Theta(n)", "path": {"d": "2*n"}}
    >>> sizes = {"n": [20, 40, 80, 160, 320]}
    >>> assert_law(spec | {"sizes": sizes}, trials=4)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    AssertionError: FAIL: S = Theta(n) of tiny with relu: the exponent of n is in ...
    """
    from bigtheta.theory.errors import unknown_name
    from bigtheta.verify.report.words import law_lines, summary
    from bigtheta.verify.run import verify
    from bigtheta.verify.verdict import Verdict

    __tracebackhide__ = True
    if inconclusive not in _CHOICES:
        raise unknown_name("choice of inconclusive", inconclusive, _CHOICES)
    report = verify(
        _law(law), activations=activations, profile=profile or settings.profile, trials=trials, seed=seed,
        **options,
    )  # fmt: skip
    if settings.listener is not None:
        for line in law_lines(report):
            settings.listener(line)
    if report.verdict is Verdict.PASS or (report.verdict is Verdict.INCONCLUSIVE and inconclusive == "pass"):
        return report
    message = f"{_reasons(report)}\n({summary(report)})"
    if report.verdict in (Verdict.INCONCLUSIVE, Verdict.SKIPPED) and inconclusive == "skip":
        import pytest

        pytest.skip(message)
    if report.verdict is Verdict.INCONCLUSIVE:
        message += "\ninconclusive='skip' or 'pass' accepts this; more trials or larger sizes may decide it"
    raise AssertionError(message)


@contextmanager
def told_to(listener: Callable[[str], None]) -> Iterator[None]:
    """Tell `listener` a line for each law that `assert_law` judges in the context."""
    before, settings.listener = settings.listener, listener
    try:
        yield
    finally:
        settings.listener = before


def _law(given: Law | str | Path | Mapping[str, Any]) -> Law | str:
    from bigtheta.theory.spec import law_from_spec, read_spec

    if isinstance(given, Path) or (isinstance(given, str) and given.endswith(".toml")):
        return read_spec(given)
    if isinstance(given, Mapping):
        return law_from_spec(dict(given) if "law" in given else {"law": dict(given)})
    return given


def _reasons(report: Report) -> str:
    """A line for each judgement that is not as it must be."""
    from bigtheta.verify.report.words import activation, claim
    from bigtheta.verify.verdict import Verdict

    lines = []
    for entry in report.entries:
        if entry.outcome is Verdict.PASS:
            continue
        of = "of" if entry.negative is None else "(a negative control, which must FAIL) of"
        lines.append(
            f"{entry.verdict.value}: {claim(entry)} {of} {entry.facts.id} with {activation(entry)}: "
            f"{entry.judgement.reason}"
        )
    return "\n".join(lines) or "NOT-RUN: nothing was judged"
