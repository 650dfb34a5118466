"""Files of arrays with names: finds images and labels by the names that programs give them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nndl_ext._files.contents import Announced

# The names of a column of labels, in small letters.
LABELS = ("label", "labels", "class", "target", "digit", "letter", "y")

# The names of images and labels for training, validation and test, in small letters. Validation data may be missing. A file
# with one pair of names holds a whole set, or one part of a set.
_LAYOUTS: tuple[tuple[tuple[str, str], ...], ...] = (
    (("x_train", "y_train"), ("x_val", "y_val"), ("x_test", "y_test")),  # Keras
    (("x_train", "y_train"), ("x_valid", "y_valid"), ("x_test", "y_test")),
    (("train_images", "train_labels"), ("val_images", "val_labels"), ("test_images", "test_labels")),  # MedMNIST
    (("training_images", "training_labels"), ("validation_images", "validation_labels"), ("test_images", "test_labels")),
    (("train/data", "train/target"), ("val/data", "val/target"), ("test/data", "test/target")),  # USPS
    (("trainx", "trainy"), ("valx", "valy"), ("testx", "testy")),
    (("train_set_x", "train_set_y"),),
    (("test_set_x", "test_set_y"),),
    (("x", "y"),),
    (("data", "label"),),
    (("data", "labels"),),
    (("data", "target"),),
    (("images", "labels"),),
)


def labels_among(names: Iterable[str]) -> list[str]:
    """The names of columns that stand for labels, in any case, the best first."""
    names = list(names)
    return [name for label in LABELS for name in names if name.strip().lower() == label]


def label_among(names: Iterable[str]) -> str | None:
    """The name of the column of labels, if there is one. ``y`` may be a coordinate beside a better name.

    Raises
    ------
    ValueError
        If there are several. The others would count as pixels.
    """
    found = labels_among(names)
    if len([name for name in found if len(name.strip()) > 1]) > 1:
        raise ValueError(f"it has several columns of labels, of which one must stay: {', '.join(found)}")
    return found[0] if found else None


def by_names(arrays: Mapping[str, Announced], path: str, others: Sequence[str] = ()) -> list[Announced]:
    """The images and labels of each part, from all arrays of a file.

    Parameters
    ----------
    arrays : mapping
        The arrays by name. Those in groups have names like ``train/data``.
    path : str
        The file's name, with which errors begin.
    others : sequence of str
        What else the file holds, for an error.

    Raises
    ------
    ValueError
        If there are no such arrays, or some are missing.
    """
    found = {name.lower(): array for name, array in arrays.items()}
    layout = max(_LAYOUTS, key=lambda names: sum(name in found for pair in names for name in pair))
    wanted = [pair for place, pair in enumerate(layout) if len(layout) < 3 or place != 1 or pair[0] in found]
    names = [name.lower() for name in arrays]
    if twice := [name for pair in wanted for name in pair if names.count(name) > 1]:
        raise ValueError(f"{path} has several arrays called {', '.join(twice)} in capital or small letters")
    missing = sorted(name for pair in wanted for name in pair if name not in found)
    if missing:
        unread = f"; not read: {', '.join(others[:10])}" if others else ""
        raise ValueError(f"{path} lacks {', '.join(missing)}; it has {', '.join(sorted(arrays)[:10]) or 'no arrays'}{unread}")
    return [found[name] for pair in wanted for name in pair]
