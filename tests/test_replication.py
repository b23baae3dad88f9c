"""replicate(): many shuffles at once are the same runs as one by one."""
import numpy
import pytest

from d2l_linreg import published, replicate, reproduce, train


@pytest.mark.parametrize("notebook", ["d2l", "straight_dope"])
def test_each_run_is_train_with_its_seed(notebook):
    replicates = replicate(notebook, runs=3, seed=5)
    for run in range(3):
        result = train(notebook, ctx="cpu", shuffle_seed=5 + run, verbose=False)
        # float64 against the notebook's float32: what reproduction.rounding_bound derives
        bound = 3.2e-6 if notebook == "d2l" else 1.3e-5
        assert abs(replicates.w_error[run] - result.w_error).max() < bound
        assert abs(replicates.b_error[run] - result.b_error) < bound
        numpy.testing.assert_allclose(replicates.epoch_losses[run], result.epoch_losses, rtol=1e-3)
        if notebook == "straight_dope":
            numpy.testing.assert_allclose(replicates.moving_losses[run], result.moving_losses,
                                          rtol=1.3e-3)
            scan = train(notebook, ctx="cpu", shuffle_seed=5 + run, engine="scan", verbose=False)
            numpy.testing.assert_allclose(replicates.moving_losses[run], scan.moving_losses,
                                          rtol=1e-9)


@pytest.mark.parametrize("notebook", ["d2l", "straight_dope"])
def test_runs_are_the_same_numbers_however_many_are_made_together(notebook):
    together, alone = replicate(notebook, runs=4, seed=0), replicate(notebook, runs=1, seed=3)
    assert (together.figures[3] == alone.figures[0]).all()
    assert len(numpy.unique(together.figures, axis=0)) == 4


def test_published_training_figures_lie_among_those_of_other_shuffles():
    # Measured over 4,000 shuffles by an independent simulation in float32 for straight_dope:
    # 12, 4, 40, 5, 34, 13, 38, 41, 19, 44. With 1,000 runs a percentile near 40 has a standard
    # error of 1.5.
    figures = [f for f in reproduce(runs=1000).figures if f.percentile is not None]
    assert [f.notebook for f in figures] == ["d2l"] * 6 + ["straight_dope"] * 10
    simulated = numpy.array([12, 4, 40, 5, 34, 13, 38, 41, 19, 44])
    assert (abs(numpy.array([f.percentile for f in figures[6:]]) - simulated) < 6).all()
    assert all(0.5 < f.percentile < 99.5 for f in figures)
    document = published.document("d2l")["cells"][-1]
    assert [f.figure for f in figures[:6]] == document["figures"]


@pytest.mark.parametrize("arguments, message", [
    (("d3l",), "notebook is 'd3l'"), (("d2l", 0), "runs is 0"), (("d2l", 2.5), "runs is 2.5")])
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        replicate(*arguments)
