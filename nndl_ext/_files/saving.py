"""Saved networks: the formats of their files.

A file whose name ends in ``.npz`` is a NumPy archive without pickles. Its arrays are:

- ``nndl_ext``: the version of this format;
- ``neuron``: ``sigmoid`` or ``perceptron``, or ``chosen`` for a network of chapters 2 and 3;
- ``sizes``: the number of neurons in each layer;
- ``biases_0``, ``weights_0`` and so on: the network's arrays, in its dtype;
- ``generator``: the state of the network's own generator, if it has one, from ``random.Random.getstate``;
- ``settings``, with ``chosen`` only: JSON with the ``activations`` of the layers after the first, ``cost``, the ``dropout`` of
  each hidden layer, ``regularization``, ``optimizer`` with its hyper-parameters, and its ``powers``, the numbers of its state;
- ``classes``, for a network that knows them: JSON with the names of its classes;
- ``moments``, with ``chosen`` only: the arrays of the optimizer's state, each a row with a number for each parameter of the
  network.

Further arrays are a program's notes. `nndl_ext.load` ignores them.

Any other file has the format of the book's ``network2.py``, JSON: an object with ``sizes``, ``weights``, ``biases`` and
``cost``, and ``classes`` if the network knows the names of its classes. It stores neither a generator's state nor a dtype. Its
numbers have enough digits to restore every bit of a float64.
"""

from __future__ import annotations

import io
import reprlib
from collections.abc import Iterable, Mapping
from itertools import pairwise
from os import PathLike
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from nndl_ext._checks import file_path, finite, layer_sizes, real_dtype, shaped
from nndl_ext._files import disk

VERSION = 1


class Saved(NamedTuple):
    """The contents of a file.

    Attributes
    ----------
    sizes : list of int
        The number of neurons of each layer.
    biases, weights : list of numpy.ndarray
        Finite numbers, one array for each layer after the first, all of the same dtype.
    neuron : str
        The kind of neurons: "sigmoid", "perceptron" or "chosen".
    generator : tuple of int or None
        The 625 numbers of the state of the network's own generator.
    notes : dict
        Arrays of numbers or text by name, stored by a program beside the network.
    settings : dict
        For "chosen", the settings: any dict, not checked further. Else ``cost``, if it is known.
    moments : numpy.ndarray
        The optimizer's state: shape (number of moments, number of parameters).
    """

    sizes: list[int]
    biases: list[np.ndarray]
    weights: list[np.ndarray]
    neuron: str
    generator: tuple[int, ...] | None
    notes: dict[str, np.ndarray]
    settings: Mapping[str, Any] = MappingProxyType({})
    moments: np.ndarray = np.empty((0, 0))


def write(path: str | PathLike[str], saved: Saved) -> None:
    """Write a file, completely or not at all: an archive if its name ends in ``.npz``, in any case, or if there are notes
    beside the network; else JSON.

    Raises
    ------
    OSError
        If it can't be written. An existing file is then unchanged.
    ValueError
        If a number is infinite or NaN, the classes are not one for each output, or the JSON format can't hold the content.
    """
    for name in ("biases", "weights"):
        for layer, array in enumerate(getattr(saved, name)):
            finite(array, f"{name}[{layer}]")
    noted_classes(saved.notes, saved.sizes[-1])
    path = file_path(path, "filename")
    archived = path.lower().endswith(".npz") or saved.notes.keys() - {"classes"}
    disk.replace(path, _archive(saved) if archived else _json(path, saved))


def _archive(saved: Saved) -> bytes:
    import json  # here, to keep the package quick to import

    arrays: dict[str, Any] = {"nndl_ext": VERSION, "neuron": saved.neuron, "sizes": saved.sizes}
    for name in ("biases", "weights"):
        arrays |= {f"{name}_{layer}": array for layer, array in enumerate(getattr(saved, name))}
    if saved.generator is not None:
        arrays["generator"] = np.array(saved.generator, np.uint32)
    if saved.neuron == "chosen":
        arrays |= {"settings": json.dumps(saved.settings), "moments": saved.moments}
    arrays |= saved.notes
    archive = io.BytesIO()
    np.savez(archive, **arrays)
    return archive.getvalue()


def _json(path: str, saved: Saved) -> bytes:
    """The JSON that the book's ``network2.load`` reads."""
    import json

    others = " and ".join(sorted({*saved.settings.get("activations", [saved.neuron])} - {"sigmoid"}))
    if others:
        raise ValueError(
            f"{path} would be a file of the book, which can only hold sigmoid neurons: end the name of one of {others} neurons "
            "in .npz"
        )
    classes = {"classes": json.loads(str(saved.notes["classes"]))} if saved.notes else {}
    content = {
        "sizes": saved.sizes,
        "weights": [array.tolist() for array in saved.weights],
        "biases": [array.tolist() for array in saved.biases],
        "cost": saved.settings.get("cost", "QuadraticCost"),
    } | classes
    return json.dumps(content).encode()


def read(path: str | PathLike[str]) -> Saved:
    """Read a file written by `write` or the book's ``network2.py``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file does not hold a network, is damaged, or has a later version of the format.
    """
    from pathlib import Path  # here, to keep the package quick to import

    data = disk.raw(Path(file_path(path)))
    try:
        return _from_archive(disk.npz_arrays(data, "it")) if data[:2] == b"PK" else _from_json(data)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a saved network: {error}") from error


def _from_archive(arrays: dict[str, np.ndarray]) -> Saved:
    import json

    if "nndl_ext" not in arrays:
        raise ValueError("the archive does not come from nndl-ext")
    version = arrays.pop("nndl_ext")
    if version.shape or version != VERSION:
        raise ValueError(f"it has version {version} of the format, but this nndl-ext reads version {VERSION}")
    neuron, given_sizes, generator = str(_taken(arrays, "neuron")), _taken(arrays, "sizes"), arrays.pop("generator", None)
    if given_sizes.size > len(arrays):
        raise ValueError(f"it has {len(arrays)} arrays for {given_sizes.size} layers")
    sizes = layer_sizes(given_sizes)
    if neuron not in ("sigmoid", "perceptron", "chosen"):
        raise ValueError(f"its neurons must be sigmoid, perceptron or chosen, not {neuron}")
    settings, moments = {"cost": "QuadraticCost"}, np.empty((0, 0))
    if neuron == "chosen":
        settings, moments = json.loads(str(_taken(arrays, "settings"))), _taken(arrays, "moments")
        if not isinstance(settings, dict):
            raise ValueError("its settings are not a JSON object")
    if generator is not None and (
        generator.shape != (625,) or generator.dtype.newbyteorder("=") != np.uint32 or generator[-1] > 624
    ):
        raise ValueError("the generator's state is invalid")
    given = [[_taken(arrays, f"{name}_{layer}") for layer in range(len(sizes) - 1)] for name in ("biases", "weights")]
    unused = [name for name in arrays if name.startswith(("biases_", "weights_"))]
    if unused:
        raise ValueError(f"it has {', '.join(unused)} besides the arrays of {len(sizes)} layers")
    if len({real_dtype(array.dtype.newbyteorder("=")) for array in given[0] + given[1]}) != 1:
        raise ValueError("its arrays have different dtypes")
    noted_classes(arrays, sizes[-1])
    state = None if generator is None else tuple(generator.tolist())
    return Saved(sizes, *_checked(sizes, *given), neuron, state, arrays, settings, moments)


def _taken(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    """An array, removed from the others."""
    if name not in arrays:
        raise ValueError(f"it lacks the array {name}")
    return arrays.pop(name)


def _from_json(data: bytes) -> Saved:
    import json

    expected = "it is neither a NumPy archive nor JSON with sizes, biases and weights"
    try:
        content = json.loads(data.decode())
    except ValueError as error:
        raise ValueError(f"{expected}: {error}") from error
    if not isinstance(content, dict) or not content.keys() >= {"sizes", "biases", "weights"}:
        raise ValueError(expected)
    sizes = layer_sizes(content["sizes"])
    biases, weights = ([np.array(rows) for rows in content[name]] for name in ("biases", "weights"))
    settings = {"cost": content["cost"]} if "cost" in content else {}
    notes = classes_note(content.get("classes", ()))
    noted_classes(notes, sizes[-1])
    return Saved(sizes, *_checked(sizes, biases, weights), "sigmoid", None, notes, settings)


def classes_note(classes: Iterable[str]) -> dict[str, np.ndarray]:
    """The note that holds the names of classes, if there are any."""
    import json

    return {"classes": np.array(json.dumps([*classes]))} if classes else {}


def noted_classes(notes: Mapping[str, np.ndarray], outputs: int) -> tuple[str, ...]:
    """The names of classes in a note, or none.

    Raises
    ------
    ValueError
        If they are not texts, one for each output, or two for a single output.
    """
    import json

    classes = json.loads(str(notes["classes"])) if "classes" in notes else []
    if (
        not isinstance(classes, list)
        or not all(isinstance(name, str) for name in classes)
        or len(classes) not in (0, max(2, outputs))
    ):
        raise ValueError(f"its classes must be {max(2, outputs)} texts, one for each, not {reprlib.repr(classes)}")
    return tuple(classes)


def _checked(sizes: list[int], biases: list[Any], weights: list[Any]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The arrays, checked to be finite and to have the shapes that the sizes require."""
    if not len(biases) == len(weights) == len(sizes) - 1:
        raise ValueError(f"it has {len(biases)} biases and {len(weights)} weights for {len(sizes)} layers")
    for i, (inputs, neurons) in enumerate(pairwise(sizes)):
        biases[i] = finite(shaped(biases[i], (neurons, 1), f"biases[{i}]"), f"biases[{i}]")
        weights[i] = finite(shaped(weights[i], (neurons, inputs), f"weights[{i}]"), f"weights[{i}]")
    return biases, weights
