"""The engine against a plain version of the papers' scripts: explicit features, pinv, a loop over test points.

Run: python benchmarks/engine.py [ntk] [rf] [rate] [memory] [batch] [processes] [dask]; everything if nothing is named.
Each figure stands beside its check; one BLAS thread for both sides.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import math
import subprocess
import sys
import time

import numpy as np
import torch

from bigtheta.numerics.batch import measure_batch
from bigtheta.numerics.experiment import checked_experiment
from bigtheta.numerics.gram import symmetric
from bigtheta.numerics.interpolate import solve_gram
from bigtheta.numerics.lower import lower_activation
from bigtheta.numerics.measure import sobolev
from bigtheta.numerics.models import interpolator
from bigtheta.numerics.sweep import run
from bigtheta.numerics.trial import Trial, measure
from bigtheta.theory.catalogue import activation
from bigtheta.theory.model import NeuralTangent, RandomFeatures

POINTS = 64
"""Test points at which both sides give their gradient."""


def best(call, repeats=3):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return result, min(times)


def draw(n, d, k, seed=0):
    generator = np.random.default_rng(seed)
    x, z = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in generator.standard_normal((2, max(n, POINTS), d)))
    return x[:n], z[:POINTS], generator.standard_normal((k, d)), generator.standard_normal(n)


def plain_neural_tangent(x, z, w, y):
    """tanh: features x (x) phi'(Wx), n x dk, pseudo-inverse, gradients of the features at every test point."""
    k, d = w.shape

    def features(v):
        return ((1 - np.tanh(v @ w.T) ** 2)[:, :, None] * v[:, None, :]).reshape(len(v), k * d) / math.sqrt(k)

    a = (np.linalg.pinv(features(x)) @ y).reshape(k, d)
    gradients = np.empty_like(z)
    for i, point in enumerate(z):
        tanh = np.tanh(w @ point)
        first, second = 1 - tanh**2, -2 * tanh * (1 - tanh**2)
        gradients[i] = (a.T @ first + w.T @ (second * (a @ point))) / math.sqrt(k)
    return features(z) @ a.ravel(), gradients


def plain_random_features(x, z, w, y):
    """tanh: features phi(Wx), n x k, pseudo-inverse."""
    k = len(w)
    theta = np.linalg.pinv(np.tanh(x @ w.T) / math.sqrt(k)) @ y
    gradients = np.stack([w.T @ (theta * (1 - np.tanh(w @ point) ** 2)) for point in z]) / math.sqrt(k)
    return np.tanh(z @ w.T) @ theta / math.sqrt(k), gradients


def compare(name, model, plain, n, d, k, repeats):
    x, z, w, y = draw(n, d, k)
    tensors = [torch.from_numpy(v) for v in (x, z, w, y)]

    def ours():
        fitted = interpolator(model, x=tensors[0], w=tensors[2], y=tensors[3], act=activation("tanh"))
        return fitted.predict(tensors[1]), fitted.gradient(tensors[1])

    ours()
    (values, gradients), fast = best(ours, 5)
    (their_values, their_gradients), slow = best(lambda: plain(x, z, w, y), repeats)
    scale = np.abs(their_gradients).max()
    off = max(np.abs(values.numpy() - their_values).max(), np.abs(gradients.numpy() - their_gradients).max()) / scale
    print(
        f"{name} n={n} d={d} k={k}: {fast * 1e3:.1f} ms against {slow:.2f} s: {slow / fast:.0f} x; "
        f"largest difference {off:.1e}"
    )


def ntk():
    compare("NTK", NeuralTangent(), plain_neural_tangent, 400, 200, 150, 1)


def plain_seminorm(x, z, w, y):
    """tanh: theta by pseudo-inverse, S^2 = theta^T C theta / k with C = (W W^T) ∘ E[phi'(Wz) phi'(Wz)^T], k x k."""
    k = len(w)
    theta = np.linalg.pinv(np.tanh(x @ w.T) / math.sqrt(k)) @ y
    slopes = 1 - np.tanh(w @ z.T) ** 2
    form = w @ w.T
    form *= slopes @ slopes.T / len(z)
    return math.sqrt(theta @ form @ theta / k)


def rf():
    """Two baselines: gradients point by point; and the seminorm as a quadratic form in theta, at 512 test points."""
    n, d, k = 400, 200, 20_000
    compare("RF", RandomFeatures(), plain_random_features, n, d, k, 2)
    x, _, w, y = draw(n, d, k)
    z = draw(512, d, 1)[0]
    tensors = [torch.from_numpy(v) for v in (x, z, w, y)]

    def ours():
        fitted = interpolator(RandomFeatures(), x=tensors[0], w=tensors[2], y=tensors[3], act=activation("tanh"))
        return sobolev(fitted, tensors[1])

    ours()
    (value, fast), (theirs, slow) = best(ours, 5), best(lambda: plain_seminorm(x, z, w, y), 1)
    print(
        f"RF n={n} d={d} k={k}, S at 512 points: {fast * 1e3:.1f} ms against {slow:.2f} s by the k x k form: "
        f"{slow / fast:.0f} x; relative difference {abs(value / theirs - 1):.1e}"
    )


def rate():
    """Gram and Cholesky at n = 2000 and 4000 against the rate of a float64 matrix product in this process."""
    torch.set_num_threads(1)
    a = torch.ones(2000, 2000, dtype=torch.float64)
    _, product = best(lambda: a @ a)
    peak = 2 * 2000**3 / product
    dphi = lower_activation(activation("tanh"), 1)
    for n, d, k in ((2000, 2000, 2000), (4000, 1000, 2000)):
        x, _, w, y = (torch.from_numpy(v) for v in draw(n, d, k))

        def fit(x=x, w=w, y=y, n=n, k=k):
            p = dphi(x @ w.T)
            gram = symmetric(n, lambda r, c: (p[r] @ p[c].T).mul_(x[r] @ x[c].T).mul_(1 / k), like=x)
            return solve_gram(gram, y)

        solution, seconds = best(fit)
        needed = 2 * n * d * k + n * n * (k + d) + n**3 / 3  # a symmetric product needs half of a full one
        full = needed + n * n * (k + d)
        print(
            f"NTK Gram + Cholesky n={n} d={d} k={k}: {seconds:.2f} s; of the matrix-product rate "
            f"({peak / 1e9:.0f} GFLOP/s) {needed / seconds / peak:.0%} counting half of each symmetric product, "
            f"{full / seconds / peak:.0%} counting it whole; residual {solution.residual:.0e}"
        )


def memory():
    """Peak memory of one NTK trial whose features would take 5 GB."""
    script = (
        "from bigtheta.numerics.sweep import simulate\n"
        "def peak():\n"
        "    return int(dict(line.split(':', 1) for line in open('/proc/self/status'))['VmHWM'].split()[0]) // 1024\n"
        "base = peak()\n"
        "frame = simulate(model='neural-tangent', activation='tanh', sizes={'n': 4000, 'd': 400, 'k': 400}, trials=1)\n"
        "print(base, peak(), frame['residual'][0])"
    )
    base, peak, residual = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    print(f"NTK n=4000 d=400 k=400: peak {peak} MiB, of which {base} before the trial; residual {float(residual):.0e}")


def throughput(**how):
    trials = checked_experiment("neural-tangent", "sobolev", "tanh", {"n": 600, "d": 600, "k": 600}, "sphere", None, 96)
    start, first = time.perf_counter(), []
    frame = run([trials], seed=1, progress=lambda done, total: first.append((time.perf_counter(), done)), **how)[0]
    begun, ended = next(at for at in first if at[1] >= 4), first[-1]
    return frame, (ended[1] - begun[1]) / (ended[0] - begun[0]), time.perf_counter() - start


def processes():
    alone, one, _ = throughput(jobs=1)
    both, two, _ = throughput(jobs=2)
    print(
        f"two processes: {two / one:.2f} times the trials a second of one ({one:.1f}); "
        f"same numbers: {alone.equals(both)}"
    )


def dask():
    from distributed import LocalCluster

    alone, one, _ = throughput(jobs=1)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        throughput(cluster=cluster.scheduler_address)
        both, two, _ = throughput(cluster=cluster.scheduler_address)
    print(
        f"Dask, two workers: {two / one:.2f} times the trials a second of one process; "
        f"same numbers: {alone.equals(both)}"
    )


def batch():
    """Small trials one by one against batches of 128, here and on a GPU if there is one; same numbers to rounding."""
    torch.set_num_threads(1)
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for model in ("random-features", "neural-tangent", "rf-kernel"):
            trials = checked_experiment(model, "sobolev", "tanh", {"n": 50, "d": 100, "k": 100}, "sphere", None, 256)
            queue = [Trial(trials, trials.cells[0], index, 1, device) for index in range(256)]

            def together(queue=queue):
                return measure_batch(queue[:128]) + measure_batch(queue[128:])

            together()
            alone, one = best(lambda queue=queue: [measure(trial) for trial in queue])
            rows, many = best(together)
            off = max(abs(row["value"] / other["value"] - 1) for row, other in zip(rows, alone, strict=True))
            print(
                f"batches on {device}, {model} n=50 d=100 k=100: {one / 256 * 1e3:.2f} ms a trial alone, "
                f"{many / 256 * 1e3:.2f} ms in a batch: {one / many:.2f} x; largest difference {off:.1e}"
            )


if __name__ == "__main__":
    for part in sys.argv[1:] or ("ntk", "rf", "rate", "memory", "batch", "processes", "dask"):
        globals()[part]()
