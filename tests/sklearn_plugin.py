"""A pytest plugin that runs scikit-learn's tests of its perceptrons on our estimators::

PYTHONPATH=tests python -m pytest -p sklearn_plugin --pyargs sklearn.neural_network.tests.test_mlp
"""

from sklearn import neural_network

import nndl_ext.sklearn
from nndl_ext._sklearn.fit_data import FitData
from nndl_ext._sklearn.lbfgs import Objective


class MLPClassifier(nndl_ext.sklearn.MLPClassifier):
    def __getattr__(self, name):
        """Add the private method that ``test_gradient`` compares with finite differences. A class that defines it can't fit."""
        return self._loss_and_gradient if name == "_loss_grad_lbfgs" else super().__getattribute__(name)

    def _loss_and_gradient(self, packed, x, y, *_):
        model = self._continued()
        model.take_cost(self._cost)
        return Objective(model, FitData(x, y, model.dtype), self.alpha, self._share)(packed)


neural_network.MLPClassifier = MLPClassifier
neural_network.MLPRegressor = nndl_ext.sklearn.MLPRegressor
