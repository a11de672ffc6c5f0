"""For all tests: reports without simulation, and signals as in the foreground."""

import signal
import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import bigtheta
from bigtheta.verify.judge import judge
from bigtheta.verify.report.report import Entry, Report


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> Iterator[None]:
    """A shell starts what it puts into the background with Ctrl-C ignored, and then so do all its children."""
    ignored = (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread()
    )
    if ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    if ignored:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.fixture(scope="session")
def every_state() -> Report:
    """A report with every state: PASS, FAIL, INCONCLUSIVE, ERROR, a good control and a bad one."""
    rng = np.random.default_rng(0)
    law = bigtheta.law("ntk-even")
    sizes = law.size_arrays
    flat = [np.exp(0.05 * rng.standard_normal(12)) for _ in sizes["n"]]
    loose = [np.exp(0.9 * rng.standard_normal(12)) for _ in sizes["n"]]
    broken = [np.full(12, np.nan) for _ in sizes["n"]]
    cases = [
        ("cos", flat, "Theta(1)", None), ("abs", loose, "Theta(1)", None), ("square", flat, "Theta(n)", None),
        ("erf", broken, "Theta(1)", None), ("tanh", flat, "Theta(sqrt(n))", law.controls[0]),
        ("relu", flat, "Theta(1)", law.controls[0]),
    ]  # fmt: skip
    entries = [
        Entry(law, name, judge(sizes, samples, statement, along="n"), control)
        for name, samples, statement, control in cases
    ]
    about = {"versions": {"python": "3"}, "seed": 0, "device": "cpu", "commit": None, "trials": 12, "wall_s": 1.0}
    return Report(tuple(entries), about)


@pytest.fixture(scope="session")
def every_law() -> Report:
    """A report of every shipped law, judged on samples that follow it or do not; three have figures."""
    rng = np.random.default_rng(0)
    entries = []
    for law in bigtheta.laws():
        sizes = law.size_arrays
        samples = [np.exp(0.1 * rng.standard_normal(6)) for _ in next(iter(sizes.values()))]
        judgement = judge(sizes, samples, str(law.statement), along=law.sizes.variable)
        shown = judgement if len(entries) < 3 else replace(judgement, cells=())
        entries.append(Entry(law, law.activations[0], shown))
    return Report(tuple(entries), {"versions": {"python": "3"}, "seed": 0, "trials": 6, "wall_s": 1.0})
