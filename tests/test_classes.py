"""Labels of many forms: names, numbers from 1, several classes for a sample."""

import json
import pickle

import numpy as np
import pytest

from nndl_ext import Dataset, load, mnist_loader, network, network2
from nndl_ext._commands.main import main
from nndl_ext._files.classes import classed
from nndl_ext._files.contents import Announced


def classed_parts(*parts, names=()):
    labels, found = classed([Announced.of(np.array(part), f"part {i}", names) for i, part in enumerate(parts)], 784)
    return [y.tolist() for y in labels], found


def test_names_are_classes_in_their_order():
    assert classed_parts(["dog", "cat", "emu"], ["emu", "cat"]) == ([[1, 0, 2], [2, 0]], ("cat", "dog", "emu"))
    assert classed_parts([1, 0], [2], names=("c", "a", "b")) == ([[1, 0], [2]], ("c", "a", "b"))


@pytest.mark.parametrize("name", ["emu", "Cat", "e\N{COMBINING ACUTE ACCENT}mu"])
def test_a_name_that_the_training_data_lack(name):
    """It is most likely another spelling."""
    with pytest.raises(ValueError, match=f"part 1 has the class {name}, which the training data lack"):
        classed_parts(["dog", "cat", "ému"], ["cat", name])


def test_texts_of_numbers_are_numbers():
    assert classed_parts(["5", "0", "10"]) == ([[5, 0, 10]], ())
    assert classed_parts(["6.0000", "0.0000"]) == ([[6, 0]], ())


def test_a_number_that_is_written_in_two_ways():
    with pytest.raises(ValueError, match="part 0 has the labels 1 and 01, which are the same number: rename one"):
        classed_parts(["1", "01", "2"])
    assert classed_parts(["1", "0"], ["1.0"]) == ([[1, 0], [1]], ())  # as pandas writes the columns of two tables


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


# ----- Names -----

NAMES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


@pytest.fixture
def clothes(tmp_path, small):
    """A file whose labels are names."""
    (images, labels), (test_images, test_labels) = small
    arrays = {"x_train": images, "y_train": np.array(NAMES)[labels], "x_test": test_images}
    np.savez(tmp_path / "clothes.npz", **arrays, y_test=np.array(NAMES)[test_labels])
    return tmp_path / "clothes.npz"


def test_a_data_set_keeps_its_names(clothes):
    training_data, _, test_data = mnist_loader.load_data_wrapper(clothes)
    data = Dataset.from_pairs(test_data)
    assert data.class_names == tuple(sorted(NAMES))
    assert Dataset.from_pairs(training_data[3:9]).class_names == data[:5].class_names == tuple(sorted(NAMES))
    assert pickle.loads(pickle.dumps(data)).class_names == tuple(sorted(NAMES))
    assert Dataset.from_pairs(mnist_loader.load_data_wrapper()[2]).class_names == ()


@pytest.mark.parametrize("kind", [network.Network, network2.Network])
@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_a_network_knows_and_saves_the_names(tmp_path, clothes, kind, suffix):
    training_data, _, test_data = mnist_loader.load_data_wrapper(clothes)
    net = kind([784, 8, 10], seed=0)
    net.save(tmp_path / f"before.{suffix}")
    assert load(tmp_path / f"before.{suffix}").classes == net.classes == ()
    net.SGD(training_data, 1, 10, 0.5)
    assert net.classes == tuple(sorted(NAMES))
    path = tmp_path / f"net.{suffix}"
    net.save(path)
    loaded = load(path)
    assert loaded.classes == net.classes
    assert loaded.classes[loaded.predict(test_data[0][0])] == net.classes[net.predict(test_data[0][0])]
    net.SGD(mnist_loader.load_data_wrapper()[0][:10], 1, 10, 0.5)
    assert net.classes == loaded.classes


def test_a_network_with_other_outputs_does_not_take_the_names(tmp_path, clothes):
    net = network.Network([784, 12], seed=0)
    net.SGD(Dataset.from_pairs(mnist_loader.load_data_wrapper(clothes)[2]), 1, 10, 0.5)
    assert net.classes == ()
    net.classes = ["one"]
    with pytest.raises(ValueError, match=r"its classes must be 12 texts, one for each, not \['one'\]"):
        net.save(tmp_path / "net.npz")
    assert not (tmp_path / "net.npz").exists()


def test_false_names_in_a_file_are_refused(tmp_path):
    net = network.Network([2, 3], seed=0)
    net.classes = ["a", "b", "c"]
    net.save(tmp_path / "net.json")
    content = json.loads((tmp_path / "net.json").read_text())
    for classes in (5, ["a"], ["a", "b", 3], {"a": 1}, [[], [], []]):
        (tmp_path / "net.json").write_text(json.dumps(content | {"classes": classes}))
        with pytest.raises(ValueError, match=r"net\.json is not a saved network: "):
            load(tmp_path / "net.json")


def test_the_command_line_prints_names(tmp_path, clothes, capsys):
    run = tmp_path / "run.npz"
    assert main(["train", "--data", str(clothes), "--epochs", "1", "--seed", "0", "--save", str(run)]) == 0
    assert main(["show", str(run)]) == 0
    output = capsys.readouterr().out
    assert "784-30-10, " in output
    assert f"classes  {', '.join(sorted(NAMES))}" in output


def test_the_command_line_s_network_fits_the_data(tmp_path, small, capsys):
    (images, labels), (test_images, test_labels) = small
    np.savez(
        tmp_path / "a.npz",
        x_train=images[:, 9:19, 9:19],
        y_train=labels % 3 + 1,
        x_test=test_images[:, 9:19, 9:19],
        y_test=test_labels % 3 + 1,
    )
    assert main(["train", "--data", str(tmp_path / "a.npz"), "--epochs", "1"]) == 0
    assert "Training 100-30-3 on" in capsys.readouterr().err


def test_pictures_have_names(clothes):
    pytest.importorskip("matplotlib")
    from nndl_ext import plot

    training_data, _, test_data = mnist_loader.load_data_wrapper(clothes)
    net = network.Network([784, 8, 10], seed=0)
    net.SGD(training_data, 1, 10, 0.5)
    matrix = plot.confusion_matrix(net, test_data)
    assert [label.get_text() for label in matrix.get_yticklabels()] == sorted(NAMES)
    wrong = plot.misclassified(net, test_data)
    assert any(" → " in text.get_text() and text.get_text().split(" → ")[0] in NAMES for text in wrong.texts)
