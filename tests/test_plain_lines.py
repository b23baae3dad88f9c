"""The notebooks' functions, each against the same line of plain MXNet, over shapes and types."""
import hypothesis.extra.numpy as hnp
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from d2l_linreg import ArgumentError, d2l, straight_dope
from d2l_linreg.compat.mxnet import mx, numpy_semantics

tried = settings(deadline=None, derandomize=True, database=None)
floats = st.floats(-4, 4, width=32)


def arrays(*shape):
    """An array of a shape, of MXNet's or NumPy's, or in lists."""
    forms = st.sampled_from([mx.np.array, numpy.array, lambda array: array.astype("float64"),
                             lambda array: array.tolist()])
    return st.tuples(hnp.arrays("float32", shape, elements=floats), forms).map(
        lambda given: given[1](given[0]))


@pytest.mark.parametrize("of_w", [(1,), (2,), (5,), (2, 1), (3, 2), (1, 1), (2, 2, 2), (), (0,)],
                         ids=str)
@pytest.mark.parametrize("of_b", [(), (1,), (2,), (3,), (1, 1), (2, 1), (40, 1)], ids=str)
@settings(tried, max_examples=5)
@given(data=st.data(), num_examples=st.integers(1, 40))
def test_synthetic_data_has_the_shapes_of_the_notebooks_line(of_w, of_b, data, num_examples):
    w, b = data.draw(arrays(*of_w)), data.draw(arrays(*of_b))
    with numpy_semantics(True):
        try:
            features, labels = d2l.synthetic_data(w, b, num_examples)
        except ArgumentError as error:
            assert str(error).startswith(("w is", "b is"))
            assert len(of_w) not in (1, 2) or 0 in of_w or of_b not in ((), (1,), of_w[1:])
            return
        w, b = (mx.np.array(given, dtype="float32") for given in (w, b))
        exact = mx.np.dot(features, w) + b
        assert features.shape == (num_examples, len(w)) and labels.shape == exact.shape
        assert labels.shape == (num_examples, *of_w[1:])
        noise = labels.asnumpy() - exact.asnumpy()
    assert (abs(noise) < 0.06).all() and (noise.size < 20 or noise.std() > 0.004)


@tried
@given(st.data(), st.integers(1, 12), st.integers(1, 5), st.integers(1, 2), st.integers(1, 5))
def test_d2ls_functions_are_plain_mxnets_lines(data, num_examples, num_features, outputs,
                                               batch_size):
    with numpy_semantics(True):
        X = mx.np.array(data.draw(arrays(num_examples, num_features)), dtype="float32")
        w = mx.np.array(data.draw(arrays(num_features, outputs)), dtype="float32")
        b, y = mx.np.ones(outputs), mx.np.array(data.draw(arrays(num_examples, outputs)), "float32")
        y_hat = d2l.linreg(X, w, b)
        assert (y_hat.asnumpy() == (mx.np.dot(X, w) + b).asnumpy()).all()
        loss = d2l.squared_loss(y_hat, y if data.draw(st.booleans()) else y.reshape(-1))
        assert loss.shape == y_hat.shape
        assert loss.asnumpy() == pytest.approx(((y_hat - y) ** 2 / 2).asnumpy(), rel=1e-6)
        given_as = data.draw(st.sampled_from([lambda array: array, mx.np.ndarray.asnumpy]))
        batches = list(d2l.data_iter(batch_size, given_as(X), given_as(y),
                                     order=range(num_examples)))
        rows = [slice(at, at + batch_size) for at in range(0, num_examples, batch_size)]
        assert len(batches) == len(rows)
        for (of_X, of_y), these in zip(batches, rows, strict=True):
            assert isinstance(of_X, mx.np.ndarray)
            assert of_X.asnumpy().tolist() == X[these].asnumpy().tolist()
            assert of_y.asnumpy().tolist() == y[these].asnumpy().tolist()


@tried
@given(st.data(), st.integers(1, 12), st.integers(1, 5),
       st.sampled_from(["pad", "discard", "roll_over"]), st.sampled_from([None, (), (1,)]),
       st.sampled_from([lambda X: X, lambda X: {"data": X}, lambda X: [X]]), st.booleans())
def test_ndarrayiter_takes_what_mxnets_takes(data, num_examples, batch_size, handle, of_label, form,
                                             positional):
    X = data.draw(st.sampled_from([mx.nd.array, lambda array: array]))(
        data.draw(hnp.arrays("float32", (num_examples, 2), elements=floats)))
    y = None if of_label is None else numpy.arange(num_examples, dtype="float32").reshape(
        num_examples, *of_label)
    arguments, keywords = ((form(X), y, batch_size), {}) if positional else ((), dict(
        data=form(X), label=y, batch_size=batch_size))
    if batch_size > num_examples:
        with pytest.raises(ArgumentError, match="a batch needs as many"):
            straight_dope.NDArrayIter(*arguments, **keywords)
        return
    keywords.update(shuffle=False, last_batch_handle=handle)
    ours = straight_dope.NDArrayIter(*arguments, **keywords)
    theirs = mx.io.NDArrayIter(*arguments, **keywords)
    assert (ours.provide_data, ours.provide_label) == (theirs.provide_data, theirs.provide_label)
    for _ in range(2):
        for one, other in zip(ours, theirs, strict=True):
            assert one.pad == other.pad
            for part, same in zip([*one.data, *one.label], [*other.data, *other.label],
                                  strict=True):
                assert part.dtype == same.dtype
                assert part.asnumpy().tolist() == same.asnumpy().tolist()
        ours.reset(), theirs.reset()


def test_ndarrayiter_shuffles_all_arrays_alike_whatever_form_they_come_in():
    X = numpy.arange(40, dtype="float32").reshape(20, 2)
    batches = straight_dope.NDArrayIter({"a": X, "b": X[:, 0]}, [X[:, 1]], 4)
    seen = []
    for batch in batches:
        a, b, label = (array.asnumpy() for array in (*batch.data, *batch.label))
        assert (a[:, 0] == b).all() and (a[:, 1] == label).all()
        seen += b.tolist()
    assert sorted(seen) == X[:, 0].tolist() != seen


@pytest.mark.parametrize("handle", ["fill", None])
def test_ndarrayiter_refuses_another_last_batch(handle):
    with pytest.raises(ArgumentError, match="last_batch_handle is"):
        straight_dope.NDArrayIter(numpy.zeros((4, 2)), None, 2, last_batch_handle=handle)


@pytest.mark.parametrize("label", [numpy.zeros(3), [numpy.zeros(4), numpy.zeros(5)],
                                   {"one": numpy.zeros(4), "other": numpy.zeros((1, 4))}])
def test_ndarrayiter_refuses_labels_that_are_not_one_a_row(label):
    for order in (None, [3, 2, 1, 0]):
        with pytest.raises(ArgumentError, match="^labels has [135] rows, but features 4"):
            straight_dope.NDArrayIter(numpy.zeros((4, 2)), label, 2, order=order)


@pytest.mark.parametrize("num_examples", [0, -1, 2**32, 2.0, True, "2", None])
def test_no_data_are_drawn_of_a_number_of_examples_that_is_none(num_examples):
    for draw in (lambda: d2l.synthetic_data([2, -3.4], 4.2, num_examples),
                 lambda: straight_dope.synthetic_data(num_examples)):
        with pytest.raises(ArgumentError, match="^num_examples is "):
            draw()
