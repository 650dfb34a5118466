"""An epoch of training, as all parts of the package need it: mini-batches in a new random order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from nndl_ext._engine.functions import CostDerivative
from nndl_ext._engine.model import Batches, DivergenceError, Model, Samples
from nndl_ext._engine.optimizers import Optimizer
from nndl_ext._engine.saturation import warn_if_saturated


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
    optimizer : Optimizer
        The optimizer. Its ``eta`` may be set before each epoch.
    shuffle : callable
        Called with ``order`` before each epoch, to shuffle it in place.
    order : numpy.ndarray
        The order of the samples in the current or last epoch: int64, shape (n,).
    dropout : sequence of float
        See `Batches`.
    draw_seed : callable, optional
        Returns the seed of new dropout masks, for each call of the kernels.
    weights, costs, squares : numpy.ndarray
        See `Batches`. In an epoch of the user's own steps, nothing is recorded.
    epoch : int
        The number of the current or last epoch.
    """

    model: Model
    data: Samples
    size: int
    optimizer: Optimizer
    shuffle: Callable[[np.ndarray], None]
    order: np.ndarray
    dropout: Sequence[float] = ()
    draw_seed: Callable[[], int] = int
    weights: np.ndarray = field(default_factory=partial(np.empty, 0))
    costs: np.ndarray = field(default_factory=partial(np.empty, 0))
    squares: np.ndarray = field(default_factory=partial(np.empty, 0))
    epoch: int = 0

    def run(self, epoch: int, steps: Callable[[], Any] | None = None) -> str:
        """Train for the epoch with this number, by one call of the kernels, or by ``steps``.

        Returns why the training has ended without this epoch; empty if it has not.

        Raises
        ------
        DivergenceError
            If parameters become infinite or NaN. Model and optimizer are then reset to the start of the epoch.

        Notes
        -----
        Any other exception, such as Ctrl-C, leaves the model in its state between two mini-batches.
        """
        self.epoch = epoch
        if epoch == 0:
            warn_if_saturated(self.model, self.data)
        try:
            return self._train(steps)
        except DivergenceError as error:
            raise DivergenceError(f"in epoch {epoch} {error}") from error

    def _train(self, steps: Callable[[], Any] | None) -> str:
        """The epoch itself; see `run`."""
        self.shuffle(self.order)
        if steps is None:
            self.descend(self.data, self.order, costs=self.costs, squares=self.squares)
        else:
            self._by(steps)
        return ""

    def _by(self, steps: Callable[[], Any]) -> None:
        """Let the user's own code take the steps; if they diverge, go back to the start of the epoch."""
        own = self.model.parameters
        before, optimizer = own.layout.copy(own.flat()), self.optimizer.copy()
        try:
            steps()
        except DivergenceError:
            own.adopt(before)
            self.optimizer = optimizer
            raise

    def descend(
        self, data: Samples, order: np.ndarray, derivative: CostDerivative | None = None, **recorded: np.ndarray
    ) -> None:
        """Take the steps for samples in this order, one for each mini-batch.

        See `Model.descend` for ``derivative`` and `Batches` for what may be recorded.
        """
        seed = self.draw_seed() if self.dropout else 0
        batches = Batches(order, self.size, self.weights, self.epoch, self.dropout, seed, **recorded)
        self.model.descend(data, batches, self.optimizer, derivative)

    def mini_batches(self, order: np.ndarray) -> Iterator[np.ndarray]:
        """The indices of the samples of each mini-batch, for samples in this order."""
        for start in range(0, len(order), self.size):
            yield order[start : start + self.size]
