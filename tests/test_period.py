"""as_published: MXNet as it was then, and afterwards as it was before."""
import itertools
import random
import sys

import mxnet_0_11
import numpy
import pytest

from d2l_linreg import as_published, published, train
from d2l_linreg.compat.mxnet import mx, numpy_semantics

SEEDS = (0, 1, 17, 12345)
DISTRIBUTIONS = ((0, 1), (2.5, 0.3), (-1, 10), (1000.0, 0.001))
SHAPES = ((1,), (3,), (5, 2), (7, 3, 2), (10001,))


@pytest.fixture(scope="module")
def of_2017(mxnet_0_11_wheel):
    """What MXNet 0.11.0 draws: for each seed and distribution, all shapes in turn."""
    program = ""
    for seed, (loc, scale) in itertools.product(SEEDS, DISTRIBUTIONS):
        program += f"mx.random.seed({seed})\n"
        for shape in SHAPES:
            program += f"arrays[{repr((seed, loc, scale, shape))!r}] = nd.random_normal(loc={loc}, scale={scale}, shape={shape})\n"
    return mxnet_0_11.run(mxnet_0_11_wheel, program)


@pytest.mark.parametrize("draw", [
    lambda loc, scale, shape: mx.nd.random_normal(loc=loc, scale=scale, shape=shape),
    lambda loc, scale, shape: mx.nd.random.normal(loc, scale, shape),
    lambda loc, scale, shape: mx.nd.random.normal(loc, scale, shape, "float32", mx.cpu()),
    lambda loc, scale, shape: mx.random.normal(loc, scale, shape=shape, ctx=mx.cpu(1)),
    lambda loc, scale, shape: mx.nd.random_normal(loc, scale, shape=list(shape), ctx="cpu(0)",
                                                  dtype="float32"),
])
def test_each_name_of_2017_draws_what_mxnet_0_11_drew(draw, of_2017):
    with as_published("straight_dope"):
        for seed, (loc, scale) in itertools.product(SEEDS, DISTRIBUTIONS):
            mx.random.seed(seed)
            for shape in SHAPES:
                was = of_2017[repr((seed, loc, scale, shape))]
                now = draw(loc, scale, shape)
                assert now.shape == shape and isinstance(now, mx.nd.NDArray)
                assert (now.asnumpy() == was).all()


def test_a_context_given_is_where_the_numbers_are():
    with as_published("straight_dope"):
        assert mx.nd.random_normal(shape=(2,), ctx=mx.cpu(1)).context == mx.cpu(1)
    with as_published("d2l", ctx="cpu(2)"):
        assert mx.np.random.normal(size=3).ctx == mx.cpu(2)
    assert mx.context.current_context() == mx.cpu(0)


def test_the_stream_starts_as_in_a_new_process_and_holds_the_published_features():
    mx.random.seed(77)
    with as_published("d2l"), numpy_semantics(True):
        features = mx.np.random.normal(0, 1, (1000, 2))
        assert isinstance(features, mx.np.ndarray)
        assert str(features[0]) in published.text("d2l", "example")
    with as_published("d2l"), numpy_semantics(True):
        assert (mx.np.random.normal(0, 1, (1000, 2), "float32") == features).all()


def state():
    return (mx.np.random.normal, mx.nd.random.normal, mx.nd.random_normal, mx.random.normal,
            mx.io.NDArrayIter, random.shuffle, numpy.random.shuffle, numpy.get_printoptions(),
            str(numpy.array([0.1, 1.5], dtype="float32")), "d2l" in sys.modules,
            mx.context.current_context(), str(numpy.float64(1) / 3))


@pytest.mark.parametrize("notebook", ["d2l", "straight_dope"])
def test_everything_is_put_back_also_after_an_exception(notebook):
    before = state()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            with as_published(notebook):
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


def test_a_callers_mxnet_stream_goes_on_from_its_own_seed():
    def draw_after(seed):
        mx.random.seed(seed)
        with as_published("straight_dope"):
            mx.nd.random_normal(shape=(5,)).wait_to_read()
        return mx.nd.random.normal(shape=(4,)).asnumpy().tolist()

    assert draw_after(7) == draw_after(7) != draw_after(8)


@pytest.mark.parametrize("notebook, draw", [
    ("d2l", lambda: mx.np.random.normal(0, 1, (3,), "float64")),
    ("d2l", lambda: mx.np.random.normal(mx.np.zeros(3), 1)),
    ("d2l", lambda: mx.np.random.uniform(0, 1, (3,))),
    ("d2l", lambda: mx.nd.random.normal(0, 1, (3,))),
    ("straight_dope", lambda: mx.nd.random_normal(0, 1, shape=(3,), dtype="float64")),
    ("straight_dope", lambda: mx.nd.random.normal(mx.nd.zeros(3), mx.nd.ones(3), shape=2)),
    ("straight_dope", lambda: mx.nd.random.normal(0, 1, (3,), out=mx.nd.zeros(3))),
    ("straight_dope", lambda: mx.nd.random.normal()),
    ("straight_dope", lambda: mx.nd.random_uniform(0, 1, shape=(3,))),
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
    with as_published("straight_dope"):
        with pytest.raises(mx.MXNetError, match="scale"):
            mx.nd.random_normal(loc=0, scale=-1, shape=(3,)).asnumpy()


def test_first_four_shuffles_of_the_thousand_are_the_published_ones():
    rows = published.document("d2l")["minibatch_rows"]
    with as_published("d2l"):
        orders = []
        for _ in range(5):
            others = list(range(30))
            random.shuffle(others)  # in between, and ordinary
            assert sorted(others) == list(range(30)) != others
            indices = list(range(1000))
            random.shuffle(indices)
            orders.append(indices)
    assert orders[0][:10] == rows
    assert [orders[1], orders[2], orders[3]] == published.order("d2l").tolist()
    assert all(sorted(order) == list(range(1000)) for order in orders)
    assert orders[4] not in orders[:4] and orders[0][10:20] != list(range(10, 20))


def test_an_ordinary_shuffle_follows_pythons_generator():
    random.seed(5)
    plain = list(range(50))
    random.shuffle(plain)
    with as_published("d2l"):
        random.seed(5)
        patched = list(range(50))
        random.shuffle(patched)
    assert plain == patched


def passes(iterator):
    orders = []
    for _ in range(3):
        iterator.reset()
        orders.append([int(x) for batch in iterator for x in batch.label[0].asnumpy()])
    return orders


def test_ndarrayiter_shuffles_once_and_the_first_ten_thousand_in_the_recovered_order():
    X, y = mx.nd.zeros((10000, 2)), mx.nd.arange(10000)
    small = mx.nd.arange(20)
    with as_published("straight_dope"):
        numpy.random.seed(3)
        first, second, third = passes(mx.io.NDArrayIter(small, small, 4, shuffle=True))
        assert first == second == third != list(range(20))
        numpy.random.seed(3)
        expected = numpy.arange(20)
        numpy.random.shuffle(expected)
        assert first == expected.tolist()

        unshuffled = mx.io.NDArrayIter(X, y, 100)
        assert passes(unshuffled)[2] == list(range(10000))
        ours = mx.io.NDArrayIter({"data": X}, label={"label": y}, batch_size=4, shuffle=True)
        assert passes(ours) == [published.order("straight_dope").tolist()] * 3
        assert isinstance(ours, mx.io.NDArrayIter)
        first, second, _ = passes(mx.io.NDArrayIter(X, y, 4, shuffle=True))
        assert first == second != published.order("straight_dope").tolist()
    # outside, today's: at each reset
    first, second, _ = passes(mx.io.NDArrayIter(small, small, 4, shuffle=True))
    assert first != second


def test_arrays_and_floats_are_printed_as_by_numpy_1_13():
    # Each text printed by NumPy 1.13.3 on Python 3.6
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
        assert list(map(str, (numpy.float64(9.531149245371678e-05), numpy.float32(0.1),
                              numpy.float64(1) / 3))) == [
            "9.53114924537e-05", "0.1", "0.333333333333"]
        assert str(mx.nd.array([2.74159384])) == "\n[ 2.74159384]\n<NDArray 1 @cpu(0)>"


def test_d2l_can_be_imported_inside_only_and_a_real_one_is_preferred(tmp_path, monkeypatch):
    with as_published("d2l"):
        import d2l

        assert d2l.__name__ == "d2l_linreg.d2l" and callable(d2l.set_figsize)
    with pytest.raises(ImportError):
        import d2l  # noqa: F811
    (tmp_path / "d2l.py").write_text("real = True")
    monkeypatch.syspath_prepend(str(tmp_path))
    with as_published("d2l"):
        import d2l

        assert d2l.real
    del sys.modules["d2l"]


def test_a_folder_named_d2l_is_no_package_that_someone_wants(tmp_path, monkeypatch):
    (tmp_path / "d2l").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    with as_published("d2l"):
        import d2l

        assert d2l.__name__ == "d2l_linreg.d2l"


@pytest.mark.parametrize("notebook", ["d2l", "straight_dope"])
@pytest.mark.parametrize("inside", ["d2l", "straight_dope"])
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


def test_an_unknown_notebook_or_device_is_refused_before_anything_changes():
    before = state()
    for arguments in (("d3l",), ("d2l", "tpu")):
        with pytest.raises(ValueError, match="notebook is 'd3l'|ctx is 'tpu'"):
            with as_published(*arguments):
                pass
    assert state() == before
