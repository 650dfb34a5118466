"""Folders of images by class."""

import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from formats import CLOTHES, assert_has, write_images

from nndl_ext import mnist_loader


@pytest.mark.parametrize("ending", ["png", "bmp", "TIFF", "gif"])
def test_mnist_png(tmp_path, small, ending):
    for part, (images, labels) in zip(("training", "testing"), small, strict=True):
        write_images(tmp_path / "mnist_png" / part, images, labels, ending)
    (tmp_path / "mnist_png" / "training" / "0" / "Thumbs.db").write_bytes(b"no image")
    loaded = mnist_loader.load_data(tmp_path)
    assert [len(x) for x, _ in loaded] == [50, 10, 20]
    assert_has(loaded[:2], *small[0])
    assert_has(loaded[2:], *small[1])


def test_folders_of_classes_have_them_in_torchvision_s_order(tmp_path, small):
    images, labels = small[0]
    write_images(tmp_path, images, labels, names=CLOTHES)
    loaded = mnist_loader.load_data(tmp_path)
    ranks = np.argsort(np.argsort(CLOTHES))
    assert_has(loaded, images, ranks[labels])
    assert [len(x) for x, _ in loaded] == [44, 8, 8]


def test_colours_are_three_inputs_for_a_pixel(tmp_path, small):
    images, labels = small[0]
    colours = np.stack([images, images // 2, 255 - images], axis=-1)
    write_images(tmp_path / "train", colours, labels)
    write_images(tmp_path / "valid", images, labels)
    write_images(tmp_path / "test", colours[:20], labels[:20])
    loaded = mnist_loader.load_data(tmp_path)
    assert [x.shape for x, _ in loaded] == [(60, 3 * 784), (60, 3 * 784), (20, 3 * 784)]
    assert_has(loaded[:1], colours, labels)
    assert_has(loaded[1:2], np.repeat(images.reshape(60, 784), 3, axis=1), labels)


def test_a_grey_image_saved_in_colours_is_grey(tmp_path, small):
    images, labels = small[0]
    write_images(tmp_path, np.stack([images] * 3, axis=-1), labels)
    assert_has(mnist_loader.load_data(tmp_path), images, labels)


def test_images_of_16_bits(tmp_path, small):
    images, labels = small[0]
    write_images(tmp_path, images.astype(np.uint16) * 257, labels)
    assert_has(mnist_loader.load_data(tmp_path), images, labels)


@pytest.mark.parametrize("brightest", [255, 4095])
def test_images_of_16_bits_that_would_be_black(tmp_path, small, brightest):
    """Grey levels up to 255, or a camera's 12 bits, in images of 16."""
    images, labels = small[0]
    write_images(tmp_path, np.uint16(images // 255) * np.uint16(brightest), labels)
    with pytest.raises(ValueError, match=r"png and the other images of 16 bits are nearly black, .*: scale them to 65535, or"):
        mnist_loader.load_data(tmp_path)
    write_images(tmp_path, np.uint16(images[:1]) * 257, labels[:1])  # a single bright one shows that the others are dark
    assert len(mnist_loader.load_data(tmp_path)[0][0]) == 44


def test_colours_of_16_bits_that_would_be_black(tmp_path):
    """Pillow can read such images, but not write them."""
    rows = b"".join(b"\0" + np.full(12, 200, ">u2").tobytes() for _ in range(4))
    chunks = (b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    content = [struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks]
    for label in "ab":
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(content))
    with pytest.raises(ValueError, match=r"1\.png and the other images of 16 bits are nearly black"):
        mnist_loader.load_data(tmp_path)


@pytest.mark.parametrize("names", [("1", "01"), ("1", "1.0"), ("0", "-0")])
def test_classes_that_are_the_same_number(tmp_path, small, names):
    write_images(tmp_path / "train", *small[0])
    write_images(tmp_path / "test", small[1][0], small[1][1] % 2, names=names)
    for name in set(names) - {"0", "1"}:
        with pytest.raises(ValueError, match=rf"has the labels ({name} and [01]|[01] and {name}), which are the same number"):
            mnist_loader.load_data(tmp_path)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_what_is_transparent_in_images_is_white(tmp_path, small, mode):
    image = pytest.importorskip("PIL.Image")
    images, labels = small[0]
    for place, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        black = image.new("L", (28, 28), 0).convert(mode)
        black.putalpha(image.fromarray(pixels))
        path = tmp_path / str(label) / f"{place}.png"
        path.parent.mkdir(exist_ok=True)
        black.save(path)
    assert_has(mnist_loader.load_data(tmp_path), 255 - images, labels)


def test_photographs_in_folders_are_turned(tmp_path, small):
    image = pytest.importorskip("PIL.Image")
    images, labels = small[0]
    turned = image.Exif()
    turned[274] = 6
    for place, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        path = tmp_path / str(label) / f"{place}.tif"
        path.parent.mkdir(exist_ok=True)
        image.fromarray(np.rot90(pixels)).save(path, exif=turned)
    assert_has(mnist_loader.load_data(tmp_path), images, labels)


def test_hidden_folders_are_no_classes(tmp_path, small):
    write_images(tmp_path, *small[0])
    write_images(tmp_path, *small[0], names=[".ipynb_checkpoints"] * 10)
    assert_has(mnist_loader.load_data(tmp_path), *small[0])


def test_validation_data_without_test_data(tmp_path, small):
    write_images(tmp_path / "train", *small[0])
    write_images(tmp_path / "val", *small[1])
    training, validation, test = mnist_loader.load_data(tmp_path)
    assert_has([training, test], *small[0])
    assert_has([validation], *small[1])
    assert len(test[0]) == 8


def test_two_names_for_one_part_are_refused(tmp_path, small):
    write_images(tmp_path / "train", *small[0])
    write_images(tmp_path / "training", *small[1])
    with pytest.raises(ValueError, match=r"train and .*training have names for the same part of a data set"):
        mnist_loader.load_data(tmp_path)


@pytest.mark.parametrize(("name", "tests"), [("3", 20), ("unknown", 8)])
def test_a_part_with_one_folder(tmp_path, small, name, tests):
    """The folder of a class is one; another folder holds images without labels."""
    write_images(tmp_path / "train", *small[0])
    write_images(tmp_path / "test", small[1][0], np.full(20, 3), names=[name] * 10)
    test = mnist_loader.load_data(tmp_path)[2]
    assert len(test[0]) == tests
    assert tests == 8 or (test[1] == 3).all()


def test_parts_of_different_sizes_are_named(tmp_path, small):
    write_images(tmp_path / "train", *small[0])
    write_images(tmp_path / "test", small[1][0][:, :20], small[1][1])
    with pytest.raises(ValueError, match=r": test has images of shape \(20, 28\), but .*: training of \(28, 28\)"):
        mnist_loader.load_data(tmp_path)


def test_wrong_images_are_named(tmp_path, small):
    images, labels = small[0]
    write_images(tmp_path, images, labels)
    write_images(tmp_path, images[:1, :20], [9])
    with pytest.raises(ValueError, match=r"9.00000\.png has 28 x 20 pixels, but .*\.png has 28 x 28: scale all images"):
        mnist_loader.load_data(tmp_path)
    (tmp_path / "9" / "00000.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"9.00000\.png is not an image that can be read: it is none of PNG"):
        mnist_loader.load_data(tmp_path)


def test_folders_of_images_need_pillow(tmp_path, small):
    write_images(tmp_path, *small[0])
    code = "import sys; sys.modules['PIL'] = None; from nndl_ext import mnist_loader; mnist_loader.load_data(sys.argv[1])"
    result = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert "is a folder of images by class; to load images, install Pillow: pip install 'nndl-ext[images]'" in result.stderr
