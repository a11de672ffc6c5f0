"""Trained networks against torch.nn, autograd and torch.optim, none of which the trainer uses."""

import math

import numpy as np
import pytest
import torch

from bigtheta.numerics import train as trainer
from bigtheta.numerics.lipschitz import layers_of, search, search_starts
from bigtheta.numerics.models import interpolator
from bigtheta.numerics.models.trained import largest_slope, train_network
from bigtheta.numerics.streams import Role, Streams
from bigtheta.numerics.sweep import simulate
from bigtheta.numerics.train import Network, first_network, loss_gradient, path_norm_gradient, train
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Law
from bigtheta.theory.model import model as read_model
from bigtheta.theory.model import parameter_count
from bigtheta.theory.training import TrainedNetwork

PHI = {"relu": torch.relu, "tanh": torch.tanh, "gelu": torch.nn.functional.gelu, "elu": torch.nn.functional.elu}


def problem(n=30, d=12, k=20, seed=0, signs=True):
    streams = Streams(seed=seed, spec="trained", sizes={"n": n, "d": d, "k": k}, trial=0)
    x = streams.normal(Role.INPUTS, n, d)
    x = x / x.norm(dim=1, keepdim=True)
    y = streams.normal(Role.LABELS, n)
    return {"x": x, "w": streams.normal(Role.WEIGHTS, k, d), "y": y.sign() if signs else y, "streams": streams}


def fit(act="relu", *, seed=0, n=30, d=12, k=20, signs=True, **options):
    return train_network(TrainedNetwork(**options), act=activation(act), **problem(n, d, k, seed, signs))


def random_network(d=5, k=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    return Network(
        *(torch.randn(*shape, generator=g, dtype=torch.float64) for shape in ((k,), (k, d), (k,), (d,), (1,)))
    )


def as_written(phi, z, a, w, b, v, c):
    return phi(z @ w.T + b) @ a + z @ v + c


OPTIMISERS = {
    "adam": {},
    "adam in batches": {"batch": 8},
    "gd": {"optimiser": "gd", "rate": 0.1},
    "sgd": {"optimiser": "sgd", "rate": 0.05, "batch": 8},
}


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("act", ["relu", "tanh", "gelu"])
def test_every_optimiser_reaches_the_target(name, act):
    fitted = fit(act, stop=1e-3, steps=6000, **OPTIMISERS[name])
    parts = problem()
    assert fitted.solution.status == "trained"
    assert fitted.error <= 1e-3
    off = fitted.predict(parts["x"]) - parts["y"]
    assert float(off.square().mean()) == pytest.approx(fitted.error, rel=1e-9)
    assert fitted.solution.residual == pytest.approx(float(off.norm() / parts["y"].norm()), rel=1e-9)
    assert 0 < fitted.steps <= 6000


@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_impossible_target_is_not_converged(name):
    """400 random labels, 17 parameters; the network that came nearest is what is returned."""
    options = OPTIMISERS[name] | {"steps": 300, "stop": 1e-3}
    fitted = fit("relu", n=400, d=3, k=4, **options)
    assert fitted.solution.status == "not-converged"
    assert 0.5 < fitted.error < 1.1
    assert math.isfinite(fitted.solution.residual)


def test_divergence_is_not_converged_and_never_nan():
    fitted = fit("relu", optimiser="gd", rate=1e3, steps=200)
    assert fitted.solution.status == "not-converged"
    assert math.isfinite(fitted.error)
    assert torch.isfinite(fitted.predict(problem()["x"])).all()


@pytest.mark.parametrize("act", PHI)
def test_the_gradient_of_the_loss_is_that_of_autograd(act):
    network = random_network()
    g = torch.Generator().manual_seed(1)
    x, y = torch.randn(9, 5, generator=g, dtype=torch.float64), torch.randn(9, generator=g, dtype=torch.float64)
    error, slope = loss_gradient(network, x, y, activation(act))
    leaves = [t.clone().requires_grad_(True) for t in network.tensors]
    loss = (as_written(PHI[act], x, *leaves) - y).square().mean()
    assert error == pytest.approx(loss.item(), rel=1e-12)
    for mine, theirs in zip(slope.tensors, torch.autograd.grad(loss, leaves), strict=True):
        assert mine.shape == theirs.shape
        assert (mine - theirs).abs().max() < 1e-12


def test_the_gradient_of_the_path_norm_is_that_of_autograd():
    network = random_network()
    leaves = [t.clone().requires_grad_(True) for t in network.tensors]
    a, w, _, v, _ = leaves
    norm = (a.abs() * w.norm(dim=1)).sum() + v.norm()
    assert network.path_norm == pytest.approx(norm.item(), rel=1e-12)
    theirs = torch.autograd.grad(norm, leaves, allow_unused=True)
    for mine, other in zip(path_norm_gradient(network).tensors, theirs, strict=True):
        assert (mine - (0 if other is None else other)).abs().max() < 1e-12
    still = path_norm_gradient(Network(*(torch.zeros_like(t) for t in network.tensors)))
    assert all(not t.any() for t in still.tensors)


@pytest.mark.parametrize("act", PHI)
@pytest.mark.parametrize("options", [{}, {"skip": True}, {"bias": False}])
def test_predictions_and_gradients_are_those_of_the_network(act, options):
    fitted = fit(act, stop=1e-2, **options)
    z = problem(seed=3)["x"].requires_grad_(True)
    value = as_written(PHI[act], z, *fitted.network.tensors)
    (gradient,) = torch.autograd.grad(value.sum(), z)
    assert (fitted.predict(z.detach()) - value.detach()).abs().max() < 1e-12
    assert (fitted.gradient(z.detach()) - gradient).abs().max() < 1e-11
    assert bool(fitted.network.b.any()) is options.get("bias", True)
    assert bool(fitted.network.v.any()) is options.get("skip", False)


@pytest.mark.parametrize(
    ("options", "make"),
    [
        ({"optimiser": "gd", "rate": 0.05}, lambda p: torch.optim.SGD(p, lr=0.05)),
        ({"optimiser": "adam", "rate": 0.01}, lambda p: torch.optim.Adam(p, lr=0.01)),
    ],
)
def test_the_updates_are_those_of_torch(options, make):
    parts = problem(n=10, d=4, k=6)
    x, y, streams = parts["x"], parts["y"], parts["streams"]
    start = first_network(parts["w"], streams)
    model = TrainedNetwork(steps=50, stop=1e-30, skip=True, **options)
    mine = train(model, start, x=x, y=y, act=activation("tanh"), streams=streams)
    leaves = [t.clone().requires_grad_(True) for t in start.tensors]
    optimiser, best = make(leaves), math.inf
    for _ in range(51):
        optimiser.zero_grad()
        loss = (as_written(torch.tanh, x, *leaves) - y).square().mean()
        if loss.item() < best:
            best, kept = loss.item(), [t.detach().clone() for t in leaves]
        loss.backward()
        optimiser.step()
    assert mine.error == pytest.approx(best, rel=1e-9)
    for a, b in zip(mine.network.tensors, kept, strict=True):
        assert (a - b).abs().max() < 1e-9


def test_a_wrong_derivative_would_be_caught(monkeypatch):
    """Half of phi' in the gradient of the loss must not pass the comparison with torch."""
    right = trainer.lower_activation
    monkeypatch.setattr(
        trainer,
        "lower_activation",
        lambda act, order=0: (lambda h: 0.5 * right(act, 1)(h)) if order else right(act),
    )
    network = random_network()
    x, y = torch.eye(5, dtype=torch.float64), torch.ones(5, dtype=torch.float64)
    leaves = [t.clone().requires_grad_(True) for t in network.tensors]
    loss = (as_written(torch.tanh, x, *leaves) - y).square().mean()
    theirs = torch.autograd.grad(loss, leaves)
    assert (loss_gradient(network, x, y, activation("tanh"))[1].w - theirs[1]).abs().max() > 1e-3


@pytest.mark.parametrize("skip", [False, True])
def test_a_penalty_lowers_the_path_norm_at_the_same_error(skip):
    plain = fit(stop=0.5, skip=skip, steps=3000)
    penalised = fit(stop=0.5, skip=skip, steps=3000, penalty=0.01)
    assert plain.solution.status == penalised.solution.status == "trained"
    assert plain.error <= 0.5
    assert 0.45 < penalised.error <= 0.5
    assert penalised.path_norm < plain.path_norm / 3


@pytest.mark.parametrize("act", ["relu", "tanh", "gelu", "leaky_relu"])
@pytest.mark.parametrize("skip", [False, True])
def test_both_norms_bound_the_gradient(act, skip):
    fitted = fit(act, stop=0.01, skip=skip)
    g = torch.Generator().manual_seed(0)
    z = torch.randn(4000, 12, generator=g, dtype=torch.float64)
    steepest = float(fitted.gradient(z).norm(dim=1).max())
    assert steepest <= fitted.slope * fitted.path_norm
    assert steepest <= fitted.layers().lipschitz_bound
    assert fitted.layers().lipschitz_bound <= max(fitted.slope, 1.0) * fitted.spectral_product + 1e-9


def test_the_largest_slope():
    expected = {"relu": 1.0, "leaky_relu": 1.0, "hardsigmoid": 1 / 6, "tanh": 1.0, "erf": 2 / math.sqrt(math.pi),
                "softplus": 1.0, "cos": 1.0, "square": math.inf, "squared_relu": math.inf}  # fmt: skip
    for name, slope in expected.items():
        assert largest_slope(activation(name)) == pytest.approx(slope, rel=1e-9)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_same_seed_gives_the_same_network(name):
    options = {"stop": 1e-2, **OPTIMISERS[name]}
    first, again, other = fit(**options), fit(**options), fit(seed=1, **options)
    assert all(torch.equal(a, b) for a, b in zip(first.network.tensors, again.network.tensors, strict=True))
    assert not torch.equal(first.network.a, other.network.a)


def test_batches_come_from_the_streams():
    """Another seed of the streams alone, same data and same start, gives other batches: each input once a pass."""
    parts = problem(n=10)
    model = TrainedNetwork(optimiser="sgd", batch=4)
    orders = {}
    for seed in (0, 0, 1):
        streams = Streams(seed=seed, spec="trained", sizes=parts["streams"].sizes, trial=0)
        batches = trainer._batches(model, 10, streams)
        drawn = [next(batches) for _ in range(6)]
        assert [len(b) for b in drawn] == [4, 4, 2] * 2
        assert sorted(torch.cat(drawn[:3]).tolist()) == list(range(10))
        assert torch.cat(drawn[:3]).tolist() != torch.cat(drawn[3:]).tolist()
        order = torch.cat(drawn).tolist()
        assert orders.setdefault(seed, order) == order
    assert orders[0] != orders[1]
    expected = parts["streams"].generator(Role.BATCHES).permutation(10)
    assert orders[0][:10] == np.asarray(expected).tolist()
    assert trainer._batches(TrainedNetwork(batch=50), 10, parts["streams"]) is None


SIZES = {"n": 12, "d": 8, "k": 10}
TABLE = {"kind": "trained-network", "optimiser": "sgd", "rate": 0.05, "batch": 5, "stop": 0.01}


def test_simulate_says_how_a_fit_ended():
    keywords = {"activation": "relu", "sizes": SIZES, "labels": "signs", "trials": 2, "seed": 4}
    reached = simulate(model=TABLE, **keywords)
    assert set(reached["status"]) == {"trained"}
    assert (reached["residual"] <= 0.1).all()
    assert simulate(model=TABLE, **keywords).equals(reached)
    short = simulate(model=TABLE | {"steps": 3}, **keywords)
    assert set(short["status"]) == {"not-converged"}


def test_numbers_do_not_depend_on_the_executor():
    keywords = {"model": TABLE, "activation": "tanh", "sizes": SIZES, "trials": 3, "seed": 4}
    assert simulate(**keywords).equals(simulate(**keywords, jobs=2))


def test_the_bounds_hold_what_a_search_finds():
    fitted, parts = fit("relu", stop=0.01, skip=True), problem()
    lower = search(fitted.gradient, search_starts(parts["x"], parts["streams"], 16), steps=50)
    assert 0 < lower <= min(layers_of(fitted).lipschitz_bound, fitted.path_norm)
    keywords = {"model": TABLE | {"skip": True}, "activation": "relu", "sizes": SIZES, "trials": 2}
    assert (simulate(**keywords, quantity="lipschitz-upper")["value"] > 0).all()


def test_parameters_are_counted():
    sizes = {"n": 5, "d": 7, "k": 3}
    for options, count in (({}, 28), ({"bias": False}, 25), ({"skip": True}, 35)):
        model = TrainedNetwork(**options)
        used = {"a": 3, "w": 21, "c": 1, "b": 3 if model.bias else 0, "v": 7 if model.skip else 0}
        assert parameter_count(model, sizes) == count == sum(used.values())


def test_a_law_of_a_trained_network_is_read():
    law = Law(name="trained", statement="Omega(1)", model=TABLE, path={"d": "n", "k": "n"}, sizes={"n": [8, 16, 32]})
    assert law.model == TrainedNetwork(optimiser="sgd", rate=0.05, batch=5, stop=0.01)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"optimiser": "adm"}, "did you mean 'adam'"),
        ({"optimiser": "gd", "batch": 4}, "takes the full batch"),
        ({"optimiser": "sgd"}, "needs batch >= 1"),
        ({"steps": 0}, "steps=0"),
        ({"rate": 0.0}, "rate > 0"),
        ({"stop": -1.0}, "expected stop >= 0"),
        ({"penalty": -1.0}, "expected penalty >= 0"),
        ({"ridge": 0.1}, "has no ridge"),
        ({"width": 3}, "width"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, match):
    with pytest.raises(InvalidInputError, match=match):
        read_model({"kind": "trained-network", **options})


def test_labels_that_are_not_finite_are_refused():
    parts = problem()
    parts["y"][0] = math.inf
    with pytest.raises(InvalidInputError, match="no finite error at its start"):
        train_network(TrainedNetwork(), act=activation("relu"), **parts)


def test_the_interpolator_alone_is_seeded():
    parts = problem()
    del parts["streams"]
    first = interpolator(TrainedNetwork(stop=0.1), act=activation("relu"), **parts)
    again = interpolator(TrainedNetwork(stop=0.1), act=activation("relu"), **parts)
    assert torch.equal(first.predict(parts["x"]), again.predict(parts["x"]))
