"""
Contact sheet
=============

These are all the pictures that the package draws, for a network of chapter 1. Each
takes one call.
"""

import io
from contextlib import redirect_stdout

import matplotlib.pyplot as plt

from nndl_ext import mnist_loader, network, plot

training_data, _, test_data = mnist_loader.load_data_wrapper()
net = network.Network([784, 30, 10], seed=0)
with redirect_stdout(io.StringIO()):
    net.SGD(training_data, 8, 10, 3.0, test_data=test_data)

# %%
# The pictures are drawn into matplotlib axes, so one figure can hold them all.

figure, axes = plt.subplots(
    3, 2, figsize=(12, 12), layout="constrained", height_ratios=[1, 1.6, 1]
)
plot.digits(test_data[:50], ax=axes[0, 0])
plot.misclassified(net, test_data, ax=axes[0, 1])
plot.learning_curves(net.history, evaluation_size=10_000, ax=axes[1, 0])
plot.confusion_matrix(net, test_data, ax=axes[1, 1])
plot.weights(net, ax=axes[2, 0])
plot.activation("sigmoid", ax=axes[2, 1])
names = "digits misclassified learning_curves confusion_matrix weights activation"
for name, ax in zip(names.split(), axes.flat, strict=True):
    ax.set_title(name)

# %%
# The activations
# ---------------
# The kernels know these activations. The dashed lines are the derivatives.

names = ["sigmoid", "tanh", "relu", "softplus", "identity", "softmax"]
figure, axes = plt.subplots(2, 3, figsize=(11, 6), layout="constrained")
for name, ax in zip(names, axes.flat, strict=True):
    plot.activation(name, ax=ax)
