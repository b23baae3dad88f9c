"""Hostile input to everything public: what comes out is right, or a clear error; never a crash.

Hypothesis makes the inputs up; conftest.py says at the end how many were tried.
"""
import functools
import os
import re
from collections import Counter

import numpy
import pytest
from descent import same

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import d2l_linreg
from d2l_linreg import DataError, DivergenceError, TrainResult, d2l, published, straight_dope, train
from d2l_linreg._mxnet import mx, numpy_semantics
from d2l_linreg.cli import main

TRIED = Counter()
NOTEBOOKS = st.sampled_from(["d2l", "straight_dope"])
ENGINES = st.sampled_from(["compiled", "autograd", "scan", "fused"])
RANGE = float(numpy.finfo("float32").max)
EXAMPLES = int(os.environ.get("HOSTILE", 80))  # of each property


def hostile(*strategies):
    """Try so many inputs, the same ones every time, and count them."""
    def decorate(test):
        @functools.wraps(test)
        def counted(*arguments, **keywords):
            TRIED[test.__name__[5:]] += 1
            return test(*arguments, **keywords)

        return settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
                        suppress_health_check=list(HealthCheck))(given(*strategies)(counted))
    return decorate


numbers = st.one_of(
    st.floats(), st.floats(-5, 5), st.integers(-3, 3), st.sampled_from(
        [0.0, -0.0, 1e-45, 1e38, RANGE, 2 * RANGE, 1e300, 5e-324, numpy.inf, -numpy.inf,
         numpy.nan]))
dtypes = st.one_of(
    st.sampled_from(["<f4", "<f8", "<f2", ">f4", ">f8", ">f2", "i1", "<i8", ">i4", "u1", "?"]),
    st.sampled_from(["<c8", "<U3", "S3", "O", "M8[s]", "m8[s]"]))
anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.binary(max_size=5),
    st.lists(st.integers(-2, 2), max_size=3), st.fractions(), st.decimals(), st.complex_numbers(),
    st.sampled_from([numpy.float32(0.1), numpy.int64(3), numpy.bool_(True), numpy.array([1, 2]),
                     numpy.array(2), object(), int, {}, {"a": 1}, (), ..., numpy.nan, 2**32,
                     2**64]))
names = st.one_of(st.text(max_size=8), st.sampled_from(
    ["", ".", "/", "..", "\0", "a\0b", "\udcff", "x" * 5000, "é\u0301", "-", "~", "gpu(0)",
     "cpu(1)", "cpu(99999)", "gpu(-1)", "d2l ", "D2L", "/dev/null", "/dev/full", b"d2l", "con",
     "no/such/folder/file", "a\nb", "%s", "{}"]))


@st.composite
def layouts(draw, array):
    """The same numbers, in memory as someone may have them."""
    layout = draw(st.sampled_from(["C", "F", "strided", "reversed", "read-only", "broadcast"]))
    if layout == "F":
        array = numpy.asfortranarray(array)
    elif layout == "strided" and array.ndim:
        wide = numpy.repeat(array, 2, axis=-1)
        array = wide[..., ::2]
    elif layout == "reversed" and array.ndim:
        array = array[::-1].copy()[::-1]
    elif layout == "read-only":
        array = array.copy()
        array.flags.writeable = False
    elif layout == "broadcast" and array.ndim and len(array):
        array = numpy.broadcast_to(array[:1], array.shape)
    return array


@st.composite
def examples(draw):
    """Features and labels, most of them nearly what can be trained on."""
    shape = draw(st.one_of(st.tuples(st.integers(0, 6), st.integers(0, 4)),
                           st.tuples(st.integers(1, 6), st.integers(1, 4)),
                           arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
    rows = shape[0] if shape else 1
    labels = draw(st.sampled_from([(rows,), (rows,), (rows, 1), (rows + 1,), (1, rows), ()]))
    made = []
    for shape in (shape, labels):
        dtype = numpy.dtype(draw(dtypes))
        elements = {"f": numbers, "c": numbers}.get(dtype.kind)
        if dtype.kind == "f":
            array = draw(arrays_of.arrays("f8", shape, elements=elements))
            with numpy.errstate(all="ignore"):
                array = array.astype(dtype)
        elif dtype.kind == "O":
            array = numpy.full(shape, None, dtype=object)
        else:
            array = draw(arrays_of.arrays(dtype, shape))
        made.append(draw(layouts(array)))
    return tuple(made)


def trainable(X, y):
    """By the documentation: two dimensions, one label a row, real, not empty, float32's range."""
    return (X.ndim == 2 and X.size > 0 and y.shape in ((len(X),), (len(X), 1))
            and all(a.dtype.kind in "fiub" and (abs(a.astype("f8")) <= RANGE).all()
                    for a in (X, y)))


@hostile(examples(), NOTEBOOKS, ENGINES)
def test_data(data, notebook, engine):
    X, y = data
    before = [numpy.array(array, copy=True) for array in data]

    def outcome(X, y):
        try:
            return train(notebook, data=(X, y), ctx="cpu", batch_size=1, num_epochs=1,
                         engine=engine, verbose=False)
        except DivergenceError as error:
            return str(error)

    if not trainable(X, y):
        with pytest.raises(DataError, match="features|labels"):
            outcome(X, y)
    else:
        plain = [numpy.ascontiguousarray(array, "f4") for array in data]
        given_, plainly = outcome(X, y), outcome(*plain)
        if isinstance(plainly, str):
            assert given_ == plainly
        else:
            assert same(given_, plainly) and numpy.isfinite(given_.w).all()
            assert numpy.isfinite([given_.b, *given_.epoch_losses]).all()
            with numpy.errstate(all="ignore"):
                assert (given_.predict(X) == plainly.predict(plain[0])).all()
    for array, was in zip(data, before):
        assert array.tobytes() == was.tobytes()


X = numpy.random.RandomState(0).standard_normal((6, 2))
GIVEN = dict(data=(X, X @ [1, 2] + 3), ctx="cpu", num_epochs=1, verbose=False)


def refused_or_right(name, **arguments):
    """A ValueError that names the argument, or a result like that of the plain value."""
    try:
        result = train(**dict(GIVEN, **arguments))
    except ValueError as error:
        assert re.search(name, str(error))
    except DivergenceError:
        assert name == "learning_rate"
    else:
        assert numpy.isfinite(result.w).all()
        return result


@hostile(st.sampled_from(["learning_rate", "num_epochs", "batch_size", "shuffle_seed"]), anything,
       NOTEBOOKS)
def test_settings(name, value, notebook):
    assume(not (name == "num_epochs" and isinstance(value, int) and 50 < value < 2**32))
    result = refused_or_right(name, **{"notebook": notebook, "batch_size": 2, name: value})
    if result is not None and value is not None:
        assert getattr(result.settings, name) == (
            float(value) if name == "learning_rate" else value)


@hostile(st.sampled_from(["notebook", "engine", "ctx", "order", "data", "labels", "checkpoint"]),
       st.one_of(anything, names))
def test_other_arguments(name, value):
    if name == "checkpoint" and isinstance(value, (str, bytes)):
        value = "/proc/none/" + (value if isinstance(value, str) else "bytes")  # nothing is left
    expected = "data|features|labels" if name == "data" else name
    result = refused_or_right(expected, **{name: value})
    assert result is None or value is None or name in ("notebook", "engine", "ctx")


@hostile(st.one_of(arrays_of.arrays("<i8", st.sampled_from([(6,), (1, 6), (2, 6), (5,)]),
                                  elements=st.integers(-1, 6)),
                 st.permutations(range(6)), anything), NOTEBOOKS)
def test_order(order, notebook):
    result = refused_or_right("order", order=order, notebook=notebook, batch_size=1)
    if result is not None and order is not None:
        assert sorted(numpy.ravel(order).tolist()) == list(range(6))


@hostile(examples())
def test_predict(data):
    model = train(**GIVEN)
    X, _ = data
    fits = X.ndim == 2 and trainable(X, numpy.zeros(len(X))) and X.shape[1] == 2
    if fits:
        with numpy.errstate(all="ignore"):
            expected = X.astype("f4").astype("f8") @ model.w.astype("f8") + model.b
            assert numpy.allclose(model.predict(X), expected, rtol=1e-3,
                                  atol=1e-5 * abs(X.astype("f4")).max() + 1e-6, equal_nan=True)
    else:
        with pytest.raises(DataError, match="X "):
            model.predict(X)


@hostile(st.one_of(anything, names))
def test_names_of_files(name):
    with pytest.raises(DataError):
        TrainResult.load(name)
    with pytest.raises(DataError):
        train(data=name if isinstance(name, str) else "", labels=name)


def works(runs):
    return isinstance(runs, (int, numpy.integer)) and (runs == 0 or 1000 <= runs < 2**32)


@hostile(anything)
def test_other_functions(value):
    for call in (
            lambda: d2l_linreg.try_gpu(value), lambda: published.document(value),
            lambda: published.order(value), lambda: d2l_linreg.replicate(value, 1),
            lambda: d2l_linreg.replicate("d2l", value, seed=2**32),
            lambda: d2l_linreg.reproduce(value if value is not None else ""),
            lambda: d2l_linreg.reproduce(runs=-1 if works(value) else value),
            lambda: d2l_linreg.as_published(value).__enter__()):
        try:
            result = call()
        except (ValueError, TypeError) as error:
            assert str(error)
        else:
            assert isinstance(result, type(mx.cpu()))  # try_gpu


sizes = st.one_of(st.integers(-2, 4), anything)


@hostile(sizes, st.sampled_from([d2l, straight_dope]))
def test_drawing(size, vocabulary):
    with numpy_semantics(vocabulary is d2l):
        for draw, shape in (
                (lambda: d2l.synthetic_data([2, -3.4], 4.2, size) if vocabulary is d2l
                 else straight_dope.synthetic_data(size), lambda array: len(array)),
                (lambda: vocabulary.init_params(size), lambda array: len(array))):
            if isinstance(size, (int, numpy.int64)) and 2**20 < size < 2**32:
                continue  # more than there may be room for
            try:
                first, second = draw()
            except ValueError as error:
                assert "num_" in str(error)
            else:
                assert shape(first.asnumpy()) == size and numpy.isfinite(first.asnumpy()).all()


@hostile(sizes, st.integers(1, 5), st.integers(1, 5), st.integers(1, 3),
       st.sampled_from([d2l, straight_dope]))
def test_batches(batch_size, num_examples, num_labels, num_features, vocabulary):
    with numpy_semantics(vocabulary is d2l):
        np = mx.np if vocabulary is d2l else mx.nd
        features = np.arange(num_examples * num_features).reshape((num_examples, num_features))
        labels = np.arange(num_labels)
        batches = d2l.data_iter if vocabulary is d2l else (
            lambda size, X, y: straight_dope.NDArrayIter(X, y, size))
        try:
            if vocabulary is d2l:
                seen = [y.asnumpy() for _, y in batches(batch_size, features, labels)]
            else:
                seen = [b.label[0].asnumpy() for b in batches(batch_size, features, labels)]
        except ValueError as error:
            assert "batch_size" in str(error) or "labels" in str(error)
        else:
            assert set(numpy.concatenate(seen)) == set(range(num_examples))
            assert num_labels == num_examples


@hostile(st.lists(st.one_of(st.sampled_from(
    ["train", "train", "info", "--batch-size", "--ctx", "--learning-rate", "nan", "-1", "0", "cpu",
     "--data", "--label", "--labels", "--engine", "scan", "--plot", "--json", "--runs", "--help",
     "--checkpoint", "--save", "--num-epochs", "straight_dope", "fit"]), names.filter(
         lambda name: isinstance(name, str))),
    min_size=1, max_size=5))
def test_command_lines(arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir("/proc/self")  # where nothing can be written
        assert main(arguments) in (0, 1, 2)
