"""Fixtures: every kernel variant, and MNIST."""

from contextlib import contextmanager
from importlib import import_module

import numpy as np
import pytest
from hypothesis import settings

from nndl_ext import Dataset, _kernels, mnist_loader
from nndl_ext._engine import threads

pytest.register_assert_rewrite("helpers")


def pytest_addoption(parser):
    parser.addoption("--best-variant", action="store_true", help="run on the best kernel variant of this machine alone")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--best-variant"):
        others = [item for item in items if getattr(item, "callspec", None) and item.callspec.params.get("variant") in OTHERS]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]


OTHERS = _kernels.available[1:]


@contextmanager
def using(variant):
    """The package with one of the kernel variants."""
    kernels = import_module(f"nndl_ext._kernels.{variant.replace('-', '_')}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_kernels, "kernels", kernels)
        yield kernels


@pytest.fixture(scope="module", params=_kernels.available)
def variant(request):
    """The package with one of the kernel variants. A module that uses this fixture runs once with each."""
    with using(request.param) as kernels:
        yield kernels


@pytest.fixture(scope="session")
def mnist():
    """All of MNIST: training, validation and test data."""
    return tuple(map(Dataset.from_pairs, mnist_loader.load_data_wrapper()))


@pytest.fixture(autouse=True)
def _many_processors(monkeypatch):
    """Lets a test use as many threads as it asks for, on any machine and for any job."""
    monkeypatch.setattr(threads, "processors", lambda: 8)
    monkeypatch.setattr(threads, "fastest", lambda most, _: most)


@pytest.fixture(scope="session")
def small():
    """The first digits of MNIST: 60 for training and 20 for test, of 28 x 28 grey levels."""
    training_data, _, test_data = mnist_loader.load_data()
    return tuple((np.uint8(x[:n] * 256).reshape(n, 28, 28), y[:n]) for (x, y), n in ((training_data, 60), (test_data, 20)))


@pytest.fixture(scope="session")
def eight_by_eight():
    """Scikit-learn's digits: 8 x 8 pixels from 0 to 16, and their labels."""
    datasets = pytest.importorskip("sklearn.datasets")
    return datasets.load_digits(return_X_y=True)


# Some tests mention ``pytest --hypothesis-profile=long``.
# The suite tries the same examples each time; the other profiles look for new ones.
settings.register_profile("suite", stateful_step_count=15, deadline=None, derandomize=True)
settings.load_profile("suite")
settings.register_profile("long", max_examples=20_000, stateful_step_count=15, deadline=None)
settings.register_profile("thousand", max_examples=1000, deadline=None)
