"""How threads divide a training, and how many pay off: a model of the time that a mini-batch takes.

A mini-batch of m samples takes one thread the time ``A`` for its multiply-adds and activations. T threads take::

    A / T + BYTE * (T - 1) / T * B + MEETING * (T + 2) * meetings

where ``B`` are the bytes that threads read after other threads have written them: the parameters, and the activations and
errors of all samples. Divided by samples, the threads meet twice for each block, by layers twice for each layer and pass. By
layers, they read all weights only once, from a cache that is far anyway. In units, each thread has samples of its own, and only
the units' gradients travel.

The constants were measured on AMD Zen 4 with AVX-512, and on an Intel Sapphire Rapids with 16 cores. They only choose a number
of threads, which changes no result: `_units` alone changes bits, and it depends on nothing but the network and the size of a
mini-batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from nndl_ext import _kernels
from nndl_ext._engine.threads import START, number_of_threads

if TYPE_CHECKING:
    from nndl_ext._engine.parameters import Layout

# Seconds, for float32; float64 takes twice as long. Outputs alone read the weights once, and write none.
MULTIPLY_ADD = 0.025e-9
FORWARD = 0.012e-9
ACTIVATION = 0.7e-9

# Seconds for a byte that another processor has written, and for each thread in a meeting.
BYTE = 0.1e-9
MEETING = 0.075e-6

# Samples that each thread needs to be divided by samples. With fewer, it would read all weights for too little work.
FEW_SAMPLES = 8


@dataclass
class Division:
    """How threads divide a job of mini-batches.

    Attributes
    ----------
    layout : Layout
        The places of the network's parameters.
    multiplications : float
        The mean number of multiplications for one sample's output.
    samples : int
        The number of samples in the job.
    size : int
        The number of samples in a mini-batch.
    in_python : bool
        Whether the network has functions of the user's own, which run on one thread.
    """

    layout: Layout
    multiplications: float
    samples: int
    size: int
    in_python: bool

    def threads(self, requested: int | None) -> int:
        """The number of threads that pay off, at most the requested one."""
        return 1 if self.in_python else number_of_threads(requested, self.seconds)

    def kind(self, threads: int) -> str:
        """How so many threads divide the work: a key of the kernels' ``DIVISIONS``."""
        if self._units():
            return "units"
        return "samples" if threads > 1 and self.size >= FEW_SAMPLES * threads else "layers"

    def seconds(self, threads: int) -> float:
        """The estimated time of the whole job."""
        itemsize = self.layout.dtype.itemsize
        parameters, sample = self.layout.size * itemsize, 2 * self.layout.neurons * itemsize
        alone = self.size * (3 * MULTIPLY_ADD * self.multiplications + ACTIVATION * self.layout.neurons) * itemsize / 4
        kind, share, others = self.kind(threads), 1 / threads, (threads - 1) / threads
        travelling, meetings = parameters + self.size * sample, 2.0
        if kind == "units":
            units = ceil(self.size / _kernels.kernels.SAMPLES_OF_A_UNIT)
            share, travelling = ceil(units / threads) / units, units * parameters
        elif kind == "layers":
            travelling, meetings = self.size * sample, 4.0 * len(self.layout.table)
        batch = alone * share + BYTE * others * travelling + MEETING * (threads + 2) * meetings * (threads > 1)
        return ceil(self.samples / self.size) * batch + START * (threads > 1)

    def _units(self) -> bool:
        """Whether each unit of samples is summed by itself: in mini-batches of more than one, and in small networks, of which
        the rows of weights are too few to be divided."""
        kernels = _kernels.kernels
        small = self.layout.size * self.layout.dtype.itemsize <= kernels.BYTES_OF_A_SMALL_NETWORK
        return small and not self.in_python and self.size > kernels.SAMPLES_OF_A_UNIT


def threads_for_outputs(requested: int | None, multiplications: float, itemsize: int) -> int:
    """The number of threads that pay off for outputs that take so many multiplications, without mini-batches or meetings."""
    alone = multiplications * FORWARD * itemsize / 4
    return number_of_threads(requested, lambda threads: alone / threads + START * (threads > 1))
