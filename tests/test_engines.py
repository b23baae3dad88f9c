"""The engines: "compiled" is "autograd" bit for bit, "scan" is the same descent in float64."""
import numpy
import pytest
from descent import initial, loop_in_float64, same, shuffles

from d2l_linreg import train


def data(num_examples, num_features, seed=0):
    rng = numpy.random.RandomState(seed)
    X = rng.standard_normal((num_examples, num_features))
    return X, X @ rng.uniform(-3, 3, num_features) + 4 + 0.01 * rng.standard_normal(num_examples)


@pytest.mark.parametrize("shuffle_seed", [None, 0, 1, 2])
def test_compiled_is_autograd_bit_for_bit_over_whole_runs(notebook, shuffle_seed):
    compiled, autograd = (
        train(notebook, ctx="cpu", shuffle_seed=shuffle_seed, engine=engine, verbose=False)
        for engine in ("compiled", "autograd"))
    assert same(compiled, autograd)


@pytest.mark.parametrize("num_features", [1, 2, 3, 5, 8, 17, 64, 200])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5, 7, 10, 16, 32, 64, 100, 128, 150])
def test_compiled_is_autograd_for_any_batch_and_width(notebook, num_features, batch_size):
    num_examples = 150 if batch_size % 2 else 157  # with and without a short last batch
    compiled, autograd = (
        train(notebook, data=data(num_examples, num_features), ctx="cpu", batch_size=batch_size,
              num_epochs=2, learning_rate=0.01 / num_features, engine=engine, verbose=False)
        for engine in ("compiled", "autograd"))
    assert same(compiled, autograd)


@pytest.mark.parametrize("num_features, batch_size", [(700, 100), (3, 1000)])
def test_compiled_takes_a_wide_batch_and_one_larger_than_the_data(num_features, batch_size):
    compiled, autograd = (
        train(data=data(250, num_features), ctx="cpu", batch_size=batch_size, num_epochs=2,
              learning_rate=0.0001, engine=engine, verbose=False)
        for engine in ("compiled", "autograd"))
    assert same(compiled, autograd)


@pytest.mark.parametrize("num_examples, num_features, batch_size, num_epochs", [
    (1000, 2, 10, 3), (10000, 2, 4, 2), (333, 1, 7, 2), (500, 9, 1, 2), (400, 32, 20, 3),
    (30000, 3, 2, 1)])
def test_scan_is_the_loop_in_float64(notebook, num_examples, num_features, batch_size, num_epochs):
    X, y = (array.astype("float32") for array in data(num_examples, num_features))
    orders, order = shuffles(notebook, numpy.random.RandomState(1), num_examples, num_epochs)
    result = train(notebook, data=(X, y), ctx="cpu", engine="scan", learning_rate=0.01,
                   num_epochs=num_epochs, batch_size=batch_size, order=order, verbose=False)
    w, b, losses = loop_in_float64(notebook, X, y, *initial(notebook, num_features), orders, 0.01,
                                   batch_size)
    numpy.testing.assert_allclose(result.w, w, rtol=1e-9)
    numpy.testing.assert_allclose(result.b, b, rtol=1e-9)
    # A loss far below the labels' size is a difference of numbers of that size.
    numpy.testing.assert_allclose(result.batch_losses, losses, rtol=1e-9, atol=1e-13)


def test_scan_agrees_with_the_notebook_to_its_rounding(notebook):
    scan, compiled = (train(notebook, ctx="cpu", engine=engine, verbose=False)
                      for engine in ("scan", "compiled"))
    assert scan.w.dtype == numpy.float64
    # What figures.rounding_bound derives for a difference of two float32 runs
    assert abs(scan.w - compiled.w).max() < (3.2e-6 if notebook == "d2l" else 1.3e-5)


def test_scan_refuses_many_features_before_any_work():
    with pytest.raises(ValueError, match="there are 33 features; it is for at most 32: use 'comp"):
        train(data=data(50, 33), engine="scan")


@pytest.mark.parametrize("num_features, batch_size", [(2, 10), (300, 7), (1000, 64)])
def test_fused_is_the_same_descent_to_rounding(notebook, num_features, batch_size):
    X, y = data(200, num_features)
    fused, autograd = (
        train(notebook, data=(X, y), ctx="cpu", batch_size=batch_size, num_epochs=3,
              learning_rate=0.3 / num_features, engine=engine, verbose=False)
        for engine in ("fused", "autograd"))
    # A sum of num_features float32 products, of terms up to a few units
    bound = 6e-8 * 10 * num_features ** 0.5
    assert abs(fused.w - autograd.w).max() < bound and abs(fused.b - autograd.b) < bound
    numpy.testing.assert_allclose(fused.batch_losses, autograd.batch_losses, rtol=1e-3, atol=1e-6)


def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="engine is 'turbo'; it must be one of 'compiled', 'auto"):
        train(engine="turbo")
