"""Shuffles and normal deviates from a generator of Python's ``random`` module, at the speed of compiled code.

NumPy's MT19937 takes over the state of the generator, hands out raw 32-bit numbers, and gives the state back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from nndl_ext._kernels import kernels

if TYPE_CHECKING:
    import random

# The largest v that the ratio of uniforms can accept: sqrt(2 / e).
_LARGEST_V = 0.8577638849607068


def source(seed: int | None = None) -> Any:
    """A new ``random.Random``; or, without a seed, the module ``random``, whose functions are the methods of a generator.

    Parameters
    ----------
    seed : int, optional
        At least 0.
    """
    import random  # takes a fiftieth of the time that NumPy does

    return random if seed is None else random.Random(seed)


@contextmanager
def _raw_draws(generator: random.Random) -> Iterator[Callable[[int], np.ndarray]]:
    """A function of n that makes the next n draws of the generator, as an array of 32-bit numbers."""
    version, state, gauss_next = generator.getstate()
    twister = np.random.MT19937()
    twister.state = {"bit_generator": "MT19937", "state": {"key": state[:-1], "pos": state[-1]}}
    yield twister.random_raw
    after = twister.state["state"]
    generator.setstate((version, (*after["key"].tolist(), after["pos"]), gauss_next))


def shuffle(order: np.ndarray, generator: random.Random) -> None:
    """Do to an array what ``generator.shuffle`` does to a list, and leave the generator in the state in which it does.

    Parameters
    ----------
    order : numpy.ndarray
        int64, shape (n,), contiguous, with n < 2**32; shuffled in place.
    generator : random.Random
        The source of the draws.
    """
    remaining = len(order) - 1
    with _raw_draws(generator) as draw:
        while remaining > 0:
            # Each element left takes a draw or more, so none of these is in vain.
            remaining = kernels.shuffle(order, remaining, draw(remaining))


def normal(shape: tuple[int, int], generator: random.Random) -> np.ndarray:
    """Normal deviates, the same bits on every platform.

    They come by the ratio of uniforms (A. J. Kinderman and J. F. Monahan, ACM Trans. Math. Softw. 3, 1977, 257-260): v / u is
    normal where u**2 <= exp(-(v / u)**2 / 2). That takes only correctly rounded operations and the kernels' own ``exp``. Each u
    and v in turn is a ``generator.random()``, brought into (0, 1] and [-sqrt(2 / e), sqrt(2 / e)).

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    generator : random.Random
        The source of the draws.

    Returns
    -------
    numpy.ndarray
        float64, of the given shape, mean 0 and standard deviation 1.
    """
    count = shape[0] * shape[1]
    deviates = np.empty(0)
    with _raw_draws(generator) as draw:
        while len(deviates) < count:
            high, low = draw(4 * (count - len(deviates))).reshape(-1, 2).T
            uniform = ((high >> 5) * 67108864.0 + (low >> 6)) / 9007199254740992.0  # what generator.random() returns
            u, v = 1.0 - uniform[::2], (2.0 * uniform[1::2] - 1.0) * _LARGEST_V
            ratio = v / u
            bound = np.empty_like(ratio)
            kernels.exp(-0.5 * ratio * ratio, bound)
            deviates = np.concatenate([deviates, ratio[u * u <= bound]])
    return deviates.reshape(shape)
