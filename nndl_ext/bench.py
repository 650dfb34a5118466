"""A short benchmark of the kernels against the book's algorithm in NumPy, on the user's machine."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from statistics import median

import numpy as np

from nndl_ext import mnist_loader, network, reference
from nndl_ext.config import show_config

# The reference is slow: it gets a 25th of the data, and its times are multiplied by 25.
PART = 25


def main(repeats: int) -> None:
    """Print the median times of the book's jobs with the kernels and with the reference, and the ratio of the medians.

    The two are measured alternately.

    Parameters
    ----------
    repeats : int
        The number of measurements of each job, at least 1.
    """
    training_data, _, test_data = mnist_loader.load_data_wrapper()
    show_config()
    print(f"{'[784, 30, 10], mini-batches of 10':36}{'nndl-ext':>12}{'NumPy':>12}{'ratio':>8}")
    for dtype in (np.float64, np.float32):
        ours = network.Network([784, 30, 10], dtype=dtype, seed=0)
        theirs = reference.Network([784, 30, 10], dtype=dtype, seed=0)
        training_pairs = [(x.astype(dtype), y.astype(dtype)) for x, y in training_data[: len(training_data) // PART]]
        test_pairs = [(x.astype(dtype), digit) for x, digit in test_data[: len(test_data) // PART]]
        x, y = training_pairs[0]
        jobs: dict[str, tuple[Callable[[], object], Callable[[], object], int]] = {
            "epoch of 50,000 images": (
                partial(ours.SGD, training_data, 1, 10, 3.0),
                partial(theirs.SGD, training_pairs, 1, 10, 3.0),
                PART,
            ),
            "evaluate 10,000 images": (partial(ours.evaluate, test_data), partial(theirs.evaluate, test_pairs), PART),
            "feedforward of one image": (partial(ours.feedforward, x), partial(theirs.feedforward, x), 1),
            "backprop of one image": (partial(ours.backprop, x, y), partial(theirs.backprop, x, y), 1),
        }
        for name, (ours_does, theirs_does, times) in jobs.items():
            pairs = [(_seconds(ours_does), times * _seconds(theirs_does)) for _ in range(repeats + 1)]
            mine, other = (median(column) for column in zip(*pairs[1:], strict=True))  # the first is a warm-up
            print(f"{name + ', ' + np.dtype(dtype).name:36}{_readable(mine):>12}{_readable(other):>12}{other / mine:8.1f}")


def _seconds(job: Callable[[], object]) -> float:
    """The mean time of one call, over as many calls as fill a millisecond."""
    calls = 0
    with redirect_stdout(io.StringIO()):
        start = time.perf_counter()
        while calls == 0 or time.perf_counter() - start < 1e-3:
            job()
            calls += 1
        return (time.perf_counter() - start) / calls


def _readable(seconds: float) -> str:
    scale, unit = next(
        (scale, unit) for scale, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "us")) if seconds >= scale or unit == "us"
    )
    return f"{seconds / scale:.3g} {unit}"
