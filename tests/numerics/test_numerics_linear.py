"""Symmetric products in blocks, several label vectors, and prefixes of one factor, against numpy."""

import numpy as np
import pytest
import torch

from bigtheta.numerics import gram as module
from bigtheta.numerics.gram import add_symmetric_, mirror_, symmetric
from bigtheta.numerics.interpolate import solve_gram, solve_prefixes
from bigtheta.theory.errors import InvalidInputError


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 30])
def test_symmetric_products_are_the_full_ones(n, monkeypatch):
    monkeypatch.setattr(module, "COLUMNS", 8)
    p, x = draw(n, 5), draw(n, 3, seed=1)
    expected = (p.numpy() @ p.numpy().T) * (x.numpy() @ x.numpy().T)
    got = symmetric(n, lambda r, c: (p[r] @ p[c].T) * (x[r] @ x[c].T), like=p)
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-13, atol=1e-13)
    assert torch.equal(got, got.T)
    total = mirror_(add_symmetric_(add_symmetric_(torch.zeros(n, n, dtype=torch.float64), p), 2 * p))
    np.testing.assert_allclose(total.numpy(), 5 * p.numpy() @ p.numpy().T, rtol=1e-13, atol=1e-13)


def test_the_upper_triangle_of_the_input_is_not_read():
    lower = torch.tensor([[1.0, 99.0], [2.0, 3.0]])
    assert mirror_(lower).tolist() == [[1.0, 2.0], [2.0, 3.0]]


@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_several_label_vectors_are_solved_like_each_alone(ridge):
    p = draw(20, 40)
    system, y = p @ p.T, draw(20, 6, seed=2)
    together = solve_gram(system, y, ridge=ridge)
    assert together.coefficients.shape == (20, 6)
    expected = np.linalg.solve(system.numpy() + ridge * np.eye(20), y.numpy())
    np.testing.assert_allclose(together.coefficients.numpy(), expected, rtol=1e-9, atol=1e-12)
    alone = [solve_gram(system, y[:, i], ridge=ridge) for i in range(6)]
    assert together.residual == pytest.approx(max(s.residual for s in alone), rel=0.5, abs=1e-15)


def test_the_residual_is_that_of_the_worst_label_vector():
    features = draw(10, 6)
    inside, outside = features @ torch.ones(6, dtype=torch.float64), draw(10, seed=3)
    both = solve_gram(features @ features.T, torch.stack([inside, outside], dim=1))
    assert both.status == "failed"
    assert both.residual == pytest.approx(solve_gram(features @ features.T, outside).residual, rel=1e-6)


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_prefixes_of_one_factor_solve_every_size(ridge):
    p, y = draw(24, 60), draw(24, seed=4)
    sizes = [1, 5, 13, 24]
    for m, solution in zip(sizes, solve_prefixes(p @ p.T, y, sizes, ridge=ridge), strict=True):
        expected = np.linalg.solve((p[:m] @ p[:m].T).numpy() + ridge * np.eye(m), y[:m].numpy())
        np.testing.assert_allclose(solution.coefficients.numpy(), expected, rtol=1e-10)
        assert solution.status == "ok"


def test_prefixes_beyond_the_rank_are_not_passed_off_as_interpolators():
    p, y = draw(24, 10), draw(24, seed=5)
    small, large = solve_prefixes(p @ p.T, y, [8, 24])
    assert small.status == "ok"
    assert large.status == "failed"
    assert large.residual > 0.1


@pytest.mark.parametrize("size", [0, 25, 2.5])
def test_prefixes_outside_are_refused(size):
    with pytest.raises(InvalidInputError, match="prefixes: expected a whole number from 1 to 24"):
        solve_prefixes(torch.eye(24, dtype=torch.float64), torch.ones(24, dtype=torch.float64), [size])
