"""train() and its result."""
import math
import operator
import random
import re
import threading
from unittest.mock import patch

import matplotlib
import numpy
import pytest
from descent import initial, loop_in_float64, same, shuffles
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import d2l_linreg
from d2l_linreg import DataError, DivergenceError, TrainResult, published, train
from d2l_linreg.compat.mxnet import mx, numpy_semantics


def small(num_examples=60, num_features=3):
    rng = numpy.random.RandomState(5)
    X = rng.standard_normal((num_examples, num_features)).astype("float32")
    return X, (X @ numpy.arange(1, num_features + 1) + 0.5).astype("float32")


@pytest.mark.parametrize("notebook, batch_size", [
    ("d2l", 10), ("d2l", 7), ("d2l", 100), ("straight_dope", 4), ("straight_dope", 60)])
def test_training_is_gradient_descent_in_the_order_given(notebook, batch_size):
    X, y = small()
    orders, order = shuffles(notebook, numpy.random.RandomState(0), 60, 3)
    result = train(notebook, data=(X, y), ctx="cpu", num_epochs=3, batch_size=batch_size,
                   learning_rate=0.05, order=order, verbose=False)
    w, b, losses = loop_in_float64(notebook, X, y, *initial(notebook, 3), orders, 0.05, batch_size)
    # float32 keeps 6e-8 of a number; over some tens of steps a few times that
    numpy.testing.assert_allclose(result.w, w, rtol=3e-6)
    numpy.testing.assert_allclose(result.b, b, rtol=3e-6)
    numpy.testing.assert_allclose(result.batch_losses, losses, rtol=1e-4)


@pytest.fixture(scope="module")
def of_d2l():
    return train(ctx="cpu", verbose=False)


def test_a_result_says_how_it_came_about(of_d2l):
    assert of_d2l.notebook == "d2l"
    assert (of_d2l.settings.learning_rate, of_d2l.settings.num_epochs,
            of_d2l.settings.batch_size, of_d2l.settings.shuffle_seed) == (0.03, 3, 10, None)
    assert of_d2l.ctx == mx.cpu() and of_d2l.seconds > 0


def test_a_result_holds_parameters_and_their_errors_as_numpys_and_pythons_numbers(of_d2l):
    assert of_d2l.w.shape == (2,) and isinstance(of_d2l.w, numpy.ndarray)
    assert isinstance(of_d2l.b, float) and isinstance(of_d2l.b_error, float)
    numpy.testing.assert_allclose(of_d2l.w + of_d2l.w_error, [2, -3.4], rtol=1e-7)


def test_a_result_holds_the_losses_of_epochs_and_batches(of_d2l):
    assert [f"{loss:f}" for loss in of_d2l.epoch_losses] == ["0.040481", "0.000160", "0.000050"]
    assert of_d2l.batch_losses.shape == (300,)
    assert of_d2l.moving_losses is None


def test_a_result_holds_what_was_printed(of_d2l):
    assert str(of_d2l.transcript) == published.text("d2l", "training")


def test_a_result_cannot_be_changed(of_d2l):
    with pytest.raises(AttributeError):
        of_d2l.b = 0.0


def test_moving_losses_follow_from_the_batch_losses():
    result = train("straight_dope", ctx="cpu", shuffle_seed=4, verbose=False)
    average, at = 0.0, []
    for step, loss in enumerate(result.batch_losses.tolist()):
        average = 0.99 * average + 0.01 * loss
        if step % 500 == 499:
            at.append(average)
    assert result.moving_losses == tuple(at) and len(at) == 10


def test_same_arguments_same_bits_whatever_ran_before(notebook):
    first = train(notebook, data=small(), ctx="cpu", shuffle_seed=3, verbose=False)
    mx.random.seed(99)
    random.seed(1)
    numpy.random.seed(1)
    mx.nd.random.normal(shape=(7,)).wait_to_read()
    with numpy_semantics(True):
        assert same(first, train(notebook, data=small(), ctx="cpu", shuffle_seed=3, verbose=False))


def test_another_seed_is_another_run(notebook):
    first, other = (train(notebook, data=small(), ctx="cpu", shuffle_seed=seed, verbose=False)
                    for seed in (3, 4))
    assert not same(first, other)


def test_four_threads_at_once_train_as_one_after_the_other(engine):
    def run(k, results):
        results[k] = train(published.NOTEBOOKS[k % 2], data=small(), ctx="cpu", shuffle_seed=k,
                           engine=engine, verbose=False)

    alone, together = {}, {}
    for k in range(4):
        run(k, alone)
    threads = [threading.Thread(target=run, args=(k, together)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(alone[k], together[k]) for k in range(4))


def test_threads_print_as_numpy_does_by_default_and_leave_its_options(run_python):
    assert run_python("""
import threading, numpy
from d2l_linreg import published, train
numpy.set_printoptions(precision=3)
results = []
def run():
    results.append(train(ctx="cpu", verbose=False).transcript)
for _ in range(5):
    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(len(results), len(set(results)), numpy.get_printoptions()["precision"])
print(results[0].splitlines()[-1])
""").splitlines() == ["20 1 3", published.text("d2l", "training").splitlines()[-1]]


def test_1000_calls_grow_the_process_by_less_than_20_megabytes(run_python):
    grown = run_python("""
import psutil
from d2l_linreg import train
def call(times):
    for seed in range(times):
        train(ctx="cpu", num_epochs=1, shuffle_seed=seed, verbose=False)
    return psutil.Process().memory_info().rss
print(call(50), call(1000))
""")
    before, after = map(int, grown.split())
    assert after - before < 20e6


def test_inside_a_callers_autograd_record_nothing_is_different():
    outside = train(data=small(), ctx="cpu", verbose=False)
    with mx.autograd.record():
        assert same(outside, train(data=small(), ctx="cpu", engine="autograd", verbose=False))


def test_global_generators_are_left_alone(notebook):
    python, (_, words, *rest) = random.getstate(), numpy.random.get_state()
    train(notebook, data=small(), ctx="cpu", shuffle_seed=3, verbose=False)
    assert random.getstate() == python
    _, words_after, *rest_after = numpy.random.get_state()
    assert (words == words_after).all() and rest == rest_after


def test_mxnets_generator_goes_on_as_if_nothing_had_been_trained(notebook):
    def draw(between):
        mx.random.seed(7)
        between()
        return [mx.nd.random.normal(shape=(4,)).asnumpy().tolist(),
                mx.np.random.normal(size=(4,)).asnumpy().tolist()]

    assert draw(lambda: train(notebook, ctx="cpu", num_epochs=1, verbose=False)) == draw(
        lambda: None)


def test_by_default_a_notebooks_own_data_come_in_the_recovered_order(notebook):
    own = train(notebook, ctx="cpu", verbose=False)
    assert own.settings.shuffle_seed is None
    assert same(own, train(notebook, ctx="cpu", order=published.order(notebook), verbose=False))


@pytest.mark.parametrize("other", [dict(num_epochs=1), dict(data=small())], ids=["epochs", "data"])
def test_by_default_all_else_is_shuffled_by_seed_0(notebook, other):
    assert train(notebook, ctx="cpu", verbose=False, **other).settings.shuffle_seed == 0


def test_data_train_alike_in_whatever_arrays(notebook):
    X, y = small()
    results = [train(notebook, data=data, ctx="cpu", verbose=False) for data in (
        (X, y), (mx.np.array(X), mx.np.array(y)), (mx.nd.array(X), mx.nd.array(y)),
        (X.astype("float64"), y.reshape(-1, 1)), (numpy.asfortranarray(X), y.astype(">f4")),
        (X.tolist(), y.tolist()))]
    assert all(same(results[0], result) for result in results[1:])


def test_integers_train_as_floats_do(notebook):
    integers = train(notebook, data=([[1], [2], [3], [4]], [2, 4, 6, 8]), ctx="cpu", verbose=False)
    floats = train(notebook, data=([[1.], [2.], [3.], [4.]], [2., 4., 6., 8.]), ctx="cpu",
                   verbose=False)
    assert same(integers, floats)


def test_own_data_print_no_errors_of_an_unknown_truth(capsys):
    train(data=small(), ctx="cpu")
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["epoch"] * 3


def test_own_data_have_no_errors_of_an_unknown_truth(notebook):
    result = train(notebook, data=small(), ctx="cpu", verbose=False)
    assert result.w_error is None and result.b_error is None


@pytest.fixture(scope="module")
def model():
    """A result that has learnt the data nearly by heart."""
    return train(data=small(), ctx="cpu", num_epochs=60, verbose=False)


def test_predict_is_the_model(model):
    X, y = small()
    numpy.testing.assert_allclose(model.predict(X), y, atol=2e-3)


@st.composite
def results(draw):
    """A result of any shape, of numbers that say where they are from."""
    num_epochs, per_epoch = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    num_examples, num_features = draw(st.integers(2, 40)), draw(st.integers(1, 4))
    rng = numpy.random.RandomState(draw(st.integers(0, 99)))
    return TrainResult(
        notebook=draw(st.sampled_from(published.NOTEBOOKS)), settings=None, ctx=mx.cpu(),
        w=rng.standard_normal(num_features).astype("float32"), b=rng.standard_normal(),
        epoch_losses=tuple(1 + rng.random_sample(num_epochs)), moving_losses=None, w_error=None,
        b_error=None, seconds=1.0, transcript="",
        batch_losses=rng.random_sample(num_epochs * per_epoch).astype("float32"),
        features=rng.standard_normal((num_examples, num_features)).astype("float32"),
        labels=rng.standard_normal(num_examples).astype("float32"))


@settings(max_examples=25, deadline=None)
@given(results())
def test_predictions_are_the_sums_of_weights_by_features_and_b(result):
    assert result.predict(result.features) == pytest.approx([
        math.fsum(map(operator.mul, row, result.w.tolist())) + result.b
        for row in result.features.tolist()], abs=1e-5)


@settings(max_examples=25, deadline=None, phases=[Phase.generate])  # shrinking draws for minutes
@given(results(), st.integers(2, 50))
def test_plot_shows_each_loss_each_point_and_the_line_where_they_belong(result, most):
    with patch("d2l_linreg.training.result.POINTS", most):
        loss_axes, fit_axes = result.plot().axes
    steps, num_epochs = len(result.batch_losses), len(result.epoch_losses)
    drawn = {line.get_label(): line.get_xydata() for line in loss_axes.lines}
    assert drawn["of each batch"].tolist() == [
        [step + 1, loss] for step, loss in enumerate(result.batch_losses.tolist())]
    assert drawn["over all examples"].tolist() == [  # at the last step of its epoch
        [steps * (epoch + 1) / num_epochs, loss] for epoch, loss in enumerate(result.epoch_losses)]
    assert (loss_axes.get_xlabel(), loss_axes.get_ylabel(), loss_axes.get_title()) == (
        "steps", "loss", result.notebook)

    *others, last = result.w.tolist()
    every = next(every for every in range(1, 41) if len(result.labels[::every]) <= most)
    points = [[row[-1], label - math.fsum(map(operator.mul, row[:-1], others))]
              for row, label in zip(result.features.tolist(), result.labels.tolist(), strict=True)
              ][::every]
    (scatter,), (line,) = fit_axes.collections, fit_axes.lines
    numpy.testing.assert_allclose(scatter.get_offsets(), points, atol=1e-5)
    ends = min(x for x, _ in points), max(x for x, _ in points)
    numpy.testing.assert_allclose(
        line.get_xydata(), [[x, last * x + result.b] for x in ends], atol=1e-5)
    assert line.get_label() == f"{last:.4g} x + {result.b:.4g}"
    alone = not others
    assert (fit_axes.get_xlabel(), fit_axes.get_ylabel()) == (
        "feature" if alone else "last feature",
        "label" if alone else "label less the other features' part")


def test_predict_takes_lists_and_one_row(model):
    assert model.predict(small()[0][:1].tolist()).shape == (1,)


@pytest.mark.parametrize("rows, message", [
    (numpy.s_[:, :2], "X has 2 features, the model 3"), (0, r"X has shape \(3,\)")])
def test_predict_refuses_what_is_no_table_of_as_many_features(model, rows, message):
    with pytest.raises(DataError, match=message):
        model.predict(small()[0][rows])


@pytest.mark.parametrize("notebook, data", [("d2l", None), ("straight_dope", None),
                                            ("d2l", ([[1.], [2.]], [1., 2.]))])
def test_plot_is_a_figure_and_leaves_pyplot_alone(notebook, data, tmp_path):
    backend = matplotlib.rcParams._get_backend_or_none()
    figure = train(notebook, data=data, ctx="cpu", verbose=False).plot()
    figure.savefig(str(tmp_path / "plot.png"))
    loss_axes, fit_axes = figure.axes
    assert loss_axes.get_yscale() == "log"
    if data is None:  # the line over the data, as the notebooks' truth has it
        (line,) = fit_axes.lines
        (x0, x1), (y0, y1) = line.get_data()
        assert (y1 - y0) / (x1 - x0) == pytest.approx(-3.4, abs=2e-3)
    assert matplotlib.rcParams._get_backend_or_none() == backend


BAD_DATA = [
    (([1., 2.], [1., 2.]), r"features has shape \(2,\)"),
    (([[[1.]]], [1.]), r"features has shape \(1, 1, 1\)"),
    (([[1.], [2.]], [1.]), r"labels has shape \(1,\), but there are 2 rows"),
    (([[1.], [2.]], [[1., 2.]]), r"labels has shape \(1, 2\)"),
    ((numpy.zeros((0, 2)), []), r"features is empty, of shape \(0, 2\)"),
    ((numpy.zeros((3, 0)), [1, 2, 3]), r"features is empty, of shape \(3, 0\)"),
    (([[numpy.nan], [2.]], [1., 2.]), "features holds values that are NaN or infinite, 1 in all"),
    (([[1.], [2.]], [numpy.inf, 2.]), "labels holds values that are NaN or infinite, 1 in all"),
    (([[1e300], [2.]], [1., 2.]), r"features reaches 1e\+300, beyond float32"),
    (([["a"], ["b"]], [1., 2.]), "features holds <U1"),
    (([[1.], [2.]], ["1", "2"]), "labels holds <U1"),
    ((numpy.ma.array([[1.], [2.]], mask=[[0], [1]]), [1., 2.]), "features has masked values"),
    (([[1j], [2.]], [1., 2.]), "features holds complex128"),
    (([[1.], [2., 3.]], [1., 2.]), "features"),
    (([[None], [2.]], [1., 2.]), "features holds object"),
    (17, "data is a int"),
    (([[1.]],), "data is a tuple"),
]


@pytest.mark.parametrize("data, message", BAD_DATA)
def test_bad_data_is_refused(notebook, data, message):
    with pytest.raises(DataError, match=message):
        train(notebook, data=data)


@pytest.mark.parametrize("arguments, message", [
    (dict(notebook="d3l"), "notebook is 'd3l'; it must be one of 'd2l', 'straight_dope'"),
    (dict(notebook=["d2l"]), "notebook is"),
    (dict(batch_size=0), "batch_size is 0; it must be an integer from 1"),
    (dict(batch_size=-3), "batch_size is -3"),
    (dict(batch_size=2.0), "batch_size is 2.0"),
    (dict(batch_size=True), "batch_size is True"),
    (dict(batch_size=numpy.bool_(True)), "batch_size is "),
    (dict(learning_rate=10**400), "learning_rate is 1000"),
    (dict(learning_rate=5e-324), "learning_rate is 5e-324"),
    (dict(notebook=numpy.array(["d2l"])), "notebook is array"),
    (dict(order=[[1], [2, 3]]), "order"),
    (dict(order=numpy.ones((3, 1000), bool)), "order is of shape .* and type bool"),
    (dict(labels="y.npy"), "labels is 'y.npy'; it goes with data from a file"),
    (dict(data="nowhere.npy", labels="y.npy"), "cannot be read as an .npy file"),
    (dict(data="nowhere.npy"), "data is 'nowhere.npy'"),
    (dict(num_epochs=0), "num_epochs is 0"),
    (dict(num_epochs="3"), "num_epochs is '3'"),
    (dict(shuffle_seed=-1), "shuffle_seed is -1"),
    (dict(shuffle_seed=2**32), "shuffle_seed is 4294967296"),
    (dict(learning_rate=0), "learning_rate is 0; it must be a finite number above 0"),
    (dict(learning_rate=-0.1), "learning_rate is -0.1"),
    (dict(learning_rate=float("nan")), "learning_rate is nan"),
    (dict(learning_rate=float("inf")), "learning_rate is inf"),
    (dict(learning_rate="0.1"), "learning_rate is '0.1'"),
    (dict(notebook="straight_dope", batch_size=10001), "batch_size is 10001, but there are 10000"),
    (dict(order=[1, 2]), r"order is of shape \(2,\) .* must be integers of shape \(3, 1000\)"),
    (dict(order=numpy.zeros((3, 1000))), "hold each row from 0 to 999 once"),
    (dict(order=published.order("d2l"), shuffle_seed=1), "shuffle_seed and order are both given"),
    (dict(ctx="tpu"), 'ctx is \'tpu\'; it must be "auto"'),
    (dict(ctx=None), "ctx is None"),
    (dict(ctx="gpu(99)"), r'ctx is "gpu\(99\)", but this build of MXNet .* sees \d+ GPUs'),
    (dict(ctx="cpu(x)"), r"ctx is 'cpu\(x\)'"),
])
def test_bad_arguments_are_refused_before_any_work(arguments, message, capsys):
    mx.random.seed(7)
    undisturbed = mx.nd.random.normal(shape=(2,)).asnumpy().tolist()
    mx.random.seed(7)
    with pytest.raises(ValueError, match=message):
        train(**arguments)
    assert mx.nd.random.normal(shape=(2,)).asnumpy().tolist() == undisturbed
    assert capsys.readouterr().out == ""


def test_a_batch_larger_than_the_data_is_one_short_batch_for_d2l():
    X, y = small()
    result = train(data=(X, y), ctx="cpu", batch_size=100, num_epochs=2, verbose=False)
    assert len(result.batch_losses) == 2


def test_divergence_stops_and_says_at_which_batch(notebook, engine):
    with pytest.raises(DivergenceError, match=(
            r"at batch \d+ of epoch \d+, both counted from 0: learning_rate 100.0")):
        train(notebook, data=small(), ctx="cpu", batch_size=3, learning_rate=100, num_epochs=50,
              engine=engine, verbose=False)


@pytest.mark.parametrize("steps", [1, 7, 4000])
def test_the_batch_that_diverges_is_counted_from_its_epochs_beginning(
        notebook, engine, steps, monkeypatch):
    # On paper: all features are 1, so a step multiplies all residuals by 1 - 2 * 10, or for
    # straight_dope 1 - 4 * 10. From about -9 their square is beyond float32's 3.4e38 after
    # log(2e18) / log(19) = 14.3 such steps, or log(2e18) / log(39) = 11.5.
    found = []
    for at_once in (4000, steps):
        monkeypatch.setattr("d2l_linreg.training.orders.STEPS", at_once)
        with pytest.raises(DivergenceError) as raised:
            train(notebook, data=(numpy.ones((66, 1)), numpy.full(66, 9)), ctx="cpu", batch_size=3,
                  learning_rate=10, num_epochs=2, engine=engine, verbose=False)
        found.append(int(re.search(r"at batch (\d+) of epoch 0", str(raised.value)).group(1)))
    assert found[0] == found[1] and found[0] in {
        "d2l": range(14, 17), "straight_dope": range(11, 14)}[notebook]


@pytest.mark.parametrize("batch_size", [3, 10])
def test_moving_averages_are_due_by_the_batch_of_the_epoch(batch_size, monkeypatch):
    # Pieces of 7 batches, of which the last is cut: 500 batches are none of them
    monkeypatch.setattr("d2l_linreg.training.orders.STEPS", 7)
    X, y = small(1100 * batch_size)
    result = train("straight_dope", data=(X, y), ctx="cpu", batch_size=batch_size, verbose=False)
    average, lines = 0.0, []
    for step, loss in enumerate(result.batch_losses.tolist()):
        average = 0.99 * average + 0.01 * loss
        epoch, batch = divmod(step, 1100)
        if batch in (499, 999):
            lines.append(f"Epoch {epoch}, batch {batch}. Moving avg of loss: {average:.12g}")
    assert len(result.batch_losses) == 2200 and result.transcript.splitlines() == lines


def test_divergence_in_the_last_step_is_seen_after_the_epoch(notebook, engine):
    # One step, from parameters that are fine to ones that are not
    X, y = small()
    with pytest.raises(DivergenceError, match="after epoch 0"):
        train(notebook, data=(X * 1e9, y), ctx="cpu", batch_size=60, num_epochs=1,
              learning_rate=1e300, engine=engine, verbose=False)


def test_engines_diverge_at_the_same_batch(notebook, engine):
    def where(engine):
        with pytest.raises(DivergenceError) as raised:
            train(notebook, data=small(), ctx="cpu", batch_size=3, learning_rate=100,
                  num_epochs=50, engine=engine, verbose=False)
        return str(raised.value)

    assert where(engine) == where("autograd")


def test_the_package_has_its_names_and_lists_them():
    for name in ("train", "TrainResult", "reproduce", "try_gpu", "try_all_gpus", "ContextError",
                 "DataError", "DivergenceError", "__version__"):
        assert getattr(d2l_linreg, name) and name in dir(d2l_linreg)


def test_the_package_has_no_other_name():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        d2l_linreg.nothing
