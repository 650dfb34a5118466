"""The weights and biases of a network: their places in one flat array, as the kernels read it, and their life.

First come the biases of all layers, a row for each. A layer's weights have a row for each input: the weights with which the
neurons receive it. So a kernel runs over neurons along contiguous memory. Zeros pad each row to a whole number of 64-byte
vectors. A small last layer would be padding for the most part. It is therefore stored transposed, with a row of weights for
each neuron. What users see are views of the array.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nndl_ext._checks import as_dtype, finite, shaped
from nndl_ext._engine.functions import ACTIVATIONS, numbers_of
from nndl_ext._engine.layers import Dense
from nndl_ext._engine.matrix import Matrix

VECTOR = 64  # bytes

# The largest last layer that is transposed, in neurons; `across_errors_before` in ``across.pxi`` supports no more.
_FEW = 4

# Rows of a multiple of so many bytes get one more vector of padding. Without it, a column of the matrix would compete for a few
# places of the cache.
_COLLIDING = 2048

Arrays = list[np.ndarray]


# The fields of the kernels' ``Layer``; see ``layer.pxi``.
_LAYER = np.dtype(
    [(name, np.int64) for name in ("kind", "activation", "inputs", "neurons", "biases", "weights", "weights_stride", "stride")]
)
_DENSE, _ACROSS = 0, 1


def _padded(count: int, itemsize: int) -> int:
    """The elements of a row of ``count``, with its padding."""
    lanes = VECTOR // itemsize
    row = -(-count // lanes) * lanes
    return row + lanes * (row * itemsize % _COLLIDING == 0)


class Layout:
    """The places of all layers' parameters in a flat array.

    Parameters
    ----------
    layers : sequence of Dense
        The layers after the first.
    dtype : numpy.dtype
        float32 or float64.

    Attributes
    ----------
    table : numpy.ndarray
        The kernels' ``Layer`` for each layer: shape (layers,).
    size, count : int
        The numbers of elements of a flat array, with and without padding.
    neurons : int
        The number of neurons.
    in_python : bool
        Whether an activation is the user's own.

    Raises
    ------
    TypeError, ValueError
        If an activation is unknown or not for its layer.
    """

    def __init__(self, layers: Sequence[Dense], dtype: np.dtype) -> None:
        self.dtype = dtype
        self.count = sum([(layer.inputs + 1) * layer.neurons for layer in layers])
        self._biases: list[slice] = []
        self._weights: list[tuple[slice, tuple[int, int], int | None]] = []  # rows, their shape, columns if across
        places, biases, activations = [], 0, numbers_of([layer.activation for layer in layers])
        strides = [_padded(layer.neurons, dtype.itemsize) for layer in layers]
        end = sum(strides)
        for number, (layer, activation, stride) in enumerate(zip(layers, activations, strides, strict=True)):
            across = 0 < number == len(layers) - 1 and layer.neurons <= _FEW
            rows, row = (layer.neurons, _padded(layer.inputs, dtype.itemsize)) if across else (layer.inputs, stride)
            places.append((_ACROSS if across else _DENSE, activation, layer.inputs, layer.neurons, biases, end, row, stride))
            self._biases.append(slice(biases, biases + layer.neurons))
            self._weights.append((slice(end, end + rows * row), (rows, row), layer.inputs if across else None))
            biases, end = biases + stride, end + rows * row
        self.table, self.size, self._neurons = np.array(places, _LAYER), end, [layer.neurons for layer in layers]
        self.neurons = sum(self._neurons)
        self.in_python = min(activations) < 0

    def pieces(self) -> list[slice]:
        """For each layer, the fewest layers up to it that can be computed alone: a layer across needs the one before."""
        return [slice(number - (kind == _ACROSS), number + 1) for number, kind in enumerate(self.table["kind"].tolist())]

    def part(self, layers: slice, activation: str | None = None) -> np.ndarray:
        """The table of these layers alone, for the same flat array; the last of them may get another activation."""
        table = self.table[layers]
        if activation is not None:
            table = table.copy()
            table["activation"][-1] = ACTIVATIONS[activation]
        return table

    def zeros(self, arrays: int = 1) -> np.ndarray:
        """Zeros for one or more flat arrays, one after the other, aligned to 64 bytes.

        Raises
        ------
        MemoryError
            If there is no memory for them. The message says how large the network is.
        """
        size = arrays * self.size * self.dtype.itemsize
        try:
            memory = np.zeros(size + VECTOR, np.uint8)
        except (MemoryError, ValueError) as error:  # ValueError: more than an address can count
            sizes = [*self.table["inputs"].tolist(), self._neurons[-1]]
            raise MemoryError(
                f"there is no memory for {size / 2**30:,.1f} GiB: "
                f"a network of sizes {reprlib.repr(sizes)} has {self.count:,} parameters in {self.dtype}"
            ) from error
        start = -memory.ctypes.data % VECTOR
        return memory[start : start + size].view(self.dtype)

    def copy(self, flat: np.ndarray) -> np.ndarray:
        """An aligned copy of a flat array."""
        duplicate = self.zeros()
        duplicate[:] = flat
        return duplicate

    def views(self, flat: np.ndarray) -> tuple[Arrays, Arrays]:
        """The biases, of shape (neurons, 1), and weights, of shape (neurons, inputs), of each layer, as views of ``flat``."""
        weights: Arrays = []
        for (place, shape, columns), neurons in zip(self._weights, self._neurons, strict=True):
            rows = flat[place].reshape(shape)
            weights.append((rows[:, :columns] if columns else rows[:, :neurons].T).view(Matrix))
        return [flat[place, np.newaxis] for place in self._biases], weights

    def filled(self, biases: Arrays, weights: Arrays) -> np.ndarray:
        """A flat array of these parameters, which have been checked."""
        flat = self.zeros()
        for own, given in zip(self.views(flat), (biases, weights), strict=True):
            for target, array in zip(own, given, strict=True):
                target[:] = array
        return flat

    def packed(self, flat: np.ndarray) -> np.ndarray:
        """The numbers in a flat array without padding: biases, then weights, row by row."""
        return np.concatenate([np.ravel(array) for arrays in self.views(flat) for array in arrays])

    def unpacked(self, numbers: np.ndarray) -> np.ndarray:
        """The flat array from which `packed` made these numbers."""
        flat, done = self.zeros(), 0
        for arrays in self.views(flat):
            for array in arrays:
                array[:] = numbers[done : done + array.size].reshape(array.shape)
                done += array.size
        return flat


class _State(NamedTuple):
    """The parameters at one moment.

    ``given`` are the biases and weights that the user sees; ``flat`` is the kernels' array; ``views`` are our views of it, to
    detect that the user replaced one.
    """

    given: tuple[Arrays, Arrays]
    flat: np.ndarray
    views: tuple[Arrays, Arrays]


class Parameters:
    """The biases and weights of a network, which the user may edit or replace while the kernels use them.

    Parameters
    ----------
    layout : Layout
        Their places in the flat array.

    Attributes
    ----------
    biases, weights : list of numpy.ndarray
        Views of the flat array, or the user's replacements.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.adopt(layout.zeros())

    def adopt(self, flat: np.ndarray) -> None:
        """Take a new flat array, in one assignment, because other threads may be reading the old one."""
        biases, weights = self.layout.views(flat)
        self._state = _State((biases, weights), flat, (biases.copy(), weights.copy()))

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
        """The flat array: a new one if the user has replaced an array."""
        given, flat, views = self._state
        # Lists first compare the identity of their elements. A replaced array is then compared by value, which usually raises
        # an exception; arrays of other libraries may raise any exception.
        try:
            if given == views:
                return flat
        except Exception:
            pass
        return self._flattened(*given)

    def finite(self) -> np.ndarray:
        """The flat array, checked to have no infinities or NaN."""
        flat = self.flat()
        if not np.isfinite(flat).all():
            for name, arrays in zip(("biases", "weights"), self.layout.views(flat), strict=True):
                for layer, array in enumerate(arrays):
                    finite(array, f"{name}[{layer}]")
        return flat

    def views(self) -> tuple[Arrays, Arrays]:
        """The biases and weights as the kernels have them, checked to have no infinities or NaN."""
        return self.layout.views(self.finite())

    def replace(self, biases: Any, weights: Any) -> None:
        """Copy biases and weights from other arrays."""
        self.adopt(self._flattened(biases, weights))

    def _flattened(self, biases: Any, weights: Any) -> np.ndarray:
        flat, dtype = self.layout.zeros(), self.layout.dtype
        own_biases, own_weights = self.layout.views(flat)
        for name, own, given in (("biases", own_biases, biases), ("weights", own_weights, weights)):
            if not isinstance(given, Sequence | np.ndarray):
                raise TypeError(f"{name} must be a list of arrays, not {type(given).__name__}")
            if len(given) != len(own):
                raise ValueError(f"{name} must have one array for each of {len(own)} layers, not {len(given)}")
            for layer, (target, array) in enumerate(zip(own, given, strict=True)):
                label = f"{name}[{layer}]"
                target[:] = as_dtype(shaped(array, target.shape, label), dtype, label)
        return flat

    def __getstate__(self) -> tuple[Layout, Arrays, Arrays]:
        return self.layout, *self.given()

    def __setstate__(self, state: tuple[Layout, Arrays, Arrays]) -> None:
        self.layout, biases, weights = state
        self.replace(biases, weights)
