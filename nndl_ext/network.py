"""The book's ``network.py``: a feedforward network of sigmoid neurons, trained by stochastic gradient descent.

The names, the calls and their meaning are those of chapter 1 of M. Nielsen, *Neural Networks and Deep Learning*; equation
numbers refer to that book.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Sized
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from nndl_ext._book import overrides
from nndl_ext._book.base import Data
from nndl_ext._book.chapter1 import FirstNetwork
from nndl_ext._checks import finite_number, integer
from nndl_ext._engine import threads
from nndl_ext._engine.functions import CostDerivative, sigmoid, sigmoid_prime
from nndl_ext._engine.model import Batches, DivergenceError, Gradient
from nndl_ext._engine.optimizers import Descent
from nndl_ext._engine.training import Training
from nndl_ext._files import saving

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from nndl_ext import network2, perceptron

__all__ = ["DivergenceError", "Network", "load", "sigmoid", "sigmoid_prime"]


def __dir__() -> list[str]:
    return __all__


class Network(FirstNetwork):
    """A feedforward network of sigmoid neurons.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons of each layer: the inputs, the hidden layers, the outputs.
    dtype : numpy.dtype, default float64
        The floating-point type of all computation: float64 or float32.
    seed : int, optional
        The seed, at least 0, of the network's private generator, which gives the first weights and all shuffles: the same bits
        on every platform. Without a seed, ``numpy.random`` and ``random`` give them, draw for draw as in the book.
    threads : int, optional
        The most threads that large jobs may use, from 1 to 1024: no more than there are processors, and no more than make a job
        faster. Their number changes no result. By default the size of the job decides, up to a limit: the environment variable
        ``NNDL_EXT_NUM_THREADS`` if it is set; else 1 in a thread that the program started itself; else the least of the number
        of processors, ``OMP_NUM_THREADS`` and threadpoolctl's limits.

    Attributes
    ----------
    biases, weights : list of numpy.ndarray
        For each layer after the first, an array of shape (neurons, 1), and one of shape (neurons, neurons in the layer before).
    classes : sequence of str
        The names of the classes, that of the first output first: those of the last training data that had any. You may set
        them. They are saved with the network.
    history : sequence of int
        The number of test samples classified correctly after each epoch of the last `SGD` with test data.

    Raises
    ------
    TypeError, ValueError
        If ``sizes`` does not hold at least two positive integers, ``dtype`` is another type, or ``seed`` or ``threads`` is not
        an integer in its range.
    MemoryError
        If the memory is too small. Nothing has been drawn then.

    Notes
    -----
    You may read, edit or replace biases and weights between calls. Like the book's code, training never changes an array but
    puts new ones into the lists, so an array that you keep keeps its values. All weights and biases of an epoch share one block
    of memory: copy an array that you need for long. If an exception such as Ctrl-C ends the training, the network is in the
    state between two mini-batches, and the generator in the state between two shuffles. Infinite or NaN weights are an error,
    except in `feedforward`, where they show in the result, unless they belong to an input of 0.

    A subclass may override `cost_derivative`, `backprop`, `update_mini_batch`, `feedforward` and `evaluate`. Assigning a
    function to one of these names, in the class or in one network, works too. A subclass need not call this ``__init__`` if its
    own sets ``sizes`` first, and then ``biases`` and ``weights``.

    Several threads may train different networks at once, and any number of threads may read one network. While one thread
    trains a network, the others see its parameters either from before an epoch or from after it, never a mixture. If two
    threads train the same network, each starts an epoch from the current parameters and replaces them at its end, so the last
    to finish wins. With an overridden method, and in ``update_mini_batch``, this holds for mini-batches instead of epochs.

    Examples
    --------
    >>> from nndl_ext import mnist_loader
    >>> training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
    >>> net = Network([784, 30, 10], seed=0)
    >>> net.SGD(training_data, 2, 10, 3.0, test_data=test_data)
    Epoch 0: 9063 / 10000
    Epoch 1: 9249 / 10000
    >>> image, digit = test_data[0]
    >>> int(net.feedforward(image).argmax()), int(digit)
    (7, 7)
    """

    _neuron = "sigmoid"
    history: Sequence[int] = ()

    def feedforward(self, a: ArrayLike) -> np.ndarray:
        """The network's output for an input (equation 22, layer after layer).

        Parameters
        ----------
        a : array_like
            One input, of shape (inputs, 1) or (inputs,), or m inputs as the columns of a matrix of shape (inputs, m).

        Returns
        -------
        numpy.ndarray
            Shape (outputs, 1) or (outputs, m), of the network's dtype: from 0 to 1, or NaN where ``a`` contains NaN.

        Raises
        ------
        TypeError, ValueError
            If ``a`` does not consist of real numbers, or does not have one row for each input.
        """
        if sigmoid is not _SIGMOID:
            raise overrides.replaced("network.sigmoid")
        return self._model.feedforward(a)

    def SGD(self, training_data: Data, epochs: int, mini_batch_size: int, eta: float, test_data: Data | None = None) -> None:
        """Train by mini-batch stochastic gradient descent (equations 20 and 21), and print a line after each epoch.

        Parameters
        ----------
        training_data : Dataset or iterable of tuple
            Pairs (x, y) of an input and the desired output; a label stands for its unit vector. They are never reordered.
        epochs : int
            The number of passes over the training data, at least 0. Each pass has a new random order.
        mini_batch_size : int
            The number of samples in a mini-batch, at least 1. The last mini-batch of an epoch may be smaller.
        eta : float
            The learning rate.
        test_data : Dataset or iterable of tuple, optional
            If given, the network is evaluated on it after each epoch.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, a number is out of range, or a weight or bias is infinite or NaN. The network is
            then unchanged.
        DivergenceError
            If weights or biases become infinite or NaN. The network is then reset to the start of that epoch.
        """
        for _ in self._epochs(training_data, range(integer(epochs, "epochs", least=0)), mini_batch_size, eta, test_data):
            pass

    def update_mini_batch(self, mini_batch: Data, eta: float) -> None:
        """Take one step of gradient descent on the mean cost of a mini-batch (equations 20 and 21).

        Parameters
        ----------
        mini_batch : Dataset or iterable of tuple
            Pairs (x, y).
        eta : float
            The learning rate.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, ``eta`` is not a finite number, or a weight or bias is infinite or NaN. The
            network is then unchanged.
        DivergenceError
            If a weight or bias would become infinite or NaN. The network is then unchanged.
        """
        data = self._checked(mini_batch, "mini_batch")
        eta = finite_number(eta, "eta")
        self._model.parameters.finite()
        if self._overrides("backprop"):
            samples = mini_batch if type(mini_batch) is list else data
            overrides.step(self.backprop, samples, len(data), self._model.parameters, Descent(eta))
        else:
            self._model.descend(data, Batches(np.arange(len(data)), len(data)), Descent(eta), self._cost_derivative())

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
            The derivatives of the cost with respect to ``biases`` and ``weights``, in arrays of their shapes.

        Raises
        ------
        TypeError, ValueError
            If the sample does not fit the network.
        """
        return self._gradient_of(x, y, self._cost_derivative())

    def cost_derivative(self, output_activations: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The derivatives of one sample's cost with respect to the outputs: a - y for the quadratic cost.

        Override it to train on another cost.

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

    def _epochs(
        self, training_data: Data, epochs: range, mini_batch_size: int, eta: float, test_data: Data | None, order: Any = None
    ) -> Iterator[int | None]:
        """Do the work of `SGD`; yield the number of correct test samples, or None, after each epoch.

        ``order`` holds the samples' order in the previous epoch. It is shuffled in place.
        """
        data = self._checked(training_data, "training_data")
        self._name_classes(data)
        size = min(integer(mini_batch_size, "mini_batch_size", least=1), len(data))
        test: Any = test_data
        if test_data is None or (isinstance(test_data, Sized) and not len(test_data)):
            test = None
        elif not self._overrides("evaluate"):  # an override may accept data that the book's method does not
            test = self._checked(test_data, "test_data")
        elif not isinstance(test_data, Sized):
            test = [*test_data]
        order = np.arange(len(data)) if order is None else order
        training = Training(self._model, data, size, Descent(finite_number(eta, "eta")), self._shuffle, order)
        self._model.parameters.finite()
        threads.limit()  # an invalid environment variable is reported before the training, not during it
        samples: Any = training_data if type(training_data) is list else data  # overrides get the user's own arrays

        def lines() -> Iterator[int | None]:
            history = self.history = []
            for epoch in epochs:
                training.run(epoch, self._own_steps(training, samples))
                right = None if test is None else self.evaluate(test)
                if right is not None:
                    history.append(right)
                print(f"Epoch {epoch} complete" if test is None else f"Epoch {epoch}: {right} / {len(test)}", flush=True)
                yield right

        return lines()

    def _own_steps(self, training: Training, samples: Any) -> Callable[[], None] | None:
        """The steps of an epoch if the user overrides a method that takes part in them."""
        order, eta = training.order, training.optimizer.eta
        if self._overrides("update_mini_batch") or self._overrides("backprop"):
            return lambda: overrides.steps(training, order, samples, lambda batch: self.update_mini_batch(batch, eta))
        derivative = self._cost_derivative()
        if derivative is None:
            return None

        def steps() -> None:
            for places in training.mini_batches(order):  # one by one, because the method may read the current weights
                training.descend(training.data, places, derivative)

        return steps

    def _refresh(self) -> None:
        if sigmoid is not _SIGMOID:
            raise overrides.replaced("network.sigmoid")

    def _cost_derivative(self) -> CostDerivative | None:
        """The user's cost_derivative, or None if it is the book's, which the kernels compute themselves."""
        if sigmoid is not _SIGMOID or sigmoid_prime is not _SIGMOID_PRIME:
            raise overrides.replaced("network.sigmoid or network.sigmoid_prime")
        return self.cost_derivative if self._overrides("cost_derivative") else None


def load(path: str | PathLike[str]) -> Network | perceptron.Network | network2.Network:
    """Load a network that `Network.save` or the book's ``network2.py`` saved, exact to the last bit.

    Parameters
    ----------
    path : str or path-like
        The file. From JSON only sizes, weights and biases are read, as float64: further training uses the quadratic cost,
        whatever the file says.

    Returns
    -------
    Network, perceptron.Network or network2.Network
        The network. An instance of a subclass comes back as an instance of the class in this package.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file does not hold a network, is damaged, or has a later version of the format. Nothing in a file is executed,
        and reading takes memory in proportion to the file's size.

    Examples
    --------
    >>> net = Network([784, 30, 10], seed=0)
    >>> net.save("net.npz")
    >>> load("net.npz").sizes
    [784, 30, 10]
    """
    from nndl_ext import network2, perceptron  # here, to keep the package quick to import

    saved = saving.read(path)
    if saved.neuron == "chosen":
        return network2.made_of(saved, path)
    return Network._from_saved(saved) if saved.neuron == "sigmoid" else perceptron.Network._from_saved(saved)


# The original functions, to detect that a program has replaced one.
Network._methods = {
    name: getattr(Network, name) for name in ("backprop", "cost_derivative", "evaluate", "feedforward", "update_mini_batch")
}
_SIGMOID, _SIGMOID_PRIME = sigmoid, sigmoid_prime
