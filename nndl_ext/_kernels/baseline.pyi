from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[Any]

ACTIVATIONS: dict[str, int]
COSTS: dict[str, int]
OPTIMISERS: dict[str, int]

class Sealed:
    def __buffer__(self, flags: int, /) -> memoryview: ...

class Rows:
    def __init__(
        self,
        inputs: int,
        starts: NDArray[np.int64],
        indices: NDArray[np.uint16] | NDArray[np.uint32],
        values: Real,
        palette: NDArray[np.float64],
    ) -> None: ...
    @property
    def elements(self) -> int: ...

class Work:
    def __init__(
        self,
        layout: NDArray[np.int64],
        itemsize: int,
        rows: Rows,
        order: NDArray[np.int64],
        mini_batch_size: int,
        cost: int,
        keeps_source: bool,
        *,
        weights: NDArray[np.float64],
        rates: NDArray[np.float64],
        seed: int,
        epoch: int,
        costs: NDArray[np.float64],
        least: float,
        squares: NDArray[np.float64],
        functions: object | None,
    ) -> None: ...

def feedforward(
    layout: NDArray[np.int64], parameters: Real, rows: Rows, first: int, outputs: Real, functions: object | None
) -> None: ...
def feedforward_column(layout: NDArray[np.int64], parameters: Real, a: NDArray[Any], outputs: Real) -> bool: ...
def feedforward_rows(layout: NDArray[np.int64], parameters: Real, x: Real, outputs: Real, functions: object | None) -> None: ...
def descend(
    work: Work,
    parameters: Real,
    y: Real,
    gradient: Real,
    moments: Real,
    step: NDArray[np.float64],
    thread: int,
    threads: int,
    meeting: NDArray[np.int64],
) -> None: ...
def compress(x: Real) -> tuple[NDArray[np.int64], NDArray[np.uint16], Real]: ...
def seal(array: NDArray[Any]) -> Sealed: ...
def first_wrong_row(starts: NDArray[np.int64], indices: NDArray[Any], inputs: int) -> int: ...
def enumerate_values(values: Real, positions: NDArray[np.uint8], palette: NDArray[np.float64]) -> int: ...
def twist(state: NDArray[np.uint32], draws: NDArray[np.uint32]) -> None: ...
def shuffle(order: NDArray[np.int64], remaining: int, draws: NDArray[np.uint32], as_numpy: bool) -> int: ...
def shuffle_by_twister(order: NDArray[np.int64], state: NDArray[np.uint32], as_numpy: bool) -> None: ...
def activations(kind: int, z: Real, a: Real) -> None: ...
def exp(x: Real, y: Real) -> None: ...
def log(x: NDArray[np.float64], y: NDArray[np.float64]) -> None: ...
def costs(cost: int, a: Real, y: Real, totals: NDArray[np.float64], least: float) -> None: ...
def largest(outputs: Real, places: NDArray[np.int64]) -> None: ...
def random_words(seed: int, counter: NDArray[np.uint32], words: NDArray[np.uint32]) -> None: ...
