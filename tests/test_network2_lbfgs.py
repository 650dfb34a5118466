"""network2 by lbfgs: the steps of SciPy and of the estimators, epoch by epoch, with all that SGD offers."""

import copy
import json
import pickle

import numpy as np
import pytest
from helpers import dense_data, digest, flat, parameters

from nndl_ext import Dataset, DivergenceError, load, network2
from nndl_ext._engine.minimization import Objective
from nndl_ext.network2 import LBFGS, CrossEntropyCost, HalveOnPlateau, LogLikelihoodCost, Network, QuadraticCost, Shifts

pytestmark = pytest.mark.usefixtures("variant")

SIZES = [20, 9, 4]


def data(n=60):
    rng = np.random.default_rng(0)
    return Dataset(rng.standard_normal((n, 20)), rng.integers(0, 4, n))


def network(*arguments, **options):
    return Network(SIZES, *arguments, **{"optimizer": "lbfgs", "seed": 1} | options)


def trained(net, epochs, lmbda=0.3, samples=None, **options):
    """The parameters after each epoch."""
    seen = []
    net.SGD(
        samples or data(), epochs, 10, 3.0, lmbda, callback=lambda *_: bool(seen.append(parameters(net))), **options
    )  # append returns None
    return seen


# ----- The steps -----


def put(net, vector):
    """Replace all biases and weights by the numbers in a vector."""
    done = 0
    for array in [*net.biases, *net.weights]:
        array[:] = vector[done : done + array.size].reshape(array.shape)
        done += array.size


class Absolute:
    """A cost of one's own, and smooth."""

    @staticmethod
    def fn(a, y):
        return np.sqrt(1 + (a - y) ** 2).sum()

    @staticmethod
    def delta(z, a, y):
        return (a - y) / np.sqrt(1 + (a - y) ** 2) * network2.sigmoid_prime(z)


@pytest.mark.parametrize(
    "options",
    [{}, {"cost": QuadraticCost, "activation": "tanh"}, {"cost": LogLikelihoodCost, "activation": "relu"}, {"cost": Absolute}],
    ids=["cross-entropy", "quadratic", "log-likelihood", "own"],
)
@pytest.mark.parametrize("lmbda", [0.0, 0.7])
def test_the_first_twenty_steps_are_scipys(options, lmbda):
    optimize = pytest.importorskip("scipy.optimize")
    net, oracle, samples, theirs = network(**options), network(**options), data(), []

    def function(vector):
        put(oracle, vector)
        nabla_b, nabla_w = oracle.cost_gradient(samples)
        nabla_w = [nabla + lmbda / len(samples) * w for nabla, w in zip(nabla_w, oracle.weights, strict=True)]
        return oracle.total_cost(samples, lmbda), flat((nabla_b, nabla_w))

    optimize.fmin_l_bfgs_b(
        function, parameters(net), pgtol=1e-5, maxiter=20, callback=lambda vector: theirs.append(vector.copy())
    )
    np.testing.assert_allclose(trained(net, 20, lmbda), theirs, rtol=1e-8, atol=1e-8)


def test_the_steps_are_the_estimators_bit_for_bit():
    pytest.importorskip("sklearn", minversion="1.6")
    from nndl_ext.sklearn import MLPClassifier

    net, samples, theirs = network(LogLikelihoodCost, activation="tanh"), data(), []
    starts = {w.shape[1]: (w.T.copy(), b[:, 0].copy()) for w, b in zip(net.weights, net.biases, strict=True)}

    class Same(MLPClassifier):
        def _init_coef(self, fan_in, *_):
            return starts[fan_in]

    def keep(estimator):
        theirs.append(flat(([*map(np.ravel, estimator.intercepts_)], [c.T for c in estimator.coefs_])))

    with pytest.warns(match="lbfgs failed to converge"):
        Same([9], activation="tanh", solver="lbfgs", alpha=0.3, max_iter=40, tol=1e-5, callback=keep).fit(samples.x, samples.y)
    np.testing.assert_array_equal(trained(net, 40, 0.3), theirs)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_digests(threads):
    """The bits are the same on every machine."""
    net = Network([20, 33, 17, 4], QuadraticCost, activation="tanh", optimizer="lbfgs", threads=threads, seed=42)
    net.SGD(dense_data(), 15, 300, 0.0, 0.5)
    assert digest(net) == "fad5df1ab2c22987"


def test_the_cost_falls_in_each_epoch_and_mini_batches_and_rate_do_not_matter():
    nets = [network() for _ in range(2)]
    costs = nets[0].SGD(data(), 12, 60, 0.0, 0.3, monitor_training_cost=True)[2]
    assert costs == sorted(costs, reverse=True)
    assert nets[0]._optimizer.powers[0] == pytest.approx(costs[-1], rel=1e-14)
    nets[1].SGD(data(), 12, 1, 1e9, 0.3)
    assert digest(nets[0]) == digest(nets[1])


# ----- The end -----


def test_it_ends_where_the_cost_has_converged(capsys):
    """No sooner than SciPy, and at once if it is told to train on."""
    net = network(optimizer=LBFGS(1e-3))
    costs = net.SGD(data(), 1000, 60, 0.0, 2.0, monitor_training_cost=True)[2]
    nabla_b, nabla_w = net.cost_gradient(data())
    nabla_w = [nabla + 2.0 / 60 * w for nabla, w in zip(nabla_w, net.weights, strict=True)]
    assert np.abs(flat((nabla_b, nabla_w))).max() <= 1e-3
    assert 5 < len(costs) < 1000
    end = f"Epoch {len(costs) - 1} training complete\nCost on training data: {costs[-1]}\n\n"
    assert capsys.readouterr().out.endswith(f"{end}Training ends before epoch {len(costs)}: the cost has converged\n\n")
    before = digest(net)
    assert net.SGD(data(), 5, 60, 0.0, 2.0, monitor_training_cost=True) == ([], [], [], [])
    assert capsys.readouterr().out == "Training ends before epoch 0: the cost has converged\n\n"
    assert digest(net) == before


def test_a_small_fall_ends_it_also_after_it_was_saved(tmp_path):
    net = network(optimizer=LBFGS(0.0))
    epochs = len(trained(net, 2000, 2.0))
    again = network(optimizer=LBFGS(0.0))
    assert len(trained(again, epochs, 2.0)) == epochs < 2000
    again.save(tmp_path / "net.npz")
    assert trained(load(tmp_path / "net.npz"), 5, 2.0) == []


def test_a_cost_whose_derivative_is_wrong(capsys):
    wrong = type("Wrong", (Absolute,), {"delta": staticmethod(lambda z, a, y: -Absolute.delta(z, a, y))})
    net = network(wrong)
    before = digest(net)
    assert trained(net, 5) == []
    assert capsys.readouterr().out == "Training ends before epoch 0: no step makes the cost less\n\n"
    assert digest(net) == before


def test_early_stopping_schedules_and_callbacks_end_it():
    net = network()
    accuracies = net.SGD(data(), 500, 60, 0.0, 0.1, data(30), early_stopping_n=4, monitor_evaluation_accuracy=True)[1]
    assert max(accuracies[:-4]) >= max(accuracies[-4:])
    assert len(accuracies) < 500
    net = network()
    net.SGD(data(), 500, 60, HalveOnPlateau(0.5, 2, 1 / 2), 0.1, data(30), monitor_evaluation_accuracy=True)
    right = net.history.evaluation_accuracy
    assert max(right[:-2]) >= max(right[-2:])
    assert len(trained(network(), 3)) == 3
    net = network()
    net.SGD(data(), 9, 60, 0.0, callback=lambda epoch, _: epoch == 2)
    assert len(net.history.eta) == 3


# ----- What a search knows, and when it begins anew -----


@pytest.mark.parametrize("epochs", [0, 1, 3, 14])
def test_a_network_goes_on_with_the_same_bits(tmp_path, epochs):
    nets = [network(), network()]
    trained(nets[0], epochs + 4)
    trained(nets[1], epochs)
    nets[1].save(tmp_path / "net.npz")
    others = [
        load(tmp_path / "net.npz"), network2.load(tmp_path / "net.npz"), copy.deepcopy(nets[1]),
        pickle.loads(pickle.dumps(nets[1])), nets[1],
    ]  # fmt: skip
    for net in others:
        assert net._settings.optimizer == LBFGS()
        trained(net, 4)
    assert {digest(net) for net in others} == {digest(nets[0])}


def test_a_step_that_shows_no_curvature_is_a_step(tmp_path):
    """Then the next line is not the first, although nothing is remembered."""

    def forgetful():
        net = network()
        trained(net, 1)
        net._optimizer.moments, net._optimizer.powers = np.empty(0), net._optimizer.powers[:2]
        return net

    net, anew = forgetful(), network()
    net.save(tmp_path / "net.npz")
    loaded = load(tmp_path / "net.npz")
    put(anew, parameters(net))
    for each in (net, loaded, anew):
        trained(each, 1)
    assert digest(net) == digest(loaded) != digest(anew)


@pytest.mark.parametrize(
    ("change", "within"),
    [("data", False), ("lmbda", False), ("weights", False), ("cost", False), ("weights", True), ("cost", True)],
)
def test_another_function_is_searched_anew(change, within):
    """Changed between two trainings, or by a callback within one."""

    def changed(net):
        if change == "cost":
            net.cost = QuadraticCost
        elif change == "weights":
            net.weights[1] = net.weights[1] * 1.5
            net.biases[0][2] = 0.25

    def at_five(epoch, _):
        if epoch == 4:
            changed(net)

    then = {"lmbda": 0.7 if change == "lmbda" else 0.3, "samples": data(59 if change == "data" else 60)}
    net, anew, before = network(), network(), network()
    trained(before, 5)
    put(anew, parameters(before))
    changed(anew)
    trained(anew, 4, **then)
    if within:
        net.SGD(data(), 9, 60, 0.0, 0.3, callback=at_five)
    else:
        trained(net, 5)
        changed(net)
        trained(net, 4, **then)
    assert digest(net) == digest(anew)


@pytest.mark.parametrize("at_call", [1, 2, 9, 14])
def test_an_interrupt_leaves_the_last_step(at_call):
    """Even from within a search along a line, and the training goes on from there."""
    calls = []

    class Interrupting(Absolute):
        @staticmethod
        def fn(a, y):
            calls.append(1)
            if len(calls) == 60 * at_call:
                raise KeyboardInterrupt
            return Absolute.fn(a, y)

    net, seen = network(Interrupting), []
    start = parameters(net)
    with pytest.raises(KeyboardInterrupt):
        net.SGD(data(), 20, 60, 0.0, callback=lambda *_: bool(seen.append(parameters(net))))
    np.testing.assert_array_equal(parameters(net), seen[-1] if seen else start)
    assert len(net.history.eta) == len(seen)
    undisturbed = network(Absolute)
    trained(undisturbed, len(seen) + 3, 0.0)
    trained(net, 3, 0.0)
    assert digest(net) == digest(undisturbed)


def test_others_see_no_trials(monkeypatch):
    """While a line is searched, the network has the parameters of the last step."""
    net, seen, after = network(), set(), set()
    evaluate = Objective.__call__

    def watched(self, vector):
        seen.add(digest(net))
        return evaluate(self, vector)

    monkeypatch.setattr(Objective, "__call__", watched)
    after.add(digest(net))
    net.SGD(data(), 12, 60, 0.0, callback=lambda *_: after.add(digest(net)))
    assert seen <= after
    assert len(after) == 13


def test_divergence_leaves_the_network_as_it_was():
    net = network(QuadraticCost, activation="identity", output_activation="identity")
    before = digest(net)
    with pytest.raises(DivergenceError, match="in epoch 0 the cost or its gradient is infinite or NaN, so lbfgs finds no step"):
        net.SGD(Dataset(data().x * 1e100, np.full((60, 4), 1e200)), 3, 60, 0.0)
    assert digest(net) == before
    assert net.history.eta == []
    assert len(trained(net, 3)) == 3


# ----- Errors -----


def doubled(method):
    """A subclass with a method of its own that does the same."""
    original = getattr(Network, method)
    return type("Own", (Network,), {method: lambda self, *arguments: original(self, *arguments)})


@pytest.mark.parametrize(
    ("kind", "options"),
    [(Network, {"augment": Shifts((4, 5))}), (doubled("update_mini_batch"), {}), (doubled("backprop"), {})],
    ids=["augment", "update_mini_batch", "backprop"],
)
def test_what_does_not_go_with_it(kind, options, capsys):
    net = kind(SIZES, optimizer="lbfgs", seed=1)
    before = digest(net)
    with pytest.raises(
        ValueError, match="lbfgs minimizes the cost of all samples, so it can use neither augment nor an overridd"
    ):
        net.SGD(data(), 3, 60, 0.0, **options)
    with pytest.raises(ValueError, match="update_mini_batch can't take a step of the optimizer lbfgs, which needs all samples"):
        net.update_mini_batch(data(), 0.1, 0.0, 60)
    assert digest(net) == before
    assert not capsys.readouterr().out


def test_methods_of_ones_own_that_only_monitor():
    class Own(Network):
        def accuracy(self, *_, **__):
            return 7

    net = Own(SIZES, optimizer="lbfgs", seed=1)
    assert net.SGD(data(), 2, 60, 0.0, monitor_training_accuracy=True)[3] == [7, 7]


@pytest.mark.parametrize(
    "change",
    [
        "rows", "flat", "zeros", "huge", "dtype", {"powers": []}, {"powers": [1.0]}, {"powers": [1.0, 2.0, -1.0, 1.0]},
        {"powers": "ab"}, {"powers": [1.0] * 24}, {"optimizer": {"kind": "lbfgs", "tolerance": -1}}, {"dropout": [0.5]},
        {"regularization": "l1"},
    ],
)  # fmt: skip
def test_untrusted_files(tmp_path, change):
    net, path = network(), tmp_path / "net.npz"
    trained(net, 2)
    net.save(path)
    arrays = dict(np.load(path))
    settings, moments = json.loads(str(arrays["settings"])), arrays["moments"]
    assert (len(moments), len(settings["powers"])) == (4, 4)
    if isinstance(change, dict):
        arrays["settings"] = json.dumps(settings | change)
    else:
        arrays["moments"] = {
            "rows": moments[:3], "flat": moments[:, :0], "zeros": moments * 0, "huge": moments * 1e300,
            "dtype": moments.astype(np.float32),
        }[change]  # fmt: skip
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=r"net\.npz can't be loaded"):
        network2.load(path)


@pytest.mark.parametrize("factor", [-1e9, 1e150, 1e-150])
def test_false_steps_in_a_file_do_no_harm(tmp_path, factor):
    net, path = network(), tmp_path / "net.npz"
    trained(net, 2)
    net.save(path)
    arrays = dict(np.load(path))
    arrays["moments"] = arrays["moments"] * factor
    np.savez(path, **arrays)
    loaded = load(path)
    before = loaded.total_cost(data(), 0.3)
    trained(loaded, 3)
    assert loaded.total_cost(data(), 0.3) <= before


@pytest.mark.parametrize("sizes", [[20, 1], [20, 4], [20, 5, 1]])
def test_one_output_or_no_hidden_layer(sizes):
    samples = data()
    net = Network(sizes, CrossEntropyCost, optimizer="lbfgs", seed=1)
    labels = samples.y % max(sizes[-1], 2)
    costs = net.SGD(Dataset(samples.x, labels), 20, 60, 0.5, 0.1, monitor_training_cost=True)[2]
    assert costs[-1] < costs[0]
