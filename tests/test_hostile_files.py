"""Files that lie, end early, grow or carry code: an error that names the file, little memory, and nothing executed."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from nndl_ext import Network, load, mnist_loader, pickles

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
X, LABELS = np.arange(28, dtype=np.uint8).reshape(7, 2, 2), np.arange(7, dtype=np.uint8)
FLOATS = np.float32(X.reshape(7, 4)) / 256
PAIRS = ((FLOATS, np.int64(LABELS)),) * 3


DIAGONAL = np.kron(np.eye(8), np.ones((4, 4)))


def png(pixels=DIAGONAL):
    stream = io.BytesIO()
    Image.fromarray(np.uint8(255 * pixels)).save(stream, "PNG")
    return stream.getvalue()


def idx(array, shape=None):
    shape = shape or array.shape
    return bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape) + array.tobytes()


def npz(compress=False, **arrays):
    stream = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(stream, **arrays)
    return stream.getvalue()


def archive(members, method=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


def npy(array, **header):
    """An array as ``.npy``, with a header that may lie."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(array) | header)
    return stream.getvalue() + array.tobytes()


def keras(compress=False, **changes):
    return npz(compress, **dict(zip(("x_train", "y_train", "x_test", "y_test"), (X, LABELS) * 2, strict=True)) | changes)


def saved(folder):
    Network([2, 3, 2], seed=0).save(folder / "saved.npz")
    return (folder / "saved.npz").read_bytes()


def saved_json():
    net = Network([2, 3, 2], seed=0)
    return json.dumps(
        {"sizes": net.sizes, "weights": [w.tolist() for w in net.weights], "biases": [b.tolist() for b in net.biases]}
    ).encode()


READERS = {  # the file's name, and who reads it
    "images": (NAMES[0], lambda path: mnist_loader.load_data_wrapper(path.parent)),
    "images.gz": (f"{NAMES[0]}.gz", lambda path: mnist_loader.load_data_wrapper(path.parent)),
    "labels.gz": (f"{NAMES[1]}.gz", lambda path: mnist_loader.load_data_wrapper(path.parent)),
    "labels": (NAMES[1], lambda path: mnist_loader.load_data_wrapper(path.parent)),
    "pickle": ("mnist.pkl", mnist_loader.load_data_wrapper),
    "pickle.gz": ("mnist.pkl.gz", mnist_loader.load_data_wrapper),
    "npz": ("mnist.npz", mnist_loader.load_data_wrapper),
    "part.npz": ("kmnist-train-imgs.npz", lambda path: mnist_loader.load_data_wrapper(path.parent)),
    "image": ("digit.png", mnist_loader.load_images),
    "image.zip": ("digits.zip", mnist_loader.load_images),
    "saved": ("net.npz", load),
    "json": ("net.json", load),
}


# Files that fit to one of these announce more than they hold.
BOMB_READERS = READERS | {"sets": READERS["images"], "sets.gz": READERS["images.gz"]}


def write(folder, reader, content):
    """Write a file, with good ones beside it where a reader needs them."""
    name = BOMB_READERS[reader][0]
    if reader in ("sets", "sets.gz"):  # which agree in what they announce
        header = gzip.decompress(content) if reader == "sets.gz" else content
        images, *shape = struct.unpack(f">{header[3]}I", header[4 : 4 + 4 * header[3]])
        (folder / NAMES[1]).write_bytes(idx(LABELS[:images]))
        (folder / NAMES[2]).write_bytes(idx(X[:0], (0, *shape)))
        (folder / NAMES[3]).write_bytes(idx(LABELS[:0]))
    elif reader in ("images", "images.gz", "labels", "labels.gz"):
        for other, array in zip(NAMES, (X, LABELS) * 2, strict=True):
            (folder / other).write_bytes(idx(array))
        if name.endswith(".gz"):
            (folder / name.removesuffix(".gz")).unlink()
    elif reader == "part.npz":
        for other, array in zip(("train-imgs", "train-labels", "test-imgs", "test-labels"), (X, LABELS) * 2, strict=True):
            (folder / f"kmnist-{other}.npz").write_bytes(npz(arr_0=array))
    (folder / name).write_bytes(content)
    return folder / name


def good_file(reader, folder):
    return {
        "images": lambda: idx(X),
        "images.gz": lambda: gzip.compress(idx(X)),
        "labels": lambda: idx(LABELS),
        "labels.gz": lambda: gzip.compress(idx(LABELS)),
        "pickle": lambda: pickle.dumps(PAIRS, 2),
        "pickle.gz": lambda: gzip.compress(pickle.dumps(PAIRS, 5)),
        "npz": keras,
        "part.npz": lambda: npz(True, arr_0=X),
        "image": png,
        "image.zip": lambda: archive({"7.png": png()}),
        "saved": lambda: saved(folder),
        "json": saved_json,
    }[reader]()


def read(path, reader):
    """What the reader makes of a file: a result, or an error that names it."""
    try:
        return READERS[reader][1](path)
    except (ValueError, FileNotFoundError) as error:
        assert str(path) in str(error) or str(path.parent) in str(error), error  # noqa: PT017
        return None


@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_ends_early_is_refused_wherever_it_ends(tmp_path, reader):
    content = good_file(reader, tmp_path)
    assert read(write(tmp_path, reader, content), reader) is not None
    path = tmp_path / READERS[reader][0]
    for length in range(len(content) - (20 if reader == "image" else 0)):  # the last 20 bytes of a PNG hold no pixels
        path.write_bytes(content[:length])
        assert read(path, reader) is None, length


@pytest.mark.parametrize("reader", READERS)
def test_bytes_changed_anywhere(tmp_path_factory, reader):
    folder = tmp_path_factory.mktemp("files")
    content = good_file(reader, folder)
    path = write(folder, reader, content)

    @settings(suppress_health_check=list(HealthCheck), deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), min_size=1, max_size=4),
        st.binary(max_size=9),
    )
    @example([(0, content[0])], b"")
    def change(changes, appended):
        changed = bytearray(content)
        for place, byte in changes:
            changed[place] = byte
        path.write_bytes(bytes(changed) + appended)
        read(path, reader)

    change()


@pytest.mark.parametrize("reader", READERS)
def test_any_bytes_at_all(tmp_path_factory, reader):
    folder = tmp_path_factory.mktemp("files")
    path = write(folder, reader, b"")

    @settings(suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.sampled_from([b"", good_file(reader, folder)[:4]]), st.binary(max_size=200))
    def try_bytes(beginning, rest):
        path.write_bytes(beginning + rest)
        assert read(path, reader) is None

    try_bytes()


MEGABYTE = 2**20


def lying_about_pixels():
    """The header of an array and the directory announce 100 MB, of which the archive holds half."""
    content = bytearray(archive({"x_train.npy": npy(np.zeros(1), shape=(7, 4096, 3657), descr="|u1") + bytes(50 * MEGABYTE)}))
    size = struct.pack("<I", 128 + 7 * 4096 * 3657)
    content[22:26] = size
    place = content.rindex(b"PK\x01\x02") + 24
    content[place : place + 4] = size
    members = {f"{name}.npy": npy(array) for name, array in (("y_train", LABELS), ("y_test", LABELS))}
    members["x_test.npy"] = npy(np.zeros((0, 4096, 3657), np.uint8))
    members["y_test.npy"] = npy(LABELS[:0])
    stream = io.BytesIO(bytes(content))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return stream.getvalue()


def thrice_in_the_directory(content):
    """An archive of one member, which its directory lists three times."""
    begin, end = content.rindex(b"PK\x01\x02"), content.rindex(b"PK\x05\x06")
    entries, last = 3 * content[begin:end], bytearray(content[end:])
    last[8:16] = struct.pack("<HHI", 3, 3, len(entries))
    return content[:begin] + entries + bytes(last)


def bombs(folder):
    """Small files that ask for much: the reader, the content, and a part of the message."""
    zeros = bytes(100 * MEGABYTE)
    good = saved(folder)
    lying_zip = bytearray(archive({"x_train.npy": npy(np.zeros(2 * MEGABYTE, np.uint8))}))
    place = lying_zip.rindex(b"PK\x01\x02") + 24
    lying_zip[place : place + 4] = struct.pack("<I", 1000)  # the directory says a thousand bytes
    with zipfile.ZipFile(io.BytesIO(good)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    one_label = np.zeros(7, np.int64)
    one_label[3] = 2**62
    arrays = ("pickle", "not the book's pickle")
    large = np.zeros(100 * MEGABYTE, np.uint8)
    doubled = [1]
    for _ in range(40):
        doubled = [doubled, doubled]
    one_text = b"(T" + struct.pack("<I", MEGABYTE) + bytes(MEGABYTE) + b"q\x00"  # remembered
    one_array = b"cnumpy.core.multiarray\n_reconstruct\n(NtR(K\x01J\x00\x00\x10\x00\x85cnumpy\ndtype\n(S'u1'\ntR\x89h\x00tb"
    return [
        ("images", idx(X, (2**31, 28, 28)), "announces"),
        ("images", idx(X, (2**32 - 1,) * 3), "announces"),
        ("images", idx(X[:0], (2**31, 0, 0)), "labels"),
        ("images", idx(X, (7, 2**31, 2**31)), "announces|of shape"),
        ("sets", idx(X[:0], (0, 2**32 - 1, 2**32 - 1, 2**32 - 1)), "has images of 792281"),
        ("sets", idx(X, (7, 0, 4)), "has images of 0 pixels"),
        ("images.gz", gzip.compress(zeros, 9), "not an IDX file"),
        ("images.gz", gzip.compress(zeros[:MEGABYTE]) * 400, "not an IDX file"),
        ("images.gz", gzip.compress(idx(large[:7], (7, 4000, 4000)) + zeros, 9), "of shape"),
        ("images.gz", gzip.compress(idx(large, (100 * MEGABYTE, 2, 2)), 9), "announces 104857600 images"),
        ("images.gz", gzip.compress(idx(X) + zeros, 9), "announces 28 bytes of data, but holds"),
        ("labels.gz", gzip.compress(idx(LABELS) + zeros, 9), "announces 7 bytes of data, but holds"),
        ("labels.gz", gzip.compress(idx(large, (200 * MEGABYTE,)), 9), "labels"),
        ("sets.gz", gzip.compress(idx(large, (7, 5000, 5000)), 9), "announces 175000000 bytes of data, but holds 104857600"),
        ("sets.gz", gzip.compress(idx(large, (7, 2**30, 1)), 9), "bytes of data, but holds 104857600"),
        (  # an honest file, but of more than the process may have
            "sets.gz",
            gzip.compress(idx(X[:0], (7, 70 * 1024, 1024))) + gzip.compress(zeros[:MEGABYTE]) * 490,
            "announces 513802240 bytes, for which there is no memory",
        ),
        ("part.npz", npz(True, arr_0=large), "must hold images"),
        ("part.npz", npz(True, arr_0=large.reshape(100, 1024, 1024)), "announces 100 images"),
        ("part.npz", archive({f"{i}.npy": npy(large[:MEGABYTE]) for i in range(99)}), "should hold one array"),
        ("npz", keras(True, x_train=large[: 7 * 4096 * 2048].reshape(7, 4096, 2048)), "of shape"),
        ("npz", lying_about_pixels(), "can't be read"),
        ("image", png(np.zeros((12_000, 12_000))), "is not an image that can be read"),
        ("image", b"GIF89a" + b"\xff" * 20, "is not an image that can be read"),
        ("image.zip", archive({"7.png": zeros}), "larger than an image"),
        ("image.zip", archive({"7.png": zeros[: 12 * MEGABYTE]}), "not an image"),
        ("image.zip", archive({"7.png": zeros[: 8 * MEGABYTE]}, zipfile.ZIP_LZMA), "compressed in a way"),
        ("pickle.gz", gzip.compress(gzip.compress(zeros[: 20 * MEGABYTE])), "a gzip file within a gzip file"),
        ("npz", keras(True, x_train=large), "must hold images"),
        ("npz", keras(True, unused=large, x_train=large.reshape(-1, 2, 2)), "announces 26214400 images"),
        (
            "npz",
            archive({"x_train.npy": bz2.compress(zeros[: 20 * MEGABYTE])}, zipfile.ZIP_BZIP2),
            "in a way that NumPy does not use",
        ),
        ("npz", archive({"x_train.npy": zeros[: 8 * MEGABYTE]}, zipfile.ZIP_BZIP2), "in a way that NumPy"),
        (
            "npz",
            archive({"x_train.npy": lzma.compress(zeros[: 20 * MEGABYTE])}, zipfile.ZIP_LZMA),
            "in a way that NumPy does not use",
        ),
        ("npz", archive({"x_train.npy": archive({"x.npy": zeros[: 20 * MEGABYTE]})}), "can be read"),
        ("npz", bytes(lying_zip), "can be read"),
        ("npz", thrice_in_the_directory(archive({"x_train.npy": npy(large)})), "its parts overlap|Overlapped"),
        ("npz", archive({"x_train.npy": npy(X, shape=(2**40, 28, 28))}), "announces the shape"),
        ("npz", archive({"x_train.npy": npy(X, descr="|V9223372036854775807")}), "can be read"),
        ("npz", archive({f"{i}": b"" for i in range(20_000)}), "can be read"),
        ("npz", keras(y_train=one_label), "labels from 0 to 9 for 4 pixels"),
        ("npz", keras(y_train=-np.int64(LABELS)), "labels from 0 to 9 for 4 pixels"),
        ("npz", keras(y_train=np.zeros((7, 2**17), np.uint8)), "must have labels or unit vectors"),
        (arrays[0], b"]" * MEGABYTE + b".", arrays[1]),
        (arrays[0], b"\x8f" * MEGABYTE + b".", arrays[1]),
        (arrays[0], b"}" * MEGABYTE + b".", arrays[1]),
        (arrays[0], b"(" * MEGABYTE + b".", arrays[1]),
        (arrays[0], b"N" + b"2" * MEGABYTE + b".", arrays[1]),
        (arrays[0], b"N" + b"\x85" * MEGABYTE + b".", arrays[1]),
        (arrays[0], b"Nr" + struct.pack("<I", 2**32 - 1) + b".", arrays[1]),
        (arrays[0], b"\x8e" + struct.pack("<Q", 2**62) + b".", arrays[1]),
        (arrays[0], b"\x96" + struct.pack("<Q", 2**62) + b".", arrays[1]),
        (arrays[0], b"\x95" + struct.pack("<Q", 2**62) + b".", arrays[1]),
        (arrays[0], b"T" + struct.pack("<I", 2**31 - 1) + b".", arrays[1]),
        (arrays[0], b"\x8b" + struct.pack("<I", 2**31 - 1) + b".", arrays[1]),
        (arrays[0], one_text + b"c_codecs\nencode\n(h\x00S'latin1'\ntR" * 900 + b"t.", "it makes more bytes than it has"),
        (arrays[0], one_text + one_array * 300 + b"t.", "it makes more bytes than it has"),
        (arrays[0], b"\x8c\x01a" + b"\x94" * MEGABYTE + b".", "takes more steps"),
        (arrays[0], pickle.dumps((([large[:MEGABYTE]] * 10_000, LABELS),) * 3), "it makes more bytes than it has"),
        (arrays[0], pickle.dumps(((doubled, LABELS),) * 3), "a list of other things than arrays or integers"),
        (arrays[0], b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f8'\ntRS'12'\ntR.", arrays[1]),
        (
            arrays[0],
            b"(cnumpy.core.multiarray\n_reconstruct\n(NtR(K\x01(tcnumpy\ndtype\n(S'u1'\ntR\x89J\xff\xff\xff\x7ftb.",
            arrays[1],
        ),
        ("pickle.gz", gzip.compress(pickle.dumps(((large, LABELS),) * 3, 5), 9), "decompresses to more than"),
        ("pickle.gz", gzip.compress(b"S'" + zeros), "decompresses to more than"),
        ("pickle.gz", gzip.compress(b"]" * (30 * MEGABYTE)), "takes more steps"),
        ("saved", archive(members | {"sizes.npy": npy(np.array([2**20, 2**20, 2]))}), "not a saved network"),
        ("saved", archive(members | {"sizes.npy": npy(np.ones(60 * MEGABYTE, np.int8))}), "not a saved network"),
        ("saved", archive(members | {"weights_0.npy": npy(np.zeros(3), shape=(2**40,))}), "announces the shape"),
        ("json", b"[" * MEGABYTE, "not a saved network"),
        ("json", b'{"a":' * (MEGABYTE // 5), "not a saved network"),
        ("json", b"[" + b"[]," * (MEGABYTE // 3) + b"0]", "not a saved network"),
        ("json", b'{"weights": [], "biases": [], "sizes": [' + b"1," * (MEGABYTE // 2) + b"1]}", "not a saved network"),
        ("json", b"1" * MEGABYTE, "not a saved network"),
    ]


LIMITED = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_hostile_files import BOMB_READERS
from nndl_ext import load, mnist_loader, perceptron
mnist_loader.load_data_wrapper(sys.argv[2])
mnist_loader.load_images(sys.argv[3])  # all modules are there now
def kilobytes(name):
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith(name)))
limit = (kilobytes("VmSize") + 400_000) * 1024
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for line in sys.stdin:
    reader, path = line.split(maxsplit=1)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = kilobytes("VmRSS")
    try:
        BOMB_READERS[reader][1](Path(path.strip()))
        message = "no error"
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
    print((kilobytes("VmHWM") - before) // 1024, message.replace(chr(10), " ")[:500], flush=True)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.skipif("san" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer takes memory of its own")
def test_small_files_that_ask_for_much_get_little_memory(tmp_path):
    cases = bombs(tmp_path)
    paths = []
    for number, (reader, content, _) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths.append(write(folder, reader, content))
    usual = write(tmp_path, "npz", keras()), write(tmp_path, "image", png())
    lines = "".join(f"{case[0]} {path}\n" for case, path in zip(cases, paths, strict=True))
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(Path(__file__).parent), *map(str, usual)],
        input=lines,
        capture_output=True,
        text=True,
    )
    outputs = result.stdout.splitlines()
    assert len(outputs) == len(cases), result.stderr
    for (reader, content, expected), path, output in zip(cases, paths, outputs, strict=True):
        megabytes, message = output.split(maxsplit=1)
        assert message.startswith(("ValueError", "FileNotFoundError")), (reader, content[:40], output)
        assert any(part in message for part in expected.split("|")), (reader, content[:40], output)
        assert str(path.parent) in message
        assert int(megabytes) < 40, (reader, content[:40], output)


class _Calls:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def codes(marker):
    """Pickles that would write a file, or change this package, if what they carry ran."""
    command = f"touch {marker}"
    yield pickle.dumps(_Calls(os.system, command), 0)
    yield pickle.dumps(_Calls(os.system, command), 2)
    yield pickle.dumps(((FLOATS, _Calls(os.system, command)),) * 3, 4)
    yield pickle.dumps(_Calls(subprocess.Popen, ["touch", str(marker)]))
    yield pickle.dumps(_Calls(eval, f"open({str(marker)!r}, 'w')"))
    yield pickle.dumps(_Calls(np.load, str(marker), None, True))
    yield b"(S'touch x'\nios\nsystem\n."  # INST
    yield b"cnumpy\ndtype\n(S'f4'\ntR(dS'touch'\nS'x'\nsb."
    yield b"c_codecs\nencode\n(d(S'__defaults__'\n(S'latin1'\nttdb."  # gives a function a state
    yield b"\x80\x02c_codecs\nencode\n}\x8c\x01aK\x01s\x86b."
    yield b"cnumpy.core.multiarray\n_reconstruct\n(S'__init__'\nNtdb."
    yield b"P1\n."
    yield b"\x82\x01."
    yield b"cnndl_ext.network\nload\n(S'x'\ntR."


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_no_code_in_a_pickle_runs(tmp_path, compress):
    functions = (pickles._from_buffer, pickles._scalar, pickles._no_bytes, pickles._ArrayUnpickler._encode)
    before = [(f.__defaults__, f.__dict__.copy()) for f in functions]
    for code in codes(tmp_path / "executed"):
        path = write(tmp_path, "pickle", compress(code))
        with pytest.raises(ValueError, match="is not the book's pickle"):
            mnist_loader.load_data(path)
    assert not (tmp_path / "executed").exists()
    assert [(f.__defaults__, f.__dict__) for f in functions] == before


def test_no_code_in_an_archive_runs(tmp_path):
    code = np.array([_Calls(os.system, f"touch {tmp_path / 'executed'}")], object)
    for reader, content in (("npz", keras(x_train=code)), ("saved", npz(nndl_ext=code, sizes=code, biases_0=code))):
        with pytest.raises(ValueError, match="only numbers and text are allowed"):
            READERS[reader][1](write(tmp_path, reader, content))
    assert not (tmp_path / "executed").exists()


def test_pickles_of_arrays_take_few_of_the_steps_allowed(tmp_path):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        content = pickle.dumps(PAIRS, protocol)
        assert len(list(pickletools.genops(content))) < pickles._STEPS_ALWAYS_ALLOWED / 10
        assert read(write(tmp_path, "pickle", content), "pickle") is not None
