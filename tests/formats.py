"""What the tests of file formats share."""

import numpy as np
import pytest

CLOTHES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


def all_of(loaded):
    """The images and labels of all parts."""
    return np.concatenate([x for x, _ in loaded]), np.concatenate([y for _, y in loaded])


def assert_has(loaded, images, labels):
    """Assert that all parts together are these images, of grey levels, and labels, in any order of the images."""
    x, y = all_of(loaded)
    rows = [np.column_stack([y, x * 256]), np.column_stack([labels, images.reshape(len(images), -1)])]
    np.testing.assert_array_equal(*(table[np.lexsort(table.T)] for table in rows))


def write_images(folder, images, labels, ending="png", names=None):
    image = pytest.importorskip("PIL.Image")
    for place, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / (names[label] if names else str(label)) / f"{place:05}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.fromarray(pixels).save(path)
