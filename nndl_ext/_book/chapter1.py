"""Chapter 1's networks: the first weights and the cost of sigmoid neurons and perceptrons, and the loop of `SGD`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence, Sized
from typing import TYPE_CHECKING, Any

import numpy as np

from nndl_ext._book import overrides
from nndl_ext._book.base import BookNetwork, Data
from nndl_ext._checks import finite_number, integer, layer_sizes, real_dtype
from nndl_ext._engine import threads
from nndl_ext._engine.model import Model
from nndl_ext._engine.optimisers import Descent
from nndl_ext._engine.training import Training

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


class FirstNetwork(BookNetwork):
    """A network of chapter 1. See `nndl_ext.network.Network` for parameters and attributes."""

    def __init__(
        self, sizes: Sequence[int], *, dtype: DTypeLike = np.float64, seed: int | None = None, threads: int | None = None
    ) -> None:
        self._begin(Model(layer_sizes(sizes), real_dtype(dtype), None), seed, threads)
        for array in (*self.biases, *self.weights):
            array[:] = self._normal(array.shape)

    def cost(self, data: Data) -> float:
        """The quadratic cost of a data set, ``1/(2n) sum over x of |y(x) - a|**2`` (equation 6).

        Parameters
        ----------
        data : Dataset or iterable of tuple
            Pairs (x, y); a label stands for its unit vector.

        Returns
        -------
        float
            At least 0. The sum over samples is exact before it is rounded, so their order does not change its bits.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, or a weight or bias is infinite or NaN.
        """
        checked = self._checked(data, "data")
        desired = checked.desired_outputs(self._model.sizes[-1], self.dtype)
        return math.fsum(self._model.costs(self._outputs(checked), desired)) / len(checked)


class TrainedNetwork(FirstNetwork):
    """The loop of `nndl_ext.network.Network.SGD`. `Network` supplies the two methods that it calls."""

    history: Sequence[int] = ()

    def update_mini_batch(self, mini_batch: Data, eta: float) -> None:
        """Take one step of gradient descent."""
        raise NotImplementedError

    def evaluate(self, test_data: Data) -> int:
        """The number of samples that the network classifies correctly."""
        raise NotImplementedError

    def _epochs(
        self, training_data: Data, epochs: range, mini_batch_size: int, eta: float, test_data: Data | None, order: Any = None
    ) -> Iterator[int | None]:
        """Do the work of `SGD`; yield the number of correct test samples, or None, after each epoch.

        ``order`` holds the samples' order in the previous epoch. It is shuffled in place.
        """
        data = self._checked(training_data, "training_data")
        mini_batch_size = min(integer(mini_batch_size, "mini_batch_size", least=1), len(data))
        eta = finite_number(eta, "eta")
        test: Any = test_data
        if test_data is None or (isinstance(test_data, Sized) and not len(test_data)):
            test = None
        elif not self._overrides("evaluate"):  # an override may accept data that the book's method does not
            test = self._checked(test_data, "test_data")
        elif not isinstance(test_data, Sized):
            test = [*test_data]
        self._model.parameters.finite()
        threads.limit()  # an invalid environment variable is reported before the training, not during it
        samples: Any = training_data if type(training_data) is list else data  # overrides get the user's own arrays

        def go_through(training: Training) -> None:
            if self._overrides("update_mini_batch") or self._overrides("backprop"):
                overrides.go_through(training, training.order, samples, lambda batch: self.update_mini_batch(batch, eta))
            elif derivative := self._cost_derivative():
                for places in training.mini_batches(training.order):  # the method may read the current weights
                    training.descend(places, derivative=derivative)
            else:
                training.descend(training.order)

        def lines(training: Training) -> Iterator[int | None]:
            history = self.history = []
            for epoch in training.epochs(epochs):
                right = None if test is None else self.evaluate(test)
                if right is not None:
                    history.append(right)
                print(f"Epoch {epoch} complete" if test is None else f"Epoch {epoch}: {right} / {len(test)}", flush=True)
                yield right

        places = np.arange(len(data)) if order is None else order
        return lines(Training(self._model, data, mini_batch_size, Descent(eta), self._shuffle, places, go_through=go_through))
