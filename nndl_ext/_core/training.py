"""The loop that all faces share: epochs of mini-batches in shuffled order, each followed by callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from nndl_ext._core import parameters
from nndl_ext._core.functions import CostDerivative
from nndl_ext._core.model import Batches, DivergenceError, Model, Samples
from nndl_ext._core.optimisers import Optimiser


@dataclass
class Training:
    """A training on its way: all that it needs to go on.

    Attributes
    ----------
    model : Model
        Changed after each step or epoch as a whole.
    data : Dataset or other Samples
        What it is trained on.
    size : int
        Samples of a mini-batch.
    optimiser : Optimiser
        Its ``eta`` may be set before each epoch.
    shuffle : callable
        Called with ``order`` before each epoch, to shuffle it in place.
    order : numpy.ndarray
        The order of the samples in the epoch before: int64, shape (n,).
    callbacks : sequence of callable
        Called with this object after each epoch. One that returns true ends the training.
    go_through : callable, optional
        Called with this object in the place of the model's own way to go through the mini-batches of an epoch.
    weights, costs, squares : numpy.ndarray
        See `Batches`. With ``go_through`` nothing is recorded.
    epoch : int
        The one at work, or done last.
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
        """Train for epochs of these numbers, and yield each when it is done and its callbacks have been called.

        Raises
        ------
        DivergenceError
            If parameters become infinite or NaN. Model and optimiser are then as they were at the start of that epoch.

        Notes
        -----
        Whatever other exception ends it, Ctrl-C among them, leaves the model between two mini-batches.
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
        """Go through an epoch; if that diverges on the way, go back to its start."""
        before = parameters.copy(self.model.parameters.layout, self.model.parameters.flat())
        optimiser = self.optimiser.copy()
        try:
            go_through(self)
        except DivergenceError:
            self.model.parameters.adopt(before)
            self.optimiser = optimiser
            raise

    def descend(self, order: np.ndarray, derivative: CostDerivative | None = None, **recorded: Any) -> None:
        """Take the steps for samples in an order, mini-batch after mini-batch. `Model.descend` says what ``derivative`` is, and
        `Batches` what may be recorded."""
        batches = Batches(order, self.size, self.weights, self.epoch, **recorded)
        self.model.descend(self.data, batches, self.optimiser, derivative)

    def mini_batches(self, order: np.ndarray) -> Iterator[np.ndarray]:
        """The samples of each mini-batch, for samples in an order."""
        for start in range(0, len(order), self.size):
            yield order[start : start + self.size]
