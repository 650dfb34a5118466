"""Data sets: the book's lists of pairs, stored as arrays that the kernels read directly."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from types import FunctionType
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np

from nndl_ext import _kernels
from nndl_ext._checks import contiguous, finite, real_array
from nndl_ext._data.inputs import Inputs, another, inputs_of, levels_of, locked, numbers_of, owned
from nndl_ext._data.lists import arrays_of, numbers_in_text, whole
from nndl_ext._kernels.pairs import Pair, common_source

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Sequence.register(Pair)

Sample = Pair | tuple[Any, Any]

# How far from 1 the sum of probabilities may be that someone has rounded.
_ROUNDED = 0.01


class Dataset(Sequence[Sample]):
    """An immutable sequence of pairs (x, y): an input, and the desired output or label.

    It supports indexing, slicing, iteration and ``len`` like the book's lists of pairs. ``list(data)`` makes such a list, which
    you can shuffle, cut and join. Each x is a column of shape (inputs, 1). Each y is a column of shape (outputs, 1) or, for
    labels, a ``numpy.int64``.

    Parameters
    ----------
    x : array_like, data frame or sparse matrix
        Shape (n, inputs): one input per row. float32 and float64 are kept; other real numbers become float64. A SciPy sparse
        matrix of any format stays sparse.
    y : array_like
        Desired outputs of shape (n, outputs), one per row; or labels of shape (n,), whole numbers of any type.
    palette : array_like, optional
        1 to 256 real numbers. ``x`` then holds positions in the palette, of type uint8, such as grey levels, and the inputs are
        ``palette[x]``. This takes an eighth of the memory, and training reads the positions directly.
    class_names : iterable of str, optional
        The names of the classes: that of label 0 first.

    Attributes
    ----------
    x : numpy.ndarray or sparse matrix
        The inputs, read-only.
    y : numpy.ndarray
        The desired outputs or the labels (int64), read-only.
    inputs : int
        The number of inputs of a sample.
    class_names : tuple of str
        The names of the classes, or none. Parts of the data set have them, too.

    Raises
    ------
    TypeError
        If ``x`` or ``y`` does not consist of real numbers, or ``x`` is not uint8 with a palette.
    ValueError
        If an array has another shape, labels are not whole numbers, ``x`` and ``y`` differ in length, a number is infinite or
        NaN, or a position lies outside the palette.

    Notes
    -----
    Nothing can change a data set: it copies every array whose memory someone could change, now or later. The memory of a
    ``bytes`` object, as from ``numpy.frombuffer``, is not copied.

    Examples
    --------
    >>> data = Dataset([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])
    >>> len(data), data.inputs
    (4, 2)
    >>> x, y = data[1]
    >>> x.shape, int(y)
    ((2, 1), 1)
    """

    def __init__(self, x: Any, y: ArrayLike, *, palette: ArrayLike | None = None, class_names: Iterable[str] = ()) -> None:
        self._inputs = inputs_of(x) if palette is None else levels_of(x, palette)
        self._y = _checked_y(y)
        if len(self) != len(self._y):
            raise ValueError(f"x and y must have the same length, not {len(self)} and {len(self._y)}")
        self._made: dict[Any, np.ndarray] = {}
        self._rows: Any = None
        self._class_names = tuple(map(str, class_names))

    @property
    def x(self) -> np.ndarray:
        """The inputs: shape (n, inputs), read-only. With a palette, they are computed on first use."""
        return self._inputs.matrix

    @property
    def y(self) -> np.ndarray:
        """The desired outputs, of shape (n, outputs), or the labels, int64 of shape (n,). Read-only."""
        return another(self._y)

    @property
    def inputs(self) -> int:
        """The number of inputs of a sample."""
        return self._inputs.shape[1]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, or none."""
        return self._class_names

    @property
    def rows(self) -> Any:
        """The inputs as the kernels' ``Rows``, made once."""
        if type(self._rows) is not _kernels.kernels.Rows:
            self._rows = self._inputs.make_rows()
        return self._rows

    @classmethod
    def from_pairs(cls, pairs: Iterable[Sample], name: str = "data") -> Dataset:
        """Make a data set from an iterable of pairs (x, y): a list, a ``zip``, a generator. A data set is returned unchanged.

        Parameters
        ----------
        pairs : iterable of tuple
            Each x of shape (inputs, 1) or (inputs,); each y of shape (outputs, 1) or (outputs,), or a label. If only some y are
            labels, these stand for their unit vectors.
        name : str, default "data"
            The name of ``pairs`` in errors.

        Returns
        -------
        Dataset

        Raises
        ------
        TypeError
            If ``pairs`` is not an iterable of pairs, or contains something other than real numbers.
        ValueError
            If the pairs differ in shape.
        """
        if isinstance(pairs, Dataset) and pairs._is_plain:
            return pairs
        try:
            iterator = iter(pairs)
        except TypeError as error:
            raise TypeError(f"{name} must be an iterable of pairs (x, y): {error}") from error
        samples = pairs if type(pairs) is list else list(iterator)
        if not samples:
            return cls(np.empty((0, 0)), np.empty((0, 0)))
        positions = np.empty(len(samples), np.int64)
        source = common_source(samples, positions)
        plain = isinstance(source, Dataset) and source._is_plain
        return source._take(positions) if plain else _of_any_pairs(samples, name)

    def columns(self, index: int) -> tuple[np.ndarray, Any]:
        """One pair as arrays.

        Parameters
        ----------
        index : int
            The position of the pair.

        Returns
        -------
        x : numpy.ndarray
            Shape (inputs, 1), read-only.
        y : numpy.ndarray or numpy.int64
            Shape (outputs, 1), read-only; or a label.
        """
        y = self.y[index]
        return self._inputs.row(index)[:, np.newaxis], y if self._y.ndim == 1 else y[:, np.newaxis]

    def __len__(self) -> int:
        return self._inputs.shape[0]

    @overload
    def __getitem__(self, index: SupportsIndex) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Dataset: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Sample | Dataset:
        if isinstance(index, slice):
            return self._part(index)
        return Pair(self, range(len(self))[operator.index(index)])

    def __iter__(self) -> Iterator[Sample]:
        return map(Pair, repeat(self), range(len(self)))

    def __repr__(self) -> str:
        x, y = self._inputs, self._y
        return f"<Dataset of {len(self)} pairs: x {x.shape} {x.dtype}, y {y.shape} {y.dtype}>"

    def _repr_html_(self) -> str:
        from nndl_ext._data import display  # here, to keep the package quick to import

        rows = map(self._inputs.row, range(min(len(self), display.PICTURES)))
        return display.of_data(len(self), self.inputs, self._y, self._class_names, rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (*self._inputs.given, self._y, self._class_names)

    def __copy__(self) -> Dataset:
        return self

    def __deepcopy__(self, _memo: object) -> Dataset:
        return self

    @property
    def _is_plain(self) -> bool:
        """Whether neither a subclass nor an assignment overrides anything. Else it is read like any other sequence."""
        kinds = type(self).__mro__
        given = set(vars(self)).union(*map(vars, kinds[: kinds.index(Dataset)]))
        return given.isdisjoint(_OWN)

    def _take(self, positions: np.ndarray) -> Dataset:
        """The data set of the samples at these positions; itself if it has the same samples in the same order."""
        first = int(positions[0])
        least, most = int(positions.min()), int(positions.max())
        if not 0 <= least <= most < len(self):
            raise IndexError(f"positions of pairs must be from 0 to {len(self) - 1}, not {least} to {most}")
        if np.array_equal(positions, np.arange(first, first + len(positions))):
            return self if len(positions) == len(self) else self._part(slice(first, first + len(positions)))
        return self._part(positions)

    def _part(self, places: Any) -> Dataset:
        return Dataset.of(self._inputs.take(places), locked(self._y[places]), self._class_names)

    @classmethod
    def of(cls, inputs: Inputs, y: np.ndarray, class_names: tuple[str, ...] = ()) -> Dataset:
        """The data set of checked inputs, with desired outputs or labels that nobody else can change."""
        data = object.__new__(cls)
        data._inputs, data._y, data._made, data._rows, data._class_names = inputs, y, {}, None, class_names
        return data

    def require(self, inputs: int, outputs: int, dtype: np.dtype, name: str) -> None:
        """Check that the data fit a network. Slow checks are done once.

        Parameters
        ----------
        inputs, outputs : int
            The network's numbers of inputs and outputs.
        dtype : numpy.dtype
            The network's dtype.
        name : str
            The name of the data in errors.

        Raises
        ------
        ValueError
            If x or y has another number of inputs or outputs, a label is out of range, or a number of x is too large for the
            dtype. The message starts with ``name``.
        """
        if self.inputs != inputs:
            raise ValueError(f"{name} has {self.inputs} inputs, but the network has {inputs}")
        labels = self._labels(outputs)
        if labels is None:
            if self._y.shape[1] != outputs:
                raise ValueError(f"{name}: y has {self._y.shape[1]} outputs, but the network has {outputs}")
        elif outputs > 1:
            least, most = int(self._y.min()), int(self._y.max())
            if not 0 <= least <= most < outputs:
                raise ValueError(
                    f"{name}: labels must be from 0 to {outputs - 1} for {outputs} outputs, not from {least} to {most}"
                )
        if dtype == np.float32 and self._largest > float(np.finfo(np.float32).max):
            raise ValueError(f"{name} must hold numbers that float32 can hold, not {self._largest}")

    def require_distributions(self, outputs: int, name: str) -> None:
        """Check that the desired outputs of each sample sum to 1, as the log-likelihood cost assumes. Unit vectors do.

        Parameters
        ----------
        outputs : int
            The network's number of outputs.
        name : str
            The name of the data in errors.

        Raises
        ------
        ValueError
            If they do not. The message starts with ``name``.
        """
        if ("sums", outputs) in self._made or (outputs > 1 and self._labels(outputs) is not None):
            return
        sums = self._y.reshape(len(self), -1).sum(axis=1)
        if (np.abs(sums - 1) > _ROUNDED).any():
            place = int(np.abs(sums - 1).argmax())
            raise ValueError(
                f"{name}: y must sum to 1 for the log-likelihood cost, but y of item {place} sums to {sums[place]}"
            )
        self._made["sums", outputs] = sums

    def classes(self, outputs: int, name: str) -> np.ndarray:
        """The class of each sample, for comparison with a network's answers: shape (n,).

        It is the label, or the index of the largest desired output; with a single output, whether that is at least 0.5.

        Parameters
        ----------
        outputs : int
            The network's number of outputs.
        name : str
            The name of the data in errors.

        Returns
        -------
        numpy.ndarray
            Labels, int64; or bool for a single output. Read-only.

        Raises
        ------
        ValueError
            If there is a single output, and a desired output is not from 0 to 1. The message starts with ``name``.
        """
        if ("classes", outputs) not in self._made:
            labels = self._labels(outputs)
            if outputs == 1:
                desired = self._y.reshape(-1)
                if not 0 <= desired.min() <= desired.max() <= 1:
                    raise ValueError(
                        f"{name}: with one output, evaluate can count labels 0 and 1 or desired outputs from 0 to 1, "
                        f"but y goes from {desired.min()} to {desired.max()}"
                    )
                labels = desired >= 0.5
            self._made["classes", outputs] = locked(self._y.argmax(axis=1) if labels is None else labels)
        return another(self._made["classes", outputs])

    def desired_outputs(self, outputs: int, dtype: np.dtype) -> np.ndarray:
        """y as a matrix, with labels as unit vectors, for data that `require` has checked.

        Parameters
        ----------
        outputs : int
            The network's number of outputs.
        dtype : numpy.dtype
            The network's dtype.

        Returns
        -------
        numpy.ndarray
            Shape (n, outputs), contiguous, read-only.
        """
        if (outputs, dtype) not in self._made:
            labels = self._labels(outputs)
            if labels is None or outputs == 1:
                desired = contiguous(self._y.reshape(len(self), outputs), dtype)
            else:
                desired = np.eye(outputs, dtype=dtype)[labels]
            self._made[outputs, dtype] = locked(desired)
        own = self._made[outputs, dtype]
        return np.ndarray(own.shape, own.dtype, own.base)  # `another`, without a call

    def _labels(self, outputs: int) -> np.ndarray | None:
        """y as labels, int64 of shape (n,), or None if it holds desired outputs.

        A column of whole numbers holds labels if the network has several outputs.
        """
        if self._y.ndim == 1:
            return self._y
        if self._y.shape[1] != 1 or outputs == 1:
            return None
        if "column" not in self._made:
            self._made["column"] = locked(whole(self._y[:, 0]))
        labels = self._made["column"]
        return labels if labels.dtype == np.int64 else None

    @property
    def _largest(self) -> float:
        """The largest absolute value among the numbers in float64, 0 without any."""
        if "largest" not in self._made:
            doubles = [array for array in (self._inputs.numbers, self._y) if array.dtype == np.float64]
            values = [max(float(array.max(initial=0)), -float(array.min(initial=0))) for array in doubles]
            self._made["largest"] = np.array(max(values, default=0.0))
        return float(self._made["largest"])


# What the engine relies on.
_OWN = {name for name, value in vars(Dataset).items() if isinstance(value, FunctionType | property | classmethod)}
_OWN -= {"__init__", "__repr__", "_repr_html_"}


def _restored(x: Any, palette: np.ndarray | None, y: np.ndarray, class_names: tuple[str, ...]) -> Dataset:
    """A data set from a pickle."""
    return Dataset(x, y, palette=palette, class_names=class_names)


def _checked_y(y: ArrayLike) -> np.ndarray:
    """Labels, int64 of shape (n,), or desired outputs, of shape (n, outputs)."""
    array = finite(owned(real_array(numbers_in_text(y), "y"), y), "y")
    if array.ndim == 1:
        array = whole(array)
    if array.ndim != 2 and array.dtype != np.int64:
        raise ValueError(
            f"y must have shape (n, outputs), or (n,) for whole numbers as labels, not {array.shape} of {array.dtype}"
        )
    return locked(array)


def _of_any_pairs(samples: list[Any], name: str) -> Dataset:
    """The data set of pairs that do not all come from one data set."""
    x, y = arrays_of(samples, name)
    return Dataset.of(numbers_of(locked(real_array(x, "x"))), _checked_y(y))
