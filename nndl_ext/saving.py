"""Saved networks: what stands in their files.

A file is a NumPy archive (``.npz``) without pickles: ``nndl_ext`` is the version of this format; ``neuron`` is ``sigmoid`` or
``perceptron``; ``sizes`` are those of the layers; ``biases_0``, ``weights_0`` and so on are the network's arrays, in its dtype;
``generator`` is the state of the network's own generator, if it has one, as ``random.Random.getstate`` gives it. Further arrays
are notes of a program, which `nndl_ext.load` passes over.
"""

from __future__ import annotations

import io
from itertools import pairwise
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from nndl_ext import files
from nndl_ext.validation import finite, layer_sizes, real_dtype, shaped

VERSION = 1


class Saved(NamedTuple):
    """The contents of a file.

    Attributes
    ----------
    sizes : list of int
        The number of neurons of each layer.
    biases, weights : list of numpy.ndarray
        Finite numbers, one array for each layer after the first, all of one dtype.
    neuron : str
        The kind of neurons: sigmoid or perceptron.
    generator : tuple of int or None
        The 625 numbers of the state of the network's own generator.
    notes : dict
        Arrays of numbers or text by name: what a program has to remember beside the network.
    """

    sizes: list[int]
    biases: list[np.ndarray]
    weights: list[np.ndarray]
    neuron: str
    generator: tuple[int, ...] | None
    notes: dict[str, np.ndarray]


def write(path: str | PathLike[str], saved: Saved) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    OSError
        If it can't be written. What was there is unchanged.
    ValueError
        If a number is infinite or NaN.
    """
    arrays: dict[str, Any] = {"nndl_ext": VERSION, "neuron": saved.neuron, "sizes": saved.sizes}
    for name in ("biases", "weights"):
        for layer, array in enumerate(getattr(saved, name)):
            arrays[f"{name}_{layer}"] = finite(array, f"{name}[{layer}]")
    if saved.generator is not None:
        arrays["generator"] = np.array(saved.generator, np.uint32)
    arrays.update(saved.notes)
    archive = io.BytesIO()
    np.savez(archive, **arrays)
    files.replace(path, archive.getvalue())


def read(path: str | PathLike[str]) -> Saved:
    """Read a file that `write` or the book's ``network2.py`` has written.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is another file, or a broken one, or of a later version of the format.
    """
    from pathlib import Path  # this takes long, as json does

    data = files.raw(Path(path))
    try:
        return _from_archive(files.npz_arrays(data, "it")) if data[:2] == b"PK" else _from_json(data)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a saved network: {error}") from error


def _from_archive(arrays: dict[str, np.ndarray]) -> Saved:
    if "nndl_ext" not in arrays:
        raise ValueError("the archive does not come from nndl-ext")
    version = int(arrays.pop("nndl_ext"))
    if version != VERSION:
        raise ValueError(f"it is of version {version} of the format, and this nndl-ext reads version {VERSION}")
    neuron, given_sizes, generator = str(arrays.pop("neuron")), arrays.pop("sizes"), arrays.pop("generator", None)
    if given_sizes.size > len(arrays):
        raise ValueError(f"it has {len(arrays)} arrays for {given_sizes.size} layers")
    sizes = layer_sizes(given_sizes)
    if neuron not in ("sigmoid", "perceptron"):
        raise ValueError(f"it is of {neuron} neurons")
    if generator is not None and (
        generator.shape != (625,) or generator.dtype.newbyteorder("=") != np.uint32 or generator[-1] > 624
    ):
        raise ValueError("the generator's state is none")
    given = [[arrays.pop(f"{name}_{layer}") for layer in range(len(sizes) - 1)] for name in ("biases", "weights")]
    unused = [name for name in arrays if name.startswith(("biases_", "weights_"))]
    if unused:
        raise ValueError(f"it has {', '.join(unused)} beside those of {len(sizes)} layers")
    if len({real_dtype(array.dtype.newbyteorder("=")) for array in given[0] + given[1]}) != 1:
        raise ValueError("its arrays are of different dtypes")
    state = None if generator is None else tuple(generator.tolist())
    return Saved(sizes, *_checked(sizes, *given), neuron, state, arrays)


def _from_json(data: bytes) -> Saved:
    import json

    content = json.loads(data.decode())
    if not isinstance(content, dict) or not content.keys() >= {"sizes", "biases", "weights"}:
        raise ValueError("it is neither a NumPy archive nor JSON with sizes, biases and weights")
    sizes = layer_sizes(content["sizes"])
    biases, weights = ([np.array(rows) for rows in content[name]] for name in ("biases", "weights"))
    return Saved(sizes, *_checked(sizes, biases, weights), "sigmoid", None, {})


def _checked(sizes: list[int], biases: list[Any], weights: list[Any]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The arrays, finite and of the shapes that the sizes ask for."""
    if not len(biases) == len(weights) == len(sizes) - 1:
        raise ValueError(f"it has {len(biases)} biases and {len(weights)} weights for {len(sizes)} layers")
    for i, (inputs, neurons) in enumerate(pairwise(sizes)):
        biases[i] = finite(shaped(biases[i], (neurons, 1), f"biases[{i}]"), f"biases[{i}]")
        weights[i] = finite(shaped(weights[i], (neurons, inputs), f"weights[{i}]"), f"weights[{i}]")
    return biases, weights
