"""What an attack on the symbolic side found: proofs, printed balls, exact digits, reading of formulas, odd input."""

import math
import random

import mpmath
import numpy as np
import pytest
import sympy
from click.testing import CliRunner

from bigtheta.theory import certified
from bigtheta.theory.activation import MPMATH_MODULES, Parity, Piece, u
from bigtheta.theory.balls import NoBallError, ball_function, ball_of, flint, precision
from bigtheta.theory.balls import certified as number
from bigtheta.theory.catalogue import activation
from bigtheta.theory.closed import closed_form, exact_projection, j
from bigtheta.theory.dual import dual
from bigtheta.theory.energy import energy
from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.growth import Growth, NoGrowthBoundError, growth_bound, piece_growth
from bigtheta.theory.hermite import expansion, hermite
from bigtheta.theory.number import Certified, Estimated, Exact
from bigtheta.theory.scaled import scaled_coefficients
from bigtheta.verify.cli import main

LINE = (-sympy.oo, sympy.oo)


# An expression stays the function that was typed

NAMES = {
    "exp": np.exp, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "cosh": np.cosh, "sinh": np.sinh, "sqrt": np.sqrt,
    "log": np.log, "abs": np.abs, "e": math.e,
}  # fmt: skip
EXPONENTIALS = (
    "exp(2*u+1)/(1+exp(u))", "exp(3*u)/(2+exp(u))**4", "exp(u)/(1+exp(2*u))", "sinh(u)**3/cosh(u)**2", "exp(u+1)*u",
    "1/(1+exp(u))/(1+exp(-u))", "exp(2*u)/(1+exp(u))/(3+exp(u))", "sinh(u)/cosh(u)**2", "log(cosh(u))",
)  # fmt: skip
TWO_EXPONENTIALS = (
    "e*exp(u)", "exp(1)*exp(u)", "exp(-u**2)*exp(u)", "exp(-u**2)*exp(u)*sin(u)", "exp(2)*exp(u)*u",
    "exp(u+1)*exp(-u**2)/(1+exp(u))**3", "log(1+exp(u))*exp(u)*exp(-u**2)",
)  # fmt: skip


def typed(text, x):
    """The formula in numpy, read without SymPy."""
    return eval(text, {"u": x, **NAMES})  # noqa: S307 - a constant of this file


@pytest.mark.parametrize(
    "text",
    [
        *EXPONENTIALS,
        *(pytest.param(t) for t in TWO_EXPONENTIALS),
    ],
)
def test_rewriting_does_not_change_the_function(text):
    x = np.array([-2.3, -1.1, -0.4, 0.2, 0.9, 1.7])
    assert np.allclose(activation(text).values(x), typed(text, x), rtol=1e-12)


# Printed numbers


def printed(ball):
    middle, _, rest = str(ball).partition(" +- ")
    return mpmath.mpf(middle), mpmath.mpf(rest.split()[0])


@pytest.mark.parametrize("middle", ["0.123456", "-7.77777e10", "0.99996e-30"])
def test_a_printed_ball_holds_the_ball(middle):
    with mpmath.workdps(50):
        for radius in ("1.1e-4", "9.9e-6", "1e-5", "3.3e-7"):
            ball = Certified(mpmath.mpf(middle), abs(mpmath.mpf(middle)) * mpmath.mpf(radius))
            at, spread = printed(ball)
            assert at - spread <= ball.low
            assert ball.high <= at + spread


def test_a_ball_printed_as_zero_holds_the_ball():
    ball = Certified(mpmath.mpf("0.9e-20"), mpmath.mpf("1e-20"))
    assert printed(ball)[1] >= ball.high


def test_printed_coefficients_hold_the_coefficients():
    with mpmath.workdps(60):
        for name in ("tanh", "softplus", "mish"):
            longer = expansion(name, 12, digits=45)
            for short, long in zip(expansion(name, 12, digits=8), longer, strict=True):
                if isinstance(short, Certified):
                    at, spread = printed(short)
                    assert abs(at - long.midpoint) <= spread + long.radius


# Exact numbers under cancellation


@pytest.mark.parametrize(
    "alpha",
    [
        "1/20",
        pytest.param("1/200"),
        pytest.param("1/1000"),
    ],
)
def test_exact_numbers_survive_cancellation(alpha):
    exact = hermite(f"celu(alpha={alpha})", 80)
    assert isinstance(exact, Exact)
    with precision(6000):
        true = number(ball_of(exact.expression), 30)
    assert exact.value == pytest.approx(float(true.midpoint), rel=1e-12)
    shown = mpmath.mpf(str(exact).removesuffix(" (exact)").rpartition("= ")[2])
    assert abs(shown / true.midpoint - 1) < mpmath.mpf(10) ** -13


def test_exact_duals_near_one_have_the_digits_they_print():
    near = sympy.Integer(1) - sympy.Rational(1, 10**40)  # 1/2 - 1e-40/2 + ...
    shown = str(dual("relu", near, digits=30)).removesuffix(" (exact)").rpartition("= ")[2]
    with mpmath.workdps(60):
        assert abs(mpmath.mpf(shown) - mpmath.mpf(1) / 2) < mpmath.mpf(10) ** -29


# What is not a real function on the line


@pytest.mark.parametrize("text", ["sqrt(9-u)", "sqrt(u+10)*tanh(u)", "log(u+10)", "1/(exp(u)-exp(9))"])
def test_what_is_not_real_far_out_is_refused(text):
    with pytest.raises(InvalidInputError):
        activation(text)


@pytest.mark.filterwarnings("ignore")
def test_a_complex_constant_is_refused():
    with pytest.raises(InvalidInputError):
        activation("(-8)^(1/3)*u")


def test_a_double_pole_is_refused():
    with pytest.raises(InvalidInputError):
        activation("1/(1+sin(u))")


# Parity


@pytest.mark.parametrize(
    ("text", "parity"),
    [
        ("softplus(u)-softplus(-u)", Parity.ODD), ("softplus(u)*softplus(-u)", Parity.EVEN),
        ("log(exp(u)+exp(-u))", Parity.EVEN), ("exp(u)/(1+exp(2*u))", Parity.EVEN), ("atan(tanh(u))", Parity.ODD),
        ("max(u,0)-u/2", Parity.EVEN), ("leaky_relu(slope=-1)", Parity.EVEN), ("sqrt(1+u^2)-u", Parity.NONE),
        ("hermite(j=60)", Parity.EVEN),
        pytest.param("hermite(j=100)", Parity.EVEN),
        pytest.param("log(cosh(u))", Parity.EVEN),
        pytest.param("softplus(u)-u/2", Parity.EVEN),
    ],
)  # fmt: skip
def test_parity(text, parity):
    assert activation(text).parity is parity


# Tracebacks


@pytest.mark.parametrize("text", ["abs(u-sqrt(2))", "abs(u-pi)", "max(-1,min(2,pi*u))"])
def test_energies_with_irrational_kinks(text):
    assert energy(text, 1).value > 0


@pytest.mark.parametrize("text", ["max(tanh(u),1/2)", "abs(erf(u)-1/2)"])
def test_coefficients_with_a_kink_at_a_function_value(text):
    assert isinstance(hermite(text, 1), Certified | Estimated)


@pytest.mark.parametrize("text", ["1/(1/2+(u-pi)^2)", "1/(sqrt(2)+pi*u^4)"])
def test_denominators_with_irrational_coefficients(text):
    assert hermite(text, 0).value > 0


def test_growth_bounds_of_tiny_functions():
    assert abs(hermite("tanh(u)*exp(-1000-u^2)", 1).value) < 1e-300


def test_growth_bounds_of_huge_scales():
    with pytest.raises(NoGrowthBoundError):
        Growth(1e300).to(2.0)


@pytest.mark.filterwarnings("ignore")
def test_an_energy_beyond_the_reach_of_every_route():
    # E phi^2 = 1/sqrt(2 pi) times the integral of (1+u^2)^-2, but no bound of the tail is known, and float64 overflows
    with pytest.raises(InvalidInputError, match="rescale"):
        energy("exp(u^2/4)/(1+u^2)")


def test_a_function_that_is_just_not_square_integrable_is_refused():
    with pytest.raises(InvalidInputError):
        hermite("exp(u^2/4)/(1+u^2)^(1/4)", 0)


def test_a_singular_end_at_700_digits():
    pieces = activation("sqrt(abs(u-1/3))").pieces
    assert certified.gaussian_projections(pieces, 0, 1000)[0].rel_accuracy_bits() > 900
    with pytest.raises(NoBallError, match=r"no error bound found near u = 0\.333333"):  # panels below 1e-300 are needed
        certified.gaussian_projections(pieces, 0, 2342)


def test_scaled_coefficients_at_large_radii():
    mean = scaled_coefficients(activation("gaussian"), np.array([50.0]), 0)[0, 0]
    assert mean == pytest.approx(1 / math.sqrt(1 + 50.0**2), rel=1e-6)


@pytest.mark.parametrize(("text", "r"), [("gaussian", 1e4), ("exp", 20.0), ("1/(1+u^2)", 1e5)])
def test_scaled_coefficients_out_of_reach_are_refused(text, r):
    with pytest.raises(InvalidInputError, match="varies or grows too fast"):
        scaled_coefficients(activation(text), np.array([r]), 0)


def test_a_large_scale_is_given_up_early(monkeypatch):
    rule, tried = certified._Line.rule, []

    def counted(self, *panel):
        tried.append(panel)
        if len(tried) > 2000:
            raise RuntimeError("too many panels")
        return rule(self, *panel)

    monkeypatch.setattr(certified._Line, "rule", counted)
    assert isinstance(hermite("1e200*tanh(u)", 1), Certified | Estimated)


@pytest.mark.parametrize(
    "text",
    ["", "relu()", "relu(slope=1)", "leaky_relu(0.1)", "leaky_relu(slope=u)", "softplus(beta=0)", "hermite(j=-1)",
     "hermite(j=1000)", "relu_power(p=1000)", "abs(sin(u))", "u^u", "u>0", "lambda: 1", "u[0]", "1e2400*tanh(u)",
     "tan(u)", "1/0", "abs(u-10^400)", "celu(alpha=-1)", "-" * 70 + "u", "1e5j*u", "sqrt(-u^2)", "exp(exp(u))",
     "exp(-1/u^2)"],
)  # fmt: skip
def test_bad_input_is_one_line(text):
    result = CliRunner().invoke(main, ["hermite", "--", text])
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


# Soundness


def integral(phi, order, edges):
    """E phi(G) h_order(G) between the edges by mpmath, 25 digits."""
    with mpmath.workdps(40):
        norm = mpmath.sqrt(2 * mpmath.pi * mpmath.factorial(order))
        he = lambda x: mpmath.mpf(2) ** (-mpmath.mpf(order) / 2) * mpmath.hermite(order, x / mpmath.sqrt(2))  # noqa: E731
        return mpmath.quad(lambda x: phi(x) * he(x) * mpmath.exp(-x * x / 2) / norm, edges)


NEAR = [s * mpmath.mpf(10) ** -e for s in (-1, 1) for e in range(9)]
EDGES = sorted([-16, -12, -9, -7, -5, -4, -3, -2, -1.5, 0, 1.5, 2, 3, 4, 5, 7, 9, 12, 16, *NEAR])


@pytest.mark.parametrize("order", [0, 1, 6])
@pytest.mark.parametrize(
    ("text", "phi"),
    [
        ("tanh(1e6*u)", lambda x: mpmath.tanh(10**6 * x)),
        ("1/(1e-6+u^2)", lambda x: 1 / (mpmath.mpf(10) ** -6 + x * x)),
        ("log(1e-9+u^2)", lambda x: mpmath.log(mpmath.mpf(10) ** -9 + x * x)),
        ("sqrt(u^2+1e-12)", lambda x: mpmath.sqrt(x * x + mpmath.mpf(10) ** -12)),
        ("exp(u^2/5)*tanh(u)", lambda x: mpmath.exp(x * x / 5) * mpmath.tanh(x)),
        ("exp(3*abs(u))*atan(u)", lambda x: mpmath.exp(3 * abs(x)) * mpmath.atan(x)),
        ("abs(u)^(1/3)", lambda x: abs(x) ** (mpmath.mpf(1) / 3)),
        ("u/(1+1000*abs(u))", lambda x: x / (1 + 1000 * abs(x))),
    ],
)
def test_hard_functions_lie_in_their_balls(text, phi, order):
    ball = number(certified.gaussian_projections(activation(text).pieces, order, 80)[order])
    edges = EDGES if "u^2/5" not in text else [-30, -24, -20, *EDGES, 20, 24, 30]
    true = integral(phi, order, edges)
    assert abs(true - ball.midpoint) <= ball.radius + mpmath.mpf(10) ** -13 * (1 + abs(true))
    assert ball.radius < mpmath.mpf(10) ** -15


@pytest.mark.parametrize("bits", [0, 4, 9, 20])
@pytest.mark.parametrize(
    "text",
    ["1/(1/10+u^2)", "1/(1/100+(u-1/3)^2)", "log(1e-4+u^2)", "tanh(20*u)", "1/(3/2+sin(4*u))", "exp(2*u)*tanh(u)",
     "sqrt(u^2+1/50)", "exp(u^2/6)", "atan(9*(u-1))", "sqrt(abs(u-1/3))", "heaviside(u-3)*exp(2*u)"],
)  # fmt: skip
def test_coarse_balls_hold_fine_ones(text, bits):
    # with few digits the error bound of the rule is nearly used up, so that too small a bound is seen
    pieces = activation(text).pieces
    coarse, fine = (certified.gaussian_projections(pieces, 12, b) for b in (bits, 90))
    for order, (wide, narrow) in enumerate(zip(coarse, fine, strict=True)):
        assert wide.contains(narrow), order


@pytest.mark.parametrize("text", ["1/(1/10+u^2)", "log(1e-4+u^2)", "tanh(20*u)", "1/(3/2+sin(4*u))", "u^9"])
def test_the_error_bound_of_a_rule_holds(text):
    (piece,) = activation(text).pieces
    with precision(200):
        f, line = ball_function(piece.expression), certified._Line(piece, piece_growth(piece), 0, -6)
        for middle, half in (("0", "0.1"), ("0.3", "0.2"), ("0.5", "0.5"), ("1", "0.8"), ("-2", "1")):
            m, h = flint.arb(middle), flint.arb(half)
            if (rule := line.rule(f, m, h, 0)) is None:
                continue
            got, fine = (sum(v for _, v in certified._nodes(f, m, h, n)) for n in (rule[0], 150))
            assert abs(got - fine) <= rule[1]


def hermite_function(order, z):
    """h_order(z) e^{-z^2/2}/sqrt(2 pi)."""
    he = mpmath.mpf(2) ** (-mpmath.mpf(order) / 2) * mpmath.hermite(order, z / mpmath.sqrt(2))
    return he * mpmath.exp(-z * z / 2) / mpmath.sqrt(2 * mpmath.pi * mpmath.factorial(order))


def test_the_error_of_a_rule_is_in_the_ball(monkeypatch):
    monkeypatch.setattr(certified._Line, "rule", lambda *panel: (8, flint.arb(3)))
    balls = certified.gaussian_projections(activation("tanh").pieces, 2, 20)
    assert all(float(ball.rad()) >= 3 for ball in balls)


@pytest.mark.parametrize("text", ["atan(u)", "log(u)", "sqrt(u)", "u**(1/3)", "log(1+u)"])
def test_a_complex_ball_that_meets_a_branch_cut_is_not_finite(text):
    on_cut = (0, 2) if text == "atan(u)" else (-3, 0)
    function = ball_function(sympy.sympify(text, locals={"u": u}, rational=True))
    assert not function(flint.acb(flint.arb(on_cut[0], 0.1), flint.arb(on_cut[1], 0.1))).is_finite()


@pytest.mark.parametrize("order", [0, 3, 20])
@pytest.mark.parametrize("text", ["exp(2*u)", "1/(20+u^2)", "u^3-u", "cos(u)"])
def test_the_bound_on_an_ellipse_holds(text, order):
    (piece,) = activation(text).pieces
    phi = sympy.lambdify(u, piece.expression, modules=MPMATH_MODULES)
    line = certified._Line(piece, piece_growth(piece), order, 50)
    for middle, half, rho in ((0.0, 1.0, 2.2), (0.7, 0.5, 3.2), (-2.0, 0.5, 5.0), (4.0, 1.0, 1.6)):
        with precision(100):
            log = line.largest(ball_function(piece.expression), flint.arb(middle), half, rho, 0)
        for k in range(48):
            w = rho * mpmath.expjpi(mpmath.mpf(k) / 24)
            z = middle + half * (w + 1 / w) / 2
            size = abs(phi(z) * hermite_function(order, z))
            assert size == 0 or float(mpmath.log(size)) <= log


def test_a_sliver_is_counted():
    (piece,) = activation("u+3").pieces
    line, sums = certified._Line(piece, piece_growth(piece), 2, 20), certified._Sums(2)
    with precision(100):
        assert not line.sliver(ball_function(piece.expression), flint.arb(0), flint.arb("0.1"), sums)
        assert sums.error == 0
        assert line.sliver(ball_function(piece.expression), flint.arb(0), flint.arb(2) ** -30, sums)
    assert float(sums.error) >= 3 * 2.0**-30 / math.sqrt(2 * math.pi)


@pytest.mark.parametrize("order", [0, 1, 2, 7, 30])
def test_the_bound_of_hermite_functions_in_the_plane_holds(order):
    line = certified._Line(Piece(*LINE, u), Growth(1.0, power=1.0), order, 50)
    for a in (0, 0.3, 1, 2.5, 6, 9):
        for b in (0, 0.1, 0.7, 2, 4):
            z = mpmath.mpc(a, b)
            for i in range(order + 1):
                size = abs(hermite_function(i, z))
                assert size == 0 or float(mpmath.log(size)) <= line.log_factor(float(a), float(b))


@pytest.mark.parametrize(
    "growth",
    [
        Growth(1.0),
        Growth(2.0, 3.0),
        Growth(1.0, 0.0, 2.0),
        Growth(1.0, 1.0, 1.0, 0.2),
        Growth(1.0, 0, -1.0),
        Growth(1e-100, 0, 30.0),
    ],
)
@pytest.mark.parametrize("order", [0, 5, 40])
def test_the_bound_of_a_tail_holds(growth, order):
    for bits in (0, 10, 60):
        reach, tail = certified._Line(Piece(*LINE, u), growth, order, bits).reach()
        mass = lambda x: abs(hermite_function(order, x)) * mpmath.exp(growth.log_at(float(x)))  # noqa: E731
        assert (
            2 * mpmath.quad(mass, [reach, reach + 2, reach + 8, reach + 25, reach + 60])
            <= mpmath.mpf(str(float(tail))) * 1.0001
        )


@pytest.mark.parametrize(
    "text",
    [
        "log(1e-9+u^2)", "exp(u*softplus(u)/100)", "1/(-2-tanh(u))", "log(2+1/(3+sin(u)))", "1/(1/(2+sin(u))-2)",
        "softplus(u/100)", "(u+5)^3*tanh(u)", "1/(2+tanh(u)^3)", "1/(3-u*exp(-u^2/2))", "(1+u^2)^(u/1000)",
        "1/(5+sinh(u)^2-3*cosh(u))", "sqrt(2+u^2)^3", "1/(2+u^4-2*u^2)", "exp(-1/(1+u^2))", "exp(-abs(u-1))*tanh(u)",
        "log(1+atan(u)^2)", "exp(atan(u)*u/3)", "1/(exp(u)+exp(-u)-1)", "tanh(u)/(1/2+heaviside(u))",
    ],
)  # fmt: skip
def test_growth_bounds_hold_everywhere(text):
    act = activation(text)
    for r in range(3):
        try:
            bound = growth_bound(act, r)
        except NoGrowthBoundError:
            continue
        for piece in act.derivative(r):
            f = sympy.lambdify(u, piece.expression, modules=MPMATH_MODULES)
            for x in (s * mpmath.mpf(10) ** (mpmath.mpf(e) / 4) for s in (-1, 1) for e in range(-24, 17)):
                if piece.low <= float(x) <= piece.high:
                    with mpmath.workdps(30):
                        size = abs(f(x))
                        assert size == 0 or float(mpmath.log(size)) <= bound.log_at(float(x)) + 1e-9, x


def test_growth_bounds_hold_far_out():
    bound, x = growth_bound(activation("exp(u^2/12)")), mpmath.mpf(10) ** 6
    with mpmath.workdps(40):
        assert x * x / 12 <= mpmath.log(bound.constant) + mpmath.mpf(bound.square) * x * x


def random_formula(rng, depth):
    line = lambda: f"({rng.choice(['', '-'])}{rng.choice(['1', '2', '1/3', 'sqrt(2)'])}*u+{rng.choice('012')}/3)"  # noqa: E731
    if depth == 0:
        return rng.choice([line(), "u", f"tanh({line()})", f"sin({line()})"])
    inner = lambda: random_formula(rng, depth - 1)  # noqa: E731
    return rng.choice(
        [
            lambda: f"({inner()}+{inner()})", lambda: f"({inner()})*({inner()})", lambda: f"tanh({inner()})",
            lambda: f"erf({inner()})", lambda: f"atan({inner()})", lambda: f"sqrt(2+({inner()})^2)",
            lambda: f"log(3+({inner()})^2)", lambda: f"1/(1+({inner()})^2)", lambda: f"max({line()},{line()})",
            lambda: f"abs({line()})", lambda: f"softplus({line()})", lambda: f"exp(-({inner()})^2)",
            lambda: f"(1+({inner()})^2)^(1/3)", lambda: f"exp(sin({inner()}))",
        ]
    )()  # fmt: skip


@pytest.mark.parametrize("seed", range(24))
def test_random_formulas_stay_below_their_growth_bounds_and_in_their_balls(seed):
    rng = random.Random(seed)
    try:
        act = activation(random_formula(rng, rng.choice([1, 2])))
        bounds = [growth_bound(act, r) for r in range(3)]
    except (BigthetaError, NotImplementedError):
        return  # refused, or a known fault above
    for r, bound in enumerate(bounds):
        for piece in act.derivative(r):
            f = sympy.lambdify(u, piece.expression, modules=MPMATH_MODULES)
            low, high = max(float(piece.low), -1e3), min(float(piece.high), 1e3)
            for x in (low + (high - low) * rng.random() ** 4 for _ in range(25)):
                size = abs(f(mpmath.mpf(x)))
                assert size == 0 or float(mpmath.log(size)) <= bound.log_at(x) + 1e-9
    ball = number(certified.gaussian_projections(act.pieces, 3, 50)[3])
    x, w = np.polynomial.legendre.leggauss(40)
    kinks = [float(k) for k in act.kinks]
    edges = np.unique([*np.linspace(-20, 20, 161), *kinks])
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    x, w = (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()
    g = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    true, size = (float(np.sum(w * g * f)) for f in (act.values(x) * (x**3 - 3 * x) / math.sqrt(6), act.values(x) ** 2))
    assert abs(true - ball.value) <= float(ball.radius) + 1e-11 * (1 + size)


@pytest.mark.parametrize("order", [3, 40, 80])
@pytest.mark.parametrize(
    "text",
    [
        "u^3*erf(2*u-1)", "u^2*exp(u/2-u^2/3)", "u^2*exp(-u/2+u^2/9)", "sin(u)^3*cos(2*u+1)*u", "max(u-sqrt(2),u/3)^3",
        "exp(2*min(u-1/3,0))*(1+u^2)", "cos(3*u-1)*exp(-u)", "abs(u^3-2*u)", "max(-pi,min(u,pi))",
        "heaviside(u-1)*u^5+sinh(u)",
    ],
)  # fmt: skip
def test_closed_forms_of_every_class_against_balls(text, order):
    act = activation(text)
    exact, formula = exact_projection(act, order), closed_form(act)
    ball = certified.gaussian_projections(act.pieces, order, 120)[order]
    assert exact is not None
    with precision(1500):
        assert ball.overlaps(ball_of(exact))
    if formula is not None:
        shown = formula.subs(j, order)
        middle = number(ball).value
        assert complex(shown.evalf(20, maxn=3000)) == pytest.approx(complex(middle), rel=1e-13, abs=1e-13)
