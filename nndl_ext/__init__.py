"""The network of chapter 1 of *Neural Networks and Deep Learning*, with compiled kernels.

>>> from nndl_ext import mnist_loader, network
>>> training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
>>> net = network.Network([784, 30, 10])
>>> net.SGD(training_data, 30, 10, 3.0, test_data=test_data)
"""

from nndl_ext import mnist_loader, network
from nndl_ext.config import show_config
from nndl_ext.dataset import Dataset
from nndl_ext.network import DivergenceError, Network, load

__all__ = ["Dataset", "DivergenceError", "Network", "__version__", "load", "mnist_loader", "network", "show_config"]


def __getattr__(name: str) -> str:
    """``__version__``, read from the installed package when it is asked for: that takes as long as half of NumPy."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("nndl-ext")
