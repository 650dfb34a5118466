"""The packages that somebody might use for the same network, each set up as its own users would.

A peer takes the first weights and biases, trains an epoch of mini-batch gradient descent on the quadratic cost at a time, and
predicts. Its data are ready in its own form, its work compiled, before the clock starts.
"""

from __future__ import annotations

import contextlib
import io
from functools import partial

import numpy as np

import nndl_ext
from nndl_ext import Dataset, reference

ETA = 0.5


class Ours:
    """This package."""

    name = "nndl-ext"
    part = 1  # how many times less data it gets, so that a slow peer does not take all day

    def __init__(self, job, weights, biases, x, y):
        self.net = nndl_ext.Network(job.sizes, dtype=job.dtype, seed=0)
        for own, given in zip(self.net.weights + self.net.biases, weights + biases, strict=True):
            own[:] = given
        self.batch = job.batch
        self.data = Dataset(x, y)
        self.columns = np.ascontiguousarray(x.T)
        self.predict = partial(self.net.feedforward, self.columns)

    def train(self):
        with contextlib.redirect_stdout(io.StringIO()):
            self.net.SGD(self.data, 1, self.batch, ETA)

    def evaluate(self):
        return self.net.evaluate(self.data)

    def gradient(self):
        """The mean gradient of the first mini-batch, by the first layer's weights."""
        return self.net.cost_gradient(self.data[: self.batch])[1][0]


class Reference(Ours):
    """The book's algorithm in NumPy, sample by sample."""

    name = "the book's NumPy"
    part = 25

    def __init__(self, job, weights, biases, x, y):
        super().__init__(job, weights, biases, x, y)
        self.net = reference.Network(job.sizes, dtype=job.dtype, seed=0)
        self.net.weights, self.net.biases = list(weights), list(biases)
        self.data = list(zip(x[:, :, np.newaxis], y[:, :, np.newaxis], strict=True))
        self.predict = partial(self.net.feedforward, self.data[0][0]) if len(x) == 1 else self.predict_all

    def predict_all(self):
        return [self.net.feedforward(x) for x, _ in self.data]


class BatchedNumPy:
    """NumPy with a mini-batch a matrix, and all that can be reused reused."""

    name = "NumPy, batched"
    part = 1

    def __init__(self, job, weights, biases, x, y):
        self.weights = [np.ascontiguousarray(w.T) for w in weights]
        self.biases = [b.ravel().copy() for b in biases]
        self.x, self.y, self.batch = x, y, job.batch
        self.rng = np.random.default_rng(0)

    def forward(self, x):
        activations = [x]
        for w, b in zip(self.weights, self.biases, strict=True):
            z = activations[-1] @ w
            z += b
            np.negative(z, out=z)
            np.exp(z, out=z)
            z += 1
            np.reciprocal(z, out=z)
            activations.append(z)
        return activations

    def deltas(self, x, y):
        activations = self.forward(x)
        delta = (activations[-1] - y) * activations[-1] * (1 - activations[-1])
        found = [delta]
        for w, a in zip(self.weights[:0:-1], activations[-2:0:-1], strict=True):
            delta = delta @ w.T
            delta *= a
            delta *= 1 - a
            found.insert(0, delta)
        return activations, found

    def train(self):
        order = self.rng.permutation(len(self.x))
        for start in range(0, len(self.x), self.batch):
            rows = order[start : start + self.batch]
            activations, deltas = self.deltas(self.x[rows], self.y[rows])
            for w, b, a, delta in zip(self.weights, self.biases, activations, deltas, strict=False):
                delta *= ETA / len(rows)
                w -= a.T @ delta
                b -= delta.sum(axis=0)

    def predict(self):
        return self.forward(self.x)[-1]

    def gradient(self):
        activations, deltas = self.deltas(self.x[: self.batch], self.y[: self.batch])
        return deltas[0].T @ activations[0] / len(deltas[0])


class ScikitLearn:
    """MLPRegressor, the one of its networks with a quadratic cost; its outputs are linear, so the gradient differs there."""

    name = "scikit-learn"
    part = 5

    def __init__(self, job, _weights, _biases, x, y):
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPRegressor

        warnings.simplefilter("ignore", ConvergenceWarning)
        self.x, self.y = x, y
        self.net = MLPRegressor(
            hidden_layer_sizes=job.sizes[1:-1],
            activation="logistic",
            solver="sgd",
            alpha=0,
            batch_size=min(job.batch, len(x)),
            learning_rate_init=1e-3,
            max_iter=1,
            momentum=0,
            warm_start=True,
            random_state=0,
        )
        self.net.fit(x[: job.batch], y[: job.batch])

    def train(self):
        self.net.fit(self.x, self.y)

    def predict(self):
        return self.net.predict(self.x)

    def gradient(self):
        return None


class PyTorch:
    """``nn.Sequential`` and ``optim.SGD``, as its tutorials have it."""

    name = "PyTorch"
    part = 5

    def __init__(self, job, weights, biases, x, y):
        import torch

        torch.set_num_threads(job.threads)
        self.torch, self.batch = torch, job.batch
        self.x, self.y = torch.from_numpy(x.copy()), torch.from_numpy(y.copy())
        layers = []
        for w, b in zip(weights, biases, strict=True):
            layer = torch.nn.Linear(w.shape[1], w.shape[0], dtype=self.x.dtype)
            layer.weight.data, layer.bias.data = torch.from_numpy(np.ascontiguousarray(w)), torch.from_numpy(b.ravel().copy())
            layers += [layer, torch.nn.Sigmoid()]
        self.net = torch.nn.Sequential(*layers)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=ETA)

    def cost(self, x, y):
        return ((self.net(x) - y) ** 2).sum() / (2 * len(x))

    def train(self):
        for rows in self.torch.randperm(len(self.x)).split(self.batch):
            self.optimizer.zero_grad()
            self.cost(self.x[rows], self.y[rows]).backward()
            self.optimizer.step()

    def predict(self):
        with self.torch.inference_mode():
            return self.net(self.x).numpy()

    def gradient(self):
        self.optimizer.zero_grad()
        self.cost(self.x[: self.batch], self.y[: self.batch]).backward()
        return self.net[0].weight.grad.numpy()


class PyTorchByHand(PyTorch):
    """PyTorch's matrix products without its autograd: the update written out with ``addmm_``."""

    name = "PyTorch, by hand"
    part = 1
    predict = None  # as above

    def __init__(self, job, weights, biases, x, y):
        super().__init__(job, weights, biases, x, y)
        self.weights = [self.torch.from_numpy(np.ascontiguousarray(w.T)) for w in weights]
        self.biases = [self.torch.from_numpy(b.ravel().copy()) for b in biases]

    def deltas(self, x, y):
        activations = [x]
        for w, b in zip(self.weights, self.biases, strict=True):
            activations.append(self.torch.addmm(b, activations[-1], w).sigmoid_())
        a = activations[-1]
        delta = (a - y) * a * (1 - a)
        found = [delta]
        for w, a in zip(self.weights[:0:-1], activations[-2:0:-1], strict=True):
            delta = (delta @ w.T).mul_(a).mul_(1 - a)
            found.insert(0, delta)
        return activations, found

    def step(self, x, y):
        activations, deltas = self.deltas(x, y)
        for w, b, a, delta in zip(self.weights, self.biases, activations, deltas, strict=False):
            w.addmm_(a.T, delta, alpha=-ETA / len(x))
            b.add_(delta.sum(0), alpha=-ETA / len(x))

    def train(self):
        with self.torch.inference_mode():
            for rows in self.torch.randperm(len(self.x)).split(self.batch):
                self.step(self.x[rows], self.y[rows])

    def gradient(self):
        activations, deltas = self.deltas(self.x[: self.batch], self.y[: self.batch])
        return (deltas[0].T @ activations[0]).numpy() / len(deltas[0])


class PyTorchCompiled(PyTorchByHand):
    """The same update of one mini-batch as a graph that ``torch.compile`` has made one piece of code of."""

    name = "PyTorch, compiled"
    part = 1

    def __init__(self, job, weights, biases, x, y):
        super().__init__(job, weights, biases, x, y)
        self.step = self.torch.compile(self.step)


class Jax:
    """The whole epoch compiled: a ``lax.scan`` over the shuffled mini-batches."""

    name = "JAX"
    part = 1

    def __init__(self, job, weights, biases, x, y):
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", np.dtype(job.dtype) == np.float64)
        self.jax, self.x, self.y, self.batch = jax, jnp.asarray(x), jnp.asarray(y), job.batch
        self.parameters = [(jnp.asarray(w.T), jnp.asarray(b.ravel())) for w, b in zip(weights, biases, strict=True)]
        self.key = jax.random.key(0)

        def forward(parameters, x):
            for w, b in parameters:
                x = jax.nn.sigmoid(x @ w + b)
            return x

        def cost(parameters, x, y):
            return ((forward(parameters, x) - y) ** 2).sum() / (2 * len(x))

        def step(parameters, rows):
            gradient = jax.grad(cost)(parameters, self.x[rows], self.y[rows])
            return jax.tree.map(lambda p, g: p - ETA * g, parameters, gradient), None

        def epoch(parameters, key):
            order = jax.random.permutation(key, len(self.x))[: len(self.x) // job.batch * job.batch]
            return jax.lax.scan(step, parameters, order.reshape(-1, job.batch))[0]

        self.epoch = jax.jit(epoch, donate_argnums=0)
        self.forward, self.grad = jax.jit(forward), jax.jit(jax.grad(cost))

    def train(self):
        self.key, key = self.jax.random.split(self.key)
        self.parameters = self.jax.block_until_ready(self.epoch(self.parameters, key))

    def predict(self):
        return np.asarray(self.forward(self.parameters, self.x))

    def gradient(self):
        return np.asarray(self.grad(self.parameters, self.x[: self.batch], self.y[: self.batch])[0][0]).T


PEERS = [Ours, Reference, BatchedNumPy, ScikitLearn, PyTorch, PyTorchByHand, PyTorchCompiled, Jax]
