"""MATLAB's files of each version."""

import struct

import numpy as np
import pytest
from formats import all_of
from helpers import assert_is_small

from nndl_ext import mnist_loader


def save(path, version="5", **variables):
    pytest.importorskip("scipy.io").savemat(path, variables, format=version)
    return path


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    "layout",
    [
        lambda x, y: {"X": x / 16, "y": (y + 1.0)[:, np.newaxis]},
        lambda x, y: {"data": x.T / 16, "label": y[np.newaxis] + 1.0},
        lambda x, y: {"X": (x / 16).reshape(-1, 8, 8, 1).transpose(1, 2, 3, 0), "y": np.uint8(y + 1)[:, np.newaxis]},
    ],
    ids=["rows", "columns", "SVHN"],
)
def test_matlab_s_labels_from_1(tmp_path, eight_by_eight, layout, compress):
    scipy_io = pytest.importorskip("scipy.io")
    x, y = eight_by_eight
    scipy_io.savemat(tmp_path / "digits.mat", layout(x, y), do_compression=compress)
    loaded = mnist_loader.load_data(tmp_path / "digits.mat")
    np.testing.assert_array_equal(all_of(loaded)[0], (x / 16).astype(np.float32))
    np.testing.assert_array_equal(all_of(loaded)[1], y)
    assert [len(y) for _, y in loaded] == [1285, 256, 256]


def test_matlab_s_parts(tmp_path, small):
    scipy_io = pytest.importorskip("scipy.io")
    (x, y), (test_x, test_y) = small
    names = {"trainX": x.reshape(60, 784), "trainY": y, "testX": test_x.reshape(20, 784), "testY": test_y}
    scipy_io.savemat(tmp_path / "mnist.mat", names)
    assert_is_small(mnist_loader.load_data(tmp_path / "mnist.mat"), small)
    scipy_io.savemat(tmp_path / "mnist.mat", {"digits": names["trainX"], "about": {"a": 1}})
    with pytest.raises(ValueError, match=r"mnist\.mat lacks .*; it has digits; not read: about \(struct: save"):
        mnist_loader.load_data(tmp_path / "mnist.mat")


def test_names_in_capital_and_in_small_letters(tmp_path, eight_by_eight):
    scipy_io = pytest.importorskip("scipy.io")
    x, y = eight_by_eight
    scipy_io.savemat(tmp_path / "a.mat", {"X": x, "x": x[:, :9], "y": y})
    with pytest.raises(ValueError, match=r"a\.mat has several arrays called x in capital or small letters"):
        mnist_loader.load_data(tmp_path / "a.mat")


def test_matlab_7_3(tmp_path, eight_by_eight):
    """Version 7.3 is HDF5 after a header of 512 bytes, with all axes reversed."""
    h5py = pytest.importorskip("h5py")
    x, y = eight_by_eight
    path = tmp_path / "digits.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["X"], file["y"] = x.T / 16, (y + 1.0)[np.newaxis]
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")
    loaded = mnist_loader.load_data(path)
    np.testing.assert_array_equal(all_of(loaded)[0], (x / 16).astype(np.float32))
    np.testing.assert_array_equal(all_of(loaded)[1], y)


@pytest.mark.parametrize("turned", [False, True])
def test_matlab_4(tmp_path, eight_by_eight, turned):
    x, y = eight_by_eight
    loaded = mnist_loader.load_data(save(tmp_path / "digits.mat", "4", X=(x.T if turned else x) / 16, y=y + 1, note="a note"))
    np.testing.assert_array_equal(all_of(loaded)[0], (x / 16).astype(np.float32))
    np.testing.assert_array_equal(all_of(loaded)[1], y)


@pytest.mark.parametrize(("order", "number", "dtype"), [("<", 50, "u1"), (">", 1020, ">i4"), (">", 1000, ">f8")])
def test_numbers_of_matlab_4(tmp_path, order, number, dtype):
    """As the description of the format by MathWorks lays them out."""
    pixels, labels = np.arange(12).reshape(6, 2), np.arange(6).reshape(6, 1)
    matrices = [
        struct.pack(f"{order}5I", number, *matrix.shape, 0, 2) + name + b"\0" + matrix.T.astype(dtype).tobytes()
        for name, matrix in ((b"X", pixels), (b"y", labels))
    ]
    (tmp_path / "a.mat").write_bytes(b"".join(matrices))
    x, y = all_of(mnist_loader.load_data(tmp_path / "a.mat"))
    np.testing.assert_array_equal(x[np.argsort(y)] * 256, pixels)


def test_what_is_wrong_with_matlab_4_is_named(tmp_path, eight_by_eight):
    x, y = eight_by_eight
    path = save(tmp_path / "a.mat", "4", X=x, y=y)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(
        ValueError, match=r"a\.mat is not a MATLAB file that can be read: it ends before the end of y, whose shape"
    ):
        mnist_loader.load_data(path)
    path.write_bytes(content + b"more")
    with pytest.raises(ValueError, match=r"a\.mat is not a MATLAB file that can be read: no matrix begins at its byte"):
        mnist_loader.load_data(path)
    with pytest.raises(ValueError, match=r"a\.mat lacks x; it has y; not read: X \(complex\)"):
        mnist_loader.load_data(save(path, "4", X=x + 1j, y=y))


@pytest.mark.parametrize("version", ["4", "5"])
def test_as_many_images_as_pixels(tmp_path, version):
    """Nothing in the file says which axis is which."""
    x, y = np.arange(81).reshape(9, 9), np.arange(9) % 3 + 1
    with pytest.raises(ValueError, match=r"a\.mat: X has shape \(9, 9\) for 9 labels: .* Leave one image and its label out"):
        mnist_loader.load_data(save(tmp_path / "a.mat", version, X=x, y=y))
    loaded = mnist_loader.load_data(save(tmp_path / "a.mat", version, X=x[:8], y=y[:8]))
    np.testing.assert_array_equal(all_of(loaded)[0] * 256, x[:8])


def test_what_is_no_array_of_numbers_is_named(tmp_path):
    cells = np.array(["a", "b", "c"], object)
    with pytest.raises(ValueError, match=r"a\.mat lacks y; it has X; not read: y \(cell\)"):
        mnist_loader.load_data(save(tmp_path / "a.mat", X=np.eye(3, 4), y=cells))
    nested = {"train": {"images": np.eye(3, 4), "labels": np.arange(3)}}
    with pytest.raises(ValueError, match=r'not read: dataset \(struct: save\("new\.mat", "-struct", "dataset"\) in MATLAB'):
        mnist_loader.load_data(save(tmp_path / "a.mat", dataset=nested))
