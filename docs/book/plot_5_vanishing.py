"""
Chapter 5: why deep networks are hard to train
==============================================

More hidden layers ought to help, but they hardly do. The chapter shows why: the first
layers learn much more slowly than the last ones.
"""

# %%
# More layers
# -----------
# The book trains networks with one, two and three hidden layers of 30 neurons, all
# with the same settings.

import io
from contextlib import redirect_stdout

from nndl_ext import mnist_loader, network2, plot

training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
for layers in (1, 2, 3):
    net = network2.Network([784, *[30] * layers, 10], seed=0)
    with redirect_stdout(io.StringIO()):
        net.SGD(training_data, 10, 10, 0.1, lmbda=5.0)
    print(f"{layers} hidden: {net.accuracy(validation_data)} of {len(validation_data)}")

# %%
# How fast each layer learns
# --------------------------
# The speed of a layer is the length of the gradient by its biases,
# :math:`\|\delta^l\|`. ``gradient_norms`` computes it for a data set. Here are the
# speeds of four hidden layers at the start of training; the last number is the output
# layer's. The book, with other first weights, has 0.003, 0.017, 0.070 and 0.285.

net = network2.Network([784, 30, 30, 30, 30, 10], seed=0)
print(*(f"{norm:.5f}" for norm in net.gradient_norms(training_data[:1000])))

# %%
# ``monitor_gradient_norms`` records the speeds after each epoch. The axis is
# logarithmic. Over these 40 epochs the first hidden layer learns between 35 and 130
# times more slowly than the fourth. The gradient vanishes on its way back because each
# layer multiplies it by :math:`w \sigma'(z)`, and :math:`\sigma'` is at most 1/4.

import matplotlib.pyplot as plt

with redirect_stdout(io.StringIO()):
    net.SGD(training_data[:1000], 40, 1000, 0.1, monitor_gradient_norms=True)
figure, ax = plt.subplots(figsize=(7, 4))
by_layer = list(zip(*net.history.gradient_norms))
for layer, look in enumerate(("-o", "--s", "-.^", ":D")):
    ax.semilogy(by_layer[layer], look, markevery=5, label=f"hidden layer {layer + 1}")
ax.set(xlabel="epoch", ylabel="length of the gradient by biases")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)

# %%
# Rectified linear units
# ----------------------
# The derivative of a rectified linear unit is 1 wherever the unit is active, so the
# gradient shrinks much less on its way back.

for activation in ("sigmoid", "relu"):
    net = network2.Network([784, 30, 30, 30, 30, 10], activation=activation, seed=0)
    norms = net.gradient_norms(training_data[:1000])
    print(f"{activation:8}", *(f"{norm:.5f}" for norm in norms))

plot.activation("relu")
