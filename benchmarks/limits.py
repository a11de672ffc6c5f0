"""Exact limits: what they cost, each beside a check by another route.

Run: python benchmarks/limits.py [pencil] [continuation] [ridgeless] [digits] [simulation] [harmonics] [widths]
[adversarial]; all if none is named.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import math
import sys
import time

import numpy as np

from bigtheta.theory.limits.gaussian_equivalent import gaussian_constants, sobolev_pencil, sobolev_random_features

SHAPES = [(200, 200, 400), (200, 400, 800), (400, 200, 800), (300, 200, 320)]
SIMULATED = [404, 340, 486, 2247]
"""Means of S^2 over simulated networks, relu, ridge 1e-3, noise 1; standard errors 16, 11, 13, 106."""


def best(call, repeats=5):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return result, min(times)


def values_of(shape, act="relu"):
    linear, rest, nu = gaussian_constants(act)
    sizes = dict(zip("ndk", shape, strict=True))
    return {**sizes, "mu1": linear, "mu": math.sqrt(rest), "slack": nu - linear**2, "t": 0.0}


def pencil():
    """From the expression to the compiled six-block pencil, once a process."""

    def build():
        sobolev_pencil.cache_clear()
        return sobolev_pencil().solve({**values_of(SHAPES[0]), "lam": 1e-3})

    solution, seconds = best(build, 3)
    print(f"six-block pencil, built and solved once: {1e3 * seconds:.0f} ms, residual {solution.residual:.1e}")


def continuation():
    """S^2 at one shape: the root followed from strength 0, and the derivative in t."""
    for ridge in (1e-3, 1e-6, 1e-10):
        for shape, simulated in zip(SHAPES, SIMULATED, strict=True):
            law, values = sobolev_pencil(), {**values_of(shape), "lam": ridge}
            solution, seconds = best(lambda law=law, values=values: law.solve(values))
            slope, more = best(lambda solution=solution: solution.derivative("t"))
            check = f", simulated {simulated}" if ridge == 1e-3 else ""
            print(
                f"n, d, k = {shape}, ridge {ridge:g}: S^2 = {-slope:.1f}{check}; {1e3 * seconds:.1f} ms and "
                f"{1e3 * more:.1f} ms, residual {solution.residual:.1e}"
            )


def ridgeless():
    """The limit of no ridge, by extrapolation; and the change from ridge 1e-10."""
    for shape in SHAPES:
        sizes = dict(zip("ndk", shape, strict=True))
        value, seconds = best(lambda sizes=sizes: sobolev_random_features("relu", **sizes), 3)
        near = sobolev_random_features("relu", **sizes, ridge=1e-10)
        print(f"n, d, k = {shape}, no ridge: S^2 = {value:.6f}, {1e3 * seconds:.0f} ms; ridge 1e-10 {near:.6f}")


def digits():
    """The derivative in mpmath, against float64."""
    values = {**values_of(SHAPES[0]), "lam": 1e-3}
    plain = sobolev_pencil().solve(values).derivative("t")
    for many in (30, 100, 300):

        def precise(many=many):
            return sobolev_pencil().solve(values, digits=many).derivative("t")

        value, seconds = best(precise, 1)
        print(f"{many} digits: {1e3 * seconds:.0f} ms, float64 off by {abs(float(value) / plain - 1):.1e}")


def simulation():
    """Two hundred shapes of the limit, against one network of each of four."""
    generator = np.random.default_rng(0)
    shapes = np.exp(generator.uniform(math.log(20), math.log(5000), (200, 3))).astype(int)
    start = time.perf_counter()
    for n, d, k in shapes:
        sobolev_random_features("tanh", n=int(n), d=int(d), k=int(k), ridge=1e-4)
    print(f"200 random shapes from 20 to 5000, ridge 1e-4: {1e3 * (time.perf_counter() - start) / 200:.1f} ms a shape")
    from bigtheta.numerics.sweep import simulate

    for shape, value in zip(SHAPES, SIMULATED, strict=True):
        sizes = dict(zip("ndk", shape, strict=True))
        model = {"kind": "random-features", "ridge": 1e-3}
        start = time.perf_counter()
        frame = simulate(model=model, activation="relu", sizes=sizes, trials=16, seed=12)
        squares = frame["value"].to_numpy() ** 2
        error = squares.std(ddof=1) / 4
        print(
            f"n, d, k = {shape}, 16 networks: S^2 = {squares.mean():.0f} +- {error:.0f} (before: {value}), "
            f"{time.perf_counter() - start:.1f} s"
        )


def harmonics():
    """S^2 of kernels by spherical harmonics: the series of positive terms against Gauss-Gegenbauer quadrature."""
    from bigtheta.theory.catalogue import activation
    from bigtheta.theory.kernel import rf_kernel
    from bigtheta.theory.limits.harmonics import by_quadrature, by_series
    from bigtheta.theory.limits.kernels import kernel_limit

    for name, d in (("relu", 10), ("relu", 10_000), ("tanh", 10_000)):
        kernel, n = rf_kernel(activation(name)), np.geomspace(10, 1e6, 1000)
        kernel_limit(kernel, n=10, d=d)
        _, one = best(lambda kernel=kernel, d=d: kernel_limit(kernel, n=1000, d=d))
        _, many = best(lambda kernel=kernel, d=d, n=n: kernel_limit(kernel, n=n, d=d))
        series, quadrature = by_series(kernel, d, 4)[0], by_quadrature(kernel, d, 4)[0]
        seen = series > 1e-20
        apart = np.abs(quadrature[seen] / series[seen] - 1).max()
        print(f"{name}, d = {d}: one n {1e3 * one:.2f} ms, 1000 n {1e3 * many:.0f} ms; routes differ by {apart:.1e}")


def widths():
    """S^2 of finite width at a thousand n, and the places of its peaks."""
    from bigtheta.theory.limits import peaks, sobolev_limit

    for model, name, d, k, last in (
        ("random-features", "relu", 100, 250, 2000), ("random-features", "tanh", 100, 100, 2000),
        ("neural-tangent", "cos", 100, 100, 9000),
    ):  # fmt: skip
        n = np.geomspace(10, last, 1000).round()
        n = n[n != k]
        sobolev_limit(model=model, activation=name, n=10, d=d, k=k)
        _, one = best(lambda m=model, a=name, d=d, k=k: sobolev_limit(model=m, activation=a, n=50, d=d, k=k))
        _, many = best(lambda m=model, a=name, d=d, k=k, n=n: sobolev_limit(model=m, activation=a, n=n, d=d, k=k), 3)
        found, seconds = best(lambda m=model, a=name, d=d, k=k: peaks(m, a, d, k), 3)
        print(
            f"{model}, {name}, d = {d}, k = {k}: one n {1e3 * one:.1f} ms, {len(n)} n {1e3 * many:.0f} ms; "
            f"peaks {found} in {1e3 * seconds:.0f} ms"
        )


def adversarial():
    """A thousand random points of the adversarial limit: psi1 1e-2..1e3, psi2 .1..100, eps 1e-4..3, tau 0..3."""
    from bigtheta.theory.limits import adversarial_limit, adversarial_risk

    generator = np.random.default_rng(0)
    logs = np.exp(generator.uniform(np.log([1e-2, 0.1, 1e-4]), np.log([1e3, 100, 3]), (1000, 3)))
    points = [(*row, t) for row, t in zip(logs.tolist(), generator.uniform(0, 3, 1000).tolist(), strict=True)]
    times, residuals = [], []
    for psi1, psi2, eps, tau in points:
        start = time.perf_counter()
        residuals.append(adversarial_limit(psi1=psi1, psi2=psi2, eps=eps, tau=tau).residual)
        times.append(1e3 * (time.perf_counter() - start))
    error = abs(adversarial_risk(psi1=2, psi2=2, eps=0.5, tau=0.5) - 1.68391602)
    print(
        f"1000 of 1000 solved, {np.mean(times):.2f} ms on average, {max(times):.2f} ms at most; largest residual "
        f"{max(residuals):.1e}; the printed 1.68391602 met to {error:.1e}"
    )


BENCHMARKS = [pencil, continuation, ridgeless, digits, simulation, harmonics, widths, adversarial]

if __name__ == "__main__":
    asked = sys.argv[1:]
    for benchmark in BENCHMARKS:
        if not asked or benchmark.__name__ in asked:
            print(f"-- {benchmark.__name__}: {benchmark.__doc__}")
            benchmark()
