"""Random trainings, for tests that compare the engine with itself and with the reference."""

from itertools import product

import numpy as np
from hypothesis import strategies as st

from nndl_ext import Dataset, DivergenceError
from nndl_ext._engine import functions
from nndl_ext._engine.layers import dense
from nndl_ext._engine.model import Batches, Model
from nndl_ext._engine.optimizers import AdamDescent, Descent, MomentumDescent, Regularization

HIDDEN = [name for name in functions.ACTIVATIONS if name not in functions.AT_THE_OUTPUT]
ENDS = [pair for pair in product(functions.ACTIVATIONS, functions.COSTS) if functions.MATCHED.get(pair[1], pair[0]) == pair[0]]
OPTIMIZERS = {
    "descent": lambda regularization: Descent(0.5, regularization=regularization),
    "momentum": lambda regularization: MomentumDescent(0.1, regularization=regularization),
    "nesterov": lambda regularization: MomentumDescent(0.1, nesterov=True, regularization=regularization),
    "adam": lambda regularization: AdamDescent(0.05, regularization=regularization),
}
TRAININGS = st.fixed_dictionaries(
    {
        "inputs": st.integers(1, 40),
        "hidden": st.lists(st.integers(1, 20), max_size=2),
        "outputs": st.integers(2, 9),
        "samples": st.sampled_from([1, 7, 30, 150, 600]),
        "mini_batch": st.integers(1, 150) | st.integers(257, 600),  # up to a unit of samples, and more
        "fill": st.floats(0, 1),
        "activation": st.sampled_from(HIDDEN),
        "end": st.sampled_from(ENDS),
        "optimizer": st.sampled_from(["descent", *OPTIMIZERS]),
        "l1": st.sampled_from([0.0, 0.0, 0.01, 3.0]),
        "l2": st.sampled_from([0.0, 0.01, 3.0, 40.0]),
        "per": st.booleans(),
        "dropout": st.sampled_from([0.0, 0.4]),
        "weighted": st.booleans(),
        "dtype": st.sampled_from([np.float64, np.float32]),
        "scale": st.sampled_from([1.0, 1.0, 1e-20]),  # of inputs and first weights
        "seed": st.integers(0, 2**32 - 1),
    }
)


class Training:
    """A training: its model, its optimizer, and for each epoch the order of the samples."""

    def __init__(self, drawn, threads=1):
        self.rng, self.samples = np.random.default_rng(drawn["seed"]), drawn["samples"]
        self.size = min(drawn["mini_batch"], self.samples)
        activation, cost = drawn["end"]
        activations = [drawn["activation"]] * len(drawn["hidden"]) + [activation]
        sizes = [drawn["inputs"], *drawn["hidden"], drawn["outputs"]]
        self.model = Model(dense(sizes, activations), drawn["dtype"], threads, cost)
        self.dropout = [drawn["dropout"]] * len(drawn["hidden"]) + [0.0] if drawn["dropout"] else ()
        for array in self.parameters:
            array[:] = self.rng.standard_normal(array.shape) * (self.rng.random(array.shape) < 0.8) * drawn["scale"]
        regularization = Regularization(drawn["l1"], drawn["l2"], self.samples if drawn["per"] else 0)
        self.optimizer = OPTIMIZERS[drawn["optimizer"]](regularization)
        self.weights = self.rng.random(self.samples) if drawn["weighted"] else np.empty(0)
        self.orders = [self.rng.permutation(self.samples) for _ in range(2)]
        self.recorded = [np.zeros(-(-self.samples // self.size)) for _ in range(2)]

    @property
    def parameters(self):
        return [*self.model.parameters.biases, *self.model.parameters.weights]

    def run(self, data):
        """Train, and return all numbers that came of it; None after a divergence."""
        try:
            for epoch, order in enumerate(self.orders):
                batches = Batches(order, self.size, self.weights, epoch, self.dropout, 0, *self.recorded)
                self.model.descend(data, batches, self.optimizer)
        except DivergenceError:
            return None
        nabla_b, nabla_w = self.model.gradient(data)
        return [*self.parameters, *nabla_b, *nabla_w, self.optimizer.moments, *self.recorded, self.model.outputs(data)]


def numbers(drawn):
    """Positions in a palette, the palette, and labels."""
    rng, shape = np.random.default_rng(drawn["seed"] + 1), (drawn["samples"], drawn["inputs"])
    palette = np.append(0.0, rng.standard_normal(20) * drawn["scale"]).astype(drawn["dtype"])
    positions = np.where(rng.random(shape) < drawn["fill"], rng.integers(1, 21, shape), 0).astype(np.uint8)
    return positions, palette, rng.integers(0, drawn["outputs"], drawn["samples"])


def data_set(drawn):
    positions, palette, y = numbers(drawn)
    return Dataset(palette[positions], y)
