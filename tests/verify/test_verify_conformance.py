"""check_activation: passes the whole catalogue, and each check rejects what it is there to reject."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
import torch

from bigtheta.testing import CheckResult, Claims, ConformanceError, Outcome, check_activation
from bigtheta.theory.activation import Activation, Parity, u
from bigtheta.theory.catalogue import CATALOGUE, activation
from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.growth import Growth, NoGrowthBoundError
from bigtheta.theory.number import Certified, Estimated, Exact
from bigtheta.verify.reference import Reference, normal_expectation, rounding_bound, scan_for_jumps

NAMES = (
    "kinks", "parity", "derivative-autograd", "derivative-differences", "growth", "coefficients-tiers",
    "coefficients-quadrature", "parseval", "torch-float64", "torch-float32",
)  # fmt: skip


@functools.cache
def right(act: str) -> Claims:
    """What bigtheta derives; the coefficients are computed once."""
    claims = Claims.of(activation(act))
    return dataclasses.replace(claims, tiers=functools.cache(claims.tiers))


def failures(act: str, **changes: Any) -> dict[str, str]:
    """The checks that fail when some claims are replaced."""
    claims = dataclasses.replace(right(act), **changes)
    results = check_activation(act, raises=False, claims=claims)
    assert tuple(result.name for result in results) == NAMES
    return {result.name: result.detail for result in results if result.outcome is Outcome.FAILED}


@pytest.mark.slow
@pytest.mark.parametrize("name", CATALOGUE)
def test_the_catalogue_conforms(name: str) -> None:
    results = check_activation(name)
    assert tuple(result.name for result in results) == NAMES
    assert [result for result in results if result.outcome is not Outcome.PASSED] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "hermite(j=10)", "exp(rate=3)", "sin(30*u)", "leaky_relu(slope=0.999)", "max(u,1) + max(u-1/3,0)", "3",
        "cos(u)*exp(u/2)", "atan(100*u)", "1/(1+exp(-u**3))", "u*exp(-u**2)", "abs(abs(u)-1)", "sqrt(u**2+1)+u",
    ],
)  # fmt: skip
def test_formulas_conform(name: str) -> None:
    check_activation(name, seed=1)


# --- each check can fail, and only the one concerned -----------------------------------------------------------------


def wrong_derivative(order: int) -> Callable[[Any], Any]:
    """phi' of tanh, a thousandth too large."""
    function = activation("tanh").numeric(order)
    return lambda x: function(x) * (1.001 if order == 1 else 1.0)


def test_a_wrong_derivative_is_found() -> None:
    found = failures("tanh", derivative=wrong_derivative)
    assert set(found) == {"derivative-autograd", "derivative-differences", "parseval"}
    assert "derivative 1 at u = " in found["derivative-autograd"]
    assert "but central differences give" in found["derivative-differences"]


@pytest.mark.parametrize(
    ("act", "kinks", "message"),
    [
        ("relu", (), "phi' jumps at u = "),
        ("relu", (0.5,), "phi' jumps at u = "),
        ("hardtanh", (1.0,), "phi' jumps at u = -1,"),
        ("step", (), "phi jumps at u = "),
        ("leaky_relu(slope=0.99)", (), "phi' jumps at u = "),
        ("max(u, 25)", (), "phi' jumps at u = 25,"),
    ],
)
def test_a_kink_that_is_not_declared_is_found(act: str, kinks: tuple[float, ...], message: str) -> None:
    assert message in failures(act, kinks=kinks)["kinks"]


@pytest.mark.parametrize(
    ("act", "parity", "message"),
    [
        ("relu", Parity.EVEN, "declared even, but phi(-x) differs"),
        ("relu", Parity.ODD, "declared odd, but phi(-x) differs"),
        ("tanh", Parity.EVEN, "declared even, but phi(-x) differs"),
        ("abs", Parity.NONE, "declared neither even nor odd, but phi is even"),
        ("u + u**2/10^9", Parity.ODD, "declared odd"),
    ],
)
def test_a_wrong_parity_is_found(act: str, parity: Parity, message: str) -> None:
    found = failures(act.replace("^", "**"), parity=parity)
    assert list(found) == ["parity"]
    assert message in found["parity"]


@pytest.mark.parametrize(
    ("act", "bounds"),
    [
        ("cubic", (Growth(1.0, power=2.9), Growth(3.0, power=2), Growth(6.0, power=1))),
        ("cubic", (Growth(1.0, power=3), Growth(2.0, power=2), Growth(6.0, power=1))),
        ("cubic", (Growth(1.0, power=3), Growth(3.0, power=2), Growth(1.0, power=1))),
        ("tanh", (Growth(0.99), Growth(1.0), Growth(1.0))),
        ("exp", (Growth(1.0, rate=0.99), Growth(1.0, rate=1), Growth(1.0, rate=1))),
    ],
)
def test_a_wrong_growth_bound_is_found(act: str, bounds: tuple[Growth, ...]) -> None:
    found = failures(act, growth=bounds.__getitem__)
    assert list(found) == ["growth"]
    assert "above its bound" in found["growth"]


def test_a_bound_that_does_not_exist_is_skipped() -> None:
    def none(order: int) -> Growth:
        raise NoGrowthBoundError("no bound is known")

    claims = dataclasses.replace(right("tanh"), growth=none)
    (result,) = (r for r in check_activation("tanh", claims=claims) if r.outcome is not Outcome.PASSED)
    assert (result.name, result.outcome) == ("growth", Outcome.SKIPPED)
    assert "no bound is known" in result.detail


def shifted(name: str, j: int, by: float) -> Callable[[int], Any]:
    """The tiers of relu with one coefficient of one route moved."""

    def tiers(order: int) -> dict[str, tuple[Any, ...]]:
        found = dict(right("relu").tiers(order))
        numbers = list(found[name])
        old = numbers[j]
        if isinstance(old, Exact):
            numbers[j] = Exact(old.expression + sympy.Float(by))
        elif isinstance(old, Certified):
            numbers[j] = Certified(old.midpoint + by, old.radius)
        else:
            numbers[j] = Estimated(old.number + by, old.error)
        return found | {name: tuple(numbers)}

    return tiers


@pytest.mark.parametrize("name", ["exact", "certified", "estimated"])
def test_a_wrong_coefficient_is_found(name: str) -> None:
    found = failures("relu", tiers=shifted(name, 4, 1e-7))
    assert {"coefficients-tiers", "coefficients-quadrature"} <= set(found)
    assert "mu_4" in found["coefficients-tiers"]
    assert f"mu_4: {name} gives" in found["coefficients-quadrature"]
    small = failures("relu", tiers=shifted(name, 4, 1e-14))
    assert list(small) == ["coefficients-tiers"], "below what quadrature sees, the routes still disagree"


def test_coefficients_that_are_wrong_by_every_route_are_found() -> None:
    assert {"coefficients-quadrature", "parseval"} <= set(failures("gelu", tiers=right("gelu_tanh").tiers))


@pytest.mark.parametrize("field", ["energy", "tail_energy"])
def test_a_wrong_energy_is_found(field: str) -> None:
    function = getattr(right("relu"), field)
    found = failures("relu", **{field: lambda order: Estimated(function(order).value + 1e-6, 1e-9)})
    assert list(found) == ["parseval"]


def test_a_wrong_energy_of_the_derivative_is_found() -> None:
    def energy(order: int, change: float) -> Estimated:
        return Estimated(right("relu").energy(order).value + order * change, 1e-9)

    for change in (-0.2, 1e-5):  # below the sum of j mu_j^2, and above it
        assert list(failures("relu", energy=functools.partial(energy, change=change))) == ["parseval"]


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        (lambda value, x: value * (1 + 1e-5), {"torch-float64", "torch-float32"}),
        (lambda value, x: torch.where(x.abs() > 5000, math.nan * x, value), {"torch-float64", "torch-float32"}),
        (lambda value, x: value.float().to(x.dtype), {"torch-float64"}),
    ],
    ids=["relative 1e-5", "nan far out", "float32 inside"],
)
def test_a_wrong_torch_function_is_found(order: int, wrong: Callable[..., Any], where: set[str]) -> None:
    function = right("swish").function

    def changed(asked: int) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda x: wrong(function(asked)(x), x) if asked == order else function(asked)(x)

    found = failures("swish", function=changed)
    assert where <= set(found)
    assert f"derivative {order} at u = " in found["torch-float64"]


def test_formulas_that_overflow_inside_are_found() -> None:
    (result,) = (r for r in check_activation("u**40/(1 + u**40)", raises=False) if r.name == "torch-float32")
    assert result.outcome is Outcome.FAILED
    assert result.detail.startswith("derivative 0 at u = ")
    assert "gives nan, but the expression 1.0 +- " in result.detail


def test_an_implementation_that_raises_fails_its_check_only() -> None:
    def tail(order: int) -> Any:
        raise RuntimeError("out of order")

    found = failures("tanh", tail_energy=tail)
    assert found == {"parseval": "RuntimeError: out of order"}


def test_what_cannot_be_simulated_is_skipped() -> None:
    act = Activation("inverse", sympy.asinh(u))
    outcomes = {r.name: r for r in check_activation(act, raises=False)}
    for name in ("derivative-autograd", "torch-float64", "torch-float32"):
        assert outcomes[name].outcome is Outcome.SKIPPED
        assert "cannot simulate" in outcomes[name].detail


# --- results and errors ----------------------------------------------------------------------------------------------


def test_the_error_lists_every_failure() -> None:
    claims = dataclasses.replace(right("relu"), kinks=(), parity=Parity.EVEN)
    with pytest.raises(ConformanceError, match=r"activation 'relu' fails \d of 10 checks:\n  kinks: ") as caught:
        check_activation("relu", claims=claims)
    assert isinstance(caught.value, AssertionError)
    assert isinstance(caught.value, BigthetaError)
    failed = [result for result in caught.value.results if result.outcome is Outcome.FAILED]
    for result in failed:
        assert f"\n  {result.name}: {result.detail}" in str(caught.value)
    assert {"kinks", "parity"} <= {result.name for result in failed}


def test_results_are_records() -> None:
    results = check_activation("identity")
    assert all(isinstance(result, CheckResult) and result.detail for result in results)
    assert str(results[0]).startswith("kinks: passed: ")


def test_the_same_seed_gives_the_same_results() -> None:
    assert check_activation("softsign", seed=3) == check_activation("softsign", seed=3)


@pytest.mark.parametrize(("act", "message"), [("rellu", "unknown activation"), ("1/u", "pole"), (3, "expected a name")])
def test_what_is_no_activation(act: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        check_activation(act)


def test_claims_must_be_claims() -> None:
    with pytest.raises(InvalidInputError, match=r"expected Claims but got \{'kinks': \(\)\}"):
        check_activation("relu", claims={"kinks": ()})  # type: ignore[arg-type]


# --- the references, against mathematics that is known ---------------------------------------------------------------


def test_reference_values_and_differences() -> None:
    with mpmath.workdps(40):
        x = mpmath.mpf("0.7")
        for name, values in {
            "tanh": (mpmath.tanh(x), mpmath.sech(x) ** 2, -2 * mpmath.tanh(x) * mpmath.sech(x) ** 2),
            "softplus": (
                mpmath.log(1 + mpmath.exp(x)),
                1 / (1 + mpmath.exp(-x)),
                mpmath.sech(mpmath.mpf(x) / 2) ** 2 / 4,
            ),
            "step": (1, 0, 0),
        }.items():
            reference = Reference(activation(name))
            assert abs(reference(x) - values[0]) < 1e-38
            for order in (1, 2):
                assert abs(reference.central(x, order) - values[order]) < 1e-30
    sides, _ = Reference(activation("abs")).sides([0.0], 1)
    assert [float(side) for side in sides] == [-1.0, 1.0]
    sides, _ = Reference(activation("step")).sides([0.0], 0)
    assert [float(side) for side in sides] == [0.0, 0.0, 1.0], "at 0, on its left, on its right"


def test_reference_error_bounds_the_error() -> None:
    for name, slope in (("exp(rate=3)", 9.0), ("sin(frequency=30)", 0.0), ("cos(frequency=30)", -900.0)):
        sides, error = Reference(activation(name)).sides([0.0], 2)
        for side in sides:
            assert abs(side - slope) <= error < 1e-12


def test_jumps_are_found_where_they_are() -> None:
    act = activation("max(u, 1/3) + heaviside(u - pi) + abs(u + 7)/1000")
    found = sorted(scan_for_jumps(Reference(act), []))
    assert [(round(at, 6), what) for at, what in found] == [(-7.0, "phi'"), (0.333333, "phi'"), (3.141593, "phi")]
    assert scan_for_jumps(Reference(act), [float(kink) for kink in act.kinks]) == []


@pytest.mark.parametrize("act", ["sin(100*u)", "atan(1000*u)", "hermite(j=20)", "relu_power(p=2)", "exp(3*u)"])
def test_smooth_functions_have_no_jumps(act: str) -> None:
    assert scan_for_jumps(Reference(activation(act)), []) == []


@pytest.mark.parametrize(
    ("act", "j", "value"),
    [
        ("relu", 0, 1 / math.sqrt(2 * math.pi)),
        ("relu", 2, 1 / (2 * math.sqrt(math.pi))),
        ("exp", 3, math.exp(0.5) / math.sqrt(6)),  # E e^G h_j = sqrt(e) / sqrt(j!)
        ("cubic", 3, math.sqrt(6)),
        ("step", 1, 1 / math.sqrt(2 * math.pi)),
    ],
)
def test_expectations(act: str, j: int, value: float) -> None:
    found, error = normal_expectation(activation(act), [0.0], hermite=j)
    assert abs(found - value) < error < 1e-9


def test_expectation_of_a_square() -> None:
    found, error = normal_expectation(activation("exp"), [], square_of=np.exp)
    assert abs(found - math.exp(2)) < error < 1e-9


def test_rounding_bounds_contain_the_rounding() -> None:
    eps = float(np.finfo(np.float32).eps)
    x = np.linspace(-6, 6, 241).astype(np.float32)
    for name in ("gelu", "swish", "gelu_tanh", "hermite(j=6)"):
        act = activation(name)
        function = Claims.of(act).function(1)
        values, exact = function(torch.tensor(x)).double().numpy(), act.numeric(1)(x.astype(float))
        bounds = np.array([float(rounding_bound(act, 1, float(point), eps)) for point in x])
        assert (np.abs(values - exact) <= 8 * bounds + 1e-30).all()
        assert np.median(bounds / (1 + np.abs(exact))) < 1e-4, "a bound that could reject something"
