"""The kernels of the networks. They take and fill arrays, and release the GIL while they compute.

They do not check shapes, so only ``nndl_ext._engine``, ``nndl_ext._data`` and the tests should call them.

``layout`` has one element, a ``Layer``, for each layer after the inputs. It says where the layer's biases and weights are in
the flat array ``parameters``, and what the layer computes (see ``nndl_ext._engine.parameters``).
"""

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_RECORDS_RO, PyBUF_WRITABLE, PyBuffer_FillInfo, PyBuffer_IsContiguous, PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset, strcmp

include "memory.pxi"
include "arithmetic.pxi"
include "products.pxi"
include "sparse_products.pxi"
include "activations.pxi"
include "costs.pxi"
include "optimizers.pxi"
include "dropout.pxi"
include "layer.pxi"
include "rows.pxi"
include "job.pxi"
include "scale.pxi"
include "dense.pxi"
include "across.pxi"
include "sparse.pxi"
include "by_python.pxi"
include "outputs.pxi"
include "passes.pxi"
include "feedforward.pxi"
include "work.pxi"
include "descend.pxi"
include "backprop.pxi"
include "arrays.pxi"
