"""JAX, with a whole epoch as one piece of code."""

from __future__ import annotations

import numpy as np

from peers.base import EPSILON, ETA, FIRST, RATE, SECOND, Peer


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
        hidden = {"sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu, "tanh": jax.numpy.tanh}[job.hidden]

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
                return (adapt if job.optimizer == "Adam" else descend)(state, gradient), None

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

    def evidence(self):
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


class JaxFit(Jax):
    """The same epochs one after the other, which lack what a fit has beside: first weights, losses and the L2 term."""

    def __init__(self, job, *arguments):
        super().__init__(job, *arguments)
        self.epochs = job.epochs

    @staticmethod
    def suits(job):
        return (job.call, job.optimizer) == ("fit", "Adam") and job.data != "0.1 % filled"

    def fit(self):
        for _ in range(self.epochs):
            self.train()

    def evidence(self):
        return None  # its first weights are not scikit-learn's
