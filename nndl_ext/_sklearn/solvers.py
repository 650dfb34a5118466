"""The solvers sgd and adam: scikit-learn's optimizers, which programs look into, and the engine's, which take the steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Context, Decimal
from itertools import repeat
from typing import Any

import numpy as np
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer  # nothing public has their attributes

from nndl_ext._checks import as_dtype, shaped
from nndl_ext._engine.optimizers import AdamDescent, MomentumDescent, Regularization
from nndl_ext._engine.parameters import Layout
from nndl_ext._sklearn.networks import are_same

# Enough digits to round a power correctly, so that it has the same bits on every machine.
_EXACT = Context(prec=60, traps=[])


def made_for(estimator: Any) -> AdamOptimizer | SGDOptimizer:
    """scikit-learn's optimizer for an estimator's parameters, without moments."""
    eta = float(estimator.learning_rate_init)
    if estimator.solver == "adam":
        return AdamOptimizer([], eta, float(estimator.beta_1), float(estimator.beta_2), float(estimator.epsilon))
    momentum, nesterov = float(estimator.momentum), bool(estimator.nesterovs_momentum)
    return SGDOptimizer([], eta, estimator.learning_rate, momentum, nesterov, float(estimator.power_t))


def set_rate(optimizer: Any, eta: float, samples: int) -> None:
    """Give scikit-learn's optimizer, which has seen this number of samples, another initial learning rate."""
    optimizer.learning_rate_init = optimizer.learning_rate = eta
    follow_schedule(optimizer, samples)


def follow_schedule(optimizer: Any, samples: int) -> None:
    """Set the learning rate of scikit-learn's optimizer for the next epoch, after this total number of samples."""
    if getattr(optimizer, "lr_schedule", None) == "invscaling":
        divisor = float(_EXACT.power(Decimal(samples + 1), Decimal(optimizer.power_t)))
        if divisor == math.inf:
            raise ValueError(f"power_t={optimizer.power_t:g} makes the learning rate 0 after {samples} samples")
        optimizer.learning_rate = float(optimizer.learning_rate_init) / divisor


class Solver:
    """The engine's optimizer in the place of scikit-learn's.

    Parameters
    ----------
    theirs : AdamOptimizer or SGDOptimizer
        scikit-learn's optimizer. What a program sets in it holds from the next `take` on.
    layout : Layout
        The places of the network's parameters.

    Attributes
    ----------
    optimizer : Optimizer
        The engine's optimizer.
    """

    def __init__(self, theirs: AdamOptimizer | SGDOptimizer, layout: Layout) -> None:
        self.theirs, self.layout = theirs, layout
        self.optimizer: AdamDescent | MomentumDescent
        self._names: tuple[str, ...]
        if isinstance(theirs, AdamOptimizer):
            self.optimizer, self._names = AdamDescent(), ("ms", "vs")
        else:
            self.optimizer, self._names = MomentumDescent(0.0), ("velocities",)
        self._published: list[list[np.ndarray]] = []
        self._powers: tuple[int, tuple[float, ...]] = (
            0,
            (1.0, 1.0),
        )  # Adam's number of steps, and the engine's powers after them

    def take(self, alpha: float) -> None:
        """Take over what a program may have set in scikit-learn's optimizer. ``alpha`` is the strength of the L2 penalty."""
        theirs, own = self.theirs, self.optimizer
        own.regularization = Regularization(l2=alpha)
        if isinstance(own, AdamDescent):
            rates = own.first, own.second
            own.eta, own.epsilon = float(theirs.learning_rate_init), float(theirs.epsilon)
            own.first, own.second = float(theirs.beta_1), float(theirs.beta_2)
            if theirs.t != self._powers[0] or rates != (own.first, own.second):
                own.powers = _power(own.first, theirs.t), _power(own.second, theirs.t)
                self._powers = theirs.t, own.powers
        else:
            own.eta, own.momentum, own.nesterov = float(theirs.learning_rate), float(theirs.momentum), bool(theirs.nesterov)
        lists = [getattr(theirs, name) for name in self._names]
        if not self._published or not all(map(are_same, lists, self._published)):
            own.moments = self._filled(lists)

    def publish(self) -> None:
        """Show the engine's state in scikit-learn's optimizer."""
        theirs, own = self.theirs, self.optimizer
        self._published = self._views(own.moments)
        for name, views in zip(self._names, self._published, strict=True):
            setattr(theirs, name, views.copy())
        if isinstance(own, AdamDescent):
            steps, powers = self._powers
            while powers != own.powers:  # the steps of an interrupted epoch
                steps, powers = steps + 1, (powers[0] * own.first, powers[1] * own.second)
            theirs.t, self._powers = steps, (steps, powers)
            if steps:
                theirs.learning_rate = own.eta * np.sqrt(1 - powers[1]) / (1 - powers[0])

    def epoch_ends(self, steps: int, samples: int) -> None:
        """Count the steps of an epoch and, with this total number of samples, set the learning rate for the next epoch."""
        if isinstance(self.optimizer, AdamDescent):
            self._powers = self._powers[0] + steps, self.optimizer.powers
        else:
            follow_schedule(self.theirs, samples)
            self.optimizer.eta = self.theirs.learning_rate

    def stops(self, message: str, verbose: bool) -> bool:
        """Decide, when nothing improves any more, whether to stop or to continue with a smaller learning rate."""
        stops: bool = self.theirs.trigger_stopping(message, verbose)
        if isinstance(self.optimizer, MomentumDescent):
            self.optimizer.eta = self.theirs.learning_rate
        return stops

    def _filled(self, lists: Sequence[Sequence[Any]]) -> np.ndarray:
        """The engine's array of these moments; zeros for empty lists."""
        moments = self.layout.zeros(len(lists))
        for name, given, views in zip(self._names, lists, self._views(moments), strict=True):
            if len(given) not in (0, len(views)):
                raise ValueError(f"_optimizer.{name} must be a list of {len(views)} arrays, not of {len(given)}")
            for place, (view, array) in enumerate(zip(views, given, strict=False)):
                label = f"_optimizer.{name}[{place}]"
                view[:] = as_dtype(shaped(array, view.shape, label), self.layout.dtype, label)
        return moments

    def _views(self, moments: np.ndarray) -> list[list[np.ndarray]]:
        """The moments in scikit-learn's order: for each kind, those of ``coefs_``, then those of ``intercepts_``."""
        pairs = [self.layout.views(flat) for flat in moments.reshape(len(self._names), -1)]
        return [[*(w.T for w in weights), *(b[:, 0] for b in biases)] for biases, weights in pairs]


def _power(decay: float, steps: int) -> float:
    """A power, rounded as the kernels round it: after each step."""
    return float(math.prod(repeat(decay, steps)))
