"""The book's ``network2.py``: cross-entropy, regularization, better first weights, monitors, and what its readers add.

The names, the calls and their meaning are those of chapters 2 and 3 of M. Nielsen, *Neural Networks and Deep Learning*. What
readers change by editing the book's file is an option here: activations, softmax, L1, dropout, momentum, schedules, more data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from nndl_ext._book import overrides
from nndl_ext._book.base import Data, right_of
from nndl_ext._book.chapter3 import ChosenNetwork
from nndl_ext._book.monitors import Callback, History, Monitor, Plan, checked_lmbda, report
from nndl_ext._book.schedules import HalveOnPlateau
from nndl_ext._book.settings import LBFGS, Adam, Momentum, Settings, named_optimizer
from nndl_ext._checks import finite_number, integer, layer_sizes, real_dtype
from nndl_ext._data import augmentation
from nndl_ext._data.augmentation import Augmentation, Shifts
from nndl_ext._data.dataset import Dataset, Sample
from nndl_ext._engine import threads
from nndl_ext._engine.costs import CrossEntropyCost, LogLikelihoodCost, QuadraticCost
from nndl_ext._engine.functions import sigmoid, sigmoid_prime
from nndl_ext._engine.model import DivergenceError, Gradient
from nndl_ext._engine.optimizers import Descent
from nndl_ext._engine.training import Training
from nndl_ext._files import saving
from nndl_ext.mnist_loader import vectorized_result

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

__all__ = [
    "LBFGS", "Adam", "CrossEntropyCost", "DivergenceError", "HalveOnPlateau", "History", "LogLikelihoodCost", "Momentum",
    "Network", "QuadraticCost", "Shifts", "load", "sigmoid", "sigmoid_prime", "vectorized_result",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__


# More than any data set holds, and few enough for a float64.
_MOST_SAMPLES = 2**63 - 1

_Four = tuple[list[float], list[int], list[float], list[int]]


class Network(ChosenNetwork):
    """A feedforward network with a choice of cost, activations, regularization and optimizer.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons of each layer: the inputs, the hidden layers, the outputs.
    cost : class or object, default CrossEntropyCost
        `QuadraticCost`, `CrossEntropyCost`, `LogLikelihoodCost` (chapter 3), or your own class or object with two functions:
        ``fn(a, y)``, the cost of one sample, on arrays of shape (outputs, 1); and ``delta(z, a, y)``, the error of the output
        layer, on arrays of shape (outputs, m), called once for each mini-batch.
    activation : str, object or sequence, default "sigmoid"
        The activation of the hidden layers, one for all or one for each: "sigmoid", "tanh", "relu", "softplus" or "identity"
        (chapter 3, "Other models of artificial neuron"), or your own object with functions ``fn(z)`` and ``prime(z)`` on arrays
        of shape (m, neurons). Functions in Python, costs included, are called once for each mini-batch, on one thread: with the
        book's mini-batches of 10, an epoch takes two to three times as long.
    output_activation : str or object, optional
        The activation of the output layer: one of these, or "softmax" (chapter 3, "Softmax"). By default softmax for
        `LogLikelihoodCost`, else sigmoid.
    dropout : float or sequence of float, default 0
        The share of hidden neurons dropped for each training sample, from 0 to below 1, for all hidden layers or for each
        (chapter 3, "Dropout"). The activations that remain are divided by 1 - dropout, so weights need no halving afterwards.
    regularization : {"l2", "l1"}
        What ``lmbda`` multiplies: half the sum of the squared weights, or the sum of their absolute values (chapter 3, "Other
        techniques for regularization").
    optimizer : {"descent", "momentum", "nesterov", "adam", "lbfgs"}, Momentum, Adam or LBFGS, optional
        Replaces plain gradient descent (chapter 3, "Variations on stochastic gradient descent"). `Momentum`, `Adam` and `LBFGS`
        describe the optimizers; a name stands for the defaults. Its state lasts from one `SGD` to the next; initializing the
        weights anew resets it.
    dtype, seed, threads
        As for `nndl_ext.network.Network`.

    Attributes
    ----------
    biases, weights : list of numpy.ndarray
        For each layer after the first, an array of shape (neurons, 1), and one of shape (neurons, neurons in the layer before).
    cost : class or object
        The cost. You may replace it.
    classes : sequence of str
        The names of the classes, that of the first output first: those of the last training data that had any. You may set
        them. They are saved with the network.
    history : History
        What the last `SGD` has recorded so far, even if it was interrupted.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid or does not fit the others. Cross-entropy, for example, requires sigmoid outputs.

    Notes
    -----
    The notes on `nndl_ext.network.Network` hold here too. A subclass may override `default_weight_initializer`, `backprop`,
    `update_mini_batch`, `feedforward`, `accuracy` and `total_cost`. Assigning a function to one of these names, in the class or
    in one network, works too. `backprop` applies no dropout, so your own `update_mini_batch` that calls it trains without.

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
        optimizer: str | Momentum | Adam | LBFGS | None = None,
        dtype: DTypeLike = np.float64,
        seed: int | None = None,
        threads: int | None = None,
    ) -> None:
        chosen = named_optimizer(optimizer)
        self._settings = Settings(cost, activation, output_activation, dropout, regularization, chosen)
        self._begin(self._settings.model(layer_sizes(sizes), real_dtype(dtype)), seed, threads)
        self._optimizer = self._settings.new_optimizer()
        self.default_weight_initializer()

    def default_weight_initializer(self) -> None:
        """Draw biases of standard deviation 1, then weights of 1 / sqrt(inputs of the neuron) (chapter 3, "Weight
        initialization"), both normal with mean 0."""
        self._draw([math.sqrt(inputs) for inputs in self.sizes[:-1]])

    def large_weight_initializer(self) -> None:
        """Draw biases and weights of standard deviation 1, as in chapter 1."""
        self._draw([1.0 for _ in self.sizes[:-1]])

    def feedforward(self, a: ArrayLike) -> np.ndarray:
        """The network's output for an input, or for each column of ``a``: see `nndl_ext.network.Network.feedforward`."""
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
        """Train by mini-batch stochastic gradient descent, and print the monitored values after each epoch.

        Parameters
        ----------
        training_data : Dataset or iterable of tuple
            Pairs (x, y) of an input and the desired output; a label stands for its unit vector. They are never reordered.
        epochs : int
            The number of passes over the training data, at least 0. Each pass has a new random order.
        mini_batch_size : int
            The number of samples in a mini-batch, at least 1. The last mini-batch of an epoch may be smaller. `LBFGS` uses
            neither this number nor ``eta``.
        eta : float, callable or schedule
            The learning rate; or a function of the epoch's number that returns it; or a schedule such as `HalveOnPlateau`: an
            object with a function ``rate(accuracies)``. This gets the list of accuracies after each epoch so far, and returns
            the rate for the next epoch, or None to end the training.
        lmbda : float, default 0
            The regularization parameter, at least 0 (chapter 3, "Regularization"). It is divided by the size of the training
            data. Biases are not regularized.
        evaluation_data : Dataset or iterable of tuple, optional
            Validation or test data, for the monitors.
        monitor_evaluation_cost, monitor_evaluation_accuracy, monitor_training_cost, monitor_training_accuracy : bool
            Which values to compute and print after each epoch.
        early_stopping_n : int, default 0
            If not 0, stop after this many epochs in a row without a new best accuracy (chapter 3, "Use early stopping").
            The accuracy on the evaluation data decides, if there are any, unless only that on the training data is monitored.
        monitor_gradient_norms : bool
            Whether to record how fast each layer learns (chapter 5), in ``history.gradient_norms``.
        augment : Shifts or object, optional
            Train on several copies of each sample (chapter 3, "Other techniques", "Artificially expanding the training data"):
            `Shifts`, or an object with ``copies``, their number, and a function ``images(x, copy)``, which makes one of the
            copies of inputs of shape (m, inputs). The training data are then ``copies`` times as large.
        callback : callable, optional
            Called after each epoch with its number and `history`. If it returns true, the training ends.

        Returns
        -------
        evaluation_cost, evaluation_accuracy, training_cost, training_accuracy : list
            The monitored values, one per epoch: costs as float, numbers of correct samples as int. Other lists are empty.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, a number is out of range, a weight or bias is infinite or NaN, or an argument or
            overridden method does not go with `LBFGS`. The network is then unchanged.
        DivergenceError
            If weights or biases become infinite or NaN, or the cost that `LBFGS` minimizes. The network is then reset to the
            start of that epoch.
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
        """Take one step of the optimizer on the mean cost of a mini-batch.

        With plain descent and L2: w' = w - eta lmbda / n w - eta / m times the sum of the gradients.

        Parameters
        ----------
        mini_batch : Dataset or iterable of tuple
            Pairs (x, y).
        eta, lmbda : float
            The learning rate, and the regularization parameter, at least 0.
        n : int
            The number of samples in the whole training data, at least 1.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, a number is out of range, a weight or bias is infinite or NaN, the optimizer is
            `LBFGS`, or `backprop` is overridden and the network has dropout, momentum or Adam. The network is then unchanged.
        DivergenceError
            If a weight or bias would become infinite or NaN. The network is then unchanged.
        """
        data = self._checked(mini_batch, "mini_batch")
        optimizer = self._optimizer.copy()
        if optimizer.kind == "lbfgs":
            raise ValueError("update_mini_batch can't take a step of the optimizer lbfgs, which needs all samples: call SGD")
        optimizer.eta = finite_number(eta, "eta")
        optimizer.regularization = self._settings.regularization_term(checked_lmbda(lmbda), integer(n, "n", 1, _MOST_SAMPLES))
        self._model.parameters.finite()
        if self._overrides("backprop"):
            if not isinstance(optimizer, Descent) or self._settings.rates(self.num_layers - 2):
                raise TypeError(
                    "an overridden backprop needs plain descent without dropout: override update_mini_batch instead"
                )
            samples = mini_batch if type(mini_batch) is list else data
            overrides.step(self.backprop, samples, len(data), self._model.parameters, optimizer)
        else:
            self._optimizer = optimizer  # before its step, so that an interrupt can't come between the two
            order = np.arange(len(data))
            self._training(data, len(data), optimizer, order).descend(data, order)

    def backprop(self, x: ArrayLike, y: ArrayLike) -> Gradient:
        """The gradient of one sample's cost, without regularization or dropout (chapter 2, BP1 to BP4).

        See `nndl_ext.network.Network.backprop`.
        """
        return self._gradient_of(x, y)

    def accuracy(self, data: Data, convert: bool = False) -> int:  # noqa: ARG002
        """The number of samples that the network classifies correctly, as in `nndl_ext.network.Network.evaluate`.

        Parameters
        ----------
        data : Dataset or iterable of tuple
            Pairs (x, y), where y is a label or a unit vector.
        convert : bool
            Ignored. In the book it says which of these y is.

        Returns
        -------
        int
            From 0 to the number of samples.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, or a weight or bias is infinite or NaN.
        """
        checked = self._checked(data, "data")
        return right_of(self._outputs(checked), checked, "data")

    def total_cost(self, data: Data, lmbda: float, convert: bool = False) -> float:  # noqa: ARG002
        """The mean cost of a data set plus the regularization term.

        This term is lmbda / n times half the sum of the squared weights (L2) or the sum of their absolute values (L1).

        Parameters
        ----------
        data : Dataset or iterable of tuple
            Pairs (x, y), where y is a label or a desired output.
        lmbda : float
            The regularization parameter, at least 0.
        convert : bool
            Ignored, as in `accuracy`.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, ``lmbda`` is negative, or a weight or bias is infinite or NaN.
        """
        checked = self._checked(data, "data")
        return self._cost_of(self._outputs(checked), checked, checked_lmbda(lmbda))

    def _refresh(self) -> None:
        if sigmoid is not _SIGMOID or sigmoid_prime is not _SIGMOID_PRIME:
            raise overrides.replaced("network2.sigmoid or network2.sigmoid_prime")
        super()._refresh()

    def _epochs(self, plan: Plan, epochs: range, history: History, order: Any = None) -> Iterator[int]:
        """Check the plan and carry it out; yield the number of each finished epoch.

        ``history`` holds the records of previous epochs. ``order`` is the samples' order in the last of them; it is shuffled in
        place.
        """
        data = self._checked(plan.training_data, "training_data")
        self._name_classes(data)
        n = len(data) * augmentation.copies_of(plan.augment)
        size = min(integer(plan.mini_batch_size, "mini_batch_size", least=1), n)
        samples: Any = plan.training_data if type(plan.training_data) is list else data  # overrides get the user's own arrays
        monitors = [Monitor(self, plan, "training", samples), Monitor(self, plan, "evaluation", plan.evaluation_data)]
        watched = plan.watched
        accuracies: list[int] = getattr(history, f"{watched}_accuracy") if getattr(plan, f"{watched}_accuracy", False) else []
        self._model.parameters.finite()
        threads.limit()  # an invalid environment variable is reported before the training, not during it
        optimizer = self._optimizer.copy()
        optimizer.regularization = self._settings.regularization_term(plan.lmbda, n)
        training = self._training(data, size, optimizer, np.arange(n) if order is None else order)
        self._own_steps(training, plan, data, samples)  # refuses what does not go with lbfgs before the training
        self._optimizer, self.history = optimizer, history

        def follow() -> Iterator[int]:
            try:
                for epoch in plan.rated(epochs, accuracies, training):
                    eta = training.optimizer.eta
                    end = training.run(epoch, self._own_steps(training, plan, data, samples))
                    if end:
                        print(f"Training ends before epoch {epoch}: {end}\n", flush=True)
                        return
                    history.eta.append(eta)
                    for monitor in monitors:
                        if monitor.measures:
                            monitor.record(history, accuracies)
                    if plan.gradient_norms:
                        history.gradient_norms.append(self.gradient_norms(data))
                    report(epoch, plan, history)
                    ends = plan.callback is not None and bool(plan.callback(epoch, history))
                    yield epoch
                    if ends:
                        return
            finally:
                self._optimizer = training.optimizer  # after a divergence, its state before

        return follow()

    def _own_steps(self, training: Training, plan: Plan, data: Dataset, samples: Any) -> Callable[[], None] | None:
        """The steps of an epoch if the data are augmented, or the user overrides a method that takes part in them."""
        self._refresh()
        own = self._overrides("update_mini_batch") or self._overrides("backprop")
        if not own and plan.augment is None:
            return None
        if training.optimizer.kind == "lbfgs":
            raise ValueError(
                "the optimizer lbfgs minimizes the cost of all samples, so it can use neither augment nor an overridden "
                "backprop or update_mini_batch"
            )
        eta, n = training.optimizer.eta, len(training.order)

        def step(batch: list[Sample]) -> None:
            try:
                self.update_mini_batch(batch, eta, plan.lmbda, n)
            finally:
                training.optimizer = self._optimizer

        def steps() -> None:
            parts: Any = [(data, training.order, samples)]
            if plan.augment is not None:
                made = augmentation.parts(plan.augment, data, training.order, training.size)
                parts = ((part, np.arange(len(part)), part) for part in made)
            for part, order, given in parts:
                if own:
                    overrides.steps(training, order, given, step)
                else:
                    training.descend(part, order)

        return steps


def load(filename: str | PathLike[str], cost: Any = None, *, activation: Any = None, output_activation: Any = None) -> Network:
    """Load a network that `Network.save` or the book's ``network2.py`` saved, exact to the last bit.

    Parameters
    ----------
    filename : str or path-like
        The file.
    cost, activation, output_activation : optional
        As for `Network`, to replace those in the file. The file holds only the names of your own costs and activations: give
        these here.

    Returns
    -------
    Network
        The network. An instance of a subclass comes back as a `Network`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        If the file does not hold a network, is damaged, has a later version of the format, or names an unknown cost or
        activation. Nothing in a file is executed, and reading takes memory in proportion to the file's size.

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
    """The network in a file that has been read; errors name the file."""
    try:
        return Network._from_saved(saved, **given)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{filename} can't be loaded: {what}") from error


# The original functions, to detect that a program has replaced one.
Network._methods = {
    name: vars(Network)[name] for name in ("accuracy", "backprop", "feedforward", "total_cost", "update_mini_batch")
}
_SIGMOID, _SIGMOID_PRIME = sigmoid, sigmoid_prime
