"""The book's ``network.py``: a feedforward network of sigmoid neurons, trained by stochastic gradient descent.

The names, the calls and their meaning are those of chapter 1 of M. Nielsen, *Neural Networks and Deep Learning*; equation
numbers refer to that book.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from nndl_ext import generators, parameters, saving
from nndl_ext._kernels import kernels
from nndl_ext.dataset import Dataset, Pair
from nndl_ext.parameters import Parameters
from nndl_ext.threads import MOST_THREADS, number_of_threads, run, run_in_parts
from nndl_ext.validation import finite, finite_number, integer, layer_sizes, real_array, real_dtype, shaped

if TYPE_CHECKING:
    import random

    from numpy.typing import ArrayLike, DTypeLike

Data = Iterable[Pair]
Gradient = tuple[list[np.ndarray], list[np.ndarray]]


class DivergenceError(FloatingPointError):
    """Training took the weights or biases to infinity or NaN, and was undone: the network is as it was before.

    The learning rate is too large, or the data are, or an overridden method returned such numbers.
    """


class Network:
    """A feedforward network of sigmoid neurons.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons of each layer: the inputs, the hidden layers, the outputs.
    dtype : numpy.dtype, default float64
        float64 or float32: what the network computes in.
    seed : int, optional
        Seeds a generator of the network's own, from which the first weights and all shuffles come: the same bits on every
        platform. Without it they come from ``numpy.random`` and ``random``, draw for draw as in the book.
    threads : int, optional
        How many threads large jobs run on. Their number changes no result. Without it there are as many as pay, up to the
        environment variable ``NNDL_EXT_NUM_THREADS`` or else the processors at hand, and one in a thread of the user's own.

    Attributes
    ----------
    threads : int or None
        As given; it may be changed.
    biases : list of numpy.ndarray
        One array of shape (neurons, 1) for each layer after the first.
    weights : list of numpy.ndarray
        One array of shape (neurons in the layer, neurons in the layer before) for each layer after the first.

    Raises
    ------
    TypeError, ValueError
        If ``sizes`` are not at least two positive integers, ``dtype`` is another type, or ``seed`` or ``threads`` not a natural
        number.

    Notes
    -----
    Biases and weights may be read, edited in place or replaced between calls. Training never changes an array: it puts new ones
    into the lists, as the book's does, so arrays kept from before keep their values. Weights that are infinite or NaN are
    refused where they would stay unseen, in training, `evaluate` and `save`; elsewhere they show in the result.

    Threads may train networks of their own side by side, and any number of them may read one. While a thread trains it, the
    others see the biases and weights of before the epoch, or of after it, never a mixture. Of two trainings of one network at
    once each starts every epoch from the parameters that it finds, and puts its own in their place when it is done: the last
    one to end is what remains. In ``update_mini_batch``, and where a method is overridden, an epoch is a mini-batch.
    """

    _neuron: ClassVar[str] = "sigmoid"

    def __init__(
        self, sizes: Sequence[int], *, dtype: DTypeLike = np.float64, seed: int | None = None, threads: int | None = None
    ) -> None:
        self.threads = None if threads is None else integer(threads, "threads", least=1, most=MOST_THREADS)
        own_generator = None if seed is None else generators.source(integer(seed, "seed", least=0))
        self._set_up(layer_sizes(sizes), real_dtype(dtype), own_generator)
        for array in (*self.biases, *self.weights):
            array[:] = self._normal(array.shape)

    def _set_up(self, sizes: Sequence[int], dtype: np.dtype, own_generator: random.Random | None) -> None:
        """All but the numbers in the arrays."""
        self._sizes = tuple(sizes)
        self._dtype = dtype
        self._own_generator = own_generator
        self._number_of_weights = sum(inputs * neurons for inputs, neurons in pairwise(sizes))
        self._parameters = Parameters(sizes, dtype)

    @property
    def sizes(self) -> list[int]:
        """The number of neurons of each layer."""
        return list(self._sizes)  # a copy: the kernels rely on these numbers

    @property
    def num_layers(self) -> int:
        """The number of layers, inputs included."""
        return len(self._sizes)

    @property
    def biases(self) -> list[np.ndarray]:
        """One array of shape (neurons, 1) for each layer after the first."""
        return self._parameters.biases

    @biases.setter
    def biases(self, arrays: list[np.ndarray]) -> None:
        self._parameters.biases = arrays

    @property
    def weights(self) -> list[np.ndarray]:
        """One array of shape (neurons in the layer, neurons in the layer before) for each layer after the first."""
        return self._parameters.weights

    @weights.setter
    def weights(self, arrays: list[np.ndarray]) -> None:
        self._parameters.weights = arrays

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64: what the network computes in."""
        return self._dtype

    def feedforward(self, a: ArrayLike) -> np.ndarray:
        """The network's output for an input (equation 22, layer after layer).

        Parameters
        ----------
        a : array_like
            One input, of shape (inputs, 1) or (inputs,), or m inputs as the columns of a matrix of shape (inputs, m).

        Returns
        -------
        numpy.ndarray
            Shape (outputs, 1) or (outputs, m), of the network's dtype, each element from 0 to 1, or NaN where ``a`` holds one.

        Raises
        ------
        TypeError, ValueError
            If ``a`` does not hold real numbers, or not one row for each input.
        """
        flat, outputs = self._parameters.flat(), np.empty((self._sizes[-1], 1), self._dtype)
        if type(a) is np.ndarray and kernels.feedforward_column(self._parameters.layout, flat, a, outputs):
            return outputs
        return self._outputs_of_rows(np.ascontiguousarray(self._columns(a).T, self._dtype)).T

    def SGD(
        self,
        training_data: Data,
        epochs: int,
        mini_batch_size: int,
        eta: float,
        test_data: Data | None = None,
    ) -> None:
        """Train by mini-batch stochastic gradient descent (equations 20 and 21), and print a line after each epoch.

        Parameters
        ----------
        training_data : Dataset or iterable of tuple
            Pairs (x, y) of an input and the desired output; labels count as unit vectors. It is never reordered.
        epochs : int
            How often to go through the training data, each time shuffled anew.
        mini_batch_size : int
            Samples for one step; the last mini-batch of an epoch takes what is left.
        eta : float
            The learning rate.
        test_data : Dataset or iterable of tuple, optional
            If given, the network is evaluated on it after each epoch.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, a number is out of its range, or a weight or bias is infinite or NaN. The
            network is then unchanged.
        DivergenceError
            If weights or biases become infinite or NaN. The network is then as it was at the start of that epoch.

        Notes
        -----
        Whatever exception ends it, Ctrl-C among them, leaves the network between two mini-batches, and the generator of the
        shuffles between two of these.
        """
        for _ in self._epochs(training_data, range(integer(epochs, "epochs", least=0)), mini_batch_size, eta, test_data):
            pass

    def update_mini_batch(self, mini_batch: Data, eta: float) -> None:
        """Take one step of gradient descent down the mean cost of a mini-batch (equations 20 and 21).

        Parameters
        ----------
        mini_batch : Dataset or iterable of tuple
            Pairs (x, y).
        eta : float
            The learning rate.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, or a weight or bias is infinite or NaN. The network is then unchanged.
        DivergenceError
            If weights or biases become infinite or NaN. The network is then unchanged.
        """
        data = self._checked(mini_batch, "mini_batch")
        eta = finite_number(eta, "eta")
        self._parameters.finite()
        if not self._overrides("backprop"):
            self._descend(data, np.arange(len(data)), len(data), eta)
            return
        step = eta / len(data)
        own_biases, own_weights = self._parameters.given()
        gradients = [self.backprop(x, y) for x, y in data]
        biases = [b - step * sum(nablas) for b, *nablas in zip(own_biases, *(g[0] for g in gradients), strict=True)]
        weights = [w - step * sum(nablas) for w, *nablas in zip(own_weights, *(g[1] for g in gradients), strict=True)]
        if not all(np.isfinite(array).all() for array in (*biases, *weights)):
            raise _divergence(eta)
        self._parameters.replace(biases, weights)

    def backprop(self, x: ArrayLike, y: ArrayLike) -> Gradient:
        """The gradient of one sample's cost, by backpropagation (chapter 2, BP1 to BP4).

        Parameters
        ----------
        x : array_like
            The input, of shape (inputs, 1) or (inputs,).
        y : array_like or int
            The desired output, of shape (outputs, 1) or (outputs,), or a label.

        Returns
        -------
        nabla_b, nabla_w : list of numpy.ndarray
            The derivatives of the cost by ``biases`` and ``weights``, in arrays of their shapes.

        Raises
        ------
        TypeError, ValueError
            If the sample does not fit the network.
        """
        return self._gradient(self._checked([(x, y)], "the sample (x, y)"))

    def evaluate(self, test_data: Data) -> int:
        """The number of samples for which the largest output is that of the right class.

        Parameters
        ----------
        test_data : Dataset or iterable of tuple
            Pairs (x, y), where y is a label or a unit vector.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, or its weights make NaN of them.
        """
        data = self._checked(test_data, "test_data")
        outputs = finite(self._outputs(data), "what the weights make of test_data")
        return int(np.count_nonzero(outputs.argmax(axis=1) == data.labels))

    def cost_derivative(self, output_activations: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The derivatives of one sample's cost by the outputs: a - y, for the quadratic cost.

        A subclass may override this to train on another cost.

        Parameters
        ----------
        output_activations : numpy.ndarray
            Shape (outputs, 1).
        y : numpy.ndarray
            The desired output, of shape (outputs, 1).

        Returns
        -------
        numpy.ndarray
            Shape (outputs, 1).
        """
        return output_activations - y

    def cost(self, data: Data) -> float:
        """The quadratic cost C = 1/(2n) sum over x of |y(x) - a|**2 of a data set (equation 6).

        Parameters
        ----------
        data : Dataset or iterable of tuple
            Pairs (x, y); labels count as unit vectors.

        Returns
        -------
        float
            At least 0. The sum is rounded once, so its bits do not depend on an order.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network.
        """
        checked = self._checked(data, "data")
        errors = self._outputs(checked) - checked.desired_outputs(self._sizes[-1], self._dtype)
        return math.fsum(np.square(errors, dtype=np.float64).ravel().tolist()) / (2 * len(checked))

    def cost_gradient(self, data: Data) -> Gradient:
        """The gradient of the cost of a data set or a mini-batch: the mean of what ``backprop`` gives for its samples.

        Parameters
        ----------
        data : Dataset or iterable of tuple
            Pairs (x, y); labels count as unit vectors.

        Returns
        -------
        nabla_b, nabla_w : list of numpy.ndarray
            The derivatives of the cost by ``biases`` and ``weights``, in arrays of their shapes. They are those of ``cost``
            unless ``cost_derivative`` is overridden.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network.
        """
        return self._gradient(self._checked(data, "data"))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network to a file, from which `load` makes it again to the last bit.

        The file is replaced whole or not at all, whatever happens meanwhile. It is a NumPy archive, with the state of the
        generator that ``seed`` started; or, if its name ends in ``.json``, the JSON of the book's ``network2.py``, without that
        state and with the same numbers in float64. `nndl_ext.saving` says what they hold. ``threads`` and the methods of a
        subclass are part of neither.

        Parameters
        ----------
        path : str or path-like
            The file's place, customarily ending in ``.npz``; nothing is added to it.

        Raises
        ------
        PermissionError
            If there is a file that is read-only.
        OSError
            If the file can't be written. What was there is unchanged.
        TypeError, ValueError
            If weights or biases have been replaced by what does not fit, or one is infinite or NaN, or a network of perceptrons
            would go into JSON, which knows sigmoid neurons only.
        """
        saving.write(path, self._saved())

    @property
    def _generator(self) -> Any:
        """Where shuffles come from."""
        return self._own_generator or generators.source()

    def _normal(self, shape: tuple[int, int]) -> np.ndarray:
        if self._own_generator is None:
            return np.random.randn(*shape)
        return generators.normal(shape, self._own_generator)

    def _saved(self, **notes: np.ndarray) -> saving.Saved:
        """What a file of this network holds, with notes of a program."""
        arrays = parameters.views(self._parameters.layout, self._parameters.flat())
        generator = None if self._own_generator is None else self._own_generator.getstate()[1]
        return saving.Saved(self.sizes, *arrays, self._neuron, generator, notes)

    @classmethod
    def _from_saved(cls, saved: saving.Saved) -> Self:
        net = cls.__new__(cls)
        net.threads = None
        generator = None
        if saved.generator is not None:
            generator = generators.source(0)
            generator.setstate((3, saved.generator, None))
        net._set_up(saved.sizes, saved.weights[0].dtype, generator)
        net._parameters.replace(saved.biases, saved.weights)
        return net

    def _outputs_of_rows(self, x: np.ndarray) -> np.ndarray:
        """The network's outputs for the rows of a matrix: shape (n, outputs)."""
        flat, outputs = self._parameters.flat(), np.empty((len(x), self._sizes[-1]), self._dtype)

        def feed(begin: int, end: int) -> None:
            kernels.feedforward_rows(self._parameters.layout, flat, x[begin:end], outputs[begin:end])

        work = len(x) * self._number_of_weights
        run_in_parts(feed, len(x), number_of_threads(self.threads, work, math.inf), work)
        return outputs

    def _outputs(self, data: Dataset) -> np.ndarray:
        """The network's outputs for a data set: shape (n, outputs)."""
        if self._overrides("feedforward"):
            return np.hstack([self.feedforward(x) for x, _ in data]).T
        flat, outputs = self._parameters.flat(), np.empty((len(data), self._sizes[-1]), self._dtype)

        def feed(begin: int, end: int) -> None:
            kernels.feedforward(self._parameters.layout, flat, *data.rows_between(begin, end), outputs[begin:end])

        work = len(data) * self._multiplications(data)
        run_in_parts(feed, len(data), number_of_threads(self.threads, work, math.inf), work)
        return outputs

    def _epochs(
        self,
        training_data: Data,
        epochs: range,
        mini_batch_size: int,
        eta: float,
        test_data: Data | None,
        order: np.ndarray | None = None,
    ) -> Iterator[int | None]:
        """Check what `SGD` is given, and do what it does; after each epoch yield how many test samples came out right, if any.

        ``order`` is that in which the epoch before has visited the samples. It is shuffled in place.
        """
        data = self._checked(training_data, "training_data")
        mini_batch_size = min(integer(mini_batch_size, "mini_batch_size", least=1), len(data))
        eta = finite_number(eta, "eta")
        test = Dataset.from_pairs(() if test_data is None else test_data)
        if test:
            self._checked(test, "test_data")
        self._parameters.finite()
        return self._train(data, epochs, mini_batch_size, eta, test, np.arange(len(data)) if order is None else order)

    def _train(
        self, data: Dataset, epochs: range, mini_batch_size: int, eta: float, test: Dataset, order: np.ndarray
    ) -> Iterator[int | None]:
        for epoch in epochs:
            generators.shuffle(order, self._generator)
            before = self._parameters.flat()
            if self._overrides("update_mini_batch") or self._overrides("backprop"):
                before = parameters.copy(self._parameters.layout, before)  # an override may change arrays in place
            try:
                self._go_through(data, order, mini_batch_size, eta)
            except DivergenceError as error:
                self._parameters.adopt(before)
                raise DivergenceError(f"in epoch {epoch} {error}") from error
            right = self.evaluate(test) if test else None
            print(f"Epoch {epoch} complete" if right is None else f"Epoch {epoch}: {right} / {len(test)}", flush=True)
            yield right

    def _go_through(self, data: Dataset, order: np.ndarray, mini_batch_size: int, eta: float) -> None:
        """Train on each sample once, in the given order."""
        if self._overrides("update_mini_batch") or self._overrides("backprop"):
            for start in range(0, len(data), mini_batch_size):
                self.update_mini_batch([data[i] for i in order[start : start + mini_batch_size]], eta)
                if not np.isfinite(self._parameters.flat()).all():
                    raise _divergence(eta)
            return
        # An override of cost_derivative finds the weights of its mini-batch in the network.
        step = mini_batch_size if self._overrides("cost_derivative") else len(data)
        for start in range(0, len(data), step):
            self._descend(data, order[start : start + step], mini_batch_size, eta)

    def _descend(self, data: Dataset, order: np.ndarray, mini_batch_size: int, eta: float) -> None:
        """Train on the data in the given order; an exception on the way leaves the network between two mini-batches."""
        flat = parameters.copy(self._parameters.layout, self._parameters.flat())
        try:
            self._add_steps(flat, flat, data, order, mini_batch_size, eta)
        finally:
            converged = bool(np.isfinite(flat).all())
            if converged:
                self._parameters.adopt(flat)
        if not converged:
            raise _divergence(eta)

    def _gradient(self, data: Dataset) -> Gradient:
        gradient = parameters.zeros(self._parameters.layout, self._dtype)
        self._add_steps(self._parameters.flat(), gradient, data, np.arange(len(data)), len(data), -1.0)
        return parameters.views(self._parameters.layout, gradient)

    def _add_steps(
        self, flat: np.ndarray, target: np.ndarray, data: Dataset, order: np.ndarray, mini_batch_size: int, eta: float
    ) -> None:
        """Run the kernel on as many threads as pay."""
        y = data.desired_outputs(self._sizes[-1], self._dtype)
        derivative = self._cost_derivatives(y[order]) if self._overrides("cost_derivative") else None
        work = 3 * self._multiplications(data)
        threads = 1 if derivative else number_of_threads(self.threads, len(order) * work, mini_batch_size * work)
        workspace = np.empty(kernels.workspace_size(self._parameters.layout, self._dtype.itemsize, mini_batch_size), np.uint8)
        arguments = (self._parameters.layout, flat, target, *data.rows, y, order, mini_batch_size, eta, derivative)
        meeting = np.zeros(2, np.int64)

        def abandon() -> None:
            meeting[1] = 1

        run(lambda thread: kernels.descend(*arguments, workspace, meeting, thread, threads), threads, abandon)

    def _multiplications(self, data: Dataset) -> float:
        """Multiplications to bring one sample of a data set, on average, through the network: zero inputs take none."""
        skipped = self._sizes[0] - len(data.rows[2]) / len(data)
        return self._number_of_weights - skipped * self._sizes[1]

    def _cost_derivatives(self, y: np.ndarray) -> Callable[[int, Any, Any], None]:
        """What the kernel calls where ``cost_derivative`` is overridden: it passes on one sample after the other."""
        shape = (self._sizes[-1], 1)

        def fill(first: int, outputs: Any, derivatives: Any) -> None:
            for a, desired, derivative in zip(np.array(outputs), y[first:], np.asarray(derivatives), strict=False):
                given = self.cost_derivative(a[: shape[0], np.newaxis], desired[:, np.newaxis])
                derivative[: shape[0]] = shaped(given, shape, "what cost_derivative returns")[:, 0]

        return fill

    def _overrides(self, name: str) -> bool:
        """Whether a subclass, or the user on this one network, has another method of this name."""
        return getattr(getattr(self, name), "__func__", None) is not getattr(Network, name)

    def _columns(self, a: ArrayLike) -> np.ndarray:
        """An input, or several, as the columns of a matrix with a row for each neuron of the first layer."""
        columns = real_array(a, "a")
        if columns.ndim == 1:
            columns = columns[:, np.newaxis]
        if columns.ndim != 2 or len(columns) != self._sizes[0]:
            raise ValueError(f"a must have shape ({self._sizes[0]}, m), not {np.shape(a)}")
        return columns

    def _checked(self, pairs: Data, name: str) -> Dataset:
        """The pairs as a data set of at least one sample that fits the network."""
        data = Dataset.from_pairs(pairs)
        if not data:
            raise ValueError(f"{name} must hold at least one pair (x, y)")
        data.require(self._sizes[0], self._sizes[-1], self._dtype, name)
        return data

    def __setstate__(self, state: dict[str, Any]) -> None:
        from copy import copy

        self.__dict__.update(state)
        self._parameters = copy(self._parameters)  # a copy of a network has arrays of its own


def _divergence(eta: float) -> DivergenceError:
    return DivergenceError(f"the weights became infinite or NaN, with eta={eta:g}; the network is as it was before")


def load(path: str | PathLike[str]) -> Network:
    """The network of a file that `Network.save` or the book's ``network2.py`` has written, to the last bit.

    Parameters
    ----------
    path : str or path-like
        The file. In JSON, sizes, weights and biases count, in float64; training goes on with the quadratic cost, whatever the
        file says.

    Returns
    -------
    Network
        A `perceptron.Network` if it was one. Of a network of a subclass's, what `Network` has.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is another file, or a broken one, or of a later version of the format. Nothing in a file is executed, and reading
        takes memory in proportion to its size.
    """
    from nndl_ext import perceptron  # it builds on this module

    saved = saving.read(path)
    return (Network if saved.neuron == "sigmoid" else perceptron.Network)._from_saved(saved)


def sigmoid(z: ArrayLike) -> np.ndarray:
    """1 / (1 + exp(-z)) of each element (equation 3).

    Parameters
    ----------
    z : array_like
        Real numbers in any shape.

    Returns
    -------
    numpy.ndarray
        The same shape, each element from 0 to 1, within 2 units in the last place; float32 for float32, else float64.

    Raises
    ------
    TypeError
        If ``z`` does not hold real numbers.
    """
    array = real_array(z, "z")
    a = np.empty_like(array)
    kernels.sigmoid(array.reshape(-1), a.reshape(-1))
    return a.reshape(np.shape(z))[()]


def sigmoid_prime(z: ArrayLike) -> np.ndarray:
    """The derivative of the sigmoid, sigmoid(z) (1 - sigmoid(z)), of each element.

    Parameters
    ----------
    z : array_like
        Real numbers in any shape.

    Returns
    -------
    numpy.ndarray
        The same shape, each element from 0 to 1/4; float32 for float32, else float64.

    Raises
    ------
    TypeError
        If ``z`` does not hold real numbers.
    """
    a = sigmoid(z)
    return a * (1 - a)
