"""The training loop that all parts of the package share: shuffled epochs of mini-batches, each followed by callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from nndl_ext._engine import parameters
from nndl_ext._engine.functions import CostDerivative
from nndl_ext._engine.model import Batches, DivergenceError, Model, Samples
from nndl_ext._engine.optimisers import Optimiser


@dataclass
class Training:
    """A training in progress.

    Attributes
    ----------
    model : Model
        The model. Other threads see it change only after a step or epoch.
    data : Dataset or other Samples
        The training data.
    size : int
        The number of samples in a mini-batch.
    optimiser : Optimiser
        The optimiser. Its ``eta`` may be set before each epoch.
    shuffle : callable
        Called with ``order`` before each epoch, to shuffle it in place.
    order : numpy.ndarray
        The order of the samples in the current or last epoch: int64, shape (n,).
    callbacks : sequence of callable
        Called with this object after each epoch. If one returns true, the training ends.
    go_through : callable, optional
        Called with this object to train for one epoch, instead of `descend`.
    weights, costs, squares : numpy.ndarray
        See `Batches`. With ``go_through``, nothing is recorded.
    epoch : int
        The number of the current or last epoch.
    """

    model: Model
    data: Samples
    size: int
    optimiser: Optimiser
    shuffle: Callable[[np.ndarray], None]
    order: np.ndarray
    callbacks: Sequence[Callable[[Training], Any]] = ()
    go_through: Callable[[Training], None] | None = None
    weights: np.ndarray = field(default_factory=partial(np.empty, 0))
    costs: np.ndarray = field(default_factory=partial(np.empty, 0))
    squares: np.ndarray = field(default_factory=partial(np.empty, 0))
    epoch: int = 0

    def epochs(self, numbers: Iterable[int]) -> Iterator[int]:
        """Train for the epochs with these numbers, and yield each number after its epoch and callbacks.

        Raises
        ------
        DivergenceError
            If parameters become infinite or NaN. Model and optimiser are then reset to the start of that epoch.

        Notes
        -----
        Any other exception, such as Ctrl-C, leaves the model in its state between two mini-batches.
        """
        for self.epoch in numbers:
            self.shuffle(self.order)
            try:
                if self.go_through is None:
                    self.descend(self.order, costs=self.costs, squares=self.squares)
                else:
                    self._go_through_or_not(self.go_through)
            except DivergenceError as error:
                raise DivergenceError(f"in epoch {self.epoch} {error}") from error
            ended = [callback(self) for callback in self.callbacks]
            yield self.epoch
            if any(ended):
                return

    def _go_through_or_not(self, go_through: Callable[[Training], None]) -> None:
        """Train for one epoch by ``go_through``; if it diverges, go back to the start of the epoch."""
        before = parameters.copy(self.model.parameters.layout, self.model.parameters.flat())
        optimiser = self.optimiser.copy()
        try:
            go_through(self)
        except DivergenceError:
            self.model.parameters.adopt(before)
            self.optimiser = optimiser
            raise

    def descend(self, order: np.ndarray, derivative: CostDerivative | None = None, **recorded: Any) -> None:
        """Take the steps for samples in this order, one for each mini-batch.

        See `Model.descend` for ``derivative`` and `Batches` for what may be recorded.
        """
        batches = Batches(order, self.size, self.weights, self.epoch, **recorded)
        self.model.descend(self.data, batches, self.optimiser, derivative)

    def mini_batches(self, order: np.ndarray) -> Iterator[np.ndarray]:
        """The indices of the samples of each mini-batch, for samples in this order."""
        for start in range(0, len(order), self.size):
            yield order[start : start + self.size]
