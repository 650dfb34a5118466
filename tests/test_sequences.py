"""Calls in any order, each compared with the reference.

``pytest tests/test_sequences.py --hypothesis-profile=long`` tries 20,000 sequences of up to 15 calls on each kernel variant.
"""

import copy
import pickle
import random

import numpy as np
import pytest
from helpers import arrays_of
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from nndl_ext import Dataset, DivergenceError, Network, load, reference

SMALL = st.floats(-2, 2, width=32)


class Sequences(RuleBasedStateMachine):
    """A network and the reference, which does the same, then copies the network's bits so that rounding errors can't grow."""

    @initialize(
        sizes=st.lists(st.integers(1, 9), min_size=2, max_size=4),
        dtype=st.sampled_from([np.float64, np.float32]),
        seed=st.none() | st.integers(0, 2**64),
        threads=st.sampled_from([None, 1, 2]),
        global_seed=st.integers(0, 2**32 - 1),
    )
    def create(self, sizes, dtype, seed, threads, global_seed):
        random.seed(global_seed)
        np.random.seed(global_seed)
        self.net = Network(sizes, dtype=dtype, seed=seed, threads=threads)
        np.random.seed(global_seed)
        self.oracle = reference.Network(sizes, dtype=dtype, seed=seed)
        for ours, theirs in zip(arrays_of(self.net), arrays_of(self.oracle), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        self.tolerance = 1e-9 if dtype == np.float64 else 1e-3

    def data(self, draw_seed, n, labels):
        rng = np.random.default_rng(draw_seed)
        inputs, outputs = self.net.sizes[0], self.net.sizes[-1]
        x = np.where(rng.random((n, inputs)) < 0.4, 0.0, rng.standard_normal((n, inputs))).astype(self.net.dtype)
        if labels and outputs > 1:
            return Dataset(x, rng.integers(0, outputs, n))
        return Dataset(x, rng.random((n, outputs)).astype(self.net.dtype))

    def vectors(self, data):
        y = data.y if data.y.ndim == 2 else np.eye(self.net.sizes[-1])[data.y]
        return [(x, row[:, np.newaxis].astype(self.net.dtype)) for (x, _), row in zip(data, y, strict=True)]

    def agree(self, ours, theirs):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=self.tolerance, atol=self.tolerance)

    def take_over(self):
        for name in ("biases", "weights"):
            setattr(self.oracle, name, [array.astype(self.net.dtype) for array in getattr(self.net, name)])

    DATA = {"draw_seed": st.integers(0, 2**32), "n": st.integers(1, 12), "labels": st.booleans()}  # noqa: RUF012
    STEP = {"size": st.integers(1, 14), "eta": st.floats(-0.5, 1)}  # noqa: RUF012

    @rule(**DATA, **STEP, epochs=st.integers(0, 2), form=st.sampled_from([iter, list, lambda data: data]))
    def train(self, draw_seed, n, labels, size, eta, epochs, form):
        data = self.data(draw_seed, n, labels)
        state = random.getstate()
        self.net.SGD(form(data), epochs, size, eta)
        after = random.getstate()
        random.setstate(state)
        self.oracle.SGD(self.vectors(data), epochs, size, eta)
        assert random.getstate() == after
        self.agree(arrays_of(self.net), arrays_of(self.oracle))
        self.take_over()

    @rule(**DATA, eta=st.floats(-0.5, 1))
    def one_step(self, draw_seed, n, labels, eta):
        data = self.data(draw_seed, n, labels)
        self.net.update_mini_batch(data, eta)
        self.oracle.update_mini_batch(self.vectors(data), eta)
        self.agree(arrays_of(self.net), arrays_of(self.oracle))
        self.take_over()

    @rule(place=st.integers(0, 1000), value=SMALL)
    def edit(self, place, value):
        arrays = arrays_of(self.net)
        array = arrays[place % len(arrays)]
        array[place % array.shape[0], place % array.shape[1]] = value
        self.take_over()

    @rule(
        draw_seed=st.integers(0, 2**32),
        layer=st.integers(0, 9),
        kind=st.sampled_from([np.float64, np.float32, np.float16, np.int8, ">f8"]),
        order=st.sampled_from("CF"),
        reverse=st.booleans(),
    )
    def replace(self, draw_seed, layer, kind, order, reverse):
        layer %= len(self.net.weights)
        array = np.random.default_rng(draw_seed).normal(size=self.net.weights[layer].shape).astype(kind, order=order)
        self.net.weights[layer] = array[::-1] if reverse else array
        self.oracle.weights[layer] = self.net.weights[layer].astype(self.net.dtype)

    @rule(way=st.sampled_from(["save", "pickle", "deepcopy"]))
    def duplicate(self, way):
        before = [a.astype(self.net.dtype) for a in arrays_of(self.net)]
        if way == "save":
            path = self.folder / "net.npz"
            self.net.save(path)
            again = load(path)
        else:
            again = copy.deepcopy(self.net) if way == "deepcopy" else pickle.loads(pickle.dumps(self.net))
        assert again.sizes == self.net.sizes
        assert again.dtype == self.net.dtype
        for ours, theirs in zip(arrays_of(again), before, strict=True):
            assert ours.tobytes() == theirs.tobytes()
        self.net = again

    @rule(**DATA)
    def look(self, draw_seed, n, labels):
        data = self.data(draw_seed, n, labels)
        pairs = self.vectors(data)
        outputs = np.hstack([self.oracle.feedforward(x) for x, _ in pairs])
        self.agree([self.net.feedforward(data.x.T), self.net.feedforward(data.x[:1].T)], [outputs, outputs[:, :1]])
        self.agree([self.net.cost(data)], [self.oracle.cost(pairs)])
        best = np.sort(outputs, axis=0)
        if len(best) > 1 and (best[-1] - best[-2]).min() > self.tolerance:  # rounding decides between equal outputs
            assert self.net.evaluate(data) == self.oracle.evaluate(pairs)
        for ours, theirs in zip(self.net.backprop(*pairs[0]), self.oracle.backprop(*pairs[0]), strict=True):
            self.agree(ours, theirs)
        for ours, theirs in zip(self.net.cost_gradient(data), self.oracle.cost_gradient(pairs), strict=True):
            self.agree(ours, theirs)

    @rule(**DATA, wrong=st.sampled_from(["inputs", "outputs", "nan", "eta", "size", "label", "shape", "weight"]))
    def refuse(self, draw_seed, n, labels, wrong):
        data = self.data(draw_seed, n, labels)
        x, y, eta, size = data.x, data.y, 1.0, 1
        weights = list(self.net.weights)
        if wrong == "inputs":
            x = np.hstack([x, x])
        elif wrong == "outputs":
            y = np.ones((n, self.net.sizes[-1] + 1))
        elif wrong == "nan":
            x = np.full_like(x, np.nan)
        elif wrong == "label":
            y = np.full(n, max(2, self.net.sizes[-1]))
            x = x if self.net.sizes[-1] > 1 else x[:, :0]  # a single output accepts any number
        elif wrong == "eta":
            eta = np.inf
        elif wrong == "size":
            size = 0
        elif wrong == "shape":
            self.net.weights[0] = np.ones((77, 1))
        else:
            self.net.weights[0] = np.full(weights[0].shape, np.inf)
        state = random.getstate()
        with pytest.raises(ValueError, match=r"must|has"):
            self.net.SGD(list(zip(x, y, strict=True)), 1, size, eta)
        assert random.getstate() == state
        self.net.weights = weights

    @rule(**DATA)
    def diverge(self, draw_seed, n, labels):
        before = [a.astype(self.net.dtype) for a in arrays_of(self.net)]
        self.net.cost_derivative = lambda a, _y: np.full_like(a, np.nan)
        with pytest.raises(DivergenceError, match="in epoch 0"):
            self.net.SGD(self.data(draw_seed, n, labels), 1, 4, 1.0)
        del self.net.cost_derivative
        if self.net._own_generator:
            self.oracle._random.setstate(self.net._own_generator.getstate())
        for ours, theirs in zip(arrays_of(self.net), before, strict=True):
            np.testing.assert_array_equal(ours, theirs)

    @invariant()
    def nothing_else_has_changed(self):
        if hasattr(self, "net"):
            for ours, theirs in zip(arrays_of(self.net), arrays_of(self.oracle), strict=True):
                np.testing.assert_array_equal(ours.astype(self.net.dtype), theirs)
            if self.net._own_generator:
                assert self.net._own_generator.getstate() == self.oracle._random.getstate()


def test_any_sequence_of_calls(variant, tmp_path):  # noqa: ARG001
    Sequences.folder = tmp_path
    run_state_machine_as_test(Sequences)
