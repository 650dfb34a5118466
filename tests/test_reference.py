"""Random trainings of the engine, each compared with the reference.

``pytest tests/test_reference.py --hypothesis-profile=thousand --hypothesis-seed=1`` compares 1,000 trainings on each variant.
"""

import numpy as np
import pytest
from helpers import flat, parameters
from hypothesis import event, given, settings
from hypothesis import strategies as st
from trainings import TRAININGS, Training, data_set

from nndl_ext import reference

pytestmark = pytest.mark.usefixtures("variant")


def by_the_reference(drawn, disturb=lambda *_: None):
    """All parameters after the same training by the reference. ``disturb`` may change an array of them after each step."""
    training, data = Training(drawn), data_set(drawn)
    model, size = training.model, training.size
    biases, weights = ([array.copy() for array in arrays] for arrays in model.parameters.given())
    oracle = reference.Model(biases, weights, model.activations, model.cost, dropout=training.dropout)
    x, y = data.x.T, data.desired_outputs(model.sizes[-1], np.dtype(float)).T
    for epoch, order in enumerate(training.orders):
        for start in range(0, len(order), size):
            batch, before = order[start : start + size], [array.copy() for array in biases + weights]
            shares = training.weights[batch] if len(training.weights) else None
            gradient = oracle.gradient(x[:, batch], y[:, batch], shares, batch if training.dropout else None, epoch)
            oracle.step(gradient, training.optimizer, len(batch) if shares is None else shares.sum())
            for array, old in zip(biases + weights, before, strict=True):
                disturb(array, old)
    return flat((biases, weights))


def rounding_decides(drawn, expected, difference):
    """Whether rounding errors like those of another order of sums lead the reference as far astray.

    A kink does this (of relu, of the absolute error, of L1), a saturated neuron, whose derivative is a rounding error that Adam
    enlarges, and a large learning rate in some steps.
    """
    draws = np.random.default_rng(0)

    def factors(shape):
        return 1 + draws.choice([-4e-16, 0, 4e-16], shape)

    def disturb(array, before):
        array *= factors(array.shape)
        array += draws.choice([-1e-18, 0, 1e-18], array.shape) * (array != before)

    rounded = {
        name: (lambda z, value=value: value(z) * factors(z.shape), slope)
        for name, (value, slope) in reference.ACTIVATIONS.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "ACTIVATIONS", rounded)
        spread = max(np.abs(by_the_reference(drawn, disturb) - expected).max() for _ in range(20))
    return not difference > 100 * spread


@settings(deadline=None)
@given(TRAININGS, st.just(np.float64))
def test_trainings_agree_with_the_reference(drawn, dtype):
    drawn = drawn | {"dtype": dtype, "scale": 1.0}  # the kernels round tiny numbers to 0, the reference does not
    training = Training(drawn)
    with np.errstate(all="ignore"):
        expected = by_the_reference(drawn)
        if training.run(data_set(drawn)) is None or not np.isfinite(expected).all():
            event("diverges")
            assert not np.abs(expected).max() < 1e9
            return
        difference = np.abs(parameters(training.model.parameters) - expected).max()
        if difference <= 1e-9 * max(1.0, np.abs(expected).max()):
            event("agrees")
            return
        event("rounding decides")
        assert rounding_decides(drawn, expected, difference), difference
