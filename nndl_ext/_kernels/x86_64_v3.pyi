from nndl_ext._kernels.baseline import compress as compress
from nndl_ext._kernels.baseline import descend as descend
from nndl_ext._kernels.baseline import enumerate_values as enumerate_values
from nndl_ext._kernels.baseline import exp as exp
from nndl_ext._kernels.baseline import feedforward as feedforward
from nndl_ext._kernels.baseline import feedforward_rows as feedforward_rows
from nndl_ext._kernels.baseline import shuffle as shuffle
from nndl_ext._kernels.baseline import sigmoid as sigmoid
