"""Learning rates that change from epoch to epoch, and the rule of no improvement in n epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nndl_ext._checks import finite_number, integer

# Returns the rate for an epoch, from its number and the accuracies of all previous epochs. None ends the training.
Rate = Callable[[int, Sequence[int]], float | None]


class Schedule(Protocol):
    """A learning rate that depends on the accuracies of previous epochs."""

    def rate(self, accuracies: Sequence[int]) -> float | None:
        """The rate for the next epoch, or None to end the training, from the accuracies of all epochs so far."""


@dataclass(frozen=True)
class HalveOnPlateau:
    """A learning rate that is halved whenever the accuracy has not improved for ``n`` epochs.

    The training ends when the rate has fallen to ``least`` times its first value (an exercise of chapter 3, "Learning rate
    schedule"). The accuracy is that on the data that early stopping uses.

    Parameters
    ----------
    eta : float
        The first rate.
    n : int, default 10
        The number of epochs without a new best accuracy, at least 1.
    least : float, default 1/128
        From above 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range.

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
        """The learning rate for the next epoch.

        Parameters
        ----------
        accuracies : sequence of int
            The accuracy after each epoch so far.

        Returns
        -------
        float or None
            None ends the training.
        """
        share = 0.5 ** min(plateaus(accuracies, self.n), 1000)
        return None if share < 1 and share <= self.least else float(self.eta) * share


def plateaus(accuracies: Sequence[int], n: int) -> int:
    """How often n accuracies in a row brought no new best."""
    best = since = count = 0
    for accuracy in accuracies:
        since = 0 if accuracy > best else since + 1
        best = max(best, accuracy)
        if since == n:
            count, since = count + 1, 0
    return count


def rate_of(eta: Any) -> Rate:
    """The function that gives each epoch's rate, made from a number, a function of the epoch, or a schedule.

    Raises
    ------
    TypeError, ValueError
        If ``eta`` is none of these, or not finite. The function raises them if a rate is not finite.
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
    """Whether a learning rate depends on accuracies."""
    return callable(getattr(eta, "rate", None))
