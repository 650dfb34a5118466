"""Descriptions of layers, from which the engine is built."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from nndl_ext._engine.functions import Activation


class Dense(NamedTuple):
    """A layer in which each neuron receives all activations of the layer before."""

    inputs: int
    neurons: int
    activation: str | Activation


def dense(sizes: Sequence[int], activations: Sequence[str | Activation] | None = None) -> list[Dense]:
    """Dense layers of these sizes, inputs first; the activations of the layers after the first are sigmoid by default."""
    given = ["sigmoid"] * (len(sizes) - 1) if activations is None else activations
    return [Dense(*pair, activation) for pair, activation in zip(pairwise(sizes), given, strict=True)]
