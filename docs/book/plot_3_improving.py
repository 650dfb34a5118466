"""
Chapter 3: improving the way networks learn
===========================================

The chapter replaces the cost, regularises, and draws better first weights. Its
program, ``network2.py``, is `nndl_ext.network2`. What the book's exercises ask
readers to add to the program are options here.
"""

# %%
# The cross-entropy cost
# ----------------------
# With the quadratic cost a neuron that is badly wrong learns slowly, since
# :math:`\sigma'(z)` is near 0 there. The chapter's example is one neuron that is to
# learn to put out 0 for the input 1. It starts from a weight and a bias of 2.

import io
from contextlib import redirect_stdout

from nndl_ext import mnist_loader, network2, plot

neuron = {}
for cost in (network2.QuadraticCost, network2.CrossEntropyCost):
    net = network2.Network([1, 1], cost=cost, seed=0)
    net.weights, net.biases = [[[2.0]]], [[[2.0]]]
    with redirect_stdout(io.StringIO()):
        costs = net.SGD([([1.0], [0.0])], 300, 1, 0.15, monitor_training_cost=True)[2]
    neuron[cost.__name__] = {"training_cost": costs}
    print(
        f"{cost.__name__}: output {net.feedforward([1.0]).item():.2f} after 300 steps"
    )
plot.learning_curves(neuron)

# %%
# The cross-entropy cost (equation 63) has no factor :math:`\sigma'(z)` in its error:
#
# .. math:: C = -\frac{1}{n} \sum_x \left[ y \ln a + (1 - y) \ln (1 - a) \right]
#
# .. math:: \delta^L = a - y
#
# Here is the book's first call with it.

training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
on_test = {"evaluation_data": test_data, "monitor_evaluation_accuracy": True}
net = network2.Network([784, 30, 10], cost=network2.CrossEntropyCost, seed=0)
net.large_weight_initializer()
net.SGD(training_data, 5, 10, 0.5, **on_test)

# %%
# Overfitting
# -----------
# A network that sees only 1,000 images learns them by heart. The cost on the test
# data rises while that on the training data falls, and accuracy stands still.

monitors = {
    "monitor_evaluation_cost": True,
    "monitor_training_cost": True,
    "monitor_training_accuracy": True,
}
net = network2.Network([784, 30, 10], cost=network2.CrossEntropyCost, seed=0)
net.large_weight_initializer()
with redirect_stdout(io.StringIO()):
    history = net.SGD(training_data[:1000], 200, 10, 0.5, **(on_test | monitors))
plot.learning_curves(history, evaluation_size=len(test_data), training_size=1000)

# %%
# Regularisation
# --------------
# L2 regularisation adds the squares of all weights to the cost (equation 85), so each
# step also makes the weights a little smaller (equation 93):
#
# .. math:: C = C_0 + \frac{\lambda}{2n} \sum_w w^2
#
# .. math::
#
#    w \rightarrow \left(1 - \frac{\eta \lambda}{n}\right) w
#    - \frac{\eta}{m} \sum_x \frac{\partial C_x}{\partial w}
#
# The same network with :math:`\lambda = 0.1` on the same 1,000 images:

accuracies = {"without": {"evaluation_accuracy": history[1]}}
net = network2.Network([784, 30, 10], cost=network2.CrossEntropyCost, seed=0)
net.large_weight_initializer()
with redirect_stdout(io.StringIO()):
    net.SGD(training_data[:1000], 200, 10, 0.5, lmbda=0.1, **on_test)
accuracies["lmbda 0.1"] = {"evaluation_accuracy": net.history.evaluation_accuracy}
plot.learning_curves(accuracies, evaluation_size=len(test_data))

# %%
# Better first weights
# --------------------
# Weights of standard deviation :math:`1/\sqrt{n}`, for a neuron with n inputs, do not
# saturate the hidden neurons. They are what a new network has. The large ones of
# chapter 1 learn more slowly.

on_validation = {
    "evaluation_data": validation_data,
    "monitor_evaluation_accuracy": True,
}
starts = {}
for name in ("large", "default"):
    net = network2.Network([784, 30, 10], seed=0)
    getattr(net, f"{name}_weight_initializer")()
    with redirect_stdout(io.StringIO()):
        net.SGD(training_data, 10, 10, 0.1, lmbda=5.0, **on_validation)
    starts[f"{name} weights"] = {"evaluation_accuracy": net.history.evaluation_accuracy}
plot.learning_curves(starts, evaluation_size=len(validation_data))

# %%
# 98 per cent
# -----------
# With 100 hidden neurons and all of this the chapter comes to 98 %. It trains for 60
# epochs; here are 12.

net = network2.Network([784, 100, 10], cost=network2.CrossEntropyCost, seed=0)
with redirect_stdout(io.StringIO()):
    net.SGD(training_data, 12, 10, 0.1, lmbda=5.0, **on_validation)
print("on validation data:", net.history.evaluation_accuracy)
print(f"on test data: {net.accuracy(test_data)} of {len(test_data)}")

# %%
# What readers add
# ----------------
# Softmax and the log-likelihood cost, rectified linear units, L1, dropout, momentum,
# Adam, early stopping, a schedule for the learning rate and shifted images are
# options. Each of these runs takes three epochs.

from nndl_ext.network2 import Adam, LogLikelihoodCost, Momentum

variants = {
    "sigmoid": ({}, 0.1),
    "softmax": ({"cost": LogLikelihoodCost}, 0.1),
    "tanh": ({"activation": "tanh"}, 0.05),
    "relu": ({"activation": "relu"}, 0.03),
    "dropout": ({"activation": "relu", "dropout": 0.2}, 0.03),
    "momentum": ({"optimizer": Momentum(0.9)}, 0.01),
    "Adam": ({"activation": "relu", "optimizer": Adam()}, 0.001),
}
for name, (options, eta) in variants.items():
    net = network2.Network([784, 100, 10], seed=0, **options)
    with redirect_stdout(io.StringIO()):
        net.SGD(training_data, 3, 10, eta)
    print(f"{name:9} {net.accuracy(test_data) / len(test_data):.2%}")
