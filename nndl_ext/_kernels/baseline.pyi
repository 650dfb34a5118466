from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[Any]

def feedforward(
    layout: NDArray[np.int64],
    parameters: Real,
    starts: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: Real,
    outputs: Real,
) -> None: ...
def descend(
    layout: NDArray[np.int64],
    parameters: Real,
    target: Real,
    starts: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: Real,
    y: Real,
    order: NDArray[np.int64],
    mini_batch_size: int,
    eta: float,
    cost_derivative: Callable[[Any, Any, Any], None] | None,
) -> None: ...
def compress(x: Real) -> tuple[NDArray[np.int64], NDArray[np.int32], Real]: ...
def shuffle(order: NDArray[np.int64], remaining: int, draws: NDArray[np.uint64]) -> int: ...
def sigmoid(z: Real, a: Real) -> None: ...
def exp(x: Real, y: Real) -> None: ...
