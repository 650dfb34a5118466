"""Ctrl-C: a training ends soon, and leaves a network that can be used."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from nndl_ext import Dataset, Network

pytestmark = [
    pytest.mark.usefixtures("variant"),
    pytest.mark.skipif(os.name == "nt", reason="a process can't send itself Ctrl-C there"),
]


def interrupted_after(seconds, job):
    """How long a job goes on after Ctrl-C."""
    pressed = []

    def press():
        pressed.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(seconds, press)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        job()
    timer.join()
    return time.perf_counter() - pressed[0]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("sizes", "size"), [([784, 30, 10], 10), ([784, 1000, 1000, 10], 100), ([784, 400, 10], 500)])
def test_a_training_ends_soon_between_two_mini_batches(mnist, sizes, size, threads):
    x, y = mnist[0][:500].x, mnist[0][:500].y
    data = Dataset(np.tile(x, (40, 1)), np.tile(y, (40, 1)))  # mini-batches that are hard to tell apart by their place
    net = Network(sizes, seed=0, threads=threads)
    assert interrupted_after(0.3, lambda: net.SGD(data, 1000, size, 1e-3)) < 1  # 0.2 on a machine of one's own
    before = [w.copy() for w in net.weights]
    net.SGD(data[:size], 1, size, 1e-3)
    assert all(np.isfinite(w).all() and not np.array_equal(w, b) for w, b in zip(net.weights, before, strict=True))
