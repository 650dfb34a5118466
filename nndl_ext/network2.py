"""The book's ``network2.py``: cross-entropy, regularisation, better first weights, monitors; and what its readers add to it.

The names, the calls and their meaning are those of chapters 2 and 3 of M. Nielsen, *Neural Networks and Deep Learning*. What
readers change by editing the book's file are options here: activations, softmax, L1, dropout, momentum, schedules, more data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from nndl_ext._core import overrides
from nndl_ext._core.augmentation import Augmentation, Shifts
from nndl_ext._core.book import Data, right_of
from nndl_ext._core.chapter3 import ChosenNetwork
from nndl_ext._core.costs import CrossEntropyCost, LogLikelihoodCost, QuadraticCost
from nndl_ext._core.functions import sigmoid, sigmoid_prime
from nndl_ext._core.model import Batches, DivergenceError, Gradient, Model
from nndl_ext._core.monitors import Callback, History, Plan, checked_lmbda
from nndl_ext._core.optimisers import Descent
from nndl_ext._core.schedules import HalveOnPlateau
from nndl_ext._core.settings import Adam, Momentum, Settings
from nndl_ext._core.validation import finite_number, integer, layer_sizes, real_dtype
from nndl_ext._files import saving

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

__all__ = [
    "Adam", "CrossEntropyCost", "DivergenceError", "HalveOnPlateau", "History", "LogLikelihoodCost", "Momentum", "Network",
    "QuadraticCost", "Shifts", "load", "sigmoid", "sigmoid_prime", "vectorized_result",
]  # fmt: skip

_Four = tuple[list[float], list[int], list[float], list[int]]


class Network(ChosenNetwork):
    """A feedforward network, trained by stochastic gradient descent on a cost of one's choice.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons of each layer: the inputs, the hidden layers, the outputs.
    cost : class or object, default CrossEntropyCost
        `QuadraticCost`, `CrossEntropyCost`, `LogLikelihoodCost` (chapter 3), or one of your own with functions ``fn(a, y)``,
        the cost of one sample, and ``delta(z, a, y)``, the error of the output layer. ``delta`` gets arrays of shape
        (outputs, m), once for each mini-batch; ``fn`` of shape (outputs, 1).
    activation : str, object or sequence, default "sigmoid"
        Of the hidden layers, one for all or one for each: "sigmoid", "tanh", "relu", "softplus" or "identity" (chapter 3,
        "Other models of artificial neuron"), or an object of your own with functions ``fn(z)`` and ``prime(z)`` of arrays of
        shape (m, neurons). What is in Python, a cost too, runs once for each mini-batch, and on one thread: at the book's
        mini-batches of 10 an epoch takes two to three times as long.
    output_activation : str or object, optional
        Of the output layer: one of these or "softmax" (chapter 3, "Softmax"). Without it softmax for `LogLikelihoodCost`, else
        sigmoid.
    dropout : float or sequence of float, default 0
        The part of the neurons of each hidden layer that each sample leaves out in training, from 0 to below 1 (chapter 3,
        "Dropout"). The others are made larger by 1 / (1 - dropout) there, so nothing is halved afterwards.
    regularization : {"l2", "l1"}
        What ``lmbda`` counts: half the squares of weights, or their sizes (chapter 3, "Other techniques for regularization").
    optimizer : Momentum or Adam, optional
        In the place of plain descent (chapter 3, "Variations on stochastic gradient descent"). It remembers its steps from one
        `SGD` to the next, and forgets them when the weights are initialised anew.
    dtype, seed, threads
        As of `nndl_ext.network.Network`.

    Attributes
    ----------
    biases, weights : list of numpy.ndarray
        For each layer after the first, an array of shape (neurons, 1), and one of shape (neurons, neurons in the layer before).
    cost : class or object
        May be replaced.
    history : History
        What the last `SGD` has recorded so far, also of one that was interrupted.

    Raises
    ------
    TypeError, ValueError
        If something is no choice, or does not go with the rest, as cross-entropy does only with sigmoid.

    Notes
    -----
    What is said of `nndl_ext.network.Network` holds here. A subclass may override `default_weight_initializer`, `backprop`,
    `update_mini_batch`, `feedforward`, `accuracy` and `total_cost`; so may an assignment to the class or to one network. Since
    `backprop` leaves out no neuron, an `update_mini_batch` of your own that is built on it trains without dropout.

    Examples
    --------
    >>> from nndl_ext import mnist_loader
    >>> training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
    >>> net = Network([784, 30, 10], cost=CrossEntropyCost, seed=0)
    >>> history = net.SGD(training_data, 1, 10, 0.5, lmbda=5.0, evaluation_data=test_data, monitor_evaluation_accuracy=True)
    Epoch 0 training complete
    Accuracy on evaluation data: 9380 / 10000
    <BLANKLINE>
    """

    def __init__(
        self,
        sizes: Sequence[int],
        cost: Any = CrossEntropyCost,
        *,
        activation: Any = "sigmoid",
        output_activation: Any = None,
        dropout: float | Sequence[float] = 0.0,
        regularization: str = "l2",
        optimizer: Momentum | Adam | None = None,
        dtype: DTypeLike = np.float64,
        seed: int | None = None,
        threads: int | None = None,
    ) -> None:
        self._settings = Settings(cost, activation, output_activation, dropout, regularization, optimizer)
        self._begin(self._settings.model(layer_sizes(sizes), real_dtype(dtype)), seed, threads)
        self._optimiser = self._settings.begin()
        self.default_weight_initializer()

    def default_weight_initializer(self) -> None:
        """Draw biases of standard deviation 1, then weights of 1 / sqrt(inputs of the neuron) (chapter 3, "Weight
        initialization"), both normal with mean 0."""
        self._draw([math.sqrt(inputs) for inputs in self.sizes[:-1]])

    def large_weight_initializer(self) -> None:
        """Draw biases and weights of standard deviation 1, as in chapter 1."""
        self._draw([1.0 for _ in self.sizes[:-1]])

    def feedforward(self, a: ArrayLike) -> np.ndarray:
        """The network's output for an input, or for each column of ``a``: as `nndl_ext.network.Network.feedforward`."""
        return self._current.feedforward(a)

    def SGD(
        self,
        training_data: Data,
        epochs: int,
        mini_batch_size: int,
        eta: Any,
        lmbda: float = 0.0,
        evaluation_data: Data | None = None,
        monitor_evaluation_cost: bool = False,
        monitor_evaluation_accuracy: bool = False,
        monitor_training_cost: bool = False,
        monitor_training_accuracy: bool = False,
        early_stopping_n: int = 0,
        *,
        monitor_gradient_norms: bool = False,
        augment: Augmentation | None = None,
        callback: Callback | None = None,
    ) -> _Four:
        """Train by mini-batch stochastic gradient descent, and print what is monitored after each epoch.

        Parameters
        ----------
        training_data : Dataset or iterable of tuple
            Pairs (x, y) of an input and the desired output; labels count as unit vectors. It is never reordered.
        epochs : int
            How often to go through the training data, each time shuffled anew.
        mini_batch_size : int
            Samples for one step; the last mini-batch of an epoch takes what is left.
        eta : float, callable or schedule
            The learning rate; or a function of the epoch's number; or a schedule such as `HalveOnPlateau`: an object with a
            function ``rate(accuracies)``, which gives the rate for the next epoch, or None to end the training, from the list
            of accuracies after each epoch so far.
        lmbda : float, default 0
            The regularisation parameter, at least 0 (chapter 3, "Regularization"). It is divided by the size of the training
            data; biases are not regularised.
        evaluation_data : Dataset or iterable of tuple, optional
            Validation or test data, for the monitors.
        monitor_evaluation_cost, monitor_evaluation_accuracy, monitor_training_cost, monitor_training_accuracy : bool
            What to compute and print after each epoch.
        early_stopping_n : int, default 0
            If not 0, end once so many epochs in a row brought no better accuracy than the best before (chapter 3, "Use early
            stopping"): that on evaluation data, or else on training data, whichever is monitored.
        monitor_gradient_norms : bool
            Record how fast each layer learns (chapter 5): ``history.gradient_norms``.
        augment : Shifts or object, optional
            Train on each sample in several forms (chapter 3, "Other techniques", "Artificially expanding the training data"):
            `Shifts`, or an object with ``copies``, their number, and ``images(x, copy)``, which makes one of them of inputs of
            shape (m, inputs). The size of the training data is then so many times as large.
        callback : callable, optional
            Called after each epoch with its number and `history`. If it returns true, the training ends.

        Returns
        -------
        evaluation_cost, evaluation_accuracy, training_cost, training_accuracy : list
            What was monitored, for each epoch: costs as float, and how many samples were in the right class as int. Empty lists
            for what was not.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, a number is out of its range, or a weight or bias is infinite or NaN. The
            network is then unchanged.
        DivergenceError
            If weights or biases become infinite or NaN. The network is then as it was at the start of that epoch.
        """
        plan = Plan(
            training_data, mini_batch_size, eta, lmbda, evaluation_data,
            monitor_evaluation_cost, monitor_evaluation_accuracy, monitor_training_cost, monitor_training_accuracy,
            monitor_gradient_norms, early_stopping_n, augment, callback,
        )  # fmt: skip
        history = History.begin()
        for _ in self._epochs(plan, range(integer(epochs, "epochs", least=0)), history):
            pass
        return history[:4]

    def update_mini_batch(self, mini_batch: Data, eta: float, lmbda: float, n: int) -> None:
        """Take one step of the optimiser down the mean cost of a mini-batch: w - eta lmbda / n w - eta / m sum of gradients.

        Parameters
        ----------
        mini_batch : Dataset or iterable of tuple
            Pairs (x, y).
        eta, lmbda : float
            The learning rate, and the regularisation parameter, at least 0.
        n : int
            The size of the whole training data.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, a number is out of its range, a weight or bias is infinite or NaN, or `backprop`
            is overridden where there are dropout, momentum or Adam. The network is then unchanged.
        DivergenceError
            If a weight or bias would become so. The network is then unchanged.
        """
        data = self._checked(mini_batch, "mini_batch")
        optimiser = self._optimiser.copy()
        optimiser.eta = finite_number(eta, "eta")
        optimiser.regularisation = self._settings.regularisation(checked_lmbda(lmbda), integer(n, "n", least=1))
        self._model.parameters.finite()
        if self._overrides("backprop"):
            if not isinstance(optimiser, Descent) or self._model.dropout:
                raise TypeError(
                    "an overridden backprop goes with plain descent without dropout: override update_mini_batch for the rest"
                )
            samples = mini_batch if type(mini_batch) is list else data
            overrides.step(self.backprop, samples, len(data), self._model.parameters, optimiser)
        else:
            self._descend(data, Batches(np.arange(len(data)), len(data)), optimiser)
            self._optimiser = optimiser

    def backprop(self, x: ArrayLike, y: ArrayLike) -> Gradient:
        """The gradient of one sample's cost, without regularisation and with no neuron left out (chapter 2, BP1 to BP4): as
        `nndl_ext.network.Network.backprop`."""
        return self._current.gradient(self._checked([(x, y)], "the sample (x, y)"))

    def accuracy(self, data: Data, convert: bool = False) -> int:  # noqa: ARG002
        """The number of samples that the network puts into the right class.

        The class is that of the largest output. With one output there are two classes: it is 1 from 0.5 on, else 0.

        Parameters
        ----------
        data : Dataset or iterable of tuple
            Pairs (x, y), where y is a label or a unit vector.
        convert : bool
            Without effect: the book's says by it in which of the two forms y comes.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, or a weight or bias is infinite or NaN.
        """
        checked = self._checked(data, "data")
        return right_of(self._outputs(checked), checked, "data")

    def total_cost(self, data: Data, lmbda: float, convert: bool = False) -> float:  # noqa: ARG002
        """The mean cost of a data set and the regularisation's part, lmbda / n times half the sum of all weights' squares, or
        times the sum of their sizes.

        Parameters
        ----------
        data : Dataset or iterable of tuple
            Pairs (x, y), where y is a label or a desired output.
        lmbda : float
            The regularisation parameter, at least 0.
        convert : bool
            Without effect, as in `accuracy`.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, or a weight or bias is infinite or NaN.
        """
        checked = self._checked(data, "data")
        return self._cost_of(self._outputs(checked), checked, checked_lmbda(lmbda))

    @property
    def _current(self) -> Model:
        if sigmoid is not _SIGMOID or sigmoid_prime is not _SIGMOID_PRIME:
            raise overrides.replaced("network2.sigmoid or network2.sigmoid_prime")
        return super()._current

    def _print(self, epoch: int, plan: Plan) -> None:
        history = self.history
        print(f"Epoch {epoch} training complete")
        if plan.training_cost:
            print(f"Cost on training data: {history.training_cost[-1]}")
        if plan.training_accuracy:
            print(f"Accuracy on training data: {history.training_accuracy[-1]} / {len(plan.training_data)}")
        if plan.evaluation_cost:
            print(f"Cost on evaluation data: {history.evaluation_cost[-1]}")
        if plan.evaluation_accuracy:
            print(f"Accuracy on evaluation data: {history.evaluation_accuracy[-1]} / {len(plan.evaluation_data)}")
        print(flush=True)


def load(filename: str | PathLike[str], cost: Any = None, *, activation: Any = None, output_activation: Any = None) -> Network:
    """The network of a file that `Network.save` or the book's ``network2.py`` has written, to the last bit.

    Parameters
    ----------
    filename : str or path-like
        The file.
    cost, activation, output_activation : optional
        As of `Network`, in the place of those in the file: what is your own is not in it, but for its name.

    Returns
    -------
    Network
        As it was. Of a network of a subclass's, what `Network` has.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        If it is another file, or a broken one, or of a later version of the format, or names a cost or an activation that is
        not known here. Nothing in a file is executed, and reading takes memory in proportion to its size.

    Examples
    --------
    >>> net = Network([784, 30, 10], activation="tanh", seed=0)
    >>> net.save("net.npz")
    >>> load("net.npz").sizes
    [784, 30, 10]
    """
    saved, given = saving.read(filename), {"cost": cost, "hidden": activation, "output": output_activation}
    return made_of(saved, filename, **{name: value for name, value in given.items() if value is not None})


def made_of(saved: saving.Saved, filename: str | PathLike[str], **given: Any) -> Network:
    """The network that was in a file."""
    try:
        return Network._from_saved(saved, **given)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{filename} can't be loaded: {what}") from error


def vectorized_result(j: int) -> np.ndarray:
    """The unit vector of ten numbers that stands for digit j: shape (10, 1).

    Examples
    --------
    >>> vectorized_result(3).ravel().tolist()
    [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    e = np.zeros((10, 1))
    e[integer(j, "j", 0, 9)] = 1.0
    return e


# What the book's code is, whatever a program puts in its place.
Network._methods = {
    name: vars(Network)[name] for name in ("accuracy", "backprop", "feedforward", "total_cost", "update_mini_batch")
}
_SIGMOID, _SIGMOID_PRIME = sigmoid, sigmoid_prime
