"""The book's pickles, in every protocol."""

import gzip
import pickle
import sys

import numpy as np
import pytest
from helpers import assert_is_small

from nndl_ext import Dataset, mnist_loader


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_the_book_s_pickle(tmp_path, small, protocol, compress):
    (images, labels), (test_images, test_labels) = ((np.float32(x.reshape(len(x), -1)) / 256, y) for x, y in small)
    pairs = ((images[:50], labels[:50]), (images[50:], labels[50:]), (test_images, test_labels))
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(compress(pickle.dumps(pairs, protocol)))
    assert_is_small(mnist_loader.load_data(path), small)


def test_a_pickle_written_by_python_2(tmp_path):
    """Pairs with a 2 x 1 float32 array of 8 bytes, as Python 2 with an old NumPy wrote it."""
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n{shape}cnumpy\ndtype\n(S'{code}'\nI0\nI1\ntR"
        b"(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'{data}'\ntb"
    )

    def spelled(shape, code, data):
        data = "".join(f"\\x{byte:02x}" for byte in data).encode()
        return array.replace(b"{shape}", shape).replace(b"{code}", code).replace(b"{data}", data)

    x = spelled(b"(I2\nI1\nt", b"f4", np.array([[0.5], [0.25]], "<f4").tobytes())
    y = spelled(b"(I2\nt", b"i8", np.array([3, 4], "<i8").tobytes())
    path = tmp_path / "mnist.pkl"
    path.write_bytes(b"(" + (b"(" + x + y + b"t") * 3 + b"t.")
    for images, labels in mnist_loader.load_data(path):
        np.testing.assert_array_equal(images, np.float32([[0.5], [0.25]]))
        assert labels.tolist() == [3, 4]


def expanded(small):
    """The data that the book's ``expand_mnist.py`` makes of 50 images: lists of images and of NumPy scalars."""
    (images, labels), (test_images, test_labels) = ((np.float32(x.reshape(len(x), -1)) / 256, y) for x, y in small)
    moved = [
        (np.roll(x.reshape(28, 28), step, axis).reshape(784), y)
        for x, y in zip(images[:50], labels, strict=False)
        for step, axis in ((0, 0), (1, 0), (-1, 0), (1, 1), (-1, 1))
    ]
    return [list(values) for values in zip(*moved, strict=True)], (images[50:], labels[50:]), (test_images, test_labels)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_book_s_expanded_pickle(tmp_path, small, protocol, compress):
    data = expanded(small)
    path = tmp_path / "mnist_expanded.pkl.gz"
    path.write_bytes(compress(pickle.dumps(data, protocol)))
    loaded = mnist_loader.load_data(path)
    for (x, y), (images, labels) in zip(loaded, data, strict=True):
        np.testing.assert_array_equal(x, images)
        np.testing.assert_array_equal(y, labels)
    assert Dataset.from_pairs(mnist_loader.load_data_wrapper(path)[0]).y.shape == (250, 10)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_labels_of_a_pickle_as_a_list_of_integers(tmp_path, small, protocol):
    pairs = [(list(images / 256), labels.tolist()) for images, labels in (small[0], *small)]
    path = tmp_path / "mnist.pkl"
    path.write_bytes(pickle.dumps(pairs, protocol))
    loaded = mnist_loader.load_data(path)
    for (x, y), (images, labels) in zip(loaded, (small[0], *small), strict=True):
        np.testing.assert_array_equal(x, images.reshape(len(images), -1) / 256)
        np.testing.assert_array_equal(y, labels)


# Lists of two images and two labels, and twice an image and a label, as written by Python 2.7's cPickle with NumPy 1.16.
BY_PYTHON_2 = {
    0: (
        b"((lp1\n(lp2\ncnumpy.core.multiarray\n_reconstruct\np3\n(cnumpy\nndarray\np4\n(I0\ntS'b'\ntRp5\n(I1\n(I2\ntc"
        b"numpy\ndtype\np6\n(S'f4'\nI0\nI1\ntRp7\n(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x00\\x00\\x00?\\x00\\x00\\x8"
        b"0>'\ntbag3\n(g4\n(I0\ntS'b'\ntRp8\n(I1\n(I2\ntg7\nI00\nS'\\x00\\x00\\x00\\x00\\x00\\x00@?'\ntbaa(lp9\ncnump"
        b"y.core.multiarray\nscalar\np10\n(g6\n(S'i8'\nI0\nI1\ntRp11\n(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbS'\\x03\\x00\\x00"
        b"\\x00\\x00\\x00\\x00\\x00'\ntRp12\nag10\n(g11\nS'\\x04\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\ntRp13\naa(g3\n("
        b"g4\n(I0\ntS'b'\ntRp14\n(I1\n(I1\nI2\ntg7\nI00\nS'\\x00\\x00\\x00?\\x00\\x00\\x80>'\ntbg3\n(g4\n(I0\ntS'b'\n"
        b"tRp15\n(I1\n(I1\ntg11\nI00\nS'\\x07\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\ntbtp16\ng16\nt."
    ),
    1: (
        b"(]q\x01(]q\x02(cnumpy.core.multiarray\n_reconstruct\nq\x03(cnumpy\nndarray\nq\x04(K\x00tU\x01btRq\x05(K\x01"
        b"(K\x02tcnumpy\ndtype\nq\x06(U\x02f4K\x00K\x01tRq\x07(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
        b"bI00\nU\x08\x00\x00\x00?\x00\x00\x80>tbh\x03(h\x04(K\x00tU\x01btRq\x08(K\x01(K\x02th\x07I00\nU\x08\x00\x00"
        b"\x00\x00\x00\x00@?tbe]q\t(cnumpy.core.multiarray\nscalar\nq\n(h\x06(U\x02i8K\x00K\x01tRq\x0b(K\x03U\x01<NNN"
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbU\x08\x03\x00\x00\x00\x00\x00\x00\x00tRq\x0ch\n(h\x0bU\x08\x04\x00"
        b"\x00\x00\x00\x00\x00\x00tRq\ree(h\x03(h\x04(K\x00tU\x01btRq\x0e(K\x01(K\x01K\x02th\x07I00\nU\x08\x00\x00"
        b"\x00?\x00\x00\x80>tbh\x03(h\x04(K\x00tU\x01btRq\x0f(K\x01(K\x01th\x0bI00\nU\x08\x07\x00\x00\x00\x00\x00\x00"
        b"\x00tbtq\x10h\x10t."
    ),
    2: (
        b"\x80\x02]q\x01(]q\x02(cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87R"
        b"q\x05(K\x01K\x02\x85cnumpy\ndtype\nq\x06U\x02f4K\x00K\x01\x87Rq\x07(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff"
        b"\xff\xff\xffK\x00tb\x89U\x08\x00\x00\x00?\x00\x00\x80>tbh\x03h\x04K\x00\x85U\x01b\x87Rq\x08(K\x01K\x02\x85h"
        b"\x07\x89U\x08\x00\x00\x00\x00\x00\x00@?tbe]q\t(cnumpy.core.multiarray\nscalar\nq\nh\x06U\x02i8K\x00K\x01"
        b"\x87Rq\x0b(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbU\x08\x03\x00\x00\x00\x00\x00\x00\x00\x86"
        b"Rq\x0ch\nh\x0bU\x08\x04\x00\x00\x00\x00\x00\x00\x00\x86Rq\reeh\x03h\x04K\x00\x85U\x01b\x87Rq\x0e(K\x01K\x01"
        b"K\x02\x86h\x07\x89U\x08\x00\x00\x00?\x00\x00\x80>tbh\x03h\x04K\x00\x85U\x01b\x87Rq\x0f(K\x01K\x01\x85h\x0b"
        b"\x89U\x08\x07\x00\x00\x00\x00\x00\x00\x00tb\x86q\x10h\x10\x87."
    ),
}


@pytest.mark.parametrize("protocol", BY_PYTHON_2)
@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_lists_written_by_python_2(tmp_path, protocol, core):
    path = tmp_path / "mnist_expanded.pkl"
    path.write_bytes(BY_PYTHON_2[protocol].replace(b"numpy.core", core))
    (x, y), *others = mnist_loader.load_data(path)
    np.testing.assert_array_equal(x, np.float32([[0.5, 0.25], [0, 0.75]]))
    assert y.tolist() == [3, 4]
    for images, labels in others:
        np.testing.assert_array_equal(images, np.float32([[0.5, 0.25]]))
        assert labels.tolist() == [7]


class _Exploit:
    def __reduce__(self):
        return sys.exit, ("executed",)


@pytest.mark.parametrize(
    "content", [pickle.dumps(content) for content in (_Exploit(), [1, 2, 3], ((1, 2),) * 3, (([1], [2], [3]),) * 3)]
)
def test_what_is_no_such_pickle_is_refused(tmp_path, content):
    path = tmp_path / "mnist.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"mnist\.pkl is not the book's pickle"):
        mnist_loader.load_data(path)


def test_a_pickle_in_a_broken_gzip_file(tmp_path, small):
    path = tmp_path / "mnist.pkl.gz"
    content = gzip.compress(pickle.dumps(expanded(small), 4))
    for changed, message in ((content[:-9], "it ends too early"), (content[:-5] + bytes(5), "Error -3 .*")):
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=f"is not the book's pickle: it is a broken gzip file: {message}"):
            mnist_loader.load_data(path)


def test_a_pickle_that_grows_beyond_all_measure_is_refused(tmp_path):
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(((np.zeros((2**15, 784), np.float32), np.zeros(2**15, int)),) * 3, 5)))
    with pytest.raises(ValueError, match=r"mnist\.pkl\.gz is not the book's pickle: it decompresses to more than \d+ bytes"):
        mnist_loader.load_data(path)
