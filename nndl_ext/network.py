"""The book's ``network.py``: a feedforward network of sigmoid neurons, trained by stochastic gradient descent.

The names, the calls and their meaning are those of chapter 1 of M. Nielsen, *Neural Networks and Deep Learning*; equation
numbers refer to that book.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from functools import partial
from itertools import chain
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

import numpy as np

from nndl_ext._core import generators, overrides, parameters, threads
from nndl_ext._core.dataset import Dataset, Sample
from nndl_ext._core.model import DivergenceError, Gradient, Model
from nndl_ext._core.overrides import CostDerivative
from nndl_ext._core.threads import MOST_THREADS
from nndl_ext._core.validation import finite_number, integer, layer_sizes, real_array, real_dtype
from nndl_ext._files import saving
from nndl_ext._kernels import kernels

if TYPE_CHECKING:
    import random

    from numpy.typing import ArrayLike, DTypeLike

__all__ = ["DivergenceError", "Network", "load", "sigmoid", "sigmoid_prime"]

Data = Iterable[Sample]

# Differences whose squares go into a cost at once.
_AT_ONCE = 2**16


class _NoModel:
    """In the place of the model of a network that has no layers yet."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            "the network has no layers yet: its __init__ must set self.sizes, or call super().__init__(sizes), before all else"
        )


_NO_MODEL: Any = _NoModel()


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
        How many threads large jobs run on, at most one for each processor. Their number changes no result. Without it there are
        as many as pay, up to the environment variable ``NNDL_EXT_NUM_THREADS``, or else the least of ``OMP_NUM_THREADS``,
        threadpoolctl's limits and the processors at hand; and one in a thread of the user's own.

    Attributes
    ----------
    threads : int or None
        As given; it may be changed at any time.
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
    into the lists, as the book's does, so arrays kept from before keep their values. All arrays of an epoch share one memory,
    so keep a copy of one that you need for long. Weights that are infinite or NaN are refused, except by `feedforward`, where
    they show in the result; a weight whose input is 0 does not count there.

    A subclass may override `cost_derivative`, `backprop`, `update_mini_batch`, `feedforward` and `evaluate`; so may an
    assignment to the class or to one network. Its ``__init__`` may do without this one's, if it sets ``sizes`` first, and then
    ``biases`` and ``weights``.

    Threads may train networks of their own side by side, and any number of them may read one. While a thread trains it, the
    others see the biases and weights of before the epoch, or of after it, never a mixture. Of two trainings of one network at
    once each starts every epoch from the parameters that it finds, and puts its own in their place when it is done: the last
    one to end is what remains. In ``update_mini_batch``, and where a method is overridden, an epoch is a mini-batch.
    """

    _neuron: ClassVar[str] = "sigmoid"
    _own_generator: random.Random | None = None
    _model: Model = _NO_MODEL

    def __init__(
        self, sizes: Sequence[int], *, dtype: DTypeLike = np.float64, seed: int | None = None, threads: int | None = None
    ) -> None:
        model = Model(layer_sizes(sizes), real_dtype(dtype), _checked_threads(threads))
        self._own_generator = None if seed is None else generators.source(integer(seed, "seed", least=0))
        self._model = model
        for array in (*self.biases, *self.weights):
            array[:] = self._normal(array.shape)

    @property
    def sizes(self) -> list[int]:
        """The number of neurons of each layer. It can't be changed."""
        return list(self._model.sizes)  # a copy: the kernels rely on these numbers

    @sizes.setter
    def sizes(self, sizes: Sequence[int]) -> None:
        checked = layer_sizes(sizes)
        if self._model is _NO_MODEL:  # a subclass with an __init__ of its own
            self._model = Model(checked, np.dtype(np.float64), None)
        elif checked != self.sizes:
            raise AttributeError(f"sizes can't be changed from {self.sizes} to {checked}: make another network")

    @property
    def num_layers(self) -> int:
        """The number of layers, inputs included. It can't be changed."""
        return len(self._model.sizes)

    @num_layers.setter
    def num_layers(self, number: int) -> None:
        if self._model is not _NO_MODEL and number != self.num_layers:
            raise AttributeError(f"num_layers can't be changed from {self.num_layers} to {number}: make another network")

    @property
    def threads(self) -> int | None:
        """How many threads large jobs run on; None for as many as pay."""
        return self._model.threads

    @threads.setter
    def threads(self, threads: int | None) -> None:
        self._model.threads = _checked_threads(threads)

    @property
    def biases(self) -> list[np.ndarray]:
        """One array of shape (neurons, 1) for each layer after the first."""
        return self._model.parameters.biases

    @biases.setter
    def biases(self, arrays: list[np.ndarray]) -> None:
        self._model.parameters.biases = arrays

    @property
    def weights(self) -> list[np.ndarray]:
        """One array of shape (neurons in the layer, neurons in the layer before) for each layer after the first.

        ``ravel`` and ``reshape`` of such an array may have to copy it; then what they return is read-only, so that nothing
        written to it is lost.
        """
        return self._model.parameters.weights

    @weights.setter
    def weights(self, arrays: list[np.ndarray]) -> None:
        self._model.parameters.weights = arrays

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64: what the network computes in."""
        return self._model.dtype

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
        if sigmoid is not _SIGMOID:
            raise _replaced("sigmoid")
        if type(a) is np.ndarray:
            outputs = self._model.outputs_of_column(a)
            if outputs is not None:
                return outputs
        return self._model.outputs_of_rows(np.ascontiguousarray(self._columns(a).T, self.dtype)).T

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
        self._model.parameters.finite()
        if not self._overrides("backprop"):
            self._model.descend(data, np.arange(len(data)), len(data), eta, self._cost_derivative())
            return
        own = self._model.parameters
        samples = mini_batch if type(mini_batch) is list else data
        sums = overrides.sums_of(self.backprop, samples, *parameters.views(own.layout, own.flat()))
        step = eta / len(data)
        updated = [
            [array - step * total for array, total in zip(*both, strict=True)]
            for both in zip(parameters.views(own.layout, own.flat()), sums, strict=True)  # as backprop leaves them
        ]
        if not all(np.isfinite(array).all() for arrays in updated for array in arrays):
            raise DivergenceError.at(eta)
        own.replace(*updated)

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
        return self._model.gradient(self._checked([(x, y)], "the sample (x, y)"), self._cost_derivative())

    def evaluate(self, test_data: Data) -> int:
        """The number of samples that the network puts into the right class.

        The class is that of the largest output. With one output there are two classes: it is 1 from 0.5 on, else 0.

        Parameters
        ----------
        test_data : Dataset or iterable of tuple
            Pairs (x, y), where y is a label or a unit vector; with one output, a label 0 or 1 or a number from 0 to 1.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, or a weight or bias is infinite or NaN.
        """
        data = self._checked(test_data, "test_data")
        outputs, classes = self._outputs(data), data.classes(self._model.sizes[-1], "test_data")
        found = outputs[:, 0] >= 0.5 if outputs.shape[1] == 1 else outputs.argmax(axis=1)
        return int(np.count_nonzero(found == classes))

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
            If the data do not fit the network, or a weight or bias is infinite or NaN.
        """
        checked = self._checked(data, "data")
        outputs = self._outputs(checked)
        desired = checked.desired_outputs(self._model.sizes[-1], self.dtype)
        rows = max(1, _AT_ONCE // outputs.shape[1])
        squares = (
            np.square(outputs[i : i + rows] - desired[i : i + rows], dtype=np.float64).ravel().tolist()
            for i in range(0, len(outputs), rows)
        )
        return math.fsum(chain.from_iterable(squares)) / (2 * len(checked))

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
            If the data do not fit the network, or a weight or bias is infinite or NaN.
        """
        return self._model.gradient(self._checked(data, "data"), self._cost_derivative())

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network to a file, from which `load` makes it again to the last bit.

        The file is replaced whole or not at all, whatever happens meanwhile. It is a NumPy archive, with the state of the
        generator that ``seed`` started; or, if its name ends in ``.json``, the JSON of the book's ``network2.py``, without that
        state and with the same numbers in float64. `nndl_ext._files.saving` says what they hold. ``threads`` and the methods of
        a subclass are part of neither.

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
        arrays = parameters.views(self._model.parameters.layout, self._model.parameters.flat())
        generator = None if self._own_generator is None else self._own_generator.getstate()[1]
        return saving.Saved(self.sizes, *arrays, self._neuron, generator, notes)

    @classmethod
    def _from_saved(cls, saved: saving.Saved) -> Self:
        net = cls.__new__(cls)
        net._model = Model(saved.sizes, saved.weights[0].dtype, None)
        net._model.parameters.replace(saved.biases, saved.weights)
        if saved.generator is not None:
            net._own_generator = generators.source(0)
            net._own_generator.setstate((3, saved.generator, None))
        return net

    def _outputs(self, data: Dataset) -> np.ndarray:
        """The network's outputs for a data set: shape (n, outputs)."""
        if not self._overrides("feedforward"):
            if sigmoid is not _SIGMOID:
                raise _replaced("sigmoid")
            return self._model.outputs(data)
        return overrides.outputs_of(self.feedforward, data, self._model.sizes[-1])

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
        test: Any = test_data
        if test_data is None or (isinstance(test_data, Sized) and not len(test_data)):
            test = None
        elif not self._overrides("evaluate"):  # an override may take what the book's does not
            test = self._checked(test_data, "test_data")
        elif not isinstance(test_data, Sized):
            test = [*test_data]
        self._model.parameters.finite()
        threads.limit()  # what the environment says is wrong now, or never
        samples = training_data if type(training_data) is list else data  # for overrides: the user's own arrays, as in the book
        go_through = partial(self._go_through, data, samples, mini_batch_size, eta)
        return self._train(go_through, epochs, test, np.arange(len(data)) if order is None else order)

    def _train(
        self, go_through: Callable[[np.ndarray], None], epochs: range, test: Any, order: np.ndarray
    ) -> Iterator[int | None]:
        for epoch in epochs:
            generators.shuffle(order, self._generator)
            before = self._model.parameters.flat()
            if self._overrides("update_mini_batch") or self._overrides("backprop"):
                before = parameters.copy(self._model.parameters.layout, before)  # an override may change arrays in place
            try:
                go_through(order)
            except DivergenceError as error:
                self._model.parameters.adopt(before)
                raise DivergenceError(f"in epoch {epoch} {error}") from error
            right = None if test is None else self.evaluate(test)
            print(f"Epoch {epoch} complete" if test is None else f"Epoch {epoch}: {right} / {len(test)}", flush=True)
            yield right

    def _go_through(
        self, data: Dataset, samples: Sequence[Sample], mini_batch_size: int, eta: float, order: np.ndarray
    ) -> None:
        """Train on each sample once, in the given order."""
        if self._overrides("update_mini_batch") or self._overrides("backprop"):
            for start in range(0, len(data), mini_batch_size):
                self.update_mini_batch([samples[i] for i in order[start : start + mini_batch_size]], eta)
                if not np.isfinite(self._model.parameters.flat()).all():
                    raise DivergenceError.at(eta)
            return
        cost_derivative = self._cost_derivative()
        # An override of cost_derivative finds the weights of its mini-batch in the network.
        step = mini_batch_size if cost_derivative else len(data)
        for start in range(0, len(data), step):
            self._model.descend(data, order[start : start + step], mini_batch_size, eta, cost_derivative)

    def _cost_derivative(self) -> CostDerivative | None:
        """The method, for the kernels, if it is another than the book's."""
        if sigmoid is not _SIGMOID or sigmoid_prime is not _SIGMOID_PRIME:
            raise _replaced("sigmoid or network.sigmoid_prime")
        return self.cost_derivative if self._overrides("cost_derivative") else None

    def _overrides(self, name: str) -> bool:
        """Whether there is another method of this name: of a subclass, of this one network, or put into this class."""
        return getattr(getattr(self, name), "__func__", None) is not _METHODS[name]

    def _columns(self, a: ArrayLike) -> np.ndarray:
        """An input, or several, as the columns of a matrix with a row for each neuron of the first layer."""
        columns = real_array(a, "a")
        if columns.ndim == 1:
            columns = columns[:, np.newaxis]
        if columns.ndim != 2 or len(columns) != self._model.sizes[0]:
            raise ValueError(f"a must have shape ({self._model.sizes[0]}, m), not {np.shape(a)}")
        return columns

    def _checked(self, pairs: Data, name: str) -> Dataset:
        """The pairs as a data set of at least one sample that fits the network."""
        data = Dataset.from_pairs(pairs, name)
        if not data:
            hint = "; an iterator holds none once it has been gone through, so give a list" * isinstance(pairs, Iterator)
            raise ValueError(f"{name} must hold at least one pair (x, y){hint}")
        data.require(self._model.sizes[0], self._model.sizes[-1], self.dtype, name)
        return data

    def __setstate__(self, state: dict[str, Any]) -> None:
        from copy import copy

        self.__dict__.update(state)
        self._own_generator = copy(self._own_generator)  # a copy of a network has its own, as it has arrays of its own
        self._model = copy(self._model)
        self._model.parameters = copy(self._model.parameters)


def _checked_threads(threads: int | None) -> int | None:
    return None if threads is None else integer(threads, "threads", least=1, most=MOST_THREADS)


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


# What the book's code is, whatever a program puts in its place.
_METHODS = {
    name: vars(Network)[name] for name in ("backprop", "cost_derivative", "evaluate", "feedforward", "update_mini_batch")
}
_SIGMOID, _SIGMOID_PRIME = sigmoid, sigmoid_prime


def _replaced(name: str) -> TypeError:
    return TypeError(
        f"network.{name} has been replaced, but the compiled kernels compute the book's sigmoid: override feedforward and "
        "backprop in a subclass of Network, or build on nndl_ext.reference"
    )
