"""Fuzzes the readers of files, guided by coverage: each input must be read, or refused by an error that names the file.

    pip install atheris -e '.[test]'
    python tools/fuzz_readers.py build/corpus -runs=100000 -rss_limit_mb=1024

Atheris passes the options to libFuzzer. The run ends if an input raises another error, runs code, takes more than ten seconds,
or needs more memory than the limit. That input is saved in a file. The first byte of an input chooses the reader.
"""

import gzip
import io
import struct
import sys
import tempfile
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["nndl_ext", "pickle", "zipfile", "json"]):
    import json
    import pickle
    import zipfile

    from PIL import Image

    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    import helpers

    from nndl_ext import Network, load, mnist_loader, network2

X, LABELS = np.arange(28, dtype=np.uint8).reshape(7, 2, 2), np.arange(7, dtype=np.uint8)
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
KERAS = ("x_train", "y_train", "x_test", "y_test")
MEDMNIST = tuple(f"{part}_{what}" for part in ("train", "val", "test") for what in ("images", "labels"))
KMNIST = ("kmnist-train-imgs.npz", "kmnist-train-labels.npz", "kmnist-test-imgs.npz", "kmnist-test-labels.npz")
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")

FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def picture(kind):
    stream = io.BytesIO()
    Image.fromarray(np.kron(np.eye(8, dtype=np.uint8) * 255, np.ones((4, 4), np.uint8))).save(stream, kind)
    return stream.getvalue()


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def archive(members):
    """A zip file with correct checksums, which a mutated zip file would hardly ever have."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


NET = Network([2, 3, 2], seed=0)
NET.save(FOLDER / "good.npz")
with zipfile.ZipFile(FOLDER / "good.npz") as good:
    MEMBERS = {name: good.read(name) for name in good.namelist()}
NET2 = network2.Network([2, 3, 2], network2.LogLikelihoodCost, dropout=0.5, optimizer=network2.Adam(), seed=0)
NET2.update_mini_batch([(np.ones(2), 1)], 0.1, 0.0, 1)
NET2.save(FOLDER / "good.npz")
with zipfile.ZipFile(FOLDER / "good.npz") as good:
    MEMBERS2 = {name: good.read(name) for name in good.namelist()}
KERAS_MEMBERS = {f"{name}.npy": npy(array) for name, array in zip(KERAS, (X, LABELS) * 2, strict=True)}
MEDMNIST_MEMBERS = {f"{name}.npy": npy(array) for name, array in zip(MEDMNIST, (X, LABELS[:, np.newaxis]) * 3, strict=True)}
PAIRS = ((np.float32(X.reshape(7, 4)), np.int64(LABELS)),) * 3
JSON = json.dumps(
    {"sizes": NET.sizes, **{name: [a.tolist() for a in getattr(NET, name)] for name in ("weights", "biases")}}
).encode()


def member(members, data):
    """An archive in which the data replace one member, chosen by their first byte."""
    name = sorted(members)[data[0] % len(members)] if data else next(iter(members))
    return archive(members | {name: data[1:]})


def parts_of(name):
    """The files of the data set to which this file belongs, if any, and the function that writes them."""
    if name in KMNIST:
        return KMNIST, lambda array: archive({"arr_0.npy": npy(array)})
    return (NAMES, idx) if name.removesuffix(".gz") in NAMES else ((), idx)


# For each target: the file's name, its reader, the function that makes the file's content from an input, and the first inputs.
LISTS = (tuple(map(list, PAIRS[0])), *PAIRS[1:])  # the form of expand_mnist.py
PICKLES = [pickle.dumps(data, protocol) for data in (PAIRS, LISTS) for protocol in (0, 2, 4, 5)]
FLOATS = bytes((0, 0, 0x0D, 3)) + idx(X)[4:16] + X.astype(">f4").tobytes()
TARGETS = [
    (NAMES[0], mnist_loader.load_data_wrapper, bytes, [idx(X), FLOATS]),
    (NAMES[1], mnist_loader.load_data_wrapper, bytes, [idx(LABELS)]),
    (NAMES[0] + ".gz", mnist_loader.load_data_wrapper, bytes, [gzip.compress(idx(X))]),
    (NAMES[1] + ".gz", mnist_loader.load_data_wrapper, bytes, [gzip.compress(idx(LABELS)) + b"\n"]),
    (KMNIST[0], mnist_loader.load_data_wrapper, bytes, [archive({"arr_0.npy": npy(X)})]),
    ("mnist.pkl", mnist_loader.load_data_wrapper, bytes, PICKLES),
    ("mnist.pkl.gz", mnist_loader.load_data_wrapper, bytes, [gzip.compress(content) for content in PICKLES]),
    ("mnist.npz", mnist_loader.load_data_wrapper, bytes, [archive(KERAS_MEMBERS)]),
    (
        "member.npz",
        mnist_loader.load_data_wrapper,
        lambda data: member(KERAS_MEMBERS, data),
        [bytes([i]) + KERAS_MEMBERS[name] for i, name in enumerate(sorted(KERAS_MEMBERS))],
    ),
    (
        "medmnist.npz",
        mnist_loader.load_data_wrapper,
        lambda data: member(MEDMNIST_MEMBERS, data),
        [bytes([i]) + MEDMNIST_MEMBERS[name] for i, name in enumerate(sorted(MEDMNIST_MEMBERS))],
    ),
    ("digit.png", mnist_loader.load_images, bytes, [picture(kind) for kind in FORMATS]),
    ("digits.zip", mnist_loader.load_images, bytes, [archive({"7.png": picture("PNG"), "8.gif": picture("GIF")})]),
    ("train.csv", mnist_loader.load_data_wrapper, bytes, [helpers.csv(), gzip.compress(helpers.csv())]),
    ("mnist_784.arff", mnist_loader.load_data_wrapper, bytes, [helpers.arff()]),
    ("mnist.t", mnist_loader.load_data_wrapper, bytes, [helpers.svmlight()]),
    ("mnist.mat", mnist_loader.load_data_wrapper, bytes, [helpers.matlab(compress) for compress in (False, True)]),
    ("usps.h5", mnist_loader.load_data_wrapper, bytes, [helpers.hdf5(), helpers.hdf5(compression="gzip")]),
    ("train.parquet", mnist_loader.load_data_wrapper, bytes, [helpers.parquet()]),
    ("7/digit.png", lambda path: mnist_loader.load_data_wrapper(path.parent.parent), bytes, [helpers.png()]),
    ("net.npz", load, bytes, [archive(MEMBERS)]),
    ("member", load, lambda data: member(MEMBERS, data), [bytes([i]) + MEMBERS[n] for i, n in enumerate(sorted(MEMBERS))]),
    ("net.json", load, bytes, [JSON]),
    ("member2", load, lambda data: member(MEMBERS2, data), [bytes([i]) + MEMBERS2[n] for i, n in enumerate(sorted(MEMBERS2))]),
]


def forbid(event, _arguments):
    """End the run if a file makes its reader run code or start a process."""
    if watching and (event in ("os.system", "subprocess.Popen", "os.exec", "os.spawn", "pickle.find_class") or event == "exec"):
        raise SystemExit(f"a file made its reader call {event}")


watching = False
counts = [[0, 0] for _ in TARGETS]  # numbers of inputs read and refused


def test_one_input(data):
    global watching
    choice = data[0] % len(TARGETS) if data else 0
    name, reader, make, _ = TARGETS[choice]
    folder = FOLDER / str(choice)
    path = folder / name
    path.write_bytes(make(data[1:]))
    watching = True
    try:
        reader(folder if parts_of(name)[0] else path)
        counts[choice][0] += 1
    except ValueError as error:
        counts[choice][1] += 1
        if str(folder) not in str(error):
            raise AssertionError(f"this error names no file: {error}") from error
    finally:
        watching = False
    if sum(map(sum, counts)) % 10_000 == 0:
        print("read, refused:", *(f"{t[0]} {c[0]}, {c[1]};" for t, c in zip(TARGETS, counts, strict=True)), flush=True)


def main():
    corpus = Path(next(argument for argument in sys.argv[1:] if not argument.startswith("-")))
    corpus.mkdir(parents=True, exist_ok=True)
    for choice, (name, _, _, seeds) in enumerate(TARGETS):
        (FOLDER / str(choice) / name).parent.mkdir(parents=True)
        if name == "7/digit.png":
            (FOLDER / str(choice) / "8").mkdir()
            (FOLDER / str(choice) / "8" / "digit.png").write_bytes(helpers.png())
        others, write = parts_of(name)
        for other, array in zip(others, (X, LABELS) * 2, strict=False):
            if name.removesuffix(".gz") != other:
                (FOLDER / str(choice) / other).write_bytes(write(array))
        for number, seed in enumerate(seeds):
            (corpus / f"{choice}-{number}").write_bytes(bytes([choice]) + seed)
            test_one_input(bytes([choice]) + seed)  # also imports all modules, so that no later import runs code
    if not all(read for read, _ in counts):
        sys.exit(f"a first input was not read: {counts}")
    sys.addaudithook(forbid)
    atheris.Setup([*sys.argv, "-timeout=10", "-max_len=20000"], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
