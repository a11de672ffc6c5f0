"""Where a rule ends: tight intervals and growth exponents, what is just integrable, series that cancel."""

import dataclasses
import importlib
import inspect
import math
import pkgutil
from fractions import Fraction

import mpmath
import msgspec
import numpy as np
import pytest
import sympy
from sympy import Identity, MatrixSymbol, Trace, symbols

import bigtheta.theory
from bigtheta.theory.activation import Piece, u
from bigtheta.theory.balls import ball_function, ball_of, flint, precision
from bigtheta.theory.catalogue import activation
from bigtheta.theory.closed import closed_form, exact_projection, j
from bigtheta.theory.constants import MOST_EXPANDED, Ring
from bigtheta.theory.domain import _check_same, _on
from bigtheta.theory.energy import energy
from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.expansion import Expansion
from bigtheta.theory.growth import Growth, check_square_integrable, growth_bound, interval, piece_growth
from bigtheta.theory.inputs import Dataset, Inputs
from bigtheta.theory.kernel import DotProductKernel, check_truncation
from bigtheta.theory.limits.adversarial import _Threshold
from bigtheta.theory.limits.descent import peaks
from bigtheta.theory.limits.free_numbers import digits_of
from bigtheta.theory.limits.linearise import _floor
from bigtheta.theory.limits.marchenko_pastur import _gauss
from bigtheta.theory.limits.pencil import pencil
from bigtheta.theory.limits.quadratic_base import moments
from bigtheta.theory.limits.quadratic_features import retreat_width
from bigtheta.theory.limits.sobolev import finite_width_limit
from bigtheta.theory.limits.width import _beyond
from bigtheta.theory.model import model as read_model
from bigtheta.theory.number import _up
from bigtheta.theory.scaled import scaled_moment

n, d, lam = symbols("n d lam", positive=True)
X = MatrixSymbol("X", n, d)
TWO, THREE = sympy.Integer(2), sympy.Integer(3)

INTERVALS = [
    (u**2, -1, 2, (0, 4)), (u**2, 1, 2, (1, 4)), (u**2, -3, -2, (4, 9)), (u**3, -1, 2, (-1, 8)), (-u, -1, 2, (-2, 1)),
    (u**-2, 1, 2, (0.25, 1)), (u**-1, 1, 2, (0.5, 1)), (u + 5, -1, 2, (4, 7)), (3 * u, -1, 2, (-3, 6)),
    (sympy.exp(u), -1, 2, (math.exp(-1), math.exp(2))), (sympy.sin(5 * u), -1, 2, (-1, 1)),
    (sympy.tanh(u), -1, 2, (math.tanh(-1), math.tanh(2))), (sympy.sqrt(u + 1), 0, 3, (1, 2)),
    (sympy.log(u), 1, 2, (0, math.log(2))), (sympy.sin(u) ** 2, -1, 2, (0, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("e", "low", "high", "expected"), INTERVALS, ids=[str(case[0]) for case in INTERVALS])
def test_the_interval_of_an_expression_holds_it_and_is_not_wide(e, low, high, expected):
    found = interval(Piece(sympy.Integer(low), sympy.Integer(high), e), e)
    values = sympy.lambdify(u, e)(np.linspace(low, high, 1001))
    assert found[0] <= values.min() * (1 - 1e-12) if values.min() > 0 else found[0] <= values.min() + 1e-12
    assert found[1] >= values.max() - 1e-9
    assert found[0] == pytest.approx(expected[0], rel=0.02, abs=0.02)
    assert found[1] == pytest.approx(expected[1], rel=0.02, abs=0.02)


EXPONENTS = {
    "u": (1, 0, 0), "u^5": (5, 0, 0), "u^2*tanh(u)": (2, 0, 0), "exp(u)": (0, 1, 0), "u*exp(3*u)": (1, 3, 0),
    "sinh(2*u)": (0, 2, 0), "exp(u^2/8)": (0, 0, 0.125), "u^2*exp(u + u^2/8)": (2, 1, 0.125), "sqrt(1+u^2)": (1, 0, 0),
    "tanh(u)": (0, 0, 0), "sin(u)*u": (1, 0, 0), "log(1+u^2)": (1, 0, 0), "log(1+exp(u^2/9))": (2, 0, 0),
    "erf(u)": (0, 0, 0), "atan(u)": (0, 0, 0), "u/(1+u^2)": (1, 0, 0),
    "log(2+cosh(5*u))": (1, 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("formula", EXPONENTS)
def test_growth_bounds_have_the_true_exponents_and_hold(formula):
    act = activation(formula)
    bound = growth_bound(act)
    for found, exact in zip((bound.power, bound.rate, bound.square), EXPONENTS[formula], strict=True):
        assert exact - 1e-12 <= found <= exact + 1e-9
    x = np.concatenate([-np.geomspace(1e-3, 25, 400), np.geomspace(1e-3, 25, 400)])
    size = np.abs(x)
    log = np.log(bound.constant) + bound.power * np.log1p(size) + bound.rate * size + bound.square * x**2
    with np.errstate(divide="ignore"):
        assert np.all(np.log(np.abs(act.numeric()(x))) <= log + 1e-12)


def test_a_growth_bound_in_words():
    assert str(Growth(1.0, 0.0, 0.0, 0.0)) == "1"
    assert str(Growth(1.0, 1.0, 2.0, -0.25)) == "(1 + |u|) exp(2 |u| - 0.25 u^2)"
    assert str(Growth(3.5, 2.0, 0.0, 0.0)) == "3.5 (1 + |u|)^2"
    assert str(Growth(0.5, 0.0, 1.0, 0.0)) == "0.5 exp(|u|)"


@pytest.mark.parametrize(("p", "integrable"), [("3/10", True), ("26/100", True), ("24/100", False), ("1/5", False)])
def test_the_edge_of_what_is_square_integrable(p, integrable):
    """phi = e^{u^2/4} (1 + u^2)^{-p}: phi^2 times the Gaussian is of order |u|^{-4p}."""
    formula = f"exp(u^2/4)/(1+u^2)^({p})"
    if integrable:
        check_square_integrable(activation(formula))
    else:
        with pytest.raises(InvalidInputError, match="not square-integrable"):
            check_square_integrable(activation(formula))


def test_two_forms_of_one_formula_are_told_from_two_formulas():
    _check_same("x", sympy.tanh(u), (sympy.exp(2 * u) - 1) / (sympy.exp(2 * u) + 1))
    _check_same("x", 10**6 * u, 10**6 * u * (1 + sympy.Rational(1, 10**16)))
    for other in (u + sympy.Rational(1, 10**12), u * (1 + sympy.Rational(1, 10**12)), u**2):
        with pytest.raises(InvalidInputError, match="could not be read faithfully"):
            _check_same("x", u, other)


def test_complex_values_are_no_numbers_unless_their_imaginary_part_is_rounding():
    grid = np.array([-1.0, 4.0])
    with np.errstate(all="ignore"):
        root = _on(sympy.sqrt(u) + 0 * sympy.I, grid)
        mixed = _on(u + sympy.I * u * 1e-15, grid)
        bad = _on(u + sympy.I, grid)
    assert root[1] == 2
    assert mixed.tolist() == grid.tolist()
    assert np.isnan(bad).all()
    assert not np.iscomplexobj(bad)


@pytest.mark.parametrize(
    ("text", "said"), [
        ("sqrt(log(-1-u**2))", "where -u**2 - 1 is negative"),
        ("log(log(-1-u**2))", "where -u**2 - 1 is negative"),
        ("sqrt(1 + exp(exp(exp(u**2 + 9))))", "is not a finite real number at u = -8"),
    ],
)  # fmt: skip
def test_the_innermost_part_that_is_not_real_is_named(text, said):
    with pytest.raises(InvalidInputError) as error:
        activation(text)
    assert str(error.value).endswith(said)


@pytest.mark.parametrize("power", ["3/2", "5/2", "-3/2", "1/2", "-1/2", "1/3"])
def test_balls_of_powers(power):
    exponent = sympy.Rational(power)
    with precision(100):
        (found, exact) = ball_function((1 + u**2) ** exponent)(flint.arb(2)), flint.arb(5) ** ball_of(exponent)
        assert found.overlaps(exact)
        assert not found.overlaps(exact + flint.arb("1e-20"))


# Kernels whose parts nearly cancel


@pytest.mark.parametrize("small", [1e-3, 1e-9, 1e-14])
def test_the_nonlinear_part_of_a_nearly_linear_kernel(small):
    kernel = DotProductKernel(np.array([0.0, 1.0, small, 0.0]), 1.0 + small)
    assert kernel.a_star == pytest.approx(small, rel=1e-12)
    assert kernel.effective_ridge == pytest.approx(small, rel=1e-12)


def test_a_kernel_whose_coefficients_do_not_hold_all_there_is():
    kernel = DotProductKernel(np.array([0.0, 1.0, 1e-9, 0.0]), 1.0 + 3e-9)
    assert kernel.a_star == pytest.approx(3e-9, rel=1e-6)
    assert DotProductKernel(np.array([0.25, 0.5, 0.0]), 0.75).a_star == 0


def test_what_lies_beyond_the_first_terms():
    assert _beyond(np.array([1.0, 1e-9, 0.0]), 1.0 + 1e-9, 1) == pytest.approx(1e-9, rel=1e-12)
    assert _beyond(np.array([1.0, 0.25]), 2.0, 1) == 1.0
    assert _beyond(np.array([1.0, 0.0]), 1.0, 1) == 0


def test_a_truncation_is_checked_with_its_derivatives():
    taylor = np.array([0.5, 0.25, 0.0, 0.0, 1e-12])
    check_truncation(taylor, 2, 1.0, 1.0, derivatives=1)
    with pytest.raises(BigthetaError, match=r"leave out 1\.6e-11"):
        check_truncation(taylor, 2, 1.0, 1.0, derivatives=2)
    check_truncation(taylor, 5, 1.0, 1.0, derivatives=9)
    check_truncation(taylor, 2, 1.0, 0.5, derivatives=2)


# Coefficients of Gaussian waves, as formulas in the order


@pytest.mark.parametrize("formula", ["exp(u-u^2/3)", "exp(-u^2)", "exp(u^2/8)", "exp(2*u)", "sin(2*u)"])
def test_a_formula_in_the_order_is_there_and_right(formula):
    act = activation(formula)
    general = closed_form(act)
    assert general is not None
    for order in range(7):
        exact = exact_projection(act, order)
        assert complex(general.subs(j, order)).real == pytest.approx(float(exact), rel=1e-12, abs=1e-14)
    assert float(energy(act).value) > 0


# Peaks


@pytest.mark.parametrize("name", ["tanh", "cos"])
def test_a_limit_that_is_infinite_at_the_last_size_has_its_peak_there(name):
    assert peaks("neural-tangent", name, d=6, k=5)[-1] == 30
    assert peaks("random-features", name, d=6, k=5)[-1] == 5


# Pencils


def resolvent(shift, weight=1):
    return weight * Trace((shift * lam * Identity(n) + X * X.T).inverse())


def test_a_sum_of_traces_is_the_sum():
    values = {"lam": 0.3, "n": 40, "d": 60}
    one, two, both = (
        pencil(expression, {X: 1 / d}).solve(values).trace
        for expression in (resolvent(1), resolvent(2), resolvent(1, TWO) + resolvent(2, THREE))
    )
    assert both == pytest.approx(2 * one + 3 * two, rel=1e-12)


@pytest.mark.parametrize(
    ("matrix", "floor"),
    [
        (Identity(n), 1), (2 * Identity(n), 2), (X * X.T, 0), (lam * Identity(n) + X * X.T, lam),
        ((lam * Identity(n) + X * X.T).inverse(), 0), (X * (2 * Identity(d)) * X.T, 0), (-Identity(n), None),
        (X * X.T - Identity(n), None),
    ],
)  # fmt: skip
def test_the_floor_of_a_matrix(matrix, floor):
    found = _floor(matrix, {})
    assert found == floor if floor is not None else found is None


@pytest.mark.parametrize("digits", [0, 301, 9.5])
def test_digits_of_a_limit(digits):
    law = pencil(resolvent(1), {X: 1 / d})
    with pytest.raises(InvalidInputError, match="digits"):
        law.limit("lam", {"n": 40, "d": 60}, digits=digits)


def test_numbers_are_taken_exactly():
    with mpmath.workdps(40):
        third = mpmath.mpf(1) / 3
        for value in (Fraction(1, 3), sympy.Rational(1, 3)):
            assert abs(digits_of(value) - third) < mpmath.mpf(10) ** -39
        assert digits_of(0.1) == mpmath.mpf(0.1)
        assert digits_of("0.1") != mpmath.mpf(0.1)
        assert digits_of(np.float64(0.5)) == digits_of(sympy.Rational(1, 2)) == mpmath.mpf("0.5")
        assert digits_of(7) == digits_of(np.int64(7)) == 7


def test_a_kink_alone_has_no_growth():
    assert piece_growth(Piece(sympy.Integer(0), sympy.Integer(1), sympy.Integer(0))).constant > 0


def test_a_power_is_multiplied_out_only_if_that_is_short():
    """(1 + x + y + z)^8 has 165 terms, the ninth power 220."""
    ring = Ring(symbols("x y z"), limit=10_000)
    sum_of_four = ring.add([{(): 1}, *({((i, 1),): 1} for i in range(3))])
    assert len(ring.natural_power(sum_of_four, 8)) == 165 < MOST_EXPANDED < 220
    assert ring.natural_power(sum_of_four, 9) is None


@pytest.mark.parametrize("at", ["- 3/2500", "+ 3/2500"])
def test_a_pole_between_two_points_of_the_grid_is_seen_on_either_side(at):
    with pytest.raises(InvalidInputError, match="has a pole"):
        activation(f"1/(cosh(u {at}) - 1)")


def test_a_trace_that_vanishes_is_not_in_the_printed_sum():
    """E Tr R X = 0: X and -X have one law, and R is even in X."""
    n, lam = symbols("n lam", positive=True)
    x = MatrixSymbol("X", n, n)
    resolvent = (lam * Identity(n) + x * x.T).inverse()
    law = pencil(Trace(resolvent * x), {x: 1 / n})
    assert law.equations().trace == 0 == law.solve({"n": 10, "lam": 0.5}).trace


@pytest.mark.parametrize(("d", "k"), [(411, 1233), (450, 1350)])
def test_a_peak_between_two_points_of_the_scan_is_found(d, k):
    model = {"kind": "random-features", "weights": "small"}
    n = np.arange(d - 30, d + 31)
    spec, tanh = read_model(model), activation("tanh")
    highest = n[np.argmax(finite_width_limit(spec, tanh, n=n, d=d, k=k, ridge=0.0, noise=1.0, signal=0.0))]
    assert peaks(model, "tanh", d, k, prominence=2) == [highest, k]


@pytest.mark.parametrize("terms", [{((0, 1),): Fraction(-1, 2)}, {(): Fraction(-1, 2)}, {((0, 1),): -1, (): 3}])
def test_the_sign_of_a_sum_with_a_small_negative_coefficient(terms):
    x = symbols("x", positive=True)
    expansion = Expansion(x, x)
    assert expansion.sign(terms) == -1
    assert expansion.sign({m: -c for m, c in terms.items()}) == 1


@pytest.mark.parametrize("figures", range(10, 100, 7))
@pytest.mark.parametrize("excess", [0, 1e-14])
def test_a_printed_radius_is_never_less_than_the_radius(figures, excess):
    radius = mpmath.mpf(figures) / 10 * mpmath.mpf(10) ** -7 * (1 + mpmath.mpf(excess))
    assert mpmath.mpf(_up(radius)) >= radius
    assert mpmath.mpf(_up(radius)) <= radius * 1.11


@pytest.mark.parametrize("radii", [{}, "abc", object(), None, [], [[1.0]], [-1.0]])
def test_radii_that_are_no_list_of_positive_numbers(radii):
    with pytest.raises(InvalidInputError, match="expected a list of positive numbers"):
        scaled_moment(activation("tanh"), radii)


def test_what_theory_hands_out_cannot_be_changed():
    """Results are kept in caches and shared."""
    for module in pkgutil.walk_packages(bigtheta.theory.__path__, "bigtheta.theory."):
        for name, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if dataclasses.is_dataclass(kind):
                assert kind.__dataclass_params__.frozen, name
            if issubclass(kind, msgspec.Struct):
                assert kind.__struct_config__.frozen or kind is msgspec.Struct, name


@pytest.mark.parametrize("kind", Inputs.__subclasses__(), ids=lambda kind: kind.__name__)
def test_inputs_are_written_without_their_defaults(kind):
    assert msgspec.to_builtins(kind()) == {"kind": kind.__struct_config__.tag}


def test_the_path_of_a_dataset_tells_experiments_apart_only_if_its_content_is_not_known():
    given = {"name": "digits", "path": "mine.npz"}
    assert Dataset(**given).canonical == {"kind": "dataset", "name": "digits"}
    assert Dataset(**given, unchecked=True).canonical == {"kind": "dataset", "unchecked": True} | given


def test_a_power_of_a_number_near_one_has_many_digits_too():
    with pytest.raises(InvalidInputError, match="a power of numbers has too many digits"):
        activation("u*(1 + sqrt(2)/10**9)**(10**6)")
    assert activation("u*(1 + sqrt(2)/10**9)**100").parity.value == "odd"


def test_no_width_retreats_without_a_quadratic_part():
    with pytest.raises(InvalidInputError, match="lambda_2=0"):
        retreat_width((0, 0, 0, 1.0))


def test_a_peak_at_the_second_sample_is_found():
    assert peaks("random-features", "relu", d=6, k=2) == [2]


def test_the_energy_of_a_slope_beyond_the_terms_that_are_summed():
    """hardtanh' = 1{|u| < 1}: E phi'^2 = E phi' = lambda_1 = erf(1/sqrt 2). Of relu and abs both energies are one."""
    inside = math.erf(1 / math.sqrt(2))
    assert moments("hardtanh").slope == pytest.approx(inside - inside**2, rel=1e-9)


@pytest.mark.parametrize("nu", [1e-3, 0.03, 0.0999, 0.1, 0.7, 4.0])
def test_the_second_moment_of_what_is_cut_off(nu):
    with mpmath.workdps(30):
        expected = mpmath.sqrt(2 / mpmath.pi) * mpmath.quad(lambda t: t**2 * mpmath.exp(-(t**2) / 2), [0, nu])
    assert _Threshold(nu).inside == pytest.approx(float(expected), rel=1e-12)


def test_nodes_that_are_kept_cannot_be_written_to():
    assert not any(array.flags.writeable for array in _gauss(0.5, 8))


@pytest.mark.parametrize(("text", "known"), [("erf(u)*u", True), ("erf(u)*cos(2*u)", False), ("erf(u)*exp(u)", False)])
def test_an_error_function_times_a_wave_has_no_form_in_the_order(text, known):
    assert (exact_projection(activation(text), 2) is not None) == known


def test_a_matrix_stands_for_its_trace_and_sixteen_digits_are_no_float():
    n, lam = symbols("n lam", positive=True)
    x = MatrixSymbol("X", n, n)
    resolvent = (lam * Identity(n) + x * x.T).inverse()
    bare, traced = (pencil(e, {x: 1 / n}).solve({"n": 1, "lam": 0.5}, digits=16) for e in (resolvent, Trace(resolvent)))
    assert bare.trace == traced.trace == pytest.approx(1.0)
    assert isinstance(bare.derivative("lam"), mpmath.mpf)
