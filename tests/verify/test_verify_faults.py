"""Faults planted one at a time in the engine: each must end in ERROR or FAIL, never in PASS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

import bigtheta.numerics.algebra as algebra
import bigtheta.numerics.models.neural_tangent as neural_tangent
import bigtheta.numerics.models.random_features as random_features
import bigtheta.numerics.trial as trial_module
from bigtheta.numerics.batch import measure_batch
from bigtheta.numerics.experiment import Experiment
from bigtheta.numerics.interpolate import solve_gram
from bigtheta.numerics.sample import draw_sample, draw_weights
from bigtheta.numerics.streams import Streams
from bigtheta.numerics.trial import Trial
from bigtheta.theory import kernel
from bigtheta.theory.kernel import DotProductKernel, SeriesTooLongError
from bigtheta.theory.law import Law
from bigtheta.verify.run import verify
from bigtheta.verify.verdict import Judgement, Verdict

Patch = pytest.MonkeyPatch
LAW = Law(
    name="healthy", model="neural-tangent", statement="Theta(sqrt(n))", path={"d": "n", "k": "n/2"},
    sizes={"n": [12, 24, 48, 96, 192]}, activations=["tanh"], limit="sobolev",
)  # fmt: skip
NARROW = Law(
    name="narrow", model="neural-tangent", statement="Theta(sqrt(n/k))", path={"d": "k", "n": "k**2/16"},
    sizes={"k": [16, 24, 36, 54, 80]}, activations=["tanh"], limit="sobolev",
)  # fmt: skip
"""With few labels a neuron, where phi'' is a large part of the gradient."""
KINKED = replace(LAW, name="kinked", activations=("u*abs(u)",), limit=None)
"""phi'' jumps at 0."""
RELU = Law(
    name="relu", model="random-features", statement="Theta(sqrt(n))", path={"d": "n", "k": "3*n"},
    sizes={"n": [12, 24, 48, 96, 192]}, activations=["relu"],
)  # fmt: skip
KERNEL = Law(
    name="kernel", model="rf-kernel", statement="Theta(sqrt(n))", path={"d": "n"},
    sizes={"n": [12, 24, 48, 96, 192]}, activations=["tanh"], limit="sobolev",
)  # fmt: skip


def judged(law: Law) -> Judgement:
    return verify(law, trials=40, seed=1).entries[0].judgement


def solving(change: Callable[[Any, Any], tuple[Any, Any]], patch: Patch) -> None:
    """Solve another system than the one asked for."""

    def solve(gram: Any, y: Any, **options: Any) -> Any:
        return solve_gram(*change(gram, y), **options)

    patch.setattr(algebra, "solve_gram", solve)


def nan_in_the_gram(patch: Patch) -> None:
    def spoilt(gram: Any, y: Any) -> Any:
        gram[0, 0] = float("nan")
        return gram, y

    solving(spoilt, patch)


def singular_kernel(patch: Patch) -> None:
    def twice(gram: Any, y: Any) -> Any:
        gram[1], gram[:, 1] = gram[0].clone(), gram[:, 0].clone()
        return gram, y

    solving(twice, patch)


def single_precision_draws(patch: Patch) -> None:
    def rounded(*given: Any, **named: Any) -> Any:
        return draw_sample(*given, **named).to(torch.float32)

    patch.setattr(trial_module, "draw_sample", rounded)
    patch.setattr(trial_module, "draw_weights", lambda streams: draw_weights(streams).float())


def one_sample_less(patch: Patch) -> None:
    def fewer(*given: Any, count: int, **named: Any) -> Any:
        return draw_sample(*given, count=count - 1, **named)

    patch.setattr(trial_module, "draw_sample", fewer)


def one_neuron_less(patch: Patch) -> None:
    patch.setattr(trial_module, "draw_weights", lambda streams: draw_weights(streams)[:-1])


def stuck_stream(patch: Patch) -> None:
    """Every trial draws the numbers of the first."""
    real = Streams.generator
    patch.setattr(Streams, "generator", lambda self, role: real(replace(self, trial=0), role))


def wrong_second_derivative(patch: Patch) -> None:
    real = neural_tangent.lower_activation
    patch.setattr(
        neural_tangent, "lower_activation",
        lambda act, order=0: (lambda h: -2 * h.tanh() * (1 - h.tanh())) if order == 2 else real(act, order),
    )  # fmt: skip


def wrong_factor(patch: Patch) -> None:
    """A factor left over in the part of phi''."""
    real = type(algebra.ALONE).add_product_

    def product(self: Any, total: Any, left: Any, w: Any) -> Any:
        return real(self, total, 3 * left, w)

    patch.setattr(type(algebra.ALONE), "add_product_", product)


def sign_for_a_step(patch: Patch) -> None:
    """relu' = 1{u > 0} written sign(u), by which the norm still grows as sqrt(n)."""
    real = random_features.lower_activation
    patch.setattr(
        random_features, "lower_activation", lambda act, order=0: torch.sign if order == 1 else real(act, order)
    )


def series_cut_short(patch: Patch) -> None:
    """Two terms of the kernel are summed: with few of them every law that grows as sqrt(n) still does."""
    patch.setattr(DotProductKernel, "terms", lambda self, largest: 2)


def coefficients_cut_short(patch: Patch) -> None:
    real = kernel.panels
    kernel.rf_kernel.cache_clear()
    patch.setattr(kernel, "panels", lambda act, order: real(act, order)[:6])


def without_the_probe(plant: Callable[[Patch], None]) -> Callable[[Patch], None]:
    """Where nothing looks whether gradients are slopes: as in single precision, the limit has to see it."""

    def planted(patch: Patch) -> None:
        plant(patch)
        patch.setattr(trial_module, "gradient_disagrees", lambda *_: False)

    return planted


FAULTS = [
    (nan_in_the_gram, LAW, Verdict.ERROR, "do not interpolate"),
    (singular_kernel, LAW, Verdict.ERROR, "do not interpolate"),
    (single_precision_draws, LAW, Verdict.ERROR, "another size or precision"),
    (one_sample_less, LAW, Verdict.ERROR, "another size or precision"),
    (one_neuron_less, LAW, Verdict.ERROR, "another size or precision"),
    (stuck_stream, LAW, Verdict.ERROR, "the same to the last digit"),
    (wrong_second_derivative, NARROW, Verdict.ERROR, "not the slope of their own predictions"),
    (wrong_factor, NARROW, Verdict.ERROR, "not the slope of their own predictions"),
    (wrong_factor, LAW, Verdict.ERROR, "not the slope of their own predictions"),
    (wrong_factor, KINKED, Verdict.ERROR, "not the slope of their own predictions"),
    (sign_for_a_step, RELU, Verdict.ERROR, "not the slope of their own predictions"),
    (without_the_probe(wrong_second_derivative), NARROW, Verdict.FAIL, "measured/limit"),
    (without_the_probe(wrong_factor), NARROW, Verdict.FAIL, "measured/limit"),
    (series_cut_short, KERNEL, Verdict.ERROR, "need more terms"),
    (coefficients_cut_short, KERNEL, Verdict.ERROR, "need more terms"),
]


def test_without_a_fault_nothing_is_found() -> None:
    assert judged(LAW).verdict is Verdict.PASS
    assert judged(KERNEL).verdict is Verdict.PASS
    assert judged(RELU).verdict is Verdict.PASS
    assert judged(KINKED).verdict is Verdict.INCONCLUSIVE, "the mean of |u| bends the exponent at these sizes"
    assert judged(NARROW).verdict is Verdict.INCONCLUSIVE, "less than a decade never PASSes"


@pytest.mark.parametrize(
    ("plant", "law", "expected", "words"), FAULTS, ids=[f"{plant.__name__}-{law.name}" for plant, law, *_ in FAULTS]
)  # fmt: skip
def test_a_planted_fault_never_passes(
    plant: Callable[[Patch], None], law: Law, expected: Verdict, words: str, monkeypatch: Patch
) -> None:
    plant(monkeypatch)
    try:
        found = judged(law)
    finally:
        kernel.rf_kernel.cache_clear()
    assert found.verdict is expected, found.reason
    assert words in found.reason


def test_a_series_that_is_too_long_is_an_error_of_its_law_alone(monkeypatch: Patch) -> None:
    """Two inputs that nearly coincide in one trial: the other law of the run is judged."""
    real = trial_module.interpolator

    def too_long(model: Any, **given: Any) -> Any:
        if model.ridge == 0.125:
            raise SeriesTooLongError("needs more terms")
        return real(model, **given)

    monkeypatch.setattr(trial_module, "interpolator", too_long)
    close = Law(
        name="close", model={"kind": "rf-kernel", "ridge": 0.125}, statement="Theta(sqrt(n))", path={"d": "n"},
        sizes={"n": [12, 24, 48]}, activations=["tanh"],
    )  # fmt: skip
    first, second = verify([close, LAW], trials=2, seed=1).entries
    assert first.verdict is Verdict.ERROR
    assert "two inputs nearly coincide" in first.judgement.reason
    assert second.verdict in (Verdict.PASS, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize("change", [one_sample_less, one_neuron_less])
def test_a_batch_of_trials_is_looked_at_too(change: Callable[[Patch], None], monkeypatch: Patch) -> None:
    experiment = Experiment.of(LAW, "tanh", (3,) * len(LAW.cells))
    trials = [Trial(experiment, LAW.cells[0], index, 0, "cpu") for index in range(3)]
    assert {row["status"] for row in measure_batch(trials)} == {"ok"}
    change(monkeypatch)
    assert {row["status"] for row in measure_batch(trials)} == {"inconsistent"}
