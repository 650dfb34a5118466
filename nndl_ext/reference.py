"""The book's algorithm in plain NumPy, one sample at a time: what the kernels are tested against and measured by."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
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


def _softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


# For each activation: its value at z; and the cost's derivatives by z, given z, the value a and the derivatives by a.
ACTIVATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "identity": (lambda z: z, lambda _z, _a, by_a: by_a),
    "sigmoid": (sigmoid, lambda _z, a, by_a: by_a * a * (1 - a)),
    "tanh": (np.tanh, lambda _z, a, by_a: by_a * (1 - a**2)),
    "relu": (lambda z: np.maximum(z, 0), lambda z, _a, by_a: by_a * (z > 0)),
    "softplus": (lambda z: np.logaddexp(0, z), lambda z, _a, by_a: by_a * sigmoid(z)),
    "exp": (np.exp, lambda _z, a, by_a: by_a * a),
    "softmax": (_softmax, lambda _z, a, by_a: a * (by_a - (by_a * a).sum(axis=0))),
}


def _times_log(y: np.ndarray, a: np.ndarray) -> np.ndarray:
    return np.where(y == 0, 0, y * np.log(np.where(y == 0, 1, a)))


# For each cost: its part of each output, and the derivative by it.
COSTS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "quadratic": (lambda a, y: (a - y) ** 2 / 2, lambda a, y: a - y),
    "absolute": (lambda a, y: abs(a - y), lambda a, y: np.sign(a - y)),
    "huber": (
        lambda a, y: np.where(abs(a - y) > 1, abs(a - y) - 0.5, (a - y) ** 2 / 2),
        lambda a, y: np.clip(a - y, -1, 1),
    ),
    "cross-entropy": (lambda a, y: -_times_log(y, a) - _times_log(1 - y, 1 - a), lambda a, y: (1 - y) / (1 - a) - y / a),
    "log-likelihood": (lambda a, y: -_times_log(y, a), lambda a, y: -y / a),
    "poisson": (lambda a, y: _times_log(y, y / a) + a - y, lambda a, y: 1 - y / a),
}


def philox(words: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
    """Four random 32-bit words for each counter of four (Philox 4x32-10, Salmon et al., SC11, 2011), as uint64."""
    a, b, c, d = (np.asarray(word, np.uint64) for word in words)
    key, key_of_odd, low, high = seed & 0xFFFFFFFF, seed >> 32, np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(10):
        even, odd = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b, c, d = odd >> high ^ b ^ np.uint64(key), odd & low, even >> high ^ d ^ np.uint64(key_of_odd), even & low
        key, key_of_odd = (key + 0x9E3779B9) & 0xFFFFFFFF, (key_of_odd + 0xBB67AE85) & 0xFFFFFFFF
    return [a, b, c, d]


class Model:
    """Layers with any activations, and their training on any cost by any optimiser, a mini-batch at a time.

    Samples are columns. ``biases`` and ``weights`` are as in `Network`. ``dropout`` has a rate for each layer after the first,
    and ``seed`` is that of its masks.
    """

    def __init__(
        self,
        biases: list[np.ndarray],
        weights: list[np.ndarray],
        activations: Sequence[str],
        cost: str,
        *,
        dropout: Sequence[float] = (),
        seed: int = 0,
    ) -> None:
        self.biases, self.weights, self.activations, self.cost = biases, weights, activations, cost
        self.dropout, self.seed = dropout or [0.0] * len(weights), seed
        self.steps, self.moments = 0, [[np.zeros_like(p), np.zeros_like(p)] for p in biases + weights]

    def feedforward(self, x: np.ndarray) -> np.ndarray:
        """The outputs for each column."""
        for b, w, name in zip(self.biases, self.weights, self.activations, strict=True):
            x = ACTIVATIONS[name][0](w @ x + b)
        return x

    def costs(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The cost of each column."""
        return COSTS[self.cost][0](self.feedforward(x), y).sum(axis=0)

    def mask(self, layer: int, samples: np.ndarray, epoch: int) -> np.ndarray:
        """What dropout multiplies the activations of a layer by, for each neuron and sample."""
        rate, neurons = self.dropout[layer], np.arange(len(self.biases[layer]))
        counter = [np.repeat(neurons // 4 * 4, len(samples)), np.tile(samples, len(neurons))]
        words = philox([*counter, np.full(len(counter[0]), layer), np.full(len(counter[0]), epoch)], self.seed)
        drawn = np.array(words).reshape(4, len(neurons), -1)[neurons % 4, neurons]
        return (drawn >= int(rate * 2**32)) / (1 - rate)

    def gradient(
        self, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None, samples: np.ndarray | None = None, epoch: int = 0
    ) -> Gradient:
        """The mean gradient of the samples' cost, weighted by ``weights``, with the masks of these ``samples`` (BP1 to BP4)."""
        a, layers = x, []
        for layer, (b, w, name) in enumerate(zip(self.biases, self.weights, self.activations, strict=True)):
            z = w @ a + b
            mask = 1.0 if samples is None or not self.dropout[layer] else self.mask(layer, samples, epoch)
            layers.append((a, z, ACTIVATIONS[name][0](z), mask))
            a = layers[-1][2] * mask
        by_a = COSTS[self.cost][1](a, y)
        share = np.ones(x.shape[1]) if weights is None else weights
        nabla_b: list[np.ndarray] = []
        nabla_w: list[np.ndarray] = []
        for w, name, (before, z, value, mask) in zip(self.weights[::-1], self.activations[::-1], layers[::-1], strict=True):
            delta = ACTIVATIONS[name][1](z, value, by_a * mask)
            nabla_b.insert(0, (delta * share).sum(axis=1, keepdims=True) / share.sum())
            nabla_w.insert(0, delta * share @ before.T / share.sum())
            by_a = w.T @ delta
        return nabla_b, nabla_w

    def step(self, gradient: Gradient, optimiser: Any, samples: float) -> None:
        """One step of an `_core.optimisers.Optimiser`, whose regularisation may be divided by so many samples."""
        self.steps += 1
        l1, l2, per = optimiser.regularisation
        by_w = [(l1 * np.sign(w) + l2 * w) / (per or samples) for w in self.weights]
        nablas = gradient[0] + [nabla + more for nabla, more in zip(gradient[1], by_w, strict=True)]
        for p, g, moments in zip(self.biases + self.weights, nablas, self.moments, strict=True):
            if optimiser.kind == "descent":
                p -= optimiser.eta * g
            elif optimiser.kind == "momentum":
                moments[0] = optimiser.momentum * moments[0] - optimiser.eta * g
                p += optimiser.momentum * moments[0] - optimiser.eta * g if optimiser.nesterov else moments[0]
            else:
                moments[0] = optimiser.first * moments[0] + (1 - optimiser.first) * g
                moments[1] = optimiser.second * moments[1] + (1 - optimiser.second) * g**2
                first, second = 1 - optimiser.first**self.steps, 1 - optimiser.second**self.steps
                p -= optimiser.eta * np.sqrt(second) / first * moments[0] / (np.sqrt(moments[1]) + optimiser.epsilon)
