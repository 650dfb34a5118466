"""Training by sgd or adam: scikit-learn's losses, records and stopping rules around the engine's epochs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from nndl_ext._checks import integer
from nndl_ext._engine.model import DivergenceError, Model
from nndl_ext._engine.training import Training
from nndl_ext._sklearn.fit_data import FitData, exact_sum
from nndl_ext._sklearn.hooks import Hooks
from nndl_ext._sklearn.progress import progress
from nndl_ext._sklearn.solvers import Solver
from nndl_ext._sklearn.validation import Validation

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


@dataclass
class Epochs:
    """The epochs of one call of ``fit`` or ``partial_fit``. Results go into the estimator's attributes.

    Attributes
    ----------
    estimator : estimator
        The estimator to fit.
    model : Model
        Its network.
    data : FitData
        The training data.
    validation : Validation or None
        The samples to evaluate after each epoch.
    hooks : Hooks
        The user's callbacks.
    is_part : bool
        Whether this is a ``partial_fit``, which has a single epoch.
    """

    estimator: Any
    model: Model
    data: FitData
    validation: Validation | None
    hooks: Hooks
    is_part: bool

    def __post_init__(self) -> None:
        self.n = n = len(self.data)
        size = self.estimator.batch_size
        if size == "auto":
            size = min(200, n)
        elif integer(size, "batch_size") > n:
            warnings.warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=2)
        self.size = int(min(max(size, 1), n))
        self.stops_early = bool(self.estimator.early_stopping)
        self.best: np.ndarray | None = None  # a copy, because a callback may edit what it sees
        self.starts = np.arange(0, n, self.size)
        self.counts = np.diff(np.append(self.starts, n)).astype(np.float64)
        self.speaks = bool(self.estimator.verbose) and self.estimator.verbose != "progress"

    def run(self, solver: Solver, shuffle: Callable[[np.ndarray], None], dropout: tuple[float, ...], seed: int) -> None:
        """Train until a stopping rule applies. ``seed`` is that of the dropout masks.

        Raises
        ------
        ValueError
            If the parameters become infinite or NaN, unless ``early_stopping`` has had a best score before. They are then
            reset to the previous epoch.
        """
        estimator, model, self.solver = self.estimator, self.model, solver
        self._start_records()
        batches = len(self.starts)
        training = Training(
            model,
            self.data,
            self.size,
            solver.optimizer,
            self._refusing_sums_of_0(shuffle),
            np.arange(self.n),
            dropout,
            lambda: seed,
            self.data.weights,
        )
        training.costs, training.squares = np.zeros(batches), np.zeros(batches if estimator.alpha else 0)
        estimator.n_iter_ = 0
        first, most = len(estimator.loss_curve_), 1 if self.is_part else estimator.max_iter
        try:
            with progress(estimator.verbose, most) as self.advance:
                try:
                    for epoch in range(first, first + most):
                        training.run(epoch)
                        if self._ends(training):
                            break
                except DivergenceError:
                    if not self.stops_early:
                        raise ValueError(NOT_FINITE) from None
                    while not self._ends(None):  # like scikit-learn, which takes the best parameters in the end
                        pass
                    if self.best is None or not math.isfinite(estimator.best_validation_score_):
                        raise ValueError(NOT_FINITE) from None
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=2)
        if self.stops_early and self.best is not None:  # like scikit-learn, a warm start may keep the last parameters
            model.parameters.adopt(self.best)

    def _start_records(self) -> None:
        """Create the records to which the epochs add, as far as a previous fit has not created them."""
        estimator = self.estimator
        if "_no_improvement_count" not in vars(estimator):
            estimator.loss_curve_, estimator._no_improvement_count = [], 0
            estimator.validation_scores_ = None
            estimator.best_loss_, estimator.best_validation_score_ = (None if self.stops_early else np.inf), None
            self.best = self._copied() if self.stops_early else None
        if self.stops_early and estimator.best_validation_score_ is None:
            estimator.best_validation_score_ = -np.inf
        if not self.stops_early and estimator.best_loss_ is None:
            estimator.best_loss_ = np.inf
        if self.validation is not None:
            self.validation.begin(estimator)

    def _copied(self) -> np.ndarray:
        parameters = self.model.parameters
        return parameters.layout.copy(parameters.flat())

    def _totals(self, order: np.ndarray) -> np.ndarray:
        """The sum of the samples' weights in each mini-batch."""
        weights = self.data.weights
        return np.add.reduceat(weights[order], self.starts) if len(weights) else self.counts

    def _refusing_sums_of_0(self, shuffle: Callable[[np.ndarray], None]) -> Callable[[np.ndarray], None]:
        """The same function, but it refuses an order in which the weights of a mini-batch cancel. Without negative weights,
        such a mini-batch has nothing to learn."""
        if not (self.data.weights < 0).any():
            return shuffle

        def checked(order: np.ndarray) -> None:
            shuffle(order)
            if not self._totals(order).all():
                raise ValueError("the samples' weights must not have the sum 0 in a mini-batch: choose another batch_size")

        return checked

    def _loss(self, training: Training) -> np.float64:
        """scikit-learn's loss of an epoch: the mean over mini-batches, each measured before its step, penalty included."""
        totals = self._totals(training.order)
        loss = self.estimator._share * training.costs
        if len(training.squares):
            loss += 0.5 * self.estimator.alpha * training.squares
        return np.float64(exact_sum(loss / np.where(totals != 0, totals, 1) * self.counts) / self.n)

    def _ends(self, training: Training | None) -> bool:
        """Record an epoch, and return whether it is the last. ``training`` is None for epochs after divergence."""
        estimator = self.estimator
        self.hooks.step_begins()
        estimator.n_iter_ += 1
        estimator.loss_ = np.float64(math.nan) if training is None else self._loss(training)
        estimator.t_ += self.n
        estimator.loss_curve_.append(estimator.loss_)
        self.advance(estimator.loss_)
        if self.speaks:
            print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        if self.validation is not None:
            self.validation.record(estimator, self.model if training else None)
            if self.speaks:
                print(f"Validation score: {estimator.validation_scores_[-1]:f}")
        self._count()
        self.solver.epoch_ends(0 if training is None else len(self.starts), estimator.t_)
        idle = self._is_idle()
        if self.hooks.step_ends() or idle:
            return True
        if estimator.n_iter_ < estimator.max_iter or self.is_part:
            return False
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization hasn't converged "
            "yet.",
            ConvergenceWarning,
            stacklevel=2,
        )
        return True

    def _count(self) -> None:
        """Count the epochs without improvement of the score (with ``early_stopping``) or the loss."""
        estimator = self.estimator
        if self.stops_early:
            score = estimator.validation_scores_[-1]
            improved = not score < estimator.best_validation_score_ + estimator.tol
            if score > estimator.best_validation_score_:
                estimator.best_validation_score_ = score
                self.best = self._copied()
        else:
            improved = not estimator.loss_ > estimator.best_loss_ - estimator.tol
            if estimator.loss_ < estimator.best_loss_:
                estimator.best_loss_ = estimator.loss_
        estimator._no_improvement_count = 0 if improved else estimator._no_improvement_count + 1

    def _is_idle(self) -> bool:
        """Whether to stop after too many epochs without improvement; the solver may lower its learning rate instead."""
        estimator = self.estimator
        if not estimator._no_improvement_count > estimator.n_iter_no_change:
            return False
        subject = "Validation score" if self.stops_early else "Training loss"
        message = (
            f"{subject} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change:d} consecutive epochs."
        )
        if self.solver.stops(message, self.speaks):
            return True
        estimator._no_improvement_count = 0
        return False
