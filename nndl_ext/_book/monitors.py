"""What a training records after each epoch, and when it ends early."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any, NamedTuple

from nndl_ext._book.base import right_of
from nndl_ext._book.schedules import is_scheduled, plateaus, rate_of
from nndl_ext._checks import finite_number, integer
from nndl_ext._data.augmentation import Augmentation
from nndl_ext._engine.training import Training


class History(NamedTuple):
    """The values recorded after each epoch. Lists that were not asked for are empty.

    Attributes
    ----------
    evaluation_cost, evaluation_accuracy, training_cost, training_accuracy : list
        Costs, regularization included, as float, and numbers of correct samples as int.
    eta : list of float
        The learning rate of each epoch.
    gradient_norms : list of list of float
        How fast each layer after the first learns (the book's chapter 5): for each epoch, the norms of the training data's mean
        gradient with respect to the layers' biases.

    Examples
    --------
    >>> from nndl_ext import network2
    >>> net = network2.Network([1, 1], seed=0)
    >>> result = net.SGD([([1.0], [0.0])], 2, 1, 0.1, monitor_training_cost=True)  # doctest: +ELLIPSIS
    Epoch 0 training complete
    Cost on training data: ...
    >>> len(net.history.training_cost), net.history.eta
    (2, [0.1, 0.1])
    """

    evaluation_cost: list[float]
    evaluation_accuracy: list[int]
    training_cost: list[float]
    training_accuracy: list[int]
    eta: list[float]
    gradient_norms: list[list[float]]

    @classmethod
    def begin(cls) -> History:
        """Make a history of no epochs.

        Returns
        -------
        History
        """
        return cls([], [], [], [], [], [])


# Called after each epoch with its number and the history. If it returns true, the training ends.
Callback = Callable[[int, History], Any]


@dataclass
class Plan:
    """The arguments of `nndl_ext.network2.Network.SGD`, checked, without the number of epochs.

    ``training_cost`` and the like say what to record. ``watched`` is the data whose accuracy early stopping and schedules use,
    "training" or "evaluation"; "" if there are neither.
    """

    training_data: Any
    mini_batch_size: int
    eta: Any
    lmbda: float = 0.0
    evaluation_data: Any = None
    evaluation_cost: bool = False
    evaluation_accuracy: bool = False
    training_cost: bool = False
    training_accuracy: bool = False
    gradient_norms: bool = False
    early_stopping_n: int = 0
    augment: Augmentation | None = None
    callback: Callback | None = None

    def __post_init__(self) -> None:
        self._rate = rate_of(self.eta)
        integer(self.early_stopping_n, "early_stopping_n", least=0)
        self.lmbda = checked_lmbda(self.lmbda)
        for name in ("training_data", "evaluation_data"):
            given = getattr(self, name)
            if isinstance(given, Iterable) and not isinstance(given, Sized):
                setattr(self, name, [*given])
        if isinstance(self.evaluation_data, Sized) and not len(self.evaluation_data):
            self.evaluation_data = None
        for name in ("evaluation_cost", "evaluation_accuracy"):
            if getattr(self, name) and self.evaluation_data is None:
                raise ValueError(f"monitor_{name} needs evaluation_data")
        monitored = self.evaluation_accuracy or not self.training_accuracy
        watched = "evaluation" if monitored and self.evaluation_data is not None else "training"
        self.watched = watched if self.early_stopping_n or is_scheduled(self.eta) else ""
        if self.callback is not None and not callable(self.callback):
            raise TypeError(f"callback must be a function of the epoch and the history, not {self.callback!r}")

    def rated(self, epochs: Iterable[int], accuracies: Sequence[int], training: Training) -> Iterator[int]:
        """The epochs, with the learning rate set for each, until the accuracies end the training."""
        for epoch in epochs:
            eta = self._rate(epoch, accuracies)
            if eta is None or (self.early_stopping_n and plateaus(accuracies, self.early_stopping_n)):
                return
            training.optimizer.eta = eta
            yield epoch


class Monitor:
    """Measures cost and accuracy on one data set after each epoch.

    Parameters
    ----------
    net, plan : network2.Network, Plan
        The network, and what to measure.
    kind : str
        "training" or "evaluation".
    given : iterable of tuple
        The data in the form that the user's own methods get.
    """

    def __init__(self, net: Any, plan: Plan, kind: str, given: Any) -> None:
        self._net, self._lmbda, self._name, self._given = net, plan.lmbda, f"{kind}_data", given
        cost, recorded = getattr(plan, f"{kind}_cost"), getattr(plan, f"{kind}_accuracy")
        accuracy = recorded or plan.watched == kind
        self.measures, self._kind, self._records = cost or accuracy, kind, (cost, recorded)
        self._own_cost, self._own_accuracy = (cost and net._overrides("total_cost")), (accuracy and net._overrides("accuracy"))
        self._cost, self._accuracy = cost and not self._own_cost, accuracy and not self._own_accuracy
        self._data = net._checked(given, self._name) if self._cost or self._accuracy else None
        converting: dict[str, bool] = {"convert": True}  # as in the book's calls
        self._of_cost, self._of_accuracy = ({}, converting) if kind == "training" else (converting, {})

    def record(self, history: History, accuracies: list[int]) -> None:
        """Record what the plan asks for. ``accuracies`` gets the number of correct samples if only a schedule or early stopping
        needs it; it may be the list in the history."""
        (cost, right), (records_cost, records_accuracy) = self._measure(), self._records
        if records_cost:
            getattr(history, f"{self._kind}_cost").append(cost)
        if records_accuracy:
            getattr(history, f"{self._kind}_accuracy").append(right)
        elif right is not None:
            accuracies.append(right)

    def _measure(self) -> tuple[Any, Any]:
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


def report(epoch: int, plan: Plan, history: History) -> None:
    """Print what was recorded in an epoch."""
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


def checked_lmbda(lmbda: Any) -> float:
    """``lmbda`` as a float, checked to be finite and at least 0."""
    checked = finite_number(lmbda, "lmbda")
    if checked < 0:
        raise ValueError(f"lmbda must be at least 0, not {checked:g}")
    return checked
