"""The solvers sgd and adam: an optimizer of the engine with a schedule for its learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from nndl_ext._engine.optimizers import AdamDescent, MomentumDescent, Optimizer

# The schedule "adaptive" stops at this learning rate.
_TOO_SMALL = 1e-6

# Enough digits to round a power correctly, so that it has the same bits on every machine.
_EXACT = Context(prec=60, traps=[])


@dataclass
class Solver:
    """An optimizer and the schedule of its learning rate. Pickles of an estimator include it, with the moments.

    Attributes
    ----------
    optimizer : Optimizer
        The engine's optimizer.
    schedule : str
        "constant", "invscaling" or "adaptive".
    initial : float
        The initial learning rate.
    power : float
        The exponent of "invscaling".
    """

    optimizer: Optimizer
    schedule: str
    initial: float
    power: float

    @classmethod
    def of(cls, estimator: Any) -> Solver:
        """The solver for an estimator's parameters."""
        eta = float(estimator.learning_rate_init)
        if estimator.solver == "adam":
            adam = AdamDescent(eta, float(estimator.beta_1), float(estimator.beta_2), float(estimator.epsilon))
            return cls(adam, "constant", eta, 0.0)
        momentum = MomentumDescent(eta, momentum=float(estimator.momentum), nesterov=bool(estimator.nesterovs_momentum))
        return cls(momentum, estimator.learning_rate, eta, float(estimator.power_t))

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next steps."""
        return self.optimizer.eta

    def epoch_ends(self, samples: int) -> None:
        """Set the learning rate for the next epoch, after this total number of samples."""
        if self.schedule == "invscaling":
            divisor = float(_EXACT.power(Decimal(samples + 1), Decimal(self.power)))
            if divisor == math.inf:
                raise ValueError(f"power_t={self.power:g} makes the learning rate 0 after {samples} samples")
            self.optimizer.eta = self.initial / divisor

    def stops(self, message: str, verbose: Any) -> bool:
        """Decide, when nothing improves any more, whether to stop or to continue with a smaller learning rate."""
        if self.schedule != "adaptive":
            end = "Stopping."
        elif self.optimizer.eta <= _TOO_SMALL:
            end = "Learning rate too small. Stopping."
        else:
            self.optimizer.eta /= 5.0
            end = f"Setting learning rate to {self.optimizer.eta:f}"
        if verbose:
            print(message, end)
        return end.endswith("Stopping.")
