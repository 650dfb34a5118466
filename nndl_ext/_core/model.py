"""Layers of sigmoid neurons: their parameters, and what the kernels make of data with them. It knows nothing of epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from nndl_ext._core import parameters
from nndl_ext._core.dataset import Dataset
from nndl_ext._core.overrides import CostDerivative, by_block
from nndl_ext._core.parameters import Parameters
from nndl_ext._core.threads import number_of_threads, run, run_in_parts
from nndl_ext._kernels import kernels

Gradient = tuple[list[np.ndarray], list[np.ndarray]]


class DivergenceError(FloatingPointError):
    """Training took the weights or biases to infinity or NaN, and was undone: the network is as it was before.

    The learning rate is too large, or the data are, or an overridden method returned such numbers.
    """

    @classmethod
    def at(cls, eta: float) -> DivergenceError:
        """The error of a step with this learning rate."""
        return cls(f"the weights became infinite or NaN, with eta={eta:g}; the network is as it was before")


class Model:
    """Layers of sigmoid neurons.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons of each layer, the inputs first.
    dtype : numpy.dtype
        float32 or float64.
    threads : int or None
        How many threads large jobs run on; as many as pay, if None.

    Attributes
    ----------
    parameters : Parameters
        All weights and biases, at first 0.
    """

    def __init__(self, sizes: Sequence[int], dtype: np.dtype, threads: int | None) -> None:
        self.sizes = tuple(sizes)
        self.dtype = dtype
        self.threads = threads
        self.parameters = Parameters(sizes, dtype)
        self._number_of_weights = sum(inputs * neurons for inputs, neurons in pairwise(sizes))
        self._column = sizes[-1], 1

    def outputs_of_column(self, a: np.ndarray) -> np.ndarray | None:
        """The outputs for one input: shape (outputs, 1). None if ``a`` is not one, or not as the kernels read it."""
        own, outputs = self.parameters, np.empty(self._column, self.dtype)
        return outputs if kernels.feedforward_column(own.layout, own.flat(), a, outputs) else None

    def outputs_of_rows(self, x: np.ndarray) -> np.ndarray:
        """The outputs for the rows of a matrix of the model's dtype: shape (n, outputs)."""
        layout, flat, outputs = self.parameters.layout, self.parameters.flat(), np.empty((len(x), self.sizes[-1]), self.dtype)

        def feed(begin: int, end: int) -> None:
            kernels.feedforward_rows(layout, flat, x[begin:end], outputs[begin:end])

        self._feed_in_parts(feed, len(x), self._number_of_weights)
        return outputs

    def outputs(self, data: Dataset) -> np.ndarray:
        """The outputs for a data set: shape (n, outputs). Infinities and NaN in parameters are refused: zeros may hide them."""
        layout, flat, outputs = (
            self.parameters.layout,
            self.parameters.finite(),
            np.empty((len(data), self.sizes[-1]), self.dtype),
        )

        def feed(begin: int, end: int) -> None:
            kernels.feedforward(layout, flat, *data.rows.between(begin, end, data.inputs), outputs[begin:end])

        self._feed_in_parts(feed, len(data), self._multiplications(data))
        return outputs

    def gradient(self, data: Dataset, cost_derivative: CostDerivative | None) -> Gradient:
        """The mean gradient of the samples' cost: of the quadratic one, or the one with another derivative."""
        gradient = parameters.zeros(self.parameters.layout, self.dtype)
        everything = np.arange(len(data)), len(data)
        self._add_steps(self.parameters.finite(), gradient, data, *everything, -1.0, cost_derivative)
        return parameters.views(self.parameters.layout, gradient)

    def descend(
        self, data: Dataset, order: np.ndarray, mini_batch_size: int, eta: float, cost_derivative: CostDerivative | None
    ) -> None:
        """Gradient descent by mini-batches of the data in the given order. An exception on the way leaves the parameters
        between two mini-batches.

        Raises
        ------
        DivergenceError
            If parameters become infinite or NaN. They are then as before.
        """
        flat = parameters.copy(self.parameters.layout, self.parameters.flat())
        try:
            self._add_steps(flat, flat, data, order, mini_batch_size, eta, cost_derivative)
        finally:
            converged = bool(np.isfinite(flat).all())
            if converged:
                self.parameters.adopt(flat)
        if not converged:
            raise DivergenceError.at(eta)

    def _add_steps(
        self,
        flat: np.ndarray,
        target: np.ndarray,
        data: Dataset,
        order: np.ndarray,
        mini_batch_size: int,
        eta: float,
        cost_derivative: CostDerivative | None,
    ) -> None:
        """Run the kernel on as many threads as pay."""
        y = data.desired_outputs(self.sizes[-1], self.dtype)
        derivative = None if cost_derivative is None else by_block(cost_derivative, y[order])
        work = 3 * self._multiplications(data)
        threads = 1 if derivative else number_of_threads(self.threads, len(order) * work, mini_batch_size * work)
        layout = self.parameters.layout
        workspace = np.empty(kernels.workspace_size(layout, self.dtype.itemsize, mini_batch_size), np.uint8)
        arguments = (layout, flat, target, *data.rows, y, order, mini_batch_size, eta, derivative, workspace)
        run(lambda thread, threads, meeting: kernels.descend(*arguments, meeting, thread, threads), threads)

    def _feed_in_parts(self, feed: Callable[[int, int], None], count: int, multiplications: float) -> None:
        work = count * multiplications
        run_in_parts(feed, count, number_of_threads(self.threads, work, math.inf), work)

    def _multiplications(self, data: Dataset) -> float:
        """Multiplications to bring one sample of a data set, on average, through the network: zero inputs take none."""
        skipped = self.sizes[0] - len(data.rows.values) / len(data)
        return self._number_of_weights - skipped * self.sizes[1]
