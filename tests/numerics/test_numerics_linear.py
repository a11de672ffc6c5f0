"""Symmetric products in blocks, Cholesky in place, several label vectors, prefixes of one factor, against numpy."""

import numpy as np
import pytest
import torch

from bigtheta.numerics import cholesky, interpolate
from bigtheta.numerics import gram as module
from bigtheta.numerics.cholesky import factor_, solve_factored
from bigtheta.numerics.gram import add_symmetric_, largest_off_diagonal, mirror_, symmetric
from bigtheta.numerics.interpolate import residual_limit, solve_gram, solve_prefixes
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


@pytest.mark.parametrize("n", [1, 7, 8, 9, 30])
def test_the_largest_entry_is_not_looked_for_on_the_diagonal(n, monkeypatch):
    monkeypatch.setattr(module, "COLUMNS", 8)
    x = draw(n, 3)
    matrix = (x @ x.T).abs().numpy()
    np.fill_diagonal(matrix, 0)
    assert largest_off_diagonal(n, lambda r, c: x[r] @ x[c].T) == pytest.approx(matrix.max(), rel=1e-12)
    stack = torch.stack([x, 2 * x])
    largest = largest_off_diagonal(n, lambda r, c: stack[:, r] @ stack[:, c].mT)
    assert largest == pytest.approx(4 * matrix.max(), rel=1e-12)


# Cholesky in place


@pytest.fixture
def narrow(monkeypatch):
    """Panels of 8 columns and strips of 5 rows, so that small matrices have many."""
    monkeypatch.setattr(cholesky, "PANEL", 8)
    monkeypatch.setattr(cholesky, "_STRIP", 5)


def positive(n):
    p = draw(n, 2 * n)
    return mirror_(p @ p.T)


@pytest.mark.parametrize("n", [1, 5, 8, 9, 16, 43])
def test_the_factor_stands_below_and_the_matrix_above(n, narrow):
    k = positive(n)
    work, v = k.clone(), draw(n, 3, seed=1)
    factored = factor_(work)
    assert factored.packed is work
    np.testing.assert_allclose(work.tril().numpy(), np.linalg.cholesky(k.numpy()), rtol=1e-10, atol=1e-12)
    assert torch.equal(work.triu(1), k.triu(1))
    np.testing.assert_allclose(factored.times(v).numpy(), (k @ v).numpy(), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(factored.times(v[:, 0]).numpy(), (k @ v[:, 0]).numpy(), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(solve_factored(work, v).numpy(), np.linalg.solve(k.numpy(), v.numpy()), rtol=1e-8)
    assert factored.restore_() is work
    assert torch.equal(work, k)


@pytest.mark.parametrize("where", [0, 7, 8, 29])
def test_a_matrix_that_is_not_positive_definite_comes_back_whole(where, narrow):
    k = positive(30)
    k[where, where] = -1.0
    work = k.clone()
    assert factor_(work) is None
    assert torch.equal(work, k)


@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_a_large_system_is_solved_in_place_and_put_back(ridge, narrow, monkeypatch):
    k, y = positive(40), draw(40, 2, seed=2)
    copied = solve_gram(k, y, ridge=ridge)
    monkeypatch.setattr(interpolate, "IN_PLACE", 40)
    work = k.clone()
    found = solve_gram(work, y, ridge=ridge)
    assert torch.equal(work, k)
    np.testing.assert_allclose(found.coefficients.numpy(), copied.coefficients.numpy(), rtol=1e-12)
    assert (found.status, found.condition) == ("ok", pytest.approx(copied.condition, rel=1e-10))
    assert 0 < found.residual < 1e-12


@pytest.mark.parametrize("ridge", [0.0, 1e-14])
def test_a_large_singular_system_falls_back_to_its_eigenvalues_and_is_put_back(ridge, narrow, monkeypatch):
    monkeypatch.setattr(interpolate, "IN_PLACE", 10)
    features = draw(30, 12)
    k = mirror_(features @ features.T)
    work = k.clone()
    inside = solve_gram(work, features @ torch.ones(12, dtype=torch.float64), ridge=ridge)
    assert (inside.status, solve_gram(work, draw(30, seed=3), ridge=ridge).status) == ("eigh", "failed")
    assert torch.equal(work, k)


def test_a_large_system_without_numbers_fails(narrow, monkeypatch):
    monkeypatch.setattr(interpolate, "IN_PLACE", 10)
    k = positive(30)
    k[20, 3] = k[3, 20] = float("nan")
    assert solve_gram(k, torch.ones(30, dtype=torch.float64)).status == "failed"


# float32


@pytest.mark.parametrize(("condition", "status"), [(1e2, "ok"), (1e4, "ok"), (1e7, "failed")])
def test_a_float32_solve_says_whether_it_can_be_trusted(condition, status):
    q, _ = torch.linalg.qr(draw(60, 60))
    k = mirror_((q * torch.logspace(0, float(np.log10(condition)), 60, dtype=torch.float64)) @ q.T)
    y = draw(60, seed=1)
    found = solve_gram(k.float(), y.float())
    exact = torch.linalg.solve(k, y)
    assert found.coefficients.dtype == torch.float32
    assert found.status == status
    off = float((found.coefficients - exact).norm() / exact.norm())
    assert (off < 3e-7 * condition) if status == "ok" else (off > 0.1)
    assert solve_gram(k, y).status == "ok"
    assert residual_limit(torch.float32) == 1e3 * residual_limit(torch.float64)
