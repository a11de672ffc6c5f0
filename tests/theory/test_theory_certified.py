"""Certified coefficients: they enclose independent quadrature and closed forms; refused where unproven."""

import math

import mpmath
import numpy as np
import pytest
import sympy

from bigtheta.theory import certified, energy, growth, hermite
from bigtheta.theory.activation import Activation, Piece, u
from bigtheta.theory.balls import NoBallError, ball_function, ball_of, flint, precision
from bigtheta.theory.balls import certified as number
from bigtheta.theory.catalogue import CATALOGUE, activation
from bigtheta.theory.closed import closed_form, exact_projection, j
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.growth import Growth, NoGrowthBoundError, growth_bound
from bigtheta.theory.number import Certified, Estimated, Exact

TOP = 60
FIFTY = 10 ** mpmath.mpf(-50)
MORE = (
    "leaky_relu(slope=1/5)", "relu_power(p=5)", "cos(frequency=2, phase=1)", "exp(u)*cos(2*u+1)", "u^2*sin(u)",
    "sin(u)^2*cos(u)", "u*exp(-u^2)", "exp(u-u^2/3)", "exp(u^2/8)", "erf(2*u+1)", "u^2*erf(u)", "max(u-1/2,0)^2",
    "abs(abs(u)-1)", "sinh(u)", "max(u-1/3,0)+sin(u)", "max(u^2-2,0)", "u*heaviside(u-1)*exp(-u)", "gelu",
)  # fmt: skip
CLOSED = [name for name in (*CATALOGUE, *MORE) if exact_projection(activation(name), 0) is not None]
FORMULA = [name for name in CLOSED if closed_form(activation(name)) is not None]
OPEN = ("tanh", "sigmoid", "softplus", "swish", "mish", "gelu_tanh", "arctan", "softsign")


def test_what_has_a_closed_form():
    listed = (
        "relu leaky_relu relu_power squared_relu abs step sign identity square cubic hermite erf gelu hardtanh "
        "hardsigmoid hardswish sin cos gaussian exp"
    )
    assert set(listed.split()) <= set(FORMULA)
    assert not set(OPEN) & set(CLOSED)


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_lie_in_the_certified_balls_to_50_digits(name):
    act = activation(name)
    balls = certified.gaussian_projections(act.pieces, TOP, 190)
    formula = closed_form(act)
    with precision(300):
        for order, ball in enumerate(balls):
            exact = ball_of(exact_projection(act, order))
            assert number(ball).radius < FIFTY
            assert number(exact).radius < FIFTY
            assert ball.overlaps(exact)
            if formula is not None:
                assert ball.overlaps(ball_of(formula.subs(j, order)))


@pytest.mark.parametrize("name", ["relu", "erf", "cos", "hardtanh"])
def test_a_wrong_closed_form_does_not_lie_in_the_ball(name):
    ball = certified.gaussian_projections(activation(name).pieces, 4, 190)[3 if name in ("erf", "hardtanh") else 4]
    exact = exact_projection(activation(name), 3 if name in ("erf", "hardtanh") else 4)
    with precision(300):
        assert not ball.overlaps(ball_of(exact * (1 + sympy.Rational(1, 10**48))))


def quadrature(phi, order, edges, digits=40):
    """mpmath's adaptive quadrature, at more digits than are compared."""
    with mpmath.workdps(digits + 15):
        norm = mpmath.sqrt(2 * mpmath.pi * mpmath.factorial(order))
        he = lambda x: mpmath.mpf(2) ** (-mpmath.mpf(order) / 2) * mpmath.hermite(order, x / mpmath.sqrt(2))  # noqa: E731
        return mpmath.quad(lambda x: phi(x) * he(x) * mpmath.exp(-x * x / 2) / norm, edges)


def softplus(x):
    return mpmath.log1p(mpmath.exp(x))


ORACLES = {
    "tanh": mpmath.tanh,
    "mish": lambda x: x * mpmath.tanh(softplus(x)),
    "swish": lambda x: x / (1 + mpmath.exp(-x)),
    "arctan": mpmath.atan,
    "softsign": lambda x: x / (1 + abs(x)),
    "sqrt(u^2+1)": lambda x: mpmath.sqrt(x * x + 1),
    "log(1+u^2)": lambda x: mpmath.log(1 + x * x),
    "1/(2+sin(u))": lambda x: 1 / (2 + mpmath.sin(x)),
    "elu(alpha=2)": lambda x: x if x > 0 else 2 * mpmath.expm1(x),
}


@pytest.mark.parametrize("order", [0, 1, 4, 11])
@pytest.mark.parametrize("name", ORACLES)
def test_against_mpmath_quadrature(name, order):
    expected = quadrature(ORACLES[name], order, [-20, -12, -8, -5, -3, -1.5, 0, 1.5, 3, 5, 8, 12, 20])
    ball = number(certified.gaussian_projections(activation(name).pieces, order, 120)[order])
    assert ball.radius < mpmath.mpf(10) ** -35
    with mpmath.workdps(60):
        assert abs(expected - ball.midpoint) <= ball.radius + mpmath.mpf(10) ** -38


@pytest.mark.parametrize("kink", ["0", "1", "1/3"])
def test_a_singular_end_is_bounded(kink):
    # E |G|^{1/2} = 2^{1/4} Gamma(3/4)/sqrt(pi)
    ball = number(certified.gaussian_projections(activation(f"sqrt(abs(u-{kink}))").pieces, 2, 100)[0])
    assert ball.radius < mpmath.mpf(10) ** -29
    with mpmath.workdps(40):
        if kink == "0":
            expected = mpmath.mpf(2) ** 0.25 * mpmath.gamma(mpmath.mpf(3) / 4) / mpmath.sqrt(mpmath.pi)
        else:  # substitute u = k +- s^2, which takes the root away
            k = mpmath.mpmathify(sympy.Rational(kink))
            density = lambda x: mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)  # noqa: E731
            integrand = lambda s: 2 * s * s * (density(k + s * s) + density(k - s * s))  # noqa: E731
            expected = mpmath.quad(integrand, [0, 1, 2, 3, 4, 5])
        assert abs(expected - ball.midpoint) <= ball.radius + mpmath.mpf(10) ** -30


def test_digits_asked_are_digits_reached():
    for digits in (10, 50, 300):
        got = hermite.hermite("tanh", 1, digits=digits)
        assert isinstance(got, Certified)
        assert got.radius <= abs(got.midpoint) * mpmath.mpf(10) ** -digits
    tight, loose = hermite.hermite("tanh", 19, digits=300), hermite.hermite("tanh", 19, digits=10)
    assert tight.midpoint in loose
    assert loose.low <= tight.low <= tight.high <= loose.high


def test_high_orders_are_certified_too():
    balls = hermite.expansion("softsign", 400, digits=12)
    assert all(isinstance(balls[i], Certified) for i in range(1, 401, 2))
    assert hermite.hermite("tanh", 2) == Exact(sympy.Integer(0))
    assert sum(b.value**2 for b in balls) < energy.energy("softsign").value


def test_a_wrong_value_is_outside_the_ball():
    got = hermite.hermite("tanh", 1, digits=30)
    assert got.midpoint + 2 * got.radius not in got
    assert math.tanh(1) not in got


def test_functions_without_a_proof_are_estimated_and_say_so():
    # log(sigmoid) has no lower bound of its argument here, so no growth bound
    got = hermite.hermite("log(sigmoid(u))", 1)
    assert isinstance(got, Estimated)
    assert "estimated" in str(got)
    with pytest.raises(NoGrowthBoundError, match="no lower bound"):
        growth_bound(activation("log(sigmoid(u))"))
    with pytest.raises(NoBallError):
        certified.gaussian_projections(activation("log(sigmoid(u))").pieces, 1, 60)


def test_without_flint_numbers_are_estimated(monkeypatch):
    monkeypatch.setattr(hermite, "HAVE_FLINT", False)
    monkeypatch.setattr(energy, "HAVE_FLINT", False)
    hermite._certified.cache_clear()
    energy._energy.cache_clear()
    energy._tail.cache_clear()
    try:
        assert isinstance(hermite.hermite("tanh", 1), Estimated)
        assert hermite.hermite("tanh", 1).value == pytest.approx(0.605705509602159, abs=1e-14)
        assert isinstance(hermite.hermite("tanh", 1, digits=25), Estimated)
        assert isinstance(hermite.hermite("relu", 1), Exact)
        assert isinstance(energy.energy("tanh"), Estimated)
        assert energy.energy("tanh").value == pytest.approx(0.394294490397841, abs=1e-13)
        assert isinstance(energy.tail_energy("tanh", 5), Estimated)
    finally:
        hermite._certified.cache_clear()
        energy._energy.cache_clear()
        energy._tail.cache_clear()


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "softsign", "mish", "exp", "hardswish"])
@pytest.mark.parametrize("order", [0, 3, 25])
def test_tail_energy_is_what_is_left(name, order):
    tail = energy.tail_energy(name, order)
    assert isinstance(tail, Certified)
    longer = energy.tail_energy(name, order + 40)
    between = sum(m.value**2 for m in hermite.expansion(name, order + 40)[order + 1 :])
    assert tail.value - longer.value == pytest.approx(between, rel=1e-9, abs=1e-15)
    assert tail.high >= 0


@pytest.mark.parametrize(
    ("name", "derivative", "expected"),
    [
        ("relu", 0, "1/2"),
        ("relu", 1, "1/2"),
        ("sin", 0, "(1-exp(-2))/2"),
        ("cubic", 1, "27"),
        ("erf", 1, "4/(pi*sqrt(5))"),
    ],
)
def test_energies_known_by_hand(name, derivative, expected):
    got = energy.energy(name, derivative)
    assert isinstance(got, Exact)
    assert sympy.simplify(got.expression - sympy.sympify(expected)) == 0


def test_energy_of_an_unbounded_derivative_is_refused():
    assert energy.energy("sqrt(abs(u))").value == pytest.approx(math.sqrt(2 / math.pi))
    with pytest.raises(InvalidInputError, match=r"derivative 1 is unbounded near the kink at u = 0"):
        energy.energy("sqrt(abs(u))", 1)


# Growth bounds


@pytest.mark.parametrize("derivative", [0, 1, 2])
@pytest.mark.parametrize(
    "name", [*CATALOGUE, "exp(u)/(1+exp(u))", "log(cosh(u))", "exp(-u^4)", "u/(2+sin(u))", "1/(u^2-u+1)"]
)
def test_growth_bounds_hold(name, derivative):
    act = activation(name)
    bound = growth_bound(act, derivative)
    pieces = act.derivative(derivative)
    for x in (-1e4, -300, -31.7, -5.5, -2.2, -0.51, -0.01, 0.01, 0.3, 0.77, 1.2, 4.4, 19.3, 250, 1e4):
        piece = next(p for p in pieces if float(p.low) <= x <= float(p.high))
        with mpmath.workdps(30):
            phi = sympy.lambdify(u, piece.expression, modules=[{"Softplus": softplus}, "mpmath"])
            size = abs(phi(mpmath.mpf(x)))
            assert size == 0 or float(mpmath.log(size)) <= bound.log_at(x) + 1e-9


@pytest.mark.parametrize("name", ["tanh", "softplus", "gelu", "exp", "cubic", "arctan", "exp(u^2/8)"])
def test_growth_bounds_are_not_idle(name):
    act, bound = activation(name), growth_bound(activation(name))
    far = max(abs(float(act.values([x])[0])) for x in (-12.0, 12.0))
    assert bound.log_at(12.0) - math.log(far) < 1.5


def test_the_derived_bound_is_a_growth():
    assert growth_bound(activation("tanh")) == Growth(pytest.approx(1), 0, 0, 0)
    assert growth_bound(activation("exp(u^2/8)")).square == 0.125
    assert growth_bound(activation("exp(-abs(u))")).rate == -1


def test_a_growth_bound_that_is_too_small_gives_a_wrong_ball(monkeypatch):
    # the tails rest on the growth bound: with a wrong one the ball misses, so the bound is not decoration
    true = number(certified.gaussian_projections(activation("exp(3*u)").pieces, 0, 60)[0])
    monkeypatch.setattr(certified, "piece_growth", lambda piece: Growth(1e-30))
    wrong = number(certified.gaussian_projections(activation("exp(3*u)").pieces, 0, 60)[0])
    assert mpmath.exp(mpmath.mpf(9) / 2) in Certified(true.midpoint, true.radius + mpmath.mpf(10) ** -12)
    assert abs(wrong.midpoint - true.midpoint) > wrong.radius


def test_growth_too_fast_for_a_tail():
    with pytest.raises(NoBallError, match="grows too fast"):
        certified.gaussian_projections((Piece(-sympy.oo, sympy.oo, sympy.exp(u**2 / 2)),), 0, 60)


# Ball arithmetic


def test_powers_of_a_ball_around_zero_are_finite():
    with precision(100):
        assert ball_function(u**2)(flint.arb(0, 1)).is_finite()
        assert ball_function(u**3)(flint.arb(0, 1)).contains(-1)


@pytest.mark.parametrize("text", ["log(2+u)", "sqrt(2+u)", "1/(2+u)", "atan(u)", "(2+u)^(1/3)", "tanh(u)"])
def test_a_complex_ball_that_meets_a_singularity_is_not_finite(text):
    singular = flint.acb(0, math.pi / 2) if "tanh" in text else flint.acb(0, 1) if "atan" in text else flint.acb(-2, 0)
    function = ball_function(activation_expression(text))
    ball = flint.acb(flint.arb(singular.real.mid(), 0.1), flint.arb(singular.imag.mid(), 0.1))
    assert not function(ball).is_finite()
    assert function(flint.acb(flint.arb(0.5, 0.1), flint.arb(0.2, 0.1))).is_finite()


def activation_expression(text):
    return sympy.sympify(text, locals={"u": u})


def test_an_unknown_function_is_refused():
    with pytest.raises(NoBallError, match="besselj"):
        ball_function(sympy.besselj(0, u))
    act = Activation("bessel", sympy.besselj(0, u))
    with pytest.raises(NoBallError):
        certified.gaussian_projections(act.pieces, 0, 60)
    assert growth.NoGrowthBoundError is NoGrowthBoundError


def test_precision_is_local():
    before = flint.ctx.prec
    certified.gaussian_projections(activation("tanh").pieces, 3, 200)
    assert flint.ctx.prec == before


def test_numbers_beyond_every_float_are_printed():
    # E max(G - 10^6, 0) G = P(G > 10^6) ~ n(10^6)/10^6
    shown = str(hermite.hermite("max(0,u-1000000)", 1)).rpartition("= ")[2]
    exponent = (mpmath.mpf(10) ** 12 / 2 + mpmath.log(mpmath.mpf(10) ** 6 * mpmath.sqrt(2 * mpmath.pi))) / mpmath.log(
        10
    )
    assert int(shown.removesuffix(" (exact)").partition("e")[2]) == -math.ceil(exponent)
    assert hermite.hermite("max(0,u-1000000)", 1).value == 0.0


def test_growth_beyond_a_far_kink_is_seen():
    with pytest.raises(InvalidInputError, match="grows too fast"):
        hermite.hermite("exp(u^2)*heaviside(u-2000)", 0)


# The bounds that the certificates stand on, each against the thing itself


def line_of(name, order, bits=60):
    (piece,) = activation(name).pieces
    return certified._Line(piece, growth.piece_growth(piece), order, bits)


def sizes_of_hermite(z, order):
    """log max_j |h_j(z) e^{-z^2/2}|/sqrt(2 pi) over an array z, for j <= order: by the recurrence."""
    before, now = np.zeros_like(z), np.ones_like(z)
    best = np.abs(np.exp(-z * z / 2))
    for i in range(order):
        before, now = now, (z * now - math.sqrt(i) * before) / math.sqrt(i + 1)
        best = np.maximum(best, np.abs(now * np.exp(-z * z / 2)))
    return np.log(best.max() / math.sqrt(2 * math.pi))


@pytest.mark.parametrize("order", [0, 1, 2, 5, 20, 60])
@pytest.mark.parametrize("a", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("b", [0.0, 0.3, 1.0, 2.0])
def test_hermite_functions_on_a_strip_stay_below_their_bound(order, a, b):
    x, y = np.linspace(a, a + 4, 161)[:, None], np.linspace(-b, b, 81)[None, :]
    gap = line_of("tanh", order).log_factor(a, b) - sizes_of_hermite(x + 1j * y, order)
    assert -1e-12 <= gap < (1e-6 if order == 0 else 3.5)


@pytest.mark.parametrize("order", [0, 1, 7])
@pytest.mark.parametrize(("low", "width"), [(0, 2**-30), (1, 2**-40), (-2, 2**-35)])
def test_a_sliver_is_bounded_by_more_than_it_holds(order, low, width):
    line, sums = line_of("tanh", order, bits=20), certified._Sums(order)
    with precision(200):
        a = flint.arb(low)
        assert line.sliver(ball_function(sympy.cos(u) + 2), a, a + flint.arb(width), sums)
        held = 3 * width * math.exp(sizes_of_hermite(np.linspace(low, low + width, 11) + 0j, order))
        truth = (math.cos(low) + 2) / 3 * held
        assert truth * (1 - 1e-9) <= float(sums.error.abs_upper()) < 12 * held


def test_a_sliver_that_is_too_large_is_not_taken():
    line, sums = line_of("tanh", 0, bits=60), certified._Sums(0)
    assert not line.sliver(ball_function(sympy.cos(u)), flint.arb(0), flint.arb(1), sums)
    assert sums.error == 0


@pytest.mark.parametrize("order", [0, 3, 30])
@pytest.mark.parametrize("name", ["tanh", "softplus", "exp"])
def test_what_lies_beyond_the_reach_is_bounded(name, order):
    """E |f h_j| beyond R by mpmath, for the j of most weight."""
    line = line_of(name, order)
    reach, tail = line.reach()
    f = activation(name).numeric()

    def integrand(x):
        point = np.array([float(x)])
        return float(abs(f(point)[0])) * math.exp(sizes_of_hermite(point + 0j, order))

    beyond = mpmath.quad(integrand, [reach, reach + 2, reach + 6])
    assert beyond <= float(tail.abs_upper()) <= math.exp(line.target) * (1 + 1e-6)


@pytest.mark.parametrize("name", ["tanh", "softplus", "sigmoid"])
@pytest.mark.parametrize("half", [0.25, 1.0])
def test_a_rule_of_few_nodes_is_off_by_less_than_its_bound(name, half):
    line = line_of(name, 4, bits=40)
    with precision(300):
        middle, width = flint.arb(0.5), flint.arb(half)
        function = ball_function(activation(name).expression)
        nodes, error = line.rule(function, middle, width, 0)
        rough, fine = certified._Sums(4), certified._Sums(4)
        rough.add(certified._nodes(function, middle, width, nodes), flint.arb(0))
        fine.add(certified._nodes(function, middle, width, 6 * nodes), flint.arb(0))
        for a, b in zip(rough.total, fine.total, strict=True):
            assert float(abs(a - b).abs_upper()) <= float(error.abs_upper())
        assert float(error.abs_upper()) <= math.exp(line.target) * (1 + 1e-6)
