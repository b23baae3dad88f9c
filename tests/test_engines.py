"""The engines: each is the descent on paper, and "compiled" is "autograd" bit for bit."""
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
    (1000, 2, 10, 3), (10000, 2, 4, 2), (333, 1, 7, 2), (500, 9, 1, 2), (400, 700, 40, 2)])
def test_every_engine_is_the_descent_on_paper(
        notebook, engine, num_examples, num_features, batch_size, num_epochs):
    X, y = (array.astype("float32") for array in data(num_examples, num_features))
    orders, order = shuffles(notebook, numpy.random.RandomState(1), num_examples, num_epochs)
    rate = 0.1 / (num_features + 8)
    result = train(notebook, data=(X, y), ctx="cpu", engine=engine, learning_rate=rate,
                   num_epochs=num_epochs, batch_size=batch_size, order=order, verbose=False)
    w, b, losses = loop_in_float64(notebook, X, y, *initial(notebook, num_features), orders, rate,
                                   batch_size)
    # Sums of num_features float32 products, of terms up to a few units
    bound = 6e-8 * 20 * num_features ** 0.5
    assert abs(result.w - w).max() < bound and abs(result.b - b) < bound
    numpy.testing.assert_allclose(result.batch_losses, losses, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["scan", "fused"])
def test_who_asks_for_an_engine_that_is_gone_is_told_what_to_use(name):
    with pytest.raises(ValueError, match=f"engine is '{name}', which is gone; 'native' is faster"):
        train(engine=name)


def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="engine is 'turbo'; it must be one of 'compiled', 'auto"):
        train(engine="turbo")
