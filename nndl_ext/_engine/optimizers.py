"""The optimizers' hyper-parameters and state. The kernels take the steps.

``optimizers.pxi`` says what a new optimizer needs.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar, NamedTuple, Self

import numpy as np

from nndl_ext import _kernels

# The fields of the kernels' ``Step``; see ``optimizers.pxi``.
_RATES = ("eta", "l1", "l2", "per", "first", "second", "epsilon", "first_power", "second_power")
_STEP = np.dtype([("optimizer", np.int64), *((name, np.float64) for name in _RATES)])


class Regularization(NamedTuple):
    """The term added to the cost: (l1 sum |w| + l2 / 2 sum w**2) / per, over all weights but not biases.

    ``per`` is a number of samples: in the book that of the data set; 0 stands for that of the mini-batch, as in scikit-learn.
    """

    l1: float = 0.0
    l2: float = 0.0
    per: float = 0.0


@dataclass
class Optimizer:
    """The base class of optimizers.

    Attributes
    ----------
    eta : float
        The learning rate of the next steps.
    regularization : Regularization
        The regularization term of the cost.
    moments : numpy.ndarray
        The state of all parameters: ``number_of_moments`` flat arrays like that of the parameters, one after the other; empty
        before the first step.
    powers : tuple of float
        The rest of the state: the two decay rates, each to the power of the number of steps taken.
    """

    eta: float
    regularization: Regularization = field(default=Regularization(), kw_only=True)
    moments: np.ndarray = field(default_factory=partial(np.empty, 0), init=False, repr=False)
    powers: tuple[float, ...] = field(default=(1.0, 1.0), init=False, repr=False)

    kind: ClassVar[str]
    number_of_moments: ClassVar[int] = 0

    @property
    def _name(self) -> str:
        """The kernels' name for this optimizer."""
        return self.kind

    @property
    def _rates(self) -> tuple[float, float, float]:
        """First and second decay rate, and epsilon."""
        return 0.0, 0.0, 0.0

    def step(self) -> np.ndarray:
        """The kernels' ``Step``: shape (1,)."""
        number = _kernels.kernels.OPTIMIZERS[self._name]
        return np.array([(number, self.eta, *self.regularization, *self._rates, *self.powers)], _STEP)

    def after(self, step: np.ndarray, moments: np.ndarray) -> None:
        """Store the state after the kernels' steps."""
        self.moments, self.powers = moments, (float(step["first_power"][0]), float(step["second_power"][0]))

    def require(self, moments: np.ndarray, powers: tuple[float, ...]) -> None:
        """Refuse a state from an untrusted file, with a row for each moment, that no steps can have led to.

        Raises
        ------
        ValueError
            If it is refused.
        """
        if len(moments) not in (0, self.number_of_moments) or (moments[1:] < 0).any():
            raise ValueError(f"moments must have {self.number_of_moments} rows, and second moments must be at least 0")
        if len(powers) != 2 or not all(0 <= power <= 1 for power in powers):
            raise ValueError(f"powers must be two numbers from 0 to 1, not {reprlib.repr(powers)}")

    def copy(self) -> Self:
        """A copy with its own state."""
        other = replace(self)
        other.moments, other.powers = self.moments.copy(), self.powers
        return other


@dataclass
class Descent(Optimizer):
    """Gradient descent: w' = w - eta g (the book's equations 20 and 21)."""

    kind = "descent"


@dataclass
class MomentumDescent(Optimizer):
    """Momentum: v' = momentum v - eta g, w' = w + v' (the book's equations 107 and 108).

    With ``nesterov``: w' = w + momentum v' - eta g (I. Sutskever, J. Martens, G. Dahl and G. Hinton, ICML 2013, in the form
    that scikit-learn uses).
    """

    momentum: float = 0.9
    nesterov: bool = False

    kind = "momentum"
    number_of_moments = 1

    @property
    def _name(self) -> str:
        return "nesterov" if self.nesterov else "momentum"

    @property
    def _rates(self) -> tuple[float, float, float]:
        return self.momentum, 0.0, 0.0


@dataclass
class AdamDescent(Optimizer):
    """Adam: steps from running means of the gradient and its square.

    D. P. Kingma and J. Ba, ICLR 2015, in the more efficient order of computation at the end of section 2.
    """

    eta: float = 1e-3
    first: float = 0.9
    second: float = 0.999
    epsilon: float = 1e-8

    kind = "adam"
    number_of_moments = 2

    @property
    def _rates(self) -> tuple[float, float, float]:
        return self.first, self.second, self.epsilon


@dataclass
class _Gradient(Optimizer):
    """Computes the gradient and takes no step."""

    kind = "none"


GRADIENT_ALONE = _Gradient(1.0)
