"""Leading orders of the table in tests/theory/leading_orders.toml: bigtheta against SymPy's limit of the ratio.

python benchmarks/leading_orders.py [--limit SECONDS]

bigtheta is asked for the order; SymPy's limit is given the right order and asked whether expression/order tends to 1,
which is the easier question. Each expression has the same time limit. Needs a system with SIGALRM.
"""

from __future__ import annotations

import argparse
import signal
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path as File
from typing import Any

import sympy

import bigtheta
from bigtheta.theory.errors import InvalidInputError, OutsideScaleError
from bigtheta.theory.expression import parse_expression
from bigtheta.theory.scale import SIZES, Path

TABLE = File(__file__).parent.parent / "tests" / "theory" / "leading_orders.toml"
OUTCOMES = ("right", "wrong", "timed out", "refused")
Row = dict[str, Any]


class TimedOutError(BaseException):
    """The time limit of one expression; no Exception, so that no library catches it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimedOutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def by_bigtheta(row: Row) -> str:
    try:
        order = bigtheta.leading_order(row["text"], path=row.get("path"))
    except OutsideScaleError:
        return "refused"
    same = order.growth == tuple(Fraction(e) for e in row["growth"])
    return "right" if same and sympy.simplify(order.constant - sympy.sympify(row["constant"])) == 0 else "wrong"


def by_sympy(row: Row) -> str:
    path = Path(row["path"]) if "path" in row else None
    x = path.free if path else SIZES["n"]
    formula = parse_expression(row["text"], SIZES).subs(path.rules if path else {})
    a, b, c = (sympy.Rational(e) for e in row["growth"])
    order = sympy.sympify(row["constant"]) * x**a * sympy.log(x) ** b * sympy.log(sympy.log(x)) ** c
    try:
        value = sympy.limit(formula / order, x, sympy.oo)
    except InvalidInputError:
        raise
    except Exception:  # whatever SymPy raises, it gives no answer
        return "refused"
    if isinstance(value, sympy.Limit) or value.has(sympy.Limit, sympy.AccumBounds):
        return "refused"
    return "right" if sympy.simplify(value - 1) == 0 else "wrong"


def run(judge: Callable[[Row], str], rows: list[Row], seconds: float) -> tuple[Counter[str], float, list[str]]:
    counts: Counter[str] = Counter()
    others = []
    start = time.perf_counter()
    for row in rows:
        try:
            with time_limit(seconds):
                outcome = judge(row)
        except TimedOutError:
            outcome = "timed out"
        counts[outcome] += 1
        if outcome != "right":
            others.append(f"{outcome}: {row['text']}" + (f" on {row['path']}" if "path" in row else ""))
    return counts, time.perf_counter() - start, others


def main() -> None:
    parser = argparse.ArgumentParser(description="Leading orders: bigtheta against SymPy's limit.")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds for each expression (default 20)")
    seconds = parser.parse_args().limit
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["order"]
    print(f"{len(rows)} expressions, {seconds:g} s each; SymPy {sympy.__version__}")
    print(f"{'':<16}" + "".join(f"{outcome:>11}" for outcome in OUTCOMES) + f"{'time':>11}")
    details = []
    for name, judge in (("bigtheta", by_bigtheta), ("SymPy's limit", by_sympy)):
        counts, spent, others = run(judge, rows, seconds)
        print(f"{name:<16}" + "".join(f"{counts[outcome]:>11}" for outcome in OUTCOMES) + f"{spent:>9.1f} s")
        details += [f"{name} {line}" for line in others]
    print("\n".join(details))


if __name__ == "__main__":
    main()
