"""Memory that others can change or keep: arrays given to the user's functions, sparse indices, data that change while they are
read."""

import itertools
import pickle
import sys
import threading
import time

import numpy as np
import pytest

from nndl_ext import Dataset, Network, network2
from nndl_ext._data import inputs
from nndl_ext._data.sparse import checked_rows
from nndl_ext._engine.layers import dense
from nndl_ext._engine.model import Batches, Model
from nndl_ext._engine.optimizers import Descent

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
    model = Model(dense([2, 3], ["identity"]), np.float64, 1)
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
    changes = np.ndarray.tolist, lambda _: None, lambda array: array[:2].view(Liar), lambda array: array[np.newaxis]
    for form, names in (("csr", "data indices indptr"), ("csc", "indices indptr"), ("bsr", "data indptr"), ("dia", "offsets")):
        for name, change in itertools.product(names.split(), changes):
            matrix = getattr(sparse, f"{form}_array")(good)
            setattr(matrix, name, change(getattr(matrix, name)))
            yield matrix
    for rows, data in (([0], [1.0] * 99), ([0, 99], [1.0, 2.0]), ([-1], [1.0]), ([0.5], [1.0]), (None, [1.0]), ([0], None)):
        matrix = sparse.lil_array(good)
        matrix.rows[3], matrix.data[3] = rows, data
        yield matrix
    matrix = sparse.lil_matrix(good)
    matrix.rows = matrix.rows[:2]
    yield matrix


class Liar(np.ndarray):
    """An array that pretends to be long enough, with valid indices."""

    size = 100

    def __len__(self):
        return 100

    def max(self, **_):
        return 0


def matrices_with_duplicates():
    """Sparse matrices with many duplicates in any order, and the sums in this order. SciPy's sort, which decides the order of
    its sums, is not the same on every platform."""
    sparse = pytest.importorskip("scipy.sparse")
    random = np.random.default_rng(0)
    columns, values = random.integers(0, 5, 400), random.standard_normal(400) * 10.0 ** random.integers(-8, 8, 400)
    sums = np.zeros((2, 5))
    for place, (column, value) in enumerate(zip(columns, values, strict=True)):
        sums[place // 200, column] += value
    compressed, triples = (values, columns, [0, 200, 400]), (values, (np.repeat([0, 1], 200), columns))
    matrices = [form(compressed, shape=(2, 5)) for form in (sparse.csr_array, sparse.csr_matrix)]
    matrices += [form(triples, shape=(2, 5)) for form in (sparse.coo_array, sparse.coo_matrix)]
    return sums, [*matrices, matrices[0].tocsc()]


def test_duplicates_are_summed_in_their_order():
    sums, matrices = matrices_with_duplicates()
    for matrix in matrices:
        np.testing.assert_array_equal(Dataset(matrix, [0, 1]).x.toarray(), sums)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs failed to converge")
@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_estimators_sum_duplicates_in_their_order(solver):
    pytest.importorskip("sklearn", minversion="1.6")
    from nndl_ext import sklearn as estimators

    sums, matrices = matrices_with_duplicates()
    regressor = estimators.MLPRegressor(hidden_layer_sizes=(3,), solver=solver, max_iter=3, random_state=0, batch_size=2)
    expected = regressor.fit(sums, [0.0, 1.0]).predict(sums)
    for x in matrices:
        np.testing.assert_array_equal(regressor.fit(x, [0.0, 1.0]).predict(x), expected)


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
    for array in (*x, data.y, data.desired_outputs(3, np.dtype(np.float32))):
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
    rows = checked_rows(matrix, "x", np.uint16)
    assert all(array.flags.aligned for array in rows)
    np.testing.assert_array_equal(rows[-1], 1.0)


def test_a_sparse_matrix_that_a_callback_changes_is_checked_again():
    """The rows are checked where they are copied for the kernels."""
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.csr_array(np.eye(3))
    rows = inputs.Sparse(matrix)
    matrix.indices[1] = 3
    with pytest.raises(ValueError, match="its indices go from 0 to 3, not from 0 to at most 2"):
        rows.make_rows()


@pytest.mark.filterwarnings("ignore:Setting the:DeprecationWarning")  # NumPy 2.5
@pytest.mark.parametrize("kind", SETS)
def test_a_data_set_gives_other_arrays_for_its_memory(kind):
    """Their shape and dtype can be set, also those of an array's base."""
    data = SETS[kind]()
    network = Network([data.inputs, 3], seed=0)
    expected = network.cost_gradient(data)[1][0]
    given = [data.y, data[0][0], data.classes(3, "data"), data.desired_outputs(3, np.dtype(np.float64))]
    given += [data.x] if isinstance(data.x, np.ndarray) else [data.x.data, data.x.indices, data.x.indptr]
    given += [array.base for array in given if isinstance(array.base, np.ndarray)]
    for array in given:
        array.dtype = np.int16 if array.dtype.itemsize > 1 else bool
        array.shape = (-1, 1, 1)
    np.testing.assert_array_equal(network.cost_gradient(data)[1][0], expected)
    assert (len(data), data.inputs, data.x.shape) == (3, data[0][0].size, (3, data[0][0].size))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs failed to converge")
@pytest.mark.filterwarnings("ignore:Setting the:DeprecationWarning")  # NumPy 2.5
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_a_callback_may_give_the_arrays_another_shape_and_dtype(solver):
    pytest.importorskip("sklearn", minversion="1.6")
    from nndl_ext import sklearn as estimators

    def fitted(change):
        x, y, weights = np.linspace(-1, 1, 40).reshape(8, 5), np.arange(8.0), np.ones(8)

        def callback(_):
            if change:
                x.shape = 2, -1
                x.dtype = y.dtype = weights.dtype = np.int32

        others = {} if solver == "lbfgs" else {"validation_data": (x, y, weights)}
        regressor = estimators.MLPRegressor(
            hidden_layer_sizes=(3,), solver=solver, max_iter=5, random_state=0, batch_size=4, callback=callback
        )
        return regressor.fit(x, y, weights, **others)

    np.testing.assert_array_equal(fitted(True).coefs_[0], fitted(False).coefs_[0])


class Repeated(Dataset):
    """A data set that is read several times in an epoch."""

    times = 1

    def __len__(self):
        return self.times * super().__len__()


class Wide(Dataset):
    inputs = 3_000_000


class Short(Dataset):
    def desired_outputs(self, _outputs, _dtype):
        return np.zeros((1, 2))


@pytest.mark.parametrize("kind", [Repeated, Wide, Short])
def test_a_subclass_of_dataset_can_not_mislead_the_kernels(kind):
    rng = np.random.default_rng(0)
    data = kind(rng.random((50, 300)), rng.integers(0, 2, 50))
    network = Network([300, 5, 2], seed=0)
    if kind is Repeated:
        data.times = 200_000
        for call in (lambda: network.SGD(data, 1, 10, 0.1), lambda: network.evaluate(data), lambda: network.cost(data)):
            with pytest.raises(IndexError, match="index 50 is out of bounds"):
                call()
        return
    plain = Dataset(data.x, data.y)
    assert network.cost(data) == network.cost(plain)
    assert network.evaluate(data) == network.evaluate(plain)


class Named(Dataset):
    """A subclass that changes nothing."""

    name = "digits"


def test_a_subclass_that_overrides_nothing_is_read_as_it_is():
    data = Named(np.eye(3), [0, 1, 2])
    assert Dataset.from_pairs(data) is data


def test_pairs_with_an_index_beyond_the_data():
    data = Dataset(np.eye(3), [0, 1, 2])
    pair = type(data[0])
    for indices in ([77], [2, 3], [-1], [0, 1, 3]):
        with pytest.raises(IndexError, match="positions of pairs must be from 0 to 2, not "):
            Dataset.from_pairs([pair(data, index) for index in indices])


def test_nobody_else_makes_constant_memory():
    sealed = type(Dataset(np.eye(3), [0, 1, 2]).x.base)
    for made in (sealed(np.zeros(3)), sealed.__new__(sealed)):
        assert len(memoryview(made)) == 0


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_generator_of_ones_own_gets_a_copy_of_the_order():
    pytest.importorskip("sklearn", minversion="1.6")
    from nndl_ext import sklearn as estimators

    class Wild(np.random.RandomState):
        def shuffle(self, x):
            x += 10**10

    class Keeping(np.random.RandomState):
        def shuffle(self, x):
            super().shuffle(x)
            self.kept = x

    x, y = np.random.default_rng(0).random((500, 3)), np.arange(500.0)
    with pytest.raises(ValueError, match=r"Wild.shuffle must change nothing but the order"):
        estimators.MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=Wild(0)).fit(x, y)
    keeping = Keeping(0)

    def callback(_):
        keeping.kept[:] = 10**10

    options = {"hidden_layer_sizes": (3,), "max_iter": 3}
    ours = estimators.MLPRegressor(**options, random_state=keeping, callback=callback).fit(x, y)
    expected = estimators.MLPRegressor(**options, random_state=np.random.RandomState(0)).fit(x, y)
    np.testing.assert_array_equal(ours.coefs_[0], expected.coefs_[0])
