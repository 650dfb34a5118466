"""
Chapter 2: how backpropagation works
====================================

The chapter derives four equations by which the gradient of the cost comes out of one
pass forward and one pass back. This page checks them.
"""

# %%
# The four equations
# ------------------
# The error of a neuron is how the cost changes with its weighted input,
# :math:`\delta^l_j = \partial C / \partial z^l_j`. Backpropagation is
#
# .. math::
#
#    \delta^L = \nabla_a C \odot \sigma'(z^L) \quad \text{(BP1)}
#
# .. math::
#
#    \delta^l = ((w^{l+1})^T \delta^{l+1}) \odot \sigma'(z^l) \quad \text{(BP2)}
#
# .. math::
#
#    \frac{\partial C}{\partial b^l_j} = \delta^l_j \quad \text{(BP3)}
#
# .. math::
#
#    \frac{\partial C}{\partial w^l_{jk}} = a^{l-1}_k \delta^l_j \quad \text{(BP4)}
#
# ``backprop`` gives the gradient for one sample: arrays of the shapes of ``biases``
# and ``weights``.

import numpy as np

from nndl_ext import mnist_loader, network

training_data, _, _ = mnist_loader.load_data_wrapper()
x, y = training_data[0]
net = network.Network([784, 30, 10], seed=0)
nabla_b, nabla_w = net.backprop(x, y)
print([array.shape for array in nabla_b], [array.shape for array in nabla_w])

# %%
# By hand
# -------
# The four equations in NumPy give the same, up to rounding.

sigma = network.sigmoid
z1 = net.weights[0] @ x + net.biases[0]
z2 = net.weights[1] @ sigma(z1) + net.biases[1]
delta2 = (sigma(z2) - y) * network.sigmoid_prime(z2)  # BP1
delta1 = net.weights[1].T @ delta2 * network.sigmoid_prime(z1)  # BP2
by_hand = [delta1, delta2], [delta1 @ x.T, delta2 @ sigma(z1).T]  # BP3, BP4
for name, ours, theirs in zip(("biases", "weights"), (nabla_b, nabla_w), by_hand):
    largest = max(abs(v - w).max() for v, w in zip(ours, theirs))
    print(f"{name}: largest difference {largest:.1e}")

# %%
# By trying
# ---------
# The derivative of the cost by a weight is also what a small change of the weight
# does to the cost. The chapter explains why nobody computes it in this way: it takes
# a pass forward for each of 23,820 weights and biases. For three of them it is a good
# check.

step = 1e-5
for place in np.argsort(-abs(nabla_w[0]).ravel())[[0, 100, 1000]]:
    j, k = np.unravel_index(place, nabla_w[0].shape)
    costs = []
    for sign in (1, -1):
        net.weights[0][j, k] += sign * step
        costs.append(net.cost([(x, y)]))
        net.weights[0][j, k] -= sign * step
    difference = (costs[0] - costs[1]) / (2 * step)
    print(f"by trying {difference:+.9f}, by backprop {nabla_w[0][j, k]:+.9f}")

# %%
# Where the gradient is
# ---------------------
# BP4 says that a weight learns as fast as its input is active. So the gradient of a
# hidden neuron's weights is its error times the image.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
axes[0].imshow(x.reshape(28, 28), cmap="Greys")
axes[0].set_title("the image")
strongest = np.argsort(-abs(delta1[:, 0]))[:3]
limit = abs(nabla_w[0]).max()
for ax, j in zip(axes[1:], strongest):
    ax.imshow(nabla_w[0][j].reshape(28, 28), cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set_title(f"neuron {j}, error {delta1[j, 0]:+.3f}", fontsize=9)
for ax in axes:
    ax.set_axis_off()

# %%
# A cost of your own
# ------------------
# Override ``cost_derivative`` to train on another cost: it is :math:`\nabla_a C` in
# BP1. For the cost :math:`\frac{1}{4} \sum_j (a_j - y_j)^4` the derivative is the
# cube of the difference. It runs in Python, once for each mini-batch.


class Quartic(network.Network):
    """Trained on the fourth powers of the errors."""

    def cost_derivative(self, output_activations, y):
        """The derivative by each output."""
        return (output_activations - y) ** 3


net = Quartic([784, 30, 10], seed=0)
net.SGD(training_data[:10_000], 3, 10, 3.0, test_data=training_data[-1000:])
