"""The parameters of a network: all weights and biases in one flat array, as the kernels read them.

First come the biases of all layers, a row for each. A layer's weights have a row for each input: the weights with which the
neurons receive it. So a kernel runs over neurons along contiguous memory. Zeros pad each row to a whole number of 64-byte
vectors. A small last layer would be padding for the most part. It is therefore stored transposed, with a row of weights for
each neuron. The weights that users see are views of this array. The biases are copies, which are updated before each use: so a
user who keeps a few biases does not keep all weights in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple, SupportsIndex

import numpy as np

from nndl_ext._checks import as_dtype, finite, shaped

VECTOR = 64  # bytes

# The largest last layer that is transposed, in neurons; `errors_before_few` in ``layer.pxi`` supports no more.
_FEW = 4

# Rows of a multiple of so many bytes get one more vector of padding. Without it, a column of the matrix would compete for a few
# places of the cache.
_COLLIDING = 2048

Arrays = list[np.ndarray]


class Matrix(np.ndarray):
    """A matrix of weights, or of gradients by weights, in the kernels' memory.

    Its elements are in the kernels' order, so ``ravel`` and ``reshape`` may have to copy them. Such a copy is read-only, since
    writing to it would not change the matrix. Results of computations are ordinary arrays.
    """

    def ravel(self, *arguments: Any, **options: Any) -> Any:
        """``ndarray.ravel``, but a copy is read-only."""
        return self._same_memory_or_locked(super().ravel(*arguments, **options))

    def reshape(self, *arguments: Any, **options: Any) -> Any:
        """``ndarray.reshape``, but a copy is read-only."""
        return self._same_memory_or_locked(super().reshape(*arguments, **options))

    def astype(self, *arguments: Any, **options: Any) -> Any:
        """``ndarray.astype``, but a copy is an ordinary array."""
        return self._same_memory_or_ordinary(super().astype(*arguments, **options))

    def copy(self, *arguments: Any, **options: Any) -> Any:
        """``ndarray.copy``, but the copy is an ordinary array."""
        return self._same_memory_or_ordinary(super().copy(*arguments, **options))

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, _memo: object) -> Any:
        return self.copy()

    def __array_wrap__(self, array: np.ndarray, *_: Any) -> Any:
        if isinstance(array, Matrix):  # the user's ``out=``
            return array
        return np.ascontiguousarray(array)[()] if array.ndim else array[()]

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        result = super().__array_function__(function, types, arguments, options)
        fresh = isinstance(result, np.ndarray) and result.flags.writeable
        return self._same_memory_or_ordinary(result) if fresh else result

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return np.array(self, order="C").__reduce_ex__(protocol)

    def _same_memory_or_ordinary(self, other: np.ndarray) -> np.ndarray:
        return other if np.may_share_memory(self, other) else np.ascontiguousarray(other)

    def _same_memory_or_locked(self, other: np.ndarray) -> np.ndarray:
        if not np.may_share_memory(self, other):
            other.flags.writeable = False
        return other


class _Layer(NamedTuple):
    """One layer after the first, as the kernels read it, in numbers of elements. See ``layer.pxi``."""

    biases: int
    weights: int
    inputs: int
    neurons: int
    stride: int
    across: int
    activation: int

    @property
    def rows(self) -> int:
        """The number of rows of weights."""
        return self.neurons if self.across else self.inputs

    @property
    def end(self) -> int:
        return self.weights + self.rows * self.stride


def make_layout(sizes: Sequence[int], dtype: np.dtype, activations: Sequence[int]) -> np.ndarray:
    """The position of each layer in the flat array, and its activation.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons in each layer, inputs first.
    dtype : numpy.dtype
        float32 or float64.
    activations : sequence of int
        The kernels' number for the activation of each layer after the first; -1 for a function in Python.

    Returns
    -------
    numpy.ndarray
        int64, shape (len(sizes) - 1, 7): a `_Layer` for each layer after the first.
    """

    def padded(count: int) -> int:
        lanes = VECTOR // dtype.itemsize
        row = -(-count // lanes) * lanes
        return row + lanes * (row * dtype.itemsize % _COLLIDING == 0)

    layers: list[_Layer] = []
    biases, weights = 0, sum(map(padded, sizes[1:]))
    for number, (inputs, neurons) in enumerate(pairwise(sizes)):
        across = 0 < number == len(sizes) - 2 and neurons <= _FEW
        stride = padded(inputs if across else neurons)
        layers.append(_Layer(biases, weights, inputs, neurons, stride, across, activations[number]))
        biases, weights = biases + padded(neurons), layers[-1].end
    return np.array(layers, np.int64)


def zeros(layout: np.ndarray, dtype: np.dtype, count: int = 1) -> np.ndarray:
    """Zeros for ``count`` flat arrays of all parameters, one after the other, aligned to 64 bytes."""
    size = count * _Layer(*layout[-1].tolist()).end * dtype.itemsize
    memory = np.zeros(size + VECTOR, np.uint8)
    start = -memory.ctypes.data % VECTOR
    return memory[start : start + size].view(dtype)


def copy(layout: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """An aligned copy of a flat array."""
    duplicate = zeros(layout, flat.dtype)
    duplicate[:] = flat
    return duplicate


def views(layout: np.ndarray, flat: np.ndarray) -> tuple[Arrays, Arrays]:
    """The biases, of shape (neurons, 1), and the weights, of shape (neurons, inputs), of each layer, as views of ``flat``."""
    return _biases(layout, flat), _weights(layout, flat)


def apart(layout: np.ndarray, flat: np.ndarray) -> tuple[Arrays, Arrays]:
    """`views`, but with a copy of the biases."""
    return _biases(layout, flat[: _number_of_biases(layout)].copy()), _weights(layout, flat)


def _number_of_biases(layout: np.ndarray) -> int:
    return _Layer(*layout[0].tolist()).weights


def _biases(layout: np.ndarray, flat: np.ndarray) -> Arrays:
    layers = (_Layer(*row) for row in layout.tolist())
    return [flat[layer.biases : layer.biases + layer.neurons, np.newaxis] for layer in layers]


def _weights(layout: np.ndarray, flat: np.ndarray) -> Arrays:
    weights: Arrays = []
    for row in layout.tolist():
        layer = _Layer(*row)
        rows = flat[layer.weights : layer.end].reshape(layer.rows, layer.stride)
        weights.append((rows[:, : layer.inputs] if layer.across else rows[:, : layer.neurons].T).view(Matrix))
    return weights


def packed(layout: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """The numbers in a flat array without padding: biases, then weights, row by row."""
    return np.concatenate([np.ravel(array) for arrays in views(layout, flat) for array in arrays])


def unpacked(layout: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The flat array from which `packed` made these numbers."""
    flat, done = zeros(layout, numbers.dtype), 0
    for arrays in views(layout, flat):
        for array in arrays:
            array[:] = numbers[done : done + array.size].reshape(array.shape)
            done += array.size
    return flat


class _State(NamedTuple):
    """The parameters at one moment.

    ``given`` are the biases and weights that the user sees; ``flat`` is the kernels' array, ``place_of_biases`` the memory of
    its biases; ``biases`` is the memory of the user's biases; ``views`` are our arrays, to detect that the user replaced one.
    """

    given: tuple[Arrays, Arrays]
    flat: np.ndarray
    place_of_biases: memoryview
    biases: memoryview
    views: tuple[Arrays, Arrays]


class Parameters:
    """The biases and weights of a network, which the user may edit or replace.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons in each layer, inputs first.
    dtype : numpy.dtype
        float32 or float64.
    activations : sequence of int
        See `make_layout`.

    Attributes
    ----------
    layout : numpy.ndarray
        The result of `make_layout`.
    biases, weights : list of numpy.ndarray
        Views of a copy of the biases, and of the weights in the flat array; or the user's replacements.
    """

    def __init__(self, sizes: Sequence[int], dtype: np.dtype, activations: Sequence[int]) -> None:
        self._dtype = dtype
        self.layout = make_layout(sizes, dtype, activations)
        self.adopt(zeros(self.layout, dtype))

    def adopt(self, flat: np.ndarray) -> None:
        """Take a new flat array, in one assignment, because other threads may be reading the old one."""
        count = _number_of_biases(self.layout)
        own = flat[:count].copy()
        biases, weights = _biases(self.layout, own), _weights(self.layout, flat)
        self._state = _State((biases, weights), flat, flat[:count].data, own.data, (biases.copy(), weights.copy()))

    def given(self) -> tuple[Arrays, Arrays]:
        """Biases and weights that belong together, even while another thread trains."""
        return self._state.given

    @property
    def biases(self) -> Arrays:
        return self._state.given[0]

    @biases.setter
    def biases(self, arrays: Arrays) -> None:
        state = self._state
        self._state = state._replace(given=(arrays, state.given[1]))

    @property
    def weights(self) -> Arrays:
        return self._state.given[1]

    @weights.setter
    def weights(self, arrays: Arrays) -> None:
        state = self._state
        self._state = state._replace(given=(state.given[0], arrays))

    def flat(self) -> np.ndarray:
        """The flat array, up to date: a new one if the user has replaced an array."""
        given, flat, place_of_biases, biases, views = self._state
        # Lists first compare the identity of their elements. A replaced array is then compared by value, which usually raises
        # an exception; arrays of other libraries may raise any exception.
        try:
            if given == views:
                place_of_biases[:] = biases
                return flat
        except Exception:
            pass
        return self._flattened(*given)

    def finite(self) -> np.ndarray:
        """The flat array, checked to have no infinities or NaN."""
        flat = self.flat()
        if not np.isfinite(flat).all():
            for name, arrays in zip(("biases", "weights"), views(self.layout, flat), strict=True):
                for layer, array in enumerate(arrays):
                    finite(array, f"{name}[{layer}]")
        return flat

    def replace(self, biases: Any, weights: Any) -> None:
        """Copy biases and weights from other arrays."""
        self.adopt(self._flattened(biases, weights))

    def _flattened(self, biases: Any, weights: Any) -> np.ndarray:
        flat = zeros(self.layout, self._dtype)
        own_biases, own_weights = views(self.layout, flat)
        for name, own, given in (("biases", own_biases, biases), ("weights", own_weights, weights)):
            if not isinstance(given, Sequence | np.ndarray):
                raise TypeError(f"{name} must be a list of arrays, not {type(given).__name__}")
            if len(given) != len(own):
                raise ValueError(f"{name} must have one array for each of {len(own)} layers, not {len(given)}")
            for layer, (target, array) in enumerate(zip(own, given, strict=True)):
                label = f"{name}[{layer}]"
                target[:] = as_dtype(shaped(array, target.shape, label), self._dtype, label)
        return flat

    def __getstate__(self) -> tuple[np.ndarray, np.dtype, Arrays, Arrays]:
        return self.layout, self._dtype, *self.given()

    def __setstate__(self, state: tuple[np.ndarray, np.dtype, Arrays, Arrays]) -> None:
        self.layout, self._dtype, biases, weights = state
        self.replace(biases, weights)
