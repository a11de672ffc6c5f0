"""Pencils and free probability: closed forms, published equations, and matrices that are drawn and inverted."""

import functools
import itertools
import math

import mpmath
import numpy as np
import pytest
import sympy
from sympy import Identity, MatrixSymbol, Trace, sqrt, symbols
from sympy.matrices import expressions as matrix

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.limits.free_solver import BranchError, NoConvergenceError
from bigtheta.theory.limits.free_spectrum import Spectrum
from bigtheta.theory.limits.gaussian_equivalent import (
    gaussian_constants,
    memorised_random_features,
    random_features_pencil,
    sobolev_pencil,
    sobolev_random_features,
)
from bigtheta.theory.limits.pencil import pencil

n, d, k, m, lam, a, b, s, t = symbols("n d k m lam a b s t", positive=True)
X, Y = MatrixSymbol("X", n, d), MatrixSymbol("Y", n, d)
W, Z, V = MatrixSymbol("W", k, d), MatrixSymbol("Z", n, k), MatrixSymbol("V", m, k)
A, B = MatrixSymbol("A", d, d), MatrixSymbol("B", d, d)


def ridge(size, gram):
    return (lam * Identity(size) + gram).inverse()


@functools.cache
def marchenko_pastur():
    return pencil(Trace(ridge(n, X * X.T)), {X: 1 / d})


def marchenko_pastur_root(ratio, ridge, sign=1):
    """A root g of ratio ridge g^2 + (1 - ratio + ridge) g - 1 = 0, ratio = n/d."""
    with mpmath.workdps(2 * mpmath.mp.dps):
        half = 1 - ratio + mpmath.mpf(ridge)
        return (-half + sign * mpmath.sqrt(half**2 + 4 * ratio * ridge)) / (2 * ratio * ridge)


# -- closed forms --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ratio", "level"), list(itertools.product((0.25, 1.0, 3.0), (10.0, 0.3, 1e-4, 1e-9))))
def test_marchenko_pastur(ratio, level):
    values = {"n": 200 * ratio, "d": 200, "lam": level}
    solution = marchenko_pastur().solve(values)
    assert solution.trace / values["n"] == pytest.approx(float(marchenko_pastur_root(ratio, level)), rel=1e-10)
    assert solution.residual < 1e-12


def test_marchenko_pastur_to_sixty_digits():
    solution = marchenko_pastur().solve({"n": 1, "d": "2", "lam": sympy.Rational(1, 3)}, digits=60)
    with mpmath.workdps(70):
        exact = marchenko_pastur_root(mpmath.mpf(1) / 2, mpmath.mpf(1) / 3)
        assert abs(solution.trace - exact) < mpmath.mpf(10) ** -60
        step = mpmath.mpf(10) ** -25
        around = [marchenko_pastur_root(mpmath.mpf(1) / 2, mpmath.mpf(1) / 3 + sign * step) for sign in (1, -1)]
        assert abs(solution.derivative("lam") - (around[0] - around[1]) / (2 * step)) < mpmath.mpf(10) ** -45


def test_marchenko_pastur_equations_eliminate_to_the_quadratic():
    equations = marchenko_pastur().equations()
    first, second = equations.unknowns
    eliminated = sympy.factor(sympy.resultant(*equations.polynomials, second))
    quadratic = sympy.expand(n * lam * first**2 / d + (1 - n / d + lam) * first - 1)
    assert sympy.rem(sympy.numer(sympy.together(eliminated)), sympy.numer(sympy.together(quadratic)), first) == 0
    assert equations.trace == n * first
    assert r"g_{1}" in equations.latex()


@pytest.mark.parametrize(("samples", "level"), [(100, 0.2), (50, 0.05), (300, 1.0)])
def test_ridge_regression_risk(samples, level):
    """tr [(C + r)^{-1} C (C + r)^{-1}] and r^2 tr (C + r)^{-2} of C = X^T X/n, from the law's m and m'."""
    ratio = 100 / samples
    law = pencil(Trace(ridge(d, X.T * X / n)), {X: 1})
    solution = law.solve({"n": samples, "d": 100, "lam": level})
    with mpmath.workdps(30):
        slope = mpmath.diff(lambda r: marchenko_pastur_root(mpmath.mpf(ratio), r), mpmath.mpf(level))
        g = marchenko_pastur_root(mpmath.mpf(ratio), mpmath.mpf(level))
    assert -(level**2) * solution.derivative(lam) / 100 == pytest.approx(float(-slope * level**2), rel=1e-10)
    variance = solution.trace / 100 + level * solution.derivative("lam") / 100
    assert variance == pytest.approx(float(g + level * slope), rel=1e-10)
    # the same variance with two resolvents in one expression: no derivative
    resolvent = ridge(d, X.T * X / n)
    both = pencil(Trace(resolvent * X.T * X * resolvent) / n, {X: 1}).solve({"n": samples, "d": 100, "lam": level})
    assert both.trace / 100 == pytest.approx(variance, rel=1e-10)


@pytest.mark.parametrize("samples", [60, 100, 250])
def test_ridge_with_a_covariance(samples):
    """lam tr (C + lam)^{-1} = tr kappa (S + kappa)^{-1}, lam = kappa (1 - (d/n) tr S (S + kappa)^{-1}), C of mean S."""
    atoms, weights = np.array([0.1, 1.0, 4.0]), np.array([0.5, 0.3, 0.2])
    law = pencil(Trace(ridge(d, A * X.T * X * A)), {X: 1 / n}, {A: Spectrum(tuple(np.sqrt(atoms)), tuple(weights))})
    kappa = 0.7
    level = kappa * (1 - 150 / samples * float(weights @ (atoms / (atoms + kappa))))
    if level <= 0:
        kappa = 3.0
        level = kappa * (1 - 150 / samples * float(weights @ (atoms / (atoms + kappa))))
    solution = law.solve({"n": samples, "d": 150, "lam": level})
    assert level * solution.trace / 150 == pytest.approx(float(weights @ (kappa / (atoms + kappa))), rel=1e-10)
    many = law.solve({"n": samples, "d": 150, "lam": level}, digits=30)
    assert float(many.trace) == pytest.approx(solution.trace, rel=1e-12)
    assert "Integral" in str(law.equations())


def test_a_density_is_its_atoms():
    """A semicircle of radius 2 shifted by 3: tr (A + lam)^{-1} = (x - sqrt(x^2 - 4))/2 at x = 3 + lam."""
    density = Spectrum.of_density(lambda x: math.sqrt(4 - (x - 3) ** 2) / (2 * math.pi), 1.0, 5.0, nodes=400)
    law = pencil(Trace((lam * Identity(d) + A).inverse()), {}, {A: density})
    assert law.size == 1
    assert law.solve({"d": 10, "lam": 0.5}).trace / 10 == pytest.approx((3.5 - math.sqrt(3.5**2 - 4)) / 2, rel=1e-4)


@pytest.mark.parametrize(("samples", "dimension"), [(300, 120), (120, 300)])
def test_the_limit_of_no_ridge(samples, dimension):
    """lam -> 0: tr (X^T X)^{-1} = d/(n - d) for n > d; for n < d, (X X^T)^{-1} likewise."""
    size, gram = (d, X.T * X) if samples > dimension else (n, X * X.T)
    law = pencil(Trace(ridge(size, gram)), {X: 1})
    low = min(samples, dimension)
    limit = law.limit("lam", {"n": samples, "d": dimension})
    assert limit.value == pytest.approx(low / abs(samples - dimension), rel=1e-8)
    precise = law.limit(lam, {"n": samples, "d": dimension}, digits=25)
    with mpmath.workdps(40):
        assert abs(precise.value - mpmath.mpf(low) / abs(samples - dimension)) < mpmath.mpf(10) ** -25
    with pytest.raises(NoConvergenceError, match="as lam -> 0"):
        law.limit("lam", {"n": 200, "d": 200})


# -- random features: published equations --------------------------------------------------------------------------


def pennington_worah(g, *, n, d, k, lam, zeta, eta):
    """Pennington, Worah 2017, Theorem 1, for M = Phi Phi^T: zero at g = tr (lam + M)^{-1}; zeta = mu1^2, eta = E phi^2.

    G = (psi/z) P(1/(z psi)) + (1 - psi)/z, P = 1 + (eta - zeta) t P_phi P_psi + Q/(1 - Q), Q = P_phi P_psi t zeta,
    P_phi = 1 + (P - 1) phi, P_psi = 1 + (P - 1) psi, at z = -lam, G = -g.
    """
    phi, psi, z = d / k, d / n, -lam
    p = (-g * z - (1 - psi)) / psi
    time = 1 / (z * psi)
    both = (1 + (p - 1) * phi) * (1 + (p - 1) * psi) * time
    return (1 + (eta - zeta) * both - p) * (1 - both * zeta) + both * zeta


SHAPES = ((200, 200, 400), (400, 200, 300), (150, 400, 200), (300, 200, 320), (50, 60, 800))


@pytest.mark.parametrize("shape", SHAPES)
def test_random_features_resolvent_solves_the_published_quartic(shape):
    values = dict(zip(("n", "d", "k"), map(mpmath.mpf, shape), strict=True))
    with mpmath.workdps(40):
        linear, rest, level = mpmath.mpf("0.5"), mpmath.mpf("0.3"), mpmath.mpf("0.01")
        solution = random_features_pencil().solve({**values, "lam": level, "mu1": linear, "mu": rest}, digits=30)
        g = solution.trace / shape[0]
        numbers = {**values, "lam": level, "zeta": linear**2, "eta": linear**2 + rest**2}
        assert abs(pennington_worah(g, **numbers)) < mpmath.mpf(10) ** -25
        assert abs(pennington_worah(g * 1.001, **numbers)) > 1e-6


def test_random_features_equations_eliminate_to_the_published_quartic():
    equations = random_features_pencil().equations()
    numbers = {
        "n": 2,
        "d": 3,
        "k": 5,
        "lam": sympy.Rational(1, 7),
        "mu1": sympy.Rational(1, 2),
        "mu": sympy.Rational(1, 3),
    }
    by_symbol = {symbol: numbers[symbol.name] for symbol in random_features_pencil().coefficients.parameters}
    first, *others = equations.unknowns
    basis = sympy.groebner([p.subs(by_symbol) for p in equations.polynomials], *others, first, order="lex")
    mine = sympy.Poly(basis.exprs[-1], first)
    published = pennington_worah(
        first,
        **{name: sympy.Integer(numbers[name]) for name in ("n", "d", "k")},
        lam=numbers["lam"], zeta=sympy.Rational(1, 4), eta=sympy.Rational(1, 4) + sympy.Rational(1, 9),
    )  # fmt: skip
    published = sympy.Poly(sympy.expand(published), first)
    assert mine.degree() == 4
    assert sympy.rem(published, mine).is_zero


@pytest.mark.parametrize("shape", SHAPES)
def test_random_features_equation_of_adlam_and_pennington(shape):
    """phi (zeta t1 t2 + phi (t2 - t1)) + zeta t1 t2 psi (lam t1 - 1) = 0, t1 = tr K^{-1}, t2 = tr X X^T K^{-1}."""
    features = (a * X * W.T + b * Z) / sqrt(k)
    laws = {X: 1 / d, W: 1, Z: 1}
    size = dict(zip(("n", "d", "k"), shape, strict=True))
    values = {**size, "lam": 0.02, "a": 0.5, "b": 0.3}
    first = pencil(Trace(ridge(n, features * features.T)) / n, laws).solve(values).trace
    second = pencil(Trace(X * X.T * ridge(n, features * features.T)) / n, laws).solve(values).trace
    phi, psi, zeta = size["d"] / size["n"], size["d"] / size["k"], 0.25
    terms = [
        phi * zeta * first * second,
        phi * phi * (second - first),
        zeta * first * second * psi * (0.02 * first - 1),
    ]
    assert abs(math.fsum(terms)) < 1e-9 * max(map(abs, terms))


# -- the Sobolev norm ----------------------------------------------------------------------------------------------

REFERENCE = [
    ((200, 200, 400), 427, 404, 16),
    ((200, 400, 800), 318, 340, 11),
    ((400, 200, 800), 474, 486, 13),
    ((300, 200, 320), 2135, 2247, 106),
]
"""Sizes, the limit of S^2 at ridge 1e-3 for relu and noise 1, the mean of simulations and its standard error."""


@pytest.mark.parametrize(("shape", "limit", "mean", "error"), REFERENCE)
def test_sobolev_reference_values(shape, limit, mean, error):
    value = sobolev_random_features("relu", **dict(zip("ndk", shape, strict=True)), ridge=1e-3)
    assert value == pytest.approx(limit, abs=0.6)
    assert abs(value - mean) < 3 * error


def test_sobolev_pencils_are_small():
    assert [random_features_pencil().size, sobolev_pencil().size, sobolev_pencil("signal").size] == [4, 6, 7]


def closed_sobolev(samples, dimension, neurons, act):
    """F4: tr Sigma (Sigma + tau)^{-1} = n or tau = 0, S^2 = tr [B Sigma (Sigma + tau)^{-2}]/(n - df2).

    The spectrum of M = W W^T/d, k x k, is Marchenko and Pastur's with ratio c = k/d, an atom 1 - d/k at 0 for k > d.
    """
    linear, rest, nu = gaussian_constants(act)
    c = neurons / dimension
    angle, rule = np.polynomial.legendre.leggauss(400)
    angle, rule = math.pi * (angle + 1) / 2, rule * math.pi / 2
    x = 1 + c + 2 * math.sqrt(c) * np.cos(angle)
    weight = neurons * rule * 4 * c * np.sin(angle) ** 2 / (2 * math.pi * c * x)
    x, weight = np.append(x, 0.0), np.append(weight, max(neurons - dimension, 0))
    sigma = linear**2 * x + rest
    metric = dimension * (linear**2 * x + nu - linear**2)
    low, high = 0.0, 1e6
    if samples < neurons:
        for _ in range(200):
            tau = math.sqrt(max(low, 1e-12) * high) if high > 1e-12 else 0.0
            low, high = (tau, high) if weight @ (sigma / (sigma + tau)) > samples else (low, tau)
    else:
        tau = 0.0
    spread = weight @ (sigma / (sigma + tau)) ** 2
    return float(weight @ (metric * sigma / (sigma + tau) ** 2) / (samples - spread))


@pytest.mark.parametrize("act", ["relu", "tanh", "abs"])
@pytest.mark.parametrize("shape", [(100, 100, 250), (200, 100, 250), (300, 100, 250), (700, 100, 250), (150, 300, 200)])
def test_sobolev_without_ridge_is_the_formula_over_the_weights_spectrum(shape, act):
    value = sobolev_random_features(act, **dict(zip("ndk", shape, strict=True)))
    assert value == pytest.approx(closed_sobolev(*shape, act), rel=2e-6)


def test_sobolev_close_to_the_threshold_and_on_it():
    assert sobolev_random_features("relu", n=200, d=100, k=204) == pytest.approx(
        closed_sobolev(200, 100, 204, "relu"), rel=1e-5
    )
    with pytest.raises(NoConvergenceError, match="threshold"):
        sobolev_random_features("relu", n=200, d=100, k=200)


def test_the_linear_model_learns_the_signal_exactly():
    """phi(u) = u, n > d: f = signal beta . x, so S^2 = signal^2 without noise; noise d^2/(n - d) without signal."""
    sizes = {"n": 300, "d": 100, "k": 5000}
    assert sobolev_random_features("identity", **sizes, ridge=1e-9, noise=0.0, signal=2.0) == pytest.approx(
        4.0, rel=1e-5
    )
    noisy = sobolev_random_features("identity", **sizes, ridge=1e-9)
    assert noisy == pytest.approx(100 * 100 / 200, rel=1e-5)


def test_memorised_fraction_is_between_none_and_all():
    fractions = [memorised_random_features("relu", n=200, d=200, k=400, ridge=r) for r in (1e-6, 1e-2, 1e2)]
    assert fractions == sorted(fractions, reverse=True)
    assert fractions[0] > 0.9999
    assert fractions[-1] < 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"act": "relu", "n": 0}, "n=0"),
        ({"act": "relu", "ridge": -1.0}, "ridge=-1.0"),
        ({"act": "step"}, "jumps"),
        ({}, "one of the two"),
        ({"act": "relu", "constants": (0.5, 0.1, 0.5)}, "one of the two"),
        ({"constants": (1.0, 0.1, 0.5)}, "nu >= mu_1"),
    ],
)
def test_sobolev_refuses(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        sobolev_random_features(**{"act": None, "n": 20, "d": 20, "k": 40, "ridge": 0.1, **arguments})


# -- random expressions against drawn matrices ---------------------------------------------------------------------

Phi = (a * X * W.T + b * Z) / sqrt(k)
COVARIANCE = Spectrum((0.5, 1.0, 3.0), (0.25, 0.5, 0.25))
EXPRESSIONS = {
    "gram": Trace(ridge(n, X * X.T)),
    "sum of two": Trace(ridge(n, X * X.T + s * Z * Z.T)),
    "information plus noise": Trace(ridge(n, (X + a * Y) * (X + a * Y).T)),
    "product": Trace(ridge(n, X * W.T * W * X.T)),
    "features": Trace(ridge(n, Phi * Phi.T)),
    "projected inputs": Trace(X.T * ridge(n, Phi * Phi.T) * X),
    "two layers": Trace(ridge(n, Phi * V.T * V * Phi.T)),
    "nested inverse": Trace(ridge(n, X * ridge(d, W.T * W) * X.T)),
    "moments": Trace(X * W.T * W * X.T) + a * Trace(W * W.T),
    "covariance": Trace(ridge(n, X * A * X.T)),
    "covariance weighted": Trace(A * X.T * ridge(n, X * A * X.T) * X),
    "two resolvents": Trace(ridge(n, X * X.T) * Z * ridge(k, Z.T * Z) * Z.T),
    "inverse of a sum": Trace((lam * Identity(d) + A + W.T * W).inverse() * A),
    "resolvent squared": Trace(ridge(n, Phi * Phi.T) ** 2),
}
GAUSSIANS = {X: 1 / d, Y: 2 / d, W: 1 / d, Z: 1 / k, V: 1 / k}
NUMBERS = {"lam": 0.3, "a": 0.8, "b": 0.6, "s": 0.5}
SIZES = {
    "gram": (400, 300, 0, 0), "sum of two": (300, 400, 200, 0), "information plus noise": (350, 250, 0, 0),
    "product": (300, 400, 350, 0), "features": (400, 250, 300, 0), "projected inputs": (300, 200, 400, 0),
    "two layers": (250, 300, 350, 400), "nested inverse": (400, 200, 300, 0), "moments": (250, 300, 400, 0),
    "covariance": (300, 400, 0, 0), "covariance weighted": (400, 300, 0, 0), "two resolvents": (400, 250, 300, 0),
    "inverse of a sum": (0, 400, 250, 0), "resolvent squared": (300, 350, 400, 0),
}  # fmt: skip


def law_of(name, factor=1.0):
    expression = EXPRESSIONS[name]
    used = expression.atoms(MatrixSymbol)
    laws = {symbol: factor * variance for symbol, variance in GAUSSIANS.items() if symbol in used}
    law = pencil(expression, laws, {A: COVARIANCE} if A in used else {})
    sizes = dict(zip("ndkm", SIZES[name], strict=True))
    return law, {name: value for name, value in {**NUMBERS, **sizes}.items() if name in law.parameters}


def evaluated(e, draws, numbers):
    """A SymPy matrix expression on numpy matrices; a trace as a number. The transpose is the adjoint."""
    if isinstance(e, Trace):
        return np.trace(evaluated(e.arg, draws, numbers)).real
    if isinstance(e, matrix.MatrixSymbol):
        return draws[e]
    if isinstance(e, matrix.Identity):
        return np.eye(int(e.shape[0].subs(numbers)))
    if isinstance(e, matrix.Transpose):
        return evaluated(e.arg, draws, numbers).conj().T
    if isinstance(e, matrix.Inverse):
        return np.linalg.inv(evaluated(e.arg, draws, numbers))
    if isinstance(e, matrix.MatPow):
        return np.linalg.matrix_power(evaluated(e.base, draws, numbers), int(e.exp))
    if e.has(Trace) or getattr(e, "is_Matrix", False):
        parts = [evaluated(part, draws, numbers) for part in e.args]
        if isinstance(e, matrix.MatMul):
            return functools.reduce(lambda p, q: p @ q if np.ndim(p) and np.ndim(q) else p * q, parts)
        return sum(parts) if e.is_Add or isinstance(e, matrix.MatAdd) else math.prod(parts)
    return float(e.subs(numbers))


def draw(law, numbers, generator, *, real):
    draws = {}
    for symbol, variance in law.gaussians.items():
        shape = tuple(int(size.subs(numbers)) for size in symbol.shape)
        scale = math.sqrt(float(variance.subs(numbers)))
        entries = generator.standard_normal(shape)
        if not real:
            entries = (entries + 1j * generator.standard_normal(shape)) / math.sqrt(2)
        draws[symbol] = scale * entries
    for symbol, spectrum in law.spectra.items():
        size = int(symbol.shape[0].subs(numbers))
        counts = [round(weight * size) for weight in spectrum.weights]
        assert sum(counts) == size
        draws[symbol] = np.diag(np.repeat(spectrum.atoms, counts))
    return draws


def simulated(law, values, *, trials, real, seed):
    generator, numbers = (
        np.random.default_rng(seed),
        {symbol: values[symbol.name] for symbol in law.coefficients.parameters},
    )
    numbers |= {d: values.get("d"), n: values.get("n"), k: values.get("k"), m: values.get("m")}
    numbers = {symbol: value for symbol, value in numbers.items() if value is not None}
    traces = [evaluated(law.expression, draw(law, numbers, generator, real=real), numbers) for _ in range(trials)]
    return float(np.mean(traces)), float(np.std(traces, ddof=1) / math.sqrt(trials))


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_linear_system_is_the_expression(name):
    """At any sizes and any matrices, exactly: sum of c Tr (L^{-1})_{ub} = the expression."""
    law, _ = law_of(name)
    numbers = {n: 8, d: 12, k: 5, m: 6, lam: 0.3, a: 0.8, b: 0.6, s: 0.5}
    draws = draw(law, numbers, np.random.default_rng(1), real=True)
    sizes = [int(size.subs(numbers)) for size in law.system.dims]
    edges = np.cumsum([0, *sizes])
    blocks = np.zeros((edges[-1], edges[-1]))
    eigenvalue = {symbol: draws[key] for key, symbol in law.eigenvalues.items()}
    for i, row in enumerate(law.system.rows):
        for u, block in row.items():
            total = np.zeros((sizes[i], sizes[u]))
            for letter, c in block.items():
                if letter is not None:
                    total += float(c.subs(numbers)) * (draws[letter[0]].T if letter[1] else draws[letter[0]])
                elif c.free_symbols & set(eigenvalue):
                    (symbol,) = c.free_symbols & set(eigenvalue)
                    for power, part in enumerate(reversed(sympy.Poly(c, symbol).all_coeffs())):
                        total += float(part.subs(numbers)) * np.linalg.matrix_power(eigenvalue[symbol], power)
                else:
                    total += float(c.subs(numbers)) * np.eye(sizes[i])
            blocks[edges[i] : edges[i + 1], edges[u] : edges[u + 1]] = total
    inverse = np.linalg.inv(blocks)
    value = sum(
        float(c.subs(numbers)) * np.trace(inverse[edges[u] : edges[u + 1], edges[e] : edges[e + 1]])
        for u, e, c in law.system.output
    )
    assert value == pytest.approx(evaluated(law.expression, draws, numbers), rel=1e-9)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_against_drawn_matrices(name):
    """Three standard errors of complex draws, whose mean is off by O(1/size^2); a quarter more variance is not."""
    law, values = law_of(name)
    limit = law.solve(values).trace
    mean, error = simulated(law, values, trials=12, real=False, seed=3)
    assert abs(mean - limit) < 3 * error + 1e-5 * abs(limit)
    wrong = law_of(name, factor=1.25)[0].solve(values).trace
    assert abs(mean - wrong) > 10 * error


@pytest.mark.parametrize("seed", range(12))
def test_features_of_random_shapes(seed):
    """Sizes from 150 to 400 and ridges from 1e-2 to 10, at random."""
    generator = np.random.default_rng(100 + seed)
    sizes = dict(zip("ndk", map(int, generator.integers(150, 400, 3)), strict=True))
    law = law_of("features" if seed % 2 else "projected inputs")[0]
    values = {**sizes, "lam": 10 ** generator.uniform(-2, 1), "a": 0.8, "b": 0.6}
    mean, error = simulated(law, values, trials=12, real=False, seed=seed)
    assert abs(mean - law.solve(values).trace) < 3 * error + 1e-5 * abs(mean)


@pytest.mark.parametrize("name", ["gram", "features", "nested inverse", "covariance"])
def test_real_entries_have_the_same_limit(name):
    law, values = law_of(name)
    mean, error = simulated(law, values, trials=4, real=True, seed=4)
    limit = law.solve(values).trace
    assert abs(mean - limit) < 3 * error + 3.0  # a trace over hundreds is off by O(1)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_derivatives_are_differences(name):
    """In mpmath, in every scalar parameter."""
    law, values = law_of(name)
    solution = law.solve(values, digits=40)
    with mpmath.workdps(50):
        step = mpmath.mpf(10) ** -15
        for parameter in set(law.parameters) & {"lam", "a", "b", "s"}:
            shifted = [
                law.solve({**values, parameter: mpmath.mpf(values[parameter]) + sign * step}, digits=40).trace
                for sign in (1, -1)
            ]
            slope = (shifted[0] - shifted[1]) / (2 * step)
            assert abs(solution.derivative(parameter) - slope) < mpmath.mpf(10) ** -20 * (1 + abs(slope))
            assert law.solve(values).derivative(parameter) == pytest.approx(float(slope), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_printed_equations_hold_at_the_solution(name):
    law, values = law_of(name)
    equations = law.equations()
    solution = law.solve(values)
    assert law.size <= 10
    known = {symbol: values[symbol.name] for symbol in law.coefficients.parameters}
    known |= {letter: solution.block(*blocks[0]) for letter, blocks in equations.unknowns.items()}
    for letter, blocks in equations.unknowns.items():
        for block in blocks:
            assert solution.block(*block) == pytest.approx(known[letter], rel=1e-9, abs=1e-12)
    for polynomial in equations.polynomials:
        if not polynomial.has(sympy.Integral):
            assert abs(float(polynomial.subs(known))) < 1e-9
    assert float(equations.trace.subs(known)) == pytest.approx(solution.trace, rel=1e-9)


@pytest.mark.parametrize("name", ["variance", "bias"])
def test_the_printed_averages_over_a_spectrum_are_what_the_trace_needs(name):
    """No line says 0 = 0, each letter is used, and every equation holds at the solution."""
    atoms, weights = (1.0, 0.4, 0.1), (0.2, 0.5, 0.3)
    law = pencil(TWO[name][0], {X: 1 / n}, {ROOT: Spectrum(atoms, weights)})
    values = {"n": 60, "d": 90, "lam": 0.1}
    equations, solution = law.equations(), law.solve(values)
    letters = set(equations.unknowns)
    assert len(equations.equations) == len(letters)
    for letter in letters:
        holders = [e for e in equations.equations if e.has(letter)] + [equations.trace] * equations.trace.has(letter)
        assert len(holders) > 1
    assert str(equations).splitlines()[-1] == f"trace = {equations.trace}"
    assert "trace" in equations.text.splitlines()[-1]
    assert r"\operatorname{Tr} &= " in equations.latex()
    known = {symbol: values[symbol.name] for symbol in law.coefficients.parameters}
    known |= {letter: solution.block(*blocks[0]) for letter, blocks in equations.unknowns.items()}
    known |= {letter: value.subs(known) for letter, value in equations.variances.items()}
    for e in equations.equations:
        right = e.rhs
        if isinstance(right, sympy.Integral):
            eigenvalue = right.variables[0]
            mean = right.function / sympy.Function("rho")(eigenvalue)
            right = sum(w * mean.subs(eigenvalue, x) for w, x in zip(weights, atoms, strict=True))
        assert float((e.lhs - right).subs(known)) == pytest.approx(0, abs=1e-9)
    assert float(equations.trace.subs(known)) == pytest.approx(solution.trace, rel=1e-9)


# -- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [15, 30])
def test_the_other_root_is_refused(digits):
    """The quadratic's second root solves the equations and is negative: Newton's method from there is not believed."""
    other = float(marchenko_pastur_root(0.5, 0.5, sign=-1))
    values = {"n": 100, "d": 200, "lam": 0.5}
    second = 1 / (1 + 0.5 * other)
    with pytest.raises(BranchError, match="leave `start` out"):
        marchenko_pastur().solve(values, start={(1, 1): other, (2, 2): second}, digits=digits)
    right = float(marchenko_pastur_root(0.5, 0.5))
    found = marchenko_pastur().solve(values, start={(1, 1): right * 1.1, (2, 2): 0.6}, digits=digits)
    assert float(found.trace) == pytest.approx(100 * right, rel=1e-10)


def test_rounding_magnified_by_a_tiny_ridge_is_met_with_more_digits():
    """Two resolvents at ridge 2e-8: lam^2 Tr R^2 is n - k, the dimension of the null space."""
    law, _ = law_of("resolvent squared")
    values = {"n": 4161, "d": 41, "k": 219, "lam": 2e-8, "a": 8.0, "b": 1.6}
    solution = law.solve(values)
    assert isinstance(solution.trace, float)
    assert solution.working > 15
    assert values["lam"] ** 2 * solution.trace == pytest.approx(4161 - 219, rel=1e-12)


def test_no_ridge_no_start():
    law = pencil(Trace((X * X.T).inverse()), {X: 1 / d})
    with pytest.raises(NoConvergenceError, match="add a ridge"):
        law.solve({"n": 100, "d": 200})


def test_an_expression_without_an_inverse_on_the_way_is_refused():
    """1/(lam - X X^T) has poles for every lam below the edge: the continuation must stop and say so."""
    law = pencil(Trace((lam * Identity(n) - X * X.T).inverse()), {X: 1 / d})
    with pytest.raises(NoConvergenceError, match="stopped at"):
        law.solve({"n": 100, "d": 200, "lam": 1.0})
    assert law.solve({"n": 100, "d": 200, "lam": 5.0}).trace > 20


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (Trace(ridge(n, matrix.HadamardProduct(X, Y) * X.T)), "HadamardProduct"),
        (Trace(ridge(k, W * W.T)), "neither Gaussian nor deterministic"),
        (lam * n, "expected a"),
        (Trace(X * X.T) * Trace(Y * Y.T), "one Trace each"),
        (X, "square"),
    ],
)
def test_expressions_that_are_refused(expression, message):
    with pytest.raises(InvalidInputError, match=message):
        pencil(expression, {X: 1 / d, Y: 1 / d})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n": 1, "d": 2}, "no value for lam"),
        ({"n": 1, "d": 2, "lam": 1, "lamm": 2}, "did you mean 'lam'"),
        ({"n": 1, "d": 2, "lam": float("nan")}, "finite number"),
        ({"n": 1, "d": 2, "lam": "x"}, "finite number"),
    ],
)
def test_values_that_are_refused(values, message):
    with pytest.raises(InvalidInputError, match=message):
        marchenko_pastur().solve(values)


@pytest.mark.parametrize(
    ("shift", "message"),
    [
        (1 + sympy.I, r"got 1 \+ I; write Im"),
        (1 + 2j, r"got 1\.0 \+ 2\.0\*I; write Im"),
        (lam + sympy.I * a, "write Im"),
        (sympy.I * sympy.Symbol("x"), "got I"),
        (sqrt(-lam), "write Im"),
        (sympy.zoo, "real, finite coefficients but got zoo"),
    ],
)
def test_coefficients_that_are_not_real_are_refused(shift, message):
    for expression, variance in [
        (Trace((shift * Identity(n) + X * X.T).inverse()), 1 / d),
        (shift * Trace(ridge(n, X * X.T)), 1 / d),
        (Trace(ridge(n, X * X.T)), shift),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            pencil(expression, {X: variance})


def test_a_variance_that_is_no_number_is_refused():
    with pytest.raises(InvalidInputError, match="real, finite coefficients but got nan"):
        pencil(Trace(ridge(n, X * X.T)), {X: sympy.nan})


def test_the_square_of_i_is_real():
    law = pencil(Trace((X * X.T - sympy.I**2 * Identity(n)).inverse()), {X: 1 / d})
    assert law.solve({"n": 10, "d": 20}).trace == pytest.approx(10 * float(marchenko_pastur_root(0.5, 1)), rel=1e-10)


@pytest.mark.parametrize(
    ("shift", "variance", "values", "message"),
    [
        (lam, 1 / d, {"n": -10, "d": 20, "lam": 1}, "a size > 0 but got n = -10.0"),
        (lam, 1 / d, {"n": 10, "d": 0, "lam": 1}, "a size > 0 but got d = 0.0"),
        (lam, a / n, {"n": 10, "d": -3, "lam": 1, "a": 1}, "a size > 0 but got d = -3.0"),
        (lam, -1 / d, {"n": 10, "d": 20, "lam": 1}, "a variance >= 0 of X's entries but got -1/d = -0.05"),
        (lam, a / d, {"n": 10, "d": 20, "lam": 1, "a": -2}, "a variance >= 0"),
        (sympy.log(1 - lam), 1 / d, {"n": 10, "d": 20, "lam": 2}, r"log\(1 - lam\) is not"),
        (sqrt(a - lam), 1 / d, {"n": 10, "d": 20, "lam": 2, "a": 1}, r"sqrt\(a - lam\) is not"),
        (1 / lam, 1 / d, {"n": 10, "d": 20, "lam": 0}, "not finite at n=10, d=20, lam=0"),
        (lam, 1 / d, {"n": 10, "d": 20, "lam": sympy.I}, "real, finite number but got lam=I"),
        (lam, 1 / d, {"n": 10, "d": 20, "lam": 1 + 1j}, r"real, finite number but got lam=\(1\+1j\)"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_values_without_a_meaning_are_refused(shift, variance, values, message):
    law = pencil(Trace((shift * Identity(n) + X * X.T).inverse()), {X: variance})
    with pytest.raises(InvalidInputError, match=message):
        law.solve(values)


def test_a_size_may_be_a_formula():
    block = MatrixSymbol("Q", n - d, d)
    law = pencil(Trace(ridge(n - d, block * block.T)), {block: 1 / d})
    right = 10 * float(marchenko_pastur_root(0.5, 0.3))
    assert law.solve({"n": 30, "d": 20, "lam": 0.3}).trace == pytest.approx(right, rel=1e-10)
    with pytest.raises(InvalidInputError, match=r"a size > 0 but got -d \+ n = -15"):
        law.solve({"n": 5, "d": 20, "lam": 1})


def test_matrices_that_are_refused():
    spectrum = Spectrum((1.0, 2.0), (0.5, 0.5))
    with pytest.raises(InvalidInputError, match="both a variance and a spectrum"):
        pencil(Trace(A), {A: 1}, {A: spectrum})
    with pytest.raises(InvalidInputError, match="square matrix for a spectrum"):
        pencil(Trace(X * X.T), {}, {X: spectrum})
    with pytest.raises(InvalidInputError, match="same weights"):
        pencil(Trace(A * B), {}, {A: spectrum, B: Spectrum((1.0,), (1.0,))})
    with pytest.raises(InvalidInputError, match="MatrixSymbol"):
        pencil(Trace(X * X.T), {"X": 1})
    for atoms, weights in (((1.0,), (0.5,)), ((), ()), ((1.0, 2.0), (1.5, -0.5)), ((math.inf,), (1.0,))):
        with pytest.raises(InvalidInputError, match="spectrum"):
            Spectrum(atoms, weights)
    with pytest.raises(InvalidInputError, match="mass 1"):
        Spectrum.of_density(lambda x: 2.0, 0.0, 1.0)
    solution = marchenko_pastur().solve({"n": 1, "d": 2, "lam": 1})
    with pytest.raises(InvalidInputError, match="parameter 'mu'"):
        solution.derivative("mu")
    with pytest.raises(InvalidInputError, match="from 1 to 2"):
        solution.block(3, 1)


def test_matrices_diagonal_in_one_basis():
    first, second = Spectrum((1.0, 2.0), (0.5, 0.5)), Spectrum((3.0, 5.0), (0.5, 0.5))
    law = pencil(Trace(A * (lam * Identity(d) + B).inverse() * A), {}, {A: first, B: second})
    assert law.solve({"d": 4, "lam": 1}).trace == pytest.approx(2 / 4 + 8 / 6)


# -- two resolvents, whose blocks cross 0 on the way ----------------------------------------------------------------


ROOT = MatrixSymbol("S", d, d)
RESOLVENT = (lam * Identity(d) + ROOT * X.T * X * ROOT).inverse()
TWO = {
    "variance": (Trace(RESOLVENT * ROOT * ROOT * RESOLVENT * ROOT * ROOT), 1),
    "bias": (Trace(RESOLVENT * ROOT * ROOT * RESOLVENT), 0),
}


def two_resolvents(power, *, n, d, lam, squares):
    """-d/dt Tr R_t S^(2 power), R_t = (lam + S X^T X S + t S^2)^{-1}, entries of X of variance 1/n, in 50 digits.

    R_t is (lam + (t + q) S^2)^{-1} in the mean, q = 1/(1 + Tr(S^2 R_t)/n): one increasing equation for Tr S^2 R_t.
    """
    with mpmath.workdps(50):
        lam, step = mpmath.mpf(lam), mpmath.mpf(lam) / 10**15
        squares = [mpmath.mpf(float(x)) for x in squares]

        def trace(t):
            def gap(total):
                q = t + 1 / (1 + total / n)
                return mpmath.fsum(x / (lam + q * x) for x in squares) * d / len(squares) - total

            low, high = mpmath.mpf(0), 2 * mpmath.fsum(squares) / lam * d / len(squares)
            for _ in range(170):
                middle = (low + high) / 2
                low, high = (middle, high) if gap(middle) > 0 else (low, middle)
            q = t + 1 / (1 + low / n)
            return mpmath.fsum(x**power / (lam + q * x) for x in squares) * d / len(squares)

        return float(-(trace(step) - trace(-step)) / (2 * step))


def test_two_resolvents_at_a_small_ridge():
    """A block crosses 0 at strength .03 of 1, where relative steps have no bound."""
    spectrum = Spectrum((1.0, math.sqrt(0.05)), (0.5, 0.5))
    law = pencil(TWO["variance"][0], {X: 1 / n}, {ROOT: spectrum})
    value = two_resolvents(1, n=25, d=100, lam=0.01, squares=[1, 0.05])
    assert value == pytest.approx(256750.67893832014, rel=1e-14)
    assert law.solve({"n": 25, "d": 100, "lam": 0.01}).trace == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("name", TWO)
@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.5])
def test_two_resolvents_of_a_power_law(name, exponent):
    expression, power = TWO[name]
    roots = np.arange(1, 31) ** (-exponent / 2)
    law = pencil(expression, {X: 1 / n}, {ROOT: Spectrum.of(roots)})
    for samples, level in [(20, 1e-2), (90, 1e-3), (130, 1e-5)]:
        found = law.solve({"n": samples, "d": 120, "lam": level}).trace
        right = two_resolvents(power, n=samples, d=120, lam=level, squares=roots**2)
        assert found == pytest.approx(right, rel=1e-10)


def test_two_resolvents_of_random_features_are_a_derivative():
    """-d/dlam Tr R = Tr R^2, and Tr R X X^T of both sides, at shapes that were refused."""
    phi = (a * X * W.T + b * Z) / sqrt(k)
    r, gaussians = ridge(n, phi * phi.T), {X: 1 / d, W: 1, Z: 1}
    pairs = [(Trace(r), Trace(r * r)), (Trace(r * X * X.T), Trace(r * X * X.T * r))]
    for one, two in [(pencil(first, gaussians), pencil(second, gaussians)) for first, second in pairs]:
        for shape in [(100, 50, 250, 1e-4), (300, 200, 50, 1e-5), (200, 100, 600, 1e-3), (50, 200, 250, 1e-6)]:
            values = dict(zip(("n", "d", "k", "lam"), shape, strict=True), a=0.6, b=0.2)
            slope = one.solve(values, digits=30).derivative("lam")
            assert two.solve(values).trace == pytest.approx(-float(slope), rel=1e-9)


@pytest.mark.parametrize("ratio", [0.25, 1.0, 2.0])
def test_the_density_of_marchenko_and_pastur(ratio):
    """Tr b ((A - e)^2 + b^2)^{-1} is the imaginary part of m(e + i b), c z m^2 + (z + c - 1) m + 1 = 0."""
    shifted = X * X.T - a * Identity(n)
    law = pencil(Trace(b * (shifted * shifted + b**2 * Identity(n)).inverse()), {X: 1 / d})
    assert [floor.low for floor in law.system.floors] == [b**2]
    for energy, width in itertools.product((0.05, 0.3, 0.8, 1.5, 3.0, 8.0), (0.2, 0.01)):
        z = complex(energy, width)
        half, root = z + ratio - 1, np.sqrt((z + ratio - 1) ** 2 - 4 * ratio * z)
        density = max(((-half + sign * root) / (2 * ratio * z)).imag for sign in (1, -1))
        found = law.solve({"n": 100 * ratio, "d": 100, "a": energy, "b": width})
        assert found.trace / (100 * ratio) == pytest.approx(density, rel=1e-10)


# -- simulation ----------------------------------------------------------------------------------------------------

GRID = [
    (200, 200, 400), (200, 400, 800), (400, 200, 800), (300, 200, 320), (150, 300, 600), (100, 200, 400),
    (250, 150, 500), (300, 300, 200), (400, 200, 250), (200, 300, 250), (350, 250, 700), (120, 240, 240),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("labels", [{"signal": 0.0, "noise": 1.0}, {"signal": 1.0, "noise": 0.0}])
def test_sobolev_against_networks(labels):
    """relu, ridge 1e-3, 12 shapes: each within three standard errors; 30% more is refuted."""
    from bigtheta.numerics.sweep import simulate

    refuted = 0
    for shape in GRID:
        sizes = dict(zip("ndk", shape, strict=True))
        frame = simulate(
            model={"kind": "random-features", "ridge": 1e-3}, quantity="sobolev", activation="relu",
            sizes=sizes, trials=16, seed=12, labels=labels,
        )  # fmt: skip
        squares = frame["value"].to_numpy() ** 2
        mean, error = float(squares.mean()), float(squares.std(ddof=1) / math.sqrt(len(squares)))
        limit = sobolev_random_features("relu", **sizes, ridge=1e-3, **labels)
        assert abs(mean - limit) < 3 * error, (shape, mean, error, limit)
        refuted += abs(mean - 1.3 * limit) > 3 * error
    assert refuted >= 9
