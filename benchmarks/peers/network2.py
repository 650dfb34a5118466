"""The networks of the book's chapter 3: this package's, with and without what a job adds, and the book's algorithm in NumPy."""

from __future__ import annotations

import random

import numpy as np

from nndl_ext import Dataset, mnist_loader, network2, reference
from peers.base import ETA, Peer
from peers.ours import Ours, Reference

LMBDA = 5.0
MONITORS = [f"monitor_{data}_{what}" for data in ("evaluation", "training") for what in ("cost", "accuracy")]


class Ours2(Ours):
    """This package, as the book calls its chapter 3."""

    suits = staticmethod(Peer.suits)

    def network(self, job):
        return network2.Network(job.sizes, dropout=0.5 if job.adds == "dropout" else 0, dtype=job.dtype, seed=0)

    def __init__(self, job, *arguments):
        super().__init__(job, *arguments)
        self.test_data = Dataset.from_pairs(mnist_loader.load_data_wrapper()[2])

    def options(self):
        monitors = {"evaluation_data": self.test_data, **dict.fromkeys(MONITORS, True)}
        return {"lmbda": LMBDA, **(monitors if self.job.adds == "four monitors" else {})}


class Without(Ours2):
    """This package without it: neither monitors nor dropout, or chapter 1's network in the place of chapter 3's."""

    name = "without it"

    def network(self, job):
        if job.adds == "cross-entropy and lmbda":
            return Ours.network(self, job)
        return network2.Network(job.sizes, dtype=job.dtype, seed=0)

    def options(self):
        return {} if self.job.adds == "cross-entropy and lmbda" else {"lmbda": LMBDA}

    def evidence(self):
        return None


class Reference2(Reference):
    """The book's algorithm in NumPy, sample by sample, without the monitors that its `SGD` always has."""

    @staticmethod
    def suits(job):
        return job.adds == "cross-entropy and lmbda"

    def network(self, job):
        return reference.Network2(job.sizes, dtype=job.dtype, seed=0)

    def train(self):
        random.shuffle(self.data)
        for start in range(0, len(self.data), self.job.batch):
            self.net.update_mini_batch(self.data[start : start + self.job.batch], ETA, LMBDA, len(self.data))

    def evidence(self):
        return np.mean([self.net.backprop(x, y)[1][0] for x, y in self.data[: self.job.batch]], axis=0)
