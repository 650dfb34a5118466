"""Fuzzes what takes arrays: broken sparse matrices, and memory-mapped files that another process changes meanwhile.

    pip install -e '.[sklearn]'
    python tools/fuzz_arrays.py 60 0        # for 60 seconds, with seed 0

Each call must return, or raise an error that says what is wrong. If it returns, a CSR matrix must have given what the same
numbers as a dense array give. ``tools/sanitize.sh asan`` runs this on kernels that detect every access outside an array.
"""

import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import sparse

from nndl_ext import Dataset, Network
from nndl_ext.sklearn import MLPClassifier, MLPRegressor

ROWS, COLUMNS = 12, 9
Y = np.arange(ROWS) % 2
FITTED = MLPClassifier((4,), max_iter=1, batch_size=5, random_state=0).partial_fit(np.eye(ROWS, COLUMNS), Y, classes=[0, 1])
CALLS = {
    "Dataset": lambda x: Network([COLUMNS, 3, 2], seed=0)._outputs(Dataset(x, Y)),
    "fit": lambda x: MLPClassifier((4,), max_iter=1, batch_size=5, random_state=0).fit(x, Y).coefs_[0],
    "partial_fit": lambda x: MLPRegressor(hidden_layer_sizes=(4,), random_state=0).partial_fit(x, Y).coefs_[0],
    "lbfgs": lambda x: MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=2, random_state=0).fit(x, Y).coefs_[0],
    "early stopping": lambda x: (
        MLPClassifier((4,), max_iter=1, early_stopping=True, validation_fraction=0.3, random_state=0).fit(x, Y).coefs_[0]
    ),
    "predict": FITTED.predict_proba,
}
WRITER = """
import sys, numpy as np
rng, paths = np.random.default_rng(int(sys.argv[1])), sys.argv[2:]
arrays = [np.load(path, mmap_mode="r+") for path in paths]
while True:
    for array in arrays:
        place = rng.integers(0, array.size, max(1, array.size // 3))
        flat = array.reshape(-1)
        if array.dtype.kind == "f":
            flat[place] = np.where(rng.random(len(place)) < 0.5, 0, rng.random(len(place)))
        else:
            flat[place] = rng.choice([0, 1, 2, -1, 10**9, array.size], len(place))
        flat[:] = 0 if rng.random() < 0.5 else flat
"""


def broken(rng):
    """A sparse matrix in a random format, in which something has been changed since SciPy made it."""
    x = rng.standard_normal((ROWS, COLUMNS)) * (rng.random((ROWS, COLUMNS)) < rng.random())
    matrix = sparse.csr_array(x).asformat(rng.choice(["csr", "csr", "csr", "csc", "coo", "bsr", "lil", "dok", "dia"]))
    if matrix.format == "lil" and rng.random() < 0.7:
        lists = matrix.rows if rng.random() < 0.5 else matrix.data
        lists[rng.integers(0, ROWS)] = rng.choice(
            [0, 1, COLUMNS - 1, COLUMNS, -1, 10**6], rng.integers(0, 2 * COLUMNS)
        ).tolist()
    names = [
        name
        for name in ("indices", "indptr", "data", "row", "col", "offsets")
        if isinstance(getattr(matrix, name, None), np.ndarray)
    ]
    for name in rng.permutation(names)[: rng.integers(0, 3)]:
        array = np.array(getattr(matrix, name))
        if array.size and array.ndim == 1 and array.dtype != object:
            place = rng.integers(0, array.size, rng.integers(1, 3))
            values = [0, 1, -1, 3, COLUMNS - 1, COLUMNS, ROWS, 10**6, 2**31 - 1]
            array[place] = rng.choice(values, len(place)) if rng.random() < 0.7 else array[rng.integers(0, array.size)]
            if rng.random() < 0.1:
                array = array[: rng.integers(0, array.size)]
            if rng.random() < 0.1:
                array = array.astype(rng.choice(["i8", "u4", "i2", "f8"]))
        try:
            setattr(matrix, name, array)
        except (AttributeError, ValueError):
            continue
    return matrix


def dense(matrix):
    """The numbers of a CSR matrix, without SciPy; None if an index is wrong."""
    starts, x = matrix.indptr.tolist(), np.zeros(matrix.shape)
    if (
        starts[0]
        or len(starts) != ROWS + 1
        or sorted(starts) != starts
        or starts[-1] > min(len(matrix.indices), len(matrix.data))
    ):
        return None
    for row in range(ROWS):
        for place in range(starts[row], starts[row + 1]):
            if not 0 <= matrix.indices[place] < COLUMNS:
                return None
            x[row, matrix.indices[place]] += matrix.data[place]
    return x


def try_broken(rng, counts):
    matrix = broken(rng)
    kept = (matrix.indptr.copy(), matrix.indices.copy(), matrix.data.copy()) if matrix.format == "csr" else None
    name = rng.choice([*CALLS])
    try:
        found = CALLS[name](matrix)
    except (ValueError, TypeError, IndexError) as error:
        counts[f"{name}: {type(error).__name__}"] += 1
        if not str(error):
            raise AssertionError("an error without a text") from error
        return
    counts[f"{name}: returned"] += 1
    if kept:
        assert all(map(np.array_equal, kept, (matrix.indptr, matrix.indices, matrix.data))), "the user's matrix was changed"
        x = dense(matrix)
        assert x is not None, f"{name} accepted wrong indices: {kept}"
        np.testing.assert_allclose(CALLS[name](x), found, rtol=1e-9, atol=1e-12)


def try_changing(rng, folder, counts):
    """Read arrays for a while that another process changes."""
    rows, columns = 2000, 64
    x = rng.random((rows, columns)) * (rng.random((rows, columns)) < 0.05)
    matrix = sparse.csr_array(x)
    arrays = {"x": x, "single": x.astype(np.float32), **{name: getattr(matrix, name) for name in ("data", "indices", "indptr")}}
    paths = {name: str(folder / f"{name}.npy") for name in arrays}
    for name, array in arrays.items():
        np.save(paths[name], array)
    y = np.arange(rows) % 2
    own = {name: np.load(path, mmap_mode="r") for name, path in paths.items()}
    fitted = MLPClassifier((4,), max_iter=1, random_state=0).partial_fit(x, y, classes=[0, 1])
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(rng.integers(1000)), *paths.values()])
    try:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            for name in ("x", "single", "sparse"):
                given = own.get(name)
                if given is None:
                    given = sparse.csr_array((rows, columns))
                    given.data, given.indices, given.indptr = own["data"], own["indices"], own["indptr"]
                for call in (
                    lambda given: MLPClassifier((4,), max_iter=1, random_state=0).fit(given, y),
                    fitted.predict_proba,
                    lambda given: Dataset(given, y).rows,
                ):
                    try:
                        call(given)
                        counts[f"changing {name}: returned"] += 1
                    except (ValueError, RuntimeError) as error:
                        counts[f"changing {name}: {type(error).__name__}"] += 1
    finally:
        writer.kill()
        writer.wait()


def main():
    seconds, seed = float(sys.argv[1]), int(sys.argv[2])
    rng, counts, end = np.random.default_rng(seed), Counter(), time.monotonic() + seconds
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            try_changing(rng, Path(folder), counts)
            pause = time.monotonic() + 10
            while time.monotonic() < min(end, pause):
                try_broken(rng, counts)
    for what, count in sorted(counts.items()):
        print(f"{count:8} {what}")


if __name__ == "__main__":
    main()
