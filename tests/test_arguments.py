"""Arguments that are not what they seem: nothing is lost of what went wrong, or asked for."""
import sys

import numpy
import pytest
from descent import initial, loop_in_float64, same, shuffles

from d2l_linreg import ArgumentError, DataError, d2l, train

X = numpy.random.RandomState(0).standard_normal((6, 2))
y = X @ [1, 2] + 3
MODEL = train(data=(X, y), ctx="cpu", num_epochs=1, verbose=False)


def raising(hook, error):
    """A sequence whose method of that name raises."""
    def method(*arguments, **keywords):
        raise error

    return type("Broken", (), {"__len__": lambda self: 2, "__getitem__": lambda self, at: 1.0,
                               hook: method})()


@pytest.mark.parametrize("error", [
    KeyError("told"), OSError(5, "told"), RuntimeError("told"), ZeroDivisionError("told"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "told"), AssertionError("told"),
    RecursionError("told"), TypeError("told"), ValueError("told")], ids=repr)
@pytest.mark.parametrize("hook", ["__array__", "asnumpy", "__len__", "__iter__", "__getitem__",
                                  "__getattr__"])
def test_an_array_that_cannot_be_read_keeps_its_own_error_with_ours(hook, error):
    broken = raising(hook, error)
    for name, call in (("features", lambda: train(data=(broken, y))),
                       ("labels", lambda: train(data=(X, broken))),
                       ("order", lambda: train(data=(X, y), order=broken)),
                       ("X", lambda: MODEL.predict(broken))):
        with pytest.raises(DataError) as raised:
            call()
        said = str(raised.value)
        assert said.startswith(f"{name} cannot be read as an array, {type(error).__name__}: ")
        assert "give real numbers" in said
        # NumPy has words of its own for an __iter__ that raises a TypeError
        assert "told" in said or (hook, type(error)) == ("__iter__", TypeError)


@pytest.mark.parametrize("hook", ["__array__", "asnumpy", "__len__", "__iter__"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_what_is_no_fault_of_an_array_is_passed_on(hook, error):
    with pytest.raises(error):
        train(data=(raising(hook, error()), y))


@pytest.mark.parametrize("order", [
    [0.0, 1, 2, 3, 4, 5], [True] * 6, list("012345"), [0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 6],
    [-1, 1, 2, 3, 4, 5], [0, 0, 2, 3, 4, 5], [[0, 1, 2], [3, 4, 5]]], ids=str)
def test_an_order_that_is_not_each_row_once_by_its_number_is_refused(order):
    given = dict(data=(X, y), ctx="cpu", num_epochs=1, verbose=False)
    for notebook, shaped in (("straight_dope", order), ("d2l", [order])):
        with pytest.raises(ArgumentError, match="^order "):
            train(notebook, order=shaped, **given)


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf, -numpy.inf, 3.5e38, -1e39, 10**40, 1j,
                                   "1", None])
def test_true_parameters_that_float32_cannot_hold_are_refused(value):
    for name, w, b in (("w", [1, value], 0), ("b", [1], value)):
        with pytest.raises(ArgumentError, match=f"^{name} is .*; it must be finite real numbers"):
            d2l.synthetic_data(w, b, 1)


def test_the_other_arrays_keep_their_own_errors_too():
    broken, lazily = raising("__array__", KeyError("told")), raising("asnumpy", OSError("told"))
    for name, call in (("w", lambda: d2l.synthetic_data(broken, 0, 1)),
                       ("b", lambda: d2l.synthetic_data([1], lazily, 1)),
                       ("order", lambda: next(d2l.data_iter(1, X, y, order=broken)))):
        with pytest.raises(ArgumentError, match=f"{name} cannot be read .*told"):
            call()


# As much as there is: the first, in a process of its own, keeps the others from asking for more

@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and limits memory")
def test_no_batch_size_asks_for_more_memory_than_the_data(run_python, tmp_path):
    numpy.save(tmp_path / "X.npy", X)
    numpy.save(tmp_path / "y.npy", y)
    assert run_python("""
import itertools, resource
import numpy
from d2l_linreg import ArgumentError, d2l, straight_dope, train
from d2l_linreg.compat.mxnet import mx

X = numpy.random.RandomState(0).standard_normal((6, 2))
y = X @ [1, 2] + 3
GIVEN = dict(num_epochs=1, learning_rate=1e-9, verbose=False)
DEVICES = [("cpu", "compiled"), ("cpu", "autograd"), ("cpu", "native"),
           (["cpu(0)", "cpu(1)"], "compiled"), (["cpu(0)", "cpu(1)"], "autograd")]
DATA = [dict(data=(X, y)), dict(data="X.npy", labels="y.npy")]
for ctx, engine in DEVICES:  # so that all is loaded
    train(ctx=ctx, engine=engine, batch_size=2, **DATA[0], **GIVEN)
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))  # 256 MiB more
done = 0
for (ctx, engine), data, batch_size in itertools.product(DEVICES, DATA, (7, 2**31, 2**32 - 1)):
    result = train(ctx=ctx, engine=engine, batch_size=batch_size, **data, **GIVEN)
    done += result.batch_losses.shape == (1,)
    for notebook, size in (("straight_dope", batch_size), ("d2l", 2**62)):
        try:
            train(notebook, ctx=ctx, engine=engine, batch_size=size, **data, **GIVEN)
        except ArgumentError as error:
            done += "batch_size is" in str(error)
for batch_size in (7, 2**31, 2**32 - 1):
    (batch,) = d2l.data_iter(batch_size, X, y)
    done += len(batch[1]) == 6
    try:
        straight_dope.NDArrayIter(X, y, batch_size)
    except ArgumentError as error:
        done += "batch_size is" in str(error)
print(done)
""").splitlines()[-1] == str(5 * 2 * 3 * 3 + 3 * 2)


HUGE = [7, 61, 2**31, 2**32 - 1]


@pytest.mark.parametrize("batch_size", HUGE)
@pytest.mark.parametrize("ctx, engine", [
    ("cpu", "compiled"), ("cpu", "autograd"), ("cpu", "native"), (["cpu(0)", "cpu(1)"], "compiled"),
    (["cpu(0)", "cpu(1)", "cpu(2)", "cpu(3)", "cpu(4)", "cpu(5)", "cpu(6)"], "autograd")])
def test_a_batch_larger_than_the_data_is_one_step_divided_by_the_size_given(ctx, engine,
                                                                           batch_size):
    orders, order = shuffles("d2l", numpy.random.RandomState(0), 6, 3)
    rate = 0.05 * batch_size / 6  # so that a step is as long for each
    given = dict(data=(X, y), num_epochs=3, batch_size=batch_size, learning_rate=rate, order=order,
                 verbose=False)
    result = train(ctx=ctx, engine=engine, **given)
    w, b, losses = loop_in_float64("d2l", X.astype("f4"), y.astype("f4"), *initial("d2l", 2),
                                   orders, rate, batch_size)
    assert result.settings.batch_size == batch_size and len(result.batch_losses) == 3
    numpy.testing.assert_allclose(result.w, w, rtol=3e-6)
    numpy.testing.assert_allclose(result.b, b, rtol=3e-6)
    numpy.testing.assert_allclose(result.batch_losses, losses, rtol=1e-5)
    if ctx == "cpu":
        assert same(result, train(ctx=ctx, engine="autograd", **given))
