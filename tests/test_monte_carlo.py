"""The Monte Carlo test of the published transcripts: its arithmetic, its false alarms, its power.

How many of m transcripts that are nothing but other shuffles' are called unusual among n
replicates is beta-binomial: each one's rank among n + 1 is uniform, and all of them are held
against the same n.
"""
import json
from dataclasses import replace

import numpy
import pytest

from d2l_linreg import published, replicate, reproduce, settings, train
from d2l_linreg.reproduction import monte_carlo
from d2l_linreg.reproduction.figures import printed_figures


def test_percentiles_count_what_lies_below_and_half_of_ties_in_the_printed_digits():
    replicates = numpy.array([[0.104, 3e-4], [0.101, 5e-4], [0.096, 7e-4], [0.2, 9e-4]])
    # 0.10: the first three round to it, none is below; 8e-04: three below, none ties.
    assert monte_carlo.percentiles(["0.10", "8e-04"], replicates).tolist() == [37.5, 75]


def test_p_value_is_the_rank_of_the_mahalanobis_distance():
    rng = numpy.random.RandomState(0)
    mixing = rng.standard_normal((4, 4)) * [1, 1e-3, 1e2, 1]
    for _ in range(20):
        pooled = numpy.round(rng.standard_normal((201, 4)) @ mixing, 6)
        transcript = [f"{figure:.6f}" for figure in pooled[-1]]
        inverse = numpy.linalg.inv(numpy.cov(pooled, rowvar=False))
        centred = pooled - pooled.mean(axis=0)
        distances = numpy.einsum("ij,jk,ik->i", centred, inverse, centred)
        rank = (distances >= distances[-1] * (1 - 1e-9)).sum()
        assert monte_carlo.p_value(transcript, pooled[:-1]) == rank / 201


@pytest.mark.parametrize("p_value, verdict", [
    (None, "unusual"), (0.0, "unusual"), (0.001, "unusual"), (0.01, "unusual"),  # up to 0.01
    (0.011, "ordinary"), (1.0, "ordinary")])
def test_unusual_is_up_to_the_limit(p_value, verdict):
    assert monte_carlo.Joint("d2l", 1000, p_value).verdict == verdict


def test_p_value_of_the_farthest_is_one_in_all():
    replicates = numpy.random.RandomState(0).standard_normal((1000, 3))
    assert monte_carlo.p_value(["9.0", "0.0", "0.0"], replicates) == 1 / 1001


def test_p_value_among_replicates_that_diverge_is_0():
    replicates = numpy.random.RandomState(0).standard_normal((1000, 3))
    replicates[5, 1] = numpy.inf
    assert monte_carlo.p_value(["0.0", "0.0", "0.0"], replicates) == 0


def test_stated_rate_of_false_alarms():
    # p-values up to 0.01 among 1,001 are 1/1001 to 10/1001.
    assert monte_carlo.false_alarm_rate(1000) == 10 / 1001
    assert monte_carlo.false_alarm_rate(1999) == 20 / 2000


def test_false_alarms_among_1000_of_our_own_runs_are_as_many_as_stated(notebook):
    transcripts = [printed_figures(train(
        notebook, shuffle_seed=10**6 + run, engine="native", ctx="cpu", verbose=False).transcript)
        for run in range(1000)]
    replicates = replicate(notebook, 1000).figures
    p_values = numpy.array([monte_carlo.p_value(t, replicates) for t in transcripts])
    # Beta-binomial, of 1,000 at 10 in 1,001: mean 10, standard deviation 4.4; within 4 of them
    assert 0 < (p_values <= monte_carlo.ALPHA).sum() < 28
    # At 1 in 2: mean 500, standard deviation sqrt(1000 / 4 * 2001 / 1002) = 22
    assert abs((p_values <= 0.5).sum() - 500) < 4 * 22


@pytest.mark.parametrize("factor", [1.02, 0.98])
def test_a_learning_rate_off_by_two_percent_is_called_unusual(notebook, own, factor, monkeypatch):
    off = replace(own.settings, learning_rate=own.settings.learning_rate * factor)
    monkeypatch.setitem(settings.NOTEBOOKS, notebook, replace(own, settings=off))
    transcript = printed_figures(published.text(notebook, "training"))
    assert monte_carlo.p_value(transcript, replicate(notebook, 1000).figures) <= monte_carlo.ALPHA


def test_unusual_figures_fail_a_reproduction_whose_figures_are_all_identical(monkeypatch):
    # What d2l had printed of examples sorted by their labels: just as exact, but no shuffle's.
    labels = train(ctx="cpu", num_epochs=1, verbose=False).labels
    order = numpy.array([labels.argsort()] * 3)
    text = json.dumps(published.document("d2l")).replace(
        json.dumps(published.text("d2l", "training")),
        json.dumps(train(ctx="cpu", order=order, verbose=False).transcript))
    monkeypatch.setattr(published, "document", lambda notebook: json.loads(text))
    monkeypatch.setattr(published, "order", lambda notebook: order)
    faulty = reproduce("d2l")
    assert all(figure.verdict != "different" for figure in faulty.figures) and not faulty.ok
    (joint,) = faulty.joint
    assert joint.verdict == "unusual" and "1,000 other shuffles: p = 0.001, unusual." in str(faulty)


def test_published_figures_are_held_against_as_many_shuffles_as_are_asked_for():
    (found,) = reproduce("d2l", runs=1234).notebooks
    assert len(found.replicates.figures) == found.joint.runs == 1234
    assert found.joint.p_value == monte_carlo.p_value(
        printed_figures(published.text("d2l", "training")), replicate("d2l", 1234).figures)


def test_replicates_that_fail_fail_the_reproduction_with_the_reason(monkeypatch):
    def fail(seed):
        raise MemoryError("no room")

    monkeypatch.setattr(numpy.random, "RandomState", fail)  # with which replicates shuffle
    faulty = reproduce("d2l")
    assert not faulty.ok and len(faulty.figures) == 39
    assert "d2l: the replicates failed: MemoryError: no room" in str(faulty)
    assert '"reason": "MemoryError: no room"' in faulty.to_json()
