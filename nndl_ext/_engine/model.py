"""Layers of neurons with their parameters: output, gradient and steps, computed by the kernels. Knows nothing of epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np

from nndl_ext._checks import real_array
from nndl_ext._data.inputs import Rows
from nndl_ext._engine import parameters
from nndl_ext._engine.functions import (
    Activation,
    CostDerivative,
    InPython,
    OwnCost,
    check_cost,
    costs_of,
    error_of,
    numbers_of,
    own_costs,
)
from nndl_ext._engine.optimisers import GRADIENT_ALONE, Optimiser
from nndl_ext._engine.parameters import Parameters
from nndl_ext._engine.threads import number_of_threads, run, run_in_parts
from nndl_ext._kernels import kernels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Gradient = tuple[list[np.ndarray], list[np.ndarray]]


class DivergenceError(FloatingPointError):
    """Training made weights or biases infinite or NaN. The network is reset to its state before.

    The learning rate or the data are too large, or an overridden method returned infinities or NaN.

    Examples
    --------
    >>> from nndl_ext import network2
    >>> net = network2.Network([1, 1], network2.QuadraticCost, output_activation="identity", seed=0)
    >>> try:
    ...     net.SGD([([1.0], [0.0])] * 1000, 1, 1, eta=1e9)
    ... except DivergenceError:
    ...     print("a smaller eta, please")
    a smaller eta, please
    """

    @classmethod
    def at(cls, eta: float) -> DivergenceError:
        """Make the error for a step.

        Parameters
        ----------
        eta : float
            The learning rate of the step.

        Returns
        -------
        DivergenceError
        """
        return cls(f"the weights became infinite or NaN, with eta={eta:g}; the network is as it was before")


class Samples(Protocol):
    """What the model needs of a `Dataset`, or of an object in its place."""

    @property
    def inputs(self) -> int:
        """The number of inputs of a sample."""

    @property
    def rows(self) -> Rows:
        """The inputs as the kernels read them."""

    def desired_outputs(self, outputs: int, dtype: np.dtype) -> np.ndarray:
        """The desired outputs: shape (n, outputs), contiguous."""

    def __len__(self) -> int: ...


@dataclass
class Batches:
    """Mini-batches of a data set.

    Attributes
    ----------
    order : numpy.ndarray
        The indices of the samples, mini-batch after mini-batch: int64, shape (n,).
    size : int
        The number of samples in a mini-batch. The last mini-batch may be smaller.
    weights : numpy.ndarray
        The weight of each sample in the mean over its mini-batch: float64, at least 0; empty for equal weights.
    epoch : int
        The epoch. Dropout masks depend on it, on the seed, the layer, the sample and the neuron.
    costs : numpy.ndarray
        If not empty, filled with the weighted sum of the samples' costs in each mini-batch before its step. Must be empty for a
        cost in Python.
    squares : numpy.ndarray
        If not empty, filled with the sum of all squared weights before the step of each mini-batch.
    whole : bool
        Whether to switch dropout off.
    """

    order: np.ndarray
    size: int
    weights: np.ndarray = field(default_factory=partial(np.empty, 0))
    epoch: int = 0
    costs: np.ndarray = field(default_factory=partial(np.empty, 0))
    squares: np.ndarray = field(default_factory=partial(np.empty, 0))
    whole: bool = False


class Model:
    """Layers of neurons.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons in each layer, inputs first.
    dtype : numpy.dtype
        float32 or float64.
    threads : int or None
        The number of threads for large jobs, or None to let the size of the job decide.
    activations : sequence of str or Activation, optional
        The activation of each layer after the first; all sigmoid by default.
    cost : str or OwnCost
        The cost that training minimises.
    dropout : sequence of float, optional
        The share of each layer's neurons that training drops, from 0 to below 1; 0 for the output layer.
    seed : int
        The seed of the dropout masks: 64 bits.

    Attributes
    ----------
    least : float
        Costs clip probabilities to the range from ``least`` to 1 - ``least`` before they take logarithms; 0 by default.
    parameters : Parameters
        All weights and biases, 0 at first.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        dtype: np.dtype,
        threads: int | None,
        *,
        activations: Sequence[str | Activation] | None = None,
        cost: str | OwnCost = "quadratic",
        dropout: Sequence[float] = (),
        seed: int = 0,
    ) -> None:
        self.sizes = tuple(sizes)
        self.dtype = np.dtype(dtype)
        self.threads = threads
        self.activations = tuple(["sigmoid"] * (len(sizes) - 1) if activations is None else activations)
        numbers = numbers_of(self.activations)
        check_cost(cost, self.activations[-1])
        self.cost = cost
        self.dropout, self.seed, self.least = tuple(dropout), seed, 0.0
        self.parameters = Parameters(sizes, self.dtype, numbers)
        self._own = InPython(self.activations) if min(numbers) < 0 else None
        self._number_of_weights = sum(inputs * neurons for inputs, neurons in pairwise(sizes))
        self._column = sizes[-1], 1

    def feedforward(self, a: ArrayLike) -> np.ndarray:
        """The outputs for one input, or for the columns of ``a``: shape (outputs, m)."""
        if type(a) is np.ndarray and self._own is None:  # the usual case is one column that the kernels can read directly
            own, outputs = self.parameters, np.empty(self._column, self.dtype)
            if kernels.feedforward_column(own.layout, own.flat(), a, outputs):
                return outputs
        return self.outputs_of_rows(np.ascontiguousarray(self.columns(a).T, self.dtype)).T

    def columns(self, a: ArrayLike) -> np.ndarray:
        """One or more inputs as the columns of a matrix with one row for each input neuron."""
        columns = real_array(a, "a")
        if columns.ndim == 1:
            columns = columns[:, np.newaxis]
        if columns.ndim != 2 or len(columns) != self.sizes[0]:
            raise ValueError(f"a must have shape ({self.sizes[0]}, m), not {np.shape(a)}")
        return columns

    def outputs_of_rows(self, x: np.ndarray) -> np.ndarray:
        """The outputs for the rows of a contiguous matrix of the model's dtype: shape (n, outputs)."""
        layout, flat, outputs = self.parameters.layout, self.parameters.flat(), np.empty((len(x), self.sizes[-1]), self.dtype)

        def feed(begin: int, end: int) -> None:
            kernels.feedforward_rows(layout, flat, x[begin:end], outputs[begin:end], self._own)

        self._feed_in_parts(feed, len(x), self._number_of_weights)
        return outputs

    def outputs(self, data: Samples) -> np.ndarray:
        """The outputs for a data set: shape (n, outputs). Infinite or NaN parameters are refused; inputs of 0 may hide them."""
        flat, outputs = self.parameters.finite(), np.empty((len(data), self.sizes[-1]), self.dtype)
        rows = kernels.Rows(data.inputs, *data.rows)

        def feed(begin: int, end: int) -> None:
            kernels.feedforward(self.parameters.layout, flat, rows, begin, outputs[begin:end], self._own)

        self._feed_in_parts(feed, len(data), self._multiplications(data))
        return outputs

    def costs(self, outputs: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """The cost of each sample: float64, shape (n,).

        Parameters
        ----------
        outputs, desired : numpy.ndarray
            Shape (n, outputs), of the model's dtype.
        """
        if not isinstance(self.cost, str):
            return own_costs(self.cost, outputs, desired)
        return costs_of(self.cost, outputs, desired, self.least)

    def gradient(self, data: Samples, batches: Batches | None = None, derivative: CostDerivative | None = None) -> Gradient:
        """The mean gradient of the samples' costs: of all samples, without dropout, if ``batches`` is None.

        ``derivative`` replaces the model's cost by another, given by its derivative with respect to a sample's outputs.
        """
        gradient = parameters.zeros(self.parameters.layout, self.dtype)
        batches = batches or Batches(np.arange(len(data)), len(data), whole=True)
        self._run(self.parameters.finite(), gradient, np.empty(0, self.dtype), GRADIENT_ALONE.step(), data, batches, derivative)
        by_biases, by_weights = parameters.apart(self.parameters.layout, gradient)
        # An infinite error times an input of 0 is NaN or nothing: that depends on the form of the inputs.
        by_weights[0][~np.isfinite(by_biases[0][:, 0])] = math.nan
        return by_biases, by_weights

    def descend(self, data: Samples, batches: Batches, optimiser: Optimiser, derivative: CostDerivative | None = None) -> None:
        """Take one step of the optimiser for each mini-batch.

        An exception on the way leaves parameters and optimiser in their state between two mini-batches.

        Raises
        ------
        DivergenceError
            If parameters become infinite or NaN. They and the optimiser are then unchanged.
        """
        layout = self.parameters.layout
        flat, step = parameters.copy(layout, self.parameters.flat()), optimiser.step()
        moments = parameters.zeros(layout, self.dtype, optimiser.number_of_moments)
        if optimiser.moments.size:
            moments[:] = optimiser.moments
        gradient = parameters.zeros(layout, self.dtype, int(optimiser.kind != "descent"))
        try:
            self._run(flat, gradient, moments, step, data, batches, derivative)
        finally:
            converged = bool(np.isfinite(flat).all())
            if converged:
                self.parameters.adopt(flat)
                optimiser.after(step, moments)
        if not converged:
            raise DivergenceError.at(optimiser.eta)

    def _run(
        self,
        flat: np.ndarray,
        gradient: np.ndarray,
        moments: np.ndarray,
        step: np.ndarray,
        data: Samples,
        batches: Batches,
        derivative: CostDerivative | None,
    ) -> None:
        """Run the kernel on a suitable number of threads."""
        y = data.desired_outputs(self.sizes[-1], self.dtype)
        cost, error = error_of(self.cost, derivative)
        if error and len(batches.costs):
            raise ValueError("the costs of mini-batches can't be recorded for a cost in Python: kernels only get its errors")
        own = InPython(self.activations, error, y[batches.order] if error else None) if error or self._own else None
        job = kernels.Work(
            self.parameters.layout,
            self.dtype.itemsize,
            kernels.Rows(data.inputs, *data.rows),
            batches.order,
            batches.size,
            cost,
            step[0] == kernels.OPTIMISERS["descent"],
            weights=batches.weights,
            rates=np.array(() if batches.whole else self.dropout),
            seed=self.seed,
            epoch=batches.epoch,
            costs=batches.costs,
            least=self.least,
            squares=batches.squares,
            functions=own,
        )
        work = 3 * self._multiplications(data)
        threads = 1 if own else number_of_threads(self.threads, len(batches.order) * work, batches.size * work)
        run(partial(kernels.descend, job, flat, y, gradient, moments, step), threads)

    def _feed_in_parts(self, feed: Callable[[int, int], None], count: int, multiplications: float) -> None:
        work = count * multiplications
        threads = 1 if self._own else number_of_threads(self.threads, work, math.inf)
        run_in_parts(feed, count, threads, work)

    def _multiplications(self, data: Samples) -> float:
        """The mean number of multiplications for one sample's output. Inputs of 0 need none."""
        skipped = self.sizes[0] - len(data.rows.values) / len(data)
        return self._number_of_weights - skipped * self.sizes[1]
