"""Training by limited-memory BFGS: the cost of all samples as a function of the parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from nndl_ext._engine.model import Batches, Model, Samples


@dataclass
class Objective:
    """The regularized cost of all samples and its gradient, as functions of the flat array of all parameters.

    Attributes
    ----------
    model : Model
        The network, in float64. Its own parameters play no part and do not change.
    data : Samples
        The training data.
    l2 : float
        The strength of the L2 penalty.
    total : float
        What divides the sum of costs and penalty: the sum of the samples' weights.
    share : float
        The factor of a sample's cost.
    weights : numpy.ndarray
        The weight of each sample; empty for equal weights, which a cost in Python needs.
    """

    model: Model
    data: Samples
    l2: float
    total: float
    share: float = 1.0
    weights: np.ndarray = field(default_factory=partial(np.empty, 0))

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        """The value and the gradient, NaN for parameters that are not finite."""
        if not np.isfinite(flat).all():
            return math.nan, np.full_like(flat, math.nan)
        model, order, squares = self.model.at(flat), np.arange(len(self.data)), np.zeros(1)
        own = not isinstance(model.cost, str)
        costs = np.zeros(0 if own else 1)
        batches = Batches(order, len(order), self.weights, costs=costs, squares=squares)
        gradient = model.flat_gradient(self.data, batches)
        for slope, weights in zip(model.parameters.layout.views(gradient)[1], model.parameters.weights, strict=True):
            slope += self.l2 / self.total * weights
        cost = self._own_cost(model) if own else float(costs[0])
        return (self.share * cost + 0.5 * self.l2 * float(squares[0])) / self.total, gradient

    def _own_cost(self, model: Model) -> float:
        """The sum of a cost in Python, in the samples' order."""
        desired = self.data.desired_outputs(model.sizes[-1], model.dtype)
        return float(np.cumsum(model.costs(model.outputs(self.data), desired))[-1])
