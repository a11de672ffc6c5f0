"""Errors planted on purpose: how many of them make a law FAIL, or an ERROR.

    python benchmarks/planted.py [DIR]

Claims are planted on the trials of a quick run (kept in DIR, a temporary folder if none is named): exponents a quarter
off on the side that the sense excludes, constants 5% off, peaks half as far again, and every control of the laws, among
them "random features are robust" and "an odd activation is robust in the neural tangent model"; the controls also
without the exact limits that laws have, so by the data alone. Two mistakes of public scripts are planted in the code of
the neural tangent gradient, and its laws are simulated again.
"""

from __future__ import annotations

import inspect
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from sympy import Expr, Rational

from bigtheta.numerics.models import neural_tangent
from bigtheta.theory.catalogue import activation
from bigtheta.theory.law import Control, Law, with_control
from bigtheta.theory.statement import BigO, Limit, Omega, Peak, Statement
from bigtheta.verify.checks import judge_law
from bigtheta.verify.run import verify

QUARTER = Rational(1, 4)
PRODUCT = "return algebra.add_product_(outer, ddphi(h).mul_(z @ a.mT), w).mul_(scale)"
BRANCH = "if k * d <= z.shape[-2] * (k + d):"
SECOND = "dphi, ddphi = lower_activation(act, 1), lower_activation(act, 2)"
SCRIPTS = {
    "tanh'' written -2 tanh (1 - tanh)": {
        SECOND: "dphi, ddphi = lower_activation(act, 1), lambda h: -2 * h.tanh() * (1 - h.tanh())"
    },
    "the gradient with (H a) * X": {PRODUCT: "return outer.add_((ddphi(h) @ a) * z).mul_(scale)", BRANCH: "if True:"},
}


def wrong_claims(law: Law) -> Iterator[tuple[str, Statement]]:
    """Yield claims that are false if the law is true and tight."""
    claim, size = law.statement, law.path.free
    if isinstance(claim, Peak):
        yield "peak half as far again", Peak(claim.formula, at=tuple(at * Rational(3, 2) for at in claim.at))
    elif isinstance(claim, Limit):
        for factor in (Rational(21, 20), Rational(19, 20)):
            yield "constant 5% off", Limit(factor * claim.formula)
    else:
        for sign in {Omega: (1,), BigO: (-1,)}.get(type(claim), (-1, 1)):
            formula: Expr = claim.formula * size ** (sign * QUARTER)
            yield "exponent a quarter off", type(claim)(formula)


def claims(folder: str) -> None:
    """Print how the planted claims and the controls fare on the trials of a quick run."""
    report = verify(out=folder, jobs=2)
    found: dict[str, Counter[str]] = {}
    for entry in report.entries:
        if entry.trials is None or not isinstance(entry.law, Law):
            continue
        if entry.control is not None:
            found.setdefault("controls of the laws", Counter())[entry.verdict.value] += 1
            alone = replace(with_control(entry.law, entry.control), limit="")
            verdict = judge_law(alone, activation(entry.activation), entry.trials).verdict.value
            found.setdefault("controls, by the data alone", Counter())[verdict] += 1
            continue
        for kind, statement in wrong_claims(entry.law):
            planted = with_control(entry.law, Control(because="planted", statement=statement))
            verdict = judge_law(planted, activation(entry.activation), entry.trials).verdict.value
            found.setdefault(kind, Counter())[verdict] += 1
            if verdict != "FAIL":
                print(f"  {verdict}: {entry.law.id} {entry.activation} {statement}")
    for kind, counts in found.items():
        print(f"{kind}: {', '.join(f'{count} {verdict}' for verdict, count in sorted(counts.items()))}")


def scripts() -> None:
    """Print the verdict on laws of tanh with each mistake in the gradient."""
    source = inspect.getsource(neural_tangent)
    for kind, changes in ({"no mistake": {}} | SCRIPTS).items():
        text = source
        for right, wrong in changes.items():
            assert right in text, "the gradient has changed: plant the mistake anew"
            text = text.replace(right, wrong)
        exec(compile(text, neural_tangent.__file__, "exec"), neural_tangent.__dict__)  # noqa: S102 - our own source
        report = verify("dohmatob2021/ntk-proportional-linear", activations=["tanh"], jobs=1)
        for entry in report.entries[:1]:
            print(f"{kind}: {entry.verdict.value}, {entry.judgement.reason}")


if __name__ == "__main__":
    scripts()
    with tempfile.TemporaryDirectory() as temporary:
        claims(sys.argv[1] if len(sys.argv) > 1 else temporary)
