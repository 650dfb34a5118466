"""What a training records after each epoch, and when it ends early."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any, NamedTuple

from nndl_ext._book.schedules import is_scheduled, plateaus, rate_of
from nndl_ext._checks import finite_number, integer
from nndl_ext._data.augmentation import Augmentation
from nndl_ext._engine.training import Training


class History(NamedTuple):
    """The values recorded after each epoch. Lists that were not asked for are empty.

    Attributes
    ----------
    evaluation_cost, evaluation_accuracy, training_cost, training_accuracy : list
        Costs, regularisation included, as float, and numbers of correct samples as int.
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

    ``training_cost`` and the like say what to record.
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
        if self.callback is not None and not callable(self.callback):
            raise TypeError(f"callback must be a function of the epoch and the history, not {self.callback!r}")

    @property
    def watched(self) -> str:
        """The data whose accuracy early stopping and schedules use, "training" or "evaluation"; "" if there are neither."""
        if not (self.early_stopping_n or is_scheduled(self.eta)):
            return ""
        monitored = self.evaluation_accuracy or not self.training_accuracy
        return "evaluation" if monitored and self.evaluation_data is not None else "training"

    def records(self, kind: str, what: str) -> bool:
        """Whether to record ``what``, cost or accuracy, on the data ``kind``, training or evaluation."""
        return bool(getattr(self, f"{kind}_{what}", False))

    def rated(self, epochs: Iterable[int], accuracies: Sequence[int], training: Training) -> Iterator[int]:
        """The epochs, with the learning rate set for each, until the accuracies end the training."""
        for epoch in epochs:
            eta = self._rate(epoch, accuracies)
            if eta is None or (self.early_stopping_n and plateaus(accuracies, self.early_stopping_n)):
                return
            training.optimiser.eta = eta
            yield epoch


def checked_lmbda(lmbda: Any) -> float:
    """``lmbda`` as a float, checked to be finite and at least 0."""
    checked = finite_number(lmbda, "lmbda")
    if checked < 0:
        raise ValueError(f"lmbda must be at least 0, not {checked:g}")
    return checked
