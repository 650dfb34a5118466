"""The samples on which an estimator is evaluated while it is fitted."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from nndl_ext._engine.model import Model
from nndl_ext._sklearn.fit_data import FitData, exact_sum


class Validation(NamedTuple):
    """Samples for validation.

    ``data`` holds inputs, desired outputs and weights; ``y`` the labels or values in the form that `predict` returns.
    ``has_losses`` says whether to record the loss besides the score.
    """

    data: FitData
    y: np.ndarray
    has_losses: bool

    def begin(self, estimator: Any) -> None:
        """Create the records, as far as a previous fit has not created them."""
        own = vars(estimator)  # a list of the class would be shared
        estimator.validation_scores_ = own.get("validation_scores_") or []
        if self.has_losses:
            estimator.validation_loss_curve_ = own.get("validation_loss_curve_", [])

    def record(self, estimator: Any, model: Model | None) -> None:
        """Add score and loss to the estimator's records: NaN if there is no model after a divergence."""
        data, y, has_losses = self
        weights = data.weights if len(data.weights) else None
        score = loss = math.nan
        if model is not None:
            outputs = model.outputs(data)
            score = estimator._score_of(outputs, y, weights)
            if has_losses:
                costs = model.costs(outputs, data.desired_outputs(outputs.shape[1], outputs.dtype))
                loss = estimator._share * exact_sum(costs if weights is None else costs * weights) / data.weight
        estimator.validation_scores_.append(score)
        if has_losses:
            estimator.validation_loss_curve_.append(np.float64(loss))
