"""What several test files need. Importing this needs neither scikit-learn nor SciPy nor Pillow."""

import bz2
import gzip
import hashlib
import io
import json
import pickle
import struct
import warnings
import zipfile
from functools import cache

import numpy as np
from hypothesis import strategies as st

from nndl_ext import Dataset, Network, load, mnist_loader
from nndl_ext._engine.layers import dense
from nndl_ext._engine.model import Model

# ----- Weights and biases -----


def arrays_of(net):
    """The biases, then the weights, of a network or of anything else that has both."""
    return [*net.biases, *net.weights]


def flat(pair):
    """All numbers of a pair of lists of arrays, such as a gradient, in one vector."""
    return np.concatenate([np.ravel(array) for arrays in pair for array in arrays])


def parameters(net):
    """All biases and weights in one vector."""
    return flat((net.biases, net.weights))


def digest(net):
    """A hash of all bits of the biases and weights."""
    content = b"".join(a.astype(a.dtype.newbyteorder("<")).tobytes() for a in arrays_of(net))
    return hashlib.sha256(content).hexdigest()[:16]


def close(given, expected, tolerance):
    """Assert that the difference of two vectors is at most this fraction of the expected one, both by their Euclidean norm."""
    assert np.linalg.norm(given - expected) <= tolerance * np.linalg.norm(expected), np.linalg.norm(given - expected)


# ----- Networks and their data -----


def dense_data(n=300, inputs=20, outputs=4):
    """Inputs without zeros, and desired outputs: multiples of an irrational number modulo 1, the same on every machine."""
    fractions = np.arange(1, 1 + n * (inputs + outputs)) * 2654435761 % 2**32 / 2**32
    return Dataset(4 * fractions[: n * inputs].reshape(n, inputs) - 2, fractions[n * inputs :].reshape(n, outputs))


def network_with(sizes, activations, dtype=np.float64):
    """A network with these activations, whose weighted inputs are of the order of 1."""
    net = Network(sizes, dtype=dtype, seed=1)
    weights = [w / np.sqrt(w.shape[1]) for w in net.weights]
    biases = net.biases
    net._model = Model(dense(sizes, activations), np.dtype(dtype))
    net._model.parameters.replace(biases, weights)
    return net


# The command line of a short training.
QUICK = ["train", "--epochs", "2", "--sizes", "784,8,10", "--dtype", "float32", "--seed", "1"]


# ----- Files of data -----

MNIST_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def idx(array, shape=None, code=0x08):
    """An array as an IDX file, with a header that may announce another shape."""
    shape = shape or array.shape
    header = bytes((0, 0, code, len(shape))) + struct.pack(f">{len(shape)}I", *shape)
    return header + array.astype(IDX_TYPES[code]).tobytes()


def small_data(folder, training=7, test=3, pixel=0):
    """A folder with a few images of a single grey level, all labelled 0."""
    folder.mkdir()
    shapes = ((training, 28, 28), (training,), (test, 28, 28), (test,))
    for name, shape in zip(MNIST_FILES, shapes, strict=True):
        (folder / name).write_bytes(idx(np.full(shape, pixel if len(shape) == 3 else 0)))
    return folder


def assert_is_small(loaded, small):
    """Assert that the loaded data are those of the fixture ``small``."""
    (x, y), (validation_x, validation_y), (test_x, test_y) = loaded
    (images, labels), (test_images, test_labels) = small
    np.testing.assert_array_equal(np.vstack([x, validation_x]), images.reshape(60, -1) / 256)
    np.testing.assert_array_equal(np.concatenate([y, validation_y]), labels)
    np.testing.assert_array_equal(test_x, test_images.reshape(20, -1) / 256)
    np.testing.assert_array_equal(test_y, test_labels)
    assert len(x) == 50
    for images, labels in loaded:
        assert images.dtype == np.float32
        assert labels.dtype == np.int64


# ----- Hostile files -----

PIXELS, LABELS = np.arange(28, dtype=np.uint8).reshape(7, 2, 2), np.arange(7, dtype=np.uint8)
PAIRS = ((np.float32(PIXELS.reshape(7, 4)) / 256, np.int64(LABELS)),) * 3
DIAGONAL = np.kron(np.eye(8), np.ones((4, 4)))


def png(pixels=DIAGONAL):
    """A PNG file with grey levels from 0 to 1."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.uint8(255 * pixels)).save(stream, "PNG")
    return stream.getvalue()


def npz(compress=False, **arrays):
    """Arrays as an ``.npz`` file."""
    stream = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(stream, **arrays)
    return stream.getvalue()


def archive(members, method=zipfile.ZIP_DEFLATED):
    """A zip file with these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


def npy(array, **header):
    """An array as ``.npy``, with a header that may be false."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(array) | header)
    return stream.getvalue() + array.tobytes()


def keras(compress=False, **changes):
    """Images and labels as Keras stores them, with some arrays replaced."""
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), (PIXELS, LABELS) * 2, strict=True))
    return npz(compress, **arrays | changes)


def saved_json():
    """A network in the book's JSON."""
    net = Network([2, 3, 2], seed=0)
    return json.dumps(
        {"sizes": net.sizes, "weights": [w.tolist() for w in net.weights], "biases": [b.tolist() for b in net.biases]}
    ).encode()


def saved(folder):
    """The content of a saved network."""
    Network([2, 3, 2], seed=0).save(folder / "saved.npz")
    return (folder / "saved.npz").read_bytes()


def csv():
    """Labels and images as Kaggle's ``train.csv``."""
    rows = (f"{label},{','.join(map(str, pixels))}" for label, pixels in zip(LABELS, PIXELS.reshape(7, 4), strict=True))
    return "\n".join(["label,a,b,c,d", *rows]).encode()


def arff():
    """Labels and images as OpenML's ``mnist_784.arff``."""
    rows = (f"{','.join(map(str, pixels))},{label}" for label, pixels in zip(LABELS, PIXELS.reshape(7, 4), strict=True))
    header = ["@RELATION mnist", *(f"@ATTRIBUTE pixel{i} REAL" for i in range(4)), "@ATTRIBUTE class {0,1,2,3,4,5,6}", "@DATA"]
    return "\n".join([*header, *rows]).encode()


def svmlight():
    """Labels and images as LIBSVM's text."""
    from sklearn.datasets import dump_svmlight_file

    stream = io.BytesIO()
    dump_svmlight_file(PIXELS.reshape(7, 4) * 1.0, LABELS, stream, zero_based=False)
    return stream.getvalue()


def matlab(compress=False, **changes):
    """Images and labels from 1 as a MATLAB file, with some arrays replaced."""
    from scipy.io import savemat

    stream = io.BytesIO()
    savemat(stream, {"X": PIXELS.reshape(7, 4), "y": LABELS + 1} | changes, do_compression=compress)
    return stream.getvalue()


def matlab4():
    """The same in MATLAB's format of version 4."""
    from scipy.io import savemat

    stream = io.BytesIO()
    savemat(stream, {"X": PIXELS.reshape(7, 4), "y": LABELS + 1}, format="4")
    return stream.getvalue()


def hdf5(x=PIXELS, **options):
    """Images and labels in the layout of ``usps.h5``, with options for the images of the training data."""
    import h5py

    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_dataset("train/data", data=x, **options)
        file["train/target"], file["test/data"], file["test/target"] = LABELS[: len(x)], PIXELS, LABELS
    return stream.getvalue()


def parquet(images=None, **options):
    """Labels and encoded images as Hugging Face's parquet."""
    import pyarrow
    from pyarrow.parquet import write_table

    images = images or [png(pixels / 255) for pixels in PIXELS]
    stream = io.BytesIO()
    cells = [{"bytes": image, "path": None} for image in images]
    write_table(pyarrow.table({"image": cells, "label": [i % 10 for i in range(len(images))]}), stream, **options)
    return stream.getvalue()


READERS = {  # the file's name and its reader
    "images": (MNIST_FILES[0], lambda path: mnist_loader.load_data_wrapper(path.parent)),
    "images.gz": (f"{MNIST_FILES[0]}.gz", lambda path: mnist_loader.load_data_wrapper(path.parent)),
    "labels.gz": (f"{MNIST_FILES[1]}.gz", lambda path: mnist_loader.load_data_wrapper(path.parent)),
    "labels": (MNIST_FILES[1], lambda path: mnist_loader.load_data_wrapper(path.parent)),
    "pickle": ("mnist.pkl", mnist_loader.load_data_wrapper),
    "pickle.gz": ("mnist.pkl.gz", mnist_loader.load_data_wrapper),
    "npz": ("mnist.npz", mnist_loader.load_data_wrapper),
    "part.npz": ("kmnist-train-imgs.npz", lambda path: mnist_loader.load_data_wrapper(path.parent)),
    "image": ("digit.png", mnist_loader.load_images),
    "image.zip": ("digits.zip", mnist_loader.load_images),
    "csv": ("train.csv", mnist_loader.load_data_wrapper),
    "csv.gz": ("train.csv.gz", mnist_loader.load_data_wrapper),
    "csv.bz2": ("train.csv.bz2", mnist_loader.load_data_wrapper),
    "arff": ("mnist_784.arff", mnist_loader.load_data_wrapper),
    "svmlight": ("mnist.t", mnist_loader.load_data_wrapper),
    "matlab": ("mnist.mat", mnist_loader.load_data_wrapper),
    "matlab.z": ("compressed.mat", mnist_loader.load_data_wrapper),
    "matlab.4": ("old.mat", mnist_loader.load_data_wrapper),
    "hdf5": ("usps.h5", mnist_loader.load_data_wrapper),
    "hdf5.z": ("compressed.h5", mnist_loader.load_data_wrapper),
    "parquet": ("train.parquet", mnist_loader.load_data_wrapper),
    "class": ("7/digit.png", lambda path: mnist_loader.load_data_wrapper(path.parent.parent)),
    "saved": ("net.npz", load),
    "json": ("net.json", load),
}
# In the "sets", the other three files match the header of the images, which announces more than the file holds.
BOMB_READERS = READERS | {"sets": READERS["images"], "sets.gz": READERS["images.gz"]}


def good_file(reader, folder):
    """The content of a file that its reader reads."""
    return {
        "images": lambda: idx(PIXELS),
        "images.gz": lambda: gzip.compress(idx(PIXELS)),
        "labels": lambda: idx(LABELS),
        "labels.gz": lambda: gzip.compress(idx(LABELS)),
        "pickle": lambda: pickle.dumps(PAIRS, 2),
        "pickle.gz": lambda: gzip.compress(pickle.dumps(PAIRS, 5)),
        "npz": keras,
        "part.npz": lambda: npz(True, arr_0=PIXELS),
        "image": png,
        "image.zip": lambda: archive({"7.png": png()}),
        "csv": csv,
        "csv.gz": lambda: gzip.compress(csv()),
        "csv.bz2": lambda: bz2.compress(csv()),
        "arff": arff,
        "svmlight": svmlight,
        "matlab": matlab,
        "matlab.z": lambda: matlab(True),
        "matlab.4": matlab4,
        "hdf5": hdf5,
        "hdf5.z": lambda: hdf5(compression="gzip", shuffle=True),
        "parquet": parquet,
        "class": png,
        "saved": lambda: saved(folder),
        "json": saved_json,
    }[reader]()


def write(folder, reader, content):
    """Write a file, with valid files beside it if the reader needs them."""
    name = READERS[reader][0]
    if reader in ("images", "images.gz", "labels", "labels.gz"):
        for other, array in zip(MNIST_FILES, (PIXELS, LABELS) * 2, strict=True):
            (folder / other).write_bytes(idx(array))
        if name.endswith(".gz"):
            (folder / name.removesuffix(".gz")).unlink()
    elif reader == "part.npz":
        parts = ("train-imgs", "train-labels", "test-imgs", "test-labels")
        for other, array in zip(parts, (PIXELS, LABELS) * 2, strict=True):
            (folder / f"kmnist-{other}.npz").write_bytes(npz(arr_0=array))
    elif reader == "class":
        for label in ("7", "8"):
            (folder / label).mkdir(exist_ok=True)
        (folder / "8" / "digit.png").write_bytes(png())
    (folder / name).write_bytes(content)
    return folder / name


# ----- Estimators -----


def digits_and_diabetes():
    """Scikit-learn's first 300 digits and their labels, and its first 200 diabetes cases and their targets, all scaled."""
    from sklearn.datasets import load_diabetes, load_digits

    x, y = (part[:300] for part in load_digits(return_X_y=True))
    diabetes, progress = (part[:200] for part in load_diabetes(return_X_y=True))
    return x / 16, y, diabetes * 20, progress / 100


ESTIMATOR_PARAMETERS = st.fixed_dictionaries(
    {
        "hidden_layer_sizes": st.lists(st.integers(1, 20), min_size=1, max_size=3),
        "activation": st.sampled_from(["identity", "logistic", "tanh", "relu"]),
        "solver": st.sampled_from(["sgd", "sgd", "adam", "adam", "lbfgs"]),
        "alpha": st.sampled_from([0.0, 0.0001, 0.1, 3.0]),
        "batch_size": st.one_of(st.just("auto"), st.integers(5, 100)),
        "learning_rate": st.sampled_from(["constant", "invscaling", "adaptive"]),
        "learning_rate_init": st.sampled_from([0.001, 0.01]),
        "power_t": st.sampled_from([0.0, 0.3, 0.5]),
        "max_iter": st.integers(1, 6),
        "shuffle": st.booleans(),
        "random_state": st.integers(0, 2**32 - 1),
        "tol": st.sampled_from([0.0, 0.0001, 0.5]),
        "momentum": st.sampled_from([0.0, 0.5, 0.9]),
        "nesterovs_momentum": st.booleans(),
        "early_stopping": st.booleans(),
        "validation_fraction": st.sampled_from([0.1, 0.3]),
        "beta_1": st.sampled_from([0.5, 0.9]),
        "beta_2": st.sampled_from([0.9, 0.999]),
        "epsilon": st.sampled_from([1e-8, 1e-3]),
        "n_iter_no_change": st.integers(1, 3),
        "warm_start": st.booleans(),
    }
)


@cache
def all_digits_and_diabetes():
    """All of scikit-learn's digits and their labels, and all of its diabetes cases, standardized, and their targets."""
    from sklearn.datasets import load_diabetes, load_digits
    from sklearn.preprocessing import StandardScaler

    diabetes, progress = load_diabetes(return_X_y=True)
    return *load_digits(return_X_y=True), StandardScaler().fit_transform(diabetes), progress / 100


def estimator_data(kind, rows, seed):
    """Some rows of scikit-learn's data: real inputs, and labels or values for them."""
    digits, labels, diabetes, progress = all_digits_and_diabetes()
    places = np.random.RandomState(seed).permutation(400)[:rows]
    if kind in ("regression", "poisson", "outputs"):
        y = progress[places] if kind != "outputs" else np.column_stack([progress[places], diabetes[places, :2]])
        return diabetes[places], y
    labels = labels[places]
    y = {
        "binary": labels % 2 == 0,
        "words": np.array(list("abcdefghij"))[labels],
        "multiclass": labels % 4,
        "multilabel": np.column_stack([labels % 2, labels > 4, labels == 3]).astype(int),
    }[kind]
    return digits[places] / 16, y


def fit_outcome(estimator, x, y, sample_weight, times, incremental):
    """All visible results of fitting and predicting, or the error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            for _ in range(times):
                if not incremental:
                    estimator.fit(x, y, sample_weight=sample_weight)
                elif hasattr(estimator, "predict_proba"):
                    estimator.partial_fit(x, y, sample_weight=sample_weight, classes=np.unique(y))
                else:
                    estimator.partial_fit(x, y, sample_weight=sample_weight)
        except Exception as error:
            return type(error), str(error), []
    names = ["n_iter_", "t_", "n_outputs_", "n_layers_", "out_activation_", "_no_improvement_count"]
    seen = [getattr(estimator, name, None) for name in names]
    numbers = [*estimator.coefs_, *estimator.intercepts_, np.array(getattr(estimator, "loss_curve_", []))]
    for name in ("loss_", "best_loss_", "best_validation_score_"):
        value = getattr(estimator, name, None)
        seen.append(value is None)
        numbers.append(np.array(0.0 if value is None else value))
    numbers.append(np.array(getattr(estimator, "validation_scores_", None) or [], float))
    numbers.append(estimator.predict_proba(x) if hasattr(estimator, "predict_proba") else estimator.predict(x))
    return [*seen, [(w.category, str(w.message)) for w in caught if w.category is not RuntimeWarning]], "", numbers
