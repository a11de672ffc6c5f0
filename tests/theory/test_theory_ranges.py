"""How far each number may go: the last value that is taken, and the first that is refused, with the message."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import sympy

import bigtheta
from bigtheta.theory.catalogue import activation
from bigtheta.theory.data import Labels, Quantity, inputs, labels, quantity
from bigtheta.theory.dual import dual
from bigtheta.theory.energy import energy, tail_energy
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.hermite import expansion, hermite
from bigtheta.theory.inputs import Inputs
from bigtheta.theory.law import Law
from bigtheta.theory.limits.descent import peaks
from bigtheta.theory.limits.free_spectrum import Spectrum
from bigtheta.theory.limits.gaussian_equivalent import random_features_pencil, sobolev_random_features
from bigtheta.theory.model import Model, kinds, model
from bigtheta.theory.quadrature import panels
from bigtheta.theory.scale import Path, Sizes, geometric

N = sympy.Symbol("n", positive=True)
RF = {"ridge": 1e-2, "n": 8, "d": 8, "k": 8}


def student(**options: Any) -> Any:
    return model({"kind": "quadratic-student", **options})


def trained(**options: Any) -> Any:
    return model({"kind": "trained-network", **options})


def law(**changes: Any) -> Law:
    given: dict[str, Any] = {
        "name": "x", "model": "rf-kernel", "statement": "Theta(sqrt(n))", "path": {"d": "n"},
        "sizes": {"n": [10, 20, 40]},
    }  # fmt: skip
    return Law(**(given | changes))


def solved(digits: int) -> Any:
    found = random_features_pencil()
    values = {name: 0.5 for name in found.coefficients.parameters} | {"n": 8, "d": 8, "k": 8}
    return found.solve(values, digits=digits)


WHOLE: dict[str, tuple[Callable[[Any], Any], int, int | None]] = {
    "derivative": (lambda x: activation("sin").derivative(x), 0, None),
    "dual": (lambda x: dual("relu", 0.5, derivative=x), 0, 1),
    "energy, derivative": (lambda x: energy("sin", x), 0, 8),
    "energy, digits": (lambda x: energy("relu", digits=x), 1, 1000),
    "tail_energy, order": (lambda x: tail_energy("square", x), 0, 1000),
    "tail_energy, digits": (lambda x: tail_energy("square", 3, digits=x), 1, 1000),
    "hermite, order": (lambda x: hermite("square", x), 0, 1000),
    "hermite, digits": (lambda x: hermite("square", 2, digits=x), 1, 1000),
    "expansion, order": (lambda x: expansion("square", x), 0, 1000),
    "panels": (lambda x: panels(activation("square"), x), 0, 1000),
    "dataset, classes": (lambda x: inputs({"kind": "dataset", "name": "mnist", "classes": [x, 5]}), 0, 9),
    "law, effort": (lambda x: law(effort=x), 1, 64),
    "quantity, points": (lambda x: quantity({"kind": "sobolev", "test_points": x}), 1, 1_000_000),
    "peaks, d": (lambda x: peaks("random-features", "relu", d=x, k=4), 1, None),
    "peaks, k": (lambda x: peaks("random-features", "relu", d=4, k=x), 1, None),
    "spectrum, nodes": (lambda x: Spectrum.of_density(lambda _: 1.0, 0.0, 1.0, nodes=x), 2, 2000),
    "limit, n": (lambda x: sobolev_random_features("relu", **(RF | {"n": x})), 1, None),
    "limit, d": (lambda x: sobolev_random_features("relu", **(RF | {"d": x})), 1, None),
    "limit, k": (lambda x: sobolev_random_features("relu", **(RF | {"k": x})), 1, None),
    "path": (lambda x: Path({"d": "n"}).at(x), 1, None),
    "sizes": (lambda x: Sizes("n", (5, x) if x == 10**9 else (x, 10**9 - 1)), 1, 10**9),
    "geometric, cells": (lambda x: geometric(N, 10, 1000, cells=x), 2, None),
    "geometric, low": (lambda x: geometric(N, x, 1000, cells=3), 1, None),
    "geometric, high": (lambda x: geometric(N, 10, x, cells=2), 11, None),
    "trained, steps": (lambda x: trained(steps=x), 1, None),
    "trained, batch": (lambda x: trained(batch=x), 0, None),
}
"""What takes a whole number, its least value, and its largest if there is one."""


DEAR = ("tail_energy, digits", "tail_energy, order", "spectrum, nodes")
"""Whose largest value takes long."""


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers(name: str) -> None:
    call, low, high = WHOLE[name]
    call(low)
    for outside in (
        low - 1,
        low - 100,
        low + 0.5,
        True,
        None,
        "1",
        *(() if high is None else (high + 1, 10 * high + 9)),
    ):
        with pytest.raises(InvalidInputError, match=r"[Ee]xpected") as refused:
            call(outside)
        assert len(str(refused.value)) < 400
    if high is not None and name not in DEAR:
        call(high)


SIZES: dict[str, Callable[[Any], Any]] = {
    "ridge": lambda x: model({"kind": "random-features", "ridge": x}),
    "eps": lambda x: model({"kind": "adversarial-features", "eps": x}),
    "eps_test": lambda x: model({"kind": "adversarial-features", "eps": 0.1, "eps_test": x}),
    "signal": lambda x: labels({"signal": x, "noise": 1.0}),
    "noise": lambda x: labels({"signal": 1.0, "noise": x}),
    "penalty": lambda x: trained(penalty=x),
    "scale": lambda x: student(scale=x),
}
POSITIVE: dict[str, Callable[[Any], Any]] = {
    "rate": lambda x: trained(rate=x),
    "stop": lambda x: trained(stop=x),
    "softplus": lambda x: activation(f"softplus(beta={x})"),
    "celu": lambda x: activation(f"celu(alpha={x})"),
}


@pytest.mark.parametrize("name", [*SIZES, *POSITIVE])
def test_sizes_are_finite_and_not_negative(name: str) -> None:
    call = (SIZES | POSITIVE)[name]
    call(1e-9 if name not in ("softplus", "celu") else "1/1000")
    for outside in (-1e-9, -1, math.nan, math.inf, *((0,) if name in POSITIVE else ())):
        with pytest.raises(InvalidInputError):
            call(outside)
    if name in SIZES:
        call(0)
        with pytest.raises(InvalidInputError):
            call(True)


def test_shares_and_digits() -> None:
    assert student(trace_share=1).trace_share == 1
    with pytest.raises(InvalidInputError, match="from 0 to 1"):
        student(trace_share=1.000001)
    for digits in (0, 1001, 15.0):
        with pytest.raises(InvalidInputError, match="digits"):
            solved(digits)
    for value in (-1.0, math.nan, math.inf):
        for name in ("ridge", "noise", "signal"):
            with pytest.raises(InvalidInputError, match=f"expected a finite {name} >= 0"):
                sobolev_random_features("relu", **(RF | {name: value}))


@pytest.mark.parametrize("field", ["name", "normalise", "split"])
@pytest.mark.parametrize("value", ["nothing", "", 5, None])
def test_a_dataset_has_known_words(field: str, value: Any) -> None:
    with pytest.raises(InvalidInputError):
        inputs({"kind": "dataset", "name": "mnist", field: value})


MODELS: dict[str, tuple[dict[str, Any], bool, tuple[str, ...], bool, str | None]] = {
    "random-features": ({}, True, ("n", "d", "k"), True, "k"),
    "neural-tangent": ({}, True, ("n", "d", "k"), True, "d*k"),
    "both-layers": ({}, True, ("n", "d", "k"), True, "d*k + k"),
    "rf-kernel": ({}, True, ("n", "d"), True, None),
    "ntk-kernel": ({}, True, ("n", "d"), True, None),
    "dot-product-kernel": ({"kernel": "t^3"}, True, ("n", "d"), False, None),
    "adversarial-features": ({"eps": 0.1}, False, ("n", "d", "k"), True, "k"),
    "quadratic-student": ({}, False, ("d", "k"), True, None),
    "trained-network": ({}, False, ("n", "d", "k"), True, "d*k + 2*k + 1"),
    "quadratic-form": ({}, True, ("n", "d"), False, "d*(d + 1)/2"),
    "caps": ({}, True, ("n", "d"), False, None),
}
"""Options, whether it interpolates, its sizes, whether the activation plays a part, its number of parameters."""


@pytest.mark.parametrize("kind", MODELS)
def test_what_a_model_says_of_itself(kind: str) -> None:
    options, interpolates, uses, activated, count = MODELS[kind]
    assert set(MODELS) == set(kinds())
    spec = model({"kind": kind, **options})
    assert (spec.interpolates, spec.uses, spec.activated) == (interpolates, uses, activated)
    if count is None:
        assert spec.parameters is None
        return
    names = {name: symbol for name in "ndk" for symbol in spec.parameters.free_symbols if symbol.name == name}
    assert sympy.simplify(spec.parameters - sympy.sympify(count, locals=names)) == 0


CHANGEABLE = {"Seen", "Settings", "Caught"}
"""What is written to while something runs."""


def test_specs_and_results_are_frozen() -> None:
    looked, thawed = 0, set()
    for found in pkgutil.walk_packages(bigtheta.__path__, "bigtheta."):
        module = importlib.import_module(found.name)
        for name, kind in vars(module).items():
            if isinstance(kind, type) and kind.__module__ == found.name:
                if dataclasses.is_dataclass(kind):
                    config: Any = getattr(kind, "__dataclass_params__")  # noqa: B009
                elif issubclass(kind, msgspec.Struct):
                    config = kind.__struct_config__
                else:
                    continue
                looked += 1
                thawed |= set() if config.frozen else {name}
    assert looked > 150
    assert thawed == CHANGEABLE


@pytest.mark.parametrize("kind", [Inputs, Quantity, Model, Labels])
def test_options_are_given_by_name(kind: type) -> None:
    left = [kind]
    for one in left:
        left += one.__subclasses__()
        if getattr(one, "__struct_fields__", ()):
            parameters = inspect.signature(one).parameters.values()
            assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters), one
