"""The solver lbfgs: SciPy's minimizer, with the engine's costs and gradients.

SciPy's numbers depend on the machine's BLAS, and so do those of this solver.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy
from scipy.optimize import minimize
from sklearn.utils.optimize import _check_optimize_result  # the warning's text; nothing public has it

from nndl_ext._engine.model import Batches, Model
from nndl_ext._sklearn.fit_data import FitData
from nndl_ext._sklearn.hooks import Hooks
from nndl_ext._sklearn.progress import progress
from nndl_ext._sklearn.validation import Validation

# SciPy's status when a callback raised StopIteration.
_STOPPED = 99

_HAS_IPRINT = tuple(int(part) for part in scipy.__version__.split(".")[:2]) < (1, 15)


class Objective:
    """The loss of all samples and its gradient, as functions of one array of all coefficients, then all intercepts.

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
    """

    def __init__(self, model: Model, data: FitData, alpha: float, share: float) -> None:
        self.model, self._data, self._alpha, self._share, self._total = model, data, alpha, share, data.weight

    def packed(self) -> np.ndarray:
        """The model's parameters in one array."""
        biases, weights = self.model.parameters.given()
        return _packed(weights, biases)

    def unpack(self, packed: np.ndarray) -> None:
        """Copy the numbers in ``packed`` to the model."""
        layout = self.model.parameters.layout
        flat, done, self._unpacked = layout.zeros(), 0, np.array(packed)
        biases, weights = layout.views(flat)
        for array in (*(w.T for w in weights), *biases):
            array[:] = packed[done : done + array.size].reshape(array.shape)
            done += array.size
        self.model.parameters.adopt(flat)

    def refuse_changes(self) -> None:
        """Refuse a model with other parameters than those of the last call: SciPy would not learn of them."""
        if not np.array_equal(self.packed(), self._unpacked):
            raise ValueError("a callback can't change coefs_ or intercepts_ while lbfgs trains: use the solvers sgd or adam")

    def __call__(self, packed: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and its gradient at ``packed``."""
        if not np.isfinite(packed).all():
            return math.nan, np.full_like(packed, math.nan)
        self.unpack(packed)
        model, cost, squares, order = self.model, np.zeros(1), np.zeros(1), np.arange(len(self._data))
        batches = Batches(order, len(order), self._data.weights, costs=cost, squares=squares)
        by_biases, by_weights = model.gradient(self._data, batches)
        for slope, weights in zip(by_weights, model.parameters.weights, strict=True):
            slope += self._alpha / self._total * weights
        loss = (self._share * float(cost[0]) + 0.5 * self._alpha * float(squares[0])) / self._total
        return loss, _packed(by_weights, by_biases)


def _packed(weights: list[np.ndarray], biases: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([*(np.asarray(w).T.ravel() for w in weights), *(b.ravel() for b in biases)])


def fit(estimator: Any, objective: Objective, validation: Validation | None, hooks: Hooks) -> None:
    """Minimize the loss. The model gets the best parameters, the estimator the loss and the number of iterations."""
    if validation is not None:
        validation.begin(estimator)
    estimator.n_iter_ = 0
    options = {"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol}
    if _HAS_IPRINT:
        options["iprint"] = 1 if estimator.verbose and estimator.verbose != "progress" else -1
    with progress(estimator.verbose, estimator.max_iter) as advance:

        def after_iteration(intermediate_result: Any) -> None:  # SciPy looks for this parameter's name
            objective.unpack(intermediate_result.x)
            estimator.n_iter_, estimator.loss_ = estimator.n_iter_ + 1, np.float64(intermediate_result.fun)
            hooks.step_begins()
            advance(estimator.loss_)
            if validation is not None:
                validation.record(estimator, objective.model)
            if hooks.step_ends():
                raise StopIteration

        result = minimize(objective, objective.packed(), method="L-BFGS-B", jac=True, options=options, callback=after_iteration)
    if result.status != _STOPPED:
        estimator.n_iter_ = _check_optimize_result("lbfgs", result, estimator.max_iter)
    estimator.loss_ = np.float64(result.fun)
    objective.unpack(result.x)
