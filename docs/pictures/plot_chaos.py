"""
Chaos at eta = 3
================

The first weights of two networks differ by a factor of 1 + 1e-15. Adding numbers in
another order makes a larger difference. Both networks train on the same mini-batches.
At the book's learning rate of 3, they are different networks after two epochs, which
are 10,000 mini-batches.
"""

import io
from contextlib import redirect_stdout

import matplotlib.pyplot as plt
import numpy as np

from nndl_ext import Dataset, mnist_loader, network

training_data, _, test_data = mnist_loader.load_data_wrapper()
training_data = Dataset.from_pairs(training_data)


def differences(eta, part=2_000):
    """The largest difference of two weights after each part, and both networks."""
    nets = [network.Network([784, 30, 10], seed=0) for _ in range(2)]
    nets[1].weights = [w * (1 + 1e-15) for w in nets[1].weights]
    after = []
    for _ in range(2):
        for start in range(0, len(training_data), part):
            with redirect_stdout(io.StringIO()):
                for net in nets:
                    net.SGD(training_data[start : start + part], 1, 10, eta)
            one, other = (
                np.concatenate([w.ravel() for w in net.weights]) for net in nets
            )
            after.append(abs(one - other).max())
    return after, nets


# %%
# The vertical axis is logarithmic. At :math:`\eta = 3` the difference grows
# exponentially until the networks have nothing in common. At :math:`\eta = 0.5` and
# :math:`\eta = 0.1` it does not grow.

figure, ax = plt.subplots(figsize=(7, 4))
for eta, look in ((3.0, "C3-o"), (0.5, "C0--s"), (0.1, "C2:^")):
    after, nets = differences(eta)
    ax.semilogy(
        200 * np.arange(1, len(after) + 1),
        after,
        look,
        markersize=4,
        label=f"eta = {eta:g}",
    )
    right = [net.evaluate(test_data) for net in nets]
    print(
        f"eta {eta:g}: largest difference {after[-1]:.1e};",
        f"right answers {right[0]} and {right[1]}",
    )
ax.set(xlabel="mini-batches", ylabel="largest difference of two weights")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)

# %%
# So two computers whose libraries add in different orders report different accuracies
# for the same seed, and neither is wrong. More precise arithmetic would only delay
# this. Equal bits prevent it: see :doc:`/same_bits`. This digest of the weights after a
# short training is the same on every machine. If it were not, the documentation would
# not build.

import hashlib

net = network.Network([784, 30, 10], seed=0)
with redirect_stdout(io.StringIO()):
    net.SGD(training_data, 1, 10, 3.0)
digest = hashlib.sha256(
    b"".join(w.astype("<f8").tobytes() for w in net.weights)
).hexdigest()
print(digest)
assert digest.startswith("c05489a1eb5a3b5a")
