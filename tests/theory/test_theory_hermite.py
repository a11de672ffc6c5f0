"""Hermite coefficients against closed forms, generating functions and quadrature at 30 digits."""

import contextlib
import functools
import math
import re
import signal
import tracemalloc

import mpmath
import numpy as np
import pytest
import sympy
from numpy.polynomial import hermite_e

from bigtheta.theory import scaled
from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import CATALOGUE, activation
from bigtheta.theory.energy import energy
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.hermite import hermite
from bigtheta.theory.number import Certified, Estimated, Exact
from bigtheta.theory.quadrature import estimate
from bigtheta.theory.quadrature import panels as coefficients
from bigtheta.theory.scaled import scaled_coefficients, scaled_moment

TOP = 40


def parity_sign(j):
    return (-1) ** (j // 2)


def abs_coefficient(j):
    """E|G| He_j(G)/sqrt(j!): (-1)^(j/2 + 1) 2 (j-3)!!/sqrt(2 pi j!) for even j, with (-1)!! = 1, (-3)!! = -1."""
    if j % 2:
        return mpmath.mpf(0)
    below = mpmath.mpf(-1) if j == 0 else mpmath.fac2(j - 3)
    return -parity_sign(j) * 2 * below / mpmath.sqrt(2 * mpmath.pi * mpmath.factorial(j))


def sign_coefficient(j):
    """E sign(G) He_j(G)/sqrt(j!) = sqrt(2/pi) (-1)^((j-1)/2) (j-2)!!/sqrt(j!) for odd j, by parts."""
    if j % 2 == 0:
        return mpmath.mpf(0)
    return mpmath.sqrt(2 / mpmath.pi) * parity_sign(j) * mpmath.fac2(j - 2) / mpmath.sqrt(mpmath.factorial(j))


def gaussian_bell(a):
    """exp(a u^2), a < 1/4: from E exp(a G^2 + s G - s^2/2) = (1-2a)^(-1/2) exp(s^2 a/(1-2a))."""

    def coefficient(j):
        if j % 2:
            return mpmath.mpf(0)
        ratio = mpmath.mpf(a) / (1 - 2 * mpmath.mpf(a))
        return mpmath.sqrt(mpmath.factorial(j) / (1 - 2 * mpmath.mpf(a))) * ratio ** (j // 2) / mpmath.factorial(j // 2)

    return coefficient


def erf_coefficient(j):
    """E erf(G) erf(G') = (2/pi) asin(2t/3) is sum_j mu_j^2 t^j; the signs alternate from +."""
    if j % 2 == 0:
        return mpmath.mpf(0)
    m = (j - 1) // 2
    asin = mpmath.binomial(2 * m, m) / (mpmath.mpf(4) ** m * (2 * m + 1))
    return parity_sign(j) * mpmath.sqrt(2 / mpmath.pi * asin * (mpmath.mpf(2) / 3) ** j)


def wave(j, a=1):
    """E exp(i a G) He_j(G)/sqrt(j!) = (i a)^j exp(-a^2/2)/sqrt(j!), without i^j."""
    return mpmath.mpf(a) ** j * mpmath.exp(-(mpmath.mpf(a) ** 2) / 2) / mpmath.sqrt(mpmath.factorial(j))


def relu_coefficient(j):
    return abs_coefficient(j) / 2 + (mpmath.mpf(1) / 2 if j == 1 else 0)


CLOSED = {
    "relu": relu_coefficient,
    "abs": abs_coefficient,
    "leaky_relu": lambda j: mpmath.mpf("0.495") * abs_coefficient(j) + (mpmath.mpf("0.505") if j == 1 else 0),
    "sin": lambda j: parity_sign(j) * wave(j) if j % 2 else mpmath.mpf(0),
    "cos": lambda j: mpmath.mpf(0) if j % 2 else parity_sign(j) * wave(j),
    "cos(2*u)": lambda j: mpmath.mpf(0) if j % 2 else parity_sign(j) * wave(j, 2),
    "erf": erf_coefficient,
    "exp(u)": lambda j: mpmath.exp(0.5) / mpmath.sqrt(mpmath.factorial(j)),
    "exp(-u/2)": lambda j: mpmath.mpf(-0.5) ** j * mpmath.exp(0.125) / mpmath.sqrt(mpmath.factorial(j)),
    "exp(-u^2/2)": gaussian_bell(-0.5),
    "exp(u^2/8)": gaussian_bell(0.125),
    "sign(u)": sign_coefficient,
    "heaviside(u)": lambda j: sign_coefficient(j) / 2 + (0.5 if j == 0 else 0),
    "abs(u)*u": lambda j: by_parts(abs_coefficient, j),
    "square": lambda j: {0: mpmath.mpf(1) / 2, 2: 1 / mpmath.sqrt(2)}.get(j, mpmath.mpf(0)),
}


def by_parts(coefficient, j):
    """u phi(u): u He_j = He_(j+1) + j He_(j-1)."""
    up = mpmath.sqrt(j + 1) * coefficient(j + 1)
    return up + (mpmath.sqrt(j) * coefficient(j - 1) if j else 0)


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(name):
    expected = [float(CLOSED[name](j)) for j in range(TOP + 1)]
    np.testing.assert_allclose(coefficients(activation(name), TOP), expected, rtol=0, atol=1e-13)
    one_by_one = [hermite(name, j).value for j in (0, 1, 2, 3, 4, 5, 12, 27, TOP)]
    np.testing.assert_allclose(one_by_one, [expected[j] for j in (0, 1, 2, 3, 4, 5, 12, 27, TOP)], rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "j", "expected"),
    [
        ("relu", 0, 1 / math.sqrt(2 * math.pi)),
        ("relu", 1, 0.5),
        ("relu", 2, 1 / math.sqrt(4 * math.pi)),
        ("relu", 4, -1 / math.sqrt(48 * math.pi)),
        ("abs", 0, math.sqrt(2 / math.pi)),
        ("cos", 2, -math.exp(-0.5) / math.sqrt(2)),
        ("sin", 3, -math.exp(-0.5) / math.sqrt(6)),
        ("erf", 1, 2 / math.sqrt(3 * math.pi)),
        ("softplus", 1, 0.5),
        ("sigmoid", 0, 0.5),
        ("gelu", 1, 0.5),
        ("gelu", 0, 1 / (2 * math.sqrt(math.pi))),
    ],
)
def test_values_worked_out_by_hand(name, j, expected):
    # E relu(G) He_2 = phi(0); E gelu = E G^2 n(G) ... by Stein: E[G Ncdf(G)] = E n(G) = 1/(2 sqrt pi).
    assert hermite(name, j).value == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("j", [0, 1, 2, 3, 4, 7, 12])
def test_hermite_polynomials_are_orthonormal_exactly(j):
    powers = hermite_e.herme2poly([0] * j + [1])
    act = Activation.parse("+".join(f"({int(c)})*u^{i}" for i, c in enumerate(powers)), name="he")
    for i in range(j + 3):
        got = hermite(act, i)
        if i == j:
            assert got.value == pytest.approx(math.sqrt(math.factorial(j)), rel=1e-15)
            assert got.expression**2 == math.factorial(j)
        else:
            assert got == Exact(sympy.Integer(0))


@pytest.mark.parametrize("text", ["u", "square", "3*u + 2", "u^4", "(u-1)^3", "u^5 - u^2/3 + 7", "5"])
@pytest.mark.parametrize("j", [0, 1, 2, 3, 4, 5])
def test_polynomials_are_exact(text, j):
    # herme2poly's inverse, poly2herme, gives c_j with phi = sum c_j He_j, so mu_j = sqrt(j!) c_j
    act = Activation.parse(text, name="a") if text not in CATALOGUE else activation(text)
    powers = [float(c) for c in reversed(sympy.Poly(act.expression, *act.expression.free_symbols or [sympy.Dummy()])
                                         .all_coeffs())]  # fmt: skip
    series = [*hermite_e.poly2herme(powers), *[0.0] * 6]
    got = hermite(act, j)
    assert isinstance(got, Exact)
    assert got.value == pytest.approx(math.sqrt(math.factorial(j)) * series[j], abs=1e-12)


PHI = {
    "tanh": mpmath.tanh,
    "gelu": lambda x: x * mpmath.ncdf(x),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "u*tanh(u)": lambda x: x * mpmath.tanh(x),
    "u*sigmoid(u)": lambda x: x / (1 + mpmath.exp(-x)),
    "max(min(u,1),-1)": lambda x: min(max(x, mpmath.mpf(-1)), mpmath.mpf(1)),
    "max(u,0)+min(exp(u)-1,0)": lambda x: x if x > 0 else mpmath.expm1(x),
}


@functools.cache
def by_quadrature(name, j):
    """E phi(G) He_j(G)/sqrt(j!) at 30 digits, He_j by its recurrence."""
    with mpmath.workdps(30):

        def integrand(x):
            before, he = mpmath.mpf(0), mpmath.mpf(1)
            for i in range(j):
                before, he = he, x * he - i * before
            return PHI[name](x) * he * mpmath.npdf(x)

        return mpmath.quad(integrand, [-24, -12, -6, -3, -1, 0, 1, 3, 6, 12, 24]) / mpmath.sqrt(mpmath.factorial(j))


@pytest.mark.parametrize("j", [0, 1, 2, 3, 6, 11])
@pytest.mark.parametrize("name", PHI)
def test_against_mpmath_quadrature(name, j):
    assert hermite(name, j).value == pytest.approx(float(by_quadrature(name, j)), abs=2e-14)


@pytest.mark.parametrize(
    ("name", "j", "digits"),
    [
        ("relu", 0, 30), ("relu", 10, 20), ("relu", 40, 14), ("abs", 4, 50), ("cos", 12, 30), ("sin", 7, 25),
        ("erf", 5, 20), ("exp(u)", 3, 20), ("leaky_relu", 2, 20), ("heaviside(u)", 3, 30), ("exp(-u^2/2)", 6, 14),
    ],
)  # fmt: skip
def test_more_digits(name, j, digits):
    got = estimate(activation(name), j, digits)
    assert isinstance(got, Estimated)
    with mpmath.workdps(digits + 30):
        assert abs(got.number - CLOSED[name](j)) < mpmath.mpf(10) ** (1 - digits)
        assert abs(got.number - CLOSED[name](j)) <= 2 * got.error
    assert got.value == pytest.approx(hermite(name, j).value, abs=1e-13)
    printed, _, rest = str(got).partition(" ")
    leading = max(0, -math.floor(math.log10(abs(got.value))))
    assert re.fullmatch(r"\(estimated, \+-[0-9.]+e-[0-9]+\)", rest)
    assert mpmath.mpf(printed) == pytest.approx(got.value, rel=1e-14)
    assert len(printed.strip("-0.").replace(".", "")) >= digits - 3 - leading  # all the digits that were asked for


@pytest.mark.parametrize(("name", "j"), [("tanh", 1), ("tanh", 5), ("softplus", 0), ("sigmoid", 3)])
def test_more_digits_without_a_closed_form(name, j):
    got = hermite(name, j, digits=20)
    assert isinstance(got, Certified)
    with mpmath.workdps(40):
        assert by_quadrature(name, j) in Certified(got.midpoint, got.radius + mpmath.mpf(10) ** -24)
        assert got.radius < mpmath.mpf(10) ** -20
    assert hermite(name, j, digits=13).value == pytest.approx(got.value, abs=1e-14)


def test_parity_gives_exact_zeros():
    for j in range(0, 12, 2):
        assert hermite("tanh", j) == Exact(sympy.Integer(0))
        assert coefficients(activation("tanh"), 12)[j] == 0.0
    for j in range(1, 12, 2):
        assert hermite("cos", j, digits=40) == Exact(sympy.Integer(0))
    assert str(hermite("cos", 1)) == "0 (exact)"
    assert str(hermite("square", 2, digits=5)) == "sqrt(2)/2 = 0.70711 (exact)"


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("sqrt(abs(u))", 2**0.25 * math.gamma(0.75) / math.sqrt(math.pi)),
        ("abs(u)^(1/10)", 2**0.05 * math.gamma(0.55) / math.sqrt(math.pi)),
        ("abs(u)^3", 2 * math.sqrt(2 / math.pi)),
        ("exp(-10000*u^2)", 1 / math.sqrt(20001)),
        ("cos(40*u)", math.exp(-800)),
        ("max(u-1,0)", math.exp(-0.5) / math.sqrt(2 * math.pi) - math.erfc(1 / math.sqrt(2)) / 2),
        ("relu", 1 / math.sqrt(2 * math.pi)),
        ("1000000*abs(u)", 1e6 * math.sqrt(2 / math.pi)),
    ],
)
def test_the_error_bounds_the_error(name, exact):
    got = estimate(activation(name), 0, 13)
    assert abs(got.value - exact) <= got.error + 4e-16 * abs(exact)
    assert got.error < 0.05 * (1 + abs(exact))  # an error estimate that says nothing would pass the line above


def test_a_feature_narrower_than_every_panel_is_seen():
    # a E sech^2(a G) = n(0) (2 - pi^2/(12 a^2) + O(a^-4)) at a = 10^6; quadrature in float64 misses it
    exact = (2 - math.pi**2 / 12e12) / math.sqrt(2 * math.pi)
    assert hermite("tanh(1000000*u)", 1).value == pytest.approx(exact, rel=1e-15)


MOMENTS = [
    ("relu", 0, 0.5), ("relu", 1, 0.5), ("abs", 0, 1), ("abs", 1, 1), ("leaky_relu", 0, (1 + 1e-4) / 2),
    ("square", 0, 0.75), ("square", 1, 1), ("square", 2, 1), ("u^3", 0, 15), ("exp(u)", 0, math.exp(2)),
    ("exp(u)", 2, math.exp(2)), ("cos", 0, (1 + math.exp(-2)) / 2), ("cos", 1, (1 - math.exp(-2)) / 2),
    ("cos", 2, (1 + math.exp(-2)) / 2), ("sin", 0, (1 - math.exp(-2)) / 2), ("erf", 0, 2 / math.pi * math.asin(2 / 3)),
    ("erf", 1, 4 / (math.pi * math.sqrt(5))), ("erf", 2, 16 / (math.pi * 5**1.5)), ("exp(-u^2/2)", 0, 1 / math.sqrt(3)),
    ("exp(u^2/5)", 0, math.sqrt(5)), ("heaviside(u)", 0, 0.5), ("heaviside(u)", 1, 0), ("max(u,0)^2", 2, 2),
]  # fmt: skip


@pytest.mark.parametrize(("name", "derivative", "exact"), MOMENTS)
def test_gaussian_moments(name, derivative, exact):
    assert energy(activation(name), derivative).value == pytest.approx(exact, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize(("name", "printed"), [("tanh", 0.300), ("erf", 0.456), ("softplus", 0.0448), ("cos", 0.568)])
def test_second_derivative_moments_have_their_known_digits(name, printed):
    # nu2 = E phi''^2
    assert energy(activation(name), 2).value == pytest.approx(printed, abs=5.1e-4 if printed > 0.1 else 5.1e-5)


@pytest.mark.parametrize("name", ["tanh", "erf", "softplus", "sigmoid", "gelu", "sin", "cos", "square", "exp(u)"])
def test_parseval(name):
    mu = coefficients(activation(name), 600)
    j = np.arange(len(mu))
    assert np.sum(mu**2) == pytest.approx(energy(activation(name)).value, rel=1e-13)
    assert np.sum(j * mu**2) == pytest.approx(energy(activation(name), 1).value, rel=1e-12)
    assert np.sum(j * (j - 1) * mu**2) == pytest.approx(energy(activation(name), 2).value, rel=1e-9)


def test_parseval_of_a_kink_converges_as_it_must():
    # relu: mu_j^2 ~ j^(-5/2), so what is left beyond J falls as J^(-3/2): by 8 from J to 4 J
    mu = coefficients(activation("relu"), 1000)
    rest = [0.5 - np.sum(mu[: J + 1] ** 2) for J in (60, 240, 960)]
    assert min(rest) > 0
    np.testing.assert_allclose([rest[0] / rest[1], rest[1] / rest[2]], 8, rtol=0.03)


def test_high_orders_do_not_overflow():
    mu = coefficients(activation("relu"), 1000)
    assert np.all(np.isfinite(mu))
    assert mu[1000] == pytest.approx(float(relu_coefficient(1000)), abs=1e-14)
    assert hermite("abs", 1000).value == pytest.approx(float(abs_coefficient(1000)), abs=1e-14)


def test_coefficients_are_not_shared():
    with pytest.raises(ValueError, match="read-only"):
        coefficients(activation("tanh"), 4)[1] = 7.0
    assert coefficients(activation("tanh"), 4)[1] == pytest.approx(0.6057, abs=1e-4)


@pytest.mark.parametrize("r", [1e-6, 0.01, 0.1, 0.3, 0.9, 1.0, 1.7, 4.0, 7.0, 30.0])
def test_scaled_coefficients(r):
    one = np.array([r])
    expected = [r * float(relu_coefficient(j)) for j in range(9)]
    np.testing.assert_allclose(scaled_coefficients(activation("relu"), one, 8)[0], expected, atol=1e-13 * (1 + r))
    expected = [float(CLOSED["cos"](j)) * r**j * math.exp((1 - r * r) / 2) for j in range(9)]
    np.testing.assert_allclose(scaled_coefficients(activation("cos"), one, 8)[0], expected, atol=1e-13)
    assert scaled_moment(activation("cos"), one)[0] == pytest.approx((1 + math.exp(-2 * r * r)) / 2, rel=1e-12)
    assert scaled_moment(activation("sin"), one, 1)[0] == pytest.approx((1 + math.exp(-2 * r * r)) / 2, rel=1e-12)


def test_scaled_coefficients_between_the_chebyshev_points():
    radii = np.linspace(0.7, 1.4, 57)
    got = scaled_coefficients(activation("sin"), radii, 3)
    np.testing.assert_allclose(got[:, 1], radii * np.exp(-(radii**2) / 2), rtol=1e-13)
    np.testing.assert_allclose(got[:, 3], -(radii**3) * np.exp(-(radii**2) / 2) / math.sqrt(6), rtol=1e-12)
    np.testing.assert_allclose(scaled_moment(activation("abs"), radii), radii**2, rtol=1e-13)
    assert got.shape == (57, 4)


@contextlib.contextmanager
def within(seconds):
    """Stop what takes more of the processor, where the platform has SIGPROF."""

    def stop(number, frame):
        raise TimeoutError(f"still running after {seconds} s")

    if not hasattr(signal, "SIGPROF"):
        yield
        return
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize("low", [1e-3, 2e-3])
def test_scaled_coefficients_over_a_wide_range_of_radii(low):
    # |x| of a thousand Gaussian inputs in d = 1 or 2 spans three decades; here a limit on memory and on time
    tracemalloc.start()
    try:
        with within(120):
            got = scaled_coefficients(activation("relu"), np.array([low, 1.0]), 0)
        assert tracemalloc.get_traced_memory()[1] < 1e9
    finally:
        tracemalloc.stop()
    assert got[:, 0] == pytest.approx([low / math.sqrt(2 * math.pi), 1 / math.sqrt(2 * math.pi)], rel=1e-9)


def test_scaled_coefficients_refuse_what_grows_too_fast():
    with pytest.raises(InvalidInputError):
        scaled_coefficients(activation("exp(u^2/8)"), np.array([3.0]), 2)


@pytest.mark.parametrize("text", ["exp(u**2)", "exp(u**2/3)", "exp(u**2/4)", "u*exp(u**2/2)", "exp(abs(u)**3)"])
def test_what_is_not_square_integrable_is_refused(text):
    odd_or_even = 1 if text.startswith("u") else 0
    with pytest.raises(InvalidInputError, match=r"grows too fast: .* not square-integrable"):
        hermite(text, odd_or_even)
    with pytest.raises(InvalidInputError, match="grows too fast"):
        coefficients(activation(text), 3)


def test_what_is_just_square_integrable_is_not_refused():
    assert hermite("exp(u**2/5)", 0).value == pytest.approx(math.sqrt(5 / 3), rel=1e-13)
    assert hermite("exp(3*abs(u))", 0).value == pytest.approx(
        2 * math.exp(4.5) * 0.5 * math.erfc(-3 / math.sqrt(2)), rel=1e-13
    )


@pytest.mark.parametrize(("j", "digits"), [(1, 13), (0, 20), (1, 20)])
def test_growth_is_refused_on_every_route(j, digits):
    with pytest.raises(InvalidInputError):
        hermite("exp(u**2)", j, digits=digits)


@pytest.mark.parametrize(("text", "exact"), [("1e200*abs(u)", 1e200 * math.sqrt(2 / math.pi)), ("u^60", math.inf)])
def test_what_is_large_but_square_integrable_is_not_refused(text, exact):
    exact = exact if exact < math.inf else float(sympy.factorial2(59))  # E G^60 = 59!!
    assert coefficients(activation(text), 2)[0] == pytest.approx(exact, rel=1e-12)
    assert hermite(text, 0).value == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(("text", "j"), [("1/u", 1), ("1/(u-1)", 0), ("tan(u)", 1), ("abs(u)^(-3/4)", 0)])
def test_poles_are_refused(text, j):
    with pytest.raises(InvalidInputError):
        hermite(text, j)


BAD = [
    (-1, 13, ["from 0 to 1000", "j=-1"]),
    (1001, 13, ["from 0 to 1000", "j=1001"]),
    (2.0, 13, ["from 0 to 1000", "j=2.0"]),
    ("2", 13, ["j='2'"]),
    (True, 13, ["j=True"]),
    (None, 13, ["j=None"]),
    (2, 0, ["from 1 to 1000", "digits=0"]),
    (2, 1001, ["from 1 to 1000", "digits=1001"]),
    (2, 14.0, ["digits=14.0"]),
    (2, "20", ["digits='20'"]),
    (2, True, ["digits=True"]),
]


@pytest.mark.parametrize(("j", "digits", "words"), BAD)
def test_bad_orders_and_digits_are_refused(j, digits, words):
    with pytest.raises(InvalidInputError) as caught:
        hermite("relu", j, digits=digits)
    assert [word for word in ["hermite", *words] if word not in str(caught.value)] == []


def test_log_sigmoid_does_not_grow_too_fast():
    # log sigmoid(u) = -softplus(-u)
    assert hermite("log(sigmoid(u))", 0).value == pytest.approx(-hermite("softplus", 0).value, abs=1e-12)


@pytest.mark.parametrize("act", [None, 3, 2.5, "", "rellu", "u u", "n*u"])
def test_bad_activations_are_refused(act):
    with pytest.raises(InvalidInputError, match="activation"):
        hermite(act, 1)


@pytest.mark.parametrize("order", [-1, 1001, 2.5, None, True])
def test_bad_orders_of_coefficients_are_refused(order):
    with pytest.raises(InvalidInputError, match=r"panels: .* from 0 to 1000 but got order="):
        coefficients(activation("relu"), order)


def test_numpy_orders_are_whole_numbers():
    assert hermite("relu", np.int64(2), digits=np.int32(13)) == hermite("relu", 2)


@pytest.mark.parametrize("name", [*CATALOGUE, "exp(-8*u**2)"])
def test_bands_of_radii_agree_with_the_quadrature_at_each(name):
    act, radii = activation(name), np.array([0.05, 0.2, 0.37, 0.61, 0.83, 1.01, 1.19, 1.73, 2.9])
    exact = np.stack([scaled._coefficients_at(act, 40)(float(r)) for r in radii])
    gap = np.abs(scaled_coefficients(act, radii, 40) - exact).max(axis=1)
    assert np.all(gap < 1e-12 * np.linalg.norm(exact, axis=1))
    moments = [float(scaled._moment_at(act, 0)(float(r))[0]) for r in radii]
    np.testing.assert_allclose(scaled_moment(act, radii), moments, rtol=1e-12)
