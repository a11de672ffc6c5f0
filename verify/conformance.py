"""Conformance: does everything that bigtheta derives from an activation agree with the expression it is derived from?

The reference is the expression as it was written, evaluated in mpmath, and one quadrature of our own; what is held
against it (`Claims`) is what laws and simulators use. For plugins: `from bigtheta.testing import check_activation`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, partial
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
import sympy
import torch

from bigtheta.numerics.lower import TorchFunction, check_lowerable, lower_activation
from bigtheta.theory.activation import Activation, Parity, u
from bigtheta.theory.catalogue import activation
from bigtheta.theory.energy import energy, tail_energy
from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.growth import Growth, NoGrowthBoundError, growth_bound
from bigtheta.theory.hermite import tiers
from bigtheta.theory.number import Certified, Estimated, Exact, Number
from bigtheta.verify.reference import Reference, normal_expectation, rounding_bound, scan_for_jumps

__all__ = ["CheckResult", "Claims", "ConformanceError", "Outcome", "check_activation"]

Array = npt.NDArray[np.float64]
ORDER = 8
"""Hermite coefficients up to this order are checked."""
_AWAY = 1e-3
"""Points of derivative checks keep this distance from kinks."""


class Outcome(Enum):
    """How one check ended; SKIPPED: it does not apply, the detail says why."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class CheckResult:
    """One named check, how it ended, and what was found."""

    name: str
    outcome: Outcome
    detail: str

    def __str__(self) -> str:
        return f"{self.name}: {self.outcome.value}: {self.detail}"


class ConformanceError(BigthetaError, AssertionError):
    """An activation fails checks of `check_activation`; the message lists them all, `results` has every check."""

    def __init__(self, message: str, results: tuple[CheckResult, ...] = ()) -> None:
        super().__init__(message)
        self.results = results


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What is held against the expression; replace a field to check an implementation of your own.

    Attributes:
        derivative: order -> numpy function, phi^(order) off the kinks.
        function: order -> torch function of a tensor.
        kinks: where phi or one of its derivatives jumps.
        parity: even, odd or neither.
        growth: order -> a bound of |phi^(order)|.
        tiers: order J -> mu_0 ... mu_J by each route.
        energy: order -> E phi^(order)(G)^2.
        tail_energy: order J -> the sum of mu_j^2 over j > J.
    """

    derivative: Callable[[int], Callable[[Array], Array]]
    function: Callable[[int], TorchFunction]
    kinks: tuple[float, ...]
    parity: Parity
    growth: Callable[[int], Growth]
    tiers: Callable[[int], Mapping[str, tuple[Number, ...]]]
    energy: Callable[[int], Number]
    tail_energy: Callable[[int], Number]

    @classmethod
    def of(cls, act: Activation) -> Claims:
        """Return what bigtheta derives.

        >>> Claims.of(activation("relu")).kinks
        (0.0,)
        """
        return cls(
            derivative=act.numeric,
            function=partial(lower_activation, act),
            kinks=tuple(float(kink) for kink in act.kinks),
            parity=act.parity,
            growth=partial(growth_bound, act),
            tiers=partial(tiers, act),
            energy=partial(energy, act),
            tail_energy=partial(tail_energy, act),
        )


def check_activation(
    act: Activation | str, *, raises: bool = True, seed: int = 0, claims: Claims | None = None
) -> tuple[CheckResult, ...]:
    """Check all that is derived from an activation against its expression; return the results, one for each check.

    Derivatives against autograd and central differences, kinks against a numeric scan, the parity, the growth bounds
    up to |u| = 10^4, the Hermite coefficients by every route and by quadrature, Parseval's identity
    sum_j mu_j^2 = E phi(G)^2, and the torch function in float32 and float64 at random, huge and kink inputs.

    Args:
        act: an activation, a name or a formula.
        raises: raise if a check fails; otherwise only say so in the results.
        seed: of the random points.
        claims: instead of what bigtheta derives.

    Raises:
        ConformanceError: listing every check that failed.
        InvalidInputError: for an unknown name or a bad formula.

    >>> results = check_activation("tanh")
    >>> {result.outcome.value for result in results}
    {'passed'}
    """
    act = activation(act)
    if claims is not None and not isinstance(claims, Claims):
        raise InvalidInputError(f"claims: expected Claims but got {claims!r}; replace fields of Claims.of(act)")
    case = _Case(act, claims or Claims.of(act), Reference(act), np.random.default_rng(seed))
    results = tuple(_result(name, check, case) for name, check in _CHECKS.items())
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    if failed and raises:
        lines = "".join(f"\n  {result.name}: {result.detail}" for result in failed)
        raise ConformanceError(f"activation {act.name!r} fails {len(failed)} of {len(results)} checks:{lines}", results)
    return results


class _FailedError(Exception):
    """A check found a disagreement."""


class _SkippedError(Exception):
    """A check does not apply."""


@dataclass(frozen=True)
class _Case:
    act: Activation
    claims: Claims
    reference: Reference
    rng: np.random.Generator

    @cached_property
    def tiers(self) -> Mapping[str, tuple[Number, ...]]:
        return self.claims.tiers(ORDER)

    def points(self, count: int) -> Array:
        """Random points and points beside each kink, at least `_AWAY` from every kink."""
        beside = [kink + side for kink in self.claims.kinks for side in (-0.05, 0.05)]
        x = np.concatenate([self.rng.normal(0.0, 3.0, count), beside])
        gaps = np.abs(x[:, None] - np.array(self.claims.kinks)[None, :])
        return np.asarray(x[(gaps > _AWAY).all(axis=1)])


def _result(name: str, check: Callable[[_Case], str], case: _Case) -> CheckResult:
    try:
        return CheckResult(name, Outcome.PASSED, check(case))
    except _SkippedError as reason:
        return CheckResult(name, Outcome.SKIPPED, str(reason))
    except _FailedError as reason:
        return CheckResult(name, Outcome.FAILED, str(reason))
    except Exception as error:  # an implementation that raises fails its check, and the others go on
        return CheckResult(name, Outcome.FAILED, f"{type(error).__name__}: {error}")


def _kinks(case: _Case) -> str:
    """No jump of phi or phi' but at the declared kinks."""
    found = scan_for_jumps(case.reference, case.claims.kinks)
    if found:
        at, what = found[0]
        raise _FailedError(f"{what} jumps at u = {at:.6g}, which is not among the kinks {list(case.claims.kinks)}")
    return f"no jump of phi or phi' on [-30, 30] but at {list(case.claims.kinks)}"


def _parity(case: _Case) -> str:
    """phi(-x) = +-phi(x) where declared, and at some point neither where not."""
    x = [mpmath.mpf(float(point)) for point in np.abs(case.points(40))]
    with mpmath.workdps(40):
        pairs = [(case.reference(-point), case.reference(point)) for point in x]
        gaps = {
            parity: max(abs(left - sign * right) / (1 + abs(right)) for left, right in pairs)
            for parity, sign in ((Parity.EVEN, 1), (Parity.ODD, -1))
        }
    declared = case.claims.parity
    if declared in gaps and gaps[declared] > 1e-25:
        raise _FailedError(f"declared {declared.value}, but phi(-x) differs by {mpmath.nstr(gaps[declared], 3)}")
    looks = [parity for parity, gap in gaps.items() if gap < 1e-25]
    if declared not in gaps and looks:
        raise _FailedError(f"declared {declared.value}, but phi is {looks[0].value} at {len(x)} random points")
    return f"{declared.value} at {len(x)} random points"


def _autograd(case: _Case) -> str:
    """phi' and phi'' against torch's autograd of phi and phi', in float64."""
    _need_torch(case)
    x = case.points(60)
    worst = 0.0
    for order in (1, 2):
        tensor = torch.tensor(x, requires_grad=True)
        value = case.claims.function(order - 1)(tensor)
        slope = torch.zeros_like(tensor)
        if value.requires_grad:
            (found,) = torch.autograd.grad(value.sum(), tensor, allow_unused=True)
            slope = slope if found is None else found
        known = np.isfinite(slope.numpy())  # a branch that is not taken, as in |u|^(3/2), makes it nan
        if not known.any():
            raise _SkippedError("autograd is nan")
        claimed = case.claims.derivative(order)(x)
        worst = max(worst, _close(claimed[known], slope.numpy()[known], x[known], f"derivative {order}", "autograd"))
    return f"derivatives 1 and 2 at {len(x)} points, largest relative difference {worst:.1e}"


def _differences(case: _Case) -> str:
    """phi' and phi'' against central differences of the expression in mpmath."""
    x = case.points(30)
    worst = 0.0
    for order in (1, 2):
        exact = np.array([float(case.reference.central(float(point), order)) for point in x])
        claimed = case.claims.derivative(order)(x)
        worst = max(worst, _close(claimed, exact, x, f"derivative {order}", "central differences"))
    return f"derivatives 1 and 2 at {len(x)} points, largest relative difference {worst:.1e}"


def _growth(case: _Case) -> str:
    """|phi^(order)| below its bound at points up to 10^4."""
    sizes = np.concatenate([[1e-3, 0.1, 1e3, 1e4], 10 ** case.rng.uniform(-2, 4, 30)])
    x = np.concatenate([case.points(20), sizes, -sizes])
    missing = []
    for order in (0, 1, 2):
        try:
            bound = case.claims.growth(order)
        except NoGrowthBoundError as error:
            missing.append(f"derivative {order}: {error}")
            continue
        for point in map(float, x):
            if min((abs(point - kink) for kink in case.claims.kinks), default=1.0) < 1e-9:
                continue
            value = case.reference(mpmath.mpf(point)) if order == 0 else case.reference.central(point, order)
            limit = bound.log_at(point)
            least = abs(value) - case.reference.error(point)
            if least > 0 and mpmath.log(least) > limit + 1e-9 * (1 + abs(limit)):
                raise _FailedError(
                    f"derivative {order} at u = {point:.6g} is {mpmath.nstr(value, 6)}, above its bound e^{limit:.6g}"
                )
    if missing:
        raise _SkippedError("; ".join(missing))
    return f"derivatives 0, 1 and 2 at {len(x)} points up to 10^4"


def _tiers(case: _Case) -> str:
    """The routes to mu_j agree within their error bounds."""
    if not case.tiers:
        raise _FailedError("no route gives coefficients")
    for (first, some), (second, others) in itertools.combinations(case.tiers.items(), 2):
        for j, (a, b) in enumerate(zip(some, others, strict=True)):
            with mpmath.workdps(40):
                (m, r), (n, s) = _ball(a), _ball(b)
                if abs(m - n) > r + s + mpmath.mpf(10) ** -30 * (1 + abs(m)):
                    raise _FailedError(f"mu_{j}: {first} gives {a}, but {second} {b}")
    return f"mu_0 ... mu_{ORDER}: {', '.join(case.tiers)}"


def _quadrature(case: _Case) -> str:
    """mu_j of each route against Gauss-Legendre quadrature of the expression."""
    if not _decays(case):
        raise _SkippedError("phi grows too fast for quadrature on [-38, 38]")
    for name, numbers in case.tiers.items():
        for j, number in enumerate(numbers):
            exact, uncertain = normal_expectation(case.act, case.claims.kinks, hermite=j)
            middle, error = _ball(number)
            if abs(float(middle) - exact) > float(error) + uncertain:
                raise _FailedError(f"mu_{j}: {name} gives {number} but quadrature {exact:.12g}")
    return f"mu_0 ... mu_{ORDER}"


def _parseval(case: _Case) -> str:
    """sum_{j <= J} mu_j^2 + tail = E phi^2, and sum j mu_j^2 <= E (phi')^2."""
    name = next(route for route in ("exact", "certified", "estimated") if route in case.tiers)
    balls = [_ball(number) for number in case.tiers[name]]
    with mpmath.workdps(40):
        total, tail = _ball(case.claims.energy(0)), _ball(case.claims.tail_energy(ORDER))
        squares = [m * m for m, _ in balls]
        error = sum((2 * abs(m) + r) * r for m, r in balls)
        gap = abs(sum(squares) + tail[0] - total[0])
        allowed = error + tail[1] + total[1] + mpmath.mpf(10) ** -14 * (1 + abs(total[0]))
        if gap > allowed or tail[0] + tail[1] < 0:
            raise _FailedError(f"sum of mu_j^2 ({name}) + tail - E phi^2 = {mpmath.nstr(gap, 3)}")
        if case.act.is_weakly_differentiable:
            slope = _ball(case.claims.energy(1))
            weighted = sum(j * square for j, square in enumerate(squares))
            if weighted - ORDER * error > slope[0] + slope[1] + mpmath.mpf(10) ** -14 * (1 + abs(slope[0])):
                raise _FailedError(
                    f"sum of j mu_j^2 = {mpmath.nstr(weighted, 10)} exceeds E phi'^2 = {mpmath.nstr(slope[0], 10)}"
                )
    for order in (0, 1) if case.act.is_weakly_differentiable and _decays(case) else ():
        exact, uncertain = normal_expectation(case.act, case.claims.kinks, square_of=case.claims.derivative(order))
        middle, radius = _ball(case.claims.energy(order))
        if abs(float(middle) - exact) > float(radius) + uncertain:
            raise _FailedError(
                f"E of the square of derivative {order}: {float(middle):.12g}, but quadrature {exact:.12g}"
            )
    return f"E phi^2 = {mpmath.nstr(total[0], 8)}, by the {name} coefficients"


def _torch(case: _Case, dtype: torch.dtype) -> str:
    """phi, phi' and phi'' in one dtype against mpmath, within the rounding errors of the expression."""
    _need_torch(case)
    info = torch.finfo(dtype)
    special = [0.0, *case.claims.kinks, *(sign * size for size in (30.0, 100.0, 1e3, 1e4) for sign in (1, -1))]
    x = torch.tensor(np.concatenate([case.rng.normal(0.0, 3.0, 24), special]), dtype=dtype)
    beyond = 0
    for order in (0, 1, 2):
        values = case.claims.function(order)(x).to(torch.float64).tolist()
        for point, value in zip(x.to(torch.float64).tolist(), values, strict=True):
            near = [k for k in case.claims.kinks if abs(point - k) <= 8 * info.eps * (1 + abs(k))]
            beside = [k + side * 16 * info.eps * (1 + abs(k)) for k in near for side in (-1, 1)]
            exact, error = case.reference.sides((point, *beside), order)
            if max(map(abs, exact)) > info.max / 2:
                beyond += 1
                continue
            allowed = 8 * rounding_bound(case.act, order, point, info.eps) + info.tiny + error
            allowed += sum(16 * info.eps * (1 + abs(k)) * (1 + max(map(abs, exact))) for k in near)
            if not min(abs(mpmath.mpf(value) - e) for e in exact) <= allowed:  # nan fails
                raise _FailedError(
                    f"derivative {order} at u = {point:.9g} gives {value:.9g}, but the expression "
                    f"{mpmath.nstr(exact[0], 9)} +- {mpmath.nstr(allowed, 2)}"
                )
    return f"derivatives 0, 1 and 2 at {len(x)} points up to 10^4; {beyond} beyond {info.max:.1e} are left out"


_CHECKS: Mapping[str, Callable[[_Case], str]] = {
    "kinks": _kinks,
    "parity": _parity,
    "derivative-autograd": _autograd,
    "derivative-differences": _differences,
    "growth": _growth,
    "coefficients-tiers": _tiers,
    "coefficients-quadrature": _quadrature,
    "parseval": _parseval,
    "torch-float64": partial(_torch, dtype=torch.float64),
    "torch-float32": partial(_torch, dtype=torch.float32),
}


def _need_torch(case: _Case) -> None:
    try:
        for piece in case.act.pieces:
            check_lowerable(piece.expression, u)
    except InvalidInputError as error:
        raise _SkippedError(str(error)) from error


def _decays(case: _Case) -> bool:
    """Whether phi(u)^2 e^(-u^2/2) is negligible where our quadrature ends; taken for granted without a bound."""
    try:
        return case.claims.growth(0).square < 0.2
    except NoGrowthBoundError:
        return True


def _close(claimed: Array, exact: Array, x: Array, what: str, against: str) -> float:
    """The largest difference, relative to 1 + |exact|."""
    gaps = np.abs(claimed - exact) / (1 + np.abs(exact))
    worst = int(np.argmax(np.where(np.isnan(gaps), np.inf, gaps)))
    if not gaps[worst] <= 1e-9:
        raise _FailedError(
            f"{what} at u = {x[worst]:.6g} is {claimed[worst]:.9g}, but {against} give {exact[worst]:.9g}"
        )
    return float(gaps[worst])


def _ball(number: Number) -> tuple[Any, Any]:
    """Midpoint and error bound."""
    if isinstance(number, Exact):
        return mpmath.mpf(sympy.N(number.expression, 40)), mpmath.mpf(0)
    if isinstance(number, Certified):
        return number.midpoint, number.radius
    if isinstance(number, Estimated):
        return mpmath.mpmathify(number.number), mpmath.mpf(number.error)
    raise _FailedError(f"expected an Exact, Certified or Estimated number but got {number!r}")
