"""Tables of pixels in CSV, as Kaggle and others distribute them, made from MNIST."""

import bz2
import csv
import gzip

import numpy as np
import pytest
from helpers import assert_is_small

from nndl_ext import mnist_loader

HEADER = ["label", *(f"pixel{i}" for i in range(784))]


def rows_of(images, labels):
    """The rows of Kaggle's ``train.csv``."""
    return [[label, *image] for label, image in zip(labels.tolist(), images.reshape(len(images), -1).tolist(), strict=True)]


def write_csv(path, header, rows, **options):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, **options).writerows([header, *rows] if header else rows)
    return path


def assert_is_one_part(loaded, images, labels, tests):
    """Assert that the loaded data are these, in their order, with the last ones for test and those before for validation."""
    np.testing.assert_array_equal(np.concatenate([x for x, _ in loaded]), images.reshape(len(images), -1) / 256)
    np.testing.assert_array_equal(np.concatenate([y for _, y in loaded]), labels)
    held = (len(images) - tests) // 6
    assert [len(x) for x, _ in loaded] == [len(images) - tests - held, held, tests]


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress])
@pytest.mark.parametrize("header", [HEADER, None, ["label", *range(784)]], ids=["header", "no header", "numbers as header"])
@pytest.mark.parametrize("last", [False, True], ids=["label first", "label last"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_one_table(tmp_path, small, compress, header, last, separator):
    rows = rows_of(*small[0])
    if last:
        rows, header = [row[1:] + row[:1] for row in rows], header and [*header[1:], "class"]
    path = write_csv(tmp_path / "digits", header, rows, delimiter=separator)
    path.write_bytes(compress(path.read_bytes()))
    assert_is_one_part(mnist_loader.load_data(path), *small[0], tests=8)


def test_a_seventh_of_mnist_s_rows_is_mnist_s_test_data(tmp_path):
    """OpenML's table has the 60,000 training images first, then the 10,000 for test."""
    digits = np.arange(70_000) % 10
    rows = [[pixel, 255 - pixel, digit] for pixel, digit in zip((digits * 20).tolist(), digits.tolist(), strict=True)]
    loaded = mnist_loader.load_data(write_csv(tmp_path / "mnist_784.csv", ["pixel1", "pixel2", "class"], rows))
    assert [len(y) for _, y in loaded] == [50_000, 10_000, 10_000]


def test_two_names_for_one_part_are_refused(tmp_path, small):
    for name in ("train.csv", "val.csv", "valid.csv"):
        write_csv(tmp_path / name, HEADER, rows_of(*small[0]))
    with pytest.raises(ValueError, match=r"val(id)?\.csv and .*val(id)?\.csv have names for the same part of a data set"):
        mnist_loader.load_data(tmp_path)
    (tmp_path / "valid.csv").unlink()
    (tmp_path / "val.csv.gz").write_bytes(gzip.compress((tmp_path / "val.csv").read_bytes()))  # the same file twice
    assert len(mnist_loader.load_data(tmp_path)[1][0]) == 60


def test_a_folder_of_kaggle_s_files(tmp_path, small):
    """Kaggle's ``test.csv`` has no labels."""
    write_csv(tmp_path / "train.csv", HEADER, rows_of(*small[0]))
    write_csv(tmp_path / "test.csv", HEADER[1:], [row[1:] for row in rows_of(*small[1])])
    write_csv(tmp_path / "sample_submission.csv", ["ImageId", "Label", "Note"], [[1, 0, 0], [2, 0, 0]])
    (tmp_path / "README.md").write_text("# Digits, by hand, from Kaggle")
    assert_is_one_part(mnist_loader.load_data(tmp_path), *small[0], tests=8)
    with pytest.raises(ValueError, match=r"test\.csv has no labels: its header must call a column label, class or target"):
        mnist_loader.load_data(tmp_path / "test.csv")


@pytest.mark.parametrize(
    "names", [("mnist_train.csv", "mnist_test.csv"), ("TRAIN.csv.gz", "t10k.csv"), ("set.csv", "test-set.csv")]
)
def test_a_table_for_each_part(tmp_path, small, names):
    (tmp_path / "archive").mkdir()
    for name, (images, labels) in zip(names, small, strict=True):
        path = write_csv(tmp_path / "archive" / name, HEADER, rows_of(images, labels))
        if name.endswith(".gz"):
            path.write_bytes(gzip.compress(path.read_bytes()))
    assert_is_small(mnist_loader.load_data(tmp_path), small)


def test_a_table_for_validation_but_none_for_test(tmp_path, small):
    for name, (images, labels) in zip(("train.csv", "valid.csv"), small, strict=True):
        write_csv(tmp_path / name, HEADER, rows_of(images, labels))
    training, validation, test = mnist_loader.load_data(tmp_path)
    np.testing.assert_array_equal(np.concatenate([training[1], test[1]]), small[0][1])
    np.testing.assert_array_equal(validation[1], small[1][1])


def test_a_part_that_is_no_file_is_no_missing_part(tmp_path, small):
    """A link to nothing, for example: without the error, test data would be taken from the training data."""
    write_csv(tmp_path / "train.csv", HEADER, rows_of(*small[0]))
    (tmp_path / "test.csv").symlink_to("nowhere.csv")
    with pytest.raises(ValueError, match=r"test\.csv is not a file, or links to none"):
        mnist_loader.load_data(tmp_path)


def test_several_tables_in_a_folder_are_named(tmp_path, small):
    for name in ("digits-train.csv", "letters-train.csv"):
        write_csv(tmp_path / name, HEADER, rows_of(*small[0]))
    with pytest.raises(ValueError, match=r"holds several data sets: give the path of one file, such as .*letters-train\.csv"):
        mnist_loader.load_data(tmp_path)


def test_pandas_index_and_quotes(tmp_path, small):
    pandas = pytest.importorskip("pandas")
    images, labels = small[0]
    table = pandas.DataFrame(images.reshape(60, 784), columns=HEADER[1:]).assign(label=[f"a digit, {d}" for d in labels])
    table.to_csv(tmp_path / "digits.csv", quoting=csv.QUOTE_NONNUMERIC)
    loaded = mnist_loader.load_data(tmp_path / "digits.csv")
    assert_is_one_part(loaded, images, labels, tests=8)


def test_real_numbers(tmp_path, small):
    images, labels = small[0]
    shades = np.round(images / 255, 6)
    loaded = mnist_loader.load_data(write_csv(tmp_path / "digits.csv", None, rows_of(shades, labels)))
    np.testing.assert_array_equal(np.vstack([x for x, _ in loaded]), shades.reshape(60, 784).astype(np.float32))
    loaded = mnist_loader.load_data(write_csv(tmp_path / "digits.csv", None, rows_of(2 * shades - 1, labels)))
    np.testing.assert_array_equal(np.vstack([x for x, _ in loaded]), (2 * shades - 1).reshape(60, 784).astype(np.float32))


def test_a_table_after_empty_lines_with_names_of_images(tmp_path, small):
    images, labels = small[0]
    rows = [[place, *row] for place, row in enumerate(rows_of(images, labels))]
    path = write_csv(tmp_path / "digits.csv", ["Image_ID", *HEADER], rows)
    path.write_bytes(b"\n \n" + path.read_bytes())
    assert_is_one_part(mnist_loader.load_data(path), images, labels, tests=8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,a,b\n1,2,x\n", "in its lines 2 to 2, could not convert string 'x' to float"),
        ("label,a,b\n1,2,3\n4,5\n", "in its lines 2 to 3, .*number of columns changed from 3 to 2"),
        ("1,2,3\n4,5,6,7\n", "in its lines 1 to 2, .*number of columns changed from 3 to 4"),
        ("label,a,b\n", "it has no rows"),
        ("label,a,b\n1,2,\n", "could not convert string '' to float"),
        ("label,a,b\n0,300,0\n1,0,0\n", "must have pixels from 0 to 1 or from 0 to 255, not from 0.0 to 300.0"),
        ("label,a,b\n0,1,2\n,1,2\n", "must have a label for each image"),
        ("label,a,target\n0,1,0\n1,1,1\n", "several columns of labels, of which one must stay: label, target"),
        ("7,2,9\n8,3,7\n9,4,8\n", "labels may be in the first or in the last column"),
        ("3,0,0\n3,2,0\n3,0,0\n", "labels may be in the first or in the last column"),
        ("0,1,2\n7,0,0\n8,0,0\n", "no labels: its header must call a column label"),
        (",0,1,2\n0,7,0,0\n1,8,0,0\n", "no labels: its header must call a column label"),
        ("label,a,b\n0.5,0,0\n1,0,0\n", "labels must have labels from 0 to 9 for 2 pixels, not from 0.5 to 1.0"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(tmp_path, text, message):
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"wrong\.csv.*({message})"):
        mnist_loader.load_data(path)
