"""Labels of many forms: names, numbers from 1, several classes for a sample."""

import numpy as np
import pytest

from nndl_ext import Dataset, mnist_loader
from nndl_ext._files.classes import classed
from nndl_ext._files.contents import Announced


def classed_parts(*parts, names=()):
    labels, found = classed([Announced.of(np.array(part), f"part {i}", names) for i, part in enumerate(parts)], 784)
    return [y.tolist() for y in labels], found


def test_names_are_classes_in_their_order():
    assert classed_parts(["dog", "cat", "dog"], ["emu", "cat"]) == ([[1, 0, 1], [2, 0]], ("cat", "dog", "emu"))
    assert classed_parts([1, 0], [2], names=("c", "a", "b")) == ([[1, 0], [2]], ("c", "a", "b"))


def test_texts_of_numbers_are_numbers():
    assert classed_parts(["5", "0", "10"]) == ([[5, 0, 10]], ())
    assert classed_parts(["6.0000", "0.0000"]) == ([[6, 0]], ())


def test_numbers_from_1_are_named():
    assert classed_parts([3, 1], [2.0]) == ([[2, 0], [1]], ("1", "2", "3"))
    assert classed_parts(["1", "2"]) == ([[0, 1]], ("1", "2"))
    assert classed_parts([-1, 1, 1]) == ([[0, 1, 1]], ("-1", "1"))
    assert classed_parts([1, 7]) == ([[1, 7]], ())  # two of ten digits
    assert classed_parts([0, 2]) == ([[0, 2]], ())


def test_several_classes_for_a_sample_are_desired_outputs():
    several, one = [[1, 0, 1], [0, 0, 0]], [[0, 1, 0]]
    assert classed_parts(several, one) == ([several, one], ())
    assert classed_parts(one, [2]) == ([[1], [2]], ())


@pytest.mark.parametrize(
    ("parts", "names", "message"),
    [
        ([[0.5, 1.5]], (), "part 0 must have labels from 0 to 783 for 784 pixels, not from 0.5 to 1.5"),
        ([[0, 1], [-2]], (), "part 1 must have labels from 0 to 783 for 784 pixels, not from -2 to -2"),
        ([[0, 1], [2]], ("a", "b"), "part 1 must have labels from 0 to 1 for the classes a, b"),
        ([[f"{i}x" for i in range(785)]], (), "part 0 must have at most 784 classes, not 785"),
        ([[[1, 1]], [[1, 1, 0]]], (), "part 0 has vectors of 2 classes, but another part has others"),
    ],
)
def test_other_labels_are_refused(parts, names, message):
    with pytest.raises(ValueError, match=message):
        classed_parts(*parts, names=names)


def test_chest_mnist_s_labels(tmp_path, small):
    """ChestMNIST has 14 labels for each image, of which several may be 1, or none."""
    (images, digits), (test_images, test_digits) = small
    several = [np.stack([y % 2, y > 4, y == 7], axis=1).astype(np.uint8) for y in (digits, test_digits)]
    np.savez(
        tmp_path / "chestmnist.npz",
        train_images=images[:40],
        train_labels=several[0][:40],
        val_images=images[40:],
        val_labels=several[0][40:],
        test_images=test_images,
        test_labels=several[1],
    )
    loaded = mnist_loader.load_data(tmp_path / "chestmnist.npz")
    assert [y.shape for _, y in loaded] == [(40, 3), (20, 3), (20, 3)]
    np.testing.assert_array_equal(loaded[0][1], several[0][:40])
    training, _, test = mnist_loader.load_data_wrapper(tmp_path / "chestmnist.npz")
    assert training[0][1].tolist() == [[1], [1], [0]]  # a 5
    np.testing.assert_array_equal(Dataset.from_pairs(test).y, several[1])


def test_if_the_labels_are_sorted_each_part_has_all_classes(tmp_path, small):
    images, digits = small[0]
    order = np.argsort(digits, kind="stable")
    np.savez(tmp_path / "digits.npz", x=images[order], y=digits[order])
    loaded = mnist_loader.load_data(tmp_path / "digits.npz")
    assert [len(y) for _, y in loaded] == [44, 8, 8]
    np.testing.assert_array_equal(loaded[2][1], digits[order][6::7])
    assert all(len(set(y.tolist())) >= 7 for _, y in loaded)
