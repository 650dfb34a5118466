"""Data sets in the formats of other programs, each written by the program that writes it in real life."""

import bz2
import gzip
import io
import json
import sys

import numpy as np
import pytest
from formats import CLOTHES, all_of, assert_has
from helpers import assert_is_small, good_file

from nndl_ext import Dataset, mnist_loader

# ----- Parquet -----


def encoded(images, ending="PNG"):
    image = pytest.importorskip("PIL.Image")
    streams = [io.BytesIO() for _ in images]
    for pixels, stream in zip(images, streams, strict=True):
        image.fromarray(pixels).save(stream, ending)
    return [{"bytes": stream.getvalue(), "path": None} for stream in streams]


def write_parquet(path, images, labels, names=None, column="image", **options):
    """A file as Hugging Face's ``datasets`` write it."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    features = {column: {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    schema = pyarrow.schema(
        {
            column: pyarrow.struct({"bytes": pyarrow.binary(), "path": pyarrow.string()}),
            "label": pyarrow.string() if isinstance(labels[0], str) else pyarrow.int64(),
        }
    ).with_metadata({"huggingface": json.dumps({"info": {"features": features}})} if names else {})
    table = pyarrow.table({column: encoded(images), "label": pyarrow.array(labels)}, schema=schema)
    parquet.write_table(table, path, **options)


@pytest.mark.parametrize("compression", ["snappy", "zstd", "none"])
@pytest.mark.parametrize("column", ["image", "img"])
def test_hugging_face_s_mnist(tmp_path, small, compression, column):
    for part, data in zip(("train", "test"), small, strict=True):
        write_parquet(
            tmp_path / f"{part}-00000-of-00001.parquet",
            *data,
            [*"0123456789"],
            column,
            compression=compression,
            row_group_size=7,
        )
    assert_is_small(mnist_loader.load_data(tmp_path), small)


def test_shards_of_parquet(tmp_path, small):
    (images, labels), test = small
    for shard, part in enumerate((slice(0, 25), slice(25, 60))):
        write_parquet(tmp_path / f"train-{shard:05}-of-00002.parquet", images[part], labels[part])
    write_parquet(tmp_path / "test-00000-of-00001.parquet", *test)
    assert_is_small(mnist_loader.load_data(tmp_path), small)
    (tmp_path / "train-00000-of-00002.parquet").unlink()
    with pytest.raises(ValueError, match=r"train-00001-of-00002\.parquet is one of 2 files, but there are 1"):
        mnist_loader.load_data(tmp_path)


def test_parquet_s_names_stay_in_their_order(tmp_path, small):
    images, labels = small[0]
    write_parquet(tmp_path / "clothes.parquet", images, labels, CLOTHES)
    np.testing.assert_array_equal(all_of(mnist_loader.load_data(tmp_path / "clothes.parquet"))[1], labels)
    write_parquet(tmp_path / "clothes.parquet", images, [CLOTHES[label] for label in labels])
    ranks = np.argsort(np.argsort(CLOTHES))
    np.testing.assert_array_equal(all_of(mnist_loader.load_data(tmp_path / "clothes.parquet"))[1], ranks[labels])


def test_parquet_without_images_or_labels(tmp_path, small):
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    path = tmp_path / "wrong.parquet"
    parquet.write_table(pyarrow.table({"text": ["a"], "label": [1]}), path)
    with pytest.raises(ValueError, match=r"wrong\.parquet .* has no column of encoded images, but text, label"):
        mnist_loader.load_data(path)
    write_parquet(path, small[0][0], np.full(60, -1))
    with pytest.raises(ValueError, match=r"wrong\.parquet has no labels"):
        mnist_loader.load_data(path)
    parquet.write_table(pyarrow.table({"image": [{"bytes": None, "path": "a.png"}] * 7, "label": [1] * 7}), path)
    with pytest.raises(ValueError, match=r"wrong\.parquet .*(images outside of the file|no column of encoded images)"):
        mnist_loader.load_data(path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([None, "a", "b"], "must have a label for each image"),
        (["", "1", "2"], "must have a label for each image"),
        ([None, 1, 2], "neither numbers nor texts, or lacks some"),
        ([0.5, 1.5, 2.5], "must have labels from 0 to"),
    ],
)
def test_wrong_labels_in_parquet(tmp_path, small, labels, message):
    pyarrow, parquet = (pytest.importorskip(name) for name in ("pyarrow", "pyarrow.parquet"))
    parquet.write_table(pyarrow.table({"image": encoded(small[0][0][:3]), "label": labels}), tmp_path / "wrong.parquet")
    with pytest.raises(ValueError, match=rf"wrong\.parquet.*{message}"):
        mnist_loader.load_data(tmp_path / "wrong.parquet")


def test_parquet_s_column_of_labels(tmp_path, small):
    pyarrow, parquet = (pytest.importorskip(name) for name in ("pyarrow", "pyarrow.parquet"))
    images, labels = small[0]
    columns = {"id": range(60), "mask": encoded(255 - images), "image": encoded(images), "Label": labels}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    loaded = mnist_loader.load_data(tmp_path / "a.parquet")
    assert_has(loaded, images, labels)
    np.testing.assert_array_equal(all_of(loaded)[1], labels)
    parquet.write_table(pyarrow.table(columns).rename_columns(["id", "mask", "image", "number"]), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="several columns of whole numbers, and none is called label: id, number"):
        mnist_loader.load_data(tmp_path / "a.parquet")


# ----- ARFF -----


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_openml_s_mnist_784(tmp_path, small, compress):
    images, labels = small[0]
    attributes = [f"@ATTRIBUTE pixel{i} REAL" for i in range(784)]
    rows = [",".join(map(str, [*row, label])) for row, label in zip(images.reshape(60, 784).tolist(), labels, strict=True)]
    lines = ["% About MNIST", "@RELATION mnist_784", *attributes, "@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}", "@DATA", *rows]
    path = tmp_path / "mnist_784.arff"
    path.write_bytes(compress("\n".join(lines).encode()))
    loaded = mnist_loader.load_data(path)
    np.testing.assert_array_equal(all_of(loaded)[0], images.reshape(60, 784) / 256)
    np.testing.assert_array_equal(all_of(loaded)[1], labels)
    assert [len(x) for x, _ in loaded] == [44, 8, 8]


def write_arff(path, types, rows):
    lines = ["@relation a", *(f"@attribute {each}" for each in types), "@data", *rows]
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    return path


@pytest.mark.parametrize(
    ("kind", "value"),
    [("{%s}", "{}"), ("{%s}", "'no. {}'"), ("{ %s } % digits", '"no. {}, written"'), ("string", "é{}"), ("Integer", "{}")],
)
def test_labels_of_arff(tmp_path, kind, value):
    values = [value.format(label) for label in range(8)]
    types = ["'pixel 1' real [0,255]", "y numeric", "class " + kind.replace("%s", ",".join(values))]
    rows = [f"{place},{10 * place},{values[place % 8]}" for place in range(24)]
    x, y = all_of(mnist_loader.load_data(write_arff(tmp_path / "a.arff", types, ["% first", *rows[:9], "", *rows[9:]])))
    np.testing.assert_array_equal(x * 256, [[place, 10 * place] for place in range(24)])
    np.testing.assert_array_equal(y, np.arange(24) % 8)


@pytest.mark.parametrize(
    ("types", "row", "message"),
    [
        (["a real", "b real", "class {0,1}"], "1,2,?", "has the label ., which it does not declare"),
        (["a real", "b real", "class {0,1}"], "1,2,3", "has the label 3, which it does not declare"),
        (["a real", "b real", "class real"], "1,2,?", "has the label ., which it does not declare"),
        (["a real", "b real", "class {0,1}"], "1,2,1,5", "number of columns changed from 3 to 4"),
        (["a real", "b real", "class {0,1}"], "?,2,1", "could not convert string"),
        (["a real", "b date 'yyyy'", "class {0,1}"], "1,2003,1", "attribute b is of the type date"),
        (["a real", "a real", "class {0,1}"], "1,2,1", "has several attributes called a"),
        (
            ["a real", "label {0,1}", "class {0,1}"],
            "1,0,1",
            "has several columns of labels, of which one must stay: label, class",
        ),
    ],
)
def test_what_is_wrong_with_arff_is_named(tmp_path, types, row, message):
    path = write_arff(tmp_path / "wrong.arff", types, ["1,2,0", row])
    with pytest.raises(ValueError, match=rf"wrong\.arff is not an ARFF file that can be read.*{message}"):
        mnist_loader.load_data(path)


@pytest.mark.parametrize("values", ["'a " * 30_000, "a," * 30_000, "a" * 10**6])
def test_arff_that_takes_others_long(tmp_path, values):
    path = write_arff(tmp_path / "slow.arff", ["a real", f"class {{{values},b}}"], [values, *["1,b"] * 100_000])
    with pytest.raises(ValueError, match=r"slow\.arff is not an ARFF file that can be read"):
        mnist_loader.load_data(path)


def test_sparse_arff_is_refused(tmp_path):
    path = write_arff(tmp_path / "sparse.arff", ["a real", "b real", "class {0,1}"], ["", " {0 1, 2 1}", "{1 5}"])
    with pytest.raises(ValueError, match=r"sparse\.arff is not an ARFF file that can be read: its rows are sparse, such as"):
        mnist_loader.load_data(path)


# ----- svmlight -----


@pytest.mark.parametrize("zero_based", [True, False])
@pytest.mark.parametrize("names", [("mnist", "mnist.t"), ("mnist.bz2", "mnist.t.bz2")])
def test_libsvm_s_files_of_different_widths(tmp_path, small, names, zero_based):
    datasets = pytest.importorskip("sklearn.datasets")
    widest = []
    for name, (images, labels) in zip(names, small, strict=True):
        datasets.dump_svmlight_file(images.reshape(len(images), 784) * 1.0, labels, str(tmp_path / name), zero_based=zero_based)
        widest.append(1 + np.flatnonzero(images.any(axis=0)).max())
        if name.endswith(".bz2"):
            (tmp_path / name).write_bytes(bz2.compress((tmp_path / name).read_bytes()))
    assert widest[0] != widest[1]
    files = [str(tmp_path / name) for name in names]
    x, y, test_x, test_y = datasets.load_svmlight_files(files)
    loaded = mnist_loader.load_data(tmp_path)
    np.testing.assert_array_equal(all_of(loaded[:2])[0], x.toarray() / 256)
    np.testing.assert_array_equal(all_of(loaded[:2])[1], y)
    np.testing.assert_array_equal(loaded[2][0], test_x.toarray() / 256)
    np.testing.assert_array_equal(loaded[2][1], test_y)


def test_svmlight_with_comments_and_labels_from_1(tmp_path, eight_by_eight):
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = eight_by_eight
    datasets.dump_svmlight_file(x / 16, y + 1, str(tmp_path / "digits.svm"), zero_based=False, comment="1 to 10")
    loaded = mnist_loader.load_data(tmp_path / "digits.svm")
    np.testing.assert_array_equal(all_of(loaded)[0], (x / 16).astype(np.float32))
    np.testing.assert_array_equal(all_of(loaded)[1], y)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_svmlight_with_a_byte_order_mark(tmp_path, compress):
    pytest.importorskip("sklearn")
    path = tmp_path / "a.svm"
    path.write_bytes(compress("".join(f"{label} 1:{label}\n" for label in range(9)).encode("utf-8-sig")))
    x, y = all_of(mnist_loader.load_data(path))
    np.testing.assert_array_equal(x[:, 0] * 256, y)
    assert sorted(y) == [*range(9)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1 1:nan", "must have pixels from 0 to 1 or from 0 to 255, not from nan"),
        ("1 1:-inf", "must have pixels from 0 to 1 or from 0 to 255, not from -inf"),
        ("1 1:x", "is not svmlight text that can be read: could not convert"),
        ("1,2 1:1", "is not svmlight text that can be read: could not convert string to float: b'1,2'"),
        ("1 -1:1", "is not svmlight text that can be read: Invalid index -1"),
    ],
)
def test_what_is_wrong_with_svmlight_is_named(tmp_path, row, message):
    pytest.importorskip("sklearn")
    (tmp_path / "a.svm").write_text(f"{row}\n0 1:1\n")
    with pytest.raises(ValueError, match=rf"a\.svm {message}"):
        mnist_loader.load_data(tmp_path / "a.svm")


def test_svmlight_whose_first_images_have_no_pixels(tmp_path):
    path = tmp_path / "a.svm"
    path.write_text("3\n# none again\n4 \n" + "".join(f"{label} 1:{label}\n" for label in range(9)))
    x, y = all_of(mnist_loader.load_data(path))
    np.testing.assert_array_equal(x[:, 0] * 256, [0, 0, *range(9)])
    np.testing.assert_array_equal(y, [3, 4, *range(9)])


# ----- HDF5 -----


@pytest.mark.parametrize("options", [{}, {"compression": "gzip", "shuffle": True}, {"compression": "lzf", "fletcher32": True}])
def test_usps_h5(tmp_path, small, options):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "usps.h5", "w") as file:
        for part, (images, labels) in zip(("train", "test"), small, strict=True):
            file.create_dataset(f"{part}/data", data=images.reshape(len(images), 784) / np.float32(256), **options)
            file.create_dataset(f"{part}/target", data=labels, **options)
    assert_is_small(mnist_loader.load_data(tmp_path / "usps.h5"), small)


def test_names_as_labels_in_hdf5(tmp_path, small):
    h5py = pytest.importorskip("h5py")
    images, labels = small[0]
    with h5py.File(tmp_path / "clothes.h5", "w") as file:
        file["images"], file["labels"] = images, [CLOTHES[label] for label in labels]
    training_data = mnist_loader.load_data_wrapper(tmp_path / "clothes.h5")[0]
    desired = Dataset.from_pairs(training_data).y.argmax(axis=1)
    np.testing.assert_array_equal(desired, np.argsort(np.argsort(CLOTHES))[labels[:44]])


def test_an_empty_name_is_no_class(tmp_path, small):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"], file["labels"] = small[0][0], ["" if label == 3 else str(label) for label in small[0][1]]
    with pytest.raises(ValueError, match=r"a\.h5: labels must have a label for each image"):
        mnist_loader.load_data(tmp_path / "a.h5")


def test_groups_that_hold_each_other(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "cycle.h5", "w") as file:
        for place in range(1000):
            file[str(place)] = file
    with pytest.raises(ValueError, match=r"cycle\.h5 lacks"):
        mnist_loader.load_data(tmp_path / "cycle.h5")


def test_hdf5_refers_to_no_other_file(tmp_path, small):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"], file["y"] = small[0]
    with h5py.File(tmp_path / "links.h5", "w") as file:
        file["x"], file["y"] = h5py.ExternalLink("other.h5", "x"), h5py.ExternalLink("other.h5", "y")
    with pytest.raises(ValueError, match=r"links\.h5 lacks .*; it has no arrays"):
        mnist_loader.load_data(tmp_path / "links.h5")
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        layout = h5py.VirtualLayout((60, 28, 28), np.uint8)
        layout[:] = h5py.VirtualSource("other.h5", "x", (60, 28, 28))
        file.create_virtual_dataset("x", layout)
        file["y"] = small[0][1]
    with pytest.raises(ValueError, match=r"virtual\.h5: x .* lie in another file"):
        mnist_loader.load_data(tmp_path / "virtual.h5")
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file.create_dataset("x", (60, 28, 28), np.uint8, external=[(str(tmp_path / "other.h5"), 0, 60 * 784)])
        file["y"] = small[0][1]
    with pytest.raises(ValueError, match=r"raw\.h5: x .* lie in another file"):
        mnist_loader.load_data(tmp_path / "raw.h5")


# ----- Missing libraries -----


@pytest.mark.parametrize(
    ("beginning", "library", "message"),
    [
        (b"PAR1", "pyarrow", "is a parquet file; to read it, install pyarrow: pip install 'nndl-ext"),
        (b"\x89HDF\r\n\x1a\n", "h5py", "is an HDF5 file; to read it, install h5py"),
        (b"MATLAB 5.0 MAT-file", "scipy", "is a MATLAB file; to read it, install scipy"),
        (b"MATLAB 7.3 MAT-file", "h5py", "is an HDF5 file; to read it, install h5py"),
        (b"1 2:3\n", "sklearn", "is svmlight text; to read it, install scikit-learn"),
    ],
)
def test_a_missing_library_is_named(tmp_path, monkeypatch, beginning, library, message):
    monkeypatch.setitem(sys.modules, library, None)
    (tmp_path / "any").write_bytes(beginning)
    with pytest.raises(ImportError, match=f"any {message}"):
        mnist_loader.load_data(tmp_path / "any")


@pytest.mark.parametrize("reader", ["csv", "arff", "svmlight", "matlab", "hdf5", "parquet", "npz", "pickle"])
@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_any_file_may_be_compressed(tmp_path, reader, compress):
    for library in ("sklearn", "scipy", "h5py", "pyarrow"):
        pytest.importorskip(library)
    path = tmp_path / "any"
    path.write_bytes(good_file(reader, tmp_path))
    expected = mnist_loader.load_data(path)
    path.write_bytes(compress(path.read_bytes()))
    for part, of_expected in zip(mnist_loader.load_data(path), expected, strict=True):
        for given, wanted in zip(part, of_expected, strict=True):
            np.testing.assert_array_equal(given, wanted)
