"""Pictures of digits: MNIST's digits, drawn as readers might draw them, are read as images like MNIST's."""

import io
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageOps

from nndl_ext import Network, mnist_loader

DIGITS = 300


@pytest.fixture(scope="module")
def digits():
    """The first digits of the test data as grey levels of shape (n, 28, 28), and their labels."""
    images, labels = mnist_loader.load_data()[2]
    return np.uint8(images[:DIGITS] * 256).reshape(-1, 28, 28), labels[:DIGITS]


@pytest.fixture(scope="module")
def right(mnist, digits):
    """The number of these columns that a network trained on MNIST classifies correctly."""
    net = Network([784, 30, 10], seed=1)
    net.SGD(mnist[0], 3, 10, 3.0)
    return lambda columns: int((net.feedforward(columns).argmax(axis=0) == digits[1]).sum())


def drawn(digit, rng, paper=255, shade=0, ink=0, noise=0):
    """A digit in ink, of any size and at any place, on paper that is darker on one side."""
    side = int(rng.integers(60, 160))
    strokes = Image.new("L", (200, 200))
    place = rng.integers(0, 200 - side, 2)
    strokes.paste(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC), tuple(map(int, place)))
    papers = paper - shade * np.linspace(0, 1, 200)
    levels = papers + (ink - papers) * np.asarray(strokes) / 255 + rng.normal(0, noise, (200, 200))
    return Image.fromarray(np.uint8(np.clip(levels, 0, 255)))


def save(image, path, **options):
    image.save(path, **options)
    return path


def column(image, path):
    return mnist_loader.load_images(save(image, path))[:, 0]


@pytest.mark.parametrize(
    ("ending", "look"),
    [
        ("png", {}),
        ("jpg", {}),
        ("png", {"paper": 0, "ink": 255}),
        ("jpg", {"paper": 230, "ink": 60, "noise": 10}),
        ("jpg", {"paper": 230, "ink": 60, "noise": 5, "shade": 40}),
    ],
    ids=["black on white", "JPEG", "white on black", "noisy photograph", "uneven light"],
)
def test_drawn_digits_are_taken_for_what_they_are(tmp_path, digits, right, ending, look):
    rng = np.random.default_rng(0)
    for i, digit in enumerate(digits[0]):
        save(drawn(digit, rng, **look), tmp_path / f"{i:03}.{ending}")
    columns = mnist_loader.load_images(tmp_path)
    assert columns.shape == (784, DIGITS)
    assert columns.dtype == np.float32
    originals = np.float32(digits[0].reshape(DIGITS, 784).T) / 256
    assert right(columns) >= right(originals) - DIGITS // 100
    assert np.corrcoef(columns.ravel(), originals.ravel())[0, 1] > 0.9


def test_mnist_s_own_images_hardly_change(tmp_path, digits):
    for i, digit in enumerate(digits[0]):
        save(Image.fromarray(digit), tmp_path / f"{i:03}.png")
    columns, originals = mnist_loader.load_images(tmp_path), digits[0].reshape(DIGITS, 784).T / 256
    assert np.median(np.abs(columns - originals).mean(axis=0)) < 0.015


def test_images_are_framed_as_mnist_s_are(tmp_path, digits):
    rng = np.random.default_rng(1)
    for i, digit in enumerate(digits[0][:50]):
        image = column(drawn(digit, rng), tmp_path / f"{i}.png").reshape(28, 28)
        rows, columns = np.nonzero(image)
        assert max(np.ptp(rows), np.ptp(columns)) in (18, 19)
        centre = np.average(rows, weights=image[rows, columns]), np.average(columns, weights=image[rows, columns])
        np.testing.assert_allclose(centre, 14, atol=0.6)
        assert image.max() == 255 / 256
        assert image.min() == 0


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I", "I;16", "F"])
def test_every_mode_that_a_file_may_have(tmp_path, digits, mode):
    image = drawn(digits[0][0], np.random.default_rng(0))
    expected = column(image, tmp_path / "grey.png")
    if mode.startswith("I"):
        image = Image.fromarray(np.asarray(image, np.uint16 if mode == "I;16" else np.int32) * 200)
    else:
        image = (image.convert("P") if mode == "PA" else image).convert(mode)
    assert image.mode == mode
    assert np.abs(column(image, tmp_path / "image.tif") - expected).mean() < 0.03


@pytest.mark.parametrize("ending", ["png", "jpg", "JPEG", "gif", "bmp", "tif", "tiff", "webp"])
def test_every_format(tmp_path, digits, ending):
    image = drawn(digits[0][0], np.random.default_rng(0))
    expected = column(image, tmp_path / "grey.png")
    np.testing.assert_allclose(column(image, tmp_path / f"image.{ending}"), expected, atol=0.15)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_what_is_transparent_lies_on_white(tmp_path, digits, mode):
    image = drawn(digits[0][0], np.random.default_rng(0))
    expected = column(image, tmp_path / "grey.png")
    black = Image.new("L", image.size)
    clear = Image.merge("LA", (black, ImageOps.invert(image)))  # black ink on a transparent background
    if mode == "P":
        expected = column(image.point(lambda level: 0 if level < 128 else 255), tmp_path / "grey.png")
        strokes = image.point(lambda level: 0 if level < 128 else 1).convert("P")
        strokes.putpalette([0, 0, 0, 0, 0, 0])
        save(strokes, tmp_path / "clear.png", transparency=1)
    else:
        save(clear.convert(mode), tmp_path / "clear.png")
    assert np.abs(mnist_loader.load_images(tmp_path / "clear.png")[:, 0] - expected).mean() < 0.001


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_as_the_camera_noted(tmp_path, digits, orientation):
    image = drawn(digits[0][2], np.random.default_rng(0))
    expected = column(image, tmp_path / "grey.jpg")
    exif = Image.Exif()
    exif[0x0112] = orientation
    back = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90", 7: "TRANSVERSE"}
    turn = (back | {8: "ROTATE_270"}).get(orientation)
    turned = image.transpose(getattr(Image.Transpose, turn)) if turn else image
    save(turned, tmp_path / "turned.jpg", exif=exif)
    np.testing.assert_allclose(mnist_loader.load_images(tmp_path / "turned.jpg")[:, 0], expected, atol=0.15)


def test_a_large_photograph_is_taken_as_a_small_one(tmp_path, digits):
    image = drawn(digits[0][0], np.random.default_rng(0))
    expected = column(image, tmp_path / "small.png")
    large = image.resize((4000, 3000), Image.Resampling.BICUBIC).resize((3000, 3000))
    for name in ("large.png", "large.jpg"):
        np.testing.assert_allclose(column(large, tmp_path / name), expected, atol=0.15)


def test_folders_archives_and_lists_give_a_column_for_each_image(tmp_path, digits):
    rng = np.random.default_rng(0)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, digit in zip("cab", digits[0], strict=False):
        save(drawn(digit, rng), folder / f"{name}.png")
    (folder / "notes.txt").write_text("no image")
    (folder / "._a.png").write_bytes(b"what macOS leaves")
    expected = np.hstack([mnist_loader.load_images(folder / f"{name}.png") for name in "abc"])
    np.testing.assert_array_equal(mnist_loader.load_images(folder), expected)
    with zipfile.ZipFile(tmp_path / "digits.zip", "w") as archive:
        for file in sorted(folder.iterdir(), reverse=True):
            archive.write(file, f"digits/{file.name}")
        archive.writestr("__MACOSX/digits/._a.png", b"what macOS leaves")
    np.testing.assert_array_equal(mnist_loader.load_images(tmp_path / "digits.zip"), expected)
    several = mnist_loader.load_images([str(folder / "a.png"), tmp_path / "digits.zip"])
    np.testing.assert_array_equal(several, np.hstack([expected[:, :1], expected]))
    np.testing.assert_array_equal(mnist_loader.load_images(path for path in [folder]), expected)


def as_png(image):
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def tiff(levels):
    stream = io.BytesIO()
    Image.fromarray(np.float32(levels)).save(stream, "TIFF")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not an image that can be read: it is none of PNG, JPEG, GIF, BMP, TIFF, WEBP"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not an image that can be read: it is none of PNG"),
        (as_png(Image.effect_noise((99, 99), 9))[:5000], "is not an image that can be read: "),
        (as_png(Image.new("L", (30, 30), 255)), "shows no digit: all its pixels have nearly"),
        (as_png(Image.new("RGBA", (30, 30))), "shows no digit: all its pixels have nearly"),
        (as_png(Image.new("1", (10_000, 10_000))), "is not an image that can be read: Image size"),
        (tiff(np.full((9, 9), np.nan)), "is not an image that can be read: it has pixels from nan to nan"),
        (b"PK\3\4", "is not a zip archive that can be read"),
    ],
    ids=["empty", "PostScript", "broken", "white", "transparent", "bomb", "NaN", "broken zip"],
)
def test_what_is_no_picture_of_a_digit_is_named(tmp_path, content, message):
    path = tmp_path / "seven.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"seven\.png {message}"):
        mnist_loader.load_images(path)
    if content[:2] != b"PK":
        with pytest.raises(ValueError, match=rf"seven\.png {message}"):
            mnist_loader.load_images(tmp_path)
        with zipfile.ZipFile(tmp_path / "digits.zip", "w") as archive:
            archive.writestr("seven.png", content)
        with pytest.raises(ValueError, match=rf"digits\.zip/seven\.png {message}"):
            mnist_loader.load_images(tmp_path / "digits.zip")


def test_no_images_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="has no images"):
        mnist_loader.load_images(tmp_path)
    with pytest.raises(ValueError, match=r"\[\] has no images"):
        mnist_loader.load_images([])
    with pytest.raises(FileNotFoundError, match="nowhere"):
        mnist_loader.load_images(tmp_path / "nowhere.png")


def test_what_is_no_path_is_named(tmp_path, monkeypatch):
    save(Image.effect_noise((30, 30), 90), tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)  # which an empty path would stand for
    itself = ["a.png"]
    itself.append(itself)
    for path, error, message in (
        ("", ValueError, "path must not be empty"),
        (["a.png", ""], ValueError, "path must not be empty"),
        ("a\0.png", ValueError, r"path must be without null characters, not 'a\\x00\.png'"),
        (3, TypeError, "path must be a string or a path-like object, not 3"),
        (["a.png", 3], TypeError, "path must be a string or a path-like object, not 3"),
        (itself, TypeError, r"path must be a string or a path-like object, not \['a.png', \['a.png', "),
    ):
        with pytest.raises(error, match=message):
            mnist_loader.load_images(path)
    with pytest.raises(ValueError, match="path must not be empty"):
        mnist_loader.load_data("")


def test_without_pillow_the_error_names_the_extra():
    code = "import sys; sys.modules['PIL'] = None; from nndl_ext import mnist_loader; mnist_loader.load_images('a.png')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ImportError: to load images, install Pillow: pip install 'nndl-ext[images]'" in result.stderr
