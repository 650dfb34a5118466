"""scikit-learn's multilayer perceptrons on this package's engine: change the import, and they are several times faster.

>>> from nndl_ext.sklearn import MLPClassifier, MLPRegressor

They have the parameters, attributes, warnings and errors of the classes in ``sklearn.neural_network``. With the same
``random_state`` they draw the same random numbers: coefficients and losses agree with scikit-learn's to rounding, until those
errors grow. Results have the same bits on every machine.

They add ``class_weight``, ``dropout``, an ``activation`` for each layer, ``callback``, ``n_threads``, the losses
"absolute_error" and "huber", ``validation_data`` in `fit`, ``layer_outputs`` and ``raw_outputs``. scikit-learn's own callbacks
work from its version 1.9 on.
"""

try:
    import sklearn  # noqa: F401
except ImportError:
    raise ImportError("nndl_ext.sklearn needs scikit-learn: pip install 'nndl-ext[sklearn]'") from None

from nndl_ext._sklearn import private
from nndl_ext._sklearn.classifier import MLPClassifier
from nndl_ext._sklearn.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]


def __dir__() -> list[str]:
    return __all__


# Pickles must name the public module, whose path does not change.
MLPClassifier.__module__ = MLPRegressor.__module__ = __name__

for _kind in (MLPClassifier, MLPRegressor):
    private.remember(_kind)
