"""The packages that somebody might use for the same network, each set up as its own users would.

A peer takes the first weights and biases, trains an epoch of mini-batch gradient descent, or Adam, at a time, and predicts. Its
data are ready in its own form, its work compiled, before the clock starts.
"""

from __future__ import annotations

import contextlib
import io
import random
from functools import partial

import numpy as np

import nndl_ext
from nndl_ext import Dataset, reference
from nndl_ext._core import generators
from nndl_ext._core.model import Batches, Model
from nndl_ext._core.optimisers import Adam

ETA = 0.5
RATE, FIRST, SECOND, EPSILON = 1e-3, 0.9, 0.999, 1e-8  # of Adam


def is_the_books(job):
    return (job.hidden, job.output, job.cost, job.optimiser) == ("sigmoid", "sigmoid", "quadratic", "descent")


class Peer:
    """What holds for a peer that says nothing else."""

    part = 1  # how many times less data it gets, so that a slow one does not take all day

    @staticmethod
    def suits(_job):
        """Whether it can do such a job."""
        return True


class Ours(Peer):
    """This package, as the book calls it."""

    name = "nndl-ext"
    suits = staticmethod(is_the_books)

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


class OurModel(Peer):
    """What is below the book's calls, for networks that are not the book's."""

    name = "nndl-ext"

    @staticmethod
    def suits(job):
        return not is_the_books(job)

    def __init__(self, job, weights, biases, x, y):
        activations = [job.hidden] * (len(job.sizes) - 2) + [job.output]
        self.model = Model(job.sizes, job.dtype, None, activations=activations, cost=job.cost)
        self.model.parameters.replace(biases, weights)
        self.data, self.batches = Dataset(x, y), Batches(np.arange(len(x)), job.batch)
        self.optimiser, self.generator = Adam(RATE, FIRST, SECOND, EPSILON), random.Random(0)

    def train(self):
        generators.shuffle(self.batches.order, self.generator)
        self.model.descend(self.data, self.batches, self.optimiser)

    def gradient(self):
        return self.model.gradient(self.data[: self.batches.size])[1][0]


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


def activated(name, z):
    """The activations, in the place of the weighted inputs."""
    if name == "sigmoid":
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        np.reciprocal(z, out=z)
    elif name == "relu":
        np.maximum(z, 0, out=z)
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
        step = self.adapt if self.job.optimiser == "Adam" else self.descend
        for start in range(0, len(self.x), self.batch):
            rows = order[start : start + self.batch]
            activations, deltas = self.deltas(self.x[rows], self.y[rows])
            products = [a.T @ delta for a, delta in zip(activations, deltas, strict=False)]
            step(products + [delta.sum(axis=0) for delta in deltas])

    def predict(self):
        return self.forward(self.x)[-1]

    def gradient(self):
        activations, deltas = self.deltas(self.x[: self.batch], self.y[: self.batch])
        return deltas[0].T @ activations[0]


class ScikitLearn(Peer):
    """Its estimators, which show no gradient. MLPRegressor is the one with a quadratic cost; its outputs are linear, so the
    gradient differs there from that of sigmoids."""

    name = "scikit-learn"
    part = 5

    def __init__(self, job, _weights, _biases, x, y):
        import warnings

        from scipy.sparse import csr_array
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        warnings.simplefilter("ignore", ConvergenceWarning)
        classifies = job.output == "softmax"
        self.x = csr_array(x) if job.data == "1 % filled" else x
        self.y = y.argmax(axis=1) if classifies else y.ravel() if y.shape[1] == 1 else y
        self.net = (MLPClassifier if classifies else MLPRegressor)(
            hidden_layer_sizes=job.sizes[1:-1],
            activation={"sigmoid": "logistic"}.get(job.hidden, job.hidden),
            solver="adam" if job.optimiser == "Adam" else "sgd",
            alpha=0,
            batch_size=min(job.batch, len(x)),
            learning_rate_init=1e-3,
            max_iter=1,
            momentum=0,
            warm_start=True,
            random_state=0,
        )
        self.net.fit(self.x[:1000], self.y[:1000])

    def train(self):
        self.net.fit(self.x, self.y)

    def predict(self):
        return self.net.predict(self.x)

    def gradient(self):
        return None


class PyTorch(Peer):
    """``nn.Sequential`` and ``optim.SGD`` or ``optim.Adam``, as its tutorials have it."""

    name = "PyTorch"
    part = 5

    def __init__(self, job, weights, biases, x, y):
        import torch

        torch.set_num_threads(job.threads)
        self.torch, self.job, self.batch = torch, job, job.batch
        self.x, self.y = torch.from_numpy(x.copy()), torch.from_numpy(y.copy())
        layers = []
        for w, b in zip(weights, biases, strict=True):
            layer = torch.nn.Linear(w.shape[1], w.shape[0], dtype=self.x.dtype)
            layer.weight.data, layer.bias.data = torch.from_numpy(np.ascontiguousarray(w)), torch.from_numpy(b.ravel().copy())
            layers += [layer, torch.nn.ReLU() if job.hidden == "relu" else torch.nn.Sigmoid()]
        self.net = torch.nn.Sequential(*(layers if job.output == "sigmoid" else layers[:-1]))
        self.optimizer = self.optimizer_of(list(self.net.parameters()))

    def optimizer_of(self, parameters):
        if self.job.optimiser == "Adam":
            return self.torch.optim.Adam(parameters, RATE, (FIRST, SECOND), EPSILON, fused=True)
        return self.torch.optim.SGD(parameters, lr=ETA)

    def cost(self, x, y):
        if self.job.output == "softmax":
            return self.torch.nn.functional.cross_entropy(self.net(x), y)
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
    """PyTorch's matrix products without its autograd: descent written out with ``addmm_``, Adam its own fused one."""

    name = "PyTorch, by hand"
    part, predict = 1, None  # as above

    def __init__(self, job, weights, biases, x, y):
        super().__init__(job, weights, biases, x, y)
        self.weights = [self.torch.from_numpy(np.ascontiguousarray(w.T)) for w in weights]
        self.biases = [self.torch.from_numpy(b.ravel().copy()) for b in biases]
        self.optimizer = self.optimizer_of(self.weights + self.biases)

    def deltas(self, x, y):
        activations = [x]
        for w, b in zip(self.weights, self.biases, strict=True):
            z = self.torch.addmm(b, activations[-1], w)
            name = self.job.output if w is self.weights[-1] else self.job.hidden
            activations.append(z.softmax(1) if name == "softmax" else z if name == "identity" else getattr(z, f"{name}_")())
        a = activations[-1]
        delta = a - y
        found = [delta * a * (1 - a) if self.job.output == "sigmoid" else delta]
        for w, a in zip(self.weights[:0:-1], activations[-2:0:-1], strict=True):
            delta = found[0] @ w.T
            found.insert(0, delta.mul_(a > 0) if self.job.hidden == "relu" else delta.mul_(a).mul_(1 - a))
        return activations, found

    def step(self, x, y):
        activations, deltas = self.deltas(x, y)
        for w, b, a, delta in zip(self.weights, self.biases, activations, deltas, strict=False):
            if self.job.optimiser == "Adam":
                w.grad, b.grad = (a.T @ delta).div_(len(x)), delta.mean(0)
            else:
                w.addmm_(a.T, delta, alpha=-ETA / len(x))
                b.add_(delta.sum(0), alpha=-ETA / len(x))
        if self.job.optimiser == "Adam":
            self.optimizer.step()

    def train(self):
        with self.torch.no_grad():
            for rows in self.torch.randperm(len(self.x)).split(self.batch):
                self.step(self.x[rows], self.y[rows])

    def gradient(self):
        activations, deltas = self.deltas(self.x[: self.batch], self.y[: self.batch])
        return (deltas[0].T @ activations[0]).numpy() / len(deltas[0])


class PyTorchCompiled(PyTorchByHand):
    """The same update of one mini-batch of descent as a graph that ``torch.compile`` has made one piece of code of."""

    name = "PyTorch, compiled"

    @staticmethod
    def suits(job):
        return job.optimiser == "descent"

    def __init__(self, job, weights, biases, x, y):
        super().__init__(job, weights, biases, x, y)
        self.step = self.torch.compile(self.step)


class Jax(Peer):
    """The whole epoch compiled: a ``lax.scan`` over the mini-batches, whose order NumPy has shuffled, since JAX takes 25 times
    as long for that. What is left over after the last whole mini-batch is left out."""

    name = "JAX"

    def __init__(self, job, weights, biases, x, y):
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", np.dtype(job.dtype) == np.float64)
        self.jax, self.rows, self.batch = jax, len(x), job.batch
        self.x, self.y = self.inputs(x), jnp.asarray(y)
        parameters = [(jnp.array(w.T), jnp.array(b.ravel())) for w, b in zip(weights, biases, strict=True)]
        self.state = parameters, self.zeros(parameters), self.zeros(parameters), jnp.ones(2, job.dtype)
        self.rng = np.random.default_rng(0)
        decay = jnp.array([FIRST, SECOND], job.dtype)
        hidden = {"sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu}[job.hidden]

        def weighted(parameters, x):
            (w, b), *layers = parameters
            z = self.product(x, w) + b
            for w, b in layers:
                z = hidden(z) @ w + b
            return z

        def forward(parameters, x):
            z = weighted(parameters, x)
            return jax.nn.sigmoid(z) if job.output == "sigmoid" else jax.nn.softmax(z) if job.output == "softmax" else z

        def cost(parameters, x, y):
            if job.output == "softmax":
                return -(jax.nn.log_softmax(weighted(parameters, x)) * y).sum() / len(y)
            return ((forward(parameters, x) - y) ** 2).sum() / (2 * len(y))

        def descend(state, gradient):
            return jax.tree.map(lambda p, g: p - ETA * g, state[0], gradient), *state[1:]

        def adapt(state, gradient):
            parameters, first, second, powers = state
            powers = powers * decay
            rate = RATE * jnp.sqrt(1 - powers[1]) / (1 - powers[0])
            first = jax.tree.map(lambda m, g: FIRST * m + (1 - FIRST) * g, first, gradient)
            second = jax.tree.map(lambda v, g: SECOND * v + (1 - SECOND) * g * g, second, gradient)
            new = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPSILON), parameters, first, second)
            return new, first, second, powers

        def epoch(state, x, y, order):
            def step(state, rows):
                gradient = jax.grad(cost)(state[0], self.taken(x, rows), y[rows])
                return (adapt if job.optimiser == "Adam" else descend)(state, gradient), None

            return jax.lax.scan(step, state, order, unroll=4)[0]

        self.epoch = jax.jit(epoch, donate_argnums=0)
        self.forward, self.grad = jax.jit(forward), jax.jit(jax.grad(cost))

    def inputs(self, x):
        return self.jax.numpy.asarray(x)

    def product(self, x, w):
        """What the first layer makes of inputs."""
        return x @ w

    def taken(self, x, rows):
        return self.jax.tree.map(lambda array: array[rows], x)

    def zeros(self, parameters):
        return self.jax.tree.map(self.jax.numpy.zeros_like, parameters)

    def train(self):
        whole = self.rows // self.batch * self.batch
        order = self.rng.permutation(self.rows)[:whole].astype(np.int32).reshape(-1, self.batch)
        self.state = self.jax.block_until_ready(self.epoch(self.state, self.x, self.y, order))

    def predict(self):
        return np.asarray(self.forward(self.state[0], self.x))

    def gradient(self):
        return np.asarray(self.grad(self.state[0], self.taken(self.x, slice(self.batch)), self.y[: self.batch])[0][0]).T


class JaxSparse(Jax):
    """The same for inputs of which few are filled: it has their places and values, and takes weights for these alone."""

    name = "JAX, sparse"

    @staticmethod
    def suits(job):
        return job.data == "1 % filled"

    def inputs(self, x):
        most = np.count_nonzero(x, axis=1).max()
        places = np.argsort(x == 0, axis=1, kind="stable")[:, :most].astype(np.int32)
        return self.jax.numpy.asarray(places), self.jax.numpy.asarray(np.take_along_axis(x, places, axis=1))

    def product(self, x, w):
        places, values = x
        return self.jax.numpy.einsum("mk,mkn->mn", values, w[places])


PEERS = [Ours, OurModel, Reference, BatchedNumPy, ScikitLearn, PyTorch, PyTorchByHand, PyTorchCompiled, Jax, JaxSparse]
