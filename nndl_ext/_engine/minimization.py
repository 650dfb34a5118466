"""Training by limited-memory BFGS: the cost of all samples as a function of the parameters, and epochs that minimize it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from nndl_ext._engine.lbfgs import REMEMBERED, Memory, Search, dot
from nndl_ext._engine.model import Batches, DivergenceError, Model, Samples
from nndl_ext._engine.optimizers import Optimizer
from nndl_ext._engine.training import Training


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


@dataclass
class Lbfgs(Optimizer):
    """Limited-memory BFGS, whose line search chooses the steps: ``eta`` is not used.

    ``moments`` holds two arrays for each step that is remembered: its change of the parameters, and that of the gradient.
    ``powers`` holds the cost after the last step, by how much this has made it less, and the product of each pair of changes.
    Both are empty before the first step.
    """

    tolerance: float = 1e-5
    powers: tuple[float, ...] = field(default=(), init=False, repr=False)

    kind = "lbfgs"

    def memory(self) -> Memory:
        """The state in the search's form."""
        memory = Memory()
        if self.powers:
            memory.value, memory.fall, *products = self.powers
            rows = np.split(self.moments, 2 * len(products) or 1)
            memory.steps.extend(zip(rows[::2], rows[1::2], products, strict=False))
        return memory

    def keep(self, memory: Memory) -> None:
        """Store the state of a search that has taken a step."""
        rows = [row for *pair, _ in memory.steps for row in pair]
        self.moments = np.concatenate(rows) if rows else np.empty(0)
        self.powers = (memory.value, memory.fall, *(product for *_, product in memory.steps))

    def require(self, moments: np.ndarray, powers: tuple[float, ...]) -> None:
        count = len(powers) - 2 if powers else 0
        if not 0 <= count <= REMEMBERED or len(moments) != 2 * count:
            raise ValueError(f"moments must have two rows for each of at most {REMEMBERED} products, not {len(moments)}")
        lengths = [dot(row, row) for row in map(np.ascontiguousarray, moments[1::2])]
        if not all(0 < number < math.inf for number in (*powers[2:], *lengths)):
            raise ValueError("the products and the changes of gradients must be finite and not 0")


@dataclass
class Minimization(Training):
    """A training by limited-memory BFGS in progress: each epoch is one of its steps, on all samples.

    Attributes
    ----------
    optimizer : Lbfgs
        The optimizer.
    """

    optimizer: Lbfgs
    _search: tuple[Search, Any] | None = field(default=None, init=False)

    def _train(self, steps: Any = None) -> str:
        """Take a step, or say why there is none. A search goes on while parameters and cost are those that it knows."""
        assert steps is None
        own = self.model.parameters
        flat = own.finite()
        if self._search is None or self._search[1] is not self.model.cost or not np.array_equal(self._search[0].x, flat):
            _, l2, per = self.optimizer.regularization
            objective = Objective(self.model, self.data, l2, per)
            search = Search(objective, own.layout.copy(flat), self.optimizer.tolerance, self.optimizer.memory())
            self._search = search, self.model.cost
        search, _ = self._search
        if search.step():
            own.adopt(own.layout.copy(search.x))
            self.optimizer.keep(search.memory)
            return ""
        if not (math.isfinite(search.value) and np.isfinite(search.gradient).all()):
            raise DivergenceError(
                "the cost or its gradient is infinite or NaN, so lbfgs finds no step; the network is as before"
            )
        return {"converged": "the cost has converged", "abnormal": "no step makes the cost less"}[search.end]
