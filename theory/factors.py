"""Factors that are found at once: of rational numbers primes, of polynomials the multiple ones."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import sympy

__all__ = ["factors", "square_free"]

_DEGREE = 40
"""Of a polynomial that multiple factors are looked for in."""
_SMALL_PRIMES = tuple(sympy.primerange(2_000))


def factors(value: Fraction | int) -> dict[int, int]:
    """Return the exponents of the factors: parts below 2^64 wholly, else what the small primes leave stays whole.

    >>> factors(Fraction(12, 5))
    {2: 2, 3: 1, 5: -1}
    """
    found: dict[int, int] = {}
    for number, sign in ((value.numerator, 1), (value.denominator, -1)):
        for prime in _SMALL_PRIMES if number >= 2**64 else ():
            while number % prime == 0:
                number //= prime
                found[prime] = found.get(prime, 0) + sign
        for factor, times in sympy.factorint(number).items() if number < 2**64 else ((number, 1),):
            found[factor] = found.get(factor, 0) + sign * times
    found.pop(1, None)
    return found


def square_free(p: Mapping[Any, Fraction | int]) -> list[tuple[dict[Any, Fraction | int], int]]:
    """Return (f, m), p = the product of f^m, for a polynomial in the kernel 0 with multiple factors; else nothing.

    f > 0 for large x if p is. Nothing is returned for what is no short polynomial in this kernel either.

    >>> square_free({((0, 2),): 1, ((0, 1),): 2, (): 1})
    [({((0, 1),): 1, (): 1}, 2)]
    """
    terms: dict[tuple[int], Any] = {}
    for m, c in p.items():
        power = 0 if not m else m[0][1] if len(m) == 1 and m[0][0] == 0 else -1
        if power.denominator != 1 or not 0 <= power <= _DEGREE:
            return []
        terms[(int(power),)] = sympy.Rational(c.numerator, c.denominator)
    if len(terms) < 2:
        return []
    lead, found = sympy.Poly.from_dict(terms, sympy.Dummy("y"), domain=sympy.QQ).sqf_list()
    if lead < 0 or all(times == 1 for _, times in found):
        return []
    parts: list[tuple[dict[Any, Fraction | int], int]] = []
    if lead != 1:
        parts.append(({(): _plain(Fraction(int(lead.p), int(lead.q)))}, 1))
    for factor, times in found:
        coefficients = {e: _plain(Fraction(int(c.p), int(c.q))) for (e,), c in factor.terms()}
        parts.append(({((0, e),) if e else (): c for e, c in coefficients.items()}, int(times)))
    return parts


def _plain(value: Fraction) -> Fraction | int:
    return value.numerator if value.denominator == 1 else value
