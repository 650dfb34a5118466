"""The book's ``network.py``: a feedforward network of sigmoid neurons, trained by stochastic gradient descent.

The names, the calls and their meaning are those of chapter 1 of M. Nielsen, *Neural Networks and Deep Learning*; equation
numbers refer to that book.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from nndl_ext import network2, perceptron
from nndl_ext._core import overrides, threads
from nndl_ext._core.book import Data, right_of
from nndl_ext._core.chapter1 import FirstNetwork
from nndl_ext._core.functions import CostDerivative, sigmoid, sigmoid_prime
from nndl_ext._core.model import Batches, DivergenceError, Gradient
from nndl_ext._core.optimisers import Descent
from nndl_ext._core.training import Training
from nndl_ext._core.validation import finite_number, integer
from nndl_ext._files import saving

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["DivergenceError", "Network", "load", "sigmoid", "sigmoid_prime"]


class Network(FirstNetwork):
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
    biases, weights : list of numpy.ndarray
        For each layer after the first, an array of shape (neurons, 1), and one of shape (neurons, neurons in the layer before).
    history : sequence of int
        How many test samples came out right after each epoch of the last `SGD` with test data.

    Raises
    ------
    TypeError, ValueError
        If ``sizes`` are not at least two positive integers, ``dtype`` is another type, or a number is not a natural one.

    Notes
    -----
    Biases and weights may be read, edited in place or replaced between calls. Training never changes an array: it puts new ones
    into the lists, as the book's does, so arrays kept from before keep their values. All weights of an epoch share one memory,
    so keep a copy of a matrix that you need for long. Whatever exception ends a training, Ctrl-C among them, leaves the network
    between two mini-batches, and the generator between two shuffles. Weights that are infinite or NaN are refused, except by
    `feedforward`, where they show in the result; a weight whose input is 0 does not count there.

    A subclass may override `cost_derivative`, `backprop`, `update_mini_batch`, `feedforward` and `evaluate`; so may an
    assignment to the class or to one network. Its ``__init__`` may do without this one's, if it sets ``sizes`` first, and then
    ``biases`` and ``weights``.

    Threads may train networks of their own side by side, and any number of them may read one. While a thread trains it, the
    others see the biases and weights of before the epoch, or of after it, never a mixture. Of two trainings of one network at
    once each starts every epoch from the parameters that it finds, and puts its own in their place when it is done: the last
    one to end is what remains. In ``update_mini_batch``, and where a method is overridden, an epoch is a mini-batch.

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
            Shape (outputs, 1) or (outputs, m), of the network's dtype, each element from 0 to 1, or NaN where ``a`` holds one.

        Raises
        ------
        TypeError, ValueError
            If ``a`` does not hold real numbers, or not one row for each input.
        """
        if sigmoid is not _SIGMOID:
            raise overrides.replaced("network.sigmoid")
        return self._model.feedforward(a)

    def SGD(self, training_data: Data, epochs: int, mini_batch_size: int, eta: float, test_data: Data | None = None) -> None:
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
            If one would become so. The network is then unchanged.
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
            The derivatives of the cost by ``biases`` and ``weights``, in arrays of their shapes.

        Raises
        ------
        TypeError, ValueError
            If the sample does not fit the network.
        """
        return self._model.gradient(self._checked([(x, y)], "the sample (x, y)"), None, self._cost_derivative())

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
        return right_of(self._outputs(data), data, "test_data")

    def cost_derivative(self, output_activations: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The derivatives of one sample's cost by the outputs: a - y for the quadratic cost. Override it to train on another.

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

    def _outputs(self, data: Any) -> np.ndarray:
        if sigmoid is not _SIGMOID and not self._overrides("feedforward"):
            raise overrides.replaced("network.sigmoid")
        return super()._outputs(data)

    def _epochs(
        self, training_data: Data, epochs: range, mini_batch_size: int, eta: float, test_data: Data | None, order: Any = None
    ) -> Iterator[int | None]:
        """Check what `SGD` is given, and do what it does; after each epoch yield how many test samples came out right, if any.
        ``order`` is that of the samples in the epoch before, which is shuffled in place."""
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
        samples: Any = training_data if type(training_data) is list else data  # for overrides: the user's own arrays

        def go_through(training: Training) -> None:
            if self._overrides("update_mini_batch") or self._overrides("backprop"):
                overrides.go_through(training, training.order, samples, lambda batch: self.update_mini_batch(batch, eta))
            elif derivative := self._cost_derivative():
                for places in training.mini_batches(training.order):  # it finds the weights of its mini-batch in the network
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

    def _cost_derivative(self) -> CostDerivative | None:
        """The method, for the kernels, if it is another than the book's."""
        if sigmoid is not _SIGMOID or sigmoid_prime is not _SIGMOID_PRIME:
            raise overrides.replaced("network.sigmoid or network.sigmoid_prime")
        return self.cost_derivative if self._overrides("cost_derivative") else None


def load(path: str | PathLike[str]) -> Network | perceptron.Network | network2.Network:
    """The network of a file that `Network.save` or the book's ``network2.py`` has written, to the last bit.

    Parameters
    ----------
    path : str or path-like
        The file. In JSON, sizes, weights and biases count, in float64; training goes on with the quadratic cost, whatever the
        file says.

    Returns
    -------
    Network, perceptron.Network or network2.Network
        As it was. Of a network of a subclass's, what `Network` has.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is another file, or a broken one, or of a later version of the format. Nothing in a file is executed, and reading
        takes memory in proportion to its size.

    Examples
    --------
    >>> net = Network([784, 30, 10], seed=0)
    >>> net.save("net.npz")
    >>> load("net.npz").sizes
    [784, 30, 10]
    """
    saved = saving.read(path)
    if saved.neuron == "chosen":
        return network2.made_of(saved, path)
    return Network._from_saved(saved) if saved.neuron == "sigmoid" else perceptron.Network._from_saved(saved)


# What the book's code is, whatever a program puts in its place.
Network._methods = {
    name: vars(Network)[name] for name in ("backprop", "cost_derivative", "evaluate", "feedforward", "update_mini_batch")
}
_SIGMOID, _SIGMOID_PRIME = sigmoid, sigmoid_prime
