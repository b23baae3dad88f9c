"""replicate(): many shuffles at once are the same runs as one by one."""
from dataclasses import replace

import numpy
import pytest
from descent import loop_in_float64

from d2l_linreg import published, replicate, reproduce, train
from d2l_linreg.reproduction.replication import descend
from d2l_linreg.settings import chosen
from d2l_linreg.training.examples import draw
from d2l_linreg.training.orders import epochs

# float64 against the notebook's float32: what figures.rounding_bound derives
BOUND = {"d2l": 3.2e-6, "straight_dope": 1.3e-5}


@pytest.fixture(scope="module")
def replicates(notebook):
    return replicate(notebook, runs=3, seed=5)


@pytest.mark.parametrize("run", range(3))
def test_each_run_is_train_with_its_seed(notebook, run, replicates):
    result = train(notebook, ctx="cpu", shuffle_seed=5 + run, verbose=False)
    assert abs(replicates.w_error[run] - result.w_error).max() < BOUND[notebook]
    assert abs(replicates.b_error[run] - result.b_error) < BOUND[notebook]
    numpy.testing.assert_allclose(replicates.epoch_losses[run], result.epoch_losses, rtol=1e-3)
    if notebook == "straight_dope":
        numpy.testing.assert_allclose(replicates.moving_losses[run], result.moving_losses,
                                      rtol=1.3e-3)


@pytest.mark.parametrize("run", range(2))
def test_each_run_is_the_descent_in_float64(notebook, own, run, replicates):
    (X, y), (w, b) = draw(own, 2)
    orders = [rows for [(_, rows)] in epochs(own, chosen(own.settings, shuffle_seed=5 + run), None,
                                             [len(y)])]
    given = own.settings.learning_rate, own.settings.batch_size
    w, b, losses = loop_in_float64(notebook, X, y, w[:, 0], b[0], orders, *given)
    numpy.testing.assert_allclose(replicates.w_error[run], own.vocabulary.TRUE_W - w, atol=1e-12)
    numpy.testing.assert_allclose(replicates.b_error[run], own.vocabulary.TRUE_B - b, atol=1e-12)
    squares = (X.astype("float64") @ w + b - y) ** 2
    numpy.testing.assert_allclose(replicates.epoch_losses[run, -1],
                                  own.loss_factor * squares.mean(), rtol=1e-9)
    if notebook == "straight_dope":
        averages = [0.0]
        for loss in losses:
            averages.append(0.99 * averages[-1] + 0.01 * loss)
        numpy.testing.assert_allclose(replicates.moving_losses[run], averages[500::500], rtol=1e-9)


@pytest.mark.parametrize("batch_size", [7, 4096])
def test_a_short_last_batch_is_the_notebook_s(notebook, own, batch_size):
    (X, y), (w, b) = draw(own, 2)
    X, y = X[:999], y[:999]  # neither divides it
    settings = replace(own.settings, batch_size=min(batch_size, 990))
    runs = descend(replace(own, settings=settings), X, y, w, b, runs=2, seed=1)
    orders = [rows for [(_, rows)] in epochs(own, chosen(settings, shuffle_seed=2), None, [999])]
    w, b, _ = loop_in_float64(notebook, X, y, w[:, 0], b[0], orders, settings.learning_rate,
                              settings.batch_size)
    numpy.testing.assert_allclose(runs.w_error[1], own.vocabulary.TRUE_W - w, atol=1e-12)


def test_figures_are_in_the_order_in_which_the_training_cell_prints_them(notebook):
    runs = replicate(notebook, runs=2, seed=3)
    names = published.document(notebook)["cells"][-1]["figures"]
    for run, figures in enumerate(runs.figures):
        values = {"error in w[0]": runs.w_error[run, 0], "error in w[1]": runs.w_error[run, 1],
                  "error in b": runs.b_error[run],
                  **{f"loss, epoch {i + 1}": loss for i, loss in enumerate(runs.epoch_losses[run])}}
        if notebook == "straight_dope":
            values = dict(zip(names, runs.moving_losses[run], strict=True))
        assert figures.tolist() == [values[name] for name in names]


def test_runs_in_pieces_are_the_same_numbers(notebook, monkeypatch):
    whole = replicate(notebook, runs=5, seed=5).figures
    monkeypatch.setattr("d2l_linreg.reproduction.replication.ROWS", 20000)  # two or twenty
    assert (replicate(notebook, runs=5, seed=5).figures == whole).all()


def test_runs_are_the_same_numbers_however_many_are_made_together(notebook):
    together, alone = replicate(notebook, runs=4, seed=0), replicate(notebook, runs=1, seed=3)
    assert (together.figures[3] == alone.figures[0]).all()


def test_no_two_runs_are_alike(replicates):
    assert len(numpy.unique(replicates.figures, axis=0)) == 3


@pytest.fixture(scope="module")
def trained():
    """The published training figures, each with its percentile among other shuffles."""
    return [f for f in reproduce(runs=1000).figures if f.percentile is not None]


def test_the_training_figures_are_held_against_other_shuffles(trained):
    assert [(f.notebook, f.figure) for f in trained] == [
        (name, figure) for name in published.NOTEBOOKS
        for figure in published.document(name)["cells"][-1]["figures"]]
    assert [f.notebook for f in trained] == ["d2l"] * 6 + ["straight_dope"] * 10


def test_the_training_figures_lie_among_those_of_other_shuffles(trained):
    assert all(0.5 < f.percentile < 99.5 for f in trained)


def test_moving_averages_lie_where_an_independent_simulation_has_them(trained):
    # Measured over 4,000 shuffles by an independent simulation in float32 for straight_dope.
    # With 1,000 runs a percentile near 40 has a standard error of 1.5.
    simulated = numpy.array([12, 4, 40, 5, 34, 13, 38, 41, 19, 44])
    percentiles = numpy.array([f.percentile for f in trained if f.notebook == "straight_dope"])
    assert (abs(percentiles - simulated) < 6).all()


@pytest.mark.parametrize("arguments, message", [
    (("d3l",), "notebook is 'd3l'"), (("d2l", 0), "runs is 0"), (("d2l", 2.5), "runs is 2.5")])
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        replicate(*arguments)
