"""Quadratic targets and adversarial training: the laws say what the exact limits say, and the simulation agrees."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bigtheta
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Control, Law, laws
from bigtheta.theory.limits.adversarial import Phase, adversarial_limit, adversarial_risk, critical_eps
from bigtheta.theory.limits.named import limit_values
from bigtheta.theory.limits.quadratic import neural_tangent_mean, random_features, retreats, robustness_floor, tradeoff
from bigtheta.theory.limits.quadratic_named import student_limit
from bigtheta.theory.model import AdversarialFeatures, Model
from bigtheta.theory.papers import dohmatob2022, hassani2022
from bigtheta.theory.statement import Limit, Sense
from bigtheta.theory.training import QuadraticStudent
from bigtheta.verify.run import verify
from bigtheta.verify.verdict import Verdict

REGIMES, TRAINING = laws("dohmatob2022"), laws("hassani2022")
LIMITS = [entry for entry in (*REGIMES, *TRAINING) if entry.statement.sense is Sense.LIMIT]
PEAK = hassani2022.peak


def claimed(law: Law) -> float:
    """The number that a law claims, far out on its path."""
    cell = law.path.at(960_000)
    return float(law.statement.value({name: [size] for name, size in cell.items()})[0])


def limit(law: Law) -> float:
    cell = law.path.at(960_000)
    return float(limit_values(law.limit, law, activation(law.activations[0]), {n: [v] for n, v in cell.items()})[0])


@pytest.mark.parametrize("law", LIMITS, ids=lambda law: law.id)
def test_a_law_claims_the_digits_of_the_exact_limit(law: Law) -> None:
    assert claimed(law) == pytest.approx(limit(law), rel=5e-6)


@pytest.mark.parametrize("law", LIMITS, ids=lambda law: law.id)
def test_the_constant_off_by_two_margins_is_a_control(law: Law) -> None:
    values = {float(np.ravel(c.statement.value({n: [v] for n, v in law.path.at(960_000).items()}))[0]) / claimed(law)
              for c in law.controls if c.statement is not None}  # fmt: skip
    assert any(ratio == pytest.approx(1 + 2 * law.margin, rel=1e-5) for ratio in values)
    assert all(abs(ratio - 1) > law.margin for ratio in values)


def test_laws_cover_every_regime_and_both_quantities() -> None:
    covered = {(law.model.regime, law.quantity.kind) for law in REGIMES if isinstance(law.model, QuadraticStudent)}
    regimes = {"initialisation", "rf", "lazy-rf", "nt", "lazy-nt", "gradient-flow", "lazy-gradient-flow", "trained"}
    assert covered == {(regime, quantity) for regime in regimes for quantity in ("sobolev", "test-error")}


SPECS = {law.id.rsplit("-", 1)[0]: law for law in REGIMES}


@pytest.mark.parametrize("law", SPECS.values(), ids=SPECS)
def test_universal_bound_holds_for_every_draw(law: Law) -> None:
    """sqrt S >= 1 - sqrt E, whatever f is: exact, at sizes where the limits are far off."""
    frame = bigtheta.simulate(
        model=law.model, quantity="sobolev", activation=law.activations[0], sizes=law.path.at(12), trials=4, seed=3
    )
    assert (np.sqrt(frame["value"]) >= 1 - np.sqrt(frame["error"]) - 1e-9).all()
    found = student_limit(law.model, activation(law.activations[0]), rho=np.array([0.3, 0.7, 1.0, 2.5]))
    assert (found.slack >= -1e-12).all()


def test_universal_bound_is_attained_and_can_be_missed() -> None:
    shrunk = np.linspace(0, 1, 5)  # f = c f*
    assert np.allclose(robustness_floor((1 - shrunk) ** 2), shrunk**2)
    assert robustness_floor(0.25) > 0.2  # S = 0.2 at E = 0.25 is impossible


def test_the_limit_of_the_tangent_is_that_of_its_exact_mean() -> None:
    far = neural_tangent_mean(d=10**6, m=5 * 10**5)
    assert (claimed(dohmatob2022.nt_error), claimed(dohmatob2022.nt_robustness)) == pytest.approx(
        (far.error, far.robustness), rel=1e-5
    )


def test_robustness_improves_with_the_error_where_the_laws_say_so_and_nowhere_else() -> None:
    widths = np.geomspace(0.5, 64, 60)
    (stretch,) = retreats(tradeoff("rf", phi="exp(-8*u**2)", at=widths))
    assert stretch.start < 24 < stretch.stop
    assert stretch.start == pytest.approx(6.7168, rel=1e-4)
    narrow, wide = (random_features("exp(-8*u**2)", rho=rho) for rho in (6, 24))
    assert wide.error < narrow.error
    assert wide.robustness < 0.85 * narrow.robustness
    (mixed,) = retreats(tradeoff("rf", phi=(0, 0, 0.4**0.5) + (0,) * 9 + (0.6**0.5,), at=widths))
    assert mixed.robustness[1] < mixed.robustness[0] == pytest.approx(4 / 3, rel=1e-4)
    for phi in ("relu", "u**2", "u + u**2"):
        assert retreats(tradeoff("rf", phi=phi, at=widths)) == ()
    for regime in ("nt", "trained"):
        assert retreats(tradeoff(regime, at=np.linspace(0.05, 0.95, 30))) == ()


def test_the_retreat_is_reported_as_such() -> None:
    wide = dohmatob2022.retreat_wide
    assert "does not hold" in wide.claim
    assert "degree" in wide.note
    falls = [control for control in wide.controls if control.statement == dohmatob2022.retreat_narrow.statement]
    assert len(falls) == 1


def test_error_and_slope_fall_together_in_the_simulation() -> None:
    """Both, on the same draws' networks, at d = 40: from E = 0.44, S = 1.70 to E = 0.18, S = 1.45."""
    narrow, wide = (
        bigtheta.simulate(
            model="quadratic-student", quantity="sobolev", activation="exp(-8*u**2)", sizes={"d": 40, "k": 40 * rho},
            trials=4, seed=5,
        )
        for rho in (6, 24)
    )  # fmt: skip
    assert wide["error"].max() < 0.6 * narrow["error"].min()
    assert wide["value"].max() < 0.95 * narrow["value"].min()


UNKNOWN = {
    "start": (QuadraticStudent(regime="lazy-nt", target="goe"), "softplus"),
    "trace": (QuadraticStudent(regime="nt"), "softplus"),
    "flow": (QuadraticStudent(regime="gradient-flow", target="goe", time=1.0), "softplus"),
    "trained": (QuadraticStudent(regime="trained", target="wishart"), "u**2"),
    "covariance": (QuadraticStudent(regime="nt", target="wishart", covariance="target"), "u**2"),
}


@pytest.mark.parametrize(("model", "act"), UNKNOWN.values(), ids=UNKNOWN)
def test_a_student_without_a_known_limit_is_refused(model: Model, act: str) -> None:
    with pytest.raises(InvalidInputError, match="none is known"):
        student_limit(model, activation(act), rho=0.5)


def test_hermite_coefficients_are_the_activation() -> None:
    square = (-0.0, 0.0, 2**0.5)
    by_name = student_limit(QuadraticStudent(regime="nt", target="goe", ridge=2.0), activation("u**2"), rho=0.7)
    by_row = student_limit(
        QuadraticStudent(regime="nt", target="goe", ridge=2.0, coefficients=square), activation("relu"), rho=0.7
    )
    assert (by_row.error, by_row.robustness) == pytest.approx((by_name.error, by_name.robustness), rel=1e-12)


@pytest.mark.parametrize(
    ("psi1", "psi2", "eps", "tau", "simulated", "error"),
    [
        (0.5, 2, 0.5, 0.5, 1.3587, 0.008), (2, 2, 0.5, 0.5, 1.6815, 0.013), (4, 2, 0.5, 0.5, 1.9085, 0.013),
        (10, 2, 0.5, 0.5, 1.5561, 0.008), (5, 3, 1, 0.5, 1.7815, 0.012), (3, 1, 0.3, 1, 3.2310, 0.039),
        (1, 3, 1, 0.5, 1.2504, 0.0004),
    ],
)  # fmt: skip
def test_adversarial_risk_against_an_independent_simulation(
    psi1: float, psi2: float, eps: float, tau: float, simulated: float, error: float
) -> None:
    assert adversarial_risk(psi1=psi1, psi2=psi2, eps=eps, tau=tau) == pytest.approx(simulated, abs=2.5 * error)


def test_zero_phase_begins_at_the_critical_eps() -> None:
    at = {"psi1": 1.0, "psi2": 3.0, "tau": 0.5}
    critical = critical_eps(**at)
    assert critical < 1.0  # where the law lies
    assert adversarial_limit(**at, eps=critical * 1.001).phase is Phase.ZERO
    below = adversarial_limit(**at, eps=critical * 0.999)
    assert below.phase is Phase.TRAINED
    assert below.b > 0
    assert below.risk == pytest.approx(1.25, rel=2e-3)  # it is continuous there


def test_eps_to_zero_is_least_squares() -> None:
    """psi1 < psi2: AR = sigma^2/(1 - psi1/psi2), sigma^2 the risk of the best linear predictor from the features."""
    many = adversarial_risk(psi1=0.5, psi2=1e7, eps=0.0, tau=0.5)
    for psi2 in (1.0, 2.0, 5.0):
        expected = many / (1 - 0.5 / psi2)
        assert adversarial_risk(psi1=0.5, psi2=psi2, eps=0.0, tau=0.5) == pytest.approx(expected, rel=1e-5)
        assert adversarial_risk(psi1=0.5, psi2=psi2, eps=1e-5, tau=0.5) == pytest.approx(expected, rel=1e-3)


def test_infinitely_many_features_are_none() -> None:
    risks = [adversarial_risk(psi1=psi1, psi2=2, eps=0.5, tau=0.5) for psi1 in (1e2, 1e4, 1e6, 1e8)]
    assert risks == sorted(risks, reverse=True)
    assert risks[-1] == pytest.approx(1.25, rel=0.01)


def test_overparametrisation_hurts_between_the_minimum_and_the_peak() -> None:
    widths = np.geomspace(0.5, 3000, 1500)
    risk = np.asarray(adversarial_risk(psi1=widths, psi2=10, eps=0.5, tau=0.5))
    low, high = int(risk[: len(risk) // 2].argmin()), int(risk.argmax())
    assert (widths[low], widths[high]) == pytest.approx((4.025, 21.55), rel=0.01)
    assert (risk[low], risk[high], risk[-1]) == pytest.approx((1.0923, 1.563, 1.334), abs=1e-3)
    assert (np.diff(risk[low:high]) > 0).all()
    assert (risk[high + 1 :] < risk[high]).all()  # not monotone: a shallow rise follows from psi1 = 69 on
    assert risk[-1] < risk[high:].min() + 1e-12


def test_the_peak_is_that_of_the_limit() -> None:
    widths = np.geomspace(0.5, 6, 1000)
    risk = np.asarray(adversarial_risk(psi1=widths, psi2=1, eps=0.5, tau=0.5))
    (place,) = PEAK.statement.places  # type: ignore[attr-defined]
    assert widths[risk.argmax()] == pytest.approx(place, rel=3e-3)


@pytest.mark.parametrize("quantity", ["adversarial-risk", "test-error", "sobolev"])
def test_the_limit_scales_with_the_signal(quantity: str) -> None:
    def at(signal: float, noise: float) -> float:
        law = Law(
            name="scaled", statement="Limit(1)", model=AdversarialFeatures(eps=0.5), quantity=quantity,
            inputs="gaussian", labels={"signal": signal, "noise": noise}, path={"k": "4*d", "n": "2*d"},
            sizes={"d": [10, 20]},
        )  # fmt: skip
        return float(limit_values("adversarial-risk", law, activation("relu"), {"n": [2e3], "d": [1e3], "k": [4e3]})[0])

    power = 1 if quantity == "sobolev" else 2
    assert at(3.0, 2.25) == pytest.approx(3.0**power * at(1.0, 0.25), rel=1e-9)


def test_a_fit_near_the_zero_phase_does_not_end_in_the_kink() -> None:
    frame = bigtheta.simulate(
        model=AdversarialFeatures(eps=1.0), quantity="adversarial-risk", activation="relu", inputs="gaussian",
        labels={"signal": 1.0, "noise": 0.25}, sizes={"n": 30, "d": 10, "k": 10}, trials=20, seed=1,
    )  # fmt: skip
    assert set(frame["status"]) == {"ok"}
    assert frame["residual"].max() < 1e-7
    assert math.isclose(frame["value"].min(), 1.25, rel_tol=0.3)
    assert (frame["value"] != 1.25).any()


CHEAP = [dohmatob2022.nt_robustness, dohmatob2022.flow_robustness, dohmatob2022.trained_error, hassani2022.zero]


@pytest.mark.parametrize("law", CHEAP, ids=lambda law: law.id)
def test_cheap_laws_pass_and_their_controls_fail(law: Law) -> None:
    report = verify(law, seed=1)
    verdicts = [(entry.control is not None, entry.judgement.verdict) for entry in report.entries]
    assert verdicts == [(False, Verdict.PASS)] + [(True, Verdict.FAIL)] * len(law.controls)


@pytest.mark.long
@pytest.mark.parametrize("paper", ["dohmatob2022", "hassani2022"])
def test_no_law_fails_and_every_control_does(paper: str) -> None:
    for entry in verify(paper=paper, profile="standard", seed=2, jobs=2).entries:
        wanted = {Verdict.FAIL} if entry.control else {Verdict.PASS, Verdict.INCONCLUSIVE}
        assert entry.judgement.verdict in wanted, (entry.law.id, entry.judgement.reason)


def test_a_law_with_a_wrong_constant_is_told() -> None:
    wrong = Law(
        name="wrong", statement=Limit("0.8*(1 - k/d)**2"), model=QuadraticStudent(regime="nt", target="goe"),
        quantity="test-error", path={"k": "d/2"}, sizes={"d": [40, 80, 130, 200, 280, 400]}, margin=0.1,
        activations=("u**2",),
        controls=(Control(statement=Limit("(1 - k/d)**2"), because="this one is right and must PASS"),),
    )  # fmt: skip
    law, control = verify(wrong, seed=1).entries
    assert (law.judgement.verdict, control.judgement.verdict) == (Verdict.FAIL, Verdict.PASS)
