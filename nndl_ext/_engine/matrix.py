"""The class of the weights that users see."""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np


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
