"""What is recorded of a training, epoch by epoch, and when that ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any, NamedTuple

from nndl_ext._core.augmentation import Augmentation
from nndl_ext._core.schedules import is_scheduled, plateaus, rate_of
from nndl_ext._core.training import Training
from nndl_ext._core.validation import finite_number, integer


class History(NamedTuple):
    """What was recorded after each epoch; empty where it was not asked for.

    Attributes
    ----------
    evaluation_cost, evaluation_accuracy, training_cost, training_accuracy : list
        Costs, regularisation included, as float, and how many samples were in the right class, as int.
    eta : list of float
        The learning rate in each epoch.
    gradient_norms : list of list of float
        For each epoch, the norm of the mean gradient of the training data by the biases of each layer after the first: how fast
        it learns (the book's chapter 5).

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
        """One to add to."""
        return cls([], [], [], [], [], [])


# Called after each epoch with its number and what has been recorded; true ends the training.
Callback = Callable[[int, History], Any]


@dataclass
class Plan:
    """What a network's ``SGD`` is asked for, but for the number of epochs. `nndl_ext.network2.Network.SGD` says what it means.

    ``training_cost`` and so on are what is to be recorded.
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
            raise TypeError(f"callback must be a function of the epoch and what was recorded, not {self.callback!r}")

    @property
    def watched(self) -> str:
        """The data on whose accuracy early stopping and schedules depend; empty if there are none."""
        if not (self.early_stopping_n or is_scheduled(self.eta)):
            return ""
        monitored = self.evaluation_accuracy or not self.training_accuracy
        return "evaluation" if monitored and self.evaluation_data is not None else "training"

    def records(self, kind: str, what: str) -> bool:
        """Whether cost or accuracy of training or evaluation data are to be recorded."""
        return bool(getattr(self, f"{kind}_{what}", False))

    def rated(self, epochs: Iterable[int], accuracies: Sequence[int], training: Training) -> Iterator[int]:
        """The epochs, each with its learning rate set, up to one that the accuracies so far make the last."""
        for epoch in epochs:
            eta = self._rate(epoch, accuracies)
            if eta is None or (self.early_stopping_n and plateaus(accuracies, self.early_stopping_n)):
                return
            training.optimiser.eta = eta
            yield epoch


def checked_lmbda(lmbda: Any) -> float:
    """A finite number of at least 0."""
    checked = finite_number(lmbda, "lmbda")
    if checked < 0:
        raise ValueError(f"lmbda must be at least 0, not {checked:g}")
    return checked
