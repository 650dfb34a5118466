"""scikit-learn's multilayer perceptrons on this package's engine: change the import, and they are several times faster.

>>> from nndl_ext.sklearn import MLPClassifier, MLPRegressor

They take the parameters, have the attributes, and give the warnings and errors of those of ``sklearn.neural_network``. With the
same ``random_state`` they draw the same numbers: coefficients and losses are equal to rounding, until that has grown. With the
solvers sgd and adam they are the same to the last bit on every machine.

They can do more: ``class_weight``, ``dropout``, ``activation`` for each layer, ``callback``, ``n_threads``, the losses
"absolute_error" and "huber", and ``validation_data`` in `fit`. scikit-learn's callbacks are taken from its version 1.9 on.
"""

try:
    import sklearn  # noqa: F401
except ImportError:
    raise ImportError("nndl_ext.sklearn needs scikit-learn: pip install 'nndl-ext[sklearn]'") from None

from nndl_ext._sklearn.classifier import MLPClassifier
from nndl_ext._sklearn.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]

# Pickles name the module that stays.
MLPClassifier.__module__ = MLPRegressor.__module__ = __name__
