"""Encoded images, such as PNG files, as arrays of pixels."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from nndl_ext._files.contents import largest

try:
    from PIL import Image, ImageOps, UnidentifiedImageError
except ImportError as error:
    raise ImportError("to load images, install Pillow: pip install 'nndl-ext[images]'") from error

__all__ = ["FORMATS", "Image", "ImageOps", "coloured", "decoded", "opening", "same_channels", "upright"]

# Cameras and microscopes store 12 bits or fewer in images of 16. Their grey levels end here when reduced to 8.
_DARK = 15

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")  # Pillow's other readers run programs or are little tested


@contextmanager
def opening(name: str) -> Iterator[None]:
    """Turn any exception while an image is read into a ValueError that names it. Images of too many pixels raise one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except UnidentifiedImageError as error:
        raise ValueError(f"{name} is not an image that can be read: it is none of {', '.join(FORMATS)}") from error
    except Exception as error:  # damaged images raise exceptions of many types
        raise ValueError(f"{name} is not an image that can be read: {error}") from error


def decoded(images: Iterable[tuple[str, bytes]], count: int, file_size: int) -> np.ndarray:
    """Images of one size as an array.

    Parameters
    ----------
    images : iterable of tuple
        The name and the encoded bytes of each.
    count, file_size : int
        The number of images, and the size of all their files.

    Returns
    -------
    numpy.ndarray
        uint8 of shape (count, height, width) if all are grey, else (count, height, width, 3): red, green, blue.

    Raises
    ------
    ValueError
        If an image is damaged or has another size than the first, if all images of 16 bits are nearly black, or if the pixels
        take more than 256 times the files plus 1 MiB.
    """
    array = np.empty((0, 0, 0), np.uint8)
    room = largest(file_size) // max(count, 1)
    deep, brightest = "", 0
    for place, (name, data) in enumerate(images):
        with opening(name):
            pixels, has_16_bits = _pixels(data, room)
        if has_16_bits:
            deep, brightest = name, max(brightest, int(pixels.max(initial=0)))
        if place == 0:
            first, array = name, np.empty((count, *pixels.shape), np.uint8)
        if pixels.shape[:2] != array.shape[1:3]:
            sizes = [f"{width} x {height}" for height, width in (pixels.shape[:2], array.shape[1:3])]
            raise ValueError(f"{name} has {sizes[0]} pixels, but {first} has {sizes[1]}: scale all images to one size")
        if pixels.ndim == array.ndim:
            array = coloured(array)
        array[place] = pixels if pixels.ndim == array.ndim - 1 else pixels[:, :, np.newaxis]
    if deep and brightest <= _DARK:
        raise ValueError(
            f"{deep} and the other images of 16 bits are nearly black, with no pixel above {256 * (1 + _DARK) - 1} of 65535: "
            "scale them to 65535, or save them with 8 bits"
        )
    return array


def coloured(images: np.ndarray) -> np.ndarray:
    """Grey images as red, green and blue."""
    return np.repeat(images[..., np.newaxis], 3, axis=-1)


def same_channels(parts: list[np.ndarray]) -> list[np.ndarray]:
    """All parts of a data set in colours, if one has colours."""
    return parts if len({x.ndim for x in parts}) == 1 else [x if x.ndim == 4 else coloured(x) for x in parts]


def upright(image: Image.Image) -> Image.Image:
    """An image of grey levels or colours, turned as its camera recorded, and on white where it is transparent."""
    image = ImageOps.exif_transpose(image)
    if image.mode in ("LA", "PA", "RGBA") or ("transparency" in image.info and not image.mode.startswith(("I", "F"))):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image


def _pixels(data: bytes, room: int) -> tuple[np.ndarray, bool]:
    """An image, uint8 of shape (height, width) or, in colours, (height, width, 3), and whether its file has 16 bits."""
    image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > room:
        raise ValueError(f"it has {image.width} x {image.height} pixels, too many for files of their size")
    has_16_bits = ";16" in f"{image.mode} {getattr(image, 'tile', '')}"  # Pillow reduces colours of 16 bits to 8
    image = upright(image)
    if image.mode.startswith("I;16"):
        return (np.asarray(image) >> 8).astype(np.uint8), has_16_bits
    if image.mode in ("I", "F"):
        raise ValueError(f"its pixels are numbers of mode {image.mode}, not grey levels or colours")
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L")), has_16_bits
    pixels = np.asarray(image.convert("RGB"))
    return pixels[:, :, 0] if (pixels == pixels[:, :, :1]).all() else pixels, has_16_bits
