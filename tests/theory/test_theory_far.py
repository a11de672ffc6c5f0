"""Kinks far out, where the coefficients are smaller than any float: every digit that is printed holds."""

import mpmath
import pytest

from bigtheta.theory.hermite import hermite


@pytest.mark.parametrize("shift", ["1001", "1e4", "4e6", "5e6", "1e7", "1e9", "1e20", "1e155", "1e300"])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_a_relu_that_is_shifted_far(shift, order):
    """E (G - a)_+ = g(a) (1/a^2 - 3/a^4 + ...), P(G > a) = g(a) (1/a - 1/a^3 + ...), mu_2 = g(a)/sqrt(2)."""
    digits = hermite(f"max(0, u-{shift})", order).decimal
    mantissa, exponent = digits.split("e")
    with mpmath.workprec(2200):
        a = mpmath.mpf(shift)
        # (1/2, 1, 3/2, ...) asymptotic series; the terms left out are below 1e-20 for a > 1000
        tail = sum((-1) ** k * mpmath.fac2(2 * k - 1) / a ** (2 * k + 1) for k in range(8))
        factor = (1 - a * tail, tail, 1 / mpmath.sqrt(2))[order]
        log = (-a * a / 2 + mpmath.log(factor / mpmath.sqrt(2 * mpmath.pi))) / mpmath.log(10)
        assert int(exponent) == int(mpmath.floor(log))
        assert float(mantissa) == pytest.approx(float(mpmath.power(10, log - int(exponent))), rel=1e-14)
    assert hermite(f"max(0, u-{shift})", order).value == 0
