"""This package, and the book's algorithm in NumPy."""

from __future__ import annotations

import contextlib
import io
from functools import partial

import numpy as np

import nndl_ext
from nndl_ext import Dataset, reference
from nndl_ext._engine import generators
from nndl_ext._engine.layers import dense
from nndl_ext._engine.model import Batches, Model
from nndl_ext._engine.optimizers import AdamDescent
from peers.base import EPSILON, ETA, FIRST, RATE, SECOND, Peer


def is_the_books(job):
    return (job.hidden, job.output, job.cost, job.optimizer) == ("sigmoid", "sigmoid", "quadratic", "descent")


class Ours(Peer):
    """This package, as the book calls it."""

    name = "nndl-ext"
    suits = staticmethod(is_the_books)

    def __init__(self, job, weights, biases, x, y):
        self.job, self.net = job, self.network(job)
        for own, given in zip(self.net.weights + self.net.biases, weights + biases, strict=True):
            own[:] = given
        self.data = Dataset(x, y)
        self.columns, self.desired = np.ascontiguousarray(x.T), np.ascontiguousarray(y.T)
        self.predict = partial(self.net.feedforward, self.columns)

    def network(self, job):
        return nndl_ext.Network(job.sizes, dtype=job.dtype, seed=0)

    def options(self):
        """What `SGD` gets beside the data, the epochs, the size of the mini-batches and the learning rate."""
        return {}

    def take_threads(self, threads):
        self.net.threads = threads

    def train(self):
        with contextlib.redirect_stdout(io.StringIO()):
            self.net.SGD(self.data, 1, self.job.batch, ETA, **self.options())

    def backprop(self):
        return self.net.backprop(self.columns, self.desired)

    def evaluate(self):
        return self.net.evaluate(self.data)

    def evidence(self):
        """The mean gradient of the first mini-batch, by the first layer's weights."""
        return self.net.cost_gradient(self.data[: self.job.batch])[1][0]


class OurModel(Peer):
    """What is below the book's calls, for networks that are not the book's."""

    name = "nndl-ext"

    @staticmethod
    def suits(job):
        return not is_the_books(job)

    def __init__(self, job, weights, biases, x, y):
        activations = [job.hidden] * (len(job.sizes) - 2) + [job.output]
        self.model = Model(dense(job.sizes, activations), job.dtype, cost=job.cost)
        self.model.parameters.replace(biases, weights)
        self.data, self.batches = Dataset(x, y), Batches(np.arange(len(x)), job.batch)
        self.optimizer, self.generator = AdamDescent(RATE, FIRST, SECOND, EPSILON), generators.seeded(0)

    def take_threads(self, threads):
        self.model.threads = threads

    def train(self):
        generators.shuffle(self.batches.order, self.generator)
        self.model.descend(self.data, self.batches, self.optimizer)

    def evidence(self):
        return self.model.gradient(self.data[: self.batches.size])[1][0]


class Reference(Ours):
    """The book's algorithm in NumPy, sample by sample."""

    name = "the book's NumPy"
    part = 25

    def __init__(self, job, weights, biases, x, y):
        super().__init__(job, weights, biases, x, y)
        self.data = list(zip(x[:, :, np.newaxis], y[:, :, np.newaxis], strict=True))
        self.predict = partial(self.net.feedforward, self.data[0][0]) if len(x) == 1 else self.predict_all

    def network(self, job):
        return reference.Network(job.sizes, dtype=job.dtype, seed=0)

    def predict_all(self):
        return [self.net.feedforward(x) for x, _ in self.data]
