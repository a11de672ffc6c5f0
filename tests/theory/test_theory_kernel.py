"""Dot-product kernels against the notes' table, closed dual activations, 2-D quadrature and Monte Carlo."""

import math

import mpmath
import numpy as np
import pytest
from scipy import special

from bigtheta.theory.catalogue import CATALOGUE, activation
from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.kernel import (
    DotProductKernel,
    SeriesTooLongError,
    both_layers_kernel,
    centred_kernel,
    ntk_kernel,
    rf_kernel,
    t,
    terms_needed,
)

# a_1, a_2, a*, lambda, C of the random-features and the neural-tangent kernel, checked by Monte Carlo; a* of erf in
# random features is (2/pi) asin(2/3) - 4/(3 pi) = .040146.
TABLE = [
    ("relu", ".25 .0796 .0908 .363 3.07", ".25 .159 .25 1 1.62"),
    ("tanh", ".3669 0 .0274 .0747 0", ".3669 0 .0975 .266 0"),
    ("erf", ".4244 0 .0401 .0946 0", ".4244 0 .145 .342 0"),
    ("softplus", ".25 .0213 .0215 .086 3.94", ".25 .0427 .0434 .174 3.87"),
    ("abs", "0 .318 .363 inf 3.07", "0 .637 1 inf 1.62"),
    ("square", "0 .5 .5 inf 4", "0 1 1 inf 4"),
    ("cos", "0 .184 .200 inf 3.39", "0 .368 .432 inf 2.90"),
]


def shortened(value, printed):
    """Whether the value, rounded to the digits printed, is the printed number."""
    if printed == "inf":
        return value == math.inf
    decimals = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 1.01 * 10.0**-decimals * (0.5 if decimals else 1e-9)


@pytest.mark.parametrize(
    ("name", "make", "row"),
    [(name, make, row) for name, rf, ntk in TABLE for make, row in ((rf_kernel, rf), (ntk_kernel, ntk))],
)
def test_table_of_the_notes(name, make, row):
    kernel = make(activation(name))
    got = [*kernel.taylor[1:3], kernel.a_star, kernel.effective_ridge, kernel.curvature]
    wrong = [(value, printed) for value, printed in zip(got, row.split(), strict=True) if not shortened(value, printed)]
    assert wrong == []


def test_shortened_rejects():
    assert shortened(0.0908, ".0908")
    assert not shortened(0.0910, ".0908")
    assert not shortened(1e300, "inf")
    assert not shortened(1.001, "1")


def arc_cosine(s):
    """E |G| |G'| at correlation s (Cho and Saul 2009)."""
    return 2 / math.pi * (np.sqrt(1 - s * s) + s * np.arcsin(s))


def arc_sine(s):
    """E sign(G) sign(G')."""
    return 2 / math.pi * np.arcsin(s)


E1 = math.exp(-1)
# name -> (kappa, kappa') of random features and of the tangent kernel t E phi'(G) phi'(G')
DUAL = {
    "relu": ((lambda s: s / 4 + arc_cosine(s) / 4), (lambda s: s * (1 + arc_sine(s)) / 4)),
    "abs": (arc_cosine, (lambda s: s * arc_sine(s))),
    "leaky_relu": (
        (lambda s: 0.505**2 * s + 0.495**2 * arc_cosine(s)),
        (lambda s: s * (0.505**2 + 0.495**2 * arc_sine(s))),
    ),
    "2 + 3*u - abs(u)": (
        (lambda s: 4 - 4 * math.sqrt(2 / math.pi) + 9 * s + arc_cosine(s)),
        (lambda s: s * (9 + arc_sine(s))),
    ),
    "square": ((lambda s: (1 + 2 * s * s) / 4), (lambda s: s * s)),
    "cos": ((lambda s: E1 * np.cosh(s)), (lambda s: s * E1 * np.sinh(s))),
    "sin": ((lambda s: E1 * np.sinh(s)), (lambda s: s * E1 * np.cosh(s))),
    "erf": ((lambda s: 2 / math.pi * np.arcsin(2 * s / 3)), (lambda s: 4 / math.pi * s / np.sqrt(9 - 4 * s * s))),
    "exp(u)": ((lambda s: np.exp(1 + s)), (lambda s: s * np.exp(1 + s))),
    "exp(-u^2/2)": ((lambda s: 1 / np.sqrt(4 - s * s)), (lambda s: s * s * (4 - s * s) ** -1.5)),
    "u^3": ((lambda s: 9 * s + 6 * s**3), (lambda s: 9 * s + 18 * s**3)),
}
CLOSED = ["relu", "abs", "leaky_relu", "2 + 3*u - abs(u)", "max(u, u/10)"]
T = np.array([-0.9, -0.62, -0.3, -0.05, 0.0, 0.1, 0.4, 0.75, 0.9])
BOTH = [(rf_kernel, 0), (ntk_kernel, 1)]


def summed(kernel, s, count):
    """sum_{j < count} a_j s^j and its derivative, by numpy's polynomials."""
    taylor = np.polynomial.Polynomial(kernel.taylor[:count])
    return taylor(s), taylor.deriv()(s) if count > 1 else np.zeros_like(s)


@pytest.mark.parametrize(("make", "which"), BOTH, ids=["rf", "ntk"])
@pytest.mark.parametrize("name", DUAL)
def test_taylor_series_is_the_dual_activation(name, make, which):
    kernel, exact = make(activation(name)), DUAL[name][which]
    got, _ = summed(kernel, T, len(kernel.taylor))
    np.testing.assert_allclose(got, exact(T), rtol=0, atol=2e-13 * kernel.at_one)
    assert kernel.at_one == pytest.approx(float(exact(np.array(1.0))), rel=1e-13)


@pytest.mark.parametrize("largest", [0.01, 0.05, 0.3, 0.6, 0.89, 0.9])
@pytest.mark.parametrize(("make", "which"), BOTH, ids=["rf", "ntk"])
@pytest.mark.parametrize("name", DUAL)
def test_terms_are_enough_for_value_and_derivative(name, make, which, largest):
    kernel, exact = make(activation(name)), DUAL[name][which]
    count = kernel.terms(largest)
    s = np.array([-largest, largest])
    value, slope = summed(kernel, s, count)
    room = 1e-12 if largest >= 0.9 else 1e-15
    rounding = 2e-14
    np.testing.assert_allclose(value, exact(s), rtol=0, atol=(room + rounding) * kernel.at_one)
    # the rest is bounded as sum a_i (i+1) largest^i, and i largest^(i-1) is 1/largest times that
    np.testing.assert_allclose(slope, complex_step(exact, s), rtol=0, atol=(room / largest + rounding) * kernel.at_one)


def complex_step(function, s):
    """Derivative of an analytic formula without cancellation."""
    return np.imag(function(s + 1e-20j)) / 1e-20


@pytest.mark.parametrize("largest", [0.0, 1e-16])
def test_terms_are_enough_for_the_derivative_at_zero(largest):
    kernel = rf_kernel(activation("relu"))
    _, slope = summed(kernel, np.array([0.0]), kernel.terms(largest))
    assert slope[0] == pytest.approx(0.25, rel=1e-12)


@pytest.mark.parametrize("name", ["relu", "tanh", "erf", "cos"])
def test_terms_are_not_more_than_needed(name):
    counts = [rf_kernel(activation(name)).terms(largest) for largest in (0.0, 0.1, 0.3, 0.6, 0.89)]
    assert counts == sorted(counts)
    assert counts[0] <= 2
    assert counts[1] <= 16
    assert counts[-1] <= 300


@pytest.mark.parametrize("name", ["relu", "abs", "leaky_relu", "max(min(u,1),-1)"])
@pytest.mark.parametrize("largest", [0.99, 0.999, 0.9999999, 1.0])
def test_a_series_near_one_is_refused(name, largest):
    for make in (rf_kernel, ntk_kernel):
        with pytest.raises(SeriesTooLongError) as caught:
            make(activation(name)).terms(largest)
        message = str(caught.value)
        assert f"{largest:.6g}" in message
        assert "Taylor terms" in message
        assert "enlarge d" in message
    assert issubclass(SeriesTooLongError, BigthetaError)


@pytest.mark.parametrize("name", ["tanh", "erf", "softplus", "gelu", "sigmoid", "cos", "sin", "square", "exp(u)"])
def test_a_smooth_series_reaches_one(name):
    for make in (rf_kernel, ntk_kernel):
        kernel = make(activation(name))
        value, _ = summed(kernel, np.array([1.0]), kernel.terms(1.0))
        assert value[0] == pytest.approx(kernel.at_one, rel=1e-11)


@pytest.mark.parametrize("derivatives", [0, 1, 3])
@pytest.mark.parametrize("largest", [0.2, 0.7, 0.95])
def test_terms_needed_of_a_geometric_series(derivatives, largest):
    # a_j = 2^-j: the rest is known, so both "enough" and "not one too many" can be asked
    j = np.arange(400.0)
    taylor = 0.5**j
    count = terms_needed(taylor, 2.0, largest, derivatives=derivatives)
    tolerance = (1e-15 if largest < 0.9 else 1e-12) * 2.0
    rest = [float(np.sum(((j + 1) ** derivatives * (largest / 2) ** j)[c:])) for c in (count, count - 1)]
    assert rest[0] <= tolerance < rest[1]


def test_terms_needed_counts_the_mass_beyond():
    # 100 coefficients hold half the mass: at 0.9 what is left out is not small
    taylor = np.full(100, 0.005)
    with pytest.raises(SeriesTooLongError, match="more than 100 Taylor terms"):
        terms_needed(taylor, 1.0, 0.9, derivatives=0)
    assert terms_needed(taylor, 1.0, 0.1, derivatives=0) <= 20


@pytest.mark.parametrize("name", CLOSED)
def test_closed_form_is_the_arc_cosine_kernel_and_the_series(name):
    for make, which in BOTH:
        kernel = make(activation(name))
        closed = np.array([float(kernel.closed.subs(t, s)) for s in T])
        if name in DUAL:
            np.testing.assert_allclose(closed, DUAL[name][which](T), rtol=1e-14, atol=1e-15)
        got, _ = summed(kernel, T, kernel.terms(0.9))
        np.testing.assert_allclose(got, closed, rtol=0, atol=1e-13 * kernel.at_one)
        assert float(kernel.closed.subs(t, 1)) == pytest.approx(kernel.at_one, rel=1e-13)


@pytest.mark.parametrize(
    "name", ["tanh", "sigmoid", "max(u-1,0)", "max(min(u,1),-1)", "abs(u)*u+u", "u*sin(u)", "erf(u+1)"]
)
def test_no_closed_form_where_there_is_none(name):
    assert rf_kernel(activation(name)).closed is None


SMOOTH = {
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "gelu": (
        lambda x: x * special.ndtr(x),
        lambda x: special.ndtr(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    ),
    "softplus": (lambda x: np.logaddexp(0, x), special.expit),
    "sigmoid": (special.expit, lambda x: special.expit(x) * special.expit(-x)),
    "u*tanh(u)": (lambda x: x * np.tanh(x), lambda x: np.tanh(x) + x / np.cosh(x) ** 2),
    "erf": (special.erf, lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x)),
}


@pytest.mark.parametrize("s", [-0.8, -0.25, 0.0, 0.5, 0.85])
@pytest.mark.parametrize("name", SMOOTH)
def test_against_two_dimensional_quadrature(name, s):
    x, w = np.polynomial.hermite_e.hermegauss(160)
    keep = w > 0
    x, w = x[keep], w[keep] / math.sqrt(2 * math.pi)
    other = s * x[:, None] + math.sqrt(1 - s * s) * x
    value, slope = SMOOTH[name]
    by_hand = float(w @ (value(x)[:, None] * value(other)) @ w), s * float(w @ (slope(x)[:, None] * slope(other)) @ w)
    for (make, which), expected in zip(BOTH, by_hand, strict=True):
        kernel = make(activation(name))
        got, _ = summed(kernel, np.array([s]), kernel.terms(abs(s)))
        assert got[0] == pytest.approx(expected, abs=1e-8), which


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max(min(u,1),-1)", lambda x: np.clip(x, -1, 1)),
        ("max(u-1,0)", lambda x: np.maximum(x - 1, 0)),
        ("heaviside(u)", lambda x: (x > 0).astype(float)),
        ("sqrt(abs(u))", lambda x: np.sqrt(np.abs(x))),
    ],
)
def test_against_monte_carlo(name, value):
    rng = np.random.default_rng(11)
    x, y = rng.standard_normal((2, 400_000))
    kernel = rf_kernel(activation(name))
    for s in (-0.7, 0.4, 0.85):
        products = value(x) * value(s * x + math.sqrt(1 - s * s) * y)
        got, _ = summed(kernel, np.array([s]), kernel.terms(abs(s)))
        assert abs(got[0] - products.mean()) < 4.5 * products.std() / math.sqrt(len(x))


@pytest.mark.parametrize("name", CATALOGUE)
def test_coefficients_are_a_law_of_the_mass(name):
    rf = rf_kernel(activation(name))
    ntk = ntk_kernel(activation(name)) if name not in ("step", "sign") else None
    for kernel in (rf,) if ntk is None else (rf, ntk):
        assert np.all(kernel.taylor >= 0)
        assert float(kernel.taylor.sum()) <= kernel.at_one * (1 + 1e-12)
        assert kernel.a_star >= 0
    if ntk is None:
        return
    np.testing.assert_allclose(ntk.taylor, np.arange(len(rf.taylor)) * rf.taylor, rtol=1e-15)
    assert ntk.taylor[0] == 0.0


def test_derived_numbers_of_a_kernel_given_by_hand():
    kernel = DotProductKernel(np.array([1.0, 2.0, 3.0, 0.5]), 7.0)
    assert (kernel.a_star, kernel.effective_ridge, kernel.curvature) == (4.0, 2.0, 4 * 9 / 16)
    assert DotProductKernel(np.array([1.0, 0.0, 3.0]), 4.0).effective_ridge == math.inf


@pytest.mark.parametrize("name", ["sign(u)", "heaviside(u)", "heaviside(u-1)*u"])
def test_a_tangent_kernel_of_a_jump_is_refused(name):
    # sum j mu_j^2 diverges, and phi' off the jump does not see it
    with pytest.raises(InvalidInputError, match=r"jumps at .* infinite"):
        ntk_kernel(activation(name))


def test_a_tangent_kernel_without_finite_mass_is_infinite_or_refused():
    try:
        kernel = ntk_kernel(activation("sqrt(abs(u))"))
    except BigthetaError:
        return
    assert kernel.at_one == math.inf


@pytest.mark.parametrize("scale", [10, 100, 10_000])
def test_a_small_nonlinear_part_is_not_lost_by_cancellation(scale):
    # tanh(u/s) = u/s - u^3/(3 s^3) + 2 u^5/(15 s^5) - ...: to leading order mu_1 = 1/s, mu_3 = sqrt(6)/(3 s^3)
    kernel = rf_kernel(activation(f"tanh(u/{scale})"))
    with mpmath.workdps(60):

        def coefficient(j):
            he = {1: lambda x: x, 3: lambda x: x**3 - 3 * x, 5: lambda x: x**5 - 10 * x**3 + 15 * x}[j]
            f = lambda x: mpmath.tanh(x / scale) * he(x) * mpmath.npdf(x)  # noqa: E731
            return mpmath.quad(f, mpmath.linspace(-24, 24, 49)) / mpmath.sqrt(mpmath.factorial(j))

        a = {j: coefficient(j) ** 2 for j in (1, 3, 5)}
    rest = a[3] + a[5]
    assert kernel.effective_ridge == pytest.approx(float(rest / a[1]), rel=max(100 / scale**4, 1e-5))


@pytest.mark.parametrize("name", ["u^3 - 3*u", "u^5 - 10*u^3 + 15*u", "u^4 - 6*u^2 + 3"])
def test_a_linear_part_that_vanishes_within_rounding_is_none(name):
    # He_j: mu_1 = 0, though not by parity
    assert rf_kernel(activation(name)).effective_ridge == math.inf


@pytest.mark.parametrize("name", ["relu", "tanh", "erf", "abs", "exp(u)"])
def test_both_layers_add_up(name):
    both, (rf, ntk) = both_layers_kernel(activation(name)), (make(activation(name)) for make in (rf_kernel, ntk_kernel))
    j = np.arange(len(rf.taylor))
    np.testing.assert_allclose(both.taylor, (1 + j) * rf.taylor, rtol=1e-14)
    assert both.at_one == pytest.approx(rf.at_one + ntk.at_one)
    if name in DUAL:
        value, slope = DUAL[name]
        closed = np.array([float(both.closed.subs(t, s)) for s in T])
        np.testing.assert_allclose(closed, value(T) + slope(T), rtol=1e-13, atol=1e-14)


def test_a_centred_kernel_has_lost_its_mean_alone():
    for name in ("relu", "tanh", "softplus"):
        kernel = rf_kernel(activation(name))
        centred = centred_kernel(kernel)
        assert centred.taylor[0] == 0
        np.testing.assert_array_equal(centred.taylor[1:], kernel.taylor[1:])
        assert centred.effective_ridge == pytest.approx(kernel.effective_ridge, rel=1e-12)
        assert (centred.closed is None) == (kernel.closed is None)
        if centred.closed is not None:
            assert float(centred.closed.subs(t, 0)) == pytest.approx(0, abs=1e-15)


def test_curvature_of_a_linear_activation_is_zero():
    kernel = rf_kernel(activation("3*u + 2"))
    assert (kernel.curvature, kernel.effective_ridge, kernel.a_star) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("largest", [-0.5, 1.5, math.nan])
def test_a_bound_outside_zero_to_one_is_refused(largest):
    with pytest.raises(InvalidInputError, match=f"from 0 to 1 but got largest={largest}"):
        rf_kernel(activation("tanh")).terms(largest)
