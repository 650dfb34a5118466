"""PyTorch in three ways."""

from __future__ import annotations

import numpy as np

from peers.base import EPSILON, ETA, FIRST, RATE, SECOND, Peer

MODULES = {"sigmoid": "Sigmoid", "relu": "ReLU", "tanh": "Tanh"}
SLOPES = {"sigmoid": lambda a: a * (1 - a), "relu": lambda a: a > 0, "tanh": lambda a: 1 - a * a}


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
            layers += [layer, getattr(torch.nn, MODULES[job.hidden])()]
        self.net = torch.nn.Sequential(*(layers if job.output == "sigmoid" else layers[:-1]))
        self.optimizer = self.optimizer_of(list(self.net.parameters()))

    def optimizer_of(self, parameters):
        if self.job.optimizer == "Adam":
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

    def evidence(self):
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
            found.insert(0, delta.mul_(SLOPES[self.job.hidden](a)))
        return activations, found

    def step(self, x, y):
        activations, deltas = self.deltas(x, y)
        for w, b, a, delta in zip(self.weights, self.biases, activations, deltas, strict=False):
            if self.job.optimizer == "Adam":
                w.grad, b.grad = (a.T @ delta).div_(len(x)), delta.mean(0)
            else:
                w.addmm_(a.T, delta, alpha=-ETA / len(x))
                b.add_(delta.sum(0), alpha=-ETA / len(x))
        if self.job.optimizer == "Adam":
            self.optimizer.step()

    def train(self):
        with self.torch.no_grad():
            for rows in self.torch.randperm(len(self.x)).split(self.batch):
                self.step(self.x[rows], self.y[rows])

    def evidence(self):
        activations, deltas = self.deltas(self.x[: self.batch], self.y[: self.batch])
        return (deltas[0].T @ activations[0]).numpy() / len(deltas[0])


class PyTorchCompiled(PyTorchByHand):
    """The same update of one mini-batch of descent as a graph that ``torch.compile`` has made one piece of code of."""

    name = "PyTorch, compiled"

    @staticmethod
    def suits(job):
        return job.optimizer == "descent"

    def __init__(self, job, weights, biases, x, y):
        super().__init__(job, weights, biases, x, y)
        self.step = self.torch.compile(self.step)
