"""The book's algorithm in plain NumPy, without checks of arguments: tests and benchmarks compare the kernels with it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nndl_ext._data.dataset import Sample
from nndl_ext._engine import generators

__all__ = ["CrossEntropyCost", "Model", "Network", "Network2", "QuadraticCost", "philox", "sigmoid", "sigmoid_prime"]


def __dir__() -> list[str]:
    return __all__


Gradient = tuple[list[np.ndarray], list[np.ndarray]]


class _Layers:
    """What the networks of all chapters have in common."""

    def __init__(self, sizes: Sequence[int], *, dtype: DTypeLike = np.float64, seed: int | None = None) -> None:
        self.num_layers = len(sizes)
        self.sizes = list(sizes)
        self._random: Any = random if seed is None else random.Random(seed)
        self._seeded, self._dtype = seed is not None, dtype
        self._initialize()

    def _initialize(self) -> None:
        """Draw the first biases and weights."""
        self._draw(lambda _: 1.0)

    def _draw(self, divisor: Callable[[int], float]) -> None:
        """Draw biases and weights; divide the weights by a function of the neuron's number of inputs."""

        def normal(rows: int, columns: int) -> np.ndarray:
            return generators.normal((rows, columns), self._random) if self._seeded else np.random.randn(rows, columns)

        self.biases = [normal(n, 1).astype(self._dtype) for n in self.sizes[1:]]
        self.weights = [(normal(n, inputs) / divisor(inputs)).astype(self._dtype) for inputs, n in pairwise(self.sizes)]

    def feedforward(self, a: np.ndarray) -> np.ndarray:
        """The output for an input of shape (inputs, 1), or for the columns of a matrix."""
        for b, w in zip(self.biases, self.weights, strict=True):
            a = sigmoid(w @ a + b)
        return a

    def backprop(self, x: np.ndarray, y: np.ndarray) -> Gradient:
        """The derivatives of one sample's cost with respect to biases and weights (BP1 to BP4)."""
        a, activations, zs = x, [x], []
        for b, w in zip(self.biases, self.weights, strict=True):
            zs.append(w @ a + b)
            a = sigmoid(zs[-1])
            activations.append(a)
        delta = self._delta(zs[-1], a, y)
        nabla_b, nabla_w = [delta], [delta @ activations[-2].T]
        for layer in range(2, self.num_layers):
            delta = self.weights[1 - layer].T @ delta * sigmoid_prime(zs[-layer])
            nabla_b.insert(0, delta)
            nabla_w.insert(0, delta @ activations[-layer - 1].T)
        return nabla_b, nabla_w

    def _delta(self, z: np.ndarray, a: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The error of the output layer: the derivatives of one sample's cost with respect to its weighted inputs."""
        raise NotImplementedError

    def _step(self, mini_batch: Sequence[Sample], eta: float, decay: float) -> None:
        """One step against the mean gradient of the samples, from weights multiplied by 1 - decay."""
        sum_b = [np.zeros_like(b) for b in self.biases]
        sum_w = [np.zeros_like(w) for w in self.weights]
        for x, y in mini_batch:
            for sums, nablas in zip((sum_b, sum_w), self.backprop(x, y), strict=True):
                for total, nabla in zip(sums, nablas, strict=True):
                    total += nabla
        step = eta / len(mini_batch)
        self.biases = [b - step * nabla for b, nabla in zip(self.biases, sum_b, strict=True)]
        self.weights = [(1 - decay) * w - step * nabla for w, nabla in zip(self.weights, sum_w, strict=True)]

    def _right(self, data: Iterable[Sample]) -> int:
        """The number of samples classified correctly; y is a label or a unit vector."""
        return sum(int(self.feedforward(x).argmax() == (y if np.ndim(y) == 0 else y.argmax())) for x, y in data)


class Network(_Layers):
    """`nndl_ext.network.Network` in plain NumPy: the same results to rounding, with bits that depend on the machine's BLAS.

    Examples
    --------
    >>> net = Network([2, 3, 1], seed=0)
    >>> net.feedforward(np.zeros((2, 1))).shape
    (1, 1)
    """

    def SGD(
        self,
        training_data: Iterable[Sample],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        test_data: Iterable[Sample] | None = None,
    ) -> None:
        """Train by mini-batch stochastic gradient descent, and print a line after each epoch."""
        pairs, test = list(training_data), list(test_data or ())
        for epoch in range(epochs):
            self._random.shuffle(pairs)
            for start in range(0, len(pairs), mini_batch_size):
                self.update_mini_batch(pairs[start : start + mini_batch_size], eta)
            print(f"Epoch {epoch}: {self.evaluate(test)} / {len(test)}" if test else f"Epoch {epoch} complete", flush=True)

    def update_mini_batch(self, mini_batch: Sequence[Sample], eta: float) -> None:
        """Take one step against the mean gradient of the samples."""
        self._step(mini_batch, eta, 0.0)

    def evaluate(self, test_data: Iterable[Sample]) -> int:
        """The number of samples classified correctly."""
        return self._right(test_data)

    def cost_derivative(self, output_activations: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The derivatives of the quadratic cost with respect to the outputs."""
        return output_activations - y

    def cost(self, data: Iterable[Sample]) -> float:
        """The quadratic cost of a data set."""
        return float(np.mean([QuadraticCost.fn(self.feedforward(x), y) for x, y in data]))

    def cost_gradient(self, data: Iterable[Sample]) -> Gradient:
        """The mean gradient of a data set."""
        gradients = [self.backprop(x, y) for x, y in data]
        nabla_b, nabla_w = (
            [np.mean(layer, axis=0) for layer in zip(*nablas, strict=True)] for nablas in zip(*gradients, strict=True)
        )
        return nabla_b, nabla_w

    def _delta(self, z: np.ndarray, a: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self.cost_derivative(a, y) * sigmoid_prime(z)


class QuadraticCost:
    """The cost of chapter 1.

    Examples
    --------
    >>> float(QuadraticCost.fn(np.array([[0.5]]), np.array([[0.0]])))
    0.125
    """

    @staticmethod
    def fn(a: np.ndarray, y: np.ndarray) -> float:
        """The cost of one sample."""
        return float(np.sum((a - y) ** 2) / 2)

    @staticmethod
    def delta(z: np.ndarray, a: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The error of the output layer."""
        return (a - y) * sigmoid_prime(z)


class CrossEntropyCost:
    """The cost of chapter 3.

    Examples
    --------
    >>> round(float(CrossEntropyCost.fn(np.array([[0.5]]), np.array([[0.0]]))), 6)
    0.693147
    """

    @staticmethod
    def fn(a: np.ndarray, y: np.ndarray) -> float:
        """The cost of one sample."""
        return float(np.sum(-_times_log(y, a) - _times_log(1 - y, 1 - a)))

    @staticmethod
    def delta(_z: np.ndarray, a: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The error of the output layer."""
        return a - y


class Network2(_Layers):
    """A network with the constructor, attributes and methods of the book's ``network2.py``.

    Examples
    --------
    >>> net = Network2([2, 3, 1], seed=0)
    >>> net.feedforward(np.zeros((2, 1))).shape
    (1, 1)
    """

    def __init__(
        self, sizes: Sequence[int], cost: Any = CrossEntropyCost, *, dtype: DTypeLike = np.float64, seed: int | None = None
    ) -> None:
        self.cost = cost
        super().__init__(sizes, dtype=dtype, seed=seed)

    def _initialize(self) -> None:
        self.default_weight_initializer()

    def default_weight_initializer(self) -> None:
        """Draw weights of standard deviation 1 / sqrt(inputs)."""
        self._draw(np.sqrt)

    def large_weight_initializer(self) -> None:
        """Draw weights of standard deviation 1."""
        self._draw(lambda _: 1.0)

    def SGD(
        self, training_data: Iterable[Sample], epochs: int, mini_batch_size: int, eta: float, lmbda: float = 0.0
    ) -> tuple[list[float], list[int]]:
        """Train by mini-batch stochastic gradient descent; return cost and accuracy on training data after each epoch."""
        pairs, costs, accuracies = list(training_data), [], []
        for _ in range(epochs):
            self._random.shuffle(pairs)
            for start in range(0, len(pairs), mini_batch_size):
                self.update_mini_batch(pairs[start : start + mini_batch_size], eta, lmbda, len(pairs))
            costs.append(self.total_cost(pairs, lmbda))
            accuracies.append(self.accuracy(pairs))
        return costs, accuracies

    def update_mini_batch(self, mini_batch: Sequence[Sample], eta: float, lmbda: float, n: int) -> None:
        """Take one step against the gradient of the samples' mean cost plus lmbda / 2n times the sum of squared weights."""
        self._step(mini_batch, eta, eta * lmbda / n)

    def accuracy(self, data: Iterable[Sample]) -> int:
        """The number of samples classified correctly."""
        return self._right(data)

    def total_cost(self, data: Iterable[Sample], lmbda: float) -> float:
        """The mean cost of a data set plus the L2 regularization term."""
        costs = [self.cost.fn(self.feedforward(x), y) for x, y in data]
        return float(np.mean(costs)) + lmbda / len(costs) / 2 * sum(float(np.sum(w**2)) for w in self.weights)

    def _delta(self, z: np.ndarray, a: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self.cost.delta(z, a, y)


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), which is 0 where exp(-z) overflows.

    Examples
    --------
    >>> float(sigmoid(np.float64(0)))
    0.5
    """
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))


def sigmoid_prime(z: np.ndarray) -> np.ndarray:
    """The sigmoid's derivative.

    Examples
    --------
    >>> float(sigmoid_prime(np.float64(0)))
    0.25
    """
    return sigmoid(z) * (1 - sigmoid(z))


def _softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


# For each activation: its value a at z; and, from z, a and the cost's derivatives by a, the cost's derivatives by z.
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


# For each cost: an output's contribution, and its derivative by that output.
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
    """Four random 32-bit words for each counter of four (Philox 4x32-10, Salmon et al., SC11, 2011), as uint64.

    Examples
    --------
    >>> [len(words) for words in philox([np.arange(3)] * 4, seed=0)]
    [3, 3, 3, 3]
    """
    a, b, c, d = (np.asarray(word, np.uint64) for word in words)
    key, key_of_odd, low, high = seed & 0xFFFFFFFF, seed >> 32, np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(10):
        even, odd = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b, c, d = odd >> high ^ b ^ np.uint64(key), odd & low, even >> high ^ d ^ np.uint64(key_of_odd), even & low
        key, key_of_odd = (key + 0x9E3779B9) & 0xFFFFFFFF, (key_of_odd + 0xBB67AE85) & 0xFFFFFFFF
    return [a, b, c, d]


class Model:
    """Layers with any activations, any cost and any optimizer, trained by one mini-batch at a time.

    Samples are columns. ``biases`` and ``weights`` have the shapes that they have in `Network`. ``dropout`` holds a rate for
    each layer after the first; ``seed`` is the seed of the dropout masks.

    Examples
    --------
    >>> model = Model([np.zeros((1, 1))], [np.ones((1, 2))], ["sigmoid"], "cross-entropy")
    >>> model.feedforward(np.array([[1.0], [-1.0]])).tolist()
    [[0.5]]
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
        """The factors by which dropout multiplies the activations of a layer, for each neuron and sample."""
        rate, neurons = self.dropout[layer], np.arange(len(self.biases[layer]))
        counter = [np.repeat(neurons // 4 * 4, len(samples)), np.tile(samples, len(neurons))]
        words = philox([*counter, np.full(len(counter[0]), layer), np.full(len(counter[0]), epoch)], self.seed)
        drawn = np.array(words).reshape(4, len(neurons), -1)[neurons % 4, neurons]
        return (drawn >= int(rate * 2**32)) / (1 - rate)

    def gradient(
        self, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None, samples: np.ndarray | None = None, epoch: int = 0
    ) -> Gradient:
        """The mean gradient of the samples' costs, weighted by ``weights`` (BP1 to BP4); ``samples`` select dropout masks."""
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

    def step(self, gradient: Gradient, optimizer: Any, samples: float) -> None:
        """Take one step of an optimizer of `_engine`; ``samples`` divides the regularization unless that says by what."""
        self.steps += 1
        l1, l2, per = optimizer.regularization
        by_w = [(l1 * np.sign(w) + l2 * w) / (per or samples) for w in self.weights]
        nablas = gradient[0] + [nabla + more for nabla, more in zip(gradient[1], by_w, strict=True)]
        for p, g, moments in zip(self.biases + self.weights, nablas, self.moments, strict=True):
            if optimizer.kind == "descent":
                p -= optimizer.eta * g
            elif optimizer.kind == "momentum":
                moments[0] = optimizer.momentum * moments[0] - optimizer.eta * g
                p += optimizer.momentum * moments[0] - optimizer.eta * g if optimizer.nesterov else moments[0]
            else:
                moments[0] = optimizer.first * moments[0] + (1 - optimizer.first) * g
                moments[1] = optimizer.second * moments[1] + (1 - optimizer.second) * g**2
                first, second = 1 - optimizer.first**self.steps, 1 - optimizer.second**self.steps
                p -= optimizer.eta * np.sqrt(second) / first * moments[0] / (np.sqrt(moments[1]) + optimizer.epsilon)
