"""The fit against scipy, numpy's least squares, arithmetic by hand and a brute-force Bayesian average."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.stats

from bigtheta.verify.fit import CellMeans, Mixture, cell_means, fit_level, fit_slope

LEVELS = [1e-6, 0.005, 0.025, 0.05, 0.5, 0.8, 0.95, 0.975, 0.995, 1 - 1e-6]
SIZES = np.array([50.0, 100.0, 200.0, 400.0, 800.0, 1600.0])

# The model that the documentation states, written out here a second time.
POWERS = {1 / 5: 0.5, 1 / 4: 0.5, 1 / 3: 2.5, 1 / 2: 0.5, 2 / 3: 0.5, 1.0: 2.0, 4 / 3: 2.0, 2.0: 2.0}
PAIRS = [1 / 2, 2 / 3, 1.0]
PRIOR = {0.0: 0.10, 0.1: 0.15, 0.3: 0.70, 1.0: 0.05}


def bases(sizes: np.ndarray, *, level: bool) -> list[tuple[np.ndarray, float]]:
    u, log = sizes / sizes[0], np.log(sizes[0]) / np.log(sizes)
    forms = [(u[:, None] ** -w, weight) for w, weight in POWERS.items()]
    forms += [(np.stack([u**-w, u ** (-2 * w)], axis=1), 1.0) for w in PAIRS]
    forms += [(np.stack([u**-w, np.e * w / 2 * np.log(u) * u**-w], axis=1), 1.0) for w in (0.5, 1.0)]
    return forms + [(np.stack(columns, axis=1), 1.0 if level else 0.5) for columns in ([log], [log, log**2])]


def cells(y: object, v: object, *, level: bool = False) -> CellMeans:
    """Cells with the total variance v: what no correction explains, 1% for slopes and 0.4% for a level, is in it."""
    return CellMeans(np.asarray(y, dtype=float), np.asarray(v, dtype=float) - (0.004 if level else 0.01) ** 2, 100)


def mixture_cdf(mixture: Mixture, at: float) -> float:
    return float(np.sum(mixture.weights * scipy.stats.norm.cdf(at, mixture.means, mixture.sds)))


def brute_force(design: np.ndarray, y: np.ndarray, v: np.ndarray, forms: list[tuple[np.ndarray, float]]) -> Mixture:
    """The same average by another road: likelihood of error contrasts, whitened least squares."""
    contrasts = scipy.linalg.null_space(design.T).T
    weights, means, sds = [], [], []
    for tau, prior in PRIOR.items():
        for phi, weight in forms:
            cov = np.diag(v) + tau**2 * phi @ phi.T
            density = scipy.stats.multivariate_normal(np.zeros(len(contrasts)), contrasts @ cov @ contrasts.T)
            weights.append(prior * weight * density.pdf(contrasts @ y))
            root = np.linalg.cholesky(cov)
            white = scipy.linalg.solve_triangular(root, design, lower=True)
            means.append(np.linalg.lstsq(white, scipy.linalg.solve_triangular(root, y, lower=True), rcond=None)[0][0])
            _, r = np.linalg.qr(white)
            sds.append(np.linalg.norm(np.linalg.inv(r)[0]))
    total = np.array(weights)
    return Mixture(total / total.sum(), np.array(means), np.array(sds))


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 1.0), (3.0, 0.01), (-2.0, 100.0), (0.5, 1e-8), (1e3, 1e-3)])
def test_quantiles_of_one_normal(mean: float, sd: float) -> None:
    found = Mixture(np.ones(1), np.array([mean]), np.array([sd])).quantiles(LEVELS)
    np.testing.assert_allclose(
        found, scipy.stats.norm.ppf(LEVELS, mean, sd), rtol=0, atol=1e-7 * sd + 1e-13 * abs(mean)
    )


@pytest.mark.parametrize(
    ("weights", "means", "sds"),
    [
        ([0.5, 0.5], [0.0, 0.0], [1.0, 3.0]),
        ([0.3, 0.7], [-1.0, 2.0], [0.5, 0.1]),
        ([0.02, 0.9, 0.08], [-5.0, 0.0, 0.3], [0.01, 0.2, 2.0]),
        ([1e-9, 1 - 1e-9], [50.0, 0.0], [0.1, 1.0]),
    ],
)
def test_quantiles_of_a_mixture(weights: list[float], means: list[float], sds: list[float]) -> None:
    mixture = Mixture(np.array(weights), np.array(means), np.array(sds))
    expected = [
        scipy.optimize.brentq(lambda x, p=p: mixture_cdf(mixture, x) - p, -100, 100, xtol=1e-13) for p in LEVELS
    ]
    np.testing.assert_allclose(mixture.quantiles(LEVELS), expected, atol=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_without_corrections_it_is_weighted_least_squares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    v = rng.uniform(1e-4, 1e-2, len(SIZES))
    x = np.log(SIZES)
    y = 0.3 + 0.7 * x + np.sqrt(v) * rng.standard_normal(len(SIZES)) / 2
    fit = fit_slope(SIZES, cells(y, v), taus=(0.0,), weights=(1.0,))
    (slope, intercept), cov = np.polyfit(x, y, 1, w=1 / np.sqrt(v), cov="unscaled")
    chi2 = float((((y - intercept - slope * x) ** 2) / v).sum())
    assert fit.misfit_p == pytest.approx(scipy.stats.chi2.sf(chi2, len(SIZES) - 2), rel=1e-9)
    assert fit.misfit_p > 0.05, "the case must be one that fits"
    assert fit.scale == 1.0
    np.testing.assert_allclose(fit.mixture.means, slope, rtol=1e-10)
    np.testing.assert_allclose(fit.mixture.sds, np.sqrt(cov[0, 0]), rtol=1e-10)
    np.testing.assert_allclose(fit.line(3000.0).means, intercept + slope * np.log(3000.0), rtol=1e-10)
    at = np.array([np.log(3000.0), 1.0])
    np.testing.assert_allclose(fit.line(3000.0).sds, np.sqrt(at @ cov @ at), rtol=1e-10)
    assert fit.weights.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("level", [True, False])
def test_a_misfit_widens_the_interval_by_the_birge_ratio(level: bool) -> None:
    v = np.full(len(SIZES), 1e-4)
    x = np.log(SIZES)
    y = 0.1 * (-1.0) ** np.arange(len(SIZES))  # no decaying correction looks like this
    fit = (fit_level if level else fit_slope)(SIZES, cells(y, v, level=level), taus=(0.0,), weights=(1.0,))
    if level:
        chi2, degrees, sd = float(((y - y.mean()) ** 2 / v).sum()), len(SIZES) - 1, 1e-2 / np.sqrt(len(SIZES))
    else:
        coefficients, cov = np.polyfit(x, y, 1, w=1 / np.sqrt(v), cov="unscaled")
        chi2, degrees = float(((y - np.polyval(coefficients, x)) ** 2 / v).sum()), len(SIZES) - 2
        sd = float(np.sqrt(cov[0, 0]))
    assert fit.misfit_p == pytest.approx(scipy.stats.chi2.sf(chi2, degrees), rel=1e-6)
    np.testing.assert_allclose(fit.mixture.sds, sd * np.sqrt(chi2 / degrees), rtol=1e-9)


@pytest.mark.parametrize("correction", [0.0, 0.1, -0.3, 0.8])
@pytest.mark.parametrize("level", [False, True])
def test_the_average_is_the_bayesian_one(correction: float, level: bool) -> None:
    rng = np.random.default_rng(11)
    x = np.log(SIZES)
    v = rng.uniform(2e-5, 2e-4, len(SIZES))
    y = 1.0 + correction * (SIZES / SIZES[0]) ** -0.7 + np.sqrt(v) * rng.standard_normal(len(SIZES))
    design = np.ones((len(SIZES), 1)) if level else np.stack([x, np.ones_like(x)], axis=1)
    fit = (fit_level if level else fit_slope)(SIZES, cells(y, v, level=level))
    expected = brute_force(design, y, v, bases(SIZES, level=level))
    np.testing.assert_allclose(np.sort(fit.weights.ravel()), np.sort(expected.weights), rtol=1e-6, atol=1e-12)
    assert fit.scale == 1.0, "the case must be one that fits"
    centre, spread = float(expected.weights @ expected.means), float(expected.sds.max())
    for at in centre + spread * np.linspace(-3, 3, 13):
        assert mixture_cdf(fit.mixture, at) == pytest.approx(mixture_cdf(expected, at), abs=1e-7)


def test_evidence_moves_the_weight_to_the_right_correction() -> None:
    """Data with a visible correction take the weight from tau = 0; data without it leave it there."""
    v = np.full(len(SIZES), 1e-6)
    curve = 0.5 * SIZES[0] / SIZES
    bent = fit_slope(SIZES, cells(curve, v))
    straight = fit_slope(SIZES, cells(np.zeros(len(SIZES)), v))
    assert bent.weights[0].sum() < 1e-6
    assert straight.weights[0].sum() > 0.8, "a tenth of it beforehand"
    assert abs(bent.mixture.quantiles([0.5])[0]) < 0.01 < abs(np.polyfit(np.log(SIZES), curve, 1)[0])


def test_cell_means_by_hand() -> None:
    found = cell_means([np.array([1.0, 3.0]), np.array([2.0, 2.0, 2.0, 2.0]), np.array([0.0, 6.0])])
    # residual squares 2, 0, 18 on 1 + 3 + 1 = 5 degrees: pool 4; 5/(5 - 2) makes the normal cover as the t does
    inflation = Fraction(5, 3)
    expected = [
        Fraction(8 * 4 + 2, 8 + 1) / 2 * inflation,
        Fraction(8 * 4 + 0, 8 + 3) / 4 * inflation,
        Fraction(8 * 4 + 18, 8 + 1) / 2 * inflation,
    ]
    assert found.y.tolist() == [2.0, 2.0, 3.0]
    assert found.degrees == 5
    np.testing.assert_allclose(found.v, [float(value) for value in expected], rtol=1e-14)


def test_a_cell_of_one_trial_borrows_the_pooled_variance() -> None:
    found = cell_means([np.array([5.0]), np.array([1.0, 2.0, 3.0, 4.0, 5.0])])
    pooled, inflation = 10 / 4, 4 / 2
    np.testing.assert_allclose(found.v, [pooled * inflation, (8 * pooled + 10) / 12 / 5 * inflation], rtol=1e-14)


@pytest.mark.parametrize("counts", [(1, 1, 1), (2, 2), (3,), (1, 3)])
def test_too_few_trials_have_no_finite_variance(counts: tuple[int, ...]) -> None:
    found = cell_means([np.arange(1.0, count + 1) for count in counts])
    assert np.isinf(found.v).all()
    assert found.degrees == sum(counts) - len(counts)


def test_many_trials_overrule_the_pool() -> None:
    rng = np.random.default_rng(3)
    samples = [sd * rng.standard_normal(20_000) for sd in (0.1, 1.0, 10.0)]
    expected = [np.var(s, ddof=1) / len(s) for s in samples]
    pooled = np.mean([np.var(s, ddof=1) for s in samples]) / 20_000
    found = cell_means(samples).v
    np.testing.assert_allclose(found[1:], expected[1:], rtol=0.02)
    assert expected[0] < found[0] < pooled / 100, "between the cell's own variance and the pooled one"


@pytest.mark.parametrize("offset", [-30.0, 0.7, 12.0])
@pytest.mark.parametrize("tilt", [-2.0, 0.0, 0.5])
def test_adding_a_line_moves_the_slope_by_exactly_its_slope(offset: float, tilt: float) -> None:
    rng = np.random.default_rng(5)
    y, v = 0.1 * rng.standard_normal(len(SIZES)), rng.uniform(1e-4, 1e-2, len(SIZES))
    before = fit_slope(SIZES, cells(y, v)).mixture.quantiles(LEVELS)
    after = fit_slope(SIZES, cells(y + offset + tilt * np.log(SIZES), v)).mixture.quantiles(LEVELS)
    np.testing.assert_allclose(after, before + tilt, atol=1e-7)


def test_units_of_size_hardly_matter_for_a_slope() -> None:
    """Powers know no unit; logarithms do, so that the forms in 1/log v, an eleventh of the weight, change a little."""
    rng = np.random.default_rng(6)
    data = cells(0.1 * rng.standard_normal(len(SIZES)), rng.uniform(1e-4, 1e-2, len(SIZES)))
    levels = [0.025, 0.5, 0.975]
    one, thousand = (fit_slope(unit * SIZES, data).mixture.quantiles(levels) for unit in (1, 1000))
    np.testing.assert_allclose(thousand, one, atol=1e-3 * (one[2] - one[0]))


def test_a_cell_without_noise_is_met_exactly_and_gives_no_nan() -> None:
    v = np.array([1e-2, 1e-2, 0.0, 1e-2, 1e-2, 1e-2])
    y = np.array([0.05, -0.03, 0.4, 0.02, -0.06, 0.01])
    fit = fit_slope(SIZES, cells(y, v), taus=(0.0,), weights=(1.0,))
    assert np.isfinite(fit.mixture.quantiles(LEVELS)).all()
    np.testing.assert_allclose(fit.line(SIZES[2]).means, 0.4, atol=1e-6)


def test_a_correction_of_known_power_is_seen_through() -> None:
    """The extrapolated exponent and level are right where plain least squares is far off."""
    v = np.full(len(SIZES), 1e-8)
    bend = 0.5 * (SIZES / SIZES[0]) ** -0.5
    slope = fit_slope(SIZES, cells(0.5 * np.log(SIZES) + bend, v)).mixture.quantiles([0.5])[0]
    level = fit_level(SIZES, cells(1 + bend, v, level=True)).mixture.quantiles([0.5])[0]
    assert slope == pytest.approx(0.5, abs=0.01)
    assert level == pytest.approx(1.0, abs=0.01)
    assert abs(np.polyfit(np.log(SIZES), 0.5 * np.log(SIZES) + bend, 1)[0] - 0.5) > 0.1
    assert abs(np.mean(1 + bend) - 1) > 0.1


def test_several_slopes_are_told_apart() -> None:
    """On a grid of n and k the slopes are those of least squares if no correction is believed."""
    rng = np.random.default_rng(3)
    n, k = (a.ravel() for a in np.meshgrid(SIZES, SIZES[:5]))
    y = 0.5 * np.log(n) - 0.25 * np.log(k) + 0.01 * rng.standard_normal(len(n))
    data = CellMeans(y, np.full(len(n), 1e-4), 100)
    fit = fit_slope(np.stack([n, k], axis=1), data, taus=(0.0,), weights=(1.0,))
    design = np.stack([np.log(n), np.log(k), np.ones_like(n)], axis=1)
    expected, *_ = np.linalg.lstsq(design, y, rcond=None)
    found = [fit.slope(column).quantiles([0.5])[0] for column in (0, 1)]
    np.testing.assert_allclose(found, expected[:2], atol=1e-10)
    averaged = fit_slope(np.stack([n, k], axis=1), data)
    for column, truth in ((0, 0.5), (1, -0.25)):
        low, high = averaged.slope(column).quantiles([0.025, 0.975])
        assert low < truth < high < low + 0.2


def test_a_power_of_a_logarithm_is_left_open() -> None:
    """sqrt(n) log(n): the exponent 1/2 is excluded if the law has no logarithm, and covered up to logarithms."""
    data = cells(0.5 * np.log(SIZES) + np.log(np.log(SIZES)), np.full(len(SIZES), 1e-6))
    plain = fit_slope(SIZES, data).mixture.quantiles([0.005, 0.995])
    loose = fit_slope(SIZES, data, up_to_logs=True).mixture.quantiles([0.025, 0.975])
    assert plain[0] > 0.5
    assert loose[0] < 0.5 < loose[1]
