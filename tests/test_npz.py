"""Data sets in ``.npz`` files, with the usual names and forms of images and labels."""

import numpy as np
import pytest
from helpers import assert_is_small

from nndl_ext import Dataset, mnist_loader


def test_keras_npz(tmp_path, small):
    (x_train, y_train), (x_test, y_test) = small
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    assert_is_small(mnist_loader.load_data(path), small)
    np.savez(path, x_train=x_train)
    with pytest.raises(ValueError, match="lacks x_test, y_test, y_train; it has x_train"):
        mnist_loader.load_data(path)
    path.write_bytes(b"not an archive")
    with pytest.raises(ValueError, match=r"mnist\.npz is text whose columns neither commas"):
        mnist_loader.load_data(path)


@pytest.mark.parametrize("name", ["val", "valid"])
def test_keras_names_with_validation_data(tmp_path, small, name):
    (images, labels), (test_images, test_labels) = small
    parts = {"train": (images[:45], labels[:45]), name: (images[45:], labels[45:]), "test": (test_images, test_labels)}
    np.savez(
        tmp_path / "mnist.npz",
        **{f"{key}_{part}": a for part, pair in parts.items() for key, a in zip("xy", pair, strict=True)},
    )
    loaded = mnist_loader.load_data(tmp_path / "mnist.npz")
    assert [y.tolist() for _, y in loaded] == [y.tolist() for _, y in parts.values()]


@pytest.mark.parametrize("prefix", ["kmnist", "k49"])
def test_kmnist_npz(tmp_path, small, prefix):
    for part, (images, labels) in zip(("train", "test"), small, strict=True):
        np.savez_compressed(tmp_path / f"{prefix}-{part}-imgs.npz", images)
        np.savez_compressed(tmp_path / f"{prefix}-{part}-labels.npz", labels)
    assert_is_small(mnist_loader.load_data(tmp_path), small)
    with pytest.raises(ValueError, match=r"imgs\.npz lacks x_test, .*; it has arr_0"):
        mnist_loader.load_data(tmp_path / f"{prefix}-train-imgs.npz")


@pytest.mark.parametrize("names", [("train", "val"), ("training", "validation")])
def test_medmnist_npz_has_its_own_validation_data(tmp_path, small, names):
    (images, labels), (test_images, test_labels) = small
    parts = {names[0]: (images[:45], labels[:45]), names[1]: (images[45:], labels[45:]), "test": (test_images, test_labels)}
    path = tmp_path / "medmnist.npz"
    np.savez(
        path,
        **{f"{part}_images": x for part, (x, _) in parts.items()},
        **{f"{part}_labels": y[:, np.newaxis] for part, (_, y) in parts.items()},
    )
    loaded = mnist_loader.load_data(path)
    assert [len(x) for x, _ in loaded] == [45, 15, 20]
    for (x, y), (images, labels) in zip(loaded, parts.values(), strict=True):
        np.testing.assert_array_equal(x, images.reshape(len(images), -1) / 256)
        np.testing.assert_array_equal(y, labels)


def write_keras(path, small, change_images=lambda x: x, change_labels=lambda y: y):
    (x, y), (test_x, test_y) = small
    arrays = {"x_train": change_images(x), "x_test": change_images(test_x)}
    np.savez(path, **arrays, y_train=change_labels(y), y_test=change_labels(test_y))
    return path


def test_each_colour_channel_is_a_pixel(tmp_path, small):
    path = write_keras(tmp_path / "colours.npz", small, lambda x: np.stack([x, x // 2, x // 4], axis=-1))
    training_data = Dataset.from_pairs(mnist_loader.load_data_wrapper(path)[0])
    assert training_data.x.shape == (50, 3 * 784)
    np.testing.assert_array_equal(training_data.x[:, 1::3].reshape(50, 28, 28), small[0][0][:50] // 2 / 256)


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y[:, np.newaxis],
        lambda y: np.eye(10)[y],
        lambda y: np.eye(10, dtype=np.uint8)[y],
        lambda y: np.eye(10, dtype=bool)[y][:, :, np.newaxis],
        lambda y: y.astype(np.float32),
        lambda y: y.astype(">i2"),
        lambda y: y.astype(np.uint64),
        lambda y: y.astype(str),
    ],
    ids=["column", "unit vectors", "of bytes", "as columns", "floats", "big-endian", "unsigned", "text"],
)
def test_labels_in_any_form(tmp_path, small, change):
    assert_is_small(mnist_loader.load_data(write_keras(tmp_path / "mnist.npz", small, change_labels=change)), small)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y + 0.5, "labels from 0 to 783 for 784 pixels, not from 0.5 to 9.5"),
        (lambda y: y * np.nan, "not from nan to nan"),
        (
            lambda y: np.eye(10)[y] + np.eye(10)[0],
            "labels or vectors of zeros and ones, one for each image, not vectors of shape",
        ),
        (lambda y: np.eye(10)[y] / 2, "labels or vectors of zeros and ones"),
        (lambda y: y[:-1], r"x_train announces 60 images, but .*y_train announces 59 labels"),
    ],
    ids=["halves", "NaN", "twos", "probabilities", "too few"],
)
def test_other_labels_are_refused(tmp_path, small, change, message):
    path = write_keras(tmp_path / "mnist.npz", small, change_labels=change)
    with pytest.raises(ValueError, match=rf"mnist\.npz: y_train .*{message}|{message}"):
        mnist_loader.load_data(path)


def test_no_images_at_all(tmp_path, small):
    path = write_keras(tmp_path / "mnist.npz", [(x[:0], y[:0]) for x, y in small])
    with pytest.raises(ValueError, match=r"mnist\.npz: x_train has no images"):
        mnist_loader.load_data(path)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ">f8", np.int16, np.uint64])
def test_grey_levels_in_any_type(tmp_path, small, dtype):
    path = write_keras(tmp_path / "mnist.npz", small, lambda x: x.astype(dtype))
    assert_is_small(mnist_loader.load_data(path), small)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pixels_from_0_to_1_stay_what_they_are(tmp_path, small, dtype):
    def change(x):
        return (x / 255).astype(dtype)

    training_data, _, test_data = mnist_loader.load_data(write_keras(tmp_path / "mnist.npz", small, change))
    np.testing.assert_array_equal(training_data[0], change(small[0][0][:50]).reshape(50, -1).astype(np.float32))
    assert test_data[0].dtype == np.float32
    assert training_data[0].max() == 1
    training_data[0][0] = 0  # users may change them
    training_data[1][0] = 0


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_images_in_black_and_white(tmp_path, small, dtype):
    path = write_keras(tmp_path / "mnist.npz", small, lambda x: (x > 127).astype(dtype))
    white = [(np.uint8(x > 127) * 255, y) for x, y in small]
    assert_is_small(mnist_loader.load_data(path), white)


def test_grey_levels_that_are_not_whole_are_divided_by_256_too(tmp_path, small):
    path = write_keras(tmp_path / "mnist.npz", small, lambda x: x * 0.75)
    np.testing.assert_array_equal(mnist_loader.load_data(path)[0][0].reshape(50, 28, 28), small[0][0][:50] * 0.75 / 256)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x - 100.0, "from -100.0 to 155.0"),
        (lambda x: x * 2.0, "from 0.0 to 510.0"),
        (lambda x: x * np.nan, "from nan to nan"),
        (lambda x: np.int16(x) * 257, "from"),
    ],
)
def test_other_pixels_are_refused(tmp_path, small, change, message):
    path = write_keras(tmp_path / "mnist.npz", small, change)
    with pytest.raises(ValueError, match=f"x_train must have pixels from 0 to 1 or from 0 to 255, not {message}"):
        mnist_loader.load_data(path)
