"""Forms that do not overflow: log(1 + e^x) as one function, quotients of exponentials through tanh."""

from __future__ import annotations

from typing import Any

import sympy

__all__ = ["Softplus", "bounded_ratios", "without_overflow"]

Expr = Any


class Softplus(sympy.Function):  # type: ignore[misc]
    """log(1 + e^x) as one function, so that values and derivatives do not overflow; derivative (1 + tanh(x/2))/2."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Expr:
        """Return the derivative, the logistic function, through tanh."""
        return (1 + sympy.tanh(self.args[0] / 2)) / 2

    def _eval_evalf(self, prec: int) -> Expr:
        return sympy.log(1 + sympy.exp(self.args[0]))._eval_evalf(prec)

    def _eval_is_real(self) -> bool | None:
        return bool(self.args[0].is_real)

    def _latex(self, printer: Any) -> str:
        return rf"\log\left(1 + e^{{{printer._print(self.args[0])}}}\right)"


def without_overflow(e: Expr) -> Expr:
    """Write the same function so that it is safe for large |x|.

    log(a+e^x) as Softplus, 1/(a+e^x), e^x/(a+e^x) and sinh/cosh through tanh, log cosh x as Softplus(2x) - x - log 2.
    """
    if not e.has(sympy.exp, sympy.cosh):
        return e
    if isinstance(e, sympy.log) and (found := _shifted_exp(e.args[0])) is not None:
        a, x = found
        return sympy.log(a) + Softplus(without_overflow(x) - sympy.log(a))
    if isinstance(e, sympy.log) and isinstance(e.args[0], sympy.cosh):
        x = without_overflow(e.args[0].args[0])
        return Softplus(2 * x) - x - sympy.log(2)
    if e.is_Mul or e.is_Pow:
        e = _quotients(e)
    return e.func(*map(without_overflow, e.args)) if e.args else e


def _shifted_exp(e: Expr) -> tuple[Expr, Expr] | None:
    """Read a + e^x, a > 0 a number, as (a, x)."""
    if e.is_Add and len(e.args) == 2:
        a, rest = e.args
        if a.is_number and a.is_positive and isinstance(rest, sympy.exp):
            return a, rest.args[0]
    return None


def _quotients(product: Expr) -> Expr:
    """Turn quotients of exponentials in one product into tanh."""
    powers: dict[Expr, Expr] = {}
    for factor in sympy.Mul.make_args(product):
        base, exponent = factor.as_base_exp()
        powers[base] = powers.get(base, sympy.Integer(0)) + exponent
    gates: list[Expr] = []
    for base, exponent in list(powers.items()):
        if not exponent.is_Integer or exponent >= 0:
            continue
        if isinstance(base, sympy.cosh) and powers.get(sympy.sinh(base.args[0])) == -exponent:
            gates.append(sympy.tanh(base.args[0]) ** -exponent)
            del powers[base], powers[sympy.sinh(base.args[0])]
        elif (gate := _vanishing_gate(base)) is not None:
            gates.append(gate**-exponent)
            del powers[base]
        elif (found := _shifted_exp(base)) is not None:
            a, x = found
            gate = sympy.tanh((x - sympy.log(a)) / 2)
            above = next((c for c in range(int(-exponent), 0, -1) if powers.get(sympy.E) == c * x), 0)
            gates.append(((1 + gate) / 2) ** above * ((1 - gate) / (2 * a)) ** (-exponent - above))
            del powers[base]
            if above:
                del powers[sympy.E]
    if not gates:
        return product
    return sympy.Mul(*gates, *(base**exponent for base, exponent in powers.items()))


def _vanishing_gate(base: Expr) -> Expr | None:
    """Read +-(e^x - b), b > 0, and return its inverse (1/tanh(y/2) - 1)/(2b), y = x - log b; None for anything else."""
    for sign in (1, -1):
        e = sympy.expand(sign * base)
        if e.is_Add and len(e.args) == 2 and e.args[0].is_number and e.args[0].is_negative:
            b, rest = -e.args[0], e.args[1]
            if isinstance(rest, sympy.exp):
                return sign * (1 / sympy.tanh((rest.args[0] - sympy.log(b)) / 2) - 1) / (2 * b)
    return None


def bounded_ratios(e: Expr) -> Expr:
    """Write sinh(x)^a cosh(x)^b, a + b <= 0, as tanh(x)^a cosh(x)^(a+b), which does not overflow for large |x|."""
    if not e.has(sympy.sinh, sympy.cosh) or not e.args:
        return e
    e = e.func(*map(bounded_ratios, e.args))
    if not (e.is_Mul or e.is_Pow):
        return e
    powers = e.as_powers_dict()
    for base in list(powers):
        if isinstance(base, sympy.sinh | sympy.cosh):
            x = base.args[0]
            a, b = powers.get(sympy.sinh(x), sympy.Integer(0)), powers.get(sympy.cosh(x), sympy.Integer(0))
            if a != 0 and a + b <= 0 and a.is_Integer and b.is_Integer:
                e = e / (sympy.sinh(x) ** a * sympy.cosh(x) ** b) * sympy.tanh(x) ** a * sympy.cosh(x) ** (a + b)
                powers = e.as_powers_dict()
    return e
