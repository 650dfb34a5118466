"""The packages that somebody might use for the same network, each set up as its own users would.

A peer takes the first weights and biases, trains an epoch of mini-batch gradient descent, or Adam, at a time, and predicts. Its
data are ready in its own form, its work compiled, before the clock starts.
"""

from peers.batched import BatchedNumPy
from peers.estimators import OurEstimator, TheirEstimator
from peers.jax_ import Jax, JaxFit, JaxSparse
from peers.network2 import Ours2, Reference2, Without
from peers.ours import OurModel, Ours, Reference
from peers.pytorch import PyTorch, PyTorchByHand, PyTorchCompiled
from peers.scikit import ScikitLearn

PEERS = {  # by what a job goes through
    "network": [
        Ours, OurModel, Reference, BatchedNumPy, ScikitLearn, PyTorch, PyTorchByHand, PyTorchCompiled, Jax, JaxSparse
    ],
    "network2": [Ours2, Without, Reference2],
    "estimator": [OurEstimator, TheirEstimator, JaxFit],
}  # fmt: skip
