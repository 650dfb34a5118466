"""Small files that demand much memory get little."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers import (
    BOMB_READERS,
    LABELS,
    MNIST_FILES,
    PIXELS,
    READERS,
    archive,
    good_file,
    hdf5,
    idx,
    keras,
    matlab,
    npy,
    npz,
    parquet,
    png,
    saved,
    write,
)

MEGABYTE = 2**20
LARGE = 48 * MEGABYTE  # what a bomb expands to
ALLOWED = 32  # megabytes that a reader may take


def png_of(width, height):
    """A PNG file of a few bytes that announces this many pixels."""
    content = bytearray(png())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def gzipped(beginning=b"", filling=b"\0"):
    """A gzip file that expands to `LARGE` bytes after its beginning: a few members, each compressed only once."""
    return gzip.compress(beginning) + 6 * gzip.compress(filling * (LARGE // 6 // len(filling)), 9)


def write_bomb(folder, reader, content):
    """Write a file, and beside it files that match its header, or those of `write`."""
    if reader not in ("sets", "sets.gz"):
        return write(folder, reader, content)
    header = gzip.decompress(content) if reader == "sets.gz" else content
    images, *shape = struct.unpack(f">{header[3]}I", header[4 : 4 + 4 * header[3]])
    for name, data in zip(MNIST_FILES[1:], (LABELS[:images], PIXELS[:0], LABELS[:0]), strict=True):
        (folder / name).write_bytes(idx(data, (0, *shape) if name == MNIST_FILES[2] else None))
    path = folder / BOMB_READERS[reader][0]
    path.write_bytes(content)
    return path


def lying_about_pixels():
    """An archive that holds a quarter of the 100 MB that an array's header and the directory announce."""
    content = bytearray(archive({"x_train.npy": npy(np.zeros(1), shape=(7, 4096, 3657), descr="|u1") + bytes(LARGE // 2)}))
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
    """An archive with one member that its directory lists three times."""
    begin, end = content.rindex(b"PK\x01\x02"), content.rindex(b"PK\x05\x06")
    entries, last = 3 * content[begin:end], bytearray(content[end:])
    last[8:16] = struct.pack("<HHI", 3, 3, len(entries))
    return content[:begin] + entries + bytes(last)


def bombs(folder):
    """Small files that demand much memory: the reader, the content, and a part of the expected message."""
    zeros = bytes(LARGE)
    good = saved(folder)
    lying_zip = bytearray(archive({"x_train.npy": npy(np.zeros(2 * MEGABYTE, np.uint8))}))
    place = lying_zip.rindex(b"PK\x01\x02") + 24
    lying_zip[place : place + 4] = struct.pack("<I", 1000)  # the directory says a thousand bytes
    with zipfile.ZipFile(io.BytesIO(good)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    one_label = np.zeros(7, np.int64)
    one_label[3] = 2**62
    arrays = ("pickle", "not the book's pickle")
    large = np.zeros(LARGE, np.uint8)
    doubled = [1]
    for _ in range(40):
        doubled = [doubled, doubled]
    one_text = b"(T" + struct.pack("<I", MEGABYTE) + bytes(MEGABYTE) + b"q\x00"  # stored in the memo
    one_array = b"cnumpy.core.multiarray\n_reconstruct\n(NtR(K\x01J\x00\x00\x10\x00\x85cnumpy\ndtype\n(S'u1'\ntR\x89h\x00tb"
    return [
        ("images", idx(PIXELS, (2**31, 28, 28)), "announces"),
        ("images", idx(PIXELS, (2**32 - 1,) * 3), "announces"),
        ("images", idx(PIXELS[:0], (2**31, 0, 0)), "labels"),
        ("images", idx(PIXELS, (7, 2**31, 2**31)), "announces|of shape"),
        ("sets", idx(PIXELS[:0], (0, 2**32 - 1, 2**32 - 1, 2**32 - 1)), "has images of 792281"),
        ("sets", idx(PIXELS, (7, 0, 4)), "has images of 0 pixels"),
        ("images.gz", gzip.compress(zeros, 9), "not an IDX file"),
        ("images.gz", gzip.compress(zeros[:MEGABYTE]) * 400, "not an IDX file"),
        ("images.gz", gzipped(idx(large[:7], (7, 4000, 4000))), "of shape"),
        ("images.gz", gzipped(idx(large[:0], (LARGE, 2, 2))), f"announces {LARGE} images"),
        ("images.gz", gzipped(idx(PIXELS)), "announces 28 bytes of data, but holds"),
        ("labels.gz", gzipped(idx(LABELS)), "announces 7 bytes of data, but holds"),
        ("labels.gz", gzipped(idx(large[:0], (2 * LARGE,))), "labels"),
        ("sets.gz", gzipped(idx(large[:0], (7, 5000, 5000))), f"announces 175000000 bytes of data, but holds {LARGE}"),
        ("sets.gz", gzipped(idx(large[:0], (7, 2**30, 1))), f"bytes of data, but holds {LARGE}"),
        (  # a valid file, but larger than the process's memory limit
            "sets.gz",
            gzip.compress(idx(PIXELS[:0], (7, 21 * 1024, 1024))) + gzip.compress(zeros[:MEGABYTE]) * 147,
            "announces 154140672 bytes, for which there is no memory",
        ),
        ("part.npz", npz(True, arr_0=large), "must hold images"),
        ("part.npz", npz(True, arr_0=large.reshape(-1, 1024, 1024)), "announces 48 images"),
        ("part.npz", archive({f"{i}.npy": npy(large[:MEGABYTE]) for i in range(12)}), "must hold one array"),
        ("npz", keras(True, x_train=large[: 7 * 2048 * 2048].reshape(7, 2048, 2048)), "of shape"),
        ("npz", lying_about_pixels(), "can't be read"),
        ("image", png_of(12_000, 12_000), "is not an image that can be read"),
        ("image", b"GIF89a" + b"\xff" * 20, "is not an image that can be read"),
        ("image.zip", archive({"7.png": zeros}), "too large when decompressed"),
        ("image.zip", archive({"7.png": zeros[: 12 * MEGABYTE]}), "not an image"),
        ("image.zip", archive({"7.png": zeros[: 2 * MEGABYTE]}, zipfile.ZIP_LZMA), "a compression other than deflate"),
        ("pickle.gz", gzip.compress(gzip.compress(zeros[: 20 * MEGABYTE])), "a gzip file within a gzip file"),
        ("npz", keras(True, x_train=large), "must hold images"),
        ("npz", keras(True, unused=large, x_train=large[:MEGABYTE].reshape(-1, 2, 2)), "announces 262144 images"),
        (
            "npz",
            archive({"x_train.npy": bz2.compress(zeros[: 2 * MEGABYTE])}, zipfile.ZIP_BZIP2),
            "by a method that NumPy does not use",
        ),
        ("npz", archive({"x_train.npy": zeros[: 8 * MEGABYTE]}, zipfile.ZIP_BZIP2), "by a method that NumPy"),
        (
            "npz",
            archive({"x_train.npy": lzma.compress(zeros[: 2 * MEGABYTE])}, zipfile.ZIP_LZMA),
            "by a method that NumPy does not use",
        ),
        ("npz", archive({"x_train.npy": archive({"x.npy": zeros[: 20 * MEGABYTE]})}), "can be read"),
        ("npz", bytes(lying_zip), "can be read"),
        ("npz", thrice_in_the_directory(archive({"x_train.npy": npy(large[: 8 * MEGABYTE])})), "its parts overlap|Overlapped"),
        ("npz", archive({"x_train.npy": npy(PIXELS, shape=(2**40, 28, 28))}), "announces the shape"),
        ("npz", archive({"x_train.npy": npy(PIXELS, descr="|V9223372036854775807")}), "can be read"),
        ("npz", archive({f"{i}": b"" for i in range(5000)}), "can be read"),
        ("npz", keras(y_train=one_label), "labels from 0 to 9 for 4 pixels"),
        ("npz", keras(y_train=-np.int64(LABELS)), "labels from 0 to 9 for 4 pixels"),
        ("npz", keras(y_train=np.zeros((7, 2**17), np.uint8)), "must have labels or vectors of zeros and ones"),
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
        (arrays[0], one_text + b"c_codecs\nencode\n(h\x00S'latin1'\ntR" * 900 + b"t.", "it builds more data than it contains"),
        (arrays[0], one_text + one_array * 300 + b"t.", "it builds more data than it contains"),
        (arrays[0], b"\x8c\x01a" + b"\x94" * MEGABYTE + b".", "takes more steps"),
        (arrays[0], pickle.dumps((([large[:MEGABYTE]] * 10_000, LABELS),) * 3), "it builds more data than it contains"),
        (arrays[0], pickle.dumps(((doubled, LABELS),) * 3), "a list of something other than arrays or integers"),
        (arrays[0], b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f8'\ntRS'12'\ntR.", arrays[1]),
        (
            arrays[0],
            b"(cnumpy.core.multiarray\n_reconstruct\n(NtR(K\x01(tcnumpy\ndtype\n(S'u1'\ntR\x89J\xff\xff\xff\x7ftb.",
            arrays[1],
        ),
        ("pickle.gz", gzip.compress(pickle.dumps(((large, LABELS),) * 3, 5), 9), "decompresses to more than"),
        ("pickle.gz", gzipped(b"S'"), "decompresses to more than"),
        ("pickle.gz", gzipped(b"", b"]"), "takes more steps"),
        ("saved", archive(members | {"sizes.npy": npy(np.array([2**20, 2**20, 2]))}), "not a saved network"),
        ("saved", archive(members | {"sizes.npy": npy(np.ones(8 * MEGABYTE, np.int8))}), "not a saved network"),
        ("saved", archive(members | {"weights_0.npy": npy(np.zeros(3), shape=(2**40,))}), "announces the shape"),
        ("json", b"[" * MEGABYTE, "not a saved network"),
        ("json", b'{"a":' * (MEGABYTE // 5), "not a saved network"),
        ("json", b"[" + b"[]," * (MEGABYTE // 3) + b"0]", "not a saved network"),
        ("json", b'{"weights": [], "biases": [], "sizes": [' + b"1," * (MEGABYTE // 2) + b"1]}", "not a saved network"),
        ("json", b"1" * MEGABYTE, "not a saved network"),
    ]


def bombs_of_other_programs():
    """The same in the formats of other programs."""
    import h5py
    import pyarrow
    from pyarrow.parquet import write_table

    zeros, large = bytes(100 * MEGABYTE), np.zeros((48, 1024, 1024), np.uint8)
    black = png_of(3000, 3000)
    unwritten = io.BytesIO()
    with h5py.File(unwritten, "w") as file:
        file.create_dataset("x", (7, 2**15, 2**15), np.uint8, chunks=(1, 28, 28))
        file["y"] = LABELS
    one_chunk = io.BytesIO()
    with h5py.File(one_chunk, "w") as file:
        x = file.create_dataset(
            "x", (7, 2, 2), np.uint8, maxshape=(None, None, None), chunks=(400, 512, 512), compression="gzip"
        )
        x[:], file["y"] = PIXELS, LABELS
    header, rows = b"label,a,b\n", b"0,0,0\n" * (MEGABYTE // 6)
    many_labels = io.BytesIO()  # refer to one long text
    with h5py.File(many_labels, "w") as file:
        file["x"], texts = np.zeros((1000, 4), np.uint8), file.create_dataset("y", (1000,), h5py.string_dtype())
        texts[0] = "a" * 60_000
        file.flush()
        begin = texts.id.get_offset()
    content = many_labels.getvalue()
    many_labels = content[:begin] + content[begin : begin + 16] * 1000 + content[begin + 16_000 :]
    one_label = io.BytesIO()
    write_table(pyarrow.table({"image": [png(np.zeros((1, 1)))] * 48, "label": ["a" * MEGABYTE] * 48}), one_label)
    far = b"1 1:1\n2 2000000000:1\n"
    dimensions = bytearray(matlab())
    dimensions[160:164] = struct.pack("<i", 2**30)
    columns = b"label" + b",a" * 100_000 + b"\n"
    return [
        ("csv.gz", gzip.compress(header + 8 * rows), "decompresses to more than"),
        ("csv", bz2.compress(header) + 48 * bz2.compress(rows), "decompresses to more than"),
        ("csv.gz", gzipped(b"label,a,b\n0,0,", b"0"), "a line of more than 4194304 characters"),
        ("csv", columns, "it has no rows"),
        ("csv", columns + b"1,2\n" * 1000, "rows have 2 columns, but the first line has 100001"),
        ("svmlight", far, "announces 16000000000 bytes of data, too many for a file of"),
        ("svmlight", far * 10_000, "too many for a file of"),
        ("arff", b"@relation a\n" + b"@attribute a real\n" * 20_000 + b"@data\n", "not an ARFF file"),
        ("matlab.z", matlab(True, X=large), "decompresses to more than"),
        ("matlab", bytes(dimensions), "announces 4294967296 bytes of data, too many"),
        ("hdf5", hdf5(large, compression="gzip"), "announces 48 images, but"),
        ("hdf5", hdf5(large[:7], compression="gzip"), "has images of shape"),
        ("hdf5", unwritten.getvalue(), "announces 7516192768 bytes of data, too many"),
        ("hdf5", one_chunk.getvalue(), "announces 104857600 bytes of data, too many"),
        ("parquet", parquet([zeros[: 8 * MEGABYTE]], compression="zstd"), "announces .* bytes of data, too many"),
        (
            "parquet",
            parquet([zeros[: 8 * MEGABYTE]], compression="zstd", use_dictionary=False),
            "announces .* bytes of data, too many",
        ),
        ("hdf5", many_labels, "announces .* bytes of data, too many"),
        ("parquet", one_label.getvalue(), "announces .* bytes of data, too many"),
        ("parquet", parquet([black] * 1000), "3000 x 3000 pixels, too many for files of their size"),
        ("parquet", parquet([zeros[:MEGABYTE]] * 60, compression="zstd"), "not an image that can be read"),
        ("class", png_of(12_000, 12_000), "is not an image that can be read"),
        ("class", png_of(5000, 5000), "5000 x 5000 pixels, too many for files of their size"),
    ]


LIMITED = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from helpers import BOMB_READERS
from nndl_ext import load, mnist_loader, perceptron
for reader, path in zip(sys.argv[2::2], sys.argv[3::2]):
    BOMB_READERS[reader][1](Path(path))  # all modules are there now
def kilobytes(name):
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith(name)))
limit = (kilobytes("VmSize") + 120_000) * 1024
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
@pytest.mark.parametrize("programs", ["NumPy", "others"])
def test_small_files_that_ask_for_much_get_little_memory(tmp_path, programs):
    if programs == "others":
        for library in ("sklearn", "scipy", "h5py", "pyarrow"):
            pytest.importorskip(library)
    cases = bombs(tmp_path) if programs == "NumPy" else bombs_of_other_programs()
    paths = []
    for number, (reader, content, _) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths.append(write_bomb(folder, reader, content))
    usual = []
    for reader in {"npz", "image", *(reader for reader, _, _ in cases)} & {*READERS}:
        (tmp_path / reader).mkdir()
        usual += [reader, str(write(tmp_path / reader, reader, good_file(reader, tmp_path)))]
    lines = "".join(f"{case[0]} {path}\n" for case, path in zip(cases, paths, strict=True))
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(Path(__file__).parent), *usual],
        input=lines,
        capture_output=True,
        text=True,
    )
    outputs = result.stdout.splitlines()
    assert len(outputs) == len(cases), result.stderr
    for (reader, content, expected), path, output in zip(cases, paths, outputs, strict=True):
        megabytes, message = output.split(maxsplit=1)
        assert message.startswith(("ValueError", "FileNotFoundError")), (reader, content[:40], output)
        assert re.search(expected, message), (reader, content[:40], output)
        assert str(path.parent) in message
        assert int(megabytes) < ALLOWED, (reader, content[:40], output)
