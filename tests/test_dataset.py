"""Dataset: the book's lists of pairs."""

import copy
import pickle
import random
import tracemalloc

import numpy as np
import pytest

from nndl_ext import Dataset, Network
from nndl_ext._engine import generators


@pytest.fixture
def data():
    return Dataset(np.arange(12.0).reshape(4, 3), np.eye(4, 2))


def test_a_pair_is_two_columns(data):
    x, y = data[1]
    np.testing.assert_array_equal(x, [[3.0], [4.0], [5.0]])
    np.testing.assert_array_equal(y, [[0.0], [1.0]])
    np.testing.assert_array_equal(data[-1][0], data[3][0])


def test_labels_come_as_integers():
    x, y = Dataset(np.zeros((2, 3)), np.array([7, 8], np.uint8))[1]
    assert x.shape == (3, 1)
    assert y == 8
    assert type(y) is np.int64


def test_it_slices_iterates_and_has_a_length(data):
    assert len(data) == len(data[:]) == len(list(data)) == 4
    part = data[1:3]
    assert isinstance(part, Dataset)
    assert [x[0, 0] for x, _ in part] == [3.0, 6.0]
    assert [x[0, 0] for x, _ in data[::-2]] == [9.0, 3.0]
    assert not data[4:]
    with pytest.raises(IndexError):
        data[4]


def test_its_list_shuffles_and_it_does_not(data):
    random.shuffle(list(data))
    with pytest.raises(TypeError, match="does not support item assignment"):
        random.shuffle(data)


def test_nothing_changes_it():
    x = np.zeros((2, 3))
    data = Dataset(x, np.array([0, 1]))
    x[0, 0] = 1
    assert data.x[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        data.x[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        data[0][0][0] = 1


@pytest.mark.parametrize("kind", [object, np.str_, np.bytes_])
def test_labels_as_text(kind):
    """As fetch_openml has them."""
    data = Dataset(np.eye(3), np.array(["5", "0", "7"], kind))
    assert data.y.tolist() == [5, 0, 7]
    with pytest.raises(TypeError, match="y must hold real numbers, not"):
        Dataset(np.eye(3), np.array(["5", "cat", "7"], kind))


@pytest.mark.parametrize("palette", [None, [0.0, 1.0]])
def test_arrays_made_writable_again_do_not_change_a_data_set(palette):
    x, y = np.zeros((2, 3), np.uint8 if palette else float), np.array([0, 1])
    numbers = np.array(palette) if palette else None
    arrays = [array for array in (x, y, numbers) if array is not None]
    for array in arrays:
        array.flags.writeable = False
    data = Dataset(x, y, palette=numbers)
    for array in arrays:
        array.flags.writeable = True
        array[:] = 255
    assert not data.x.any()
    assert data.y.tolist() == [0, 1]
    net = Network([3, 2], seed=0)
    assert net.misclassified(data)[1].max(initial=0) <= 1


def test_memory_that_another_can_write_to_is_copied(tmp_path):
    memory = bytearray(48)
    view = np.frombuffer(memory).reshape(2, 3)
    view.flags.writeable = False
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    of_view, of_map = Dataset(view, [0, 1]), Dataset(mapped, [0, 1])
    memory[:8] = b"12345678"
    np.load(tmp_path / "x.npy", mmap_mode="r+")[0, 0] = 7.0
    assert view[0, 0] != 0
    assert mapped[0, 0] == 7
    assert of_view.x[0, 0] == of_map.x[0, 0] == 0
    frozen = np.frombuffer(bytes(48)).reshape(2, 3)
    assert np.shares_memory(Dataset(frozen, [0, 1]).x, frozen)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, bool, ">f8", ">f4"])
def test_other_numbers_are_converted(dtype):
    x = np.array([[0, 1, 1], [1, 0, 1]], dtype)
    data = Dataset(x[:, ::-1], [0, 1])
    assert data.x.dtype in (np.float32, np.float64)
    assert data.x.dtype.isnative
    np.testing.assert_array_equal(data.x, x[:, ::-1])


def test_from_pairs_takes_any_iterable(data):
    for pairs in (list(data), iter(data), ((x.ravel(), y.ravel()) for x, y in data)):
        made = Dataset.from_pairs(pairs)
        np.testing.assert_array_equal(made.x, data.x)
        np.testing.assert_array_equal(made.y, data.y)
    assert Dataset.from_pairs(data) is data
    assert Dataset.from_pairs([(x, 3) for x, _ in data]).y.tolist() == [3] * 4
    assert len(Dataset.from_pairs([])) == 0


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (np.zeros(3), [0, 1, 2], ValueError, r"x must have shape \(n, inputs\), not \(3,\)"),
        (np.zeros((3, 2)), [0, 1], ValueError, "x and y must have the same length, not 3 and 2"),
        (np.zeros((2, 2)), [0.5, 1.5], ValueError, r"not \(2,\) of float64"),
        (np.zeros((2, 2), complex), [0, 1], TypeError, "x must hold real numbers, not complex128"),
        ([["a", "b"]], [0], TypeError, "x must hold real numbers, not <U1"),
        (np.zeros((1, 2)), [None], TypeError, "y must hold real numbers, not object"),
    ],
)
def test_what_does_not_fit_is_named(x, y, error, message):
    with pytest.raises(error, match=message):
        Dataset(x, y)


@pytest.mark.parametrize(
    ("pairs", "error", "message"),
    [
        (5, TypeError, "must be an iterable of pairs"),
        ([1, 2], TypeError, "must be an iterable of pairs"),
        ([(1, 2, 3)], TypeError, "must be an iterable of pairs"),
        ([(np.zeros((2, 1)), 1), (np.zeros((3, 1)), 1)], ValueError, "every x must have the same shape"),
    ],
)
def test_what_is_not_pairs_is_named(pairs, error, message):
    with pytest.raises(error, match=message):
        Dataset.from_pairs(pairs)


DUPLICATES = {"pickle": lambda data: pickle.loads(pickle.dumps(data)), "deepcopy": copy.deepcopy, "copy": copy.copy}


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_duplicates_are_as_safe_as_the_original(data, duplicate):
    data.rows, data.classes(2, ""), data.desired_outputs(2, np.dtype(np.float32))
    again = DUPLICATES[duplicate](data)
    np.testing.assert_array_equal(again.x, data.x)
    np.testing.assert_array_equal(again.y, data.y)
    assert_locked(again)


def assert_locked(data):
    """Check that a program can neither write to the arrays of a data set nor make them writable."""
    outputs = data.y.shape[1] if data.y.ndim == 2 else 9
    x = data.x if isinstance(data.x, np.ndarray) else data.x.data
    arrays = [x, data.y, data.classes(outputs, ""), data.desired_outputs(outputs, np.dtype(np.float64)), data[0][0]]
    for array in arrays:
        assert not array.flags.writeable
    for array in arrays[:-1]:
        with pytest.raises(ValueError, match="cannot set WRITEABLE flag"):
            array.flags.writeable = True
    for name in ("x", "y", "rows", "inputs"):
        with pytest.raises(AttributeError):
            setattr(data, name, np.zeros((1, 1)))


@pytest.mark.parametrize("y", [np.eye(4, 2), np.arange(4)])
@pytest.mark.parametrize("form", ["numbers", "levels", "sparse"])
def test_no_write_reaches_what_the_kernels_read(form, y):
    x = np.arange(12, dtype=np.uint8).reshape(4, 3)
    data = {
        "numbers": lambda: Dataset(x / 4, y),
        "levels": lambda: Dataset(x, y, palette=np.arange(12.0)),
        "sparse": lambda: Dataset(pytest.importorskip("scipy.sparse").csr_array(x), y),
    }[form]()
    assert_locked(data)
    assert_locked(data[1:])
    assert_locked(Dataset.from_pairs(list(data)[::-1]))
    assert_locked(Dataset.from_pairs([(row, target) for row, target in data]))


def test_a_pickle_holds_the_data_once(mnist):
    data = mnist[0]
    data.x, data.rows, data.desired_outputs(10, np.dtype(np.float32))
    size = 50_000 * (784 + 10 * 8)
    assert len(pickle.dumps(data)) < 1.01 * size
    pairs = list(data[:1000])
    assert len(pickle.dumps(pairs)) < 1.1 * size / 50 + 1000 * 12
    assert pickle.loads(pickle.dumps(pairs)) == pairs


SPARSE = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]


@pytest.mark.parametrize("kind", [f"{name}_{form}" for name in SPARSE for form in ("matrix", "array")])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, bool])
def test_a_sparse_matrix_gives_the_same_bits_and_stays_sparse(kind, dtype):
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(0)
    x = np.where(rng.random((60, 40)) < 0.2, rng.integers(-3, 4, (60, 40)), 0).astype(dtype)
    y = rng.integers(0, 3, 60)
    given = getattr(sparse, kind)(x)
    dense, data = Dataset(x, y), Dataset(given, y)
    assert sparse.issparse(data.x)
    assert repr(data) == repr(dense)
    nets = [Network([40, 5, 3], seed=1, dtype=np.float32) for _ in range(2)]
    for net, each in zip(nets, (dense, data), strict=True):
        net.SGD(each, 2, 7, 1.0, test_data=each[10:30])
        net.update_mini_batch(list(each)[::-2], 0.5)
    np.testing.assert_array_equal(nets[0].weights[0], nets[1].weights[0])
    assert nets[0].cost(data) == nets[0].cost(dense)
    for (a, label), (b, other) in zip(data, dense, strict=True):
        np.testing.assert_array_equal(a, b)
        assert label == other


def test_a_large_sparse_matrix_takes_no_dense_memory():
    sparse = pytest.importorskip("scipy.sparse")
    x = sparse.random_array((20_000, 60_000), density=1e-4, rng=np.random.default_rng(0), format="csr")
    data, net = Dataset(x, np.arange(20_000) % 2), Network([60_000, 4, 2], seed=0)
    tracemalloc.start()
    net.SGD(data, 1, 50, 0.1, test_data=data)
    assert tracemalloc.get_traced_memory()[1] < 60e6  # as a dense matrix it would take 9.6 GB
    tracemalloc.stop()


@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mini_batch_size", [3, 40])
def test_sparse_rows_may_be_a_million_inputs_wide(dtype, mini_batch_size):
    """The same bits as without the inputs that are always zero."""
    sparse = pytest.importorskip("scipy.sparse")
    places = np.array([0, 65_535, 65_536, 65_537, 2**20 - 1])
    narrow = np.random.default_rng(7).standard_normal((80, 5)).astype(dtype)
    narrow[np.arange(400).reshape(80, 5) % 3 < 2] = 0
    wide = sparse.csr_array((80, 2**20), dtype=dtype).tolil()
    wide[:, places] = narrow
    labels = np.arange(80) % 2
    nets = [Network([width, 5, 2], dtype=dtype, seed=3) for width in (2**20, 5)]
    nets[1].biases = [b.copy() for b in nets[0].biases]
    nets[1].weights = [nets[0].weights[0][:, places], nets[0].weights[1].copy()]
    for net, x in zip(nets, (wide, sparse.csr_array(narrow)), strict=True):
        net._own_generator = generators.seeded(1)
        net.SGD(Dataset(x, labels), 2, mini_batch_size, 1.0)
    np.testing.assert_array_equal(nets[0].weights[0][:, places], nets[1].weights[0])
    np.testing.assert_array_equal(nets[0].weights[1], nets[1].weights[1])
    assert nets[0].evaluate(Dataset(wide, labels)) == nets[1].evaluate(Dataset(narrow, labels))


def test_a_sparse_matrix_that_is_wrong_is_refused():
    sparse = pytest.importorskip("scipy.sparse")
    good = sparse.csr_array(np.eye(4))
    out_of_range, lying = good.copy(), good.copy()
    out_of_range.indices[2] = 99
    lying.indptr[-1] = 10**6
    for bad in (out_of_range, lying):
        with pytest.raises(ValueError, match="x must be a sparse matrix with valid indices"):
            Dataset(bad, np.arange(4))
    with pytest.raises(ValueError, match=r"x must hold finite numbers, not nan"):
        Dataset(good * np.nan, np.arange(4))
    with pytest.raises(TypeError, match="x must hold real numbers, not complex128"):
        Dataset(good * 1j, np.arange(4))
    unsorted = sparse.csr_array((np.array([1.0, 2.0, 3.0, -3.0]), np.array([2, 0, 1, 1]), np.array([0, 2, 4])), shape=(2, 3))
    np.testing.assert_array_equal(np.hstack([x for x, _ in Dataset(unsorted, [0, 1])]).T, [[2, 0, 1], [0, 0, 0]])
    good.data[:] = 5.0
    assert Dataset(sparse.csr_array(np.eye(4)), np.arange(4)).x.data.tolist() == [1.0] * 4


def test_data_frames(tmp_path):  # noqa: ARG001
    pandas = pytest.importorskip("pandas")
    columns = {
        "float": pandas.array([0.5, 1.5], "Float64"), "int": pandas.array([1, 2], "Int64"), "bool": [True, False],
        "nullable": pandas.array([True, False], "boolean"), "plain": [3.0, 4.0], "small": np.float32([0.25, 0.5]),
    }  # fmt: skip
    expected = [[0.5, 1, 1, 1, 3, 0.25], [1.5, 2, 0, 0, 4, 0.5]]
    frame = pandas.DataFrame(columns)
    for labels in (pandas.Series([0, 1]), pandas.Series([0, 1], dtype="Int64"), pandas.Series([False, True], dtype="boolean")):
        data = Dataset(frame, labels)
        np.testing.assert_array_equal(data.x, expected)
        assert data.y.tolist() == [0, 1]
        assert data.y.dtype == np.int64
    np.testing.assert_array_equal(Dataset(frame, frame[["float", "int"]]).y, [[0.5, 1.0], [1.5, 2.0]])
    frame.loc[1, "int"] = pandas.NA
    with pytest.raises(ValueError, match=r"x must hold finite numbers, not nan at \[1, 1\]"):
        Dataset(frame, [0, 1])
    with pytest.raises(ValueError, match="x must be an array of real numbers"):
        Dataset(pandas.DataFrame({"a": [1, 2], "name": ["x", "y"]}), [0, 1])


def test_repr(data):
    assert repr(data) == "<Dataset of 4 pairs: x (4, 3) float64, y (4, 2) float64>"


def test_positions_in_a_palette_are_read_as_its_values():
    positions, palette = np.uint8([[0, 2, 1], [1, 1, 0]]), np.float32([0.0, 0.25, 0.5])
    by_palette, by_values = Dataset(positions, [0, 1], palette=palette), Dataset(palette[positions], [0, 1])
    np.testing.assert_array_equal(by_palette.x, by_values.x)
    assert by_palette.x.dtype == np.float32
    assert repr(by_palette) == repr(by_values)
    for ours, theirs in zip([*by_palette, *by_palette[1:]], [*by_values, *by_values[1:]], strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert ours[1] == theirs[1]
    with pytest.raises(ValueError, match="read-only"):
        by_palette.x[0, 0] = 1


@pytest.mark.parametrize(
    ("x", "palette", "error", "message"),
    [
        ([[3]], np.zeros(9), TypeError, "positions in the palette, of type uint8, not int64"),
        (np.uint8([[0, 2]]), [0.0, 1.0], ValueError, "positions from 0 to 1 in the palette, not 2"),
        (np.uint8([[0]]), np.zeros(257), ValueError, r"palette must have shape \(k,\) with k from 1 to 256, not \(257,\)"),
        (np.uint8([[0]]), [np.nan], ValueError, r"palette must hold finite numbers, not nan at \[0\]"),
    ],
)
def test_a_palette_that_does_not_fit_is_named(x, palette, error, message):
    with pytest.raises(error, match=message):
        Dataset(x, [0], palette=palette)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_data_that_are_not_finite_are_named(value):
    x = np.zeros((2, 3))
    x[1, 2] = value
    with pytest.raises(ValueError, match=rf"x must hold finite numbers, not {value} at \[1, 2\]"):
        Dataset(x, [0, 1])
    with pytest.raises(ValueError, match=rf"y must hold finite numbers, not {value} at \[1, 2\]"):
        Dataset(np.zeros((2, 3)), x)
