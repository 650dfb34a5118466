"""The solvers sgd and adam: an optimiser of the engine, and how its learning rate changes from epoch to epoch."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from nndl_ext._core.optimisers import Adam, Momentum, Optimiser

# Below this learning rate the schedule "adaptive" gives up.
_TOO_SMALL = 1e-6

# Digits enough for a power that is rounded right, on every machine.
_EXACT = Context(prec=60)


@dataclass
class Solver:
    """An optimiser, and the schedule of its learning rate. It is saved with its estimator, the moments included.

    Attributes
    ----------
    optimiser : Optimiser
        What takes the steps.
    schedule : str
        "constant", "invscaling" or "adaptive".
    initial : float
        The learning rate at first.
    power : float
        The exponent of "invscaling".
    """

    optimiser: Optimiser
    schedule: str
    initial: float
    power: float

    @classmethod
    def of(cls, estimator: Any) -> Solver:
        """The one that an estimator's parameters describe."""
        eta = float(estimator.learning_rate_init)
        if estimator.solver == "adam":
            adam = Adam(eta, float(estimator.beta_1), float(estimator.beta_2), float(estimator.epsilon))
            return cls(adam, "constant", eta, 0.0)
        momentum = Momentum(eta, momentum=float(estimator.momentum), nesterov=bool(estimator.nesterovs_momentum))
        return cls(momentum, estimator.learning_rate, eta, float(estimator.power_t))

    @property
    def learning_rate(self) -> float:
        """That of the next steps."""
        return self.optimiser.eta

    def epoch_ends(self, samples: int) -> None:
        """Go on to the next epoch, after so many samples in all."""
        if self.schedule == "invscaling":
            self.optimiser.eta = self.initial / float(_EXACT.power(Decimal(samples + 1), Decimal(self.power)))

    def stops(self, message: str, verbose: Any) -> bool:
        """Whether to stop, where nothing improves any more, rather than go on with a smaller learning rate."""
        if self.schedule != "adaptive":
            end = "Stopping."
        elif self.optimiser.eta <= _TOO_SMALL:
            end = "Learning rate too small. Stopping."
        else:
            self.optimiser.eta /= 5.0
            end = f"Setting learning rate to {self.optimiser.eta:f}"
        if verbose:
            print(message, end)
        return end.endswith("Stopping.")
