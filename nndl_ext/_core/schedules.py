"""Learning rates that change from epoch to epoch, and the rule of no improvement in n epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nndl_ext._core.validation import finite_number, integer

# Gives the rate for an epoch, from its number and the accuracies after those before; None ends the training.
Rate = Callable[[int, Sequence[int]], float | None]


class Schedule(Protocol):
    """A learning rate that depends on what came of the epochs before."""

    def rate(self, accuracies: Sequence[int]) -> float | None:
        """The rate for the next epoch, or None to end the training, from the accuracies after all epochs so far."""


@dataclass(frozen=True)
class HalveOnPlateau:
    """A learning rate that is halved each time that the accuracy has not improved in ``n`` epochs (an exercise of chapter 3,
    "Learning rate schedule"). The training ends when it has come down to ``least`` of its first value.

    It depends on the accuracy on evaluation data, or else on training data, as early stopping does.

    Parameters
    ----------
    eta : float
        The first rate.
    n : int, default 10
        Epochs without a better accuracy than the best so far, at least 1.
    least : float, default 1/128
        From above 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If a number is outside of its range.

    Examples
    --------
    >>> eta = HalveOnPlateau(0.5, n=2)
    >>> eta.rate([9000, 9100]), eta.rate([9000, 9100, 9050, 9100])
    (0.5, 0.25)
    """

    eta: float
    n: int = 10
    least: float = 1 / 128

    def __post_init__(self) -> None:
        finite_number(self.eta, "eta")
        integer(self.n, "n", least=1)
        if not 0 < finite_number(self.least, "least") <= 1:
            raise ValueError(f"least must be from above 0 to 1, not {self.least}")

    def rate(self, accuracies: Sequence[int]) -> float | None:
        """The rate for the next epoch, or None to end the training, from the accuracies after all epochs so far."""
        share = 0.5 ** min(plateaus(accuracies, self.n), 1000)
        return None if share < 1 and share <= self.least else float(self.eta) * share


def plateaus(accuracies: Sequence[int], n: int) -> int:
    """How many times there were n accuracies in a row of which none was better than the best before."""
    best = since = count = 0
    for accuracy in accuracies:
        since = 0 if accuracy > best else since + 1
        best = max(best, accuracy)
        if since == n:
            count, since = count + 1, 0
    return count


def rate_of(eta: Any) -> Rate:
    """The rate for each epoch, of what a user gives: a number, a function of the epoch, or a schedule.

    Raises
    ------
    TypeError, ValueError
        If it is neither, or not finite; later, if what it returns is not.
    """
    if callable(getattr(eta, "rate", None)):

        def scheduled(_: int, accuracies: Sequence[int]) -> float | None:
            rate = eta.rate(accuracies)
            return None if rate is None else finite_number(rate, "what eta.rate returns")

        return scheduled
    if callable(eta):
        return lambda epoch, _: finite_number(eta(epoch), "what eta returns")
    number = finite_number(eta, "eta")
    return lambda *_: number


def is_scheduled(eta: Any) -> bool:
    """Whether a rate depends on accuracies."""
    return callable(getattr(eta, "rate", None))
