"""Calls of methods that the user overrides, with checks of what they return."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from nndl_ext._checks import finite, real_array, shaped
from nndl_ext._data.dataset import Dataset, Sample
from nndl_ext._engine.model import DivergenceError
from nndl_ext._engine.optimizers import Descent
from nndl_ext._engine.parameters import Arrays, Parameters
from nndl_ext._engine.training import Training


def outputs_of(feedforward: Callable[[np.ndarray], Any], data: Dataset, outputs: int) -> np.ndarray:
    """The outputs for each sample of a data set: shape (n, outputs)."""
    name = "what feedforward returns"
    rows = [finite(real_array(feedforward(x), name), name) for x, _ in data]
    for row in rows:
        if row.size != outputs:
            raise ValueError(f"{name} must have shape ({outputs}, 1), not {row.shape}")
    return np.array(rows).reshape(len(data), outputs)


def sums_of(
    backprop: Callable[[Any, Any], Any], samples: Iterable[Sample], like: tuple[Arrays, Arrays]
) -> tuple[Arrays, Arrays]:
    """The sums of the samples' gradients, in arrays of the shapes of ``like``. ``backprop`` may return the same arrays each
    time, with new values."""
    sums = [[np.zeros(array.shape) for array in arrays] for arrays in like]
    for x, y in samples:
        for totals, nablas in zip(sums, _gradient(backprop(x, y), sums), strict=True):
            for total, nabla in zip(totals, nablas, strict=True):
                total += nabla
    return sums[0], sums[1]


def _gradient(given: Any, like: list[Arrays]) -> list[Arrays]:
    name = "what backprop returns"
    try:
        nablas = [[*arrays] for arrays in given]
    except TypeError as error:
        raise TypeError(f"{name} must be a pair of lists of arrays, not {reprlib.repr(given)}") from error
    if [*map(len, nablas)] != [*map(len, like)]:
        raise ValueError(f"{name} must be two lists of {len(like[0])} arrays, not lists of lengths {[*map(len, nablas)]}")
    return [
        [shaped(array, total.shape, name) for array, total in zip(*both, strict=True)]
        for both in zip(nablas, like, strict=True)
    ]


def step(
    backprop: Callable[[Any, Any], Any], samples: Iterable[Sample], count: int, own: Parameters, optimizer: Descent
) -> None:
    """Take a step of gradient descent by the mean gradient of ``count`` samples.

    Raises
    ------
    DivergenceError
        If parameters become infinite or NaN. They are then unchanged.
    """
    sums, eta = sums_of(backprop, samples, own.layout.views(own.flat())), optimizer.eta
    l1, l2, per = optimizer.regularization
    given_biases, given_weights = own.layout.views(own.flat())  # read again, since backprop may have changed them
    if l1 or l2:
        given_weights = [w - eta * (l1 * np.sign(w) + l2 * w) / per for w in given_weights]
    biases, weights = (
        [array - eta / count * total for array, total in zip(*both, strict=True)]
        for both in zip((given_biases, given_weights), sums, strict=True)
    )
    if not all(np.isfinite(array).all() for array in (*biases, *weights)):
        raise DivergenceError.at(eta)
    own.replace(biases, weights)


def steps(
    training: Training, order: np.ndarray, samples: Sequence[Sample], update_mini_batch: Callable[[list[Sample]], Any]
) -> None:
    """Call the user's own ``update_mini_batch`` for each mini-batch of samples in this order.

    Raises
    ------
    DivergenceError
        If parameters become infinite or NaN.
    """
    for places in training.mini_batches(order):
        update_mini_batch([samples[i] for i in places])
        if not np.isfinite(training.model.parameters.flat()).all():
            raise DivergenceError.at(training.optimizer.eta)


def replaced(name: str) -> TypeError:
    """The error if a program has replaced a sigmoid in a module of this package."""
    return TypeError(
        f"{name} has been replaced, but the compiled kernels compute the book's sigmoid: override feedforward and "
        "backprop in a subclass of Network, or build on nndl_ext.reference"
    )
