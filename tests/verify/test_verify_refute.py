"""Refute: what it must find, what it must not, and that only fresh trials confirm; most simulations are planted."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

import bigtheta
import bigtheta.verify.refute.run as refute_module
import bigtheta.verify.run as verify_module
from bigtheta.numerics.experiment import Experiment
from bigtheta.theory.activation import Parity
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Law, find_laws, laws
from bigtheta.theory.limits.sobolev import sobolev_limit
from bigtheta.theory.spec import read_spec
from bigtheta.verify.refute.axes import Axis, asked_axes, axes_of, hermite_sum, is_searched, variants
from bigtheta.verify.refute.candidates import Candidate, candidates, combined
from bigtheta.verify.refute.result import Refutation
from bigtheta.verify.refute.run import CONFIRMATIONS, refute
from bigtheta.verify.refute.screen import Outcome, Screened, limit_deviation, screened
from bigtheta.verify.refute.shrink import complexity, shrunk
from bigtheta.verify.verdict import Verdict

TICK = 0.25
"""Seconds that pass each time `refute` looks at its clock, about once a candidate."""
Mean = Callable[[Experiment, dict[str, int]], float]
Plant = Callable[..., None]
LawOf = Callable[..., Law]

MUST_FIND: dict[str, tuple[dict[str, Any], str]] = {
    "sqrt n for any parity": (
        {"hypotheses": ["d >= n"], "sizes": {"n": [16, 32, 64, 128, 256]}},
        "activations",
    ),
    "NTK robust for any parity": (
        {
            "model": "neural-tangent", "statement": "Theta(1)", "path": {"d": "2*n", "k": "n"},
            "activations": ["cos"], "hypotheses": ["n <= k"],
        },
        "activations",
    ),
    "S >= n^(1/6) beyond n = d^(3/2)": (
        {
            "statement": "Omega(n**(1/6))", "path": {"d": "n**(2/3)"}, "activations": ["tanh"],
            "sizes": {"n": [26, 60, 140, 330, 760]}, "hypotheses": ["odd", "mu(1) != 0", "n >= d"],
        },
        "paths",
    ),
    "random features robust for d, k large": (
        {
            "model": "random-features", "statement": "O(1)", "path": {"d": "2*n", "k": "4*n"},
            "sizes": {"n": [16, 32, 64, 128, 230]}, "hypotheses": ["d >= n", "k >= 4*n"],
        },
        "activations,paths",
    ),
}  # fmt: skip


def frame_of(experiment: Experiment, seed: int, mean: Mean, sd: float = 0.05) -> pd.DataFrame:
    """Trials of an experiment with a planted mean, different for each seed, as `sweep.run` returns them."""
    rows = []
    for cell, count in zip(experiment.cells, experiment.trials, strict=True):
        key = crc32(f"{experiment.record}{dict(cell)}".encode())
        values = mean(experiment, dict(cell)) * np.exp(sd * np.random.default_rng([seed, key]).standard_normal(count))
        rows += [
            {**cell, "activation": experiment.activation.name, "trial": i, "value": value, "residual": 1e-15,
             "condition": 9.0, "status": "ok"}
            for i, value in enumerate(values)
        ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(autouse=True)
def counted_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget is a number of candidates here, so that nothing depends on how fast or how busy the machine is."""
    looks = itertools.count()
    monkeypatch.setattr(refute_module, "time", SimpleNamespace(monotonic=lambda: TICK * next(looks)))


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Plant one truth for search, shrinking and confirmation alike."""

    def planted(mean: Mean, sd: float = 0.05) -> None:
        def run(experiments: Sequence[Experiment], *, seed: int, **options: Any) -> list[pd.DataFrame]:
            return [frame_of(experiment, seed, mean, sd) for experiment in experiments]

        monkeypatch.setattr(refute_module, "run", run)
        monkeypatch.setattr(verify_module, "run", run)

    return planted


@pytest.fixture
def unlimited(tiny: LawOf) -> LawOf:
    """A law of sqrt(n) on a quantity that has no exact limit, so that trials alone decide."""
    return lambda **changes: tiny(**({"quantity": "sensitivity"} | changes))


def root(experiment: Experiment, cell: dict[str, int]) -> float:
    return float(np.sqrt(cell["n"]))


def first(law: Law, axes: Sequence[Axis], count: int, seed: int = 0) -> list[str]:
    found = candidates(law, axes, seed)
    return [made if isinstance(made, str) else made.words for made, _ in zip(found, range(count), strict=False)]


# --- what it must find, in real simulations ------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", MUST_FIND)
def test_false_law_is_refuted_and_its_spec_fails(
    name: str, tiny: LawOf, tmp_path: Path, call: Callable[..., Result]
) -> None:
    changes, over = MUST_FIND[name]
    law = tiny(name="claim", **changes)
    found = refute(law, over=over, budget=60, out=tmp_path / "found", device="cpu")
    case = found.counterexample
    assert case is not None, list(found.lines())
    assert found.exit_code == 1
    assert len(case.law.sizes.values) <= 6
    written = read_spec(tmp_path / "found" / "counterexample.toml")
    assert written.hypotheses == law.hypotheses
    assert written.statement == law.statement
    assert written.unmet(written.activations[0]) is None
    judged = call("check", str(tmp_path / "found" / "counterexample.toml"), "--device", "cpu", "--jobs", "1")
    assert judged.exit_code == 1, judged.output
    report = json.loads((tmp_path / "found" / "report.json").read_text())
    assert report["judgements"][0]["verdict"] == "FAIL"


def test_even_activations_are_what_breaks_sqrt_n(tiny: LawOf) -> None:
    """By the exact limit alone: an oracle for what the search simulates."""
    law = tiny(hypotheses=["d >= n"])
    off = {name: limit_deviation(law, activation(name)) or 0.0 for name in ("square", "abs", "cos", "relu", "tanh")}
    assert {name for name, value in off.items() if value > 0.4} == {"square", "abs", "cos"}
    assert max(off["relu"], off["tanh"]) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dohmatob2021/rf-kernel", "bombari2023/rf-sixth-odd", "bombari2023/ntk-even"])
def test_true_law_is_not_refuted(name: str) -> None:
    found = refute(name, budget=6, seed=1, device="cpu")
    assert found.counterexample is None, list(found.lines())
    assert len(found.tried) > 5


# --- the error rate ------------------------------------------------------------------------------------------------


def test_lucky_search_is_not_confirmed(unlimited: LawOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Search and shrinking see a law that fails, fresh trials one that holds: no counterexample."""
    seen: list[int] = []

    def lucky(experiments: Sequence[Experiment], *, seed: int, **options: Any) -> list[pd.DataFrame]:
        return [frame_of(experiment, seed, lambda e, cell: 1.0) for experiment in experiments]

    def fresh(experiments: Sequence[Experiment], *, seed: int, **options: Any) -> list[pd.DataFrame]:
        seen.append(seed)
        return [frame_of(experiment, seed, root) for experiment in experiments]

    monkeypatch.setattr(refute_module, "run", lucky)
    monkeypatch.setattr(verify_module, "run", fresh)
    found = refute(unlimited(), over="activations", budget=30)
    assert found.counterexample is None
    assert found.exit_code == 0
    assert len(found.attempts) == CONFIRMATIONS
    assert not any(attempt.confirmed for attempt in found.attempts)
    assert seen == [found.seeds[f"confirm-{i + 1}"] for i in range(CONFIRMATIONS)]
    assert not {found.seeds["search"], found.seeds["shrink"]} & set(seen)
    monkeypatch.setattr(verify_module, "run", lucky)
    assert refute(unlimited(), over="activations", budget=30).counterexample is not None


@pytest.mark.slow
def test_true_law_is_refuted_at_most_at_the_stated_rate(unlimited: LawOf, plant: Plant) -> None:
    """Noise of 40% a trial, and corrections of a quarter at the smallest size."""
    plant(lambda experiment, cell: root(experiment, cell) * (1 + cell["n"] ** -0.5), sd=0.4)
    wide = unlimited(hypotheses=["d >= n"])
    found = [refute(wide, over="activations,paths", budget=4, seed=seed) for seed in range(6)]
    assert sum(len(one.tried) for one in found) > 30
    assert not any(one.counterexample for one in found)


def test_seeds_are_apart_and_of_the_law(tiny: LawOf) -> None:
    own, other = refute_module._seeds(tiny(), 0), refute_module._seeds(tiny(name="other"), 0)
    assert len(set(own.values()) | set(other.values())) == 2 * len(own)
    assert min(own.values()) >= 2**32
    assert own == refute_module._seeds(tiny(), 0) != refute_module._seeds(tiny(), 1)


def test_deviation_within_the_margin_is_no_counterexample(unlimited: LawOf, plant: Plant) -> None:
    plant(lambda experiment, cell: cell["n"] ** 0.56)
    assert refute(unlimited(), over="activations", budget=3).counterexample is None
    plant(lambda experiment, cell: cell["n"] ** 0.75)
    assert refute(unlimited(), over="activations", budget=20).counterexample is not None


def test_one_sided_claim_breaks_on_one_side(unlimited: LawOf, plant: Plant) -> None:
    plant(lambda experiment, cell: float(cell["n"]))
    assert refute(unlimited(statement="Omega(sqrt(n))"), over="activations", budget=3).counterexample is None
    assert refute(unlimited(statement="O(sqrt(n))"), over="activations", budget=20).counterexample is not None


def test_agreement_left_open_is_looked_at_again_with_more_trials(tiny: LawOf, plant: Plant) -> None:
    """Noise so large that agreement with the limit takes several looks, each counted among the confirmations."""
    law = tiny(
        statement="Omega(n**(1/6))", path={"d": "n**(2/3)"}, activations=["tanh"], hypotheses=["odd", "mu(1) != 0"],
        sizes={"n": [64, 128, 256, 512, 1024]},
    )  # fmt: skip

    def exact(experiment: Experiment, cell: dict[str, int]) -> float:
        squared = sobolev_limit(model="rf-kernel", activation=experiment.activation, n=cell["n"], d=cell["d"])
        return float(np.sqrt(squared))

    plant(exact)
    found = refute(law, over="paths", budget=60)
    assert found.counterexample is not None
    assert found.counterexample.judgement.bridge is not None
    efforts = [attempt.law.effort for attempt in found.attempts]
    assert efforts == sorted(efforts)
    assert len(found.attempts) <= CONFIRMATIONS
    assert found.counterexample.law.limit == "sobolev"
    assert "the exact limit contradicts the law" in str(found)


# --- shrinking -----------------------------------------------------------------------------------------------------


def even_breaks(experiment: Experiment, cell: dict[str, int]) -> float:
    return 1.0 if experiment.activation.parity is Parity.EVEN else root(experiment, cell)


def test_shrinking_keeps_the_failure_and_drops_the_rest(unlimited: LawOf) -> None:
    law = unlimited(hypotheses=["d >= n"], sizes={"n": [16, 24, 36, 54, 81, 120, 180, 400]})
    act = next(v for v in variants(law, Axis.ACTIVATIONS) if v.words.endswith("u**4/4 - u**2/2 - 1/4"))
    signs = next(v for v in variants(law, Axis.LABELS) if "signs" in v.words)
    path = next(v for v in variants(law, Axis.PATHS) if "4*n" in v.words)

    def simulate(experiment: Experiment) -> pd.DataFrame:
        return frame_of(experiment, 7, even_breaks)

    found = screened(combined(law, (act, path, signs), "relu"), simulate, seconds=3)
    assert found.outcome is Outcome.SUSPECT
    small = shrunk(found, simulate, seconds=3)
    assert small is not None
    assert small.law is not None
    assert small.judgement is not None
    assert small.judgement.verdict is Verdict.FAIL
    assert small.candidate.words == "activation square"
    assert (str(small.law.path), small.law.labels) == ("d = 2*n", law.labels)
    assert len(small.law.sizes.values) == 5
    assert small.law.sizes.values[-1] < 400
    assert shrunk(found, lambda experiment: frame_of(experiment, 8, root), seconds=3) is None


def test_shrinking_stops_with_the_time(unlimited: LawOf) -> None:
    law = unlimited(hypotheses=["d >= n"])
    act = next(v for v in variants(law, Axis.ACTIVATIONS) if v.words == "activation cos")

    def simulate(experiment: Experiment) -> pd.DataFrame:
        return frame_of(experiment, 7, even_breaks)

    found = screened(combined(law, (act,), "relu"), simulate, seconds=3)
    small = shrunk(found, simulate, seconds=3, more_time=lambda: False)
    assert small is not None
    assert small.candidate.words == "activation cos"


def test_simple_activations_come_first() -> None:
    names = ["square", "cubic", "u**3 - 2*u", "tanh", "gelu"]
    assert sorted(names, key=lambda name: complexity(activation(name))) == names


# --- candidates ----------------------------------------------------------------------------------------------------


def test_candidates_depend_on_the_seed_alone(tiny: LawOf) -> None:
    every = [Axis.ACTIVATIONS, Axis.PATHS, Axis.INPUTS, Axis.LABELS]
    law = tiny(hypotheses=["d >= n"])
    words = first(law, every, 70)
    assert words == first(law, every, 70)
    other = first(law, every, 70, seed=1)
    assert words[:45] == other[:45]  # one change at a time: nothing is drawn
    assert words != other


def test_candidates_end_where_there_is_nothing_new(tiny: LawOf) -> None:
    words = first(tiny(), [Axis.INPUTS], 1000)
    assert words == ["the law itself", "inputs gaussian", "inputs cube", "inputs laplace"]


def test_no_candidate_comes_twice(tiny: LawOf) -> None:
    found = [c for c, _ in zip(candidates(tiny(), list(Axis)[:4], 3), range(200), strict=False)]
    keys = [c.key for c in found if isinstance(c, Candidate)]
    assert len(keys) == len(set(keys)) > 150


@pytest.mark.parametrize(
    ("name", "axes"),
    [
        ("dohmatob2021/rf-kernel", {"activations", "paths", "inputs", "labels"}),
        ("dohmatob2021/rf-covariance", {"activations", "paths", "labels"}),
        ("bubeck2020/search-samples", {"activations", "paths", "inputs", "labels", "networks"}),
        ("bubeck2020/quadratic-forms", {"paths", "inputs", "labels"}),
        ("bubeck2020/smooth-caps", {"paths"}),
        ("hassani2022/half", set()),
        ("hassani2022/peak", set()),
        ("dohmatob2022/rf-error", set()),
        ("dohmatob2022/nt-error", {"paths"}),
        ("dohmatob2021/peak-twice", {"activations", "paths"}),
    ],
)
def test_law_is_claimed_over_what_it_speaks_of(name: str, axes: set[str]) -> None:
    (law,) = find_laws([name])
    assert {axis.value for axis in axes_of(law, tuple(Axis), explicit=False)} == axes


def test_networks_stand_in_for_any_lower_bound_when_asked_for(tiny: LawOf) -> None:
    law = tiny(model="random-features", path={"d": "n", "k": "2*n"}, statement="Omega(1)")
    assert axes_of(law, [Axis.NETWORKS], explicit=True) == (Axis.NETWORKS,)
    assert axes_of(law, [Axis.NETWORKS], explicit=False) == ()
    assert axes_of(tiny(statement="Omega(1)"), [Axis.NETWORKS], explicit=True) == ()
    assert {v.fields["model"].kind for v in variants(law, Axis.NETWORKS)} == {"trained-network"}


def test_smooth_networks_refute_a_bound_on_every_interpolator(unlimited: LawOf, plant: Plant) -> None:
    """Random features obey the bound, trained networks would not: what is found is one of these."""

    def truth(experiment: Experiment, cell: dict[str, int]) -> float:
        return 1.0 if experiment.model.kind == "trained-network" else root(experiment, cell)

    plant(truth)
    law = unlimited(model="random-features", path={"d": "n", "k": "n"}, statement="Omega(sqrt(n))")
    found = refute(law, over="networks", budget=60)
    assert found.counterexample is not None
    assert found.counterexample.law.model.kind == "trained-network"
    assert found.tried[0].outcome is Outcome.KEPT


@pytest.mark.parametrize(("name", "searched"), [("identity", False), ("step", False), ("sign", False), ("relu", True)])
def test_affine_and_jumping_activations_are_not_tried(name: str, searched: bool) -> None:
    assert is_searched(activation(name)) is searched


def test_sums_of_hermite_polynomials_have_the_coefficients_asked_for() -> None:
    act = hermite_sum({1: 0, 2: -1, 3: 1})  # He_1 + He_2/2 + 2 He_3/2; mu_j = c_j sqrt(j!)
    values = [bigtheta.hermite(act, j).value for j in range(5)]
    np.testing.assert_allclose(values, [0, 1, np.sqrt(2) / 2, np.sqrt(6), 0], atol=1e-12)


def test_noise_is_never_taken_away(tiny: LawOf) -> None:
    for variant in variants(tiny(), Axis.LABELS):
        assert variant.fields["labels"].noise > 0


# --- the screen ----------------------------------------------------------------------------------------------------


def nothing(experiment: Experiment) -> pd.DataFrame:
    raise AssertionError("nothing was to be simulated")


def test_outside_the_hypotheses_nothing_is_simulated(tiny: LawOf) -> None:
    law = tiny(hypotheses=["mu(1) != 0"])
    square = next(v for v in variants(law, Axis.ACTIVATIONS) if v.words == "activation square")
    assert screened(combined(law, (square,), "relu"), nothing, seconds=3).outcome is Outcome.OUTSIDE


def test_hypotheses_hold_far_out_too(tiny: LawOf) -> None:
    """d = 2 n^(5/6) >= n at every size up to 64, and no further."""
    law = tiny(hypotheses=["d >= n"], sizes={"n": [4, 8, 16, 32, 60]}, quantity="sensitivity")
    path = next(v for v in variants(law, Axis.PATHS) if "n**(5/6)" in v.words)
    candidate = combined(law, (path,), "relu")
    assert candidate.law.unmet("relu") is None
    assert screened(candidate, nothing, seconds=3).outcome is Outcome.OUTSIDE


def test_exact_limit_that_agrees_settles_a_candidate(tiny: LawOf) -> None:
    found = screened(combined(tiny(), (), "tanh"), nothing, seconds=3)
    assert found.outcome is Outcome.AGREES
    assert found.limit_off is not None
    assert found.limit_off < 0.02


def test_bend_of_finite_sizes_is_allowed_for(tiny: LawOf) -> None:
    """On n = d^(3/2) the slope of tanh is about .1 at reachable sizes, and 1/6 far out: other inputs are no excuse."""
    law = tiny(statement="Theta(n**(1/6))", path={"d": "n**(2/3)"}, activations=["tanh"])
    gaussian = next(v for v in variants(law, Axis.INPUTS) if v.words == "inputs gaussian")
    found = screened(
        combined(law, (gaussian,), "tanh"), lambda e: frame_of(e, 1, lambda _, c: c["n"] ** 0.02), seconds=99
    )
    assert found.bend > 0.05
    assert found.judgement is not None
    assert found.judgement.verdict is Verdict.FAIL
    assert found.outcome is Outcome.KEPT


def test_what_does_not_interpolate_breaks_no_law(unlimited: LawOf) -> None:
    def failed(experiment: Experiment) -> pd.DataFrame:
        return frame_of(experiment, 1, lambda e, c: 1.0).assign(status="failed", residual=0.5)

    found = screened(combined(unlimited(), (), "relu"), failed, seconds=3)
    assert found.outcome is Outcome.UNFIT
    assert "do not interpolate" in found.detail


def test_dear_candidates_are_named_and_left_out(unlimited: LawOf) -> None:
    law = unlimited(sizes={"n": [1000, 2000, 4000, 8000, 16000]})
    found = screened(combined(law, (), "relu"), nothing, seconds=0.3)
    assert found.outcome is Outcome.DEAR


def test_least_size_of_a_changed_path_is_not_tiny(unlimited: LawOf, plant: Plant) -> None:
    law = unlimited(path={"d": "n"}, sizes={"n": [16, 40, 100, 250, 640]})
    half = next(v for v in variants(law, Axis.PATHS) if "sqrt(n)" in v.words)
    found = screened(combined(law, (half,), "relu"), lambda e: frame_of(e, 1, root), seconds=9)
    assert found.law is not None
    assert min(cell["d"] for cell in found.law.cells) >= 8


# --- result and command --------------------------------------------------------------------------------------------


@pytest.fixture
def refuted(unlimited: LawOf, plant: Plant) -> Refutation:
    plant(even_breaks)
    return refute(unlimited(hypotheses=["d >= n"]), over="activations", budget=30)


def test_result_tells_the_search_and_the_confirmation(refuted: Refutation, tmp_path: Path) -> None:
    text = "\n".join(refuted.lines())
    assert "COUNTEREXAMPLE to tiny" in text
    assert "confirmation 1 of at most 3, on fresh trials" in text
    assert "error rate: 1% over all confirmations" in text
    folder = refuted.write(tmp_path / "out")
    content = json.loads((folder / "refute.json").read_text())
    assert content["counterexample"] == "counterexample.toml"
    assert content["confirmations"][0]["judgement"]["verdict"] == "FAIL"
    assert content["confirmations"][0]["seed"] == content["seeds"]["confirm-1"]
    assert content["confirmations"][0]["level"] == pytest.approx(0.01 / 3)
    assert len(content["candidates"]) == len(refuted.tried)
    assert {"report.html", "report.json", "trials.csv"} <= {path.name for path in folder.iterdir()}


def test_same_seed_finds_the_same(refuted: Refutation, unlimited: LawOf) -> None:
    again = refute(unlimited(hypotheses=["d >= n"]), over="activations", budget=30)
    assert again.spec() == refuted.spec() is not None


def test_nothing_found_says_so_and_is_no_proof(unlimited: LawOf, plant: Plant, tmp_path: Path) -> None:
    plant(root)
    found = refute(unlimited(), over="labels", budget=5, out=tmp_path)
    text = "\n".join(found.lines())
    assert text.startswith("no counterexample found to tiny")
    assert "no proof" in text
    assert "deviation of" in text
    assert found.ended == "nothing new was left to try"
    assert found.spec() is None
    assert [path.name for path in tmp_path.iterdir()] == ["refute.json"]


def test_command_exits_1_0_2(call: Callable[..., Result], plant: Plant, tmp_path: Path) -> None:
    spec = tmp_path / "bound.toml"
    spec.write_text(
        '[law]\nname = "bound"\nmodel = "rf-kernel"\nquantity = "sensitivity"\nstatement = "Theta(sqrt(n))"\n'
        'path = { d = "2*n" }\nsizes = { n = [20, 35, 60, 110, 200] }\nhypotheses = ["d >= n"]\n'
    )
    plant(even_breaks)
    broken = call("refute", str(spec), "--over", "activations", "--budget", "30", "--out", "broken")
    assert broken.exit_code == 1, broken.output
    assert "counterexample: broken/counterexample.toml" in broken.stdout
    plant(root)
    kept = call("refute", str(spec), "--over", "labels", "--budget", "3", "--out", "kept")
    assert kept.exit_code == 0, kept.output
    assert Path("kept/refute.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rf-kernel", "--over", "activation"], "did you mean 'activations'"),
        (["rf-kernel", "--over", ""], "over"),
        (["rf-kernels"], "did you mean"),
        (["missing.toml"], "cannot read the spec"),
        (["rf-kernel", "--budget", "0"], "--budget"),
        (["rf-kernel", "--seed", "-1"], "--seed"),
        (["hassani2022/half", "--over", "activations"], "is claimed for its own activations alone"),
        ([], "Missing argument"),
    ],
)
def test_bad_usage_is_one_message_and_exit_2(call: Callable[..., Result], arguments: list[str], said: str) -> None:
    result = call("refute", *arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output
    assert not Path("bigtheta-refute").exists()


@pytest.mark.parametrize("bad", [0, -1, float("inf"), float("nan"), True, "60"])
def test_budget_is_a_positive_number_of_seconds(bad: Any, tiny: LawOf) -> None:
    with pytest.raises(InvalidInputError, match="budget"):
        refute(tiny(), budget=bad)


def test_bad_options_of_the_function(tiny: LawOf) -> None:
    with pytest.raises(InvalidInputError, match="expected a Law"):
        refute(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="over"):
        asked_axes([])
    with pytest.raises(InvalidInputError, match="jobs"):
        refute(tiny(), jobs=0)


def test_it_is_exported() -> None:
    assert bigtheta.refute is refute


def test_every_shipped_law_meets_its_own_hypotheses() -> None:
    for law in laws():
        for act in law.activations:
            assert law.unmet(act) is None


def test_screened_finding_is_of_its_candidate(tiny: LawOf) -> None:
    candidate = combined(tiny(), (), "tanh")
    assert Screened(candidate, Outcome.KEPT).candidate.activation == activation("tanh")
