"""The book's algorithm in plain NumPy, one sample at a time: what the kernels are tested against and measured by."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nndl_ext._core import generators
from nndl_ext._core.dataset import Sample

Gradient = tuple[list[np.ndarray], list[np.ndarray]]


class Network:
    """A network with the constructor, attributes and methods of `nndl_ext.network.Network`.

    Its arrays come out equal to rounding; its bits depend on the machine's BLAS. Arguments are not checked.
    """

    def __init__(self, sizes: Sequence[int], *, dtype: DTypeLike = np.float64, seed: int | None = None) -> None:
        self.num_layers = len(sizes)
        self.sizes = list(sizes)
        self._random: Any = random if seed is None else random.Random(seed)

        def normal(rows: int, columns: int) -> np.ndarray:
            deviates = np.random.randn(rows, columns) if seed is None else generators.normal((rows, columns), self._random)
            return deviates.astype(dtype)

        self.biases = [normal(n, 1) for n in self.sizes[1:]]
        self.weights = [normal(n, inputs) for inputs, n in pairwise(self.sizes)]

    def feedforward(self, a: np.ndarray) -> np.ndarray:
        """The output for a column of inputs, or for several columns."""
        for b, w in zip(self.biases, self.weights, strict=True):
            a = sigmoid(w @ a + b)
        return a

    def SGD(
        self,
        training_data: Iterable[Sample],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        test_data: Iterable[Sample] | None = None,
    ) -> None:
        """Mini-batch stochastic gradient descent, with a line printed after each epoch."""
        pairs, test = list(training_data), list(test_data or ())
        for epoch in range(epochs):
            self._random.shuffle(pairs)
            for start in range(0, len(pairs), mini_batch_size):
                self.update_mini_batch(pairs[start : start + mini_batch_size], eta)
            print(f"Epoch {epoch}: {self.evaluate(test)} / {len(test)}" if test else f"Epoch {epoch} complete", flush=True)

    def update_mini_batch(self, mini_batch: Sequence[Sample], eta: float) -> None:
        """One step against the mean gradient of the samples."""
        sum_b = [np.zeros_like(b) for b in self.biases]
        sum_w = [np.zeros_like(w) for w in self.weights]
        for x, y in mini_batch:
            for sums, nablas in zip((sum_b, sum_w), self.backprop(x, y), strict=True):
                for total, nabla in zip(sums, nablas, strict=True):
                    total += nabla
        step = eta / len(mini_batch)
        self.biases = [b - step * nabla for b, nabla in zip(self.biases, sum_b, strict=True)]
        self.weights = [w - step * nabla for w, nabla in zip(self.weights, sum_w, strict=True)]

    def backprop(self, x: np.ndarray, y: np.ndarray) -> Gradient:
        """The derivatives of one sample's cost by biases and weights (BP1 to BP4)."""
        activations, derivatives = [x], []
        for b, w in zip(self.biases, self.weights, strict=True):
            z = w @ activations[-1] + b
            activations.append(sigmoid(z))
            derivatives.append(sigmoid_prime(z))
        delta = self.cost_derivative(activations[-1], y) * derivatives[-1]
        nabla_b, nabla_w = [delta], [delta @ activations[-2].T]
        for layer in range(2, self.num_layers):
            delta = self.weights[1 - layer].T @ delta * derivatives[-layer]
            nabla_b.insert(0, delta)
            nabla_w.insert(0, delta @ activations[-layer - 1].T)
        return nabla_b, nabla_w

    def evaluate(self, test_data: Iterable[Sample]) -> int:
        """How many samples have the largest output where they should; y is a label or a unit vector."""
        return sum(int(self.feedforward(x).argmax() == (y if np.ndim(y) == 0 else y.argmax())) for x, y in test_data)

    def cost_derivative(self, output_activations: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The derivatives of the quadratic cost by the outputs."""
        return output_activations - y

    def cost(self, data: Iterable[Sample]) -> float:
        """The quadratic cost of a data set."""
        return float(np.mean([np.sum((self.feedforward(x) - y) ** 2) / 2 for x, y in data]))

    def cost_gradient(self, data: Iterable[Sample]) -> Gradient:
        """The mean gradient of a data set."""
        gradients = [self.backprop(x, y) for x, y in data]
        nabla_b, nabla_w = (
            [np.mean(layer, axis=0) for layer in zip(*nablas, strict=True)] for nablas in zip(*gradients, strict=True)
        )
        return nabla_b, nabla_w


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), which is 0 where exp(-z) overflows."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))


def sigmoid_prime(z: np.ndarray) -> np.ndarray:
    """The sigmoid's derivative."""
    return sigmoid(z) * (1 - sigmoid(z))
