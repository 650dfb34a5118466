"""Invalid input is refused by an error that names it, and changes nothing. What can be converted is converted."""

import copy
import random

import numpy as np
import pytest

from nndl_ext import Dataset, Network, mnist_loader, network, network2, perceptron

X, Y = np.array([[0.5], [-0.25], [1.0]]), np.array([[1.0], [0.0]])
PAIRS = [(X, Y)]
MASKED = np.ma.masked_array([0.5, -0.25, 1.0], [0, 1, 0])

# The same numbers in other arrays.
FORMS = {
    "float16": lambda a: a.astype(np.float16),
    "float32": lambda a: a.astype(np.float32),
    "longdouble": lambda a: a.astype(np.longdouble),
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "read-only": lambda a: np.frombuffer(a.tobytes()).reshape(a.shape),
    "list": lambda a: a.tolist(),
    "a row": lambda a: a.ravel(),
    "subclass": lambda a: a.view(type("Sub", (np.ndarray,), {})),
    "unaligned": lambda a: np.frombuffer(b"." + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape),
}


def net(**options):
    return Network([3, 4, 2], seed=0, **options)


def edited(**changes):
    made = net()
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def with_weight(value):
    made = net()
    made.weights[0][1, 2] = value
    return made


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_any_form_of_the_same_numbers_gives_the_same_bits(form, dtype):
    plain, other = net(dtype=dtype), net(dtype=dtype)
    x, y = FORMS[form](X), FORMS[form](Y)
    assert other.feedforward(x).tobytes() == plain.feedforward(X).tobytes()
    for ours, theirs in zip(other.backprop(x, y), plain.backprop(X, Y), strict=True):
        assert [a.tobytes() for a in ours] == [a.tobytes() for a in theirs]
    assert other.cost([(x, y)]) == plain.cost(PAIRS)
    assert other.evaluate([(x, y)]) == plain.evaluate(PAIRS)
    plain.SGD(PAIRS * 3, 1, 2, 0.5)
    other.SGD([(x, y)] * 3, 1, 2, 0.5)
    assert [w.tobytes() for w in other.weights] == [w.tobytes() for w in plain.weights]


@pytest.mark.parametrize("form", [name for name in FORMS if name not in ("list", "a row")])
def test_replaced_weights_come_in_any_form(form):
    plain, other = net(), net()
    plain.weights = [np.round(8 * w) / 8 for w in plain.weights]
    other.weights = [FORMS[form](w) for w in plain.weights]
    for each in (plain, other):
        each.update_mini_batch(PAIRS, 0.5)
    assert [w.tobytes() for w in other.weights] == [w.tobytes() for w in plain.weights]


@pytest.mark.parametrize("x", [[1, 0, 1], [True, False, True], np.uint8([1, 0, 1]), np.int64([1, 0, 1])])
def test_integers_and_booleans_are_numbers(x):
    assert net().feedforward(x).tobytes() == net().feedforward([1.0, 0.0, 1.0]).tobytes()


@pytest.mark.parametrize("label", [1, True, np.uint8(1), np.int16(1), np.array(1)])
def test_labels_of_any_integer_type(label):
    assert net().evaluate([(X, label)]) + net().evaluate([(X, 1 - int(label))]) == 1


REFUSED = [
    # sizes, dtype and the other options
    (lambda _: Network("34"), TypeError, "sizes must be a sequence of integers, not '34'"),
    (lambda _: Network([2**40, 2**40]), ValueError, "sizes must give at most"),
    (lambda _: Network([2**70, 1]), ValueError, "sizes must give at most"),
    (lambda _: Network([3, 2], threads=10**6), ValueError, "threads must be at most 1024, not 1000000"),
    (lambda _: Network([3, 2], threads="a"), TypeError, "threads must be an integer, not 'a'"),
    (lambda _: Network([3, 2], dtype=complex), ValueError, "dtype must be float32 or float64, not complex128"),
    (lambda _: Network([3, 2], dtype="x"), TypeError, "dtype must be float32 or float64, not 'x'"),
    (lambda _: Network([3, 2], dtype=[1]), TypeError, r"dtype must be float32 or float64, not \[1\]"),
    (lambda _: network2.Network([3, 2], regularization=np.ones(2)), ValueError, "regularization must be l2 or l1, not array"),
    # one input
    (lambda n: n.feedforward(None), TypeError, "a must hold real numbers, not object"),
    (lambda n: n.feedforward([1j, 0, 0]), TypeError, "a must hold real numbers, not complex128"),
    (lambda n: n.feedforward([[1], [2, 3], [4]]), ValueError, "a must be an array"),
    (lambda n: n.feedforward([2**70, 0, 0]), TypeError, "a must hold real numbers, not object"),
    (lambda n: n.feedforward(MASKED), TypeError, "a must hold real numbers, not masked ones"),
    (lambda n: n.feedforward(np.zeros(3, "M8[s]")), TypeError, r"a must hold real numbers, not datetime64\[s\]"),
    (lambda n: n.feedforward(5), ValueError, r"a must have shape \(3, m\), not \(\)"),
    (lambda n: n.backprop(np.zeros(4), Y), ValueError, r"the sample \(x, y\) has 4 inputs, but the network has 3"),
    (lambda n: n.backprop(X, np.zeros(3)), ValueError, r"the sample \(x, y\): y has 3 outputs, but the network has 2"),
    (lambda n: n.backprop(X, 2), ValueError, "labels must be from 0 to 1 for 2 outputs, not from 2 to 2"),
    (lambda n: n.backprop(X * np.nan, Y), ValueError, r"x must hold finite numbers, not nan at \[0, 0\]"),
    # data
    (lambda n: n.SGD(None, 1, 1, 1.0), TypeError, "data must be an iterable of pairs"),
    (lambda n: n.SGD("ab", 1, 1, 1.0), TypeError, "data must be an iterable of pairs"),
    (lambda n: n.SGD([(X, Y), (X, 7)], 1, 1, 1.0), ValueError, "every y must have the same shape"),
    (lambda n: n.SGD([(X, -1)], 1, 1, 1.0), ValueError, "training_data: labels must be from 0 to 1"),
    (lambda n: n.SGD([(X.astype(object), Y)], 1, 1, 1.0), TypeError, "x must hold real numbers, not object"),
    (lambda n: n.SGD([(X, Y * 1j)], 1, 1, 1.0), TypeError, "y must hold real numbers, not complex128"),
    (lambda n: n.SGD([(MASKED, Y)], 1, 1, 1.0), TypeError, "x must hold real numbers, not masked ones"),
    (lambda n: n.SGD([(X * np.inf, Y)], 1, 1, 1.0), ValueError, "x must hold finite numbers, not inf"),
    (lambda n: n.SGD([(X, Y * np.nan)], 1, 1, 1.0), ValueError, "y must hold finite numbers, not nan"),
    (lambda n: n.SGD(PAIRS, 1, 1, 1.0, test_data=[(X, 7)]), ValueError, "test_data: labels must be from 0 to 1"),
    (lambda n: n.SGD(PAIRS, 1, 1, 1.0, test_data=[(X, np.zeros(5))]), ValueError, "test_data: y has 5 outputs"),
    (lambda n: n.SGD(PAIRS, 1, 1, 1.0, test_data=np.zeros((2, 2))), ValueError, "test_data has 1 inputs"),
    (lambda n: n.SGD(PAIRS, 1, 1, 1.0, test_data=5), TypeError, "data must be an iterable of pairs"),
    (lambda n: n.evaluate([(X, 7)]), ValueError, "test_data: labels must be from 0 to 1 for 2 outputs, not from 7 to 7"),
    (lambda n: n.evaluate([(X, np.zeros(5))]), ValueError, "test_data: y has 5 outputs"),
    (lambda n: n.cost([]), ValueError, "data must hold at least one pair"),
    (lambda n: n.cost_gradient([(X, 2)]), ValueError, "data: labels must be from 0 to 1"),
    (lambda _: Dataset(np.zeros((1, 2)), np.array([2**63], np.uint64)), ValueError, "y must have shape"),
    (lambda _: Dataset([[1], [1, 2]], [0, 1]), ValueError, "x must be an array"),
    (lambda _: Dataset(MASKED[np.newaxis], [1]), TypeError, "x must hold real numbers, not masked ones"),
    (lambda _: Dataset(np.zeros((3, 1)), MASKED), TypeError, "y must hold real numbers, not masked ones"),
    # numbers
    (lambda n: n.SGD(PAIRS, 1, 1, None), TypeError, "eta must be a real number, not None"),
    (lambda n: n.SGD(PAIRS, 1, 1, "3.0"), TypeError, "eta must be a real number, not '3.0'"),
    (lambda n: n.SGD(PAIRS, 1, 1, 1j), TypeError, "eta must be a real number, not 1j"),
    (lambda n: n.SGD(PAIRS, 1, 1, np.complex64(1)), TypeError, "eta must be a real number"),
    (lambda n: n.SGD(PAIRS, 1, 1, np.ma.array(1.0, mask=True)), TypeError, "eta must be a real number"),
    (lambda n: n.SGD(PAIRS, np.ma.array(1, mask=True), 1, 1.0), TypeError, "epochs must be an integer"),
    (lambda n: n.SGD(PAIRS, 1, 1, 10**400), ValueError, "eta must be finite, not an integer too large for a float"),
    (lambda n: n.SGD(PAIRS, 1, 1, -np.inf), ValueError, "eta must be finite, not -inf"),
    (lambda n: n.update_mini_batch(PAIRS, np.nan), ValueError, "eta must be finite, not nan"),
    (lambda _: network2.Network([3, 2]).update_mini_batch(PAIRS, 0.1, 1, 2**64), ValueError, "n must be at most"),
    (lambda _: network2.Shifts(5), ValueError, "shape must be a pair of integers, not 5"),
    (lambda _: network2.Shifts((2, 2), [5]), ValueError, r"steps must be pairs of integers, not \[5\]"),
    (lambda _: network2.Shifts((2, 2), 5), TypeError, "steps must be pairs of integers, not 5"),
    # weights and biases
    (
        lambda _: with_weight(np.nan).SGD(PAIRS, 1, 1, 1.0),
        ValueError,
        r"weights\[0\] must hold finite numbers, not nan at \[1, 2\]",
    ),
    (
        lambda _: with_weight(np.inf).update_mini_batch(PAIRS, 1.0),
        ValueError,
        r"weights\[0\] must hold finite numbers, not inf",
    ),
    (lambda _: with_weight(np.nan).evaluate(PAIRS), ValueError, r"weights\[0\] must hold finite numbers, not nan at \[1, 2\]"),
    (lambda _: edited(biases=None).feedforward(X), TypeError, "biases must be a list of arrays, not NoneType"),
    (lambda _: edited(weights=np.zeros((2, 4, 3))).feedforward(X), ValueError, r"weights\[1\] must have shape \(2, 4\)"),
    (lambda _: edited(weights=[np.zeros((4, 3)), None]).feedforward(X), TypeError, r"weights\[1\] must hold real numbers"),
    # files
    (lambda n: n.save(3), TypeError, "filename must be a string or a path-like object, not 3"),
    (lambda n: n.save("a\0"), ValueError, "filename must be without null characters, not 'a"),
    (lambda _: network.load(None), TypeError, "path must be a string or a path-like object, not None"),
    (lambda _: network2.load([]), TypeError, r"path must be a string or a path-like object, not \[\]"),
    (lambda _: mnist_loader.load_data(3), TypeError, "path must be a string or a path-like object, not 3"),
    # the other modules
    (lambda _: mnist_loader.vectorized_result(1.5), TypeError, "j must be an integer, not 1.5"),
    (lambda _: mnist_loader.vectorized_result(1, 2.5), TypeError, "classes must be an integer, not 2.5"),
    (lambda _: mnist_loader.vectorized_result(0, 0), ValueError, "classes must be at least 1, not 0"),
    (lambda _: perceptron.Perceptron([np.nan], 1), ValueError, "weights must hold finite numbers, not nan"),
    (lambda _: perceptron.Perceptron([1.0], 1)([np.inf]), ValueError, "x must hold finite numbers, not inf"),
    (lambda _: perceptron.Network([3, 2]).feedforward([np.nan, 0, 0]), ValueError, "a must hold finite numbers, not nan"),
    (lambda _: network.sigmoid("a"), TypeError, "z must hold real numbers, not <U1"),
    (lambda _: network.sigmoid(MASKED), TypeError, "z must hold real numbers, not masked ones"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_what_is_no_input_is_named_and_changes_nothing(call, error, message):
    made = net()
    before = copy.deepcopy([*made.biases, *made.weights]), made._own_generator.getstate(), random.getstate()
    with pytest.raises(error, match=message):
        call(made)
    assert (made._own_generator.getstate(), random.getstate()) == before[1:]
    for array, value in zip([*made.biases, *made.weights], before[0], strict=True):
        np.testing.assert_array_equal(array, value)


class Tensor:
    """Like other libraries' arrays: comparing it with ours fails, and so may converting it."""

    def __init__(self, values, locked=False):
        self.values, self.shape, self.locked = values, np.shape(values), locked

    def __array__(self, *_, **__):
        if self.locked:
            raise RuntimeError("it takes part in a gradient")
        return self.values

    def __eq__(self, other):
        raise RuntimeError("not with arrays")

    __hash__ = None


def test_arrays_of_other_libraries():
    plain, other = net(), net()
    plain.weights[0], other.weights[0] = np.ones((4, 3)), Tensor(np.ones((4, 3)))
    assert other.feedforward(Tensor(X)).tobytes() == plain.feedforward(X).tobytes()
    plain.SGD(PAIRS, 1, 1, 0.5)
    other.SGD([(Tensor(X), Tensor(Y))], 1, 1, 0.5)
    np.testing.assert_array_equal(other.weights[0], plain.weights[0])
    other.weights[1] = Tensor(np.ones((2, 4)), locked=True)
    for call, name in (
        (lambda: other.feedforward(X), r"weights\[1\]"),
        (lambda: plain.feedforward(Tensor(X, locked=True)), "a"),
        (lambda: plain.SGD([(Tensor(X, locked=True), Y)], 1, 1, 0.5), "every x"),
        (lambda: plain.SGD([(X, Tensor(Y, locked=True))], 1, 1, 0.5), "every y"),
    ):
        with pytest.raises(ValueError, match=f"{name} must be an array of real numbers: it takes part in a gradient"):
            call()


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([(X * 1e300, Y)], "training_data must hold numbers that float32 can hold, not 1e\\+300"),
        ([(X, Y * -1e39)], "training_data must hold numbers that float32 can hold, not 1e\\+39"),
    ],
)
def test_data_beyond_float32_are_refused_by_a_float32_network(pairs, message):
    with pytest.raises(ValueError, match=message):
        net(dtype=np.float32).SGD(pairs, 1, 1, 0.5)
    net().update_mini_batch(pairs, 1e-300)


def test_weights_beyond_float32_are_refused_by_a_float32_network():
    made = net(dtype=np.float32)
    made.weights[1] = np.full((2, 4), 1e39)
    with pytest.raises(ValueError, match=r"weights\[1\] must hold numbers that float32 can hold"):
        made.feedforward(X)


def test_nan_in_nan_out():
    """Like NumPy's functions, feedforward accepts NaN, which shows in the output."""
    assert np.isnan(net().feedforward([np.nan, 0.5, 0.5])).all()
    assert np.isfinite(net().feedforward([np.inf, 0.5, 0.5])).all()  # saturated


@pytest.mark.parametrize("kind", [Network, network2.Network, perceptron.Network])
def test_a_network_that_does_not_fit_into_memory_is_described_before_a_draw(kind):
    before = random.getstate(), np.random.get_state()[1:3]
    expected = r"no memory for .* GiB: .* sizes \[784, 99999999999, 10\] has 79,499,999,999,215 parameters in float64"
    with pytest.raises(MemoryError, match=expected):
        kind([784, 99999999999, 10])
    assert random.getstate() == before[0]
    assert all(map(np.array_equal, np.random.get_state()[1:3], before[1]))


def test_sizes_can_not_be_edited_under_the_kernels_feet():
    made = net()
    made.sizes[-1] = 1
    made.sizes.append(99)
    assert made.sizes == [3, 4, 2]
    assert made.feedforward(X).shape == (2, 1)
    with pytest.raises(AttributeError):
        made.sizes = [3, 4, 1]


@pytest.mark.parametrize("size", [3, 2**40, 2**80])
def test_a_mini_batch_larger_than_the_data_is_all_of_them(size):
    plain, other = net(), net()
    plain.SGD(PAIRS * 3, 2, 3, 0.5)
    other.SGD(PAIRS * 3, 2, size, 0.5)
    np.testing.assert_array_equal(other.weights[0], plain.weights[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_to_0_is_no_error_under_seterr(dtype):
    """NumPy raises for it in casts and products if a program asks for errors. A divergence is still reported."""
    x, y = np.full((3, 3), 1e-300), np.full((3, 2), 1e-300)
    made = network2.Network([3, 4, 2], dtype=dtype, seed=0)
    made.weights = [np.full((4, 3), 1e-200), np.full((2, 4), 1e-200)]
    with np.errstate(all="raise"):
        made.total_cost(Dataset(x, y), 1.0)
        made.gradient_norms(Dataset(x, y))
        made.feedforward(x.T)
        net(dtype=dtype).SGD(Dataset(x, y), 1, 1, 0.5)
        with pytest.raises(network2.DivergenceError):
            net(dtype=dtype).SGD(Dataset(x, np.full((3, 2), 1e30)), 1, 1, np.finfo(dtype).max)
