"""The pytest plugin: the marker `bigtheta`, the option --bigtheta-profile, and a line a law in the summary.

pytest loads it at each start, so it imports nothing of bigtheta that is heavy. Lines travel in the reports of the
tests, so that the summary is complete under pytest-xdist.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bigtheta.verify.assertion import settings, told_to

__all__ = ["LawLines"]

_KEY = "bigtheta"
_PROFILES = ("quick", "standard", "full")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --bigtheta-profile."""
    parser.getgroup("bigtheta", "asymptotic laws").addoption(
        "--bigtheta-profile", choices=_PROFILES, default="quick",
        help="how many trials bigtheta.assert_law takes where its call does not say: quick (default), standard or full",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and who collects the lines."""
    config.addinivalue_line("markers", "bigtheta: judges an asymptotic law by simulation")
    config.pluginmanager.register(LawLines(), "bigtheta-law-lines")
    before, settings.profile = settings.profile, config.getoption("--bigtheta-profile")
    config.add_cleanup(lambda: setattr(settings, "profile", before))


@pytest.hookimpl(hookwrapper=True)  # pytest 7 has no other
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Keep the lines of the laws that a test or its fixtures judge, with the test."""
    with told_to(lambda line: item.user_properties.append((_KEY, line))):
        yield


class LawLines:
    """Collects a line a law from the reports of the tests, and prints them at the end."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the lines of a test when it is over."""
        if report.when == "teardown":
            self.lines += [str(line) for key, line in report.user_properties if key == _KEY]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the lines."""
        if self.lines:
            terminalreporter.section("asymptotic laws")
            for line in self.lines:
                terminalreporter.write_line(line)
