"""Certified Hermite coefficients against mpmath.quad; exact high orders; the whole catalogue.

Run: python benchmarks/hermite_coefficients.py

Each figure stands beside its check. Times vary with the machine; the ratio within one run is what counts.
"""

import time
from functools import partial

import mpmath
import sympy

from bigtheta.theory import hermite as module
from bigtheta.theory.catalogue import CATALOGUE, activation
from bigtheta.theory.closed import exact_projection
from bigtheta.theory.hermite import expansion

COUNT, DIGITS = 30, 30


def timed(call):
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def by_quad(j):
    """mu_j of tanh by mpmath.quad on pieces of the line, at the same digits; odd orders only, the even ones are 0."""
    with mpmath.workdps(DIGITS + 8):
        norm = mpmath.sqrt(2 * mpmath.pi * mpmath.factorial(j))
        he = partial(_hermite, j)
        edges = [*range(8), 9, 11, 13, 15]
        return 2 * mpmath.quad(lambda x: mpmath.tanh(x) * he(x) * mpmath.exp(-x * x / 2), edges) / norm


def _hermite(j, x):
    previous, current = mpmath.mpf(0), mpmath.mpf(1)
    for i in range(j):
        previous, current = current, x * current - i * previous
    return current


def main():
    activation("tanh"), expansion("sigmoid", 3)  # imports and first calls are not what is measured
    balls, ours = timed(lambda: expansion("tanh", COUNT - 1, digits=DIGITS))
    quad, theirs = timed(lambda: {j: by_quad(j) for j in range(1, COUNT, 2)})
    with mpmath.workdps(60):
        worst = max(abs(quad[j] - balls[j].midpoint) for j in quad)
        relative = max(balls[j].radius / abs(balls[j].midpoint) for j in quad)
    print(f"tanh, {COUNT} coefficients, {DIGITS} digits")
    print(f"  certified   {ours:8.3f} s   largest relative radius {mpmath.nstr(relative, 2)}")
    print(f"  mpmath.quad {theirs:8.3f} s   largest difference from the balls {mpmath.nstr(worst, 2)}")
    print(f"  ratio       {theirs / ours:8.0f} x")

    relu = activation("relu")
    exact_projection(relu, 2)
    value, took = timed(lambda: exact_projection(relu, 1000))
    truth = sympy.factorial2(997) ** 2 / (2 * sympy.pi * sympy.factorial(1000))
    same = sympy.simplify(value**2 - truth) == 0
    print(f"relu, exact mu_1000: {took * 1000:.1f} ms; equal to 997!!^2/(2 pi 1000!) when squared: {same}")

    module._certified.cache_clear()
    for name in CATALOGUE:
        assert activation(name).pieces
    tables, took = timed(lambda: {name: expansion(name, 39, digits=DIGITS) for name in CATALOGUE})
    tiers = sorted(type(number).__name__ for numbers in tables.values() for number in numbers)
    print(f"catalogue, {len(CATALOGUE)} activations x 40 coefficients at {DIGITS} digits: {took:.2f} s;", end=" ")
    print(", ".join(f"{tiers.count(tier)} {tier.lower()}" for tier in dict.fromkeys(tiers)))


if __name__ == "__main__":
    main()
