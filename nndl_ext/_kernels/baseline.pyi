from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[Any]

def feedforward(
    layout: NDArray[np.int64],
    parameters: Real,
    starts: NDArray[np.int64],
    indices: NDArray[np.uint16],
    values: Real,
    palette: NDArray[np.float64],
    outputs: Real,
) -> None: ...
def feedforward_column(layout: NDArray[np.int64], parameters: Real, a: NDArray[Any], outputs: Real) -> bool: ...
def feedforward_rows(layout: NDArray[np.int64], parameters: Real, x: Real, outputs: Real) -> None: ...
def descend(
    layout: NDArray[np.int64],
    parameters: Real,
    target: Real,
    starts: NDArray[np.int64],
    indices: NDArray[np.uint16],
    values: Real,
    palette: NDArray[np.float64],
    y: Real,
    order: NDArray[np.int64],
    mini_batch_size: int,
    eta: float,
    cost_derivative: Callable[[int, Any, Any], None] | None,
    workspace: NDArray[np.uint8],
    meeting: NDArray[np.int64],
    thread: int,
    threads: int,
) -> None: ...
def workspace_size(layout: NDArray[np.int64], itemsize: int, mini_batch_size: int) -> int: ...
def compress(x: Real) -> tuple[NDArray[np.int64], NDArray[np.uint16], Real]: ...
def enumerate_values(values: Real, positions: NDArray[np.uint8], palette: NDArray[np.float64]) -> int: ...
def shuffle(order: NDArray[np.int64], remaining: int, draws: NDArray[np.uint32]) -> int: ...
def sigmoid(z: Real, a: Real) -> None: ...
def exp(x: Real, y: Real) -> None: ...
