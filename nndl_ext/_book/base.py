"""What the networks of all chapters have in common: layers, weights and biases that the user sees, and saving."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

import numpy as np

from nndl_ext._book import overrides
from nndl_ext._checks import contiguous, integer, layer_sizes
from nndl_ext._data.dataset import Dataset, Sample
from nndl_ext._engine import generators
from nndl_ext._engine.functions import CostDerivative
from nndl_ext._engine.layers import dense
from nndl_ext._engine.model import Gradient, Model, classes_of
from nndl_ext._engine.threads import checked_threads
from nndl_ext._files import saving

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Data = Iterable[Sample]


class _NoModel:
    """Stands in for the model until a network has layers."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            "the network has no layers yet: its __init__ must first set self.sizes or call super().__init__(sizes)"
        )


_NO_MODEL: Any = _NoModel()


class BookNetwork:
    """The base class of all the book's networks. See `nndl_ext.network.Network` for parameters and attributes."""

    _neuron: ClassVar[str]
    _methods: ClassVar[dict[str, Callable[..., Any]]]  # the original methods that a user may override
    _own_generator: generators.Twister | None = None
    classes: tuple[str, ...] = ()
    _model: Model = _NO_MODEL

    def _begin(self, model: Model, seed: int | None, threads: int | None) -> None:
        """Take a model, and make the generator for its first weights."""
        model.threads = checked_threads(threads, "threads")
        self._own_generator = None if seed is None else generators.seeded(integer(seed, "seed", least=0))
        self._model = model

    @property
    def sizes(self) -> list[int]:
        """The number of neurons in each layer, inputs first. It can't be changed."""
        return list(self._model.sizes)  # a copy, because the kernels rely on these numbers

    @sizes.setter
    def sizes(self, sizes: Sequence[int]) -> None:
        checked = layer_sizes(sizes)
        if self._model is _NO_MODEL:  # a subclass whose __init__ does not call ours
            self._model = Model(dense(checked), np.dtype(np.float64))
        elif checked != self.sizes:
            raise AttributeError(f"sizes can't be changed from {self.sizes} to {checked}: make a new network")

    @property
    def num_layers(self) -> int:
        """The number of layers, inputs included. It can't be changed."""
        return len(self._model.sizes)

    @num_layers.setter
    def num_layers(self, number: int) -> None:
        if self._model is not _NO_MODEL and number != self.num_layers:
            raise AttributeError(f"num_layers can't be changed from {self.num_layers} to {number}: make a new network")

    @property
    def threads(self) -> int | None:
        """The most threads for large jobs, from 1 to 1024, or None to let the size of the job decide."""
        return self._model.threads

    @threads.setter
    def threads(self, threads: int | None) -> None:
        self._model.threads = checked_threads(threads, "threads")

    @property
    def biases(self) -> list[np.ndarray]:
        """One array of shape (neurons, 1) for each layer after the first."""
        return self._model.parameters.biases

    @biases.setter
    def biases(self, arrays: list[np.ndarray]) -> None:
        self._model.parameters.biases = arrays

    @property
    def weights(self) -> list[np.ndarray]:
        """One array of shape (neurons in the layer, neurons in the layer before) for each layer after the first.

        Where ``ravel`` or ``reshape`` must copy such an array, the copy is read-only: what you wrote to it would be lost.
        """
        return self._model.parameters.weights

    @weights.setter
    def weights(self, arrays: list[np.ndarray]) -> None:
        self._model.parameters.weights = arrays

    @property
    def dtype(self) -> np.dtype:
        """The floating-point type of all computation: float32 or float64."""
        return self._model.dtype

    def feedforward(self, a: ArrayLike) -> np.ndarray:
        """The network's output for an input, or for the columns of a matrix."""
        raise NotImplementedError

    def layer_outputs(self, a: ArrayLike) -> list[np.ndarray]:
        """The activations of each layer for an input, for example to draw what the hidden neurons respond to.

        Parameters
        ----------
        a : array_like
            One input, of shape (inputs, 1) or (inputs,), or m inputs as the columns of a matrix of shape (inputs, m).

        Returns
        -------
        list of numpy.ndarray
            For each layer after the first, an array of shape (neurons, 1) or (neurons, m), of the network's dtype. The last is
            what ``feedforward`` returns, bit for bit.

        Raises
        ------
        TypeError, ValueError
            If ``a`` does not consist of real numbers or does not have one row for each input, a weight or bias is infinite or
            NaN, or a subclass overrides ``feedforward``.

        Examples
        --------
        >>> from nndl_ext import Network
        >>> [activations.shape for activations in Network([784, 30, 10]).layer_outputs([0.5] * 784)]
        [(30, 1), (10, 1)]
        """
        if self._overrides("feedforward"):
            raise TypeError("layer_outputs can't see the layers of an overridden feedforward: override layer_outputs, too")
        rows = contiguous(self._model.columns(a).T, self.dtype)
        return [activations.T for activations in self._current.layer_outputs(rows)]

    def cost_gradient(self, data: Data) -> Gradient:
        """The gradient of the cost of a data set or mini-batch: the mean of its samples' gradients.

        Parameters
        ----------
        data : Dataset or iterable of tuple
            Pairs (x, y); a label stands for its unit vector.

        Returns
        -------
        nabla_b, nabla_w : list of numpy.ndarray
            The derivatives with respect to ``biases`` and ``weights``, in arrays of their shapes. The cost is ``cost``, or the
            one that an overridden ``cost_derivative`` belongs to. Regularization is not included.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, or a weight or bias is infinite or NaN.
        """
        return self._current.gradient(self._checked(data, "data"), None, self._cost_derivative())

    def predict(self, x: ArrayLike) -> Any:
        """The network's answer for one or more inputs: the index of the largest output.

        With a single output, the answer is 1 if the output is at least 0.5, else 0.

        Parameters
        ----------
        x : array_like
            One input, of shape (inputs, 1) or (inputs,), or m inputs as the columns of a matrix of shape (inputs, m).

        Returns
        -------
        int or numpy.ndarray
            An int for a single input, even as a matrix of one column; else int64 of shape (m,).

        Raises
        ------
        TypeError, ValueError
            If ``x`` does not consist of real numbers, or does not have one row for each input.
        """
        guesses = classes_of(self.feedforward(x).T)
        return int(guesses[0]) if len(guesses) == 1 else guesses

    def misclassified(self, data: Data) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The samples that the network misclassifies.

        Parameters
        ----------
        data : Dataset or iterable of tuple
            Pairs (x, y), where y is a label or a unit vector.

        Returns
        -------
        indices, labels, guesses : numpy.ndarray
            Their positions in the data, their labels, and the network's answers: int64, each of shape (m,).

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, or a weight or bias is infinite or NaN.
        """
        checked = self._checked(data, "data")
        guesses, labels = classes_of(self._outputs(checked)), checked.classes(self._model.sizes[-1], "data")
        wrong = np.flatnonzero(guesses != labels)
        return wrong.astype(np.int64), labels[wrong].astype(np.int64), guesses[wrong]

    def save(self, filename: str | PathLike[str]) -> None:
        """Save the network to a file, from which ``load`` restores every bit.

        If the name ends in ``.npz``, the file is a NumPy archive that includes the state of the generator started by ``seed``.
        Else it has the JSON format of the book's ``network2.py``: the same numbers in float64, without that state, for networks
        of sigmoid neurons. `nndl_ext._files.saving` describes both formats. ``threads`` and the methods of a subclass are not
        saved.

        Parameters
        ----------
        filename : str or path-like
            The file, usually with the suffix ``.npz``. No suffix is added. The file is written completely or not at all, even
            if the program is killed.

        Raises
        ------
        PermissionError
            If the file exists and is read-only.
        OSError
            If the file can't be written. An existing file is then unchanged.
        TypeError, ValueError
            If weights or biases have been replaced by arrays of the wrong shape or type, a number is infinite or NaN, or a
            network with neurons other than sigmoid would be saved as JSON.
        """
        saving.write(filename, self._saved())

    def _repr_html_(self) -> str:
        from nndl_ext._data import display  # here, to keep the package quick to import

        kind = f"{type(self).__module__.removeprefix('nndl_ext.')}.{type(self).__qualname__}"
        given = ["step"] * (self.num_layers - 1) if self._neuron == "perceptron" else self._model.activations
        names = [activation if isinstance(activation, str) else type(activation).__name__ for activation in given]
        return display.of_layers(kind, self.dtype, self.sizes, names, self.classes)

    @property
    def _generator(self) -> generators.Generator:
        """The source of random numbers: the network's own generator, or the module ``random``."""
        return self._own_generator or generators.module()

    def _shuffle(self, order: np.ndarray) -> None:
        generators.shuffle(order, self._generator)

    def _normal(self, shape: tuple[int, int]) -> np.ndarray:
        if self._own_generator is None:
            return np.random.randn(*shape)
        return generators.normal(shape, self._own_generator)

    def _saved(self, **notes: np.ndarray) -> saving.Saved:
        """The content of this network's file, with a program's notes."""
        arrays = self._model.parameters.layout.views(self._model.parameters.flat())
        notes |= saving.classes_note(self.classes)
        generator = None if self._own_generator is None else self._own_generator.getstate()[1]
        return saving.Saved(self.sizes, *arrays, self._neuron, generator, notes)

    @classmethod
    def _from_saved(cls, saved: saving.Saved) -> Self:
        return cls._restored(saved, Model(dense(saved.sizes), saved.weights[0].dtype))

    @classmethod
    def _restored(cls, saved: saving.Saved, model: Model) -> Self:
        net = cls.__new__(cls)
        net._model = model
        model.parameters.adopt(model.parameters.layout.filled(saved.biases, saved.weights))
        net.classes = saving.noted_classes(saved.notes, saved.sizes[-1])
        if saved.generator is not None:
            net._own_generator = generators.Twister((3, saved.generator, None))
        return net

    def _outputs(self, data: Dataset) -> np.ndarray:
        """The network's outputs for a data set: shape (n, outputs)."""
        if self._overrides("feedforward"):
            return overrides.outputs_of(self.feedforward, data, self._model.sizes[-1])
        return self._current.outputs(data)

    def _refresh(self) -> None:
        """Update the model with what the user has changed since the last call."""

    @property
    def _current(self) -> Model:
        """The model, refreshed."""
        self._refresh()
        return self._model

    def _cost_derivative(self) -> CostDerivative | None:
        """The user's own derivative of the cost, or None."""
        return None

    def _overrides(self, name: str) -> bool:
        """Whether a subclass, an assignment to this network or one to its class overrides a method."""
        return getattr(getattr(self, name), "__func__", None) is not self._methods.get(name)

    def _gradient_of(self, x: Any, y: Any, derivative: CostDerivative | None = None) -> Gradient:
        """The gradient of one sample's cost; see `Model.gradient` for ``derivative``."""
        current = self._current
        quick = derivative is None and current.cost != "log-likelihood"  # whose desired outputs are checked
        found = current.gradient_of_column(x, y) if quick else None
        return found or current.gradient(self._checked([(x, y)], "the sample (x, y)"), None, derivative)

    def _checked(self, pairs: Data, name: str) -> Dataset:
        """The pairs as a data set that fits the network and has at least one sample."""
        data = Dataset.from_pairs(pairs, name)
        if not data:
            hint = "; an iterator is empty after its first use, so give a list" * isinstance(pairs, Iterator)
            raise ValueError(f"{name} must hold at least one pair (x, y){hint}")
        data.require(self._model.sizes[0], self._model.sizes[-1], self.dtype, name)
        return data

    def _name_classes(self, training_data: Dataset) -> None:
        """Take the names of the classes from the training data: one for each output, or two for a single output."""
        if len(training_data.class_names) == max(2, self._model.sizes[-1]):
            self.classes = training_data.class_names

    def _class_name(self, number: Any) -> str:
        """The name of a class, or its number."""
        return self.classes[number] if self.classes else str(int(number))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._own_generator = copy(self._own_generator)  # a copied network shares neither generator nor arrays
        self._model = copy(self._model)
        self._model.parameters = copy(self._model.parameters)


def right_of(outputs: np.ndarray, data: Dataset, name: str) -> int:
    """The number of samples of a data set that these outputs classify correctly."""
    return int(np.count_nonzero(classes_of(outputs) == data.classes(outputs.shape[1], name)))
