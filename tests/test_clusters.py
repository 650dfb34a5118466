"""Searches on clusters of worker processes, by Dask and Ray: the same bits for any number of workers, even if one is killed."""

import os
import re
import signal
import subprocess
import sys
import tracemalloc
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

pytest.importorskip("sklearn", minversion="1.6")
from nndl_ext import mnist_loader

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL")

EXAMPLES = Path(__file__).parent.parent / "examples"
PACKAGES = {"dask": "distributed", "ray": "ray"}
LINE = re.compile(r"(\d+) / (\d+), best .*, last by process (\d+)")


def environment(home):
    """An environment without limits on threads, in which a program writes only to this folder."""
    ours = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    return ours | {"HOME": str(home), "RAY_USAGE_STATS_ENABLED": "0"}


def sweep(library, workers, home, kills=0):
    """An example's output for 24 networks on 3000 images, and the processes that trained them. Some of these are killed."""
    command = [sys.executable, EXAMPLES / f"sweep_{library}.py", "--count=24", f"--workers={workers}", "--images=3000"]
    seen, killed = [], set()
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True, cwd=home, env=environment(home)) as process:
        for line in process.stderr:  # a carriage return also ends a line
            if found := LINE.search(line):
                seen.append(int(found[3]))
                if len(killed) < kills and seen[-1] not in killed:
                    os.kill(seen[-1], signal.SIGKILL)
                    killed.add(seen[-1])
        printed = process.stdout.read().splitlines()
    assert process.returncode == 0
    assert len(seen) == 24
    assert len(killed) == kills
    return printed[-2:], set(seen)


@pytest.fixture(scope="module", params=["dask", "ray"])
def alone(request, tmp_path_factory):
    """A library, and its example's result with one worker."""
    pytest.importorskip(PACKAGES[request.param])
    printed, processes = sweep(request.param, 1, tmp_path_factory.mktemp("home"))
    assert len(processes) == 1
    assert re.match(r"9\d\.\d\d% {", printed[0])
    assert re.fullmatch("[0-9a-f]{64}", printed[1])
    return request.param, printed


@pytest.mark.parametrize("workers", [2, 4])
def test_a_sweep_gives_the_same_bits_on_any_number_of_workers(alone, workers, tmp_path):
    library, expected = alone
    printed, processes = sweep(library, workers, tmp_path)
    assert printed == expected
    assert 2 <= len(processes) <= workers


def test_a_sweep_loses_nothing_with_workers_that_are_killed(alone, tmp_path):
    library, expected = alone
    printed, processes = sweep(library, 2, tmp_path, kills=2)
    assert printed == expected
    assert len(processes) > 2  # others have replaced them


# A separate process, since Ray changes joblib's classes and the signal handlers.
SEARCH = """
import contextlib, os, sys, warnings
import joblib, numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier
from sklearn.experimental import enable_halving_search_cv
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from nndl_ext._engine import threads
from nndl_ext.sklearn import MLPClassifier

@contextlib.contextmanager
def cluster(library):
    if library == "dask":
        from distributed import Client
        with Client(n_workers=2, threads_per_worker=1, dashboard_address=None):
            yield
    else:
        import ray
        from ray.util.joblib import register_ray
        register_ray()
        with ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False):
            yield

def where(*_):
    return {"threads": threads.limit(), "process": os.getpid()}

def results(small, x, y):
    grid = {"mlpclassifier__alpha": [1e-4, 1.0], "mlpclassifier__solver": ["sgd", "adam"]}
    yield GridSearchCV(make_pipeline(MinMaxScaler(), small), grid, cv=3).fit(x, y).cv_results_["mean_test_score"]
    choices = {"alpha": [1e-4, 1e-2, 1.0], "solver": ["sgd", "adam"]}
    yield HalvingRandomSearchCV(small, choices, random_state=0, cv=3).fit(x, y).cv_results_["mean_test_score"]
    yield cross_val_score(small, x, y, cv=3)
    for net in BaggingClassifier(small, n_estimators=4, random_state=0).fit(x, y).estimators_:
        yield net.coefs_[0]
    for part in CalibratedClassifierCV(small, cv=3).fit(x, y).calibrated_classifiers_:
        yield part.estimator.coefs_[0]

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    x, y = (part[:400] for part in load_digits(return_X_y=True))
    small = MLPClassifier(20, max_iter=5, random_state=0)
    alone = list(results(small, x, y))
    assert threads.limit() > 1 or threads.processors() == 1
    with cluster(sys.argv[1]), joblib.parallel_config(sys.argv[1], n_jobs=2):
        for expected, given in zip(alone, results(small, x, y), strict=True):
            np.testing.assert_array_equal(given, expected)
        told = cross_validate(small, x, y, scoring=where, cv=8)
    assert os.getpid() not in told["test_process"]
    assert set(told["test_threads"]) == {1}, told
"""


@pytest.mark.parametrize("library", ["dask", "ray"])
def test_searches_and_ensembles_by_joblib_run_each_fit_on_one_thread_of_a_worker(library, tmp_path):
    pytest.importorskip(PACKAGES[library])
    program = tmp_path / "search.py"
    program.write_text(SEARCH)
    subprocess.run([sys.executable, program, library], check=True, cwd=tmp_path, env=environment(tmp_path))


def test_chunks_need_the_memory_of_a_chunk(tmp_path):
    pytest.importorskip("dask.array")
    spec = spec_from_file_location("chunks_dask", EXAMPLES / "chunks_dask.py")
    example = module_from_spec(spec)
    spec.loader.exec_module(example)
    path, chunk = tmp_path / "pixels.npy", 1000
    labels = example.write(path, 8, 5000)
    example.train(path, labels[:chunk], chunk, 1)  # includes imports and data made once
    tracemalloc.start()
    net = example.train(path, labels, chunk, 2)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 * chunk * 784 * 4 < path.stat().st_size / 2
    assert net.score(*mnist_loader.load_data()[1]) > 0.85
