"""The base of chapter 2's and 3's networks: made from settings, with a cost and an optimizer, stored in files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import numpy as np

from nndl_ext._book import settings
from nndl_ext._book.base import BookNetwork, Data
from nndl_ext._book.monitors import History
from nndl_ext._book.settings import Settings
from nndl_ext._data.dataset import Dataset
from nndl_ext._engine import costs, generators
from nndl_ext._engine.costs import CrossEntropyCost
from nndl_ext._engine.minimization import Lbfgs, Minimization
from nndl_ext._engine.optimizers import Descent, Optimizer
from nndl_ext._engine.training import Training
from nndl_ext._files import saving


class ChosenNetwork(BookNetwork):
    """A network with a choice of cost, activations and optimizer. See `nndl_ext.network2.Network` for its parameters."""

    _neuron = "chosen"
    _settings = Settings(CrossEntropyCost)
    _optimizer: Optimizer = Descent(0.0)
    history: History = History.begin()

    @property
    def cost(self) -> Any:
        """The cost: a class or an object with functions ``fn`` and ``delta``."""
        return self._settings.cost

    @cost.setter
    def cost(self, cost: Any) -> None:
        self._model.take_cost(costs.for_kernels(costs.checked(cost)))
        self._settings = self._settings._replace(cost=cost)

    def _refresh(self) -> None:
        self._model.take_cost(costs.for_kernels(self.cost))  # a program may have replaced one of its functions

    def _checked(self, pairs: Data, name: str) -> Dataset:
        data = super()._checked(pairs, name)
        if self._current.cost == "log-likelihood":
            data.require_distributions(self._model.sizes[-1], name)
        return data

    def _draw(self, divisors: Sequence[float]) -> None:
        """Draw new biases and weights; divide the weights of each layer by its divisor."""
        biases = [self._normal((neurons, 1)) for neurons in self.sizes[1:]]
        shapes = zip(self.sizes[1:], self.sizes[:-1], strict=True)
        weights = [self._normal(shape) / divisor for shape, divisor in zip(shapes, divisors, strict=True)]
        self._model.parameters.replace(biases, weights)
        self._optimizer = self._settings.new_optimizer()

    def _training(self, data: Dataset, size: int, optimizer: Optimizer, order: np.ndarray) -> Training:
        """A training of this network."""
        if isinstance(optimizer, Lbfgs):
            return Minimization(self._model, data, size, optimizer, self._shuffle, order)
        rates = self._settings.rates(self.num_layers - 2)
        draw_seed = partial(generators.draw_seed, self._generator)
        return Training(self._model, data, size, optimizer, self._shuffle, order, rates, draw_seed)

    def _cost_of(self, outputs: np.ndarray, data: Dataset, lmbda: float) -> float:
        """The total cost of a data set for which the network has these outputs."""
        desired = data.desired_outputs(self._model.sizes[-1], self.dtype)
        cost = _sum(self._current.costs(outputs, desired)) / len(data)
        if not lmbda:
            return cost
        _, weights = self._model.parameters.layout.views(self._model.parameters.flat())
        if self._settings.regularization == "l1":
            return cost + lmbda / len(data) * math.fsum(_sum(np.abs(w)) for w in weights)
        return cost + 0.5 * (lmbda / len(data)) * math.fsum(_sum_of_squares(w) for w in weights)

    def _described(self) -> dict[str, Any]:
        """The settings as text and numbers."""
        return self._settings.described(self._model)

    def _saved(self, **notes: np.ndarray) -> saving.Saved:
        optimizer, layout = self._optimizer, self._model.parameters.layout
        moments = [layout.packed(flat) for flat in optimizer.moments.reshape(-1, layout.size)] or np.empty((0, 0))
        described = self._described() | {"powers": optimizer.powers}
        return super()._saved(**notes)._replace(settings=described, moments=np.array(moments))

    @classmethod
    def _from_saved(cls, saved: saving.Saved, **given: Any) -> Self:
        if saved.neuron == "perceptron":
            raise ValueError("it holds perceptrons: use nndl_ext.load")
        of_chapter_1 = saved.neuron == "sigmoid"
        if of_chapter_1:
            cost = given["cost"] if "cost" in given else settings.cost_of(saved.settings.get("cost"))
            chosen = Settings(cost)._replace(**given)
        else:
            chosen = settings.from_description(saved.settings, given)
        net = cls._restored(saved, chosen.model(saved.sizes, saved.weights[0].dtype))
        net._settings, net._optimizer = chosen, chosen.new_optimizer()
        if not of_chapter_1:
            settings.restore(net._optimizer, net._model, saved.moments, saved.settings["powers"])
        return net

    def gradient_norms(self, data: Data) -> list[float]:
        """How fast each layer learns: the norm of the mean gradient with respect to its biases (chapter 5).

        Parameters
        ----------
        data : Dataset or iterable of tuple
            Pairs (x, y).

        Returns
        -------
        list of float
            One norm for each layer after the first.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, or a weight or bias is infinite or NaN.
        """
        return [math.sqrt(_sum_of_squares(nabla)) for nabla in self.cost_gradient(data)[0]]


def _sum_of_squares(array: np.ndarray) -> float:
    with np.errstate(under="ignore"):
        return _sum(np.square(array, dtype=np.float64))


def _sum(array: np.ndarray) -> float:
    """The sum of all elements in index order. The order of NumPy's ``sum`` may change."""
    return float(np.cumsum(array, dtype=np.float64)[-1])
