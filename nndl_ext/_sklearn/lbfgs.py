"""The solver lbfgs: the engine's minimizer, as scikit-learn runs SciPy's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.utils.optimize import _check_optimize_result  # the warning's text; nothing public has it

from nndl_ext._engine.lbfgs import minimize
from nndl_ext._engine.minimization import Objective
from nndl_ext._sklearn.hooks import Hooks
from nndl_ext._sklearn.progress import progress
from nndl_ext._sklearn.validation import Validation

# SciPy's status and message, where a search has ended for another reason than convergence.
_WARNED = {
    "iterations": (1, "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT"),
    "calls": (1, "STOP: TOTAL NO. OF F,G EVALUATIONS EXCEEDS LIMIT"),
    "abnormal": (2, "ABNORMAL: "),
}


def fit(estimator: Any, objective: Objective, validation: Validation | None, hooks: Hooks) -> None:
    """Minimize the loss. The estimator gets it, and the number of iterations. The objective's model gets the parameters after
    each of them, and keeps the last ones also after an exception."""
    if validation is not None:
        validation.begin(estimator)
    estimator.n_iter_ = 0
    own = objective.model.parameters
    last = own.layout.copy(own.flat())

    def after_step(flat: np.ndarray, loss: float) -> bool:
        nonlocal last
        last = flat
        own.adopt(own.layout.copy(last))
        estimator.n_iter_, estimator.loss_ = estimator.n_iter_ + 1, np.float64(loss)
        hooks.step_begins()
        advance(estimator.loss_)
        if validation is not None:
            validation.record(estimator, objective.model)
        if estimator.verbose and estimator.verbose != "progress":
            print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")
        stop = hooks.step_ends()
        if not np.array_equal(own.flat(), last):  # what the search knows would not hold there
            raise ValueError("a callback can't change coefs_ or intercepts_ while lbfgs trains: use the solvers sgd or adam")
        return stop

    limits = {"tolerance": estimator.tol, "most_iterations": estimator.max_iter, "most_calls": estimator.max_fun}
    try:
        with progress(estimator.verbose, estimator.max_iter) as advance:
            found = minimize(objective, last, **limits, after_step=after_step)
    finally:
        own.adopt(own.layout.copy(last))
    estimator.loss_ = np.float64(found.value)
    if found.end in _WARNED:
        status, message = _WARNED[found.end]
        result = SimpleNamespace(nit=found.iterations, status=1 if found.calls > estimator.max_fun else status, message=message)
        _check_optimize_result("lbfgs", result, estimator.max_iter)
