"""The networks of chapters 1 to 3 of *Neural Networks and Deep Learning*, with compiled kernels.

>>> from nndl_ext import mnist_loader, network
>>> training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
>>> net = network.Network([784, 30, 10], seed=0)
>>> net.SGD(training_data, 2, 10, 3.0, test_data=test_data)
Epoch 0: 9063 / 10000
Epoch 1: 9249 / 10000
"""

from __future__ import annotations

TYPE_CHECKING = False  # not from the module typing, which would double the time of this import
if TYPE_CHECKING:
    from typing import Any

    from nndl_ext import mnist_loader, network, network2, perceptron, reference
    from nndl_ext._data.dataset import Dataset
    from nndl_ext.config import show_config
    from nndl_ext.network import DivergenceError, Network, load

    __version__: str

__all__ = [
    "Dataset", "DivergenceError", "Network", "__version__", "load", "mnist_loader", "network", "network2",
    "perceptron", "reference", "show_config",
]  # fmt: skip

# The module that defines each name above. A module stands for itself.
_MODULES = {name: name for name in ("mnist_loader", "network", "network2", "perceptron", "reference")}
_MODULES |= {"Dataset": "_data.dataset", "show_config": "config"} | dict.fromkeys(
    ("DivergenceError", "Network", "load"), "network"
)


def _get(name: str) -> Any:
    """Import a public name on first use.

    This makes importing the package fast, and lets the command line report kernels that can't be loaded.
    """
    if name == "__version__":
        from importlib.metadata import version

        return version("nndl-ext")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.{_MODULES[name]}")
    globals()[name] = module if _MODULES[name] == name else getattr(module, name)
    return globals()[name]


def __dir__() -> list[str]:
    return list(__all__)


if not TYPE_CHECKING:  # a type checker would accept any name
    __getattr__ = _get
