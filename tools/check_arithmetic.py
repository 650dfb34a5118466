"""Checks the kernels' exp, sigmoid, tanh and softplus for every float32, and these and log for many float64.

Errors must be at most 2 units in the last place. This takes about ten minutes on one core.

    python tools/check_arithmetic.py
"""

import numpy as np

from nndl_ext._kernels import kernels, variant

EXACT = {
    "exp": np.exp,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "softplus": lambda z: np.logaddexp(0, z),
    "log": np.log,
}
AT_ONCE = 2**22
MANY = 2 * 10**7


def value(name, x):
    result = np.empty_like(x)
    if name == "log":
        kernels.log(x, result)
    else:
        kernels.activations(kernels.ACTIVATIONS[name], x, result)
    return result


def largest_error(name, x, longer):
    """The largest error in units in the last place, against a longer format. Subnormal results may be 0."""
    given = value(name, x)
    with np.errstate(all="ignore"):
        exact = EXACT[name](x.astype(longer))
        rounded = exact.astype(x.dtype)
        errors = np.abs(given.astype(longer) - exact) / np.spacing(np.abs(rounded)).astype(longer)
    right = (given == rounded) | (np.isnan(given) & np.isnan(x)) | ((np.abs(exact) < np.finfo(x.dtype).tiny) & (given == 0))
    errors[right] = 0
    assert not np.isnan(errors).any(), x[np.isnan(errors)][:5]
    return float(errors.max())


def main():
    for name in ("exp", "sigmoid", "tanh", "softplus"):
        starts = range(0, 2**32, AT_ONCE)
        floats = (np.arange(start, start + AT_ONCE, dtype=np.uint64).astype(np.uint32).view(np.float32) for start in starts)
        worst = max(largest_error(name, x, np.float64) for x in floats)
        print(f"{variant}: {name} of every float32: at most {worst:.4f} ulp", flush=True)
        assert worst <= 2
    rng = np.random.default_rng()
    for name in EXACT:
        worst = 0.0
        for limit in (750, 40, 3, 0.02, 1e-9):
            for _ in range(MANY // AT_ONCE):
                x = rng.uniform(-limit, limit, AT_ONCE)
                x = np.abs(x) if name == "log" else x
                worst = max(worst, largest_error(name, x, np.longdouble))
        for x in (np.exp(rng.uniform(-744, 709, AT_ONCE)), 1 + rng.uniform(-1e-3, 1e-3, AT_ONCE)):
            worst = max(worst, largest_error(name, x, np.longdouble))
        print(f"{variant}: {name} of many float64: at most {worst:.4f} ulp", flush=True)
        assert worst <= 2


if __name__ == "__main__":
    main()
