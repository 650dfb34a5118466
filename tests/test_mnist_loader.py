"""The loader, with the shipped MNIST and with files made from it."""

import bz2
import gzip
import hashlib
import zipfile
from importlib.resources import files

import numpy as np
import pytest
from helpers import IDX_TYPES, MNIST_FILES, assert_is_small, idx

from nndl_ext import Dataset, Network, mnist_loader


@pytest.fixture(scope="module")
def raw():
    return {name: gzip.decompress((files("nndl_ext.data") / f"{name}.gz").read_bytes()) for name in MNIST_FILES}


def write_folder(folder, small, suffix="", compress=lambda content: content):
    arrays = (array for pair in small for array in pair)
    for name, array in zip(MNIST_FILES, arrays, strict=True):
        (folder / f"{name}{suffix}").write_bytes(compress(idx(array)))
    return folder


def test_the_shipped_files_are_the_originals(raw):
    licence = (files("nndl_ext.data") / "LICENSE").read_text()
    for name, content in raw.items():
        assert f"{hashlib.sha256(content).hexdigest()}  {name}" in licence


def test_load_data_has_the_book_s_shape(raw):
    loaded = mnist_loader.load_data()
    assert [(x.shape, x.dtype, y.shape, y.dtype) for x, y in loaded] == [
        ((n, 784), np.float32, (n,), np.int64) for n in (50_000, 10_000, 10_000)
    ]
    pixels = np.frombuffer(raw[MNIST_FILES[0]], np.uint8, offset=16).reshape(60_000, 784)
    np.testing.assert_array_equal(loaded[0][0], pixels[:50_000] / 256)
    np.testing.assert_array_equal(loaded[1][0][-1], pixels[-1] / 256)
    assert loaded[0][1][:5].tolist() == [5, 0, 4, 1, 9]
    loaded[0][0][0] = 0  # users may change them


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


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("separator", "-.")
@pytest.mark.parametrize("test", ["t10k", "test"])
def test_a_folder_of_idx_files(tmp_path, small, compress, separator, test):
    suffix = "" if compress is bytes else ".gz"
    for name, array in zip(MNIST_FILES, (array for pair in small for array in pair), strict=True):
        other_name = name.replace("-idx", f"{separator}idx").replace("t10k", test)
        (tmp_path / f"{other_name}{suffix}").write_bytes(compress(idx(array)))
    assert_is_small(mnist_loader.load_data(tmp_path), small)


def test_of_a_file_twice_in_a_folder_the_decompressed_one_is_read(tmp_path, small):
    write_folder(tmp_path, small)
    write_folder(tmp_path, small, ".gz", lambda _: b"broken")
    (tmp_path / "train-images.idx3-ubyte").mkdir()  # as some programs unpack an archive
    assert_is_small(mnist_loader.load_data(tmp_path), small)


@pytest.mark.parametrize("names", [MNIST_FILES, [name.replace("-idx", ".idx") for name in MNIST_FILES]])
def test_kaggle_s_folder_for_each_file(tmp_path, small, names):
    for name, array in zip(names, (array for pair in small for array in pair), strict=True):
        (tmp_path / name).mkdir()
        (tmp_path / name / name.replace(".idx", "-idx")).write_bytes(idx(array))
    assert_is_small(mnist_loader.load_data(tmp_path), small)


def test_qmnist_s_labels_are_its_first_column(tmp_path, small):
    for part, (images, labels) in zip(("train", "test"), small, strict=True):
        about_writers = np.column_stack([labels, *np.arange(100, 107)[:, np.newaxis] * np.ones(len(labels), int)])
        (tmp_path / f"qmnist-{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"qmnist-{part}-labels-idx2-int.gz").write_bytes(gzip.compress(idx(about_writers, code=0x0C)))
    assert_is_small(mnist_loader.load_data(tmp_path), small)


@pytest.mark.parametrize("given", ["", "MNIST", "MNIST/raw"])
def test_torchvision_s_folders(tmp_path, small, given):
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    write_folder(tmp_path / "MNIST" / "raw", small)
    assert_is_small(mnist_loader.load_data(tmp_path / given), small)


def test_of_several_sets_one_is_named(tmp_path, small):
    for name in ("MNIST", "FashionMNIST"):
        (tmp_path / name / "raw").mkdir(parents=True)
        write_folder(tmp_path / name / "raw", small)
    with pytest.raises(ValueError, match=r"holds several data sets: give one of the paths .*FashionMNIST.raw, .*MNIST.raw"):
        mnist_loader.load_data(tmp_path)
    (tmp_path / "kmnist-train-imgs.npz").touch()  # an incomplete set is not listed
    write_emnist(tmp_path, "digits", small)
    assert_is_small(mnist_loader.load_data(tmp_path), small)
    write_emnist(tmp_path, "balanced", small)
    with pytest.raises(ValueError, match=r"give one of the paths .*emnist-balanced, .*emnist-digits$"):
        mnist_loader.load_data(tmp_path)
    assert_is_small(mnist_loader.load_data(tmp_path / "emnist-digits"), small)
    write_folder(tmp_path, [(images, 9 - labels) for images, labels in small])
    assert_is_small([(x, 9 - y) for x, y in mnist_loader.load_data(tmp_path)], small)
    with pytest.raises(FileNotFoundError, match=r"emnist-letters is neither a file nor a folder, and no data set in"):
        mnist_loader.load_data(tmp_path / "emnist-letters")
    with pytest.raises(FileNotFoundError, match=r"has kmnist-train-imgs\.npz, but lacks the train labels"):
        mnist_loader.load_data(tmp_path / "kmnist")


def write_emnist(folder, split, data):
    """Write images in EMNIST's form: transposed."""
    for part, (images, labels) in zip(("train", "test"), data, strict=True):
        (folder / f"emnist-{split}-{part}-images-idx3-ubyte").write_bytes(idx(images.swapaxes(1, 2)))
        (folder / f"emnist-{split}-{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))


def test_emnist_s_letters_are_upright_and_begin_at_0(tmp_path, small):
    write_emnist(tmp_path, "letters", [(images, labels + 17) for images, labels in small])  # J is the tenth letter, Z the 26th
    loaded = mnist_loader.load_data(tmp_path)
    assert_is_small([(x, y - 16) for x, y in loaded], small)
    training_data, validation_data, test_data = mnist_loader.load_data_wrapper(tmp_path)
    assert training_data[0][1].shape == (26, 1)
    net = Network([784, 20, 26], seed=0)
    net.SGD(training_data, 60, 5, 3.0, test_data=test_data)
    assert net.evaluate(training_data) >= 40
    assert len(validation_data) == 10


@pytest.mark.parametrize("code", IDX_TYPES)
def test_idx_files_of_any_type(tmp_path, small, code):
    data = [(np.minimum(images, 127), labels) for images, labels in small]
    for name, array in zip(MNIST_FILES, (array for pair in data for array in pair), strict=True):
        (tmp_path / name).write_bytes(idx(array, code=code))
    assert_is_small(mnist_loader.load_data(tmp_path), data)


def test_other_sizes_and_classes(tmp_path):
    rng = np.random.default_rng(0)
    made = tuple((rng.integers(0, 256, (n, 5, 7)), rng.permutation(n) % 26) for n in (60, 30))
    loaded = mnist_loader.load_data_wrapper(write_folder(tmp_path, made))
    training_data, validation_data, test_data = map(Dataset.from_pairs, loaded)
    assert training_data.x.shape == (50, 35)
    assert training_data.y.shape == (50, 26)
    assert len(validation_data) == 10
    assert test_data.y.max() == 25


def test_images_that_compress_well_are_no_bombs(tmp_path):
    """Images of bars, as in exercises."""
    labels = np.arange(20_000) % 10
    images = np.zeros((20_000, 28, 28), np.uint8)
    images[np.arange(20_000), :, 2 * labels + 4] = 255
    write_folder(tmp_path, ((images, labels),) * 2, ".gz", gzip.compress)
    path = tmp_path / "bars.npz"
    np.savez_compressed(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    assert images.nbytes > 100 * (tmp_path / f"{MNIST_FILES[0]}.gz").stat().st_size
    for given in (tmp_path, path):
        for x, y in mnist_loader.load_data(given):
            np.testing.assert_array_equal(x.reshape(-1, 28, 28).argmax(axis=2)[:, 0], 2 * y + 4)


@pytest.mark.parametrize("trailing", [b"\n", bytes(1000), b"garbage", bytes(7) + b"\x1f", bytes(99) + gzip.compress(b"")])
def test_bytes_after_compressed_data_are_ignored(tmp_path, small, trailing):
    write_folder(tmp_path, small, ".gz", lambda content: gzip.compress(content) + trailing)
    assert_is_small(mnist_loader.load_data(tmp_path), small)


@pytest.mark.parametrize("method", [gzip, bz2])
def test_compressed_files_in_many_parts(tmp_path, small, method):
    zeros = 2 if method is gzip else 0

    def compress(content):
        return b"".join(method.compress(content[i : i + 100]) + bytes(i % (1 + zeros)) for i in range(0, len(content), 100))

    assert_is_small(mnist_loader.load_data(write_folder(tmp_path, small, ".gz", compress)), small)


NOT_DATA = {
    b"": "an empty file",
    b"\xef\xbb\xbf\r\n": "an empty file",
    "label,a,b\n0,1,2\n".encode("utf-16"): "text in UTF-16",
    "label,a,b\n0,1,2\n".encode("utf-16-le"): "text in UTF-16",
    "label,a,b\n0,1,2\n".encode("utf-16-be"): "text in UTF-16",
    b"label,a,b\n0,1,\0\n": "a table in CSV with null characters",
    b'[{"label": 0, "a": 1, "b": 2}]': "text in JSON",
    b"label|a|b\n0|1|2\n": "text whose columns neither commas nor semicolons nor tabs separate",
    b"5 0 0 255\n7 0 255 0\n": "text whose columns neither commas",
    b"\n<!DOCTYPE html>\n<html><title>404</title></html>": "a web page",
    b"<?xml version='1.0'?><Error>Access denied</Error>": "XML or a web page",
    b"\x89PNG\r\n\x1a\n": "a PNG image",
    b"\x93NUMPY\1\0": "a single NumPy array",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0": "a Git LFS pointer",
    gzip.compress(b"\0\0\x08\1\0\0\0\0"): "a gzip file within a gzip file",
}


@pytest.mark.parametrize("content", NOT_DATA)
def test_a_file_of_another_kind_is_named_as_what_it_is(tmp_path, small, content):
    write_folder(tmp_path, small)
    compressed = gzip.compress(content)
    for data in (content, compressed)[content[:2] == b"\x1f\x8b" :]:
        (tmp_path / MNIST_FILES[0]).write_bytes(data)
        with pytest.raises(ValueError, match=rf"{MNIST_FILES[0]} is {NOT_DATA[content]}.*, not an IDX file"):
            mnist_loader.load_data(tmp_path)
        with pytest.raises(
            ValueError, match=rf"{MNIST_FILES[0]} is {NOT_DATA[content]}.*; a data set is a folder of four IDX files"
        ):
            mnist_loader.load_data(tmp_path / MNIST_FILES[0])


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_single_file_of_four_is_named_as_that(tmp_path, small, compress):
    write_folder(tmp_path, small, compress=compress)
    with pytest.raises(ValueError, match="train-images-idx3-ubyte is a single IDX file; a data set is a folder of four"):
        mnist_loader.load_data(tmp_path / MNIST_FILES[0])


def test_a_zip_of_files_is_no_npz(tmp_path, small):
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr(MNIST_FILES[0], idx(small[0][0]))
    with pytest.raises(
        ValueError, match=r"archive\.zip is not a NumPy archive that can be read: it holds train-images-idx3-ubyte"
    ):
        mnist_loader.load_data(tmp_path / "archive.zip")


def test_what_is_missing_or_broken_is_named(tmp_path, small):
    with pytest.raises(FileNotFoundError, match="nowhere is neither a file nor a folder"):
        mnist_loader.load_data(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="has neither train-images-idx3-ubyte nor"):
        mnist_loader.load_data(tmp_path)
    labels = write_folder(tmp_path, small) / MNIST_FILES[1]
    content = labels.read_bytes()
    labels.write_bytes(content[:-1])
    with pytest.raises(ValueError, match=r"train-labels-idx1-ubyte announces 60 bytes of data, but holds 59"):
        mnist_loader.load_data(tmp_path)
    labels.write_bytes(content[:7])
    with pytest.raises(ValueError, match="train-labels-idx1-ubyte ends in its header"):
        mnist_loader.load_data(tmp_path)
    labels.write_bytes(content + b"\n")
    with pytest.raises(ValueError, match=r"train-labels-idx1-ubyte announces 60 bytes of data, but holds 61"):
        mnist_loader.load_data(tmp_path)
    labels.write_bytes(gzip.compress(content)[:-9])
    with pytest.raises(ValueError, match="train-labels-idx1-ubyte is a broken gzip file: it ends too early"):
        mnist_loader.load_data(tmp_path)
    labels.write_bytes(idx(small[0][1][:50]))
    with pytest.raises(ValueError, match=r"images-idx3-ubyte announces 60 images, but .*labels-idx1-ubyte announces 50 labels"):
        mnist_loader.load_data(tmp_path)
    labels.unlink()
    with pytest.raises(FileNotFoundError, match="-ubyte, but lacks the train labels that belong"):
        mnist_loader.load_data(tmp_path)


def test_a_wrong_checksum_is_noticed(tmp_path):
    images, labels = np.random.default_rng(0).integers(0, 256, (3000, 28, 28), np.uint8), np.zeros(3000, np.uint8)
    write_folder(tmp_path, ((images, labels),) * 2, ".gz", lambda content: gzip.compress(content)[:-5] + bytes(5))
    with pytest.raises(ValueError, match=r"-ubyte\.gz is a broken gzip file: .* incorrect data check"):
        mnist_loader.load_data(tmp_path)
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    content = bytearray(path.read_bytes())
    content[2_000_000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"mnist\.npz: x_train can't be read: Bad CRC-32"):
        mnist_loader.load_data(path)


def test_unit_vectors_of_eight_classes_are_no_labels_of_qmnist(tmp_path, small):
    for name, (images, labels) in zip(("train", "t10k"), small, strict=True):
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(images))
        (tmp_path / f"{name}-labels-idx2-int").write_bytes(idx(np.eye(8)[labels % 8], code=12))
    np.testing.assert_array_equal(mnist_loader.load_data(tmp_path)[2][1], small[1][1] % 8)


def test_more_dimensions_than_numpy_has(tmp_path, small):
    for name, (images, labels) in zip(("train", "t10k"), small, strict=True):
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(images, (*images.shape, *[1] * 80)))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels))
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte .* more than 32 dimensions"):
        mnist_loader.load_data(tmp_path)


def test_parts_of_different_scales(tmp_path, small):
    (images, labels), (test_images, test_labels) = small
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=test_images / 255, y_test=test_labels)
    with pytest.raises(ValueError, match=r"a\.npz: x_test has pixels from 0 to 1, but another part .* up to 255"):
        mnist_loader.load_data(tmp_path / "a.npz")


def test_folders_in_each_other_without_end(tmp_path):
    path = tmp_path
    for _ in range(100):
        path /= "a"
    path.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=f"{tmp_path.name} has neither"):
        mnist_loader.load_data(tmp_path)


def test_a_file_larger_than_the_memory(tmp_path, monkeypatch):
    def no_memory(_):
        raise MemoryError

    (tmp_path / "large.csv").write_bytes(b"label,a,b\n")
    monkeypatch.setattr(type(tmp_path), "read_bytes", no_memory)
    with pytest.raises(MemoryError, match=r"large\.csv is too large"):
        mnist_loader.load_data(tmp_path / "large.csv")


def test_test_images_of_another_shape_are_refused(tmp_path, small):
    (images, labels), (test_images, test_labels) = small
    write_folder(tmp_path, ((images, labels), (test_images[:, 1:], test_labels)))
    with pytest.raises(ValueError, match=r"t10k-images.* has images of shape \(27, 28\), but .*train-images.* of \(28, 28\)"):
        mnist_loader.load_data(tmp_path)
