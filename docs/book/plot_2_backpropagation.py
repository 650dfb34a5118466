"""
Chapter 2: how backpropagation works
====================================

The chapter derives four equations that give the gradient of the cost after one pass
forward and one pass back. This page checks them.
"""

# %%
# The four equations
# ------------------
# The error of a neuron is the derivative of the cost by its weighted input,
# :math:`\delta^l_j = \partial C / \partial z^l_j`. The equations of backpropagation are
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
# ``backprop`` returns the gradient for one sample: arrays of the same shapes as
# ``biases`` and ``weights``.

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
# The four equations, written in NumPy, give the same gradient up to rounding.

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
# By differences
# --------------
# The derivative of the cost by a weight says how much a small change of the weight
# changes the cost. The chapter explains why nobody computes gradients from such
# differences: they need a pass forward for each of the 23,820 weights. For three
# weights they are a good check.

step = 1e-5
for place in np.argsort(-abs(nabla_w[0]).ravel())[[0, 100, 1000]]:
    j, k = np.unravel_index(place, nabla_w[0].shape)
    costs = []
    for sign in (1, -1):
        net.weights[0][j, k] += sign * step
        costs.append(net.cost([(x, y)]))
        net.weights[0][j, k] -= sign * step
    difference = (costs[0] - costs[1]) / (2 * step)
    print(f"by differences {difference:+.9f}, by backprop {nabla_w[0][j, k]:+.9f}")

# %%
# Where the gradient is
# ---------------------
# BP4 says that a weight learns quickly if its input is active. So the gradient by a
# hidden neuron's weights is the image times the neuron's error.

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
# Your own cost
# -------------
# To train on another cost, override ``cost_derivative``, which is :math:`\nabla_a C` in
# BP1. For the cost :math:`\frac{1}{4} \sum_j (a_j - y_j)^4` the derivative is the
# cube of the difference. The method runs in Python, once for each mini-batch.


class Quartic(network.Network):
    """Trained on the fourth powers of the errors."""

    def cost_derivative(self, output_activations, y):
        """The derivative by each output."""
        return (output_activations - y) ** 3


net = Quartic([784, 30, 10], seed=0)
net.SGD(training_data[:10_000], 3, 10, 3.0, test_data=training_data[-1000:])
