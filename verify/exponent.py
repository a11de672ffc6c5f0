"""What an exponent is the exponent of: n^a alone, or with the logarithms of the claim, as in n^a*log(n).

The fit is of measured/formula, so logarithms in the formula are divided out, and the exponent is that of the power that
stands beside them. Of `Theta(log(n)*sqrt(n))` it is a in n^a*log(n), claimed 1/2; not the slope that a figure shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import sympy

from bigtheta.theory.order import Order

__all__ = ["beside_logs", "letter", "of_order", "of_product"]

Expr = Any

_LETTERS = "abce"  # d is a size


def letter(variables: Sequence[str], name: str) -> str:
    """Return the letter of one size's exponent.

    >>> letter(("n", "k"), "k")
    'b'
    """
    return _LETTERS[list(variables).index(name)]


def of_order(order: Order, *, up_to_logs: bool = False) -> str:
    """Return what the exponent of a leading order along a path is of; "" where it is of a power alone.

    >>> from bigtheta.theory.order import leading_order
    >>> of_order(leading_order("sqrt(n)/log(n)^2")), of_order(leading_order("3*sqrt(n)"))
    ('n^a/log(n)^2', '')
    >>> of_order(leading_order("sqrt(n)"), up_to_logs=True)
    'n^a up to powers of log(n)'
    """
    x = str(order.variable)
    if up_to_logs:
        return f"{x}^a up to powers of log({x})"
    logs = _powers(((f"log({x})", order.log_power), (f"log(log({x}))", order.loglog_power)))
    return f"{x}^a{logs}" if logs else ""


def of_product(variables: Sequence[str], formula: Expr, *, up_to_logs: bool = False) -> str:
    """Return what the exponents of several sizes are of; "" where they are of powers alone.

    >>> from bigtheta.theory.scale import k, n
    >>> of_product(("n", "k"), sympy.sqrt(n) * sympy.log(k) / k)
    'n^a*k^b*log(k)'
    """
    powers = "*".join(f"{name}^{letter(variables, name)}" for name in variables)
    if up_to_logs:
        return f"{powers} up to powers of logarithms"
    split = beside_logs(variables, formula)
    return f"{powers}{_powers(split[1])}" if split is not None and split[1] else ""


def beside_logs(
    variables: Sequence[str], formula: Expr
) -> tuple[tuple[Fraction, ...], tuple[tuple[str, Fraction], ...]] | None:
    """Return the powers of the sizes in a product of powers and logarithms, and those of its logarithms by their text.

    None of what is no such product.

    >>> from bigtheta.theory.scale import k, n
    >>> beside_logs(("n", "k"), sympy.sqrt(n) * sympy.log(k))
    ((Fraction(1, 2), Fraction(0, 1)), (('log(k)', Fraction(1, 1)),))
    """
    powers = dict.fromkeys(variables, Fraction(0))
    logs: dict[str, Fraction] = {}
    for factor in sympy.Mul.make_args(sympy.expand_power_base(formula)):
        base, exponent = factor.as_base_exp()
        if not factor.free_symbols:
            continue
        if not exponent.is_Rational:
            return None
        power = Fraction(int(exponent.p), int(exponent.q))
        if str(base) in powers:
            powers[str(base)] += power
        elif base.func is sympy.log:
            logs[str(base)] = logs.get(str(base), Fraction(0)) + power
        else:
            return None
    return tuple(powers.values()), tuple(sorted(logs.items()))


def _powers(factors: Iterable[tuple[str, Fraction]]) -> str:
    """Powers as factors that follow others: "*log(n)^2", "/log(n)^(1/2)"."""
    parts = []
    for base, power in factors:
        size = abs(power)
        raised = "" if size == 1 else f"^{size}" if size.denominator == 1 else f"^({size})"
        parts += [f"{'*' if power > 0 else '/'}{base}{raised}"] if power else []
    return "".join(parts)
