"""Files with false headers, truncated files, bombs and files with code: an error names the file, and nothing is executed."""

import gzip
import os
import pickle
import pickletools
import subprocess

import numpy as np
import pytest
from helpers import PAIRS, READERS, good_file, keras, npz, write
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nndl_ext import mnist_loader
from nndl_ext._files import pickles

# What each reader needs beside Pillow. A text that ends early may be a whole text, as far as anyone can say.
NEEDS = {"svmlight": "sklearn", "parquet": "pyarrow"} | dict.fromkeys(("matlab", "matlab.z", "matlab.4"), "scipy")
NEEDS |= dict.fromkeys(("hdf5", "hdf5.z"), "h5py")
TEXTS = ("csv", "arff", "svmlight")


@pytest.fixture(params=READERS)
def reader(request):
    """Each reader whose library is there."""
    pytest.importorskip(NEEDS.get(request.param, "numpy"))
    return request.param


def read(path, reader):
    """Read a file, and check that an error names it."""
    try:
        return READERS[reader][1](path)
    except (ValueError, FileNotFoundError) as error:
        assert str(path) in str(error) or str(path.parent) in str(error), error  # noqa: PT017
        return None


def test_a_file_that_ends_early_is_refused_wherever_it_ends(tmp_path, reader):
    content = good_file(reader, tmp_path)
    assert read(write(tmp_path, reader, content), reader) is not None
    path = tmp_path / READERS[reader][0]
    end = len(content) - (20 if reader in ("image", "class") else 0)  # the last 20 bytes of a PNG hold no pixels
    for length in {*range(0, end, 1 + end // 400), *range(max(0, end - 100), end)}:
        path.write_bytes(content[:length])
        assert (read(path, reader) is None) or reader in TEXTS, length


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


def test_any_bytes_at_all(tmp_path_factory, reader):
    folder = tmp_path_factory.mktemp("files")
    path = write(folder, reader, b"")

    @settings(suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.sampled_from([b"", good_file(reader, folder)[:4]]), st.binary(max_size=200))
    def try_bytes(beginning, rest):
        path.write_bytes(beginning + rest)
        assert read(path, reader) is None or reader in TEXTS

    try_bytes()


class _Calls:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def codes(marker):
    """Pickles whose code would write a file or change this package."""
    command = f"touch {marker}"
    yield pickle.dumps(_Calls(os.system, command), 0)
    yield pickle.dumps(_Calls(os.system, command), 2)
    yield pickle.dumps(((PAIRS[0][0], _Calls(os.system, command)),) * 3, 4)
    yield pickle.dumps(_Calls(subprocess.Popen, ["touch", str(marker)]))
    yield pickle.dumps(_Calls(eval, f"open({str(marker)!r}, 'w')"))
    yield pickle.dumps(_Calls(np.load, str(marker), None, True))
    yield b"(S'touch x'\nios\nsystem\n."  # INST
    yield b"cnumpy\ndtype\n(S'f4'\ntR(dS'touch'\nS'x'\nsb."
    yield b"c_codecs\nencode\n(d(S'__defaults__'\n(S'latin1'\nttdb."  # sets a function's state
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
