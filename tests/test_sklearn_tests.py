"""scikit-learn's own tests on our estimators: the tests of its perceptrons, and those of all estimators."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn", minversion="1.6")
from sklearn.utils.estimator_checks import check_estimator

from nndl_ext.sklearn import MLPClassifier, MLPRegressor


def test_of_their_perceptrons():
    """In a separate process, where our estimators replace scikit-learn's before the tests are collected."""
    pytest.importorskip("pandas")  # without it, some of them are skipped
    command = [sys.executable, "-m", "pytest", "-q", "-p", "sklearn_plugin", "-p", "no:cacheprovider", "-c", os.devnull]
    done = subprocess.run(
        [*command, "--pyargs", "sklearn.neural_network.tests.test_mlp"],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout


@pytest.mark.filterwarnings("ignore")  # the checks test for the relevant warnings themselves
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_of_all_estimators(estimator, solver):
    check_estimator(estimator(solver=solver, max_iter=100))
