"""The solver lbfgs: the engine's minimizer, as scikit-learn runs SciPy's."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.utils.optimize import _check_optimize_result  # the warning's text; nothing public has it

from nndl_ext._engine.lbfgs import minimize
from nndl_ext._engine.model import Batches, Model
from nndl_ext._sklearn.fit_data import FitData
from nndl_ext._sklearn.hooks import Hooks
from nndl_ext._sklearn.progress import progress
from nndl_ext._sklearn.validation import Validation

# SciPy's status and message, where a search has ended for another reason than convergence.
_WARNED = {
    "iterations": (1, "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT"),
    "calls": (1, "STOP: TOTAL NO. OF F,G EVALUATIONS EXCEEDS LIMIT"),
    "abnormal": (2, "ABNORMAL: "),
}


class Objective:
    """The loss of all samples and its gradient, as functions of the flat array of all parameters.

    Parameters
    ----------
    model : Model
        The network, in float64.
    data : FitData
        The training data.
    alpha : float
        The strength of the L2 penalty.
    share : float
        The factor of a sample's cost in the loss.

    Attributes
    ----------
    model : Model
        The network, with the parameters of the last call.
    start : numpy.ndarray
        Its parameters before the first.
    """

    def __init__(self, model: Model, data: FitData, alpha: float, share: float) -> None:
        self.model, self._data, self._alpha, self._share, self._total = model, data, alpha, share, data.weight
        self._taken = self.start = model.parameters.layout.copy(model.parameters.flat())

    def take(self, flat: np.ndarray) -> None:
        """Give the model these parameters."""
        self._taken = flat
        self.model.parameters.adopt(self.model.parameters.layout.copy(flat))

    def refuse_changes(self) -> None:
        """Refuse a model with other parameters than the last: what the search knows would not hold there."""
        if not np.array_equal(self.model.parameters.flat(), self._taken):
            raise ValueError("a callback can't change coefs_ or intercepts_ while lbfgs trains: use the solvers sgd or adam")

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and its gradient."""
        if not np.isfinite(flat).all():
            return math.nan, np.full_like(flat, math.nan)
        self.take(flat)
        model, cost, squares, order = self.model, np.zeros(1), np.zeros(1), np.arange(len(self._data))
        batches = Batches(order, len(order), self._data.weights, costs=cost, squares=squares)
        gradient = model.flat_gradient(self._data, batches)
        for slope, weights in zip(model.parameters.layout.views(gradient)[1], model.parameters.weights, strict=True):
            slope += self._alpha / self._total * weights
        return (self._share * float(cost[0]) + 0.5 * self._alpha * float(squares[0])) / self._total, gradient


def fit(estimator: Any, objective: Objective, validation: Validation | None, hooks: Hooks) -> None:
    """Minimize the loss. The estimator gets it, and the number of iterations. The model gets the best parameters, also after an
    exception such as Ctrl-C."""
    if validation is not None:
        validation.begin(estimator)
    estimator.n_iter_ = 0
    best = objective.start

    def after_step(flat: np.ndarray, loss: float) -> bool:
        nonlocal best
        best = flat
        objective.take(flat)
        estimator.n_iter_, estimator.loss_ = estimator.n_iter_ + 1, np.float64(loss)
        hooks.step_begins()
        advance(estimator.loss_)
        if validation is not None:
            validation.record(estimator, objective.model)
        if estimator.verbose and estimator.verbose != "progress":
            print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")
        return hooks.step_ends()

    limits = {"tolerance": estimator.tol, "most_iterations": estimator.max_iter, "most_calls": estimator.max_fun}
    try:
        with progress(estimator.verbose, estimator.max_iter) as advance:
            found = minimize(objective, best, **limits, after_step=after_step)
    finally:
        objective.take(best)
    estimator.loss_ = np.float64(found.value)
    if found.end in _WARNED:
        status, message = _WARNED[found.end]
        result = SimpleNamespace(nit=found.iterations, status=1 if found.calls > estimator.max_fun else status, message=message)
        _check_optimize_result("lbfgs", result, estimator.max_iter)
