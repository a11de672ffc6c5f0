"""bigtheta: verify asymptotic laws of neural networks against finite simulations.

>>> import bigtheta
>>> bigtheta.leading_order("sqrt(n*d) + log(n)**2", path={"d": "2*n"}).constant
sqrt(2)
>>> round(bigtheta.hermite("relu", 2).value ** 2, 4)
0.0796

Names are loaded when first used, so that `import bigtheta` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bigtheta.numerics.sweep import simulate
    from bigtheta.theory.activation import Activation
    from bigtheta.theory.catalogue import activation
    from bigtheta.theory.compare import Comparison, compare
    from bigtheta.theory.dual import dual
    from bigtheta.theory.energy import energy, tail_energy
    from bigtheta.theory.errors import BigthetaError, InvalidInputError
    from bigtheta.theory.hermite import expansion, hermite
    from bigtheta.theory.law import Control, Law, Paper, law, laws
    from bigtheta.theory.number import Certified, Estimated, Exact
    from bigtheta.theory.order import Order, leading_order
    from bigtheta.theory.predict import predict
    from bigtheta.theory.scale import Path, Sizes, geometric
    from bigtheta.theory.spec import read_spec
    from bigtheta.theory.statement import BigO, Limit, Omega, Peak, Statement, Theta
    from bigtheta.verify.assertion import assert_law
    from bigtheta.verify.judge import judge
    from bigtheta.verify.refute.run import refute
    from bigtheta.verify.report.read import read_report
    from bigtheta.verify.report.report import Report
    from bigtheta.verify.verdict import Judgement, Verdict

    __version__: str

_HOME = {
    "Activation": "theory.activation", "BigO": "theory.statement", "BigthetaError": "theory.errors",
    "Certified": "theory.number", "Comparison": "theory.compare", "Control": "theory.law",
    "Estimated": "theory.number", "Exact": "theory.number", "InvalidInputError": "theory.errors",
    "Judgement": "verify.verdict", "Law": "theory.law", "Limit": "theory.statement", "Omega": "theory.statement",
    "Order": "theory.order", "Paper": "theory.law", "Path": "theory.scale", "Peak": "theory.statement",
    "Report": "verify.report.report",
    "Sizes": "theory.scale", "Statement": "theory.statement", "Theta": "theory.statement",
    "Verdict": "verify.verdict", "activation": "theory.catalogue", "assert_law": "verify.assertion",
    "compare": "theory.compare", "dual": "theory.dual",
    "energy": "theory.energy", "expansion": "theory.hermite", "geometric": "theory.scale",
    "hermite": "theory.hermite", "judge": "verify.judge", "law": "theory.law", "laws": "theory.law",
    "leading_order": "theory.order", "predict": "theory.predict", "read_report": "verify.report.read",
    "read_spec": "theory.spec", "refute": "verify.refute.run",
    "simulate": "numerics.sweep", "tail_energy": "theory.energy",
}  # fmt: skip
_PACKAGES = ("numerics", "theory", "verify")

__all__ = [
    "Activation", "BigO", "BigthetaError", "Certified", "Comparison", "Control", "Estimated", "Exact",
    "InvalidInputError", "Judgement", "Law", "Limit", "Omega", "Order", "Paper", "Path", "Peak", "Report", "Sizes",
    "Statement", "Theta", "Verdict", "activation", "assert_law", "compare", "dual", "energy", "expansion",
    "geometric", "hermite", "judge", "law", "laws", "leading_order", "numerics", "predict", "read_report", "read_spec",
    "refute", "simulate", "tail_energy", "theory", "verify",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"bigtheta.{name}")
    if name == "__version__":
        from importlib.metadata import version

        return version("bigtheta")
    if name not in _HOME:
        raise AttributeError(f"module 'bigtheta' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"bigtheta.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
