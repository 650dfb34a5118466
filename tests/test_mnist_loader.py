"""The loader, on the shipped MNIST and on files of the reader's own, made from it."""

import gzip
import hashlib
import pickle
import sys
from importlib.resources import files

import numpy as np
import pytest

from nndl_ext import Dataset, mnist_loader

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.fixture(scope="module")
def raw():
    return {name: gzip.decompress((files("nndl_ext.data") / f"{name}.gz").read_bytes()) for name in NAMES}


@pytest.fixture(scope="module")
def small():
    """The first digits of MNIST: 60 for training and 20 for test, of 28 x 28 grey levels."""
    training_data, _, test_data = mnist_loader.load_data()
    return tuple((np.uint8(x[:n] * 256).reshape(n, 28, 28), y[:n]) for (x, y), n in ((training_data, 60), (test_data, 20)))


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape) + np.uint8(array).tobytes()


def write_folder(folder, small, suffix="", compress=lambda content: content):
    arrays = (array for pair in small for array in pair)
    for name, array in zip(NAMES, arrays, strict=True):
        (folder / f"{name}{suffix}").write_bytes(compress(idx(array)))
    return folder


def assert_is_small(loaded, small):
    (x, y), (validation_x, validation_y), (test_x, test_y) = loaded
    (images, labels), (test_images, test_labels) = small
    np.testing.assert_array_equal(np.vstack([x, validation_x]), images.reshape(60, -1) / 256)
    np.testing.assert_array_equal(np.concatenate([y, validation_y]), labels)
    np.testing.assert_array_equal(test_x, test_images.reshape(20, -1) / 256)
    np.testing.assert_array_equal(test_y, test_labels)
    assert len(x) == 50
    for images, labels in loaded:
        assert images.dtype == np.float32
        assert labels.dtype == np.int64


def test_the_shipped_files_are_the_originals(raw):
    licence = (files("nndl_ext.data") / "LICENSE").read_text()
    for name, content in raw.items():
        assert f"{hashlib.sha256(content).hexdigest()}  {name}" in licence


def test_load_data_has_the_book_s_shape(raw):
    loaded = mnist_loader.load_data()
    assert [(x.shape, x.dtype, y.shape, y.dtype) for x, y in loaded] == [
        ((n, 784), np.float32, (n,), np.int64) for n in (50_000, 10_000, 10_000)
    ]
    pixels = np.frombuffer(raw[NAMES[0]], np.uint8, offset=16).reshape(60_000, 784)
    np.testing.assert_array_equal(loaded[0][0], pixels[:50_000] / 256)
    np.testing.assert_array_equal(loaded[1][0][-1], pixels[-1] / 256)
    assert loaded[0][1][:5].tolist() == [5, 0, 4, 1, 9]
    loaded[0][0][0] = 0  # they are the reader's to change


def test_load_data_wrapper_gives_columns(mnist):
    training_data, validation_data, test_data = mnist
    assert [len(data) for data in mnist] == [50_000, 10_000, 10_000]
    x, y = training_data[0]
    assert x.shape == (784, 1)
    np.testing.assert_array_equal(y, mnist_loader.vectorized_result(5))
    assert validation_data[0][1] == 3
    assert test_data[0][1] == 7


def test_vectorized_result():
    np.testing.assert_array_equal(mnist_loader.vectorized_result(2, classes=4), [[0.0], [0.0], [1.0], [0.0]])
    assert mnist_loader.vectorized_result(9).shape == (10, 1)
    for j in (-1, 10):
        with pytest.raises(ValueError, match=f"j must be from 0 to 9, not {j}"):
            mnist_loader.vectorized_result(j)


@pytest.mark.parametrize(("suffix", "compress"), [("", bytes), (".gz", gzip.compress)])
def test_a_folder_of_idx_files(tmp_path, small, suffix, compress):
    assert_is_small(mnist_loader.load_data(write_folder(tmp_path, small, suffix, compress)), small)


def test_other_sizes_and_classes(tmp_path):
    rng = np.random.default_rng(0)
    made = tuple((rng.integers(0, 256, (n, 5, 7)), rng.permutation(n) % 26) for n in (60, 30))
    loaded = mnist_loader.load_data_wrapper(write_folder(tmp_path, made))
    training_data, validation_data, test_data = map(Dataset.from_pairs, loaded)
    assert training_data.x.shape == (50, 35)
    assert training_data.y.shape == (50, 26)
    assert len(validation_data) == 10
    assert test_data.y.max() == 25


def test_keras_npz(tmp_path, small):
    (x_train, y_train), (x_test, y_test) = small
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    assert_is_small(mnist_loader.load_data(path), small)
    np.savez(path, x_train=x_train)
    with pytest.raises(ValueError, match="lacks x_test, y_test, y_train"):
        mnist_loader.load_data(path)


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_the_book_s_pickle(tmp_path, small, protocol, compress):
    (images, labels), (test_images, test_labels) = ((np.float32(x.reshape(len(x), -1)) / 256, y) for x, y in small)
    pairs = ((images[:50], labels[:50]), (images[50:], labels[50:]), (test_images, test_labels))
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(compress(pickle.dumps(pairs, protocol)))
    assert_is_small(mnist_loader.load_data(path), small)


def test_a_pickle_written_by_python_2(tmp_path):
    """One of 8 bytes of a 2 x 1 float32 array a pair, spelled as Python 2 and an old NumPy spelled it."""
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


class _Exploit:
    def __reduce__(self):
        return sys.exit, ("executed",)


@pytest.mark.parametrize("content", [pickle.dumps(_Exploit()), pickle.dumps([1, 2, 3]), b"", pickle.dumps(((1, 2),) * 3)])
def test_what_is_no_such_pickle_is_refused(tmp_path, content):
    path = tmp_path / "mnist.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"mnist\.pkl is not the book's pickle"):
        mnist_loader.load_data(path)


def test_what_is_missing_or_broken_is_named(tmp_path, small):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        mnist_loader.load_data(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="has neither train-images-idx3-ubyte nor"):
        mnist_loader.load_data(tmp_path)
    labels = write_folder(tmp_path, small) / NAMES[1]
    content = labels.read_bytes()
    labels.write_bytes(content[:-1])
    with pytest.raises(ValueError, match=r"train-labels-idx1-ubyte announces \(60,\) bytes, but holds 59"):
        mnist_loader.load_data(tmp_path)
    labels.write_bytes(gzip.compress(content)[:-9])
    with pytest.raises(ValueError, match="train-labels-idx1-ubyte is a broken gzip file: it ends before its data do"):
        mnist_loader.load_data(tmp_path)
    labels.write_bytes(b"\0\0\x08\x03" + content[4:])
    with pytest.raises(ValueError, match="is not an IDX file of bytes in 1 dimensions"):
        mnist_loader.load_data(tmp_path)


def test_a_file_that_grows_beyond_all_measure_is_refused(tmp_path):
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(bytes(2**27)))
    with pytest.raises(ValueError, match=r"mnist\.pkl\.gz decompresses to more than \d+ bytes"):
        mnist_loader.load_data(path)
    path = tmp_path / "mnist.npz"
    np.savez_compressed(path, x_train=np.zeros(2**27, np.uint8))
    with pytest.raises(ValueError, match=r"mnist\.npz is not a NumPy archive that can be read: it announces more data"):
        mnist_loader.load_data(path)
