"""Networks in the user's own threads: the same bits as without threads, and never a mixture of two trainings."""

import random
import sys
import threading
import time
from functools import partial

import numpy as np
import pytest
from helpers import dense_data, digest

from nndl_ext import Network, network2
from nndl_ext._engine import generators
from nndl_ext._engine.parameters import Layout

pytestmark = pytest.mark.usefixtures("variant")

THREADS = 8


@pytest.fixture(autouse=True)
def _threads_take_turns_often():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def at_once(*jobs):
    """The results of jobs, called in threads that start at the same moment."""
    results = {}
    start = threading.Barrier(len(jobs))

    def work(place, job):
        start.wait()
        results[place] = job()

    workers = [threading.Thread(target=work, args=each) for each in enumerate(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [results[place] for place in range(len(jobs))]


def digest_and_output(net):
    """The parameters that the user sees, and the output computed from those that the kernels read."""
    return digest(net), net.feedforward(np.arange(net.sizes[0]) / net.sizes[0]).tobytes()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_each_thread_trains_its_own_network(mnist, dtype):
    def training(seed, data):
        def train():
            net = Network([784, 30, 10], seed=seed, dtype=dtype)
            net.SGD(data, 2, 10, 3.0)
            return digest_and_output(net)

        return train

    shared = mnist[0][:500]  # a new data set, in which nothing is prepared for the kernels yet
    together = at_once(*(training(seed, shared) for seed in range(THREADS)))
    assert together == [training(seed, mnist[0][:500])() for seed in range(THREADS)]


def test_trainings_on_several_threads_run_side_by_side():
    def training(threads):
        def train():
            net = Network([20, 33, 17, 4], seed=1, threads=threads)
            net.SGD(dense_data(), 2, 50, 1.0)
            return digest_and_output(net)

        return train

    assert set(at_once(*[training(2)] * THREADS)) == {training(1)()}


def test_many_threads_read_one_network(mnist):
    net = Network([784, 30, 10], seed=0)
    net.SGD(mnist[0][:500], 1, 10, 3.0)

    def reading(data):
        return lambda: (net.evaluate(data), net.cost(data), *(net.feedforward(x).tobytes() for x, _ in data[:20]))

    assert set(at_once(*[reading(mnist[2][:500])] * THREADS)) == {reading(mnist[2][:500])()}


def test_a_reader_finds_the_network_between_two_steps():
    data, x = dense_data(n=10), np.ones(20)

    def train(net):
        for _ in range(200):
            net.update_mini_batch(data, 0.5)
            yield net.feedforward(x).tobytes()

    alone, net = (Network([20, 5, 4], seed=3) for _ in range(2))
    between = {alone.feedforward(x).tobytes(), *train(alone)}

    def read():
        return {net.feedforward(x).tobytes() for _ in range(2000)}

    _, *found = at_once(lambda: list(train(net)), *[read] * 3)
    assert set.union(*found) <= between
    assert digest_and_output(net) == digest_and_output(alone)


def test_of_two_trainings_of_one_network_the_last_one_is_kept_whole(monkeypatch):
    data, views, delays = dense_data(n=10), Layout.views, random.Random(0)

    def slow_views(*arguments):
        """Lets one thread overtake the other while both store their results in the network."""
        time.sleep(delays.random() / 1000)
        return views(*arguments)

    monkeypatch.setattr(Layout, "views", slow_views)

    def network():
        return Network([20, 33, 17, 4], seed=7)

    def train(net, *etas):
        for eta in etas:
            net.update_mini_batch(data, eta)
        return digest_and_output(net)

    allowed = {train(network(), *etas) for etas in ([1.0], [2.0], [1.0, 2.0], [2.0, 1.0])}
    assert len(allowed) == 4
    for _ in range(100):
        net = network()
        at_once(partial(train, net, 1.0), partial(train, net, 2.0))
        assert digest_and_output(net) in allowed


def test_two_trainings_of_one_network_record_their_own_histories(capsys):
    net, data = network2.Network([20, 33, 4], seed=7), dense_data(n=10)

    def train():
        return net.SGD(data, 200, 5, 0.1, monitor_training_cost=True, monitor_training_accuracy=True)

    for _, _, costs, accuracies in at_once(train, train):
        assert len(costs) == len(accuracies) == 200
    assert capsys.readouterr().out.count("Cost on training data: ") == 400


def test_threads_that_share_a_generator_draw_different_numbers():
    """Without a seed, all networks draw from the module ``random``."""
    for trial in range(20):
        random.seed(trial)
        orders = [np.arange(2000) for _ in range(2)]
        at_once(*(partial(generators.shuffle, order, random) for order in orders))
        assert not np.array_equal(*orders)
