"""Saved networks: loading restores every bit, and a file is always complete."""

import errno
import json
import multiprocessing
import os
import stat
import subprocess
import sys

import numpy as np
import pytest
from helpers import arrays_of

from nndl_ext import Dataset, Network, load, network, perceptron, reference
from nndl_ext._files import disk, saving

DATA = Dataset(np.linspace(-1, 1, 120).reshape(30, 4), np.arange(30) % 3)


def same_bits(one, other):
    assert [a.tobytes() for a in arrays_of(one)] == [a.tobytes() for a in arrays_of(other)]


def trained(dtype=np.float64, seed=7):
    net = Network([4, 5, 3], dtype=dtype, seed=seed)
    net.SGD(DATA, 2, 7, 0.5)
    return net


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_loaded_network_goes_on_with_the_same_bits(tmp_path, dtype):
    net = trained(dtype)
    net.save(tmp_path / "net.npz")
    for again in (load(tmp_path / "net.npz"), network.load(str(tmp_path / "net.npz"))):
        same_bits(again, net)
        assert (type(again), again.sizes, again.dtype, again.threads) == (Network, [4, 5, 3], np.dtype(dtype), None)
    for each in (net, again):
        each.SGD(DATA, 3, 7, 0.5)
    same_bits(again, net)
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]


def test_without_a_seed_there_is_no_generator_and_loading_draws_nothing(tmp_path):
    net = trained(seed=None)
    net.save(tmp_path / "net.npz")
    state = np.random.get_state()[1:3]
    again = load(tmp_path / "net.npz")
    assert again._own_generator is None
    np.testing.assert_array_equal(np.random.get_state()[1], state[0])
    same_bits(again, net)


def test_special_numbers_keep_their_bits(tmp_path):
    for dtype in (np.float64, np.float32):
        net = trained(dtype)
        limits = np.finfo(dtype)
        net.weights[0][0] = [-0.0, limits.smallest_subnormal, limits.max, limits.tiny]
        net.save(tmp_path / "net.npz")
        same_bits(load(tmp_path / "net.npz"), net)


def test_a_path_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("net.npz", "a net.NPZ"):
        trained().save(name)
        same_bits(load(name), trained())


def test_replaced_weights_are_saved_as_the_network_uses_them(tmp_path):
    net = trained(np.float32)
    net.weights = [np.ones((5, 4)), np.asfortranarray(np.arange(15).reshape(3, 5))]
    net.save(tmp_path / "net.npz")
    again = load(tmp_path / "net.npz")
    assert {a.dtype for a in arrays_of(again)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(again.weights[1], net.weights[1])
    net.weights[1] = np.ones((5, 3))
    with pytest.raises(ValueError, match=r"weights\[1\] must have shape \(3, 5\), not \(5, 3\)"):
        net.save(tmp_path / "net.npz")
    same_bits(load(tmp_path / "net.npz"), again)


def test_a_network_of_perceptrons_stays_one(tmp_path):
    net = perceptron.Network([4, 5, 3], seed=1)
    net.save(tmp_path / "net.npz")
    again = load(tmp_path / "net.npz")
    assert type(again) is perceptron.Network
    np.testing.assert_array_equal(again.feedforward(DATA.x.T), net.feedforward(DATA.x.T))


def test_what_the_book_s_network2_writes(tmp_path):
    net = reference.Network([4, 5, 3], seed=3)
    content = {
        "sizes": net.sizes,
        "weights": [w.tolist() for w in net.weights],
        "biases": [b.tolist() for b in net.biases],
        "cost": "CrossEntropyCost",
    }
    (tmp_path / "net").write_text(json.dumps(content))
    again = load(tmp_path / "net")
    same_bits(again, net)
    again.SGD(DATA, 1, 10, 0.1)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["net.json", "net.txt", "net", b"net"])
def test_json_is_what_the_book_s_network2_reads(tmp_path, dtype, name):
    net, limits = trained(dtype), np.finfo(dtype)
    net.weights[0][0] = [-0.0, limits.smallest_subnormal, limits.max, limits.tiny]
    path = os.path.join(os.fsencode(tmp_path), name) if isinstance(name, bytes) else str(tmp_path / name)
    net.save(filename=path)
    with open(path) as file:
        content = json.load(file)
    assert content.keys() == {"sizes", "weights", "biases", "cost"}
    assert (content["sizes"], content["cost"]) == ([4, 5, 3], "QuadraticCost")
    for arrays, given in ((content["weights"], net.weights), (content["biases"], net.biases)):
        assert [np.array(rows).tobytes() for rows in arrays] == [array.astype(np.float64).tobytes() for array in given]
    again = load(path)
    assert (again.dtype, again._own_generator) == (np.float64, None)
    assert [a.astype(dtype).tobytes() for a in arrays_of(again)] == [a.tobytes() for a in arrays_of(net)]


def test_what_json_can_not_hold_is_refused(tmp_path):
    path = tmp_path / "net.json"
    trained().save(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"net\.json would be a file of the book.* one of perceptron neurons in .npz"):
        perceptron.Network([4, 5, 3], seed=1).save(path)
    net = trained()
    net.weights[0][0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        net.save(path)
    assert path.read_bytes() == before


def test_big_endian_arrays_are_read(tmp_path):
    net = trained(np.float32)
    net.save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as archive:
        np.savez(tmp_path / "big.npz", **{name: a.astype(a.dtype.newbyteorder(">")) for name, a in archive.items()})
    again = load(tmp_path / "big.npz")
    same_bits(again, net)
    assert again._own_generator.getstate() == net._own_generator.getstate()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nndl_ext": None}, "the archive does not come from nndl-ext"),
        ({"nndl_ext": 2}, "version 2 of the format, but this nndl-ext reads version 1"),
        ({"neuron": "relu"}, "its neurons must be sigmoid, perceptron or chosen, not relu"),
        ({"sizes": [4, 5]}, "it has biases_1, weights_1 besides the arrays of 2 layers"),
        ({"sizes": [4, 2**40, 3]}, "shape"),
        ({"sizes": [4, 5, 3, 3]}, "biases_2"),
        ({"sizes": np.ones(10**6, np.int8)}, "arrays for 1000000 layers"),
        ({"sizes": [4.0, 5.0, 3.0]}, "sizes must be a sequence of integers"),
        ({"weights_0": np.zeros((4, 5))}, r"weights\[0\] must have shape \(5, 4\), not \(4, 5\)"),
        ({"weights_1": None}, "it lacks the array weights_1"),
        ({"neuron": None}, "it lacks the array neuron"),
        ({"neuron": "chosen"}, "it lacks the array settings"),
        ({"weights_1": np.zeros((3, 5), np.float32)}, "different dtypes"),
        ({"weights_1": np.zeros((3, 5), int)}, "dtype must be float32 or float64, not int64"),
        ({"weights_1": np.full((3, 5), np.nan)}, r"weights\[1\] must hold finite numbers, not nan at \[0, 0\]"),
        ({"biases_0": np.array([None] * 5)}, "not a NumPy archive that can be read"),
        ({"generator": np.zeros(624, np.uint32)}, "the generator's state is invalid"),
        ({"generator": np.full(625, 700, np.uint32)}, "the generator's state is invalid"),
    ],
)
def test_what_is_no_saved_network_is_refused(tmp_path, change, message):
    path = tmp_path / "net.npz"
    trained().save(path)
    with np.load(path) as archive:
        arrays = {name: change.get(name, array) for name, array in archive.items()}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(ValueError, match=rf"net\.npz is not a saved network: .*{message}"):
        load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("[1, 2]", "neither a NumPy archive nor JSON"),
        ('{"sizes": [2, 1]}', "neither a NumPy archive nor JSON"),
        ('{"sizes": [2, 1], "weights": [[[1, 2]]], "biases": [[1]]}', r"biases\[0\] must have shape \(1, 1\), not \(1,\)"),
        ('{"sizes": [2, 1], "weights": [[[1, "2"]]], "biases": [[[1]]]}', r"weights\[0\] must hold real numbers"),
        ('{"sizes": [2, 1], "weights": [[[1, NaN]]], "biases": [[[1]]]}', r"weights\[0\] must hold finite numbers"),
        ('{"sizes": [2, 1], "weights": [[[1], [2, 3]]], "biases": [[[1]]]}', "inhomogeneous"),
        ('{"sizes": [2, 1], "weights": 5, "biases": 6}', "not iterable"),
        ('{"sizes": [1000000, 1000000], "weights": [[]], "biases": [[]]}', r"biases\[0\] must have shape"),
        ("[" * 100_000, "recursion"),
        ('{"sizes": ' + "1" * 10_000 + "}", "digits"),
    ],
)
def test_what_is_no_network_in_json_is_refused(tmp_path, text, message):
    (tmp_path / "net").write_text(text)
    with pytest.raises(ValueError, match=rf"net is not a saved network: .*{message}"):
        load(tmp_path / "net")


def test_a_device_is_no_file(tmp_path):
    for call in (load, trained().save):
        with pytest.raises((ValueError, OSError), match="not a file"):
            call(os.devnull if os.name == "posix" else tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("failing", ["fsync", "replace", "chmod"])
def test_a_failure_at_any_moment_leaves_the_old_file(tmp_path, monkeypatch, failing):
    path = tmp_path / "net.npz"
    trained(seed=1).save(path)

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(disk.os, failing, fail)
        with pytest.raises(OSError, match="No space left on device; nothing was changed") as caught:
            trained(seed=2).save(path)
    assert caught.value.filename == os.path.realpath(path)
    same_bits(load(path), trained(seed=1))
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]


FULL_DISK = """
import resource, sys
from nndl_ext import Network
net = Network([100, 100], seed=5)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    net.save(sys.argv[1])
except OSError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="no limits there")
def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path):
    path = tmp_path / "net.npz"
    trained().save(path)
    result = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True)
    assert "File too large; nothing was changed" in result.stdout
    same_bits(load(path), trained())
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]


@pytest.mark.skipif(os.name == "nt", reason="no links or modes there")
def test_links_are_followed_and_modes_kept(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "net.npz")
    trained(seed=1).save(tmp_path / "link")
    (tmp_path / "net.npz").chmod(0o640)
    trained(seed=2).save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert stat.S_IMODE((tmp_path / "net.npz").stat().st_mode) == 0o640
    same_bits(load(tmp_path / "net.npz"), trained(seed=2))


@pytest.mark.parametrize("name", ["net.npz", "net.json"])
def test_a_read_only_file_is_left_alone(tmp_path, name):
    path = tmp_path / name
    trained(seed=1).save(path)
    before = path.read_bytes()
    path.chmod(0o444)
    for call in (lambda: trained(seed=2).save(path), lambda: disk.require_writable(path)):
        with pytest.raises(PermissionError, match="read-only") as caught:
            call()
        assert caught.value.filename == os.path.realpath(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [name]
    path.chmod(0o644)


@pytest.mark.skipif(os.name == "nt", reason="folders can't be opened there")
@pytest.mark.parametrize("failing", ["open", "fsync"])
def test_a_folder_that_can_not_be_synced_is_no_failure(tmp_path, monkeypatch, failing):
    original = getattr(os, failing)

    def fail_for_folders(file, *arguments):
        if stat.S_ISDIR((os.stat if failing == "open" else os.fstat)(file).st_mode):
            raise PermissionError(errno.EACCES, "Permission denied")
        return original(file, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(disk.os, failing, fail_for_folders)
        trained().save(tmp_path / "net.npz")
    same_bits(load(tmp_path / "net.npz"), trained())


def test_whether_a_file_can_be_written_is_known_without_a_trace(tmp_path):
    disk.require_writable(tmp_path / "net.npz")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError, match="nowhere"):
        disk.require_writable(tmp_path / "nowhere" / "net.npz")
    with pytest.raises(OSError, match="not a file"):
        disk.require_writable(tmp_path)


def test_notes_of_a_program_are_kept_and_ignored_by_load(tmp_path):
    net = trained()
    saving.write(tmp_path / "net.npz", net._saved(run=np.array("text"), order=np.arange(3)))
    same_bits(load(tmp_path / "net.npz"), net)
    notes = saving.read(tmp_path / "net.npz").notes
    assert str(notes["run"]) == "text"
    assert notes["order"].tolist() == [0, 1, 2]


def _train(net):
    net.SGD(DATA, 2, 7, 0.5)
    return net


def test_processes_send_networks_to_each_other():
    nets = [trained(seed=seed) for seed in (1, 2)]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        results = pool.map(_train, nets)
    for net, result in zip(nets, results, strict=True):
        same_bits(result, _train(net))
