"""How threads divide mini-batches: which way is chosen, and what units of samples add up to."""

import numpy as np
import pytest

from nndl_ext import Dataset, Network, _kernels
from nndl_ext._engine.division import Division
from nndl_ext._engine.layers import dense
from nndl_ext._engine.model import Batches, Model
from nndl_ext._engine.optimizers import Descent
from nndl_ext._engine.parameters import Layout

pytestmark = pytest.mark.usefixtures("variant")

UNIT = 256


def division(sizes, size, samples=50_000, inputs=None, dtype=np.float32):
    """The division of a job, in which so many inputs of a sample are not 0."""
    layout = Layout(dense(sizes, ["sigmoid"] * (len(sizes) - 1)), np.dtype(dtype))
    skipped = (sizes[0] - (inputs or sizes[0])) * sizes[1]
    return Division(layout, layout.count - layout.neurons - skipped, samples, size, False)


def speed(job, threads):
    return job.seconds(1) / job.seconds(threads)


def test_a_small_mini_batch_stays_on_one_thread():
    for job in (division([784, 30, 10], 10, inputs=150), division([30, 16, 2], 10), division([2, 3, 1], 4)):
        assert job.seconds(1) < min(job.seconds(n) for n in range(2, 17))


def test_the_work_is_divided_by_samples_unless_they_are_few():
    assert division([784, 100, 10], 200).kind(2) == "samples"
    assert division([784, 1000, 1000, 10], 10).kind(2) == "layers"
    assert division([784, 100, 10], 200).kind(1) == "layers"
    assert division([4, 32, 16, 4], UNIT).kind(2) == "samples"


def test_only_the_network_and_the_mini_batch_decide_on_units():
    """They change how sums round, so neither threads nor the data may."""
    for threads in (1, 2, 16):
        assert division([4, 32, 16, 4], UNIT + 1).kind(threads) == "units"
        assert division([784, 100, 10], 10_000).kind(threads) != "units"
    assert division([4, 32, 16, 4], 10_000, 10, dtype=np.float64).kind(1) == "units"


def test_the_model_s_forecast_for_large_mini_batches():
    """What was measured on 16 cores of an Intel Sapphire Rapids for [784, 100, 10]: 1.7, 2.9, 3.7 and 4.6 times as fast with
    mini-batches of 200, up to 6.5 times with 1,000."""
    for threads, measured in ((2, 1.7), (4, 2.9), (8, 3.7), (16, 4.6)):
        assert speed(division([784, 100, 10], 200, inputs=150), threads) == pytest.approx(measured, rel=0.3)
    assert speed(division([784, 100, 10], 1000, inputs=150), 16) == pytest.approx(6.5, rel=0.3)


def model_and_data(sizes, n, dtype=np.float64):
    rng = np.random.default_rng(n)
    model = Model(dense(sizes, ["tanh"] * (len(sizes) - 1)), np.dtype(dtype))
    for array in (*model.parameters.biases, *model.parameters.weights):
        array[:] = rng.standard_normal(array.shape)
    return model, Dataset(rng.standard_normal((n, sizes[0])), rng.standard_normal((n, sizes[-1])))


def of(data, begin, end):
    return Dataset(data.x[begin:end], data.y[begin:end])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [[4, 32, 16, 4], [5, 7], [3, 70, 10]])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_mini_batch_of_units_has_the_sum_of_their_gradients(sizes, dtype, threads):
    """Four units: the mean over 1,024 samples is a quarter of the sum of the units' means, and a quarter is exact."""
    model, data = model_and_data(sizes, 4 * UNIT, dtype)
    model.threads = threads
    units = [model.flat_gradient(of(data, s, s + UNIT), Batches(np.arange(UNIT), UNIT)) for s in range(0, len(data), UNIT)]
    expected = units[0] + units[1] + units[2] + units[3]
    assert np.array_equal(model.flat_gradient(data, Batches(np.arange(len(data)), len(data))), expected / 4)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_last_mini_batch_of_an_epoch_rounds_as_by_itself(threads):
    """It is smaller than a unit here."""
    model, data = model_and_data([4, 32, 16, 4], 700)
    again, _ = model_and_data([4, 32, 16, 4], 700)
    model.threads = threads
    model.descend(data, Batches(np.arange(700), 600), Descent(0.1))
    again.descend(of(data, 0, 600), Batches(np.arange(600), 600), Descent(0.1))
    again.descend(of(data, 600, 700), Batches(np.arange(100), 100), Descent(0.1))
    for array, expected in zip(model.parameters.weights, again.parameters.weights, strict=True):
        assert np.array_equal(array, expected)


def test_rows_of_inputs_in_a_corner_leave_threads_without_a_share():
    """All non-zero inputs belong to one thread's share; the others' shares are empty."""
    x = np.zeros((40, 50))
    x[:, 20] = np.arange(40) + 1
    trained = []
    for threads in (1, 2, 8):
        net = Network([50, 6, 3], seed=0, threads=threads)
        net.SGD(Dataset(x / 40, np.eye(3)[np.arange(40) % 3]), 3, 20, 1.0)
        trained.append([array.tobytes() for array in (*net.biases, *net.weights)])
    assert trained[0] == trained[1] == trained[2]
    assert _kernels.kernels.SAMPLES_OF_A_UNIT == UNIT
