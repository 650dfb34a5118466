"""Shuffles and normal deviates from the draws of Python's ``random`` module, at the speed of compiled code.

One call draws many raw 32-bit numbers. Threads that share the generator can't interrupt a call.
"""

from __future__ import annotations

import os
from threading import RLock
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakSet

import numpy as np

from nndl_ext import _kernels

if TYPE_CHECKING:
    import random
    from types import ModuleType

    Generator: TypeAlias = "random.Random | ModuleType | Twister"

# The largest number of draws at once: some tens of kilobytes.
_AT_ONCE = 2**13

# From this length on, drawing many numbers at once is faster than NumPy's shuffle.
_LONG = 2500

# The largest v that the ratio of uniforms can accept: sqrt(2 / e).
_LARGEST_V = 0.8577638849607068


# The generators whose locks a forked process must renew, because the threads that hold them don't exist there.
_ALL: WeakSet[Twister] = WeakSet()


def _renew_locks() -> None:
    for twister in _ALL:
        twister._lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


class Twister:
    """The generator of ``random.Random``, which here draws many numbers at once.

    It is the Mersenne Twister (M. Matsumoto and T. Nishimura, ACM Trans. Model. Comput. Simul. 8, 1998, 3-30).

    Parameters
    ----------
    state : tuple
        The state of a ``random.Random``. Its second element holds 624 numbers, and how many of them have been drawn.
    """

    def __init__(self, state: tuple[int, tuple[int, ...], float | None]) -> None:
        self._lock = RLock()  # a signal handler may save the network in the middle of a call
        _ALL.add(self)
        self.setstate(state)

    @classmethod
    def of_numpy(cls, generator: np.random.RandomState) -> Twister:
        """A generator whose next draws are those of a ``RandomState`` with NumPy's usual Mersenne Twister."""
        state = generator.get_state(legacy=False)["state"]
        return cls((3, (*state["key"].tolist(), state["pos"]), None))

    def to_numpy(self, generator: np.random.RandomState) -> None:
        """Give a ``RandomState`` with NumPy's usual Mersenne Twister this generator's state."""
        with self._lock:
            key, drawn = self._state[:-1].copy(), int(self._state[-1])
        generator.set_state(generator.get_state(legacy=False) | {"state": {"key": key, "pos": drawn}})

    def getstate(self) -> tuple[int, tuple[int, ...], None]:
        with self._lock:
            return 3, tuple(self._state.tolist()), None

    def setstate(self, state: tuple[int, tuple[int, ...], float | None]) -> None:
        with self._lock:
            self._state = np.array(state[1], np.uint32)

    def draw(self, count: int) -> np.ndarray:
        draws = np.empty(count, np.uint32)
        with self._lock:
            _kernels.kernels.twist(self._state, draws)
        return draws

    def shuffle(self, order: np.ndarray, as_numpy: bool = False) -> None:
        with self._lock:
            _kernels.kernels.shuffle_by_twister(order, self._state, as_numpy)

    def __reduce__(self) -> tuple[type[Twister], tuple[object]]:
        return Twister, (self.getstate(),)


def module() -> ModuleType:
    """The module ``random``, whose functions are a generator's methods."""
    import random  # here, to keep the package quick to import

    return random


def seeded(seed: int) -> Twister:
    """A new generator with the draws of ``random.Random(seed)``."""
    return Twister(module().Random(seed).getstate())


def _draws(generator: Generator, count: int) -> np.ndarray:
    """The generator's next draws, at most ``count`` of them: uint32."""
    count = min(count, _AT_ONCE)
    if isinstance(generator, Twister):
        return generator.draw(count)
    drawn = generator.getrandbits(32 * count).to_bytes(4 * count, "little")  # the first draw is the least significant one
    return np.frombuffer(drawn, "<u4").astype(np.uint32, copy=False)


def draw_seed(generator: Generator) -> int:
    """What ``generator.getrandbits(64)`` returns."""
    low, high = _draws(generator, 2).tolist()
    return int(high << 32 | low)


def shuffle(order: np.ndarray, generator: Generator) -> None:
    """Shuffle an array exactly as ``generator.shuffle`` shuffles a list. The generator ends in the same state.

    If an exception such as Ctrl-C occurs, the generator is reset.

    Parameters
    ----------
    order : numpy.ndarray
        int64, shape (n,), contiguous, with n < 2**32; shuffled in place.
    generator : random.Random or Twister
        The source of the draws.
    """
    if isinstance(generator, Twister):
        generator.shuffle(order)
        return
    remaining, before = len(order) - 1, generator.getstate()
    try:
        while remaining > 0:
            # Each remaining element needs at least one draw, so none is wasted.
            remaining = _kernels.kernels.shuffle(order, remaining, _draws(generator, remaining), as_numpy=False)
    except BaseException:
        generator.setstate(before)
        raise


def shuffle_as_numpy(order: np.ndarray, generator: np.random.RandomState | Twister) -> None:
    """Shuffle an array exactly as ``RandomState.shuffle`` does; a long one in two thirds of the time.

    Parameters
    ----------
    order : numpy.ndarray
        As for `shuffle`.
    generator : numpy.random.RandomState or Twister
        The source of the draws. With a `Twister`, a shuffle takes half as long as with a ``RandomState``.
    """
    if isinstance(generator, Twister):
        generator.shuffle(order, as_numpy=True)
        return
    if type(generator) is not np.random.RandomState:
        own = order.copy()  # which a subclass may keep
        generator.shuffle(own)
        if not np.array_equal(np.sort(own), np.sort(order)):
            raise ValueError(f"{type(generator).__name__}.shuffle must change nothing but the order")
        order[:] = own
        return
    remaining = len(order) - 1
    if remaining < _LONG:
        generator.shuffle(order)
        return
    while remaining > 0:
        draws = generator.randint(0, 2**32, min(remaining, _AT_ONCE), np.uint32)
        remaining = _kernels.kernels.shuffle(order, remaining, draws, as_numpy=True)


def normal(shape: tuple[int, int], generator: Generator) -> np.ndarray:
    """Normal deviates, the same bits on every platform.

    The method is the ratio of uniforms (A. J. Kinderman and J. F. Monahan, ACM Trans. Math. Softw. 3, 1977, 257-260): v / u is
    normal where u**2 <= exp(-(v / u)**2 / 2). It needs only correctly rounded operations and the kernels' own ``exp``. Draws of
    u and v alternate; each is a ``generator.random()``, scaled to (0, 1] and [-sqrt(2 / e), sqrt(2 / e)).

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    generator : random.Random or Twister
        The source of the draws.

    Returns
    -------
    numpy.ndarray
        float64 of the given shape, with mean 0 and standard deviation 1.
    """
    deviates, done = np.empty(shape[0] * shape[1]), 0
    while done < len(deviates):
        high, low = _draws(generator, 4 * (len(deviates) - done)).reshape(-1, 2).T
        uniform = ((high >> 5) * 67108864.0 + (low >> 6)) / 9007199254740992.0  # what generator.random() returns
        u, v = 1.0 - uniform[::2], (2.0 * uniform[1::2] - 1.0) * _LARGEST_V
        ratio = v / u
        bound = np.empty_like(ratio)
        _kernels.kernels.exp(-0.5 * ratio * ratio, bound)
        accepted = ratio[u * u <= bound]
        deviates[done : done + len(accepted)] = accepted
        done += len(accepted)
    return deviates.reshape(shape)
