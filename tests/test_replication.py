"""replicate(): many shuffles at once are the same runs as one by one."""
import numpy
import pytest

from d2l_linreg import published, replicate, reproduce, train

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


@pytest.mark.parametrize("run", range(3))
def test_moving_averages_are_those_of_scan(run):
    replicates = replicate("straight_dope", runs=1, seed=5 + run)
    scan = train("straight_dope", ctx="cpu", shuffle_seed=5 + run, engine="scan", verbose=False)
    numpy.testing.assert_allclose(replicates.moving_losses[0], scan.moving_losses, rtol=1e-9)


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
