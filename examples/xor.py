"""XOR, which no single neuron can learn, but a network with four hidden neurons can."""

import io
from contextlib import redirect_stdout

from nndl_ext import Dataset, Network

data = Dataset([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])
net = Network([2, 4, 1], seed=0)
with redirect_stdout(io.StringIO()):  # a line for each of a thousand epochs
    net.SGD(data, 1000, 4, 3.0)

for x, y in data:
    print(f"{x[0, 0]:g} xor {x[1, 0]:g} = {net.feedforward(x)[0, 0]:.3f}, should be {y}")
print(f"{net.evaluate(data)} of 4 right, cost {net.cost(data):.5f}")
