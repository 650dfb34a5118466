"""Dataset: the book's lists of pairs."""

import pickle
import random

import numpy as np
import pytest

from nndl_ext import Dataset


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
    assert type(y) is int


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


def test_a_read_only_array_is_not_copied():
    x = np.zeros((2, 3))
    x.flags.writeable = False
    assert Dataset(x, [0, 1]).x is x
    view = np.zeros((2, 3))[:]
    view.flags.writeable = False
    assert Dataset(view, [0, 1]).x is not view


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
    assert Dataset(frozen, [0, 1]).x is frozen


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
        (np.zeros((3, 2)), [0, 1], ValueError, "x and y must be of one length, not 3 and 2"),
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
def test_what_is_no_pairs_is_named(pairs, error, message):
    with pytest.raises(error, match=message):
        Dataset.from_pairs(pairs)


def test_it_pickles(data):
    again = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(again.x, data.x)
    np.testing.assert_array_equal(again.y, data.y)


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
