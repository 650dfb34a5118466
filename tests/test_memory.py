"""Memory that others can change or keep: arrays given to the user's functions, sparse indices, data that change while they are
read."""

import pickle
import sys
import threading
import time

import numpy as np
import pytest

from nndl_ext import Dataset, Network, network2
from nndl_ext._core import inputs
from nndl_ext._core.model import Batches, Model
from nndl_ext._core.optimisers import Descent

pytestmark = pytest.mark.usefixtures("variant")


class Failing:
    """An activation that raises an exception after some calls, and keeps all that it was given."""

    def __init__(self, calls):
        self.left, self.kept = calls, []

    def fn(self, z):
        self.kept.append(z)
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("no more")
        return np.tanh(z)

    def prime(self, z):
        self.kept.append(z)
        return 1 - np.tanh(z) ** 2


def owned(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array.base is None and array.flags.owndata


@pytest.mark.parametrize("outputs", [2, 9])
@pytest.mark.parametrize("call", ["feedforward", "SGD"])
def test_what_a_traceback_keeps_owns_its_memory(call, outputs):
    activation = Failing(3)
    x = np.random.default_rng(0).standard_normal((40, 5))
    data = Dataset(x, np.zeros((40, outputs)))
    net = network2.Network([5, 4, outputs], network2.QuadraticCost, activation=activation, output_activation=activation, seed=0)

    def use():
        for _ in range(3):
            net.feedforward(x.T) if call == "feedforward" else net.SGD(data, 1, 10, 0.1)

    with pytest.raises(RuntimeError, match="no more"):
        use()
    given = [array for array in activation.kept if isinstance(array, np.ndarray)]
    assert len(given) == len(activation.kept) >= 4
    assert all(map(owned, given))


class Greedy:
    """A cost that changes every array that it is given, and keeps it."""

    kept = []  # noqa: RUF012

    @classmethod
    def fn(cls, a, y):
        cls.kept += [a, y]
        a -= y
        y[:] = 7
        return float(np.sum(a**2)) / 2

    @classmethod
    def delta(cls, z, a, y):
        cls.kept += [z, a, y]
        a -= y
        y[:], z[:] = 7, 7
        return a.copy()


def test_what_a_cost_does_to_its_arguments_changes_nothing_else():
    rng = np.random.default_rng(0)
    data = Dataset(rng.standard_normal((60, 5)), rng.integers(0, 3, 60))
    histories, nets = [], []
    for cost in (Greedy, network2.CrossEntropyCost):
        net = network2.Network([5, 8, 3], cost, seed=0)
        net.SGD(data, 3, 10, 0.5, evaluation_data=data, monitor_evaluation_accuracy=True, monitor_evaluation_cost=True)
        nets.append(net)
        histories.append(net.history.evaluation_accuracy)
    assert histories[0] == histories[1]
    np.testing.assert_array_equal(nets[0].weights[0], nets[1].weights[0])
    assert not (data.desired_outputs(3, np.dtype(float)) == 7).any()


def test_an_own_derivative_may_change_its_arguments():
    class Own(Network):
        def cost_derivative(self, output_activations, y):
            output_activations -= y
            y = output_activations.copy()
            output_activations[:] = 7
            return y

    rng = np.random.default_rng(0)
    data = Dataset(rng.standard_normal((20, 5)), rng.integers(0, 3, 20))
    nets = [kind([5, 4, 3], seed=0) for kind in (Own, Network)]
    for net in nets:
        net.SGD(data, 2, 5, 1.0)
    np.testing.assert_allclose(nets[0].weights[0], nets[1].weights[0], rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_data_that_change_between_two_reads_overflow_nothing(variant, dtype):
    """Another thread fills rows that were nearly empty when they were counted."""
    x = np.zeros((4000, 300), dtype)
    x[:, 0] = 1
    stop = threading.Event()

    def change():
        while not stop.is_set():
            x[2000:] = 1
            x[2000:, 1:] = 0

    thread = threading.Thread(target=change)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        end, refused = time.monotonic() + 20, 0
        while not refused and time.monotonic() < end:
            try:
                starts, indices, _ = variant.compress(x)
                assert len(starts) == 0 or indices.max() < 300
            except RuntimeError as error:
                refused += "of the inputs was changed by another thread or process" in str(error)
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert refused


def test_positions_beyond_the_palette_read_zeros():
    """Nobody can make such a data set, but even then no unset memory is read."""
    model = Model([2, 3], np.float64, 1, activations=["identity"])
    model.parameters.replace([np.zeros((3, 1))], [np.ones((3, 2))])
    for positions in ([[255, 200]], [[0, 200]]):  # dense and sparse
        data = Dataset.of(inputs.Levels(np.uint8(positions), np.array([0.0, 1.0])), np.zeros((1, 3)))
        assert model.outputs(data).tolist() == [[0.0] * 3]
        model.descend(data, Batches(np.arange(1), 1), Descent(0.5))


def bad_matrices():
    """Sparse matrices in all formats with indices, made wrong in every way after SciPy had checked them."""
    sparse = pytest.importorskip("scipy.sparse")
    good = np.arange(20.0).reshape(4, 5) * (np.arange(20).reshape(4, 5) % 3 == 1)
    for form in ("csr_array", "csr_matrix", "csc_array", "bsr_array"):
        for name, place, value in (
            ("indices", 0, 10**6), ("indices", -1, 5), ("indices", 0, -1), ("indptr", 0, 1), ("indptr", 0, -3),
            ("indptr", 1, 99), ("indptr", -1, 10**6), ("indptr", 2, 0),
        ):  # fmt: skip
            matrix = getattr(sparse, form)(good)
            getattr(matrix, name)[place] = value
            yield matrix
        nothing, unsigned, floats = (getattr(sparse, form)(x) for x in (np.zeros((4, 5)), good, good))
        nothing.indptr[1] = 5
        yield nothing
        unsigned.indptr = unsigned.indptr.astype(np.uint32)
        unsigned.indptr[1] = 10**6
        yield unsigned
        floats.indices = floats.indices.astype(float)
        yield floats
    diagonal = sparse.dia_array(good)
    diagonal.offsets = diagonal.offsets[:1]
    yield diagonal
    blocks = sparse.bsr_array(good, blocksize=(2, 1))
    blocks._shape = (3, 5)
    yield blocks
    for form in ("coo_array", "coo_matrix"):
        for name, value in (("row", 4), ("row", -1), ("col", 5), ("col", 10**6)):
            matrix = getattr(sparse, form)(good)
            getattr(matrix, name)[1] = value
            yield matrix


def test_no_face_reads_beyond_a_sparse_matrix():
    pytest.importorskip("sklearn", minversion="1.6")
    from nndl_ext import sklearn as estimators

    y = np.array([0, 1, 0, 1])
    fitted = estimators.MLPClassifier((3,), max_iter=1, batch_size=2).partial_fit(np.eye(4, 5), y, classes=[0, 1])
    count = 0
    for matrix in bad_matrices():
        for call in (
            lambda x: Dataset(x, y),
            lambda x: estimators.MLPClassifier((3,), max_iter=1, batch_size=2).fit(x, y),
            lambda x: estimators.MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs").fit(x, y),
            lambda x: estimators.MLPClassifier((3,), early_stopping=True, batch_size=2).fit(x, y),
            lambda x: fitted.fit(np.eye(4, 5), y, validation_data=(x, y)),
            lambda x: fitted.partial_fit(x, y),
            fitted.predict,
            fitted.predict_proba,
            lambda x: fitted.score(x, y),
        ):
            with pytest.raises(ValueError, match=r"(x|X) must be a sparse matrix with valid indices: its "):
                call(matrix)
            count += 1
    assert count > 300


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_indices_that_change_after_scipy_looked_are_sorted_anew():
    sparse = pytest.importorskip("scipy.sparse")
    pytest.importorskip("sklearn", minversion="1.6")
    from nndl_ext import sklearn as estimators

    matrix = sparse.csr_array(np.array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]]))
    assert matrix.has_canonical_format
    matrix.indices[:2] = [2, 0]
    expected = [[2.0, 0.0, 1.0], [0.0, 3.0, 4.0]]
    np.testing.assert_array_equal(np.hstack([x for x, _ in Dataset(matrix, [0, 1])]).T, expected)
    ours = estimators.MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, batch_size=2, random_state=0).fit(expected, [0, 1])
    np.testing.assert_array_equal(ours.predict(matrix), ours.predict(expected))
    assert matrix.indices.tolist()[:2] == [2, 0]


def sparse_set():
    return Dataset(pytest.importorskip("scipy.sparse").csr_array(np.eye(3)), [0, 1, 2])


SETS = {
    "array": lambda: Dataset(np.eye(3), [0, 1, 2]),
    "float32": lambda: Dataset(np.eye(3, dtype=np.float32), np.eye(3)),
    "list": lambda: Dataset(np.eye(3).tolist(), [0, 1, 2]),
    "pairs": lambda: Dataset.from_pairs([(column, 1) for column in np.eye(3)]),
    "palette": lambda: Dataset(np.eye(3, dtype=np.uint8), [0, 1, 2], palette=[0.0, 1.0]),
    "sparse": sparse_set,
    "slice": lambda: Dataset(np.eye(5), np.arange(5) % 3)[1:4],
    "pickle": lambda: pickle.loads(pickle.dumps(Dataset(np.eye(3), [0, 1, 2]))),
}


@pytest.mark.parametrize("kind", SETS)
def test_no_array_of_a_data_set_leads_to_writable_memory(kind):
    data = SETS[kind]()
    x = [data.x] if isinstance(data.x, np.ndarray) else [data.x.data, data.x.indices, data.x.indptr]
    for array in (*x, data.y, *data.rows, data.desired_outputs(3, np.dtype(np.float32))):
        while isinstance(array, np.ndarray):
            with pytest.raises(ValueError, match="cannot set WRITEABLE flag"):
                array.flags.writeable = True
            array = array.base
        assert memoryview(array).readonly


def test_what_a_program_does_to_the_sparse_matrix_of_a_data_set():
    data = sparse_set()
    data.x.indices = np.array([0, 7, 10**6])
    data.x.data = np.full(3, np.nan)
    data.x.resize((1, 1))
    np.testing.assert_array_equal(data.x.toarray(), np.eye(3))


def test_unaligned_sparse_arrays_are_copied():
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.csr_array(np.eye(3))
    for name in ("data", "indices"):
        array = getattr(matrix, name)
        memory = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype)
        memory[:] = array
        setattr(matrix, name, memory)
    assert not matrix.data.flags.aligned
    rows = inputs.Sparse(matrix).rows
    assert all(array.flags.aligned for array in rows)
    np.testing.assert_array_equal(rows.values, 1.0)


def test_a_sparse_matrix_that_a_callback_changes_is_checked_again():
    """The rows are checked where they are copied for the kernels."""
    sparse = pytest.importorskip("scipy.sparse")
    rows = inputs.Sparse(sparse.csr_array(np.eye(3)))
    rows.matrix.indices[1] = 3  # the same array as the given one's
    with pytest.raises(ValueError, match="its indices go from 0 to 3, not from 0 to at most 2"):
        _ = rows.rows
