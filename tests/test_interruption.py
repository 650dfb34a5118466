"""Ctrl-C: a job ends soon, the network is in its state between two mini-batches, the generator in that between two shuffles."""

import os
import random
import signal
import threading
import time

import numpy as np
import pytest

from nndl_ext import Dataset, Network, reference
from nndl_ext._engine import generators

pytestmark = [
    pytest.mark.usefixtures("variant"),
    pytest.mark.skipif(os.name == "nt", reason="a process can't send itself Ctrl-C there"),
]

# Less than 0.2 s with the faster kernels; longer with the slower ones and with sanitizers.
SOON = 1.0 if "san" not in os.environ.get("LD_PRELOAD", "") else 10.0


def interrupted_after(seconds, job):
    """The processor time, in seconds, for which a job continues after Ctrl-C."""
    pressed = []

    def press():
        pressed.append(time.process_time())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(seconds, press)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        job()
    timer.join()
    return time.process_time() - pressed[0]


def bits(net):
    return b"".join(array.tobytes() for array in (*net.biases, *net.weights))


def many(mnist, times):
    """Enough images to make an epoch long."""
    images = mnist[0][:500]
    return Dataset(np.tile(images.x, (times, 1)), np.tile(images.y, (times, 1)))


def replayed(net, seed, data, size, eta, most):
    """The number of mini-batches after which a network with this seed has the bits of ``net``."""
    again = Network(net.sizes, dtype=net.dtype, seed=seed)
    order, done = np.arange(len(data)), 0
    while done < most:
        generators.shuffle(order, again._own_generator)
        for start in range(0, len(data), size):
            if bits(again) == bits(net):
                return done
            rows = order[start : start + size]
            again.update_mini_batch(Dataset(data.x[rows], data.y[rows]), eta)
            done += 1
    raise AssertionError(f"not the weights after any of {most} mini-batches")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("sizes", "size", "times"),
    [([784, 30, 10], 10, 40), ([784, 1000, 1000, 10], 100, 40), ([784, 400, 10], 500, 40)],
)
def test_a_training_ends_soon_with_the_weights_of_a_whole_number_of_mini_batches(mnist, sizes, size, times, threads):
    data = many(mnist, times)
    net = Network(sizes, seed=0, threads=threads)
    assert interrupted_after(0.3, lambda: net.SGD(data, 1000, size, 1e-3)) < SOON
    assert replayed(net, 0, data, size, 1e-3, 200 * len(data) // size) >= 0
    before = bits(net)
    net.SGD(data[:size], 1, size, 1e-3)
    assert bits(net) != before


@pytest.mark.parametrize("overridden", ["cost_derivative", "backprop", "update_mini_batch"])
def test_so_does_one_with_overridden_methods(mnist, overridden):
    data = many(mnist, 4)
    net = Network([784, 30, 10], seed=0)
    method = getattr(net, overridden)
    setattr(net, overridden, lambda *arguments: method(*arguments))
    assert interrupted_after(0.3, lambda: net.SGD(data, 1000, 10, 1e-3)) < SOON
    if overridden != "backprop":  # it sums gradients in another order
        assert replayed(net, 0, data, 10, 1e-3, 10_000) >= 0
    net.SGD(data[:10], 1, 10, 1e-3)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("call", ["evaluate", "cost", "feedforward"])
def test_so_do_jobs_on_much_data(mnist, call, threads):
    data = many(mnist, 10)
    net = Network([784, 1500, 10], dtype=np.float32, seed=0, threads=threads)
    argument = data.x.T if call == "feedforward" else data
    net.evaluate(data[:10])
    before = bits(net)

    def go_on():
        for _ in range(1000):
            getattr(net, call)(argument)

    assert interrupted_after(0.3, go_on) < SOON
    assert bits(net) == before
    assert threading.active_count() < 3 + threads


class Interrupting:
    """A generator that raises Ctrl-C after some calls of one of its methods."""

    def __init__(self, method, calls):
        self.generator, self.method, self.calls = random.Random(3), method, calls

    def __getattr__(self, name):
        if name == self.method:
            if self.calls == 0:
                raise KeyboardInterrupt
            self.calls -= 1
        return getattr(self.generator, name)


@pytest.mark.parametrize("calls", [0, 1, 2, 3])
def test_a_shuffle_is_done_whole_or_not_at_all(calls):
    interrupting = Interrupting("getrandbits", calls)
    before = interrupting.generator.getstate()
    with pytest.raises(KeyboardInterrupt):
        generators.shuffle(np.arange(1000), interrupting)
    assert interrupting.generator.getstate() == before


def test_the_shuffles_generator_stands_between_two_of_them(mnist):
    data = many(mnist, 2)
    for after in (0.05, 0.11, 0.17):
        net = Network([784, 30, 10])
        random.seed(after)
        states = [random.getstate()]
        for _ in range(300):
            generators.shuffle(np.arange(len(data)), random)
            states.append(random.getstate())
        random.seed(after)
        interrupted_after(after, lambda net=net: net.SGD(data, 10**6, 10, 1e-3))
        assert random.getstate() in states


@pytest.mark.parametrize("error", [KeyboardInterrupt, ArithmeticError])
def test_an_exception_in_a_callback_leaves_whole_mini_batches(error):
    data = Dataset(np.linspace(-1, 1, 120).reshape(40, 3), np.arange(40) % 2)
    for fails_at in (1, 2, 7, 23, 41):
        net, oracle, calls = Network([3, 4, 2], seed=0), reference.Network([3, 4, 2], seed=0), []

        def cost_derivative(a, y, calls=calls, fails_at=fails_at):
            calls.append(1)
            if len(calls) == fails_at:
                raise error
            return a - y

        net.cost_derivative = cost_derivative
        with pytest.raises(error):
            net.SGD(data, 2, 4, 0.5)
        assert net._own_generator.getstate() != oracle._random.getstate()
        assert replayed(net, 0, data, 4, 0.5, 20) == (fails_at - 1) // 4
