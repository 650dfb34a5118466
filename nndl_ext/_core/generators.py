"""Shuffles and normal deviates from a generator of Python's ``random`` module, at the speed of compiled code.

Draws are raw 32-bit numbers, as many at once as one call of ``getrandbits`` gives: a call is one step for all threads that
share the generator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nndl_ext._kernels import kernels

if TYPE_CHECKING:
    import random

# The most draws at once, which take some tens of kilobytes.
_AT_ONCE = 2**13

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


def _draws(generator: random.Random, count: int) -> np.ndarray:
    """The next draws of the generator, at most ``count`` of them: uint32."""
    count = min(count, _AT_ONCE)
    drawn = generator.getrandbits(32 * count).to_bytes(4 * count, "little")  # the first draw is the least significant one
    return np.frombuffer(drawn, "<u4").astype(np.uint32, copy=False)


def shuffle(order: np.ndarray, generator: random.Random) -> None:
    """Do to an array what ``generator.shuffle`` does to a list, and leave the generator in the state in which it does.

    An exception on the way, such as Ctrl-C, leaves the generator as it was.

    Parameters
    ----------
    order : numpy.ndarray
        int64, shape (n,), contiguous, with n < 2**32; shuffled in place.
    generator : random.Random
        The source of the draws.
    """
    remaining, before = len(order) - 1, generator.getstate()
    try:
        while remaining > 0:
            # Each element left takes a draw or more, so none of these is in vain.
            remaining = kernels.shuffle(order, remaining, _draws(generator, remaining))
    except BaseException:
        generator.setstate(before)
        raise


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
    deviates, done = np.empty(shape[0] * shape[1]), 0
    while done < len(deviates):
        high, low = _draws(generator, 4 * (len(deviates) - done)).reshape(-1, 2).T
        uniform = ((high >> 5) * 67108864.0 + (low >> 6)) / 9007199254740992.0  # what generator.random() returns
        u, v = 1.0 - uniform[::2], (2.0 * uniform[1::2] - 1.0) * _LARGEST_V
        ratio = v / u
        bound = np.empty_like(ratio)
        kernels.exp(-0.5 * ratio * ratio, bound)
        accepted = ratio[u * u <= bound]
        deviates[done : done + len(accepted)] = accepted
        done += len(accepted)
    return deviates.reshape(shape)
