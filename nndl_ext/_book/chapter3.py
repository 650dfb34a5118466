"""The base of chapter 2's and 3's networks: made from settings, trained by a plan, stored in files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from nndl_ext._book import overrides, settings
from nndl_ext._book.base import BookNetwork, Data, right_of
from nndl_ext._book.monitors import History, Plan
from nndl_ext._book.settings import Settings
from nndl_ext._checks import integer
from nndl_ext._data import augmentation
from nndl_ext._data.dataset import Dataset, Sample
from nndl_ext._engine import costs, generators, parameters, threads
from nndl_ext._engine.costs import CrossEntropyCost
from nndl_ext._engine.functions import check_cost
from nndl_ext._engine.model import Batches, Model
from nndl_ext._engine.optimisers import Descent, Optimiser
from nndl_ext._engine.training import Training
from nndl_ext._files import saving


class ChosenNetwork(BookNetwork):
    """A network with a choice of cost, activations and optimiser. See `nndl_ext.network2.Network` for its parameters."""

    _neuron = "chosen"
    _settings = Settings(CrossEntropyCost)
    _optimiser: Optimiser = Descent(0.0)
    history: History = History.begin()

    @property
    def cost(self) -> Any:
        """The cost: a class or an object with functions ``fn`` and ``delta``."""
        return self._settings.cost

    @cost.setter
    def cost(self, cost: Any) -> None:
        check_cost(costs.for_kernels(costs.checked(cost)), self._model.activations[-1])
        self._settings = self._settings._replace(cost=cost)

    def update_mini_batch(self, mini_batch: Data, eta: float, lmbda: float, n: int) -> None:
        """Take one step of the optimiser."""
        raise NotImplementedError

    def accuracy(self, data: Data, convert: bool = False) -> int:
        """The number of samples that the network classifies correctly."""
        raise NotImplementedError

    def total_cost(self, data: Data, lmbda: float, convert: bool = False) -> float:
        """The mean cost of a data set plus the regularisation term."""
        raise NotImplementedError

    @property
    def _current(self) -> Model:
        self._model.cost = costs.for_kernels(self.cost)  # a program may have replaced one of its functions
        check_cost(self._model.cost, self._model.activations[-1])
        return self._model

    def _checked(self, pairs: Data, name: str) -> Dataset:
        data = super()._checked(pairs, name)
        if self._current.cost == "log-likelihood":
            data.require_distributions(self._model.sizes[-1], name)
        return data

    def _draw(self, divisors: Sequence[float]) -> None:
        """Draw new biases and weights; divide the weights of each layer by its divisor."""
        biases = [self._normal((neurons, 1)) for neurons in self.sizes[1:]]
        shapes = zip(self.sizes[1:], self.sizes[:-1], strict=True)
        weights = [self._normal(shape) / divisor for shape, divisor in zip(shapes, divisors, strict=True)]
        self._model.parameters.replace(biases, weights)
        self._optimiser = self._settings.begin()

    def _descend(self, data: Dataset, batches: Batches, optimiser: Optimiser) -> None:
        """Take the steps for mini-batches, with new dropout masks."""
        model = self._current
        if model.dropout:
            model.seed = generators.draw_seed(self._generator)
        model.descend(data, batches, optimiser)

    def _cost_of(self, outputs: np.ndarray, data: Dataset, lmbda: float) -> float:
        """The total cost of a data set for which the network has these outputs."""
        desired = data.desired_outputs(self._model.sizes[-1], self.dtype)
        cost = _sum(self._current.costs(outputs, desired)) / len(data)
        if not lmbda:
            return cost
        _, weights = parameters.views(self._model.parameters.layout, self._model.parameters.flat())
        if self._settings.regularization == "l1":
            return cost + lmbda / len(data) * math.fsum(_sum(np.abs(w)) for w in weights)
        return cost + 0.5 * (lmbda / len(data)) * math.fsum(_sum(np.square(w, dtype=np.float64)) for w in weights)

    def _print(self, epoch: int, plan: Plan, history: History) -> None:
        """Print what was recorded in an epoch."""
        raise NotImplementedError

    def _epochs(self, plan: Plan, epochs: range, history: History, order: Any = None) -> Iterator[int]:
        """Check the plan and carry it out; yield the number of each finished epoch.

        ``history`` holds the records of previous epochs. ``order`` is the samples' order in the last of them; it is shuffled in
        place.
        """
        data = self._checked(plan.training_data, "training_data")
        n = len(data) * augmentation.copies_of(plan.augment)
        size = min(integer(plan.mini_batch_size, "mini_batch_size", least=1), n)
        samples: Any = plan.training_data if type(plan.training_data) is list else data  # overrides get the user's own arrays
        evaluation = plan.evaluation_data
        monitors = {kind: _Monitor(self, plan, kind, own) for kind, own in (("training", samples), ("evaluation", evaluation))}
        watched = plan.watched
        accuracies: list[int] = getattr(history, f"{watched}_accuracy") if plan.records(watched, "accuracy") else []
        self._model.parameters.finite()
        threads.limit()  # an invalid environment variable is reported before the training, not during it
        optimiser = self._optimiser.copy()
        optimiser.regularisation = self._settings.regularisation(plan.lmbda, n)
        self.history = history

        def go_through(training: Training) -> None:
            if plan.augment is None:
                self._go_through(training, data, training.order, samples, plan.lmbda)
                return
            for part in augmentation.parts(plan.augment, data, training.order, size):
                self._go_through(training, part, np.arange(len(part)), part, plan.lmbda)

        def record(training: Training) -> bool:
            self._optimiser = training.optimiser
            history.eta.append(training.optimiser.eta)
            for kind, monitor in monitors.items():
                cost, right = monitor.measure()
                if plan.records(kind, "cost"):
                    getattr(history, f"{kind}_cost").append(cost)
                if plan.records(kind, "accuracy"):
                    getattr(history, f"{kind}_accuracy").append(right)
                elif plan.watched == kind:
                    accuracies.append(right)
            if plan.gradient_norms:
                history.gradient_norms.append(self.gradient_norms(data))
            self._print(training.epoch, plan, history)
            return plan.callback is not None and bool(plan.callback(training.epoch, history))

        places = np.arange(n) if order is None else order
        training = Training(self._model, data, size, optimiser, self._shuffle, places, [record], go_through)

        def follow() -> Iterator[int]:
            try:
                yield from training.epochs(plan.rated(epochs, accuracies, training))
            finally:
                self._optimiser = training.optimiser  # after an exception too

        return follow()

    def _go_through(
        self, training: Training, data: Dataset, order: np.ndarray, samples: Sequence[Sample], lmbda: float
    ) -> None:
        """Take the steps for samples in this order; the user's own methods get ``samples``."""
        if self._overrides("update_mini_batch") or self._overrides("backprop"):
            eta, n = training.optimiser.eta, len(training.order)
            overrides.go_through(training, order, samples, lambda batch: self.update_mini_batch(batch, eta, lmbda, n))
            training.optimiser = self._optimiser
        else:
            self._descend(data, Batches(order, training.size, epoch=training.epoch), training.optimiser)

    def _described(self) -> dict[str, Any]:
        """The settings as text and numbers."""
        return self._settings.described(self._model)

    def _saved(self, **notes: np.ndarray) -> saving.Saved:
        optimiser, layout = self._optimiser, self._model.parameters.layout
        count = optimiser.number_of_moments if optimiser.moments.size else 0
        moments = (
            [parameters.packed(layout, flat) for flat in optimiser.moments.reshape(count, -1)] if count else np.empty((0, 0))
        )
        described = self._described() | {"powers": optimiser.powers}
        return super()._saved(**notes)._replace(settings=described, moments=np.array(moments))

    @classmethod
    def _from_saved(cls, saved: saving.Saved, **given: Any) -> Self:
        if saved.neuron == "perceptron":
            raise ValueError("it holds perceptrons: use nndl_ext.load")
        if saved.neuron == "sigmoid":
            cost = given["cost"] if "cost" in given else settings.cost_of(saved.settings.get("cost"))
            chosen = Settings(cost)._replace(**given)
        else:
            chosen = settings.from_description(saved.settings, given)
        net = cls._restored(saved, chosen.model(saved.sizes, saved.weights[0].dtype))
        net._settings, net._optimiser = chosen, chosen.begin()
        if saved.moments.size:
            settings.restore(net._optimiser, net._model, saved.moments, saved.settings["powers"])
        return net

    def gradient_norms(self, data: Data) -> list[float]:
        """How fast each layer learns: the norm of the mean gradient with respect to its biases (chapter 5).

        Parameters
        ----------
        data : Dataset or iterable of tuple
            Pairs (x, y).

        Returns
        -------
        list of float
            One norm for each layer after the first.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, or a weight or bias is infinite or NaN.
        """
        return [math.sqrt(_sum(np.square(nabla, dtype=np.float64))) for nabla in self.cost_gradient(data)[0]]


class _Monitor:
    """Measures cost and accuracy on one data set after each epoch.

    Parameters
    ----------
    net, plan : ChosenNetwork, Plan
        The network, and what to measure.
    kind : str
        "training" or "evaluation".
    given : iterable of tuple
        The data in the form that the user's own methods get.
    """

    def __init__(self, net: ChosenNetwork, plan: Plan, kind: str, given: Any) -> None:
        self._net, self._lmbda, self._name, self._given = net, plan.lmbda, f"{kind}_data", given
        cost, accuracy = plan.records(kind, "cost"), plan.records(kind, "accuracy") or plan.watched == kind
        self._own_cost, self._own_accuracy = (cost and net._overrides("total_cost")), (accuracy and net._overrides("accuracy"))
        self._cost, self._accuracy = cost and not self._own_cost, accuracy and not self._own_accuracy
        self._data = net._checked(given, self._name) if self._cost or self._accuracy else None
        converting: dict[str, bool] = {"convert": True}  # as the book's calls have it
        self._of_cost, self._of_accuracy = ({}, converting) if kind == "training" else (converting, {})

    def measure(self) -> tuple[Any, Any]:
        """Cost and accuracy, None where not asked for. One pass over the data gives both, unless the user overrides one."""
        cost = accuracy = None
        if self._data is not None:
            outputs = self._net._outputs(self._data)
            cost = self._net._cost_of(outputs, self._data, self._lmbda) if self._cost else None
            accuracy = right_of(outputs, self._data, self._name) if self._accuracy else None
        if self._own_cost:
            cost = float(self._net.total_cost(self._given, self._lmbda, **self._of_cost))
        if self._own_accuracy:
            accuracy = int(self._net.accuracy(self._given, **self._of_accuracy))
        return cost, accuracy


def _sum(array: np.ndarray) -> float:
    """The sum of all elements in index order. The order of NumPy's ``sum`` may change."""
    return float(np.cumsum(array, dtype=np.float64)[-1])
