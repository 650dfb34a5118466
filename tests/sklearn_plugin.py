"""A pytest plugin that runs scikit-learn's tests of its perceptrons on our estimators::

PYTHONPATH=tests python -m pytest -p sklearn_plugin --pyargs sklearn.neural_network.tests.test_mlp
"""

import numpy as np
from sklearn import neural_network

import nndl_ext.sklearn
from nndl_ext._engine.minimization import Objective
from nndl_ext._sklearn.fit_data import FitData


class MLPClassifier(nndl_ext.sklearn.MLPClassifier):
    def __getattr__(self, name):
        """Add the private method that ``test_gradient`` compares with finite differences. A class that defines it can't fit."""
        return self._loss_and_gradient if name == "_loss_grad_lbfgs" else super().__getattribute__(name)

    def _loss_and_gradient(self, packed, x, y, *_):
        model = self._continued()
        model.take_cost(self._cost)
        layout, done = model.parameters.layout, 0
        flat = layout.zeros()
        for array in in_their_order(*layout.views(flat)):
            array[:] = packed[done : done + array.size].reshape(array.shape)
            done += array.size
        loss, gradient = Objective(model, FitData(x, y, model.dtype), self.alpha, len(x), self._share)(flat)
        return loss, np.concatenate([array.ravel() for array in in_their_order(*layout.views(gradient))])


def in_their_order(biases, weights):
    """scikit-learn's one array of all parameters holds the coefficients, then the intercepts."""
    return [*(np.asarray(w).T for w in weights), *biases]


neural_network.MLPClassifier = MLPClassifier
neural_network.MLPRegressor = nndl_ext.sklearn.MLPRegressor
