"""as_published: MXNet as it was then, and afterwards as it was before."""
import inspect
import itertools
import random
import sys

import numpy
import old_mxnet
import pytest

from d2l_linreg import as_published, published, train
from d2l_linreg.compat.mxnet import mx, numpy_semantics
from d2l_linreg.compat.streams import stream

SEEDS = (0, 1, 17, 12345)
DISTRIBUTIONS = ((0, 1), (2.5, 0.3), (-1, 10), (1000.0, 0.001))
SHAPES = ((1,), (3,), (5, 2), (7, 3, 2), (10001,))


@pytest.fixture(scope="module")
def of_2017(mxnet_0_11_wheel, old_libm):
    """What MXNet 0.11.0 drew: for each seed and distribution, all shapes in turn."""
    program = ""
    for seed, (loc, scale) in itertools.product(SEEDS, DISTRIBUTIONS):
        program += f"mx.random.seed({seed})\n"
        for shape in SHAPES:
            program += (f"arrays[{repr(('normal', seed, loc, scale, shape))!r}] = "
                        f"nd.random_normal(loc={loc}, scale={scale}, shape={shape})\n"
                        f"arrays[{repr(('uniform', seed, loc, loc + scale, shape))!r}] = "
                        f"nd.random_uniform(low={loc}, high={loc + scale}, shape={shape})\n")
    return old_mxnet.run(mxnet_0_11_wheel, program, LD_PRELOAD=str(old_libm))


@pytest.mark.parametrize("normal, uniform", [
    (lambda loc, scale, shape: mx.nd.random_normal(loc=loc, scale=scale, shape=shape),
     lambda low, high, shape: mx.nd.random_uniform(low=low, high=high, shape=shape)),
    (lambda loc, scale, shape: mx.nd.random.normal(loc, scale, shape),
     lambda low, high, shape: mx.nd.random.uniform(low, high, shape)),
    (lambda loc, scale, shape: mx.nd.random.normal(loc, scale, shape, "float32", mx.cpu()),
     lambda low, high, shape: mx.nd.random.uniform(low, high, shape, "float32", mx.cpu())),
    (lambda loc, scale, shape: mx.random.normal(loc, scale, shape=shape, ctx=mx.cpu(1)),
     lambda low, high, shape: mx.random.uniform(low, high, shape=shape, ctx=mx.cpu(1))),
    (lambda loc, scale, shape: mx.nd.random_normal(loc, scale, shape=list(shape), ctx="cpu(0)",
                                                   dtype="float32"),
     lambda low, high, shape: mx.nd.random_uniform(low, high, shape=list(shape), ctx="cpu(0)",
                                                   dtype="float32")),
])
def test_each_name_of_2017_draws_what_mxnet_0_11_drew(normal, uniform, of_2017):
    with as_published("straight_dope"):
        for seed, (loc, scale) in itertools.product(SEEDS, DISTRIBUTIONS):
            mx.random.seed(seed)
            for shape in SHAPES:  # one kind and the other in turn, from one engine
                for kind, draw, second in (("normal", normal, scale),
                                           ("uniform", uniform, loc + scale)):
                    was = of_2017[repr((kind, seed, loc, second, shape))]
                    now = draw(loc, second, shape)
                    assert now.shape == shape and isinstance(now, mx.nd.NDArray)
                    assert (now.asnumpy() == was).all()


@pytest.mark.parametrize("module, name", [
    (module, name) for module in (mx.nd.random, mx.random, mx.np.random, mx.nd)
    for name in ("normal", "uniform", "random_normal", "random_uniform") if hasattr(module, name)])
def test_arguments_by_their_place_are_those_by_their_names_in_mxnets_own_order(module, name):
    values = dict(loc=1, scale=2, low=1, high=2, shape=(3, 5), size=(3, 5), ctx=mx.cpu(1),
                  dtype="float32", out=None)
    of_mxnet = inspect.signature(getattr(module, name)).parameters
    names = list(itertools.takewhile(values.__contains__, of_mxnet))
    assert len(names) >= 4
    for count in range(len(names) + 1):
        given, drawn = {name: values[name] for name in names[:count]}, []
        for arguments, keywords in ((given.values(), {}), ((), given)):
            with as_published("2018"), numpy_semantics(module is mx.np.random):
                mx.random.seed(3)
                array = getattr(module, name)(*arguments, **keywords)
                drawn.append((array.asnumpy().tolist(), array.shape, str(array.ctx)))
        assert drawn[0] == drawn[1]


@pytest.mark.parametrize("uniform", [
    lambda: mx.np.random.uniform(-1, 3, (3, 5)),
    lambda: mx.np.random.uniform(low=-1, high=3, size=(3, 5), dtype="float32"),
    lambda: mx.np.random.uniform(-1, 3, [3, 5], None, mx.cpu(1)),
])
def test_uniform_numbers_of_2019_are_those_of_the_same_engines(uniform):
    # mx.nd's generator of today is mx.np's of 2019, and no logf is in its uniform numbers
    mx.random.seed(4)
    was = mx.nd.random.uniform(-1, 3, (3, 5)).asnumpy()
    with as_published("d2l"), numpy_semantics(True):
        mx.random.seed(4)
        now = uniform()
    assert isinstance(now, mx.np.ndarray) and (now.asnumpy() == was).all()


def test_squares_are_exact_as_they_were(notebook):
    x = numpy.random.RandomState(0).uniform(-3, 3, 10000).astype("float32")
    with as_published(notebook):
        for array in (mx.nd.array(x), mx.np.array(x)):
            array.attach_grad()
            with mx.autograd.record():
                squares = array ** 2
            squares.backward()
            assert squares.asnumpy().tolist() == (x * x).tolist()
            assert array.grad.asnumpy().tolist() == (2 * x).tolist()
            assert (array ** 2.0).asnumpy().tolist() == (x * x).tolist()
            assert (array ** 3).asnumpy() == pytest.approx(x ** 3, rel=1e-6)
            assert (array ** array).shape == array.shape


def test_numbers_are_where_a_context_given_to_their_function_says():
    with as_published("straight_dope"):
        assert mx.nd.random_normal(shape=(2,), ctx=mx.cpu(1)).context == mx.cpu(1)


def test_numbers_are_where_a_context_given_to_the_scope_says_and_only_inside():
    with as_published("d2l", ctx="cpu(2)"):
        assert mx.np.random.normal(size=3).ctx == mx.cpu(2)
    assert mx.context.current_context() == mx.cpu(0)


def test_the_stream_begins_with_the_published_features_whatever_was_drawn_before():
    mx.random.seed(77)
    with as_published("d2l"), numpy_semantics(True):
        features = mx.np.random.normal(0, 1, (1000, 2))
        assert isinstance(features, mx.np.ndarray)
        assert str(features[0]) in published.text("d2l", "example")


def test_the_stream_begins_alike_in_each_scope():
    drawn = []
    for dtype in (None, "float32"):
        with as_published("d2l"), numpy_semantics(True):
            drawn.append(mx.np.random.normal(0, 1, (1000, 2), dtype).asnumpy().tolist())
    assert drawn[0] == drawn[1]


def state():
    return (mx.nd.NDArray.__pow__, mx.np.ndarray.__pow__, mx.np.random.uniform,
            mx.nd.random.uniform, mx.nd.random_uniform, mx.random.uniform, mx.np.random.normal,
            mx.nd.random.normal, mx.nd.random_normal, mx.random.normal,
            mx.io.NDArrayIter, random.shuffle, numpy.random.shuffle, numpy.get_printoptions(),
            str(numpy.array([0.1, 1.5], dtype="float32")), "d2l" in sys.modules,
            mx.context.current_context(), str(numpy.float64(1) / 3))


def test_everything_is_put_back_also_after_an_exception(notebook):
    before = state()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), as_published(notebook):
            assert state() != before
            1 / 0
        assert state() == before


def test_nested_scopes_are_each_their_own():
    before = state()
    with as_published("straight_dope"):
        outer = state()
        with as_published("d2l"), numpy_semantics(True):
            assert str(mx.np.random.normal(0, 1, (1000, 2))[0]) == "[2.2122064 0.7740038]"
            assert str(numpy.float64(1) / 3) == "0.3333333333333333"
            with as_published("straight_dope"):
                assert str(numpy.float64(1) / 3) == "0.333333333333"
            assert str(numpy.array([0.1], dtype="float32")) == "[0.1]"
        assert state() == outer
        mx.random.seed(1)
        assert "-0.67765152  0.03629481" in str(mx.nd.random_normal(shape=(10000, 2))[0])
    assert state() == before


def test_a_callers_streams_go_on_where_they_were():
    def draw(between):
        mx.random.seed(7)
        before = stream("nd").normal((3,)).tolist()
        between()
        return before, stream("nd").normal((3,)).tolist()

    def inside():
        with as_published("straight_dope"):
            mx.random.seed(1)
            mx.nd.random_normal(shape=(5,)).wait_to_read()

    assert draw(inside) == draw(lambda: None)


@pytest.mark.parametrize("notebook, draw", [
    ("d2l", lambda: mx.np.random.normal(0, 1, (3,), "float64")),
    ("d2l", lambda: mx.np.random.normal(mx.np.zeros(3), 1)),
    ("d2l", lambda: mx.np.random.uniform(0, 1, (3,), "float64")),
    ("d2l", lambda: mx.np.random.uniform(mx.np.zeros(3), 1)),
    ("d2l", lambda: mx.np.random.exponential(1, (3,))),
    ("straight_dope", lambda: mx.nd.random_normal(0, 1, shape=(3,), dtype="float64")),
    ("straight_dope", lambda: mx.nd.random.normal(mx.nd.zeros(3), mx.nd.ones(3), shape=2)),
    ("straight_dope", lambda: mx.nd.random.normal(0, 1, out=mx.nd.zeros(3, dtype="float64"))),
    ("straight_dope", lambda: mx.np.random.normal(0, 1, (3,))),
    ("straight_dope", lambda: mx.nd.random.exponential(1, shape=(3,))),
])
def test_what_is_not_covered_is_plain_mxnet(notebook, draw):
    mx.random.seed(3)
    plain = draw()
    with as_published(notebook):
        mx.random.seed(3)
        patched = draw()
    assert plain.dtype == patched.dtype and type(plain) is type(patched)
    assert plain.asnumpy().tolist() == patched.asnumpy().tolist()


def test_what_plain_mxnet_refuses_is_refused():
    with as_published("straight_dope"), pytest.raises(mx.MXNetError, match="scale"):
        mx.nd.random_normal(loc=0, scale=-1, shape=(3,)).asnumpy()
    with as_published("straight_dope"), pytest.raises(mx.MXNetError, match="shape"):
        mx.nd.random_normal(shape=(1,), out=mx.nd.zeros((2,))).asnumpy()


def shuffled(length):
    indices = list(range(length))
    random.shuffle(indices)
    return indices


@pytest.fixture(scope="module")
def shuffles():
    """As d2l's: five shuffles of thirty, and five of the thousand, one after each of those."""
    with as_published("d2l"):
        return list(zip(*((shuffled(30), shuffled(1000)) for _ in range(5)), strict=True))


def test_the_first_shuffle_of_the_thousand_begins_with_the_published_rows(shuffles):
    assert shuffles[1][0][:10] == published.document("d2l")["minibatch_rows"]


def test_the_next_three_shuffles_of_the_thousand_are_the_recovered_ones(shuffles):
    assert list(shuffles[1][1:4]) == published.order("d2l").tolist()


def test_each_shuffle_holds_each_index_once(shuffles):
    for length, orders in zip((30, 1000), shuffles, strict=True):
        assert all(sorted(order) == list(range(length)) for order in orders)


def test_all_else_is_shuffled_too(shuffles):
    thirty, thousand = shuffles
    assert thousand[4] not in thousand[:4] and thousand[0][10:20] != list(range(10, 20))
    assert list(range(30)) not in thirty


@pytest.mark.parametrize("others", [
    [f"{row}.png" for row in range(1000)], list(range(1, 1001)), list(range(999, -1, -1))],
    ids=["names", "from 1", "backwards"])
def test_a_thousand_others_are_shuffled_as_by_python(others):
    outside, inside = list(others), list(others)
    random.seed(5)
    random.shuffle(outside)
    with as_published("d2l"):
        random.seed(5)
        random.shuffle(inside)
    assert inside == outside


def test_an_ordinary_shuffle_follows_pythons_generator():
    random.seed(5)
    plain = shuffled(50)
    with as_published("d2l"):
        random.seed(5)
        assert shuffled(50) == plain


def passes(iterator):
    orders = []
    for _ in range(3):
        iterator.reset()
        orders.append([int(x) for batch in iterator for x in batch.label[0].asnumpy()])
    return orders


def rows(number):
    """Features of so many examples, and their numbers as labels."""
    return mx.nd.zeros((number, 2)), mx.nd.arange(number)


def test_ndarrayiter_shuffles_once_as_numpys_generator_does():
    numpy.random.seed(3)
    expected = numpy.arange(20)
    numpy.random.shuffle(expected)
    with as_published("straight_dope"):
        numpy.random.seed(3)
        assert passes(mx.io.NDArrayIter(*rows(20), 4, shuffle=True)) == [expected.tolist()] * 3


def test_ndarrayiter_outside_shuffles_at_each_reset_as_todays_does():
    with as_published("straight_dope"):
        pass
    first, second, _ = passes(mx.io.NDArrayIter(*rows(20), 4, shuffle=True))
    assert first != second


def test_only_the_first_shuffle_of_ten_thousand_is_the_recovered_one():
    X, y = rows(10000)
    recovered = published.order("straight_dope").tolist()
    with as_published("straight_dope"):
        unshuffled = passes(mx.io.NDArrayIter(X, y, 100))
        ours = mx.io.NDArrayIter({"data": X}, label={"label": y}, batch_size=4, shuffle=True)
        assert isinstance(ours, mx.io.NDArrayIter)
        assert passes(ours) == [recovered] * 3
        first, second, _ = passes(mx.io.NDArrayIter(X, y, 4, shuffle=True))
    assert unshuffled == [list(range(10000))] * 3
    assert first == second != recovered


def test_arrays_are_printed_as_by_numpy_1_13():
    # Each text printed by NumPy 1.13.3 on Python 3.6, as below
    with as_published("straight_dope"):
        assert [str(array) for array in (
            numpy.array([-0.6776515, 0.03629481], "float32"),
            numpy.array([[1.5, 2], [1e-3, -4e5]], "float32"),
            numpy.arange(3),
            numpy.array([0.1, 1e-10]),
        )] == [
            "[-0.67765152  0.03629481]",
            "[[  1.50000000e+00   2.00000000e+00]\n [  1.00000005e-03  -4.00000000e+05]]",
            "[0 1 2]",
            "[  1.00000000e-01   1.00000000e-10]",
        ]


def test_floats_are_printed_as_by_numpy_1_13():
    with as_published("straight_dope"):
        assert list(map(str, (numpy.float64(9.531149245371678e-05), numpy.float32(0.1),
                              numpy.float64(1) / 3))) == [
            "9.53114924537e-05", "0.1", "0.333333333333"]


def test_mxnets_arrays_are_printed_as_by_numpy_1_13():
    with as_published("straight_dope"):
        assert str(mx.nd.array([2.74159384])) == "\n[ 2.74159384]\n<NDArray 1 @cpu(0)>"


@pytest.mark.parametrize("inside", published.NOTEBOOKS)
def test_train_is_the_same_inside(inside, notebook):
    outside = train(notebook, ctx="cpu", verbose=False)
    with as_published(inside):
        result = train(notebook, ctx="cpu", verbose=False)
    assert result.batch_losses.tobytes() == outside.batch_losses.tobytes()
    assert result.transcript == outside.transcript


def test_a_first_import_inside_binds_mxnets_own_iterator(run_python):
    assert run_python("""
from d2l_linreg import as_published
with as_published("straight_dope"):
    from d2l_linreg import straight_dope, train
print(straight_dope.NDArrayIter.__mro__[1].__module__)
""") == "mxnet.io.io\n"
