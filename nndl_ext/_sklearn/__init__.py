"""The implementation of `nndl_ext.sklearn`: scikit-learn's multilayer perceptrons on this package's engine."""
