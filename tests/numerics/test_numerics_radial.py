"""Infinite width off the sphere: kernels by closed forms where there are, at any angle, against quadrature."""

import math

import numpy as np
import pytest
import torch

from bigtheta.numerics.models import interpolator
from bigtheta.numerics.models import radial as module
from bigtheta.theory.catalogue import activation
from bigtheta.theory.kernel import SeriesTooLongError
from bigtheta.theory.model import NTKernel, RandomFeatures, RFKernel


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def arc(p, cosine):
    """J_p of Cho and Saul 2009 over pi, twice E G_+^p G'_+^p."""
    angle = np.arccos(np.clip(cosine, -1, 1))
    if p == 0:
        return (np.pi - angle) / np.pi
    return (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi


def polar(a, b):
    norms, others = np.linalg.norm(a, axis=1)[:, None], np.linalg.norm(b, axis=1)
    return norms, others, np.clip((a / norms) @ (b / others[:, None]).T, -1, 1)


def relu_rf(a, b):
    r, s, c = polar(a, b)
    return r * s * arc(1, c) / 2


def relu_ntk(a, b):
    _, _, c = polar(a, b)
    return a @ b.T * arc(0, c) / 2


def abs_rf(a, b):
    r, s, c = polar(a, b)
    return r * s * (arc(1, c) + arc(1, -c))


def erf_rf(a, b):
    r, s, c = polar(a, b)
    return 2 / math.pi * np.arcsin(2 * r * s * c / np.sqrt((1 + 2 * r**2) * (1 + 2 * s**2)))


def bent_rf(a, b):
    """2 + 3u - |u|: 4 - 2 E|rG| - 2 E|sG'| + 9 r s cos + r s E|G||G'|."""
    r, s, _ = polar(a, b)
    mean = math.sqrt(2 / math.pi)
    return 4 - 2 * mean * (r + s) + 9 * a @ b.T + abs_rf(a, b)


KERNELS = {
    ("relu", RFKernel): relu_rf,
    ("relu", NTKernel): relu_ntk,
    ("abs", RFKernel): abs_rf,
    ("erf", RFKernel): erf_rf,
    ("2 + 3*u - abs(u)", RFKernel): bent_rf,
}


def draw(n=12, d=6, m=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x, y, z = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((n, d), (n,), (m, d)))
    return x / math.sqrt(d), y, z / math.sqrt(d)


def nearly_parallel(angle, **shape):
    """Inputs of which the first two lie at this angle to each other, of different norms."""
    x, y, z = draw(**shape)
    across = x[2] - x[2] @ x[0] / (x[0] @ x[0]) * x[0]
    x[1] = 1.4 * (math.cos(angle) * x[0] + math.sin(angle) * x[0].norm() * across / across.norm())
    return x, y, z


def differences(f, z, step=1e-6):
    eye = step * torch.eye(z.shape[1], dtype=z.dtype)
    return torch.stack([(f(z + e) - f(z - e)) / (2 * step) for e in eye], dim=1)


@pytest.mark.parametrize("angle", [1.0, 1e-2, 1e-4])
@pytest.mark.parametrize(("name", "spec"), KERNELS)
def test_the_fit_is_that_of_the_closed_kernel_however_parallel(name, spec, angle):
    x, y, z = nearly_parallel(angle)
    kernel = KERNELS[name, spec]
    gram = kernel(x.numpy(), x.numpy())
    c = np.linalg.solve(gram + 0.1 * np.eye(len(x)), y.numpy())
    fitted = interpolator(spec(ridge=0.1), x=x, w=None, y=y, act=activation(name))
    assert fitted.predict(z).numpy() == pytest.approx(kernel(z.numpy(), x.numpy()) @ c, rel=1e-7, abs=1e-8)
    slopes = differences(fitted.predict, z)
    assert (fitted.gradient(z) - slopes).abs().max() < 1e-6 * slopes.abs().max()


@pytest.mark.parametrize("spec", [RFKernel, NTKernel])
@pytest.mark.parametrize(
    "name", ["relu", "abs", "leaky_relu", "2 + 3*u - abs(u)", "max(u,0)^2", "erf", "2*exp(-u^2/3)"]
)
def test_closed_form_and_series_agree_where_both_can(name, spec, monkeypatch):
    x, y, z = draw(n=10, d=60)
    fit = {"x": x, "w": None, "y": y, "act": activation(name)}
    closed = interpolator(spec(), **fit)
    monkeypatch.setattr(module, "scaled_dual", lambda act: None)
    series = interpolator(spec(), **fit)
    for one, two in ((closed.predict(z), series.predict(z)), (closed.gradient(z), series.gradient(z))):
        assert (one - two).abs().max() < 1e-9 * two.abs().max()


@pytest.mark.parametrize("name", ["relu", "erf", "square", "tanh"])
def test_against_simulated_features_of_two_nearly_parallel_inputs(name):
    x, y, z = nearly_parallel(1e-3, n=6, d=4)
    generator = torch.Generator().manual_seed(1)
    w = torch.randn(200_000, 4, generator=generator, dtype=torch.float64)
    wide = interpolator(RandomFeatures(ridge=0.5), x=x, w=w, y=y, act=activation(name))
    kernel = interpolator(RFKernel(ridge=0.5), x=x, w=None, y=y, act=activation(name))
    assert (wide.predict(z) - kernel.predict(z)).norm() < 0.02 * kernel.predict(z).norm()
    assert (wide.gradient(z) - kernel.gradient(z)).norm() < 0.02 * kernel.gradient(z).norm()


def test_one_dimension_has_parallel_inputs_alone():
    x, y, z = draw(n=2, d=1)
    x = torch.tensor([[0.5], [-1.5]], dtype=torch.float64)
    for spec in (RFKernel, NTKernel):
        fitted = interpolator(spec(), x=x, w=None, y=y, act=activation("relu"))
        assert (fitted.predict(x) - y).abs().max() < 1e-12  # relu: f is linear on each side of 0
        slopes = torch.where(z[:, 0] > 0, y[0] / 0.5, y[1] / -1.5)
        assert (fitted.gradient(z)[:, 0] - slopes).abs().max() < 1e-12


@pytest.mark.parametrize("spec", [RFKernel, NTKernel])
def test_the_advice_where_there_is_no_closed_form(spec):
    x, y, _ = nearly_parallel(1e-3)
    with pytest.raises(SeriesTooLongError) as caught:
        interpolator(spec(), x=x, w=None, y=y, act=activation("max(min(u,1),-1)"))
    message = str(caught.value)
    assert "point nearly the same way" in message
    assert "closed form (relu" in message
    for name in ("relu", "abs", "leaky_relu", "erf", "gaussian", "tanh", "softplus"):  # what it names does help
        interpolator(spec(ridge=0.1), x=x, w=None, y=y, act=activation(name))


def test_the_series_is_long_enough_for_test_points_too():
    # far apart inputs need few terms; a point beside one of them needs more
    x = torch.eye(8, dtype=torch.float64) * torch.linspace(0.5, 1.5, 8, dtype=torch.float64)[:, None]
    y = torch.arange(8, dtype=torch.float64)
    fitted = interpolator(RFKernel(), x=x, w=None, y=y, act=activation("tanh"))
    assert (fitted.predict(x) - y).abs().max() < 1e-9
