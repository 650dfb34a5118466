"""The loader returns lists: every operation gives the same result as with the book's lists, and training uses the changes."""

import copy
import pickle
import random
import re

import numpy as np
import pytest
from helpers import digest

from nndl_ext import Dataset, Network, mnist_loader
from nndl_ext._kernels.pairs import Pair

pytestmark = pytest.mark.usefixtures("variant")


@pytest.fixture(scope="module")
def loaded():
    """Some of the loader's training and validation data."""
    training_data, validation_data, _ = mnist_loader.load_data_wrapper()
    return training_data[:30], validation_data[:20]


def book_s(pairs):
    """The book's list: tuples of separate arrays."""
    return [(x.copy(), y.copy() if isinstance(y, np.ndarray) else y) for x, y in pairs]


def same(ours, theirs):
    assert len(ours) == len(theirs)
    for (x, y), (other_x, other_y) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(x, other_x)
        np.testing.assert_array_equal(y, other_y)


PAIR = (np.full((784, 1), 0.25), mnist_loader.vectorized_result(3))


def changed(change):
    """Turn a change in place into a function that returns the list."""

    def apply(d, e):
        change(d, e)
        return d

    return apply


def set_slice(d, e):
    d[2:5] = [PAIR, e[0]]


def set_extended_slice(d, _e):
    d[::2] = [PAIR] * len(d[::2])


def delete_slice(d, _e):
    del d[3:9:2]


OPERATIONS = {
    "random.shuffle": changed(lambda d, _: random.Random(3).shuffle(d)),
    "numpy.random.shuffle": changed(lambda d, _: np.random.RandomState(3).shuffle(d)),
    "+": lambda d, e: d + e,
    "+ pairs": lambda d, _: [PAIR] + d + [PAIR],  # noqa: RUF005
    "+=": changed(lambda d, e: d.__iadd__(e)),
    "* 2": lambda d, _: d * 2,
    "2 *": lambda d, _: 2 * d,
    "*=": changed(lambda d, _: d.__imul__(2)),
    "extend": changed(lambda d, e: d.extend(e)),
    "extend by a generator": changed(lambda d, e: d.extend((x, y) for x, y in e)),
    "append": changed(lambda d, _: d.append(PAIR)),
    "append its own": changed(lambda d, _: d.append(d[3])),
    "insert": changed(lambda d, e: d.insert(1, e[2])),
    "del": changed(lambda d, _: d.__delitem__(0)),
    "del of a slice": changed(delete_slice),
    "set": changed(lambda d, _: d.__setitem__(4, PAIR)),
    "set a slice": changed(set_slice),
    "set an extended slice": changed(set_extended_slice),
    "swap": changed(lambda d, _: d.__setitem__(slice(0, 2), [d[1], d[0]])),
    "pop": changed(lambda d, _: d.pop()),
    "reverse": changed(lambda d, _: d.reverse()),
    "reversed": lambda d, _: list(reversed(d)),
    "sort": changed(lambda d, _: d.sort(key=lambda pair: float(pair[0].sum()))),
    "sorted": lambda d, _: sorted(d, key=lambda pair: (int(np.argmax(pair[1])), float(pair[0].sum()))),
    "slice": lambda d, _: d[5:25],
    "step": lambda d, _: d[20:2:-3],
    "copy": lambda d, _: d.copy(),
    "copy.copy": lambda d, _: copy.copy(d),
    "copy.deepcopy": lambda d, _: copy.deepcopy(d),
    "pickle": lambda d, _: pickle.loads(pickle.dumps(d)),
    "filter": lambda d, _: [pair for pair in d if pair[1][0] == 0],
    "tuples": lambda d, _: [(x, y) for x, y in d],
    "random.sample": lambda d, _: random.Random(1).sample(d, 12),
    "random.choices": lambda d, _: random.Random(1).choices(d, k=40),
    "zip of zip": lambda d, _: list(zip(*zip(*d, strict=True), strict=True)),
    "noise": lambda d, _: [(np.round(x, 1), y) for x, y in d] + d,
    "mini-batches": lambda d, _: [pair for k in range(0, len(d), 7) for pair in d[k : k + 7]],
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_gives_what_it_gives_the_book_s_list(loaded, operation):
    training, validation = (list(data) for data in loaded)
    ours = OPERATIONS[operation](training, validation)
    theirs = OPERATIONS[operation](book_s(loaded[0]), book_s(loaded[1]))
    same(ours, theirs)
    nets = []
    for pairs in (ours, theirs):
        nets.append(Network([784, 12, 10], seed=1))
        nets[-1].SGD(pairs, 2, 7, 1.0, test_data=pairs)
    assert digest(nets[0]) == digest(nets[1])


def test_they_are_lists(loaded):
    assert all(type(data) is list for data in loaded)
    x, y = loaded[0][0]
    assert (x.shape, x.dtype, y.shape) == ((784, 1), np.float32, (10, 1))
    assert type(loaded[1][0][1]) is np.int64


def test_labels_and_unit_vectors_go_together(loaded):
    mixed = loaded[0] + loaded[1]
    vectors = loaded[0] + [(x, mnist_loader.vectorized_result(y)) for x, y in loaded[1]]
    by_both, by_vectors = (Network([784, 12, 10], seed=1) for _ in range(2))
    by_both.SGD(mixed, 2, 7, 1.0)
    by_vectors.SGD(vectors, 2, 7, 1.0)
    assert digest(by_both) == digest(by_vectors)
    assert by_both.evaluate(mixed) == by_both.evaluate(vectors)


def test_equality_is_that_of_values(loaded):
    data, _ = loaded
    assert data == data.copy() == copy.deepcopy(data)
    assert data != data[:-1]
    assert data != data[::-1]
    assert data == book_s(data)
    assert data[3] in data
    assert data.index(data[7]) == 7
    assert data.count(data[0]) == 1
    data = data.copy()
    data.remove(data[2])
    assert len(data) == 29


def test_a_pair_is_like_a_tuple(loaded):
    pair = loaded[0][0]
    assert isinstance(pair, Pair)
    assert len(pair) == 2
    assert pair[-1] is not None
    assert pair[0:2][1].shape == (10, 1)
    assert repr(pair) == repr(tuple(pair))
    assert (pair == 3) is False
    assert pair != (1, 2, 3)
    with pytest.raises(IndexError):
        pair[2]
    with pytest.raises(TypeError, match="unhashable"):
        hash(pair)


@pytest.mark.parametrize("place", [0, 1])
def test_writing_to_a_column_raises(loaded, place):
    """A pair makes its arrays each time it is read, so writing to them would have no effect."""
    with pytest.raises(ValueError, match="read-only"):
        loaded[0][0][place][5] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        loaded[0][0][place].ravel()[5] = 1.0
    with pytest.raises(TypeError, match="does not support item assignment"):
        loaded[0][0][place : place + 1] = 1.0


def test_an_untouched_list_is_the_data_set_with_all_that_it_has_made(loaded):
    data = Dataset.from_pairs(mnist_loader.load_data_wrapper()[0])
    pairs = list(data)
    assert Dataset.from_pairs(pairs) is data
    assert Dataset.from_pairs(pairs[:]) is data
    pairs[0], pairs[1] = pairs[1], pairs[0]
    assert Dataset.from_pairs(pairs) is not data
    np.testing.assert_array_equal(Dataset.from_pairs(pairs).x[0], data.x[1])
    part = Dataset.from_pairs(pairs[2:9])
    assert np.shares_memory(part.y, data.y)
    assert [x.tolist() for x, _ in part] == [x.tolist() for x, _ in loaded[0][2:9]]


def test_a_change_between_two_trainings_counts(loaded):
    ours, theirs = list(loaded[0]), book_s(loaded[0])
    nets = [Network([784, 12, 10], seed=1) for _ in range(2)]
    for change in (lambda d: d.append(d[0]), lambda d: d.__delitem__(slice(3, 6)), lambda d: d.__setitem__(2, PAIR)):
        for net, pairs in zip(nets, (ours, theirs), strict=True):
            change(pairs)
            net.SGD(pairs, 1, 4, 1.0)
        assert digest(nets[0]) == digest(nets[1])


def test_one_iterator_for_two_uses_is_named(loaded):
    data, net = loaded[0], Network([784, 12, 10], seed=1)
    for make in (iter, lambda d: zip(*zip(*d, strict=True), strict=True), lambda d: (pair for pair in d)):
        pairs, before = make(data), digest(net)
        with pytest.raises(ValueError, match=re.escape("test_data must hold at least one pair (x, y); an iterator is empty")):
            net.SGD(pairs, 1, 10, 1.0, test_data=pairs)
        with pytest.raises(ValueError, match=r"training_data must hold at least one pair.*empty after its first use"):
            net.SGD(pairs, 1, 10, 1.0)
        assert digest(net) == before
    net.SGD(data, 1, 10, 1.0, test_data=[])  # as in the book, this means no test data


@pytest.mark.parametrize("error", [ValueError("mine"), TypeError("mine"), KeyError("mine"), KeyboardInterrupt("mine")])
def test_an_exception_of_a_user_s_generator_comes_through(loaded, error):
    def pairs():
        yield loaded[0][0]
        raise error

    with pytest.raises(type(error)) as caught:
        Network([784, 12, 10], seed=1).SGD(pairs(), 1, 10, 1.0)
    assert caught.value is error
