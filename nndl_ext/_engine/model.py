"""Layers of neurons with their parameters: output, gradient and steps, computed by the kernels. It runs no epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from nndl_ext import _kernels
from nndl_ext._checks import contiguous, real_array
from nndl_ext._engine.division import Division, threads_for_outputs
from nndl_ext._engine.functions import (
    CostDerivative,
    InPython,
    OwnCost,
    check_cost,
    costs_of,
    error_by_derivative,
    error_of,
    own_costs,
)
from nndl_ext._engine.layers import Dense
from nndl_ext._engine.optimizers import GRADIENT_ALONE, Optimizer
from nndl_ext._engine.parameters import Layout, Parameters
from nndl_ext._engine.threads import run, run_in_parts

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Gradient = tuple[list[np.ndarray], list[np.ndarray]]


class DivergenceError(FloatingPointError):
    """Training made weights or biases infinite or NaN. The network is reset to its state before the epoch or mini-batch.

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
    def rows(self) -> Any:
        """The inputs: a ``Rows`` of the kernels."""

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
        The weight of each sample in the mean over its mini-batch: float64; empty for equal weights. A mini-batch in which
        they have the sum 0 counts as one without a gradient.
    epoch : int
        The epoch. Dropout masks depend on it, on the seed, the layer, the sample and the neuron.
    dropout : sequence of float
        The share of each layer's neurons that training drops, from 0 to below 1; 0 for the output layer. Empty for no dropout.
    seed : int
        The seed of the dropout masks: 64 bits.
    costs : numpy.ndarray
        If not empty, filled with the weighted sum of the samples' costs in each mini-batch before its step. Must be empty for a
        cost in Python.
    squares : numpy.ndarray
        If not empty, filled with the sum of all squared weights before the step of each mini-batch.
    """

    order: np.ndarray
    size: int
    weights: np.ndarray = field(default_factory=partial(np.empty, 0))
    epoch: int = 0
    dropout: Sequence[float] = ()
    seed: int = 0
    costs: np.ndarray = field(default_factory=partial(np.empty, 0))
    squares: np.ndarray = field(default_factory=partial(np.empty, 0))


class _Memory(NamedTuple):
    """The arrays in which the kernels compute: parameters, gradient and moments, if needed, and ``Step``."""

    flat: np.ndarray
    gradient: np.ndarray
    moments: np.ndarray
    step: np.ndarray


class Model:
    """Layers of neurons.

    Parameters
    ----------
    layers : sequence of Dense
        The layers after the inputs.
    dtype : numpy.dtype
        float32 or float64.
    threads : int or None
        The number of threads for large jobs, or None to let the size of the job decide.
    cost : str or OwnCost
        The cost that training minimizes.
    least : float
        Costs clip probabilities to the range from ``least`` to 1 - ``least`` before they take logarithms.

    Attributes
    ----------
    sizes : tuple of int
        The number of neurons in each layer, inputs first.
    activations : tuple of str or Activation
        The activation of each layer.
    parameters : Parameters
        All weights and biases, 0 at first.
    """

    def __init__(
        self,
        layers: Sequence[Dense],
        dtype: np.dtype,
        threads: int | None = None,
        cost: str | OwnCost = "quadratic",
        least: float = 0.0,
    ) -> None:
        inputs, neurons, self.activations = zip(*layers, strict=True)
        self.sizes = (inputs[0], *neurons)
        self.dtype, self.threads, self._least = np.dtype(dtype), threads, least
        self.take_cost(cost)
        self.parameters = Parameters(Layout(layers, self.dtype))
        layout = self.parameters.layout
        self._own = InPython(self.activations) if layout.in_python else None
        self._number_of_weights = layout.count - sum(neurons)
        self._column = self.sizes[-1], 1

    def at(self, flat: np.ndarray) -> Model:
        """The same layers with other parameters: a copy of a flat array."""
        other, layout = copy(self), self.parameters.layout
        other.parameters = Parameters(layout)
        other.parameters.adopt(layout.copy(flat))
        return other

    def take_cost(self, cost: str | OwnCost) -> None:
        """Minimize another cost from now on.

        Raises
        ------
        TypeError, ValueError
            If it is unknown or does not fit the activation of the outputs.
        """
        check_cost(cost, self.activations[-1])
        self.cost, self._error = cost, error_of(cost)

    def feedforward(self, a: ArrayLike) -> np.ndarray:
        """The outputs for one input, or for the columns of ``a``: shape (outputs, m)."""
        if type(a) is np.ndarray and self._own is None:  # the usual case is one column that the kernels can read directly
            own, outputs = self.parameters, np.empty(self._column, self.dtype)
            if _kernels.kernels.feedforward_column(own.layout.table, own.flat(), a, outputs):
                return outputs
        return self.outputs_of_rows(contiguous(self.columns(a).T, self.dtype)).T

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
        return self._fed(x, self.parameters.flat())

    def outputs(self, data: Samples) -> np.ndarray:
        """The outputs for a data set: shape (n, outputs). Infinite or NaN parameters are refused; inputs of 0 may hide them."""
        return self._fed(data, self.parameters.finite())

    def raw_outputs(self, inputs: np.ndarray | Samples) -> np.ndarray:
        """What `outputs_of_rows` or `outputs` returns for these inputs, but before the output activation."""
        flat = self.parameters.flat() if isinstance(inputs, np.ndarray) else self.parameters.finite()
        return self._fed(inputs, flat, activation="identity")

    def layer_outputs(self, inputs: np.ndarray | Samples) -> list[np.ndarray]:
        """The activations of each layer after the inputs: shapes (n, neurons). The last are the outputs, bit for bit.

        ``inputs`` are what `outputs_of_rows` or `outputs` takes. Infinite or NaN parameters are refused.
        """
        flat, activations = self.parameters.finite(), list[Any]([inputs])
        for layers in self.parameters.layout.pieces():
            activations.append(self._fed(activations[layers.start], flat, layers))
        return activations[1:]

    def _fed(self, inputs: Any, flat: np.ndarray, layers: slice = slice(None), activation: str | None = None) -> np.ndarray:
        """The outputs of these layers, the last of which may get another activation: shape (n, neurons)."""
        table, count = self.parameters.layout.part(layers, activation), len(inputs)
        own = InPython(self.activations[layers]) if self._own else None
        outputs = np.empty((count, self.sizes[1:][layers][-1]), self.dtype)
        rows = None if isinstance(inputs, np.ndarray) else inputs.rows
        alone = rows is None and own is None and count == 1  # many programs ask for one sample after the other
        if alone and _kernels.kernels.feedforward_column(table, flat, inputs[0], outputs):
            return outputs

        def feed(begin: int, end: int) -> None:
            if rows is None:
                _kernels.kernels.feedforward_rows(table, flat, inputs[begin:end], outputs[begin:end], own)
            else:
                _kernels.kernels.feedforward(table, flat, rows, begin, outputs[begin:end], own)

        self._feed_in_parts(feed, count, self._number_of_weights if rows is None else self._multiplications(rows, count))
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
        return costs_of(self.cost, outputs, desired, self._least)

    def gradient(self, data: Samples, batches: Batches | None = None, derivative: CostDerivative | None = None) -> Gradient:
        """The mean gradient of the samples' costs: of all samples, without dropout, if ``batches`` is None.

        ``derivative`` replaces the model's cost by another, given by its derivative with respect to a sample's outputs.
        """
        batches = batches or Batches(np.arange(len(data)), len(data))
        return self.parameters.layout.views(self.flat_gradient(data, batches, derivative))

    def flat_gradient(self, data: Samples, batches: Batches, derivative: CostDerivative | None = None) -> np.ndarray:
        """`gradient` as a flat array like that of the parameters."""
        gradient = self.parameters.layout.zeros()
        memory = _Memory(self.parameters.finite(), gradient, np.empty(0, self.dtype), GRADIENT_ALONE.step())
        self._run(memory, data, batches, derivative)
        self._marked(gradient)
        return gradient

    def gradient_of_column(self, x: Any, y: Any) -> Gradient | None:
        """The gradient of one sample's cost, if both are columns of finite floating-point numbers; else None."""
        cost, error = self._error
        for column in (x, y):
            if type(column) is not np.ndarray or column.dtype.char not in "fd" or error or self._own:
                return None
        x, y = (column if column.dtype == self.dtype else contiguous(column, self.dtype) for column in (x, y))
        layout = self.parameters.layout
        gradient = layout.zeros()
        if not _kernels.kernels.gradient_of_column(layout.table, self.parameters.flat(), x, y, cost, gradient):
            return None
        return self._marked(gradient)

    def _marked(self, gradient: np.ndarray) -> Gradient:
        """The views of a flat gradient, with NaN where an infinite error times an input of 0 is NaN or nothing, by the form of
        the inputs."""
        by_biases, by_weights = self.parameters.layout.views(gradient)
        finite = np.isfinite(by_biases[0][:, 0])
        if not finite.all():
            by_weights[0][~finite] = math.nan
        return by_biases, by_weights

    def descend(self, data: Samples, batches: Batches, optimizer: Optimizer, derivative: CostDerivative | None = None) -> None:
        """Take one step of the optimizer for each mini-batch.

        An exception on the way leaves parameters and optimizer in their state between two mini-batches.

        Raises
        ------
        DivergenceError
            If parameters become infinite or NaN. They and the optimizer are then unchanged.
        """
        layout = self.parameters.layout
        flat, step = layout.copy(self.parameters.flat()), optimizer.step()
        moments = gradient = np.empty(0, self.dtype)
        if optimizer.number_of_moments:
            moments, gradient = layout.zeros(optimizer.number_of_moments), layout.zeros()
        if optimizer.moments.size:
            moments[:] = optimizer.moments
        try:
            self._run(_Memory(flat, gradient, moments, step), data, batches, derivative)
        finally:
            converged = bool(np.isfinite(flat).all())
            if converged:
                self.parameters.adopt(flat)
                optimizer.after(step, moments)
        if not converged:
            raise DivergenceError.at(optimizer.eta)

    def _run(self, memory: _Memory, data: Samples, batches: Batches, derivative: CostDerivative | None) -> None:
        """Run the kernel on a suitable number of threads."""
        y, rows = data.desired_outputs(self.sizes[-1], self.dtype), data.rows
        cost, error = error_by_derivative(derivative) if derivative else self._error
        if error and len(batches.costs):
            raise ValueError("the costs of mini-batches can't be recorded for a cost in Python: kernels only get its errors")
        own = InPython(self.activations, error, y[batches.order] if error else None) if error or self._own else None
        kernels, multiplications = _kernels.kernels, self._multiplications(rows, len(data))
        division = Division(self.parameters.layout, multiplications, len(batches.order), batches.size, own is not None)
        threads = division.threads(self.threads)
        job = kernels.Work(
            self.parameters.layout.table,
            rows,
            batches.order,
            batches.size,
            cost,
            (memory.flat, memory.gradient, memory.moments, y),
            memory.step,
            weights=batches.weights,
            rates=np.array(batches.dropout, np.float64),
            seed=batches.seed,
            epoch=batches.epoch,
            costs=batches.costs,
            least=self._least,
            squares=batches.squares,
            functions=own,
            division=kernels.DIVISIONS[division.kind(threads)],
            threads=threads,
        )
        run(partial(kernels.descend, job), threads)

    def _feed_in_parts(self, feed: Callable[[int, int], None], count: int, multiplications: float) -> None:
        work = count * multiplications
        threads = 1 if self._own else threads_for_outputs(self.threads, work, self.dtype.itemsize)
        run_in_parts(feed, count, threads, work)

    def _multiplications(self, rows: Any, count: int) -> float:
        """The mean number of multiplications for one sample's output. Inputs of 0 need none."""
        skipped = self.sizes[0] - rows.elements / count
        return self._number_of_weights - skipped * self.sizes[1]


def classes_of(outputs: np.ndarray) -> np.ndarray:
    """The index of the largest output in each row: int64, shape (n,). A single output gives 1 if it is at least 0.5."""
    if outputs.shape[1] == 1:
        return (outputs[:, 0] >= 0.5).astype(np.int64)
    if outputs.dtype not in (np.float32, np.float64):  # from the user's own feedforward
        return outputs.argmax(axis=1).astype(np.int64)
    classes = np.empty(len(outputs), np.int64)
    _kernels.kernels.largest(np.ascontiguousarray(outputs), classes)
    return classes
