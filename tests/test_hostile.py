"""Hostile input to everything public: what comes out is right, or a clear error; never a crash.

Hypothesis makes the inputs up; conftest.py says at the end how many were tried.
"""
import functools
import json
import os
import re
from collections import Counter

import numpy
import pytest
from descent import same
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import d2l_linreg
from d2l_linreg import (
    ContextError,
    DataError,
    DivergenceError,
    TrainResult,
    d2l,
    engines,
    published,
    straight_dope,
    train,
)
from d2l_linreg.cli import main
from d2l_linreg.compat.mxnet import mx, numpy_semantics
from d2l_linreg.contexts import as_contexts
from d2l_linreg.originals import notebook_files, outputs
from d2l_linreg.reproduction import figures, monte_carlo, reports

TRIED = Counter()
NOTEBOOKS = st.sampled_from(published.NOTEBOOKS)
ENGINES = st.sampled_from(engines.ENGINES)
RANGE = float(numpy.finfo("float32").max)
EXAMPLES = int(os.environ.get("HOSTILE", 200))  # of each property


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
def arrays(draw, shape):
    """An array of this shape, of any type and layout."""
    dtype = numpy.dtype(draw(dtypes))
    if dtype.kind == "f":
        array = draw(arrays_of.arrays("f8", shape, elements=numbers))
        with numpy.errstate(all="ignore"):
            array = array.astype(dtype)
    elif dtype.kind == "O":
        array = numpy.full(shape, None, dtype=object)
    else:
        array = draw(arrays_of.arrays(dtype, shape))
    return draw(layouts(array))


@st.composite
def examples(draw):
    """Features and labels, most of them nearly what can be trained on."""
    shape = draw(st.one_of(st.tuples(st.integers(0, 6), st.integers(0, 4)),
                           st.tuples(st.integers(1, 6), st.integers(1, 4)),
                           arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
    rows = shape[0] if shape else 1
    labels = draw(st.sampled_from([(rows,), (rows,), (rows, 1), (rows + 1,), (1, rows), ()]))
    return draw(arrays(shape)), draw(arrays(labels))


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
    for array, was in zip(data, before, strict=True):
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


orders = st.one_of(
    st.lists(st.integers(-1, 4), max_size=4), st.lists(numbers, max_size=3), anything)


@hostile(orders, st.sampled_from([d2l, straight_dope]))
def test_orders_of_batches(order, vocabulary):
    with numpy_semantics(vocabulary is d2l):
        y = mx.np.arange(4) if vocabulary is d2l else mx.nd.arange(4)
        X = y.reshape((4, 1))
        try:
            seen = ([y_.asnumpy() for _, y_ in d2l.data_iter(1, X, y, order=order)]
                    if vocabulary is d2l else
                    [b.label[0].asnumpy() for b in straight_dope.NDArrayIter(X, y, 1, order=order)])
        except ValueError as error:
            assert "order" in str(error)
        else:
            if order is not None:
                assert numpy.concatenate([[], *seen]).tolist() == numpy.ravel(order).tolist()


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


@hostile(st.sampled_from([d2l, straight_dope]), st.tuples(*[arrays_of.array_shapes(
    min_dims=0, max_dims=3, min_side=0, max_side=3)] * 4))
def test_the_model_and_its_loss(vocabulary, shapes):
    rng = numpy.random.RandomState(0)
    X, w, b, y = given_ = [rng.standard_normal(shape).astype("f4") for shape in shapes]
    model, loss, array = (
        (d2l.linreg, d2l.squared_loss, mx.np.array) if vocabulary is d2l
        else (straight_dope.net, straight_dope.square_loss, mx.nd.array))
    with numpy_semantics(vocabulary is d2l):
        try:
            y_hat = model(*map(array, given_[:3]))
            losses = loss(y_hat, array(y)).asnumpy()
            y_hat = y_hat.asnumpy()
        except (mx.MXNetError, ValueError, TypeError, IndexError) as error:
            assert str(error)
            fits = X.ndim == 2 and w.shape == X.shape[1:] + (1,) and b.shape == (1,)
            assert not fits or not X.size or y.size != len(X)
        else:
            expected = (numpy.dot(X, w) if vocabulary is d2l else numpy.tensordot(X, w, 1)) + b
            assert numpy.allclose(y_hat, expected, atol=1e-5)
            if y.shape == y_hat.shape:
                squares = (expected - y) ** 2
                assert numpy.allclose(
                    losses, squares / 2 if vocabulary is d2l else squares.mean(), atol=1e-4)


@hostile(st.one_of(numbers, anything), st.one_of(st.integers(-2, 5), anything),
         st.sampled_from([d2l, straight_dope]))
def test_steps(lr, batch_size, vocabulary):
    before = numpy.array([1, -2], "f4")
    with numpy_semantics(vocabulary is d2l):
        param = (mx.np if vocabulary is d2l else mx.nd).array(before)
        param.attach_grad()
        with mx.autograd.record():
            loss = (param * param).sum()
        loss.backward()
        try:
            if vocabulary is d2l:
                d2l.sgd([param], lr, batch_size)
            else:
                batch_size = 1
                straight_dope.SGD([param], lr)
            after = param.asnumpy()
        except (ArithmeticError, AttributeError, NotImplementedError, TypeError, ValueError,
                mx.MXNetError) as error:
            assert str(error)
        else:
            with numpy.errstate(all="ignore"):
                expected = before - numpy.float32(lr) * (2 * before) / numpy.float32(batch_size)
            assert numpy.allclose(after, expected, rtol=1e-5, atol=1e-37, equal_nan=True)


@hostile(anything)
def test_what_is_printed_and_reported(value):
    for call in (lambda: straight_dope.printed(value), lambda: published.text("d2l", value),
                 lambda: published.text(value, "training"), lambda: reports.to_junit(value),
                 lambda: reports.to_markdown(value), lambda: reports.to_json(value),
                 lambda: reports.to_html(value), lambda: figures.printed_figures(value)):
        try:
            result = call()
        except (ArithmeticError, AttributeError, ImportError, TypeError, ValueError) as error:
            assert str(error)
        else:
            assert isinstance(result, (str, list))


@hostile(st.one_of(st.lists(st.one_of(names, anything), max_size=3), names, anything),
       st.one_of(names, anything))
def test_devices_and_stores(ctx, kvstore):
    try:
        contexts = as_contexts(ctx)
    except ContextError as error:
        assert "ctx is" in str(error)
    else:
        assert all(context.device_type == "cpu" for context in contexts)
    if not (kvstore is None or isinstance(kvstore, str) and kvstore in ("local", "device")):
        with pytest.raises(ValueError, match="kvstore is"):
            train(**dict(GIVEN, kvstore=kvstore))


@hostile(st.one_of(anything, names))
def test_saving(path):
    assume(not isinstance(path, (str, bytes)) or os.path.dirname(os.fsdecode(path)) != "/")
    result = train(**GIVEN)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir("/proc/self")  # where nothing can be written
        with pytest.raises((OSError, TypeError, ValueError)) as raised:
            result.save(path)
        assert str(raised.value)


@hostile(st.sampled_from([monte_carlo.percentiles, monte_carlo.p_value]),
       st.lists(st.sampled_from(["0.5", "-1.25e-05", "nan", "1e400", "0"]), max_size=3),
       arrays_of.arrays("f8", st.tuples(st.integers(0, 4), st.integers(0, 3)), elements=numbers))
def test_statistics(statistic, transcript, replicates):
    with numpy.errstate(all="ignore"):
        try:
            value = numpy.array(statistic(transcript, replicates))
        except ValueError as error:
            assert str(error)
        else:
            highest = 100 if statistic is monte_carlo.percentiles else 1
            assert ((value >= 0) & (value <= highest)).all() and value.size in (1, len(transcript))


cell_texts = st.one_of(st.text(max_size=30), st.sampled_from(
    ["import d2l", "from mxnet import nd", "%matplotlib inline", "1 +", "\0", "`" * 3, "```"]))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), cell_texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(
        ["cells", "cell_type", "source", "outputs", "metadata", "nbformat", "output_type", "data",
         "text", "text/plain", "name"]), inner, max_size=5)), max_leaves=8)


@st.composite
def notebooks(draw):
    """What someone may give as a notebook: its ending and its bytes."""
    if draw(st.booleans()):
        cell = st.fixed_dictionaries({
            "cell_type": st.one_of(st.just("code"), values), "source": cell_texts,
            "metadata": st.just({}), "execution_count": st.none(),
            "outputs": st.one_of(st.just([]), values)})
        content = draw(st.one_of(values, st.fixed_dictionaries({
            "nbformat": st.sampled_from([4, 3, 5, "4"]), "nbformat_minor": st.just(2),
            "metadata": st.one_of(st.just({}), values), "cells": st.lists(cell, max_size=3)})))
        return ".ipynb", json.dumps(content).encode()
    fence = "```{}\n{}\n```\n".format
    code = cell_texts.map(functools.partial(fence, "{.python .input  n=1}"))
    output = st.one_of(values, st.lists(values)).map(json.dumps).map(
        functools.partial(fence, "{.json .output n=1}"))
    content = "\n".join(draw(st.lists(st.one_of(
        cell_texts, st.tuples(code, output).map("".join), st.tuples(
            cell_texts.map(functools.partial(fence, "python")), cell_texts.map("    {}".format)
        ).map("\n".join)), max_size=4)))
    content = content.encode("utf-8", "surrogatepass")
    return ".md", draw(st.one_of(st.just(content), st.binary(max_size=20)))


@hostile(notebooks())
def test_documents(tmp_path_factory, document):
    ending, content = document
    path = tmp_path_factory.getbasetemp() / ("hostile" + ending)
    path.write_bytes(content)
    try:
        notebook = notebook_files.read(str(path))
        texts = [outputs.printed(cell) for cell in notebook.cells
                 if cell.cell_type == "code"]
        notebook_files.check_language(notebook)
    except ValueError as error:
        assert "hostile" + ending in str(error) or "--as" in str(error)
    else:
        assert all(isinstance(text, str) for text in texts)


@hostile(st.sampled_from(["training", "mini-batch", "batches"]), cell_texts, NOTEBOOKS)
def test_texts_beside_the_published_ones(name, text, notebook):
    (cell,) = [cell for cell in published.document(notebook)["cells"] if cell["cell"] == name] or [
        published.document(notebook)["cells"][-1]]
    compared = list(figures.compare_cell(notebook, cell, text))
    assert [figure.figure for figure in compared] == cell["figures"]
    assert all(figure.verdict == figures.DIFFERENT for figure in compared)


@hostile(st.lists(st.one_of(st.sampled_from(
    ["train", "train", "info", "--batch-size", "--ctx", "--learning-rate", "nan", "-1", "0", "cpu",
     "--data", "--label", "--labels", "--engine", "native", "--plot", "--json", "--runs", "--help",
     "--checkpoint", "--save", "--num-epochs", "straight_dope", "fit"]), names.filter(
         lambda name: isinstance(name, str))),
    min_size=1, max_size=5))
def test_command_lines(arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir("/proc/self")  # where nothing can be written
        assert main(arguments) in (0, 1, 2)


# None of these lines can work, so nothing is started.
WRONG = {
    "reproduce": ["--runs", "999"], "run": ["--output", "/proc/none/out.ipynb"],
    "notebooks": ["/proc/none/notebooks"], "launch": ["-n", "0"]}


@hostile(st.sampled_from(sorted(WRONG)), st.lists(st.one_of(st.sampled_from(
    ["--notebook", "d2l", "--ctx", "gpu(7)", "--html", "--json", "--junit", "--markdown", "--as",
     "--output", "--force", "-n", "-s", "--address", "0.0.0.0", "256.1.1.1", "--hosts", "--",
     "train", "--batch-size", "2"]), names.filter(lambda name: isinstance(name, str))),
    max_size=5), st.booleans())
def test_command_lines_of_the_other_commands(command, arguments, first):
    arguments = [*WRONG[command], *arguments] if first else [*arguments, *WRONG[command]]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir("/proc/self")
        assert main([command, *arguments]) == 2
