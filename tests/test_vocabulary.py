"""The notebooks' functions, each against arithmetic on paper."""
import random

import matplotlib
import numpy
import pytest

from d2l_linreg import d2l, straight_dope
from d2l_linreg.compat.mxnet import mx, numpy_semantics
from d2l_linreg.compat.streams import seeded


@pytest.fixture(params=[False, True], ids=["nd mode", "np mode"], autouse=True)
def semantics(request):
    """Each function works whether or not its caller has called `npx.set_np()`."""
    with numpy_semantics(request.param):
        yield


def test_d2l_functions():
    X = mx.np.array([[1., 2.], [3., 4.]])
    w, b = mx.np.array([[10.], [1.]]), mx.np.array([0.5])
    w.attach_grad()
    b.attach_grad()
    y = mx.np.array([10.5, 34.5])
    with mx.autograd.record():
        y_hat = d2l.linreg(X, w, b)
        loss = d2l.squared_loss(y_hat, y)
    assert y_hat.asnumpy().tolist() == [[12.5], [34.5]]
    assert loss.asnumpy().tolist() == [[2.0], [0.0]]  # 1/2 2^2
    loss.backward()  # residuals 2 and 0: gradients 2 (1, 2) and 2
    d2l.sgd([w, b], lr=0.5, batch_size=2)
    assert w.asnumpy().tolist() == [[9.5], [0.0]] and b.asnumpy().tolist() == [0.0]


def test_straight_dope_functions():
    X = mx.nd.array([[1., 2.], [3., 4.]])
    w, b = mx.nd.array([[10.], [1.]]), mx.nd.array([0.5])
    w.attach_grad()
    b.attach_grad()
    with mx.autograd.record():
        yhat = straight_dope.net(X, w, b)
        loss = straight_dope.square_loss(yhat, mx.nd.array([[10.5], [34.5]]))
    assert yhat.asnumpy().tolist() == [[12.5], [34.5]]
    assert loss.asscalar() == 2.0  # (2^2 + 0) / 2
    loss.backward()  # 2/2 of residual 2 times (1, 2), and of 2
    straight_dope.SGD([w, b], lr=0.5)
    assert w.asnumpy().tolist() == [[9.0], [-1.0]] and b.asnumpy().tolist() == [-0.5]


def test_d2l_data_are_linear_in_any_number_of_features():
    with seeded(3):
        features, labels = d2l.synthetic_data([1, 2, 3, -4, 5], 7, 4000)
    X, y = features.asnumpy(), labels.asnumpy()
    assert X.shape == (4000, 5) and y.shape == (4000,) and X.dtype == y.dtype == numpy.float32
    noise = y - (X.astype("float64") @ [1, 2, 3, -4, 5] + 7)
    # standard errors of a standard deviation, 0.01 / sqrt(2 * 4000), and of a mean
    assert abs(noise.std() - 0.01) < 4 * 0.01 / numpy.sqrt(8000)
    assert abs(noise.mean()) < 4 * 0.01 / numpy.sqrt(4000)
    assert abs(X.std() - 1) < 4 / numpy.sqrt(2 * X.size)


def test_data_and_parameters_come_from_the_stream_in_turn():
    def draw():
        mx.random.seed(5)
        return [a.asnumpy() for a in straight_dope.synthetic_data(10) + d2l.init_params()]

    one, other = draw(), draw()
    assert all((a == b).all() for a, b in zip(one, other, strict=True))
    assert not (d2l.init_params()[0].asnumpy() == one[2]).any()


def test_data_iter_visits_each_row_once_with_a_short_last_batch():
    features, labels = mx.np.arange(20).reshape(10, 2), mx.np.arange(10)
    random.seed(11)
    batches = list(d2l.data_iter(4, features, labels))
    assert [X.shape for X, _ in batches] == [(4, 2), (4, 2), (2, 2)]
    assert all((X.asnumpy()[:, 0] == 2 * y.asnumpy()).all() for X, y in batches)
    random.seed(11)
    expected = list(range(10))
    random.shuffle(expected)  # Python's generator, as in the notebook
    assert [int(row) for _, y in batches for row in y.asnumpy()] == expected


def test_data_iter_visits_just_the_rows_of_an_order_given():
    ((_, y),) = d2l.data_iter(4, mx.np.zeros((10, 2)), mx.np.arange(10), order=[3, 1])
    assert y.asnumpy().tolist() == [3, 1]


def iterator(**given):
    """Over 20 rows, with their numbers as labels, in batches of 4."""
    return straight_dope.NDArrayIter(mx.nd.arange(40).reshape((20, 2)), mx.nd.arange(20), 4,
                                     **given)


def passes(iterator):
    """The rows of three passes."""
    orders = []
    for _ in range(3):
        iterator.reset()
        orders.append([int(row) for batch in iterator for row in batch.label[0].asnumpy()])
    return orders


def test_ndarrayiter_shuffles_once_as_mxnet_0_11_did():
    numpy.random.seed(2)
    expected = numpy.arange(20)
    numpy.random.shuffle(expected)
    numpy.random.seed(2)
    assert passes(iterator()) == [expected.tolist()] * 3


def test_ndarrayiter_need_not_shuffle():
    assert passes(iterator(shuffle=False)) == [list(range(20))] * 3


def test_ndarrayiter_visits_the_rows_in_an_order_given():
    order = list(range(20))[::-1]
    assert passes(iterator(order=order)) == [order] * 3


def test_ndarrayiter_has_no_more_batches_until_it_is_reset():
    batches = iterator(order=range(19, -1, -1))
    assert [sum(1 for _ in batches), sum(1 for _ in batches)] == [5, 0]
    batches.reset()
    assert (batches.next().data[0].asnumpy()[:, 0] == [38, 36, 34, 32]).all()


def test_set_figsize_outside_jupyter_sets_the_size_alone():
    with matplotlib.rc_context():
        d2l.set_figsize((2, 1))
        assert matplotlib.rcParams["figure.figsize"] == [2, 1]


def test_d2l_has_pyplot_and_nothing_else_that_is_not_there():
    import matplotlib.pyplot

    assert d2l.plt is matplotlib.pyplot
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        d2l.nothing


def test_printed_shows_an_array_as_in_2017():
    # The published text of a mini-batch, from its values
    array = mx.nd.array([4.7668643, 5.07063389, -3.01890087, 12.34088612])
    assert straight_dope.printed(array) == (
        "\n[  4.7668643    5.07063389  -3.01890087  12.34088612]\n<NDArray 4 @cpu(0)>")
