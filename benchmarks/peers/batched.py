"""NumPy, as one would write it for speed."""

from __future__ import annotations

import numpy as np

from peers.base import EPSILON, ETA, FIRST, RATE, SECOND, Peer


def activated(name, z):
    """The activations, in the place of the weighted inputs."""
    if name == "sigmoid":
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        np.reciprocal(z, out=z)
    elif name == "relu":
        np.maximum(z, 0, out=z)
    elif name == "tanh":
        np.tanh(z, out=z)
    elif name == "softmax":
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)
    return z


def times_slope(name, delta, a):
    """The delta times the activation's derivative, which is part of the cost's for softmax, and 1 for identity."""
    if name == "sigmoid":
        delta *= a
        delta *= 1 - a
    elif name == "relu":
        delta *= a > 0
    elif name == "tanh":
        delta *= 1 - a * a
    return delta


class BatchedNumPy(Peer):
    """NumPy with a mini-batch a matrix, and all that can be reused reused."""

    name = "NumPy, batched"

    def __init__(self, job, weights, biases, x, y):
        self.job = job
        self.weights = [np.ascontiguousarray(w.T) for w in weights]
        self.biases = [b.ravel().copy() for b in biases]
        self.x, self.y, self.batch = x, y, job.batch
        self.rng = np.random.default_rng(0)
        self.moments = [(np.zeros_like(p), np.zeros_like(p)) for p in self.weights + self.biases]
        self.steps = 0

    def forward(self, x):
        activations = [x]
        for w, b in zip(self.weights, self.biases, strict=True):
            z = activations[-1] @ w
            z += b
            activations.append(activated(self.job.output if w is self.weights[-1] else self.job.hidden, z))
        return activations

    def deltas(self, x, y):
        """All activations, and the errors of the layers after the first, over the number of samples."""
        activations = self.forward(x)
        delta = times_slope(self.job.output, (activations[-1] - y) / len(x), activations[-1])
        found = [delta]
        for w, a in zip(self.weights[:0:-1], activations[-2:0:-1], strict=True):
            delta = times_slope(self.job.hidden, delta @ w.T, a)
            found.insert(0, delta)
        return activations, found

    def descend(self, gradients):
        for p, g in zip(self.weights + self.biases, gradients, strict=True):
            g *= ETA
            p -= g

    def adapt(self, gradients):
        """Adam's step."""
        self.steps += 1
        rate = RATE * (1 - SECOND**self.steps) ** 0.5 / (1 - FIRST**self.steps)
        for p, g, (first, second) in zip(self.weights + self.biases, gradients, self.moments, strict=True):
            first *= FIRST
            first += (1 - FIRST) * g
            np.square(g, out=g)
            g *= 1 - SECOND
            second *= SECOND
            second += g
            np.sqrt(second, out=g)
            g += EPSILON
            np.divide(first, g, out=g)
            g *= rate
            p -= g

    def train(self):
        order = self.rng.permutation(len(self.x))
        step = self.adapt if self.job.optimizer == "Adam" else self.descend
        for start in range(0, len(self.x), self.batch):
            rows = order[start : start + self.batch]
            activations, deltas = self.deltas(self.x[rows], self.y[rows])
            products = [a.T @ delta for a, delta in zip(activations, deltas, strict=False)]
            step(products + [delta.sum(axis=0) for delta in deltas])

    def predict(self):
        return self.forward(self.x)[-1]

    def evidence(self):
        activations, deltas = self.deltas(self.x[: self.batch], self.y[: self.batch])
        return deltas[0].T @ activations[0]
